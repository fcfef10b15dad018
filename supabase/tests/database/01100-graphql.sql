-- Names and descriptions in GraphQL, checked against the catalogue, so that a new table cannot be forgotten.
begin;
select plan(13);

create temporary view comments as
select t.relname as label, obj_description(t.oid, 'pg_class') as words
from pg_class t
where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
union all
select t.relname || '.' || a.attname, col_description(t.oid, a.attnum)
from pg_class t
join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
union all
select p.proname, obj_description(p.oid, 'pg_proc')
from pg_proc p
where p.pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

-- Foreign keys between two tables of public, with the names that pg_graphql gives to their ends
create temporary view relations as
select
    k.conname, k.conrelid, k.confrelid, d.directive,
    coalesce(
        d.directive ->> 'foreign_name',
        case
            when cardinality(k.conkey) = 1 and a.attname ~ '_id$' then regexp_replace(a.attname, '_id$', '')
            else f.relname
        end
    ) as to_one,
    coalesce(d.directive ->> 'local_name', t.relname) as to_many,
    exists (
        select from pg_index i
        where i.indrelid = k.conrelid and i.indisunique and i.indpred is null
            and k.conkey @> (i.indkey::int2[])[0:i.indnkeyatts - 1]
    ) as is_one_to_one
from pg_constraint k
join pg_class t on t.oid = k.conrelid and t.relnamespace = 'public'::regnamespace
join pg_class f on f.oid = k.confrelid and f.relnamespace = 'public'::regnamespace
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
cross join lateral (
    select coalesce(substring(obj_description(k.oid, 'pg_constraint') from '@graphql\((.+)\)')::jsonb, '{}')
) as d (directive)
where k.contype = 'f';

select is(
    substring(obj_description('public'::regnamespace, 'pg_namespace') from '@graphql\((.+)\)')::jsonb,
    '{"inflect_names": true, "introspection": true, "max_rows": 100}',
    'G01 names are camelCase, introspection is on, a page has 100 rows'
);
select is_empty(
    $$select label from comments
      where words is not null
          and substring(words from '@graphql\((.+)\)')::jsonb ->> 'description' is distinct from regexp_replace(words, e'\n@graphql.+', '')$$,
    'G02 every comment is a GraphQL description: end the migration with select private.describe_graphql()'
);
select is_empty(
    $$select t.relname from pg_class t
      where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
          and not coalesce(obj_description(t.oid) ~ '"totalCount": {"enabled": true}', false)$$,
    'G03 every collection has a totalCount'
);
select is_empty(
    $$select conname from relations
      where to_one = (select f.relname from pg_class f where f.oid = confrelid)
          or exists (select from pg_attribute a where a.attrelid = conrelid and a.attname = to_one)$$,
    'G04 the field of a foreign key is not named like a table or a column: give the constraint a foreign_name'
);
select is_empty(
    $$select r.conname from relations r
      where r.is_one_to_one and r.directive ->> 'local_name' is null$$,
    'G05 the field of the only referring row is not named like a table: give the constraint a local_name'
);
select is_empty(
    $$select a.conname || ' and ' || b.conname from relations a
      join relations b on a.conname < b.conname
          and (a.confrelid = b.confrelid and a.to_many = b.to_many or a.conrelid = b.conrelid and a.to_one = b.to_one)$$,
    'G06 no two relations of a table have the same name'
);
select is_empty(
    $$select p.oid::regprocedure::text from pg_proc p
      where p.pronamespace = 'graphql_shapes'::regnamespace
          and (
              p.prosecdef or p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0)
              or coalesce(array_to_string(p.proconfig, ','), '') !~ 'search_path='
          )$$,
    'G07 functions of graphql_shapes run as the caller, with a fixed search_path, and PUBLIC cannot execute them'
);
select is_empty(
    $$select c.relname from pg_class c
      where c.relnamespace = 'graphql_shapes'::regnamespace and c.relkind <> 'v'
      union all
      select c.relname from pg_class c
      where c.relnamespace = 'graphql_shapes'::regnamespace and c.relkind = 'v'
          and not coalesce('security_invoker=true' = any (c.reloptions), false)$$,
    'G08 relations of graphql_shapes are views that read as the caller'
);

select is_empty(
    $$select a.attrelid::regclass::text from pg_attribute a
      join pg_class t on t.oid = a.attrelid and t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'v')
      where a.attname = 'booking_id' and not a.attisdropped
          and not coalesce(
              substring(obj_description(t.oid) from '@graphql\((.+)\)')::jsonb -> 'foreign_keys'
                  @> '[{"local_columns": ["booking_id"], "foreign_table": "bookings", "foreign_name": "booking"}]',
              false
          )
          and not exists (
              select from pg_proc p
              where
                  p.pronamespace = 'public'::regnamespace and p.proargtypes[0] = t.reltype
                  and obj_description(p.oid) ~ '@graphql\({"name": "booking"'
          )$$,
    'G09 rows with a booking_id have a field booking: name the relation in foreign_keys of the table''s comment, or write a function'
);

select is_empty(
    $$select p.oid::regprocedure::text || ' ' || a.name
      from pg_proc p
      cross join lateral unnest(p.proargnames, p.proargmodes) as a (name, mode)
      where p.pronamespace = 'graphql_shapes'::regnamespace and coalesce(a.mode, 'i') = 'i' and a.name !~ '^p_'$$,
    'G10 arguments begin with p_, as in the functions of public'
);
select is_empty(
    $$select p.oid::regprocedure::text || ' ' || a.name
      from pg_proc p
      cross join lateral unnest(p.proargnames) as a (name)
      where p.pronamespace = 'graphql_shapes'::regnamespace and a.name ~ '^p_' and not exists (
          select from pg_proc f
          where f.pronamespace = 'public'::regnamespace and a.name = any (f.proargnames) and strpos(p.prosrc, 'public.' || f.proname || '(') > 0
      )$$,
    'G11 an argument has the name that it has in the function in public'
);
select isnt_empty(
    $$select from pg_proc p where p.pronamespace = 'graphql_shapes'::regnamespace and 'p_area' = any (p.proargnames)$$,
    'G12 an area is the argument p_area'
);

-- pg_graphql lists both functions under one name, and calls either of them
select is_empty(
    $$with functions as (
          select
              p.oid::regprocedure::text as label,
              coalesce(
                  substring(obj_description(p.oid, 'pg_proc') from '@graphql\((.+)\)')::jsonb ->> 'name',
                  lower(left(p.proname, 1)) || substr(replace(initcap(replace(p.proname, '_', ' ')), ' ', ''), 2)
              ) as field
          from pg_proc p
          join pg_type r on r.oid = p.prorettype
          where p.pronamespace in ('public'::regnamespace, 'graphql_shapes'::regnamespace)
              and r.typname not in ('record', 'trigger') and r.typcategory <> 'E'
              and not exists (
                  select from pg_class c where c.oid = r.typrelid and c.relkind = 'c'
              )
              and not exists (
                  select from unnest(p.proargtypes::oid[]) as a (oid)
                  join pg_type t on t.oid = a.oid
                  left join pg_type e on e.oid = t.typelem
                  where 'E' in (t.typcategory, e.typcategory) or t.typcategory = 'C'
              )
      )
      select string_agg(label, ', ') from functions group by field having count(*) > 1$$,
    'G13 no two functions that pg_graphql supports have the same name'
);

select * from finish();
rollback;
