-- Purpose: nights that are unavailable for reasons other than a booking: host blocks, and stays on other platforms.
-- Touches: public.host_blocks, public.external_blocks.
-- Watch: a trigger takes the nights in public.occupancies. A host's block is refused with 409 when they are taken; a stay on another
-- platform never is, because it was sold there. Such a stay keeps preparation nights; a host's block does not.

insert into private.errors (code, status, message, hint) values
    ('note_is_plain', 422, 'A note has up to 500 characters of plain text, without HTML and control characters.', 'Shorten the note, and leave out HTML.'),
    ('host_blocks_dates_are_in_order', 422, 'A block has at least one night, between the years 2000 and 2100.', 'Send check_in, and as check_out the day after the last night.');

create type public.occupancy_kind as enum ('booking', 'host_block', 'external_block', 'own_booking');
comment on type public.occupancy_kind is 'What takes the nights: a booking, the host, a stay on another platform, or one that the host entered.';

create table public.host_blocks (
    id uuid default gen_random_uuid() constraint host_blocks_pkey primary key,
    property_id uuid not null constraint host_blocks_property_fkey references public.properties (id) on delete cascade,
    check_in date not null,
    check_out date not null,
    unit_id uuid constraint host_blocks_unit_fkey references public.units (id) on delete set null,
    note text not null default '' constraint host_blocks_note_is_plain check (private.is_plain_text(note, 500)),
    created_by uuid default auth.uid() constraint host_blocks_created_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint host_blocks_dates_are_in_order
        check (check_in >= '2000-01-01' and check_out > check_in and check_out <= '2100-01-01')
);
comment on table public.host_blocks is 'Nights that the host blocks, at most 1,000 blocks a property. 409 when they are booked already.';
comment on column public.host_blocks.check_in is 'First night.';
comment on column public.host_blocks.check_out is 'The day after the last night.';
comment on column public.host_blocks.unit_id is 'The unit that is blocked; null for all units of the property.';
comment on column public.host_blocks.note is 'Only the host and co-hosts can read it.';
comment on column public.host_blocks.created_by is 'Who created it; null for the service role.';

create index host_blocks_property_id_idx on public.host_blocks (property_id, check_in);
create index host_blocks_unit_id_idx on public.host_blocks (unit_id) where unit_id is not null;
create index host_blocks_created_by_idx on public.host_blocks (created_by);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.host_blocks alter column property_id set (n_distinct = -0.05);

create table public.external_blocks (
    id uuid default gen_random_uuid() constraint external_blocks_pkey primary key,
    property_id uuid not null constraint external_blocks_property_fkey references public.properties (id) on delete cascade,
    source text not null constraint external_blocks_source_is_slug check (source ~ '^[a-z0-9_-]{1,40}$'),
    source_id text not null constraint external_blocks_source_id_is_plain check (source_id ~ '\S' and private.is_plain_text(source_id, 200)),
    check_in date not null,
    check_out date not null,
    unit_id uuid constraint external_blocks_unit_fkey references public.units (id) on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint external_blocks_source_is_unique unique (property_id, source, source_id),
    constraint external_blocks_dates_are_in_order
        check (check_in >= '2000-01-01' and check_out > check_in and check_out <= '2100-01-01')
);
comment on table public.external_blocks is
    'Stays on other platforms, from their calendar feeds: taken whatever else has these nights. Only the service role writes them.';
comment on column public.external_blocks.unit_id is 'The unit that was sold there; null for any unit: one that is free, if there is one.';
create index external_blocks_unit_id_idx on public.external_blocks (unit_id) where unit_id is not null;
comment on column public.external_blocks.source is 'Name of the feed, such as airbnb.';
comment on column public.external_blocks.source_id is 'The UID of the stay in the feed.';
comment on column public.external_blocks.check_in is 'First night.';
comment on column public.external_blocks.check_out is 'The day after the last night.';
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.external_blocks alter column property_id set (n_distinct = -0.05);

alter table public.host_blocks enable row level security;
alter table public.external_blocks enable row level security;

grant select, delete on public.host_blocks to authenticated, service_role;
-- the keys too, because blocks and feeds are written by upserts, and an upsert of PostgREST sets every column it was sent
grant insert (id, property_id, check_in, check_out, unit_id, note), update (id, property_id, check_in, check_out, unit_id, note)
    on public.host_blocks to authenticated, service_role;
grant select on public.external_blocks to authenticated;
grant select, delete on public.external_blocks to service_role;
grant insert (property_id, source, source_id, check_in, check_out, unit_id), update (property_id, source, source_id, check_in, check_out, unit_id)
    on public.external_blocks to service_role;

create policy "Hosts and co-hosts can read host blocks" on public.host_blocks for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.host_blocks for select to operator using (true);
create policy "Hosts and co-hosts can add host blocks" on public.host_blocks for insert to authenticated
    with check (property_id in (select private.my_properties('calendar')));
create policy "Hosts and co-hosts can update host blocks" on public.host_blocks for update to authenticated
    using (property_id in (select private.my_properties('calendar')))
    with check (property_id in (select private.my_properties('calendar')));
create policy "Hosts and co-hosts can delete host blocks" on public.host_blocks for delete to authenticated
    using (property_id in (select private.my_properties('calendar')));

create policy "Hosts and co-hosts can read external blocks" on public.external_blocks for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.external_blocks for select to operator using (true);

create function private.reserve_nights_for_block() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kind constant public.occupancy_kind := tg_argv[0];
    v_property constant public.properties := private.lock_property(new.property_id);
begin
    -- the unit was removed, and what is past remains
    if tg_op = 'UPDATE' and new.unit_id is null and (new.check_in, new.check_out) = (old.check_in, old.check_out)
        and not exists (select from public.units u where u.id = old.unit_id) then
        return null;
    end if;
    if new.unit_id is not null and not exists (
        select from public.units u where (u.id, u.property_id) = (new.unit_id, new.property_id)
    ) then
        perform private.raise_error('unit_of_another_property');
    elsif v_property.unit_count > 1 and (new.unit_id is not null or v_kind = 'external_block') then
        perform private.reserve_unit_for_block(v_property, v_kind, new.id, new.unit_id, new.check_in, new.check_out);
        return null;
    end if;
    begin
        if tg_op = 'INSERT' or v_property.unit_count > 1 then
            -- of units, those that it had need not be those that it takes
            delete from public.occupancies o where o.host_block_id = new.id;
            insert into public.occupancies (
                property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, host_block_id, external_block_id
            )
            select
                new.property_id, s.space_id, v_kind, new.check_in, new.check_out,
                case when v_kind = 'external_block' then v_property.preparation_nights_before else 0 end,
                case when v_kind = 'external_block' then v_property.preparation_nights_after else 0 end,
                case when v_kind = 'host_block' then new.id end, case when v_kind = 'external_block' then new.id end
            from public.property_spaces s
            where s.property_id = new.property_id;
        else
            -- spaces that the property has left keep the old nights no longer
            delete from public.occupancies o
            where
                new.id in (o.host_block_id, o.external_block_id)
                and not exists (select from public.property_spaces s where (s.property_id, s.space_id) = (o.property_id, o.space_id));
            update public.occupancies o
            set check_in = new.check_in, check_out = new.check_out
            where o.kind = v_kind and new.id = case when v_kind = 'host_block' then o.host_block_id else o.external_block_id end;
        end if;
    exception when exclusion_violation then
        -- the block's own nights are no conflict; the error restores them
        delete from public.occupancies o where o.host_block_id = new.id;
        perform private.raise_errors((
            select jsonb_agg(r.reason)
            from jsonb_array_elements(private.occupancy_conflicts(
                new.property_id, new.check_in, new.check_out, 0::smallint, 0::smallint, null, clock_timestamp()
            )) as r (reason)
            where r.reason ->> 'code' = 'occupied'
        ));
    end;
    return null;
end
$$;
comment on function private.reserve_nights_for_block is
    'Trigger, with the kind of block as argument: takes the nights of a new block and moves those of a changed one; 409 with the reasons when a host blocks nights that are taken. Definer, because no API role may write occupancies.';

create function private.reserve_unit_for_block(
    p_property public.properties, p_kind public.occupancy_kind, p_id uuid, p_unit_id uuid, p_check_in date, p_check_out date
) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_code text;
begin
    v_code := private.allot_units(
        p_property, p_kind, p_id, p_check_in, p_check_out, 1, array_remove(array[p_unit_id], null), null
    );
    if v_code is not null then
        perform private.raise_error('unit_has_stays', private.stays_of_unit(p_unit_id, p_check_in, p_check_out));
    end if;
end
$$;
comment on function private.reserve_unit_for_block is
    'Part of reserve_nights_for_block: takes one unit, and moves stays to other units for it. A host''s block is refused with 409 when they cannot move; a stay on another platform comes over them then.';

create trigger _100_reserve_nights_for_block after insert on public.host_blocks
    for each row execute function private.reserve_nights_for_block('host_block');
create trigger _100_reserve_nights_for_block_on_update after update on public.host_blocks for each row
    when ((new.check_in, new.check_out, new.unit_id) is distinct from (old.check_in, old.check_out, old.unit_id))
    execute function private.reserve_nights_for_block('host_block');
create trigger _100_reserve_nights_for_block after insert on public.external_blocks
    for each row execute function private.reserve_nights_for_block('external_block');
create trigger _100_reserve_nights_for_block_on_update after update on public.external_blocks for each row
    when ((new.check_in, new.check_out, new.unit_id) is distinct from (old.check_in, old.check_out, old.unit_id))
    execute function private.reserve_nights_for_block('external_block');
select private.install_limit_per_property('public.host_blocks', 1000);
select private.install_row_checks('public.host_blocks');
create trigger _010_keep_key before update of id, property_id on public.host_blocks for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.host_blocks for each row execute function private.set_updated_at();
create trigger _010_keep_key before update of property_id on public.external_blocks for each row
    when ((old.property_id) is distinct from (new.property_id)) execute function private.keep_key('property_id');
create trigger _800_set_updated_at before update on public.external_blocks for each row execute function private.set_updated_at();
select private.install_length_checks('public.external_blocks');
