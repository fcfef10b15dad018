-- Every order of search over every kind of area, page by page, against a plain query: pages hold each property once, in order, whether
-- search reads tiles, the whole world, circles or properties by their words. And the sample behind counts and facets.
begin;
select plan(49);

-- the properties of the seed have other currencies
update public.properties set status = 'paused' where status = 'published';

create temporary table person on commit drop as select tests.create_person('Hana') as hana;
-- 500 properties: 200 on four tiles of the Southern Indian Ocean, the others on a tile each, all over the world
create temporary table home on commit drop as
select n, tests.create_property(hana, false) as id, setseed(0.3) is null as seeded from person, generate_series(1, 500) as n;
create temporary table chance on commit drop as
select p.n, p.id, random() as a, random() as b, random() as c from (select * from home order by n) p;
update public.property_addresses t set
    latitude = case when c.n <= 200 then -50.2 + 0.5 * c.a else -65 + 130 * c.a end,
    longitude = case when c.n <= 200 then 60.1 + 0.8 * c.b else -180 + 360 * (c.n - 200) / 300.0 end,
    neighbourhood = null, region = 'Southland', country = 'PT',
    city = case when c.n <= 200 then 'Séa City' when c.n % 3 = 0 then 'Far City' else 'Wide City' end
from chance c where c.id = t.property_id;
update public.properties p set
    title = 'Property ' || c.n, time_zone = 'UTC', booking_window_days = 1000, advance_notice_days = 0, advance_notice_cut_off = '24:00',
    max_guests = 1 + c.n % 6, base_price = 5000 + 100 * floor(c.c * 40), weekend_price = null,
    description = 'A quiet house that stands near the old bridge over the river.' || case when c.n % 2 = 0 then ' With an orchard.' else '' end
        || case when c.n % 100 = 3 then ' With a lighthouse.' else '' end
        -- words that none of the first in an order have
        || case when c.c >= 0.5 then ' With gilded doors.' else '' end || case when c.n % 21 <= 10 then ' Worn.' else '' end,
    booking_mode = case when c.n % 3 = 0 then 'instant' else 'request' end::public.booking_mode
from chance c where c.id = p.id;
insert into public.property_amenities (property_id, amenity_id) select id, 'wifi' from home where n % 4 > 0;
insert into public.property_ratings (property_id, review_count, overall) select id, 1, 3 + n % 21 * 0.1 from home where n % 5 > 0;
update public.properties p set status = 'published' from home where home.id = p.id;

-- all pages of a search, as one list
create function pg_temp.pages(p_arguments text, p_limit integer) returns table (property_id uuid, distance integer, rank bigint)
language plpgsql as $$
declare
    v_after text;
    v_row record;
    v_count integer;
    v_rank bigint := 0;
begin
    loop
        v_count := 0;
        for v_row in execute format('select * from public.search_properties(%s, p_limit => %s, p_after => %L)', p_arguments, p_limit, v_after) loop
            v_count := v_count + 1;
            v_rank := v_rank + 1;
            v_after := v_row.cursor;
            return query select v_row.property_id, v_row.distance, v_rank;
        end loop;
        exit when v_count < p_limit;
    end loop;
end
$$;
-- what a search must find, from the tables that hosts write
create temporary view listed as
select
    p.id, p.title, p.base_price, p.public_latitude as latitude, p.public_longitude as longitude, p.city, p.region, p.country, p.description,
    p.max_guests, p.currency, r.overall,
    10 - (coalesce(r.overall::double precision, 4) + case p.booking_mode when 'instant' then 0.5 else 0 end
        + (select count(*) from public.property_amenities a where a.property_id = p.id) * 0.01) as recommendation,
    exists (select from public.property_amenities a where a.property_id = p.id and a.amenity_id = 'wifi') as has_wifi
from public.properties p
left join public.property_ratings r on r.property_id = p.id
where p.status = 'published';

create function pg_temp.compared(p_area text, p_condition text, p_sort text, p_limit integer) returns text
language plpgsql as $$
declare
    v_result text;
begin
    execute format(
        $q$
        select format('%%s missing, %%s too many, %%s twice, %%s out of order',
            count(*) filter (where f.property_id is null), count(*) filter (where a.id is null),
            (select count(*) - count(distinct f.property_id) from pg_temp.pages(%1$L, %2$s) f),
            count(*) filter (where f.rank <> a.rank))
        from (select l.id, row_number() over (order by %3$s, l.id) as rank from listed l where %4$s) a
        full join pg_temp.pages(%1$L, %2$s) f on f.property_id = a.id
        $q$, p_area || format(', p_sort => %L', p_sort), p_limit,
        case p_sort when 'price' then 'l.base_price' when 'rating' then 'l.overall desc nulls last' else 'l.recommendation' end, p_condition
    ) into v_result;
    return v_result;
end
$$;

create temporary table area (name text, arguments text, condition text, page integer) on commit drop;
insert into area values
    ('four tiles', 'p_west => 60, p_south => -50.3, p_east => 61, p_north => -49.6', 'l.latitude between -50.3 and -49.6 and l.longitude between 60 and 61', 7),
    ('four tiles, with a filter', 'p_west => 60, p_south => -50.3, p_east => 61, p_north => -49.6, p_amenities => ''{wifi}'', p_adults => 3', 'l.latitude between -50.3 and -49.6 and l.longitude between 60 and 61 and l.has_wifi and l.max_guests >= 3', 5),
    ('the whole world', 'p_west => -180, p_south => -90, p_east => 180, p_north => 90', 'true', 50),
    ('the whole world, with a filter', 'p_west => -180, p_south => -90, p_east => 180, p_north => 90, p_amenities => ''{wifi}'', p_adults => 4', 'l.has_wifi and l.max_guests >= 4', 9),
    ('half the world, over the 180th meridian', 'p_west => 90, p_south => -90, p_east => -90, p_north => 90', 'l.longitude >= 90 or l.longitude <= -90', 50),
    ('a strip of the world, over the 180th meridian', 'p_west => 150, p_south => -60, p_east => -150, p_north => 60', '(l.longitude >= 150 or l.longitude <= -150) and l.latitude between -60 and 60', 11),
    ('a city by name', 'p_area => ''sea city''', 'l.city = ''Séa City''', 20),
    ('a city all over the world by name', 'p_area => ''Far City, Southland''', 'l.city = ''Far City''', 20),
    ('words that half have', 'p_area => ''Séa City'', p_text => ''orchard''', 'l.city = ''Séa City'' and l.description ~ ''orchard''', 8),
    ('words of expensive properties, in the whole world', 'p_west => -180, p_south => -90, p_east => 180, p_north => 90, p_text => ''gilded doors''', 'l.description ~ ''gilded''', 9),
    ('words of expensive properties, with dates', 'p_west => -180, p_south => -90, p_east => 180, p_north => 90, p_text => ''gilded'', p_check_in => ''2027-03-01'', p_check_out => ''2027-03-04''', 'l.description ~ ''gilded''', 20),
    ('words of the worse half, in an area', 'p_area => ''Southland'', p_text => ''worn''', 'l.description ~ ''Worn''', 20),
    ('words that few have, in the whole world', 'p_west => -180, p_south => -90, p_east => 180, p_north => 90, p_text => ''lighthouse''', 'l.description ~ ''lighthouse''', 2),
    ('words that few have, in a city', 'p_area => ''Séa City'', p_text => ''lighthouse''', 'l.city = ''Séa City'' and l.description ~ ''lighthouse''', 1);
select is(pg_temp.compared(a.arguments, a.condition, s.sort, a.page), '0 missing, 0 too many, 0 twice, 0 out of order',
    format('O%s %s, by %s', to_char(row_number() over (order by a.name, s.sort), 'FM00'), a.name, s.sort))
from area a
cross join (values ('price'), ('rating'), ('recommended')) s (sort)
order by a.name, s.sort;

-- by distance: complete, in order, and right to the metre
create function pg_temp.metres(p_latitude double precision, p_longitude double precision, p_to_latitude double precision, p_to_longitude double precision)
returns double precision language sql as $$
    select 6371000 * 2 * asin(sqrt(sin(radians(p_to_latitude - p_latitude) / 2) ^ 2
        + cos(radians(p_latitude)) * cos(radians(p_to_latitude)) * sin(radians(p_to_longitude - p_longitude) / 2) ^ 2))
$$;
create function pg_temp.compared_by_distance(p_arguments text, p_latitude double precision, p_longitude double precision, p_condition text, p_limit integer) returns text
language plpgsql as $$
declare
    v_result text;
begin
    execute format(
        $q$
        with found as materialized (select * from pg_temp.pages(%1$L, %2$s))
        select format('%%s missing, %%s too many, %%s twice, %%s wrong, %%s out of order',
            count(*) filter (where f.property_id is null), count(*) filter (where a.id is null),
            (select count(*) - count(distinct f.property_id) from found f),
            count(*) filter (where abs(f.distance - a.metres) > 1),
            (select count(*) from (select f.distance, lag(f.distance) over (order by f.rank) as before from found f) d where d.before > d.distance))
        from (select l.id, pg_temp.metres(%3$s, %4$s, l.latitude, l.longitude) as metres from listed l where %5$s) a
        full join found f on f.property_id = a.id
        $q$, p_arguments || ', p_sort => ''distance''', p_limit, p_latitude, p_longitude, p_condition
    ) into v_result;
    return v_result;
end
$$;
select is(
    pg_temp.compared_by_distance('p_latitude => -50, p_longitude => 60.5, p_radius => 25000', -50, 60.5, 'pg_temp.metres(-50, 60.5, l.latitude, l.longitude) <= 25000', 6),
    '0 missing, 0 too many, 0 twice, 0 wrong, 0 out of order', 'O43 a circle of 25 km, by distance'
);
select is(
    pg_temp.compared_by_distance('p_west => -180, p_south => -90, p_east => 180, p_north => 90, p_latitude => 0, p_longitude => 179.9', 0, 179.9, 'true', 30),
    '0 missing, 0 too many, 0 twice, 0 wrong, 0 out of order', 'O44 the whole world, by distance from a point near the 180th meridian'
);
select is(
    pg_temp.compared_by_distance('p_west => 60, p_south => -50.3, p_east => 61, p_north => -49.6, p_latitude => 10, p_longitude => -100', 10, -100, 'l.latitude between -50.3 and -49.6 and l.longitude between 60 and 61', 30),
    '0 missing, 0 too many, 0 twice, 0 wrong, 0 out of order', 'O45 a viewport, by distance from a point far away'
);

-- samples
select results_eq(
    $$select count, is_estimate from public.count_properties(p_area => 'Séa City')$$, 'values (200, false)', 'O46 a count of few is exact'
);
select ok(c.is_estimate and c.count between 400 and 600, 'O47 a count of 500 is an estimate, near it: ' || c.count)
from public.count_properties(p_area => 'Southland') c;
select ok(
    f.is_estimate and (f.booking_modes ->> 'instant')::integer between 110 and 230 and (f.amenities ->> 'wifi')::integer between 300 and 450,
    'O48 so are its facets, near 166 and 375: ' || f.booking_modes::text || f.amenities::text
)
from public.search_facets(p_area => 'Southland') f;
select results_eq(
    $$select count, is_estimate from public.count_properties(p_area => 'Southland', p_text => 'lighthouse')$$, 'values (5, false)', 'O49 a count of rare words is exact'
);

select * from finish();
rollback;
