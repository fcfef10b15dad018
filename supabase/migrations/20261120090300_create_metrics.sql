-- Purpose: what the metrics count: the series and their values, changes of status, refused stays, and ledger transactions that do not balance.
-- Touches: private.metrics, metric_values, status_changes, status_counts, refused_stays_*, ledger_checks, unbalanced_transactions;
-- triggers on public.payments, refunds and payouts.
-- Watch: nothing here counts a growing table. A change of status adds a row to private.status_changes, and collect_metrics adds the
-- rows up; a refused stay advances a sequence, whose value a rollback keeps. After a crash a sequence may be up to 32 ahead.

create table private.metrics (
    name text constraint metrics_pkey primary key constraint metrics_name_has_the_prefix check (name ~ '^staybase_[a-z_]+$'),
    kind text not null constraint metrics_kind_is_known check (kind in ('counter', 'gauge')),
    help text not null,
    -- the same name in the text format of Prometheus and in OpenMetrics
    constraint metrics_counters_end_in_total check ((kind = 'counter') = (name ~ '_total$'))
);
comment on table private.metrics is 'Every metric of the database, with its kind and its description. Times are in seconds, sizes in bytes.';
alter table private.metrics enable row level security;

create table private.metric_values (
    name text not null constraint metric_values_metric_fkey references private.metrics (name) on delete cascade,
    labels jsonb not null default '{}',
    value double precision not null,
    constraint metric_values_pkey primary key (name, labels)
);
comment on table private.metric_values is 'The values that collect_metrics found last.';
comment on column private.metric_values.labels is 'Labels by name. Their values come from closed sets: statuses, reasons, queues, tasks.';
alter table private.metric_values enable row level security;

create table private.status_changes (
    id bigint generated always as identity constraint status_changes_pkey primary key,
    subject text not null,
    from_status text not null,
    to_status text not null
);
comment on table private.status_changes is 'Changes of status that collect_metrics has not counted yet.';
comment on column private.status_changes.subject is 'The table: bookings, payments, refunds or payouts.';
comment on column private.status_changes.from_status is 'The status before; new for a new row.';
alter table private.status_changes enable row level security;

create table private.status_counts (
    subject text not null,
    from_status text not null,
    to_status text not null,
    changes bigint not null,
    constraint status_counts_pkey primary key (subject, from_status, to_status)
);
comment on table private.status_counts is 'How often rows changed from one status to another. The rows in a status are those that came to it less those that left it.';
alter table private.status_counts enable row level security;

create function private.count_status_change() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into private.status_changes (subject, from_status, to_status)
    values (tg_argv[0], case when tg_op = 'UPDATE' then old.status::text else 'new' end, new.status::text);
    return null;
end
$$;
comment on function private.count_status_change is
    'Trigger: notes a change of status for the metrics; its argument names the subject. Definer, because any role''s change may fire it.';

create function private.count_booking_status(p_event private.booking_events) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into private.status_changes (subject, from_status, to_status)
    values ('bookings', coalesce(p_event.from_status::text, 'new'), p_event.to_status::text);
end
$$;
comment on function private.count_booking_status is
    'Notes a booking''s new status for the metrics. Definer, because any role''s change may cause it.';

create trigger _900_count_new after insert on public.payments
    for each row execute function private.count_status_change('payments');
create trigger _900_count_status_change after update on public.payments
    for each row when (old.status is distinct from new.status) execute function private.count_status_change('payments');
create trigger _900_count_new after insert on public.refunds
    for each row execute function private.count_status_change('refunds');
create trigger _900_count_status_change after update on public.refunds
    for each row when (old.status is distinct from new.status) execute function private.count_status_change('refunds');
create trigger _900_count_new after insert on public.payouts
    for each row execute function private.count_status_change('payouts');
create trigger _900_count_status_change after update on public.payouts
    for each row when (old.status is distinct from new.status) execute function private.count_status_change('payouts');

create function private.add_up_status_changes() returns void
language sql
set search_path = ''
as $$
    with counted as (
        -- after an outage the rest waits for the next runs
        delete from private.status_changes s
        where s.id in (select c.id from private.status_changes c order by c.id limit 100000)
        returning s.subject, s.from_status, s.to_status
    )
    insert into private.status_counts as t (subject, from_status, to_status, changes)
    select c.subject, c.from_status, c.to_status, count(*) from counted c group by c.subject, c.from_status, c.to_status
    on conflict on constraint status_counts_pkey do update set changes = t.changes + excluded.changes
$$;
comment on function private.add_up_status_changes is 'Moves the changes of status that were noted since the last run into status_counts.';

-- One sequence for each reason for which a booking or an alteration is refused; a new reason counts as other until it has one.
create sequence private.refused_stays_advance_notice;
create sequence private.refused_stays_booking_window;
create sequence private.refused_stays_check_in_weekday;
create sequence private.refused_stays_check_out_before_check_in;
create sequence private.refused_stays_check_out_weekday;
create sequence private.refused_stays_children_not_allowed;
create sequence private.refused_stays_closed_to_arrival;
create sequence private.refused_stays_closed_to_departure;
create sequence private.refused_stays_dates_out_of_range;
create sequence private.refused_stays_invalid_party;
create sequence private.refused_stays_invalid_units;
create sequence private.refused_stays_max_stay;
create sequence private.refused_stays_min_stay;
create sequence private.refused_stays_no_adult;
create sequence private.refused_stays_not_published;
create sequence private.refused_stays_occupied;
create sequence private.refused_stays_other;
create sequence private.refused_stays_own_property;
create sequence private.refused_stays_past_date;
create sequence private.refused_stays_preparation_after;
create sequence private.refused_stays_preparation_before;
create sequence private.refused_stays_too_few_adults;
create sequence private.refused_stays_too_few_units;
create sequence private.refused_stays_too_many_guests;
create sequence private.refused_stays_too_many_infants;
create sequence private.refused_stays_too_many_pets;
create sequence private.refused_stays_unit_pinned;

create function private.count_refused_stay(p_reasons jsonb) returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    perform nextval(coalesce(to_regclass('private.refused_stays_' || (r.reason ->> 'code')), 'private.refused_stays_other'::regclass))
    from jsonb_array_elements(p_reasons) as r (reason);
    return p_reasons;
end
$$;
comment on function private.count_refused_stay is
    'Counts each reason against a booking or an alteration, and returns the reasons. Only for what writes: a quote runs in a read-only transaction, which cannot advance a sequence.';

create table private.ledger_checks (
    part text constraint ledger_checks_pkey primary key constraint ledger_checks_part_is_known check (part in ('new', 'all')),
    checked_through bigint not null default 0
);
comment on table private.ledger_checks is 'How far the two checks of the ledger are: of new entries, and of all entries again and again.';
comment on column private.ledger_checks.checked_through is 'Id of the last ledger entry that was checked.';
alter table private.ledger_checks enable row level security;
insert into private.ledger_checks (part) values ('new'), ('all');

create table private.unbalanced_transactions (
    transaction_id bigint not null
        constraint unbalanced_transactions_transaction_fkey references private.ledger_transactions (id) on delete restrict,
    currency text not null,
    amount bigint not null,
    found_at timestamptz not null default clock_timestamp(),
    constraint unbalanced_transactions_pkey primary key (transaction_id, currency)
);
comment on table private.unbalanced_transactions is
    'Ledger transactions whose entries do not sum to zero. Constraints refuse them, so a row means that a superuser went around the constraints, or that data is damaged.';
comment on column private.unbalanced_transactions.amount is 'Sum of the entries in minor units.';
alter table private.unbalanced_transactions enable row level security;

create function private.check_ledger() returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_size constant bigint := 5000;
    v_last constant bigint := coalesce((select max(e.id) from private.ledger_entries e where e.id > 0), 0);
    v_check record;
    v_from bigint;
    v_through bigint;
begin
    for v_check in select c.part, c.checked_through from private.ledger_checks c for update loop
        if v_check.part = 'new' then
            -- some of them again, because an entry with a lower id may have been committed later
            v_from := greatest(least(v_check.checked_through, v_last) - v_size, v_last - 10 * v_size);
            v_through := v_last;
        else
            v_from := case when v_check.checked_through < v_last then v_check.checked_through else 0 end;
            v_through := least(v_last, v_from + v_size);
        end if;
        insert into private.unbalanced_transactions as u (transaction_id, currency, amount)
        select e.transaction_id, e.currency, sum(e.amount)
        from private.ledger_entries e
        -- the entries of a transaction may be in two parts, so the suspects are summed up whole
        where e.transaction_id = any (array(
            select n.transaction_id
            from private.ledger_entries n
            where n.id > v_from and n.id <= v_through
            group by n.transaction_id, n.currency
            having sum(n.amount) <> 0
        ))
        group by e.transaction_id, e.currency
        having sum(e.amount) <> 0
        on conflict on constraint unbalanced_transactions_pkey do update set amount = excluded.amount;
        update private.ledger_checks c set checked_through = v_through where c.part = v_check.part;
    end loop;
    delete from private.unbalanced_transactions u
    where 0 = (
        select coalesce(sum(e.amount), 0) from private.ledger_entries e where e.transaction_id = u.transaction_id and e.currency = u.currency
    );
    return (select count(*) from private.unbalanced_transactions);
end
$$;
comment on function private.check_ledger is
    'Sums up the new ledger entries and the next 5,000 of all, transaction by transaction, and returns how many do not balance. A run reads at most 55,000 entries, however large the ledger is.';
insert into private.periodic_tasks (name, command, every) values ('check_ledger', 'select private.check_ledger()', '30 seconds');

create index payouts_pending_since_idx on public.payouts (created_at) where status = 'pending';
