// Whether operators, or a restore, have paused the whole platform.

import type { Sql } from "postgres";
import { StackError } from "./errors.ts";

/** Why everything is paused; undefined while it is not. */
export async function pauseReason(sql: Sql): Promise<string | undefined> {
  const [pause] = await sql<{ reason: string }[]>`
    select reason from public.operation_pauses where operation = 'all' and resumed_at is null`;
  return pause?.reason;
}

/** @throws StackError while everything is paused: no work is done, so nothing would follow */
export async function requireUnpaused(sql: Sql): Promise<void> {
  const reason = await pauseReason(sql);
  if (reason === undefined) return;
  throw new StackError(
    `The platform is paused: ${reason}`,
    "After a restore, `npm run restore -- --release` ends the pause; otherwise an operator does, with resume_operation.",
  );
}
