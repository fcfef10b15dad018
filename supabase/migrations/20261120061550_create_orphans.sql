-- Purpose: orphans: payments and transfers at Stripe that carry our ids and have no row here, as after a restore of the database to
-- an earlier time. Operators book a payment again or give it back.
-- Touches: public.orphans, orphan_sweeps; private.record_orphan_payment, record_orphan_transfer, apply_orphan_refund, apply_orphan_dispute.
-- Watch: money of an orphan stands on the ledger's account `orphan` from the moment it is found, so the books agree with Stripe. An
-- orphan is settled under the lock of its row, and its refund is the only one that Stripe accepts: it is over all that is left.

insert into private.errors (code, status, message, hint) values
    ('orphan_not_found', 404, 'There is no such orphan.', 'Send an id of orphans.'),
    ('orphan_closed', 409, 'This orphan is {status}.', 'Read orphans again.'),
    ('orphan_is_transfer', 409, 'A transfer to a host cannot be booked again.', 'Book the payment of its booking again, and the transfer follows; or take it back with refund_orphan.'),
    ('orphan_not_paid', 409, 'The card of this payment was not charged yet.', 'Release the amount on the card with refund_orphan.'),
    ('orphan_disputed', 409, 'The guest disputes this payment at their bank.', 'Wait until the bank has decided.'),
    ('orphan_partly_refunded', 409, 'A part of this payment went back already.', 'Give back the rest with refund_orphan.'),
    ('orphan_stay_unknown', 409, 'The stay of this payment is not known here: {missing}.', 'Give the payment back with refund_orphan.'),
    ('orphan_stay_over', 409, 'The stay of this payment is over.', 'Give the payment back with refund_orphan.'),
    ('restore_not_settled', 409, 'After the restore, {searched} of 3 lists of Stripe were searched; {reading} of its objects are being read, {given_up} were given up, and {open} orphans are open.', 'Wait, replay dead_stripe_tasks, and settle orphans with rebook_orphan or refund_orphan. Or send p_despite_orphans: true.'),
    ('orphan_not_due', 409, 'The booking of this payment does not owe its amount.', 'Give the payment back with refund_orphan.');

create type public.orphan_kind as enum ('payment', 'transfer');
comment on type public.orphan_kind is 'payment: of a guest. transfer: to a host.';
create type public.orphan_status as enum ('open', 'refunding', 'refunded', 'rebooked');
comment on type public.orphan_status is
    'open: an operator decides. refunding: on its way back. refunded: a payment went back to the guest, a transfer to the platform. rebooked: it belongs to a booking again.';

create table public.orphans (
    id uuid default gen_random_uuid() constraint orphans_pkey primary key,
    kind public.orphan_kind not null,
    stripe_id text not null constraint orphans_stripe_id_is_unique unique,
    status public.orphan_status not null default 'open',
    -- ids of lost rows, so without foreign keys
    booking_id uuid,
    row_id uuid,
    profile_id uuid,
    receipt_email text,
    currency text not null constraint orphans_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint orphans_amount_is_positive check (amount > 0),
    refunded_amount bigint not null default 0,
    is_charged boolean not null,
    is_disputed boolean not null default false,
    description text,
    stay jsonb not null default '{}',
    tries integer not null default 0,
    last_error text,
    charged_at timestamptz not null,
    found_at timestamptz not null default now(),
    resolved_at timestamptz,
    resolved_by uuid constraint orphans_resolved_by_fkey references public.profiles (id) on delete restrict,
    constraint orphans_refund_no_more_than_charged check (refunded_amount between 0 and amount),
    constraint orphans_end_is_whole check ((status in ('refunded', 'rebooked')) = (resolved_at is not null))
);
comment on table public.orphans is
    'Payments and transfers at Stripe with our ids and without a row here, as after a restore of the database. For operators: rebook_orphan and refund_orphan settle them.';
comment on column public.orphans.kind is 'Whether a guest paid or a host was paid.';
comment on column public.orphans.stripe_id is 'Stripe''s id of the PaymentIntent or transfer.';
comment on column public.orphans.status is 'What became of it.';
comment on column public.orphans.booking_id is 'The booking that it was for. The booking may be lost.';
comment on column public.orphans.row_id is 'The id that its row in payments or payouts had.';
comment on column public.orphans.profile_id is 'The guest who paid, or the host who was paid. The account may be lost; null when unknown.';
comment on column public.orphans.receipt_email is
    'Address of a guest without an account here, by Stripe. It is removed when the mail about the refund was sent.';
comment on column public.orphans.currency is 'Currency of the amount.';
comment on column public.orphans.amount is 'Amount that was charged, authorised or transferred, in minor units.';
comment on column public.orphans.refunded_amount is 'Amount that went back, in minor units.';
comment on column public.orphans.is_charged is 'False for a payment that is only authorised on the card.';
comment on column public.orphans.is_disputed is 'Whether the guest''s bank has taken the money back, for as long as a dispute is open or when it was lost.';
comment on column public.orphans.description is 'Description of the payment at Stripe.';
comment on column public.orphans.stay is
    'The stay that was paid for, as the payment''s metadata at Stripe has it: {kind, property_id, check_in, check_out, adults, children, infants, pets, guest_total, host_total}, all as text; {} when unknown.';
comment on column public.orphans.tries is 'How often a refund failed.';
comment on column public.orphans.last_error is 'Why the last refund failed, in Stripe''s words.';
comment on column public.orphans.charged_at is 'When it was charged, authorised or transferred at Stripe.';
comment on column public.orphans.found_at is 'When it was found.';
comment on column public.orphans.resolved_at is 'When it was refunded or rebooked.';
comment on column public.orphans.resolved_by is 'The operator who decided; null for the service role, and when it went back without one.';

create index orphans_open_idx on public.orphans (found_at) where status in ('open', 'refunding');
create index orphans_booking_id_idx on public.orphans (booking_id);
create index orphans_currency_idx on public.orphans (currency);
create index orphans_resolved_by_idx on public.orphans (resolved_by);

create table public.orphan_sweeps (
    id bigint generated always as identity constraint orphan_sweeps_pkey primary key,
    list text not null constraint orphan_sweeps_list_is_known check (list in ('payment_intents', 'refunds', 'transfers')),
    since timestamptz,
    page integer not null default 0,
    cursor text,
    listed bigint not null default 0,
    found bigint not null default 0,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
comment on table public.orphan_sweeps is
    'Walks through the lists of Stripe in search of objects that have no row here. For operators; sweep_orphans begins one.';
comment on column public.orphan_sweeps.list is 'The list at Stripe: payment_intents, refunds or transfers.';
comment on column public.orphan_sweeps.since is 'The walk ends at objects created before; null when it goes through the whole list.';
comment on column public.orphan_sweeps.page is 'Number of pages read.';
comment on column public.orphan_sweeps.cursor is 'Stripe''s id of the last object that was read; the walk goes on after it.';
comment on column public.orphan_sweeps.listed is 'Number of objects read.';
comment on column public.orphan_sweeps.found is 'Number of objects that differed from their row, or had none.';
comment on column public.orphan_sweeps.started_at is 'When it began.';
comment on column public.orphan_sweeps.finished_at is 'When it ended; null while it goes on.';
create index orphan_sweeps_open_idx on public.orphan_sweeps (list) where finished_at is null;
create index orphan_sweeps_finished_at_idx on public.orphan_sweeps (finished_at);

alter table public.orphans enable row level security;
alter table public.orphan_sweeps enable row level security;
grant select on public.orphans, public.orphan_sweeps to authenticated, service_role;
create policy "Operators can read any" on public.orphans for select to operator using (true);
create policy "Operators can read any" on public.orphan_sweeps for select to operator using (true);

insert into private.settings (name, value, description) values
    ('orphan_page_pause', '30 seconds', 'Pause between two pages of 100 objects when the whole list of Stripe is searched for orphans. A search since a time has none.');

-- What Stripe has

create function private.is_ours(p_metadata jsonb) returns boolean
language sql stable
set search_path = ''
as $$
    select p_metadata ->> 'installation' = (select s.value from private.settings s where s.name = 'installation')
$$;
comment on function private.is_ours is 'Whether the metadata of an object at Stripe was written by this installation. Several may share an account at Stripe.';

create function private.orphan_postings(p_orphan public.orphans, p_amount bigint, p_settlement jsonb) returns private.posting[]
language sql stable
set search_path = ''
as $$
    select private.settlement_postings(null, p_orphan.currency, p_amount, p_settlement)
        || row('orphan', null, p_orphan.currency, null, -p_amount)::private.posting
$$;
comment on function private.orphan_postings is 'Postings for a movement at Stripe of p_amount that belongs to an orphan; what goes out is below zero.';

create function private.record_orphan_payment(p_intent jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
    v_profile uuid;
    v_is_charged constant boolean := p_intent ->> 'status' = 'succeeded';
begin
    if private.is_ours(p_intent -> 'metadata') is not true then
        return 'ignored: not a payment of ours';
    elsif p_intent ->> 'status' not in ('succeeded', 'requires_capture') then
        update public.orphans o
        set status = 'refunded', resolved_at = now(), last_error = null
        where o.stripe_id = p_intent ->> 'id' and not o.is_charged and o.status in ('open', 'refunding');
        return case when found then 'orphan released' else 'ignored: not a payment of ours' end;
    end if;
    v_profile := coalesce(
        private.as_uuid(p_intent #>> '{metadata,guest_id}'),
        (select c.profile_id from private.stripe_customers c where c.stripe_customer_id = p_intent ->> 'customer')
    );
    insert into public.orphans as o (
        kind, stripe_id, booking_id, row_id, profile_id, receipt_email, currency, amount, is_charged, description, stay, charged_at
    ) values (
        'payment', p_intent ->> 'id', private.as_uuid(p_intent #>> '{metadata,booking_id}'), private.as_uuid(p_intent #>> '{metadata,payment_id}'),
        v_profile,
        case when not exists (select from public.profiles p where p.id = v_profile and p.deleted_at is null) then p_intent ->> 'email' end,
        upper(p_intent ->> 'currency'),
        case when v_is_charged then p_intent ->> 'amount_received' else p_intent ->> 'amount' end::bigint, v_is_charged,
        p_intent ->> 'description',
        (p_intent -> 'metadata') - array['installation', 'payment_id', 'booking_id', 'guest_id'],
        to_timestamp((p_intent ->> 'created')::bigint)
    )
    on conflict (stripe_id) do update set is_charged = o.is_charged or excluded.is_charged, amount = excluded.amount
    returning * into v_orphan;
    if v_is_charged then
        perform private.post_transaction(
            'charge:' || (p_intent ->> 'charge'), 'charge', 'Payment without a booking', v_orphan.charged_at,
            private.orphan_postings(v_orphan, v_orphan.amount, p_intent -> 'settlement'), p_intent #>> '{settlement,id}'
        );
    end if;
    return 'orphan';
end
$$;
comment on function private.record_orphan_payment is
    'Keeps a PaymentIntent of ours that has no payment as an orphan, and posts its charge. Takes what apply_payment_intent takes, in minor units, and returns the outcome.';

create function private.tell_of_orphan_refund(p_orphan public.orphans) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_orphan.receipt_email is not null then
        perform private.enqueue_job_at('mails', jsonb_build_object('orphan_id', p_orphan.id));
    else
        perform private.notify(
            p_orphan.profile_id, 'orphan_refunded', format('orphan_refunded:%s:%s', p_orphan.id, p_orphan.tries), private.orphan_summary(p_orphan)
        );
    end if;
end
$$;
comment on function private.tell_of_orphan_refund is
    'Notifies the guest of an orphan that it went back; mails the address that Stripe has when the guest has no account here.';

create function private.orphan_summary(p_orphan public.orphans) returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'amount', p_orphan.amount, 'currency', p_orphan.currency, 'minor_unit', c.minor_unit, 'description', p_orphan.description,
        'you_are', 'guest'
    ))
    from public.currencies c
    where c.code = p_orphan.currency
$$;
comment on function private.orphan_summary is 'Data of an orphan payment for its notification or mail.';

create function private.change_orphan_refund(p_stripe_id text, p_amount bigint, p_error text default null) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
begin
    update public.orphans o
    set
        refunded_amount = o.refunded_amount + p_amount,
        status = case
            when o.refunded_amount + p_amount = o.amount then 'refunded'
            when p_error is not null or o.status = 'refunded' then 'open'
            else o.status
        end::public.orphan_status,
        resolved_at = case when o.refunded_amount + p_amount = o.amount then now() end,
        tries = o.tries + case when p_error is null then 0 else 1 end,
        last_error = left(p_error, 1000)
    where o.stripe_id = p_stripe_id
    returning o.* into v_orphan;
    if v_orphan.status = 'refunded' and v_orphan.kind = 'payment' and p_amount > 0 then
        perform private.tell_of_orphan_refund(v_orphan);
    end if;
end
$$;
comment on function private.change_orphan_refund is
    'Adds p_amount to what went back of an orphan. With p_error the refund failed, and an operator decides again.';

create function private.apply_orphan_refund(p_refund jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
    v_amount constant bigint := (p_refund ->> 'amount')::bigint;
begin
    select o.* into v_orphan from public.orphans o where o.stripe_id = p_refund ->> 'payment_intent' and o.kind = 'payment' for update;
    if not found then
        return 'ignored: not a payment of ours';
    elsif v_orphan.status = 'rebooked' then
        -- since the caller looked for its payment: the next attempt finds it
        perform private.raise_error('orphan_closed', jsonb_build_object('status', v_orphan.status));
    end if;
    if p_refund #>> '{settlement,id}' is not null and private.post_transaction(
        'refund:' || (p_refund ->> 'id'), 'refund', 'Refund without a booking', to_timestamp((p_refund ->> 'created')::bigint),
        private.orphan_postings(v_orphan, -v_amount, p_refund -> 'settlement'), p_refund #>> '{settlement,id}'
    ) then
        perform private.change_orphan_refund(v_orphan.stripe_id, v_amount);
    end if;
    if p_refund #>> '{failure_settlement,id}' is not null and private.post_transaction(
        'refund_failed:' || (p_refund ->> 'id'), 'refund_failed', 'Failed refund', now(),
        private.orphan_postings(v_orphan, v_amount, p_refund -> 'failure_settlement'), p_refund #>> '{failure_settlement,id}'
    ) then
        perform private.change_orphan_refund(v_orphan.stripe_id, -v_amount, coalesce(p_refund ->> 'failure_reason', 'failed'));
    end if;
    return 'orphan';
end
$$;
comment on function private.apply_orphan_refund is
    'Posts a refund of an orphan payment, made here or at Stripe. Takes what apply_refund takes, in minor units, and returns the outcome.';

create function private.apply_orphan_dispute(p_dispute jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
    v_movement jsonb;
    v_moved bigint;
    v_withdrawn bigint := 0;
begin
    select o.* into v_orphan from public.orphans o where o.stripe_id = p_dispute ->> 'payment_intent' and o.kind = 'payment' for update;
    if not found then
        return 'ignored: not a payment of ours';
    elsif v_orphan.status = 'rebooked' then
        -- since the caller looked for its payment: the next attempt finds it
        perform private.raise_error('orphan_closed', jsonb_build_object('status', v_orphan.status));
    end if;
    for v_movement in select m from jsonb_array_elements(p_dispute -> 'movements') m loop
        v_moved := case
            when upper(v_movement ->> 'currency') = v_orphan.currency then (v_movement ->> 'amount')::bigint
            else sign((v_movement ->> 'amount')::bigint) * (p_dispute ->> 'amount')::bigint
        end;
        v_withdrawn := v_withdrawn - v_moved;
        perform private.post_transaction(
            'dispute:' || (v_movement ->> 'id'), case when v_moved < 0 then 'dispute' else 'dispute_won' end,
            'Dispute of a payment without a booking', to_timestamp((v_movement ->> 'created')::bigint),
            private.orphan_postings(v_orphan, v_moved, v_movement), v_movement ->> 'id'
        );
    end loop;
    update public.orphans o set is_disputed = v_withdrawn > 0 where o.id = v_orphan.id;
    -- the bank has given the money back
    update public.orphans o set status = 'refunded', resolved_at = now()
    where
        o.id = v_orphan.id and o.status in ('open', 'refunding') and p_dispute ->> 'status' = 'lost'
        and o.refunded_amount + v_withdrawn >= o.amount;
    return 'orphan';
end
$$;
comment on function private.apply_orphan_dispute is
    'Posts the movements of a dispute over an orphan payment. A payment that the bank gave back is settled. Takes what apply_dispute takes, in minor units, and returns the outcome.';

create function private.record_orphan_transfer(p_transfer jsonb) returns text
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
    v_amount constant bigint := (p_transfer ->> 'amount')::bigint;
    v_reversal jsonb;
    v_back bigint;
begin
    if private.is_ours(p_transfer -> 'metadata') is not true then
        return 'ignored: not a payout of ours';
    end if;
    insert into public.orphans as o (kind, stripe_id, booking_id, row_id, profile_id, currency, amount, is_charged, charged_at)
    values (
        'transfer', p_transfer ->> 'id', private.as_uuid(p_transfer #>> '{metadata,booking_id}'), private.as_uuid(p_transfer ->> 'payout_id'),
        (select a.profile_id from public.payout_accounts a where a.stripe_account_id = p_transfer ->> 'destination'),
        upper(p_transfer ->> 'currency'), v_amount, true, to_timestamp((p_transfer ->> 'created')::bigint)
    )
    on conflict (stripe_id) do update set amount = excluded.amount
    returning * into v_orphan;
    perform private.post_transaction(
        'transfer:' || v_orphan.stripe_id, 'transfer', 'Payout without a booking', v_orphan.charged_at,
        private.orphan_postings(v_orphan, -v_amount, jsonb_build_object('currency', v_orphan.currency, 'amount', -v_amount, 'fee', 0, 'net', -v_amount)),
        p_transfer ->> 'balance_transaction'
    );
    for v_reversal in select r from jsonb_array_elements(p_transfer -> 'reversals') r loop
        v_back := (v_reversal ->> 'amount')::bigint;
        if private.post_transaction(
            'reversal:' || (v_reversal ->> 'id'), 'reversal', 'Reversal of a payout without a booking', to_timestamp((v_reversal ->> 'created')::bigint),
            private.orphan_postings(v_orphan, v_back, jsonb_build_object('currency', v_orphan.currency, 'amount', v_back, 'fee', 0, 'net', v_back)),
            v_reversal ->> 'balance_transaction'
        ) then
            perform private.change_orphan_refund(v_orphan.stripe_id, v_back);
        end if;
    end loop;
    return 'orphan';
end
$$;
comment on function private.record_orphan_transfer is
    'Keeps a transfer of ours whose booking or host is not here as an orphan, and posts it with its reversals. Takes what apply_transfer takes, in minor units, and returns the outcome.';

create function private.adopt_transfer(p_transfer jsonb, p_payout_id uuid) returns uuid
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_sent constant bigint := (p_transfer ->> 'amount')::bigint;
    v_currency constant text := upper(p_transfer ->> 'currency');
    v_id uuid;
begin
    if private.is_ours(p_transfer -> 'metadata') then
        v_booking := private.lock_booking(private.as_uuid(p_transfer #>> '{metadata,booking_id}'), now());
    end if;
    if v_booking.id is null
        or v_currency <> coalesce(v_booking.payout_currency, v_booking.currency)
        or not exists (
            select from public.payout_accounts a
            where a.profile_id = v_booking.host_id and a.stripe_account_id = p_transfer ->> 'destination'
        )
        or exists (select from public.orphans o where o.stripe_id = p_transfer ->> 'id' and (o.status <> 'open' or o.refunded_amount > 0))
    then
        return null;
    end if;
    insert into public.payouts (id, booking_id, host_id, status, currency, amount, sent_currency, sent_amount, stripe_transfer_id)
    values (
        coalesce(p_payout_id, gen_random_uuid()), v_booking.id, v_booking.host_id, 'paid', v_booking.currency,
        case when v_currency = v_booking.currency then v_sent
            else private.convert_amount(v_sent, v_currency, v_booking.currency, 1 / v_booking.payout_rate) end,
        v_currency, v_sent, p_transfer ->> 'id'
    )
    returning id into v_id;
    return v_id;
end
$$;
comment on function private.adopt_transfer is
    'Makes the row p_payout_id of a transfer of ours that has none, when its booking and the account of the booking''s host are here. Returns its id; null when it cannot be decided.';

create function private.settle_orphan_transfer(p_payout public.payouts) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
begin
    update public.orphans o set status = 'rebooked', resolved_at = now()
    where o.stripe_id = p_payout.stripe_transfer_id and o.status = 'open'
    returning o.* into v_orphan;
    if found then
        perform private.post_transaction(
            'orphan:' || v_orphan.stripe_id, 'orphan', 'Payout found again', now(),
            array[
                row('orphan', null, p_payout.sent_currency, null, -p_payout.sent_amount)::private.posting,
                row('host_payable', p_payout.host_id, p_payout.currency, p_payout.booking_id, p_payout.amount)::private.posting
            ] || case when p_payout.sent_currency <> p_payout.currency then array[
                row('fx_difference', null, p_payout.sent_currency, p_payout.booking_id, p_payout.sent_amount)::private.posting,
                row('fx_difference', null, p_payout.currency, p_payout.booking_id, -p_payout.amount)::private.posting
            ] else '{}' end
        );
    end if;
end
$$;
comment on function private.settle_orphan_transfer is
    'Moves an orphan transfer to the booking of its payout, once it has one.';
