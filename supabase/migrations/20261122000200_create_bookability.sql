-- Purpose: the one function that decides whether a party can stay on given dates, and says everything that speaks against it.
-- Touches: private.bookability, public.bookability, private.read_days, indexes of property_seasons and
-- property_availability_rules.
-- Watch: quote, search, booking and alteration all ask private.bookability; a rule that is somewhere else is a rule that one of
-- them does not know. It is called for every candidate of a search, so it reads in few queries and builds JSON for refusals
-- alone. Days are the property's: today, the cut-off hour and the booking window follow its clock, nights are plain dates.

create function private.read_days(p_texts text[], p_names text[]) returns date[]
language plpgsql immutable
set search_path = ''
as $$
declare
    v_days date[];
    v_day date;
    v_problems jsonb := '[]';
begin
    for v_number in 1..cardinality(p_texts) loop
        v_day := null;
        -- Postgres would take `tomorrow` (in UTC), `infinity` and the day of a timestamp (in whose zone?) for a date.
        if p_texts[v_number] ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' then
            begin
                v_day := p_texts[v_number]::date;
            exception when datetime_field_overflow or invalid_datetime_format then
            end;
        end if;
        if v_day is null and p_texts[v_number] is not null then
            v_problems := v_problems || jsonb_build_object(
                'code', 'invalid_date', 'argument', p_names[v_number], 'value', left(p_texts[v_number], 40),
                'message', format('%s is not a date.', p_names[v_number])
            );
        end if;
        v_days := v_days || v_day;
    end loop;
    if v_problems <> '[]' then
        raise sqlstate 'PT400' using
            message = v_problems -> 0 ->> 'message',
            detail = v_problems::text,
            hint = 'Write a day of the calendar as YYYY-MM-DD, without a time.';
    end if;
    return v_days;
end
$$;
revoke execute on function private.read_days(text[], text[]) from public;
grant execute on function private.read_days(text[], text[]) to anon, authenticated, service_role;
comment on function private.read_days(text[], text[]) is
    'Days written YYYY-MM-DD; null for null, 400 with all that are anything else. Called by functions that clients give days to.';

create function private.has_passed(p_local timestamp, p_time_zone text, p_at timestamptz) returns boolean
language sql stable
set search_path = ''
as $$
    select case
        -- the clocks skip that time: it has passed as soon as they show a later one
        when (p_local at time zone p_time_zone) at time zone p_time_zone <> p_local then p_at at time zone p_time_zone >= p_local
        -- a time that comes twice is the second one
        else p_at >= p_local at time zone p_time_zone
    end
$$;
revoke execute on function private.has_passed(timestamp, text, timestamptz) from public;
comment on function private.has_passed(timestamp, text, timestamptz) is
    'Whether, at p_at, the clocks of a zone have reached a day and time, for good. Called by rules about hours.';

create index property_seasons_ends_on_idx on public.property_seasons (property_id, ends_on);
create index property_availability_rules_ends_on_idx on public.property_availability_rules (property_id, ends_on);

create function private.bookability(
    p_property_id uuid,
    p_check_in date,
    p_check_out date,
    p_adults integer default 1,
    p_children integer default 0,
    p_infants integer default 0,
    p_pets integer default 0,
    p_ignore_booking uuid default null,
    p_at timestamptz default now()
) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_reasons jsonb := '[]';
    v record;
    v_today date;
    v_nights integer;
    v_guests bigint := p_adults::bigint + p_children;
begin
    -- Seasons do not overlap, so the first that ends after a day is the only one that can hold it: one look at a plain index.
    select
        p.status, p.time_zone, p.max_guests, p.max_infants, p.max_pets, p.check_in_weekdays, p.check_out_weekdays,
        p.advance_notice_days, p.advance_notice_cut_off, p.booking_window_days,
        p.preparation_nights_before, p.preparation_nights_after,
        coalesce(r.min_nights, s.min_nights, p.min_nights) as min_nights,
        coalesce(r.max_nights, s.max_nights, p.max_nights) as max_nights,
        r.closed_to_arrival,
        r.closed_to_departure
    into v
    from public.properties p
    left join lateral (
        select c.starts_on, c.min_nights, c.max_nights
        from public.property_seasons c
        where c.property_id = p_property_id and c.ends_on > p_check_in
        order by c.ends_on
        limit 1
    ) s on s.starts_on <= p_check_in
    cross join lateral (
        select
            max(c.min_nights) filter (where c.starts_on <= p_check_in and c.ends_on > p_check_in) as min_nights,
            max(c.max_nights) filter (where c.starts_on <= p_check_in and c.ends_on > p_check_in) as max_nights,
            bool_or(c.kind = 'closed_to_arrival' and c.starts_on <= p_check_in and c.ends_on > p_check_in) as closed_to_arrival,
            bool_or(c.kind = 'closed_to_departure' and c.starts_on <= p_check_out and c.ends_on > p_check_out) as closed_to_departure
        from public.property_availability_rules c
        where
            c.property_id = p_property_id and c.ends_on > least(p_check_in, p_check_out)
            and c.starts_on <= greatest(p_check_in, p_check_out)
    ) r
    where p.id = p_property_id;

    if v.status is distinct from 'published' then
        v_reasons := v_reasons || jsonb_build_object('code', 'not_published', 'message', 'This place cannot be booked now.');
    end if;

    -- the party
    if least(p_adults, p_children, p_infants, p_pets) < 0 or num_nulls(p_adults, p_children, p_infants, p_pets) > 0 then
        v_reasons := v_reasons || jsonb_build_object('code', 'invalid_party', 'message', 'Numbers of people and pets are 0 or more.');
    else
        if p_adults < 1 then
            v_reasons := v_reasons || jsonb_build_object('code', 'no_adult', 'message', 'A party has at least one adult.');
        end if;
        if v_guests > v.max_guests then
            v_reasons := v_reasons || jsonb_build_object(
                'code', 'too_many_guests', 'guests', v_guests, 'max_guests', v.max_guests,
                'message', format('This place takes up to %s guest(s), infants not counted.', v.max_guests)
            );
        end if;
        if p_infants > v.max_infants then
            v_reasons := v_reasons || jsonb_build_object(
                'code', 'too_many_infants', 'infants', p_infants, 'max_infants', v.max_infants,
                'message', format('This place takes up to %s infant(s).', v.max_infants)
            );
        end if;
        if p_pets > v.max_pets then
            v_reasons := v_reasons || jsonb_build_object(
                'code', 'too_many_pets', 'pets', p_pets, 'max_pets', v.max_pets,
                'message', case when v.max_pets = 0 then 'Pets cannot stay here.' else format('This place takes up to %s pet(s).', v.max_pets) end
            );
        end if;
        if p_children + p_infants::bigint > 0 and not coalesce((
            select h.children_allowed from public.house_rules h where h.property_id = p_property_id order by h.version desc limit 1
        ), true) then
            v_reasons := v_reasons || jsonb_build_object(
                'code', 'children_not_allowed', 'children', p_children + p_infants::bigint,
                'message', 'This place is not suitable for children and infants.'
            );
        end if;
    end if;

    -- the dates
    if p_check_in is null or p_check_out is null or not isfinite(p_check_in) or not isfinite(p_check_out)
        or p_check_in < '2000-01-01' or p_check_out > '2100-01-01' then
        return v_reasons || jsonb_build_object('code', 'invalid_date', 'message', 'Dates lie between 2000-01-01 and 2100-01-01.');
    end if;
    v_nights := p_check_out - p_check_in;
    if v_nights <= 0 then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'check_out_before_check_in', 'check_in', p_check_in, 'check_out', p_check_out,
            'message', 'Check-out is at least a day after check-in.'
        );
    end if;

    -- the property's clock; a draft may have none yet
    v_today := (p_at at time zone v.time_zone)::date;
    if p_check_in < v_today then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'past_date', 'check_in', p_check_in, 'today', v_today, 'message', format('There it is already %s.', v_today)
        );
    elsif p_check_in - v.advance_notice_days <= v_today
        and private.has_passed(p_check_in - v.advance_notice_days + v.advance_notice_cut_off, v.time_zone, p_at) then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'advance_notice', 'days', v.advance_notice_days,
            'book_before', p_check_in - v.advance_notice_days + v.advance_notice_cut_off, 'time_zone', v.time_zone,
            'message', format(
                'The host needs to know before %s, local time.',
                to_char(p_check_in - v.advance_notice_days + v.advance_notice_cut_off, 'YYYY-MM-DD HH24:MI')
            )
        );
    end if;
    if p_check_in > v_today + v.booking_window_days then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'booking_window', 'days', v.booking_window_days, 'latest_check_in', v_today + v.booking_window_days,
            'message', format('Stays may begin up to %s.', v_today + v.booking_window_days)
        );
    end if;

    if not extract(isodow from p_check_in)::smallint = any (v.check_in_weekdays) then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'check_in_weekday', 'weekday', extract(isodow from p_check_in)::integer, 'allowed', to_jsonb(v.check_in_weekdays),
            'message', 'Stays do not begin on this day of the week.'
        );
    end if;
    if not extract(isodow from p_check_out)::smallint = any (v.check_out_weekdays) then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'check_out_weekday', 'weekday', extract(isodow from p_check_out)::integer, 'allowed', to_jsonb(v.check_out_weekdays),
            'message', 'Stays do not end on this day of the week.'
        );
    end if;
    if v.closed_to_arrival then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'closed_to_arrival', 'check_in', p_check_in, 'message', format('No arrival on %s.', p_check_in)
        );
    end if;
    if v.closed_to_departure then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'closed_to_departure', 'check_out', p_check_out, 'message', format('No departure on %s.', p_check_out)
        );
    end if;
    if v_nights <= 0 then
        return v_reasons;
    end if;
    if v_nights < v.min_nights then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'min_stay', 'nights', v_nights, 'min_nights', v.min_nights,
            'message', format('Stays that begin on %s have at least %s night(s).', p_check_in, v.min_nights)
        );
    end if;
    if v_nights > v.max_nights then
        v_reasons := v_reasons || jsonb_build_object(
            'code', 'max_stay', 'nights', v_nights, 'max_nights', v.max_nights,
            'message', format('Stays that begin on %s have at most %s night(s).', p_check_in, v.max_nights)
        );
    end if;

    -- other stays; the list is put together only when there is something to list
    if exists (
        select
        from public.occupancies o
        where
            o.property_id = p_property_id and o.check_out > p_check_in - 2 and o.check_in < p_check_out + 2
            and (o.expires_at is null or o.expires_at > p_at)
            and (p_ignore_booking is null or o.booking_id is distinct from p_ignore_booking)
    ) then
        v_reasons := v_reasons || private.occupancy_conflicts(
            p_property_id, p_check_in, p_check_out, v.preparation_nights_before, v.preparation_nights_after, p_ignore_booking, p_at
        );
    end if;
    return v_reasons;
end
$$;
revoke execute on function private.bookability(uuid, date, date, integer, integer, integer, integer, uuid, timestamptz) from public;
comment on function private.bookability(uuid, date, date, integer, integer, integer, integer, uuid, timestamptz) is
    'Everything that speaks against a stay, as [{code, message, numbers}]; [] when it can be booked at p_at. p_ignore_booking is the booking that an alteration changes. Called by quote, search, booking, alteration. Definer, because strangers cannot read occupancies.';

create function private.visible_bookability(
    p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer
) returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select private.bookability(p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets)
$$;
revoke execute on function private.visible_bookability(uuid, date, date, integer, integer, integer, integer) from public;
grant execute on function private.visible_bookability(uuid, date, date, integer, integer, integer, integer)
    to anon, authenticated, service_role;
comment on function private.visible_bookability(uuid, date, date, integer, integer, integer, integer) is
    'As bookability, for every caller, at the present moment and without ignoring a booking: with either a stranger could tell stays apart. Called by public.bookability. Definer, as bookability.';

create function public.bookability(
    p_property_id uuid, p_check_in text, p_check_out text,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0
) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_days constant date[] := private.read_days(array[p_check_in, p_check_out], array['p_check_in', 'p_check_out']);
begin
    if not exists (select from public.properties p where p.id = p_property_id) then
        raise sqlstate 'PT404' using message = 'There is no such property.', hint = 'Check the id.';
    end if;
    return private.visible_bookability(
        p_property_id, v_days[1], v_days[2],
        p_adults, p_children, p_infants, p_pets
    );
end
$$;
revoke execute on function public.bookability(uuid, text, text, integer, integer, integer, integer) from public;
grant execute on function public.bookability(uuid, text, text, integer, integer, integer, integer) to anon, authenticated, service_role;
comment on function public.bookability(uuid, text, text, integer, integer, integer, integer) is
    'Whether a party can book these days (YYYY-MM-DD): [] when it can, else every reason why not, as [{code, message, numbers}]. Codes: not_published, invalid_party, no_adult, too_many_guests, too_many_infants, too_many_pets, children_not_allowed, invalid_date, check_out_before_check_in, past_date, advance_notice, booking_window, check_in_weekday, check_out_weekday, closed_to_arrival, closed_to_departure, min_stay, max_stay, occupied, preparation_before, preparation_after.';
