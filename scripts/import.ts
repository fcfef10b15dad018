// `npm run import -- inside-airbnb <listings.csv>`: imports the listings of a city. Each batch is a transaction, so memory use does not
// grow with the file; running the command again continues an interrupted import, or updates what has changed.

import { type Arguments, readArguments, usage } from "./import/arguments.ts";
import { importCalendar } from "./import/calendar-import.ts";
import { connect } from "./import/database.ts";
import { listingsFormat, requireCalendar } from "./import/formats.ts";
import { importListings } from "./import/listings-import.ts";
import { readNeighbourhoods, withoutMap } from "./import/neighbourhoods.ts";
import { checkTable } from "./import/table.ts";
import { databaseUrl, loadConfig } from "./lib/config.ts";
import { errorText } from "./lib/errors.ts";
import { print } from "./lib/output.ts";

try {
  const args = readArguments(process.argv.slice(2), process.env);
  if (args === undefined) print(usage);
  else process.exitCode = await run(args);
} catch (error) {
  process.stderr.write(`\n${errorText(error)}\n`);
  process.exitCode = 1;
}

/** Returns the exit code: 0 when at least one row was imported. */
async function run(args: Arguments): Promise<number> {
  const since = performance.now();
  // check all files before writing the first row
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
    print(`\n  Finished in ${((performance.now() - since) / 1000).toFixed(1)} s.`);
    return listings.usable ? 0 : 1;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
