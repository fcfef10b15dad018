// `npm run promote`: makes a replica the primary when the primary's database is lost or damaged. It takes the replica that has applied
// most; the old database is kept aside, and the other replicas are made again at the next start.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { restorePidFile } from "./backup/swap.ts";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught, StackError } from "./lib/errors.ts";
import { print } from "./lib/output.ts";
import { endLeftovers, pidIn } from "./stack/parts.ts";
import { promote } from "./stack/replicas/promotion.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const config = loadConfig();
const running = runningPid(config) ?? pidIn(restorePidFile(config.dataDir));
if (running !== undefined) {
  throw new StackError(
    `Staybase or a restore is running on this data folder (process ${running}).`,
    "Two primaries would each take bookings that the other lacks. Stop it first with `npm run stop`.",
  );
}
await endLeftovers(config.dataDir); // a primary that still runs would go on taking bookings
const since = performance.now();
const { name, lastChange, aside } = await promote(config, print);
const kept = join(config.dataDir, aside);
print(`Promoted ${name} in ${((performance.now() - since) / 1000).toFixed(1)} s.

  Last change      ${lastChange?.toISOString() ?? "none since it was copied"}
  Database before  ${existsSync(kept) ? kept : "none"}

\`npm start\` starts it. A booking that the old primary accepted after the last change is not in it: compare with Stripe
by \`curl -X POST ${config.apiUrl}/functions/v1/reconcile -H 'apikey: <secret key>'\`, and see docs/operate/replicas.md.`);
