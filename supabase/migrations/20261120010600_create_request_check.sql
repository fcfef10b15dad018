-- Purpose: refuses with a coded error a request without the needed privilege, before Postgres refuses it without a code, and estimated
-- counts, which reveal rows that row level security hides; refuses writes while everything is paused; gives operators their role; names
-- the session after the request, so that the log of Postgres and pg_stat_activity show its id.
-- Touches: private.valid_request_id, request_id; private.check_request, which PostgREST runs before each request; setting pgrst.db_pre_request of the role authenticator;
-- private.refuse_estimate.
-- Watch: of privileges it only gives the refusal a code; they still decide. A missing privilege on a column still answers 42501.
-- PostgREST obeys the first of two Prefer headers and shows the database the last, so private.refuse_estimate refuses once more.

insert into private.errors (code, status, message, hint) values
    ('put_not_supported', 405, 'PUT is not supported on {target}.', 'Change rows with PATCH, and add them with POST.'),
    ('upsert_not_supported', 400, 'The table {target} takes no upserts.', 'Call {calls} instead.'),
    ('operation_not_allowed', 403, '{method} is not allowed on {target}.', 'The API documentation lists what each role can do.'),
    ('request_too_large', 413, 'A request has up to {limit} bytes.', 'Send fewer rows at once.'),
    ('estimate_not_allowed', 400, 'Rows are counted exactly here, never estimated.', 'Send Prefer: count=exact, or no count.');

create function private.refuse_estimate() returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
    if pg_catalog.current_query() ~* '^\s*explain\M' and coalesce(current_setting('request.headers', true), '') <> '' then
        perform private.raise_error('estimate_not_allowed');
    end if;
    return true;
end
$$;
grant execute on function private.refuse_estimate to anon, authenticated, service_role;
comment on function private.refuse_estimate is
    'Condition of a policy on every table of the API, or of a view that has none: refuses to plan an EXPLAIN of a request. Declared immutable so that planning evaluates it and nothing of it remains in a plan.';

-- here and below PL/pgSQL, which keeps its plans: every request calls these functions
create function private.valid_request_id(p_id text) returns text
language plpgsql immutable strict
set search_path = ''
as $$
begin
    return substring(p_id from '^[A-Za-z0-9-]{1,60}$');
end
$$;
grant execute on function private.valid_request_id to anon, authenticated, service_role;
comment on function private.valid_request_id is
    'The id, if it is 1 to 60 letters, digits and hyphens; else null. Keys and e-mail addresses have other characters.';

create function private.request_id() returns text
language plpgsql stable
set search_path = ''
as $$
declare
    v_headers constant jsonb := nullif(current_setting('request.headers', true), '');
begin
    if v_headers is null then
        return null;
    end if;
    -- our gateway and clients send the first, hosted Supabase the others
    return coalesce(
        private.valid_request_id(v_headers ->> 'x-request-id'), private.valid_request_id(v_headers ->> 'sb-request-id'),
        private.valid_request_id(v_headers ->> 'cf-ray')
    );
end
$$;
grant execute on function private.request_id to anon, authenticated, service_role;
comment on function private.request_id is
    'The id of the request that this transaction works for; null outside the API. Workers send the id of the request that queued their job.';

create function private.check_request() returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_limit constant integer := 1024 * 1024;
    v_headers constant jsonb := nullif(current_setting('request.headers', true), '');
    v_method constant text := current_setting('request.method', true);
    v_path constant text[] := string_to_array(trim(both '/' from current_setting('request.path', true)), '/');
    v_target constant text := case when v_path[1] = 'rpc' then v_path[2] else v_path[1] end;
    v_relation constant regclass := case when v_path[1] <> 'rpc' then to_regclass(format('public.%I', v_target)) end;
    v_prefer constant text := v_headers ->> 'prefer';
    v_id constant text := private.request_id();
    v_may_insert boolean;
    v_may_update boolean;
    v_is_denied boolean;
begin
    -- a statement for each case, because a query within an expression would be planned again each time
    if v_path[1] = 'rpc' then
        select bool_and(not has_function_privilege(p.oid, 'execute')) into v_is_denied
        from pg_catalog.pg_proc p
        where p.proname = v_target and p.pronamespace = 'public'::regnamespace;
    else
        v_is_denied := case
            when v_method in ('GET', 'HEAD') then not has_any_column_privilege(v_relation, 'select')
            when v_method = 'POST' then not has_any_column_privilege(v_relation, 'insert')
            when v_method in ('PATCH', 'PUT') then not has_any_column_privilege(v_relation, 'update')
            when v_method = 'DELETE' then not has_table_privilege(v_relation, 'delete')
        end;
    end if;
    if v_id is not null then
        perform set_config('application_name', v_id, true);
    end if;
    if length(v_headers ->> 'content-length') > 7 or (v_headers ->> 'content-length')::integer > v_limit then
        perform private.raise_error('request_too_large', jsonb_build_object('limit', v_limit));
    end if;
    if v_prefer ilike '%count%' and v_prefer ~* 'count[\s"=]+(planned|estimated)' then
        perform private.raise_error('estimate_not_allowed');
    end if;
    -- an upsert writes the columns of a unique index, and a view has none
    if v_method = 'POST' and v_prefer ~ 'resolution=' then
        v_may_insert := has_any_column_privilege(v_relation, 'insert');
        v_may_update := has_any_column_privilege(v_relation, 'update');
        perform from pg_catalog.pg_index i
        where
            i.indrelid = v_relation and i.indisunique and i.indpred is null
            and (v_prefer ~ 'resolution=ignore-duplicates' and v_may_insert or not exists (
                select from unnest(i.indkey::smallint[]) k
                where not (has_column_privilege(v_relation, k, 'insert') and has_column_privilege(v_relation, k, 'update'))
            ));
        if not found and (v_may_insert or v_may_update) then
            perform private.raise_error('upsert_not_supported', jsonb_build_object('target', v_target, 'calls', concat_ws(
                ' or ', case when v_may_insert then 'insert()' end, case when v_may_update then 'update()' end
            )));
        end if;
    end if;
    if v_is_denied then
        perform private.raise_error(
            case current_user when 'anon' then 'not_signed_in' else 'operation_not_allowed' end,
            jsonb_build_object('method', v_method, 'target', v_target)
        );
    end if;
    -- while everything is paused, only reading and what ends the pause work; volatile functions may write
    if v_method in ('POST', 'PATCH', 'PUT', 'DELETE') and v_target is distinct from 'resume_operation' and private.is_paused('all') then
        if v_path[1] <> 'rpc' or exists (
            select from pg_catalog.pg_proc p
            where p.pronamespace = 'public'::regnamespace and p.proname = v_target and p.provolatile = 'v'
        ) then
            perform private.raise_error('operations_paused');
        end if;
        perform set_config('transaction_read_only', 'on', true);
    end if;
    -- PUT writes the key, too
    if v_method = 'PUT' and v_relation is not null then
        perform from pg_catalog.pg_index i
        where
            i.indrelid = v_relation and i.indisprimary
            and not exists (select from unnest(i.indkey::smallint[]) k where not has_column_privilege(v_relation, k, 'update'));
        if not found then
            perform private.raise_error('put_not_supported', jsonb_build_object('target', v_target));
        end if;
    end if;
    if current_user = 'authenticated' and private.is_operator() then
        perform set_config('role', 'operator', true);
    end if;
end
$$;
grant execute on function private.check_request to anon, authenticated, service_role;
comment on function private.check_request is
    'Refuses with 401 or 403 a request to a table, view or function that the caller has no privilege for, with 400 an estimated count, with 413 a body of more than 1 MiB, with 503 a write while everything is paused, and with 400 or 405 an upsert or PUT that could not write the key. Operators act in the role operator from here on.';

alter role authenticator set pgrst.db_pre_request = 'private.check_request';
notify pgrst, 'reload config';
