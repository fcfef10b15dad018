-- Purpose: applies disputes of payments and early fraud warnings: evidence, ledger, and the payout of the booking.
-- Touches: private.dispute_evidence, dispute_step, fraud_warnings; public.apply_dispute, apply_fraud_warning.
-- Watch: a lost dispute is a refund that the bank made; private.booking_layers says who bears it, by what the booking means then. The
-- movements of Stripe's balance are posted as listed, so an inquiry, which has none, moves nothing.

create function private.dispute_evidence(p_booking_id uuid) returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'booking', to_jsonb(b) - array['idempotency_key', 'request_hash'],
        'line_items', (
            select jsonb_agg(to_jsonb(i) - array['guest_id', 'host_id'] order by i.position)
            from private.booking_line_items i
            where i.booking_id = b.id
        ),
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

create function private.dispute_step(p_status text) returns integer
language sql immutable
set search_path = ''
as $$
    select case
        when p_status in ('warning_needs_response', 'warning_under_review') then 0
        when p_status = 'warning_closed' then 1
        when p_status = 'lost' then 3
        when p_status in ('won', 'prevented') then 4
        else 2
    end
$$;
comment on function private.dispute_step is
    'Order of the states of a dispute: inquiry, closed inquiry, open, lost, won. Of two states with the same movements the lower step is older.';

create function public.apply_dispute(p_dispute jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_booking private.bookings;
    v_dispute public.disputes;
    v_id constant text := p_dispute ->> 'id';
    v_status constant text := p_dispute ->> 'status';
    v_amount constant bigint := (private.from_stripe(p_dispute) ->> 'amount')::bigint;
    v_movements constant integer := jsonb_array_length(p_dispute -> 'movements');
    v_movement jsonb;
    v_moved bigint;
    v_withdrawn bigint := 0;
    v_lost bigint;
begin
    p_dispute := private.from_stripe(p_dispute);
    select p.* into v_payment from public.payments p where p.stripe_payment_intent_id = p_dispute ->> 'payment_intent';
    if v_payment.id is null then
        return private.apply_orphan_dispute(p_dispute);
    end if;
    v_booking := private.lock_booking(v_payment.booking_id, now());
    select d.* into v_dispute from public.disputes d where d.id = v_id;
    if found and (v_movements, private.dispute_step(v_status)) < (v_dispute.movements, private.dispute_step(v_dispute.status)) then
        return 'ignored: an older state';
    end if;
    for v_movement in select m from jsonb_array_elements(p_dispute -> 'movements') m loop
        -- in another currency at Stripe, the whole disputed amount in the booking's currency
        v_moved := case
            when upper(v_movement ->> 'currency') = v_payment.currency then (v_movement ->> 'amount')::bigint
            else sign((v_movement ->> 'amount')::bigint) * v_amount
        end;
        v_withdrawn := v_withdrawn - v_moved;
        perform private.post_transaction(
            'dispute:' || (v_movement ->> 'id'), case when (v_movement ->> 'amount')::bigint < 0 then 'dispute' else 'dispute_won' end,
            'Dispute', to_timestamp((v_movement ->> 'created')::bigint),
            private.settlement_postings(v_payment.booking_id, v_payment.currency, v_moved, v_movement)
                || row('disputed', null, v_payment.currency, v_payment.booking_id, -v_moved)::private.posting,
            v_movement ->> 'id'
        );
    end loop;
    v_lost := case when v_status = 'lost' then greatest(v_withdrawn, 0) else 0 end;
    if v_lost <> coalesce(v_dispute.lost_amount, 0) then
        perform private.post_transaction(
            format('bank_refund:%s:%s', v_id, 1 + (
                select count(distinct t.id)
                from private.ledger_entries e
                join private.ledger_transactions t on t.id = e.transaction_id and t.kind = 'bank_refund'
                where e.booking_id = v_payment.booking_id
            )),
            'bank_refund', case v_status when 'lost' then 'Refund by the bank' else 'Refund by the bank taken back' end, now(),
            array[
                row('disputed', null, v_payment.currency, v_payment.booking_id, coalesce(v_dispute.lost_amount, 0) - v_lost)::private.posting,
                row('guest', v_payment.guest_id, v_payment.currency, v_payment.booking_id, v_lost - coalesce(v_dispute.lost_amount, 0))::private.posting
            ]
        );
    end if;
    insert into public.disputes (id, payment_id, booking_id, status, reason, currency, amount, lost_amount, movements, evidence)
    values (
        v_id, v_payment.id, v_payment.booking_id, v_status, p_dispute ->> 'reason', v_payment.currency, v_amount, v_lost, v_movements,
        private.dispute_evidence(v_payment.booking_id)
    )
    on conflict (id) do update
    set
        status = excluded.status, reason = excluded.reason, amount = excluded.amount, lost_amount = excluded.lost_amount,
        movements = excluded.movements;
    update public.payments p
    set disputed_amount = least(p.captured_amount, (
        select coalesce(sum(case when d.status in ('needs_response', 'under_review') then d.amount else d.lost_amount end), 0)
        from public.disputes d where d.payment_id = p.id
    ))
    where p.id = v_payment.id;
    -- Stripe refuses all refunds while a dispute is open, and later those of what was lost; what is still due is refunded again
    perform private.cancel_unsent_refunds(
        p.id, case when private.is_disputed(p.id) then p.captured_amount else p.disputed_amount end
    ) from public.payments p where p.id = v_payment.id;
    perform private.reconcile_booking_money(v_payment.booking_id);
    return 'applied';
end
$$;
grant execute on function public.apply_dispute to service_role;
comment on function public.apply_dispute is
    'Applies the present state of a dispute, {id, payment_intent, status, reason, amount, currency, movements}, with amounts in Stripe''s units, and stores the evidence; the booking is not paid out while it is open. For the service role; definer, because no API role may write disputes.';

create table private.fraud_warnings (
    id text constraint fraud_warnings_pkey primary key,
    payment_id uuid not null constraint fraud_warnings_payment_fkey references public.payments (id) on delete restrict,
    booking_id uuid not null constraint fraud_warnings_booking_fkey references private.bookings (id) on delete restrict,
    fraud_type text not null,
    created_at timestamptz not null default now()
);
comment on table private.fraud_warnings is
    'Early fraud warnings: a card''s issuer suspects that a payment is fraud, and a dispute is likely. Each becomes a case of the operators; no money moves.';
create index fraud_warnings_payment_id_idx on private.fraud_warnings (payment_id);
create index fraud_warnings_booking_id_idx on private.fraud_warnings (booking_id);
alter table private.fraud_warnings enable row level security;

create function public.apply_fraud_warning(p_warning jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
begin
    select p.* into v_payment from public.payments p where p.stripe_payment_intent_id = p_warning ->> 'payment_intent';
    if v_payment.id is null then
        return 'ignored: not a payment of ours';
    end if;
    insert into private.fraud_warnings (id, payment_id, booking_id, fraud_type)
    values (p_warning ->> 'id', v_payment.id, v_payment.booking_id, p_warning ->> 'fraud_type')
    on conflict do nothing;
    return 'applied';
end
$$;
grant execute on function public.apply_fraud_warning to service_role;
comment on function public.apply_fraud_warning is
    'Stores an early fraud warning, {id, payment_intent, fraud_type}. For the service role; definer, because no API role may write private.fraud_warnings.';
