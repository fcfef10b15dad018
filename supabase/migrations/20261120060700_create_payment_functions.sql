-- Purpose: the functions that the Edge Functions call to begin payments and to apply PaymentIntents and refunds of Stripe.
-- Touches: public.begin_payment, save_customer, attach_payment, apply_payment_intent, apply_refund, fail_refund;
-- private.explained_total, guest_due, refuse_unexplained_charge, end_stale_authorizations.
-- Watch: each takes the present state of an object at Stripe, not the state in an event, so order and repetition do not matter. A
-- payment that was captured or cancelled stays so. Lock order: property, booking, then its payments. Only booking, instalment,
-- alteration and accepted request explain a charge (explained_total); a payment above that is refused.

insert into private.errors (code, status, message, hint) values
    ('payment_method_not_found', 404, 'You have no such card.', 'Send an id of payment_methods, or none.'),
    ('nothing_due', 409, 'There is nothing to pay for this booking.', 'Read the booking again. If it has expired, book again.'),
    ('due_below_minimum', 409, 'What is due for this booking is too small to be charged.', 'It is charged with the next payment of the booking, or waived after the stay.'),
    ('refunds_above_capture', 409, 'This refund and those that are known are more than was captured: one of them has failed at Stripe.', 'Apply the failed refunds of the payment, then this one.'),
    ('payment_intent_differs', 409, 'This payment already has another PaymentIntent.', 'Read the payment again.'),
    ('charge_unexplained', 409, 'No booking, instalment, alteration or accepted request explains a charge of {amount} {currency}.', 'Ask the guest for it with money_requests.'),
    ('payment_amount_differs', 409, 'Stripe reports {stripe_amount} {stripe_currency} for a payment of {amount} {currency}.', 'Compare the payment with its PaymentIntent at Stripe.');

create function private.explained_total(p_booking private.bookings, p_at timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select case
        when p_booking.status in ('requested', 'awaiting_payment', 'confirmed', 'completed')
            then private.amount_due_by(p_booking, p_at) + private.requested_amount(p_booking.id)
        else (select s.price from private.booking_shares(p_booking.id) s)
    end
$$;
comment on function private.explained_total is
    'Returns what explains charges by p_at, in minor units: the booking with its alterations, the instalments due, and accepted requests for money.';

create function private.guest_due(p_booking private.bookings, p_at timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select private.explained_total(p_booking, p_at) - private.charged_amount(p_booking.id)
$$;
comment on function private.guest_due is
    'Returns what a guest has to pay at p_at, in minor units; zero or less when nothing is due. What was given back is not due again.';

create function private.refuse_unexplained_charge() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if new.amount > private.explained_total(v_booking, 'infinity') - private.charged_amount(v_booking.id) then
        perform private.raise_error('charge_unexplained', jsonb_build_object('amount', new.amount, 'currency', new.currency));
    end if;
    return new;
end
$$;
comment on function private.refuse_unexplained_charge is
    'Trigger: refuses a payment above what booking, alterations, instalments and accepted requests explain and no card has paid yet.';
create trigger _200_refuse_unexplained_charge before insert on public.payments
    -- a row of what Stripe has charged charges nothing
    for each row when (new.status <> 'captured') execute function private.refuse_unexplained_charge();

create function private.chargeable_due(p_booking private.bookings, p_at timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select case when d.amount >= c.minimum_charge then d.amount else 0 end
    from public.currencies c
    cross join lateral (select private.guest_due(p_booking, p_at) as amount) d
    where c.code = p_booking.currency
$$;
comment on function private.chargeable_due is
    'Returns guest_due, or 0 when it is below the minimum charge of the currency: it then waits for the next charge.';

create function private.open_payment(p_booking private.bookings, p_due bigint) returns public.payments
language plpgsql
set search_path = ''
as $$
declare
    v_payment public.payments;
begin
    select p.* into v_payment
    from public.payments p
    where p.booking_id = p_booking.id and p.status in ('requires_payment', 'processing', 'authorized')
    for update;
    -- an alteration changed the price before it was paid
    if v_payment.id is not null and v_payment.amount <> p_due and v_payment.status = 'requires_payment' then
        update public.payments p set status = 'cancelled' where p.id = v_payment.id;
        perform private.enqueue_stripe_task('cancel', v_payment.id::text);
        v_payment := null;
    end if;
    if v_payment.id is null then
        insert into public.payments (booking_id, guest_id, kind, is_manual, currency, amount)
        values (
            p_booking.id, p_booking.guest_id,
            case
                when p_booking.status in ('requested', 'awaiting_payment') then 'booking'
                when p_due <= private.requested_amount(p_booking.id) - coalesce((
                    select sum(p.captured_amount) from public.payments p where p.booking_id = p_booking.id and p.kind = 'request'
                ), 0) then 'request'
                when p_booking.nights < 28 and p_booking.status in ('confirmed', 'completed') then 'alteration'
                else 'balance'
            end::public.payment_kind,
            p_booking.status = 'requested', p_booking.currency, p_due
        )
        returning * into v_payment;
    end if;
    return v_payment;
end
$$;
comment on function private.open_payment is
    'Returns the open payment of a booking, and creates one over p_due when there is none. The caller holds the booking''s lock.';

create function public.begin_payment(p_actor uuid, p_booking_id uuid, p_payment_method_id uuid default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_payment public.payments;
    v_method text;
    v_due bigint;
begin
    if not exists (select from private.bookings b where b.id = p_booking_id and b.guest_id = p_actor) then
        perform private.raise_error('booking_not_found');
    end if;
    if p_payment_method_id is not null then
        select m.stripe_payment_method_id into v_method
        from public.payment_methods m
        where m.id = p_payment_method_id and m.profile_id = p_actor;
        if not found then
            perform private.raise_error('payment_method_not_found');
        end if;
    end if;
    v_booking := private.lock_booking(p_booking_id, now());
    v_due := private.guest_due(v_booking, now());
    if v_booking.status = 'awaiting_payment' and v_due = 0 then
        perform private.change_booking_status(p_booking_id, 'confirm', null, now());
        return jsonb_build_object('booking_status', 'confirmed', 'amount', 0, 'stripe_amount', 0, 'currency', v_booking.currency);
    elsif v_due <= 0 then
        perform private.raise_error('nothing_due', jsonb_build_object('status', v_booking.status));
    elsif private.chargeable_due(v_booking, now()) = 0 then
        perform private.raise_error('due_below_minimum', jsonb_build_object('due', v_due, 'currency', v_booking.currency));
    end if;
    v_payment := private.open_payment(v_booking, v_due);
    return jsonb_build_object(
        'booking_status', v_booking.status, 'payment_id', v_payment.id, 'amount', v_payment.amount, 'currency', v_payment.currency,
        'stripe_amount', private.stripe_amount(v_payment.amount, v_payment.currency),
        'is_manual', v_payment.is_manual, 'payment_intent', v_payment.stripe_payment_intent_id,
        'customer', (select c.stripe_customer_id from private.stripe_customers c where c.profile_id = p_actor),
        'email', (select u.email from auth.users u where u.id = p_actor),
        'payment_method', v_method, 'description', private.payment_description(p_booking_id),
        'metadata', private.payment_metadata(v_payment)
    );
end
$$;
grant execute on function public.begin_payment to service_role;
comment on function public.begin_payment is
    'Returns the open payment of a booking of the guest p_actor, created when there is none, and the card p_payment_method_id; stripe_amount is in Stripe''s units. For the service role; definer, because no API role may write payments.';

create function public.save_customer(p_actor uuid, p_customer_id text) returns text
language sql security definer
set search_path = ''
as $$
    insert into private.stripe_customers (profile_id, stripe_customer_id) values (p_actor, p_customer_id)
    on conflict (profile_id) do update set stripe_customer_id = stripe_customers.stripe_customer_id
    returning stripe_customer_id
$$;
grant execute on function public.save_customer to service_role;
comment on function public.save_customer is
    'Stores the Stripe customer of a guest and returns the one that is valid: the first that was stored. For the service role; definer, because no API role may write private.stripe_customers.';

create function public.attach_payment(p_payment_id uuid, p_payment_intent_id text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking uuid := (select p.booking_id from public.payments p where p.id = p_payment_id);
begin
    perform private.lock_booking(v_booking, now());
    update public.payments p set stripe_payment_intent_id = p_payment_intent_id
    where p.id = p_payment_id and coalesce(p.stripe_payment_intent_id, p_payment_intent_id) = p_payment_intent_id;
    if not found then
        perform private.raise_error('payment_intent_differs');
    end if;
    -- the booking may have ended during the call to Stripe
    perform private.reconcile_booking_money(v_booking);
end
$$;
grant execute on function public.attach_payment to service_role;
comment on function public.attach_payment is
    'Stores the PaymentIntent of a payment. For the service role; definer, because no API role may write payments.';

create function public.refuse_payment(p_payment_id uuid, p_error text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_booking private.bookings;
begin
    v_booking := private.lock_booking((select p.booking_id from public.payments p where p.id = p_payment_id), now());
    update public.payments p set status = 'cancelled', last_error = left(p_error, 1000)
    where p.id = p_payment_id and p.status = 'requires_payment' and p.stripe_payment_intent_id is null
    returning p.* into v_payment;
    if v_payment.kind = 'booking' and v_booking.status in ('requested', 'awaiting_payment') then
        perform private.change_booking_status(v_booking.id, 'withdraw', 'Stripe refused the payment.', now());
    end if;
end
$$;
grant execute on function public.refuse_payment to service_role;
comment on function public.refuse_payment is
    'Cancels a payment that Stripe refused finally before it had a PaymentIntent, and withdraws the booking that it was to pay for. For the service role; definer, because no API role may write payments.';

create function private.confirm_paid_booking(p_booking private.bookings) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_booking.status = 'awaiting_payment' then
        perform private.change_booking_status(p_booking.id, 'confirm', null, now());
    elsif p_booking.status = 'expired' and now() < p_booking.check_in_at then
        begin
            perform private.change_booking_status(p_booking.id, 'confirm', 'The payment arrived after the hold had expired; the nights were still free.', now());
        exception when sqlstate 'PT409' or exclusion_violation then
            -- the nights are taken: reconcile_booking_money refunds the payment
            null;
        end;
    end if;
end
$$;
comment on function private.confirm_paid_booking is
    'Confirms a paid booking; one whose hold has expired only when its nights are still free.';

create function private.keep_payment_method(p_guest_id uuid, p_method jsonb) returns uuid
language plpgsql
set search_path = ''
as $$
begin
    if (p_method ->> 'is_reusable')::boolean then
        insert into public.payment_methods (profile_id, stripe_payment_method_id, brand, last4)
        values (p_guest_id, p_method ->> 'id', p_method ->> 'brand', p_method ->> 'last4')
        on conflict do nothing;
    end if;
    return (
        select m.id from public.payment_methods m where m.stripe_payment_method_id = p_method ->> 'id' and m.profile_id = p_guest_id
    );
end
$$;
comment on function private.keep_payment_method is
    'Saves the card of a payment, {id, brand, last4, is_reusable}, and returns its id; null when the card cannot be used again.';

create function public.apply_payment_intent(p_intent jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_booking private.bookings;
    v_status public.payment_status := case p_intent ->> 'status'
        when 'processing' then 'processing'
        when 'requires_capture' then 'authorized'
        when 'succeeded' then 'captured'
        when 'canceled' then 'cancelled'
        else 'requires_payment'
    end;
begin
    p_intent := private.from_stripe(p_intent);
    select p.* into v_payment from public.payments p where p.stripe_payment_intent_id = p_intent ->> 'id';
    if v_payment.id is null then
        select p.* into v_payment from public.payments p where p.id = private.as_uuid(p_intent ->> 'payment_id');
    end if;
    -- a payment has one PaymentIntent
    if v_payment.id is null or v_payment.stripe_payment_intent_id <> p_intent ->> 'id' then
        return private.record_orphan_payment(p_intent);
    end if;
    v_booking := private.lock_booking(v_payment.booking_id, now());
    select p.* into v_payment from public.payments p where p.id = v_payment.id for update;
    if upper(p_intent ->> 'currency') <> v_payment.currency or (p_intent ->> 'amount')::bigint <> v_payment.amount then
        perform private.raise_error('payment_amount_differs', jsonb_build_object(
            'payment_id', v_payment.id, 'amount', v_payment.amount, 'currency', v_payment.currency,
            'stripe_amount', p_intent -> 'amount', 'stripe_currency', upper(p_intent ->> 'currency')
        ));
    end if;

    if v_status = 'captured' and v_payment.status <> 'captured' then
        perform private.post_transaction(
            'charge:' || (p_intent ->> 'charge'), 'charge', 'Payment', to_timestamp((p_intent ->> 'created')::bigint),
            private.settlement_postings(
                v_payment.booking_id, v_payment.currency, (p_intent ->> 'amount_received')::bigint, p_intent -> 'settlement'
            ) || row('guest', v_payment.guest_id, v_payment.currency, v_payment.booking_id, -(p_intent ->> 'amount_received')::bigint)::private.posting,
            p_intent #>> '{settlement,id}'
        );
        update public.payments p
        set
            status = 'captured', captured_amount = (p_intent ->> 'amount_received')::bigint, last_error = null,
            stripe_payment_intent_id = p_intent ->> 'id',
            payment_method_id = private.keep_payment_method(v_payment.guest_id, p_intent -> 'payment_method')
        where p.id = v_payment.id;
        if v_payment.kind = 'booking' then
            perform private.confirm_paid_booking(v_booking);
        end if;
    elsif v_payment.status not in ('captured', 'cancelled') then
        update public.payments p
        set
            status = v_status, stripe_payment_intent_id = p_intent ->> 'id', last_error = p_intent ->> 'error',
            capture_before = to_timestamp((p_intent ->> 'capture_before')::bigint)
        where p.id = v_payment.id;
        if v_status = 'cancelled' and v_payment.kind = 'booking' and v_booking.status in ('requested', 'awaiting_payment') then
            perform private.change_booking_status(v_booking.id, 'withdraw', 'The payment was cancelled.', now());
        end if;
    end if;
    perform private.reconcile_booking_money(v_payment.booking_id);
    return 'applied';
end
$$;
grant execute on function public.apply_payment_intent to service_role;
comment on function public.apply_payment_intent is
    'Applies the present state of a PaymentIntent, {id, payment_id, status, amount, amount_received, currency, created, charge, settlement, capture_before, error, payment_method, metadata, customer, email, description} with amounts in Stripe''s units, to its payment and booking; one of ours without a payment becomes an orphan. For the service role; definer, because no API role may write payments.';

create function private.cancel_unsent_refunds(p_payment_id uuid, p_needed bigint) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_refund public.refunds;
begin
    for v_refund in
        select r.* from public.refunds r
        where r.payment_id = p_payment_id and r.status = 'pending' and r.stripe_refund_id is null
        order by r.created_at desc, r.id
        for update
    loop
        exit when (select p.captured_amount - p.refunded_amount from public.payments p where p.id = p_payment_id) >= p_needed;
        update public.refunds r set status = 'cancelled' where r.id = v_refund.id;
        update public.payments p set refunded_amount = p.refunded_amount - v_refund.amount where p.id = p_payment_id;
    end loop;
end
$$;
comment on function private.cancel_unsent_refunds is
    'Cancels refunds of a payment that Stripe does not have, the newest first, until p_needed of it is free. Reconciling the booking makes those again that are still due.';

create function public.apply_refund(p_refund jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_refund public.refunds;
    v_lost_id uuid;
    v_amount constant bigint := (private.from_stripe(p_refund) ->> 'amount')::bigint;
    v_is_made constant boolean := p_refund ->> 'status' in ('succeeded', 'pending', 'requires_action');
begin
    p_refund := private.from_stripe(p_refund);
    select p.* into v_payment from public.payments p where p.stripe_payment_intent_id = p_refund ->> 'payment_intent';
    if v_payment.id is null then
        return private.apply_orphan_refund(p_refund);
    end if;
    perform private.lock_booking(v_payment.booking_id, now());
    select p.* into v_payment from public.payments p where p.id = v_payment.id for update;
    select r.* into v_refund
    from public.refunds r
    where
        r.payment_id = v_payment.id
        and (r.stripe_refund_id = p_refund ->> 'id' or r.stripe_refund_id is null and r.id::text = p_refund ->> 'refund_id')
    for update;
    if v_is_made and (v_refund.id is null or v_refund.status = 'cancelled') then
        -- Stripe refunds no more than was captured: what it does not have of ours was not made
        perform private.cancel_unsent_refunds(v_payment.id, v_amount);
        update public.payments p set refunded_amount = p.refunded_amount + v_amount
        where p.id = v_payment.id and p.refunded_amount + v_amount <= p.captured_amount;
        if not found then
            perform private.raise_error('refunds_above_capture');
        end if;
    end if;
    if v_refund.id is null then
        -- a refund that was made in Stripe's dashboard, or whose row is lost
        v_lost_id := private.as_uuid(p_refund ->> 'refund_id');
        if v_lost_id is null or exists (select from public.refunds r where r.id = v_lost_id) then
            v_lost_id := gen_random_uuid();
        end if;
        insert into public.refunds (id, payment_id, booking_id, reason, status, currency, amount, stripe_refund_id)
        values (
            v_lost_id, v_payment.id, v_payment.booking_id, 'goodwill', case
                when not v_is_made then 'failed'
                -- the guest was notified before its row was lost
                when p_refund ->> 'refund_id' is not null then replace(p_refund ->> 'status', 'requires_action', 'pending')
                else 'pending'
            end::public.refund_status,
            v_payment.currency, v_amount, p_refund ->> 'id'
        )
        returning * into v_refund;
    end if;
    -- no money has moved while the refund waits for the guest or the bank
    if p_refund #>> '{settlement,id}' is not null then
        perform private.post_transaction(
            'refund:' || (p_refund ->> 'id'), 'refund', 'Refund', to_timestamp((p_refund ->> 'created')::bigint),
            private.settlement_postings(v_payment.booking_id, v_payment.currency, -v_amount, p_refund -> 'settlement')
                || row('guest', v_payment.guest_id, v_payment.currency, v_payment.booking_id, v_amount)::private.posting,
            p_refund #>> '{settlement,id}'
        );
    end if;
    if v_is_made then
        update public.refunds r
        set status = case p_refund ->> 'status' when 'succeeded' then 'succeeded' else 'pending' end::public.refund_status, stripe_refund_id = p_refund ->> 'id'
        where r.id = v_refund.id and r.status <> 'failed';
    else
        if p_refund #>> '{failure_settlement,id}' is not null then
            perform private.post_transaction(
                'refund_failed:' || (p_refund ->> 'id'), 'refund_failed', 'Failed refund', now(),
                private.settlement_postings(v_payment.booking_id, v_payment.currency, v_amount, p_refund -> 'failure_settlement')
                    || row('guest', v_payment.guest_id, v_payment.currency, v_payment.booking_id, -v_amount)::private.posting,
                p_refund #>> '{failure_settlement,id}'
            );
        end if;
        update public.refunds r
        set status = 'failed', stripe_refund_id = p_refund ->> 'id', last_error = p_refund ->> 'failure_reason'
        where r.id = v_refund.id;
        update public.payments p set refunded_amount = p.refunded_amount - v_amount
        where p.id = v_payment.id and v_refund.status in ('pending', 'succeeded');
    end if;
    perform private.reconcile_booking_money(v_payment.booking_id);
    return 'applied';
end
$$;
grant execute on function public.apply_refund to service_role;
comment on function public.apply_refund is
    'Applies the present state of a refund, {id, refund_id, payment_intent, status, amount, currency, created, settlement, failure_settlement, failure_reason} with amounts in Stripe''s units; one that Staybase did not make is goodwill. For the service role; definer, because no API role may write refunds.';

create function public.fail_refund(p_refund_id uuid, p_error text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_refund public.refunds;
begin
    perform private.lock_booking((select r.booking_id from public.refunds r where r.id = p_refund_id), now());
    update public.refunds r set status = 'failed', last_error = left(p_error, 1000)
    where r.id = p_refund_id and r.status = 'pending' and r.stripe_refund_id is null
    returning r.* into v_refund;
    if found then
        update public.payments p set refunded_amount = p.refunded_amount - v_refund.amount where p.id = v_refund.payment_id;
        perform private.reconcile_booking_money(v_refund.booking_id);
    end if;
end
$$;
grant execute on function public.fail_refund to service_role;
comment on function public.fail_refund is
    'Marks a refund that Stripe refused as failed, for an operator to decide. For the service role; definer, because no API role may write refunds.';

create function private.end_stale_authorizations(p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_payment public.payments;
begin
    for v_payment in
        select p.* from public.payments p where p.status = 'authorized' and p.capture_before < p_now + interval '1 hour'
    loop
        if (private.lock_booking(v_payment.booking_id, p_now)).status = 'requested' then
            perform private.change_booking_status(v_payment.booking_id, 'withdraw', 'The card authorisation was about to expire before the host answered.', p_now);
        end if;
    end loop;
end
$$;
comment on function private.end_stale_authorizations is
    'Withdraws requests whose card authorisation expires within the hour, while it can still be cancelled.';
insert into private.periodic_tasks (name, command, every) values ('end_stale_authorizations', 'select private.end_stale_authorizations(now())', '10 seconds');
