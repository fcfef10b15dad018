-- Purpose: facets of a search: how many of its properties have each type and amenity, and how their prices are distributed.
-- Touches: public.search_facets.
-- Watch: it counts the results of find_properties, so only properties that can be booked. It checks, and with dates and a
-- currency prices, each of them; hence a sample of 320.

create function public.search_facets(
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
) returns table (
    count integer, is_estimate boolean, property_types jsonb, room_types jsonb, booking_modes jsonb, cancellation_policies jsonb,
    amenities jsonb, prices jsonb
)
language plpgsql stable rows 1
set search_path = ''
as $$
#variable_conflict use_column
declare
    v private.search;
    v_hits private.search_hit[];
    v_share double precision;
begin
    v := private.check_search(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out, p_adults, p_children, p_infants,
        p_pets, p_currency, p_min_price, p_max_price, p_amenities, p_property_types, p_room_types, p_booking_mode,
        p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, 'rating', null, 1,
        p_area, p_text, p_flexible_days, p_month, p_nights, p_weekend, p_children_ages, p_units
    );
    v.sort := 'sample';
    perform private.allow_caching(60);
    select f.hits, f.share into v_hits, v_share from private.find_properties(v, p_currency is not null, 320) f;
    return query
    with counted as materialized (
        select
            p.id, h.amenities, p.property_type, p.room_type, p.booking_mode, c.id as policy,
            private.convert_approximately(coalesce(h.total, h.rent), h.factor, v.step) as price
        from unnest(v_hits) h
        join public.properties p on p.id = h.property_id
        left join public.cancellation_policies c on c.id = p.cancellation_policy_id and c.host_id is null
    ),
    bounds as (
        select min(s.price) as lowest, (max(s.price) - min(s.price)) / 20 + 1 as width from counted s where p_currency is not null
    )
    select
        private.estimate(cardinality(v_hits), v_share),
        v_share < 1,
        (select coalesce(jsonb_object_agg(t.id, t.properties), '{}') from (select s.property_type as id, private.estimate(count(*), v_share) as properties from counted s group by 1) t),
        (select coalesce(jsonb_object_agg(t.id, t.properties), '{}') from (select s.room_type as id, private.estimate(count(*), v_share) as properties from counted s group by 1) t),
        (select coalesce(jsonb_object_agg(t.id, t.properties), '{}') from (select s.booking_mode as id, private.estimate(count(*), v_share) as properties from counted s group by 1) t),
        (
            select coalesce(jsonb_object_agg(t.id, t.properties), '{}')
            from (select s.policy as id, private.estimate(count(*), v_share) as properties from counted s where s.policy is not null group by 1) t
        ),
        (
            select coalesce(jsonb_object_agg(t.id, t.properties), '{}')
            from (
                select a.id, private.estimate(count(*), v_share) as properties
                from public.amenities a
                join counted s on s.amenities & (1::bigint << a.bit) <> 0
                group by 1
            ) t
        ),
        (
            select jsonb_agg(
                jsonb_build_object('from', t.since, 'until', t.since + t.width, 'count', t.properties) order by t.since
            )
            from (
                select b.lowest + n * b.width as since, b.width, private.estimate(count(s.id), v_share) as properties
                from bounds b
                cross join generate_series(0, 19) as n
                left join counted s on (s.price - b.lowest) / b.width = n
                where b.lowest is not null
                group by b.lowest, b.width, n
            ) t
        );
end
$$;
grant execute on function public.search_facets to anon, authenticated, service_role;
comment on function public.search_facets is 'Counts what search_properties would find with the same arguments, as {id: properties}, by property type, room type, booking mode, common cancellation policy and amenity. prices, when p_currency is given: 20 equal ranges of the price that p_min_price and p_max_price compare, [{from, until (exclusive), count}] in minor units of p_currency. Looks at a random 320 properties at most: where the filters leave more, is_estimate is true and each count is what the sample stands for, to two digits.';
