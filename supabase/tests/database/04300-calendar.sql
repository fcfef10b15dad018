-- The calendar: a row for each day with results computed by hand, what strangers see, invalid arguments.
begin;
select plan(14);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Sam') as sam;
create temporary table ids on commit drop as
select tests.create_property(hana) as home, tests.create_property(hana, false) as draft from person;
grant select on person, ids to anon, authenticated, service_role;
update public.properties
set
    time_zone = 'Australia/Lord_Howe', currency = 'EUR', base_price = 10000, weekend_price = 12000, min_nights = 2, max_nights = 14,
    booking_window_days = 30, advance_notice_days = 1, advance_notice_cut_off = '18:00', preparation_nights_after = 1
where id = (select home from ids);
insert into public.property_seasons (property_id, name, starts_on, ends_on, price, min_nights)
select home, 'Easter', '2027-04-09', '2027-04-12', 20000, 3 from ids;
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, '2027-04-10', '2027-04-11', 30000 from ids;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on)
select home, 'closed_to_arrival', date '2027-04-11', date '2027-04-12' from ids;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, max_nights)
select home, 'nights', '2027-04-12', '2027-04-13', 5 from ids;
select private.reserve_nights(gen_random_uuid(), home, '2027-04-13', '2027-04-15') from ids;
update public.properties set preparation_nights_after = 0, preparation_nights_before = 2 where id = (select home from ids);
insert into public.host_blocks (property_id, check_in, check_out) select home, '2027-04-19', '2027-04-20' from ids;

-- Sunday 2027-04-04 is the day of 24.5 hours; at 07:30 UTC it is 18:00, and notice for the 5th has ended
select results_eq(
    $$select to_char(day, 'Dy DD'), free, reason, price, min_nights::integer, max_nights::integer, arrival_allowed, departure_allowed
      from ids, private.property_calendar(home, '2027-04-03', '2027-04-22', '2027-04-04 07:30+00')$$,
    $$values
        ('Sat 03', false, 'past', 12000::bigint, 2, 14, false, false),
        ('Sun 04', false, 'advance_notice', 10000, 2, 14, false, false),
        ('Mon 05', false, 'advance_notice', 10000, 2, 14, false, false),
        ('Tue 06', true, null, 10000, 2, 14, true, false),
        ('Wed 07', true, null, 10000, 2, 14, true, true),
        ('Thu 08', true, null, 10000, 2, 14, true, true),
        ('Fri 09', true, null, 20000, 3, 14, true, true),
        ('Sat 10', true, null, 30000, 3, 14, true, true),
        ('Sun 11', true, null, 20000, 3, 14, false, true),
        ('Mon 12', true, null, 10000, 2, 5, true, true),
        ('Tue 13', false, 'unavailable', 10000, 2, 14, false, true),
        ('Wed 14', false, 'unavailable', 10000, 2, 14, false, false),
        ('Thu 15', false, 'unavailable', 10000, 2, 14, false, false),
        ('Fri 16', false, 'unavailable', 12000, 2, 14, false, false),
        ('Sat 17', true, null, 12000, 2, 14, true, false),
        ('Sun 18', true, null, 10000, 2, 14, true, true),
        ('Mon 19', false, 'unavailable', 10000, 2, 14, false, true),
        ('Tue 20', true, null, 10000, 2, 14, true, false),
        ('Wed 21', true, null, 10000, 2, 14, true, true)$$,
    'D01 every day follows the rules'
);
select is(
    (select count(*)::integer from ids, private.property_calendar(home, '2027-04-03', '2027-04-10', '2027-04-04 07:29:59+00') where arrival_allowed),
    5, 'D02 a second earlier, one more day can be booked'
);
select results_eq(
    $$select day, free, arrival_allowed, departure_allowed from ids, private.property_calendar(home, '2027-05-04', '2027-05-06', '2027-04-04 07:30+00')$$,
    $$values (date '2027-05-04', true, true, true), ('2027-05-05', true, false, true)$$,
    'D03 beyond the booking window a stay may end but not begin'
);
select is(
    (select string_agg(day::text, ' ') from ids, private.property_calendar(home, '2011-12-29', '2012-01-01', '2011-12-01')),
    '2011-12-29 2011-12-30 2011-12-31', 'D04 dates that a time zone skipped are ordinary days'
);

-- For clients
select tests.act_as('anon');
select is((select count(*)::integer from ids, public.property_calendar(home, '2027-01-01', '2028-02-05')), 400, 'D05 anon can read 400 days');
select set_eq(
    $$select distinct reason from ids, public.property_calendar(home, '2027-04-10', '2027-04-22') where not free$$,
    array['unavailable'], 'D06 bookings, blocks and preparation nights look the same to strangers'
);
select throws_ok($$select public.property_calendar(home, '2027-01-01', '2028-02-06') from ids$$, 'PT400', null, 'D07 401 days are refused');
select throws_ok($$select public.property_calendar(home, '2027-01-02', '2027-01-02') from ids$$, 'PT400', null, 'D08 zero days are refused');
select throws_ok($$select public.property_calendar(home, 'today', '2027-01-02') from ids$$, 'PT400', null, 'D09 ''today'' is refused');
select throws_ok(
    $$select public.property_calendar(home, '2027-01-01T00:00:00Z', '2027-01-02') from ids$$, 'PT400', 'The argument p_from is not a date.', 'D10 a timestamp is refused'
);
select throws_ok($$select public.property_calendar(home, '2027-02-29', '2027-03-02') from ids$$, 'PT400', null, 'D11 a date that does not exist is refused');
select throws_ok($$select public.property_calendar(draft, '2027-01-01', '2027-01-02') from ids$$, 'PT404', null, 'D12 strangers get no calendar of a draft');
select tests.act_as('authenticated', hana) from person;
select is(
    (select bool_or(arrival_allowed) from ids, public.property_calendar(draft, '2027-01-01', '2027-01-31')), false,
    'D13 the host gets the calendar of a draft, without arrivals'
);
select tests.act_as('authenticated', sam) from person;
select throws_ok($$select public.property_calendar(draft, '2027-01-01', '2027-01-02') from ids$$, 'PT404', null, 'D14 other hosts get no calendar of a draft');

select * from finish();
rollback;
