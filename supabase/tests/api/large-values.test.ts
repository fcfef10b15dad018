// Megabytes in any text, list or JSON of a request are refused with a code before anything reads them, so they cost little.

import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { performance } from "node:perf_hooks";
import { json } from "node:stream/consumers";
import type { ReservedSql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readExposedFunctions, readWritableRelations } from "../support/catalogue.ts";
import { request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { createFixtures, type Fixture, type People, signUpPeople } from "../support/writable-rows.ts";

const sql = database();
const relations = await readWritableRelations(sql);
const functions = await readExposedFunctions(sql);
let person: Person;
let people: People;
let fixtures: Record<string, Fixture>;
let session: ReservedSql;

beforeAll(async () => {
  [person, people] = await Promise.all([signUp(), signUpPeople()]);
  fixtures = await createFixtures(sql, people);
  const settings = fixtures.notification_settings?.row?.(0);
  await people.host.client
    .from("notification_settings")
    .insert(settings as never)
    .throwOnError();
  await people.host.client
    .from("property_amenities")
    .insert(fixtures.property_amenities?.row?.(0) as never)
    .throwOnError();
  session = await sql.reserve();
});
afterAll(async () => {
  session.release();
  await sql.end();
});

/** Milliseconds that a statement with 3 MB may take, of which building the value takes a good part. */
const budget = 500;

/** An expression of about 3 MB, or undefined for types of a fixed length. */
function largeValue(type: string): string | undefined {
  if (type === "text") return "repeat('x', 3000000)";
  if (type === "jsonb") return "jsonb_build_object('x', repeat('x', 3000000))";
  if (type.endsWith("[]"))
    return `array_fill(${type === "text[]" ? "'wifi'::text" : `null::${type.slice(0, -2)}`}, array[400000])`;
  return undefined;
}

/** Runs a statement as a person and rolls it back. Returns the code of its error, its message and the time it took. */
async function run(statement: string, { id } = person) {
  const role = id === people.operator.id ? "operator" : "authenticated";
  await session`begin`;
  await session`select set_config('request.jwt.claims', ${JSON.stringify({ role: "authenticated", sub: id })}, true)`;
  await session.unsafe(`set local role ${role}; set local statement_timeout = '8s'`);
  const since = performance.now();
  const error = await session.unsafe(statement).then(
    () => undefined,
    (refusal: { code: string; message: string; detail?: string }) => refusal,
  );
  const took = performance.now() - since;
  await session`rollback`;
  return { code: error?.code ?? "none", message: error?.message ?? "", detail: error?.detail ?? "", took };
}

/** The same, again when it took long: the first call of a function in a session is slow, and so is a busy machine. */
async function runTwice(statement: string, caller = person) {
  const first = await run(statement, caller);
  return first.took > budget ? run(statement, caller) : first;
}

/** The condition that finds the row of a table that its owner may change. */
function keyOf(table: string): string {
  const key = Object.entries(fixtures[table]?.key ?? {});
  return key.length === 0 ? "false" : key.map(([column, value]) => `"${column}" = '${value}'`).join(" and ");
}

it("refuses them in every column that clients write", async () => {
  const faults: string[] = [];
  let tried = 0;
  for (const { name, columns } of relations) {
    for (const { name: column, type, isInsertable, isUpdatable } of columns) {
      const value = largeValue(type);
      if (value === undefined) continue;
      const statements = [
        ...(isInsertable ? [`insert into public.${name} ("${column}") values (${value})`] : []),
        ...(isUpdatable ? [`update public.${name} set "${column}" = ${value} where ${keyOf(name)}`] : []),
      ];
      for (const statement of statements) {
        tried++;
        const { code, detail, took } = await runTwice(statement, fixtures[name]?.owner);
        if (code !== "PT422" || !detail.includes("value_too_long") || took > budget)
          faults.push(`${statement.slice(0, 60)}: ${code} in ${Math.round(took)} ms ${detail.slice(0, 100)}`);
      }
    }
  }
  expect(tried).toBeGreaterThan(80);
  expect(faults, faults.join("\n")).toEqual([]);
});

it("answers soon to them in every argument", async () => {
  const faults: string[] = [];
  let tried = 0;
  for (const called of functions) {
    for (const argument of called.arguments) {
      const value = largeValue(argument.type);
      if (value === undefined) continue;
      tried++;
      const others = called.arguments
        .filter((other) => other !== argument && other.type === "uuid")
        .map((other) => `${other.name} => '${crypto.randomUUID()}'`);
      const needed = called.arguments
        .filter((other) => other !== argument && other.type === "text" && !called.name.includes("search"))
        .map((other) => `${other.name} => '2030-01-01'`);
      const passed = [
        `${argument.name} => ${value}`,
        ...others,
        ...(called.arguments.length > 10 ? [] : needed),
      ];
      const { code, message, took } = await runTwice(`select public.${called.name}(${passed.join(", ")})`);
      const isCoded = code.startsWith("PT4");
      if (!(isCoded || code === "42883") || took > budget || message.length > 2_000)
        faults.push(
          `${called.name}(${argument.name}): ${code} in ${Math.round(took)} ms, ${message.slice(0, 100)}`,
        );
    }
  }
  expect(tried).toBeGreaterThan(40);
  expect(faults, faults.join("\n")).toEqual([]);
});

it("refuses a request of more than 1 MiB with 413", async () => {
  for (const [method, path, field] of [
    ["POST", "wishlists", "name"],
    ["PATCH", `profiles?id=eq.${person.id}`, "about"],
    ["POST", "rpc/search_properties", "p_area"],
  ] as const) {
    const answer = await request(person, `/rest/v1/${path}`, {
      method,
      body: JSON.stringify({ [field]: "x".repeat(2 ** 20) }),
    });
    expect(answer.status).toBe(413);
    expect(await answer.text()).toContain("request_too_large");
  }
});

it("refuses it also when its length comes with no header", async () => {
  const send = async (bytes: number) => {
    const body = JSON.stringify({ p_area: "x".repeat(bytes) });
    const headers = { apikey: stack.publishableKey, "content-type": "application/json" };
    const sending = httpRequest(`${stack.apiUrl}/rest/v1/rpc/search_properties`, { method: "POST", headers });
    for (let at = 0; at < body.length; at += 65_536) sending.write(body.slice(at, at + 65_536));
    sending.end();
    const [answer] = (await once(sending, "response")) as [IncomingMessage];
    return [answer.statusCode, errorCodes((await json(answer)) as { details: string })];
  };
  expect(await send(2 ** 20)).toEqual([413, ["request_too_large"]]);
  expect((await send(2 ** 20 - 1_000))[0]).toBe(422);
});

it("shows no more than 200 characters of a value in a message", async () => {
  const answer = await request(person, "/rest/v1/rpc/quote_stay", {
    method: "POST",
    body: JSON.stringify({
      p_property_id: crypto.randomUUID(),
      p_check_in: "x".repeat(900_000),
      p_check_out: "x",
    }),
  });
  expect(answer.status).toBe(400);
  expect((await answer.text()).length).toBeLessThan(3_000);
});
