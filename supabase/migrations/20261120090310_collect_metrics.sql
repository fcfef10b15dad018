-- Purpose: what monitoring reads: the metrics of the business and of the database, and which parts work.
-- Touches: private.business_metrics, queue_metrics, money_metrics, task_metrics, pause_metrics, database_metrics, collect_metrics; public.metrics, public.health.
-- Watch: collect_metrics stores the values of the business every 30 seconds, so a read of public.metrics costs the same however large the
-- platform is. Labels come from closed sets, never from what a person wrote. Counts of what waits stop at a limit.

insert into private.metrics (name, kind, help) values
    ('staybase_bookings', 'gauge', 'Bookings by status.'),
    ('staybase_booking_transitions_total', 'counter', 'Changes of a booking''s status; from "new" for a new booking. A hold ends with a change from awaiting_payment.'),
    ('staybase_payments', 'gauge', 'Payments by status.'),
    ('staybase_refunds', 'gauge', 'Refunds by status.'),
    ('staybase_payouts', 'gauge', 'Payouts by status.'),
    ('staybase_refused_stays_total', 'counter', 'Bookings and alterations that were refused, by reason; one refusal can have several.'),
    ('staybase_holds_overdue', 'gauge', 'Holds and requests that ended more than two minutes ago and still have no end recorded, up to 1,000.'),
    ('staybase_queue_jobs', 'gauge', 'Jobs in a queue, up to 100,000.'),
    ('staybase_queue_jobs_total', 'counter', 'Jobs that were ever added to a queue.'),
    ('staybase_queue_overdue_seconds', 'gauge', 'How long the job that waits longest could have been taken; 0 when none waits.'),
    ('staybase_queue_oldest_seconds', 'gauge', 'Age of the oldest job of a queue, retries and delays included; 0 when it is empty.'),
    ('staybase_queue_dead_jobs', 'gauge', 'Dead jobs of a queue, up to 1,000.'),
    ('staybase_job_failures_total', 'counter', 'Failed attempts at jobs.'),
    ('staybase_stripe_tasks_due', 'gauge', 'Stripe tasks that are due, up to 10,000.'),
    ('staybase_stripe_tasks_overdue_seconds', 'gauge', 'How long the oldest due Stripe task has been due; 0 when none is.'),
    ('staybase_stripe_tasks_dead', 'gauge', 'Dead Stripe tasks, up to 1,000.'),
    ('staybase_stripe_event_lag_seconds', 'gauge', 'The longest time from an event at Stripe to its arrival, among those of the last ten minutes.'),
    ('staybase_payables_due', 'gauge', 'Bookings whose payout is due or has to be looked at, up to 10,000.'),
    ('staybase_payouts_overdue_seconds', 'gauge', 'Age of the oldest pending payout; 0 when none is pending.'),
    ('staybase_ledger_unbalanced_transactions', 'gauge', 'Ledger transactions whose entries do not sum to zero. Must be 0.'),
    ('staybase_ledger_imbalance_minor_units', 'gauge', 'Sum of the entries of these transactions, without their signs.'),
    ('staybase_reconciliation_differences', 'gauge', 'Open differences between Stripe and the ledger, up to 1,000.'),
    ('staybase_reconciliation_differences_age_seconds', 'gauge', 'Time since the oldest open difference was found; 0 without one.'),
    ('staybase_reconciliation_timestamp_seconds', 'gauge', 'Time of the last comparison with Stripe; before the first, when the database was made.'),
    ('staybase_mail_bounces_total', 'counter', 'Mails to addresses that do not exist.'),
    ('staybase_metrics_timestamp_seconds', 'gauge', 'Time of the last collection of the stored metrics.'),
    ('staybase_operation_paused', 'gauge', '1 while an operation is paused: payouts, charges or all. A pause of all is one of the others, too.'),
    ('staybase_task_every_seconds', 'gauge', 'How often a periodic task is due.'),
    ('staybase_task_run_timestamp_seconds', 'gauge', 'When the last run of a periodic task that has ended began; before the first, when the task was added.'),
    ('staybase_task_failed', 'gauge', '1 when the last run of a periodic task failed.'),
    ('staybase_database_size_bytes', 'gauge', 'Size of the database.'),
    ('staybase_database_blocks_hit_total', 'counter', 'Blocks that were found in the database''s cache.'),
    ('staybase_database_blocks_read_total', 'counter', 'Blocks that were not found in the database''s cache.'),
    ('staybase_database_commits_total', 'counter', 'Transactions that were committed.'),
    ('staybase_database_rollbacks_total', 'counter', 'Transactions that were rolled back.'),
    ('staybase_database_deadlocks_total', 'counter', 'Deadlocks.'),
    ('staybase_database_connections', 'gauge', 'Connections of clients to the server.'),
    ('staybase_database_connections_limit', 'gauge', 'Connections that the server accepts.'),
    ('staybase_database_locks_waiting', 'gauge', 'Locks that a session waits for.'),
    ('staybase_database_oldest_transaction_seconds', 'gauge', 'Age of the oldest open transaction of a client.'),
    ('staybase_database_transaction_age', 'gauge', 'Transactions since the oldest unfrozen one; Postgres stops writing near 2 billion.'),
    ('staybase_database_live_rows', 'gauge', 'Rows of all tables, as Postgres estimates them.'),
    ('staybase_database_dead_rows', 'gauge', 'Rows that wait for a vacuum, as Postgres estimates them.'),
    ('staybase_database_dead_rows_ratio', 'gauge', 'The largest share of dead rows that a table of more than 10,000 rows has.'),
    ('staybase_replicas', 'gauge', 'Connected replicas.'),
    ('staybase_replica_lag_bytes', 'gauge', 'What the replica that is furthest behind has not applied yet.'),
    ('staybase_replica_lag_seconds', 'gauge', 'How long the slowest replica takes to apply a change.'),
    ('staybase_replication_slot_retained_bytes', 'gauge', 'Log that is kept for the replication slot furthest behind.'),
    ('staybase_wal_archive_enabled', 'gauge', '1 when the server archives its log.'),
    ('staybase_wal_archived_total', 'counter', 'Files of the log that were archived.'),
    ('staybase_wal_archive_failures_total', 'counter', 'Failed attempts to archive a file of the log.'),
    ('staybase_wal_archive_failing', 'gauge', '1 when the last attempt to archive failed.'),
    ('staybase_wal_archived_timestamp_seconds', 'gauge', 'When a file of the log was last archived; 0 before the first.'),
    ('staybase_backup_timestamp_seconds', 'gauge', 'Time of the last complete backup; before the first, when the database was made. Missing where the platform makes the backups.');

create type private.metric as (name text, labels jsonb, value double precision);
comment on type private.metric is 'A value of a metric.';

create function private.seconds_since(p_at timestamptz) returns double precision
language sql stable
set search_path = ''
as $$
    select greatest(coalesce(extract(epoch from clock_timestamp() - p_at), 0), 0)::double precision
$$;
comment on function private.seconds_since is 'Seconds since p_at; 0 without p_at.';

create function private.business_metrics() returns setof private.metric
language plpgsql stable
set search_path = ''
as $$
begin
    return query
        select
            'staybase_' || s.subject, jsonb_build_object('status', e.enumlabel),
            coalesce(sum(case when c.to_status = e.enumlabel then c.changes else - c.changes end), 0)::double precision
        from (
            values
                ('bookings', 'public.booking_status'::regtype), ('payments', 'public.payment_status'::regtype),
                ('refunds', 'public.refund_status'::regtype), ('payouts', 'public.payout_status'::regtype)
        ) s (subject, status)
        join pg_catalog.pg_enum e on e.enumtypid = s.status
        left join private.status_counts c on c.subject = s.subject and e.enumlabel in (c.from_status, c.to_status)
        group by s.subject, e.enumlabel;
    return query
        select
            'staybase_booking_transitions_total', jsonb_build_object('from', t.from_status, 'to', t.to_status),
            coalesce(c.changes, 0)::double precision
        from (
            values ('new', 'requested'), ('new', 'awaiting_payment')
            union
            select b.from_status::text, b.to_status::text from private.booking_transitions b
        ) t (from_status, to_status)
        left join private.status_counts c
            on c.subject = 'bookings' and c.from_status = t.from_status and c.to_status = t.to_status;
    return query
        select
            'staybase_refused_stays_total', jsonb_build_object('reason', substr(c.relname, 15)),
            coalesce(pg_sequence_last_value(c.oid), 0)::double precision
        from pg_catalog.pg_class c
        where c.relnamespace = 'private'::regnamespace and c.relkind = 'S' and starts_with(c.relname, 'refused_stays_');
    return query
        select 'staybase_holds_overdue', '{}'::jsonb, count(*)::double precision
        from (select from private.bookings b where b.expires_at < now() - interval '2 minutes' limit 1000) h;
    return query
        select 'staybase_mail_bounces_total', '{}'::jsonb, coalesce(pg_sequence_last_value('private.bounced_addresses_number_seq'), 0)::double precision
        union all
        select 'staybase_job_failures_total', '{}', coalesce(pg_sequence_last_value('private.job_failures_id_seq'), 0)
        union all
        select 'staybase_database_size_bytes', '{}', pg_database_size(current_database())
        union all
        select 'staybase_metrics_timestamp_seconds', '{}', extract(epoch from clock_timestamp());
end
$$;
comment on function private.business_metrics is 'What bookings, payments, refusals and mails come to. It reads counts, sequences and what waits, never a whole table.';

create function private.queue_metrics() returns setof private.metric
language plpgsql stable
set search_path = ''
as $$
declare
    v_queue text;
    v_labels jsonb;
    v_jobs bigint;
    v_due_at timestamptz;
    v_enqueued_at timestamptz;
begin
    for v_queue in select q.queue from private.job_queues q order by q.queue loop
        v_labels := jsonb_build_object('queue', v_queue);
        execute format('select count(*) from (select from pgmq.%I limit 100000) q', 'q_' || v_queue) into v_jobs;
        execute format('select min(q.vt) from pgmq.%I q', 'q_' || v_queue) into v_due_at;
        execute format('select q.enqueued_at from pgmq.%I q order by q.msg_id limit 1', 'q_' || v_queue) into v_enqueued_at;
        return query values
            ('staybase_queue_jobs', v_labels, v_jobs::double precision),
            (
                'staybase_queue_jobs_total', v_labels,
                coalesce(pg_sequence_last_value(pg_get_serial_sequence(format('pgmq.%I', 'q_' || v_queue), 'msg_id')::regclass), 0)
            ),
            ('staybase_queue_overdue_seconds', v_labels, private.seconds_since(v_due_at)),
            ('staybase_queue_oldest_seconds', v_labels, private.seconds_since(v_enqueued_at)),
            (
                'staybase_queue_dead_jobs', v_labels,
                (select count(*) from (select from public.dead_jobs d where d.queue = v_queue limit 1000) d)
            );
    end loop;
end
$$;
comment on function private.queue_metrics is 'The state of every queue in job_queues.';

create function private.money_metrics() returns setof private.metric
language plpgsql stable
set search_path = ''
as $$
begin
    return query
        select 'staybase_stripe_tasks_due', '{}'::jsonb, count(*)::double precision
        from (
            select from private.stripe_tasks t
            where t.done_at is null and t.dead_at is null and t.run_at <= now() order by t.run_at limit 10000
        ) t
        union all
        select 'staybase_stripe_tasks_overdue_seconds', '{}', private.seconds_since((
            select t.run_at from private.stripe_tasks t
            where t.done_at is null and t.dead_at is null and t.run_at <= now() order by t.run_at limit 1
        ))
        union all
        select 'staybase_stripe_tasks_dead', '{}', count(*)
        from (select from private.stripe_tasks t where t.dead_at <= now() limit 1000) t
        union all
        select 'staybase_stripe_event_lag_seconds', '{}', coalesce(max(greatest(extract(epoch from e.received_at - e.created), 0)), 0)
        from (
            select s.received_at, s.created from private.stripe_events s
            where s.received_at > now() - interval '10 minutes' order by s.received_at desc limit 1000
        ) e
        union all
        select 'staybase_payables_due', '{}', count(*)
        from (select from private.open_payables o where o.due_at <= now() limit 10000) o
        union all
        select 'staybase_payouts_overdue_seconds', '{}', private.seconds_since((
            select y.created_at from public.payouts y where y.status = 'pending' and y.created_at <= now() order by y.created_at limit 1
        ))
        union all
        select 'staybase_ledger_unbalanced_transactions', '{}', count(distinct u.transaction_id) from private.unbalanced_transactions u
        union all
        select 'staybase_ledger_imbalance_minor_units', '{}', coalesce(sum(abs(u.amount)), 0) from private.unbalanced_transactions u;
    return query
        select v.name, '{}'::jsonb, v.value
        from (
            select count(*) as open, min(o.first_seen_at) as since
            from (
                select d.first_seen_at from private.reconciliation_differences d
                where d.resolved_at is null and d.first_seen_at <= now() order by d.first_seen_at limit 1000
            ) o
        ) d
        cross join lateral (
            values
                ('staybase_reconciliation_differences', d.open::double precision),
                ('staybase_reconciliation_differences_age_seconds', private.seconds_since(d.since)),
                ('staybase_reconciliation_timestamp_seconds', extract(epoch from coalesce(
                    (select r.run_at from private.reconciliations r order by r.id desc limit 1),
                    (select t.created_at from private.periodic_tasks t where t.name = 'reconcile')
                )))
        ) v (name, value);
end
$$;
comment on function private.money_metrics is 'What waits at Stripe and in the ledger, and what the checks of the ledger found.';

create function private.task_metrics() returns setof private.metric
language sql stable
set search_path = ''
as $$
    select v.name, jsonb_build_object('task', t.name), v.value
    from private.periodic_tasks t
    cross join lateral (
        values
            ('staybase_task_every_seconds', extract(epoch from t.every)::double precision),
            ('staybase_task_run_timestamp_seconds', extract(epoch from coalesce(t.last_run_at, t.created_at))),
            ('staybase_task_failed', coalesce(t.last_error_at = t.last_run_at, false)::integer)
    ) v (name, value)
$$;
comment on function private.task_metrics is 'The state of every periodic task.';

create function private.pause_metrics() returns setof private.metric
language sql stable
set search_path = ''
as $$
    select 'staybase_operation_paused', jsonb_build_object('operation', o.operation), private.is_paused(o.operation)::integer
    from (values ('all'), ('payouts'), ('charges')) as o (operation)
$$;
comment on function private.pause_metrics is 'What is paused. Not stored by collect_metrics, because a pause stops it.';

create function private.database_metrics() returns setof private.metric
language plpgsql stable
set search_path = ''
as $$
declare
    v_is_standby constant boolean := pg_is_in_recovery();
begin
    return query
        select v.name, '{}'::jsonb, v.value
        from pg_catalog.pg_stat_database d
        cross join lateral (
            values
                ('staybase_database_blocks_hit_total', d.blks_hit::double precision),
                ('staybase_database_blocks_read_total', d.blks_read),
                ('staybase_database_commits_total', d.xact_commit),
                ('staybase_database_rollbacks_total', d.xact_rollback),
                ('staybase_database_deadlocks_total', d.deadlocks)
        ) v (name, value)
        where d.datname = current_database();
    return query
        select v.name, '{}'::jsonb, v.value
        from (
            select count(*) as connections, max(extract(epoch from clock_timestamp() - a.xact_start)) as oldest
            from pg_catalog.pg_stat_activity a
            where a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
        ) a
        cross join (
            select
                sum(t.n_live_tup) as live, sum(t.n_dead_tup) as dead,
                max(t.n_dead_tup::double precision / t.n_live_tup) filter (where t.n_live_tup > 10000) as ratio
            from pg_catalog.pg_stat_all_tables t
        ) t
        cross join lateral (
            values
                ('staybase_database_connections', a.connections::double precision),
                ('staybase_database_connections_limit', current_setting('max_connections')::integer),
                ('staybase_database_oldest_transaction_seconds', coalesce(a.oldest, 0)),
                ('staybase_database_locks_waiting', (select count(*) from pg_catalog.pg_locks l where not l.granted)),
                ('staybase_database_transaction_age', (select max(age(d.datfrozenxid)) from pg_catalog.pg_database d)),
                ('staybase_database_live_rows', t.live),
                ('staybase_database_dead_rows', t.dead),
                ('staybase_database_dead_rows_ratio', coalesce(t.ratio, 0))
        ) v (name, value);
    return query
        select v.name, '{}'::jsonb, v.value
        from (
            select
                count(*) as replicas, coalesce(max(extract(epoch from r.replay_lag)), 0) as seconds,
                coalesce(max(case when not v_is_standby then pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) end), 0) as bytes
            from pg_catalog.pg_stat_replication r
            -- not what copies a backup
            where r.state in ('streaming', 'catchup') and r.replay_lsn is not null
        ) r
        cross join pg_catalog.pg_stat_archiver a
        cross join lateral (
            values
                ('staybase_replicas', r.replicas::double precision),
                ('staybase_replica_lag_seconds', r.seconds),
                ('staybase_replica_lag_bytes', r.bytes),
                ('staybase_replication_slot_retained_bytes', (
                    select coalesce(max(case when not v_is_standby then pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) end), 0)
                    from pg_catalog.pg_replication_slots s
                )),
                ('staybase_wal_archive_enabled', (current_setting('archive_mode') <> 'off')::integer),
                ('staybase_wal_archived_total', a.archived_count),
                ('staybase_wal_archive_failures_total', a.failed_count),
                ('staybase_wal_archive_failing', coalesce(a.last_failed_time >= coalesce(a.last_archived_time, '-infinity'), false)::integer),
                ('staybase_wal_archived_timestamp_seconds', coalesce(extract(epoch from a.last_archived_time), 0))
        ) v (name, value);
    if (select s.value from private.settings s where s.name = 'backups') <> 'platform' then
        return query
            select 'staybase_backup_timestamp_seconds', '{}'::jsonb, extract(epoch from coalesce(b.at, b.created_at))::double precision
            from private.backup_state b
            where b.name = 'base';
    end if;
end
$$;
comment on function private.database_metrics is 'The state of the server, its replicas, its archive of the log and its backups, from Postgres''s own statistics.';

create function private.collect_metrics() returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_values private.metric[];
begin
    perform private.add_up_status_changes();
    v_values := array(
        select m from private.business_metrics() m
        union all
        select m from private.queue_metrics() m
        union all
        select m from private.money_metrics() m
    );
    insert into private.metric_values as v (name, labels, value)
    select m.name, m.labels, m.value from unnest(v_values) m
    on conflict on constraint metric_values_pkey do update set value = excluded.value where v.value <> excluded.value;
    delete from private.metric_values v
    where not exists (select from unnest(v_values) m where (m.name, m.labels) = (v.name, v.labels));
    return cardinality(v_values);
end
$$;
comment on function private.collect_metrics is 'Stores the present values of the metrics of the business, and returns their number.';
insert into private.periodic_tasks (name, command, every) values ('collect_metrics', 'select private.collect_metrics()', '30 seconds');

create function public.metrics()
returns table (name text, kind text, help text, labels jsonb, value double precision)
language sql stable security definer
set search_path = ''
as $$
    select m.name, m.kind, m.help, v.labels, v.value
    from (
        select s.name, s.labels, s.value from private.metric_values s
        union all
        select * from private.task_metrics()
        union all
        select * from private.pause_metrics()
        union all
        select * from private.database_metrics()
    ) v
    join private.metrics m on m.name = v.name
    order by m.name, v.labels
$$;
grant execute on function public.metrics to service_role;
comment on function public.metrics is
    'Returns every metric of the database, for the Edge Function metrics: service role only; definer, because no API role may read them.';

create function public.health() returns table (part text, is_ready boolean)
language sql stable security definer
set search_path = ''
as $$
    -- the tasks run within seconds after a start of the server, and a pause is meant
    select 'cron', pg_postmaster_start_time() > now() - interval '20 seconds' or private.is_paused('all')
        or exists (select from private.periodic_tasks t where greatest(t.started_at, t.last_run_at) > now() - interval '1 minute')
    union all
    select 'mail', private.is_paused('all') or not exists (select from pgmq.q_mails q where q.vt < now() - interval '5 minutes')
$$;
grant execute on function public.health to service_role;
comment on function public.health is
    'Whether the parts work that only the database knows about: cron, which runs periodic tasks, and mail, whose queue is not stuck. For the Edge Function health: service role only; definer, because no API role may read queues and tasks.';
