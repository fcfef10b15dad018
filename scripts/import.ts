// `npm run import -- inside-airbnb <listings.csv>`: fills the database with the listings of a real city. Reads a file of any
// size in the memory of a few batches; every batch is a transaction of its own, and the same command again goes on where an
// interrupted one was, or changes what has changed.

import { type Arguments, readArguments, usage } from "./import/arguments.ts";
import { importCalendar } from "./import/calendar-import.ts";
import { connect } from "./import/database.ts";
import { listingsFormat, requireCalendar } from "./import/formats.ts";
import { importListings } from "./import/listings-import.ts";
import { readNeighbourhoods, withoutMap } from "./import/neighbourhoods.ts";
import { checkTable } from "./import/table.ts";
import { databaseUrl, loadConfig } from "./lib/config.ts";
import { explain } from "./lib/errors.ts";
import { print } from "./lib/output.ts";

try {
  const args = readArguments(process.argv.slice(2), process.env);
  if (args === undefined) print(usage);
  else process.exitCode = await run(args);
} catch (error) {
  const { message, remedy } = explain(error);
  process.stderr.write(`\n${message}\n\n${remedy}\n`);
  process.exitCode = 1;
}

/** 0 when any row could be used; what was wrong with others is said. */
async function run(args: Arguments): Promise<number> {
  const since = performance.now();
  // everything that can be wrong with the files comes before the first row is written
  await checkTable(args.listings, listingsFormat);
  if (args.calendar !== undefined) await checkTable(args.calendar, requireCalendar);
  const map = args.neighbourhoods === undefined ? withoutMap : await readNeighbourhoods(args.neighbourhoods);

  const { sql, reference } = await connect(args.databaseUrl ?? databaseUrl(loadConfig()));
  try {
    const listings = await importListings(sql, args, reference, map);
    print(`\n${listings.table()}`);
    if (args.calendar !== undefined) {
      const calendar = await importCalendar(sql, args.calendar, args.source, reference);
      print(`\n${calendar.table()}`);
    }
    print(`\n  Done in ${((performance.now() - since) / 1000).toFixed(1)} s.`);
    return listings.usable ? 0 : 1;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
