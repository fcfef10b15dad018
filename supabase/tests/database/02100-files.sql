-- Files: raw uploads that only their owner reads, limits, cleaned copies, what rows may name, and what is removed.
begin;
select plan(72);

-- the tests below set smaller limits
select results_eq(
    'select kind, max_bytes, files_per_person, bytes_per_person, files_per_hour from private.file_kinds order by kind',
    $$values
        ('attachment', 10485760::bigint, 500, 1073741824::bigint, 30),
        ('avatar', 2097152, 5, 10485760, 20),
        ('property_photo', 10485760, 2000, 5368709120, 300)$$,
    'F60 each kind of file has these limits'
);
select results_eq(
    $$select name, value from private.settings where name ~ '^upload' order by name$$,
    $$values ('upload_bytes_per_person', '314572800'), ('upload_lifetime', '15 minutes'), ('uploads_per_person', '60')$$,
    'F61 raw uploads have these limits'
);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as thread, null::jsonb as file;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
update private.settings set value = '3' where name = 'uploads_per_person';
update private.settings set value = '1000' where name = 'upload_bytes_per_person';
update private.file_kinds set files_per_person = 2, bytes_per_person = 500, max_bytes = 400, files_per_hour = 4 where kind = 'avatar';

create function pg_temp.upload(p_path text, p_bytes integer default 10, p_type text default 'image/png', p_bucket text default 'uploads') returns void
language sql as $$
    insert into storage.objects (bucket_id, name, owner_id, metadata)
    values (p_bucket, p_path, auth.uid()::text, jsonb_build_object('size', p_bytes, 'mimetype', p_type))
$$;
create function pg_temp.queued(p_bucket text, p_path text) returns bigint language sql security definer as $$
    select count(*) from pgmq.q_object_removals where message = jsonb_build_object('bucket', p_bucket, 'path', p_path)
$$;
create function pg_temp.forget(p_path text) returns void language plpgsql security definer as $$
begin
    perform set_config('storage.allow_delete_query', 'true', true);
    delete from storage.objects where bucket_id = 'uploads' and name = p_path;
end
$$;
grant execute on all functions in schema pg_temp to anon, authenticated, service_role;

-- raw uploads
select tests.act_as('anon');
select throws_ok('select pg_temp.upload(ana || ''/1.png'') from world', '42501', null, 'F01 a visitor uploads nothing');
select tests.act_as('authenticated', ana) from world;
select lives_ok('select pg_temp.upload(ana || ''/a b.png'') from world', 'F02 people upload to their own folder, under any name that Storage takes');
select isnt_empty('select from storage.objects where bucket_id = ''uploads''', 'F03 the uploader reads a raw file');
select is_empty('update storage.objects set name = name || ''x'' where bucket_id = ''uploads'' returning id', 'F04 the uploader replaces no raw file');
set local storage.allow_delete_query = 'true'; -- as Storage does
select is_empty('delete from storage.objects where bucket_id = ''uploads'' returning id', 'F05 the uploader deletes no raw file');
set local storage.allow_delete_query = 'false';
select throws_like('select pg_temp.upload(ben || ''/1.png'') from world', 'upload_folder_is_own: The path of an upload is your own id%', 'F06 the folder of another person is refused with a code');
select throws_like('select pg_temp.upload(''1.png'')', 'upload_folder_is_own:%', 'F07 a path without a folder is refused with a code');
select throws_ok('select pg_temp.upload(ben || ''/1.png'') from world', '42501', null, 'F08 the refusal has the code that Storage passes on');
select throws_ok(format('select pg_temp.upload(ana || ''/1.png'', 10, ''image/png'', %L) from world', b), '42501', null, 'F09 people write no object to the bucket ' || b)
from unnest('{avatars,property-photos,message-attachments}'::text[]) b;
select tests.act_as('authenticated', ben) from world;
select is_empty('select from storage.objects where bucket_id = ''uploads''', 'F10 a stranger reads no raw file');
select tests.act_as('authenticated', olga) from world;
select is_empty('select from storage.objects where bucket_id = ''uploads''', 'F11 an operator reads no raw file');
select tests.act_as('anon');
select is_empty('select from storage.objects where bucket_id = ''uploads''', 'F12 a visitor reads no raw file');

-- limits of raw uploads
select tests.act_as('authenticated', ana) from world;
select throws_like('select pg_temp.upload(ana || ''/big.png'', 991) from world', 'uploads_too_large: Your uploads that are not files yet would be larger than 1000 bytes.', 'F13 raw uploads have a total size');
select lives_ok('select pg_temp.upload(ana || ''/2.png'', 300), pg_temp.upload(ana || ''/3.png'', 300) from world', 'F14 up to the limit they are accepted');
select throws_like('select pg_temp.upload(ana || ''/4.png'') from world', 'too_many_uploads: You have 3 uploads that are not files yet.', 'F15 raw uploads have a number');
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.upload(ben || ''/1.png'') from world', 'F16 the limits count for each person');

-- admission
select throws_ok('select public.begin_file(ben, ''avatar'', ben || ''/1.png'') from world', '42501', null, 'F17 clients cannot call begin_file');
select throws_ok('select public.finish_file(gen_random_uuid(), 1)', '42501', null, 'F18 clients cannot call finish_file');
select throws_ok('select public.fail_file(gen_random_uuid(), ''x'')', '42501', null, 'F19 clients cannot call fail_file');
select throws_ok('select public.name_file(gen_random_uuid(), ''x'')', '42501', null, 'F62 clients cannot call name_file');
select throws_ok('select public.keeps_object(''avatars'', ''x'')', '42501', null, 'F63 clients cannot call keeps_object');
select tests.act_as('service_role');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ben || ''/1.png'') from world', 'upload_not_found', 'F20 the upload of another person is not found');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/none.png'') from world', 'upload_not_found', 'F21 a file needs an upload');
select tests.throws_code('select public.begin_file(ana, ''virus'', ana || ''/2.png'') from world', 'unknown_file_kind', 'F22 a kind must be known');
select tests.throws_code('select public.begin_file(ben, ''property_photo'', ben || ''/1.png'', home) from world', 'own_property_not_found', 'F23 a photo needs a property of the person');
select tests.throws_code('select public.begin_file(ben, ''property_photo'', ben || ''/1.png'') from world', 'own_property_not_found', 'F24 a photo needs a property');
select tests.throws_code('select public.begin_file(ben, ''attachment'', ben || ''/1.png'', home) from world', 'thread_not_found', 'F25 an attachment needs a thread of the person');
update world set file = public.begin_file(ana, 'avatar', ana || '/a b.png');
select results_eq(
    'select file ->> ''status'', file ->> ''bucket'', file ->> ''path'' = ana || ''/'' || (file ->> ''id'') || ''.png'' from world',
    $$values ('pending', 'avatars', true)$$, 'F26 an upload with any name is admitted under a name of its own'
);
select is(public.begin_file(ana, 'avatar', ana || '/a b.png'), file, 'F27 a repeated call admits it once') from world;
select tests.throws_code('select public.begin_file(ana, ''property_photo'', ana || ''/a b.png'', home) from world', 'upload_not_found', 'F28 an upload becomes one file');

-- a row names only a cleaned file
select tests.act_as('authenticated', ana) from world;
select tests.throws_code('update public.profiles set avatar_path = (select file ->> ''path'' from world) where id = (select ana from world)', 'avatar_not_found', 'F29 an avatar that is not cleaned yet cannot be named');
select tests.throws_code('update public.profiles set avatar_path = (select ana || ''/2.png'' from world) where id = (select ana from world)', 'avatar_not_found', 'F30 a raw file cannot be named');
select tests.act_as('service_role');
select tests.throws_code('update public.profiles set avatar_path = (select ana || ''/2.png'' from world) where id = (select ana from world)', 'avatar_not_found', 'F31 not even by the service role');
update world set file = public.finish_file((file ->> 'id')::uuid, 9);
select results_eq('select file ->> ''status'', file ->> ''bytes'' from world', $$values ('ready', '9')$$, 'F32 the cleaned copy is ready');
select is(pg_temp.queued('uploads', ana || '/a b.png'), 1::bigint, 'F33 the raw file is removed') from world;
select is(public.finish_file((file ->> 'id')::uuid, 1), file, 'F34 a repeated call changes nothing') from world;
select is(pg_temp.queued('uploads', ana || '/a b.png'), 1::bigint, 'F35 and removes nothing again') from world;
select pg_temp.forget(ana || '/a b.png') from world;
select is(public.begin_file(ana, 'avatar', ana || '/a b.png'), file, 'F36 the answer stays when the raw file is gone') from world;
select tests.act_as('authenticated', ben) from world;
select tests.throws_code('update public.profiles set avatar_path = (select file ->> ''path'' from world) where id = (select ben from world)', 'avatar_path_is_own', 'F37 the avatar of another person cannot be named');
select tests.act_as('authenticated', ana) from world;
select lives_ok('update public.profiles set avatar_path = (select file ->> ''path'' from world) where id = (select ana from world)', 'F38 the person names the cleaned avatar');
select results_eq(
    'select f ->> ''kind'', f ->> ''path'' = file ->> ''path'' from world, jsonb_array_elements(public.export_my_data() -> ''files'') f where f ->> ''kind'' = ''avatar''',
    $$values ('avatar', true)$$, 'F39 the export lists it'
);

-- limits of files
select tests.act_as('service_role');
select lives_ok('select public.begin_file(ana, ''avatar'', ana || ''/2.png'') from world', 'F41 a second avatar is admitted');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/3.png'') from world', 'too_many_files', 'F42 a third is one too many');
update world set file = public.begin_file(ana, 'avatar', ana || '/2.png');
select lives_ok('select public.fail_file((file ->> ''id'')::uuid, ''file_not_of_its_type'') from world', 'F43 an upload is refused');
select results_eq(
    'select f ->> ''status'', f ->> ''error'' from world, public.begin_file(ana, ''avatar'', ana || ''/2.png'') f',
    $$values ('failed', 'file_not_of_its_type')$$, 'F44 a repeated call gets the same refusal'
);
select is(pg_temp.queued('uploads', ana || '/2.png'), 1::bigint, 'F45 its raw file is removed') from world;
select is(public.finish_file((file ->> 'id')::uuid, 9) ->> 'status', 'failed', 'F46 what was refused never becomes ready') from world;
select lives_ok('select public.begin_file(ana, ''avatar'', ana || ''/3.png'') from world', 'F47 a refused one does not count');
select tests.act_as('postgres');
update private.file_kinds set files_per_person = 9 where kind = 'avatar';
select pg_temp.forget(ana || '/' || n || '.png') from world, generate_series(2, 3) n;
select tests.act_as('authenticated', ana) from world;
select pg_temp.upload(ana || '/5.png', 300), pg_temp.upload(ana || '/6.png', 401), pg_temp.upload(ana || '/7.pdf', 10, 'application/pdf') from world;
select tests.act_as('service_role');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/5.png'') from world', 'files_too_large', 'F48 the files of a kind have a total size');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/6.png'') from world', 'file_too_large', 'F49 one file has a size');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/7.pdf'') from world', 'file_type_not_allowed', 'F50 a file has a type of its kind');
select tests.act_as('postgres');
update private.file_kinds set files_per_hour = 3, bytes_per_person = 5000 where kind = 'avatar';
select tests.act_as('service_role');
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/5.png'') from world', 'too_many_files_an_hour', 'F51 files have a number an hour');

-- removal
select tests.act_as('postgres');
update private.file_kinds set files_per_hour = 9 where kind = 'avatar';
update storage.objects set created_at = now() - interval '16 minutes' where bucket_id = 'uploads' and name like '%/5.png';
select tests.throws_code('select public.begin_file(ana, ''avatar'', ana || ''/5.png'') from world', 'upload_not_found', 'F52 an upload waits for a quarter of an hour');
select private.remove_unused_files(), private.remove_unused_files();
select is(pg_temp.queued('uploads', ana || '/5.png'), 1::bigint, 'F53 then its removal is queued, once') from world;
select is(pg_temp.queued('uploads', ana || '/6.png'), 0::bigint, 'F54 a newer upload stays') from world;
select tests.act_as('authenticated', ana) from world;
update world set file = jsonb_build_object('path', (select avatar_path from public.profiles where id = ana));
select lives_ok('update public.profiles set avatar_path = null where id = (select ana from world)', 'F55 the person removes the avatar');
select is(pg_temp.queued('avatars', file ->> 'path'), 1::bigint, 'F56 its object is removed') from world;
select tests.throws_code('update public.profiles set avatar_path = (select file ->> ''path'' from world) where id = (select ana from world)', 'avatar_not_found', 'F57 a removed avatar cannot be named again');
select tests.act_as('authenticated', ben) from world;
select public.delete_account();
select is(pg_temp.queued('uploads', ben || '/1.png'), 1::bigint, 'F58 raw files go with the account') from world;


-- names made of the content
select tests.act_as('postgres');
update private.file_kinds set files_per_hour = 99, files_per_person = 99, bytes_per_person = 9999;
update private.settings set value = '99' where name = 'uploads_per_person';
create temporary table picture on commit drop as select null::jsonb as first, null::jsonb as second, null::text as path;
grant select, update on picture to service_role, authenticated;
update picture set path = home || '/' || repeat('a', 32) || '.png' from world;
select tests.act_as('authenticated', ana) from world;
select pg_temp.upload(ana || '/' || n || '.png') from world, generate_series(11, 13) n;
select tests.act_as('service_role');
update picture set first = public.begin_file(ana, 'property_photo', ana || '/11.png', home), second = public.begin_file(ana, 'property_photo', ana || '/12.png', home) from world;
update picture set first = public.name_file((first ->> 'id')::uuid, repeat('a', 32)), second = public.name_file((second ->> 'id')::uuid, repeat('a', 32));
select is(array[first ->> 'path', second ->> 'path'], array[path, path], 'F64 the same picture has the same name in a property') from picture;
update picture set first = public.finish_file((first ->> 'id')::uuid, 9, 'Door');
select tests.act_as('authenticated', ana) from world;
delete from public.property_photos where id = (select (first ->> 'photo_id')::uuid from picture);
select is(pg_temp.queued('property-photos', path), 1::bigint, 'F65 a deleted photo leaves a job') from picture;
select tests.act_as('service_role');
select ok(public.keeps_object('property-photos', path), 'F66 which keeps the object for an upload of the same picture') from picture;
update picture set second = public.finish_file((second ->> 'id')::uuid, 9, 'Door');
select isnt(second ->> 'photo_id', null, 'F67 that becomes a photo') from picture;
select is(public.begin_file(ana, 'property_photo', ana || '/12.png', home), second, 'F68 a repeated call gets the same answer') from picture, world;
update picture set first = public.begin_file(ana, 'property_photo', ana || '/13.png', home) from world;
select is(public.name_file((first ->> 'id')::uuid, repeat('a', 32)) ->> 'path', first ->> 'path', 'F69 while a removal of the name waits, a file keeps its own') from picture;
select tests.act_as('authenticated', ana) from world;
delete from public.property_photos where id = (select (second ->> 'photo_id')::uuid from picture);
select tests.act_as('service_role');
select ok(not public.keeps_object('property-photos', path), 'F70 the object of no file is removed') from picture;
select tests.act_as('postgres');
select pgmq.purge_queue('object_removals');
select tests.act_as('service_role');
update picture set first = public.name_file((first ->> 'id')::uuid, repeat('a', 32));
select is(first ->> 'path', path, 'F71 afterwards the name is free again') from picture;
select tests.throws_code('select public.name_file(gen_random_uuid(), repeat(''a'', 32))', 'upload_not_found', 'F72 a file that is gone is not named');

select * from finish();
rollback;
