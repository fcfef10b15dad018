-- Feeds out: whose links are whose, and which nights a channel receives.
begin;
select plan(20);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cora') as cora,
    tests.create_person('Eva') as eva, null::uuid as home, null::uuid as stay;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from world;
create temporary table link (channel text, path text) on commit drop;
grant select, insert on link to authenticated, service_role;
create function pg_temp.told(p_channel text) returns setof text language sql as $$
    select concat_ws(' ', n ->> 'check_in', n ->> 'check_out', case when (n ->> 'is_stay')::boolean then 'stay' else 'closed' end, n ->> 'changes')
    from link l
    cross join lateral jsonb_array_elements(public.calendar_to_export(substring(l.path from '[0-9a-f]{32}')) -> 'nights') n
    where l.channel = p_channel
$$;
grant execute on function pg_temp.told(text) to authenticated, service_role;

select tests.act_as('authenticated', ana) from world;
insert into link select 'airbnb', public.reveal_calendar_link(home, 'airbnb') from world;
insert into link select 'vrbo', public.reveal_calendar_link(home, 'vrbo') from world;
select matches((select path from link where channel = 'airbnb'), '^/functions/v1/calendar/[0-9a-f]{32}\.ics$', 'K01 a host gets the path of a calendar');
select is((select count(distinct path)::integer from link), 2, 'K02 each channel has a link of its own');
select is((select public.reveal_calendar_link(home, 'airbnb') from world), (select path from link where channel = 'airbnb'), 'K03 a link stays the same');
select tests.act_as('authenticated', cora) from world;
select is((select public.reveal_calendar_link(home, 'airbnb') from world), (select path from link where channel = 'airbnb'), 'K04 a co-host with calendar rights gets it too');
select tests.throws_code(format('select public.reveal_calendar_link(%L, %L)', home, 'Air bnb'), 'channel_is_slug', 'K05 a channel is a slug') from world;
select tests.act_as('authenticated', eva) from world;
select throws_ok(format('select public.reveal_calendar_link(%L, %L)', home, 'airbnb'), 'PT404', null, 'K06 a stranger gets no link') from world;
select throws_ok(format('select public.rotate_calendar_link(%L, %L)', home, 'airbnb'), 'PT404', null, 'K07 a stranger replaces no link') from world;
select throws_ok('select public.calendar_to_export(''x'')', '42501', null, 'K08 people read calendars through the function alone');
select throws_ok('select from private.calendar_links', '42501', null, 'K09 no one reads links');
select tests.act_as('anon');
select throws_ok(format('select public.reveal_calendar_link(%L, %L)', home, 'airbnb'), '42501', null, 'K10 signed out, there is no link') from world;

select tests.act_as('service_role');
select is(public.calendar_to_export('unknown'), null, 'K11 an unknown token has no calendar');
select is_empty('select pg_temp.told(''airbnb'')', 'K12 nothing is taken');

select tests.act_as('postgres');
update public.properties set preparation_nights_before = 1, preparation_nights_after = 2 where id = (select home from world);
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43);
insert into public.host_blocks (property_id, check_in, check_out, note) select home, current_date + 60, current_date + 62, 'Family' from world;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select home, 'airbnb', 'x', current_date + 70, current_date + 73 from world;
create function pg_temp.days(p_from integer, p_until integer, p_rest text) returns text language sql stable as $$
    select concat_ws(' ', current_date + p_from, current_date + p_until, p_rest)
$$;
grant execute on function pg_temp.days(integer, integer, text) to service_role;
select tests.act_as('service_role');
select bag_eq(
    'select pg_temp.told(''vrbo'')',
    $$select pg_temp.days(a, b, c) from (values
        (39, 40, 'closed 0'), (40, 43, 'stay 0'), (43, 45, 'closed 0'), (60, 62, 'closed 0'),
        (69, 70, 'closed 0'), (70, 73, 'stay 0'), (73, 75, 'closed 0')) as v (a, b, c)$$,
    'K13 a channel receives bookings, blocks, nights sold elsewhere and preparation nights'
);
select is((select count(*)::integer from pg_temp.told('airbnb')), 4, 'K14 a channel does not receive its own nights');
select is_empty($$
    select from link l
    cross join lateral jsonb_array_elements(public.calendar_to_export(substring(l.path from '[0-9a-f]{32}')) -> 'nights') n
    where n ? 'guest_id' or n::text like '%Family%' or n::text like '%Ben%'$$, 'K15 nothing names a person or a reason');

select tests.act_as('postgres');
select is(
    (select count(*)::integer from private.exported_nights((select home from world), 'vrbo', now() + interval '74 days') n where n.is_stay),
    1, 'K16 nights that ended more than 30 days ago are left out'
);
select tests.act_as('authenticated', ben) from world;
select public.cancel_booking(stay) from world;
select tests.act_as('service_role');
select is((select count(*)::integer from pg_temp.told('airbnb')), 1, 'K17 a cancelled booking is left out');

-- a house and its room: what Airbnb sold of the room is taken in the house, at Airbnb too
select tests.act_as('postgres');
create temporary table house on commit drop as select tests.create_property(ana) as id from world;
grant select on house to authenticated;
select tests.act_as('authenticated', ana) from world;
select public.link_properties(h.id, array[w.home]) from house h, world w;
insert into link select 'house', public.reveal_calendar_link(id, 'airbnb') from house;
select tests.act_as('service_role');
select bag_eq(
    'select t from pg_temp.told(''house'') t where t like ''%stay%''', $$values (pg_temp.days(70, 73, 'stay 0'))$$,
    'K20 a channel receives the nights of linked properties, its own too'
);

select tests.act_as('authenticated', ana) from world;
select isnt((select public.rotate_calendar_link(home, 'airbnb') from world), (select path from link where channel = 'airbnb'), 'K18 a link can be replaced');
select tests.act_as('service_role');
select is((select public.calendar_to_export(substring(path from '[0-9a-f]{32}')) from link where channel = 'airbnb'), null, 'K19 the old link stops working');

select * from finish();
rollback;
