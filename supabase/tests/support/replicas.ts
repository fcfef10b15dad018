// A project with replicas, and ways to disturb them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { createKeys } from "../../../scripts/lib/keys.ts";
import type { Database } from "../../../types/database.ts";
import type { Client } from "./clients.ts";
import type { Project } from "./project.ts";

export const keys = createKeys();

/** The process of a part, and the port that it listens on. */
export function partOf({ dataDir }: Project, name: string): { pid: number; port: number } {
  return JSON.parse(readFileSync(join(dataDir, "run", `${name}.pid`), "utf8"));
}

/**
 * Sends a signal to a process and to those that it started, because Postgres's sessions go on for a while without their server. Returns
 * them all.
 */
export function signal(pid: number, name: NodeJS.Signals): number[] {
  const children = readdirSync("/proc").filter((entry) => {
    try {
      return (
        /^\d+$/.test(entry) &&
        readFileSync(`/proc/${entry}/stat`, "utf8").split(") ")[1]?.split(" ")[1] === `${pid}`
      );
    } catch {
      return false; // it has ended
    }
  });
  const all = [pid, ...children.map(Number)];
  signalEach(all, name);
  return all;
}

/** Sends a signal to those of the processes that still run. */
export function signalEach(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it has ended
    }
  }
}

/** Connects as superuser, to the primary or a replica. */
export function superuser(port: number): Sql {
  const url = `postgresql://supabase_admin:postgres@127.0.0.1:${port}/postgres`;
  return postgres(url, { max: 1, onnotice: () => {} });
}

export function clientOf({ ports }: Project): Client {
  return createClient<Database>(`http://127.0.0.1:${ports.api}`, keys.publishable, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

/** Signs in a person of the seed. */
export async function signIn(project: Project, name: string): Promise<Client> {
  const client = clientOf(project);
  const { error } = await client.auth.signInWithPassword({
    email: `${name}@example.com`,
    password: "staybase",
  });
  if (error) throw error;
  return client;
}

/** The address of a server of a project. */
export const address = (port: number) => `http://127.0.0.1:${port}`;

/** The paths of every GET below /rest/v1 that the API documents, with arguments. @param values of the arguments, by name */
export function everyGet(values: Record<string, string>): string[] {
  const { paths } = JSON.parse(readFileSync("docs/openapi.json", "utf8")) as {
    paths: Record<string, { get?: { parameters?: { name?: string; required?: boolean }[] } }>;
  };
  return Object.entries(paths).flatMap(([path, { get }]) => {
    if (!path.startsWith("/rest/v1/") || get === undefined) return [];
    const { parameters = [] } = get;
    const names = path.startsWith("/rest/v1/rpc/search_")
      ? ["p_area", "p_check_in", "p_check_out"]
      : parameters.flatMap(({ name, required }) => (name !== undefined && required === true ? [name] : []));
    const query = names.map((name) => {
      const value = values[name];
      if (value === undefined) throw new Error(`${path} needs a value of ${name}.`);
      return `${name}=${encodeURIComponent(value)}`;
    });
    return [`${path.slice("/rest/v1".length)}?${query.join("&")}`];
  });
}

/** An answer without the moment of the call, which some answers hold. */
export async function answerOf(url: string, token: string): Promise<{ status: number; body: string }> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  const body = text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?/g, (time) =>
    Math.abs(Date.parse(time.replace(/(\+00:00|Z)?$/, "Z")) - Date.now()) < 60_000 ? "now" : time,
  );
  return { status: answer.status, body };
}

/** Sends GET requests one after the other, several at a time, until `stop` is called; returns what went wrong. */
export function load(urls: string[], headers: Record<string, string>, clients = 6) {
  let stopped = false;
  const faults: string[] = [];
  const servers: Record<string, number> = {};
  let slowest = 0;
  const client = async (offset: number) => {
    for (let n = offset; !stopped; n += 1) {
      const since = performance.now();
      try {
        const answer = await fetch(urls[n % urls.length] ?? "", { headers });
        await answer.text();
        const server = answer.headers.get("x-served-by") ?? "none";
        servers[server] = (servers[server] ?? 0) + 1;
        if (answer.status !== 200) faults.push(`${answer.status}`);
      } catch (error) {
        faults.push(String(error));
      }
      slowest = Math.max(slowest, performance.now() - since);
    }
  };
  const all = Array.from({ length: clients }, (_, offset) => client(offset));
  return {
    servers,
    async stop() {
      stopped = true;
      await Promise.all(all);
      return { faults, servers, slowest };
    },
  };
}
