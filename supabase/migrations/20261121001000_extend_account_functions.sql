-- Purpose: what properties mean for people who take their data along, or leave.
-- Touches: public.export_my_data, private.forget_person, a trigger on auth.users.
-- Watch: later migrations add to private.departure_obstacles whatever else keeps somebody from leaving.

create function private.departure_obstacles(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select 'hosted_property', format('"%s" is %s. %s', p.title, p.status,
        case p.status when 'draft' then 'Delete it.' when 'suspended' then 'Ask support.' else 'Archive it.' end), p.id
    from public.properties p
    where p.host_id = p_person and p.status <> 'archived'
    order by p.created_at, p.id
$$;
comment on function private.departure_obstacles is 'What keeps a person from deleting their account; no row when nothing does. Called by refuse_departure.';

create function private.refuse_departure() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_obstacles jsonb;
begin
    -- whoever makes something for this person at this moment is waited for, and then waits
    perform from public.profiles p where p.id = old.id for update;
    select jsonb_agg(jsonb_build_object('code', o.code, 'message', o.message, 'id', o.id)) into v_obstacles
    from private.departure_obstacles(old.id) o;
    if v_obstacles is not null then
        raise sqlstate 'PT409' using
            message = 'This account cannot be deleted yet.',
            detail = v_obstacles::text,
            hint = 'Settle what is listed, then delete the account.';
    end if;
    return old;
end
$$;
comment on function private.refuse_departure is
    'Trigger on auth.users: refuses the deletion, an administrator''s too, with the list of what stands in the way as JSON. Definer, because Auth''s own role may not read public.';

create trigger refuse_departure before delete on auth.users for each row execute function private.refuse_departure();

create or replace function private.forget_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.profiles
    set
        display_name = 'Deleted account', avatar_path = null, about = '', languages = '{}',
        identity_verified = false, deleted_at = now()
    where id = old.id;

    -- what hangs on archived properties and says where or how somebody lived; bookings keep title and city
    delete from public.property_addresses a using public.properties p where p.id = a.property_id and p.host_id = old.id;
    delete from public.property_photos f using public.properties p where p.id = f.property_id and p.host_id = old.id;
    delete from public.property_taxes t using public.properties p where p.id = t.property_id and p.host_id = old.id;
    delete from public.co_hosts c using public.properties p where p.id = c.property_id and p.host_id = old.id;
    delete from public.co_hosts c where c.profile_id = old.id;
    delete from public.co_host_invitations i where i.invited_by = old.id or i.email = lower(old.email);

    -- photos of a property stay with it, whoever uploaded them
    perform private.enqueue_job(
        'object_removals', jsonb_build_object('bucket', o.bucket_id, 'path', o.name), 'remove-objects'
    )
    from storage.objects o
    where o.owner_id = old.id::text and o.bucket_id <> 'property-photos';
    return null;
end
$$;
comment on function private.forget_person is
    'Trigger on auth.users: anonymises the profile, removes what archived properties tell of the host, ends co-hosting, and queues the removal of the person''s files. Definer, because it runs as Auth''s role or as the deleting person.';

create or replace function public.export_my_data() returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_id uuid := auth.uid();
begin
    if v_id is null then
        raise sqlstate 'PT401' using message = 'You are not signed in.', hint = 'Sign in and send the access token.';
    end if;
    return jsonb_build_object(
        'exported_at', now(),
        'identity', private.my_identity(),
        'profile', (select to_jsonb(p) from public.profiles p where p.id = v_id),
        'account', (select to_jsonb(a) from public.accounts a where a.id = v_id),
        'roles', (select coalesce(jsonb_agg(to_jsonb(r) - 'user_id'), '[]') from public.user_roles r where r.user_id = v_id),
        'files', (
            select coalesce(jsonb_agg(jsonb_build_object('bucket', o.bucket_id, 'path', o.name) order by o.name), '[]')
            from storage.objects o
            where o.owner_id = v_id::text
        ),
        'properties', (
            select coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object(
                'address', (select to_jsonb(a) from public.property_addresses a where a.property_id = p.id),
                'amenities', (select coalesce(jsonb_agg(a.amenity_id order by a.amenity_id), '[]') from public.property_amenities a where a.property_id = p.id),
                'photos', (select coalesce(jsonb_agg(to_jsonb(f) order by f.position, f.id), '[]') from public.property_photos f where f.property_id = p.id),
                'house_rules', (select coalesce(jsonb_agg(to_jsonb(h) order by h.version), '[]') from public.house_rules h where h.property_id = p.id),
                'seasons', (select coalesce(jsonb_agg(to_jsonb(s) order by s.starts_on), '[]') from public.property_seasons s where s.property_id = p.id),
                'date_overrides', (select coalesce(jsonb_agg(to_jsonb(d) order by d.starts_on), '[]') from public.property_date_overrides d where d.property_id = p.id),
                'availability_rules', (select coalesce(jsonb_agg(to_jsonb(r) order by r.starts_on), '[]') from public.property_availability_rules r where r.property_id = p.id),
                'fees', (select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at, f.id), '[]') from public.property_fees f where f.property_id = p.id),
                'taxes', (select coalesce(jsonb_agg(to_jsonb(t) order by t.created_at, t.id), '[]') from public.property_taxes t where t.property_id = p.id),
                'co_hosts', (select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.profile_id), '[]') from public.co_hosts c where c.property_id = p.id)
            ) order by p.created_at, p.id), '[]')
            from public.properties p
            where p.host_id = v_id
        ),
        'cancellation_policies', (
            select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.id), '[]')
            from public.cancellation_policies c
            where c.host_id = v_id
        ),
        'co_hosting', (
            select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.property_id), '[]')
            from public.co_hosts c
            where c.profile_id = v_id
        ),
        'co_host_invitations', (
            select coalesce(jsonb_agg(to_jsonb(i) order by i.created_at, i.id), '[]')
            from public.co_host_invitations i
            where i.invited_by = v_id or i.email = private.my_confirmed_email()
        )
    );
end
$$;
