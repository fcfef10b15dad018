-- Purpose: what a booking makes visible: address and contact data while it is confirmed, and the booked property for its guest.
-- Touches: private.my_visible_addresses, my_booked_properties, was_ever_booked, booking_contacts; policies of properties and
-- property_addresses; public.booking_contacts.
-- Watch: address and contact data are hidden again as soon as the booking is cancelled or the stay is over.

create function private.my_visible_addresses() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select private.my_properties('calendar')
    union all
    select b.property_id from private.bookings b
    where b.guest_id = auth.uid() and b.status = 'confirmed' and b.check_out_at > now()
$$;

grant execute on function private.my_visible_addresses to authenticated;
comment on function private.my_visible_addresses is
    'Properties whose exact address the caller may see: own and co-hosted ones, and those of a confirmed booking until the stay is over. Definer, like my_properties.';

create policy "Hosts, co-hosts and confirmed guests can read addresses" on public.property_addresses for select to authenticated
    using (property_id = any (array(select private.my_visible_addresses())));
create policy "Operators can read any" on public.property_addresses for select to operator using (true);

create function private.my_booked_properties() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select b.property_id from private.bookings b where b.guest_id = auth.uid()
$$;
grant execute on function private.my_booked_properties to authenticated;
comment on function private.my_booked_properties is
    'Properties that the caller has ever booked. Definer, so that the policies of properties and bookings do not call each other without end.';

create policy "People can read published, own, co-hosted and booked properties" on public.properties
    for select to authenticated
    using (
        status = 'published' or host_id = (select auth.uid())
        or id in (select private.my_properties('calendar')) or id in (select private.my_booked_properties())
    );
create policy "Operators can read any" on public.properties for select to operator using (true);

create function private.was_ever_booked(p_property uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select exists (select from private.bookings b where b.property_id = p_property)
$$;
comment on function private.was_ever_booked is
    'Whether there has ever been a booking of the property, of any status. Definer, because it reads behind the policies.';

create function private.booking_contacts(p_booking_id uuid)
returns table (profile_id uuid, side public.booking_actor, display_name text, phone text, email text)
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
begin
    perform private.require_booking_party(p_booking_id);
    select b.* into v_booking from private.bookings b where b.id = p_booking_id;
    if v_booking.status <> 'confirmed' or v_booking.check_out_at <= now() then
        return;
    end if;
    return query
        select s.id, s.side, p.display_name, a.phone, u.email::text
        from (values
            (v_booking.guest_id, 'guest'::public.booking_actor, v_booking.property_id in (select private.my_properties('calendar_and_messages'))),
            (v_booking.host_id, 'host', auth.uid() = v_booking.guest_id)
        ) as s (id, side, is_other_side)
        join public.profiles p on p.id = s.id
        left join public.accounts a on a.id = s.id
        left join auth.users u on u.id = s.id
        where s.is_other_side or (select private.is_operator());
end
$$;
grant execute on function private.booking_contacts to authenticated;
comment on function private.booking_contacts is
    'Phone and e-mail of the other side of a confirmed booking. Definer, because clients cannot read the accounts of others.';

create function public.booking_contacts(p_booking_id uuid)
returns table (profile_id uuid, side public.booking_actor, display_name text, phone text, email text)
language sql stable
set search_path = ''
as $$
    select * from private.booking_contacts(p_booking_id)
$$;
grant execute on function public.booking_contacts to authenticated;
comment on function public.booking_contacts is
    'Returns phone and e-mail of the other side of a confirmed booking; no row before the confirmation and after the stay. Guests get the host''s data, the host and co-hosts with messages the guest''s, operators both.';
