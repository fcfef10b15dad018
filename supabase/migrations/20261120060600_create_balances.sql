-- Purpose: keeps the money of a booking correct: what guest, host and platform owe each other, and refunds of excess payments.
-- Touches: private.booking_shares, refund_surplus, end_payments, reconcile_booking_money; triggers on private.bookings and
-- public.cancellations.
-- Watch: it compares the present state with the ledger and posts and refunds the difference, so it may run at any time and any
-- number of times. It runs at the commit of a changed booking, under the booking's lock. A cancellation lowers the price by
-- cancellations.refund_amount, so a guest who paid in full is refunded exactly that.

create function private.booking_shares(
    p_booking_id uuid, out guest bigint, out host bigint, out tax bigint, out platform bigint
)
language plpgsql stable
set search_path = ''
as $$
begin
    with lines as (
        select coalesce(sum(i.amount - i.host_amount), 0)::bigint as remitted
        from public.booking_line_items i
        where i.booking_id = p_booking_id and i.kind = 'tax'
    ),
    shares as (
        select
            case
                when c.booking_id is not null then b.guest_total - c.refund_amount
                when b.status in ('confirmed', 'completed') then b.guest_total
                else 0
            end as guest,
            case
                when c.booking_id is not null then c.host_amount - c.host_fee
                when b.status in ('confirmed', 'completed') then b.host_total
                else 0
            end as host,
            case
                when c.booking_id is not null and b.guest_total > 0 then
                    private.proportion(l.remitted, b.guest_total - c.refund_amount, b.guest_total, private.step_of(b.currency))
                when b.status in ('confirmed', 'completed') then l.remitted
                else 0
            end as tax
        from private.bookings b
        left join public.cancellations c on c.booking_id = b.id
        cross join lines l
        where b.id = p_booking_id
    )
    select s.guest, s.host, s.tax, s.guest - s.host - s.tax into guest, host, tax, platform from shares s;
end
$$;
comment on function private.booking_shares is
    'Returns what the guest owes for a booking as it stands, and the shares of host, tax and platform in it, in minor units. A host''s cancellation fee belongs to the platform.';

create function private.refund_surplus(p_booking private.bookings, p_due bigint) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_surplus bigint := (
        select coalesce(sum(p.captured_amount - p.refunded_amount - p.disputed_amount), 0)
            - coalesce((
                select sum(r.amount) from public.refunds r where r.booking_id = p_booking.id and r.status = 'failed'
            ), 0)
        from public.payments p
        where p.booking_id = p_booking.id
    ) - p_due;
    v_amount bigint;
    v_refund uuid;
begin
    for v_payment in
        select p.* from public.payments p where p.booking_id = p_booking.id order by p.created_at desc, p.id for update
    loop
        v_amount := least(v_surplus, v_payment.captured_amount - v_payment.refunded_amount - v_payment.disputed_amount);
        continue when v_amount <= 0;
        insert into public.refunds (payment_id, booking_id, reason, currency, amount)
        values (
            v_payment.id, p_booking.id,
            case
                when p_booking.status in ('cancelled', 'no_show') then 'cancellation'
                when p_booking.status in ('confirmed', 'completed') then 'alteration'
                else 'late_payment'
            end::public.refund_reason,
            v_payment.currency, v_amount
        )
        returning id into v_refund;
        update public.payments p set refunded_amount = p.refunded_amount + v_amount where p.id = v_payment.id;
        perform private.enqueue_stripe_task('refund', v_refund::text);
        v_surplus := v_surplus - v_amount;
    end loop;
end
$$;
comment on function private.refund_surplus is
    'Refunds what was paid above p_due, from the newest payment first. Disputed amounts count as not paid, and failed refunds wait for an operator.';

create function private.end_payments(p_booking private.bookings) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_payment public.payments;
begin
    for v_payment in
        select p.* from public.payments p
        where p.booking_id = p_booking.id and p.status in ('requires_payment', 'processing', 'authorized')
    loop
        if p_booking.status = 'awaiting_payment' and v_payment.status = 'authorized' then
            perform private.enqueue_stripe_task('capture', v_payment.id::text);
        elsif v_payment.stripe_payment_intent_id is not null and v_payment.kind = 'booking'
            and p_booking.status in ('declined', 'withdrawn', 'expired', 'cancelled', 'no_show')
        then
            perform private.enqueue_stripe_task('cancel', v_payment.id::text);
        elsif v_payment.status = 'requires_payment' and v_payment.kind <> 'booking' and private.chargeable_due(p_booking, now()) = 0 then
            update public.payments p set status = 'cancelled' where p.id = v_payment.id;
            if v_payment.stripe_payment_intent_id is not null then
                perform private.enqueue_stripe_task('cancel', v_payment.id::text);
            end if;
        end if;
    end loop;
end
$$;
comment on function private.end_payments is
    'Captures an authorised payment when the host has accepted, and cancels open payments when the booking has ended or nothing is due any more.';

create function private.uncollectable_amount(p_booking private.bookings, p_share bigint) returns bigint
language sql stable
set search_path = ''
as $$
    select case
        when p_booking.status in ('completed', 'cancelled', 'no_show') and o.amount > 0 and o.amount < c.minimum_charge then o.amount
        else 0
    end
    from public.currencies c
    cross join lateral (select p_share - private.paid_amount(p_booking.id) as amount) o
    where c.code = p_booking.currency
$$;
comment on function private.uncollectable_amount is
    'What a guest still owes of p_share after a stay and no card can be charged, because it is below the minimum of the currency.';

create function private.reconcile_booking_money(p_booking_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_shares record;
    v_posted record;
    v_write_off bigint;
begin
    select b.* into v_booking from private.bookings b where b.id = p_booking_id for no key update;
    select * into v_shares from private.booking_shares(p_booking_id);
    select
        coalesce(sum(e.amount) filter (where a.purpose = 'guest' and t.kind = 'agreement'), 0)::bigint as guest,
        coalesce(-sum(e.amount) filter (where a.purpose = 'host_payable'), 0)::bigint as host,
        coalesce(-sum(e.amount) filter (where a.purpose = 'tax_payable'), 0)::bigint as tax,
        coalesce(-sum(e.amount) filter (where a.purpose = 'platform_fee' and t.kind = 'agreement'), 0)::bigint as platform,
        count(distinct t.id) filter (where t.kind = 'agreement') as number,
        coalesce(-sum(e.amount) filter (where a.purpose = 'guest' and t.kind = 'write_off'), 0)::bigint as written_off,
        count(distinct t.id) filter (where t.kind = 'write_off') as write_offs
    into v_posted
    from private.ledger_entries e
    join private.ledger_transactions t on t.id = e.transaction_id and t.kind in ('agreement', 'write_off')
    join private.ledger_accounts a on a.id = e.account_id
    where e.booking_id = p_booking_id;
    if (v_shares.guest, v_shares.host, v_shares.tax, v_shares.platform)
        is distinct from (v_posted.guest, v_posted.host, v_posted.tax, v_posted.platform)
    then
        perform private.post_transaction(
            format('agreement:%s:%s', p_booking_id, v_posted.number + 1), 'agreement',
            format('"%s", %s to %s: %s', v_booking.property_title, v_booking.check_in, v_booking.check_out, replace(v_booking.status::text, '_', ' ')),
            now(),
            array[
                row('guest', v_booking.guest_id, v_booking.currency, p_booking_id, v_shares.guest - v_posted.guest)::private.posting,
                row('host_payable', v_booking.host_id, v_booking.currency, p_booking_id, v_posted.host - v_shares.host)::private.posting,
                row('tax_payable', null, v_booking.currency, p_booking_id, v_posted.tax - v_shares.tax)::private.posting,
                row('platform_fee', null, v_booking.currency, p_booking_id, v_posted.platform - v_shares.platform)::private.posting
            ]
        );
    end if;
    v_write_off := private.uncollectable_amount(v_booking, v_shares.guest) - v_posted.written_off;
    if v_write_off <> 0 then
        perform private.post_transaction(
            format('write_off:%s:%s', p_booking_id, v_posted.write_offs + 1), 'write_off', 'Too small to be charged', now(),
            array[
                row('guest', v_booking.guest_id, v_booking.currency, p_booking_id, -v_write_off)::private.posting,
                row('platform_fee', null, v_booking.currency, p_booking_id, v_write_off)::private.posting
            ]
        );
    end if;
    perform private.end_payments(v_booking);
    if v_booking.status <> 'requested' and v_booking.status <> 'awaiting_payment' then
        perform private.refund_surplus(v_booking, v_shares.guest);
    end if;
    perform private.plan_charge(v_booking, v_shares.guest);
end
$$;
comment on function private.reconcile_booking_money is
    'Updates ledger, refunds, payments and planned charge of a booking to match its present state, and writes off what cannot be charged. Definer, because no API role may write them.';

create function private.reconcile_changed_booking_money() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.reconcile_booking_money((case tg_table_name when 'bookings' then to_jsonb(new) ->> 'id' else to_jsonb(new) ->> 'booking_id' end)::uuid);
    return null;
end
$$;
comment on function private.reconcile_changed_booking_money is
    'Trigger at commit, when lines and cancellation are written: reconciles the money of a changed booking. Definer, because clients cause the change.';

create constraint trigger _100_reconcile_booking_money after update on private.bookings
    deferrable initially deferred for each row
    when (
        old.status is distinct from new.status or old.guest_total is distinct from new.guest_total
        or old.host_total is distinct from new.host_total
    )
    execute function private.reconcile_changed_booking_money();
create constraint trigger reconcile_booking_money after insert on public.cancellations
    deferrable initially deferred for each row execute function private.reconcile_changed_booking_money();
