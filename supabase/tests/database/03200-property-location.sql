-- Privacy of addresses: who reads the exact address, where the public point is, and that it reveals no more.
begin;
select plan(37);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cal') as cal,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga, null::uuid as home, null::uuid as draft;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false);
insert into public.co_hosts (property_id, profile_id, level) select home, cal, 'calendar'::public.co_host_level from world union all select home, fay, 'full' from world;

create function pg_temp.metres(p_lat1 float8, p_lng1 float8, p_lat2 float8, p_lng2 float8) returns float8 language sql as $$
    select 2 * 6371000 * asin(sqrt(
        sin(radians(p_lat2 - p_lat1) / 2) ^ 2 + cos(radians(p_lat1)) * cos(radians(p_lat2)) * sin(radians(p_lng2 - p_lng1) / 2) ^ 2
    ))
$$;
create temporary table point on commit drop as select public_latitude as lat, public_longitude as lng from public.properties, world where id = home;

-- who reads the address
select tests.act_as('anon');
select throws_ok('select from public.property_addresses', '42501', null, 'PL01 anon reads no address');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.property_addresses', 'PL02 a stranger reads no address');
select is_empty('update public.property_addresses set line2 = ''x'' returning property_id', 'PL03 a stranger changes no address');
select is_empty('delete from public.property_addresses returning property_id', 'PL04 a stranger deletes no address');
select tests.throws_code(
    'insert into public.property_addresses (property_id, city, country, latitude, longitude) select draft, ''x'', ''PT'', 0, 0 from world',
    'reference_not_found', 'PL05 a stranger inserts no address'
);
select tests.throws_code(
    'insert into public.property_addresses (property_id, city, country, latitude, longitude) select home, ''x'', ''PT'', 0, 0 from world
     on conflict (property_id) do update set latitude = excluded.latitude returning latitude',
    'insert_not_allowed', 'PL06 a stranger cannot upsert an address'
);
select throws_ok('select private.public_point(home, 38.7, -9.1) from world', '42501', null, 'PL07 no client can compute public points');
select throws_ok('select value from private.settings', '42501', null, 'PL08 no client can read the secret');
select tests.act_as('service_role');
select throws_ok('select value from private.settings', '42501', null, 'PL09 the service role cannot read the secret');
select tests.act_as('authenticated', ana) from world;
select is((select line1 from public.property_addresses, world where property_id = home), 'Rua Augusta 1', 'PL10 the host reads the address');
select tests.act_as('authenticated', cal) from world;
select is((select line1 from public.property_addresses, world where property_id = home), 'Rua Augusta 1', 'PL11 a co-host reads the address');
select is_empty('select from public.property_addresses, world where property_id = draft', 'PL12 a co-host reads no address of another property');
select is_empty('update public.property_addresses set line2 = ''x'' returning property_id', 'PL13 a co-host for the calendar changes no address');
select tests.act_as('authenticated', fay) from world;
select isnt_empty('update public.property_addresses set line2 = ''2nd floor'' returning property_id', 'PL14 a full co-host changes the address');
select tests.act_as('authenticated', olga) from world;
select is((select count(*)::integer from public.property_addresses, world where property_id in (home, draft)), 2, 'PL15 operators read all addresses');

-- where the public point is
select tests.act_as('postgres');
select results_eq(
    'select country, region, city, neighbourhood from public.properties, world where id = home',
    $$values ('PT', 'Lisboa', 'Lisboa', 'Baixa')$$, 'PL16 city and country are public'
);
select ok(pg_temp.metres(lat, lng, 38.7079, -9.1366) between 199 and 1000, 'PL17 the public point is 200 m to 1 km away') from point;
select results_eq(
    'select public_latitude, public_longitude from public.properties, world where id = home', 'select lat, lng from point',
    'PL18 an edit that keeps the exact point keeps the public point'
);
select results_eq(
    'select public_latitude, public_longitude from public.properties, world where id = draft', 'select lat, lng from point',
    'PL19 properties of a host in one building share a public point, so an average reveals nothing'
);
select isnt(tests.create_property(ben), null, 'PL20 another host has a property in that building') from world;
select is_empty(
    'select from public.properties p, world, point where p.host_id = ben and p.public_latitude = lat', 'PL21 properties of another host have another public point'
);
update public.property_addresses set latitude = 38.70791, longitude = -9.13661 where property_id = (select home from world);
select ok(
    pg_temp.metres(p.public_latitude, p.public_longitude, lat, lng) < 3, 'PL22 a small move of the pin moves the public point equally little'
)
from public.properties p, world, point where p.id = home;
update private.settings set value = 'another' where name = 'location_secret';
update public.property_addresses set latitude = 38.7079, longitude = -9.1366 where property_id = (select home from world);
select isnt(p.public_latitude, lat, 'PL23 the public point depends on the secret') from public.properties p, world, point where p.id = home;
create temporary table moved on commit drop as
select c.lat, c.lng, p.latitude as plat, p.longitude as plng
from (
    select (i * 7.3)::numeric % 180 - 90 as lat, (i * 13.7)::numeric % 360 - 180 as lng from generate_series(1, 2000) i
    union all values (90, 0), (-90, 0), (0, 180), (0, -180), (89.999, 179.999)
) as c (lat, lng), world, private.public_point(ana, c.lat::float8, c.lng::float8) p;
select is_empty(
    $$select from moved where pg_temp.metres(lat, lng, plat, plng) not between 199 and 1000
        or plat not between -90 and 90 or plng not between -180 and 180$$,
    'PL24 the distance holds everywhere on earth, at the poles and across the date line'
);
-- the mean of 2,005 random directions has a deviation of 0.0001 degrees; the limits are six times that
select ok(
    avg(plat - lat) between -0.0006 and 0.0006 and stddev(plat - lat) > 0.003, 'PL25 points are shifted in every direction, most of them far'
) from moved where abs(lat) < 60;

-- bad input
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(format('update public.property_addresses set %s', b.change), b.code, 'PL26 refused: ' || b.what)
from (values
    ('a latitude outside the earth', 'latitude = 90.1', 'latitude_is_on_earth'),
    ('a longitude outside the earth', 'longitude = -180.1', 'longitude_is_on_earth'),
    ('a latitude that is no number', 'latitude = ''NaN''', 'latitude_is_on_earth'),
    ('an endless longitude', 'longitude = ''Infinity''', 'longitude_is_on_earth'),
    ('a country in words', 'country = ''Portugal''', 'country_is_iso'),
    ('HTML in the street', 'line1 = ''<script>''', 'line1_is_plain'),
    ('no city', 'city = null', 'value_missing'),
    ('a property that is not hers', 'property_id = ''00000000-0000-4000-8000-000000000009''', 'key_is_fixed')
) as b (what, change, code);

select tests.throws_code(c.sql, c.code, 'PL28 refused: ' || c.sql)
from (values
    ('insert into public.property_addresses (property_id, city, country) select home, ''x'', ''PT'' from world', 'value_missing'),
    ('insert into public.property_addresses (city, country, latitude, longitude) values (''x'', ''PT'', 0, 0)', 'value_missing'),
    ('update public.property_addresses set property_id = (select draft from world) where property_id = (select home from world)', 'key_is_fixed')
) as c (sql, code);

-- estimates of the planner
select tests.act_as('postgres');
analyze public.property_addresses;
select is_empty(
    $$select from pg_stats where schemaname = 'public' and tablename = 'property_addresses'
        and attname in ('line1', 'line2', 'postal_code', 'latitude', 'longitude')$$,
    'PL27 estimates of the planner reveal nothing about exact addresses'
);

select * from finish();
rollback;
