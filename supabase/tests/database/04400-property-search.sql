-- property_search: which properties it holds, and that it never differs from its source views.
begin;
select plan(32);

create temporary table person on commit drop as select tests.create_person('Hana') as hana, tests.create_person('Cora') as cora;
create temporary table home on commit drop as
select tests.create_property(hana) as main, tests.create_property(hana) as other, tests.create_property(hana, false) as draft from person;
grant select on person, home to anon, authenticated, service_role;

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

select is_empty('select * from pg_temp.drift()', 'S01 property_search equals its source view');
select isnt_empty('select pg_temp.row_of(main) from home where pg_temp.row_of(main) is not null', 'S02 a published property has a row');
select is_empty('select from home where pg_temp.row_of(draft) is not null', 'S03 a draft has no row');
select is(
    (select count(*)::integer from private.property_search s join public.property_addresses a using (property_id)
     where point(s.x, s.y) <-> private.mercator(a.latitude, a.longitude) < 200),
    0, 'S04 a row has the public point, not the address'
);

update public.properties set base_price = 7700, weekend_price = null, min_nights = 3, max_nights = 10, check_in_weekdays = '{1,6}' where id = (select main from home);
select is(
    (select row_of @> '{"base_price": 7700, "weekend_price": 7700, "min_nights": 3, "max_nights": 10, "check_in_weekdays": 66}' from home, pg_temp.row_of(main)),
    true, 'S05 a row follows a change of the property'
);
insert into public.property_amenities (property_id, amenity_id) select main, unnest(array['wifi', 'dryer']) from home;
select is((select row_of ->> 'amenities' from home, pg_temp.row_of(main)), '9', 'S06 amenities are bits 0 and 3');
delete from public.property_amenities where property_id = (select main from home) and amenity_id = 'wifi';
select is((select row_of ->> 'amenities' from home, pg_temp.row_of(main)), '8', 'S07 a removed amenity clears its bit');
insert into public.property_seasons (property_id, name, starts_on, ends_on, price, min_nights) select main, 'A', '2027-07-01', '2027-09-01', 9900, 2 from home;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, max_nights) select main, 'nights', '2027-07-01', '2027-08-01', 40 from home;
select is(
    (select row_of @> '{"min_nights": 2, "max_nights": 40, "own_price": 9900, "priced_months": 192}' from home, pg_temp.row_of(main)),
    true, 'S08 seasons and rules widen the limits of nights'
);
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select main, '2027-07-10', '2027-07-12', 20000 from home;
select results_eq(
    $$select starts_on, ends_on, price from private.price_spans, home where property_id = main order by 1$$,
    $$values (date '2027-07-01', date '2027-07-10', 9900::bigint), ('2027-07-10', '2027-07-12', 20000), ('2027-07-12', '2027-09-01', 9900)$$,
    'S09 an override splits the season'
);
update public.property_date_overrides set price = 21000, ends_on = '2027-07-11' where property_id = (select main from home);
delete from public.property_availability_rules where property_id = (select main from home);
insert into public.house_rules (property_id, children_allowed) select main, false from home;
select is((select row_of ->> 'children_allowed' from home, pg_temp.row_of(main)), 'false', 'S10 a row follows new house rules');
select is_empty('select * from pg_temp.drift()', 'S11 property_search still equals its source view');
update public.property_seasons set price = price + 100 where property_id = (select main from home);
select is_empty('select * from pg_temp.drift()', 'S12 property_search equals its source view after a season changes');
update public.properties set status = 'paused' where id = (select main from home);
select is_empty('select from home where pg_temp.row_of(main) is not null', 'S13 a paused property has no row');
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select main, '2027-10-10', '2027-10-12', 20000 from home;
select is_empty('select * from pg_temp.drift()', 'S14 a change of a paused property adds no row');
update public.properties set status = 'published' where id = (select main from home);
select is_empty('select * from pg_temp.drift()', 'S15 a property published again has its present data');
update public.property_addresses set latitude = 60, longitude = 179.999 where property_id = (select main from home);
select is_empty('select * from pg_temp.drift()', 'S16 a row follows a change of the address');

-- as a host, with the roles of the API
select tests.act_as('authenticated', hana) from person;
update public.properties set base_price = 8800 where id = (select main from home);
insert into public.property_amenities (property_id, amenity_id) select main, 'pool' from home;
select throws_ok('select from private.property_search', '42501', null, 'S17 API roles cannot read property_search');
select throws_ok('select private.rebuild_property_search()', '42501', null, 'S18 API roles cannot rebuild property_search');
select tests.act_as('postgres');
select is_empty('select * from pg_temp.drift()', 'S19 rows follow changes by hosts');

-- drift and rebuild
alter table public.properties disable trigger _200_refresh_search;
alter table public.property_seasons disable trigger _100_refresh_search_after_delete;
update public.properties set base_price = 1234 where id = (select other from home);
delete from public.property_seasons where property_id = (select other from home);
select isnt_empty('select * from pg_temp.drift()', 'S20 pg_temp.drift finds the difference after a change without triggers');
select is(private.rebuild_property_search(), (select count(*) from private.property_search_source), 'S21 a rebuild returns the number of properties');
select is_empty('select * from pg_temp.drift()', 'S22 a rebuild removes the difference');
alter table public.properties enable trigger _200_refresh_search;
alter table public.property_seasons enable trigger _100_refresh_search_after_delete;

select is(
    (select round((private.mercator(0, 180))[0]::numeric, 2)), 20037508.34, 'S23 mercator gives the width of EPSG:3857'
);
select is(
    (select round((private.mercator(51.5, -0.12))[1]::numeric)), 6710219::numeric, 'S24 mercator gives the EPSG:3857 coordinate of London'
);

select ok(
    cardinality(enum_range(null::public.room_type)) <= 4 and cardinality(enum_range(null::public.booking_mode)) <= 2
    and cardinality(enum_range(null::public.property_type)) <= 28,
    'S25 each type fits into the bits of lacks_mask'
);

insert into public.property_photos (property_id, external_url, alt_text, position)
select other, 'https://example.com/1.jpg', 'Photo 1', 5 from home;
select is((select row_of #>> '{cover_photo,alt_text}' from home, pg_temp.row_of(other)), 'The front door', 'S26 the cover is the first photo');
update public.property_photos set position = 9 - position where property_id = (select other from home);
select is(
    (select row_of -> 'cover_photo' from home, pg_temp.row_of(other)),
    '{"path": null, "external_url": "https://example.com/1.jpg", "alt_text": "Photo 1"}', 'S27 the cover follows the order of photos'
);
delete from public.property_photos where property_id = (select other from home) and alt_text = 'Photo 1';
select is((select row_of #>> '{cover_photo,alt_text}' from home, pg_temp.row_of(other)), 'The front door', 'S28 the cover follows deleted photos');

update public.properties set base_price = 3333, weekend_price = 3000 where id = (select other from home);
select is(
    (select (row_of ->> 'least_night')::numeric from home, pg_temp.row_of(other)), 300000::numeric,
    'S29 without discounts least_night is exact, so that equal prices come in the order of ids'
);
update public.properties set weekly_discount_percent = 10 where id = (select other from home);
select is(
    (select (row_of ->> 'least_night')::numeric from home, pg_temp.row_of(other)), 269948::numeric,
    'S30 with a discount least_night leaves room for rounding'
);
-- what dates decide is computed alone, with discounts too
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select other, '2027-11-10', '2027-11-12', 1500 from home;
insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, min_nights, max_nights)
select other, 'nights', '2027-11-10', '2027-11-12', 1, 90 from home;
select is(
    (select (row_of ->> 'least_night')::numeric from home, pg_temp.row_of(other)), 134948::numeric, 'S31 least_night follows a lower price of dates'
);
select is_empty('select * from pg_temp.drift()', 'S32 property_search equals its source view at the end');

select * from finish();
rollback;
