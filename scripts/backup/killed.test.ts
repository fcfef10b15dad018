// Pruning backups and storing files, killed before each of their changes of the disk: what is offered is complete, and the next run
// completes the rest.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createObjectCopies } from "./objects.ts";
import { baseFolder, listBackups, prune, storedSegments, walFolder } from "./store.ts";

let dir: string;
const folder = () => join(dir, "backups");
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "staybase-killed-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Runs code of a module in a process that kills itself before its change number `step` of the disk; answers whether it was killed. */
function killedAt(step: number, module: string, code: string): boolean {
  const program = `
    import fs from "node:fs";
    import promises from "node:fs/promises";
    import { syncBuiltinESMExports } from "node:module";
    const module = await import(${JSON.stringify(join(import.meta.dirname, module))});
    let left = ${step};
    const changes = [[fs, ["createWriteStream", "openSync", "renameSync", "rmSync"]], [promises, ["open", "rename"]]];
    for (const [target, names] of changes) for (const name of names) {
      const original = target[name];
      target[name] = function (...values) {
        if (left-- === 0) { process.kill(process.pid, "SIGKILL"); for (;;); }
        return original.apply(this, values);
      };
    }
    syncBuiltinESMExports();
    ${code}`;
  const { signal, status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  if (signal === null && status !== 0) throw new Error(stderr);
  return signal === "SIGKILL";
}

/** Calls `killed` for each step until one run ends by itself, and answers how many were killed. */
async function everyStep(killed: (step: number) => boolean | Promise<boolean>): Promise<number> {
  for (let step = 0; ; step += 1) {
    if (step > 100) throw new Error("It never ends.");
    if (!(await killed(step))) return step;
  }
}

describe("pruning", () => {
  const files = ["base.tar.zst", "backup_manifest.zst", "backup.json"];
  const segment = (n: number) => `0000000100000000${String(n).padStart(8, "0")}`;

  /** Four backups of the line `a`, one of a line before; each needs the segments from its own on. */
  function fill(): void {
    rmSync(dir, { recursive: true });
    const backups = [0, 10, 20, 30, 40].map((first, i) => ({
      name: `backup-${i}`,
      first,
      line: i === 0 ? "z" : "a",
    }));
    for (const { name, first, line } of backups) {
      mkdirSync(baseFolder(folder(), name), { recursive: true });
      for (const file of files) writeFileSync(join(baseFolder(folder(), name), file), "");
      const startedAt = new Date(Date.UTC(2026, 0, 1 + first)).toISOString();
      writeFileSync(
        join(baseFolder(folder(), name), "backup.json"),
        JSON.stringify({
          ...{ name, line, startedAt, finishedAt: startedAt, timeline: 1, firstSegment: segment(first) },
          ...{
            segmentBytes: 1,
            systemIdentifier: "",
            postgres: "",
            bytes: 1,
            storedBytes: 1,
            isEncrypted: false,
          },
        }),
      );
    }
    for (const line of ["a", "z"]) mkdirSync(walFolder(folder(), line), { recursive: true });
    for (let n = 10; n < 45; n += 5) writeFileSync(join(walFolder(folder(), "a"), `${segment(n)}.zst`), "");
    writeFileSync(join(walFolder(folder(), "z"), `${segment(0)}.zst`), "");
    const left = join(walFolder(folder(), "a"), `${segment(45)}.zst.1.partial`);
    writeFileSync(left, "");
    utimesSync(left, 0, 0);
    mkdirSync(join(folder(), "objects/ob"), { recursive: true });
    for (const version of ["object-live", "object-old", "object-new"])
      writeFileSync(join(folder(), "objects/ob", version), version);
    const gone = { "object-old": Date.UTC(2026, 0, 2), "object-new": Date.UTC(2026, 1, 20) };
    writeFileSync(join(folder(), "objects-gone.json"), JSON.stringify(gone));
  }
  const pruned = () => [folder(), 2, "a", new Set(["object-live"])] as const;
  const code = () => `module.prune(${JSON.stringify(folder())}, 2, "a", new Set(["object-live"]))`;

  it("never offers half a backup, or one without its changes and files", async () => {
    const steps = await everyStep((step) => {
      fill();
      const killed = killedAt(step, "store.ts", code());
      const offered = listBackups(folder());
      expect(offered.map(({ name }) => name).slice(-2)).toEqual(["backup-3", "backup-4"]);
      for (const { name, line, firstSegment } of offered) {
        expect(files.every((file) => existsSync(join(baseFolder(folder(), name), file)))).toBe(true);
        expect(storedSegments(folder(), line)).toContain(firstSegment);
      }
      expect(readdirSync(join(folder(), "objects/ob"))).toEqual(
        expect.arrayContaining(["object-live", "object-new"]),
      );

      prune(...pruned()); // by the next backup
      expect(listBackups(folder())).toHaveLength(2);
      expect(readdirSync(join(folder(), "wal"))).toEqual(["a"]);
      expect(readdirSync(walFolder(folder(), "a"))).toEqual([30, 35, 40].map((n) => `${segment(n)}.zst`));
      expect(readdirSync(join(folder(), "objects/ob"))).toEqual(["object-live", "object-new"]);
      return killed;
    });
    expect(steps).toBeGreaterThan(10);
  }, 240_000);
});

it("storing a file leaves it whole or not at all", async () => {
  const versions = ["ob-1", "ob-2"];
  const copies = () => {
    const path = join(folder(), "objects/ob");
    return existsSync(path) ? readdirSync(path).filter((name) => !name.endsWith(".partial")) : [];
  };
  const code = `await module.createObjectCopies(${JSON.stringify(dir)}, ${JSON.stringify(folder())}, undefined).copyNew()`;
  mkdirSync(join(dir, "objects/ob"), { recursive: true });
  for (const version of versions) {
    writeFileSync(join(dir, "objects/ob", version), version.repeat(10_000));
    utimesSync(join(dir, "objects/ob", version), 0, 0);
  }
  const steps = await everyStep(async (step) => {
    rmSync(folder(), { recursive: true, force: true });
    const killed = killedAt(step, "objects.ts", code);
    for (const name of copies()) {
      expect(readFileSync(join(folder(), "objects/ob", name), "utf8")).toBe(name.repeat(10_000));
    }
    await createObjectCopies(dir, folder(), undefined).copyNew(); // a second later
    expect(copies()).toEqual(versions);
    return killed;
  });
  expect(steps).toBeGreaterThan(5);
}, 240_000);
