-- Purpose: mails.

create function private.unsubscribe_token(p_person uuid, p_topic text) returns text
language sql stable
set search_path = ''
as $$
    select concat_ws('.', p_person, p_topic, encode(extensions.hmac(
        concat_ws('.', p_person, p_topic), (select s.value from private.settings s where s.name = 'unsubscribe_secret'), 'sha256'
    ), 'hex'))
$$;
comment on function private.unsubscribe_token is
    'What an unsubscribe link carries: who, which topic or "digest", and a signature. Called by functions of the owner alone.';

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
comment on function private.mail_data is 'What the mail of a notification tells; address and phone are read when it is sent. Called by mail_to_send.';

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
            -- paid meanwhile, by another card
            and (n.kind <> 'payment_failed' or exists (
                select from public.payments y where y.booking_id = n.booking_id and y.status = 'requires_payment' and y.last_error is not null
            ));
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
    'What a job of the queue mails is to send; null when there is nothing to send any more: sent, read, turned off, cancelled, account gone, address bounced. For the worker: service role only. Definer, because it reads addresses of people.';

create function public.finish_mail(p_message jsonb, p_ids uuid[] default null) returns void
language sql security definer
set search_path = ''
as $$
    update public.notifications n set mailed_at = clock_timestamp()
    where n.mailed_at is null and (n.id = (p_message ->> 'notification_id')::uuid or n.id = any (p_ids))
$$;
grant execute on function public.finish_mail to service_role;
comment on function public.finish_mail is
    'Notes that the mail server has the mail of a job; of a digest p_ids. For the worker: service role only. Definer, because no role may write notifications.';

create function public.record_bounce(p_email text, p_reason text) returns void
language sql security definer
set search_path = ''
as $$
    insert into private.bounced_addresses (email, reason) values (lower(p_email), left(p_reason, 500)) on conflict do nothing
$$;
grant execute on function public.record_bounce to service_role;
comment on function public.record_bounce is
    'Notes that an address does not exist, so that nothing is sent there any more. For the worker and for a mail provider''s webhook: service role only. Definer, because it writes to schema private.';

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
comment on function private.clear_bounce is 'See public.clear_bounce. Definer, because it writes to schema private.';

create function public.clear_bounce(p_email text) returns boolean
language sql
set search_path = ''
as $$
    select private.clear_bounce(p_email)
$$;
grant execute on function public.clear_bounce to authenticated, service_role;
comment on function public.clear_bounce is
    'Lets mails go to an address again that a server had refused; false when none had. For operators.';

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
    'Turns off the mails of the topic that a link''s token is for, of a digest those of all topics in it, and says which; null for a token that is not ours. Doing it twice does no harm. For the Edge Function unsubscribe: service role only. Definer, because it writes a person''s preferences without their session.';

create function public.unread_notification_count() returns bigint
language sql stable
set search_path = ''
as $$
    select count(*) from public.notifications n where n.recipient_id = (select auth.uid()) and n.read_at is null
$$;
grant execute on function public.unread_notification_count to authenticated;
comment on function public.unread_notification_count is 'How many notifications the caller has not read.';

create function public.mark_notifications_read(p_until timestamptz default now()) returns bigint
language sql
set search_path = ''
as $$
    with marked as (
        update public.notifications n set read_at = now()
        where n.recipient_id = (select auth.uid()) and n.read_at is null and n.created_at <= p_until
        returning n.id
    )
    select count(*) from marked
$$;
grant execute on function public.mark_notifications_read to authenticated;
comment on function public.mark_notifications_read is 'Marks the caller''s notifications read, those up to p_until, and says how many.';
