-- Areas by name, tiles, aliases; prices in several currencies; longitudes around the world.
begin;
select plan(36);

create temporary table person on commit drop as select tests.create_person('Hana') as hana;
create temporary table home on commit drop as
select name, tests.create_property(hana) as id from person, unnest(array['A', 'B', 'C', 'D']) as name;
grant select on person, home to anon, authenticated, service_role;
update public.property_addresses a set
    latitude = -54, longitude = case name when 'A' then 20 when 'B' then 20.5 when 'C' then 21 else 179.9 end,
    neighbourhood = null, city = case name when 'D' then 'Elsewhere' else 'Café Bay' end, region = null, country = 'NO'
from home where home.id = a.property_id;
update public.properties p set
    title = name, time_zone = 'UTC', weekend_price = null, booking_window_days = 1000, advance_notice_days = 0, advance_notice_cut_off = '24:00',
    base_price = 10000
from home where home.id = p.id;

-- the rows that are not merged, added up, against the properties
create function pg_temp.drift() returns setof text language sql as $$
    (select s.names::text || s.tile || ' ' || s.properties from private.search_areas_source s
     except select a.names::text || a.tile || ' ' || sum(a.properties) from private.search_areas a group by a.names, a.tile)
    union all
    (select a.names::text || a.tile || ' ' || sum(a.properties) from private.search_areas a group by a.names, a.tile having sum(a.properties) <> 0
     except select s.names::text || s.tile || ' ' || s.properties from private.search_areas_source s)
    union all
    (select concat_ws(' ', s.tile, s.currency_number, s.properties) from private.search_tiles_source s
     except select concat_ws(' ', t.tile, t.currency_number, sum(t.properties)) from private.search_tiles t group by t.tile, t.currency_number)
    union all
    (select concat_ws(' ', t.tile, t.currency_number, sum(t.properties)) from private.search_tiles t group by t.tile, t.currency_number having sum(t.properties) <> 0
     except select concat_ws(' ', s.tile, s.currency_number, s.properties) from private.search_tiles_source s)
$$;
create function pg_temp.unmerged() returns setof text language sql as $$
    (select s::text from private.search_tiles_source s except select t::text from private.search_tiles t)
    union all
    (select t::text from private.search_tiles t except select s::text from private.search_tiles_source s)
    union all
    (select (s.names, s.tile, s.properties, s.west, s.south, s.east, s.north)::text from private.search_areas_source s
     except select (a.names, a.tile, a.properties, a.west, a.south, a.east, a.north)::text from private.search_areas a)
    union all
    (select (a.names, a.tile, a.properties, a.west, a.south, a.east, a.north)::text from private.search_areas a
     except select (s.names, s.tile, s.properties, s.west, s.south, s.east, s.north)::text from private.search_areas_source s)
$$;
create function pg_temp.found(p_arguments text) returns text language plpgsql as $$
declare
    v_result text;
begin
    execute format('select coalesce(string_agg(s.title, '''' order by s.ordinality), '''') from public.search_properties(%s) with ordinality s', p_arguments)
    into v_result;
    return v_result;
end
$$;
grant execute on function pg_temp.found(text) to anon;
create function pg_temp.sorted(p_text text) returns text language sql as $$ select string_agg(c, '' order by c) from regexp_split_to_table(p_text, '') c $$;
grant execute on function pg_temp.sorted(text) to anon;

select is_empty('select * from pg_temp.drift()', 'A01 areas and tiles add up before they are merged');
select is(pg_temp.sorted(pg_temp.found('p_area => ''cafe bay''')), 'ABC', 'A02 an area is found at once, without accents');
select isnt(private.merge_search_areas(), 0, 'A03 the task merges rows');
select is_empty('select * from pg_temp.unmerged()', 'A04 merged rows equal their source');
select is(private.merge_search_areas(), 0, 'A05 a second run has nothing to do');
select is(pg_temp.sorted(pg_temp.found('p_area => ''Café Bay, NO''')), 'ABC', 'A06 an area is found after merging');

-- a box grows at once, and shrinks when it is merged
update public.property_addresses a set latitude = -30 from home where home.id = a.property_id and name = 'C';
select is(pg_temp.sorted(pg_temp.found('p_area => ''Café Bay''')), 'ABC', 'A07 a property far away is found at once');
select is_empty('select * from pg_temp.drift()', 'A08 areas add up after a property moved');
update public.properties p set status = 'paused' from home where home.id = p.id and name = 'C';
select is(pg_temp.found('p_area => ''Café Bay'', p_sort => ''distance'', p_latitude => -54, p_longitude => 20'), 'AB', 'A09 a paused property is not found');
select isnt(private.merge_search_areas(), 0, 'A10 the task merges again');
select is_empty('select * from pg_temp.unmerged()', 'A11 the box is as small as its properties, and tiles without properties are gone');
select is((select north < (private.mercator(-50, 0))[1] from private.find_area('{cafe bay}')), true, 'A12 the box of the city is small again');
update public.properties p set status = 'published' from home where home.id = p.id and name = 'C';
update public.properties p set max_guests = 30 from home where home.id = p.id and name = 'C';
select is(pg_temp.found('p_area => ''Café Bay'', p_adults => 25'), 'C', 'A13 what a tile can offer grows at once');
select is_empty('select * from pg_temp.drift()', 'A14 areas add up after all this');
update public.properties p set max_guests = 4 from home where home.id = p.id and name = 'C';
select private.merge_search_areas();
select is_empty('select * from pg_temp.unmerged()', 'A15 what a tile can offer shrinks when it is merged');
select private.rebuild_property_search();
select is_empty('select * from pg_temp.unmerged()', 'A16 a rebuild gives the same rows');

-- aliases
insert into private.area_aliases (alias, name) values ('Catherine''s Bay', 'Café Bay'), ('NORWAY', 'no');
select is(pg_temp.sorted(pg_temp.found('p_area => ''catherine''''s bay''')), 'ABC', 'A17 an alias finds the area');
select is(pg_temp.sorted(pg_temp.found('p_area => ''Catherine''''s Bay, Norway''')), 'ABC', 'A18 so do several');
select is(pg_temp.found('p_area => ''Norway'', p_text => ''nothing of this kind'''), '', 'A19 words still count');

-- prices in several currencies: 100.00 EUR, 108.00 USD, 30,000 JPY
create function pg_temp.price(p_name text, p_currency text, p_price bigint) returns void language sql as $$
    update public.properties p set currency = p_currency, base_price = p_price from home where home.id = p.id and name = p_name
$$;
select pg_temp.price('A', 'EUR', 52000), pg_temp.price('B', 'JPY', 3600), pg_temp.price('C', 'USD', 10800);
select is(pg_temp.sorted(pg_temp.found('p_area => ''Café Bay''')), 'ABC', 'A20 without any rate all are found');
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''EUR'', p_max_price => 100000'), 'A', 'A21 without a rate a range of prices finds its own currency only');
insert into public.exchange_rates (from_currency, to_currency, rate, valid_from) values ('EUR', 'JPY', 100, now() - interval '2 days'), ('USD', 'EUR', 0.5, now() - interval '2 days');
insert into public.exchange_rates (from_currency, to_currency, rate, valid_from) values ('EUR', 'JPY', 180, now() - interval '1 day'), ('USD', 'EUR', 0.9, now() - interval '1 day');
-- 3,600 JPY are 20 EUR, 108 USD are 97.20 EUR
select is(pg_temp.found('p_area => ''Café Bay'''), 'BCA', 'A22 JPY 3,600 comes before USD 108 and EUR 520');
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''JPY'''), 'BCA', 'A23 the order is the same in every currency');
select results_eq(
    $$select title, currency, price_per_night, shown_price_per_night, is_approximate from public.search_properties(p_area => 'Café Bay', p_currency => 'EUR')$$,
    $$values ('B', 'JPY', 3600::bigint, 2000::bigint, true), ('C', 'USD', 10800, 9720, true), ('A', 'EUR', 52000, 52000, false)$$,
    'A24 prices are shown in the currency that is asked for, by the newest rate'
);
-- by way of EUR: 1 USD = 0.9 EUR = 162 JPY
select results_eq(
    $$select title, shown_price_per_night from public.search_properties(p_area => 'Café Bay', p_currency => 'JPY')$$,
    $$values ('B', 3600::bigint), ('C', 17496), ('A', 93600)$$, 'A25 a rate by way of a third currency'
);
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''USD'', p_max_price => 10800'), 'BC', 'A26 a highest price compares converted prices');
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''USD'', p_min_price => 10800'), 'CA', 'A27 so does a lowest one');
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''EUR'', p_min_price => 2000, p_max_price => 2000'), 'B', 'A28 and both together, to the minor unit that is shown');
select pg_temp.price('C', 'KWD', 1000);
select is(pg_temp.found('p_area => ''Café Bay'', p_currency => ''EUR'''), 'BAC', 'A29 a currency without a rate comes last');
select results_eq(
    $$select shown_price_per_night, is_approximate from public.search_properties(p_area => 'Café Bay', p_currency => 'EUR') where title = 'C'$$,
    'values (null::bigint, false)', 'A30 and its price is not shown in another'
);
create function pg_temp.pages(p_arguments text) returns text language plpgsql as $$
declare
    v_titles text := '';
    v_after text;
    v_row record;
begin
    for v_page in 1..9 loop
        v_row := null;
        execute format('select title, cursor from public.search_properties(%s, p_limit => 1, p_after => %L)', p_arguments, v_after) into v_row;
        exit when v_row is null;
        v_titles := v_titles || v_row.title;
        v_after := v_row.cursor;
    end loop;
    return v_titles;
end
$$;
select is(
    pg_temp.pages(format('p_area => ''Café Bay'', p_check_in => %L, p_check_out => %L, p_currency => ''USD''', current_date + 50, current_date + 53)),
    'BAC', 'A31 pages of stays in several currencies are complete and in order'
);

-- longitudes as map libraries give them
select is(pg_temp.sorted(pg_temp.found('p_west => 379, p_south => -55, p_east => 380.75, p_north => -53')), 'AB', 'A32 longitudes beyond 180 go on around the world');
select is(pg_temp.found('p_west => 179, p_south => -55, p_east => 181, p_north => -53'), 'D', 'A33 a viewport may cross the 180th meridian this way');
select is(pg_temp.sorted(pg_temp.found('p_west => -200, p_south => -55, p_east => 170, p_north => -53')), 'ABD', 'A34 360 degrees and more are the whole world');
select is(pg_temp.found('p_latitude => -54, p_longitude => -180.1, p_radius => 20000'), 'D', 'A35 so may the middle of a circle');
select throws_ok('select public.search_properties(p_west => ''infinity'', p_south => 0, p_east => 1, p_north => 1)', 'PT400', null, 'A36 an endless longitude is refused');

select * from finish();
rollback;
