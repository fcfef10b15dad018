// The time of an answer does not tell whether an address has an account.
// @module-tag embedded

import { beforeAll, expect, it } from "vitest";
import { service } from "../support/clients.ts";
import { type Answer, newAddress, postFrom } from "../support/network.ts";
import { newEmail, password } from "../support/people.ts";

const pairs = 15;
let known: string[] = [];

beforeAll(async () => {
  known = Array.from({ length: pairs }, () => newEmail("known"));
  for (const email of known) {
    const { error } = await service().auth.admin.createUser({ email, password, email_confirm: true });
    if (error !== null) throw error;
  }
});

const requests: [string, (email: string) => Promise<Answer>][] = [
  ["sign-in", (email) => postFrom(newAddress(), "/token?grant_type=password", { email, password: "wrong" })],
  ["sign-up", (email) => postFrom(newAddress(), "/signup", { email, password })],
  ["recovery", (email) => postFrom(newAddress(), "/recover", { email })],
  ["another mail", (email) => postFrom(newAddress(), "/resend", { email, type: "signup" })],
  ["a wrong code", (email) => postFrom(newAddress(), "/verify", { email, type: "email", token: "123456" })],
  ["sign-in by mail", (email) => postFrom(newAddress(), "/otp", { email })],
];

it.each(requests)("of %s", async (name, send) => {
  const times: { known: number[]; unknown: number[] } = { known: [], unknown: [] };
  for (const email of known) {
    if (name === "sign-in by mail") await new Promise((resolve) => setTimeout(resolve, 200)); // mails are sent meanwhile
    for (const [kind, address] of [
      ["known", email],
      ["unknown", newEmail("unknown")],
    ] as const) {
      const answer = await retryEarly(() => send(address));
      times[kind].push(answer.took);
    }
  }
  const [a, b] = [median(times.known), median(times.unknown)];
  const slower = Math.max(a, b);
  expect(Math.abs(a - b), `known ${a.toFixed(1)} ms, unknown ${b.toFixed(1)} ms`).toBeLessThan(
    Math.max(0.3 * slower, 12),
  );
});

/** Waits while a mail of the same kind is too recent. */
async function retryEarly(send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await send();
    if (answer.body.error_code !== "over_email_send_rate_limit") return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
