-- The time comes from now() and clock_timestamp() alone, because `npm run clock` moves only these.

begin;
select plan(5);

create function pg_temp.reads_another_clock(p_code text) returns boolean
language sql immutable
as $$
    select p_code ~* '\m(current_date|current_time|current_timestamp|localtime|localtimestamp|timeofday|transaction_timestamp|statement_timestamp)\M'
        or p_code ~* '''(now|today|tomorrow|yesterday)''\s*::'
        or p_code ~* '\m(date|timestamp|timestamptz)\s+''(now|today|tomorrow|yesterday)'''
$$;

select is(
    array(select s.name from unnest('{select current_date,SELECT LOCALTIME,select ''now''::timestamptz,select date ''today'',"select now(), ''today''"}'::text[]) as s (name)
        where pg_temp.reads_another_clock(s.name)),
    '{select current_date,SELECT LOCALTIME,select ''now''::timestamptz,select date ''today''}'::text[],
    'C0 the search finds other clocks'
);
select is_empty(
    $$select p.oid::regprocedure from pg_proc p
    where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) and pg_temp.reads_another_clock(p.prosrc)$$,
    'C1 functions'
);
select is_empty(
    $$select d.adrelid::regclass, a.attname from pg_attrdef d
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    join pg_class c on c.oid = d.adrelid and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
    where pg_temp.reads_another_clock(pg_get_expr(d.adbin, d.adrelid))
    union all
    select c.conrelid::regclass, c.conname from pg_constraint c
    where c.connamespace in ('public'::regnamespace, 'private'::regnamespace) and pg_temp.reads_another_clock(pg_get_constraintdef(c.oid))$$,
    'C2 defaults and constraints'
);
select is_empty(
    $$select c.oid::regclass::text from pg_class c
    where c.relkind in ('v', 'm') and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
        and pg_temp.reads_another_clock(pg_get_viewdef(c.oid))
    union all
    select t.tgname from pg_trigger t where not t.tgisinternal and pg_temp.reads_another_clock(pg_get_triggerdef(t.oid))
    union all
    select p.polname from pg_policy p
    where pg_temp.reads_another_clock(concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))$$,
    'C3 views, triggers and policies'
);
select is_empty(
    $$select j.jobname from cron.job j where pg_temp.reads_another_clock(j.command)
    union all
    select t.name from private.periodic_tasks t where pg_temp.reads_another_clock(t.command)$$,
    'C4 periodic work'
);

select * from finish();
rollback;
