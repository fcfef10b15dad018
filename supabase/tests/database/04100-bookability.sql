-- Bookability: each reason, all of them together, and the property's clock, with results computed by hand.
begin;
select plan(51);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Sam') as sam;
create temporary table ids on commit drop as
select tests.create_property(hana) as home, tests.create_property(hana, false) as draft from person;
grant select on person, ids to anon, authenticated, service_role;
update public.properties
set
    time_zone = 'Europe/Lisbon', max_guests = 4, max_infants = 1, max_pets = 0, min_nights = 2, max_nights = 14,
    booking_window_days = 365, advance_notice_days = 1, advance_notice_cut_off = '18:00'
where id in (select home from ids union all select draft from ids);

create function pg_temp.codes(p_check_in date, p_check_out date, p_at timestamptz default '2027-03-01 12:00+00', p_adults integer default 2, p_children integer default 0, p_infants integer default 0, p_pets integer default 0)
returns text language sql as $$
    select coalesce(string_agg(r ->> 'code', ','), '')
    from ids, jsonb_array_elements(private.bookability(home, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, null, p_at)) r
$$;
create function pg_temp.reason(p_code text, p_check_in date, p_check_out date, p_at timestamptz default '2027-03-01 12:00+00')
returns jsonb language sql as $$
    select r - 'message' - 'code'
    from ids, jsonb_array_elements(private.bookability(home, p_check_in, p_check_out, p_at => p_at)) r
    where r ->> 'code' = p_code
$$;

-- The party
select is(pg_temp.codes('2027-06-01', '2027-06-05'), '', 'B01 a stay that breaks no rule can be booked');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_adults => 3, p_children => 2), 'too_many_guests', 'B02 adults and children count as guests');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_adults => 3, p_children => 1, p_infants => 1), '', 'B03 infants do not count as guests');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_infants => 2), 'too_many_infants', 'B04 infants have a limit of their own');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_pets => 1), 'pets_not_allowed', 'B05 pets have a limit of their own');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_adults => 0, p_children => 1), 'no_adult', 'B06 a party needs an adult');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_children => -1), 'invalid_party', 'B07 negative numbers are refused');
select is(pg_temp.codes('2027-06-01', '2027-06-05', p_adults => 2147483647, p_children => 2147483647), 'too_many_guests', 'B08 huge numbers are refused without overflow');

-- The dates
select is(pg_temp.codes('2027-06-05', '2027-06-05'), 'check_out_before_check_in', 'B09 a stay has at least one night');
select is(pg_temp.codes('2027-06-05', '2027-06-01'), 'check_out_before_check_in', 'B10 check-out is after check-in');
select is(pg_temp.codes('2027-02-28', '2027-03-05'), 'past_date', 'B11 past dates are refused');
select is(pg_temp.codes('9999-01-01', '9999-01-05'), 'dates_out_of_range', 'B12 the year 9999 is refused');
select is(pg_temp.codes('infinity', 'infinity'), 'dates_out_of_range', 'B13 an infinite date is refused');
select is(pg_temp.codes(null, '2027-06-05'), 'dates_out_of_range', 'B14 missing dates are refused');
select is(pg_temp.codes('2027-06-01', '2027-06-02'), 'min_stay', 'B15 a stay with too few nights is refused');
select is(pg_temp.reason('min_stay', '2027-06-01', '2027-06-02'), '{"nights": 1, "check_in": "2027-06-01", "min_nights": 2}', 'B16 the error for too few nights contains the number needed');
select is(pg_temp.codes('2027-06-01', '2027-06-16'), 'max_stay', 'B17 a stay with too many nights is refused');
select is(pg_temp.codes('2028-02-29', '2028-03-03'), '', 'B18 a check-in in 365 days is inside the booking window');
select is(pg_temp.codes('2028-03-01', '2028-03-03'), 'booking_window', 'B19 a check-in in 366 days is outside the booking window');
select is(pg_temp.reason('booking_window', '2028-03-01', '2028-03-03'), '{"days": 365, "latest_check_in": "2028-02-29"}', 'B20 the error contains the latest check-in, counted across a leap day');

-- Rules for ranges replace seasons, which replace the property's own
insert into public.property_seasons (property_id, name, starts_on, ends_on, min_nights, max_nights)
select home, 'Summer', '2027-07-01', '2027-09-01', 5, null from ids;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights)
select home, 'nights', '2027-07-10', '2027-07-20', 3, 4 from ids;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on)
select home, kind::public.availability_rule_kind, date '2027-08-15', date '2027-08-16' from ids, unnest(array['closed_to_arrival', 'closed_to_departure']) kind;
select is(pg_temp.codes('2027-07-01', '2027-07-05'), 'min_stay', 'B21 a stay that begins in the season needs 5 nights');
select is(pg_temp.codes('2027-06-30', '2027-07-04'), '', 'B22 the season''s minimum stay does not apply to a stay that begins before the season');
select is(pg_temp.codes('2027-07-10', '2027-07-13'), '', 'B23 a rule for a range replaces the season''s minimum stay');
select is(pg_temp.codes('2027-07-10', '2027-07-15'), 'max_stay', 'B24 a rule for a range replaces the season''s maximum stay');
select is(pg_temp.codes('2027-07-20', '2027-07-25'), '', 'B25 a rule does not apply outside its range');
select is(pg_temp.codes('2027-08-15', '2027-08-20'), 'closed_to_arrival', 'B26 a stay cannot begin on a day closed to arrival');
select is(pg_temp.codes('2027-08-10', '2027-08-15'), 'closed_to_departure', 'B27 a stay cannot end on a day closed to departure');
select is(pg_temp.codes('2027-08-14', '2027-08-19'), '', 'B28 a stay can include a day closed to departure');
update public.properties set check_in_weekdays = '{6}', check_out_weekdays = '{6}' where id = (select home from ids);
select is(pg_temp.codes('2027-06-05', '2027-06-12'), '', 'B29 a stay from Saturday to Saturday is allowed');
select is(pg_temp.codes('2027-06-06', '2027-06-11'), 'check_in_weekday,check_out_weekday', 'B30 a stay from Sunday to Friday is refused when stays begin and end on Saturdays');
update public.properties set check_in_weekdays = '{1,2,3,4,5,6,7}', check_out_weekdays = '{1,2,3,4,5,6,7}' where id = (select home from ids);

-- Other stays
select private.reserve_nights('00000000-0000-4000-8000-00000000000a', home, '2027-05-10', '2027-05-15', null) from ids;
update public.properties set preparation_nights_before = 1, preparation_nights_after = 2 where id = (select home from ids);
select is(pg_temp.codes('2027-05-12', '2027-05-20'), 'occupied', 'B31 the error says that nights are taken');
select is(pg_temp.reason('occupied', '2027-05-12', '2027-05-20'), '{"nights": [{"from": "2027-05-12", "until": "2027-05-15"}]}', 'B32 the error names only taken nights within the requested dates');
select is(pg_temp.codes('2027-05-15', '2027-05-20'), 'preparation_before', 'B33 a stay without the preparation night before it is refused');
select is(pg_temp.reason('preparation_before', '2027-05-15', '2027-05-20'), '{"free_nights": 0, "needed_nights": 1}', 'B34 the error contains the free and the needed preparation nights');
select is(pg_temp.codes('2027-05-16', '2027-05-20'), '', 'B35 one free night is enough, because the earlier stay was booked before the setting changed');
select is(pg_temp.codes('2027-05-05', '2027-05-09'), 'preparation_after', 'B36 a stay without the two preparation nights after it is refused');
select is(
    private.bookability(home, '2027-05-12', '2027-05-20', p_ignore_booking => '00000000-0000-4000-8000-00000000000a', p_at => '2027-03-01'),
    '[]', 'B37 a booking that is altered does not block its own nights'
) from ids;

-- All together
select is(
    pg_temp.codes('2027-02-27', '2027-02-28', p_adults => 40, p_infants => 9, p_pets => 3),
    'too_many_guests,too_many_infants,pets_not_allowed,past_date,min_stay', 'B38 every broken rule is named'
);
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(private.bookability(draft, '2027-06-01', '2027-06-02', p_at => '2027-03-01')) r),
    'not_published,min_stay', 'B39 every broken rule of a draft is named too'
);
select is(
    (select string_agg(r ->> 'code', ',') from jsonb_array_elements(private.bookability(gen_random_uuid(), '2027-06-01', '2027-06-02')) r),
    'not_published', 'B40 a property that does not exist counts as not published'
);

-- The clock: one day's notice until 18:00 local time; until when the stay after a change of the clocks can be booked
create function pg_temp.notice(p_time_zone text, p_cut_off time, p_check_in date, p_at timestamptz) returns text
language plpgsql as $$
begin
    update public.properties set time_zone = p_time_zone, advance_notice_cut_off = p_cut_off where id = (select home from ids);
    return pg_temp.codes(p_check_in, p_check_in + 3, p_at);
end
$$;
-- Lisbon, 2027-03-28: 01:00 UTC becomes 02:00; 18:00 there is 17:00 UTC
select is(
    array[
        pg_temp.notice('Europe/Lisbon', '18:00', '2027-03-29', '2027-03-28 16:59:59+00'),
        pg_temp.notice('Europe/Lisbon', '18:00', '2027-03-29', '2027-03-28 17:00:00+00')
    ], array['', 'advance_notice'], 'B41 Lisbon: notice on the day of 23 hours'
);
-- Lisbon, 2027-10-31: 02:00 becomes 01:00, at 01:00 UTC; 01:30 comes twice and the second, 01:30 UTC, counts
select is(
    array[
        pg_temp.notice('Europe/Lisbon', '01:30', '2027-11-01', '2027-10-31 00:30:00+00'),
        pg_temp.notice('Europe/Lisbon', '01:30', '2027-11-01', '2027-10-31 01:29:59+00'),
        pg_temp.notice('Europe/Lisbon', '01:30', '2027-11-01', '2027-10-31 01:30:00+00')
    ], array['', '', 'advance_notice'], 'B42 Lisbon: notice in the hour that occurs twice'
);
-- Lisbon, 2027-03-28: at 01:00 UTC the clocks go from 01:00 to 02:00, past 01:30
select is(
    array[
        pg_temp.notice('Europe/Lisbon', '01:30', '2027-03-29', '2027-03-28 00:59:59+00'),
        pg_temp.notice('Europe/Lisbon', '01:30', '2027-03-29', '2027-03-28 01:00:00+00')
    ], array['', 'advance_notice'], 'B43 Lisbon: notice in the hour that is skipped'
);
-- Adelaide, 2027-10-03: +09:30 becomes +10:30; 18:00 is 07:30 UTC
select is(
    array[
        pg_temp.notice('Australia/Adelaide', '18:00', '2027-10-04', '2027-10-03 07:29:59+00'),
        pg_temp.notice('Australia/Adelaide', '18:00', '2027-10-04', '2027-10-03 07:30:00+00')
    ], array['', 'advance_notice'], 'B44 Adelaide: notice when the clocks go forward an hour'
);
-- Lord Howe, 2027-04-04: +11 becomes +10:30; 18:00 is 07:30 UTC
select is(
    array[
        pg_temp.notice('Australia/Lord_Howe', '18:00', '2027-04-05', '2027-04-04 07:29:59+00'),
        pg_temp.notice('Australia/Lord_Howe', '18:00', '2027-04-05', '2027-04-04 07:30:00+00')
    ], array['', 'advance_notice'], 'B45 Lord Howe: notice when the clocks go back half an hour'
);
-- Apia: after 2011-12-29 24:00 (-10, 2011-12-30 10:00 UTC) comes 2011-12-31 00:00 (+14)
select is(
    array[
        pg_temp.notice('Pacific/Apia', '18:00', '2011-12-29', '2011-12-30 09:59:59+00'),
        pg_temp.notice('Pacific/Apia', '18:00', '2011-12-30', '2011-12-30 09:59:59+00'),
        pg_temp.notice('Pacific/Apia', '18:00', '2011-12-30', '2011-12-30 10:00:00+00'),
        pg_temp.notice('Pacific/Apia', '18:00', '2011-12-31', '2011-12-30 10:00:00+00'),
        pg_temp.notice('Pacific/Apia', '18:00', '2012-01-01', '2011-12-31 03:59:59+00'),
        pg_temp.notice('Pacific/Apia', '18:00', '2012-01-01', '2011-12-31 04:00:00+00')
    ],
    array['advance_notice', 'advance_notice', 'past_date', 'advance_notice', '', 'advance_notice'],
    'B46 Apia: notice around the day that was skipped'
);
-- Kiritimati (+14) is a day ahead of Pago Pago (-11)
select is(
    array[
        pg_temp.notice('Pacific/Kiritimati', '18:00', '2027-06-15', '2027-06-15 10:00+00'),
        pg_temp.notice('Pacific/Pago_Pago', '18:00', '2027-06-15', '2027-06-15 10:00+00'),
        pg_temp.notice('Pacific/Pago_Pago', '18:00', '2027-06-16', '2027-06-15 10:00+00')
    ], array['past_date', 'advance_notice', ''], 'B47 today depends on the time zone'
);

-- For clients
select tests.act_as('anon');
select is(
    (select string_agg(r ->> 'code', ',') from ids, jsonb_array_elements(public.bookability(home, '2001-01-01', '2001-01-01')) r),
    'check_out_before_check_in,past_date', 'B48 anon can ask about a published property'
);
select throws_ok('select public.bookability(draft, ''2027-01-01'', ''2027-01-02'') from ids', 'PT404', null, 'B49 anon cannot ask about a draft');

-- Parsing dates: two of them, each of which may be null
create function pg_temp.days(p_texts text[]) returns text language plpgsql as $$
declare
    v_detail text;
begin
    return private.parse_dates(p_texts, array['from', 'until']);
exception when sqlstate 'PT400' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(d ->> 'argument', ' ') from jsonb_array_elements(v_detail::jsonb) d);
end
$$;
select results_eq(
    $$select pg_temp.days(d.texts::text[]) from (values
        (1, '{2027-01-01,2028-02-29}'), (2, '{2027-01-01,NULL}'), (3, '{NULL,2027-01-02}'), (4, '{NULL,NULL}')
    ) d (position, texts) order by d.position$$,
    array['{2027-01-01,2028-02-29}', '{2027-01-01,NULL}', '{NULL,2027-01-02}', '{NULL,NULL}'], 'B50 valid dates are parsed'
);
select is_empty(
    $$select d.texts, pg_temp.days(d.texts::text[]) from (values
        (1, '{2027-02-29,2027-03-01}'), (2, '{2027-01-01,"2027-01-02 "}'), (3, '{" 2027-01-01",2027-01-02}'), (4, '{"",2027-01-02}'),
        (5, '{2027-01-01,""}'), (6, '{"2027-01-01 2027-01-02",NULL}'), (7, '{2027-1-1,2027-01-02}'), (8, '{tomorrow,infinity}'),
        (9, '{2027-01-01T00:00:00Z,"2027-01-02,"}'), (10, '{20270101,01.02.2027}'), (11, '{"{2027-01-01}",2027-01-02}'), (12, '{0000-01-01,12027-01-02}')
    ) d (position, texts) where pg_temp.days(d.texts::text[]) is distinct from
        (array['from', 'until', 'from', 'from', 'until', 'from', 'from', 'from until', 'from until', 'from until', 'from', 'from until'])[d.position]$$,
    'B51 the error names each invalid date'
);

select * from finish();
rollback;
