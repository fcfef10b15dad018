-- Purpose: everything that follows from a booking event, in order.
-- Touches: private.follow_booking_event, trigger on private.booking_events.
-- Watch: it runs in the transaction of the change, after the booking is written. Money follows at the commit, when the booking's
-- lines and cancellation are written too: the deferred triggers of private.bookings and public.cancellations do it (domain 06).

create function private.follow_booking_event() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.add_booking_event_to_thread(new);
    perform private.remove_reviews_of_no_show(new);
    perform private.notify_of_booking_event(new);
    perform private.queue_webhooks_of_booking_event(new);
    return null;
end
$$;
comment on function private.follow_booking_event is
    'Trigger: calls everything that follows from a booking event, in this order. Definer, because no API role may execute these functions.';

create trigger _100_follow_booking_event after insert on private.booking_events
    for each row execute function private.follow_booking_event();
