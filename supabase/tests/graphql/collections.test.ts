// Reading collections: filters, order, pages, single rows by key and by node id.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Case, edges, type Lodging, nodeId, openLodging, refused, SCHEMA, token } from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

const listings = (args: string, fields = "id") =>
  `{ listingsCollection${args && `(${args})`} { edges { node { ${fields} } } } }`;
const found = (...ids: number[]) => ({ data: { listingsCollection: edges(...ids.map((id) => ({ id }))) } });
const filtered = (filter: string, ...ids: number[]): Case => [
  filter,
  listings(`filter: {${filter}}`),
  found(...ids),
];

describe("filters", () => {
  const cases: Case[] = [
    filtered("id: {eq: 3}", 3),
    filtered("id: {neq: 3}", 1, 2, 4),
    filtered("id: {lt: 2}", 1),
    filtered("id: {lte: 2}", 1, 2),
    filtered("id: {gt: 3}", 4),
    filtered("id: {gte: 3}", 3, 4),
    filtered("id: {in: [4, 1]}", 1, 4),
    filtered("id: {in: 4}", 4),
    filtered("id: {in: []}"),
    filtered("id: {gt: 1, lt: 4}", 2, 3),
    filtered('title: {eq: "Barn"}', 2),
    filtered('title: {startsWith: "Ca"}', 3),
    filtered('title: {like: "%n"}', 2, 3, 4),
    filtered('title: {ilike: "a%"}', 1),
    filtered('title: {regex: "^[AB]"}', 1, 2),
    filtered('title: {iregex: "^[ab]"}', 1, 2),
    filtered('title: {gt: "Cabin"}', 4),
    filtered('slug: {eq: "attic"}', 1),
    filtered("slug: {is: NULL}", 4),
    filtered("slug: {is: NOT_NULL}", 1, 2, 3),
    filtered("slug: {eq: null}"),
    filtered("slug: null", 1, 2, 3, 4),
    filtered("isActive: {eq: false}", 3),
    filtered("kind: {eq: ENTIRE_HOME}", 1),
    filtered("kind: {neq: shared}", 1, 3),
    filtered("kind: {in: [shared, PRIVATE_ROOM]}", 2, 3, 4),
    filtered("best: {eq: high}", 3),
    filtered('nightly: {gt: "9007199254740992"}', 2),
    filtered("nightly: {eq: 9007199254740993}", 2),
    filtered('rating: {gte: "4.5"}', 1, 3),
    filtered("area: {gt: 20.5}", 1),
    filtered("area: {eq: 20}", 3),
    filtered('updatedAt: {gt: "2026-02-01T00:00:00Z"}', 3),
    filtered('checkIn: {lt: "16:00"}', 1),
    filtered('reference: {eq: "00000000-0000-4000-8000-00000000000c"}', 3),
    filtered('nights: {eq: "[2,30)"}', 3),
    filtered('amenities: {contains: ["wifi"]}', 1, 3),
    filtered('amenities: {contains: "sauna"}', 1),
    filtered('amenities: {containedBy: ["wifi"]}', 2, 3),
    filtered('amenities: {overlaps: ["sauna", "pool"]}', 1),
    filtered('amenities: {eq: ["wifi"]}', 3),
    filtered("amenities: {is: NULL}", 4),
    filtered("and: [{id: {gt: 1}}, {id: {lt: 3}}]", 2),
    filtered("or: [{id: {eq: 1}}, {id: {eq: 4}}]", 1, 4),
    filtered("not: {id: {eq: 1}}", 2, 3, 4),
    filtered("not: {id: {eq: 1}, isActive: {eq: true}}", 2, 3, 4),
    filtered("or: [{id: {eq: 1}}, {not: {isActive: {eq: true}}}], hostId: {eq: 2}", 3),
    filtered("and: []", 1, 2, 3, 4),
    filtered("or: [{}]", 1, 2, 3, 4),
    filtered("not: {}", 1, 2, 3, 4),
    filtered(`nodeId: {eq: "${nodeId("listings", 2)}"}`, 2),
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });
});

describe("wrong filters", () => {
  const wrong = (filter: string, message: string): Case => [
    filter,
    listings(`filter: {${filter}}`),
    refused(message),
  ];
  const cases: Case[] = [
    wrong('id: {eq: "1"}', "Invalid input for Int type"),
    wrong("id: {eq: 1.0}", "Invalid input for Int type"),
    wrong("id: 1", "Invalid input for IntFilter type"),
    wrong("id: {is: null}", "Error transpiling Is filter value type"),
    wrong("id: {is: SOMETIMES}", "Invalid input for FilterIs type"),
    wrong("id: {in: [null]}", "Invalid input for NonNull type"),
    wrong("id: {like: 1}", 'Input for type IntFilter contains extra keys ["like"]'),
    wrong("title: {eq: 1}", "Invalid input for String(None) type"),
    wrong("slug: {eq: 1}", "Invalid input for String(Some(8)) type"),
    wrong('slug: {eq: "penthouse"}', "Invalid input for String type. Maximum character length 8"),
    wrong("isActive: {eq: 1}", "Invalid input for Boolean type"),
    wrong('area: {eq: "1"}', "Invalid input for Float type"),
    wrong("nightly: {eq: true}", "Invalid input for BigInt type"),
    wrong("rating: {eq: 4.5}", "Invalid input for BigFloat type. String required"),
    wrong("kind: {eq: CASTLE}", "Invalid input for RoomKind type"),
    wrong("reference: {eq: 1}", "Invalid input for UUID type"),
    wrong('reference: {gt: "a"}', 'Input for type UUIDFilter contains extra keys ["gt"]'),
    wrong('details: {eq: "{}"}', 'Input for type ListingsFilter contains extra keys ["details"]'),
    wrong('position: {eq: "(1,2)"}', 'Input for type ListingsFilter contains extra keys ["position"]'),
    wrong("city: {eq: 1}", 'Input for type ListingsFilter contains extra keys ["city"]'),
    wrong('nodeId: {eq: "?"}', "Invalid value passed to nodeId argument. Error 2"),
    wrong(`nodeId: {eq: "${nodeId("hosts", 1)}"}`, "nodeId belongs to a different collection"),
    wrong(
      `nodeId: {eq: "${token('["public", "listings", 1]')}"}`,
      "nodeId belongs to a different collection",
    ),
    wrong(
      `nodeId: {eq: "${nodeId("listings", 1, 2)}"}`,
      "Primary key column count mismatch. Expected 1, provided 2",
    ),
    wrong(
      'updatedAt: {eq: "yesterdayish"}',
      'invalid input syntax for type timestamp with time zone: "yesterdayish"',
    ),
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });
});

describe("order", () => {
  const ordered = (orderBy: string, ...ids: number[]): Case => [
    orderBy,
    listings(`orderBy: ${orderBy}`),
    found(...ids),
  ];
  const wrong = (orderBy: string, message: string): Case => [
    orderBy,
    listings(`orderBy: ${orderBy}`),
    refused(message),
  ];
  const cases: Case[] = [
    ordered("[]", 1, 2, 3, 4),
    ordered("null", 1, 2, 3, 4),
    ordered("[{title: DescNullsLast}]", 4, 3, 2, 1),
    ordered("{title: DescNullsLast}", 4, 3, 2, 1),
    ordered("[{rating: AscNullsFirst}]", 2, 4, 1, 3),
    ordered("[{rating: AscNullsLast}]", 4, 1, 3, 2),
    ordered("[{rating: DescNullsFirst}]", 2, 3, 1, 4),
    ordered("[{rating: DescNullsLast}]", 3, 1, 4, 2),
    ordered("[{isActive: AscNullsLast}, {title: DescNullsLast}]", 3, 4, 2, 1),
    ordered("[{hostId: DescNullsLast}]", 3, 4, 1, 2),
    wrong("[{id: Up}]", "Invalid input for OrderByDirection type"),
    wrong("[{id: 1}]", "Invalid input for OrderByDirection type"),
    wrong("[1]", "Invalid input for ListingsOrderBy type"),
    wrong("[null]", "Invalid input for NonNull type"),
    wrong("[{amenities: AscNullsLast}]", 'Input for type ListingsOrderBy contains extra keys ["amenities"]'),
    wrong("[{details: AscNullsLast}]", 'Input for type ListingsOrderBy contains extra keys ["details"]'),
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });
});

describe("pages", () => {
  const page = (args: string) =>
    `{ hostsCollection(${args}) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
  const answer = (ids: number[], hasPreviousPage: boolean, hasNextPage: boolean) => ({
    data: {
      hostsCollection: {
        edges: ids.map((id) => ({ cursor: token(`[${id}]`), node: { id } })),
        pageInfo: {
          hasNextPage,
          hasPreviousPage,
          startCursor: ids.length > 0 ? token(`[${ids[0]}]`) : null,
          endCursor: ids.length > 0 ? token(`[${ids.at(-1)}]`) : null,
        },
      },
    },
  });
  const shows = (args: string, ids: number[], before: boolean, after: boolean): Case => [
    args,
    page(args),
    answer(ids, before, after),
  ];
  const wrong = (args: string, message: string): Case => [args, page(args), refused(message)];
  const cases: Case[] = [
    shows("first: 2", [1, 2], false, true),
    shows("first: 3", [1, 2, 3], false, false),
    shows('first: 2, after: "WzFd"', [2, 3], true, false),
    shows('first: 1, after: "WzFd"', [2], true, true),
    shows("first: 1, offset: 1", [2], true, true),
    shows('first: 1, offset: 1, after: "WzFd"', [3], true, false),
    shows("last: 2", [2, 3], true, false),
    shows('last: 1, before: "WzNd"', [2], true, true),
    shows('before: "WzNd"', [1, 2], false, true),
    shows('last: 5, before: "WzNd"', [1, 2], false, true),
    shows('after: "WzNd"', [], false, false),
    shows("offset: 9", [], false, false),
    shows("first: null, after: null", [1, 2, 3], false, false),
    wrong("first: 1, last: 1", 'only one of "first" and "last" may be provided'),
    wrong('before: "WzFd", after: "WzFd"', 'only one of "before" and "after" may be provided'),
    wrong('first: 1, before: "WzFd"', '"first" may only be used with "after"'),
    wrong('last: 1, after: "WzFd"', '"last" may only be used with "before"'),
    wrong("last: 1, offset: 1", '"offset" may only be used with "first" and "after"'),
    wrong("first: -1", "`first` must be an unsigned integer"),
    wrong("last: -1", "`last` must be an unsigned integer"),
    wrong("offset: -1", "`offset` must be an unsigned integer"),
    wrong('first: "1"', "Invalid input for Int type"),
    wrong("after: 1", "Invalid input for Cursor type"),
    wrong('after: "?"', "Failed to decode cursor, error 1"),
    wrong(`after: "${Buffer.from([255]).toString("base64")}"`, "Failed to decode cursor, error 2"),
    wrong(`after: "${token("[")}"`, "Failed to decode cursor, error 3"),
    wrong(`after: "${token("{}")}"`, "Failed to decode cursor, error 4"),
    wrong(`after: "${token("[1, 2]")}"`, "orderBy clause incompatible with pagination cursor"),
    wrong(`after: "${token('["x"]')}"`, 'invalid input syntax for type integer: "x"'),
    wrong("limit: 1", 'Input contains extra keys ["limit"]'),
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });

  it("keeps its position in an order with ties and a second column", async () => {
    const ask = (after: string) =>
      lodging.ask(
        listings(`first: 2, orderBy: [{isActive: DescNullsLast}, {nightly: AscNullsLast}]${after}`),
      );
    expect(await ask("")).toEqual(found(4, 1));
    expect(await ask(`, after: "${token("[true, 9000, 1]")}"`)).toEqual(found(2, 3));
  });

  it("knows its neighbours by a key of two columns", async () => {
    const query = `{ staysCollection(first: 1, after: "${token('[1, "2026-07-01"]')}") { edges { node { night } } pageInfo { hasPreviousPage hasNextPage } } }`;
    const pageInfo = { hasPreviousPage: true, hasNextPage: false };
    expect(await lodging.ask(query)).toEqual({
      data: { staysCollection: { ...edges({ night: "2026-07-02" }), pageInfo } },
    });
  });

  it("holds 30 rows unless a directive says otherwise, and never more", async () => {
    const many = "insert into hosts select n, 'Host ' || n from generate_series(4, 40) n;";
    const ids = (to: number) => edges(...Array.from({ length: to }, (_, i) => ({ id: i + 1 })));
    const ask = (query: string, given: string) => lodging.ask(query, { given: many + given });
    const hosts = (args = "") => `{ hostsCollection${args} { edges { node { id } } } }`;
    expect(await ask(hosts(), "")).toEqual({ data: { hostsCollection: ids(30) } });
    expect(await ask(hosts("(first: 100)"), "")).toEqual({ data: { hostsCollection: ids(30) } });
    const bySchema = `comment on schema ${SCHEMA} is '@graphql({"inflect_names": true, "max_rows": 5})';`;
    expect(await ask(hosts("(first: 100)"), bySchema)).toEqual({ data: { hostsCollection: ids(5) } });
    const byTable = `${bySchema} comment on table hosts is '@graphql({"max_rows": 35})';`;
    expect(await ask(hosts(), byTable)).toEqual({ data: { hostsCollection: ids(35) } });
  });
});

describe("counts and aggregates", () => {
  const cases: Case[] = [
    [
      "totalCount counts all that match, not only the page",
      "{ hostsCollection(first: 1, filter: {id: {gt: 1}}) { totalCount edges { node { id } } } }",
      { data: { hostsCollection: { totalCount: 2, ...edges({ id: 2 }) } } },
    ],
    [
      "totalCount only where enabled",
      "{ listingsCollection { totalCount } }",
      refused("unknown field in connection"),
    ],
    [
      "aggregates as numbers, over all that match",
      "{ listingsCollection(first: 1, filter: {id: {neq: 2}}) { aggregate { count sum { nightly area } avg { nightly } min { title rating } max { nightly } } } }",
      {
        data: {
          listingsCollection: {
            aggregate: {
              count: 3,
              sum: { nightly: 21000, area: 64.5 },
              avg: { nightly: 7000 },
              min: { title: "Attic", rating: 3.25 },
              max: { nightly: 9000 },
            },
          },
        },
      },
    ],
    [
      "aggregate only where enabled",
      "{ hostsCollection { aggregate { count } } }",
      refused("enable the aggregate directive to use aggregates"),
    ],
    [
      "no sum of texts",
      "{ listingsCollection { aggregate { sum { title } } } }",
      refused('Unknown or invalid field "title" selected on type "ListingsSumAggregateResult"'),
    ],
    [
      "no other aggregate",
      "{ listingsCollection { aggregate { median { nightly } } } }",
      refused('Unknown field "median" selected on type "ListingsAggregate"'),
    ],
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });
});

describe("one row", () => {
  const id = nodeId("listings", 3);
  const cases: Case[] = [
    [
      "by key",
      "{ listingsByPk(id: 3) { title nodeId } }",
      { data: { listingsByPk: { title: "Cabin", nodeId: id } } },
    ],
    ["by a key that no row has", "{ listingsByPk(id: 9) { title } }", { data: { listingsByPk: null } }],
    ["by no key", "{ listingsByPk { title } }", refused("Missing primary key column(s): id")],
    [
      "a key of two columns needs a supported type in both",
      '{ staysByPk(listingId: 1, night: "2026-07-01") { guest } }',
      refused('Unknown field "staysByPk" on type Query'),
    ],
    [
      "a field that the row does not have",
      "{ listingsByPk(id: 3) { city } }",
      refused('Unknown field "city" on type Listings'),
    ],
    [
      "by node id, with fragments on the row's own type only",
      `{ node(nodeId: "${id}") { nodeId ... on Listings { title } ... on Hosts { name } ... on Node { id: nodeId } } }`,
      { data: { node: { nodeId: id, title: "Cabin" } } },
    ],
    [
      "by a node id that no row has",
      `{ node(nodeId: "${nodeId("listings", 9)}") { nodeId } }`,
      { data: { node: null } },
    ],
    [
      "by a composite node id",
      `{ node(nodeId: "${nodeId("stays", 1, "2026-07-02")}") { ... on Stays { night } } }`,
      { data: { node: { night: "2026-07-02" } } },
    ],
    [
      "by a node id of no collection",
      `{ node(nodeId: "${nodeId("hidden", 1)}") { nodeId } }`,
      refused("Collection referenced by nodeId did not match any known collection"),
    ],
    [
      "a field that the node does not have",
      `{ node(nodeId: "${id}") { city } }`,
      refused("Unknown field 'city' on type 'Listings'"),
    ],
    ["by null", "{ node(nodeId: null) { nodeId } }", refused("Invalid input for NonNull type")],
  ];
  it.each(cases)("%s", async (_title, query, expected) => {
    expect(await lodging.ask(query)).toEqual(expected);
  });

  it.each([
    [2, "?"],
    [3, Buffer.from([255]).toString("base64")],
    [4, token("[")],
    [5, token('["a", "b"]')],
    [6, token('[1, "b", 1]')],
    [7, token('["a", 1, 1]')],
    [10, token("{}")],
  ])("error %i of a node id", async (number, encoded) => {
    const expected = refused(`Invalid value passed to nodeId argument. Error ${number}`);
    expect(await lodging.ask(`{ node(nodeId: "${encoded}") { nodeId } }`)).toEqual(expected);
  });
});
