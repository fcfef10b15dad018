// Answers of the running stack that docs/openapi.json must allow.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { request, service } from "../support/clients.ts";
import { signUp } from "../support/people.ts";

const { paths, components } = JSON.parse(
  readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8"),
);
const resultOf = (name: string) =>
  paths[`/rest/v1/rpc/${name}`].post.responses["200"].content["application/json"].schema;

it("functions that have no result answer null, as documented", async () => {
  const client = service();
  const answers = {
    unsubscribe: await client.rpc("unsubscribe", { p_token: "no token" }),
    fail_job: await client.rpc("fail_job", {
      p_queue: "no queue",
      p_job_id: 1,
      p_attempt: 1,
      p_error: "broken",
    }),
  };
  for (const [name, { status, data }] of Object.entries(answers)) {
    expect([name, status, data]).toEqual([name, 200, null]);
    expect(resultOf(name).type).toEqual(["string", "null"]);
  }
});

it("an upsert that adds no row answers 200, as documented", async () => {
  const { id, client } = await signUp("Ana");
  const { status } = await client.from("profiles").upsert({ id, display_name: "Ana" }).select();
  expect(Object.keys(paths["/rest/v1/profiles"].post.responses)).toContain(`${status}`);
  expect(status).toBe(200);
});

it("an insert answers 201 without content, and with rows when Prefer asks for them", async () => {
  const person = await signUp("Bo");
  const add = (headers = {}) =>
    request(person, "/rest/v1/wishlists", { method: "POST", headers, body: '{"name":"Lisbon"}' });
  const empty = await add();
  expect([empty.status, empty.headers.get("content-type"), await empty.text()]).toEqual([201, null, ""]);
  const full = await add({ prefer: "return=representation" });
  expect([full.status, await full.json()]).toEqual([201, [expect.objectContaining({ name: "Lisbon" })]]);
  const documented = paths["/rest/v1/wishlists"].post.responses["201"];
  expect(documented.content).toBeUndefined();
  expect(documented["x-representation"].items).toEqual({ $ref: "#/components/schemas/wishlists" });
});

it("offers upserts of the tables that take them alone", async () => {
  const parameters = (table: string): { $ref: string }[] => paths[`/rest/v1/${table}`].post.parameters;
  const prefer = (table: string) =>
    parameters(table).flatMap(({ $ref }) => /prefer\w+$/.exec($ref)?.[0] ?? []);
  expect(prefer("profiles")).toEqual(["preferUpsert"]);
  expect(prefer("reports")).toEqual(["preferPost"]);
});

const texts = {
  good: [
    "eq.Lisboa",
    "neq.",
    "not.is.null",
    "in.(a,b)",
    "ilike.*a*",
    "like(any).{a*,b*}",
    "wfts(english).sea",
    'in.("a, b",c)',
    "in.()",
    "not.in.(a)",
    "eq(any).{a,b}",
  ],
  bad: [
    "",
    "Lisboa",
    "=.a",
    "equals.a",
    "eq(one).a",
    "not",
    "eq",
    "in.a",
    "in.(a",
    "not.in.",
    "is.red",
    "eq(any).a",
    "like(all).{a",
  ],
};

it.each(Object.entries(texts))("describes filters as PostgREST reads them: %s", async (kind, filters) => {
  const pattern = new RegExp(components.schemas.Filter.pattern);
  for (const filter of filters) {
    const path = `/rest/v1/properties?select=id&limit=1&city=${encodeURIComponent(filter)}`;
    const { status } = await request(undefined, path);
    const parsed = kind === "good";
    expect([filter, pattern.test(filter), status === 200]).toEqual([filter, parsed, parsed]);
  }
});

it("describes arguments that are dates or enumerations, and refuses other text", async () => {
  const argumentsOf = (name: string) =>
    paths[`/rest/v1/rpc/${name}`].post.requestBody.content["application/json"].schema.properties;
  expect(argumentsOf("bookability")).toMatchObject({
    p_check_in: { type: "string", format: "date" },
    p_check_out: { type: "string", format: "date" },
  });
  expect(argumentsOf("property_calendar").p_to).toEqual({ type: "string", format: "date" });
  expect(argumentsOf("search_properties")).toMatchObject({
    p_booking_mode: { type: "string", enum: ["instant", "request"] },
    p_room_types: { items: { enum: expect.arrayContaining(["entire_home", "private_room"]) } },
  });
  const search = { p_area: "Lisboa", p_booking_mode: "whenever" };
  expect((await service().rpc("count_properties", search as never)).status).toBe(400);
});
