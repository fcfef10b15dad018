// Which names and types there are: inflection, comment directives, privileges, row security, introspection.

import {
  buildClientSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
  printType,
  validateSchema,
} from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ANA, BO, type Case, edges, type Lodging, nodeId, openLodging, refused, SCHEMA } from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

const check = (cases: Case[]) =>
  it.each(cases)("%s", async (_title, query, expected, question) => {
    expect(await lodging.ask(query, question)).toEqual(expected);
  });
const unknown = (name: string) => refused(`Unknown field "${name}" on type Query`);
const literal = { given: `comment on schema ${SCHEMA} is null;` };
const opened = `comment on schema ${SCHEMA} is '@graphql({"inflect_names": true, "introspection": true})';`;

describe("names", () => {
  check([
    [
      "as they are, without inflection; the first letter of root fields is lowered",
      "{ listingsCollection(first: 1) { __typename edges { node { host_id is_active __typename } } } quote(p_listing_id: 1) title_length: letters }",
      {
        data: {
          listingsCollection: {
            __typename: "listingsConnection",
            ...edges({ host_id: 1, is_active: true, __typename: "listings" }),
          },
          quote: "18000",
          title_length: ["a", "b"],
        },
      },
      literal,
    ],
    [
      "relations without inflection: the column's name loses `Id`, not `_id`",
      "{ petsCollection { edges { node { host hosts { id } } } } }".replace(
        "host hosts",
        "keeper { id } hosts",
      ),
      { data: { petsCollection: edges({ keeper: { id: 1 }, hosts: { id: 2 } }) } },
      {
        given: `${literal.given} create table pets (id integer primary key, "keeperId" integer references hosts, host_id integer references hosts);
          insert into pets values (1, 1, 2); grant select on pets to authenticated;`,
      },
    ],
    [
      "with inflection",
      "{ guestReview2sCollection { __typename edges { node { aB cD9 } } } guestReview2sByPk(aB: 1) { __typename } }",
      {
        data: {
          guestReview2sCollection: { __typename: "GuestReview2sConnection", ...edges({ aB: 1, cD9: "x" }) },
          guestReview2sByPk: { __typename: "GuestReview2s" },
        },
      },
      {
        given: `create table guest_review2s (a_b integer primary key, "_c__d9" text); insert into guest_review2s values (1, 'x');
          grant select on guest_review2s to authenticated;`,
      },
    ],
    [
      "of a directive, for a table and everything made of it",
      "{ homeCollection(first: 1) { __typename edges { __typename node { __typename } } } homeByPk(id: 1) { id } }",
      {
        data: {
          homeCollection: {
            __typename: "HomeConnection",
            edges: [{ __typename: "HomeEdge", node: { __typename: "Home" } }],
          },
          homeByPk: { id: 1 },
        },
      },
      { given: `comment on table listings is 'Homes. @graphql({"name": "Home"})';` },
    ],
    [
      "that GraphQL cannot have: left out",
      "{ badNameCollection { edges { cursor } } }",
      unknown("badNameCollection"),
      { given: 'grant select on "bad-name" to authenticated;' },
    ],
    [
      "a table without a key: left out",
      "{ noKeyCollection { edges { cursor } } }",
      unknown("noKeyCollection"),
    ],
    [
      "a key whose columns do not all exist: left out",
      "{ activeListingsCollection { edges { cursor } } }",
      unknown("activeListingsCollection"),
      { given: `comment on view active_listings is '@graphql({"primary_key_columns": ["id", "city"]})';` },
    ],
    [
      "a partitioned table: left out",
      "{ nightsCollection { edges { cursor } } }",
      unknown("nightsCollection"),
      {
        given:
          "create table nights (id integer primary key) partition by range (id); grant select on nights to authenticated;",
      },
    ],
    [
      "a directive of the wrong type breaks everything",
      "{ letters }",
      {
        errors: [
          {
            message:
              'Error while loading schema, check comment directives. invalid type: string "id", expected a sequence',
          },
        ],
      },
      { given: `comment on view active_listings is '@graphql({"primary_key_columns": "id"})';` },
    ],
    [
      "a filter by a column named `not`",
      "{ oddCollection(filter: {not: {eq: 2}}) { edges { node { not } } } }",
      { data: { oddCollection: edges({ not: 2 }) } },
      {
        given:
          'create table odd ("not" integer primary key); insert into odd values (1), (2); grant select on odd to authenticated;',
      },
    ],
  ]);
});

describe("privileges", () => {
  check([
    [
      "no table that the role cannot read",
      "{ hiddenCollection { edges { cursor } } }",
      unknown("hiddenCollection"),
    ],
    [
      "no schema without usage",
      "{ letters }",
      unknown("letters"),
      { given: `revoke usage on schema ${SCHEMA} from authenticated;` },
    ],
    [
      "no column that the role cannot read",
      "{ hostsCollection { edges { node { id country } } } }",
      refused("Unknown field 'country' on type 'Hosts'"),
      {
        given:
          "revoke select on hosts from authenticated; grant select (id, name) on hosts to authenticated;",
      },
    ],
    [
      "the others, then",
      "{ hostsCollection(first: 1) { edges { node { id name } } } }",
      { data: { hostsCollection: edges({ id: 1, name: "Ana" }) } },
      {
        given:
          "revoke select on hosts from authenticated; grant select (id, name) on hosts to authenticated;",
      },
    ],
    [
      "no computed field unless the whole row can be read",
      "{ hostsCollection { edges { node { cheapest { id } } } } }",
      refused("Unknown field 'cheapest' on type 'Hosts'"),
      {
        given:
          "revoke select on hosts from authenticated; grant select (id, name) on hosts to authenticated;",
      },
    ],
    [
      "no relation through a column that cannot be read",
      "{ listingsCollection { edges { node { host { id } } } } }",
      refused("Unknown field 'host' on type 'Listings'"),
      {
        given:
          "revoke select on listings from authenticated; grant select (id) on listings to authenticated;",
      },
    ],
    [
      "no mutation for a reader",
      "mutation { letters }",
      refused("Unknown type Mutation"),
      { role: "anon", given: "revoke execute on function rename_host, forget_all from public, anon;" },
    ],
    [
      "no column that the role cannot insert",
      'mutation { insertIntoHostsCollection(objects: {id: 9, name: "Di", country: "PT"}) { affectedCount } }',
      refused('Input for type HostsInsertInput contains extra keys ["country"]'),
      {
        given:
          "revoke insert on hosts from authenticated; grant insert (id, name) on hosts to authenticated;",
      },
    ],
    [
      "no update, with the right to delete only",
      "mutation { updateHostsCollection(set: {}) { affectedCount } }",
      refused('Unknown field "updateHostsCollection" on type Mutation'),
      { given: "revoke update on hosts from authenticated;" },
    ],
  ]);
});

describe("row security", () => {
  const mine = "{ staysCollection { edges { node { night } } } }";
  const id = nodeId("stays", 1, "2026-07-01");
  check([
    [
      "one's own rows",
      mine,
      { data: { staysCollection: edges({ night: "2026-07-01" }, { night: "2026-07-02" }) } },
      { user: ANA },
    ],
    ["another one's", mine, { data: { staysCollection: edges({ night: "2026-07-01" }) } }, { user: BO }],
    ["a stranger's node id", `{ node(nodeId: "${id}") { nodeId } }`, { data: { node: null } }, { user: BO }],
    [
      "one's own node id",
      `{ node(nodeId: "${id}") { nodeId } }`,
      { data: { node: { nodeId: id } } },
      { user: ANA },
    ],
    [
      "through a relation",
      "{ listingsByPk(id: 1) { staysCollection { edges { node { guest } } } } }",
      { data: { listingsByPk: { staysCollection: { edges: [] } } } },
      { user: BO },
    ],
    [
      "a stranger's row is not changed",
      `mutation { deleteFromStaysCollection(filter: {nodeId: {eq: "${id}"}}) { affectedCount records { night } } }`,
      { data: { deleteFromStaysCollection: { affectedCount: 0, records: [] } } },
      { user: BO },
    ],
    [
      "nor added",
      `mutation { insertIntoStaysCollection(objects: {listingId: 4, night: "2026-07-01", guest: "${ANA}"}) { affectedCount } }`,
      refused('new row violates row-level security policy for table "stays"'),
      { user: BO },
    ],
  ]);
});

describe("introspection", () => {
  const schemaQuery = "{ __schema { queryType { name } } }";
  const typeQuery = (name: string, fields = "name") => `{ __type(name: "${name}") { ${fields} } }`;

  check([
    ["off", schemaQuery, unknown("__schema")],
    ["off for one type", typeQuery("Hosts"), unknown("__type")],
    ["on", schemaQuery, { data: { __schema: { queryType: { name: "Query" } } } }, { given: opened }],
    [
      "under any alias",
      "{ __schema { __proto__: queryType { constructor: name } } }",
      { data: { __schema: JSON.parse('{"__proto__": {"constructor": "Query"}}') } },
      { given: opened },
    ],
    ["no such type", typeQuery("Castles"), { data: { __type: null } }, { given: opened }],
    [
      "no such field",
      typeQuery("Hosts", "size"),
      refused("unknown field on __Type: size"),
      { given: opened },
    ],
    [
      "a scalar",
      typeQuery("BigInt", "kind description fields { name } enumValues { name } interfaces { name }"),
      {
        data: {
          __type: {
            kind: "SCALAR",
            description: "An arbitrary size integer represented as a string",
            fields: null,
            enumValues: [],
            interfaces: [],
          },
        },
      },
      { given: opened },
    ],
    [
      "an enum under its mapped names",
      typeQuery("RoomKind", "kind enumValues { name }"),
      {
        data: {
          __type: {
            kind: "ENUM",
            enumValues: [{ name: "ENTIRE_HOME" }, { name: "PRIVATE_ROOM" }, { name: "shared" }],
          },
        },
      },
      { given: opened },
    ],
    [
      "the fields of a row, in order: node id, columns, relations, computed fields",
      typeQuery("Listings", "description interfaces { name } fields { name }"),
      {
        data: {
          __type: {
            description: null,
            interfaces: [{ name: "Node" }],
            fields: [
              "nodeId",
              "id",
              "hostId",
              "title",
              "slug",
              "kind",
              "nightly",
              "rating",
              "area",
              "amenities",
              "details",
              "checkIn",
              "updatedAt",
              "isActive",
              "reference",
              "best",
              "nights",
              "label",
              "host",
              "rules",
              "staysCollection",
              "titleLength",
              "weekly",
              "neighbours",
            ].map((name) => ({ name })),
          },
        },
      },
      { given: opened },
    ],
    [
      "the operators of a filter, sorted",
      typeQuery("StringFilter", "inputFields { name }"),
      {
        data: {
          __type: {
            inputFields: [
              "eq",
              "gt",
              "gte",
              "ilike",
              "in",
              "iregex",
              "is",
              "like",
              "lt",
              "lte",
              "neq",
              "regex",
              "startsWith",
            ].map((name) => ({ name })),
          },
        },
      },
      { given: opened },
    ],
  ]);

  async function clientSchema(given: string, role: "anon" | "authenticated" = "authenticated") {
    const { data, errors } = await lodging.ask(getIntrospectionQuery(), { given, role });
    expect(errors).toBeUndefined();
    return buildClientSchema(data as unknown as IntrospectionQuery);
  }

  it("satisfies graphql-js", async () => {
    expect(validateSchema(await clientSchema(opened))).toEqual([]);
  });

  it("describes root fields, inputs and answers", async () => {
    const schema = await clientSchema(opened);
    const text = (name: string) => {
      const type = schema.getType(name);
      return type
        ? printType(type)
            .replace(/\n? *"""[\s\S]*?"""/g, "")
            .replace(/\n{2,}/g, "\n")
            .trim()
        : null;
    };
    expect(text("Rules")).toBe(
      "type Rules implements Node {\n  nodeId: ID!\n  listingId: Int!\n  cancellation: String!\n  listing: Listings!\n}",
    );
    expect(text("HostsEdge")).toBe("type HostsEdge {\n  cursor: String!\n  node: Hosts!\n}");
    expect(text("HostsConnection")).toBe(
      "type HostsConnection {\n  edges: [HostsEdge!]!\n  pageInfo: PageInfo!\n  totalCount: Int!\n}",
    );
    expect(text("StaysInsertInput")).toBe(
      "input StaysInsertInput {\n  listingId: Int\n  night: Date\n  guest: UUID\n}",
    );
    expect(text("HostsDeleteResponse")).toBe(
      "type HostsDeleteResponse {\n  affectedCount: Int!\n  records: [Hosts!]!\n}",
    );
    // What a row refers to may be hidden by row security; then the field is nullable.
    expect(text("Cleanings")).toContain("stays: Stays\n");
    expect(text("Mutation")).toContain("deleteFromHostsCollection(");
    expect(text("Query")).not.toContain("__schema");
    expect(text("Query")).toContain(
      'quote(pListingId: Int!, pNights: Int = 2, pNote: String = "none"): BigInt',
    );
    expect(schema.getType("Hosts")?.description).toBe("People who let");
  });

  it("promises no row that row security may hide", async () => {
    const listing = async (given: string) => {
      const rules = (await clientSchema(given)).getType("Rules");
      return rules && printType(rules).match(/listing: .*/)?.[0];
    };
    expect(await listing(opened)).toBe("listing: Listings!");
    expect(await listing(`${opened} alter table listings enable row level security;`)).toBe(
      "listing: Listings",
    );
  });

  it("shows a reader no mutations", async () => {
    const given = `${opened} revoke execute on function rename_host, forget_all from public, anon;`;
    const schema = await clientSchema(given, "anon");
    expect(schema.getMutationType()).toBeNull();
    expect(schema.getType("HostsInsertInput")).toBeUndefined();
    expect(validateSchema(schema)).toEqual([]);
  });

  it("opens one schema and hides another, which still answers", async () => {
    const given = `
      ${opened}
      create schema ${SCHEMA}_closed;
      create table ${SCHEMA}_closed.vaults (id integer primary key);
      insert into ${SCHEMA}_closed.vaults values (7);
      grant usage on schema ${SCHEMA}_closed to authenticated;
      grant select on ${SCHEMA}_closed.vaults to authenticated;
      set local search_path = ${SCHEMA}, ${SCHEMA}_closed;`;
    const schema = await clientSchema(given);
    expect(schema.getType("vaults")).toBeUndefined();
    expect(schema.getQueryType()?.getFields().vaultsCollection).toBeUndefined();
    expect(schema.getType("Hosts")).toBeDefined();
    const reply = await lodging.ask(
      '{ vaultsCollection { edges { node { id } } } __type(name: "vaults") { name } }',
      { given },
    );
    expect(reply).toEqual({ data: { vaultsCollection: edges({ id: 7 }), __type: null } });
  });
});
