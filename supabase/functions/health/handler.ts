// Whether the project works: /live says that this function answers, /ready and the address itself which parts do. It needs no token and
// tells no more than that, and asks the parts at most once a second, so that no caller can load them through it.

import { anyone } from "../_shared/authenticate.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";

/** What the handler needs; index.ts provides it. */
export interface Dependencies {
  /** Whether each part is ready. */
  parts(): Promise<Record<string, boolean>>;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

/** In ms. */
const keptFor = 1_000;

export function createHandler({ parts, now, log }: Dependencies): (request: Request) => Promise<Response> {
  let asked: { at: number; answer: Promise<Record<string, boolean>> } | undefined;

  return serve({
    methods: ["GET", "HEAD"],
    cors: true,
    authenticate: anyone,
    log,
    async handle(request) {
      if (new URL(request.url).pathname.endsWith("/live")) return answer({ alive: true }, 200);
      if (asked === undefined || now() >= asked.at + keptFor) asked = { at: now(), answer: parts() };
      const found = await asked.answer;
      const ready = Object.values(found).every((isReady) => isReady);
      return answer({ alive: true, ready, parts: found }, ready ? 200 : 503);
    },
  });
}

function answer(body: object, status: number): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
