-- The SQL interface of pg_net 0.20 (github.com/supabase/pg_net), with its privileges: everything is the administrator's, and PUBLIC may
-- use it. A request is queued in the caller's transaction and sent after its commit by scripts/stack/pg-net.ts; net._http_response
-- keeps the answer for six hours.

create schema net;

create domain net.http_method as text check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create unlogged table net.http_request_queue (
    id bigserial,
    method net.http_method not null,
    url text not null,
    headers jsonb,
    body bytea,
    timeout_milliseconds integer not null
);

create unlogged table net._http_response (
    id bigint,
    status_code integer,
    content_type text,
    headers jsonb,
    content text,
    timed_out boolean,
    error_msg text,
    created timestamptz not null default now()
);
create index on net._http_response (created);

create function net.wake() returns void
language sql
as $$
    select pg_catalog.pg_notify('staybase_net', '')
$$;

create function net._with_params(url text, params jsonb) returns text
language sql immutable
as $$
    select url || coalesce(
        (
            select (case when position('?' in url) > 0 then '&' else '?' end) || string_agg(key || '=' || value, '&')
            from jsonb_each_text(params)
        ),
        ''
    )
$$;

create function net.http_get(
    url text,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{}'::jsonb,
    timeout_milliseconds integer default 5000
) returns bigint
language plpgsql
as $$
declare
    request_id bigint;
begin
    insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
    values ('GET', net._with_params(url, params), headers, timeout_milliseconds)
    returning id into request_id;
    perform net.wake();
    return request_id;
end
$$;

create function net.http_post(
    url text,
    body jsonb default '{}'::jsonb,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
    timeout_milliseconds integer default 5000
) returns bigint
language plpgsql
as $$
declare
    request_id bigint;
    content_type text;
begin
    select h.value into content_type
    from jsonb_each_text(coalesce(headers, '{}'::jsonb)) h
    where lower(h.key) = 'content-type'
    limit 1;
    if content_type is null then
        headers := headers || '{"Content-Type": "application/json"}'::jsonb;
    end if;
    if content_type <> 'application/json' then
        raise exception 'Content-Type header must be "application/json"';
    end if;
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values ('POST', net._with_params(url, params), headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
    returning id into request_id;
    perform net.wake();
    return request_id;
end
$$;

create function net.http_delete(
    url text,
    params jsonb default '{}'::jsonb,
    headers jsonb default '{}'::jsonb,
    timeout_milliseconds integer default 5000,
    body jsonb default null
) returns bigint
language plpgsql
as $$
declare
    request_id bigint;
begin
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values ('DELETE', net._with_params(url, params), headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
    returning id into request_id;
    perform net.wake();
    return request_id;
end
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
-- hosted Supabase grants it once more, by name
grant usage on schema net to supabase_functions_admin, postgres, anon, authenticated, service_role;
