-- Purpose: links properties that share rooms, so that a night of one takes the night of the others.
-- Touches: private.lock_linked_properties, lock_own_properties, refuse_clashing_links, copy_nights, link_properties, unlink_property;
-- public.link_properties, unlink_property.
-- Watch: these lock all linked properties in the order of their ids, then their calendars. Everyone else locks one property, then its
-- calendar, so no two wait for each other.

insert into private.errors (code, status, message, hint) values
    ('invalid_parts', 422, 'A property has 1 to 19 other properties as parts.', 'Send the ids of other properties in p_part_ids.'),
    ('parts_of_another_host', 422, 'Only properties of one host can be linked.', 'Send ids of properties of the same host.'),
    ('units_have_no_parts', 422, 'A property with units has no parts.', 'Make a property of its own for the whole house, and link it with this one as its part.'),
    ('parts_go_round', 422, 'One of these parts contains the property itself.', 'Call unlink_property for that part, or name the property as its part only.'),
    ('too_many_spaces', 422, 'A property takes at most {maximum} spaces: its own and those of its parts.', 'Link fewer properties.'),
    ('linked_nights_clash', 409, '{count} stay(s) or block(s) of these properties have the same nights.', 'The details contain up to 20 of them: move or cancel one of each, then link again.');

create function private.lock_linked_properties(p_property_ids uuid[]) returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_calendars uuid[];
begin
    for v_round in 1..2 loop
        v_calendars := array(
            select distinct p.calendar_id from public.properties p where p.id = any (p_property_ids) and p.calendar_id is not null
        );
        -- another call has linked more of them meanwhile, and to lock those now would be the wrong order
        if v_ids is not null and exists (
            select from public.properties p where p.calendar_id = any (v_calendars) and p.id <> all (v_ids)
        ) then
            perform private.raise_error('server_busy');
        end if;
        v_ids := array(
            select p.id from public.properties p
            where p.id = any (p_property_ids) or p.calendar_id = any (v_calendars)
            order by p.id
            for no key update
        );
    end loop;
    perform from private.calendars c where c.id = any (v_calendars) order by c.id for no key update;
    return v_ids;
end
$$;
comment on function private.lock_linked_properties is
    'Locks properties, all that are linked to them, and their calendars; returns the ids of the properties.';

create function private.lock_own_properties(p_property_ids uuid[]) returns uuid[]
language plpgsql
set search_path = ''
as $$
begin
    if exists (
        select from unnest(p_property_ids) as i (id)
        where not exists (select from public.properties p where p.id = i.id and (auth.uid() is null or p.host_id = auth.uid()))
    ) then
        perform private.raise_error('own_property_not_found');
    end if;
    return private.lock_linked_properties(p_property_ids);
end
$$;
comment on function private.lock_own_properties is
    'Runs lock_linked_properties when all properties are the caller''s own; services may name any.';

create function private.refuse_clashing_links(p_property_ids uuid[], p_space_ids uuid[], p_from date) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_clashes jsonb;
begin
    select jsonb_agg(c.clash) into v_clashes
    from (
        select distinct jsonb_build_object(
            'property_id', o.property_id, 'kind', o.kind, 'check_in', o.check_in, 'check_out', o.check_out, 'booking_id', o.booking_id,
            'other_property_id', t.property_id, 'other_kind', t.kind, 'other_check_in', t.check_in, 'other_check_out', t.check_out,
            'other_booking_id', t.booking_id
        ) as clash
        from unnest(p_property_ids, p_space_ids) as l (property_id, space_id)
        join public.occupancies o
            on o.space_id = l.property_id and o.property_id = l.property_id and o.check_out >= p_from
            and (o.expires_at is null or o.expires_at > clock_timestamp())
        join public.occupancies t
            on t.space_id = l.space_id and t.property_id <> l.property_id and t.check_out >= p_from
            and (t.expires_at is null or t.expires_at > clock_timestamp())
            and t.check_in < o.check_out + 2 and t.check_out > o.check_in - 2
        where
            'external_block' <> any (array[o.kind, t.kind])
            and private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after)
            && private.footprint(t.kind, t.check_in, t.check_out, t.preparation_before, t.preparation_after)
    ) c;
    if v_clashes is not null then
        perform private.raise_error('linked_nights_clash', jsonb_build_object(
            'count', jsonb_array_length(v_clashes), 'clashes', jsonb_path_query_array(v_clashes, '$[0 to 19]')
        ));
    end if;
end
$$;
comment on function private.refuse_clashing_links is
    'Raises 409 with a list when stays or blocks of properties that end on or after p_from clash with what is in the spaces that they begin to share.';

create function private.copy_nights(p_property_ids uuid[], p_space_ids uuid[], p_from date) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into public.occupancies (
        property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, expires_at, booking_id, host_block_id,
        external_block_id, own_booking_id
    )
    select
        o.property_id, l.space_id, o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after, o.expires_at, o.booking_id,
        o.host_block_id, o.external_block_id, o.own_booking_id
    from unnest(p_property_ids, p_space_ids) as l (property_id, space_id)
    join public.occupancies o
        on o.space_id = l.property_id and o.property_id = l.property_id and o.check_out >= p_from
        and (o.expires_at is null or o.expires_at > clock_timestamp())
    -- nights of an earlier link are there still
    where not exists (
        select from public.occupancies t
        where
            t.space_id = l.space_id and t.property_id = o.property_id
            and (t.kind, t.check_in, t.check_out) = (o.kind, o.check_in, o.check_out)
            and coalesce(t.booking_id, t.host_block_id, t.external_block_id, t.own_booking_id)
                = coalesce(o.booking_id, o.host_block_id, o.external_block_id, o.own_booking_id)
    )
    -- external blocks may lie over anything, nothing else over them
    order by o.kind = 'external_block';
end
$$;
comment on function private.copy_nights is 'Takes the nights of what ends on or after p_from at these properties in the spaces that they begin to share.';

create function private.link_properties(p_property_id uuid, p_part_ids uuid[]) returns public.properties
language plpgsql security definer
set search_path = ''
as $$
declare
    -- today or yesterday in every time zone
    v_from constant date := (now() at time zone 'UTC')::date - 1;
    v_linked uuid[];
    v_calendars uuid[];
    v_calendar uuid;
    v_property_ids uuid[];
    v_space_ids uuid[];
    v_property public.properties;
begin
    if cardinality(p_part_ids) not between 1 and 19 or array_position(p_part_ids || p_property_id, null) is not null
        or p_property_id = any (p_part_ids) or p_part_ids is null then
        perform private.raise_error('invalid_parts');
    end if;
    v_linked := private.lock_own_properties(p_part_ids || p_property_id);
    if (select count(distinct p.host_id) from public.properties p where p.id = any (v_linked)) > 1 then
        perform private.raise_error('parts_of_another_host');
    elsif exists (select from public.properties p where p.id = p_property_id and p.unit_count > 1) then
        perform private.raise_error('units_have_no_parts');
    elsif exists (select from public.property_spaces s where s.property_id = any (p_part_ids) and s.space_id = p_property_id) then
        perform private.raise_error('parts_go_round');
    end if;

    -- what contains the property contains its parts
    with added as (
        insert into public.property_spaces (property_id, space_id)
        select w.property_id, s.space_id
        from public.property_spaces w
        cross join (select distinct s.space_id from public.property_spaces s where s.property_id = any (p_part_ids)) s
        where w.space_id = p_property_id
        on conflict on constraint property_spaces_pkey do nothing
        returning property_id, space_id
    )
    select array_agg(a.property_id), array_agg(a.space_id) into v_property_ids, v_space_ids from added a;
    if exists (
        select from public.property_spaces s where s.property_id = any (v_property_ids) group by s.property_id having count(*) > 20
    ) then
        perform private.raise_error('too_many_spaces', '{"maximum": 20}');
    end if;

    v_calendars := array(select distinct p.calendar_id from public.properties p where p.id = any (v_linked) and p.calendar_id is not null);
    v_calendar := v_calendars[1];
    if v_calendar is null then
        insert into private.calendars default values returning id into v_calendar;
    end if;
    update public.properties p set calendar_id = v_calendar where p.id = any (v_linked) and p.calendar_id is distinct from v_calendar;
    delete from private.calendars c where c.id = any (v_calendars[2:]);
    perform private.refuse_clashing_links(v_property_ids, v_space_ids, v_from);
    perform private.copy_nights(v_property_ids, v_space_ids, v_from);
    select p.* into v_property from public.properties p where p.id = p_property_id;
    return v_property;
end
$$;
grant execute on function private.link_properties to authenticated, service_role;
comment on function private.link_properties is
    'Makes a property take the spaces of its parts, too. Definer, because no API role may write spaces; lock_own_properties checks the caller.';

create function private.unlink_property(p_property_id uuid) returns public.properties
language plpgsql security definer
set search_path = ''
as $$
declare
    v_linked constant uuid[] := private.lock_own_properties(array[p_property_id]);
    v_calendar constant uuid := (select p.calendar_id from public.properties p where p.id = p_property_id);
    v_property public.properties;
begin
    delete from public.property_spaces s
    using private.spaces o
    where o.id = s.space_id and p_property_id in (s.property_id, o.property_id) and s.property_id <> o.property_id;
    update public.properties p
    set calendar_id = null
    where
        p.id = any (v_linked) and p.calendar_id is not null
        and not exists (select from public.property_spaces s where s.property_id = p.id and s.space_id <> p.id)
        and not exists (select from public.property_spaces s where s.space_id = p.id and s.property_id <> p.id);
    delete from private.calendars c
    where c.id = v_calendar and not exists (select from public.properties p where p.calendar_id = v_calendar);
    select p.* into v_property from public.properties p where p.id = p_property_id;
    return v_property;
end
$$;
grant execute on function private.unlink_property to authenticated, service_role;
comment on function private.unlink_property is
    'Takes a property out of all its links. Definer, because no API role may write spaces; lock_own_properties checks the caller.';

create function public.link_properties(p_property_id uuid, p_part_ids uuid[]) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.link_properties(p_property_id, p_part_ids)
$$;
grant execute on function public.link_properties to authenticated, service_role;
comment on function public.link_properties is
    'Links a property with its parts, such as a house with its rooms: a night of the house takes the night of every room, and a night of a room that of the house. 409 with a list when stays or blocks clash.';

create function public.unlink_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.unlink_property(p_property_id)
$$;
grant execute on function public.unlink_property to authenticated, service_role;
comment on function public.unlink_property is
    'Ends all links of a property. What was booked before keeps its nights at the others until it is cancelled or moved.';
