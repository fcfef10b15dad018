// The end of a restore, killed between any two of its steps.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readBackupSettings, writeBackupSettings } from "./settings.ts";
import { beginSwap, completeSwap } from "./swap.ts";

let dir: string;
const at = (path: string) => join(dir, path);
const database = (path: string) => readFileSync(at(`${path}/name`), "utf8");

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "staybase-swap-"));
  for (const [path, name] of [
    ["postgres", "before"],
    ["restore/postgres", "restored"],
  ] as const) {
    mkdirSync(at(path), { recursive: true });
    writeFileSync(at(`${path}/name`), name);
  }
});
afterEach(() => rmSync(dir, { recursive: true }));

it("does nothing until the swap begins", () => {
  expect(completeSwap(dir)).toBe(false);
  expect(database("postgres")).toBe("before");
});

const steps: Record<string, () => void> = {
  "nothing was moved": () => {},
  "the database before was moved": () => renameSync(at("postgres"), at("aside")),
  "both were moved": () => {
    renameSync(at("postgres"), at("aside"));
    renameSync(at("restore/postgres"), at("postgres"));
  },
  "the folder of the restore was removed": () => {
    renameSync(at("postgres"), at("aside"));
    renameSync(at("restore/postgres"), at("postgres"));
    rmSync(at("restore"), { recursive: true });
  },
};

it.each(Object.entries(steps))("completes it when %s", (_name, killedAfter) => {
  writeFileSync(at("unfinished"), ""); // of a first start that was interrupted: it would create the database again
  const { line } = writeBackupSettings(dir, at("backups"), false);
  beginSwap(dir, "aside");
  killedAfter();
  expect(completeSwap(dir)).toBe(true);
  expect([database("postgres"), database("aside")]).toEqual(["restored", "before"]);
  expect(["restore", "unfinished"].filter((name) => existsSync(at(name)))).toEqual([]);
  expect(readBackupSettings(dir)?.line).not.toBe(line);
  expect(completeSwap(dir)).toBe(false);
});
