// Runs when a stack was killed: ends the parts that it left running. A new start ends this program first.

import { join } from "node:path";
import { endLeftovers, pidIn } from "./parts.ts";

const dataDir = String(process.argv[2]);
if (pidIn(join(dataDir, "stack.pid")) === undefined) await endLeftovers(dataDir);
