// A caller keeps what it received: the emulator is killed with SIGKILL, and the next one knows everything.

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { clientOf, until } from "./test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "stripe-journal-"));
const file = join(folder, "stripe.json");
let child: ChildProcess | undefined;
const children: ChildProcess[] = [];
const received: string[] = [];
let isDeaf = true;
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => {
    body += String(part);
  });
  request.on("end", () => {
    if (!isDeaf) received.push((JSON.parse(body) as { type: string }).type);
    response.writeHead(isDeaf ? 500 : 200).end();
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const webhookUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
afterAll(() => {
  for (const each of children) each.kill("SIGKILL");
  receiver.closeAllConnections();
  receiver.close();
  rmSync(folder, { recursive: true });
});

const program = `
  import { createServer } from "node:http";
  const { createEmulator } = await import(process.env.EMULATOR);
  let emulator;
  const server = createServer((request, response) => emulator.handle(request, response));
  server.listen(0, "127.0.0.1", () => {
    const url = "http://127.0.0.1:" + server.address().port;
    emulator = createEmulator({ url, webhookUrl: process.env.WEBHOOKS, file: process.env.FILE });
    process.stdout.write(url + "\\n");
  });`;

/** Starts an emulator of its own process, and returns its address. */
async function start(): Promise<string> {
  const started = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: {
      ...process.env,
      EMULATOR: new URL("./emulator.ts", import.meta.url).href,
      FILE: file,
      WEBHOOKS: webhookUrl,
    },
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  children.push(started);
  return new Promise((resolve, reject) => {
    started.stdout.once("data", (data) => resolve(String(data).trim()));
    started.once("exit", () => reject(new Error("The emulator did not start.")));
  });
}

/** kill -9 */
async function kill(): Promise<void> {
  const ended = new Promise((resolve) => child?.once("exit", resolve));
  child?.kill("SIGKILL");
  await ended;
}

it("loses nothing when it is killed, not even the answer of an idempotency key or an event", async () => {
  const before = clientOf(await start());
  await before.control("conversions", { gbp: { to: "usd", rate: 1.1 } });
  const idempotencyKey = crypto.randomUUID();
  const request = {
    amount: 5_000,
    currency: "gbp",
    automatic_payment_methods: { enabled: true, allow_redirects: "never" as const },
  };
  const made = await before.stripe.paymentIntents.create(request, { idempotencyKey });
  const paid = await before.stripe.paymentIntents.confirm(made.id, { payment_method: "pm_card_visa" });
  const balance = await before.stripe.balance.retrieve();
  await kill();

  // The last request was cut off while it was written, and so was never answered.
  appendFileSync(file, '[{"id":"pi_cut","object":"payment_in');
  isDeaf = false;
  const after = clientOf(await start());
  expect(await after.stripe.paymentIntents.retrieve(made.id)).toEqual(paid);
  expect(await after.stripe.balance.retrieve()).toEqual(balance);
  expect((await after.stripe.paymentIntents.create(request, { idempotencyKey })).id).toBe(made.id);
  expect((await after.stripe.refunds.create({ payment_intent: made.id })).amount).toBe(5_000);
  await until(() => received.includes("payment_intent.succeeded"));
  await kill();

  const last = clientOf(await start());
  const { data } = await last.stripe.refunds.list({ payment_intent: made.id });
  expect(data.map(({ amount }) => amount)).toEqual([5_000]);
  await kill();
}, 30_000);

it("has every payment that was answered, however many are under way when it is killed", async () => {
  const before = clientOf(await start());
  const answered: string[] = [];
  const pays = Array.from({ length: 200 }, async () => {
    answered.push((await before.pay()).id);
  });
  await until(() => answered.length >= 20);
  await kill();
  await Promise.allSettled(pays);
  const after = clientOf(await start());
  const known = new Set<string>();
  for await (const { id, status } of after.stripe.paymentIntents.list({ limit: 100 })) {
    if (status === "succeeded") known.add(id);
  }
  expect(answered.filter((id) => !known.has(id))).toEqual([]);
  await kill();
}, 30_000);
