-- Purpose: a booking, its nights, its lines and its cancellation say the same at every commit, whoever wrote them.
-- Touches: private.refuse_inconsistent_booking, trigger on private.bookings.
-- Watch: an ordinary `update` of a superuser may make a legal change of status or dates; without this it would leave nights that
-- end with the hold, or those of the old dates. Functions change one after the other, so it looks at the commit.

insert into private.errors (code, status, message, hint) values
    ('inconsistent_booking', 409, 'The booking''s {part} would not match the booking.', 'Use accept_booking, confirm_booking, cancel_booking or an alteration: they change all parts together.');

create function private.refuse_inconsistent_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    -- as it stands at the commit, not as this change left it
    v_booking private.bookings;
    v_part text;
begin
    select b.* into v_booking from private.bookings b where b.id = new.id;
    v_part := case
        when (v_booking.guest_total, v_booking.host_total) is distinct from (
            select (sum(i.amount)::bigint, sum(i.host_amount)::bigint) from public.booking_line_items i where i.booking_id = new.id
        ) then 'lines'
        -- of what is over, by the clock, others may have cleared the nights away
        when (v_booking.status = 'confirmed' and v_booking.check_out_at > clock_timestamp() or v_booking.expires_at > clock_timestamp())
            and not exists (
                select from public.occupancies o
                where
                    o.booking_id = new.id and (o.check_in, o.check_out) = (v_booking.check_in, v_booking.check_out)
                    and o.expires_at is not distinct from v_booking.expires_at
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
    'Trigger at commit: refuses a booking whose nights, lines or cancellation are not what it says. Definer, because clients'' changes end here.';

create constraint trigger _200_refuse_inconsistent_booking after insert on private.bookings
    deferrable initially deferred for each row execute function private.refuse_inconsistent_booking();
-- guard_booking lets expires_at change with the status alone
create constraint trigger _200_refuse_inconsistent_booking_on_update after update on private.bookings
    deferrable initially deferred for each row
    when (
        (old.status, old.check_in, old.check_out, old.guest_total, old.host_total)
        is distinct from (new.status, new.check_in, new.check_out, new.guest_total, new.host_total)
    )
    execute function private.refuse_inconsistent_booking();
