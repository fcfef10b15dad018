// `npm run clock -- +3d`: lets days, hours (h) or minutes (m) pass on the running embedded stack. `--show` prints the time;
// `--reset`, with the stack stopped, restores the data as they were before the first move.

import { millisecondsAhead } from "../supabase/functions/_shared/clock.ts";
import { printChanges } from "./clock/changes.ts";
import { inWords, parseDuration } from "./clock/duration.ts";
import { moveClock } from "./clock/move.ts";
import { restoreSnapshot } from "./clock/snapshot.ts";
import { clockFile, loadConfig } from "./lib/config.ts";
import { explainUncaught, StackError } from "./lib/errors.ts";
import { print } from "./lib/output.ts";
import { endLeftovers } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const config = loadConfig();
const [argument = "--show"] = process.argv.slice(2).filter((text) => text !== "--");
const inTime = (milliseconds: number) =>
  new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "short", timeZone: "UTC" }).format(
    milliseconds,
  );

function show(): void {
  const ahead = millisecondsAhead(clockFile(config));
  const distance = ahead === 0 ? "the real time" : `${inWords(ahead)} ahead of the real time`;
  print(`The stack's clock shows ${inTime(Date.now() + ahead)} UTC, ${distance}.`);
}

if (argument === "--show") {
  show();
} else if (argument === "--reset") {
  if (runningPid(config) !== undefined) {
    throw new StackError("Staybase is running.", "Stop it first with `npm run stop`.");
  }
  await endLeftovers(config.dataDir); // processes of a killed stack would still use the files
  restoreSnapshot(config);
  print(
    "Restored the data as they were before the clock was moved. `npm start` starts the stack in the real time.",
  );
} else {
  const length = parseDuration(argument);
  if (runningPid(config) === undefined) {
    throw new StackError(
      "The embedded stack is not running, and no other can move its clock.",
      "Start it with `npm start`. Hosted projects and `supabase start` keep the real time.",
    );
  }
  await moveClock(config, length, ({ now, changes }) => {
    print(`${inTime(now)} UTC`);
    printChanges(changes);
  });
  show();
}
