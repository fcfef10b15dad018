// The archive, a service of the stack: each second it moves the segments that Postgres has finished, and copies Storage's new files and
// the emulator's books, to the folder of the backups. While backups are off it does nothing.

import { createReadStream, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { errorCode, StackError } from "../lib/errors.ts";
import type { Service } from "../stack/service.ts";
import { backupKey, requireKey } from "./key.ts";
import { createObjectCopies, type ObjectCopies } from "./objects.ts";
import { type BackupSettings, readBackupSettings, spoolFolder } from "./settings.ts";
import { booksFile, segmentFile, storedSegments } from "./store.ts";
import { store } from "./stored-file.ts";

const period = 1_000;

export function createArchive(config: StackConfig): Service {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let lastError: string | undefined;
  const work = createArchiving(config.dataDir);

  async function run(): Promise<void> {
    try {
      const count = await work.run();
      if (count > 0 || lastError !== undefined) await note(config, undefined);
      lastError = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text === lastError) return;
      console.error(`archive: ${text}`);
      lastError = text;
      await note(config, text);
    }
  }

  return {
    name: "archive",
    async start() {
      const next = () => {
        running = run().finally(() => {
          if (timer !== undefined) timer = setTimeout(next, period).unref();
        });
      };
      timer = setTimeout(next, period).unref();
    },
    async ready() {},
    /** Postgres has stopped: what it archived last is moved on, too. */
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      await running;
      await run();
    },
  };
}

/** Stores what is new; `run` returns the number of stored segments. */
export function createArchiving(dataDir: string): { run(): Promise<number> } {
  let objects: { settings: BackupSettings; copies: ObjectCopies } | undefined;
  let booksAt = 0;
  return {
    async run() {
      const settings = readBackupSettings(dataDir);
      if (settings === undefined) return 0;
      const key = settings.isEncrypted ? requireKey(backupKey()) : undefined;
      const count = await storeSegments(dataDir, settings, key);
      if (objects?.settings.folder !== settings.folder) {
        objects = { settings, copies: createObjectCopies(dataDir, settings.folder, key) };
      }
      await objects.copies.copyNew();
      booksAt = await storeBooks(dataDir, settings, key, booksAt);
      return count;
    },
  };
}

async function storeSegments(
  dataDir: string,
  { folder, line }: BackupSettings,
  key: Buffer | undefined,
): Promise<number> {
  const spool = spoolFolder(dataDir, line);
  if (!existsSync(spool)) return 0;
  let count = 0;
  for (const name of readdirSync(spool).sort()) {
    const path = join(spool, name);
    if (/^[0-9A-F]{24}$/.test(name)) {
      try {
        await store(createReadStream(path), segmentFile(folder, line, name, key));
        count += 1;
      } catch (error) {
        if (errorCode(error) !== "ENOENT" || existsSync(path)) throw error; // else another process has stored it
      }
    } else if (name.startsWith("archtemp.") && Date.now() - modifiedAt(path) < 3_600_000) {
      continue; // Postgres is writing it, or was killed while it did
    }
    rmSync(path, { force: true }); // a segment that is stored, or a note on a backup or timeline, which no restore needs
  }
  return count;
}

/**
 * Stores what a stopped cluster has not archived yet: without it a restore would end up to a minute earlier. Segments that are not
 * complete are stored, too; the archive replaces them if the cluster goes on.
 */
export async function storeRest(dataDir: string): Promise<void> {
  const settings = readBackupSettings(dataDir);
  const wal = join(dataDir, "postgres/pg_wal");
  if (settings === undefined || !existsSync(wal)) return;
  await createArchiving(dataDir).run();
  const key = settings.isEncrypted ? requireKey(backupKey()) : undefined;
  const last = storedSegments(settings.folder, settings.line).at(-1) ?? "";
  for (const segment of readdirSync(wal).sort()) {
    if (!/^[0-9A-F]{24}$/.test(segment) || segment <= last) continue;
    const path = join(wal, segment);
    if (!(await isSegment(path, segment))) continue; // it was renamed for later use
    await store(createReadStream(path), segmentFile(settings.folder, settings.line, segment, key));
  }
}

/** Whether a file holds changes of the segment that it is named after: its first page says where it begins. */
async function isSegment(path: string, segment: string): Promise<boolean> {
  const file = await open(path);
  const header = Buffer.alloc(16);
  await file.read(header, 0, 16, 0);
  const { size } = await file.stat();
  await file.close();
  const high = BigInt(`0x${segment.slice(8, 16)}`) << 32n;
  return header.readBigUInt64LE(8) === high + BigInt(`0x${segment.slice(16)}`) * BigInt(size);
}

/**
 * Lets Postgres finish a segment, and waits until it has been archived. Otherwise a backup would have no changes after it.
 *
 * @throws StackError when Postgres does not archive it
 */
export async function requireArchiving(
  admin: Sql,
  dataDir: string,
  { folder, line }: BackupSettings,
): Promise<void> {
  const [row] = await admin<{ segment: string }[]>`
    select pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) as segment
    from pg_catalog.pg_logical_emit_message(false, 'staybase', 'backup')`;
  const segment = row?.segment ?? "";
  const paths = [
    join(spoolFolder(dataDir, line), segment),
    segmentFile(folder, line, segment, undefined).path,
  ];
  for (const deadline = Date.now() + 30_000; !paths.some((path) => existsSync(path)); await sleep(50)) {
    if (Date.now() < deadline) continue;
    throw new StackError(
      `Postgres did not archive the segment ${segment} within 30 s.`,
      `See the reason with \`npm run logs\`. The folder ${spoolFolder(dataDir, line)} must be writable, and its disk must have space.`,
    );
  }
}

/** The journal grows with each request to the emulator, so it is copied at most once in ten seconds. */
async function storeBooks(
  dataDir: string,
  { folder }: BackupSettings,
  key: Buffer | undefined,
  storedAt: number,
): Promise<number> {
  const file = join(dataDir, "stripe.json");
  const changed = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (changed < storedAt || Date.now() - storedAt < 10_000) return storedAt;
  const now = Date.now();
  await store(createReadStream(file), booksFile(folder, key));
  return now;
}

/** Records in the database, for metrics, that changes are stored or why not. It may have stopped already. */
async function note(config: StackConfig, error: string | undefined): Promise<void> {
  const sql = openDatabase(config, "supabase_admin", { connect_timeout: 2 });
  try {
    await sql`update private.backup_state set at = case when ${error ?? null}::text is null then now() else at end, error = ${error ?? null} where name = 'wal'`;
  } catch {
    // the log has it
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** In ms since 1970; now for a file that is just gone. */
function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
}
