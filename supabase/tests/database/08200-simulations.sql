-- Simulations: the same prices and policies give what was; others give what the functions of bookings give. Instants are in the past.
begin;
select plan(24);

update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';
create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Fay') as fay, tests.create_person('Cem') as cem,
    null::uuid as home, null::uuid as week, null::uuid as short, null::uuid as gone, null::uuid as no_show;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level) select home, fay, 'full'::public.co_host_level from world;
update public.properties set
    booking_mode = 'instant', base_price = 10000, weekly_discount_percent = 10, booking_window_days = 700, advance_notice_cut_off = '23:59:59',
    cancellation_policy_id = 'flexible'
where id = (select home from world);
insert into public.property_fees (property_id, kind, name, amount) select home, 'cleaning', 'Cleaning', 4000 from world;
update world set
    week = tests.create_booking(ben, home, '2026-03-01', '2026-03-08', 'confirmed', '2026-01-10 12:00+00'),
    short = tests.create_booking(ben, home, '2026-03-10', '2026-03-12', 'confirmed', '2026-03-08 12:00+00');
update world set
    gone = tests.create_booking(ben, home, '2026-04-01', '2026-04-05', 'confirmed', '2026-01-10 12:00+00'),
    no_show = tests.create_booking(ben, home, '2026-04-10', '2026-04-14', 'confirmed', '2026-01-10 12:00+00');
set constraints all immediate;
set constraints all deferred;
select tests.sign_in(ben) from world;
-- flexible, nine days before: everything back
do $$ begin perform private.end_booking(gone, false, null, '2026-03-23 12:00+00', false) from world; end $$;
select tests.sign_in(ana) from world;
-- flexible, at check-in: one night of four is kept
do $$ begin perform private.end_booking(no_show, true, null, '2026-04-11 12:00+00', false) from world; end $$;
set constraints all immediate;
set constraints all deferred;

select tests.act_as('authenticated', ana) from world;
select is(count(*), 3::bigint, 'SM01 a row for each stay and one of totals') from public.simulate_prices('2026-03-01', '2026-04-01');
select is((rent, what_if_rent, rent_difference, guest_total, guest_total_difference, host_total_difference)::text, '(83000,83000,0,91000,0,0)', 'SM02 without changes nothing differs, in total') from public.simulate_prices('2026-03-01', '2026-04-01') where booking_id is null;
select is_empty($$select from public.simulate_prices('2026-03-01', '2026-04-01') where (rent_difference, guest_total_difference, host_total_difference) <> (0, 0, 0)$$, 'SM03 nor line by line');
-- 7 x 100.00 less 10 % = 630.00; times 110 %: 693.00; with cleaning 40.00, less 15.5 %
select is((rent, what_if_rent, guest_total, what_if_guest_total, what_if_host_total)::text, '(63000,69300,67000,73300,61938)', 'SM04 ten per cent more a night, with the discount as it was') from world, public.simulate_prices('2026-03-01', '2026-04-01', p_night_percent => 110) where booking_id = week;
select is((what_if_rent, rent_difference)::text, '(70000,7000)', 'SM05 no weekly discount') from world, public.simulate_prices('2026-03-01', '2026-04-01', p_weekly_discount_percent => 0) where booking_id = week;
-- the short stay was booked two days ahead: a last-minute discount of 20 % on 200.00
select is((what_if_rent, rent_difference)::text, '(16000,-4000)', 'SM06 a last-minute discount counts from the day of the booking') from world, public.simulate_prices('2026-03-01', '2026-04-01', p_last_minute_discount_percent => 20) where booking_id = short;
-- Sunday 1 to Sunday 8 March 2026: five nights at 80.00, Friday and Saturday at 120.00: 640.00 less 10 %
select is((what_if_rent, nights)::text, '(57600,7)', 'SM07 another base and weekend price') from world, public.simulate_prices('2026-03-01', '2026-04-01', p_base_price => 8000, p_weekend_price => 12000) where booking_id = week;
select is((nights, currency, what_if_rent, rent_difference)::text, '(9,EUR,41500,-41500)', 'SM08 totals by currency') from public.simulate_prices('2026-03-01', '2026-04-01', p_night_percent => 50) where booking_id is null;
select is((select base_price from public.properties p, world where p.id = home), 10000::bigint, 'SM09 a simulation changes nothing');
select tests.throws_code($$select public.simulate_prices('2026-03-01', '2026-04-01', p_night_percent => 0)$$, 'invalid_simulation');
select tests.throws_code($$select public.simulate_prices('2026-03-01', '2026-04-01', p_weekly_discount_percent => 100)$$, 'invalid_simulation');

select is((refund_difference, host_amount_difference)::text, '(0,0)', 'SM12 the policy that it had gives what it gave') from public.simulate_policy('flexible', '2026-04-01', '2026-05-01') where booking_id is null;
-- firm, nine days before: half of 440.00; 84.5 % of the other half
select is((cancellation_policy_id, guest_total, refund, what_if_refund, host_amount, what_if_host_amount)::text, '(flexible,44000,44000,22000,0,18590)', 'SM13 firm instead of flexible, nine days before') from world, public.simulate_policy('firm', '2026-04-01', '2026-05-01') where booking_id = gone;
select is((is_no_show, refund, what_if_refund, host_amount, what_if_host_amount)::text, '(t,33000,0,9295,37180)', 'SM14 a no-show under firm') from world, public.simulate_policy('firm', '2026-04-01', '2026-05-01') where booking_id = no_show;
select is((refund, what_if_refund, refund_difference, host_amount_difference)::text, '(77000,22000,-55000,46475)', 'SM15 totals by currency') from public.simulate_policy('firm', '2026-04-01', '2026-05-01') where booking_id is null;
select tests.throws_code($$select public.simulate_policy('none', '2026-04-01', '2026-05-01')$$, 'unknown_cancellation_policy');

-- who may
select tests.act_as('authenticated', fay) from world;
select is((rent, what_if_rent, host_total, what_if_host_total)::text, '(83000,41500,,)', 'SM17 a co-host sees what guests pay, not what the host receives') from public.simulate_prices('2026-03-01', '2026-04-01', p_night_percent => 50) where booking_id is null;
select tests.throws_code($$select public.simulate_policy('firm', '2026-04-01', '2026-05-01')$$, 'figures_not_yours', 'SM18 and no cancellations');
select tests.act_as('authenticated', cem) from world;
select tests.throws_code($$select public.simulate_prices('2026-03-01', '2026-04-01')$$, 'figures_not_yours', 'SM19 a stranger sees nothing');
insert into public.cancellation_policies (name, steps) values ('Mine', '[{"refund_percent": 0, "nights_kept": 0}]');
select tests.act_as('postgres');
create temporary table others as select c.id from public.cancellation_policies c, world where c.host_id = cem;
grant select on others to authenticated;
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(format($$select public.simulate_policy(%L, '2026-04-01', '2026-05-01')$$, (select id from others)), 'unknown_cancellation_policy', 'SM20 the policy of another host is unknown');
select tests.act_as('anon');
select throws_ok($$select public.simulate_prices('2026-03-01', '2026-04-01')$$, '42501', null, 'SM21 signed out there are no simulations');
select throws_ok($$select public.simulate_policy('firm', '2026-04-01', '2026-05-01')$$, '42501', null, 'SM22 of either kind');
select tests.act_as('postgres');
update private.settings set value = '1' where name = 'simulated_bookings';
select tests.act_as('authenticated', ana) from world;
select tests.throws_code($$select public.simulate_prices('2026-03-01', '2026-04-01')$$, 'too_many_simulated', 'SM23 a simulation has a limit of bookings');
select tests.throws_code($$select public.simulate_policy('firm', '2026-04-01', '2026-05-01')$$, 'too_many_simulated', 'SM24 of both kinds');
select * from finish();
rollback;
