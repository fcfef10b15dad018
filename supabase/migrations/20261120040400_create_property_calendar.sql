-- Purpose: the public calendar of a property, one row a day, and the prices of its nights.
-- Touches: private.night_prices, nightly_prices, property_calendar, visible_calendar, allow_caching; public.property_calendar.
-- Watch: the calendar agrees with bookability: a stay can be booked when its nights are free, its first day allows arrival, its last allows
-- departure, and its length is within min_nights and max_nights of the first day, which has the length of a gap that a stay may fill. It
-- never shows why a night is taken. Ranges are joined by day; no function is called for each day.

insert into private.errors (code, status, message, hint) values
    ('invalid_calendar_range', 400, 'A calendar has 1 to 400 days between 2000 and 2100.', 'Send p_from and p_to; p_to is the day after the last.');

create function private.night_prices(p_property public.properties, p_from date, p_until date) returns bigint[]
language plpgsql stable
set search_path = ''
as $$
declare
    -- each span: its first night and the night after its last, counted from p_from, and its price
    v_spans constant bigint[] := array(
        select array[r.starts_on - p_from, r.ends_on - p_from, r.price] from public.property_seasons r
        where r.property_id = p_property.id and r.price is not null and r.starts_on < p_until and r.ends_on > p_from
    ) || array(
        select array[r.starts_on - p_from, r.ends_on - p_from, r.price] from public.property_date_overrides r
        where r.property_id = p_property.id and r.starts_on < p_until and r.ends_on > p_from
    );
    v_prices bigint[] := array_fill(p_property.base_price, array[p_until - p_from]);
    v_weekday integer;
    v_first integer;
    v_last integer;
begin
    if p_property.weekend_price is not null then
        v_weekday := extract(isodow from p_from);
        for v_night in 1..p_until - p_from loop
            if (v_weekday + v_night - 2) % 7 in (4, 5) then
                v_prices[v_night] := p_property.weekend_price;
            end if;
        end loop;
    end if;
    -- later spans replace earlier ones
    for v_span in 1..coalesce(array_length(v_spans, 1), 0) loop
        v_first := greatest(v_spans[v_span][1], 0) + 1;
        v_last := least(v_spans[v_span][2], p_until - p_from);
        v_prices[v_first:v_last] := array_fill(v_spans[v_span][3], array[v_last - v_first + 1]);
    end loop;
    return v_prices;
end
$$;
comment on function private.night_prices is
    'The price of each night of [p_from, p_until) in order, in minor units, before discounts: date override > season > weekend > base.';

create function private.nightly_prices(p_property public.properties, p_from date, p_until date) returns table (night date, price bigint)
language sql stable security definer rows 30
set search_path = ''
as $$
    select p_from + n.position::integer - 1, n.price
    from unnest(private.night_prices(p_property, p_from, p_until)) with ordinality as n (price, position)
$$;
comment on function private.nightly_prices is
    'The result of night_prices as rows, with the date of each night. Definer, like property_calendar.';

create function private.property_calendar(p_property_id uuid, p_from date, p_to date, p_at timestamptz default now())
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer
)
language plpgsql stable security definer rows 60
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_property public.properties;
    v_today date;
    v_earliest date;
    v_taken datemultirange;
    -- of a property with units, the nights by how many are left
    v_left integer[];
begin
    select * into v_property from public.properties p where p.id = p_property_id;
    v_property.time_zone := coalesce(v_property.time_zone, 'UTC'); -- a draft may have no time zone
    v_today := (p_at at time zone v_property.time_zone)::date;
    v_earliest := private.first_check_in(v_property, p_at);
    -- nights that cannot be booked: taken nights, and nights that must stay free between two stays
    if v_property.unit_count > 1 then
        select range_agg(daterange(n.night, n.night + 1)) filter (where n.units_left = 0), (array_agg(n.units_left order by n.night))[2:]
        into v_taken, v_left
        from private.unit_nights(
            v_property, p_from - 1, p_to + case when v_property.gap_min_nights is null then 0 else 1125 end, null, p_at
        ) n;
    else
        select range_agg(o.nights) into v_taken
        from private.kept_nights(
            p_property_id, p_from - 1,
            -- a gap that matters is shorter than the longest minimum stay
            p_to + case when v_property.gap_min_nights is null then 0 else 1125 end,
            v_property.preparation_nights_before, v_property.preparation_nights_after, null, p_at
        ) o;
    end if;
    v_taken := coalesce(v_taken, '{}');

    return query
    select
        n.night,
        n.night >= v_earliest and not v_taken @> n.night,
        case
            when n.night < v_today then 'past'
            when n.night < v_earliest then 'advance_notice'
            when v_taken @> n.night then 'unavailable'
        end,
        n.price, v_property.currency,
        least(coalesce(r.min_nights, s.min_nights, v_property.min_nights), g.nights)::smallint,
        coalesce(r.max_nights, s.max_nights, v_property.max_nights),
        v_property.status = 'published'
            and n.night >= v_earliest and n.night <= v_today + v_property.booking_window_days
            and not v_taken @> n.night
            and extract(isodow from n.night)::smallint = any (v_property.check_in_weekdays)
            and a.day is null,
        v_property.status = 'published'
            and n.night > v_earliest
            and not v_taken @> (n.night - 1)
            and extract(isodow from n.night)::smallint = any (v_property.check_out_weekdays)
            and z.day is null,
        case
            when n.night < v_earliest or v_taken @> n.night then 0
            else coalesce(v_left[n.night - p_from + 1], 1)
        end
    from private.nightly_prices(v_property, p_from, p_to) n
    left join (
        select c.min_nights, c.max_nights, generate_series(greatest(c.starts_on, p_from), least(c.ends_on, p_to) - 1, interval '1 day')::date as day
        from public.property_seasons c
        where c.property_id = p_property_id and c.starts_on < p_to and c.ends_on > p_from
    ) s on s.day = n.night
    left join (
        select c.min_nights, c.max_nights, generate_series(greatest(c.starts_on, p_from), least(c.ends_on, p_to) - 1, interval '1 day')::date as day
        from public.property_availability_rules c
        where c.property_id = p_property_id and c.kind = 'nights' and c.starts_on < p_to and c.ends_on > p_from
    ) r on r.day = n.night
    left join (
        select generate_series(greatest(c.starts_on, p_from), least(c.ends_on, p_to) - 1, interval '1 day')::date as day
        from public.property_availability_rules c
        where c.property_id = p_property_id and c.kind = 'closed_to_arrival' and c.starts_on < p_to and c.ends_on > p_from
    ) a on a.day = n.night
    left join (
        select generate_series(greatest(c.starts_on, p_from), least(c.ends_on, p_to) - 1, interval '1 day')::date as day
        from public.property_availability_rules c
        where c.property_id = p_property_id and c.kind = 'closed_to_departure' and c.starts_on < p_to and c.ends_on > p_from
    ) z on z.day = n.night
    left join (
        select lower(u.gap) as day, upper(u.gap) - lower(u.gap) as nights
        from unnest(datemultirange(daterange(v_earliest, null)) - v_taken) as u (gap)
        where upper(u.gap) - lower(u.gap) >= v_property.gap_min_nights
    ) g on g.day = n.night
    order by n.night;
end
$$;
comment on function private.property_calendar is
    'The calendar of a property for [p_from, p_to) at p_at. Definer, because the public cannot read occupancies.';

create function private.visible_calendar(p_property_id uuid, p_from date, p_to date)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer
)
language sql stable security definer rows 60
set search_path = ''
as $$
    select * from private.property_calendar(p_property_id, p_from, p_to)
$$;
grant execute on function private.visible_calendar to anon, authenticated, service_role;
comment on function private.visible_calendar is
    'Runs property_calendar for any caller, now: other times would reveal more. Definer, like property_calendar.';

create function private.allow_caching(p_seconds integer) returns text
language plpgsql
set search_path = ''
as $$
begin
    -- Vary, because the same URL also answers as CSV, as a range of rows and with a count
    return set_config(
        'response.headers',
        format('[{"Cache-Control": "public, max-age=%s"}, {"Vary": "Accept, Prefer, Range"}]', p_seconds),
        true
    );
end
$$;
grant execute on function private.allow_caching to anon, authenticated, service_role;
comment on function private.allow_caching is
    'Lets browsers and proxies cache the response for p_seconds; returns the headers. Only for responses that are the same for every caller.';

create function public.property_calendar(p_property_id uuid, p_from text, p_to text)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer
)
language plpgsql stable rows 60
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[p_from, p_to], array['p_from', 'p_to']);
    v_from constant date := v_days[1];
    v_to constant date := v_days[2];
    v_status public.property_status := (select p.status from public.properties p where p.id = p_property_id);
begin
    if v_status is null then
        perform private.raise_error('property_not_found');
    end if;
    if (v_from < v_to and v_to - v_from <= 400 and v_from >= '2000-01-01' and v_to <= '2100-01-01') is not true then
        perform private.raise_error('invalid_calendar_range', jsonb_build_object('from', v_from, 'to', v_to, 'max_days', 400));
    end if;
    -- a draft is visible to its host only, so a proxy must not cache it
    if v_status = 'published' then
        perform private.allow_caching(10);
    end if;
    return query select * from private.visible_calendar(p_property_id, v_from, v_to);
end
$$;
grant execute on function public.property_calendar to anon, authenticated, service_role;
comment on function public.property_calendar is
    'Returns a row for each day from p_from up to but not including p_to (YYYY-MM-DD, at most 400 days). free: whether the night can be booked; else reason is past, advance_notice or unavailable. price: of the night, in minor units of currency, before discounts. min_nights, max_nights: for stays that begin on this day. arrival_allowed, departure_allowed: whether a stay may begin or end on this day. units_left: how many units can be booked for the night, at most 1 where the property has one.';
