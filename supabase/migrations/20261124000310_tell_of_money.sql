-- Purpose: telling guests of payments that failed and of refunds, hosts of payouts.
-- Touches: notification kind refund_sent; triggers on public.payments, refunds, payouts.
-- Watch: what Stripe said may be applied again and again, so each is told once by its dedupe_key.

insert into public.notification_kinds (id, topic, is_urgent) values ('refund_sent', 'bookings', false);

create function private.notify_of_money() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_data jsonb := jsonb_build_object('amount', new.amount, 'you_are', case tg_table_name when 'payouts' then 'host' else 'guest' end);
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if tg_table_name = 'payments' then
        v_data := v_data || jsonb_build_object('reason', new.last_error);
    elsif tg_table_name = 'refunds' then
        v_data := v_data || jsonb_build_object('refund_reason', new.reason);
    end if;
    perform private.notify(
        case tg_table_name when 'payouts' then v_booking.host_id else v_booking.guest_id end,
        tg_argv[0],
        concat_ws(':', tg_argv[0], new.id, v_data ->> 'reason'),
        private.booking_summary(new.booking_id) || v_data,
        new.booking_id, v_booking.property_id
    );
    return null;
end
$$;
comment on function private.notify_of_money is
    'Trigger, with the kind of notification: tells whose money it is. Definer, because it runs as the worker, who may not write notifications.';
create trigger notify_of_failure after update of last_error on public.payments for each row
    when (new.last_error is not null and new.status = 'requires_payment') execute function private.notify_of_money('payment_failed');
create trigger notify_of_refund after update of status on public.refunds for each row
    when (new.status = 'succeeded' and old.status <> 'succeeded') execute function private.notify_of_money('refund_sent');
create trigger notify_of_payout after update of status on public.payouts for each row
    when (new.status = 'paid' and old.status <> 'paid') execute function private.notify_of_money('payout_sent');
