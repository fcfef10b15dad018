// `npm start`: runs the embedded stack until Ctrl-C.

import { loadConfig } from "./lib/config.ts";
import { openDatabase } from "./lib/database.ts";
import { errorText } from "./lib/errors.ts";
import { logToFile, print } from "./lib/output.ts";
import { pauseReason } from "./lib/pause.ts";
import { startStack } from "./stack/stack.ts";

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const stopping = new AbortController();
/** In ms; a little more than the stack needs at most. */
const stopLimit = 5_000;

try {
  const config = loadConfig();
  const since = performance.now();
  logToFile(config);
  print("Starting Staybase (embedded stack) ...");
  const report = (step: string, took: number) =>
    print(`  ${step.padEnd(28)} ${took > 0 ? seconds(took) : ""}`);
  const stop = async (why: string, exitCode: number) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    print(why);
    setTimeout(() => process.exit(1), stopLimit).unref(); // ends what is left, too
    const stack = await starting.catch(() => undefined);
    await stack?.stop();
    process.exit(exitCode);
  };
  const leave = (why: string) => void stop(`\nStopping (${why}) ...`, 0);
  let signalledAt: number | undefined;
  const onSignal = (name: string) => {
    signalledAt ??= Date.now();
    if (Date.now() - signalledAt > 200) process.exit(130); // npm sends the signal of Ctrl-C twice
    leave(name);
  };
  const failed = (error: unknown) => {
    console.error(error);
    void stop(`\n${errorText(error)}`, 1);
  };
  const lost = (error: unknown) => print(`\n${errorText(error)}\nThe stack goes on without it.`);
  const starting = startStack(config, { report, signal: stopping.signal, failed, lost });
  process.on("uncaughtException", failed);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  if (process.env.npm_lifecycle_event === "start") onParentExit(() => leave("npm ended"));

  await starting;
  const sql = openDatabase(config, "supabase_admin");
  const paused = await pauseReason(sql).finally(() => sql.end());
  print(`
Ready in ${seconds(performance.now() - since)}. Press Ctrl-C to stop. Data is kept in ${config.dataDir}

  API              ${config.apiUrl}
  Database         postgresql://postgres:postgres@127.0.0.1:${config.ports.db}/postgres
  Mail catcher     ${config.mailUrl}
  Stripe emulator  ${config.stripeUrl}
  Publishable key  ${config.keys.publishable}
  Secret key       ${config.keys.secret}

This stack has no Realtime, Studio or image transformation (see "Two stacks" in README.md). Try:

  curl '${config.apiUrl}/rest/v1/properties?select=title,city,base_price,currency' -H 'apikey: ${config.keys.publishable}'
  npm run status
  npm test
`);
  if (paused !== undefined) print(`The platform is paused, see docs/operate/backup.md: ${paused}\n`);
} catch (error) {
  if (!stopping.signal.aborted) {
    print(`\n${errorText(error)}`);
    process.exit(1);
  }
}

/** Calls `stop` when the parent process ends: npm sends SIGTERM to a shell, and not every shell passes it on. */
function onParentExit(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), 500).unref();
}
