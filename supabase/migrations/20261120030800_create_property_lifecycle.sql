-- Purpose: the life of a property. Who may move it from which status to which, as data; what publishing asks for; a record of
-- every change that nobody can alter.
-- Touches: private.property_transitions, private.property_events, triggers on properties, addresses and photos,
-- public.publish_property, pause_property, archive_property, suspend_property, unsuspend_property.
-- Watch: triggers hold the rules, so the service role and plain SQL meet them too. Whatever may take away something that
-- publishing asks for locks the property's row first: of two such changes at once the second sees what the first left.

create type private.property_actor as enum ('host', 'co_host', 'operator', 'system');
comment on type private.property_actor is 'Who acts on a property: its host, a full co-host, an operator; system is whoever acts without a user.';

create table private.property_transitions (
    from_status public.property_status not null,
    to_status public.property_status not null,
    actor private.property_actor not null,
    constraint property_transitions_pkey primary key (from_status, to_status, actor)
);
comment on table private.property_transitions is 'Changes of status that are legal, and for whom. What is not here does not happen.';
alter table private.property_transitions enable row level security;

insert into private.property_transitions (from_status, to_status, actor) values
    ('draft', 'published', 'host'),
    ('draft', 'published', 'co_host'),
    ('draft', 'published', 'system'),
    ('published', 'paused', 'host'),
    ('published', 'paused', 'co_host'),
    ('published', 'paused', 'system'),
    ('paused', 'published', 'host'),
    ('paused', 'published', 'co_host'),
    ('paused', 'published', 'system'),
    ('paused', 'archived', 'host'),
    ('paused', 'archived', 'system'),
    ('published', 'suspended', 'operator'),
    ('published', 'suspended', 'system'),
    ('paused', 'suspended', 'operator'),
    ('paused', 'suspended', 'system'),
    ('suspended', 'paused', 'operator'),
    ('suspended', 'paused', 'system'),
    ('suspended', 'archived', 'operator'),
    ('suspended', 'archived', 'system');

create table private.property_events (
    id bigint generated always as identity constraint property_events_pkey primary key,
    -- no foreign key: the record outlives a deleted draft
    property_id uuid not null,
    event text not null constraint property_events_event_is_known
        check (event in ('created', 'status_changed', 'deleted', 'co_host_added', 'co_host_changed', 'co_host_removed')),
    from_status public.property_status,
    to_status public.property_status,
    details jsonb not null default '{}',
    actor private.property_actor not null,
    actor_id uuid default auth.uid(),
    reason text,
    at timestamptz not null default clock_timestamp()
);
comment on table private.property_events is 'What happened to properties, who did it, when and why. Only grows.';
create index property_events_property_id_idx on private.property_events (property_id, id);
alter table private.property_events enable row level security;
create trigger refuse_change before update or delete on private.property_events
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on private.property_events
    for each statement execute function private.refuse_change();

create function private.property_actors(p_property uuid) returns setof private.property_actor
language plpgsql stable security definer rows 2
set search_path = ''
as $$
begin
    return query
        select 'system'::private.property_actor where auth.uid() is null
        union all
        select 'host' from public.properties p where p.id = p_property and p.host_id = auth.uid()
        union all
        select 'co_host' from public.co_hosts c where c.property_id = p_property and c.profile_id = auth.uid() and c.level = 'full'
        union all
        select 'operator' where (select private.is_operator());
end
$$;
comment on function private.property_actors is 'As what the caller may act on a property. Called by triggers; in PL/pgSQL, which keeps its plan from row to row. Definer, because it reads behind the policies.';

create function private.publishing_problems(p_property uuid) returns table (code text, message text)
language plpgsql stable
set search_path = ''
as $$
begin
    return query
        select c.code, c.message
        from public.properties p
        left join public.property_addresses a on a.property_id = p.id
        cross join lateral (values
            ('property_type', 'Say what kind of place it is.', p.property_type is not null),
            ('room_type', 'Say whether guests have the whole place or a room.', p.room_type is not null),
            ('max_guests', 'Say how many guests it takes.', p.max_guests is not null),
            ('time_zone', 'Set its time zone.', p.time_zone is not null),
            ('currency', 'Set the currency of its prices.', p.currency is not null),
            ('base_price', 'Set the price of a night.', p.base_price is not null),
            ('address', 'Say where it is: city, country and the point on the map.', a.property_id is not null),
            -- what an import's source does not tell
            ('description', 'Describe it in at least 50 characters.', p.source is not null or char_length(btrim(p.description, E' \n\t')) >= 50),
            ('bedrooms', 'Say how many bedrooms it has; a studio has 0.', p.source is not null or p.bedrooms is not null),
            ('beds', 'Say how many beds it has.', p.source is not null or p.beds > 0),
            ('bathrooms', 'Say how many bathrooms it has.', p.source is not null or p.bathrooms is not null),
            ('street', 'Write the street and number that guests will look for.', p.source is not null or a.line1 is not null),
            ('photos', 'Add at least one photo.', p.source is not null or exists (select from public.property_photos f where f.property_id = p.id))
        ) as c (code, message, holds)
        where p.id = p_property and c.holds is not true;
end
$$;
comment on function private.publishing_problems is
    'Everything that keeps a property from being published; no row when nothing does. Called by triggers and the import of the owner; in PL/pgSQL, which keeps its plan from row to row.';

create function private.require_complete(p_property uuid, p_hint text) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_problems jsonb := (
        select jsonb_agg(jsonb_build_object('code', q.code, 'message', q.message)) from private.publishing_problems(p_property) q
    );
begin
    if v_problems is not null then
        raise sqlstate 'PT422' using
            message = 'Something is missing that a published property has.',
            detail = v_problems::text,
            hint = p_hint;
    end if;
end
$$;
comment on function private.require_complete is
    'Refuses, with the list of all that is missing as JSON in the detail. Called by triggers of the owner.';

create function private.guard_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_actor private.property_actor;
begin
    if tg_op = 'INSERT' then
        if new.status <> 'draft' then
            raise sqlstate 'PT409' using message = 'A property begins as a draft.', hint = 'Publish it with publish_property.';
        end if;
        new.published_at := null;
        new.status_reason := null;
        return new;
    end if;

    new.published_at := old.published_at;
    if new.status = old.status then
        -- the reason belongs to the change, and to whoever made it
        new.status_reason := old.status_reason;
        return new;
    end if;

    select t.actor into v_actor
    from private.property_transitions t
    where t.from_status = old.status and t.to_status = new.status
        -- as an array, asked for once and not for every transition
        and t.actor = any (array(select private.property_actors(new.id)))
    order by t.actor
    limit 1;
    if v_actor is null and exists (
        select from private.property_transitions t where t.from_status = old.status and t.to_status = new.status
    ) then
        raise sqlstate 'PT403' using
            message = format('Making a %s property %s is not yours to do.', old.status, new.status),
            hint = 'Ask the host or an operator.';
    elsif v_actor is null then
        raise sqlstate 'PT409' using
            message = format('A %s property cannot become %s.', old.status, new.status),
            hint = format(
                'From %s it can become: %s.', old.status,
                coalesce(
                    (select string_agg(distinct t.to_status::text, ', ') from private.property_transitions t where t.from_status = old.status),
                    'nothing else'
                )
            );
    end if;
    if new.status = 'suspended' and coalesce(new.status_reason !~ '\S', true) then
        raise sqlstate 'PT422' using message = 'A suspension needs a reason.', hint = 'Say what the host should change.';
    end if;

    insert into private.property_events (property_id, event, from_status, to_status, actor, reason)
    values (
        new.id, 'status_changed', old.status, new.status, v_actor,
        case when new.status_reason is distinct from old.status_reason then new.status_reason end
    );
    if new.status <> 'suspended' then
        new.status_reason := null;
    end if;
    if new.status = 'published' then
        new.published_at := coalesce(old.published_at, now());
        update public.profiles set is_host = true where id = new.host_id and not is_host;
    end if;
    return new;
end
$$;
comment on function private.guard_property is
    'Trigger: a property begins as a draft; its status changes only as property_transitions says, and every change is recorded. Definer, because it writes what no role may.';

create function private.keep_published_complete() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property uuid;
    v_status public.property_status;
begin
    if tg_table_name = 'properties' then
        perform private.require_complete(
            new.id,
            case when old.status = 'published' then 'Keep these while it is published, or pause it first.'
            else 'Fill in what is listed and publish again.' end
        );
        return null;
    end if;
    v_property := old.property_id;
    select p.status into v_status from public.properties p where p.id = v_property for no key update;
    if v_status = 'published' then
        perform private.require_complete(v_property, 'Keep these while it is published: add another before, or pause it first.');
    end if;
    return null;
end
$$;
comment on function private.keep_published_complete is
    'Trigger: refuses what would leave a published property without something that publishing asks for. Definer, because it reads behind the policies.';

create function private.record_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_actor private.property_actor;
begin
    select a into v_actor from private.property_actors(coalesce(new.id, old.id)) as a order by a limit 1;
    if tg_op = 'INSERT' then
        insert into private.property_events (property_id, event, to_status, actor, details)
        values (new.id, 'created', new.status, coalesce(v_actor, 'host'), jsonb_strip_nulls(jsonb_build_object('source', new.source)));
        return null;
    end if;
    if private.was_ever_booked(old.id) then
        raise sqlstate 'PT409' using
            message = 'A property that guests may have booked is not deleted.',
            hint = 'Archive it instead: pause_property, then archive_property.';
    end if;
    insert into private.property_events (property_id, event, from_status, actor, details)
    values (old.id, 'deleted', old.status, coalesce(v_actor, 'system'), jsonb_build_object('title', old.title));
    return old;
end
$$;
comment on function private.record_property is
    'Trigger: records creation and deletion, and refuses to delete what may have been booked. Definer, because it writes what no role may.';

create function private.record_co_host() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_row public.co_hosts := coalesce(new, old);
    v_actor private.property_actor;
begin
    select a into v_actor from private.property_actors(v_row.property_id) as a order by a limit 1;
    insert into private.property_events (property_id, event, actor, details)
    values (
        v_row.property_id,
        case tg_op when 'INSERT' then 'co_host_added' when 'UPDATE' then 'co_host_changed' else 'co_host_removed' end,
        coalesce(v_actor, 'co_host'),
        jsonb_build_object('profile_id', v_row.profile_id, 'level', v_row.level)
    );
    return null;
end
$$;
comment on function private.record_co_host is 'Trigger: records who became, changed and ceased to be a co-host. Definer, because it writes what no role may.';

create trigger _200_guard_property before insert or update on public.properties
    for each row execute function private.guard_property();
create trigger _100_keep_published_complete after update on public.properties
    for each row when (new.status = 'published') execute function private.keep_published_complete();
create trigger _200_record_creation after insert on public.properties for each row execute function private.record_property();
create trigger _500_record_deletion before delete on public.properties for each row execute function private.record_property();
create trigger _100_keep_published_complete after update or delete on public.property_addresses
    for each row execute function private.keep_published_complete();
create trigger _100_keep_published_complete after update or delete on public.property_photos
    for each row execute function private.keep_published_complete();
create trigger record_co_host after insert or update or delete on public.co_hosts
    for each row execute function private.record_co_host();

create function private.change_property_status(p_property_id uuid, p_status public.property_status, p_reason text)
returns public.properties
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property public.properties;
begin
    if auth.uid() is null or (select private.is_operator()) or p_property_id in (select private.my_properties('calendar')) then
        update public.properties p
        set status = p_status, status_reason = coalesce(p_reason, p.status_reason)
        where p.id = p_property_id
        returning p.* into v_property;
    end if;
    if v_property.id is null then
        raise sqlstate 'PT404' using message = 'There is no such property among yours.', hint = 'Check the id.';
    end if;
    return v_property;
end
$$;
grant execute on function private.change_property_status to authenticated, service_role;
comment on function private.change_property_status is
    'Moves a property to a status; the trigger decides whether that may be. Called by the functions below. Definer, because no client may write the status column.';

create function public.publish_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'published', null)
$$;
grant execute on function public.publish_property to authenticated, service_role;
comment on function public.publish_property is
    'Publishes a draft or paused property. 422 lists in its details everything that is missing, as JSON [{code, message}].';

create function public.pause_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'paused', null)
$$;
grant execute on function public.pause_property to authenticated, service_role;
comment on function public.pause_property is 'Takes a published property off the map. Confirmed bookings stand.';

create function public.archive_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'archived', null)
$$;
grant execute on function public.archive_property to authenticated, service_role;
comment on function public.archive_property is 'Ends a paused property for good. It stays readable to its host.';

create function public.suspend_property(p_property_id uuid, p_reason text) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'suspended', p_reason)
$$;
grant execute on function public.suspend_property to authenticated, service_role;
comment on function public.suspend_property is 'Takes a property off the map until unsuspend_property; the host reads the reason. For operators.';

create function public.unsuspend_property(p_property_id uuid, p_reason text default null) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'paused', p_reason)
$$;
grant execute on function public.unsuspend_property to authenticated, service_role;
comment on function public.unsuspend_property is 'Ends a suspension: the property is paused, and its host may publish it again. For operators.';
