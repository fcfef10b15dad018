// Changing data: inserts, updates, deletes and volatile functions, all or nothing.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  ANA,
  invalid,
  type Lodging,
  nodeId,
  openLodging,
  type Question,
  type Reply,
  refused,
} from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

/** A change, its reply, and what SQL then finds. */
type Change = [
  title: string,
  query: string,
  expected: Reply,
  then: string,
  value: unknown,
  question?: Question,
];

const insert = (objects: string, fields: string) =>
  `mutation { insertIntoListingsCollection(objects: ${objects}) { ${fields} } }`;
const titles = "select string_agg(title, ',' order by id) from listings";
const TITLES = "Attic,Barn,Cabin,Den";

function check(changes: Change[]): void {
  it.each(changes)("%s", async (_title, query, expected, then, value, question) => {
    expect(await lodging.askThen(query, { ...question, then })).toEqual([expected, value]);
  });
}

describe("insert", () => {
  check([
    [
      "gives the rows with their defaults and relations",
      insert(
        '[{hostId: 1, title: "Eyrie"}, {hostId: 2, title: "Fort", kind: ENTIRE_HOME}]',
        "affectedCount records { title kind nightly label host { name } __typename }",
      ),
      {
        data: {
          insertIntoListingsCollection: {
            affectedCount: 2,
            records: [
              {
                title: "Eyrie",
                kind: "shared",
                nightly: "5000",
                label: "Eyrie!",
                host: { name: "Ana" },
                __typename: "Listings",
              },
              {
                title: "Fort",
                kind: "ENTIRE_HOME",
                nightly: "5000",
                label: "Fort!",
                host: { name: "Bo" },
                __typename: "Listings",
              },
            ],
          },
        },
      },
      titles,
      `${TITLES},Eyrie,Fort`,
    ],
    [
      "a missing key takes the default, row by row",
      insert('[{hostId: 1, title: "E", nightly: "1"}, {hostId: 1, title: "F"}]', "records { nightly }"),
      { data: { insertIntoListingsCollection: { records: [{ nightly: "1" }, { nightly: "5000" }] } } },
      "select count(*)::integer from listings",
      6,
    ],
    [
      "null is null, not the default",
      insert('[{hostId: 1, title: "E", nightly: null}]', "affectedCount"),
      refused('null value in column "nightly" of relation "listings" violates not-null constraint'),
      titles,
      TITLES,
    ],
    [
      "a variable that is not given is left out",
      'mutation M($n: BigInt) { insertIntoListingsCollection(objects: {hostId: 1, title: "E", nightly: $n}) { records { nightly } } }',
      { data: { insertIntoListingsCollection: { records: [{ nightly: "5000" }] } } },
      titles,
      `${TITLES},E`,
    ],
    [
      "every kind of value as a variable",
      "mutation M($rows: [ListingsInsertInput!]!) { insertIntoListingsCollection(objects: $rows) { records { nightly rating area amenities details checkIn isActive reference best nights } } }",
      {
        data: {
          insertIntoListingsCollection: {
            records: [
              {
                nightly: "12",
                rating: "1.25",
                area: 7,
                amenities: ['a "b"', "c\\d", null, "{e}"],
                details: '{"a": "ü"}',
                checkIn: "08:30:00",
                isActive: false,
                reference: ANA,
                best: "low",
                nights: "[3,5)",
              },
            ],
          },
        },
      },
      titles,
      `${TITLES},'; drop table hosts; --`,
      {
        variables: {
          rows: {
            hostId: 1,
            title: "'; drop table hosts; --",
            nightly: 12,
            rating: "1.25",
            area: 7,
            amenities: ['a "b"', "c\\d", null, "{e}"],
            details: '{"a":"ü"}',
            checkIn: "8:30",
            isActive: false,
            reference: ANA,
            best: "low",
            nights: "[3,4]",
          },
        },
      },
    ],
    [
      "only defaults",
      "mutation { insertIntoLogsCollection(objects: [{}, {}]) { records { note } } }",
      { data: { insertIntoLogsCollection: { records: [{ note: "-" }, { note: "-" }] } } },
      "select count(*)::integer from logs",
      2,
      {
        given:
          "create table logs (id integer generated always as identity primary key, note text default '-'); grant all on logs to authenticated;",
      },
    ],
    [
      "no rows",
      insert("[]", "affectedCount"),
      refused("At least one record must be provided to objects"),
      titles,
      TITLES,
    ],
    [
      "no list",
      "mutation { insertIntoListingsCollection { affectedCount } }",
      refused("Invalid input for NonNull type"),
      titles,
      TITLES,
    ],
    [
      "no objects",
      insert('["Eyrie"]', "affectedCount"),
      refused("Invalid input for ListingsInsertInput type"),
      titles,
      TITLES,
    ],
    [
      "an identity column",
      insert("{id: 9}", "affectedCount"),
      refused('Input for type ListingsInsertInput contains extra keys ["id"]'),
      titles,
      TITLES,
    ],
    [
      "a generated column",
      insert('{label: "x"}', "affectedCount"),
      refused('Input for type ListingsInsertInput contains extra keys ["label"]'),
      titles,
      TITLES,
    ],
    [
      "a composite column",
      insert('{position: "(1,2)"}', "affectedCount"),
      refused('Input for type ListingsInsertInput contains extra keys ["position"]'),
      titles,
      TITLES,
    ],
    [
      "a string that is too long in bytes",
      insert('{hostId: 1, title: "E", slug: "éééée"}', "affectedCount"),
      refused("Invalid input for String type. Maximum character length 8"),
      titles,
      TITLES,
    ],
    [
      "an unknown field of the answer",
      insert('{hostId: 1, title: "E"}', "count"),
      refused("unknown field in insert"),
      titles,
      TITLES,
    ],
    [
      "a broken foreign key",
      insert('{hostId: 9, title: "E"}', "affectedCount"),
      refused('insert or update on table "listings" violates foreign key constraint "listings_host_id_fkey"'),
      titles,
      TITLES,
    ],
  ]);
});

describe("update", () => {
  const update = (args: string, fields = "affectedCount records { title }") =>
    `mutation { updateListingsCollection(${args}) { ${fields} } }`;
  const changed = (...rows: string[]) => ({
    data: {
      updateListingsCollection: { affectedCount: rows.length, records: rows.map((title) => ({ title })) },
    },
  });
  check([
    [
      "one row",
      update('set: {title: "Burrow"}, filter: {id: {eq: 2}}'),
      changed("Burrow"),
      titles,
      "Attic,Burrow,Cabin,Den",
    ],
    [
      "one row by its node id",
      update(`set: {title: "Burrow"}, filter: {nodeId: {eq: "${nodeId("listings", 2)}"}}`),
      changed("Burrow"),
      titles,
      "Attic,Burrow,Cabin,Den",
    ],
    [
      "several, if allowed",
      update('set: {title: "X"}, filter: {hostId: {eq: 1}}, atMost: 2'),
      changed("X", "X"),
      titles,
      "X,X,Cabin,Den",
    ],
    [
      "no more than allowed",
      update('set: {title: "X"}, filter: {hostId: {eq: 1}}'),
      refused("update impacts too many records"),
      titles,
      TITLES,
    ],
    [
      "all rows, without a filter",
      update('set: {title: "X"}, atMost: 9'),
      changed("X", "X", "X", "X"),
      titles,
      "X,X,X,X",
    ],
    ["no row", update('set: {title: "X"}, filter: {id: {eq: 9}}'), changed(), titles, TITLES],
    [
      "to null",
      update("set: {slug: null}, filter: {id: {eq: 1}}", "records { slug }"),
      { data: { updateListingsCollection: { records: [{ slug: null }] } } },
      "select slug from listings where id = 1",
      null,
    ],
    [
      "to nothing",
      update("set: {}"),
      refused("At least one mapping must be provided to set argument"),
      titles,
      TITLES,
    ],
    [
      "an identity column",
      update("set: {id: 7}"),
      refused('Input for type ListingsUpdateInput contains extra keys ["id"]'),
      titles,
      TITLES,
    ],
    [
      "an unknown argument",
      update('set: {title: "X"}, where: 1'),
      refused('Input contains extra keys ["where"]'),
      titles,
      TITLES,
    ],
    [
      "an unknown field of the answer",
      update('set: {title: "X"}', "count"),
      refused("unknown field in update"),
      titles,
      TITLES,
    ],
  ]);
});

describe("delete", () => {
  const remove = (args: string, fields = "affectedCount records { cancellation }") =>
    `mutation { deleteFromRulesCollection${args} { ${fields} } }`;
  const removed = (...rows: string[]) => ({
    data: {
      deleteFromRulesCollection: {
        affectedCount: rows.length,
        records: rows.map((cancellation) => ({ cancellation })),
      },
    },
  });
  const left = "select count(*)::integer from rules";
  check([
    ["one row", remove("(filter: {listingId: {eq: 3}})"), removed("strict"), left, 1],
    ["several, if allowed", remove("(atMost: 2)"), removed("flexible", "strict"), left, 0],
    ["no more than allowed", remove(""), refused("delete impacts too many records"), left, 2],
    ["no row", remove("(filter: {listingId: {eq: 9}})"), removed(), left, 2],
    ["an unknown field of the answer", remove("", "count"), refused("unknown field in delete"), left, 2],
  ]);
});

describe("functions", () => {
  check([
    [
      "a volatile function is a mutation",
      'mutation { renameHost(hostId: 1, newName: "Ada") { id name } }',
      { data: { renameHost: { id: 1, name: "Ada" } } },
      "select name from hosts where id = 1",
      "Ada",
    ],
    [
      "a stable one is not",
      "mutation { letters }",
      refused('Unknown field "letters" on type Mutation'),
      "select count(*)::integer from hosts",
      3,
    ],
  ]);
});

describe("several at once", () => {
  const add = (key: string, id: number) =>
    `${key}: insertIntoHostsCollection(objects: {id: ${id}, name: "${key}"}) { affectedCount }`;
  const names = "select string_agg(name, ',' order by id) from hosts";
  check([
    [
      "run in order",
      `mutation { ${add("di", 4)} renameHost(hostId: 4, newName: "Eve") { name } __typename }`,
      { data: { di: { affectedCount: 1 }, renameHost: { name: "Eve" }, __typename: "Mutation" } },
      names,
      "Ana,Bo,Cy,Eve",
    ],
    [
      "are undone if the last one fails in Postgres",
      `mutation { ${add("di", 4)} ${add("ed", 1)} }`,
      refused('duplicate key value violates unique constraint "hosts_pkey"'),
      names,
      "Ana,Bo,Cy",
    ],
    [
      "are undone if the last one cannot be planned",
      `mutation { ${add("di", 4)} demolish }`,
      refused('Unknown field "demolish" on type Mutation'),
      names,
      "Ana,Bo,Cy",
    ],
    [
      "cannot be merged with different arguments",
      `mutation { ${add("di", 4)} ${add("di", 5)} }`,
      invalid("Two fields named `insertIntoHostsCollection` have different arguments"),
      names,
      "Ana,Bo,Cy",
    ],
    [
      "or none",
      "mutation { letters @skip(if: true) }",
      refused("Selection set must not be empty"),
      names,
      "Ana,Bo,Cy",
    ],
  ]);
});
