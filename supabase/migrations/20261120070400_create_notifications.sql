-- Purpose: notifications of events for each person concerned, and what each person wants to receive.
-- Touches: public.notification_kinds, public.notifications, public.notification_preferences, public.notification_settings,
-- private.notify, unread_notification_count, mark_notifications_read.
-- Watch: a notification is written in the transaction of the event, once for each dedupe_key. Its mail is written when it is sent
-- (create_mails), so it leaves out what no longer applies.

insert into private.errors (code, status, message, hint) values
    ('notification_preferences_account_stays_on', 422, 'Mails about the account cannot be turned off.', 'Choose another topic.'),
    ('quiet_hours_are_not_empty', 422, 'Quiet hours begin and end at different times.', 'Send another quiet_until, or delete the row to have none.');

create type public.notification_topic as enum ('bookings', 'messages', 'reviews', 'reminders', 'payouts', 'account');
comment on type public.notification_topic is 'Topic of a notification, for which a person chooses how to receive it.';
create type public.mail_mode as enum ('at_once', 'digest', 'off');
comment on type public.mail_mode is 'at_once: one mail for each notification. digest: one mail with all unread ones, at most every hour. off: no mail.';

create table public.notification_kinds (
    id text constraint notification_kinds_pkey primary key constraint notification_kinds_id_is_a_word check (id ~ '^[a-z_]{1,40}$'),
    topic public.notification_topic not null,
    is_urgent boolean not null default false
);
comment on table public.notification_kinds is 'Kinds of notifications and their topics.';
comment on column public.notification_kinds.topic is 'Topic whose preference applies.';
comment on column public.notification_kinds.is_urgent is 'Whether it is mailed at once, even in quiet hours and when the person wants a digest: someone is waiting or travelling.';

insert into public.notification_kinds (id, topic, is_urgent) values
    ('refund_sent', 'bookings', false), ('orphan_refunded', 'bookings', false), ('refund_charged', 'payouts', false),
    ('money_requested', 'bookings', true), ('money_request_answered', 'bookings', false),
    ('report_closed', 'account', false),
    ('booking_requested', 'bookings', true), ('booking_accepted', 'bookings', true), ('booking_declined', 'bookings', false),
    ('booking_withdrawn', 'bookings', false), ('booking_expired', 'bookings', false), ('booking_confirmed', 'bookings', true),
    ('booking_cancelled', 'bookings', true), ('booking_no_show', 'bookings', false), ('booking_altered', 'bookings', false),
    ('alteration_proposed', 'bookings', true), ('alteration_declined', 'bookings', false), ('payment_failed', 'bookings', true), ('payout_sent', 'payouts', false),
    ('check_in_details', 'reminders', true), ('review_due', 'reviews', false), ('review_published', 'reviews', false),
    ('message_received', 'messages', false), ('property_suspended', 'account', false), ('account_suspended', 'account', false),
    ('feed_failed', 'bookings', false), ('feed_recovered', 'bookings', false),
    ('overbooking_opened', 'bookings', true), ('overbooking_closed', 'bookings', false);

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
comment on table public.notifications is 'What happened, one row for each person concerned. Recipients can read, mark and delete theirs.';
comment on column public.notifications.kind is 'Kind of event.';
comment on column public.notifications.data is 'Title, dates, names and amounts in minor units, as they were at the event.';
comment on column public.notifications.dedupe_key is 'Identifies the event: a person is notified once for each key.';
comment on column public.notifications.read_at is 'When it was read; null while unread. Set at once when the person turned in_app off for the topic.';
comment on column public.notifications.mailed_at is 'When the mail server accepted its mail; null when it was not mailed.';

create index notifications_unread_idx on public.notifications (recipient_id, created_at desc) where read_at is null;
create index notifications_recipient_id_idx on public.notifications (recipient_id, created_at desc);
-- with the real number the planner expects few rows of a person, and reads and sorts all of them
alter table public.notifications alter column recipient_id set (n_distinct = 400);
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
comment on table public.notification_preferences is 'How a person wants to be notified about a topic. Without a row: mails at once, and unread in the list.';
comment on column public.notification_preferences.mail is 'When mails about this topic are sent.';
comment on column public.notification_preferences.in_app is 'Whether new notifications are unread in the list.';

create index notification_preferences_mail_idx on public.notification_preferences (mail, profile_id);

create table public.notification_settings (
    profile_id uuid default auth.uid() constraint notification_settings_pkey primary key
        constraint notification_settings_profile_fkey references public.profiles (id) on delete cascade,
    quiet_from time(0) not null,
    quiet_until time(0) not null,
    time_zone text not null constraint notification_settings_time_zone_fkey references public.time_zones (name) on delete restrict,
    updated_at timestamptz not null default now(),
    constraint notification_settings_quiet_hours_are_not_empty check (quiet_from <> quiet_until)
);
comment on table public.notification_settings is 'Quiet hours of a person: mails that are not urgent wait until they end. Without a row there are none.';
comment on column public.notification_settings.quiet_from is 'Local time at which quiet hours begin.';
comment on column public.notification_settings.quiet_until is 'Local time at which quiet hours end; on the next day when it is earlier than quiet_from.';
comment on column public.notification_settings.time_zone is 'IANA time zone of the person.';

create index notification_settings_time_zone_idx on public.notification_settings (time_zone);

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

create trigger _010_keep_key before update of profile_id, topic on public.notification_preferences for each row
    when ((old.profile_id, old.topic) is distinct from (new.profile_id, new.topic)) execute function private.keep_key('profile_id and topic');
create trigger _800_set_updated_at before update on public.notification_preferences for each row execute function private.set_updated_at();
create trigger _010_keep_key before update of profile_id on public.notification_settings for each row
    when ((old.profile_id) is distinct from (new.profile_id)) execute function private.keep_key('profile_id');
create trigger _800_set_updated_at before update on public.notification_settings for each row execute function private.set_updated_at();
select private.install_row_checks('public.notifications');
select private.install_row_checks('public.notification_preferences');
select private.install_row_checks('public.notification_settings');

-- Realtime, where a stack has it, sends each person the rows that the policies show them
do $$
begin
    if exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
        alter publication supabase_realtime add table public.notifications;
    end if;
end
$$;

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
    'Notifies a person, once for each p_dedupe_key, unless their account was deleted. Definer, because no API role may write notifications.';

create function public.unread_notification_count() returns bigint
language sql stable
set search_path = ''
as $$
    select count(*) from public.notifications n where n.recipient_id = (select auth.uid()) and n.read_at is null
$$;
grant execute on function public.unread_notification_count to authenticated;
comment on function public.unread_notification_count is 'Counts the unread notifications of the caller.';

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
comment on function public.mark_notifications_read is 'Marks the caller''s notifications up to p_until as read and returns how many there were.';
