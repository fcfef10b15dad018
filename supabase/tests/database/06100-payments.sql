-- Payments in the database: who may begin and read them, what confirms a booking, what is refunded, tasks and their leases.
begin;
select plan(40);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    null::uuid as home, null::uuid as booking, null::jsonb as begun;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
select tests.act_as('authenticated', ben) from world;
insert into public.bookings (property_id, check_in, check_out) select home, current_date + 40, current_date + 42 from world;
select tests.act_as('postgres');
update world set booking = (select b.id from private.bookings b where b.property_id = home);

create function pg_temp.commit_now() returns void language plpgsql as $$
begin
    set constraints all immediate;
    set constraints all deferred;
end $$;
create function pg_temp.intent(p_status text, p_changes jsonb default '{}') returns text language sql as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_1', 'payment_id', begun ->> 'payment_id', 'status', p_status, 'amount', begun -> 'amount',
        'amount_received', begun -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_1',
        'settlement', jsonb_build_object(
            'id', 'txn_1', 'currency', 'eur', 'amount', begun -> 'amount', 'fee', 500, 'net', (begun ->> 'amount')::bigint - 500
        )
    ) || p_changes) from world
$$;
create function pg_temp.status() returns public.booking_status language sql as $$
    select b.status from private.bookings b, world where b.id = booking
$$;

select tests.throws_code('select public.begin_payment(eva, booking) from world', 'booking_not_found', 'PY01 a stranger cannot pay a booking');
select tests.throws_code('select public.begin_payment(ana, booking) from world', 'booking_not_found', 'PY02 the host cannot pay the booking');
update world set begun = public.begin_payment(ben, booking);
select is((select (begun ->> 'amount')::bigint from world), (select guest_total from private.bookings, world where id = booking), 'PY03 the amount is the total of the booking');
select is((select public.begin_payment(ben, booking) ->> 'payment_id' from world), (select begun ->> 'payment_id' from world), 'PY04 beginning a payment again returns the same payment');
select is(pg_temp.intent('requires_payment_method', '{"error": "Declined."}'), 'applied', 'PY05 a declined card is applied');
select is(pg_temp.status(), 'awaiting_payment', 'PY06 the hold remains after a declined card');
select tests.throws_code($$select pg_temp.intent('succeeded', '{"amount": 1, "amount_received": 1}')$$, 'payment_amount_differs', 'PY07 an intent with another amount is refused');
select throws_like($$select pg_temp.intent('succeeded', '{"currency": "usd"}')$$, 'Stripe reports % USD for a payment of % EUR.', 'PY08 an intent in another currency is refused');
select is(pg_temp.intent('succeeded', '{"id": "pi_other", "payment_id": null}'), 'ignored: not a payment of ours', 'PY09 an unknown intent is ignored');
select is(pg_temp.intent('succeeded'), 'applied', 'PY10 a successful intent is applied');
select is(pg_temp.status(), 'confirmed', 'PY11 a successful payment confirms the booking');
select is(pg_temp.intent('succeeded'), 'applied', 'PY12 a successful intent can be applied again');
select is(pg_temp.intent('processing'), 'applied', 'PY13 an older state can arrive late');
select is((select status from public.payments), 'captured', 'PY14 an older state changes nothing');
select pg_temp.commit_now();
select is((select count(*) from private.ledger_transactions), 2::bigint, 'PY15 the ledger has one charge and one agreement');
select is(private.ledger_balance('guest', (select ben from world), 'EUR'), 0::bigint, 'PY16 the guest owes nothing and is owed nothing');
select is(
    private.ledger_balance('host_payable', (select ana from world), 'EUR'),
    (select -host_total from private.bookings, world where id = booking), 'PY17 the host is owed the host''s total'
);
select tests.throws_code('select public.begin_payment(ben, booking) from world', 'nothing_due', 'PY18 there is nothing more to pay');

select tests.act_as('authenticated', ana) from world;
select is_empty('select from public.payments', 'PY19 a host does not see the guest''s payment');
select results_eq('select balance from public.host_statement', 'select host_total from public.bookings', 'PY20 the host sees the host''s total in the statement');
select throws_ok('select public.begin_payment(ben, booking) from world', '42501', null, 'PY21 clients cannot call begin_payment');
select throws_ok($$select public.apply_payment_intent('{}')$$, '42501', null, 'PY22 clients cannot call apply_payment_intent');
select tests.act_as('authenticated', ben) from world;
select is((select count(*) from public.payments), 1::bigint, 'PY23 the guest sees the payment');
select throws_ok('update public.payments set amount = 1', '42501', null, 'PY24 the guest cannot change the payment');
create temporary table preview on commit drop as select * from public.preview_cancellation((select booking from world));
select lives_ok('select public.cancel_booking(booking) from world', 'PY25 the guest cancels');
select tests.act_as('postgres');
select pg_temp.commit_now();
select is((select amount from public.refunds), (select refund_amount from preview), 'PY26 the refund is the amount of the preview');
select pg_temp.intent('succeeded');
select is((select count(*) from public.refunds), 1::bigint, 'PY27 there is one refund, even when the event is repeated');

select is((select ordering_key from private.stripe_tasks where kind = 'refund'), (select booking::text from world), 'PY40 its task is ordered by booking');
select is((select count(*) from public.take_stripe_tasks(10) where kind = 'refund'), 1::bigint, 'PY28 a worker takes the refund');
select is((select count(*) from public.take_stripe_tasks(10) where kind = 'refund'), 0::bigint, 'PY29 no other worker gets the same task');
select ok(not public.finish_stripe_task((select id from private.stripe_tasks where kind = 'refund'), gen_random_uuid()), 'PY30 a worker without the lease cannot finish the task');
select public.fail_stripe_task(id, lease, 'no', true) from private.stripe_tasks where kind = 'refund';
select is((select last_error from public.dead_stripe_tasks), 'no', 'PY31 a task that was given up is listed with its reason');


select tests.act_as('authenticated', ben) from world;
select tests.throws_code('select public.replay_stripe_task(1)', 'operators_only', 'PY32 people cannot replay a task');
select tests.act_as('service_role');
select tests.throws_code('select public.replay_stripe_task(0)', 'stripe_task_not_found', 'PY33 the service role cannot replay a task that does not exist');
select public.attach_payment(id, 'pi_1') from public.payments;
select tests.throws_code('select public.attach_payment(id, ''pi_2'') from public.payments', 'payment_intent_differs', 'PY34 a payment keeps its PaymentIntent');
select tests.act_as('postgres');

-- periodic tasks
create temporary table woken (name text) on commit drop;
-- what the cron job does, in one transaction
create function pg_temp.run_periodic_tasks() returns void language plpgsql as $$
declare
    v_since constant timestamptz := clock_timestamp();
    v_task private.periodic_tasks;
begin
    loop
        v_task := private.begin_periodic_task(v_since);
        exit when v_task.name is null;
        perform private.run_periodic_task(v_task);
    end loop;
end $$;
update private.periodic_tasks set last_run_at = now();
insert into private.periodic_tasks (name, command)
select n, format('insert into pg_temp.woken values (%L)', n) from unnest(array['wake_first', 'zz_last']) as n;
select pg_temp.run_periodic_tasks();
select is((select string_agg(name, ' ') from woken), 'zz_last wake_first', 'PY35 tasks that wake workers run last');
select results_eq(
    $$select name from private.periodic_tasks where name in ('move_money', 'end_stale_authorizations', 'charge_balances', 'release_payouts', 'wake_money_worker') and every = '10 seconds' order by name$$,
    $$values ('charge_balances'), ('end_stale_authorizations'), ('release_payouts'), ('wake_money_worker')$$, 'PY36 each part of the money is a periodic task of its own'
);
create function pg_temp.wakes() returns boolean language plpgsql as $$
begin
    perform set_config('staybase.woken_money_worker', '', true);
    perform private.wake_money_worker();
    return current_setting('staybase.woken_money_worker') = 'yes';
end $$;
update private.stripe_tasks set done_at = now();
select ok(not pg_temp.wakes(), 'PY37 the money worker is not woken for tasks that are done');
insert into private.stripe_tasks (kind, subject, run_at) values ('detach', 'pm_later', now() + interval '1 minute');
select ok(not pg_temp.wakes(), 'PY38 the money worker is not woken before a task is due');
insert into private.stripe_tasks (kind, subject) values ('detach', 'pm_now');
select ok(pg_temp.wakes(), 'PY39 the money worker is woken for a task that is due');

select * from finish();
rollback;
