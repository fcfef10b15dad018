// Bad input: documents that are too large, too deep or made to explode, broken values, and whatever a generator comes up with.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runs } from "../support/runs.ts";
import {
  ANA,
  BO,
  edges,
  invalid,
  type Lodging,
  nodeId,
  openLodging,
  type Reply,
  refused,
  SCHEMA,
  token,
} from "./lodging.ts";

let lodging: Lodging;
beforeAll(async () => {
  lodging = await openLodging();
});
afterAll(() => lodging.close());

const nested = (levels: number) => `${"{ a ".repeat(levels)}${"}".repeat(levels)}`;
/** The message of a reply that is nothing but one error. */
const onlyError = (reply: Reply): string | undefined => {
  expect(Object.keys(reply)).toEqual(["errors"]);
  expect(reply.errors).toHaveLength(1);
  return reply.errors?.[0]?.message;
};

describe("documents that ask for too much", () => {
  it.each([
    ["1 MB of blanks", `{ letters }${" ".repeat(1_000_000)}`],
    ["1 MB of braces", "{".repeat(1_000_000)],
    ["1 MB of one string", `{ quote(pListingId: 1, pNote: "${"x".repeat(1_000_000)}") }`],
    ["many words", `{ ${"a ".repeat(50_000)} }`],
    ["60,000 aliases", `{ ${Array.from({ length: 60_000 }, (_, i) => `a${i}: letters`).join(" ")} }`],
  ])("%s", async (_title, query) => {
    expect(onlyError(await lodging.ask(query))).toMatch(/^Document is too long$/);
  });

  it("takes 50 levels and no more, of any bracket", async () => {
    expect(await lodging.ask(nested(50))).toEqual(refused('Unknown field "a" on type Query'));
    const lists = (levels: number) => `{ addNumbers(numbers: ${"[".repeat(levels)}${"]".repeat(levels)}) }`;
    for (const query of [
      nested(51),
      nested(4_000),
      lists(49),
      lists(5_000),
      "(".repeat(9_000),
      "[".repeat(9_000),
    ]) {
      expect(await lodging.ask(query)).toEqual(invalid("Recursion limit exceeded"));
    }
  });

  it("takes 50 root fields and no more", async () => {
    const fields = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `a${i}: __typename`).join(" ")} }`;
    expect(Object.keys((await lodging.ask(fields(50))).data ?? {})).toHaveLength(50);
    expect(await lodging.ask(fields(51))).toEqual(invalid("Document selects too much"));
  });

  it("does not let fragments double without end", async () => {
    const fragments = Array.from(
      { length: 20 },
      (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
    );
    const query = `{ ...F0 } ${fragments.join(" ")} fragment F20 on Query { letters }`;
    expect(await lodging.ask(query)).toEqual(invalid("Document selects too much"));
  });

  it("does not let aliases double without end", async () => {
    const branch = (key: string, to: number) => `${key}: rules { listing { ...F${to} } }`;
    const fragments = Array.from({ length: 10 }, (_, i) => {
      const branches = ["a", "b", "c"].map((key) => branch(key, i + 1));
      return `fragment F${i} on Listings { ${branches.join(" ")} }`;
    });
    const query = `{ listingsByPk(id: 1) { ...F0 } } ${fragments.join(" ")} fragment F10 on Listings { id }`;
    expect(await lodging.ask(query)).toEqual(refused("Document selects too much"));
  });

  it("does not follow fragments deeper than 50", async () => {
    const fragments = Array.from({ length: 60 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} }`);
    const query = `{ letters } ${fragments.join(" ")} fragment F60 on Query { letters }`;
    expect(await lodging.ask(query)).toEqual(invalid("Fragment cycle depth is greater than 50"));
  });

  it("does not let introspection multiply without end", async () => {
    const given = `comment on schema ${SCHEMA} is '@graphql({"inflect_names": true, "introspection": true})';`;
    const rounds = (count: number): string =>
      count === 0 ? "name" : `possibleTypes { interfaces { ${rounds(count - 1)} } }`;
    const reply = await lodging.ask(`{ __type(name: "Node") { ${rounds(20)} } }`, { given });
    expect(reply).toEqual(refused("Introspection asks for too much"));
  });
});

describe("values that are broken or too many", () => {
  const byFilter = "query Q($f: HostsFilter) { hostsCollection(filter: $f) { edges { node { id } } } }";
  const filter = (f: unknown) => lodging.ask(byFilter, { variables: { f } });
  const not = (levels: number): unknown => (levels === 0 ? { id: { eq: 1 } } : { not: not(levels - 1) });

  it("takes filters that are nested, but not endlessly", async () => {
    expect(await filter(not(40))).toEqual({ data: { hostsCollection: edges({ id: 1 }) } });
    expect(await filter(not(5_000))).toEqual(invalid("Variables are nested too deeply"));
  });

  it("takes a long list as one value, but not more values than Postgres can", async () => {
    const ids = Array.from({ length: 100_000 }, (_, i) => i + 3);
    expect(await filter({ id: { in: ids } })).toEqual({ data: { hostsCollection: edges({ id: 3 }) } });
    expect(await filter({ or: ids.map((id) => ({ id: { eq: id } })) })).toEqual(
      refused("Document has too many values"),
    );
  });

  it.each([
    [
      "a number too large for its column",
      { id: { eq: 2 ** 40 } },
      'value "1099511627776" is out of range for type integer',
    ],
    ["a number too large for any", { id: { eq: 1e300 } }, "Invalid input for Int type"],
    ["a zero byte", { name: { eq: "a\u0000b" } }, 'invalid byte sequence for encoding "UTF8": 0x00'],
    ["a broken pattern", { name: { regex: "(" } }, "invalid regular expression: parentheses () not balanced"],
    ["an object for a text", { name: { eq: {} } }, "Invalid input for String(None) type"],
    [
      "JavaScript's own names",
      JSON.parse('{"__proto__": {"eq": 1}}'),
      'Input for type HostsFilter contains extra keys ["__proto__"]',
    ],
    ["a list for a filter", [], "Invalid input for HostsFilter type"],
  ])("%s", async (_title, value, message) => {
    expect(await filter(value)).toEqual(refused(message));
  });

  it("takes SQL as the text that it is", async () => {
    const text = `x' or true; drop table hosts; --"$1\\`;
    expect(await filter({ name: { eq: text } })).toEqual({ data: { hostsCollection: { edges: [] } } });
    expect(await filter({ name: { in: [text] } })).toEqual({ data: { hostsCollection: { edges: [] } } });
    const expected = refused(`Input for type HostsFilter contains extra keys [${JSON.stringify(text)}]`);
    expect(await filter({ [text]: { eq: 1 } })).toEqual(expected);
  });

  it("takes no foreign rows from a forged cursor or node id", async () => {
    const forged = Buffer.from(`["public", "stays\\" where true --", 1]`).toString("base64");
    expect(await lodging.ask(`{ node(nodeId: "${forged}") { nodeId } }`)).toEqual(
      refused("Collection referenced by nodeId did not match any known collection"),
    );
    const cursor = Buffer.from(`[0, "1900-01-01"]`).toString("base64");
    const query = `{ staysCollection(after: "${cursor}") { edges { node { guest } } } }`;
    expect(await lodging.ask(query, { user: BO })).toEqual({
      data: { staysCollection: edges({ guest: BO }) },
    });
  });
});

describe("generated documents", () => {
  type Text = fc.Arbitrary<string>;
  const oneOf = (...texts: string[]): Text => fc.constantFrom(...texts);
  const joined = (...parts: (Text | string)[]): Text =>
    fc
      .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
      .map((texts) => texts.join(""));
  const several = (text: Text, separator: string, minLength: number): Text =>
    fc.array(text, { minLength, maxLength: 4 }).map((texts) => texts.join(separator));
  /** Mostly its own key, so that fields seldom have to merge. */
  const alias = fc.noBias(fc.nat(9_999)).map((n) => (n < 500 ? "" : `a${n}: `));
  /** Now and then something else. */
  const mostly = (text: Text, other: Text): Text =>
    fc.oneof({ weight: 60, arbitrary: text }, { weight: 1, arbitrary: other });

  const junk = oneOf(
    "nope",
    "toString",
    "__proto__",
    "...F",
    "...Nope",
    "... on Node { nodeId }",
    "id @skip",
    "x: id x: nodeId",
  );
  const value = fc.letrec<{ any: string }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      oneOf(
        "1",
        "-1",
        "1.5",
        "9007199254740993",
        "null",
        "true",
        "NULL",
        "AscNullsLast",
        '"%"',
        '"x\' or true --"',
        "$v",
        "$w",
      ),
      several(tie("any"), ", ", 0).map((items) => `[${items}]`),
      several(
        joined(oneOf("id", "and", "not", "eq", "in", "is", "guest", "__proto__"), ": ", tie("any")),
        ", ",
        0,
      ).map((items) => `{${items}}`),
    ),
  })).any;

  const condition = (...fields: string[]): Text =>
    fc.letrec<{ filter: string }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 2, withCrossShrink: true },
        mostly(oneOf(...fields), joined(oneOf("id", "nope", "nodeId"), ": ", value)),
        joined(oneOf("and", "or"), ": [{", tie("filter"), "}, {", tie("filter"), "}]"),
        joined("not: {", tie("filter"), "}"),
      ),
    })).filter;
  const filters: Record<string, Text> = {
    hosts: condition("id: {gt: 0}", "id: {in: [1, 2]}", 'name: {like: "%o"}', "country: {is: NULL}"),
    listings: condition(
      "id: {lte: 3}",
      'title: {ilike: "%a%"}',
      "kind: {eq: shared}",
      'amenities: {contains: ["wifi"]}',
      "rating: {is: NOT_NULL}",
    ),
    stays: condition(
      "listingId: {gt: 0}",
      `guest: {eq: "${BO}"}`,
      `guest: {neq: "${BO}"}`,
      `nodeId: {eq: "${nodeId("stays", 1, "2026-07-01")}"}`,
      'night: {lt: "2027-01-01"}',
    ),
  };
  const paging = (table: string): Text =>
    oneOf(
      "",
      "",
      "first: 1",
      "last: 2",
      "first: 1, offset: 1",
      `after: "${cursors[table]}"`,
      `before: "${cursors[table]}"`,
      "first: $v",
    );
  const cursors: Record<string, string> = {
    hosts: token("[1]"),
    listings: token("[3]"),
    stays: token('[1, "2026-07-03"]'),
  };
  const arguments_ = (table: string): Text =>
    fc
      .tuple(
        mostly(paging(table), joined(oneOf("first", "after", "orderBy", "nope"), ": ", value)),
        fc.option(filters[table] as Text),
      )
      .map(([page, filter]) =>
        [page, filter === null ? "" : `filter: {${filter}}`].filter((part) => part !== ""),
      )
      .map((parts) => (parts.length > 0 ? `(${parts.join(", ")})` : ""));

  const grammar = fc.letrec<Record<"hosts" | "listings" | "stays" | "rules", string>>((tie) => {
    const selection = (fields: string[], ...relations: Text[]): Text =>
      joined(
        "{ ",
        several(
          mostly(fc.oneof({ maxDepth: 3, withCrossShrink: true }, oneOf(...fields), ...relations), junk),
          " ",
          1,
        ),
        " }",
      );
    const page = (name: string, table: "hosts" | "listings" | "stays"): Text =>
      joined(
        alias,
        name,
        arguments_(table),
        " { edges { cursor node ",
        tie(table),
        " } pageInfo { hasNextPage hasPreviousPage endCursor } }",
      );
    return {
      hosts: selection(
        ["id", "name", "country", "nodeId", "__typename"],
        page("listingsCollection", "listings"),
        joined(alias, "cheapest ", tie("listings")),
      ),
      listings: selection(
        ["id", "title", "kind", "nightly", "amenities", "details", "nodeId", "weekly"],
        joined(alias, "host ", tie("hosts")),
        joined(alias, "rules ", tie("rules")),
        page("staysCollection", "stays"),
        page("neighbours", "listings"),
      ),
      stays: selection(["guest", "night", "listingId", "nodeId"], joined(alias, "listing ", tie("listings"))),
      rules: selection(["cancellation", "listingId"], joined(alias, "listing ", tie("listings"))),
    };
  });
  const collection = (table: "hosts" | "listings" | "stays"): Text =>
    joined(alias, `${table}Collection`, arguments_(table), " { edges { node ", grammar[table], " } }");
  const queryField = fc.oneof(
    collection("hosts"),
    collection("listings"),
    collection("stays"),
    joined(alias, "listingsByPk(id: ", mostly(oneOf("1", "2", "$v"), value), ") ", grammar.listings),
    joined(alias, `node(nodeId: "${nodeId("stays", 1, "2026-07-01")}") `, grammar.stays),
    joined(alias, 'searchListings(words: "%") { edges { node ', grammar.listings, " } }"),
    junk,
  );
  const mutationField = fc.oneof(
    joined(
      alias,
      "deleteFromStaysCollection(atMost: 9, filter: {",
      filters.stays as Text,
      "}) { affectedCount records ",
      grammar.stays,
      " }",
    ),
    joined(
      alias,
      "updateStaysCollection(atMost: 9, set: {listingId: ",
      mostly(oneOf("3", "$v"), value),
      "}) { affectedCount records ",
      grammar.stays,
      " }",
    ),
    joined(
      alias,
      "insertIntoHostsCollection(objects: [{id: ",
      mostly(oneOf("8", "9"), value),
      ', name: "Di"}]) { records ',
      grammar.hosts,
      " }",
    ),
    joined(alias, 'renameHost(hostId: 1, newName: "Di") ', grammar.hosts),
  );
  const document = joined(
    fc.oneof(
      { weight: 3, arbitrary: joined("query Q($v: Int = 2) { ", several(queryField, " ", 1), " }") },
      { weight: 1, arbitrary: joined("mutation { ", several(mutationField, " ", 1), " }") },
    ),
    " fragment F on ",
    oneOf("Stays", "Hosts", "Query"),
    " { __typename }",
  );
  const broken = fc
    .tuple(document, fc.nat(), oneOf("", "{", "}", '"', "\\", "\u0000", "…", "$", "...", "@", "#", '"""'))
    .map(([text, position, piece]) => {
      const at = position % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + 1);
    });
  const variables = fc.record(
    {
      v: fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom<unknown>(1, 2, null) },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
    },
    { requiredKeys: [] },
  );

  it("never crash the engine, and never show rows of another person", async () => {
    const RUNS = runs(500);
    let answered = 0;
    const question = fc.tuple(
      fc.oneof({ weight: 3, arbitrary: document }, { weight: 1, arbitrary: broken }),
      variables,
    );
    await fc.assert(
      fc.asyncProperty(question, async ([query, given]) => {
        const reply = await lodging.ask(query, { variables: given, user: BO });
        if (reply.data) answered += 1;
        expect(Object.keys(reply).every((key) => key === "data" || key === "errors")).toBe(true);
        expect(reply.data !== undefined || reply.errors !== undefined).toBe(true);
        for (const error of reply.errors ?? []) expect(error).toEqual({ message: expect.any(String) });
        expect(JSON.stringify(reply)).not.toContain(ANA);
      }),
      { numRuns: RUNS },
    );
    // A generator that makes nothing but rubbish would prove little.
    expect(answered).toBeGreaterThan(RUNS / 4);
  }, 120_000);
});
