-- Purpose: what the worker reads from feeds, and which nights follow from it.
-- Touches: public.take_due_feeds, record_feed_sync; private.is_echo, store_feed_events, apply_feed_nights, note_feed_health, tell_of_feed;
-- the periodic task wake_feed_sync.
-- Watch: a broken or empty answer never frees a night at once: a stay is freed when it was missing twice, 30 minutes apart, or, where the
-- whole feed is empty, three times within 6 hours. A stay that has begun is never freed. docs/decisions/calendar-feeds.md has the reasons.

create function public.take_due_feeds(p_limit integer default 10)
returns table (feed_id uuid, lease uuid, url text, time_zone text, etag text, last_modified text)
language plpgsql security definer
set search_path = ''
as $$
begin
    if private.is_paused('all') then
        return;
    end if;
    return query
        with due as (
            select f.id, f.property_id
            from public.calendar_feeds f
            where not f.is_paused and f.next_sync_at <= clock_timestamp()
            order by f.next_sync_at
            limit least(greatest(p_limit, 1), 100)
            for update skip locked
        ),
        taken as (
            -- a run that is killed leaves the feed to another one
            update public.calendar_feeds f set next_sync_at = clock_timestamp() + interval '2 minutes'
            from due where f.id = due.id
        )
        update private.feed_sources s set lease = gen_random_uuid()
        from due
        join public.properties p on p.id = due.property_id
        -- while an event is missing, the same file has to be read again
        cross join lateral (
            select exists (select from private.feed_events e where e.feed_id = due.id and e.missing_since is not null) as is_missing
        ) m
        where s.feed_id = due.id
        returning
            s.feed_id, s.lease, s.url, p.time_zone,
            case when not m.is_missing then s.etag end, case when not m.is_missing then s.last_modified end;
end
$$;
grant execute on function public.take_due_feeds to service_role;
comment on function public.take_due_feeds is
    'Takes up to p_limit (1 to 100) feeds that are due, each for 2 minutes, and returns what the worker needs to read them. For the worker sync-feeds: service role only; definer, because it reads secret addresses.';

create function private.is_echo(p_feed public.calendar_feeds, p_uid text, p_check_in date, p_check_out date, p_kind text) returns boolean
language sql stable
set search_path = ''
as $$
    with own as (
        select o.check_in, o.check_out, o.preparation_before, o.preparation_after
        from public.occupancies o
        where
            -- of several units, other stays often have the same nights
            o.space_id = any (array(
                select s.space_id
                from public.property_spaces s
                join public.properties p on p.id = s.property_id
                where s.property_id = p_feed.property_id and (p.unit_count = 1 or s.space_id = p_feed.unit_id)
            ))
            and o.kind <> 'external_block' and o.expires_at is null and o.check_out > p_check_in - 3 and o.check_in < p_check_out + 3
    ),
    told as (
        select n.check_in, n.check_out
        from private.calendar_links l
        cross join lateral private.exported_nights(l.property_id, l.channel, now(), l.unit_id) n
        where
            l.property_id = p_feed.property_id and l.channel = p_feed.channel and l.unit_id is not distinct from p_feed.unit_id and n.changed_at < l.fetched_at
    )
    select
        p_uid like '%@' || p_feed.property_id || '.staybase'
        or exists (select from own o where (o.check_in, o.check_out) = (p_check_in, p_check_out))
        or exists (select from told t where (t.check_in, t.check_out) = (p_check_in, p_check_out))
        or p_kind = 'closed' and daterange(p_check_in, p_check_out) <@ (
            select range_agg(n.nights)
            from (
                select daterange(o.check_in - o.preparation_before, o.check_out + o.preparation_after) as nights from own o
                where p_feed.channel = 'airbnb'
                union all
                select daterange(t.check_in, t.check_out) from told t
            ) n
        )
$$;
comment on function private.is_echo is
    'Whether an event of a feed is our own nights that the channel sends back: it has our identifier, the nights of a booking or host block, or of anything that the channel has read in our calendar; a closure may also lie within such nights.';

create function private.store_feed_events(p_feed public.calendar_feeds, p_events jsonb, p_today date, p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    -- an empty feed is more often a fault of the channel than a calendar without a stay
    v_is_empty constant boolean := jsonb_array_length(p_events) = 0;
    v_polls constant integer := case when v_is_empty then 3 else 2 end;
    v_pause constant interval := case when v_is_empty then interval '6 hours' else interval '30 minutes' end;
begin
    insert into private.feed_events as e (feed_id, uid, check_in, check_out, kind, is_echo, first_seen_at)
    select
        p_feed.id, n.uid, n.check_in, n.check_out, n.kind,
        -- an echo stays one when the original is gone; other nights under its UID are another stay
        coalesce(k.is_echo, private.is_echo(p_feed, n.uid, n.check_in, n.check_out, n.kind), false), p_now
    from jsonb_to_recordset(p_events) as n (uid text, check_in date, check_out date, kind text)
    left join private.feed_events k on
        k.feed_id = p_feed.id and k.uid = n.uid and (k.check_in, k.check_out) = (n.check_in, n.check_out)
    where n.check_out > p_today
    on conflict on constraint feed_events_uid_is_unique do update set
        check_in = excluded.check_in, check_out = excluded.check_out, kind = excluded.kind, is_echo = excluded.is_echo,
        missing_since = null, missing_polls = 0;

    update private.feed_events e set missing_since = coalesce(e.missing_since, p_now), missing_polls = e.missing_polls + 1
    where
        e.feed_id = p_feed.id and e.check_out > p_today
        and not exists (select from jsonb_array_elements(p_events) n where n ->> 'uid' = e.uid);

    delete from private.feed_events e
    where
        e.feed_id = p_feed.id and e.missing_since is not null
        and (
            e.check_in > p_today and e.missing_polls >= v_polls and e.missing_since <= p_now - v_pause
            -- a channel gives a stay that moved, and a window that slides, a new UID
            or e.check_out > p_today and e.missing_since = p_now and exists (
                select from private.feed_events n
                where
                    n.feed_id = e.feed_id and n.first_seen_at = p_now
                    and daterange(n.check_in, n.check_out) && daterange(e.check_in, e.check_out)
            )
        );
    delete from private.feed_events e where e.feed_id = p_feed.id and e.check_out < p_today - 30;
end
$$;
comment on function private.store_feed_events is
    'Stores what a feed states at p_now, and deletes what it has stopped to state for long enough, what moved, and what ended more than 30 days ago.';

create function private.apply_feed_nights(p_feed public.calendar_feeds, p_today date) returns void
language plpgsql
set search_path = ''
as $$
begin
    -- what is over stays as it was
    delete from public.external_blocks b
    where
        b.property_id = p_feed.property_id and b.source = p_feed.channel and starts_with(b.source_id, p_feed.id || ':') and b.check_out > p_today
        and not exists (
            select from private.feed_events e where e.feed_id = p_feed.id and not e.is_echo and b.source_id = p_feed.id || ':' || e.id
        );
    insert into public.external_blocks as b (property_id, source, source_id, check_in, check_out, unit_id)
    select p_feed.property_id, p_feed.channel, p_feed.id || ':' || e.id, e.check_in, e.check_out, p_feed.unit_id
    from private.feed_events e
    where e.feed_id = p_feed.id and not e.is_echo and e.check_out > p_today
    order by e.id
    on conflict on constraint external_blocks_source_is_unique do update set check_in = excluded.check_in, check_out = excluded.check_out
    where (b.check_in, b.check_out) <> (excluded.check_in, excluded.check_out);
end
$$;
comment on function private.apply_feed_nights is
    'Makes the nights of a feed''s events, except echoes, the rows of external_blocks that come from it.';

create function private.tell_of_feed(p_feed public.calendar_feeds, p_event text, p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_property public.properties;
    v_key constant text := format('feed.%s:%s:%s', p_event, p_feed.id, p_now);
begin
    select p.* into v_property from public.properties p where p.id = p_feed.property_id;
    perform private.notify(
        h.id, 'feed_' || p_event, v_key,
        jsonb_build_object(
            'title', v_property.title, 'channel', p_feed.channel, 'error', p_feed.last_error,
            'last_good_at', p_feed.last_good_at, 'time_zone', v_property.time_zone
        ),
        null, v_property.id
    )
    from (
        select v_property.host_id as id
        union
        select c.profile_id from public.co_hosts c where c.property_id = v_property.id
    ) h;
    perform private.queue_webhooks(
        'feed.' || p_event, v_property.host_id, v_key,
        jsonb_build_object(
            'feed_id', p_feed.id, 'property_id', v_property.id, 'channel', p_feed.channel, 'error', p_feed.last_error,
            'failures', p_feed.failures, 'last_good_at', p_feed.last_good_at
        )
    );
end
$$;
comment on function private.tell_of_feed is 'Tells host, co-hosts and webhook endpoints that a feed failed or recovered.';

create function private.note_feed_health(p_feed_id uuid, p_error text, p_is_empty boolean, p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_feed public.calendar_feeds;
    v_error constant text := coalesce(p_error, case when p_is_empty then 'suddenly_empty' end);
begin
    update public.calendar_feeds f
    set
        failures = case when p_error is null then 0 else f.failures + 1 end,
        last_good_at = case when p_error is null then p_now else f.last_good_at end,
        last_error = coalesce(v_error, f.last_error),
        last_error_at = case when v_error is null then f.last_error_at else p_now end,
        next_sync_at = p_now + least(
            interval '6 hours', interval '30 minutes' * 2 ^ case when p_error is null then 0 else least(f.failures, 10) end
        ) * (0.9 + random() * 0.2)
    where f.id = p_feed_id
    returning f.* into v_feed;
    if v_error is null and v_feed.is_failing then
        update public.calendar_feeds f set is_failing = false where f.id = p_feed_id;
        perform private.tell_of_feed(v_feed, 'recovered', p_now);
    elsif
        not v_feed.is_failing
        and (
            v_feed.failures >= 3 or p_error is null and p_is_empty
            or p_error is not null and coalesce(v_feed.last_good_at, v_feed.created_at) <= p_now - interval '6 hours'
        )
    then
        update public.calendar_feeds f set is_failing = true where f.id = p_feed_id;
        perform private.tell_of_feed(v_feed, 'failed', p_now);
    end if;
end
$$;
comment on function private.note_feed_health is
    'Records how reading a feed at p_now went and when it is read next, and tells when it failed three times, for 6 hours, or is empty although it was not, and when that is over.';

create function private.apply_feed_answer(p_feed_id uuid, p_lease uuid, p_answer jsonb, p_now timestamptz) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_feed public.calendar_feeds;
    v_today date;
begin
    select f.* into v_feed from public.calendar_feeds f where f.id = p_feed_id;
    v_today := (p_now at time zone (private.lock_property(v_feed.property_id)).time_zone)::date;
    perform from public.calendar_feeds f where f.id = p_feed_id for update;
    update private.feed_sources s set lease = null where s.feed_id = p_feed_id and s.lease = p_lease;
    if not found then
        return false;
    end if;
    if p_answer ? 'events' then
        perform private.store_feed_events(v_feed, p_answer -> 'events', v_today, p_now);
        perform private.apply_feed_nights(v_feed, v_today);
        update private.feed_sources s set etag = p_answer ->> 'etag', last_modified = p_answer ->> 'last_modified' where s.feed_id = p_feed_id;
        update public.calendar_feeds f
        set unreadable = (p_answer ->> 'unreadable')::integer, (events, echoes) = (
            select count(*), count(*) filter (where e.is_echo) from private.feed_events e where e.feed_id = p_feed_id and e.check_out > v_today
        )
        where f.id = p_feed_id;
    end if;
    perform private.note_feed_health(
        p_feed_id, p_answer ->> 'error',
        exists (select from private.feed_events e where e.feed_id = p_feed_id and e.check_in > v_today)
        and not exists (select from private.feed_events e where e.feed_id = p_feed_id and e.check_in > v_today and e.missing_since is null),
        p_now
    );
    return true;
end
$$;
comment on function private.apply_feed_answer is 'See public.record_feed_sync; p_now is the time of the answer.';

create function public.record_feed_sync(p_feed_id uuid, p_lease uuid, p_answer jsonb) returns boolean
language sql security definer
set search_path = ''
as $$
    select private.apply_feed_answer(p_feed_id, p_lease, p_answer, clock_timestamp())
$$;
grant execute on function public.record_feed_sync to service_role;
comment on function public.record_feed_sync is
    'Records what reading a feed gave, in one step: {events, unreadable, etag, last_modified}, {not_modified: true} or {error}. False when another run has taken the feed since, or it was paused or deleted. For the worker sync-feeds: service role only; definer, because no API role may write feeds.';

create function private.wake_feed_sync() returns void
language sql
set search_path = ''
as $$
    select private.wake_worker('sync-feeds')
    where exists (select from public.calendar_feeds f where not f.is_paused and f.next_sync_at <= now())
$$;
comment on function private.wake_feed_sync is 'Wakes the worker that reads calendar feeds when one is due.';

insert into private.periodic_tasks (name, command, every) values ('wake_feed_sync', 'select private.wake_feed_sync()', '10 seconds');
