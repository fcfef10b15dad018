// `npm run bench -- <name> [--size n] [--minutes n] [--json]`: runs a benchmark and prints its figures. Fails when a figure misses its
// target. Only `soak` takes minutes.

import { benchBackup } from "./bench/backup.ts";
import { benchBooking } from "./bench/booking.ts";
import { benchBoot } from "./bench/boot.ts";
import { type Figure, isMet, table } from "./bench/figures.ts";
import { benchGraphql } from "./bench/graphql.ts";
import { benchHostFigures } from "./bench/host-figures.ts";
import { benchJobs } from "./bench/jobs.ts";
import { benchLists } from "./bench/lists.ts";
import { benchLoad } from "./bench/load.ts";
import { benchPayments } from "./bench/payments.ts";
import { benchSearch } from "./bench/search.ts";
import { benchSetCalendar } from "./bench/set-calendar.ts";
import { benchSoak } from "./bench/soak.ts";
import { benchWorkers } from "./bench/workers.ts";

const benchmarks: Record<string, (size?: number) => Promise<Figure[]>> = {
  backup: benchBackup,
  boot: () => benchBoot(),
  booking: benchBooking,
  calendar: benchSetCalendar,
  figures: benchHostFigures,
  graphql: benchGraphql,
  jobs: benchJobs,
  lists: benchLists,
  load: benchLoad,
  payments: benchPayments,
  search: benchSearch,
  soak: () => benchSoak(number("--minutes")),
  workers: benchWorkers,
};

const name = process.argv[2] ?? "";
const run = benchmarks[name];
if (run === undefined) {
  console.error(
    `Usage: npm run bench -- ${Object.keys(benchmarks).join(" | ")} [--size n] [--minutes n] [--json]`,
  );
  process.exit(2);
}
const figures = await run(number("--size"));
console.log(process.argv.includes("--json") ? JSON.stringify(figures, null, 2) : table(figures));
process.exitCode = figures.every(isMet) ? 0 : 1;

/** Reads an option: a number, with k for thousands or M for millions. */
function number(option: string): number | undefined {
  const at = process.argv.indexOf(option);
  if (at === -1) return undefined;
  const [, digits, unit = ""] = /^(\d+)(k|M)?$/.exec(process.argv[at + 1] ?? "") ?? [];
  if (digits === undefined || Number(digits) === 0) {
    console.error(`${option} must be a number above 0, such as 500, 20k or 1M.`);
    process.exit(2);
  }
  return Number(digits) * ({ k: 1_000, M: 1_000_000 }[unit] ?? 1);
}
