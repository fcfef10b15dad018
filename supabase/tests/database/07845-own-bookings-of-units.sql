-- Own bookings of a property with units: each takes one unit, moves for other stays until it is pinned, and gives its unit back.
begin;
select plan(13);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Sam') as sam;
create temporary table ids on commit drop as select tests.create_property(hana) as pool from person;
grant select on person, ids to anon, authenticated, service_role;
-- days from today
create function pg_temp.enter(p_from integer, p_until integer) returns text
language sql as $$
    select tests.codes(format(
        'insert into public.own_bookings (property_id, origin, check_in, check_out) values (%L, ''phone'', %L, %L)',
        pool, current_date + p_from, current_date + p_until
    ))
    from ids
$$;
create function pg_temp.units(p_from integer) returns text
language sql as $$
    select string_agg(u.name, ',' order by u.name)
    from public.own_bookings b
    join public.occupancies o on o.own_booking_id = b.id
    join public.units u on u.id = o.space_id
    where b.check_in = current_date + p_from
$$;
grant execute on function pg_temp.enter(integer, integer), pg_temp.units(integer) to authenticated;

select tests.act_as('authenticated', hana) from person;
select public.set_units(pool, array['101', '102']) from ids;
select is(array[pg_temp.enter(10, 14), pg_temp.enter(10, 14)], array['accepted', 'accepted'], 'OU01 two units take two own bookings');
select is(pg_temp.units(10), '101,102', 'OU02 each has a unit of its own');
select is(pg_temp.enter(12, 16), 'occupied', 'OU03 a third is refused');
select is(
    (select jsonb_path_query_array(public.bookability(pool, (current_date + 12)::text, (current_date + 14)::text), '$[*].code') from ids),
    '["occupied"]', 'OU04 guests cannot book them either'
);
update public.own_bookings set check_out = current_date + 13 where id = (select id from public.own_bookings order by id limit 1);
select is(pg_temp.units(10), '101,102', 'OU05 with other dates each still has one');
update public.own_bookings set is_cancelled = true where id = (select id from public.own_bookings order by id limit 1);
select is(pg_temp.enter(12, 14), 'accepted', 'OU06 one that is cancelled gives its unit back');

select is(array[pg_temp.enter(20, 22), pg_temp.enter(22, 24)], array['accepted', 'accepted'], 'OU07 one after the other');
select is(
    (
        select array_agg(m.name order by n.day)
        from (values (20, '101'), (22, '102')) as n (day, name)
        join public.own_bookings b on b.check_in = current_date + n.day
        join public.units u on u.name = n.name
        cross join lateral public.assign_unit(b.id, u.id) m
    ),
    array['101', '102'], 'OU08 the host assigns them different units'
);
select is(pg_temp.enter(20, 24), 'accepted', 'OU09 one moves when a longer stay needs its unit');
select is(pg_temp.enter(23, 24), 'occupied', 'OU10 and now all are taken');
select is(
    (
        select array_agg(m.is_pinned order by b.id)
        from public.own_bookings b
        cross join lateral public.assign_unit(b.id, null, true) m
        where b.check_in in (current_date + 20, current_date + 22) and b.check_out <> current_date + 24
    ),
    array[true], 'OU11 the host pins one to its unit'
);
create temporary table one on commit drop as select b.id from public.own_bookings b where b.check_in = current_date + 20 limit 1;
grant select on one to authenticated;
select tests.act_as('authenticated', sam) from person;
select is(
    tests.codes(format('select public.assign_unit(%L)', (select id from one))),
    'booking_not_found', 'OU12 a stranger assigns no unit'
);
select is_empty(
    format('select from public.booking_units(%L)', (select id from one)), 'OU13 and reads none'
);

select * from finish();
rollback;
