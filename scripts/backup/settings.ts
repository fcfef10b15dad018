// Whether and where this data folder's database is backed up, and the settings of Postgres that follow from it. Archiving is off until
// the first `npm run backup`, because every switch of a segment writes its whole size, even when almost nothing has changed.

import { randomUUID } from "node:crypto";
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { writeWhole } from "./files.ts";

const schema = z.object({
  /** The folder of the backups. */
  folder: z.string(),
  /** Names this history of changes: a new one after each restore, so that two never write to one archive. */
  line: z.string(),
  /** Then nothing is stored without a key. */
  isEncrypted: z.boolean(),
});

export type BackupSettings = z.infer<typeof schema>;

/** In seconds: a segment of changes is archived at the latest then, and one more second later it is in the folder of the backups. */
const archiveTimeout = 50;

/** The settings of a data folder; undefined while backups are off. */
export function readBackupSettings(dataDir: string): BackupSettings | undefined {
  const file = settingsFile(dataDir);
  if (!existsSync(file)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new StackError(
      `${file} is not valid: ${reason}`,
      "Remove it, and turn backups on with `npm run backup`.",
    );
  }
}

/** Turns backups on, or moves them to another folder or key, with a new line. */
export function writeBackupSettings(dataDir: string, folder: string, isEncrypted: boolean): BackupSettings {
  const settings = { folder, line: randomUUID(), isEncrypted };
  writeWhole(settingsFile(dataDir), JSON.stringify(settings));
  return settings;
}

/** Begins a new line, for a cluster that is another than before. */
export function renewLine(dataDir: string): void {
  const settings = readBackupSettings(dataDir);
  if (settings !== undefined) writeBackupSettings(dataDir, settings.folder, settings.isEncrypted);
}

/** Where Postgres puts the segments of a line; the stack moves them on to the folder of the backups. */
export function spoolFolder(dataDir: string, line: string): string {
  return join(dataDir, "archive", line);
}

/** Writes the settings of archiving, which Postgres reads when it starts or reloads its configuration. */
export function writeArchiveSettings({ dataDir, serverUser }: StackConfig, cluster: string): void {
  const settings = readBackupSettings(dataDir);
  const include = "include_if_exists = 'staybase-archive.conf'\n";
  const main = join(cluster, "postgresql.conf");
  if (!readFileSync(main, "utf8").includes(include)) appendFileSync(main, include);
  const own = join(cluster, "staybase-archive.conf");
  rmSync(own, { force: true });
  if (settings === undefined) {
    writeWhole(own, "archive_command = 'exit 0'\n"); // keeps nothing
    return;
  }
  const spool = spoolFolder(dataDir, settings.line);
  mkdirSync(spool, { recursive: true });
  if (serverUser !== undefined) chownSync(spool, serverUser.uid, serverUser.gid);
  const quoted = `'${spool.replaceAll("\\", "/").replaceAll("'", "''")}'`;
  writeWhole(
    own,
    `archive_library = 'basic_archive'\nbasic_archive.archive_directory = ${quoted}\narchive_timeout = ${archiveTimeout}\n`,
  );
}

function settingsFile(dataDir: string): string {
  return join(dataDir, "backup.json");
}
