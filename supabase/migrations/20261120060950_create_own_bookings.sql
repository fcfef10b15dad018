-- Purpose: stays that a host enters: booked by phone, guests who walk in, stays of the owner, and stays on channels with their details.
-- Touches: public.own_bookings, private.own_booking_states; triggers on public.external_blocks.
-- Watch: they take nights in public.occupancies as bookings do, with preparation nights, and never over an external block. Details of an
-- external block take none: the block has them. They move no money here. docs/decisions/own-bookings.md says why they are no bookings.

insert into private.errors (code, status, message, hint) values
    ('channel_is_slug', 422, 'A channel is 1 to 40 lower-case letters, digits, hyphens and underscores.', 'Send a name such as airbnb, booking_com or vrbo.'),
    ('own_bookings_dates_are_in_order', 422, 'A stay that you enter has at least one night, between the years 2000 and 2100.', 'Send check_in, and as check_out the day of departure.'),
    ('own_bookings_channel_is_named', 422, 'A stay with the origin channel names its channel, and no other stay does.', 'Send channel, such as booking_com, together with the origin channel; else leave it out.'),
    ('own_bookings_owner_pays_nothing', 422, 'A stay of the owner has no price.', 'Leave price out, or send another origin.'),
    ('guest_name_is_plain', 422, 'The name of a guest is one line of up to 200 characters of plain text.', 'Shorten it, and leave out HTML.'),
    ('guest_contact_is_plain', 422, 'The contact of a guest has up to 500 characters of plain text.', 'Shorten it, and leave out HTML.'),
    ('external_block_not_found', 422, 'This property has no stay on a channel with this id.', 'Send the id of a row of external_blocks of the same property, and the origin channel.');

create type public.own_booking_origin as enum ('phone', 'walk_in', 'owner', 'channel');
comment on type public.own_booking_origin is
    'How the stay came about: by phone or mail, at the door, as a stay of the owner, or on a channel.';

create table public.own_bookings (
    id uuid default gen_random_uuid() constraint own_bookings_pkey primary key,
    property_id uuid not null constraint own_bookings_property_fkey references public.properties (id) on delete cascade,
    origin public.own_booking_origin not null,
    channel text constraint own_bookings_channel_is_slug check (channel ~ '^[a-z0-9_-]{1,40}$'),
    external_block_id uuid constraint own_bookings_external_block_fkey references public.external_blocks (id) on delete set null,
    is_cancelled boolean not null default false,
    cancelled_at timestamptz,
    check_in date not null,
    check_out date not null,
    guest_name text not null default ''
        constraint own_bookings_guest_name_is_plain check (private.is_plain_text(guest_name, 200) and guest_name !~ '[\n\r\t]'),
    guest_contact text not null default '' constraint own_bookings_guest_contact_is_plain check (private.is_plain_text(guest_contact, 500)),
    price bigint constraint own_bookings_price_range check (price between 1 and 1000000000000),
    currency text constraint own_bookings_currency_fkey references public.currencies (code) on delete restrict,
    note text not null default '' constraint own_bookings_note_is_plain check (private.is_plain_text(note, 500)),
    created_by uuid default auth.uid() constraint own_bookings_created_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint own_bookings_dates_are_in_order
        check (check_in >= '2000-01-01' and check_out > check_in and check_out <= '2100-01-01'),
    constraint own_bookings_channel_is_named check ((origin = 'channel') = (channel is not null)),
    constraint own_bookings_owner_pays_nothing check (origin <> 'owner' or price is null),
    constraint own_bookings_prices_have_currency check (price is null or currency is not null)
);
comment on table public.own_bookings is
    'Stays that the host enters: by phone, at the door, of the owner, or on a channel. They take their nights, 409 when these are taken; nothing is paid or reviewed here. For the host and co-hosts with messages; at most 5,000 a property.';
comment on column public.own_bookings.origin is 'How it came about.';
comment on column public.own_bookings.channel is 'The channel, such as booking_com, where the origin is channel.';
comment on column public.own_bookings.external_block_id is
    'The stay on a channel that these are the details of. That has the nights: the dates follow it, and when it goes, the stay is cancelled.';
comment on column public.own_bookings.is_cancelled is 'Whether its nights are free. It can take them again while they are.';
comment on column public.own_bookings.cancelled_at is 'When it was cancelled; null while it is not.';
comment on column public.own_bookings.check_in is 'First night.';
comment on column public.own_bookings.check_out is 'The day of departure.';
comment on column public.own_bookings.guest_name is 'Emptied 400 days after the departure, as guest_contact and note are.';
comment on column public.own_bookings.guest_contact is 'Telephone number, e-mail address or what else there is.';
comment on column public.own_bookings.price is 'What the guest pays outside, in minor units; null when nothing or not known.';
comment on column public.own_bookings.currency is 'ISO 4217 code of the price; the property''s when left out.';
comment on column public.own_bookings.note is 'Only the host and co-hosts can read it.';
comment on column public.own_bookings.created_by is 'Who entered it; null for the service role.';

create index own_bookings_property_id_idx on public.own_bookings (property_id, check_in);
create unique index own_bookings_external_block_id_idx on public.own_bookings (external_block_id) where external_block_id is not null;
create index own_bookings_currency_idx on public.own_bookings (currency);
create index own_bookings_created_by_idx on public.own_bookings (created_by);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.own_bookings alter column property_id set (n_distinct = -0.05);

alter table public.own_bookings enable row level security;
grant select, delete on public.own_bookings to authenticated, service_role;
-- the keys too, because an upsert of PostgREST sets every column it was sent
grant
    insert (id, property_id, origin, channel, external_block_id, is_cancelled, check_in, check_out, guest_name, guest_contact, price, currency, note),
    update (id, property_id, origin, channel, external_block_id, is_cancelled, check_in, check_out, guest_name, guest_contact, price, currency, note)
    on public.own_bookings to authenticated, service_role;

-- names and telephone numbers of guests: not for co-hosts who have the calendar alone, and not for operators
create policy "Hosts and co-hosts with messages can read own bookings" on public.own_bookings for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar_and_messages'))));
create policy "Hosts and co-hosts with messages can add own bookings" on public.own_bookings for insert to authenticated
    with check (property_id in (select private.my_properties('calendar_and_messages')));
create policy "Hosts and co-hosts with messages can update own bookings" on public.own_bookings for update to authenticated
    using (property_id in (select private.my_properties('calendar_and_messages')))
    with check (property_id in (select private.my_properties('calendar_and_messages')));
create policy "Hosts and co-hosts with messages can delete own bookings" on public.own_bookings for delete to authenticated
    using (property_id in (select private.my_properties('calendar_and_messages')));

create table private.own_booking_states (
    own_booking_id uuid not null
        constraint own_booking_states_own_booking_fkey references public.own_bookings (id) on delete cascade,
    valid_from timestamptz not null,
    valid_until timestamptz not null default 'infinity',
    property_id uuid not null constraint own_booking_states_property_fkey references public.properties (id) on delete cascade,
    origin public.own_booking_origin not null,
    has_nights boolean not null,
    check_in date not null,
    check_out date not null,
    price bigint,
    currency text not null,
    constraint own_booking_states_pkey primary key (own_booking_id, valid_from)
);
comment on table private.own_booking_states is 'What an own booking was at each time when it was not cancelled, for figures.';
comment on column private.own_booking_states.valid_from is 'When it became so.';
comment on column private.own_booking_states.valid_until is 'When it changed; infinity for the present state.';
comment on column private.own_booking_states.has_nights is 'Whether it takes the nights itself; false for details of an external block.';
comment on column private.own_booking_states.currency is 'Of the price, or of the property when there is none.';
-- with all that figures need
create index own_booking_states_property_id_idx on private.own_booking_states (property_id, check_out)
    include (check_in, valid_from, valid_until, origin, has_nights, price, currency);
alter table private.own_booking_states enable row level security;

create function private.prepare_own_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_block public.external_blocks;
begin
    if new.external_block_id is not null then
        select b.* into v_block from public.external_blocks b where b.id = new.external_block_id and b.property_id = new.property_id;
        if v_block.id is null or new.origin is distinct from 'channel' then
            perform private.raise_error('external_block_not_found', '{"field": "external_block_id"}');
        end if;
        new.channel := v_block.source;
        new.check_in := v_block.check_in;
        new.check_out := v_block.check_out;
    end if;
    if new.price is not null and new.currency is null then
        new.currency := (select p.currency from public.properties p where p.id = new.property_id);
    end if;
    new.cancelled_at := case when new.is_cancelled then coalesce(new.cancelled_at, clock_timestamp()) end;
    return new;
end
$$;
comment on function private.prepare_own_booking is
    'Trigger: copies channel and dates of the external block that an own booking describes, and sets the property''s currency and the time of a cancellation. Definer, because it runs before the policies.';

create function private.reserve_nights_for_own_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property constant public.properties := private.lock_property(new.property_id);
begin
    if new.external_block_id is not null and not exists (
        select from public.external_blocks b where (b.id, b.check_in, b.check_out) = (new.external_block_id, new.check_in, new.check_out)
    ) then
        -- the channel has changed it since the dates were copied
        perform private.raise_error('server_busy');
    end if;
    begin
        -- spaces that the property has left keep the old nights no longer
        delete from public.occupancies o
        where
            o.own_booking_id = new.id
            and (
                new.is_cancelled or new.external_block_id is not null
                or not exists (select from public.property_spaces s where (s.property_id, s.space_id) = (o.property_id, o.space_id))
            );
        if not new.is_cancelled and new.external_block_id is null and v_property.unit_count > 1 then
            if private.allot_units(v_property, 'own_booking', new.id, new.check_in, new.check_out, 1, null, null) is not null then
                perform private.raise_errors(
                    private.unit_conflicts(v_property, new.check_in, new.check_out, 1, new.id, clock_timestamp())
                );
            end if;
        elsif not new.is_cancelled and new.external_block_id is null then
            update public.occupancies o set check_in = new.check_in, check_out = new.check_out where o.own_booking_id = new.id;
            if not found then
                insert into public.occupancies (
                    property_id, space_id, kind, check_in, check_out, preparation_before, preparation_after, own_booking_id
                )
                select
                    new.property_id, s.space_id, 'own_booking', new.check_in, new.check_out, v_property.preparation_nights_before,
                    v_property.preparation_nights_after, new.id
                from public.property_spaces s
                where s.property_id = new.property_id;
            end if;
        end if;
    exception when exclusion_violation then
        -- its own nights are no conflict; the error restores them
        delete from public.occupancies o where o.own_booking_id = new.id;
        perform private.raise_errors(private.occupancy_conflicts(
            new.property_id, new.check_in, new.check_out, v_property.preparation_nights_before, v_property.preparation_nights_after, null,
            clock_timestamp()
        ));
    end;
    return null;
end
$$;
comment on function private.reserve_nights_for_own_booking is
    'Trigger: takes, moves or releases the nights of an own booking; 409 with the reasons when they are taken. Definer, because no API role may write occupancies.';

create function private.release_nights_of_own_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from public.occupancies o where o.own_booking_id = old.id;
    return old;
end
$$;
comment on function private.release_nights_of_own_booking is
    'Trigger: releases the nights of an own booking that is deleted. Definer, because no API role may write occupancies.';

create function private.record_own_booking_state() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    update private.own_booking_states s set valid_until = v_now where s.own_booking_id = new.id and s.valid_until = 'infinity';
    if not new.is_cancelled then
        insert into private.own_booking_states (
            own_booking_id, valid_from, property_id, origin, has_nights, check_in, check_out, price, currency
        )
        select
            new.id, v_now, new.property_id, new.origin, new.external_block_id is null, new.check_in, new.check_out, new.price,
            coalesce(new.currency, p.currency, '')
        from public.properties p
        where p.id = new.property_id;
    end if;
    return null;
end
$$;
comment on function private.record_own_booking_state is
    'Trigger: writes own_booking_states when an own booking is entered, changed or cancelled. Definer, because no API role may write it.';

create trigger _010_keep_key before update of id, property_id on public.own_bookings for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _100_prepare_own_booking before insert or update on public.own_bookings
    for each row execute function private.prepare_own_booking();
create trigger _800_set_updated_at before update on public.own_bookings for each row execute function private.set_updated_at();
select private.install_row_checks('public.own_bookings');
create trigger _100_release_nights_of_own_booking before delete on public.own_bookings
    for each row execute function private.release_nights_of_own_booking();
create trigger _100_reserve_nights_for_own_booking after insert on public.own_bookings
    for each row execute function private.reserve_nights_for_own_booking();
create trigger _100_reserve_nights_for_own_booking_on_update after update on public.own_bookings for each row
    when (
        (new.is_cancelled, new.external_block_id, new.check_in, new.check_out)
        is distinct from (old.is_cancelled, old.external_block_id, old.check_in, old.check_out)
    )
    execute function private.reserve_nights_for_own_booking();
create trigger _200_record_own_booking_state after insert on public.own_bookings
    for each row execute function private.record_own_booking_state();
create trigger _200_record_own_booking_state_on_update after update on public.own_bookings for each row
    when (
        (new.is_cancelled, new.external_block_id, new.check_in, new.check_out, new.origin, new.price, new.currency)
        is distinct from (old.is_cancelled, old.external_block_id, old.check_in, old.check_out, old.origin, old.price, old.currency)
    )
    execute function private.record_own_booking_state();
select private.install_limit_per_property('public.own_bookings', 5000, '300');

create function private.follow_external_block() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' then
        update public.own_bookings b set check_in = new.check_in, check_out = new.check_out where b.external_block_id = new.id;
        return null;
    end if;
    update public.own_bookings b set is_cancelled = true, external_block_id = null where b.external_block_id = old.id;
    return old;
end
$$;
comment on function private.follow_external_block is
    'Trigger: moves the own booking that describes a stay on a channel with it, and cancels it when the stay is gone. Definer, because the worker may not write own bookings.';
create trigger _200_follow_external_block before delete on public.external_blocks
    for each row execute function private.follow_external_block();
create trigger _200_follow_external_block_on_update after update on public.external_blocks for each row
    when ((new.check_in, new.check_out) is distinct from (old.check_in, old.check_out))
    execute function private.follow_external_block();

create view public.outside_statement with (security_invoker = on) as
select b.id, b.property_id, b.origin, b.channel, b.check_in, b.check_out, b.check_out - b.check_in as nights, b.currency, b.price as amount
from public.own_bookings b
where not b.is_cancelled and b.price is not null;
comment on view public.outside_statement is
    '@graphql({"primary_key_columns": ["id"]}) What guests pay outside for the stays that a host entered; nothing of it is in host_statement or paid out. For the host and co-hosts with messages; amounts in minor units.';
comment on column public.outside_statement.id is 'Id of the own booking.';
comment on column public.outside_statement.origin is 'How the stay came about.';
comment on column public.outside_statement.channel is 'The channel, where the origin is channel.';
comment on column public.outside_statement.check_in is 'First night.';
comment on column public.outside_statement.check_out is 'The day of departure.';
comment on column public.outside_statement.nights is 'Number of nights.';
comment on column public.outside_statement.currency is 'ISO 4217 code of the amount.';
comment on column public.outside_statement.amount is 'The price of the stay.';
grant select on public.outside_statement to authenticated, service_role;
