-- Purpose: addresses of properties. Few people may read the exact address; everyone else gets a public point nearby.
-- Touches: public.property_addresses, private.public_point, private.publish_location, a secret in private.settings.
-- Watch: no client may be able to compute the exact point from the public one. The shift depends on a secret, the host and a cell of about
-- 100 m, so several properties in one building share a shift, and a small move of the pin gives no second sample. The columns have
-- no statistics, because estimates of the planner (`Prefer: count=planned`) would reveal values that policies hide.

insert into private.errors (code, status, message, hint) values
    ('line1_is_plain', 422, 'The street and number are one line of 1 to 200 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('line2_is_plain', 422, 'The second line of an address is one line of 1 to 200 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('postal_code_is_plain', 422, 'A postal code is up to 16 letters, digits, spaces and hyphens, and begins with a letter or digit.', 'Send the postal code alone, such as 1100-048.'),
    ('neighbourhood_is_plain', 422, 'A neighbourhood is one line of 1 to 100 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('city_is_plain', 422, 'A city is one line of 1 to 100 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('region_is_plain', 422, 'A region is one line of 1 to 100 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('country_is_iso', 422, 'A country is an ISO 3166-1 code of two capital letters.', 'Send a code such as PT.'),
    ('latitude_is_on_earth', 422, 'A latitude is -90 to 90 degrees.', 'Send decimal degrees north, such as 38.7079.'),
    ('longitude_is_on_earth', 422, 'A longitude is -180 to 180 degrees.', 'Send decimal degrees east, such as -9.1366.');

insert into private.settings (name, value, description) values
    ('location_secret', encode(extensions.gen_random_bytes(32), 'hex'),
     'Secret key of the shift between exact and public points; a person who knows it can undo the shift. A new key moves each public point when its address next changes.');

create table public.property_addresses (
    property_id uuid constraint property_addresses_pkey primary key
        constraint property_addresses_property_fkey references public.properties (id) on delete cascade,
    line1 text constraint property_addresses_line1_is_plain
        check (line1 ~ '\S' and private.is_plain_text(line1, 200) and line1 !~ '[\n\t]'),
    line2 text constraint property_addresses_line2_is_plain
        check (line2 ~ '\S' and private.is_plain_text(line2, 200) and line2 !~ '[\n\t]'),
    postal_code text constraint property_addresses_postal_code_is_plain check (postal_code ~ '^[A-Za-z0-9][A-Za-z0-9 -]{0,15}$'),
    neighbourhood text constraint property_addresses_neighbourhood_is_plain
        check (neighbourhood ~ '\S' and private.is_plain_text(neighbourhood, 100) and neighbourhood !~ '[\n\t]'),
    city text not null constraint property_addresses_city_is_plain
        check (city ~ '\S' and private.is_plain_text(city, 100) and city !~ '[\n\t]'),
    region text constraint property_addresses_region_is_plain
        check (region ~ '\S' and private.is_plain_text(region, 100) and region !~ '[\n\t]'),
    country text not null constraint property_addresses_country_is_iso check (country ~ '^[A-Z]{2}$'),
    latitude double precision not null constraint property_addresses_latitude_is_on_earth check (latitude between -90 and 90),
    longitude double precision not null constraint property_addresses_longitude_is_on_earth check (longitude between -180 and 180),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.property_addresses is
    'Exact addresses, readable by the host, co-hosts, operators and guests with a confirmed booking. A trigger writes the public location to the property.';
comment on column public.property_addresses.line1 is 'Street and number.';
comment on column public.property_addresses.line2 is 'Floor, door or building.';
comment on column public.property_addresses.postal_code is 'Postal code in the format of the country.';
comment on column public.property_addresses.neighbourhood is 'Part of the city. Public.';
comment on column public.property_addresses.city is 'City or village. Public.';
comment on column public.property_addresses.region is 'State, province or region. Public.';
comment on column public.property_addresses.country is 'ISO 3166-1 alpha-2 code. Public.';
comment on column public.property_addresses.latitude is 'Degrees north (WGS 84) of the entrance.';
comment on column public.property_addresses.longitude is 'Degrees east (WGS 84) of the entrance.';

alter table public.property_addresses
    alter column line1 set statistics 0,
    alter column line2 set statistics 0,
    alter column postal_code set statistics 0,
    alter column latitude set statistics 0,
    alter column longitude set statistics 0;

alter table public.property_addresses enable row level security;

grant select, delete on public.property_addresses to authenticated;
grant insert (property_id, line1, line2, postal_code, neighbourhood, city, region, country, latitude, longitude)
    on public.property_addresses to authenticated, service_role;
-- property_id too, because an upsert of PostgREST sets every column it was sent
grant update (property_id, line1, line2, postal_code, neighbourhood, city, region, country, latitude, longitude)
    on public.property_addresses to authenticated, service_role;
grant select, delete on public.property_addresses to service_role;
create policy "Hosts and full co-hosts can add addresses" on public.property_addresses for insert to authenticated
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can update addresses" on public.property_addresses for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete addresses" on public.property_addresses for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create function private.public_point(
    p_host uuid, p_latitude double precision, p_longitude double precision,
    out latitude double precision, out longitude double precision
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_hash bytea := extensions.hmac(
        concat_ws('|', p_host, round(p_latitude::numeric, 3), round(p_longitude::numeric, 3)),
        (select s.value from private.settings s where s.name = 'location_secret'),
        'sha256'
    );
    -- two numbers in [0, 1), of 48 bits each
    v_first double precision := ('x' || encode(substr(v_hash, 1, 6), 'hex'))::bit(48)::bigint / 2.0 ^ 48;
    v_second double precision := ('x' || encode(substr(v_hash, 7, 6), 'hex'))::bit(48)::bigint / 2.0 ^ 48;
    v_bearing double precision := 2 * pi() * v_first;
    -- 200 to 990 m, uniform over the area of the ring, as an angle on a sphere of 6,371 km
    v_angle double precision := sqrt(0.2 ^ 2 + v_second * (0.99 ^ 2 - 0.2 ^ 2)) / 6371;
    v_from double precision := radians(p_latitude);
begin
    latitude := asin(sin(v_from) * cos(v_angle) + cos(v_from) * sin(v_angle) * cos(v_bearing));
    longitude := radians(p_longitude) + atan2(
        sin(v_bearing) * sin(v_angle) * cos(v_from),
        cos(v_angle) - sin(v_from) * sin(latitude)
    );
    latitude := round(degrees(latitude)::numeric, 5);
    longitude := round((degrees(longitude) - 360 * floor((degrees(longitude) + 180) / 360))::numeric, 5);
end
$$;
comment on function private.public_point is
    'The public point for an exact one: 200 m to 1 km away, and always the same. No API role may execute it, because its results would reveal the shift.';

create function private.publish_location() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op = 'DELETE' then
        update public.properties
        set country = null, region = null, city = null, neighbourhood = null, public_latitude = null, public_longitude = null
        where id = old.property_id;
        return null;
    end if;
    update public.properties p
    set
        country = new.country, region = new.region, city = new.city, neighbourhood = new.neighbourhood,
        public_latitude = q.latitude, public_longitude = q.longitude
    from public.properties h
    cross join lateral private.public_point(h.host_id, new.latitude, new.longitude) as q
    where h.id = new.property_id and p.id = h.id;
    return null;
end
$$;
comment on function private.publish_location is
    'Trigger: copies the country, region, city and neighbourhood of an address, and its public point, to the property. Definer, because no API role may write those columns.';

create trigger _200_publish_location after insert or update or delete on public.property_addresses
    for each row execute function private.publish_location();
create trigger _010_keep_key before update of property_id on public.property_addresses for each row
    when ((old.property_id) is distinct from (new.property_id)) execute function private.keep_key('property_id');
create trigger _800_set_updated_at before update on public.property_addresses
    for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_addresses');
