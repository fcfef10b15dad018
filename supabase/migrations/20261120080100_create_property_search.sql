-- Purpose: what search reads: a narrow row for every published property, with nothing in it that a stranger may not know.
-- Touches: private.fold_letters, area_names, lacks_mask, needs_mask, month_mask, private.property_search, private.price_spans, the views
-- that they are made from, triggers on properties and what hangs on them.
-- Watch: the view says what a row is, the triggers keep the table equal to it. A refresh locks the properties before it reads
-- them: of two changes at once the second sees what the first left. Bookings and blocks are not in here: they change too often,
-- and the index would lose the vacuum that its index-only scans need. Nights and days in here are bounds that no rule goes
-- beyond, so that they may sort out candidates; whether a stay can be booked is bookability's to say.

create function private.mercator(p_latitude double precision, p_longitude double precision) returns point
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
    return point(
        radians(p_longitude) * 6378137,
        ln(tan(pi() / 4 + radians(greatest(least(p_latitude, 85), -85)) / 2)) * 6378137
    );
end
$$;
comment on function private.mercator is
    'A point on the web map''s square, in its metres; beyond 85 degrees it stays at the edge. Called by search.';

create function private.fold_letters(p_text text) returns text
language sql stable
set search_path = ''
as $$
    select lower(extensions.unaccent(p_text))
$$;
comment on function private.fold_letters is
    'In lower case and without accents, so that "sao paulo" finds São Paulo. Called by search, of what is looked for and of what is found.';

create function private.area_names(p_area text) returns text[]
language sql stable
set search_path = ''
as $$
    select array_remove(string_to_array(regexp_replace(private.fold_letters(btrim(p_area)), '\s*,\s*', ',', 'g'), ','), '')
$$;
comment on function private.area_names is
    'The parts of a place such as "Alfama, Lisboa, PT", in lower case and without accents; null for null. Called by search, of what is looked for and of what is found: the name of a place may have a comma too.';

-- What most searches filter by is one comparison of bits, because every search makes it for every place on the map:
-- 0 to 8 parties of 2 to 10, 9 to 14 bedrooms from 1 to 6, 15 to 28 stays of 1 to 14 nights, then kinds of room, of booking and of
-- place, of which there is room for 28. What is beyond is compared later.
create function private.lacks_mask(
    p_max_guests integer, p_bedrooms integer, p_min_nights integer, p_max_nights integer,
    p_room_type public.room_type, p_booking_mode public.booking_mode, p_property_type public.property_type
) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
    return (
        select bit_or(1::bigint << b.bit)
        from (
            select n - 2 as bit from generate_series(2, 10) as n where n > p_max_guests
            union all
            select 8 + n from generate_series(1, 6) as n where n > p_bedrooms
            union all
            select 14 + n from generate_series(1, 14) as n where n not between p_min_nights and p_max_nights
            union all
            select 28 + array_position(enum_range(null::public.room_type), p_room_type)
            union all
            select 32 + array_position(enum_range(null::public.booking_mode), p_booking_mode)
            union all
            select 34 + array_position(enum_range(null::public.property_type), p_property_type)
        ) b
    );
end
$$;
comment on function private.lacks_mask is
    'What a place is not fit for, and of which kinds it is, as bits: it is out of the question when it shares one with needs_mask. Called by search.';

create function private.needs_mask(
    p_guests integer, p_bedrooms integer, p_nights integer,
    p_room_types public.room_type[], p_booking_mode public.booking_mode, p_property_types public.property_type[]
) returns bigint
language plpgsql immutable
set search_path = ''
as $$
declare
    v_bits constant bigint := case when p_guests > 1 then 1::bigint << (least(p_guests, 10) - 2) else 0 end
        | case when p_bedrooms > 0 then 1::bigint << (8 + least(p_bedrooms, 6)) else 0 end
        | case when p_nights <= 14 then 1::bigint << (14 + p_nights) else 0 end;
begin
    if num_nonnulls(p_room_types, p_booking_mode, p_property_types) = 0 then
        return v_bits;
    end if;
    return v_bits | (
        select coalesce(bit_or(1::bigint << k.bit::integer), 0)
        from (
            select 28 + n as bit from unnest(enum_range(null::public.room_type)) with ordinality as t (kind, n)
            where t.kind <> all (p_room_types)
            union all
            select 32 + n from unnest(enum_range(null::public.booking_mode)) with ordinality as t (kind, n)
            where t.kind <> p_booking_mode
            union all
            select 34 + n from unnest(enum_range(null::public.property_type)) with ordinality as t (kind, n)
            where t.kind <> all (p_property_types)
        ) k (bit)
    );
end
$$;
comment on function private.needs_mask is
    'What a search wants a place to be fit for, and the kinds that it does not want, as bits of lacks_mask; null for no matter. Called by search.';

create function private.month_mask(p_from date, p_until date) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    -- months since the year 0
    v_first constant integer := 12 * date_part('year', p_from) + date_part('month', p_from) - 1;
    v_last constant integer := least(12 * date_part('year', p_until - 1) + date_part('month', p_until - 1) - 1, v_first + 11);
    v_bits constant integer := ((1 << (v_last - v_first + 1)) - 1) << (v_first % 12);
begin
    return (v_bits | (v_bits >> 12)) & 4095;
end
$$;
comment on function private.month_mask is
    'The months, of any year, that have nights of [p_from, p_until): bit 0 for January; null for null. Called by search, of what is looked for and of what is found.';

-- What sorts and what most searches filter by comes first, and lies in an index that they read alone. It has columns of fixed
-- width without nulls only, and no more of them than it must: each costs every search a little for every place on the map.
create table private.property_search (
    property_id uuid constraint property_search_pkey primary key
        constraint property_search_property_fkey references public.properties (id) on delete cascade,
    strip integer not null,
    tile integer not null,
    x double precision not null,
    y double precision not null,
    lacks bigint not null,
    amenities bigint not null,
    base_price bigint not null,
    weekend_price bigint not null,
    own_price bigint not null,
    priced_months integer not null,
    least_night double precision not null,
    rent_share double precision not null,
    week_rent_share double precision not null,
    month_rent_share double precision not null,
    least_stay_fees double precision not null,
    least_night_fees double precision not null,
    least_tax double precision not null,
    tax_nights smallint not null,
    scale double precision not null,
    rating double precision not null,
    recommendation double precision not null,
    max_guests smallint not null,
    bedrooms smallint not null,
    min_nights smallint not null,
    max_nights smallint not null,
    max_infants smallint not null,
    max_pets smallint not null,
    children_allowed boolean not null,
    check_in_weekdays smallint not null,
    check_out_weekdays smallint not null,
    booking_window_days smallint not null,
    beds smallint not null,
    bathrooms real not null,
    fees_per_stay bigint not null,
    fees_per_night bigint not null,
    fees_per_guest bigint not null,
    fees_per_guest_night bigint not null,
    extra_guest_price bigint not null,
    extra_guests_after smallint not null,
    is_taxed boolean not null,
    currency text not null,
    cancellation_policy_id text not null,
    cover_photo jsonb,
    words tsvector not null,
    area_names text[] not null
);
comment on table private.property_search is 'Published properties as search reads them. Kept by triggers; rebuild_property_search makes it anew.';
comment on column private.property_search.strip is 'The map''s square is cut from west to east into strips of 2,000 of its metres; 0 begins at the equator.';
comment on column private.property_search.tile is 'The same square cut into tiles of 64,000 metres: row by 10,000, and column.';
comment on column private.property_search.x is 'The public point on the web map''s square, metres east of Greenwich.';
comment on column private.property_search.y is 'The same, metres north of the equator.';
comment on column private.property_search.amenities is 'Bits as in amenities.bit.';
comment on column private.property_search.lacks is 'What it is not fit for and what it is, as lacks_mask says.';
comment on column private.property_search.min_nights is 'The shortest stay that property, seasons and rules ever allow.';
comment on column private.property_search.max_nights is 'The longest stay that they ever allow.';
comment on column private.property_search.bedrooms is '-1 where an import did not tell.';
comment on column private.property_search.own_price is 'Of nights with a price of their own, by season or date, the lowest; base_price where there is none.';
comment on column private.property_search.priced_months is 'The months, of any year, that have such nights, as month_mask says.';
comment on column private.property_search.least_night is
    'What any night of any stay costs at least, in ten-thousandths of a whole unit: its price, or with a discount half a minor unit and a little less, for what is rounded down.';
comment on column private.property_search.rent_share is
    'What discounts leave at least of the rent of a stay below a week; 1 for no discount. This and the six columns after it bound the total of a stay from below; find_properties and price_stay say what it is.';
comment on column private.property_search.week_rent_share is 'The same for stays of 7 nights or more.';
comment on column private.property_search.month_rent_share is 'The same for stays of 28 nights or more.';
comment on column private.property_search.least_stay_fees is
    'Fees of a stay for one guest but those of nights, and by 1 + least_tax such taxes of a fixed amount, in minor units; less half a one for each of discount and taxes that may be rounded down.';
comment on column private.property_search.least_night_fees is 'The same of a night.';
comment on column private.property_search.least_tax is 'What taxes in per cent add at least to rent and fees; 0.1 is 10 per cent.';
comment on column private.property_search.tax_nights is 'Stays of up to so many nights pay every tax in full.';
comment on column private.property_search.scale is 'Ten-thousandths of a whole unit of the currency in a minor unit: 100 for EUR.';
comment on column private.property_search.rating is 'Average of reviews, 1 to 5; -1 before the first.';
comment on column private.property_search.recommendation is 'The rating, 4 before the first; 0.5 for instant booking and 0.01 an amenity.';
comment on column private.property_search.check_in_weekdays is 'Bit n for ISO weekday n.';
comment on column private.property_search.check_out_weekdays is 'Bit n for ISO weekday n.';
comment on column private.property_search.beds is '-1 where an import did not tell.';
comment on column private.property_search.bathrooms is '-1 where an import did not tell.';
comment on column private.property_search.fees_per_stay is 'Fees but pets'', in minor units, summed by how they are charged.';
comment on column private.property_search.is_taxed is 'Whether a tax comes on top of its prices.';
comment on column private.property_search.cover_photo is 'Of the first of its photos: path, external_url and alt_text; null without photos.';
comment on column private.property_search.words is 'Title, names of the place and description, without accents.';
comment on column private.property_search.area_names is 'Neighbourhood, city, region and country in lower case, without accents.';

create index property_search_tile_idx on private.property_search (strip, x) include (
    y, property_id, lacks, amenities, base_price, weekend_price, own_price,
    priced_months, rent_share, week_rent_share, month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, scale, rating,
    recommendation
);
-- The cheapest of a tile first, so that a search by price looks at those alone that may be among the cheapest.
create index property_search_price_idx on private.property_search (tile, least_night, property_id) include (
    x, y, lacks, amenities, base_price, weekend_price, own_price, priced_months, rent_share, week_rent_share,
    month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, scale
);
create index property_search_words_idx on private.property_search using gin (words);
create index property_search_area_names_idx on private.property_search using gin (area_names);
alter table private.property_search set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200);

alter table private.property_search enable row level security;

create function private.property_rating(p_property_id uuid) returns double precision
language sql stable
set search_path = ''
as $$
    select r.overall::double precision from public.property_ratings r where r.property_id = p_property_id
$$;
comment on function private.property_rating is
    'Average of a property''s published reviews, null before the first. Called by property_search_source.';

create view private.property_search_source as
select
    p.id as property_id,
    floor(m.place[1] / 2000)::integer as strip,
    floor(m.place[1] / 64000)::integer * 10000 + floor(m.place[0] / 64000)::integer as tile,
    m.place[0] as x,
    m.place[1] as y,
    private.lacks_mask(
        p.max_guests, coalesce(p.bedrooms, -1), n.shortest, n.longest, p.room_type, p.booking_mode, p.property_type
    ) as lacks,
    a.bits as amenities,
    p.base_price,
    coalesce(p.weekend_price, p.base_price) as weekend_price,
    coalesce(least(s.own_price, o.own_price), p.base_price) as own_price,
    coalesce(s.priced_months, 0) | coalesce(o.priced_months, 0) as priced_months,
    case
        when d.highest > 0
            then greatest(least(p.base_price, p.weekend_price, s.own_price, o.own_price) * (1 - d.highest / 100.0::double precision) - 0.52, 0)
        else least(p.base_price, p.weekend_price, s.own_price, o.own_price)
    end * 10.0::double precision ^ (4 - c.minor_unit) as least_night,
    1 - d.other / 100.0::double precision as rent_share,
    1 - coalesce(d.weekly, d.other) / 100.0::double precision as week_rent_share,
    1 - coalesce(d.monthly, d.weekly, d.other) / 100.0::double precision as month_rent_share,
    f.per_stay + f.per_guest + t.per_stay / (1 + t.least_percent / 100)
        - case when d.highest > 0 then 0.51 else 0 end - t.percents * 0.51 as least_stay_fees,
    f.per_night + f.per_guest_night + t.per_night / (1 + t.least_percent / 100) as least_night_fees,
    t.least_percent / 100 as least_tax,
    t.nights as tax_nights,
    10.0::double precision ^ (4 - c.minor_unit) as scale,
    coalesce(g.rating, -1) as rating,
    coalesce(g.rating, 4) + case p.booking_mode when 'instant' then 0.5 else 0 end + bit_count(a.bits::bit(64)) * 0.01 as recommendation,
    p.max_guests,
    coalesce(p.bedrooms, -1::smallint) as bedrooms,
    n.shortest as min_nights,
    n.longest as max_nights,
    p.max_infants,
    p.max_pets,
    coalesce(h.children_allowed, true) as children_allowed,
    (select sum(1 << w)::smallint from unnest(p.check_in_weekdays) as w) as check_in_weekdays,
    (select sum(1 << w)::smallint from unnest(p.check_out_weekdays) as w) as check_out_weekdays,
    p.booking_window_days,
    coalesce(p.beds, -1::smallint) as beds,
    coalesce(p.bathrooms::real, -1) as bathrooms,
    f.per_stay as fees_per_stay,
    f.per_night as fees_per_night,
    f.per_guest as fees_per_guest,
    f.per_guest_night as fees_per_guest_night,
    p.extra_guest_price,
    p.extra_guests_after,
    t.is_taxed,
    p.currency,
    p.cancellation_policy_id,
    (
        select jsonb_build_object('path', o.path, 'external_url', o.external_url, 'alt_text', o.alt_text)
        from public.property_photos o
        where o.property_id = p.id
        order by o.position, o.id
        limit 1
    ) as cover_photo,
    to_tsvector('simple', private.fold_letters(
        concat_ws(' ', p.title, p.neighbourhood, p.city, p.region, p.country, p.description)
    )) as words,
    private.area_names(concat_ws(',', p.neighbourhood, p.city, p.region, p.country)) as area_names
from public.properties p
join public.currencies c on c.code = p.currency
cross join lateral (select private.mercator(p.public_latitude, p.public_longitude) as place) m
cross join lateral (
    select coalesce(bit_or(1::bigint << a.bit), 0) as bits
    from public.property_amenities pa
    join public.amenities a on a.id = pa.amenity_id
    where pa.property_id = p.id
) a
cross join lateral (select private.property_rating(p.id) as rating) g
cross join lateral (
    select
        greatest(p.early_bird_discount_percent, p.last_minute_discount_percent) as other,
        nullif(p.weekly_discount_percent, 0) as weekly,
        nullif(p.monthly_discount_percent, 0) as monthly,
        greatest(
            p.early_bird_discount_percent, p.last_minute_discount_percent, p.weekly_discount_percent, p.monthly_discount_percent
        ) as highest
) d
left join lateral (
    select
        min(s.price) as own_price,
        bit_or(private.month_mask(s.starts_on, s.ends_on)) filter (where s.price is not null) as priced_months,
        min(s.min_nights) as min_nights,
        max(s.max_nights) as max_nights
    from public.property_seasons s
    where s.property_id = p.id
) s on true
left join lateral (
    select min(o.price) as own_price, bit_or(private.month_mask(o.starts_on, o.ends_on)) as priced_months
    from public.property_date_overrides o
    where o.property_id = p.id
) o on true
left join lateral (
    select min(r.min_nights) as min_nights, max(r.max_nights) as max_nights
    from public.property_availability_rules r
    where r.property_id = p.id and r.kind = 'nights'
) r on true
cross join lateral (
    select least(p.min_nights, s.min_nights, r.min_nights) as shortest, greatest(p.max_nights, s.max_nights, r.max_nights) as longest
) n
cross join lateral (select private.children_allowed(p.id) as children_allowed) h
cross join lateral (
    select
        coalesce(sum(f.amount) filter (where f.charge = 'per_booking'), 0)::bigint as per_stay,
        coalesce(sum(f.amount) filter (where f.charge = 'per_night'), 0)::bigint as per_night,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest'), 0)::bigint as per_guest,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest_night'), 0)::bigint as per_guest_night
    from public.property_fees f
    where f.property_id = p.id and f.kind <> 'pet'
) f
cross join lateral (
    select
        count(*) > 0 as is_taxed,
        count(t.percent) as percents,
        coalesce(sum(t.amount) filter (where t.charge in ('per_booking', 'per_guest')), 0)::double precision as per_stay,
        coalesce(sum(t.amount) filter (where t.charge in ('per_night', 'per_guest_night')), 0)::double precision as per_night,
        coalesce(min(least(t.max_nights, t.exempt_from_nights - 1)), 32767)::smallint as nights,
        least(
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'rent')), 0),
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'fees')), 0)
        )::double precision as least_percent
    from public.property_taxes t
    where t.property_id = p.id and not t.is_inclusive
) t
where p.status = 'published';
comment on view private.property_search_source is 'What property_search holds, worked out anew.';

create table private.price_spans (
    property_id uuid not null constraint price_spans_property_fkey references public.properties (id) on delete cascade,
    starts_on date not null,
    ends_on date not null,
    price bigint not null,
    constraint price_spans_pkey primary key (property_id, ends_on) include (starts_on, price)
);
comment on table private.price_spans is
    'Nights of published properties with a price of their own, as ranges that do not overlap: date overrides, and seasons without them. With it the rent of a stay is one look at an index.';
alter table private.price_spans set (autovacuum_vacuum_insert_scale_factor = 0.05);
alter table private.price_spans enable row level security;

create view private.price_spans_source as
select o.property_id, o.starts_on, o.ends_on, o.price
from public.property_date_overrides o
join public.properties p on p.id = o.property_id and p.status = 'published'
union all
select s.property_id, lower(r.nights), upper(r.nights), s.price
from public.property_seasons s
join public.properties p on p.id = s.property_id and p.status = 'published'
cross join lateral (
    select unnest(datemultirange(daterange(s.starts_on, s.ends_on)) - coalesce(
        (select range_agg(daterange(o.starts_on, o.ends_on)) from public.property_date_overrides o where o.property_id = s.property_id), '{}'
    )) as nights
) r
where s.price is not null;
comment on view private.price_spans_source is 'What price_spans holds, worked out anew.';

create function private.refresh_property_search(p_properties uuid[]) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    -- a statement of its own: the next one then sees what whoever held the lock has done
    perform from public.properties p where p.id = any (p_properties) order by p.id for no key update;

    -- a draft has no row and gets none; an import writes thousands of them, one by one where triggers do
    p_properties := array(
        select p.id from public.properties p where p.id = any (p_properties) and p.status = 'published'
        union
        select t.property_id from private.property_search t where t.property_id = any (p_properties)
    );
    if p_properties = '{}' then
        return;
    end if;

    delete from private.property_search t
    where t.property_id = any (p_properties)
        and not exists (select from public.properties p where p.id = t.property_id and p.status = 'published');

    insert into private.property_search as t
    select s.* from private.property_search_source s
    where s.property_id = any (p_properties)
    on conflict on constraint property_search_pkey do update set
        (
            strip, tile, x, y, lacks, amenities, base_price, weekend_price, own_price, priced_months, least_night, rent_share,
            week_rent_share, month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, scale, rating,
            recommendation, max_guests, bedrooms, min_nights, max_nights, max_infants, max_pets, children_allowed,
            check_in_weekdays, check_out_weekdays, booking_window_days, beds, bathrooms, fees_per_stay, fees_per_night,
            fees_per_guest, fees_per_guest_night, extra_guest_price, extra_guests_after, is_taxed, currency, cancellation_policy_id,
            cover_photo, words, area_names
        ) = row (
            excluded.strip, excluded.tile, excluded.x, excluded.y, excluded.lacks, excluded.amenities, excluded.base_price,
            excluded.weekend_price, excluded.own_price, excluded.priced_months, excluded.least_night, excluded.rent_share,
            excluded.week_rent_share, excluded.month_rent_share, excluded.least_stay_fees, excluded.least_night_fees,
            excluded.least_tax, excluded.tax_nights, excluded.scale, excluded.rating, excluded.recommendation,
            excluded.max_guests, excluded.bedrooms, excluded.min_nights, excluded.max_nights, excluded.max_infants,
            excluded.max_pets, excluded.children_allowed, excluded.check_in_weekdays, excluded.check_out_weekdays,
            excluded.booking_window_days, excluded.beds, excluded.bathrooms, excluded.fees_per_stay, excluded.fees_per_night,
            excluded.fees_per_guest, excluded.fees_per_guest_night, excluded.extra_guest_price, excluded.extra_guests_after, excluded.is_taxed,
            excluded.currency, excluded.cancellation_policy_id, excluded.cover_photo, excluded.words, excluded.area_names
        )
    where t is distinct from excluded;

    delete from private.price_spans t
    where t.property_id = any (p_properties) and not exists (
        select from private.price_spans_source s
        where (s.property_id, s.starts_on, s.ends_on, s.price) = (t.property_id, t.starts_on, t.ends_on, t.price)
    );
    insert into private.price_spans
    select s.* from private.price_spans_source s
    where s.property_id = any (p_properties)
    on conflict on constraint price_spans_pkey do nothing;
end
$$;
comment on function private.refresh_property_search is
    'Makes the rows of these properties anew, and writes those that changed. Called by refresh_search. Definer, because it runs for whoever changes a property.';

create function private.refresh_search() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_key constant text := tg_argv[0];
    v_properties uuid[];
begin
    execute case tg_op
        when 'INSERT' then format('select array_agg(distinct %1$I) from new_rows', v_key)
        when 'DELETE' then format('select array_agg(distinct %1$I) from old_rows', v_key)
        else format('select array_agg(distinct %1$I) from (select %1$I from new_rows union all select %1$I from old_rows) r', v_key)
    end into v_properties;
    if v_properties is not null then
        perform private.refresh_property_search(v_properties);
    end if;
    return null;
end
$$;
comment on function private.refresh_search is
    'Trigger after a statement, with the column that names the property as argument: keeps property_search equal to its source. Definer, because it runs for whoever changes a property.';

-- A property begins as a draft, so there is nothing to do when it is made; when it is deleted, its row goes with it.
create trigger _200_refresh_search after update on public.properties
    referencing old table as old_rows new table as new_rows for each statement execute function private.refresh_search('id');
create trigger _200_refresh_search after insert on public.house_rules
    referencing new table as new_rows for each statement execute function private.refresh_search('property_id');
do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'property_amenities', 'property_photos', 'property_seasons', 'property_date_overrides', 'property_availability_rules',
        'property_fees', 'property_taxes'
    ] loop
        execute format(
            'create trigger _200_refresh_search after insert on public.%I referencing new table as new_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
        execute format(
            'create trigger _200_refresh_search_on_update after update on public.%I referencing old table as old_rows new table as new_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
        execute format(
            'create trigger _100_refresh_search_after_delete after delete on public.%I referencing old table as old_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
    end loop;
end
$$;

create function private.rebuild_property_search() returns bigint
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count bigint;
begin
    lock table public.properties in share row exclusive mode;
    delete from private.property_search;
    delete from private.price_spans;
    insert into private.price_spans select s.* from private.price_spans_source s;
    insert into private.property_search select s.* from private.property_search_source s;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function private.rebuild_property_search is
    'Makes property_search and price_spans anew and says how many properties there are. For the owner of the database, after triggers were off. Definer, as refresh_property_search.';

create function private.refresh_search_rating() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.refresh_property_search(array[new.property_id]);
    return null;
end
$$;
comment on function private.refresh_search_rating is
    'Trigger: brings a property''s new average to search. Definer, because no role may write the projection.';

create trigger _200_refresh_search after insert or update of overall on public.property_ratings
    for each row execute function private.refresh_search_rating();

-- places that were published before there was a search
select private.rebuild_property_search();
