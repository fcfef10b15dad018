// `npm run restore -- --at <time|name|latest> [--from <folder>] [--into <folder>]`: replaces the present database by a
// restored one, and keeps it. The restored one starts paused; `npm run restore -- --release --note <why> [--despite-orphans]` ends that.

import { createWriteStream, existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { storeRest } from "./backup/archive.ts";
import { megabytes } from "./backup/base.ts";
import { publish } from "./backup/files.ts";
import { backupKey } from "./backup/key.ts";
import { restoreObjects } from "./backup/objects.ts";
import { recover } from "./backup/recovery.ts";
import { release } from "./backup/release.ts";
import { createReport } from "./backup/report.ts";
import { readBackupSettings } from "./backup/settings.ts";
import { booksFile, listBackups } from "./backup/store.ts";
import { openStored } from "./backup/stored-file.ts";
import { asideName, beginSwap, completeSwap, restoreFolder, restorePidFile } from "./backup/swap.ts";
import { chooseBackup } from "./backup/target.ts";
import { loadConfig, type StackConfig } from "./lib/config.ts";
import { errorText, explainUncaught, StackError } from "./lib/errors.ts";
import { endLeftovers, pidIn, writePidFile } from "./stack/parts.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const { values } = parseArgs({
  options: {
    at: { type: "string" },
    from: { type: "string" },
    into: { type: "string" },
    release: { type: "boolean", default: false },
    note: { type: "string" },
    "despite-orphans": { type: "boolean", default: false },
  },
});
if (values.release) await release(loadConfig(), values.note, values["despite-orphans"]);
else await restore(values.at);

async function restore(at: string | undefined): Promise<void> {
  const present = loadConfig();
  const config = values.into === undefined ? present : loadConfig({ dataDir: resolve(values.into) });
  const settings = readBackupSettings(present.dataDir);
  const folder = resolve(values.from ?? settings?.folder ?? join(present.dataDir, "backups"));
  const backups = listBackups(folder);
  if (at === undefined) {
    const list = backups.map((b) => `  ${b.name}  complete at ${b.finishedAt}, ${megabytes(b.bytes)}`);
    throw new StackError(
      `Say what to go back to: --at latest, --at <name of a backup>, or --at <moment>.`,
      list.length === 0 ? `There is no backup in ${folder}.` : `Backups in ${folder}:\n\n${list.join("\n")}`,
    );
  }
  const { backup, target } = chooseBackup(at, backups, folder);
  requireStopped(config);
  const key = backupKey();
  const since = performance.now();
  const report = createReport();
  mkdirSync(config.dataDir, { recursive: true });
  writePidFile(restorePidFile(config.dataDir), process.pid);
  const work = restoreFolder(config.dataDir);
  const aside = asideName();
  try {
    completeSwap(config.dataDir); // of a restore that was killed at its end
    if (values.into !== undefined && existsSync(join(config.dataDir, "postgres"))) {
      throw new StackError(
        `${config.dataDir} has a database already.`,
        "Name an empty folder with --into, or restore without it.",
      );
    }
    await endLeftovers(config.dataDir);
    report("storing the newest changes");
    await storeRest(present.dataDir).catch((error) => {
      report.end();
      console.log(`  They cannot be stored, so the last minute may be missing: ${errorText(error)}`);
    });
    const recovered = await recover({ config, folder, backup, target, key, work }, report);
    const missing: string[] = [];
    let moved = 0;
    try {
      const reason = `Restored to ${at} from the backup ${backup.name}.`;
      const moment = recovered.lastChange ?? new Date(backup.startedAt);
      const [count] = await recovered.sql<{ moved: number }[]>`
        select private.quarantine(${reason}, ${moment}) as moved`;
      moved = count?.moved ?? 0;
      report("restoring Storage's files");
      const objects = await recovered.sql<{ version: string }[]>`
        select version from storage.objects where version is not null`;
      const versions = objects.map(({ version }) => version);
      missing.push(...(await restoreObjects(config.dataDir, folder, versions, key)));
      await restoreBooks(config, folder, key);
      report("counting rows for the planner"); // the counters that autovacuum goes by are not in a backup
      await recovered.sql`analyze`;
    } finally {
      await recovered.stop();
    }
    report("taking over");
    beginSwap(config.dataDir, aside);
    completeSwap(config.dataDir);
    report.end();
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    console.log(`Restored ${backup.name} to ${at} in ${seconds} s.

  Last change      ${recovered.lastChange?.toISOString() ?? `the end of the backup, ${backup.finishedAt}`}
  Database before  ${existsSync(join(config.dataDir, aside)) ? join(config.dataDir, aside) : "none"}
  Lost files       ${missing.length === 0 ? "none" : missing.join(", ")}
  Held back        ${moved} mails, webhooks and payments that may have been sent after this moment (dead_jobs, dead_stripe_tasks)

The platform is paused: it reads and signs in, and does nothing else. Next:

  ${values.into === undefined ? "" : `STAYBASE_DIR=${config.dataDir} `}npm start
  npm run restore -- --release --note "Looked at it."    ends the pause and searches Stripe for payments that are lost here
  npm run backup                                         begins a new series of backups

docs/operate/backup.md says what to look at before.`);
  } finally {
    report.end();
    if (!existsSync(join(config.dataDir, "swap.json"))) rmSync(work, { recursive: true, force: true });
    rmSync(restorePidFile(config.dataDir), { force: true });
  }
}

function requireStopped(config: StackConfig): void {
  if (runningPid(config) !== undefined) {
    throw new StackError(
      "Staybase is running on this data folder.",
      "Stop it with `npm run stop`, or restore beside it with --into <folder>.",
    );
  }
  const other = pidIn(restorePidFile(config.dataDir));
  if (other !== undefined) {
    throw new StackError(`Another restore is running (process ${other}).`, "Wait until it has ended.");
  }
}

/** Stripe does not go back in time, so the books of this folder stay, if there are any. */
async function restoreBooks(config: StackConfig, folder: string, key: Buffer | undefined): Promise<void> {
  const file = join(config.dataDir, "stripe.json");
  const copy = booksFile(folder, key);
  if (existsSync(file) || !existsSync(copy.path)) return;
  await pipeline(await openStored(copy), createWriteStream(`${file}.partial`));
  await publish(`${file}.partial`, file);
}
