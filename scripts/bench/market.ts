// Generates data for benchmarks: properties in 200 cities of 10 countries, whose sizes follow Zipf's law (exponent 0.8), with words,
// ratings, two currencies, seasons, rules and 20 stays each over two years. The same size gives the same data.

import type { Sql, TransactionSql } from "postgres";

export interface City {
  id: number;
  latitude: number;
  longitude: number;
  properties: number;
}

/** Standard deviation of a property's distance from its city's centre along each axis, in kilometres. */
export const spread = 6;

/**
 * Fills an empty database and returns the cities, the largest first. Triggers are disabled meanwhile, and the exclusion constraint is
 * added after the rows, which also checks that stays do not overlap.
 *
 * @param sql a superuser's connection
 */
export async function makeMarket(sql: Sql, size: number): Promise<City[]> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`select setseed(0.42)`;
    await tx`insert into public.profiles (id, display_name) values ('00000000-0000-4000-8000-000000000000', 'Host')`;
    await tx`create table private.bench_cities as
      select c as id, (asin(2 * random() - 1) * 35)::double precision as latitude, (random() * 340 - 170)::double precision as longitude,
        sum(c ^ -0.8) over (order by c) / sum(c ^ -0.8) over () as share
      from generate_series(1, 200) as c`;
    await tx`create table private.bench_properties as
      select gen_random_uuid() as id, n, (select min(c.id) from private.bench_cities c where c.share >= r.pick) as city,
        sqrt(-2 * ln(1 - r.a)) * cos(2 * pi() * r.b) * ${spread}::float8 as north_km,
        sqrt(-2 * ln(1 - r.a)) * sin(2 * pi() * r.b) * ${spread}::float8 as east_km,
        r.price, r.kind, r.rating
      from (select n, random() as pick, random() as a, random() as b, random() as price, random() as kind, random() as rating from generate_series(1, ${size}) as n) r`;
    await tx`insert into public.properties (
        id, host_id, status, published_at, title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms, time_zone,
        booking_mode, min_nights, max_nights, booking_window_days, preparation_nights_after, currency, base_price, weekend_price,
        country, region, city, neighbourhood, public_latitude, public_longitude
      )
      select b.id, '00000000-0000-4000-8000-000000000000', 'published', now(), 'Property ' || b.n,
        repeat('A quiet home near the river. ', 30) || concat_ws(' ', case when b.n / 7 % 2 = 0 then 'Garden.' end,
          case when b.n / 7 % 500 = 0 then 'Lighthouse.' end, case when b.price > 0.5 then 'Panorama.' end),
        (array['apartment', 'house', 'villa', 'loft'])[1 + b.n % 4]::public.property_type,
        (case when b.kind < 0.8 then 'entire_home' else 'private_room' end)::public.room_type,
        2 + b.n % 7, b.n % 4, 1 + b.n % 5, 1, 'UTC', (case when b.n % 3 = 0 then 'instant' else 'request' end)::public.booking_mode,
        1 + (b.kind * 3)::integer, 28 + b.n % 60, 540, b.n % 2, case when b.city % 8 = 3 then 'USD' else 'EUR' end,
        (3000 + b.price ^ 3 * 40000)::bigint, case when b.n % 2 = 0 then (3600 + b.price ^ 3 * 48000)::bigint end,
        (array['PT', 'ES', 'FR', 'DE', 'IT', 'US', 'BR', 'JP', 'GB', 'AU'])[1 + b.city % 10], 'Region ' || b.city % 20, 'City ' || b.city,
        case when b.n % 4 > 0 then 'Quarter ' || b.n % 7 end, c.latitude + b.north_km / 111.2, c.longitude + b.east_km / (111.2 * cos(radians(c.latitude)))
      from private.bench_properties b
      join private.bench_cities c on c.id = b.city`;
    await tx`insert into public.house_rules (property_id, version) select id, 1 from private.bench_properties`;
    await tx`insert into public.property_photos (property_id, path, alt_text, position)
      select id, id || '/cover.png', 'The front', 0 from private.bench_properties`;
    await tx`insert into public.property_amenities (property_id, amenity_id)
      select b.id, a.id from private.bench_properties b join public.amenities a on (b.n * 7 + a.bit * 13) % 10 < 4`;
    await tx`insert into public.property_seasons (property_id, name, starts_on, ends_on, currency, price)
      select id, 'Summer', date_trunc('year', current_date)::date + 151, date_trunc('year', current_date)::date + 243,
        case when city % 8 = 3 then 'USD' else 'EUR' end, (4000 + price ^ 3 * 60000)::bigint
      from private.bench_properties where n % 10 < 3`;
    await tx`insert into public.property_seasons (property_id, name, starts_on, ends_on, currency, price)
      select id, 'Next summer', date_trunc('year', current_date)::date + 516, date_trunc('year', current_date)::date + 608,
        case when city % 8 = 3 then 'USD' else 'EUR' end, (4000 + price ^ 3 * 60000)::bigint
      from private.bench_properties where n % 10 < 3`;
    await addSpaces(tx);
    await tx`insert into public.property_ratings (property_id, review_count, overall)
      select id, 5, round((3 + 2 * rating)::numeric, 2) from private.bench_properties where n % 5 > 0`;
    await tx`insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights)
      select id, 'nights', current_date + 40, current_date + 60, 3 from private.bench_properties where n % 5 = 0`;
  });

  const [constraint] = await sql<{ definition: string }[]>`
    select pg_get_constraintdef(oid) as definition from pg_constraint where conname = 'occupancies_do_not_overlap'`;
  await sql`alter table public.occupancies drop constraint occupancies_do_not_overlap`;
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`select setseed(0.43)`;
    // stays of 2 to 7 nights with about 30 free nights between them, from a year ago on
    await tx`insert into public.occupancies (property_id, space_id, kind, check_in, check_out, preparation_after, booking_id)
      select s.id, s.id, 'booking', s.ends_on - s.nights, s.ends_on, s.after, gen_random_uuid()
      from (
        select r.id, r.after, r.nights,
          current_date - 365 + sum(r.nights + r.gap) over (partition by r.id order by r.k)::integer as ends_on
        from (
          select b.id, (b.n % 2)::smallint as after, k, 2 + floor(random() * 6)::integer as nights, 1 + floor(random() * 60)::integer as gap
          from private.bench_properties b, generate_series(1, 20) as k
        ) r
      ) s`;
  });
  await sql.unsafe(
    `alter table public.occupancies add constraint occupancies_do_not_overlap ${constraint?.definition}`,
  );
  await sql`insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'USD', 1.08)`;
  await sql`select private.rebuild_property_search()`;
  await sql`vacuum analyze`;
  return sql<City[]>`
    select c.id, c.latitude, c.longitude, count(*)::integer as properties
    from private.bench_cities c join private.bench_properties b on b.city = c.id
    group by c.id, c.latitude, c.longitude order by count(*) desc, c.id`;
}

/** Gives properties that were inserted without triggers their own spaces. */
export async function addSpaces(tx: TransactionSql): Promise<void> {
  await tx`insert into private.spaces (id, property_id) select id, id from public.properties on conflict do nothing`;
  await tx`insert into public.property_spaces (property_id, space_id) select id, id from public.properties on conflict do nothing`;
}

/** Adds line items and occupancies to bookings that were inserted without them. */
export async function completeBookings(tx: TransactionSql, ids: string[]): Promise<void> {
  await tx`insert into private.booking_line_items (
      booking_id, position, kind, description, quantity, unit_amount, amount, host_amount, included_amount, guest_id, host_id
    )
    select b.id, 1, 'nights'::public.line_kind, 'Nights', 1, b.guest_total, b.guest_total, b.guest_total, 0, b.guest_id, b.host_id
    from private.bookings b where b.id = any (${ids}::uuid[])
    union all
    select b.id, 2, 'host_platform_fee', 'Host service fee', 1, b.host_total - b.guest_total, 0, b.host_total - b.guest_total, 0,
      b.guest_id, b.host_id
    from private.bookings b where b.id = any (${ids}::uuid[]) and b.host_total <> b.guest_total`;
  await tx`insert into public.occupancies (property_id, space_id, kind, check_in, check_out, expires_at, booking_id)
    select b.property_id, b.property_id, 'booking', b.check_in, b.check_out, b.expires_at, b.id
    from private.bookings b where b.id = any (${ids}::uuid[]) and b.expires_at is not null`;
}
