-- Purpose: keeps the money of a booking correct: what guest, host and platform owe each other, and refunds of excess payments.
-- Touches: private.booking_layers, booking_shares, refund_surplus, end_payments, reconcile_booking_money; triggers on private.bookings
-- and public.cancellations.
-- Watch: it compares the present state with the ledger and posts and refunds the difference, so it may run at any time and any
-- number of times. It runs at the commit of a changed booking, under the booking's lock. A cancellation lowers the price by
-- cancellations.refund_amount, so a guest who paid in full is refunded exactly that. Money that was given back otherwise (goodwill,
-- a lost dispute) stays back: it lowers what the guest owes, and never leads to a charge.

create function private.booking_layers(p_booking_id uuid, p_by_host bigint default 0, p_by_platform bigint default 0)
returns table (kind text, guest bigint, host bigint, tax bigint, platform bigint, goodwill bigint)
language plpgsql stable
set search_path = ''
as $$
declare
    v_requested constant bigint := private.requested_amount(p_booking_id);
    v_price bigint;
    v_host bigint;
    v_fee bigint;
    v_tax bigint;
    v_is_over boolean;
    v_step bigint;
    v_minimum_charge bigint;
    -- what no card has paid
    v_unpaid bigint;
    -- what was given back and no fall of the price explains
    v_by_bank bigint := coalesce((select sum(d.lost_amount) from public.disputes d where d.booking_id = p_booking_id), 0);
    v_by_host bigint;
    v_by_platform bigint;
    v_explained bigint;
    v_cut bigint;
    v_host_cut bigint := 0;
    v_tax_cut bigint := 0;
begin
    select
        case
            when c.booking_id is not null then b.guest_total - c.refund_amount
            when b.status in ('confirmed', 'completed') then b.guest_total
            else 0
        end,
        case
            when c.booking_id is not null then c.host_amount
            when b.status in ('confirmed', 'completed') then b.host_total
            else 0
        end,
        coalesce(c.host_fee, 0),
        case
            when c.booking_id is not null and b.guest_total > 0 then
                private.proportion(l.remitted, b.guest_total - c.refund_amount, b.guest_total, u.step)
            when b.status in ('confirmed', 'completed') then l.remitted
            else 0
        end,
        b.status in ('completed', 'cancelled', 'no_show'), u.step, u.minimum_charge
    into v_price, v_host, v_fee, v_tax, v_is_over, v_step, v_minimum_charge
    from private.bookings b
    join public.currencies u on u.code = b.currency
    left join public.cancellations c on c.booking_id = b.id
    cross join lateral (
        select coalesce(sum(i.amount - i.host_amount), 0)::bigint as remitted
        from private.booking_line_items i
        where i.booking_id = b.id and i.kind = 'tax'
    ) l
    where b.id = p_booking_id;
    kind := 'agreement'; guest := v_price; host := v_host - v_fee; tax := v_tax; platform := guest - host - tax; goodwill := 0;
    return next;
    kind := 'request'; guest := v_requested; host := v_requested; tax := 0; platform := 0;
    return next;

    select
        coalesce(sum(r.amount) filter (where r.borne_by = 'host'), 0) + p_by_host,
        coalesce(sum(r.amount) filter (where r.borne_by is distinct from 'host'), 0) + p_by_platform
    into v_by_host, v_by_platform
    from public.refunds r
    where r.booking_id = p_booking_id and r.reason = 'goodwill' and r.status in ('pending', 'succeeded');
    v_price := v_price + v_requested;
    v_host := v_host + v_requested;
    v_unpaid := v_price - private.charged_amount(p_booking_id);
    v_explained := greatest(0, -v_unpaid);
    v_cut := least(v_explained, v_by_bank);
    v_by_bank := v_by_bank - v_cut;
    v_explained := v_explained - v_cut;
    v_cut := least(v_explained, v_by_host);
    v_by_host := v_by_host - v_cut;
    v_by_platform := greatest(0, v_by_platform - (v_explained - v_cut));

    v_cut := least(v_by_bank, v_price);
    if v_cut > 0 then
        v_host_cut := private.proportion(least(v_host, v_price), v_cut, v_price, v_step);
        v_tax_cut := private.proportion(v_tax, v_cut, v_price, v_step);
    end if;
    kind := 'dispute_lost'; guest := -v_by_bank; host := -v_host_cut; tax := -v_tax_cut;
    platform := -(v_by_bank - v_host_cut - v_tax_cut);
    return next;
    kind := 'goodwill'; guest := -(v_by_host + v_by_platform); host := -v_by_host; tax := 0; platform := 0; goodwill := -v_by_platform;
    return next;
    kind := 'write_off'; host := 0; goodwill := 0;
    guest := case when v_is_over and v_unpaid > 0 and v_unpaid < v_minimum_charge then -v_unpaid else 0 end;
    platform := guest;
    return next;
end
$$;
comment on function private.booking_layers is
    'Returns, in minor units, what guest, host, tax and platform have in a booking as it stands, one row for each kind of ledger transaction: the agreement, accepted requests, lost disputes, goodwill, and what is written off because no card can be charged so little. p_by_host and p_by_platform are goodwill to add for a preview. What was given back counts first for what alteration or cancellation give back; of the rest of a lost dispute, host and tax bear their parts, the platform what remains.';

create function private.booking_shares(
    p_booking_id uuid, out price bigint, out guest bigint, out host bigint, out tax bigint, out platform bigint, out goodwill bigint
)
language plpgsql stable
set search_path = ''
as $$
begin
    select sum(l.guest) filter (where l.kind in ('agreement', 'request')), sum(l.guest), sum(l.host), sum(l.tax), sum(l.platform), sum(l.goodwill)
    into price, guest, host, tax, platform, goodwill
    from private.booking_layers(p_booking_id) l;
end
$$;
comment on function private.booking_shares is
    'Returns what the guest owes for a booking as it stands (price, and guest after what was given back), and the shares of host, tax, platform and goodwill in it, in minor units. A host''s cancellation fee belongs to the platform.';

create function private.is_disputed(p_payment_id uuid) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    return exists (select from public.disputes d where d.payment_id = p_payment_id and d.status in ('needs_response', 'under_review'));
end
$$;
comment on function private.is_disputed is
    'Whether a dispute of the payment is open. Stripe refunds nothing of it then; an inquiry (warning_...) is no dispute.';

create function private.refund_surplus(p_booking private.bookings, p_price bigint) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_surplus bigint := private.paid_amount(p_booking.id) - p_price
        - coalesce((
            select sum(d.amount) from public.disputes d where d.booking_id = p_booking.id and d.status in ('needs_response', 'under_review')
        ), 0)
        - coalesce((
            select sum(r.amount) from public.refunds r
            where r.booking_id = p_booking.id and r.status = 'failed' and r.reason <> 'goodwill'
        ), 0);
    v_amount bigint;
    v_refund uuid;
begin
    for v_payment in
        select p.* from public.payments p where p.booking_id = p_booking.id order by p.created_at desc, p.id for update
    loop
        v_amount := least(v_surplus, v_payment.captured_amount - v_payment.refunded_amount - v_payment.disputed_amount);
        continue when v_amount <= 0 or private.is_disputed(v_payment.id);
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
    'Refunds what was paid above p_price, from the newest payment first. An open dispute holds its amount back, and failed refunds wait for an operator.';

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

create function private.reconcile_booking_money(p_booking_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_confirmed_at timestamptz;
    v_price bigint;
    v_change record;
begin
    select b.confirmed_at into v_confirmed_at from private.bookings b where b.id = p_booking_id for no key update;
    -- a hold or request that ended before anything was paid or planned
    if
        v_confirmed_at is null
        and not exists (select from public.payments p where p.booking_id = p_booking_id)
        and not exists (select from private.ledger_entries e where e.booking_id = p_booking_id)
        and not exists (select from private.planned_charges c where c.booking_id = p_booking_id)
    then
        return;
    end if;
    select b.* into v_booking from private.bookings b where b.id = p_booking_id;
    for v_change in
        select
            l.kind, l.guest - coalesce(p.guest, 0) as guest, l.host - coalesce(p.host, 0) as host, l.tax - coalesce(p.tax, 0) as tax,
            l.platform - coalesce(p.platform, 0) as platform, l.goodwill - coalesce(p.goodwill, 0) as goodwill,
            coalesce(p.number, 0) + 1 as number
        from private.booking_layers(p_booking_id) l
        left join (
            select
                t.kind,
                sum(e.amount) filter (where a.purpose = 'guest') as guest,
                -sum(e.amount) filter (where a.purpose = 'host_payable') as host,
                -sum(e.amount) filter (where a.purpose = 'tax_payable') as tax,
                -sum(e.amount) filter (where a.purpose = 'platform_fee') as platform,
                -sum(e.amount) filter (where a.purpose = 'goodwill') as goodwill,
                count(distinct t.id) as number
            from private.ledger_entries e
            join private.ledger_transactions t on t.id = e.transaction_id
            join private.ledger_accounts a on a.id = e.account_id
            where e.booking_id = p_booking_id and t.kind in ('agreement', 'request', 'dispute_lost', 'goodwill', 'write_off')
            group by t.kind
        ) p on p.kind = l.kind
    loop
        continue when (v_change.guest, v_change.host, v_change.tax, v_change.platform, v_change.goodwill) = (0, 0, 0, 0, 0);
        perform private.post_transaction(
            format('%s:%s:%s', v_change.kind, p_booking_id, v_change.number), v_change.kind,
            case v_change.kind
                when 'agreement' then format(
                    '"%s", %s to %s: %s', v_booking.property_title, v_booking.check_in, v_booking.check_out, replace(v_booking.status::text, '_', ' ')
                )
                when 'request' then 'Accepted request for money'
                when 'goodwill' then 'Goodwill to the guest'
                when 'write_off' then 'Too small to be charged'
                else 'Lost dispute'
            end,
            now(),
            array[
                row('guest', v_booking.guest_id, v_booking.currency, p_booking_id, v_change.guest)::private.posting,
                row('host_payable', v_booking.host_id, v_booking.currency, p_booking_id, -v_change.host)::private.posting,
                row('tax_payable', null, v_booking.currency, p_booking_id, -v_change.tax)::private.posting,
                row('platform_fee', null, v_booking.currency, p_booking_id, -v_change.platform)::private.posting,
                row('goodwill', null, v_booking.currency, p_booking_id, -v_change.goodwill)::private.posting
            ]
        );
    end loop;
    v_price := (select s.price from private.booking_shares(p_booking_id) s);
    perform private.end_payments(v_booking);
    if v_booking.status <> 'requested' and v_booking.status <> 'awaiting_payment' then
        perform private.refund_surplus(v_booking, v_price);
    end if;
    perform private.plan_charge(v_booking, v_price);
end
$$;
comment on function private.reconcile_booking_money is
    'Updates ledger, refunds, payments and planned charge of a booking to match its present state, and writes off what cannot be charged. Definer, because no API role may write them.';

create function private.reconcile_changed_booking_money() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_done constant text := private.reconcile_booking_money(new.booking_id);
begin
    return null;
end
$$;
comment on function private.reconcile_changed_booking_money is
    'Trigger at commit, when lines and cancellation are written: reconciles the money of a changed booking. Definer, because clients cause the change.';

create constraint trigger _100_reconcile_booking_money after insert on private.booking_events
    deferrable initially deferred for each row when (new.event <> 'created') execute function private.reconcile_changed_booking_money();
create constraint trigger reconcile_booking_money after insert on public.cancellations
    deferrable initially deferred for each row execute function private.reconcile_changed_booking_money();
