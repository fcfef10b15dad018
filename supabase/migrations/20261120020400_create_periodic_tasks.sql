-- Purpose: periodic tasks, run by one cron job from a table.
-- Touches: private.periodic_tasks, run_periodic_tasks, wake_workers, remove_old_records; public.periodic_tasks; one cron job.
-- Watch: to add a task, insert a row into private.periodic_tasks in the migration that creates its function.

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
        execute format('select exists (select from pgmq.%I where vt <= clock_timestamp())', 'q_' || v_queue.queue) into v_ready;
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

create function private.remove_old_records() returns void
language sql
set search_path = ''
as $$
    delete from private.job_failures f where f.at < now() - interval '30 days';
    delete from cron.job_run_details d where d.end_time < now() - interval '7 days';
$$;
comment on function private.remove_old_records is 'Deletes failed attempts after 30 days and records of cron runs after 7 days.';

create table private.periodic_tasks (
    name text constraint periodic_tasks_pkey primary key,
    command text not null,
    every interval not null default '1 minute' constraint periodic_tasks_every_is_positive check (every > '0'),
    last_run_at timestamptz,
    last_error text,
    last_error_at timestamptz
);
comment on table private.periodic_tasks is 'All periodic tasks. run_periodic_tasks runs those that are due.';
comment on column private.periodic_tasks.command is 'One SQL command. It runs as the owner, in a subtransaction of its own.';
comment on column private.periodic_tasks.last_error is 'Error of the last run that failed.';
alter table private.periodic_tasks enable row level security;

insert into private.periodic_tasks (name, command, every) values
    ('remove_old_records', 'select private.remove_old_records()', '1 hour'),
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

create function private.run_periodic_tasks() returns void
language plpgsql
set search_path = ''
as $$
declare
    v_task record;
    v_error text;
begin
    -- one run at a time: the next run does not start while a long one continues
    if not pg_try_advisory_xact_lock(hashtextextended('private.run_periodic_tasks', 0)) then
        return;
    end if;
    for v_task in
        select t.name, t.command from private.periodic_tasks t
        -- one second early is on time, because cron is not exact
        where t.last_run_at is null or t.last_run_at + t.every <= now() + interval '1 second'
        -- workers are woken last, for what the other tasks have enqueued
        order by starts_with(t.name, 'wake_'), t.name
    loop
        begin
            execute v_task.command;
            -- a deferred constraint that fails at the commit would undo all tasks
            set constraints all immediate;
            v_error := null;
        exception when others then
            v_error := sqlerrm;
            raise warning '%: %', v_task.name, sqlerrm;
        end;
        set constraints all deferred;
        update private.periodic_tasks t
        set
            last_run_at = now(),
            last_error = coalesce(v_error, t.last_error),
            last_error_at = case when v_error is null then t.last_error_at else now() end
        where t.name = v_task.name;
    end loop;
end
$$;
comment on function private.run_periodic_tasks is
    'Runs the tasks of private.periodic_tasks that are due, each in a subtransaction, so that a failed task does not stop the others. The cron job run-periodic-tasks calls it every 10 seconds.';
select cron.schedule('run-periodic-tasks', '10 seconds', 'select private.run_periodic_tasks()');
