// The time of an answer does not tell whether an address has an account.
// @module-tag embedded

import { setTimeout as sleep } from "node:timers/promises";
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

const requests: [string, { send: (email: string) => Promise<Answer>; pause: number }][] = [
  [
    "sign-in",
    { send: (email) => post("/token?grant_type=password", { email, password: "wrong" }), pause: 0 },
  ],
  ["sign-up", { send: (email) => post("/signup", { email, password }), pause: 100 }],
  ["recovery", { send: (email) => post("/recover", { email }), pause: 100 }],
  ["another mail", { send: (email) => post("/resend", { email, type: "signup" }), pause: 100 }],
  ["a wrong code", { send: (email) => post("/verify", { email, type: "email", token: "123456" }), pause: 0 }],
  ["sign-in by mail", { send: (email) => post("/otp", { email }), pause: 300 }],
];

function post(path: string, body: object): Promise<Answer> {
  return postFrom(newAddress(), path, body);
}

it.each(requests)("of %s", async (_name, { send, pause }) => {
  const times: Record<"known" | "unknown", number[]> = { known: [], unknown: [] };
  for (const [index, email] of known.entries()) {
    const pair = [["known", email] as const, ["unknown", newEmail("unknown")] as const];
    for (const [kind, address] of index % 2 === 0 ? pair : pair.toReversed()) {
      await sleep(pause); // what is done after an answer does not slow the next one
      times[kind].push((await retryEarly(() => send(address))).took);
    }
  }
  const [a, b] = [lowerQuartile(times.known), lowerQuartile(times.unknown)];
  const message = `known ${a.toFixed(1)} ms, unknown ${b.toFixed(1)} ms`;
  expect(Math.abs(a - b), message).toBeLessThan(Math.max(0.35 * Math.max(a, b), 10));
});

/** Waits while a mail of the same kind is too recent. */
async function retryEarly(send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await send();
    if (answer.body.error_code !== "over_email_send_rate_limit") return answer;
    await sleep(200);
  }
}

/** Hardly moved by other work of the machine, which only ever adds time. */
function lowerQuartile(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)] ?? Number.NaN;
}
