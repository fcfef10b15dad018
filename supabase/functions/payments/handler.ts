// Begins the payment of a booking. Amount, currency and way of capture are the booking's; a client names the booking and nothing
// else, and what else it sends is refused.

import { z } from "npm:zod@4.6.7";
import { answer, headers, notSignedIn, type Refusal, refuse, stripeUnavailable } from "../_shared/http.ts";
import type { IntentWish } from "../_shared/payment-intent.ts";
import { bodySchema } from "./schema.ts";

/** What the database says of a payment; payment_id is absent when there is nothing to pay any more. */
export const begunSchema = z.object({
  booking_status: z.string(),
  payment_id: z.uuid().optional(),
  amount: z.number(),
  currency: z.string(),
  is_manual: z.boolean().optional(),
  payment_intent: z.string().nullish(),
  customer: z.string().nullish(),
  email: z.string().nullish(),
  payment_method: z.string().nullish(),
  description: z.string().optional(),
});
export type Begun = z.infer<typeof begunSchema>;

export interface Intent {
  id: string;
  status: string;
  client_secret: string | null;
}

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  /** The id of the user whose access token this is; undefined when it is nobody's. */
  userOf(authorization: string): Promise<string | undefined>;
  beginPayment(
    actor: string,
    bookingId: string,
    paymentMethodId: string | undefined,
  ): Promise<Begun | { refusal: Refusal }>;
  /** Makes the guest known to Stripe, once, and answers who they are there. */
  createCustomer(actor: string, email: string | undefined): Promise<string>;
  createIntent(wish: IntentWish): Promise<Intent>;
  retrieveIntent(id: string): Promise<Intent>;
  /** Charges a kept card, or says why it was declined. */
  confirmIntent(id: string, paymentMethod: string): Promise<Intent | { decline: string }>;
  attachIntent(paymentId: string, intentId: string): Promise<void>;
  publishableKey: string;
  /** Where the emulator lets a person pay; undefined with Stripe itself. */
  payPage(intent: Intent): string | undefined;
  log(message: string): void;
}

/**
 * `POST { booking_id, payment_method_id? }` answers 200 with `{ payment_id, status, amount (minor units), currency, client_secret, publishable_key,
 * pay_url }`: Stripe.js confirms the client secret; `pay_url` is a page to try it on, null with a real key. The same booking
 * again gives the same PaymentIntent. With a payment_method_id that card of the guest's is charged at once: 402 when it declines.
 * 404 for another's booking or card, 409 when nothing is due, 502 when Stripe cannot be had.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers });
    if (request.method !== "POST")
      return refuse({ status: 405, code: "method_not_allowed", message: "Use POST." });
    const actor = await dependencies.userOf(request.headers.get("authorization") ?? "");
    if (actor === undefined) return refuse(notSignedIn);
    const body = bodySchema.safeParse(await request.json().catch(() => undefined));
    if (!body.success) {
      const message = z.prettifyError(body.error);
      return refuse({
        status: 400,
        code: "bad_request",
        message,
        hint: "Send JSON: { booking_id, payment_method_id? }. Amount and currency are the booking's.",
      });
    }
    const begun = await dependencies.beginPayment(actor, body.data.booking_id, body.data.payment_method_id);
    if ("refusal" in begun) return refuse(begun.refusal);
    const { payment_id, amount, currency } = begun;
    if (payment_id === undefined) return answer({ payment_id: null, status: "not_needed", amount, currency });
    try {
      const intent = await chargedOf(
        await intentOf(actor, body.data.booking_id, { ...begun, payment_id }),
        begun.payment_method,
      );
      if ("decline" in intent) {
        return refuse({
          status: 402,
          code: "card_declined",
          message: intent.decline,
          hint: "Try another card.",
        });
      }
      return answer({
        payment_id,
        status: intent.status,
        amount,
        currency,
        client_secret: intent.client_secret,
        publishable_key: dependencies.publishableKey,
        pay_url: dependencies.payPage(intent) ?? null,
      });
    } catch (error) {
      dependencies.log(`payment ${payment_id}: ${error instanceof Error ? error.message : "failed"}`);
      return refuse(stripeUnavailable);
    }
  };

  /** The intent after the card that the guest named was charged, when it still needs one. */
  async function chargedOf(
    intent: Intent,
    method: string | null | undefined,
  ): Promise<Intent | { decline: string }> {
    const isOpen = intent.status === "requires_payment_method" || intent.status === "requires_confirmation";
    return typeof method === "string" && isOpen ? dependencies.confirmIntent(intent.id, method) : intent;
  }

  /** Each step may be the last one of a process that is killed: the next call finds what was made, by row and by key. */
  async function intentOf(
    actor: string,
    bookingId: string,
    begun: Begun & { payment_id: string },
  ): Promise<Intent> {
    if (typeof begun.payment_intent === "string") return dependencies.retrieveIntent(begun.payment_intent);
    const customer = begun.customer ?? (await dependencies.createCustomer(actor, begun.email ?? undefined));
    const intent = await dependencies.createIntent({
      paymentId: begun.payment_id,
      bookingId,
      amount: begun.amount,
      currency: begun.currency,
      isManual: begun.is_manual === true,
      customer,
      description: begun.description ?? "",
    });
    await dependencies.attachIntent(begun.payment_id, intent.id);
    return intent;
  }
}
