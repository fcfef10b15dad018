// The way of one request: its lines in the logs of all services, and what it changed in the database, in order of time.

import { createReadStream, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { StackError } from "../lib/errors.ts";
import { isRequestId } from "../stack/request-log.ts";

interface Step {
  at: Date;
  /** The service or the table. */
  source: string;
  text: string;
}

/** @returns one line for each step @throws StackError when the text is no id, or nothing has it */
export async function wayOf(config: StackConfig, id: string): Promise<string[]> {
  if (!isRequestId(id)) {
    const hint = "Take it from the header x-request-id of an answer: 1 to 60 letters, digits and hyphens.";
    throw new StackError(`"${id}" is not the id of a request.`, hint);
  }
  const steps = [
    ...(await stepsInLogs(join(config.dataDir, "logs"), id)),
    ...(await stepsInDatabase(config, id)),
  ];
  if (steps.length === 0)
    throw new StackError(
      `Nothing has the request id ${id}.`,
      "`npm run reset` deletes the logs, and the id of another stack is not here.",
    );
  const width = Math.max(...steps.map(({ source }) => source.length));
  return steps
    .sort((a, b) => a.at.getTime() - b.at.getTime())
    .map(({ at, source, text }) => `${at.toISOString()}  ${source.padEnd(width)}  ${text}`);
}

async function stepsInLogs(folder: string, id: string): Promise<Step[]> {
  const steps: Step[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".log"))) {
    const source = basename(file, ".log");
    for await (const line of createInterface({ input: createReadStream(join(folder, file)) })) {
      if (line.includes(id))
        steps.push(...(stepOfJson(source, line, id) ?? stepOfPostgres(source, line, id)));
    }
  }
  return steps;
}

/** Undefined for a line that is not JSON. */
function stepOfJson(source: string, line: string, id: string): Step[] | undefined {
  try {
    const { time, level, request_id, ...entry } = JSON.parse(line) as Record<string, string | number | null>;
    if (request_id !== id) return [];
    const { method, route, status, ms, role, message } = entry;
    const text = message ?? `${method} ${route} ${status} ${ms} ms ${role ?? "nobody"}`;
    return [{ at: new Date(time ?? 0), source, text: level === "error" ? `ERROR ${text}` : String(text) }];
  } catch {
    return undefined;
  }
}

/** A line of Postgres: the time, the process, the role and, for the API, the id. */
function stepOfPostgres(source: string, line: string, id: string): Step[] {
  const [, time, name, text] = /^(\S+ \S+) UTC \[\d+\] \S+ (\S*) (.*)$/.exec(line) ?? [];
  return time === undefined || name !== id ? [] : [{ at: new Date(`${time}Z`), source, text: text ?? "" }];
}

async function stepsInDatabase(config: StackConfig, id: string): Promise<Step[]> {
  const sql = openDatabase(config, "postgres");
  try {
    const rows = await sql<{ at: Date; source: string; event: string; subject: string }[]>`
      select * from private.request_trace(${id})`;
    return rows.map(({ at, source, event, subject }) => ({ at, source, text: `${event} ${subject}` }));
  } catch {
    process.stderr.write("The database does not answer, so these are only the lines of the logs.\n");
    return [];
  } finally {
    await sql.end({ timeout: 1 });
  }
}
