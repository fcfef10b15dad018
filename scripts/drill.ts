// `npm run drill [-- --from <folder>]`: restores the newest backup into a temporary folder on a free port, audits it, and says how much
// would be lost (RPO) and how long it takes (RTO). The running stack is not touched.

import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { storeRest } from "./backup/archive.ts";
import { audit, auditText } from "./backup/audit.ts";
import { megabytes } from "./backup/base.ts";
import { backupKey } from "./backup/key.ts";
import { restoreObjects } from "./backup/objects.ts";
import { recover } from "./backup/recovery.ts";
import { createReport } from "./backup/report.ts";
import { readBackupSettings } from "./backup/settings.ts";
import { listBackups } from "./backup/store.ts";
import { chooseBackup } from "./backup/target.ts";
import { loadConfig } from "./lib/config.ts";
import { explainUncaught } from "./lib/errors.ts";
import { runningPid } from "./stack/stack.ts";

explainUncaught();
const { values } = parseArgs({ options: { from: { type: "string" } } });
const present = loadConfig();
const folder = resolve(
  values.from ?? readBackupSettings(present.dataDir)?.folder ?? join(present.dataDir, "backups"),
);
const { backup, target } = chooseBackup("latest", listBackups(folder), folder);
const scratch = mkdtempSync(join(tmpdir(), "staybase-drill-"));
chmodSync(scratch, 0o755); // Postgres may run as another user
const config = loadConfig({ dataDir: scratch });
const key = backupKey();
const report = createReport();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

// a stack that runs loses at most what is not stored yet; one that has stopped has nothing that a restore would not store first
if (runningPid(present) === undefined && existsSync(join(present.dataDir, "postgres"))) {
  await storeRest(present.dataDir);
}
const begun = Date.now();
const recovered = await recover(
  { config, folder, backup, target, key, work: join(scratch, "restore") },
  report,
);
try {
  const [row] = await recovered.sql<
    { count: string }[]
  >`select private.quarantine('A drill.', now()) as count`;
  report("restoring Storage's files");
  const objects = await recovered.sql<{ version: string }[]>`
    select version from storage.objects where version is not null`;
  const versions = objects.map(({ version }) => version);
  await restoreObjects(scratch, folder, versions, key);
  const rto = (Date.now() - begun) / 1000;
  report("auditing");
  await recovered.sql`create extension if not exists amcheck with schema extensions`;
  const checks = await audit(recovered.sql, config);
  report.end();
  const last = recovered.lastChange ?? new Date(backup.finishedAt);
  const rpo = (begun - last.getTime()) / 1000;
  const failed = checks.filter(({ ok }) => ok === false).length;
  console.log(`
${auditText(checks)}

  Backup  ${backup.name}, ${megabytes(backup.bytes)}, and the changes since; ${versions.length} files
  Held    ${row?.count ?? 0} mails, webhooks and payments
  RPO     ${rpo.toFixed(1)} s: the last change that a restore brings back was committed at ${last.toISOString()}
  RTO     ${rto.toFixed(1)} s until the database and its files were there
  Audit   ${((Date.now() - begun) / 1000 - rto).toFixed(1)} s

${failed === 0 ? "The backup can be restored." : `${failed} checks failed. Look at them before you need this backup.`}`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  report.end();
  await recovered.stop();
}
