// Documents: operations, fragments, merging, directives, variables, and the shape of the answer when something is wrong.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Case, edges, invalid, type Lodging, openLodging, type Question, refused } from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

const check = (cases: Case[]) =>
  it.each(cases)("%s", async (_title, query, expected, question) => {
    expect(await lodging.ask(query, question)).toEqual(expected);
  });

const letters = { data: { letters: ["a", "b"] } };
const named = (operationName: string | null): Question => ({ operationName });

describe("operations", () => {
  check([
    ["the only one", "query Q { letters }", letters],
    ["the only one, by name", "query Q { letters }", letters, named("Q")],
    [
      "one of several",
      "query A { letters } query B { __typename }",
      { data: { __typename: "Query" } },
      named("B"),
    ],
    ["none chosen of several", "query A { letters } query B { letters }", invalid("Operation not found")],
    ["a name that there is not", "query A { letters }", invalid("Operation not found"), named("B")],
    ["a name for an operation without one", "{ letters }", invalid("Operation not found"), named("A")],
    ["only fragments", "fragment F on Query { letters }", invalid("Operation not found")],
    [
      "one without a name among others",
      "{ letters } query A { letters }",
      invalid("Anonymous operations must be the only defined operation"),
    ],
    ["two of a name", "query A { letters } query A { letters }", invalid("Operation names must be unique")],
    ["a subscription", "subscription { letters }", invalid("Subscriptions are not supported")],
    ["nothing left of it", "{ letters @skip(if: true) }", invalid("Selection set must not be empty")],
  ]);

  it("says what is wrong with a document that cannot be parsed, and nothing else", async () => {
    const reply = await lodging.ask("{ letters ");
    expect(Object.keys(reply)).toEqual(["errors"]);
    expect(reply.errors?.map((error) => Object.keys(error))).toEqual([["message"]]);
  });
});

describe("answers in part", () => {
  check([
    [
      "a root field that is not there",
      "{ letters lettres }",
      { ...letters, errors: [{ message: 'Unknown field "lettres" on type Query' }] },
    ],
    [
      "all of them",
      "{ a b }",
      {
        data: null,
        errors: [
          { message: 'Unknown field "a" on type Query' },
          { message: 'Unknown field "b" on type Query' },
        ],
      },
    ],
    [
      "a field of a row that is not there",
      "{ letters hostsCollection { edges { node { age } } } }",
      { ...letters, errors: [{ message: "Unknown field 'age' on type 'Hosts'" }] },
    ],
    ["a field of an edge", "{ hostsCollection { edges { rank } } }", refused("unknown field in edge")],
    [
      "a field of the page",
      "{ hostsCollection { pageInfo { size } } }",
      refused("unknown field in pageInfo"),
    ],
    [
      "a field of the collection",
      "{ hostsCollection { nodes { id } } }",
      refused("unknown field in connection"),
    ],
  ]);
});

describe("fragments and merging", () => {
  check([
    [
      "by name and inline",
      "query { ...Q } fragment Q on Query { hostsCollection(first: 1) { ...C } } fragment C on HostsConnection { edges { node { ...H ... { country } ... on Hosts { joinedOn } } } } fragment H on Hosts { name }",
      { data: { hostsCollection: edges({ name: "Ana", country: "PT", joinedOn: "2024-01-31" }) } },
    ],
    [
      "inline on another type: not applied",
      "{ hostsCollection(first: 1) { edges { node { id ... on Node { nodeId } ... on Listings { title } } } } }",
      { data: { hostsCollection: edges({ id: 1 }) } },
    ],
    [
      "by name on another type",
      "{ hostsByPk(id: 1) { ...F } } fragment F on Listings { title }",
      refused("no fragment named F on type Hosts"),
    ],
    ["a name that there is not", "{ ...F }", invalid("no fragment named F on type Query")],
    [
      "the same field twice",
      "{ hostsByPk(id: 1) { id } hostsByPk(id: 1) { name __typename } }",
      { data: { hostsByPk: { id: 1, name: "Ana", __typename: "Hosts" } } },
    ],
    [
      "the same arguments in another order",
      "{ c: hostsCollection(first: 1, filter: {id: {gt: 0, lt: 9}}) { edges { node { id } } } c: hostsCollection(filter: {id: {lt: 9, gt: 0}}, first: 1) { edges { node { name } } } }",
      { data: { c: edges({ id: 1, name: "Ana" }) } },
    ],
    [
      "different arguments at the root",
      "{ hostsByPk(id: 1) { id } hostsByPk(id: 2) { id } }",
      invalid("Two fields named `hostsByPk` have different arguments"),
    ],
    [
      "different arguments within",
      "{ hostsByPk(id: 1) { listingsCollection(first: 1) { edges { cursor } } listingsCollection { edges { cursor } } } }",
      refused("Two fields named `listingsCollection` have different arguments"),
    ],
    [
      "two fields under one key",
      "{ hostsByPk(id: 1) { x: id x: name } }",
      refused("Fields `name` and `id` are different"),
    ],
    [
      "a fragment in itself",
      "{ ...F } fragment F on Query { ...F }",
      invalid("Found a cycle between fragments"),
    ],
    [
      "fragments in each other, used or not",
      "{ letters } fragment A on Query { ...B } fragment B on Query { a { ...A } }",
      invalid("Found a cycle between fragments"),
    ],
  ]);
});

describe("directives", () => {
  const host = (directive: string, variables: Record<string, unknown> = {}): [string, Question] => [
    `query Q($yes: Boolean, $no: Boolean) { hostsByPk(id: 1) { id name ${directive} } }`,
    { variables },
  ];
  const withName = { data: { hostsByPk: { id: 1, name: "Ana" } } };
  const without = { data: { hostsByPk: { id: 1 } } };
  const cases: [directive: string, expected: unknown, variables?: Record<string, unknown>][] = [
    ["@skip(if: true)", without],
    ["@skip(if: false)", withName],
    ["@include(if: true)", withName],
    ["@include(if: false)", without],
    ["@include(if: true) @skip(if: true)", without],
    ["@skip(if: $yes)", without, { yes: true }],
    ["@include(if: $no)", without, { no: false }],
    ["@skip(if: $yes)", refused('Value for "if" in @skip directive is required')],
    ["@include(if: $yes)", refused('Value for "if" in @include directive is required'), { yes: "true" }],
    ["@defer", refused("Unknown directive defer")],
    ["@skip", refused("Incorrect arguments to directive @skip")],
    ["@skip(unless: true)", refused("Unknown argument to @skip: unless")],
  ];
  it.each(cases)("%s", async (directive, expected, variables) => {
    expect(await lodging.ask(...host(directive, variables))).toEqual(expected);
  });

  check([
    [
      "on fragments",
      "{ hostsByPk(id: 1) { id ...N @skip(if: true) ... on Hosts @include(if: false) { country } } } fragment N on Hosts { name }",
      without,
    ],
  ]);
});

describe("variables", () => {
  const query =
    "query Q($id: Int, $ids: [Int!] = [2], $filter: HostsFilter) { a: hostsCollection(filter: {id: {eq: $id, in: $ids}, and: [$filter]}) { edges { node { id } } } }";
  const ids = (...found: number[]) => ({ data: { a: edges(...found.map((id) => ({ id }))) } });
  check([
    [
      "given",
      "query Q($id: Int!) { hostsByPk(id: $id) { id } }",
      { data: { hostsByPk: { id: 2 } } },
      { variables: { id: 2 } },
    ],
    [
      "not declared",
      "{ hostsByPk(id: $id) { id } }",
      { data: { hostsByPk: { id: 2 } } },
      { variables: { id: 2 } },
    ],
    ["not used", "{ letters }", letters, { variables: { id: 2 } }],
    [
      "declared with another type",
      "query Q($id: String) { hostsCollection(filter: {id: {eq: $id}}) { edges { node { id } } } }",
      { data: { hostsCollection: edges({ id: 2 }) } },
      { variables: { id: 2 } },
    ],
    [
      "of the wrong type for their position",
      "query Q($id: Int) { hostsCollection(filter: {id: {eq: $id}}) { edges { node { id } } } }",
      refused("Invalid input for Int type"),
      { variables: { id: "2" } },
    ],
    ["absent: default, or left out", query.replace("and: [$filter]", "and: []"), ids(2)],
    ["null", query.replace("and: [$filter]", "and: []"), ids(), { variables: { id: null } }],
    [
      "deep inside a filter",
      query,
      ids(3),
      { variables: { ids: [2, 3], filter: { or: [{ country: { is: "NULL" } }, { id: { eq: 9 } }] } } },
    ],
    [
      "absent where a row is named by its key",
      "query Q($id: Int) { hostsByPk(id: $id) { id } }",
      refused(
        "Encountered `Absent` value while transforming between GraphQL intermediate object notation and JSON",
      ),
    ],
    ["no object", "{ letters }", invalid("variables must be an object"), { variables: [1] }],
    [
      "with names of JavaScript's own",
      "query Q($p: Int) { hostsByPk(id: $__proto__) { id } }",
      { data: { hostsByPk: { id: 2 } } },
      { variables: JSON.parse('{"__proto__": 2}') },
    ],
    [
      "absent, though JavaScript knows the name",
      "{ hostsCollection(first: $constructor) { edges { node { id } } } }",
      { data: { hostsCollection: edges({ id: 1 }, { id: 2 }, { id: 3 }) } },
    ],
  ]);
});
