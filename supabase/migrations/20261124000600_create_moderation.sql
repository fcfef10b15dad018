-- Purpose: reports by anybody of anything, the operators' queue, suspending people and places, and a record of what operators do.
-- Touches: public.reports, suspensions, audit_log; resolve_report, suspend_profile, unsuspend_profile, audit_trail; triggers on
-- bookings, properties, messages, threads, reviews; policies of threads and messages.
-- Watch: a suspension stops what is new and leaves confirmed stays to operators: each becomes a case in the queue. Operators read
-- the messages of a thread only while something in it is reported.

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
grant insert (subject, subject_id, reason, details) on public.reports to authenticated;

create function private.can_report(p_subject public.report_subject, p_subject_id uuid) returns boolean
language sql stable
set search_path = ''
as $$
    select case p_subject
        when 'property' then exists (select from public.properties p where p.id = p_subject_id)
        when 'profile' then exists (select from public.profiles p where p.id = p_subject_id)
        when 'review' then exists (select from public.reviews r where r.id = p_subject_id)
        when 'message' then exists (select from public.messages m where m.id = p_subject_id)
        when 'booking' then exists (select from public.bookings b where b.id = p_subject_id)
    end
$$;
grant execute on function private.can_report to authenticated;
comment on function private.can_report is 'Whether the caller can read what they report. Called by a policy; reads as the caller.';

create policy "People can read their reports, operators any" on public.reports for select to authenticated
    using (reporter_id = (select auth.uid()) or (select private.is_operator()));
create policy "People can report what they can read" on public.reports for insert to authenticated
    with check (reporter_id = (select auth.uid()) and private.can_report(subject, subject_id));
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
create trigger audit after insert or update or delete on public.user_roles for each row execute function private.audit();
create trigger audit after insert or update or delete on public.suspensions for each row execute function private.audit();
create trigger audit after insert or update or delete on public.reports for each row execute function private.audit();
create trigger audit after delete on public.dead_jobs for each row execute function private.audit();
create trigger audit after update of state on public.reviews for each row
    when (new.publishes_at <= now()) execute function private.audit();

create function private.limit_reports() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.reporter_id is not null then
        perform pg_advisory_xact_lock(hashtextextended('reports ' || new.reporter_id, 0));
        perform private.limit_rate(new.reporter_id, 'reports_per_day', (
            select count(*) from public.reports r where r.reporter_id = new.reporter_id and r.created_at > now() - interval '1 day'
        ));
    end if;
    return new;
end
$$;
comment on function private.limit_reports is 'Trigger: so many reports a person and day. Definer, so that it counts every row.';
insert into private.settings (name, value, description) values ('reports_per_day', '30', 'How many reports a person may write in a day.');
create trigger limit_reports before insert on public.reports for each row execute function private.limit_reports();

insert into public.notification_kinds (id, topic, is_urgent) values ('report_closed', 'account', false);

create function private.notify_of_report() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.notify(new.reporter_id, 'report_closed', 'report_closed:' || new.id, jsonb_build_object('resolution', new.resolution));
    return null;
end
$$;
comment on function private.notify_of_report is 'Trigger: tells a reporter what came of it. Definer, because it runs as the operator.';
create trigger notify_of_report after update of status on public.reports for each row
    when (new.reporter_id is not null and new.status <> 'open' and old.status = 'open') execute function private.notify_of_report();

create function private.resolve_report(p_report_id uuid, p_resolution text, p_dismiss boolean) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    if coalesce(p_resolution, '') !~ '\S' then
        raise sqlstate 'PT422' using message = 'Say what you did.', hint = 'The reporter reads p_resolution.';
    end if;
    update public.reports r
    set
        status = case when p_dismiss then 'dismissed' else 'resolved' end::public.report_status,
        resolution = p_resolution, resolved_by = auth.uid(), resolved_at = now()
    where r.id = p_report_id and r.status = 'open';
    if not found then
        raise sqlstate 'PT404' using message = 'There is no such open report.', hint = 'Another operator may have dealt with it.';
    end if;
end
$$;
grant execute on function private.resolve_report to authenticated, service_role;
comment on function private.resolve_report is 'See public.resolve_report. Definer, because no role may change reports.';

create function public.resolve_report(p_report_id uuid, p_resolution text, p_dismiss boolean default false) returns setof public.reports
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.resolve_report(p_report_id, p_resolution, p_dismiss);
    return query select r.* from public.reports r where r.id = p_report_id;
end
$$;
grant execute on function public.resolve_report to authenticated, service_role;
comment on function public.resolve_report is 'Closes an open report with what was done, or dismisses it. For operators.';

create function private.reported_threads() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select m.thread_id
    from public.reports r
    join public.messages m on m.id = r.subject_id
    where r.subject = 'message' and r.status = 'open' and (select private.is_operator())
    union
    select t.id
    from public.reports r
    join public.threads t on t.booking_id = r.subject_id
    where r.subject = 'booking' and r.status = 'open' and r.reporter_id is not null and (select private.is_operator())
$$;
grant execute on function private.reported_threads to authenticated;
comment on function private.reported_threads is
    'Threads with an open report, for operators; none for others. Called by policies. Definer, so that policies do not go in circles.';
alter policy "Guests and the host's side can read their threads" on public.threads
    using (
        guest_id = (select auth.uid()) or property_id in (select private.my_properties('calendar_and_messages'))
        or id in (select private.reported_threads())
    );
alter policy "Guests and the host's side can read their threads" on public.threads
    rename to "Guests and the host's side can read their threads, operators reported ones";
alter policy "Guests and the host's side can read messages" on public.messages
    using (thread_id in (select private.my_threads()) or thread_id in (select private.reported_threads()));
alter policy "Guests and the host's side can read messages" on public.messages
    rename to "Guests and the host's side can read messages, operators reported ones";

create function private.refuse_suspended() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_person constant uuid := case
        when tg_argv[0] in ('host_id', 'proposed_by_id') then (to_jsonb(new) ->> tg_argv[0])::uuid
        else coalesce(auth.uid(), (to_jsonb(new) ->> tg_argv[0])::uuid)
    end;
    v_reason text;
begin
    select s.reason into v_reason from public.suspensions s where s.profile_id = v_person and s.ended_at is null;
    if found then
        raise sqlstate 'PT403' using
            message = 'This account is suspended.',
            -- why, for the person alone
            detail = jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
                'code', 'suspended', 'reason', case when v_person = auth.uid() then v_reason end
            )))::text,
            hint = 'Answer the mail about it, or write to support.';
    end if;
    return new;
end
$$;
comment on function private.refuse_suspended is
    'Trigger, with the column that names the person: who is suspended begins nothing new. Definer, because it reads behind the policies.';
create trigger refuse_suspended before insert on private.bookings for each row execute function private.refuse_suspended('guest_id');
create trigger refuse_suspended_host before insert on private.bookings for each row execute function private.refuse_suspended('host_id');
create trigger refuse_suspended before insert on public.booking_alterations
    for each row execute function private.refuse_suspended('proposed_by_id');
create trigger refuse_suspended_proposer before update of answer on public.booking_alterations
    for each row when (new.answer = 'accepted') execute function private.refuse_suspended('proposed_by_id');
create trigger refuse_suspended_answer before update of answer on public.booking_alterations
    for each row when (new.answer = 'accepted') execute function private.refuse_suspended('answered_by_id');
create trigger refuse_suspended before insert on public.properties for each row execute function private.refuse_suspended('host_id');
create trigger refuse_suspended_status before update of status on public.properties for each row
    when (new.status = 'published') execute function private.refuse_suspended('host_id');
create trigger refuse_suspended before insert on public.threads for each row
    when (new.booking_id is null) execute function private.refuse_suspended('guest_id');
create trigger refuse_suspended before insert on public.messages for each row
    when (new.sender_id is not null) execute function private.refuse_suspended('sender_id');
create trigger refuse_suspended before insert on public.reviews for each row execute function private.refuse_suspended('author_id');

create function private.suspend_profile(p_profile_id uuid, p_reason text) returns setof public.reports
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    perform from public.profiles p where p.id = p_profile_id and p.deleted_at is null for no key update;
    if not found then
        raise sqlstate 'PT404' using message = 'There is no such person.', hint = 'Check the id.';
    elsif exists (select from public.suspensions s where s.profile_id = p_profile_id and s.ended_at is null) then
        raise sqlstate 'PT409' using message = 'This person is suspended.', hint = 'End that with unsuspend_profile.';
    end if;
    insert into public.suspensions (profile_id, reason, suspended_by) values (p_profile_id, p_reason, auth.uid());
    perform private.notify(p_profile_id, 'account_suspended', 'suspension:' || now(), jsonb_build_object('reason', p_reason));
    return query
        insert into public.reports (reporter_id, subject, subject_id, reason, details)
        select
            null, 'booking', b.id, 'party_suspended',
            format('The %s was suspended. Stay at "%s" from %s to %s, %s.',
                case when b.guest_id = p_profile_id then 'guest' else 'host' end, b.property_title, b.check_in, b.check_out, replace(b.status::text, '_', ' '))
        from private.bookings b
        where
            p_profile_id in (b.guest_id, b.host_id)
            and (b.expires_at > now() or b.status = 'confirmed' and b.check_out_at > now())
        order by b.check_in, b.id
        returning *;
    -- after the cases, so that none is opened twice
    perform private.change_property_status(p.id, 'suspended', p_reason)
    from public.properties p
    where p.host_id = p_profile_id and p.status in ('published', 'paused')
    order by p.id;
end
$$;
grant execute on function private.suspend_profile to authenticated, service_role;
comment on function private.suspend_profile is 'See public.suspend_profile. Definer, because no role may write suspensions.';

create function public.suspend_profile(p_profile_id uuid, p_reason text) returns setof public.reports
language sql
set search_path = ''
as $$
    select * from private.suspend_profile(p_profile_id, p_reason)
$$;
grant execute on function public.suspend_profile to authenticated, service_role;
comment on function public.suspend_profile is
    'Suspends a person with a reason that they read: their places are suspended, they book, list, write and review no more. Running and coming stays stand, and each becomes a case in the queue; the answer is those cases. For operators.';

create function private.unsuspend_profile(p_profile_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    update public.suspensions s set ended_at = now() where s.profile_id = p_profile_id and s.ended_at is null;
    if not found then
        raise sqlstate 'PT404' using message = 'This person is not suspended.', hint = 'Check the id.';
    end if;
end
$$;
grant execute on function private.unsuspend_profile to authenticated, service_role;
comment on function private.unsuspend_profile is 'See public.unsuspend_profile. Definer, because no role may write suspensions.';

create function public.unsuspend_profile(p_profile_id uuid) returns void
language sql
set search_path = ''
as $$
    select private.unsuspend_profile(p_profile_id)
$$;
grant execute on function public.unsuspend_profile to authenticated, service_role;
comment on function public.unsuspend_profile is 'Ends a suspension. Places stay suspended until unsuspend_property. For operators.';

create function private.notify_of_suspended_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.notify(
        new.host_id, 'property_suspended', 'property_suspended:' || new.id || ':' || now(),
        jsonb_build_object('title', new.title, 'reason', new.status_reason), null, new.id
    );
    return null;
end
$$;
comment on function private.notify_of_suspended_property is 'Trigger: tells a host that a place was suspended, and why. Definer, because it runs as the operator.';
create trigger notify_of_suspended_property after update of status on public.properties for each row
    when (new.status = 'suspended' and old.status <> 'suspended') execute function private.notify_of_suspended_property();

create function private.open_cases_of_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into public.reports (reporter_id, subject, subject_id, reason, details)
    select
        null, 'booking', b.id, 'property_suspended',
        format('The property was suspended. Stay at "%s" from %s to %s, %s.', b.property_title, b.check_in, b.check_out, replace(b.status::text, '_', ' '))
    from private.bookings b
    where
        b.property_id = new.id and (b.expires_at > now() or b.status = 'confirmed' and b.check_out_at > now())
        and not exists (
            select from public.reports r
            where r.subject = 'booking' and r.subject_id = b.id and r.reporter_id is null and r.status = 'open'
        )
    order by b.check_in, b.id;
    return null;
end
$$;
comment on function private.open_cases_of_property is
    'Trigger: running and coming stays at a place that is suspended become cases in the queue. Definer, because it runs as the operator.';
create trigger open_cases after update of status on public.properties for each row
    when (new.status = 'suspended' and old.status <> 'suspended') execute function private.open_cases_of_property();

create function private.audit_trail(p_id uuid)
returns table (at timestamptz, source text, event text, actor_id uuid, actor text, reason text, before jsonb, after jsonb)
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query
        select e.at, 'bookings', e.event, e.actor_id, e.actor::text, e.reason, e.before, e.after
        from private.booking_events e where e.booking_id = p_id
        union all
        select e.at, 'properties', e.event, e.actor_id, e.actor::text, e.reason, jsonb_build_object('status', e.from_status),
            e.details || jsonb_build_object('status', e.to_status)
        from private.property_events e where e.property_id = p_id
        union all
        select l.at, l.table_name, l.action, l.actor_id, null, null, l.before, l.after
        from public.audit_log l
        where
            l.row_id = p_id::text or l.actor_id = p_id
            or l.after ->> 'profile_id' = p_id::text or l.after ->> 'subject_id' = p_id::text
        order by 1;
end
$$;
grant execute on function private.audit_trail to authenticated, service_role;
comment on function private.audit_trail is 'See public.audit_trail. Definer, because no role may read the records of bookings and properties.';

create function public.audit_trail(p_id uuid)
returns table (at timestamptz, source text, event text, actor_id uuid, actor text, reason text, before jsonb, after jsonb)
language sql stable
set search_path = ''
as $$
    select * from private.audit_trail(p_id)
$$;
grant execute on function public.audit_trail to authenticated, service_role;
comment on function public.audit_trail is
    'All that is recorded of a booking, property, review, report or person, in order: who did what, when, why, with what it was before and after. For operators.';
