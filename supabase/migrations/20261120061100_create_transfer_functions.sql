-- Purpose: what the worker reports of transfers, reversals and connected accounts.
-- Touches: public.begin_transfer, apply_transfer.

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
    -- once Stripe may have been asked, the same is asked again until it is known
    if v_payout.status = 'pending' and v_payout.asked_at is null
        and private.payable_amount(v_booking, private.released_share(v_booking, now())) < 0
    then
        update public.payouts p set status = 'cancelled' where p.id = p_payout_id;
        v_payout.status := 'cancelled';
    elsif v_payout.status = 'pending' then
        update public.payouts p set asked_at = coalesce(p.asked_at, now()) where p.id = p_payout_id;
    end if;
    return jsonb_build_object(
        'status', v_payout.status, 'amount', v_payout.sent_amount, 'currency', v_payout.sent_currency, 'booking_id', v_payout.booking_id,
        'transfer', v_payout.stripe_transfer_id,
        'destination', (select a.stripe_account_id from public.payout_accounts a where a.profile_id = v_payout.host_id)
    );
end
$$;
grant execute on function public.begin_transfer to service_role;
comment on function public.begin_transfer is
    'What a payout is to send where, or that it was cancelled because it is no longer due. For the function money-worker: service role only. Definer, because no role may write payouts.';

create function public.apply_transfer(p_transfer jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payout public.payouts;
    v_amount bigint := (p_transfer ->> 'amount')::bigint;
    v_back bigint;
    v_reversal jsonb;
begin
    select p.* into v_payout from public.payouts p
    where p.stripe_transfer_id = p_transfer ->> 'id' or p.stripe_transfer_id is null and p.id::text = p_transfer ->> 'payout_id';
    if v_payout.id is null then
        return 'ignored: not a payout of ours';
    end if;
    perform private.lock_booking(v_payout.booking_id, now());
    if v_amount <> v_payout.sent_amount or upper(p_transfer ->> 'currency') <> v_payout.sent_currency then
        raise exception using errcode = 'check_violation', message = 'Amount or currency at Stripe are not those of the payout.';
    end if;
    perform private.post_transaction(
        'transfer:' || (p_transfer ->> 'id'), 'transfer', 'Payout', to_timestamp((p_transfer ->> 'created')::bigint),
        private.settlement_postings(v_payout.booking_id, v_payout.currency, -v_payout.amount, jsonb_build_object(
            'currency', v_payout.sent_currency, 'amount', -v_amount, 'fee', 0, 'net', -v_amount
        )) || row('host_payable', v_payout.host_id, v_payout.currency, v_payout.booking_id, v_payout.amount)::private.posting,
        p_transfer ->> 'balance_transaction'
    );
    update public.payouts p set status = 'paid', stripe_transfer_id = p_transfer ->> 'id', last_error = null where p.id = v_payout.id;
    for v_reversal in select r from jsonb_array_elements(p_transfer -> 'reversals') r loop
        v_back := (v_reversal ->> 'amount')::bigint;
        v_amount := coalesce(
            (select r.amount from private.payout_reversals r where r.id::text = v_reversal ->> 'reversal_id'),
            private.proportion(v_payout.amount, v_back, v_payout.sent_amount)
        );
        if private.post_transaction(
            'reversal:' || (v_reversal ->> 'id'), 'reversal', 'Payout taken back', to_timestamp((v_reversal ->> 'created')::bigint),
            private.settlement_postings(v_payout.booking_id, v_payout.currency, v_amount, jsonb_build_object(
                'currency', v_payout.sent_currency, 'amount', v_back, 'fee', 0, 'net', v_back
            )) || row('host_payable', v_payout.host_id, v_payout.currency, v_payout.booking_id, -v_amount)::private.posting,
            v_reversal ->> 'balance_transaction'
        ) then
            update private.payout_reversals r set status = 'done', stripe_reversal_id = v_reversal ->> 'id'
            where r.id::text = v_reversal ->> 'reversal_id';
            if not found then
                -- somebody reversed in Stripe's dashboard
                update public.payouts p set reversed_amount = p.reversed_amount + v_amount where p.id = v_payout.id;
            end if;
        end if;
    end loop;
    return 'applied';
end
$$;
grant execute on function public.apply_transfer to service_role;
comment on function public.apply_transfer is
    'Takes over what a transfer and its reversals are at Stripe now, {id, payout_id, amount, currency, created, balance_transaction, reversals}. For the function money-worker: service role only. Definer, because no role may write payouts.';

create function public.fail_transfer(p_payout_id uuid, p_error text) returns void
language sql security definer
set search_path = ''
as $$
    update public.payouts p set status = 'failed', last_error = left(p_error, 1000) where p.id = p_payout_id and p.status = 'pending'
$$;
grant execute on function public.fail_transfer to service_role;
comment on function public.fail_transfer is
    'Says that Stripe will not make a transfer, and why; what is due is tried by another one. For the function money-worker: service role only. Definer, because no role may write payouts.';

create function public.begin_reversal(p_reversal_id uuid) returns jsonb
language sql security definer
set search_path = ''
as $$
    select jsonb_build_object('transfer', p.stripe_transfer_id, 'amount', r.sent_amount, 'status', r.status)
    from private.payout_reversals r
    join public.payouts p on p.id = r.payout_id
    where r.id = p_reversal_id
$$;
grant execute on function public.begin_reversal to service_role;
comment on function public.begin_reversal is 'What is to be taken back of which transfer. For the function money-worker: service role only. Definer, because it reads what no role may.';

create function public.fail_reversal(p_reversal_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_reversal private.payout_reversals;
begin
    update private.payout_reversals r set status = 'failed' where r.id = p_reversal_id and r.status = 'pending' returning r.* into v_reversal;
    update public.payouts p set reversed_amount = p.reversed_amount - v_reversal.amount where p.id = v_reversal.payout_id;
end
$$;
grant execute on function public.fail_reversal to service_role;
comment on function public.fail_reversal is
    'Says that Stripe will not take money back: it is taken from the host''s next payout. For the function money-worker: service role only. Definer, because no role may write reversals.';

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
    'Keeps which account at Stripe is a host''s, and answers with the one that counts: the first. For the function connect: service role only. Definer, because no role may write accounts.';

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
    'Takes over what a connected account is at Stripe now, {id, details_submitted, payouts_enabled, requirements, currency}. For the functions money-worker and connect: service role only. Definer, because no role may write accounts.';
