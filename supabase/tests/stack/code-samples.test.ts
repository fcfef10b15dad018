// Every code sample of the API's description, run on a stack that begins with the seed: once in curl, once in supabase-js.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Document } from "../../../scripts/generate/document.ts";
import { exampleRequests } from "../../../scripts/generate/examples.ts";
import { databaseUrl } from "../../../scripts/lib/config.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { raiseLimits } from "../support/booking-limits.ts";
import { png } from "../support/files.ts";
import { codeIn, type Mail } from "../support/mails.ts";
import { letDaysPass, until } from "../support/time.ts";

const config = await testConfig({ seed: true });
let stack: Stack;
let sql: Sql;
let description: Document;

beforeAll(async () => {
  stack = await startStack(config);
  sql = postgres(databaseUrl(config, "supabase_admin"), { max: 1, onnotice: () => {} });
  await raiseLimits(sql);
  description = (await (await fetch(`${config.apiUrl}/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await sql?.end();
  await stack?.stop();
  removeTestData(config);
});

type Language = "curl" | "supabase-js";
type Rows = Record<string, unknown>[];

function newClient(key = config.keys.publishable): SupabaseClient {
  return createClient(config.apiUrl, key, { auth: { persistSession: false, autoRefreshToken: false } });
}

async function signIn(name: string): Promise<SupabaseClient> {
  const client = newClient();
  const { error } = await client.auth.signInWithPassword({
    email: `${name}@example.com`,
    password: "staybase",
  });
  if (error !== null) throw error;
  return client;
}

/** The sample of an operation, named as in examples.ts; functions are called by POST. */
function sampleOf(operation: string, label: Language): string {
  const [method = "", name = ""] = operation.includes(" ") ? operation.split(" ") : ["post", operation];
  const path = name.startsWith("/") ? name : `/rest/v1/${name}`;
  const samples = description.paths[path]?.[method as "post"]?.["x-codeSamples"];
  const source = samples?.find((sample) => sample.label === label)?.source;
  if (source === undefined) throw new Error(`${operation} has no sample in ${label}`);
  return source;
}

/** Runs a sample with some of its words replaced, and answers its rows. @throws unless it succeeds. */
async function run(source: string, label: Language, client: SupabaseClient): Promise<Rows> {
  const value = await (label === "curl" ? runCurl : runJavaScript)(source, client);
  return [value].flat() as Rows;
}

async function runJavaScript(source: string, client: SupabaseClient): Promise<unknown> {
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const { data, error } = await new AsyncFunction("supabase", `${source}\nreturn { data, error };`)(client);
  if (error !== null) throw new Error(`${source}\n${error.message} ${error.details}`);
  return data;
}

/** Lets a shell read the command, and sends what curl would send. */
async function runCurl(source: string, client: SupabaseClient): Promise<unknown> {
  const { data } = await client.auth.getSession();
  const script = `curl() { for argument in "$@"; do printf '%s\\036' "$argument"; done; }\n${source}`;
  const { stdout } = await promisify(execFile)("sh", ["-c", script], {
    env: {
      API_URL: config.apiUrl,
      PUBLISHABLE_KEY: config.keys.publishable,
      ACCESS_TOKEN: data.session?.access_token,
    },
  });
  const words = stdout.split("\x1e");
  const after = (option: string) => words.filter((_word, index) => words[index - 1] === option);
  const url = words.find((word) => word.startsWith(config.apiUrl)) ?? "";
  const response = await fetch(url, {
    method: after("-X")[0] ?? "GET",
    headers: after("-H").map((header) => header.split(": ") as [string, string]),
    body: after("-d")[0] ?? null,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${source}\n${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

const dayAhead = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

describe.each([
  ["curl", "gita", 0],
  ["supabase-js", "tom", 10],
] as const)("the samples in %s", { timeout: 60_000 }, (label, guestName, daysLater) => {
  let guest: SupabaseClient;
  let host: SupabaseClient;
  const done = new Set<string>();
  // what readers replace, too: the ids of their own rows
  const words: Record<string, string> = {
    [dayAhead(60)]: dayAhead(60 + daysLater),
    [dayAhead(62)]: dayAhead(62 + daysLater),
    [dayAhead(88)]: dayAhead(88 + daysLater),
    [dayAhead(90)]: dayAhead(90 + daysLater),
    "ana@example.org": `ana.${daysLater}@example.org`,
  };
  const booking = "5eed0000-0000-4000-8000-000000000201";
  const thread = "5eed0000-0000-4000-8000-000000000301";
  const alteration = "5eed0000-0000-4000-8000-000000000401";
  const review = "5eed0000-0000-4000-8000-000000000501";
  const property = "5eed0000-0000-4000-8000-000000000104";

  async function send(operation: string, client = guest, more: Record<string, string> = {}): Promise<Rows> {
    done.add(operation);
    const replacements = Object.entries({ ...words, ...more });
    const pattern = new RegExp(replacements.map(([word]) => word).join("|"), "g");
    const map = Object.fromEntries(replacements);
    const source = sampleOf(operation, label).replace(pattern, (word) => map[word] ?? word);
    return run(source, label, client);
  }

  /** Books another stay, and answers its id. */
  async function book(propertyId: string, from: number): Promise<string> {
    const day = (days: number) => dayAhead(from + daysLater + days);
    const { data } = await guest
      .from("bookings")
      .insert({ property_id: propertyId, check_in: day(0), check_out: day(2), adults: 1 })
      .select()
      .single()
      .throwOnError();
    return data.id;
  }

  beforeAll(async () => {
    [guest, host] = await Promise.all([signIn(guestName), signIn("ana")]);
  });

  it("sign up and in", async () => {
    const visitor = newClient();
    await send("post /auth/v1/signup", visitor);
    const mail = await until(async () => {
      const query = encodeURIComponent(`to:"ana.${daysLater}@example.org"`);
      const found = await fetch(`${config.mailUrl}/api/v1/search?query=${query}`);
      const { messages } = (await found.json()) as { messages: Mail[] };
      if (messages[0] === undefined) return undefined;
      return (await (await fetch(`${config.mailUrl}/api/v1/message/${messages[0].ID}`)).json()) as Mail;
    }, "the code");
    const code = { "123456": codeIn(mail) };
    expect(JSON.stringify(await send("post /auth/v1/verify", visitor, code))).toContain("access_token");
    expect(JSON.stringify(await send("post /auth/v1/token", newClient()))).toContain("access_token");
    expect(JSON.stringify(await send("get /auth/v1/user"))).toContain(`${guestName}@example.com`);
    expect(await send("get profiles", newClient())).toMatchObject([{ display_name: "Ana" }]);
  });

  it("search and quote", async () => {
    const visitor = newClient();
    expect((await send("rpc/search_properties", visitor)).length).toBeGreaterThan(3);
    expect(JSON.stringify(await send("rpc/count_properties", visitor))).toContain('"is_estimate":false');
    expect(JSON.stringify(await send("rpc/search_facets", visitor))).toContain('"is_estimate":false');
    expect(await send("rpc/property_calendar", visitor)).toHaveLength(30);
    expect(await send("rpc/bookability", visitor)).toEqual([]);
    expect(await send("rpc/quote_stay", visitor)).toMatchObject([{ nights: 2, currency: "EUR" }]);
    expect(await send("get properties", visitor)).toHaveLength(5);
    expect(await send("get property_photos", visitor)).toHaveLength(2);
    expect(await send("post wishlists")).toMatchObject([{ name: "Lisbon in June" }]);
  });

  it("book and pay", async () => {
    const [booked] = await send("post bookings");
    words[booking] = String(booked?.id);
    expect(await send("rpc/payment_schedule")).toHaveLength(1);
    const [payment] = await send("post /functions/v1/payments");
    const card = new URLSearchParams({ card: "4242 4242 4242 4242" });
    await fetch(String(payment?.pay_url), { method: "POST", body: card });
    await until(async () => {
      const bookings = await send("get bookings");
      return bookings.find(({ id, status }) => id === booked?.id && status === "confirmed");
    }, "the confirmation");
    expect(await send("get payments")).toMatchObject([{ status: "captured" }]);
  });

  it("alter and cancel", async () => {
    await send("patch bookings");
    const [declined] = await send("get booking_alterations");
    await send("rpc/decline_alteration", host, { [alteration]: String(declined?.id) });
    await send("patch bookings");
    const { data } = await guest
      .from("booking_alterations")
      .select("id")
      .eq("booking_id", words[booking] ?? "")
      .is("answer", null)
      .single()
      .throwOnError();
    const accepted = await send("rpc/accept_alteration", host, { [alteration]: data.id });
    expect(accepted).toMatchObject([{ check_in: words[dayAhead(88)] }]);
    const [preview] = await send("rpc/preview_cancellation");
    expect(await send("rpc/cancel_booking")).toMatchObject([{ refund_amount: preview?.refund_amount }]);
  });

  it("answer and withdraw requests", async () => {
    const request = "5eed0000-0000-4000-8000-000000000103";
    const [first, second, third] = [
      await book(request, 20),
      await book(request, 50),
      await book(request, 80),
    ];
    expect(await send("rpc/accept_booking", host, { [booking]: first })).toMatchObject([{ id: first }]);
    expect(await send("rpc/decline_booking", host, { [booking]: second })).toMatchObject([
      { status: "declined" },
    ]);
    await send("delete bookings", guest, { [booking]: third });
    const { data } = await guest.from("bookings").select("status").eq("id", third).single().throwOnError();
    expect(data.status).not.toBe("pending");
  });

  it("host", async () => {
    const [draft] = await send("post properties", host);
    const own = { [property]: String(draft?.id) };
    expect(await send("post property_addresses", host, own)).toMatchObject([{ city: "Lisboa" }]);
    expect(await send("post property_amenities", host, own)).toMatchObject([{ amenity_id: "pool" }]);
    expect(await send("patch properties", host, own)).toMatchObject([{ base_price: 24_000 }]);
    const kitchen = new File([png], "kitchen.png", { type: "image/png" });
    const path = "5eed0000-0000-4000-8000-000000000001/kitchen.png";
    // the upload of the run before is removed in the background
    await until(
      async () => (await host.storage.from("uploads").upload(path, kitchen)).error === null,
      "a free path",
    );
    expect(await send("post /functions/v1/files", host, own)).toMatchObject([{ bucket: "property-photos" }]);
    const days = await send("rpc/set_calendar", host);
    expect(days.filter(({ closed }) => closed)).toHaveLength(2);
    expect(await send("rpc/pause_property", host)).toMatchObject([{ status: "paused" }]);
    expect(await send("rpc/publish_property", host)).toMatchObject([{ status: "published" }]);
    expect(await send("post host_blocks", host)).toMatchObject([{ note: "Painting" }]);
    expect(await send("post /functions/v1/connect", host)).toMatchObject([{ payouts_enabled: false }]);
  });

  it("talk", async () => {
    const [opened] = await send("post threads");
    words[thread] = String(opened?.id);
    expect(JSON.stringify(await send("get threads"))).toContain(opened?.id);
    await send("post messages");
    expect(JSON.stringify(await send("get messages"))).toContain("Is there a cot?");
    await send("rpc/mark_thread_read");
  });

  it("review and report", async () => {
    const past = await book(property, 120);
    await newClient(config.keys.secret).rpc("confirm_booking", { p_booking_id: past }).throwOnError();
    await letDaysPass(sql, past, 124 + daysLater);
    words[booking] = past;
    await send("post reviews");
    const ours = { booking_id: past, overall: 5, cleanliness: 5, communication: 5 };
    await host.from("reviews").insert(ours).throwOnError();
    expect(await send("get reviews")).toHaveLength(2);
    const { data } = await host
      .from("reviews")
      .select("id")
      .eq("booking_id", past)
      .not("accuracy", "is", null)
      .single()
      .throwOnError();
    await send("rpc/reply_to_review", host, { [review]: data.id });
    expect(await send("post reports")).toMatchObject([{ reason: "inaccurate" }]);
  });

  it("are all of them", () => {
    expect([...done].sort()).toEqual(Object.keys(exampleRequests).sort());
  });
});
