// What a restore goes back to: the newest change, the end of one backup, or a moment.

import { StackError } from "../lib/errors.ts";
import type { Backup } from "./store.ts";

export type Target = { kind: "latest" } | { kind: "backup" } | { kind: "time"; time: Date };

/**
 * Chooses the backup that a restore begins with.
 *
 * @param at `latest`, the name of a backup, or a moment in ISO 8601 with its zone
 * @param backups oldest first
 * @throws StackError when there is no backup for it
 */
export function chooseBackup(
  at: string,
  backups: Backup[],
  folder: string,
): { backup: Backup; target: Target } {
  const newest = backups.at(-1);
  if (newest === undefined) {
    throw new StackError(
      `There is no complete backup in ${folder}.`,
      "Take one with `npm run backup`, or name another folder with --from.",
    );
  }
  if (at === "latest") return { backup: newest, target: { kind: "latest" } };
  const named = backups.find(({ name }) => name === at);
  if (named !== undefined) return { backup: named, target: { kind: "backup" } };
  const time = parseTime(at);
  const list = backups.map(({ name }) => name).join(", ");
  if (time === undefined) {
    throw new StackError(
      `--at ${at} is neither latest, nor a backup, nor a moment.`,
      `Send a moment with its zone, such as 2026-11-30T09:15:00Z, or one of these backups: ${list}.`,
    );
  }
  if (time.getTime() > Date.now()) {
    throw new StackError(`${time.toISOString()} has not come yet.`, "Use --at latest for the newest change.");
  }
  const backup = backups.findLast(({ finishedAt }) => Date.parse(finishedAt) <= time.getTime());
  if (backup === undefined) {
    throw new StackError(
      `No backup was complete at ${time.toISOString()}.`,
      `The oldest is ${backups[0]?.name}, complete at ${backups[0]?.finishedAt}. Choose that moment or a later one.`,
    );
  }
  return { backup, target: { kind: "time", time } };
}

/** A moment without a zone is refused, because it would mean another one on another machine. */
function parseTime(text: string): Date | undefined {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return undefined;
  const time = new Date(text.replace(" ", "T"));
  return Number.isNaN(time.getTime()) ? undefined : time;
}
