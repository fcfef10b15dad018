// `node scripts/hosted-config.ts <folder>` writes the part of supabase/config.toml that the migrations rely on, for `supabase config push
// --workdir <folder>`. The rest of the file is for local work: pushed whole, it would send people in mails to 127.0.0.1.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { loadConfig } from "./lib/config.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Usage: node scripts/hosted-config.ts <folder>");
  process.exit(1);
}
const { project_id, api } = loadConfig().toml;
const { schemas, extra_search_path, max_rows } = api;
mkdirSync(join(folder, "supabase"), { recursive: true });
writeFileSync(
  join(folder, "supabase/config.toml"),
  stringify({ project_id, api: { schemas, extra_search_path, max_rows } }),
);
