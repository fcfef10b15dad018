// Nights of a property that can be booked now.

import type { Sql } from "postgres";

export interface FreeStay {
  /** YYYY-MM-DD */
  checkIn: string;
  checkOut: string;
}

/**
 * The first stay of the shortest length plus a night that begins within 70 days after `daysAhead`, for two guests or fewer.
 *
 * @throws when there is none
 */
export async function findFreeStay(sql: Sql, propertyId: string, daysAhead: number): Promise<FreeStay> {
  const [found] = await sql<FreeStay[]>`
    select d::date::text as "checkIn", (d::date + p.min_nights + 1)::text as "checkOut"
    from public.properties p
    cross join generate_series(now() + make_interval(days => ${daysAhead}), now() + make_interval(days => ${daysAhead + 70}), '1 day') d
    where p.id = ${propertyId}
      and private.bookability(p.id, d::date, d::date + p.min_nights + 1, least(p.max_guests, 2), 0, 0, 0, p_at => now()) = '[]'
    order by d limit 1`;
  if (found === undefined) throw new Error(`property ${propertyId} has no free nights`);
  return found;
}
