-- Search among many properties. Pages hold every property that can be booked, in the order of its total, whether search reads
-- tiles or strips, in large batches or small ones. And the proof that find_properties, the second form of private.price_stay,
-- gives the same total for every kind of price, fee, tax, discount and currency.
begin;
select plan(43);

create temporary table person on commit drop as select tests.create_person('Hana') as hana;
-- 400 properties on 50 km of the South Atlantic, on four tiles of the map
create temporary table home on commit drop as
select n, tests.create_property(hana, false) as id, setseed(0.5) is null as seeded from person, generate_series(1, 400) as n;
create temporary table chance on commit drop as
select p.n, p.id, random() as a, random() as b, random() as c, random() as d, random() as e, random() as f, random() as g
from (select * from home order by n) p;
update public.property_addresses t set latitude = -40.2 + 0.4 * c.a, longitude = -20.3 + 0.6 * c.b from chance c where c.id = t.property_id;
update public.properties p
set
    title = 'Property ' || c.n, time_zone = 'UTC', booking_window_days = 1000, advance_notice_days = 0, advance_notice_cut_off = '24:00',
    max_guests = 1 + c.n % 6, bedrooms = c.n % 4, min_nights = 1 + (c.n % 10 = 0)::integer * 3,
    base_price = 5000 + 100 * floor(c.c ^ 2 * 200), weekend_price = case when c.n % 3 = 0 then 6000 + 100 * floor(c.c ^ 2 * 220) end,
    weekly_discount_percent = c.n % 4 * 5, last_minute_discount_percent = 10 * (c.n % 7 = 0)::integer, last_minute_days = 28,
    extra_guest_price = 900 * (c.n % 5 = 0)::integer, extra_guests_after = 1,
    booking_mode = case when c.n % 3 = 0 then 'instant' else 'request' end::public.booking_mode
from chance c
where c.id = p.id;
update public.properties p set status = 'published' from home where home.id = p.id;
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

-- all pages of a search, as one list
create function pg_temp.found(
    p_arguments text, p_limit integer default 7, p_area text default 'p_west => -20.4, p_south => -40.3, p_east => -19.6, p_north => -39.7'
)
returns table (property_id uuid, total bigint, check_in date, rating double precision, distance integer, rank bigint)
language plpgsql as $$
declare
    v_after text;
    v_row record;
    v_count integer;
    v_rank bigint := 0;
begin
    loop
        v_count := 0;
        for v_row in execute format(
            'select * from public.search_properties(%s, p_limit => %s, p_after => %L, %s)', p_area, p_limit, v_after, p_arguments
        ) loop
            v_count := v_count + 1;
            v_rank := v_rank + 1;
            v_after := v_row.cursor;
            return query select v_row.property_id, v_row.total, v_row.check_in, v_row.rating, v_row.distance, v_rank;
        end loop;
        exit when v_count < p_limit;
    end loop;
end
$$;
-- the same from bookability and the lines of price_stay, property by property
create function pg_temp.asked(p_check_in date, p_nights integer, p_guests integer) returns table (property_id uuid, total bigint)
language sql as $$
    select p.id, (
        select sum(l.amount)::bigint
        from unnest((private.price_stay(
            p, p_check_in, private.night_prices(p, p_check_in, p_check_in + p_nights), p_guests, 0, now()
        )).lines) l
    )
    from public.properties p
    join home on home.id = p.id
    where private.bookability(p.id, p_check_in, p_check_in + p_nights, p_guests) = '[]'
$$;
create function pg_temp.dates(p_ahead integer, p_nights integer, p_guests integer) returns text
language sql as $$
    select format('p_check_in => %L, p_check_out => %L, p_adults => %s', current_date + p_ahead, current_date + p_ahead + p_nights, p_guests)
$$;

create function pg_temp.agrees(p_ahead integer, p_nights integer, p_guests integer, p_limit integer, p_more text default '') returns text
language sql as $$
    select format('%s found, %s missing, %s too many, %s out of order', count(f.rank),
        count(*) filter (where f.rank is null), count(*) filter (where a.property_id is null),
        count(*) filter (where f.rank <> a.rank))
    from (select *, row_number() over (order by total, property_id) as rank from pg_temp.asked(current_date + p_ahead, p_nights, p_guests)) a
    full join pg_temp.found(pg_temp.dates(p_ahead, p_nights, p_guests) || p_more, p_limit) f on f.property_id = a.property_id and f.total = a.total
$$;
create function pg_temp.expected(p_ahead integer, p_nights integer, p_guests integer) returns text
language sql as $$
    select format('%s found, 0 missing, 0 too many, 0 out of order', count(*)) from pg_temp.asked(current_date + p_ahead, p_nights, p_guests)
$$;

select cmp_ok((select count(*) from pg_temp.asked(current_date + 55, 3, 2)), '>', 150::bigint, 'M01 there are enough properties');
select is(pg_temp.agrees(20, 2, 1, 7), pg_temp.expected(20, 2, 1), 'M02 stays before the season are found in the order of totals, with last-minute discounts');
select is(pg_temp.agrees(55, 3, 2, 7), pg_temp.expected(55, 3, 2), 'M03 stays in the season are found in the order of totals');
select is(pg_temp.agrees(98, 5, 4, 20), pg_temp.expected(98, 5, 4), 'M04 stays across its end are found in the order of totals, with extra guests');
select is(pg_temp.agrees(61, 9, 3, 50), pg_temp.expected(61, 9, 3), 'M05 stays of more than a week are found in the order of totals, some nights taxed');
select is(pg_temp.agrees(55, 3, 2, 7, ', p_text => ''river'''), pg_temp.expected(55, 3, 2), 'M06 a search with words, which reads strips, finds them in the order of totals');
select is(
    pg_temp.agrees(55, 3, 2, 50, ', p_amenities => ''{}'', p_room_types => ''{entire_home}'', p_sort => ''price'''),
    pg_temp.expected(55, 3, 2), 'M07 filters that every property passes exclude none'
);
select is(
    (select count(*) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_currency => ''EUR'', p_min_price => 30000, p_max_price => 45000')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2) where total between 30000 and 45000), 'M08 a price range is exact to the minor unit'
);
select results_eq(
    $$select property_id from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_currency => ''EUR'', p_min_price => 30000') order by rank limit 30$$,
    $$select property_id from pg_temp.asked(current_date + 55, 3, 2) where total >= 30000 order by total, property_id limit 30$$,
    'M09 a lowest price excludes cheaper stays'
);
select is(
    (select count(*) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_bedrooms => 2, p_booking_mode => ''instant''')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2) a join public.properties p on p.id = a.property_id where p.bedrooms >= 2 and p.booking_mode = 'instant'),
    'M10 a search filters by bedrooms and booking mode'
);
select is(
    (select count(distinct property_id) from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_sort => ''recommended''')),
    (select count(*) from pg_temp.asked(current_date + 55, 3, 2)), 'M11 the order by recommendation misses no property'
);
select is_empty(
    $$select from (select distance, lag(distance) over (order by rank) as before from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_sort => ''distance''')) d where before > distance$$,
    'M12 the order by distance is correct'
);
select is(
    (select count from public.count_properties(
        p_west => -20.4, p_south => -40.3, p_east => -19.6, p_north => -39.7, p_adults => 5,
        p_check_in => (current_date + 55)::text, p_check_out => (current_date + 58)::text)),
    (select count(*)::integer from pg_temp.asked(current_date + 55, 3, 5)), 'M13 the count is the number of properties found'
);

-- flexible dates: each property on its cheapest dates
create temporary table around on commit drop as
select distinct on (a.property_id) a.property_id, a.total, current_date + 55 + d as check_in
from generate_series(-2, 2) as d, pg_temp.asked(current_date + 55 + d, 3, 2) a
order by a.property_id, a.total, d;
create temporary table flexible on commit drop as
select * from pg_temp.found(pg_temp.dates(55, 3, 2) || ', p_flexible_days => 2', 9);
select is((select count(*) from flexible), (select count(*) from around), 'M14 flexible dates find each property once');
select is_empty(
    'select property_id, total, check_in from flexible except select property_id, total, check_in from around', 'M15 flexible dates find the cheapest dates, and the earliest of equally cheap ones'
);
select is_empty(
    'select from (select total, lag(total) over (order by rank) as before from flexible) f where before > total', 'M16 flexible dates find properties in the order of totals'
);

-- no dates
select results_eq(
    $$select p.base_price from pg_temp.found('p_adults => 1') f join public.properties p on p.id = f.property_id order by f.rank$$,
    $$select p.base_price from public.properties p join home on home.id = p.id order by p.base_price$$, 'M17 a search without dates has the order of base prices'
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
    'M18 a circle finds properties in the order of price'
);

-- a platform fee that guests pay: by tiles, by strips, and for stays of which some nights are taxed
insert into private.platform_fees (valid_from, guest_percent, host_percent) values (now() - interval '1 day', 14.2, 3);
select is(pg_temp.agrees(20, 2, 2, 7), pg_temp.expected(20, 2, 2), 'M19 a platform fee of the guest is part of the total');
select is(pg_temp.agrees(61, 8, 1, 20), pg_temp.expected(61, 8, 1), 'M20 the fee is part of the total of more than a week');
select is(pg_temp.agrees(20, 2, 2, 7, ', p_text => ''river'''), pg_temp.expected(20, 2, 2), 'M21 the fee is part of the total of a search with words');

-- Both forms of the total of a stay. 462 properties in the Indian Ocean cycle through every kind of each component, with cycles of
-- 2, 3, 5, 7, 8 and 11, so that each kind meets every kind of every other component.
delete from private.platform_fees where guest_percent = 14.2;
create temporary table priced on commit drop as
select n, tests.create_property(hana, false) as id, c.code as currency, c.step
from person, generate_series(1, 462) as n
-- steps of 1, 1, 10 and 100 minor units
join public.currencies c on c.code = (array['EUR', 'JPY', 'KWD', 'MGA'])[1 + n / 2 % 4];
update public.property_addresses t set latitude = -40.2 + 0.4 * (p.n % 22) / 22.0, longitude = 80.2 + 0.6 * (p.n % 21) / 21.0
from priced p where p.id = t.property_id;
update public.properties t
set
    time_zone = 'UTC', booking_window_days = 1000, advance_notice_days = 0, advance_notice_cut_off = '24:00', max_guests = 6, max_pets = 3,
    max_nights = 100, currency = p.currency,
    base_price = step * ((array[10037, 1301, 33333])[1 + n % 3] + n * 7),
    weekend_price = case when n % 2 = 0 then step * (12011 + n * 7) end,
    weekly_discount_percent = 17 * (n % 5 = 1)::integer, monthly_discount_percent = 33 * (n % 5 in (2, 1))::integer,
    early_bird_discount_percent = 13 * (n % 5 = 3)::integer, early_bird_days = 90,
    last_minute_discount_percent = 9 * (n % 5 in (4, 3))::integer, last_minute_days = 28,
    extra_guest_price = step * 1009 * (n % 2 = 1)::integer, extra_guests_after = 2
from priced p
where p.id = t.id;
update public.properties t set status = 'published' from priced p where p.id = t.id;
insert into public.property_fees (property_id, kind, name, charge, amount, exempt_under_age)
select p.id, f.kind, f.kind || ' ' || f.charge, f.charge, p.step * f.amount, f.exempt_under_age
from priced p
join (values
    (1, 'cleaning'::public.fee_kind, 'per_booking'::public.charge_kind, 3501, null::smallint), (2, 'other', 'per_night', 203, null),
    (3, 'other', 'per_guest', 777, null), (4, 'other', 'per_guest_night', 111, 12), (5, 'pet', 'per_booking', 1003, null),
    (5, 'pet', 'per_guest', 501, null), (6, 'pet', 'per_night', 99, null), (6, 'pet', 'per_guest_night', 55, null),
    (6, 'cleaning', 'per_booking', 2003, null), (6, 'other', 'per_guest_night', 13, null), (0, 'linen', 'per_guest', 409, 4)
) f (cycle, kind, charge, amount, exempt_under_age) on f.cycle = p.n % 7;
insert into public.property_taxes (
    property_id, name, charge, percent, applies_to, is_inclusive, amount, max_nights, exempt_from_nights, exempt_under_age
)
select
    p.id, t.name, t.charge, t.percent, t.applies_to, t.is_inclusive, p.step * t.amount, t.max_nights, t.exempt_from_nights,
    case
        when t.name like 'of a guest%' then (array[13, 18, 10, 16])[1 + p.n % 5]
        when t.name = 'included, of a guest' then 6
    end
from priced p
join (values
    (1, 'of all', 'percent'::public.charge_kind, 7.5, 'all'::public.tax_base, false, null::bigint, null::smallint, null::smallint),
    (1, 'of rent', 'percent', 3.3333, 'rent', false, null, null, null), (2, 'of fees', 'percent', 21, 'fees', false, null, null, null),
    (3, 'of all, included', 'percent', 19, 'all', true, null, null, null), (3, 'of a stay', 'per_booking', null, null, false, 501, null, null),
    (4, 'of a night', 'per_night', null, null, false, 203, null, null), (5, 'of a guest', 'per_guest', null, null, false, 307, null, null),
    (6, 'of a guest and night', 'per_guest_night', null, null, false, 151, null, null),
    (7, 'of a guest and night, up to 3', 'per_guest_night', null, null, false, 151, 3, null),
    (7, 'of all, up to 4', 'percent', 5.55, 'all', false, null, 4, null), (8, 'of a night, up to 6', 'per_night', null, null, false, 97, 6, null),
    (8, 'of rent, not from 7', 'percent', 6.1, 'rent', false, null, null, 7), (9, 'included, up to 3', 'per_night', null, null, true, 99, 3, null),
    (9, 'of fees', 'percent', 8.875, 'fees', false, null, null, null), (9, 'included, of a guest', 'per_guest', null, null, true, 101, null, null), (10, 'of a guest, not from 28', 'per_guest', null, null, false, 203, null, 28)
) t (cycle, name, charge, percent, applies_to, is_inclusive, amount, max_nights, exempt_from_nights) on t.cycle = p.n % 11;
insert into public.property_seasons (property_id, name, starts_on, ends_on, price)
select id, 'Season', current_date + 32, current_date + 95, step * (9001 + n * 3) from priced where n % 3 < 2;
insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
select id, current_date + 34, current_date + 36, step * (15013 + n) from priced where n % 7 < 3;

-- p_guests: children too
create function pg_temp.stays(p_ahead integer, p_nights integer, p_guests integer, p_pets integer, p_ages integer[] default '{}')
returns table (property_id uuid, total bigint, rank bigint, lines public.quote_line[])
language sql as $$
    select t.id, s.guest_total::bigint, row_number() over (order by s.guest_total * 10 ^ (4 - c.minor_unit), t.id), s.lines
    from priced p
    join public.properties t on t.id = p.id
    join public.currencies c on c.code = t.currency
    cross join private.price_stay(
        t, current_date + p_ahead, private.night_prices(t, current_date + p_ahead, current_date + p_ahead + p_nights), p_guests, p_pets, now(), p_ages
    ) s
$$;
create function pg_temp.same_totals(
    p_ahead integer, p_nights integer, p_guests integer, p_pets integer, p_more text default '', p_ages integer[] default '{}'
) returns text
language sql as $$
    select format('%s totals, %s different, %s out of order', count(*),
        count(*) filter (where f.total is distinct from s.total), count(*) filter (where f.rank is distinct from s.rank))
    from pg_temp.stays(p_ahead, p_nights, p_guests, p_pets, p_ages) s
    full join pg_temp.found(
        pg_temp.dates(p_ahead, p_nights, p_guests - cardinality(p_ages)) || format(', p_pets => %s', p_pets) || p_more, 50,
        'p_west => 80, p_south => -40.3, p_east => 81, p_north => -39.7'
    ) f on f.property_id = s.property_id
$$;

select results_eq(
    $$select distinct l.kind::text from pg_temp.stays(5, 8, 4, 2) s, unnest(s.lines) l where l.kind <> 'host_platform_fee' order by 1$$,
    $$select k::text from unnest(array_remove(array_remove(enum_range(null::public.line_kind), 'host_platform_fee'), 'guest_platform_fee')) k order by 1$$,
    'M22 these stays have lines of every kind'
);
select is(
    (select array_agg(distinct l.description order by l.description)
     from (values (5, 2), (100, 2), (200, 8), (40, 30)) d (ahead, nights)
     cross join pg_temp.stays(d.ahead, d.nights, 1, 0) s
     cross join unnest(s.lines) l
     where l.kind = 'discount'),
    '{"Early-bird discount","Last-minute discount","Monthly discount","Weekly discount"}', 'M23 these stays have discounts of every kind'
);
select is(pg_temp.same_totals(5, 2, 1, 0), '462 totals, 0 different, 0 out of order', 'M24 both forms agree on two nights of one guest, at the last minute');
select is(pg_temp.same_totals(33, 4, 4, 2), '462 totals, 0 different, 0 out of order', 'M25 both forms agree with season, override, extra guests and pets');
select is(pg_temp.same_totals(100, 3, 3, 1), '462 totals, 0 different, 0 out of order', 'M26 both forms agree with early-bird discounts');
select is(pg_temp.same_totals(92, 8, 2, 3), '462 totals, 0 different, 0 out of order', 'M27 both forms agree with weekly discounts and taxes of limited nights');
select is(pg_temp.same_totals(40, 30, 3, 0), '462 totals, 0 different, 0 out of order', 'M28 both forms agree with monthly discounts and exempt nights');
select is(pg_temp.same_totals(33, 4, 4, 2, ', p_text => ''river'''), '462 totals, 0 different, 0 out of order', 'M29 both forms agree with words, which read strips');
insert into private.platform_fees (valid_from, guest_percent, host_percent) values (now() - interval '1 day', 14.2, 3);
select is(pg_temp.same_totals(5, 2, 1, 0), '462 totals, 0 different, 0 out of order', 'M30 both forms agree with a platform fee of the guest, at the last minute');
select is(pg_temp.same_totals(33, 4, 4, 2), '462 totals, 0 different, 0 out of order', 'M31 both forms agree with the fee, season, override, extra guests and pets');
select is(pg_temp.same_totals(100, 3, 3, 1), '462 totals, 0 different, 0 out of order', 'M32 both forms agree with the fee and early-bird discounts');
select is(pg_temp.same_totals(92, 8, 2, 3), '462 totals, 0 different, 0 out of order', 'M33 both forms agree with the fee, weekly discounts and taxes of limited nights');
select is(pg_temp.same_totals(40, 30, 3, 0), '462 totals, 0 different, 0 out of order', 'M34 both forms agree with the fee, monthly discounts and exempt nights');
select is(pg_temp.same_totals(33, 4, 4, 2, ', p_text => ''river'''), '462 totals, 0 different, 0 out of order', 'M35 both forms agree with the fee and words, which read strips');


-- children, whom fees and taxes exempt by age
create function pg_temp.family_totals(p_ahead integer, p_nights integer, p_pets integer, p_ages integer[], p_more text default '') returns text
language sql as $$
    select pg_temp.same_totals(
        p_ahead, p_nights, 1 + cardinality(p_ages), p_pets, format(', p_children => %s, p_children_ages => %L', cardinality(p_ages), p_ages) || p_more,
        p_ages
    )
$$;
select is(
    (select array_agg(distinct (a.total < b.total)) from pg_temp.stays(33, 4, 4, 2, '{3,9,17}') a join pg_temp.stays(33, 4, 4, 2) b using (property_id)),
    '{f,t}', 'M36 some of these stays cost less with children, and none costs more'
);
select is(pg_temp.family_totals(5, 2, 0, '{3}'), '462 totals, 0 different, 0 out of order', 'M37 both forms agree on an adult with a small child');
select is(pg_temp.family_totals(33, 4, 2, '{3,9,17}'), '462 totals, 0 different, 0 out of order', 'M38 both forms agree on children of all ages, with the fee, season, override, extra guests and pets');
select is(pg_temp.family_totals(92, 8, 3, '{17,12,13,2,10}'), '462 totals, 0 different, 0 out of order', 'M39 both forms agree on ages at the limits of the exemptions');
select is(pg_temp.family_totals(40, 30, 0, '{2,2}'), '462 totals, 0 different, 0 out of order', 'M40 both forms agree on small children and exempt nights');
select is(pg_temp.family_totals(33, 4, 2, '{3,9,17}', ', p_text => ''river'''), '462 totals, 0 different, 0 out of order', 'M41 both forms agree on children and words, which read strips');
delete from private.platform_fees where guest_percent = 14.2;
select is(pg_temp.family_totals(92, 8, 3, '{17,12,13,2,10}'), '462 totals, 0 different, 0 out of order', 'M42 both forms agree on children without a platform fee of the guest');
-- without ages: 3 children cost what 3 of 17 cost
select is(
    pg_temp.same_totals(92, 8, 4, 1, ', p_children => 3', '{17,17,17}'), '462 totals, 0 different, 0 out of order',
    'M43 a search without ages prices children as of 17'
);

select * from finish();
rollback;
