-- Purpose: the candidates of a search from the map, in the order of its page.
-- Touches: private.candidates_by_*, candidates_by_strip, search_parts, find_candidates.
-- Watch: find_candidates reads one index and returns only as many candidates as a page needs, in the order of the page. Its filters
-- only save calls of broken_rules, which decides last; none is stricter. docs/availability.md explains the speed.

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
                    end * s.scale, k.nights * s.least_night) * t.rate * k.units$x$, 'coalesce(p_search.nights, 1) * p_search.units * s.order_key * s.rate'),
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
                p_search.middle, p_search.radius, p_search.units,
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
                    when 'price' then a.least * a.scale * a.rate * p_search.units
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
    -- in the fullest unit
    v_guests constant integer := ceil((p_search.adults + p_search.children) / p_search.units::numeric);
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
                    and t.max_guests >= v_guests and t.max_infants * p_search.units >= p_search.infants
                    and t.max_pets * p_search.units >= p_search.pets
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
