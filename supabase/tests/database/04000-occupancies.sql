-- Occupancies: conflicts, who can read them, holds that end, the functions that bookings use.
begin;
select plan(37);

create temporary table person on commit drop as
select
    tests.create_person('Hana') as hana,
    tests.create_person('Cora') as cora,
    tests.create_person('Sam') as sam;
create temporary table ids on commit drop as
select tests.create_property(hana) as home, tests.create_property(hana) as other from person;
grant select on person, ids to anon, authenticated, service_role;
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from person, ids;

create function pg_temp.take(p_check_in date, p_check_out date, p_expires_at timestamptz default null) returns uuid
language plpgsql as $$
declare
    v_id uuid := gen_random_uuid();
begin
    perform private.reserve_nights(v_id, (select home from ids), p_check_in, p_check_out, p_expires_at);
    return v_id;
end
$$;

-- Nights
select lives_ok($$select pg_temp.take('2030-06-10', '2030-06-15')$$, 'O01 free nights can be reserved');
select throws_ok(
    $$select pg_temp.take('2030-06-14', '2030-06-16')$$, 'PT409', 'Some of these nights are taken.', 'O02 nights that are taken cannot be reserved'
);
select is(tests.codes($$select pg_temp.take('2030-06-14', '2030-06-16')$$), 'occupied', 'O03 the error gives the reason');
select lives_ok($$select pg_temp.take('2030-06-15', '2030-06-16')$$, 'O04 a stay can begin on another''s check-out day');
select lives_ok($$select pg_temp.take('2030-06-08', '2030-06-10')$$, 'O05 a stay can end on another''s check-in day');
select lives_ok(
    $$select private.reserve_nights(gen_random_uuid(), other, '2030-06-10', '2030-06-15') from ids$$, 'O06 the nights of another property are not affected'
);
select throws_ok(
    $$insert into public.occupancies (property_id, kind, check_in, check_out, booking_id)
      select home, 'booking', '2030-06-09', '2030-06-20', gen_random_uuid() from ids$$,
    '23P01', null, 'O07 a superuser''s insert meets the constraint too'
);
select throws_ok(
    $$update public.occupancies set check_out = '2030-06-12' where check_in = '2030-06-08'$$, '23P01', null, 'O08 a superuser''s update meets the constraint too'
);
select throws_ok($$select pg_temp.take('2030-07-10', '2030-07-10')$$, '23514', null, 'O09 a stay without a night is refused');
select throws_ok($$select pg_temp.take('9999-01-01', '9999-01-02')$$, '23514', null, 'O10 dates outside the calendar are refused');
select throws_ok($$select pg_temp.take('2030-07-10', 'infinity')$$, '23514', null, 'O11 a stay without an end is refused');

-- Preparation nights: every pair of settings, at every gap, in both orders, compared with the rule of the product
create temporary table pair on commit drop as
select *, row_number() over () as number
from generate_series(0, 2) as after_first, generate_series(0, 2) as before_first,
    generate_series(0, 2) as after_second, generate_series(0, 2) as before_second, generate_series(-1, 3) as gap,
    (values (1), (3)) as first (nights), (values (1), (2), (4)) as second (length)
where gap >= 0 or least(nights, length) > 0;
select is(
    (
        select count(*)::integer from pair p
        where (
            private.footprint('booking', '2031-03-01', date '2031-03-01' + nights, before_first::smallint, after_first::smallint)
            && private.footprint('booking', date '2031-03-01' + nights + gap, date '2031-03-01' + nights + gap + length, before_second::smallint, after_second::smallint)
        ) is distinct from (gap < greatest(after_first, before_second))
    ), 0, 'O12 stays conflict exactly when the gap is shorter than the larger of after and before'
);
-- The rule has three forms: kept_nights, the query of broken_rules, and footprint. They agree for every pair of stays.
create temporary table kept_case on commit drop as
select
    tests.create_property(hana) as property_id, kind, kept.before as kept_before, kept.after as kept_after, own.before, own.after,
    date '2031-03-10' as check_in, date '2031-03-10' + nights as check_out
from
    person,
    unnest(array['booking', 'host_block', 'external_block']::public.occupancy_kind[]) as kind,
    (select b::smallint as before, a::smallint as after from generate_series(0, 2) b, generate_series(0, 2) a) as kept,
    (select b::smallint as before, a::smallint as after from generate_series(0, 2) b, generate_series(0, 2) a) as own,
    generate_series(1, 3, 2) as nights
where kind <> 'host_block' or kept.before + kept.after = 0;
update public.properties p
set preparation_nights_before = c.kept_before, preparation_nights_after = c.kept_after
from kept_case c where c.property_id = p.id;
insert into public.occupancies (property_id, kind, check_in, check_out, booking_id)
select property_id, 'booking', check_in, check_out, gen_random_uuid() from kept_case where kind = 'booking';
insert into public.host_blocks (property_id, check_in, check_out)
select property_id, check_in, check_out from kept_case where kind = 'host_block';
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select property_id, 'airbnb', 'uid', check_in, check_out from kept_case where kind = 'external_block';
update public.properties p
set preparation_nights_before = c.before, preparation_nights_after = c.after
from kept_case c where c.property_id = p.id;
create temporary table asked_stay on commit drop as
select c.*, row_number() over () as number, c.check_in + shift as asked_in, c.check_in + shift + length as asked_out
from kept_case c, generate_series(-6, 6) as shift, generate_series(1, 3) as length;
select is_empty(
    $$with rules as (
        select b.number, 'taken' = any (b.codes) as is_taken
        from private.broken_rules(
            (select array_agg(property_id order by number) from asked_stay), (select array_agg(asked_in order by number) from asked_stay),
            (select array_agg(asked_out order by number) from asked_stay), 1, 0, 0, 0
        ) b
    )
    select a.*, r.is_taken
    from asked_stay a
    join rules r on r.number = a.number
    cross join lateral (
        select
            exists (
                select from private.kept_nights(a.property_id, a.asked_in, a.asked_out, a.before, a.after, null, now()) k
                where k.nights && daterange(a.asked_in, a.asked_out)
            ) as kept,
            private.footprint(a.kind, a.check_in, a.check_out, a.kept_before, a.kept_after)
                && private.footprint('booking', a.asked_in, a.asked_out, a.before, a.after) as slots
    ) f
    where r.is_taken is distinct from f.kept or f.kept is distinct from f.slots$$,
    'O36 kept_nights, broken_rules and footprint agree for every pair of stays and preparation nights'
);
select is((select count(*)::integer from asked_stay), 171 * 2 * 39, 'O37 every pair was compared');
select is(
    (
        select count(*)::integer from pair p, (values ('host_block', 'booking'), ('booking', 'host_block'), ('host_block', 'host_block')) k (a, b)
        where (
            private.footprint(a::public.occupancy_kind, '2031-03-01', date '2031-03-01' + nights, before_first::smallint, after_first::smallint)
            && private.footprint(b::public.occupancy_kind, date '2031-03-01' + nights + gap, date '2031-03-01' + nights + gap + length, before_second::smallint, after_second::smallint)
        ) is distinct from (gap < 0)
    ), 0, 'O13 a host''s block needs no preparation nights'
);
update public.properties set preparation_nights_after = 2, preparation_nights_before = 1 where id = (select home from ids);
select is(
    (select array_agg((preparation_before, preparation_after)::text) from public.occupancies, ids where property_id = home and check_in = '2030-06-10'),
    array['(0,0)'], 'O14 a new setting does not change existing rows'
);
select lives_ok($$select pg_temp.take('2030-08-10', '2030-08-12')$$, 'O15 a stay is reserved with the new setting');
select is(tests.codes($$select pg_temp.take('2030-08-13', '2030-08-15')$$), 'preparation_before', 'O16 the two nights after it are kept free');
select lives_ok($$select pg_temp.take('2030-08-14', '2030-08-15')$$, 'O17 the third night can be booked');
select is(
    tests.codes($$select pg_temp.take('2030-08-07', '2030-08-09')$$), 'preparation_after', 'O18 the two nights before it are kept free, because the next stay needs preparation'
);
select is(
    tests.codes($$select pg_temp.take('2030-08-11', '2030-08-14')$$), 'occupied,preparation_after', 'O19 every reason is named'
);
update public.properties set preparation_nights_after = 0, preparation_nights_before = 0 where id = (select home from ids);

-- Holds
create temporary table hold on commit drop as
select pg_temp.take('2030-09-01', '2030-09-05', clock_timestamp() + interval '1 hour') as id;
select is(tests.codes($$select pg_temp.take('2030-09-04', '2030-09-06')$$), 'occupied', 'O20 a hold takes its nights');
select is(
    jsonb_array_length(private.bookability(home, '2030-09-04', '2030-09-06', p_at => '2030-08-01')), 0,
    'O21 a hold that has ended takes no nights'
) from ids;
update public.occupancies set expires_at = clock_timestamp() where booking_id = (select h.id from hold h);
select is(
    private.extend_reserved_nights(id, null), true, 'O22 an ended hold can be extended while its nights are free'
) from hold;
update public.occupancies set expires_at = clock_timestamp() where booking_id = (select h.id from hold h);
select lives_ok($$select pg_temp.take('2030-09-04', '2030-09-06')$$, 'O23 other guests can take the nights of an ended hold');
select is(private.extend_reserved_nights(id, null), false, 'O24 a hold that lost its nights cannot be extended') from hold;
select is(private.release_nights(id), false, 'O25 a hold that lost its nights has none to release') from hold;
select pg_temp.take('2030-10-01', '2030-10-02', now() - interval '1 second');
select is(private.remove_expired_occupancies(), 1, 'O26 the periodic task deletes ended holds');

-- Moving
create temporary table stay on commit drop as select pg_temp.take('2030-11-01', '2030-11-05') as id;
select lives_ok($$select private.move_reserved_nights(id, '2030-11-03', '2030-11-08') from stay$$, 'O27 a stay can move to nights that overlap its own');
select lives_ok($$select pg_temp.take('2030-11-01', '2030-11-03')$$, 'O28 the nights that a moved stay left are free');
select is(
    tests.codes($$select private.move_reserved_nights(id, '2030-11-02', '2030-11-08') from stay$$), 'occupied',
    'O29 a stay cannot move to nights of another stay'
);
select is(
    (select (check_in, check_out)::text from public.occupancies, stay where booking_id = stay.id), '(2030-11-03,2030-11-08)',
    'O30 a stay that could not move keeps its nights'
);

-- Privileges
select tests.act_as('anon');
select throws_ok('select from public.occupancies', '42501', null, 'O31 anon cannot read occupancies');
select tests.act_as('authenticated', sam) from person;
select is_empty('select from public.occupancies', 'O32 a stranger cannot read occupancies');
select tests.act_as('authenticated', cora) from person;
select set_eq('select distinct property_id from public.occupancies', 'select home from ids', 'O33 a co-host can read the occupancies of the property');
select throws_ok(
    $$insert into public.occupancies (property_id, kind, check_in, check_out) select home, 'host_block', '2031-01-01', '2031-01-02' from ids$$,
    '42501', null, 'O34 a co-host cannot write occupancies'
);
select tests.act_as('service_role');
select throws_ok('delete from public.occupancies', '42501', null, 'O35 the service role cannot delete occupancies');

select * from finish();
rollback;
