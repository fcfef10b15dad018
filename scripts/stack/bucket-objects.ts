// Files that a new project's buckets begin with: `objects_path` of [storage.buckets.<name>] in config.toml, which the Supabase
// CLI uploads on the official stack.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import type { SupabaseLiteService } from "./supabase-lite.ts";

const types: Record<string, string> = {
  ".avif": "image/avif",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
};

/**
 * Uploads every file of every bucket's folder, over what is there.
 *
 * @throws StackError when a folder is missing or Storage refuses a file.
 */
export async function uploadBucketObjects(config: StackConfig, storage: SupabaseLiteService): Promise<void> {
  for (const [bucket, { objects_path }] of Object.entries(config.toml.storage.buckets)) {
    if (objects_path === undefined) continue;
    const folder = join(config.root, "supabase", objects_path);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new StackError(
        `${folder} is not there.`,
        `Make it, or take objects_path out of [storage.buckets.${bucket}] in supabase/config.toml.`,
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
          `Storage refused ${path}: ${await response.text()}`,
          `Does [storage.buckets.${bucket}] allow its size and type?`,
        );
      }
    }
  }
}
