// `npm run bench -- <name> [--size n] [--json]`: runs a benchmark, prints its figures and fails when one misses its target.

import { benchBooking } from "./bench/booking.ts";
import { benchBoot } from "./bench/boot.ts";
import { type Figure, isMet, table } from "./bench/figures.ts";
import { benchGraphql } from "./bench/graphql.ts";
import { benchJobs } from "./bench/jobs.ts";
import { benchSearch } from "./bench/search.ts";

const benchmarks: Record<string, (size?: number) => Promise<Figure[]>> = {
  boot: () => benchBoot(),
  booking: benchBooking,
  graphql: benchGraphql,
  jobs: benchJobs,
  search: benchSearch,
};

const name = process.argv[2] ?? "";
const run = benchmarks[name];
if (run === undefined) {
  console.error(
    `Which benchmark? npm run bench -- ${Object.keys(benchmarks).join(" | ")} [--size n] [--json]`,
  );
  process.exit(2);
}
const at = process.argv.indexOf("--size");
const figures = await run(at === -1 ? undefined : Number(process.argv[at + 1]));
console.log(process.argv.includes("--json") ? JSON.stringify(figures, null, 2) : table(figures));
process.exitCode = figures.every(isMet) ? 0 : 1;
