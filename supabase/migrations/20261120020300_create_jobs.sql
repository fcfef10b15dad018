-- Purpose: reliable background jobs. Workers take jobs under a lease, failed jobs are retried after growing pauses, and jobs that
-- failed too often become dead jobs, which operators replay or delete.
-- Touches: private.job_queues, job_failures, enqueue_job, enqueue_job_at, wake_worker, wake_another_run, require_operator; public.dead_jobs,
-- take_jobs, finish_job, fail_job, replay_dead_job, replay_dead_jobs, job_metrics.
-- Watch: the attempt that take_jobs returns is the fencing token: once another worker has taken the job, the first can neither
-- finish nor fail it. To add a queue, create it with pgmq.create and insert a row into private.job_queues.

insert into private.errors (code, status, message, hint) values
    ('queue_not_found', 404, 'There is no queue "{name}".', 'Send a queue that job_metrics lists.'),
    ('dead_job_not_found', 404, 'There is no dead job with this id.', 'Read dead_jobs again: it may have been replayed or deleted.');

create table private.job_queues (
    queue text constraint job_queues_pkey primary key,
    worker text not null,
    lease_seconds integer not null default 60 constraint job_queues_lease_range check (lease_seconds between 1 and 3600),
    max_attempts smallint not null default 8 constraint job_queues_max_attempts_range check (max_attempts between 1 and 100),
    first_pause interval not null default '10 seconds',
    longest_pause interval not null default '1 hour',
    constraint job_queues_pauses_grow check (first_pause > '0' and longest_pause >= first_pause)
);
comment on table private.job_queues is
    'All queues: the Edge Function that works on each, the length of a lease, the number of attempts and the pauses between them.';
comment on column private.job_queues.first_pause is 'Pause after the first failure. It doubles after each further failure, up to longest_pause, and varies by a quarter.';
alter table private.job_queues enable row level security;

select pgmq.create('object_removals');
insert into private.job_queues (queue, worker) values ('object_removals', 'remove-objects');

create table private.job_failures (
    id bigint generated always as identity constraint job_failures_pkey primary key,
    queue text not null constraint job_failures_queue_fkey references private.job_queues (queue) on delete cascade,
    job_id bigint not null,
    attempt integer not null,
    error text not null,
    at timestamptz not null default clock_timestamp()
);
comment on table private.job_failures is 'Failed attempts of the last 30 days.';
create index job_failures_queue_idx on private.job_failures (queue, at);
alter table private.job_failures enable row level security;

create table public.dead_jobs (
    id bigint generated always as identity constraint dead_jobs_pkey primary key,
    queue text not null constraint dead_jobs_queue_fkey references private.job_queues (queue) on delete cascade,
    job_id bigint not null,
    message jsonb not null,
    attempts integer not null,
    error text not null,
    enqueued_at timestamptz not null,
    died_at timestamptz not null default clock_timestamp(),
    request_id text
);
comment on table public.dead_jobs is
    'Jobs that failed too often. Operators replay one with replay_dead_job or a whole queue with replay_dead_jobs, or delete what is no longer needed.';
comment on column public.dead_jobs.queue is 'Queue of the job; a replay puts the job back into it.';
comment on column public.dead_jobs.message is 'Content of the job.';
comment on column public.dead_jobs.attempts is 'Number of attempts.';
comment on column public.dead_jobs.error is 'Error of the last attempt.';
comment on column public.dead_jobs.enqueued_at is 'When the job was queued.';
comment on column public.dead_jobs.died_at is 'When the job was moved here.';
comment on column public.dead_jobs.request_id is 'Id of the request that queued the job; a replay keeps it. Null when the clock did.';

create index dead_jobs_queue_idx on public.dead_jobs (queue, died_at);

alter table public.dead_jobs enable row level security;

grant select, delete on public.dead_jobs to authenticated, service_role;

create policy "Operators can read any" on public.dead_jobs for select to operator using (true);
create policy "Operators can delete dead jobs" on public.dead_jobs for delete to authenticated
    using ((select private.is_operator()));

create function private.request_header() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_strip_nulls(jsonb_build_object('x-request-id', private.request_id()))
$$;
comment on function private.request_header is 'The header that carries the id of this request on; empty outside the API.';

create function private.job_headers(p_request_id text) returns jsonb
language sql immutable
set search_path = ''
as $$
    select jsonb_build_object('request_id', p_request_id) where p_request_id is not null
$$;
comment on function private.job_headers is 'Headers of a job in its queue: the request that queued it.';

create function private.wake_worker(p_worker text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_key constant text := 'staybase.woken_' || replace(p_worker, '-', '_');
begin
    -- once a transaction, however many jobs it queues; a rollback undoes both the flag and the request
    if coalesce(current_setting(v_key, true), '') = '' and not private.is_paused('all') then
        perform set_config(v_key, 'yes', true);
        perform net.http_post(
            url := (select s.value from private.settings s where s.name = 'functions_url') || '/' || p_worker,
            -- the worker answers before it works, because pg_net sends no other request while it waits for an answer
            headers := jsonb_build_object(
                'content-type', 'application/json', 'prefer', 'respond-async',
                'apikey', (select s.decrypted_secret from vault.decrypted_secrets s where s.name = 'service_key')
            ) || private.request_header(),
            timeout_milliseconds := 30000
        );
    end if;
end
$$;
comment on function private.wake_worker is
    'Calls the Edge Function p_worker once, after this transaction commits. Definer, because triggers that fire for any role call it and only the owner may read the service key.';

create function private.wake_another_run(p_worker text) returns void
language sql
set search_path = ''
as $$
    select private.wake_worker(f.name)
    from private.internal_functions f
    where
        f.name = p_worker
        and f.runs > (
            select count(*) from private.internal_runs r where r.function_name = f.name and r.leased_until > clock_timestamp()
        )
$$;
comment on function private.wake_another_run is
    'Calls a worker that found more work than it takes at once, unless all its runs are going on.';

create function private.enqueue_job(p_queue text, p_message jsonb, p_worker text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform pgmq.send(p_queue, p_message, private.job_headers(private.request_id()));
    perform private.wake_worker(p_worker);
end
$$;
comment on function private.enqueue_job is
    'Queues a job in this transaction and wakes its worker after the commit. Definer, because queues belong to the owner of the database.';

create function private.enqueue_job_at(
    p_queue text, p_message jsonb, p_at timestamptz default now(), p_request_id text default private.request_id()
) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if p_at > now() then
        perform pgmq.send(p_queue, p_message, private.job_headers(p_request_id), p_at);
    else
        perform pgmq.send(p_queue, p_message, private.job_headers(p_request_id));
        perform private.wake_worker(q.worker) from private.job_queues q where q.queue = p_queue;
    end if;
end
$$;
comment on function private.enqueue_job_at is
    'Queues a job in this transaction, to be done at p_at or later; its worker works for the request p_request_id. Definer, because queues belong to the owner of the database.';

create function private.move_to_dead_jobs(p_queue text, p_job_id bigint, p_attempt integer, p_error text) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_job record;
begin
    execute format('delete from pgmq.%I where msg_id = $1 and read_ct = $2 returning message, enqueued_at, headers', 'q_' || p_queue)
    into v_job using p_job_id, p_attempt;
    if v_job.message is null then
        return false;
    end if;
    insert into public.dead_jobs (queue, job_id, message, attempts, error, enqueued_at, request_id)
    values (p_queue, p_job_id, v_job.message, p_attempt, p_error, v_job.enqueued_at, v_job.headers ->> 'request_id');
    return true;
end
$$;
comment on function private.move_to_dead_jobs is
    'Moves a job to dead_jobs. Returns false when another attempt than p_attempt holds it.';

create function public.take_jobs(p_queue text, p_limit integer default 10)
returns table (job_id bigint, attempt integer, message jsonb, request_id text)
language plpgsql security definer
set search_path = ''
as $$
declare
    v_queue private.job_queues;
    v_limit constant integer := least(greatest(p_limit, 1), 100);
    v_taken integer := 0;
    v_job record;
begin
    select q.* into v_queue from private.job_queues q where q.queue = p_queue;
    if not found then
        perform private.raise_error('queue_not_found', jsonb_build_object('name', p_queue));
    end if;
    if private.is_paused('all') then
        return;
    end if;
    -- not pgmq.read, which passes over every job that is not due: a million delayed ones would be read each time
    for v_job in execute format(
        'with due as (
            select q.msg_id from pgmq.%1$I q where q.vt <= $1 order by q.vt limit $2 for update skip locked
        ),
        taken as (
            update pgmq.%1$I q set vt = clock_timestamp() + $3, read_ct = q.read_ct + 1
            from due where q.msg_id = due.msg_id
            returning q.msg_id, q.read_ct, q.message, q.headers
        )
        select t.msg_id, t.read_ct, t.message, t.headers from taken t order by t.msg_id',
        'q_' || p_queue
    ) using clock_timestamp(), v_limit, make_interval(secs => v_queue.lease_seconds) loop
        v_taken := v_taken + 1;
        if v_job.read_ct > v_queue.max_attempts then
            perform private.move_to_dead_jobs(p_queue, v_job.msg_id, v_job.read_ct, 'Its workers died or ran out of time.');
        else
            job_id := v_job.msg_id;
            attempt := v_job.read_ct;
            message := v_job.message;
            request_id := v_job.headers ->> 'request_id';
            return next;
        end if;
    end loop;
    if v_taken = v_limit then
        perform private.wake_another_run(v_queue.worker);
    end if;
end
$$;
grant execute on function public.take_jobs to service_role;
comment on function public.take_jobs is
    'Takes up to p_limit (1 to 100) jobs of a queue, those that have been due longest, for the length of its lease; then a job that was neither finished nor failed can be taken again, up to the allowed number of attempts. For workers: service role only; definer, because queues belong to the owner of the database.';

create function public.finish_job(p_queue text, p_job_id bigint, p_attempt integer) returns boolean
language plpgsql security definer
set search_path = ''
as $$
declare
    v_id bigint;
begin
    perform from private.job_queues q where q.queue = p_queue;
    if found then
        execute format('delete from pgmq.%I where msg_id = $1 and read_ct = $2 returning msg_id', 'q_' || p_queue)
        into v_id using p_job_id, p_attempt;
    end if;
    return v_id is not null;
end
$$;
grant execute on function public.finish_job(text, bigint, integer) to service_role;
comment on function public.finish_job(text, bigint, integer) is
    'Removes a job that is done; returns false when it was removed before or another worker has taken it since p_attempt. For workers: service role only; definer, because queues belong to the owner of the database.';

create function public.fail_job(p_queue text, p_job_id bigint, p_attempt integer, p_error text, p_final boolean default false)
returns timestamptz
language plpgsql security definer
set search_path = ''
as $$
declare
    v_queue private.job_queues;
    v_error constant text := left(coalesce(nullif(p_error, ''), 'failed'), 1000);
    v_next timestamptz;
begin
    select q.* into v_queue from private.job_queues q where q.queue = p_queue;
    if not found then
        return null;
    elsif p_final or p_attempt >= v_queue.max_attempts then
        if private.move_to_dead_jobs(p_queue, p_job_id, p_attempt, v_error) then
            insert into private.job_failures (queue, job_id, attempt, error) values (p_queue, p_job_id, p_attempt, v_error);
        end if;
        return null;
    end if;
    v_next := clock_timestamp()
        + least(v_queue.longest_pause, v_queue.first_pause * 2 ^ least(p_attempt - 1, 30)) * (0.75 + random() / 2);
    execute format('update pgmq.%I set vt = $3 where msg_id = $1 and read_ct = $2 returning vt', 'q_' || p_queue)
    into v_next using p_job_id, p_attempt, v_next;
    if v_next is not null then
        insert into private.job_failures (queue, job_id, attempt, error) values (p_queue, p_job_id, p_attempt, v_error);
    end if;
    return v_next;
end
$$;
grant execute on function public.fail_job to service_role;
comment on function public.fail_job is
    'Records a failed attempt and returns the time of the next; null when the job is dead (too many attempts, or p_final: a retry cannot help) or another worker has taken it since. For workers: service role only; definer, because queues belong to the owner of the database.';

create function private.require_operator() returns void
language plpgsql stable
set search_path = ''
as $$
begin
    if auth.uid() is not null and not (select private.is_operator()) then
        perform private.raise_error('operators_only');
    end if;
end
$$;
comment on function private.require_operator is
    'Refuses signed-in users who are not operators. Callers without a user (the service role, the owner) pass, so a function that anon can call must not rely on it.';

create function private.replay_dead_job(p_id bigint) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_job public.dead_jobs;
begin
    perform private.require_operator();
    delete from public.dead_jobs d where d.id = p_id returning d.* into v_job;
    if v_job.id is null then
        perform private.raise_error('dead_job_not_found');
    end if;
    perform private.enqueue_job_at(v_job.queue, v_job.message, p_request_id => v_job.request_id);
end
$$;
grant execute on function private.replay_dead_job to authenticated, service_role;
comment on function private.replay_dead_job is
    'See public.replay_dead_job. Definer, because queues belong to the owner of the database.';

create function public.replay_dead_job(p_id bigint) returns void
language sql
set search_path = ''
as $$
    select private.replay_dead_job(p_id)
$$;
grant execute on function public.replay_dead_job to authenticated, service_role;
comment on function public.replay_dead_job is 'Puts a dead job back into its queue as a new job. For operators.';

create function private.replay_dead_jobs(p_queue text) returns bigint
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count bigint;
begin
    perform private.require_operator();
    with replayed as (
        delete from public.dead_jobs d where d.queue = p_queue returning d.message, d.request_id
    )
    select count(private.enqueue_job_at(p_queue, r.message, p_request_id => r.request_id)) into v_count from replayed r;
    return v_count;
end
$$;
grant execute on function private.replay_dead_jobs to authenticated, service_role;
comment on function private.replay_dead_jobs is 'See public.replay_dead_jobs. Definer, because queues belong to the owner of the database.';

create function public.replay_dead_jobs(p_queue text) returns bigint
language sql
set search_path = ''
as $$
    select private.replay_dead_jobs(p_queue)
$$;
grant execute on function public.replay_dead_jobs to authenticated, service_role;
comment on function public.replay_dead_jobs is
    'Puts all dead jobs of a queue back into it, for example after an outage, and returns their number. For operators.';

create function private.job_metrics()
returns table (queue text, depth bigint, ready bigint, oldest_seconds integer, failures_last_hour bigint, dead bigint)
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query
        select
            q.queue, m.queue_length, m.queue_visible_length, coalesce(m.oldest_msg_age_sec, 0),
            (select count(*) from private.job_failures f where f.queue = q.queue and f.at > now() - interval '1 hour'),
            (select count(*) from public.dead_jobs d where d.queue = q.queue)
        from private.job_queues q
        cross join lateral pgmq.metrics(q.queue) m
        order by q.queue;
end
$$;
grant execute on function private.job_metrics to authenticated, service_role;
comment on function private.job_metrics is 'See public.job_metrics. Definer, because queues belong to the owner of the database.';

create function public.job_metrics()
returns table (queue text, depth bigint, ready bigint, oldest_seconds integer, failures_last_hour bigint, dead bigint)
language sql stable
set search_path = ''
as $$
    select * from private.job_metrics()
$$;
grant execute on function public.job_metrics to authenticated, service_role;
comment on function public.job_metrics is
    'Returns for each queue: its jobs, the jobs that can be taken now, seconds since the oldest was queued, failed attempts of the last hour, dead jobs. For operators and monitoring.';
