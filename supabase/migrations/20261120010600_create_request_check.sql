-- Purpose: refuses a request without the needed privilege with a coded error, before Postgres refuses it without a code, and gives
-- operators their role.
-- Touches: private.check_request, which PostgREST runs before each request; setting pgrst.db_pre_request of the role authenticator.
-- Watch: it only gives the refusal a code; privileges still decide. A missing privilege on a column still answers 42501.

insert into private.errors (code, status, message, hint) values
    ('put_not_supported', 405, 'PUT is not supported on {target}.', 'Change rows with PATCH, and add them with POST.'),
    ('operation_not_allowed', 403, '{method} is not allowed on {target}.', 'The API documentation lists what each role can do.');

create function private.check_request() returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_method constant text := current_setting('request.method', true);
    v_path constant text[] := string_to_array(trim(both '/' from current_setting('request.path', true)), '/');
    v_target constant text := case when v_path[1] = 'rpc' then v_path[2] else v_path[1] end;
    v_relation constant regclass := case when v_path[1] <> 'rpc' then to_regclass(format('public.%I', v_target)) end;
    v_is_denied constant boolean := case
        when v_path[1] = 'rpc' then (
            select bool_and(not has_function_privilege(p.oid, 'execute'))
            from pg_catalog.pg_proc p
            where p.pronamespace = 'public'::regnamespace and p.proname = v_target
        )
        when v_method in ('GET', 'HEAD') then not has_any_column_privilege(v_relation, 'select')
        when v_method = 'POST' then not has_any_column_privilege(v_relation, 'insert')
        when v_method in ('PATCH', 'PUT') then not has_any_column_privilege(v_relation, 'update')
        when v_method = 'DELETE' then not has_table_privilege(v_relation, 'delete')
    end;
begin
    if v_is_denied then
        perform private.raise_error(
            case current_user when 'anon' then 'not_signed_in' else 'operation_not_allowed' end,
            jsonb_build_object('method', v_method, 'target', v_target)
        );
    end if;
    -- PUT writes the key, too
    if v_method = 'PUT' and v_relation is not null and not exists (
        select from pg_catalog.pg_index i
        where
            i.indrelid = v_relation and i.indisprimary
            and not exists (select from unnest(i.indkey::smallint[]) k where not has_column_privilege(v_relation, k, 'update'))
    ) then
        perform private.raise_error('put_not_supported', jsonb_build_object('target', v_target));
    end if;
    if current_user = 'authenticated' and private.is_operator() then
        perform set_config('role', 'operator', true);
    end if;
end
$$;
grant execute on function private.check_request to anon, authenticated, service_role;
comment on function private.check_request is
    'Refuses with 401 or 403 a request to a table, view or function that the caller has no privilege for, and with 405 a PUT that could not write the key. Operators act in the role operator from here on.';

alter role authenticator set pgrst.db_pre_request = 'private.check_request';
notify pgrst, 'reload config';
