// Stored files give back their content, or an error.

import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStored, type StoredFile, store } from "./stored-file.ts";

const content = "a night in Lisbon\n".repeat(10_000);
const key = Buffer.alloc(32, 7);
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "staybase-stored-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const fileOf = (more: Partial<StoredFile> = {}): StoredFile => ({
  path: join(dir, "file"),
  name: "wal/line/1",
  key,
  compressed: true,
  ...more,
});
const read = async (file: StoredFile) => text(await openStored(file));

describe.each([
  ["compressed and encrypted", {}],
  ["encrypted", { compressed: false }],
  ["compressed", { key: undefined }],
])("%s", (_name, more: Partial<StoredFile>) => {
  it("is read as it was written", async () => {
    await store(Readable.from([content]), fileOf(more));
    expect(await read(fileOf(more))).toBe(content);
    await store(Readable.from([]), fileOf(more));
    expect(await read(fileOf(more))).toBe("");
  });

  it("is refused when its end is missing", async () => {
    const size = await store(Readable.from([content]), fileOf(more));
    truncateSync(join(dir, "file"), size - 1);
    await expect(read(fileOf(more))).rejects.toThrow("cannot be read");
  });
});

it("hides its content, and is refused when a byte, its name or its key differs", async () => {
  await store(Readable.from([content]), fileOf({ compressed: false }));
  const bytes = readFileSync(join(dir, "file"));
  expect(bytes.includes("Lisbon")).toBe(false);
  await expect(read(fileOf({ compressed: false, name: "wal/line/2" }))).rejects.toThrow("cannot be read");
  await expect(read(fileOf({ compressed: false, key: Buffer.alloc(32, 8) }))).rejects.toThrow(
    "cannot be read",
  );
  await expect(read(fileOf({ compressed: false, key: undefined }))).rejects.toThrow("there is no key");
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(join(dir, "file"), bytes);
  await expect(read(fileOf({ compressed: false }))).rejects.toThrow("cannot be read");
});

it("leaves nothing when its source fails", async () => {
  const failing = Readable.from(
    (async function* () {
      yield "half";
      throw new Error("the disk is gone");
    })(),
  );
  await expect(store(failing, fileOf())).rejects.toThrow("the disk is gone");
  expect(readdirSync(dir)).toEqual([]);
});
