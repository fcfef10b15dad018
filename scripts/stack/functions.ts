// Edge Functions: one Deno process for each, started at the first request, restarted by Deno when files change, and ended when idle.
// One that dies is started again at its next request, up to the limit in restarts.ts.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseEnv } from "node:util";
import { clockFile, databaseUrl, type StackConfig } from "../lib/config.ts";
import { freePort, listens } from "../lib/ports.ts";
import type { Mail } from "./mail.ts";
import { ManagedProcess } from "./processes.ts";
import { Restarts } from "./restarts.ts";
import type { CheckedService } from "./service.ts";
import { emulatorKeys } from "./stripe/emulator.ts";

const require = createRequire(import.meta.url);

export interface Functions extends CheckedService {
  exists(name: string): boolean;
  /** Whether requests need a valid JWT: `verify_jwt` of [functions.<name>] in config.toml, true by default. */
  verifiesJwt(name: string): boolean;
  /** The port of a function's process; starts the process if it does not run. */
  portOf(name: string): Promise<number>;
}

interface Worker {
  process: ManagedProcess;
  port: number;
  /** Time of the last request, in ms since 1970. */
  usedAt: number;
}

/** In ms; longer than any request takes, so that a running function is never ended. */
const idleAfter = 10 * 60_000;

export function createFunctions(config: StackConfig, mail: Mail): Functions {
  const workers = new Map<string, Promise<Worker>>();
  const processes = new Set<ManagedProcess>();
  const restarts = new Map<string, Restarts>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const indexOf = (name: string) => join(config.functionsDir, name, "index.ts");

  async function launch(name: string): Promise<Worker> {
    const port = await freePort("inner");
    if (stopped) throw new Error("The stack stops.");
    const process = new ManagedProcess({
      name: `function-${name}`,
      command: denoBinary(),
      args: denoArguments(config, indexOf(name)),
      dataDir: config.dataDir,
      port,
      cwd: config.root,
      env: { OTEL_SERVICE_NAME: name, ...environment(config, port, mail) },
    });
    processes.add(process);
    process.start();
    try {
      await process.until(() => listens(port), 30_000);
    } catch (error) {
      await end(process);
      throw error;
    }
    return { process, port, usedAt: Date.now() };
  }

  async function end(process: ManagedProcess): Promise<void> {
    await process.stop();
    processes.delete(process);
  }

  async function endIdle(): Promise<void> {
    for (const [name, launched] of workers) {
      const worker = await launched.catch(() => undefined);
      if (worker === undefined || Date.now() - worker.usedAt < idleAfter) continue;
      workers.delete(name);
      await end(worker.process);
    }
  }

  /** The worker, if it answers. After a crash Deno's watcher still runs and waits for a change of the files. */
  async function answering(launched: Promise<Worker> | undefined): Promise<Worker | undefined> {
    const worker = await launched?.catch(() => undefined);
    return worker?.process.running === true && (await listens(worker.port)) ? worker : undefined;
  }

  async function relaunch(name: string, dead: Promise<Worker> | undefined): Promise<Worker> {
    if (dead === undefined) return launch(name);
    const worker = await dead.catch(() => undefined);
    if (worker !== undefined) await end(worker.process);
    const pause = restartsOf(name).next();
    if (pause === undefined) throw new Error(`function ${name} died too often; it starts again in a minute.`);
    console.error(`function ${name} had died; it starts again in ${pause / 1000} s.`);
    await sleep(pause);
    return launch(name);
  }

  function restartsOf(name: string): Restarts {
    const known = restarts.get(name) ?? new Restarts();
    restarts.set(name, known);
    return known;
  }

  return {
    name: "functions",
    exists: (name) => /^[A-Za-z0-9][\w-]*$/.test(name) && existsSync(indexOf(name)),
    verifiesJwt: (name) => config.toml.functions[name]?.verify_jwt ?? true,
    async portOf(name) {
      const known = workers.get(name);
      let worker = await answering(known);
      if (worker === undefined) {
        // Only one of several waiting requests starts the process.
        let launched = workers.get(name);
        if (launched === undefined || launched === known) {
          launched = relaunch(name, known);
          workers.set(name, launched);
        }
        worker = await launched;
      }
      worker.usedAt = Date.now();
      return worker.port;
    },
    async works() {
      for (const [name, launched] of workers)
        if (restartsOf(name).exhausted() && (await answering(launched)) === undefined) return false;
      return existsSync(denoBinary());
    },
    async start() {
      timer = setInterval(() => void endIdle(), 60_000).unref();
    },
    async ready() {},
    async stop() {
      stopped = true;
      clearInterval(timer);
      workers.clear();
      await Promise.all([...processes].map(end));
    },
  };
}

/** The path of Deno itself. The `deno` package's wrapper would not pass signals on. */
export function denoBinary(): string {
  const { runInstall } = require("deno/install_api.cjs") as { runInstall(): string };
  return runInstall();
}

/** Deno's arguments for a function: packages only from node_modules, access to the network, and read access to the project and its clock. */
export function denoArguments(config: StackConfig, index: string): string[] {
  return [
    ...["run", "--watch", "--quiet", "--no-prompt", "--cached-only", "--node-modules-dir=manual"],
    ...[
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      `--allow-read=${config.root},${config.functionsDir},${clockFile(config)}`,
    ],
    join(import.meta.dirname, "function-runner.ts"),
    pathToFileURL(index).href,
  ];
}

/** What supabase/functions/.env sets. */
function envFile({ functionsDir }: StackConfig): NodeJS.Dict<string> {
  const path = join(functionsDir, ".env");
  return existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
}

/** The token of functions/v1/metrics: that of supabase/functions/.env, else one that is public and only for work on one machine. */
export function metricsToken(config: StackConfig): string {
  return envFile(config).METRICS_TOKEN || "staybase-local-metrics";
}

function environment(config: StackConfig, port: number, mail: Mail): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return {
    PATH,
    HOME,
    TMPDIR,
    DENO_DIR: join(config.dataDir, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
    DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
    // mails go to the mail catcher, unless supabase/functions/.env names another server
    SMTP_HOST: "127.0.0.1",
    SMTP_PORT: String(mail.smtpPort),
    STRIPE_SECRET_KEY: emulatorKeys.secret,
    STRIPE_PUBLISHABLE_KEY: emulatorKeys.publishable,
    STRIPE_WEBHOOK_SECRET: emulatorKeys.webhookSecret,
    STRIPE_EMULATOR_URL: config.stripeUrl,
    ...envFile(config),
    METRICS_TOKEN: metricsToken(config),
    ...stripeKeys(),
    ...telemetry(),
    STAYBASE_CLOCK_FILE: clockFile(config),
    SUPABASE_URL: config.apiUrl,
    SUPABASE_ANON_KEY: config.keys.anon,
    SUPABASE_SERVICE_ROLE_KEY: config.keys.serviceRole,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: config.keys.publishable }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: config.keys.secret }),
    SUPABASE_DB_URL: databaseUrl(config),
  };
}

/** Deno's OpenTelemetry, which OTEL_DENO=true turns on: https://docs.deno.com/runtime/fundamentals/open_telemetry */
function telemetry(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_")));
}

/** Stripe keys in the stack's own environment, which override those in supabase/functions/.env. */
function stripeKeys(): Record<string, string> {
  const names = ["STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY", "STRIPE_WEBHOOK_SECRET"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name] as string]] : [])),
  );
}
