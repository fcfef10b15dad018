-- Feeds in: whose feeds are whose, and which nights follow from what a channel states. Times are written out, so that days pass.
begin;
select plan(62);

-- the sample data has one
delete from public.calendar_feeds;

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cora') as cora,
    tests.create_person('Eva') as eva, null::uuid as home, null::uuid as feed, null::uuid as stay;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from world;

-- Who may do what
select tests.act_as('anon');
select throws_ok('select from public.calendar_feeds', '42501', null, 'F01 signed out, there are no feeds');
select throws_ok(format('select public.create_calendar_feed(%L, %L, %L)', home, 'vrbo', 'https://ics.example/x'), '42501', null, 'F02 signed out, no feed is created') from world;
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(format('select public.create_calendar_feed(%L, %L, %L)', home, 'vrbo', u), 'feed_url_is_https', 'F03 ' || coalesce(u, 'null'))
from world, unnest(array[
    'http://ics.example/x', 'https://ics.example:8443/x', 'https://127.0.0.1/x', 'https://[::ffff:10.0.0.1]/x', 'https://user@ics.example/', 'https://db.internal/', null
]) as u;
select tests.throws_code(format('select public.create_calendar_feed(%L, %L, %L)', home, 'Airbnb!', 'https://ics.example/x'), 'channel_is_slug', 'F04 a channel is a slug') from world;
update world set feed = (public.create_calendar_feed(home, 'vrbo', ' webcal://ics.example/secret.ics?s=1&nonTentative ')).id;
select results_eq(
    'select channel, masked_url, is_paused, failures, last_good_at is null from public.calendar_feeds',
    $$values ('vrbo', 'https://ics.example/…', false, 0, true)$$, 'F05 a host imports a calendar and sees its host name alone'
);
select tests.throws_code(format('select public.sync_calendar_feed(%L) from generate_series(1, 2)', feed), 'synced_a_moment_ago', 'F06 it is read at most once a minute') from world;
select throws_ok('insert into public.calendar_feeds (property_id, channel, masked_url) select home, ''x'', ''y'' from world', '42501', null, 'F07 people write feeds through functions alone');
select throws_ok('select from private.feed_sources', '42501', null, 'F08 no one reads addresses');
select throws_ok('select public.take_due_feeds()', '42501', null, 'F09 people do not take feeds');
select throws_ok('select public.record_feed_sync(gen_random_uuid(), gen_random_uuid(), ''{}'')', '42501', null, 'F10 people do not record what feeds state');
select tests.act_as('authenticated', cora) from world;
select is((select count(*)::integer from public.calendar_feeds), 1, 'F11 a co-host with calendar rights sees it');
select is((select (public.pause_calendar_feed(feed)).is_paused from world), true, 'F12 and pauses it');
select throws_ok(format('select public.sync_calendar_feed(%L)', feed), 'PT409', null, 'F13 a paused feed is not read') from world;
select is((select (public.resume_calendar_feed(feed)).is_paused from world), false, 'F14 and resumes it');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.calendar_feeds', 'F15 a stranger sees no feed');
select throws_ok(format('select public.%I(%L)', f, feed), 'PT404', null, 'F16 a stranger: ' || f)
from world, unnest(array['pause_calendar_feed', 'resume_calendar_feed', 'sync_calendar_feed', 'delete_calendar_feed']) as f;
select throws_ok(format('select public.create_calendar_feed(%L, %L, %L)', home, 'vrbo', 'https://ics.example/x'), 'PT404', null, 'F17 a stranger imports nothing') from world;

-- The worker
select tests.act_as('service_role');
create temporary table taken on commit drop as select * from public.take_due_feeds();
select results_eq('select url, time_zone, etag from taken', $$values ('https://ics.example/secret.ics?s=1&nonTentative', 'Europe/Lisbon', null::text)$$, 'F18 the worker gets the address and the zone');
select is_empty('select from public.take_due_feeds()', 'F19 a second worker gets nothing');
select is((select public.record_feed_sync(feed_id, gen_random_uuid(), '{"error": "late"}') from taken), false, 'F20 an earlier run changes nothing');

select tests.act_as('postgres');
create function pg_temp.day(p_days integer) returns text language sql as $$ select (current_date + p_days)::text $$;
-- An answer of the channel: `uid from until kind`, in days from today, at an hour from now.
create function pg_temp.answer(p_hours numeric, variadic p_events text[] default '{}') returns boolean language plpgsql as $$
declare
    v_lease uuid := gen_random_uuid();
begin
    update private.feed_sources s set lease = v_lease from world w where s.feed_id = w.feed;
    return private.apply_feed_answer((select feed from world), v_lease, jsonb_build_object('unreadable', 0, 'events', (
        select coalesce(jsonb_agg(jsonb_build_object('uid', e[1], 'check_in', pg_temp.day(e[2]::integer), 'check_out', pg_temp.day(e[3]::integer), 'kind', coalesce(e[4], 'stay'))), '[]')
        from unnest(p_events) t (text), string_to_array(t.text, ' ') e
    )), now() + p_hours * interval '1 hour');
end
$$;
create function pg_temp.fail(p_hours numeric, p_answer jsonb) returns boolean language plpgsql as $$
declare
    v_lease uuid := gen_random_uuid();
begin
    update private.feed_sources s set lease = v_lease from world w where s.feed_id = w.feed;
    return private.apply_feed_answer((select feed from world), v_lease, p_answer, now() + p_hours * interval '1 hour');
end
$$;
-- The nights that feeds have taken, in days from today.
create function pg_temp.taken() returns text language sql as $$
    select coalesce(string_agg((o.check_in - current_date) || '-' || (o.check_out - current_date), ' ' order by o.check_in, o.check_out), '')
    from public.occupancies o
    join world w on w.home = o.property_id
    where o.kind = 'external_block'
$$;

select pg_temp.answer(0, 'a 10 13', 'b 13 15', 'c 13 15', 'over -3 0', 'now -1 2');
select is(pg_temp.taken(), '-1-2 10-13 13-15 13-15', 'F21 stays are taken, also back to back, twice, and the one that runs; what is over is not');
select results_eq('select events, echoes, failures, last_good_at = now() from public.calendar_feeds', $$values (4, 0, 0, true)$$, 'F22 the feed shows what it states');
select throws_ok(format('insert into public.host_blocks (property_id, check_in, check_out) values (%L, %L, %L)', home, pg_temp.day(12), pg_temp.day(13)), 'PT409', null, 'F23 no one comes over these nights') from world;
select pg_temp.answer(0.5, 'a 20 22', 'b 13 15', 'c 13 15', 'now -1 2');
select is(pg_temp.taken(), '-1-2 13-15 13-15 20-22', 'F24 the same UID with other dates moves in one step');
select pg_temp.answer(1, 'new 21 23', 'b 13 15', 'c 13 15', 'now -1 2');
select is(pg_temp.taken(), '-1-2 13-15 13-15 21-23', 'F25 a new UID over the nights of one that vanished is a move');
select pg_temp.answer(1.5, 'new 21 23', 'b 13 15', 'now -1 2', 'window 300 1100 closed');
select pg_temp.answer(24, 'new 21 23', 'b 13 15', 'now -1 2', 'window2 301 1100 closed');
select is(pg_temp.taken(), '-1-2 13-15 21-23 301-1100', 'F26 a window that slides is one window');
select is((select count(*)::integer from private.feed_events), 4, 'F27 and one event');

-- Release
select pg_temp.answer(25, 'b 13 15', 'now -1 2');
select is(pg_temp.taken(), '-1-2 13-15 21-23 301-1100', 'F28 what is missing once stays taken');
select pg_temp.answer(25.2, 'b 13 15', 'now -1 2');
select is(pg_temp.taken(), '-1-2 13-15 21-23 301-1100', 'F29 also what is missing again a moment later');
select pg_temp.fail(25.3, '{"error": "status_500"}');
select pg_temp.fail(25.4, '{"not_modified": true}');
select is(pg_temp.taken(), '-1-2 13-15 21-23 301-1100', 'F30 a failure and 304 free nothing');
select pg_temp.answer(25.5, 'b 13 15', 'now -1 2');
select is(pg_temp.taken(), '-1-2 13-15', 'F31 missing twice, 30 minutes apart, it is free');
select pg_temp.answer(26, 'b 13 15');
select pg_temp.answer(28, 'b 13 15');
select is(pg_temp.taken(), '-1-2 13-15', 'F32 a stay that has begun is not freed');
select pg_temp.answer(29);
select pg_temp.answer(32);
select is(pg_temp.taken(), '-1-2 13-15', 'F33 an empty feed frees nothing within 6 hours');
select is((select last_error from public.calendar_feeds), 'suddenly_empty', 'F34 the host sees it');
select pg_temp.answer(34.9);
select is(pg_temp.taken(), '-1-2 13-15', 'F35 however often it is read');
select pg_temp.answer(35);
select is(pg_temp.taken(), '-1-2', 'F36 after that it is believed');
select results_eq(
    $$select n.kind, p.display_name from public.notifications n join public.profiles p on p.id = n.recipient_id where n.kind like 'feed%' order by n.dedupe_key, 1, 2$$,
    $$values ('feed_failed', 'Ana'), ('feed_failed', 'Cora'), ('feed_recovered', 'Ana'), ('feed_recovered', 'Cora')$$, 'F37 host and co-host get a notification at once, and when it is over'
);

-- Health
insert into public.webhook_endpoints (owner_id, url) select ana, 'https://hooks.example/ana' from world;
select pg_temp.answer(39.5, 'b 13 15');
select pg_temp.fail(40, '{"error": "status_500"}'), pg_temp.fail(41, '{"error": "too_slow"}');
select results_eq('select failures, is_failing, last_error from public.calendar_feeds', $$values (2, false, 'too_slow')$$, 'F38 two failures cause no notification');
select pg_temp.fail(41.5, '{"error": "not_a_calendar"}'), pg_temp.fail(42, '{"error": "not_a_calendar"}');
select is((select is_failing from public.calendar_feeds), true, 'F39 the third is');
select ok((select next_sync_at - (now() + interval '42 hours') between interval '3.5 hours' and interval '4.5 hours' from public.calendar_feeds), 'F40 the pause doubles');
select pg_temp.answer(43, 'b 13 15');
select results_eq(
    $$select event, payload #>> '{data,error}', payload #>> '{data,channel}' from public.webhook_deliveries order by created_at, event$$,
    $$values ('feed.failed', 'not_a_calendar', 'vrbo'), ('feed.recovered', 'not_a_calendar', 'vrbo')$$, 'F41 webhooks receive it once, and when it is over'
);
select is_empty($$select from public.webhook_deliveries where payload::text like '%secret%' union all select from public.notifications where data::text like '%secret%'$$, 'F42 no one receives the address');

-- Echoes
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43);
select pg_temp.answer(44, 'b 13 15', 'echo 40 43 closed', 'longer 40 44');
select is(pg_temp.taken(), '-1-2 13-15 40-44', 'F43 the nights of our booking, sent back, take nothing; a stay that is longer does');
select is((select echoes from public.calendar_feeds), 1, 'F44 the feed shows the echo');
select pg_temp.answer(44.1, 'b 13 15', 'echo 40 43 closed');
select pg_temp.answer(45, 'b 13 15', 'echo 40 43 closed');
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(stay) from world;
select tests.act_as('postgres');
select pg_temp.answer(46, 'b 13 15', 'echo 40 43 closed');
select is((select count(*)::integer from public.occupancies o, world w where o.property_id = w.home and o.check_in = current_date + 40), 0, 'F45 when our booking is cancelled, its echo does not keep the nights');
select pg_temp.answer(46.5, 'b 13 15', 'echo 40 42 closed');
select is(pg_temp.taken(), '-1-2 13-15 40-42', 'F46 other nights under its UID are a stay');
select pg_temp.answer(47, 'b 13 15', format('x@%s.staybase 60 62', home), 'y@other.staybase 70 72') from world;
select pg_temp.answer(48, 'b 13 15', format('x@%s.staybase 60 62', home), 'y@other.staybase 70 72') from world;
select is(pg_temp.taken(), '-1-2 13-15 70-72', 'F47 our own identifier is an echo, that of another property is not');
-- what Airbnb sold, and this channel read in our calendar
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'x', current_date + 80, current_date + 83 from world;
select pg_temp.answer(49, 'b 13 15', 'same 80 83 closed');
select is((select is_echo from private.feed_events where uid = 'same'), false, 'F48 two channels with the same stay: both keep the nights');
delete from private.feed_events where uid = 'same';
insert into private.calendar_links (property_id, channel, fetched_at) select home, 'vrbo', now() + interval '1 hour' from world;
select pg_temp.answer(49.5, 'b 13 15', 'same 80 83 closed');
select is((select is_echo from private.feed_events where uid = 'same'), true, 'F49 unless the channel has read them in our calendar');

-- Deletion
select tests.act_as('authenticated', ana) from world;
select lives_ok('select public.delete_calendar_feed(feed) from world', 'F50 the host deletes the feed');
select tests.act_as('postgres');
select is(
    (select string_agg(b.source || ' ' || (b.check_in - current_date), ', ' order by b.check_in) from public.external_blocks b, world w where b.property_id = w.home),
    'vrbo -1, airbnb 80', 'F51 nights in the future are free; the stay that runs and other channels'' nights are not'
);
select is_empty('select from private.feed_sources union all select from private.feed_events', 'F52 its address and events are gone');
select is((select public.record_feed_sync(feed, gen_random_uuid(), '{"events": [], "unreadable": 0}') from world), false, 'F53 an answer that comes after the deletion changes nothing');

select * from finish();
rollback;
