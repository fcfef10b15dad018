// A stay from the first question to published reviews. Every step checks what guest, host, co-hosts of each level, a stranger,
// an operator and a visitor see, which notifications they get, and every mail.

// @module-tag embedded

import { afterAll, beforeAll, expect, it } from "vitest";
import { book, untilStatus } from "../support/bookings.ts";
import { anonymous, type Client, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { mailAbout, mailbox } from "../support/mails.ts";
import { sendMessage, startThread } from "../support/messages.ts";
import { beginPayment, cards, onboardHost, payOnPage, releasePayouts } from "../support/money.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { createBookable, exactAddress } from "../support/properties.ts";
import { letDaysPass, runPeriodicWork, until } from "../support/time.ts";
import { notificationKinds, visibleTo } from "../support/views.ts";

const sql = database();
const mails = mailbox();
let host: Person;
let guest: Person;
let calendarCoHost: Person;
let messagesCoHost: Person;
let fullCoHost: Person;
let stranger: Person;
let operator: Person;
let property: string;
let thread: string;
/** The id of the booking, once it is made. */
let stay: string | undefined;

beforeAll(async () => {
  [host, guest, calendarCoHost, messagesCoHost, fullCoHost, stranger, operator] = await Promise.all([
    signUp("Ana"),
    signUp("Ben"),
    signUp("Cal"),
    signUp("Mia"),
    signUp("Fay"),
    signUp("Eva"),
    signUpOperator(),
  ]);
  property = await createBookable(host, { booking_mode: "request" });
  await onboardHost(host);
});
afterAll(() => sql.end());

const everyone = (): Record<string, Client> => ({
  guest: guest.client,
  host: host.client,
  calendar: calendarCoHost.client,
  messages: messagesCoHost.client,
  full: fullCoHost.client,
  stranger: stranger.client,
  operator: operator.client,
  anonymous: anonymous(),
});
/** What each person sees now. */
async function views(): Promise<Record<string, string[]>> {
  const entries = Object.entries(everyone()).map(async ([name, client]) => [
    name,
    await visibleTo(client, property, stay),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}
const seenBefore: Record<string, number> = {};
/** The kinds of each person's notifications since the last call, without people who got none. */
async function newNotifications(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, client] of Object.entries(everyone())) {
    const kinds = await notificationKinds(client);
    const fresh = kinds.slice(seenBefore[name] ?? 0).sort();
    if (fresh.length > 0) found[name] = fresh;
    seenBefore[name] = kinds.length;
  }
  return found;
}

const address = exactAddress.line1;
const othersSeeNothing = { stranger: [], anonymous: [] };

it("co-hosts of each level are invited by mail and accept", async () => {
  for (const [person, level, words] of [
    [calendarCoHost, "calendar", "You would see and edit its calendar."],
    [messagesCoHost, "calendar_and_messages", "You would edit its calendar and answer its guests."],
    [fullCoHost, "full", "You would manage everything except payouts and taxes."],
  ] as const) {
    await host.client
      .from("co_host_invitations")
      .insert({ property_id: property, email: person.email, level })
      .throwOnError();
    const mail = await mails.read(person, "Ana invites you to help host House by the river", words);
    const invitation = /invitations\/([0-9a-f-]{36})/.exec(mail.Text)?.[1] ?? "";
    await person.client.rpc("accept_co_host_invitation", { p_invitation_id: invitation }).throwOnError();
  }
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: [],
    host: [address],
    calendar: [address],
    messages: [address],
    full: [address],
    operator: [address],
  });
  expect(await newNotifications()).toEqual({});
});

it("a question reaches everyone who answers guests, at once or in a digest, without the guest's phone number", async () => {
  await fullCoHost.client
    .from("notification_preferences")
    .insert({ topic: "messages", mail: "digest" })
    .throwOnError();
  thread = await startThread(guest, property);
  await sendMessage(guest, thread, "Is there a lift? Call +351 912 345 678");
  for (const person of [host, messagesCoHost]) {
    await mails.read(
      person,
      "Ben wrote to you: House by the river",
      "Is there a lift? Call [hidden]",
      `/messages/${thread}`,
    );
  }
  await sql`select private.queue_digests()`;
  await runPeriodicWork(sql);
  const digest = await mails.read(fullCoHost, "Ben wrote to you: House by the river", "/notifications");
  expect(digest.Text).toContain("• Ben wrote to you: House by the river");
  const oneMessage = ["1 messages", address];
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: ["1 messages"],
    host: oneMessage,
    calendar: [address],
    messages: oneMessage,
    full: oneMessage,
    operator: [address],
  });
  expect(await newNotifications()).toEqual({
    host: ["message_received"],
    messages: ["message_received"],
    full: ["message_received"],
  });
});

it("the answer reaches the guest", async () => {
  await sendMessage(messagesCoHost, thread, "Yes, there is.");
  await mails.read(guest, "Mia wrote to you: House by the river", "Yes, there is.");
  expect(await newNotifications()).toEqual({ guest: ["message_received"] });
});

it("a booking request notifies the host and the co-hosts who may accept it", async () => {
  stay = (await book(guest, property, 30, 3)).id;
  for (const person of [host, messagesCoHost, fullCoHost]) {
    await mails.read(
      person,
      "Ben would like to stay at House by the river",
      "3 nights, 1 guest",
      "Please answer by",
      "Accept or decline",
    );
  }
  const requested = ["3 messages", "booking requested", address];
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: ["3 messages", "booking requested"],
    host: requested,
    calendar: ["booking requested", address],
    messages: requested,
    full: requested,
    operator: ["booking requested", address],
  });
  expect(await newNotifications()).toEqual({
    host: ["booking_requested"],
    messages: ["booking_requested"],
    full: ["booking_requested"],
  });
});

it("a declined card notifies the guest, who pays with another", async () => {
  const begun = await beginPayment(guest, stay ?? "");
  expect((await payOnPage(begun, cards.declined)).status).toBe(402);
  await mails.read(
    guest,
    "Payment failed: House by the river",
    "€360.00 could not be charged. Your card was declined.",
    "Try again, or with another card, by",
  );
  expect(await newNotifications()).toEqual({ guest: ["payment_failed"] });
  expect((await payOnPage(begun)).status).toBe(200);
  await until(async () => {
    const { data } = await guest.client.from("payments").select("status").throwOnError();
    return data[0]?.status === "authorized";
  }, "the authorisation");
  expect(await views()).toMatchObject({
    guest: ["3 messages", "booking requested", "payment authorized"],
    host: ["3 messages", "booking requested", address],
    operator: ["booking requested", address, "payment authorized"],
  });
  expect(await newNotifications()).toEqual({});
});

it("the host accepts, which confirms the booking and opens contacts to the two sides only", async () => {
  await host.client.rpc("accept_booking", { p_booking_id: stay ?? "" }).throwOnError();
  await untilStatus(guest, stay ?? "", "confirmed");
  const toGuest = await mails.read(
    guest,
    "Confirmed: your stay at House by the river",
    "You paid €360.00.",
    "48 hours before check-in",
  );
  expect(toGuest.Text).not.toContain(address);
  for (const person of [host, messagesCoHost, fullCoHost]) {
    await mails.read(
      person,
      "Confirmed: Ben stays at House by the river",
      "You can now see each other's phone number and e-mail address.",
    );
  }
  const confirmed = ["5 messages", "booking confirmed", address, "contact of Ben"];
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: ["5 messages", "booking confirmed", address, "contact of Ana", "payment captured"],
    host: confirmed,
    calendar: ["booking confirmed", address],
    messages: confirmed,
    full: confirmed,
    operator: ["booking confirmed", address, "contact of Ana", "contact of Ben", "payment captured"],
  });
  expect(await newNotifications()).toEqual({
    guest: ["booking_confirmed"],
    host: ["booking_confirmed"],
    messages: ["booking_confirmed"],
    full: ["booking_confirmed"],
  });
  const signedOut = await anonymous().from("notifications").select("id");
  expect([signedOut.status, errorCodes(signedOut.error)]).toEqual([401, ["not_signed_in"]]);
});

it("unread notifications are counted and marked as read", async () => {
  expect((await host.client.rpc("unread_notification_count").throwOnError()).data).toBe(3);
  expect((await host.client.rpc("mark_notifications_read").throwOnError()).data).toBe(3);
  expect((await host.client.rpc("unread_notification_count").throwOnError()).data).toBe(0);
  expect((await stranger.client.rpc("unread_notification_count").throwOnError()).data).toBe(0);
});

it("the address is sent 48 hours before check-in, once, and to the guest only", async () => {
  await letDaysPass(sql, stay ?? "", 26);
  await runPeriodicWork(sql);
  expect(await newNotifications()).toEqual({});
  // One day before check-in, at any hour of the day.
  await letDaysPass(sql, stay ?? "", 3);
  await runPeriodicWork(sql);
  await runPeriodicWork(sql);
  await mails.read(
    guest,
    "Your arrival at House by the river",
    "Address: Rua Secreta 77, 1100-048, Lisboa, PT",
    "Check-in from 15:00, check-out until 11:00, local time.",
  );
  expect(await newNotifications()).toEqual({ guest: ["check_in_details"] });
});

it("the host is paid a day after check-in, and only the host is notified", async () => {
  await letDaysPass(sql, stay ?? "", 3);
  await releasePayouts(sql);
  const { data } = await host.client
    .from("bookings")
    .select("host_total")
    .eq("id", stay ?? "")
    .single()
    .throwOnError();
  const share = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" }).format(
    Number(data.host_total) / 100,
  );
  await mails.read(host, `Payout sent: ${share}`, "For House by the river");
  expect(await newNotifications()).toEqual({ host: ["payout_sent"] });
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: ["5 messages", "booking confirmed", address, "contact of Ana", "payment captured"],
    host: ["5 messages", "booking confirmed", address, "contact of Ben", "payout paid"],
    calendar: ["booking confirmed", address],
    messages: ["5 messages", "booking confirmed", address, "contact of Ben"],
    full: ["5 messages", "booking confirmed", address, "contact of Ben"],
    operator: [
      "booking confirmed",
      address,
      "contact of Ana",
      "contact of Ben",
      "payment captured",
      "payout paid",
    ],
  });
});

const stars = {
  overall: 4,
  accuracy: 5,
  cleanliness: 4,
  check_in: 5,
  communication: 5,
  location: 3,
  value: 4,
};

it("after check-out both sides are asked for a review, and contacts are closed", async () => {
  expect(
    (await guest.client.from("reviews").insert({ booking_id: stay ?? "", ...stars })).error?.message,
  ).toBe("A stay can be reviewed after check-out.");
  await letDaysPass(sql, stay ?? "", 2);
  await runPeriodicWork(sql);
  await mails.read(
    guest,
    "How was your stay at House by the river?",
    "Both reviews are published when both of you have written one, or when the time is over.",
  );
  await mails.read(host, "How was Ben?", "Write your review by");
  expect(await newNotifications()).toEqual({ guest: ["review_due"], host: ["review_due"] });
  const completed = ["6 messages", "booking completed", address];
  expect(await views()).toEqual({
    ...othersSeeNothing,
    guest: ["6 messages", "booking completed", "payment captured"],
    host: [...completed, "payout paid"],
    calendar: ["booking completed", address],
    messages: completed,
    full: completed,
    operator: ["booking completed", address, "payment captured", "payout paid"],
  });
});

it("only its author can see the first review, in lists, counts, averages, estimates and notifications", async () => {
  const before = await views();
  const { data: review } = await guest.client
    .from("reviews")
    .insert({ booking_id: stay ?? "", ...stars, comment: "Quiet." })
    .select()
    .single()
    .throwOnError();
  await guest.client
    .from("review_notes")
    .insert({ review_id: review.id, note: "The tap drips." })
    .throwOnError();
  await guest.client
    .from("reviews")
    .update({ comment: "Quiet and clean." })
    .eq("id", review.id)
    .throwOnError();
  await runPeriodicWork(sql);
  expect(await views()).toEqual({
    ...before,
    guest: [...(before.guest ?? []), "review by guest", 'note "The tap drips."'],
  });
  for (const [name, client] of Object.entries(everyone())) {
    if (name === "guest") continue;
    const estimate = (booking: string) =>
      client.from("reviews").select("id", { count: "planned", head: true }).eq("booking_id", booking);
    expect((await estimate(stay ?? "")).count).toBe((await estimate(crypto.randomUUID())).count);
    const { count } = await client
      .from("reviews")
      .select("id", { count: "exact", head: true })
      .eq("property_id", property);
    expect(count).toBe(0);
  }
  expect((await service().from("property_ratings").select().eq("property_id", property)).data).toEqual([]);
  expect(await newNotifications()).toEqual({});
});

it("the second review publishes both", async () => {
  await host.client
    .from("reviews")
    .insert({
      booking_id: stay ?? "",
      overall: 5,
      cleanliness: 5,
      communication: 5,
      comment: "Welcome back.",
    })
    .throwOnError();
  const published = ["review by guest", "review by host"];
  const completed = ["6 messages", "booking completed", address];
  expect(await views()).toEqual({
    guest: [
      "6 messages",
      "booking completed",
      "payment captured",
      ...published,
      'note "The tap drips."',
      "rating 4",
    ],
    host: [...completed, "payout paid", ...published, 'note "The tap drips."', "rating 4"],
    calendar: ["booking completed", address, ...published, "rating 4"],
    messages: [...completed, ...published, "rating 4"],
    full: [...completed, ...published, "rating 4"],
    stranger: [...published, "rating 4"],
    operator: [
      "booking completed",
      address,
      "payment captured",
      "payout paid",
      ...published,
      'note "The tap drips."',
      "rating 4",
    ],
    anonymous: [...published, "rating 4"],
  });
  await mails.read(host, "Ben's review is published", "You can answer it once, in public.");
  await mails.read(guest, "Ana's review is published", "It is about your stay at House by the river.");
  expect(await newNotifications()).toEqual({ guest: ["review_published"], host: ["review_published"] });
});

it("the host replies to a review once, in public", async () => {
  const { data: review } = await host.client
    .from("reviews")
    .select("id")
    .eq("booking_id", stay ?? "")
    .eq("side", "guest")
    .single()
    .throwOnError();
  const reply = { p_review_id: review.id, p_reply: "The tap is new." };
  for (const client of [guest, messagesCoHost, fullCoHost, stranger, operator].map(
    (person) => person.client,
  )) {
    expect((await client.rpc("reply_to_review", reply)).status).toBe(404);
  }
  await host.client.rpc("reply_to_review", reply).throwOnError();
  expect((await host.client.rpc("reply_to_review", reply)).status).toBe(409);
  const { data } = await anonymous()
    .from("reviews")
    .select("reply")
    .eq("id", review.id)
    .single()
    .throwOnError();
  expect(data.reply).toBe("The tap is new.");
});

it("one click in a mail ends the mails of its topic, and no others", async () => {
  const mail = await mailAbout(guest, "Ana's review is published");
  const header = mail.Headers["list-unsubscribe"]?.[0] ?? "";
  expect(mail.Headers["list-unsubscribe-post"]).toEqual(["List-Unsubscribe=One-Click"]);
  const url = header.slice(1, -1);
  expect((await fetch(url)).status).toBe(200);
  expect((await guest.client.from("notification_preferences").select("topic, mail")).data).toEqual([]);
  const post = { method: "POST", body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }) };
  expect((await fetch(url, post)).status).toBe(200);
  expect((await guest.client.from("notification_preferences").select("topic, mail")).data).toEqual([
    { topic: "reviews", mail: "off" },
  ]);
  expect((await fetch(`${url.slice(0, -1)}${url.endsWith("0") ? "1" : "0"}`, post)).status).toBe(404);
  expect((await fetch(url.replace("reviews", "bookings"), post)).status).toBe(404);
});

it("a cancellation notifies both sides, a refund notifies the guest, and later no one is notified", async () => {
  await newNotifications();
  stay = (await book(guest, property, 60)).id;
  await host.client.rpc("accept_booking", { p_booking_id: stay }).throwOnError();
  await mails.read(guest, "Your request was accepted: House by the river", "Pay €240.00 by");
  const begun = await beginPayment(guest, stay);
  await payOnPage(begun);
  await untilStatus(guest, stay, "confirmed");
  await guest.client.rpc("cancel_booking", { p_booking_id: stay }).throwOnError();
  const { data: refunds } = await guest.client
    .from("refunds")
    .select("amount")
    .eq("booking_id", stay)
    .throwOnError();
  const [day = ""] = new Date(Date.now() + 60 * 86_400_000).toISOString().split("T");
  const [weekday, date] = [{ weekday: "long" } as const, { dateStyle: "long" } as const].map((options) =>
    new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }).format(new Date(day)),
  );
  const subject = `Cancelled: House by the river, ${weekday} ${date}`;
  for (const person of [host, messagesCoHost, fullCoHost])
    await mails.read(person, subject, "Cancelled by Ben.");
  await mails.read(guest, subject, "Cancelled by you.");
  expect(refunds).toEqual([{ amount: 24_000 }]);
  await mails.read(guest, "Refunded: €240.00", "For House by the river", "the way you paid");
  await letDaysPass(sql, stay, 59);
  await runPeriodicWork(sql);
  expect(await newNotifications()).toEqual({
    guest: ["booking_accepted", "booking_cancelled", "booking_confirmed", "refund_sent"],
    host: ["booking_cancelled", "booking_confirmed", "booking_requested"],
    messages: ["booking_cancelled", "booking_confirmed", "booking_requested"],
    full: ["booking_cancelled", "booking_confirmed", "booking_requested"],
  });
  expect(await views()).toMatchObject({
    guest: expect.arrayContaining(["booking cancelled", "refund succeeded"]),
    operator: expect.arrayContaining(["booking cancelled", "refund succeeded"]),
    stranger: ["review by guest", "review by host", "rating 4"],
    anonymous: ["review by guest", "review by host", "rating 4"],
  });
});

it("no other mail was sent than those above, except the same mails about the second stay", async () => {
  await until(async () => {
    const [row] = await sql`select count(*)::integer as waiting from pgmq.q_mails where vt <= now()`;
    return row?.waiting === 0;
  }, "an empty queue");
  const second = [
    "Ben would like to stay at House by the river",
    "Confirmed: Ben stays at House by the river",
  ];
  for (const person of [host, messagesCoHost, fullCoHost])
    expect((await mails.unread(person)).sort()).toEqual(second);
  expect(await mails.unread(guest)).toEqual(["Confirmed: your stay at House by the river"]);
  for (const person of [calendarCoHost, stranger, operator]) expect(await mails.unread(person)).toEqual([]);
});
