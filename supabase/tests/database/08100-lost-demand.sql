-- Lost demand: the reasons are those of the rules, no one can make them up, and the limits hold.
begin;
select plan(50);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva, null::uuid as home, null::uuid as other;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), other = tests.create_property(ana);
update public.properties set booking_mode = 'instant', min_nights = 3, base_price = 7500, max_guests = 4 where id = (select home from world);
create function pg_temp.report(p_nights integer, p_adults integer default 1, p_from integer default 20) returns integer language sql as $$
    select public.report_lost_search(
        home, p_check_in => (current_date + p_from)::text, p_check_out => (current_date + p_from + p_nights)::text, p_adults => p_adults
    ) from world
$$;
-- another network address for each report
create function pg_temp.come_from(p_address text) returns void language sql as $$
    select set_config('request.headers', json_build_object('x-forwarded-for', p_address)::text, true)
$$;
create function pg_temp.lost() returns setof text language sql as $$
    select concat_ws(' ', l.reason, l.limit_value, l.nights, l.currency, l.refusals, l.sole_refusals, l.value)
    from world, public.lost_demand((current_date - 1)::text, (current_date + 2)::text, array[home]) l
$$;
grant execute on function pg_temp.report to anon, authenticated, service_role;
grant execute on function pg_temp.come_from to anon, authenticated, service_role;
grant execute on function pg_temp.lost to authenticated;

select tests.act_as('anon');
select pg_temp.come_from('203.0.113.1');
select is(pg_temp.report(2), 1, 'LD01 signed out, a refused quote counts');
select is(pg_temp.report(2), 0, 'LD02 the same caller counts a property once a day');
select is(pg_temp.report(2, p_from => 50), 0, 'LD03 also with other dates');
select pg_temp.come_from('203.0.113.2');
select is(pg_temp.report(2), 1, 'LD04 another caller counts again');
select pg_temp.come_from('203.0.113.3');
select is(pg_temp.report(3), 0, 'LD05 what can be booked is no lost demand');
select is(pg_temp.report(2, 5), 1, 'LD06 a refusal with two reasons');
select pg_temp.come_from('203.0.113.4');
select is(pg_temp.report(0), 0, 'LD07 a stay without nights is a mistake of the app');
select is(pg_temp.report(400), 0, 'LD08 so is one of more than a year');
select is(pg_temp.report(2, 0), 0, 'LD09 and one without an adult');
select is(pg_temp.report(2, 1, -20), 0, 'LD10 and one in the past');
select is(public.report_lost_search(gen_random_uuid(), p_check_in => (current_date + 20)::text, p_check_out => (current_date + 22)::text), 0, 'LD11 a property that does not exist counts nothing');
select is(public.report_lost_search(p_area => 'Lisboa', p_month => to_char(current_date + 40, 'YYYY-MM'), p_nights => 2), 0, 'LD12 a month has no one stay');
select tests.throws_code($$select public.report_lost_search(p_check_in => '2027-01-01', p_check_out => '2027-01-03')$$, 'invalid_search_area', 'LD13 a search needs an area, as in search_properties');
select tests.throws_code($$select public.report_lost_search(p_area => 'Lisboa', p_check_in => 'x', p_check_out => '2027-01-03')$$, 'invalid_date');
select throws_ok($$select public.lost_demand('2026-01-01', '2026-02-01')$$, '42501', null, 'LD15 signed out no one reads it');
select throws_ok($$select * from private.lost_demand$$, '42501', null, 'LD16 nor the rows');
select throws_ok($$insert into private.lost_demand values (gen_random_uuid(), current_date, 'x', 0, 1, 'EUR', 1, 1, 1)$$, '42501', null, 'LD17 no one writes them');
select throws_ok($$select private.count_lost_stays('{}', 2)$$, '42501', null, 'LD18 no one counts reasons of their own');

select tests.act_as('authenticated', ana) from world;
select is(pg_temp.report(2), 0, 'LD19 the host''s own searches do not count');
-- 2 nights at 75.00: 150.00 each
select results_eq('select * from pg_temp.lost()', $$values ('min_stay 3 2 EUR 3 2 45000'), ('too_many_guests 4 2 EUR 1 0 15000')$$, 'LD20 minimum stay 3 refused 3 searches for 2 nights, EUR 450.00; the host reads it by reason');

-- a search by area counts the properties that it would have shown
select tests.act_as('authenticated', ben) from world;
select ok(public.report_lost_search(p_area => 'Lisboa', p_check_in => (current_date + 20)::text, p_check_out => (current_date + 22)::text, p_limit => 50) between 0 and 20, 'LD21 a search looks at 20 properties at most');
select tests.throws_code($$select public.lost_demand('2026-01-01', '2026-02-01')$$, 'figures_not_yours', 'LD22 a guest reads none');

-- quotes that were shown
create function pg_temp.quoted(p_from integer default 20, p_nights integer default 3, p_adults integer default 1) returns boolean language sql as $$
    select public.report_quote(home, (current_date + p_from)::text, (current_date + p_from + p_nights)::text, p_adults) from world
$$;
grant execute on function pg_temp.quoted to anon, authenticated, service_role;
create function pg_temp.quotes(p_by text default 'month') returns setof public.host_metrics_period language sql as $$
    select m.*
    from world, public.host_metrics(
        date_trunc('month', current_date)::date::text, (date_trunc('month', current_date) + interval '4 months')::date::text, p_by, array[home]
    ) m
$$;
grant execute on function pg_temp.quotes to authenticated;
select tests.act_as('anon');
select pg_temp.come_from('203.0.113.10');
select is(pg_temp.quoted(), true, 'LD34 signed out, a quote counts');
select is(pg_temp.quoted(30), false, 'LD35 the same caller counts a property once a day');
select is(pg_temp.report(2), 1, 'LD36 beside a refusal');
select pg_temp.come_from('203.0.113.11');
select is(pg_temp.quoted(20, 2), false, 'LD37 a stay that cannot be booked counts nothing');
select is(pg_temp.quoted(50), true, 'LD38 another caller counts again');
select is(public.report_quote(gen_random_uuid(), (current_date + 20)::text, (current_date + 23)::text), false, 'LD39 a property that does not exist counts nothing');
select tests.throws_code(format($$select public.report_quote(%L, 'x', '2027-01-03')$$, home), 'invalid_date') from world;
select throws_ok($$select * from private.quote_counts$$, '42501', null, 'LD41 no one reads the rows');
select throws_ok($$insert into private.quote_counts values (gen_random_uuid(), current_date, 1, array_fill(1, array[31]))$$, '42501', null, 'LD42 nor writes them');
select tests.act_as('authenticated', ana) from world;
select is(pg_temp.quoted(), false, 'LD43 the host''s own quotes do not count');
select is(sum(quotes), 2::bigint, 'LD44 the host reads them by month of check-in') from pg_temp.quotes();
select results_eq(
    $$select period_start from pg_temp.quotes('day') where quotes > 0$$, $$values (current_date + 20), (current_date + 50)$$, 'LD45 and by day of check-in'
);
select is(sum(quotes), 2::bigint, 'LD46 weeks sum to the same') from pg_temp.quotes('week');
select is((bookings_paid, quotes, quote_paid_percent)::text, '(0,1,0.00)', 'LD47 of a quote without a booking, none is paid') from pg_temp.quotes('day') where period_start = current_date + 50;
select tests.act_as('postgres');
select tests.create_booking(ben, home, current_date + 50, current_date + 53) from world;
set constraints all immediate;
set constraints all deferred;
select tests.act_as('authenticated', ana) from world;
select is((bookings_paid, quotes, quote_paid_percent)::text, '(1,1,100.00)', 'LD48 the conversion from quote to paid') from pg_temp.quotes('day') where period_start = current_date + 50;
select is((quotes, quote_paid_percent)::text, '(0,)', 'LD49 without quotes there is none') from pg_temp.quotes('day') where period_start = current_date + 51;

-- the limits
select tests.act_as('postgres');
update private.settings set value = '2' where name = 'lost_searches_per_caller';
select tests.act_as('authenticated', eva) from world;
select lives_ok('select pg_temp.report(2)', 'LD23 a person may report');
select lives_ok('select pg_temp.report(2)', 'LD24 up to the limit');
select tests.throws_code('select pg_temp.report(2)', 'too_many_lost_searches', 'LD25 and not more');
select tests.act_as('service_role');
select is((select sum(pg_temp.report(2)) from generate_series(1, 5)), 5::bigint, 'LD26 a server that reports for its visitors has no limit of its own');
select tests.act_as('postgres');
update private.settings set value = (select sum(refusals) + 2 from private.lost_demand l, world where l.property_id = home)::text where name = 'lost_demand_per_property';
select tests.act_as('service_role');
select is((select sum(pg_temp.report(2)) from generate_series(1, 50)), 2::bigint, 'LD27 no client can count more refusals of a property in a day than the limit');
select tests.act_as('postgres');
update private.settings set value = '0' where name = 'lost_searches_per_day';
select tests.act_as('service_role');
select tests.throws_code('select pg_temp.report(2)', 'lost_searches_full', 'LD28 nor can all clients together');

-- what is kept
select tests.act_as('postgres');
select is_empty(
    $$select a.attname from pg_attribute a where a.attrelid = 'private.lost_demand'::regclass and a.attnum > 0
      and a.attname not in ('property_id', 'day', 'reason', 'limit_value', 'nights', 'currency', 'refusals', 'sole_refusals', 'value')$$,
    'LD29 no column is about a person'
);
select is_empty($$select from private.lost_demand_callers c where position('203.0.113' in encode(c.caller, 'escape')) > 0$$, 'LD30 addresses are not stored');
insert into private.lost_demand_days (day) select day - 1 from private.lost_demand_days;
update private.lost_demand_callers set day = day - 1;
insert into private.lost_demand (property_id, day, reason, nights, currency, refusals, sole_refusals, value)
select home, current_date - n, 'taken', 2, 'EUR', 1, 1, 100 from world, unnest(array[398, 402]) n;
select private.apply_retention();
select is((select count(*) from private.lost_demand_callers), 0::bigint, 'LD31 callers are forgotten when their day is over');
select is_empty(
    $$select a.attname from pg_attribute a where a.attrelid = 'private.quote_counts'::regclass and a.attnum > 0
      and a.attname not in ('property_id', 'month', 'quotes', 'by_day')$$,
    'LD50 no column of the quotes is about a person'
);
select is((select array_agg(current_date - l.day) from private.lost_demand l where l.reason = 'taken' and l.day < current_date - 300), '{398}', 'LD32 lost demand is kept for 400 days');
select ok((select count(*) from private.lost_demand l, world where l.property_id = home) > 1, 'LD33 and not less');
select * from finish();
rollback;
