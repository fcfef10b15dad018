-- Purpose: periodic tasks, run from a table by a few cron jobs, so that a task that takes long delays no other.
-- Touches: private.periodic_tasks, begin_periodic_task, run_periodic_task, wake_workers; public.periodic_tasks; three cron jobs.
-- Watch: to add a task, insert a row into private.periodic_tasks in the migration that creates its function. A task that is not over
-- at its time limit loses its connection: its work is undone. Other tasks can run at the same time; the same task never runs twice at once.

create function private.wake_workers() returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queue record;
    v_ready boolean;
    v_count integer := 0;
begin
    for v_queue in select q.queue, q.worker from private.job_queues q order by q.queue loop
        execute format('select min(q.vt) <= clock_timestamp() from pgmq.%I q', 'q_' || v_queue.queue) into v_ready;
        if v_ready then
            perform private.wake_worker(v_queue.worker);
            v_count := v_count + 1;
        end if;
    end loop;
    return v_count;
end
$$;
comment on function private.wake_workers is
    'Wakes the workers of all queues with jobs that can be taken now, and returns their number. This picks up delayed and failed jobs, and those of a worker that stopped.';

create table private.periodic_tasks (
    name text constraint periodic_tasks_pkey primary key,
    command text not null,
    every interval not null default '1 minute' constraint periodic_tasks_every_is_positive check (every > '0'),
    time_limit interval not null default '30 seconds' constraint periodic_tasks_time_limit_is_positive check (time_limit > '0'),
    started_at timestamptz,
    last_run_at timestamptz,
    last_error text,
    last_error_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table private.periodic_tasks is 'All periodic tasks. The cron jobs run-periodic-tasks-1 to -3 run those that are due.';
comment on column private.periodic_tasks.command is 'One SQL command. It runs as the owner, in a transaction of its own.';
comment on column private.periodic_tasks.time_limit is 'How long a run may take.';
comment on column private.periodic_tasks.started_at is 'When the present run began; null when there is none.';
comment on column private.periodic_tasks.last_run_at is 'When the last run that has ended began.';
comment on column private.periodic_tasks.last_error is 'Error of the last run that failed.';
comment on column private.periodic_tasks.created_at is 'When the task was added; until its first run, it counts as late from here.';
alter table private.periodic_tasks enable row level security;

insert into private.periodic_tasks (name, command, every) values
    ('wake_workers', 'select private.wake_workers()', '10 seconds');

create function private.periodic_tasks()
returns table (name text, every interval, last_run_at timestamptz, last_error text, last_error_at timestamptz)
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query select t.name, t.every, t.last_run_at, t.last_error, t.last_error_at from private.periodic_tasks t order by t.name;
end
$$;
grant execute on function private.periodic_tasks to authenticated, service_role;
comment on function private.periodic_tasks is 'See public.periodic_tasks. Definer, because no API role may read private.periodic_tasks.';

create function public.periodic_tasks()
returns table (name text, every interval, last_run_at timestamptz, last_error text, last_error_at timestamptz)
language sql stable
set search_path = ''
as $$
    select * from private.periodic_tasks()
$$;
grant execute on function public.periodic_tasks to authenticated, service_role;
comment on function public.periodic_tasks is
    'Returns all periodic tasks: how often each is due, when it ran last, and its last error. For operators and monitoring.';

create function private.begin_periodic_task(p_since timestamptz) returns private.periodic_tasks
language plpgsql
set search_path = ''
as $$
declare
    v_task private.periodic_tasks;
begin
    if private.is_paused('all') then
        return null;
    end if;
    -- no run is left at its time limit, and one that is about to end holds the lock of its task
    update private.periodic_tasks t
    set
        started_at = null, last_run_at = t.started_at, last_error_at = t.started_at,
        last_error = format('It did not end within %s.', t.time_limit)
    where t.name in (
        select s.name from private.periodic_tasks s where s.started_at + s.time_limit <= clock_timestamp() for update skip locked
    );
    select t.* into v_task
    from private.periodic_tasks t
    where
        t.started_at is null
        -- one second early is on time, because cron is not exact
        and (t.last_run_at is null or t.last_run_at < p_since and t.last_run_at + t.every <= p_since + interval '1 second')
    order by
        -- after the others: a task that failed last time, and the tasks that wake workers for what the others have enqueued
        coalesce(t.last_error_at = t.last_run_at, false), starts_with(t.name, 'wake_'), t.name
    limit 1
    for update skip locked;
    update private.periodic_tasks t set started_at = clock_timestamp() where t.name = v_task.name returning t.* into v_task;
    return v_task;
end
$$;
comment on function private.begin_periodic_task is
    'Begins the next task that is due at p_since and has not run since, and returns it; null when there is none, or everything is paused. Records tasks that did not end.';

create function private.run_periodic_task(p_task private.periodic_tasks) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_error text;
begin
    perform from private.periodic_tasks t where t.name = p_task.name and t.started_at = p_task.started_at for update;
    if not found then
        -- another run has recorded that this one did not end
        return;
    end if;
    begin
        execute p_task.command;
        -- a deferred constraint that fails at the commit would undo the record of the run too
        set constraints all immediate;
    exception when others then
        v_error := sqlerrm;
        raise warning '%: %', p_task.name, sqlerrm;
    end;
    set constraints all deferred;
    update private.periodic_tasks t
    set
        started_at = null, last_run_at = t.started_at,
        last_error = coalesce(v_error, t.last_error),
        last_error_at = case when v_error is null then t.last_error_at else t.started_at end
    where t.name = p_task.name;
end
$$;
comment on function private.run_periodic_task is 'Runs a task that begin_periodic_task has begun, and records the result.';

-- Each task has a transaction of its own, with its time limit. The block is the whole command, because only then may it commit; a
-- procedure would need a search_path of its own, with which it could not. While a task takes long, the other two jobs run the others.
select cron.schedule('run-periodic-tasks-' || n, '10 seconds', $command$do $$
declare
    v_since constant timestamptz := clock_timestamp();
    v_task private.periodic_tasks;
begin
    loop
        v_task := private.begin_periodic_task(v_since);
        commit;
        exit when v_task.name is null;
        perform set_config('transaction_timeout', (extract(epoch from v_task.time_limit) * 1000)::integer::text, true);
        perform private.run_periodic_task(v_task);
        commit;
    end loop;
end $$$command$)
from generate_series(1, 3) n;
