-- Purpose: mails: when they are queued, what the worker sends, bounces, and unsubscribing.
-- Touches: queue mails, private.bounced_addresses, private.queue_mail, private.queue_digests, mail_to_send, finish_mail,
-- record_bounce, clear_bounce, unsubscribe.
-- Watch: a job names a notification, an invitation, an orphan payment or a person with a digest; mail_to_send reads the rest when the mail is sent.
-- mail_to_send returns null, and nothing is sent, when the mail no longer applies.

select pgmq.create('mails');
insert into private.internal_functions (name, every, repeats) values ('send-mails', '200 milliseconds', true);
insert into private.job_queues (queue, worker, max_attempts, first_pause, longest_pause) values ('mails', 'send-mails', 12, '10 seconds', '2 hours');
insert into private.settings (name, value, description) values
    ('public_api_url', 'http://127.0.0.1:54321', 'Base URL of the API on the internet; links in mails that lead to the API begin with it.'),
    ('app_url', 'http://127.0.0.1:3000', 'Base URL of the app; links in mails to /bookings/<id>, /messages/<id> and /notifications begin with it.'),
    ('unsubscribe_secret', encode(extensions.gen_random_bytes(32), 'hex'), 'Key that signs unsubscribe links. After a change the links in mails already sent no longer work.');

create table private.bounced_addresses (
    email text constraint bounced_addresses_pkey primary key,
    reason text not null,
    at timestamptz not null default now(),
    -- counts bounces, those of an address that is known already too
    number bigint generated always as identity
);
comment on table private.bounced_addresses is 'Addresses that a mail server rejected permanently. Nothing is sent to them until an operator calls clear_bounce.';
alter table private.bounced_addresses enable row level security;

create function private.after_quiet_hours(p_person uuid, p_at timestamptz) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select coalesce(
            (
                select case
                    when s.quiet_from < s.quiet_until and l.at::time >= s.quiet_from and l.at::time < s.quiet_until
                        then (l.at::date + s.quiet_until) at time zone s.time_zone
                    when s.quiet_from > s.quiet_until and l.at::time >= s.quiet_from
                        then (l.at::date + 1 + s.quiet_until) at time zone s.time_zone
                    when s.quiet_from > s.quiet_until and l.at::time < s.quiet_until
                        then (l.at::date + s.quiet_until) at time zone s.time_zone
                end
                from public.notification_settings s
                cross join lateral (select p_at at time zone s.time_zone as at) l
                where s.profile_id = p_person
            ),
            p_at
        )
    );
end
$$;
comment on function private.after_quiet_hours is 'Returns p_at, or the end of the person''s quiet hours when p_at is within them.';

create function private.queue_mail() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kind public.notification_kinds;
    v_mail public.mail_mode;
begin
    select k.* into v_kind from public.notification_kinds k where k.id = new.kind;
    select p.mail into v_mail from public.notification_preferences p where p.profile_id = new.recipient_id and p.topic = v_kind.topic;
    if v_mail = 'off' or v_mail = 'digest' and not v_kind.is_urgent then
        return null;
    end if;
    perform private.enqueue_job_at(
        'mails', jsonb_build_object('notification_id', new.id),
        case when v_kind.is_urgent then new.created_at else private.after_quiet_hours(new.recipient_id, new.created_at) end
    );
    return null;
end
$$;
comment on function private.queue_mail is 'Trigger: queues the mail of a notification, now or after quiet hours, unless the person wants none or a digest. Definer, because no API role may write queues.';
create trigger queue_mail after insert on public.notifications for each row execute function private.queue_mail();

create function private.queue_digests() returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_person uuid;
    v_count integer := 0;
begin
    for v_person in
        select distinct p.profile_id
        from public.notification_preferences p
        where
            p.mail = 'digest'
            and exists (
                select from public.notifications n
                join public.notification_kinds k on k.id = n.kind and not k.is_urgent and k.topic = p.topic
                where n.recipient_id = p.profile_id and n.read_at is null and n.mailed_at is null
            )
            -- their last digest still waits for the end of quiet hours, or for the mail server
            and p.profile_id::text not in (select q.message ->> 'digest_of' from pgmq.q_mails q where q.message ? 'digest_of')
    loop
        perform private.enqueue_job_at('mails', jsonb_build_object('digest_of', v_person), private.after_quiet_hours(v_person, now()));
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function private.queue_digests is 'Periodic task: queues one mail for each person with unread notifications that they want in a digest; returns how many.';
insert into private.periodic_tasks (name, command, every) values ('queue_digests', 'select private.queue_digests()', '1 hour');

create function private.mail_co_host_invitation() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.enqueue_job_at('mails', jsonb_build_object('invitation_id', new.id));
    return null;
end
$$;
comment on function private.mail_co_host_invitation is 'Trigger: queues the mail to an invited co-host, who may have no account. Definer, because no API role may write queues.';

create trigger mail_co_host_invitation after insert on public.co_host_invitations for each row execute function private.mail_co_host_invitation();

create function private.unsubscribe_token(p_person uuid, p_topic text) returns text
language sql stable
set search_path = ''
as $$
    select concat_ws('.', p_person, p_topic, encode(extensions.hmac(
        concat_ws('.', p_person, p_topic), (select s.value from private.settings s where s.name = 'unsubscribe_secret'), 'sha256'
    ), 'hex'))
$$;
comment on function private.unsubscribe_token is
    'Token of an unsubscribe link: the person, the topic or "digest", and a signature.';

create function private.mail_data(p_notification public.notifications) returns jsonb
language sql stable
set search_path = ''
as $$
    select p_notification.data || jsonb_build_object('booking_id', p_notification.booking_id)
        || case when p_notification.kind = 'check_in_details' then (
            select jsonb_strip_nulls(jsonb_build_object(
                'line1', a.line1, 'line2', a.line2, 'postal_code', a.postal_code, 'address_city', a.city, 'country', a.country,
                'check_in_from', to_char(b.check_in_from, 'HH24:MI'), 'check_in_until', to_char(p.check_in_until, 'HH24:MI'),
                'check_out_until', to_char(b.check_out_until, 'HH24:MI'), 'host_phone', c.phone
            ))
            from private.bookings b
            join public.properties p on p.id = b.property_id
            left join public.property_addresses a on a.property_id = b.property_id
            left join public.accounts c on c.id = b.host_id
            where b.id = p_notification.booking_id
        ) else '{}' end
$$;
comment on function private.mail_data is 'Data for the mail of a notification; address and phone are those of the moment it is sent.';

create function public.mail_to_send(p_message jsonb) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_urls constant jsonb := (
        select jsonb_object_agg(s.name, s.value) from private.settings s where s.name in ('app_url', 'public_api_url')
    );
    v_mail jsonb;
begin
    if p_message ? 'invitation_id' then
        select jsonb_build_object(
            'to', i.email, 'kind', 'co_host_invited', 'message_id', 'invitation-' || i.id, 'locale', 'en',
            'data', jsonb_build_object('title', i.property_title, 'level', i.level, 'host_name', p.display_name, 'expires_at', i.expires_at, 'invitation_id', i.id)
        ) into v_mail
        from public.co_host_invitations i
        join public.profiles p on p.id = i.invited_by
        where i.id = (p_message ->> 'invitation_id')::uuid and i.expires_at > now();
    elsif p_message ? 'notification_id' then
        select jsonb_build_object(
            'to', u.email, 'name', p.display_name, 'kind', n.kind, 'message_id', n.id, 'locale', a.locale, 'data', private.mail_data(n),
            'unsubscribe_token', case when k.topic <> 'account' then private.unsubscribe_token(n.recipient_id, k.topic::text) end
        ) into v_mail
        from public.notifications n
        join public.notification_kinds k on k.id = n.kind
        join public.profiles p on p.id = n.recipient_id and p.deleted_at is null
        join public.accounts a on a.id = n.recipient_id
        join auth.users u on u.id = n.recipient_id
        left join public.notification_preferences w on w.profile_id = n.recipient_id and w.topic = k.topic
        left join private.bookings b on b.id = n.booking_id
        where
            n.id = (p_message ->> 'notification_id')::uuid and n.mailed_at is null and w.mail is distinct from 'off'
            and (n.kind <> 'message_received' or n.read_at is null)
            and (n.kind <> 'check_in_details' or b.status = 'confirmed' and b.check_out_at > now())
            -- not when another card has paid meanwhile
            and (n.kind <> 'payment_failed' or exists (
                select from public.payments y where y.booking_id = n.booking_id and y.status = 'requires_payment' and y.last_error is not null
            ));
    elsif p_message ? 'orphan_id' then
        select jsonb_build_object(
            'to', o.receipt_email, 'kind', 'orphan_refunded', 'message_id', format('orphan-%s-%s', o.id, o.tries), 'locale', 'en',
            'data', private.orphan_summary(o)
        ) into v_mail
        from public.orphans o
        where o.id = (p_message ->> 'orphan_id')::uuid and o.receipt_email is not null and o.status = 'refunded';
    elsif p_message ? 'digest_of' then
        select jsonb_build_object(
            'to', u.email, 'name', p.display_name, 'kind', 'digest', 'locale', a.locale,
            'message_id', 'digest-' || md5(string_agg(n.id::text, ',' order by n.id)),
            'unsubscribe_token', private.unsubscribe_token(p.id, 'digest'),
            'data', jsonb_build_object(
                'ids', jsonb_agg(n.id order by n.created_at, n.id),
                'items', jsonb_agg(n.data || jsonb_build_object('kind', n.kind) order by n.created_at, n.id)
            )
        ) into v_mail
        from public.notifications n
        join public.notification_kinds k on k.id = n.kind and not k.is_urgent
        join public.notification_preferences w on w.profile_id = n.recipient_id and w.topic = k.topic and w.mail = 'digest'
        join public.profiles p on p.id = n.recipient_id and p.deleted_at is null
        join public.accounts a on a.id = p.id
        join auth.users u on u.id = p.id
        where n.recipient_id = (p_message ->> 'digest_of')::uuid and n.read_at is null and n.mailed_at is null
        group by p.id, p.display_name, u.email, a.locale;
    end if;
    if v_mail is null or exists (select from private.bounced_addresses b where b.email = lower(v_mail ->> 'to')) then
        return null;
    end if;
    return jsonb_strip_nulls(v_mail) || v_urls;
end
$$;
grant execute on function public.mail_to_send to service_role;
comment on function public.mail_to_send is
    'Returns the mail of a job; null when it no longer applies: already sent, read, turned off, booking cancelled, account deleted or address bounced. For the mail worker: service role only; definer, because it reads e-mail addresses.';

create function public.finish_mail(p_message jsonb, p_ids uuid[] default null) returns void
language sql security definer
set search_path = ''
as $$
    update public.notifications n set mailed_at = clock_timestamp()
    where n.mailed_at is null and (n.id = (p_message ->> 'notification_id')::uuid or n.id = any (p_ids));
    -- a guest without an account here: the address has served its purpose
    update public.orphans o set receipt_email = null where o.id = (p_message ->> 'orphan_id')::uuid
$$;
grant execute on function public.finish_mail to service_role;
comment on function public.finish_mail is
    'Records that the mail server accepted the mail of a job; for a digest, p_ids are its notifications. For the mail worker: service role only; definer, because the service role may not write notifications.';

create function public.record_bounce(p_email text, p_reason text) returns void
language sql security definer
set search_path = ''
as $$
    insert into private.bounced_addresses (email, reason) values (lower(p_email), left(p_reason, 500)) on conflict do nothing
$$;
grant execute on function public.record_bounce to service_role;
comment on function public.record_bounce is
    'Records that an address does not exist: nothing is sent to it any more. For the mail worker and a mail provider''s webhook: service role only; definer, because it writes to schema private.';

create function private.clear_bounce(p_email text) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    delete from private.bounced_addresses b where b.email = lower(p_email);
    return found;
end
$$;
grant execute on function private.clear_bounce to authenticated, service_role;
comment on function private.clear_bounce is 'Does the work of public.clear_bounce. Definer, because it writes to schema private.';

create function public.clear_bounce(p_email text) returns boolean
language sql
set search_path = ''
as $$
    select private.clear_bounce(p_email)
$$;
grant execute on function public.clear_bounce to authenticated, service_role;
comment on function public.clear_bounce is
    'Allows mails to a bounced address again; false when the address had not bounced. For operators.';

create function public.unsubscribe(p_token text) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_person uuid;
    v_topic text;
begin
    if p_token !~ '^[0-9a-f-]{36}\.(bookings|messages|reviews|reminders|payouts|digest)\.[0-9a-f]{64}$' then
        return null;
    end if;
    v_person := split_part(p_token, '.', 1);
    v_topic := split_part(p_token, '.', 2);
    if private.unsubscribe_token(v_person, v_topic) <> p_token or not exists (
        select from public.profiles p where p.id = v_person and p.deleted_at is null
    ) then
        return null;
    end if;
    if v_topic = 'digest' then
        update public.notification_preferences p set mail = 'off' where p.profile_id = v_person and p.mail = 'digest';
    else
        insert into public.notification_preferences as p (profile_id, topic, mail) values (v_person, v_topic::public.notification_topic, 'off')
        on conflict on constraint notification_preferences_pkey do update set mail = 'off';
    end if;
    return v_topic;
end
$$;
grant execute on function public.unsubscribe to service_role;
comment on function public.unsubscribe is
    'Turns off the mails of a token''s topic (a digest: of every topic in it) and returns the topic; null when the token is not valid. For the Edge Function unsubscribe: service role only; definer, because it writes the preferences of the token''s person.';
