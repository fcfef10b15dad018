-- Purpose: messages as clients use them, each once for each of its readers, so that a page across threads is read by index.
-- Touches: private.co_hosted_messages and its triggers on private.messages and public.co_hosts; views private.readable_messages and
-- public.messages; private.create_message_as_caller.
-- Watch: as with bookings (create_readable_bookings), the planner merges branches by their indexes, when they have no condition of their
-- own and the reader is the one condition outside. The view runs as its caller, so the policies of private.messages apply.

create table private.co_hosted_messages (
    message_id uuid not null constraint co_hosted_messages_message_fkey references private.messages (id) on delete cascade,
    profile_id uuid not null,
    property_id uuid not null,
    created_at timestamptz not null,
    constraint co_hosted_messages_pkey primary key (message_id, profile_id),
    constraint co_hosted_messages_co_host_fkey
        foreign key (property_id, profile_id) references public.co_hosts (property_id, profile_id) on delete cascade
);
comment on table private.co_hosted_messages is
    'The messages that co-hosts can read, except those of threads in which they are the guest. Triggers on messages and co_hosts keep it.';
create index co_hosted_messages_co_host_idx on private.co_hosted_messages (property_id, profile_id);
create index co_hosted_messages_created_at_idx on private.co_hosted_messages (profile_id, created_at) include (message_id);
alter table private.co_hosted_messages alter column profile_id set (n_distinct = 100);
alter table private.co_hosted_messages enable row level security;

-- With the lock of the property, a message and a co-host that are written at once find each other.
create function private.add_co_hosted_messages() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_table_name = 'messages' then
        perform pg_advisory_xact_lock_shared(hashtextextended('co-hosted messages ' || new.property_id, 0));
        insert into private.co_hosted_messages (message_id, profile_id, property_id, created_at)
        select new.id, c.profile_id, new.property_id, new.created_at
        from public.co_hosts c
        where
            c.property_id = new.property_id and c.level >= 'calendar_and_messages' and c.profile_id not in (new.guest_id, new.host_id)
        for key share;
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('co-hosted messages ' || new.property_id, 0));
    if new.level >= 'calendar_and_messages' then
        insert into private.co_hosted_messages (message_id, profile_id, property_id, created_at)
        select m.id, new.profile_id, m.property_id, m.created_at
        from private.messages m
        where m.property_id = new.property_id and new.profile_id not in (m.guest_id, m.host_id)
        on conflict on constraint co_hosted_messages_pkey do nothing;
    else
        delete from private.co_hosted_messages c where c.property_id = new.property_id and c.profile_id = new.profile_id;
    end if;
    return null;
end
$$;
comment on function private.add_co_hosted_messages is
    'Trigger: adds the messages of a property for a co-host who may read them, removes them for one who no longer may, and adds a new message for its co-hosts. Definer, because no API role may write co_hosted_messages.';
create trigger _210_add_co_hosted_messages after insert on public.co_hosts
    for each row execute function private.add_co_hosted_messages();
create trigger _210_add_co_hosted_messages_on_update after update of level on public.co_hosts
    for each row when (old.level <> new.level) execute function private.add_co_hosted_messages();
create trigger _100_add_co_hosted_messages after insert on private.messages
    for each row execute function private.add_co_hosted_messages();

create function private.messages_of_operator() returns table (id uuid, created_at timestamptz)
language plpgsql stable security definer rows 100
set search_path = ''
as $$
begin
    return query
        select m.id, m.created_at
        from private.messages m
        where m.thread_id = any (array(select private.my_threads() union select private.reported_threads()));
end
$$;
grant execute on function private.messages_of_operator to authenticated, service_role;
comment on function private.messages_of_operator is
    'Messages that an operator can read: those of reported threads, and the operator''s own. Definer, because the view readable_messages uses it.';

-- runs as its owner, because policies in each branch double the cost of a count; it shows a caller only what the policies do
create view private.readable_messages as
select r.id, r.created_at
from (
    select m.guest_id as reader, false as is_whole, m.id, m.created_at from private.messages m
    union all
    select m.host_id, false, m.id, m.created_at from private.messages m
    union all
    select c.profile_id, false, c.message_id, c.created_at from private.co_hosted_messages c
    union all
    select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, false, o.id, o.created_at from private.messages_of_operator() o
    union all
    select greatest(m.guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), true, m.id, m.created_at from private.messages m
) r
where r.reader = (select private.reader()) and r.is_whole = (select private.reads_everything() and current_user <> 'operator');
comment on view private.readable_messages is
    'Each message that the caller can read, as the guest, the host, a co-host or an operator; every message for services.';
grant select on private.readable_messages to authenticated, service_role;

-- the columns that the view public.messages reads as its caller; the schema private is not exposed
grant select (id, thread_id, property_id, guest_id, host_id, sender_id, event, body, is_masked, attachment_path)
    on private.messages to authenticated, service_role;

-- left join, as in public.bookings
create view public.messages with (security_invoker = on) as
select
    m.id, m.thread_id, m.property_id, m.guest_id, m.sender_id, m.event, m.body, m.is_masked, m.attachment_path, r.created_at
from private.readable_messages r
left join private.messages m on m.id = r.id;

comment on view public.messages is
    '@graphql({"primary_key_columns": ["id"]}) Messages of a thread, and the system''s notes about its booking. They never change.';
comment on column public.messages.property_id is 'Property of the thread.';
comment on column public.messages.guest_id is 'Guest of the thread.';
comment on column public.messages.sender_id is 'Who wrote it; null for a note of the system.';
comment on column public.messages.event is 'What the note is about, such as booking_confirmed; null for messages of people.';
comment on column public.messages.body is 'Plain text of 1 to 5,000 characters.';
comment on column public.messages.is_masked is 'Whether contact details were removed, because no booking was confirmed yet.';
comment on column public.messages.attachment_path is 'A file in the bucket message-attachments, as the function files answered it.';

grant select on public.messages to authenticated, service_role;
grant insert (thread_id, body, attachment_path) on public.messages to authenticated;
select private.install_row_checks('private.messages', 'new.sender_id is not null');

create function private.create_message_as_caller(p_thread_id uuid, p_body text, p_attachment_path text) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
    v_id uuid;
begin
    insert into private.messages (thread_id, body, attachment_path) values (p_thread_id, p_body, p_attachment_path)
    returning id into v_id;
    return v_id;
end
$$;
grant execute on function private.create_message_as_caller to authenticated;
comment on function private.create_message_as_caller is
    'Writes a message of the caller, whom the triggers of private.messages check. Definer, because no API role may write private.messages.';

create function private.messages_instead_of_insert() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_id constant uuid := private.create_message_as_caller(new.thread_id, new.body, new.attachment_path);
begin
    select m.* into strict new from public.messages m where m.id = v_id;
    return new;
end
$$;
comment on function private.messages_instead_of_insert is 'Trigger: an insert into the view writes a message as the caller and returns it.';
create trigger _100_messages_instead_of_insert instead of insert on public.messages
    for each row execute function private.messages_instead_of_insert();
-- without it, Postgres would say that the view cannot be changed, and not that the caller may not
create trigger _110_refuse_change instead of update or delete on public.messages for each row execute function private.refuse_change();
