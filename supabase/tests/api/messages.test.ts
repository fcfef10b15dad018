// Messages from a question to a booking, their mails and who can read them; and webhooks to addresses that are not public.

import { afterAll, beforeAll, expect, it } from "vitest";
import { bookConfirmed } from "../support/bookings.ts";
import { anonymous } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { mailAbout } from "../support/mails.ts";
import { sendMessage, startThread } from "../support/messages.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { until } from "../support/time.ts";

const sql = database();
let host: Person;
let guest: Person;
let stranger: Person;
let property: string;
let thread: string;

beforeAll(async () => {
  [host, guest, stranger] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  property = await createBookable(host);
});
afterAll(() => sql.end());

it("a question reaches the host by mail, without the guest's phone number", async () => {
  thread = await startThread(guest, property);
  await sendMessage(guest, thread, "Is there a lift? Call +351 912 345 678");
  const mail = await mailAbout(host, "Ben wrote to you: House by the river");
  expect(mail.Text).toContain("Is there a lift? Call [hidden]");
  expect(mail.Text).toContain(`/messages/${thread}`);
  // Links contain random digits.
  expect((mail.Text + mail.HTML).replaceAll(/https?:[^\s"<]+/g, "")).not.toContain("912");
});

it("both sides see how many messages they have not read", async () => {
  const { data: threads } = await host.client.from("threads").select("id, unread_count").throwOnError();
  expect(threads).toEqual([{ id: thread, unread_count: 1 }]);
  await host.client.rpc("mark_thread_read", { p_thread_id: thread }).throwOnError();
  await sendMessage(host, thread, "Yes.");
  expect((await host.client.from("threads").select("unread_count")).data).toEqual([{ unread_count: 0 }]);
  expect((await guest.client.from("threads").select("unread_count")).data).toEqual([{ unread_count: 1 }]);
  const { data: reads } = await guest.client.from("thread_reads").select("profile_id").throwOnError();
  expect(reads.map(({ profile_id }) => profile_id).sort()).toEqual([guest.id, host.id].sort());
  const { data: response } = await anonymous().rpc("host_response", { p_host_id: host.id }).throwOnError();
  expect(response).toMatchObject([{ response_rate: 100, threads: 1 }]);
});

it("strangers cannot read or write messages", async () => {
  for (const { client } of [stranger, { client: anonymous() }]) {
    const answers = [
      await client.from("threads").select("*", { count: "exact" }),
      await client.from("messages").select("*", { count: "exact" }),
      await client.from("thread_reads").select("*", { count: "exact" }),
    ];
    for (const { status, count, error } of answers) {
      if (client === stranger.client) expect(count).toBe(0);
      else expect([status, errorCodes(error)]).toEqual([401, ["not_signed_in"]]);
    }
  }
  const written = await stranger.client.from("messages").insert({ thread_id: thread, body: "Hello" });
  expect(written.status).toBe(404);
});

it("the conversation records the booking, and shows phone numbers once it is confirmed", async () => {
  await bookConfirmed(guest, property, 30, 3);
  await sendMessage(guest, thread, "Call +351 912 345 678");
  const { data } = await host.client
    .from("messages")
    .select("event, body")
    .eq("thread_id", thread)
    .order("created_at")
    .throwOnError();
  expect(data.map(({ event, body }) => event ?? body)).toEqual([
    "Is there a lift? Call [hidden]",
    "Yes.",
    "booking_awaiting_payment",
    "booking_confirmed",
    "Call +351 912 345 678",
  ]);
});

it("webhooks are not sent to names without a public address, and the log says so", async () => {
  for (const url of ["https://127.0.0.1:9/x", "https://localhost:9/x", "https://2130706433/x"]) {
    const { error } = await host.client.from("webhook_endpoints").insert({ url });
    expect(error?.details).toContain("url_is_https");
  }
  const url = "https://staybase-test.no-such-name.example.com/x";
  await host.client.from("webhook_endpoints").insert({ url }).throwOnError();
  await bookConfirmed(guest, property, 40, 3);
  const log = await until(async () => {
    const { data } = await host.client
      .from("webhook_deliveries")
      .select("event, attempts, error, delivered_at")
      .throwOnError();
    return data.length === 2 && data.every(({ attempts }) => attempts > 0) && data;
  }, "a first attempt at each delivery");
  expect(log.every(({ error, delivered_at }) => error !== null && delivered_at === null)).toBe(true);
  expect((await stranger.client.from("webhook_deliveries").select("id")).data).toEqual([]);
  expect((await stranger.client.from("webhook_endpoints").select("id")).data).toEqual([]);
});
