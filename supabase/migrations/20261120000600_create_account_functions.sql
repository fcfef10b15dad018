-- Purpose: a person takes their data along, or leaves.
-- Touches: public.export_my_data, public.delete_account, triggers on auth.users.
-- Watch: later migrations extend the export and add what stands in the way of leaving. Every deletion of a user goes through
-- the triggers here, the one by an administrator too.

create function private.my_identity() returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'email', u.email,
        'email_confirmed_at', u.email_confirmed_at,
        'created_at', u.created_at,
        'last_sign_in_at', u.last_sign_in_at,
        'metadata', u.raw_user_meta_data,
        'providers', u.raw_app_meta_data -> 'providers'
    )
    from auth.users u
    where u.id = auth.uid()
$$;
grant execute on function private.my_identity to authenticated;
comment on function private.my_identity is
    'What Auth keeps of the caller, without secrets. Called by export_my_data. Definer, because no API role may read auth.users.';

create function public.export_my_data() returns jsonb
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
        )
    );
end
$$;
grant execute on function public.export_my_data to authenticated;
comment on function public.export_my_data is 'Everything about the caller as JSON (GDPR, article 20). Reads as the caller, so it cannot hold what is not theirs.';

create function private.forget_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.profiles
    set
        display_name = 'Deleted account', avatar_path = null, about = '', languages = '{}',
        identity_verified = false, deleted_at = now()
    where id = old.id;

    perform private.enqueue_job(
        'object_removals', jsonb_build_object('bucket', o.bucket_id, 'path', o.name), 'remove-objects'
    )
    from storage.objects o
    where o.owner_id = old.id::text;
    return null;
end
$$;
comment on function private.forget_person is
    'Trigger on auth.users: anonymises the profile and queues the removal of the person''s files. Definer, because it runs as Auth''s role or as the deleting person.';

create trigger forget_person after delete on auth.users for each row execute function private.forget_person();

create function private.delete_account() returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from auth.users where id = auth.uid();
    if not found then
        raise sqlstate 'PT401' using message = 'You are not signed in.', hint = 'Sign in and send the access token.';
    end if;
end
$$;
grant execute on function private.delete_account to authenticated;
comment on function private.delete_account is 'Deletes the caller''s user. Called by public.delete_account. Definer, because no API role may write to auth.users.';

create function public.delete_account() returns void
language sql
set search_path = ''
as $$
    select private.delete_account()
$$;
grant execute on function public.delete_account to authenticated;
comment on function public.delete_account is
    'Deletes the caller''s account: sign-in, private data and files go, the public profile stays as "Deleted account".';
