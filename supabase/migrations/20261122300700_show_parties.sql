-- Purpose: what a booking changes for others: parties of a confirmed one see address and contact data, guests can read what they
-- booked, what was never booked can be deleted, nobody leaves during a trip, and an export holds bookings.
-- Touches: private.my_visible_addresses, was_ever_booked, record_property, departure_obstacles; the policy of properties;
-- public.booking_contacts, export_my_data.
-- Watch: confirmed means confirmed this second: with the cancellation or the end of the stay the data are hidden again.

create or replace function private.my_visible_addresses() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select private.my_properties('calendar')
    union all
    select b.property_id from private.bookings b
    where b.guest_id = auth.uid() and b.status = 'confirmed' and b.check_out_at > now()
$$;
comment on function private.my_visible_addresses is
    'Properties whose exact address the caller may see: hosted and co-hosted ones, and those of a confirmed booking until it is over. Called by the policy of property_addresses. Definer, as my_properties.';
alter policy "Hosts, co-hosts and operators can read addresses" on public.property_addresses
    rename to "Hosts, co-hosts, operators and confirmed guests can read addresses";

create function private.my_booked_properties() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select b.property_id from private.bookings b where b.guest_id = auth.uid()
$$;
grant execute on function private.my_booked_properties to authenticated;
comment on function private.my_booked_properties is
    'Properties that the caller ever booked. Called by the policy of properties. Definer, so that policies do not go in circles.';

alter policy "People can read published properties and theirs, operators any" on public.properties
    using (
        status = 'published' or host_id = (select auth.uid())
        or id in (select private.my_properties('calendar')) or id in (select private.my_booked_properties())
        or (select private.is_operator())
    );
alter policy "People can read published properties and theirs, operators any" on public.properties
    rename to "People can read published properties, theirs and booked ones, operators any";

create or replace function private.was_ever_booked(p_property uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select exists (select from private.bookings b where b.property_id = p_property)
$$;
comment on function private.was_ever_booked is
    'Whether somebody ever booked the property, or asked to. Called before a deletion. Definer, because it reads behind the policies.';

create or replace function private.departure_obstacles(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    (
        select 'hosted_property', format('"%s" is %s. %s', p.title, p.status,
            case p.status when 'draft' then 'Delete it.' when 'suspended' then 'Ask support.' else 'Archive it.' end), p.id
        from public.properties p
        where p.host_id = p_person and p.status <> 'archived'
        order by p.created_at, p.id
    )
    union all
    (
        select
            case when b.guest_id = p_person then 'open_trip' else 'hosted_trip' end,
            format(
                'The stay at "%s" from %s to %s is %s. %s', b.property_title, b.check_in, b.check_out, replace(b.status::text, '_', ' '),
                case when b.status = 'confirmed' then 'Cancel it or wait until it is over.' else 'Give it up, or wait until it ends.' end
            ),
            b.id
        from private.bookings b
        where
            p_person in (b.guest_id, b.host_id)
            and (b.expires_at > now() or b.status = 'confirmed' and b.check_out_at > now())
        order by b.check_in, b.id
    )
$$;

create function private.contacts_of(p_booking_id uuid)
returns table (profile_id uuid, side public.booking_actor, display_name text, phone text, email text)
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
begin
    perform private.require_party(p_booking_id);
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
grant execute on function private.contacts_of to authenticated;
comment on function private.contacts_of is
    'The other side''s phone and e-mail while a booking is confirmed. Called by public.booking_contacts. Definer, because no client may read another''s account.';

create function public.booking_contacts(p_booking_id uuid)
returns table (profile_id uuid, side public.booking_actor, display_name text, phone text, email text)
language sql stable
set search_path = ''
as $$
    select * from private.contacts_of(p_booking_id)
$$;
grant execute on function public.booking_contacts to authenticated;
comment on function public.booking_contacts is
    'How to reach the other side of a confirmed booking, until it is over; no row before and after. The host''s data for the guest; the guest''s for the host and co-hosts who talk with guests; both for operators.';

-- The export so far becomes a part of it.
alter function public.export_my_data() set schema private;
alter function private.export_my_data() rename to export_account;
comment on function private.export_account is 'Account, properties and what hangs on them, of the caller. Called by export_my_data; reads as the caller.';

create function private.export_bookings() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'bookings', coalesce(jsonb_agg(
            to_jsonb(b) || jsonb_build_object(
                'line_items', (
                    select coalesce(jsonb_agg(to_jsonb(i) - 'booking_id' order by i.position), '[]')
                    from public.booking_line_items i
                    where i.booking_id = b.id
                ),
                'alterations', (
                    select coalesce(jsonb_agg(to_jsonb(a) - 'booking_id' order by a.created_at, a.id), '[]')
                    from public.booking_alterations a
                    where a.booking_id = b.id
                ),
                'cancellation', (select to_jsonb(c) - 'booking_id' from public.cancellations c where c.booking_id = b.id)
            )
            order by b.created_at, b.id
        ), '[]')
    )
    from public.bookings b
    where auth.uid() in (b.guest_id, b.host_id)
$$;
grant execute on function private.export_bookings to authenticated;
comment on function private.export_bookings is 'Bookings of the caller, as guest and as host. Called by export_my_data; reads as the caller.';

create function public.export_my_data() returns jsonb
language sql stable
set search_path = ''
as $$
    select private.export_account() || private.export_bookings()
$$;
grant execute on function public.export_my_data to authenticated;
comment on function public.export_my_data is 'Everything about the caller as JSON (GDPR, article 20). Reads as the caller, so it cannot hold what is not theirs.';
