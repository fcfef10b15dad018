// `npm start`: runs the embedded stack until Ctrl-C.

import { loadConfig } from "./stack/config.ts";
import { explain } from "./stack/errors.ts";
import { logToFile, say } from "./stack/output.ts";
import { startStack } from "./stack/stack.ts";

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const stopping = new AbortController();

try {
  const config = loadConfig();
  const since = performance.now();
  logToFile(config);
  say("Starting Staybase (embedded stack)");
  const report = (step: string, took: number) => say(`  ${step.padEnd(28)} ${took > 0 ? seconds(took) : ""}`);
  const starting = startStack(config, report, stopping.signal);

  const stop = async (signal: string) => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    say(`\nStopping (${signal}) ...`);
    const stack = await starting.catch(() => undefined);
    await stack?.stop();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(signal));

  if (process.env.npm_lifecycle_event === "start") onParentsEnd(() => void stop("npm ended"));

  await starting;
  say(`
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
    const { message, remedy } = explain(error);
    say(`\n${message}\n\n${remedy}`);
    process.exit(1);
  }
}

/** npm gives a SIGTERM to the shell that it runs scripts in, and not every shell passes it on. */
function onParentsEnd(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), 500).unref();
}
