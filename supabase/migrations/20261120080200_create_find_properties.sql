-- Purpose: finds the properties of a search: candidates from the map, the prices of their stays, and which can be booked.
-- Touches: private.search, search_candidate, search_hit, weekend_nights, find_candidates, pet_fees, sum_of_lines, find_properties.
-- Watch: find_candidates reads one index and returns only as many candidates as a page needs, in the order of the page. Its filters
-- only save calls of broken_rules, which decides last; none is stricter. In the order of price, candidates come by a
-- lower bound of their totals, and one is returned once no remaining candidate can cost less: a wrong bound would change the order, never a
-- total. `offset 0` and `case` keep the planner from reordering. docs/availability.md explains the speed.

create type private.search as (
    west double precision, south double precision, east double precision, north double precision,
    middle point, radius double precision,
    arrivals date[], nights integer, weekend_nights integer, months integer, adults integer, children integer, infants integer, pets integer,
    currency text, min_price bigint, max_price bigint, guest_percent numeric, most_a_night double precision,
    amenities bigint, needs bigint, cancellation_policies text[], bedrooms integer, beds integer, bathrooms real,
    area_names text[], words tsquery, sort text, after text
);
comment on type private.search is
    'A checked search in the terms of property_search. Distances are in metres, coordinates in Web Mercator metres.';
comment on column private.search.middle is 'Centre of the circle, or the point from which distances are measured.';
comment on column private.search.radius is 'Radius of the circle; infinity when only the order is by distance, null when no distance is needed.';
comment on column private.search.arrivals is 'Possible check-in dates in order; null for a search without dates.';
comment on column private.search.nights is 'Length of the stay; null for a search without dates.';
comment on column private.search.weekend_nights is 'Friday and Saturday nights of a stay from the first of arrivals.';
comment on column private.search.months is 'Months that have nights of any of these stays, as bits of month_mask.';
comment on column private.search.guest_percent is 'The platform fee that guests pay now, in per cent.';
comment on column private.search.most_a_night is 'The most that a night may cost, in ten-thousandths of a whole currency unit; infinity without a limit.';
comment on column private.search.amenities is 'Required amenities, as bits of amenities.bit.';
comment on column private.search.needs is 'The result of needs_mask.';
comment on column private.search.sort is 'price, distance, rating or recommended.';
comment on column private.search.after is 'Cursor of the last row of the page before; null for the first page.';

create type private.search_candidate as (property_id uuid, sort_key double precision, distance double precision);
comment on type private.search_candidate is
    'A property that a search may find.';
comment on column private.search_candidate.sort_key is
    'Position in the order, lowest first. For the order by price a lower bound of the total, in ten-thousandths of a whole currency unit.';

create type private.search_hit as (
    property_id uuid, check_in date, check_out date, rent bigint, total bigint, distance double precision, rating double precision,
    cover_photo jsonb, sort_key double precision
);
comment on type private.search_hit is 'A property that a search found.';
comment on column private.search_hit.rent is 'Sum of the night prices; the base price for a search without dates.';
comment on column private.search_hit.total is 'What the guest pays for the stay; null when the search does not need it.';

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

create function private.find_candidates(
    p_search private.search, p_after_key double precision, p_after_id uuid, p_limit integer,
    out candidates private.search_candidate[], out reach double precision, out reach_id uuid
)
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_strips integer[];
    v_wests double precision[];
    v_easts double precision[];
begin
    -- By tile, the cheapest of each first: for viewports that are over 8 km wide and high and cover at most 64 tiles.
    if p_search.sort = 'price' and num_nonnulls(p_search.radius, p_search.words, p_search.area_names) = 0
        and least(p_search.east - p_search.west, p_search.north - p_search.south) > 8000
        and ((p_search.east - p_search.west) / 64000 + 1) * ((p_search.north - p_search.south) / 64000 + 1) <= 64 then
        with cheapest as materialized (
            select s.property_id, s.sort_key, s.least_night, s.number
            -- as columns, because reading a variable costs more each time
            from (
                select
                    p_search.nights, p_search.nights - p_search.weekend_nights as weekday_nights, p_search.weekend_nights,
                    p_search.nights >= 7 as is_week, p_search.nights >= 28 as is_month,
                    cardinality(p_search.arrivals) > 1 as is_flexible, p_search.months, p_search.guest_percent / 100.0::double precision as guest_fee,
                    p_search.west, p_search.south, p_search.east, p_search.north, p_search.needs, p_search.amenities,
                    p_search.most_a_night,
                    floor(p_search.south / 64000)::integer as south_row, floor(p_search.north / 64000)::integer as north_row,
                    floor(p_search.west / 64000)::integer as west_column, floor(p_search.east / 64000)::integer as east_column
                offset 0
            ) k
            cross join generate_series(k.south_row, k.north_row) as t (row)
            cross join generate_series(k.west_column, k.east_column) as u (col)
            cross join lateral (
                select
                    s.property_id, s.least_night,
                    -- a lower bound of price_stay's guest_total, written here and again below; discount and platform fee of the
                    -- guest, of at most 50 per cent, may both be rounded down
                    greatest(case
                        when k.nights is null then s.base_price::double precision
                        when k.nights > s.tax_nights then r.rent * (1 + k.guest_fee) - 1.26
                        else
                            (r.rent + s.least_stay_fees + k.nights * s.least_night_fees) * (1 + s.least_tax)
                            + case when k.guest_fee > 0 then r.rent * k.guest_fee - 0.76 else 0 end
                    end * s.scale, k.nights * s.least_night) as sort_key,
                    row_number() over (order by s.least_night, s.property_id) as number
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
                where
                    s.tile = t.row * 10000 + u.col and s.least_night <= k.most_a_night
                    and s.x between k.west and k.east and s.y between k.south and k.north
                    and s.lacks & k.needs = 0 and s.amenities & k.amenities = k.amenities
                order by s.least_night, s.property_id
                limit 2 * p_limit
            ) s
        )
        select coalesce(e.sort_key, 'infinity'), e.property_id, array(
            select row (s.property_id, s.sort_key, null)::private.search_candidate
            from cheapest s
            where
                (e.property_id is null or (s.sort_key, s.property_id) <= (e.sort_key, e.property_id))
                and (p_after_key is null or (s.sort_key, s.property_id) > (p_after_key, p_after_id))
            order by s.sort_key, s.property_id
            limit p_limit
        )
        into reach, reach_id, candidates
        -- what remains of a tile costs at least as much as its last row that was read
        from (select) o
        left join lateral (
            select coalesce(p_search.nights, 1) * s.least_night as sort_key, s.property_id
            from cheapest s
            where s.number = 2 * p_limit
            order by s.least_night, s.property_id
            limit 1
        ) e on true;
    else
        -- By strip, from west to east; a viewport over the 180th meridian has two ranges in each strip.
        select array_agg(t.strip), array_agg(w.west), array_agg(w.east) into v_strips, v_wests, v_easts
        from generate_series(floor(p_search.south / 2000)::integer, floor(p_search.north / 2000)::integer) as t (strip)
        cross join lateral (
            select p_search.west, case when p_search.west > p_search.east then 'infinity' else p_search.east end as east
            union all
            select '-infinity', p_search.east where p_search.west > p_search.east
        ) w;
        reach := 'infinity';
        candidates := array(
            select row (b.property_id, b.sort_key, b.distance)::private.search_candidate
            from (
                select
                    a.property_id, a.distance,
                    case p_search.sort
                        when 'price' then a.least * a.scale
                        when 'distance' then a.distance
                        when 'rating' then case when a.rating < 0 then 9 else 5 - a.rating end
                        else 10 - a.recommendation
                    end as sort_key
                from (
                    select
                        s.property_id, s.scale, s.rating, s.recommendation,
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
                            p_search.south, p_search.north, p_search.needs, p_search.amenities
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
                    where s.y between k.south and k.north and s.lacks & k.needs = 0 and s.amenities & k.amenities = k.amenities
                    offset 0
                ) a
                where
                    (p_search.radius is null or a.distance <= p_search.radius)
                    and (p_search.max_price is null or a.least <= p_search.max_price)
                    and (p_search.words is null or a.property_id in (
                        select m.property_id from private.property_search m where m.words operator(pg_catalog.@@) p_search.words
                    ))
                    and (p_search.area_names is null or a.property_id in (
                        select m.property_id from private.property_search m
                        where m.area_names operator(pg_catalog.@>) p_search.area_names
                    ))
            ) b
            where p_after_key is null or (b.sort_key, b.property_id) > (p_after_key, p_after_id)
            order by b.sort_key, b.property_id
            limit p_limit
        );
    end if;
    if cardinality(candidates) = p_limit then
        reach := candidates[p_limit].sort_key;
        reach_id := candidates[p_limit].property_id;
    end if;
end
$$;
comment on function private.find_candidates is
    'The next p_limit candidates of a search after a sort_key and id, in order, from the indexes of property_search alone. All remaining ones come after (reach, reach_id); reach is infinity when none remain.';

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

create function private.find_properties(p_search private.search, p_is_priced boolean, p_limit integer)
returns private.search_hit[]
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
    v_some integer := case when v_nights is null then p_limit + 10 else p_limit * 5 / 2 end;
    v_found record;
    -- stays that may be on the page, in order, and those of them that can be booked
    v_pool private.search_hit[];
    v_property_ids uuid[];
    v_hits private.search_hit[];
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
            p_search, case when not v_by_total then v_after_key end, case when not v_by_total then v_after_id end, v_some
        );

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
                h.property_id, h.check_in, h.check_out, h.rent, h.total, h.distance, nullif(h.rating, -1), h.cover_photo, h.sort_key
            )::private.search_hit),
            array_agg(h.property_id)
        into v_pool, v_property_ids
        from (
            select h.*
            from (
                select
                    c.property_id, i.check_in, i.check_out, c.distance, m.rating, m.cover_photo,
                    case when q.is_priced then t.total end as total,
                    case when q.nights is null then m.base_price when p_is_priced then r.rent end as rent,
                    case when q.is_by_total then t.total * m.scale else c.sort_key end as sort_key
                from (
                    select
                        -- capped one above what any property accepts, so that prices stay within bigint
                        case when v_nights is not null then least(v_nights, 1126) end as nights,
                        least(p_search.adults + p_search.children, 51) as guests, p_search.children + p_search.infants as minors,
                        p_search.months, v_by_total as is_by_total, v_is_priced as is_priced,
                        p_search.infants, p_search.pets, p_search.currency, p_search.cancellation_policies, p_search.bedrooms, p_search.beds,
                        p_search.bathrooms, p_search.min_price, p_search.max_price, p_search.guest_percent
                    offset 0
                ) q
                cross join unnest(v_found.candidates) as c (property_id, sort_key, distance)
                join private.property_search m on m.property_id = c.property_id
                join public.currencies u on u.code = m.currency
                cross join days i
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
                    and (q.currency is null or m.currency = q.currency)
                    and (q.cancellation_policies is null or m.cancellation_policy_id = any (q.cancellation_policies))
                    and (q.bedrooms is null or m.bedrooms >= q.bedrooms)
                    and (q.beds is null or m.beds >= q.beds)
                    and (q.bathrooms is null or m.bathrooms >= q.bathrooms)
                    and case
                        when q.nights is null
                            then (q.min_price is null or m.base_price >= q.min_price) and (q.max_price is null or m.base_price <= q.max_price)
                        else
                            m.min_nights <= q.nights and m.max_nights >= q.nights
                            and i.check_in_bit & m.check_in_weekdays <> 0 and i.check_out_bit & m.check_out_weekdays <> 0
                            and i.days_ahead <= m.booking_window_days
                    end
                    and (t.total is null or t.total between u.minimum_charge and u.maximum_charge)
                    and (not q.is_priced or (q.min_price is null or t.total >= q.min_price) and (q.max_price is null or t.total <= q.max_price))
                offset 0
            ) h
            where
                (not v_by_total or (h.sort_key, h.property_id) <= (v_found.reach, v_found.reach_id))
                and (v_is_flexible or v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id))
            order by h.sort_key, h.property_id, h.total, h.check_in
        ) h;

        if v_pool is null or v_nights is null then
            v_hits := coalesce(v_pool, '{}');
        elsif not v_is_flexible then
            v_hits := array(
                select v_pool[r.number]
                from private.broken_rules(
                    v_property_ids, array_fill(p_search.arrivals[1], array[cardinality(v_pool)]),
                    array_fill(p_search.arrivals[1] + v_nights, array[cardinality(v_pool)]),
                    p_search.adults, p_search.children, p_search.infants, p_search.pets, p_enough => p_limit
                ) r
            );
        else
            -- of several dates of a property the first that can be booked
            v_hits := '{}';
            v_seen := '{}';
            v_asked := 0;
            -- all stays up to the cursor must be checked, so they are checked at once
            v_passed := (select count(*) from unnest(v_pool) h where (h.sort_key, h.property_id) <= (v_after_key, v_after_id));
            while v_asked < cardinality(v_pool) and cardinality(v_hits) < p_limit loop
                v_step := greatest(v_passed - v_asked, 0) + (p_limit - cardinality(v_hits)) * 4 / 3 + 2;
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
                v_hits := v_hits || array(
                    select h from unnest(v_slice) h where v_after_key is null or (h.sort_key, h.property_id) > (v_after_key, v_after_id)
                );
            end loop;
        end if;
        exit when cardinality(v_hits) >= p_limit or v_found.reach = 'infinity';
        v_some := v_some * 2;
    end loop;
    return v_hits[:p_limit];
end
$$;
grant execute on function private.find_properties to anon, authenticated, service_role;
comment on function private.find_properties is
    'The first p_limit published properties that a party can book, in order, with totals if p_is_priced. Definer, because the public cannot read occupancies and taxes.';
