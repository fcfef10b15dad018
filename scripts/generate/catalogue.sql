-- Prints the catalogue of a database: one line for each object that migrations make, so that two databases can be compared.
-- A line begins with a letter and holds no object id, time, port or random value.
--   N schema, E extension, Y type, S sequence, R relation, A column, V view, C constraint, I index, P policy, T trigger,
--   X order in which a table's triggers fire, and rules, F function, O operator and cast, L default privilege, G event trigger,
--   U publication, H role setting, K comment on anything else, J cron job and queue, B bucket, D rows of reference data

set local search_path = pg_catalog;  -- every name is printed with its schema
set local extra_float_digits = 1;
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local bytea_output = 'hex';

-- The schemas of the project, and any that a later migration adds.
create or replace temp view project_schemas as
    select n.oid, n.nspname
    from pg_namespace n
    where n.nspname in ('public', 'private', 'graphql_public', 'graphql_shapes')
        or (pg_get_userbyid(n.nspowner) = 'postgres' and n.nspname !~ '^pg_'
            and n.nspname not in ('extensions', 'graphql', 'vault', 'net', 'cron', 'pgmq', 'auth', 'storage', 'realtime',
                'supabase_migrations', 'supabase_functions', 'pgtap', 'tap'));

-- Of an extension only the version is printed, not its objects.
create or replace temp view extension_objects as
    select classid, objid from pg_depend where deptype = 'e';

create or replace function pg_temp.privileges(p_acl aclitem[]) returns text language sql as $$
    select coalesce((select string_agg(x::text, ',' order by x::text) from unnest(p_acl) x), 'default')
$$;

create or replace function pg_temp.comment_hash(p_object oid, p_catalogue text) returns text language sql as $$
    select coalesce(md5(obj_description(p_object, p_catalogue)), '-')
$$;

create or replace function pg_temp.one_line(p_text text) returns text language sql as $$
    select regexp_replace(p_text, '\s+', ' ', 'g')
$$;

-- The lines of a query on a table that not every database has.
create or replace function pg_temp.rows_if(p_relation text, p_query text) returns setof text language plpgsql as $$
begin
    if to_regclass(p_relation) is not null then
        return query execute p_query;
    end if;
end $$;

-- The number of rows of a table, and a hash of them that leaves out times, counted and generated ids, secrets and ports.
create or replace function pg_temp.rows_hash(p_table regclass) returns text language plpgsql as $$
declare
    v_left_out text[] := array(
        select a.attname::text
        from pg_attribute a
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
            and (a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype) or a.attidentity <> ''
                or pg_get_expr(d.adbin, d.adrelid) ~ 'uuid|nextval|current_date|now\(\)')
    );
    v_answer text;
begin
    execute format($query$
        select count(*) || ' ' || md5(string_agg(r, e'\n' order by r collate "C"))
        from (
            select regexp_replace(
                (to_jsonb(t) - %L::text[])::text,
                '[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f-]{27}|(?<=127\.0\.0\.1):\d+', '?', 'g') as r
            from %s t
        ) q
    $query$, v_left_out, p_table)
    into v_answer;
    return v_answer;
end $$;

select 'N ' || n.nspname || ' owner=' || pg_get_userbyid(n.nspowner) || ' acl=' || pg_temp.privileges(n.nspacl)
    || ' cmt=' || pg_temp.comment_hash(n.oid, 'pg_namespace')
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1;

select 'E ' || e.extname || ' ' || e.extversion || ' in ' || n.nspname
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
order by 1;

select 'Y ' || format_type(t.oid, null) || ' ' || t.typtype::text
    || coalesce(' enum=' || (
        select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid
    ), '')
    || coalesce(' base=' || format_type(nullif(t.typbasetype, 0), t.typtypmod) || ' notnull=' || t.typnotnull
        || ' default=' || coalesce(t.typdefault, '-'), '')
    || coalesce(' composite=(' || (
        select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
        from pg_attribute a
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    ) || ')', '')
    || ' owner=' || pg_get_userbyid(t.typowner) || ' acl=' || pg_temp.privileges(t.typacl)
    || ' cmt=' || pg_temp.comment_hash(t.oid, 'pg_type')
from pg_type t
join project_schemas n on n.oid = t.typnamespace
where (t.typtype in ('e', 'd', 'r', 'm')
        or (t.typtype = 'c' and (select relkind from pg_class where oid = t.typrelid) = 'c'))
    and not exists (select from extension_objects x where x.classid = 'pg_type'::regclass and x.objid = t.oid)
order by 1;

select 'S ' || s.schemaname || '.' || s.sequencename || ' ' || s.data_type || ' start=' || s.start_value
    || ' by=' || s.increment_by || ' max=' || s.max_value || ' cycle=' || s.cycle || ' cache=' || s.cache_size
    || ' owned by ' || coalesce((
        select d.refobjid::regclass || '.' || a.attname
        from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    ), '-')
    || ' owner=' || s.sequenceowner || ' acl=' || pg_temp.privileges(c.relacl)
from pg_sequences s
join pg_class c on c.oid = format('%I.%I', s.schemaname, s.sequencename)::regclass
join project_schemas n on n.oid = c.relnamespace
order by 1;

select 'R ' || c.oid::regclass || ' ' || c.relkind::text || c.relpersistence::text
    || ' rls=' || c.relrowsecurity || ' forced=' || c.relforcerowsecurity
    || ' owner=' || pg_get_userbyid(c.relowner) || ' acl=' || pg_temp.privileges(c.relacl)
    || ' options=' || coalesce(c.reloptions::text, '-') || ' identity=' || c.relreplident::text
    || coalesce(' inherits=' || (
        select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid
    ), '')
    || coalesce(' partition=' || pg_get_expr(c.relpartbound, c.oid), '')
    || ' cmt=' || pg_temp.comment_hash(c.oid, 'pg_class')
from pg_class c
join project_schemas n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not exists (select from extension_objects x where x.classid = 'pg_class'::regclass and x.objid = c.oid)
order by 1;

-- The position of a column, counted without dropped columns.
select 'A ' || a.attrelid::regclass
    || ' ' || lpad((count(*) over (partition by a.attrelid order by a.attnum))::text, 3, '0')
    || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' notnull=' || a.attnotnull
    || ' default=' || pg_temp.one_line(coalesce(pg_get_expr(d.adbin, d.adrelid), '-'))
    || ' identity=' || coalesce(nullif(a.attidentity::text, ''), '-')
    || ' generated=' || coalesce(nullif(a.attgenerated::text, ''), '-')
    || ' collation=' || coalesce(nullif(a.attcollation, 0)::regcollation::text, '-')
    || ' storage=' || a.attstorage::text || ' stats=' || coalesce(a.attstattarget::text, '-')
    || ' options=' || coalesce(a.attoptions::text, '-') || ' acl=' || pg_temp.privileges(a.attacl)
    || ' cmt=' || coalesce(md5(col_description(a.attrelid, a.attnum)), '-')
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join project_schemas n on n.oid = c.relnamespace
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by a.attrelid::regclass::text, a.attnum;

select 'V ' || c.oid::regclass || ' ' || md5(pg_get_viewdef(c.oid))
from pg_class c
join project_schemas n on n.oid = c.relnamespace
where c.relkind in ('v', 'm')
order by 1;

select 'C ' || coalesce(nullif(k.conrelid, 0)::regclass::text, 'domain ' || format_type(k.contypid, null))
    || ' ' || k.conname || ' ' || pg_temp.one_line(pg_get_constraintdef(k.oid)) || ' valid=' || k.convalidated
    || ' cmt=' || pg_temp.comment_hash(k.oid, 'pg_constraint')
from pg_constraint k
join project_schemas n on n.oid = k.connamespace
where k.contype <> 't'
order by 1;

select 'I ' || pg_temp.one_line(pg_get_indexdef(i.indexrelid)) || ' valid=' || i.indisvalid
    || ' clustered=' || i.indisclustered || ' replica=' || i.indisreplident
    || ' stats=' || coalesce((
        select string_agg(a.attnum || ':' || a.attstattarget, ',' order by a.attnum)
        from pg_attribute a
        where a.attrelid = i.indexrelid and a.attstattarget is not null
    ), '-')
    || ' cmt=' || pg_temp.comment_hash(i.indexrelid, 'pg_class')
from pg_index i
join pg_class c on c.oid = i.indrelid
join project_schemas n on n.oid = c.relnamespace
order by 1;

select 'I statistics ' || pg_get_statisticsobjdef(s.oid) || ' target=' || coalesce(s.stxstattarget::text, '-')
from pg_statistic_ext s
join project_schemas n on n.oid = s.stxnamespace
order by 1;

select 'P ' || p.polrelid::regclass || ' ' || quote_ident(p.polname) || ' ' || p.polcmd::text
    || ' permissive=' || p.polpermissive || ' to ' || (
        select string_agg(r.name, ',' order by r.name)
        from unnest(p.polroles) x, lateral (select case x when 0 then 'public' else pg_get_userbyid(x) end as name) r
    )
    || ' using ' || pg_temp.one_line(coalesce(pg_get_expr(p.polqual, p.polrelid), '-'))
    || ' check ' || pg_temp.one_line(coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '-'))
    || ' cmt=' || pg_temp.comment_hash(p.oid, 'pg_policy')
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.oid in (select oid from project_schemas) or n.nspname in ('storage', 'realtime')
order by 1;

select 'T ' || t.tgrelid::regclass || ' ' || pg_temp.one_line(pg_get_triggerdef(t.oid)) || ' enabled=' || t.tgenabled::text
    || ' cmt=' || pg_temp.comment_hash(t.oid, 'pg_trigger')
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_proc p on p.oid = t.tgfoid
where not t.tgisinternal
    and (c.relnamespace in (select oid from project_schemas) or p.pronamespace in (select oid from project_schemas))
order by 1;

-- Triggers of one timing fire in the byte order of their names.
select 'X ' || q.tgrelid::regclass || ' ' || q.timing || ' ' || q.event || ': '
    || string_agg(q.tgname || '→' || q.function, ' ' order by q.tgname collate "C")
from (
    select t.tgrelid, t.tgname, t.tgfoid::regproc::text as function, e.event,
        case when t.tgtype & 2 <> 0 then 'before' when t.tgtype & 64 <> 0 then 'instead of' else 'after' end
            || case when t.tgtype & 1 <> 0 then ' row' else ' statement' end as timing
    from pg_trigger t
    join (values (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')) as e (bit, event) on t.tgtype & e.bit <> 0
    join pg_class c on c.oid = t.tgrelid
    join project_schemas n on n.oid = c.relnamespace
    where not t.tgisinternal
) q
group by q.tgrelid, q.timing, q.event
order by 1;

select 'X rule ' || r.ev_class::regclass || ' ' || pg_get_ruledef(r.oid)
from pg_rewrite r
join pg_class c on c.oid = r.ev_class
join project_schemas n on n.oid = c.relnamespace
where r.rulename <> '_RETURN'
order by 1;

-- The header is printed and the body hashed, so that a difference shows which of the two changed.
select 'F ' || p.oid::regprocedure || ' ' || p.prokind::text || ' returns ' || pg_get_function_result(p.oid)
    || ' args (' || pg_get_function_arguments(p.oid) || ') ' || l.lanname || ' ' || p.provolatile::text || p.proparallel::text
    || ' strict=' || p.proisstrict || ' definer=' || p.prosecdef || ' leakproof=' || p.proleakproof
    || ' cost=' || p.procost || ' rows=' || p.prorows || ' config=' || coalesce(p.proconfig::text, '-')
    || ' owner=' || pg_get_userbyid(p.proowner) || ' acl=' || pg_temp.privileges(p.proacl)
    || ' body=' || md5(case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else p.prosrc end)
    || ' cmt=' || pg_temp.comment_hash(p.oid, 'pg_proc')
from pg_proc p
join project_schemas n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where not exists (select from extension_objects x where x.classid = 'pg_proc'::regclass and x.objid = p.oid)
order by 1;

select 'F aggregate ' || a.aggfnoid::regprocedure || ' ' || a.aggtransfn || ' ' || a.aggfinalfn
    || ' ' || format_type(a.aggtranstype, null) || ' init=' || coalesce(a.agginitval, '-')
from pg_aggregate a
join pg_proc p on p.oid = a.aggfnoid
join project_schemas n on n.oid = p.pronamespace
order by 1;

select 'O operator ' || o.oid::regoperator || ' ' || o.oprcode || ' ' || o.oprrest || ' ' || o.oprjoin
from pg_operator o
join project_schemas n on n.oid = o.oprnamespace
where not exists (select from extension_objects x where x.classid = 'pg_operator'::regclass and x.objid = o.oid)
order by 1;

-- Objects that initdb made have an id below 16384.
select 'O cast ' || format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null)
    || ' ' || c.castfunc::regprocedure || ' ' || c.castcontext::text || c.castmethod::text
from pg_cast c
where c.oid >= 16384
    and not exists (select from extension_objects x where x.classid = 'pg_cast'::regclass and x.objid = c.oid)
order by 1;

select 'O text search ' || c.oid::regconfig || ' '
    || string_agg(m.maptokentype || ':' || m.mapseqno || ':' || m.mapdict::regdictionary, ','
        order by m.maptokentype, m.mapseqno)
from pg_ts_config c
join project_schemas n on n.oid = c.cfgnamespace
join pg_ts_config_map m on m.mapcfg = c.oid
group by c.oid
order by 1;

select 'L ' || pg_get_userbyid(d.defaclrole) || ' in ' || coalesce(n.nspname, 'every schema')
    || ' ' || d.defaclobjtype::text || ' ' || pg_temp.privileges(d.defaclacl)
from pg_default_acl d
left join pg_namespace n on n.oid = d.defaclnamespace
order by 1;

select 'G ' || evtname || ' ' || evtevent || ' ' || evtfoid::regproc || ' ' || coalesce(evttags::text, '-')
    || ' ' || evtenabled::text
from pg_event_trigger
order by 1;

select 'U ' || p.pubname || ' ' || p.puballtables || p.pubinsert || p.pubupdate || p.pubdelete || p.pubtruncate
    || ' ' || coalesce((
        select string_agg(
            t.schemaname || '.' || t.tablename || coalesce(' ' || t.attnames::text, '') || coalesce(' where ' || t.rowfilter, ''),
            ', ' order by t.schemaname, t.tablename)
        from pg_publication_tables t
        where t.pubname = p.pubname
    ), '-')
from pg_publication p
order by 1;

select 'H ' || case s.setrole when 0 then 'every role' else pg_get_userbyid(s.setrole) end
    || ' in ' || coalesce(d.datname, 'every database') || ' ' || x
from pg_db_role_setting s
left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) x
order by 1;

select 'H ' || pg_get_userbyid(m.member) || ' is ' || pg_get_userbyid(m.roleid) || ' admin=' || m.admin_option
    || ' inherit=' || m.inherit_option || ' set=' || m.set_option
from pg_auth_members m
where m.roleid >= 16384
order by 1;

select 'H parameter ' || parname || ' ' || pg_temp.privileges(paracl)
from pg_parameter_acl
order by 1;

select 'K ' || i.type || ' ' || i.identity || ' ' || md5(d.description)
from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where d.classoid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass,
        'pg_trigger'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
    and i.schema in (select nspname from project_schemas)
order by 1;

-- Objects that migrations create in the schemas of extensions and services.
select pg_temp.rows_if('cron.job', $$
    select 'J ' || concat_ws(' ', jobname, schedule, username, database, active, md5(command)) from cron.job order by 1
$$);

select pg_temp.rows_if('storage.buckets', $$
    select 'B ' || concat_ws(' ', id, name, public, file_size_limit, allowed_mime_types::text) from storage.buckets order by 1
$$);

select pg_temp.rows_if('pgmq.meta', $$
    select 'J queue ' || queue_name || ' ' || is_partitioned || is_unlogged from pgmq.meta order by 1
$$);

select pg_temp.rows_if('pgmq.meta', $$
    select 'J queue acl ' || c.oid::regclass || ' owner=' || pg_get_userbyid(c.relowner) || ' rls=' || c.relrowsecurity
        || ' acl=' || pg_temp.privileges(c.relacl)
    from pg_class c
    where c.relnamespace = 'pgmq'::regnamespace and c.relkind = 'r'
    order by 1
$$);

-- Reference data: tables whose key is neither a uuid nor counted.
select q.line
from (
    select 'D ' || c.oid::regclass || ' ' || pg_temp.rows_hash(c.oid) as line
    from pg_class c
    join project_schemas n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not exists (
        select
        from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
        where i.indrelid = c.oid and i.indisprimary and (a.atttypid = 'uuid'::regtype or a.attidentity <> '')
    )
) q
where q.line is not null
order by 1;
