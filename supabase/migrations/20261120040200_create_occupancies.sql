-- Purpose: one place that says which nights of a property are taken. Bookings from hold to completion, host blocks and external
-- blocks meet here in one exclusion constraint, preparation nights included.
-- Touches: public.occupancies, private.footprint, functions that take, keep, move and free the nights of a booking, cron job.
-- Watch: whatever writes here locks the property first (the trigger does it for everyone), so writers on one property stand
-- in a line and never deadlock; a transaction that also locks a booking locks the property before it. To end an occupancy,
-- delete the row: a status list would have to be kept in step with the constraint. There is no other unique index that two
-- rivals could meet in, because it would answer before the constraint does.

-- Two stays conflict when the gap between them is shorter than what either wants kept free: the nights after the earlier or
-- before the later, whichever are more. They may share those nights, so widening the ranges would refuse too much. Instead
-- every day has five slots, and a stay takes those it would quarrel over:
--
--     5d      who arrives on d; who leaves on d and keeps 1 night or more after
--     5d + 1  who leaves on d; who arrives on d and keeps 1 night or more before
--     5d + 2  who leaves on d; who arrives on d + 1 and keeps 2 nights before
--     5d + 3  who stays the night of d
--     5d + 4  who arrives on d + 1; who leaves on d and keeps 2 nights after
--
-- Two who leave on one day, or arrive on one, share a night and conflict anyway; so what two stays share, they quarrel over.
-- Slots inside a stay may all be taken, which keeps it to a few ranges. A host's block takes nights and no slot that the
-- stay beside it may want.
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
    'The slots that an occupancy takes; two that share one cannot both be. Called by the exclusion constraint of occupancies.';

create table public.occupancies (
    id bigint generated always as identity constraint occupancies_pkey primary key,
    property_id uuid not null constraint occupancies_property_fkey references public.properties (id) on delete cascade,
    kind public.occupancy_kind not null,
    check_in date not null,
    check_out date not null,
    preparation_before smallint not null default 0
        constraint occupancies_preparation_before_range check (preparation_before between 0 and 2),
    preparation_after smallint not null default 0
        constraint occupancies_preparation_after_range check (preparation_after between 0 and 2),
    expires_at timestamptz,
    booking_id uuid,
    created_at timestamptz not null default now(),
    host_block_id uuid constraint occupancies_host_block_fkey references public.host_blocks (id) on delete cascade,
    external_block_id uuid constraint occupancies_external_block_fkey references public.external_blocks (id) on delete cascade,
    constraint occupancies_dates_are_in_order
        check (check_in >= '2000-01-01' and check_out > check_in and check_out <= '2100-01-01'),
    constraint occupancies_booking_is_named check ((kind = 'booking') = (booking_id is not null)),
    constraint occupancies_host_block_is_named check ((kind = 'host_block') = (host_block_id is not null)),
    constraint occupancies_external_block_is_named check ((kind = 'external_block') = (external_block_id is not null)),
    constraint occupancies_only_bookings_expire check (expires_at is null or kind = 'booking'),
    constraint occupancies_blocks_need_no_preparation
        check (kind <> 'host_block' or (preparation_before = 0 and preparation_after = 0)),
    constraint occupancies_do_not_overlap exclude using gist (
        property_id with =,
        private.footprint(kind, check_in, check_out, preparation_before, preparation_after) with &&
    )
);
comment on table public.occupancies is
    'Which nights of a property are taken. Written by the database alone; strangers see availability through property_calendar, bookability and search_properties.';
comment on column public.occupancies.kind is 'What takes the nights.';
comment on column public.occupancies.check_in is 'First night.';
comment on column public.occupancies.check_out is 'The day after the last night; somebody else may arrive on it.';
comment on column public.occupancies.preparation_before is 'Nights kept free before, as the property asked for when the row was made.';
comment on column public.occupancies.preparation_after is 'Nights kept free after, as the property asked for when the row was made.';
comment on column public.occupancies.expires_at is
    'For a hold or request: from this moment on the nights are free, whether or not the row is still there. Null: for good.';

-- All that a probe reads, so that it never looks at the table.
create index occupancies_property_id_idx on public.occupancies (property_id, check_out, check_in)
    include (kind, preparation_before, preparation_after, expires_at, booking_id);
create unique index occupancies_booking_id_idx on public.occupancies (booking_id) where booking_id is not null;
create index occupancies_expires_at_idx on public.occupancies (expires_at) where expires_at is not null;

create index occupancies_host_block_id_idx on public.occupancies (host_block_id) where host_block_id is not null;
create index occupancies_external_block_id_idx on public.occupancies (external_block_id) where external_block_id is not null;

-- The probe reads the index alone only where vacuum has been.
alter table public.occupancies set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_vacuum_scale_factor = 0.05);

alter table public.occupancies enable row level security;

grant select on public.occupancies to authenticated, service_role;

create policy "Hosts, co-hosts and operators can read occupancies" on public.occupancies for select to authenticated
    using (property_id in (select private.my_properties('calendar')) or (select private.is_operator()));

create function private.wait_to_retry(p_attempt integer) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_attempt >= 4 then
        raise sqlstate 'PT503' using
            message = 'Too much is going on here at this moment.', hint = 'Nothing was changed. Try again, with the same idempotency key.';
    end if;
    perform pg_sleep(0.02 * p_attempt * (1 + random()));
end
$$;
comment on function private.wait_to_retry is
    'After a deadlock, a serialization failure or too long a wait for a lock: waits a moment, or gives up with 503 after the fourth attempt. Called by what clients call.';

create function private.lock_property(p_property_id uuid) returns public.properties
language plpgsql
set search_path = ''
as $$
declare
    v_property public.properties;
    v_last constant text := current_setting('staybase.locked_property', true);
begin
    perform set_config('staybase.locked_property', p_property_id::text, true);
    if coalesce(v_last, '') in ('', p_property_id::text) then
        select p.* into v_property from public.properties p where p.id = p_property_id for no key update;
        return v_property;
    end if;
    -- whoever has another one already does not stand in this one's line
    for v_attempt in 1..4 loop
        begin
            select p.* into v_property from public.properties p where p.id = p_property_id for no key update nowait;
            return v_property;
        exception when lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
comment on function private.lock_property is
    'Waits for a property and returns it; null when there is none. A request that has locked another one before waits a moment only, then gives up with 503: two that wait for each other''s would stop everybody. Called before nights are changed.';

create function private.prepare_occupancy() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property public.properties;
begin
    if tg_op = 'DELETE' then
        perform private.lock_property(old.property_id);
        return old;
    end if;
    if tg_op = 'UPDATE' and (new.property_id, new.kind) is distinct from (old.property_id, old.kind) then
        raise sqlstate 'PT409' using
            message = 'An occupancy stays with its property and what it is.',
            hint = 'Delete it and make another.';
    end if;

    v_property := private.lock_property(new.property_id);
    if tg_op = 'UPDATE' and (new.check_in, new.check_out) = (old.check_in, old.check_out) then
        new.preparation_before := old.preparation_before;
        new.preparation_after := old.preparation_after;
        return new;
    end if;
    if v_property.id is not null and new.kind <> 'host_block' then
        new.preparation_before := v_property.preparation_nights_before;
        new.preparation_after := v_property.preparation_nights_after;
    end if;

    -- What has ended is out of the way, by the clock after the wait for the lock.
    delete from public.occupancies o
    where
        o.property_id = new.property_id
        and o.check_out > new.check_in - 2
        and o.check_in < new.check_out + 2
        and o.expires_at <= clock_timestamp()
        and o.id <> new.id;
    return new;
end
$$;
comment on function private.prepare_occupancy is
    'Trigger: every writer waits for the property; a new row, or one whose dates change, takes over the property''s preparation nights and clears away holds that have ended. Definer, because it writes what no role may.';

create trigger prepare_occupancy before insert or update or delete on public.occupancies
    for each row execute function private.prepare_occupancy();

create function private.refuse_occupancy(p_kind public.occupancy_kind, p_reasons jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
    raise sqlstate 'PT409' using
        message = case when p_kind = 'booking' then 'These nights are no longer free.' else 'Some of these nights are taken.' end,
        detail = p_reasons::text,
        hint = 'The details say what is in the way; property_calendar shows which days are free.';
end
$$;
grant execute on function private.refuse_occupancy to anon, authenticated, service_role;
comment on function private.refuse_occupancy is
    'Answers 409 with the reasons as JSON in the details. Called by the functions that write occupancies, and by quote.';

create function private.occupancy_conflict(
    p_kind public.occupancy_kind, p_taken_from date, p_taken_until date, p_taken_before smallint, p_taken_after smallint,
    p_check_in date, p_check_out date, p_before integer, p_after integer
) returns text
language plpgsql immutable
set search_path = ''
as $$
begin
    return case
        when p_taken_from < p_check_out and p_taken_until > p_check_in then 'occupied'
        when p_kind = 'host_block' then null
        when p_taken_until <= p_check_in then
            case when p_check_in - p_taken_until < greatest(p_taken_after, p_before) then 'preparation_before' end
        when p_taken_from - p_check_out < greatest(p_taken_before, p_after) then 'preparation_after'
    end;
end
$$;
comment on function private.occupancy_conflict is
    'How an occupancy (its kind, dates and nights kept free) is in the way of a stay that keeps p_before and p_after nights free: occupied, preparation_before, preparation_after; null when it is not. As footprint says it to the constraint. Called by occupancy_conflicts and broken_rules.';

create function private.occupancy_conflicts(
    p_property_id uuid, p_check_in date, p_check_out date, p_before integer, p_after integer,
    p_ignore_booking uuid default null, p_at timestamptz default now()
) returns jsonb
language sql stable
set search_path = ''
as $$
    with ways as (
        select
            o.check_in, o.check_out,
            private.occupancy_conflict(
                o.kind, o.check_in, o.check_out, o.preparation_before, o.preparation_after, p_check_in, p_check_out, p_before, p_after
            ) as code,
            case when o.check_out <= p_check_in then greatest(o.preparation_after, p_before) else greatest(o.preparation_before, p_after) end as needed,
            case when o.check_out <= p_check_in then p_check_in - o.check_out else o.check_in - p_check_out end as free
        from public.occupancies o
        where
            o.property_id = p_property_id and o.check_out > p_check_in - 2 and o.check_in < p_check_out + 2
            and (o.expires_at is null or o.expires_at > p_at)
            and (p_ignore_booking is null or o.booking_id is distinct from p_ignore_booking)
    )
    select coalesce(jsonb_agg(r.reason order by r.position), '[]')
    from (
        -- only of the nights asked for: where another stay begins or ends beyond them is not the caller's to know
        select 1 as position, jsonb_build_object(
            'code', 'occupied', 'message', 'Some of these nights are taken.',
            'nights', (
                select jsonb_agg(jsonb_build_object('from', lower(t.nights), 'until', upper(t.nights)) order by t.nights)
                from (
                    select unnest(range_agg(daterange(greatest(w.check_in, p_check_in), least(w.check_out, p_check_out)))) as nights
                    from ways w
                    where w.code = 'occupied'
                ) t
            )
        ) as reason
        where exists (select from ways w where w.code = 'occupied')
        union all
        select 2, jsonb_build_object(
            'code', w.code, 'needed_nights', max(w.needed), 'free_nights', min(w.free),
            'message', format('The host keeps %s night(s) free between stays; the one before leaves %s.', max(w.needed), min(w.free))
        )
        from ways w where w.code = 'preparation_before' group by w.code
        union all
        select 3, jsonb_build_object(
            'code', w.code, 'needed_nights', max(w.needed), 'free_nights', min(w.free),
            'message', format('The host keeps %s night(s) free between stays; the one after leaves %s.', max(w.needed), min(w.free))
        )
        from ways w where w.code = 'preparation_after' group by w.code
    ) r
$$;
comment on function private.occupancy_conflicts is
    'What would be in the way of a stay that keeps p_before and p_after nights free, as reasons [{code, message, ...}]: occupied, preparation_before, preparation_after. A hold that has ended by p_at is not. Called by bookability and by what writes occupancies.';

create function private.reserve_nights(
    p_booking_id uuid, p_property_id uuid, p_check_in date, p_check_out date, p_expires_at timestamptz default null
) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into public.occupancies (property_id, kind, check_in, check_out, expires_at, booking_id)
    values (p_property_id, 'booking', p_check_in, p_check_out, p_expires_at, p_booking_id)
    on conflict on constraint occupancies_do_not_overlap do nothing;
    if not found then
        perform private.refuse_occupancy('booking', private.occupancy_conflicts(
            p_property_id, p_check_in, p_check_out, p.preparation_nights_before, p.preparation_nights_after, p_booking_id, clock_timestamp()
        ))
        from public.properties p
        where p.id = p_property_id;
    end if;
end
$$;
comment on function private.reserve_nights is
    'Takes the nights for a booking, until p_expires_at or for good; 409 with the reasons when they are not free. Called by functions of bookings. Definer, because no role may write occupancies.';

create function private.lock_property_of(p_booking_id uuid) returns uuid
language sql
set search_path = ''
as $$
    -- an update locks its row before the trigger can lock the property, which is the wrong order
    select (private.lock_property((select o.property_id from public.occupancies o where o.booking_id = p_booking_id))).id
$$;
comment on function private.lock_property_of is
    'Waits for the property that a booking has nights of and returns its id; null when it has none. Called before nights are changed.';

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
    'Keeps the nights of a booking until p_expires_at, or for good. False when it has none any more: somebody else may have them, so occupy them again or refund. While the row is there nobody else has the nights, even after its end. Called by functions of bookings. Definer, as occupy.';

create function private.move_reserved_nights(p_booking_id uuid, p_check_in date, p_check_out date) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property uuid := private.lock_property_of(p_booking_id);
begin
    begin
        update public.occupancies o set check_in = p_check_in, check_out = p_check_out where o.booking_id = p_booking_id;
        if not found then
            raise sqlstate 'PT409' using message = 'This booking has no nights any more.', hint = 'Book again.';
        end if;
    exception when exclusion_violation then
        perform private.refuse_occupancy('booking', private.occupancy_conflicts(
            v_property, p_check_in, p_check_out, p.preparation_nights_before, p.preparation_nights_after, p_booking_id, clock_timestamp()
        ))
        from public.properties p
        where p.id = v_property;
    end;
end
$$;
comment on function private.move_reserved_nights is
    'Gives a booking other nights for those it has, in one step; 409 with the reasons when they are not free, and then it keeps what it has. Called by functions of bookings. Definer, as occupy.';

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
    'Frees the nights of a booking; false when it had none any more. Called by functions of bookings. Definer, as occupy.';

create function private.remove_expired_occupancies() returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count integer;
begin
    -- Properties that somebody is at work on wait for the next run: taking two locks in a row must not meet who does the same.
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
    'Deletes holds that have ended, which count as free already, and says how many. Called every minute. Definer, as occupy.';

insert into private.periodic_tasks (name, command, every) values ('remove_expired_occupancies', 'select private.remove_expired_occupancies()', '1 minute');
