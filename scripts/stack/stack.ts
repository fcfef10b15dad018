// The embedded stack: starts its services in order, reports progress, and stops them in reverse order.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import { createArchive } from "../backup/archive.ts";
import { completeSwap, restorePidFile } from "../backup/swap.ts";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { StackError } from "../lib/errors.ts";
import { requireFreePort } from "../lib/ports.ts";
import { createAuth } from "./auth.ts";
import { uploadBucketObjects } from "./bucket-objects.ts";
import { createFunctions } from "./functions.ts";
import { createGateway } from "./gateway.ts";
import { createGraphqlService } from "./graphql.ts";
import { createHealth } from "./health.ts";
import { createMail } from "./mail.ts";
import { applyMigrations } from "./migrations.ts";
import { endLeftovers, pidIn, writePidFile } from "./parts.ts";
import { createPgCron } from "./pg-cron.ts";
import { createPgNet } from "./pg-net.ts";
import { createPostgres, finishDatabase } from "./postgres.ts";
import { startGuard } from "./processes.ts";
import { createReplicas, dropReplicas } from "./replicas/replicas.ts";
import { createRest } from "./rest.ts";
import type { Service } from "./service.ts";
import { createStorage } from "./storage.ts";
import { createStripe } from "./stripe.ts";
import { ensureSystemSchema } from "./system-schema.ts";

export interface Stack {
  stop(): Promise<void>;
}

/** In ms; Postgres has the time that the other services leave. */
const stopLimits = { inAll: 4_800, otherServices: 1_500 };

/** Called after each step with its name and duration in ms. */
type Report = (step: string, milliseconds: number) => void;

export interface StartOptions {
  report?: Report;
  /** Aborts the start. */
  signal?: AbortSignal;
  /** Called when Postgres exits unexpectedly. Stop the stack then. */
  failed?: (error: StackError) => void;
  /** Called when another part has exited so often that it is not started again. The stack goes on without it. */
  lost?: (error: StackError) => void;
}

/**
 * Starts all services and resolves when they answer. A start that fails or is aborted leaves nothing running.
 *
 * @throws StackError with the problem and the remedy
 */
export async function startStack(
  config: StackConfig,
  {
    report = () => {},
    signal = new AbortController().signal,
    failed = () => {},
    lost = () => {},
  }: StartOptions = {},
): Promise<Stack> {
  process.umask(0o022); // Postgres may run as another user, who must be able to read the server's files
  const running = runningPid(config);
  if (running !== undefined) {
    throw new StackError(
      `Staybase is already running (process ${running}).`,
      "Run `npm run status` to see it, or `npm run stop` to stop it.",
    );
  }
  const restoring = pidIn(restorePidFile(config.dataDir));
  if (restoring !== undefined) {
    throw new StackError(
      `A restore into ${config.dataDir} is running (process ${restoring}).`,
      "Wait until it has ended, then start again.",
    );
  }
  mkdirSync(config.dataDir, { recursive: true });
  writePidFile(pidFile(config), process.pid);

  const started: Service[][] = [];
  let endGuard: (() => void) | undefined;
  const stop = async () => {
    const deadline = Date.now() + stopLimits.inAll;
    for (const services of started.toReversed()) {
      const left = deadline - Date.now();
      const limit =
        services === started[0] || services === started[1] ? left : Math.min(left, stopLimits.otherServices);
      await Promise.all(services.map((service) => stopWithin(service, limit)));
    }
    endGuard?.();
    endGuard = undefined;
    rmSync(pidFile(config), { force: true });
  };
  const start = async (...services: Service[]) => {
    started.push(services);
    await Promise.all(
      services.map(async (service) => {
        signal.throwIfAborted();
        const since = performance.now();
        await service.start();
        await service.ready();
        report(service.name, performance.now() - since);
      }),
    );
  };

  const startAll = async () => {
    const leftovers = await endLeftovers(config.dataDir);
    if (leftovers.length > 0) report(`recovered from a stack that was killed (${leftovers.join(", ")})`, 0);
    await requirePorts(config);
    endGuard = startGuard(config.dataDir);

    if (completeSwap(config.dataDir)) report("took over the restored database", 0);
    const mail = createMail(config, lost);
    await start(createArchive(config));
    await start(createPostgres(config, failed), mail);
    const seeded = await prepareDatabase(config, report, signal);

    const services = {
      auth: createAuth(config, mail),
      rest: createRest(config, lost),
      storage: createStorage(config),
      functions: createFunctions(config, mail),
      graphql: createGraphqlService(config),
    };
    await start(...Object.values(services), createPgCron(config), createStripe(config), createPgNet(config));
    if (seeded) await uploadBucketObjects(config, services.storage);
    finishDatabase(config);
    const { rest, auth, storage, functions } = services;
    const health = createHealth(config, { rest, auth, storage, functions, mail });
    await start(health);
    const replicas = createReplicas(config);
    await start(createGateway(config, { ...services, replicas }, health));
    await (replicas.on ? start(replicas) : dropReplicas(config));
  };

  const starting = startAll();
  try {
    await Promise.race([starting, aborted(signal)]);
    return { stop };
  } catch (error) {
    await stop(); // ends whatever the services wait for
    await Promise.race([starting.catch(() => {}), sleep(500)]);
    await stop(); // ends what they started meanwhile
    throw error;
  }
}

/** Rejects when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Stops a service; after `limit` ms it goes on without waiting. A process that is left then ends with this one. */
async function stopWithin(service: Service, limit: number): Promise<void> {
  const late = new AbortController();
  const tooLate = sleep(Math.max(0, limit), "late", { signal: late.signal }).catch(() => {});
  const stopped = service.stop().catch((error) => {
    console.error(`${service.name} failed to stop: ${String(error)}`);
  });
  if ((await Promise.race([stopped, tooLate])) === "late")
    console.error(`${service.name} did not stop in time.`);
  late.abort();
}

/** The id of the process that runs the stack on this data folder, if any. */
export function runningPid(config: StackConfig): number | undefined {
  const pid = pidIn(pidFile(config));
  return pid === process.pid ? undefined : pid;
}

/** Creates and migrates the database; returns whether it was new and has been seeded. */
async function prepareDatabase(config: StackConfig, report: Report, signal: AbortSignal): Promise<boolean> {
  const since = performance.now();
  const admin = openDatabase(config, "supabase_admin");
  try {
    await ensureSystemSchema(admin);
    const { applied, seeded } = await applyMigrations(config, admin, signal);
    await admin`update private.settings set value = ${`${config.apiUrl}/functions/v1`} where name = 'functions_url'`;
    await admin`update private.settings set value = ${config.apiUrl} where name = 'public_api_url'`;
    report(
      applied === 0 ? "migrations (all applied)" : `migrations (${applied} applied)`,
      performance.now() - since,
    );
    if (seeded && config.past)
      await prepareStep("two years of bookings", report, () => givePast(config, admin));
    return seeded;
  } finally {
    await admin.end({ timeout: 1 });
  }
}

async function prepareStep(name: string, report: Report, step: () => Promise<void>): Promise<void> {
  const since = performance.now();
  await step();
  report(name, performance.now() - since);
}

async function givePast(config: StackConfig, admin: Sql): Promise<void> {
  const { addPast } = await import("../past/load.ts"); // only a first start needs its packages
  await addPast(admin, {
    until: Date.now(),
    stripeFile: join(config.dataDir, "stripe.json"),
    stripeUrl: config.stripeUrl,
  });
}

async function requirePorts({ ports }: StackConfig): Promise<void> {
  await Promise.all([
    requireFreePort(ports.api, { name: "API", variable: "STAYBASE_API_PORT" }),
    requireFreePort(ports.db, { name: "database", variable: "STAYBASE_DB_PORT" }),
    requireFreePort(ports.mail, { name: "mail", variable: "STAYBASE_MAIL_PORT" }),
    requireFreePort(ports.stripe, { name: "Stripe emulator", variable: "STAYBASE_STRIPE_PORT" }),
  ]);
}

function pidFile(config: StackConfig): string {
  return join(config.dataDir, "stack.pid");
}
