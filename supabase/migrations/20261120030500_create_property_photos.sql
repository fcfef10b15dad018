-- Purpose: photos of properties, in a public bucket with a folder for each property; the first photo is the cover.
-- Touches: storage.buckets, policies on storage.objects, public.property_photos, add_photo, discard_photo_upload, cover_photo.
-- Watch: the database cannot see the bytes of an object. So clients upload objects, and the Edge Function `property-photos` reads
-- the bytes and calls add_photo, which creates the row. Clients cannot change or delete objects: deleting a photo queues the
-- removal of its object, and a periodic task removes unused uploads.

insert into private.errors (code, status, message, hint) values
    ('photo_path_is_of_property', 422, 'The path of a photo is the id of its property, a slash and a file name.', 'Upload the photo to that path of the bucket property-photos, then send the path.'),
    ('external_url_is_https', 422, 'The URL of an external photo begins with https:// and has up to 2,000 characters.', 'Send an absolute URL without spaces.'),
    ('alt_text_is_plain', 422, 'The description of a photo is one line of 1 to 300 characters of plain text.', 'Say in alt_text what the photo shows, without HTML.'),
    ('photo_position_range', 422, 'The position of a photo is 0 to 1,000.', 'Send a position in this range; the lowest comes first.'),
    ('photo_has_one_location', 422, 'A photo has either a path in the bucket or an external URL.', 'Send path or external_url, and not both.'),
    ('photo_upload_not_found', 422, 'There is no recent upload at this path.', 'Upload the photo to a new path of the bucket property-photos first.'),
    ('own_property_not_found', 404, 'You manage no property with this id.', 'Send the id of a property that you host or co-host; the path of a photo begins with it.');

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('property-photos', 'property-photos', true, 10 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif}');

create table public.property_photos (
    id uuid default gen_random_uuid() constraint property_photos_pkey primary key,
    property_id uuid not null constraint property_photos_property_fkey references public.properties (id) on delete cascade,
    path text constraint property_photos_path_is_unique unique constraint property_photos_photo_path_is_of_property
        check (path ~ '^[0-9a-f-]{36}/\w[\w.-]{0,99}$' and split_part(path, '/', 1) = property_id::text),
    external_url text constraint property_photos_external_url_is_https
        check (external_url ~ '^https://[^\s<>"\\]+$' and length(external_url) <= 2000),
    alt_text text not null constraint property_photos_alt_text_is_plain
        check (alt_text ~ '\S' and private.is_plain_text(alt_text, 300) and alt_text !~ '[\n\t]'),
    position smallint not null constraint property_photos_photo_position_range check (position between 0 and 1000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_photos_photo_has_one_location check (num_nonnulls(path, external_url) = 1)
);
comment on table public.property_photos is 'Photos of properties in the order of position, then id; the first is the cover. A property has at most 50.';
comment on column public.property_photos.path is 'Path in the Storage bucket `property-photos`, in the folder with the id of the property.';
comment on column public.property_photos.external_url is 'URL of an imported photo that is not in the bucket.';
comment on column public.property_photos.alt_text is 'Description of the photo, for screen readers.';
comment on column public.property_photos.position is 'Position in the order, lowest first. A photo inserted without one is last.';

create index property_photos_property_id_idx on public.property_photos (property_id, position, id);

alter table public.property_photos enable row level security;

grant select on public.property_photos to anon, authenticated;
grant update (alt_text, position), delete on public.property_photos to authenticated;
grant select, insert, update, delete on public.property_photos to service_role;

create policy "Readers of a property can read its photos" on public.property_photos for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can update photos" on public.property_photos for update to authenticated
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
        -- at most 50 photos, and some uploads that are not photos yet
        and (
            select count(*) from storage.objects o
            where o.bucket_id = 'property-photos' and o.name like split_part(p_path, '/', 1) || '/%'
        ) < 100
$$;
grant execute on function private.may_upload_photo to authenticated;
comment on function private.may_upload_photo is
    'Whether the caller may upload to this path: the folder of a property that they host or fully co-host, with fewer than 100 objects. Definer, because it counts objects of all people.';

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
        new.position := (
            select least(coalesce(max(f.position), 0) + 1, 1000) from public.property_photos f where f.property_id = new.property_id
        );
    end if;
    return new;
end
$$;
comment on function private.set_photo_position is 'Trigger: puts a photo without a position last. Definer, because it reads photos that the caller may not see.';

create function private.check_photo_object() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    -- the periodic task removes unused uploads after a day; a queued removal is about to happen
    if not exists (
        select from storage.objects o
        where o.bucket_id = 'property-photos' and o.name = new.path and o.created_at > now() - interval '12 hours'
    ) or exists (
        select from pgmq.q_object_removals q where q.message = jsonb_build_object('bucket', 'property-photos', 'path', new.path)
    ) then
        perform private.raise_error('photo_upload_not_found', jsonb_build_object('field', 'path', 'value', new.path));
    end if;
    return null;
end
$$;
comment on function private.check_photo_object is
    'Trigger: refuses a photo whose object was not uploaded in the last 12 hours or is about to be removed. Definer, because it reads objects of Storage and the queue.';

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
        perform private.raise_error('own_property_not_found');
    end if;
    -- a repeated call gets the same answer
    select f.* into v_photo from public.property_photos f where f.path = p_path;
    if not found then
        insert into public.property_photos (property_id, path, alt_text) values (v_property, p_path, p_alt_text) returning * into v_photo;
        -- an object that the Edge Function rewrote has no owner
        update storage.objects o set owner_id = p_actor::text
        where o.bucket_id = 'property-photos' and o.name = p_path and o.owner_id is null;
    end if;
    return v_photo;
end
$$;
grant execute on function public.add_photo to service_role;
comment on function public.add_photo is
    'Adds an uploaded object to the photos of its property, last in order, on behalf of p_actor; a repeated call returns the same photo. For the Edge Function property-photos: service role only; definer, because it calls private.properties_of for another person.';

create function public.discard_photo_upload(p_actor uuid, p_path text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if not exists (
        select from private.properties_of(p_actor, 'full') as m (id) where m.id::text = split_part(p_path, '/', 1)
    ) then
        perform private.raise_error('own_property_not_found');
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
    'Queues the removal of an upload that is not a valid image, on behalf of p_actor. For the Edge Function property-photos: service role only; definer, because it calls private.properties_of for another person.';

create function public.cover_photo(p_property public.properties) returns setof public.property_photos
language sql stable rows 1
set search_path = ''
as $$
    select f.* from public.property_photos f where f.property_id = p_property.id order by f.position, f.id limit 1
$$;
grant execute on function public.cover_photo to anon, authenticated, service_role;
comment on function public.cover_photo is 'Returns the first photo of a property. Embed it with `properties?select=title,cover_photo(path,alt_text)`.';

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
comment on function private.remove_stale_photo_uploads is 'Queues the removal of uploads that did not become photos within a day. Definer, because queues belong to the owner of the database.';

insert into private.periodic_tasks (name, command, every) values ('remove_stale_photo_uploads', 'select private.remove_stale_photo_uploads()', '1 hour');
