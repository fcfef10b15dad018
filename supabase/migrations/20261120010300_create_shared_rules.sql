-- Purpose: rules that several tables share (plain text, the time of the last change, rows that never change), and the settings
-- of an installation.
-- Touches: private.is_plain_text, private.as_uuid, private.set_updated_at, private.refuse_change, private.keep_key, private.settings,
-- private.duration.

insert into private.errors (code, status, message, hint) values
    ('key_is_fixed', 422, '{fields} of a row of {table} cannot change.', 'Delete the row and add another, or send the values that it has.');

-- in PL/pgSQL, which keeps its plan: checks of rows call it
create function private.is_plain_text(p_text text, p_max integer) returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
    return
        char_length(p_text) <= p_max
        -- control characters except tab and line feed; Unicode's format characters, separators of lines and paragraphs, blank letters
        and p_text !~ ('[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u180e'
            '\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f'
            '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]')
        -- joiners only inside words and emoji that need them
        and p_text !~ '(^|[\u0001-\u02ff\s])[\u200c\u200d]|[\u200c\u200d]([\u0001-\u02ff\s\u200c\u200d]|$)'
        and p_text !~ '<[a-zA-Z/!]';
end
$$;
grant execute on function private.is_plain_text to authenticated, service_role;
comment on function private.is_plain_text is
    'True for text of at most p_max characters without control and format characters and HTML tags.';

create function private.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function private.set_updated_at is 'Trigger: sets updated_at to the current time and ignores what the client sent.';

create function private.refuse_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform private.raise_error('row_is_permanent', jsonb_build_object('table', tg_table_name));
end
$$;
comment on function private.refuse_change is 'Trigger of append-only tables: refuses every update, delete and truncate, from any role.';

create function private.keep_key() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform private.raise_error('key_is_fixed', jsonb_build_object('fields', replace(tg_argv[0], '_', ' '), 'table', tg_table_name));
end
$$;
comment on function private.keep_key is
    'Trigger of tables that take upserts, which write the key too: refuses to change the columns that its argument names.';

create function private.as_uuid(p_text text) returns uuid
language sql immutable
set search_path = ''
as $$
    select case when pg_input_is_valid(p_text, 'uuid') then p_text::uuid end
$$;
comment on function private.as_uuid is 'The text as a uuid; null when it is none.';

create table private.settings (
    name text constraint settings_pkey primary key,
    value text not null,
    description text not null
);
comment on table private.settings is 'Values that differ between installations. Only the owner of the database can read and change them.';
alter table private.settings enable row level security;

insert into private.settings (name, value, description) values
    ('functions_url', 'http://api.supabase.internal:8000/functions/v1', 'Base URL under which the database reaches the Edge Functions. The default works with `supabase start`.');

create function private.duration(p_setting text) returns interval
language plpgsql stable
set search_path = ''
as $$
begin
    return (select s.value::interval from private.settings s where s.name = p_setting);
end
$$;
comment on function private.duration is 'The value of a setting as an interval.';
