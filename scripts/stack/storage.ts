// Storage: buckets and objects under RLS, as Supabase Storage has them, with the files in the data folder.

import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import type { AnsweringService } from "./service.ts";
import { bytesOf } from "./storage/limits.ts";
import { createObjectFiles } from "./storage/object-files.ts";
import { createResumableUploads } from "./storage/resumable.ts";
import { answer } from "./storage/routes.ts";
import type { Storage } from "./storage/storage-service.ts";

export function createStorage(config: StackConfig): AnsweringService {
  const secret = new TextEncoder().encode(config.keys.jwtSecret);
  const files = createObjectFiles(config.dataDir);
  const sizeLimit = bytesOf(config.toml.storage.file_size_limit);
  const resumable = createResumableUploads(config.dataDir);
  let sql: Sql | undefined;
  return {
    name: "storage",
    async start() {
      sql = openDatabase(config, "supabase_storage_admin", { max: 5, idle_timeout: 30 });
    },
    async ready() {
      if (sql !== undefined) await sql`select 1`;
      await resumable.removeExpired();
    },
    async stop() {
      await sql?.end({ timeout: 1 });
      sql = undefined;
    },
    async works() {
      if (sql === undefined) return false;
      await sql`select 1`;
      return true;
    },
    async fetch(request) {
      if (sql === undefined) return new Response(null, { status: 503 });
      const storage: Storage = { sql, files, resumable, secret, sizeLimit };
      return answer(storage, request);
    },
  };
}
