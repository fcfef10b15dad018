-- Purpose: feeds out: the calendar of a property as an iCalendar file for each channel, under a secret link.
-- Touches: private.calendar_links, private.exported_nights; public.reveal_calendar_link, rotate_calendar_link, calendar_to_export.
-- Watch: a channel does not receive its own nights, and holds and requests are not exported. The file may have nothing that names a
-- person. docs/decisions/calendar-feeds.md says why the identifiers and versions are what they are.

insert into private.errors (code, status, message, hint) values
    ('calendar_not_yours', 404, 'You manage no calendar of a property with this id.', 'Send the id of a property that you host or co-host.'),
    ('too_many_calendar_links', 422, 'A property can have up to {limit} calendar links.', 'Use one of those that exist.');

create table private.calendar_links (
    property_id uuid not null constraint calendar_links_property_fkey references public.properties (id) on delete cascade,
    channel text not null constraint calendar_links_channel_is_slug check (channel ~ '^[a-z0-9_-]{1,40}$'),
    token text not null default encode(extensions.gen_random_bytes(16), 'hex') constraint calendar_links_token_is_unique unique,
    fetched_at timestamptz,
    constraint calendar_links_pkey primary key (property_id, channel)
);
comment on table private.calendar_links is 'The secret link of a property''s calendar for each channel.';
comment on column private.calendar_links.fetched_at is 'When the channel last read the calendar, exact to a minute.';
alter table private.calendar_links enable row level security;

create function private.exported_nights(p_property_id uuid, p_channel text, p_now timestamptz default now())
returns table (id text, check_in date, check_out date, is_stay boolean, changes integer, changed_at timestamptz)
language sql stable
set search_path = ''
as $$
    with taken as (
        select
            o.check_in, o.check_out, o.preparation_before, o.preparation_after, o.kind <> 'host_block' as is_stay,
            coalesce(o.booking_id, o.host_block_id, o.external_block_id, o.own_booking_id) as id,
            case when o.kind = 'booking' then a.changes else extract(
                epoch from coalesce(h.updated_at - h.created_at, e.updated_at - e.created_at, w.updated_at - w.created_at)
            )::integer end as changes,
            coalesce(h.updated_at, e.updated_at, w.updated_at, greatest(b.confirmed_at, a.changed_at)) as changed_at
        from public.occupancies o
        left join private.bookings b on b.id = o.booking_id
        left join public.host_blocks h on h.id = o.host_block_id
        left join public.external_blocks e on e.id = o.external_block_id
        left join public.own_bookings w on w.id = o.own_booking_id
        left join lateral (
            select count(*)::integer as changes, max(v.at) as changed_at
            from private.booking_events v
            where v.booking_id = b.id and v.event = 'altered'
        ) a on true
        where
            -- a night of a linked property is taken here, too
            o.space_id = any (array(select s.space_id from public.property_spaces s where s.property_id = p_property_id))
            and o.check_out > p_now::date - 30 and o.expires_at is null
            and (o.property_id, coalesce(e.source, w.channel)) is distinct from (p_property_id, p_channel)
    )
    select distinct n.id, n.check_in, n.check_out, n.is_stay, t.changes, date_trunc('second', t.changed_at)
    from taken t
    cross join lateral (values
        (t.id::text, t.check_in, t.check_out, t.is_stay),
        (t.id || '-before', t.check_in - t.preparation_before, t.check_in, false),
        (t.id || '-after', t.check_out, t.check_out + t.preparation_after, false)
    ) as n (id, check_in, check_out, is_stay)
    where n.check_in < n.check_out
$$;
comment on function private.exported_nights is
    'The nights that a channel receives: bookings that are paid, own bookings, host blocks, nights sold on other channels, those of linked properties, and the preparation nights of all these, back to 30 days ago.';

create function private.calendar_link(p_property_id uuid, p_channel text, p_rotate boolean) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_token text;
begin
    if p_property_id is null or p_property_id not in (select private.my_properties('calendar')) then
        perform private.raise_error('calendar_not_yours');
    elsif p_channel is null or p_channel !~ '^[a-z0-9_-]{1,40}$' then
        perform private.raise_error('channel_is_slug', '{"field": "channel"}');
    end if;
    -- two callers at once cannot exceed the limit together
    perform private.lock_property(p_property_id);
    if p_rotate then
        update private.calendar_links l set token = default, fetched_at = null where l.property_id = p_property_id and l.channel = p_channel;
    end if;
    insert into private.calendar_links (property_id, channel) values (p_property_id, p_channel)
    on conflict on constraint calendar_links_pkey do nothing;
    if (select count(*) from private.calendar_links l where l.property_id = p_property_id) > 20 then
        perform private.raise_error('too_many_calendar_links', '{"limit": 20}');
    end if;
    select l.token into v_token from private.calendar_links l where l.property_id = p_property_id and l.channel = p_channel;
    return '/functions/v1/calendar/' || v_token || '.ics';
end
$$;
grant execute on function private.calendar_link to authenticated;
comment on function private.calendar_link is
    'Does the work of reveal_calendar_link and rotate_calendar_link. Definer, because no API role may read or write links.';

create function public.reveal_calendar_link(p_property_id uuid, p_channel text) returns text
language sql
set search_path = ''
as $$
    select private.calendar_link(p_property_id, p_channel, false)
$$;
grant execute on function public.reveal_calendar_link to authenticated;
comment on function public.reveal_calendar_link is
    'Returns the path of a property''s calendar for a channel, such as airbnb, booking_com or vrbo. After the project''s URL it is what the channel imports; who has it can read the calendar. For the host and co-hosts.';

create function public.rotate_calendar_link(p_property_id uuid, p_channel text) returns text
language sql
set search_path = ''
as $$
    select private.calendar_link(p_property_id, p_channel, true)
$$;
grant execute on function public.rotate_calendar_link to authenticated;
comment on function public.rotate_calendar_link is
    'Replaces the path of a property''s calendar for a channel and returns the new one; the old one stops working. For the host and co-hosts.';

create function public.calendar_to_export(p_token text) returns jsonb
language plpgsql security definer
set search_path = ''
as $$
declare
    v_link private.calendar_links;
begin
    select l.* into v_link from private.calendar_links l where l.token = p_token;
    if v_link.token is null then
        return null;
    end if;
    update private.calendar_links l set fetched_at = clock_timestamp()
    where l.token = p_token and (l.fetched_at is null or l.fetched_at < clock_timestamp() - interval '1 minute');
    return (
        select jsonb_build_object('property_id', v_link.property_id, 'nights', coalesce(jsonb_agg(to_jsonb(n) order by n.check_in, n.id), '[]'))
        from private.exported_nights(v_link.property_id, v_link.channel) n
    );
end
$$;
grant execute on function public.calendar_to_export to service_role;
comment on function public.calendar_to_export is
    'Returns the property of a calendar link and the nights that its channel receives; null when there is no such link. For the Edge Function calendar: service role only; definer, because it reads links and bookings.';
