-- Purpose: Stripe tasks: calls that the worker makes to Stripe, and events that it applies.
-- Touches: private.stripe_tasks and its functions, public.dead_stripe_tasks, triggers on private.stripe_tasks and public.payment_methods.
-- Watch: a task is a row and not a pgmq message, because it needs more than a queue gives: one row for each kind and subject, a
-- lease that a late worker cannot use any more, and given-up tasks that operators can read and replay. A task is inserted in the
-- transaction that causes it. Tasks with one ordering key (a booking) are done one at a time, in the order of their ids.

insert into private.errors (code, status, message, hint) values
    ('stripe_task_not_found', 404, 'There is no such Stripe task.', 'Send an id of dead_stripe_tasks.');

create table private.stripe_tasks (
    id bigint generated always as identity constraint stripe_tasks_pkey primary key,
    kind text not null constraint stripe_tasks_kind_is_known check (
        kind in ('event', 'charge', 'capture', 'cancel', 'refund', 'transfer', 'reversal', 'detach', 'delete_customer', 'sync', 'sweep', 'orphan')
    ),
    subject text not null,
    ordering_key text not null,
    attempts integer not null default 0,
    run_at timestamptz not null default now(),
    lease uuid,
    leased_until timestamptz,
    done_at timestamptz,
    dead_at timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    request_id text,
    constraint stripe_tasks_are_unique unique (kind, subject)
);
comment on table private.stripe_tasks is 'Work to do at Stripe, and events of Stripe to apply. One row for each kind and subject.';
comment on column private.stripe_tasks.subject is 'Id of the event, payment, refund, payout, reversal, card, customer, object at Stripe or orphan; of a charge, the payment''s id and the number of the attempt; of a sweep, its id and the page.';
comment on column private.stripe_tasks.ordering_key is
    'What the task is about: the id of a booking or, without one, of an object at Stripe. Set by a trigger.';
comment on column private.stripe_tasks.lease is 'Token of the worker that holds the task. A call with another token changes nothing.';
comment on column private.stripe_tasks.request_id is 'Id of the request that caused it; of an event, that of its object at Stripe. It never changes, because Stripe refuses other metadata under the same idempotency key.';

create index stripe_tasks_request_id_idx on private.stripe_tasks using hash (request_id) where request_id is not null;
create index stripe_tasks_due_idx on private.stripe_tasks (run_at, id) where done_at is null and dead_at is null;
create index stripe_tasks_ordering_idx on private.stripe_tasks (ordering_key, id) where done_at is null and dead_at is null;
-- no two workers hold tasks of one booking
create unique index stripe_tasks_lease_idx on private.stripe_tasks (ordering_key) where lease is not null;
-- not "where lease is not null", because the planner would read it to find the lease of one ordering key
create index stripe_tasks_leased_until_idx on private.stripe_tasks (leased_until) where leased_until is not null;
create index stripe_tasks_dead_idx on private.stripe_tasks (dead_at) where dead_at is not null;
alter table private.stripe_tasks enable row level security;
-- for the view dead_stripe_tasks, which runs as its caller; schema private is not exposed
grant select (id, kind, subject, attempts, run_at, dead_at, last_error, created_at) on private.stripe_tasks to authenticated, service_role;
create policy "Operators can read any" on private.stripe_tasks for select to operator using (true);

insert into private.internal_functions (name, every, repeats, runs) values ('money-worker', '200 milliseconds', true, 4);

create function private.ordering_key_of(p_kind text, p_subject text) returns text
language plpgsql stable
set search_path = ''
as $$
declare
    v_id text;
    v_payment text;
    v_object jsonb;
begin
    if p_kind in ('event', 'sync') then
        v_id := p_subject;
        if p_kind = 'event' then
            select coalesce(e.object_id, p_subject), e.payload #> '{data,object}' into v_id, v_object
            from private.stripe_events e where e.id = p_subject;
        end if;
        v_payment := coalesce(v_object ->> 'payment_intent', v_id);
        return coalesce(
            (select p.booking_id::text from public.payments p where p.stripe_payment_intent_id = v_payment),
            (select r.booking_id::text from public.refunds r where r.stripe_refund_id = v_id),
            (select y.booking_id::text from public.payouts y where y.stripe_transfer_id = v_id),
            (select o.booking_id::text from public.orphans o where o.stripe_id = v_payment),
            -- of a payment whose row does not have its id yet
            v_object #>> '{metadata,booking_id}', v_payment, p_subject
        );
    end if;
    return coalesce(
        case p_kind
            when 'charge' then (select p.booking_id::text from public.payments p where p.id = split_part(p_subject, ':', 1)::uuid)
            when 'capture' then (select p.booking_id::text from public.payments p where p.id = p_subject::uuid)
            when 'cancel' then (select p.booking_id::text from public.payments p where p.id = p_subject::uuid)
            when 'refund' then (select r.booking_id::text from public.refunds r where r.id = p_subject::uuid)
            when 'transfer' then (select y.booking_id::text from public.payouts y where y.id = p_subject::uuid)
            when 'reversal' then (
                select y.booking_id::text
                from private.payout_reversals v join public.payouts y on y.id = v.payout_id where v.id = p_subject::uuid
            )
            when 'orphan' then (select coalesce(o.booking_id::text, o.stripe_id) from public.orphans o where o.id = p_subject::uuid)
            -- the pages of one search
            when 'sweep' then 'sweep:' || split_part(p_subject, ':', 1)
        end,
        p_subject
    );
end
$$;
comment on function private.ordering_key_of is
    'The booking of a task; without one, the object at Stripe that it is about. An event names it by its object, or by the ids that Staybase gave that object.';

create function private.order_stripe_task() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    new.ordering_key := coalesce(new.ordering_key, private.ordering_key_of(new.kind, new.subject));
    -- behind a task that failed it would be looked at in vain until that task runs again
    new.run_at := greatest(new.run_at, (
        -- the sum keeps the planner from walking the index of due times
        select max(t.run_at + interval '0') from private.stripe_tasks t
        where t.ordering_key = new.ordering_key and t.done_at is null and t.dead_at is null
    ));
    return new;
end
$$;
comment on function private.order_stripe_task is
    'Trigger: gives a task its ordering key, and a time not before the tasks that it has to wait for. Definer, because it reads payments and their like for any writer.';
create trigger order_stripe_task before insert on private.stripe_tasks
    for each row execute function private.order_stripe_task();

create function private.enqueue_stripe_task(p_kind text, p_subject text, p_request_id text default private.request_id()) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into private.stripe_tasks (kind, subject, request_id) values (p_kind, p_subject, p_request_id) on conflict do nothing;
    if found then
        perform private.wake_worker('money-worker');
    end if;
end
$$;
comment on function private.enqueue_stripe_task is
    'Inserts a task, once for each kind and subject, and wakes the worker after the commit.';

create function private.wake_money_worker() returns void
language sql
set search_path = ''
as $$
    select private.wake_worker('money-worker')
    from (
        select from private.stripe_tasks t
        where
            t.done_at is null and t.dead_at is null and t.run_at <= now()
            and (t.lease is null or t.leased_until <= now())
            and t.kind <> all (array(select private.paused_task_kinds()))
        order by t.run_at, t.id
        limit 1
    ) due
$$;
comment on function private.wake_money_worker is
    'Wakes the worker when a task is due: one that failed, one whose worker died, or one whose first call was lost.';
insert into private.periodic_tasks (name, command, every) values ('wake_money_worker', 'select private.wake_money_worker()', '10 seconds');

create function private.detach_payment_method() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.enqueue_stripe_task('detach', old.stripe_payment_method_id);
    return null;
end
$$;
comment on function private.detach_payment_method is
    'Trigger: enqueues the removal of a deleted card at Stripe. Definer, because it runs as the person who deletes the card.';
create trigger detach_payment_method after delete on public.payment_methods
    for each row execute function private.detach_payment_method();

create function public.store_stripe_event(p_event jsonb) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into private.stripe_events (id, type, object_id, payload, created)
    values (
        p_event ->> 'id', p_event ->> 'type', p_event #>> '{data,object,id}', p_event,
        to_timestamp((p_event ->> 'created')::bigint)
    )
    on conflict do nothing;
    if not found then
        return false;
    end if;
    perform private.enqueue_stripe_task(
        'event', p_event ->> 'id',
        coalesce(private.valid_request_id(p_event #>> '{data,object,metadata,request_id}'), private.request_id())
    );
    return true;
end
$$;
grant execute on function public.store_stripe_event to service_role;
comment on function public.store_stripe_event is
    'Stores an event whose signature was verified and enqueues its task; returns false when it was stored before. For the service role; definer, because no API role may write private.stripe_events.';

create function private.payment_description(p_booking_id uuid) returns text
language sql stable
set search_path = ''
as $$
    select format('%s, %s to %s', b.property_title, b.check_in, b.check_out) from private.bookings b where b.id = p_booking_id
$$;
comment on function private.payment_description is 'Returns the description of a payment that guests see at Stripe.';

create function private.stripe_metadata(p_request_id text) returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_strip_nulls(jsonb_build_object('installation', s.value, 'request_id', p_request_id))
    from private.settings s where s.name = 'installation'
$$;
comment on function private.stripe_metadata is
    'Metadata of every payment, refund and transfer at Stripe: the installation that made it, which another one with the same account leaves alone, and the request that caused it.';

create function private.payment_metadata(p_payment public.payments) returns jsonb
language sql stable
set search_path = ''
as $$
    select
        jsonb_build_object('payment_id', p_payment.id, 'booking_id', p_payment.booking_id, 'guest_id', p_payment.guest_id, 'kind', p_payment.kind)
        || private.stripe_metadata(p_payment.request_id)
        -- only an unpaid stay never changes: Stripe refuses another request under the same idempotency key
        || case when p_payment.kind = 'booking' then jsonb_build_object(
            'property_id', b.property_id, 'check_in', b.check_in, 'check_out', b.check_out, 'adults', b.adults::text,
            'children', b.children::text, 'infants', b.infants::text, 'pets', b.pets::text, 'units', b.units::text, 'guest_total', b.guest_total::text,
            'host_total', b.host_total::text
        ) else '{}' end
    from private.bookings b
    where b.id = p_payment.booking_id
$$;
comment on function private.payment_metadata is
    'Metadata of a payment at Stripe, all values as text: its ids, and the stay that it pays for, from which a lost booking can be made again.';

create function private.task_message(p_task private.stripe_tasks) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return case p_task.kind
        when 'event' then (
            select jsonb_build_object(
                'type', e.type, 'account', e.payload -> 'account',
                -- the payload is emptied after a time
                'object', coalesce(e.payload #> '{data,object}', jsonb_build_object('id', e.object_id))
            )
            from private.stripe_events e where e.id = p_task.subject
        )
        when 'refund' then (
            select jsonb_build_object(
                'refund_id', r.id, 'status', r.status, 'payment_intent', p.stripe_payment_intent_id,
                'amount', private.stripe_amount(r.amount, r.currency),
                'metadata', jsonb_build_object('refund_id', r.id, 'booking_id', r.booking_id) || private.stripe_metadata(p_task.request_id)
            )
            from public.refunds r join public.payments p on p.id = r.payment_id where r.id = p_task.subject::uuid
        )
        when 'charge' then (
            select jsonb_build_object(
                'payment_id', p.id, 'status', p.status, 'payment_intent', p.stripe_payment_intent_id,
                'booking_id', p.booking_id, 'metadata', private.payment_metadata(p), 'amount', private.stripe_amount(p.amount, p.currency), 'currency', p.currency,
                'customer', (select c.stripe_customer_id from private.stripe_customers c where c.profile_id = p.guest_id),
                'payment_method', m.stripe_payment_method_id, 'description', private.payment_description(p.booking_id)
            )
            from public.payments p
            left join public.payment_methods m on m.id = p.payment_method_id
            where p.id = split_part(p_task.subject, ':', 1)::uuid
        )
        when 'detach' then jsonb_build_object('payment_method', p_task.subject)
        when 'delete_customer' then jsonb_build_object('customer', p_task.subject)
        when 'transfer' then jsonb_build_object('payout_id', p_task.subject)
        when 'reversal' then jsonb_build_object('reversal_id', p_task.subject)
        when 'sync' then jsonb_build_object('id', p_task.subject)
        when 'sweep' then (
            select jsonb_build_object(
                'sweep_id', s.id, 'page', s.page, 'list', s.list, 'cursor', s.cursor,
                'since', floor(extract(epoch from nullif(s.since, '-infinity')))
            )
            from public.orphan_sweeps s where s.id = split_part(p_task.subject, ':', 1)::bigint
        )
        when 'orphan' then private.orphan_message(p_task.subject::uuid, p_task.request_id)
        else (
            select jsonb_build_object('payment_intent', p.stripe_payment_intent_id)
            from public.payments p where p.id = p_task.subject::uuid
        )
    end;
end
$$;
comment on function private.task_message is 'Returns what a worker needs for a task; amounts in Stripe''s units.';

create function public.take_stripe_tasks(p_limit integer default 20)
returns table (task_id bigint, lease uuid, kind text, subject text, attempt integer, message jsonb, is_old boolean, request_id text)
language plpgsql security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_limit constant integer := least(greatest(p_limit, 1), 100);
    v_paused constant text[] := array(select private.paused_task_kinds());
    v_now timestamptz;
    v_taken integer;
begin
    -- two workers that looked at the same time could both find a booking free
    perform pg_advisory_xact_lock(hashtextextended('take_stripe_tasks', 0));
    v_now := clock_timestamp();
    update private.stripe_tasks t set lease = null, leased_until = null where t.lease is not null and t.leased_until <= v_now;
    return query
        with due as (
            select t.id
            from private.stripe_tasks t
            where
                t.done_at is null and t.dead_at is null and t.run_at <= v_now and t.lease is null and t.kind <> all (v_paused)
                -- No task waits for a paused one: a refund does not wait for a payout. Unlike "not exists", this is never
                -- planned as a join with all open tasks.
                and (
                    select o.id from private.stripe_tasks o
                    where
                        o.ordering_key = t.ordering_key and o.done_at is null and o.dead_at is null
                        and (o.lease is not null or o.id < t.id and o.kind <> all (v_paused))
                    limit 1
                ) is null
            order by t.run_at, t.id
            limit v_limit
            for update skip locked
        ),
        taken as (
            update private.stripe_tasks t
            set attempts = t.attempts + 1, lease = gen_random_uuid(), leased_until = clock_timestamp() + interval '60 seconds'
            from due
            where t.id = due.id
            returning t.*
        )
        select t.id, t.lease, t.kind, t.subject, t.attempts, private.task_message(t::private.stripe_tasks),
            t.created_at < clock_timestamp() - interval '20 hours', t.request_id
        from taken t
        order by t.run_at, t.id;
    get diagnostics v_taken = row_count;
    if v_taken = v_limit then
        perform private.wake_another_run('money-worker');
    end if;
end
$$;
grant execute on function public.take_stripe_tasks to service_role;
comment on function public.take_stripe_tasks is
    'Takes up to p_limit (1 to 100) due tasks, of kinds that are not paused, under a lease of 60 seconds: of each booking the oldest, unless another worker holds one. is_old: Stripe may have forgotten the task''s idempotency key, so the worker looks first for what the task made before. For the service role; definer, because no API role may write private.stripe_tasks.';

create function public.finish_stripe_task(p_task_id bigint, p_lease uuid, p_outcome text default 'applied') returns boolean
language plpgsql security definer
set search_path = ''
as $$
declare
    v_task private.stripe_tasks;
begin
    update private.stripe_tasks t
    set done_at = clock_timestamp(), lease = null, leased_until = null, last_error = null
    where t.id = p_task_id and t.lease = p_lease
    returning t.* into v_task;
    if v_task.kind = 'event' then
        update private.stripe_events e set applied_at = clock_timestamp(), outcome = p_outcome where e.id = v_task.subject;
    end if;
    return v_task.id is not null;
end
$$;
grant execute on function public.finish_stripe_task to service_role;
comment on function public.finish_stripe_task is
    'Marks a task as done; returns false when another worker holds its lease. For the service role; definer, because no API role may write private.stripe_tasks.';

create function public.fail_stripe_task(p_task_id bigint, p_lease uuid, p_error text, p_is_final boolean default false) returns boolean
language plpgsql security definer
set search_path = ''
as $$
declare
    v_task private.stripe_tasks;
begin
    update private.stripe_tasks t
    set
        lease = null, leased_until = null, last_error = left(p_error, 1000),
        -- 2 s, 4 s, 8 s, ... up to an hour, and a random part so that tasks do not all return at once
        run_at = clock_timestamp() + least(interval '1 hour', interval '1 second' * 2 ^ t.attempts) * (1 + random() / 4),
        dead_at = case
            when p_is_final or t.attempts >= (select s.value::integer from private.settings s where s.name = 'stripe_task_attempts')
            then clock_timestamp()
        end
    where t.id = p_task_id and t.lease = p_lease
    returning t.* into v_task;
    -- the tasks that wait for it, so that workers do not look at them until then
    update private.stripe_tasks t
    set run_at = v_task.run_at
    where
        v_task.dead_at is null and t.ordering_key = v_task.ordering_key and t.done_at is null and t.dead_at is null
        and t.id > v_task.id and t.run_at < v_task.run_at;
    return v_task.id is not null;
end
$$;
grant execute on function public.fail_stripe_task to service_role;
comment on function public.fail_stripe_task is
    'Schedules the next attempt of a failed task, for which the later tasks of its booking wait, after a growing pause, or gives it up after too many attempts or when p_is_final. For the service role; definer, because no API role may write private.stripe_tasks.';

create view public.dead_stripe_tasks with (security_invoker = on) as
select t.id, t.kind, t.subject, t.attempts, t.dead_at, t.last_error, t.created_at
from private.stripe_tasks t
where t.dead_at is not null;
comment on view public.dead_stripe_tasks is
    '@graphql({"primary_key_columns": ["id"]}) Stripe tasks that were given up, and why. For operators; replay_stripe_task tries one again.';
comment on column public.dead_stripe_tasks.kind is 'event, charge, capture, cancel, refund, transfer, reversal, detach, delete_customer, sync, sweep or orphan.';
comment on column public.dead_stripe_tasks.subject is 'Id of the event, payment, refund, payout, reversal, card, customer, object at Stripe or orphan; of a charge, the payment''s id and the number of the attempt; of a sweep, its id and the page.';
comment on column public.dead_stripe_tasks.attempts is 'Number of attempts.';
comment on column public.dead_stripe_tasks.dead_at is 'When the task was given up.';
comment on column public.dead_stripe_tasks.last_error is 'Error of the last attempt.';
grant select on public.dead_stripe_tasks to authenticated, service_role;

create function private.replay_stripe_task(p_task_id bigint) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    update private.stripe_tasks t
    set dead_at = null, done_at = null, attempts = 0, run_at = now(), lease = null, leased_until = null
    where t.id = p_task_id;
    if not found then
        perform private.raise_error('stripe_task_not_found');
    end if;
    perform private.wake_worker('money-worker');
end
$$;
grant execute on function private.replay_stripe_task to authenticated, service_role;
comment on function private.replay_stripe_task is 'See public.replay_stripe_task. Definer, because no API role may write private.stripe_tasks; requires an operator or the service role.';

create function public.replay_stripe_task(p_task_id bigint) returns void
language sql
set search_path = ''
as $$
    select private.replay_stripe_task(p_task_id)
$$;
grant execute on function public.replay_stripe_task to authenticated, service_role;
comment on function public.replay_stripe_task is
    'Runs a Stripe task again, whether it was given up or done. For operators; running a task twice does no harm.';
