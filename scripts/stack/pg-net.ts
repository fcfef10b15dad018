// Sends the requests that net.http_get, http_post and http_delete queue, as pg_net's background worker does.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { Service } from "./service.ts";

interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
}

const batchSize = 50;

export function createPgNet(config: StackConfig): Service {
  let sql: Sql | undefined;
  let working = false;
  let hasNews = false;

  /** Sends all queued requests, one run at a time. A notification during a run starts another run after it. */
  async function drain(): Promise<void> {
    hasNews = true;
    if (working) return;
    working = true;
    while (hasNews && sql !== undefined) {
      hasNews = false;
      await sendAll(sql).catch((error) => console.error(`pg_net: ${String(error)}`));
    }
    working = false;
  }

  return {
    name: "pg_net",
    async start() {
      sql = openDatabase(config, "postgres"); // as hosted Supabase configures pg_net
      await sql.listen(
        "staybase_net",
        () => void drain(),
        () => void drain(),
      );
    },
    async ready() {},
    async stop() {
      const ending = sql;
      sql = undefined;
      await ending?.end({ timeout: 1 });
    },
  };
}

/**
 * Empties the queue. As in pg_net, each request leaves the queue before it is sent, so it is sent at most once; nothing waits for
 * the answers, so that a slow receiver does not delay other requests.
 */
async function sendAll(sql: Sql): Promise<void> {
  const [installed] = await sql`select 1 from pg_catalog.pg_extension where extname = 'pg_net'`;
  if (installed === undefined) return;
  await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  for (;;) {
    const requests = await sql<QueuedRequest[]>`
      delete from net.http_request_queue where id in (select id from net.http_request_queue order by id limit ${batchSize})
      returning *`;
    if (requests.length === 0) return;
    for (const request of requests) {
      // storing the answer fails when the stack has stopped meanwhile
      void send(sql, request).catch(() => {});
    }
  }
}

async function send(sql: Sql, request: QueuedRequest): Promise<void> {
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers ?? {},
      body: request.body,
      signal: AbortSignal.timeout(request.timeout_milliseconds),
    });
    const content = await response.text();
    const headers = Object.fromEntries(response.headers);
    await sql`insert into net._http_response (id, status_code, content_type, headers, content, timed_out)
      values (${request.id}, ${response.status}, ${headers["content-type"] ?? null}, ${sql.json(headers)}, ${content}, false)`;
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    const message = error instanceof Error ? error.message : String(error);
    await sql`insert into net._http_response (id, timed_out, error_msg) values (${request.id}, ${timedOut}, ${message})`;
  }
}
