// The API under /v1: API keys, idempotency keys, faults, and the answer as JSON.

import type { IncomingMessage, ServerResponse } from "node:http";
import { publicJson } from "./answers.ts";
import { authorize, type Keys } from "./authorization.ts";
import { StripeFault } from "./errors.ts";
import type { Faults } from "./faults.ts";
import { type Parameters, parseForm } from "./form.ts";
import { type Answer, createIdempotency } from "./idempotency.ts";
import { perform } from "./routes.ts";
import type { EmulatorStore } from "./store.ts";

export interface ApiContext {
  store: EmulatorStore;
  faults: Faults;
  keys: Keys;
  /** The emulator's own address, for links in answers. */
  url: string;
}

export type Api = (
  request: IncomingMessage,
  url: URL,
  body: string,
  response: ServerResponse,
) => Promise<void>;

export function createApi({ store, faults, keys, url: baseUrl }: ApiContext): Api {
  const idempotency = createIdempotency(store);
  let requests = 0;

  /** Carries out a request. What it changed is written before it is answered, with the answer of its key. */
  function work(
    name: string,
    parameters: Parameters,
    version: string | undefined,
    key: string | undefined,
  ): Answer {
    let answer: Answer;
    try {
      answer = { status: 200, body: perform(name, { store, parameters, baseUrl, version }) };
    } catch (error) {
      if (!(error instanceof StripeFault)) throw error;
      answer = { status: error.status, body: { error: structuredClone(error.body) } };
    }
    if (key !== undefined) idempotency.keep(key, answer);
    store.commit();
    return answer;
  }

  async function answerOf(
    request: IncomingMessage,
    name: string,
    parameters: Parameters,
    body: string,
    headers: Record<string, string>,
  ): Promise<Answer> {
    authorize(store, keys, request, name, parameters);
    const key = request.method === "POST" ? headerOf(request, "idempotency-key") : undefined;
    const version = headerOf(request, "stripe-version");
    if (key === undefined) {
      await faults.before(name);
      return work(name, parameters, version, undefined);
    }
    const stored = idempotency.begin(key, `${name} ${body}`);
    if (stored !== undefined) {
      headers["idempotent-replayed"] = "true";
      await faults.before(name);
      return stored;
    }
    try {
      await faults.before(name);
      return work(name, parameters, version, key);
    } finally {
      idempotency.end(key);
    }
  }

  return async (request, url, body, response) => {
    const name = `${request.method} ${url.pathname}`;
    const parameters = parseForm(request.method === "GET" ? url.search.slice(1) : body);
    requests += 1;
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "request-id": `req_${requests}`,
    };
    let answer: Answer;
    try {
      answer = await answerOf(request, name, parameters, body, headers);
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
      response.writeHead(answer.status, headers).end(publicJson(answer.body));
    }
  };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
