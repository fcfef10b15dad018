// Connections to the stack's database.

import postgres, { type Sql } from "postgres";
import { databaseUrl, type StackConfig } from "./config.ts";

/**
 * Opens a pool, of one connection unless `options` says more, and ignores the database's notices.
 *
 * @param role the database role to connect as
 */
export function openDatabase(
  config: StackConfig,
  role: string,
  options: NonNullable<Parameters<typeof postgres>[1]> = {},
): Sql {
  return postgres(databaseUrl(config, role), { max: 1, onnotice: () => {}, ...options });
}
