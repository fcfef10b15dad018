-- The lifecycle of a property: allowed and refused changes of status, what publishing requires, the record, account deletion.
begin;
select plan(69);

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
    array['address_missing', 'base_price_missing', 'bathrooms_missing', 'bedrooms_missing', 'beds_missing', 'currency_missing',
        'description_too_short', 'max_guests_missing', 'photo_missing', 'property_type_missing', 'room_type_missing', 'street_missing',
        'time_zone_missing'],
    'LC01 publishing lists all that is missing at once'
);
select is((select status from public.properties where id = (select empty from world)), 'draft', 'LC02 a refused draft stays a draft');
select is((select is_host from public.profiles, world where id = ana), false, 'LC03 a draft does not make its owner a host');
select is((select status from world, public.publish_property(home)), 'published', 'LC04 a complete property is published');
select is((select is_host from public.profiles, world where id = ana), true, 'LC05 publishing makes its owner a host');
select is((select status from world, public.publish_property(home)), 'published', 'LC06 publishing a published property changes nothing');

-- a published property stays complete
select is(
    pg_temp.problems('update public.properties set description = ''short'', room_type = null where id = (select home from world)'),
    array['description_too_short', 'room_type_missing'], 'LC07 a published property keeps what publishing requires'
);
select is(pg_temp.problems('delete from public.property_photos'), array['photo_missing'], 'LC08 a published property keeps its last photo');
select is(pg_temp.problems('delete from public.property_addresses'), array['address_missing', 'street_missing'], 'LC09 a published property keeps its address');
select is(pg_temp.problems('update public.property_addresses set line1 = null'), array['street_missing'], 'LC10 a published property keeps its street');
select lives_ok('select public.pause_property(home) from world', 'LC11 a host pauses a property');
select lives_ok('delete from public.property_photos', 'LC12 a paused property may lose its photos');
select is(pg_temp.problems('select public.publish_property(home) from world'), array['photo_missing'], 'LC13 an incomplete property is not published again');
select tests.act_as('postgres');
insert into public.property_photos (property_id, external_url, alt_text) select home, 'https://example.com/1.jpg', 'Door' from world;
select tests.throws_code(
    'update public.properties set status = ''published'', beds = null where id = (select home from world)',
    'beds_missing', 'LC14 plain SQL cannot publish an incomplete property'
);

-- who may change the status
select tests.act_as('anon');
select throws_ok('select public.publish_property(home) from world', '42501', null, 'LC15 anon publishes nothing');
select tests.act_as('authenticated', ben) from world;
select tests.throws_code('select public.publish_property(home) from world', 'own_property_not_found', 'LC16 a stranger cannot publish a property or learn that it exists');
select tests.throws_code('select public.suspend_property(home, ''I want it'') from world', 'own_property_not_found', 'LC17 a stranger cannot suspend a property');
select tests.act_as('authenticated', cal) from world;
select tests.throws_code('select public.publish_property(home) from world', 'property_status_change_not_allowed', 'LC18 a co-host for the calendar cannot publish');
select tests.act_as('authenticated', fay) from world;
select is((select status from world, public.publish_property(home)), 'published', 'LC19 a full co-host publishes');
select tests.throws_code('select public.suspend_property(home, ''x'') from world', 'property_status_change_not_allowed', 'LC20 a full co-host cannot suspend');
select tests.throws_code('select public.archive_property(home) from world', 'property_status_change_impossible', 'LC21 a published property cannot be archived');
select lives_ok('select public.pause_property(home) from world', 'LC22 a full co-host pauses');
select tests.throws_code('select public.archive_property(home) from world', 'property_status_change_not_allowed', 'LC23 a full co-host cannot archive');
select is((select status from world, public.publish_property(home)), 'published', 'LC24 a full co-host publishes again');

-- suspending
select tests.act_as('authenticated', olga) from world;
select tests.throws_code('select public.suspend_property(home, '' '') from world', 'suspension_reason_missing', 'LC25 a suspension needs a reason');
select is((select status from world, public.suspend_property(home, 'The photos show another house.')), 'suspended', 'LC26 an operator suspends');
select tests.act_as('anon');
select is_empty('select from public.properties, world where id = home', 'LC27 anon cannot read a suspended property');
select tests.act_as('authenticated', ana) from world;
select is(
    (select status_reason from public.properties, world where id = home), 'The photos show another house.', 'LC28 the host reads the reason of the suspension'
);
select tests.throws_code('select public.publish_property(home) from world', 'property_status_change_impossible', 'LC29 the host cannot publish a suspended property');
select tests.throws_code('select public.pause_property(home) from world', 'property_status_change_not_allowed', 'LC30 the host cannot pause a suspended property');
select is(
    (select status_reason from world, public.suspend_property(home, 'Nothing.')), 'The photos show another house.', 'LC31 the host cannot change the reason'
);
select tests.throws_code('select public.unsuspend_property(home) from world', 'property_status_change_not_allowed', 'LC32 the host cannot end a suspension');
select tests.act_as('authenticated', olga) from world;
select is((select status from world, public.unsuspend_property(home, 'New photos.')), 'paused', 'LC33 an operator ends a suspension: the property is paused');
select tests.throws_code('select public.publish_property(home) from world', 'property_status_change_not_allowed', 'LC34 an operator cannot publish');

-- changes that no role may make
select tests.act_as('service_role');
select throws_ok('update public.properties set status = ''paused''', '42501', null, 'LC66 the service role changes a status by functions alone');
select is((select status from world, public.suspend_property(home, 'Broken lock.')), 'suspended', 'LC67 the service role suspends a property');
select is((select status from world, public.unsuspend_property(home, 'Repaired.')), 'paused', 'LC68 the service role ends a suspension');
select tests.act_as('postgres');
select tests.throws_code('update public.properties set status = ''draft'' where id = (select home from world)', 'property_status_change_impossible', 'LC35 a property never becomes a draft again');
select tests.throws_code(
    'insert into public.properties (title, host_id) select ''x'', ana from world; update public.properties set status = ''archived'' where title = ''x''',
    'property_status_change_impossible', 'LC36 a draft cannot be archived'
);
select tests.act_as('postgres');
select tests.throws_code(
    'insert into public.properties (title, host_id, status) select ''x'', ana, ''published'' from world', 'property_starts_as_draft', 'LC37 a new property cannot be published'
);
update public.properties set published_at = null where id = (select home from world);
select isnt((select published_at from public.properties, world where id = home), null, 'LC38 the time of the first publication stays');
select tests.act_as('authenticated', ana) from world;
select is((select status from world, public.archive_property(home)), 'archived', 'LC39 the host archives a paused property');
select tests.throws_code('select public.publish_property(home) from world', 'property_status_change_impossible', 'LC40 an archived property cannot be published');
select tests.act_as('postgres');
select tests.throws_code(
    format('update public.properties set status = %L where id = (select home from world)', s), 'property_status_change_impossible', 'LC41 archived never becomes ' || s
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
    'LC42 every change is recorded with its actor and reason'
);
select tests.throws_code('update private.property_events set reason = ''x''', 'row_is_permanent', 'LC43 records cannot be changed');
select tests.throws_code('delete from private.property_events', 'row_is_permanent', 'LC44 records cannot be deleted');
select tests.throws_code('truncate private.property_events', 'row_is_permanent', 'LC45 records cannot be truncated');

-- an imported property
insert into public.properties (id, host_id, title, source, source_id, property_type, room_type, max_guests, time_zone, currency, base_price)
select '00000000-0000-4000-8000-000000000301', ben, 'Imported', 'inside-airbnb', '108061', 'other', 'entire_home', 2, 'America/New_York', 'USD', 8500 from world;
insert into public.property_addresses (property_id, city, country, latitude, longitude)
values ('00000000-0000-4000-8000-000000000301', 'Asheville', 'US', 35.6, -82.5);
select lives_ok(
    'update public.properties set status = ''published'' where source_id = ''108061''', 'LC46 an imported property is published without what its source lacks'
);

-- account deletion
select tests.act_as('authenticated', ana) from world;
select throws_ok('select public.delete_account()', 'PT409', null, 'LC47 a host with a draft cannot delete her account');
select tests.act_as('postgres');
select throws_like(
    'delete from auth.users where id = (select ben from world)', 'Your property "%" is %.', 'LC48 an administrator cannot delete a host with properties'
);
select tests.act_as('authenticated', ana) from world;
select is(jsonb_array_length(public.export_my_data() -> 'properties'), 2, 'LC49 the export has the properties of a host');
select is(
    jsonb_path_query_first(public.export_my_data(), '$.properties[*].address.line1') #>> '{}', 'Rua Augusta 1', 'LC50 the export has their addresses'
);
select lives_ok('delete from public.properties where id = (select empty from world)', 'LC51 a host deletes a draft');
select lives_ok('select public.delete_account()', 'LC52 a host with an archived property deletes her account');
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
select tests.throws_code('insert into public.properties (title) values (''Back again'')', 'account_deleted', 'LC56 a token of a deleted account cannot create a property');
select tests.act_as('postgres');
insert into public.co_hosts (property_id, profile_id, level) select '00000000-0000-4000-8000-000000000301', fay, 'full' from world;
select tests.act_as('authenticated', fay) from world;
select lives_ok('select public.delete_account()', 'LC54 a co-host deletes her account');
select tests.act_as('postgres');
select is_empty('select from public.co_hosts, world where profile_id = fay', 'LC55 a deleted account is no co-host');

-- confirmed bookings stay
update world set home = tests.create_property(hugo), empty = null;
update world set empty = tests.create_booking(ben, home, current_date + 40, current_date + 42);
select tests.act_as('authenticated', hugo) from world;
select lives_ok('select public.pause_property(home) from world', 'LC57 a property with a future stay can be paused');
select throws_ok(
    'delete from public.properties where id = (select home from world)', 'PT409', 'A property that guests may have booked cannot be deleted.',
    'LC58 a property with a booking cannot be deleted'
);
select lives_ok('select public.archive_property(home) from world', 'LC59 a property with a future stay can be archived');
select tests.act_as('authenticated', ben) from world;
select is((select b.status from public.bookings b, world where b.id = empty), 'confirmed', 'LC60 the booking stays confirmed');
select isnt_empty('select from public.property_addresses, world where property_id = home', 'LC61 its guest can still read the address');
select tests.act_as('postgres');
select isnt_empty('select from public.occupancies, world where property_id = home', 'LC62 its nights stay occupied');
select tests.act_as('service_role');
select throws_ok(
    'delete from public.properties where id = (select home from world)', 'PT409', 'A property that guests may have booked cannot be deleted.',
    'LC63 the service role cannot delete a property with a booking'
);

select * from finish();
rollback;
