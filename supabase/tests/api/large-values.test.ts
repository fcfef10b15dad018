// Megabytes in any text, list or JSON of a request are refused with a code before anything reads them, so they cost little.

import { performance } from "node:perf_hooks";
import type { ReservedSql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readExposedFunctions, readWritableRelations } from "../support/catalogue.ts";
import { request } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";

const sql = database();
const relations = await readWritableRelations(sql);
const functions = await readExposedFunctions(sql);
let person: Person;
let session: ReservedSql;

beforeAll(async () => {
  person = await signUp();
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

/** Runs a statement as the person and rolls it back. Returns the code of its error, its message and the time it took. */
async function run(statement: string, role = "authenticated") {
  await session`begin`;
  await session`select set_config('request.jwt.claims', ${JSON.stringify({ role, sub: person.id })}, true)`;
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

it("refuses them in every column that clients write", async () => {
  const faults: string[] = [];
  let tried = 0;
  for (const { name, columns } of relations) {
    for (const { name: column, type, isInsertable, isUpdatable } of columns) {
      const value = largeValue(type);
      if (value === undefined || !(isInsertable || isUpdatable)) continue;
      if (!isInsertable) continue;
      tried++;
      const { code, detail, took } = await run(`insert into public.${name} ("${column}") values (${value})`);
      if (code !== "PT422" || !detail.includes("value_too_long") || took > budget)
        faults.push(`${name}.${column}: ${code} in ${Math.round(took)} ms ${detail.slice(0, 100)}`);
    }
  }
  expect(tried).toBeGreaterThan(40);
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
      const call = () => run(`select public.${called.name}(${passed.join(", ")})`);
      let { code, message, took } = await call();
      // the machine may be busy: the quickest of three tells the cost
      for (let again = 0; again < 2 && took > budget; again++) took = Math.min(took, (await call()).took);
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
