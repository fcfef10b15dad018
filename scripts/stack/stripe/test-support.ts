// An emulator on a free port for the tests of this folder, with a client, and a receiver of its webhooks.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import Stripe from "stripe";
import { afterAll } from "vitest";
import { createEmulator, emulatorKeys } from "./emulator.ts";

/** Starts an emulator that ends with the test file. */
export async function startEmulator() {
  const folder = mkdtempSync(join(tmpdir(), "stripe-emulator-"));
  const events: Stripe.Event[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/webhooks") {
      void text(request).then((body) => {
        events.push(JSON.parse(body) as Stripe.Event);
        response.end();
      });
    } else emulator.handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const file = join(folder, "stripe.json");
  const emulator = createEmulator({ url, webhookUrl: `${url}/webhooks`, file });
  afterAll(() => {
    emulator.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { ...clientOf(url), url, port, events };
}

export function clientOf(url: string) {
  const { port } = new URL(url);
  const host = { host: "127.0.0.1", port: Number(port), protocol: "http" } as const;
  const stripe = new Stripe(emulatorKeys.secret, { ...host, maxNetworkRetries: 0 });
  return {
    host,
    stripe,
    /** A request of the control surface. */
    async control<T = unknown>(command: string, request: unknown = {}): Promise<T> {
      const response = await fetch(`${url}/_emulator/${command}`, {
        method: "POST",
        body: JSON.stringify(request),
      });
      return (await response.json()) as T;
    },
    /** A request that the types of package `stripe` do not allow. */
    async raw(method: "GET" | "POST", path: string, parameters: Record<string, string> = {}) {
      const form = new URLSearchParams(parameters).toString();
      const response = await fetch(`${url}/v1/${path}${method === "GET" ? `?${form}` : ""}`, {
        method,
        headers: { authorization: `Bearer ${emulatorKeys.secret}` },
        ...(method === "POST" ? { body: form } : {}),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    /** Creates a PaymentIntent of 100 EUR for cards. */
    createIntent: (changes: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
      stripe.paymentIntents.create({
        amount: 10_000,
        currency: "eur",
        automatic_payment_methods: { enabled: true, allow_redirects: "never" },
        ...changes,
      }),
    /** Pays 100 EUR, and returns the intent with its charge. */
    pay: async (changes: Partial<Stripe.PaymentIntentCreateParams> = {}) =>
      stripe.paymentIntents.create({
        amount: 10_000,
        currency: "eur",
        confirm: true,
        payment_method: "pm_card_visa",
        automatic_payment_methods: { enabled: true, allow_redirects: "never" },
        ...changes,
      }),
    /** Opens a connected account that can receive transfers. */
    async openAccount() {
      const account = await stripe.accounts.create({
        type: "express",
        country: "PT",
        capabilities: { transfers: { requested: true } },
      });
      await fetch(`${url}/onboarding/${account.id}?return_url=${url}`, { redirect: "manual" });
      return account.id;
    },
  };
}

/** The error that Stripe answers. */
export async function errorOf(request: Promise<unknown>): Promise<Record<string, unknown>> {
  try {
    await request;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) {
      const { statusCode, code, param, message } = error;
      return { status: statusCode, type: error.rawType, code, param, message };
    }
    throw error;
  }
  throw new Error("The request was not refused.");
}

/** Waits until `read` answers something other than undefined and false. */
export async function until<T>(read: () => T | undefined | false): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const found = read();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("This did not happen within five seconds.");
}
