// Reading CSV: whatever is wrong with one record, the others are there, and every one knows its line.

import { execFile } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type CsvRecord, readRecords } from "../../../scripts/import/records.ts";

const folder = mkdtempSync(join(tmpdir(), "staybase-records-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(content: string | Buffer, name = "file.csv"): Promise<CsvRecord[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const records: CsvRecord[] = [];
  for await (const record of readRecords(path, () => {})) records.push(record);
  return records;
}

describe("records", () => {
  it("hold commas, quotes and line breaks within quotes, and tell the line they begin on", async () => {
    expect(await read('id,name\n1,"a, ""b""\nc"\n2,d\n')).toEqual([
      { line: 1, values: ["id", "name"] },
      { line: 2, values: ["1", 'a, "b"\nc'] },
      { line: 4, values: ["2", "d"] },
    ]);
  });

  it("are read with a byte order mark, Windows line ends, blank lines and no end of the last line", async () => {
    expect(await read("\ufeffid,name\r\n1,a\r\n\r\n2,b")).toEqual([
      { line: 1, values: ["id", "name"] },
      { line: 2, values: ["1", "a"] },
      { line: 4, values: ["2", "b"] },
    ]);
  });

  it("are read from a gzipped file", async () => {
    expect(await read(gzipSync("id,name\n1,é\n"), "file.csv.gz")).toEqual([
      { line: 1, values: ["id", "name"] },
      { line: 2, values: ["1", "é"] },
    ]);
  });

  it("are problems with another number of fields than the header", async () => {
    expect(await read("id,name\n1\n2,b\n3,c,d\n")).toEqual([
      { line: 1, values: ["id", "name"] },
      { line: 2, problem: "1 columns instead of 2" },
      { line: 3, values: ["2", "b"] },
      { line: 4, problem: "3 columns instead of 2" },
    ]);
  });

  it("do not take the rest of the file along when a quote is never closed", async () => {
    const rows = Array.from({ length: 50_000 }, (_, index) => `${index + 3},plain row`);
    const records = await read(`id,name\n1,a\n2,"never closed\n${rows.join("\n")}\n`);
    expect(records).toHaveLength(50_003);
    expect(records[2]).toMatchObject({ line: 3, problem: expect.stringMatching(/closed|million/) });
    expect(records[3]).toEqual({ line: 4, values: ["3", "plain row"] });
    expect(records.at(-1)).toEqual({ line: 50_003, values: ["50002", "plain row"] });
    expect(records.filter((record) => "problem" in record)).toHaveLength(1);
  });

  it("are one problem when a line has no end within a million characters", async () => {
    const records = await read(`id,name\n1,${"x".repeat(3_000_000)}\n2,b\n`);
    expect(records.slice(1)).toEqual([
      { line: 2, problem: "longer than a million characters" },
      { line: 3, values: ["2", "b"] },
    ]);
  });

  it("come back as they were written, whatever is in them, and broken ones between them cost none", async () => {
    const field = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll("\r", "")),
      fc.constantFrom('"', ",", "\n", 'a "b", c', "", "1,2\n3"),
    );
    const broken = fc.constantFrom("", "", "9,one,too many\n", '9,"x"y\n');
    const row = fc.tuple(fc.nat(), field, broken);
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        const lines = rows.map(([id, name, bad]) => `${id},"${name.replaceAll('"', '""')}"\n${bad}`);
        const records = await read(`id,name\n${lines.join("")}`);
        expect(records.slice(1).flatMap((record) => ("values" in record ? [record.values] : []))).toEqual(
          rows.map(([id, name]) => [String(id), name]),
        );
        expect(records.filter((record) => "problem" in record)).toHaveLength(
          rows.filter(([, , bad]) => bad !== "").length,
        );
      }),
    );
  });

  it("come back when any lines between them have lost a quote", async () => {
    const row = fc.tuple(fc.nat(), fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
        const lines = rows.map(([id, bad]) => `${id},plain\n${bad ? '9,lost "here\n' : ""}`);
        const records = await read(`id,name\n${lines.join("")}`);
        expect(records.slice(1).flatMap((record) => ("values" in record ? [record.values] : []))).toEqual(
          rows.map(([id]) => [String(id), "plain"]),
        );
      }),
    );
  });

  it("take the memory of a few, however many there are", { timeout: 60_000 }, async () => {
    const path = join(folder, "large.csv");
    const text = "a description of some length ".repeat(40);
    const rows = Array.from({ length: 1_000 }, (_, index) => `${index},"${text}\n${text}"\n`).join("");
    writeFileSync(path, "id,name\n");
    for (let part = 0; part < 40; part++) appendFileSync(path, `${rows}9,lost "here\n`);
    const count = `
      const { readRecords } = await import(${JSON.stringify(join(import.meta.dirname, "../../../scripts/import/records.ts"))});
      const counts = { rows: 0, problems: 0 };
      for await (const record of readRecords(${JSON.stringify(path)}, () => {})) counts["values" in record ? "rows" : "problems"]++;
      console.log(JSON.stringify(counts));`;
    // 93 MB of text; kept in memory, its rows would take several times as much
    const args = ["--max-old-space-size=32", "--input-type=module", "--eval", count];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual({ rows: 40_001, problems: 40 });
  });
});
