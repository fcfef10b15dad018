-- Purpose: nights that were sold here and on another channel: a case for each booking or own booking and channel's stay, opened and
-- closed with the nights. A hold or request gives way to the channel's stay.
-- Touches: public.overbookings, mark_same_guest, unmark_same_guest, overbooking_alternatives; private.is_closure,
-- tell_of_overbooking; triggers on public.occupancies, private.bookings and public.overbookings.
-- Watch: the property is locked already, because prepare_occupancy runs before. A booking never comes over an external block, so cases
-- open where external nights are written. docs/decisions/overbookings.md has the reasons.

insert into private.errors (code, status, message, hint) values
    ('overbooking_not_found', 404, 'None of your properties has this overbooking.', 'Check the id.'),
    ('overbooking_closed', 409, 'This overbooking is closed already: {reason}.', 'There is nothing left to do.'),
    ('not_marked_same_guest', 409, 'This overbooking was not closed as one stay of the same guest.', 'Call this only where closed_reason is same_guest.');

create type public.overbooking_end as enum ('booking_gone', 'channel_gone', 'same_guest', 'stay_over');
comment on type public.overbooking_end is
    'booking_gone, channel_gone: it was cancelled, or has other nights or another unit now. same_guest: the host said that both are one stay. stay_over: the stay here has ended.';

create table public.overbookings (
    id uuid default gen_random_uuid() constraint overbookings_pkey primary key,
    property_id uuid not null constraint overbookings_property_fkey references public.properties (id) on delete cascade,
    booking_id uuid constraint overbookings_booking_fkey references private.bookings (id) on delete restrict,
    own_booking_id uuid constraint overbookings_own_booking_fkey references public.own_bookings (id) on delete cascade,
    -- the row goes when the channel's stay goes, so without a foreign key
    external_block_id uuid not null,
    feed_id uuid constraint overbookings_feed_fkey references public.calendar_feeds (id) on delete set null,
    channel text not null,
    nights_from date not null,
    nights_until date not null,
    opened_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    closed_reason public.overbooking_end,
    closed_by uuid constraint overbookings_closed_by_fkey references public.profiles (id) on delete restrict,
    reopened_by uuid constraint overbookings_reopened_by_fkey references public.profiles (id) on delete restrict,
    constraint overbookings_side_is_named check (num_nonnulls(booking_id, own_booking_id) = 1),
    constraint overbookings_nights_are_in_order check (nights_until > nights_from),
    constraint overbookings_end_is_whole check ((closed_at is null) = (closed_reason is null))
);
comment on table public.overbookings is
    'Nights that were sold here and on another channel: one row for each booking or own booking and stay there. Open while closed_at is null; the database opens and closes them.';
comment on column public.overbookings.property_id is 'The property that was booked here.';
comment on column public.overbookings.booking_id is 'The confirmed booking; null for an own booking.';
comment on column public.overbookings.own_booking_id is 'The own booking of the host; null for a booking.';
comment on column public.overbookings.external_block_id is
    'The stay on the channel, also after it is gone from external_blocks. It may be a stay of a linked property.';
comment on column public.overbookings.feed_id is 'The feed that states it; null when it came by the API, or the feed was deleted.';
comment on column public.overbookings.channel is 'The channel, such as airbnb: the source of the external block.';
comment on column public.overbookings.nights_from is 'First night that was sold twice.';
comment on column public.overbookings.nights_until is 'The day after the last one.';
comment on column public.overbookings.opened_at is 'When it was found, or opened again by unmark_same_guest.';
comment on column public.overbookings.closed_at is 'When it ended; null while it is open.';
comment on column public.overbookings.closed_reason is 'How it ended.';
comment on column public.overbookings.closed_by is 'Who marked it as the same guest; null when the database closed it.';
comment on column public.overbookings.reopened_by is 'Who took such a mark back last.';

create unique index overbookings_open_once_idx on public.overbookings (booking_id, external_block_id) where closed_at is null;
create unique index overbookings_own_open_once_idx on public.overbookings (own_booking_id, external_block_id) where closed_at is null;
create index overbookings_open_block_idx on public.overbookings (external_block_id) where closed_at is null;
create index overbookings_property_id_idx on public.overbookings (property_id);
create index overbookings_booking_id_idx on public.overbookings (booking_id);
create index overbookings_own_booking_id_idx on public.overbookings (own_booking_id);
create index overbookings_open_own_idx on public.overbookings (nights_until) where closed_at is null and own_booking_id is not null;
create index overbookings_closed_by_idx on public.overbookings (closed_by);
create index overbookings_reopened_by_idx on public.overbookings (reopened_by);
create index overbookings_feed_id_idx on public.overbookings (feed_id);
create index overbookings_closed_at_idx on public.overbookings (closed_at) where closed_at is not null;
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.overbookings alter column property_id set (n_distinct = -0.5);

alter table public.overbookings enable row level security;
grant select on public.overbookings to authenticated, service_role;
create policy "Hosts and co-hosts can read overbookings" on public.overbookings for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.overbookings for select to operator using (true);

create function private.tell_of_overbooking() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_property public.properties;
    v_key constant text := format('overbooking:%s:%s:%s', new.id, coalesce(new.closed_reason::text, 'opened'), new.opened_at);
begin
    select p.* into v_property from public.properties p where p.id = new.property_id;
    perform private.notify(
        h.id, case when new.closed_at is null then 'overbooking_opened' else 'overbooking_closed' end, v_key,
        jsonb_strip_nulls(jsonb_build_object(
            'overbooking_id', new.id, 'title', v_property.title, 'channel', new.channel, 'nights_from', new.nights_from,
            'nights_until', new.nights_until, 'closed_reason', new.closed_reason, 'time_zone', v_property.time_zone
        )),
        new.booking_id, v_property.id
    )
    from (
        select v_property.host_id as id
        union
        select c.profile_id from public.co_hosts c where c.property_id = v_property.id
        union
        select r.user_id from public.user_roles r where r.role = 'operator'
    ) h;
    perform private.queue_webhooks(
        case when new.closed_at is null then 'overbooking.opened' else 'overbooking.closed' end, v_property.host_id, v_key,
        jsonb_build_object(
            'overbooking_id', new.id, 'property_id', v_property.id, 'booking_id', new.booking_id,
            'own_booking_id', new.own_booking_id, 'channel', new.channel, 'feed_id', new.feed_id, 'nights_from', new.nights_from, 'nights_until', new.nights_until,
            'closed_reason', new.closed_reason
        )
    );
    return null;
end
$$;
comment on function private.tell_of_overbooking is
    'Trigger: tells host, co-hosts, operators and webhook endpoints that an overbooking was opened, again too, or closed. The guest is not told.';
create trigger _100_tell_of_overbooking after insert on public.overbookings for each row execute function private.tell_of_overbooking();
create trigger _100_tell_of_overbooking_on_update after update on public.overbookings for each row
    when ((old.closed_at is null) <> (new.closed_at is null)) execute function private.tell_of_overbooking();

create function private.is_closure(p_block public.external_blocks) returns boolean
language sql stable
set search_path = ''
as $$
    select p_block.source in ('airbnb', 'vrbo') and exists (
        select from private.feed_events e where e.id = private.as_uuid(split_part(p_block.source_id, ':', 2)) and e.kind = 'closed'
    )
$$;
comment on function private.is_closure is
    'Whether no one bought these nights: the channel tells stays from closures and says that they are closed. Booking.com does not tell them apart.';

create function private.open_overbookings() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_block public.external_blocks;
    v_met record;
begin
    select b.* into v_block from public.external_blocks b where b.id = new.external_block_id;
    if private.is_closure(v_block) then
        return null;
    end if;
    for v_met in
        select
            o.booking_id, o.own_booking_id, o.property_id, b.status, greatest(o.check_in, new.check_in) as nights_from,
            least(o.check_out, new.check_out) as nights_until
        from public.occupancies o
        join public.properties p on p.id = o.property_id
        left join private.bookings b on b.id = o.booking_id
        where
            o.space_id = new.space_id and o.check_out > new.check_in and o.check_in < new.check_out
            and (
                (b.status = 'confirmed' or o.kind = 'own_booking')
                and least(o.check_out, new.check_out) > (now() at time zone coalesce(b.time_zone, p.time_zone, 'UTC'))::date
                or b.expires_at > clock_timestamp()
            )
        order by o.booking_id, o.own_booking_id
    loop
        if v_met.status <> 'confirmed' then
            update private.bookings b
            set status = 'expired', status_at = clock_timestamp(), status_reason = 'These nights were sold on another platform.'
            where b.id = v_met.booking_id;
            perform private.release_nights(v_met.booking_id);
            continue;
        end if;
        update public.overbookings c set nights_from = v_met.nights_from, nights_until = v_met.nights_until
        where
            c.external_block_id = v_block.id and c.closed_at is null
            and (c.booking_id = v_met.booking_id or c.own_booking_id = v_met.own_booking_id);
        continue when found or exists (
            select from public.overbookings c
            where
                (c.booking_id = v_met.booking_id or c.own_booking_id = v_met.own_booking_id)
                and c.external_block_id = v_block.id and c.closed_reason = 'same_guest'
        );
        insert into public.overbookings (
            property_id, booking_id, own_booking_id, external_block_id, feed_id, channel, nights_from, nights_until
        ) values (
            v_met.property_id, v_met.booking_id, v_met.own_booking_id, v_block.id,
            (select f.id from public.calendar_feeds f where f.id = private.as_uuid(split_part(v_block.source_id, ':', 1))),
            v_block.source, v_met.nights_from, v_met.nights_until
        );
    end loop;
    return null;
end
$$;
comment on function private.open_overbookings is
    'Trigger: opens a case for each confirmed booking and own booking whose nights a channel''s stay has, and expires holds and requests on them. Preparation nights do not count: both guests can come. Definer, because no API role may write overbookings.';

create function private.close_overbookings() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    -- most stays never had a case, and this look is cheaper than the update
    if not exists (
        select from public.overbookings c
        where
            c.closed_at is null
            and (c.booking_id = old.booking_id or c.own_booking_id = old.own_booking_id or c.external_block_id = old.external_block_id)
    ) then
        return null;
    end if;
    update public.overbookings c
    set
        closed_at = clock_timestamp(),
        closed_reason = case when old.kind = 'external_block' then 'channel_gone' else 'booking_gone' end::public.overbooking_end
    where
        c.closed_at is null
        and (c.booking_id = old.booking_id or c.own_booking_id = old.own_booking_id or c.external_block_id = old.external_block_id)
        and not exists (
            select
            from public.occupancies e
            join public.occupancies o
                on o.space_id = e.space_id and (o.booking_id = c.booking_id or o.own_booking_id = c.own_booking_id)
            where e.external_block_id = c.external_block_id and e.check_in < o.check_out and e.check_out > o.check_in
        );
    return null;
end
$$;
comment on function private.close_overbookings is
    'Trigger: closes the cases of a booking or channel''s stay that has left its nights. Definer, because no API role may write overbookings.';

create function private.end_overbookings_of_stay(p_booking_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.overbookings c set closed_at = clock_timestamp(), closed_reason = 'stay_over'
    where c.booking_id = p_booking_id and c.closed_at is null;
end
$$;
comment on function private.end_overbookings_of_stay is
    'Closes the cases of a stay that has ended. Definer, because no API role may write overbookings.';

create trigger _100_close_overbookings after delete on public.occupancies for each row
    when (old.kind <> 'host_block') execute function private.close_overbookings();
create trigger _100_close_overbookings_on_update after update on public.occupancies for each row
    when (old.kind <> 'host_block' and (old.check_in, old.check_out) is distinct from (new.check_in, new.check_out))
    execute function private.close_overbookings();
create trigger _200_open_overbookings after insert on public.occupancies for each row
    when (new.kind = 'external_block') execute function private.open_overbookings();
create trigger _200_open_overbookings_on_update after update on public.occupancies for each row
    when (new.kind = 'external_block' and (old.check_in, old.check_out) is distinct from (new.check_in, new.check_out))
    execute function private.open_overbookings();

create function private.end_overbookings_of_own_bookings() returns void
language sql
set search_path = ''
as $$
    update public.overbookings c set closed_at = clock_timestamp(), closed_reason = 'stay_over'
    where
        c.closed_at is null and c.own_booking_id is not null
        -- tomorrow or today in every time zone
        and c.nights_until <= (now() at time zone 'UTC')::date + 1
        and c.nights_until <= (select (now() at time zone coalesce(p.time_zone, 'UTC'))::date from public.properties p where p.id = c.property_id)
$$;
comment on function private.end_overbookings_of_own_bookings is
    'Periodic task: closes the cases of own bookings whose nights are over. A booking closes its own when it is completed.';
insert into private.periodic_tasks (name, command, every)
values ('end_overbookings_of_own_bookings', 'select private.end_overbookings_of_own_bookings()', '10 minutes');

create function private.lock_overbooking(p_overbooking_id uuid) returns public.overbookings
language plpgsql
set search_path = ''
as $$
declare
    v_case public.overbookings;
begin
    select c.* into v_case
    from public.overbookings c
    where
        c.id = p_overbooking_id
        and (c.property_id in (select private.my_properties('calendar')) or (select private.is_operator()));
    if v_case.id is null then
        perform private.raise_error('overbooking_not_found');
    end if;
    perform private.lock_property(v_case.property_id);
    select c.* into v_case from public.overbookings c where c.id = p_overbooking_id;
    return v_case;
end
$$;
comment on function private.lock_overbooking is
    'Locks the property of an overbooking and returns the case; raises an error unless the caller is the host, a co-host or an operator.';

create function private.mark_same_guest(p_overbooking_id uuid) returns public.overbookings
language plpgsql security definer
set search_path = ''
as $$
declare
    v_case public.overbookings := private.lock_overbooking(p_overbooking_id);
begin
    if v_case.closed_at is not null then
        perform private.raise_error('overbooking_closed', jsonb_build_object('reason', v_case.closed_reason));
    end if;
    update public.overbookings c set closed_at = clock_timestamp(), closed_reason = 'same_guest', closed_by = auth.uid()
    where c.id = p_overbooking_id
    returning c.* into v_case;
    return v_case;
end
$$;
grant execute on function private.mark_same_guest to authenticated;
comment on function private.mark_same_guest is 'Does the work of public.mark_same_guest. Definer, because no API role may write overbookings.';

create function public.mark_same_guest(p_overbooking_id uuid) returns public.overbookings
language sql
set search_path = ''
as $$
    select private.mark_same_guest(p_overbooking_id)
$$;
grant execute on function public.mark_same_guest to authenticated;
comment on function public.mark_same_guest is
    'Says that the booking and the channel''s stay of an overbooking are one stay: the case is closed, and these two open none again. Both keep their nights. For the host, co-hosts and operators.';

create function private.unmark_same_guest(p_overbooking_id uuid) returns public.overbookings
language plpgsql security definer
set search_path = ''
as $$
declare
    v_case public.overbookings := private.lock_overbooking(p_overbooking_id);
    v_today constant date := (
        select (now() at time zone coalesce(p.time_zone, 'UTC'))::date from public.properties p where p.id = v_case.property_id
    );
    v_nights daterange;
begin
    if v_case.closed_reason is distinct from 'same_guest' then
        perform private.raise_error('not_marked_same_guest');
    end if;
    select range_merge(range_agg(daterange(greatest(e.check_in, o.check_in), least(e.check_out, o.check_out)))) into v_nights
    from public.occupancies e
    join public.occupancies o
        on o.space_id = e.space_id and (o.booking_id = v_case.booking_id or o.own_booking_id = v_case.own_booking_id)
    where e.external_block_id = v_case.external_block_id and e.check_in < o.check_out and e.check_out > o.check_in;
    if upper(v_nights) > v_today then
        update public.overbookings c
        set
            closed_at = null, closed_reason = null, closed_by = null, reopened_by = auth.uid(), opened_at = clock_timestamp(),
            nights_from = lower(v_nights), nights_until = upper(v_nights)
        where c.id = p_overbooking_id
        returning c.* into v_case;
    else
        update public.overbookings c
        set
            closed_by = null, reopened_by = auth.uid(),
            closed_reason = case
                when v_nights is not null then 'stay_over'
                when exists (select from public.occupancies o where o.external_block_id = v_case.external_block_id) then 'booking_gone'
                else 'channel_gone'
            end::public.overbooking_end
        where c.id = p_overbooking_id
        returning c.* into v_case;
    end if;
    return v_case;
end
$$;
grant execute on function private.unmark_same_guest to authenticated;
comment on function private.unmark_same_guest is 'Does the work of public.unmark_same_guest. Definer, because no API role may write overbookings.';

create function public.unmark_same_guest(p_overbooking_id uuid) returns public.overbookings
language sql
set search_path = ''
as $$
    select private.unmark_same_guest(p_overbooking_id)
$$;
grant execute on function public.unmark_same_guest to authenticated;
comment on function public.unmark_same_guest is
    'Takes mark_same_guest back: the case is open again while both sides still have the same nights, else it is closed with what became of them. For the host, co-hosts and operators.';

create function private.overbooking_alternatives(p_overbooking_id uuid) returns uuid[]
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_case public.overbookings;
    v_property public.properties;
    v_booking private.bookings;
    v_check_in date;
    v_check_out date;
    v_ids uuid[];
begin
    select c.* into v_case
    from public.overbookings c
    where
        c.id = p_overbooking_id
        and (c.property_id in (select private.my_properties('calendar')) or (select private.is_operator()));
    if v_case.id is null then
        perform private.raise_error('overbooking_not_found');
    elsif v_case.closed_at is not null then
        perform private.raise_error('overbooking_closed', jsonb_build_object('reason', v_case.closed_reason));
    end if;
    select p.* into v_property from public.properties p where p.id = v_case.property_id;
    select b.* into v_booking from private.bookings b where b.id = v_case.booking_id;
    select coalesce(v_booking.check_in, o.check_in), coalesce(v_booking.check_out, o.check_out) into v_check_in, v_check_out
    from (values (1)) as one (n)
    left join public.own_bookings o on o.id = v_case.own_booking_id;
    v_ids := array(
        select p.id
        from public.properties p
        where
            p.host_id = v_property.host_id and p.id <> v_property.id and p.status = 'published' and p.max_guests >= v_property.max_guests
        order by
            (p.property_type, p.room_type) is distinct from (v_property.property_type, v_property.room_type),
            abs(p.base_price - v_property.base_price), p.id
        limit 100
    );
    return array(
        select v_ids[r.number]
        from private.broken_rules(
            v_ids, array_fill(v_check_in, array[cardinality(v_ids)]), array_fill(v_check_out, array[cardinality(v_ids)]),
            coalesce(v_booking.adults, 1), coalesce(v_booking.children, 0), coalesce(v_booking.infants, 0), coalesce(v_booking.pets, 0)
        ) r
        where r.codes = '{}'
        order by r.number
        limit 20
    );
end
$$;
grant execute on function private.overbooking_alternatives to authenticated;
comment on function private.overbooking_alternatives is
    'Ids of the properties that public.overbooking_alternatives returns. Definer, because it reads bookings and occupancies.';

create function public.overbooking_alternatives(p_overbooking_id uuid) returns setof public.properties
language sql stable rows 20
set search_path = ''
as $$
    select p.*
    from unnest(private.overbooking_alternatives(p_overbooking_id)) with ordinality as a (id, position)
    join public.properties p on p.id = a.id
    order by a.position
$$;
grant execute on function public.overbooking_alternatives to authenticated;
comment on function public.overbooking_alternatives is
    'Returns up to 20 properties of the same host that the guest of an open overbooking could book instead: published, with room for as many guests, and free for the same dates and party. The most similar come first. For the host, co-hosts and operators.';
