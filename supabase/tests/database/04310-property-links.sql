-- Linked properties: a house and its rooms share nights in both directions; who may link; what is refused; what remains after unlinking.
begin;
select plan(52);

create temporary table person on commit drop as
select
    tests.create_person('Hana') as hana,
    tests.create_person('Cora') as cora,
    tests.create_person('Sam') as sam;
-- three rooms, the house of all three, and a second listing of rooms A and B
create temporary table ids on commit drop as
select
    tests.create_property(hana) as a, tests.create_property(hana) as b, tests.create_property(hana) as c,
    tests.create_property(hana) as house, tests.create_property(hana) as pair, tests.create_property(sam) as other
from person;
grant select on person, ids to anon, authenticated, service_role;
insert into public.co_hosts (property_id, profile_id, level) select a, cora, 'full' from person, ids;

create function pg_temp.take(p_property uuid, p_check_in date, p_check_out date) returns uuid
language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
begin
    perform private.reserve_nights(v_id, p_property, p_check_in, p_check_out);
    return v_id;
end
$$;
create function pg_temp.is_free(p_property uuid, p_check_in date, p_check_out date) returns boolean
language sql security definer as $$
    select not private.bookability(p_property, p_check_in, p_check_out, p_at => p_check_in - interval '10 days') @? '$[*] ? (@.code == "occupied" || @.code starts with "preparation")'
$$;
grant execute on function pg_temp.is_free(uuid, date, date) to anon, authenticated, service_role;

-- A space of its own
select is(
    (select array_agg((property_id, space_id)::text) from public.property_spaces, ids where property_id = a), (select array[(a, a)::text] from ids),
    'L01 a new property takes its own space'
);
select is((select calendar_id from public.properties, ids where id = a), null, 'L02 it shares no calendar');
select lives_ok('select pg_temp.take(a, ''2031-01-01'', ''2031-01-03'') from ids', 'L03 its nights can be taken');
select is((select array_agg(space_id) from public.occupancies, ids where property_id = a), (select array[a] from ids), 'L04 its stays have one row');

-- Who may link
select tests.act_as('anon');
select throws_ok('select public.link_properties(house, array[a]) from ids', '42501', null, 'L05 anon cannot link');
select throws_ok('select from public.property_spaces', '42501', null, 'L06 anon cannot read spaces');
select tests.act_as('authenticated', sam) from person;
select throws_ok('select public.link_properties(house, array[a]) from ids', 'PT404', null, 'L07 a stranger cannot link');
select throws_ok('select public.link_properties(other, array[a]) from ids', 'PT404', null, 'L08 a host cannot take a stranger''s property as part');
select throws_ok('select public.unlink_property(a) from ids', 'PT404', null, 'L09 a stranger cannot unlink');
select is((select count(*)::integer from public.property_spaces), 1, 'L10 a stranger reads the spaces of own properties only');
select tests.act_as('authenticated', cora) from person;
select throws_ok('select public.unlink_property(a) from ids', 'PT404', null, 'L11 a co-host cannot unlink');
select is((select count(*)::integer from public.property_spaces), 1, 'L12 a co-host reads the spaces of the property');
select tests.act_as('authenticated', hana) from person;
select throws_ok('update public.properties set calendar_id = null', '42501', null, 'L13 a host cannot change the calendar');
select throws_ok('insert into public.property_spaces select a, b from ids', '42501', null, 'L14 a host cannot write spaces');
select tests.act_as('service_role');
select throws_ok('insert into public.property_spaces select a, b from ids', '42501', null, 'L15 the service role cannot write spaces');
select throws_ok('select public.link_properties(house, array[other]) from ids', 'PT422', 'Only properties of one host can be linked.', 'L16 not even a service links properties of two hosts');

-- What is refused
select tests.act_as('authenticated', hana) from person;
select throws_ok('select public.link_properties(house, array[]::uuid[]) from ids', 'PT422', null, 'L17 no parts');
select throws_ok('select public.link_properties(house, null) from ids', 'PT422', null, 'L18 null parts');
select throws_ok('select public.link_properties(house, array[a, null]) from ids', 'PT422', null, 'L19 null among the parts');
select throws_ok('select public.link_properties(house, array[a, house]) from ids', 'PT422', null, 'L20 a property is no part of itself');
select throws_ok(
    'select public.link_properties(house, array_fill(a, array[20])) from ids', 'PT422', null, 'L21 more than 19 parts'
);
select tests.act_as('postgres');
create temporary table stay on commit drop as
select pg_temp.take(house, '2031-01-02', '2031-01-05') as house, pg_temp.take(b, '2031-02-01', '2031-02-05') as b from ids;
create function pg_temp.clashes(p_property uuid, p_parts uuid[]) returns jsonb
language plpgsql as $$
declare
    v_detail text;
begin
    perform public.link_properties(p_property, p_parts);
    return null;
exception when sqlstate 'PT409' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail::jsonb;
end
$$;
grant execute on function pg_temp.clashes(uuid, uuid[]) to authenticated;
select tests.act_as('authenticated', hana) from person;
select is(
    pg_temp.clashes(house, array[a, b, c]) #- '{0,clashes,0,other_booking_id}' #- '{0,clashes,0,booking_id}' #- '{0,message}' #- '{0,hint}',
    jsonb_build_array(jsonb_build_object('code', 'linked_nights_clash', 'count', 1, 'clashes', jsonb_build_array(jsonb_build_object(
        'property_id', house, 'kind', 'booking', 'check_in', '2031-01-02', 'check_out', '2031-01-05',
        'other_property_id', a, 'other_kind', 'booking', 'other_check_in', '2031-01-01', 'other_check_out', '2031-01-03'
    )))),
    'L22 stays that clash are listed'
) from ids;
select is((select count(*)::integer from public.property_spaces), 5, 'L23 and nothing is linked');

-- Linked in both directions
select tests.act_as('postgres');
select private.release_nights(house) from stay;
update stay set house = pg_temp.take(ids.house, '2031-01-03', '2031-01-05') from ids;
select tests.act_as('authenticated', hana) from person;
select lives_ok('select public.link_properties(house, array[a, b, c]) from ids', 'L24 a house is linked with its rooms');
select lives_ok('select public.link_properties(pair, array[a, b]) from ids', 'L25 a room can be part of two');
select lives_ok('select public.link_properties(house, array[a, b, c]) from ids', 'L26 the same call again changes nothing');
select is((select count(*)::integer from public.property_spaces), 10, 'L27 the spaces are those of the parts, and own ones');
select is((select count(distinct p.calendar_id)::integer from public.properties p, ids where p.id in (house, pair, a, b, c)), 1, 'L28 all have one calendar');
select throws_ok('select public.link_properties(a, array[house]) from ids', 'PT422', null, 'L29 a room does not contain its house');
select tests.act_as('postgres');
select is(
    (select array_agg(pg_temp.is_free(p, '2031-01-03', '2031-01-05')) from ids, unnest(array[a, b, c, house, pair]) p), array_fill(false, array[5]),
    'L30 what was booked before at the house takes the nights of the rooms, and of what shares one'
);
select is(
    (select array_agg(pg_temp.is_free(p, '2031-02-01', '2031-02-05')) from ids, unnest(array[a, b, c, house, pair]) p),
    '{true,false,true,false,false}'::boolean[], 'L31 what was booked before at a room takes those of the house, not of other rooms'
);
select is(
    (select jsonb_agg(r -> 'property_ids') from ids, jsonb_array_elements(private.bookability(house, '2031-02-01', '2031-02-02', p_at => '2031-01-20')) r),
    (select jsonb_build_array(jsonb_build_array(b)) from ids), 'L32 the reason says which property is in the way'
);
select is(
    (select array_agg(d.day order by d.day) from ids, private.property_calendar(house, '2031-01-30', '2031-02-07', '2031-01-20') d where not d.free),
    '{2031-02-01,2031-02-02,2031-02-03,2031-02-04}'::date[], 'L33 the calendar of the house shows the nights of the room'
);
update public.properties set status = 'paused' where id = (select b from ids);
select is(
    (select array_agg(r ? 'property_ids') from ids, jsonb_array_elements(private.bookability(house, '2031-02-01', '2031-02-02', p_at => '2031-01-20')) r),
    '{false}'::boolean[], 'L34 but not when it is not published'
);
update public.properties set status = 'published' where id = (select b from ids);
select tests.act_as('postgres');
select is(tests.codes('select pg_temp.take(b, ''2031-01-04'', ''2031-01-06'') from ids'), 'occupied', 'L35 a room cannot be booked under its house');
select is(tests.codes('select pg_temp.take(pair, ''2031-02-04'', ''2031-02-06'') from ids'), 'occupied', 'L36 nor two rooms over one');
select is(tests.codes('select pg_temp.take(a, ''2031-02-01'', ''2031-02-05'') from ids'), 'accepted', 'L37 another room can');
select is(
    (select count(*)::integer from public.occupancies o, stay where o.booking_id = stay.house), 4, 'L38 a stay of the house has a row in each space'
);
update public.properties set preparation_nights_after = 2 where id = (select house from ids);
select is(
    tests.codes('select pg_temp.take(house, ''2031-01-29'', ''2031-01-31'') from ids'), 'preparation_after',
    'L39 preparation nights hold between linked properties'
);
select is(tests.codes('insert into public.host_blocks (property_id, check_in, check_out) select c, ''2031-03-01'', ''2031-03-05'' from ids'), 'accepted', 'L40 a room is blocked');
select is(pg_temp.is_free(house, '2031-03-04', '2031-03-06'), false, 'L41 its house cannot be booked') from ids;
select tests.act_as('authenticated', hana) from person;
select lives_ok(
    $$select public.set_calendar(house, '[{"from": "2031-03-01", "until": "2031-03-10", "closed": true}]') from ids$$,
    'L42 nights of the house are closed over a block of a room'
);
select tests.act_as('postgres');
select results_eq(
    'select b.check_in, b.check_out from public.host_blocks b, ids where b.property_id = house', $$values ('2031-03-05'::date, '2031-03-10'::date)$$,
    'L43 which leaves the nights of the room as they are'
);
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select house, 'vrbo', 'x', '2031-02-03', '2031-02-10' from ids;
select is(
    (select array_agg(pg_temp.is_free(p, '2031-02-06', '2031-02-08')) from ids, unnest(array[a, b, c, house, pair]) p), array_fill(false, array[5]),
    'L44 a stay of the house on another platform comes over those of the rooms, and takes the nights of all'
);
select is(tests.codes('select private.move_reserved_nights(house, ''2031-02-20'', ''2031-02-22'') from stay'), 'accepted', 'L45 a stay of the house moves in all spaces');
select is(
    (select array_agg(distinct (check_in, check_out, preparation_after)::text) from public.occupancies o, stay where o.booking_id = stay.house),
    '{"(2031-02-20,2031-02-22,2)"}', 'L46 with one setting of preparation nights'
);
-- a hold that has ended loses its nights everywhere
update public.occupancies o set expires_at = clock_timestamp() from stay where o.booking_id = stay.house;
select is(tests.codes('select pg_temp.take(c, ''2031-02-21'', ''2031-02-22'') from ids'), 'accepted', 'L47 nights of an ended hold of the house are free for a room');
select is(private.extend_reserved_nights(house), false, 'L48 the hold cannot be extended in the other spaces') from stay;

-- Unlinked
update stay set house = pg_temp.take(ids.house, '2031-04-01', '2031-04-05') from ids;
select tests.act_as('authenticated', hana) from person;
select lives_ok('select public.unlink_property(house) from ids', 'L49 a house is unlinked');
select is(
    (select array_agg(calendar_id is null order by id = pair, id = house) from public.properties, ids where id in (c, house, pair)), '{true,true,false}'::boolean[],
    'L50 what is linked no more has no calendar'
);
select tests.act_as('postgres');
select is(
    tests.codes('select pg_temp.take(a, ''2031-04-01'', ''2031-04-05'') from ids') || ' ' || tests.codes('select private.move_reserved_nights(house, ''2031-05-01'', ''2031-05-05'') from stay')
    || ' ' || tests.codes('select pg_temp.take(a, ''2031-04-01'', ''2031-05-02'') from ids'),
    'occupied accepted accepted', 'L51 what was booked before keeps its nights at the rooms until it moves'
);
select throws_ok(
    'insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id) select a, c, ''booking'', ''2032-01-01'', ''2032-01-02'', gen_random_uuid() from ids',
    'PT409', 'The property does not take this space.', 'L52 a superuser cannot put a stay into a space that the property does not take'
);

select * from finish();
rollback;
