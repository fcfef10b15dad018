-- Purpose: messages between guests and the host's side: a thread for each inquiry or booking, read receipts, files, blocking.
-- Touches: public.threads, private.messages, public.thread_reads, public.blocked_profiles, bucket message-attachments,
-- private.limit_rate, mark_thread_read, unread_count, host_response. Clients use the view public.messages of the next file.
-- Watch: until a booking is confirmed, contact details are removed before a message is stored, so they cannot be restored.
-- Messages never change. Limits are counted under a lock for each person.

insert into private.errors (code, status, message, hint) values
    ('messages_body_is_plain', 422, 'A message has 1 to 5,000 characters of plain text, without HTML and control characters.', 'Shorten body, and leave out HTML.'),
    ('attachment_path_is_in_thread', 422, 'An attachment_path is the id of the thread, a slash and a file name.', 'Send the path that the function files answered for this thread.'),
    ('attachment_not_found', 422, 'You have uploaded no such file.', 'Upload it, call the function files with the kind attachment, and send the path that it answers.'),
    ('blocked_profiles_are_others', 422, 'You cannot block yourself.', 'Send the id of another person as blocked_id.'),
    ('thread_not_found', 404, 'You have no such thread.', 'Check the id of the thread.'),
    ('thread_exists', 409, 'You have already asked about this property.', 'Write in the thread that the details name.'),
    ('inquiry_about_own_property', 422, 'You cannot ask about your own property.', 'Guests open threads; answer in them.'),
    ('contact_blocked', 403, 'You and this person cannot write to each other.', 'Write to support if this is about a booking.'),
    ('too_many_messages', 429, 'You can write up to {limit} messages an hour.', 'Try again in an hour.'),
    ('too_many_inquiries', 429, 'You can ask about up to {limit} properties a day.', 'Try again in a day.');

insert into private.settings (name, value, description) values
    ('messages_per_hour', '60', 'How many messages a person may write in an hour.'),
    ('inquiries_per_day', '20', 'How many properties a person may ask about in a day.');

create table public.threads (
    id uuid default gen_random_uuid() constraint threads_pkey primary key,
    property_id uuid not null constraint threads_property_fkey references public.properties (id) on delete cascade,
    -- check_new_thread fills it in; the default makes it optional in generated types
    host_id uuid not null default '00000000-0000-0000-0000-000000000000' constraint threads_host_fkey references public.profiles (id) on delete restrict,
    guest_id uuid not null default auth.uid() constraint threads_guest_fkey references public.profiles (id) on delete restrict,
    booking_id uuid constraint threads_booking_fkey references private.bookings (id) on delete restrict,
    asked_at timestamptz,
    answered_at timestamptz,
    last_message_at timestamptz,
    created_at timestamptz not null default now(),
    constraint threads_one_a_booking unique (booking_id)
);
comment on table public.threads is
    'Conversations between a guest and a host''s side. A guest opens one to ask about a property; it becomes the thread of their booking.';
comment on column public.threads.asked_at is 'When the guest first wrote or asked to book.';
comment on column public.threads.answered_at is 'When the host''s side first answered: by a message, or by accepting or declining the request.';
comment on column public.threads.last_message_at is 'When the last message was written.';

create unique index threads_one_open_inquiry_idx on public.threads (property_id, guest_id) where booking_id is null;
create index threads_property_id_idx on public.threads (property_id, last_message_at);
create index threads_guest_id_idx on public.threads (guest_id, created_at);
create index threads_host_id_idx on public.threads (host_id, asked_at);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.threads alter column guest_id set (n_distinct = -1);
alter table public.threads alter column property_id set (n_distinct = -1);

create table private.messages (
    id uuid default gen_random_uuid() constraint messages_pkey primary key,
    thread_id uuid not null constraint messages_thread_fkey references public.threads (id) on delete cascade,
    -- check_new_message copies them from the thread, add_booking_event_to_thread from the booking
    property_id uuid not null,
    guest_id uuid not null,
    host_id uuid not null,
    sender_id uuid default auth.uid() constraint messages_sender_fkey references public.profiles (id) on delete restrict,
    event text constraint messages_event_is_a_word check (event ~ '^[a-z_]{1,40}$'),
    body text not null constraint messages_body_is_plain check (body ~ '\S' and private.is_plain_text(body, 5000)),
    is_masked boolean not null default false,
    attachment_path text constraint messages_attachment_path_is_in_thread check (
        attachment_path ~ '^[0-9a-f-]{36}/[0-9A-Za-z_.-]{1,100}$' and split_part(attachment_path, '/', 1) = thread_id::text
    ),
    created_at timestamptz not null default clock_timestamp(),
    constraint messages_are_of_a_person_or_the_system check ((sender_id is null) = (event is not null))
);
comment on table private.messages is 'Messages of threads, with the parties of the thread. Clients use public.messages.';
create index messages_thread_id_idx on private.messages (thread_id, created_at);
create index messages_property_id_idx on private.messages (property_id);
-- with the id, so that a page without an order and a count need no look at the table
create index messages_guest_id_idx on private.messages (guest_id, created_at) include (id);
create index messages_host_id_idx on private.messages (host_id, created_at) include (id);
create index messages_sender_id_idx on private.messages (sender_id, created_at);
-- for services; without statistics the planner takes the one value for rare, as it should take a reader
create index messages_created_at_idx on private.messages (greatest(guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), created_at);
alter index private.messages_created_at_idx alter column 1 set statistics 0;
-- with the real numbers the planner expects few messages of a person, and reads and sorts all of them
alter table private.messages alter column guest_id set (n_distinct = 400);
alter table private.messages alter column host_id set (n_distinct = 400);

create table public.thread_reads (
    thread_id uuid not null constraint thread_reads_thread_fkey references public.threads (id) on delete cascade,
    profile_id uuid not null constraint thread_reads_profile_fkey references public.profiles (id) on delete cascade,
    read_at timestamptz not null default now(),
    constraint thread_reads_pkey primary key (thread_id, profile_id)
);
comment on table public.thread_reads is 'How far each person has read a thread. Both sides can see it.';
comment on column public.thread_reads.read_at is 'Messages up to then are read.';
create index thread_reads_profile_id_idx on public.thread_reads (profile_id);

create table public.blocked_profiles (
    blocker_id uuid not null default auth.uid() constraint blocked_profiles_blocker_fkey references public.profiles (id) on delete cascade,
    blocked_id uuid not null constraint blocked_profiles_blocked_fkey references public.profiles (id) on delete cascade,
    created_at timestamptz not null default now(),
    constraint blocked_profiles_pkey primary key (blocker_id, blocked_id),
    constraint blocked_profiles_are_others check (blocker_id <> blocked_id)
);
comment on table public.blocked_profiles is 'Who blocked whom. The two cannot write to each other, except about a confirmed booking that is not over; a blocked person is not notified.';
create index blocked_profiles_blocked_id_idx on public.blocked_profiles (blocked_id);

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('message-attachments', 'message-attachments', false, 10 * 1024 * 1024, '{image/jpeg,image/png,image/webp,image/avif,application/octet-stream}');

alter table public.threads enable row level security;
alter table private.messages enable row level security;
alter table public.thread_reads enable row level security;
alter table public.blocked_profiles enable row level security;

grant select on public.threads, public.thread_reads to authenticated, service_role;
grant insert (property_id) on public.threads to authenticated;
grant select, delete on public.blocked_profiles to authenticated;
grant insert (blocked_id) on public.blocked_profiles to authenticated;

create function private.my_threads() returns setof uuid
language sql stable security definer rows 100
set search_path = ''
as $$
    select t.id from public.threads t where t.guest_id = auth.uid()
    union
    select t.id from public.threads t where t.property_id in (select private.my_properties('calendar_and_messages'))
$$;
grant execute on function private.my_threads to authenticated;
comment on function private.my_threads is
    'Threads of the caller, as the guest or on the host''s side. Definer, because the policies of threads use it.';

create function private.reported_threads() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select m.thread_id
    from public.reports r
    join private.messages m on m.id = r.subject_id
    where r.subject = 'message' and r.status = 'open' and (select private.is_operator())
    union
    select t.id
    from public.reports r
    join public.threads t on t.booking_id = r.subject_id
    where r.subject = 'booking' and r.status = 'open' and r.reporter_id is not null and (select private.is_operator())
$$;
grant execute on function private.reported_threads to authenticated;
comment on function private.reported_threads is
    'Threads that operators may read: those with an open report by a person; none for other callers. Definer, because the policies of threads and messages use it.';

create policy "Both sides can read their threads" on public.threads for select to authenticated
    using (guest_id = (select auth.uid()) or property_id = any (array(select private.my_properties('calendar_and_messages'))));
create policy "Operators can read reported threads" on public.threads for select to operator
    using (id = any (array(select private.reported_threads())));
create policy "People can ask about properties that they can read" on public.threads for insert to authenticated
    with check (guest_id = (select auth.uid()) and exists (select from public.properties p where p.id = property_id));

create policy "Both sides can read messages" on private.messages for select to authenticated
    using (
        guest_id = (select auth.uid()) or host_id = (select auth.uid())
        or property_id in (select private.my_properties('calendar_and_messages'))
    );
create policy "Operators can read messages of reported threads" on private.messages for select to operator
    using (thread_id in (select private.reported_threads()));
create policy "Both sides can see who has read" on public.thread_reads for select to authenticated
    using (thread_id = any (array(select private.my_threads())));
create policy "People can see whom they block" on public.blocked_profiles for select to authenticated
    using (blocker_id = (select auth.uid()));
create policy "People can block others" on public.blocked_profiles for insert to authenticated
    with check (blocker_id = (select auth.uid()));
create policy "People can end a block" on public.blocked_profiles for delete to authenticated
    using (blocker_id = (select auth.uid()));
create policy "Guests and the host's side can see files of their threads" on storage.objects for select to authenticated
    using (bucket_id = 'message-attachments' and (storage.foldername(name))[1] in (select t::text from private.my_threads() as t));

create function private.limit_rate(p_code text, p_setting text, p_count bigint) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_limit constant bigint := (select s.value::bigint from private.settings s where s.name = p_setting);
begin
    if p_count >= v_limit then
        perform private.raise_error(p_code, jsonb_build_object('limit', v_limit));
    end if;
end
$$;
comment on function private.limit_rate is
    'Raises the error p_code when p_count has reached the limit in a setting. The calling function holds a lock for the person, so that the count is exact.';

create function private.require_contact(p_thread public.threads, p_sender uuid) returns void
language plpgsql stable
set search_path = ''
as $$
begin
    perform from public.profiles p where p.id = p_sender and p.deleted_at is null;
    if not found then
        perform private.raise_error('account_deleted');
    end if;
    if exists (
        select from public.blocked_profiles b
        where
            (b.blocker_id, b.blocked_id) in ((p_thread.guest_id, p_sender), (p_sender, p_thread.guest_id))
            or (b.blocker_id, b.blocked_id) in ((p_thread.guest_id, p_thread.host_id), (p_thread.host_id, p_thread.guest_id))
    ) and not exists (
        select from private.bookings b where b.id = p_thread.booking_id and b.status = 'confirmed' and b.check_out_at > now()
    ) then
        perform private.raise_error('contact_blocked');
    end if;
end
$$;
comment on function private.require_contact is
    'Refuses a sender whose account was deleted, and both sides of a block outside a confirmed booking.';

create function private.check_new_thread() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property record;
    v_open uuid;
begin
    if new.booking_id is not null or new.property_id is null then
        return new;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('messages ' || new.guest_id, 0));
    select p.host_id, p.status into v_property from public.properties p where p.id = new.property_id;
    if v_property.status is distinct from 'published' then
        perform private.raise_error('property_not_found');
    elsif new.guest_id in (select private.host_side(new.property_id, v_property.host_id)) then
        perform private.raise_error('inquiry_about_own_property');
    end if;
    select t.id into v_open from public.threads t
    where t.property_id = new.property_id and t.guest_id = new.guest_id and t.booking_id is null;
    if found then
        perform private.raise_error('thread_exists', jsonb_build_object('thread_id', v_open));
    end if;
    new.host_id := v_property.host_id;
    perform private.require_contact(new, new.guest_id);
    perform private.limit_rate('too_many_inquiries', 'inquiries_per_day', (
        select count(*) from public.threads t where t.guest_id = new.guest_id and t.created_at > now() - interval '1 day'
    ));
    return new;
end
$$;
comment on function private.check_new_thread is
    'Trigger: accepts an inquiry about a published property of another person, one open inquiry for each property and a limited number a day. Definer, because it reads co-hosts, blocks and settings.';
create trigger _100_check_new_thread before insert on public.threads for each row execute function private.check_new_thread();

create function private.check_new_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_thread public.threads;
    v_may_write boolean;
begin
    if new.thread_id is null then
        return new;
    end if;
    select t.* into v_thread from public.threads t where t.id = new.thread_id;
    v_may_write := new.sender_id = v_thread.guest_id;
    if not v_may_write then
        v_may_write := new.sender_id in (select private.host_side(v_thread.property_id, v_thread.host_id));
    end if;
    if v_may_write is not true then
        perform private.raise_error('thread_not_found');
    end if;
    new.property_id := v_thread.property_id;
    new.guest_id := v_thread.guest_id;
    new.host_id := v_thread.host_id;
    perform pg_advisory_xact_lock(hashtextextended('messages ' || new.sender_id, 0));
    perform private.require_contact(v_thread, new.sender_id);
    perform private.limit_rate('too_many_messages', 'messages_per_hour', (
        select count(*) from private.messages m where m.sender_id = new.sender_id and m.created_at > now() - interval '1 hour'
    ));
    if new.attachment_path is not null and not private.use_file('attachment', new.sender_id, new.attachment_path) then
        perform private.raise_error('attachment_not_found');
    end if;
    if
        not exists (select from private.bookings b where b.id = v_thread.booking_id and b.status in ('confirmed', 'completed'))
        and private.mask_contacts(new.body) ~ '\[hidden\]'
    then
        new.body := private.mask_contacts(new.body);
        new.is_masked := true;
    end if;
    return new;
end
$$;
comment on function private.check_new_message is
    'Trigger: accepts a message from a participant of the thread who may write to the other side, and masks contact details until the booking is confirmed. Definer, because it reads co-hosts, blocks, bookings and settings.';
create trigger _100_check_new_message before insert on private.messages for each row
    when (new.sender_id is not null) execute function private.check_new_message();

create function private.deliver_message() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_thread public.threads;
    v_recipient uuid;
    v_data jsonb;
begin
    update public.threads t
    set
        last_message_at = new.created_at,
        asked_at = case when new.sender_id = t.guest_id then coalesce(t.asked_at, new.created_at) else t.asked_at end,
        answered_at = case
            when new.sender_id <> t.guest_id and t.asked_at is not null then coalesce(t.answered_at, new.created_at)
            else t.answered_at
        end
    where t.id = new.thread_id
    returning t.* into v_thread;
    insert into public.thread_reads as r (thread_id, profile_id, read_at) values (new.thread_id, new.sender_id, new.created_at)
    on conflict on constraint thread_reads_pkey do update set read_at = greatest(r.read_at, excluded.read_at);
    v_data := jsonb_build_object(
        'thread_id', new.thread_id, 'preview', left(new.body, 200),
        'sender_name', (select p.display_name from public.profiles p where p.id = new.sender_id),
        'title', (select p.title from public.properties p where p.id = v_thread.property_id)
    );
    for v_recipient in
        select v_thread.guest_id union select private.host_side(v_thread.property_id, v_thread.host_id) order by 1
    loop
        -- several messages within an hour make one notification
        continue when v_recipient = new.sender_id or exists (
            select from public.notifications n
            where
                n.recipient_id = v_recipient and n.kind = 'message_received' and n.read_at is null
                and n.data ->> 'thread_id' = new.thread_id::text and n.created_at > now() - interval '1 hour'
        );
        -- the host's side is not notified of its own messages
        continue when new.sender_id <> v_thread.guest_id and v_recipient <> v_thread.guest_id;
        perform private.notify(v_recipient, 'message_received', 'message:' || new.id, v_data, v_thread.booking_id, v_thread.property_id);
    end loop;
    return null;
end
$$;
comment on function private.deliver_message is 'Trigger: updates the times of the thread, marks it read for the sender and notifies the other side. Definer, because no API role may write these.';
-- add_booking_event_to_thread does what a note needs
create trigger _200_deliver_message after insert on private.messages for each row
    when (new.sender_id is not null) execute function private.deliver_message();
create trigger _110_refuse_change before update on private.messages for each row execute function private.refuse_change();

create function private.remove_attachments() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.remove_files('attachment', array_agg(o.attachment_path)) from old_rows o
    where o.attachment_path is not null having count(*) > 0;
    return null;
end
$$;
comment on function private.remove_attachments is
    'Trigger: removes the files of messages whose thread was deleted. Definer, because queues belong to the owner of the database.';
create trigger _200_remove_attachments after delete on private.messages
    referencing old table as old_rows for each statement execute function private.remove_attachments();

select private.install_row_checks('public.threads', 'new.booking_id is null');
select private.install_row_checks('public.blocked_profiles');

create function private.add_booking_event_to_thread(p_event private.booking_events) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_thread uuid;
    v_event text;
    v_at constant timestamptz := clock_timestamp();
    v_asked_at constant timestamptz := case when p_event.to_status = 'requested' then p_event.at end;
begin
    select b.* into v_booking from private.bookings b where b.id = p_event.booking_id;
    if p_event.event = 'created' then
        update public.threads t
        set booking_id = p_event.booking_id, last_message_at = v_at, asked_at = coalesce(t.asked_at, v_asked_at)
        where t.property_id = v_booking.property_id and t.guest_id = v_booking.guest_id and t.booking_id is null
        returning t.id into v_thread;
        if v_thread is null then
            insert into public.threads (property_id, host_id, guest_id, booking_id, last_message_at, asked_at)
            values (v_booking.property_id, v_booking.host_id, v_booking.guest_id, p_event.booking_id, v_at, v_asked_at)
            returning id into v_thread;
        end if;
    else
        update public.threads t
        set
            last_message_at = v_at,
            answered_at = case
                when p_event.from_status = 'requested' and p_event.actor in ('host', 'co_host') then coalesce(t.answered_at, p_event.at)
                else t.answered_at
            end
        where t.booking_id = p_event.booking_id
        returning t.id into v_thread;
        if v_thread is null then
            return;
        end if;
    end if;
    v_event := case when p_event.event = 'altered' then 'booking_altered' else 'booking_' || p_event.to_status end;
    insert into private.messages (thread_id, property_id, guest_id, host_id, sender_id, event, created_at, body)
    values (v_thread, v_booking.property_id, v_booking.guest_id, v_booking.host_id, null, v_event, v_at, format(
        '%s: %s to %s.',
        case v_event
            when 'booking_awaiting_payment' then 'Waiting for payment' when 'booking_no_show' then 'No-show'
            when 'booking_altered' then 'Changed' else initcap(replace(p_event.to_status::text, '_', ' '))
        end,
        v_booking.check_in, v_booking.check_out
    ));
end
$$;
comment on function private.add_booking_event_to_thread is
    'Adds a note about a booking event to the booking''s thread; a new booking takes over the guest''s open inquiry or opens a thread. Definer, because no API role may write such messages.';

create function private.mark_thread_read(p_thread_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if not exists (
        select from public.threads t
        where t.id = p_thread_id and (t.guest_id = auth.uid() or t.property_id in (select private.my_properties('calendar_and_messages')))
    ) then
        perform private.raise_error('thread_not_found');
    end if;
    insert into public.thread_reads as r (thread_id, profile_id, read_at) values (p_thread_id, auth.uid(), clock_timestamp())
    on conflict on constraint thread_reads_pkey do update set read_at = greatest(r.read_at, excluded.read_at);
    update public.notifications n set read_at = now()
    where n.recipient_id = auth.uid() and n.kind = 'message_received' and n.read_at is null and n.data ->> 'thread_id' = p_thread_id::text;
end
$$;
grant execute on function private.mark_thread_read to authenticated;
comment on function private.mark_thread_read is 'Does the work of public.mark_thread_read. Definer, because no API role may write thread_reads.';

create function public.mark_thread_read(p_thread_id uuid) returns void
language sql
set search_path = ''
as $$
    select private.mark_thread_read(p_thread_id)
$$;
grant execute on function public.mark_thread_read to authenticated;
comment on function public.mark_thread_read is 'Marks a thread and its notifications as read by the caller.';

create function private.unread_count(p_thread_id uuid) returns bigint
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_person constant uuid := auth.uid();
    v_is_party boolean;
    v_count bigint;
begin
    -- in one query, because a page asks for 20 threads
    select
        v_person in (t.guest_id, t.host_id) or exists (
            select from public.co_hosts c
            where c.property_id = t.property_id and c.profile_id = v_person and c.level >= 'calendar_and_messages'
        ),
        (
            select count(*) from private.messages m
            where
                m.thread_id = t.id and m.sender_id is distinct from v_person
                and m.created_at > coalesce(
                    (select r.read_at from public.thread_reads r where r.thread_id = t.id and r.profile_id = v_person), '-infinity'
                )
        )
    into v_is_party, v_count
    from public.threads t
    where t.id = p_thread_id;
    if v_is_party is not true then
        perform from private.reported_threads() r where r = p_thread_id;
        if not found then
            return null;
        end if;
    end if;
    return v_count;
end
$$;
grant execute on function private.unread_count to authenticated;
comment on function private.unread_count is
    'Does the work of public.unread_count; null for a thread that the caller cannot read. Definer, because otherwise the policies would be prepared again for each thread of a list.';

create function public.unread_count(p_thread public.threads) returns bigint
language sql stable
set search_path = ''
as $$
    select private.unread_count(p_thread.id)
$$;
grant execute on function public.unread_count to authenticated;
comment on function public.unread_count is 'Counts the messages of a thread that the caller has not read; a computed column: threads?select=id,unread_count.';

create function private.host_response(p_host_id uuid) returns table (response_rate integer, response_time interval, threads bigint)
language sql stable security definer
set search_path = ''
as $$
    select
        (100.0 * count(*) filter (where t.answered_at <= t.asked_at + interval '24 hours') / nullif(count(*), 0))::integer,
        percentile_cont(0.5) within group (order by t.answered_at - t.asked_at),
        count(*)
    from public.threads t
    where
        t.host_id = p_host_id and t.asked_at > now() - interval '30 days'
        -- an inquiry that can still be answered in time does not count yet
        and (t.answered_at is not null or t.asked_at <= now() - interval '24 hours')
$$;
grant execute on function private.host_response to anon, authenticated, service_role;
comment on function private.host_response is 'Does the work of public.host_response. Definer, because it counts threads that the caller cannot read.';

create function public.host_response(p_host_id uuid) returns table (response_rate integer, response_time interval, threads bigint)
language sql stable rows 1
set search_path = ''
as $$
    select * from private.host_response(p_host_id)
$$;
grant execute on function public.host_response to anon, authenticated, service_role;
comment on function public.host_response is
    'Returns how a host answered the inquiries and requests of the last 30 days: the percentage within 24 hours (null when there were none), the median time to the first answer, and their number.';
