-- Purpose: what hosts get, when, and what keeps it back: connected accounts, payouts, reversals, holds, disputes.
-- Touches: public.payout_accounts, payouts, payout_holds, disputes; private.payout_reversals; public functions for the workers;
-- private.move_money, balance_booking's part for hosts.
-- Watch: nothing is paid that was not paid in, that a hold or an open dispute keeps, or before its time. What is due is the
-- ledger's word: the host's share by agreement, less what was transferred. A host who owes of one booking pays it from the next
-- (offset) before anything is transferred; so a negative balance is carried without being stored.

insert into private.settings (name, value, description) values
    ('payout_delay', '24 hours', 'How long after check-in a host is paid; stays of 28 nights and more in parts of 30 nights.'),
    ('new_host_hold', '30 days', 'How long after the confirmation of their first booking new hosts are not paid.');

create table public.payout_accounts (
    profile_id uuid constraint payout_accounts_pkey primary key
        constraint payout_accounts_profile_fkey references public.profiles (id) on delete restrict,
    stripe_account_id text not null constraint payout_accounts_account_is_unique unique,
    details_submitted boolean not null default false,
    payouts_enabled boolean not null default false,
    requirements text[] not null default '{}',
    currency text constraint payout_accounts_currency_fkey references public.currencies (code) on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.payout_accounts is 'A host''s connected account at Stripe. Made by the Edge Function connect.';
comment on column public.payout_accounts.details_submitted is 'The host has been through onboarding.';
comment on column public.payout_accounts.payouts_enabled is 'Money can be sent there.';
comment on column public.payout_accounts.requirements is 'What Stripe still wants to know.';
comment on column public.payout_accounts.currency is 'In which the account is paid.';
create index payout_accounts_currency_idx on public.payout_accounts (currency);

create type public.payout_status as enum ('pending', 'paid', 'cancelled', 'failed');
comment on type public.payout_status is 'pending: on its way to Stripe. cancelled: it was no longer due when its turn came.';

create table public.payouts (
    id uuid default gen_random_uuid() constraint payouts_pkey primary key,
    booking_id uuid not null constraint payouts_booking_fkey references private.bookings (id) on delete restrict,
    host_id uuid not null constraint payouts_host_fkey references public.profiles (id) on delete restrict,
    status public.payout_status not null default 'pending',
    currency text not null constraint payouts_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint payouts_amount_is_positive check (amount > 0),
    reversed_amount bigint not null default 0,
    sent_currency text not null constraint payouts_sent_currency_fkey references public.currencies (code) on delete restrict,
    sent_amount bigint not null constraint payouts_sent_amount_is_positive check (sent_amount > 0),
    stripe_transfer_id text constraint payouts_transfer_is_unique unique,
    asked_at timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint payouts_reverse_no_more_than_paid check (reversed_amount between 0 and amount)
);
comment on table public.payouts is 'What was sent to hosts for a booking; amounts in minor units.';
comment on column public.payouts.status is 'Where it stands.';
comment on column public.payouts.currency is 'The booking''s.';
comment on column public.payouts.amount is 'What was sent, or is on its way.';
comment on column public.payouts.sent_currency is 'In which it is sent; another than the booking''s at the rate that its quote fixed.';
comment on column public.payouts.sent_amount is 'The amount in that currency.';
comment on column public.payouts.reversed_amount is 'What was taken back, or is being.';
comment on column public.payouts.asked_at is 'When Stripe was first asked for it; from then on it is not called off.';
comment on column public.payouts.last_error is 'Why it failed, in Stripe''s words.';

create unique index payouts_pending_idx on public.payouts (booking_id) where status = 'pending';
create index payouts_booking_id_idx on public.payouts (booking_id);
create index payouts_host_id_idx on public.payouts (host_id);
create index payouts_currency_idx on public.payouts (currency);
create index payouts_sent_currency_idx on public.payouts (sent_currency);

create table private.payout_reversals (
    id uuid default gen_random_uuid() constraint payout_reversals_pkey primary key,
    payout_id uuid not null constraint payout_reversals_payout_fkey references public.payouts (id) on delete restrict,
    amount bigint not null constraint payout_reversals_amount_is_positive check (amount > 0),
    sent_amount bigint not null,
    status text not null default 'pending' constraint payout_reversals_status_is_known check (status in ('pending', 'done', 'failed')),
    stripe_reversal_id text constraint payout_reversals_are_unique unique,
    created_at timestamptz not null default now()
);
comment on table private.payout_reversals is 'What is taken back of a payout because less is due. A failed one is carried as the host''s debt.';
create index payout_reversals_payout_id_idx on private.payout_reversals (payout_id);

create table public.disputes (
    id text constraint disputes_pkey primary key,
    payment_id uuid not null constraint disputes_payment_fkey references public.payments (id) on delete restrict,
    booking_id uuid not null constraint disputes_booking_fkey references private.bookings (id) on delete restrict,
    status text not null,
    reason text not null,
    currency text not null constraint disputes_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null,
    evidence jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.disputes is 'Payments that a guest''s bank took back. While one is open the booking is not paid out.';
comment on column public.disputes.status is 'As Stripe has it: needs_response, under_review, won, lost and others.';
comment on column public.disputes.reason is 'As Stripe has it.';
comment on column public.disputes.currency is 'The payment''s.';
comment on column public.disputes.amount is 'In minor units.';
comment on column public.disputes.evidence is 'What the booking says for the host: agreement, policy, house rules, history.';
create index disputes_payment_id_idx on public.disputes (payment_id);
create index disputes_booking_id_idx on public.disputes (booking_id);
create index disputes_currency_idx on public.disputes (currency);

create table public.payout_holds (
    id uuid default gen_random_uuid() constraint payout_holds_pkey primary key,
    booking_id uuid not null constraint payout_holds_booking_fkey references private.bookings (id) on delete restrict,
    reason text not null constraint payout_holds_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    held_by uuid default auth.uid() constraint payout_holds_held_by_fkey references public.profiles (id) on delete restrict,
    released_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table public.payout_holds is 'Bookings that an operator keeps from being paid out.';
comment on column public.payout_holds.reason is 'Why.';
comment on column public.payout_holds.held_by is 'The operator.';
comment on column public.payout_holds.released_at is 'When it ended; null while it holds.';
create index payout_holds_booking_id_idx on public.payout_holds (booking_id);
create index payout_holds_held_by_idx on public.payout_holds (held_by);

alter table public.payout_accounts enable row level security;
alter table public.payouts enable row level security;
alter table private.payout_reversals enable row level security;
alter table public.disputes enable row level security;
alter table public.payout_holds enable row level security;

grant select on public.payout_accounts to authenticated, service_role;
grant select on public.payouts to authenticated, service_role;
grant select on public.disputes to authenticated, service_role;
grant select on public.payout_holds to authenticated, service_role;
grant insert (booking_id, reason) on public.payout_holds to authenticated;
grant update (released_at) on public.payout_holds to authenticated;

create policy "Hosts can read their account, operators any" on public.payout_accounts for select to authenticated
    using (profile_id = (select auth.uid()) or (select private.is_operator()));
create policy "Hosts can read their payouts, operators any" on public.payouts for select to authenticated
    using (host_id = (select auth.uid()) or (select private.is_operator()));
create policy "Operators can read disputes" on public.disputes for select to authenticated using ((select private.is_operator()));
create policy "Operators can read holds" on public.payout_holds for select to authenticated using ((select private.is_operator()));
create policy "Operators can hold payouts" on public.payout_holds for insert to authenticated
    with check ((select private.is_operator()));
create policy "Operators can release payouts" on public.payout_holds for update to authenticated
    using ((select private.is_operator())) with check ((select private.is_operator()));

create trigger set_updated_at before update on public.payout_accounts for each row execute function private.set_updated_at();
create trigger set_updated_at before update on public.payouts for each row execute function private.set_updated_at();
create trigger set_updated_at before update on public.disputes for each row execute function private.set_updated_at();

create function private.host_share(p_booking_id uuid) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select coalesce(-sum(e.amount), 0)::bigint
        from private.ledger_entries e
        join private.ledger_transactions t on t.id = e.transaction_id and t.kind in ('agreement', 'dispute_lost', 'correction')
        join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
        where e.booking_id = p_booking_id
    );
end
$$;
comment on function private.host_share is 'What a host is to get of a booking in all, in minor units; below zero for a debt. Called by functions of the owner.';

create function private.paid_part(p_booking private.bookings) returns numeric
language sql stable
set search_path = ''
as $$
    select case
        when s.guest <= 0 then 1
        else greatest(0, s.guest - greatest(0, private.ledger_balance('guest', p_booking.guest_id, p_booking.currency, p_booking.id)))::numeric / s.guest
    end
    from private.booking_shares(p_booking.id) s
$$;
comment on function private.paid_part is
    'Which part of what a guest owes by a booking in all is paid, 0 to 1. Called by released_share.';

create function private.released_share(p_booking private.bookings, p_now timestamptz) returns numeric
language sql stable
set search_path = ''
as $$
    select case
        when p_booking.status not in ('confirmed', 'completed', 'cancelled', 'no_show') then 0
        when private.host_share(p_booking.id) <= 0 then 1
        when exists (select from public.payout_holds h where h.booking_id = p_booking.id and h.released_at is null) then 0
        when exists (select from public.disputes d where d.booking_id = p_booking.id and d.status not in ('won', 'lost', 'warning_closed')) then 0
        when p_now < (
            select min(b.confirmed_at) from private.bookings b where b.host_id = p_booking.host_id
        ) + private.duration('new_host_hold') then 0
        when p_booking.status in ('confirmed', 'completed') and p_now < p_booking.check_in_at + private.duration('payout_delay') then 0
        when p_booking.status in ('confirmed', 'completed') and p_booking.nights >= 28 then least(
            private.paid_part(p_booking),
            ceil(extract(epoch from p_now - p_booking.check_in_at - private.duration('payout_delay')) / (30 * 86400) + 0.000001)
                * 30 / p_booking.nights
        )
        else private.paid_part(p_booking)
    end
$$;
comment on function private.released_share is
    'Which part of a host''s share of a booking may be paid out at p_now, 0 to 1. Called by payout_room.';

create function private.payout_room(p_booking private.bookings, p_released numeric) returns bigint
language sql stable
set search_path = ''
as $$
    select
        floor(private.host_share(p_booking.id) * p_released)::bigint
        -- what left the account by other ways than agreement: transfers, reversals, offsets
        - (
            private.host_share(p_booking.id)
            + private.ledger_balance('host_payable', p_booking.host_id, p_booking.currency, p_booking.id)
        )
        - coalesce((select sum(p.amount) from public.payouts p where p.booking_id = p_booking.id and p.status = 'pending'), 0)::bigint
        + coalesce((
            select sum(r.amount) from private.payout_reversals r join public.payouts p on p.id = r.payout_id
            where p.booking_id = p_booking.id and r.status = 'pending'
        ), 0)::bigint
$$;
comment on function private.payout_room is
    'What may still be paid out of a booking when p_released of the host''s share, 0 to 1, is released; below zero what is too much. Called by payout_due and begin_transfer.';

create function private.payout_due(p_booking private.bookings, p_now timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select case
        when r.in_all < 0 then r.in_all
        -- what is held back after it was paid is no debt
        else greatest(0, private.payout_room(p_booking, private.released_share(p_booking, p_now)))
    end
    from (select private.payout_room(p_booking, 1) as in_all) r
$$;
comment on function private.payout_due is
    'What is to be paid out of a booking at p_now; below zero what the host has to give back. Called by functions of the owner.';

create function private.take_back(p_booking private.bookings) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_excess bigint := (
        select coalesce(sum(p.amount - p.reversed_amount), 0) from public.payouts p
        where p.booking_id = p_booking.id and p.status = 'paid'
    ) - greatest(private.host_share(p_booking.id), 0);
    v_payout public.payouts;
    v_part bigint;
    v_reversal uuid;
begin
    for v_payout in
        select p.* from public.payouts p
        where
            p.booking_id = p_booking.id and p.status = 'paid' and p.amount > p.reversed_amount
            -- what Stripe refused once is the host's debt, and taken from the next payout
            and not exists (select from private.payout_reversals r where r.payout_id = p.id and r.status = 'failed')
        order by p.created_at desc
        for update
    loop
        exit when v_excess <= 0;
        v_part := least(v_excess, v_payout.amount - v_payout.reversed_amount);
        insert into private.payout_reversals (payout_id, amount, sent_amount)
        values (
            v_payout.id, v_part,
            -- of the running total, so that all of it is exactly what was sent
            private.proportion(v_payout.sent_amount, v_payout.reversed_amount + v_part, v_payout.amount)
            - private.proportion(v_payout.sent_amount, v_payout.reversed_amount, v_payout.amount)
        )
        returning id into v_reversal;
        update public.payouts p set reversed_amount = p.reversed_amount + v_part where p.id = v_payout.id;
        perform private.ask_for('reversal', v_reversal::text);
        v_excess := v_excess - v_part;
    end loop;
end
$$;
comment on function private.take_back is
    'Asks for the reversal of what a host was sent of a booking above their share. Called when a booking is balanced.';

create function private.take_back_from_host() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.take_back(b) from private.bookings b
    where b.id in (
        select e.booking_id from private.ledger_entries e
        join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
        where e.transaction_id = new.id
    );
    return null;
end
$$;
comment on function private.take_back_from_host is
    'Trigger at commit: what changed a host''s share may have made a payout too large. Definer, because it follows what clients do.';
create constraint trigger take_back_from_host after insert on private.ledger_transactions
    deferrable initially deferred for each row when (new.kind in ('agreement', 'dispute_lost', 'correction', 'transfer'))
    execute function private.take_back_from_host();

create function private.release_payout(p_booking_id uuid, p_now timestamptz) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_booking constant private.bookings := private.lock_booking(p_booking_id, p_now);
    v_debtor private.bookings;
    v_due bigint := private.payout_due(v_booking, p_now);
    v_offset bigint;
    v_payout uuid;
begin
    for v_debtor in
        select b.* from private.bookings b
        join private.open_payables o on o.booking_id = b.id
        where
            b.host_id = v_booking.host_id and b.currency = v_booking.currency and b.id <> v_booking.id
            and b.status in ('confirmed', 'completed', 'cancelled', 'no_show') and private.payout_due(b, p_now) < 0
        order by b.created_at, b.id
    loop
        v_offset := least(v_due, -private.payout_due(v_debtor, p_now));
        continue when v_offset <= 0;
        perform private.post_transaction(
            'offset:' || gen_random_uuid(), 'offset', 'Debt of another booking', p_now,
            array[
                row('host_payable', v_booking.host_id, v_booking.currency, v_booking.id, v_offset)::private.posting,
                row('host_payable', v_booking.host_id, v_booking.currency, v_debtor.id, -v_offset)::private.posting
            ]
        );
        v_due := v_due - v_offset;
    end loop;
    if v_due > 0 then
        insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount)
        values (
            v_booking.id, v_booking.host_id, v_booking.currency, v_due, coalesce(v_booking.payout_currency, v_booking.currency),
            case when v_booking.payout_currency is null then v_due
                else private.converted(v_due, v_booking.currency, v_booking.payout_currency, v_booking.payout_rate) end
        )
        on conflict do nothing
        returning id into v_payout;
        perform private.ask_for('transfer', v_payout::text) where v_payout is not null;
    end if;
    return v_payout is not null;
end
$$;
comment on function private.release_payout is
    'Sets going what is to be paid out of a booking at p_now, the host''s debts of other bookings taken off first; whether anything is. Called by release_payouts.';

create function private.release_payouts(p_now timestamptz) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_due record;
    v_count integer := 0;
begin
    for v_due in
        select b.id, b.host_id, b.property_id, b.currency
        from private.open_payables o
        join private.bookings b on b.id = o.booking_id
        join public.payout_accounts a on a.profile_id = b.host_id and a.payouts_enabled
        where
            b.status in ('confirmed', 'completed', 'cancelled', 'no_show')
            and (b.status in ('cancelled', 'no_show') or b.check_in_at < p_now)
            and (
                private.payout_due(b, p_now) > 0
                or b.status <> 'confirmed' and private.ledger_balance('host_payable', b.host_id, b.currency, b.id) = 0
            )
            -- what Stripe refused is not asked for again at once
            and not exists (
                select from public.payouts p where p.booking_id = b.id and p.status = 'failed' and p.updated_at > p_now - interval '1 hour'
            )
        order by b.host_id, b.check_in_at, b.id
    loop
        -- one payout of a host at a time; a booking that somebody is at work on waits for the next run
        continue when not pg_try_advisory_xact_lock(hashtextextended(v_due.host_id::text, 5));
        perform from public.properties p where p.id = v_due.property_id for no key update skip locked;
        continue when not found;
        begin
            if private.release_payout(v_due.id, p_now) then
                v_count := v_count + 1;
            end if;
            -- under the booking's lock, which whoever posts for it has too
            delete from private.open_payables o
            where
                o.booking_id = v_due.id
                and private.ledger_balance('host_payable', v_due.host_id, v_due.currency, v_due.id) = 0;
        exception when others then
            raise warning 'release_payout %: %', v_due.id, sqlerrm;
        end;
    end loop;
    return v_count;
end
$$;
comment on function private.release_payouts is
    'Sets going what is to be paid out at p_now, each booking by itself, and says how many payouts that is. Called by move_money.';

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
        and private.payout_room(v_booking, private.released_share(v_booking, now())) < 0
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
        private.settled(v_payout.booking_id, v_payout.currency, -v_payout.amount, jsonb_build_object(
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
            private.settled(v_payout.booking_id, v_payout.currency, v_amount, jsonb_build_object(
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
comment on function private.dispute_evidence is 'What a booking says in a dispute. Called by apply_dispute.';

create function public.apply_dispute(p_dispute jsonb) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_payment public.payments;
    v_booking private.bookings;
    v_id constant text := p_dispute ->> 'id';
    v_amount constant bigint := (p_dispute ->> 'amount')::bigint;
    v_movement jsonb;
    v_moved bigint;
    v_host bigint;
begin
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
        -- all of it, in the booking's currency, whatever it was at Stripe
        v_moved := sign((v_movement ->> 'amount')::bigint) * v_amount;
        perform private.post_transaction(
            'dispute:' || (v_movement ->> 'id'), case when (v_movement ->> 'amount')::bigint < 0 then 'dispute' else 'dispute_won' end,
            'Dispute', to_timestamp((v_movement ->> 'created')::bigint),
            private.settled(v_payment.booking_id, v_payment.currency, v_moved, v_movement)
                || row('disputed', null, v_payment.currency, v_payment.booking_id, -v_moved)::private.posting,
            v_movement ->> 'id'
        );
    end loop;
    if p_dispute ->> 'status' = 'lost' then
        v_host := case when v_booking.guest_total > 0
            then private.proportion(v_amount, least(v_booking.host_total, v_booking.guest_total), v_booking.guest_total) else 0 end;
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
    perform private.balance_booking(v_payment.booking_id);
    return 'applied';
end
$$;
grant execute on function public.apply_dispute to service_role;
comment on function public.apply_dispute is
    'Takes over what a dispute is at Stripe now, {id, payment_intent, status, reason, amount, movements}, freezes the booking''s payout while it is open and gathers the evidence. For the function money-worker: service role only. Definer, because no role may write disputes.';
