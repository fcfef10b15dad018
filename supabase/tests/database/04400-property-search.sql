-- The projection that search reads: what gets in, what leaves, and that it never differs from what it is made of.
begin;
select plan(31);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Cora') as cora;
create temporary table place on commit drop as
select tests.create_property(hana) as home, tests.create_property(hana) as other, tests.create_property(hana, false) as draft from person;
grant select on person, place to anon, authenticated, service_role;

create function pg_temp.row_of(p_id uuid) returns jsonb
language sql as $$ select to_jsonb(s) from private.property_search s where s.property_id = p_id $$;
create function pg_temp.drift() returns setof text
language sql as $$
    (select t::text from private.property_search t except select s::text from private.property_search_source s)
    union all
    (select s::text from private.property_search_source s except select t::text from private.property_search t)
    union all
    (select t::text from private.price_spans t except select s::text from private.price_spans_source s)
    union all
    (select s::text from private.price_spans_source s except select t::text from private.price_spans t)
$$;

select is_empty('select * from pg_temp.drift()', 'S01 published properties are in it, as they are');
select isnt_empty('select pg_temp.row_of(home) from place where pg_temp.row_of(home) is not null', 'S02 a published one has a row');
select is_empty('select from place where pg_temp.row_of(draft) is not null', 'S03 a draft has none');
select is(
    (select count(*)::integer from private.property_search s join public.property_addresses a using (property_id)
     where point(s.x, s.y) <-> private.mercator(a.latitude, a.longitude) < 200),
    0, 'S04 it knows the public point, not the door'
);

update public.properties set base_price = 7700, weekend_price = null, min_nights = 3, max_nights = 10, check_in_weekdays = '{1,6}' where id = (select home from place);
select is(
    (select row_of @> '{"base_price": 7700, "weekend_price": 7700, "min_nights": 3, "max_nights": 10, "check_in_weekdays": 66}' from place, pg_temp.row_of(home)),
    true, 'S05 a change of the property arrives'
);
insert into public.property_amenities (property_id, amenity_id) select home, unnest(array['wifi', 'dryer']) from place;
select is((select row_of ->> 'amenities' from place, pg_temp.row_of(home)), '9', 'S06 amenities arrive as bits 0 and 3');
delete from public.property_amenities where property_id = (select home from place) and amenity_id = 'wifi';
select is((select row_of ->> 'amenities' from place, pg_temp.row_of(home)), '8', 'S07 and leave');
insert into public.property_seasons (property_id, name, starts_on, ends_on, price, min_nights) select home, 'A', '2027-07-01', '2027-09-01', 9900, 2 from place;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, max_nights) select home, 'nights', '2027-07-01', '2027-08-01', 40 from place;
select is(
    (select row_of @> '{"min_nights": 2, "max_nights": 40, "own_price": 9900, "priced_months": 192}' from place, pg_temp.row_of(home)),
    true, 'S08 seasons and rules widen the bounds'
);
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, '2027-07-10', '2027-07-12', 20000 from place;
select results_eq(
    $$select starts_on, ends_on, price from private.price_spans, place where property_id = home order by 1$$,
    $$values (date '2027-07-01', date '2027-07-10', 9900::bigint), ('2027-07-10', '2027-07-12', 20000), ('2027-07-12', '2027-09-01', 9900)$$,
    'S09 an override cuts the season'
);
update public.property_date_overrides set price = 21000, ends_on = '2027-07-11';
delete from public.property_availability_rules;
insert into public.house_rules (property_id, children_allowed) select home, false from place;
select is((select row_of ->> 'children_allowed' from place, pg_temp.row_of(home)), 'false', 'S10 new house rules arrive');
select is_empty('select * from pg_temp.drift()', 'S11 after all this nothing differs');
update public.property_seasons set property_id = other from place;
select is_empty('select * from pg_temp.drift()', 'S12 nor when a season goes from one to another');
update public.properties set status = 'paused' where id = (select home from place);
select is_empty('select from place where pg_temp.row_of(home) is not null', 'S13 a paused property is not found');
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, '2027-10-10', '2027-10-12', 20000 from place;
select is_empty('select * from pg_temp.drift()', 'S14 while it is paused it may change');
update public.properties set status = 'published' where id = (select home from place);
select is_empty('select * from pg_temp.drift()', 'S15 and comes back as it is then');
update public.property_addresses set latitude = 60, longitude = 179.999 where property_id = (select home from place);
select is_empty('select * from pg_temp.drift()', 'S16 it moves with its address');

-- as a host does it, by the API's roles
select tests.act_as('authenticated', hana) from person;
update public.properties set base_price = 8800 where id = (select home from place);
insert into public.property_amenities (property_id, amenity_id) select home, 'pool' from place;
select throws_ok('select from private.property_search', '42501', null, 'S17 nobody reads it past the functions');
select throws_ok('select private.rebuild_property_search()', '42501', null, 'S18 nor rebuilds it');
select tests.act_as('postgres');
select is_empty('select * from pg_temp.drift()', 'S19 what hosts do arrives as well');

-- drift, and its cure
alter table public.properties disable trigger _200_refresh_search;
alter table public.property_seasons disable trigger _100_refresh_search_after_delete;
update public.properties set base_price = 1234 where id = (select other from place);
delete from public.property_seasons;
select isnt_empty('select * from pg_temp.drift()', 'S20 with triggers off it drifts, and this test sees it');
select is(private.rebuild_property_search(), 2::bigint, 'S21 a rebuild says how many there are');
select is_empty('select * from pg_temp.drift()', 'S22 and cures it');
alter table public.properties enable trigger _200_refresh_search;
alter table public.property_seasons enable trigger _100_refresh_search_after_delete;

select is(
    (select round((private.mercator(0, 180))[0]::numeric, 2)), 20037508.34, 'S23 the map''s square has the size that EPSG:3857 gives it'
);
select is(
    (select round((private.mercator(51.5, -0.12))[1]::numeric)), 6710219::numeric, 'S24 London is where EPSG:3857 has it'
);

select ok(
    cardinality(enum_range(null::public.room_type)) <= 4 and cardinality(enum_range(null::public.booking_mode)) <= 2
    and cardinality(enum_range(null::public.property_type)) <= 28,
    'S25 each kind has a bit of its own'
);

insert into public.property_photos (property_id, external_url, alt_text, position)
select other, 'https://example.com/1.jpg', 'Photo 1', 5 from place;
select is((select row_of #>> '{cover_photo,alt_text}' from place, pg_temp.row_of(other)), 'The front door', 'S26 its cover is the first of its photos');
update public.property_photos set position = 9 - position where property_id = (select other from place);
select is(
    (select row_of -> 'cover_photo' from place, pg_temp.row_of(other)),
    '{"path": null, "external_url": "https://example.com/1.jpg", "alt_text": "Photo 1"}', 'S27 in their order'
);
delete from public.property_photos where alt_text = 'Photo 1';
select is((select row_of #>> '{cover_photo,alt_text}' from place, pg_temp.row_of(other)), 'The front door', 'S28 of those that are left');

update public.properties set base_price = 3333, weekend_price = 3000 where id = (select other from place);
select is(
    (select (row_of ->> 'least_night')::numeric from place, pg_temp.row_of(other)), 300000::numeric,
    'S29 the cheapest night is said exactly, so that equal prices are in the order of ids'
);
update public.properties set weekly_discount_percent = 10 where id = (select other from place);
select is(
    (select (row_of ->> 'least_night')::numeric from place, pg_temp.row_of(other)), 269948::numeric,
    'S30 with a discount it leaves room for what is rounded down'
);
select is_empty('select * from pg_temp.drift()', 'S31 after all this nothing differs');

select * from finish();
rollback;
