// The API under /v1: API keys, idempotency keys, faults, and the answer as JSON.

import type { IncomingMessage, ServerResponse } from "node:http";
import { StripeFault } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { type Parameters, parseForm, text } from "./form.ts";
import { type Answer, createIdempotency } from "./idempotency.ts";
import type { PaymentIntent } from "./objects.ts";
import { perform } from "./routes.ts";
import type { EmulatorStore } from "./store.ts";

export interface ApiContext {
  store: EmulatorStore;
  faults: Faults;
  keys: { secret: string; publishable: string };
  /** The emulator's own address, for links in answers. */
  url: string;
}

export type Api = (
  request: IncomingMessage,
  url: URL,
  body: string,
  response: ServerResponse,
) => Promise<void>;

export function createApi(context: ApiContext): Api {
  const { store, faults } = context;
  const idempotency = createIdempotency();
  let requests = 0;

  return async (request, url, body, response) => {
    const name = `${request.method} ${url.pathname}`;
    const parameters = parseForm(request.method === "POST" ? body : url.search.slice(1));
    const key = request.headers["idempotency-key"];
    requests += 1;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "request-id": `req_${requests}`,
    };
    const work = async (): Promise<Answer> => {
      const result = perform(store, name, parameters, context.url);
      return { status: 200, body: structuredClone(result) };
    };
    let answer: Answer;
    try {
      authenticate(context, request, name, parameters);
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
      const error = { type: "api_error", message: "A test replaced the answer with this error." };
      response.writeHead(500, headers).end(JSON.stringify({ error }));
    } else {
      response.writeHead(answer.status, headers).end(JSON.stringify(answer.body));
    }
  };
}

/** A secret key may do everything. A publishable one may read and confirm an intent whose client secret it sends. */
function authenticate(
  { store, keys }: ApiContext,
  request: IncomingMessage,
  name: string,
  parameters: Parameters,
): void {
  const authorization = request.headers.authorization ?? "";
  const key = authorization.startsWith("Basic ")
    ? Buffer.from(authorization.slice(6), "base64").toString().split(":")[0]
    : authorization.replace(/^Bearer /, "");
  if (key === keys.secret) return;
  const [, id = ""] =
    /^(?:GET \/v1\/payment_intents\/(\w+)|POST \/v1\/payment_intents\/(\w+)\/confirm)$/
      .exec(name)
      ?.filter(Boolean) ?? [];
  if (key === keys.publishable && id !== "") {
    if (store.get<PaymentIntent>("payment_intent", id).client_secret === text(parameters, "client_secret"))
      return;
  }
  throw new StripeFault(401, { type: "invalid_request_error", message: "Invalid API Key provided." });
}
