-- The facts of docs/data-model.md, as one JSON value: relations with key columns, foreign keys, triggers in firing
-- order and who may write them, and the comments of the functions of the project.
-- The names of relations in `public` have no schema: search_path is pg_catalog, public.

select jsonb_build_object(
    'relations', (
        select jsonb_agg(jsonb_build_object(
            'name', c.oid::regclass::text,
            'view', c.relkind = 'v',
            'comment', obj_description(c.oid, 'pg_class'),
            'columns', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'name', a.attname,
                        'type', case when t.typelem <> 0 and t.typlen = -1 then e.typname || '[]' else t.typname end,
                        'primary', exists (
                            select from pg_constraint k
                            where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any (k.conkey)
                        ),
                        'unique', exists (
                            select from pg_constraint k
                            where k.conrelid = c.oid and k.contype = 'u' and a.attnum = any (k.conkey)
                        )
                    ) order by a.attnum
                )
                from pg_attribute a
                join pg_type t on t.oid = a.atttypid
                left join pg_type e on e.oid = t.typelem
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                    and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
                    and exists (
                        select from pg_constraint k
                        where k.conrelid = c.oid and k.contype in ('p', 'u', 'f') and a.attnum = any (k.conkey)
                    )
            ), '[]'),
            'foreignKeys', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'table', k.confrelid::regclass::text,
                        'columns', f.columns,
                        'required', f.required,
                        -- whether at most one row of this table refers to each row of the other
                        'one', exists (
                            select from pg_index i
                            where i.indrelid = c.oid and i.indisunique and i.indpred is null
                                and i.indkey::smallint[] <@ k.conkey
                        )
                    ) order by k.conkey
                )
                from pg_constraint k, lateral (
                    select jsonb_agg(a.attname order by x.position) as columns, bool_and(a.attnotnull) as required
                    from unnest(k.conkey) with ordinality as x (attnum, position)
                    join pg_attribute a on a.attrelid = c.oid and a.attnum = x.attnum
                ) f
                where k.conrelid = c.oid and k.contype = 'f'
            ), '[]'),
            'triggers', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'name', t.tgname,
                        'timing', g.timing,
                        'events', g.events,
                        'function', t.tgfoid::regproc::text
                    ) order by g.rank, t.tgname collate "C"
                )
                from pg_trigger t
                join pg_proc p on p.oid = t.tgfoid
                cross join lateral (
                    select
                        case
                            when t.tgtype & 64 <> 0 then 'instead of'
                            when t.tgtype & 2 <> 0 then 'before'
                            when t.tginitdeferred then 'at commit, after'
                            else 'after'
                        end || case when t.tgtype & 1 <> 0 then ' each row' else ' each statement' end as timing,
                        -- before the statement, before its rows, after its rows, after the statement, at commit
                        case
                            when t.tgtype & 66 <> 0 then t.tgtype & 1
                            when t.tginitdeferred then 4
                            else 3 - (t.tgtype & 1)
                        end as rank,
                        concat_ws(', ',
                            case when t.tgtype & 4 <> 0 then 'insert' end,
                            case when t.tgtype & 16 <> 0 then 'update' || coalesce(' of ' || (
                                select string_agg(a.attname, ', ' order by a.attnum)
                                from pg_attribute a
                                where a.attrelid = t.tgrelid and a.attnum = any (t.tgattr::smallint[])
                            ), '') end,
                            case when t.tgtype & 8 <> 0 then 'delete' end,
                            case when t.tgtype & 32 <> 0 then 'truncate' end) as events
                ) g
                where t.tgrelid = c.oid and not t.tgisinternal
                    and p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
            ), '[]'),
            'writers', (
                select jsonb_object_agg(r.role, v.verbs)
                from unnest('{anon,authenticated,service_role}'::text[]) as r (role), lateral (
                    select coalesce(jsonb_agg(w.verb order by w.position), '[]') as verbs
                    from unnest('{insert,update,delete}'::text[]) with ordinality as w (verb, position)
                    where has_table_privilege(r.role, c.oid, w.verb)
                        or (w.verb <> 'delete' and has_any_column_privilege(r.role, c.oid, w.verb))
                ) v
            )
        ) order by c.oid::regclass::text)
        from pg_class c
        where c.relkind in ('r', 'p', 'v')
    ),
    'functions', (
        select jsonb_object_agg(p.oid::regproc::text, jsonb_build_object(
            'comment', obj_description(p.oid, 'pg_proc'),
            'body', p.prosrc
        ))
        from pg_proc p
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    )
) as facts;
