-- Purpose: reports by anybody of anything, the operators' queue, suspending people and places, and a record of what operators do.
-- Touches: public.reports, suspensions, audit_log; resolve_report, suspend_profile, unsuspend_profile, audit_trail; triggers on
-- bookings, properties, messages, threads, reviews; policies of threads and messages.
-- Watch: a suspension stops what is new and leaves confirmed stays to operators: each becomes a case in the queue. Operators read
-- the messages of a thread only while something in it is reported.

insert into private.errors (code, status, message, hint) values
    ('suspended', 403, 'This account is suspended.', 'Answer the mail about the suspension, or write to support.');

create type public.report_subject as enum ('property', 'profile', 'review', 'message', 'booking');
comment on type public.report_subject is 'What can be reported.';
create type public.report_reason as enum ('fraud', 'discrimination', 'harassment', 'safety', 'inaccurate', 'spam', 'party_suspended', 'property_suspended', 'other');
comment on type public.report_reason is 'Why. party_suspended, property_suspended: the system''s own, for a stay of somebody who was suspended, or at a place that was.';
create type public.report_status as enum ('open', 'resolved', 'dismissed');
comment on type public.report_status is 'Open until an operator has dealt with it.';

create table public.reports (
    id uuid default gen_random_uuid() constraint reports_pkey primary key,
    reporter_id uuid default auth.uid() constraint reports_reporter_fkey references public.profiles (id) on delete restrict,
    subject public.report_subject not null,
    subject_id uuid not null,
    reason public.report_reason not null,
    details text not null default '' constraint reports_details_are_plain check (private.is_plain_text(details, 2000)),
    status public.report_status not null default 'open',
    resolution text constraint reports_resolution_is_plain check (resolution ~ '\S' and private.is_plain_text(resolution, 2000)),
    resolved_by uuid constraint reports_resolved_by_fkey references public.profiles (id) on delete restrict,
    resolved_at timestamptz,
    created_at timestamptz not null default now(),
    constraint reports_resolution_is_whole check ((status = 'open') = (resolved_at is null) and (status = 'open') = (resolution is null)),
    constraint reports_people_give_a_reason check (reporter_id is null or reason not in ('party_suspended', 'property_suspended'))
);
comment on table public.reports is 'What people report, and cases of the system: the operators'' queue. Reporters read their own.';
comment on column public.reports.reporter_id is 'Who reported it; null for the system.';
comment on column public.reports.subject is 'What kind of thing it is.';
comment on column public.reports.reason is 'Why.';
comment on column public.reports.details is 'Plain text of up to 2,000 characters.';
comment on column public.reports.status is 'Where it stands.';
comment on column public.reports.resolution is 'What the operator did; the reporter reads it.';
comment on column public.reports.resolved_by is 'Which operator.';
comment on column public.reports.resolved_at is 'When.';

create unique index reports_one_open_each_idx on public.reports (reporter_id, subject, subject_id) where status = 'open';
create index reports_subject_idx on public.reports (subject, subject_id);
create index reports_queue_idx on public.reports (created_at) where status = 'open';
create index reports_reporter_id_idx on public.reports (reporter_id, created_at);
create index reports_resolved_by_idx on public.reports (resolved_by);

create table public.suspensions (
    id uuid default gen_random_uuid() constraint suspensions_pkey primary key,
    profile_id uuid not null constraint suspensions_profile_fkey references public.profiles (id) on delete restrict,
    reason text not null constraint suspensions_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    suspended_by uuid constraint suspensions_suspended_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    ended_at timestamptz
);
comment on table public.suspensions is 'Whom operators suspended, and why. The person reads their own.';
comment on column public.suspensions.reason is 'What the person reads.';
comment on column public.suspensions.suspended_by is 'Which operator; null for the service role.';
comment on column public.suspensions.ended_at is 'Null while it lasts.';
create unique index suspensions_one_each_idx on public.suspensions (profile_id) where ended_at is null;
create index suspensions_profile_id_idx on public.suspensions (profile_id, created_at);
create index suspensions_suspended_by_idx on public.suspensions (suspended_by);

create table public.audit_log (
    id bigint generated always as identity constraint audit_log_pkey primary key,
    table_name text not null,
    row_id text not null,
    action text not null constraint audit_log_action_is_known check (action in ('insert', 'update', 'delete')),
    actor_id uuid,
    before jsonb,
    after jsonb,
    at timestamptz not null default clock_timestamp()
);
comment on table public.audit_log is
    'Who changed what of roles, suspensions, reports and the state of reviews, and took away which dead jobs, with what it was before and after. Only grows; for operators. Properties and bookings keep their own: see audit_trail.';
comment on column public.audit_log.table_name is 'Where.';
comment on column public.audit_log.row_id is 'Which row.';
comment on column public.audit_log.action is 'What.';
comment on column public.audit_log.actor_id is 'Who; null for the service role and the system.';
comment on column public.audit_log.before is 'The row as it was.';
comment on column public.audit_log.after is 'The row as it became.';
comment on column public.audit_log.at is 'When.';
create index audit_log_row_id_idx on public.audit_log (row_id, id);
create index audit_log_actor_id_idx on public.audit_log (actor_id, id);

alter table public.reports enable row level security;
alter table public.suspensions enable row level security;
alter table public.audit_log enable row level security;

grant select on public.reports, public.suspensions, public.audit_log to authenticated, service_role;

create policy "People can read their reports, operators any" on public.reports for select to authenticated
    using (reporter_id = (select auth.uid()) or (select private.is_operator()));
create policy "People can read their suspensions, operators any" on public.suspensions for select to authenticated
    using (profile_id = (select auth.uid()) or (select private.is_operator()));
create policy "Operators can read the audit log" on public.audit_log for select to authenticated
    using ((select private.is_operator()));

create trigger refuse_change before update or delete on public.audit_log for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on public.audit_log for each statement execute function private.refuse_change();

create function private.audit() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_old constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    v_new constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    v_row constant jsonb := coalesce(v_new, v_old);
begin
    insert into public.audit_log (table_name, row_id, action, actor_id, before, after)
    values (tg_table_name, coalesce(v_row ->> 'id', v_row ->> 'user_id'), lower(tg_op), auth.uid(), v_old, v_new);
    return null;
end
$$;
comment on function private.audit is 'Trigger: writes a change to the audit log. Definer, because no role may write there.';
create trigger _100_audit after insert or update or delete on public.user_roles for each row execute function private.audit();
create trigger audit after insert or update or delete on public.suspensions for each row execute function private.audit();
create trigger _100_audit after insert or update or delete on public.reports for each row execute function private.audit();
create trigger audit after delete on public.dead_jobs for each row execute function private.audit();

create function private.refuse_suspended_party(p_first uuid, p_second uuid default null) returns void
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_suspension record;
begin
    select s.profile_id, s.reason into v_suspension
    from public.suspensions s
    where s.profile_id in (p_first, p_second) and s.ended_at is null
    order by s.profile_id <> p_first
    limit 1;
    if found then
        perform private.raise_error('suspended', jsonb_strip_nulls(jsonb_build_object(
            -- why, for that person alone
            'reason', case when v_suspension.profile_id = auth.uid() then v_suspension.reason end
        )));
    end if;
end
$$;
comment on function private.refuse_suspended_party is
    'Refuses with 403 when one of two people is suspended. Definer, because it reads behind the policies.';

create function private.refuse_suspended() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.refuse_suspended_party(case
        when tg_argv[0] in ('host_id', 'proposed_by_id') then (to_jsonb(new) ->> tg_argv[0])::uuid
        else coalesce(auth.uid(), (to_jsonb(new) ->> tg_argv[0])::uuid)
    end);
    return new;
end
$$;
comment on function private.refuse_suspended is
    'Trigger, with the column that names the person: a suspended person begins nothing new. Definer, because it reads behind the policies.';
