// The processor time of each component of a stack, which does not depend on what else the machine does. Linux only.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { runningParts } from "../stack/parts.ts";

/** The gateway's process also holds Auth, Storage and GraphQL. */
export const components = ["Postgres", "PostgREST", "gateway"] as const;
export type ComponentTimes = Record<(typeof components)[number], number>;

/**
 * Starts to measure a stack.
 *
 * @param pid the process that runs the stack
 * @returns answers the milliseconds that each component has used since; a process that has ended meanwhile does not count
 */
export function measureComponents(dataDir: string, pid: number): () => ComponentTimes {
  const before = processes(dataDir, pid);
  return () => {
    const used: ComponentTimes = { Postgres: 0, PostgREST: 0, gateway: 0 };
    for (const [id, { component, time }] of processes(dataDir, pid))
      used[component] += time - (before.get(id)?.time ?? 0);
    return used;
  };
}

function processes(dataDir: string, stack: number) {
  const parts = runningParts(dataDir);
  const pidOf = (name: string) => parts.find((part) => part.name === name)?.pid;
  const postgres = pidOf("postgres");
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const times = new Map<number, { component: keyof ComponentTimes; time: number }>();
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
    const time = component === "Postgres" ? threadTime(pid) : processTime(pid);
    if (time !== undefined) times.set(pid, { component, time });
  }
  return times;
}

/** Milliseconds of a process with one thread; undefined when it has ended. */
function threadTime(pid: number): number | undefined {
  const [nanoseconds] = readProcess(pid, "schedstat")?.split(" ") ?? [];
  return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e6;
}

/** Milliseconds of a process, in steps of 10, with its threads that have ended; undefined when it has ended. */
function processTime(pid: number): number | undefined {
  // the name of the program before them may contain spaces
  const fields = readProcess(pid, "stat")?.split(") ").at(-1)?.split(" ");
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) * 10;
}

function readProcess(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
