// Uploads the initial files of buckets: `objects_path` of [storage.buckets.<name>] in config.toml. On the official stack the
// Supabase CLI does this.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import type { AnsweringService } from "./service.ts";

const types: Record<string, string> = {
  ".avif": "image/avif",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
};

/**
 * Uploads every file of every bucket's folder, replacing existing objects.
 *
 * @throws StackError when a folder is missing or Storage rejects a file
 */
export async function uploadBucketObjects(config: StackConfig, storage: AnsweringService): Promise<void> {
  for (const [bucket, { objects_path }] of Object.entries(config.toml.storage.buckets)) {
    if (objects_path === undefined) continue;
    const folder = join(config.root, "supabase", objects_path);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new StackError(
        `The folder ${folder} does not exist.`,
        `Create it, or remove objects_path from [storage.buckets.${bucket}] in supabase/config.toml.`,
      );
    }
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, file);
      if (!statSync(path).isFile()) continue;
      const key = relative(folder, path).split(sep).map(encodeURIComponent).join("/");
      const response = await storage.fetch(
        new Request(`${config.apiUrl}/storage/v1/object/${bucket}/${key}`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${config.keys.serviceRole}`,
            "content-type": types[extname(file).toLowerCase()] ?? "application/octet-stream",
            "x-upsert": "true",
          },
          body: new Uint8Array(readFileSync(path)),
        }),
      );
      if (!response.ok) {
        throw new StackError(
          `Storage rejected ${path}: ${await response.text()}`,
          `Check that [storage.buckets.${bucket}] in supabase/config.toml allows its size and type.`,
        );
      }
    }
  }
}
