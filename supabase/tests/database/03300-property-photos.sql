-- Photos: uploads to the bucket, rows by the service alone, order and cover, removal of objects.
begin;
select plan(52);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Mia') as mia,
    tests.create_person('Fay') as fay, null::uuid as home, null::uuid as draft, null::uuid as bens;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false), bens = tests.create_property(ben);
insert into public.co_hosts (property_id, profile_id, level)
select home, mia, 'calendar_and_messages'::public.co_host_level from world union all select home, fay, 'full' from world;

create function pg_temp.upload(p_path text) returns void language sql as $$
    insert into storage.objects (bucket_id, name, owner_id) values ('property-photos', p_path, auth.uid()::text)
$$;
create function pg_temp.queued(p_path text) returns bigint language sql security definer as $$
    select count(*) from pgmq.q_object_removals where message = jsonb_build_object('bucket', 'property-photos', 'path', p_path)
$$;
grant execute on all functions in schema pg_temp to anon, authenticated, service_role;

-- uploads
select tests.act_as('anon');
select throws_ok('select pg_temp.upload(home || ''/1.png'') from world', '42501', null, 'PH01 anon uploads nothing');
select tests.act_as('authenticated', ben) from world;
select throws_ok('select pg_temp.upload(home || ''/1.png'') from world', '42501', null, 'PH02 nor does a stranger');
select is_empty('select from storage.objects, world where name like home || ''/%''', 'PH03 who does not list the folder either');
select tests.act_as('authenticated', mia) from world;
select throws_ok('select pg_temp.upload(home || ''/1.png'') from world', '42501', null, 'PH04 nor a co-host for messages');
select isnt_empty('select from storage.objects, world where name like home || ''/%''', 'PH05 who lists the folder');
select tests.act_as('authenticated', ana) from world;
select lives_ok('select pg_temp.upload(home || ''/1.png'') from world', 'PH06 the host uploads');
select throws_ok('select pg_temp.upload(bens || ''/1.png'') from world', '42501', null, 'PH07 to her own properties');
select throws_ok('select pg_temp.upload(home || ''/a/b.png'') from world', '42501', null, 'PH08 into the folder and not below');
select throws_ok('select pg_temp.upload(home || ''/..'') from world', '42501', null, 'PH09 under a name that is one');
select throws_ok('select pg_temp.upload(''1.png'')', '42501', null, 'PH10 and not beside it');
select is_empty('update storage.objects set name = name || ''.x'' where bucket_id = ''property-photos'' returning name', 'PH11 nobody renames an object');
select is_empty('delete from storage.objects where bucket_id = ''property-photos'' returning name', 'PH12 or takes one away under its row');
select tests.act_as('authenticated', fay) from world;
select lives_ok('select pg_temp.upload(home || ''/2.png'') from world', 'PH13 a full co-host uploads');
select throws_ok(
    'select pg_temp.upload(home || ''/x'' || n || ''.png'') from world, generate_series(1, 100) n', '42501', null, 'PH14 a folder is not without end'
);

-- rows
select throws_ok(
    'insert into public.property_photos (property_id, path, alt_text) select home, home || ''/2.png'', ''x'' from world', '42501', null,
    'PH15 clients make no row: their bytes were not looked at'
);
select throws_ok('select public.add_photo(fay, home || ''/2.png'', ''x'') from world', '42501', null, 'PH16 in no way');
select tests.act_as('service_role');
select is((select position from world, public.add_photo(ana, home || '/1.png', 'Kitchen')), 2::smallint, 'PH17 the service does, last in order');
select is((select position from world, public.add_photo(fay, home || '/2.png', 'Bath')), 3::smallint, 'PH18 for a full co-host too');
select tests.throws_code('select public.add_photo(mia, home || ''/3.png'', ''x'') from world', 'own_property_not_found', 'PH19 not for one for messages');
select tests.throws_code('select public.add_photo(ben, home || ''/3.png'', ''x'') from world', 'own_property_not_found', 'PH20 or a stranger');
select tests.throws_code('select public.add_photo(ana, home || ''/3.png'', ''x'') from world', 'photo_upload_not_found', 'PH21 not without an upload');
select results_eq(
    'select alt_text, position, (select count(*)::integer from public.property_photos f where f.path = p.path) from world, public.add_photo(ana, home || ''/1.png'', ''x'') p',
    $$values ('Kitchen', 2::smallint, 1)$$, 'PH22 asked again it is the photo that it is'
);
select throws_ok(
    'select public.add_photo(ana, home || ''/3.png'', '' '') from world', 'PT422',
    'The description of a photo is one line of 1 to 300 characters of plain text.', 'PH23 not without words'
);
select tests.throws_code(
    'insert into public.property_photos (property_id, path, alt_text) select home, draft || ''/front.png'', ''x'' from world', 'path_is_the_propertys',
    'PH24 not with another property''s object'
);
select tests.throws_code(
    'insert into public.property_photos (property_id, external_url, alt_text) select home, ''http://example.com/1.jpg'', ''x'' from world',
    'external_url_is_https', 'PH25 not from a place without encryption'
);

-- order
select tests.act_as('anon');
select is((select f.alt_text from public.properties p, world, public.cover_photo(p) f where p.id = home), 'The front door', 'PH26 the first is the cover');
select is((select count(*)::integer from public.property_photos, world where property_id = home), 3, 'PH27 anon reads photos');
select is_empty('select from public.property_photos, world where property_id = draft', 'PH28 not of a draft');
select throws_ok('delete from public.property_photos', '42501', null, 'PH29 and deletes none');
select tests.act_as('authenticated', ben) from world;
select is_empty('update public.property_photos set alt_text = ''x'' where property_id = (select home from world) returning id', 'PH30 a stranger changes none');
select is_empty('delete from public.property_photos where property_id = (select home from world) returning id', 'PH31 or deletes one');
select tests.act_as('authenticated', mia) from world;
select is_empty('delete from public.property_photos returning id', 'PH32 nor does a co-host for messages');
select tests.act_as('authenticated', ana) from world;
select lives_ok(
    'update public.property_photos set position = 0 where property_id = (select home from world) and alt_text = ''Bath''', 'PH33 the host orders them'
);
select is((select f.alt_text from public.properties p, world, public.cover_photo(p) f where p.id = home), 'Bath', 'PH34 and so chooses the cover');
select throws_ok('update public.property_photos set path = null', '42501', null, 'PH35 but not what they point to');
select tests.throws_code('update public.property_photos set alt_text = null', 'value_missing', 'PH50 a photo keeps its description');
select tests.throws_code('update public.property_photos set position = 1001', 'position_range', 'PH51 a position is 1,000 at most');
update public.property_photos set position = 1000 where property_id = (select home from world) and alt_text = 'Kitchen';
select pg_temp.upload(home || '/last.png') from world;
select tests.act_as('service_role');
select is((select position from world, public.add_photo(ana, home || '/last.png', 'Garden')), 1000::smallint, 'PH52 a photo can still be added after position 1000');
delete from public.property_photos where alt_text = 'Garden';
select tests.act_as('authenticated', ana) from world;

-- removal
select lives_ok('delete from public.property_photos where property_id = (select home from world) and alt_text <> ''Bath''', 'PH36 she deletes two of three');
select is(pg_temp.queued(home || '/1.png'), 1::bigint, 'PH37 whose objects are queued for removal') from world;
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH38 the third stays') from world;
select tests.act_as('service_role');
select tests.throws_code(
    'select public.add_photo(ana, home || ''/1.png'', ''x'') from world', 'photo_upload_not_found', 'PH39 what is about to be removed is no photo again'
);
select lives_ok('select public.discard_photo_upload(ana, home || ''/2.png'') from world', 'PH40 to discard a photo''s object');
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH41 does nothing') from world;
select tests.throws_code('select public.discard_photo_upload(ben, home || ''/9.png'') from world', 'own_property_not_found', 'PH42 and strangers discard nothing');
select tests.act_as('authenticated', ana) from world;
select lives_ok('delete from public.properties where id = (select draft from world)', 'PH43 with a draft');
select is(pg_temp.queued(draft || '/front.png'), 1::bigint, 'PH44 go its photos') from world;
select tests.act_as('postgres');
insert into storage.objects (bucket_id, name, created_at) select 'property-photos', home || '/old.png', now() - interval '2 days' from world;
select tests.act_as('service_role');
select tests.throws_code('select public.add_photo(ana, home || ''/old.png'', ''x'') from world', 'photo_upload_not_found', 'PH45 an upload is used soon');
select tests.act_as('postgres');
select private.remove_stale_photo_uploads(), private.remove_stale_photo_uploads();
select is(pg_temp.queued(home || '/old.png'), 1::bigint, 'PH46 or swept, once') from world;
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH47 unlike a photo') from world;
select tests.act_as('service_role');
select tests.throws_code(
    'insert into public.property_photos (property_id, external_url, alt_text) select home, ''https://example.com/'' || n, ''x'' from world, generate_series(1, 50) n',
    'property_row_limit_exceeded', 'PH48 51 photos are too many'
);

-- a co-host leaves
select tests.act_as('authenticated', fay) from world;
select public.delete_account();
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH49 what she uploaded stays with the property') from world;

select * from finish();
rollback;
