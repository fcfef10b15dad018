// One id from the request of a client to everything that follows from it: the answers, the logs, the database and Stripe.
// @module-tag embedded

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { untilStatus } from "../support/bookings.ts";
import { request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { type BegunPayment, createMarket, intentOf, payOnPage, stripe } from "../support/money.ts";
import { signUpOperator } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { dayAhead, until } from "../support/time.ts";

const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;
const apikey = stack.publishableKey;
const sql = database();
afterAll(() => sql.end());

const logFile = (service: string) => readFileSync(join(stack.dataDir, "logs", `${service}.log`), "utf8");

/** The lines of a log that have an id. */
function linesOf(service: string, id: string): Record<string, unknown>[] {
  return logFile(service)
    .split("\n")
    .filter((line) => line.includes(`"request_id":"${id}"`))
    .map((line) => JSON.parse(line));
}

/** Sends a request as it is, with headers that fetch refuses. */
function send(path: string, headers: Record<string, string | string[]>, method = "GET") {
  return new Promise<{ status: number; id: string; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(stack.apiUrl);
    httpRequest({ hostname, port, path, method, headers }, async (response) => {
      const id = String(response.headers["x-request-id"]);
      resolve({ status: response.statusCode ?? 0, id, body: await text(response) });
    })
      .on("error", reject)
      .end();
  });
}

describe("an answer", () => {
  it.each([
    ["REST", "/rest/v1/currencies?limit=1", 200],
    ["a refusal of REST", "/rest/v1/nothing", 404],
    ["a write without a filter", "/rest/v1/properties", 401, "DELETE"],
    ["GraphQL", "/graphql/v1", 405],
    ["Auth", "/auth/v1/settings", 200],
    ["Storage", "/storage/v1/object/public/avatars/missing.png", 400],
    ["a function", "/functions/v1/health", 200],
    ["a refusal of a function", "/functions/v1/payments", 405],
    ["no function", "/functions/v1/nothing", 404],
    ["a page", "/", 200],
    ["health", "/health", 200],
    ["no route", "/nothing", 404],
    ["an unreadable path", "/%zz", 400],
    ["a preflight", "/rest/v1/bookings", 200, "OPTIONS"],
  ])("of %s has the id of its request", async (_name, path, status, method = "GET") => {
    const id = `test-${crypto.randomUUID().slice(0, 8)}`;
    expect(await send(path, { apikey, "x-request-id": id }, method)).toMatchObject({ status, id });
    expect((await send(path, { apikey }, method)).id).toMatch(uuid);
  });

  it("without an API key, and one that has not changed, have it, too", async () => {
    expect(await send("/rest/v1/currencies", { "x-request-id": "a-1" })).toMatchObject({
      status: 401,
      id: "a-1",
    });
    const path = "/rest/v1/currencies?limit=1";
    const etag = (await fetch(`${stack.apiUrl}${path}`, { headers: { apikey } })).headers.get("etag") ?? "";
    const same = await send(path, { apikey, "if-none-match": etag, "x-request-id": "a-2" });
    expect(same).toEqual({ status: 304, id: "a-2", body: "" });
  });

  it("of an upgrade has it, too", async () => {
    const { hostname, port } = new URL(stack.apiUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      "GET /realtime/v1 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-request-id: a-3\r\n\r\n",
    );
    expect(await text(socket)).toContain("x-request-id: a-3\r\n");
  });

  it("shows the id to pages of other origins, and takes it from them", async () => {
    for (const path of ["/rest/v1/currencies?limit=1", "/functions/v1/payments"]) {
      const { headers } = await fetch(`${stack.apiUrl}${path}`, { headers: { apikey } });
      expect(headers.get("access-control-expose-headers")?.toLowerCase()).toContain("x-request-id");
    }
    const preflight = await fetch(`${stack.apiUrl}/functions/v1/payments`, { method: "OPTIONS" });
    expect(preflight.headers.get("access-control-allow-headers")).toContain("x-request-id");
  });
});

describe("an id", () => {
  it.each([
    ["is empty", ""],
    ["has a space", "a b"],
    ["has 10 kB", "x".repeat(10_000)],
    ["has one character too many", "x".repeat(61)],
    ["is SQL", "'; drop table private.bookings; --"],
    ["is JSON", '{"level":"error"}'],
    ["is a key", stack.secretKey],
    ["is an address", "gita@example.com"],
    ["has letters of other alphabets", "\u00e9t\u00e9"],
    ["is there twice", ["a-1", "a-2"]],
  ])("that %s is replaced", async (_name, id) => {
    const answer = await send("/rest/v1/currencies?limit=1", { apikey, "x-request-id": id });
    expect(answer.status).toBe(200);
    expect(answer.id).toMatch(uuid);
  });

  it("with a line break reaches neither the answer nor the log", async () => {
    const { hostname, port } = new URL(stack.apiUrl);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: a\n{"forged":1}\r\n\r\n`,
    );
    expect(await text(socket)).not.toContain("forged");
    expect(logFile("gateway")).not.toContain("forged");
  });

  it("is checked by the database, which does not depend on a gateway", async () => {
    const idIn = async (headers: object) =>
      sql.begin(async (tx) => {
        await tx`select set_config('request.headers', ${JSON.stringify(headers)}, true)`;
        const [row] = await tx`select private.request_id() as id`;
        return row?.id;
      });
    expect(await idIn({ "x-request-id": "a-1", "sb-request-id": "b-1" })).toBe("a-1");
    expect(await idIn({ "x-request-id": "a\nb", "sb-request-id": "b-1", "cf-ray": "c-1" })).toBe("b-1");
    expect(await idIn({ "cf-ray": "c-1" })).toBe("c-1");
    expect(await idIn({ "x-request-id": "'; drop table x" })).toBeNull();
    expect(await idIn({})).toBeNull();
  });
});

describe("the gateway's log", () => {
  it("has route, method, status, time and role of a request, and no query, token and row", async () => {
    const id = `log-${crypto.randomUUID()}`;
    const secret = "eq.gita%40example.com";
    await send(`/rest/v1/profiles?id=${secret}&apikey=${apikey}`, { "x-request-id": id });
    await send(`/auth/v1/admin/users/${crypto.randomUUID()}`, {
      apikey: stack.secretKey,
      "x-request-id": `${id}-2`,
    });
    const [line] = await until(
      async () => linesOf("gateway", id).length > 0 && linesOf("gateway", id),
      "the line",
    );
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: "info",
      request_id: id,
      route: "/rest/v1/profiles",
      method: "GET",
      status: 400,
      ms: expect.any(Number),
      role: "anon",
    });
    const [second] = await until(
      async () => linesOf("gateway", `${id}-2`).length > 0 && linesOf("gateway", `${id}-2`),
      "the second",
    );
    expect(second).toMatchObject({ route: "/auth/v1/admin/users/{path}", role: "service_role" });
    const log = logFile("gateway");
    for (const word of ["example.com", apikey, stack.secretKey, stack.serviceRoleKey, "Bearer"])
      expect(log).not.toContain(word);
    for (const line of log.split("\n").filter((line) => line !== "")) JSON.parse(line);
  });
});

describe("a booking that is paid under one id", () => {
  it("is found by it in every part", async () => {
    const id = `order-${crypto.randomUUID()}`;
    const headers = { "x-request-id": id };
    const { guest, host, property } = await createMarket();
    const booked = await request(guest, "/rest/v1/bookings", {
      method: "POST",
      headers: { ...headers, prefer: "return=representation" },
      body: JSON.stringify({
        property_id: property,
        check_in: dayAhead(40),
        check_out: dayAhead(42),
        adults: 1,
      }),
    });
    const [booking] = (await booked.json()) as [{ id: string }];
    expect([booked.status, booked.headers.get("x-request-id")]).toEqual([201, id]);
    const paid = await request(guest, "/functions/v1/payments", {
      method: "POST",
      headers,
      body: JSON.stringify({ booking_id: booking.id }),
    });
    const begun = (await paid.json()) as BegunPayment;
    expect([paid.status, paid.headers.get("x-request-id")]).toEqual([200, id]);
    await payOnPage(begun);
    await untilStatus(guest, booking.id, "confirmed");

    const { metadata } = await stripe.paymentIntents.retrieve(intentOf(begun));
    expect(metadata.request_id).toBe(id);
    const events = await sql`
      select event, to_status, request_id from private.booking_events where booking_id = ${booking.id} order by id`;
    expect([...events]).toEqual([
      { event: "created", to_status: "awaiting_payment", request_id: id },
      { event: "status_changed", to_status: "confirmed", request_id: id },
    ]);
    // a later request under an id of its own takes the same PaymentIntent
    const again = await request(guest, "/functions/v1/payments", {
      method: "POST",
      headers: { "x-request-id": `${id}-2` },
      body: JSON.stringify({ booking_id: booking.id }),
    });
    expect([again.status, again.headers.get("x-request-id")]).toEqual([409, `${id}-2`]);

    const cancelled = `cancel-${crypto.randomUUID()}`;
    await request(guest, "/rest/v1/rpc/cancel_booking", {
      method: "POST",
      headers: { "x-request-id": cancelled },
      body: JSON.stringify({ p_booking_id: booking.id }),
    });
    const tasks = () => sql`
      select kind, request_id from private.stripe_tasks where request_id in (${id}, ${cancelled}) and done_at is not null`;
    await until(async () => (await tasks()).some(({ kind }) => kind === "refund"), "the refund");
    expect((await tasks()).filter(({ kind }) => kind === "event").length).toBeGreaterThan(0);
    const { data: refunds } = await stripe.refunds.list({ payment_intent: intentOf(begun) });
    expect(refunds.map((refund) => refund.metadata?.request_id)).toEqual([cancelled]);

    const routes = linesOf("gateway", id).map(({ route, status, role }) => ({ route, status, role }));
    expect(routes).toContainEqual({ route: "/rest/v1/bookings", status: 201, role: "authenticated" });
    expect(routes).toContainEqual({ route: "/functions/v1/payments", status: 200, role: "authenticated" });
    const messages = (name: string, of = id) =>
      linesOf(`function-${name}`, of).map(({ message }) => String(message));
    expect(messages("payments")).toContainEqual(expect.stringContaining(intentOf(begun)));
    await until(
      async () => messages("money-worker").some((message) => message.includes("(event)")),
      "the event's line",
    );
    await until(
      async () => messages("money-worker", cancelled).some((message) => message.includes("(refund)")),
      "the refund's line",
    );
    await until(
      async () => messages("send-mails").some((message) => /^job \d+: done/.test(message)),
      "the mail's line",
    );
    for (const secret of [guest.email, host.email, begun.client_secret, stack.secretKey])
      expect(
        ["payments", "money-worker", "send-mails"].map((name) => logFile(`function-${name}`)).join(),
      ).not.toContain(secret);

    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(projectRoot, "scripts/logs.ts"), "--request", id],
      {
        env: {
          ...process.env,
          STAYBASE_DIR: stack.dataDir,
          STAYBASE_DB_PORT: new URL(stack.databaseUrl).port,
        },
      },
    );
    expect(stdout).toMatch(/^\S+Z {2}gateway +POST \/rest\/v1\/bookings 201 [\d.]+ ms authenticated$/m);
    expect(stdout).toMatch(new RegExp(`booking_events +created awaiting_payment ${booking.id}`));
    expect(stdout).toMatch(/stripe_tasks +event done evt_/);
    expect(stdout).toMatch(/function-money-worker +task \d+ \(event\): applied/);
    const times = stdout
      .trim()
      .split("\n")
      .map((line) => line.slice(0, 24));
    expect(times).toEqual(times.toSorted());
  });
});

describe("an audit row", () => {
  it("has the id of the request, and operators read it in the audit trail", async () => {
    const operator = await signUpOperator();
    const { guest } = await createMarket();
    const id = `suspend-${crypto.randomUUID()}`;
    const suspended = await request(operator, "/rest/v1/rpc/suspend_profile", {
      method: "POST",
      headers: { "x-request-id": id },
      body: JSON.stringify({ p_profile_id: guest.id, p_reason: "A drill." }),
    });
    expect(suspended.ok).toBe(true);
    const { data } = await operator.client.rpc("audit_trail", { p_id: guest.id }).throwOnError();
    expect(data.filter(({ source }) => source === "suspensions").map(({ request_id }) => request_id)).toEqual(
      [id],
    );
  });
});

describe("Postgres", () => {
  it("names the session of a request after it, so its log shows the id", async () => {
    const id = `lock-${crypto.randomUUID()}`;
    const answered = request(undefined, "/rest/v1/rpc/audit_trail", {
      method: "POST",
      headers: { "x-request-id": id },
      body: "{}",
    });
    expect((await answered).ok).toBe(false);
    const { guest } = await createMarket();
    await request(guest, "/rest/v1/rpc/cancel_booking", {
      method: "POST",
      headers: { "x-request-id": id },
      body: JSON.stringify({ p_booking_id: crypto.randomUUID() }),
    });
    await until(
      async () => logFile("postgres").includes(` authenticator ${id} ERROR: `),
      "the error in the log",
    );
  });
});
