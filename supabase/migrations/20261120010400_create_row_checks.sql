-- Purpose: refuses with coded errors the rows that a table's constraints and policies would refuse, and names all faults at once.
-- Touches: private.install_length_checks, row_check_code, is_written_by, row_check_steps, conflict_action, key_exists, raise_problems, install_row_checks, require_values.
-- Watch: a migration calls install_row_checks('schema.table') after the table's constraints and policies exist. It writes one trigger
-- function from the catalogue, so the checks cannot differ from the constraints. Two writers at once can still meet the bare
-- unique constraint (23505). docs/decisions/errors.md says what never reaches a trigger.

create function private.row_check_code(p_table regclass, p_constraint name) returns text
language plpgsql stable
set search_path = ''
as $$
declare
    v_table text := (select c.relname from pg_catalog.pg_class c where c.oid = p_table);
    v_code text;
begin
    select e.code into v_code
    from private.errors e
    where e.code in (p_constraint, regexp_replace(p_constraint, '^' || v_table || '_', ''))
    order by e.code = p_constraint desc
    limit 1;
    if v_code is null then
        raise exception 'private.errors has no code for the constraint % of %.', p_constraint, p_table;
    end if;
    return v_code;
end
$$;
comment on function private.row_check_code is
    'The error code of a check constraint: its name, or its name without that of the table. Fails when private.errors has neither.';

create function private.is_written_by(p_role name, p_table regclass, p_columns smallint[]) returns boolean
language sql stable
set search_path = ''
as $$
    select exists (
        select from pg_catalog.pg_class t
        join pg_catalog.pg_attribute c on c.attrelid = t.oid and c.attnum = any (p_columns)
        -- clients write a table of the schema private through the view of its name
        join pg_catalog.pg_attribute w
            on w.attrelid = coalesce(to_regclass(format('public.%I', t.relname)), t.oid) and w.attname = c.attname
        where
            t.oid = p_table
            and (has_column_privilege(p_role, w.attrelid, w.attnum, 'insert') or has_column_privilege(p_role, w.attrelid, w.attnum, 'update'))
    )
$$;
comment on function private.is_written_by is 'Whether a role may write one of these columns of a table, or of the public view of a private one.';

create function private.row_check_steps(p_table regclass)
returns table (step integer, problem text, broken text)
language sql stable
set search_path = ''
as $$
    -- required columns, including those that only the service role writes
    select
        1, format('private.problem(''value_missing'', ''{"field": "%s"}'')', a.attname), format('new.%I is null', a.attname)
    from pg_catalog.pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and a.attnotnull
        and (private.is_written_by('authenticated', p_table, array[a.attnum]) or private.is_written_by('service_role', p_table, array[a.attnum]))
    union all
    -- checks: their text names bare columns, which come from the row in the function's from clause
    select
        1,
        format('private.problem(%L, %L)', private.row_check_code(p_table, c.conname), (
            select coalesce(jsonb_object_agg('field', a.attname), '{}')
            from pg_catalog.pg_attribute a
            where cardinality(c.conkey) = 1 and a.attrelid = p_table and a.attnum = c.conkey[1]
        )),
        format('not (%s)', pg_catalog.pg_get_expr(c.conbin, c.conrelid))
    from pg_catalog.pg_constraint c
    where c.conrelid = p_table and c.contype = 'c'
        and (private.is_written_by('authenticated', p_table, c.conkey) or private.is_written_by('service_role', p_table, c.conkey))
    union all
    -- foreign keys: the caller must be able to see the row referred to; some vocabularies have a code of their own
    select
        case when v.code is null then 2 else 1 end,
        format(
            'private.problem(%L, jsonb_build_object(''field'', %L, ''value'', left(new.%I::text, 40)))',
            coalesce(v.code, 'reference_not_found'), k.last_name, k.last_name
        ),
        format('%s and not exists (select from %s f where %s)', k.is_set, k.target, k.matches)
    from pg_catalog.pg_constraint c
    cross join lateral (
        select
            (array_agg(a.attname order by u.position desc))[1] as last_name,
            string_agg(format('new.%I is not null', a.attname), ' and ') as is_set,
            string_agg(format('f.%I = new.%I', f.attname, a.attname), ' and ') as matches,
            -- no API role may read auth.users, and each of them has a profile
            case c.confrelid::regclass::text when 'auth.users' then 'public.profiles' else c.confrelid::regclass::text end as target
        from unnest(c.conkey, c.confkey) with ordinality as u (key, foreign_key, position)
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = u.key
        join pg_catalog.pg_attribute f on f.attrelid = c.confrelid and f.attnum = u.foreign_key
    ) k
    left join private.errors v on cardinality(c.conkey) = 1 and v.code = 'unknown_' || regexp_replace(k.last_name, '_id$', '')
    where c.conrelid = p_table and c.contype = 'f' and private.is_written_by('authenticated', p_table, c.conkey)
    union all
    -- policies: one of them must admit the row
    select
        3,
        format('private.problem(%L, %L)', v.action || '_not_allowed', jsonb_build_object('table', r.relname)),
        format('tg_op = %L and (%s) is not true', upper(v.action), string_agg(
            format('(%s)', coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), pg_catalog.pg_get_expr(p.polqual, p.polrelid))), ' or '
        ))
    from (values ('insert', 'a'), ('update', 'w')) as v (action, command)
    join pg_catalog.pg_policy p on p.polrelid = p_table and p.polcmd::text in (v.command, '*') and p.polpermissive
    join pg_catalog.pg_class r on r.oid = p.polrelid
    where 'authenticated'::regrole = any (p.polroles)
    group by v.action, r.relname
    union all
    -- unique indexes that the caller can violate; an upsert decides for itself what to do with the row that exists
    select
        4,
        format('private.problem(''already_exists'', %L)', jsonb_build_object('fields', k.names)),
        format(
            '(%s) is distinct from (%s) and %s and %s and private.conflict_action() is null',
            k.old_values, k.new_values, x.condition, case
                -- the caller may choose an id that a hidden row has
                when i.indisprimary and k.is_uuid then format('private.key_exists(%L, %L, new.%I)', p_table, k.first_name, k.first_name)
                else format('exists (select from %s %I where %s and %s)', p_table, r.relname, k.matches, x.condition)
            end
        )
    from pg_catalog.pg_index i
    join pg_catalog.pg_class r on r.oid = i.indrelid
    cross join lateral (select coalesce(pg_catalog.pg_get_expr(i.indpred, i.indrelid), 'true') as condition) x
    cross join lateral (
        select
            replace(string_agg(a.attname, ' and ' order by u.position), '_', ' ') as names,
            min(a.attname) as first_name,
            count(*) = 1 and bool_and(a.atttypid = 'uuid'::regtype) as is_uuid,
            string_agg(format('old.%I', a.attname), ', ' order by u.position) as old_values,
            string_agg(format('new.%I', a.attname), ', ' order by u.position) as new_values,
            string_agg(format('%I.%I = new.%I', r.relname, a.attname, a.attname), ' and ' order by u.position) as matches
        from unnest(i.indkey::smallint[]) with ordinality as u (key, position)
        join pg_catalog.pg_attribute a on a.attrelid = p_table and a.attnum = u.key
    ) k
    where i.indrelid = p_table and i.indisunique and i.indexprs is null
        and private.is_written_by('authenticated', p_table, i.indkey::smallint[])
        -- what the primary key makes unique already, a foreign key may need once more
        and (i.indisprimary or not exists (
            select from pg_catalog.pg_index p
            where p.indrelid = p_table and p.indisprimary and p.indkey::smallint[] <@ i.indkey::smallint[]
        ))
    union all
    -- upserts: the caller must be able to change the row that has the key, and one statement changes a row once
    select
        4,
        format('private.problem(%L, %L)', u.code, jsonb_build_object('table', r.relname)),
        format('tg_op = ''INSERT'' and private.conflict_action() = ''update'' and %s', case u.code
            when 'row_sent_twice' then format('exists (select from %s where %s and xmin = pg_current_xact_id()::xid)', p_table, k.matches)
            else format(
                'private.key_exists(%L, %L, new.%I) and not exists (select from %s where %s and (%s))',
                p_table, k.first_name, k.first_name, p_table, k.matches, (
                    select string_agg(format('(%s)', pg_catalog.pg_get_expr(p.polqual, p.polrelid)), ' or ')
                    from pg_catalog.pg_policy p
                    where
                        p.polrelid = p_table and p.polcmd in ('w', '*') and p.polpermissive and 'authenticated'::regrole = any (p.polroles)
                )
            )
        end)
    from pg_catalog.pg_index i
    join pg_catalog.pg_class r on r.oid = i.indrelid
    cross join lateral (
        select
            min(a.attname) as first_name,
            count(*) = 1 and bool_and(a.atttypid = 'uuid'::regtype) as is_uuid,
            bool_and(
                has_column_privilege('authenticated', p_table, a.attnum, 'insert')
                and has_column_privilege('authenticated', p_table, a.attnum, 'update')
            ) as is_writable,
            string_agg(format('%I.%I = new.%I', r.relname, a.attname, a.attname), ' and ' order by a.attnum) as matches
        from pg_catalog.pg_attribute a
        where a.attrelid = p_table and a.attnum = any (i.indkey::smallint[])
    ) k
    cross join (values ('row_sent_twice'), ('update_not_allowed')) as u (code)
    where i.indrelid = p_table and i.indisprimary and k.is_writable and (k.is_uuid or u.code = 'row_sent_twice')
$$;
comment on function private.row_check_steps is
    'The checks of a row of p_table, as expressions over the variables of a trigger. The faults of one step are raised together; a step is checked when the steps before it found no fault.';

create function private.conflict_action() returns text
language plpgsql stable
set search_path = ''
as $$
declare
    v_prefer constant text := nullif(current_setting('request.headers', true), '')::jsonb ->> 'prefer';
begin
    return case
        when current_setting('request.method', true) = 'PUT' then 'update'
        when v_prefer ~ 'resolution=merge-duplicates' then 'update'
        when v_prefer ~ 'resolution=ignore-duplicates' then 'nothing'
    end;
end
$$;
grant execute on function private.conflict_action to anon, authenticated, service_role;
comment on function private.conflict_action is
    'What the request asks PostgREST to do with a row that has the key already: update, nothing, or null for an error.';

create function private.key_exists(p_table regclass, p_column name, p_id uuid) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_exists boolean;
begin
    execute format('select exists (select from %s t where t.%I = $1)', p_table, p_column) into v_exists using p_id;
    return v_exists;
end
$$;
grant execute on function private.key_exists to authenticated;
comment on function private.key_exists is
    'Whether a table has a row with this id. Definer, because a row that the caller may not see takes its id, too.';

create function private.raise_problems(p_problems jsonb[]) returns void
language plpgsql stable
set search_path = ''
as $$
begin
    p_problems := array_remove(p_problems, null);
    if p_problems <> '{}' then
        perform private.raise_errors(to_jsonb(p_problems));
    end if;
end
$$;
grant execute on function private.raise_problems to anon, authenticated, service_role;
comment on function private.raise_problems is 'Raises the problems of a list that are not null, all at once; does nothing when every one is null.';

create function private.install_length_checks(p_table regclass) returns void
language plpgsql
set search_path = ''
as $install$
declare
    -- bytes; the longest text that a check admits has 5,000 characters
    v_limit constant integer := 32768;
    v_table constant text := (select c.relname from pg_catalog.pg_class c where c.oid = p_table);
    v_is_view constant boolean := (select c.relkind = 'v' from pg_catalog.pg_class c where c.oid = p_table);
    v_function constant text := format('private.%I', 'check_lengths_of_' || v_table);
    v_problems constant text := (
        select string_agg(format(
            e'\n        case when %s(new.%I) > %s then private.problem(''value_too_long'', ''{"field": "%s", "limit": %s}'') end',
            case a.atttypid when 'text'::regtype then 'octet_length' else 'pg_column_size' end, a.attname, v_limit, a.attname, v_limit
        ), ',' order by a.attnum)
        from pg_catalog.pg_attribute a
        where a.attrelid = p_table and a.attnum > 0 and a.attlen = -1 and a.atttypid <> 'numeric'::regtype
            and (private.is_written_by('authenticated', p_table, array[a.attnum]) or private.is_written_by('service_role', p_table, array[a.attnum]))
    );
begin
    if v_problems is null then
        return;
    end if;
    execute format(
        $function$
create function %s() returns trigger
language plpgsql
set search_path = ''
as $trigger$
begin
    perform private.raise_problems(array[%s
    ]);
    return new;
end
$trigger$
$function$,
        v_function, v_problems
    );
    execute format(
        'comment on function %s is %L', v_function,
        format('Trigger: refuses texts, lists and JSON in %s of more than %s bytes, before anything reads them. Written by private.install_length_checks.', p_table, v_limit)
    );
    execute format(
        'create trigger _000_check_lengths %s insert or update on %s for each row execute function %s()',
        case when v_is_view then 'instead of' else 'before' end, p_table, v_function
    );
end
$install$;
comment on function private.install_length_checks is
    'Creates the trigger _000_check_lengths of a table or view with texts, lists or JSON that clients write, which fires first.';

create function private.install_row_checks(p_table regclass, p_condition text default 'true') returns void
language plpgsql
set search_path = ''
as $install$
declare
    v_table constant text := (select c.relname from pg_catalog.pg_class c where c.oid = p_table);
    v_function constant text := format('private.%I', 'check_row_of_' || v_table);
    v_rows text;
    v_references text;
begin
    select
        string_agg(q.statement, '') filter (where q.step = 1),
        string_agg(replace(q.statement, e'\n', e'\n    '), '' order by q.step) filter (where q.step > 1)
    into v_rows, v_references
    from (
        select s.step, format(
            e'\n    perform private.raise_problems(array[%s\n    ])\n    from (select new.*) as %I;',
            string_agg(format(e'\n        case when %s then %s end', s.broken, s.problem), ',' order by s.problem), v_table
        ) as statement
        from private.row_check_steps(p_table) s
        group by s.step
    ) q;
    execute format(
        $function$
create function %s() returns trigger
language plpgsql
set search_path = ''
as $trigger$
begin%s
    -- references and policies are checked only for callers whom row level security restricts
    if row_security_active(%L) then%s
    end if;
    return new;
end
$trigger$
$function$,
        v_function, v_rows, p_table, v_references
    );
    execute format(
        'comment on function %s is %L', v_function,
        format('Trigger: refuses with coded errors what the constraints and policies of %s would refuse. Written by private.install_row_checks.', p_table)
    );
    execute format(
        'create trigger _900_check_row before insert or update on %s for each row when (auth.role() is not null and %s) execute function %s()',
        p_table, p_condition, v_function
    );
    perform private.install_length_checks(coalesce(to_regclass(format('public.%I', v_table)), p_table));
end
$install$;
comment on function private.install_row_checks is
    'Creates the triggers of a table that clients write: _000_check_lengths, and _900_check_row, which fires last before the write. Only the constraints themselves stop the owner of the database.';

create function private.require_values(p_row jsonb, p_fields text[]) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_problems jsonb := (
        select jsonb_agg(private.problem('value_missing', jsonb_build_object('field', u.field)) order by u.position)
        from unnest(p_fields) with ordinality as u (field, position)
        where p_row ->> u.field is null
    );
begin
    if v_problems is not null then
        perform private.raise_errors(v_problems);
    end if;
end
$$;
grant execute on function private.require_values to anon, authenticated, service_role;
comment on function private.require_values is 'Refuses a row of a view in which one of these fields is null, naming each.';
