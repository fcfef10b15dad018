// Direct access to the database, for what no client of the API can see or do.

import postgres, { type Sql, type TransactionSql } from "postgres";
import { stack } from "./stack.ts";

/** Connects as the superuser. End the connection in `afterAll`. */
export function database(): Sql {
  return postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
}

/** Opens `count` separate connections as the superuser. */
export function openConnections(count: number): Sql[] {
  return Array.from({ length: count }, () => postgres(stack.databaseUrl, { max: 1, onnotice: () => {} }));
}

/** Changes rows in a transaction without running triggers, as no client could. */
export async function withoutTriggers(
  sql: Sql,
  change: (transaction: TransactionSql) => Promise<unknown>,
): Promise<void> {
  await sql.begin(async (transaction) => {
    await transaction`set local session_replication_role = replica`;
    await change(transaction);
  });
}
