-- Purpose: feeds out: the calendar of a property as an iCalendar file for each channel, under a secret link.
-- Touches: private.calendar_links, private.exported_nights; public.reveal_calendar_link, rotate_calendar_link, calendar_to_export.
-- Watch: a channel does not receive its own nights, and holds and requests are not exported. The file may have nothing that names a
-- person. docs/decisions/calendar-feeds.md says why the identifiers and versions are what they are.

insert into private.errors (code, status, message, hint) values
    ('calendar_not_yours', 404, 'You manage no calendar of a property with this id.', 'Send the id of a property that you host or co-host.'),
    ('too_many_calendar_links', 422, 'A property can have up to {limit} calendar links.', 'Use one of those that exist.');

create table private.calendar_links (
    property_id uuid not null constraint calendar_links_property_fkey references public.properties (id) on delete cascade,
    unit_id uuid constraint calendar_links_unit_fkey references public.units (id) on delete cascade,
    channel text not null constraint calendar_links_channel_is_slug check (channel ~ '^[a-z0-9_-]{1,40}$'),
    token text not null default encode(extensions.gen_random_bytes(16), 'hex') constraint calendar_links_pkey primary key,
    fetched_at timestamptz,
    constraint calendar_links_channel_is_unique unique nulls not distinct (property_id, channel, unit_id)
);
comment on table private.calendar_links is 'The secret link of a property''s calendar, or of the calendar of one of its units, for each channel.';
create index calendar_links_unit_id_idx on private.calendar_links (unit_id) where unit_id is not null;
comment on column private.calendar_links.fetched_at is 'When the channel last read the calendar, exact to a minute.';
alter table private.calendar_links enable row level security;

create function private.exported_nights(p_property_id uuid, p_channel text, p_now timestamptz default now(), p_unit_id uuid default null)
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
            o.space_id = any (array(
                select s.space_id
                from public.property_spaces s
                join public.properties p on p.id = s.property_id
                where s.property_id = p_property_id and (p.unit_count = 1 or s.space_id = p_unit_id)
            ))
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
    union all
    -- of all units together, the nights in which none is left
    select
        'full-' || lower(f.nights), lower(f.nights), upper(f.nights), false, 0, date_trunc('second', (
            select max(o.created_at)
            from public.property_spaces s
            join public.occupancies o on o.space_id = s.space_id and o.check_out > lower(f.nights) and o.check_in < upper(f.nights)
            where s.property_id = p_property_id and o.expires_at is null
        ))
    from public.properties p
    cross join lateral (
        select unnest(range_agg(daterange(n.night, n.night + 1))) as nights
        -- with holds and requests left out
        from private.unit_nights(p, p_now::date - 30, p_now::date + p.booking_window_days + 366, null, 'infinity') n
        where n.units_left = 0
    ) f
    where p.id = p_property_id and p.unit_count > 1 and p_unit_id is null
$$;
comment on function private.exported_nights is
    'The nights that a channel receives: bookings that are paid, own bookings, host blocks, nights sold on other channels, those of linked properties, and the preparation nights of all these, back to 30 days ago. Of a property with units those of p_unit_id, without it the nights in which no unit is left.';

create function private.calendar_link(p_property_id uuid, p_channel text, p_unit_id uuid, p_rotate boolean) returns text
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
    elsif p_unit_id is not null and not exists (
        select from public.units u where (u.id, u.property_id) = (p_unit_id, p_property_id)
    ) then
        perform private.raise_error('unit_of_another_property');
    end if;
    -- two callers at once cannot exceed the limit together
    perform private.lock_property(p_property_id);
    if p_rotate then
        update private.calendar_links l set token = default, fetched_at = null
        where l.property_id = p_property_id and l.channel = p_channel and l.unit_id is not distinct from p_unit_id;
    end if;
    insert into private.calendar_links (property_id, channel, unit_id) values (p_property_id, p_channel, p_unit_id)
    on conflict on constraint calendar_links_channel_is_unique do nothing;
    if (
        select count(*) from private.calendar_links l where l.property_id = p_property_id and l.unit_id is not distinct from p_unit_id
    ) > 20 then
        perform private.raise_error('too_many_calendar_links', '{"limit": 20}');
    end if;
    select l.token into v_token from private.calendar_links l
    where l.property_id = p_property_id and l.channel = p_channel and l.unit_id is not distinct from p_unit_id;
    return '/functions/v1/calendar/' || v_token || '.ics';
end
$$;
grant execute on function private.calendar_link to authenticated;
comment on function private.calendar_link is
    'Does the work of reveal_calendar_link and rotate_calendar_link. Definer, because no API role may read or write links.';

create function public.reveal_calendar_link(p_property_id uuid, p_channel text, p_unit_id uuid default null) returns text
language sql
set search_path = ''
as $$
    select private.calendar_link(p_property_id, p_channel, p_unit_id, false)
$$;
grant execute on function public.reveal_calendar_link to authenticated;
comment on function public.reveal_calendar_link is
    'Returns the path of the calendar of a property, or of one of its units, for a channel, such as airbnb, booking_com or vrbo. After the project''s URL it is what the channel imports; who has it can read the calendar. For the host and co-hosts.';

create function public.rotate_calendar_link(p_property_id uuid, p_channel text, p_unit_id uuid default null) returns text
language sql
set search_path = ''
as $$
    select private.calendar_link(p_property_id, p_channel, p_unit_id, true)
$$;
grant execute on function public.rotate_calendar_link to authenticated;
comment on function public.rotate_calendar_link is
    'Replaces the path of the calendar of a property, or of one of its units, for a channel and returns the new one; the old one stops working. For the host and co-hosts.';

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
        from private.exported_nights(v_link.property_id, v_link.channel, now(), v_link.unit_id) n
    );
end
$$;
grant execute on function public.calendar_to_export to service_role;
comment on function public.calendar_to_export is
    'Returns the property of a calendar link and the nights that its channel receives; null when there is no such link. For the Edge Function calendar: service role only; definer, because it reads links and bookings.';
