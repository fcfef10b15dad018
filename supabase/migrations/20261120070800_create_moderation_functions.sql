-- Purpose: reports and suspensions.
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
create policy "People can report what they can read" on public.reports for insert to authenticated
    with check (reporter_id = (select auth.uid()) and private.can_report(subject, subject_id));

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

insert into private.settings (name, value, description) values
    ('reports_per_day', '30', 'How many reports a person may write in a day.');
create trigger limit_reports before insert on public.reports for each row execute function private.limit_reports();

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
create trigger _200_notify_of_report after update of status on public.reports for each row
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
create trigger _400_refuse_suspended before insert on public.booking_alterations
    for each row execute function private.refuse_suspended('proposed_by_id');
create trigger _410_refuse_suspended_proposer before update of answer on public.booking_alterations
    for each row when (new.answer = 'accepted') execute function private.refuse_suspended('proposed_by_id');
create trigger _400_refuse_suspended_answer before update of answer on public.booking_alterations
    for each row when (new.answer = 'accepted') execute function private.refuse_suspended('answered_by_id');
create trigger _400_refuse_suspended before insert on public.properties for each row execute function private.refuse_suspended('host_id');
create trigger _400_refuse_suspended_status before update of status on public.properties for each row
    when (new.status = 'published') execute function private.refuse_suspended('host_id');
create trigger _400_refuse_suspended before insert on public.threads for each row
    when (new.booking_id is null) execute function private.refuse_suspended('guest_id');
create trigger _400_refuse_suspended before insert on public.messages for each row
    when (new.sender_id is not null) execute function private.refuse_suspended('sender_id');
create trigger _400_refuse_suspended before insert on public.reviews for each row execute function private.refuse_suspended('author_id');

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
create trigger _200_notify_of_suspended_property after update of status on public.properties for each row
    when (new.status = 'suspended' and old.status <> 'suspended') execute function private.notify_of_suspended_property();

create function private.open_cases_for_property() returns trigger
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
comment on function private.open_cases_for_property is
    'Trigger: running and coming stays at a place that is suspended become cases in the queue. Definer, because it runs as the operator.';
create trigger _300_open_cases after update of status on public.properties for each row
    when (new.status = 'suspended' and old.status <> 'suspended') execute function private.open_cases_for_property();

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
