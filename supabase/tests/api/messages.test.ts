// Messages and webhooks through the running stack: an inquiry that becomes a stay, with mails; what others see; where webhooks go.

import { afterAll, beforeAll, expect, it } from "vitest";
import { bookStay, confirmStay, createHome, mailAbout } from "../stay-support.ts";
import { anonymous, database, type Person, signUp, until } from "../support.ts";

const sql = database();
let host: Person;
let guest: Person;
let stranger: Person;
let home: string;
let thread: string;

beforeAll(async () => {
  [host, guest, stranger] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  home = await createHome(host);
});
afterAll(() => sql.end());

it("carries a question to the host by mail, without the guest's number", async () => {
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
  const mail = await mailAbout(host, "Ben wrote to you: House by the river");
  expect(mail.Text).toContain("Is there a lift? Call [hidden]");
  expect(mail.Text).toContain(`/messages/${thread}`);
  // links hold random digits
  expect((mail.Text + mail.HTML).replaceAll(/https?:[^\s"<]+/g, "")).not.toContain("912");
});

it("shows the host what is unread, and the guest what was read", async () => {
  const { data: threads } = await host.client.from("threads").select("id, unread_count").throwOnError();
  expect(threads).toEqual([{ id: thread, unread_count: 1 }]);
  await host.client.rpc("mark_thread_read", { p_thread_id: thread }).throwOnError();
  await host.client.from("messages").insert({ thread_id: thread, body: "Yes." }).throwOnError();
  expect((await host.client.from("threads").select("unread_count")).data).toEqual([{ unread_count: 0 }]);
  expect((await guest.client.from("threads").select("unread_count")).data).toEqual([{ unread_count: 1 }]);
  const { data: reads } = await guest.client.from("thread_reads").select("profile_id").throwOnError();
  expect(reads.map(({ profile_id }) => profile_id).sort()).toEqual([guest.id, host.id].sort());
  const { data: response } = await anonymous().rpc("host_response", { p_host_id: host.id }).throwOnError();
  expect(response).toMatchObject([{ response_rate: 100, threads: 1 }]);
});

it("shows strangers nothing", async () => {
  for (const table of ["threads", "messages", "thread_reads"] as const) {
    expect((await stranger.client.from(table).select("*", { count: "exact" })).count).toBe(0);
    expect((await anonymous().from(table).select("*")).error?.code).toBe("42501");
  }
  const written = await stranger.client.from("messages").insert({ thread_id: thread, body: "Hello" });
  expect(written.status).toBe(404);
});

it("notes the booking in the thread, and hides nothing once it is confirmed", async () => {
  await confirmStay(await bookStay(guest, home, 30, 33));
  await guest.client
    .from("messages")
    .insert({ thread_id: thread, body: "Call +351 912 345 678" })
    .throwOnError();
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

it("sends no webhook into our own network, and says so in the log", async () => {
  const urls = ["https://127.0.0.1:9/x", "https://localhost:9/x", "https://2130706433/x"];
  for (const url of urls) await host.client.from("webhook_endpoints").insert({ url }).throwOnError();
  await confirmStay(await bookStay(guest, home, 40, 43));
  const log = await until(async () => {
    const { data } = await host.client
      .from("webhook_deliveries")
      .select("event, attempts, error, delivered_at")
      .throwOnError();
    return data.length === 6 && data.every(({ attempts }) => attempts > 0) ? data : undefined;
  }, "a first attempt at each delivery");
  expect(new Set(log.map(({ error }) => error))).toEqual(new Set(["the address is not public"]));
  expect(log.every(({ delivered_at }) => delivered_at === null)).toBe(true);
  expect((await stranger.client.from("webhook_deliveries").select("id")).data).toEqual([]);
  expect((await stranger.client.from("webhook_endpoints").select("id")).data).toEqual([]);
});
