-- Purpose: reports and their resolution, suspensions of people and their effects, and the audit trail.
-- Touches: public.reports, private.refuse_suspended on the tables of new activity, resolve_report, suspend_profile,
-- unsuspend_profile, open_money_case, audit_trail; triggers on properties, refunds, disputes and fraud warnings.
-- Watch: a suspension refuses new activity. Confirmed stays remain, and each becomes a case in the queue of reports. What Stripe, a bank
-- or a card's issuer did without us becomes a case too.

insert into private.errors (code, status, message, hint) values
    ('report_not_found', 404, 'There is no such open report.', 'Check the id; another operator may have closed it.'),
    ('report_resolution_is_plain', 422, 'A resolution has 1 to 2,000 characters of plain text, without HTML and control characters.', 'Say in p_resolution what you did: the reporter reads it.'),
    ('person_not_found', 404, 'There is no such person.', 'Check the id; the account may have been deleted.'),
    ('already_suspended', 409, 'This person is already suspended.', 'Call unsuspend_profile to end the suspension.'),
    ('not_suspended', 404, 'This person is not suspended.', 'Check the id.');

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
comment on function private.can_report is 'Whether the caller can read what they report.';
create policy "People can report what they can read" on public.reports for insert to authenticated
    with check (reporter_id = (select auth.uid()) and private.can_report(subject, subject_id));

create function private.limit_reports() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.reporter_id is not null then
        perform pg_advisory_xact_lock(hashtextextended('reports ' || new.reporter_id, 0));
        if exists (
            select from public.reports r
            where r.reporter_id = new.reporter_id and r.subject = new.subject and r.subject_id = new.subject_id and r.status = 'open'
        ) then
            perform private.raise_error('already_reported');
        end if;
        perform private.limit_rate('too_many_reports', 'reports_per_day', (
            select count(*) from public.reports r where r.reporter_id = new.reporter_id and r.created_at > now() - interval '1 day'
        ));
    end if;
    return new;
end
$$;
comment on function private.limit_reports is 'Trigger: refuses a second open report of the same thing, and too many reports a day. Definer, because it reads settings.';

insert into private.settings (name, value, description) values
    ('reports_per_day', '30', 'How many reports a person may send in a day.');
create trigger _200_limit_reports before insert on public.reports for each row execute function private.limit_reports();
select private.install_row_checks('public.reports');

create function private.notify_of_report() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.notify(new.reporter_id, 'report_closed', 'report_closed:' || new.id, jsonb_build_object('resolution', new.resolution));
    return null;
end
$$;
comment on function private.notify_of_report is 'Trigger: notifies the reporter when a report is closed. Definer, because no API role may write notifications.';
create trigger _200_notify_of_report after update of status on public.reports for each row
    when (new.reporter_id is not null and new.status <> 'open' and old.status = 'open') execute function private.notify_of_report();

create function private.resolve_report(p_report_id uuid, p_resolution text, p_dismiss boolean) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    if (p_resolution ~ '\S' and private.is_plain_text(p_resolution, 2000)) is not true then
        perform private.raise_error('report_resolution_is_plain');
    end if;
    update public.reports r
    set
        status = case when p_dismiss then 'dismissed' else 'resolved' end::public.report_status,
        resolution = p_resolution, resolved_by = auth.uid(), resolved_at = now()
    where r.id = p_report_id and r.status = 'open';
    if not found then
        perform private.raise_error('report_not_found');
    end if;
end
$$;
grant execute on function private.resolve_report to authenticated, service_role;
comment on function private.resolve_report is 'Does the work of public.resolve_report. Definer, because no API role may change reports.';

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
comment on function public.resolve_report is 'Resolves or dismisses an open report and says what was done. For operators.';

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
create trigger _400_refuse_suspended before insert on private.messages for each row
    when (new.sender_id is not null) execute function private.refuse_suspended('sender_id');
create trigger _400_refuse_suspended before insert on public.reviews for each row execute function private.refuse_suspended('author_id');
-- another caller is refused by the row's checks, and learns nothing about the host
create trigger _400_refuse_suspended before insert on public.money_requests for each row
    when (new.host_id = auth.uid()) execute function private.refuse_suspended('host_id');

create function private.suspend_profile(p_profile_id uuid, p_reason text) returns setof public.reports
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    perform from public.profiles p where p.id = p_profile_id and p.deleted_at is null for no key update;
    if not found then
        perform private.raise_error('person_not_found');
    elsif exists (select from public.suspensions s where s.profile_id = p_profile_id and s.ended_at is null) then
        perform private.raise_error('already_suspended');
    elsif (p_reason ~ '\S' and private.is_plain_text(p_reason, 1000)) is not true then
        perform private.raise_error('moderation_reason_is_plain');
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
    -- after the cases, so that open_cases_for_property opens none twice
    perform private.change_property_status(p.id, 'suspended', p_reason)
    from public.properties p
    where p.host_id = p_profile_id and p.status in ('published', 'paused')
    order by p.id;
end
$$;
grant execute on function private.suspend_profile to authenticated, service_role;
comment on function private.suspend_profile is 'Does the work of public.suspend_profile. Definer, because no API role may write suspensions.';

create function public.suspend_profile(p_profile_id uuid, p_reason text) returns setof public.reports
language sql
set search_path = ''
as $$
    select * from private.suspend_profile(p_profile_id, p_reason)
$$;
grant execute on function public.suspend_profile to authenticated, service_role;
comment on function public.suspend_profile is
    'Suspends, for an operator, a person and their properties, with a reason that they can read: they can no longer book, list, write or review. Their current and future stays remain, and each becomes a case in the queue; returns those cases.';

create function private.unsuspend_profile(p_profile_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    update public.suspensions s set ended_at = now() where s.profile_id = p_profile_id and s.ended_at is null;
    if not found then
        perform private.raise_error('not_suspended');
    end if;
end
$$;
grant execute on function private.unsuspend_profile to authenticated, service_role;
comment on function private.unsuspend_profile is 'Does the work of public.unsuspend_profile. Definer, because no API role may write suspensions.';

create function public.unsuspend_profile(p_profile_id uuid) returns void
language sql
set search_path = ''
as $$
    select private.unsuspend_profile(p_profile_id)
$$;
grant execute on function public.unsuspend_profile to authenticated, service_role;
comment on function public.unsuspend_profile is 'Ends the suspension of a person, for an operator. Their properties stay suspended until unsuspend_property is called.';

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
comment on function private.notify_of_suspended_property is 'Trigger: notifies the host that a property was suspended, and why. Definer, because no API role may write notifications.';
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
    'Trigger: opens a case in the queue for each current or future stay at a suspended property. Definer, because no API role may write cases.';
create trigger _300_open_cases after update of status on public.properties for each row
    when (new.status = 'suspended' and old.status <> 'suspended') execute function private.open_cases_for_property();

create function private.open_money_case() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_row constant jsonb := to_jsonb(new);
    v_details constant jsonb := v_row || jsonb_build_object('amount', v_row ->> 'amount' || ' ' || (v_row ->> 'currency'));
begin
    if tg_table_name = 'disputes' and not exists (
        select from private.bookings b where b.id = new.booking_id and b.status = 'confirmed' and b.check_in_at > now()
    ) then
        return null;
    end if;
    insert into public.reports (reporter_id, subject, subject_id, reason, details)
    values (
        null, 'booking', new.booking_id, tg_argv[0]::public.report_reason,
        case tg_argv[0]
            when 'refund_at_stripe' then format('Refund %s of %s (minor units) was made at Stripe. The platform bears it until assign_goodwill.', new.id, v_details ->> 'amount')
            when 'refund_failed' then format('Refund %s of %s (minor units) failed: %s', new.id, v_details ->> 'amount', v_row ->> 'last_error')
            when 'dispute_lost' then format('Dispute %s over %s (minor units) was lost, and the stay is still to come.', new.id, v_details ->> 'amount')
            else format('Early fraud warning %s of the card''s issuer: %s. A dispute is likely.', new.id, v_row ->> 'fraud_type')
        end
    );
    return null;
end
$$;
comment on function private.open_money_case is
    'Trigger, with the reason as argument: opens a case in the queue for a refund, a fraud warning, or a lost dispute of a stay to come. Definer, because no API role may write cases.';

create trigger _400_open_case after insert on public.refunds for each row
    when (new.reason = 'goodwill' and new.borne_by is null and new.status <> 'failed') execute function private.open_money_case('refund_at_stripe');
create trigger _410_open_case_of_failure after update of status on public.refunds for each row
    when (new.status = 'failed' and old.status <> 'failed') execute function private.open_money_case('refund_failed');
create trigger open_case after insert on private.fraud_warnings for each row execute function private.open_money_case('fraud_warning');

create trigger _300_open_case after insert on public.disputes for each row
    when (new.status = 'lost') execute function private.open_money_case('dispute_lost');
create trigger _300_open_case_of_loss after update of status on public.disputes for each row
    when (new.status = 'lost' and old.status <> 'lost') execute function private.open_money_case('dispute_lost');

create function private.audit_trail(p_id uuid)
returns table (at timestamptz, source text, event text, actor_id uuid, actor text, reason text, before jsonb, after jsonb, request_id text)
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query
        select e.at, 'bookings', e.event, e.actor_id, e.actor::text, e.reason, e.before, e.after, e.request_id
        from private.booking_events e where e.booking_id = p_id
        union all
        select e.at, 'properties', e.event, e.actor_id, e.actor::text, e.reason, jsonb_build_object('status', e.from_status),
            e.details || jsonb_build_object('status', e.to_status), e.request_id
        from private.property_events e where e.property_id = p_id
        union all
        select l.at, l.table_name, l.action, l.actor_id, null, null, l.before, l.after, l.request_id
        from public.audit_log l
        where
            l.row_id = p_id::text or l.actor_id = p_id
            or l.after ->> 'profile_id' = p_id::text or l.after ->> 'subject_id' = p_id::text
        order by 1;
end
$$;
grant execute on function private.audit_trail to authenticated, service_role;
comment on function private.audit_trail is 'Does the work of public.audit_trail. Definer, because no API role may read the events of bookings and properties.';

create function public.audit_trail(p_id uuid)
returns table (at timestamptz, source text, event text, actor_id uuid, actor text, reason text, before jsonb, after jsonb, request_id text)
language sql stable
set search_path = ''
as $$
    select * from private.audit_trail(p_id)
$$;
grant execute on function public.audit_trail to authenticated, service_role;
comment on function public.audit_trail is
    'Lists all recorded changes of a booking, property, review, report or person in order of time: who changed what and why, with the values before and after, and the id of the request. For operators.';

create function private.request_trace(p_request_id text)
returns table (at timestamptz, source text, event text, subject text)
language sql stable
set search_path = ''
as $$
    select e.recorded_at, 'booking_events', concat_ws(' ', e.event, e.to_status), e.booking_id::text
    from private.booking_events e where e.request_id = p_request_id
    union all
    select e.at, 'property_events', concat_ws(' ', e.event, e.to_status), e.property_id::text
    from private.property_events e where e.request_id = p_request_id
    union all
    select l.at, 'audit_log', l.action || ' ' || l.table_name, l.row_id
    from public.audit_log l where l.request_id = p_request_id
    union all
    select t.created_at, 'stripe_tasks', concat_ws(' ', t.kind, case when t.done_at is not null then 'done' when t.dead_at is not null then 'dead' else 'open' end),
        t.subject
    from private.stripe_tasks t where t.request_id = p_request_id
    order by 1
$$;
comment on function private.request_trace is
    'What a request changed, in order of time: events of bookings and properties, audit rows and Stripe tasks. For the owner; `npm run logs -- --request` shows it.';
