// The embedded stack's gateway: API keys, CORS, limits, unknown paths, answered as Supabase answers them.

import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

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
      {
        code: "NO_API_KEY",
        message: "No API key found in request",
        hint: "No `apikey` request header or url param was found.",
      },
    ]);
    const unknown = await get(`${rest}/currencies`, { apikey: "sb_publishable_unknown" });
    expect([unknown.status, await unknown.json()]).toMatchObject([
      401,
      { code: "INVALID_API_KEY", message: "Invalid API key" },
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

  it("answers 404 for paths that begin with several slashes", async () => {
    for (const path of ["//", "//rest/v1/currencies", "///x//y"]) {
      const { status, body } = await raw("GET", path);
      expect([path, status, JSON.parse(body)]).toEqual([
        path,
        404,
        { code: "NOT_FOUND", message: "no Route matched with those values" },
      ]);
    }
    expect((await raw("GET", "//", stack.mailUrl)).status).toBe(404);
    expect((await raw("GET", "//", stack.stripeUrl)).status).toBeLessThan(500);
    expect((await get(`${stack.mailUrl}/api/v1/messages`)).status).toBe(200); // the mail catcher lives on
  });

  it("answers 400 for a path with a NUL or with an encoding that is none", async () => {
    for (const path of [
      "/storage/v1/object/public/avatars/a%00b.png",
      "/storage/v1/object/avatars/%00",
      "/storage/v1/object/sign/avatars/x%00",
      "/storage/v1/object/avatars/%zz",
      "/storage/v1/object/avatars/%ff",
      "/rest/v1/profiles%00",
      "/auth/v1/verify%00",
      "/functions/v1/stripe-webhook/%00",
    ]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        const response = await fetch(stack.apiUrl + path, {
          method,
          headers: { apikey: stack.publishableKey },
          ...(method === "POST" && { body: "x" }),
        });
        expect([method, path, response.status, await response.json()]).toMatchObject([
          method,
          path,
          400,
          { code: "BAD_PATH" },
        ]);
      }
    }
  });

  it("keeps the query of a path that holds dots", async () => {
    const { body } = await raw("GET", "/rest/v1/./currencies?code=eq.EUR&select=code");
    expect(JSON.parse(body)).toEqual([{ code: "EUR" }]);
  });

  it.each([
    "rest/v1/currencies",
    "auth/v1/health",
    "storage/v1/bucket",
    "functions/v1/stripe-webhook",
    "graphql/v1",
    "",
  ])("refuses TRACE and other methods of no use with 405: /%s", async (path) => {
    for (const method of ["TRACE", "PROPFIND"]) {
      const { status, allow, body } = await raw(method, `/${path}`);
      expect([status, JSON.parse(body)]).toMatchObject([405, { code: "METHOD_NOT_ALLOWED" }]);
      expect(allow).toBe("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
  });

  it("passes a function every token that the project has signed, with a role or without", async () => {
    const call = async (secret: string) => {
      const headers = { authorization: `Bearer ${await token({ name: "a machine" }, secret)}` };
      const answer = await fetch(`${stack.apiUrl}/functions/v1/payments`, { method: "POST", headers });
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    expect(await call("another-secret-with-at-least-32-characters")).toEqual([
      401,
      "UNAUTHORIZED_INVALID_JWT",
    ]);
    expect(await call(stack.jwtSecret)).toEqual([401, "not_signed_in"]); // the function's own answer
  });

  it("gives every refusal a code of words", async () => {
    const key = { apikey: stack.publishableKey };
    const send = (path: string, init: RequestInit = {}) => fetch(stack.apiUrl + path, init);
    const refusals = [
      [401, "NO_API_KEY", send("/rest/v1/currencies")],
      [401, "NO_API_KEY", send("/auth/v1/settings")],
      [401, "NO_API_KEY", send("/graphql/v1", { method: "POST" })],
      [401, "INVALID_API_KEY", send("/storage/v1/bucket", { headers: { apikey: "sb_secret_unknown" } })],
      [401, "UNAUTHORIZED_NO_AUTH_HEADER", send("/functions/v1/payments", { method: "POST" })],
      [
        401,
        "UNAUTHORIZED_INVALID_JWT",
        send("/functions/v1/payments", { method: "POST", headers: { authorization: "Bearer nonsense" } }),
      ],
      [
        401,
        "PGRST301",
        send("/graphql/v1", { method: "POST", headers: { ...key, authorization: "Bearer no" } }),
      ],
      [403, "SECRET_KEY_REQUIRED", send("/rest/v1/", { headers: key })],
      [404, "NOT_FOUND", send("/nothing", { headers: key })],
      [404, "NOT_FOUND", send("/functions/v1/nothing", { headers: key })],
      [405, "METHOD_NOT_ALLOWED", send("/graphql/v1", { headers: key })],
      [
        413,
        "BODY_TOO_LARGE",
        send("/auth/v1/signup", { method: "POST", headers: key, body: Buffer.alloc(11 * 1024 * 1024) }),
      ],
      [
        413,
        "PT413",
        send("/rest/v1/profiles", { method: "POST", headers: key, body: Buffer.alloc(11 * 1024 * 1024) }),
      ],
      [501, "NOT_IMPLEMENTED", send("/realtime/v1/websocket", { headers: key })],
    ] as const;
    for (const [status, code, sent] of refusals) {
      const response = await sent;
      expect([response.status, await response.json()]).toMatchObject([
        status,
        { code, message: expect.any(String) },
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

describe("slow clients", { timeout: 120_000 }, () => {
  /** Opens POST requests that send the beginning of a body and then a byte each second; resolves when the gateway has them. */
  async function openSlow(count: number, path: string, length: number, sent: number): Promise<Slow[]> {
    const url = new URL(stack.apiUrl);
    return Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect(Number(url.port), url.hostname);
        const slow: Slow = { socket, answer: "" };
        socket.on("error", () => {});
        socket.on("data", (chunk) => (slow.answer += chunk));
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.write(
          `POST ${path} HTTP/1.1\r\nhost: ${url.host}\r\napikey: ${stack.publishableKey}\r\n` +
            `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${"x".repeat(sent)}`,
        );
        const timer = setInterval(() => socket.write("x"), 1_000);
        socket.on("close", () => clearInterval(timer));
        return slow;
      }),
    );
  }

  /** The longest of twenty reads, in ms. */
  async function slowestRead(): Promise<number> {
    const times: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      const since = Date.now();
      const response = await get(`${rest}/currencies?limit=1`, { apikey: stack.publishableKey });
      await response.arrayBuffer();
      expect(response.status).toBe(200);
      times.push(Date.now() - since);
    }
    return Math.max(...times);
  }

  async function expectRefused(slow: Slow[]): Promise<void> {
    for (const one of slow) {
      await until(async () => one.answer.includes("BODY_TOO_SLOW"), "the refusal", 45_000);
      expect(one.answer).toMatch(/^HTTP\/1\.1 408 /);
    }
    for (const { socket } of slow) await until(async () => socket.destroyed, "the end of the connection");
  }

  it.each([
    "/rest/v1/rpc/quote_stay",
    "/auth/v1/token?grant_type=password",
    "/graphql/v1",
    "/functions/v1/stripe-webhook",
  ])("600 with small bodies do not hold up others, and are broken off: %s", async (path) => {
    const slow = await openSlow(600, path, 100_000, 10);
    expect(await slowestRead()).toBeLessThan(2_000);
    await expectRefused(slow);
  });

  // they share 32 connections, so the last ones wait for those before them: about half a minute
  it("300 with large bodies leave connections to others, and are broken off", {
    timeout: 120_000,
  }, async () => {
    const slow = await openSlow(300, "/rest/v1/rpc/quote_stay", 1_000_000, 300_000);
    expect(await slowestRead()).toBeLessThan(2_000);
    await expectRefused(slow);
    const large = JSON.stringify({ p_property_id: " ".repeat(400_000) });
    const after = await fetch(`${rest}/rpc/quote_stay`, {
      method: "POST",
      headers: { apikey: stack.publishableKey, "content-type": "application/json" },
      body: large,
    });
    expect([400, 404]).toContain(after.status); // PostgREST's own answer
  });

  it("that need long for a whole body are served when they send enough", async () => {
    const body = `{ "email": "nobody@example.com", "password": "${"x".repeat(24_000)}" }`;
    const url = new URL(stack.apiUrl);
    const socket = connect(Number(url.port), url.hostname);
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk));
    socket.write(
      `POST /auth/v1/token?grant_type=password HTTP/1.1\r\nhost: ${url.host}\r\napikey: ${stack.publishableKey}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    for (let at = 0; at < body.length; at += 3_000) {
      socket.write(body.slice(at, at + 3_000));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    await until(async () => answer !== "", "the answer");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
  });
});

interface Slow {
  socket: Socket;
  answer: string;
}

/** Sends a method and path as they are, which fetch would change. */
function raw(method: string, path: string, base = stack.apiUrl) {
  return new Promise<{ status: number; allow: string | undefined; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const sending = request({ hostname, port, method, path, headers: { apikey: stack.publishableKey } });
    sending.on("error", reject).end();
    sending.on("response", async (response) => {
      const body = await text(response);
      resolve({ status: response.statusCode ?? 0, allow: response.headers.allow, body });
    });
  });
}

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
