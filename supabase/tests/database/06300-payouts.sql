-- When hosts are paid: a day after check-in, in parts for long stays, not while new, held or disputed; debts are carried over.
begin;
select plan(43);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as first, null::uuid as second, null::uuid as long;
grant select on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
-- the host gets 84.5 %: of two nights 169.00, of 60 nights 5070.00
update public.properties set booking_mode = 'instant', max_nights = 100, base_price = 10000 where id = (select home from world);
select public.save_payout_account(ana, 'acct_po') from world;
select public.apply_account('{"id": "acct_po", "details_submitted": true, "payouts_enabled": true, "requirements": []}');

create function pg_temp.paid(p_name text, p_from integer, p_nights integer) returns uuid language plpgsql as $$
declare
    v_id uuid := (select tests.create_booking(ben, home, current_date + p_from, current_date + p_from + p_nights, 'awaiting_payment') from world);
    v_begun jsonb := (select public.begin_payment(ben, v_id) from world);
begin
    perform public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_' || p_name, 'payment_id', v_begun ->> 'payment_id', 'status', 'succeeded', 'amount', v_begun -> 'amount',
        'amount_received', v_begun -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_' || p_name,
        'settlement', jsonb_build_object(
            'id', 'txn_' || p_name, 'currency', 'eur', 'amount', v_begun -> 'amount', 'fee', 0, 'net', v_begun -> 'amount'
        )
    ));
    set constraints all immediate;
    set constraints all deferred;
    return v_id;
end $$;
create function pg_temp.transfer(p_payout_id uuid, p_name text, p_reversals jsonb default '[]') returns text language sql as $$
    select public.apply_transfer(jsonb_build_object(
        'id', 'tr_' || p_name, 'payout_id', p.id, 'amount', p.amount, 'currency', 'eur', 'created', 1800000000,
        'balance_transaction', 'txn_tr_' || p_name, 'reversals', p_reversals
    ))
    from public.payouts p where p.id = p_payout_id
$$;
-- triggers at commit defer further triggers, which need a second round
create function pg_temp.commit_now() returns void language plpgsql as $$
begin
    for v_round in 1..2 loop
        set constraints all immediate;
        set constraints all deferred;
    end loop;
end $$;
create function pg_temp.due(p_booking uuid, p_after interval) returns bigint language sql as $$
    select private.payout_due(b, b.check_in_at + p_after) from private.bookings b where b.id = p_booking
$$;
update world set first = pg_temp.paid('first', 40, 2);
update world set second = pg_temp.paid('second', 50, 2);
update world set long = pg_temp.paid('long', 60, 60);

select is(pg_temp.due(first, '23:59:59'), 0::bigint, 'PO01 nothing is paid out within 24 hours of check-in') from world;
select is(pg_temp.due(first, '24 hours'), 16900::bigint, 'PO02 the host''s share is paid out 24 hours after check-in') from world;
update private.settings set value = '42 days' where name = 'new_host_hold';
select is(pg_temp.due(first, '24 hours'), 0::bigint, 'PO03 nothing is paid out during the hold for new hosts, which counts from their first booking') from world;
select is(pg_temp.due(second, '24 hours'), 16900::bigint, 'PO04 the hold for new hosts ends for all their bookings together') from world;
update private.settings set value = '0 days' where name = 'new_host_hold';

select tests.act_as('authenticated', ana) from world;
select tests.throws_code('insert into public.payout_holds (booking_id, reason) select first, ''Me'' from world', 'insert_not_allowed', 'PO05 a host cannot hold a payout');
select tests.act_as('authenticated', olga) from world;
select tests.throws_code('insert into public.payout_holds (booking_id, reason) values (null, ''x'')', 'value_missing', 'PO31 a hold names a booking');
select tests.throws_code('insert into public.payout_holds (booking_id) select first from world', 'value_missing', 'PO32 a hold has a reason');
select tests.throws_code('insert into public.payout_holds (booking_id, reason) select first, '' '' from world', 'reason_is_plain', 'PO33 the reason of a hold is not blank');
select tests.throws_code('insert into public.payout_holds (booking_id, reason) values (gen_random_uuid(), ''x'')', 'reference_not_found', 'PO34 the booking of a hold exists');
insert into public.payout_holds (booking_id, reason) select first, 'A flood is reported.' from world;
select tests.act_as('postgres');
select is(pg_temp.due(first, '24 hours'), 0::bigint, 'PO06 nothing is paid out while an operator holds the payout') from world;
select tests.act_as('authenticated', olga) from world;
update public.payout_holds set released_at = now();
select tests.act_as('postgres');
select is(pg_temp.due(first, '24 hours'), 16900::bigint, 'PO07 the payout is due after the hold is released') from world;

select is(pg_temp.due(long, '24 hours'), 253500::bigint, 'PO08 of 60 nights 30 are paid out a day after check-in') from world;
select is(pg_temp.due(long, '40 days'), 253500::bigint, 'PO09 no more is paid out while the guest has paid for 30 nights') from world;

-- paid out, then cancelled; Stripe refuses the reversal: a debt
select ok(private.release_payout(first, (select check_in_at + interval '25 hours' from private.bookings b where b.id = first)), 'PO10 a payout is released') from world;
select is(pg_temp.due(first, '25 hours'), 0::bigint, 'PO11 a payout is released once') from world;
select is(pg_temp.transfer(p.id, 'first'), 'applied', 'PO12 the transfer of a payout is applied') from public.payouts p, world where p.booking_id = first;
select tests.act_as('authenticated', olga) from world;
insert into public.payout_holds (booking_id, reason) select first, 'Looked at again.' from world;
select tests.act_as('postgres');
select is(pg_temp.due(first, '25 hours'), 0::bigint, 'PO13 a hold after the payout creates no debt') from world;
select tests.act_as('authenticated', olga) from world;
select public.cancel_booking(first) from world;
select tests.act_as('postgres');
select pg_temp.commit_now();
select is((select array_agg(amount) from private.payout_reversals), array[16900]::bigint[], 'PO14 after a cancellation in full, the whole payout is reversed');
select public.fail_reversal(id) from private.payout_reversals;
select private.reverse_excess_payouts(b) from private.bookings b, world where b.id = first;
select is((select count(*) from private.payout_reversals), 1::bigint, 'PO42 a reversal that Stripe refuses is not made again');
select is(pg_temp.due(first, '25 hours'), -16900::bigint, 'PO15 a reversal that Stripe refuses is the host''s debt') from world;
select ok(
    private.release_payout(long, (select check_in_at + interval '25 hours' from private.bookings b where b.id = long)),
    'PO16 the next payout is released'
) from world;
select is((select p.amount from public.payouts p, world where p.booking_id = long), 236600::bigint, 'PO17 the next payout is reduced by the debt: 2535.00 less 169.00');
select pg_temp.commit_now();
select is(pg_temp.due(first, '25 hours'), 0::bigint, 'PO18 the offset pays the debt') from world;
select is(
    (select sum(-e.amount)::bigint from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id, world
     where a.purpose = 'host_payable' and a.party_id = ana and e.booking_id = first), 0::bigint, 'PO19 the ledger shows no debt'
);
select tests.act_as('authenticated', ana) from world;
select is(
    (select string_agg(kind || ' ' || amount, ', ' order by id) from public.host_statement, world where booking_id = first),
    'agreement 16900, transfer -16900, agreement -16900, offset 16900', 'PO20 the host''s statement shows the offset'
);
select tests.act_as('postgres');

-- the guest disputes 200.00, and Stripe charges 15.00 for it
create function pg_temp.dispute(p_status text) returns text language sql as $$
    select public.apply_dispute(jsonb_build_object(
        'id', 'dp_po', 'payment_intent', 'pi_second', 'status', p_status, 'reason', 'fraudulent', 'amount', 20000,
        'movements', '[{"id": "txn_dp", "currency": "eur", "amount": -20000, "fee": 1500, "net": -21500, "created": 1800000000}]'::jsonb
    ))
$$;
create function pg_temp.balance(p_purpose private.ledger_purpose) returns bigint language sql as $$
    select coalesce(sum(e.amount), 0)::bigint from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id, world
    where e.booking_id = second and a.purpose = p_purpose
$$;
select is(pg_temp.dispute('needs_response'), 'applied', 'PO21 a dispute is applied');
select is(pg_temp.due(second, '25 hours'), 0::bigint, 'PO22 a dispute stops the payout') from world;
select is(pg_temp.balance('disputed') || ' ' || pg_temp.balance('stripe_clearing') || ' ' || pg_temp.balance('stripe_fees'), '20000 -1500 1500', 'PO23 the disputed amount is on an account of its own');
select ok(
    (select evidence ?& array['booking', 'line_items', 'house_rules', 'history'] and evidence #>> '{booking,guest_total}' = '20000' from public.disputes),
    'PO24 the evidence contains the booking, its rules and its history'
);
select pg_temp.dispute('lost');
select pg_temp.dispute('lost');
select pg_temp.dispute('under_review');
select is((select status from public.disputes), 'lost', 'PO25 a decided dispute stays decided, in whatever order events arrive');
select is(pg_temp.balance('disputed') || ' ' || pg_temp.balance('host_payable') || ' ' || pg_temp.balance('platform_fee'), '0 0 0', 'PO26 after a lost dispute host and platform keep nothing of the amount');
select pg_temp.commit_now();
select is_empty('select from private.planned_charges c, world where c.booking_id = second', 'PO27 after a dispute the card is not charged again');

-- open payables
create function pg_temp.next_look(p_booking uuid) returns interval language sql as $$
    select o.due_at - b.check_in_at from private.open_payables o join private.bookings b on b.id = o.booking_id where b.id = p_booking
$$;
create function pg_temp.sweep(p_after interval) returns integer language sql as $$
    select private.release_payouts((select b.check_in_at + p_after from private.bookings b, world where b.id = long))
$$;
select is_empty('select from private.open_payables o, world where o.booking_id in (first, second)', 'PO28 a booking is closed when its balance is zero and no payout is pending');
select is(
    (select format('%s %s %s', balance, in_flight, debt) from private.open_payables o, world where o.booking_id = long), '-490100 236600 0',
    'PO30 a pending payout keeps its booking open: 5070.00 less the debt of 169.00, and 2366.00 on the way'
);
select is(pg_temp.sweep('25 hours'), 0, 'PO29 a payout that is on the way is not released again');
select is(pg_temp.next_look(long), interval '31 days', 'PO35 the next part of a long stay is looked at 30 days later') from world;
select pg_temp.transfer(p.id, 'long') from public.payouts p, world where p.booking_id = long;
select is((select due_at from private.open_payables o, world where o.booking_id = long), '-infinity', 'PO36 a payout that is made changes the payable, so it is looked at again');
select is(pg_temp.sweep('31 days'), 0, 'PO37 the second part waits for the guest');
select is((select due_at from private.open_payables o, world where o.booking_id = long), 'infinity', 'PO38 and is not looked at until something changes');
update private.settings set value = '1 day' where name = 'payout_delay';
select is((select due_at from private.open_payables o, world where o.booking_id = long), '-infinity', 'PO39 as by a setting');
select pg_temp.sweep('31 days');
update public.payout_accounts set payouts_enabled = false;
update public.payout_accounts set payouts_enabled = true;
select is((select due_at from private.open_payables o, world where o.booking_id = long), '-infinity', 'PO40 or by Stripe, which can pay the host again');
select is(
    (select jsonb_object_agg(o.booking_id, o.balance) from private.open_payables o),
    (select jsonb_object_agg(s.booking_id, s.balance) from (
        select e.booking_id, sum(e.amount) as balance from private.ledger_entries e where e.purpose = 'host_payable' group by e.booking_id having sum(e.amount) <> 0
    ) s), 'PO41 the open payables are the balances of the ledger'
);

select results_eq(
    $$select t.kind, bool_and(t.ordering_key in (select b.id::text from private.bookings b, world where b.property_id = home))
    from private.stripe_tasks t where t.kind in ('transfer', 'reversal') group by t.kind order by t.kind$$,
    $$values ('reversal', true), ('transfer', true)$$, 'PO43 transfers and reversals are ordered by booking'
);

select * from finish();
rollback;
