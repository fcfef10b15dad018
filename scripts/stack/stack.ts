// The embedded stack as a whole: starts its parts in order, tells how it goes, and stops them in the opposite order.

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { requireFreePort } from "../lib/ports.ts";
import { createAuth } from "./auth.ts";
import { uploadBucketObjects } from "./bucket-objects.ts";
import { createFunctions } from "./functions.ts";
import { createGateway } from "./gateway.ts";
import { createGraphqlService } from "./graphql.ts";
import { createMail } from "./mail.ts";
import { applyMigrations } from "./migrations.ts";
import { createPgCron } from "./pg-cron.ts";
import { createPgNet } from "./pg-net.ts";
import { createPostgres, finishDatabase } from "./postgres.ts";
import { commandOf, endLeftovers, readPidFile } from "./processes.ts";
import { createRest } from "./rest.ts";
import type { Service } from "./service.ts";
import { createStorage } from "./storage.ts";
import { createStripe } from "./stripe.ts";
import { ensureSystemSchema } from "./system-schema.ts";

export interface Stack {
  stop(): Promise<void>;
}

/** Called once a step is done, with what it was and how long it took in ms. */
type Report = (step: string, milliseconds: number) => void;

export interface StartOptions {
  report?: Report;
  /** Breaks the start off. */
  signal?: AbortSignal;
  /** Called when a part that the others need ends by itself. The stack is of no use then; stop it. */
  failed?: (error: StackError) => void;
}

/**
 * Starts everything and resolves when all of it serves. A start that fails or is broken off leaves nothing running.
 *
 * @throws StackError what is wrong and what to do
 */
export async function startStack(
  config: StackConfig,
  { report = () => {}, signal = new AbortController().signal, failed = () => {} }: StartOptions = {},
): Promise<Stack> {
  process.umask(0o022); // Postgres may run as another user, who must be able to read the server's files
  const running = runningPid(config);
  if (running !== undefined) {
    throw new StackError(
      `Staybase is already running here (process ${running}).`,
      "`npm run status` shows it, `npm run stop` stops it.",
    );
  }
  writeFileSync(pidFile(config), JSON.stringify({ pid: process.pid, command: commandOf(process.pid) }));

  const started: Service[] = [];
  const stop = async () => {
    for (const part of started.toReversed())
      await part.stop().catch((error) => console.error(`${part.name} did not stop well: ${String(error)}`));
    rmSync(pidFile(config), { force: true });
  };
  const start = async (...parts: Service[]) => {
    await Promise.all(
      parts.map(async (part) => {
        signal.throwIfAborted();
        const since = performance.now();
        started.push(part);
        await part.start();
        await part.ready();
        report(part.name, performance.now() - since);
      }),
    );
  };

  const startAll = async () => {
    const leftovers = await endLeftovers(config.dataDir);
    if (leftovers.length > 0) report(`recovered from a stack that was killed (${leftovers.join(", ")})`, 0);
    await requirePorts(config);

    const mail = createMail(config);
    await start(createPostgres(config, failed), mail);
    const seeded = await prepareDatabase(config, report, signal);

    const services = {
      auth: createAuth(config, mail),
      rest: createRest(config, failed),
      storage: createStorage(config),
      functions: createFunctions(config, mail),
      graphql: createGraphqlService(config),
    };
    await start(...Object.values(services), createPgCron(config), createStripe(config), createPgNet(config));
    if (seeded) await uploadBucketObjects(config, services.storage);
    finishDatabase(config);
    await start(createGateway(config, services));
  };

  const starting = startAll();
  try {
    await Promise.race([starting, aborted(signal)]);
    return { stop };
  } catch (error) {
    await stop(); // ends what the parts wait for
    await Promise.race([starting.catch(() => {}), sleep(500)]);
    await stop(); // and what they had begun meanwhile
    throw error;
  }
}

/** Rejects when the signal says so. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** The process that runs the stack of this data folder, if one does. */
export function runningPid(config: StackConfig): number | undefined {
  const file = readPidFile(pidFile(config));
  if (file === undefined || file.pid === process.pid) return undefined;
  // After a crash of the machine the number may belong to any program.
  return commandOf(file.pid) === file.command ? file.pid : undefined;
}

/** Returns whether the database is new and was seeded. */
async function prepareDatabase(config: StackConfig, report: Report, signal: AbortSignal): Promise<boolean> {
  const since = performance.now();
  const admin = postgres(databaseUrl(config, "supabase_admin"), { max: 1, onnotice: () => {} });
  try {
    await ensureSystemSchema(admin);
    const { applied, seeded } = await applyMigrations(config, admin, signal);
    await admin`update private.settings set value = ${`${config.apiUrl}/functions/v1`} where name = 'functions_url'`;
    await admin`update private.settings set value = ${config.apiUrl} where name = 'public_api_url'`;
    report(
      applied === 0 ? "migrations (all applied)" : `migrations (${applied} applied)`,
      performance.now() - since,
    );
    return seeded;
  } finally {
    await admin.end({ timeout: 1 });
  }
}

async function requirePorts({ ports }: StackConfig): Promise<void> {
  await requireFreePort(ports.api, { name: "API", variable: "STAYBASE_API_PORT" });
  await requireFreePort(ports.db, { name: "database", variable: "STAYBASE_DB_PORT" });
  await requireFreePort(ports.mail, { name: "mail", variable: "STAYBASE_MAIL_PORT" });
  await requireFreePort(ports.stripe, { name: "Stripe emulator", variable: "STAYBASE_STRIPE_PORT" });
}

function pidFile(config: StackConfig): string {
  return join(config.dataDir, "stack.pid");
}
