// Which backup a restore begins with.

import { expect, it } from "vitest";
import type { Backup } from "./store.ts";
import { chooseBackup } from "./target.ts";

const backup = (day: string): Backup => ({
  name: `2026-01-${day}T03-00-00Z`,
  startedAt: `2026-01-${day}T03:00:00.000Z`,
  finishedAt: `2026-01-${day}T03:00:10.000Z`,
  line: "line",
  timeline: 1,
  firstSegment: "000000010000000000000001",
  segmentBytes: 1_048_576,
  systemIdentifier: "1",
  postgres: "17.10",
  bytes: 1,
  storedBytes: 1,
  isEncrypted: false,
});
const backups = [backup("01"), backup("02")];

it.each([
  ["latest", "02"],
  ["2026-01-01T03-00-00Z", "01"],
  ["2026-01-02T03:00:09Z", "01"], // the second was not complete yet
  ["2026-01-02T03:00:10Z", "02"],
  ["2026-01-02T05:00:10+02:00", "02"],
  ["2026-01-02 04:00:09+0100", "01"],
])("%s begins with the backup of day %s", (at, day) => {
  expect(chooseBackup(at, backups, "/folder").backup).toEqual(backup(day));
});

it.each([
  ["2026-01-01T03:00:09Z", "No backup was complete"],
  ["2026-01-02T03:00:10", "neither latest"], // no zone
  ["yesterday", "neither latest"],
  ["2999-01-01T00:00:00Z", "has not come yet"],
])("%s is refused", (at, message) => {
  expect(() => chooseBackup(at, backups, "/folder")).toThrow(message);
});

it("says so when there is none", () => {
  expect(() => chooseBackup("latest", [], "/folder")).toThrow("There is no complete backup in /folder");
});
