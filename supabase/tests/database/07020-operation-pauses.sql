-- Pauses of payouts, charges and everything: who may, what stops, what goes on, and the quarantine after a restore.
begin;
select plan(41);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Olga') as olga;
grant select on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;

-- who may
select tests.act_as('anon');
select throws_ok($$select public.pause_operation('all', 'x')$$, '42501', null, 'OP01 anon pauses nothing');
select throws_ok($$select public.resume_operation('all', 'x')$$, '42501', null, 'OP02 anon resumes nothing');
select throws_ok('select from public.operation_pauses', '42501', null, 'OP03 anon reads no pauses');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$select public.pause_operation('all', 'x')$$, 'operators_only', 'OP04 a user pauses nothing');
select tests.throws_code($$select public.resume_operation('all', 'x')$$, 'operators_only', 'OP05 a user resumes nothing');
select throws_ok($$insert into public.operation_pauses (operation, reason) values ('all', 'x')$$, '42501', null, 'OP06 a user writes no pause');

-- one operation
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.pause_operation('mails', 'x')$$, 'operation_not_known', 'OP07 only known operations');
select tests.throws_code($$select public.pause_operation('payouts', ' ')$$, 'pause_reason_is_plain', 'OP08 a pause has a reason');
select tests.throws_code($$select public.resume_operation('payouts', 'x')$$, 'operation_not_paused', 'OP09 what is not paused cannot be resumed');
select results_eq(
    $$select operation, reason, paused_by, resumed_at from public.pause_operation('payouts', 'The bank asked for it.')$$,
    $$select 'payouts', 'The bank asked for it.', olga, null::timestamptz from world$$,
    'OP10 an operator pauses payouts'
);
select tests.throws_code($$select public.pause_operation('payouts', 'x')$$, 'operation_is_paused', 'OP11 once');
select tests.act_as('authenticated', ana) from world;
select is_empty('select id from public.operation_pauses', 'OP12 a user reads no pauses');
select tests.act_as('operator', olga) from world;
select is((select count(*)::integer from public.operation_pauses where resumed_at is null), 1, 'OP13 an operator reads them');
reset role;
select is(private.is_paused('payouts'), true, 'OP14 payouts are paused');
select is(private.is_paused('charges'), false, 'OP15 charges are not');
select is(private.is_paused('all'), false, 'OP16 all is not');
insert into private.stripe_tasks (kind, subject, run_at) values
    ('transfer', '00000000-0000-4000-8000-000000000001', '-infinity'), ('detach', 'pm_paused', '-infinity'),
    ('charge', '00000000-0000-4000-8000-000000000002:1', '-infinity');
select tests.act_as('service_role');
select bag_eq(
    $$select kind from public.take_stripe_tasks(100) where subject like '00000000-0000-4000-8000-%' or subject = 'pm_paused'$$,
    array['detach', 'charge'], 'OP17 a worker gets every task but the transfer'
);
reset role;
select is(private.release_payouts(now()), 0, 'OP18 no payout is released');
select tests.act_as('authenticated', olga) from world;
select tests.throws_code($$select public.resume_operation('payouts', '<b>')$$, 'pause_reason_is_plain', 'OP19 a note is plain text');
select isnt_empty($$select from public.resume_operation('payouts', 'The bank is content.')$$, 'OP20 an operator resumes payouts');
select tests.act_as('service_role');
select bag_eq(
    $$select kind from public.take_stripe_tasks(100) where subject = '00000000-0000-4000-8000-000000000001'$$,
    array['transfer'], 'OP21 then the worker gets the transfer'
);
reset role;
select results_eq(
    $$select action, actor_id, after ->> 'note' from public.audit_log where table_name = 'operation_pauses' order by id$$,
    $$select 'insert', olga, null from world union all select 'update', olga, 'The bank is content.' from world$$,
    'OP22 both are in the audit log'
);

-- everything, after a restore
delete from pgmq.q_mails;
delete from pgmq.q_webhooks;
select pgmq.send('mails', '{"n": "due"}'), pgmq.send('mails', '{"n": "later"}', 3600), pgmq.send('webhooks', '{"n": "leased"}');
update pgmq.q_webhooks set read_ct = 1, vt = now() + interval '1 minute';
insert into private.stripe_tasks (kind, subject, run_at) values
    ('refund', '00000000-0000-4000-8000-000000000003', '-infinity'), ('transfer', '00000000-0000-4000-8000-000000000004', 'infinity');
select private.quarantine('A restore.', now());
select bag_eq(
    $$select queue, message ->> 'n' from public.dead_jobs where error like 'It may have been done%'$$,
    $$values ('mails', 'due'), ('webhooks', 'leased')$$, 'OP23 due and leased mails and webhooks wait for an operator, later ones do not'
);
select bag_eq(
    $$select kind, dead_at is not null from private.stripe_tasks where subject ~ '^00000000-0000-4000-8000-00000000000[34]$'$$,
    $$values ('refund', true), ('transfer', false)$$, 'OP24 a due refund waits for an operator, a later transfer does not'
);
select bag_eq(
    'select operation from public.operation_pauses where resumed_at is null', array['all', 'payouts', 'charges'], 'OP25 quarantine pauses everything'
);
select lives_ok($$select private.quarantine('again', now() + interval '1 day')$$, 'OP26 twice does no harm');
select is(private.begin_periodic_task('infinity') is null, true, 'OP27 no periodic task begins');
select pgmq.send('object_removals', '{}');
select tests.act_as('service_role');
select is_empty($$select from public.take_jobs('object_removals')$$, 'OP28 a worker gets no job');
select is_empty($$select from public.take_stripe_tasks(100)$$, 'OP29 a worker gets no Stripe task');
select results_eq($$select lease, wait_ms from public.begin_internal_run('reconcile')$$, $$values (null::uuid, 0)$$, 'OP30 no internal function runs');
reset role;
create temporary table calls on commit drop as select count(*) as n from net.http_request_queue;
select private.wake_worker('remove-objects');
select is((select count(*) from net.http_request_queue), (select n from calls), 'OP31 no worker is called');
select is(private.charge_balances(now()), 0, 'OP32 no card is charged');

-- requests
create function pg_temp.request(p_method text, p_path text) returns void language plpgsql as $$
begin
    perform set_config('request.method', p_method, true), set_config('request.path', p_path, true);
    perform private.check_request();
end
$$;
grant execute on function pg_temp.request to authenticated, service_role;
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$select pg_temp.request('POST', '/bookings')$$, 'operations_paused', 'OP33 no one books');
select tests.throws_code($$select pg_temp.request('PATCH', '/profiles')$$, 'operations_paused', 'OP34 no one changes a profile');
select tests.throws_code($$select pg_temp.request('POST', '/rpc/cancel_booking')$$, 'operations_paused', 'OP35 no one cancels');
select tests.act_as('service_role');
select tests.throws_code($$select pg_temp.request('POST', '/rpc/store_stripe_event')$$, 'operations_paused', 'OP36 Stripe has to send its event again');
select tests.act_as('authenticated', olga) from world;
select lives_ok($$select pg_temp.request('POST', '/rpc/resume_operation')$$, 'OP37 an operator may end the pause');
select pg_temp.request('POST', '/rpc/resume_operation');
select is(current_setting('transaction_read_only'), 'off', 'OP38 in a transaction that writes');
select tests.act_as('authenticated', ana) from world;
select lives_ok($$select pg_temp.request('GET', '/bookings')$$, 'OP39 a list is read');
select lives_ok($$select pg_temp.request('POST', '/rpc/quote_stay')$$, 'OP40 a function that only reads is called');
-- not in lives_ok, because the end of a subtransaction undoes it
select pg_temp.request('POST', '/rpc/graphql');
select is(current_setting('transaction_read_only'), 'on', 'OP41 a request to GraphQL gets a transaction that cannot write');

select * from finish();
rollback;
