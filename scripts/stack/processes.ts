// Child processes of the stack, each with a log file and a pid file. None outlives the stack: they end when it exits, and a guard ends
// them when it is killed.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StackError } from "../lib/errors.ts";
import { openLog } from "../lib/output.ts";
import {
  defaultSignals,
  endProcess,
  kill,
  partEnvironment,
  pidFileOf,
  type StopSignals,
  writePidFile,
} from "./parts.ts";
import { Restarts } from "./restarts.ts";

export interface ProcessOptions {
  name: string;
  command: string;
  args: string[];
  dataDir: string;
  /** The child's whole environment besides the names of stack and part; by default this process's. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  user?: { uid: number; gid: number } | undefined;
  /** The port that it listens on; recorded in the pid file for direct access without the gateway. */
  port?: number;
  /** How it is ended; SIGTERM and, after a second, SIGKILL by default. */
  stopSignals?: StopSignals;
  /** Whether it is started again when it exits unexpectedly. */
  restart?: boolean;
  /** Called with its last lines of output when it exits unexpectedly and is not started again. */
  failed?: (error: StackError) => void;
}

/** The processes that run now. */
const running = new Set<ManagedProcess>();
process.on("exit", () => {
  for (const child of running) child.kill();
});

/** A child process with a log file and a pid file. */
export class ManagedProcess {
  readonly #options: ProcessOptions;
  readonly #restarts = new Restarts();
  #child: ChildProcess | undefined;
  #lastLines: string[] = [];
  #ready = false;
  #stopping = false;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  start(): void {
    const { name, command, args, dataDir, env, cwd, user, port } = this.#options;
    mkdirSync(join(dataDir, "logs"), { recursive: true });
    // In its own process group, so that Ctrl-C reaches only the stack, which then stops its services in order.
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
      windowsHide: true,
      env: { ...(env ?? process.env), ...partEnvironment(dataDir, name) },
      ...(cwd === undefined ? {} : { cwd }),
      ...user,
    });
    this.#child = child;
    running.add(this);
    const log = openLog(join(dataDir, "logs", `${name}.log`));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        log.write(chunk);
        this.#lastLines = [...this.#lastLines, ...chunk.toString().trimEnd().split("\n")].slice(-8);
      });
    }
    child.on("error", (error) => this.#lastLines.push(error.message));
    child.on("close", (code, signal) => {
      log.end();
      running.delete(this);
      if (!this.#stopping) this.#exited(signal ?? `code ${code}`);
    });
    if (child.pid !== undefined) writePidFile(pidFileOf(dataDir, name), child.pid, port);
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
      if (await check()) {
        this.#ready = true;
        return;
      }
      if (!this.running || Date.now() > deadline) {
        throw this.#failure(
          this.running ? `was not ready after ${timeout / 1000} s` : "exited while starting",
        );
      }
      await sleep(20);
    }
  }

  /** Sends the stop signals, one after the other, until the process has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const pid = this.pid;
    if (pid !== undefined)
      await endProcess(pid, this.#options.stopSignals ?? defaultSignals, () => !this.running);
    rmSync(this.#pidFile, { force: true });
  }

  /** Ends the process without waiting for it. The guard ends one that does not react. */
  kill(): void {
    const signal = this.#options.stopSignals === undefined ? "SIGKILL" : "SIGQUIT"; // of Postgres: its sessions, too
    if (this.pid !== undefined) kill(this.pid, signal);
  }

  #exited(how: string): void {
    const { name, restart, failed } = this.#options;
    const pause = restart === true && this.#ready ? this.#restarts.next() : undefined;
    if (pause === undefined) {
      console.error(`${name} exited unexpectedly (${how}).`);
      if (this.#ready) failed?.(this.#failure(`exited unexpectedly (${how})`)); // else until() throws
      return;
    }
    console.error(`${name} exited unexpectedly (${how}); it starts again in ${pause / 1000} s.`);
    setTimeout(() => this.#stopping || this.start(), pause).unref();
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

/**
 * Starts the guard, a shell that waits for the end of this process and ends the parts that it left running. Windows has no shell
 * for it; there the next start ends them.
 *
 * @returns ends the guard
 */
export function startGuard(dataDir: string): () => void {
  if (process.platform === "win32") return () => {};
  // This process holds the other end of the pipe, which the system closes however the process ends.
  const script = 'read -r _ || exec "$@"';
  const program = [process.execPath, join(import.meta.dirname, "guard.ts"), dataDir];
  const child = spawn("/bin/sh", ["-c", script, "staybase-guard", ...program], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: { ...process.env, ...partEnvironment(dataDir, "guard") },
  });
  child.unref();
  (child.stdin as Socket).unref();
  child.stdin.on("error", () => {}); // it has been killed
  child.on("error", (error) => console.error(`guard: ${error.message}`));
  if (child.pid !== undefined) writePidFile(pidFileOf(dataDir, "guard"), child.pid);
  return () => {
    child.stdin.end("stop\n");
    rmSync(join(dataDir, "run", "guard.pid"), { force: true });
  };
}
