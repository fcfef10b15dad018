
-- Appended by the stack: as on hosted Supabase, the role that creates the extension owns everything in schema pgmq.
do $$
declare
    v_object record;
begin
    execute format('alter schema pgmq owner to %s', '@extowner@');
    for v_object in
        select format('%s %I.%I', case c.relkind when 'S' then 'sequence' else 'table' end, 'pgmq', c.relname) as name
        from pg_catalog.pg_class c
        where c.relnamespace = 'pgmq'::regnamespace and c.relkind in ('r', 'p', 'S')
            and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i'))
        union all
        select format('routine %s', p.oid::regprocedure)
        from pg_catalog.pg_proc p
        where p.pronamespace = 'pgmq'::regnamespace
        union all
        select format('type %I.%I', 'pgmq', t.typname)
        from pg_catalog.pg_type t
        join pg_catalog.pg_class c on c.oid = t.typrelid
        where t.typnamespace = 'pgmq'::regnamespace and c.relkind = 'c'
    loop
        execute format('alter %s owner to %s', v_object.name, '@extowner@');
    end loop;
end
$$;
