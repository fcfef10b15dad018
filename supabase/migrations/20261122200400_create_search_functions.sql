-- Purpose: search: published places in a part of the map that a party can book for its dates, a page at a time.
-- Touches: private.search, private.search_hit, private.stay_total, private.find_properties, private.find_place,
-- private.search_arrivals, private.check_search, public.search_properties, public.count_properties.
-- Watch: candidates are sorted first and asked last: bookability is called, in the order of the page, until the page is full.
-- That, and an index that holds what sorts and most of what filters, is what makes it fast; `offset 0` and `case` keep the
-- planner from turning it round. Filters on nights, weekdays and taken nights are there to ask less often; none of them is
-- stricter than bookability. By price, candidates are sorted by the least that a stay can cost; price_stay says what it costs,
-- and a place is given out once no candidate that is left can cost less. So an error in a bound would show in the order, never
-- in a total.

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

create function private.stay_total(
    p_property_id uuid, p_check_in date, p_check_out date, p_guests integer, p_pets integer, out rent bigint, out total bigint
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_property public.properties;
    v_night_prices bigint[];
    v_total numeric;
begin
    select p.* into v_property from public.properties p where p.id = p_property_id;
    v_night_prices := private.night_prices(p_property_id, p_check_in, p_check_out);
    select sum(l.amount) filter (where l.kind = 'nights'), sum(l.amount) into rent, v_total
    from private.price_stay(v_property, p_check_in, v_night_prices, p_guests, p_pets, now()) l;
    -- a stay that is too expensive for a quote has no total
    if v_total <= 9007199254740991 then
        total := v_total;
    end if;
end
$$;
revoke execute on function private.stay_total(uuid, date, date, integer, integer) from public;
comment on function private.stay_total(uuid, date, date, integer, integer) is
    'What the nights of a stay cost, and what the guest pays in all, as a quote says. Called by find_properties.';

create function private.find_properties(p_search private.search, p_is_priced boolean, p_limit integer)
returns setof private.search_hit
language plpgsql stable security definer rows 20
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_arrivals constant date[] := p_search.arrivals;
    v_check_in constant date := v_arrivals[1];
    v_nights constant integer := p_search.nights;
    -- of the only dates, or after the last ones that will do
    v_check_out constant date := v_arrivals[cardinality(v_arrivals)] + v_nights;
    v_is_flexible constant boolean := coalesce(cardinality(v_arrivals) > 1, false);
    v_weekend_nights integer;
    v_guests constant integer := p_search.adults + p_search.children;
    v_pets constant integer := p_search.pets;
    v_amenities bigint;
    v_property_types constant public.property_type[] := p_search.property_types;
    v_room_types constant public.room_type[] := p_search.room_types;
    v_booking_mode constant public.booking_mode := p_search.booking_mode;
    v_bedrooms constant integer := p_search.bedrooms;
    v_radius constant double precision := p_search.radius;
    v_min_price constant bigint := p_search.min_price;
    v_max_price constant bigint := p_search.max_price;
    v_sort constant text := p_search.sort;
    -- whether the order is that of totals
    v_by_total constant boolean := v_sort = 'price' and v_nights is not null;
    v_is_priced constant boolean := p_is_priced or v_by_total;
    v_latitude constant double precision := radians(coalesce(p_search.latitude, (p_search.south + p_search.north) / 2));
    v_longitude constant double precision := radians(coalesce(
        p_search.longitude,
        case when p_search.west > p_search.east then (p_search.west + p_search.east + 360) / 2
        else (p_search.west + p_search.east) / 2 end
    ));
    v_box box;
    v_box_beyond box := box(point(1e9, 1e9), point(1e9, 1e9)); -- nowhere
    v_after_key constant double precision := split_part(p_search.after, ':', 2);
    v_after_id constant uuid := split_part(p_search.after, ':', 3);
    v_arrival_bits integer;
    v_departure_bits integer;
    v_days_ahead constant integer := v_check_in - (now() at time zone 'Pacific/Kiritimati')::date;
    v_monday constant date := '1999-12-27';
    v_words constant tsquery := websearch_to_tsquery('simple', private.plain_letters(p_search.words));
    v_places constant text[] := private.place_names(p_search.place);
    v_guest_fee constant double precision := coalesce((
        select f.guest_percent from private.platform_fees f where f.valid_from <= now() order by f.valid_from desc limit 1
    ), 0) / 100.0;
    v_row record;
    v_hit private.search_hit;
    v_best private.search_hit;
    v_arrival date;
    v_priced record;
    -- found, but something cheaper may come
    v_waiting private.search_hit[] := '{}';
    v_first_waiting double precision := 'infinity';
    v_count integer := 0;
begin
    -- days that have all passed
    if cardinality(v_arrivals) = 0 then
        return;
    end if;
    select coalesce(bit_or(1::bigint << a.bit), 0) into v_amenities from public.amenities a where a.id = any (p_search.amenities);
    select bit_or(1 << extract(isodow from a)::integer), bit_or(1 << extract(isodow from a + v_nights)::integer)
    into v_arrival_bits, v_departure_bits
    from unnest(v_arrivals) as a;
    select count(*) into v_weekend_nights
    from generate_series(0, v_nights - 1) as n
    where extract(isodow from v_check_in + n) in (5, 6);
    -- over the 180th meridian there are two boxes
    if p_search.west > p_search.east then
        v_box := box(private.mercator(p_search.south, p_search.west), private.mercator(p_search.north, 180));
        v_box_beyond := box(private.mercator(p_search.south, -180), private.mercator(p_search.north, p_search.east));
    else
        v_box := box(private.mercator(p_search.south, p_search.west), private.mercator(p_search.north, p_search.east));
    end if;

    for v_row in
        select c.*
        from (
            select
                t.property_id, t.base_price, t.distance, t.rating, t.least, t.most,
                case v_sort
                    when 'price' then t.least / t.unit
                    when 'distance' then t.distance
                    when 'rating' then case when t.rating < 0 then 9 else 5 - t.rating end
                    else
                        10 - case when t.rating < 0 then 4 else t.rating end
                        - case t.booking_mode when 'instant' then 0.5 else 0 end
                        - bit_count(t.amenities::bit(64)) * 0.01
                end::double precision as sort_key,
                t.unit
            from (
                -- what the guest pays, at least and at most
                select
                    s.*,
                    case
                        when v_nights is null then s.base_price
                        when v_nights > s.tax_nights then s.least_rent * (1 + v_guest_fee) - 15
                        else (s.least_rent + s.fees) * (1 + s.least_tax) + s.least_rent * v_guest_fee - 15
                    end as least,
                    case
                        when v_nights is null then s.base_price
                        else (s.most_rent + s.fees + s.pet_fees) * (1 + s.most_tax + v_guest_fee) + 15
                    end as most
                from (
                    select
                        r.*,
                        r.rent * (100 - case
                            when v_nights >= 28 and r.monthly_discount > 0 then r.monthly_discount
                            when v_nights >= 7 and r.weekly_discount > 0 then r.weekly_discount
                            else r.other_discount
                        end) / 100.0::double precision as least_rent,
                        r.highest_rent * (100 - case
                            when v_nights >= 28 and r.monthly_discount > 0 then r.monthly_discount
                            when v_nights >= 7 and r.weekly_discount > 0 then r.weekly_discount
                            else 0
                        end) / 100.0::double precision as most_rent,
                        r.fees_per_stay + r.fees_per_night * v_nights + r.fees_per_guest * v_guests
                            + (
                                r.fees_per_guest_night * v_guests
                                + greatest(v_guests - r.extra_guests_after, 0) * r.extra_guest_price
                            ) * v_nights as fees,
                        case when v_pets > 0 then coalesce((
                            select sum(f.amount) from public.property_fees f where f.property_id = r.property_id and f.kind = 'pet'
                        ), 0)::double precision * v_pets * v_nights else 0 end as pet_fees
                    from (
                        select
                            e.*,
                            case when v_is_flexible then greatest(e.rent, v_nights * greatest(
                                e.base_price, e.weekend_price,
                                case when e.priced_from < v_check_out and e.priced_until > v_check_in then (
                                    select max(t.price)
                                    from private.price_spans t
                                    where t.property_id = e.property_id and t.ends_on > v_check_in and t.starts_on < v_check_out
                                ) end
                            )) else e.rent end as highest_rent
                        from (
                            select
                                b.*,
                                -- where it matters: metres on a sphere of 6,371 km, from the map's square back to degrees
                                case when v_sort = 'distance' or v_radius is not null then 12742000 * asin(least(1, sqrt(
                                    sin((2 * atan(exp(b.place[1] / 6378137)) - pi() / 2 - v_latitude) / 2) ^ 2
                                    + cos(v_latitude) * cos(2 * atan(exp(b.place[1] / 6378137)) - pi() / 2)
                                        * sin((b.place[0] / 6378137 - v_longitude) / 2) ^ 2
                                ))) end as distance,
                                -- the nights at their usual price; and, where some have a price of their own, the difference.
                                -- Fridays and Saturdays between two days are a difference too: those since a Monday long ago.
                                -- Of flexible dates, what the cheapest night would make them.
                                case
                                    when v_nights is null then b.base_price
                                    when v_is_flexible then v_nights * least(
                                        b.base_price, b.weekend_price,
                                        case when b.priced_from < v_check_out and b.priced_until > v_check_in then (
                                            select min(t.price)
                                            from private.price_spans t
                                            where t.property_id = b.property_id and t.ends_on > v_check_in and t.starts_on < v_check_out
                                        ) end
                                    )
                                    else (v_nights - v_weekend_nights) * b.base_price + v_weekend_nights * b.weekend_price
                                        + case when b.priced_from < v_check_out and b.priced_until > v_check_in then coalesce((
                                            select sum(
                                                (n.until - n.since) * (t.price - b.base_price)
                                                - (
                                                    2 * (n.until / 7 - n.since / 7)
                                                    + greatest(n.until % 7 - 4, 0) - greatest(n.since % 7 - 4, 0)
                                                ) * (b.weekend_price - b.base_price)
                                            )::bigint
                                            from private.price_spans t
                                            cross join lateral (
                                                select
                                                    greatest(t.starts_on, v_check_in) - v_monday as since,
                                                    least(t.ends_on, v_check_out) - v_monday as until
                                            ) n
                                            where t.property_id = b.property_id and t.ends_on > v_check_in and t.starts_on < v_check_out
                                        ), 0) else 0 end
                                end as rent
                            from (
                                select
                                    w.property_id, w.place, w.amenities, w.base_price, w.weekend_price, w.unit, w.priced_from, w.priced_until,
                                    w.property_type, w.room_type, w.booking_mode, w.max_guests, w.max_pets, w.min_nights, w.max_nights,
                                    w.bedrooms, w.fees_per_stay, w.fees_per_night, w.fees_per_guest, w.fees_per_guest_night,
                                    w.extra_guest_price, w.extra_guests_after, w.weekly_discount, w.monthly_discount, w.other_discount,
                                    w.tax_nights, w.least_tax, w.most_tax, w.rating
                                from private.property_search w where w.place operator(pg_catalog.<@) v_box
                                union all
                                select
                                    w.property_id, w.place, w.amenities, w.base_price, w.weekend_price, w.unit, w.priced_from, w.priced_until,
                                    w.property_type, w.room_type, w.booking_mode, w.max_guests, w.max_pets, w.min_nights, w.max_nights,
                                    w.bedrooms, w.fees_per_stay, w.fees_per_night, w.fees_per_guest, w.fees_per_guest_night,
                                    w.extra_guest_price, w.extra_guests_after, w.weekly_discount, w.monthly_discount, w.other_discount,
                                    w.tax_nights, w.least_tax, w.most_tax, w.rating
                                from private.property_search w where w.place operator(pg_catalog.<@) v_box_beyond
                            ) b
                            where
                                b.max_guests >= v_guests and b.max_pets >= v_pets
                                and b.amenities & v_amenities = v_amenities
                                and (v_nights is null or (b.min_nights <= v_nights and b.max_nights >= v_nights))
                                and (v_property_types is null or b.property_type = any (v_property_types))
                                and (v_room_types is null or b.room_type = any (v_room_types))
                                and (v_booking_mode is null or b.booking_mode = v_booking_mode)
                                and (v_bedrooms is null or b.bedrooms >= v_bedrooms)
                                and (v_words is null or b.property_id in (
                                    select m.property_id from private.property_search m where m.words operator(pg_catalog.@@) v_words
                                ))
                                and (v_places is null or b.property_id in (
                                    select m.property_id from private.property_search m where m.place_names operator(pg_catalog.@>) v_places
                                ))
                            offset 0
                        ) e
                    ) r
                    offset 0
                ) s
                offset 0
            ) t
            where
                (v_radius is null or t.distance <= v_radius)
                and (v_min_price is null or t.most >= v_min_price)
                and (v_max_price is null or t.least <= v_max_price)
            offset 0
        ) c
        where
            v_after_key is null
            or case when v_by_total then c.most / c.unit >= v_after_key else (c.sort_key, c.property_id) > (v_after_key, v_after_id) end
        order by c.sort_key, c.property_id
    loop
        -- what has waited goes out when nothing cheaper can come
        if v_row.sort_key > v_first_waiting then
            for v_hit in
                select w.* from unnest(v_waiting) w where w.sort_key < v_row.sort_key order by w.sort_key, w.property_id
            loop
                return next v_hit;
                v_count := v_count + 1;
                if v_count = p_limit then
                    return;
                end if;
            end loop;
            v_waiting := array(select w from unnest(v_waiting) w where w.sort_key >= v_row.sort_key);
            v_first_waiting := coalesce((select min(w.sort_key) from unnest(v_waiting) w), 'infinity');
        end if;

        -- the cheap questions first
        continue when not exists (
            select
            from private.property_search m
            where
                m.property_id = v_row.property_id
                and m.max_infants >= p_search.infants and (m.children_allowed or p_search.children + p_search.infants = 0)
                and (p_search.currency is null or m.currency = p_search.currency)
                and (p_search.cancellation_policies is null or m.cancellation_policy_id = any (p_search.cancellation_policies))
                and (p_search.beds is null or m.beds >= p_search.beds)
                and (p_search.bathrooms is null or m.bathrooms >= p_search.bathrooms)
                and (v_nights is null or (
                    m.check_in_weekdays & v_arrival_bits <> 0 and m.check_out_weekdays & v_departure_bits <> 0
                    and m.booking_window_days >= v_days_ahead
                ))
        );
        v_best := null;
        v_hit.property_id := v_row.property_id;
        v_hit.distance := v_row.distance;
        v_hit.rating := nullif(v_row.rating, -1);
        v_hit.sort_key := v_row.sort_key;
        if v_nights is null then
            v_hit.rent := v_row.base_price;
            v_best := v_hit;
        else
            foreach v_arrival in array v_arrivals loop
                continue when exists (
                    select
                    from public.occupancies o
                    where
                        o.property_id = v_row.property_id and o.check_out > v_arrival and o.check_in < v_arrival + v_nights
                        and (o.expires_at is null or o.expires_at > now())
                );
                continue when private.bookability(
                    v_row.property_id, v_arrival, v_arrival + v_nights, p_search.adults, p_search.children, p_search.infants, v_pets
                ) <> '[]';
                v_hit.check_in := v_arrival;
                v_hit.check_out := v_arrival + v_nights;
                if v_is_priced or v_row.least < v_min_price or v_row.most > v_max_price then
                    v_priced := private.stay_total(v_row.property_id, v_arrival, v_arrival + v_nights, v_guests, v_pets);
                    continue when v_priced.total is null or v_priced.total < v_min_price or v_priced.total > v_max_price;
                    v_hit.rent := v_priced.rent;
                    v_hit.total := v_priced.total;
                    if v_by_total then
                        v_hit.sort_key := v_hit.total / v_row.unit;
                    end if;
                end if;
                -- of several dates the cheapest, of these the first
                if v_best.property_id is null or v_hit.total < v_best.total then
                    v_best := v_hit;
                end if;
                exit when v_hit.total is null;
            end loop;
        end if;
        continue when v_best.property_id is null;
        if v_by_total then
            continue when (v_best.sort_key, v_best.property_id) <= (v_after_key, v_after_id);
            v_waiting := v_waiting || v_best;
            v_first_waiting := least(v_first_waiting, v_best.sort_key);
        else
            return next v_best;
            v_count := v_count + 1;
            if v_count = p_limit then
                return;
            end if;
        end if;
    end loop;
    return query
    select w.* from unnest(v_waiting) w order by w.sort_key, w.property_id limit p_limit - v_count;
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
    p_check_in date, p_check_out date, p_flexible_days integer, p_month date, p_nights integer, p_weekend boolean
) returns date[]
language sql stable
set search_path = ''
as $$
    select case
        when p_check_in is null and p_month is null then null
        when p_month is null and p_flexible_days is null then array[p_check_in]
        else array(
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
    end
$$;
revoke execute on function private.search_arrivals(date, date, integer, date, integer, boolean) from public;
grant execute on function private.search_arrivals(date, date, integer, date, integer, boolean) to anon, authenticated, service_role;
comment on function private.search_arrivals(date, date, integer, date, integer, boolean) is
    'The days on which a stay may begin, past ones left out: the given one, those up to p_flexible_days around it, the Fridays of a month, or all from which p_nights nights lie in it. Called by check_search.';

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
    v private.search;
    v_days constant date[] := private.read_days(
        array[p_check_in, p_check_out, p_month || '-01'], array['p_check_in', 'p_check_out', 'p_month']
    );
    v_check_in constant date := v_days[1];
    v_check_out constant date := v_days[2];
    v_month constant date := v_days[3];
    v_problems jsonb;
    v_reach double precision;
begin
    v.sort := coalesce(p_sort, case when p_radius is null then 'price' else 'distance' end);
    select jsonb_agg(jsonb_build_object('code', c.code, 'message', c.message)) into v_problems
    from (values
        ('area', 'Give a viewport (p_west, p_south, p_east, p_north), a circle (p_latitude, p_longitude, p_radius) or p_place.',
            case num_nonnulls(p_west, p_south, p_east, p_north)
                when 4 then p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2)
                when 0 then num_nulls(p_latitude, p_longitude, p_radius) = 0
                    or (p_place is not null and p_radius is null and num_nulls(p_latitude, p_longitude) in (0, 2))
                else false
            end),
        ('coordinates', 'Latitudes lie between -90 and 90, longitudes between -180 and 180, south below north.',
            coalesce(p_south <= p_north, true)
            and coalesce(greatest(abs(p_south), abs(p_north), abs(p_latitude)) <= 90, true)
            and coalesce(greatest(abs(p_west), abs(p_east), abs(p_longitude)) <= 180, true)),
        ('radius', 'p_radius is more than 0 and at most 500000 metres.', coalesce(p_radius > 0 and p_radius <= 500000, true)),
        ('dates', 'Give both days or none, between 2000-01-01 and 2100-01-01.',
            num_nulls(v_check_in, v_check_out) in (0, 2)
            and coalesce(least(v_check_in, v_check_out) >= '2000-01-01' and greatest(v_check_in, v_check_out) <= '2100-01-01', true)),
        ('check_out_before_check_in', 'Check-out is at least a day after check-in.', coalesce(v_check_out > v_check_in, true)),
        ('past_date', 'That day has passed everywhere on earth.', coalesce(v_check_in >= (now() at time zone 'Etc/GMT+12')::date, true)),
        ('flexible', 'Give p_flexible_days (1 to 7) with both days; or p_month (YYYY-MM, until 2099) without them, with p_nights (1 to 31) or p_weekend.',
            (p_flexible_days is null or (p_flexible_days between 1 and 7 and num_nulls(v_check_in, v_check_out) = 0))
            and p_weekend is not null
            and case when v_month is null then p_nights is null and not p_weekend
            else
                num_nonnulls(v_check_in, v_check_out, p_flexible_days) = 0 and v_month between '2000-01-01' and '2099-12-01'
                and coalesce(p_nights between 1 and 31, p_weekend) and p_weekend = (p_nights is null)
            end),
        ('text', 'p_text and p_place have 1 to 200 characters.',
            coalesce(length(btrim(p_text)) between 1 and 200, p_text is null)
            and coalesce(length(btrim(p_place)) between 1 and 200, p_place is null)),
        ('invalid_party', 'A party has at least one adult; no number is below 0 or above 1000.',
            coalesce(p_adults >= 1 and least(p_children, p_infants, p_pets) >= 0
                and greatest(p_adults, p_children, p_infants, p_pets) <= 1000, false)
            and num_nulls(p_adults, p_children, p_infants, p_pets) = 0),
        ('currency', 'A range of prices needs p_currency, an ISO 4217 code.',
            case when p_currency is null then num_nonnulls(p_min_price, p_max_price) = 0
            else exists (select from public.currencies c where c.code = p_currency) end),
        ('price', 'Prices are 0 or more and at most 1000000000000, and p_max_price is not below p_min_price.',
            coalesce(least(p_min_price, p_max_price) >= 0, true) and coalesce(greatest(p_min_price, p_max_price) <= 1000000000000, true)
            and coalesce(p_min_price <= p_max_price, true)),
        ('amenities', 'p_amenities has ids that table amenities does not.',
            not exists (select from unnest(p_amenities) as u (id) where not exists (select from public.amenities a where a.id = u.id))),
        ('cancellation_policies', 'p_cancellation_policies has ids that table cancellation_policies does not.',
            not exists (
                select from unnest(p_cancellation_policies) as u (id)
                where not exists (select from public.cancellation_policies c where c.id = u.id)
            )),
        ('sort', 'p_sort is price, distance, rating or recommended.', v.sort in ('price', 'distance', 'rating', 'recommended')),
        ('cursor', 'p_after is the cursor of a row of the page before, of the same search.',
            coalesce(
                p_after ~ '^(price|distance|rating|recommended):[0-9]{1,20}([.][0-9]{1,30})?(e[+-][0-9]{1,3})?:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                    and split_part(p_after, ':', 1) = v.sort,
                p_after is null
            )),
        ('limit', 'p_limit is between 1 and 50.', coalesce(p_limit between 1 and 50, false))
    ) as c (code, message, holds)
    where not c.holds;
    if v_problems is not null then
        raise sqlstate 'PT400' using
            message = 'This search cannot be done.',
            detail = v_problems::text,
            hint = 'The details list all that is wrong.';
    end if;

    v.latitude := p_latitude;
    v.longitude := p_longitude;
    v.radius := p_radius;
    v.arrivals := private.search_arrivals(v_check_in, v_check_out, p_flexible_days, v_month, p_nights, p_weekend);
    v.nights := coalesce(v_check_out - v_check_in, case when p_weekend then 2 else p_nights end);
    v.adults := p_adults;
    v.children := p_children;
    v.infants := p_infants;
    v.pets := p_pets;
    v.currency := p_currency;
    v.min_price := p_min_price;
    v.max_price := p_max_price;
    v.amenities := p_amenities;
    v.property_types := p_property_types;
    v.room_types := p_room_types;
    v.booking_mode := p_booking_mode;
    v.cancellation_policies := p_cancellation_policies;
    v.bedrooms := p_bedrooms;
    v.beds := p_beds;
    v.bathrooms := p_bathrooms;
    v.place := p_place;
    v.words := p_text;
    v.after := p_after;
    if p_radius is null then
        if p_west is null then
            select f.west, f.south, f.east, f.north into v.west, v.south, v.east, v.north from private.find_place(p_place) f;
        else
            v.west := p_west;
            v.south := p_south;
            v.east := p_east;
            v.north := p_north;
        end if;
        return v;
    end if;
    -- the box around the circle, on a sphere of 6,371 km
    v_reach := degrees(p_radius / 6371000);
    v.south := greatest(p_latitude - v_reach, -90);
    v.north := least(p_latitude + v_reach, 90);
    if v.south = -90 or v.north = 90 then
        v.west := -180;
        v.east := 180;
    else
        v_reach := degrees(asin(least(1, sin(p_radius / 6371000) / cos(radians(p_latitude)))));
        v.west := p_longitude - v_reach + case when p_longitude - v_reach < -180 then 360 else 0 end;
        v.east := p_longitude + v_reach - case when p_longitude + v_reach > 180 then 360 else 0 end;
    end if;
    return v;
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
