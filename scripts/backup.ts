// `npm run backup [-- --to <folder>] [--keep <n>]`: backs up the running stack: database, Storage's files, the emulator's books. From
// the first backup on, the stack also stores every change within a minute.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createArchiving, requireArchiving } from "./backup/archive.ts";
import { megabytes, takeBase } from "./backup/base.ts";
import { backupKey, requireKey } from "./backup/key.ts";
import { liveObjects } from "./backup/objects.ts";
import { createReport } from "./backup/report.ts";
import { readBackupSettings, writeArchiveSettings, writeBackupSettings } from "./backup/settings.ts";
import { prune } from "./backup/store.ts";
import { loadConfig } from "./lib/config.ts";
import { openDatabase } from "./lib/database.ts";
import { explainUncaught, StackError } from "./lib/errors.ts";
import { pidIn, writePidFile } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const { values } = parseArgs({ options: { to: { type: "string" }, keep: { type: "string", default: "7" } } });
const keep = Number(values.keep);
if (!Number.isInteger(keep) || keep < 1) {
  throw new StackError(
    `--keep ${values.keep} is not a number of backups.`,
    "Say how many to keep, such as --keep 7.",
  );
}
const config = loadConfig();
if (runningPid(config) === undefined) {
  throw new StackError(
    "Staybase is not running.",
    "Start it with `npm start`: a backup is taken while it runs.",
  );
}
const pidFile = join(config.dataDir, "backup.pid");
const other = pidIn(pidFile);
if (other !== undefined) {
  throw new StackError(`Another backup is running (process ${other}).`, "Wait until it has ended.");
}
const key = backupKey();
const since = performance.now();
writePidFile(pidFile, process.pid);
const admin = openDatabase(config, "supabase_admin");
const report = createReport();
try {
  const settings = await turnOn();
  removePartial(settings.folder);
  report("checking that changes are archived");
  await requireArchiving(admin, config.dataDir, settings);
  const backup = await takeBase(config, admin, settings, key, report);
  report("storing changes and files");
  await createArchiving(config.dataDir).run();
  const removed = prune(settings.folder, keep, settings.line, liveObjects(config.dataDir));
  await admin`update private.backup_state set at = now(), error = null where name = 'base'`;
  report.end();
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  console.log(`Backup ${backup.name} is complete and checked: ${megabytes(backup.bytes)}, stored in ${megabytes(backup.storedBytes)}${key === undefined ? "" : ", encrypted"}, ${seconds} s.

  Folder    ${settings.folder}
  Removed   ${removed.join(", ") || "none"} (the newest ${keep} are kept)

Changes are stored within a minute while the stack runs. Try a restore with \`npm run drill\`.`);
} catch (error) {
  report.end();
  const text = error instanceof Error ? error.message : String(error);
  await admin`update private.backup_state set error = ${text} where name = 'base'`.catch(() => {});
  throw error;
} finally {
  rmSync(pidFile, { force: true });
  await admin.end({ timeout: 1 });
}

/** Turns archiving on, or moves it to another folder. */
async function turnOn() {
  const present = readBackupSettings(config.dataDir);
  const folder = resolve(values.to ?? present?.folder ?? join(config.dataDir, "backups"));
  try {
    mkdirSync(join(folder, "base"), { recursive: true });
  } catch (error) {
    throw new StackError(
      `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      "Choose another folder with `npm run backup -- --to <folder>`.",
    );
  }
  if (present?.folder === folder && present.isEncrypted === (key !== undefined)) return present;
  if (present?.folder === folder && present.isEncrypted) requireKey(key);
  const settings = writeBackupSettings(config.dataDir, folder, key !== undefined);
  writeArchiveSettings(config, join(config.dataDir, "postgres"));
  await admin`select pg_catalog.pg_reload_conf()`;
  return settings;
}

/** Removes what a backup that was killed has left. */
function removePartial(folder: string): void {
  for (const name of readdirSync(join(folder, "base"))) {
    if (name.endsWith(".partial")) rmSync(join(folder, "base", name), { recursive: true });
  }
  const archive = join(config.dataDir, "archive");
  for (const name of existsSync(archive) ? readdirSync(archive) : []) {
    if (name.startsWith("base-")) rmSync(join(archive, name), { recursive: true });
  }
}
