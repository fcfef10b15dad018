// The gateway's limit of quotes and searches, with a service behind it that answers everything.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../lib/config.ts";
import { createApiKeys } from "./api-keys.ts";
import { readsOfGraphql, readsOfRest } from "./read-limits.ts";
import { createRouter, type Monitoring, type Services } from "./router.ts";

const config = loadConfig({ readsPerMinute: 3 });
const behind = createServer((_request, response) => response.end("[]"));
let gateway: Server;
let url = "";

const listen = (server: Server) =>
  new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
  );

let port = 0;
beforeAll(async () => {
  port = await listen(behind);
});
beforeEach(async () => {
  const graphql = { answer: async () => ({ status: 200, body: '{"data":{}}' }) };
  const services = { rest: { port }, graphql, replicas: { on: false } } as unknown as Services;
  const route = createRouter(config, services, createApiKeys(config.keys), {} as Monitoring);
  gateway?.close();
  gateway = createServer((request, response) => void route(request, response));
  url = `http://127.0.0.1:${await listen(gateway)}`;
});
afterAll(() => {
  gateway.close();
  behind.close();
});

async function ask(path: string, headers: Record<string, string> = {}, body: unknown = {}): Promise<number> {
  const response = await fetch(url + path, {
    method: "POST",
    headers: { apikey: config.keys.publishable, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const search = "/rest/v1/rpc/search_properties";
const asPerson = async (sub: string) => {
  const token = await new SignJWT({ sub, role: "authenticated" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(config.keys.jwtSecret));
  return { authorization: `Bearer ${token}` };
};

describe("visitors", () => {
  it("share the limit of their address, whatever X-Forwarded-For says", async () => {
    const answers: number[] = [];
    for (const name of ["search_properties", "quote_stay", "property_calendar", "search_facets"]) {
      answers.push(await ask(`/rest/v1/rpc/${name}`, { "x-forwarded-for": `10.0.0.${answers.length}` }));
    }
    expect(answers).toEqual([200, 200, 200, 429]);
    expect(await ask("/rest/v1/properties")).toBe(200);
    expect(await ask(search, { authorization: "Bearer forged" })).toBe(429);
  });

  it("receive the time to wait, in the shape of every error", async () => {
    for (let sent = 0; sent < 3; sent += 1) await ask(search);
    const response = await fetch(url + search, { headers: { apikey: config.keys.anon } });
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(60);
    expect([response.status, await response.json()]).toEqual([
      429,
      {
        code: "PT429",
        message: "You sent too many quotes and searches.",
        details: JSON.stringify([
          { code: "too_many_reads", message: "You sent too many quotes and searches.", retry_after: seconds },
        ]),
        hint: `Try again in ${seconds} seconds.`,
      },
    ]);
  });

  it("cannot hide many searches in one GraphQL request", async () => {
    const query =
      "{ a: quoteStay(x: 1) { id } b: quoteStay(x: 2) { id } c: searchProperties { id } d: bookability }";
    expect(await ask("/graphql/v1", {}, { query })).toBe(429);
    expect(
      await ask("/graphql/v1", {}, { query: "{ propertiesCollection { edges { node { id } } } }" }),
    ).toBe(200);
  });
});

describe("others", () => {
  it("signed-in people have a limit each", async () => {
    for (const sub of ["ana", "ben"]) {
      const headers = await asPerson(sub);
      const answers: number[] = [];
      for (let sent = 0; sent < 4; sent += 1) answers.push(await ask(search, headers));
      expect(answers).toEqual([200, 200, 200, 429]);
    }
    expect(await ask(search)).toBe(200);
  });

  it("the secret key has none", async () => {
    for (let sent = 0; sent < 5; sent += 1)
      expect(await ask(search, { apikey: config.keys.secret })).toBe(200);
  });
});

it("counts quotes and searches, also those that JSON spells with escapes", () => {
  expect(["/rpc/quote_stay", "/rpc/my_bookings", "/properties"].map(readsOfRest)).toEqual([1, 0, 0]);
  const escaped = "quoteStay".replace("q", "\\u0071");
  expect(readsOfGraphql(`{"query":"{ a: ${escaped} b: quoteStay }"}`)).toBe(2);
  expect(["", "[]", "null", '{"query":1}'].map(readsOfGraphql)).toEqual([0, 0, 0, 0]);
});

it("is 1,200 a minute unless the environment says otherwise", () => {
  expect(loadConfig().readsPerMinute).toBe(1_200);
});
