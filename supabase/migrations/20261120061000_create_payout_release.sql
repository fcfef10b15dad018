-- Purpose: what a host is owed and when it is paid out; reversals of excess payouts; offsets against debts of other bookings.
-- Touches: private.payable_amount, payout_due, next_payout_at, reverse_excess_payouts, release_payouts; triggers on what they read.
-- Watch: a host who owes money for one booking pays it from the next payout (kind offset) before anything is transferred.
-- payout_due decides alone what is paid; open_payables.due_at only says when to look, so a rule that lets more be paid needs a
-- trigger that resets it. Lock order: property, booking, open payable, ledger account.

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
        where e.booking_id = p_booking_id and e.purpose = 'host_payable'
    );
end
$$;
comment on function private.host_share is 'Returns what a host earns from a booking in all, in minor units; below zero for a debt.';

create function private.paid_fraction(p_booking private.bookings) returns numeric
language plpgsql stable
set search_path = ''
as $$
declare
    -- goodwill of the platform is paid to the host like money of the guest
    v_due bigint := (select s.guest - s.goodwill from private.booking_shares(p_booking.id) s);
begin
    if v_due <= 0 then
        return 1;
    end if;
    return greatest(
        0, v_due - greatest(0, private.ledger_balance('guest', p_booking.guest_id, p_booking.currency, p_booking.id))
    )::numeric / v_due;
end
$$;
comment on function private.paid_fraction is
    'Returns which part of what the guest owes for a booking is paid, from 0 to 1.';

create function private.payout_starts_at(p_booking private.bookings) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
    if p_booking.status not in ('confirmed', 'completed', 'cancelled', 'no_show')
        or exists (select from public.payout_holds h where h.booking_id = p_booking.id and h.released_at is null)
        or exists (
            select from public.disputes d where d.booking_id = p_booking.id and d.status in ('needs_response', 'under_review')
        )
    then
        return 'infinity';
    end if;
    return greatest(
        '-infinity',
        (select min(b.confirmed_at) from private.bookings b where b.host_id = p_booking.host_id) + private.duration('new_host_hold'),
        case when p_booking.status in ('confirmed', 'completed') then p_booking.check_in_at + private.duration('payout_delay') end
    );
end
$$;
comment on function private.payout_starts_at is
    'Returns from when a booking may be paid out; infinity while a hold or a dispute is open. Later parts of a long stay follow every 30 days.';

create function private.released_share(p_booking private.bookings, p_now timestamptz) returns numeric
language plpgsql stable
set search_path = ''
as $$
begin
    if p_booking.status not in ('confirmed', 'completed', 'cancelled', 'no_show') then
        return 0;
    elsif private.host_share(p_booking.id) <= 0 then
        return 1;
    elsif p_now < private.payout_starts_at(p_booking) then
        return 0;
    elsif p_booking.status in ('confirmed', 'completed') and p_booking.nights >= 28 then
        return least(
            private.paid_fraction(p_booking),
            ceil(extract(epoch from p_now - p_booking.check_in_at - private.duration('payout_delay')) / (30 * 86400) + 0.000001)
                * 30 / p_booking.nights
        );
    end if;
    return private.paid_fraction(p_booking);
end
$$;
comment on function private.released_share is
    'Returns which part of the host''s share of a booking may be paid out at p_now, from 0 to 1.';

create function private.payable_amount(p_booking private.bookings, p_released numeric) returns bigint
language plpgsql stable
set search_path = ''
as $$
declare
    v_in_all constant bigint := coalesce((
        select -o.balance - o.in_flight from private.open_payables o where o.booking_id = p_booking.id
    ), 0);
    v_share bigint;
    v_step bigint;
begin
    if p_released = 1 then
        return v_in_all;
    end if;
    v_share := private.host_share(p_booking.id);
    v_step := private.step_of(p_booking.currency);
    return v_in_all - v_share + (floor(v_share * p_released / v_step) * v_step)::bigint;
end
$$;
comment on function private.payable_amount is
    'Returns what may still be paid out for a booking when the part p_released (0 to 1) of the host''s share is released; below zero when too much was paid out.';

create function private.payout_due(p_booking private.bookings, p_now timestamptz) returns bigint
language plpgsql stable
set search_path = ''
as $$
declare
    v_in_all constant bigint := private.payable_amount(p_booking, 1);
begin
    -- what is not owed in all is not owed in part
    if v_in_all <= 0 then
        return v_in_all;
    end if;
    -- money that is held back after it was paid out is no debt
    return greatest(0, private.payable_amount(p_booking, private.released_share(p_booking, p_now)));
end
$$;
comment on function private.payout_due is
    'Returns what is to be paid out for a booking at p_now; below zero what the host owes.';

create function private.next_payout_at(p_booking private.bookings, p_now timestamptz) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
declare
    v_starts_at constant timestamptz := private.payout_starts_at(p_booking);
    v_parts integer;
    -- a transfer that Stripe refused is tried again after an hour
    v_retry_at constant timestamptz := (
        select max(p.updated_at) + interval '1 hour' from public.payouts p where p.booking_id = p_booking.id and p.status = 'failed'
    );
begin
    if private.payable_amount(p_booking, 1) <= 0
        or not exists (select from public.payout_accounts a where a.profile_id = p_booking.host_id and a.payouts_enabled)
    then
        return 'infinity';
    elsif v_retry_at > p_now then
        return v_retry_at;
    elsif v_starts_at > p_now then
        return v_starts_at;
    elsif private.payout_due(p_booking, p_now) > 0 then
        return p_now;
    elsif p_booking.status in ('confirmed', 'completed') and p_booking.nights >= 28 then
        v_parts := ceil(extract(epoch from p_now - p_booking.check_in_at - private.duration('payout_delay')) / (30 * 86400) + 0.000001);
        if v_parts * 30 < p_booking.nights then
            return p_booking.check_in_at + private.duration('payout_delay') + v_parts * interval '30 days';
        end if;
    end if;
    return 'infinity';
end
$$;
comment on function private.next_payout_at is
    'Returns when a payout of a booking is due next by the clock: p_now when one is due, infinity when something else must happen first.';

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
            private.proportion(v_payout.sent_amount, v_payout.reversed_amount + v_part, v_payout.amount, private.step_of(v_payout.sent_currency))
            - private.proportion(v_payout.sent_amount, v_payout.reversed_amount, v_payout.amount, private.step_of(v_payout.sent_currency))
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
    where b.id in (select e.booking_id from private.ledger_entries e where e.transaction_id = new.id and e.purpose = 'host_payable');
    return null;
end
$$;
comment on function private.reverse_excess_payouts_on_posting is
    'Trigger at commit: reverses payouts that exceed the host''s share after a posting. Definer, because clients cause the posting.';
create constraint trigger _200_reverse_excess_payouts_on_posting after insert on private.ledger_transactions
    deferrable initially deferred for each row when (new.kind in ('agreement', 'request', 'goodwill', 'dispute_lost', 'correction', 'transfer', 'orphan'))
    execute function private.reverse_excess_payouts_on_posting();

create function private.release_payout(p_booking_id uuid, p_now timestamptz) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_booking constant private.bookings := private.lock_booking(p_booking_id, p_now);
    v_debtor record;
    v_due bigint := private.payout_due(v_booking, p_now);
    v_offset bigint;
    v_payout uuid;
begin
    for v_debtor in
        select o.booking_id, o.debt
        from private.open_payables o
        join private.bookings b on b.id = o.booking_id
        where
            v_due > 0 and o.host_id = v_booking.host_id and o.currency = v_booking.currency and o.debt > 0
            and o.booking_id <> v_booking.id and b.status in ('confirmed', 'completed', 'cancelled', 'no_show')
        order by b.created_at, b.id
        -- a debt that is changing is deducted from a later payout
        for update of o skip locked
    loop
        v_offset := least(v_due, v_debtor.debt);
        exit when v_offset <= 0;
        perform private.post_transaction(
            'offset:' || gen_random_uuid(), 'offset', 'Debt of another booking', p_now,
            array[
                row('host_payable', v_booking.host_id, v_booking.currency, v_booking.id, v_offset)::private.posting,
                row('host_payable', v_booking.host_id, v_booking.currency, v_debtor.booking_id, -v_offset)::private.posting
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
    v_booking private.bookings;
    v_next timestamptz;
    v_count integer := 0;
begin
    if private.is_paused('payouts') then
        return 0;
    end if;
    for v_due in
        select o.booking_id, o.host_id, b.property_id
        from private.open_payables o
        join private.bookings b on b.id = o.booking_id
        where o.due_at <= p_now
        order by o.due_at
        limit 200
    loop
        -- one payout of a host at a time; a property or payable that is locked waits for the next run
        continue when not pg_try_advisory_xact_lock(hashtextextended(v_due.host_id::text, 5));
        perform from public.properties p where p.id = v_due.property_id for no key update skip locked;
        continue when not found;
        -- the lock keeps a change that comes meanwhile, which resets due_at, from being overwritten
        perform from private.open_payables o where o.booking_id = v_due.booking_id for update skip locked;
        continue when not found;
        begin
            v_booking := private.lock_booking(v_due.booking_id, p_now);
            if private.next_payout_at(v_booking, p_now) <= p_now and private.release_payout(v_due.booking_id, p_now) then
                v_count := v_count + 1;
            end if;
            v_next := private.next_payout_at(v_booking, p_now);
        exception when others then
            raise warning 'release_payout %: %', v_due.booking_id, sqlerrm;
            v_next := p_now + interval '1 hour';
        end;
        update private.open_payables o set due_at = v_next where o.booking_id = v_due.booking_id;
    end loop;
    return v_count;
end
$$;
comment on function private.release_payouts is
    'Enqueues up to 200 payouts that are due at p_now, each booking in a subtransaction of its own, and returns their number. One that fails is tried again after an hour. None while payouts are paused.';
insert into private.periodic_tasks (name, command, every) values ('release_payouts', 'select private.release_payouts(now())', '10 seconds');

create function private.update_payable_on_payout() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_before bigint := 0;
begin
    if tg_op = 'UPDATE' and old.status = 'pending' then
        v_before := old.amount;
    end if;
    perform private.change_open_payable(
        new.booking_id, new.host_id, new.currency, 0, case new.status when 'pending' then new.amount else 0 end - v_before
    );
    return null;
end
$$;
comment on function private.update_payable_on_payout is
    'Trigger: keeps the open payable of a payout that begins or ends. Definer, like the functions that write payouts.';
create trigger _200_update_payable_on_insert after insert on public.payouts
    for each row execute function private.update_payable_on_payout();
create trigger _200_update_payable_on_update after update on public.payouts
    for each row when (old.status is distinct from new.status) execute function private.update_payable_on_payout();

create function private.update_payable_on_reversal() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_before bigint := 0;
begin
    if tg_op = 'UPDATE' and old.status = 'pending' then
        v_before := old.amount;
    end if;
    perform private.change_open_payable(
        p.booking_id, p.host_id, p.currency, 0, v_before - case new.status when 'pending' then new.amount else 0 end
    )
    from public.payouts p
    where p.id = new.payout_id;
    return null;
end
$$;
comment on function private.update_payable_on_reversal is
    'Trigger: keeps the open payable of a reversal that begins or ends. Definer, like the functions that write reversals.';
create trigger _200_update_payable_on_insert after insert on private.payout_reversals
    for each row execute function private.update_payable_on_reversal();
create trigger _200_update_payable_on_update after update on private.payout_reversals
    for each row when (old.status is distinct from new.status) execute function private.update_payable_on_reversal();

create function private.review_payable_of_row() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.review_payable((to_jsonb(new) ->> tg_argv[0])::uuid);
    return null;
end
$$;
comment on function private.review_payable_of_row is
    'Trigger: what release_payouts reads about a booking has changed. The argument is the column with the booking''s id. Definer, because operators cause the change.';
create trigger _200_review_payable after insert or update on public.payout_holds
    for each row execute function private.review_payable_of_row('booking_id');
create trigger _200_review_payable after insert or update on public.disputes
    for each row execute function private.review_payable_of_row('booking_id');

create function private.review_payables_of_host() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    update private.open_payables o set due_at = '-infinity' where o.host_id = new.profile_id and o.due_at > '-infinity';
    return null;
end
$$;
comment on function private.review_payables_of_host is
    'Trigger: a host can be paid from now on. Definer, like the functions that write payout_accounts.';
create trigger _200_review_payables after update on public.payout_accounts
    for each row when (new.payouts_enabled and not old.payouts_enabled) execute function private.review_payables_of_host();

create function private.review_all_payables() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    update private.open_payables o set due_at = '-infinity' where o.due_at > '-infinity';
    return null;
end
$$;
comment on function private.review_all_payables is 'Trigger: a setting that payouts depend on has changed.';
create trigger review_all_payables after update on private.settings
    for each row when (new.name in ('payout_delay', 'new_host_hold')) execute function private.review_all_payables();
