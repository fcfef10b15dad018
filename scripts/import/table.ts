// A CSV file with a header, read as rows of values by column name.

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
 * Reads the header. The rows are read as the caller iterates over them.
 *
 * @param onInvalid called with each row that cannot be parsed
 * @throws StackError when the first line is not CSV
 */
export async function readTable(
  path: string,
  onBytes: (bytes: number) => void,
  onInvalid: (line: number, error: RowError) => void,
): Promise<Table> {
  const records = readRecords(path, onBytes);
  const first = (await records.next()).value;
  if (first === undefined || "problem" in first) {
    await records.return(undefined);
    throw new StackError(
      `${basename(path)} is not a CSV file: ${first === undefined ? "it is empty" : `in its first line, ${first.problem}`}.`,
      "The first line must contain column names, separated by commas.",
    );
  }
  const header = first.values.map((name) => name.trim());
  async function* rows(): AsyncGenerator<Row> {
    for await (const record of records) {
      if ("problem" in record) onInvalid(record.line, new RowError(record.problem));
      else {
        const fields = new Map(header.map((name, index) => [name, record.values[index] ?? ""]));
        yield { line: record.line, fields };
      }
    }
  }
  return { header, rows: rows() };
}

/** Checks the header only. @throws StackError from `check`, or when the file is not CSV */
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
