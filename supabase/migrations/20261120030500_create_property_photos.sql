-- Purpose: photos of properties; the first photo is the cover.
-- Touches: storage.buckets, public.property_photos, cover_photo.
-- Watch: only cleaned files of the kind property_photo can be photos, and the Edge Function `files` adds them. Clients cannot change or
-- delete objects: deleting a photo queues the removal of its object.

insert into private.errors (code, status, message, hint) values
    ('photo_path_is_of_property', 422, 'The path of a photo is the id of its property, a slash and a file name.', 'Send the path of a file that was cleaned for this property.'),
    ('external_url_is_https', 422, 'The URL of an external photo begins with https:// and has up to 2,000 characters.', 'Send an absolute URL without spaces.'),
    ('alt_text_is_plain', 422, 'The description of a photo is one line of 1 to 300 characters of plain text.', 'Say in alt_text what the photo shows, without HTML.'),
    ('photo_position_range', 422, 'The position of a photo is 0 to 1,000.', 'Send a position in this range; the lowest comes first.'),
    ('photo_has_one_location', 422, 'A photo has either a path in the bucket or an external URL.', 'Send path or external_url, and not both.'),
    ('photo_file_not_found', 422, 'There is no cleaned photo at this path.', 'Upload the photo, and call the function files with the kind property_photo.');

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('property-photos', 'property-photos', true, 10 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif}');

create table public.property_photos (
    id uuid default gen_random_uuid() constraint property_photos_pkey primary key,
    property_id uuid not null constraint property_photos_property_fkey references public.properties (id) on delete cascade,
    path text constraint property_photos_path_is_unique unique constraint property_photos_photo_path_is_of_property
        check (path ~ '^[0-9a-f-]{36}/[0-9A-Za-z_.-]{1,100}$' and split_part(path, '/', 1) = property_id::text),
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
grant select, delete on public.property_photos to service_role;
grant insert (property_id, path, external_url, alt_text, position), update (path, external_url, alt_text, position)
    on public.property_photos to service_role;

create policy "Readers of a property can read its photos" on public.property_photos for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can update photos" on public.property_photos for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete photos" on public.property_photos for delete to authenticated
    using (property_id in (select private.my_properties('full')));

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

create function private.use_photo_file() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if not private.use_file('property_photo', null, new.path) then
        perform private.raise_error('photo_file_not_found', jsonb_build_object('field', 'path', 'value', new.path));
    end if;
    if tg_op = 'UPDATE' and old.path is distinct from new.path then
        perform private.remove_files('property_photo', array[old.path]);
    end if;
    return null;
end
$$;
comment on function private.use_photo_file is
    'Trigger: accepts only a cleaned photo, and removes the one that it replaces. Definer, because no API role may read private.files.';

create function private.remove_photo_files() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.remove_files('property_photo', array_agg(o.path)) from old_rows o where o.path is not null having count(*) > 0;
    return null;
end
$$;
comment on function private.remove_photo_files is
    'Trigger: removes the files of deleted photos. Definer, because queues belong to the owner of the database.';

create trigger _100_set_photo_position before insert on public.property_photos for each row execute function private.set_photo_position();
create trigger _100_use_photo_file after insert or update of path on public.property_photos
    for each row when (new.path is not null) execute function private.use_photo_file();
select private.install_limit_per_property('public.property_photos', 50);
create trigger _200_remove_photo_files after delete on public.property_photos
    referencing old table as old_rows for each statement execute function private.remove_photo_files();
create trigger _800_set_updated_at before update on public.property_photos for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_photos');

create function public.cover_photo(p_property public.properties) returns setof public.property_photos
language sql stable rows 1
set search_path = ''
as $$
    select f.* from public.property_photos f where f.property_id = p_property.id order by f.position, f.id limit 1
$$;
grant execute on function public.cover_photo to anon, authenticated, service_role;
comment on function public.cover_photo is 'Returns the first photo of a property. Embed it with `properties?select=title,cover_photo(path,alt_text)`.';
