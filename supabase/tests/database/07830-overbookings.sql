-- Nights sold twice: when a case opens and closes, who sees and hears of it, and what becomes of holds.
begin;
select plan(69);

-- the sample data has one
delete from public.calendar_feeds;
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cora') as cora,
    tests.create_person('Eva') as eva, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as room, null::uuid as house, null::uuid as feed, null::uuid as stay, null::uuid as other,
    null::uuid as hold, null::jsonb as begun;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), room = tests.create_property(ana), house = tests.create_property(ana);
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from world;
insert into public.webhook_endpoints (owner_id, url) select ana, 'https://hooks.example/ana' from world;
update world set stay = tests.create_booking(ben, home, current_date + 10, current_date + 14);

create function pg_temp.sell(p_id text, p_from integer, p_until integer, p_property uuid default null) returns void language sql as $$
    insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
    select coalesce(p_property, home), 'airbnb', p_id, current_date + p_from, current_date + p_until from world
    on conflict (property_id, source, source_id) do update set check_in = excluded.check_in, check_out = excluded.check_out
$$;
grant execute on function pg_temp.sell(text, integer, integer, uuid) to service_role;
-- Cases in the order they opened: the nights in days from today, and how they ended.
create function pg_temp.cases() returns text language sql as $$
    select coalesce(string_agg(
        format('%s-%s %s', c.nights_from - current_date, c.nights_until - current_date, coalesce(c.closed_reason::text, 'open')), ', '
        order by c.opened_at
    ), '')
    from public.overbookings c
$$;
create function pg_temp.told(p_kind text) returns text language sql as $$
    select string_agg(p.display_name, ' ' order by p.display_name)
    from public.notifications n join public.profiles p on p.id = n.recipient_id
    where n.kind = p_kind and n.recipient_id in (select unnest(array[w.ana, w.ben, w.cora, w.eva, w.olga]) from world w)
$$;

-- A channel's stay comes over a booking
select tests.act_as('service_role');
select pg_temp.sell('back to back', 14, 16);
select tests.act_as('postgres');
select is(pg_temp.cases(), '', 'O01 a stay that begins when ours ends is no case');
select tests.act_as('service_role');
select pg_temp.sell('a', 12, 20);
select tests.act_as('postgres');
select is(pg_temp.cases(), '12-14 open', 'O02 a case has the nights that both have');
select is(pg_temp.told('overbooking_opened'), 'Ana Cora Olga', 'O03 host, co-host and operator receive it at once, the guest does not');
select results_eq(
    $$select d.event, d.payload #>> '{data,channel}', d.payload #>> '{data,nights_from}' from public.webhook_deliveries d where d.event like 'overbooking%'$$,
    $$values ('overbooking.opened', 'airbnb', (current_date + 12)::text)$$, 'O04 webhooks receive it'
);
select is((select b.status::text from private.bookings b, world w where b.id = w.stay), 'confirmed', 'O05 the confirmed booking stays');
select tests.act_as('service_role');
select pg_temp.sell('a', 12, 20);
select tests.act_as('postgres');
select is(pg_temp.cases(), '12-14 open', 'O06 the same stay again opens no second case');
select pg_temp.sell('a', 13, 20);
select is(pg_temp.cases(), '13-14 open', 'O07 other nights that still clash change the case');
select is(pg_temp.told('overbooking_opened'), 'Ana Cora Olga', 'O08 and tell no one again');

-- Who sees it
select tests.act_as('anon');
select throws_ok('select from public.overbookings', '42501', null, 'O09 signed out, there are no cases');
select throws_ok('select public.mark_same_guest(gen_random_uuid())', '42501', null, 'O10 and nothing is marked');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.overbookings', 'O11 the guest sees no case');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.overbookings', 'O12 a stranger sees no case');
select tests.act_as('authenticated', cora) from world;
select is((select count(*)::integer from public.overbookings), 1, 'O13 a co-host with calendar rights sees it');
select tests.act_as('authenticated', olga) from world;
select is((select count(*)::integer from public.overbookings), 1, 'O14 an operator sees it');
select tests.act_as('authenticated', ana) from world;
select is((select count(*)::integer from public.overbookings), 1, 'O15 the host sees it');
select throws_ok('update public.overbookings set closed_at = now()', '42501', null, 'O16 the host does not write it');
select tests.act_as('service_role');
select throws_ok('delete from public.overbookings', '42501', null, 'O17 nor does the service role');

-- Two stays over one booking, and the end of each side
select pg_temp.sell('b', 8, 11);
select tests.act_as('postgres');
select is(pg_temp.cases(), '13-14 open, 10-11 open', 'O18 two stays over one booking are two cases');
select pg_temp.sell('b', 5, 8);
select is(pg_temp.cases(), '13-14 open, 10-11 channel_gone', 'O19 a stay that moves away closes its case alone');
select is(pg_temp.told('overbooking_closed'), 'Ana Cora Olga', 'O20 and so they do when it ends');
select pg_temp.sell('b', 8, 11);
delete from public.external_blocks where source_id = 'b';
select is(pg_temp.cases(), '13-14 open, 10-11 channel_gone, 10-11 channel_gone', 'O21 one that comes back is a new case; a stay that is deleted closes it');
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(stay) from world;
select tests.act_as('postgres');
select is((select c.closed_reason::text from public.overbookings c order by c.opened_at limit 1), 'booking_gone', 'O22 a booking that is cancelled closes its case');
select is((select count(*)::integer from public.webhook_deliveries where event = 'overbooking.closed'), 3, 'O23 webhooks receive each end');

-- The same guest
delete from public.external_blocks;
update world set stay = tests.create_booking(ben, home, current_date + 10, current_date + 14);
delete from public.overbookings;
select pg_temp.sell('a', 10, 15);
select tests.act_as('authenticated', eva) from world;
select throws_ok(format('select public.mark_same_guest(%L)', gen_random_uuid()), 'PT404', null, 'O24 an unknown case');
select tests.act_as('postgres');
create temporary table opened on commit drop as select id from public.overbookings;
grant select on opened to authenticated;
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.mark_same_guest(id) from opened', 'PT404', null, 'O25 a stranger marks nothing');
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.mark_same_guest(id) from opened', 'PT404', null, 'O26 nor does the guest');
select tests.act_as('authenticated', cora) from world;
select is((select (public.mark_same_guest(id)).closed_reason::text from opened), 'same_guest', 'O27 a co-host says that both are one stay');
select throws_ok('select public.mark_same_guest(id) from opened', 'PT409', null, 'O28 once');
select tests.act_as('postgres');
select pg_temp.sell('a', 11, 16);
select is(pg_temp.cases(), '10-14 same_guest', 'O29 its new nights open no case');
select is((select count(*)::integer from public.occupancies where kind = 'external_block'), 1, 'O30 and stay taken');
select pg_temp.sell('c', 12, 13);
select is(pg_temp.cases(), '10-14 same_guest, 12-13 open', 'O31 another stay does');
delete from public.external_blocks where source_id = 'c';

-- Holds and requests give way
update world set hold = tests.create_booking(ben, home, current_date + 40, current_date + 43, 'awaiting_payment');
update world set begun = public.begin_payment(ben, hold);
update world set other = tests.create_booking(eva, home, current_date + 50, current_date + 53, 'requested');
select tests.act_as('service_role');
select pg_temp.sell('d', 40, 43), pg_temp.sell('e', 51, 60);
select tests.act_as('postgres');
select results_eq(
    'select b.status::text, b.status_reason from private.bookings b, world w where b.id in (w.hold, w.other)',
    $$values ('expired', 'These nights were sold on another platform.'), ('expired', 'These nights were sold on another platform.')$$,
    'O32 a hold and a request give way to the channel''s stay'
);
select is_empty('select from public.occupancies o, world w where o.booking_id in (w.hold, w.other)', 'O33 their nights are released');
select is(pg_temp.told('booking_expired'), 'Ana Ben Eva', 'O34 the guests receive a notification, and the host about the request');
select is((select count(*)::integer from public.overbookings where closed_at is null), 0, 'O35 they are no cases');
select lives_ok('set constraints all immediate', 'O36 all parts match');
select is(
    (select count(*)::integer from private.booking_events e, world w where e.booking_id = w.hold and e.to_status = 'expired' and e.actor = 'system'),
    1, 'O37 the log says that no person did it'
);
select tests.act_as('service_role');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_late', 'payment_id', begun ->> 'payment_id', 'status', 'succeeded', 'amount', begun -> 'amount', 'amount_received', begun -> 'amount',
    'currency', 'eur', 'created', 1800000000, 'charge', 'ch_late', 'settlement', jsonb_build_object(
        'id', 'txn_late', 'currency', 'eur', 'amount', begun -> 'amount', 'fee', 500, 'net', (begun ->> 'amount')::integer - 500
    )
)) from world;
select tests.act_as('postgres');
set constraints all immediate;
select is((select b.status::text from private.bookings b, world w where b.id = w.hold), 'expired', 'O49 a payment that comes too late confirms nothing');
select is((select r.amount = (w.begun ->> 'amount')::bigint from public.refunds r, world w where r.booking_id = w.hold), true, 'O50 and is refunded whole');
set constraints all deferred;
select throws_ok(
    $$update private.bookings b set status = 'expired' from world w where b.id = w.stay$$, 'PT409', null, 'O38 a confirmed booking cannot expire'
);

update private.settings set value = '1' where name like 'given\_up%';
select lives_ok('select tests.create_booking(ben, home, current_date + 90, current_date + 92) from world', 'O48 such a hold does not count as given up');

-- Closures, feeds, linked properties, ended stays
insert into public.calendar_feeds (property_id, channel, masked_url) select home, 'airbnb', 'x' from world;
update world set feed = (select id from public.calendar_feeds);
update world set stay = tests.create_booking(ben, home, current_date + 70, current_date + 74);
insert into private.feed_sources (feed_id, url) select feed, 'https://ics.example/x' from world;
create function pg_temp.answer(p_hours numeric, p_kind text) returns boolean language plpgsql as $$
declare
    v_lease uuid := gen_random_uuid();
begin
    update private.feed_sources s set lease = v_lease;
    return private.apply_feed_answer((select feed from world), v_lease, jsonb_build_object('unreadable', 0, 'events', jsonb_build_array(
        jsonb_build_object('uid', 'u' || p_kind, 'check_in', current_date + 72, 'check_out', current_date + 80, 'kind', p_kind)
    )), now() + p_hours * interval '1 hour');
end
$$;
delete from public.overbookings;
select pg_temp.answer(0, 'closed');
select is(pg_temp.cases(), '', 'O39 what Airbnb calls closed was sold to no one');
select pg_temp.answer(1, 'stay');
select pg_temp.answer(2, 'stay');
select is(pg_temp.cases(), '72-74 open', 'O40 a stay in a feed that is read twice is one case');
select is((select c.feed_id from public.overbookings c), (select feed from world), 'O41 the case names the feed');
select lives_ok('delete from public.calendar_feeds', 'O42 the feed can go');
select tests.act_as('authenticated', ana) from world;
select public.link_properties(house, array[room]) from world;
select tests.act_as('postgres');
delete from public.overbookings;
update world set other = tests.create_booking(eva, room, current_date + 20, current_date + 23);
select pg_temp.sell('of the house', 22, 25, house) from world;
select results_eq(
    'select c.property_id, c.booking_id, c.nights_from - current_date from public.overbookings c', 'select room, other, 22 from world',
    'O43 a channel''s stay of the house over a booking of a room is a case of the room, once'
);
select tests.act_as('authenticated', ana) from world;
select public.unlink_property(house) from world;
select tests.act_as('postgres');
select is(pg_temp.cases(), '22-23 open', 'O44 unlinking does not make it go away');
select tests.act_as('authenticated', eva) from world;
select lives_ok('select public.cancel_booking(other) from world', 'O45 the booking of the room is cancelled');
select tests.act_as('postgres');
update world set stay = tests.create_booking(ben, home, current_date - 6, current_date - 3, 'confirmed', now() - interval '20 days');
select pg_temp.sell('over', -5, -4);
insert into public.overbookings (property_id, booking_id, external_block_id, channel, nights_from, nights_until)
select home, stay, gen_random_uuid(), 'vrbo', current_date - 6, current_date - 5 from world;
select is(pg_temp.cases(), '22-23 booking_gone, -6--5 open', 'O46 nights that are over open no case');
select private.expire_and_complete_bookings();
select is(pg_temp.cases(), '22-23 booking_gone, -6--5 stay_over', 'O47 a stay that has ended closes its case');

-- The mark taken back
delete from public.overbookings;
update world set stay = tests.create_booking(ben, home, current_date + 190, current_date + 194);
select pg_temp.sell('same', 192, 196);
create function pg_temp.case_id() returns uuid language sql as $$
    select c.id from public.overbookings c
$$;
grant execute on function pg_temp.case_id() to authenticated;
select tests.act_as('authenticated', cora) from world;
select is((public.mark_same_guest(pg_temp.case_id())).closed_by, cora, 'O51 the mark names its author') from world;
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'select c.closed_at, c.closed_by, c.reopened_by from public.unmark_same_guest(pg_temp.case_id()) c', 'select null::timestamptz, null::uuid, ana from world',
    'O52 the host takes it back: the case is open again, and names who did'
);
select tests.throws_code('select public.unmark_same_guest(pg_temp.case_id())', 'not_marked_same_guest', 'O53 an open case has no mark');
select tests.act_as('authenticated', eva) from world;
select tests.throws_code(format('select public.unmark_same_guest(%L)', (select c.id from public.overbookings c)), 'overbooking_not_found', 'O54 a stranger takes nothing back');
select tests.act_as('anon');
select throws_ok('select public.unmark_same_guest(gen_random_uuid())', '42501', null, 'O55 nor does someone who is signed out');
select throws_ok('select public.overbooking_alternatives(gen_random_uuid())', '42501', null, 'O56 who finds no other property either');
select tests.act_as('postgres');
select is(
    (select count(*)::integer from public.notifications n where n.kind = 'overbooking_opened' and n.recipient_id = (select ana from world) and n.booking_id = (select stay from world)),
    2, 'O57 they receive it again'
);
select is(
    (select count(*)::integer from public.webhook_deliveries d where d.event = 'overbooking.opened' and d.payload #>> '{data,overbooking_id}' = (select pg_temp.case_id()::text)),
    2, 'O58 webhooks too'
);
select pg_temp.sell('same', 191, 196);
select is(pg_temp.cases(), '191-194 open', 'O59 the pair is a case as any other');
select tests.act_as('authenticated', olga) from world;
select is((public.mark_same_guest(pg_temp.case_id())).closed_by, olga, 'O60 an operator marks it') from world;
select tests.act_as('postgres');
select pg_temp.sell('same', 194, 196);
select tests.act_as('authenticated', olga) from world;
select is(
    (public.unmark_same_guest(pg_temp.case_id())).closed_reason::text, 'booking_gone', 'O61 when the two have no night in common, the case stays closed, and says why'
);
select tests.act_as('postgres');
delete from public.overbookings;
select pg_temp.sell('same', 193, 196);

-- Other properties of the host
create function pg_temp.others(p_person uuid) returns text language plpgsql as $$
declare
    v_id uuid := (select pg_temp.case_id());
begin
    perform tests.act_as('authenticated', p_person);
    return (select coalesce(string_agg(case p.id when w.room then 'room' when w.house then 'house' else 'another' end, ' ' order by p.id = w.house), '')
        from public.overbooking_alternatives(v_id) p, world w);
end
$$;
select is(pg_temp.others(ana), 'room house', 'O62 the host''s other properties that are free') from world;
select tests.act_as('postgres');
select is(pg_temp.others(cora), 'room house', 'O63 a co-host gets them too') from world;
select tests.act_as('postgres');
select tests.throws_code(format('select pg_temp.others(%L)', eva), 'overbooking_not_found', 'O64 a stranger does not') from world;
select tests.act_as('postgres');
update world set other = tests.create_booking(eva, room, current_date + 193, current_date + 195);
select is(pg_temp.others(olga), 'house', 'O65 none that is booked, for an operator') from world;
select tests.act_as('postgres');
update public.properties set max_guests = 1 where id = (select house from world);
select is(pg_temp.others(ana), '', 'O66 none for fewer guests') from world;
select tests.act_as('postgres');
update public.properties p set max_guests = h.max_guests from public.properties h where p.id = (select house from world) and h.id = (select home from world);
select is(pg_temp.others(ana), 'house', 'O67 as many guests will do') from world;
select public.pause_property(house) from world;
select tests.act_as('postgres');
select is(pg_temp.others(ana), '', 'O68 none that is paused') from world;
select public.mark_same_guest(pg_temp.case_id());
select tests.act_as('postgres');
select tests.throws_code(format('select pg_temp.others(%L)', ana), 'overbooking_closed', 'O69 a closed case needs none') from world;

select * from finish();
rollback;
