-- Purpose: the work of the Edge Function `files` in the database: it admits an upload, and records its cleaned copy or its refusal.
-- Touches: public.begin_file, name_file, finish_file, fail_file, keeps_object.
-- Watch: begin_file reserves number and size under a lock for the person, so that uploads at once cannot exceed a limit together.
-- Repeated calls for one upload get the same answer. A name made of the content may come back after its file was deleted: name_file
-- and keeps_object take turns, so that a removal which was queued for the former file never takes the object of the new one.

insert into private.errors (code, status, message, hint) values
    ('own_property_not_found', 404, 'You manage no property with this id.', 'Send the id of a property that you host or fully co-host.'),
    ('unknown_file_kind', 422, 'There is no kind of file "{value}".', 'Send property_photo, avatar or attachment.'),
    ('upload_not_found', 422, 'There is no recent upload at this path.', 'Upload the file to the bucket uploads as <your id>/<file name>, then send that path.'),
    ('file_type_not_allowed', 422, 'A file of the kind {kind} cannot have the type {value}.', 'Upload one of {types}.'),
    ('file_too_large', 422, 'A file of the kind {kind} has up to {limit} bytes.', 'Upload a smaller file.'),
    ('too_many_files', 422, 'You have {limit} files of the kind {kind}, and no more are possible.', 'Delete one; files that nothing names are removed after a day.'),
    ('files_too_large', 422, 'Your files of the kind {kind} would be larger than {limit} bytes.', 'Delete some, or upload a smaller file.'),
    ('too_many_files_an_hour', 429, 'You can add up to {limit} files of the kind {kind} an hour.', 'Try again in an hour.');

create function private.require_file_target(p_actor uuid, p_kind text, p_target uuid) returns void
language plpgsql stable
set search_path = ''
as $$
begin
    if p_kind = 'property_photo' and (p_target is null or p_target not in (select private.properties_of(p_actor, 'full'))) then
        perform private.raise_error('own_property_not_found');
    elsif p_kind = 'attachment' and not exists (
        select from public.threads t
        where t.id = p_target and (t.guest_id = p_actor or p_actor in (select private.host_side(t.property_id, t.host_id)))
    ) then
        perform private.raise_error('thread_not_found');
    end if;
end
$$;
comment on function private.require_file_target is
    'Refuses a file for a property that p_actor does not manage, or for a thread that p_actor does not take part in.';

create function private.limit_files(p_actor uuid, p_kind private.file_kinds, p_bytes bigint) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_count bigint;
    v_bytes bigint;
    v_this_hour bigint;
begin
    select
        count(*) filter (where f.status <> 'failed'), coalesce(sum(f.bytes) filter (where f.status <> 'failed'), 0),
        count(*) filter (where f.created_at > now() - interval '1 hour')
    into v_count, v_bytes, v_this_hour
    from private.files f
    where f.owner_id = p_actor and f.kind = p_kind.kind;
    if v_this_hour >= p_kind.files_per_hour then
        perform private.raise_error('too_many_files_an_hour', jsonb_build_object('kind', p_kind.kind, 'limit', p_kind.files_per_hour));
    elsif v_count >= p_kind.files_per_person then
        perform private.raise_error('too_many_files', jsonb_build_object('kind', p_kind.kind, 'limit', p_kind.files_per_person));
    elsif v_bytes + p_bytes > p_kind.bytes_per_person then
        perform private.raise_error('files_too_large', jsonb_build_object('kind', p_kind.kind, 'limit', p_kind.bytes_per_person));
    end if;
end
$$;
comment on function private.limit_files is
    'Refuses a file beyond the number, size or rate that a person may have of its kind. The calling function holds a lock for the person.';

create function private.file_answer(p_file private.files) returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', p_file.id, 'status', p_file.status, 'error', p_file.error, 'bucket', k.bucket, 'path', p_file.path,
        'content_type', p_file.content_type, 'bytes', p_file.bytes,
        'photo_id', (select f.id from public.property_photos f where p_file.kind = 'property_photo' and f.path = p_file.path)
    )
    from private.file_kinds k
    where k.kind = p_file.kind
$$;
comment on function private.file_answer is 'A file as the Edge Function files works with it.';

create function public.begin_file(p_actor uuid, p_kind text, p_upload_path text, p_target uuid default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_target constant uuid := case p_kind when 'avatar' then p_actor else p_target end;
    v_kind private.file_kinds;
    v_upload record;
    v_file private.files;
begin
    select k.* into v_kind from private.file_kinds k where k.kind = p_kind;
    if not found then
        perform private.raise_error('unknown_file_kind', jsonb_build_object('value', p_kind));
    end if;
    perform private.require_file_target(p_actor, p_kind, v_target);
    perform pg_advisory_xact_lock(hashtextextended('files ' || p_actor, 0));
    select o.id, o.metadata, o.created_at into v_upload
    from storage.objects o
    where o.bucket_id = 'uploads' and o.name = p_upload_path and o.owner_id = p_actor::text;
    -- the same answer for a repeated call, also when the upload has been removed
    select f.* into v_file
    from private.files f
    where f.owner_id = p_actor and f.upload_path = p_upload_path and f.upload_id = coalesce(v_upload.id, f.upload_id)
    order by f.created_at desc
    limit 1;
    if
        v_file.kind = p_kind and split_part(v_file.path, '/', 1) = v_target::text
        and (v_upload.id is not null or v_file.status <> 'pending')
    then
        return private.file_answer(v_file);
    elsif v_file.id is not null or v_upload.id is null or v_upload.created_at < now() - private.duration('upload_lifetime') then
        perform private.raise_error('upload_not_found', jsonb_build_object('field', 'path', 'value', p_upload_path));
    elsif not coalesce(v_upload.metadata ->> 'mimetype' = any (v_kind.types), false) then
        perform private.raise_error('file_type_not_allowed', jsonb_build_object(
            'kind', p_kind, 'value', v_upload.metadata ->> 'mimetype', 'types', array_to_string(v_kind.types, ', ')
        ));
    elsif (v_upload.metadata ->> 'size')::bigint > v_kind.max_bytes then
        perform private.raise_error('file_too_large', jsonb_build_object('kind', p_kind, 'limit', v_kind.max_bytes));
    end if;
    perform private.limit_files(p_actor, v_kind, (v_upload.metadata ->> 'size')::bigint);
    v_file.id := gen_random_uuid();
    insert into private.files (id, owner_id, kind, upload_id, upload_path, path, content_type, bytes)
    values (
        v_file.id, p_actor, p_kind, v_upload.id, p_upload_path,
        format('%s/%s.%s', v_target, v_file.id, case v_upload.metadata ->> 'mimetype'
            when 'image/jpeg' then 'jpg' else split_part(v_upload.metadata ->> 'mimetype', '/', 2)
        end),
        v_upload.metadata ->> 'mimetype', (v_upload.metadata ->> 'size')::bigint
    )
    returning * into v_file;
    return private.file_answer(v_file);
end
$$;
grant execute on function public.begin_file to service_role;
comment on function public.begin_file is
    'Admits a raw upload of p_actor as a file of a kind, for a property or a thread (p_target; null for an avatar), and reserves its size; a repeated call returns the same file. For the Edge Function files: service role only; definer, because no API role may read private.files.';

create function public.name_file(p_file uuid, p_content text) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_file private.files;
    v_bucket text;
    v_path text;
begin
    select f.* into v_file from private.files f where f.id = p_file for update;
    if not found then
        perform private.raise_error('upload_not_found');
    elsif v_file.status = 'pending' and v_file.kind <> 'attachment' then
        select k.bucket into v_bucket from private.file_kinds k where k.kind = v_file.kind;
        v_path := format('%s/%s.%s', split_part(v_file.path, '/', 1), p_content, split_part(v_file.path, '.', 2));
        perform pg_advisory_xact_lock(hashtextextended('object ' || v_bucket || '/' || v_path, 0));
        if not exists (
            select from pgmq.q_object_removals q where q.message = jsonb_build_object('bucket', v_bucket, 'path', v_path)
        ) then
            update private.files f set path = v_path where f.id = p_file returning f.* into v_file;
        end if;
    end if;
    return private.file_answer(v_file);
end
$$;
grant execute on function public.name_file to service_role;
comment on function public.name_file is
    'Names a picture that was cleaned by its content, p_content: the first 32 hexadecimal digits of its SHA-256. It keeps its own name while an object with that name waits for its removal. For the Edge Function files: service role only; definer, because no API role may write private.files.';

create function public.keeps_object(p_bucket text, p_path text) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    -- a name that is given at this moment counts; one that is given later sees the job
    perform pg_advisory_xact_lock(hashtextextended('object ' || p_bucket || '/' || p_path, 0));
    return exists (
        select from private.files f
        join private.file_kinds k on k.kind = f.kind
        where k.bucket = p_bucket and f.path = p_path and f.status <> 'failed'
    );
end
$$;
grant execute on function public.keeps_object to service_role;
comment on function public.keeps_object is
    'Whether a file has this object, so that a job of object_removals must leave it. For the Edge Function remove-objects: service role only; definer, because no API role may read private.files.';

create function public.finish_file(p_file uuid, p_bytes bigint, p_alt_text text default null) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_file private.files;
begin
    select f.* into v_file from private.files f where f.id = p_file for update;
    if not found then
        perform private.raise_error('upload_not_found');
    elsif v_file.status = 'pending' then
        perform private.require_file_target(v_file.owner_id, v_file.kind, split_part(v_file.path, '/', 1)::uuid);
        update private.files f set status = 'ready', bytes = p_bytes where f.id = p_file returning f.* into v_file;
        if v_file.kind = 'property_photo' then
            insert into public.property_photos (property_id, path, alt_text)
            values (split_part(v_file.path, '/', 1)::uuid, v_file.path, p_alt_text)
            on conflict (path) do nothing;
        end if;
        perform private.enqueue_job('object_removals', jsonb_build_object('bucket', 'uploads', 'path', v_file.upload_path), 'remove-objects');
    end if;
    return private.file_answer(v_file);
end
$$;
grant execute on function public.finish_file to service_role;
comment on function public.finish_file is
    'Records that the cleaned copy of a file is written, adds a photo to its property, last in order, unless it has this picture, and queues the removal of the raw upload; a repeated call changes nothing. For the Edge Function files: service role only; definer, because no API role may write private.files.';

create function public.fail_file(p_file uuid, p_error text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_path text;
begin
    update private.files f set status = 'failed', error = p_error where f.id = p_file and f.status = 'pending' returning f.upload_path into v_path;
    if found then
        perform private.enqueue_job('object_removals', jsonb_build_object('bucket', 'uploads', 'path', v_path), 'remove-objects');
    end if;
end
$$;
grant execute on function public.fail_file to service_role;
comment on function public.fail_file is
    'Records why an upload was refused, and queues its removal. For the Edge Function files: service role only; definer, because no API role may write private.files.';
