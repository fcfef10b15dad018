-- Purpose: which unit of a property a stay gets, and which other stays move for it.
-- Touches: private.unit_plan, unit_rows, unit_nights, arrange_units, plan_units, units_are_taken, unit_conflicts, allot_units.
-- Watch: plan_units decides for search, bookability and booking alike. A stay always has its units, so that the exclusion constraint of
-- occupancies proves that no more are sold than there are; until it begins or is pinned, another stay may move it.

create type private.unit_plan as (code text, space_ids uuid[], moved bigint[], moved_to uuid[]);
comment on type private.unit_plan is
    'Units for a stay, and the occupancies that move for it with their new units. code says why there is none: taken, or unit_pinned.';

create function private.unit_rows(
    p_property_id uuid, p_space_ids uuid[], p_from date, p_until date, p_today date, p_ignore uuid, p_at timestamptz
) returns table (id bigint, space_id uuid, kind public.occupancy_kind, check_in date, check_out date, slots int4multirange, is_movable boolean)
language plpgsql stable rows 50
set search_path = ''
as $$
begin
    return query
        select
            o.id, o.space_id, o.kind, o.check_in, o.check_out,
            private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after),
            o.kind in ('booking', 'own_booking') and o.property_id = p_property_id and not o.is_pinned and o.check_in > p_today
            -- an overbooked stay waits for the host's decision
            and not exists (
                select
                from public.occupancies e
                where
                    e.kind = 'external_block' and e.space_id = o.space_id and e.check_out > o.check_in - 3 and e.check_in < o.check_out + 3
                    and private.footprint(e.kind, e.check_in, e.check_out, e.preparation_before, e.preparation_after)
                    && private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after)
            )
        from public.occupancies o
        where
            -- no property keeps more than two nights
            o.space_id = any (p_space_ids) and o.check_out > p_from - 3 and o.check_in < p_until + 3
            and (o.expires_at is null or o.expires_at > p_at)
            and (p_ignore is null or coalesce(o.booking_id, o.own_booking_id, o.host_block_id, o.external_block_id) <> p_ignore);
end
$$;
comment on function private.unit_rows is
    'What takes units around [p_from, p_until), except p_ignore (a booking or block) and holds that have expired by p_at. is_movable: a stay that has not begun by p_today, is not pinned and not overbooked.';

create function private.unit_nights(p_property public.properties, p_from date, p_until date, p_ignore uuid, p_at timestamptz)
returns table (night date, free_units integer, units_left integer)
language plpgsql stable rows 60
set search_path = ''
as $$
declare
    v_spaces constant uuid[] := array(select s.space_id from public.property_spaces s where s.property_id = p_property.id);
begin
    return query
        with taken as materialized (
            select r.space_id, r.kind, r.check_in, r.check_out, r.slots
            from private.unit_rows(p_property.id, v_spaces, p_from, p_until, p_until, p_ignore, p_at) r
        ),
        busy as (
            select t.space_id, range_agg(s.slots) as slots
            from taken t
            cross join lateral unnest(t.slots) as s (slots)
            group by t.space_id
        ),
        counts as materialized (
            select g.slot, count(*)::integer as units
            from busy b
            cross join lateral unnest(b.slots * int4multirange(int4range(
                5 * (p_from - date '2000-01-01') - 5, 5 * (p_until - date '2000-01-01') + 5
            ))) as s (slots)
            cross join lateral generate_series(lower(s.slots), upper(s.slots) - 1) as g (slot)
            group by g.slot
        ),
        nights as (
            select p_from + g.n as night, 5 * (p_from + g.n - date '2000-01-01') as first_slot
            from generate_series(0, p_until - p_from - 1) as g (n)
        ),
        -- the slots of a stay of one night; those of a longer stay are the slots of its nights together
        slots as (
            select g.slot - v.first_slot as slot
            from (select 5 * (p_from - date '2000-01-01') as first_slot) v
            cross join lateral unnest(private.footprint(
                'booking', p_from, p_from + 1, p_property.preparation_nights_before, p_property.preparation_nights_after
            )) as r (slots)
            cross join lateral generate_series(lower(r.slots), upper(r.slots) - 1) as g (slot)
        ),
        free as (
            select n.night, cardinality(v_spaces) - coalesce(max(c.units), 0) as units
            from nights n
            cross join slots s
            left join counts c on c.slot = n.first_slot + s.slot
            group by n.night
        ),
        limits as (
            select g.night::date as night, r.units_to_sell
            from public.property_availability_rules r
            cross join lateral generate_series(greatest(r.starts_on, p_from), least(r.ends_on, p_until) - 1, interval '1 day') as g (night)
            where r.property_id = p_property.id and r.kind = 'units_to_sell' and r.starts_on < p_until and r.ends_on > p_from
        )
        select f.night, f.units, greatest(0, least(f.units, l.units_to_sell - (
            select count(distinct t.space_id)::integer
            from taken t
            where l.night is not null and t.kind <> 'host_block' and t.check_in <= f.night and t.check_out > f.night
        )))
        from free f
        left join limits l on l.night = f.night
        order by f.night;
end
$$;
comment on function private.unit_nights is
    'For each night how many units are free, also for the preparation nights of a stay of that night, and how many of these may be sold. A stay needs its number of units in each of its nights.';

create function private.arrange_units(
    p_property public.properties, p_space_ids uuid[], p_wish int4multirange, p_check_in date, p_check_out date, p_units integer,
    p_wanted uuid[], p_today date, p_ignore uuid, p_at timestamptz
) returns private.unit_plan
language plpgsql stable
set search_path = ''
as $$
declare
    v_plan private.unit_plan;
    v_window daterange;
    -- of each unit what cannot move, and then also what was arranged
    v_busy int4multirange[];
    -- the stays to arrange, by check-in; ids below 0 are the wish
    v_ids bigint[];
    v_slots int4multirange[];
    v_ends integer[];
    v_was integer[];
    v_count integer;
    v_has_fixed boolean;
    v_at integer[];
    v_tried bigint[];
    v_k integer := 1;
    v_best integer;
    v_best_gap bigint;
    v_gap bigint;
    v_steps integer := 0;
begin
    -- only stays that hang together with the wish through others that can move
    select r into v_window
    from unnest((
        select range_agg(daterange(m.check_in - 2, m.check_out + 2)) + datemultirange(daterange(p_check_in - 2, p_check_out + 2))
        from private.unit_rows(p_property.id, p_space_ids, p_today, '2100-01-01', p_today, p_ignore, p_at) m
        where m.is_movable
    )) r
    where r @> p_check_in;
    v_window := coalesce(v_window, daterange(p_check_in - 2, p_check_out + 2));
    with taken as materialized (
        select r.*, r.is_movable and r.check_in >= lower(v_window) and r.check_out <= upper(v_window) as is_arranged
        from private.unit_rows(p_property.id, p_space_ids, lower(v_window), upper(v_window), p_today, p_ignore, p_at) r
    ),
    fixed as (
        select t.space_id, range_agg(s.slots) as slots
        from taken t
        cross join lateral unnest(t.slots) as s (slots)
        where not t.is_arranged
        group by t.space_id
    ),
    stays as (
        select t.id, t.check_in, t.check_out, t.slots, t.space_id from taken t where t.is_arranged
        union all
        select -g.n, p_check_in, p_check_out, p_wish, p_wanted[g.n] from generate_series(1, p_units) as g (n)
    )
    select
        (
            select array_agg(coalesce(f.slots, '{}') order by u.number)
            from unnest(p_space_ids) with ordinality as u (space_id, number)
            left join fixed f on f.space_id = u.space_id
        ),
        exists (select from fixed) or p_wanted <> '{}',
        array_agg(s.id order by s.check_in, s.check_out desc, s.id),
        array_agg(s.slots order by s.check_in, s.check_out desc, s.id),
        array_agg(5 * (s.check_out - date '2000-01-01') - 2 order by s.check_in, s.check_out desc, s.id),
        array_agg(array_position(p_space_ids, s.space_id) order by s.check_in, s.check_out desc, s.id)
    into v_busy, v_has_fixed, v_ids, v_slots, v_ends, v_was
    from stays s;
    v_count := cardinality(v_ids);
    v_at := array_fill(0, array[v_count]);
    v_tried := array_fill(0::bigint, array[v_count]);
    while v_k between 1 and v_count loop
        v_steps := v_steps + 1;
        exit when v_steps > 3000;
        v_best := 0;
        for v_unit in 1..cardinality(p_space_ids) loop
            continue when v_tried[v_k] & (1::bigint << v_unit) <> 0 or v_busy[v_unit] && v_slots[v_k]
                or v_ids[v_k] < 0 and v_was[v_k] <> v_unit;
            -- to where something fixed comes soonest, so that the other units stay open; its own unit, if that does as well
            v_gap := coalesce(lower(v_busy[v_unit] * int4multirange(int4range(v_ends[v_k], null))), 2000000000);
            if v_best = 0 or v_gap < v_best_gap or (v_gap = v_best_gap and v_was[v_k] = v_unit) then
                v_best := v_unit;
                v_best_gap := v_gap;
            end if;
        end loop;
        if v_best > 0 then
            v_tried[v_k] := v_tried[v_k] | (1::bigint << v_best);
            v_at[v_k] := v_best;
            v_busy[v_best] := v_busy[v_best] + v_slots[v_k];
            v_k := v_k + 1;
        else
            -- without anything fixed, the first failure is final
            exit when not v_has_fixed;
            v_tried[v_k] := 0;
            v_k := v_k - 1;
            if v_k >= 1 then
                v_busy[v_at[v_k]] := v_busy[v_at[v_k]] - v_slots[v_k];
                v_at[v_k] := 0;
            end if;
        end if;
    end loop;
    if v_k <= v_count then
        v_plan.code := 'unit_pinned';
        return v_plan;
    end if;
    v_plan.space_ids := array(select p_space_ids[v_at[i]] from generate_series(1, v_count) i where v_ids[i] < 0 order by v_ids[i] desc);
    v_plan.moved := array(select v_ids[i] from generate_series(1, v_count) i where v_ids[i] > 0 and v_at[i] <> v_was[i]);
    v_plan.moved_to := array(select p_space_ids[v_at[i]] from generate_series(1, v_count) i where v_ids[i] > 0 and v_at[i] <> v_was[i]);
    return v_plan;
end
$$;
comment on function private.arrange_units is
    'Part of plan_units: finds units for the wish and all stays that may have to move for it, in the order of their check-in, and goes back where one finds no unit. After 3,000 steps it gives up.';

create function private.plan_units(
    p_property public.properties, p_kind public.occupancy_kind, p_check_in date, p_check_out date, p_units integer, p_wanted uuid[],
    p_ignore uuid, p_at timestamptz
) returns private.unit_plan
language plpgsql stable
set search_path = ''
as $$
declare
    v_today constant date := (p_at at time zone coalesce(p_property.time_zone, 'UTC'))::date;
    v_spaces constant uuid[] := array(select s.space_id from public.property_spaces s where s.property_id = p_property.id order by 1);
    v_wish constant int4multirange := private.footprint(
        p_kind, p_check_in, p_check_out, p_property.preparation_nights_before, p_property.preparation_nights_after
    );
    v_plan private.unit_plan;
    -- the units that p_ignore has, and those it must have
    v_own uuid[];
    v_wanted uuid[];
    v_try record;
    v_id bigint;
    v_to uuid;
begin
    select
        coalesce(array_agg(o.space_id), '{}'),
        (coalesce(p_wanted, array_agg(o.space_id) filter (where o.is_pinned or o.check_in <= v_today), '{}'))[:p_units]
    into v_own, v_wanted
    from public.occupancies o
    where
        (o.booking_id = p_ignore or o.own_booking_id = p_ignore or o.host_block_id = p_ignore or o.external_block_id = p_ignore)
        and o.space_id = any (v_spaces);
    if cardinality(v_spaces) < p_units or p_kind = 'booking' and exists (
        select
        from public.property_availability_rules r
        where r.property_id = p_property.id and r.kind = 'units_to_sell' and r.starts_on < p_check_out and r.ends_on > p_check_in
    ) and exists (
        select from private.unit_nights(p_property, p_check_in, p_check_out, p_ignore, p_at) n where n.units_left < p_units
    ) then
        v_plan.code := 'taken';
        return v_plan;
    end if;

    -- units that are free as they are: wanted ones, the stay's own, then where the shortest gap remains
    v_plan.space_ids := array(
        select f.space_id
        from unnest(v_spaces) as f (space_id)
        where not exists (
            select
            from public.occupancies o
            where
                o.space_id = f.space_id and o.check_out > p_check_in - 3 and o.check_in < p_check_out + 3
                and (o.expires_at is null or o.expires_at > p_at)
                and (p_ignore is null or coalesce(o.booking_id, o.own_booking_id, o.host_block_id, o.external_block_id) <> p_ignore)
                and private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after) && v_wish
        )
        order by
            f.space_id = any (v_wanted) desc, f.space_id = any (v_own) desc,
            (select max(o.check_out) from public.occupancies o where o.space_id = f.space_id and o.check_out <= p_check_in) desc nulls last,
            f.space_id
        limit p_units
    );
    if cardinality(v_plan.space_ids) = p_units and v_wanted <@ v_plan.space_ids then
        return v_plan;
    end if;
    v_plan.space_ids := null;
    -- moving stays changes nothing about a slot that too many units are busy in
    if p_kind <> 'host_block' and exists (
        select from private.unit_nights(p_property, p_check_in, p_check_out, p_ignore, p_at) n where n.free_units < p_units
    ) then
        v_plan.code := 'taken';
        return v_plan;
    end if;

    -- the unit where the fewest have to give way, if each of them fits elsewhere as it is
    if p_units = 1 then
        for v_try in
            select r.space_id, array_agg(r.id order by r.check_in) as ids
            from private.unit_rows(p_property.id, v_spaces, p_check_in, p_check_out, v_today, p_ignore, p_at) r
            where r.slots && v_wish and (v_wanted = '{}' or r.space_id = any (v_wanted))
            group by r.space_id
            having bool_and(r.is_movable)
            order by count(*), r.space_id
        loop
            v_plan.moved := '{}';
            v_plan.moved_to := '{}';
            foreach v_id in array v_try.ids loop
                v_to := private.unit_for_moved_stay(v_id, v_try.space_id, v_spaces, v_plan, p_ignore, p_at);
                exit when v_to is null;
                v_plan.moved := v_plan.moved || v_id;
                v_plan.moved_to := v_plan.moved_to || v_to;
            end loop;
            if cardinality(v_plan.moved) = cardinality(v_try.ids) then
                v_plan.space_ids := array[v_try.space_id];
                return v_plan;
            end if;
        end loop;
    end if;
    return private.arrange_units(
        p_property, v_spaces, v_wish, p_check_in, p_check_out, p_units, v_wanted, v_today, p_ignore, p_at
    );
end
$$;
comment on function private.plan_units is
    'The units that a stay or block would get now, which other stays move for it, or why it gets none. p_wanted: units that it must have; null for those in which p_ignore, a booking or block, is pinned or has begun.';

create function private.unit_for_moved_stay(
    p_id bigint, p_left uuid, p_space_ids uuid[], p_plan private.unit_plan, p_ignore uuid, p_at timestamptz
) returns uuid
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select u.space_id
        from (
            select o.*, private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after) as slots
            from public.occupancies o
            where o.id = p_id
        ) m
        cross join unnest(p_space_ids) as u (space_id)
        where
            u.space_id <> p_left
            and not exists (
                select
                from public.occupancies o
                where
                    o.space_id = u.space_id and o.check_out > m.check_in - 3 and o.check_in < m.check_out + 3
                    and (o.expires_at is null or o.expires_at > p_at)
                    and (p_ignore is null or coalesce(o.booking_id, o.own_booking_id, o.host_block_id, o.external_block_id) <> p_ignore)
                    and private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after) && m.slots
            )
            and not exists (
                select
                from unnest(p_plan.moved, p_plan.moved_to) as p (id, space_id)
                join public.occupancies o on o.id = p.id
                where
                    p.space_id = u.space_id
                    and private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after) && m.slots
            )
        order by
            (select max(o.check_out) from public.occupancies o where o.space_id = u.space_id and o.check_out <= m.check_in) desc nulls last,
            u.space_id
        limit 1
    );
end
$$;
comment on function private.unit_for_moved_stay is
    'Part of plan_units: another unit that is free for a stay as it is and not taken by those that move already; null when there is none.';

create function private.units_are_taken(
    p_property_id uuid, p_check_in date, p_check_out date, p_units integer, p_ignore_booking uuid, p_at timestamptz
) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select (private.plan_units(p, 'booking', p_check_in, p_check_out, p_units, null, p_ignore_booking, p_at)).code is not null
        from public.properties p
        where p.id = p_property_id and p.unit_count >= p_units
    );
end
$$;
comment on function private.units_are_taken is 'Whether a property with units has too few left for a stay; null when it never has as many.';

create function private.unit_conflicts(
    p_property public.properties, p_check_in date, p_check_out date, p_units integer, p_ignore_booking uuid, p_at timestamptz
) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_full datemultirange;
begin
    select range_agg(daterange(n.night, n.night + 1)) into v_full
    from private.unit_nights(p_property, p_check_in, p_check_out, p_ignore_booking, p_at) n
    where n.units_left < p_units;
    if v_full is null then
        return jsonb_build_array(private.problem('unit_pinned'));
    end if;
    return jsonb_build_array(private.problem('occupied', jsonb_build_object('nights', (
        select jsonb_agg(jsonb_build_object('from', lower(n.nights), 'until', upper(n.nights)) order by n.nights)
        from unnest(v_full) as n (nights)
    ))));
end
$$;
comment on function private.unit_conflicts is
    'Why a property with units has none for a stay: occupied with the nights that have too few left, else unit_pinned.';

create function private.allot_units(
    p_property public.properties, p_kind public.occupancy_kind, p_id uuid, p_check_in date, p_check_out date, p_units integer,
    p_wanted uuid[], p_expires_at timestamptz
) returns text
language plpgsql
set search_path = ''
as $$
declare
    v_plan private.unit_plan := private.plan_units(p_property, p_kind, p_check_in, p_check_out, p_units, p_wanted, p_id, clock_timestamp());
    v_moved public.occupancies[];
    v_pinned uuid[];
begin
    if v_plan.code is not null then
        if p_kind <> 'external_block' then
            return v_plan.code;
        end if;
        -- it was sold there: over as few paid stays as possible, where it is already if that does as well
        v_plan.space_ids := array(
            select s.space_id
            from public.property_spaces s
            where s.property_id = p_property.id and (p_wanted = '{}' or s.space_id = p_wanted[1])
            order by (
                select count(*) from public.occupancies o
                where
                    o.space_id = s.space_id and o.check_out > p_check_in and o.check_in < p_check_out and o.expires_at is null
                    and o.external_block_id is distinct from p_id
            ), exists (select from public.occupancies o where o.external_block_id = p_id and o.space_id = s.space_id) desc, s.space_id
            limit 1
        );
    end if;
    if p_kind = 'external_block' and exists (
        select from public.occupancies o where o.external_block_id = p_id and array[o.space_id] = v_plan.space_ids
    ) then
        -- updated, so that its overbookings stay the same cases
        update public.occupancies o set check_in = p_check_in, check_out = p_check_out where o.external_block_id = p_id;
        return null;
    end if;
    with gone as (
        delete from public.occupancies o
        where o.booking_id = p_id or o.own_booking_id = p_id or o.host_block_id = p_id or o.external_block_id = p_id
        returning o.space_id, o.is_pinned
    )
    select array_agg(g.space_id) filter (where g.is_pinned) into v_pinned from gone g;
    if cardinality(v_plan.moved) > 0 then
        -- written again, because the constraint would compare two stays that swap units
        v_moved := array(select o from public.occupancies o where o.id = any (v_plan.moved));
        delete from public.occupancies o where o.id = any (v_plan.moved);
        insert into public.occupancies (
            property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, expires_at, booking_id, own_booking_id,
            created_at
        )
        select
            o.property_id, m.space_id, o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after, o.expires_at, o.booking_id,
            o.own_booking_id, o.created_at
        from unnest(v_moved) o
        join unnest(v_plan.moved, v_plan.moved_to) as m (id, space_id) on m.id = o.id;
    end if;
    insert into public.occupancies (
        property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, expires_at, is_pinned, booking_id,
        own_booking_id, host_block_id, external_block_id
    )
    select
        p_property.id, u.space_id, p_kind, p_check_in, p_check_out,
        case when p_kind = 'host_block' then 0 else p_property.preparation_nights_before end,
        case when p_kind = 'host_block' then 0 else p_property.preparation_nights_after end,
        p_expires_at, coalesce(u.space_id = any (v_pinned), false), case p_kind when 'booking' then p_id end,
        case p_kind when 'own_booking' then p_id end, case p_kind when 'host_block' then p_id end,
        case p_kind when 'external_block' then p_id end
    from unnest(v_plan.space_ids) as u (space_id);
    return null;
end
$$;
comment on function private.allot_units is
    'Gives a booking or block its units for these nights instead of those it has, and moves other stays as planned; or returns why it cannot. A stay on another platform then comes over others. The property is locked.';
