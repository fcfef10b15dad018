-- Purpose: what search reads: one narrow row for each published property, with nothing in it that the public may not know.
-- Touches: private.property_search and price_spans with their source views; triggers on properties and the tables that describe
-- them.
-- Watch: the source views define the rows; triggers keep the tables equal to them, under a lock on each property. Bookings and
-- blocks are left out: they change so often that index-only scans would suffer. The limits of nights and days are the widest
-- that any rule allows; they only exclude candidates, and private.broken_rules decides.

-- The columns that sort and filter most searches come first and are in an index, so that searches read only the index. They have
-- a fixed width and no nulls, and are as few as possible: each one costs every search time for every property in the area.
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
    currency_number smallint not null,
    scale double precision not null,
    rating_key double precision not null,
    recommendation_key double precision not null,
    sample_key double precision not null,
    rating double precision not null,
    max_guests smallint not null,
    unit_count smallint not null,
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
    exempts_children boolean not null,
    currency text not null,
    cancellation_policy_id text not null,
    cover_photo jsonb,
    words tsvector not null,
    area_names text[] not null
);
comment on table private.property_search is 'Published properties as search reads them. Triggers keep it equal to property_search_source; rebuild_property_search rebuilds it.';
comment on column private.property_search.strip is 'The horizontal strip of the map, 2,000 Web Mercator metres high; strip 0 begins at the equator.';
comment on column private.property_search.tile is 'The square tile of the map, 64,000 Web Mercator metres wide: 10,000 times its row, plus its column.';
comment on column private.property_search.x is 'Web Mercator x of the public point: metres east of Greenwich.';
comment on column private.property_search.y is 'Web Mercator y of the public point: metres north of the equator.';
comment on column private.property_search.amenities is 'The amenities of the property, as bits of amenities.bit.';
comment on column private.property_search.lacks is 'The result of lacks_mask: what the property cannot offer, and its types.';
comment on column private.property_search.min_nights is 'The shortest stay that the property, a season, an availability rule or a gap allows on any date.';
comment on column private.property_search.max_nights is 'The longest stay that the property, a season or an availability rule allows on any date.';
comment on column private.property_search.unit_count is 'Number of identical units.';
comment on column private.property_search.bedrooms is '-1 when unknown, as for some imported properties.';
comment on column private.property_search.own_price is 'The lowest price of a season or date override; base_price when there is none.';
comment on column private.property_search.priced_months is 'The months, of any year, with nights priced by a season or date override, as bits of month_mask.';
comment on column private.property_search.least_night is
    'Bound: no night of any stay costs less, in ten-thousandths of a whole currency unit. With a discount it is lowered by 0.52 steps for rounding.';
comment on column private.property_search.rent_share is
    'Bound: the smallest share of the rent that discounts leave of a stay under 7 nights; 1 without discounts. With the six columns after it find_candidates computes the least that a stay can cost, less what rounding to minor units may take; for a larger step the shares are lower by what its rounding may take.';
comment on column private.property_search.week_rent_share is 'Bound: the same share for stays of 7 to 27 nights.';
comment on column private.property_search.month_rent_share is 'Bound: the same share for stays of 28 nights or more.';
comment on column private.property_search.least_stay_fees is
    'Bound: fees per booking and per guest for one guest, plus such taxes of a fixed amount divided by 1 + least_tax, in minor units. It is lowered by 0.51 steps for the discount and for each percentage tax, for rounding.';
comment on column private.property_search.least_night_fees is 'Bound: fees and fixed taxes per night for one guest, in minor units.';
comment on column private.property_search.least_tax is 'Bound: the least share that percentage taxes add to rent and fees; 0.1 is 10 per cent.';
comment on column private.property_search.tax_nights is 'The most nights of a stay of which every night pays every tax. Longer stays need price_stay for their total.';
comment on column private.property_search.scale is 'Ten-thousandths of a whole currency unit in one minor unit: 100 for EUR, 10,000 for JPY, 10 for KWD.';
comment on column private.property_search.currency_number is 'The result of currency_number.';
comment on column private.property_search.rating_key is 'Position in the order by rating: 5 minus the rating; 9 without reviews.';
comment on column private.property_search.recommendation_key is
    'Position in the recommended order: 10 minus the rating, which is 4 without reviews; minus 0.5 for instant booking and 0.01 for each amenity.';
comment on column private.property_search.sample_key is 'Position in an order that has nothing to do with the property, evenly spread from 0 to 1: the first ones are a random sample.';
comment on column private.property_search.rating is 'Average rating, 1 to 5; -1 without reviews.';
comment on column private.property_search.check_in_weekdays is 'Weekdays on which a stay may begin: bit n is ISO weekday n.';
comment on column private.property_search.check_out_weekdays is 'Weekdays on which a stay may end: bit n is ISO weekday n.';
comment on column private.property_search.beds is '-1 when unknown, as for some imported properties.';
comment on column private.property_search.bathrooms is '-1 when unknown, as for some imported properties.';
comment on column private.property_search.fees_per_stay is 'Fees per booking except pet fees, in minor units. The three columns after it sum fees of the other charges.';
comment on column private.property_search.is_taxed is 'Whether a tax is added to its prices.';
comment on column private.property_search.exempts_children is 'Whether a fee or added tax exempts children by age. Stays with children need price_stay for their total.';
comment on column private.property_search.cover_photo is 'Path, external_url and alt_text of its first photo; null without photos.';
comment on column private.property_search.words is 'Words of title, address names and description, without accents.';
comment on column private.property_search.area_names is 'Neighbourhood, city, region and country in lower case without accents.';

create index property_search_tile_idx on private.property_search (strip, x) include (
    y, property_id, lacks, amenities, base_price, weekend_price, own_price,
    priced_months, rent_share, week_rent_share, month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, currency_number, scale,
    rating_key, recommendation_key
);
-- The first in each order, of a tile or of the world: a search reads only those that may be on its page. Prices of one currency only
-- keep their order whatever the exchange rates do.
create index property_search_price_idx on private.property_search (tile, currency_number, least_night, property_id) include (
    x, y, lacks, amenities, base_price, weekend_price, own_price, priced_months, rent_share, week_rent_share,
    month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, scale
);
create index property_search_world_price_idx on private.property_search (currency_number, least_night, property_id) include (
    x, y, lacks, amenities, base_price, weekend_price, own_price, priced_months, rent_share, week_rent_share,
    month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, scale
);
create index property_search_rating_idx on private.property_search (tile, currency_number, rating_key, property_id)
    include (x, y, lacks, amenities, least_night);
create index property_search_world_rating_idx on private.property_search (currency_number, rating_key, property_id)
    include (x, y, lacks, amenities, least_night);
create index property_search_recommended_idx on private.property_search (tile, currency_number, recommendation_key, property_id)
    include (x, y, lacks, amenities, least_night);
create index property_search_world_recommended_idx on private.property_search (currency_number, recommendation_key, property_id)
    include (x, y, lacks, amenities, least_night);
create index property_search_sample_idx on private.property_search (tile, currency_number, sample_key, property_id)
    include (x, y, lacks, amenities, least_night);
create index property_search_world_sample_idx on private.property_search (currency_number, sample_key, property_id)
    include (x, y, lacks, amenities, least_night);
-- for words and names that few properties have, or none of the first
create index property_search_names_idx on private.property_search using gin (
    area_names, words, (array[tile]), private.search_bands(tile, currency_number, least_night, rating_key, recommendation_key)
);
alter table private.property_search set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200);

alter table private.property_search enable row level security;

-- in PL/pgSQL, which keeps its plan: every refresh of a property calls it
create function private.property_rating(p_property_id uuid) returns double precision
language plpgsql stable
set search_path = ''
as $$
begin
    return (select r.overall from public.property_ratings r where r.property_id = p_property_id);
end
$$;
comment on function private.property_rating is
    'The average rating of a property''s published reviews; null without reviews.';

create view private.property_search_source as
select
    p.id as property_id,
    floor(m.point[1] / 2000)::integer as strip,
    floor(m.point[1] / 64000)::integer * 10000 + floor(m.point[0] / 64000)::integer as tile,
    m.point[0] as x,
    m.point[1] as y,
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
            then greatest(least(p.base_price, p.weekend_price, s.own_price, o.own_price) * (1 - d.highest / 100.0::double precision) - 0.52 * c.step, 0)
        else least(p.base_price, p.weekend_price, s.own_price, o.own_price)
    end * 10.0::double precision ^ (4 - c.minor_unit) as least_night,
    1 - d.other / 100.0::double precision - e.rounding as rent_share,
    1 - coalesce(d.weekly, d.other) / 100.0::double precision - e.rounding as week_rent_share,
    1 - coalesce(d.monthly, d.weekly, d.other) / 100.0::double precision - e.rounding as month_rent_share,
    f.per_stay + f.per_guest + t.per_stay / (1 + t.least_percent / 100)
        - (case when d.highest > 0 then 0.51 else 0 end + t.percents * 0.51) * c.step as least_stay_fees,
    f.per_night + f.per_guest_night + t.per_night / (1 + t.least_percent / 100) as least_night_fees,
    t.least_percent / 100 as least_tax,
    t.nights as tax_nights,
    private.currency_number(p.currency) as currency_number,
    10.0::double precision ^ (4 - c.minor_unit) as scale,
    case when g.rating is null then 9 else 5 - g.rating end as rating_key,
    10 - (coalesce(g.rating, 4) + case p.booking_mode when 'instant' then 0.5 else 0 end + bit_count(a.bits::bit(64)) * 0.01)
    as recommendation_key,
    private.sample_key(p.id) as sample_key,
    coalesce(g.rating, -1) as rating,
    p.max_guests,
    p.unit_count,
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
    f.exempts_children or t.exempts_children as exempts_children,
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
cross join lateral (select private.mercator(p.public_latitude, p.public_longitude) as point) m
-- a left join of an aggregate is left out of queries that ask for none of its columns
left join lateral (
    select coalesce(bit_or(1::bigint << a.bit), 0) as bits
    from public.property_amenities pa
    join public.amenities a on a.id = pa.amenity_id
    where pa.property_id = p.id
) a on true
cross join lateral (select private.property_rating(p.id) as rating offset 0) g
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
    -- what find_candidates subtracts for rounding, as a share of the lowest rent, for the steps beyond the first minor unit
    select 1.26 * (c.step - 1) / least(p.base_price, p.weekend_price, s.own_price, o.own_price)::double precision as rounding
) e
cross join lateral (
    select least(p.min_nights, s.min_nights, r.min_nights, p.gap_min_nights) as shortest, greatest(p.max_nights, s.max_nights, r.max_nights) as longest
) n
cross join lateral (select private.children_allowed(p.id) as children_allowed) h
left join lateral (
    select
        coalesce(sum(f.amount) filter (where f.charge = 'per_booking'), 0)::bigint as per_stay,
        coalesce(sum(f.amount) filter (where f.charge = 'per_night'), 0)::bigint as per_night,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest'), 0)::bigint as per_guest,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest_night'), 0)::bigint as per_guest_night,
        count(f.exempt_under_age) > 0 as exempts_children
    from public.property_fees f
    where f.property_id = p.id and f.kind <> 'pet'
) f on true
left join lateral (
    select
        count(*) > 0 as is_taxed,
        count(t.exempt_under_age) > 0 as exempts_children,
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
) t on true
where p.status = 'published';
comment on view private.property_search_source is 'The rows that property_search must hold.';

create table private.price_spans (
    property_id uuid not null constraint price_spans_property_fkey references public.properties (id) on delete cascade,
    starts_on date not null,
    ends_on date not null,
    price bigint not null,
    constraint price_spans_pkey primary key (property_id, ends_on) include (starts_on, price)
);
comment on table private.price_spans is
    'Ranges of nights that a season or date override of a published property prices, without overlaps; overrides replace seasons. Search reads the prices of a stay from its index.';
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
    select unnest(datemultirange(daterange(s.starts_on, s.ends_on)) - coalesce((
        select range_agg(daterange(o.starts_on, o.ends_on))
        from public.property_date_overrides o
        where o.property_id = s.property_id and o.starts_on < s.ends_on and o.ends_on > s.starts_on
    ), '{}')) as nights
) r
where s.price is not null;
comment on view private.price_spans_source is 'The rows that price_spans must hold.';

create function private.refresh_property_search(p_properties uuid[], p_dates_only boolean default false) returns void
language plpgsql security definer
set search_path = ''
-- planning for each call took longer than running
set plan_cache_mode = force_generic_plan
as $$
begin
    -- a separate statement, so that the next one sees what earlier holders of the lock committed
    perform from public.properties p where p.id = any (p_properties) order by p.id for no key update;

    -- drafts have no row: an import writes thousands of them, some row by row
    p_properties := array(
        select p.id from public.properties p where p.id = any (p_properties) and p.status = 'published'
        union
        select t.property_id from private.property_search t where t.property_id = any (p_properties)
    );
    if p_properties = '{}' then
        return;
    end if;

    if p_dates_only then
        with dates as materialized (
            select
                s.property_id, s.lacks, s.own_price, s.priced_months, s.least_night, s.rent_share, s.week_rent_share, s.month_rent_share,
                s.min_nights, s.max_nights
            from private.property_search_source s
            where s.property_id = any (p_properties)
        )
        update private.property_search t
        set
            (lacks, own_price, priced_months, least_night, rent_share, week_rent_share, month_rent_share, min_nights, max_nights) = row (
                d.lacks, d.own_price, d.priced_months, d.least_night, d.rent_share, d.week_rent_share, d.month_rent_share, d.min_nights, d.max_nights
            )
        from dates d
        where
            t.property_id = d.property_id
            and (
                t.lacks, t.own_price, t.priced_months, t.least_night, t.rent_share, t.week_rent_share, t.month_rent_share, t.min_nights, t.max_nights
            ) is distinct from (
                d.lacks, d.own_price, d.priced_months, d.least_night, d.rent_share, d.week_rent_share, d.month_rent_share, d.min_nights, d.max_nights
            );
    else
        delete from private.property_search t
        where t.property_id = any (p_properties)
            and not exists (select from public.properties p where p.id = t.property_id and p.status = 'published');

        insert into private.property_search as t
        select s.* from private.property_search_source s
        where s.property_id = any (p_properties)
        on conflict on constraint property_search_pkey do update set
            (
                strip, tile, x, y, lacks, amenities, base_price, weekend_price, own_price, priced_months, least_night, rent_share,
                week_rent_share, month_rent_share, least_stay_fees, least_night_fees, least_tax, tax_nights, currency_number, scale,
                rating_key, recommendation_key, sample_key, rating, max_guests, unit_count, bedrooms, min_nights, max_nights,
                max_infants, max_pets, children_allowed, check_in_weekdays, check_out_weekdays, booking_window_days, beds, bathrooms, fees_per_stay, fees_per_night,
                fees_per_guest, fees_per_guest_night, extra_guest_price, extra_guests_after, is_taxed, exempts_children, currency, cancellation_policy_id,
                cover_photo, words, area_names
            ) = row (
                excluded.strip, excluded.tile, excluded.x, excluded.y, excluded.lacks, excluded.amenities, excluded.base_price,
                excluded.weekend_price, excluded.own_price, excluded.priced_months, excluded.least_night, excluded.rent_share,
                excluded.week_rent_share, excluded.month_rent_share, excluded.least_stay_fees, excluded.least_night_fees,
                excluded.least_tax, excluded.tax_nights, excluded.currency_number, excluded.scale, excluded.rating_key,
                excluded.recommendation_key, excluded.sample_key, excluded.rating, excluded.max_guests, excluded.unit_count, excluded.bedrooms,
                excluded.min_nights, excluded.max_nights, excluded.max_infants, excluded.max_pets, excluded.children_allowed, excluded.check_in_weekdays, excluded.check_out_weekdays,
                excluded.booking_window_days, excluded.beds, excluded.bathrooms, excluded.fees_per_stay, excluded.fees_per_night,
                excluded.fees_per_guest, excluded.fees_per_guest_night, excluded.extra_guest_price, excluded.extra_guests_after, excluded.is_taxed,
                excluded.exempts_children, excluded.currency, excluded.cancellation_policy_id, excluded.cover_photo, excluded.words, excluded.area_names
            )
        where t is distinct from excluded;
    end if;

    with wanted as materialized (
        select s.* from private.price_spans_source s where s.property_id = any (p_properties)
    ),
    gone as (
        delete from private.price_spans t
        where t.property_id = any (p_properties) and (t.property_id, t.ends_on) not in (select w.property_id, w.ends_on from wanted w)
    )
    insert into private.price_spans as t
    select w.* from wanted w
    where (w.property_id, w.ends_on, w.starts_on, w.price) not in (
        select o.property_id, o.ends_on, o.starts_on, o.price from private.price_spans o where o.property_id = any (p_properties)
    )
    on conflict on constraint price_spans_pkey do update set (starts_on, price) = row (excluded.starts_on, excluded.price);
end
$$;
comment on function private.refresh_property_search is
    'Computes the rows of these properties, or only what dated prices and rules decide of them, and writes those that changed. Definer, because no API role may write property_search.';

create function private.refresh_search() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_key constant text := tg_argv[0];
    v_properties uuid[];
begin
    if current_setting('staybase.refresh_search', true) = 'later' then
        return null;
    end if;
    execute case tg_op
        when 'INSERT' then format('select array_agg(distinct %1$I) from new_rows', v_key)
        when 'DELETE' then format('select array_agg(distinct %1$I) from old_rows', v_key)
        else format('select array_agg(distinct %1$I) from (select %1$I from new_rows union all select %1$I from old_rows) r', v_key)
    end into v_properties;
    if v_properties is not null then
        perform private.refresh_property_search(v_properties, coalesce(tg_argv[1] = 'dates', false));
    end if;
    return null;
end
$$;
comment on function private.refresh_search is
    'Trigger after a statement: refreshes the properties whose ids are in the column that its argument names, with the argument `dates` only what dates decide, unless set_calendar does it itself. Definer, because no API role may write property_search.';

-- Inserts need no trigger, because a property begins as a draft; deletes cascade to property_search.
create trigger _200_refresh_search after update on public.properties
    referencing old table as old_rows new table as new_rows for each statement execute function private.refresh_search('id');
create trigger _200_refresh_search after insert on public.house_rules
    referencing new table as new_rows for each statement execute function private.refresh_search('property_id');
do $$
declare
    v_table text;
    v_function text;
begin
    foreach v_table in array array[
        'property_amenities', 'property_photos', 'property_seasons', 'property_date_overrides', 'property_availability_rules',
        'property_fees', 'property_taxes'
    ] loop
        v_function := case
            when v_table in ('property_seasons', 'property_date_overrides', 'property_availability_rules')
                then 'private.refresh_search(''property_id'', ''dates'')'
            else 'private.refresh_search(''property_id'')'
        end;
        execute format(
            'create trigger _200_refresh_search after insert on public.%I referencing new table as new_rows '
            'for each statement execute function %s', v_table, v_function
        );
        execute format(
            'create trigger _200_refresh_search_on_update after update on public.%I referencing old table as old_rows new table as new_rows '
            'for each statement execute function %s', v_table, v_function
        );
        execute format(
            'create trigger _100_refresh_search_after_delete after delete on public.%I referencing old table as old_rows '
            'for each statement execute function %s', v_table, v_function
        );
    end loop;
end
$$;

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
    'Trigger: updates the rating of a property in search. Definer, because no API role may write property_search.';

create trigger _200_refresh_search after insert or update of overall on public.property_ratings
    for each row execute function private.refresh_search_rating();
