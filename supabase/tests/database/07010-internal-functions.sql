-- Runs of internal functions: as many at a time as allowed, each under a lease, not more often than the interval, and who may ask for one.
begin;
select plan(37);

create temporary table world on commit drop as select tests.create_person('Ana') as ana;
grant select on world to anon, authenticated, service_role;
insert into private.internal_functions (name, every, repeats) values
    ('drill', '10 seconds', true), ('audit', '10 minutes', false);
create temporary table run (lease uuid, wait_ms integer) on commit drop;
grant select, insert, delete on run to service_role;
create function pg_temp.shift(p_name text, p_by interval) returns void language sql as $$
    update private.internal_runs set started_at = started_at - p_by, leased_until = leased_until - p_by where function_name = p_name
$$;

-- who may
select tests.act_as('anon');
select throws_ok($$select public.begin_internal_run('drill')$$, '42501', null, 'IF01 anon begins no run');
select tests.act_as('authenticated', ana) from world;
select throws_ok($$select public.begin_internal_run('drill')$$, '42501', null, 'IF02 a user begins no run');
select throws_ok($$select public.keep_internal_run('drill', null)$$, '42501', null, 'IF03 a user keeps no run');
select throws_ok($$select public.end_internal_run('drill', null)$$, '42501', null, 'IF04 a user ends no run');
select throws_ok('select from vault.decrypted_secrets', '42501', null, 'IF05 a user reads no secret');
select tests.act_as('anon');
select throws_ok('select from vault.decrypted_secrets', '42501', null, 'IF06 anon reads no secret');
select tests.act_as('service_role');
select tests.throws_code($$select public.begin_internal_run('none')$$, 'internal_function_not_found', 'IF07 an unknown function has no run');

-- a function that repeats
insert into run select * from public.begin_internal_run('drill');
select is((select wait_ms from run where lease is not null), 0, 'IF08 the first run begins at once');
select results_eq($$select * from public.begin_internal_run('drill')$$, $$values (null::uuid, 0)$$, 'IF09 there is one run at a time');
select is(public.end_internal_run('drill', gen_random_uuid()), null, 'IF10 another token ends nothing');
select ok((select e between 9000 and 10000 from public.end_internal_run('drill', (select lease from run)) e), 'IF11 a call during the run causes another, when the interval is over');
select is(public.end_internal_run('drill', (select lease from run)), null, 'IF12 and only one');
select is(public.keep_internal_run('drill', (select lease from run)), false, 'IF13 a run that has ended has no lease');
delete from run;
insert into run select * from public.begin_internal_run('drill');
select ok((select wait_ms between 18000 and 20000 and lease is not null from run), 'IF14 a call that comes too early is done when the interval is over');
select is(public.end_internal_run('drill', (select lease from run), false), null, 'IF15 a run ends without another when its time is over');

-- a run that died
delete from run;
insert into run select * from public.begin_internal_run('drill');
select tests.act_as('postgres');
select pg_temp.shift('drill', '5 minutes');
select tests.act_as('service_role');
select is(public.keep_internal_run('drill', (select lease from run)), true, 'IF16 a late run keeps its lease while there is no other');
select tests.act_as('postgres');
select pg_temp.shift('drill', '5 minutes');
select tests.act_as('service_role');
select isnt((select lease from public.begin_internal_run('drill')), null, 'IF17 another run begins when the lease has run out');
select is(public.keep_internal_run('drill', (select lease from run)), false, 'IF18 the late run has lost its lease');
select public.end_internal_run('drill', (select lease from run));
select results_eq($$select * from public.begin_internal_run('drill')$$, $$values (null::uuid, 0)$$, 'IF19 and cannot end the other');

-- a function that does not repeat
delete from run;
insert into run select * from public.begin_internal_run('audit');
select isnt((select lease from run), null, 'IF20 the first run begins at once');
select results_eq($$select * from public.begin_internal_run('audit')$$, $$values (null::uuid, 0)$$, 'IF21 there is one run at a time');
select is(public.end_internal_run('audit', (select lease from run)), null, 'IF22 a call during the run causes no other');
select ok((select lease is null and wait_ms between 598000 and 600000 from public.begin_internal_run('audit')), 'IF23 a call that comes too early is refused, with the time to wait');
select tests.act_as('postgres');
select pg_temp.shift('audit', '9 minutes 58 seconds');
select tests.act_as('service_role');
select is((select lease from public.begin_internal_run('audit')), null, 'IF24 also two seconds early');
select tests.act_as('postgres');
select pg_temp.shift('audit', '1.2 seconds');
select tests.act_as('service_role');
select ok((select lease is not null and wait_ms = 0 from public.begin_internal_run('audit')), 'IF25 less than a second early is on time');

-- a function with several runs
select tests.act_as('postgres');
insert into private.internal_functions (name, every, repeats, runs) values ('crew', '10 seconds', true, 2);
select tests.act_as('service_role');
delete from run;
insert into run select * from public.begin_internal_run('crew') where wait_ms = 0 and lease is not null;
insert into run select * from public.begin_internal_run('crew') where wait_ms = 0 and lease is not null;
select is((select count(distinct lease) from run), 2::bigint, 'IF28 two runs begin at once');
select results_eq($$select * from public.begin_internal_run('crew')$$, $$values (null::uuid, 0)$$, 'IF29 a third does not');
select bag_eq(
    $$select public.end_internal_run('crew', lease) is null from run$$, array[true, false], 'IF30 its call causes one of them to work again'
);
select results_eq($$select * from public.begin_internal_run('crew')$$, $$values (null::uuid, 0)$$, 'IF31 a call needs no run while another is about to begin');
select tests.act_as('postgres');
select pg_temp.shift('crew', '15 seconds');
select tests.act_as('service_role');
select isnt((select lease from public.begin_internal_run('crew')), null, 'IF32 when that one has begun, a call has a run of its own');
select tests.act_as('postgres');
select pg_temp.shift('crew', '5 minutes');
select tests.act_as('service_role');
select isnt((select lease from public.begin_internal_run('crew')), null, 'IF33 a run that died makes room');
select isnt((select lease from public.begin_internal_run('crew')), null, 'IF34 so does the other');
select is((select count(*) from run where public.keep_internal_run('crew', lease)), 0::bigint, 'IF35 neither has its lease any more');
select tests.act_as('postgres');
select private.wake_another_run('crew');
select is((select count(*) from net.http_request_queue q where q.url like '%/crew'), 0::bigint, 'IF36 help is not called while all runs are going on');
update private.internal_functions set runs = 3 where name = 'crew';
select private.wake_another_run('crew');
select is((select count(*) from net.http_request_queue q where q.url like '%/crew'), 1::bigint, 'IF37 help is called when there may be another run');

-- the call of the database
select tests.act_as('postgres');
select private.wake_worker('drill');
select is(
    (select q.headers ->> 'apikey' from net.http_request_queue q where q.url like '%/drill'),
    (select s.decrypted_secret from vault.decrypted_secrets s where s.name = 'service_key'),
    'IF26 the database calls with the service key of Vault'
);
select is_empty(
    $$select q.queue from private.job_queues q where q.worker not in (select f.name from private.internal_functions f)$$,
    'IF27 the worker of every queue is an internal function'
);

select * from finish();
rollback;
