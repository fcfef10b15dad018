-- Purpose: one way in for every file that people send. A raw upload lies in a private bucket that only its owner reads; the Edge
-- Function `files` writes a cleaned copy to the bucket of its kind, and only a cleaned copy can be named by a row.
-- Touches: storage.buckets, policies and a trigger on storage.objects; private.file_kinds, files, raise_upload_error, check_upload,
-- use_file, remove_objects, remove_files, remove_unused_files; trigger on public.profiles.
-- Watch: no client has a policy to write to the buckets of cleaned copies; they hold only what the service role wrote. Storage checks
-- an upload in a transaction that it rolls back, and writes the row later as its own role, so a policy alone could not limit uploads
-- that come at once: the trigger on storage.objects does. Storage passes on only the message of an error, which begins with its code.

insert into private.errors (code, status, message, hint) values
    ('upload_folder_is_own', 403, 'The path of an upload is your own id, a slash and a file name.', 'Upload to the bucket uploads as <your id>/<file name>.'),
    ('too_many_uploads', 403, 'You have {limit} uploads that are not files yet.', 'Call the function files for each, or wait {wait} until they are removed.'),
    ('uploads_too_large', 403, 'Your uploads that are not files yet would be larger than {limit} bytes.', 'Call the function files for each, or wait {wait} until they are removed.'),
    ('avatar_not_found', 422, 'You have no such avatar.', 'Upload the picture, call the function files with the kind avatar, and send the path that it answers.');

insert into private.settings (name, value, description) values
    ('uploads_per_person', '60', 'How many raw uploads a person may have at a time.'),
    ('upload_bytes_per_person', '314572800', 'How many bytes the raw uploads of a person may have in all.'),
    ('upload_lifetime', '15 minutes', 'How long a raw upload waits for the function files before it is removed.'),
    ('unused_file_lifetime', '1 day', 'How long a file that no row names is kept.'),
    ('object_removal_delay', '7 days', 'How long the object of a deleted file stays in Storage. At least as long as backups of the database are kept: a restored row names its object again.');

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
    ('uploads', 'uploads', false, 10 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif,application/pdf}'),
    ('avatars', 'avatars', true, 2 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif}');

create table private.file_kinds (
    kind text constraint file_kinds_pkey primary key,
    bucket text not null constraint file_kinds_bucket_is_unique unique,
    types text[] not null,
    max_bytes bigint not null constraint file_kinds_max_bytes_is_positive check (max_bytes > 0),
    files_per_person integer not null constraint file_kinds_files_per_person_is_positive check (files_per_person > 0),
    bytes_per_person bigint not null constraint file_kinds_bytes_per_person_is_positive check (bytes_per_person > 0),
    files_per_hour integer not null constraint file_kinds_files_per_hour_is_positive check (files_per_hour > 0)
);
comment on table private.file_kinds is 'Kinds of files: the bucket of the cleaned copies, their types, and the limits for each person.';
comment on column private.file_kinds.types is 'MIME types that a file of this kind may have.';
comment on column private.file_kinds.max_bytes is 'How large one file may be.';
alter table private.file_kinds enable row level security;

insert into private.file_kinds (kind, bucket, types, max_bytes, files_per_person, bytes_per_person, files_per_hour) values
    ('property_photo', 'property-photos', '{image/jpeg,image/png,image/webp,image/avif}', 10 * 1024 * 1024, 2000, 5368709120, 300),
    ('avatar', 'avatars', '{image/jpeg,image/png,image/webp,image/avif}', 2 * 1024 * 1024, 5, 10 * 1024 * 1024, 20),
    ('attachment', 'message-attachments', '{image/jpeg,image/png,image/webp,image/avif,application/pdf}', 10 * 1024 * 1024, 500, 1073741824, 30);

create type private.file_status as enum ('pending', 'ready', 'failed');

create table private.files (
    id uuid default gen_random_uuid() constraint files_pkey primary key,
    owner_id uuid not null constraint files_owner_fkey references public.profiles (id) on delete cascade,
    kind text not null constraint files_kind_fkey references private.file_kinds (kind) on delete restrict,
    upload_id uuid constraint files_upload_is_unique unique,
    upload_path text,
    path text not null,
    status private.file_status not null default 'pending',
    error text,
    content_type text not null,
    bytes bigint not null,
    is_used boolean not null default false,
    created_at timestamptz not null default now(),
    constraint files_failed_has_error check ((status = 'failed') = (error is not null))
);
comment on table private.files is
    'Cleaned copies of uploads, which rows name by their path, and uploads that are being cleaned (pending) or were refused (failed). A pending one counts with the size of its upload.';
comment on column private.files.upload_id is 'The raw upload, storage.objects.id; null for files that came with the installation.';
comment on column private.files.path is
    'Path in the bucket of its kind. Equal pictures of one folder have one path, so several rows may name one object.';
comment on column private.files.error is 'Code of the error that refused the upload.';
comment on column private.files.is_used is 'Whether a row names the file.';
create index files_owner_id_idx on private.files (owner_id, kind, created_at) include (status, bytes);
create index files_owner_id_upload_path_idx on private.files (owner_id, upload_path);
create index files_kind_path_idx on private.files (kind, path);
create index files_created_at_idx on private.files (created_at) where not is_used;
alter table private.files enable row level security;

create policy "People can read their own uploads" on storage.objects for select to authenticated
    using (bucket_id = 'uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "People can upload to their own folder" on storage.objects for insert to authenticated
    with check (bucket_id = 'uploads' and (storage.foldername(name))[1] = (select auth.uid())::text);

create function private.raise_upload_error(p_code text, p_details jsonb default '{}') returns void
language plpgsql stable security definer
set search_path = ''
as $$
begin
    raise exception using
        errcode = '42501', message = p_code || ': ' || (private.problem(p_code, p_details) ->> 'message'),
        hint = (select private.fill_template(e.hint, p_details) from private.errors e where e.code = p_code);
end
$$;
comment on function private.raise_upload_error is
    'Refuses an upload with an error of private.errors. Storage answers 403 with its message, and 500 for other codes of SQL. Definer, because no API role may read private.errors.';

create function private.check_upload() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_folder constant text := split_part(new.name, '/', 1);
    v_bytes constant bigint := coalesce(new.metadata ->> 'size', new.metadata ->> 'contentLength', '0')::bigint;
    v_max_count constant bigint := (select s.value::bigint from private.settings s where s.name = 'uploads_per_person');
    v_max_bytes constant bigint := (select s.value::bigint from private.settings s where s.name = 'upload_bytes_per_person');
    v_wait constant text := private.duration('upload_lifetime')::text;
    v_count bigint;
    v_sum bigint;
begin
    if private.is_paused('all') then
        perform private.raise_upload_error('operations_paused');
    elsif v_folder is distinct from new.owner_id then
        perform private.raise_upload_error('upload_folder_is_own');
    end if;
    perform pg_advisory_xact_lock(hashtextextended('uploads ' || v_folder, 0));
    select count(*), coalesce(sum((o.metadata ->> 'size')::bigint), 0) into v_count, v_sum
    from storage.objects o
    where o.bucket_id = 'uploads' and o.name like v_folder || '/%' and o.name <> new.name;
    if v_count >= v_max_count then
        perform private.raise_upload_error('too_many_uploads', jsonb_build_object('limit', v_max_count, 'wait', v_wait));
    elsif v_sum + v_bytes > v_max_bytes then
        perform private.raise_upload_error('uploads_too_large', jsonb_build_object('limit', v_max_bytes, 'wait', v_wait));
    end if;
    return new;
end
$$;
comment on function private.check_upload is
    'Trigger: refuses a raw upload while everything is paused, one outside the folder of its owner, and more or larger uploads than a person may have at a time. Definer, because it reads objects and settings that the caller may not see.';
create trigger _100_check_upload before insert on storage.objects
    for each row when (new.bucket_id = 'uploads') execute function private.check_upload();

create function private.use_file(p_kind text, p_owner uuid, p_path text) returns boolean
language sql security definer
set search_path = ''
as $$
    with used as (
        update private.files f set is_used = true
        where f.kind = p_kind and f.path = p_path and f.status = 'ready' and f.owner_id = coalesce(p_owner, f.owner_id)
        returning f.id
    )
    select exists (select from used)
$$;
comment on function private.use_file is
    'Marks a cleaned file as named by a row; false when there is none with this path, or not of p_owner (null for any). Definer, because no API role may read private.files.';

create function private.remove_objects(p_kind text, p_paths text[]) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform pgmq.send(
        'object_removals', jsonb_build_object('bucket', k.bucket, 'path', u.path), private.job_headers(private.request_id()),
        now() + private.duration('object_removal_delay')
    )
    from private.file_kinds k
    cross join unnest(p_paths) as u (path)
    where k.kind = p_kind and u.path is not null;
end
$$;
comment on function private.remove_objects is
    'Queues the removal of objects, which wait for object_removal_delay; the worker keeps those that a file still has. Definer, because triggers that fire for any role call it.';

create function private.remove_files(p_kind text, p_paths text[]) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    -- an upload of the same picture that is being cleaned becomes a file of its own
    delete from private.files f where f.kind = p_kind and f.path = any (p_paths) and f.status <> 'pending';
    perform private.remove_objects(p_kind, p_paths);
end
$$;
comment on function private.remove_files is
    'Deletes the files with these paths, which no row names any more, and queues the removal of their objects. Definer, because triggers that fire for any role call it.';

create function private.remove_unused_files() returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kinds bigint;
begin
    -- the bucket holds only the last minutes, so this reads no growing table
    perform pgmq.send('object_removals', jsonb_build_object('bucket', 'uploads', 'path', o.name))
    from storage.objects o
    where o.bucket_id = 'uploads' and o.created_at < now() - private.duration('upload_lifetime')
        and not exists (
            select from pgmq.q_object_removals q where q.message = jsonb_build_object('bucket', 'uploads', 'path', o.name)
        );
    if found then
        perform private.wake_worker('remove-objects');
    end if;
    with gone as (
        delete from private.files f
        where not f.is_used and f.created_at < now() - private.duration('unused_file_lifetime')
        returning f.kind, f.path
    )
    select count(private.remove_objects(g.kind, g.paths)) into v_kinds
    from (select g.kind, array_agg(g.path) as paths from gone g group by g.kind) g;
end
$$;
comment on function private.remove_unused_files is
    'Queues the removal of raw uploads that the function files did not clean in time, and removes files that no row names. Definer, because queues belong to the owner of the database.';

insert into private.periodic_tasks (name, command) values ('remove_unused_files', 'select private.remove_unused_files()');

create function private.use_avatar() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.avatar_path is not null and not private.use_file('avatar', new.id, new.avatar_path) then
        perform private.raise_error('avatar_not_found', jsonb_build_object('field', 'avatar_path', 'value', new.avatar_path));
    end if;
    perform private.remove_files('avatar', array[old.avatar_path]);
    return null;
end
$$;
comment on function private.use_avatar is
    'Trigger: accepts only a cleaned avatar of the person, and removes the one that it replaces. Definer, because no API role may read private.files.';
create trigger _100_use_avatar after update of avatar_path on public.profiles
    for each row when (new.avatar_path is distinct from old.avatar_path) execute function private.use_avatar();
