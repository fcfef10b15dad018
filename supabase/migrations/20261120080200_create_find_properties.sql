-- Purpose: finds the properties of a search: candidates from the map, the prices of their stays, and which can be booked.
-- Touches: private.search, search_part, search_candidate, search_hit, weekend_nights, convert_approximately, candidates_by_*,
-- candidates_by_strip, search_parts, find_candidates, sample_of_words, ids_by_words, next_ids_by_words, pet_fees, sum_of_lines, find_properties.
-- Watch: find_candidates reads one index and returns only as many candidates as a page needs, in the order of the page. Its filters
-- only save calls of broken_rules, which decides last; none is stricter. In the order of price, candidates come by a
-- lower bound of their totals, and one is returned once no remaining candidate can cost less: a wrong bound would change the order, never a
-- total. `offset 0` and `case` keep the planner from reordering. docs/availability.md explains the speed.

create type private.search as (
    west double precision, south double precision, east double precision, north double precision, tiles integer[],
    middle point, radius double precision,
    arrivals date[], nights integer, weekend_nights integer, months integer, adults integer, children integer, infants integer, pets integer,
    currency text, currency_numbers smallint[], rates double precision[], unknown_rate double precision, minor_scale double precision, step bigint,
    min_price bigint, max_price bigint, guest_percent numeric, most_a_night double precision,
    amenities bigint, needs bigint, cancellation_policies text[], bedrooms integer, beds integer, bathrooms real,
    area_names text[], words tsquery, sort text, after text
);
comment on type private.search is
    'A checked search in the terms of property_search. Distances are in metres, coordinates in Web Mercator metres.';
comment on column private.search.tiles is 'The tiles of a named area; null without one.';
comment on column private.search.middle is 'Centre of the circle, or the point from which distances are measured.';
comment on column private.search.radius is 'Radius of the circle; infinity when only the order is by distance, null when no distance is needed.';
comment on column private.search.arrivals is 'Possible check-in dates in order; null for a search without dates.';
comment on column private.search.nights is 'Length of the stay; null for a search without dates.';
comment on column private.search.weekend_nights is 'Friday and Saturday nights of a stay from the first of arrivals.';
comment on column private.search.months is 'Months that have nights of any of these stays, as bits of month_mask.';
comment on column private.search.currency is 'Currency to show and compare prices in; null for none, and then prices are compared in the currency that most rates lead to.';
comment on column private.search.currency_numbers is 'Currencies that have a rate to that currency, by currency_number.';
comment on column private.search.rates is 'Their rates: whole units of that currency for one whole unit of theirs.';
comment on column private.search.unknown_rate is 'The rate of all others: so high that they come last in the order of price; 1 when there is no rate at all.';
comment on column private.search.minor_scale is 'Ten-thousandths of a whole unit in a minor unit of currency.';
comment on column private.search.step is 'The step of currency, in minor units.';
comment on column private.search.guest_percent is 'The platform fee that guests pay now, in per cent.';
comment on column private.search.most_a_night is 'The most that a night may cost, in ten-thousandths of a whole unit of currency; infinity without a limit.';
comment on column private.search.amenities is 'Required amenities, as bits of amenities.bit.';
comment on column private.search.needs is 'The result of needs_mask.';
comment on column private.search.sort is 'price, distance, rating, recommended; or sample, a random order.';
comment on column private.search.after is 'Cursor of the last row of the page before; null for the first page.';

create type private.search_part as (
    tile integer, currency_number smallint, rate double precision, west double precision, east double precision
);
comment on type private.search_part is 'A part of the map to search, for the properties of one currency. tile is null for the whole world.';

create type private.search_candidate as (property_id uuid, sort_key double precision, distance double precision, rate double precision);
comment on type private.search_candidate is
    'A property that a search may find.';
comment on column private.search_candidate.sort_key is
    'Position in the order, lowest first. For the order by price a lower bound of the total, in ten-thousandths of a whole unit of the currency of the search.';
comment on column private.search_candidate.rate is 'Whole units of the currency of the search for one of the property''s.';

create type private.search_hit as (
    property_id uuid, check_in date, check_out date, rent bigint, total bigint, distance double precision, rating double precision,
    cover_photo jsonb, sort_key double precision, factor double precision, amenities bigint
);
comment on type private.search_hit is 'A property that a search found.';
comment on column private.search_hit.rent is 'Sum of the night prices; the base price for a search without dates.';
comment on column private.search_hit.total is 'What the guest pays for the stay; null when the search does not need it.';
comment on column private.search_hit.factor is
    'Minor units of the currency of the search for one of the property''s; 1 in the same currency, null when the search has none or there is no rate.';

create function private.weekend_nights(p_from date, p_until date) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    -- days since a Monday before 2000
    v_from constant integer := p_from - date '1999-12-27';
    v_until constant integer := p_until - date '1999-12-27';
begin
    return 2 * (v_until / 7 - v_from / 7) + greatest(v_until % 7 - 4, 0) - greatest(v_from % 7 - 4, 0);
end
$$;
comment on function private.weekend_nights is
    'The number of Friday and Saturday nights in [p_from, p_until), for dates from 2000 on; null for null.';

create function private.convert_approximately(p_amount bigint, p_factor double precision, p_step bigint) returns bigint
language plpgsql immutable strict
set search_path = ''
as $$
begin
    return case when p_factor = 1 then p_amount else (least(round(p_amount * p_factor / p_step), 1e15) * p_step)::bigint end;
end
$$;
grant execute on function private.convert_approximately to anon, authenticated, service_role;
comment on function private.convert_approximately is
    'An amount in another currency, rounded to its step, to compare and to show but not to pay; p_factor: minor units for one minor unit.';

-- The first of each tile, or of the world, in an order that has an index. One text makes eight functions, because each order needs a plan
-- of its own: {key} is the column of the order, {after} the condition of the next page, {where} that of the tile.
do $do$
declare
    v_order record;
    v_text text;
begin
    for v_order in
        select
            format('candidates_of_%s_by_%s', p.name, o.name) as name, p.condition, o.key, o.sort_key, o.bound,
            case when o.name <> 'price' then
                format('and (s.%s, s.property_id) > (k.after_key, k.after_id)', o.key) else '' end as after
        from (values
            ('price', 'least_night', $x$greatest(case
                        when k.nights is null then s.base_price::double precision
                        when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1.26
                        else
                            (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                            + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.76 else 0 end
                    end * s.scale, k.nights * s.least_night) * t.rate$x$, 'coalesce(p_search.nights, 1) * s.order_key * s.rate'),
            ('rating', 'rating_key', 's.rating_key', 's.order_key'),
            ('recommendation', 'recommendation_key', 's.recommendation_key', 's.order_key'),
            ('sample', 'sample_key', 's.sample_key', 's.order_key')
        ) o (name, key, sort_key, bound)
        cross join (values ('tiles', 's.tile = t.tile and'), ('world', '')) p (name, condition)
    loop
        v_text := $template$
create function private.{name}(
    p_search private.search, p_parts private.search_part[], p_after_key double precision, p_after_id uuid, p_limit integer, p_each integer,
    out candidates private.search_candidate[], out reach double precision, out reach_id uuid
)
language plpgsql stable
set search_path = ''
as $body$
begin
    with first as materialized (
        select s.property_id, s.sort_key, s.order_key, s.distance, s.number, t.rate
        -- as columns, because reading a variable costs more each time
        from (
            select
                p_search.nights, p_search.nights - p_search.weekend_nights as weekday_nights, p_search.weekend_nights,
                p_search.nights >= 7 as is_week, p_search.nights >= 28 as is_month,
                cardinality(p_search.arrivals) > 1 as is_flexible, p_search.months, p_search.guest_percent / 100.0::double precision as guest_fee,
                p_search.south, p_search.north, p_search.needs, p_search.amenities, p_search.most_a_night,
                p_search.middle, p_search.radius,
                coalesce(p_after_key, '-infinity') as after_key, coalesce(p_after_id, '00000000-0000-0000-0000-000000000000') as after_id
            offset 0
        ) k
        cross join unnest(p_parts) as t (tile, currency_number, rate, west, east)
        cross join lateral (
            select
                s.property_id, s.{key} as order_key,
                -- a lower bound of price_stay's guest_total, written here and again below; discount and platform fee of the
                -- guest, of at most 50 per cent, may both be rounded down
                {sort_key} as sort_key,
                d.distance,
                row_number() over (order by s.{key}, s.property_id) as number
            from private.property_search s
            cross join lateral (
                select
                    case
                        -- all nights at the lowest price that any night can have
                        when k.is_flexible or s.priced_months & k.months <> 0
                            then k.nights * least(s.base_price, s.weekend_price, s.own_price)
                        else k.weekday_nights * s.base_price + k.weekend_nights * s.weekend_price
                    end
                    * case when k.is_month then s.month_rent_share when k.is_week then s.week_rent_share else s.rent_share end
                    as rent
            ) r
            cross join lateral (
                -- metres on a sphere of 6,371 km: the haversine formula in Web Mercator coordinates
                select case when k.radius is not null then 12742000 * asin(least(1, sqrt(
                    (sinh((s.y - k.middle[1]) / 12756274) ^ 2 + sin((s.x - k.middle[0]) / 12756274) ^ 2)
                    / (cosh(s.y / 6378137) * cosh(k.middle[1] / 6378137))
                ))) end as distance
            ) d
            where
                {where} s.currency_number = t.currency_number and s.least_night <= k.most_a_night / t.rate {after}
                and s.x between t.west and t.east and s.y between k.south and k.north
                and s.lacks & k.needs = 0 and s.amenities & k.amenities = k.amenities
                and (k.radius is null or d.distance <= k.radius)
            order by s.{key}, s.property_id
            limit p_each
        ) s
    )
    select coalesce(e.sort_key, 'infinity'), e.property_id, array(
        select row (s.property_id, s.sort_key, s.distance, s.rate)::private.search_candidate
        from first s
        where
            (e.property_id is null or (s.sort_key, s.property_id) <= (e.sort_key, e.property_id))
            and (p_after_key is null or (s.sort_key, s.property_id) > (p_after_key, p_after_id))
        order by s.sort_key, s.property_id
        limit p_limit
    )
    into reach, reach_id, candidates
    -- what remains of a part comes at or after its last row that was read
    from (select) o
    left join lateral (
        select {bound} as sort_key, s.property_id
        from first s
        where s.number = p_each
        order by 1, 2
        limit 1
    ) e on true;
end
$body$;
comment on function private.{name} is 'Part of find_candidates: the first p_each of each part, and of these the first p_limit that are in order. p_parts: where to look.';
$template$;
        v_text := replace(v_text, '{name}', v_order.name);
        v_text := replace(v_text, '{sort_key}', v_order.sort_key);
        v_text := replace(v_text, '{bound}', v_order.bound);
        v_text := replace(v_text, '{where}', v_order.condition);
        v_text := replace(v_text, '{after}', v_order.after);
        execute replace(v_text, '{key}', v_order.key);
    end loop;
end
$do$;

create function private.candidates_by_strip(
    p_search private.search, p_after_key double precision, p_after_id uuid, p_limit integer, p_metres double precision, p_ids uuid[]
) returns private.search_candidate[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_south double precision := p_search.south;
    v_north double precision := p_search.north;
    v_strips integer[];
    v_wests double precision[];
    v_easts double precision[];
begin
    if p_ids is null then
        -- From west to east; an area over the 180th meridian has two ranges in each strip.
        with ranges as (
            select p_search.west, case when p_search.west > p_search.east then 'infinity' else p_search.east end as east
            union all
            select '-infinity', p_search.east where p_search.west > p_search.east
        ),
        near as (
            select b.southwest[1] as south, b.northeast[1] as north, r.west, r.east
            from private.inverse_mercator(p_search.middle) m
            cross join private.circle_box(m.latitude, m.longitude - 360 * round(m.longitude / 360), p_metres * 1.0001 + 1) c
            cross join lateral (
                select private.mercator(c.south, c.west) as southwest, private.mercator(c.north, c.east) as northeast
            ) b
            cross join lateral (
                select b.southwest[0] as west, case when c.west > c.east then 'infinity' else b.northeast[0] end as east
                union all
                select '-infinity', b.northeast[0] where c.west > c.east
            ) r
            where p_metres is not null
            union all
            select p_search.south, p_search.north, '-infinity', 'infinity' where p_metres is null
        ),
        areas as (
            select greatest(n.south, p_search.south) as south, least(n.north, p_search.north) as north,
                greatest(n.west, r.west) as west, least(n.east, r.east) as east
            from near n, ranges r
        )
        select array_agg(t.strip), array_agg(a.west), array_agg(a.east), min(a.south), max(a.north)
        into v_strips, v_wests, v_easts, v_south, v_north
        from areas a
        cross join generate_series(floor(a.south / 2000)::integer, floor(a.north / 2000)::integer) as t (strip)
        where a.west <= a.east;
    end if;
    return array(
        select row (b.property_id, b.sort_key, b.distance, b.rate)::private.search_candidate
        from (
            select
                a.property_id, a.distance, a.rate,
                case p_search.sort
                    when 'price' then a.least * a.scale * a.rate
                    when 'distance' then a.distance
                    when 'rating' then a.rating_key
                    when 'recommended' then a.recommendation_key
                    else private.sample_key(a.property_id)
                end as sort_key
            from (
                select
                    s.property_id, s.scale, s.rating_key, s.recommendation_key, s.rate,
                    -- the same lower bound
                    case
                        when k.nights is null then s.base_price::double precision
                        when not k.is_bounded then null
                        when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1.26
                        else
                            (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                            + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.76 else 0 end
                    end as least,
                    -- metres on a sphere of 6,371 km: the haversine formula in Web Mercator coordinates
                    case when k.radius is not null then 12742000 * asin(least(1, sqrt(
                        (sinh((s.y - k.middle[1]) / 12756274) ^ 2 + sin((s.x - k.middle[0]) / 12756274) ^ 2)
                        / (cosh(s.y / 6378137) * cosh(k.middle[1] / 6378137))
                    ))) end as distance
                from (
                    select
                        p_search.nights, p_search.nights - p_search.weekend_nights as weekday_nights, p_search.weekend_nights,
                        p_search.nights >= 7 as is_week, p_search.nights >= 28 as is_month,
                        cardinality(p_search.arrivals) > 1 as is_flexible, p_search.months,
                        p_search.sort = 'price' or p_search.max_price is not null as is_bounded,
                        p_search.guest_percent / 100.0::double precision as guest_fee, p_search.radius, p_search.middle,
                        v_south as south, v_north as north, p_search.needs, p_search.amenities
                    offset 0
                ) k
                cross join lateral (
                    select s.*, coalesce(u.rate, p_search.unknown_rate) as rate
                    from (
                        select
                            s.property_id, s.x, s.y, s.lacks, s.amenities, s.base_price, s.weekend_price, s.own_price,
                            s.priced_months, s.rent_share, s.week_rent_share, s.month_rent_share, s.least_stay_fees,
                            s.least_night_fees, s.least_tax, s.tax_nights, s.currency_number, s.scale, s.rating_key,
                            s.recommendation_key
                        from unnest(v_strips, v_wests, v_easts) as t (strip, west, east)
                        join private.property_search s on s.strip = t.strip and s.x between t.west and t.east
                        union all
                        select
                            s.property_id, s.x, s.y, s.lacks, s.amenities, s.base_price, s.weekend_price, s.own_price,
                            s.priced_months, s.rent_share, s.week_rent_share, s.month_rent_share, s.least_stay_fees,
                            s.least_night_fees, s.least_tax, s.tax_nights, s.currency_number, s.scale, s.rating_key,
                            s.recommendation_key
                        from unnest(p_ids) as i (id)
                        join private.property_search s on s.property_id = i.id
                    ) s
                    left join unnest(p_search.currency_numbers, p_search.rates) as u (number, rate) on u.number = s.currency_number
                ) s
                cross join lateral (
                    select
                        case
                            when k.is_flexible or s.priced_months & k.months <> 0
                                then k.nights * least(s.base_price, s.weekend_price, s.own_price)
                            else k.weekday_nights * s.base_price + k.weekend_nights * s.weekend_price
                        end
                        * case when k.is_month then s.month_rent_share when k.is_week then s.week_rent_share else s.rent_share end
                        as rent
                ) r
                where s.y between k.south and k.north and s.lacks & k.needs = 0 and s.amenities & k.amenities = k.amenities
                offset 0
            ) a
            where
                (p_search.radius is null or a.distance <= least(p_search.radius, coalesce(p_metres, 'infinity')))
                and (p_search.max_price is null or a.least * a.scale <= p_search.most_a_night * coalesce(p_search.nights, 1) / a.rate)
        ) b
        where p_after_key is null or (b.sort_key, b.property_id) > (p_after_key, p_after_id)
        order by b.sort_key, b.property_id
        limit p_limit
    );
end
$$;
comment on function private.candidates_by_strip is
    'Part of find_candidates: the first p_limit of all properties in the area or within p_metres of the middle, or of those in p_ids.';

create function private.search_parts(p_search private.search) returns private.search_part[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_guests constant integer := p_search.adults + p_search.children;
    v_days_ahead constant integer := p_search.arrivals[1] - (now() at time zone 'Pacific/Kiritimati')::date;
    v_has_prices constant boolean := num_nonnulls(p_search.min_price, p_search.max_price) > 0;
    v_west double precision := p_search.west;
    v_east double precision := case when p_search.west > p_search.east then 20037509 else p_search.east end;
    v_first_column integer;
    v_last_column integer;
    v_parts private.search_part[] := '{}';
begin
    loop
        v_first_column := floor(v_west / 64000);
        v_last_column := floor(v_east / 64000);
        v_parts := v_parts || array(
            select row (
                d.tile, d.currency_number,
                coalesce(p_search.rates[array_position(p_search.currency_numbers, d.currency_number)], p_search.unknown_rate), v_west, v_east
            )::private.search_part
            from (
                select distinct t.tile, t.currency_number
                from private.search_tiles t
                where
                    t.tile between floor(p_search.south / 64000)::integer * 10000 + v_first_column
                        and floor(p_search.north / 64000)::integer * 10000 + v_last_column
                    -- its column
                    and (t.tile + 100005000) % 10000 - 5000 between v_first_column and v_last_column
                    and t.lacks & p_search.needs = 0 and t.amenities & p_search.amenities = p_search.amenities
                    and t.max_guests >= v_guests and t.max_infants >= p_search.infants and t.max_pets >= p_search.pets
                    and (p_search.bedrooms is null or t.bedrooms >= p_search.bedrooms)
                    and (p_search.beds is null or t.beds >= p_search.beds)
                    and (p_search.bathrooms is null or t.bathrooms >= p_search.bathrooms)
                    and (
                        p_search.nights is null
                        or (t.min_nights <= p_search.nights and t.max_nights >= p_search.nights and t.booking_window_days >= v_days_ahead)
                    )
                    and (p_search.tiles is null or t.tile = any (p_search.tiles))
                    and (not v_has_prices or t.currency_number = any (p_search.currency_numbers))
            ) d
        );
        -- an area over the 180th meridian has a second range
        exit when v_east = p_search.east;
        v_west := -20037509;
        v_east := p_search.east;
    end loop;

    -- many tiles take longer than the order of the whole world
    if cardinality(v_parts) > 256 then
        v_parts := array(
            select row (null, p.currency_number, p.rate, p.west, p.east)::private.search_part
            from (select distinct p.currency_number, p.rate, p.west, p.east from unnest(v_parts) p) p
        );
    end if;
    return v_parts;
end
$$;
comment on function private.search_parts is
    'The tiles of the area of a search, by currency, that may have what it needs, or if these are many, the whole world; null for none.';

create function private.find_candidates(
    p_search private.search, p_after_key double precision, p_after_id uuid, p_limit integer, p_ids uuid[],
    out candidates private.search_candidate[], out reach double precision, out reach_id uuid
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_width constant double precision := p_search.east - p_search.west + case when p_search.west > p_search.east then 40075017 else 0 end;
    v_height constant double precision := p_search.north - p_search.south;
    v_parts private.search_part[];
    v_each integer;
    v_first record;
    v_metres double precision;
    v_gap double precision;
    v_all double precision;
begin
    reach := 'infinity';
    if p_search.west is null then
        candidates := '{}';
        return;
    elsif p_ids is not null or (least(v_width, v_height) <= 8000 and p_search.sort <> 'distance') then
        candidates := private.candidates_by_strip(p_search, p_after_key, p_after_id, p_limit, null, p_ids);
    elsif p_search.sort = 'distance' then
        -- in growing circles, until one holds enough
        v_gap := case when p_search.west > p_search.east then 0 else greatest(
            p_search.west - p_search.middle[0], p_search.middle[0] - p_search.east,
            p_search.south - p_search.middle[1], p_search.middle[1] - p_search.north, 0
        ) end;
        -- lengths on the ground are shorter than on the map; beyond a continent a circle saves nothing
        v_all := least(p_search.radius, v_gap * 2 + v_width + v_height, 5000000);
        v_metres := greatest(500 + v_gap / cosh(p_search.middle[1] / 6378137), 200 + p_after_key * 1.1);
        loop
            candidates := private.candidates_by_strip(
                p_search, p_after_key, p_after_id, p_limit, case when v_metres < v_all then v_metres end, null
            );
            exit when v_metres >= v_all or cardinality(candidates) >= p_limit;
            v_metres := v_metres * least(greatest(sqrt(1.5 * p_limit / greatest(cardinality(candidates), 0.1)), 1.5), 4);
        end loop;
    else
        v_parts := private.search_parts(p_search);
        if v_parts = '{}' then
            candidates := '{}';
            return;
        end if;
        v_each := greatest(least(2 * p_limit, 24 * p_limit / cardinality(v_parts)), 8);
        if (v_parts[1]).tile is not null then
            case p_search.sort
                when 'price' then
                    v_first := private.candidates_of_tiles_by_price(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                when 'rating' then
                    v_first := private.candidates_of_tiles_by_rating(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                when 'recommended' then
                    v_first := private.candidates_of_tiles_by_recommendation(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                else
                    v_first := private.candidates_of_tiles_by_sample(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
            end case;
        else
            case p_search.sort
                when 'price' then
                    v_first := private.candidates_of_world_by_price(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                when 'rating' then
                    v_first := private.candidates_of_world_by_rating(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                when 'recommended' then
                    v_first := private.candidates_of_world_by_recommendation(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
                else
                    v_first := private.candidates_of_world_by_sample(p_search, v_parts, p_after_key, p_after_id, p_limit, v_each);
            end case;
        end if;
        candidates := v_first.candidates;
        reach := v_first.reach;
        reach_id := v_first.reach_id;
    end if;
    if cardinality(candidates) = p_limit then
        reach := candidates[p_limit].sort_key;
        reach_id := candidates[p_limit].property_id;
    end if;
end
$$;
comment on function private.find_candidates is
    'The next p_limit candidates of a search after a sort_key and id, in order, from the indexes of property_search alone, or of those in p_ids. All remaining ones come after (reach, reach_id); reach is infinity when none remain.';

create function private.sample_of_words(
    p_search private.search, out matches bigint, out estimate double precision, out lowest double precision
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_sort constant text := p_search.sort;
    v_sample record;
begin
    p_search.sort := 'sample';
    v_sample := private.find_candidates(p_search, null, null, 200, null);
    select
        count(*), count(*) / least(v_sample.reach, 1),
        min(case v_sort when 'price' then s.least_night * c.rate when 'rating' then s.rating_key else s.recommendation_key end)
    into matches, estimate, lowest
    from unnest(v_sample.candidates) c
    join private.property_search s on s.property_id = c.property_id
    where
        (p_search.words is null or s.words operator(pg_catalog.@@) p_search.words)
        and (p_search.area_names is null or s.area_names operator(pg_catalog.@>) p_search.area_names);
end
$$;
comment on function private.sample_of_words is
    'How many of a random 200 candidates have the words and names of a search, how many of all candidates that makes, and the lowest price of a night or position among those of the sample.';

create function private.ids_by_words(p_search private.search, p_from double precision, p_until double precision) returns uuid[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_tiles integer[] := p_search.tiles;
    v_bands bigint[];
begin
    if p_until < 'infinity' then
        with parts as (
            select distinct p.tile, p.currency_number, case p_search.sort when 'price' then p.rate else 1 end as rate
            from unnest(private.search_parts(p_search)) p
        ),
        -- each band of each tile is a look-up
        looked_up as (
            select case when count(*) over () <= 16 then p.tile end as tile, p.currency_number, p.rate from parts p
        )
        select
            -- bands of tiles need no tiles beside them
            (select array_agg(p.tile) from parts p where p.tile is not null having count(*) > 16),
            array_agg(distinct private.band_key(p_search.sort, l.tile, l.currency_number, b.band))
        into v_tiles, v_bands
        from (select distinct l.* from looked_up l) l
        cross join lateral generate_series(
            case when p_from is null then 0 else private.search_band(p_search.sort, p_from / l.rate) + 1 end,
            private.search_band(p_search.sort, p_until / l.rate)
        ) as b (band);
        if v_bands is null then
            return '{}';
        end if;
    end if;
    -- Planned for these words, because the best index depends on how many properties have them. Each condition on the index reads a list
    -- of its own, so names and tiles are compared afterwards where words and bands are enough.
    execute 'select array(select s.property_id from private.property_search s where ' || concat_ws(
        ' and ',
        case when p_search.words is not null then 's.words operator(pg_catalog.@@) $1' end,
        case when p_search.area_names is not null then case
            when num_nulls(p_search.words, v_bands) = 0 then '(s.area_names operator(pg_catalog.||) null::text[]) operator(pg_catalog.@>) $2'
            else 's.area_names operator(pg_catalog.@>) $2'
        end end,
        case when v_tiles is not null then 'array[s.tile] operator(pg_catalog.&&) $3' end,
        's.y between $6 and $7',
        case when p_search.west <= p_search.east then 's.x between $4 and $5' else '(s.x >= $4 or s.x <= $5)' end,
        case when v_bands is not null then
            'private.search_bands(s.tile, s.currency_number, s.least_night, s.rating_key, s.recommendation_key) operator(pg_catalog.&&) $8'
        end
    ) || ')'
    into v_ids
    using p_search.words, p_search.area_names, v_tiles, p_search.west, p_search.east, p_search.south, p_search.north, v_bands;
    return v_ids;
end
$$;
comment on function private.ids_by_words is
    'The properties with the words and names of a search in its area: all of them (p_until is infinity), or those in the bands of its order after the one of p_from up to the one of p_until.';

create function private.next_ids_by_words(p_search private.search, p_few integer, inout ids uuid[], inout bound double precision)
language plpgsql stable
set search_path = ''
as $$
declare
    v_until double precision;
begin
    for n in 1..10 loop
        v_until := case when ids is null then bound when p_search.sort = 'price' then bound * (1 + n * 0.1) else bound + n * 0.1 end;
        ids := ids || private.ids_by_words(p_search, case when ids is not null then bound end, v_until);
        bound := v_until;
        if cardinality(ids) >= p_few then
            return;
        end if;
    end loop;
    ids := private.ids_by_words(p_search, null, 'infinity');
    bound := 'infinity';
end
$$;
comment on function private.next_ids_by_words is
    'Adds to ids, which has the properties with the words of a search up to bound (a price of a night, or a position), further ones in the order of the search, until it has p_few or all; null for none yet.';

-- Rare cases are functions of their own, because a query prepares all its parts whether it needs them or not.
create function private.pet_fees(p_property_id uuid, p_pets integer, p_nights integer) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select coalesce(sum(
            f.amount * case when f.charge in ('per_guest', 'per_guest_night') then p_pets else 1 end
            * case when f.charge in ('per_night', 'per_guest_night') then p_nights else 1 end
        ), 0)
        from public.property_fees f
        where f.property_id = p_property_id and f.kind = 'pet'
    );
end
$$;
comment on function private.pet_fees is
    'The pet fees of a stay, in minor units, as price_stay charges them.';

create function private.sum_of_lines(p_property_id uuid, p_check_in date, p_check_out date, p_guests integer, p_pets integer) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select s.guest_total
        from public.properties p
        cross join lateral private.price_stay(
            p, p_check_in, private.night_prices(p, p_check_in, p_check_out), p_guests, p_pets, now()
        ) s
        where p.id = p_property_id
    );
end
$$;
comment on function private.sum_of_lines is
    'The guest_total of price_stay. find_properties calls it for stays of which only some nights are taxed.';

create function private.find_properties(
    p_search private.search, p_is_priced boolean, p_limit integer, out hits private.search_hit[], out share double precision
)
language plpgsql stable security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_nights constant integer := p_search.nights;
    v_is_flexible constant boolean := coalesce(cardinality(p_search.arrivals) > 1, false);
    -- whether totals decide the order, and whether they are needed
    v_by_total constant boolean := p_search.sort = 'price' and v_nights is not null;
    v_is_priced constant boolean := v_nights is not null and (
        p_is_priced or v_by_total or num_nonnulls(p_search.min_price, p_search.max_price) > 0
    );
    v_after_key constant double precision := split_part(p_search.after, ':', 2);
    v_after_id constant uuid := split_part(p_search.after, ':', 3);
    v_is_sample constant boolean := p_search.sort = 'sample';
    v_some integer := case when v_is_sample then p_limit when v_nights is null then p_limit + 10 else p_limit * 5 / 2 end;
    v_is_named constant boolean := num_nonnulls(p_search.words, p_search.area_names) > 0;
    -- whether properties with words can be read in the order of the search
    v_is_banded constant boolean := p_search.sort in ('price', 'rating', 'recommended');
    v_sample record;
    -- the properties with the words and names, and up to which price of a night or position all of them are there
    v_ids uuid[];
    v_bound double precision;
    -- nights of a sort_key
    v_units constant integer := case when p_search.sort = 'price' then coalesce(v_nights, 1) else 1 end;
    v_found record;
    -- stays that may be on the page, in order, and those of them that can be booked
    v_pool private.search_hit[];
    v_property_ids uuid[];
    -- with several dates: how many stays were checked, and the properties found so far
    v_asked integer;
    v_step integer;
    v_passed integer;
    v_slice private.search_hit[];
    v_seen uuid[];
begin
    loop
        -- the order of candidates is not the order of totals, so the cursor applies to totals
        v_found := private.find_candidates(
            p_search, case when not v_by_total then v_after_key end, case when not v_by_total then v_after_id end, v_some, v_ids
        );
        if v_bound * v_units < v_found.reach then
            v_found.reach := v_bound * v_units;
            v_found.reach_id := '00000000-0000-0000-0000-000000000000';
        end if;

        -- Of the stays of the candidates: those that come before all remaining candidates and pass the filters that are not in the index.
        --
        -- Second form of private.price_stay: here the totals of a page of stays are computed in one query; a function call for
        -- each stay would be slower. 04510-search-many.sql proves that both forms give the same totals: change both together.
        with days as materialized (
            select
                a.check_in,
                a.check_in + v_nights as check_out,
                private.weekend_nights(a.check_in, a.check_in + v_nights) as weekend_nights,
                2 << (a.check_in - date '1999-12-27') % 7 as check_in_bit,
                2 << (a.check_in + v_nights - date '1999-12-27') % 7 as check_out_bit,
                -- counted from today where the date is the latest
                a.check_in - (now() at time zone 'Pacific/Kiritimati')::date as days_ahead
            from unnest(coalesce(p_search.arrivals, array[null::date])) as a (check_in)
        )
        select
            array_agg(row (
                h.property_id, h.check_in, h.check_out, h.rent, h.total, h.distance, nullif(h.rating, -1), h.cover_photo, h.sort_key, h.factor, h.amenities
            )::private.search_hit),
            array_agg(h.property_id)
        into v_pool, v_property_ids
        from (
            select h.*
            from (
                select
                    c.property_id, i.check_in, i.check_out, c.distance, m.rating, m.cover_photo,
                    case when q.is_priced then t.total end as total, e.factor, m.amenities,
                    case when q.nights is null then m.base_price when p_is_priced then r.rent end as rent,
                    case when q.is_by_total then t.total * m.scale * c.rate else c.sort_key end as sort_key
                from (
                    select
                        -- capped one above what any property accepts, so that prices stay within bigint
                        case when v_nights is not null then least(v_nights, 1126) end as nights,
                        least(p_search.adults + p_search.children, 51) as guests, p_search.children + p_search.infants as minors,
                        p_search.months, v_by_total as is_by_total, v_is_priced as is_priced,
                        p_search.infants, p_search.pets, p_search.currency, p_search.unknown_rate, p_search.minor_scale, p_search.step,
                        p_search.words, p_search.area_names, p_search.cancellation_policies, p_search.bedrooms, p_search.beds,
                        p_search.bathrooms, num_nonnulls(p_search.min_price, p_search.max_price) > 0 as has_prices,
                        coalesce(p_search.min_price, 0) as min_price, coalesce(p_search.max_price, 9223372036854775807) as max_price,
                        p_search.guest_percent
                    offset 0
                ) q
                cross join unnest(v_found.candidates) as c (property_id, sort_key, distance, rate)
                join private.property_search m on m.property_id = c.property_id
                join public.currencies u on u.code = m.currency
                cross join days i
                cross join lateral (
                    select case when m.currency = q.currency then 1 when c.rate < q.unknown_rate then m.scale * c.rate / q.minor_scale end as factor
                ) e
                -- the nights at base and weekend price, plus the difference of nights that seasons and overrides price
                cross join lateral (
                    select
                        (q.nights - i.weekend_nights) * m.base_price + i.weekend_nights * m.weekend_price
                        + case when m.priced_months & q.months = 0 then 0 else coalesce((
                            select sum(
                                (d.until - d.since) * (o.price - m.base_price)
                                - private.weekend_nights(d.since, d.until) * (m.weekend_price - m.base_price)
                            )::bigint
                            from private.price_spans o
                            cross join lateral (select greatest(o.starts_on, i.check_in) as since, least(o.ends_on, i.check_out) as until) d
                            where o.property_id = m.property_id and o.ends_on > i.check_in and o.starts_on < i.check_out
                        ), 0) end as rent,
                        m.fees_per_stay + m.fees_per_night * q.nights + m.fees_per_guest * q.guests
                        + (m.fees_per_guest_night * q.guests + greatest(q.guests - m.extra_guests_after, 0) * m.extra_guest_price) * q.nights
                        + case when q.pets = 0 then 0 else private.pet_fees(m.property_id, q.pets, q.nights) end as fees
                    offset 0
                ) r
                cross join lateral (
                    select r.rent - case
                        when case when q.nights >= 28 then m.month_rent_share when q.nights >= 7 then m.week_rent_share else m.rent_share end = 1 then 0
                        else (
                            select coalesce(private.proportion(r.rent, d.percent, 100, u.step), 0)
                            from public.properties p
                            cross join lateral private.stay_discount(p, q.nights, i.check_in - (now() at time zone p.time_zone)::date) d
                            where p.id = m.property_id
                        )
                    end as rent
                    offset 0
                ) d
                -- guest_total of price_stay, which a quote refuses outside the limits of the currency
                cross join lateral (
                    select case
                        -- without dates, or within the limits whatever the guest's fee is: a search without totals need not know it
                        when q.nights is null
                            or not q.is_priced and not m.is_taxed and d.rent + r.fees between u.minimum_charge and u.maximum_charge / 2
                            then null
                        else least(case
                            -- only some nights are taxed
                            when m.is_taxed and q.nights > m.tax_nights
                                then private.sum_of_lines(m.property_id, i.check_in, i.check_out, q.guests, q.pets)
                            else
                                d.rent + r.fees
                                + case when q.guest_percent = 0 then 0 else private.proportion(d.rent + r.fees, q.guest_percent, 100, u.step) end
                                + case when not m.is_taxed then 0 else (
                                    select sum(case x.charge
                                        when 'percent' then private.proportion(
                                            case x.applies_to when 'all' then d.rent + r.fees when 'rent' then d.rent else r.fees end, x.percent, 100, u.step
                                        )
                                        when 'per_booking' then x.amount
                                        when 'per_night' then x.amount * q.nights
                                        when 'per_guest' then x.amount * q.guests
                                        else x.amount * q.guests * q.nights
                                    end)
                                    from public.property_taxes x
                                    where x.property_id = m.property_id and not x.is_inclusive
                                ) end
                        end, 9007199254740992)::bigint
                    end as total
                    offset 0
                ) t
                where
                    m.max_guests >= q.guests and m.max_infants >= q.infants and m.max_pets >= q.pets
                    and (m.children_allowed or q.minors = 0)
                    and (q.area_names is null or m.area_names operator(pg_catalog.@>) q.area_names)
                    and (q.words is null or m.words operator(pg_catalog.@@) q.words)
                    and (q.cancellation_policies is null or m.cancellation_policy_id = any (q.cancellation_policies))
                    and (q.bedrooms is null or m.bedrooms >= q.bedrooms)
                    and (q.beds is null or m.beds >= q.beds)
                    and (q.bathrooms is null or m.bathrooms >= q.bathrooms)
                    and case
                        when q.nights is null
                            then not q.has_prices or private.convert_approximately(m.base_price, e.factor, q.step) between q.min_price and q.max_price
                        else
                            m.min_nights <= q.nights and m.max_nights >= q.nights
                            and i.check_in_bit & m.check_in_weekdays <> 0 and i.check_out_bit & m.check_out_weekdays <> 0
                            and i.days_ahead <= m.booking_window_days
                    end
                    and (t.total is null or t.total between u.minimum_charge and u.maximum_charge)
                    and (
                        not q.is_priced or not q.has_prices
                        or case when e.factor = 1 then t.total else private.convert_approximately(t.total, e.factor, q.step) end
                            between q.min_price and q.max_price
                    )
                offset 0
            ) h
            where
                (h.sort_key, h.property_id) <= (v_found.reach, v_found.reach_id)
                and (v_is_flexible or v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id))
            order by h.sort_key, h.property_id, h.total, h.check_in
        ) h;

        if v_pool is null or v_nights is null then
            hits := coalesce(v_pool, '{}');
        elsif not v_is_flexible then
            hits := array(
                select v_pool[r.number]
                from private.broken_rules(
                    v_property_ids, array_fill(p_search.arrivals[1], array[cardinality(v_pool)]),
                    array_fill(p_search.arrivals[1] + v_nights, array[cardinality(v_pool)]),
                    p_search.adults, p_search.children, p_search.infants, p_search.pets, p_enough => case when v_is_sample then v_some else p_limit end
                ) r
            );
        else
            -- of several dates of a property the first that can be booked
            hits := '{}';
            v_seen := '{}';
            v_asked := 0;
            -- all stays up to the cursor must be checked, so they are checked at once
            v_passed := (select count(*) from unnest(v_pool) h where (h.sort_key, h.property_id) <= (v_after_key, v_after_id));
            while v_asked < cardinality(v_pool) and cardinality(hits) < p_limit loop
                v_step := greatest(v_passed - v_asked, 0) + (p_limit - cardinality(hits)) * 4 / 3 + 2;
                v_slice := array(
                    select v_pool[f.number]
                    from (
                        select min(v_asked + r.number) as number
                        from private.broken_rules(
                            v_property_ids[v_asked + 1:v_asked + v_step],
                            array(select h.check_in from unnest(v_pool[v_asked + 1:v_asked + v_step]) h),
                            array(select h.check_out from unnest(v_pool[v_asked + 1:v_asked + v_step]) h),
                            p_search.adults, p_search.children, p_search.infants, p_search.pets, p_enough => v_step
                        ) r
                        group by v_property_ids[v_asked + r.number]
                    ) f
                    where v_property_ids[f.number] <> all (v_seen)
                    order by f.number
                );
                v_asked := v_asked + v_step;
                -- a property of an earlier page does not appear again with other dates
                v_seen := v_seen || array(select h.property_id from unnest(v_slice) h);
                hits := hits || array(
                    select h from unnest(v_slice) h where v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id)
                );
            end loop;
        end if;
        exit when v_found.reach = 'infinity' or case
            -- a sample is enough, unless it has next to none
            when v_is_sample then cardinality(hits) >= 20 or v_some >= 1280
            -- a page that thousands of properties could not fill stays as it is; with several dates the pool holds earlier pages, too
            else cardinality(hits) >= p_limit or (not v_is_flexible and cardinality(v_pool) >= 5000) or v_some >= 40000
        end;
        v_some := v_some * 2;
        -- next to none of the candidates have these words or names: look once whether the others do
        if v_is_named and v_sample is null and v_some >= 200 and coalesce(cardinality(v_pool), 0) * 16 < cardinality(v_found.candidates) then
            v_sample := private.sample_of_words(p_search);
            if v_sample.estimate <= 200 or (v_sample.matches < 5 and not v_is_banded) then
                v_ids := private.ids_by_words(p_search, null, 'infinity');
            elsif v_is_banded then
                -- the first of them are likely to come just before the first of the sample
                v_bound := greatest(v_found.reach / v_units, v_sample.lowest);
                v_some := v_some / 2;
            end if;
        end if;
        if v_bound < 'infinity' then
            select n.ids, n.bound into v_ids, v_bound from private.next_ids_by_words(p_search, v_some * 2, v_ids, v_bound) n;
        end if;
    end loop;
    share := case when v_found.reach = 'infinity' then 1 else v_found.reach end;
    hits := case when v_is_sample then hits else hits[:p_limit] end;
end
$$;
grant execute on function private.find_properties to anon, authenticated, service_role;
comment on function private.find_properties is
    'The first p_limit published properties that a party can book, in order, with totals if p_is_priced. In a random order: those of a sample, and share, the part of all properties that the sample is. Definer, because the public cannot read occupancies and taxes.';
