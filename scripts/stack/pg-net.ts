// Sends what net.http_get, http_post and http_delete have queued, as pg_net's background worker does.

import postgres, { type Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import type { Service } from "./service.ts";

interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Buffer | null;
  timeout_milliseconds: number;
}

const batch = 50;

export function createPgNet(config: StackConfig): Service {
  let sql: Sql | undefined;
  let working = false;
  let again = false;

  /** One run at a time; a notice that comes during a run makes it go round once more. */
  async function drain(): Promise<void> {
    again = true;
    if (working) return;
    working = true;
    while (again && sql !== undefined) {
      again = false;
      await sendAll(sql).catch((error) => console.error(`net: ${String(error)}`));
    }
    working = false;
  }

  return {
    name: "net",
    async start() {
      sql = postgres(databaseUrl(config, "supabase_admin"), { max: 1, onnotice: () => {} });
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
 * Takes and sends until the queue is empty. Each request is taken before it is sent: at most once, as pg_net has it. Answers are not
 * waited for, so that a worker with much to do holds up no other's call.
 */
async function sendAll(sql: Sql): Promise<void> {
  const [installed] = await sql`select 1 from pg_catalog.pg_extension where extname = 'pg_net'`;
  if (installed === undefined) return;
  await sql`delete from net._http_response where created < now() - interval '6 hours'`;
  for (;;) {
    const requests = await sql<QueuedRequest[]>`
      delete from net.http_request_queue where id in (select id from net.http_request_queue order by id limit ${batch})
      returning *`;
    if (requests.length === 0) return;
    for (const request of requests) {
      // an answer that comes when the stack has stopped has nowhere to go
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
