-- Purpose: makes and removes the units of a property, and gives stays the unit that the host chooses.
-- Touches: private.stays_of_unit, set_units, rename_unit, assign_unit, booking_units; public.set_units, rename_unit, assign_unit,
-- booking_units.
-- Watch: the first unit of a property is its own space, so a property that gets units keeps its stays where they are. A house that
-- contains the property takes all its units.

create function private.stays_of_unit(p_unit_id uuid, p_from date, p_until date) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'unit_id', p_unit_id, 'name', coalesce((select u.name from public.units u where u.id = p_unit_id), ''), 'count', count(*),
            'stays', coalesce(jsonb_agg(jsonb_build_object(
                'kind', o.kind, 'check_in', o.check_in, 'check_out', o.check_out, 'booking_id', o.booking_id
            ) order by o.check_in) filter (where o.number <= 20), '[]')
        )
        from (
            select o.*, row_number() over (order by o.check_in, o.id) as number
            from public.occupancies o
            where
                o.space_id = p_unit_id and o.check_out >= p_from and (p_until is null or o.check_in <= p_until)
                and (o.expires_at is null or o.expires_at > clock_timestamp())
        ) o
    );
end
$$;
comment on function private.stays_of_unit is 'The unit and what takes it from p_from to p_until, as details of unit_has_stays.';

create function private.set_units(p_property_id uuid, p_names text[]) returns setof public.units
language plpgsql security definer
set search_path = ''
as $$
declare
    -- today or yesterday in every time zone
    v_from constant date := (now() at time zone 'UTC')::date - 1;
    v_linked constant uuid[] := private.lock_own_properties(array[p_property_id]);
    v_names constant text[] := case when cardinality(p_names) > 1 then p_names else '{}' end;
    v_removed uuid[];
    v_first public.units;
    v_added uuid[];
    v_calendar uuid;
    v_details jsonb;
begin
    if p_names is null or cardinality(p_names) > 20 or array_position(p_names, null) > 0
        or exists (select from unnest(p_names) n (name) where n.name !~ '\S' or n.name ~ '[\n\t]' or not private.is_plain_text(n.name, 60))
        or (select count(distinct n.name) from unnest(p_names) n (name)) <> cardinality(p_names) then
        perform private.raise_error('invalid_units_list');
    elsif exists (
        select
        from public.property_spaces s
        join private.spaces o on o.id = s.space_id and o.property_id <> s.property_id
        where s.property_id = p_property_id
    ) then
        perform private.raise_error('units_share_spaces');
    end if;

    v_removed := array(
        select u.id from public.units u where u.property_id = p_property_id and u.name <> all (v_names) and (u.id <> p_property_id or v_names = '{}')
    );
    select u.* into v_first from public.units u where u.id = p_property_id and u.name <> all (v_names);
    if v_first.id is not null and v_names <> '{}' then
        perform private.raise_error('first_unit_remains', jsonb_build_object('name', v_first.name));
    end if;
    select private.stays_of_unit(u.id, v_from, null) into v_details
    from unnest(v_removed) as u (id)
    where
        u.id <> p_property_id
        and exists (
            select from public.occupancies o
            where o.space_id = u.id and o.check_out >= v_from and (o.expires_at is null or o.expires_at > clock_timestamp())
        )
    limit 1;
    if v_details is not null then
        perform private.raise_error('unit_has_stays', v_details);
    end if;
    -- past nights of a unit that is removed remain in its space
    delete from public.property_spaces s where s.space_id = any (v_removed) and s.space_id <> p_property_id;
    delete from public.units u where u.id = any (v_removed);

    -- the first unit is the property's own space
    insert into public.units (id, property_id, name)
    select p_property_id, p_property_id, v_names[1]
    where v_names <> '{}' and not exists (select from public.units u where u.id = p_property_id);
    with added as (
        insert into public.units (property_id, name)
        select p_property_id, n.name
        from unnest(v_names) n (name)
        where not exists (select from public.units u where u.property_id = p_property_id and u.name = n.name)
        returning id
    )
    select coalesce(array_agg(a.id), '{}') into v_added from added a;
    insert into private.spaces (id, property_id) select a.id, p_property_id from unnest(v_added) as a (id);
    insert into public.property_spaces (property_id, space_id)
    select w.property_id, a.id
    from public.property_spaces w
    cross join unnest(v_added) as a (id)
    where w.space_id = p_property_id;
    if exists (
        select
        from public.property_spaces w
        join public.property_spaces s on s.property_id = w.property_id
        where w.space_id = p_property_id
        group by w.property_id
        having count(*) > 20
    ) then
        perform private.raise_error('too_many_spaces', '{"maximum": 20}');
    end if;
    perform private.copy_nights(
        array_agg(w.property_id), array_agg(a.id), v_from
    )
    from public.property_spaces w
    cross join unnest(v_added) as a (id)
    where w.space_id = p_property_id and w.property_id <> p_property_id;
    -- a block of the whole property takes its new units, too
    insert into public.occupancies (property_id, space_id, kind, check_in, check_out, host_block_id)
    select p_property_id, a.id, 'host_block', b.check_in, b.check_out, b.id
    from public.host_blocks b
    cross join unnest(v_added) as a (id)
    where b.property_id = p_property_id and b.unit_id is null and b.check_out >= v_from;

    select p.calendar_id into v_calendar from public.properties p where p.id = p_property_id;
    if v_calendar is null and v_names <> '{}' then
        insert into private.calendars default values returning id into v_calendar;
    elsif v_names = '{}' and cardinality(v_linked) = 1 and v_calendar is not null then
        update public.properties p set calendar_id = null where p.id = p_property_id;
        delete from private.calendars c where c.id = v_calendar;
        v_calendar := null;
    end if;
    if v_names = '{}' then
        delete from public.property_availability_rules r where r.property_id = p_property_id and r.kind = 'units_to_sell';
    end if;
    update public.properties p set calendar_id = v_calendar, unit_count = greatest(cardinality(v_names), 1)
    where p.id = p_property_id and (p.calendar_id, p.unit_count) is distinct from (v_calendar, greatest(cardinality(v_names), 1));
    return query select u.* from public.units u where u.property_id = p_property_id order by array_position(v_names, u.name);
end
$$;
grant execute on function private.set_units to authenticated, service_role;
comment on function private.set_units is
    'Does the work of public.set_units. Definer, because no API role may write units and spaces; lock_own_properties checks the caller.';

create function public.set_units(p_property_id uuid, p_names text[]) returns setof public.units
language sql rows 20
set search_path = ''
as $$
    select * from private.set_units(p_property_id, p_names)
$$;
grant execute on function public.set_units to authenticated, service_role;
comment on function public.set_units is
    'Makes a property one of several identical units, 2 to 20, each sold once a night, and returns them. Names that exist keep their unit, others are added, units that are not named are removed: 409 when one has stays to come. One name or none makes it a property with one unit again.';

create function private.rename_unit(p_unit_id uuid, p_name text) returns public.units
language plpgsql security definer
set search_path = ''
as $$
declare
    v_unit public.units;
begin
    if p_name is null or p_name !~ '\S' or p_name ~ '[\n\t]' or not private.is_plain_text(p_name, 60) then
        perform private.raise_error('invalid_units_list');
    end if;
    update public.units u set name = p_name
    where u.id = p_unit_id and (auth.uid() is null or u.property_id in (select private.my_properties('full')))
    returning u.* into v_unit;
    if v_unit.id is null then
        perform private.raise_error('unit_not_found');
    end if;
    return v_unit;
exception when unique_violation then
    perform private.raise_error('unit_name_taken');
end
$$;
grant execute on function private.rename_unit to authenticated, service_role;
comment on function private.rename_unit is 'Does the work of public.rename_unit. Definer, because no API role may write units.';

create function public.rename_unit(p_unit_id uuid, p_name text) returns public.units
language sql
set search_path = ''
as $$
    select private.rename_unit(p_unit_id, p_name)
$$;
grant execute on function public.rename_unit to authenticated, service_role;
comment on function public.rename_unit is 'Gives a unit another name; its stays remain. For the host and co-hosts with level full.';

create function private.assign_unit(p_booking_id uuid, p_unit_id uuid, p_pin boolean, p_from_unit_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property public.properties;
    v_own uuid[];
    v_stay public.occupancies;
    v_code text;
begin
    select p.* into v_property
    from (
        select b.property_id from private.bookings b where b.id = p_booking_id
        union all
        select b.property_id from public.own_bookings b where b.id = p_booking_id
    ) b
    cross join lateral private.lock_property(b.property_id) p
    where (auth.uid() is null or b.property_id in (select private.my_properties('calendar')));
    if v_property.id is null then
        perform private.raise_error('booking_not_found');
    elsif p_unit_id is not null and not exists (
        select from public.units u where (u.id, u.property_id) = (p_unit_id, v_property.id)
    ) then
        perform private.raise_error('unit_of_another_property');
    end if;
    v_own := array(
        select o.space_id from public.occupancies o where o.booking_id = p_booking_id or o.own_booking_id = p_booking_id order by 1
    );
    -- with one unit, it is the one to leave; with several, one that stays where it is needs no name
    p_from_unit_id := coalesce(p_from_unit_id, case when p_unit_id = any (v_own) then p_unit_id when cardinality(v_own) = 1 then v_own[1] end);
    select o.* into v_stay
    from public.occupancies o
    where (o.booking_id = p_booking_id or o.own_booking_id = p_booking_id) and o.space_id = p_from_unit_id;
    if v_stay.id is null or v_property.unit_count = 1 or v_stay.check_out <= (now() at time zone v_property.time_zone)::date then
        perform private.raise_error('booking_has_no_unit');
    end if;
    if p_unit_id is distinct from v_stay.space_id and (p_unit_id is not null or p_pin is null) then
        -- null: any other one, where no other night of this booking is
        v_code := private.allot_units(
            v_property, v_stay.kind, p_booking_id, v_stay.check_in, v_stay.check_out, cardinality(v_own),
            array_remove(v_own, p_from_unit_id) || array_remove(array[p_unit_id], null), v_stay.expires_at
        );
        if p_unit_id = any (v_own) then
            v_code := 'taken';
        end if;
        if v_code is not null then
            perform private.raise_error(
                'unit_has_stays', private.stays_of_unit(coalesce(p_unit_id, p_from_unit_id), v_stay.check_in, v_stay.check_out)
            );
        end if;
    end if;
    update public.occupancies o set is_pinned = p_pin
    where
        (o.booking_id = p_booking_id or o.own_booking_id = p_booking_id) and p_pin is not null and o.is_pinned <> p_pin
        and o.space_id = coalesce(p_unit_id, p_from_unit_id);
end
$$;
grant execute on function private.assign_unit to authenticated, service_role;
comment on function private.assign_unit is 'Does the work of public.assign_unit. Definer, because no API role may write occupancies.';

create function private.booking_units(p_booking_id uuid) returns table (unit_id uuid, name text, is_pinned boolean)
language plpgsql stable security definer rows 2
set search_path = ''
as $$
begin
    return query
        select u.id, u.name, o.is_pinned
        from (
            select b.property_id, b.guest_id, b.status in ('confirmed', 'completed') and (now() at time zone b.time_zone)::date >= b.check_in as has_begun
            from private.bookings b
            where b.id = p_booking_id
            union all
            select b.property_id, null, false from public.own_bookings b where b.id = p_booking_id
        ) b
        join public.occupancies o on o.booking_id = p_booking_id or o.own_booking_id = p_booking_id
        join public.units u on u.id = o.space_id and u.property_id = b.property_id
        where
            auth.uid() is null or (select private.is_operator()) or b.property_id in (select private.my_properties('calendar'))
            or b.has_begun and b.guest_id = auth.uid()
        order by u.name, u.id;
end
$$;
grant execute on function private.booking_units to authenticated, service_role;
comment on function private.booking_units is 'Does the work of public.booking_units. Definer, because guests cannot read occupancies and units.';

create function public.booking_units(p_booking_id uuid) returns table (unit_id uuid, name text, is_pinned boolean)
language sql stable rows 2
set search_path = ''
as $$
    select * from private.booking_units(p_booking_id)
$$;
grant execute on function public.booking_units to authenticated, service_role;
comment on function public.booking_units is
    'Returns the units of a booking or own booking: to the host, co-hosts and operators always, to the guest from the day of check-in, because until then a stay may still move. is_pinned: whether other stays cannot move it.';

create function public.assign_unit(p_booking_id uuid, p_unit_id uuid default null, p_pin boolean default null, p_from_unit_id uuid default null)
returns table (unit_id uuid, name text, is_pinned boolean)
language sql rows 2
set search_path = ''
as $$
    select private.assign_unit(p_booking_id, p_unit_id, p_pin, p_from_unit_id);
    select * from private.booking_units(p_booking_id)
$$;
grant execute on function public.assign_unit to authenticated, service_role;
comment on function public.assign_unit is
    'Moves a booking or own booking to a unit; without p_unit_id and p_pin to any free one, if another platform has sold its own. Stays that are in the way move to others if they can. p_pin true: it keeps its unit, whatever other stays need; false: it may move again. p_from_unit_id: which unit to leave, for a booking of several. 409 when the unit cannot be freed. Returns the units of the booking. For the host and co-hosts.';
