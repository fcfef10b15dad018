// Writes a batch of listings: hosts, properties, addresses, amenities and photos, and publishes the complete properties.
//
// Properties are identified by (source, source_id). Only values that differ are written, and blank values change nothing, so a
// second run reports no changes. A property keeps its host: its public location depends on the host, and a second public location
// would reveal more of the exact one.
//
// Hosts become users without e-mail, phone and password, who cannot sign in. Their id is derived from source and number.
// When an administrator gives such a user an e-mail address, the import no longer changes the profile.
//
// A property is published when private.publishing_problems finds nothing missing. The number of guests is assumed where the file has
// none; a property without a price, or far from all others of the file, stays a draft.

import type { Sql, TransactionSql } from "postgres";
import type { Listing } from "./listing.ts";
import type { Location } from "./location.ts";

export interface WrittenListings {
  loaded: number;
  updated: number;
  unchanged: number;
  published: number;
  hosts: { loaded: number; updated: number };
  /** New properties whose number of guests was assumed. */
  assumedGuests: number;
  /** The reasons why properties are drafts, with the number of properties. */
  problems: { message: string; count: number }[];
  drafts: number;
}

export interface WriteContext {
  source: string;
  location: Location;
  /** Maximum number of guests where the file has none. */
  guests: number;
}

/** Writes a batch without duplicate source_ids, in one transaction. @throws the database's error; nothing is written then */
export async function writeListings(
  sql: Sql,
  listings: Listing[],
  context: WriteContext,
): Promise<WrittenListings> {
  return sql.begin(async (tx) => {
    await stage(tx, listings, context.source);
    const hosts = await writeHosts(tx, context.source);
    await updateProperties(tx, context);
    await insertProperties(tx, context);
    await writeAddresses(tx, context.location);
    await writeAmenities(tx);
    await writePhotos(tx);
    await publish(tx);
    return { hosts, ...(await outcome(tx)) };
  }) as Promise<WrittenListings>;
}

async function stage(tx: TransactionSql, listings: Listing[], source: string): Promise<void> {
  await tx`
    create temp table staged (
      source_id text primary key, title text, description text, property_type public.property_type,
      room_type public.room_type, max_guests smallint, bedrooms smallint, beds smallint, bathrooms numeric(3, 1),
      booking_mode public.booking_mode, min_nights smallint, max_nights smallint, max_pets smallint, base_price bigint,
      neighbourhood text, latitude double precision, longitude double precision, is_far boolean, time_zone text, photo_url text,
      amenities text[], host jsonb,
      host_id uuid, property_id uuid, is_new boolean not null default false, is_changed boolean not null default false
    ) on commit drop`;
  await tx`
    insert into staged
    select r.* from jsonb_populate_recordset(null::staged, ${tx.json(
      listings.map(({ line: _line, ...listing }) => ({ ...listing, is_new: false, is_changed: false })),
    )}) as r`;
  await tx`
    update staged
    set host_id = extensions.uuid_generate_v5(
        extensions.uuid_ns_url(), ${source}::text || '/hosts/' || (host ->> 'source_id')),
      property_id = (
        select p.id from public.properties p where p.source = ${source} and p.source_id = staged.source_id)`;
  await tx`analyze staged`;
}

async function writeHosts(tx: TransactionSql, source: string): Promise<WrittenListings["hosts"]> {
  // Auth fails on users whose tokens are null
  const inserted = await tx`
    insert into auth.users (
      id, aud, role, raw_app_meta_data, raw_user_meta_data, confirmation_token, recovery_token, email_change,
      email_change_token_new, email_change_token_current, phone_change, phone_change_token, reauthentication_token
    )
    select distinct on (s.host_id)
      s.host_id, 'authenticated', 'authenticated',
      jsonb_build_object('source', ${source}::text, 'source_id', s.host ->> 'source_id'),
      jsonb_build_object('display_name', coalesce(s.host ->> 'name', 'Host')),
      '', '', '', '', '', '', '', ''
    from staged s
    where not exists (select from auth.users u where u.id = s.host_id)
    order by s.host_id, s.source_id
    on conflict (id) do nothing`;
  const updated = await tx`
    update public.profiles p
    set display_name = coalesce(h.host ->> 'name', p.display_name), about = coalesce(h.host ->> 'about', p.about),
      member_since = coalesce((h.host ->> 'since')::date, p.member_since)
    from (select distinct on (s.host_id) s.host_id, s.host from staged s order by s.host_id, s.source_id) h
    join auth.users u on u.id = h.host_id and u.email is null and u.phone is null
    where p.id = h.host_id and p.deleted_at is null
      and (p.display_name, p.about, p.member_since) is distinct from (
        coalesce(h.host ->> 'name', p.display_name), coalesce(h.host ->> 'about', p.about),
        coalesce((h.host ->> 'since')::date, p.member_since))
    returning p.created_at = now() as is_new`;
  return { loaded: inserted.count, updated: updated.filter((row) => row.is_new !== true).length };
}

async function updateProperties(tx: TransactionSql, { location }: WriteContext): Promise<void> {
  await tx`
    with wanted as (
      select p.id, s.title, coalesce(s.description, p.description) as description,
        -- summary files have no property type, which becomes other
        case when s.property_type = 'other' and p.property_type is not null then p.property_type else s.property_type end
          as property_type,
        s.room_type, coalesce(s.max_guests, p.max_guests) as max_guests, coalesce(s.bedrooms, p.bedrooms) as bedrooms,
        coalesce(s.beds, p.beds) as beds, coalesce(s.bathrooms, p.bathrooms) as bathrooms, s.time_zone,
        coalesce(s.booking_mode, p.booking_mode) as booking_mode, coalesce(s.min_nights, p.min_nights) as min_nights,
        greatest(coalesce(s.max_nights, p.max_nights), coalesce(s.min_nights, p.min_nights)) as max_nights,
        coalesce(s.max_pets, p.max_pets) as max_pets,
        case when s.base_price is null then p.currency else ${location.currency} end as currency,
        coalesce(s.base_price, p.base_price) as base_price
      from staged s
      join public.properties p on p.id = s.property_id
    ), changed as (
      update public.properties p
      set title = w.title, description = w.description, property_type = w.property_type, room_type = w.room_type,
        max_guests = w.max_guests, bedrooms = w.bedrooms, beds = w.beds, bathrooms = w.bathrooms, time_zone = w.time_zone,
        booking_mode = w.booking_mode, min_nights = w.min_nights, max_nights = w.max_nights, max_pets = w.max_pets,
        currency = w.currency, base_price = w.base_price
      from wanted w
      where p.id = w.id and (
          p.title, p.description, p.property_type, p.room_type, p.max_guests, p.bedrooms, p.beds, p.bathrooms, p.time_zone,
          p.booking_mode, p.min_nights, p.max_nights, p.max_pets, p.currency, p.base_price
        ) is distinct from (
          w.title, w.description, w.property_type, w.room_type, w.max_guests, w.bedrooms, w.beds, w.bathrooms, w.time_zone,
          w.booking_mode, w.min_nights, w.max_nights, w.max_pets, w.currency, w.base_price
        )
      returning p.id
    )
    update staged set is_changed = true from changed c where c.id = property_id`;
}

async function insertProperties(
  tx: TransactionSql,
  { source, location, guests }: WriteContext,
): Promise<void> {
  await tx`
    with inserted as (
      insert into public.properties (
        source, source_id, host_id, title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms,
        time_zone, booking_mode, min_nights, max_nights, max_pets, currency, base_price
      )
      select ${source}, s.source_id, s.host_id, s.title, coalesce(s.description, ''), s.property_type, s.room_type,
        coalesce(s.max_guests, ${guests}::smallint), s.bedrooms, s.beds, s.bathrooms, s.time_zone,
        -- imported hosts cannot sign in to accept a request
        coalesce(s.booking_mode, 'instant'), coalesce(s.min_nights, 1),
        -- 31 nights by default, as for other properties
        greatest(coalesce(s.max_nights, 31), s.min_nights), coalesce(s.max_pets, 0), ${location.currency}, s.base_price
      from staged s
      where s.property_id is null
      order by s.source_id
      returning id, source_id
    )
    update staged s set property_id = i.id, is_new = true from inserted i where i.source_id = s.source_id`;
}

async function writeAddresses(tx: TransactionSql, { city, region, country }: Location): Promise<void> {
  await tx`
    with changed as (
      insert into public.property_addresses as a (
        property_id, neighbourhood, city, region, country, latitude, longitude
      )
      select s.property_id, s.neighbourhood, ${city}, ${region}, ${country}, s.latitude, s.longitude
      from staged s
      -- a known property stays where it is when its new coordinates are probably wrong
      where s.is_new or not s.is_far
      on conflict (property_id) do update
      set neighbourhood = coalesce(excluded.neighbourhood, a.neighbourhood), city = excluded.city,
        region = excluded.region, country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude
      where (a.neighbourhood, a.city, a.region, a.country, a.latitude, a.longitude) is distinct from (
        coalesce(excluded.neighbourhood, a.neighbourhood), excluded.city, excluded.region, excluded.country,
        excluded.latitude, excluded.longitude)
      returning property_id
    )
    update staged s set is_changed = true from changed c where c.property_id = s.property_id`;
}

async function writeAmenities(tx: TransactionSql): Promise<void> {
  await tx`
    with removed as (
      delete from public.property_amenities a using staged s
      where a.property_id = s.property_id and not s.is_new and a.amenity_id <> all (s.amenities)
      returning a.property_id
    ), added as (
      insert into public.property_amenities (property_id, amenity_id)
      select s.property_id, w.id from staged s cross join unnest(s.amenities) as w (id)
      on conflict do nothing
      returning property_id
    )
    update staged s set is_changed = true
    from (select property_id from removed union select property_id from added) c
    where c.property_id = s.property_id`;
}

/** Writes photos with an external_url. Photos that hosts uploaded have none and are not changed. */
async function writePhotos(tx: TransactionSql): Promise<void> {
  await tx`
    with changed as (
      update public.property_photos f set external_url = s.photo_url
      from staged s
      where f.property_id = s.property_id and f.external_url <> s.photo_url
      returning f.property_id
    ), added as (
      insert into public.property_photos (property_id, external_url, alt_text)
      select s.property_id, s.photo_url, 'Photo of ' || s.title
      from staged s
      where s.photo_url is not null and not exists (
        select from public.property_photos f where f.property_id = s.property_id and f.external_url is not null)
      returning property_id
    )
    update staged s set is_changed = true
    from (select property_id from changed union select property_id from added) c
    where c.property_id = s.property_id`;
}

/** Publishes complete drafts. Paused and suspended properties keep their status. */
async function publish(tx: TransactionSql): Promise<void> {
  await tx`
    with changed as (
      update public.properties p set status = 'published'
      from staged s
      where p.id = s.property_id and p.status = 'draft' and not s.is_far
        and not exists (select from private.publishing_problems(p.id))
      returning p.id
    )
    update staged s set is_changed = true from changed c where c.id = s.property_id`;
}

async function outcome(tx: TransactionSql): Promise<Omit<WrittenListings, "hosts">> {
  const [counts] = await tx<Omit<WrittenListings, "hosts" | "problems">[]>`
    select count(*) filter (where s.is_new)::integer as loaded,
      count(*) filter (where s.is_changed and not s.is_new)::integer as updated,
      count(*) filter (where not s.is_changed and not s.is_new)::integer as unchanged,
      count(*) filter (where s.is_new and s.max_guests is null)::integer as "assumedGuests",
      count(*) filter (where p.status = 'published')::integer as published,
      count(*) filter (where p.status = 'draft')::integer as drafts
    from staged s
    join public.properties p on p.id = s.property_id`;
  const problems = await tx<{ message: string; count: number }[]>`
    select q.message, count(*)::integer as count
    from staged s
    join public.properties p on p.id = s.property_id and p.status = 'draft'
    cross join lateral private.publishing_problems(p.id) q
    group by q.message`;
  if (counts === undefined) throw new Error("The count returned no row.");
  return { ...counts, problems };
}
