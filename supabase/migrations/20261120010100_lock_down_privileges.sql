-- Purpose: privileges start at zero. What hosted Supabase grants by default to anon, authenticated and service_role in public
-- is taken away; every later table and function grants exactly what it means to. Makes schema private for what no client names.
-- Touches: default privileges of `postgres` in this database, schema public, schema private.
-- Watch: EXECUTE for PUBLIC is a built-in default; only the global form (without `in schema`) takes it away.

alter default privileges revoke execute on functions from public;
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
alter default privileges in schema public revoke execute on functions from anon, authenticated, service_role;

-- Nobody but the owner makes things in public.
revoke create on schema public from public;

create schema private;
comment on schema private is 'Helpers, queues and bookkeeping. Not exposed by the API: clients reach it only through policies, checks and functions that call it.';
-- Policies, checks and invoker functions run as the caller and name functions in here.
grant usage on schema private to anon, authenticated, service_role;

create extension if not exists btree_gist with schema extensions;
create extension if not exists unaccent with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net with schema extensions;
create extension if not exists pgmq;

-- HTTP from the database is for our own jobs; hosted Supabase lets every API role queue requests.
revoke usage on schema net from public, anon, authenticated;
