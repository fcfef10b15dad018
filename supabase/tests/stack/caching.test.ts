// What the embedded gateway adds for caches and slow connections: tags, 304, Vary and compression.

import { type IncomingHttpHeaders, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { callFunction } from "../support/clients.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { stack } from "../support/stack.ts";
import { dayAhead, sleepUntil } from "../support/time.ts";

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends a request as it is: `fetch` would ask for compression, decompress and hide it. */
async function send(
  path: string,
  headers: Record<string, string> = {},
  { method = "GET", body }: { method?: string; body?: string } = {},
): Promise<Answer> {
  const answer = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request(stack.apiUrl + path, { method, headers: { apikey: stack.publishableKey, ...headers } })
      .on("response", resolve)
      .on("error", reject)
      .end(body);
  });
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

async function bearer({ client }: Person): Promise<{ authorization: string }> {
  const { data } = await client.auth.getSession();
  return { authorization: `Bearer ${data.session?.access_token}` };
}

const json = ({ body }: Answer) => JSON.parse(body.toString()) as unknown;
const listOf = (vary: string | undefined) => (vary ?? "").toLowerCase().split(", ");

let host: Person;
let propertyId: string;
let cacheable: [name: string, path: string, isPublic: boolean][];

beforeAll(async () => {
  host = await signUp("Hanna");
  propertyId = await createBookable(host);
  const stay = `p_check_in=${dayAhead(30)}&p_check_out=${dayAhead(33)}`;
  const box = "p_west=-9.3&p_south=38.6&p_east=-9&p_north=38.9";
  cacheable = [
    ["search", `/rest/v1/rpc/search_properties?${box}&${stay}`, true],
    ["count", `/rest/v1/rpc/count_properties?${box}&${stay}`, true],
    ["facets", `/rest/v1/rpc/search_facets?${box}&${stay}`, true],
    [
      "calendar",
      `/rest/v1/rpc/property_calendar?p_property_id=${propertyId}&p_from=${dayAhead(1)}&p_to=${dayAhead(60)}`,
      true,
    ],
    [
      "property page",
      `/rest/v1/properties?id=eq.${propertyId}&select=*,host:profiles!host_id(display_name),amenities(name),property_photos(path)`,
      false,
    ],
  ];
});

describe("tags", () => {
  it("tags every cacheable answer and sends it once", async () => {
    for (const [name, path] of cacheable) {
      const first = await send(path);
      expect([name, first.status, first.headers.etag]).toEqual([
        name,
        200,
        expect.stringMatching(/^W\/".+"$/),
      ]);
      const tag = first.headers.etag ?? "";
      for (const known of [tag, `W/"other", ${tag}`, tag.slice(2)]) {
        const again = await send(path, { "if-none-match": known });
        expect([name, again.status, again.body.length, again.headers.etag]).toEqual([name, 304, 0, tag]);
        // what a cache updates, and what a page needs to read the answer
        for (const header of ["cache-control", "vary", "access-control-allow-origin"])
          expect([name, again.headers[header]]).toEqual([name, first.headers[header]]);
      }
      expect((await send(path, { "if-none-match": 'W/"other"' })).status).toBe(200);
      const reload = await send(path, { "if-none-match": tag, "cache-control": "no-cache" });
      expect([name, reload.status]).toEqual([name, 200]);
    }
  });

  it("gives another select, limit, Accept or caller another tag", async () => {
    const page = cacheable.at(-1)?.[1] ?? "";
    const calendar = cacheable.find(([name]) => name === "calendar")?.[1] ?? "";
    const tag = (await send(calendar)).headers.etag ?? "";
    for (const [path, headers] of [
      [`${calendar}&select=day,free`, {}],
      [`${calendar}&limit=3`, {}],
      [calendar, { accept: "text/csv" }],
    ] as const)
      expect((await send(path, { ...headers, "if-none-match": tag })).status).toBe(200);

    const own = "/rest/v1/accounts?select=id";
    const guest = await signUp("Gregor");

    const mine = await send(own, await bearer(host));
    expect(json(mine)).toEqual([{ id: host.id }]);
    const theirs = await send(own, { ...(await bearer(guest)), "if-none-match": mine.headers.etag ?? "" });
    expect([theirs.status, json(theirs)]).toEqual([200, [{ id: guest.id }]]);
    expect(
      (await send(own, { ...(await bearer(host)), "if-none-match": mine.headers.etag ?? "" })).status,
    ).toBe(304);
    expect((await send(page)).status).toBe(200);
  });

  it("answers in full once the content has changed", async () => {
    const [, page = ""] = cacheable.at(-1) ?? [];
    const tag = (await send(page)).headers.etag ?? "";
    await host.client
      .from("properties")
      .update({ title: "Another title" })
      .eq("id", propertyId)
      .throwOnError();
    const changed = await send(page, { "if-none-match": tag });
    expect([changed.status, json(changed)]).toMatchObject([200, [{ title: "Another title" }]]);
  });

  it("tags no write, no error and no HEAD", async () => {
    const post = await send(
      "/rest/v1/rpc/count_properties",
      { "content-type": "application/json" },
      {
        method: "POST",
        body: JSON.stringify({ p_area: "Lisbon" }),
      },
    );
    const error = await send("/rest/v1/nothing");
    const head = await send("/rest/v1/currencies", {}, { method: "HEAD" });
    expect([post, error, head].map(({ headers }) => headers.etag)).toEqual([undefined, undefined, undefined]);
    expect([post.status, error.status, head.status]).toEqual([200, 404, 200]);
  });
});

describe("caches", () => {
  it("lets everyone keep what is the same for everyone, and only the caller the rest", async () => {
    const representation = ["accept", "accept-profile", "prefer", "range", "accept-encoding"];
    for (const caller of [{}, await bearer(host)]) {
      for (const [name, path, isPublic] of cacheable) {
        const { headers } = await send(path, caller);
        const control = isPublic ? expect.stringMatching(/^public, max-age=\d+$/) : "private, no-cache";
        expect([name, headers["cache-control"]]).toEqual([name, control]);
        const vary = listOf(headers.vary);
        expect([name, vary]).toEqual([name, expect.arrayContaining(representation)]);
        expect([name, vary.includes("authorization"), vary.includes("apikey")]).toEqual([
          name,
          !isPublic,
          !isPublic,
        ]);
      }
    }
  });

  it("answers a public question the same for every caller", async () => {
    for (const [name, path, isPublic] of cacheable) {
      if (!isPublic) continue;
      const [visitor, person] = [await send(path), await send(path, await bearer(host))];
      expect([name, json(person)]).toEqual([name, json(visitor)]);
    }
  });
});

describe("compression", () => {
  const path = "/rest/v1/currencies?order=code";
  const query = { method: "POST", body: JSON.stringify({ query: "{ __schema { types { name } } }" }) };

  it("sends a large answer as brotli or gzip, with the same content and tag", async () => {
    const plain = await send(path);
    expect(plain.headers["content-encoding"]).toBeUndefined();
    const brotli = await send(path, { "accept-encoding": "gzip, deflate, br" });
    const gzip = await send(path, { "accept-encoding": "gzip" });
    expect([brotli.headers["content-encoding"], gzip.headers["content-encoding"]]).toEqual(["br", "gzip"]);
    expect(brotliDecompressSync(brotli.body)).toEqual(plain.body);
    expect(gunzipSync(gzip.body)).toEqual(plain.body);
    expect([brotli.headers.etag, gzip.headers.etag]).toEqual([plain.headers.etag, plain.headers.etag]);
    for (const { body } of [brotli, gzip]) expect(body.length).toBeLessThan(plain.body.length / 3);
    expect(plain.headers.vary).toContain("Accept-Encoding");
    const refused = await send(path, { "accept-encoding": "br;q=0, gzip;q=0" });
    expect([refused.headers["content-encoding"], refused.body]).toEqual([undefined, plain.body]);
  });

  it("compresses answers to POST of REST and GraphQL, and pages", async () => {
    const type = { "content-type": "application/json", "accept-encoding": "br" };
    const search = await send("/rest/v1/rpc/property_calendar", type, {
      method: "POST",
      body: JSON.stringify({ p_property_id: propertyId, p_from: dayAhead(1), p_to: dayAhead(60) }),
    });
    const answers = [search, await send("/graphql/v1", type, query), await send("/", type)];
    expect(answers.map(({ headers }) => headers["content-encoding"])).toEqual(["br", "br", "br"]);
    const rows = JSON.parse(brotliDecompressSync(search.body).toString()) as unknown[];
    expect(rows).toHaveLength(59);
  });

  it("leaves small answers as they are", async () => {
    const { headers } = await send("/rest/v1/currencies?limit=1", { "accept-encoding": "br" });
    expect([headers["content-encoding"], Number(headers["content-length"]) < 1024]).toEqual([
      undefined,
      true,
    ]);
  });

  it("leaves tokens, functions and files as they are", async () => {
    const answers = [
      await send("/auth/v1/user", { ...(await bearer(host)), "accept-encoding": "br" }),
      await send("/functions/v1/unsubscribe", { "accept-encoding": "br" }),
      await send("/storage/v1/bucket", { "accept-encoding": "br" }),
    ];
    expect(answers.map(({ headers }) => headers["content-encoding"])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect((await callFunction("payments", host, {})).headers.get("content-encoding")).toBeNull();
  });
});

it("does not remember a token longer than it is valid", async () => {
  const expiry = Math.floor(Date.now() / 1000) - 27; // PostgREST allows 30 seconds between clocks
  const token = await new SignJWT({ sub: host.id, role: "authenticated", aud: "authenticated", exp: expiry })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(stack.jwtSecret));
  const read = async () =>
    (await send("/rest/v1/accounts?select=id", { authorization: `Bearer ${token}` })).status;
  expect([await read(), await read()]).toEqual([200, 200]);
  await sleepUntil((expiry + 32) * 1000);
  expect(await read()).toBe(401);
});
