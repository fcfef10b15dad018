-- Purpose: applies disputes of payments: evidence, ledger, and the payout of the booking.
-- Touches: private.dispute_evidence; public.apply_dispute.
-- Watch: the host bears host_total / guest_total of a lost dispute, the platform the rest.

create function private.dispute_evidence(p_booking_id uuid) returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'booking', to_jsonb(b) - array['idempotency_key', 'request_hash'],
        'line_items', (select jsonb_agg(to_jsonb(i) order by i.position) from public.booking_line_items i where i.booking_id = b.id),
        'cancellation', (select to_jsonb(c) from public.cancellations c where c.booking_id = b.id),
        'house_rules', (select to_jsonb(h) from public.house_rules h where h.property_id = b.property_id and h.version = b.house_rules_version),
        'history', (
            select jsonb_agg(to_jsonb(e) - array['before', 'after'] order by e.id) from private.booking_events e where e.booking_id = b.id
        )
    )
    from private.bookings b
    where b.id = p_booking_id
$$;
comment on function private.dispute_evidence is 'Returns the evidence of a booking in a dispute: booking, line items, cancellation, house rules and history.';

create function public.apply_dispute(p_dispute jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_booking private.bookings;
    v_id constant text := p_dispute ->> 'id';
    v_amount bigint;
    v_movement jsonb;
    v_moved bigint;
    v_host bigint;
begin
    p_dispute := private.from_stripe(p_dispute);
    v_amount := (p_dispute ->> 'amount')::bigint;
    select p.* into v_payment from public.payments p where p.stripe_payment_intent_id = p_dispute ->> 'payment_intent';
    if v_payment.id is null then
        return 'ignored: not a payment of ours';
    end if;
    v_booking := private.lock_booking(v_payment.booking_id, now());
    insert into public.disputes (id, payment_id, booking_id, status, reason, currency, amount, evidence)
    values (
        v_id, v_payment.id, v_payment.booking_id, p_dispute ->> 'status', p_dispute ->> 'reason', v_payment.currency, v_amount,
        private.dispute_evidence(v_payment.booking_id)
    )
    on conflict (id) do update set status = case when disputes.status in ('won', 'lost') then disputes.status else excluded.status end;
    for v_movement in select m from jsonb_array_elements(p_dispute -> 'movements') m loop
        -- the whole disputed amount in the booking's currency, whatever the currency at Stripe
        v_moved := sign((v_movement ->> 'amount')::bigint) * v_amount;
        perform private.post_transaction(
            'dispute:' || (v_movement ->> 'id'), case when (v_movement ->> 'amount')::bigint < 0 then 'dispute' else 'dispute_won' end,
            'Dispute', to_timestamp((v_movement ->> 'created')::bigint),
            private.settlement_postings(v_payment.booking_id, v_payment.currency, v_moved, v_movement)
                || row('disputed', null, v_payment.currency, v_payment.booking_id, -v_moved)::private.posting,
            v_movement ->> 'id'
        );
    end loop;
    if p_dispute ->> 'status' = 'lost' then
        v_host := case when v_booking.guest_total > 0
            then private.proportion(v_amount, least(v_booking.host_total, v_booking.guest_total), v_booking.guest_total, private.step_of(v_booking.currency)) else 0 end;
        perform private.post_transaction(
            'dispute_lost:' || v_id, 'dispute_lost', 'Lost dispute', now(),
            array[
                row('disputed', null, v_payment.currency, v_payment.booking_id, -v_amount)::private.posting,
                row('host_payable', v_booking.host_id, v_payment.currency, v_payment.booking_id, v_host)::private.posting,
                row('platform_fee', null, v_payment.currency, v_payment.booking_id, v_amount - v_host)::private.posting
            ]
        );
    end if;
    update public.payments p
    set disputed_amount = least(
        p.captured_amount,
        (select coalesce(sum(d.amount) filter (where d.status not in ('won', 'warning_closed')), 0) from public.disputes d where d.payment_id = p.id)
    )
    where p.id = v_payment.id;
    perform private.reconcile_booking_money(v_payment.booking_id);
    return 'applied';
end
$$;
grant execute on function public.apply_dispute to service_role;
comment on function public.apply_dispute is
    'Applies the present state of a dispute, {id, payment_intent, status, reason, amount, currency, movements}, with amounts in Stripe''s units, and stores the evidence; the booking is not paid out while it is open. For the service role; definer, because no API role may write disputes.';
