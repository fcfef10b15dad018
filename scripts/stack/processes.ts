// Child processes of the stack, each with a log file and a pid file. When the stack is killed, the next start ends the processes
// that it left behind.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StackError } from "../lib/errors.ts";
import { openLog } from "../lib/output.ts";

export interface ProcessOptions {
  name: string;
  command: string;
  args: string[];
  dataDir: string;
  /** The child's whole environment; by default this process's. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  user?: { uid: number; gid: number } | undefined;
  /** The port that it listens on; recorded in the pid file for direct access without the gateway. */
  port?: number;
  /** The signal that makes this program exit in order; SIGTERM by default. */
  stopSignal?: NodeJS.Signals;
  /** Called with its last lines of output when it exits unexpectedly. */
  failed?: (error: StackError) => void;
}

/** A child process with a log file and a pid file. */
export class ManagedProcess {
  readonly #options: ProcessOptions;
  #child: ChildProcess | undefined;
  #lastLines: string[] = [];
  #stopping = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  start(): void {
    const { name, command, args, dataDir, env, cwd, user, port } = this.#options;
    mkdirSync(join(dataDir, "logs"), { recursive: true });
    mkdirSync(join(dataDir, "run"), { recursive: true });
    // In its own process group, so that Ctrl-C reaches only the stack, which then stops its services in order.
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
      env: env ?? process.env,
      ...(cwd === undefined ? {} : { cwd }),
      ...user,
    });
    this.#child = child;
    const log = openLog(join(dataDir, "logs", `${name}.log`));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        log.write(chunk);
        this.#lastLines = [...this.#lastLines, ...chunk.toString().trimEnd().split("\n")].slice(-8);
      });
    }
    child.on("error", (error) => this.#lastLines.push(error.message));
    child.on("close", () => {
      log.end();
      if (!this.#stopping) this.#options.failed?.(this.#failure("exited unexpectedly"));
    });
    if (child.pid !== undefined)
      writeFileSync(this.#pidFile, JSON.stringify({ pid: child.pid, command, port }));
  }

  get running(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  /**
   * Repeats `check` until it returns true.
   *
   * @throws StackError with its last lines of output when the process ends or `timeout` (ms) is over
   */
  async until(check: () => Promise<boolean>, timeout = 20_000): Promise<void> {
    const deadline = Date.now() + timeout;
    for (;;) {
      if (await check()) return;
      if (!this.running || Date.now() > deadline) {
        throw this.#failure(
          this.running ? `was not ready after ${timeout / 1000} s` : "exited while starting",
        );
      }
      await sleep(20);
    }
  }

  /** Sends the stop signal, and kills the process after `grace` ms. */
  async stop(grace = 4_000): Promise<void> {
    this.#stopping = true;
    const pid = this.pid;
    if (pid !== undefined)
      await endProcess(pid, this.#options.stopSignal ?? "SIGTERM", grace, () => !this.running);
    rmSync(this.#pidFile, { force: true });
  }

  #failure(what: string): StackError {
    const { name, dataDir } = this.#options;
    return new StackError(
      `${name} ${what}. Its last output:\n  ${this.#lastLines.join("\n  ") || "(none)"}`,
      `See the whole log: ${join(dataDir, "logs", `${name}.log`)}`,
    );
  }

  get #pidFile(): string {
    return join(this.#options.dataDir, "run", `${this.#options.name}.pid`);
  }
}

/** Ends the processes that a killed stack left running, found by its pid files, and returns their names. */
export async function endLeftovers(dataDir: string): Promise<string[]> {
  const folder = join(dataDir, "run");
  if (!existsSync(folder)) return [];
  const ended: string[] = [];
  for (const file of readdirSync(folder)) {
    const left = readPidFile(join(folder, file));
    if (left !== undefined && isRunning(left)) {
      await endProcess(
        left.pid,
        file.startsWith("postgres") ? "SIGINT" : "SIGTERM",
        4_000,
        () => commandOf(left.pid) === "",
      );
      ended.push(basename(file, ".pid"));
    }
    rmSync(join(folder, file), { force: true });
  }
  return ended;
}

function isRunning({ pid, command }: { pid: number; command: string }): boolean {
  return commandOf(pid).includes(process.platform === "win32" ? basename(command) : command);
}

/** Reads a pid file; undefined when there is none, or when it is incomplete because the disk was full. */
export function readPidFile(path: string): { pid: number; command: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { pid: number; command: string };
  } catch {
    return undefined;
  }
}

/** The command line of a process; "" when it does not run. */
export function commandOf(pid: number): string {
  if (process.platform === "linux") {
    try {
      // A zombie has an empty command line.
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    } catch {
      return "";
    }
  }
  try {
    const [command, args] =
      process.platform === "win32"
        ? (["tasklist", ["/fi", `PID eq ${pid}`, "/fo", "csv", "/nh"]] as const)
        : (["ps", ["-p", String(pid), "-o", "command="]] as const);
    return execFileSync(command, args, { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}

async function endProcess(
  pid: number,
  signal: NodeJS.Signals,
  grace: number,
  ended: () => boolean,
): Promise<void> {
  kill(pid, signal);
  const deadline = Date.now() + grace;
  while (!ended() && Date.now() < deadline) await sleep(10);
  if (ended()) return;
  kill(pid, "SIGKILL");
  while (!ended() && Date.now() < deadline + 1_000) await sleep(10);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has already exited.
  }
}
