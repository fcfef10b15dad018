// Auth: accounts, sessions and the mails that prove an address, as Supabase Auth has them. Settings come from [auth] in
// supabase/config.toml; mails go to the mail catcher.

import { setImmediate } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { Auth } from "./auth/auth-service.ts";
import { cleanUp } from "./auth/cleanup.ts";
import { createLimits } from "./auth/limits.ts";
import { createMails } from "./auth/mails.ts";
import { answer } from "./auth/routes.ts";
import { readSettings } from "./auth/settings.ts";
import type { Mail } from "./mail.ts";
import type { AnsweringService } from "./service.ts";

/** In milliseconds. */
const minute = 60_000;

export function createAuth(config: StackConfig, catcher: Mail): AnsweringService {
  const settings = readSettings(config);
  const mails = createMails(config, settings, catcher);
  const running = new Set<Promise<void>>();
  let sql: Sql | undefined;
  let cleaning: NodeJS.Timeout | undefined;

  function later(task: () => Promise<void>): void {
    const run = setImmediate()
      .then(task)
      .catch((error: unknown) => console.error(`auth: ${error instanceof Error ? error.message : error}`))
      .finally(() => running.delete(run));
    running.add(run);
  }

  return {
    name: "auth",
    async start() {
      sql = openDatabase(config, "supabase_auth_admin", {
        max: 5,
        idle_timeout: 30,
        types: { time },
        connection: { "clock.ahead": "0" }, // tokens, codes and sessions hold in real time
      });
      cleaning = setInterval(() => later(async () => void (sql && (await cleanUp(sql)))), minute);
      cleaning.unref();
    },
    async ready() {
      if (sql !== undefined) await sql`select 1`;
    },
    async stop() {
      clearInterval(cleaning);
      await sql?.end({ timeout: 1 });
      sql = undefined;
      await Promise.allSettled(running);
    },
    async works() {
      if (sql === undefined) return false;
      await sql`select 1`;
      return true;
    },
    async fetch(request) {
      if (sql === undefined) return new Response(null, { status: 503 });
      const auth: Auth = { settings, sql, mails, limits: createLimits(sql), later };
      return answer(auth, request);
    },
  };
}

/** Reads every time as RFC 3339, the only form that typed clients accept, and keeps the microseconds. */
const time = {
  to: 1184,
  from: [1184],
  serialize: (value: string) => value,
  parse: (text: string) => text.replace(" ", "T").replace(/\+00$/, "Z"),
};
