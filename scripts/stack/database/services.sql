-- Adapts the tables of Auth and Storage to hosted Supabase: functions that read the caller's identity, tables owned by their
-- service, and the privileges of migrations and clients.

create or replace function auth.uid() returns uuid
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;

create or replace function auth.role() returns text
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    )
$$;

create or replace function auth.email() returns text
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'
    )
$$;

create or replace function auth.jwt() returns jsonb
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;

do $$
declare
    v_service record;
    v_object record;
begin
    for v_service in
        select * from (values ('auth', 'supabase_auth_admin'), ('storage', 'supabase_storage_admin')) as s (schema, role)
    loop
        for v_object in
            select c.relname, c.relkind
            from pg_catalog.pg_class c
            where c.relnamespace = v_service.schema::regnamespace and c.relkind in ('r', 'v', 'p')
        loop
            execute format('alter table %I.%I owner to %I', v_service.schema, v_object.relname, v_service.role);
        end loop;
        for v_object in
            select p.oid::regprocedure::text as signature
            from pg_catalog.pg_proc p
            where p.pronamespace = v_service.schema::regnamespace
        loop
            execute format('alter function %s owner to %I', v_object.signature, v_service.role);
        end loop;
        execute format('revoke all on all tables in schema %I from public, anon, authenticated, service_role', v_service.schema);
        execute format('grant all on all tables in schema %I to postgres', v_service.schema);
        execute format('grant all on all sequences in schema %I to postgres', v_service.schema);
        execute format('grant execute on all functions in schema %I to postgres, anon, authenticated, service_role', v_service.schema);
    end loop;
end
$$;

-- As in Storage's own migrations: only Storage deletes, together with the file. It sets this for each of its transactions.
create function storage.protect_delete() returns trigger
language plpgsql
as $$
begin
    if coalesce(current_setting('storage.allow_delete_query', true), 'false') <> 'true' then
        raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
            using errcode = '42501', hint = 'This prevents accidental data loss from orphaned objects.';
    end if;
    return null;
end
$$;
alter function storage.protect_delete owner to supabase_storage_admin;
create trigger protect_buckets_delete before delete on storage.buckets
    for each statement execute function storage.protect_delete();
create trigger protect_objects_delete before delete on storage.objects
    for each statement execute function storage.protect_delete();
alter role supabase_storage_admin set storage.allow_delete_query = 'true';

-- Policies on Storage's tables decide who may do what. As on hosted Supabase, `postgres` writes them.
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant select, insert, update, delete on storage.buckets, storage.objects to anon, authenticated, service_role;
grant supabase_storage_admin to postgres;
