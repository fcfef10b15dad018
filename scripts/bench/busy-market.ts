// A market that is in use: makeMarket's properties with a host for every ten, and bookings with their payments and ledger.

import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { insertBooks } from "./books.ts";
import { type City, makeMarket } from "./market.ts";

export interface BusyMarket {
  /** The largest first. */
  cities: City[];
  properties: { id: string; host: string }[];
  /** People who have booked nothing yet. */
  guests: string[];
}

const guestCount = 1_000;

/** Days from today; from then on nothing is booked. */
export const freeFrom = 415;

/**
 * Fills a database that has the seed.
 *
 * @param sql a superuser's connection
 * @param size number of properties; there are five bookings for each
 */
export async function makeBusyMarket(sql: Sql, size: number): Promise<BusyMarket> {
  await sql.begin(async (tx) => {
    await insertBooks(tx, 5 * size, 1_000_000); // above the ids of the seed
    // its properties have too little in them to be searched
    await tx`update public.properties set status = 'paused' where max_guests is null and status = 'published'`;
    await tx`select setval('private.ledger_entries_id_seq', (select max(id) from private.ledger_entries))`;
    await tx`select setval('private.ledger_transactions_id_seq', (select max(id) from private.ledger_transactions))`;
  });
  const cities = await makeMarket(sql, size);
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`insert into public.profiles (id, display_name)
      select md5('market host ' || n)::uuid, 'Host ' || n from generate_series(0, ${size}::integer / 10) n`;
    await tx`insert into public.accounts (id) select md5('market host ' || n)::uuid from generate_series(0, ${size}::integer / 10) n`;
    await tx`update public.properties p set host_id = md5('market host ' || b.n / 10)::uuid
      from private.bench_properties b where b.id = p.id`;
    await tx`insert into public.property_addresses (property_id, line1, city, country, latitude, longitude)
      select p.id, 'Street 1', p.city, p.country, p.public_latitude, p.public_longitude
      from public.properties p join private.bench_properties b on b.id = p.id`;
    await tx`delete from public.occupancies where check_out > current_date + ${freeFrom}::integer`;
  });
  await sql`select private.rebuild_property_search()`;
  const guests = Array.from({ length: guestCount }, () => randomUUID());
  await sql`insert into auth.users (id, aud, role, email, email_confirmed_at, created_at)
    select id, 'authenticated', 'authenticated', id || '@example.com', now(), now() - interval '60 days'
    from unnest(${guests}::uuid[]) id`;
  await sql`vacuum analyze`;
  const properties = await sql<BusyMarket["properties"]>`
    select b.id, p.host_id as host from private.bench_properties b join public.properties p on p.id = b.id order by b.n`;
  return { cities, properties: [...properties], guests };
}
