-- Seasons, date overrides, availability rules, fees, taxes: who writes them, ranges that do not overlap, amounts.
begin;
select plan(104);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cal') as cal,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga, null::uuid as home, null::uuid as draft, null::uuid as bens;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false), bens = tests.create_property(ben);
insert into public.co_hosts (property_id, profile_id, level) select home, cal, 'calendar'::public.co_host_level from world union all select home, fay, 'full' from world;

-- each table with each person
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
select tests.throws_code(format('insert into public.%s %s', tab, row), 'insert_not_allowed', 'PP02 a stranger writes no ' || tab) from entry;
select tests.throws_code(format('insert into public.%s %s', tab, replace(row, 'home', 'draft')), 'reference_not_found', 'PP03 a stranger writes nothing to a draft') from entry;
select tests.act_as('authenticated', olga) from world;
select tests.throws_code(format('insert into public.%s %s', tab, row), 'insert_not_allowed', 'PP04 an operator writes no prices') from entry;
select tests.act_as('authenticated', cal) from world;
select tests.throws_code(format('insert into public.%s %s', tab, row), 'insert_not_allowed', 'PP05 a co-host for the calendar writes no ' || tab)
from entry where tab <> 'property_availability_rules';
select lives_ok(format('insert into public.%s %s', tab, row), 'PP06 a co-host for the calendar writes availability rules') from entry where tab = 'property_availability_rules';
select tests.act_as('authenticated', fay) from world;
select tests.throws_code(format('insert into public.%s %s', tab, row), 'insert_not_allowed', 'PP07 a full co-host writes no taxes') from entry where tab = 'property_taxes';
select lives_ok(format('insert into public.%s %s', tab, row), 'PP08 a full co-host writes ' || tab)
from entry where tab not in ('property_taxes', 'property_availability_rules');
select tests.act_as('authenticated', ana) from world;
select lives_ok(format('insert into public.%s %s', tab, row), 'PP09 the host writes taxes') from entry where tab = 'property_taxes';
select is((select s.currency from public.property_seasons s, world where s.property_id = home), 'EUR', 'PP10 the currency of the property is set');

select tests.act_as('anon');
select isnt_empty(format('select from public.%s', tab), 'PP11 anon reads ' || tab) from entry where tab <> 'property_taxes';
select throws_ok('select from public.property_taxes', '42501', null, 'PP12 anon reads no taxes');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.property_taxes', 'PP13 a stranger reads no taxes');
select is_empty(format('update public.%s set ends_on = ends_on + 1 returning id', tab), 'PP14 a stranger changes no ' || tab)
from entry where tab not in ('property_fees', 'property_taxes');
select is_empty(format('delete from public.%s returning id', tab), 'PP15 a stranger deletes no ' || tab) from entry;
select tests.act_as('authenticated', fay) from world;
select is_empty('select from public.property_taxes', 'PP16 a full co-host reads no taxes');
select is_empty('update public.property_taxes set percent = 1 returning id', 'PP17 a full co-host changes no taxes');
select is_empty('delete from public.property_taxes returning id', 'PP18 a full co-host deletes no taxes');
select tests.act_as('authenticated', cal) from world;
select is_empty('delete from public.property_seasons returning id', 'PP19 a co-host for the calendar deletes no season');
select tests.act_as('authenticated', olga) from world;
select isnt_empty('select from public.property_taxes', 'PP20 operators read taxes');

-- ranges
select tests.act_as('authenticated', ana) from world;
select lives_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''Autumn'', ''2027-09-01'', ''2027-11-01'', 15000 from world',
    'PP21 a season may begin where another ends'
);
select throws_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''x'', ''2027-08-31'', ''2027-09-01'', 15000 from world',
    'PT409', 'These dates overlap a range from 2027-06-01 to 2027-09-01.', 'PP22 a season cannot begin a night before another ends'
);
select tests.throws_code('update public.property_seasons set starts_on = ''2027-08-01'' where name = ''Autumn''', 'dates_overlap', 'PP23 a season cannot be moved into another');
select lives_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select draft, ''Summer'', ''2027-06-01'', ''2027-09-01'', 15000 from world',
    'PP24 seasons of another property may have the same dates'
);
select tests.throws_code(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, ''2027-12-24'', ''2028-01-01'', 15000 from world',
    'dates_overlap', 'PP25 overrides do not overlap'
);
select lives_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_departure'', ''2027-12-25'', ''2027-12-26'' from world',
    'PP26 rules of different kinds may overlap'
);
select tests.throws_code(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-12-20'', ''2028-01-02'' from world',
    'dates_overlap', 'PP27 rules of one kind cannot overlap'
);
select tests.throws_code(format('update public.property_seasons set %s where name = ''Autumn''', b.change), b.code, 'PP28 refused: ' || b.what)
from (values
    ('an empty season', 'ends_on = starts_on', 'dates_are_in_order'),
    ('a season backwards', 'ends_on = starts_on - 1', 'dates_are_in_order'),
    ('a season without end', 'ends_on = ''infinity''', 'dates_are_in_order'),
    ('the year 9999', 'starts_on = ''9999-01-01'', ends_on = ''9999-02-01''', 'dates_are_in_order'),
    ('a price of nothing', 'price = 0', 'price_below_minimum'),
    ('a negative price', 'price = -100', 'price_below_minimum'),
    ('a price below the currency''s lowest', 'price = 99', 'price_below_minimum'),
    ('another currency', 'currency = ''USD''', 'currency_differs_from_property'),
    ('a season that says nothing', 'price = null', 'season_has_price_or_nights'),
    ('minimum above maximum', 'min_nights = 5, max_nights = 4', 'nights_are_in_order'),
    ('no beginning', 'starts_on = null', 'value_missing'),
    ('no end', 'ends_on = null', 'value_missing'),
    ('no name', 'name = null', 'value_missing')
) as b (what, change, code);
select throws_ok(
    'update public.property_seasons set property_id = (select bens from world)', 'PT422', null, 'PP28 refused: a stranger''s property'
);
-- what every row needs
select throws_like(format('insert into public.%s (property_id) select home from world', tab), '%There is no value for%', 'PP43 refused: an empty row in ' || tab)
from entry;
select tests.throws_code(format('insert into public.%s %s', tab, regexp_replace(row, '\mhome\M', 'null::uuid')), 'value_missing', 'PP44 refused: no property in ' || tab)
from entry;
select throws_ok(
    format('insert into public.%s %s', tab, regexp_replace(row, '\mhome\M', 'gen_random_uuid()')), 'PT422',
    'The property id you sent does not exist, or you may not see it.', 'PP45 refused: an unknown property in ' || tab
)
from entry;
select tests.throws_code(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights) select home, ''closed_to_arrival'', ''2028-12-20'', ''2029-01-02'', 3 from world',
    'nights_belong_to_their_kind', 'PP29 a closed day has no minimum stay'
);

-- currency
select throws_ok(
    'update public.properties set currency = ''USD'' where id = (select home from world)', 'PT409',
    'The currency of this property cannot change, because it has amounts in EUR.', 'PP30 a property with amounts keeps its currency'
);
select lives_ok(
    'delete from public.property_seasons where property_id = (select draft from world); update public.properties set currency = ''JPY'', base_price = 9000 where id = (select draft from world)',
    'PP31 a property without amounts may change its currency'
);
select lives_ok(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select draft, ''2027-12-31'', ''2028-01-01'', 50 from world',
    'PP32 fifty yen are a valid price: Stripe charges no less'
);
select tests.act_as('postgres');
select lives_ok('insert into public.properties (id, host_id, title) select ''00000000-0000-4000-8000-000000000341'', ana, ''x'' from world', 'PP33 a property may have no currency');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(
    'insert into public.property_fees (property_id, kind, name, amount) values (''00000000-0000-4000-8000-000000000341'', ''cleaning'', ''x'', 1)',
    'property_has_no_currency', 'PP34 a property without a currency cannot have amounts'
);

-- fees and taxes
select tests.throws_code(
    'insert into public.property_fees (property_id, kind, name, charge, amount) select home, ''other'', ''x'', ''percent'', 10 from world', 'fee_is_not_percent',
    'PP35 a fee cannot be a percentage'
);
select tests.throws_code(
    'insert into public.property_fees (property_id, kind, name, amount) select home, ''other'', ''x'', -1 from world', 'amount_range', 'PP36 a fee is above zero'
);
select tests.throws_code(
    'insert into public.property_fees (property_id, kind, name, amount) select home, ''other'', ''Fee '' || n, 100 from world, generate_series(1, 20) n',
    'property_row_limit_exceeded', 'PP37 a property has at most 20 fees'
);
select tests.throws_code(format('insert into public.property_taxes (property_id, name, %s from world', b.rest), b.code, 'PP38 refused: ' || b.what)
from (values
    ('a percentage of nothing named', 'charge, percent) select home, ''x'', ''percent'', 5', 'tax_has_percent_or_amount'),
    ('a percentage and an amount', 'charge, percent, applies_to, amount) select home, ''x'', ''percent'', 5, ''all'', 100', 'tax_has_percent_or_amount'),
    ('an amount per night without one', 'charge) select home, ''x'', ''per_night''', 'tax_has_percent_or_amount'),
    ('more than everything', 'charge, percent, applies_to) select home, ''x'', ''percent'', 101, ''all''', 'percent_range'),
    ('a negative percentage', 'charge, percent, applies_to) select home, ''x'', ''percent'', -1, ''all''', 'percent_range')
) as b (what, rest, code);
select lives_ok(
    'insert into public.property_taxes (property_id, name, charge, amount, max_nights, exempt_from_nights) select home, ''Taxa turística'', ''per_guest_night'', 400, 7, 30 from world',
    'PP39 a tax may be an amount per guest and night, limited to seven nights, with an exemption for long stays'
);

-- plain SQL, and two clients at once, meet the constraints
select tests.act_as('postgres');
select set_config('request.jwt.claims', '', true);
select throws_ok(
    'insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, ''x'', ''2027-08-31'', ''2027-09-01'', 15000 from world',
    '23P01', null, 'PP40 plain SQL meets the constraint of seasons'
);
select throws_ok(
    'insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, ''2027-12-24'', ''2028-01-01'', 15000 from world',
    '23P01', null, 'PP41 plain SQL meets the constraint of overrides'
);
select throws_ok(
    'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-12-20'', ''2028-01-02'' from world',
    '23P01', null, 'PP42 plain SQL meets the constraint of rules of one kind'
);

select * from finish();
rollback;
