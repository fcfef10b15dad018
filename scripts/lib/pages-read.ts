// What a query reads, which unlike its time is the same on a busy machine.

import type { Sql } from "postgres";

/** How many pages of tables and indexes a query reads, with the functions that it calls. It runs the query. */
export async function pagesRead(sql: Sql, query: string): Promise<number> {
  const [row] = await sql.unsafe<
    { "QUERY PLAN": [{ Plan: Record<"Shared Hit Blocks" | "Shared Read Blocks", number> }] }[]
  >(`explain (analyze, buffers, timing off, format json) ${query}`);
  const plan = row?.["QUERY PLAN"][0].Plan;
  if (plan === undefined) throw new Error("There is no plan.");
  return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
}
