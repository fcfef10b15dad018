-- Purpose: what a host is owed and when it is paid out; reversals of excess payouts; offsets against debts of other bookings.
-- Touches: private.payable_amount, payout_due, reverse_excess_payouts, release_payouts; a trigger on private.ledger_transactions.
-- Watch: a host who owes money for one booking pays it from the next payout (kind offset) before anything is transferred. The debt
-- is the balance of the booking's host_payable account; it is stored nowhere else.

create function private.payout_rate_of(p_host_id uuid, p_currency text, p_quote_id uuid, out payout_currency text, out payout_rate numeric)
language plpgsql stable
set search_path = ''
as $$
declare
    v_currency constant text := (select a.currency from public.payout_accounts a where a.profile_id = p_host_id);
begin
    if v_currency <> p_currency then
        select r.to_currency, r.rate into payout_currency, payout_rate
        from public.exchange_rates r
        where
            r.from_currency = p_currency and r.to_currency = v_currency
            and r.valid_from <= coalesce(private.quote_expires_at(p_quote_id) - private.duration('quote_validity'), now())
        order by r.valid_from desc
        limit 1;
    end if;
end
$$;
comment on function private.payout_rate_of is
    'The currency of a host''s payout account and the rate to it at the time of the quote, or now without one; nulls when the host is paid in the booking''s currency.';

create function private.host_share(p_booking_id uuid) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select coalesce(-sum(e.amount), 0)::bigint
        from private.ledger_entries e
        join private.ledger_transactions t on t.id = e.transaction_id and t.kind in ('agreement', 'request', 'goodwill', 'dispute_lost', 'correction')
        join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
        where e.booking_id = p_booking_id
    );
end
$$;
comment on function private.host_share is 'Returns what a host earns from a booking in all, in minor units; below zero for a debt.';

create function private.paid_fraction(p_booking private.bookings) returns numeric
language sql stable
set search_path = ''
as $$
    select case
        when s.due <= 0 then 1
        else greatest(0, s.due - greatest(0, private.ledger_balance('guest', p_booking.guest_id, p_booking.currency, p_booking.id)))::numeric / s.due
    end
    -- goodwill of the platform is paid to the host like money of the guest
    from (select b.guest - b.goodwill as due from private.booking_shares(p_booking.id) b) s
$$;
comment on function private.paid_fraction is
    'Returns which part of what the guest owes for a booking is paid, from 0 to 1.';

create function private.released_share(p_booking private.bookings, p_now timestamptz) returns numeric
language sql stable
set search_path = ''
as $$
    select case
        when p_booking.status not in ('confirmed', 'completed', 'cancelled', 'no_show') then 0
        when private.host_share(p_booking.id) <= 0 then 1
        when exists (select from public.payout_holds h where h.booking_id = p_booking.id and h.released_at is null) then 0
        when exists (select from public.disputes d where d.booking_id = p_booking.id and d.status in ('needs_response', 'under_review')) then 0
        when p_now < (
            select min(b.confirmed_at) from private.bookings b where b.host_id = p_booking.host_id
        ) + private.duration('new_host_hold') then 0
        when p_booking.status in ('confirmed', 'completed') and p_now < p_booking.check_in_at + private.duration('payout_delay') then 0
        when p_booking.status in ('confirmed', 'completed') and p_booking.nights >= 28 then least(
            private.paid_fraction(p_booking),
            ceil(extract(epoch from p_now - p_booking.check_in_at - private.duration('payout_delay')) / (30 * 86400) + 0.000001)
                * 30 / p_booking.nights
        )
        else private.paid_fraction(p_booking)
    end
$$;
comment on function private.released_share is
    'Returns which part of the host''s share of a booking may be paid out at p_now, from 0 to 1.';

create function private.payable_amount(p_booking private.bookings, p_released numeric) returns bigint
language sql stable
set search_path = ''
as $$
    select
        floor(private.host_share(p_booking.id) * p_released)::bigint
        -- all changes of the account except agreements: transfers, reversals, offsets
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
comment on function private.payable_amount is
    'Returns what may still be paid out for a booking when the part p_released (0 to 1) of the host''s share is released; below zero when too much was paid out.';

create function private.payout_due(p_booking private.bookings, p_now timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select case
        when r.in_all < 0 then r.in_all
        -- money that is held back after it was paid out is no debt
        else greatest(0, private.payable_amount(p_booking, private.released_share(p_booking, p_now)))
    end
    from (select private.payable_amount(p_booking, 1) as in_all) r
$$;
comment on function private.payout_due is
    'Returns what is to be paid out for a booking at p_now; below zero what the host owes.';

create function private.reverse_excess_payouts(p_booking private.bookings) returns void
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
            -- a reversal that Stripe refused is the host's debt, deducted from the next payout
            and not exists (select from private.payout_reversals r where r.payout_id = p.id and r.status = 'failed')
        order by p.created_at desc
        for update
    loop
        exit when v_excess <= 0;
        v_part := least(v_excess, v_payout.amount - v_payout.reversed_amount);
        insert into private.payout_reversals (payout_id, amount, sent_amount)
        values (
            v_payout.id, v_part,
            -- differences of running totals, so that all reversals sum to sent_amount exactly
            private.proportion(v_payout.sent_amount, v_payout.reversed_amount + v_part, v_payout.amount)
            - private.proportion(v_payout.sent_amount, v_payout.reversed_amount, v_payout.amount)
        )
        returning id into v_reversal;
        update public.payouts p set reversed_amount = p.reversed_amount + v_part where p.id = v_payout.id;
        perform private.enqueue_stripe_task('reversal', v_reversal::text);
        v_excess := v_excess - v_part;
    end loop;
end
$$;
comment on function private.reverse_excess_payouts is
    'Enqueues reversals of what a host was paid for a booking above the host''s share, from the newest payout first.';

create function private.reverse_excess_payouts_on_posting() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.reverse_excess_payouts(b) from private.bookings b
    where b.id in (
        select e.booking_id from private.ledger_entries e
        join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
        where e.transaction_id = new.id
    );
    return null;
end
$$;
comment on function private.reverse_excess_payouts_on_posting is
    'Trigger at commit: reverses payouts that exceed the host''s share after a posting. Definer, because clients cause the posting.';
create constraint trigger _200_reverse_excess_payouts_on_posting after insert on private.ledger_transactions
    deferrable initially deferred for each row when (new.kind in ('agreement', 'request', 'goodwill', 'dispute_lost', 'correction', 'transfer'))
    execute function private.reverse_excess_payouts_on_posting();

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
                else private.convert_amount(v_due, v_booking.currency, v_booking.payout_currency, v_booking.payout_rate) end
        )
        on conflict do nothing
        returning id into v_payout;
        perform private.enqueue_stripe_task('transfer', v_payout::text) where v_payout is not null;
    end if;
    return v_payout is not null;
end
$$;
comment on function private.release_payout is
    'Deducts the host''s debts of other bookings, then enqueues the payout of what is due for a booking at p_now; returns whether there is one.';

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
            -- a transfer that Stripe refused is tried again after an hour
            and not exists (
                select from public.payouts p where p.booking_id = b.id and p.status = 'failed' and p.updated_at > p_now - interval '1 hour'
            )
        order by b.host_id, b.check_in_at, b.id
    loop
        -- one payout of a host at a time; a property that is locked waits for the next run
        continue when not pg_try_advisory_xact_lock(hashtextextended(v_due.host_id::text, 5));
        perform from public.properties p where p.id = v_due.property_id for no key update skip locked;
        continue when not found;
        begin
            if private.release_payout(v_due.id, p_now) then
                v_count := v_count + 1;
            end if;
            -- under the booking's lock, which every function that posts for it holds
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
    'Enqueues the payouts that are due at p_now, each booking in a subtransaction of its own, and returns their number.';
insert into private.periodic_tasks (name, command, every) values ('release_payouts', 'select private.release_payouts(now())', '10 seconds');
