-- Purpose: one call that sets the calendar of a property: prices, stays, closed nights and closed days of many ranges.
-- Touches: private.set_calendar_prices, set_calendar_rules, set_calendar_blocks, set_calendar, set_calendar_as_caller;
-- public.set_calendar.
-- Watch: what is set lies in property_date_overrides, property_availability_rules and host_blocks, which bookability, search and quotes read
-- already. Each layer is painted day by day and written as ranges of equal days, and only ranges that differ are written.
-- docs/decisions/set-calendar.md says why closed nights leave a booking alone.

create function private.set_calendar_prices(
    p_property_id uuid, p_currency text, p_ranges private.calendar_range[], p_first date, p_until date
)
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
    v_deleted integer := 0;
begin
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
    -- a statement that writes nothing runs its triggers, too
    if v_present <> '{}' then
        -- most calls bring new prices for the same ranges
        update public.property_date_overrides o
        set price = s.value
        from unnest(v_painted) s
        where o.property_id = p_property_id and (o.starts_on, o.ends_on) = (s.starts_on, s.ends_on) and o.price <> s.value;
        delete from public.property_date_overrides o
        where
            o.property_id = p_property_id and o.ends_on >= p_first and o.starts_on <= p_until
            and (o.starts_on, o.ends_on) not in (select s.starts_on, s.ends_on from unnest(v_painted) s);
        get diagnostics v_deleted = row_count;
    end if;
    if cardinality(v_painted) > cardinality(v_present) - v_deleted then
        insert into public.property_date_overrides (property_id, starts_on, ends_on, currency, price)
        select p_property_id, s.starts_on, s.ends_on, p_currency, s.value
        from unnest(v_painted) s
        where (s.starts_on, s.ends_on) not in (select t.starts_on, t.ends_on from unnest(v_present) t);
    end if;
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
    -- of nights, the minimum in bits 16 to 31 and the maximum below, 0 for none; -1 is closed to arrival, -2 closed to departure, -100
    -- and below are units to sell
    v_present constant private.day_span[] := array(
        select row (
            c.starts_on, c.ends_on, case c.kind
                when 'nights' then coalesce(c.min_nights, 0)::bigint << 16 | coalesce(c.max_nights, 0)::bigint
                when 'closed_to_arrival' then -1
                when 'closed_to_departure' then -2
                else -100 - c.units_to_sell
            end, 0
        )::private.day_span
        from public.property_availability_rules c
        where c.property_id = p_property_id and c.ends_on >= p_first and c.starts_on <= p_until
        order by c.kind, c.starts_on
    );
    v_painted private.day_span[];
    v_deleted integer := 0;
    v_problems jsonb;
begin
    v_painted := array(
        select s
        from (values (1, 0, 4294967295), (2, -1, -1), (3, -2, -2), (4, -120, -100)) as k (layer, lowest, highest)
        cross join lateral (
            select
                array(select t from unnest(v_present) t where t.value between k.lowest and k.highest) as present,
                array(
                    select row (
                        r.starts_on, r.ends_on, case k.layer
                            when 1 then coalesce(r.min_nights, 0)::bigint << 16 | coalesce(r.max_nights, 0)::bigint
                            when 2 then -r.closed_to_arrival::integer
                            when 3 then -2 * r.closed_to_departure::integer
                            else coalesce(-100 - r.units_to_sell, 0)
                        end,
                        case when k.layer > 1 then 0 when not r.sets_max_nights then 65535 when not r.sets_min_nights then 4294901760 else 0 end
                    )::private.day_span
                    from unnest(p_ranges) r
                    where case k.layer
                        when 1 then r.sets_min_nights or r.sets_max_nights
                        when 2 then r.closed_to_arrival is not null
                        when 3 then r.closed_to_departure is not null
                        else r.sets_units
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
    if v_present <> '{}' then
        update public.property_availability_rules c
        set min_nights = nullif(s.value >> 16, 0), max_nights = nullif(s.value & 65535, 0)
        from unnest(v_painted) s
        where
            c.property_id = p_property_id and c.kind = 'nights' and s.value > 0 and (c.starts_on, c.ends_on) = (s.starts_on, s.ends_on)
            and (coalesce(c.min_nights, 0), coalesce(c.max_nights, 0)) <> (s.value >> 16, s.value & 65535);
        delete from public.property_availability_rules c
        where
            c.property_id = p_property_id and c.ends_on >= p_first and c.starts_on <= p_until
            and (
                case c.kind when 'nights' then 0 when 'closed_to_arrival' then -1 when 'closed_to_departure' then -2 else -100 - c.units_to_sell end,
                c.starts_on, c.ends_on
            )
                not in (select least(s.value, 0), s.starts_on, s.ends_on from unnest(v_painted) s);
        get diagnostics v_deleted = row_count;
    end if;
    if cardinality(v_painted) > cardinality(v_present) - v_deleted then
        insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights, units_to_sell)
        select
            p_property_id,
            case
                when s.value > 0 then 'nights'
                when s.value = -1 then 'closed_to_arrival'
                when s.value = -2 then 'closed_to_departure'
                else 'units_to_sell'
            end::public.availability_rule_kind,
            s.starts_on, s.ends_on,
            case when s.value > 0 then nullif(s.value >> 16, 0) end, case when s.value > 0 then nullif(s.value & 65535, 0) end,
            case when s.value <= -100 then -100 - s.value end
        from unnest(v_painted) s
        where (least(s.value, 0), s.starts_on, s.ends_on) not in (select least(t.value, 0), t.starts_on, t.ends_on from unnest(v_present) t);
    end if;
    return true;
end
$$;
comment on function private.set_calendar_rules is
    'Sets minimum and maximum stays, closed arrivals and departures and units to sell, and writes the ranges of property_availability_rules that differ; false when none does.';

create function private.set_calendar_blocks(p_property_id uuid, p_ranges private.calendar_range[], p_first date, p_until date)
returns void
language plpgsql
set search_path = ''
as $$
declare
    v_opened datemultirange;
    v_closed datemultirange;
    v_touched public.host_blocks[];
    v_elsewhere datemultirange;
begin
    select
        range_agg(daterange(r.starts_on, r.ends_on)) filter (where not r.closed), range_agg(daterange(r.starts_on, r.ends_on)) filter (where r.closed)
    into v_opened, v_closed
    from unnest(p_ranges) r;
    if v_opened && v_closed then
        -- the last range of a night decides
        select
            range_agg(daterange(s.starts_on, s.ends_on)) filter (where s.value = 1), range_agg(daterange(s.starts_on, s.ends_on)) filter (where s.value = 2)
        into v_opened, v_closed
        from private.paint_days('{}', array(
            select row (r.starts_on, r.ends_on, 1 + r.closed::integer, 0)::private.day_span
            from unnest(p_ranges) r
            where r.closed is not null
            order by r.number
        ), p_first, p_until) s;
    end if;
    -- nights that a booking, another platform, a block or a linked property has stay as they are
    if v_closed is not null then
        v_closed := v_closed - coalesce((
            select range_agg(daterange(o.check_in, o.check_out))
            from public.property_spaces s
            join public.occupancies o on o.space_id = s.space_id
            where
                s.property_id = p_property_id and o.check_out > p_first and o.check_in < p_until
                and (o.expires_at is null or o.expires_at > clock_timestamp())
        ), '{}');
    end if;
    v_touched := array(
        select b
        from public.host_blocks b
        where
            b.property_id = p_property_id and b.unit_id is null and b.check_in <= p_until and b.check_out >= p_first
            and (
                daterange(b.check_in, b.check_out) && v_opened
                or b.note = '' and exists (select from unnest(v_closed) n where n -|- daterange(b.check_in, b.check_out))
            )
    );
    if v_touched = '{}' and coalesce(v_closed, '{}') = '{}' then
        return;
    end if;
    -- another platform's stay may have come over a block, and no block can be made there again
    v_elsewhere := (
        select range_agg(daterange(o.check_in, o.check_out))
        from unnest(v_touched) t
        join public.property_spaces s on s.property_id = p_property_id
        join public.occupancies o
            on o.space_id = s.space_id and o.kind = 'external_block' and o.check_out > t.check_in and o.check_in < t.check_out
    );
    delete from public.host_blocks b where b.id in (select t.id from unnest(v_touched) t);
    insert into public.host_blocks (property_id, check_in, check_out, note)
    select p_property_id, lower(n.nights), upper(n.nights), g.note
    from (
        select w.note, range_agg(w.nights) as nights
        from (
            select t.note, unnest(
                datemultirange(daterange(t.check_in, t.check_out)) - coalesce(v_opened, '{}') - coalesce(v_elsewhere, '{}')
            ) as nights
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

create function private.fit_ranges_to_units(p_ranges private.calendar_range[], p_unit_count integer) returns private.calendar_range[]
language plpgsql immutable
set search_path = ''
as $$
declare
    v_range private.calendar_range;
begin
    for v_number in 1..cardinality(p_ranges) loop
        v_range := p_ranges[v_number];
        if p_unit_count > 1 and v_range.closed then
            v_range.sets_units := true;
            v_range.units_to_sell := 0;
            v_range.closed := null;
        elsif p_unit_count > 1 and not v_range.closed then
            v_range.sets_units := true;
        elsif p_unit_count = 1 and v_range.sets_units then
            v_range.closed := coalesce(v_range.closed, v_range.units_to_sell = 0, false);
            v_range.sets_units := false;
        end if;
        p_ranges[v_number] := v_range;
    end loop;
    return p_ranges;
end
$$;
comment on function private.fit_ranges_to_units is
    'Closes nights of a property with units by selling none, because stays take single units; and those of other properties for which 0 units are to be sold.';

create function private.set_calendar(p_property_id uuid, p_ranges jsonb)
returns datemultirange
language plpgsql security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_caller constant uuid := auth.uid();
    v_property public.properties;
    v_level public.co_host_level;
    v_ranges private.calendar_range[];
    v_days datemultirange;
    v_first date;
    v_until date;
    v_sets_prices boolean;
    v_sets_rules boolean;
    v_sets_blocks boolean;
    v_is_changed boolean := false;
begin
    -- not from my_properties, because a host may have thousands
    v_level := (
        select case when v_caller is null or p.host_id = v_caller then 'full' else (
            select c.level from public.co_hosts c where c.property_id = p.id and c.profile_id = v_caller
        ) end
        from public.properties p
        where p.id = p_property_id
    );
    if v_level is null then
        perform private.raise_error('own_property_not_found');
    end if;
    v_property := private.lock_property(p_property_id);
    v_ranges := private.fit_ranges_to_units(private.read_calendar_ranges(p_ranges, v_property.currency), v_property.unit_count);
    select
        range_agg(daterange(r.starts_on, r.ends_on)), bool_or(r.sets_price), bool_or(r.closed is not null), bool_or(
            r.sets_min_nights or r.sets_max_nights or r.closed_to_arrival is not null or r.closed_to_departure is not null or r.sets_units
        )
    into v_days, v_sets_prices, v_sets_blocks, v_sets_rules
    from unnest(v_ranges) r;
    if v_level < 'full' and v_sets_prices then
        perform private.raise_error('update_not_allowed', '{"table": "property_date_overrides"}');
    end if;
    v_first := lower(v_days);
    v_until := upper(v_days);
    -- search is refreshed once, not after each statement
    perform set_config('staybase.refresh_search', 'later', true);
    if v_sets_prices then
        v_is_changed := private.set_calendar_prices(p_property_id, v_property.currency, v_ranges, v_first, v_until);
    end if;
    if v_sets_rules then
        v_is_changed := private.set_calendar_rules(p_property_id, v_ranges, v_first, v_until) or v_is_changed;
    end if;
    perform set_config('staybase.refresh_search', '', true);
    if v_is_changed then
        perform private.refresh_property_search(array[p_property_id], true);
    end if;
    if v_sets_blocks then
        perform private.set_calendar_blocks(p_property_id, v_ranges, v_first, v_until);
    end if;
    return v_days;
end
$$;
comment on function private.set_calendar is
    'Writes what public.set_calendar sets, and returns the days; checks the rights of the caller itself. Definer, because the checks of rows by caller would be made once for each range.';

create function private.set_calendar_as_caller(p_property_id uuid, p_ranges jsonb)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer, closed boolean
)
language plpgsql security definer rows 60
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    v_days datemultirange;
    v_blocked datemultirange;
begin
    for v_attempt in 1..4 loop
        begin
            v_days := private.set_calendar(p_property_id, p_ranges);
            exit;
        -- another request may have written a range that this one could not see yet
        exception when deadlock_detected or serialization_failure or lock_not_available or exclusion_violation then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
    select range_agg(c.days) into v_blocked
    from (
        select daterange(b.check_in, b.check_out) as days
        from public.host_blocks b
        where b.property_id = p_property_id and b.unit_id is null and b.check_in < upper(v_days) and b.check_out > lower(v_days)
        union all
        select daterange(r.starts_on, r.ends_on)
        from public.property_availability_rules r
        where
            r.property_id = p_property_id and r.kind = 'units_to_sell' and r.units_to_sell = 0
            and r.starts_on < upper(v_days) and r.ends_on > lower(v_days)
    ) c;
    return query
    select c.*, coalesce(v_blocked @> c.day, false)
    from private.property_calendar(p_property_id, lower(v_days), upper(v_days)) c
    where v_days @> c.day;
end
$$;
grant execute on function private.set_calendar_as_caller to authenticated, service_role;
comment on function private.set_calendar_as_caller is 'Runs set_calendar, again when another request was in the way, and returns its days as they are then. Definer, like set_calendar.';

create function public.set_calendar(p_property_id uuid, p_ranges jsonb)
returns table (
    day date, free boolean, reason text, price bigint, currency text, min_nights smallint, max_nights smallint,
    arrival_allowed boolean, departure_allowed boolean, units_left integer, closed boolean
)
language plpgsql rows 60
set search_path = ''
as $$
begin
    return query select * from private.set_calendar_as_caller(p_property_id, p_ranges);
end
$$;
grant execute on function public.set_calendar to authenticated, service_role;
comment on function public.set_calendar is
    'Sets up to 500 ranges of days, all or none, within 1,000 days: [{from, until, price, min_nights, max_nights, units_to_sell, closed, closed_to_arrival, closed_to_departure}]. until is the day after the last; later ranges win; a missing key changes nothing, null returns to the season or property, or opens. units_to_sell: how many units are sold at most, those that are included. Closing leaves booked nights alone; where a property has units, closed is the same as units_to_sell 0. Needs calendar rights, for prices full rights. Returns their days as property_calendar does; closed: whether the host closed the night.';
