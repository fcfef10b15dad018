// Figures besides times: query plans, sizes of tables and indexes, memory; and percentiles.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import type { Figure } from "./figures.ts";

const megabyte = 1024 * 1024;

/** @param p from 0 to 100 */
export function percentile(values: number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? Number.NaN;
}

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Heap Fetches"?: number;
  "Sort Space Used"?: number;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  Plans?: PlanNode[];
}

/**
 * How a call of anon reads these tables, also in nested functions: the kinds of scans, the rows that the largest scan returned and
 * looked up in the table, and the memory of the largest sort.
 */
export async function planFigures(
  config: StackConfig,
  call: (sql: Sql) => Promise<unknown>,
  tables: string[],
): Promise<Figure[]> {
  const nodes: PlanNode[] = [];
  const collect = (node: PlanNode) => {
    nodes.push(node);
    node.Plans?.forEach(collect);
  };
  const sql = postgres(databaseUrl(config, "supabase_admin"), {
    max: 1,
    onnotice: ({ message = "" }) => {
      const [, plan] = /plan:\n(\{[\s\S]*\})$/.exec(message) ?? [];
      if (plan !== undefined) collect((JSON.parse(plan) as { Plan: PlanNode }).Plan);
    },
  });
  try {
    await sql.unsafe(`
      load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
      set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set auto_explain.log_format = json;
      set client_min_messages = log; set role anon`);
    await call(sql);
  } finally {
    await sql.end();
  }
  const largest = (name: "Heap Fetches" | "Sort Space Used" | "Actual Rows", among = nodes) =>
    Math.max(0, ...among.map((node) => node[name] ?? 0));
  return [
    ...tables.flatMap((table): Figure[] => {
      const scans = nodes.filter((node) => node["Relation Name"] === table && node["Actual Loops"] !== 0);
      const kinds = new Set(
        scans.map((scan) => [scan["Node Type"], scan["Index Name"]].filter(Boolean).join(" by ")),
      );
      return [
        { name: `plan of ${table}`, value: [...kinds].join(", ") || "not read", unit: "" },
        { name: `plan of ${table}, candidates`, value: largest("Actual Rows", scans), unit: "rows" },
        { name: `plan of ${table}, looked up`, value: largest("Heap Fetches", scans), unit: "rows" },
      ];
    }),
    { name: "memory of the largest sort", value: largest("Sort Space Used") / 1024, unit: "MB" },
  ];
}

/** The number of rows of these tables, and the sizes of the tables and their indexes. */
export async function sizeFigures(admin: Sql, tables: string[]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const table of tables) {
    const [counted] = await admin<{ rows: number }[]>`select count(*)::float8 as rows from ${admin(table)}`;
    const sizes = await admin<{ name: string; bytes: number }[]>`
      select ${table} as name, pg_table_size(${table}::regclass)::float8 as bytes
      union all
      select i.indexrelid::regclass::text, pg_relation_size(i.indexrelid)::float8 from pg_index i where i.indrelid = ${table}::regclass
      order by 2 desc, 1`;
    figures.push(
      { name: table, value: counted?.rows ?? 0, unit: "rows" },
      ...sizes.map(({ name, bytes }) => ({ name, value: bytes / megabyte, unit: "MB" })),
    );
  }
  return figures;
}

/** The private memory of a connection's backend, without the shared buffers. */
export async function backendMemory(sql: Sql): Promise<Figure> {
  await sql`set role none`;
  const [row] = await sql<{ bytes: number }[]>`
    select sum(total_bytes)::float8 as bytes from pg_catalog.pg_backend_memory_contexts`;
  return { name: "memory of the reading backend", value: (row?.bytes ?? 0) / megabyte, unit: "MB" };
}

/**
 * Megabytes that a process tree uses. On Linux the proportional set size, which counts shared memory once; elsewhere the resident
 * size, which counts it for each process.
 */
export function memoryOfTree(root: number, config: StackConfig): number {
  const leaders = [
    root,
    ...readdirSync(join(config.dataDir, "run")).map((file) => {
      return (JSON.parse(readFileSync(join(config.dataDir, "run", file), "utf8")) as { pid: number }).pid;
    }),
  ];
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" }).trim().split("\n");
  const processes = rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number, number]);
  const tree = processes.filter(([pid, parent]) => leaders.includes(pid) || leaders.includes(parent));
  return tree.reduce((sum, [pid, , resident]) => sum + (proportional(pid) ?? resident * 1024), 0) / megabyte;
}

function proportional(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
