-- Purpose: rules that more than one table uses: what plain text is, ISO codes, the time of the last change; and the settings
-- of an installation.
-- Touches: private.is_plain_text, private.validate_row, private.set_updated_at, public.currencies, private.settings.

create function private.is_plain_text(p_text text, p_max integer) returns boolean
language sql immutable
set search_path = ''
as $$
    select
        char_length(p_text) <= p_max
        -- control characters except tab and line feed; marks that reverse or hide the text around them; HTML tags
        and p_text !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]'
        and p_text !~ '<[a-zA-Z/!]'
$$;
grant execute on function private.is_plain_text to authenticated, service_role;
comment on function private.is_plain_text is
    'True for text of at most p_max characters without control characters, direction overrides and HTML tags. Called by checks of tables that clients write.';

create function private.validate_row() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_rules text;
    v_broken jsonb;
begin
    select string_agg(format('(%L, %s, %s)', c.code, c.message, c.holds), ', ' order by c.place, c.code) into v_rules
    from (
        select
            1 as place, a.attname || '_is_missing' as code,
            quote_literal(upper(left(a.attname, 1)) || replace(substr(a.attname, 2), '_', ' ') || ' is missing.') as message,
            format('r.%I is not null', a.attname) as holds
        from pg_catalog.pg_attribute a
        where a.attrelid = tg_relid and a.attnum > 0 and a.attnotnull
        union all
        select
            2, regexp_replace(c.conname, '^' || tg_table_name || '_', ''),
            quote_literal(obj_description(c.oid, 'pg_constraint')),
            pg_get_expr(c.conbin, c.conrelid)
        from pg_catalog.pg_constraint c
        where c.conrelid = tg_relid and c.contype = 'c' and obj_description(c.oid, 'pg_constraint') is not null
        union all
        -- a key that is a word is one of a vocabulary
        select
            3, 'unknown_' || n.name,
            format('format(%L, left(r.%I, 40))', format('There is no %s "%%s".', replace(n.name, '_', ' ')), a.attname),
            format('r.%1$I is null or exists (select from %2$s v where v.%3$I = r.%1$I)', a.attname, c.confrelid::regclass, v.attname)
        from pg_catalog.pg_constraint c
        join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        join pg_catalog.pg_attribute v on v.attrelid = c.confrelid and v.attnum = c.confkey[1]
        cross join lateral (select regexp_replace(a.attname, '_id$', '')) as n (name)
        where c.conrelid = tg_relid and c.contype = 'f' and cardinality(c.conkey) = 1 and a.atttypid = 'text'::regtype
    ) c;
    execute format(
        'select jsonb_agg(jsonb_build_object(''code'', c.code, ''message'', c.message)) from (select ($1).*) r '
        'cross join lateral (values %s) as c (code, message, holds) where not c.holds', v_rules
    ) into v_broken using new;
    if v_broken is not null then
        raise sqlstate 'PT422' using
            message = (select string_agg(b ->> 'message', ' ') from jsonb_array_elements(v_broken) b),
            detail = v_broken::text,
            hint = 'Correct what the details list, and send it again.';
    end if;
    return new;
end
$$;
comment on function private.validate_row is
    'Trigger, named to be the last before a write: what the table''s checks refuse, it refuses in words for people, all at once, as JSON [{code, message}] in the detail. The words are the comments on the checks; a check without one speaks for itself. For clients; the owner of the database, an import too, meets the checks.';

create function private.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function private.set_updated_at is 'Trigger: the time of the last change, whatever the client sent.';

create function private.refuse_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise sqlstate 'PT409' using
        message = format('Rows of %I are never changed.', tg_table_name),
        hint = 'Insert a new row.';
end
$$;
comment on function private.refuse_change is 'Trigger of tables that only grow: refuses every update, delete and truncate, whoever asks.';

create table private.settings (
    name text constraint settings_pkey primary key,
    value text not null,
    description text not null
);
comment on table private.settings is 'What differs between installations. The owner of the database changes it; no API role can.';
alter table private.settings enable row level security;

insert into private.settings (name, value, description) values
    ('functions_url', 'http://api.supabase.internal:8000/functions/v1', 'Base URL of the Edge Functions as the database reaches it; the default is that of `supabase start`.');

create function private.duration(p_setting text) returns interval
language plpgsql stable
set search_path = ''
as $$
begin
    return (select s.value::interval from private.settings s where s.name = p_setting);
end
$$;
comment on function private.duration is 'A setting that is a length of time. Called by functions of the owner.';
