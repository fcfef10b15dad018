-- Webhooks: endpoints and whose they are, what is queued for whom, secrets, the log, replay.
begin;
select plan(39);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Olga') as olga, null::uuid as home, null::uuid as stay, null::uuid as endpoint;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);

select tests.act_as('anon');
select throws_ok('select from public.webhook_endpoints', '42501', null, 'H01 anon cannot read endpoints');
select throws_ok('insert into public.webhook_endpoints (url) values (''https://hooks.example/x'')', '42501', null, 'H02 anon cannot create an endpoint');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(format('insert into public.webhook_endpoints (url) values (%L)', u), 'url_is_https', 'H03 ' || u) from unnest(array[
    'http://hooks.example/x', 'https://user:pass@hooks.example/', 'https://hooks.example/x#y', 'ftp://hooks.example', 'https://[::1]/', 'https:///x'
]) as u;
create function pg_temp.accepted(p_urls text[]) returns setof text language plpgsql as $$
declare
    v_url text;
begin
    foreach v_url in array p_urls loop
        begin
            insert into public.webhook_endpoints (url) values (v_url);
            return next v_url;
            delete from public.webhook_endpoints where url = v_url;
        exception when sqlstate 'PT422' then
            null;
        end;
    end loop;
end
$$;
select is_empty($$select pg_temp.accepted(array[
    'https://127.0.0.1/', 'https://10.0.0.1/x', 'https://192.168.1.1', 'https://172.16.0.1/',
    'https://169.254.169.254/latest/meta-data', 'https://2130706433/', 'https://0x7f000001/', 'https://0x7f.1/',
    'https://0177.0.0.1/', 'https://017700000001/', 'https://127.1/', 'https://0/',
    'https://8.8.8.8/', 'https://[::ffff:127.0.0.1]/', 'https://[fe80::1]/', 'https://::1/',
    'https://localhost/', 'https://LOCALHOST./', 'https://hooks.localhost/x', 'https://printer.local',
    'https://db.internal:443/', 'https://kong.INTERNAL', 'https://hooks/', 'https://hooks.example:80/',
    'https://hooks.example:22/x', 'https://hooks.example:5432', 'https://hooks.example:0443/', 'https://user@hooks.example/',
    'https://hooks.example@127.0.0.1/', 'https://hooks.example\@127.0.0.1/', 'https://127.0.0.1#.hooks.example/', 'https://127.0.0.1?.hooks.example/',
    'https://１２７.0.0.1/', 'https://hooks.example./', 'https://-hooks.example/', 'https://1.2.3.4.5.6.7.0x8/',
    'https://hooks.example/a b'
])$$, 'H38 a host is neither a number nor a name of an internal network, and has no other port and no user name');
select is((select count(*) from pg_temp.accepted(array[
    'https://hooks.example', 'https://hooks.example:443/x', 'https://hooks.example:8443/x?y=1', 'https://a-b.c.xn--p1ai/',
    'https://HOOKS.Example.COM/@me', 'https://internal.example/', 'https://1.example/'
])), 7::bigint, 'H39 public names are accepted');
select tests.throws_code($$insert into public.webhook_endpoints (url, events) values ('https://hooks.example/x', '{}')$$, 'events_are_known', 'H09 an endpoint receives at least one event');
select tests.throws_code($$insert into public.webhook_endpoints (url, events) values ('https://hooks.example/x', '{all}')$$, 'events_are_known', 'H10 an unknown event is refused');
select throws_ok('insert into public.webhook_endpoints (is_active, events) values (true, null)', 'PT422', 'There is no value for events. There is no value for url.', 'H35 every fault of an endpoint is named');
select throws_ok('insert into public.webhook_endpoints (url, owner_id) select ''https://hooks.example/x'', eva from world', '42501', null, 'H11 no user can create an endpoint for another person');
select lives_ok($$insert into public.webhook_endpoints (url) values ('https://hooks.example/ana')$$, 'H12 a host creates an endpoint');
update world set endpoint = (select id from public.webhook_endpoints);
select tests.throws_code('update public.webhook_endpoints set url = ''http://hooks.example/ana''', 'url_is_https', 'H36 a change is checked too');
select tests.throws_code('insert into public.webhook_endpoints (url) select ''https://hooks.example/'' || n from generate_series(1, 10) n', 'too_many_webhook_endpoints', 'H37 a person has at most 10 endpoints');
select matches((select public.reveal_webhook_secret(endpoint) from world), '^whsec_[0-9a-f]{64}$', 'H13 the owner can read its secret');
select isnt((select public.reveal_webhook_secret(endpoint) from world), (select public.rotate_webhook_secret(endpoint) from world), 'H14 the owner can replace the secret');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.webhook_endpoints', 'H15 a stranger cannot see the endpoint');
select throws_ok('select public.reveal_webhook_secret(endpoint) from world', 'PT404', null, 'H16 a stranger cannot read its secret');
select throws_ok('select public.rotate_webhook_secret(endpoint) from world', 'PT404', null, 'H17 a stranger cannot replace its secret');
select is_empty('update public.webhook_endpoints set url = ''https://evil.example/'' returning id', 'H18 a stranger cannot change its URL');
select is_empty('delete from public.webhook_endpoints returning id', 'H19 a stranger cannot delete it');
select throws_ok('select public.webhook_to_send(gen_random_uuid())', '42501', null, 'H20 people cannot call functions of the worker');
insert into public.webhook_endpoints (url) values ('https://hooks.example/eva');
select tests.act_as('authenticated', olga) from world;
insert into public.webhook_endpoints (url, events) values ('https://hooks.example/olga', '{booking.created}');

select tests.act_as('postgres');
delete from pgmq.q_webhooks;
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43);
select bag_eq(
    $$select e.url, d.event, d.payload #>> '{data,status}' from public.webhook_deliveries d join public.webhook_endpoints e on e.id = d.endpoint_id$$,
    $$values
        ('https://hooks.example/ana', 'booking.created', 'requested'),
        ('https://hooks.example/ana', 'booking.status_changed', 'awaiting_payment'),
        ('https://hooks.example/ana', 'booking.status_changed', 'confirmed'),
        ('https://hooks.example/olga', 'booking.created', 'requested')$$, 'H21 the host receives events of her properties, and the operator the chosen events; others receive nothing'
);
select is((select count(*)::integer from pgmq.q_webhooks), 4, 'H22 each delivery has a job');
select is_empty($$select from public.webhook_deliveries where payload ->> 'id' <> id::text or payload ->> 'api_version' <> '2026-11-24'$$, 'H23 each payload has its id and version');

select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.webhook_deliveries', 'H24 a stranger cannot read deliveries');
select tests.act_as('authenticated', ana) from world;
select is((select count(*)::integer from public.webhook_deliveries), 3, 'H25 the owner can read the deliveries to their endpoint');
select throws_ok('update public.webhook_deliveries set attempts = 0', '42501', null, 'H26 the owner cannot change deliveries');

select tests.act_as('service_role');
create temporary table sending on commit drop as
select d.id, public.webhook_to_send(d.id) as what from (select (message ->> 'delivery_id')::uuid as id from public.take_jobs('webhooks', 1)) d;
grant select on sending to authenticated;
select ok((select what ->> 'url' like 'https://hooks.example/%' and what ->> 'secret' like 'whsec_%' from sending), 'H27 the worker gets URL and secret');
select public.record_webhook_attempt(id, 500, 'answered 500') from sending;
select isnt((select public.webhook_to_send(id) from sending), null, 'H28 a failed delivery is sent again');
select public.record_webhook_attempt(id, 204, null) from sending;
select is((select public.webhook_to_send(id) from sending), null, 'H29 a successful delivery is not sent again');
select tests.act_as('postgres');
select results_eq('select d.attempts, d.response_status from public.webhook_deliveries d join sending s on s.id = d.id', 'values (2, 204)', 'H30 the log has the number of attempts and the last status');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.replay_webhook_delivery(id) from sending', 'PT404', null, 'H31 a stranger cannot replay a delivery');
select tests.act_as('postgres');
select tests.act_as('authenticated', d.owner_id) from (
    select e.owner_id from public.webhook_endpoints e join public.webhook_deliveries d on d.endpoint_id = e.id join sending s on s.id = d.id
) d;
select lives_ok('select public.replay_webhook_delivery(id) from sending', 'H32 the owner of the endpoint replays the delivery');
select tests.act_as('service_role');
select isnt((select public.webhook_to_send(id) from sending), null, 'H33 a replayed delivery is sent again');
select tests.act_as('postgres');
update public.webhook_endpoints set is_active = false;
select is((select public.webhook_to_send(id) from sending), null, 'H34 nothing is sent to an inactive endpoint');

select * from finish();
rollback;
