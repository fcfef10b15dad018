-- The id of a request: which ids count, and what carries them: jobs, calls of workers, Stripe tasks, metadata, audit rows.
begin;
select plan(25);

create function pg_temp.send(p_headers jsonb) returns void language sql as $$
    select set_config('request.headers', p_headers::text, true)
$$;
create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Olga') as olga, tests.create_property(tests.create_person('Ben')) as home;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
grant select on world to anon, authenticated, service_role;

-- syntax
select is(private.valid_request_id(id), id, 'RI01 an id: ' || id)
from unnest(array['a', 'order-7', repeat('x', 60), '019d4233-be35-74c2-957d-04523fc279ed']) id;
select is(private.valid_request_id(id), null, 'RI02 no id: ' || left(id, 20))
from unnest(array['', 'a b', E'a\nb', repeat('x', 61), '{"a":1}', '''; drop table x', 'sb_secret_x', 'gita@example.com', 'été']) id;

-- where it comes from
select is(private.request_id(), null, 'RI03 there is none outside the API');
select pg_temp.send('{"cf-ray": "ray-1", "sb-request-id": "sb-1", "x-request-id": "not an id"}');
select is(private.request_id(), 'sb-1', 'RI04 an invalid id counts as none, and hosted Supabase has another');

-- where it goes
select pgmq.create('drills');
insert into private.job_queues (queue, worker, max_attempts) values ('drills', 'drill', 1);
select pg_temp.send('{"x-request-id": "first-1"}');
select private.enqueue_job_at('drills', '{"n": 1}');
select is((select headers ->> 'x-request-id' from net.http_request_queue where url like '%/drill'), 'first-1', 'RI05 the call of the worker has it');
select pg_temp.send('{"x-request-id": "worker-1"}');
create temporary table taken on commit drop as select * from public.take_jobs('drills');
select results_eq('select message, request_id from taken', $$values ('{"n": 1}'::jsonb, 'first-1')$$, 'RI06 and so has the job');
select public.fail_job('drills', job_id, attempt, 'no answer') from taken;
select is((select request_id from public.dead_jobs where queue = 'drills'), 'first-1', 'RI07 a dead job keeps it');
select pg_temp.send('{"x-request-id": "replay-1"}');
select public.replay_dead_jobs('drills');
select is((select request_id from public.take_jobs('drills')), 'first-1', 'RI08 and its replay has it again');
select is((select request_id from public.audit_log where table_name = 'dead_jobs' order by id desc limit 1), 'replay-1', 'RI09 while the audit log names the request of the replay');

select pg_temp.send('{"x-request-id": "event-1"}');
select public.store_stripe_event(jsonb_build_object(
    'id', 'evt_' || n, 'type', 'refund.updated', 'created', 1, 'data', jsonb_build_object('object', jsonb_build_object('id', 're_' || n, 'metadata', m))
))
from (values (1, '{"request_id": "pay-1"}'::jsonb), (2, '{"request_id": "not an id"}')) as e (n, m);
select results_eq(
    $$select subject, request_id from private.stripe_tasks where subject in ('evt_1', 'evt_2') order by subject$$,
    $$values ('evt_1', 'pay-1'), ('evt_2', 'event-1')$$,
    'RI10 an event works for the request that its object names, else for its own'
);
select private.enqueue_stripe_task('sync', 'pi_1');
select pg_temp.send('{"x-request-id": "event-2"}');
select private.enqueue_stripe_task('sync', 'pi_1');
select is((select request_id from private.stripe_tasks where kind = 'sync' and subject = 'pi_1'), 'event-1', 'RI11 a task keeps the first, because Stripe refuses other metadata under the same key');
select is(private.stripe_metadata(null) ? 'request_id', false, 'RI12 what the clock does at Stripe names no request');

select pg_temp.send('{"x-request-id": "trace-1"}');
update public.properties set status = 'paused' where id = (select home from world);
select results_eq(
    $$select source, event, subject from private.request_trace('trace-1')$$,
    $$select 'property_events', 'status_changed paused', home::text from world$$,
    'RI13 request_trace shows what a request changed'
);
select tests.act_as('authenticated', olga) from world;
select throws_ok($$select * from private.request_trace('trace-1')$$, '42501', null, 'RI14 no role of the API may call it');

select * from finish();
rollback;
