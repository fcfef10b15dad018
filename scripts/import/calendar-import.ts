// Imports a calendar file: reads its days, groups them by listing, writes them in batches and counts the results.

import type { Sql } from "postgres";
import { inBatches, writeIsolated } from "./batches.ts";
import { type Calendar, toCalendars, toDay } from "./calendar.ts";
import { type WrittenCalendars, writeCalendars } from "./calendar-writer.ts";
import type { Reference } from "./database.ts";
import { requireCalendar } from "./formats.ts";
import { startProgress } from "./progress.ts";
import { fileSize } from "./records.ts";
import { createReport, type Report } from "./report.ts";
import { readTable } from "./table.ts";
import { RowError } from "./values.ts";

const calendarsPerBatch = 50;

/** Imports a calendar and reports invalid rows. @throws StackError when the file or the database cannot be used */
export async function importCalendar(
  sql: Sql,
  path: string,
  source: string,
  { currencies }: Reference,
): Promise<Report> {
  const progress = startProgress("calendar", await fileSize(path));
  const report = createReport(progress.print);
  const skip = (line: number, error: Error) => report.skip("days", line, error);
  try {
    const { header, rows } = await readTable(path, progress.read, skip);
    requireCalendar(path, header);

    async function* days() {
      for await (const { line, fields } of rows) {
        progress.rows(1);
        try {
          yield { line, ...toDay(fields) };
        } catch (error) {
          if (!(error instanceof RowError)) throw error;
          skip(line, error);
        }
      }
    }
    const calendars: AsyncGenerator<Calendar> = toCalendars(days());
    for await (const batch of inBatches(calendars, calendarsPerBatch, (calendar) => calendar.source_id)) {
      await writeIsolated(
        batch,
        async (part) => count(report, await writeCalendars(sql, part, source, currencies)),
        (calendar, error) => report.skip("calendars", calendar.line, error),
      );
    }
    return report;
  } finally {
    progress.stop();
  }
}

function count(report: Report, written: WrittenCalendars): void {
  report.add("calendars", "loaded", written.loaded);
  report.add("calendars", "unchanged", written.unchanged);
  report.note("calendars of listings that are not imported: skipped", written.unknown);
}
