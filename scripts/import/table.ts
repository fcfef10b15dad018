// A CSV file with a header, as rows by the names of its columns.

import { basename } from "node:path";
import { StackError } from "../lib/errors.ts";
import { fileSize, readRecords } from "./records.ts";
import { RowError } from "./values.ts";

export interface Row {
  line: number;
  fields: Map<string, string>;
}

export interface Table {
  header: string[];
  rows: AsyncGenerator<Row>;
}

/**
 * Reads the header; the rows come as they are asked for.
 *
 * @param onBroken called with each row that is no row, and why
 * @throws StackError when the file begins with nothing that is a line of CSV
 */
export async function readTable(
  path: string,
  onBytes: (bytes: number) => void,
  onBroken: (line: number, error: RowError) => void,
): Promise<Table> {
  const records = readRecords(path, onBytes);
  const first = (await records.next()).value;
  if (first === undefined || "problem" in first) {
    await records.return(undefined);
    throw new StackError(
      `${basename(path)} is not a CSV file: ${first === undefined ? "it is empty" : `its first line is not (${first.problem})`}.`,
      "Expected are names of columns, separated by commas, in the first line.",
    );
  }
  const header = first.values.map((name) => name.trim());
  async function* rows(): AsyncGenerator<Row> {
    for await (const record of records) {
      if ("problem" in record) onBroken(record.line, new RowError(record.problem));
      else {
        const fields = new Map(header.map((name, index) => [name, record.values[index] ?? ""]));
        yield { line: record.line, fields };
      }
    }
  }
  return { header, rows: rows() };
}

/** Looks at the header alone. @throws StackError what `check` throws, or that the file is no table */
export async function checkTable(
  path: string,
  check: (path: string, header: string[]) => void,
): Promise<void> {
  await fileSize(path);
  const { header, rows } = await readTable(
    path,
    () => {},
    () => {},
  );
  await rows.return(undefined);
  check(path, header);
}
