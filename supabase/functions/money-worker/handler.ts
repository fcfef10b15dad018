// Performs the tasks of private.stripe_tasks: applies events, charges, captures, cancels, refunds, transfers, reverses transfers, deletes customers,
// searches the lists of Stripe for orphans and gives them back. After each change it saves the state of the object at Stripe in the database, so the order and repetition of tasks do not matter.

import { z } from "zod";
import { describeError } from "../_shared/describe-error.ts";
import { createInternalFunction, type Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";
import { forRequest } from "../_shared/trace.ts";
import {
  type ChargeTask,
  chargeTaskSchema,
  customerTaskSchema,
  detachTaskSchema,
  type EventTask,
  eventSchema,
  intentTaskSchema,
  type OrphanTask,
  orphanTaskSchema,
  type RefundTask,
  type ReversalRequest,
  refundTaskSchema,
  type SweepTask,
  sweepTaskSchema,
  syncTaskSchema,
  type Task,
  type TransferRequest,
} from "./tasks.ts";

/** Each reads an object from Stripe, saves its state in the database, and returns the outcome. */
export interface Syncs {
  paymentIntent(id: string): Promise<string>;
  refund(id: string): Promise<string>;
  transfer(id: string): Promise<string>;
  dispute(id: string): Promise<string>;
  fraudWarning(id: string): Promise<string>;
  /** Reads all refunds and disputes of a payment. */
  returns(paymentIntent: string): Promise<void>;
  account(id: string): Promise<string>;
}

/** The queue in the database; queue.ts implements it. */
export interface TaskQueue {
  takeTasks(): Promise<Task[]>;
  /** False when another worker holds the lease by now. */
  finishTask(task: Task, outcome: string): Promise<boolean>;
  failTask(task: Task, error: string, isFinal: boolean): Promise<void>;
}

/** Objects of a list of Stripe, newest first. */
export interface StripePage {
  objects: object[];
  hasMore: boolean;
}

/** Changes at Stripe, and their preparation in the database; services.ts implements them. */
export interface MoneyServices {
  /** Creates the PaymentIntent of a payment at Stripe, or returns the id of the existing one. */
  createIntent(charge: ChargeTask): Promise<string>;
  /** Charges a saved card without the guest. */
  charge(paymentIntent: string, paymentMethod: string, key: string): Promise<void>;
  failCharge(paymentId: string, error: string): Promise<void>;
  detach(paymentMethod: string): Promise<void>;
  deleteCustomer(customer: string): Promise<void>;
  capture(paymentIntent: string): Promise<void>;
  cancel(paymentIntent: string): Promise<void>;
  /** Creates the refund at Stripe, or returns the id of the existing one. */
  createRefund(refund: RefundTask): Promise<string>;
  failRefund(refundId: string, error: string): Promise<void>;
  beginTransfer(payoutId: string): Promise<TransferRequest>;
  /** Creates the transfer at Stripe, or returns the id of the existing one. */
  createTransfer(payoutId: string, request: TransferRequest): Promise<string>;
  failTransfer(payoutId: string, error: string): Promise<void>;
  beginReversal(reversalId: string): Promise<ReversalRequest>;
  createReversal(
    reversalId: string,
    transfer: string,
    amount: number,
    requestId: string | null | undefined,
  ): Promise<void>;
  failReversal(reversalId: string): Promise<void>;
  /** The PaymentIntent of a refund. */
  paymentOfRefund(refund: string): Promise<string | null>;
  listPage(task: SweepTask): Promise<StripePage>;
  savePage(task: SweepTask, page: StripePage): Promise<string>;
  /** Refunds or releases an orphan payment, reverses an orphan transfer; once for each idempotency key. */
  returnOrphan(orphan: OrphanTask): Promise<void>;
  failOrphan(orphanId: string, error: string): Promise<void>;
}

/** What a task has made at Stripe before; made-before.ts implements it. */
export interface MadeBefore {
  intent(charge: ChargeTask): Promise<{ id: string; status: string } | undefined>;
  refund(refund: RefundTask): Promise<string | undefined>;
  transfer(payoutId: string, bookingId: string): Promise<string | undefined>;
  hasReversal(reversalId: string, transfer: string): Promise<boolean>;
}

/** What the worker needs; index.ts provides it. */
export interface Dependencies extends TaskQueue, MoneyServices {
  internal: Internal;
  sync: Syncs;
  madeBefore: MadeBefore;
  /** Whether Stripe will give the same answer every time. */
  isFinal(error: unknown): boolean;
  /** The reason of a failed charge, for the guest to read. */
  reasonOf(error: unknown): string;
  log: Log;
}

/** Works until no task is due, and answers the numbers of finished and failed tasks. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { internal, takeTasks, finishTask, failTask, sync, madeBefore, isFinal, reasonOf, log } =
    dependencies;

  return createInternalFunction({
    internal,
    log,
    async work(run) {
      let done = 0;
      let failed = 0;
      do {
        for (
          let tasks = await takeTasks();
          tasks.length > 0;
          tasks = run.mayContinue() ? await takeTasks() : []
        ) {
          const outcomes = await Promise.all(
            tasks.map((task) => forRequest(task.request_id, () => attempt(task))),
          );
          done += outcomes.filter((isDone) => isDone).length;
          failed += outcomes.filter((isDone) => !isDone).length;
        }
      } while (await run.again());
      return { done, failed };
    },
  });

  async function attempt(task: Task): Promise<boolean> {
    try {
      const outcome = await perform(task);
      if (await finishTask(task, outcome)) log(`task ${task.task_id} (${task.kind}): ${outcome}`, "info");
      else log(`task ${task.task_id}: taken by another worker meanwhile`);
      return true;
    } catch (error) {
      const reason = describeError(error);
      log(`task ${task.task_id} (${task.kind}, attempt ${task.attempt}): ${reason}`);
      // A task that cannot succeed later is left to an operator.
      await failTask(task, reason, error instanceof z.ZodError || isFinal(error)).catch(() => undefined);
      return false;
    }
  }

  function perform(task: Task): Promise<string> {
    switch (task.kind) {
      case "event":
        return applyEvent(eventSchema.parse(task.message));
      case "charge":
        return charge(chargeTaskSchema.parse(task.message), task);
      case "capture":
        return change(intentTaskSchema.parse(task.message).payment_intent, dependencies.capture);
      case "cancel":
        return change(intentTaskSchema.parse(task.message).payment_intent, dependencies.cancel);
      case "refund":
        return refund(refundTaskSchema.parse(task.message), task.is_old);
      case "transfer":
        return transfer(task.subject, task.is_old);
      case "reversal":
        return reverse(task);
      case "detach":
        return detach(detachTaskSchema.parse(task.message).payment_method);
      case "delete_customer":
        return deleteCustomer(customerTaskSchema.parse(task.message).customer);
      case "sync":
        return readAgain(syncTaskSchema.parse(task.message).id);
      case "sweep":
        return sweep(sweepTaskSchema.parse(task.message));
      case "orphan":
        return giveBack(orphanTaskSchema.parse(task.message));
      default:
        throw new Error(`unknown kind of task: ${task.kind}`);
    }
  }

  /** An event only names the object to read from Stripe; its content is not used. */
  async function applyEvent({ type, object }: EventTask): Promise<string> {
    const id = object.id ?? "";
    if (type.startsWith("payment_intent.")) return applyIntent(id);
    if (type.startsWith("refund.") || type === "charge.refund.updated") {
      // The event of a refund can arrive before the event of its payment.
      if (typeof object.payment_intent === "string") await sync.paymentIntent(object.payment_intent);
      return sync.refund(id);
    }
    if (type.startsWith("charge.dispute.")) {
      if (typeof object.payment_intent === "string") await sync.paymentIntent(object.payment_intent);
      return sync.dispute(id);
    }
    if (type.startsWith("radar.early_fraud_warning.")) return sync.fraudWarning(id);
    if (type.startsWith("transfer.")) return sync.transfer(id);
    if (type === "account.updated") return sync.account(id);
    return "ignored: nothing depends on it";
  }

  /** When Stripe refuses the change, it was made before or is no longer possible. The database gets the actual state. */
  async function change(intent: string, make: (intent: string) => Promise<void>): Promise<string> {
    await make(intent).catch(ignoreFinal);
    return sync.paymentIntent(intent);
  }

  /** Charges the saved card. After a decline, the database decides about the next attempt. */
  async function charge(task: ChargeTask, { subject, is_old }: Task): Promise<string> {
    const { payment_id, status, payment_method } = task;
    if (status !== "requires_payment") return `ignored: ${status}`;
    if (payment_method === null) {
      await dependencies.failCharge(payment_id, "The card was removed.");
      return "failed: the card was removed";
    }
    let intent = task.payment_intent;
    try {
      if (intent === null && is_old) {
        const before = await madeBefore.intent(task);
        if (before?.status === "succeeded") return sync.paymentIntent(before.id);
        intent = before?.id ?? null;
      }
      intent ??= await dependencies.createIntent(task);
      await dependencies.charge(intent, payment_method, `charge:${subject}`);
    } catch (error) {
      if (!isFinal(error)) throw error;
      await dependencies.failCharge(payment_id, reasonOf(error));
      if (intent === null) return `failed: ${describeError(error)}`;
    }
    return sync.paymentIntent(intent);
  }

  /** Removes a saved card. A card that Stripe does not have counts as removed. */
  async function detach(paymentMethod: string): Promise<string> {
    await dependencies.detach(paymentMethod).catch(ignoreFinal);
    return "applied";
  }

  /** Erases a guest at Stripe. A customer that Stripe does not have counts as deleted. */
  async function deleteCustomer(customer: string): Promise<string> {
    await dependencies.deleteCustomer(customer).catch(ignoreFinal);
    return "applied";
  }

  /** Stripe refuses a refund of money that went back in another way or is disputed, so the database hears of that first. */
  async function refund(task: RefundTask, isOld: boolean): Promise<string> {
    if (task.status !== "pending") return `ignored: ${task.status}`;
    let id: string;
    try {
      id = (isOld && (await madeBefore.refund(task))) || (await dependencies.createRefund(task));
    } catch (error) {
      if (!isFinal(error)) throw error;
      await sync.returns(task.payment_intent);
      await dependencies.failRefund(task.refund_id, describeError(error));
      return `failed: ${describeError(error)}`;
    }
    return sync.refund(id);
  }

  async function transfer(payoutId: string, isOld: boolean): Promise<string> {
    const request = await dependencies.beginTransfer(payoutId);
    if (request.status !== "pending") return `ignored: ${request.status}`;
    let id: string;
    try {
      const before = isOld ? await madeBefore.transfer(payoutId, request.booking_id ?? "") : undefined;
      id = before ?? (await dependencies.createTransfer(payoutId, request));
    } catch (error) {
      if (!isFinal(error)) throw error;
      await dependencies.failTransfer(payoutId, describeError(error));
      return `failed: ${describeError(error)}`;
    }
    return sync.transfer(id);
  }

  async function reverse({ subject: reversalId, is_old: isOld, request_id }: Task): Promise<string> {
    const { status, transfer, amount } = await dependencies.beginReversal(reversalId);
    if (status !== "pending" || typeof transfer !== "string") return `ignored: ${status}`;
    try {
      const isMade = isOld && (await madeBefore.hasReversal(reversalId, transfer));
      if (!isMade) await dependencies.createReversal(reversalId, transfer, amount, request_id);
    } catch (error) {
      if (!isFinal(error)) throw error;
      await dependencies.failReversal(reversalId);
      return `failed: ${describeError(error)}`;
    }
    return sync.transfer(transfer);
  }

  /** An orphan may have gone back before it was found. */
  async function applyIntent(id: string): Promise<string> {
    const outcome = await sync.paymentIntent(id);
    if (outcome === "orphan") await sync.returns(id);
    return outcome;
  }

  /** Reads an object whose row is missing or older. */
  async function readAgain(id: string): Promise<string> {
    if (id.startsWith("pi_")) return applyIntent(id);
    if (id.startsWith("tr_")) return sync.transfer(id);
    const intent = await dependencies.paymentOfRefund(id);
    if (intent !== null) await sync.paymentIntent(intent);
    return sync.refund(id);
  }

  async function sweep(task: SweepTask): Promise<string> {
    return dependencies.savePage(task, await dependencies.listPage(task));
  }

  /** When Stripe refuses, the money may have gone back in another way, so the database hears of that first. */
  async function giveBack(orphan: OrphanTask): Promise<string> {
    if (orphan.status !== "refunding") return `ignored: ${orphan.status}`;
    let refusal: string | undefined;
    try {
      await dependencies.returnOrphan(orphan);
    } catch (error) {
      if (!isFinal(error)) throw error;
      refusal = describeError(error);
    }
    if (orphan.kind === "transfer") await sync.transfer(orphan.stripe_id);
    else await applyIntent(orphan.stripe_id);
    if (refusal === undefined) return "applied";
    await dependencies.failOrphan(orphan.orphan_id, refusal);
    return `failed: ${refusal}`;
  }

  function ignoreFinal(error: unknown): void {
    if (!isFinal(error)) throw error;
  }
}
