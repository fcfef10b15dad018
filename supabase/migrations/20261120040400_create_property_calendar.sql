-- Purpose: the public calendar of a property, one row a day, and the prices of its nights.
-- Touches: private.night_prices, property_calendar, visible_calendar, allow_caching; public.property_calendar.
-- Watch: the calendar agrees with bookability: a stay can be booked when its nights are free, its first day allows arrival, its last allows
-- departure, and its length is within min_nights and max_nights of the first day, which has the length of a gap that a stay may fill. It
-- never shows why a night is taken. Ranges are painted over arrays with an element for each day; no function is called for each day.

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
        -- Fridays and Saturdays
        v_weekday := extract(isodow from p_from);
        for v_friday in 6 - v_weekday..p_until - p_from by 7 loop
            if v_friday > 0 then
                v_prices[v_friday] := p_property.weekend_price;
            end if;
            if v_friday between 0 and p_until - p_from - 1 then
                v_prices[v_friday + 1] := p_property.weekend_price;
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
    v_days constant integer := p_to - p_from;
    v_property public.properties;
    v_today date;
    v_earliest date;
    v_last_arrival integer;
    v_taken datemultirange;
    v_gap record;
    v_rule record;
    v_first integer;
    v_last integer;
    -- an element for each day, the first for p_from; v_is_free begins a day earlier
    v_is_free boolean[];
    v_prices bigint[];
    v_min_nights smallint[];
    v_max_nights smallint[];
    v_closed_to_arrival boolean[] := array_fill(false, array[v_days]);
    v_closed_to_departure boolean[] := v_closed_to_arrival;
    v_units_left integer[] := array_fill(1, array[v_days]);
    -- of the first seven days, whether their weekday is one for arrivals or departures
    v_arrivals boolean[];
    v_departures boolean[];
begin
    select * into v_property from public.properties p where p.id = p_property_id;
    v_property.time_zone := coalesce(v_property.time_zone, 'UTC'); -- a draft may have no time zone
    v_today := (p_at at time zone v_property.time_zone)::date;
    v_earliest := private.first_check_in(v_property, p_at);
    -- nights that cannot be booked: taken nights, and nights that must stay free between two stays
    if v_property.unit_count > 1 then
        select range_agg(daterange(n.night, n.night + 1)) filter (where n.units_left = 0), (array_agg(n.units_left order by n.night))[2:]
        into v_taken, v_units_left
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
    v_taken := coalesce(v_taken, '{}') + datemultirange(daterange(null, v_earliest));

    v_is_free := array(select not v_taken @> (p_from + n) from generate_series(-1, v_days - 1) as n);
    v_prices := private.night_prices(v_property, p_from, p_to);
    v_min_nights := array_fill(v_property.min_nights, array[v_days]);
    v_max_nights := array_fill(v_property.max_nights, array[v_days]);
    for v_rule in
        select s.starts_on, s.ends_on, s.min_nights, s.max_nights, null as kind
        from public.property_seasons s
        where s.property_id = p_property_id and s.starts_on < p_to and s.ends_on > p_from
        union all
        select r.starts_on, r.ends_on, r.min_nights, r.max_nights, r.kind
        from public.property_availability_rules r
        where r.property_id = p_property_id and r.kind <> 'units_to_sell' and r.starts_on < p_to and r.ends_on > p_from
        order by kind nulls first
    loop
        v_first := greatest(v_rule.starts_on - p_from, 0) + 1;
        v_last := least(v_rule.ends_on - p_from, v_days);
        if v_rule.min_nights is not null then
            v_min_nights[v_first:v_last] := array_fill(v_rule.min_nights, array[v_last - v_first + 1]);
        end if;
        if v_rule.max_nights is not null then
            v_max_nights[v_first:v_last] := array_fill(v_rule.max_nights, array[v_last - v_first + 1]);
        end if;
        if v_rule.kind = 'closed_to_arrival' then
            v_closed_to_arrival[v_first:v_last] := array_fill(true, array[v_last - v_first + 1]);
        elsif v_rule.kind = 'closed_to_departure' then
            v_closed_to_departure[v_first:v_last] := array_fill(true, array[v_last - v_first + 1]);
        end if;
    end loop;
    if v_property.gap_min_nights is not null then
        for v_gap in
            select lower(u.gap) - p_from + 1 as number, upper(u.gap) - lower(u.gap) as nights
            from unnest(datemultirange(daterange(null, null)) - v_taken) as u (gap)
            where upper(u.gap) - lower(u.gap) >= v_property.gap_min_nights and lower(u.gap) >= p_from and lower(u.gap) < p_to
        loop
            v_min_nights[v_gap.number] := least(v_min_nights[v_gap.number], v_gap.nights);
        end loop;
    end if;

    v_last_arrival := case when v_property.status = 'published' then v_today + v_property.booking_window_days - p_from + 1 else 0 end;
    v_arrivals := array(
        select extract(isodow from p_from + n)::smallint = any (v_property.check_in_weekdays) from generate_series(0, 6) as n
    );
    v_departures := array(
        select v_property.status = 'published' and extract(isodow from p_from + n)::smallint = any (v_property.check_out_weekdays)
        from generate_series(0, 6) as n
    );
    return query
    select
        p_from + n.number - 1,
        v_is_free[n.number + 1],
        case
            when v_is_free[n.number + 1] then null
            when p_from + n.number - 1 < v_today then 'past'
            when p_from + n.number - 1 < v_earliest then 'advance_notice'
            else 'unavailable'
        end,
        v_prices[n.number], v_property.currency, v_min_nights[n.number], v_max_nights[n.number],
        v_is_free[n.number + 1] and n.number <= v_last_arrival and v_arrivals[(n.number - 1) % 7 + 1] and not v_closed_to_arrival[n.number],
        v_is_free[n.number] and v_departures[(n.number - 1) % 7 + 1] and not v_closed_to_departure[n.number],
        case when v_is_free[n.number + 1] then v_units_left[n.number] else 0 end
    -- in the select list, because a function in from stores its rows first
    from (select generate_series(1, v_days) as number) n;
end
$$;
comment on function private.property_calendar is
    'The calendar of a property for [p_from, p_to) at p_at. Definer, because the public cannot read occupancies.';

create function private.visible_calendar(p_property_id uuid, p_from date, p_to date)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer
)
language plpgsql stable security definer rows 60
set search_path = ''
as $$
begin
    return query select * from private.property_calendar(p_property_id, p_from, p_to);
end
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
