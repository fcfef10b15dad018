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

const columns = {
  "properties.id": {
    good: ["eq.5eed0000-0000-4000-8000-000000000104", "in.()"],
    bad: ["eq.", "eq.104", "lt.x"],
  },
  "properties.base_price": {
    good: ["lt.10000", "not.eq(any).{1,2}", "is.null"],
    bad: ["lt.1.5", "lt.", "in.(a)", "neq(any).{1}"],
  },
  "properties.max_guests": { good: ["gte.2", "isdistinct.4", "in.(2,4)"], bad: ["gte.two", "eq.99999"] },
  "properties.bathrooms": { good: ["gte.1.5"], bad: ["gte.1,5"] },
  "properties.room_type": { good: ["eq.entire_home", "in.(private_room)"], bad: ["eq.castle", "eq."] },
  "properties.created_at": {
    good: ["gte.2027-06-04", "lt.2028-02-29T23:59:59.5Z"],
    bad: ["gte.2027-02-29", "lt.x"],
  },
  "properties.check_in_from": { good: ["gte.15:00"], bad: ["gte.25:00", "gte.noon"] },
  "house_rules.smoking_allowed": {
    good: ["is.true", "eq.false", "not.is.null"],
    bad: ["is.red", "eq.maybe"],
  },
  "profiles.languages": { good: ["cs.{pt}", "ov.{pt,en}", "eq.{}"], bad: ["cs.pt", "ov.{pt"] },
  "cancellation_policies.steps": {
    good: ['cs.[{"refund_percent":100}]'],
    bad: ["cs.{", "eq."],
  },
};

it.each(Object.entries(columns))("describes the filter of %s by its type", async (column, filters) => {
  const [table, name] = column.split(".");
  const { schema } = components.parameters[`rowFilter.${column}`];
  const pattern = new RegExp(components.schemas[schema.$ref.split("/").at(-1)].pattern);
  for (const [kind, texts] of Object.entries(filters)) {
    for (const text of texts) {
      const path = `/rest/v1/${table}?select=${name}&limit=1&${name}=${encodeURIComponent(text)}`;
      const { status } = await request(undefined, path);
      const read = kind === "good";
      expect([text, pattern.test(text), status === 200]).toEqual([text, read, read]);
    }
  }
});

it("describes the order of rows by the columns of each table", async () => {
  const { pattern } = components.parameters["order.properties"].schema;
  const orders = { "title.desc.nullslast,id": 200, "title,": 400, no_column: 400, "title.up": 400 };
  for (const [order, status] of Object.entries(orders)) {
    const answer = await request(undefined, `/rest/v1/properties?select=id&limit=1&order=${order}`);
    expect([order, answer.status, new RegExp(pattern).test(order)]).toEqual([order, status, status === 200]);
  }
});

it("describes the body of a function as optional where no argument is required", async () => {
  const { client } = await signUp("Ivo");
  const bodyOf = (name: string) => paths[`/rest/v1/rpc/${name}`].post.requestBody.required;
  expect([bodyOf("unread_notification_count"), bodyOf("quote_stay")]).toEqual([false, true]);
  const answer = await request({ client }, "/rest/v1/rpc/unread_notification_count", { method: "POST" });
  expect([answer.status, await answer.json()]).toEqual([200, 0]);
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
  expect(new RegExp(argumentsOf("search_properties").p_month.pattern).test("2027-13")).toBe(false);
  const search = { p_area: "Lisboa", p_booking_mode: "whenever" };
  expect((await service().rpc("count_properties", search as never)).status).toBe(400);
});
