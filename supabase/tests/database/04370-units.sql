-- Units: who makes them, stays that move for others, pins, limits, quantity in bookings, prices, alterations, blocks, and what guests see.
begin;
select plan(68);

create temporary table person on commit drop as
select
    tests.create_person('Hana') as hana,
    tests.create_person('Cora') as cora,
    tests.create_person('Gita') as gita,
    tests.create_person('Sam') as sam;
create temporary table ids on commit drop as
select tests.create_property(hana) as pool, tests.create_property(hana) as house, tests.create_property(hana) as other from person;
grant select on person, ids to anon, authenticated, service_role;
insert into public.co_hosts (property_id, profile_id, level) select pool, cora, 'calendar' from person, ids;

create function pg_temp.take(p_property uuid, p_check_in date, p_check_out date, p_units integer default 1) returns uuid
language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
begin
    perform private.reserve_nights(v_id, p_property, p_check_in, p_check_out, null, p_units);
    return v_id;
end
$$;
create function pg_temp.names(p_booking uuid) returns text
language sql security definer as $$
    select string_agg(u.name, ',' order by u.name) from public.occupancies o join public.units u on u.id = o.space_id where o.booking_id = p_booking
$$;
grant execute on function pg_temp.names(uuid) to anon, authenticated, service_role;

-- Who makes units
select tests.act_as('anon');
select throws_ok('select public.set_units(pool, array[''1'', ''2'']) from ids', '42501', null, 'U01 anon makes no units');
select throws_ok('select from public.units', '42501', null, 'U02 anon reads no units');
select tests.act_as('authenticated', sam) from person;
select is(tests.codes('select public.set_units(pool, array[''1'', ''2'']) from ids'), 'own_property_not_found', 'U03 a stranger makes no units');
select tests.act_as('authenticated', cora) from person;
select is(tests.codes('select public.set_units(pool, array[''1'', ''2'']) from ids'), 'own_property_not_found', 'U04 nor does a co-host');
select tests.act_as('authenticated', hana) from person;
select is(tests.codes('select public.set_units(pool, array[''1'', ''1'']) from ids'), 'invalid_units_list', 'U05 names differ');
select is(tests.codes('select public.set_units(pool, null) from ids'), 'invalid_units_list', 'U06 null is no list');
select is(tests.codes('select public.set_units(pool, array[''1'', null]) from ids'), 'invalid_units_list', 'U07 null is no name');
select is(tests.codes('select public.set_units(pool, array(select n::text from generate_series(1, 21) n)) from ids'), 'invalid_units_list', 'U08 at most 20');
select is(
    (select array_agg(u.name) from ids, public.set_units(pool, array['101', '102', '103']) u), array['101', '102', '103'], 'U09 the host makes three units'
);
select is((select unit_count from public.properties, ids where id = pool), 3::smallint, 'U10 the property says how many');
select throws_ok('update public.properties set unit_count = 5', '42501', null, 'U11 which no one writes');
select throws_ok('insert into public.units (property_id, name) select pool, ''x'' from ids', '42501', null, 'U12 nor units');
select is((select count(*)::integer from public.units), 3, 'U13 the host reads them');
select tests.act_as('authenticated', cora) from person;
select is((select count(*)::integer from public.units), 3, 'U14 a co-host, too');
select tests.act_as('authenticated', sam) from person;
select is((select count(*)::integer from public.units), 0, 'U15 a stranger does not');

-- Late assignment
select tests.act_as('postgres');
create temporary table stay on commit drop as
select
    pg_temp.take(pool, '2031-05-01', '2031-05-10') as a, pg_temp.take(pool, '2031-05-01', '2031-05-05') as b, pg_temp.take(pool, '2031-05-05', '2031-05-12') as c,
    pg_temp.take(pool, '2031-05-10', '2031-05-15') as d, null::uuid as e
from ids;
grant select on stay to anon, authenticated, service_role;
select is(
    (select array_agg((a.id = b.id)::text order by n.n) from stay, lateral (values (1, pg_temp.names(a), pg_temp.names(d)), (2, pg_temp.names(b), pg_temp.names(c)), (3, pg_temp.names(a), pg_temp.names(b))) n (n, x, y), lateral (select n.x as id) a, lateral (select n.y as id) b),
    '{true,true,false}', 'U16 stays follow each other in as few units as they need'
);
select lives_ok('update stay set e = pg_temp.take(pool, ''2031-05-01'', ''2031-05-15'') from ids', 'U17 a long stay gets the third');
select is(tests.codes('select pg_temp.take(pool, ''2031-05-09'', ''2031-05-11'') from ids'), 'occupied', 'U18 a night without a free unit is refused');
select is(
    (select jsonb_agg(r -> 'nights') from ids, jsonb_array_elements(private.bookability(pool, '2031-05-08', '2031-05-14', p_at => '2031-04-20')) r),
    '[[{"from": "2031-05-08", "until": "2031-05-12"}]]', 'U19 the reason has the nights in which none is left'
);
select is(
    (select array_agg(c.units_left order by c.day) from ids, private.property_calendar(pool, '2031-05-11', '2031-05-16', '2031-04-20') c),
    array[0, 1, 1, 1, 3], 'U20 the calendar counts'
);
select private.release_nights(e) from stay;
-- Pins
select tests.act_as('authenticated', sam) from person;
select is(tests.codes('select public.assign_unit(e, p_pin => true) from stay'), 'booking_not_found', 'U21 a stranger pins nothing');
select tests.act_as('postgres');
create temporary table booked on commit drop as
select tests.create_booking(gita, pool, current_date + 20, current_date + 24) as one, tests.create_booking(gita, pool, current_date + 40, current_date + 43) as two from person, ids;
grant select on booked to authenticated;
select tests.act_as('authenticated', gita) from person;
select is(tests.codes('select public.assign_unit(one, p_pin => true) from booked'), 'booking_not_found', 'U22 a guest pins nothing');
select is((select count(*)::integer from booked, public.booking_units(one)), 0, 'U23 and does not see the unit before check-in');
select tests.act_as('authenticated', cora) from person;
select is((select array_agg(u.is_pinned) from booked, public.booking_units(one) u), array[false], 'U24 a co-host sees it');
select is((select array_agg((u.name, u.is_pinned)::text) from booked, public.assign_unit(one, (select u.id from public.units u where u.name = '101'), true) u), array['(101,t)'], 'U25 and pins it to one');
select tests.act_as('postgres');
create temporary table wish on commit drop as select pg_temp.take(pool, current_date + 24, current_date + 26) as id from ids;
select is(pg_temp.names(id), '101', 'U26 the next stay follows in the same unit') from wish;
select tests.act_as('authenticated', hana) from person;
select is((select array_agg(u.name) from booked, public.assign_unit(one) u), array['101'], 'U27 without a unit and a pin, a stay that clashes with nothing remains');
select is(
    tests.codes('select public.assign_unit(one, gen_random_uuid()) from booked'), 'unit_of_another_property', 'U28 a unit of nothing'
);
select is(
    (select array_agg(u.name) from booked, public.assign_unit(one, (select u.id from public.units u where u.name = '102')) u), array['102'], 'U29 the host moves a pinned stay'
);
select is((select array_agg(u.is_pinned) from booked, public.assign_unit(one, p_pin => true) u), array[true], 'U30 and pins it there');
select tests.act_as('postgres');
insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id, is_pinned)
select pool, u.id, 'booking', current_date + d.first, current_date + d.first + 2, gen_random_uuid(), true
from ids, (values ('101', 20), ('103', 22)) as d (name, first), public.units u
where u.name = d.name;
select is(
    tests.codes('select pg_temp.take(pool, current_date + 21, current_date + 23) from ids'), 'unit_pinned',
    'U31 each night has a free unit, but no unit both nights'
);
select is(
    (select array_agg(c.units_left order by c.day) from ids, private.property_calendar(pool, current_date + 20, current_date + 24) c), array[1, 1, 1, 1],
    'U32 which the calendar cannot know'
);

-- Limits of units to sell
select tests.act_as('authenticated', cora) from person;
select is(
    (select array_agg((c.units_left, c.closed)::text order by c.day) from ids, public.set_calendar(pool, format(
        '[{"from": "%s", "until": "%s", "units_to_sell": 2}, {"from": "%s", "until": "%s", "closed": true}]', current_date + 60, current_date + 63, current_date + 61, current_date + 62
    )::jsonb) c),
    array['(2,f)', '(0,t)', '(2,f)'], 'U33 the calendar limits units, and closes nights by selling none'
);
select is(
    (select array_agg((r.starts_on - current_date, r.ends_on - current_date, r.units_to_sell)::text order by r.starts_on) from public.property_availability_rules r, ids where r.property_id = pool),
    array['(60,61,2)', '(61,62,0)', '(62,63,2)'], 'U34 as rules'
);
select is(
    (select array_agg((c.units_left, c.closed)::text order by c.day) from ids, public.set_calendar(pool, format(
        '[{"from": "%s", "until": "%s", "closed": false}]', current_date + 61, current_date + 62
    )::jsonb) c),
    array['(3,f)'], 'U35 opening takes the limit away'
);
select is(
    (select array_agg((c.free, c.closed)::text order by c.day) from ids, public.set_calendar(pool, format(
        '[{"from": "%s", "until": "%s", "units_to_sell": null}]', current_date + 60, current_date + 63
    )::jsonb) c),
    array['(t,f)', '(t,f)', '(t,f)'], 'U36 null clears'
);
select is((select count(*)::integer from public.property_availability_rules r, ids where r.property_id = pool), 0, 'U37 and leaves no rule');
select is(
    tests.codes('insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select pool, ''units_to_sell'', ''2031-01-01'', ''2031-02-01'' from ids'),
    'units_belong_to_their_kind', 'U38 a limit needs a number'
);
select tests.act_as('authenticated', hana) from person;
select is(
    tests.codes('insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, units_to_sell) select other, ''units_to_sell'', ''2031-01-01'', ''2031-02-01'', 1 from ids'),
    'property_has_one_unit', 'U39 a property with one unit has no limit'
);
select is(
    (select array_agg((c.free, c.closed)::text) from ids, public.set_calendar(other, format('[{"from": "%s", "until": "%s", "units_to_sell": 0}]', current_date + 60, current_date + 61)::jsonb) c),
    array['(f,t)'], 'U40 but 0 closes its nights'
);
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, units_to_sell) select pool, 'units_to_sell', current_date + 70, current_date + 75, 1 from ids;
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(public.bookability(pool, (current_date + 70)::text, (current_date + 72)::text, 2, p_units => 2)) r),
    'occupied', 'U41 more than the limit cannot be booked'
);
select is((select public.bookability(pool, (current_date + 70)::text, (current_date + 72)::text, 2) from ids), '[]', 'U42 the limit can');

-- Several units in one booking
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(public.bookability(pool, (current_date + 80)::text, (current_date + 82)::text, 4, p_units => 4)) r),
    'too_few_units', 'U43 more units than there are'
);
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(public.bookability(pool, (current_date + 80)::text, (current_date + 82)::text, 2, p_units => 3)) r),
    'too_few_adults', 'U44 an adult for each'
);
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(public.bookability(pool, (current_date + 80)::text, (current_date + 82)::text, 2, p_units => 0)) r),
    'invalid_units', 'U45 no unit is none'
);
select is((select public.bookability(pool, (current_date + 80)::text, (current_date + 82)::text, 8, p_units => 2) from ids), '[]', 'U46 each unit takes its guests');
insert into public.property_fees (property_id, kind, name, charge, amount) select pool, 'cleaning', 'Cleaning', 'per_booking', 3000 from ids;
select tests.act_as('authenticated', gita) from person;
select is(
    (select (q.units, q.rent, q.fees)::text from ids, public.quote_stay(pool, (current_date + 80)::text, (current_date + 82)::text, 4, p_units => 2) q),
    '(2,48000,6000)', 'U47 two units cost twice the nights and the cleaning'
);
select is(
    (select (l.description, l.quantity, l.unit_amount)::text from ids, public.quote_stay(pool, (current_date + 80)::text, (current_date + 82)::text, 4, p_units => 2) q, unnest(q.lines) l where l.kind = 'nights'),
    '("2 nights, 2 units",4,12000)', 'U48 and the line says so'
);
select tests.act_as('authenticated', sam) from person;
create temporary table asked on commit drop as
with b as (
    insert into public.bookings (property_id, check_in, check_out, adults, units) select pool, current_date + 80, current_date + 82, 4, 3 from ids returning id, units, guest_total
) select * from b;
grant select on asked to service_role;
select is((select units from asked), 3::smallint, 'U49 three units are booked at once');
select tests.act_as('postgres');
select is(pg_temp.names(id), '101,102,103', 'U50 and each is taken') from asked;
select is(tests.codes('select pg_temp.take(pool, current_date + 81, current_date + 82) from ids'), 'occupied', 'U51 no other is left');
select is(
    (select array_agg(s.total order by s.units) from ids, unnest(array[1, 2, 3]) u (units), lateral (
        select u.units, (public.quote_stay(pool, (current_date + 90)::text, (current_date + 92)::text, 3, p_units => u.units)).rent as total
    ) s),
    array[24000, 48000, 72000]::bigint[], 'U52 rent is in proportion'
);

-- One of three given back
select tests.sign_in(hana) from person;
select private.change_booking_status(id, 'accept', null, now()) from asked;
select tests.act_as('service_role');
select from asked, public.confirm_booking(id);
select tests.act_as('authenticated', sam) from person;
update public.bookings set units = 2 where id = (select id from asked);
select is((select (a.units, a.difference < 0)::text from asked, public.booking_alterations a where a.booking_id = asked.id), '(2,t)', 'U53 the guest proposes to keep two');
select tests.act_as('authenticated', hana) from person;
select is((select b.units from asked, public.booking_alterations a, public.accept_alteration(a.id) b where a.booking_id = asked.id), 2::smallint, 'U54 the host accepts');
select tests.act_as('postgres');
select is((select count(*)::integer from asked, public.occupancies o where o.booking_id = asked.id), 2, 'U55 one unit is free again');
select is((select guest_total * 2 from asked), (select b.guest_total * 3 from asked, private.bookings b where b.id = asked.id), 'U56 and no longer paid for');
set constraints all immediate;
set constraints all deferred;

-- Blocks of one unit
select tests.act_as('authenticated', cora) from person;
select is(
    tests.codes('insert into public.host_blocks (property_id, unit_id, check_in, check_out) select pool, u.id, current_date + 80, current_date + 82 from ids, public.units u where u.name = ''101'''),
    'accepted', 'U57 a unit is closed, and the stay there moves'
);
select is(
    tests.codes('insert into public.host_blocks (property_id, unit_id, check_in, check_out) select pool, u.id, current_date + 80, current_date + 82 from ids, public.units u where u.name = ''102'''),
    'unit_has_stays', 'U58 unless there is no other unit'
);
select is(
    tests.codes('insert into public.host_blocks (property_id, unit_id, check_in, check_out) select pool, house, current_date + 80, current_date + 82 from ids'),
    'reference_not_found', 'U59 a block names a unit'
);

-- Removing units, and links
select tests.act_as('authenticated', hana) from person;
select is(tests.codes('select public.set_units(pool, array[''101'', ''102'']) from ids'), 'unit_has_stays', 'U60 a unit with stays remains');
select is(tests.codes('select public.set_units(pool, array[''102'', ''103'']) from ids'), 'first_unit_remains', 'U61 the first unit remains');
select is((select count(*)::integer from ids, public.set_units(pool, array['101', '102', '103', '104'])), 4, 'U62 a unit is added');
insert into public.host_blocks (property_id, unit_id, check_in, check_out)
select pool, u.id, current_date - 10, current_date - 8 from ids, public.units u where u.name = '104';
select is((select count(*)::integer from ids, public.set_units(pool, array['101', '102', '103'])), 3, 'U63 and removed while it is empty');
select is(
    (select (count(*), count(distinct b.id), count(b.unit_id))::text from ids, public.host_blocks b join public.occupancies o on o.host_block_id = b.id where b.property_id = pool and b.check_out < current_date),
    '(1,1,0)', 'U68 what was in it before remains'
);
select is(tests.codes('select public.rename_unit(u.id, ''102'') from public.units u where u.name = ''101'''), 'unit_name_taken', 'U64 a name is used once');
select is((select (public.rename_unit(u.id, 'Attic')).name from public.units u where u.name = '103'), 'Attic', 'U65 a unit is renamed');
select is(tests.codes('select public.link_properties(pool, array[house]) from ids'), 'units_have_no_parts', 'U66 a property with units has no parts');
select lives_ok('select public.link_properties(house, array[pool]) from ids', 'U67 it can be a part');

select * from finish();
rollback;
