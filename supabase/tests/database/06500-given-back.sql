-- Money that is given back: refunds at Stripe, by host and operator, by the bank; and money that a host asks for. Who bears what, and that
-- nothing is charged because of it.
begin;
select plan(139);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Olga') as olga, null::uuid as home;
grant select on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
-- the host gets 84.5 %: of two nights at 100.00 the guest pays 200.00, the host has 169.00, the platform 31.00
insert into public.cancellation_policies (id, name, steps) values
    ('half', 'Half', '[{"before_check_in": "30 days", "refund_percent": 100, "nights_kept": 0}, {"refund_percent": 50, "nights_kept": 0}]');
update public.properties set booking_mode = 'instant', max_nights = 100, base_price = 10000, cancellation_policy_id = 'half'
where id = (select home from world);
update private.settings set value = '0 days' where name = 'new_host_hold';
select public.save_payout_account(ana, 'acct_gb') from world;
select public.apply_account('{"id": "acct_gb", "details_submitted": true, "payouts_enabled": true, "requirements": []}');
create temporary table stays (name text primary key, id uuid) on commit drop;
grant select on stays to anon, authenticated, service_role;

-- triggers at commit defer further triggers, which need a second round
create function pg_temp.commit_now() returns void language plpgsql as $$
begin
    for v_round in 1..3 loop
        set constraints all immediate;
        set constraints all deferred;
    end loop;
end $$;
create function pg_temp.pay(p_name text, p_intent text) returns text language sql as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_' || p_intent, 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', b -> 'amount',
        'amount_received', b -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_' || p_intent,
        'settlement', jsonb_build_object(
            'id', 'txn_' || p_intent, 'currency', 'eur', 'amount', b -> 'amount', 'fee', 0, 'net', b -> 'amount'
        ),
        'payment_method', jsonb_build_object('id', 'pm_gb', 'brand', 'visa', 'last4', '4242', 'is_reusable', true)
    ))
    from stays s, world, public.begin_payment(ben, s.id) b where s.name = p_name
$$;
create function pg_temp.stay(p_name text, p_from integer, p_nights integer default 2) returns void language plpgsql as $$
begin
    insert into stays select p_name, tests.create_booking(ben, home, current_date + p_from, current_date + p_from + p_nights, 'awaiting_payment') from world;
    perform pg_temp.pay(p_name, p_name);
    perform pg_temp.commit_now();
end $$;
create function pg_temp.id(p_name text) returns uuid language sql as $$ select s.id from stays s where s.name = p_name $$;
grant execute on function pg_temp.id to authenticated, service_role;
create function pg_temp.refund(p_name text, p_id text, p_amount bigint, p_status text default 'succeeded', p_refund_id uuid default null) returns text language plpgsql as $$
begin
    return public.apply_refund(jsonb_build_object(
        'id', 're_' || p_id, 'refund_id', p_refund_id, 'payment_intent', 'pi_' || p_name, 'status', p_status, 'amount', p_amount, 'created', 1800000000,
        'settlement', jsonb_build_object('id', 'txn_re_' || p_id, 'currency', 'eur', 'amount', -p_amount, 'fee', 0, 'net', -p_amount)
    ) || case when p_status = 'failed' then jsonb_build_object(
        'failure_settlement', jsonb_build_object('id', 'txn_fail_' || p_id, 'currency', 'eur', 'amount', p_amount, 'fee', 0, 'net', p_amount),
        'failure_reason', 'expired_or_canceled_card'
    ) else '{}' end);
end $$;
-- p_moves: how often Stripe has moved the amount, out and back; it takes 15.00 for a withdrawal
create function pg_temp.dispute(p_name text, p_status text, p_moves integer default 1, p_amount bigint default 20000) returns text language plpgsql as $$
declare
    v_result text := public.apply_dispute(jsonb_build_object(
        'id', 'dp_' || p_name, 'payment_intent', 'pi_' || p_name, 'status', p_status, 'reason', 'fraudulent', 'amount', p_amount,
        'movements', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', format('txn_dp_%s_%s', p_name, n), 'currency', 'eur', 'amount', p_amount * (-1) ^ n,
                'fee', case when n % 2 = 1 then 1500 else 0 end, 'net', p_amount * (-1) ^ n - case when n % 2 = 1 then 1500 else 0 end,
                'created', 1800000000
            ) order by n), '[]') from generate_series(1, p_moves) n
        )
    ));
begin
    perform pg_temp.commit_now();
    return v_result;
end $$;
-- our refunds reach Stripe
create function pg_temp.send_refunds(p_name text) returns void language sql as $$
    select pg_temp.refund(substr(p.stripe_payment_intent_id, 4), 'ours_' || left(r.id::text, 8), r.amount, 'succeeded', r.id)
    from public.refunds r join public.payments p on p.id = r.payment_id
    where r.booking_id = pg_temp.id(p_name) and r.status = 'pending' and r.stripe_refund_id is null
$$;
create function pg_temp.cancel(p_name text, p_by uuid) returns void language plpgsql as $$
begin
    perform tests.act_as('authenticated', p_by);
    perform public.cancel_booking((select s.id from stays s where s.name = p_name));
    perform tests.act_as('postgres');
    perform pg_temp.commit_now();
    perform pg_temp.send_refunds(p_name);
end $$;
-- the booking in the ledger: the guest owes (below zero: is owed), host, platform and goodwill have; Stripe's disputed money; what the card
-- of the guest is to be charged
create function pg_temp.books(p_name text) returns text language sql as $$
    select format(
        'guest %s, host %s, platform %s, goodwill %s, disputed %s, paid %s, charge %s',
        coalesce(sum(e.amount) filter (where a.purpose = 'guest'), 0), coalesce(-sum(e.amount) filter (where a.purpose = 'host_payable'), 0),
        coalesce(-sum(e.amount) filter (where a.purpose = 'platform_fee'), 0), coalesce(-sum(e.amount) filter (where a.purpose = 'goodwill'), 0),
        coalesce(sum(e.amount) filter (where a.purpose = 'disputed'), 0), private.paid_amount(pg_temp.id(p_name)),
        coalesce((select c.total from private.planned_charges c where c.booking_id = pg_temp.id(p_name)), 0)
    )
    from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id where e.booking_id = pg_temp.id(p_name)
$$;
create function pg_temp.cases(p_name text) returns text language sql as $$
    select coalesce(string_agg(r.reason::text, ' ' order by r.created_at, r.reason::text), '')
    from public.reports r where r.subject = 'booking' and r.subject_id = pg_temp.id(p_name)
$$;
create function pg_temp.told(p_name text) returns text language sql as $$
    select coalesce(string_agg(n.kind || ' ' || p.display_name, ', ' order by n.kind, p.display_name), '')
    from public.notifications n join public.profiles p on p.id = n.recipient_id
    where n.booking_id = pg_temp.id(p_name) and n.kind in ('refund_sent', 'refund_charged', 'money_requested', 'money_request_answered')
$$;

-- a part is given back in Stripe's dashboard
select pg_temp.stay('part', 60);
select is(pg_temp.books('part'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 0, paid 20000, charge 0', 'GB01 paid');
select is(pg_temp.refund('part', 'part', 2000), 'applied', 'GB02 20.00 are given back at Stripe');
select pg_temp.refund('part', 'part', 2000);
select is(pg_temp.books('part'), 'guest 0, host 16900, platform 3100, goodwill -2000, disputed 0, paid 18000, charge 0', 'GB03 the platform bears it, and nothing is charged');
select tests.throws_code($$select public.begin_payment(ben, pg_temp.id('part')) from world$$, 'nothing_due', 'GB04 nor can the guest pay it again');
select is(pg_temp.cases('part'), 'refund_at_stripe', 'GB05 operators get one case');
select is(pg_temp.told('part'), 'refund_sent Ben', 'GB06 the guest is notified once');
select results_eq(
    $$select reason::text, borne_by::text from public.refunds where stripe_refund_id = 're_part'$$, $$values ('goodwill', null::text)$$, 'GB07 it is goodwill that is assigned to no one'
);
select pg_temp.refund('part', 'twice', 3000);
select is(pg_temp.books('part'), 'guest 0, host 16900, platform 3100, goodwill -5000, disputed 0, paid 15000, charge 0', 'GB08 twice is the sum');
select pg_temp.refund('part', 'twice', 3000, 'failed');
select is(pg_temp.books('part'), 'guest 0, host 16900, platform 3100, goodwill -2000, disputed 0, paid 18000, charge 0', 'GB09 one that fails later is undone, and nothing is charged');
select is(pg_temp.cases('part'), 'refund_at_stripe refund_at_stripe refund_failed', 'GB10 which operators learn');

-- assigning it
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$select public.assign_goodwill(gen_random_uuid(), 'platform')$$, 'operators_only', 'GB11 a host assigns nothing');
select tests.act_as('anon');
select throws_ok($$select public.assign_goodwill(gen_random_uuid(), 'platform')$$, '42501', null, 'GB12 nor does a person who is signed out');
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.assign_goodwill(gen_random_uuid(), 'platform')$$, 'goodwill_not_found', 'GB13 an operator names an existing refund');
select tests.throws_code($$select public.assign_goodwill(id, null) from public.refunds where stripe_refund_id = 're_part'$$, 'bearer_missing', 'GB14 and who bears it');
select is((select g.borne_by::text from public.refunds r, public.assign_goodwill(r.id, 'host') g where r.stripe_refund_id = 're_part'), 'host', 'GB15 the host bears it now');
select tests.act_as('postgres');
select is(pg_temp.books('part'), 'guest 0, host 14900, platform 3100, goodwill 0, disputed 0, paid 18000, charge 0', 'GB16 in the ledger too: 169.00 less 20.00');
select is(pg_temp.told('part'), 'refund_charged Ana, refund_sent Ben, refund_sent Ben', 'GB17 the host is notified');
select tests.act_as('authenticated', ana) from world;
select is((select string_agg(amount::text, ' ') from public.refunds), '2000', 'GB18 and sees that refund');
select is((select string_agg(kind || ' ' || amount, ', ' order by id) from public.host_statement), 'agreement 16900, goodwill -2000', 'GB19 the statement says so');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.refunds', 'GB20 a stranger sees no refund');
select tests.act_as('postgres');
select is_empty(
    'select from public.refunds r join private.bookings b on b.id = r.booking_id
    where (r.guest_id, r.host_id, r.property_id) is distinct from (b.guest_id, b.host_id, b.property_id)',
    'GB139 refunds have the parties of their booking'
);
select tests.act_as('authenticated', olga) from world;
select public.assign_goodwill(id, 'platform') from public.refunds where stripe_refund_id = 're_part';
select tests.act_as('postgres');
select is(pg_temp.books('part'), 'guest 0, host 16900, platform 3100, goodwill -2000, disputed 0, paid 18000, charge 0', 'GB21 an operator may change that');
select isnt_empty($$select from public.audit_log where table_name = 'refunds' and after ->> 'borne_by' = 'platform'$$, 'GB22 which is recorded');

-- cancelled afterwards: what went back counts
select is((select c.refund_amount || ' ' || c.unpaid_amount from public.preview_cancellation(pg_temp.id('part')) c), '20000 2000', 'GB23 of 200.00 the guest has got 20.00 back');
select pg_temp.cancel('part', ben) from world;
select is(pg_temp.books('part'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB24 so 180.00 are refunded, and no goodwill is left');

-- all of it, and then an alteration
select pg_temp.stay('whole', 65);
select pg_temp.refund('whole', 'whole', 20000);
select is(pg_temp.books('whole'), 'guest 0, host 16900, platform 3100, goodwill -20000, disputed 0, paid 0, charge 0', 'GB25 all is given back, and nothing charged');
select tests.act_as('authenticated', ben) from world;
update public.bookings set check_out = current_date + 68 where id = pg_temp.id('whole');
select tests.act_as('authenticated', ana) from world;
select public.accept_alteration(id) from public.booking_alterations where answer is null;
select tests.act_as('postgres');
select pg_temp.commit_now();
select is(pg_temp.books('whole'), 'guest 10000, host 25350, platform 4650, goodwill -20000, disputed 0, paid 0, charge 30000', 'GB26 a third night costs 100.00 more, and only those are charged');
select is((select private.guest_due(b, now()) from private.bookings b where b.id = pg_temp.id('whole')), 10000::bigint, 'GB27 they are due');
select tests.throws_code(
    $$insert into public.payments (booking_id, guest_id, kind, is_manual, currency, amount) select pg_temp.id('whole'), ben, 'alteration', false, 'EUR', 10001 from world$$,
    'charge_unexplained', 'GB28 nothing above them can be charged'
);

-- assigned after the payout
select pg_temp.stay('late', 70);
select private.release_payout(b.id, b.check_in_at + interval '25 hours') from private.bookings b where b.id = pg_temp.id('late');
select public.apply_transfer(jsonb_build_object(
    'id', 'tr_late', 'payout_id', p.id, 'amount', p.amount, 'currency', 'eur', 'created', 1800000000, 'balance_transaction', 'txn_tr_late', 'reversals', '[]'::jsonb
)) from public.payouts p where p.booking_id = pg_temp.id('late');
select pg_temp.refund('late', 'late', 2000);
select pg_temp.commit_now();
select is_empty('select from private.payout_reversals', 'GB29 the platform''s goodwill takes nothing back from the host');
select tests.act_as('authenticated', olga) from world;
select public.assign_goodwill(id, 'host') from public.refunds where stripe_refund_id = 're_late';
select tests.act_as('postgres');
select pg_temp.commit_now();
select is((select array_agg(amount) from private.payout_reversals), array[2000]::bigint[], 'GB30 assigned to the host after the payout, it is taken back');

-- at Stripe and here at the same time
select pg_temp.stay('both', 75);
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(pg_temp.id('both')) from world;
select tests.act_as('postgres');
select pg_temp.commit_now();
select is((select status || ' ' || amount from public.refunds where booking_id = pg_temp.id('both')), 'pending 20000', 'GB31 a refund waits to be sent');
select is(pg_temp.refund('both', 'both', 5000), 'applied', 'GB32 an operator was faster with a part');
select is(
    (select string_agg(status || ' ' || amount, ', ' order by amount, status) from public.refunds where booking_id = pg_temp.id('both')),
    'succeeded 5000, pending 15000, cancelled 20000', 'GB33 the rest is refunded instead'
);
select is((select refunded_amount from public.payments where booking_id = pg_temp.id('both')), 20000::bigint, 'GB34 never more than was captured');
select pg_temp.send_refunds('both');
select is(pg_temp.books('both'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB35 and it is no goodwill, because the cancellation gives it back');
select throws_ok($$select pg_temp.refund('both', 'above', 1)$$, 'PT409', null, 'GB36 a refund above what was captured is refused');

-- refund_booking
select pg_temp.stay('gift', 80);
select tests.act_as('authenticated', ana) from world;
select results_eq(
    $$select refundable_amount, amount, host_amount, platform_amount, host_keeps from public.preview_refund(pg_temp.id('gift'), 3000)$$,
    $$values (16900::bigint, 3000::bigint, 3000::bigint, 0::bigint, 13900::bigint)$$, 'GB37 the host previews a refund of 30.00'
);
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 16901, 'Sorry')$$, 'refund_out_of_range', 'GB38 at most the own share');
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 0, 'Sorry')$$, 'refund_out_of_range', 'GB39 above zero');
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), null, 'Sorry')$$, 'refund_out_of_range', 'GB40 and an amount');
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 3000, ' ')$$, 'refund_reason_is_plain', 'GB41 with a reason');
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 3000, 'Sorry', 'platform')$$, 'refund_from_own_share', 'GB42 and not of the platform');
select is((select amount || ' ' || note from public.refund_booking(pg_temp.id('gift'), 3000, 'The heater was broken')), '3000 The heater was broken', 'GB43 refunds it');
select is((select count(*)::integer from public.refund_booking(pg_temp.id('gift'), 3000, 'The heater was broken')), 1, 'GB44 a double click answers the same');
select tests.act_as('authenticated', ben) from world;
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 3000, 'Please')$$, 'refund_not_yours', 'GB45 a guest does not');
select tests.throws_code($$select public.preview_refund(pg_temp.id('gift'), 3000)$$, 'refund_not_yours', 'GB46 nor preview it');
select is((select note from public.refunds where booking_id = pg_temp.id('gift')), 'The heater was broken', 'GB47 but reads why');
select tests.act_as('authenticated', eva) from world;
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 3000, 'Mine')$$, 'booking_not_found', 'GB48 a stranger does not');
select tests.throws_code($$select public.preview_refund(pg_temp.id('gift'), 3000)$$, 'booking_not_found', 'GB49 nor preview it');
select tests.act_as('anon');
select throws_ok($$select public.refund_booking(pg_temp.id('gift'), 3000, 'Mine')$$, '42501', null, 'GB50 nor a person who is signed out');
select tests.act_as('postgres');
select pg_temp.send_refunds('gift');
select is(pg_temp.books('gift'), 'guest 0, host 13900, platform 3100, goodwill 0, disputed 0, paid 17000, charge 0', 'GB51 as in the preview');
select is(pg_temp.told('gift'), 'refund_sent Ben', 'GB52 the guest is notified, and not the host');
select is(pg_temp.cases('gift'), '', 'GB53 and it is no case');
select tests.act_as('authenticated', olga) from world;
select is((select refundable_amount from public.preview_refund(pg_temp.id('gift'), 1, 'host')), 17000::bigint, 'GB54 an operator may give back all that is left');
select lives_ok($$select public.refund_booking(pg_temp.id('gift'), 17000, 'A flood', 'platform')$$, 'GB55 on behalf of the platform');
select tests.throws_code($$select public.refund_booking(pg_temp.id('gift'), 1, 'More', 'host')$$, 'refund_out_of_range', 'GB56 then nothing is left');
select tests.act_as('postgres');
select is(pg_temp.books('gift'), 'guest -17000, host 13900, platform 3100, goodwill -17000, disputed 0, paid 0, charge 0', 'GB57 the platform bears it, before Stripe has sent it');

-- a refund that Stripe refuses
select public.fail_refund(id, 'charge_expired_for_refund') from public.refunds where booking_id = pg_temp.id('gift') and status = 'pending';
select is(pg_temp.books('gift'), 'guest 0, host 13900, platform 3100, goodwill 0, disputed 0, paid 17000, charge 0', 'GB58 refused by Stripe, it is no goodwill');
select is(pg_temp.cases('gift'), 'refund_failed', 'GB59 and a case');

-- disputes: lost while the stay is booked
select pg_temp.stay('lost', 85);
select pg_temp.dispute('lost', 'needs_response');
select is(pg_temp.books('lost'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 20000, paid 20000, charge 0', 'GB60 open: the money is away');
select pg_temp.dispute('lost', 'lost');
select is(pg_temp.books('lost'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB61 lost: the bank has refunded all of it');
select is(pg_temp.cases('lost'), 'dispute_lost', 'GB62 a stay to come that is not paid is a case');
select is(pg_temp.dispute('lost', 'under_review'), 'ignored: an older state', 'GB63 an older state changes nothing');
select pg_temp.cancel('lost', ben) from world;
select is(pg_temp.books('lost'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB64 cancelled by the guest after that, nothing moves');
select is_empty($$select from public.refunds where booking_id = pg_temp.id('lost')$$, 'GB65 and nothing is refunded again');

-- lost, then cancelled with half of the price: the bank gave more than the policy
select pg_temp.stay('half', 20);
select pg_temp.dispute('half', 'lost');
select pg_temp.cancel('half', ben) from world;
select is(pg_temp.books('half'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB66 with a refund of 200.00 nothing is left for the host');
select pg_temp.dispute('half', 'won', 2);
select pg_temp.send_refunds('half');
select is(pg_temp.books('half'), 'guest 0, host 8450, platform 1550, goodwill 0, disputed 0, paid 10000, charge 0', 'GB67 won after that: the guest gets the policy''s half, and the host keeps half');
select is(pg_temp.dispute('half', 'lost'), 'ignored: an older state', 'GB68 lost is older than won');

-- open, cancelled, lost; by the host, who pays a fee of at least 50.00
select pg_temp.stay('host', 25);
select pg_temp.dispute('host', 'needs_response');
select pg_temp.cancel('host', ana) from world;
select is_empty($$select from public.refunds where booking_id = pg_temp.id('host')$$, 'GB69 while a dispute is open, its refund waits');
select is(pg_temp.books('host'), 'guest -20000, host -5000, platform 5000, goodwill 0, disputed 20000, paid 20000, charge 0', 'GB70 and is owed to the guest');
select pg_temp.dispute('host', 'lost');
select is(pg_temp.books('host'), 'guest 0, host -5000, platform 5000, goodwill 0, disputed 0, paid 0, charge 0', 'GB71 lost: the bank made that refund, and the host owes the fee alone');

-- open, cancelled, won
select pg_temp.stay('won', 90);
select pg_temp.dispute('won', 'needs_response');
select pg_temp.cancel('won', ben) from world;
select pg_temp.dispute('won', 'won', 2);
select is((select string_agg(status || ' ' || amount, ', ') from public.refunds where booking_id = pg_temp.id('won')), 'pending 20000', 'GB72 won: what the cancellation gives back is refunded');
select pg_temp.send_refunds('won');
select is(pg_temp.books('won'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB73 once');

-- lost, won, lost, won
select pg_temp.stay('often', 95);
select pg_temp.dispute('often', 'lost', 1);
select pg_temp.dispute('often', 'won', 2);
select is(pg_temp.books('often'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 0, paid 20000, charge 0', 'GB74 won after it was lost gives back');
select pg_temp.dispute('often', 'lost', 3);
select is(pg_temp.books('often'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB75 and lost again takes again');
select pg_temp.dispute('often', 'won', 4);
select is(pg_temp.books('often'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 0, paid 20000, charge 0', 'GB76 in any number');

-- a part, and more than is left
select pg_temp.stay('piece', 100);
select pg_temp.dispute('piece', 'lost', 1, 5000);
select is(pg_temp.books('piece'), 'guest 0, host 12675, platform 2325, goodwill 0, disputed 0, paid 15000, charge 0', 'GB77 a quarter is lost: the host keeps three quarters of 169.00');
select pg_temp.cancel('piece', olga) from world;
select is(pg_temp.books('piece'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB78 cancelled in full, the other 150.00 are refunded');
select pg_temp.dispute('piece', 'won', 2, 5000);
select pg_temp.send_refunds('piece');
select is(pg_temp.books('piece'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB79 won after that, the 50.00 too');
select pg_temp.stay('above', 105);
select pg_temp.cancel('above', ben) from world;
select pg_temp.dispute('above', 'lost');
select is(pg_temp.books('above'), 'guest 0, host 0, platform -20000, goodwill 0, disputed 0, paid -20000, charge 0', 'GB80 refunded, and by the bank again: the platform loses it');

-- a refund that waits to be sent when the dispute comes
select pg_temp.stay('race', 110);
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(pg_temp.id('race'));
select tests.act_as('postgres');
select pg_temp.commit_now();
select pg_temp.dispute('race', 'needs_response');
select is((select string_agg(status::text, ' ') from public.refunds where booking_id = pg_temp.id('race')), 'cancelled', 'GB81 Stripe would refuse it');
select pg_temp.dispute('race', 'won', 2);
select is((select string_agg(status::text, ' ' order by status) from public.refunds where booking_id = pg_temp.id('race')), 'pending cancelled', 'GB82 it is made again when the dispute is won');
select pg_temp.stay('late loss', 112);
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(pg_temp.id('late loss'));
select tests.act_as('postgres');
select pg_temp.commit_now();
select pg_temp.dispute('late loss', 'lost');
select is((select string_agg(status::text, ' ') from public.refunds where booking_id = pg_temp.id('late loss')), 'cancelled', 'GB119 a dispute that was lost before we heard of it cancels the refund too');

-- an inquiry
select pg_temp.stay('asked', 115);
select pg_temp.dispute('asked', 'warning_needs_response', 0);
select is((select private.released_share(b, b.check_in_at + interval '25 hours') from private.bookings b where b.id = pg_temp.id('asked')), 1::numeric, 'GB83 an inquiry holds back no payout');
select pg_temp.cancel('asked', ben) from world;
select is(pg_temp.books('asked'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB84 and no refund, which might end it');
select pg_temp.dispute('asked', 'warning_closed', 0);
select is(pg_temp.dispute('asked', 'warning_under_review', 0), 'ignored: an older state', 'GB85 a closed inquiry stays closed');
select is(pg_temp.cases('asked'), '', 'GB86 it is no case');

-- an early fraud warning
select pg_temp.stay('fraud', 120);
select is(public.apply_fraud_warning('{"id": "efw_1", "payment_intent": "pi_fraud", "fraud_type": "made_with_stolen_card"}'), 'applied', 'GB87 a fraud warning');
select public.apply_fraud_warning('{"id": "efw_1", "payment_intent": "pi_fraud", "fraud_type": "made_with_stolen_card"}');
select is(public.apply_fraud_warning('{"id": "efw_2", "payment_intent": "pi_unknown", "fraud_type": "misc"}'), 'ignored: not a payment of ours', 'GB88 of another business''s payment is ignored');
select is(pg_temp.cases('fraud'), 'fraud_warning', 'GB89 is one case');
select is(pg_temp.books('fraud'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 0, paid 20000, charge 0', 'GB90 and moves no money');

-- goodwill and a dispute: the cancellation explains the bank's refund first, the rest is goodwill
select pg_temp.stay('mixed', 21);
select pg_temp.refund('mixed', 'mixed', 4000);
select pg_temp.dispute('mixed', 'lost', 1, 9000);
select is(pg_temp.books('mixed'), 'guest 0, host 9295, platform 1705, goodwill -4000, disputed 0, paid 7000, charge 0', 'GB91 of 200.00 the bank gave 90.00 back: the host keeps 169.00 less 76.05');
select pg_temp.cancel('mixed', ben) from world;
select is(pg_temp.books('mixed'), 'guest 0, host 8450, platform 1550, goodwill -3000, disputed 0, paid 7000, charge 0', 'GB92 the policy gives half: 90.00 by the bank, 10.00 of the 40.00, and 30.00 stay goodwill');

-- a request for money
select pg_temp.stay('ask', 130);
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('ask'), 0, ' ')$$, 'money_requests_amount_is_positive', 'GB93 a request has an amount');
select tests.throws_code($$insert into public.money_requests (amount, reason) values (1500, 'x')$$, 'value_missing', 'GB94 and a booking');
select lives_ok($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('ask'), 1500, 'A late check-out')$$, 'GB95 the host asks for 15.00');
select tests.throws_code($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('ask'), 1500, 'Again')$$, 'request_is_open', 'GB96 once at a time');
select throws_ok($$insert into public.money_requests (booking_id, amount, reason, answer) values (pg_temp.id('ask'), 1500, 'Again', 'accepted')$$, '42501', null, 'GB97 without an answer');
select tests.throws_code('select public.accept_money_request(id) from public.money_requests', 'money_request_not_yours', 'GB98 the host does not accept it');
select tests.act_as('authenticated', eva) from world;
select tests.throws_code($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('ask'), 1500, 'Mine')$$, 'reference_not_found', 'GB99 a stranger asks for nothing');
select is_empty('select from public.money_requests', 'GB100 and sees no request');
select tests.throws_code(format('select public.accept_money_request(%L)', (select id from public.money_requests)), 'money_request_not_found', 'GB101 nor accepts one');
select tests.act_as('anon');
select throws_ok('select from public.money_requests', '42501', null, 'GB102 nor does a person who is signed out');
select tests.act_as('authenticated', ben) from world;
select tests.throws_code($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('ask'), 1500, 'Mine')$$, 'insert_not_allowed', 'GB103 the guest asks for nothing');
select is((select amount || ' ' || currency || ' ' || reason || ' ' || (expires_at = now() + interval '7 days') from public.money_requests), '1500 EUR A late check-out true', 'GB104 but has seven days to answer');
select tests.act_as('postgres');
select is(pg_temp.books('ask'), 'guest 0, host 16900, platform 3100, goodwill 0, disputed 0, paid 20000, charge 0', 'GB105 nothing is charged before');
select tests.act_as('authenticated', ben) from world;
select is((select r.answer::text from public.money_requests q, public.accept_money_request(q.id) r), 'accepted', 'GB106 the guest accepts');
select is((select r.answer::text from public.money_requests q, public.accept_money_request(q.id) r), 'accepted', 'GB107 a double click too');
select tests.throws_code('select public.decline_money_request(id) from public.money_requests', 'money_request_not_open', 'GB108 and cannot decline any more');
select tests.act_as('postgres');
select is(pg_temp.books('ask'), 'guest 1500, host 18400, platform 3100, goodwill 0, disputed 0, paid 20000, charge 21500', 'GB109 15.00 are charged, for the host');
select private.charge_balance(pg_temp.id('ask'), now());
select is((select kind || ' ' || amount from public.payments where booking_id = pg_temp.id('ask') and status = 'requires_payment'), 'request 1500', 'GB110 as a payment of its own');
select pg_temp.pay('ask', 'ask2');
select pg_temp.commit_now();
select is(pg_temp.books('ask'), 'guest 0, host 18400, platform 3100, goodwill 0, disputed 0, paid 21500, charge 0', 'GB111 paid');
select is(pg_temp.told('ask'), 'money_request_answered Ana, money_requested Ben', 'GB112 each side is notified');
select pg_temp.cancel('ask', ben) from world;
select is(pg_temp.books('ask'), 'guest 0, host 1500, platform 0, goodwill 0, disputed 0, paid 1500, charge 0', 'GB113 a cancellation gives the price back, not what was asked for');
select tests.act_as('authenticated', ana) from world;
insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('gift'), 900, 'A broken cup');
select tests.act_as('authenticated', ben) from world;
select is((select r.answer::text from public.money_requests q, public.decline_money_request(q.id) r where q.amount = 900), 'declined', 'GB114 the guest declines');
select tests.act_as('authenticated', ana) from world;
insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('gift'), 800, 'A broken cup');
select is((select r.answer::text from public.money_requests q, public.decline_money_request(q.id) r where q.amount = 800), 'withdrawn', 'GB115 the host withdraws');
insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('gift'), 700, 'A broken cup');
select tests.act_as('postgres');
update public.money_requests set expires_at = now() - interval '1 second' where amount = 700;
select tests.act_as('authenticated', ben) from world;
select tests.throws_code('select public.accept_money_request(id) from public.money_requests where amount = 700', 'money_request_not_open', 'GB116 after seven days it is too late');
select tests.act_as('postgres');
update private.settings set value = '-100 days' where name = 'money_request_window';
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$insert into public.money_requests (booking_id, amount, reason) values (pg_temp.id('gift'), 900, 'A broken cup')$$, 'booking_takes_no_requests', 'GB117 a host asks for money until 60 days after check-out only');
select tests.act_as('postgres');

-- two payments: what is given back is taken from both
create function pg_temp.alter_stay(p_name text, p_nights integer) returns void language plpgsql as $$
begin
    perform tests.act_as('authenticated', ben) from world;
    update public.bookings set check_out = check_in + p_nights where id = pg_temp.id(p_name);
    perform tests.act_as('authenticated', ana) from world;
    perform public.accept_alteration(id) from public.booking_alterations where booking_id = pg_temp.id(p_name) and answer is null;
    perform tests.act_as('postgres');
    perform pg_temp.commit_now();
end $$;
select pg_temp.stay('two', 140);
select pg_temp.alter_stay('two', 3);
select pg_temp.pay('two', 'two2');
select tests.act_as('authenticated', olga) from world;
select public.refund_booking(pg_temp.id('two'), 25000, 'A flood', 'platform');
select tests.act_as('postgres');
select is(
    (select count(*) || ' ' || sum(r.amount) || ' ' || bool_and(r.amount <= p.amount) from public.refunds r join public.payments p on p.id = r.payment_id
    where r.booking_id = pg_temp.id('two')), '2 25000 true',
    'GB120 250.00 of payments of 200.00 and 100.00: both give, and neither more than it has'
);
select pg_temp.stay('three', 145);
select pg_temp.alter_stay('three', 3);
select pg_temp.pay('three', 'three2');
select pg_temp.cancel('three', ben) from world;
select is(pg_temp.books('three'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB138 cancelled in full, both payments are refunded');
select pg_temp.stay('hold', 22);
select pg_temp.alter_stay('hold', 3);
select pg_temp.pay('hold', 'hold2');
select pg_temp.dispute('hold', 'needs_response');
select pg_temp.cancel('hold', ben) from world;
select is_empty(
    $$select from public.refunds where booking_id = pg_temp.id('hold')$$,
    'GB121 150.00 are to be refunded and a dispute of 200.00 is open: it may give back all of them'
);
select pg_temp.dispute('hold', 'lost');
select is(pg_temp.books('hold'), 'guest 0, host 8450, platform 1550, goodwill 0, disputed 0, paid 10000, charge 0', 'GB122 lost: of the 50.00 above, the host bears 42.25 of 126.75');
select pg_temp.stay('frozen', 150);
select pg_temp.dispute('frozen', 'needs_response', 1, 6000);
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.preview_refund(pg_temp.id('frozen'), 1, 'platform')$$, 'refund_out_of_range', 'GB123 nothing of a payment can be given back while a part of it is disputed');
select tests.act_as('postgres');
select pg_temp.cancel('frozen', ben) from world;
select is_empty($$select from public.refunds where booking_id = pg_temp.id('frozen')$$, 'GB124 nor does a cancellation');
select pg_temp.stay('over', 160);
select pg_temp.dispute('over', 'needs_response', 1, 26000);
select is((select disputed_amount from public.payments where stripe_payment_intent_id = 'pi_over'), 20000::bigint, 'GB125 of a larger dispute, all that was captured is disputed');
select pg_temp.stay('kind', 165);
select tests.act_as('authenticated', ana) from world;
select public.refund_booking(pg_temp.id('kind'), 3000, 'Sorry');
select tests.act_as('postgres');
select pg_temp.cancel('kind', ben) from world;
select is(pg_temp.books('kind'), 'guest 0, host 0, platform 0, goodwill 0, disputed 0, paid 0, charge 0', 'GB126 cancelled in full, the host''s 30.00 are a part of it');
select pg_temp.stay('refused', 170);
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(pg_temp.id('refused'));
select tests.act_as('postgres');
select pg_temp.commit_now();
select public.fail_refund(id, 'charge_expired_for_refund') from public.refunds where booking_id = pg_temp.id('refused');
select is(
    (select string_agg(status || ' ' || amount, ', ') from public.refunds where booking_id = pg_temp.id('refused')), 'failed 20000',
    'GB127 a refund that Stripe refused finally is not made again'
);
select pg_temp.stay('owes', 23);
select pg_temp.alter_stay('owes', 6);
select pg_temp.cancel('owes', ben) from world;
select is((select guest from private.booking_layers(pg_temp.id('owes')) where kind = 'write_off'), 0::bigint, 'GB128 100.00 that are still owed are not written off');

-- what the tables themselves refuse
create function pg_temp.refuses(p_sql text, p_constraint text, p_name text) returns text language sql as $$
    select throws_ok(p_sql, '23514', format(
        'new row for relation "%s" violates check constraint "%s"', (
            select c.conrelid::regclass::name from pg_catalog.pg_constraint c where c.conname = p_constraint
            union all select 'a table without it' limit 1
        ), p_constraint
    ), p_name)
$$;
select pg_temp.refuses($$update public.payments set refunded_amount = captured_amount + 1 where stripe_payment_intent_id = 'pi_fraud'$$, 'payments_refund_no_more_than_captured', 'GB129 refunds never exceed what was captured');
select pg_temp.refuses($$update public.payments set disputed_amount = captured_amount + 1 where stripe_payment_intent_id = 'pi_fraud'$$, 'payments_disputed_amount_is_captured', 'GB130 nor do disputes');
select pg_temp.refuses($$update public.payments set captured_amount = amount + 1 where stripe_payment_intent_id = 'pi_fraud'$$, 'payments_capture_no_more_than_agreed', 'GB131 no more is captured than was agreed');
select pg_temp.refuses($$update public.payments set captured_amount = 0 where stripe_payment_intent_id = 'pi_fraud'$$, 'payments_captured_ones_have_money', 'GB132 a captured payment has money');
select pg_temp.refuses($$update public.refunds set borne_by = 'host' where booking_id = pg_temp.id('refused')$$, 'refunds_only_goodwill_is_borne', 'GB133 no one bears what a cancellation gives back');
select pg_temp.refuses(
    $$insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount, reversed_amount) select pg_temp.id('fraud'), ana, 'EUR', 100, 'EUR', 100, 101 from world$$,
    'payouts_reverse_no_more_than_paid', 'GB134 no more is reversed than was paid out'
);

-- events of Stripe
create function pg_temp.store() returns boolean language sql as $$
    select public.store_stripe_event('{"id": "evt_gb", "type": "charge.refunded", "created": 1800000000, "data": {"object": {"id": "ch_gb"}}}')
$$;
select ok(pg_temp.store(), 'GB135 an event is stored');
select ok(not pg_temp.store(), 'GB136 when it arrives again it is a duplicate');
select private.enqueue_stripe_task('event', 'evt_gb');
select is(
    (select count(*) from private.stripe_events where id = 'evt_gb') || ' ' || (select count(*) from private.stripe_tasks where subject = 'evt_gb'), '1 1',
    'GB137 and it is applied once'
);

-- everything above balances
select pg_temp.commit_now();
select is_empty(
    $$select from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id group by a.currency having sum(e.amount) <> 0$$,
    'GB118 the ledger sums to zero'
);

select * from finish();
rollback;
