// `npm start`: runs the embedded stack until Ctrl-C.

import { loadConfig } from "./lib/config.ts";
import { explain } from "./lib/errors.ts";
import { logToFile, print } from "./lib/output.ts";
import { startStack } from "./stack/stack.ts";

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const stopping = new AbortController();

try {
  const config = loadConfig();
  const since = performance.now();
  logToFile(config);
  print("Starting Staybase (embedded stack)");
  const report = (step: string, took: number) =>
    print(`  ${step.padEnd(28)} ${took > 0 ? seconds(took) : ""}`);
  const stop = async (why: string, exitCode: number) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    print(why);
    const stack = await starting.catch(() => undefined);
    await stack?.stop();
    process.exit(exitCode);
  };
  const leave = (why: string) => void stop(`\nStopping (${why}) ...`, 0);
  const failed = (error: unknown) => void stop(`\n${inWords(error)}`, 1);
  const starting = startStack(config, { report, signal: stopping.signal, failed });
  process.on("uncaughtException", failed);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, leave);
  if (process.env.npm_lifecycle_event === "start") onParentsEnd(() => leave("npm ended"));

  await starting;
  print(`
Ready in ${seconds(performance.now() - since)}. Ctrl-C stops; data is kept in ${config.dataDir}

  API              ${config.apiUrl}
  Database         postgresql://postgres:postgres@127.0.0.1:${config.ports.db}/postgres
  Mail catcher     ${config.mailUrl}
  Stripe emulator  ${config.stripeUrl}
  Publishable key  ${config.keys.publishable}
  Secret key       ${config.keys.secret}

Not in this stack: Realtime, Studio, image transformation (see "Two stacks" in README.md). Try:

  curl '${config.apiUrl}/rest/v1/properties?select=title,city,base_price,currency' -H 'apikey: ${config.keys.publishable}'
  npm run status
  npm test
`);
} catch (error) {
  if (!stopping.signal.aborted) {
    print(`\n${inWords(error)}`);
    process.exit(1);
  }
}

function inWords(error: unknown): string {
  const { message, remedy } = explain(error);
  return `${message}\n\n${remedy}`;
}

/** npm gives a SIGTERM to the shell that it runs scripts in, and not every shell passes it on. */
function onParentsEnd(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), 500).unref();
}
