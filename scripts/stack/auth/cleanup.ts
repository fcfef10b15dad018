// Removes what Auth no longer needs, as Supabase Auth does (internal/models/cleanup.go): a small batch at a time, and never a row that a
// request holds. Sessions without an end stay, there as here.

import type { Sql } from "postgres";

const batch = 1_000;

/** The rows that go, each with an index for its condition. */
const stale = [
  ["refresh_tokens", "revoked and updated_at < now() - interval '24 hours'"],
  ["sessions", "not_after < now() - interval '72 hours'"],
  ["flow_state", "created_at < now() - interval '24 hours'"],
  ["mfa_challenges", "created_at < now() - interval '24 hours'"],
  ["mfa_factors", "created_at < now() - interval '24 hours' and status = 'unverified'"],
  // hosted Supabase keeps them in its logs instead
  ["audit_log_entries", "created_at < now() - interval '90 days'"],
] as const;

/** Removes one batch of each kind and returns the number of rows. */
export async function cleanUp(sql: Sql): Promise<number> {
  let removed = 0;
  for (const [table, condition] of stale) {
    const { count } = await sql.unsafe(
      `delete from auth.${table} where id in (select id from auth.${table} where ${condition} limit ${batch} for update skip locked)`,
    );
    removed += count;
  }
  return removed;
}
