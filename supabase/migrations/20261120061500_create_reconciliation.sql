-- Purpose: compares the ledger with Stripe's balance transactions, line by line.
-- Touches: private.reconciliations, reconciliation_differences; public.reconcile_ledger, public.reconciliation_differences.
-- Watch: it lists differences and corrects nothing. The lines come from Stripe's list of balance transactions, not from stored events.
-- A difference is one row, however often it is seen; it is resolved when a comparison finds the same amount on both sides.

create table private.reconciliations (
    id bigint generated always as identity constraint reconciliations_pkey primary key,
    since timestamptz not null,
    compared integer not null,
    differences integer not null,
    run_at timestamptz not null default clock_timestamp()
);
comment on table private.reconciliations is 'Every comparison of the ledger with Stripe, and its result.';
create index reconciliations_run_at_idx on private.reconciliations (run_at);

create table private.reconciliation_differences (
    id bigint generated always as identity constraint reconciliation_differences_pkey primary key,
    balance_transaction text not null,
    problem text not null constraint reconciliation_differences_problem_is_known
        check (problem in ('missing_in_ledger', 'missing_at_stripe', 'amount_differs')),
    stripe_net bigint,
    ledger_net bigint,
    currency text not null,
    source text,
    first_seen_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    resolved_at timestamptz,
    constraint reconciliation_differences_are_unique unique (balance_transaction, currency)
);
comment on table private.reconciliation_differences is
    'Balance transactions that differ, or differed, between Stripe and the ledger. One row for each; one that comes back is open again.';
create index reconciliation_differences_open_idx on private.reconciliation_differences (first_seen_at) where resolved_at is null;
create index reconciliation_differences_resolved_at_idx on private.reconciliation_differences (resolved_at) where resolved_at is not null;

alter table private.reconciliations enable row level security;
alter table private.reconciliation_differences enable row level security;
grant select (
    id, balance_transaction, problem, stripe_net, ledger_net, currency, source, first_seen_at, last_seen_at, resolved_at
) on private.reconciliation_differences to authenticated, service_role;
create policy "Operators can read any" on private.reconciliation_differences for select to operator using (true);

create function private.ledger_net(p_balance_transaction text, p_currency text) returns bigint
language sql stable
set search_path = ''
as $$
    select sum(e.amount)::bigint
    from private.ledger_transactions t
    join private.ledger_entries e on e.transaction_id = t.id and e.purpose = 'stripe_clearing' and e.currency = p_currency
    where t.stripe_id = p_balance_transaction
$$;
comment on function private.ledger_net is
    'What the ledger says about a balance transaction of Stripe, in minor units; null when it has no such transaction.';

create function public.reconcile_ledger(p_lines jsonb, p_since timestamptz) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_run bigint;
    v_count integer;
begin
    with stripe as (
        select l ->> 'id' as id, (l ->> 'net')::bigint as net, upper(l ->> 'currency') as currency, l ->> 'source' as source
        from jsonb_array_elements(private.from_stripe(p_lines)) l
        -- payouts and top-ups of the platform's own balance belong to no booking
        where l ->> 'type' not in ('payout', 'topup')
    ),
    ledger as (
        select t.stripe_id as id, sum(e.amount)::bigint as net, e.currency, min(t.key) as source
        from private.ledger_transactions t
        join private.ledger_entries e on e.transaction_id = t.id and e.purpose = 'stripe_clearing'
        where t.stripe_id is not null and t.occurred_at >= p_since
        group by t.stripe_id, e.currency
    )
    insert into private.reconciliation_differences as d (
        balance_transaction, problem, stripe_net, ledger_net, currency, source, first_seen_at, last_seen_at
    )
    select
        coalesce(s.id, l.id),
        case when l.id is null then 'missing_in_ledger' when s.id is null then 'missing_at_stripe' else 'amount_differs' end,
        s.net, l.net, coalesce(s.currency, l.currency), coalesce(s.source, l.source), v_now, v_now
    from stripe s
    full join ledger l on l.id = s.id and l.currency = s.currency
    where s.net is distinct from l.net
    on conflict on constraint reconciliation_differences_are_unique do update
    set
        problem = excluded.problem, stripe_net = excluded.stripe_net, ledger_net = excluded.ledger_net, source = excluded.source,
        last_seen_at = excluded.last_seen_at, resolved_at = null;
    get diagnostics v_count = row_count;
    -- the others that are open: compared and equal by now, or older than p_since and corrected in the ledger
    update private.reconciliation_differences d
    set resolved_at = v_now
    where
        d.resolved_at is null and d.last_seen_at < v_now
        and (
            d.balance_transaction in (select l ->> 'id' from jsonb_array_elements(p_lines) l)
            or private.ledger_net(d.balance_transaction, d.currency) is not distinct from d.stripe_net
        );
    insert into private.reconciliations (since, compared, differences, run_at)
    values (p_since, jsonb_array_length(p_lines), v_count, v_now)
    returning id into v_run;
    return jsonb_build_object('reconciliation_id', v_run, 'compared', jsonb_array_length(p_lines), 'differences', v_count);
end
$$;
grant execute on function public.reconcile_ledger to service_role;
comment on function public.reconcile_ledger is
    'Compares Stripe''s balance transactions since p_since, [{id, net, currency, source, type}] in Stripe''s units, with the ledger, keeps one row for each difference, and resolves those that are gone. For the service role; definer, because no API role may read the whole ledger.';

create view public.reconciliation_differences with (security_invoker = on) as
select
    d.id, d.balance_transaction, d.problem, d.stripe_net, d.ledger_net, d.currency, d.source, d.first_seen_at, d.last_seen_at, d.resolved_at
from private.reconciliation_differences d;
comment on view public.reconciliation_differences is
    '@graphql({"primary_key_columns": ["id"]}) Differences between Stripe''s balance transactions and the ledger, one row for each. For operators; amounts in minor units.';
comment on column public.reconciliation_differences.balance_transaction is 'Stripe''s id of the balance transaction.';
comment on column public.reconciliation_differences.problem is 'missing_in_ledger, missing_at_stripe or amount_differs.';
comment on column public.reconciliation_differences.stripe_net is 'Net amount at Stripe; null when it is missing there.';
comment on column public.reconciliation_differences.ledger_net is 'Net amount in the ledger; null when it is missing there.';
comment on column public.reconciliation_differences.currency is 'ISO 4217 code of the amounts.';
comment on column public.reconciliation_differences.source is 'Stripe''s id of the charge, refund, transfer or other object; the key of the ledger transaction when the line is missing at Stripe.';
comment on column public.reconciliation_differences.first_seen_at is 'When a comparison found it first.';
comment on column public.reconciliation_differences.last_seen_at is 'When a comparison found it last. The daily comparison looks at 35 days.';
comment on column public.reconciliation_differences.resolved_at is 'When a comparison found that both sides agree; null while it is open.';
grant select on public.reconciliation_differences to authenticated, service_role;

-- A person may call it between the daily runs, but a full comparison lists 35 days of Stripe's transactions.
insert into private.internal_functions (name, every, repeats) values ('reconcile', '10 minutes', false);
-- It looks every ten minutes, because a call that is lost would otherwise be made again only a day later. A search for orphans since a
-- time, as after a restore, makes it due.
insert into private.periodic_tasks (name, command, every) values (
    'reconcile',
    $$select private.wake_worker('reconcile')
      where not exists (
          select from private.reconciliations r
          where r.run_at > greatest(
              now() - interval '1 day', (select max(s.finished_at) from public.orphan_sweeps s where s.since is not null)
          )
      )$$,
    '10 minutes'
);
