-- Purpose: the functions that the Edge Functions call to begin and apply transfers, reversals and connected accounts.
-- Touches: public.begin_transfer, apply_transfer, fail_transfer, begin_reversal, fail_reversal, save_payout_account, apply_account.
-- Watch: each takes the present state of an object at Stripe, so order and repetition do not matter.

insert into private.errors (code, status, message, hint) values
    ('payout_amount_differs', 409, 'Stripe reports {stripe_amount} {stripe_currency} for a payout of {sent_amount} {sent_currency}.', 'Compare the payout with its transfer at Stripe.');

create function public.begin_transfer(p_payout_id uuid) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payout public.payouts;
    v_booking private.bookings;
begin
    v_booking := private.lock_booking((select p.booking_id from public.payouts p where p.id = p_payout_id), now());
    select p.* into v_payout from public.payouts p where p.id = p_payout_id for update;
    -- once the transfer may have been requested, the same request is repeated until its result is known
    if v_payout.status = 'pending' and v_payout.asked_at is null
        and private.payable_amount(v_booking, private.released_share(v_booking, now())) < 0
    then
        update public.payouts p set status = 'cancelled' where p.id = p_payout_id;
        v_payout.status := 'cancelled';
    elsif v_payout.status = 'pending' then
        update public.payouts p set asked_at = coalesce(p.asked_at, now()) where p.id = p_payout_id;
    end if;
    return jsonb_build_object(
        'status', v_payout.status, 'amount', private.stripe_amount(v_payout.sent_amount, v_payout.sent_currency),
        'currency', v_payout.sent_currency, 'booking_id', v_payout.booking_id,
        'transfer', v_payout.stripe_transfer_id,
        'metadata', jsonb_build_object('payout_id', v_payout.id, 'booking_id', v_payout.booking_id)
            || private.stripe_metadata((select t.request_id from private.stripe_tasks t where t.kind = 'transfer' and t.subject = p_payout_id::text)),
        'destination', (select a.stripe_account_id from public.payout_accounts a where a.profile_id = v_payout.host_id)
    );
end
$$;
grant execute on function public.begin_transfer to service_role;
comment on function public.begin_transfer is
    'Returns the amount, in Stripe''s units, and destination of a payout''s transfer, or cancels a payout that is no longer due. For the service role; definer, because no API role may write payouts.';

create function public.apply_transfer(p_transfer jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payout public.payouts;
    v_id uuid;
    v_amount bigint;
    v_back bigint;
    v_reversal jsonb;
begin
    p_transfer := private.from_stripe(p_transfer);
    v_amount := (p_transfer ->> 'amount')::bigint;
    select p.* into v_payout from public.payouts p where p.stripe_transfer_id = p_transfer ->> 'id';
    if v_payout.id is null then
        select p.* into v_payout from public.payouts p where p.id = private.as_uuid(p_transfer ->> 'payout_id');
    end if;
    -- a payout has one transfer
    if v_payout.id is null or v_payout.stripe_transfer_id <> p_transfer ->> 'id' then
        v_id := private.adopt_transfer(p_transfer, case when v_payout.id is null then private.as_uuid(p_transfer ->> 'payout_id') end);
        select p.* into v_payout from public.payouts p where p.id = v_id;
        if v_payout.id is null then
            return private.record_orphan_transfer(p_transfer);
        end if;
    end if;
    perform private.lock_booking(v_payout.booking_id, now());
    if v_amount <> v_payout.sent_amount or upper(p_transfer ->> 'currency') <> v_payout.sent_currency then
        perform private.raise_error('payout_amount_differs', jsonb_build_object(
            'payout_id', v_payout.id, 'sent_amount', v_payout.sent_amount, 'sent_currency', v_payout.sent_currency,
            'stripe_amount', v_amount, 'stripe_currency', upper(p_transfer ->> 'currency')
        ));
    end if;
    perform private.post_transaction(
        'transfer:' || (p_transfer ->> 'id'), 'transfer', 'Payout', to_timestamp((p_transfer ->> 'created')::bigint),
        private.settlement_postings(v_payout.booking_id, v_payout.currency, -v_payout.amount, jsonb_build_object(
            'currency', v_payout.sent_currency, 'amount', -v_amount, 'fee', 0, 'net', -v_amount
        )) || row('host_payable', v_payout.host_id, v_payout.currency, v_payout.booking_id, v_payout.amount)::private.posting,
        p_transfer ->> 'balance_transaction'
    );
    update public.payouts p set status = 'paid', stripe_transfer_id = p_transfer ->> 'id', last_error = null where p.id = v_payout.id;
    perform private.settle_orphan_transfer(v_payout);
    for v_reversal in select r from jsonb_array_elements(p_transfer -> 'reversals') r loop
        v_back := (v_reversal ->> 'amount')::bigint;
        v_amount := coalesce(
            (select r.amount from private.payout_reversals r where r.id = private.as_uuid(v_reversal ->> 'reversal_id')),
            private.proportion(v_payout.amount, v_back, v_payout.sent_amount)
        );
        if private.post_transaction(
            'reversal:' || (v_reversal ->> 'id'), 'reversal', 'Reversal of a payout', to_timestamp((v_reversal ->> 'created')::bigint),
            private.settlement_postings(v_payout.booking_id, v_payout.currency, v_amount, jsonb_build_object(
                'currency', v_payout.sent_currency, 'amount', v_back, 'fee', 0, 'net', v_back
            )) || row('host_payable', v_payout.host_id, v_payout.currency, v_payout.booking_id, -v_amount)::private.posting,
            v_reversal ->> 'balance_transaction'
        ) then
            update private.payout_reversals r set status = 'done', stripe_reversal_id = v_reversal ->> 'id'
            where r.id = private.as_uuid(v_reversal ->> 'reversal_id');
            if not found then
                -- a reversal that was made in Stripe's dashboard
                update public.payouts p set reversed_amount = p.reversed_amount + v_amount where p.id = v_payout.id;
            end if;
        end if;
    end loop;
    return 'applied';
end
$$;
grant execute on function public.apply_transfer to service_role;
comment on function public.apply_transfer is
    'Applies the present state of a transfer and its reversals, {id, payout_id, amount, currency, created, balance_transaction, destination, metadata, reversals}, with amounts in Stripe''s units; one of ours without a payout gets its row, or becomes an orphan. For the service role; definer, because no API role may write payouts.';

create function public.fail_transfer(p_payout_id uuid, p_error text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.lock_booking((select p.booking_id from public.payouts p where p.id = p_payout_id), now());
    update public.payouts p set status = 'failed', last_error = left(p_error, 1000) where p.id = p_payout_id and p.status = 'pending';
end
$$;
grant execute on function public.fail_transfer to service_role;
comment on function public.fail_transfer is
    'Marks a payout whose transfer Stripe refused as failed; another payout is tried later. For the service role; definer, because no API role may write payouts.';

create function public.begin_reversal(p_reversal_id uuid) returns jsonb
language sql security definer
set search_path = ''
as $$
    select jsonb_build_object('transfer', p.stripe_transfer_id, 'amount', private.stripe_amount(r.sent_amount, p.sent_currency), 'status', r.status)
    from private.payout_reversals r
    join public.payouts p on p.id = r.payout_id
    where r.id = p_reversal_id
$$;
grant execute on function public.begin_reversal to service_role;
comment on function public.begin_reversal is 'Returns the transfer and amount, in Stripe''s units, of a reversal. For the service role; definer, because no API role may read private.payout_reversals.';

create function public.fail_reversal(p_reversal_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_reversal private.payout_reversals;
begin
    perform private.lock_booking((
        select p.booking_id from private.payout_reversals r join public.payouts p on p.id = r.payout_id where r.id = p_reversal_id
    ), now());
    update private.payout_reversals r set status = 'failed' where r.id = p_reversal_id and r.status = 'pending' returning r.* into v_reversal;
    update public.payouts p set reversed_amount = p.reversed_amount - v_reversal.amount where p.id = v_reversal.payout_id;
end
$$;
grant execute on function public.fail_reversal to service_role;
comment on function public.fail_reversal is
    'Marks a reversal that Stripe refused as failed; the host''s next payout is lower by it. For the service role; definer, because no API role may write private.payout_reversals.';

create function public.save_payout_account(p_actor uuid, p_account_id text) returns text
language sql security definer
set search_path = ''
as $$
    insert into public.payout_accounts (profile_id, stripe_account_id) values (p_actor, p_account_id)
    on conflict (profile_id) do update set stripe_account_id = payout_accounts.stripe_account_id
    returning stripe_account_id
$$;
grant execute on function public.save_payout_account to service_role;
comment on function public.save_payout_account is
    'Stores the Stripe account of a host and returns the one that is valid: the first that was stored. For the service role; definer, because no API role may write payout_accounts.';

create function public.apply_account(p_account jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.payout_accounts a
    set
        details_submitted = (p_account ->> 'details_submitted')::boolean, payouts_enabled = (p_account ->> 'payouts_enabled')::boolean,
        requirements = array(select jsonb_array_elements_text(p_account -> 'requirements')),
        currency = (select c.code from public.currencies c where c.code = upper(p_account ->> 'currency'))
    where a.stripe_account_id = p_account ->> 'id';
    return case when found then 'applied' else 'ignored: not an account of ours' end;
end
$$;
grant execute on function public.apply_account to service_role;
comment on function public.apply_account is
    'Applies the present state of a connected account, {id, details_submitted, payouts_enabled, requirements, currency}. For the service role; definer, because no API role may write payout_accounts.';
