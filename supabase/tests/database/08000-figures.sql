-- Figures of hosts: a worked month, pace, conversion, cancellations and who may read them. Instants are in the past, because
-- nothing can be booked in the future of the clock.
begin;
select plan(57);

update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Fay') as fay, tests.create_person('Gil') as gil, tests.create_person('Olga') as olga, null::uuid as home,
    null::uuid as other, null::uuid as early, null::uuid as middle, null::uuid as late, null::uuid as gone;
grant select on world to anon, authenticated, service_role;
update auth.users set raw_app_meta_data = '{"roles": ["operator"]}' where id = (select olga from world);
insert into public.user_roles (user_id, role) select olga, 'operator' from world on conflict do nothing;
update world set home = tests.create_property(ana), other = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level)
select home, fay, 'full'::public.co_host_level from world union all select home, gil, 'calendar_and_messages' from world;
update public.properties set
    booking_mode = 'instant', base_price = 10000, max_nights = 100, booking_window_days = 700, advance_notice_cut_off = '23:59:59',
    cancellation_policy_id = 'flexible'
where id in (select home from world union all select other from world);

-- 30 May to 4 June for 500.00; 10 to 17 June for 840.00 less 10 %; 28 June to 5 July for 700.00; one cancelled; block 5 to 8; channel 23 to 25
update world set early = tests.create_booking(ben, home, '2026-05-30', '2026-06-04', 'confirmed', '2026-04-01 12:00+00');
update public.properties set base_price = 12000, weekly_discount_percent = 10 where id = (select home from world);
update world set middle = tests.create_booking(ben, home, '2026-06-10', '2026-06-17', 'confirmed', '2026-05-20 12:00+00');
update public.properties set base_price = 10000, weekly_discount_percent = 0 where id = (select home from world);
update world set late = tests.create_booking(ben, home, '2026-06-28', '2026-07-05', 'confirmed', '2026-06-20 12:00+00');
update world set gone = tests.create_booking(ben, home, '2026-06-18', '2026-06-21', 'confirmed', '2026-04-10 12:00+00');
set constraints all immediate;
set constraints all deferred;
select tests.sign_in(ben) from world;
select private.end_booking(gone, false, null, '2026-05-18 12:00+00', false) from world;
select set_config('request.jwt.claims', '', true);
insert into public.host_blocks (property_id, check_in, check_out) select home, '2026-06-05', '2026-06-08' from world;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'x', '2026-06-23', '2026-06-25' from world;
-- the same stay on another channel, and one that was sold twice
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select home, v.source, 'y', v.check_in, v.check_out
from world, (values ('vrbo', date '2026-06-23', date '2026-06-25'), ('booking', '2026-06-14', '2026-06-16'), ('imported', '2026-06-06', '2026-06-08'))
    as v (source, check_in, check_out);
-- a hold that was not paid
select tests.create_booking(ben, home, '2026-06-19', '2026-06-20', 'awaiting_payment', '2026-06-01 12:00+00') from world;
set constraints all immediate;
set constraints all deferred;

create function pg_temp.june(p_by text default 'month') returns setof public.host_metrics_period language sql as $$
    select m.* from world, public.host_metrics('2026-06-01', '2026-07-01', p_by, array[home]) m
$$;
grant execute on function pg_temp.june to authenticated;

create function pg_temp.pace(p_as_of timestamptz, p_until timestamptz default now()) returns text language sql as $$
    select (p.nights, p.revenue, p.later_nights, p.later_revenue, p.pickup_nights, p.pickup_revenue)::text
    from world, public.pace('2026-06', p_as_of, p_until, array[home]) p
$$;
grant execute on function pg_temp.pace to authenticated;

select tests.act_as('authenticated', ana) from world;
select is(array_agg((total_nights, sold_nights, blocked_nights, channel_nights)::text), '{"(30,13,3,2)"}', 'FI01 a worked month: nights') from pg_temp.june();
select is(array_agg((occupancy_percent, adjusted_occupancy_percent, channel_occupancy_percent)::text), '{"(43.33,48.15,55.56)"}', 'FI02 occupancy: paid, adjusted, with channels') from pg_temp.june();
select is(array_agg((currency, revenue, adr, revpar, adjusted_revpar)::text), '{"(EUR,135600,10431,4520,5022)"}', 'FI03 revenue, ADR, RevPAR and adjusted RevPAR') from pg_temp.june();
select is(array_agg((stays, lead_time_days, average_nights)::text), '{"(3,21,6.33)"}', 'FI04 the median lead time of 59, 21 and 8 days is 21; 5, 7 and 7 nights are 6.33 on average') from pg_temp.june();
select is(array_agg((bookings_begun, bookings_paid, paid_percent)::text), '{"(4,3,75.00)"}', 'FI05 of four holds for arrivals in June three were paid, one of them cancelled later') from pg_temp.june();
select is(array_agg((cancelled_by_guest, guest_cancellation_percent, cancelled_by_host, host_cancellation_percent)::text), '{"(1,33.33,0,0.00)"}', 'FI06 cancellations by side') from pg_temp.june();
select is(array_agg((period_start, period_end)::text), '{"(2026-06-01,2026-07-01)"}', 'FI07 the period is half-open') from pg_temp.june();

-- any division of the same days has the same sums
select is(count(*), 30::bigint, 'FI08 thirty days') from pg_temp.june('day');
select is(
    (sum(revenue), sum(sold_nights), sum(total_nights), sum(blocked_nights), sum(channel_nights), sum(bookings_begun), sum(cancelled_by_guest))::text,
    '(135600,13,30,3,2,4,1)', 'FI09 days sum to the month'
) from pg_temp.june('day');
select is(
    (sum(revenue), sum(sold_nights), sum(total_nights), sum(blocked_nights), sum(channel_nights), sum(bookings_begun), sum(cancelled_by_guest))::text,
    '(135600,13,30,3,2,4,1)', 'FI10 weeks sum to the month'
) from pg_temp.june('week');
select is(array_agg(period_start::text order by period_start), '{2026-06-01,2026-06-08,2026-06-15,2026-06-22,2026-06-29}', 'FI11 weeks begin on Monday') from pg_temp.june('week');
select is((sold_nights, revenue)::text, '(1,10000)', 'FI12 a night belongs to its date') from pg_temp.june('day') where period_start = '2026-06-03';
select is((sold_nights, revenue)::text, '(0,0)', 'FI13 the night of the check-out is not sold') from pg_temp.june('day') where period_start = '2026-06-04';
select is((stays, lead_time_days, average_nights)::text, '(1,8,7.00)', 'FI14 a stay counts in each period that has a night of it') from pg_temp.june('week') where period_start = '2026-06-29';
select is(
    array_agg((period_start, period_end, sold_nights, revenue, stays)::text order by period_start),
    '{"(2026-05-31,2026-06-01,1,10000,1)","(2026-06-01,2026-07-01,13,135600,3)","(2026-07-01,2026-07-03,2,20000,1)"}',
    'FI15 months that the range cuts'
) from world, public.host_metrics('2026-05-31', '2026-07-03', 'month', array[home]);
select is((sold_nights, revenue, total_nights)::text, '(2,20000,2)', 'FI16 a range inside a month; nights count from the first stay, before the publication') from world, public.host_metrics('2026-05-28', '2026-06-01', 'month', array[home]);
select is((total_nights, sold_nights, occupancy_percent, adr, lead_time_days)::text, '(30,13,43.33,10431,21)', 'FI17 without a list, all properties of the host count') from public.host_metrics('2026-06-01', '2026-07-01');
select is((total_nights, occupancy_percent, adr, revpar)::text, '(0,,,)', 'FI18 before that there are none, and no percentages') from world, public.host_metrics('2026-04-01', '2026-05-01', 'month', array[home]);
select is(sum(total_nights), 10::bigint, 'FI19 a property without stays counts from its publication') from world, public.host_metrics((current_date - 10)::text, (current_date + 10)::text, 'day', array[other]) where period_start >= (now() at time zone 'Europe/Lisbon')::date;

-- pace, as stored: 3 nights on 15 May, 10 on 31 May, 13 in the end
select is(pg_temp.pace('2026-05-15 12:00+00', '2026-05-31 12:00+00'), '(6,60000,10,105600,4,45600)', 'FI20 pace: on 15 May the stay that was cancelled later was on the books');
select is(pg_temp.pace('2026-04-05 12:00+00', '2026-05-31 12:00+00'), '(3,30000,10,105600,7,75600)', 'FI21 the pick-up of the worked month: 7 nights, 756.00');
select is(pg_temp.pace('2026-05-31 12:00+00'), '(10,105600,13,135600,3,30000)', 'FI22 without an end, until now');
select is(pg_temp.pace('2026-05-10 12:00+00', '2026-05-19 12:00+00'), '(6,60000,3,30000,-3,-30000)', 'FI23 a cancellation is a negative pick-up');
select is(pg_temp.pace('2026-03-01 12:00+00', '2026-03-02 12:00+00'), '(0,0,0,0,0,0)', 'FI24 nothing was on the books before the first booking');
select tests.throws_code($$select public.pace('2026-13', now())$$, 'invalid_month');
select tests.throws_code($$select public.pace('2026-06', now(), now() - interval '1 day')$$, 'moments_out_of_order');
select tests.throws_code($$select public.pace('2026-06', null)$$, 'value_missing');

-- currencies are never added; converted with a rate and its date
select tests.act_as('postgres');
insert into public.exchange_rates (from_currency, to_currency, rate, valid_from)
values ('EUR', 'USD', 1.1, '2026-01-01 00:00+00'), ('EUR', 'USD', 1.2, '2026-02-01 00:00+00');
update public.properties set currency = 'JPY', base_price = 12000 where id = (select other from world);
select tests.act_as('authenticated', ana) from world;
select is(
    array_agg((currency, total_nights, revenue, converted_currency, converted_revenue, exchange_rate, rate_valid_from at time zone 'UTC')::text order by currency),
    '{"(EUR,30,135600,USD,162720,1.2,\"2026-02-01 00:00:00\")","(JPY,0,0,USD,,,)"}',
    'FI28 a row for each currency; converted at the newest rate, with its date; without a rate not converted'
) from public.host_metrics('2026-06-01', '2026-07-01', p_currency => 'USD');
select is((converted_revenue, exchange_rate, rate_valid_from)::text, '(135600,1,)', 'FI29 the same currency needs no rate') from world, public.host_metrics('2026-06-01', '2026-07-01', 'month', array[home], 'EUR');
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01', p_currency => 'XYZ')$$, 'unknown_currency');

-- who may read
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01', 'year')$$, 'unknown_period');
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-06-01')$$, 'invalid_period_range');
select tests.throws_code($$select public.host_metrics('2024-01-01', '2026-07-01', 'day')$$, 'invalid_period_range');
select tests.throws_code($$select public.host_metrics('1 June', '2026-07-01')$$, 'invalid_date');
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01', 'month', '{}')$$, 'figures_not_yours');
select tests.act_as('authenticated', fay) from world;
select is((sold_nights, revenue)::text, '(13,135600)', 'FI36 a co-host of level full reads the figures of that property') from public.host_metrics('2026-06-01', '2026-07-01');
select tests.throws_code(format($$select public.host_metrics('2026-06-01', '2026-07-01', 'month', array[%L]::uuid[])$$, other), 'figures_not_yours', 'FI37 and no others') from world;
select tests.act_as('authenticated', gil) from world;
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01')$$, 'figures_not_yours', 'FI38 a co-host of a lower level reads none');
select tests.act_as('authenticated', eva) from world;
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01')$$, 'figures_not_yours', 'FI39 a stranger has none');
select tests.throws_code(format($$select public.%s$$, f), 'figures_not_yours', 'FI40 a stranger: ' || f)
from world, unnest(array[
    format($$host_metrics('2026-06-01', '2026-07-01', 'month', array[%L]::uuid[])$$, home),
    format($$pace('2026-06', now(), now(), array[%L]::uuid[])$$, home),
    format($$lost_demand('2026-06-01', '2026-07-01', array[%L]::uuid[])$$, home),
    format($$simulate_prices('2026-06-01', '2026-07-01', array[%L]::uuid[])$$, home),
    format($$simulate_policy('firm', '2026-06-01', '2026-07-01', array[%L]::uuid[])$$, home)
]) as f;
select tests.act_as('authenticated', olga) from world;
select is(sold_nights, 13, 'FI41 an operator reads those of any property') from world, public.host_metrics('2026-06-01', '2026-07-01', 'month', array[home]);
select tests.throws_code($$select public.host_metrics('2026-06-01', '2026-07-01')$$, 'figures_of_none', 'FI42 and says which');
select tests.act_as('service_role');
select is(sold_nights, 13, 'FI43 so does a service') from world, public.host_metrics('2026-06-01', '2026-07-01', 'month', array[home]);
select tests.act_as('anon');
select throws_ok($$select public.host_metrics('2026-06-01', '2026-07-01')$$, '42501', null, 'FI44 signed out there are no figures');
select throws_ok($$select public.pace('2026-06', now())$$, '42501', null, 'FI45 and no pace');
select throws_ok($$select count(*) from private.stay_months$$, '42501', null, 'FI46 no API role reads the rows behind them');

-- a no-show that the host is paid for, and one that is not; an alteration; a cancellation by the host
select tests.act_as('postgres');
create temporary table more as select
    tests.create_booking(ben, home, '2026-08-01', '2026-08-05', 'confirmed', '2026-07-06 12:00+00') as no_show,
    tests.create_booking(ben, home, '2026-09-01', '2026-09-03', 'confirmed', '2026-07-06 12:00+00') as by_host,
    tests.create_booking(ben, home, date_trunc('month', current_date + 60)::date, date_trunc('month', current_date + 60)::date + 3) as altered,
    date_trunc('month', current_date + 60)::date as first_day
from world;
grant select on more to authenticated;
set constraints all immediate;
set constraints all deferred;
select tests.sign_in(ana) from world;
select private.end_booking(no_show, true, null, '2026-08-02 12:00+00', false) from more;
select private.end_booking(by_host, false, null, '2026-08-01 12:00+00', false) from more;
set constraints all immediate;
set constraints all deferred;
select tests.act_as('authenticated', ana) from world;
-- flexible keeps one night of four: a quarter of the rent, spread over the nights
select is((sold_nights, revenue, cancelled_by_guest, cancelled_by_host)::text, '(4,10000,0,0)', 'FI47 the nights of a no-show are sold for what the guest did not get back') from world, public.host_metrics('2026-08-01', '2026-09-01', 'month', array[home]);
select is((sold_nights, revenue, cancelled_by_host, host_cancellation_percent)::text, '(0,0,1,100.00)', 'FI48 a cancellation by the host') from world, public.host_metrics('2026-09-01', '2026-10-01', 'month', array[home]);
select is((pickup_nights, pickup_revenue)::text, '(0,-30000)', 'FI49 pace counts the no-show from when it was reported') from world, public.pace('2026-08', '2026-08-01 00:00+00', now(), array[home]);
-- an alteration: three nights become two, the moment is now
select tests.act_as('postgres');
select tests.sign_in(ben) from world;
create temporary table proposal as
select private.propose_alteration(altered, first_day, first_day + 2, 2, 0, 0, 0, now()) as id from more;
select tests.sign_in(ana) from world;
do $$ begin perform private.answer_alteration(id, true, now()) from proposal; end $$;
set constraints all immediate;
set constraints all deferred;
-- the booking and its change have one moment here, and the last state counts
select is(sum(s.sold_nights), 2::bigint, 'FI53 an altered stay has its new nights') from private.stay_months s, more m where s.booking_id = m.altered and s.valid_until = 'infinity';
select is(count(*), 0::bigint, 'FI50 no booking has two rows for one month at one time')
from private.stay_months a join private.stay_months b
    on b.booking_id = a.booking_id and b.month = a.month and b.valid_from > a.valid_from and b.valid_from < a.valid_until;
select is(count(*), 0::bigint, 'FI51 the revenue of a row is that of its nights')
from private.stay_months s
where s.revenue <> coalesce((select sum(n) from unnest(s.night_revenues) n), 0) or s.sold_nights <> cardinality(s.night_revenues);
select is(count(*), 0::bigint, 'FI52 the nights of a stay sum to its rent after discounts')
from private.bookings b
join lateral (select sum(s.revenue) as revenue from private.stay_months s where s.booking_id = b.id and s.valid_until = 'infinity') s on true
where b.status in ('confirmed', 'completed') and s.revenue is distinct from (
    select sum(l.amount) from public.booking_line_items l where l.booking_id = b.id and l.kind in ('nights', 'discount')
);
select * from finish();
rollback;
