-- Purpose: search: published places in a part of the map that a party can book for its dates, a page at a time.
-- Touches: private.search, private.search_hit, private.search_candidate, private.weekend_nights, private.price_candidates, private.find_properties,
-- private.find_place, private.search_arrivals, private.check_search, public.search_properties, public.count_properties.
-- Watch: candidates come from one index that holds what sorts and most of what filters, in the order of the page; only as many
-- as the page needs are priced and asked about, a handful in one query, and broken_rules is asked last. Filters here are there
-- to ask less often; none of them is stricter than it. By price, candidates come by the least that a stay can cost, and a place
-- is settled once no candidate that is left can cost less. So an error in a bound would show in the order, never in a total.
-- `offset 0` and `case` keep the planner from turning it round.

create type private.search as (
    west double precision, south double precision, east double precision, north double precision,
    latitude double precision, longitude double precision, radius double precision,
    arrivals date[], nights integer, adults integer, children integer, infants integer, pets integer,
    currency text, min_price bigint, max_price bigint, amenities text[],
    property_types public.property_type[], room_types public.room_type[], booking_mode public.booking_mode,
    cancellation_policies text[], bedrooms integer, beds integer, bathrooms real,
    place text, words text, sort text, after text
);
comment on type private.search is
    'What is asked of search, checked. arrivals: the first days that will do, in their order; null without dates, else nights says how long.';

create type private.search_hit as (
    property_id uuid, check_in date, check_out date, rent bigint, total bigint, distance double precision, rating double precision,
    sort_key double precision
);
comment on type private.search_hit is 'A place that search found. rent: of its dates, or of a night without them. total: what the guest pays; null where nobody asked.';

create type private.search_candidate as (
    property_id uuid, sort_key double precision, distance double precision, rating double precision, unit double precision,
    least double precision
);
comment on type private.search_candidate is
    'A place that may be found. sort_key: what it comes by, of totals the least that it can be. unit: minor units in a whole one. least: what the guest pays at least, without dates what a night costs.';

create function private.weekend_nights(p_from date, p_until date) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    -- days since a Monday long ago
    v_from constant integer := p_from - date '1999-12-27';
    v_until constant integer := p_until - date '1999-12-27';
begin
    return 2 * (v_until / 7 - v_from / 7) + greatest(v_until % 7 - 4, 0) - greatest(v_from % 7 - 4, 0);
end
$$;
revoke execute on function private.weekend_nights(date, date) from public;
comment on function private.weekend_nights(date, date) is
    'How many of the nights of [p_from, p_until), 2000 or later, are of a Friday or Saturday; null for null. Called by price_candidates and find_properties.';

create function private.price_candidates(p_search private.search, p_candidates private.search_candidate[], p_is_priced boolean)
returns setof private.search_hit
language plpgsql stable rows 20
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
    return query
    with days as materialized (
        select
            a.check_in,
            a.check_in + p_search.nights as check_out,
            private.weekend_nights(a.check_in, a.check_in + p_search.nights) as weekend_nights,
            1 << date_part('isodow', a.check_in)::integer as check_in_bit,
            1 << date_part('isodow', a.check_in + p_search.nights)::integer as check_out_bit,
            -- on the first clock that shows a day
            a.check_in - (now() at time zone 'Pacific/Kiritimati')::date as days_ahead
        from unnest(coalesce(p_search.arrivals, array[null::date])) as a (check_in)
    )
    select
        c.property_id, i.check_in, i.check_out, case when q.nights is null then c.least::bigint when p_is_priced then r.rent end, t.total,
        c.distance, nullif(c.rating, -1), case when q.sort = 'price' and q.nights is not null then t.total / c.unit else c.sort_key end
    from (
        select
            p_search.sort, p_search.nights, p_search.adults + p_search.children as guests, p_search.children + p_search.infants as minors,
            p_search.infants, p_search.pets, p_search.currency, p_search.cancellation_policies, p_search.bedrooms, p_search.beds,
            p_search.bathrooms, p_search.min_price, p_search.max_price,
            coalesce((
                select f.guest_percent from private.platform_fees f where f.valid_from <= now() order by f.valid_from desc limit 1
            ), 0) as guest_percent
        offset 0
    ) q
    cross join unnest(p_candidates) c
    join private.property_search m on m.property_id = c.property_id
    cross join days i
    -- the nights at their usual price; and, where some have a price of their own, the difference
    cross join lateral (
        select
            (q.nights - i.weekend_nights) * m.base_price + i.weekend_nights * m.weekend_price
            + case when m.priced_months = 0 then 0 else coalesce((
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
            + case when q.pets = 0 then 0 else (
                select coalesce(sum(
                    f.amount * case when f.charge in ('per_guest', 'per_guest_night') then q.pets else 1 end
                    * case when f.charge in ('per_night', 'per_guest_night') then q.nights else 1 end
                ), 0)::bigint
                from public.property_fees f
                where f.property_id = m.property_id and f.kind = 'pet'
            ) end as fees
        offset 0
    ) r
    cross join lateral (
        select r.rent - case
            when case when q.nights >= 28 then m.month_rent_share when q.nights >= 7 then m.week_rent_share else m.rent_share end = 1 then 0
            else (
                select coalesce(private.proportion(r.rent, d.percent, 100), 0)
                from public.properties p
                cross join lateral private.stay_discount(p, q.nights, i.check_in - (now() at time zone p.time_zone)::date) d
                where p.id = m.property_id
            )
        end as rent
        offset 0
    ) d
    -- the sum of the lines of price_stay; what is above what a quote can be has none
    cross join lateral (
        select nullif(least(case
            when not p_is_priced then null
            -- some nights are taxed and others are not
            when m.is_taxed and q.nights > m.tax_nights then (
                select sum(l.amount)
                from public.properties p
                cross join lateral private.price_stay(
                    p, i.check_in, private.night_prices(p.id, i.check_in, i.check_out), q.guests, q.pets, now()
                ) l
                where p.id = m.property_id
            )
            else
                d.rent + r.fees
                + case when q.guest_percent = 0 then 0 else private.proportion(d.rent + r.fees, q.guest_percent, 100) end
                + case when not m.is_taxed then 0 else (
                    select sum(case x.charge
                        when 'percent' then private.proportion(
                            case x.applies_to when 'all' then d.rent + r.fees when 'rent' then d.rent else r.fees end, x.percent, 100
                        )
                        when 'per_booking' then x.amount
                        when 'per_night' then x.amount * q.nights
                        when 'per_guest' then x.amount * q.guests
                        else x.amount * q.guests * q.nights
                    end)
                    from public.property_taxes x
                    where x.property_id = m.property_id and not x.is_inclusive
                ) end
        end, 9007199254740992), 9007199254740992)::bigint as total
        offset 0
    ) t
    where
        m.max_infants >= q.infants and m.max_pets >= q.pets and (m.children_allowed or q.minors = 0)
        and (q.currency is null or m.currency = q.currency)
        and (q.cancellation_policies is null or m.cancellation_policy_id = any (q.cancellation_policies))
        and (q.bedrooms is null or m.bedrooms >= q.bedrooms)
        and (q.beds is null or m.beds >= q.beds)
        and (q.bathrooms is null or m.bathrooms >= q.bathrooms)
        and case
            when q.nights is null then q.min_price is null or m.base_price >= q.min_price
            else
                m.min_nights <= q.nights and m.max_nights >= q.nights
                and i.check_in_bit & m.check_in_weekdays <> 0 and i.check_out_bit & m.check_out_weekdays <> 0
                and i.days_ahead <= m.booking_window_days
        end
        and (not p_is_priced or (
            t.total is not null and (q.min_price is null or t.total >= q.min_price) and (q.max_price is null or t.total <= q.max_price)
        ));
end
$$;
revoke execute on function private.price_candidates(private.search, private.search_candidate[], boolean) from public;
comment on function private.price_candidates(private.search, private.search_candidate[], boolean) is
    'The stays of a search in these candidates, without those that filters too rare for the index sort out; with p_is_priced what their nights cost and what the guest pays in all, the sum of the lines of price_stay, which a property-based test holds it to. Called by find_properties.';

create function private.find_properties(p_search private.search, p_is_priced boolean, p_limit integer)
returns setof private.search_hit
language plpgsql stable security definer rows 20
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_sort constant text := p_search.sort;
    v_nights constant integer := p_search.nights;
    v_is_flexible constant boolean := coalesce(cardinality(p_search.arrivals) > 1, false);
    -- whether the order is that of totals, and whether they are needed
    v_by_total constant boolean := v_sort = 'price' and v_nights is not null;
    v_is_priced constant boolean := v_nights is not null and (
        p_is_priced or v_by_total or num_nonnulls(p_search.min_price, p_search.max_price) > 0
    );
    v_max_price constant bigint := p_search.max_price;
    v_weekend_nights integer;
    v_months integer;
    v_guest_fee double precision;
    v_refused bigint;
    v_amenities bigint;
    v_west double precision;
    v_south double precision;
    v_east double precision;
    v_north double precision;
    -- where on the map to look: tiles whose cheapest places come first, or strips
    v_tiles integer[];
    v_strips integer[];
    v_wests double precision[];
    v_easts double precision[];
    v_radius double precision;
    v_middle point;
    v_words tsquery;
    v_places text[];
    -- where the page begins, and where candidates go on
    v_after_key double precision;
    v_after_id uuid;
    v_last_key double precision;
    v_last_id uuid;
    -- candidates, a batch at a time, and how many of these were priced
    v_batch integer;
    v_most double precision;
    v_some integer;
    v_candidates private.search_candidate[] := '{}';
    v_priced integer := 0;
    v_has_more boolean;
    v_size integer;
    -- stays that may be on the page, in its order, and how many of them come before all candidates that are left
    v_pool private.search_hit[] := '{}';
    v_settled integer;
    v_asked integer;
    v_slice private.search_hit[];
    v_hits private.search_hit[] := '{}';
    v_count integer := 0;
begin
    -- One statement, because every transaction pays for an expression of plpgsql what it pays for a column here ten times over.
    select
        private.weekend_nights(p_search.arrivals[1], p_search.arrivals[1] + v_nights),
        private.month_bits(p_search.arrivals[1], p_search.arrivals[cardinality(p_search.arrivals)] + v_nights),
        coalesce((
            select f.guest_percent from private.platform_fees f where f.valid_from <= now() order by f.valid_from desc limit 1
        ), 0) / 100.0,
        private.refused_bits(
            p_search.adults + p_search.children, p_search.bedrooms, v_nights,
            p_search.room_types, p_search.booking_mode, p_search.property_types
        ),
        (select coalesce(bit_or(1::bigint << a.bit), 0) from public.amenities a where a.id = any (p_search.amenities)),
        z.southwest[0], z.southwest[1], z.northeast[0], z.northeast[1],
        case when v_sort = 'distance' or p_search.radius is not null then coalesce(p_search.radius, 'infinity') end,
        private.mercator(
            coalesce(p_search.latitude, (p_search.south + p_search.north) / 2),
            coalesce(p_search.longitude, (
                p_search.west + p_search.east + case when p_search.west > p_search.east then 360 else 0 end
            ) / 2)
        ),
        case when p_search.words is not null then websearch_to_tsquery('simple', private.plain_letters(p_search.words)) end,
        case when p_search.place is not null then private.place_names(p_search.place) end,
        y.after_key, y.after_id, case when not v_by_total then y.after_key end, case when not v_by_total then y.after_id end,
        3 * p_limit, p_limit * 3 / 2
    into
        v_weekend_nights, v_months, v_guest_fee, v_refused, v_amenities, v_west, v_south, v_east, v_north, v_radius, v_middle, v_words,
         v_places, v_after_key, v_after_id, v_last_key, v_last_id, v_batch, v_size
    from (
        select split_part(p_search.after, ':', 2)::double precision as after_key, split_part(p_search.after, ':', 3)::uuid as after_id
    ) y
    cross join lateral (
        select
            private.mercator(p_search.south, p_search.west) as southwest,
            private.mercator(p_search.north, p_search.east) as northeast
        offset 0
    ) z;
    -- tiles have to be few, and to have more in the viewport than beside it
    if v_sort = 'price' and v_words is null and v_places is null
        and least(v_east - v_west, v_north - v_south) > 8000
        and ((v_east - v_west) / 16000 + 1) * ((v_north - v_south) / 16000 + 1) <= 64 then
        v_tiles := array(
            select y * 10000 + x
            from generate_series(floor(v_south / 16000)::integer, floor(v_north / 16000)::integer) as y
            cross join generate_series(floor(v_west / 16000)::integer, floor(v_east / 16000)::integer) as x
        );
    else
        -- each from west to east; over the 180th meridian there are two such stretches of each
        select array_agg(t.strip), array_agg(w.west), array_agg(w.east) into v_strips, v_wests, v_easts
        from generate_series(floor(v_south / 2000)::integer, floor(v_north / 2000)::integer) as t (strip)
        cross join lateral (
            select v_west as west, case when v_west > v_east then 'infinity' else v_east end as east
            union all
            select '-infinity', v_east where v_west > v_east
        ) w;
    end if;

    loop
        if v_priced = cardinality(v_candidates) then
            -- Some of the cheapest of each tile say what the last of a batch costs at most; what may cost less is looked at then.
            v_most := 'infinity';
            v_some := 3 * v_batch / cardinality(v_tiles) + 1;
            while v_tiles is not null loop
                v_candidates := array(
                    select row (s.property_id, s.least / s.unit, null, s.rating, s.unit, s.least)::private.search_candidate
                    -- as columns, because a variable costs more each time it is read
                    from (
                        select
                            v_nights as nights, v_nights - v_weekend_nights as weekday_nights, v_weekend_nights as weekend_nights,
                            v_nights >= 7 as is_week, v_nights >= 28 as is_month, v_is_flexible as is_flexible, v_months as months,
                            v_guest_fee as guest_fee, v_west as west, v_south as south, v_east as east, v_north as north,
                            v_refused as refused, v_amenities as amenities, v_most as most
                        offset 0
                    ) k
                    cross join unnest(v_tiles) as t (tile)
                    cross join lateral (
                        select
                            s.property_id, s.rating, s.unit,
                            -- what the guest pays, at least
                            case
                                when k.nights is null then s.base_price::double precision
                                when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1
                                else
                                    (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                                    + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.51 else 0 end
                            end as least
                        from private.property_search s
                        cross join lateral (
                            select
                                case
                                    -- what the cheapest night would make it
                                    when k.is_flexible or s.priced_months & k.months <> 0
                                        then k.nights * least(s.base_price, s.weekend_price, s.own_price)
                                    else k.weekday_nights * s.base_price + k.weekend_nights * s.weekend_price
                                end
                                * case when k.is_month then s.month_rent_share when k.is_week then s.week_rent_share else s.rent_share end
                                as rent
                        ) r
                        where
                            s.tile = t.tile and s.least_night <= k.most
                            and s.x between k.west and k.east and s.y between k.south and k.north
                            and s.misfits & k.refused = 0 and s.amenities & k.amenities = k.amenities
                        order by s.least_night
                        limit v_some
                    ) s
                    where
                        (v_max_price is null or s.least <= v_max_price)
                        and (v_last_key is null or (s.least / s.unit, s.property_id) > (v_last_key, v_last_id))
                    order by s.least / s.unit, s.property_id
                    limit v_batch
                );
                v_has_more := cardinality(v_candidates) = v_batch;
                -- all that there is
                exit when v_some is null or (not v_has_more and v_some >= v_batch);
                if v_has_more then
                    v_most := v_candidates[v_batch].sort_key / coalesce(v_nights, 1);
                    v_some := null;
                else
                    v_some := 8 * v_some;
                end if;
            end loop;
            if v_tiles is null then
                v_candidates := array(
                    select row (b.property_id, b.sort_key, b.distance, b.rating, b.unit, b.least)::private.search_candidate
                    from (
                        select
                            a.property_id, a.distance, a.rating, a.unit, a.least,
                            case v_sort
                                when 'price' then a.least / a.unit
                                when 'distance' then a.distance
                                when 'rating' then case when a.rating < 0 then 9 else 5 - a.rating end
                                else 10 - a.recommendation
                            end as sort_key
                        from (
                            select
                                s.property_id, s.unit, s.rating, s.recommendation,
                                case
                                    when k.nights is null then s.base_price::double precision
                                    when not k.is_bounded then null
                                    when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1
                                    else
                                        (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                                        + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.51 else 0 end
                                end as least,
                                -- metres on a sphere of 6,371 km: the haversine formula in terms of the map's square
                                case when k.radius is not null then 12742000 * asin(least(1, sqrt(
                                    (sinh((s.y - k.middle[1]) / 12756274) ^ 2 + sin((s.x - k.middle[0]) / 12756274) ^ 2)
                                    / (cosh(s.y / 6378137) * cosh(k.middle[1] / 6378137))
                                ))) end as distance
                            from (
                                select
                                    v_nights as nights, v_nights - v_weekend_nights as weekday_nights, v_weekend_nights as weekend_nights,
                                    v_nights >= 7 as is_week, v_nights >= 28 as is_month, v_is_flexible as is_flexible, v_months as months,
                                    v_by_total or v_max_price is not null as is_bounded, v_guest_fee as guest_fee, v_radius as radius,
                                    v_middle as middle, v_south as south, v_north as north, v_refused as refused, v_amenities as amenities
                                offset 0
                            ) k
                            cross join unnest(v_strips, v_wests, v_easts) as t (strip, west, east)
                            join private.property_search s on s.strip = t.strip and s.x between t.west and t.east
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
                            where s.y between k.south and k.north and s.misfits & k.refused = 0 and s.amenities & k.amenities = k.amenities
                            offset 0
                        ) a
                        where
                            (v_radius is null or a.distance <= v_radius) and (v_max_price is null or a.least <= v_max_price)
                            and (v_words is null or a.property_id in (
                                select m.property_id from private.property_search m where m.words operator(pg_catalog.@@) v_words
                            ))
                            and (v_places is null or a.property_id in (
                                select m.property_id from private.property_search m where m.place_names operator(pg_catalog.@>) v_places
                            ))
                    ) b
                    where v_last_key is null or (b.sort_key, b.property_id) > (v_last_key, v_last_id)
                    order by b.sort_key, b.property_id
                    limit v_batch
                );
                v_has_more := cardinality(v_candidates) = v_batch;
            end if;
            v_priced := 0;
            v_last_key := v_candidates[v_batch].sort_key;
            v_last_id := v_candidates[v_batch].property_id;
            v_batch := v_batch * 8;
        end if;

        v_pool := array(
            select row (h.*)::private.search_hit
            from (
                select * from private.price_candidates(p_search, v_candidates[v_priced + 1:v_priced + v_size], v_is_priced)
                union all
                select * from unnest(v_pool)
            ) h
            where v_is_flexible or v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id)
            order by h.sort_key, h.property_id, h.total, h.check_in
        );
        v_priced := least(v_priced + v_size, cardinality(v_candidates));
        v_size := v_size * 2;
        v_settled := case
            when v_by_total and (v_has_more or v_priced < cardinality(v_candidates)) then (
                select count(*) from unnest(v_pool) h
                where (h.sort_key, h.property_id) <= (v_candidates[v_priced].sort_key, v_candidates[v_priced].property_id)
            )
            else cardinality(v_pool)
        end;
        while v_settled > 0 and v_count < p_limit loop
            v_asked := least((p_limit - v_count) * 4 / 3 + 2, v_settled);
            v_slice := v_pool[:v_asked];
            v_pool := v_pool[v_asked + 1:];
            v_settled := v_settled - v_asked;
            if v_nights is not null then
                -- of several dates of a place the first that can be booked
                v_slice := array(
                    select distinct on (h.property_id) h
                    from unnest(v_slice) h
                    join private.broken_rules(
                        array(select a.property_id from unnest(v_slice) a),
                        array(select a.check_in from unnest(v_slice) a),
                        array(select a.check_out from unnest(v_slice) a),
                        p_search.adults, p_search.children, p_search.infants, p_search.pets
                    ) r on r.property_id = h.property_id and r.check_in = h.check_in
                    where r.codes = '{}' and (not v_is_flexible or h.property_id not in (select a.property_id from unnest(v_hits) a))
                    order by h.property_id, h.total, h.check_in
                );
            end if;
            v_hits := v_hits || v_slice;
            v_count := cardinality(v_hits);
            -- those of the pages before are there so that no other dates of theirs are
            if v_is_flexible and v_after_key is not null then
                v_count := (select count(*) from unnest(v_hits) h where (h.sort_key, h.property_id) > (v_after_key, v_after_id));
            end if;
        end loop;
        exit when v_count >= p_limit or (not v_has_more and v_priced = cardinality(v_candidates));
    end loop;
    return query
    select h.*
    from unnest(v_hits) h
    where v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id)
    order by h.sort_key, h.property_id
    limit p_limit;
end
$$;
revoke execute on function private.find_properties(private.search, boolean, integer) from public;
grant execute on function private.find_properties(private.search, boolean, integer) to anon, authenticated, service_role;
comment on function private.find_properties(private.search, boolean, integer) is
    'The first p_limit published places that a party can book, in order; p_is_priced asks for their totals. Called by search_properties, count_properties and search_facets, with what check_search says. Definer, because strangers cannot read occupancies and taxes.';

create function private.place_names(p_place text) returns text[]
language sql stable
set search_path = ''
as $$
    select string_to_array(regexp_replace(private.plain_letters(btrim(p_place)), '\s*,\s*', ',', 'g'), ',')
$$;
revoke execute on function private.place_names(text) from public;
comment on function private.place_names(text) is 'The parts of a place such as "Alfama, Lisboa, PT", in lower case and without accents; null for null. Called by find_properties and find_place.';

create function private.find_place(
    p_place text, out west double precision, out south double precision, out east double precision, out north double precision
)
language sql stable security definer
set search_path = ''
as $$
    select min(p.public_longitude), min(p.public_latitude), max(p.public_longitude), max(p.public_latitude)
    from private.property_search s
    join public.properties p on p.id = s.property_id
    where s.place_names operator(pg_catalog.@>) private.place_names(p_place)
$$;
revoke execute on function private.find_place(text) from public;
grant execute on function private.find_place(text) to anon, authenticated, service_role;
comment on function private.find_place(text) is
    'The box around the published places of a neighbourhood, city, region or country; nulls when there is none. Called by check_search. Definer, as search is.';

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
revoke execute on function private.search_arrivals(date, integer, date, integer, boolean) from public;
grant execute on function private.search_arrivals(date, integer, date, integer, boolean) to anon, authenticated, service_role;
comment on function private.search_arrivals(date, integer, date, integer, boolean) is
    'The days on which a stay with flexible dates may begin, past ones left out: those up to p_flexible_days around p_check_in; or of a month the Fridays, or all from which p_nights nights lie in it. Called by check_search.';

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
    p_place text, p_text text,
    p_flexible_days integer, p_month text, p_nights integer, p_weekend boolean
) returns private.search
language plpgsql stable
set search_path = ''
as $$
declare
    v_days date[];
    v_sort text;
    v_codes text[];
    v_west double precision;
    v_south double precision;
    v_east double precision;
    v_north double precision;
begin
    v_days := private.read_days(array[p_check_in, p_check_out, p_month || '-01'], array['p_check_in', 'p_check_out', 'p_month']);
    select
        d.sort,
        array_remove(array[
            case when not case num_nonnulls(p_west, p_south, p_east, p_north)
                when 4 then p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2)
                when 0 then num_nulls(p_latitude, p_longitude, p_radius) = 0
                    or (p_place is not null and p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2))
                else false
            end then 'area' end,
            case when
                p_south > p_north or greatest(abs(p_south), abs(p_north), abs(p_latitude)) > 90
                or greatest(abs(p_west), abs(p_east), abs(p_longitude)) > 180
            then 'coordinates' end,
            case when p_radius <= 0 or p_radius > 500000 then 'radius' end,
            case when
                num_nulls(d.check_in, d.check_out) = 1
                or least(d.check_in, d.check_out) < '2000-01-01' or greatest(d.check_in, d.check_out) > '2100-01-01'
            then 'dates' end,
            case when d.check_out <= d.check_in then 'check_out_before_check_in' end,
            case when d.check_in < (now() at time zone 'Etc/GMT+12')::date then 'past_date' end,
            case when not (
                (p_flexible_days is null or (p_flexible_days between 1 and 7 and num_nulls(d.check_in, d.check_out) = 0))
                and p_weekend is not null
                and case when d.month is null then p_nights is null and not p_weekend
                else
                    num_nonnulls(d.check_in, d.check_out, p_flexible_days) = 0 and d.month between '2000-01-01' and '2099-12-01'
                    and coalesce(p_nights between 1 and 31, p_weekend) and p_weekend = (p_nights is null)
                end
            ) then 'flexible' end,
            case when length(btrim(p_text)) not between 1 and 200 or length(btrim(p_place)) not between 1 and 200 then 'text' end,
            case when
                num_nulls(p_adults, p_children, p_infants, p_pets) > 0 or p_adults < 1 or least(p_children, p_infants, p_pets) < 0
                or greatest(p_adults, p_children, p_infants, p_pets) > 1000
            then 'invalid_party' end,
            case when case
                when p_currency is null then num_nonnulls(p_min_price, p_max_price) > 0
                else not exists (select from public.currencies c where c.code = p_currency)
            end then 'currency' end,
            case when
                least(p_min_price, p_max_price) < 0 or greatest(p_min_price, p_max_price) > 1000000000000 or p_min_price > p_max_price
            then 'price' end,
            case when exists (
                select from unnest(p_amenities) as u (id) where not exists (select from public.amenities a where a.id = u.id)
            ) then 'amenities' end,
            case when exists (
                select
                from unnest(p_cancellation_policies) as u (id)
                where not exists (select from public.cancellation_policies c where c.id = u.id)
            ) then 'cancellation_policies' end,
            case when d.sort not in ('price', 'distance', 'rating', 'recommended') then 'sort' end,
            case when
                p_after !~ '^(price|distance|rating|recommended):[0-9]{1,20}([.][0-9]{1,30})?(e[+-][0-9]{1,3})?:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                or split_part(p_after, ':', 1) <> d.sort
            then 'cursor' end,
            case when p_limit between 1 and 50 then null else 'limit' end
        ], null)
    into v_sort, v_codes
    from (
        select
            v_days[1] as check_in, v_days[2] as check_out, v_days[3] as month,
            coalesce(p_sort, case when p_radius is null then 'price' else 'distance' end) as sort
        offset 0
    ) d;
    if v_codes <> '{}' then
        raise sqlstate 'PT400' using
            message = 'This search cannot be done.',
            detail = (
                select jsonb_agg(jsonb_build_object('code', c.code, 'message', c.message))
                from (values
                    ('area', 'Give a viewport (p_west, p_south, p_east, p_north), a circle (p_latitude, p_longitude, p_radius) or p_place.'),
                    ('coordinates', 'Latitudes lie between -90 and 90, longitudes between -180 and 180, south below north.'),
                    ('radius', 'p_radius is more than 0 and at most 500000 metres.'),
                    ('dates', 'Give both days or none, between 2000-01-01 and 2100-01-01.'),
                    ('check_out_before_check_in', 'Check-out is at least a day after check-in.'),
                    ('past_date', 'That day has passed everywhere on earth.'),
                    ('flexible', 'Give p_flexible_days (1 to 7) with both days; or p_month (YYYY-MM, until 2099) without them, with p_nights (1 to 31) or p_weekend.'),
                    ('text', 'p_text and p_place have 1 to 200 characters.'),
                    ('invalid_party', 'A party has at least one adult; no number is below 0 or above 1000.'),
                    ('currency', 'A range of prices needs p_currency, an ISO 4217 code.'),
                    ('price', 'Prices are 0 or more and at most 1000000000000, and p_max_price is not below p_min_price.'),
                    ('amenities', 'p_amenities has ids that table amenities does not.'),
                    ('cancellation_policies', 'p_cancellation_policies has ids that table cancellation_policies does not.'),
                    ('sort', 'p_sort is price, distance, rating or recommended.'),
                    ('cursor', 'p_after is the cursor of a row of the page before, of the same search.'),
                    ('limit', 'p_limit is between 1 and 50.')
                ) as c (code, message)
                where c.code = any (v_codes)
            )::text,
            hint = 'The details list all that is wrong.';
    end if;

    if p_radius is not null then
        -- the box around the circle, on a sphere of 6,371 km; if a pole is in it, it goes round the earth
        select
            case when c.is_polar then -180 else c.west + case when c.west < -180 then 360 else 0 end end, greatest(c.south, -90),
            case when c.is_polar then 180 else c.east - case when c.east > 180 then 360 else 0 end end, least(c.north, 90)
        into v_west, v_south, v_east, v_north
        from (
            select
                p_longitude - r.width as west, p_latitude - r.height as south, p_longitude + r.width as east, p_latitude + r.height as north,
                p_latitude - r.height <= -90 or p_latitude + r.height >= 90 as is_polar
            from (
                select
                    degrees(p_radius / 6371000) as height,
                    degrees(asin(least(1, sin(p_radius / 6371000) / cos(radians(p_latitude))))) as width
            ) r
        ) c;
    elsif p_west is null then
        select f.west, f.south, f.east, f.north into v_west, v_south, v_east, v_north from private.find_place(p_place) f;
    end if;
    return row (
        coalesce(v_west, p_west), coalesce(v_south, p_south), coalesce(v_east, p_east), coalesce(v_north, p_north),
        p_latitude, p_longitude, p_radius,
        case
            when num_nonnulls(p_flexible_days, p_month) > 0
                then private.search_arrivals(v_days[1], p_flexible_days, v_days[3], p_nights, p_weekend)
            when v_days[1] is not null then v_days[1:1]
        end,
        coalesce(v_days[2] - v_days[1], case when p_weekend then 2 else p_nights end),
        p_adults, p_children, p_infants, p_pets, p_currency, p_min_price, p_max_price, p_amenities, p_property_types, p_room_types,
        p_booking_mode, p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, p_place, p_text, v_sort, p_after
    )::private.search;
end
$$;
revoke execute on function private.check_search(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) from public;
grant execute on function private.check_search(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) to anon, authenticated, service_role;
comment on function private.check_search(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) is 'Refuses a search that cannot be done with 400 and all that is wrong with it; answers what is asked. Called by search_properties, count_properties and search_facets.';

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
    p_place text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false
) returns table (
    property_id uuid, title text, property_type public.property_type, room_type public.room_type, booking_mode public.booking_mode,
    max_guests smallint, bedrooms smallint, beds smallint, bathrooms numeric, city text, region text, country text,
    latitude double precision, longitude double precision, distance integer,
    currency text, price_per_night bigint, rent bigint, cover_photo jsonb, cursor text,
    total bigint, check_in date, check_out date, rating double precision
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
        p_place, p_text, p_flexible_days, p_month, p_nights, p_weekend
    );
    perform private.allow_caching(10);
    return query
    select
        p.id, p.title, p.property_type, p.room_type, p.booking_mode, p.max_guests, p.bedrooms, p.beds, p.bathrooms,
        p.city, p.region, p.country, p.public_latitude, p.public_longitude, round(f.distance)::integer,
        p.currency,
        case when v.nights is null then f.rent else round(f.rent / v.nights::numeric)::bigint end,
        case when v.nights is not null then f.rent end,
        (
            select jsonb_build_object('path', o.path, 'external_url', o.external_url, 'alt_text', o.alt_text)
            from public.property_photos o
            where o.property_id = p.id
            order by o.position, o.id
            limit 1
        ),
        format('%s:%s:%s', v.sort, f.sort_key, p.id),
        f.total, f.check_in, f.check_out, f.rating
    from private.find_properties(v, true, p_limit) f
    join public.properties p on p.id = f.property_id
    order by f.sort_key, f.property_id;
end
$$;
revoke execute on function public.search_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) from public;
grant execute on function public.search_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) to anon, authenticated, service_role;
comment on function public.search_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, text, integer, text, integer, boolean
) is 'Published places in a viewport (p_west > p_east goes over the 180th meridian), within p_radius metres or of p_place (neighbourhood, city, region or country code, or several with commas, accents or not), that the party can book from p_check_in to p_check_out (YYYY-MM-DD; both or none). total is what the guest pays for the stay in minor units of currency, as quote_stay says; rent the sum of its nights. p_min_price and p_max_price, in minor units of p_currency, are of the total, without dates of the base price of a night. p_amenities: all of them. p_text: words of title, place and description, accents or not. Flexible dates: p_flexible_days before or after; or p_month (YYYY-MM) with p_nights or p_weekend (Friday to Sunday); check_in and check_out are the cheapest that can be booked. p_sort: price (default of a viewport; whole units of each place''s currency), distance (default of a circle; from its centre, or from the given point or the middle of the viewport), rating (none last) or recommended (rating, 4 without; 0.5 for instant booking; 0.01 an amenity). distance: metres; null in a viewport not by distance. Next page: the cursor of the last row as p_after.';

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
    p_place text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false
) returns table (count integer, is_more boolean)
language plpgsql stable rows 1
set search_path = ''
as $$
declare
    v private.search;
begin
    v := private.check_search(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out, p_adults, p_children, p_infants,
        p_pets, p_currency, p_min_price, p_max_price, p_amenities, p_property_types, p_room_types, p_booking_mode,
        p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, 'recommended', null, 1,
        p_place, p_text, p_flexible_days, p_month, p_nights, p_weekend
    );
    perform private.allow_caching(10);
    return query
    select least(count(*), 300)::integer, count(*) > 300 from private.find_properties(v, false, 301);
end
$$;
revoke execute on function public.count_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, integer, boolean
) from public;
grant execute on function public.count_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, integer, boolean
) to anon, authenticated, service_role;
comment on function public.count_properties(
    double precision, double precision, double precision, double precision, double precision, double precision, double precision,
    text, text, integer, integer, integer, integer, text, bigint, bigint, text[], public.property_type[], public.room_type[],
    public.booking_mode, text[], integer, integer, real, text, text, integer, text, integer, boolean
) is 'How many places search_properties would find with the same arguments; with is_more set there are more than these 300.';
