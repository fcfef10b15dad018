-- Facets of a search: counts by type and ranges of prices, with the filters of the search, of what can be booked.
begin;
select plan(10);

create temporary table person on commit drop as select tests.create_person('Hana') as hana;
create temporary table home on commit drop as
select name, tests.create_property(hana) as id from person, unnest(array['A', 'B', 'C']) as name;
update public.property_addresses a set latitude = -52, longitude = -150 from home where property_id = id;
update public.properties p
set
    title = name, time_zone = 'UTC', currency = 'EUR', weekend_price = null, max_guests = 4, property_type = 'house',
    room_type = case name when 'C' then 'private_room' else 'entire_home' end::public.room_type,
    booking_mode = case name when 'A' then 'instant' else 'request' end::public.booking_mode,
    cancellation_policy_id = case name when 'A' then 'firm' else 'flexible' end,
    base_price = case name when 'A' then 10000 when 'B' then 20000 else 30000 end
from home where home.id = p.id;
delete from public.property_amenities where property_id in (select id from home);
insert into public.property_amenities (property_id, amenity_id) select id, 'wifi' from home;
insert into public.property_amenities (property_id, amenity_id) select id, 'pool' from home where name = 'B';
insert into public.property_fees (property_id, kind, name, charge, currency, amount) select id, 'cleaning', 'Cleaning', 'per_booking', 'EUR', 5000 from home where name = 'A';
create function pg_temp.facets(p_dates boolean default false, p_currency text default null, p_amenities text[] default null) returns jsonb
language sql as $$
    select to_jsonb(f)
    from public.search_facets(
        p_west => -151, p_south => -53, p_east => -149, p_north => -51, p_currency => p_currency, p_amenities => p_amenities,
        p_check_in => case when p_dates then (current_date + 100)::text end, p_check_out => case when p_dates then (current_date + 102)::text end
    ) f
$$;
grant execute on function pg_temp.facets(boolean, text, text[]) to anon;

select is(pg_temp.facets() -> 'room_types', '{"entire_home": 2, "private_room": 1}', 'G01 properties are counted by room type');
select is(pg_temp.facets() -> 'property_types', '{"house": 3}', 'G02 properties are counted by property type');
select is(pg_temp.facets() -> 'booking_modes', '{"instant": 1, "request": 2}', 'G03 properties are counted by booking mode');
select is(pg_temp.facets() -> 'cancellation_policies', '{"firm": 1, "flexible": 2}', 'G04 properties are counted by cancellation policy');
select is(pg_temp.facets() -> 'amenities', '{"wifi": 3, "pool": 1}', 'G05 properties are counted by amenity');
select is(
    pg_temp.facets(p_amenities => '{pool}') - array['prices', 'is_estimate', 'property_types'],
    '{"count": 1, "room_types": {"entire_home": 1}, "booking_modes": {"request": 1}, "cancellation_policies": {"flexible": 1}, "amenities": {"wifi": 1, "pool": 1}}',
    'G06 counts apply the filters of the search'
);
-- two nights: 250.00 with cleaning, 400.00, 600.00; steps of (60000 - 25000) / 20 + 1 = 1751
select is(
    (select jsonb_agg(p) from jsonb_array_elements(pg_temp.facets(true, 'EUR') -> 'prices') p where p ->> 'count' <> '0'),
    '[{"from": 25000, "until": 26751, "count": 1}, {"from": 39008, "until": 40759, "count": 1}, {"from": 58269, "until": 60020, "count": 1}]',
    'G07 totals with fees are counted in 20 ranges'
);
select private.reserve_nights('00000000-0000-4000-8000-00000000000d', id, current_date + 101, current_date + 103) from home where name = 'A';
select is(pg_temp.facets(true) -> 'booking_modes', '{"request": 2}', 'G08 a property whose nights are taken does not count');
select is(pg_temp.facets() ->> 'prices', null, 'G09 without a currency there are no price ranges');
select tests.act_as('anon');
select is(pg_temp.facets() -> 'count', '3', 'G10 anon can read facets');

select * from finish();
rollback;
