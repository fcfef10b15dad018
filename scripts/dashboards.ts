// `npm run dashboards`: writes the dashboards for Grafana into ops/grafana.

import { writeDashboards } from "./generate/dashboards.ts";
import { projectRoot } from "./lib/config.ts";

console.log(`Wrote ${writeDashboards(projectRoot).join(", ")}.`);
