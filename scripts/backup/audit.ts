// The audit of a database: ops/audit.sql, and what it cannot see: the files of Storage.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";

export interface Check {
  check: string;
  /** Null when it could not be checked. */
  ok: boolean | null;
  detail: string;
}

/** @param sql as superuser or owner, of one connection */
export async function audit(sql: Sql, { root, dataDir }: StackConfig): Promise<Check[]> {
  const script = readFileSync(join(root, "ops/audit.sql"), "utf8");
  const results = (await sql.unsafe(script).simple()) as unknown as Check[][];
  return [...(results.findLast((rows) => rows.length > 0) ?? []), await checkFiles(sql, dataDir)];
}

async function checkFiles(sql: Sql, dataDir: string): Promise<Check> {
  const objects = await sql<{ name: string; version: string; size: string | null }[]>`
    select bucket_id || '/' || name as name, version, metadata ->> 'size' as size
    from storage.objects where version is not null`;
  const faults = objects.filter(({ version, size }) => {
    const file = statSync(join(dataDir, "objects", version.slice(0, 2), version), { throwIfNoEntry: false });
    return file === undefined || (size !== null && file.size !== Number(size));
  });
  return {
    check: "every stored object has its file, of its size",
    ok: faults.length === 0,
    detail: faults.length === 0 ? "" : `${faults.length}, such as: ${faults[0]?.name}`,
  };
}

export function auditText(checks: Check[]): string {
  const sign = (ok: boolean | null) => (ok === null ? "?     " : ok ? "ok    " : "FAILED");
  return checks
    .map(({ check, ok, detail }) => `  ${sign(ok)}  ${check}${detail === "" ? "" : ` (${detail})`}`)
    .join("\n");
}
