-- Purpose: one call that sets the calendar of a property: prices, stays, closed nights and closed days of many ranges.
-- Touches: private.calendar_range, day_span, read_calendar_ranges, paint_days, the functions that write a layer, set_calendar;
-- public.set_calendar.
-- Watch: what is set lies in property_date_overrides, property_availability_rules and host_blocks, which bookability, search and quotes read
-- already. Each layer is painted day by day and written as ranges of equal days, and only ranges that differ are written.
-- docs/decisions/set-calendar.md says why closed nights leave a booking alone.

insert into private.errors (code, status, message, hint) values
    ('calendar_ranges_invalid', 422, 'A calendar is set by a list of 1 to 500 ranges.', 'Send p_ranges as a list of objects with from and until.'),
    ('calendar_value_invalid', 422, 'Range {range} has a {field} that cannot be used.', 'Send from and until as YYYY-MM-DD; price, min_nights and max_nights as whole numbers or null; closed, closed_to_arrival and closed_to_departure as true, false or null; and nothing else.'),
    ('calendar_range_not_in_order', 422, 'Range {range} does not end after it begins, between the years 2000 and 2100.', 'Send until as the day after the last.'),
    ('calendar_span_too_long', 422, 'The ranges of one call lie within {max_days} days.', 'Set later days with another call.'),
    ('calendar_nights_not_in_order', 422, 'With range {range}, the maximum stay of {day} is shorter than its minimum stay.', 'Send min_nights and max_nights together.');

create type private.calendar_range as (
    number integer, starts_on date, ends_on date,
    sets_price boolean, price bigint, sets_min_nights boolean, min_nights smallint, sets_max_nights boolean, max_nights smallint,
    closed boolean, closed_to_arrival boolean, closed_to_departure boolean
);
comment on type private.calendar_range is 'A range of set_calendar. A boolean is null when its key is absent, and false for JSON''s null.';

create type private.day_span as (starts_on date, ends_on date, value bigint, kept_bits bigint);
comment on type private.day_span is 'Days with one value. A change of a layer keeps the bits kept_bits of what was there.';

create function private.read_calendar_ranges(p_ranges jsonb, p_currency text) returns private.calendar_range[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_currency public.currencies;
    v_ranges private.calendar_range[];
    v_problems jsonb;
    v_days integer;
begin
    if jsonb_typeof(p_ranges) is distinct from 'array' then
        perform private.raise_error('calendar_ranges_invalid');
    elsif jsonb_array_length(p_ranges) not between 1 and 500 then
        perform private.raise_error('calendar_ranges_invalid');
    end if;
    select c.* into v_currency from public.currencies c where c.code = p_currency;

    with texts as materialized (
        select
            e.number::integer as number, e.item, e.item ->> 'from' as starts_on, e.item ->> 'until' as ends_on,
            -- as JSON, so that "100" is no number
            (e.item -> 'price')::text as price, (e.item -> 'min_nights')::text as min_nights, (e.item -> 'max_nights')::text as max_nights,
            (e.item -> 'closed')::text as closed, (e.item -> 'closed_to_arrival')::text as closed_to_arrival,
            (e.item -> 'closed_to_departure')::text as closed_to_departure
        from jsonb_array_elements(p_ranges) with ordinality as e (item, number)
    ),
    typed as materialized (
        select
            t.*,
            case when t.starts_on ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(t.starts_on, 'date') then t.starts_on::date end as first,
            case when t.ends_on ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(t.ends_on, 'date') then t.ends_on::date end as until,
            case when t.price ~ '^[0-9]{1,13}$' then t.price::bigint end as amount,
            case when t.min_nights ~ '^[0-9]{1,4}$' then t.min_nights::smallint end as least,
            case when t.max_nights ~ '^[0-9]{1,4}$' then t.max_nights::smallint end as most
        from texts t
    ),
    checked as materialized (
        select
            t.*,
            -- a code, and after a blank its field
            array_remove(array[
                case when t.first is null then 'calendar_value_invalid from' end,
                case when t.until is null then 'calendar_value_invalid until' end,
                case when t.until <= t.first or t.first < '2000-01-01' or t.until > '2100-01-01' then 'calendar_range_not_in_order' end,
                case
                    when t.price <> 'null' and t.amount is null then 'calendar_value_invalid price'
                    when t.amount is null then null
                    when v_currency.code is null then 'property_has_no_currency price'
                    when t.amount not between 1 and 1000000000000 then 'price_range price'
                    when t.amount < v_currency.minimum_price then 'price_below_minimum price'
                    when t.amount > v_currency.maximum_charge then 'price_above_maximum price'
                    when t.amount % v_currency.step <> 0 then 'amount_not_in_steps price'
                end,
                case
                    when t.min_nights <> 'null' and t.least is null then 'calendar_value_invalid min_nights'
                    when t.least not between 1 and 1125 then 'min_nights_range min_nights'
                end,
                case
                    when t.max_nights <> 'null' and t.most is null then 'calendar_value_invalid max_nights'
                    when t.most not between 1 and 1125 then 'max_nights_range max_nights'
                    when t.most < t.least then 'nights_are_in_order max_nights'
                end,
                case when t.closed not in ('true', 'false', 'null') then 'calendar_value_invalid closed' end,
                case when t.closed_to_arrival not in ('true', 'false', 'null') then 'calendar_value_invalid closed_to_arrival' end,
                case when t.closed_to_departure not in ('true', 'false', 'null') then 'calendar_value_invalid closed_to_departure' end,
                case when jsonb_typeof(t.item) = 'object' then (
                    select 'calendar_value_invalid ' || left(min(k.key), 40)
                    from jsonb_object_keys(t.item) as k (key)
                    where k.key <> all (array[
                        'from', 'until', 'price', 'min_nights', 'max_nights', 'closed', 'closed_to_arrival', 'closed_to_departure'
                    ])
                ) end
            ], null) as faults
        from typed t
    )
    select
        array_agg(
            row (
                c.number, c.first, c.until, c.price is not null, c.amount, c.min_nights is not null, c.least, c.max_nights is not null,
                c.most, c.closed = 'true', c.closed_to_arrival = 'true', c.closed_to_departure = 'true'
            )::private.calendar_range
            order by c.number
        ),
        max(c.until) - min(c.first),
        (
            -- the message of an answer has a limit
            select jsonb_agg(f.problem order by f.number)
            from (
                select c.number, private.problem(split_part(u.fault, ' ', 1), jsonb_strip_nulls(jsonb_build_object(
                    'range', c.number, 'field', nullif(split_part(u.fault, ' ', 2), ''), 'currency', v_currency.code,
                    'minimum', v_currency.minimum_price, 'maximum', v_currency.maximum_charge, 'step', v_currency.step
                ))) as problem
                from checked c
                cross join unnest(c.faults) as u (fault)
                limit 50
            ) f
        )
    into v_ranges, v_days, v_problems
    from checked c;
    if v_problems is not null then
        perform private.raise_errors(v_problems);
    elsif v_days > 1000 then
        perform private.raise_error('calendar_span_too_long', jsonb_build_object('max_days', 1000, 'days', v_days));
    end if;
    return v_ranges;
end
$$;
comment on function private.read_calendar_ranges is
    'Reads the ranges of set_calendar in their order. Raises each fault of each, at most 50, with its field and the number of its range, from 1.';

create function private.paint_days(p_present private.day_span[], p_changes private.day_span[], p_first date, p_until date)
returns setof private.day_span
language plpgsql immutable rows 20
set search_path = ''
as $$
declare
    -- the day before the first to the day after the last, so that a new range joins its neighbours; 0 is no value
    v_count constant integer := p_until - p_first + 2;
    v_values bigint[] := array_fill(0::bigint, array[v_count]);
    v_span private.day_span;
    v_from integer;
    v_to integer;
    -- where ranges begin and end that reach beyond these days
    v_begin date := p_first - 1;
    v_end date := p_until + 1;
    v_start integer := 1;
begin
    foreach v_span in array p_present || p_changes loop
        v_from := greatest(v_span.starts_on - p_first + 2, 1);
        v_to := least(v_span.ends_on - p_first + 1, v_count);
        v_begin := least(v_begin, v_span.starts_on);
        v_end := greatest(v_end, v_span.ends_on);
        if v_span.kept_bits = 0 then
            v_values[v_from:v_to] := array_fill(v_span.value, array[v_to - v_from + 1]);
        else
            for v_day in v_from..v_to loop
                v_values[v_day] := v_values[v_day] & v_span.kept_bits | v_span.value;
            end loop;
        end if;
    end loop;
    for v_day in 2..v_count + 1 loop
        if v_values[v_day] is distinct from v_values[v_start] then
            if v_values[v_start] <> 0 then
                return next row (
                    case when v_start = 1 then v_begin else p_first + v_start - 2 end,
                    case when v_day > v_count then v_end else p_first + v_day - 2 end, v_values[v_start], 0
                )::private.day_span;
            end if;
            v_start := v_day;
        end if;
    end loop;
end
$$;
comment on function private.paint_days is
    'The ranges of equal days after p_changes were painted over p_present in order, which touch [p_first, p_until). Present ranges do not overlap and touch these days; changes lie within them.';

create function private.set_calendar_prices(p_property_id uuid, p_ranges private.calendar_range[], p_first date, p_until date)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_changes constant private.day_span[] := array(
        select row (r.starts_on, r.ends_on, coalesce(r.price, 0), 0)::private.day_span
        from unnest(p_ranges) r
        where r.sets_price
        order by r.number
    );
    v_present private.day_span[];
    v_painted private.day_span[];
begin
    if v_changes = '{}' then
        return false;
    end if;
    v_present := array(
        select row (o.starts_on, o.ends_on, o.price, 0)::private.day_span
        from public.property_date_overrides o
        where o.property_id = p_property_id and o.ends_on >= p_first and o.starts_on <= p_until
        order by o.starts_on
    );
    v_painted := array(select s from private.paint_days(v_present, v_changes, p_first, p_until) s);
    if v_painted = v_present then
        return false;
    end if;
    -- most calls bring new prices for the same ranges
    update public.property_date_overrides o
    set price = s.value
    from unnest(v_painted) s
    where o.property_id = p_property_id and (o.starts_on, o.ends_on) = (s.starts_on, s.ends_on) and o.price <> s.value;
    delete from public.property_date_overrides o
    where
        o.property_id = p_property_id and o.ends_on >= p_first and o.starts_on <= p_until
        and (o.starts_on, o.ends_on) not in (select s.starts_on, s.ends_on from unnest(v_painted) s);
    insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
    select p_property_id, s.starts_on, s.ends_on, s.value
    from unnest(v_painted) s
    where (s.starts_on, s.ends_on) not in (select t.starts_on, t.ends_on from unnest(v_present) t);
    return true;
end
$$;
comment on function private.set_calendar_prices is
    'Sets the prices of nights, and writes the ranges of property_date_overrides that differ; false when none does.';

create function private.set_calendar_rules(p_property_id uuid, p_ranges private.calendar_range[], p_first date, p_until date)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    -- of nights, the minimum in bits 16 to 31 and the maximum below, 0 for none; -1 is closed to arrival, -2 closed to departure
    v_present constant private.day_span[] := array(
        select row (
            c.starts_on, c.ends_on, case c.kind
                when 'nights' then coalesce(c.min_nights, 0)::bigint << 16 | coalesce(c.max_nights, 0)::bigint
                when 'closed_to_arrival' then -1
                else -2
            end, 0
        )::private.day_span
        from public.property_availability_rules c
        where c.property_id = p_property_id and c.ends_on >= p_first and c.starts_on <= p_until
        order by c.kind, c.starts_on
    );
    v_painted private.day_span[];
    v_problems jsonb;
begin
    v_painted := array(
        select s
        from (values (1, 0, 4294967295), (2, -1, -1), (3, -2, -2)) as k (layer, lowest, highest)
        cross join lateral (
            select
                array(select t from unnest(v_present) t where t.value between k.lowest and k.highest) as present,
                array(
                    select row (
                        r.starts_on, r.ends_on, case k.layer
                            when 1 then coalesce(r.min_nights, 0)::bigint << 16 | coalesce(r.max_nights, 0)::bigint
                            when 2 then -r.closed_to_arrival::integer
                            else -2 * r.closed_to_departure::integer
                        end,
                        case when k.layer > 1 then 0 when not r.sets_max_nights then 65535 when not r.sets_min_nights then 4294901760 else 0 end
                    )::private.day_span
                    from unnest(p_ranges) r
                    where case k.layer
                        when 1 then r.sets_min_nights or r.sets_max_nights
                        when 2 then r.closed_to_arrival is not null
                        else r.closed_to_departure is not null
                    end
                    order by r.number
                ) as changes
        ) c
        cross join lateral (
            select p.* from private.paint_days(c.present, c.changes, p_first, p_until) p where c.changes <> '{}'
            union all
            select t.* from unnest(c.present) t where c.changes = '{}'
        ) s
        order by k.layer, s.starts_on
    );
    if v_painted = v_present then
        return false;
    end if;
    select jsonb_agg(private.problem('calendar_nights_not_in_order', jsonb_build_object('range', r.number, 'day', greatest(s.starts_on, p_first))))
    into v_problems
    from unnest(v_painted) s
    cross join lateral (
        select max(r.number) as number
        from unnest(p_ranges) r
        where (r.sets_min_nights or r.sets_max_nights) and r.starts_on < s.ends_on and r.ends_on > s.starts_on
    ) r
    where s.value > 0 and s.value & 65535 > 0 and s.value >> 16 > s.value & 65535;
    if v_problems is not null then
        perform private.raise_errors(v_problems);
    end if;
    update public.property_availability_rules c
    set min_nights = nullif(s.value >> 16, 0), max_nights = nullif(s.value & 65535, 0)
    from unnest(v_painted) s
    where
        c.property_id = p_property_id and c.kind = 'nights' and s.value > 0 and (c.starts_on, c.ends_on) = (s.starts_on, s.ends_on)
        and (coalesce(c.min_nights, 0), coalesce(c.max_nights, 0)) <> (s.value >> 16, s.value & 65535);
    delete from public.property_availability_rules c
    where
        c.property_id = p_property_id and c.ends_on >= p_first and c.starts_on <= p_until
        and (case c.kind when 'nights' then 0 when 'closed_to_arrival' then -1 else -2 end, c.starts_on, c.ends_on)
            not in (select least(s.value, 0), s.starts_on, s.ends_on from unnest(v_painted) s);
    insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights)
    select
        p_property_id,
        case s.value when -1 then 'closed_to_arrival' when -2 then 'closed_to_departure' else 'nights' end::public.availability_rule_kind,
        s.starts_on, s.ends_on,
        case when s.value > 0 then nullif(s.value >> 16, 0) end, case when s.value > 0 then nullif(s.value & 65535, 0) end
    from unnest(v_painted) s
    where (least(s.value, 0), s.starts_on, s.ends_on) not in (select least(t.value, 0), t.starts_on, t.ends_on from unnest(v_present) t);
    return true;
end
$$;
comment on function private.set_calendar_rules is
    'Sets minimum and maximum stays and closed arrivals and departures, and writes the ranges of property_availability_rules that differ; false when none does.';

create function private.set_calendar_blocks(p_property_id uuid, p_ranges private.calendar_range[], p_first date, p_until date)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_opened datemultirange;
    v_closed datemultirange;
    v_touched public.host_blocks[];
begin
    select
        range_agg(daterange(s.starts_on, s.ends_on)) filter (where s.value = 1), range_agg(daterange(s.starts_on, s.ends_on)) filter (where s.value = 2)
    into v_opened, v_closed
    from private.paint_days('{}', array(
        select row (r.starts_on, r.ends_on, 1 + r.closed::integer, 0)::private.day_span
        from unnest(p_ranges) r
        where r.closed is not null
        order by r.number
    ), p_first, p_until) s;
    -- nights that a booking, another platform or a block has stay as they are
    v_closed := v_closed - coalesce((
        select range_agg(daterange(o.check_in, o.check_out))
        from public.occupancies o
        where
            o.property_id = p_property_id and o.check_out > p_first and o.check_in < p_until
            and (o.expires_at is null or o.expires_at > clock_timestamp())
    ), '{}');
    v_touched := array(
        select b
        from public.host_blocks b
        where
            b.property_id = p_property_id and b.check_in <= p_until and b.check_out >= p_first
            and (
                daterange(b.check_in, b.check_out) && v_opened
                or b.note = '' and exists (select from unnest(v_closed) n where n -|- daterange(b.check_in, b.check_out))
            )
    );
    delete from public.host_blocks b where b.id in (select t.id from unnest(v_touched) t);
    insert into public.host_blocks (property_id, check_in, check_out, note)
    select p_property_id, lower(n.nights), upper(n.nights), g.note
    from (
        select w.note, range_agg(w.nights) as nights
        from (
            select t.note, unnest(datemultirange(daterange(t.check_in, t.check_out)) - coalesce(v_opened, '{}')) as nights
            from unnest(v_touched) t
            union all
            select '', unnest(v_closed)
        ) w
        group by w.note
    ) g
    cross join lateral unnest(g.nights) as n (nights);
end
$$;
comment on function private.set_calendar_blocks is
    'Opens nights by shortening host blocks, and closes free nights with blocks that join those without a note. Nights of bookings and other platforms stay as they are.';

create function private.set_calendar(p_property_id uuid, p_ranges jsonb)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, closed boolean
)
language plpgsql security definer rows 60
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_property public.properties;
    v_level public.co_host_level;
    v_ranges private.calendar_range[];
    v_days datemultirange;
    v_first date;
    v_until date;
    v_is_changed boolean;
    v_blocked datemultirange;
begin
    -- not from my_properties, because a host may have thousands
    v_level := (
        select case when auth.uid() is null or p.host_id = auth.uid() then 'full' else (
            select c.level from public.co_hosts c where c.property_id = p.id and c.profile_id = auth.uid()
        ) end
        from public.properties p
        where p.id = p_property_id
    );
    if v_level is null then
        perform private.raise_error('own_property_not_found');
    end if;
    v_property := private.lock_property(p_property_id);
    v_ranges := private.read_calendar_ranges(p_ranges, v_property.currency);
    select range_agg(daterange(r.starts_on, r.ends_on)) into v_days from unnest(v_ranges) r;
    if v_level < 'full' and (select bool_or(r.sets_price) from unnest(v_ranges) r) then
        perform private.raise_error('update_not_allowed', '{"table": "property_date_overrides"}');
    end if;
    v_first := lower(v_days);
    v_until := upper(v_days);
    -- search is refreshed once, not after each statement
    perform set_config('staybase.refresh_search', 'later', true);
    v_is_changed := private.set_calendar_prices(p_property_id, v_ranges, v_first, v_until);
    if (select bool_or(
        r.sets_min_nights or r.sets_max_nights or r.closed_to_arrival is not null or r.closed_to_departure is not null
    ) from unnest(v_ranges) r) then
        v_is_changed := private.set_calendar_rules(p_property_id, v_ranges, v_first, v_until) or v_is_changed;
    end if;
    perform set_config('staybase.refresh_search', '', true);
    if v_is_changed then
        perform private.refresh_property_search(array[p_property_id]);
    end if;
    if (select bool_or(r.closed is not null) from unnest(v_ranges) r) then
        perform private.set_calendar_blocks(p_property_id, v_ranges, v_first, v_until);
    end if;

    select range_agg(daterange(b.check_in, b.check_out)) into v_blocked
    from public.host_blocks b
    where b.property_id = p_property_id and b.check_in < v_until and b.check_out > v_first;
    return query
    select c.*, coalesce(v_blocked @> c.day, false)
    from private.property_calendar(p_property_id, v_first, v_until) c
    where v_days @> c.day;
end
$$;
comment on function private.set_calendar is
    'See public.set_calendar; checks the rights of the caller itself. Definer, because the checks of rows by caller would be made once for each range.';

create function private.set_calendar_as_caller(p_property_id uuid, p_ranges jsonb)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, closed boolean
)
language plpgsql security definer rows 60
set search_path = ''
as $$
begin
    for v_attempt in 1..4 loop
        begin
            return query select * from private.set_calendar(p_property_id, p_ranges);
            return;
        -- another request may have written a range that this one could not see yet
        exception when deadlock_detected or serialization_failure or lock_not_available or exclusion_violation then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.set_calendar_as_caller to authenticated, service_role;
comment on function private.set_calendar_as_caller is 'Runs set_calendar, and again when another request was in the way. Definer, like set_calendar.';

create function public.set_calendar(p_property_id uuid, p_ranges jsonb)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, closed boolean
)
language sql rows 60
set search_path = ''
as $$
    select * from private.set_calendar_as_caller(p_property_id, p_ranges)
$$;
grant execute on function public.set_calendar to authenticated, service_role;
comment on function public.set_calendar is
    'Sets up to 500 ranges of days, all or none, within 1,000 days: [{from, until, price, min_nights, max_nights, closed, closed_to_arrival, closed_to_departure}]. until is the day after the last; later ranges win; a missing key changes nothing, null returns to the season or property, or opens. Closing leaves booked nights alone. Needs calendar rights, for prices full rights. Returns their days as property_calendar does; closed: whether a block has the night.';
