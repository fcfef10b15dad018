// The database that an import writes to, and its errors.

import postgres, { type Sql } from "postgres";
import { errorCode, StackError } from "../lib/errors.ts";

export interface Reference {
  /** Decimal places by currency. */
  currencies: Map<string, number>;
  timeZones: Set<string>;
}

/**
 * Connects and reads the reference data. Does not prepare statements, so that it works with the pooler of a hosted project.
 *
 * @throws StackError when no database answers, or when it has no Staybase tables
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

/** The host, port and database of a connection string, without user and password. @throws StackError */
function describe(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    if (protocol === "postgres:" || protocol === "postgresql:") return `${host}${pathname}`;
  } catch {
    // reported below
  }
  throw new StackError(
    "The database URL is not a connection string.",
    "Use a URL such as postgresql://postgres:PASSWORD@HOST:5432/postgres. For a hosted project, see Connect in its dashboard.",
  );
}

/** Turns an error of the connection or of a statement into a StackError; returns unknown errors unchanged. */
export function explainDatabase(error: unknown, where = "the database"): unknown {
  switch (errorCode(error)) {
    case "ECONNREFUSED":
    case "ENOTFOUND":
    case "CONNECT_TIMEOUT":
      return new StackError(
        `No database answers at ${where}.`,
        "Start the stack in another terminal (npm start), or choose another database with --database-url.",
      );
    case "28P01":
    case "28000":
    case "42501":
      return new StackError(
        `The database at ${where} denied access: ${String(error instanceof Error ? error.message : error)}.`,
        "The import writes as the owner of the tables. Connect as postgres, with its password.",
      );
    case "42P01":
    case "42703":
    case "3F000":
      return new StackError(
        `The database at ${where} does not have Staybase's tables: ${String(error instanceof Error ? error.message : error)}.`,
        "Apply the migrations: with `npm start` locally, with `npx supabase db push` for a hosted project.",
      );
    case "CONNECTION_CLOSED":
    case "CONNECTION_ENDED":
    case "CONNECTION_DESTROYED":
    case "ECONNRESET":
    case "57P01":
    case "57P02":
    case "57P03":
      return new StackError(
        `The connection to the database at ${where} was lost.`,
        "Rows imported so far are kept. Run the command again to continue.",
      );
    default:
      return error;
  }
}

/** Whether an error is caused by the values of a row, not by the connection or the statement. */
export function isRowError(error: unknown): boolean {
  return /^(22|23|P0|PT)/.test(errorCode(error) ?? "");
}

/** Whether a retry may succeed: serialization failures, deadlocks and lock timeouts. */
export function isRetryable(error: unknown): boolean {
  return /^(40|55P03)/.test(errorCode(error) ?? "");
}
