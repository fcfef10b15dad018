// A tar of a backup is what the manifest says, or the error says what is wrong.

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { expect, it } from "vitest";
import { type Manifest, readTar } from "./manifest.ts";

const content = Buffer.alloc(2_000, "a night in Lisbon");
const manifest: Manifest = {
  systemIdentifier: "1",
  timeline: 1,
  startLsn: "0/1000000",
  files: new Map([
    ["base/1", { size: content.length, checksum: createHash("sha256").update(content).digest("hex") }],
  ]),
};
const nowhere = {
  folder: async () => {},
  file: async (_path: string, file: Readable) => void (await buffer(file)),
};

/** Reads a tar of one file after `change`. */
async function read(change: (tar: Buffer) => Buffer = (tar) => tar): Promise<void> {
  const packed = pack();
  packed.entry({ name: "base/1" }, content);
  packed.finalize();
  await readTar(Readable.from([change(await buffer(packed))]), manifest, nowhere);
}

/** @param at 512 bytes of a header come first, then the content */
const flip = (at: number) => (tar: Buffer) => {
  tar[at] = (tar[at] ?? 0) ^ 1;
  return tar;
};

it("is read when it is as it was", async () => {
  await read();
});

it.each([
  ["the name of a file", flip(0)],
  ["the size of a file", flip(130)],
  ["the content of a file", flip(600)],
  ["an end that is missing", (tar: Buffer) => tar.subarray(0, 1_000)],
])("says that the backup is damaged: %s", async (_what, change) => {
  await expect(read(change)).rejects.toThrow("The backup is damaged: ");
});

it("passes on what the disk says", async () => {
  const failing = Readable.from(
    (async function* () {
      yield Buffer.alloc(0);
      throw Object.assign(new Error("EIO: i/o error"), { syscall: "read" });
    })(),
  );
  await expect(readTar(failing, manifest, nowhere)).rejects.toThrow("EIO");
});
