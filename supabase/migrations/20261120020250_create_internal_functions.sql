-- Purpose: internal Edge Functions, which no person calls. Each has a number of runs at the same time, each not more often than its interval.
-- Touches: private.internal_functions, internal_runs; public.begin_internal_run, keep_internal_run, end_internal_run; the secret service_key of Vault.
-- Watch: a run holds a lease in the database, because the platform starts any number of processes of one function. To add a function,
-- insert a row here in the migration of its subject. More runs at once: update private.internal_functions set runs = 8 where name = '…'.

insert into private.errors (code, status, message, hint) values
    ('internal_function_not_found', 404, 'There is no internal function "{name}".', 'Insert it into private.internal_functions.');

-- The key with which the database calls internal functions. This one is public and works with `npm start` and `supabase start` alone.
select vault.create_secret(
    'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz', 'service_key', 'Secret key of the project, with which the database calls its Edge Functions.'
);

create table private.internal_functions (
    name text constraint internal_functions_pkey primary key,
    every interval not null constraint internal_functions_every_is_not_negative check (every >= '0'),
    repeats boolean not null,
    runs smallint not null default 1 constraint internal_functions_runs_range check (runs between 1 and 50)
);
comment on table private.internal_functions is 'All Edge Functions that take the service key alone.';
comment on column private.internal_functions.every is 'The shortest time between the beginnings of two runs with one number.';
comment on column private.internal_functions.repeats is
    'Whether a call means that there is new work: one that comes too early is done when the time is over, one during the runs causes another run. Otherwise such calls are refused.';
comment on column private.internal_functions.runs is 'How many runs may go on at the same time.';
alter table private.internal_functions enable row level security;

create table private.internal_runs (
    function_name text not null constraint internal_runs_function_fkey references private.internal_functions (name) on delete cascade,
    number smallint not null,
    started_at timestamptz not null,
    lease uuid,
    leased_until timestamptz,
    called_again boolean not null default false,
    constraint internal_runs_pkey primary key (function_name, number),
    constraint internal_runs_lease_is_whole check ((lease is null) = (leased_until is null))
);
comment on table private.internal_runs is 'The present or last run with each number, from 1 to the function''s runs.';
comment on column private.internal_runs.started_at is 'When the run begins to work, which can be a moment ahead.';
comment on column private.internal_runs.lease is 'Token of the present run. A call with another token changes nothing.';
comment on column private.internal_runs.leased_until is 'When the present run counts as dead, unless it renews its lease.';
comment on column private.internal_runs.called_again is 'Whether the run has to work again before it ends.';
alter table private.internal_runs enable row level security;

insert into private.internal_functions (name, every, repeats) values ('remove-objects', '200 milliseconds', true);

create function private.internal_lease() returns interval
language sql immutable
set search_path = ''
as $$
    select interval '30 seconds'
$$;
comment on function private.internal_lease is 'How long a run of an internal function may go without renewing its lease.';

create function public.begin_internal_run(p_function text) returns table (lease uuid, wait_ms integer)
language plpgsql security definer
set search_path = ''
as $$
declare
    v_function private.internal_functions;
    v_run private.internal_runs;
    v_number smallint;
    v_now timestamptz;
    v_due_at timestamptz;
begin
    select f.* into v_function from private.internal_functions f where f.name = p_function for update;
    if not found then
        perform private.raise_error('internal_function_not_found', jsonb_build_object('name', p_function));
    end if;
    v_now := clock_timestamp(); -- after the wait for the row
    wait_ms := 0;
    if private.is_paused('all') then
        return next;
        return;
    end if;
    -- the free number that was used longest ago
    select n into v_number
    from generate_series(1, v_function.runs) n
    left join private.internal_runs r on r.function_name = p_function and r.number = n
    where r.leased_until is null or r.leased_until <= v_now
    order by r.started_at nulls first, n
    limit 1;
    select r.* into v_run from private.internal_runs r where r.function_name = p_function and r.number = v_number;
    v_due_at := greatest(v_run.started_at + v_function.every, v_now);
    if v_number is null then
        update private.internal_runs r set called_again = v_function.repeats
        where r.function_name = p_function and r.number = (
            select l.number from private.internal_runs l where l.function_name = p_function order by l.leased_until desc nulls last limit 1
        );
    elsif exists (
        select from private.internal_runs r where r.function_name = p_function and r.leased_until > v_now and r.started_at > v_now
    ) then
        -- a run that is about to begin will find the work of this call
        null;
    -- one second early is on time, because cron is not exact
    elsif v_function.repeats or v_due_at <= v_now + interval '1 second' then
        lease := gen_random_uuid();
        wait_ms := case when v_function.repeats then ceil(extract(epoch from v_due_at - v_now) * 1000) else 0 end;
        insert into private.internal_runs as r (function_name, number, started_at, lease, leased_until)
        values (
            p_function, v_number, v_now + wait_ms * interval '1 millisecond', begin_internal_run.lease,
            v_now + wait_ms * interval '1 millisecond' + private.internal_lease()
        )
        on conflict on constraint internal_runs_pkey do update
        set started_at = excluded.started_at, lease = excluded.lease, leased_until = excluded.leased_until, called_again = false;
    else
        wait_ms := ceil(extract(epoch from v_due_at - v_now) * 1000);
    end if;
    return next;
end
$$;
grant execute on function public.begin_internal_run to service_role;
comment on function public.begin_internal_run is
    'Begins a run of an internal function and returns its lease, and the milliseconds to wait before it starts. Without a lease: all its runs are going on or everything is paused (0), or the milliseconds until the next is due. For the service role; definer, because no API role may write private.internal_runs.';

create function public.keep_internal_run(p_function text, p_lease uuid) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    update private.internal_runs r
    set leased_until = clock_timestamp() + private.internal_lease()
    where r.function_name = p_function and r.lease = p_lease;
    return found;
end
$$;
grant execute on function public.keep_internal_run to service_role;
comment on function public.keep_internal_run is
    'Renews the lease of a run; returns false when another run has taken its place since. For the service role; definer, because no API role may write private.internal_runs.';

create function public.end_internal_run(p_function text, p_lease uuid, p_repeat boolean default true) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
    v_function private.internal_functions;
    v_run private.internal_runs;
    v_now timestamptz;
    v_next timestamptz;
begin
    -- the lock of begin_internal_run, so that no call is lost between the two
    select f.* into v_function from private.internal_functions f where f.name = p_function for update;
    select r.* into v_run from private.internal_runs r where r.function_name = p_function and r.lease = p_lease;
    v_now := clock_timestamp();
    if v_run.called_again and p_repeat then
        v_next := greatest(v_run.started_at + v_function.every, v_now);
    end if;
    update private.internal_runs r
    set
        started_at = coalesce(v_next, r.started_at), called_again = false,
        lease = case when v_next is not null then r.lease end, leased_until = v_next + private.internal_lease()
    where r.function_name = p_function and r.lease = p_lease;
    return ceil(extract(epoch from v_next - v_now) * 1000);
end
$$;
grant execute on function public.end_internal_run to service_role;
comment on function public.end_internal_run is
    'Ends a run and returns null. When it was called again, and p_repeat: the run keeps its lease, and the answer is the milliseconds after which it works again. For the service role; definer, because no API role may write private.internal_runs.';
