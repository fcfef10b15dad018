-- Purpose: says whether a database is whole: after a restore, an upgrade or a full disk, and whenever in doubt. It changes nothing.
-- Run it as the owner: `npm run psql -- -f ops/audit.sql`, or in the SQL editor of a hosted project. The answer has a row for each check;
-- ok is null where it could not be checked. It reads every row once, so it takes seconds for a small database and minutes for a large one.
-- Watch: what Stripe and Storage really hold is compared by `reconcile` and `npm run drill`, not here.

-- Counts the rows of a query that is made for each foreign key or queue.
create or replace function pg_temp.count_rows(p_query text) returns bigint
language plpgsql
as $$
declare
    v_count bigint;
begin
    execute 'select count(*) from (' || p_query || ') q' into v_count;
    return v_count;
end
$$;

-- Whether extension amcheck is there and may be used; only a superuser may use it by default.
create or replace function pg_temp.can_read_indexes() returns boolean
language sql
as $$
    select coalesce(has_function_privilege(to_regprocedure('extensions.bt_index_check(regclass, boolean)'), 'execute'), false)
$$;

-- Null when the index holds every row, or cannot be read.
create or replace function pg_temp.index_problem(p_index regclass) returns text
language plpgsql
as $$
begin
    if pg_temp.can_read_indexes() then
        execute format('select extensions.bt_index_check(%L::regclass, true)', p_index);
    end if;
    return null;
exception when others then
    return format('%s: %s', p_index, sqlerrm);
end
$$;

with shared_nights as (
    select a.space_id, a.id, b.id as other
    from public.occupancies a
    join public.occupancies b on b.space_id = a.space_id and b.id > a.id and b.check_in < a.check_out + 3 and b.check_out > a.check_in - 3
    where
        -- what was sold on another platform may lie over anything
        'external_block' not in (a.kind, b.kind)
        and private.footprint(a.kind, a.check_in, a.check_out, a.preparation_before, a.preparation_after)
        && private.footprint(b.kind, b.check_in, b.check_out, b.preparation_before, b.preparation_after)
),
nights as (
    select b.id, 'has not its nights' as problem
    from private.bookings b
    join public.property_spaces s on s.property_id = b.property_id
    left join public.occupancies o
        on o.booking_id = b.id and (o.property_id, o.space_id, o.check_in, o.check_out) = (b.property_id, s.space_id, b.check_in, b.check_out)
    where b.status = 'confirmed' and b.check_out_at > now() and (o.id is null or o.expires_at is not null)
    union all
    select o.booking_id, 'keeps nights without being alive'
    from public.occupancies o
    left join private.bookings b on b.id = o.booking_id
    where
        o.kind = 'booking' and (o.expires_at is null or o.expires_at > now())
        and (b.id is null or b.status in ('declined', 'withdrawn', 'expired', 'cancelled', 'no_show'))
    union all
    select o.booking_id, 'has nights twice'
    from public.occupancies o
    where o.booking_id is not null
    group by o.booking_id, o.space_id
    having count(*) > 1
),
unbalanced as (
    select t.id, t.key
    from private.ledger_transactions t
    left join private.ledger_entries e on e.transaction_id = t.id
    group by t.id, e.currency
    having coalesce(sum(e.amount), 1) <> 0
    union
    select e.transaction_id, 'a copy that differs from its account'
    from private.ledger_entries e
    join private.ledger_accounts a on a.id = e.account_id
    where (e.purpose, e.currency) is distinct from (a.purpose, a.currency) or e.party_id is distinct from a.party_id
),
posted as (
    select
        e.booking_id,
        -- an orphan is a charge whose booking was made again
        -coalesce(sum(e.amount) filter (where t.kind in ('charge', 'orphan')), 0) as charged,
        coalesce(sum(e.amount) filter (where t.kind in ('refund', 'refund_failed')), 0) as refunded
    from private.ledger_transactions t
    join private.ledger_entries e on e.transaction_id = t.id and e.purpose = 'guest'
    where t.kind in ('charge', 'orphan', 'refund', 'refund_failed')
    group by e.booking_id
),
paid as (
    select p.booking_id, sum(p.captured_amount) as charged
    from public.payments p
    group by p.booking_id
),
given_back as (
    select r.booking_id, sum(r.amount) as refunded
    from public.refunds r
    where
        r.status = 'succeeded'
        or r.status = 'pending' and exists (select from private.ledger_transactions t where t.key = 'refund:' || r.stripe_refund_id)
    group by r.booking_id
),
money as (
    select coalesce(p.booking_id, l.booking_id) as booking_id
    from paid p
    full join posted l on l.booking_id = p.booking_id
    left join given_back g on g.booking_id = coalesce(p.booking_id, l.booking_id)
    where
        coalesce(p.charged, 0) <> coalesce(l.charged, 0)
        or coalesce(g.refunded, 0) <> coalesce(l.refunded, 0)
    union
    select p.booking_id
    from public.payments p
    left join public.refunds r on r.payment_id = p.id and r.status in ('pending', 'succeeded')
    group by p.id
    having coalesce(sum(r.amount), 0) <> p.refunded_amount or p.refunded_amount > p.captured_amount
),
twice as (
    select e.id as name
    from private.stripe_events e
    left join private.stripe_tasks t on t.kind = 'event' and t.subject = e.id
    where t.id is null or (e.applied_at is null) <> (t.done_at is null)
    union all
    select t.key from private.ledger_transactions t group by t.key having count(*) > 1
    union all
    select t.stripe_id from private.ledger_transactions t where t.stripe_id is not null group by t.stripe_id having count(*) > 1
),
-- ordinary work is done within seconds; while everything is paused it waits
waiting as (
    select format('%s jobs of %s', n.jobs, q.queue) as name
    from private.job_queues q
    cross join lateral (
        select pg_temp.count_rows(format($q$select from pgmq.%I where vt < now() - interval '1 hour'$q$, 'q_' || q.queue)) as jobs
    ) n
    where n.jobs > 0 and not private.is_paused('all')
    union all
    select format('%s Stripe tasks of kind %s', count(*), t.kind)
    from private.stripe_tasks t
    where
        t.done_at is null and t.dead_at is null and t.run_at < now() - interval '1 hour'
        and t.kind <> all (array(select private.paused_task_kinds()))
    group by t.kind
),
without_effect as (
    select format('%s %s', t.kind, t.subject) as name
    from private.stripe_tasks t
    where
        t.done_at is not null
        and (
            t.kind = 'refund' and exists (select from public.refunds r where r.id::text = t.subject and r.status = 'pending' and r.stripe_refund_id is null)
            or t.kind = 'transfer' and exists (select from public.payouts p where p.id::text = t.subject and p.status = 'pending')
        )
),
-- what Stripe reported and we acknowledged, and what bookings say of themselves
lost as (
    select format('payment of %s', e.id) as name
    from private.stripe_events e
    where
        e.type = 'payment_intent.succeeded' and e.outcome = 'applied'
        and not exists (select from public.payments p where p.stripe_payment_intent_id = e.object_id and p.captured_amount > 0)
    union all
    select format('history of booking %s', b.id)
    from private.bookings b
    left join lateral (
        select v.to_status from private.booking_events v where v.booking_id = b.id order by v.id desc limit 1
    ) v on true
    where v.to_status is distinct from b.status
),
keys as (
    select c.conrelid::regclass as child, c.conname, c.convalidated, pg_temp.count_rows(format(
        'select from %s c where %s and not exists (select from %s p where %s)',
        c.conrelid::regclass,
        string_agg(format('c.%I is not null', a.attname), ' and '),
        c.confrelid::regclass,
        string_agg(format('p.%I = c.%I', f.attname, a.attname), ' and ')
    )) as orphans
    from pg_catalog.pg_constraint c
    cross join lateral unnest(c.conkey, c.confkey) as k (child_column, parent_column)
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.child_column
    join pg_catalog.pg_attribute f on f.attrelid = c.confrelid and f.attnum = k.parent_column
    where c.contype = 'f' and c.connamespace in ('public'::regnamespace, 'private'::regnamespace)
    group by c.oid
),
indexes as (
    select i.indexrelid::regclass as index, case
        when not (i.indisvalid and i.indisready) then format('%s is not valid', i.indexrelid::regclass)
        when m.amname = 'btree' then pg_temp.index_problem(i.indexrelid)
    end as problem
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relkind = 'i'
    join pg_catalog.pg_am m on m.oid = c.relam
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
),
search as (
    select property_id, 'property_search' as part
    from ((select * from private.property_search_source except all select * from private.property_search)
        union all (select * from private.property_search except all select * from private.property_search_source)) d
    union all
    select property_id, 'price_spans'
    from ((select property_id, starts_on, ends_on, price from private.price_spans_source
            except all select property_id, starts_on, ends_on, price from private.price_spans)
        union all (select property_id, starts_on, ends_on, price from private.price_spans
            except all select property_id, starts_on, ends_on, price from private.price_spans_source)) d
    union all
    select null, format('area %s', coalesce(s.names, k.names))
    from (select names, tile, sum(properties) as properties from private.search_areas_source group by names, tile) s
    full join (select names, tile, sum(properties) as properties from private.search_areas group by names, tile) k
        on k.names = s.names and k.tile = s.tile
    where coalesce(s.properties, 0) <> coalesce(k.properties, 0)
),
files as (
    select format('%s/%s', o.bucket_id, o.name) as name
    from storage.objects o
    where o.version is null or o.metadata ->> 'size' is null
),
checks (position, "check", problems, detail) as (
    select 1, 'I1 no night of a property is taken twice', count(*), min(format('space %s, occupancies %s and %s', space_id, id, other)) from shared_nights
    union all
    select 2, 'I2 bookings and nights match', count(*), min(format('booking %s %s', id, problem)) from nights
    union all
    select 3, 'I3 every ledger transaction sums to zero', count(*), min(format('transaction %s, %s', id, key)) from unbalanced
    union all
    select 4, 'I4 payments and refunds match the ledger', count(*), min(format('booking %s', booking_id)) from money
    union all
    select 5, 'I5 every event of Stripe is applied once', count(*), min(name) from twice
    union all
    select 6, 'I6 no work waits for more than an hour', count(*), min(name) from waiting
    union all
    select 7, 'I6 what is marked as sent has its effect', count(*), min(name) from without_effect
    union all
    select 8, 'I7 what was acknowledged is there', count(*), min(name) from lost
    union all
    select 9, 'foreign keys have their rows', count(*), min(format('%s of %s: %s rows', conname, child, orphans))
    from keys where orphans > 0 or not convalidated
    union all
    select 10, 'indexes are whole', count(*), min(problem) from indexes where problem is not null
    union all
    select 11, 'search, rebuilt, is as it was kept', count(*), min(concat_ws(' of property ', part, property_id)) from search
    union all
    select 12, 'every stored object says its version and size', count(*), min(name) from files
)
select
    c."check",
    case when c.position = 10 and c.problems = 0 and not pg_temp.can_read_indexes() then null else c.problems = 0 end as ok,
    case
        when c.problems > 0 then format('%s, such as: %s', c.problems, c.detail)
        when c.position = 10 and not pg_temp.can_read_indexes()
            then 'only by the catalogue; for their content: create extension amcheck with schema extensions, as superuser'
        when c.position in (6, 7) and private.is_paused('all') then 'everything is paused'
        else ''
    end as detail
from checks c
order by c.position;
