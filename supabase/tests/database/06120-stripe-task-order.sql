-- The order of Stripe tasks: those of one booking are done one at a time and in their order, those of several side by side.
begin;
select plan(33);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as booking, null::jsonb as begun;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
select tests.act_as('authenticated', ben) from world;
insert into public.bookings (property_id, check_in, check_out) select home, current_date + 40, current_date + 42 from world;
select tests.act_as('postgres');
update world set booking = (select b.id from private.bookings b where b.property_id = home);
update world set begun = public.begin_payment(ben, booking);
-- the tasks of the seed and of the booking
update private.stripe_tasks set done_at = now() where done_at is null and dead_at is null;
create function pg_temp.event(p_id text, p_object jsonb) returns void language sql as $$
    select public.store_stripe_event(jsonb_build_object(
        'id', 'evt_so_' || p_id, 'type', 'payment_intent.succeeded', 'created', 1800000000, 'data', jsonb_build_object('object', p_object)
    ))
$$;
create function pg_temp.key(p_id text) returns text language sql as $$
    select t.ordering_key from private.stripe_tasks t where t.subject = 'evt_so_' || p_id
$$;

-- what a task is about
select pg_temp.event('created', jsonb_build_object('id', 'pi_so', 'metadata', jsonb_build_object('booking_id', booking))) from world;
select is(pg_temp.key('created'), (select booking::text from world), 'SO01 an event of a payment whose row has no id yet names the booking by metadata');
update public.payments p set stripe_payment_intent_id = 'pi_so' from world where p.booking_id = booking;
select pg_temp.event('paid', '{"id": "pi_so"}');
select is(pg_temp.key('paid'), (select booking::text from world), 'SO02 later by its row');
select pg_temp.event('charge', '{"id": "ch_so", "payment_intent": "pi_so"}');
select is(pg_temp.key('charge'), (select booking::text from world), 'SO03 an event of a charge belongs to its payment');
select pg_temp.event('dispute', '{"id": "dp_so", "payment_intent": "pi_so", "metadata": {"booking_id": "other"}}');
select is(pg_temp.key('dispute'), (select booking::text from world), 'SO04 a row goes before metadata');
select private.enqueue_stripe_task('cancel', p.id::text) from public.payments p, world where p.booking_id = booking;
select private.enqueue_stripe_task('charge', p.id || ':1') from public.payments p, world where p.booking_id = booking;
select private.enqueue_stripe_task('sync', 'pi_so');
select is(
    (select count(*) from private.stripe_tasks t, world where t.ordering_key = booking::text and t.kind in ('cancel', 'charge', 'sync') and t.done_at is null),
    3::bigint, 'SO05 so do cancelling, charging and reading it again'
);
select pg_temp.event('account', '{"id": "acct_so"}');
select is(pg_temp.key('account'), 'acct_so', 'SO06 an event of an account is about the account');
select private.enqueue_stripe_task('detach', 'pm_so');
select is((select t.ordering_key from private.stripe_tasks t where t.subject = 'pm_so'), 'pm_so', 'SO07 a card is about itself');
select private.enqueue_stripe_task('sweep', n || ':0') from generate_series(900001, 900002) n;
select private.enqueue_stripe_task('sweep', '900001:1');
select results_eq(
    $$select t.ordering_key from private.stripe_tasks t where t.kind = 'sweep' and t.subject like '90000%' order by t.id$$,
    $$values ('sweep:900001'), ('sweep:900002'), ('sweep:900001')$$, 'SO08 the pages of a search belong together'
);
delete from private.stripe_tasks where done_at is null;

-- one at a time, in order
create temporary table taken (worker integer, subject text, id bigint, lease uuid) on commit drop;
grant select, insert, delete on taken to service_role;
create function pg_temp.take(p_worker integer, p_limit integer default 20) returns text language sql as $$
    with t as (
        insert into taken select p_worker, subject, task_id, lease from public.take_stripe_tasks(p_limit) returning subject
    )
    select coalesce(string_agg(replace(subject, 'evt_so_', ''), ' ' order by subject), '') from t
$$;
create function pg_temp.done(p_subject text) returns boolean language sql as $$
    select public.finish_stripe_task(id, lease) from taken where subject = 'evt_so_' || p_subject
$$;
create function pg_temp.failed(p_subject text, p_is_final boolean default false) returns boolean language sql as $$
    select public.fail_stripe_task(id, lease, 'no', p_is_final) from taken where subject = 'evt_so_' || p_subject
$$;
grant execute on all functions in schema pg_temp to service_role;
select pg_temp.event(b || n, jsonb_build_object('id', 'pi_' || b, 'metadata', jsonb_build_object('booking_id', b)))
from unnest(array['a', 'b']) b, generate_series(1, 3) n order by n, b;
select is(pg_temp.take(1), 'a1 b1', 'SO09 a worker gets the first task of each booking');
select is(pg_temp.take(2), '', 'SO10 another worker gets no task of the same bookings');
select ok(pg_temp.done('a1'), 'SO11 the first task of a booking is done');
select is(pg_temp.take(2), 'a2', 'SO12 then the other worker gets the second');
select throws_ok(
    $$update private.stripe_tasks set lease = gen_random_uuid(), leased_until = now() where subject = 'evt_so_b2'$$,
    '23505', null, 'SO13 no statement can lease two tasks of one booking'
);

-- a failure
select ok(pg_temp.failed('b1'), 'SO14 a task fails');
select is(pg_temp.take(1), '', 'SO15 the later tasks of its booking wait for it');
select is(
    (select count(distinct t.run_at) from private.stripe_tasks t where t.ordering_key = 'b' and t.run_at > clock_timestamp()), 1::bigint,
    'SO16 until its next attempt, and no worker looks at them before'
);
select pg_temp.event('b4', '{"id": "pi_b", "metadata": {"booking_id": "b"}}');
select ok((select t.run_at > clock_timestamp() from private.stripe_tasks t where t.subject = 'evt_so_b4'), 'SO17 a new task of the booking waits, too');
update private.stripe_tasks set run_at = '-infinity' where ordering_key = 'b';
delete from taken where subject = 'evt_so_b1';
select is(pg_temp.take(1), 'b1', 'SO18 it is tried again first');
select ok(pg_temp.failed('b1', true), 'SO19 it is given up');
select is(pg_temp.take(1), 'b2', 'SO20 then the next task of the booking follows');

-- a worker that hangs
update private.stripe_tasks set leased_until = clock_timestamp() where subject = 'evt_so_a2';
delete from taken where subject = 'evt_so_a1';
create temporary table late on commit drop as select * from taken where subject = 'evt_so_a2';
grant select on late to service_role;
delete from taken where subject = 'evt_so_a2';
select is(pg_temp.take(3), 'a2', 'SO21 the task of a worker that hangs goes to another when its lease is over');
select is((select public.finish_stripe_task(id, lease) from late), false, 'SO22 and the first worker can no longer finish it');
select is((select public.fail_stripe_task(id, lease, 'late') from late), false, 'SO23 nor fail it');
select ok(pg_temp.done('a2'), 'SO24 the other worker finishes it');
select is(pg_temp.take(3), 'a3', 'SO25 and gets the third');

-- a task that comes before one that has begun
insert into private.stripe_tasks (id, kind, subject, ordering_key) overriding system value values (-1, 'event', 'evt_so_a0', 'a');
select is(pg_temp.take(1), '', 'SO26 an older task waits for the end of one that has begun');
select pg_temp.done('a3');
select is(pg_temp.take(1), 'a0', 'SO27 and follows it');

-- pauses
insert into public.operation_pauses (operation, reason) values ('payouts', 'Test.');
insert into private.stripe_tasks (kind, subject, ordering_key) values ('transfer', gen_random_uuid(), 'c');
select pg_temp.event('c1', '{"id": "pi_c", "metadata": {"booking_id": "c"}}');
select is(pg_temp.take(1), 'c1', 'SO28 a paused payout keeps no other task of its booking waiting');
update public.operation_pauses set resumed_at = now(), note = 'Test.' where operation = 'payouts' and resumed_at is null;
select is(pg_temp.take(1), '', 'SO29 when payouts go on, the transfer waits for the task that has begun');

-- many
delete from private.stripe_tasks where done_at is null;
delete from net.http_request_queue;
insert into private.internal_runs (function_name, number, started_at, lease, leased_until)
values ('money-worker', 1, now(), gen_random_uuid(), now() + interval '1 minute')
on conflict on constraint internal_runs_pkey do update set lease = excluded.lease, leased_until = excluded.leased_until;
select set_config('staybase.woken_money_worker', '', true);
insert into private.stripe_tasks (kind, subject) select 'detach', 'pm_so_' || n from generate_series(1, 40) n;
select is((select count(*) from public.take_stripe_tasks(50)), 40::bigint, 'SO30 tasks without a booking are taken side by side');
select is((select count(*) from net.http_request_queue), 0::bigint, 'SO31 a worker that got all tasks calls no other');
insert into private.stripe_tasks (kind, subject) select 'detach', 'pm_so_' || n from generate_series(41, 80) n;
select is((select count(*) from public.take_stripe_tasks(20)), 20::bigint, 'SO32 a worker gets no more than it asks for');
select is((select count(*) from net.http_request_queue where url like '%/money-worker'), 1::bigint, 'SO33 and calls another to its help when it got as many');

select * from finish();
rollback;
