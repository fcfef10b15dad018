-- Purpose: photos of properties. A public bucket with a folder per property; rows in an order, the first being the cover.
-- Touches: storage.buckets, policies on storage.objects, public.property_photos, public.add_photo, public.cover_photo, cron job.
-- Watch: the database sees an object's name, declared type and size, not its bytes. So rows are made by the Edge Function
-- `property-photos`, which reads the first bytes and calls add_photo; clients upload, order, describe and delete. Objects are
-- never changed or deleted by clients: with its row an object's removal is queued, and unused uploads are swept.

insert into private.errors (code, status, message, hint) values
    ('path_is_the_propertys', 422, 'A path is the id of the property, a slash and a file name.', 'Send a value that meets this rule.'),
    ('external_url_is_https', 422, 'The address of a photo elsewhere begins with https:// and has up to 2,000 characters.', 'Send a value that meets this rule.'),
    ('alt_text_is_plain', 422, 'The words for a photo are one line of 1 to 300 characters of plain text, without HTML and control characters.', 'Send a value that meets this rule.'),
    ('position_range', 422, 'The position of a photo is 0 to 1000.', 'Send a value that meets this rule.'),
    ('are_somewhere', 422, 'A photo is either in the bucket or elsewhere.', 'Send a value that meets this rule.');

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('property-photos', 'property-photos', true, 10 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif}');

create table public.property_photos (
    id uuid default gen_random_uuid() constraint property_photos_pkey primary key,
    property_id uuid not null constraint property_photos_property_fkey references public.properties (id) on delete cascade,
    path text constraint property_photos_path_is_unique unique constraint property_photos_path_is_the_propertys
        check (path ~ '^[0-9a-f-]{36}/\w[\w.-]{0,99}$' and split_part(path, '/', 1) = property_id::text),
    external_url text constraint property_photos_external_url_is_https
        check (external_url ~ '^https://[^\s<>"\\]+$' and length(external_url) <= 2000),
    alt_text text not null constraint property_photos_alt_text_is_plain
        check (alt_text ~ '\S' and private.is_plain_text(alt_text, 300) and alt_text !~ '[\n\t]'),
    position smallint not null constraint property_photos_position_range check (position between 0 and 1000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_photos_are_somewhere check (num_nonnulls(path, external_url) = 1)
);
comment on table public.property_photos is 'Photos in the order of position, then id; the first is the cover. At most 50 a property.';
comment on column public.property_photos.path is 'Path in the Storage bucket `property-photos`, in the folder named by the property''s id.';
comment on column public.property_photos.external_url is 'Where an import found the photo, when it is not in the bucket.';
comment on column public.property_photos.alt_text is 'What the photo shows, for those who do not see it.';
comment on column public.property_photos.position is 'Place in the order; the end when left out.';

create index property_photos_property_id_idx on public.property_photos (property_id, position, id);

alter table public.property_photos enable row level security;

grant select on public.property_photos to anon, authenticated;
grant update (alt_text, position), delete on public.property_photos to authenticated;
grant select, insert, update, delete on public.property_photos to service_role;

create policy "Whoever can read a property can read its photos" on public.property_photos for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id));
create policy "Hosts and full co-hosts can describe and order photos" on public.property_photos for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete photos" on public.property_photos for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create function private.may_upload_photo(p_path text) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select
        p_path ~ '^[0-9a-f-]{36}/\w[\w.-]{0,99}$'
        and exists (select from private.my_properties('full') as m (id) where m.id::text = split_part(p_path, '/', 1))
        -- the photos there may be, and some that are not yet photos
        and (
            select count(*) from storage.objects o
            where o.bucket_id = 'property-photos' and o.name like split_part(p_path, '/', 1) || '/%'
        ) < 100
$$;
grant execute on function private.may_upload_photo to authenticated;
comment on function private.may_upload_photo is
    'Whether the caller may put an object there: a folder of a property that they host or fully co-host, with room left. Called by the policy of storage.objects. Definer, because it counts everybody''s objects.';

create policy "Hosts and full co-hosts can upload photos" on storage.objects for insert to authenticated
    with check (bucket_id = 'property-photos' and private.may_upload_photo(name));
create policy "Hosts and co-hosts can list photos" on storage.objects for select to authenticated
    using (
        bucket_id = 'property-photos'
        and (storage.foldername(name))[1] in (select m.id::text from private.my_properties('calendar') as m (id))
    );

create function private.set_photo_position() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.position is null then
        new.position := coalesce((select max(f.position) + 1 from public.property_photos f where f.property_id = new.property_id), 1);
    end if;
    return new;
end
$$;
comment on function private.set_photo_position is 'Trigger: a photo without a position goes to the end. Definer, so that it sees every photo.';

create function private.check_photo_object() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    -- an upload of half a day ago is about to be swept; one whose removal is queued will be gone
    if not exists (
        select from storage.objects o
        where o.bucket_id = 'property-photos' and o.name = new.path and o.created_at > now() - interval '12 hours'
    ) or exists (
        select from pgmq.q_object_removals q where q.message = jsonb_build_object('bucket', 'property-photos', 'path', new.path)
    ) then
        raise sqlstate 'PT422' using
            message = 'There is no such upload.',
            detail = jsonb_build_array(jsonb_build_object('code', 'no_upload', 'message', 'Nothing was uploaded to that path lately.'))::text,
            hint = 'Upload the photo to a new path in the bucket property-photos first.';
    end if;
    return null;
end
$$;
comment on function private.check_photo_object is
    'Trigger: a photo''s object was uploaded and is not about to be removed. Definer, because it reads Storage''s objects and the queue.';

create function private.remove_photo_objects() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform pgmq.send('object_removals', jsonb_build_object('bucket', 'property-photos', 'path', o.path))
    from old_rows o
    where o.path is not null;
    if found then
        perform private.wake_worker('remove-objects');
    end if;
    return null;
end
$$;
comment on function private.remove_photo_objects is
    'Trigger: queues the removal of the objects of deleted photos. Definer, because queues belong to the owner of the database.';

create trigger _100_set_photo_position before insert on public.property_photos for each row execute function private.set_photo_position();
create trigger _100_check_photo_object after insert on public.property_photos
    for each row when (new.path is not null) execute function private.check_photo_object();
create trigger _100_limit_per_property after insert on public.property_photos
    referencing new table as new_rows for each statement execute function private.limit_per_property(50);
create trigger _200_remove_photo_objects after delete on public.property_photos
    referencing old table as old_rows for each statement execute function private.remove_photo_objects();
create trigger _800_set_updated_at before update on public.property_photos for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_photos');

create function public.add_photo(p_actor uuid, p_path text, p_alt_text text) returns public.property_photos
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property uuid := (
        select m.id from private.properties_of(p_actor, 'full') as m (id) where m.id::text = split_part(p_path, '/', 1)
    );
    v_photo public.property_photos;
begin
    if v_property is null then
        raise sqlstate 'PT404' using
            message = 'There is no such property among yours.',
            hint = 'The first part of the path is the id of a property that you host or fully co-host.';
    end if;
    -- whoever lost the answer and asks again gets it
    select f.* into v_photo from public.property_photos f where f.path = p_path;
    if not found then
        insert into public.property_photos (property_id, path, alt_text) values (v_property, p_path, p_alt_text) returning * into v_photo;
        -- the Edge Function, where it cleaned the object, wrote it as nobody's
        update storage.objects o set owner_id = p_actor::text
        where o.bucket_id = 'property-photos' and o.name = p_path and o.owner_id is null;
    end if;
    return v_photo;
end
$$;
grant execute on function public.add_photo to service_role;
comment on function public.add_photo is
    'Makes an uploaded object a photo of its property, last in order, on behalf of p_actor; one that is a photo already is answered as it is. For the Edge Function property-photos, which has looked at the bytes: service role only. Definer, because it asks private.properties_of for another person.';

create function public.discard_photo_upload(p_actor uuid, p_path text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if not exists (
        select from private.properties_of(p_actor, 'full') as m (id) where m.id::text = split_part(p_path, '/', 1)
    ) then
        raise sqlstate 'PT404' using
            message = 'There is no such property among yours.',
            hint = 'The first part of the path is the id of a property that you host or fully co-host.';
    end if;
    if not exists (select from public.property_photos f where f.path = p_path) then
        perform private.enqueue_job(
            'object_removals', jsonb_build_object('bucket', 'property-photos', 'path', p_path), 'remove-objects'
        );
    end if;
end
$$;
grant execute on function public.discard_photo_upload to service_role;
comment on function public.discard_photo_upload is
    'Queues the removal of an upload that is no image, on behalf of p_actor. For the Edge Function property-photos: service role only. Definer, as add_photo.';

create function public.cover_photo(p_property public.properties) returns setof public.property_photos
language sql stable rows 1
set search_path = ''
as $$
    select f.* from public.property_photos f where f.property_id = p_property.id order by f.position, f.id limit 1
$$;
grant execute on function public.cover_photo to anon, authenticated, service_role;
comment on function public.cover_photo is 'The first photo. Embeds as `properties?select=title,cover_photo(path,alt_text)`.';

create function private.remove_stale_photo_uploads() returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform pgmq.send('object_removals', jsonb_build_object('bucket', o.bucket_id, 'path', o.name))
    from storage.objects o
    where o.bucket_id = 'property-photos'
        and o.created_at < now() - interval '1 day'
        and not exists (select from public.property_photos f where f.path = o.name)
        and not exists (
            select from pgmq.q_object_removals q where q.message = jsonb_build_object('bucket', o.bucket_id, 'path', o.name)
        );
    if found then
        perform private.wake_worker('remove-objects');
    end if;
end
$$;
comment on function private.remove_stale_photo_uploads is 'Queues the removal of uploads that became no photo within a day. Called by cron. Definer, as remove_photo_objects.';

insert into private.periodic_tasks (name, command, every) values ('remove_stale_photo_uploads', 'select private.remove_stale_photo_uploads()', '1 hour');
