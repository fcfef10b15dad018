-- Purpose: telling people what happened: one table of it, by person; what each wants by mail, and when; the mails' queue.
-- Touches: public.notification_kinds, notifications, notification_preferences, notification_settings; unread_notification_count,
-- mark_notifications_read; private.notify, notify_of_booking; for the worker mail_to_send, finish_mail, record_bounce,
-- unsubscribe; for operators clear_bounce.
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
    ('refund_sent', 'bookings', false),
    ('report_closed', 'account', false),
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
comment on table private.bounced_addresses is 'Addresses that mail servers refused for good; nothing is sent there until the person changes theirs or an operator calls clear_bounce.';
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

create trigger _800_set_updated_at before update on public.notification_preferences for each row execute function private.set_updated_at();
create trigger _800_set_updated_at before update on public.notification_settings for each row execute function private.set_updated_at();

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
