-- Orphans: what Stripe has with our ids and without a row here. Who may see and settle them, what a booking made again looks like,
-- and that every step leaves the ledger equal to Stripe.
begin;
select plan(74);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Olga') as olga, null::uuid as home,
    gen_random_uuid() as lost, gen_random_uuid() as clash, gen_random_uuid() as foreign_booking, gen_random_uuid() as payout,
    (select s.value from private.settings s where s.name = 'installation') as installation;
grant select on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant', base_price = 10000 where id = (select home from world);
select public.save_payout_account(ana, 'acct_or') from world;
select public.apply_account('{"id": "acct_or", "details_submitted": true, "payouts_enabled": true, "requirements": []}');

create function pg_temp.commit_now() returns void language plpgsql as $$
begin
    for v_round in 1..2 loop
        set constraints all immediate;
        set constraints all deferred;
    end loop;
end $$;
create function pg_temp.stay(p_from integer, p_changes jsonb default '{}') returns jsonb language sql as $$
    select jsonb_build_object(
        'kind', 'booking', 'property_id', home, 'check_in', current_date + p_from, 'check_out', current_date + p_from + 2, 'adults', '1',
        'children', '0', 'infants', '0', 'pets', '0', 'guest_total', '18000', 'host_total', '15000'
    ) || p_changes from world
$$;
-- a payment of 180.00 EUR at Stripe, which takes a fee of 5.00
create function pg_temp.pay(p_name text, p_booking uuid, p_stay jsonb, p_changes jsonb default '{}', p_guest uuid default null) returns text language sql as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_' || p_name, 'payment_id', md5(p_name)::uuid, 'status', 'succeeded', 'amount', 18000, 'amount_received', 18000,
        'currency', 'eur', 'created', 1800000000, 'charge', 'ch_' || p_name, 'email', p_name || '@example.com', 'description', 'House',
        'settlement', jsonb_build_object('id', 'txn_' || p_name, 'currency', 'eur', 'amount', 18000, 'fee', 500, 'net', 17500),
        'metadata', jsonb_build_object(
            'payment_id', md5(p_name)::uuid, 'booking_id', p_booking, 'guest_id', coalesce(p_guest, ben), 'installation', installation
        ) || p_stay
    ) || p_changes) from world
$$;
create function pg_temp.refund(p_intent text, p_id text, p_amount bigint, p_changes jsonb default '{}') returns text language sql as $$
    select public.apply_refund(jsonb_build_object(
        'id', p_id, 'payment_intent', p_intent, 'status', 'succeeded', 'amount', p_amount, 'currency', 'eur', 'created', 1800000000,
        'settlement', jsonb_build_object('id', 'txn_' || p_id, 'currency', 'eur', 'amount', -p_amount, 'fee', 0, 'net', -p_amount)
    ) || p_changes)
$$;
create function pg_temp.transfer(p_id text, p_booking uuid, p_destination text default 'acct_or', p_reversals jsonb default '[]') returns text language sql as $$
    select public.apply_transfer(jsonb_build_object(
        'id', p_id, 'payout_id', md5(p_id)::uuid, 'amount', 4000, 'currency', 'eur', 'created', 1800000000, 'balance_transaction', 'txn_' || p_id,
        'destination', p_destination, 'metadata', jsonb_build_object('payout_id', md5(p_id)::uuid, 'booking_id', p_booking, 'installation', installation),
        'reversals', p_reversals
    )) from world
$$;
create function pg_temp.orphan(p_stripe_id text) returns public.orphans language sql as $$
    select o from public.orphans o where o.stripe_id = p_stripe_id
$$;
create function pg_temp.as_operator(p_call text, p_stripe_id text) returns text language plpgsql as $$
declare
    v_id constant uuid := (pg_temp.orphan(p_stripe_id)).id;
    v_status text;
begin
    perform tests.act_as('authenticated', olga) from world;
    execute format('select status from public.%I($1)', p_call) into v_status using v_id;
    perform tests.act_as('postgres');
    return v_status;
end $$;
create function pg_temp.balance() returns bigint language sql as $$ select private.ledger_balance('orphan', null, 'EUR') $$;
-- what the ledger holds at Stripe by this file's transactions
create function pg_temp.clearing() returns bigint language sql as $$
    select coalesce(sum(e.amount), 0)::bigint from private.ledger_transactions t
    join private.ledger_entries e on e.transaction_id = t.id and e.purpose = 'stripe_clearing'
    where t.written_by = pg_current_xact_id()
$$;
create temporary table before on commit drop as select pg_temp.balance() as orphan;

select is(pg_temp.pay('other', lost, '{"installation": "another"}'), 'ignored: not a payment of ours', 'OR01 a payment of another installation with the same account is not ours') from world;
select is(pg_temp.pay('lost', lost, pg_temp.stay(40)), 'orphan', 'OR02 a payment of ours without a row is an orphan') from world;
select is(pg_temp.pay('lost', lost, pg_temp.stay(40)), 'orphan', 'OR03 it may be found again') from world;
select is((select count(*) from public.orphans where stripe_id = 'pi_lost'), 1::bigint, 'OR04 it is one orphan');
select is(pg_temp.balance() - (select orphan from before), -18000::bigint, 'OR05 its money stands on the account of orphans, once');
select is(pg_temp.clearing(), 17500::bigint, 'OR06 the ledger agrees with Stripe before anyone decides');
select is((pg_temp.orphan('pi_lost')).receipt_email, null, 'OR07 no address is kept of a guest with an account');
select is(pg_temp.pay('open', gen_random_uuid(), pg_temp.stay(60), '{"status": "requires_payment_method"}'), 'ignored: not a payment of ours', 'OR08 a payment that no one has paid is none');

-- who
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.orphans', 'OR09 a guest sees no orphans, and not those of others');
select is_empty('select from public.orphan_sweeps', 'OR10 a guest sees no sweeps');
select tests.throws_code('select public.rebook_orphan(gen_random_uuid())', 'operators_only', 'OR11 a guest books no orphan again');
select tests.throws_code('select public.refund_orphan(gen_random_uuid())', 'operators_only', 'OR12 a guest refunds no orphan');
select tests.throws_code('select public.sweep_orphans(now())', 'operators_only', 'OR13 a guest starts no sweep');
select tests.act_as('anon');
select throws_ok('select from public.orphans', '42501', null, 'OR14 no one reads orphans signed out');
select throws_ok('select public.refund_orphan(gen_random_uuid())', '42501', null, 'OR15 no one settles orphans signed out');
select tests.act_as('authenticated', olga) from world;
select is((select count(*) from public.orphans where stripe_id = 'pi_lost'), 1::bigint, 'OR16 an operator sees orphans');
select throws_ok('update public.orphans set status = ''refunded''', '42501', null, 'OR17 an operator writes no orphans');
select tests.throws_code('select public.rebook_orphan(gen_random_uuid())', 'orphan_not_found', 'OR18 an orphan must exist');
select tests.act_as('postgres');

-- booked again, at the price that was paid: the stay costs 200.00 today
select is(pg_temp.as_operator('rebook_orphan', 'pi_lost'), 'rebooked', 'OR19 an operator books an orphan again');
select pg_temp.commit_now();
select is(
    (select jsonb_build_array(b.id = lost, b.status, b.guest_id = ben, b.guest_total, b.host_total, b.check_in = current_date + 40) from private.bookings b, world where b.id = lost),
    '[true, "confirmed", true, 18000, 15000, true]', 'OR20 the booking has its id, guest, nights and prices'
);
select is((select jsonb_build_array(sum(amount), sum(host_amount)) from public.booking_line_items, world where booking_id = lost), '[18000, 15000]', 'OR21 its lines sum to what was paid');
select is((select jsonb_build_array(p.id, p.status, p.captured_amount) from public.payments p where p.stripe_payment_intent_id = 'pi_lost'), jsonb_build_array(md5('lost')::uuid, 'captured', 18000), 'OR22 the payment has its id again');
select is((select count(*) from public.occupancies o, world where o.booking_id = lost and o.expires_at is null), 1::bigint, 'OR23 the nights are taken');
select is(private.ledger_balance('guest', ben, 'EUR', lost), 0::bigint, 'OR24 the guest owes nothing') from world;
select is(private.ledger_balance('host_payable', ana, 'EUR', lost), -15000::bigint, 'OR25 the host is owed the agreed share') from world;
select is(pg_temp.balance(), (select orphan from before), 'OR26 nothing is left on the account of orphans');
select is(pg_temp.pay('lost', lost, pg_temp.stay(40)), 'applied', 'OR27 from now on it is a payment like any') from world;
select is((select count(*) from public.notifications n, world where n.booking_id = lost and n.kind = 'booking_confirmed' and n.recipient_id = ben), 1::bigint, 'OR28 the guest gets the mail');
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_lost'')', 'orphan_closed', 'OR29 it is booked once');
select tests.act_as('postgres');
select tests.throws_code('select pg_temp.as_operator(''refund_orphan'', ''pi_lost'')', 'orphan_closed', 'OR30 and not refunded');
select tests.act_as('postgres');

-- the nights are taken by now
select pg_temp.pay('clash', clash, pg_temp.stay(41)) from world;
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_clash'')', 'occupied', 'OR31 nights that are taken are not booked again');
select tests.act_as('postgres');
select is((pg_temp.orphan('pi_clash')).status, 'open', 'OR32 the orphan stays open');
select is((select count(*) from private.bookings b, world where b.id = clash), 0::bigint, 'OR33 and no booking is left');
select is(pg_temp.as_operator('refund_orphan', 'pi_clash'), 'refunding', 'OR34 an operator gives it back');
select is(private.orphan_message((pg_temp.orphan('pi_clash')).id, null) ->> 'idempotency_key', 'orphan:pi_clash', 'OR35 under a key made of the payment');
select public.fail_orphan((pg_temp.orphan('pi_clash')).id, 'Insufficient funds.');
select is((pg_temp.orphan('pi_clash')).status, 'open', 'OR36 what Stripe refuses is a case again');
select is(pg_temp.as_operator('refund_orphan', 'pi_clash'), 'refunding', 'OR37 and is tried again on the operator''s word');
select is(private.orphan_message((pg_temp.orphan('pi_clash')).id, null) ->> 'idempotency_key', 'orphan:pi_clash:1', 'OR38 under another key, because Stripe repeats its answer to the first');
select is(pg_temp.refund('pi_clash', 're_1', 5000), 'orphan', 'OR39 a part that went back is posted');
select is((pg_temp.orphan('pi_clash')).status, 'refunding', 'OR40 a part settles nothing');
select pg_temp.refund('pi_clash', 're_2', 13000), pg_temp.refund('pi_clash', 're_2', 13000);
select is((pg_temp.orphan('pi_clash')).status, 'refunded', 'OR41 the whole settles it');
select is(pg_temp.balance(), (select orphan from before), 'OR42 nothing is left on the account of orphans');
select is((select jsonb_agg(n.data -> 'amount') from public.notifications n, world where n.kind = 'orphan_refunded' and n.recipient_id = ben), '[18000]', 'OR43 the guest is notified once');
select pg_temp.refund('pi_clash', 're_2', 13000, '{"status": "failed", "failure_settlement": {"id": "txn_re_2f", "currency": "eur", "amount": 13000, "fee": 0, "net": 13000}, "failure_reason": "lost_or_stolen_card"}');
select is((select jsonb_build_array(o.status, o.refunded_amount, o.last_error) from public.orphans o where o.stripe_id = 'pi_clash'), '["open", 5000, "lost_or_stolen_card"]', 'OR44 a refund that the bank returns opens the case again');

-- guests, properties and stays that are not here
select pg_temp.pay('gone', gen_random_uuid(), pg_temp.stay(70), '{}', gen_random_uuid());
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_gone'')', 'orphan_stay_unknown', 'OR45 without the guest''s account nothing is booked');
select tests.act_as('postgres');
select pg_temp.as_operator('refund_orphan', 'pi_gone'), pg_temp.refund('pi_gone', 're_3', 18000);
select is(public.mail_to_send(jsonb_build_object('orphan_id', (pg_temp.orphan('pi_gone')).id)) ->> 'to', 'gone@example.com', 'OR46 a guest without an account is mailed at the address of the receipt');
select public.finish_mail(jsonb_build_object('orphan_id', (pg_temp.orphan('pi_gone')).id));
select is((pg_temp.orphan('pi_gone')).receipt_email, null, 'OR47 the address goes with the mail');
select pg_temp.pay('homeless', gen_random_uuid(), pg_temp.stay(70, jsonb_build_object('property_id', gen_random_uuid())));
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_homeless'')', 'orphan_stay_unknown', 'OR48 without the property nothing is booked');
select tests.act_as('postgres');
select pg_temp.pay('late', gen_random_uuid(), pg_temp.stay(-10));
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_late'')', 'orphan_stay_over', 'OR49 a stay that is over is not booked');
select tests.act_as('postgres');
select pg_temp.pay('extra', lost, '{"kind": "alteration"}') from world;
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_extra'')', 'orphan_not_due', 'OR50 a booking takes no payment that it does not owe');
select tests.act_as('postgres');
select pg_temp.pay('held', gen_random_uuid(), pg_temp.stay(80), '{"status": "requires_capture", "amount_received": 0, "settlement": null}');
select tests.throws_code('select pg_temp.as_operator(''rebook_orphan'', ''pi_held'')', 'orphan_not_paid', 'OR51 an authorised card pays no booking');
select tests.act_as('postgres');
select pg_temp.pay('held', gen_random_uuid(), '{}', '{"status": "canceled"}');
select is((pg_temp.orphan('pi_held')).status, 'refunded', 'OR52 one that was released is settled');

-- transfers
select is(pg_temp.transfer('tr_here', lost), 'applied', 'OR53 a transfer whose booking is here gets its row') from world;
select is((select jsonb_build_array(p.status, p.amount, p.id) from public.payouts p where p.stripe_transfer_id = 'tr_here'), jsonb_build_array('paid', 4000, md5('tr_here')::uuid), 'OR54 with its id and amount');
select is(private.ledger_balance('host_payable', ana, 'EUR', lost), -11000::bigint, 'OR55 the host is owed less by it') from world;
select is(pg_temp.transfer('tr_lost', foreign_booking), 'orphan', 'OR56 a transfer whose booking is not here is an orphan') from world;
select is(pg_temp.transfer('tr_lost', foreign_booking, 'acct_or', '[{"id": "trr_1", "amount": 4000, "currency": "eur", "created": 1800000000, "balance_transaction": "txn_trr_1"}]'), 'orphan', 'OR57 its reversal is posted') from world;
select is((pg_temp.orphan('tr_lost')).status, 'refunded', 'OR58 and settles it');

-- sweeps
select is((select count(*) from private.begin_orphan_sweep(now())), 3::bigint, 'OR59 a sweep walks through three lists');
select public.save_orphan_page(s.id, 0, jsonb_build_array(
    jsonb_build_object('id', 'pi_lost', 'status', 'succeeded', 'metadata', jsonb_build_object('installation', installation)),
    jsonb_build_object('id', 'pi_new', 'status', 'succeeded', 'metadata', jsonb_build_object('installation', installation)),
    jsonb_build_object('id', 'pi_foreign', 'status', 'succeeded', 'metadata', '{}'::jsonb)
), true)
from world, (select max(id) as id from public.orphan_sweeps where list = 'payment_intents') s;
select is(
    (select string_agg(t.subject, ',') from private.stripe_tasks t where t.kind = 'sync' and t.subject in ('pi_lost', 'pi_new', 'pi_foreign')),
    'pi_new', 'OR60 only what is ours and has no row is read'
);
select is(
    (select jsonb_build_array(s.page, s.cursor, s.listed, s.found, s.finished_at) from public.orphan_sweeps s where s.list = 'payment_intents' order by s.id desc limit 1),
    '[1, "pi_foreign", 3, 1, null]', 'OR61 the walk goes on after the page'
);
select is(public.save_orphan_page(s.id, 0, '[]', true), 'ignored: the page was saved before', 'OR62 a page is saved once')
from (select max(id) as id from public.orphan_sweeps where list = 'payment_intents') s;
select public.save_orphan_page(s.id, 1, '[]', false) from (select max(id) as id from public.orphan_sweeps where list = 'payment_intents') s;
select is((select s.finished_at is not null from public.orphan_sweeps s where s.list = 'payment_intents' order by s.id desc limit 1), true, 'OR63 and ends with the last page');

-- after a restore: payouts and charges wait for the search and for decisions
update public.orphan_sweeps set finished_at = now() where finished_at is null;
update private.stripe_tasks set done_at = now() where kind in ('sync', 'sweep');
select private.quarantine('Restored.', '2026-11-30T09:00:00Z');
select is(
    array(select p.sweep_since from public.operation_pauses p where p.resumed_at is null), array_fill('2026-11-30T08:00:00Z'::timestamptz, array[3]),
    'OR64 each pause after a restore knows since when Stripe is searched'
);
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.resume_operation('payouts', 'x')$$, 'restore_not_settled', 'OR65 payouts do not go on before a search');
select isnt_empty($$select from public.resume_operation('all', 'The audit passed.')$$, 'OR66 the platform goes on');
reset role;
select bag_eq(
    $$select s.list, s.since from public.orphan_sweeps s where s.finished_at is null$$,
    $$select l, '2026-11-30T08:00:00Z'::timestamptz from unnest(array['payment_intents', 'refunds', 'transfers']) l$$, 'OR67 which begins the search'
);
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.resume_operation('charges', 'x')$$, 'restore_not_settled', 'OR68 charges wait for its end');
reset role;
select public.save_orphan_page(s.id, 0, case when s.list = 'payment_intents' then jsonb_build_array(
    jsonb_build_object('id', 'pi_after', 'status', 'succeeded', 'metadata', jsonb_build_object('installation', installation))
) else '[]' end, false)
from world, public.orphan_sweeps s where s.finished_at is null;
update private.stripe_tasks set done_at = now() where kind = 'sweep';
select results_eq(
    $$select r.* from public.operation_pauses p, private.restore_progress(p) r where p.operation = 'payouts' and p.resumed_at is null$$,
    $$select 3::bigint, 1::bigint, 0::bigint, count(*) from public.orphans where status = 'open'$$, 'OR69 and for the object that differs'
);
select is(pg_temp.pay('after', gen_random_uuid(), '{}'), 'orphan', 'OR70 which is an orphan');
update private.stripe_tasks set done_at = now() where subject = 'pi_after';
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.resume_operation('payouts', 'x')$$, 'restore_not_settled', 'OR71 for which an operator decides');
select isnt_empty($$select from public.resume_operation('charges', 'The orphans are old.', true)$$, 'OR72 or says that it need not be decided');
reset role;
update public.orphans set status = 'refunding' where status = 'open';
update private.stripe_tasks set dead_at = now(), done_at = null where subject = 'pi_after';
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.resume_operation('payouts', 'x')$$, 'restore_not_settled', 'OR73 what could not be read is not decided');
reset role;
update private.stripe_tasks set dead_at = null, done_at = now() where subject = 'pi_after';
select tests.act_as('authenticated', olga) from world;
select isnt_empty($$select from public.resume_operation('payouts', 'Settled.')$$, 'OR74 then payouts go on');
reset role;
select * from finish();
rollback;
