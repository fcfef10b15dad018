// The running processes of a stack, found by pid files and, on Linux, by their environment and folder; and how to end those that a
// killed stack left running.

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A process of a stack besides the one that runs it. */
export interface Part {
  name: string;
  pid: number;
}

/** The environment that distinguishes a part from other programs and from parts of other stacks. */
export function partEnvironment(dataDir: string, name: string): Record<string, string> {
  return { STAYBASE_PART: name, STAYBASE_STACK: resolve(dataDir) };
}

/**
 * Writes a pid file. It holds the process's start besides its id, which may belong to another program later.
 *
 * @param port the port that the process listens on, for access without the gateway
 */
export function writePidFile(path: string, pid: number, port?: number): void {
  writeFileSync(`${path}.new`, JSON.stringify({ pid, started: startOf(pid), port }));
  renameSync(`${path}.new`, path); // readers see the whole file
}

/** The process of a pid file while it runs. A file that cannot be read counts as none. */
export function pidIn(path: string): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, "utf8")) as { pid: number; started?: string };
    return started !== undefined && startOf(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** When a process started, in the system's own form; undefined when it does not run. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === "linux") {
      const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      return state === "Z" || state === "X" ? undefined : fields[18];
    }
    const [command, args] =
      process.platform === "win32"
        ? (["tasklist", ["/fi", `PID eq ${pid}`, "/fo", "csv", "/nh"]] as const)
        : (["ps", ["-p", String(pid), "-o", "state=,lstart="]] as const);
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
    const line = execFileSync(command, args, { encoding: "utf8", env }).trim();
    if (process.platform === "win32") return /^"([^"]+)"/.exec(line)?.[1]; // only the program's name is fixed
    const [state = "", ...started] = line.split(/\s+/);
    return state === "" || state.startsWith("Z") ? undefined : started.join(" ");
  } catch {
    return undefined;
  }
}

/** The parts of this data folder's stack that run now. */
export function runningParts(dataDir: string): Part[] {
  const folder = join(dataDir, "run");
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".pid")) : [];
  const listed = files.flatMap((file): Part[] => {
    const pid = pidIn(join(folder, file));
    return pid === undefined || pid === process.pid ? [] : [{ name: basename(file, ".pid"), pid }];
  });
  const known = new Set([process.pid, ...listed.map(({ pid }) => pid)]);
  const running = new Set(listed.map(({ name }) => name));
  const unlisted = unlistedParts(dataDir).filter(
    ({ name, pid }) => !known.has(pid) && !(running.has(name) && isServer(name)),
  );
  return [...listed, ...unlisted];
}

/** Parts without a pid file: those whose start was interrupted, and the sessions of a Postgres server that was killed. */
function unlistedParts(dataDir: string): Part[] {
  if (process.platform !== "linux") return [];
  const clusters = clustersIn(dataDir);
  const mark = `\0STAYBASE_STACK=${resolve(dataDir)}\0`;
  return readdirSync("/proc").flatMap((entry): Part[] => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || startOf(pid) === undefined) return [];
    try {
      const environment = `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}\0`;
      const name = /\0STAYBASE_PART=([^\0]+)/.exec(environment)?.[1];
      if (name !== undefined && environment.includes(mark)) return [{ name, pid }];
    } catch {
      return []; // it has exited, or belongs to another user
    }
    const server = clusters.find(({ folder }) => isPostgresIn(folder, pid));
    return server === undefined ? [] : [{ name: server.name, pid }];
  });
}

/** The clusters of Postgres in a data folder, and the names of their servers. */
function clustersIn(dataDir: string): { name: string; folder: string }[] {
  const replicas = join(dataDir, "replicas");
  return [
    { name: "postgres", folder: join(dataDir, "postgres") },
    ...(existsSync(replicas) ? readdirSync(replicas) : []).map((name) => ({
      name: `${name}-postgres`,
      folder: join(replicas, name, "postgres"),
    })),
  ];
}

function isServer(name: string): boolean {
  return name === "postgres" || name.endsWith("-postgres");
}

/** Whether a process is a server or a session of the Postgres cluster in a folder. Linux only. */
export function isPostgresIn(cluster: string, pid: number): boolean {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split(/[\0 ]/, 1)[0] ?? "";
    return (
      readlinkSync(`/proc/${pid}/cwd`) === resolve(cluster) && /^postgres:?$/.test(basename(command, ".exe"))
    );
  } catch {
    return false;
  }
}

/** Ends the parts that a killed stack left running, and returns their names. */
export async function endLeftovers(dataDir: string): Promise<string[]> {
  const ended = new Set<string>();
  // twice, because a session of Postgres is found only once its server has ended
  for (let round = 0; round < 2; round += 1) {
    const parts = runningParts(dataDir);
    for (const { name } of parts) ended.add(name);
    await Promise.all(
      parts.map(({ name, pid }) => endProcess(pid, isServer(name) ? postgresSignals : defaultSignals)),
    );
  }
  rmSync(join(dataDir, "run"), { recursive: true, force: true });
  return [...ended].filter((name) => name !== "guard");
}

/** The signals that end a process: each with the time until the next, in ms. */
export type StopSignals = [NodeJS.Signals, number][];

export const defaultSignals: StopSignals = [
  ["SIGTERM", 1_000],
  ["SIGKILL", 500],
];

/** Postgres ends sessions and writes a checkpoint on SIGINT; on SIGQUIT it ends at once, and recovers when it starts. */
export const postgresSignals: StopSignals = [
  ["SIGINT", 2_000],
  ["SIGQUIT", 500],
  ["SIGKILL", 500],
];

/** Sends one signal after the other until the process has ended. */
export async function endProcess(
  pid: number,
  signals: StopSignals,
  ended = () => startOf(pid) === undefined,
): Promise<void> {
  for (const [signal, grace] of signals) {
    if (ended()) return;
    kill(pid, signal);
    const deadline = Date.now() + grace;
    while (!ended() && Date.now() < deadline) await sleep(10);
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already exited.
  }
}

/** Creates the folder of the pid files and returns the path of one. */
export function pidFileOf(dataDir: string, name: string): string {
  mkdirSync(join(dataDir, "run"), { recursive: true });
  return join(dataDir, "run", `${name}.pid`);
}
