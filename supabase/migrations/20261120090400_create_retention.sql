-- Purpose: how long rows are kept, as data, and the task that deletes older ones in small batches.
-- Touches: private.retention, apply_retention; public.retention; indexes by age; the periodic task apply_retention.
-- Watch: every table has a row here, also one that is kept for ever, with the reason: a test fails for a table without one. The owner
-- of the database changes `keep`. What law or an invariant needs (bookings, their events, the ledger, the audit log) is never deleted.

create table private.retention (
    name text constraint retention_pkey primary key,
    table_name text not null,
    keep interval constraint retention_keep_is_positive check (keep > '0'),
    age text,
    condition text not null default 'true',
    walk text,
    emptied text,
    reason text not null constraint retention_reason_is_given check (reason ~ '\S'),
    removed bigint not null default 0,
    last_error text,
    constraint retention_limit_has_an_age check ((keep is null) = (age is null))
);
comment on table private.retention is 'How long the rows of each table are kept. A row without `keep` says why a table is kept for ever.';
comment on column private.retention.name is 'The table, or a part of its rows.';
comment on column private.retention.keep is 'How long a row is kept; null when for ever.';
comment on column private.retention.age is 'Column from which the age counts, with an index for the rows of the condition.';
comment on column private.retention.condition is 'SQL condition of the rows that are meant.';
comment on column private.retention.walk is 'Column with an index that is in the order of age, where age has none; only the first rows of it are looked at.';
comment on column private.retention.emptied is 'SQL assignment that empties a column, instead of deleting the row.';
comment on column private.retention.reason is 'Why so long.';
comment on column private.retention.removed is 'How many rows were removed or emptied so far.';
comment on column private.retention.last_error is 'Error of the last run; null when it succeeded.';
alter table private.retention enable row level security;

create index stripe_events_payload_idx on private.stripe_events (received_at) where applied_at is not null and payload <> '{}';
create index stripe_tasks_done_at_idx on private.stripe_tasks (done_at) where done_at is not null;
create index webhook_deliveries_delivered_at_idx on public.webhook_deliveries (delivered_at) where delivered_at is not null;
create index webhook_deliveries_undelivered_idx on public.webhook_deliveries (created_at) where delivered_at is null;
create index notifications_read_at_idx on public.notifications (read_at) where read_at is not null;
create index notifications_created_at_idx on public.notifications (created_at);
create index own_bookings_guest_idx on public.own_bookings (check_out) where guest_name <> '' or guest_contact <> '' or note <> '';
create index own_booking_states_valid_until_idx on private.own_booking_states (valid_until) where valid_until < 'infinity';
create index dead_jobs_died_at_idx on public.dead_jobs (died_at);
create index job_failures_at_idx on private.job_failures (at);
create index bookings_children_ages_idx on private.bookings (check_out) where children_ages is not null;
create index booking_alterations_children_ages_idx on public.booking_alterations (check_out) where children_ages is not null;

insert into private.retention (name, table_name, keep, age, condition, emptied, reason) values
    ('payloads of private.stripe_events', 'private.stripe_events', '90 days', 'received_at', 'applied_at is not null and payload <> ''{}''', 'payload = ''{}''', 'Stripe lists events for 30 days; after that the payload is for inquiries alone.'),
    ('private.stripe_events', 'private.stripe_events', '400 days', 'received_at', 'applied_at is not null', null, 'The id keeps an event from being applied twice. Stripe sends one again for 30 days at most.'),
    ('private.stripe_tasks, done', 'private.stripe_tasks', '90 days', 'done_at', 'done_at is not null', null, 'To see what was done at Stripe, and when. A task that was given up stays until an operator deals with it.'),
    ('public.webhook_deliveries, delivered', 'public.webhook_deliveries', '30 days', 'delivered_at', 'delivered_at is not null', null, 'For developers of receivers.'),
    ('public.webhook_deliveries, not delivered', 'public.webhook_deliveries', '90 days', 'created_at', 'delivered_at is null', null, 'For developers of receivers, to deliver again.'),
    ('public.notifications, read', 'public.notifications', '180 days', 'read_at', 'read_at is not null', null, 'Bookings and statements have what people need longer.'),
    ('public.notifications, unread', 'public.notifications', '400 days', 'created_at', 'read_at is null', null, 'Someone who comes back after a year still sees what happened.'),
    ('public.dead_jobs', 'public.dead_jobs', '180 days', 'died_at', 'true', null, 'Operators had half a year to replay it; the audit log keeps a copy.'),
    ('private.job_failures', 'private.job_failures', '30 days', 'at', 'true', null, 'To find why jobs fail.'),
    ('private.reconciliations', 'private.reconciliations', '400 days', 'run_at', 'true', null, 'A year and the month in which it is closed.'),
    ('private.reconciliation_differences, resolved', 'private.reconciliation_differences', '400 days', 'resolved_at', 'resolved_at is not null', null, 'A year and the month in which it is closed. An open difference stays.'),
    ('private.lost_demand', 'private.lost_demand', '400 days', 'day', 'true', null, 'A year and the month in which hosts look back at it.'),
    ('private.quote_counts', 'private.quote_counts', '1200 days', 'month', 'true', null, 'The longest range of figures, and the month in which hosts look back at it.'),
    ('private.lost_demand_days', 'private.lost_demand_days', '1 day', 'day', 'true', null, 'What is known of callers, in lost_demand_callers, goes when their day is over.'),
    ('public.orphan_sweeps', 'public.orphan_sweeps', '90 days', 'finished_at', 'finished_at is not null', null, 'To see that Stripe was searched.'),
    ('ages in private.bookings', 'private.bookings', '1200 days', 'check_out', 'children_ages is not null', 'children_ages = null', 'Hosts prove exemptions from tourist tax with them. The lines still say for how many guests a stay was charged.'),
    ('ages in public.booking_alterations', 'public.booking_alterations', '1200 days', 'check_out', 'children_ages is not null', 'children_ages = null', 'As long as those of the booking.'),
    ('guests of public.own_bookings', 'public.own_bookings', '400 days', 'check_out', '(guest_name <> '''' or guest_contact <> '''' or note <> '''')', 'guest_name = '''', guest_contact = '''', note = ''''', 'A year and the month in which hosts look back at it.'),
    ('private.own_booking_states, past', 'private.own_booking_states', '1200 days', 'valid_until', 'valid_until < ''infinity''', null, 'The longest range of figures, and the month in which hosts look back at it.'),
    ('public.overbookings, closed', 'public.overbookings', '1200 days', 'closed_at', 'closed_at is not null', null, 'Longer than people book ahead: two stays of the same guest open no case again.');
insert into private.retention (name, table_name, keep, age, condition, walk, reason) values
    ('cron.job_run_details', 'cron.job_run_details', '2 days', 'start_time', 'start_time is not null', 'runid', 'pg_cron writes 26,000 rows a day. The table has no index by time and belongs to pg_cron, so the oldest ids are looked at.');

insert into private.retention (name, table_name, reason)
select t.name, t.name, k.reason
from (values
    ('Law asks for books and contracts for up to ten years, and the ledger''s rows never change.', array[
        'private.bookings', 'private.booking_events', 'public.booking_line_items', 'public.booking_alterations', 'public.cancellations',
        'public.payments', 'public.refunds', 'public.payouts', 'private.payout_reversals', 'public.disputes', 'private.fraud_warnings',
        'public.money_requests', 'public.payout_holds', 'public.orphans', 'private.ledger_accounts', 'private.ledger_transactions',
        'private.ledger_entries', 'public.exchange_rates', 'public.house_rules'
    ]),
    ('A record of who decided what, which no one may change.', array[
        'public.audit_log', 'private.property_events', 'public.reports', 'public.suspensions', 'public.operation_pauses'
    ]),
    ('It is the person''s own, and goes with the account or when they delete it.', array[
        'public.profiles', 'public.accounts', 'public.user_roles', 'public.blocked_profiles', 'public.notification_preferences',
        'public.notification_settings', 'public.payment_methods', 'public.payout_accounts', 'private.stripe_customers', 'public.wishlists',
        'public.wishlist_items', 'public.wishlist_members', 'public.wishlist_shares', 'public.webhook_endpoints', 'private.webhook_secrets',
        'public.thread_reads'
    ]),
    ('Both sides of a conversation or a stay need it, also in a dispute years later.', array[
        'public.threads', 'private.messages', 'private.co_hosted_messages', 'public.reviews', 'public.review_notes', 'public.profile_ratings', 'public.property_ratings'
    ]),
    ('A file goes when no row names it any more.', array['private.files']),
    ('It describes a property, and goes with it.', array[
        'public.properties', 'public.property_addresses', 'public.property_amenities', 'public.property_photos', 'public.property_fees',
        'public.property_taxes', 'public.property_seasons', 'public.property_date_overrides', 'public.property_availability_rules',
        'public.cancellation_policies', 'public.co_hosts', 'public.co_host_invitations', 'public.host_blocks', 'public.external_blocks',
        'public.own_bookings', 'private.own_booking_states',
        'public.calendar_feeds', 'private.feed_sources', 'private.feed_events', 'private.calendar_links',
        'public.units', 'public.property_spaces', 'private.spaces', 'private.calendars'
    ]),
    ('Past nights show who stayed where, against fraud and for statistics. 355 bytes a stay.', array['public.occupancies', 'private.co_hosted_bookings']),
    ('It follows from other tables and grows only with them.', array[
        'private.property_search', 'private.price_spans', 'private.long_stays', 'private.search_areas', 'private.search_tiles',
        'private.search_rates', 'private.open_payables', 'private.planned_charges', 'private.stay_months'
    ]),
    ('A row goes when its work is done.', array['private.erasures', 'private.calendar_changes', 'private.status_changes', 'private.unbalanced_transactions']),
    ('Rows go with their day in private.lost_demand_days.', array['private.lost_demand_callers']),
    ('An address that does not exist may not be mailed again; operators remove one with clear_bounce.', array['private.bounced_addresses']),
    ('Reference data and settings, which do not grow with use.', array[
        'private.settings', 'private.errors', 'private.retention', 'private.periodic_tasks', 'private.job_queues', 'private.internal_functions', 'private.internal_runs',
        'private.booking_transitions', 'private.property_transitions', 'private.platform_fees', 'private.host_cancellation_fees',
        'private.file_kinds', 'private.area_aliases', 'private.backup_state', 'private.metrics', 'private.metric_values',
        'private.status_counts', 'private.ledger_checks', 'public.amenities', 'public.currencies', 'public.time_zones', 'public.notification_kinds'
    ]),
    ('Jobs are deleted when they are done.', array['pgmq.q_object_removals', 'pgmq.q_mails', 'pgmq.q_webhooks']),
    ('Not in use: jobs are deleted, not archived.', array['pgmq.a_object_removals', 'pgmq.a_mails', 'pgmq.a_webhooks']),
    ('The extension''s own list of queues or jobs.', array['pgmq.meta', 'pgmq.notify_insert_throttle', 'pgmq.topic_bindings', 'cron.job']),
    ('pg_net deletes what was sent, and answers after 6 hours.', array['net.http_request_queue', 'net._http_response'])
) as k (reason, names)
cross join lateral unnest(k.names) as t (name);

create function private.retention_statement(p_rule private.retention) returns text
language sql immutable
set search_path = ''
as $$
    select format(
        case when p_rule.walk is null then $f$
            with old as (
                select ctid from %1$s where %2$s < $1 and %3$s order by %2$s limit $2 for update skip locked
            )
        $f$ else $f$
            with oldest as (
                select ctid, %2$s as age from %1$s where %3$s order by %4$s limit $2
            ),
            old as (select ctid from oldest where age < $1)
        $f$ end
        || case when p_rule.emptied is null then 'delete from %1$s' else 'update %1$s set %5$s' end
        || ' where ctid = any (array(select o.ctid from old o))',
        p_rule.table_name, p_rule.age, p_rule.condition, p_rule.walk, p_rule.emptied
    )
$$;
comment on function private.retention_statement is
    'The statement that removes one batch of a rule: $1 is the time before which rows are old, $2 the size of the batch. Rows that are locked wait for the next run.';

create function private.apply_retention(p_now timestamptz default now(), p_batch integer default 1000) returns bigint
language plpgsql
set search_path = ''
as $$
declare
    v_rule private.retention;
    v_count bigint;
    v_error text;
    v_total bigint := 0;
begin
    for v_rule in select r.* from private.retention r where r.keep is not null order by r.name loop
        v_count := 0;
        v_error := null;
        -- a rule that fails does not stop the others
        begin
            execute private.retention_statement(v_rule) using p_now - v_rule.keep, p_batch;
            get diagnostics v_count = row_count;
        exception when others then
            v_error := sqlerrm;
            raise warning 'retention of %: %', v_rule.name, sqlerrm;
        end;
        if v_count > 0 or v_error is distinct from v_rule.last_error then
            update private.retention r set removed = r.removed + v_count, last_error = v_error where r.name = v_rule.name;
        end if;
        v_total := v_total + v_count;
    end loop;
    return v_total;
end
$$;
comment on function private.apply_retention is
    'Periodic task: removes up to p_batch rows of each rule that are old at p_now, and returns how many in all.';
insert into private.periodic_tasks (name, command) values ('apply_retention', 'select private.apply_retention()');

create function private.retention()
returns table (name text, table_name text, keep interval, reason text, removed bigint, last_error text)
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query select r.name, r.table_name, r.keep, r.reason, r.removed, r.last_error from private.retention r order by r.keep nulls last, r.name;
end
$$;
grant execute on function private.retention to authenticated, service_role;
comment on function private.retention is 'See public.retention. Definer, because no API role may read private.retention.';

create function public.retention()
returns table (name text, table_name text, keep interval, reason text, removed bigint, last_error text)
language sql stable
set search_path = ''
as $$
    select * from private.retention()
$$;
grant execute on function public.retention to authenticated, service_role;
comment on function public.retention is
    'Returns how long the rows of each table are kept and why, and how many were removed so far; keep is null for what is kept for ever. For operators and monitoring.';
