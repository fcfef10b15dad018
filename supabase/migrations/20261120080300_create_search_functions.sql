-- Purpose: search for clients: published properties in an area that a party can book, a page at a time, and their number.
-- Touches: private.find_area, circle_box, wrap_longitude, search_arrivals, search_currency, check_search; public.search_properties, count_properties.
-- Watch: check_search alone validates the arguments; it reports all problems at once.

insert into private.errors (code, status, message, hint) values
    ('invalid_search_area', 400, 'A search needs one area: a viewport, a circle or a named area.', 'Send p_west, p_south, p_east and p_north; or p_latitude, p_longitude and p_radius; or p_area. With a viewport or p_area, p_latitude and p_longitude are the point from which distances are measured.'),
    ('invalid_coordinates', 400, 'Latitudes are between -90 and 90, longitudes between -36000 and 36000, and p_south is not above p_north.', 'Send decimal degrees. Longitudes beyond 180 go on around the world.'),
    ('invalid_radius', 400, 'A radius is more than 0 and at most 500,000 metres.', 'Send another p_radius, in metres.'),
    ('invalid_search_dates', 400, 'A search has both dates or none, between 2000-01-01 and 2100-01-01.', 'Send p_check_in and p_check_out together, or neither.'),
    ('dates_have_passed', 400, 'These dates have passed in every time zone.', 'Choose later dates.'),
    ('invalid_flexible_dates', 400, 'The flexible dates are incomplete or out of range.', 'Send p_flexible_days (1 to 7) with both dates; or p_month (YYYY-MM, 2000 to 2099) without dates, and with it p_nights (1 to 31) or p_weekend.'),
    ('invalid_search_text', 400, 'Search words and the name of an area have 1 to 200 characters.', 'Send another p_text or p_area, or leave it out.'),
    ('party_out_of_range', 400, 'A search is for 1 to 20 units and at least one adult in each, and no number of the party is below 0 or above 1,000.', 'Send p_adults, p_children, p_infants, p_pets and p_units as whole numbers.'),
    ('search_currency_missing', 400, 'A range of prices needs a currency.', 'Send p_currency, an ISO 4217 code of the table currencies.'),
    ('invalid_price_range', 400, 'Prices are between 0 and 1,000,000,000,000 minor units, and p_max_price is not below p_min_price.', 'Correct p_min_price or p_max_price.'),
    ('type_missing', 400, 'Lists of property types and room types do not contain null.', 'Remove null from p_property_types and p_room_types.'),
    ('unknown_sort', 400, 'There is no order "{value}".', 'Send price, distance, rating or recommended as p_sort.'),
    ('invalid_cursor', 400, 'This cursor is not one of this search.', 'Send the cursor of the last row of the page before as p_after, with the same arguments.'),
    ('invalid_limit', 400, 'A page has 1 to 50 rows.', 'Send p_limit from 1 to 50.');

create function private.find_area(
    p_area_names text[], out west double precision, out south double precision, out east double precision, out north double precision,
    out tiles integer[]
)
language plpgsql stable
set search_path = ''
as $$
begin
    select min(a.west), min(a.south), max(a.east), max(a.north), array_agg(distinct a.tile)
    into west, south, east, north, tiles
    from private.search_areas a
    where a.name = any (p_area_names) and a.names operator(pg_catalog.@>) p_area_names and a.properties > 0;
end
$$;
comment on function private.find_area is
    'A box in Web Mercator metres that holds the public points of an area''s published properties, and their tiles; nulls when there are none.';

create function private.known_area_names(p_area text) returns text[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_names text[] := private.area_names(p_area);
begin
    if exists (select from private.area_aliases a where a.alias = any (v_names)) then
        v_names := array(
            select coalesce(a.name, n.name) from unnest(v_names) with ordinality as n (name, position)
            left join private.area_aliases a on a.alias = n.name
            order by n.position
        );
    end if;
    return v_names;
end
$$;
comment on function private.known_area_names is 'area_names, with the names that properties have in place of aliases.';

create function private.wrap_longitude(p_longitude double precision) returns double precision
language plpgsql immutable
set search_path = ''
as $$
begin
    return case when abs(p_longitude) <= 180 then p_longitude else p_longitude - 360 * floor((p_longitude + 180) / 360) end;
end
$$;
comment on function private.wrap_longitude is 'The longitude between -180 and 180 of the same meridian: maps go on counting when they are turned around the world.';

create function private.circle_box(
    p_latitude double precision, p_longitude double precision, p_radius double precision,
    out west double precision, out south double precision, out east double precision, out north double precision
)
language plpgsql immutable
set search_path = ''
as $$
declare
    -- angles on a sphere of 6,371 km
    v_height constant double precision := degrees(p_radius / 6371000);
    v_width constant double precision := degrees(asin(least(1, sin(p_radius / 6371000) / cos(radians(p_latitude)))));
begin
    south := greatest(p_latitude - v_height, -90);
    north := least(p_latitude + v_height, 90);
    if south = -90 or north = 90 then
        -- a circle with a pole in it has all longitudes
        west := -180;
        east := 180;
    else
        west := p_longitude - v_width + case when p_longitude - v_width < -180 then 360 else 0 end;
        east := p_longitude + v_width - case when p_longitude + v_width > 180 then 360 else 0 end;
    end if;
end
$$;
comment on function private.circle_box is
    'The smallest viewport that contains a circle of p_radius metres; its west is greater than its east when it crosses the 180th meridian.';

create function private.search_arrivals(
    p_check_in date, p_flexible_days integer, p_month date, p_nights integer, p_weekend boolean
) returns date[]
language sql stable
set search_path = ''
as $$
    select array(
        select d.day
        from (
            select p_check_in + n as day from generate_series(-p_flexible_days, p_flexible_days) as n
            union all
            select p_month + n from generate_series(0, 30) as n
            where
                case when p_weekend then p_month + n < p_month + interval '1 month' and extract(isodow from p_month + n) = 5
                else p_month + n + p_nights <= p_month + interval '1 month' end
        ) d
        where d.day >= (now() at time zone 'Etc/GMT+12')::date
        order by d.day
    )
$$;
comment on function private.search_arrivals is
    'Check-in dates of a search with flexible dates, in order, from today on: those within p_flexible_days of p_check_in; or the Fridays of p_month; or the dates from which p_nights nights are within p_month.';

create function private.check_search_sizes(
    p_check_in text, p_check_out text, p_month text, p_currency text, p_sort text, p_after text, p_area text, p_text text,
    p_amenities text[], p_property_types public.property_type[], p_room_types public.room_type[], p_cancellation_policies text[]
) returns void
language plpgsql stable
set search_path = ''
as $$
begin
    perform private.raise_problems((
        select array_agg(private.problem('value_too_long', jsonb_build_object('field', a.name, 'limit', a.most)))
        from (values
            ('p_check_in', octet_length(p_check_in), 1000), ('p_check_out', octet_length(p_check_out), 1000),
            ('p_month', octet_length(p_month), 1000), ('p_currency', octet_length(p_currency), 1000),
            ('p_sort', octet_length(p_sort), 1000), ('p_after', octet_length(p_after), 1000),
            ('p_area', octet_length(p_area), 1000), ('p_text', octet_length(p_text), 1000),
            ('p_amenities', pg_column_size(p_amenities), 10000), ('p_property_types', pg_column_size(p_property_types), 10000),
            ('p_room_types', pg_column_size(p_room_types), 10000),
            ('p_cancellation_policies', pg_column_size(p_cancellation_policies), 10000)
        ) as a (name, size, most)
        where a.size > a.most
    ));
end
$$;
grant execute on function private.check_search_sizes to anon, authenticated, service_role;
comment on function private.check_search_sizes is 'Raises the problems of texts and lists of a search that are far too long, before anything reads them.';

create function private.check_search(
    p_west double precision, p_south double precision,
    p_east double precision, p_north double precision,
    p_latitude double precision, p_longitude double precision, p_radius double precision,
    p_check_in text, p_check_out text,
    p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_currency text, p_min_price bigint, p_max_price bigint,
    p_amenities text[], p_property_types public.property_type[],
    p_room_types public.room_type[], p_booking_mode public.booking_mode,
    p_cancellation_policies text[],
    p_bedrooms integer, p_beds integer, p_bathrooms real,
    p_sort text, p_after text, p_limit integer,
    p_area text, p_text text,
    p_flexible_days integer, p_month text, p_nights integer, p_weekend boolean, p_children_ages integer[], p_units integer
) returns private.search
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_days date[];
    v_arrivals date[];
    v_nights integer;
    v_sort text;
    v_amenities bigint;
    v_minor_unit smallint;
    v_step bigint;
    v_codes text[];
    v_area_names text[];
    v_tiles integer[];
    v_currency_numbers smallint[];
    v_rates double precision[];
    v_southwest point;
    v_northeast point;
begin
    perform private.check_search_sizes(
        p_check_in, p_check_out, p_month, p_currency, p_sort, p_after, p_area, p_text, p_amenities, p_property_types, p_room_types,
        p_cancellation_policies
    );
    v_area_names := case when p_area is not null then private.known_area_names(p_area) end;
    v_days := private.parse_dates(array[p_check_in, p_check_out, p_month || '-01'], array['p_check_in', 'p_check_out', 'p_month']);
    select
        d.sort,
        a.bits,
        d.minor_unit,
        d.step,
        d.currency_numbers,
        d.rates,
        array_remove(array[
            case when not case num_nonnulls(p_west, p_south, p_east, p_north)
                when 4 then p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2)
                when 0 then num_nulls(p_latitude, p_longitude, p_radius) = 0
                    or (p_area is not null and p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2))
                else false
            end then 'invalid_search_area' end,
            case when
                p_south > p_north or greatest(abs(p_south), abs(p_north), abs(p_latitude)) > 90
                or greatest(abs(p_west), abs(p_east), abs(p_longitude)) > 36000
            then 'invalid_coordinates' end,
            case when p_radius <= 0 or p_radius > 500000 then 'invalid_radius' end,
            case when
                num_nulls(d.check_in, d.check_out) = 1
                or least(d.check_in, d.check_out) < '2000-01-01' or greatest(d.check_in, d.check_out) > '2100-01-01'
            then 'invalid_search_dates' end,
            case when d.check_out <= d.check_in then 'check_out_before_check_in' end,
            case when
                d.check_in + coalesce(p_flexible_days, 0) < d.today or (d.month + interval '1 month')::date <= d.today
            then 'dates_have_passed' end,
            case when not (
                (p_flexible_days is null or (p_flexible_days between 1 and 7 and num_nulls(d.check_in, d.check_out) = 0))
                and p_weekend is not null
                and case when d.month is null then p_nights is null and not p_weekend
                else
                    num_nonnulls(d.check_in, d.check_out, p_flexible_days) = 0 and d.month between '2000-01-01' and '2099-12-01'
                    and coalesce(p_nights between 1 and 31, p_weekend) and p_weekend = (p_nights is null)
                end
            ) then 'invalid_flexible_dates' end,
            case when
                length(btrim(p_text)) not between 1 and 200 or length(btrim(p_area)) not between 1 and 200
                or v_area_names = '{}'
            then 'invalid_search_text' end,
            case when
                num_nulls(p_adults, p_children, p_infants, p_pets) > 0 or p_adults < 1 or least(p_children, p_infants, p_pets) < 0
                or greatest(p_adults, p_children, p_infants, p_pets) > 1000 or (p_units between 1 and least(p_adults, 20)) is not true
            then 'party_out_of_range' end,
            case when private.ages_problems(p_children, p_children_ages, '{}') <> '[]' then 'children_ages_invalid' end,
            case when d.minor_unit is null and num_nonnulls(p_currency, p_min_price, p_max_price) > 0
                then case when p_currency is null then 'search_currency_missing' else 'unknown_currency' end
            end,
            case when
                least(p_min_price, p_max_price) < 0 or greatest(p_min_price, p_max_price) > 1000000000000 or p_min_price > p_max_price
            then 'invalid_price_range' end,
            case when a.bits < 0 then 'unknown_amenity' end,
            case when array_position(p_property_types, null) > 0 or array_position(p_room_types, null) > 0 then 'type_missing' end,
            case when exists (
                select
                from unnest(p_cancellation_policies) as u (id)
                where not exists (select from public.cancellation_policies c where c.id = u.id)
            ) then 'unknown_cancellation_policy' end,
            case when d.sort not in ('price', 'distance', 'rating', 'recommended') then 'unknown_sort' end,
            case when
                p_after !~ '^(price|distance|rating|recommended):[0-9]{1,20}([.][0-9]{1,30})?(e[+-][0-9]{1,2})?:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}((:-?[0-9]{1,9}([.][0-9]{1,30})?(e-[0-9]{1,2})?){2})?$'
                or split_part(p_after, ':', 1) <> d.sort
            then 'invalid_cursor' end,
            case when p_limit between 1 and 50 then null else 'invalid_limit' end
        ], null)
    into v_sort, v_amenities, v_minor_unit, v_step, v_currency_numbers, v_rates, v_codes
    from (
        select
            v_days[1] as check_in, v_days[2] as check_out, v_days[3] as month,
            -- the date of the time zone where it is the earliest
            (now() at time zone 'Etc/GMT+12')::date as today,
            coalesce(p_sort, case when p_radius is null then 'price' else 'distance' end) as sort,
            c.minor_unit, c.step, r.currency_numbers, r.rates
        from (select) o
        left join public.currencies c on c.code = p_currency
        left join private.search_rates r on r.to_currency = coalesce(p_currency, 'XXX')
        offset 0
    ) d
    -- an unknown amenity sets the sign bit
    cross join (
        select coalesce(bit_or(coalesce(1::bigint << a.bit, 1::bigint << 63)), 0) as bits
        from unnest(p_amenities) as u (id)
        left join public.amenities a on a.id = u.id
    ) a;
    if v_codes <> '{}' then
        perform private.raise_errors((
            select jsonb_agg(private.problem(c.code, coalesce(d.details, '{}')) order by c.position, d.details)
            from unnest(v_codes) with ordinality as c (code, position)
            left join (
                select 'check_out_before_check_in', jsonb_build_object('check_in', v_days[1], 'check_out', v_days[2])
                union all
                select 'unknown_currency', jsonb_build_object('field', 'p_currency', 'value', left(p_currency, 40))
                union all
                select 'unknown_amenity', jsonb_build_object('field', 'p_amenities', 'value', left(u.id, 40))
                from unnest(p_amenities) as u (id)
                where not exists (select from public.amenities a where a.id = u.id)
                union all
                select 'unknown_cancellation_policy', jsonb_build_object('field', 'p_cancellation_policies', 'value', left(u.id, 40))
                from unnest(p_cancellation_policies) as u (id)
                where not exists (select from public.cancellation_policies p where p.id = u.id)
                union all
                select 'unknown_sort', jsonb_build_object('field', 'p_sort', 'value', left(p_sort, 40))
            ) d (code, details) on d.code = c.code
        ));
    end if;

    if p_radius is not null then
        select private.mercator(c.south, c.west), private.mercator(c.north, c.east) into v_southwest, v_northeast
        from private.circle_box(p_latitude, private.wrap_longitude(p_longitude), p_radius) c;
    elsif p_west is not null then
        if p_east - p_west >= 360 then
            v_southwest := private.mercator(p_south, -180);
            v_northeast := private.mercator(p_north, 180);
        else
            v_southwest := private.mercator(p_south, private.wrap_longitude(p_west));
            v_northeast := private.mercator(p_north, private.wrap_longitude(p_east));
        end if;
    end if;
    if v_area_names is not null then
        select coalesce(v_southwest, point(f.west, f.south)), coalesce(v_northeast, point(f.east, f.north)), f.tiles
        into v_southwest, v_northeast, v_tiles
        from private.find_area(v_area_names) f;
    end if;
    v_arrivals := case
        when num_nonnulls(p_flexible_days, p_month) > 0
            then private.search_arrivals(v_days[1], p_flexible_days, v_days[3], p_nights, p_weekend)
        when v_days[1] is not null then v_days[1:1]
    end;
    v_nights := coalesce(v_days[2] - v_days[1], case when p_weekend then 2 else p_nights end);
    return (
        select row (
            z.west, z.south, z.east, z.north, v_tiles,
            case
                -- the middle of an area moves with its published properties, but not between the pages of a search
                when v_sort = 'distance' and p_latitude is null and split_part(p_after, ':', 4) <> ''
                    then point(split_part(p_after, ':', 4)::double precision, split_part(p_after, ':', 5)::double precision)
                when (v_sort = 'distance' or p_radius is not null) and p_latitude is not null
                    then private.mercator(p_latitude, private.wrap_longitude(p_longitude))
                when v_sort = 'distance' then private.mercator(
                    ((private.inverse_mercator(v_southwest)).latitude + (private.inverse_mercator(v_northeast)).latitude) / 2,
                    (
                        (private.inverse_mercator(v_southwest)).longitude + (private.inverse_mercator(v_northeast)).longitude
                        + case when z.west > z.east then 360 else 0 end
                    ) / 2
                )
            end,
            case when v_sort = 'distance' or p_radius is not null then coalesce(p_radius, 'infinity') end,
            v_arrivals, v_nights,
            private.weekend_nights(v_arrivals[1], v_arrivals[1] + v_nights),
            private.month_mask(v_arrivals[1], v_arrivals[cardinality(v_arrivals)] + v_nights),
            p_adults, p_children, p_infants, p_pets, private.priced_ages(p_children, p_children_ages), p_units,
            p_currency,
            coalesce(v_currency_numbers, array_remove(array[private.currency_number(p_currency)], null)),
            coalesce(v_rates, '{1}'),
            case when num_nonnulls(v_rates, p_currency) = 0 then 1 else 1e9 end,
            10.0::double precision ^ (4 - v_minor_unit), v_step, p_min_price, p_max_price,
            coalesce((
                select f.guest_percent from private.platform_fees f where f.valid_from <= now() order by f.valid_from desc limit 1
            ), 0),
            -- with room for the rounding of a converted price
            coalesce((p_max_price + v_step) * 10.0::double precision ^ (4 - v_minor_unit) / coalesce(v_nights * p_units, 1), 'infinity'),
            v_amenities,
            private.needs_mask(ceil((p_adults + p_children) / p_units::numeric)::integer, p_bedrooms, v_nights, p_room_types, p_booking_mode, p_property_types),
            p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms,
            v_area_names,
            case when p_text is not null then websearch_to_tsquery('simple', private.fold_letters(p_text)) end,
            v_sort, p_after
        )::private.search
        from (select v_southwest[0] as west, v_southwest[1] as south, v_northeast[0] as east, v_northeast[1] as north) z
    );
end
$$;
grant execute on function private.check_search to anon, authenticated, service_role;
comment on function private.check_search is 'Validates the arguments of a search, raises every problem at once, and returns the search. Definer, because the public cannot read platform_fees and exchange_rates.';

create function private.units_left(p_property_id uuid, p_check_in date, p_check_out date) returns integer
language plpgsql stable security definer
set search_path = ''
as $$
begin
    return (
        select min(n.units_left)
        from public.properties p
        cross join lateral private.unit_nights(p, p_check_in, p_check_out, null, now()) n
        where p.id = p_property_id and p.status = 'published'
    );
end
$$;
grant execute on function private.units_left to anon, authenticated, service_role;
comment on function private.units_left is
    'How many units of a published property are left for a stay; null without dates. Definer, because the public cannot read occupancies.';

create function public.search_properties(
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types public.property_type[] default null,
    p_room_types public.room_type[] default null, p_booking_mode public.booking_mode default null,
    p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_sort text default null, p_after text default null, p_limit integer default 20,
    p_area text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns table (
    property_id uuid, title text, property_type public.property_type, room_type public.room_type, booking_mode public.booking_mode,
    max_guests smallint, bedrooms smallint, beds smallint, bathrooms numeric, city text, region text, country text,
    latitude double precision, longitude double precision, distance integer,
    currency text, price_per_night bigint, rent bigint, cover_photo jsonb, cursor text,
    total bigint, check_in date, check_out date, rating double precision,
    shown_total bigint, shown_price_per_night bigint, is_approximate boolean, units_left integer
)
language plpgsql stable rows 20
set search_path = ''
as $$
declare
    v private.search;
begin
    v := private.check_search(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out, p_adults, p_children, p_infants,
        p_pets, p_currency, p_min_price, p_max_price, p_amenities, p_property_types, p_room_types, p_booking_mode,
        p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, p_sort, p_after, p_limit,
        p_area, p_text, p_flexible_days, p_month, p_nights, p_weekend, p_children_ages, p_units
    );
    perform private.allow_caching(10);
    return query
    select
        p.id, p.title, p.property_type, p.room_type, p.booking_mode, p.max_guests, p.bedrooms, p.beds, p.bathrooms,
        p.city, p.region, p.country, p.public_latitude, p.public_longitude, round(f.distance)::integer,
        p.currency,
        n.price,
        case when v.nights is not null then f.rent end,
        f.cover_photo,
        concat_ws(':', v.sort, f.sort_key, p.id, case when v.sort = 'distance' then v.middle[0] || ':' || v.middle[1] end),
        f.total, f.check_in, f.check_out, f.rating,
        case when f.factor = 1 then f.total else private.convert_approximately(f.total, f.factor, v.step) end,
        case when f.factor = 1 then n.price else private.convert_approximately(n.price, f.factor, v.step) end,
        p.currency <> v.currency and f.factor is not null,
        case
            when v.nights is null then null
            when p.unit_count = 1 then 1
            else private.units_left(p.id, f.check_in, f.check_out)
        end
    from unnest((private.find_properties(v, true, p_limit)).hits) f
    join public.properties p on p.id = f.property_id
    cross join lateral (
        select case when v.nights is null then f.rent else round(f.rent / (v.nights * v.units)::numeric)::bigint end as price
    ) n
    order by f.sort_key, f.property_id;
end
$$;
grant execute on function public.search_properties to anon, authenticated, service_role;
comment on function public.search_properties is 'Finds published properties that a party can book, a page at a time. Area: a viewport (p_west > p_east crosses the 180th meridian; longitudes beyond 180 go on around the world, and 360 degrees are all of it), p_radius metres around p_latitude and p_longitude, or p_area: a neighbourhood, city, region or country code, or several with commas; accents do not matter. Dates: p_check_in and p_check_out (YYYY-MM-DD), both or none. Flexible dates: p_flexible_days before or after these, or p_month (YYYY-MM) with p_nights or p_weekend (Friday to Sunday); check_in and check_out are then the cheapest dates that can be booked. total is what the guest pays for the stay, as in quote_stay, and rent the sum of its nights, in minor units of currency. p_min_price and p_max_price, in minor units of p_currency, apply to total, without dates to the base price of a night. p_currency is a currency to compare and show prices in, at the newest exchange rates: shown_total and shown_price_per_night, approximate where is_approximate is true; null without a rate. The guest pays total, in currency. p_units: how many units of a property that has several; prices are for all of them. units_left: how many can be booked for these dates, null without dates. A property must have all p_amenities. p_children_ages: ages at check-in, for taxes and fees that exempt children by age; without them, total is what it costs with children of 17, the most that it can be. p_text: words of title, address and description; accents do not matter. p_sort: price (default, except for a circle; converted where currencies differ, and last where there is no rate), distance (default for a circle), rating (unrated last) or recommended (rating, or 4 when unrated; plus 0.5 for instant booking and 0.01 for each amenity). distance is in metres from p_latitude and p_longitude, else from the middle of the viewport or area; null in a viewport or area that is not sorted by it. Next page: send the cursor of the last row as p_after.';

create function private.estimate(p_count bigint, p_share double precision) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    v_count constant numeric := p_count / p_share;
begin
    return case when p_share >= 1 or v_count < 1 then p_count else round(v_count, 1 - floor(log(v_count))::integer) end;
end
$$;
grant execute on function private.estimate to anon, authenticated, service_role;
comment on function private.estimate is 'A count of a sample, which is p_share of the whole, for the whole, to two digits.';

create function public.count_properties(
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types public.property_type[] default null,
    p_room_types public.room_type[] default null, p_booking_mode public.booking_mode default null,
    p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_area text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns table (count integer, is_estimate boolean)
language plpgsql stable rows 1
set search_path = ''
as $$
declare
    v private.search;
begin
    v := private.check_search(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out, p_adults, p_children, p_infants,
        p_pets, p_currency, p_min_price, p_max_price, p_amenities, p_property_types, p_room_types, p_booking_mode,
        p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, 'rating', null, 1,
        p_area, p_text, p_flexible_days, p_month, p_nights, p_weekend, p_children_ages, p_units
    );
    v.sort := 'sample';
    perform private.allow_caching(10);
    return query
    select private.estimate(cardinality(f.hits), f.share), f.share < 1 from private.find_properties(v, false, 240) f;
end
$$;
grant execute on function public.count_properties to anon, authenticated, service_role;
comment on function public.count_properties is 'Counts the properties that search_properties would find with the same arguments. Looks at a random 240 at most: where the filters leave more, is_estimate is true and count is what the sample stands for, to two digits.';
