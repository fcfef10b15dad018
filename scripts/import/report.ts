// The report of an import: a line for each skipped row, and a table at the end.

import { errorCode } from "../lib/errors.ts";
import { RowError, shorten } from "./values.ts";

export interface Report {
  /** Counts rows of a kind, such as listings. */
  add(kind: string, outcome: "loaded" | "updated" | "unchanged", count: number): void;
  /** Prints a skipped row at once and counts it. */
  skip(kind: string, line: number, error: unknown): void;
  /** Prints a remark about an imported row, and counts it by its text. */
  remark(kind: string, line: number, details: string, text: string): void;
  /** Counts a remark about imported rows. */
  note(text: string, count?: number): void;
  /** Whether at least one row was imported. */
  readonly usable: boolean;
  table(): string;
}

const outcomes = ["loaded", "updated", "unchanged", "skipped"] as const;
/** Limits memory for files with many different errors. */
const maxReasons = 200;

/** @param print writes a line */
export function createReport(print: (line: string) => void): Report {
  const counts = new Map<string, Record<(typeof outcomes)[number], number>>();
  const reasons = new Map<string, number>();
  const notes = new Map<string, number>();
  const of = (kind: string) => {
    const found = counts.get(kind) ?? { loaded: 0, updated: 0, unchanged: 0, skipped: 0 };
    counts.set(kind, found);
    return found;
  };
  const increase = (map: Map<string, number>, key: string, by: number) => {
    const known = map.has(key) || map.size < maxReasons ? key : "others";
    map.set(known, (map.get(known) ?? 0) + by);
  };

  return {
    add(kind, outcome, count) {
      of(kind)[outcome] += count;
    },
    skip(kind, line, error) {
      of(kind).skipped++;
      increase(reasons, error instanceof RowError ? error.reason : reasonOf(error), 1);
      print(`  ${kind}, line ${line}: ${error instanceof RowError ? error.message : reasonOf(error)}`);
    },
    remark(kind, line, details, text) {
      increase(notes, text, 1);
      print(`  ${kind}, line ${line}: ${details}`);
    },
    note(text, count = 1) {
      if (count > 0) increase(notes, text, count);
    },
    get usable() {
      return [...counts.values()].some((count) => count.loaded + count.updated + count.unchanged > 0);
    },
    table() {
      const number = (value: number) => value.toLocaleString("en");
      const rows = [
        ["", ...outcomes],
        ...[...counts].map(([kind, count]) => [kind, ...outcomes.map((o) => number(count[o]))]),
      ];
      const list = (title: string, map: Map<string, number>) =>
        map.size === 0
          ? []
          : [
              "",
              `  ${title}`,
              ...[...map]
                .sort((a, b) => b[1] - a[1])
                .map(([text, count]) => `  ${number(count).padStart(9)}  ${text}`),
            ];
      return [
        ...rows.map(
          ([kind = "", ...cells]) => `  ${kind.padEnd(12)}${cells.map((cell) => cell.padStart(11)).join("")}`,
        ),
        ...list("Skipped rows by reason", reasons),
        ...list("Notes", notes),
      ].join("\n");
    },
  };
}

/** The database's message and constraint, without values, so that equal errors are counted together. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const constraint =
    error instanceof Error && "constraint_name" in error ? ` (${String(error.constraint_name)})` : "";
  return shorten(`${message}${constraint === "" && errorCode(error) === undefined ? "" : constraint}`, 300);
}
