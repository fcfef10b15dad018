-- Units and other channels: stays there take free units, cases open only where none is left, feeds and links of one unit.
begin;
select plan(21);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Gita') as gita, tests.create_person('Olaf') as olaf;
create temporary table ids on commit drop as select tests.create_property(hana) as pool, tests.create_property(hana) as other from person;
grant select on person, ids to anon, authenticated, service_role;
select private.set_units(pool, array['1', '2']) from ids;
create temporary table unit on commit drop as
select
    (select u.id from public.units u, ids where u.property_id = pool and u.name = '1') as one,
    (select u.id from public.units u, ids where u.property_id = pool and u.name = '2') as two;
grant select on unit to anon, authenticated, service_role;
create function pg_temp.sold_elsewhere(p_id text, p_from integer, p_until integer, p_unit uuid default null) returns void language sql as $$
    insert into public.external_blocks (property_id, source, source_id, check_in, check_out, unit_id)
    select pool, 'vrbo', p_id, current_date + p_from, current_date + p_until, p_unit from ids
$$;
create function pg_temp.names(p_id text) returns text language sql as $$
    select string_agg(u.name, ',' order by u.name)
    from public.occupancies o
    join public.units u on u.id = o.space_id
    left join public.external_blocks e on e.id = o.external_block_id
    where p_id in (o.booking_id::text, e.source_id)
$$;

-- A unit that is free
create temporary table stay on commit drop as
select tests.create_booking(gita, pool, current_date + 20, current_date + 24) as a, null::uuid as b, null::uuid as hold from person, ids;
select pg_temp.sold_elsewhere('x', 21, 23);
select isnt(pg_temp.names('x'), pg_temp.names(a::text), 'UC01 a stay on a channel takes a free unit') from stay;
select is((select count(*)::integer from public.overbookings c, ids where c.property_id = pool), 0, 'UC02 and is no case');
select is((select (private.bookability(pool, current_date + 22, current_date + 24)) @? '$[*] ? (@.code == "occupied")' from ids), true, 'UC03 both units are taken');

-- A stay that moves
update public.external_blocks set check_in = current_date + 60, check_out = current_date + 62 where source_id = 'x';
select pg_temp.sold_elsewhere('y', 20, 22, (select o.space_id from public.occupancies o, stay where o.booking_id = a));
select isnt(pg_temp.names('y'), pg_temp.names(a::text), 'UC04 a stay here moves when its unit was sold on a channel') from stay;
select is((select count(*)::integer from public.overbookings c, ids where c.property_id = pool), 0, 'UC05 which is no case either');
select is((select count(*)::integer from public.occupancies o, stay where o.booking_id = a), 1, 'UC06 and it has one unit');

-- None is left
update stay set b = tests.create_booking(gita, pool, current_date + 22, current_date + 24) from person, ids;
select pg_temp.sold_elsewhere('z', 22, 24);
select is((select count(*)::integer from public.overbookings c, ids where c.property_id = pool and c.closed_at is null), 1, 'UC07 where no unit is left, one case opens');
select tests.act_as('authenticated', hana) from person;
select tests.throws_code(
    format('select public.assign_unit(%L)', (select c.booking_id from public.overbookings c, ids where c.property_id = pool)), 'unit_has_stays',
    'UC08 it cannot be moved while nothing is free'
);
select tests.act_as('postgres');
delete from public.external_blocks where source_id = 'y';
select private.release_nights(case when c.booking_id = a then b else a end) from public.overbookings c, ids, stay where c.property_id = pool;
select tests.act_as('authenticated', hana) from person;
select is(
    (select count(*)::integer from public.overbookings c, ids, public.assign_unit(c.booking_id) u where c.property_id = pool), 1, 'UC09 when a unit is free, the host moves the stay'
);
select is((select closed_reason from public.overbookings c, ids where c.property_id = pool), 'booking_gone', 'UC10 and the case is closed');
select tests.act_as('postgres');

-- A hold gives way rather than a paid stay
update stay set hold = tests.create_booking(olaf, pool, current_date + 30, current_date + 33, 'requested') from person, ids;
insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id)
select pool, u.id, 'booking', current_date + 30, current_date + 33, gen_random_uuid()
from ids, public.units u, stay
where u.property_id = pool and not exists (select from public.occupancies o where o.booking_id = hold and o.space_id = u.id);
select pg_temp.sold_elsewhere('w', 30, 33);
select is((select b.status from private.bookings b, stay where b.id = hold), 'expired', 'UC11 a request gives way to a stay on a channel');
select is((select count(*)::integer from public.overbookings c, ids where c.property_id = pool and c.closed_at is null), 0, 'UC12 and no case opens');

-- Links
select tests.act_as('authenticated', hana) from person;
select isnt((select public.reveal_calendar_link(pool, 'airbnb', one) from ids, unit), (select public.reveal_calendar_link(pool, 'airbnb', two) from ids, unit), 'UC13 each unit has a link');
select is((select public.reveal_calendar_link(pool, 'airbnb', one) from ids, unit), (select public.reveal_calendar_link(pool, 'airbnb', one) from ids, unit), 'UC14 which stays the same');
select tests.throws_code(format('select public.reveal_calendar_link(%L, ''airbnb'', %L)', other, one), 'unit_of_another_property', 'UC15 for its property only') from ids, unit;
select tests.act_as('postgres');
insert into public.host_blocks (property_id, check_in, check_out, unit_id) select pool, current_date + 80, current_date + 83, one from ids, unit;
select is(
    (select array_agg(u.name order by u.name) from ids, public.units u, private.exported_nights(pool, 'airbnb', now(), u.id) n where u.property_id = pool and n.check_in = current_date + 80),
    array['1'], 'UC16 a link of a unit has its nights only'
);
select is(
    (select array_agg((n.check_in - current_date, n.check_out - current_date)::text order by n.check_in) from ids, private.exported_nights(pool, 'airbnb') n where n.check_in > current_date + 25),
    array['(30,33)'], 'UC17 that of the property those in which none is left'
);

-- Feeds
select tests.act_as('authenticated', hana) from person;
select tests.throws_code(format('select public.create_calendar_feed(%L, ''vrbo'', ''https://example.com/x.ics'', %L)', other, one), 'unit_of_another_property', 'UC18 a feed names a unit of its property') from ids, unit;
select lives_ok('select public.create_calendar_feed(pool, ''vrbo'', ''https://example.com/x.ics'', two) from ids, unit', 'UC19 a unit has a feed');
select lives_ok('select public.create_calendar_feed(pool, ''airbnb'', ''https://example.com/y.ics'') from ids', 'UC20 the property, too');
select tests.act_as('postgres');
insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id)
select pool, two, 'booking', current_date + 110, current_date + 113, gen_random_uuid() from ids, unit;
select is(
    (select array_agg(private.is_echo(f, 'uid', current_date + 110, current_date + 113, 'stay') order by f.unit_id is null) from public.calendar_feeds f, ids where f.property_id = pool),
    array[true, false], 'UC21 the nights of a booking are an echo in the feed of its unit, and another stay in that of the property'
);

select * from finish();
rollback;
