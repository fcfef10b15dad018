-- Stays that fill a gap exactly: which gaps count, and that bookability, calendar, search and booking agree; results computed by hand.
begin;
select plan(19);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Gita') as gita;
create temporary table ids on commit drop as select tests.create_property(hana) as home from person;
grant select on person, ids to anon, authenticated;
update public.properties
set
    time_zone = 'Europe/Lisbon', min_nights = 4, max_nights = 14, booking_window_days = 365, advance_notice_days = 1,
    advance_notice_cut_off = '18:00', preparation_nights_after = 1
where id = (select home from ids);
-- with a night of preparation after each stay: gaps [4, 6), [10, 13), [16, 17) and [24, 30) of June 2027, and all from 4 July on
select private.reserve_nights(gen_random_uuid(), home, d[1], d[2])
from ids, (values (array[date '2027-06-01', '2027-06-03']), (array[date '2027-06-07', '2027-06-09']), (array[date '2027-06-20', '2027-06-23']), (array[date '2027-07-01', '2027-07-03'])) v (d);
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'a', '2027-06-14', '2027-06-15' from ids;
insert into public.host_blocks (property_id, check_in, check_out) select home, '2027-06-17', '2027-06-20' from ids;

create function pg_temp.codes(p_check_in date, p_check_out date, p_at timestamptz default '2027-05-01 12:00+00', p_ignore uuid default null)
returns text language sql as $$
    select coalesce(string_agg(r ->> 'code', ','), '')
    from ids, jsonb_array_elements(private.bookability(home, p_check_in, p_check_out, p_ignore_booking => p_ignore, p_at => p_at)) r
$$;
create function pg_temp.minima(p_from date, p_until date, p_at timestamptz default '2027-05-01 12:00+00') returns text language sql as $$
    select string_agg(to_char(day, 'DD') || ':' || min_nights, ' ' order by day)
    from ids, private.property_calendar(home, p_from, p_until, p_at) where free and arrival_allowed
$$;

select is(pg_temp.codes('2027-06-04', '2027-06-06'), 'min_stay', 'G01 without the setting, nothing is shorter than the minimum');
select is(pg_temp.minima('2027-06-03', '2027-06-18'), '04:4 05:4 10:4 11:4 12:4 16:4', 'G02 and the calendar says so');
update public.properties set gap_min_nights = 2 where id = (select home from ids);
select is(pg_temp.codes('2027-06-04', '2027-06-06'), '', 'G03 two nights fill the gap between two preparation nights');
select is(pg_temp.codes('2027-06-10', '2027-06-13'), '', 'G04 three nights fill the gap to a stay on another platform');
select is(
    array[pg_temp.codes('2027-06-10', '2027-06-12'), pg_temp.codes('2027-06-11', '2027-06-13')], array['min_stay', 'min_stay'],
    'G05 a part of a gap is not enough, from its beginning or to its end'
);
select is(pg_temp.codes('2027-06-16', '2027-06-17'), 'min_stay', 'G06 a gap of one night is below the bound of two');
select is(pg_temp.codes('2027-06-24', '2027-06-27'), 'min_stay', 'G07 in a gap above the minimum, the minimum counts');
select is(pg_temp.codes('2027-07-04', '2027-07-06'), 'min_stay', 'G08 the time after the last stay is no gap');
select is(pg_temp.minima('2027-06-03', '2027-06-18'), '04:2 05:4 10:3 11:4 12:4 16:4', 'G09 the calendar shows the length of a gap as the minimum of its first day');
select is(pg_temp.minima('2027-06-10', '2027-06-11'), '10:3', 'G10 also when the gap reaches beyond the days that are asked for');
update public.properties set gap_min_nights = 1 where id = (select home from ids);
select is(pg_temp.codes('2027-06-16', '2027-06-17'), '', 'G11 a gap of one night to a block of the host, with a bound of one');
-- on the 3rd at 17:00 UTC it is 18:00 in Lisbon, and the 4th can no longer be booked: the 5th is the first day
select is(
    array[pg_temp.codes('2027-06-05', '2027-06-06', '2027-06-03 16:59:59+00'), pg_temp.codes('2027-06-05', '2027-06-06', '2027-06-03 17:00+00')],
    array['min_stay', ''], 'G12 a night that can be booked no more begins a gap, to the second'
);
select is(pg_temp.minima('2027-06-03', '2027-06-07', '2027-06-03 17:00+00'), '05:1', 'G13 in the calendar, too');

-- Seasons and rules
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights) select home, 'nights', '2027-06-24', '2027-06-25', 9 from ids;
select is(pg_temp.codes('2027-06-24', '2027-06-30'), '', 'G14 a minimum by date gives way to a gap, too');
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, 'closed_to_arrival', date '2027-06-04', date '2027-06-05' from ids;
select is(pg_temp.codes('2027-06-04', '2027-06-06'), 'closed_to_arrival', 'G15 all other rules stay');

-- Search, booking
create temporary table gap on commit drop as select current_date + 103 as check_in, current_date + 106 as check_out;
grant select on gap to anon, authenticated;
select private.reserve_nights(gen_random_uuid(), home, check_in - 3, check_in - 1), private.reserve_nights(gen_random_uuid(), home, check_out + 1, check_out + 3)
from ids, gap;
delete from public.property_availability_rules where property_id = (select home from ids);
select tests.act_as('anon');
select is(
    (
        select count(*)::integer
        from ids, gap, public.search_properties(p_area => 'Lisboa', p_check_in => check_in::text, p_check_out => check_out::text, p_limit => 50) s
        where s.property_id = home
    ),
    1, 'G16 search finds it'
);
select tests.act_as('authenticated', gita) from person;
select lives_ok($$insert into public.bookings (property_id, check_in, check_out) select home, check_in, check_out from ids, gap$$, 'G17 and it can be booked');

-- All stays of a month under many settings: bookability, the calendar, and the definition of a gap counted from free nights
select tests.act_as('postgres');
create temporary table verdicts (setting text, check_in date, check_out date, can_book boolean, by_calendar boolean, by_definition boolean) on commit drop;
do $$
declare
    v_home constant uuid := (select home from ids);
    v_at constant timestamptz := '2027-06-02 12:00+00';
begin
    for v_gap in 1..3 loop
        for v_min in 2..4 loop
            for v_kept in 0..2 loop
                update public.properties
                set gap_min_nights = v_gap, min_nights = v_min, preparation_nights_before = v_kept, preparation_nights_after = 2 - v_kept
                where id = v_home;
                insert into verdicts
                with days as materialized (select c.* from private.property_calendar(v_home, '2027-06-01', '2027-07-15', v_at) c)
                select
                    format('%s of %s, %s kept', v_gap, v_min, v_kept), i.day, o.day, private.bookability(v_home, i.day, o.day, p_at => v_at) = '[]',
                    f.is_free and i.arrival_allowed and o.departure_allowed and o.day - i.day between i.min_nights and i.max_nights,
                    f.is_free and i.arrival_allowed and o.departure_allowed and o.day - i.day <= 14 and (
                        o.day - i.day >= v_min
                        or o.day - i.day >= v_gap and not o.free and not coalesce((select y.free from days y where y.day = i.day - 1), false)
                    )
                from days i
                join days o on o.day > i.day and o.day <= i.day + 6
                cross join lateral (select bool_and(n.free) as is_free from days n where n.day >= i.day and n.day < o.day) f;
            end loop;
        end loop;
    end loop;
end
$$;
select is_empty(
    'select * from verdicts where can_book is distinct from by_calendar or can_book is distinct from by_definition', 'G18 all agree about every stay'
);
select cmp_ok(
    (select count(*) from verdicts where can_book and check_out - check_in < rtrim(split_part(setting, ' ', 3), ',')::integer), '>=', 20::bigint, 'G19 many of them fill a gap'
);

select * from finish();
rollback;
