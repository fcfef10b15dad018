// A stay from request to published reviews: every mail is read, and at every step what each person sees.

import { afterAll, beforeAll, expect, it } from "vitest";
import {
  bookStay,
  confirmStay,
  createHome,
  letDaysPass,
  mailAbout,
  mailCount,
  runDueWork,
} from "../stay-support.ts";
import { anonymous, database, type Person, service, signUp, signUpOperator } from "../support.ts";

const sql = database();
let host: Person;
let guest: Person;
let stranger: Person;
let coHost: Person;
let operator: Person;
let home: string;
let stay: string;

beforeAll(async () => {
  [host, guest, stranger, coHost, operator] = await Promise.all([
    signUp("Ana"),
    signUp("Ben"),
    signUp("Eva"),
    signUp("Mia"),
    signUpOperator(),
  ]);
  home = await createHome(host, { booking_mode: "request" });
});
afterAll(() => sql.end());

const stars = {
  overall: 4,
  accuracy: 5,
  cleanliness: 4,
  check_in: 5,
  communication: 5,
  location: 3,
  value: 4,
};
const kindsOf = async (person: Person) => {
  const { data } = await person.client
    .from("notifications")
    .select("kind")
    .order("created_at")
    .order("id")
    .throwOnError();
  return data.map(({ kind }) => kind);
};
const reviewsSeenBy = async (client: Person["client"]) => {
  const { data, count } = await client
    .from("reviews")
    .select("side", { count: "exact" })
    .eq("property_id", home)
    .order("side")
    .throwOnError();
  expect(count).toBe(data.length);
  return data.map(({ side }) => side);
};

it("invites a co-host by mail, who accepts", async () => {
  await host.client
    .from("co_host_invitations")
    .insert({ property_id: home, email: coHost.email, level: "calendar_and_messages" })
    .throwOnError();
  const mail = await mailAbout(coHost, "Ana invites you to help host House by the river");
  expect(mail.Text).toContain("You would keep its calendar and answer its guests.");
  const invitation = /invitations\/([0-9a-f-]{36})/.exec(mail.Text)?.[1] ?? "";
  await coHost.client.rpc("accept_co_host_invitation", { p_invitation_id: invitation }).throwOnError();
});

it("tells the host's side of a request, and the guest of its acceptance", async () => {
  stay = await bookStay(guest, home, 30, 33);
  const asked = await mailAbout(host, "Ben would like to stay at House by the river");
  expect(asked.Text).toContain("3 nights, 1 guest");
  expect(asked.HTML).toContain("Accept or decline");
  await mailAbout(coHost, "Ben would like to stay");
  expect(await kindsOf(host)).toEqual(["booking_requested"]);
  expect(await kindsOf(coHost)).toEqual(["booking_requested"]);
  expect(await kindsOf(guest)).toEqual([]);

  await host.client.rpc("accept_booking", { p_booking_id: stay }).throwOnError();
  const accepted = await mailAbout(guest, "Your request was accepted");
  expect(accepted.Text).toContain("Pay €360.00 by");
});

it("tells both of the confirmation, without address or phone", async () => {
  await confirmStay(stay);
  const toGuest = await mailAbout(guest, "Confirmed: your stay at House by the river");
  expect(toGuest.Text).not.toContain("Rua Secreta");
  await mailAbout(host, "Confirmed: Ben stays at House by the river");
  const { data: unread } = await host.client.rpc("unread_notification_count").throwOnError();
  expect(unread).toBe(2);
  const { data: marked } = await host.client.rpc("mark_notifications_read").throwOnError();
  expect(marked).toBe(2);
  expect((await host.client.rpc("unread_notification_count")).data).toBe(0);
  expect(await kindsOf(stranger)).toEqual([]);
  expect(await kindsOf(operator)).toEqual([]);
  expect((await anonymous().from("notifications").select("id")).error?.code).toBe("42501");
});

it("sends the address 48 hours before check-in, once, and to the guest alone", async () => {
  await letDaysPass(sql, stay, 26);
  await runDueWork(sql);
  expect(await kindsOf(guest)).not.toContain("check_in_details");
  await letDaysPass(sql, stay, 2);
  await runDueWork(sql);
  await runDueWork(sql);
  const mail = await mailAbout(guest, "Your arrival at House by the river");
  expect(mail.Text).toContain("Address: Rua Secreta 77, 1100-048, Lisboa, PT");
  expect(mail.Text).toContain("Check-in from 15:00, check-out until 11:00, local time.");
  expect((await kindsOf(guest)).filter((kind) => kind === "check_in_details")).toHaveLength(1);
  expect(await kindsOf(host)).not.toContain("check_in_details");
});

it("asks both for a review after check-out", async () => {
  expect((await guest.client.from("reviews").insert({ booking_id: stay, ...stars })).error?.message).toBe(
    "A stay is reviewed after check-out.",
  );
  await letDaysPass(sql, stay, 6);
  await runDueWork(sql);
  await mailAbout(guest, "How was your stay at House by the river?");
  await mailAbout(host, "How was Ben?");
  expect(await kindsOf(coHost)).not.toContain("review_due");
});

it("keeps the first review from everybody but its writer", async () => {
  const mails = await mailCount(host);
  const { data: review } = await guest.client
    .from("reviews")
    .insert({ booking_id: stay, ...stars, comment: "Quiet." })
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
  expect(await reviewsSeenBy(guest.client)).toEqual(["guest"]);
  for (const client of [host, coHost, stranger, operator].map((person) => person.client)) {
    expect(await reviewsSeenBy(client)).toEqual([]);
    const { count } = await client
      .from("reviews")
      .select("id", { count: "planned", head: true })
      .eq("booking_id", stay);
    const { count: ofNone } = await client
      .from("reviews")
      .select("id", { count: "planned", head: true })
      .eq("booking_id", crypto.randomUUID());
    expect(count).toBe(ofNone);
  }
  expect(await reviewsSeenBy(anonymous())).toEqual([]);
  expect((await service().from("property_ratings").select().eq("property_id", home)).data).toEqual([]);
  expect(await mailCount(host)).toBe(mails);
  expect(await kindsOf(host)).not.toContain("review_published");
});

it("publishes both with the second", async () => {
  await host.client
    .from("reviews")
    .insert({ booking_id: stay, overall: 5, cleanliness: 5, communication: 5, comment: "Welcome back." })
    .throwOnError();
  for (const client of [host.client, guest.client, stranger.client, anonymous()]) {
    expect(await reviewsSeenBy(client)).toEqual(["guest", "host"]);
  }
  const { data: place } = await anonymous()
    .from("properties")
    .select("title, property_ratings(review_count, overall, location)")
    .eq("id", home)
    .single()
    .throwOnError();
  expect(place.property_ratings).toEqual({ review_count: 1, overall: 4, location: 3 });
  expect((await host.client.from("review_notes").select("note")).data).toEqual([{ note: "The tap drips." }]);
  expect((await coHost.client.from("review_notes").select("note")).data).toEqual([]);
  await mailAbout(host, "Ben's review is published");
  await mailAbout(guest, "Ana's review is published");
});

it("lets the host answer once, and the reader see it", async () => {
  const { data: review } = await host.client
    .from("reviews")
    .select("id")
    .eq("booking_id", stay)
    .eq("side", "guest")
    .single()
    .throwOnError();
  await host.client
    .rpc("reply_to_review", { p_review_id: review.id, p_reply: "The tap is new." })
    .throwOnError();
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

it("sends nothing about what is over, and a cancellation to both sides", async () => {
  const second = await bookStay(guest, home, 60, 62);
  await host.client.rpc("accept_booking", { p_booking_id: second }).throwOnError();
  await confirmStay(second);
  await guest.client.rpc("cancel_booking", { p_booking_id: second }).throwOnError();
  const mail = await mailAbout(host, "Cancelled: House by the river");
  expect(mail.Text).toContain("Cancelled by Ben.");
  expect((await mailAbout(guest, "Cancelled: House by the river")).Text).toContain("Cancelled by you.");
  await letDaysPass(sql, second, 59);
  await runDueWork(sql);
  expect((await kindsOf(guest)).filter((kind) => kind === "check_in_details")).toHaveLength(1);
});
