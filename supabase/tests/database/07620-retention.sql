-- Retention: every table has a rule or a reason, a year of traffic levels off, and what must stay stays.
begin;
select plan(20);

select is_empty(
    $$select n.nspname || '.' || c.relname from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and n.nspname in ('public', 'private', 'pgmq', 'cron', 'net')
          and n.nspname || '.' || c.relname not in (select r.table_name from private.retention r)
          -- the drills of 07000-jobs.sql and other tests make queues of their own
          and c.relname not in ('q_drills', 'a_drills')$$,
    'RE01 every table is in private.retention, with a limit or a reason: insert a row in the migration of the table'
);
select is_empty(
    $$select r.table_name from private.retention r where to_regclass(r.table_name) is null and r.table_name !~ '^(pgmq|net)\.'$$,
    'RE02 every table of private.retention exists'
);
select is_empty(
    $$select r.table_name from private.retention r where r.keep is not null and r.emptied is distinct from 'children_ages = null' and r.table_name in (
          'private.bookings', 'private.booking_events', 'private.property_events', 'private.ledger_transactions', 'private.ledger_entries',
          'private.ledger_accounts', 'public.audit_log', 'public.payments', 'public.refunds', 'public.payouts', 'public.orphans')$$,
    'RE03 nothing that law or an invariant needs has a limit'
);
select ok(
    (select bool_and(r.keep >= interval '400 days') from private.retention r where r.table_name = 'private.stripe_events' and r.emptied is null),
    'RE04 ids of events of Stripe are kept for 400 days, so that none is applied twice'
);
select is_empty('select from pgmq.a_mails union all select from pgmq.a_webhooks union all select from pgmq.a_object_removals', 'RE05 archives of queues stay empty');

-- a year and three months: three rows of each kind a day, with the task after each
create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Olga') as olga, null::uuid as endpoint;
grant select on world to anon, authenticated;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
with made as (
    insert into public.webhook_endpoints (owner_id, url, events) select ana, 'https://example.com/hook', array['booking.created'] from world
    returning id
)
update world set endpoint = (select id from made);
create temporary table sizes (day integer, name text, rows bigint) on commit drop;
create function pg_temp.live(p_day integer) returns void language plpgsql as $$
declare
    v_at constant timestamptz := now() - interval '450 days' + p_day * interval '1 day';
begin
    insert into private.stripe_events (id, type, object_id, payload, created, received_at, applied_at)
    select format('evt_re_%s_%s', p_day, n), 'charge.updated', 'ch_re', '{"data": {"object": {"id": "ch_re"}}}', v_at, v_at, v_at from generate_series(1, 3) n;
    insert into private.stripe_tasks (kind, subject, done_at) select 'event', format('evt_re_%s_%s', p_day, n), v_at from generate_series(1, 3) n;
    insert into public.webhook_deliveries (endpoint_id, event, payload, dedupe_key, delivered_at, created_at)
    select endpoint, 'booking.created', '{}', format('re_%s_%s', p_day, n), case when n > 1 then v_at end, v_at from world, generate_series(1, 3) n;
    insert into public.notifications (recipient_id, kind, dedupe_key, created_at, read_at)
    select ana, 'refund_sent', format('re_%s_%s', p_day, n), v_at, case when n > 1 then v_at end from world, generate_series(1, 3) n;
    insert into public.dead_jobs (queue, job_id, message, attempts, error, enqueued_at, died_at)
    select 'mails', -p_day, '{"re": true}', 1, 'no', v_at, v_at from generate_series(1, 3);
    insert into private.job_failures (queue, job_id, attempt, error, at) select 'mails', -1 - p_day, 1, 're', v_at from generate_series(1, 3);
    insert into private.reconciliations (since, compared, differences, run_at) values (v_at, -77, 0, v_at);
    insert into private.reconciliation_differences (balance_transaction, problem, currency, first_seen_at, last_seen_at, resolved_at)
    values (format('txn_re_%s', p_day), 'amount_differs', 'EUR', v_at, v_at, v_at);
    insert into public.orphan_sweeps (list, cursor, started_at, finished_at) values ('refunds', 're_re', v_at, v_at);
    perform private.apply_retention(v_at);
    insert into sizes
    select p_day, s.name, s.rows from (
        select 'payloads', (select count(*) from private.stripe_events where object_id = 'ch_re' and payload <> '{}')
        union all select 'events', (select count(*) from private.stripe_events where object_id = 'ch_re')
        union all select 'tasks', (select count(*) from private.stripe_tasks where subject like 'evt_re_%')
        union all select 'deliveries', (select count(*) from public.webhook_deliveries d, world where d.endpoint_id = endpoint)
        union all select 'notifications', (select count(*) from public.notifications n, world where n.recipient_id = ana)
        union all select 'dead jobs', (select count(*) from public.dead_jobs where message = '{"re": true}')
        union all select 'failures', (select count(*) from private.job_failures where error = 're')
        union all select 'reconciliations', (select count(*) from private.reconciliations where compared = -77)
        union all select 'differences', (select count(*) from private.reconciliation_differences where balance_transaction like 'txn_re_%')
        union all select 'sweeps', (select count(*) from public.orphan_sweeps where cursor = 're_re')
    ) s (name, rows)
    where p_day in (410, 440);
end $$;
-- one that was never applied, and one task that was given up: both wait for a person
insert into private.stripe_events (id, type, payload, created, received_at) values ('evt_re_open', 'charge.updated', '{"open": true}', now() - interval '449 days', now() - interval '449 days');
insert into private.stripe_tasks (kind, subject, dead_at) values ('event', 'evt_dead', now() - interval '449 days');
insert into private.reconciliation_differences (balance_transaction, problem, currency, first_seen_at, last_seen_at) values ('txn_open', 'amount_differs', 'EUR', now() - interval '449 days', now() - interval '449 days');
select pg_temp.live(d) from generate_series(1, 440) d;
-- a row is kept for `keep` and not longer: of 3 a day with 90 days, 271 or so, as the youngest that goes is 90 days and a moment old
select results_eq(
    $$select name, rows from sizes where day = 440 order by name$$,
    $$values ('dead jobs', 543::bigint), ('deliveries', 153), ('differences', 401), ('events', 1203), ('failures', 93), ('notifications', 763),
        ('payloads', 273), ('reconciliations', 401), ('sweeps', 91), ('tasks', 273)$$,
    'RE06 after 440 days there are the rows of the time that each is kept'
);
select is_empty(
    $$select a.name from sizes a join sizes b using (name) where a.day = 410 and b.day = 440 and a.rows <> b.rows$$,
    'RE07 what grows has levelled off'
);
select is((select payload from private.stripe_events where id = 'evt_re_open'), '{"open": true}', 'RE08 an event that was not applied stays as it is');
select is((select count(*) from private.stripe_tasks where subject = 'evt_dead'), 1::bigint, 'RE09 a task that was given up stays');
select is((select count(*) from private.reconciliation_differences where balance_transaction = 'txn_open'), 1::bigint, 'RE10 an open difference stays');
select is((select payload from private.stripe_events where id = 'evt_re_300_1'), '{}', 'RE11 the payload of an old event is emptied');
select is(public.store_stripe_event('{"id": "evt_re_300_1", "type": "charge.updated", "created": 1, "data": {"object": {"id": "ch_re"}}}'), false, 'RE12 and the event is still known');
insert into private.stripe_tasks (kind, subject) values ('event', 'evt_re_300_1');
select is(private.task_message(t) -> 'object' ->> 'id', 'ch_re', 'RE13 and can be applied again') from private.stripe_tasks t where t.subject = 'evt_re_300_1';

-- batches
select private.apply_retention();
insert into private.job_failures (queue, job_id, attempt, error, at) select 'mails', -1, 1, 'old', now() - interval '31 days' from generate_series(1, 1100);
select private.apply_retention();
select is((select count(*) from private.job_failures where error = 'old'), 100::bigint, 'RE14 a run removes 1,000 rows of a rule');
select private.apply_retention();
select is((select count(*) from private.job_failures where error = 'old'), 0::bigint, 'RE15 the next run removes the rest');
-- a rule that fails
insert into private.retention (name, table_name, keep, age, reason) values ('a broken one', 'private.nothing', '1 day', 'at', 'A test');
insert into private.job_failures (queue, job_id, attempt, error, at) values ('mails', -1, 1, 'old', now() - interval '31 days');
select private.apply_retention();
select is((select count(*) from private.job_failures where error = 'old'), 0::bigint, 'RE16 a rule that fails does not stop the others');
select is((select r.last_error from private.retention r where r.name = 'a broken one'), 'relation "private.nothing" does not exist', 'RE17 its error is kept');

select tests.act_as('authenticated', ana) from world;
select tests.throws_code('select public.retention()', 'operators_only', 'RE18 only operators read the list');
select tests.act_as('authenticated', olga) from world;
select is((select r.keep from public.retention() r where r.name = 'private.job_failures'), '30 days'::interval, 'RE19 an operator reads how long rows are kept');
select tests.act_as('anon');
select throws_ok('select public.retention()', '42501', null, 'RE20 no one reads it signed out');
select * from finish();
rollback;
