-- Purpose: GraphQL reads well. Names in camelCase, every table with its totalCount, every table, column and function with its
-- comment as description, introspection for tools.
-- Touches: extension pg_graphql where there is one, comments on everything in public, private.describe_graphql.
--          Relations are named by constraints: where the column's own name does not make one, and where two would be the same.
-- Watch: pg_graphql reads directives from comments, @graphql({...}), and takes no description from a comment's own words. So
-- a comment here ends with a directive that repeats them; private.describe_graphql writes it. A later migration that makes or
-- comments something in public ends with `select private.describe_graphql()`. Introspection shows a caller what their role may
-- use and no more, and this schema is public; an installation that wants it off all the same changes the schema's comment.

-- Hosted Supabase has the extension and may have it off; the embedded stack answers without it.
do $$
begin
    if exists (select from pg_catalog.pg_available_extensions e where e.name = 'pg_graphql') then
        create extension if not exists pg_graphql;
    end if;
end
$$;

-- 100 rows: the longest list inside a property, its amenities, comes on one page.
comment on schema public is e'What clients may name: tables, and functions for what is more than a change of rows.\n@graphql({"inflect_names": true, "introspection": true, "max_rows": 100})';

-- foreign_name: the field of the row that refers. local_name: the field of the row that is referred to.
comment on constraint accounts_currency_fkey on public.accounts is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint user_roles_granted_by_fkey on public.user_roles is
    '@graphql({"foreign_name": "grantedByProfile", "local_name": "grantedUserRolesCollection"})';
comment on constraint properties_currency_fkey on public.properties is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint properties_time_zone_fkey on public.properties is '@graphql({"foreign_name": "timeZoneDetails"})';
comment on constraint property_addresses_property_fkey on public.property_addresses is '@graphql({"local_name": "address"})';
comment on constraint property_date_overrides_currency_is_the_propertys on public.property_date_overrides is
    '@graphql({"foreign_name": "property"})';
comment on constraint property_fees_currency_is_the_propertys on public.property_fees is '@graphql({"foreign_name": "property"})';
comment on constraint property_seasons_currency_is_the_propertys on public.property_seasons is
    '@graphql({"foreign_name": "property"})';
comment on constraint property_taxes_currency_is_the_propertys on public.property_taxes is '@graphql({"foreign_name": "property"})';
comment on constraint house_rules_created_by_fkey on public.house_rules is
    '@graphql({"foreign_name": "createdByProfile", "local_name": "createdHouseRulesCollection"})';
comment on constraint co_host_invitations_invited_by_fkey on public.co_host_invitations is
    '@graphql({"foreign_name": "invitedByProfile", "local_name": "sentCoHostInvitationsCollection"})';
comment on constraint host_blocks_created_by_fkey on public.host_blocks is
    '@graphql({"foreign_name": "createdByProfile", "local_name": "createdHostBlocksCollection"})';
comment on constraint booking_alterations_currency_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint booking_alterations_proposed_by_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "proposedByProfile", "local_name": "proposedAlterationsCollection"})';
comment on constraint booking_alterations_answered_by_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "answeredByProfile", "local_name": "answeredAlterationsCollection"})';
comment on constraint cancellations_currency_fkey on public.cancellations is '@graphql({"foreign_name": "currencyDetails"})';

-- A view has no foreign keys of its own, and none leads to it.
do $$
declare
    v_relation record;
begin
    for v_relation in
        select r.kind, r.name, r.keys
        from (values
            ('view', 'bookings', '[
                {"local_columns": ["property_id"], "local_name": "bookingsCollection",
                 "foreign_schema": "public", "foreign_table": "properties", "foreign_columns": ["id"], "foreign_name": "property"},
                {"local_columns": ["guest_id"], "local_name": "bookingsAsGuestCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "guest"},
                {"local_columns": ["host_id"], "local_name": "bookingsAsHostCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "host"}
            ]'::jsonb),
            ('view', 'host_statement', '[
                {"local_columns": ["host_id"], "local_name": "statementCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "host"},
                {"local_columns": ["booking_id"], "local_name": "hostStatementCollection",
                 "foreign_schema": "public", "foreign_table": "bookings", "foreign_columns": ["id"], "foreign_name": "booking"}
            ]')
        ) as r (kind, name, keys)
        union all
        select
            b.kind, b.name,
            jsonb_build_array(jsonb_build_object(
                'local_columns', array['booking_id'], 'local_name', b.local_name,
                'foreign_schema', 'public', 'foreign_table', 'bookings', 'foreign_columns', array['id'], 'foreign_name', 'booking'
            ))
        from (values
            ('table', 'booking_line_items', 'lineItemsCollection'),
            ('table', 'booking_alterations', 'alterationsCollection'),
            ('table', 'cancellations', 'cancellation'),
            ('table', 'occupancies', 'occupanciesCollection'),
            ('table', 'payments', 'paymentsCollection'),
            ('table', 'refunds', 'refundsCollection'),
            ('table', 'disputes', 'disputesCollection'),
            ('table', 'payouts', 'payoutsCollection'),
            ('table', 'payout_holds', 'payoutHoldsCollection'),
            ('view', 'booking_money', 'moneyCollection'),
            ('table', 'reviews', 'reviewsCollection'),
            ('table', 'threads', 'thread'),
            ('table', 'notifications', 'notificationsCollection')
        ) as b (kind, name, local_name)
    loop
        execute format(
            'comment on %s public.%I is %L', v_relation.kind, v_relation.name,
            (
                select format(
                    e'%s\n@graphql(%s)', regexp_replace(c.words, '\s*@graphql\(.+\)\s*', ''),
                    coalesce(substring(c.words from '@graphql\((.+)\)')::jsonb, '{}')
                        || jsonb_build_object('foreign_keys', v_relation.keys)
                )
                from (values (obj_description(format('public.%I', v_relation.name)::regclass, 'pg_class'))) as c (words)
            )
        );
    end loop;
end
$$;

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
    'Ends the comment of every table, view, column and function in public with a GraphQL directive: its words as description, totalCount for tables and views, and what the directive held before. Called at the end of migrations, by the owner.';

select private.describe_graphql();
