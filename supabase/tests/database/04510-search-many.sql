-- Search where there are many places: its pages hold all that can be booked, in the order of what quotes say, however it gets
-- at them: tile by tile, strip by strip, in batches, a few at a time.
begin;
select plan(21);

create temporary table person on commit drop as select tests.create_person('Hana') as hana;
-- 400 places on 50 km of the South Atlantic, on four tiles of the map
create temporary table place on commit drop as
select n, tests.create_property(hana, false) as id, setseed(0.5) is null as seeded from person, generate_series(1, 400) as n;
create temporary table chance on commit drop as
select p.n, p.id, random() as a, random() as b, random() as c, random() as d, random() as e, random() as f, random() as g
from (select * from place order by n) p;
update public.property_addresses t set latitude = -40.2 + 0.4 * c.a, longitude = -20.3 + 0.6 * c.b from chance c where c.id = t.property_id;
update public.properties p
set
    title = 'Place ' || c.n, time_zone = 'UTC', booking_window_days = 1000, advance_notice_days = 0, advance_notice_cut_off = '24:00',
    max_guests = 1 + c.n % 6, bedrooms = c.n % 4, min_nights = 1 + (c.n % 10 = 0)::integer * 3,
    base_price = 5000 + 100 * floor(c.c ^ 2 * 200), weekend_price = case when c.n % 3 = 0 then 6000 + 100 * floor(c.c ^ 2 * 220) end,
    weekly_discount_percent = c.n % 4 * 5, last_minute_discount_percent = 10 * (c.n % 7 = 0)::integer, last_minute_days = 28,
    extra_guest_price = 900 * (c.n % 5 = 0)::integer, extra_guests_after = 1,
    booking_mode = case when c.n % 3 = 0 then 'instant' else 'request' end::public.booking_mode
from chance c
where c.id = p.id;
update public.properties p set status = 'published' from place where place.id = p.id;
insert into public.property_fees (property_id, kind, name, charge, amount)
select id, 'cleaning'::public.fee_kind, 'Cleaning', 'per_booking'::public.charge_kind, 1000 + floor(d * 6000) from chance where n % 2 = 0
union all
select id, 'other', 'Linen', 'per_guest', 777 from chance where n % 9 = 0;
insert into public.property_taxes (property_id, name, charge, percent, applies_to, amount, max_nights)
select id, 'VAT', 'percent'::public.charge_kind, 7.5::numeric, 'all'::public.tax_base, null::bigint, null::smallint from chance where n % 4 = 1
union all
select id, 'City tax', 'per_guest_night', null, null, 200, 7 from chance where n % 4 < 2;
insert into public.property_seasons (property_id, name, starts_on, ends_on, price)
select id, 'Summer', current_date + 40, current_date + 100, 4000 + floor(e * 20000) from chance where n % 3 = 1;
insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
select id, current_date + 62, current_date + 63, 3000 + floor(f * 9000) from chance where n % 8 = 1;
insert into public.host_blocks (property_id, check_in, check_out)
select id, current_date + 50 + floor(g * 20)::integer, current_date + 80 from chance where n % 5 = 2;

-- every page of a search, put together
create function pg_temp.found(p_arguments text, p_limit integer default 7)
returns table (property_id uuid, total bigint, check_in date, rating double precision, distance integer, place bigint)
language plpgsql as $$
declare
    v_after text;
    v_row record;
    v_count integer;
    v_area bigint := 0;
begin
    loop
        v_count := 0;
        for v_row in execute format(
            'select * from public.search_properties(p_west => -20.4, p_south => -40.3, p_east => -19.6, p_north => -39.7, p_limit => %s, p_after => %L, %s)',
            p_limit, v_after, p_arguments
        ) loop
            v_count := v_count + 1;
            v_area := v_area + 1;
            v_after := v_row.cursor;
            return query select v_row.property_id, v_row.total, v_row.check_in, v_row.rating, v_row.distance, v_area;
        end loop;
        exit when v_count < p_limit;
    end loop;
end
$$;
-- the same by asking every place, and every line of its quote
create function pg_temp.asked(p_check_in date, p_nights integer, p_guests integer) returns table (property_id uuid, total bigint)
language sql as $$
    select p.id, (
        select sum(l.amount)::bigint
        from unnest((private.price_stay(
            p, p_check_in, private.night_prices(p, p_check_in, p_check_in + p_nights), p_guests, 0, now()
        )).lines) l
    )
    from public.properties p
    join place on place.id = p.id
    where private.bookability(p.id, p_check_in, p_check_in + p_nights, p_guests) = '[]'
$$;
create function pg_temp.dates(p_ahead integer, p_nights integer, p_guests integer) returns text
language sql as $$
    select format('p_check_in => %L, p_check_out => %L, p_adults => %s', current_date + p_ahead, current_date + p_ahead + p_nights, p_guests)
$$;

create function pg_temp.agrees(p_ahead integer, p_nights integer, p_guests integer, p_limit integer, p_more text default '') returns text
language sql as $$
    select format('%s found, %s missing, %s too many, %s out of order', count(f.place),
        count(*) filter (where f.place is null), count(*) filter (where a.property_id is null),
        count(*) filter (where f.place <> a.place))
    from (select *, row_number() over (order by total, property_id) as place from pg_temp.asked(current_date + p_ahead, p_nights, p_guests)) a
    full join pg_temp.found(pg_temp.dates(p_ahead, p_nights, p_guests) || p_more, p_limit) f on f.property_id = a.property_id and f.total = a.total
$$;
create function pg_temp.expected(p_ahead integer, p_nights integer, p_guests integer) returns text
language sql as $$
    select format('%s found, 0 missing, 0 too many, 0 out of order', count(*)) from pg_temp.asked(current_date + p_ahead, p_nights, p_guests)
$$;

select cmp_ok((select count(*) from pg_temp.asked(current_date + 55, 3, 2)), '>', 150::bigint, 'M01 there is enough to find');
select is(pg_temp.agrees(20, 2, 1, 7), pg_temp.expected(20, 2, 1), 'M02 in the order of totals, before the season, last-minute discounts taken off');
select is(pg_temp.agrees(55, 3, 2, 7), pg_temp.expected(55, 3, 2), 'M03 in it');
select is(pg_temp.agrees(98, 5, 4, 20), pg_temp.expected(98, 5, 4), 'M04 over its end, with extra guests');
select is(pg_temp.agrees(61, 9, 3, 50), pg_temp.expected(61, 9, 3), 'M05 a week and more, some nights of it taxed');
select is(pg_temp.agrees(55, 3, 2, 7, ', p_text => ''river'''), pg_temp.expected(55, 3, 2), 'M06 by words, which goes strip by strip');
select is(
    pg_temp.agrees(55, 3, 2, 50, ', p_amenities => ''{}'', p_room_types => ''{entire_home}'', p_sort => ''price'''),
    pg_temp.expected(55, 3, 2), 'M07 with filters that all pass'
);
select is(
    (select count(*) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_currency => ''EUR'', p_min_price => 30000, p_max_price => 45000')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2) where total between 30000 and 45000), 'M08 a range of prices, to the unit'
);
select results_eq(
    $$select property_id from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_currency => ''EUR'', p_min_price => 30000') order by place limit 30$$,
    $$select property_id from pg_temp.asked(current_date + 55, 3, 2) where total >= 30000 order by total, property_id limit 30$$,
    'M09 from a price on'
);
select is(
    (select count(*) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_bedrooms => 2, p_booking_mode => ''instant''')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2) a join public.properties p on p.id = a.property_id where p.bedrooms >= 2 and p.booking_mode = 'instant'),
    'M10 rooms and ways to book'
);
select is(
    (select count(distinct property_id) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_sort => ''recommended''')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2)), 'M11 none is left out by recommendation'
);
select is_empty(
    $$select from (select distance, lag(distance) over (order by place) as before from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_sort => ''distance''')) d where before > distance$$,
    'M12 nor comes out of order by distance'
);
select is(
    (select count from public.count_properties(
        p_west => -20.4, p_south => -40.3, p_east => -19.6, p_north => -39.7, p_adults => 2,
        p_check_in => (current_date + 55)::text, p_check_out => (current_date + 58)::text)),
    (select count(*)::integer from pg_temp.asked(current_date + 55, 3, 2)), 'M13 the count is the same'
);

-- days around, each place on its cheapest
create temporary table around on commit drop as
select distinct on (a.property_id) a.property_id, a.total, current_date + 55 + d as check_in
from generate_series(-2, 2) as d, pg_temp.asked(current_date + 55 + d, 3, 2) a
order by a.property_id, a.total, d;
create temporary table flexible on commit drop as
select * from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_flexible_days => 2', 9);
select is((select count(*) from flexible), (select count(*) from around), 'M14 flexible dates find each place once');
select is_empty(
    'select property_id, total, check_in from flexible except select property_id, total, check_in from around', 'M15 on its cheapest dates, of these the first'
);
select is_empty(
    'select from (select total, lag(total) over (order by place) as before from flexible) f where before > total', 'M16 in the order of totals'
);

-- no dates
select results_eq(
    $$select p.base_price from pg_temp.found('p_adults => 1') f join public.properties p on p.id = f.property_id order by f.place$$,
    $$select p.base_price from public.properties p join place on place.id = p.id order by p.base_price$$, 'M17 without dates in the order of the base price'
);

-- a circle, by price
select results_eq(
    format(
        $$select property_id from public.search_properties(
            p_latitude => -40, p_longitude => -20, p_radius => 9000.5, p_sort => 'price', p_limit => 50, %s) order by total, property_id$$,
        pg_temp.dates(55, 3, 2)
    ),
    $$select a.property_id
      from pg_temp.asked(current_date + 55, 3, 2) a
      join pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_latitude => -40, p_longitude => -20, p_sort => ''distance''') f
          on f.property_id = a.property_id
      where f.distance <= 9000 -- rounded
      order by a.total, a.property_id$$,
    'M18 a circle has what is in it, by price'
);

-- a fee that guests pay: tile by tile, strip by strip, and where some nights are taxed
insert into private.platform_fees (valid_from, guest_percent, host_percent) values (now() - interval '1 day', 14.2, 3);
select is(pg_temp.agrees(20, 2, 2, 7), pg_temp.expected(20, 2, 2), 'M19 with a fee that guests pay, after discounts');
select is(pg_temp.agrees(61, 8, 1, 20), pg_temp.expected(61, 8, 1), 'M20 with it on a week and more');
select is(pg_temp.agrees(20, 2, 2, 7, ', p_text => ''river'''), pg_temp.expected(20, 2, 2), 'M21 with it by words');

select * from finish();
rollback;
