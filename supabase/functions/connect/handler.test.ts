// connect without a network: it acts on the caller's account only.

import assert from "node:assert/strict";
import { createHandler, type Dependencies } from "./handler.ts";

function setUp(account: string | undefined, overrides: Partial<Dependencies> = {}) {
  const calls: string[] = [];
  const handle = createHandler({
    userOf: async (authorization) =>
      authorization === "Bearer ana" ? { id: "ana", email: "ana@example.com" } : undefined,
    accountOf: async (actor) => {
      calls.push(`account of ${actor}`);
      return account;
    },
    createAccount: async (actor, email, country) => {
      calls.push(`create for ${actor} ${email} ${country}`);
      return "acct_new";
    },
    syncAccount: async (id) => ({
      id,
      details_submitted: true,
      payouts_enabled: false,
      requirements: ["external_account"],
      currency: "eur",
    }),
    onboardingLink: async (id, returnUrl) => `https://stripe.example/${id}?${returnUrl}`,
    loginLink: async (id) => `https://stripe.example/login/${id}`,
    log: (message, level) => void (level === "info" || calls.push(message)),
    ...overrides,
  });
  const post = async (body: unknown, authorization = "Bearer ana") => {
    const response = await handle(
      new Request("http://f/", { method: "POST", headers: { authorization }, body: JSON.stringify(body) }),
    );
    return { status: response.status, body: await response.json() };
  };
  return { post, calls };
}

const onboard = { action: "onboard", return_url: "https://app.example/back" };

Deno.test("creates an account for the caller, once", async () => {
  const first = setUp(undefined);
  assert.deepEqual((await first.post({ ...onboard, country: "PT" })).body, {
    url: "https://stripe.example/acct_new?https://app.example/back",
  });
  assert.deepEqual(first.calls, ["account of ana", "create for ana ana@example.com PT"]);
  const again = setUp("acct_1");
  await again.post(onboard);
  assert.deepEqual(again.calls, ["account of ana"]);
});

Deno.test("refuses callers without a valid token, and a body that names another account", async () => {
  const { post, calls } = setUp("acct_1");
  assert.equal((await post(onboard, "Bearer mallory")).status, 401);
  for (const body of [
    { ...onboard, account: "acct_2" },
    { ...onboard, profile_id: "ben" },
    { action: "login", account: "acct_2" },
    { ...onboard, return_url: "javascript:alert(1)" },
    null,
  ]) {
    assert.equal((await post(body)).status, 400);
  }
  assert.deepEqual(calls, []);
});

Deno.test("answers the status of onboarding, and the link to Stripe's dashboard after it", async () => {
  assert.deepEqual((await setUp(undefined).post({ action: "status" })).body, {
    status: "none",
    payouts_enabled: false,
    requirements: [],
  });
  assert.deepEqual((await setUp("acct_1").post({ action: "status" })).body, {
    status: "pending",
    payouts_enabled: false,
    requirements: ["external_account"],
  });
  assert.equal((await setUp(undefined).post({ action: "login" })).body.code, "not_onboarded");
  assert.deepEqual((await setUp("acct_1").post({ action: "login" })).body, {
    url: "https://stripe.example/login/acct_1",
  });
});

Deno.test("hides the error of Stripe", async () => {
  const { post } = setUp("acct_1", { loginLink: () => Promise.reject(new Error("sk_test_secret is wrong")) });
  const { status, body } = await post({ action: "login" });
  assert.equal(status, 502);
  assert.doesNotMatch(JSON.stringify(body), /sk_test/);
});
