-- The contract of schemas public and private, read from the catalogue, so that a new table or function cannot escape it.
begin;
select plan(25);

create temporary view our_tables as
select c.oid, n.nspname as schema, c.relname as name, format('%I.%I', n.nspname, c.relname) as label, c.relrowsecurity
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'private', 'graphql_shapes') and c.relkind in ('r', 'p');

create temporary view our_functions as
select p.oid, n.nspname as schema, p.proname as name, p.oid::regprocedure::text as label, p.prosecdef, p.proconfig, p.proacl, p.prosqlbody, p.prosrc
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'private', 'graphql_shapes')
    and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

select is_empty(
    'select label from our_tables where not relrowsecurity',
    'C01 every table has row level security'
);
select is_empty(
    $$select t.label || ' ' || g.privilege_type || ' ' || g.grantee
      from our_tables t
      join information_schema.role_table_grants g on g.table_schema = t.schema and g.table_name = t.name
      where g.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')
          and g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')$$,
    'C02 no role may truncate, because truncate ignores row level security'
);
select is_empty(
    $$select t.label from our_tables t
      join information_schema.role_table_grants g on g.table_schema = t.schema and g.table_name = t.name
      where t.schema = 'private' and g.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')$$,
    'C03 no API role has a privilege on a private table'
);
select is_empty(
    $$select label from our_tables
      where has_any_column_privilege('anon', oid, 'insert, update') or has_table_privilege('anon', oid, 'delete')$$,
    'C04 anon writes to no table'
);
select is_empty(
    -- names in a body of SQL's standard form are bound when the function is created
    $$select label from our_functions where not coalesce(proconfig, '{}') @> array['search_path=""'] and prosqlbody is null$$,
    'C05 every function has an empty search_path'
);
select is_empty(
    $$select label from our_functions where proacl is null or exists (select from aclexplode(proacl) a where a.grantee = 0)$$,
    'C06 no function is executable by PUBLIC'
);
select is_empty(
    $$select label from our_functions
      where schema <> 'private' and prosecdef
          and (has_function_privilege('anon', oid, 'execute') or has_function_privilege('authenticated', oid, 'execute'))$$,
    'C07 a definer function outside private is for the service role alone'
);
select is_empty(
    $$select label from our_tables where obj_description(oid, 'pg_class') is null and schema = 'public'
      union all
      select t.label || '.' || a.attname from our_tables t
      join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      where t.schema = 'public' and col_description(t.oid, a.attnum) is null
          and a.attname not in ('id', 'created_at', 'updated_at') and a.attname !~ '_id$'
          and not exists (select from pg_index i where i.indrelid = t.oid and i.indisprimary and a.attnum = any (i.indkey))$$,
    'C08 every public table and every column whose name does not say all is documented'
);
select is_empty(
    $$select label from our_functions where obj_description(oid, 'pg_proc') is null$$,
    'C09 every function is documented'
);
select is_empty(
    $$select c.conrelid::regclass || ' ' || c.conname
      from pg_constraint c
      join our_tables t on t.oid = c.conrelid
      where c.contype = 'f' and not exists (
          select from pg_index i
          where i.indrelid = c.conrelid and (i.indkey::int2[])[0:array_length(c.conkey, 1) - 1] @> c.conkey
      )$$,
    'C10 an index leads with every foreign key'
);
select is_empty(
    $$select format('%s %s', polrelid::regclass, polname) from pg_policy
      join our_tables t on t.oid = polrelid
      where polroles = '{0}'$$,
    'C11 every policy names its roles'
);
select is_empty(
    $$select format('%s %s', polrelid::regclass, polname) from pg_policy
      where concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
          ~ '(?<!SELECT )(auth\.(uid|jwt|role|email)|private\.is_operator)\(\)'$$,
    'C12 policies look up the caller once a statement, not once a row'
);
select bag_eq(
    $$select (g.grantee || ' ' || t.label || ' ' || string_agg(g.privilege_type, ',' order by g.privilege_type)) collate "default"
      from our_tables t
      join information_schema.role_table_grants g on g.table_schema = t.schema and g.table_name = t.name
      where g.grantee in ('anon', 'authenticated', 'service_role')
      group by g.grantee, t.label$$,
    $$values
        ('anon public.amenities SELECT'),
        ('anon public.cancellation_policies SELECT'),
        ('anon public.currencies SELECT'),
        ('anon public.house_rules SELECT'),
        ('anon public.profile_ratings SELECT'),
        ('anon public.profiles SELECT'),
        ('anon public.properties SELECT'),
        ('anon public.property_amenities SELECT'),
        ('anon public.property_availability_rules SELECT'),
        ('anon public.property_date_overrides SELECT'),
        ('anon public.property_fees SELECT'),
        ('anon public.property_photos SELECT'),
        ('anon public.property_ratings SELECT'),
        ('anon public.property_seasons SELECT'),
        ('anon public.reviews SELECT'),
        ('anon public.time_zones SELECT'),
        ('authenticated public.accounts SELECT'),
        ('authenticated public.amenities SELECT'),
        ('authenticated public.audit_log SELECT'),
        ('authenticated public.blocked_profiles DELETE,SELECT'),
        ('authenticated public.booking_alterations SELECT'),
        ('authenticated public.booking_line_items SELECT'),
        ('authenticated public.cancellation_policies DELETE,SELECT'),
        ('authenticated public.cancellations SELECT'),
        ('authenticated public.co_host_invitations DELETE,SELECT'),
        ('authenticated public.co_hosts DELETE,SELECT'),
        ('authenticated public.currencies SELECT'),
        ('authenticated public.calendar_feeds SELECT'),
        ('authenticated public.overbookings SELECT'),
        ('authenticated public.own_bookings DELETE,SELECT'),
        ('authenticated public.dead_jobs DELETE,SELECT'),
        ('authenticated public.exchange_rates SELECT'),
        ('authenticated public.external_blocks SELECT'),
        ('authenticated public.host_blocks DELETE,SELECT'),
        ('authenticated public.disputes SELECT'),
        ('authenticated public.house_rules SELECT'),
        ('authenticated public.notification_kinds SELECT'),
        ('authenticated public.notification_preferences DELETE,SELECT'),
        ('authenticated public.notification_settings DELETE,SELECT'),
        ('authenticated public.notifications DELETE,SELECT'),
        ('authenticated public.occupancies SELECT'),
        ('authenticated public.property_spaces SELECT'),
        ('authenticated public.units SELECT'),
        ('authenticated public.profile_ratings SELECT'),
        ('authenticated public.payment_methods DELETE,SELECT'),
        ('authenticated public.payments SELECT'),
        ('authenticated public.payout_accounts SELECT'),
        ('authenticated public.money_requests SELECT'),
        ('authenticated public.payout_holds SELECT'),
        ('authenticated public.orphan_sweeps SELECT'),
        ('authenticated public.orphans SELECT'),
        ('authenticated public.payouts SELECT'),
        ('authenticated public.profiles SELECT'),
        ('authenticated public.properties DELETE,SELECT'),
        ('authenticated public.property_addresses DELETE,SELECT'),
        ('authenticated public.property_amenities DELETE,SELECT'),
        ('authenticated public.property_availability_rules DELETE,SELECT'),
        ('authenticated public.property_date_overrides DELETE,SELECT'),
        ('authenticated public.property_fees DELETE,SELECT'),
        ('authenticated public.property_photos DELETE,SELECT'),
        ('authenticated public.property_ratings SELECT'),
        ('authenticated public.property_seasons DELETE,SELECT'),
        ('authenticated public.property_taxes DELETE,SELECT'),
        ('authenticated public.reports SELECT'),
        ('authenticated public.review_notes DELETE,SELECT'),
        ('authenticated public.reviews DELETE,SELECT'),
        ('authenticated public.operation_pauses SELECT'),
        ('authenticated public.suspensions SELECT'),
        ('authenticated public.thread_reads SELECT'),
        ('authenticated public.threads SELECT'),
        ('authenticated public.refunds SELECT'),
        ('authenticated public.time_zones SELECT'),
        ('authenticated public.user_roles DELETE,SELECT'),
        ('authenticated public.webhook_deliveries SELECT'),
        ('authenticated public.webhook_endpoints DELETE,SELECT'),
        ('authenticated public.wishlist_items DELETE,SELECT'),
        ('authenticated public.wishlist_members DELETE,SELECT'),
        ('authenticated public.wishlist_shares DELETE,SELECT'),
        ('authenticated public.wishlists DELETE,SELECT'),
        ('service_role public.accounts SELECT'),
        ('service_role public.amenities SELECT'),
        ('service_role public.audit_log SELECT'),
        ('service_role public.booking_alterations SELECT'),
        ('service_role public.booking_line_items SELECT'),
        ('service_role public.cancellation_policies DELETE,SELECT'),
        ('service_role public.cancellations SELECT'),
        ('service_role public.co_host_invitations DELETE,SELECT'),
        ('service_role public.co_hosts DELETE,SELECT'),
        ('service_role public.currencies SELECT'),
        ('service_role public.calendar_feeds SELECT'),
        ('service_role public.overbookings SELECT'),
        ('service_role public.own_bookings DELETE,SELECT'),
        ('service_role public.dead_jobs DELETE,SELECT'),
        ('service_role public.exchange_rates SELECT'),
        ('service_role public.external_blocks DELETE,SELECT'),
        ('service_role public.host_blocks DELETE,SELECT'),
        ('service_role public.disputes SELECT'),
        ('service_role public.house_rules SELECT'),
        ('service_role public.notification_kinds SELECT'),
        ('service_role public.notifications SELECT'),
        ('service_role public.occupancies SELECT'),
        ('service_role public.property_spaces SELECT'),
        ('service_role public.units SELECT'),
        ('service_role public.profile_ratings SELECT'),
        ('service_role public.payment_methods SELECT'),
        ('service_role public.payments SELECT'),
        ('service_role public.payout_accounts SELECT'),
        ('service_role public.money_requests SELECT'),
        ('service_role public.payout_holds SELECT'),
        ('service_role public.orphan_sweeps SELECT'),
        ('service_role public.orphans SELECT'),
        ('service_role public.payouts SELECT'),
        ('service_role public.profiles SELECT'),
        ('service_role public.properties DELETE,SELECT'),
        ('service_role public.property_addresses DELETE,SELECT'),
        ('service_role public.property_amenities DELETE,SELECT'),
        ('service_role public.property_availability_rules DELETE,SELECT'),
        ('service_role public.property_date_overrides DELETE,SELECT'),
        ('service_role public.property_fees DELETE,SELECT'),
        ('service_role public.property_photos DELETE,SELECT'),
        ('service_role public.property_ratings SELECT'),
        ('service_role public.property_seasons DELETE,SELECT'),
        ('service_role public.property_taxes DELETE,SELECT'),
        ('service_role public.reports SELECT'),
        ('service_role public.review_notes SELECT'),
        ('service_role public.reviews SELECT'),
        ('service_role public.operation_pauses SELECT'),
        ('service_role public.suspensions SELECT'),
        ('service_role public.thread_reads SELECT'),
        ('service_role public.threads SELECT'),
        ('service_role public.refunds SELECT'),
        ('service_role public.time_zones SELECT'),
        ('service_role public.user_roles DELETE,SELECT')$$,
    'C13 whole tables have exactly these privileges'
);

select is_empty(
    $$select c.oid::regclass from pg_class c
      where c.relnamespace in ('public'::regnamespace, 'graphql_shapes'::regnamespace) and c.relkind in ('v', 'm')
          and coalesce(array_to_string(c.reloptions, ','), '') !~ 'security_invoker=(on|true)'$$,
    'C14 a view reads as its caller, so that policies apply'
);
select is_empty(
    $$select c.relname || '.' || a.attname from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'v' and col_description(c.oid, a.attnum) is null
          and a.attname not in ('id', 'created_at', 'updated_at') and a.attname !~ '_id$'$$,
    'C15 every column of a view whose name does not say all is documented'
);
select bag_eq(
    $$select (g.grantee || ' ' || g.table_name || ' ' || g.privilege_type || ' ' || string_agg(g.column_name, ',' order by g.column_name)) collate "default"
      from information_schema.column_privileges g
      where g.table_schema = 'public' and g.table_name = 'bookings' and g.privilege_type in ('INSERT', 'UPDATE')
          and g.grantee in ('anon', 'authenticated', 'service_role')
      group by g.grantee, g.table_name, g.privilege_type$$,
    $$values
        ('authenticated bookings INSERT adults,check_in,check_out,children,children_ages,idempotency_key,infants,pets,property_id,quote_id,units'),
        ('authenticated bookings UPDATE adults,check_in,check_out,children,children_ages,infants,pets,units')$$,
    'C16 clients write exactly these columns of a booking'
);
select is_empty(
    $$select distinct g.grantee || ' ' || g.table_name || ' ' || g.privilege_type from information_schema.column_privileges g
      where g.table_schema = 'private' and g.grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC')
          and (g.privilege_type <> 'SELECT' or g.grantee = 'anon' or g.table_name not in (
              'bookings', 'readable_bookings', 'messages', 'readable_messages', 'ledger_accounts', 'ledger_transactions', 'ledger_entries',
              'readable_entries', 'stripe_tasks', 'reconciliation_differences'
          ))$$,
    'C17 views read only these private tables, and no API role writes to any'
);

select is_empty(
    $$select label from our_functions
      where prosrc ~* '\mraise\s+(sqlstate|exception|using|''|unique_|check_|foreign_)'
          and label not in ('private.raise_errors(jsonb)', 'private.raise_upload_error(text,jsonb)', 'private.row_check_code(regclass,name)')$$,
    'C18 only private.raise_errors raises an error, and raise_upload_error for Storage; row_check_code does so only while migrations run'
);
select is_empty(
    $$select distinct m[1] from our_functions, regexp_matches(prosrc, '(?:raise_error|problem)\(\s*''(\w+)''', 'g') as m
      except select code from private.errors$$,
    'C19 every code that a function names is in private.errors'
);
select is_empty(
    $$select t.label from our_tables t
      where t.schema = 'public' and has_any_column_privilege('authenticated', t.oid, 'insert, update')
          and not exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = '_900_check_row')$$,
    'C20 every table that people write to checks its rows with coded errors'
);
select is_empty(
    $$select c.oid::regclass || ': ' || string_agg(distinct g.tgname, ', ')
      from pg_trigger g
      join pg_class c on c.oid = g.tgrelid
      join (values (4), (8), (16), (32)) as e (bit) on g.tgtype & e.bit <> 0
      where not g.tgisinternal and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
      group by c.oid, g.tgtype & 67, e.bit -- row or statement, before, instead of
      having count(*) > 1 and bool_or(g.tgname !~ '^_[0-9]{3}_')$$,
    'C21 where a table has more than one trigger of one timing, their names carry their order'
);


select is_empty(
    $$select c.oid::regclass from pg_class c
      where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace, 'graphql_shapes'::regnamespace) and c.relkind in ('r', 'p')
          and (has_any_column_privilege('anon', c.oid, 'select') or has_any_column_privilege('authenticated', c.oid, 'select'))
          and not exists (
              select from pg_policy p
              where
                  p.polrelid = c.oid and not p.polpermissive and p.polcmd = 'r' and pg_get_expr(p.polqual, p.polrelid) = 'private.refuse_estimate()'
                  and p.polroles @> array['anon'::regrole::oid, 'authenticated'::regrole::oid]
          )$$,
    'C22 no request can plan a query on a table with hidden rows and read the estimate'
);

select is_empty(
    $$select c.oid::regclass || '.' || a.attname from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attlen = -1 and a.atttypid <> 'numeric'::regtype
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
          and (
              private.is_written_by('authenticated', c.oid, array[a.attnum]) or private.is_written_by('service_role', c.oid, array[a.attnum])
          )
          and not exists (
              select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
              where
                  g.tgrelid = c.oid and g.tgname = '_000_check_lengths' and p.prosrc ~ ('\(new\.' || a.attname || '\) > 32768')
                  and not exists (
                      select from pg_trigger o
                      where o.tgrelid = c.oid and o.tgname < g.tgname and o.tgtype & 66 = g.tgtype & 66 and o.tgtype & g.tgtype & 20 <> 0
                  )
          )$$,
    'C23 the first trigger of a table checks the length of every text, list and JSON that clients write'
);
select is_empty(
    $$select p.oid::regprocedure || ': ' || m.statement[1]
      from pg_proc p
      cross join lateral regexp_matches(
          p.prosrc, '\m((?:delete\s+from|update\s+(?:only\s+)?[a-z_.]+(?:\s+(?:as\s+)?[a-z_]+)?\s+set)\M[^;]*)', 'gi'
      ) as m (statement)
      where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace, 'graphql_shapes'::regnamespace)
          and regexp_replace(m.statement[1], '\mreturning\M.*', '') !~* '\mwhere\M'$$,
    'C24 functions change rows with a WHERE: hosted Supabase loads safeupdate for the API, which refuses other statements'
);
select is_empty(
    $$select c.oid::regclass || '.' || a.attname from pg_class c
      join pg_index i on i.indrelid = c.oid and i.indisprimary
      join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
      where c.relnamespace = 'public'::regnamespace and has_column_privilege('authenticated', c.oid, a.attnum, 'update')
          and not exists (
              select from pg_trigger t
              where t.tgrelid = c.oid and t.tgfoid = 'private.keep_key'::regproc and a.attnum = any (t.tgattr)
                  and t.tgenabled = 'O' and pg_get_triggerdef(t.oid) ~ ('WHEN .*old\.' || a.attname || '\M.* IS DISTINCT FROM .*new\.' || a.attname || '\M')
          )$$,
    'C25 keys that clients may write, because an upsert writes them, never change'
);

select * from finish();
rollback;
