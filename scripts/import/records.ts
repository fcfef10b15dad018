// Reads the records of a CSV file one at a time. This file finds where a record ends and csv-parse parses it, so that an invalid
// record affects no other; a streaming parser would lose everything after a quote that is never closed.

import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse/sync";
import { errorCode, StackError } from "../lib/errors.ts";

/** A record: the number of its first line, counted from 1, and its fields or its problem. */
export type CsvRecord = { line: number } & ({ values: string[] } | { problem: string });

interface Line {
  text: string;
  number: number;
}

/** Longer records have lost a quote or are not text; those of Inside Airbnb are far shorter. */
const maxCharacters = 1_000_000;
const startOfRow = /^"?\d[\d.]*(E\+\d+)?"?,/i;

/** The size of a file in bytes. @throws StackError when it is missing, unreadable, empty or not a file */
export async function fileSize(path: string): Promise<number> {
  try {
    await (await open(path)).close();
    const facts = await stat(path);
    const { size } = facts;
    if (!facts.isFile())
      throw new StackError(`${path} is not a file.`, "Use a file of listings, such as listings.csv.");
    if (size === 0) throw new StackError(`${path} is empty.`, "Download it again.");
    return size;
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "EACCES") throw error;
    throw new StackError(
      `The file ${path} cannot be read.`,
      "Check the path. Files of many cities: https://insideairbnb.com/get-the-data",
    );
  }
}

/**
 * Reads a CSV file, gzipped when its name ends in .gz. A record with another number of fields than the first is a problem.
 *
 * @param onBytes called with the number of bytes that were read
 */
export async function* readRecords(
  path: string,
  onBytes: (bytes: number) => void,
): AsyncGenerator<CsvRecord, undefined> {
  const ahead: Line[] = [];
  let pending: Line[] = [];
  let characters = 0;
  let inQuotes = false;
  let columns: number | undefined;
  const lines = readLines(path, onBytes);

  for (;;) {
    const line = ahead.pop() ?? (await lines.next()).value;
    if (line === undefined && pending.length === 0) return;
    if (line !== undefined) {
      if (pending.length === 0 && line.text.trim() === "") continue;
      pending.push(line);
      characters += line.text.length;
      inQuotes = inQuotes !== hasOddQuotes(line.text);
      if (inQuotes && characters <= maxCharacters) continue;
    }
    const number = pending[0]?.number ?? 0;
    const result = inQuotes || characters > maxCharacters ? unclosed(characters) : read(pending, columns);
    if ("values" in result) {
      columns ??= result.values.length;
    } else {
      // the lines after the first may be valid records
      const next = pending.findIndex(({ text }, index) => index > 0 && startOfRow.test(text));
      if (next !== -1) ahead.push(...pending.slice(next).reverse());
    }
    pending = [];
    characters = 0;
    inQuotes = false;
    yield { line: number, ...result };
  }
}

function read(lines: Line[], columns: number | undefined): { values: string[] } | { problem: string } {
  const text = lines.map((line) => line.text).join("\n");
  try {
    const [values = []]: string[][] = parse(text, { bom: true, relax_column_count: true });
    if (columns !== undefined && values.length !== columns) {
      return { problem: `${values.length} columns instead of ${columns}` };
    }
    return { values };
  } catch {
    return { problem: "a quote is in the wrong place" };
  }
}

function unclosed(characters: number): { problem: string } {
  return {
    problem: characters > maxCharacters ? "longer than a million characters" : "a quote is never closed",
  };
}

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}

/** @throws StackError when a gzipped file is incomplete, damaged, or not gzipped */
async function* untilDamaged(bytes: AsyncIterable<unknown>, path: string): AsyncGenerator<unknown> {
  try {
    yield* bytes;
  } catch (error) {
    if (!/^Z_/.test(errorCode(error) ?? "")) throw error;
    const problem = errorCode(error) === "Z_BUF_ERROR" ? "is incomplete" : "is not gzipped, or is damaged";
    throw new StackError(
      `${path} ${problem}.`,
      "Download it again. The name of a file that is not gzipped must not end in .gz. Rows imported so far are kept.",
    );
  }
}

/** Yields lines without line breaks. A line that is too long is cut. */
async function* readLines(path: string, onBytes: (bytes: number) => void): AsyncGenerator<Line, undefined> {
  const file = createReadStream(path);
  file.on("data", (chunk) => onBytes(chunk.length));
  const bytes = path.endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.on("error", (error) => bytes.destroy(error));
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  let skipping = false; // until the end of a line that is too long
  for await (const chunk of untilDamaged(bytes, path)) {
    const parts = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const text of parts) {
      if (!skipping) yield { text: text.replace(/\r$/, ""), number: ++number };
      skipping = false;
    }
    if (rest.length > maxCharacters) {
      if (!skipping) yield { text: rest, number: ++number };
      skipping = true;
    }
    if (skipping) rest = "";
  }
  rest += decoder.decode();
  if (rest !== "" && !skipping) yield { text: rest.replace(/\r$/, ""), number: ++number };
  return undefined;
}
