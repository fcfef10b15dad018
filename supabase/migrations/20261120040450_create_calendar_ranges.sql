-- Purpose: what set_calendar is sent, checked, and days painted with it.
-- Touches: private.calendar_range, day_span, read_calendar_ranges, paint_days.
-- Watch: a year may come as 365 ranges, so they are checked by one query, and no function is called for each of them.

insert into private.errors (code, status, message, hint) values
    ('calendar_ranges_invalid', 422, 'A calendar is set by a list of 1 to 500 ranges.', 'Send p_ranges as a list of objects with from and until.'),
    ('calendar_value_invalid', 422, 'Range {range} has a {field} that cannot be used.', 'Send from and until as YYYY-MM-DD; price, min_nights, max_nights and units_to_sell as whole numbers or null; closed, closed_to_arrival and closed_to_departure as true, false or null; and nothing else.'),
    ('calendar_range_not_in_order', 422, 'Range {range} does not end after it begins, between the years 2000 and 2100.', 'Send until as the day after the last.'),
    ('calendar_span_too_long', 422, 'The ranges of one call lie within {max_days} days.', 'Set later days with another call.'),
    ('calendar_nights_not_in_order', 422, 'With range {range}, the maximum stay of {day} is shorter than its minimum stay.', 'Send min_nights and max_nights together.');

create type private.calendar_range as (
    number integer, starts_on date, ends_on date,
    sets_price boolean, price bigint, sets_min_nights boolean, min_nights smallint, sets_max_nights boolean, max_nights smallint,
    closed boolean, closed_to_arrival boolean, closed_to_departure boolean, sets_units boolean, units_to_sell smallint
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
            (e.item -> 'closed_to_departure')::text as closed_to_departure, (e.item -> 'units_to_sell')::text as units_to_sell
        from jsonb_array_elements(p_ranges) with ordinality as e (item, number)
    ),
    typed as materialized (
        select
            t.*,
            case when t.starts_on ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(t.starts_on, 'date') then t.starts_on::date end as first,
            case when t.ends_on ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(t.ends_on, 'date') then t.ends_on::date end as until,
            case when t.price ~ '^[0-9]{1,13}$' then t.price::bigint end as amount,
            case when t.min_nights ~ '^[0-9]{1,4}$' then t.min_nights::smallint end as least,
            case when t.max_nights ~ '^[0-9]{1,4}$' then t.max_nights::smallint end as most,
            case when t.units_to_sell ~ '^[0-9]{1,4}$' then t.units_to_sell::smallint end as units
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
                case
                    when t.units_to_sell <> 'null' and t.units is null then 'calendar_value_invalid units_to_sell'
                    when t.units > 20 then 'units_to_sell_range units_to_sell'
                end,
                case when t.closed not in ('true', 'false', 'null') then 'calendar_value_invalid closed' end,
                case when t.closed_to_arrival not in ('true', 'false', 'null') then 'calendar_value_invalid closed_to_arrival' end,
                case when t.closed_to_departure not in ('true', 'false', 'null') then 'calendar_value_invalid closed_to_departure' end,
                case when jsonb_typeof(t.item) = 'object' then (
                    select 'calendar_value_invalid ' || left(min(k.key), 40)
                    from jsonb_object_keys(t.item) as k (key)
                    where k.key <> all (array[
                        'from', 'until', 'price', 'min_nights', 'max_nights', 'closed', 'closed_to_arrival', 'closed_to_departure',
                        'units_to_sell'
                    ])
                ) end
            ], null) as faults
        from typed t
    )
    select
        array_agg(
            row (
                c.number, c.first, c.until, c.price is not null, c.amount, c.min_nights is not null, c.least, c.max_nights is not null,
                c.most, c.closed = 'true', c.closed_to_arrival = 'true', c.closed_to_departure = 'true', c.units_to_sell is not null, c.units
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
    -- days whose value may differ from that of the day before
    v_is_edge boolean[] := array_fill(false, array[v_count]) || true;
    v_span private.day_span;
    v_from integer;
    v_to integer;
    -- where ranges begin and end that reach beyond these days
    v_begin date := p_first - 1;
    v_end date := p_until + 1;
    v_start integer := 1;
    v_day integer := 1;
begin
    foreach v_span in array p_present || p_changes loop
        v_from := greatest(v_span.starts_on - p_first + 2, 1);
        v_to := least(v_span.ends_on - p_first + 1, v_count);
        v_begin := least(v_begin, v_span.starts_on);
        v_end := greatest(v_end, v_span.ends_on);
        v_is_edge[v_from] := true;
        v_is_edge[v_to + 1] := true;
        if v_span.kept_bits = 0 then
            v_values[v_from:v_to] := array_fill(v_span.value, array[v_to - v_from + 1]);
        else
            for v_number in v_from..v_to loop
                v_values[v_number] := v_values[v_number] & v_span.kept_bits | v_span.value;
            end loop;
        end if;
    end loop;
    while v_day <= v_count loop
        v_day := case when v_is_edge[v_day + 1] then v_day + 1 else array_position(v_is_edge, true, v_day + 1) end;
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
