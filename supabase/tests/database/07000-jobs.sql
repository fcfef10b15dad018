-- Background jobs: leases and their tokens, growing pauses, dead jobs and who may read and delete them, periodic tasks.
begin;
select plan(58);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Olga') as olga;
grant select on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;

select pgmq.create('drills');
insert into private.job_queues (queue, worker, max_attempts, first_pause, longest_pause)
values ('drills', 'drill', 3, '10 seconds', '15 seconds');
create temporary table taken (job_id bigint, attempt integer, message jsonb, request_id text) on commit drop;
grant select, insert, delete on taken to service_role;
create function pg_temp.expire() returns void language sql as $$ update pgmq.q_drills set vt = now() - interval '1 second' $$;

select private.enqueue_job_at('drills', '{"n": 1}');
select is((select count(*)::integer from net.http_request_queue where url like '%/drill'), 1, 'J01 queueing a job wakes the worker');
select private.enqueue_job_at('drills', '{"n": 2}', now() + interval '1 hour');
select private.enqueue_job_at('drills', '{"n": 3}');
select is((select count(*)::integer from net.http_request_queue where url like '%/drill'), 1, 'J02 several jobs of one transaction wake the worker once');

-- who may
select tests.act_as('anon');
select throws_ok($$select public.take_jobs('drills')$$, '42501', null, 'J03 anon takes no job');
select throws_ok('select public.job_metrics()', '42501', null, 'J04 anon reads no metrics');
select throws_ok('select from public.dead_jobs', '42501', null, 'J05 anon reads no dead jobs');
select tests.act_as('authenticated', ana) from world;
select throws_ok($$select public.take_jobs('drills')$$, '42501', null, 'J06 a user takes no job');
select throws_ok($$select public.finish_job('drills', 1, 1)$$, '42501', null, 'J07 a user finishes no job');
select throws_ok($$select public.fail_job('drills', 1, 1, '')$$, '42501', null, 'J08 a user fails no job');
select tests.throws_code('select public.job_metrics()', 'operators_only', 'J09 a user reads no metrics');
select tests.throws_code('select public.replay_dead_job(1)', 'operators_only', 'J10 a user replays no dead job');
select tests.throws_code($$select public.replay_dead_jobs('drills')$$, 'operators_only', 'J39 a user replays no queue');
select tests.throws_code('select public.periodic_tasks()', 'operators_only', 'J46 a user reads no periodic tasks');

-- leases
select tests.act_as('service_role');
insert into taken select * from public.take_jobs('drills');
select results_eq('select attempt, message from taken order by job_id', $$values (1, '{"n": 1}'::jsonb), (1, '{"n": 3}')$$, 'J11 a worker takes the jobs that are due');
select is_empty($$select * from public.take_jobs('drills')$$, 'J12 a second worker does not get them');
select tests.act_as('postgres');
select pg_temp.expire();
select tests.act_as('service_role');
select is((select count(*)::integer from public.take_jobs('drills') where attempt = 2), 2, 'J13 a second worker gets them after the lease');
select is((select public.finish_job('drills', job_id, 1) from taken where message = '{"n": 1}'), false, 'J14 the first worker can no longer finish the job');
select is((select public.fail_job('drills', job_id, 1, 'late') from taken where message = '{"n": 1}'), null, 'J15 the first worker can no longer fail the job');
select is((select public.finish_job('drills', job_id, 2) from taken where message = '{"n": 1}'), true, 'J16 the second worker finishes the job');
select is((select public.finish_job('drills', job_id, 2) from taken where message = '{"n": 1}'), false, 'J17 a job is finished once');
select is(public.finish_job('none"; drop table x; --', 1, 1), false, 'J18 finishing a job of an unknown queue returns false');
select throws_ok($$select public.take_jobs('none')$$, 'PT404', 'There is no queue "none".', 'J19 taking jobs of an unknown queue is an error');

-- pauses and death
select ok(
    (
        with failed as materialized (select public.fail_job('drills', job_id, 2, 'no answer') as next from taken where message = '{"n": 3}')
        select next - now() between interval '11 seconds' and interval '20 seconds' from failed
    ),
    'J20 the second pause is longer, up to the longest'
);
select tests.act_as('postgres');
select results_eq($$select attempt, error from private.job_failures where queue = 'drills'$$, $$values (2, 'no answer')$$, 'J21 a failed attempt is recorded');
select pg_temp.expire();
select tests.act_as('service_role');
select is((select attempt from public.take_jobs('drills') where message = '{"n": 3}'), 3, 'J22 a worker takes the job for the last attempt');
select is((select public.fail_job('drills', job_id, 3, 'no answer') from taken where message = '{"n": 3}'), null, 'J23 there is no attempt after the last');
select results_eq($$select message, attempts, error from public.dead_jobs$$, $$values ('{"n": 3}'::jsonb, 3, 'no answer')$$, 'J24 the job becomes a dead job');
select tests.act_as('postgres');
select private.enqueue_job_at('drills', '{"n": 4}');
update pgmq.q_drills set read_ct = 3 where message = '{"n": 4}';
select tests.act_as('service_role');
select is((select count(*)::integer from public.take_jobs('drills') where message = '{"n": 4}'), 0, 'J25 a job that stops its workers is not taken without end');
select is((select error from public.dead_jobs where message = '{"n": 4}'), 'Its workers died or ran out of time.', 'J26 a job that stops its workers becomes a dead job');

-- operators
select tests.act_as('authenticated', ana) from world;
select is_empty('select from public.dead_jobs', 'J27 a user reads no dead job');
select is_empty('delete from public.dead_jobs returning id', 'J28 a user deletes no dead job');
select tests.act_as('authenticated', olga) from world;
select results_eq(
    $$select depth, ready, failures_last_hour, dead from public.job_metrics() where queue = 'drills'$$, $$values (1::bigint, 0::bigint, 2::bigint, 2::bigint)$$,
    'J29 an operator reads depth, failures and dead jobs'
);
select lives_ok($$select public.replay_dead_job(id) from public.dead_jobs where message = '{"n": 3}'$$, 'J30 an operator replays a dead job');
select isnt_empty($$delete from public.dead_jobs where message = '{"n": 4}' returning id$$, 'J31 an operator deletes a dead job');
select is_empty('select from public.dead_jobs', 'J32 no dead job is left');
select tests.throws_code('select public.replay_dead_job(-1)', 'dead_job_not_found', 'J49 a dead job that does not exist cannot be replayed');
select tests.act_as('service_role');
select is((select attempt from public.take_jobs('drills') where message = '{"n": 3}'), 1, 'J33 a replayed job begins with attempt 1');


-- after an outage: all of a queue
select tests.act_as('postgres');
insert into public.dead_jobs (queue, job_id, message, attempts, error, enqueued_at)
select q.queue, n, jsonb_build_object('lost', n), 3, 'no answer', now() from (values ('drills'), ('object_removals')) as q (queue), generate_series(1, 3) n;
select tests.act_as('authenticated', olga) from world;
select is(public.replay_dead_jobs('drills'), 3::bigint, 'J40 an operator replays all dead jobs of a queue');
select is(public.replay_dead_jobs('drills'), 0::bigint, 'J41 dead jobs are replayed once');
select results_eq('select queue, count(*)::integer from public.dead_jobs group by queue', $$values ('object_removals', 3)$$, 'J42 a replay leaves the dead jobs of other queues');
select isnt_empty('delete from public.dead_jobs returning id', 'J43 an operator deletes all dead jobs of a queue');
select is(
    (select count(*)::integer from public.audit_log l, world where l.table_name = 'dead_jobs' and l.action = 'delete' and l.actor_id = olga and l.before ? 'message'),
    8, 'J44 the audit log records who removed which dead job'
);
select tests.act_as('service_role');
select is((select count(*)::integer from public.take_jobs('drills') where message ? 'lost'), 3, 'J45 replayed jobs can be taken');

-- periodic tasks
select tests.act_as('postgres');
create temporary table ticks (name text) on commit drop;
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
insert into private.periodic_tasks (name, command, every) values
    ('a_broken', 'select 1 / 0', '1 minute'), ('b_good', 'insert into pg_temp.ticks values (''b'')', '1 minute');
select lives_ok('select pg_temp.run_periodic_tasks()', 'J34 a failed task does not fail the run');
select results_eq('select name from ticks', $$values ('b')$$, 'J35 a failed task does not stop the others');
select is((select last_error from private.periodic_tasks where name = 'a_broken'), 'division by zero', 'J36 the error of a failed task is recorded');
select tests.act_as('authenticated', olga) from world;
select results_eq(
    $$select name, last_error, last_error_at = last_run_at from public.periodic_tasks() where name like '_\_%'$$,
    $$values ('a_broken', 'division by zero', true), ('b_good', null, null)$$, 'J47 an operator reads the error of a failed task'
);
select tests.act_as('service_role');
select isnt_empty($$select from public.periodic_tasks() where name = 'wake_workers' and every = '10 seconds'$$, 'J48 the service role reads periodic tasks');
select tests.act_as('postgres');
select pg_temp.run_periodic_tasks();
select results_eq('select name from ticks', $$values ('b')$$, 'J37 a task is not run before it is due');
select results_eq(
    $$select jobname, command ~ 'private.begin_periodic_task', count(*) over (partition by command) from cron.job order by jobname$$,
    $$values ('run-periodic-tasks-1', true, 3::bigint), ('run-periodic-tasks-2', true, 3), ('run-periodic-tasks-3', true, 3)$$,
    'J38 three cron jobs with one command run all periodic tasks'
);
update private.periodic_tasks set last_run_at = now() - interval '2 minutes', last_error_at = case when last_error is not null then now() - interval '2 minutes' end
where name in ('a_broken', 'b_good');
select is((private.begin_periodic_task(clock_timestamp())).name, 'b_good', 'J50 a task that failed runs after the others');
select is((select started_at > last_run_at from private.periodic_tasks where name = 'b_good'), true, 'J51 its start is recorded before it runs');
select is((private.begin_periodic_task(clock_timestamp())).name, 'a_broken', 'J52 a task that is running does not stop the others');
select is((private.begin_periodic_task(clock_timestamp())).name, null, 'J56 and is not begun again before its time limit');
update private.periodic_tasks set started_at = clock_timestamp() - time_limit where name = 'b_good';
create temporary table stalled on commit drop as select t as task from private.periodic_tasks t where name = 'b_good';
select is((private.begin_periodic_task(clock_timestamp())).name, null, 'J57 a task that did not end is due again after its interval');
select is(
    (select last_error from private.periodic_tasks where name = 'b_good' and last_error_at = last_run_at and started_at is null),
    'It did not end within 00:00:30.', 'J53 and is recorded as failed'
);
truncate ticks;
select private.run_periodic_task(task) from stalled;
select is_empty('select name from ticks', 'J58 a run that was recorded as failed does not begin its task later');
update private.periodic_tasks set started_at = null, last_run_at = now() where name = 'a_broken';
select is((private.begin_periodic_task(clock_timestamp())).name, null, 'J54 it is due again after its interval only');
update private.periodic_tasks set every = '1 millisecond' where name = 'b_good';
select is((private.begin_periodic_task(clock_timestamp() - interval '1 minute')).name, null, 'J55 a run of the cron job runs a task once');

select * from finish();
rollback;
