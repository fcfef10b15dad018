-- Purpose: a booking, its nights, its lines and its cancellation match at every commit, for every role.
-- Touches: private.refuse_inconsistent_booking and its trigger on private.booking_events.
-- Watch: the check runs at commit, because functions change the parts one after the other. Without it an `update` by a superuser could
-- leave nights that end with the hold, or those of the old dates.

insert into private.errors (code, status, message, hint) values
    ('inconsistent_booking', 409, 'The booking''s {part} would not match the booking.', 'Use accept_booking, confirm_booking, cancel_booking or an alteration: they change all parts together.');

create function private.refuse_inconsistent_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_part text;
    -- the booking at commit, not as this change left it
    v_booking record;
    v_lines record;
    v_nights record;
begin
    select
        b.status, b.property_id, b.check_in, b.check_out, b.check_out_at, b.expires_at, b.units, b.guest_total, b.host_total
    into v_booking
    from private.bookings b
    where b.id = new.booking_id;
    select sum(i.amount) as guest, sum(i.host_amount) as host into v_lines
    from private.booking_line_items i
    where i.booking_id = new.booking_id;
    -- a statement for each part, because queries within one expression would be prepared together each time
    if (v_booking.guest_total, v_booking.host_total) is distinct from (v_lines.guest, v_lines.host) then
        v_part := 'lines';
    elsif v_booking.status in ('declined', 'withdrawn', 'expired', 'cancelled', 'no_show') then
        if exists (select from public.occupancies o where o.booking_id = new.booking_id) then
            v_part := 'nights';
        elsif v_booking.status in ('cancelled', 'no_show') and not exists (
            select from public.cancellations c where c.booking_id = new.booking_id
        ) then
            v_part := 'cancellation';
        end if;
    -- the nights of an ended hold or stay may have been released by others
    elsif v_booking.status = 'confirmed' and v_booking.check_out_at > clock_timestamp() or v_booking.expires_at > clock_timestamp() then
        select
            count(o.id) as kept,
            case when p.unit_count > 1 then v_booking.units else count(*) end as needed
        into v_nights
        from public.properties p
        join public.property_spaces s on s.property_id = p.id
        left join public.occupancies o
            on o.booking_id = new.booking_id and o.space_id = s.space_id
            and o.check_in = v_booking.check_in and o.check_out = v_booking.check_out
            and o.expires_at is not distinct from v_booking.expires_at
        where p.id = v_booking.property_id
        group by p.id;
        if v_nights.kept <> v_nights.needed then
            v_part := 'nights';
        end if;
    end if;
    if v_part is not null then
        perform private.raise_error('inconsistent_booking', jsonb_build_object('part', v_part, 'booking_id', new.booking_id));
    end if;
    return null;
end
$$;
comment on function private.refuse_inconsistent_booking is
    'Trigger at commit: refuses a booking whose nights, lines or cancellation do not match it. Definer, because clients'' changes arrive here.';

-- on the log, which has a narrow row for each change that can matter here
create constraint trigger _150_refuse_inconsistent_booking after insert on private.booking_events
    deferrable initially deferred for each row execute function private.refuse_inconsistent_booking();
