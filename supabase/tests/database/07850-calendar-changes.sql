-- calendar.changed: which changes it has, merged, and for whom; and what Realtime publishes.
begin;
select plan(27);
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as room, null::uuid as other, null::uuid as stay;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), room = tests.create_property(ana), other = tests.create_property(eva);
create function pg_temp.noted() returns bigint language sql as $$
    select count(*) from private.calendar_changes c, world w where c.property_id in (w.home, w.room, w.other)
$$;
-- What is sent, in days from today, an endpoint after the other; changes until now are old enough.
create function pg_temp.sent() returns text language plpgsql as $$
declare
    v_before timestamptz := clock_timestamp();
    v_known uuid[] := array(select d.id from public.webhook_deliveries d);
begin
    perform private.send_calendar_changes(clock_timestamp() + interval '6 seconds');
    return (
        select coalesce(string_agg(format(
            '%s %s-%s', case d.payload #>> '{data,property_id}' when w.home::text then 'home' when w.room::text then 'room' else 'other' end,
            (d.payload #>> '{data,from}')::date - current_date, (d.payload #>> '{data,until}')::date - current_date
        ), ', ' order by e.url, d.payload #>> '{data,property_id}' = w.room::text), '')
        from public.webhook_deliveries d
        join public.webhook_endpoints e on e.id = d.endpoint_id
        cross join world w
        where d.event = 'calendar.changed' and d.id <> all (v_known) and e.owner_id in (w.ana, w.eva, w.olga)
    );
end
$$;

delete from public.webhook_endpoints;
insert into public.host_blocks (property_id, check_in, check_out) select home, current_date + 5, current_date + 7 from world;
select is(pg_temp.noted(), 0::bigint, 'CC01 without an endpoint nothing is noted');
insert into public.webhook_endpoints (owner_id, url, events) select ana, 'https://hooks.example/0', '{booking.created}' from world;
insert into public.webhook_endpoints (owner_id, url, is_active) select ana, 'https://hooks.example/off', false from world;
insert into public.host_blocks (property_id, check_in, check_out) select home, current_date + 8, current_date + 9 from world;
select is(pg_temp.noted(), 0::bigint, 'CC02 nor for endpoints that are inactive or receive other events');

insert into public.webhook_endpoints (owner_id, url) select ana, 'https://hooks.example/a' from world;
insert into public.host_blocks (property_id, check_in, check_out) select home, current_date + 20, current_date + 22 from world;
insert into public.host_blocks (property_id, check_in, check_out) select other, current_date + 20, current_date + 22 from world;
select is(private.send_calendar_changes(clock_timestamp() + interval '3 seconds'), 0, 'CC03 a change is not told for 5 seconds');
update world set stay = tests.create_booking(ben, home, current_date + 30, current_date + 33, 'awaiting_payment');
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, current_date + 10, current_date + 12, 9000 from world;
select is(pg_temp.sent(), 'home 10-33', 'CC04 block, hold and price are one delivery with the outer range, to the host alone');
select is(pg_temp.sent(), '', 'CC05 once');
select results_eq(
    $$select d.payload ->> 'type', (select array_agg(k order by k) from jsonb_object_keys(d.payload -> 'data') k) from public.webhook_deliveries d where d.event = 'calendar.changed'$$,
    $$values ('calendar.changed', array['from', 'property_id', 'until'])$$, 'CC06 with property and days, and nothing else'
);
select private.extend_reserved_nights(stay) from world;
select is(pg_temp.noted(), 0::bigint, 'CC07 a payment changes no night');
select private.move_reserved_nights(stay, current_date + 40, current_date + 42) from world;
select is(pg_temp.sent(), 'home 30-42', 'CC08 a stay that moves: the old and the new nights');
select private.release_nights(stay) from world;
select is(pg_temp.sent(), 'home 40-42', 'CC09 nights that are freed');
select is_empty('select from private.calendar_changes', 'CC10 nothing remains');

-- Each cause
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'x', current_date + 50, current_date + 52 from world;
select is(pg_temp.sent(), 'home 50-52', 'CC11 a channel''s stay');
insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'phone', current_date + 60, current_date + 62 from world;
select is(pg_temp.sent(), 'home 60-62', 'CC12 an own booking');
update public.own_bookings set note = 'Late';
select is(pg_temp.sent(), '', 'CC13 a note is no change');
insert into public.property_seasons (property_id, name, starts_on, ends_on, price) select home, 'High', current_date + 70, current_date + 80, 9000 from world;
select is(pg_temp.sent(), 'home 70-80', 'CC14 a season');
update public.property_seasons set ends_on = current_date + 75 where property_id = (select home from world);
select is(pg_temp.sent(), 'home 70-80', 'CC15 a shorter season: the days that it had');
delete from public.property_seasons where property_id = (select home from world);
select is(pg_temp.sent(), 'home 70-75', 'CC16 a season that goes');
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, 'closed_to_arrival', current_date + 90, current_date + 91 from world;
select is(pg_temp.sent(), 'home 90-91', 'CC17 a closed day');
select tests.act_as('authenticated', ana) from world;
select count(*) from world, public.set_calendar(home, jsonb_build_array(
    jsonb_build_object('from', current_date + 100, 'until', current_date + 101, 'price', 7000),
    jsonb_build_object('from', current_date + 110, 'until', current_date + 112, 'closed', true)
));
select tests.act_as('postgres');
select is(pg_temp.sent(), 'home 100-112', 'CC18 one call for the calendar is one delivery');
update public.properties set booking_window_days = 365, min_nights = 2 where id = (select home from world);
select pg_temp.sent();
update public.properties set base_price = base_price + 100 where id = (select home from world);
select is(pg_temp.sent(), 'home 0-366', 'CC19 another base price changes every day that can be booked');
update public.properties set description = description || ' It is quiet.' where id = (select home from world);
select is(pg_temp.sent(), '', 'CC20 another description changes none');

-- Linked properties, preparation nights, operators
update public.properties set preparation_nights_before = 1, preparation_nights_after = 2 where id = (select home from world);
select tests.act_as('authenticated', ana) from world;
select public.link_properties(home, array[room]) from world;
select tests.act_as('postgres');
select pg_temp.sent();
insert into public.own_bookings (property_id, origin, check_in, check_out) select room, 'walk_in', current_date + 120, current_date + 122 from world;
select is(pg_temp.sent(), 'home 118-123, room 120-122', 'CC21 a night of a room is one of the house, each with the nights kept free');
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
insert into public.webhook_endpoints (owner_id, url) select olga, 'https://hooks.example/o' from world;
insert into public.host_blocks (property_id, check_in, check_out) select other, current_date + 130, current_date + 132 from world;
select is(pg_temp.sent(), 'other 130-132', 'CC22 an operator receives those of any property');
insert into public.host_blocks (property_id, check_in, check_out) select other, current_date + 140, current_date + 142 from world;
delete from public.properties where id = (select other from world);
select is(pg_temp.sent(), '', 'CC23 a property that was deleted is not told of');

-- Who reads and sends
select tests.act_as('authenticated', ana) from world;
select throws_ok('select from private.calendar_changes', '42501', null, 'CC24 no one reads what is noted');
select throws_ok('select private.send_calendar_changes()', '42501', null, 'CC25 or sends it');
select tests.act_as('anon');
select throws_ok('select private.send_calendar_changes()', '42501', null, 'CC26 signed out neither');
select tests.act_as('postgres');
select is_empty(
    $$select from pg_catalog.pg_publication p where p.pubname = 'supabase_realtime' and not exists (
        select from pg_catalog.pg_publication_tables t where t.pubname = p.pubname and t.tablename = 'occupancies'
    )$$, 'CC27 Realtime publishes occupancies where a stack has it'
);

select * from finish();
rollback;
