// The emulator's pages: the list of payments, and the page to pay one with a test card. They contain no scripts.

import { money } from "./amounts.ts";
import { testCards } from "./cards.ts";
import type { PaymentIntent, SetupIntent } from "./objects.ts";

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (value: string) => value.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? "");

const states: Partial<Record<PaymentIntent["status"], string>> = {
  succeeded: "Paid. The booking is confirmed once the webhook has been processed.",
  requires_capture: "Authorised. The card is charged when the host accepts the request.",
  canceled: "This payment was cancelled.",
  requires_action: "The bank asks the owner of the card to confirm this payment.",
};

export function payPage(intent: PaymentIntent, problem?: string): string {
  const state = states[intent.status];
  const booking = intent.metadata.booking_id;
  const cards = testCards
    .map(
      ({ number, label }) =>
        `<option value="${number.replaceAll(/(.{4})(?=.)/g, "$1 ")}">${escapeHtml(label)}</option>`,
    )
    .join("");
  const bank = intent.next_action?.redirect_to_url?.url;
  const next = bank ? `<p><a href="${escapeHtml(bank)}">Go to the bank</a></p>` : "";
  const failed =
    problem ?? (intent.status === "requires_payment_method" ? intent.last_payment_error?.message : undefined);
  const form = `<form method="post">
  <label>Card number <input name="card" inputmode="numeric" autocomplete="off" list="cards" value="4242 4242 4242 4242" required></label>
  <datalist id="cards">${cards}</datalist>
  <button>Pay ${escapeHtml(money(intent.amount, intent.currency))}</button>
  ${failed === undefined ? "" : `<p role="alert">${escapeHtml(failed)}</p>`}
  <p>Only Stripe's test cards are accepted: 4242 4242 4242 4242 succeeds, 4000 0000 0000 0002 is declined, 4000 0027 6000 3184 asks for
  3-D Secure.</p>
</form>`;
  return document(
    `Pay ${money(intent.amount, intent.currency)}`,
    `<h1>${escapeHtml(money(intent.amount, intent.currency))}</h1>
<p>${escapeHtml(intent.description ?? "A payment")}</p>
${booking === undefined ? "" : `<p>Booking <code>${escapeHtml(booking)}</code></p>`}
${state === undefined ? form : `<p role="status">${state}</p>${next}`}`,
  );
}

/** The page of the card's bank: 3-D Secure, which its owner passes or fails. */
export function authenticationPage(intent: PaymentIntent | SetupIntent): string {
  const what =
    intent.object === "payment_intent"
      ? `the payment of ${money(intent.amount, intent.currency)}`
      : "the card that is saved";
  const form = `<form method="post">
  <button name="result" value="pass">Confirm</button>
  <button name="result" value="fail">Fail</button>
</form>`;
  const asks = intent.status === "requires_action";
  const done = `<p role="status">This is ${escapeHtml(intent.status.replaceAll("_", " "))}.</p>`;
  return document(
    "3-D Secure",
    `<h1>3-D Secure</h1>
<p>Your bank asks you to confirm ${escapeHtml(what)}.</p>
${asks ? form : done}`,
  );
}

/** All payments, newest first, each with a link to its page. */
export function paymentsPage(intents: PaymentIntent[]): string {
  const items = intents.map(({ id, client_secret, amount, currency, description, status }) => {
    const text = `${money(amount, currency)}, ${status.replaceAll("_", " ")}`;
    return `<li><a href="/pay/${escapeHtml(id)}?secret=${escapeHtml(client_secret ?? "")}">${escapeHtml(text)}</a><br>${escapeHtml(description ?? "")}</li>`;
  });
  const none =
    "<p>No payments yet. The Edge Function <code>payments</code> starts the payment of a booking.</p>";
  return document("Payments", `<h1>Payments</h1>${items.length > 0 ? `<ul>${items.join("")}</ul>` : none}`);
}

export function messagePage(title: string, message: string): string {
  return document(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p>`);
}

function document(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }
  body { max-width: 26rem; margin: 3rem auto; padding: 0 1rem }
  label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit } input, button { padding: .6rem; margin: .3rem 0 1rem }
  [role=alert] { color: #c22 }
</style></head>
<body>
${body}
<p><small>Staybase's Stripe emulator. No real money moves.</small></p>
</body>
</html>
`;
}
