// Does what private.stripe_tasks asks for: applies events, charges, captures, cancels, refunds, transfers, takes back. Whatever it does is
// told to the database as the state of the object at Stripe, so doing it twice, or in another order, does no harm.

import { z } from "npm:zod@4.6.7";

export const taskSchema = z.object({
  task_id: z.number(),
  lease: z.uuid(),
  kind: z.string(),
  subject: z.string(),
  attempt: z.number(),
  message: z.unknown(),
});
export type Task = z.infer<typeof taskSchema>;

const eventSchema = z.object({
  type: z.string(),
  object: z.looseObject({ id: z.string().optional(), payment_intent: z.string().nullish() }),
});
const intentTaskSchema = z.object({ payment_intent: z.string() });
const refundTaskSchema = z.object({
  refund_id: z.uuid(),
  payment_intent: z.string(),
  amount: z.number().int().positive(),
  booking_id: z.uuid(),
});
const chargeTaskSchema = z.object({
  payment_id: z.uuid(),
  status: z.string(),
  payment_intent: z.string().nullable(),
  booking_id: z.uuid(),
  amount: z.number().int().positive(),
  currency: z.string(),
  customer: z.string(),
  payment_method: z.string().nullable(),
  description: z.string(),
});
export type ChargeTask = z.infer<typeof chargeTaskSchema> & { payment_method: string };
const detachTaskSchema = z.object({ payment_method: z.string() });
export type RefundTask = z.infer<typeof refundTaskSchema>;

/** Objects of Stripe that the database takes over, each read afresh and told to it; the answer is what came of it. */
export interface Syncs {
  paymentIntent(id: string): Promise<string>;
  refund(id: string): Promise<string>;
  transfer(id: string): Promise<string>;
  dispute(id: string): Promise<string>;
  account(id: string): Promise<string>;
}

/** What the worker needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  takeTasks(): Promise<Task[]>;
  /** False when the lease has gone to another worker. */
  finishTask(task: Task, outcome: string): Promise<boolean>;
  failTask(task: Task, error: string, isFinal: boolean): Promise<void>;
  sync: Syncs;
  /** Makes the PaymentIntent of a payment at Stripe, or finds it, and answers its id. */
  intentOf(charge: ChargeTask): Promise<string>;
  /** Charges a kept card while the guest is away. */
  charge(paymentIntent: string, paymentMethod: string, key: string): Promise<void>;
  failCharge(paymentId: string, error: string): Promise<void>;
  detach(paymentMethod: string): Promise<void>;
  capture(paymentIntent: string): Promise<void>;
  cancel(paymentIntent: string): Promise<void>;
  /** Makes the refund at Stripe, or finds the one that was made for this row, and answers its id. */
  createRefund(refund: RefundTask): Promise<string>;
  failRefund(refundId: string, error: string): Promise<void>;
  transfer(payoutId: string): Promise<string>;
  reverse(reversalId: string): Promise<string>;
  /** Whether Stripe will say the same for ever. */
  isFinal(error: unknown): boolean;
  describe(error: unknown): string;
  /** Why a charge failed, for the guest to read. */
  reasonOf(error: unknown): string;
  log(message: string): void;
}

/** Works until nothing is due and answers how many tasks were done and how many failed. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "POST") {
      return Response.json({ code: "method_not_allowed", message: "Use POST." }, { status: 405 });
    }
    let done = 0;
    let failed = 0;
    for (;;) {
      const tasks = await dependencies.takeTasks();
      if (tasks.length === 0) return Response.json({ done, failed });
      const outcomes = await Promise.all(tasks.map(attempt));
      done += outcomes.filter((ok) => ok).length;
      failed += outcomes.filter((ok) => !ok).length;
    }
  };

  async function attempt(task: Task): Promise<boolean> {
    try {
      const outcome = await perform(task);
      if (!(await dependencies.finishTask(task, outcome))) {
        dependencies.log(`task ${task.task_id}: another worker has it by now`);
      }
      return true;
    } catch (error) {
      const reason = dependencies.describe(error);
      dependencies.log(`task ${task.task_id} (${task.kind}, attempt ${task.attempt}): ${reason}`);
      // what cannot become better by waiting is laid aside at once, for somebody to look at
      const isFinal = error instanceof z.ZodError || dependencies.isFinal(error);
      await dependencies.failTask(task, reason, isFinal).catch(() => undefined);
      return false;
    }
  }

  function perform(task: Task): Promise<string> {
    switch (task.kind) {
      case "event":
        return applyEvent(eventSchema.parse(task.message));
      case "charge":
        return charge(chargeTaskSchema.parse(task.message), task.subject);
      case "capture":
        return change(intentTaskSchema.parse(task.message).payment_intent, dependencies.capture);
      case "cancel":
        return change(intentTaskSchema.parse(task.message).payment_intent, dependencies.cancel);
      case "refund":
        return refund(refundTaskSchema.parse(task.message));
      case "transfer":
        return dependencies.transfer(task.subject);
      case "reversal":
        return dependencies.reverse(task.subject);
      case "detach":
        return detach(detachTaskSchema.parse(task.message).payment_method);
      default:
        throw new Error(`no such kind of task: ${task.kind}`);
    }
  }

  /** What an event says is not used but for what it is about. */
  async function applyEvent({ type, object }: z.infer<typeof eventSchema>): Promise<string> {
    const { sync } = dependencies;
    const id = object.id ?? "";
    if (type.startsWith("payment_intent.")) return sync.paymentIntent(id);
    if (type.startsWith("refund.") || type === "charge.refund.updated") {
      // a refund may be heard of before its payment
      if (typeof object.payment_intent === "string") await sync.paymentIntent(object.payment_intent);
      return sync.refund(id);
    }
    if (type.startsWith("charge.dispute.")) {
      if (typeof object.payment_intent === "string") await sync.paymentIntent(object.payment_intent);
      return sync.dispute(id);
    }
    if (type.startsWith("transfer.")) return sync.transfer(id);
    if (type === "account.updated") return sync.account(id);
    return "ignored: nothing depends on it";
  }

  /** A change that Stripe refuses for good was made before, or something else was: what counts is what the intent is now. */
  async function change(intent: string, make: (intent: string) => Promise<void>): Promise<string> {
    await make(intent).catch((error: unknown) => {
      if (!dependencies.isFinal(error)) throw error;
    });
    return dependencies.sync.paymentIntent(intent);
  }

  /** What the bank refuses is the guest's to pay; when it is tried again says the database. */
  async function charge(task: z.infer<typeof chargeTaskSchema>, subject: string): Promise<string> {
    const { payment_id, status, payment_method } = task;
    if (status !== "requires_payment") return `ignored: ${status}`;
    if (payment_method === null) {
      await dependencies.failCharge(payment_id, "The card was removed.");
      return "failed: the card was removed";
    }
    const intent = await dependencies.intentOf({ ...task, payment_method });
    try {
      await dependencies.charge(intent, payment_method, `charge:${subject}`);
    } catch (error) {
      if (!dependencies.isFinal(error)) throw error;
      await dependencies.failCharge(payment_id, dependencies.reasonOf(error));
    }
    return dependencies.sync.paymentIntent(intent);
  }

  /** A card that Stripe does not know any more is what was asked for. */
  async function detach(paymentMethod: string): Promise<string> {
    await dependencies.detach(paymentMethod).catch((error: unknown) => {
      if (!dependencies.isFinal(error)) throw error;
    });
    return "applied";
  }

  async function refund(task: RefundTask): Promise<string> {
    let id: string;
    try {
      id = await dependencies.createRefund(task);
    } catch (error) {
      if (!dependencies.isFinal(error)) throw error;
      await dependencies.failRefund(task.refund_id, dependencies.describe(error));
      return `failed: ${dependencies.describe(error)}`;
    }
    return dependencies.sync.refund(id);
  }
}
