-- The SQL that runs in the database, as text, for error-codes.ts: the body of every function of ours, and for every
-- relation what a statement on it runs (triggers, policies, defaults, checks, foreign keys that cascade, the query of a view).
with namespaces as (
    select n.oid, n.nspname from pg_catalog.pg_namespace n where n.nspname in ('public', 'private')
),

relations as (
    select c.oid, n.nspname || '.' || c.relname as name, c.relkind
    from pg_catalog.pg_class c
    join namespaces n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'p')
),

-- bits of pg_trigger.tgtype: 4 insert, 8 delete, 16 update, 64 instead of
triggers as (
    select
        t.tgrelid as relation,
        array_remove(array[
            case when t.tgtype & 4 > 0 then 'insert' end,
            case when t.tgtype & 16 > 0 then 'update' end,
            case when t.tgtype & 8 > 0 then 'delete' end
        ], null) as verbs,
        pg_get_triggerdef(t.oid) as source,
        t.tgtype & 64 > 0 as is_instead
    from pg_catalog.pg_trigger t
    where not t.tgisinternal
),

runs as (
    select relation, verbs, source from triggers
    union all
    select
        p.polrelid,
        case p.polcmd
            when 'r' then array['select']
            when 'a' then array['insert']
            when 'w' then array['update']
            when 'd' then array['delete']
            else array['select', 'insert', 'update', 'delete']
        end,
        concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_catalog.pg_policy p
    union all
    select d.adrelid, array['insert'], pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_attrdef d
    union all
    select k.conrelid, array['insert', 'update'], pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint k
    where k.contype = 'c' and k.conrelid <> 0
    union all
    select
        k.confrelid, array['delete'],
        case k.confdeltype when 'c' then 'delete from ' else 'update ' end || r.name
    from pg_catalog.pg_constraint k
    join relations r on r.oid = k.conrelid
    where k.contype = 'f' and k.confdeltype in ('c', 'n', 'd')
    union all
    select r.oid, array['select', 'insert', 'update', 'delete'], pg_get_viewdef(r.oid)
    from relations r
    where r.relkind in ('v', 'm')
    union all
    -- a view without a trigger for a verb passes it on to the table that it reads
    select r.oid, array[v.verb], v.statement || b.name
    from relations r
    cross join (values ('insert', 'insert into '), ('update', 'update '), ('delete', 'delete from ')) as v (verb, statement)
    join pg_catalog.pg_rewrite w on w.ev_class = r.oid
    join lateral (
        select distinct d.refobjid
        from pg_catalog.pg_depend d
        where d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.oid
    ) as d on true
    join relations b on b.oid = d.refobjid
    where r.relkind = 'v' and pg_relation_is_updatable(r.oid, false) > 0
        and not exists (select from triggers t where t.relation = r.oid and t.is_instead and v.verb = any (t.verbs))
)

select jsonb_build_object(
    'functions', (
        select jsonb_agg(
            jsonb_build_object(
                'name', n.nspname || '.' || p.proname,
                'source', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)
            )
            order by n.nspname, p.proname, p.oid
        )
        from pg_catalog.pg_proc p
        join namespaces n on n.oid = p.pronamespace
        where p.prokind = 'f'
    ),
    'relations', (
        select jsonb_agg(
            jsonb_build_object(
                'name', r.name,
                'runs', (
                    select coalesce(jsonb_agg(jsonb_build_object('verbs', u.verbs, 'source', u.source) order by u.source), '[]')
                    from runs u
                    where u.relation = r.oid and u.source <> ''
                )
            )
            order by r.name
        )
        from relations r
    )
) as catalogue
