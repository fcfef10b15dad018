-- Figures of a property with units: each night of each unit counts.
begin;
select plan(5);

create temporary table world on commit drop as
select tests.create_person('Hana') as hana, tests.create_person('Gita') as gita, null::uuid as pool, null::uuid as first;
grant select on world to authenticated;
update world set pool = tests.create_property(hana);
update public.properties set booking_mode = 'instant', base_price = 10000, booking_window_days = 700, advance_notice_cut_off = '23:59:59'
where id = (select pool from world);
select from world, private.set_units(pool, '{101,102,103}');

-- 10 to 14 June two units, 12 to 13 June one more; block of all 20 to 22; one unit 24 to 25; channel 26 to 28
update world set first = tests.create_booking(gita, pool, '2026-06-10', '2026-06-14', 'confirmed', '2026-05-01 12:00+00', 2, 2);
select tests.create_booking(gita, pool, '2026-06-12', '2026-06-13', 'confirmed', '2026-05-02 12:00+00') from world;
insert into public.host_blocks (property_id, check_in, check_out) select pool, '2026-06-20', '2026-06-22' from world;
insert into public.host_blocks (property_id, unit_id, check_in, check_out)
select pool, u.id, '2026-06-24', '2026-06-25' from world join public.units u on u.property_id = pool and u.name = '102';
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select pool, v.source, v.source, '2026-06-26', '2026-06-28' from world, (values ('airbnb'), ('vrbo')) v (source);
set constraints all immediate;
set constraints all deferred;

select tests.act_as('authenticated', hana) from world;
select is(
    (select (total_nights, sold_nights, blocked_nights, channel_nights)::text from public.host_metrics('2026-06-10', '2026-07-01')),
    '(63,9,7,4)', 'FU01 nights of a part of a month: 21 days of three units'
);
select is(
    (select (sum(total_nights), sum(sold_nights), sum(blocked_nights), sum(channel_nights))::text from public.host_metrics('2026-06-10', '2026-07-01', 'day')),
    '(63,9,7,4)', 'FU02 days sum to it'
);
select is(
    (select (sold_nights, stays, revenue, adr)::text from public.host_metrics('2026-06-01', '2026-07-01')),
    '(9,2,90000,10000)', 'FU03 a whole month: two stays, nine nights, and the price of a night of one unit'
);
select is(
    (select (sold_nights, occupancy_percent)::text from public.host_metrics('2026-06-12', '2026-06-13', 'day')),
    '(3,100.00)', 'FU04 a night in which all are sold'
);
select is(
    (select (nights, later_nights)::text from public.pace('2026-06', '2026-05-01 13:00+00', '2026-05-03 12:00+00')),
    '(8,9)', 'FU05 pace counts them, too'
);

select * from finish();
rollback;
