-- Metrics: changes of status and refusals are counted without counting tables, a queue or task has series by itself, labels come from
-- closed sets, the ledger check finds what does not balance, and only the service role may read them.
begin;
select plan(29);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as stay;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);

create function pg_temp.value_of(p_name text, p_labels jsonb default '{}') returns double precision language sql as $$
    select m.value from public.metrics() m where m.name = p_name and m.labels = p_labels
$$;
create temporary table seen (name text, value double precision) on commit drop;
create function pg_temp.note(p_name text, p_labels jsonb default '{}') returns void language sql as $$
    insert into seen values (p_name || p_labels, coalesce(pg_temp.value_of(p_name, p_labels), 0))
$$;
create function pg_temp.growth(p_name text, p_labels jsonb default '{}') returns double precision language sql as $$
    select pg_temp.value_of(p_name, p_labels) - s.value from seen s where s.name = p_name || p_labels
$$;
select private.collect_metrics();

select is_empty(
    $$select c.name from private.metrics c where c.name not in (select m.name from public.metrics() m)$$,
    'M01 every metric has a value'
);
select is_empty(
    $$select m.name from (
        select * from private.business_metrics() union all select * from private.queue_metrics() union all select * from private.money_metrics()
        union all select * from private.task_metrics() union all select * from private.pause_metrics() union all select * from private.database_metrics()
    ) m where m.name not in (select c.name from private.metrics c) or m.value is null or m.labels is null$$,
    'M02 every value is of a metric that is described'
);
select cmp_ok((select count(*) from public.metrics()), '<', 250::bigint, 'M03 they are fewer than 250 series');
select is_empty(
    $$select l.key, l.value from public.metrics() m cross join jsonb_each_text(m.labels) l
      where l.key not in ('status', 'from', 'to', 'reason', 'queue', 'task', 'operation') or l.value !~ '^[a-z][a-z_-]*$'
          or pg_input_is_valid(l.value, 'uuid')$$,
    'M04 labels are names from closed sets, never ids or addresses'
);
select set_eq(
    $$select m.labels ->> 'status' from public.metrics() m where m.name = 'staybase_bookings'$$,
    $$select unnest(enum_range(null::public.booking_status))::text$$,
    'M05 every status of a booking has a series'
);

-- bookings
select pg_temp.note('staybase_bookings', '{"status": "confirmed"}'), pg_temp.note('staybase_bookings', '{"status": "awaiting_payment"}'),
    pg_temp.note('staybase_bookings', '{"status": "cancelled"}'),
    pg_temp.note('staybase_booking_transitions_total', '{"from": "awaiting_payment", "to": "confirmed"}');
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 44);
select tests.create_booking(ben, home, current_date + 50, current_date + 53) from world;
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(stay) from world;
select tests.act_as('postgres');
select private.collect_metrics();
select is(pg_temp.growth('staybase_bookings', '{"status": "confirmed"}'), 1::double precision, 'M06 one of two confirmed bookings is left');
select is(pg_temp.growth('staybase_bookings', '{"status": "cancelled"}'), 1::double precision, 'M07 the other one is cancelled');
select is(pg_temp.growth('staybase_bookings', '{"status": "awaiting_payment"}'), 0::double precision, 'M08 both holds have ended');
select is(
    pg_temp.growth('staybase_booking_transitions_total', '{"from": "awaiting_payment", "to": "confirmed"}'), 2::double precision,
    'M09 by a confirmation'
);
select is_empty('select from private.status_changes', 'M10 what was counted is gone');

-- refusals
select pg_temp.note('staybase_refused_stays_total', '{"reason": "occupied"}'), pg_temp.note('staybase_refused_stays_total', '{"reason": "max_stay"}'),
    pg_temp.note('staybase_refused_stays_total', '{"reason": "too_many_guests"}');
select tests.throws_code(
    format($$select private.create_booking(%L, %L, current_date + 51, current_date + 52, 9, 0, 0, 0, null, null, now())$$, ana, home),
    'own_property', 'M11 a booking is refused'
) from world;
select tests.throws_code(
    format($$select public.quote_stay(%L, (current_date + 51)::text, (current_date + 52)::text, 9)$$, home), 'too_many_guests', 'M12 a quote is refused'
) from world;
select private.collect_metrics();
select is(pg_temp.growth('staybase_refused_stays_total', '{"reason": "occupied"}'), 1::double precision, 'M13 the rollback kept the count, and the quote was not counted');
select is(pg_temp.growth('staybase_refused_stays_total', '{"reason": "too_many_guests"}'), 1::double precision, 'M14 every reason is counted');
select is(pg_temp.growth('staybase_refused_stays_total', '{"reason": "max_stay"}'), 0::double precision, 'M15 no other is');
select is_empty(
    $$select c.code from (
        select (regexp_matches(p.prosrc, 'then ''([a-z_]+)''', 'g'))[1] as code from pg_proc p
        where p.oid in ('private.broken_rules'::regproc, 'private.occupancy_conflicts'::regproc)
      ) c where c.code <> 'taken' and to_regclass('private.refused_stays_' || c.code) is null$$,
    'M16 every rule has a sequence of its own'
);

-- queues and tasks
select pgmq.create('faxes');
insert into private.job_queues (queue, worker) values ('faxes', 'send-mails');
select pgmq.send('faxes', '{}', now() + interval '1 hour');
insert into private.periodic_tasks (name, command, every) values ('send_faxes', 'select 1', '7 minutes');
select private.collect_metrics();
select results_eq(
    $$select m.name, m.value from public.metrics() m where m.labels = '{"queue": "faxes"}' and m.name !~ 'oldest' order by m.name$$,
    $$values ('staybase_queue_dead_jobs', 0::double precision), ('staybase_queue_jobs', 1), ('staybase_queue_jobs_total', 1), ('staybase_queue_overdue_seconds', 0)$$,
    'M17 a new queue has series, and a job of later is not overdue'
);
update pgmq.q_faxes set vt = now() - interval '10 minutes';
select private.collect_metrics();
select cmp_ok(pg_temp.value_of('staybase_queue_overdue_seconds', '{"queue": "faxes"}'), '>=', 600::double precision, 'M18 a job that no worker takes is overdue');
select is(pg_temp.value_of('staybase_task_every_seconds', '{"task": "send_faxes"}'), 420::double precision, 'M19 a new task has series');
select is(
    pg_temp.value_of('staybase_task_run_timestamp_seconds', '{"task": "send_faxes"}'), extract(epoch from now())::double precision,
    'M25 before its first run, a task counts from when it was added'
);
delete from private.job_queues where queue = 'faxes';
select private.collect_metrics();
select is_empty($$select from public.metrics() m where m.labels = '{"queue": "faxes"}'$$, 'M20 a queue that is gone has none');

-- the ledger, whose constraints look at the commit
select private.post_transaction('metrics', 'correction', 'Wrong', now(), array[row('stripe_clearing', null, 'EUR', null, 5)::private.posting]);
select private.check_ledger(), private.collect_metrics();
select is(
    (select amount from private.unbalanced_transactions u join private.ledger_transactions t on t.id = u.transaction_id where t.key = 'metrics'),
    5::bigint, 'M21 a transaction that does not balance is found'
);
select cmp_ok(pg_temp.value_of('staybase_ledger_unbalanced_transactions'), '>=', 1::double precision, 'M22 and counted');

-- a new database, and a pause
update private.backup_state set at = null;
select is(
    pg_temp.value_of('staybase_backup_timestamp_seconds'), (select extract(epoch from s.created_at)::double precision from private.backup_state s where s.name = 'base'),
    'M26 before the first backup, its age counts from when the database was made'
);
select is(pg_temp.value_of('staybase_operation_paused', '{"operation": "payouts"}'), 0::double precision, 'M27 nothing is paused');
insert into public.operation_pauses (operation, reason) values ('all', 'A test.');
select is(pg_temp.value_of('staybase_operation_paused', '{"operation": "payouts"}'), 1::double precision, 'M28 a pause of all is one of payouts, at once');
update private.periodic_tasks set last_run_at = now() - interval '1 hour', started_at = null;
select pgmq.send('mails', '{}', now() - interval '1 hour');
select results_eq('select part, is_ready from public.health()', $$values ('cron', true), ('mail', true)$$, 'M29 what a pause stops is not broken');
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.metrics()', '42501', null, 'M23 a user reads no metrics');
select tests.act_as('anon');
select throws_ok('select public.health()', '42501', null, 'M24 a caller who is signed out cannot ask the database for its health');
select tests.act_as('postgres');

select * from finish();
rollback;
