// `npm run past`: makes the file of the past, with which a new database of the embedded stack begins. Two runs make the same file.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { openDatabase } from "../lib/database.ts";
import { explainUncaught } from "../lib/errors.ts";
import { print } from "../lib/output.ts";
import { applyMigrations } from "../stack/migrations.ts";
import { createPostgres } from "../stack/postgres.ts";
import { ensureSystemSchema } from "../stack/system-schema.ts";
import { removeTestData, testConfig } from "../test/config.ts";
import { backdate } from "./backdate.ts";
import { installation, installationOf, readChanges, rememberTables, writePastFile } from "./file.ts";
import { createPast, firstDay } from "./past.ts";

/** A Monday; any would do. */
const until = Date.UTC(2026, 10, 30);

explainUncaught();
const config = await testConfig({ seed: true });
const server = createPostgres(config, (error) => {
  throw error;
});
try {
  await server.start();
  await server.ready();
  const sql = openDatabase(config, "supabase_admin");
  await ensureSystemSchema(sql);
  await applyMigrations(config, sql);
  // new statistics would change plans, and with them the order of what happens at the same time
  await sql`alter system set autovacuum = off`;
  await sql`select pg_reload_conf()`;
  await backdate(sql, firstDay(until));
  await rememberTables(sql);
  const stripeFile = join(config.dataDir, "stripe.json");
  await createPast(sql, { until, stripeFile, stripeUrl: config.stripeUrl });
  await forgetTransactions(sql);
  const changes = await readChanges(sql);
  const books = existsSync(stripeFile) ? readFileSync(stripeFile, "utf8") : "";
  const size = writePastFile({
    until,
    ...changes,
    books: books.replaceAll(await installationOf(sql), installation),
  });
  for (const { table, key, text } of changes.rows)
    print(
      `  ${table.padEnd(36)} ${key.length === 0 ? "new" : "changed"} ${text.split("\n").length - 1}, ${text.length} characters`,
    );
  print(`supabase/seed/past.json.gz: ${Math.ceil(size / 1024)} KB`);
  await sql.end();
} finally {
  await server.stop();
  removeTestData(config);
}

/** The ids of database transactions say nothing in another cluster, where the same ids are still to come. */
async function forgetTransactions(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`update private.ledger_transactions set written_by = '0'`;
  });
}
