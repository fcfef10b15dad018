// `npm run trigger -- <event>`: makes an event happen on the running embedded stack, through the API or at the Stripe emulator, and
// prints what followed. Without an event, it lists them.

import { changesSince, mark, printChanges } from "./clock/changes.ts";
import { requireEmbedded } from "./clock/postgres-clock.ts";
import { finishWork } from "./clock/work.ts";
import { loadConfig } from "./lib/config.ts";
import { openDatabase } from "./lib/database.ts";
import { explainUncaught, StackError } from "./lib/errors.ts";
import { print } from "./lib/output.ts";
import { requireUnpaused } from "./lib/pause.ts";
import { runningPid } from "./stack/stack.ts";
import { events } from "./trigger/events.ts";
import { nearest } from "./trigger/names.ts";
import { openSession } from "./trigger/session.ts";

explainUncaught();
const config = loadConfig();
const [name] = process.argv.slice(2).filter((text) => text !== "--");

if (name === undefined) {
  print("npm run trigger -- <event>\n");
  for (const [known, { does }] of Object.entries(events)) print(`  ${known.padEnd(26)} ${does}`);
} else {
  const event = Object.hasOwn(events, name) ? events[name] : undefined;
  if (event === undefined) {
    const near = nearest(name, Object.keys(events));
    throw new StackError(
      `There is no event "${name}".`,
      `Did you mean ${near}? \`npm run trigger\` lists all events.`,
    );
  }
  if (runningPid(config) === undefined) {
    throw new StackError("The embedded stack is not running.", "Start it with `npm start`.");
  }
  const sql = openDatabase(config, "supabase_admin", { max: 2 });
  await requireEmbedded(config, sql);
  await requireUnpaused(sql);
  await finishWork(config, sql);
  const before = await mark(sql, config.mailUrl);
  print(event.does);
  await event.run(openSession(config, sql));
  await finishWork(config, sql);
  print("\nWhat followed:");
  printChanges(await changesSince(sql, config.mailUrl, before));
  await sql.end();
}
