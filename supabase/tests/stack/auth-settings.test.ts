// Auth with other settings than those of config.toml: second factors, anonymous users, GitHub, no confirmations. It runs in this
// process, on the stack's database.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../scripts/lib/config.ts";
import { freePort } from "../../../scripts/lib/ports.ts";
import { totp } from "../../../scripts/stack/auth/factors.ts";
import { createAuth } from "../../../scripts/stack/auth.ts";
import { createMail } from "../../../scripts/stack/mail.ts";
import type { AnsweringService } from "../../../scripts/stack/service.ts";
import { newEmail, password } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const site = "http://127.0.0.1:3000";
let auth: AnsweringService;
let github: Server;
let stop = async () => {};
/** What GitHub says of the person who signs in there next. */
const person = { id: 0, email: "", verified: true };

beforeAll(async () => {
  github = createServer((request, response) => {
    const answers: Record<string, unknown> = {
      "/login/oauth/access_token": { access_token: "from-github" },
      "/api/v3/user": { id: person.id, login: "hubert", name: "Octavia" },
      "/api/v3/user/emails": [{ email: person.email, primary: true, verified: person.verified }],
    };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answers[request.url ?? ""] ?? {}));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => github.once("listening", resolve));
  const url = `http://127.0.0.1:${(github.address() as AddressInfo).port}`;

  const base = loadConfig();
  const provider = {
    enabled: true,
    client_id: "id",
    secret: "secret",
    redirect_uri: `${site}/callback`,
    url,
  };
  const config = {
    ...base,
    ports: { ...base.ports, db: Number(new URL(stack.databaseUrl).port), mail: await freePort("outer") },
    toml: {
      ...base.toml,
      auth: {
        ...base.toml.auth,
        enable_anonymous_sign_ins: true,
        enable_manual_linking: true,
        rate_limit: { anonymous_users: 3, sign_in_sign_ups: 30, token_verifications: 30 },
        email: { ...base.toml.auth.email, enable_confirmations: false },
        mfa: { max_enrolled_factors: 2, totp: { enroll_enabled: true, verify_enabled: true } },
        external: { github: provider },
      },
    },
  };
  const mail = createMail(config);
  await mail.start();
  auth = createAuth(config, mail);
  await auth.start();
  await auth.ready();
  stop = async () => {
    await auth.stop();
    await mail.stop();
    github.close();
  };
});

afterAll(() => stop());

interface Answer {
  status: number;
  location: string;
  // biome-ignore lint/suspicious/noExplicitAny: its shape depends on the request
  body: any;
}

async function call(method: string, path: string, body?: object, token?: string): Promise<Answer> {
  const response = await auth.fetch(
    new Request(`http://127.0.0.1/auth/v1${path}`, {
      method,
      headers: {
        "x-forwarded-for": "127.9.9.9",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    location: response.headers.get("location") ?? "",
    body: isJson ? JSON.parse(text) : text,
  };
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

describe("without confirmations", () => {
  it("signs people in at once, and says that an address is taken", async () => {
    const email = newEmail();
    const first = await call("POST", "/signup", { email, password });
    expect(first.body.user.email_confirmed_at).toMatch(/^\d{4}-\d{2}-\d{2}T/);
    expect((await call("POST", "/signup", { email, password })).body.error_code).toBe("user_already_exists");
  });
});

describe("an authenticator app", () => {
  it("raises a session, ends the others, and guards password and address", async () => {
    const email = newEmail();
    const { body: session } = await call("POST", "/signup", { email, password });
    const token = session.access_token;
    const enrolled = await call("POST", "/factors", { factor_type: "totp", friendly_name: "phone" }, token);
    expect(enrolled.body.totp.qr_code).toContain("<svg");
    expect(enrolled.body.totp.uri).toContain(enrolled.body.totp.secret);
    const path = `/factors/${enrolled.body.id}`;
    const challenge = await call("POST", `${path}/challenge`, {}, token);
    const challenge_id = challenge.body.id;
    const wrong = await call("POST", `${path}/verify`, { challenge_id, code: "000000" }, token);
    expect(wrong.body.error_code).toBe("mfa_verification_failed");
    const code = totp(enrolled.body.totp.secret, Math.floor(Date.now() / 30_000));
    const raised = await call("POST", `${path}/verify`, { challenge_id, code }, token);
    expect(claimsOf(raised.body.access_token)).toMatchObject({ aal: "aal2" });
    expect(raised.body.user.factors).toMatchObject([{ status: "verified", factor_type: "totp" }]);
    expect(claimsOf(token).aal).toBe("aal1");

    const again = (await call("POST", "/token?grant_type=password", { email, password })).body.access_token;
    const change = await call("PUT", "/user", { password: "another, longer password" }, again);
    expect(change.body.error_code).toBe("insufficient_aal");
    expect((await call("DELETE", path, undefined, again)).body.error_code).toBe("insufficient_aal");
    expect((await call("DELETE", path, undefined, raised.body.access_token)).status).toBe(200);
  });

  it("stands ten wrong codes in five minutes", async () => {
    const { body: session } = await call("POST", "/signup", { email: newEmail(), password });
    const token = session.access_token;
    const factor = await call("POST", "/factors", { factor_type: "totp", friendly_name: "x" }, token);
    const challenge = await call("POST", `/factors/${factor.body.id}/challenge`, {}, token);
    const verify = (code: string) =>
      call("POST", `/factors/${factor.body.id}/verify`, { challenge_id: challenge.body.id, code }, token);
    const statuses: number[] = [];
    for (let index = 0; index < 12; index += 1) statuses.push((await verify("000000")).status);
    expect(statuses).toEqual([...Array(10).fill(422), 429, 429]);
    const right = totp(factor.body.totp.secret, Math.floor(Date.now() / 30_000));
    expect((await verify(right)).body.error_code).toBe("over_request_rate_limit");
  });
});

it("lets anonymous people in, and lets them become members", async () => {
  const { body: session } = await call("POST", "/signup", { data: { display_name: "Guest" } });
  expect(claimsOf(session.access_token)).toMatchObject({
    is_anonymous: true,
    amr: [{ method: "anonymous" }],
  });
  const email = newEmail();
  const { body: member } = await call("PUT", "/user", { email, password }, session.access_token);
  expect(member).toMatchObject({ email, is_anonymous: false, id: session.user.id });
  expect((await call("POST", "/token?grant_type=password", { email, password })).status).toBe(200);
  await call("POST", "/signup", {});
  await call("POST", "/signup", {});
  expect((await call("POST", "/signup", {})).body.error_code).toBe("over_request_rate_limit");
});

describe("GitHub", () => {
  /** Goes to GitHub and comes back, as a browser does. */
  async function signIn(query = "", token?: string): Promise<URL> {
    const path = token === undefined ? "/authorize" : "/user/identities/authorize";
    const there = await call("GET", `${path}?provider=github${query}`, undefined, token);
    const state = new URL(there.location).searchParams.get("state") ?? "";
    const back = await call("GET", `/callback?code=code&state=${state}`);
    expect(back.status).toBe(302);
    return new URL(back.location);
  }
  const userIn = async (url: URL) => {
    const token = new URLSearchParams(url.hash.slice(1)).get("access_token") ?? "";
    return (await call("GET", "/user", undefined, token)).body;
  };

  it("signs in a new person, and the same person again", async () => {
    Object.assign(person, {
      id: 1000 + Math.floor(Math.random() * 1e9),
      email: newEmail("hubert"),
      verified: true,
    });
    const first = await userIn(await signIn());
    expect(first).toMatchObject({
      email: person.email,
      app_metadata: { provider: "github", providers: ["github"] },
      user_metadata: { name: "Octavia", user_name: "hubert" },
    });
    expect((await userIn(await signIn())).id).toBe(first.id);
  });

  it("adds the identity to the account with the same address", async () => {
    const email = newEmail("linked");
    const { body } = await call("POST", "/signup", { email, password });
    Object.assign(person, { id: 1000 + Math.floor(Math.random() * 1e9), email, verified: true });
    const user = await userIn(await signIn());
    expect(user).toMatchObject({ id: body.user.id, app_metadata: { providers: ["email", "github"] } });
    const removed = user.identities.find(({ provider }: { provider: string }) => provider === "github");
    const unlink = `/user/identities/${removed.identity_id}`;
    expect((await call("DELETE", unlink, undefined, body.access_token)).status).toBe(200);
    const left = await call("GET", "/user", undefined, body.access_token);
    expect(left.body.app_metadata.providers).toEqual(["email"]);
  });

  it("links the identity to the person who asks, and to no one else", async () => {
    const owner = (await call("POST", "/signup", { email: newEmail("owner"), password })).body;
    const other = (await call("POST", "/signup", { email: newEmail("other"), password })).body;
    Object.assign(person, { id: 1000 + Math.floor(Math.random() * 1e9), email: newEmail("hubert") });
    expect((await userIn(await signIn("", owner.access_token))).id).toBe(owner.user.id);
    const refused = await signIn("", other.access_token);
    expect(refused.searchParams.get("error_code")).toBe("identity_already_exists");
  });

  it("ends in a code with PKCE, and takes no state twice, nor a strange address", async () => {
    Object.assign(person, { id: 1000 + Math.floor(Math.random() * 1e9), email: newEmail("hubert") });
    const query = `&code_challenge=${"v".repeat(43)}&code_challenge_method=plain&redirect_to=https://evil.example/x`;
    const there = await call("GET", `/authorize?provider=github${query}`);
    const state = new URL(there.location).searchParams.get("state") ?? "";
    const back = new URL((await call("GET", `/callback?code=code&state=${state}`)).location);
    expect(back.origin).toBe(site);
    const again = new URL((await call("GET", `/callback?code=code&state=${state}`)).location);
    expect(again.searchParams.get("error_code")).toBe("flow_state_already_used");
    const exchanged = await call("POST", "/token?grant_type=pkce", {
      auth_code: back.searchParams.get("code"),
      code_verifier: "v".repeat(43),
    });
    expect(exchanged.body).toMatchObject({ provider_token: "from-github", user: { email: person.email } });
  });
});

it.each([
  ["/sso", "saml_provider_disabled"],
  ["/token?grant_type=web3", "web3_provider_disabled"],
  ["/token?grant_type=id_token", "provider_disabled"],
  ["/passkeys/authentication/options", "passkey_disabled"],
])("says of %s that the feature is off", async (path, code) => {
  const { status, body } = await call("POST", path, { provider: "google" });
  expect([status >= 400 && status < 500, body.error_code]).toEqual([true, code]);
});
