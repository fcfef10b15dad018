// The limits of unpaid bookings: a setup of Vitest raises them once, because most tests let one guest book again and again.

import type { Sql } from "postgres";
import { database } from "./database.ts";

/** The settings as migrations write them. */
export const defaultLimits = {
  unpaid_bookings: 10,
  unpaid_nights: 120,
  unpaid_bookings_at_property: 4,
  unpaid_nights_at_property: 31,
  given_up: 20,
  given_up_at_property: 6,
};

export async function setLimits(sql: Sql, limits: Record<string, number>): Promise<void> {
  for (const [name, value] of Object.entries(limits)) {
    await sql`update private.settings set value = ${String(value)} where name = ${name}`;
  }
}

export async function raiseLimits(sql: Sql): Promise<void> {
  await setLimits(sql, Object.fromEntries(Object.keys(defaultLimits).map((name) => [name, 100_000])));
}

export async function setup(): Promise<void> {
  const sql = database();
  await raiseLimits(sql);
  await sql.end();
}
