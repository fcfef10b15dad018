-- Purpose: webhooks: endpoints of hosts and operators, and a signed, retried, logged delivery for each event.
-- Touches: public.webhook_endpoints, public.webhook_deliveries, private.webhook_secrets, queue webhooks, reveal_webhook_secret,
-- rotate_webhook_secret, replay_webhook_delivery, webhook_to_send, record_webhook_attempt.
-- Watch: the worker checks at every attempt which address the host name resolves to; here only the form of the URL is checked: a
-- host name that is no number and no name of an internal network.
-- A payload is written once, with its version, and is the same at every attempt.

insert into private.errors (code, status, message, hint) values
    ('url_is_https', 422, 'The URL of an endpoint is https:// and a public host name, without port or with port 443 or 8443, user name and fragment; up to 1,500 characters.', 'Send such a URL, for example https://example.com/hooks; addresses in numbers and names of internal networks are refused.'),
    ('events_are_known', 422, 'The events of an endpoint are one or more of booking.created, booking.status_changed, booking.altered, review.published, calendar.changed, feed.failed, feed.recovered, overbooking.opened and overbooking.closed.', 'Send a list of these names, or leave events out for all.'),
    ('too_many_webhook_endpoints', 422, 'A person can have up to {limit} webhook endpoints.', 'Delete an endpoint first.'),
    ('webhook_endpoint_not_found', 404, 'You have no such webhook endpoint.', 'Check the id.'),
    ('webhook_delivery_not_found', 404, 'None of your webhook endpoints has such a delivery.', 'Check the id.');

create table public.webhook_endpoints (
    id uuid default gen_random_uuid() constraint webhook_endpoints_pkey primary key,
    owner_id uuid not null default auth.uid() constraint webhook_endpoints_owner_fkey references public.profiles (id) on delete cascade,
    url text not null constraint webhook_endpoints_url_is_https check (
        char_length(url) <= 1500
        -- a name of the public DNS, whose last label is a word: no numeric address in any notation
        and url ~ '^https://([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+([a-zA-Z]{2,63}|xn--[a-zA-Z0-9-]{2,59})(:(443|8443))?(/[^\s#]*)?$'
        and url !~* '^https://[^/:]*\.(localhost|local|localdomain|internal|intranet|lan|home|corp|private|arpa|onion|invalid)([:/]|$)'
    ),
    events text[] not null default '{booking.created,booking.status_changed,booking.altered,review.published,calendar.changed,feed.failed,feed.recovered,overbooking.opened,overbooking.closed}'
        constraint webhook_endpoints_events_are_known
        check (cardinality(events) > 0 and events <@ '{booking.created,booking.status_changed,booking.altered,review.published,calendar.changed,feed.failed,feed.recovered,overbooking.opened,overbooking.closed}'::text[]),
    api_version date not null default '2026-11-24' constraint webhook_endpoints_version_is_known check (api_version = '2026-11-24'),
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.webhook_endpoints is
    'URLs that receive events: a host''s endpoint those of their properties, an operator''s those of all. Deliveries are signed with the secret of reveal_webhook_secret.';
comment on column public.webhook_endpoints.url is 'An https URL with a public host name, on port 443 or 8443, without user name and fragment.';
comment on column public.webhook_endpoints.events is 'Which events it receives: booking.created, booking.status_changed, booking.altered, review.published, calendar.changed, feed.failed, feed.recovered, overbooking.opened, overbooking.closed.';
comment on column public.webhook_endpoints.api_version is 'Version of the payloads.';
comment on column public.webhook_endpoints.is_active is 'Whether events are queued and delivered.';
create index webhook_endpoints_owner_id_idx on public.webhook_endpoints (owner_id);

create table private.webhook_secrets (
    endpoint_id uuid constraint webhook_secrets_pkey primary key
        constraint webhook_secrets_endpoint_fkey references public.webhook_endpoints (id) on delete cascade,
    secret text not null default 'whsec_' || encode(extensions.gen_random_bytes(32), 'hex')
);
comment on table private.webhook_secrets is 'The secrets that sign deliveries.';
alter table private.webhook_secrets enable row level security;

create table public.webhook_deliveries (
    id uuid default gen_random_uuid() constraint webhook_deliveries_pkey primary key,
    endpoint_id uuid not null constraint webhook_deliveries_endpoint_fkey references public.webhook_endpoints (id) on delete cascade,
    event text not null,
    payload jsonb not null,
    dedupe_key text not null,
    attempts integer not null default 0,
    response_status integer,
    error text,
    delivered_at timestamptz,
    created_at timestamptz not null default now(),
    constraint webhook_deliveries_are_made_once unique (endpoint_id, dedupe_key)
);
comment on table public.webhook_deliveries is 'Deliveries to an endpoint and their outcome. The owner of the endpoint can read them.';
comment on column public.webhook_deliveries.event is 'Kind of event.';
comment on column public.webhook_deliveries.payload is 'Body of the request: {id, type, api_version, created_at, data}.';
comment on column public.webhook_deliveries.dedupe_key is 'Identifies the event: it is queued once for each endpoint.';
comment on column public.webhook_deliveries.attempts is 'Number of attempts.';
comment on column public.webhook_deliveries.response_status is 'HTTP status of the last answer; null when there was none.';
comment on column public.webhook_deliveries.error is 'Error of the last attempt.';
comment on column public.webhook_deliveries.delivered_at is 'When the endpoint answered 2xx; null until then.';
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.webhook_deliveries alter column endpoint_id set (n_distinct = -1);

alter table public.webhook_endpoints enable row level security;
alter table public.webhook_deliveries enable row level security;

grant select, delete on public.webhook_endpoints to authenticated;
-- the id, because an upsert of PostgREST sets every column it was sent
grant insert (id, url, events, is_active), update (id, url, events, is_active) on public.webhook_endpoints to authenticated;
grant select on public.webhook_deliveries to authenticated;

create policy "People can read their endpoints" on public.webhook_endpoints for select to authenticated
    using (owner_id = (select auth.uid()));
create policy "People can add endpoints" on public.webhook_endpoints for insert to authenticated
    with check (owner_id = (select auth.uid()));
create policy "People can change their endpoints" on public.webhook_endpoints for update to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));
create policy "People can delete their endpoints" on public.webhook_endpoints for delete to authenticated
    using (owner_id = (select auth.uid()));
create policy "People can read deliveries to their endpoints" on public.webhook_deliveries for select to authenticated
    using (endpoint_id = any (array(select e.id from public.webhook_endpoints e where e.owner_id = (select auth.uid()))));

select pgmq.create('webhooks');
insert into private.internal_functions (name, every, repeats, runs) values ('deliver-webhooks', '200 milliseconds', true, 4);
insert into private.job_queues (queue, worker, max_attempts, first_pause, longest_pause)
values ('webhooks', 'deliver-webhooks', 15, '10 seconds', '12 hours');

create function private.check_new_webhook_endpoint() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform from public.profiles p where p.id = new.owner_id and p.deleted_at is null for no key update;
    if not found then
        perform private.raise_error('account_deleted');
    elsif (select count(*) from public.webhook_endpoints e where e.owner_id = new.owner_id) > 10 then
        perform private.raise_error('too_many_webhook_endpoints', '{"limit": 10}');
    end if;
    insert into private.webhook_secrets (endpoint_id) values (new.id);
    return null;
end
$$;
comment on function private.check_new_webhook_endpoint is 'Trigger: limits the endpoints of a person to 10 and creates the secret of a new one. Definer, because no API role may write secrets.';
create trigger check_new_webhook_endpoint after insert on public.webhook_endpoints for each row execute function private.check_new_webhook_endpoint();
create trigger _010_keep_key before update of id on public.webhook_endpoints for each row
    when ((old.id) is distinct from (new.id)) execute function private.keep_key('id');
create trigger _800_set_updated_at before update on public.webhook_endpoints for each row execute function private.set_updated_at();
select private.install_row_checks('public.webhook_endpoints');

-- in PL/pgSQL, which keeps its plan: every booking calls it
create function private.has_webhook(p_host_id uuid, p_event text) returns boolean
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
    return exists (
        select
        from public.webhook_endpoints e
        where
            e.owner_id = any (array(select p_host_id union all select r.user_id from public.user_roles r where r.role = 'operator'))
            and e.is_active and p_event = any (e.events)
    );
end
$$;
comment on function private.has_webhook is 'Whether an active endpoint of a host or of an operator receives an event.';

create function private.queue_webhooks(p_event text, p_host_id uuid, p_dedupe_key text, p_data jsonb) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_delivery record;
begin
    for v_delivery in
        insert into public.webhook_deliveries as d (id, endpoint_id, event, dedupe_key, payload)
        select
            i.id, e.id, p_event, p_dedupe_key,
            jsonb_build_object('id', i.id, 'type', p_event, 'api_version', e.api_version, 'created_at', now(), 'data', p_data)
        from public.webhook_endpoints e
        cross join lateral (select gen_random_uuid() as id where e.id is not null) i
        where
            e.is_active and p_event = any (e.events)
            and e.owner_id = any (array(select p_host_id union all select r.user_id from public.user_roles r where r.role = 'operator'))
        on conflict on constraint webhook_deliveries_are_made_once do nothing
        returning d.id
    loop
        perform private.enqueue_job_at('webhooks', jsonb_build_object('delivery_id', v_delivery.id));
    end loop;
end
$$;
comment on function private.queue_webhooks is
    'Queues a delivery of an event to each active endpoint of the host and of operators that receives it. Definer, because no API role may write deliveries.';

create function private.queue_webhooks_of_booking_event(p_event private.booking_events, p_booking private.bookings) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    if not private.has_webhook(p_booking.host_id, 'booking.' || p_event.event) then
        return;
    end if;
    perform private.queue_webhooks(
        'booking.' || p_event.event, p_booking.host_id, 'booking_event:' || p_event.id,
        jsonb_build_object(
            'booking_id', p_booking.id, 'property_id', p_booking.property_id, 'from_status', p_event.from_status, 'status', p_event.to_status,
            'actor', p_event.actor, 'at', p_event.at, 'check_in', p_booking.check_in, 'check_out', p_booking.check_out,
            'adults', p_booking.adults, 'children', p_booking.children, 'infants', p_booking.infants, 'pets', p_booking.pets, 'units', p_booking.units,
            'currency', p_booking.currency, 'guest_total', p_booking.guest_total, 'host_total', p_booking.host_total
        )
    );
end
$$;
comment on function private.queue_webhooks_of_booking_event is
    'Queues a booking event for the webhook endpoints of the host and of operators. Definer, because no API role may write deliveries.';

create function private.webhook_of_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.queue_webhooks(
        'review.published', b.host_id, 'review:' || new.id,
        jsonb_build_object(
            'review_id', new.id, 'booking_id', new.booking_id, 'property_id', new.property_id, 'side', new.side, 'overall', new.overall,
            'comment', new.comment
        )
    )
    from private.bookings b
    where b.id = new.booking_id;
    return null;
end
$$;
comment on function private.webhook_of_review is 'Trigger: queues a published review for the webhook endpoints of the host and of operators. Definer, because no API role may write deliveries.';
create trigger _300_webhook_of_review after update of is_counted on public.reviews for each row
    when (new.is_counted and not old.is_counted and new.state = 'visible') execute function private.webhook_of_review();

create function private.webhook_secret(p_endpoint_id uuid, p_rotate boolean) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_secret text;
begin
    perform from public.webhook_endpoints e where e.id = p_endpoint_id and e.owner_id = auth.uid();
    if not found then
        perform private.raise_error('webhook_endpoint_not_found');
    end if;
    if p_rotate then
        update private.webhook_secrets s set secret = default where s.endpoint_id = p_endpoint_id;
    end if;
    select s.secret into v_secret from private.webhook_secrets s where s.endpoint_id = p_endpoint_id;
    return v_secret;
end
$$;
grant execute on function private.webhook_secret to authenticated;
comment on function private.webhook_secret is 'Does the work of reveal_webhook_secret and rotate_webhook_secret. Definer, because no API role may read secrets.';

create function public.reveal_webhook_secret(p_endpoint_id uuid) returns text
language sql
set search_path = ''
as $$
    select private.webhook_secret(p_endpoint_id, false)
$$;
grant execute on function public.reveal_webhook_secret to authenticated;
comment on function public.reveal_webhook_secret is
    'Returns the secret of an endpoint of the caller. It signs deliveries in the header Staybase-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">.';

create function public.rotate_webhook_secret(p_endpoint_id uuid) returns text
language sql
set search_path = ''
as $$
    select private.webhook_secret(p_endpoint_id, true)
$$;
grant execute on function public.rotate_webhook_secret to authenticated;
comment on function public.rotate_webhook_secret is 'Replaces the secret of an endpoint of the caller, from the next attempt on, and returns the new one.';

create function private.replay_webhook_delivery(p_delivery_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.webhook_deliveries d set delivered_at = null, error = null
    from public.webhook_endpoints e
    where d.id = p_delivery_id and e.id = d.endpoint_id and e.owner_id = auth.uid();
    if not found then
        perform private.raise_error('webhook_delivery_not_found');
    end if;
    perform private.enqueue_job_at('webhooks', jsonb_build_object('delivery_id', p_delivery_id));
end
$$;
grant execute on function private.replay_webhook_delivery to authenticated;
comment on function private.replay_webhook_delivery is 'Does the work of public.replay_webhook_delivery. Definer, because no API role may write queues.';

create function public.replay_webhook_delivery(p_delivery_id uuid) returns void
language sql
set search_path = ''
as $$
    select private.replay_webhook_delivery(p_delivery_id)
$$;
grant execute on function public.replay_webhook_delivery to authenticated;
comment on function public.replay_webhook_delivery is 'Sends a delivery to an endpoint of the caller again, with the same payload and id.';

create function public.webhook_to_send(p_delivery_id uuid) returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select jsonb_build_object('url', e.url, 'secret', s.secret, 'payload', d.payload)
    from public.webhook_deliveries d
    join public.webhook_endpoints e on e.id = d.endpoint_id and e.is_active
    join private.webhook_secrets s on s.endpoint_id = e.id
    where d.id = p_delivery_id and d.delivered_at is null
$$;
grant execute on function public.webhook_to_send to service_role;
comment on function public.webhook_to_send is
    'Returns URL, secret and payload of a delivery; null when it was delivered, or its endpoint is inactive or deleted. For the webhook worker: service role only; definer, because it reads secrets.';

create function public.record_webhook_attempt(p_delivery_id uuid, p_status integer, p_error text) returns void
language sql security definer
set search_path = ''
as $$
    update public.webhook_deliveries d
    set
        attempts = d.attempts + 1, response_status = p_status, error = left(p_error, 500),
        delivered_at = case when p_status between 200 and 299 then clock_timestamp() end
    where d.id = p_delivery_id
$$;
grant execute on function public.record_webhook_attempt to service_role;
comment on function public.record_webhook_attempt is
    'Records the outcome of an attempt. For the webhook worker: service role only; definer, because no API role may write deliveries.';
