-- Purpose: feeds in: the calendars of other channels that a property imports, and what hosts do with them.
-- Touches: public.calendar_feeds, private.feed_sources, private.feed_events; public.create_calendar_feed, pause_calendar_feed,
-- resume_calendar_feed, sync_calendar_feed, delete_calendar_feed.
-- Watch: the URL of a feed is a secret: who has it reads the host's calendar at the channel. It stands in feed_sources alone, and
-- goes nowhere but to the worker. 20261120071320 reads feeds and derives nights from them.

insert into private.errors (code, status, message, hint) values
    ('feed_url_is_https', 422, 'The address of a calendar is https:// and a public host name, without port, user name and fragment; up to 1,500 characters.', 'Paste the link that the channel shows for exporting its calendar.'),
    ('calendar_feed_not_found', 404, 'None of your properties has this calendar feed.', 'Check the id.'),
    ('synced_a_moment_ago', 429, 'This calendar was read a moment ago.', 'Try again in {retry_after} seconds.'),
    ('feed_is_paused', 409, 'This calendar feed is paused.', 'Call resume_calendar_feed; it reads the calendar at once.');

create table public.calendar_feeds (
    id uuid default gen_random_uuid() constraint calendar_feeds_pkey primary key,
    property_id uuid not null constraint calendar_feeds_property_fkey references public.properties (id) on delete cascade,
    unit_id uuid constraint calendar_feeds_unit_fkey references public.units (id) on delete set null,
    channel text not null constraint calendar_feeds_channel_is_slug check (channel ~ '^[a-z0-9_-]{1,40}$'),
    masked_url text not null,
    is_paused boolean not null default false,
    is_failing boolean not null default false,
    failures integer not null default 0,
    last_good_at timestamptz,
    last_error text,
    last_error_at timestamptz,
    next_sync_at timestamptz not null default now(),
    events integer not null default 0,
    echoes integer not null default 0,
    unreadable integer not null default 0,
    created_at timestamptz not null default now()
);
comment on table public.calendar_feeds is
    'Calendars of other channels that a property imports, at most 20 a property. Functions create and change them; the nights are in external_blocks.';
comment on column public.calendar_feeds.unit_id is 'The unit whose calendar it is; null for any unit of the property.';
comment on column public.calendar_feeds.channel is 'The channel, such as airbnb, booking_com or vrbo; the source of its nights in external_blocks.';
comment on column public.calendar_feeds.masked_url is 'The host name of the calendar''s address; the rest is secret.';
comment on column public.calendar_feeds.is_paused is 'Whether it is not read at present. Its nights stay taken.';
comment on column public.calendar_feeds.is_failing is 'Whether host and co-hosts know that it fails: they got a notification.';
comment on column public.calendar_feeds.failures is 'Number of failures since it was last read.';
comment on column public.calendar_feeds.last_good_at is 'When it was last read without an error.';
comment on column public.calendar_feeds.last_error is
    'What was wrong last time: unreachable, status_404 (or another status), too_slow, too_large, too_many_events, too_many_redirects, not_public, not_a_calendar, suddenly_empty.';
comment on column public.calendar_feeds.last_error_at is 'When that was.';
comment on column public.calendar_feeds.next_sync_at is 'When it is read next.';
comment on column public.calendar_feeds.events is 'Stays and closures in it that are not over.';
comment on column public.calendar_feeds.echoes is 'How many of them are our own nights that the channel sends back; they take no nights.';
comment on column public.calendar_feeds.unreadable is 'Events in it that could not be read.';
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.calendar_feeds alter column property_id set (n_distinct = -0.05);
create index calendar_feeds_property_id_idx on public.calendar_feeds (property_id);
create index calendar_feeds_unit_id_idx on public.calendar_feeds (unit_id) where unit_id is not null;
create index calendar_feeds_next_sync_at_idx on public.calendar_feeds (next_sync_at) where not is_paused;

create table private.feed_sources (
    feed_id uuid constraint feed_sources_pkey primary key
        constraint feed_sources_feed_fkey references public.calendar_feeds (id) on delete cascade,
    url text not null constraint feed_sources_url_is_https check (
        char_length(url) <= 1500
        and url ~ '^https://([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+([a-zA-Z]{2,63}|xn--[a-zA-Z0-9-]{2,59})(/[^\s#]*)?$'
        and url !~* '^https://[^/]*\.(localhost|local|localdomain|internal|intranet|lan|home|corp|private|arpa|onion|invalid)(/|$)'
    ),
    etag text,
    last_modified text,
    lease uuid,
    requested_at timestamptz
);
comment on table private.feed_sources is 'The address of a calendar feed, and what its server said about the version that was read last.';
comment on column private.feed_sources.lease is 'Token of the run that reads it at present; the answer of an earlier run changes nothing.';
comment on column private.feed_sources.requested_at is 'When someone last asked to read it at once.';

create table private.feed_events (
    id uuid default gen_random_uuid() constraint feed_events_pkey primary key,
    feed_id uuid not null constraint feed_events_feed_fkey references public.calendar_feeds (id) on delete cascade,
    uid text not null,
    check_in date not null,
    check_out date not null,
    kind text not null constraint feed_events_kind_is_known check (kind in ('stay', 'closed')),
    is_echo boolean not null,
    first_seen_at timestamptz not null,
    missing_since timestamptz,
    missing_polls smallint not null default 0,
    constraint feed_events_uid_is_unique unique (feed_id, uid),
    constraint feed_events_dates_are_in_order check (check_out > check_in)
);
comment on table private.feed_events is 'What each feed states, in the channel''s terms. Those that are no echo have a row of external_blocks, whose source_id is feed_id:id.';
comment on column private.feed_events.uid is 'The UID of the event in the feed.';
comment on column private.feed_events.kind is 'Whether the channel says that it is a stay.';
comment on column private.feed_events.is_echo is 'Whether these are our own nights, which the channel sends back.';
comment on column private.feed_events.missing_since is 'When it was first missing from a feed that was read without an error.';
comment on column private.feed_events.missing_polls is 'How often it has been missing since.';

alter table public.calendar_feeds enable row level security;
alter table private.feed_sources enable row level security;
alter table private.feed_events enable row level security;
grant select on public.calendar_feeds to authenticated, service_role;
create policy "Hosts and co-hosts can read calendar feeds" on public.calendar_feeds for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.calendar_feeds for select to operator using (true);
select private.install_limit_per_property('public.calendar_feeds', 20);

insert into private.internal_functions (name, every, repeats, runs) values ('sync-feeds', '200 milliseconds', true, 4);

create function private.create_calendar_feed(p_property_id uuid, p_channel text, p_url text, p_unit_id uuid) returns public.calendar_feeds
language plpgsql security definer
set search_path = ''
as $$
declare
    v_url constant text := regexp_replace(btrim(p_url), '^webcal:', 'https:');
    v_feed public.calendar_feeds;
    v_constraint text;
begin
    if p_property_id is null or p_property_id not in (select private.my_properties('calendar')) then
        perform private.raise_error('calendar_not_yours');
    elsif p_unit_id is not null and not exists (
        select from public.units u where (u.id, u.property_id) = (p_unit_id, p_property_id)
    ) then
        perform private.raise_error('unit_of_another_property');
    end if;
    insert into public.calendar_feeds (property_id, unit_id, channel, masked_url)
    values (p_property_id, p_unit_id, coalesce(p_channel, ''), coalesce(substring(v_url from '^https://[^/]+'), '') || '/…')
    returning * into v_feed;
    insert into private.feed_sources (feed_id, url) values (v_feed.id, coalesce(v_url, ''));
    perform private.wake_worker('sync-feeds');
    return v_feed;
exception when check_violation then
    get stacked diagnostics v_constraint = constraint_name;
    perform private.raise_error(case v_constraint when 'calendar_feeds_channel_is_slug' then 'channel_is_slug' else 'feed_url_is_https' end);
end
$$;
grant execute on function private.create_calendar_feed to authenticated;
comment on function private.create_calendar_feed is 'See public.create_calendar_feed. Definer, because no API role may write feeds.';

create function public.create_calendar_feed(p_property_id uuid, p_channel text, p_url text, p_unit_id uuid default null) returns public.calendar_feeds
language sql
set search_path = ''
as $$
    select private.create_calendar_feed(p_property_id, p_channel, p_url, p_unit_id)
$$;
grant execute on function public.create_calendar_feed to authenticated;
comment on function public.create_calendar_feed is
    'Imports the calendar of a channel, such as airbnb, booking_com or vrbo, from the https address that the channel shows. It is read at once, and every 30 minutes from then on. p_unit_id: the unit that it is about; without it a stay there takes any free unit. For the host and co-hosts.';

create function private.change_calendar_feed(p_feed_id uuid, p_action text) returns public.calendar_feeds
language plpgsql security definer
set search_path = ''
as $$
declare
    v_feed public.calendar_feeds;
    v_wait integer;
begin
    select f.* into v_feed
    from public.calendar_feeds f
    where f.id = p_feed_id and f.property_id in (select private.my_properties('calendar'));
    if v_feed.id is null then
        perform private.raise_error('calendar_feed_not_found');
    end if;
    -- property, feed: the order of record_feed_sync
    perform private.lock_property(v_feed.property_id);
    perform from public.calendar_feeds f where f.id = p_feed_id for update;
    if p_action = 'pause' then
        update public.calendar_feeds f set is_paused = true where f.id = p_feed_id returning f.* into v_feed;
        -- an answer on its way comes too late
        update private.feed_sources s set lease = null where s.feed_id = p_feed_id;
        return v_feed;
    elsif p_action = 'delete' then
        delete from public.external_blocks b
        where
            b.property_id = v_feed.property_id and b.source = v_feed.channel and starts_with(b.source_id, p_feed_id || ':')
            and b.check_in > (select (now() at time zone p.time_zone)::date from public.properties p where p.id = v_feed.property_id);
        delete from public.calendar_feeds f where f.id = p_feed_id;
        return v_feed;
    elsif p_action = 'sync' and v_feed.is_paused then
        perform private.raise_error('feed_is_paused');
    elsif p_action = 'sync' then
        select ceil(extract(epoch from s.requested_at + interval '1 minute' - clock_timestamp())) into v_wait
        from private.feed_sources s
        where s.feed_id = p_feed_id;
        if v_wait > 0 then
            perform private.raise_error('synced_a_moment_ago', jsonb_build_object('retry_after', v_wait));
        end if;
    end if;
    update private.feed_sources s set requested_at = clock_timestamp() where s.feed_id = p_feed_id;
    update public.calendar_feeds f set is_paused = false, next_sync_at = now() where f.id = p_feed_id returning f.* into v_feed;
    perform private.wake_worker('sync-feeds');
    return v_feed;
end
$$;
grant execute on function private.change_calendar_feed to authenticated;
comment on function private.change_calendar_feed is
    'Does the work of pause_calendar_feed, resume_calendar_feed, sync_calendar_feed and delete_calendar_feed. Definer, because no API role may write feeds.';

create function public.pause_calendar_feed(p_feed_id uuid) returns public.calendar_feeds
language sql
set search_path = ''
as $$
    select private.change_calendar_feed(p_feed_id, 'pause')
$$;
grant execute on function public.pause_calendar_feed to authenticated;
comment on function public.pause_calendar_feed is 'Stops reading a calendar feed. Its nights stay taken. For the host and co-hosts.';

create function public.resume_calendar_feed(p_feed_id uuid) returns public.calendar_feeds
language sql
set search_path = ''
as $$
    select private.change_calendar_feed(p_feed_id, 'resume')
$$;
grant execute on function public.resume_calendar_feed to authenticated;
comment on function public.resume_calendar_feed is 'Reads a paused calendar feed again, at once and from then on. For the host and co-hosts.';

create function public.sync_calendar_feed(p_feed_id uuid) returns public.calendar_feeds
language sql
set search_path = ''
as $$
    select private.change_calendar_feed(p_feed_id, 'sync')
$$;
grant execute on function public.sync_calendar_feed to authenticated;
comment on function public.sync_calendar_feed is 'Reads a calendar feed at once; at most once a minute. For the host and co-hosts.';

create function public.delete_calendar_feed(p_feed_id uuid) returns public.calendar_feeds
language sql
set search_path = ''
as $$
    select private.change_calendar_feed(p_feed_id, 'delete')
$$;
grant execute on function public.delete_calendar_feed to authenticated;
comment on function public.delete_calendar_feed is
    'Deletes a calendar feed and returns it as it was. The nights of its stays that have not begun are free at once; to keep them, pause it. For the host and co-hosts.';
