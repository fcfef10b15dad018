-- Purpose: internal Edge Functions, which no person calls. Each runs one at a time and not more often than its interval.
-- Touches: private.internal_functions; public.begin_internal_run, keep_internal_run, end_internal_run; the secret service_key of Vault.
-- Watch: a run holds a lease in the database, because the platform starts any number of processes of one function. To add a function,
-- insert a row here in the migration of its subject.

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
    started_at timestamptz,
    lease uuid,
    leased_until timestamptz,
    called_again boolean not null default false,
    constraint internal_functions_lease_is_whole check ((lease is null) = (leased_until is null))
);
comment on table private.internal_functions is 'All Edge Functions that take the service key alone, and the present run of each.';
comment on column private.internal_functions.every is 'The shortest time between the beginnings of two runs.';
comment on column private.internal_functions.repeats is
    'Whether a call means that there is new work: one that comes too early is done when the time is over, one during a run causes another run. Otherwise such calls are refused.';
comment on column private.internal_functions.lease is 'Token of the present run. A call with another token changes nothing.';
comment on column private.internal_functions.leased_until is 'When the present run counts as dead, unless it renews its lease.';
alter table private.internal_functions enable row level security;

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
    v_now timestamptz;
    v_due_at timestamptz;
begin
    select f.* into v_function from private.internal_functions f where f.name = p_function for update;
    if not found then
        perform private.raise_error('internal_function_not_found', jsonb_build_object('name', p_function));
    end if;
    v_now := clock_timestamp(); -- after the wait for the row
    if private.is_paused('all') then
        wait_ms := 0;
        return next;
        return;
    end if;
    v_due_at := greatest(v_function.started_at + v_function.every, v_now);
    wait_ms := ceil(extract(epoch from v_due_at - v_now) * 1000);
    if v_function.leased_until > v_now then
        wait_ms := 0;
        update private.internal_functions f set called_again = f.repeats where f.name = p_function;
    -- one second early is on time, because cron is not exact
    elsif v_function.repeats or v_due_at <= v_now + interval '1 second' then
        lease := gen_random_uuid();
        wait_ms := case when v_function.repeats then wait_ms else 0 end;
        update private.internal_functions f
        set
            started_at = v_now + wait_ms * interval '1 millisecond', called_again = false,
            lease = begin_internal_run.lease, leased_until = v_now + wait_ms * interval '1 millisecond' + private.internal_lease()
        where f.name = p_function;
    end if;
    return next;
end
$$;
grant execute on function public.begin_internal_run to service_role;
comment on function public.begin_internal_run is
    'Begins a run of an internal function and returns its lease, and the milliseconds to wait before it starts. Without a lease: another run is going on or everything is paused (0), or the milliseconds until the next is due. For the service role; definer, because no API role may write private.internal_functions.';

create function public.keep_internal_run(p_function text, p_lease uuid) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    update private.internal_functions f
    set leased_until = clock_timestamp() + private.internal_lease()
    where f.name = p_function and f.lease = p_lease;
    return found;
end
$$;
grant execute on function public.keep_internal_run to service_role;
comment on function public.keep_internal_run is
    'Renews the lease of a run; returns false when another run has begun since. For the service role; definer, because no API role may write private.internal_functions.';

create function public.end_internal_run(p_function text, p_lease uuid, p_repeat boolean default true) returns integer
language plpgsql security definer
set search_path = ''
as $$
declare
    v_function private.internal_functions;
    v_now constant timestamptz := clock_timestamp();
    v_next timestamptz;
begin
    select f.* into v_function from private.internal_functions f where f.name = p_function and f.lease = p_lease for update;
    if v_function.called_again and p_repeat then
        v_next := greatest(v_function.started_at + v_function.every, v_now);
    end if;
    update private.internal_functions f
    set
        started_at = coalesce(v_next, f.started_at), called_again = false,
        lease = case when v_next is not null then f.lease end, leased_until = v_next + private.internal_lease()
    where f.name = p_function and f.lease = p_lease;
    return ceil(extract(epoch from v_next - v_now) * 1000);
end
$$;
grant execute on function public.end_internal_run to service_role;
comment on function public.end_internal_run is
    'Ends a run and returns null. When the function was called during the run, and p_repeat: the run keeps its lease, and the answer is the milliseconds after which it works again. For the service role; definer, because no API role may write private.internal_functions.';
