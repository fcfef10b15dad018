-- The life of a property: legal and illegal changes of status, what publishing asks for, the record, leaving.
begin;
select plan(66);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cal') as cal,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga, tests.create_person('Hugo') as hugo,
    null::uuid as home, null::uuid as empty;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana, false);
insert into public.co_hosts (property_id, profile_id, level) select home, cal, 'calendar'::public.co_host_level from world union all select home, fay, 'full' from world;

create function pg_temp.problems(p_sql text) returns text[] language plpgsql as $$
declare
    v_detail text;
begin
    execute p_sql;
    return null;
exception when sqlstate 'PT422' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select array_agg(e ->> 'code' order by e ->> 'code') from jsonb_array_elements(v_detail::jsonb) e);
end
$$;
grant execute on function pg_temp.problems(text) to authenticated;

-- publishing
select tests.act_as('authenticated', ana) from world;
with made as (insert into public.properties (title) values ('Empty') returning id)
update world set empty = made.id from made;
select is(
    pg_temp.problems('select public.publish_property(empty) from world'),
    array['address', 'base_price', 'bathrooms', 'bedrooms', 'beds', 'currency', 'description', 'max_guests', 'photos',
        'property_type', 'room_type', 'street', 'time_zone'],
    'LC01 publishing answers all that is missing at once'
);
select is((select status from public.properties where id = (select empty from world)), 'draft', 'LC02 and the draft stays one');
select is((select is_host from public.profiles, world where id = ana), false, 'LC03 with a draft one is no host yet');
select is((select status from world, public.publish_property(home)), 'published', 'LC04 what lacks nothing is published');
select is((select is_host from public.profiles, world where id = ana), true, 'LC05 which makes a host');
select is((select status from world, public.publish_property(home)), 'published', 'LC06 to publish twice does no harm');

-- staying complete
select is(
    pg_temp.problems('update public.properties set description = ''short'', room_type = null where id = (select home from world)'),
    array['description', 'room_type'], 'LC07 a published property keeps what publishing asks for'
);
select is(pg_temp.problems('delete from public.property_photos'), array['photos'], 'LC08 its last photo too');
select is(pg_temp.problems('delete from public.property_addresses'), array['address', 'street'], 'LC09 and its address');
select is(pg_temp.problems('update public.property_addresses set line1 = null'), array['street'], 'LC10 and the street in it');
select lives_ok('select public.pause_property(home) from world', 'LC11 paused');
select lives_ok('delete from public.property_photos', 'LC12 it may be taken apart');
select is(pg_temp.problems('select public.publish_property(home) from world'), array['photos'], 'LC13 and is not published before it is whole');
select tests.act_as('postgres');
insert into public.property_photos (property_id, external_url, alt_text) select home, 'https://example.com/1.jpg', 'Door' from world;
select throws_ok(
    'update public.properties set status = ''published'', beds = null where id = (select home from world)',
    'PT422', null, 'LC14 plain SQL meets the same'
);

-- who may
select tests.act_as('anon');
select throws_ok('select public.publish_property(home) from world', '42501', null, 'LC15 anon publishes nothing');
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.publish_property(home) from world', 'PT404', null, 'LC16 a stranger is told of nothing');
select throws_ok('select public.suspend_property(home, ''I want it'') from world', 'PT404', null, 'LC17 whatever he asks');
select tests.act_as('authenticated', cal) from world;
select throws_ok('select public.publish_property(home) from world', 'PT403', null, 'LC18 a co-host for the calendar may not');
select tests.act_as('authenticated', fay) from world;
select is((select status from world, public.publish_property(home)), 'published', 'LC19 a full co-host may');
select throws_ok('select public.suspend_property(home, ''x'') from world', 'PT403', null, 'LC20 suspending is for operators');
select throws_ok('select public.archive_property(home) from world', 'PT409', null, 'LC21 archiving begins with a pause');
select lives_ok('select public.pause_property(home) from world', 'LC22 which she may');
select throws_ok('select public.archive_property(home) from world', 'PT403', null, 'LC23 archiving is the host''s');
select is((select status from world, public.publish_property(home)), 'published', 'LC24 published again');

-- suspending
select tests.act_as('authenticated', olga) from world;
select throws_ok('select public.suspend_property(home, '' '') from world', 'PT422', null, 'LC25 a suspension has a reason');
select is((select status from world, public.suspend_property(home, 'The photos show another house.')), 'suspended', 'LC26 an operator suspends');
select tests.act_as('anon');
select is_empty('select from public.properties, world where id = home', 'LC27 nobody else sees it now');
select tests.act_as('authenticated', ana) from world;
select is(
    (select status_reason from public.properties, world where id = home), 'The photos show another house.', 'LC28 the host reads why'
);
select throws_ok('select public.publish_property(home) from world', 'PT409', null, 'LC29 and does not publish it past the operator');
select throws_ok('select public.pause_property(home) from world', 'PT403', null, 'LC30 or pause it');
select is(
    (select status_reason from world, public.suspend_property(home, 'Nothing.')), 'The photos show another house.', 'LC31 or write the reason'
);
select throws_ok('select public.unsuspend_property(home) from world', 'PT403', null, 'LC32 or end it');
select tests.act_as('authenticated', olga) from world;
select is((select status from world, public.unsuspend_property(home, 'New photos.')), 'paused', 'LC33 an operator ends it: paused');
select throws_ok('select public.publish_property(home) from world', 'PT403', null, 'LC34 publishing is not an operator''s');

-- legal for nobody
select tests.act_as('service_role');
select throws_ok('update public.properties set status = ''draft'' where id = (select home from world)', 'PT409', null, 'LC35 nothing becomes a draft again');
select throws_ok(
    'insert into public.properties (title, host_id) select ''x'', ana from world; update public.properties set status = ''archived'' where title = ''x''',
    'PT409', null, 'LC36 a draft is deleted and not archived'
);
select tests.act_as('postgres');
select throws_ok(
    'insert into public.properties (title, host_id, status) select ''x'', ana, ''published'' from world', 'PT409', null, 'LC37 nothing begins published'
);
update public.properties set published_at = null where id = (select home from world);
select isnt((select published_at from public.properties, world where id = home), null, 'LC38 what was published was published');
select tests.act_as('authenticated', ana) from world;
select is((select status from world, public.archive_property(home)), 'archived', 'LC39 the host archives');
select throws_ok('select public.publish_property(home) from world', 'PT409', null, 'LC40 for good');
select tests.act_as('postgres');
select throws_ok(
    format('update public.properties set status = %L where id = (select home from world)', s), 'PT409', null, 'LC41 archived never becomes ' || s
)
from unnest(array['draft', 'published', 'paused', 'suspended']) s;

-- the record
select results_eq(
    $$select e.from_status::text, e.to_status::text, e.actor::text, p.display_name, e.reason
      from private.property_events e join public.profiles p on p.id = e.actor_id, world
      where e.property_id = home and e.event = 'status_changed' order by e.id$$,
    $$values
        ('draft', 'published', 'host', 'Ana', null),
        ('published', 'paused', 'host', 'Ana', null),
        ('paused', 'published', 'co_host', 'Fay', null),
        ('published', 'paused', 'co_host', 'Fay', null),
        ('paused', 'published', 'co_host', 'Fay', null),
        ('published', 'suspended', 'operator', 'Olga', 'The photos show another house.'),
        ('suspended', 'paused', 'operator', 'Olga', 'New photos.'),
        ('paused', 'archived', 'host', 'Ana', null)$$,
    'LC42 every change has an actor and, where one was given, a reason'
);
select throws_ok('update private.property_events set reason = ''x''', 'PT409', null, 'LC43 the record is not changed');
select throws_ok('delete from private.property_events', 'PT409', null, 'LC44 or deleted');
select throws_ok('truncate private.property_events', 'PT409', null, 'LC45 or emptied');

-- an import
insert into public.properties (id, host_id, title, source, source_id, property_type, room_type, max_guests, time_zone, currency, base_price)
select '00000000-0000-4000-8000-000000000301', ben, 'Imported', 'inside-airbnb', '108061', 'other', 'entire_home', 2, 'America/New_York', 'USD', 8500 from world;
insert into public.property_addresses (property_id, city, country, latitude, longitude)
values ('00000000-0000-4000-8000-000000000301', 'Asheville', 'US', 35.6, -82.5);
select lives_ok(
    'update public.properties set status = ''published'' where source_id = ''108061''', 'LC46 an import is published without what its source does not tell'
);

-- leaving
select tests.act_as('authenticated', ana) from world;
select throws_ok('select public.delete_account()', 'PT409', null, 'LC47 a host with a draft cannot leave');
select tests.act_as('postgres');
select throws_like(
    'delete from auth.users where id = (select ben from world)', 'Your property "%" is %.', 'LC48 an administrator cannot delete a host either'
);
select tests.act_as('authenticated', ana) from world;
select is(jsonb_array_length(public.export_my_data() -> 'properties'), 2, 'LC49 the export holds her properties');
select is(
    jsonb_path_query_first(public.export_my_data(), '$.properties[*].address.line1') #>> '{}', 'Rua Augusta 1', 'LC50 with their addresses'
);
select lives_ok('delete from public.properties where id = (select empty from world)', 'LC51 she deletes the draft');
select lives_ok('select public.delete_account()', 'LC52 and leaves, the other being archived');
select tests.act_as('postgres');
select results_eq(
    $$select p.title, h.display_name,
        exists (select from public.property_addresses where property_id = home), exists (select from public.property_photos where property_id = home),
        exists (select from public.co_hosts where property_id = home)
      from world, public.properties p join public.profiles h on h.id = p.host_id where p.id = home$$,
    $$values ('House by the river', 'Deleted account', false, false, false)$$,
    'LC53 the archived property stays, without address, photos and co-hosts'
);
select tests.act_as('postgres');
select set_config('request.jwt.claims', jsonb_build_object('sub', ana, 'role', 'authenticated')::text, true) from world;
set local role authenticated;
select throws_ok('insert into public.properties (title) values (''Back again'')', 'PT403', null, 'LC56 a token that outlives the account makes nothing');
select tests.act_as('postgres');
insert into public.co_hosts (property_id, profile_id, level) select '00000000-0000-4000-8000-000000000301', fay, 'full' from world;
select tests.act_as('authenticated', fay) from world;
select lives_ok('select public.delete_account()', 'LC54 a co-host may leave');
select tests.act_as('postgres');
select is_empty('select from public.co_hosts, world where profile_id = fay', 'LC55 and helps nobody any more');

-- what is confirmed stands
update world set home = tests.create_property(hugo), empty = null;
update world set empty = tests.create_booking(ben, home, current_date + 40, current_date + 42);
select tests.act_as('authenticated', hugo) from world;
select lives_ok('select public.pause_property(home) from world', 'LC57 a property with a stay to come is paused');
select throws_ok(
    'delete from public.properties where id = (select home from world)', 'PT409', 'A property that guests may have booked is not deleted.',
    'LC58 and not deleted'
);
select lives_ok('select public.archive_property(home) from world', 'LC59 but archived');
select tests.act_as('authenticated', ben) from world;
select is((select b.status from public.bookings b, world where b.id = empty), 'confirmed', 'LC60 the stay stands');
select isnt_empty('select from public.property_addresses, world where property_id = home', 'LC61 and its guest still reads where it is');
select tests.act_as('postgres');
select isnt_empty('select from public.occupancies, world where property_id = home', 'LC62 its nights are taken');
select tests.act_as('service_role');
select throws_ok(
    'delete from public.properties where id = (select home from world)', 'PT409', 'A property that guests may have booked is not deleted.',
    'LC63 the service deletes it no more than its host'
);

select * from finish();
rollback;
