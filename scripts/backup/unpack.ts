// Unpacks the tar of a backup to a cluster, and checks it against its manifest.

import { chownSync, createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { StackConfig } from "../lib/config.ts";
import { type Manifest, readTar } from "./manifest.ts";

/**
 * @param cluster the folder to make
 * @param progress called after each file with the bytes so far
 * @throws StackError when the tar is not what the manifest says
 */
export async function unpackCluster(
  { serverUser }: StackConfig,
  tar: Readable,
  manifest: Manifest,
  cluster: string,
  progress: (bytes: number) => void = () => {},
): Promise<void> {
  const own = (path: string) => {
    if (serverUser !== undefined) chownSync(path, serverUser.uid, serverUser.gid);
  };
  const makeFolder = (path: string) => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    own(path);
  };
  let read = 0;
  makeFolder(cluster);
  await readTar(tar, manifest, {
    folder: async (path) => makeFolder(join(cluster, path)),
    async file(path, content) {
      content.on("data", (chunk: Buffer) => {
        read += chunk.length;
      });
      const target = join(cluster, path);
      await pipeline(content, createWriteStream(target, { mode: 0o600 }));
      own(target);
      progress(read);
    },
  });
}
