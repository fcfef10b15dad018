// The answers of Auth as typed clients and administrators need them: times, addresses, odd text, users and tokens.

import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { anonymous, request, service } from "../support/clients.ts";
import { codeIn, mailTo } from "../support/mails.ts";
import { newEmail, password, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const post = async (path: string, body: unknown) => {
  const response = await request(undefined, `/auth/v1${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: response.status, body: JSON.parse((await response.text()) || "{}") };
};

describe("times", () => {
  /** Every value of a key that ends in `_at` and is text, at any depth. */
  function timesIn(value: unknown): [string, string][] {
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]): [string, string][] =>
      key.endsWith("_at") && typeof inner === "string" ? [[key, inner]] : timesIn(inner),
    );
  }

  it("are RFC 3339 in every answer", async () => {
    const email = newEmail("timely");
    const next = newEmail("timely");
    const client = anonymous();
    const answers: unknown[] = [(await client.auth.signUp({ email, password })).data];
    const token = codeIn(await mailTo(email));
    answers.push((await client.auth.verifyOtp({ email, token, type: "signup" })).data);
    answers.push((await client.auth.signInWithPassword({ email, password })).data);
    answers.push((await client.auth.refreshSession()).data);
    answers.push((await client.auth.updateUser({ email: next })).data);
    answers.push((await client.auth.getUser()).data, (await client.auth.getUserIdentities()).data);
    const { admin } = service().auth;
    const id = (await client.auth.getUser()).data.user?.id ?? "";
    answers.push((await admin.updateUserById(id, { ban_duration: "1h" })).data);
    answers.push((await admin.getUserById(id)).data, (await admin.listUsers()).data);
    answers.push((await admin.createUser({ email: newEmail("timely") })).data);
    answers.push((await admin.generateLink({ type: "invite", email: newEmail("timely") })).data);
    answers.push((await admin.deleteUser(id, true)).data, (await admin.getUserById(id)).data);
    const audit = await fetch(`${stack.apiUrl}/auth/v1/admin/audit`, {
      headers: { apikey: stack.secretKey, authorization: `Bearer ${stack.serviceRoleKey}` },
    });
    answers.push(await audit.json());

    const times = timesIn(answers);
    const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
    expect(times.filter(([, time]) => !rfc3339.test(time))).toEqual([]);
    expect([...new Set(times.map(([key]) => key))]).toEqual(
      expect.arrayContaining([
        ...["confirmation_sent_at", "confirmed_at", "created_at", "deleted_at", "email_change_sent_at"],
        ...["email_confirmed_at", "invited_at", "last_sign_in_at", "updated_at"],
      ]),
    );
    expect(JSON.stringify(answers)).toMatch(/"banned_until":"\d{4}-\d{2}-\d{2}T/);
  });
});

describe("addresses", () => {
  it.each([
    "<a@example.com>",
    "Ana <a@example.com>",
    " a@example.com",
    "a@example.com\n",
    '"a b"@example.com',
    "a@[127.0.0.1]",
    "a@b@example.com",
    "a@exa_mple.com",
    "a@-example.com",
    "ü@example.com",
    "a@example.com,b@example.com",
    `${"a".repeat(250)}@example.com`,
  ])("refuses %j", async (email) => {
    for (const [path, body] of [
      ["/signup", { email, password }],
      ["/otp", { email }],
      ["/recover", { email }],
      ["/resend", { email, type: "signup" }],
    ] as const) {
      const answer = await post(path, body);
      expect([path, answer.status, answer.body.error_code]).toEqual([path, 400, "validation_failed"]);
    }
    const { client } = await signUp();
    expect((await client.auth.updateUser({ email })).error?.code).toBe("validation_failed");
  });
});

it("refuses text that cannot be stored with a 4xx, wherever it stands", { tags: "embedded" }, async () => {
  const email = newEmail("odd");
  for (const body of [
    { email, password: "correct\0horse battery" },
    { email: `odd\0${email}`, password },
    { email, password, data: { display_name: "A\0na" } },
    { email, password, data: { "a\0b": 1 } },
    { email, password, data: { deep: [{ deeper: "\ud800" }] } },
  ]) {
    const { status, body: answer } = await post("/signup", body);
    expect([JSON.stringify(body), status, answer.error_code]).toEqual([
      JSON.stringify(body),
      400,
      "validation_failed",
    ]);
  }
  expect((await post("/token?grant_type=password", { email, password: "a\0b" })).status).toBe(400);
  const link = await fetch(`${stack.apiUrl}/auth/v1/verify?type=signup&token=%00`, { redirect: "manual" });
  expect(link.status).toBeLessThan(500);
});

describe("administration", () => {
  it("creates, finds, changes, bans and deletes users", async () => {
    const { admin } = service().auth;
    const email = newEmail("made");
    const created = await admin.createUser({
      email,
      password,
      email_confirm: true,
      user_metadata: { display_name: "Mia" },
      app_metadata: { team: "north" },
    });
    const id = created.data.user?.id ?? "";
    expect(created.data.user).toMatchObject({
      app_metadata: { provider: "email", providers: ["email"], team: "north" },
      user_metadata: { display_name: "Mia", email_verified: true },
    });
    const signIn = () => anonymous().auth.signInWithPassword({ email, password });
    expect((await signIn()).error).toBeNull();
    await admin.updateUserById(id, { ban_duration: "24h" });
    expect((await signIn()).error?.code).toBe("user_banned");
    await admin.updateUserById(id, { ban_duration: "none" });
    const session = (await signIn()).data.session;
    expect((await admin.signOut(session?.access_token ?? "", "global")).error).toBeNull();
    const refreshed = await anonymous().auth.refreshSession({ refresh_token: session?.refresh_token ?? "" });
    expect(refreshed.error?.code).toBe("refresh_token_not_found");
    expect((await admin.deleteUser(id)).error).toBeNull();
    expect((await admin.getUserById(id)).error?.status).toBe(404);
  });

  it("invites and makes links that sign people in", async () => {
    const { admin } = service().auth;
    const email = newEmail("invited");
    expect((await admin.inviteUserByEmail(email)).error).toBeNull();
    const token_hash = /token=([^&\s]+)/.exec((await mailTo(email)).Text)?.[1] ?? "";
    expect((await anonymous().auth.verifyOtp({ token_hash, type: "invite" })).data.user?.email).toBe(email);
    for (const type of ["magiclink", "recovery"] as const) {
      const { data } = await admin.generateLink({ type, email });
      const verified = await anonymous().auth.verifyOtp({
        token_hash: data.properties?.hashed_token ?? "",
        type,
      });
      expect(verified.data.user?.email).toBe(email);
    }
  });

  it("finds entries of the audit log by action, author and type", async () => {
    const email = newEmail("audited");
    await service().auth.admin.createUser({ email, password });
    const read = async (query: string) => {
      const path = `/auth/v1/admin/audit?query=${encodeURIComponent(query)}`;
      const answer = await fetch(stack.apiUrl + path, {
        headers: { apikey: stack.secretKey, authorization: `Bearer ${stack.serviceRoleKey}` },
      });
      const { error_code, ...entries } = (await answer.json()) as Record<string, { payload: object }>;
      return error_code ?? Object.values(entries).map(({ payload }) => payload);
    };
    const created = { action: "user_signedup", actor_username: "service_role", log_type: "team" };
    for (const query of ["action:USER_signed", "author:service", "type:team"]) {
      expect(await read(query)).toContainEqual(
        expect.objectContaining({ ...created, traits: expect.objectContaining({ user_email: email }) }),
      );
    }
    expect(await read("action:no such action")).toEqual([]);
    expect(await read("mail:x")).toBe("validation_failed");
  });

  it("is for the secret key alone", async () => {
    const { client, id } = await signUp();
    for (const caller of [undefined, { client }]) {
      for (const path of ["/admin/users", `/admin/users/${id}`, "/admin/audit"]) {
        expect([401, 403]).toContain((await request(caller, `/auth/v1${path}`)).status);
      }
    }
  });
});

describe("PKCE", () => {
  it("signs in with the code of a link and the verifier that asked for it", async () => {
    const email = newEmail("pkce");
    const verifier = "v".repeat(50);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const code_challenge = Buffer.from(digest).toString("base64url");
    await post("/signup", { email, password, code_challenge, code_challenge_method: "s256" });
    const link = /https?:\/\/\S*\/auth\/v1\/verify\S*/.exec((await mailTo(email)).Text)?.[0] ?? "";
    const response = await fetch(link, { redirect: "manual" });
    const location = new URL(response.headers.get("location") ?? "");
    expect(location.hash).toBe("");
    const auth_code = location.searchParams.get("code") ?? "";
    const exchange = (code_verifier: string) => post("/token?grant_type=pkce", { auth_code, code_verifier });
    expect((await exchange("w".repeat(50))).body.error_code).toBe("bad_code_verifier");
    expect((await exchange(verifier)).body.user.email).toBe(email);
    expect((await exchange(verifier)).body.error_code).toBe("flow_state_not_found");
  });
});

it("refuses a token for another audience everywhere", { tags: "embedded" }, async () => {
  const { id, client } = await signUp("Ana");
  const { data } = await client.auth.getSession();
  const claims = JSON.parse(
    Buffer.from(data.session?.access_token.split(".")[1] ?? "", "base64url").toString(),
  );
  const send = async (aud: unknown, path: string, init: RequestInit) => {
    const { aud: _own, ...rest } = claims;
    const token = await new SignJWT(aud === undefined ? rest : { ...rest, aud })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(new TextEncoder().encode(stack.jwtSecret));
    const headers = {
      apikey: stack.publishableKey,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
    };
    const response = await fetch(stack.apiUrl + path, { ...init, headers });
    return { status: response.status, text: await response.text() };
  };
  for (const [path, init] of [
    ["/auth/v1/user", {}],
    [`/rest/v1/profiles?id=eq.${id}&select=id`, {}],
    ["/storage/v1/object/list/avatars", { method: "POST", body: JSON.stringify({ prefix: id }) }],
    ["/functions/v1/connect", { method: "POST", body: "{}" }],
    ["/graphql/v1", { method: "POST", body: JSON.stringify({ query: "{ __typename }" }) }],
  ] as [string, RequestInit][]) {
    const ours = await send("authenticated", path, init);
    expect([path, ours.status === 401 || ours.status === 403]).toEqual([path, false]);
    for (const aud of ["elsewhere", ["elsewhere"]]) {
      const other = await send(aud, path, init);
      expect([path, [400, 401, 403]]).toEqual([path, expect.arrayContaining([other.status])]);
      expect(other.text).not.toContain(id);
    }
  }
});
