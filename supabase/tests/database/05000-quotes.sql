-- The price of a stay: night prices, discounts, fees, taxes, platform fee, rounding, worked examples; and quotes.
begin;
select plan(46);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva, null::uuid as home, null::uuid as draft;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false);
update private.platform_fees set guest_percent = 0, host_percent = 0;

-- 2027-03-01 is a Monday; calls are made four weeks before unless they say otherwise
create function pg_temp.lines(
    p_check_in date, p_check_out date, p_guests integer default 1, p_pets integer default 0,
    p_now timestamptz default '2027-02-01 12:00+00'
) returns setof public.quote_line language sql as $$
    select l.*
    from world
    join public.properties p on p.id = home
    cross join lateral private.price_stay(p, p_check_in, private.night_prices(p, p_check_in, p_check_out), p_guests, p_pets, p_now) s
    cross join lateral unnest(s.lines) l
$$;
create function pg_temp.total(
    p_check_in date, p_check_out date, p_guests integer default 1, p_pets integer default 0,
    p_now timestamptz default '2027-02-01 12:00+00'
) returns bigint language sql as $$
    select sum(amount)::bigint from pg_temp.lines(p_check_in, p_check_out, p_guests, p_pets, p_now)
$$;
create function pg_temp.summary(p_check_in date, p_check_out date, p_guests integer default 1, p_pets integer default 0)
returns text language sql as $$
    select string_agg(concat_ws(' ', kind, quantity, unit_amount, amount, host_amount, nullif(included_amount, 0)), '; ')
    from pg_temp.lines(p_check_in, p_check_out, p_guests, p_pets)
$$;
create function pg_temp.set(p_changes text) returns void language plpgsql as $$
begin
    execute format('update public.properties set %s where id = (select home from world)', p_changes);
end $$;

-- rounding
select is(private.proportion(14500, 15.5, 100), 2248::bigint, 'Q01 15.5 % of 145.00 is 22.475 and is rounded up to 22.48');
select is(private.proportion(11000, 20, 100), 2200::bigint, 'Q02 20 % of 110.00 is 22.00');
select is(private.proportion(-14500, 15.5, 100), -2248::bigint, 'Q03 a negative amount is rounded like its positive counterpart');
select is(private.proportion(1, 1, 3), 0::bigint, 'Q04 a third rounds down');
select is(private.proportion(9007199254740991, 1, 2), 4503599627370496::bigint, 'Q05 half of 2^53 - 1 is rounded up, without the error of a float');

-- nights
select is(pg_temp.summary('2027-03-01', '2027-03-04'), 'nights 3 12000 36000 36000', 'Q06 nights have the base price');
select pg_temp.set('base_price = 10000, weekend_price = 11000');
select is(
    pg_temp.summary('2027-03-04', '2027-03-08'), 'nights 2 10000 20000 20000; nights 2 11000 22000 22000',
    'Q07 Friday and Saturday nights have the weekend price, Thursday and Sunday nights do not'
);
insert into public.property_seasons (property_id, name, starts_on, ends_on, price)
select home, 'Carnival', '2027-03-06', '2027-03-09', 15000 from world;
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, '2027-03-07', '2027-03-08', 9900 from world;
select is(
    pg_temp.summary('2027-03-04', '2027-03-10'),
    'nights 2 10000 20000 20000; nights 1 11000 11000 11000; nights 2 15000 30000 30000; nights 1 9900 9900 9900',
    'Q08 override comes before season, season before weekend, weekend before base; ranges end before their last day'
);
select pg_temp.set('weekly_discount_percent = 0');

-- one discount
select pg_temp.set('early_bird_discount_percent = 20, early_bird_days = 30, last_minute_discount_percent = 30');
select is(pg_temp.total('2027-04-02', '2027-04-03', p_now => '2027-02-01 12:00+00'), 8800::bigint, 'Q09 the early-bird discount applies to base and weekend nights');
select is(pg_temp.total('2027-04-01', '2027-04-02', p_now => '2027-03-02 00:00+00'), 8000::bigint, 'Q10 the early-bird discount applies 30 days before check-in');
select is(pg_temp.total('2027-04-01', '2027-04-02', p_now => '2027-03-03 00:00+00'), 10000::bigint, 'Q11 the early-bird discount does not apply 29 days before check-in');
select is(pg_temp.total('2027-03-01', '2027-03-02', p_now => '2027-02-22 23:59:59+00'), 10000::bigint, 'Q12 the last-minute discount does not apply seven days before check-in');
select is(pg_temp.total('2027-03-01', '2027-03-02', p_now => '2027-02-23 00:00:00+00'), 7000::bigint, 'Q13 the last-minute discount applies from midnight of the sixth day before check-in');
select pg_temp.set('weekend_price = null, weekly_discount_percent = 10, time_zone = ''Pacific/Auckland''');
select is(pg_temp.total('2027-04-01', '2027-04-02', p_now => '2027-03-24 11:30+00'), 10000::bigint, 'Q14 days are counted at the property: in Auckland it is the 25th, seven days before');
select is(pg_temp.total('2027-04-01', '2027-04-02', p_now => '2027-03-25 11:30+00'), 7000::bigint, 'Q15 in Auckland it is the 26th one hour before it is in UTC');
select is(pg_temp.total('2027-04-01', '2027-04-08'), 63000::bigint, 'Q16 the weekly discount replaces the early-bird discount');
select is(pg_temp.total('2027-04-01', '2027-04-29'), 252000::bigint, 'Q17 28 nights get the weekly discount when there is no monthly one');
select pg_temp.set('monthly_discount_percent = 25');
select is(pg_temp.total('2027-04-01', '2027-04-29'), 210000::bigint, 'Q18 28 nights get only the monthly discount when there is one');
select pg_temp.set('monthly_discount_percent = 0, weekly_discount_percent = 0, early_bird_discount_percent = 0, last_minute_discount_percent = 0, time_zone = ''Europe/Lisbon''');

-- fees
insert into public.property_fees (property_id, kind, name, charge, amount)
select home, f.kind::public.fee_kind, f.kind, f.charge::public.charge_kind, f.amount
from world, (values
    ('cleaning', 'per_booking', 4000), ('linen', 'per_guest', 500), ('resort', 'per_night', 300), ('community', 'per_guest_night', 100),
    ('pet', 'per_guest_night', 700)
) as f (kind, charge, amount);
select pg_temp.set('extra_guest_price = 1500, extra_guests_after = 2, max_pets = 2');
select is(
    pg_temp.summary('2027-04-01', '2027-04-04', 3, 2),
    'nights 3 10000 30000 30000; cleaning 1 4000 4000 4000; extra_guests 3 1500 4500 4500; pets 6 700 4200 4200; '
    'fee 3 500 1500 1500; fee 3 300 900 900; fee 9 100 900 900',
    'Q19 fees are charged once, per night, per guest and per guest and night; extra guests and pets have theirs'
);
select is(
    pg_temp.summary('2027-04-01', '2027-04-02', 2),
    'nights 1 10000 10000 10000; cleaning 1 4000 4000 4000; fee 2 500 1000 1000; fee 1 300 300 300; fee 2 100 200 200',
    'Q20 there is no extra-guest fee up to the included number, and no pet fee without pets'
);
delete from public.property_fees where kind not in ('cleaning', 'resort');
select pg_temp.set('extra_guest_price = 0, base_price = 14500');

-- taxes
create function pg_temp.tax(p_values text) returns void language plpgsql as $$
begin
    delete from public.property_taxes;
    execute format('insert into public.property_taxes (property_id, name, charge, percent, applies_to, amount, is_inclusive, max_nights, exempt_from_nights)
        select home, ''Tax '' || t.n, t.charge::public.charge_kind, t.percent, t.base::public.tax_base, t.amount, t.included, t.max, t.exempt
        from world, (values %s) as t (n, charge, percent, base, amount, included, max, exempt) order by n', p_values);
end $$;
create function pg_temp.taxes(p_nights integer, p_guests integer default 1) returns text language sql as $$
    select string_agg(concat_ws(' ', quantity, unit_amount, amount, included_amount), '; ')
    from pg_temp.lines('2027-04-01', '2027-04-01'::date + p_nights, p_guests) where kind = 'tax'
$$;
select pg_temp.tax($$(1, 'percent', 15.5, 'rent', null::bigint, false, null::smallint, null::smallint)$$);
select is(pg_temp.taxes(1), '1 2248 2248 0', 'Q21 a tax on rent: 145.00 x 15.5 % = 22.48');
select pg_temp.tax($$(1, 'percent', 10, 'fees', null::bigint, false, null::smallint, null::smallint)$$);
select is(pg_temp.taxes(2), '1 460 460 0', 'Q22 a tax on fees only: 40.00 and twice 3.00');
select pg_temp.tax($$(1, 'percent', 10, 'all', null::bigint, false, null::smallint, null::smallint)$$);
select is(pg_temp.taxes(2), '1 3360 3360 0', 'Q23 a tax on rent and fees');
select pg_temp.tax($$(1, 'per_booking', null::numeric, null, 700::bigint, false, null::smallint, null::smallint), (2, 'per_night', null, null, 200, false, 7::smallint, null),
    (3, 'per_guest', null, null, 300, false, null, null), (4, 'per_guest_night', null, null, 200, false, 7, null)$$);
select is(pg_temp.taxes(10, 3), '1 700 700 0; 7 200 1400 0; 3 300 900 0; 21 200 4200 0', 'Q24 taxes of fixed amounts, limited to seven nights');
select pg_temp.tax($$(1, 'percent', 10, 'all', null::bigint, false, 2::smallint, null::smallint)$$);
select is(pg_temp.taxes(4), '1 3360 3360 0', 'Q25 a percentage of limited nights applies to these nights, their fees per night, and the whole cleaning fee');
select pg_temp.tax($$(1, 'percent', 10, 'rent', null::bigint, false, null::smallint, 5::smallint)$$);
select is(pg_temp.taxes(4), '1 5800 5800 0', 'Q26 a stay one night shorter than the exemption is taxed');
select is(pg_temp.taxes(5), null, 'Q27 a stay as long as the exemption is not taxed');
select pg_temp.tax($$(1, 'percent', 6, 'rent', null::bigint, true, null::smallint, null::smallint)$$);
select is(pg_temp.taxes(1), '1 821 0 821', 'Q28 an included tax adds nothing: 145.00 x 6 / 106 = 8.21');
select is(pg_temp.total('2027-04-01', '2027-04-02'), 18800::bigint, 'Q29 an included tax does not change the total');
select pg_temp.tax($$(1, 'percent', 6, 'rent', null::bigint, true, null::smallint, null::smallint), (2, 'percent', 4, 'all', null, true, null, null)$$);
select is(pg_temp.taxes(1), '1 791 0 791; 1 693 0 693', 'Q30 two included taxes: 14500 x 6 / 110; 14500 x 4 / 110 + 4300 x 4 / 104');
select pg_temp.tax($$(1, 'percent', 6, 'rent', null::bigint, false, null::smallint, null::smallint)$$);

-- the platform fee
insert into private.platform_fees (valid_from, guest_percent, host_percent) values
    ('2027-01-15', 0, 15.5), ('2027-01-20', 14.2, 3), ('2027-03-01', 50, 50);
select is(
    (select string_agg(concat_ws(' ', kind, percent, amount, host_amount), '; ') from pg_temp.lines('2027-04-01', '2027-04-02', p_now => '2027-01-15 00:00+00')
     where kind::text like '%platform%'),
    'host_platform_fee 15.5 0 -2914', 'Q31 only the host pays the platform fee: 15.5 % of nights and fees, 188.00, without taxes'
);
select is(
    (select string_agg(concat_ws(' ', kind, percent, amount, host_amount), '; ') from pg_temp.lines('2027-04-01', '2027-04-02')
     where kind::text like '%platform%'),
    'guest_platform_fee 14.2 2670 0; host_platform_fee 3 0 -564', 'Q32 guest and host share the platform fee of the row valid at that time'
);

-- the quote
delete from private.platform_fees where valid_from > '2001-01-01';
update private.platform_fees set host_percent = 15.5;
select tests.act_as('anon');
select throws_ok('select public.quote_stay(draft, ''2027-04-01'', ''2027-04-02'') from world', 'PT404', null, 'Q33 strangers get no quote of a draft');
create temporary table quote as
select (q).* from (select public.quote_stay(home, '2027-04-01', '2027-04-04', 2, 0, 1) as q from world) q;
grant all on quote to authenticated;
select results_eq(
    'select nights, currency, rent, discount, fees, taxes, guest_platform_fee, guest_total, host_platform_fee, host_total, house_rules_version from quote',
    $$values (3, 'EUR', 43500::bigint, 0::bigint, 4900::bigint, 2610::bigint, 0::bigint, 51010::bigint, -7502::bigint, 43508::bigint, 1)$$,
    'Q34 totals of guest and host: 484.00 + 26.10, less 15.5 % of 484.00 for the host'
);
select is((select sum(l.amount) || ' ' || sum(l.host_amount) from quote, unnest(lines) l), '51010 43508', 'Q35 the lines sum to the totals');
select is(
    (select array_agg(t.description) from quote, unnest(cancellation_terms) t),
    array[
        'Full refund until 27 March 2027, 15:00 (Europe/Lisbon)',
        '50 % refund of the nights not stayed, except one'
    ],
    'Q36 the terms are in words, with dates in the property''s time zone; the period after booking has passed by then'
);
select is((select array_agg(t.refund_amount) from quote, unnest(cancellation_terms) t), array[51010, 17003]::bigint[],
    'Q37 the terms are in amounts: everything, then half of two nights of three with their share of fees and taxes, a third of 510.10');
select is((select array_agg(t.until) from quote, unnest(cancellation_terms) t), array['2027-03-27 15:00+00', null]::timestamptz[], 'Q38 the terms are in instants: 15:00 in Lisbon, before the clocks change');
select is((select expires_at from quote), date_trunc('second', now() + interval '30 minutes'), 'Q39 a quote can be booked for half an hour');
select tests.act_as('authenticated', ben) from world;
select is((select private.quote_stay(home, '2027-04-01', '2027-04-04', 2, 0, 1, 0) from world)::text is not null, true, 'Q40 signed-in people can quote too');
select tests.act_as('postgres');
select ok(private.quote_is_valid(id, terms_hash, ben, now()), 'Q41 a quote made without sign-in is valid for anyone who signs in') from quote, world;
select ok(not private.quote_is_valid(id, terms_hash, ben, expires_at), 'Q42 a quote is not valid from the second in which it ends') from quote, world;
select ok(not private.quote_is_valid(private.quote_id(terms_hash, expires_at, eva), terms_hash, ben, now()), 'Q43 a quote of another person is not valid') from quote, world;
select pg_temp.set('base_price = 14501');
select isnt((private.compute_quote((select p from public.properties p where p.id = home), '2027-04-01', '2027-04-04', 2, 0, 1, 0, null, now())).terms_hash, terms_hash, 'Q44 another price makes another quote') from quote, world;
select pg_temp.set('base_price = 14500');
insert into public.house_rules (property_id, quiet_from, quiet_until) select home, '22:00', '07:00' from world;
select isnt((private.compute_quote((select p from public.properties p where p.id = home), '2027-04-01', '2027-04-04', 2, 0, 1, 0, null, now())).terms_hash, terms_hash, 'Q45 other house rules make another quote') from quote, world;
select throws_ok(
    $$select public.quote_stay(home, '2027-04-04', '2027-04-01', 9, -1, 0, 3) from world$$, 'PT422', null,
    'Q46 a stay that cannot be booked is refused'
);

select * from finish();
rollback;
