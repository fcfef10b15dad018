import assert from "node:assert/strict";
import { internalOf, serviceCall } from "../_shared/internal-fixture.ts";
import type { Job } from "../_shared/worker.ts";
import { createHandler, type Envelope } from "./handler.ts";
import { type MailRequest, writeMail } from "./mail.ts";
import { templates } from "./templates.ts";

const stay = {
  title: "House <by> the river",
  city: "Lisboa",
  nights_from: "2027-05-02",
  nights_until: "2027-05-03",
  check_in: "2027-06-01",
  check_out: "2027-06-04",
  nights: 3,
  guests: 2,
  guest_total: 36000,
  new_guest_total: 48000,
  amount: 30420,
  currency: "EUR",
  guest_name: "Ben",
  host_name: "Ana",
  sender_name: "Ben",
  preview: "Is there a lift?",
  thread_id: "t1",
  booking_id: "b1",
  invitation_id: "i1",
  level: "full",
  new_check_in: "2027-06-02",
  new_check_out: "2027-06-06",
  expires_at: "2027-05-01T10:30:00Z",
  review_until: "2027-06-18T10:00:00Z",
  time_zone: "Europe/Lisbon",
  actor: "guest",
  reason: "Plans changed",
  items: [
    {
      kind: "booking_declined",
      title: "House",
      check_in: "2027-06-01",
      check_out: "2027-06-04",
      nights: 3,
      guests: 2,
    },
  ],
};
const request = (kind: string, data: Record<string, unknown> = {}): MailRequest => ({
  to: "ben@example.com",
  name: "Ben",
  kind,
  message_id: "n1",
  data: { ...stay, you_are: "guest", ...data },
  unsubscribe_token: "p.bookings.abc",
  app_url: "https://app.example",
  public_api_url: "https://api.example",
});

function setUp(requests: (MailRequest | null)[], fail?: unknown) {
  const waiting: Job[] = requests.map((mail, index) => ({ job_id: index, attempt: 1, message: mail }));
  const sent: Envelope[] = [];
  const noted: unknown[] = [];
  const bounced: string[] = [];
  const failed: string[] = [];
  const handle = createHandler({
    internal: internalOf(),
    queue: {
      take: async () => waiting.splice(0),
      finish: async () => true,
      fail: async (_, error) => void failed.push(error),
    },
    mailToSend: async (message) => message as MailRequest | null,
    send: async (envelope) => {
      if (fail !== undefined) throw fail;
      sent.push(envelope);
    },
    mailSent: async (_, ids) => void noted.push(ids),
    addressBounced: async (email, reason) => void bounced.push(`${email}: ${reason}`),
    from: "Staybase <noreply@staybase.example>",
    log: () => {},
  });
  return {
    run: () => handle(serviceCall()),
    sent,
    noted,
    bounced,
    failed,
  };
}

Deno.test("sends an e-mail with Message-ID and unsubscribe headers", async () => {
  const { run, sent, noted } = setUp([request("booking_confirmed")]);
  await run();
  assert.equal(sent[0]?.subject, "Confirmed: your stay at House <by> the river");
  assert.equal(sent[0]?.messageId, "<n1@staybase.example>");
  assert.deepEqual(sent[0]?.headers, {
    "Auto-Submitted": "auto-generated",
    "List-Unsubscribe": "<https://api.example/functions/v1/unsubscribe?token=p.bookings.abc>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
  });
  assert.deepEqual(noted, [[]]);
});

Deno.test("sends nothing when there is nothing left to send", async () => {
  const { run, sent, noted } = setUp([null]);
  assert.deepEqual(await (await run()).json(), { done: 1, failed: 0 });
  assert.deepEqual([sent, noted], [[], []]);
});

Deno.test("records an address that does not exist, and does not retry", async () => {
  const { run, bounced, failed } = setUp([request("booking_confirmed")], {
    code: "EENVELOPE",
    responseCode: 550,
    command: "RCPT TO",
  });
  await run();
  assert.deepEqual([bounced, failed], [["ben@example.com: refused with 550"], []]);
});

Deno.test("does not record the address when the server rejects the sender", async () => {
  const { run, bounced, failed } = setUp([request("booking_confirmed")], {
    code: "EENVELOPE",
    responseCode: 550,
    response: "550 5.7.1 <ben@example.com>: relaying denied",
    command: "RCPT TO",
  });
  await run();
  assert.deepEqual([bounced, failed], [[], ["the mail server: 550"]]);
});

Deno.test("retries when the server is busy, without the address in the error", async () => {
  const { run, bounced, failed } = setUp([request("booking_confirmed")], {
    responseCode: 451,
    message: "451 ben@example.com: try again",
  });
  await run();
  assert.deepEqual([bounced, failed], [[], ["the mail server: 451"]]);
});

Deno.test("every kind has a subject and a complete text", () => {
  for (const kind of Object.keys(templates)) {
    for (const you_are of ["guest", "host"]) {
      const mail = writeMail(request(kind, { you_are }));
      assert.doesNotMatch(`${mail.subject}${mail.text}${mail.html}`, /undefined|null|NaN|Invalid/, kind);
      assert.match(mail.subject, /\w{3}/);
    }
  }
});

Deno.test("texts of users are escaped in the HTML", () => {
  const { html } = writeMail(request("booking_declined", { reason: '<img src="x" onerror="alert(1)">' }));
  assert.doesNotMatch(html, /<img/);
  assert.match(html, /House &lt;by&gt; the river/);
});

Deno.test("no kind of mail shows a name or text of a person as HTML", () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;
  const texts = Object.fromEntries(
    [
      "title",
      "city",
      "guest_name",
      "host_name",
      "sender_name",
      "preview",
      "reason",
      "comment",
      "city_name",
      "display_name",
      "error",
    ].map((name) => [name, hostile]),
  );
  for (const kind of Object.keys(templates)) {
    for (const you_are of ["guest", "host"]) {
      const { html } = writeMail({ ...request(kind, { ...texts, you_are }), name: hostile });
      assert.doesNotMatch(html, /<script|<img|onerror='/, kind);
      assert.match(html, /&lt;script&gt;/, kind);
    }
  }
});

Deno.test("amounts use the minor unit of their currency, times use the time zone of the property", () => {
  assert.match(writeMail(request("booking_accepted")).text, /Pay €360\.00 by 1 May 2027 at 11:30/);
  assert.match(
    writeMail(request("booking_accepted", { currency: "JPY", minor_unit: 0 })).text,
    /Pay ¥36,000 by/,
  );
  assert.match(
    writeMail(request("booking_accepted", { currency: "KWD", minor_unit: 3 })).text,
    /Pay KWD\s36\.000 by/,
  );
  assert.match(
    writeMail(request("booking_accepted", { currency: "HUF", minor_unit: 2 })).text,
    /Pay HUF\s360\.00 by/,
  );
});

Deno.test("partial payments, failed charges and refunds have texts of their own", () => {
  const text = (kind: string, data: Record<string, unknown>) => writeMail(request(kind, data)).text;
  assert.match(text("booking_confirmed", {}), /You paid €360\.00\./);
  assert.match(
    text("booking_confirmed", { nights: 60 }),
    /You pay €360\.00 in parts: the first 30 nights now/,
  );
  assert.match(
    text("payment_failed", { amount: 1_200, expires_at: null }),
    /€12\.00 .*\n\nTry again, or with another card\./,
  );
  assert.match(
    text("refund_sent", { amount: 1_200, refund_reason: "late_payment" }),
    /arrived after the booking had ended/,
  );
  assert.doesNotMatch(text("refund_sent", { amount: 1_200, refund_reason: "cancellation" }), /had ended/);
  assert.match(text("refund_sent", { amount: 1_200, note: "A flood" }), /Reason: “A flood”/);
  assert.match(
    text("refund_charged", { amount: 1_200 }),
    /got €12\.00 back, and support decided that you bear it/,
  );
  assert.match(
    text("money_requested", { amount: 1_200, request_reason: "A late check-out" }),
    /They wrote: “A late check-out”\n\nYou are charged only if you accept/,
  );
  assert.match(
    text("money_request_answered", { amount: 1_200, answer: "accepted" }),
    /It is paid out with the booking/,
  );
  assert.match(text("money_request_answered", { amount: 1_200, answer: "declined" }), /Nothing is charged/);
});

Deno.test("dates and amounts are English, for a reader in Portugal and a property in Lisbon too", () => {
  const dates = { check_in: "2026-12-04", check_out: "2026-12-06", nights: 2 };
  const accepted = request("booking_accepted", { ...dates, expires_at: "2026-06-30T23:30:00Z" });
  const { text, html } = writeMail({ ...accepted, locale: "pt-PT" } as MailRequest);
  for (const words of [
    "Friday 4 December 2026 to Sunday 6 December 2026, 2 nights, 2 guests",
    "Pay €360.00 by 1 July 2026 at 00:30 to confirm your booking.",
  ]) {
    assert.ok(text.includes(words), text);
    assert.ok(html.includes(words), html);
  }
});
