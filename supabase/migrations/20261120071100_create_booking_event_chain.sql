-- Purpose: everything that follows from a booking event, in order.
-- Touches: private.follow_booking_event, trigger on private.booking_events. Its last steps come from later migrations.
-- Watch: it runs in the transaction of the change, after the booking is written. Money follows at the commit, when the booking's
-- lines and cancellation are written too: the deferred triggers of private.booking_events and public.cancellations do it (domain 06).

create function private.follow_booking_event() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    -- takes what returns nothing, because perform starts the executor for each step
    v_done text;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if new.event <> 'status_changed' then
        v_done := private.share_with_co_hosts(new, v_booking);
    end if;
    v_done := private.add_booking_event_to_thread(new, v_booking);
    if new.to_status = 'no_show' then
        v_done := private.remove_reviews_of_no_show(new);
    end if;
    v_done := private.notify_of_booking_event(new, v_booking);
    v_done := private.queue_webhooks_of_booking_event(new, v_booking);
    if new.event <> 'created' then
        v_done := private.review_payable(new.booking_id);
    end if;
    if new.to_status = 'completed' then
        v_done := private.end_overbookings_of_stay(new.booking_id);
    end if;
    if new.event <> 'altered' then
        v_done := private.count_booking_status(new);
    end if;
    return null;
end
$$;
comment on function private.follow_booking_event is
    'Trigger: calls everything that follows from a booking event, in this order. Definer, because no API role may execute these functions.';

create trigger _100_follow_booking_event after insert on private.booking_events
    for each row execute function private.follow_booking_event();
