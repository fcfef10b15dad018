-- Purpose: tells webhooks and Realtime that the calendar of a property changed.
-- Touches: private.calendar_changes; triggers on public.occupancies, properties, and the tables of dated prices and rules; the periodic task
-- send_calendar_changes; the publication supabase_realtime.
-- Watch: a change adds a row and updates none, so writers never wait for each other here. Without an endpoint that receives
-- calendar.changed it adds none. Changes of one property within 5 seconds become one delivery.

create table private.calendar_changes (
    id bigint generated always as identity constraint calendar_changes_pkey primary key,
    -- without a foreign key, whose check would cost more than the row
    property_id uuid not null,
    from_day date not null,
    until_day date not null,
    at timestamptz not null default clock_timestamp()
);
comment on table private.calendar_changes is 'Changes of calendars that webhooks have not received yet.';
comment on column private.calendar_changes.from_day is 'First day that changed.';
comment on column private.calendar_changes.until_day is 'The day after the last.';
create index calendar_changes_at_idx on private.calendar_changes (at);
create index calendar_changes_property_id_idx on private.calendar_changes (property_id);
alter table private.calendar_changes enable row level security;

create function private.note_changed_nights() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_row public.occupancies := old;
    v_host uuid;
    v_from date := old.check_in;
    v_until date := old.check_out;
begin
    if tg_op <> 'DELETE' then
        v_row := new;
        v_from := least(v_from, new.check_in);
        v_until := greatest(v_until, new.check_out);
    end if;
    select p.host_id into v_host from public.properties p where p.id = v_row.property_id;
    -- linked properties have one host; without a property it is being deleted
    if v_host is not null and not private.has_webhook(v_host, 'calendar.changed') then
        return null;
    end if;
    -- every property that takes the space, each with the nights that it keeps free before and after a stay
    insert into private.calendar_changes (property_id, from_day, until_day)
    select
        p.id,
        v_from - case when v_row.kind = 'host_block' then 0 else greatest(v_row.preparation_before, p.preparation_nights_after) end,
        v_until + case when v_row.kind = 'host_block' then 0 else greatest(v_row.preparation_after, p.preparation_nights_before) end
    from public.property_spaces s
    join public.properties p on p.id = s.property_id
    where s.space_id = v_row.space_id and private.has_webhook(p.host_id, 'calendar.changed');
    return null;
end
$$;
comment on function private.note_changed_nights is
    'Trigger: notes that nights of a space were taken, moved or freed. Definer, because no API role may write private.calendar_changes.';
create trigger _300_note_changed_nights after insert or delete on public.occupancies
    for each row execute function private.note_changed_nights();
create trigger _300_note_changed_nights_on_update after update on public.occupancies for each row
    when ((old.check_in, old.check_out) is distinct from (new.check_in, new.check_out))
    execute function private.note_changed_nights();

create function private.note_changed_days() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op <> 'DELETE' then
        insert into private.calendar_changes (property_id, from_day, until_day)
        select c.property_id, c.from_day, c.until_day
        from (
            select n.property_id, min(n.starts_on) as from_day, max(n.ends_on) as until_day from new_rows n group by n.property_id
        ) c
        join public.properties p on p.id = c.property_id
        where private.has_webhook(p.host_id, 'calendar.changed');
    end if;
    if tg_op <> 'INSERT' then
        insert into private.calendar_changes (property_id, from_day, until_day)
        select c.property_id, c.from_day, c.until_day
        from (
            select o.property_id, min(o.starts_on) as from_day, max(o.ends_on) as until_day from old_rows o group by o.property_id
        ) c
        join public.properties p on p.id = c.property_id
        where private.has_webhook(p.host_id, 'calendar.changed');
    end if;
    return null;
end
$$;
comment on function private.note_changed_days is
    'Trigger: notes that dated prices or rules of properties changed. Definer, because no API role may write private.calendar_changes.';
create trigger _300_note_changed_days after insert on public.property_seasons
    referencing new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_update after update on public.property_seasons
    referencing old table as old_rows new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_delete after delete on public.property_seasons
    referencing old table as old_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days after insert on public.property_date_overrides
    referencing new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_update after update on public.property_date_overrides
    referencing old table as old_rows new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_delete after delete on public.property_date_overrides
    referencing old table as old_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days after insert on public.property_availability_rules
    referencing new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_update after update on public.property_availability_rules
    referencing old table as old_rows new table as new_rows for each statement execute function private.note_changed_days();
create trigger _300_note_changed_days_on_delete after delete on public.property_availability_rules
    referencing old table as old_rows for each statement execute function private.note_changed_days();

create function private.note_changed_defaults() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_today constant date := (now() at time zone coalesce(new.time_zone, 'UTC'))::date;
begin
    insert into private.calendar_changes (property_id, from_day, until_day)
    select new.id, v_today, v_today + greatest(old.booking_window_days, new.booking_window_days) + 1
    where private.has_webhook(new.host_id, 'calendar.changed');
    return null;
end
$$;
comment on function private.note_changed_defaults is
    'Trigger: notes that what the whole calendar of a property depends on changed. Definer, because no API role may write private.calendar_changes.';
create trigger _300_note_changed_defaults after update on public.properties for each row
    when (
        (
            old.status, old.base_price, old.weekend_price, old.currency, old.min_nights, old.max_nights, old.gap_min_nights,
            old.check_in_weekdays, old.check_out_weekdays, old.advance_notice_days, old.advance_notice_cut_off, old.booking_window_days,
            old.preparation_nights_before, old.preparation_nights_after, old.time_zone
        ) is distinct from (
            new.status, new.base_price, new.weekend_price, new.currency, new.min_nights, new.max_nights, new.gap_min_nights,
            new.check_in_weekdays, new.check_out_weekdays, new.advance_notice_days, new.advance_notice_cut_off, new.booking_window_days,
            new.preparation_nights_before, new.preparation_nights_after, new.time_zone
        )
    )
    execute function private.note_changed_defaults();

create function private.send_calendar_changes(p_now timestamptz default clock_timestamp()) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_change record;
    v_count integer := 0;
begin
    for v_change in
        with due as (
            select distinct o.property_id
            from (select c.property_id from private.calendar_changes c where c.at <= p_now - interval '5 seconds' order by c.at limit 1000) o
        ),
        taken as (
            delete from private.calendar_changes c using due where c.property_id = due.property_id
            returning c.id, c.property_id, c.from_day, c.until_day
        )
        select p.id as property_id, p.host_id, min(t.from_day) as from_day, max(t.until_day) as until_day, max(t.id) as last_id
        from taken t
        join public.properties p on p.id = t.property_id
        group by p.id
    loop
        perform private.queue_webhooks(
            'calendar.changed', v_change.host_id, 'calendar:' || v_change.last_id,
            jsonb_build_object('property_id', v_change.property_id, 'from', v_change.from_day, 'until', v_change.until_day)
        );
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function private.send_calendar_changes is
    'Periodic task: queues calendar.changed, once for each property whose first change is 5 seconds old, with all its changes until p_now; returns their number.';
insert into private.periodic_tasks (name, command, every)
values ('send_calendar_changes', 'select private.send_calendar_changes()', '10 seconds');

-- Realtime, where a stack has it, sends hosts and co-hosts the rows that the policies show them
do $$
begin
    if exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
        alter publication supabase_realtime add table public.occupancies;
    end if;
end
$$;
