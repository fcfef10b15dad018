// /health: whether the stack works. /health/live says that the gateway answers, /health/ready and /health which parts do. No token is
// needed, so the answer has nothing else, and all callers share one look at the parts.

import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { CheckedService, Service } from "./service.ts";

/** In ms: how long a part may take to answer, and how long an answer is kept. */
const times = { limit: 2_000, kept: 250 };

export interface Health extends Service {
  /** Answers a request whose path is /health or below; false when there is nothing at the path. */
  answer(response: ServerResponse, path: string): Promise<boolean>;
}

export function createHealth(config: StackConfig, services: Record<string, CheckedService>): Health {
  let sql: Sql | undefined;
  let looked: { at: number; parts: Promise<Record<string, boolean>> } | undefined;

  async function look(): Promise<Record<string, boolean>> {
    const known = within(
      sql === undefined
        ? undefined
        : sql<{ part: string; is_ready: boolean }[]>`select part, is_ready from public.health()`.execute(),
    );
    const asked = Object.entries(services).map(
      async ([name, service]) => [name, (await within(service.works())) === true] as const,
    );
    const ofDatabase = new Map((await known)?.map(({ part, is_ready }) => [part, is_ready]));
    const ofServices = Object.fromEntries(await Promise.all(asked));
    return {
      database: ofDatabase.size > 0,
      ...ofServices,
      cron: ofDatabase.get("cron") === true,
      mail: ofServices.mail === true && ofDatabase.get("mail") === true,
    };
  }

  return {
    name: "health",
    async start() {
      sql = openDatabase(config, "postgres", { idle_timeout: 30 });
    },
    async ready() {},
    async stop() {
      await sql?.end({ timeout: 1 });
      sql = undefined;
    },
    async answer(response, path) {
      const send = (status: number, body: object) =>
        response
          .writeHead(status, {
            "content-type": "application/json; charset=utf-8",
            "cache-control": "no-store",
          })
          .end(JSON.stringify(body));
      if (path === "/health/live") {
        send(200, { alive: true });
        return true;
      }
      if (path !== "/health" && path !== "/health/ready") return false;
      if (looked === undefined || Date.now() >= looked.at + times.kept)
        looked = { at: Date.now(), parts: look() };
      const parts = await looked.parts;
      const ready = Object.values(parts).every((isReady) => isReady);
      send(ready ? 200 : 503, { alive: true, ready, parts });
      return true;
    },
  };
}

/** The result; undefined when it fails or takes too long. */
async function within<T>(work: Promise<T> | undefined): Promise<T | undefined> {
  const late = new AbortController();
  const tooLate = sleep(times.limit, undefined, { signal: late.signal }).catch(() => undefined);
  try {
    return await Promise.race([work, tooLate]);
  } catch {
    return undefined;
  } finally {
    late.abort();
  }
}
