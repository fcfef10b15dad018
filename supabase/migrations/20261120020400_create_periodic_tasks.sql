-- Purpose: periodic work: one cron job, and a table that says what is due when.
-- Touches: private.periodic_tasks, run_periodic_tasks, wake_workers, remove_old_records; public.periodic_tasks.
-- Watch: new periodic work is a row of private.periodic_tasks, inserted by the migration that creates its function.

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
    'Wakes the workers of queues in which something can be taken: what was delayed, what failed, what a worker that died left behind. Called by run_periodic_tasks.';

create function private.remove_old_records() returns void
language sql
set search_path = ''
as $$
    delete from private.job_failures f where f.at < now() - interval '30 days';
    delete from cron.job_run_details d where d.end_time < now() - interval '7 days';
$$;
comment on function private.remove_old_records is 'Deletes records of background work that nobody reads any more. Called by run_periodic_tasks.';

create table private.periodic_tasks (
    name text constraint periodic_tasks_pkey primary key,
    command text not null,
    every interval not null default '1 minute' constraint periodic_tasks_every_is_positive check (every > '0'),
    last_run_at timestamptz,
    last_error text,
    last_error_at timestamptz
);
comment on table private.periodic_tasks is 'All periodic work: a row each, done by run_periodic_tasks. A migration that adds some inserts a row.';
comment on column private.periodic_tasks.command is 'One SQL command; it runs as the owner, alone in a subtransaction.';
comment on column private.periodic_tasks.last_error is 'What the last run that failed said.';
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
comment on function private.periodic_tasks is 'See public.periodic_tasks. Definer, because no role may read schema private.';

create function public.periodic_tasks()
returns table (name text, every interval, last_run_at timestamptz, last_error text, last_error_at timestamptz)
language sql stable
set search_path = ''
as $$
    select * from private.periodic_tasks()
$$;
grant execute on function public.periodic_tasks to authenticated, service_role;
comment on function public.periodic_tasks is
    'All periodic work: how often it is due, when it ran last, and what its last failure said and when. For operators and monitoring.';

create function private.run_periodic_tasks() returns void
language plpgsql
set search_path = ''
as $$
declare
    v_task record;
    v_error text;
begin
    -- one at a time: a run that takes long is not overtaken
    if not pg_try_advisory_xact_lock(hashtextextended('private.run_periodic_tasks', 0)) then
        return;
    end if;
    for v_task in
        select t.name, t.command from private.periodic_tasks t
        -- a second's grace, because the clock that calls is not exact
        where t.last_run_at is null or t.last_run_at + t.every <= now() + interval '1 second'
        -- workers are woken last, for what the other tasks have enqueued
        order by starts_with(t.name, 'wake_'), t.name
    loop
        begin
            execute v_task.command;
            -- what waits for the commit would fail for all of them there
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
    'Does what private.periodic_tasks has due, each task by itself, so that one that fails holds up no other. The one cron job for periodic work.';
select cron.schedule('run-periodic-tasks', '10 seconds', 'select private.run_periodic_tasks()');
