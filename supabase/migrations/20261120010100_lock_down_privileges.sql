-- Purpose: privileges start at none. Revokes what hosted Supabase grants by default to anon, authenticated and service_role in
-- public, so that every later table and function grants exactly what it needs. Creates schema private and the extensions.
-- Touches: default privileges of `postgres` in this database, role operator, schema public, schema private, extensions.
-- Watch: EXECUTE for PUBLIC is a built-in default; only the global form (without `in schema`) revokes it.

alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke execute on functions from anon, authenticated, service_role;

-- Operators read with a role of their own, so that the policies of others need no `or`, with which no index would serve them.
-- private.check_request switches to it; it has what authenticated has, and policies of its own.
do $$
begin
    -- a reset of the database keeps the roles of the server
    if not exists (select from pg_catalog.pg_roles r where r.rolname = 'operator') then
        create role operator nologin noinherit;
    end if;
end
$$;
grant authenticated to operator with inherit true;
grant operator to authenticator with inherit false, set true;
grant operator to postgres with inherit false, set true;

-- Only the owner creates objects in public.
revoke create on schema public from public;

create schema private;
comment on schema private is 'Helpers, queues and bookkeeping. The API does not expose it: clients reach it only through policies, checks and functions.';
-- Policies, checks and invoker functions run as the caller and call functions of this schema.
grant usage on schema private to anon, authenticated, service_role;

create extension if not exists btree_gist with schema extensions;
create extension if not exists unaccent with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net with schema extensions;
create extension if not exists pgmq;
create extension if not exists supabase_vault;
-- Nothing can be revoked in schema net: it belongs to the platform's administrator, who lets PUBLIC queue requests. API roles do not
-- reach it because the API has no schema that contains it, and none of their functions runs SQL that the caller wrote.
