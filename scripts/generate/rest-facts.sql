-- Facts about the REST API that PostgREST's description lacks: the privileges of each role on tables and columns, the columns that
-- a new row needs, and the results of functions. Types are named as `format_type` names them.
with roles (name) as (
    values ('anon'), ('authenticated'), ('service_role')
),

tables as (
    select c.oid, c.relname
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'm', 'p')
),

columns as (
    select a.*, t.relname
    from tables t
    join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
),

functions as (
    select p.*
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
        and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
        -- a function of a row is a field of the row
        and not exists (select from pg_catalog.pg_type t where t.oid = any (p.proargtypes) and t.typtype = 'c')
)

select jsonb_build_object(
    'tables', (
        select jsonb_object_agg(t.relname, jsonb_build_object(
            'required', (
                select coalesce(jsonb_agg(a.attname order by a.attnum), '[]')
                from columns a
                where a.attrelid = t.oid and a.attnotnull and not a.atthasdef and a.attidentity = ''
            ),
            'privileges', (
                select jsonb_object_agg(r.name, jsonb_build_object(
                    'select', has_any_column_privilege(r.name, t.oid, 'select'),
                    'delete', has_table_privilege(r.name, t.oid, 'delete'),
                    -- as private.check_request decides
                    'upsert', exists (
                        select from pg_catalog.pg_index i
                        where
                            i.indrelid = t.oid and i.indisunique and i.indpred is null
                            and not exists (
                                select from unnest(i.indkey::smallint[]) k
                                where not (
                                    has_column_privilege(r.name, t.oid, k, 'insert') and has_column_privilege(r.name, t.oid, k, 'update')
                                )
                            )
                    ),
                    'insert', (
                        select coalesce(jsonb_agg(a.attname order by a.attnum), '[]') from columns a
                        where a.attrelid = t.oid and has_column_privilege(r.name, t.oid, a.attnum, 'insert')
                    ),
                    'update', (
                        select coalesce(jsonb_agg(a.attname order by a.attnum), '[]') from columns a
                        where a.attrelid = t.oid and has_column_privilege(r.name, t.oid, a.attnum, 'update')
                            -- upserts send these columns, but no update changes them
                            and not exists (
                                select from pg_catalog.pg_trigger g
                                where g.tgrelid = t.oid and g.tgfoid = 'private.keep_key'::regproc and a.attnum = any (g.tgattr)
                            )
                    )
                ))
                from roles r
            )
        ))
        from tables t
    ),
    'functions', (
        select jsonb_object_agg(f.proname, jsonb_build_object(
            'roles', (select jsonb_agg(r.name) from roles r where has_function_privilege(r.name, f.oid, 'execute')),
            'volatile', f.provolatile = 'v',
            'set', f.proretset,
            'returns', format_type(f.prorettype, null),
            'fields', (
                select jsonb_agg(jsonb_build_object('name', o.name, 'type', format_type(o.type, null)) order by o.n)
                from unnest(f.proallargtypes, f.proargmodes, f.proargnames) with ordinality as o (type, mode, name, n)
                where o.mode in ('o', 'b', 't')
            )
        ))
        from functions f
    ),
    'types', (
        select jsonb_object_agg(format_type(y.oid, null), jsonb_build_object(
            'table', case when c.relkind <> 'c' then c.relname end,
            'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = y.oid),
            'comment', obj_description(y.oid, 'pg_type'),
            'fields', (
                select jsonb_agg(jsonb_build_object(
                    'name', a.attname, 'type', format_type(a.atttypid, null), 'comment', col_description(c.oid, a.attnum)
                ) order by a.attnum)
                from pg_catalog.pg_attribute a
                where a.attrelid = c.oid and c.relkind = 'c' and a.attnum > 0 and not a.attisdropped
            )
        ))
        from pg_catalog.pg_type y
        left join pg_catalog.pg_class c on c.oid = y.typrelid
        where y.typnamespace = 'public'::regnamespace and y.typtype in ('c', 'e')
    )
) as facts
