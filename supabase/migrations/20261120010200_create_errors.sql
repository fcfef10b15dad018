-- Purpose: errors as data. Every error that the database raises has a row here: a code, an HTTP status, a message and a hint.
-- Touches: private.errors, private.problem, private.raise_errors, private.raise_error.
-- Watch: nothing else raises. A migration inserts the codes of its domain before the functions that raise them. Every code has a
-- message of its own, because GraphQL shows the message alone; docs/errors.md and types/errors.ts are generated from this table.

create table private.errors (
    code text constraint errors_pkey primary key constraint errors_code_is_slug check (code ~ '^[a-z][a-z0-9_]{0,62}$'),
    status smallint not null constraint errors_status_is_known check (status in (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 503)),
    message text not null constraint errors_message_is_unique unique,
    hint text not null
);
comment on table private.errors is 'Every error that the database raises. In message and hint, {name} stands for a detail of the error.';
comment on column private.errors.code is 'Name of the error for programs.';
comment on column private.errors.status is 'HTTP status of the answer. When several errors are raised together, the highest applies.';
comment on column private.errors.message is 'What is wrong: one sentence that no other code has.';
comment on column private.errors.hint is 'What to do next.';
alter table private.errors enable row level security;

create function private.fill_template(p_template text, p_details jsonb) returns text
language plpgsql immutable
set search_path = ''
as $$
declare
    v_text text := '';
    v_rest text := p_template;
    v_part text[];
begin
    -- one pass, so that braces in a detail are never filled
    loop
        v_part := regexp_match(v_rest, '^(.*?)\{(\w+)\}(.*)$');
        exit when v_part is null;
        v_text := v_text || v_part[1] || case
            -- names of columns and states are shown as words; values that a person or program wrote stay unchanged
            when v_part[2] not in ('argument', 'name', 'title', 'value') and p_details ->> v_part[2] ~ '^[a-z]+(_[a-z]+)*$'
                then replace(p_details ->> v_part[2], '_', ' ')
            else regexp_replace(left(coalesce(p_details ->> v_part[2], '?'), 200), '[[:space:][:cntrl:]]+', ' ', 'g')
        end;
        v_rest := v_part[3];
    end loop;
    v_text := v_text || v_rest;
    return upper(left(v_text, 1)) || substr(v_text, 2);
end
$$;
comment on function private.fill_template is 'Replaces each {name} of a template with the first 200 characters of the detail of that name.';

create function private.problem(p_code text, p_details jsonb default '{}') returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_message text := (select e.message from private.errors e where e.code = p_code);
begin
    return p_details || jsonb_build_object('code', p_code, 'message', private.fill_template(v_message, p_details));
end
$$;
grant execute on function private.problem to anon, authenticated, service_role;
comment on function private.problem is
    'One error as an object {code, message, ...details}, to be raised or shown. Definer, because no API role may read private.errors.';

create function private.raise_errors(p_problems jsonb) returns void
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_status text;
    v_message text;
    v_hint text;
begin
    -- one line: PostgREST writes the message into the status line of HTTP
    select
        max(e.status)::text, string_agg(p.problem ->> 'message', ' ' order by p.position),
        private.fill_template((array_agg(e.hint order by p.position))[1], (array_agg(p.problem order by p.position))[1])
    into strict v_status, v_message, v_hint
    from jsonb_array_elements(p_problems) with ordinality as p (problem, position)
    left join private.errors e on e.code = p.problem ->> 'code';
    raise exception using errcode = 'PT' || v_status, message = v_message, detail = p_problems::text, hint = v_hint;
end
$$;
grant execute on function private.raise_errors to anon, authenticated, service_role;
comment on function private.raise_errors is
    'Raises a list of objects made by private.problem as one error with the highest of their statuses, all their messages, and the list as JSON in details. Definer, because no API role may read private.errors.';

create function private.raise_error(p_code text, p_details jsonb default '{}') returns void
language sql stable
set search_path = ''
as $$
    select private.raise_errors(jsonb_build_array(private.problem(p_code, p_details)))
$$;
grant execute on function private.raise_error to anon, authenticated, service_role;
comment on function private.raise_error is 'Raises the error p_code; p_details are added to its object in details, and fill the placeholders of its message and hint.';

-- Errors of more than one domain.
insert into private.errors (code, status, message, hint) values
    ('not_signed_in', 401, 'You are not signed in.', 'Sign in and send the access token.'),
    ('account_deleted', 403, 'This account was deleted.', 'Sign up again.'),
    ('operators_only', 403, 'Only operators can do this.', 'Ask an operator.'),
    ('row_is_permanent', 409, 'Rows of {table} cannot be changed or deleted.', 'Insert a new row.'),
    ('server_busy', 503, 'The server is busy. Nothing was changed.', 'Try again, with the same idempotency key.'),
    ('value_missing', 422, 'There is no value for {field}.', 'Send a value for {field}.'),
    ('value_too_long', 422, 'The value of {field} is far too long.', 'Send at most {limit} bytes; the documentation of {field} may say less.'),
    ('reference_not_found', 422, 'The {field} you sent does not exist, or you may not see it.', 'Check {field}.'),
    ('already_exists', 409, 'There is already one with this {fields}.', 'Change that one, or send other values.'),
    ('row_sent_twice', 422, 'Two rows of the list have the key of one row of {table}.', 'Send each row once.'),
    ('insert_not_allowed', 403, 'You are not allowed to add {table} here.', 'Check the ids you sent, and that you are signed in as the right person.'),
    ('update_not_allowed', 403, 'You are not allowed to change {table} in this way.', 'Check the ids you sent, and that you are signed in as the right person.'),
    ('unknown_currency', 422, 'There is no currency "{value}".', 'Send an ISO 4217 code of the table currencies.'),
    ('unknown_time_zone', 422, 'There is no time zone "{value}".', 'Send a name of the table time_zones, such as Europe/Lisbon.'),
    ('property_not_found', 404, 'There is no such property.', 'Check the id: the property must exist, and be published or yours.');
