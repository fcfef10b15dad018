-- Purpose: no request learns from the planner's estimates how many rows are hidden from it.
-- Touches: a restrictive policy on every table that anon or authenticated can read, whole or in part.
-- Watch: it must stay the last migration; a contract test fails for a table without the policy.

do $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid from pg_catalog.pg_class c
        where
            c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p')
            and (has_any_column_privilege('anon', c.oid, 'select') or has_any_column_privilege('operator', c.oid, 'select'))
    loop
        execute format(
            'create policy "Requests cannot read estimates" on %s as restrictive for select to anon, authenticated using (private.refuse_estimate())',
            v_table
        );
    end loop;
end
$$;
