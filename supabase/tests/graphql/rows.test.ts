// What a row shows: values in their scalars, relations, computed fields, and functions at the root.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Case, edges, type Lodging, nodeId, openLodging, refused, SCHEMA } from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

const listing = (id: number, fields: string) => `{ listingsByPk(id: ${id}) { ${fields} } }`;
const shows = (title: string, id: number, fields: string, expected: unknown): Case => [
  title,
  listing(id, fields),
  { data: { listingsByPk: expected as null } },
];

describe("values", () => {
  const cases: Case[] = [
    shows("bigint as text, without rounding", 2, "nightly", { nightly: "9007199254740993" }),
    shows("numeric as text with its digits", 1, "rating", { rating: "4.50" }),
    shows("float as number", 1, "area", { area: 32.5 }),
    shows("boolean", 3, "isActive", { isActive: false }),
    shows("json as text", 1, "details", { details: '{"floor": 3}' }),
    shows("a json list as text", 3, "details", { details: "[1, 2]" }),
    shows("list", 1, "amenities", { amenities: ["wifi", "sauna"] }),
    shows("empty list", 2, "amenities", { amenities: [] }),
    shows("null", 4, "amenities slug details", { amenities: null, slug: null, details: null }),
    shows("time, under the name that a directive gives", 1, "checkIn", { checkIn: "15:00:00" }),
    shows("timestamp", 1, "updatedAt", { updatedAt: "2026-01-02T03:04:05+00:00" }),
    shows("uuid", 1, "reference", { reference: "00000000-0000-4000-8000-00000000000a" }),
    shows("enum under its mapped name", 1, "kind", { kind: "ENTIRE_HOME" }),
    shows("enum without a mapping", 4, "kind", { kind: "shared" }),
    shows("range, which GraphQL does not know", 1, "nights", { nights: "[1,8)" }),
    shows("generated column", 1, "label", { label: "Attic!" }),
    shows("node id", 1, "nodeId", { nodeId: nodeId("listings", 1) }),
    shows("type name and alias", 1, "__typename name: title", { __typename: "Listings", name: "Attic" }),
    ["date", "{ hostsByPk(id: 1) { joinedOn } }", { data: { hostsByPk: { joinedOn: "2024-01-31" } } }],
    ["char(n)", "{ hostsByPk(id: 1) { country } }", { data: { hostsByPk: { country: "PT" } } }],
    [
      "no composite",
      "{ listingsCollection { edges { node { position } } } }",
      refused("Unknown field 'position' on type 'Listings'"),
    ],
    [
      "lists of bigint, numeric and json as texts",
      "{ oddsCollection { edges { node { a b c } } } }",
      { data: { oddsCollection: edges({ a: ["1", null], b: ["1.50"], c: ['{"a":1}'] }) } },
      {
        given: `create table odds (id integer primary key, a bigint[], b numeric[], c json[]);
          insert into odds values (1, '{1,NULL}', '{1.50}', array['{"a":1}'::json]); grant select on odds to authenticated;`,
      },
    ],
    [
      "more fields than Postgres takes in one call",
      `{ wideCollection { edges { node { ${Array.from({ length: 60 }, (_, i) => `c${i}`).join(" ")} } } } }`,
      {
        data: {
          wideCollection: edges(Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`c${i}`, i]))),
        },
      },
      {
        given: `create table wide (c0 integer primary key${Array.from({ length: 59 }, (_, i) => `, c${i + 1} integer`).join("")});
          insert into wide select ${Array.from({ length: 60 }, (_, i) => i).join(", ")}; grant select on wide to authenticated;`,
      },
    ],
  ];
  it.each(cases)("%s", async (_title, query, expected, question) => {
    expect(await lodging.ask(query, question)).toEqual(expected);
  });
});

describe("relations", () => {
  const cases: Case[] = [
    shows("to the row referred to, named after the column", 3, "host { name }", { host: { name: "Bo" } }),
    [
      "back to the rows that refer, with arguments",
      "{ hostsByPk(id: 1) { listingsCollection(orderBy: {id: DescNullsLast}, filter: {id: {lt: 9}}, first: 1) { edges { node { id } } pageInfo { hasNextPage } } } }",
      {
        data: { hostsByPk: { listingsCollection: { ...edges({ id: 2 }), pageInfo: { hasNextPage: true } } } },
      },
    ],
    [
      "back to nothing",
      "{ hostsByPk(id: 3) { listingsCollection { edges { node { id } } pageInfo { startCursor } } } }",
      { data: { hostsByPk: { listingsCollection: { edges: [], pageInfo: { startCursor: null } } } } },
    ],
    [
      "back to the only row that can refer",
      "{ listingsCollection(first: 2) { edges { node { rules { cancellation listing { id } } } } } }",
      {
        data: {
          listingsCollection: edges(
            { rules: { cancellation: "flexible", listing: { id: 1 } } },
            { rules: null },
          ),
        },
      },
    ],
    [
      "by two columns, named after the table",
      "{ cleaningsCollection { edges { node { stays { night } } } } }",
      { data: { cleaningsCollection: edges({ stays: { night: "2026-07-01" } }) } },
      { given: "insert into cleanings values (gen_random_uuid(), 1, '2026-07-01');" },
    ],
    [
      "declared for a view, under the names that the directive gives",
      "{ activeListingsByPk(id: 4) { landlord { name active(first: 1) { edges { node { title } } } } } }",
      { data: { activeListingsByPk: { landlord: { name: "Bo", active: edges({ title: "Den" }) } } } },
    ],
    [
      "named by the comment of the constraint",
      "{ hostsByPk(id: 2) { homes(first: 1) { edges { node { owner { id } } } } } }",
      { data: { hostsByPk: { homes: edges({ owner: { id: 2 } }) } } },
      {
        given: `comment on constraint listings_host_id_fkey on listings is '@graphql({"foreign_name": "owner", "local_name": "homes"})';`,
      },
    ],
  ];
  it.each(cases)("%s", async (_title, query, expected, question) => {
    expect(await lodging.ask(query, question)).toEqual(expected);
  });

  const unselected: Case[] = [
    ["a row referred to", listing(3, "host"), refused("subquery must return only one column")],
    ["a computed row", "{ hostsByPk(id: 1) { cheapest } }", refused("subquery must return only one column")],
    [
      "a row with everything skipped",
      listing(3, "host { id @skip(if: true) }"),
      refused("subquery must return only one column"),
    ],
    ["a node", "{ hostsCollection { edges { node } } }", refused('syntax error at or near ")"')],
    [
      "changed rows",
      'mutation { updateHostsCollection(set: {name: "A"}, filter: {id: {eq: 1}}) { records } }',
      refused("function jsonb_agg() does not exist"),
    ],
  ];
  it.each(unselected)("refuses %s without a selection as Postgres does", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });

  it("takes no selection at the root for an empty one", async () => {
    expect(await lodging.ask("{ hostsByPk(id: 1) }")).toEqual({ data: { hostsByPk: {} } });
    expect(await lodging.ask("{ findListing(listingId: 1) }")).toEqual({ data: { findListing: {} } });
  });

  it("refuses a node without a selection, and answers the other fields", async () => {
    const key = await lodging.ask("{ hostsByPk(id: 1) { nodeId } }");
    const { nodeId } = (key as { data: { hostsByPk: { nodeId: string } } }).data.hostsByPk;
    const message = "Internal Error: Failed to execute transpiled query";
    expect(await lodging.ask(`{ node(nodeId: "${nodeId}") }`)).toEqual(refused(message));
    expect(await lodging.ask(`{ node(nodeId: "${nodeId}") unheardOf letters }`)).toEqual({
      data: { letters: ["a", "b"] },
      errors: [{ message }, { message: 'Unknown field "unheardOf" on type Query' }],
    });
    const absent = btoa(atob(nodeId).replace(", 1]", ", 99]"));
    expect(await lodging.ask(`{ node(nodeId: "${absent}") }`)).toEqual({ data: { node: null } });
  });

  it("takes no arguments to a single row", async () => {
    const expected = refused('Input contains extra keys ["id"]');
    expect(await lodging.ask(listing(3, "host(id: 1) { name }"))).toEqual(expected);
  });
});

describe("computed fields", () => {
  const cases: Case[] = [
    shows("a value", 1, "titleLength", { titleLength: 5 }),
    shows("a bigint as text", 1, "weekly", { weekly: "63000" }),
    shows("rows", 1, "neighbours { edges { node { title } } }", { neighbours: edges({ title: "Barn" }) }),
    shows("rows, with arguments", 1, "neighbours(filter: {id: {eq: 9}}) { edges { cursor } }", {
      neighbours: { edges: [] },
    }),
    [
      "one row, or none",
      "{ hostsCollection(filter: {id: {gt: 1}}) { edges { node { cheapest { title } } } } }",
      { data: { hostsCollection: edges({ cheapest: { title: "Den" } }, { cheapest: null }) } },
    ],
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });
});

describe("functions at the root", () => {
  const unknown = (name: string, type = "Query") => refused(`Unknown field "${name}" on type ${type}`);
  const cases: Case[] = [
    ["a value", "{ quote(pListingId: 1, pNights: 3) }", { data: { quote: "27000" } }],
    ["a default", "{ quote(pListingId: 1) }", { data: { quote: "18000" } }],
    ["null for a default", "{ quote(pListingId: 1, pNights: null) }", { data: { quote: null } }],
    ["a required argument", "{ quote }", refused("Invalid input for NonNull type")],
    ["a wrong argument", '{ quote(pListingId: "1") }', refused("Invalid input for Int type")],
    [
      "an unknown argument",
      "{ quote(pListingId: 1, guests: 2) }",
      refused('Input contains extra keys ["guests"]'),
    ],
    ["a list", "{ letters }", { data: { letters: ["a", "b"] } }],
    ["a list as argument", "{ addNumbers(numbers: [1, 2, 3]) }", { data: { addNumbers: 6 } }],
    ["a single value for a list", "{ addNumbers(numbers: 4) }", { data: { addNumbers: 4 } }],
    ["one row", "{ findListing(listingId: 1) { title } }", { data: { findListing: { title: "Attic" } } }],
    ["no row", "{ findListing(listingId: 9) { title } }", { data: { findListing: null } }],
    [
      "rows, filtered and counted in pages",
      '{ searchListings(words: "%n", first: 1, filter: {id: {gt: 2}}) { edges { node { title } } pageInfo { hasNextPage } } }',
      { data: { searchListings: { ...edges({ title: "Cabin" }), pageInfo: { hasNextPage: true } } } },
    ],
    [
      "none that changes data among the queries",
      '{ renameHost(hostId: 1, newName: "A") { id } }',
      unknown("renameHost"),
    ],
    ["one that returns nothing", "mutation { forgetAll }", { data: { forgetAll: null } }],
    ["none with an overloaded name", "{ overloaded(a: 1) }", unknown("overloaded")],
    ["none with an argument without a name", "{ nameless }", unknown("nameless")],
    ["none with a variable number of arguments", "{ spread(numbers: [1]) }", unknown("spread")],
    ["none that takes an enum", "{ takesEnum(kind: shared) }", unknown("takesEnum")],
    ["none that returns a record", "{ giveRecord }", unknown("giveRecord")],
    [
      "none whose argument is named as one of a page",
      "{ pageLike(first: 1) { edges { cursor } } }",
      unknown("pageLike"),
    ],
    [
      "none that the role may not call",
      "{ letters }",
      unknown("letters"),
      { given: "revoke execute on function letters() from public, authenticated;" },
    ],
    [
      "under the name that a directive gives",
      "{ alphabet }",
      { data: { alphabet: ["a", "b"] } },
      { given: `comment on function letters() is '@graphql({"name": "alphabet"})';` },
    ],
  ];
  it.each(cases)("%s", async (_title, query, expected, question) => {
    expect(await lodging.ask(query, question)).toEqual(expected);
  });

  it("fails as a whole where Postgres refuses a value", async () => {
    const given = `create function ${SCHEMA}.inverse(n integer) returns integer immutable language sql as 'select 1 / n';
      grant execute on function ${SCHEMA}.inverse to authenticated;`;
    expect(await lodging.ask("{ letters inverse(n: 0) }", { given })).toEqual(refused("division by zero"));
  });
});
