-- Purpose: the lifecycle of a property: who may change its status, what a published property needs, and a record of all changes.
-- Touches: private.property_transitions, private.property_events, triggers on properties, addresses, photos and co-hosts,
-- public.publish_property, pause_property, archive_property, suspend_property, unsuspend_property.
-- Watch: triggers enforce the rules for all roles. A change that may remove what publishing requires locks the property first, so
-- that the second of two such changes sees the result of the first.

insert into private.errors (code, status, message, hint) values
    ('property_type_missing', 422, 'A published property needs a property type.', 'Set property_type and publish again, or pause the property before you remove it.'),
    ('room_type_missing', 422, 'A published property needs a room type.', 'Set room_type and publish again, or pause the property before you remove it.'),
    ('max_guests_missing', 422, 'A published property needs a number of guests.', 'Set max_guests and publish again, or pause the property before you remove it.'),
    ('time_zone_missing', 422, 'A published property needs a time zone.', 'Set time_zone and publish again, or pause the property before you remove it.'),
    ('currency_missing', 422, 'A published property needs a currency.', 'Set currency and publish again, or pause the property before you remove it.'),
    ('currency_not_payable', 422, 'Stripe charges no cards in the currency of this property.', 'Choose a currency with is_payable in the table currencies.'),
    ('base_price_missing', 422, 'A published property needs a base price.', 'Set base_price and publish again, or pause the property before you remove it.'),
    ('address_missing', 422, 'A published property needs an address.', 'Insert a row into property_addresses and publish again, or pause the property before you remove it.'),
    ('description_too_short', 422, 'A published property needs a description of at least 50 characters.', 'Lengthen the description and publish again, or pause the property before you shorten it.'),
    ('bedrooms_missing', 422, 'A published property needs a number of bedrooms.', 'Set bedrooms (0 for a studio) and publish again, or pause the property before you remove it.'),
    ('beds_missing', 422, 'A published property needs at least one bed.', 'Set beds and publish again, or pause the property before you remove it.'),
    ('bathrooms_missing', 422, 'A published property needs a number of bathrooms.', 'Set bathrooms and publish again, or pause the property before you remove it.'),
    ('street_missing', 422, 'A published property needs a street and number.', 'Set line1 of the address and publish again, or pause the property before you remove it.'),
    ('photo_missing', 422, 'A published property needs at least one photo.', 'Add a photo and publish again, or pause the property before you remove it.'),
    ('property_starts_as_draft', 409, 'A new property is a draft.', 'Insert it without a status, then call publish_property.'),
    ('property_status_change_not_allowed', 403, 'You are not allowed to change the status of this property from {from_status} to {to_status}.', 'Ask the host or an operator.'),
    ('property_status_change_impossible', 409, 'A {from_status} property cannot become {to_status}.', 'From {from_status} it can become: {possible_statuses}.'),
    ('suspension_reason_missing', 422, 'A suspension needs a reason.', 'Say what the host should change.'),
    ('property_was_booked', 409, 'A property that guests may have booked cannot be deleted.', 'Archive it instead: call pause_property, then archive_property.');

create type private.property_actor as enum ('host', 'co_host', 'operator', 'system');
comment on type private.property_actor is 'Who acts on a property: its host, a full co-host, an operator, or the system (no signed-in user).';

create table private.property_transitions (
    from_status public.property_status not null,
    to_status public.property_status not null,
    actor private.property_actor not null,
    constraint property_transitions_pkey primary key (from_status, to_status, actor)
);
comment on table private.property_transitions is 'Allowed changes of status, and the actors who may make them. All other changes are refused.';
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
    -- no foreign key, because the record of a deleted draft stays
    property_id uuid not null,
    event text not null constraint property_events_event_is_known
        check (event in ('created', 'status_changed', 'deleted', 'co_host_added', 'co_host_changed', 'co_host_removed')),
    from_status public.property_status,
    to_status public.property_status,
    details jsonb not null default '{}',
    actor private.property_actor not null,
    actor_id uuid default auth.uid(),
    reason text,
    at timestamptz not null default clock_timestamp(),
    request_id text default private.request_id()
);
comment on table private.property_events is 'Events of properties: what happened, who did it, when and why. Append-only.';
comment on column private.property_events.request_id is 'Id of the request that caused it; null when the clock did.';
create index property_events_property_id_idx on private.property_events (property_id, id);
create index property_events_request_id_idx on private.property_events using hash (request_id) where request_id is not null;
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
comment on function private.property_actors is 'The actors that the caller is for a property; in PL/pgSQL, which keeps its plan from row to row. Definer, because it reads rows that the caller may not see.';

create function private.publishing_problems(p_property uuid) returns table (code text, message text)
language plpgsql stable
set search_path = ''
as $$
begin
    return query
        select c.code, private.problem(c.code) ->> 'message'
        from public.properties p
        left join public.currencies u on u.code = p.currency
        left join public.property_addresses a on a.property_id = p.id
        cross join lateral (values
            ('property_type_missing', p.property_type is not null),
            ('room_type_missing', p.room_type is not null),
            ('max_guests_missing', p.max_guests is not null),
            ('time_zone_missing', p.time_zone is not null),
            ('currency_missing', p.currency is not null),
            ('currency_not_payable', coalesce(u.is_payable, true)),
            ('base_price_missing', p.base_price is not null),
            ('address_missing', a.property_id is not null),
            -- imported properties may lack the rest, because sources do not have it
            ('description_too_short', p.source is not null or char_length(btrim(p.description, E' \n\t')) >= 50),
            ('bedrooms_missing', p.source is not null or p.bedrooms is not null),
            ('beds_missing', p.source is not null or p.beds > 0),
            ('bathrooms_missing', p.source is not null or p.bathrooms is not null),
            ('street_missing', p.source is not null or a.line1 is not null),
            ('photo_missing', p.source is not null or exists (select from public.property_photos f where f.property_id = p.id))
        ) as c (code, holds)
        where p.id = p_property and c.holds is not true;
end
$$;
comment on function private.publishing_problems is
    'All reasons why a property cannot be published; no row when it can. In PL/pgSQL, which keeps its plan from row to row.';

create function private.require_complete(p_property uuid) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_problems jsonb := (
        select jsonb_agg(private.problem(q.code) order by q.ordinality)
        from private.publishing_problems(p_property) with ordinality as q
    );
begin
    if v_problems is not null then
        perform private.raise_errors(v_problems);
    end if;
end
$$;
comment on function private.require_complete is
    'Raises all reasons why a property cannot be published.';

create function private.guard_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_actor private.property_actor;
begin
    if tg_op = 'INSERT' then
        if new.status <> 'draft' then
            perform private.raise_error('property_starts_as_draft');
        end if;
        new.published_at := null;
        new.status_reason := null;
        return new;
    end if;

    new.published_at := old.published_at;
    -- the row check refuses a null
    if new.status is null or new.status = old.status then
        -- the reason changes only together with the status
        new.status_reason := old.status_reason;
        return new;
    end if;

    select t.actor into v_actor
    from private.property_transitions t
    where t.from_status = old.status and t.to_status = new.status
        -- an array, so that it is computed once and not for every transition
        and t.actor = any (array(select private.property_actors(new.id)))
    order by t.actor
    limit 1;
    if v_actor is null and exists (
        select from private.property_transitions t where t.from_status = old.status and t.to_status = new.status
    ) then
        perform private.raise_error(
            'property_status_change_not_allowed', jsonb_build_object('from_status', old.status, 'to_status', new.status)
        );
    elsif v_actor is null then
        perform private.raise_error('property_status_change_impossible', jsonb_build_object(
            'from_status', old.status, 'to_status', new.status, 'possible_statuses', coalesce(
                (select string_agg(distinct t.to_status::text, ', ') from private.property_transitions t where t.from_status = old.status),
                'nothing'
            )
        ));
    end if;
    if new.status = 'suspended' and coalesce(new.status_reason !~ '\S', true) then
        perform private.raise_error('suspension_reason_missing');
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
    'Trigger: makes a new property a draft, allows the changes of status in property_transitions and no others, and records them. Definer, because no API role may write these records.';

create function private.keep_published_complete() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property uuid;
    v_status public.property_status;
begin
    if tg_table_name = 'properties' then
        perform private.require_complete(new.id);
        return null;
    end if;
    v_property := old.property_id;
    select p.status into v_status from public.properties p where p.id = v_property for no key update;
    if v_status = 'published' then
        perform private.require_complete(v_property);
    end if;
    return null;
end
$$;
comment on function private.keep_published_complete is
    'Trigger: refuses a change that removes what a published property needs. Definer, because it reads rows that the caller may not see.';

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
        perform private.raise_error('property_was_booked');
    end if;
    insert into private.property_events (property_id, event, from_status, actor, details)
    values (old.id, 'deleted', old.status, coalesce(v_actor, 'system'), jsonb_build_object('title', old.title));
    return old;
end
$$;
comment on function private.record_property is
    'Trigger: records the creation and deletion of a property, and refuses to delete one that may have been booked. Definer, because no API role may write these records.';

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
comment on function private.record_co_host is 'Trigger: records that a co-host was added, changed or removed. Definer, because no API role may write these records.';

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
create trigger _300_record_co_host after insert or update or delete on public.co_hosts
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
        perform private.raise_error('own_property_not_found');
    end if;
    return v_property;
end
$$;
grant execute on function private.change_property_status to authenticated, service_role;
comment on function private.change_property_status is
    'Changes the status of a property; a trigger checks that the caller may do so. Definer, because no client may write the status column.';

create function public.publish_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'published', null)
$$;
grant execute on function public.publish_property to authenticated, service_role;
comment on function public.publish_property is
    'Publishes a draft or paused property. The error lists everything that is missing.';

create function public.pause_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'paused', null)
$$;
grant execute on function public.pause_property to authenticated, service_role;
comment on function public.pause_property is 'Hides a published property from guests. Confirmed bookings stay.';

create function public.archive_property(p_property_id uuid) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'archived', null)
$$;
grant execute on function public.archive_property to authenticated, service_role;
comment on function public.archive_property is 'Archives a paused property, which cannot be undone. Its host can still read it.';

create function public.suspend_property(p_property_id uuid, p_reason text) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'suspended', p_reason)
$$;
grant execute on function public.suspend_property to authenticated, service_role;
comment on function public.suspend_property is 'Hides a property until unsuspend_property is called; the host can read the reason. For operators.';

create function public.unsuspend_property(p_property_id uuid, p_reason text default null) returns public.properties
language sql
set search_path = ''
as $$
    select * from private.change_property_status(p_property_id, 'paused', p_reason)
$$;
grant execute on function public.unsuspend_property to authenticated, service_role;
comment on function public.unsuspend_property is 'Ends a suspension: the property becomes paused, and its host may publish it again. For operators.';
