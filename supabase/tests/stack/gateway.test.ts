// The embedded stack's gateway: API keys, CORS, limits, unknown paths, answered as Supabase answers them.

import { Agent, request } from "node:http";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const rest = `${stack.apiUrl}/rest/v1`;

function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers });
}

function token(claims: Record<string, unknown>, secret = stack.jwtSecret): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
}

describe("API keys", () => {
  it.each([
    ["publishable key", stack.publishableKey],
    ["secret key", stack.secretKey],
    ["legacy anon key", stack.anonKey],
    ["legacy service_role key", stack.serviceRoleKey],
  ])("takes the %s", async (_name, apikey) => {
    expect((await get(`${rest}/currencies?limit=1`, { apikey })).status).toBe(200);
  });

  it("takes the key from the query, which REST does not see", async () => {
    const response = await get(`${rest}/currencies?code=eq.EUR&select=code&apikey=${stack.publishableKey}`);
    expect(await response.json()).toEqual([{ code: "EUR" }]);
  });

  it("refuses a request without a key and one with an unknown key", async () => {
    const without = await get(`${rest}/currencies`);
    expect([without.status, await without.json()]).toEqual([
      401,
      { message: "No API key found in request", hint: "No `apikey` request header or url param was found." },
    ]);
    const unknown = await get(`${rest}/currencies`, { apikey: "sb_publishable_unknown" });
    expect([unknown.status, ((await unknown.json()) as { message: string }).message]).toEqual([
      401,
      "Invalid API key",
    ]);
  });

  it("needs no key for a public file, but refuses an unknown one", async () => {
    const file = `${stack.apiUrl}/storage/v1/object/public/avatars/missing.png`;
    expect((await get(file)).status).toBe(400); // Storage's own answer: there is no such file
    expect((await get(file, { apikey: "sb_secret_unknown" })).status).toBe(401);
    expect((await get(`${stack.apiUrl}/auth/v1/settings`, { apikey: "sb_secret_unknown" })).status).toBe(401);
    const query = await fetch(`${stack.apiUrl}/graphql/v1?apikey=sb_secret_unknown`, { method: "POST" });
    expect(query.status).toBe(401);
  });

  it("lets the publishable key act as anon and the secret key as service_role", async () => {
    const asAnon = await get(`${rest}/accounts`, { apikey: stack.publishableKey });
    expect(asAnon.status).toBe(401);
    const asService = await get(`${rest}/accounts?limit=1`, { apikey: stack.secretKey });
    expect(asService.status).toBe(200);
  });

  it("does not let a bearer make more of the publishable key", async () => {
    const response = await get(`${rest}/accounts`, {
      apikey: stack.publishableKey,
      authorization: `Bearer ${stack.secretKey}`,
    });
    expect(response.status).toBe(401);
  });

  it("refuses a token that is forged, expired or of no known role", async () => {
    const ana = await signUp("Ana");
    const hour = Math.floor(Date.now() / 1000) + 3600;
    const forged = await token(
      { sub: ana.id, role: "service_role", exp: hour },
      "another secret of the right length, truly",
    );
    const expired = await token({ sub: ana.id, role: "authenticated", exp: hour - 7200 });
    const superuser = await token({ sub: ana.id, role: "supabase_admin", exp: hour });
    for (const bearer of [forged, expired, superuser, "nonsense"]) {
      const response = await get(`${rest}/accounts`, {
        apikey: stack.publishableKey,
        authorization: `Bearer ${bearer}`,
      });
      expect([401, 403]).toContain(response.status);
    }
  });

  it("shows the description of the API to the secret key alone", async () => {
    expect((await get(`${rest}/`, { apikey: stack.publishableKey })).status).toBe(403);
    const response = await get(`${rest}/`, { apikey: stack.secretKey });
    expect(((await response.json()) as { swagger: string }).swagger).toBe("2.0");
  });
});

describe("CORS", () => {
  it("answers preflights with what the browser asked for", async () => {
    const response = await fetch(`${rest}/profiles`, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "apikey,prefer",
      },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-methods")).toContain("PATCH");
    expect(response.headers.get("access-control-allow-headers")).toBe("apikey,prefer");
  });

  it("lets pages read answers and errors", async () => {
    const answer = await get(`${rest}/currencies?limit=1`, {
      apikey: stack.publishableKey,
      origin: "https://app.example",
    });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-expose-headers")).toContain("Content-Range");
    expect((await get(`${rest}/currencies`)).headers.get("access-control-allow-origin")).toBe("*");
  });
});

describe("limits and unknown paths", () => {
  it.each(["/nothing", "/rest/v2/profiles", "/pg/v1/query"])("answers 404 for %s", async (path) => {
    expect((await get(stack.apiUrl + path, { apikey: stack.publishableKey })).status).toBe(404);
  });

  it("answers 404 for an unknown function, also one whose name is a path", async () => {
    for (const name of ["nothing", "..%2f..%2fscripts", "_shared"]) {
      const response = await get(`${stack.apiUrl}/functions/v1/${name}`, { apikey: stack.publishableKey });
      expect([response.status, await response.json()]).toEqual([
        404,
        { code: "NOT_FOUND", message: "Requested function was not found" },
      ]);
    }
  });

  it("says that Realtime is not here", async () => {
    expect(
      (await get(`${stack.apiUrl}/realtime/v1/websocket`, { apikey: stack.publishableKey })).status,
    ).toBe(501);
  });

  it("refuses a body over the limit, known beforehand or not, and serves on", async () => {
    const large = Buffer.alloc(11 * 1024 * 1024, " ");
    const headers = { apikey: stack.publishableKey, "content-type": "application/json" };
    const known = await fetch(`${rest}/profiles`, { method: "POST", headers, body: large });
    expect(known.status).toBe(413);
    expect(await chunked(`${stack.apiUrl}/auth/v1/signup`, headers, large)).toBe(413);
    expect((await get(`${rest}/currencies?limit=1`, headers)).status).toBe(200);
  });

  it("lets the next request through when a function answers before it has read the body", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const answers: number[] = [];
    for (const size of [9_000_000, 10, 9_000_000, 10, 9_000_000, 10]) {
      const status = await new Promise<number>((resolve, reject) => {
        const sending = request(
          `${stack.apiUrl}/functions/v1/stripe-webhook`,
          { method: "POST", agent },
          (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0)),
        );
        sending.on("error", reject);
        sending.end(Buffer.alloc(size, " "));
      });
      answers.push(status);
    }
    agent.destroy();
    expect(answers).toEqual([413, 400, 413, 400, 413, 400]);
  });

  it("shows a page at the root", async () => {
    const response = await get(stack.apiUrl);
    expect(response.headers.get("content-type")).toContain("text/html");
    expect(await response.text()).toContain(stack.publishableKey);
  });
});

/** Sends a body without saying how long it is; answers the status. */
function chunked(url: string, headers: Record<string, string>, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(
      url,
      { method: "POST", headers: { ...headers, "transfer-encoding": "chunked" } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sending.on("error", reject);
    sending.end(body);
  });
}
