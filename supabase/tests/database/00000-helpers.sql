-- Helpers for the files after this one, in a schema of their own. The only file that is not rolled back: `supabase test db`
-- and `npm test` both run it first.
begin;
create extension if not exists pgtap with schema extensions;
-- Files assert while they act as anon and other roles.
grant execute on all functions in schema extensions to anon, authenticated, service_role;
select plan(1);

create schema if not exists tests;
grant usage on schema tests to anon, authenticated, service_role;

create or replace function tests.create_person(p_name text) returns uuid
language plpgsql
as $$
declare
    v_id uuid := gen_random_uuid();
begin
    insert into auth.users (id, aud, role, email, email_confirmed_at, raw_user_meta_data, raw_app_meta_data)
    values (
        v_id, 'authenticated', 'authenticated', p_name || '-' || v_id || '@example.com', now(),
        jsonb_build_object('display_name', p_name), '{}'
    );
    return v_id;
end
$$;
comment on function tests.create_person(text) is 'Signs a person up, as Auth does, and returns their id.';

create or replace function tests.create_property(p_host uuid, p_publish boolean default true) returns uuid
language plpgsql
as $$
declare
    v_id uuid := gen_random_uuid();
begin
    insert into public.properties (
        id, host_id, title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms, time_zone, currency, base_price
    ) values (
        v_id, p_host, 'House by the river', repeat('A quiet house with a view of the river. ', 3),
        'house', 'entire_home', 4, 2, 3, 1.5, 'Europe/Lisbon', 'EUR', 12000
    );
    insert into public.property_addresses (property_id, line1, postal_code, neighbourhood, city, region, country, latitude, longitude)
    values (v_id, 'Rua Augusta 1', '1100-048', 'Baixa', 'Lisboa', 'Lisboa', 'PT', 38.7079, -9.1366);
    insert into storage.objects (bucket_id, name, owner_id, metadata)
    values ('property-photos', v_id || '/front.png', p_host, '{"mimetype": "image/png", "size": 1000}');
    insert into private.files (owner_id, kind, path, status, content_type, bytes)
    values (p_host, 'property_photo', v_id || '/front.png', 'ready', 'image/png', 1000);
    insert into public.property_photos (property_id, path, alt_text) values (v_id, v_id || '/front.png', 'The front door');
    if p_publish then
        update public.properties set status = 'published' where id = v_id;
    end if;
    return v_id;
end
$$;
comment on function tests.create_property(uuid, boolean) is 'Creates a complete property, published or a draft; acts as postgres.';

create or replace function tests.sign_in(p_id uuid) returns void
language plpgsql security definer
as $$
declare
    v_claims jsonb := (
        select jsonb_build_object('sub', u.id, 'role', 'authenticated', 'email', u.email, 'app_metadata', u.raw_app_meta_data)
        from auth.users u
        where u.id = p_id
    );
begin
    perform set_config('request.jwt.claims', v_claims::text, true);
end
$$;

create or replace function tests.act_as(p_role text, p_id uuid default null) returns void
language plpgsql
as $$
begin
    reset role;
    perform set_config('request.jwt.claims', json_build_object('role', p_role)::text, true);
    if p_id is not null then
        perform tests.sign_in(p_id);
    end if;
    if p_role <> 'postgres' then
        execute format('set local role %I', p_role);
    end if;
    -- gives operators their role, as each request to the API does
    if p_role = 'authenticated' then
        perform private.check_request();
    end if;
end
$$;
comment on function tests.act_as(text, uuid) is
    'From here on this transaction acts as anon, as a signed-in person (authenticated and their id), as service_role, or as postgres again.';

create or replace function tests.create_booking(
    p_guest uuid, p_property uuid, p_check_in date, p_check_out date, p_status public.booking_status default 'confirmed',
    p_now timestamptz default now(), p_adults integer default 2, p_units integer default 1
) returns uuid
language plpgsql
as $$
declare
    v_id uuid;
    v_claims text := current_setting('request.jwt.claims', true);
    -- two seconds earlier, so that each change of status has a time of its own
    v_begin timestamptz := p_now - case when p_status = 'requested' then interval '0' else interval '2 seconds' end;
begin
    perform tests.sign_in(p_guest);
    v_id := private.create_booking(p_guest, p_property, p_check_in, p_check_out, p_adults, 0, 0, 0, null, null, v_begin, null, p_units);
    if p_status <> 'requested' and (select b.status from private.bookings b where b.id = v_id) = 'requested' then
        perform tests.sign_in((select b.host_id from private.bookings b where b.id = v_id));
        perform private.change_booking_status(v_id, 'accept', null, v_begin + interval '1 second');
    end if;
    if p_status = 'confirmed' then
        perform set_config('request.jwt.claims', '{"role": "service_role"}', true);
        perform private.change_booking_status(v_id, 'confirm', null, p_now);
    end if;
    perform set_config('request.jwt.claims', coalesce(v_claims, ''), true);
    return v_id;
end
$$;
comment on function tests.create_booking(uuid, uuid, date, date, public.booking_status, timestamptz, integer, integer) is
    'Books a stay at p_now and brings it to requested, awaiting_payment or confirmed; acts as postgres.';

create or replace function tests.throws_code(p_sql text, p_code text, p_description text default null) returns text
language plpgsql
as $$
declare
    v_detail text;
    v_found text := 'no error';
begin
    begin
        execute p_sql;
    exception when others then
        get stacked diagnostics v_detail = pg_exception_detail;
        v_found := case
            when sqlstate like 'PT%' and v_detail is json array then v_detail::jsonb -> 0 ->> 'code'
            else format('%s: %s', sqlstate, sqlerrm)
        end;
    end;
    return extensions.is(v_found, p_code, coalesce(p_description, 'throws ' || p_code));
end
$$;
comment on function tests.throws_code(text, text, text) is
    'Asserts that p_sql raises the error p_code of private.errors; of several errors raised together the first counts.';

create or replace function tests.codes(p_statement text) returns text
language plpgsql
as $$
declare
    v_detail text;
begin
    execute p_statement;
    return 'accepted';
exception when sqlstate 'PT404' or sqlstate 'PT409' or sqlstate 'PT422' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(r ->> 'code', ',' order by r ->> 'code') from jsonb_array_elements(v_detail::jsonb) r);
end
$$;
comment on function tests.codes(text) is 'Runs p_statement and returns the codes of its error in order, or accepted.';

grant execute on all functions in schema tests to anon, authenticated, service_role;

select pass('helpers are there');
select * from finish();
commit;
