// Stripe, offline: a part of the stack that answers as api.stripe.com does for what Staybase uses, keeps its own store, sends
// signed webhooks, and has a page to pay on. The functions meet it as they meet Stripe, by package `stripe`.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import type { StackConfig } from "../../lib/config.ts";
import type { Service } from "../service.ts";
import { findCard } from "./cards.ts";
import { completeOnboarding } from "./connect.ts";
import { StripeFault } from "./errors.ts";
import { createFaults, type Fault } from "./faults.ts";
import { type Parameters, parseForm, text } from "./form.ts";
import { type Answer, createIdempotency } from "./idempotency.ts";
import { messagePage, paymentsPage, payPage } from "./page.ts";
import { confirmIntent } from "./payment-intents.ts";
import { perform } from "./routes.ts";
import { createStore, type EmulatorStore, type PaymentIntent } from "./store.ts";
import { createWebhooks, type DeliveryMode } from "./webhooks.ts";

/** Keys that only the emulator takes: a key of a real account never has these words. */
export const emulatorKeys = {
  secret: "sk_test_staybase_emulator",
  publishable: "pk_test_staybase_emulator",
  webhookSecret: "whsec_staybase_emulator",
};

export function createStripe(config: StackConfig): Service {
  const faults = createFaults();
  const idempotency = createIdempotency();
  const webhooks = createWebhooks(`${config.apiUrl}/functions/v1/stripe-webhook`, emulatorKeys.webhookSecret);
  let store: EmulatorStore | undefined;
  let server: Server | undefined;
  let requests = 0;

  async function handle(
    known: EmulatorStore,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const url = new URL(request.url ?? "/", config.stripeUrl);
    const body = await readText(request);
    if (url.pathname.startsWith("/v1/")) return answerApi(known, request, url, body, response);
    if (!isLocal(request))
      return html(response, 403, messagePage("Not from there", "Only pages of this machine may pay."));
    if (url.pathname === "/") {
      return html(response, 200, paymentsPage(known.all<PaymentIntent>("payment_intent").slice(0, 100)));
    }
    const [, place = "", id = ""] =
      /^\/(pay|onboarding|dashboard|_emulator)\/(\w+)$/.exec(url.pathname) ?? [];
    if (place === "pay") return answerPayPage(known, request.method ?? "GET", id, url, body, response);
    if (place === "onboarding") {
      completeOnboarding(known, id);
      response.writeHead(303, { location: url.searchParams.get("return_url") ?? config.apiUrl }).end();
      return;
    }
    if (place === "dashboard")
      return html(response, 200, messagePage("Payouts", `This is where ${id} would see its payouts.`));
    if (place === "_emulator" && request.method === "POST") return control(known, id, body, response);
    html(response, 404, messagePage("Nothing here", "The API is under /v1."));
  }

  async function answerApi(
    known: EmulatorStore,
    request: IncomingMessage,
    url: URL,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const name = `${request.method} ${url.pathname}`;
    const parameters = parseForm(request.method === "POST" ? body : url.search.slice(1));
    const key = request.headers["idempotency-key"];
    requests += 1;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "request-id": `req_${requests}`,
    };
    const work = async (): Promise<Answer> => {
      const answer = { status: 200, body: perform(known, name, parameters, config.stripeUrl) };
      return { ...answer, body: structuredClone(answer.body) };
    };
    let answer: Answer;
    try {
      authenticate(known, request, name, parameters);
      await faults.before(name);
      if (request.method === "POST" && typeof key === "string") {
        const outcome = await idempotency.run(key, `${name} ${body}`, work);
        if (outcome.replayed) headers["idempotent-replayed"] = "true";
        answer = outcome.answer;
      } else {
        answer = await work();
      }
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      answer = { status: error.status, body: { error: error.body } };
    }
    const fate = faults.after(name);
    if (fate === "reset") {
      response.socket?.resetAndDestroy();
    } else if (fate === "error") {
      response
        .writeHead(500, headers)
        .end(JSON.stringify({ error: { type: "api_error", message: "An answer that a test lost." } }));
    } else {
      response.writeHead(answer.status, headers).end(JSON.stringify(answer.body));
    }
  }

  async function answerPayPage(
    known: EmulatorStore,
    method: string,
    id: string,
    url: URL,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const intent = known.find(id);
    if (intent?.object !== "payment_intent" || url.searchParams.get("secret") !== intent.client_secret) {
      return html(
        response,
        404,
        messagePage("No such payment", "Take the link that the function payments answers."),
      );
    }
    if (method !== "POST") return html(response, 200, payPage(intent));
    const card = findCard(new URLSearchParams(body).get("card") ?? "");
    if (card === undefined) return html(response, 422, payPage(intent, "Use one of Stripe's test cards."));
    try {
      confirmIntent(known, id, { payment_method: card.method });
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      return html(response, 402, payPage(intent, error.message));
    }
    response.writeHead(303, { location: url.pathname + url.search }).end();
  }

  async function control(
    known: EmulatorStore,
    what: string,
    body: string,
    response: ServerResponse,
  ): Promise<void> {
    const wish: unknown = body === "" ? {} : JSON.parse(body);
    let answer: unknown = {};
    if (what === "faults") faults.set(wish as Fault[]);
    else if (what === "webhooks") answer = webhooks.setMode(wish as Partial<DeliveryMode>);
    else if (what === "conversions") known.conversions = wish as EmulatorStore["conversions"];
    else if (what === "release") await webhooks.release();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  return {
    name: "stripe (emulated)",
    async start() {
      const opened = createStore(join(config.dataDir, "stripe.json"));
      store = opened;
      opened.onEvent((event) => webhooks.send(event));
      server = createServer((request, response) => {
        handle(opened, request, response).catch((error) => {
          if (error instanceof StripeFault) {
            html(response, error.status, messagePage("Not possible", error.message));
            return;
          }
          console.error(`stripe: ${error instanceof Error ? error.message : String(error)}`);
          if (response.headersSent) response.destroy();
          else response.writeHead(500).end();
        });
      });
      server.listen(config.ports.stripe, "127.0.0.1");
    },
    async ready() {
      await new Promise<void>((resolve, reject) => {
        if (server?.listening) return resolve();
        server?.once("listening", resolve).once("error", reject);
      });
    },
    async stop() {
      webhooks.stop();
      server?.closeAllConnections();
      server?.close();
      store?.save();
      store = undefined;
    },
  };
}

/** A secret key may do everything; a publishable one reads and confirms an intent whose client secret it has. */
function authenticate(
  store: EmulatorStore,
  request: IncomingMessage,
  name: string,
  parameters: Parameters,
): void {
  const authorization = request.headers.authorization ?? "";
  const key = authorization.startsWith("Basic ")
    ? Buffer.from(authorization.slice(6), "base64").toString().split(":")[0]
    : authorization.replace(/^Bearer /, "");
  if (key === emulatorKeys.secret) return;
  const [, id = ""] =
    /^(?:GET \/v1\/payment_intents\/(\w+)|POST \/v1\/payment_intents\/(\w+)\/confirm)$/
      .exec(name)
      ?.filter(Boolean) ?? [];
  if (key === emulatorKeys.publishable && id !== "") {
    if (store.get<PaymentIntent>("payment_intent", id).client_secret === text(parameters, "client_secret"))
      return;
  }
  throw new StripeFault(401, { type: "invalid_request_error", message: "Invalid API Key provided." });
}

/** A web site that the developer visits must not pay or control: neither by its origin nor by a name that it points here. */
function isLocal(request: IncomingMessage): boolean {
  const host = /^(127\.0\.0\.1|localhost)(:\d+)?$/;
  const origin = request.headers.origin;
  return (
    host.test(request.headers.host ?? "") &&
    (origin === undefined || origin === "null" || host.test(origin.replace(/^https?:\/\//, "")))
  );
}

function html(response: ServerResponse, status: number, page: string): void {
  response
    .writeHead(status, { "content-type": "text/html; charset=utf-8", "referrer-policy": "no-referrer" })
    .end(page);
}
