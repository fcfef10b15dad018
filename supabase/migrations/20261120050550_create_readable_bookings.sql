-- Purpose: every booking once for each of its readers, so that a page of bookings is read by index.
-- Touches: private.co_hosted_bookings, share_with_co_hosts; a trigger on public.co_hosts; view private.readable_bookings.
-- Watch: `or` in a policy keeps an index from being used. The planner merges branches by their indexes, when they have no condition of
-- their own and the reader is the one condition outside; it does not run branches that is_whole excludes.

create table private.co_hosted_bookings (
    booking_id uuid not null constraint co_hosted_bookings_booking_fkey references private.bookings (id) on delete restrict,
    profile_id uuid not null,
    property_id uuid not null,
    check_in date not null,
    created_at timestamptz not null,
    constraint co_hosted_bookings_pkey primary key (booking_id, profile_id),
    constraint co_hosted_bookings_co_host_fkey
        foreign key (property_id, profile_id) references public.co_hosts (property_id, profile_id) on delete cascade
);
comment on table private.co_hosted_bookings is
    'The bookings that co-hosts can read, except those that they made as guests. A trigger on co_hosts and share_with_co_hosts keep it.';
create index co_hosted_bookings_co_host_idx on private.co_hosted_bookings (property_id, profile_id);
create index co_hosted_bookings_created_at_idx on private.co_hosted_bookings (profile_id, created_at);
create index co_hosted_bookings_check_in_idx on private.co_hosted_bookings (profile_id, check_in);
alter table private.co_hosted_bookings alter column profile_id set (n_distinct = 100);
alter table private.co_hosted_bookings enable row level security;

create function private.add_co_hosted_bookings() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    -- waits for a booking that is being written, which cannot see the new co-host
    perform from public.properties p where p.id = new.property_id for no key update;
    insert into private.co_hosted_bookings (booking_id, profile_id, property_id, check_in, created_at)
    select b.id, new.profile_id, b.property_id, b.check_in, b.created_at
    from private.bookings b
    where b.property_id = new.property_id and b.guest_id <> new.profile_id;
    return null;
end
$$;
comment on function private.add_co_hosted_bookings is
    'Trigger: gives a new co-host the bookings of the property. Definer, because no API role may write co_hosted_bookings.';
create trigger _200_add_co_hosted_bookings after insert on public.co_hosts
    for each row execute function private.add_co_hosted_bookings();

create function private.share_with_co_hosts(p_event private.booking_events, p_booking private.bookings) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if p_event.event = 'altered' then
        update private.co_hosted_bookings c set check_in = p_booking.check_in where c.booking_id = p_booking.id;
    elsif exists (select from public.co_hosts c where c.property_id = p_booking.property_id) then
        insert into private.co_hosted_bookings (booking_id, profile_id, property_id, check_in, created_at)
        select p_booking.id, c.profile_id, p_booking.property_id, p_booking.check_in, p_booking.created_at
        from public.co_hosts c
        where c.property_id = p_booking.property_id and c.profile_id <> p_booking.guest_id;
    end if;
end
$$;
comment on function private.share_with_co_hosts is
    'Gives a new booking to the co-hosts of its property, and new dates to those that have it. Definer, because no API role may write co_hosted_bookings.';

-- runs as its owner, because policies in each branch double the cost of a count; it shows a caller only what the policies do
create view private.readable_bookings as
select r.id, r.check_in, r.created_at
from (
    select b.guest_id as reader, false as is_whole, b.id, b.check_in, b.created_at from private.bookings b
    union all
    select b.host_id, false, b.id, b.check_in, b.created_at from private.bookings b
    union all
    select c.profile_id, false, c.booking_id, c.check_in, c.created_at from private.co_hosted_bookings c
    union all
    select greatest(b.guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), true, b.id, b.check_in, b.created_at from private.bookings b
) r
where r.reader = (select private.reader()) and r.is_whole = (select private.reads_everything());
comment on view private.readable_bookings is
    'Each booking that the caller can read, as its guest, its host or a co-host; every booking for readers of everything.';
grant select on private.readable_bookings to authenticated, service_role;
