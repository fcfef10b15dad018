-- Purpose: telling people what happened to their money: a card that was refused, a payment that went back, a payout.
-- Touches: public.notification_kinds; triggers on public.payments, refunds and payouts.
-- Watch: what a cancellation or an alteration gives back is told with it; told here is what nobody else tells.

insert into public.notification_kinds (id, topic, is_urgent) values ('payment_returned', 'bookings', true);

create function private.notify_of_money() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_data jsonb;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    v_data := private.booking_summary(new.booking_id) || jsonb_build_object('amount', new.amount, 'currency', new.currency);
    case tg_table_name
        when 'payments' then
            perform private.notify(
                new.guest_id, 'payment_failed', 'payment_failed:' || new.id,
                v_data || jsonb_build_object('you_are', 'guest', 'payment_kind', to_jsonb(new) -> 'kind'), new.booking_id, v_booking.property_id
            );
        when 'refunds' then
            perform private.notify(
                v_booking.guest_id, 'payment_returned', 'refund:' || new.id, v_data || '{"you_are": "guest"}', new.booking_id, v_booking.property_id
            );
        when 'payouts' then
            perform private.notify(
                v_booking.host_id, 'payout_sent', 'payout:' || new.id, v_data || '{"you_are": "host"}', new.booking_id, v_booking.property_id
            );
    end case;
    return null;
end
$$;
revoke execute on function private.notify_of_money() from public;
comment on function private.notify_of_money() is
    'Trigger: tells whom it concerns of a refused card, a payment that goes back, a payout that was sent. Definer, because no role may write notifications.';

create trigger notify_of_money after update of last_error on public.payments for each row
    when (new.last_error is not null and old.last_error is distinct from new.last_error and new.status = 'requires_payment')
    execute function private.notify_of_money();
create trigger notify_of_money after insert on public.refunds for each row
    when (new.reason = 'late_payment') execute function private.notify_of_money();
create trigger notify_of_money after update of status on public.payouts for each row
    when (new.status = 'paid' and old.status <> 'paid') execute function private.notify_of_money();
