// The database that an import writes to, and what to say when it cannot.

import postgres, { type Sql } from "postgres";
import { errorCode, StackError } from "../lib/errors.ts";

export interface Reference {
  /** Currencies and their decimal places. */
  currencies: Map<string, number>;
  timeZones: Set<string>;
}

/**
 * Connects, and reads what every import needs. Statements are not prepared, so that the pooler of a hosted project will do.
 *
 * @throws StackError when there is no database, or it is not one of ours
 */
export async function connect(url: string): Promise<{ sql: Sql; reference: Reference }> {
  const where = describe(url);
  const sql = postgres(url, { max: 1, prepare: false, onnotice: () => {}, connect_timeout: 10 });
  try {
    const currencies = await sql<{ code: string; minor_unit: number }[]>`
      select code, minor_unit from public.currencies where minimum_price is not null`;
    const zones = await sql<{ name: string }[]>`select name from public.time_zones`;
    await sql`select from public.properties limit 0`;
    return {
      sql,
      reference: {
        currencies: new Map(currencies.map((row) => [row.code, row.minor_unit])),
        timeZones: new Set(zones.map((row) => row.name)),
      },
    };
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw explainDatabase(error, where);
  }
}

/** Host, port and database of a connection string, without who and with which password. @throws StackError */
function describe(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    if (protocol === "postgres:" || protocol === "postgresql:") return `${host}${pathname}`;
  } catch {
    // said below
  }
  throw new StackError(
    "The address of the database is no connection string.",
    "It looks like postgresql://postgres:PASSWORD@HOST:5432/postgres (Connect, in the dashboard of a hosted project).",
  );
}

/** What an error of the connection or of a whole statement means for the person who runs the command. */
export function explainDatabase(error: unknown, where = "the database"): unknown {
  switch (errorCode(error)) {
    case "ECONNREFUSED":
    case "ENOTFOUND":
    case "CONNECT_TIMEOUT":
      return new StackError(
        `No database answers at ${where}.`,
        "Start the stack in another terminal (npm start), or name another database with --database-url.",
      );
    case "28P01":
    case "28000":
    case "42501":
      return new StackError(
        `The database at ${where} refuses: ${String(error instanceof Error ? error.message : error)}.`,
        "The import writes as the owner of the tables: connect as postgres, with its password.",
      );
    case "42P01":
    case "42703":
    case "3F000":
      return new StackError(
        `The database at ${where} has not the tables of Staybase: ${String(error instanceof Error ? error.message : error)}.`,
        "Apply the migrations: npm start does, and `npx supabase db push` for a hosted project.",
      );
    case "CONNECTION_CLOSED":
    case "CONNECTION_ENDED":
    case "CONNECTION_DESTROYED":
    case "ECONNRESET":
    case "57P01":
    case "57P02":
    case "57P03":
      return new StackError(
        `The database at ${where} went away.`,
        "What was written is kept. Run the command again: it goes on where it was.",
      );
    default:
      return error;
  }
}

/** Whether an error is about the rows of a statement (their values, a rule), and not about the connection or the statement. */
export function isAboutRows(error: unknown): boolean {
  return /^(22|23|P0|PT)/.test(errorCode(error) ?? "");
}

/** Whether the same again may well succeed: two writers met. */
export function isWorthRepeating(error: unknown): boolean {
  return /^(40|55P03)/.test(errorCode(error) ?? "");
}
