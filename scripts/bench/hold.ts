// Measures a hold that is booked and given up, as processor time of the backend in reads of a property by primary key: with what PostgREST
// sends before and after, the pre-request and the commit.

import type { Sql, TransactionSql } from "postgres";
import { costInReads } from "./cpu.ts";
import { day } from "./dates.ts";
import type { Figure } from "./figures.ts";

/** The budget of booking and giving up together. */
const budget = 60;

/** @param properties bookable ones, with nothing booked from 400 days ahead */
export async function benchHold(sql: Sql, properties: string[], guests: string[]): Promise<Figure[]> {
  const guestOf = (n: number) => guests[n % guests.length] ?? "";
  let held = "";
  async function book(n: number): Promise<void> {
    await sql.begin(async (tx) => {
      await begin(tx, "POST", guestOf(n));
      const body = {
        property_id: properties[n % properties.length],
        check_in: day(400),
        check_out: day(404),
        adults: 2,
      };
      const [answer] = await tx<{ body: { id: string }[] }[]>`
        with pgrst_source as (
          insert into public.bookings (property_id, check_in, check_out, adults)
          select b.property_id, b.check_in, b.check_out, b.adults
          from json_to_record(${JSON.stringify(body)}::text::json) as b (property_id uuid, check_in date, check_out date, adults smallint)
          returning public.bookings.*
        )
        select coalesce(json_agg(t), '[]') as body from (select bookings.* from pgrst_source as bookings) t`;
      held = answer?.body[0]?.id ?? "";
    });
  }
  async function giveUp(n: number): Promise<void> {
    await sql.begin(async (tx) => {
      await begin(tx, "DELETE", guestOf(n));
      await tx`
        with pgrst_source as (delete from public.bookings where id = ${held} returning public.bookings.*)
        select coalesce(json_agg(t), '[]') as body from (select bookings.* from pgrst_source as bookings) t`;
    });
  }
  const booked = await costInReads(sql, (n) => (n === 0 ? Promise.resolve() : giveUp(n - 1)), book);
  await giveUp(39);
  const givenUp = await costInReads(
    sql,
    (n) => book(40 + n),
    (n) => giveUp(40 + n),
  );
  return [
    { name: "a hold booked", value: booked, unit: "reads" },
    { name: "a hold given up", value: givenUp, unit: "reads" },
    { name: "a hold booked and given up", value: booked + givenUp, unit: "reads", budget },
  ];
}

async function begin(tx: TransactionSql, method: string, guest: string): Promise<void> {
  const claims = JSON.stringify({ sub: guest, role: "authenticated", aud: "authenticated" });
  const headers = JSON.stringify({
    prefer: "return=representation",
    accept: "application/json",
    "content-type": "application/json",
    "content-length": "140",
  });
  await tx`
    select
      set_config('role', 'authenticated', true), set_config('request.jwt.claims', ${claims}, true),
      set_config('request.method', ${method}, true), set_config('request.path', '/bookings', true),
      set_config('request.headers', ${headers}, true), set_config('request.cookies', '{}', true)`;
  await tx`select private.check_request()`;
}
