-- Purpose: which nights of a property are taken. Bookings, own bookings and host blocks share one exclusion constraint, and come over no
-- external block; external blocks may lie over anything, because they were sold elsewhere.
-- Touches: public.occupancies, private.kept_nights, private.footprint, functions that reserve, move and release nights.
-- Watch: every writer locks the property first (a trigger does it), then a booking; so writers wait in line and never deadlock.
-- A stay or block has a row for each space of its property, and ends when its rows are deleted. Between properties that share spaces
-- the lock of their calendar comes after that of the property.

insert into private.errors (code, status, message, hint) values
    ('occupied', 409, 'Some of these nights are taken.', 'Choose other dates; property_calendar shows which days are free.'),
    ('preparation_before', 409, 'The host keeps {needed_nights} night(s) free between stays; the stay before leaves {free_nights}.', 'Choose a later check-in; property_calendar shows which days are free.'),
    ('preparation_after', 409, 'The host keeps {needed_nights} night(s) free between stays; the stay after leaves {free_nights}.', 'Choose an earlier check-out; property_calendar shows which days are free.'),
    ('occupancy_is_fixed', 409, 'The property, space and kind of an occupancy never change.', 'Delete it and create another one.'),
    ('space_of_another_property', 409, 'The property does not take this space.', 'Use link_properties, then try again.'),
    ('nights_released', 409, 'This booking has no nights any more.', 'Book again.');

-- The rule about clashing nights exists in three forms. kept_nights is the rule; the calendar and the reasons for a refusal use it.
-- broken_rules repeats it in its query, where a function would cost too much. The exclusion constraint cannot compare two stays by
-- it, so footprint expresses it as slots. 04000-occupancies.sql compares all three for every pair of stays and preparation nights.
--
-- Two stays clash when they share a slot. Every day has five, and a stay takes these:
--
--     5d      arrives on d; leaves on d and keeps 1 night or more after
--     5d + 1  leaves on d; arrives on d and keeps 1 night or more before
--     5d + 2  leaves on d; arrives on d + 1 and keeps 2 nights before
--     5d + 3  stays the night of d
--     5d + 4  arrives on d + 1; leaves on d and keeps 2 nights after
--
-- Slots between the first and the last night may all be taken, so a stay needs few ranges. A host's block takes its nights only.
create function private.footprint(
    p_kind public.occupancy_kind, p_check_in date, p_check_out date, p_before smallint, p_after smallint
) returns int4multirange
language plpgsql immutable parallel safe
set search_path = ''
as $$
declare
    v_in integer := 5 * (p_check_in - date '2000-01-01');
    v_out integer := 5 * (p_check_out - date '2000-01-01');
begin
    if p_kind = 'host_block' then
        return int4multirange(
            int4range(v_in + 3, v_in + 4),
            int4range(v_in + 5, greatest(v_in + 5, v_out - 3)),
            int4range(v_out - 2, v_out - 1)
        );
    end if;
    return int4multirange(
        int4range(case when p_before = 2 then v_in - 3 else v_in - 2 end, v_in - 2),
        int4range(v_in - 1, v_in + 1),
        int4range(
            case when p_before > 0 then v_in - 1 else v_in + 3 end,
            case when p_after > 0 then v_out + 3 else v_out - 1 end
        ),
        int4range(v_out + 1, v_out + 3),
        int4range(v_out + 4, case when p_after = 2 then v_out + 5 else v_out + 4 end)
    );
end
$$;
comment on function private.footprint is
    'The slots that an occupancy takes: two occupancies clash when they share one. The rule of kept_nights, for the exclusion constraint.';

create table public.occupancies (
    id bigint generated always as identity constraint occupancies_pkey primary key,
    property_id uuid not null constraint occupancies_property_fkey references public.properties (id) on delete cascade,
    space_id uuid not null constraint occupancies_space_fkey references private.spaces (id) on delete cascade,
    kind public.occupancy_kind not null,
    check_in date not null,
    check_out date not null,
    preparation_before smallint not null default 0
        constraint occupancies_preparation_before_range check (preparation_before between 0 and 2),
    preparation_after smallint not null default 0
        constraint occupancies_preparation_after_range check (preparation_after between 0 and 2),
    expires_at timestamptz,
    is_pinned boolean not null default false,
    booking_id uuid,
    own_booking_id uuid,
    created_at timestamptz not null default now(),
    host_block_id uuid constraint occupancies_host_block_fkey references public.host_blocks (id) on delete cascade,
    external_block_id uuid constraint occupancies_external_block_fkey references public.external_blocks (id) on delete cascade,
    constraint occupancies_dates_are_in_order
        check (check_in >= '2000-01-01' and check_out > check_in and check_out <= '2100-01-01'),
    constraint occupancies_booking_is_named check ((kind = 'booking') = (booking_id is not null)),
    constraint occupancies_host_block_is_named check ((kind = 'host_block') = (host_block_id is not null)),
    constraint occupancies_external_block_is_named check ((kind = 'external_block') = (external_block_id is not null)),
    constraint occupancies_own_booking_is_named check ((kind = 'own_booking') = (own_booking_id is not null)),
    constraint occupancies_only_bookings_expire check (expires_at is null or kind = 'booking'),
    constraint occupancies_blocks_need_no_preparation
        check (kind <> 'host_block' or (preparation_before = 0 and preparation_after = 0)),
    constraint occupancies_do_not_overlap exclude using gist (
        space_id with =,
        private.footprint(kind, check_in, check_out, preparation_before, preparation_after) with &&
    ) where (kind <> 'external_block')
);
comment on table public.occupancies is
    'Which nights are taken, with a row for each space that the property takes, or for each unit of the booking. Only the database writes it; other people see availability through property_calendar, bookability and search_properties.';
comment on column public.occupancies.property_id is 'The property that was booked or blocked.';
comment on column public.occupancies.space_id is 'The property''s own space, whose id is the property''s, or that of a linked property; of a property with units, the unit.';
comment on column public.occupancies.is_pinned is 'Whether the stay keeps its unit, whatever other stays need.';
comment on column public.occupancies.kind is 'What takes the nights.';
comment on column public.occupancies.check_in is 'First night.';
comment on column public.occupancies.check_out is 'The day after the last night; another guest may arrive on it.';
comment on column public.occupancies.preparation_before is 'Nights kept free before it: the property''s setting when the row was written.';
comment on column public.occupancies.preparation_after is 'Nights kept free after it: the property''s setting when the row was written.';
comment on column public.occupancies.own_booking_id is 'The row of own_bookings.';
comment on column public.occupancies.expires_at is
    'When a hold or request ends: from then on the nights are free, even while the row exists. Null when it has no end.';

-- Covers all that bookability reads, so that it needs no look at the table.
create index occupancies_space_id_idx on public.occupancies (space_id, check_out, check_in)
    include (kind, preparation_before, preparation_after, expires_at, booking_id);
create index occupancies_property_id_idx on public.occupancies (property_id);
create unique index occupancies_booking_id_idx on public.occupancies (booking_id, space_id) where booking_id is not null;
create index occupancies_external_nights_idx on public.occupancies (space_id, check_out) where kind = 'external_block';
create index occupancies_expires_at_idx on public.occupancies (expires_at) where expires_at is not null;
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.occupancies alter column property_id set (n_distinct = -0.05);
alter table public.occupancies alter column space_id set (n_distinct = -0.05);

create index occupancies_host_block_id_idx on public.occupancies (host_block_id) where host_block_id is not null;
create index occupancies_own_booking_id_idx on public.occupancies (own_booking_id) where own_booking_id is not null;
create index occupancies_external_block_id_idx on public.occupancies (external_block_id) where external_block_id is not null;

-- Index-only scans need a recent vacuum.
alter table public.occupancies set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05);

alter table public.occupancies enable row level security;

grant select on public.occupancies to authenticated, service_role;

create policy "Hosts and co-hosts can read occupancies" on public.occupancies for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.occupancies for select to operator using (true);

create function private.wait_to_retry(p_attempt integer) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_attempt >= 4 then
        perform private.raise_error('server_busy');
    end if;
    perform pg_sleep(0.02 * p_attempt * (1 + random()));
end
$$;
comment on function private.wait_to_retry is
    'After a deadlock, a serialization failure or a lock timeout: waits a moment, or gives up with 503 after the fourth attempt.';

create function private.lock_property(p_property_id uuid) returns public.properties
language plpgsql
set search_path = ''
as $$
declare
    v_property public.properties;
    v_last constant text := coalesce(current_setting('staybase.locked_property', true), '');
    v_set text;
begin
    if v_last = p_property_id::text then
        -- locked already, and a look costs less than half of another lock
        select p.* into v_property from public.properties p where p.id = p_property_id;
        if v_property.calendar_id is not null then
            perform from private.calendars c where c.id = v_property.calendar_id for no key update;
        end if;
        return v_property;
    end if;
    v_set := set_config('staybase.locked_property', p_property_id::text, true);
    if v_last = '' then
        select p.* into v_property from public.properties p where p.id = p_property_id for no key update;
        if v_property.calendar_id is not null then
            perform from private.calendars c where c.id = v_property.calendar_id for no key update;
        end if;
        return v_property;
    end if;
    -- a transaction that holds another property's lock does not wait for long
    for v_attempt in 1..4 loop
        begin
            select p.* into v_property from public.properties p where p.id = p_property_id for no key update nowait;
            if v_property.calendar_id is not null then
                perform from private.calendars c where c.id = v_property.calendar_id for no key update nowait;
            end if;
            return v_property;
        exception when lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
comment on function private.lock_property is
    'Locks a property and the calendar of those linked to it, and returns it; null when there is none. A transaction that has locked another property gives up with 503 after a moment, so that two never wait for each other.';

create function private.prepare_occupancy() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property record;
begin
    if tg_op = 'DELETE' then
        -- those who need the nights of an expired hold may have locked a linked property; who releases nights has locked this one
        if
            (old.expires_at <= clock_timestamp()) is not true
            and current_setting('staybase.locked_property', true) is distinct from old.property_id::text
        then
            perform private.lock_property(old.property_id);
        end if;
        return old;
    end if;
    if tg_op = 'UPDATE' and (new.property_id, new.space_id, new.kind) is distinct from (old.property_id, old.space_id, old.kind) then
        perform private.raise_error('occupancy_is_fixed');
    end if;

    if current_setting('staybase.locked_property', true) is distinct from new.property_id::text then
        perform private.lock_property(new.property_id);
    end if;
    if tg_op = 'UPDATE' and (new.check_in, new.check_out) = (old.check_in, old.check_out) then
        new.preparation_before := old.preparation_before;
        new.preparation_after := old.preparation_after;
        return new;
    end if;
    select p.id, p.unit_count, p.preparation_nights_before, p.preparation_nights_after into v_property
    from public.properties p
    where p.id = new.property_id;
    new.space_id := coalesce(new.space_id, new.property_id);
    if tg_op = 'INSERT' and new.space_id <> new.property_id then
        -- its preparation nights are those of the row in the own space
        if not exists (select from public.property_spaces s where (s.property_id, s.space_id) = (new.property_id, new.space_id)) then
            perform private.raise_error('space_of_another_property');
        end if;
    elsif v_property.id is not null and new.kind <> 'host_block' and (tg_op = 'UPDATE' or v_property.unit_count = 1) then
        new.preparation_before := v_property.preparation_nights_before;
        new.preparation_after := v_property.preparation_nights_after;
    end if;

    -- expired holds are deleted from all their spaces; the clock is read after the wait for the lock
    delete from public.occupancies o
    where o.booking_id = any (array(
        select e.booking_id
        from public.occupancies e
        where
            e.space_id = new.space_id
            and e.check_out > new.check_in - 2
            and e.check_in < new.check_out + 2
            and e.expires_at <= clock_timestamp()
            and e.id <> new.id
    ));

    -- the constraint cannot say who comes second, so it leaves out external blocks; the lock makes this as safe
    if new.kind <> 'external_block' and exists (
        select
        from public.occupancies o
        where
            o.kind = 'external_block' and o.space_id = new.space_id
            and o.check_out > new.check_in - 2 and o.check_in < new.check_out + 2
            and private.footprint(o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after)
            && private.footprint(new.kind, new.check_in, new.check_out, new.preparation_before, new.preparation_after)
    ) then
        raise exclusion_violation using
            message = 'These nights were sold on another platform.', schema = 'public', table = 'occupancies', constraint = 'occupancies_do_not_overlap';
    end if;
    return new;
end
$$;
comment on function private.prepare_occupancy is
    'Trigger: locks the property, copies its preparation nights to a row with new dates, deletes expired holds on these nights, and refuses a booking or a host''s block over an external block. Definer, because no API role may write occupancies.';

create trigger prepare_occupancy before insert or update or delete on public.occupancies
    for each row execute function private.prepare_occupancy();

create function private.kept_nights(
    p_property_id uuid, p_from date, p_until date, p_before smallint, p_after smallint, p_ignore_booking uuid, p_at timestamptz
) returns table (
    property_id uuid, check_in date, check_out date, preparation_before smallint, preparation_after smallint, nights daterange
)
language plpgsql stable rows 50
set search_path = ''
as $$
declare
    v_spaces constant uuid[] := array(select s.space_id from public.property_spaces s where s.property_id = p_property_id);
begin
    return query
        select
            o.property_id, o.check_in, o.check_out, o.preparation_before, o.preparation_after,
            daterange(
                o.check_in - case when o.kind = 'host_block' then 0 else greatest(o.preparation_before, p_after) end,
                o.check_out + case when o.kind = 'host_block' then 0 else greatest(o.preparation_after, p_before) end
            )
        from public.occupancies o
        where
            -- no property keeps more than two nights
            o.space_id = any (v_spaces) and o.check_out > p_from - 3 and o.check_in < p_until + 3
            and (o.expires_at is null or o.expires_at > p_at)
            and (p_ignore_booking is null or o.booking_id is distinct from p_ignore_booking);
end
$$;
comment on function private.kept_nights is
    'The nights of a property around [p_from, p_until) that occupancies of its spaces keep from a stay with p_before and p_after preparation nights: their own, and between two stays the larger number of preparation nights. A host''s block keeps only its own; holds that have expired by p_at keep none.';

create function private.occupancy_conflicts(
    p_property_id uuid, p_check_in date, p_check_out date, p_before smallint, p_after smallint,
    p_ignore_booking uuid default null, p_at timestamptz default now()
) returns jsonb
language sql stable
set search_path = ''
as $$
    with clashes as (
        select
            o.property_id, o.check_in, o.check_out,
            case
                when o.check_in < p_check_out and o.check_out > p_check_in then 'occupied'
                when o.check_out <= p_check_in then 'preparation_before'
                else 'preparation_after'
            end as code,
            case when o.check_out <= p_check_in then greatest(o.preparation_after, p_before) else greatest(o.preparation_before, p_after) end as needed,
            case when o.check_out <= p_check_in then p_check_in - o.check_out else o.check_in - p_check_out end as free
        from private.kept_nights(p_property_id, p_check_in, p_check_out, p_before, p_after, p_ignore_booking, p_at) o
        where o.nights && daterange(p_check_in, p_check_out)
    ),
    -- linked properties that are in the way, without those that the caller may not know
    others as (
        select c.code, jsonb_build_object('property_ids', jsonb_agg(distinct c.property_id)) as details
        from clashes c
        join public.properties p on p.id = c.property_id and (p.status = 'published' or p.host_id = auth.uid())
        where c.property_id <> p_property_id
        group by c.code
    )
    select coalesce(jsonb_agg(r.reason || coalesce(o.details, '{}') order by r.code), '[]')
    from (
        -- only the nights asked for: the caller may not learn where another stay begins or ends
        select 'occupied' as code, private.problem('occupied', jsonb_build_object('nights', (
            select jsonb_agg(jsonb_build_object('from', lower(t.nights), 'until', upper(t.nights)) order by t.nights)
            from (
                select unnest(range_agg(daterange(greatest(c.check_in, p_check_in), least(c.check_out, p_check_out)))) as nights
                from clashes c
                where c.code = 'occupied'
            ) t
        ))) as reason
        where exists (select from clashes c where c.code = 'occupied')
        union all
        select c.code, private.problem(c.code, jsonb_build_object('needed_nights', max(c.needed), 'free_nights', min(c.free)))
        from clashes c
        where c.code <> 'occupied'
        group by c.code
    ) r
    left join others o on o.code = r.code
$$;
comment on function private.occupancy_conflicts is
    'The conflicts of a stay that keeps p_before and p_after nights free, as problems: occupied, preparation_before, preparation_after. Each has property_ids when linked properties are in the way; holds that have expired by p_at do not count.';

create function private.reserve_units(
    p_property public.properties, p_booking_id uuid, p_check_in date, p_check_out date, p_units integer, p_expires_at timestamptz
) returns void
language plpgsql
set search_path = ''
as $$
begin
    if private.allot_units(p_property, 'booking', p_booking_id, p_check_in, p_check_out, p_units, null, p_expires_at) is not null then
        perform private.raise_errors(private.count_refused_stay(
            private.unit_conflicts(p_property, p_check_in, p_check_out, p_units, p_booking_id, clock_timestamp())
        ));
    end if;
end
$$;
comment on function private.reserve_units is
    'Gives a booking units for these nights instead of those it has; 409 with the reasons when there are too few.';

create function private.reserve_nights(
    p_booking_id uuid, p_property_id uuid, p_check_in date, p_check_out date, p_expires_at timestamptz default null, p_units integer default 1
) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property constant public.properties := private.lock_property(p_property_id);
begin
    if v_property.unit_count > 1 then
        perform private.reserve_units(v_property, p_booking_id, p_check_in, p_check_out, p_units, p_expires_at);
        return;
    end if;
    insert into public.occupancies (
        property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, expires_at, booking_id
    )
    select
        p_property_id, s.space_id, 'booking', p_check_in, p_check_out, v_property.preparation_nights_before, v_property.preparation_nights_after,
        p_expires_at, p_booking_id
    from public.property_spaces s
    where s.property_id = p_property_id;
exception when exclusion_violation then
    perform private.raise_errors(private.count_refused_stay(private.occupancy_conflicts(
        p_property_id, p_check_in, p_check_out, v_property.preparation_nights_before, v_property.preparation_nights_after, p_booking_id,
        clock_timestamp()
    )));
end
$$;
comment on function private.reserve_nights is
    'Reserves nights for a booking, until p_expires_at if it is given; 409 with the reasons when they are not free. Definer, because no API role may write occupancies.';

create function private.lock_property_of(p_booking_id uuid) returns uuid
language plpgsql
set search_path = ''
as $$
declare
    v_property uuid;
begin
    select o.property_id into v_property from public.occupancies o where o.booking_id = p_booking_id limit 1;
    -- an update would lock its row before the trigger locks the property: the wrong order
    if v_property is not null and current_setting('staybase.locked_property', true) is distinct from v_property::text then
        perform private.lock_property(v_property);
    end if;
    return v_property;
end
$$;
comment on function private.lock_property_of is
    'Locks the property whose nights a booking has reserved, and returns its id; null when it has none.';

create function private.extend_reserved_nights(p_booking_id uuid, p_expires_at timestamptz default null) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.lock_property_of(p_booking_id);
    update public.occupancies o set expires_at = p_expires_at where o.booking_id = p_booking_id;
    return found;
end
$$;
comment on function private.extend_reserved_nights is
    'Keeps the nights of a booking until p_expires_at, or without an end; false when the booking has no nights any more. Definer, because no API role may write occupancies.';

create function private.move_reserved_nights(p_booking_id uuid, p_check_in date, p_check_out date, p_units integer default null) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property uuid := private.lock_property_of(p_booking_id);
    v_expires_at timestamptz[];
begin
    if exists (select from public.properties p where p.id = v_property and p.unit_count > 1) then
        v_expires_at := array(select o.expires_at from public.occupancies o where o.booking_id = p_booking_id);
        perform private.reserve_units(
            p, p_booking_id, p_check_in, p_check_out, coalesce(p_units, cardinality(v_expires_at)), v_expires_at[1]
        )
        from public.properties p
        where p.id = v_property;
        return;
    end if;
    begin
        -- spaces that the property has left keep the old nights no longer
        delete from public.occupancies o
        where
            o.booking_id = p_booking_id
            and not exists (select from public.property_spaces s where (s.property_id, s.space_id) = (o.property_id, o.space_id));
        update public.occupancies o set check_in = p_check_in, check_out = p_check_out where o.booking_id = p_booking_id;
        if not found then
            perform private.raise_error('nights_released');
        end if;
    exception when exclusion_violation then
        perform private.raise_errors(private.count_refused_stay(private.occupancy_conflicts(
            v_property, p_check_in, p_check_out, p.preparation_nights_before, p.preparation_nights_after, p_booking_id, clock_timestamp()
        )))
        from public.properties p
        where p.id = v_property;
    end;
end
$$;
comment on function private.move_reserved_nights is
    'Moves a booking to other nights, and to another number of units, in one step; when they are not free, it answers 409 with the reasons and the booking keeps its nights. Definer, because no API role may write occupancies.';

create function private.release_nights(p_booking_id uuid) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.lock_property_of(p_booking_id);
    delete from public.occupancies o where o.booking_id = p_booking_id;
    return found;
end
$$;
comment on function private.release_nights is
    'Releases the nights of a booking; false when it has none any more. Definer, because no API role may write occupancies.';

create function private.remove_expired_occupancies() returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count integer;
begin
    -- a property that is locked waits for the next run, so that this one never waits while it holds other locks
    with idle as (
        select p.id
        from public.properties p
        where p.id in (select o.property_id from public.occupancies o where o.expires_at <= now())
        for no key update skip locked
    )
    delete from public.occupancies o using idle where o.property_id = idle.id and o.expires_at <= now();
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function private.remove_expired_occupancies is
    'Deletes holds that have expired, whose nights are free already, and returns their number. Definer, because no API role may write occupancies.';

insert into private.periodic_tasks (name, command, every) values ('remove_expired_occupancies', 'select private.remove_expired_occupancies()', '1 minute');
