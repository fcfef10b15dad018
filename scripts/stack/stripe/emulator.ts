// An offline Stripe: answers as api.stripe.com does for the calls that Staybase makes, sends signed webhooks, and serves a page
// to pay on. Clients reach it with package `stripe`, as they reach Stripe.

import type { IncomingMessage, ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { publicJson } from "./answers.ts";
import { createApi } from "./api.ts";
import { findCard } from "./cards.ts";
import { completeOnboarding } from "./connect.ts";
import { control, describeCommands } from "./control.ts";
import { StripeFault } from "./errors.ts";
import { createFaults } from "./faults.ts";
import type { EmulatedEvent, PaymentIntent, SetupIntent } from "./objects.ts";
import { authenticationPage, messagePage, paymentsPage, payPage } from "./page.ts";
import { authenticateIntent, confirmIntent } from "./payment-intents.ts";
import { authenticateSetup } from "./setup-intents.ts";
import { createStore } from "./store.ts";
import { createWebhooks } from "./webhooks.ts";

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
  /** File that keeps the objects; each change is in it before a request is answered. */
  file: string;
  /** Milliseconds since 1970, the real time by default. Signatures always have the real time. */
  now?: () => number;
}

export interface Emulator {
  /** Answers a request of an HTTP server. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Stops deliveries. What is not delivered is sent by the next run. */
  close(): void;
}

export function createEmulator(options: EmulatorOptions): Emulator {
  const { url: baseUrl, webhookUrl, file, now = Date.now } = options;
  const store = createStore(file, now);
  const faults = createFaults();
  const webhooks = createWebhooks(webhookUrl, emulatorKeys.webhookSecret, (event) => {
    store.get<EmulatedEvent>("event", event.id).pending_webhooks = 0;
    store.commit();
  });
  const answerApi = createApi({ store, faults, keys: emulatorKeys, url: baseUrl });
  store.onEvent((event) => webhooks.send(event));
  // What an earlier run did not deliver, oldest first.
  for (const event of store.all<EmulatedEvent>("event").reverse()) {
    if (event.pending_webhooks > 0) webhooks.send(event);
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(`${baseUrl}${request.url ?? "/"}`); // not relative: a path may begin with //
    const body = await readText(request);
    if (url.pathname.startsWith("/v1/")) return answerApi(request, url, body, response);
    if (!isLocal(request)) {
      return html(response, 403, messagePage("Not allowed", "Only pages on this machine may pay."));
    }
    if (url.pathname === "/") {
      return html(response, 200, paymentsPage(store.all<PaymentIntent>("payment_intent").slice(0, 100)));
    }
    if (url.pathname === "/_emulator") return json(response, 200, describeCommands());
    const [, page = "", id = ""] =
      /^\/(pay|three-d-secure|onboarding|dashboard|_emulator)\/(\w+)$/.exec(url.pathname) ?? [];
    if (page === "pay") return answerPayPage(request.method ?? "GET", id, url, body, response);
    if (page === "three-d-secure")
      return answerAuthentication(request.method ?? "GET", id, url, body, response);
    if (page === "onboarding") {
      completeOnboarding(store, id);
      store.commit();
      return redirect(response, url.searchParams.get("return_url") ?? "/");
    }
    if (page === "dashboard") {
      return html(response, 200, messagePage("Payouts", `At Stripe, ${id} would see its payouts here.`));
    }
    if (page === "_emulator" && request.method === "POST") return answerControl(id, body, response);
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
    const here = `${baseUrl}${url.pathname}${url.search}`;
    try {
      confirmIntent(store, id, { payment_method: card.method, return_url: here }, baseUrl);
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      return html(response, 402, payPage(intent, error.message));
    } finally {
      store.commit();
    }
    redirect(response, intent.next_action?.redirect_to_url?.url ?? here);
  }

  /** The page of the card's bank, where its owner passes 3-D Secure or fails. */
  async function answerAuthentication(
    method: string,
    id: string,
    url: URL,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const intent = store.find(id);
    const isIntent = intent?.object === "payment_intent" || intent?.object === "setup_intent";
    if (!isIntent || url.searchParams.get("secret") !== intent.client_secret) {
      return html(response, 404, messagePage("Not found", "Use the link in next_action of the intent."));
    }
    if (method !== "POST" || intent.status !== "requires_action") {
      return html(response, 200, authenticationPage(intent));
    }
    const back = intent.next_action?.redirect_to_url?.return_url;
    const passes = new URLSearchParams(body).get("result") === "pass";
    try {
      authenticate(intent, passes);
    } catch (error) {
      // A card that is declined after 3-D Secure: the intent says so.
      if (!(error instanceof StripeFault)) throw error;
    } finally {
      store.commit();
    }
    if (typeof back !== "string") return html(response, 200, authenticationPage(intent));
    const target = new URL(back);
    const kind = intent.object === "payment_intent" ? "payment_intent" : "setup_intent";
    if (!back.startsWith(`${baseUrl}/pay/`)) {
      target.searchParams.set(kind, intent.id);
      target.searchParams.set(`${kind}_client_secret`, intent.client_secret ?? "");
      target.searchParams.set("redirect_status", passes ? "succeeded" : "failed");
    }
    redirect(response, target.href);
  }

  function authenticate(intent: PaymentIntent | SetupIntent, passes: boolean): void {
    if (intent.object === "payment_intent") authenticateIntent(store, intent.id, passes);
    else authenticateSetup(store, intent.id, passes);
  }

  async function answerControl(name: string, body: string, response: ServerResponse): Promise<void> {
    try {
      json(response, 200, await control({ store, faults, webhooks, baseUrl }, name, body));
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      json(response, error.status, { error: error.body });
    }
  }

  return {
    handle(request, response) {
      route(request, response).catch((error) => fail(error, response));
    },
    close() {
      webhooks.stop();
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

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location }).end();
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(publicJson(body));
}

function html(response: ServerResponse, status: number, page: string): void {
  response
    .writeHead(status, { "content-type": "text/html; charset=utf-8", "referrer-policy": "no-referrer" })
    .end(page);
}
