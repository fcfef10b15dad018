// Wrong passwords and codes are limited by account and by network address. The tests use addresses of their own.
// @module-tag embedded

import postgres from "postgres";
import { expect, it } from "vitest";
import { createLimits } from "../../../scripts/stack/auth/limits.ts";
import { anonymous, service } from "../support/clients.ts";
import { codeIn, mailTo } from "../support/mails.ts";
import { newAddress, postFrom } from "../support/network.ts";
import { newEmail, password } from "../support/people.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

const refusal = {
  code: 429,
  error_code: "over_request_rate_limit",
  msg: "Request rate limit reached",
};

async function newAccount(): Promise<string> {
  const email = newEmail("limited");
  const { error } = await service().auth.admin.createUser({ email, password, email_confirm: true });
  if (error !== null) throw error;
  return email;
}

const signIn = (address: string, email: string, secret: string, headers = {}) =>
  postFrom(address, "/token?grant_type=password", { email, password: secret }, headers);

it("refuses the right password, too, after many wrong ones for an account, wherever they come from", async () => {
  const email = await newAccount();
  const tries = await Promise.all(Array.from({ length: 40 }, () => signIn(newAddress(), email, "wrong")));
  expect(tries.filter(({ status }) => status === 400)).toHaveLength(20);
  expect(tries.filter(({ status }) => status === 429)).toHaveLength(20);
  const right = await signIn(newAddress(), email, password);
  expect([right.status, right.body]).toEqual([429, refusal]);
  expect((await signIn(newAddress(), await newAccount(), password)).status).toBe(200);
});

it("forgets wrong passwords once the right one is given", async () => {
  const email = await newAccount();
  for (let round = 0; round < 3; round += 1) {
    for (let wrong = 0; wrong < 10; wrong += 1) {
      expect((await signIn(newAddress(), email, "wrong")).status).toBe(400);
    }
    expect((await signIn(newAddress(), email, password)).status).toBe(200);
  }
});

it("counts wrong passwords of a network address for accounts and for unknown addresses alike, whatever X-Forwarded-For says", async () => {
  const address = newAddress();
  const emails = [
    ...(await Promise.all([newAccount(), newAccount()])),
    newEmail("unknown"),
    newEmail("unknown"),
  ];
  const statuses: number[] = [];
  for (let index = 0; index < 32; index += 1) {
    const headers = { "x-forwarded-for": `203.0.113.${index}` };
    statuses.push((await signIn(address, emails[index % 4] ?? "", "wrong", headers)).status);
  }
  expect(statuses).toEqual([...Array(30).fill(400), 429, 429]);
  expect((await signIn(address, emails[0] ?? "", password)).status).toBe(429);
  expect((await signIn(newAddress(), emails[0] ?? "", password)).status).toBe(200);
});

it("makes a code void after five wrong ones, but not the link of the same mail, and a new code works", async () => {
  const email = newEmail("guessed");
  await anonymous().auth.signUp({ email, password });
  const mail = await mailTo(email);
  const code = codeIn(mail);
  const verify = (body: object) => postFrom(newAddress(), "/verify", { type: "signup", ...body });
  const guesses = Array.from({ length: 12 }, (_, index) => ({
    email,
    token: String(index).padStart(6, "0"),
  }));
  for (const { status } of await Promise.all(guesses.map(verify))) expect(status).toBe(403);
  expect((await verify({ email, token: code })).body.error_code).toBe("otp_expired");
  await until(
    async () => (await anonymous().auth.resend({ type: "signup", email })).error === null,
    "max_frequency of config.toml to pass",
  );
  const again = codeIn(await mailTo(email, 2));
  expect((await verify({ email, token: again })).status).toBe(200);

  const other = newEmail("guessed");
  await anonymous().auth.signUp({ email: other, password });
  const token_hash = /token=([^&\s]+)/.exec((await mailTo(other)).Text)?.[1] ?? "";
  for (let index = 0; index < 8; index += 1) await verify({ email: other, token: "000000" });
  expect((await verify({ token_hash })).status).toBe(200);
});

it("limits wrong codes of all kinds by network address", async () => {
  const address = newAddress();
  const types = ["signup", "email", "recovery", "magiclink", "invite", "email_change"];
  const statuses: number[] = [];
  for (let index = 0; index < 32; index += 1) {
    const type = types[index % types.length];
    const body =
      index % 3 === 0
        ? { type, token_hash: "0".repeat(56) }
        : { type, email: newEmail("unknown"), token: "123456" };
    statuses.push((await postFrom(address, "/verify", body)).status);
  }
  expect(statuses).toEqual([...Array(30).fill(403), 429, 429]);
});

it("limits wrong codes of an account over all its mails", async () => {
  const email = newEmail("unknown");
  const verify = () => postFrom(newAddress(), "/verify", { type: "email", email, token: "123456" });
  const tries = await Promise.all(Array.from({ length: 40 }, verify));
  expect(tries.filter(({ status }) => status === 429)).toHaveLength(10);
});

it("allows one mail of a kind in max_frequency, for accounts and unknown addresses alike", async () => {
  for (const email of [await newAccount(), newEmail("unknown")]) {
    for (const [path, body] of [
      ["/recover", { email }],
      ["/resend", { email, type: "signup" }],
    ] as const) {
      const answers = await Promise.all([1, 2, 3].map(() => postFrom(newAddress(), path, body)));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 429, 429]);
      const refused = answers.find(({ status }) => status === 429);
      expect(refused?.body.error_code).toBe("over_email_send_rate_limit");
    }
  }
});

it("keeps its counts in the database, and nothing that names a person", async () => {
  const sql = postgres(stack.databaseUrl.replace("//postgres:", "//supabase_auth_admin:"), { max: 1 });
  try {
    const limit = { kind: "a test", most: 2, period: 60_000 };
    const subject = newEmail("counted");
    const take = () => createLimits(sql).take(limit, subject);
    expect([await take(), await take()]).toEqual([0, 0]);
    expect(await take()).toBeGreaterThan(0);
    const rows = await sql`select * from auth.tries`;
    expect(JSON.stringify(rows)).not.toContain("@");
    const short = { kind: "a short test", most: 1, period: 1 };
    await createLimits(sql).take(short, subject);
    await until(async () => (await createLimits(sql).take(short, subject)) === 0, "the period to pass");
  } finally {
    await sql.end();
  }
});
