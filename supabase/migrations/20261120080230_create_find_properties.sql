-- Purpose: finds the properties of a search: the prices of their stays, and which can be booked.
-- Touches: private.pet_fees, sum_of_lines, find_properties.
-- Watch: in the order of price, candidates come by a lower bound of their totals, and one is returned once no remaining candidate can cost
-- less: a wrong bound would change the order, never a total. `offset 0` and `case` keep the planner from reordering.
-- docs/availability.md explains the speed.

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

create function private.sum_of_lines(
    p_property_id uuid, p_check_in date, p_check_out date, p_guests integer, p_pets integer, p_children_ages integer[],
    p_units integer
) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select s.guest_total
        from public.properties p
        cross join lateral private.price_stay(
            p, p_check_in, private.night_prices(p, p_check_in, p_check_out), p_guests, p_pets, now(), p_children_ages, p_units
        ) s
        where p.id = p_property_id
    );
end
$$;
comment on function private.sum_of_lines is
    'The guest_total of price_stay. find_properties calls it for stays of which only some nights are taxed, and with children whom a fee or tax may exempt.';

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
    -- nights of a sort_key, of all units
    v_units constant integer := case when p_search.sort = 'price' then coalesce(v_nights, 1) * p_search.units else 1 end;
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
                        least(p_search.adults + p_search.children, 50 * p_search.units + 1) as guests, p_search.units,
                        p_search.children + p_search.infants as minors, p_search.children, p_search.children_ages,
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
                        q.units * ((q.nights - i.weekend_nights) * m.base_price + i.weekend_nights * m.weekend_price
                        + case when m.priced_months & q.months = 0 then 0 else coalesce((
                            select sum(
                                (d.until - d.since) * (o.price - m.base_price)
                                - private.weekend_nights(d.since, d.until) * (m.weekend_price - m.base_price)
                            )::bigint
                            from private.price_spans o
                            cross join lateral (select greatest(o.starts_on, i.check_in) as since, least(o.ends_on, i.check_out) as until) d
                            where o.property_id = m.property_id and o.ends_on > i.check_in and o.starts_on < i.check_out
                        ), 0) end) as rent,
                        (m.fees_per_stay + m.fees_per_night * q.nights) * q.units + m.fees_per_guest * q.guests
                        + (m.fees_per_guest_night * q.guests + greatest(q.guests - m.extra_guests_after * q.units, 0) * m.extra_guest_price) * q.nights
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
                            or not q.is_priced and not m.is_taxed and not m.exempts_children
                            and d.rent + r.fees between u.minimum_charge and u.maximum_charge / 2
                            then null
                        else least(case
                            -- only some nights are taxed, or only some guests pay
                            when m.is_taxed and q.nights > m.tax_nights or m.exempts_children and q.children > 0
                                then private.sum_of_lines(m.property_id, i.check_in, i.check_out, q.guests, q.pets, q.children_ages, q.units)
                            else
                                d.rent + r.fees
                                + case when q.guest_percent = 0 then 0 else private.proportion(d.rent + r.fees, q.guest_percent, 100, u.step) end
                                + case when not m.is_taxed then 0 else (
                                    select sum(case x.charge
                                        when 'percent' then private.proportion(
                                            case x.applies_to when 'all' then d.rent + r.fees when 'rent' then d.rent else r.fees end, x.percent, 100, u.step
                                        )
                                        when 'per_booking' then x.amount * q.units
                                        when 'per_night' then x.amount * q.nights * q.units
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
                    m.max_guests * q.units >= q.guests and m.max_infants * q.units >= q.infants and m.max_pets * q.units >= q.pets
                    and m.unit_count >= q.units
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
                    p_search.adults, p_search.children, p_search.infants, p_search.pets, p_enough => case when v_is_sample then v_some else p_limit end,
                    p_units => p_search.units
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
                            p_search.adults, p_search.children, p_search.infants, p_search.pets, p_enough => v_step,
                            p_units => p_search.units
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
