-- Purpose: telling people what happened: one table of it, by person; what each wants by mail, and when; the mails' queue.
-- Touches: public.notification_kinds, notifications, notification_preferences, notification_settings; unread_notification_count,
-- mark_notifications_read; private.notify, notify_of_booking; for the worker mail_to_send, finish_mail, record_bounce,
-- unsubscribe; for operators forgive_bounce.
-- Watch: a notification is written in the transaction of what it tells, and never twice for the same dedupe_key. The mail's text
-- is made when it is sent: what is no longer so by then (check-in details of a cancelled stay) is not sent.

create type public.notification_topic as enum ('bookings', 'messages', 'reviews', 'reminders', 'payouts', 'account');
comment on type public.notification_topic is 'What people choose by. Mails of topic account cannot be turned off.';
create type public.mail_mode as enum ('at_once', 'digest', 'off');
comment on type public.mail_mode is 'at_once: a mail each. digest: what is unread, together, at most every hour. off: none.';

create table public.notification_kinds (
    id text constraint notification_kinds_pkey primary key constraint notification_kinds_id_is_a_word check (id ~ '^[a-z_]{1,40}$'),
    topic public.notification_topic not null,
    is_urgent boolean not null default false
);
comment on table public.notification_kinds is 'Kinds of notifications.';
comment on column public.notification_kinds.topic is 'Which preference it falls under.';
comment on column public.notification_kinds.is_urgent is 'Mailed during quiet hours and outside the digest: somebody waits for an answer, or travels.';

insert into public.notification_kinds (id, topic, is_urgent) values
    ('booking_requested', 'bookings', true), ('booking_accepted', 'bookings', true), ('booking_declined', 'bookings', false),
    ('booking_withdrawn', 'bookings', false), ('booking_expired', 'bookings', false), ('booking_confirmed', 'bookings', true),
    ('booking_cancelled', 'bookings', true), ('booking_no_show', 'bookings', false), ('booking_altered', 'bookings', false),
    ('alteration_proposed', 'bookings', true), ('alteration_declined', 'bookings', false), ('payment_failed', 'bookings', true), ('payout_sent', 'payouts', false),
    ('check_in_details', 'reminders', true), ('review_due', 'reviews', false), ('review_published', 'reviews', false),
    ('message_received', 'messages', false), ('property_suspended', 'account', false), ('account_suspended', 'account', false);

create table public.notifications (
    id uuid default gen_random_uuid() constraint notifications_pkey primary key,
    recipient_id uuid not null constraint notifications_recipient_fkey references public.profiles (id) on delete cascade,
    kind text not null constraint notifications_kind_fkey references public.notification_kinds (id) on delete restrict,
    booking_id uuid constraint notifications_booking_fkey references private.bookings (id) on delete restrict,
    property_id uuid constraint notifications_property_fkey references public.properties (id) on delete cascade,
    data jsonb not null default '{}',
    dedupe_key text not null,
    created_at timestamptz not null default now(),
    read_at timestamptz,
    mailed_at timestamptz,
    constraint notifications_are_told_once unique (recipient_id, dedupe_key)
);
comment on table public.notifications is 'What happened, for each person whom it concerns. They read it and mark it read.';
comment on column public.notifications.kind is 'What happened.';
comment on column public.notifications.data is 'What it takes to tell it, as it was then: title, dates, names, amounts in minor units.';
comment on column public.notifications.dedupe_key is 'The same thing is told a person once.';
comment on column public.notifications.read_at is 'Null while unread. Set from the start for what the person does not want in the list.';
comment on column public.notifications.mailed_at is 'When the mail server had it; null when not or not yet.';

create index notifications_unread_idx on public.notifications (recipient_id, created_at desc) where read_at is null;
create index notifications_recipient_id_idx on public.notifications (recipient_id, created_at desc);
create index notifications_kind_idx on public.notifications (kind);
create index notifications_booking_id_idx on public.notifications (booking_id);
create index notifications_property_id_idx on public.notifications (property_id);

create table public.notification_preferences (
    profile_id uuid not null default auth.uid() constraint notification_preferences_profile_fkey references public.profiles (id) on delete cascade,
    topic public.notification_topic not null constraint notification_preferences_account_stays_on check (topic <> 'account'),
    mail public.mail_mode not null default 'at_once',
    in_app boolean not null default true,
    updated_at timestamptz not null default now(),
    constraint notification_preferences_pkey primary key (profile_id, topic)
);
comment on table public.notification_preferences is 'What a person wants of a topic. No row: mails at once, and in the list.';
comment on column public.notification_preferences.mail is 'Mails of this topic.';
comment on column public.notification_preferences.in_app is 'Whether they count as unread in the list.';

create table public.notification_settings (
    profile_id uuid default auth.uid() constraint notification_settings_pkey primary key
        constraint notification_settings_profile_fkey references public.profiles (id) on delete cascade,
    quiet_from time(0) not null,
    quiet_until time(0) not null,
    time_zone text not null constraint notification_settings_time_zone_fkey references public.time_zones (name) on delete restrict,
    updated_at timestamptz not null default now(),
    constraint notification_settings_quiet_hours_are_some check (quiet_from <> quiet_until)
);
comment on table public.notification_settings is 'Quiet hours of a person: mails that are not urgent wait until they end. No row: none.';
comment on column public.notification_settings.quiet_from is 'Local time at which they begin.';
comment on column public.notification_settings.quiet_until is 'Local time at which they end, on the next day when it is the earlier one.';
comment on column public.notification_settings.time_zone is 'IANA time zone of the person.';

create index notification_settings_time_zone_idx on public.notification_settings (time_zone);

create table private.bounced_addresses (
    email text constraint bounced_addresses_pkey primary key,
    reason text not null,
    at timestamptz not null default now()
);
comment on table private.bounced_addresses is 'Addresses that mail servers refused for good; nothing is sent there until the person changes theirs or an operator calls forgive_bounce.';
alter table private.bounced_addresses enable row level security;

alter table public.notification_kinds enable row level security;
alter table public.notifications enable row level security;
alter table public.notification_preferences enable row level security;
alter table public.notification_settings enable row level security;

grant select on public.notification_kinds to authenticated, service_role;
grant select, delete on public.notifications to authenticated;
grant update (read_at) on public.notifications to authenticated;
grant select on public.notifications to service_role;
grant select, delete on public.notification_preferences to authenticated;
grant insert (profile_id, topic, mail, in_app), update (profile_id, topic, mail, in_app) on public.notification_preferences to authenticated;
grant select, delete on public.notification_settings to authenticated;
grant insert (profile_id, quiet_from, quiet_until, time_zone), update (profile_id, quiet_from, quiet_until, time_zone)
    on public.notification_settings to authenticated;

create policy "People can read kinds of notifications" on public.notification_kinds for select to authenticated using (true);
create policy "People can read their notifications" on public.notifications for select to authenticated
    using (recipient_id = (select auth.uid()));
create policy "People can mark their notifications" on public.notifications for update to authenticated
    using (recipient_id = (select auth.uid()))
    with check (recipient_id = (select auth.uid()));
create policy "People can delete their notifications" on public.notifications for delete to authenticated
    using (recipient_id = (select auth.uid()));
create policy "People can read their preferences" on public.notification_preferences for select to authenticated
    using (profile_id = (select auth.uid()));
create policy "People can set preferences" on public.notification_preferences for insert to authenticated
    with check (profile_id = (select auth.uid()));
create policy "People can change their preferences" on public.notification_preferences for update to authenticated
    using (profile_id = (select auth.uid()))
    with check (profile_id = (select auth.uid()));
create policy "People can go back to the defaults" on public.notification_preferences for delete to authenticated
    using (profile_id = (select auth.uid()));
create policy "People can read their quiet hours" on public.notification_settings for select to authenticated
    using (profile_id = (select auth.uid()));
create policy "People can set quiet hours" on public.notification_settings for insert to authenticated
    with check (profile_id = (select auth.uid()));
create policy "People can change their quiet hours" on public.notification_settings for update to authenticated
    using (profile_id = (select auth.uid()))
    with check (profile_id = (select auth.uid()));
create policy "People can end their quiet hours" on public.notification_settings for delete to authenticated
    using (profile_id = (select auth.uid()));

create trigger set_updated_at before update on public.notification_preferences for each row execute function private.set_updated_at();
create trigger set_updated_at before update on public.notification_settings for each row execute function private.set_updated_at();

-- live on stacks that have Realtime, whose policies are these
do $$
begin
    if exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
        alter publication supabase_realtime add table public.notifications;
    end if;
end
$$;

select pgmq.create('mails');
insert into private.job_queues (queue, worker, max_attempts, first_pause, longest_pause) values ('mails', 'send-mails', 12, '10 seconds', '2 hours');
insert into private.settings (name, value, description) values
    ('public_api_url', 'http://127.0.0.1:54321', 'Base URL of the API as people reach it; links in mails that the API answers are built on it.'),
    ('app_url', 'http://127.0.0.1:3000', 'Base URL of the app; other links in mails are built on it: /bookings/<id>, /messages/<id>, /notifications.'),
    ('unsubscribe_secret', encode(extensions.gen_random_bytes(32), 'hex'), 'Key of the signatures in unsubscribe links. A new one ends the links in mails already sent.');

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
comment on function private.after_quiet_hours is 'p_at, or the end of the person''s quiet hours when it falls into them. Called by queue_mail.';

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
comment on function private.queue_mail is 'Trigger: queues the mail of a notification, now or after quiet hours, unless the person wants none. Definer, because queues belong to the owner.';
create trigger queue_mail after insert on public.notifications for each row execute function private.queue_mail();

create function private.notify(
    p_recipient uuid, p_kind text, p_dedupe_key text, p_data jsonb default '{}', p_booking_id uuid default null, p_property_id uuid default null
) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into public.notifications (recipient_id, kind, dedupe_key, data, booking_id, property_id, read_at)
    select
        p_recipient, p_kind, p_dedupe_key, p_data, p_booking_id, p_property_id,
        case when exists (
            select from public.notification_preferences n
            join public.notification_kinds k on k.topic = n.topic
            where n.profile_id = p_recipient and k.id = p_kind and not n.in_app
        ) then now() end
    from public.profiles p
    where p.id = p_recipient and p.deleted_at is null
    on conflict on constraint notifications_are_told_once do nothing;
end
$$;
comment on function private.notify is
    'Tells a person, once for p_dedupe_key. Called by triggers and functions of the owner. Definer, because no role may write notifications.';

create function private.host_side(p_property_id uuid, p_host_id uuid) returns setof uuid
language sql stable
set search_path = ''
as $$
    select p_host_id
    union
    select c.profile_id from public.co_hosts c where c.property_id = p_property_id and c.level >= 'calendar_and_messages'
$$;
comment on function private.host_side is 'Whoever on the host''s side talks with guests. Called by functions of the owner.';

create function private.booking_summary(p_booking_id uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'title', b.property_title, 'city', b.property_city, 'check_in', b.check_in, 'check_out', b.check_out, 'nights', b.nights,
            'guests', b.adults + b.children + b.infants, 'guest_total', b.guest_total, 'currency', b.currency,
            'guest_name', g.display_name, 'host_name', h.display_name, 'expires_at', b.expires_at, 'time_zone', b.time_zone
        )
        from private.bookings b
        join public.profiles g on g.id = b.guest_id
        join public.profiles h on h.id = b.host_id
        where b.id = p_booking_id
    );
end
$$;
comment on function private.booking_summary is 'What notifications tell of a booking. Called by functions of the owner.';

create function private.notify_of_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_kind text;
    v_to_guest boolean := true;
    v_to_host boolean := true;
    v_data jsonb;
begin
    if new.event = 'altered' then
        v_kind := 'booking_altered';
    elsif new.to_status = 'requested' then
        v_kind := 'booking_requested';
        v_to_guest := false;
    elsif new.event = 'created' then
        return null;
    elsif new.to_status = 'awaiting_payment' then
        v_kind := 'booking_accepted';
        v_to_host := false;
        -- what was authorised with the request is captured now: there is nothing to ask for
        v_to_guest := not exists (select from public.payments p where p.booking_id = new.booking_id and p.status = 'authorized');
    elsif new.to_status = 'completed' then
        v_kind := 'review_due';
    else
        v_kind := 'booking_' || new.to_status;
        v_to_host := new.to_status <> 'declined' and (new.from_status <> 'awaiting_payment' or new.to_status = 'confirmed');
        v_to_guest := new.to_status <> 'withdrawn';
    end if;
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    v_data := private.booking_summary(new.booking_id) || jsonb_strip_nulls(jsonb_build_object(
        'actor', new.actor, 'reason', new.reason, 'expires_at', new.after ->> 'expires_at',
        'review_until', case when v_kind = 'review_due' then private.review_window_ends_at(v_booking) end
    ));
    if v_to_guest then
        perform private.notify(v_booking.guest_id, v_kind, 'booking_event:' || new.id, v_data || '{"you_are": "guest"}', new.booking_id, v_booking.property_id);
    end if;
    if v_to_host then
        perform private.notify(h.id, v_kind, 'booking_event:' || new.id, v_data || '{"you_are": "host"}', new.booking_id, v_booking.property_id)
        from private.host_side(v_booking.property_id, v_booking.host_id) as h (id)
        -- co-hosts write no reviews
        where v_kind <> 'review_due' or h.id = v_booking.host_id;
    end if;
    return null;
end
$$;
comment on function private.notify_of_booking is 'Trigger: tells both sides what happened to a booking. Definer, because it runs as whoever acted.';
create trigger notify_of_booking after insert on private.booking_events for each row execute function private.notify_of_booking();

create function private.notify_of_alteration() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kind constant text := case tg_op when 'INSERT' then 'alteration_proposed' else 'alteration_declined' end;
    v_booking private.bookings;
    v_data jsonb;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    v_data := private.booking_summary(new.booking_id) || jsonb_build_object(
        'new_check_in', new.check_in, 'new_check_out', new.check_out, 'new_guest_total', new.guest_total, 'expires_at', new.expires_at
    );
    -- the proposal goes to the other side, the answer back
    if (new.proposed_by = 'guest') = (tg_op = 'INSERT') then
        perform private.notify(h.id, v_kind, v_kind || ':' || new.id, v_data || '{"you_are": "host"}', new.booking_id, v_booking.property_id)
        from private.host_side(v_booking.property_id, v_booking.host_id) as h (id);
    else
        perform private.notify(
            v_booking.guest_id, v_kind, v_kind || ':' || new.id, v_data || '{"you_are": "guest"}', new.booking_id, v_booking.property_id
        );
    end if;
    return null;
end
$$;
comment on function private.notify_of_alteration is 'Trigger: tells the other side what one proposed, and that one when it was declined; accepted, it is booking_altered. Definer, because it runs as whoever acts.';
create trigger notify_of_alteration after insert on public.booking_alterations for each row execute function private.notify_of_alteration();
create trigger notify_of_answer after update of answer on public.booking_alterations for each row
    when (new.answer = 'declined' and old.answer is null) execute function private.notify_of_alteration();

create function private.notify_of_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.notify(
        new.subject_id, 'review_published', 'review:' || new.id,
        private.booking_summary(new.booking_id) || jsonb_build_object('you_are', case new.side when 'guest' then 'host' else 'guest' end, 'review_id', new.id),
        new.booking_id, new.property_id
    );
    return null;
end
$$;
comment on function private.notify_of_review is 'Trigger: tells the person whom a review is about once it is published, and not before. Definer, because it runs as its writer or the sweep.';
create trigger notify_of_review after update of is_counted on public.reviews for each row
    when (new.is_counted and not old.is_counted and new.state = 'visible') execute function private.notify_of_review();

insert into private.settings (name, value, description) values
    ('check_in_details', '48 hours', 'How long before check-in, on the property''s clock, guests are sent address and arrival details.');

create function private.send_check_in_details(p_now timestamptz default now()) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_count integer;
begin
    perform private.notify(b.guest_id, 'check_in_details', 'check_in_details:' || b.id || ':' || b.check_in,
        private.booking_summary(b.id) || '{"you_are": "guest"}', b.id, b.property_id)
    from private.bookings b
    where
        b.status = 'confirmed' and b.check_in_at > p_now and b.check_in_at <= p_now + private.duration('check_in_details') + interval '2 hours'
        and date_subtract(b.check_in_at, private.duration('check_in_details'), b.time_zone) <= p_now
        and not exists (
            select from public.notifications n
            where n.recipient_id = b.guest_id and n.dedupe_key = 'check_in_details:' || b.id || ':' || b.check_in
        );
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function private.send_check_in_details is
    'Tells guests whose check-in is 48 hours away, or nearer, how to arrive; again when the first night changes. Called by run_due_work.';
create index bookings_check_in_at_idx on private.bookings (check_in_at) where status = 'confirmed';

create function private.queue_digests() returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_person uuid;
    v_count integer := 0;
begin
    for v_person in
        select distinct n.recipient_id
        from public.notifications n
        join public.notification_kinds k on k.id = n.kind and not k.is_urgent
        join public.notification_preferences p on p.profile_id = n.recipient_id and p.topic = k.topic and p.mail = 'digest'
        where
            n.read_at is null and n.mailed_at is null
            -- one waits for the end of quiet hours, or for the mail server
            and n.recipient_id::text not in (select q.message ->> 'digest_of' from pgmq.q_mails q where q.message ? 'digest_of')
    loop
        perform private.enqueue_job_at('mails', jsonb_build_object('digest_of', v_person), private.after_quiet_hours(v_person, now()));
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function private.queue_digests is 'Queues one mail for everybody who has something unread that they want in a digest. Called by run_due_work every hour.';

insert into private.due_tasks (name, command, every) values
    ('send_check_in_details', 'select private.send_check_in_details()', '1 minute'),
    ('queue_digests', 'select private.queue_digests()', '1 hour');

create function private.mail_co_host_invitation() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.enqueue_job_at('mails', jsonb_build_object('invitation_id', new.id));
    return null;
end
$$;
comment on function private.mail_co_host_invitation is 'Trigger: queues the mail to an invited co-host, who may have no account. Definer, because queues belong to the owner.';
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

create function private.forgive_bounce(p_email text) returns boolean
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    delete from private.bounced_addresses b where b.email = lower(p_email);
    return found;
end
$$;
grant execute on function private.forgive_bounce to authenticated, service_role;
comment on function private.forgive_bounce is 'See public.forgive_bounce. Definer, because it writes to schema private.';

create function public.forgive_bounce(p_email text) returns boolean
language sql
set search_path = ''
as $$
    select private.forgive_bounce(p_email)
$$;
grant execute on function public.forgive_bounce to authenticated, service_role;
comment on function public.forgive_bounce is
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
