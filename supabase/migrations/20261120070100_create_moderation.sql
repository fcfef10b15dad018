-- Purpose: tables of moderation (reports, suspensions, the audit log), and the checks that refuse suspended people.
-- Touches: public.reports, public.suspensions, public.audit_log, private.audit, private.refuse_suspended_party,
-- private.refuse_suspended.
-- Watch: reviews and threads use these, and reports refer to reviews and messages: what operators do with reports and
-- suspensions is in create_moderation_functions, after those tables.

insert into private.errors (code, status, message, hint) values
    ('suspended', 403, 'This account is suspended.', 'Answer the mail about the suspension, or write to support.'),
    ('reports_details_are_plain', 422, 'The details of a report have up to 2,000 characters of plain text, without HTML and control characters.', 'Shorten details, and leave out HTML.'),
    ('reports_people_give_a_reason', 422, 'Only the system gives this reason.', 'Choose another reason.'),
    ('already_reported', 409, 'You have already reported this, and the report is still open.', 'Wait until an operator has closed that report.'),
    ('too_many_reports', 429, 'You can send up to {limit} reports a day.', 'Wait, then try again.');

create type public.report_subject as enum ('property', 'profile', 'review', 'message', 'booking');
comment on type public.report_subject is 'What can be reported.';
create type public.report_reason as enum ('fraud', 'discrimination', 'harassment', 'safety', 'inaccurate', 'spam', 'party_suspended', 'property_suspended', 'refund_at_stripe', 'refund_failed',
    'dispute_lost', 'fraud_warning', 'other');
comment on type public.report_reason is 'Why something is reported. The system sets party_suspended and property_suspended, for the stays of a suspended person or property, and for money: refund_at_stripe, which assign_goodwill assigns; refund_failed; dispute_lost, for a stay that is still to come; fraud_warning, by a card''s issuer.';
create type public.report_status as enum ('open', 'resolved', 'dismissed');
comment on type public.report_status is 'A report is open until an operator resolves or dismisses it.';

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
    constraint reports_people_give_a_reason check (reporter_id is null or reason not in (
        'party_suspended', 'property_suspended', 'refund_at_stripe', 'refund_failed', 'dispute_lost', 'fraud_warning'
    ))
);
comment on table public.reports is 'The operators'' queue: reports by people, and cases opened by the system. Reporters can read their own.';
comment on column public.reports.reporter_id is 'Who reported it; null for cases of the system.';
comment on column public.reports.subject is 'What kind of thing is reported.';
comment on column public.reports.reason is 'Why it is reported.';
comment on column public.reports.details is 'Plain text of up to 2,000 characters.';
comment on column public.reports.status is 'Whether an operator has dealt with it.';
comment on column public.reports.resolution is 'What the operator did. The reporter can read it.';
comment on column public.reports.resolved_by is 'The operator who closed it; null for the service role.';
comment on column public.reports.resolved_at is 'When it was closed.';

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
comment on table public.suspensions is 'Suspensions of people by operators. A suspended person can read their own.';
comment on column public.suspensions.reason is 'Why. The suspended person can read it.';
comment on column public.suspensions.suspended_by is 'The operator who suspended them; null for the service role.';
comment on column public.suspensions.ended_at is 'When it ended; null while it lasts.';
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
    at timestamptz not null default clock_timestamp(),
    request_id text default private.request_id()
);
comment on table public.audit_log is
    'Every change of roles, suspensions, pauses, reports, the state of published reviews and who bears a refund, and every deleted dead job. Rows never change; only operators can read them; audit_trail adds the events of bookings and properties.';
comment on column public.audit_log.table_name is 'The table that was changed.';
comment on column public.audit_log.row_id is 'The id of the changed row; for roles the user.';
comment on column public.audit_log.action is 'insert, update or delete.';
comment on column public.audit_log.actor_id is 'Who changed it; null for the service role and the system.';
comment on column public.audit_log.before is 'The row before the change; null for an insert.';
comment on column public.audit_log.after is 'The row after the change; null for a delete.';
comment on column public.audit_log.at is 'When it was changed.';
comment on column public.audit_log.request_id is 'Id of the request that changed it; null outside the API.';
create index audit_log_request_id_idx on public.audit_log using hash (request_id) where request_id is not null;
create index audit_log_row_id_idx on public.audit_log (row_id, id);
create index audit_log_actor_id_idx on public.audit_log (actor_id, id);

alter table public.reports enable row level security;
alter table public.suspensions enable row level security;
alter table public.audit_log enable row level security;

grant select on public.reports, public.suspensions, public.audit_log to authenticated, service_role;

create policy "People can read their reports" on public.reports for select to authenticated
    using (reporter_id = (select auth.uid()));
create policy "Operators can read any" on public.reports for select to operator using (true);
create policy "People can read their suspensions" on public.suspensions for select to authenticated
    using (profile_id = (select auth.uid()));
create policy "Operators can read any" on public.suspensions for select to operator using (true);
create policy "Operators can read any" on public.audit_log for select to operator using (true);

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
comment on function private.audit is 'Trigger: writes the change of a row to the audit log. Definer, because no API role may write there.';
create trigger _100_audit after insert or update or delete on public.user_roles for each row execute function private.audit();
create trigger audit after insert or update or delete on public.suspensions for each row execute function private.audit();
create trigger _100_audit after insert or update or delete on public.reports for each row execute function private.audit();
create trigger audit after insert or update on public.operation_pauses for each row execute function private.audit();
create trigger audit after delete on public.dead_jobs for each row execute function private.audit();
create trigger _100_audit after update of borne_by on public.refunds for each row execute function private.audit();

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
            -- only the suspended person learns why
            'reason', case when v_suspension.profile_id = auth.uid() then v_suspension.reason end
        )));
    end if;
end
$$;
comment on function private.refuse_suspended_party is
    'Refuses with 403 when one of two people is suspended. Definer, because callers cannot read the suspensions of others.';

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
    'Trigger, with the column that names the person as argument: refuses new activity of a suspended person. Definer, because callers cannot read the suspensions of others.';
