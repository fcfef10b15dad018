// Begins the payment of a booking. The database decides amount, currency and capture method; the client names only the booking, and
// optionally a saved card.

import { z } from "zod";
import { signedIn, type UserOf } from "../_shared/authenticate.ts";
import { apiError } from "../_shared/errors.ts";
import { readJson } from "../_shared/json-body.ts";
import type { Log } from "../_shared/log.ts";
import type { PaymentIntentRequest } from "../_shared/payment-intent.ts";
import { serve } from "../_shared/serve.ts";
import { bodySchema } from "./schema.ts";

/** The answer of `begin_payment`. Without a payment_id, there is nothing to pay. */
export const begunPaymentSchema = z.object({
  booking_status: z.string(),
  payment_id: z.uuid().optional(),
  /** In minor units. */
  amount: z.number(),
  /** In Stripe's units. */
  stripe_amount: z.number(),
  currency: z.string(),
  is_manual: z.boolean().optional(),
  payment_intent: z.string().nullish(),
  customer: z.string().nullish(),
  email: z.string().nullish(),
  payment_method: z.string().nullish(),
  description: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
export type BegunPayment = z.infer<typeof begunPaymentSchema>;

export interface Intent {
  id: string;
  status: string;
  client_secret: string | null;
}

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  userOf: UserOf;
  /** @throws `ApiError` when the database refuses */
  beginPayment(actor: string, bookingId: string, paymentMethodId: string | undefined): Promise<BegunPayment>;
  /** Creates the guest as a customer at Stripe, or returns the id of the existing customer. */
  createCustomer(actor: string, email: string | undefined): Promise<string>;
  createIntent(request: PaymentIntentRequest): Promise<Intent>;
  retrieveIntent(id: string): Promise<Intent>;
  /** Charges a saved card, or returns why it was declined. */
  confirmIntent(id: string, paymentMethod: string): Promise<Intent | { decline: string }>;
  attachIntent(paymentId: string, intentId: string): Promise<void>;
  /** Cancels a payment that Stripe refused, and withdraws the booking that it was to pay for. */
  refusePayment(paymentId: string, reason: string): Promise<void>;
  /** Stripe's reason when it refuses a request as invalid; undefined for any other error. */
  refusalOf(error: unknown): string | undefined;
  publishableKey: string;
  /** The emulator's page for the payment; undefined with Stripe itself. */
  payPage(intent: Intent): string | undefined;
  log: Log;
}

/**
 * `POST { booking_id, payment_method_id? }` answers `{ payment_id, status, amount, currency, client_secret, publishable_key,
 * pay_url }`, with the amount in minor units. Another call for the same booking returns the same PaymentIntent.
 *
 * Errors: `card_declined` for the saved card; `payment_refused` when Stripe cannot take the payment, and then the nights are free
 * again; `payments_unavailable`; 404 for a booking or card of another guest and 409 when
 * nothing is due, from the database.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { userOf, beginPayment, publishableKey, payPage, log } = dependencies;
  return serve({
    cors: true,
    authenticate: signedIn(userOf),
    unexpected: "payments_unavailable",
    log,
    async handle(request, actor) {
      const hint =
        "Send JSON: { booking_id, payment_method_id? }. The booking has the amount and the currency.";
      const { booking_id, payment_method_id } = await readJson(request, bodySchema, hint);
      const begun = await beginPayment(actor.id, booking_id, payment_method_id);
      const { payment_id, amount, currency } = begun;
      if (payment_id === undefined) {
        return Response.json({ payment_id: null, status: "not_needed", amount, currency });
      }
      const opened = await openIntent(actor.id, booking_id, { ...begun, payment_id }).catch((error) =>
        refuse(payment_id, error),
      );
      log(`payment ${payment_id} of booking ${booking_id}: ${opened.id}`, "info");
      const intent = await chargeSavedCard(opened, begun.payment_method);
      return Response.json({
        payment_id,
        status: intent.status,
        amount,
        currency,
        client_secret: intent.client_secret,
        publishable_key: publishableKey,
        pay_url: payPage(intent) ?? null,
      });
    },
  });

  /** Ends a payment that Stripe will never take; any other error may pass, and the guest can try again. */
  async function refuse(paymentId: string, error: unknown): Promise<never> {
    const reason = dependencies.refusalOf(error);
    if (reason === undefined) throw error;
    await dependencies.refusePayment(paymentId, reason);
    throw apiError("payment_refused", { message: reason });
  }

  /** Charges the saved card that the guest chose, if the intent still waits for a card. */
  async function chargeSavedCard(intent: Intent, method: string | null | undefined): Promise<Intent> {
    const isOpen = intent.status === "requires_payment_method" || intent.status === "requires_confirmation";
    if (typeof method !== "string" || !isOpen) return intent;
    const charged = await dependencies.confirmIntent(intent.id, method);
    if ("decline" in charged) throw apiError("card_declined", { message: charged.decline });
    return charged;
  }

  /** Each step can be repeated after a crash: the database row and the idempotency keys lead to the same objects at Stripe. */
  async function openIntent(
    actor: string,
    bookingId: string,
    begun: BegunPayment & { payment_id: string },
  ): Promise<Intent> {
    if (typeof begun.payment_intent === "string") return dependencies.retrieveIntent(begun.payment_intent);
    const customer = begun.customer ?? (await dependencies.createCustomer(actor, begun.email ?? undefined));
    const intent = await dependencies.createIntent({
      paymentId: begun.payment_id,
      bookingId,
      metadata: begun.metadata ?? {},
      amount: begun.stripe_amount,
      currency: begun.currency,
      isManual: begun.is_manual === true,
      customer,
      description: begun.description ?? "",
    });
    await dependencies.attachIntent(begun.payment_id, intent.id);
    return intent;
  }
}
