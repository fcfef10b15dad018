-- Purpose: stays that fill a gap between two others exactly, for which the minimum stay does not count.
-- Touches: private.first_check_in, fills_gap.
-- Watch: a gap is a run of nights that property_calendar shows as free, up to a night that is not. Its first night may also be the first
-- that can be booked at all. broken_rules and property_calendar use the same two functions.

create function private.first_check_in(p_property public.properties, p_at timestamptz) returns date
language plpgsql stable
set search_path = ''
as $$
declare
    -- a draft may have no time zone
    v_time_zone constant text := coalesce(p_property.time_zone, 'UTC');
    v_day date := (p_at at time zone v_time_zone)::date + p_property.advance_notice_days;
begin
    while private.has_passed(v_day - p_property.advance_notice_days + p_property.advance_notice_cut_off, v_time_zone, p_at) loop
        v_day := v_day + 1;
    end loop;
    return v_day;
end
$$;
comment on function private.first_check_in is 'The first possible check-in of a stay that is booked at p_at, by advance notice and cut-off hour.';

-- Rare cases are functions of their own, because a query prepares all its parts whether it needs them or not.
create function private.fills_gap(p_property_id uuid, p_check_in date, p_check_out date, p_ignore_booking uuid, p_at timestamptz)
returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
    v_property public.properties;
    v_taken datemultirange;
begin
    select p.* into v_property from public.properties p where p.id = p_property_id;
    if v_property.unit_count > 1 then
        select range_agg(daterange(n.night, n.night + 1)) into v_taken
        from private.unit_nights(v_property, p_check_in - 1, p_check_out + 1, p_ignore_booking, p_at) n
        where n.units_left = 0;
    else
        select range_agg(k.nights) into v_taken
        from private.kept_nights(
            p_property_id, p_check_in - 1, p_check_out + 1, v_property.preparation_nights_before, v_property.preparation_nights_after,
            p_ignore_booking, p_at
        ) k;
    end if;
    return v_taken @> p_check_out and (v_taken @> (p_check_in - 1) or p_check_in <= private.first_check_in(v_property, p_at));
end
$$;
comment on function private.fills_gap is
    'Whether neither the night before a stay nor the one after it can be booked; null when nothing is near. Nights of p_ignore_booking count as free.';
