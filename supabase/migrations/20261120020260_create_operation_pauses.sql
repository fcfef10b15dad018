-- Purpose: operators pause payouts, charges or everything, and resume them. Everything is paused after a restore (the quarantine), so
-- that a restored database sends and changes nothing before an operator has looked at it.
-- Touches: public.operation_pauses, pause_operation, resume_operation; private.is_paused, paused_task_kinds, quarantine. Uses private.begin_orphan_sweep and
-- require_settled_restore of 0615.
-- Watch: a pause stops the API, the clock and the workers. SQL of the database's owner still writes, because that is how a restored
-- database is repaired; so does signing in. A restored database does not know which payouts and charges were made since its moment, so
-- these stay paused until Stripe was searched.

insert into private.errors (code, status, message, hint) values
    ('operations_paused', 503, 'This platform is paused. Nothing was changed.', 'Try again later. An operator ends the pause with resume_operation.'),
    ('operation_not_known', 422, 'There is no operation "{name}" to pause.', 'Send all, payouts or charges.'),
    ('operation_is_paused', 409, 'This operation is already paused.', 'Read operation_pauses to see why.'),
    ('operation_not_paused', 404, 'This operation is not paused.', 'Read operation_pauses to see which are.'),
    ('pause_reason_is_plain', 422, 'A reason or note has 1 to 1,000 characters of plain text.', 'Say why; other operators read it.');

create table public.operation_pauses (
    id uuid default gen_random_uuid() constraint operation_pauses_pkey primary key,
    operation text not null constraint operation_pauses_operation_is_known check (operation in ('all', 'payouts', 'charges')),
    reason text not null constraint operation_pauses_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    paused_at timestamptz not null default now(),
    paused_by uuid,
    resumed_at timestamptz,
    resumed_by uuid,
    note text constraint operation_pauses_note_is_plain check (note ~ '\S' and private.is_plain_text(note, 1000)),
    sweep_since timestamptz,
    constraint operation_pauses_end_has_note check ((resumed_at is null) = (note is null))
);
comment on table public.operation_pauses is
    'What operators have paused, when, and why. pause_operation adds a row, resume_operation ends it.';
comment on column public.operation_pauses.operation is
    'all: only reading and signing in work. payouts: no transfer to hosts. charges: no charge of a saved card without its owner.';
comment on column public.operation_pauses.reason is 'Why it was paused.';
comment on column public.operation_pauses.paused_at is 'When it was paused.';
comment on column public.operation_pauses.paused_by is 'The operator who paused it; null for the service role and for a restore.';
comment on column public.operation_pauses.resumed_at is 'When it went on; null while it is paused.';
comment on column public.operation_pauses.resumed_by is 'The operator who resumed it; null for the service role.';
comment on column public.operation_pauses.note is 'Why it was resumed.';
comment on column public.operation_pauses.sweep_since is
    'After a restore: Stripe is searched for orphans since then before payouts and charges go on. Null for a pause by an operator.';
create unique index operation_pauses_one_each_idx on public.operation_pauses (operation) where resumed_at is null;

alter table public.operation_pauses enable row level security;
grant select on public.operation_pauses to authenticated, service_role;
create policy "Operators can read any" on public.operation_pauses for select to operator using (true);

create function private.is_paused(p_operation text) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform from public.operation_pauses p where p.operation in (p_operation, 'all') and p.resumed_at is null;
    return found;
end
$$;
grant execute on function private.is_paused to anon, authenticated, service_role;
comment on function private.is_paused is
    'Whether an operation, or everything, is paused. Definer, because only operators may read operation_pauses, and every request asks.';

create function private.paused_task_kinds() returns setof text
language sql stable
set search_path = ''
as $$
    select k.kind
    from (values
        ('event', 'all'), ('charge', 'charges'), ('capture', 'all'), ('cancel', 'all'), ('refund', 'all'), ('transfer', 'payouts'),
        ('reversal', 'all'), ('detach', 'all'), ('delete_customer', 'all'), ('sync', 'all'), ('sweep', 'all'), ('orphan', 'all')
    ) as k (kind, operation)
    where exists (
        select from public.operation_pauses p where p.operation in (k.operation, 'all') and p.resumed_at is null
    )
$$;
comment on function private.paused_task_kinds is 'The kinds of Stripe tasks that no worker takes now.';

create function private.pause_operation(p_operation text, p_reason text) returns setof public.operation_pauses
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    if (p_operation in ('all', 'payouts', 'charges')) is not true then
        perform private.raise_error('operation_not_known', jsonb_build_object('name', p_operation));
    elsif (p_reason ~ '\S' and private.is_plain_text(p_reason, 1000)) is not true then
        perform private.raise_error('pause_reason_is_plain');
    end if;
    return query
        insert into public.operation_pauses (operation, reason, paused_by) values (p_operation, p_reason, auth.uid())
        on conflict (operation) where resumed_at is null do nothing
        returning *;
    if not found then
        perform private.raise_error('operation_is_paused');
    end if;
end
$$;
grant execute on function private.pause_operation to authenticated, service_role;
comment on function private.pause_operation is 'See public.pause_operation. Definer, because no API role may write operation_pauses.';

create function public.pause_operation(p_operation text, p_reason text) returns setof public.operation_pauses
language sql
set search_path = ''
as $$
    select * from private.pause_operation(p_operation, p_reason)
$$;
grant execute on function public.pause_operation to authenticated, service_role;
comment on function public.pause_operation is
    'Pauses payouts, charges of saved cards, or all: then the API only reads, no periodic task runs, and no worker gets work. For operators.';

create function private.resume_operation(p_operation text, p_note text, p_despite_orphans boolean) returns setof public.operation_pauses
language plpgsql security definer
set search_path = ''
as $$
declare
    v_pause public.operation_pauses;
begin
    perform private.require_operator();
    if (p_note ~ '\S' and private.is_plain_text(p_note, 1000)) is not true then
        perform private.raise_error('pause_reason_is_plain');
    end if;
    update public.operation_pauses p
    set resumed_at = clock_timestamp(), resumed_by = auth.uid(), note = p_note
    where p.operation = p_operation and p.resumed_at is null
    returning p.* into v_pause;
    if not found then
        perform private.raise_error('operation_not_paused');
    end if;
    if v_pause.sweep_since is not null then
        if p_operation = 'all' then
            perform private.begin_orphan_sweep(v_pause.sweep_since);
        elsif p_despite_orphans is not true then
            perform private.require_settled_restore(v_pause);
        end if;
    end if;
    return next v_pause;
end
$$;
grant execute on function private.resume_operation to authenticated, service_role;
comment on function private.resume_operation is 'See public.resume_operation. Definer, because no API role may write operation_pauses.';

create function public.resume_operation(p_operation text, p_note text, p_despite_orphans boolean default false)
returns setof public.operation_pauses
language sql
set search_path = ''
as $$
    select * from private.resume_operation(p_operation, p_note, p_despite_orphans)
$$;
grant execute on function public.resume_operation to authenticated, service_role;
comment on function public.resume_operation is
    'Ends a pause of payouts, charges or all. After a restore, the end of all begins a search for orphans at Stripe, and payouts and charges are refused until it has ended and no orphan is open, unless p_despite_orphans. For operators.';

create function private.quarantine(p_reason text, p_moment timestamptz) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_error constant text := 'It may have been done before the restore. Compare, then replay it or delete it.';
    v_queue text;
    v_job record;
    v_count integer;
begin
    -- an hour earlier, because a payment is at Stripe before its row is committed, and clocks differ
    insert into public.operation_pauses as p (operation, reason, sweep_since)
    select o.operation, p_reason, p_moment - interval '1 hour' from unnest(array['all', 'payouts', 'charges']) as o (operation)
    on conflict (operation) where resumed_at is null do update
    set paused_at = excluded.paused_at, sweep_since = least(p.sweep_since, excluded.sweep_since);

    update private.stripe_tasks t
    set dead_at = clock_timestamp(), lease = null, leased_until = null, last_error = v_error
    where
        t.done_at is null and t.dead_at is null and t.run_at <= clock_timestamp()
        and t.kind in ('charge', 'refund', 'transfer', 'reversal');
    get diagnostics v_count = row_count;

    foreach v_queue in array array['mails', 'webhooks'] loop
        for v_job in execute format(
            -- taken ones are due, too: their lease is over
            'select q.msg_id, q.read_ct from pgmq.%I q where q.vt <= clock_timestamp() or q.read_ct > 0', 'q_' || v_queue
        ) loop
            perform private.move_to_dead_jobs(v_queue, v_job.msg_id, v_job.read_ct, v_error);
            v_count := v_count + 1;
        end loop;
    end loop;
    return v_count;
end
$$;
comment on function private.quarantine is
    'Pauses everything in a database that was restored to p_moment, and moves what it would send twice (due mails, webhooks and payments) to dead_jobs and dead_stripe_tasks. Returns the number of what it moved. For the owner.';
