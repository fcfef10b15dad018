// The processor time of each component of a stack, which does not depend on what else the machine does. Linux only.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { runningParts } from "../stack/parts.ts";

/** The gateway's process also holds Auth, Storage and GraphQL. */
export const components = ["Postgres", "PostgREST", "gateway"] as const;
export type ComponentTimes = Record<(typeof components)[number], number>;

/**
 * Starts to measure a stack.
 *
 * @param pid the process that runs the stack
 * @returns answers the milliseconds that each component has used since; a thread that has ended meanwhile does not count
 */
export function measureComponents(dataDir: string, pid: number): () => ComponentTimes {
  const before = threads(dataDir, pid);
  return () => {
    const used: ComponentTimes = { Postgres: 0, PostgREST: 0, gateway: 0 };
    for (const [thread, { component, time }] of threads(dataDir, pid))
      used[component] += time - (before.get(thread)?.time ?? 0);
    return used;
  };
}

function threads(dataDir: string, stack: number) {
  const parts = runningParts(dataDir);
  const pidOf = (name: string) => parts.find((part) => part.name === name)?.pid;
  const postgres = pidOf("postgres");
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const times = new Map<string, { component: keyof ComponentTimes; time: number }>();
  for (const [pid = 0, parent] of rows.map((row) => row.trim().split(/\s+/).map(Number))) {
    const component =
      pid === stack
        ? "gateway"
        : pid === pidOf("rest")
          ? "PostgREST"
          : postgres !== undefined && (pid === postgres || parent === postgres)
            ? "Postgres"
            : undefined;
    if (component === undefined) continue;
    for (const [thread, time] of threadTimes(pid)) times.set(thread, { component, time });
  }
  return times;
}

/** Milliseconds by thread; none for a process that has ended. */
function threadTimes(pid: number): [thread: string, time: number][] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => {
      const [nanoseconds] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
      return [`${pid}/${task}`, Number(nanoseconds) / 1e6];
    });
  } catch {
    return [];
  }
}
