-- Seasons, date overrides, availability rules, fees, taxes: who writes them, ranges that do not overlap, amounts.
begin;
select plan(86);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cal') as cal,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga, null::uuid as home, null::uuid as draft, null::uuid as bens;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false), bens = tests.create_property(ben);
insert into public.co_hosts (property_id, profile_id, level) select home, cal, 'calendar'::public.co_host_level from world union all select home, fay, 'full' from world;

-- each table, each person
create temporary table entry on commit drop as
select * from (values
    ('property_seasons', '(property_id, name, starts_on, ends_on, price) select home, ''Summer'', ''2027-06-01'', ''2027-09-01'', 20000 from world'),
    ('property_date_overrides', '(property_id, starts_on, ends_on, price) select home, ''2027-12-31'', ''2028-01-01'', 50000 from world'),
    ('property_fees', '(property_id, kind, name, amount) select home, ''cleaning'', ''Cleaning'', 4500 from world'),
    ('property_availability_rules', '(property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-12-25'', ''2027-12-26'' from world'),
    ('property_taxes', '(property_id, name, charge, percent, applies_to) select home, ''City tax'', ''percent'', 15.5, ''rent'' from world')
) as e (tab, row);
grant select on entry to anon, authenticated, service_role;

select tests.act_as('anon');
select throws_ok(format('insert into public.%s %s', tab, row), '42501', null, 'PP01 anon writes no ' || tab) from entry;
select tests.act_as('authenticated', ben) from world;
select throws_ok(format('insert into public.%s %s', tab, row), '42501', null, 'PP02 a stranger writes no ' || tab) from entry;
select throws_ok(format('insert into public.%s %s', tab, replace(row, 'home', 'draft')), '42501', null, 'PP03 or to a draft he cannot see') from entry;
select tests.act_as('authenticated', olga) from world;
select throws_ok(format('insert into public.%s %s', tab, row), '42501', null, 'PP04 nor does an operator') from entry;
select tests.act_as('authenticated', cal) from world;
select throws_ok(format('insert into public.%s %s', tab, row), '42501', null, 'PP05 a co-host for the calendar writes no ' || tab)
from entry where tab <> 'property_availability_rules';
select lives_ok(format('insert into public.%s %s', tab, row), 'PP06 but availability') from entry where tab = 'property_availability_rules';
select tests.act_as('authenticated', fay) from world;
select throws_ok(format('insert into public.%s %s', tab, row), '42501', null, 'PP07 a full co-host writes no taxes') from entry where tab = 'property_taxes';
select lives_ok(format('insert into public.%s %s', tab, row), 'PP08 but ' || tab)
from entry where tab not in ('property_taxes', 'property_availability_rules');
select tests.act_as('authenticated', ana) from world;
select lives_ok(format('insert into public.%s %s', tab, row), 'PP09 the host writes taxes') from entry where tab = 'property_taxes';
select is((select s.currency from public.property_seasons s, world where s.property_id = home), 'EUR', 'PP10 the currency is the property''s');

select tests.act_as('anon');
select isnt_empty(format('select from public.%s', tab), 'PP11 anon reads ' || tab) from entry where tab <> 'property_taxes';
select throws_ok('select from public.property_taxes', '42501', null, 'PP12 but no taxes');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.property_taxes', 'PP13 a stranger reads no taxes');
select is_empty(format('update public.%s set ends_on = ends_on + 1 returning id', tab), 'PP14 and changes no ' || tab)
from entry where tab not in ('property_fees', 'property_taxes');
select is_empty(format('delete from public.%s returning id', tab), 'PP15 or deletes ' || tab) from entry;
select tests.act_as('authenticated', fay) from world;
select is_empty('select from public.property_taxes', 'PP16 a full co-host reads no taxes');
select is_empty('update public.property_taxes set percent = 1 returning id', 'PP17 changes none');
select is_empty('delete from public.property_taxes returning id', 'PP18 deletes none');
select tests.act_as('authenticated', cal) from world;
select is_empty('delete from public.property_seasons returning id', 'PP19 a co-host for the calendar deletes no season');
select tests.act_as('authenticated', olga) from world;
select isnt_empty('select from public.property_taxes', 'PP20 operators read taxes');

-- ranges
select tests.act_as('authenticated', ana) from world;
select lives_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''Autumn'', ''2027-09-01'', ''2027-11-01'', 15000 from world',
    'PP21 a season begins where another ends'
);
select throws_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''x'', ''2027-08-31'', ''2027-09-01'', 15000 from world',
    'PT409', 'From 2027-06-01 to 2027-09-01 there is one already.', 'PP22 and not a night before'
);
select throws_ok('update public.property_seasons set starts_on = ''2027-08-01'' where name = ''Autumn''', 'PT409', null, 'PP23 nor is moved there');
select lives_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select draft, ''Summer'', ''2027-06-01'', ''2027-09-01'', 15000 from world',
    'PP24 another property has its own'
);
select throws_ok(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, ''2027-12-24'', ''2028-01-01'', 15000 from world',
    'PT409', null, 'PP25 overrides do not overlap'
);
select lives_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_departure'', ''2027-12-25'', ''2027-12-26'' from world',
    'PP26 rules of another kind may'
);
select throws_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-12-20'', ''2028-01-02'' from world',
    'PT409', null, 'PP27 rules of one kind do not'
);
select throws_ok(format('update public.property_seasons set %s where name = ''Autumn''', b.change), b.code, null, 'PP28 refused: ' || b.what)
from (values
    ('an empty season', 'ends_on = starts_on', 'PT422'),
    ('a season backwards', 'ends_on = starts_on - 1', 'PT422'),
    ('a season without end', 'ends_on = ''infinity''', 'PT422'),
    ('the year 9999', 'starts_on = ''9999-01-01'', ends_on = ''9999-02-01''', 'PT422'),
    ('a price of nothing', 'price = 0', 'PT422'),
    ('a negative price', 'price = -100', 'PT422'),
    ('a price below the currency''s lowest', 'price = 99', 'PT422'),
    ('another currency', 'currency = ''USD''', 'PT422'),
    ('a season that says nothing', 'price = null', 'PT422'),
    ('minimum above maximum', 'min_nights = 5, max_nights = 4', 'PT422'),
    ('a stranger''s property', 'property_id = (select bens from world)', '42501')
) as b (what, change, code);
select throws_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights) select home, ''closed_to_arrival'', ''2028-12-20'', ''2029-01-02'', 3 from world',
    'PT422', null, 'PP29 a closed day has no shortest stay'
);

-- currency
select throws_ok('update public.properties set currency = ''USD'' where id = (select home from world)', 'PT409', 'Amounts of this property are in EUR.', 'PP30 amounts hold the currency');
select lives_ok(
    'delete from public.property_seasons where property_id = (select draft from world); update public.properties set currency = ''JPY'', base_price = 9000 where id = (select draft from world)',
    'PP31 without amounts it is free'
);
select lives_ok(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select draft, ''2027-12-31'', ''2028-01-01'', 1 from world',
    'PP32 one yen is a price'
);
select tests.act_as('postgres');
select lives_ok('insert into public.properties (id, host_id, title) select ''00000000-0000-4000-8000-000000000341'', ana, ''x'' from world', 'PP33 a property without a currency');
select tests.act_as('authenticated', ana) from world;
select throws_ok(
    'insert into public.property_fees (property_id, kind, name, amount) values (''00000000-0000-4000-8000-000000000341'', ''cleaning'', ''x'', 1)',
    'PT422', null, 'PP34 has no amounts yet'
);

-- fees and taxes
select throws_ok(
    'insert into public.property_fees (property_id, kind, name, charge, amount) select home, ''other'', ''x'', ''percent'', 10 from world', 'PT422', null,
    'PP35 a fee is an amount'
);
select throws_ok(
    'insert into public.property_fees (property_id, kind, name, amount) select home, ''other'', ''x'', -1 from world', 'PT422', null, 'PP36 above zero'
);
select throws_ok(
    'insert into public.property_fees (property_id, kind, name, amount) select home, ''other'', ''Fee '' || n, 100 from world, generate_series(1, 20) n',
    'PT422', null, 'PP37 21 fees are too many'
);
select throws_ok(format('insert into public.property_taxes (property_id, name, %s from world', b.rest), b.code, null, 'PP38 refused: ' || b.what)
from (values
    ('a percentage of nothing named', 'charge, percent) select home, ''x'', ''percent'', 5', 'PT422'),
    ('a percentage and an amount', 'charge, percent, applies_to, amount) select home, ''x'', ''percent'', 5, ''all'', 100', 'PT422'),
    ('an amount per night without one', 'charge) select home, ''x'', ''per_night''', 'PT422'),
    ('more than everything', 'charge, percent, applies_to) select home, ''x'', ''percent'', 101, ''all''', 'PT422'),
    ('a negative percentage', 'charge, percent, applies_to) select home, ''x'', ''percent'', -1, ''all''', 'PT422')
) as b (what, rest, code);
select lives_ok(
    'insert into public.property_taxes (property_id, name, charge, amount, max_nights, exempt_from_nights) select home, ''Taxa turística'', ''per_guest_night'', 400, 7, 30 from world',
    'PP39 an amount per guest and night, for seven nights, not for long stays'
);

-- plain SQL, and two clients at once, meet the constraints
select tests.act_as('postgres');
select set_config('request.jwt.claims', '', true);
select throws_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''x'', ''2027-08-31'', ''2027-09-01'', 15000 from world',
    '23P01', null, 'PP40 seasons do not overlap'
);
select throws_ok(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, ''2027-12-24'', ''2028-01-01'', 15000 from world',
    '23P01', null, 'PP41 or overrides'
);
select throws_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-12-20'', ''2028-01-02'' from world',
    '23P01', null, 'PP42 or rules of one kind'
);

select * from finish();
rollback;
