// The emulator's pages: the list of payments, and the page to pay one with a test card. They contain no scripts.

import { testCards } from "./cards.ts";
import type { PaymentIntent } from "./objects.ts";

const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (value: string) => value.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? "");

/** Formats an amount of minor units, such as €100.00. */
export function money(amount: number, currency: string): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const states: Partial<Record<PaymentIntent["status"], string>> = {
  succeeded: "Paid. The booking is confirmed once the webhook has been processed.",
  requires_capture: "Authorised. The card is charged when the host accepts the request.",
  canceled: "This payment was cancelled.",
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
  const form = `<form method="post">
  <label>Card number <input name="card" inputmode="numeric" autocomplete="off" list="cards" value="4242 4242 4242 4242" required></label>
  <datalist id="cards">${cards}</datalist>
  <button>Pay ${escapeHtml(money(intent.amount, intent.currency))}</button>
  ${problem === undefined ? "" : `<p role="alert">${escapeHtml(problem)}</p>`}
  <p>Only Stripe's test cards are accepted: 4242 4242 4242 4242 succeeds, 4000 0000 0000 0002 is declined.</p>
</form>`;
  return document(
    `Pay ${money(intent.amount, intent.currency)}`,
    `<h1>${escapeHtml(money(intent.amount, intent.currency))}</h1>
<p>${escapeHtml(intent.description ?? "A payment")}</p>
${booking === undefined ? "" : `<p>Booking <code>${escapeHtml(booking)}</code></p>`}
${state === undefined ? form : `<p role="status">${state}</p>`}`,
  );
}

/** All payments, newest first, each with a link to its page. */
export function paymentsPage(intents: PaymentIntent[]): string {
  const items = intents.map(({ id, client_secret, amount, currency, description, status }) => {
    const text = `${money(amount, currency)}, ${status.replaceAll("_", " ")}`;
    return `<li><a href="/pay/${id}?secret=${client_secret}">${escapeHtml(text)}</a><br>${escapeHtml(description ?? "")}</li>`;
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
