// An offline Stripe: answers as api.stripe.com does for the calls that Staybase makes, sends signed webhooks, and serves a page
// to pay on. Clients reach it with package `stripe`, as they reach Stripe.

import type { IncomingMessage, ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { createApi } from "./api.ts";
import { findCard } from "./cards.ts";
import { completeOnboarding } from "./connect.ts";
import { StripeFault } from "./errors.ts";
import { createFaults, type Fault } from "./faults.ts";
import type { PaymentIntent } from "./objects.ts";
import { messagePage, paymentsPage, payPage } from "./page.ts";
import { confirmIntent } from "./payment-intents.ts";
import { createStore, type EmulatorStore } from "./store.ts";
import { createWebhooks, type DeliveryMode } from "./webhooks.ts";

/** The emulator accepts these keys only. No key of a real Stripe account contains these words. */
export const emulatorKeys = {
  secret: "sk_test_staybase_emulator",
  publishable: "pk_test_staybase_emulator",
  webhookSecret: "whsec_staybase_emulator",
};

export interface EmulatorOptions {
  /** The address that the emulator is served at; its links begin with it. */
  url: string;
  /** Where events are sent. */
  webhookUrl: string;
  /** JSON file that keeps the objects between runs. */
  file: string;
}

export interface Emulator {
  /** Answers a request of an HTTP server. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Stops deliveries and saves the objects. */
  close(): void;
}

export function createEmulator({ url: baseUrl, webhookUrl, file }: EmulatorOptions): Emulator {
  const store = createStore(file);
  const faults = createFaults();
  const webhooks = createWebhooks(webhookUrl, emulatorKeys.webhookSecret);
  const answerApi = createApi({ store, faults, keys: emulatorKeys, url: baseUrl });
  store.onEvent((event) => webhooks.send(event));

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", baseUrl);
    const body = await readText(request);
    if (url.pathname.startsWith("/v1/")) return answerApi(request, url, body, response);
    if (!isLocal(request)) {
      return html(response, 403, messagePage("Not allowed", "Only pages on this machine may pay."));
    }
    if (url.pathname === "/") {
      return html(response, 200, paymentsPage(store.all<PaymentIntent>("payment_intent").slice(0, 100)));
    }
    const [, page = "", id = ""] = /^\/(pay|onboarding|dashboard|_emulator)\/(\w+)$/.exec(url.pathname) ?? [];
    if (page === "pay") return answerPayPage(request.method ?? "GET", id, url, body, response);
    if (page === "onboarding") {
      completeOnboarding(store, id);
      response.writeHead(303, { location: url.searchParams.get("return_url") ?? "/" }).end();
      return;
    }
    if (page === "dashboard") {
      return html(response, 200, messagePage("Payouts", `At Stripe, ${id} would see its payouts here.`));
    }
    if (page === "_emulator" && request.method === "POST") return control(id, body, response);
    html(response, 404, messagePage("Not found", "The API is under /v1."));
  }

  async function answerPayPage(
    method: string,
    id: string,
    url: URL,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const intent = store.find(id);
    if (intent?.object !== "payment_intent" || url.searchParams.get("secret") !== intent.client_secret) {
      const hint = "Use the link that the Edge Function `payments` returns.";
      return html(response, 404, messagePage("Payment not found", hint));
    }
    if (method !== "POST") return html(response, 200, payPage(intent));
    const card = findCard(new URLSearchParams(body).get("card") ?? "");
    if (card === undefined) return html(response, 422, payPage(intent, "Use one of Stripe's test cards."));
    try {
      confirmIntent(store, id, { payment_method: card.method });
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      return html(response, 402, payPage(intent, error.message));
    }
    response.writeHead(303, { location: url.pathname + url.search }).end();
  }

  /** Requests of tests: faults, how webhooks are delivered, currency conversions. */
  async function control(what: string, body: string, response: ServerResponse): Promise<void> {
    const request: unknown = body === "" ? {} : JSON.parse(body);
    let answer: unknown = {};
    if (what === "faults") faults.set(request as Fault[]);
    else if (what === "webhooks") answer = webhooks.setMode(request as Partial<DeliveryMode>);
    else if (what === "conversions") store.conversions = request as EmulatorStore["conversions"];
    else if (what === "release") await webhooks.release();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  return {
    handle(request, response) {
      route(request, response).catch((error) => fail(error, response));
    },
    close() {
      webhooks.stop();
      store.save();
    },
  };
}

/**
 * Whether a request comes from a page of this machine, by its Origin and Host headers. Otherwise any web site that the developer
 * visits could pay and control the emulator.
 */
function isLocal(request: IncomingMessage): boolean {
  const host = /^(127\.0\.0\.1|localhost)(:\d+)?$/;
  const origin = request.headers.origin;
  return (
    host.test(request.headers.host ?? "") &&
    (origin === undefined || origin === "null" || host.test(origin.replace(/^https?:\/\//, "")))
  );
}

function fail(error: unknown, response: ServerResponse): void {
  if (error instanceof StripeFault) {
    html(response, error.status, messagePage("Not possible", error.message));
    return;
  }
  console.error(`stripe: ${error instanceof Error ? error.message : String(error)}`);
  if (response.headersSent) response.destroy();
  else response.writeHead(500).end();
}

function html(response: ServerResponse, status: number, page: string): void {
  response
    .writeHead(status, { "content-type": "text/html; charset=utf-8", "referrer-policy": "no-referrer" })
    .end(page);
}
