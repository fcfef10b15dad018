-- Purpose: how search finds places: candidates from the map, what their stays cost, and which of them can be booked.
-- Touches: private.search, private.search_hit, private.search_candidate, private.weekend_nights, private.place_names,
-- private.find_candidates, private.price_candidates, private.find_properties.
-- Watch: candidates come from one index that holds what sorts and most of what filters, in the order of the page; only as many
-- as the page needs are priced and asked about, a handful in one query, and broken_rules is asked last. Filters here are there
-- to ask less often; none of them is stricter than it. By price, candidates come by the least that a stay can cost, which is
-- said twice below, and a place is settled once no candidate that is left can cost less. So an error in a bound would show in
-- the order, never in a total. `offset 0` and `case` keep the planner from turning it round. What is worked out once is worked
-- out in one statement: every transaction pays for an expression of plpgsql several times what it pays for a column.

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

create function private.place_names(p_place text) returns text[]
language sql stable
set search_path = ''
as $$
    select string_to_array(regexp_replace(private.plain_letters(btrim(p_place)), '\s*,\s*', ',', 'g'), ',')
$$;
revoke execute on function private.place_names(text) from public;
comment on function private.place_names(text) is 'The parts of a place such as "Alfama, Lisboa, PT", in lower case and without accents; null for null. Called by find_properties and find_place.';

create function private.find_candidates(p_search private.search, p_after_key double precision, p_after_id uuid, p_limit integer)
returns setof private.search_candidate
language plpgsql stable rows 60
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_sort constant text := p_search.sort;
    v_nights constant integer := p_search.nights;
    v_max_price constant bigint := p_search.max_price;
    v_weekend_nights integer;
    v_months integer;
    v_is_flexible boolean;
    v_guest_fee double precision;
    v_refused bigint;
    v_amenities bigint;
    v_west double precision;
    v_south double precision;
    v_east double precision;
    v_north double precision;
    v_radius double precision;
    v_middle point;
    v_words tsquery;
    v_places text[];
    v_tiles integer[];
    v_strips integer[];
    v_wests double precision[];
    v_easts double precision[];
    -- what a night may cost, how many of a tile to look at, and what was found of these
    v_most double precision := 'infinity';
    v_some integer;
    v_candidates private.search_candidate[];
begin
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
        coalesce(cardinality(p_search.arrivals) > 1, false)
    into
        v_weekend_nights, v_months, v_guest_fee, v_refused, v_amenities, v_west, v_south, v_east, v_north, v_radius, v_middle, v_words,
        v_places, v_is_flexible
    from (
        select
            private.mercator(p_search.south, p_search.west) as southwest,
            private.mercator(p_search.north, p_search.east) as northeast
        offset 0
    ) z;

    -- Tiles have to be few, and to have more in the viewport than beside it. Some of the cheapest of each say what the last of all
    -- candidates costs at most; then what may cost less is looked at.
    if v_sort = 'price' and num_nonnulls(v_radius, v_words, v_places) = 0
        and least(v_east - v_west, v_north - v_south) > 8000
        and ((v_east - v_west) / 16000 + 1) * ((v_north - v_south) / 16000 + 1) <= 64 then
        v_tiles := array(
            select y * 10000 + x
            from generate_series(floor(v_south / 16000)::integer, floor(v_north / 16000)::integer) as y
            cross join generate_series(floor(v_west / 16000)::integer, floor(v_east / 16000)::integer) as x
        );
        v_some := 3 * p_limit / cardinality(v_tiles) + 1;
        loop
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
                        -- what the guest pays, at least: discount and guest's fee, of up to a half, may both be rounded down
                        case
                            when k.nights is null then s.base_price::double precision
                            when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1.26
                            else
                                (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                                + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.76 else 0 end
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
                    and (p_after_key is null or (s.least / s.unit, s.property_id) > (p_after_key, p_after_id))
                order by s.least / s.unit, s.property_id
                limit p_limit
            );
            exit when v_some is null or (cardinality(v_candidates) < p_limit and v_some >= p_limit);
            if cardinality(v_candidates) = p_limit then
                v_most := v_candidates[p_limit].sort_key / coalesce(v_nights, 1);
                v_some := null;
            else
                v_some := 8 * v_some;
            end if;
        end loop;
        return query
        select c.* from unnest(v_candidates) c;
        return;
    end if;

    -- each from west to east; over the 180th meridian there are two such stretches of each
    select array_agg(t.strip), array_agg(w.west), array_agg(w.east) into v_strips, v_wests, v_easts
    from generate_series(floor(v_south / 2000)::integer, floor(v_north / 2000)::integer) as t (strip)
    cross join lateral (
        select v_west as west, case when v_west > v_east then 'infinity' else v_east end as east
        union all
        select '-infinity', v_east where v_west > v_east
    ) w;
    return query
    select b.property_id, b.sort_key, b.distance, b.rating, b.unit, b.least
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
                    when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1.26
                    else
                        (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                        + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.76 else 0 end
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
                    v_sort = 'price' or v_max_price is not null as is_bounded, v_guest_fee as guest_fee, v_radius as radius,
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
    where p_after_key is null or (b.sort_key, b.property_id) > (p_after_key, p_after_id)
    order by b.sort_key, b.property_id
    limit p_limit;
end
$$;
revoke execute on function private.find_candidates(private.search, double precision, uuid, integer) from public;
comment on function private.find_candidates(private.search, double precision, uuid, integer) is
    'The first p_limit places of a search after a sort_key and id, in their order, by what the map''s indexes hold. Called by find_properties.';

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
    v_nights constant integer := p_search.nights;
    v_is_flexible constant boolean := coalesce(cardinality(p_search.arrivals) > 1, false);
    -- whether the order is that of totals, and whether they are needed
    v_by_total constant boolean := p_search.sort = 'price' and v_nights is not null;
    v_is_priced constant boolean := v_nights is not null and (
        p_is_priced or v_by_total or num_nonnulls(p_search.min_price, p_search.max_price) > 0
    );
    v_after_key constant double precision := split_part(p_search.after, ':', 2);
    v_after_id constant uuid := split_part(p_search.after, ':', 3);
    -- candidates, a batch at a time, and how many of these were priced
    v_batch integer := 3 * p_limit;
    v_candidates private.search_candidate[] := '{}';
    v_last private.search_candidate;
    v_priced integer := 0;
    v_size integer := p_limit * 3 / 2;
    v_has_more boolean;
    -- stays that may be on the page, in its order, and how many of them come before all candidates that are left
    v_pool private.search_hit[] := '{}';
    v_settled integer;
    v_asked integer;
    v_slice private.search_hit[];
    v_hits private.search_hit[] := '{}';
    v_count integer := 0;
begin
    -- totals are not in the order of candidates
    if not v_by_total then
        v_last.sort_key := v_after_key;
        v_last.property_id := v_after_id;
    end if;
    loop
        if v_priced = cardinality(v_candidates) then
            v_candidates := array(select c from private.find_candidates(p_search, v_last.sort_key, v_last.property_id, v_batch) c);
            v_has_more := cardinality(v_candidates) = v_batch;
            v_last := v_candidates[v_batch];
            v_priced := 0;
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
