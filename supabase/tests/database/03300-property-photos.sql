-- Photos: rows that only the service role adds, of cleaned files alone; order and cover, removal of objects.
begin;
select plan(35);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Mia') as mia,
    tests.create_person('Fay') as fay, null::uuid as home, null::uuid as draft, null::uuid as bens;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false), bens = tests.create_property(ben);
insert into public.co_hosts (property_id, profile_id, level)
select home, mia, 'calendar_and_messages'::public.co_host_level from world union all select home, fay, 'full' from world;

create function pg_temp.clean(p_owner uuid, p_path text) returns void language sql security definer as $$
    insert into private.files (owner_id, kind, path, status, content_type, bytes) values (p_owner, 'property_photo', p_path, 'ready', 'image/png', 10)
$$;
create function pg_temp.add(p_property uuid, p_path text, p_alt_text text) returns public.property_photos language sql as $$
    insert into public.property_photos (property_id, path, alt_text) values (p_property, p_path, p_alt_text) returning *
$$;
create function pg_temp.queued(p_path text) returns bigint language sql security definer as $$
    select count(*) from pgmq.q_object_removals where message = jsonb_build_object('bucket', 'property-photos', 'path', p_path)
$$;
grant execute on all functions in schema pg_temp to anon, authenticated, service_role;

-- objects: only the service role writes them
select tests.act_as('authenticated', ana) from world;
select throws_ok(
    'insert into storage.objects (bucket_id, name, owner_id) select ''property-photos'', home || ''/1.png'', ana::text from world', '42501', null,
    'PH01 the host writes no object to the bucket of photos'
);
select is_empty('update storage.objects set name = name || ''.x'' where bucket_id = ''property-photos'' returning name', 'PH11 no user renames an object');
select throws_ok(
    'delete from storage.objects where bucket_id = ''property-photos''', '42501',
    'Direct deletion from storage tables is not allowed. Use the Storage API instead.', 'PH12 objects are deleted through Storage only'
);
set local storage.allow_delete_query = 'true'; -- as Storage does
select is_empty('delete from storage.objects where bucket_id = ''property-photos'' returning name', 'PH53 and no user deletes one there');
set local storage.allow_delete_query = 'false';

-- rows
select pg_temp.clean(ana, home || '/1.png'), pg_temp.clean(fay, home || '/2.png'), pg_temp.clean(ana, draft || '/3.png') from world;
select throws_ok('select pg_temp.add(home, home || ''/2.png'', ''x'') from world', '42501', null, 'PH15 clients cannot insert photos');
select tests.act_as('service_role');
select is((select position from world, pg_temp.add(home, home || '/1.png', 'Kitchen')), 2::smallint, 'PH17 the service role adds a photo, last in order');
select is((select position from world, pg_temp.add(home, home || '/2.png', 'Bath')), 3::smallint, 'PH18 the file of a co-host is a photo, too');
select tests.throws_code('select pg_temp.add(home, home || ''/3.png'', ''x'') from world', 'photo_file_not_found', 'PH21 a photo needs a cleaned file');
select throws_ok(
    'select pg_temp.add(home, home || ''/3.png'', '' '') from world', 'PT422',
    'The description of a photo is one line of 1 to 300 characters of plain text.', 'PH23 a photo needs a description'
);
select tests.throws_code(
    'select pg_temp.add(home, draft || ''/3.png'', ''x'') from world', 'photo_path_is_of_property',
    'PH24 a photo cannot use the file of another property'
);
select tests.throws_code(
    'insert into public.property_photos (property_id, external_url, alt_text) select home, ''http://example.com/1.jpg'', ''x'' from world',
    'external_url_is_https', 'PH25 an external photo needs https'
);
select tests.throws_code(
    'update public.property_photos set path = home || ''/9.png'' from world where path = home || ''/1.png''', 'photo_file_not_found',
    'PH22 the service role names no file that is not clean'
);

-- order
select tests.act_as('anon');
select is((select f.alt_text from public.properties p, world, public.cover_photo(p) f where p.id = home), 'The front door', 'PH26 the first photo is the cover');
select is((select count(*)::integer from public.property_photos, world where property_id = home), 3, 'PH27 anon reads photos');
select is_empty('select from public.property_photos, world where property_id = draft', 'PH28 anon reads no photos of a draft');
select throws_ok('delete from public.property_photos', '42501', null, 'PH29 anon deletes no photo');
select tests.act_as('authenticated', ben) from world;
select is_empty('update public.property_photos set alt_text = ''x'' where property_id = (select home from world) returning id', 'PH30 a stranger changes no photo');
select is_empty('delete from public.property_photos where property_id = (select home from world) returning id', 'PH31 a stranger deletes no photo');
select tests.act_as('authenticated', mia) from world;
select is_empty('delete from public.property_photos returning id', 'PH32 a co-host for messages deletes no photo');
select tests.act_as('authenticated', ana) from world;
select lives_ok(
    'update public.property_photos set position = 0 where property_id = (select home from world) and alt_text = ''Bath''', 'PH33 a host changes the order of photos'
);
select is((select f.alt_text from public.properties p, world, public.cover_photo(p) f where p.id = home), 'Bath', 'PH34 the first photo in the new order is the cover');
select throws_ok('update public.property_photos set path = null', '42501', null, 'PH35 a host cannot change the path of a photo');
select tests.throws_code('update public.property_photos set alt_text = null', 'value_missing', 'PH50 a photo keeps its description');
select tests.throws_code('update public.property_photos set position = 1001', 'photo_position_range', 'PH51 a position is 1,000 at most');
update public.property_photos set position = 1000 where property_id = (select home from world) and alt_text = 'Kitchen';
select pg_temp.clean(ana, home || '/last.png') from world;
select tests.act_as('service_role');
select is((select position from world, pg_temp.add(home, home || '/last.png', 'Garden')), 1000::smallint, 'PH52 a photo can still be added after one at position 1,000');
delete from public.property_photos where alt_text = 'Garden';
select tests.act_as('authenticated', ana) from world;

-- removal
select lives_ok('delete from public.property_photos where property_id = (select home from world) and alt_text <> ''Bath''', 'PH36 a host deletes photos');
select is(pg_temp.queued(home || '/1.png'), 1::bigint, 'PH37 the removal of a deleted photo''s object is queued') from world;
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH38 the object of another photo stays') from world;
select tests.act_as('service_role');
select tests.throws_code(
    'select pg_temp.add(home, home || ''/1.png'', ''x'') from world', 'photo_file_not_found', 'PH39 a file that was removed cannot become a photo'
);
select tests.act_as('authenticated', ana) from world;
select lives_ok('delete from public.properties where id = (select draft from world)', 'PH43 a host deletes a draft');
select is(pg_temp.queued(draft || '/front.png'), 1::bigint, 'PH44 the removal of the draft''s objects is queued') from world;
select tests.act_as('postgres');
update private.files set created_at = now() - interval '2 days' where path like (select home from world) || '/%';
insert into private.files (owner_id, kind, path, status, content_type, bytes, created_at)
select ana, 'property_photo', home || '/old.png', 'ready', 'image/png', 10, now() - interval '2 days' from world;
select private.remove_unused_files(), private.remove_unused_files();
select is(pg_temp.queued(home || '/old.png'), 1::bigint, 'PH46 the removal of a file that no row names is queued once') from world;
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH47 the object of a photo is not removed') from world;
select tests.act_as('service_role');
select tests.throws_code(
    'insert into public.property_photos (property_id, external_url, alt_text) select home, ''https://example.com/'' || n, ''x'' from world, generate_series(1, 50) n',
    'property_row_limit_exceeded', 'PH48 a property has at most 50 photos'
);

-- a co-host deletes her account
select tests.act_as('authenticated', fay) from world;
select public.delete_account();
select is(pg_temp.queued(home || '/2.png'), 0::bigint, 'PH49 photos of a co-host who left stay') from world;

select * from finish();
rollback;
