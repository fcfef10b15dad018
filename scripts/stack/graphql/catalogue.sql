-- Everything that the current role can reach through GraphQL, in one row: the schemas of the search path that it may use, their
-- relations, foreign keys, functions and types, and the directives `@graphql({…})` in their comments.
with usable as (
    select n.oid, n.nspname
    from pg_catalog.pg_namespace as n
    where pg_catalog.has_schema_privilege(n.oid, 'usage')
),

exposed as (
    select s.oid, s.nspname, d.directives
    from usable as s
    cross join lateral (
        select coalesce(
            (regexp_match(pg_catalog.obj_description(s.oid, 'pg_namespace'), '@graphql\((.+)\)'))[1]::jsonb, '{}'
        )
    ) as d (directives)
    where s.nspname = any (pg_catalog.current_schemas(false))
),

relations as (
    select c.*, s.nspname
    from pg_catalog.pg_class as c
    join exposed as s on s.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f')
),

columns as (
    select
        a.attrelid,
        jsonb_agg(
            jsonb_build_object(
                'name', a.attname,
                'type', a.atttypid::bigint,
                'typeName', pg_catalog.format_type(a.atttypid, a.atttypmod),
                'maxLength', nullif(a.atttypmod, -1) - 4,
                'notNull', a.attnotnull,
                'generated', a.attgenerated <> '',
                'serial', exists (
                    select from pg_catalog.pg_depend as dep
                    join pg_catalog.pg_class as seq on seq.oid = dep.objid and seq.relkind = 'S'
                    where
                        dep.classid = 'pg_catalog.pg_class'::regclass
                        and dep.refclassid = 'pg_catalog.pg_class'::regclass
                        and dep.refobjid = a.attrelid
                        and dep.refobjsubid = a.attnum
                        and dep.deptype in ('a', 'i')
                ),
                'selectable', pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'select'),
                'insertable', pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'insert'),
                'updatable', pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'update'),
                'directives', coalesce(
                    (regexp_match(pg_catalog.col_description(a.attrelid, a.attnum), '@graphql\((.+)\)'))[1]::jsonb, '{}'
                )
            )
            order by a.attnum
        ) as list
    from pg_catalog.pg_attribute as a
    join relations as r on r.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
),

indexes as (
    select
        i.indrelid,
        jsonb_agg(
            jsonb_build_object(
                'columns', coalesce(
                    (
                        select jsonb_agg(a.attname order by k.position)
                        from unnest(i.indkey) with ordinality as k (attnum, position)
                        join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
                    ),
                    '[]'
                ),
                'unique', i.indisunique and i.indpred is null,
                'primary', i.indisprimary
            )
            order by i.indexrelid
        ) as list
    from pg_catalog.pg_index as i
    join relations as r on r.oid = i.indrelid
    group by i.indrelid
)

select
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'oid', s.oid::bigint,
            'name', s.nspname,
            'directives', s.directives,
            'maxRows', (s.directives ->> 'max_rows')::int
        )), '[]')
        from exposed as s
    ) as schemas,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'oid', t.oid::bigint,
            'schema', t.typnamespace::bigint,
            'name', t.typname,
            'category', case
                when t.typcategory = 'A' then 'array'
                when t.typcategory = 'E' then 'enum'
                when c.relkind = 'c' then 'composite'
                when t.typcategory = 'C' and c.oid is not null then 'table'
                else 'other'
            end,
            'element', nullif(t.typelem::bigint, 0),
            'table', c.oid::bigint,
            'usable', pg_catalog.has_type_privilege(t.oid, 'usage'),
            'labels', (
                select jsonb_agg(e.enumlabel order by e.enumsortorder)
                from pg_catalog.pg_enum as e
                where e.enumtypid = t.oid
            ),
            'directives', coalesce(
                (regexp_match(pg_catalog.obj_description(t.oid, 'pg_type'), '@graphql\((.+)\)'))[1]::jsonb, '{}'
            )
        )), '[]')
        from pg_catalog.pg_type as t
        join usable as s on s.oid = t.typnamespace
        left join pg_catalog.pg_class as c on c.oid = t.typrelid
    ) as types,
    (
        select coalesce(jsonb_agg(
            jsonb_build_object(
                'oid', r.oid::bigint,
                'name', r.relname,
                'schema', r.nspname,
                'schemaOid', r.relnamespace::bigint,
                'rowType', r.reltype::bigint,
                'rls', r.relrowsecurity,
                'columns', coalesce(columns.list, '[]'),
                'indexes', coalesce(indexes.list, '[]'),
                'selectable', pg_catalog.has_table_privilege(r.oid, 'select'),
                'deletable', pg_catalog.has_table_privilege(r.oid, 'delete'),
                'directives', d.directives,
                'maxRows', (d.directives ->> 'max_rows')::int
            )
            order by r.oid
        ), '[]')
        from relations as r
        cross join lateral (
            select coalesce(
                (regexp_match(pg_catalog.obj_description(r.oid, 'pg_class'), '@graphql\((.+)\)'))[1]::jsonb, '{}'
            )
        ) as d (directives)
        left join columns on columns.attrelid = r.oid
        left join indexes on indexes.indrelid = r.oid
    ) as tables,
    (
        select coalesce(jsonb_agg(
            jsonb_build_object(
                'local', k.conrelid::bigint,
                'localColumns', (
                    select jsonb_agg(a.attname order by n.position)
                    from unnest(k.conkey) with ordinality as n (attnum, position)
                    join pg_catalog.pg_attribute as a on a.attrelid = k.conrelid and a.attnum = n.attnum
                ),
                'foreign', k.confrelid::bigint,
                'foreignColumns', (
                    select jsonb_agg(a.attname order by n.position)
                    from unnest(k.confkey) with ordinality as n (attnum, position)
                    join pg_catalog.pg_attribute as a on a.attrelid = k.confrelid and a.attnum = n.attnum
                ),
                'directives', coalesce(
                    (regexp_match(pg_catalog.obj_description(k.oid, 'pg_constraint'), '@graphql\((.+)\)'))[1]::jsonb, '{}'
                )
            )
            order by k.oid
        ), '[]')
        from pg_catalog.pg_constraint as k
        join relations as here on here.oid = k.conrelid
        join relations as there on there.oid = k.confrelid
        where k.contype = 'f'
    ) as foreign_keys,
    (
        select coalesce(jsonb_agg(
            jsonb_build_object(
                'name', p.proname,
                'schema', s.nspname,
                'schemaOid', s.oid::bigint,
                'returns', p.prorettype::bigint,
                -- a function that can be inlined declares with `returns setof t rows 1` that it returns one row
                'set', p.proretset and p.prorows <> 1,
                'volatile', p.provolatile = 'v',
                'variadic', p.provariadic <> 0,
                'argTypes', p.proargtypes::bigint [],
                'argTypeNames', p.proargtypes::regtype []::text [],
                'argNames', p.proargnames,
                'defaults', pg_catalog.pg_get_expr(p.proargdefaults, 0),
                'defaultCount', p.pronargdefaults,
                'executable', pg_catalog.has_function_privilege(p.oid, 'execute'),
                'directives', coalesce(
                    (regexp_match(pg_catalog.obj_description(p.oid, 'pg_proc'), '@graphql\((.+)\)'))[1]::jsonb, '{}'
                )
            )
            order by p.oid
        ), '[]')
        from pg_catalog.pg_proc as p
        join exposed as s on s.oid = p.pronamespace
        where p.prokind = 'f'
    ) as functions
