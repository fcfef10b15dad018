-- Purpose: a booking, its nights, its lines and its cancellation match at every commit, for every role.
-- Touches: private.refuse_inconsistent_booking and its triggers on private.bookings.
-- Watch: the check runs at commit, because functions change the parts one after the other. Without it an `update` by a superuser could
-- leave nights that end with the hold, or those of the old dates.

insert into private.errors (code, status, message, hint) values
    ('inconsistent_booking', 409, 'The booking''s {part} would not match the booking.', 'Use accept_booking, confirm_booking, cancel_booking or an alteration: they change all parts together.');

create function private.refuse_inconsistent_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    -- the booking at commit, not as this change left it
    v_booking private.bookings;
    v_part text;
begin
    select b.* into v_booking from private.bookings b where b.id = new.id;
    v_part := case
        when (v_booking.guest_total, v_booking.host_total) is distinct from (
            select (sum(i.amount)::bigint, sum(i.host_amount)::bigint) from private.booking_line_items i where i.booking_id = new.id
        ) then 'lines'
        -- the nights of an ended hold or stay may have been released by others
        when (v_booking.status = 'confirmed' and v_booking.check_out_at > clock_timestamp() or v_booking.expires_at > clock_timestamp())
            and (
                select count(*)
                from public.property_spaces s
                join public.occupancies o on o.booking_id = new.id and o.space_id = s.space_id
                where
                    s.property_id = v_booking.property_id and (o.check_in, o.check_out) = (v_booking.check_in, v_booking.check_out)
                    and o.expires_at is not distinct from v_booking.expires_at
            ) <> (
                select case when p.unit_count > 1 then v_booking.units else (
                    select count(*) from public.property_spaces s where s.property_id = p.id
                ) end
                from public.properties p
                where p.id = v_booking.property_id
            ) then 'nights'
        when v_booking.status in ('declined', 'withdrawn', 'expired', 'cancelled', 'no_show')
            and exists (select from public.occupancies o where o.booking_id = new.id) then 'nights'
        when v_booking.status in ('cancelled', 'no_show')
            and not exists (select from public.cancellations c where c.booking_id = new.id) then 'cancellation'
    end;
    if v_part is not null then
        perform private.raise_error('inconsistent_booking', jsonb_build_object('part', v_part, 'booking_id', new.id));
    end if;
    return null;
end
$$;
comment on function private.refuse_inconsistent_booking is
    'Trigger at commit: refuses a booking whose nights, lines or cancellation do not match it. Definer, because clients'' changes arrive here.';

create constraint trigger _200_refuse_inconsistent_booking after insert on private.bookings
    deferrable initially deferred for each row execute function private.refuse_inconsistent_booking();
-- without expires_at, because guard_booking lets it change only together with the status
create constraint trigger _200_refuse_inconsistent_booking_on_update after update on private.bookings
    deferrable initially deferred for each row
    when (
        (old.status, old.check_in, old.check_out, old.units, old.guest_total, old.host_total)
        is distinct from (new.status, new.check_in, new.check_out, new.units, new.guest_total, new.host_total)
    )
    execute function private.refuse_inconsistent_booking();
