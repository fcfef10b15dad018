-- Purpose: camelCase names, totalCount, introspection and descriptions in GraphQL.
-- Touches: extension pg_graphql where it is available, comments on everything in public, private.describe_graphql.
-- Watch: pg_graphql reads descriptions only from directives in comments, @graphql({...}). A later migration that creates or
-- comments something in public ends with `select private.describe_graphql()`. Introspection shows callers what their role may use.

-- the embedded stack answers GraphQL without the extension
do $$
begin
    if exists (select from pg_catalog.pg_available_extensions e where e.name = 'pg_graphql') then
        create extension if not exists pg_graphql;
    end if;
end
$$;

-- 100 rows, so that the longest list of a property, its amenities, fits on one page
comment on schema public is e'Tables and functions of the API.\n@graphql({"inflect_names": true, "introspection": true, "max_rows": 100})';

create function private.describe_graphql() returns void
language plpgsql
set search_path = ''
as $$
declare
    v_statement text;
begin
    for v_statement in
        with described as (
            select
                case t.relkind when 'v' then 'view' else 'table' end as kind, t.oid::regclass::text as label, pg_catalog.obj_description(t.oid, 'pg_class') as words,
                '{"totalCount": {"enabled": true}}'::jsonb as directive
            from pg_catalog.pg_class t
            where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
            union all
            select
                'column', format('%s.%I', t.oid::regclass, a.attname), pg_catalog.col_description(t.oid, a.attnum), '{}'
            from pg_catalog.pg_class t
            join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
            where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
            union all
            select 'function', f.oid::regprocedure::text, pg_catalog.obj_description(f.oid, 'pg_proc'), '{}'
            from pg_catalog.pg_proc f
            where f.pronamespace = 'public'::regnamespace
                and not exists (select from pg_catalog.pg_depend d where d.objid = f.oid and d.deptype = 'e')
        ),
        parsed as (
            select
                d.kind, d.label,
                regexp_replace(d.words, '\s*@graphql\(.+\)\s*', '') as words,
                d.directive || coalesce(substring(d.words from '@graphql\((.+)\)')::jsonb, '{}') as directive
            from described d
            where d.words is not null
        )
        select format(
            'comment on %s %s is %L', p.kind, p.label,
            format(e'%s\n@graphql(%s)', p.words, p.directive || jsonb_build_object('description', p.words))
        )
        from parsed p
    loop
        execute v_statement;
    end loop;
end
$$;
comment on function private.describe_graphql is
    'Rewrites the GraphQL directive at the end of every comment in public: the comment as description, totalCount for tables and views, and what the directive contained before.';

select private.describe_graphql();
