// A stay from the first question to published reviews. At every step what each person sees and is told: guest, host, a co-host of
// each level, a stranger, an operator, nobody at all. Every mail is read.

import { afterAll, beforeAll, expect, it } from "vitest";
import { beginPayment, callFunction, payOnPage, untilStatus } from "../payment-support.ts";
import { bookStay, createHome, letDaysPass, mailAbout, runDueWork } from "../stay-support.ts";
import { mailbox, seenBy, toldTo } from "../story-support.ts";
import {
  anonymous,
  type Client,
  database,
  type Person,
  service,
  signUp,
  signUpOperator,
  until,
} from "../support.ts";

const sql = database();
const mails = mailbox();
let host: Person;
let guest: Person;
let calendarCoHost: Person;
let messagesCoHost: Person;
let fullCoHost: Person;
let stranger: Person;
let operator: Person;
let home: string;
let thread: string;
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
  home = await createHome(host, { booking_mode: "request" });
  const wish = { action: "onboard", return_url: "https://example.com/back", country: "PT" };
  const { url } = (await (await callFunction("connect", host, wish)).json()) as { url: string };
  await fetch(url, { redirect: "manual" });
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
    await seenBy(client, home, stay),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}
const toldBefore: Record<string, number> = {};
/** What each person was told since this was asked the last time; whoever was told nothing is left out. */
async function news(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, client] of Object.entries(everyone())) {
    const told = await toldTo(client);
    const fresh = told.slice(toldBefore[name] ?? 0).sort();
    if (fresh.length > 0) found[name] = fresh;
    toldBefore[name] = told.length;
  }
  return found;
}

const door = "Rua Secreta 77";
const onlyThePlace = { stranger: [], anonymous: [] };

it("invites co-hosts of each level by mail, who accept", async () => {
  for (const [person, level, words] of [
    [calendarCoHost, "calendar", "You would see and edit its calendar."],
    [messagesCoHost, "calendar_and_messages", "You would edit its calendar and answer its guests."],
    [fullCoHost, "full", "You would manage everything except payouts and taxes."],
  ] as const) {
    await host.client
      .from("co_host_invitations")
      .insert({ property_id: home, email: person.email, level })
      .throwOnError();
    const mail = await mails.read(person, "Ana invites you to help host House by the river", words);
    const invitation = /invitations\/([0-9a-f-]{36})/.exec(mail.Text)?.[1] ?? "";
    await person.client.rpc("accept_co_host_invitation", { p_invitation_id: invitation }).throwOnError();
  }
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: [],
    host: [door],
    calendar: [door],
    messages: [door],
    full: [door],
    operator: [door],
  });
  expect(await news()).toEqual({});
});

it("carries a question to those who talk with guests, at once or in a digest, without the guest's number", async () => {
  await fullCoHost.client
    .from("notification_preferences")
    .insert({ topic: "messages", mail: "digest" })
    .throwOnError();
  const { data } = await guest.client
    .from("threads")
    .insert({ property_id: home })
    .select("id")
    .single()
    .throwOnError();
  thread = data.id;
  await guest.client
    .from("messages")
    .insert({ thread_id: thread, body: "Is there a lift? Call +351 912 345 678" })
    .throwOnError();
  for (const person of [host, messagesCoHost]) {
    await mails.read(
      person,
      "Ben wrote to you: House by the river",
      "Is there a lift? Call [hidden]",
      `/messages/${thread}`,
    );
  }
  await sql`select private.queue_digests()`;
  await runDueWork(sql);
  const digest = await mails.read(fullCoHost, "Ben wrote to you: House by the river", "/notifications");
  expect(digest.Text).toContain("• Ben wrote to you: House by the river");
  const oneMessage = ["1 messages", door];
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: ["1 messages"],
    host: oneMessage,
    calendar: [door],
    messages: oneMessage,
    full: oneMessage,
    operator: [door],
  });
  expect(await news()).toEqual({
    host: ["message_received"],
    messages: ["message_received"],
    full: ["message_received"],
  });
});

it("carries the answer back", async () => {
  await messagesCoHost.client
    .from("messages")
    .insert({ thread_id: thread, body: "Yes, there is." })
    .throwOnError();
  await mails.read(guest, "Mia wrote to you: House by the river", "Yes, there is.");
  expect(await news()).toEqual({ guest: ["message_received"] });
});

it("tells the host's side of a request", async () => {
  stay = await bookStay(guest, home, 30, 33);
  for (const person of [host, messagesCoHost, fullCoHost]) {
    await mails.read(
      person,
      "Ben would like to stay at House by the river",
      "3 nights, 1 guest",
      "Please answer by",
      "Accept or decline",
    );
  }
  const requested = ["3 messages", "booking requested", door];
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: ["3 messages", "booking requested"],
    host: requested,
    calendar: ["booking requested", door],
    messages: requested,
    full: requested,
    operator: ["booking requested", door],
  });
  expect(await news()).toEqual({
    host: ["booking_requested"],
    messages: ["booking_requested"],
    full: ["booking_requested"],
  });
});

it("tells the guest of a declined card, and takes another", async () => {
  const begun = await beginPayment(guest, stay ?? "");
  expect((await payOnPage(begun, "4000 0000 0000 0002")).status).toBe(402);
  await mails.read(
    guest,
    "Payment failed: House by the river",
    "€360.00 could not be charged. Your card was declined.",
    "Try again, or with another card, by",
  );
  expect(await news()).toEqual({ guest: ["payment_failed"] });
  expect((await payOnPage(begun)).status).toBe(200);
  await until(async () => {
    const { data } = await guest.client.from("payments").select("status").throwOnError();
    return data[0]?.status === "authorized" ? true : undefined;
  }, "the authorisation");
  expect(await views()).toMatchObject({
    guest: ["3 messages", "booking requested", "payment authorized"],
    host: ["3 messages", "booking requested", door],
    operator: ["booking requested", door, "payment authorized"],
  });
  expect(await news()).toEqual({});
});

it("confirms when the host accepts, and opens address and contacts to the two sides alone", async () => {
  await host.client.rpc("accept_booking", { p_booking_id: stay ?? "" }).throwOnError();
  await untilStatus(guest, stay ?? "", "confirmed");
  const toGuest = await mails.read(
    guest,
    "Confirmed: your stay at House by the river",
    "You paid €360.00.",
    "48 hours before check-in",
  );
  expect(toGuest.Text).not.toContain(door);
  for (const person of [host, messagesCoHost, fullCoHost]) {
    await mails.read(
      person,
      "Confirmed: Ben stays at House by the river",
      "You can now see each other's phone number and e-mail address.",
    );
  }
  const confirmed = ["5 messages", "booking confirmed", door, "how to reach Ben"];
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: ["5 messages", "booking confirmed", door, "how to reach Ana", "payment captured"],
    host: confirmed,
    calendar: ["booking confirmed", door],
    messages: confirmed,
    full: confirmed,
    operator: ["booking confirmed", door, "how to reach Ana", "how to reach Ben", "payment captured"],
  });
  expect(await news()).toEqual({
    guest: ["booking_confirmed"],
    host: ["booking_confirmed"],
    messages: ["booking_confirmed"],
    full: ["booking_confirmed"],
  });
  expect((await anonymous().from("notifications").select("id")).error?.code).toBe("42501");
});

it("counts and marks what is unread", async () => {
  expect((await host.client.rpc("unread_notification_count").throwOnError()).data).toBe(3);
  expect((await host.client.rpc("mark_notifications_read").throwOnError()).data).toBe(3);
  expect((await host.client.rpc("unread_notification_count").throwOnError()).data).toBe(0);
  expect((await stranger.client.rpc("unread_notification_count").throwOnError()).data).toBe(0);
});

it("sends the address 48 hours before check-in, once, and to the guest alone", async () => {
  await letDaysPass(sql, stay ?? "", 26);
  await runDueWork(sql);
  expect(await news()).toEqual({});
  // a day before, at whatever hour this runs
  await letDaysPass(sql, stay ?? "", 3);
  await runDueWork(sql);
  await runDueWork(sql);
  await mails.read(
    guest,
    "Your arrival at House by the river",
    "Address: Rua Secreta 77, 1100-048, Lisboa, PT",
    "Check-in from 15:00, check-out until 11:00, local time.",
  );
  expect(await news()).toEqual({ guest: ["check_in_details"] });
});

it("pays the host a day after check-in, and tells the host alone", async () => {
  await letDaysPass(sql, stay ?? "", 3);
  await sql`select private.release_payouts(now())`;
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
  expect(await news()).toEqual({ host: ["payout_sent"] });
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: ["5 messages", "booking confirmed", door, "how to reach Ana", "payment captured"],
    host: ["5 messages", "booking confirmed", door, "how to reach Ben", "payout paid"],
    calendar: ["booking confirmed", door],
    messages: ["5 messages", "booking confirmed", door, "how to reach Ben"],
    full: ["5 messages", "booking confirmed", door, "how to reach Ben"],
    operator: [
      "booking confirmed",
      door,
      "how to reach Ana",
      "how to reach Ben",
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

it("asks guest and host for a review after check-out, and closes address and contacts", async () => {
  expect(
    (await guest.client.from("reviews").insert({ booking_id: stay ?? "", ...stars })).error?.message,
  ).toBe("A stay is reviewed after check-out.");
  await letDaysPass(sql, stay ?? "", 2);
  await runDueWork(sql);
  await mails.read(
    guest,
    "How was your stay at House by the river?",
    "Both reviews are published when both of you have written one, or when the time is over.",
  );
  await mails.read(host, "How was Ben?", "Write your review by");
  expect(await news()).toEqual({ guest: ["review_due"], host: ["review_due"] });
  const completed = ["6 messages", "booking completed", door];
  expect(await views()).toEqual({
    ...onlyThePlace,
    guest: ["6 messages", "booking completed", "payment captured"],
    host: [...completed, "payout paid"],
    calendar: ["booking completed", door],
    messages: completed,
    full: completed,
    operator: ["booking completed", door, "payment captured", "payout paid"],
  });
});

it("keeps the first review from everybody but its writer, in lists, counts, averages, estimates and news", async () => {
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
  await runDueWork(sql);
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
      .eq("property_id", home);
    expect(count).toBe(0);
  }
  expect((await service().from("property_ratings").select().eq("property_id", home)).data).toEqual([]);
  expect(await news()).toEqual({});
});

it("publishes both with the second", async () => {
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
  const completed = ["6 messages", "booking completed", door];
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
    calendar: ["booking completed", door, ...published, "rating 4"],
    messages: [...completed, ...published, "rating 4"],
    full: [...completed, ...published, "rating 4"],
    stranger: [...published, "rating 4"],
    operator: [
      "booking completed",
      door,
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
  expect(await news()).toEqual({ guest: ["review_published"], host: ["review_published"] });
});

it("lets the host answer once, and the reader see it", async () => {
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

it("ends mails of a topic by one click in the mail, and only those", async () => {
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

it("tells both of a cancellation, the guest of the refund, and nobody of what is over", async () => {
  await news();
  stay = await bookStay(guest, home, 60, 62);
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
  await runDueWork(sql);
  expect(await news()).toEqual({
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

it("sent no mail but those read above, and the second stay's like the first's", async () => {
  await until(async () => {
    const [row] = await sql`select count(*)::integer as waiting from pgmq.q_mails where vt <= now()`;
    return row?.waiting === 0 ? true : undefined;
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
