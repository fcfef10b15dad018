// Accounts as an app uses them: sign-up, sign-in, refresh, recovery, sign-out, and changes of e-mail address and password.

import { describe, expect, it } from "vitest";
import { anonymous, request } from "../support/clients.ts";
import { codeIn, listMails, type Mail, mailTo } from "../support/mails.ts";
import { newEmail, password, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

describe("a NUL character", () => {
  const bodies: [string, string, object][] = [
    ["POST", "signup", { email: "a\0b@example.org", password }],
    ["POST", "signup", { email: newEmail(), password: `${password}\0` }],
    ["POST", "token?grant_type=password", { email: "a\0b@example.org", password }],
    ["POST", "token?grant_type=password", { email: newEmail(), password: `${password}\0` }],
    ["POST", "token?grant_type=refresh_token", { refresh_token: "a\0b" }],
    ["POST", "token?grant_type=pkce", { auth_code: "a\0b", code_verifier: "a\0b" }],
    ["POST", "recover", { email: "a\0b@example.org" }],
    ["POST", "otp", { email: "a\0b@example.org", create_user: true }],
    ["POST", "magiclink", { email: "a\0b@example.org" }],
    ["POST", "resend", { type: "signup", email: "a\0b@example.org" }],
    ["POST", "verify", { type: "email", email: "a\0b@example.org", token: "123456" }],
    ["POST", "verify", { type: "email", token_hash: "a\0b" }],
    ["PUT", "user", { data: { display_name: "a\0b" } }],
    ["PUT", "user", { password: `${password}\0` }],
    ["POST", "factors", { factor_type: "totp", friendly_name: "a\0b" }],
    ["POST", "factors/a%00b/verify", { challenge_id: "a\0b", code: "123456" }],
    ["GET", "verify?type=email&token=a%00b", {}],
    ["GET", "verify?type=email&token=pkce_a%00b&redirect_to=http%3A%2F%2Fa%00b", {}],
    ["GET", "authorize?provider=a%00b&redirect_to=a%00b", {}],
    ["GET", "callback?state=a%00b&code=a%00b", {}],
    ["POST", "logout?scope=a%00b", {}],
    ["POST", "token?grant_type=a%00b", {}],
  ];

  it.each(bodies)("is refused without an error of the server: %s %s %j", async (method, path, body) => {
    const person = path.startsWith("user") || path.startsWith("factors") ? await signUp() : undefined;
    const response = await request(person, `/auth/v1/${path}`, {
      method,
      redirect: "manual",
      ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
    });
    // the answer to a link that a browser opens is a redirect with the error
    expect(response.status).toBeLessThan(500);
    if (method === "GET" && response.status < 400) expect(response.headers.get("location")).toMatch(/error=/);
    else expect(response.status).toBeGreaterThanOrEqual(400);
  });

  it("is refused in the paths of the administrator", async () => {
    const id = crypto.randomUUID();
    for (const [method, path, body] of [
      ["POST", "admin/users", { email: newEmail(), user_metadata: { name: "a\0b" } }],
      ["PUT", `admin/users/${id}`, { app_metadata: { "a\0b": 1 } }],
      ["POST", "admin/generate_link", { type: "signup", email: "a\0b@example.org", password }],
      ["POST", "invite", { email: "a\0b@example.org" }],
    ] as const) {
      const response = await request(undefined, `/auth/v1/${path}`, {
        method,
        headers: { apikey: stack.secretKey, authorization: `Bearer ${stack.serviceRoleKey}` },
        body: JSON.stringify(body),
      });
      expect([path, response.status]).toEqual([path, 400]);
    }
  });
});

describe("sign-up", () => {
  it("refuses a NUL character, and takes its name as text", async () => {
    const send = (display_name: string) =>
      request(undefined, "/auth/v1/signup", {
        method: "POST",
        body: JSON.stringify({ email: newEmail(), password, data: { display_name } }),
      });
    expect((await send("A\u0000na")).status).toBe(400);
    expect((await send("A\\u0000na")).status).toBe(200);
  });

  it("sends a mail whose code confirms the address", async () => {
    const person = await signUp("Ana");
    const { data } = await person.client
      .from("profiles")
      .select("display_name")
      .eq("id", person.id)
      .single()
      .throwOnError();
    expect(data.display_name).toBe("Ana");
  });

  it("sends a link that confirms the address and leads back to the app", async () => {
    const email = newEmail();
    await anonymous().auth.signUp({ email, password });
    const mail = await mailTo(email);
    expect(mail.Subject).toBe("Confirm your e-mail address");
    expect(mail.HTML).toContain(`href="${stack.apiUrl}/auth/v1/verify`);
    const link = /https?:\/\/\S*\/auth\/v1\/verify\S*/.exec(mail.Text)?.[0] ?? "";
    expect(link.startsWith(`${stack.apiUrl}/auth/v1/verify`)).toBe(true);
    const response = await fetch(link, { redirect: "manual" });
    expect(response.status).toBe(303);
    const location = new URL(response.headers.get("location") ?? "");
    expect(location.origin).toBe("http://127.0.0.1:3000");
    const token = new URLSearchParams(location.hash.slice(1)).get("access_token") ?? "";
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ email, role: "authenticated", app_metadata: { provider: "email" } });
    const { error } = await anonymous().auth.signInWithPassword({ email, password });
    expect(error).toBeNull();
  });

  it("allows no sign-in before the confirmation", async () => {
    const email = newEmail();
    await anonymous().auth.signUp({ email, password });
    const { error } = await anonymous().auth.signInWithPassword({ email, password });
    expect(error?.code).toBe("email_not_confirmed");
  });

  it("sends another mail to an unconfirmed person, whose code confirms the address", async () => {
    for (const again of ["resend", "signUp"] as const) {
      const email = newEmail();
      const client = anonymous();
      await client.auth.signUp({ email, password });
      await mailTo(email);
      await until(async () => {
        const { error } = await (again === "resend"
          ? client.auth.resend({ type: "signup", email })
          : client.auth.signUp({ email, password }));
        return error === null;
      }, "max_frequency of config.toml to pass");
      const token = codeIn(await mailTo(email, 2));
      const { data } = await client.auth.verifyOtp({ email, token, type: "signup" });
      expect(data.user?.email).toBe(email);
      expect((await anonymous().auth.signInWithPassword({ email, password })).error).toBeNull();
    }
  });

  it("does not reveal whether an address has an account, and does not change it", async () => {
    const { email } = await signUp("Ana");
    const repeated = await until(async () => {
      const answer = await anonymous().auth.signUp({
        email: email.toUpperCase(),
        password: "another, longer password",
      });
      return answer.error === null && answer.data;
    }, "max_frequency of config.toml to pass");
    expect([repeated.session, repeated.user?.identities]).toEqual([null, []]);
    expect((await anonymous().auth.signInWithPassword({ email, password })).error).toBeNull();
    await until(
      async () => (await anonymous().auth.resend({ type: "signup", email })).error === null,
      "max_frequency of config.toml to pass",
    );
    expect(await listMails({ email })).toHaveLength(1);
  });

  it("refuses a short password and a malformed address", async () => {
    const short = await anonymous().auth.signUp({ email: newEmail(), password: "1234567" });
    expect(short.error?.code).toBe("weak_password");
    const malformed = await anonymous().auth.signUp({ email: "not an address", password });
    expect(malformed.error?.status).toBe(400);
  });

  it("takes no role from the metadata that a client sends", async () => {
    const person = await signUp("Mallory", {
      role: "operator",
      roles: ["operator"],
      app_metadata: { roles: ["operator"] },
    });
    const { data } = await person.client.from("user_roles").select().throwOnError();
    expect(data).toEqual([]);
    const { data: session } = await person.client.auth.getUser();
    expect(session.user?.app_metadata.roles).toBeUndefined();
  });
});

describe("sessions", () => {
  it("do not begin with a wrong password", async () => {
    const { email } = await signUp();
    const { error } = await anonymous().auth.signInWithPassword({ email, password: "wrong horse" });
    expect(error?.code).toBe("invalid_credentials");
  });

  it("change the refresh token on every refresh", async () => {
    const { client } = await signUp();
    const before = (await client.auth.getSession()).data.session;
    const { data, error } = await client.auth.refreshSession();
    expect(error).toBeNull();
    expect(data.session?.refresh_token).not.toBe(before?.refresh_token);
  });

  it("end with the sign-out, which revokes the refresh token", async () => {
    const { client } = await signUp();
    const session = (await client.auth.getSession()).data.session;
    await client.auth.signOut();
    const { error } = await anonymous().auth.refreshSession({ refresh_token: session?.refresh_token ?? "" });
    expect(error).not.toBeNull();
  });

  it("begin with a code from a mail", async () => {
    const { email } = await signUp();
    const client = anonymous();
    await client.auth.signInWithOtp({ email, options: { shouldCreateUser: false } });
    const { data, error } = await client.auth.verifyOtp({
      email,
      token: codeIn(await mailTo(email, 2)),
      type: "email",
    });
    expect(error).toBeNull();
    expect(data.user?.email).toBe(email);
  });
});

describe("an account", () => {
  it("gets a new password through a recovery mail", async () => {
    const { email } = await signUp();
    const client = anonymous();
    await client.auth.resetPasswordForEmail(email);
    await client.auth.verifyOtp({ email, token: codeIn(await mailTo(email, 2)), type: "recovery" });
    const { error } = await client.auth.updateUser({ password: "a new, long password" });
    expect(error).toBeNull();
    expect(
      (await anonymous().auth.signInWithPassword({ email, password: "a new, long password" })).error,
    ).toBeNull();
    expect((await anonymous().auth.signInWithPassword({ email, password })).error?.code).toBe(
      "invalid_credentials",
    );
  });

  it("gets a new password from its signed-in owner", async () => {
    const { client, email } = await signUp();
    expect((await client.auth.updateUser({ password: "another, longer password" })).error).toBeNull();
    expect(
      (await anonymous().auth.signInWithPassword({ email, password: "another, longer password" })).error,
    ).toBeNull();
    expect((await anonymous().auth.signInWithPassword({ email, password })).error?.code).toBe(
      "invalid_credentials",
    );
  });

  it("is not revealed by a recovery for an unknown address", async () => {
    const { error } = await anonymous().auth.resetPasswordForEmail(newEmail("nobody"));
    expect(error).toBeNull();
  });

  it("gets a new e-mail address once the new one and the old one confirm", async () => {
    const { client, email } = await signUp();
    const next = newEmail("moved");
    expect((await client.auth.updateUser({ email: next })).error).toBeNull();
    const confirm = async (mail: Mail) => {
      const token_hash = /token=([^&\s]+)/.exec(mail.Text)?.[1] ?? "";
      return anonymous().auth.verifyOtp({ token_hash, type: "email_change" });
    };
    expect((await confirm(await mailTo(next))).error).toBeNull();
    expect((await client.auth.getUser()).data.user?.email).toBe(email);
    expect((await confirm(await mailTo(email, 2))).error).toBeNull();
    expect((await anonymous().auth.signInWithPassword({ email: next, password })).error).toBeNull();
    expect((await anonymous().auth.signInWithPassword({ email, password })).error?.code).toBe(
      "invalid_credentials",
    );
  });
});
