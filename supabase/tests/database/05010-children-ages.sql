-- Fees and taxes that exempt children by age: who sets them, what a stay then costs, where ages are asked for, kept and emptied.
begin;
select plan(58);

update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';
create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    null::uuid as home, null::uuid as plain, null::uuid as stay, null::uuid as proposal;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), plain = tests.create_property(ana);
update private.platform_fees set guest_percent = 0, host_percent = 0;
update public.properties set booking_mode = 'instant', base_price = 10000, max_guests = 6, cancellation_policy_id = 'flexible'
where id in (select unnest(array[home, plain]) from world);
create function pg_temp.day(p_ahead integer) returns text language sql as $$ select (current_date + p_ahead)::text $$;
create function pg_temp.codes(p_sql text) returns text language plpgsql as $$
declare v_detail text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return coalesce((select string_agg(d ->> 'code', ' ') from jsonb_array_elements(nullif(v_detail, '')::jsonb) d), sqlstate);
end $$;
create function pg_temp.lines(p_ages integer[], p_children integer default null) returns text language sql as $$
    select string_agg(concat_ws(' ', l.description, l.quantity, l.amount), '; ')
    from world, public.quote_stay(home, pg_temp.day(40), pg_temp.day(50), 2, coalesce(p_children, cardinality(p_ages)), 0, 0, p_ages) q, unnest(q.lines) l
    where l.kind in ('fee', 'tax')
$$;
grant execute on function pg_temp.day(integer), pg_temp.codes(text), pg_temp.lines(integer[], integer) to anon, authenticated;

-- who sets it, and on what
select tests.act_as('anon');
select is(pg_temp.codes('insert into public.property_taxes (property_id, name, charge, amount, exempt_under_age) select home, ''x'', ''per_guest'', 1, 12 from world'), '42501', 'CA01 no one sets a tax signed out');
select tests.act_as('authenticated', eva) from world;
select is(
    pg_temp.codes('insert into public.property_taxes (property_id, name, charge, currency, amount, exempt_under_age) select home, ''x'', ''per_guest'', ''EUR'', 1, 12 from world'),
    pg_temp.codes('insert into public.property_taxes (property_id, name, charge, currency, amount) select home, ''x'', ''per_guest'', ''EUR'', 1 from world'),
    'CA02 a stranger gets the same error with an exemption as without'
);
select is_empty('update public.property_fees set exempt_under_age = 12 returning id', 'CA03 a stranger changes no fee');
select tests.act_as('authenticated', ana) from world;
insert into public.property_taxes (property_id, name, charge, amount, max_nights, exempt_under_age)
select home, 'City tax', 'per_guest_night', 200, 7, 13 from world;
select is(
    pg_temp.codes(format('insert into public.property_taxes (property_id, name, charge, amount, exempt_under_age) select home, ''x'', ''per_guest'', 1, %s from world', a)),
    'exempt_under_age_range', 'CA04 there is no exemption under ' || a
) from unnest(array[2, 19, 0]) a;
select is(
    pg_temp.codes(format('insert into public.property_taxes (property_id, name, charge, percent, applies_to, amount, exempt_under_age) select home, ''x'', %L, %s, 12 from world', c, v)),
    'exemption_is_by_guest', 'CA07 what is charged ' || c || ' exempts no child'
) from (values ('per_booking', 'null, null, 1'), ('per_night', 'null, null, 1'), ('percent', '5, ''rent'', null')) x (c, v);
select is(
    pg_temp.codes('insert into public.property_fees (property_id, kind, name, charge, amount, exempt_under_age) select home, ''pet'', ''x'', ''per_guest'', 1, 12 from world'),
    'exemption_is_by_guest', 'CA10 a pet fee has no children'
);

-- 2 adults and children of 4, 12 and 13 for 10 nights, 7 of which are taxed: the tax is of 3 guests x 7 nights x 2.00 = 42.00
select is(pg_temp.lines('{13,4,12}'), 'City tax 21 4200', 'CA11 a child of the age pays, younger ones do not');
select is(pg_temp.lines('{13,17,15}'), 'City tax 35 7000', 'CA12 older children pay like adults');
select is(pg_temp.lines('{}'), 'City tax 14 2800', 'CA13 a party without children needs no ages');
select is((select (q).children_ages from (select public.quote_stay(home, pg_temp.day(40), pg_temp.day(50), 2, 3, 0, 0, '{13,4,12}') as q from world) x), '{4,12,13}', 'CA14 the quote has the ages, lowest first');
select is(
    (select count(distinct (public.quote_stay(home, pg_temp.day(40), pg_temp.day(50), 2, 2, 0, 0, x.ages)).terms_hash)
     from world, (values ('{4,12}'::integer[]), ('{12,4}'), ('{4,11}')) x (ages)),
    2::bigint, 'CA15 other ages are another offer, another order of them is not'
);
-- an exemption up to 18, which needs no ages, and one by a fee
insert into public.property_taxes (property_id, name, charge, amount, is_inclusive, exempt_under_age) select plain, 'For adults', 'per_guest', 500, false, 18 from world;
select is(
    (select string_agg(concat_ws(' ', l.description, l.quantity, l.amount), '; ')
     from world, public.quote_stay(plain, pg_temp.day(40), pg_temp.day(50), 2, 3) q, unnest(q.lines) l where l.kind = 'tax'),
    'For adults 2 1000', 'CA16 where all children are exempt, no one asks for ages'
);
insert into public.property_fees (property_id, kind, name, charge, amount, exempt_under_age) select home, 'linen', 'Bed linen', 'per_guest', 1500, 3 from world;
select is(pg_temp.lines('{2,4}'), 'Bed linen 3 4500; City tax 14 2800', 'CA17 a fee exempts by its own age');

-- what is missing is named
create function pg_temp.refused(p_children integer, p_ages text, out code text, out details jsonb) language plpgsql as $$
declare v_detail text;
begin
    perform public.quote_stay(home, pg_temp.day(40), pg_temp.day(50), 2, p_children, 0, 0, p_ages::integer[]) from world;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    code := v_detail::jsonb -> 0 ->> 'code';
    details := v_detail::jsonb -> 0;
end $$;
select is(
    (select details - array['code', 'hint'] from pg_temp.refused(2, null)),
    '{"field": "children_ages", "children": 2, "charges": "Bed linen, City tax", "message": "The ages of the children at check-in are needed for \"Bed linen, City tax\"."}',
    'CA18 a quote without ages names the fees and taxes that need them'
);
select is((select code from pg_temp.refused(x.children, x.ages)), 'children_ages_invalid', 'CA19 wrong ages are refused: ' || x.name)
from (values
    (2, '{4}', 'too few'), (1, '{4,5}', 'too many'), (0, '{4}', 'of no child'), (1, '{1}', 'an infant'), (1, '{18}', 'an adult'), (1, '{NULL}', 'unknown'),
    (2, '{}', 'none'), (2, '{{4,5}}', 'a table'), (1, '{99999}', 'large')
) x (children, ages, name);
select is(
    pg_temp.codes('select public.quote_stay(home, pg_temp.day(40), pg_temp.day(50), 2, 9, 0, 0, ''{4}'') from world'), 'too_many_guests',
    'CA28 the size of the party is reported first, as it is for other totals'
);
select is(
    (select jsonb_path_query_array(public.bookability(home, pg_temp.day(40), pg_temp.day(50), 2, x.children, 0, 0, x.ages::integer[]), '$[*].code')::text from world),
    x.codes, 'CA29 bookability agrees with the quote: ' || x.name
)
from (values
    (2, null, '["children_ages_needed"]', 'no ages'), (2, '{4}', '["children_ages_invalid"]', 'too few'), (2, '{4,5}', '[]', 'ages'), (0, null, '[]', 'no children')
) x (children, ages, codes, name);
select is(
    (select public.bookability(plain, pg_temp.day(40), pg_temp.day(50), 2, 2) from world), '[]', 'CA33 nothing is missing where nothing asks for ages'
);

-- booking
select tests.act_as('authenticated', ben) from world;
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out, adults, children) select home, pg_temp.day(40)::date, pg_temp.day(50)::date, 2, 2 from world'),
    'children_ages_needed', 'CA34 a booking needs what its quote needs'
);
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out, adults, children, children_ages) select home, pg_temp.day(40)::date, pg_temp.day(50)::date, 2, 2, ''{4,40}'' from world'),
    'children_ages_invalid', 'CA35 wrong ages are refused'
);
create temporary table booked as
with b as (
    insert into public.bookings (property_id, check_in, check_out, adults, children, children_ages, idempotency_key)
    select home, pg_temp.day(40)::date, pg_temp.day(50)::date, 2, 2, '{12,4}', 'ages' from world
    returning id, adults, children, children_ages, guest_total
)
select * from b;
select results_eq(
    'select adults, children, children_ages, guest_total from booked',
    -- 10 nights of 100.00, linen for 4 of 15.00, tax of 2 guests for 7 nights of 2.00
    $$select 2::smallint, 2::smallint, '{4,12}'::smallint[], 100000 + 6000 + 2800::bigint$$, 'CA36 the booking has the ages and the price of its quote'
);
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out, adults, children, children_ages, idempotency_key) select home, pg_temp.day(40)::date, pg_temp.day(50)::date, 2, 2, ''{12,5}'', ''ages'' from world'),
    'idempotency_key_reused', 'CA37 other ages are another request'
);
select results_eq(
    $$with b as (
        insert into public.bookings (property_id, check_in, check_out, adults, children, children_ages)
        select plain, pg_temp.day(40)::date, pg_temp.day(50)::date, 2, 1, '{4}' from world returning children, children_ages
    ) select * from b$$,
    'select 1::smallint, null::smallint[]', 'CA38 ages that nothing asks for are not kept'
);
select is((select b -> 'children_ages' from jsonb_array_elements(public.export_my_data() -> 'bookings') b, booked where b ->> 'id' = booked.id::text), '[4, 12]', 'CA39 the export has them');
select tests.act_as('authenticated', ana) from world;
select is((select b.children_ages from public.bookings b, booked where b.id = booked.id), '{4,12}', 'CA40 the host reads them');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.bookings b, booked where b.id = booked.id', 'CA41 a stranger does not');
select tests.act_as('anon');
select throws_ok('select children_ages from public.bookings', '42501', null, 'CA42 no one does signed out');
select tests.act_as('postgres');
select is_empty(
    'select from private.booking_events e, booked where e.booking_id = booked.id and e.after ? ''children_ages''', 'CA43 the log of events, which is kept for ever, does not have them'
);
select throws_ok('update private.bookings b set children_ages = ''{4,5}'' from booked where b.id = booked.id', 'PT409', null, 'CA44 an unpaid booking gets no other ages');
update world set stay = booked.id from booked;
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select private.change_booking_status(stay, 'confirm', null, now()) from world;
select throws_ok('update private.bookings b set children_ages = ''{4}'' from world where b.id = stay', '23514', null, 'CA45 there is an age for each child');

-- alterations
select tests.act_as('authenticated', ben) from world;
select is(pg_temp.codes('update public.bookings b set children_ages = ''{12,4}'' from world where b.id = stay'), 'no_change', 'CA46 the same ages in another order are no change');
select is(pg_temp.codes('update public.bookings b set children = 1 from world where b.id = stay'), 'children_ages_needed', 'CA47 another number of children needs their ages');
select is(pg_temp.codes('update public.bookings b set children = 3, children_ages = ''{4}'' from world where b.id = stay'), 'children_ages_invalid', 'CA48 as many as children');
with u as (update public.bookings b set adults = 3 from world where b.id = stay returning b.open_alteration_id, b.children_ages)
select is((select u.children_ages from u), '{4,12}', 'CA49 the response is the unchanged booking');
select results_eq(
    'select a.adults, a.children_ages, a.difference from public.booking_alterations a, world where a.booking_id = stay and a.answer is null',
    -- one more bed linen and 7 nights of tax
    $$select 3::smallint, '{4,12}'::smallint[], 1500 + 1400::bigint$$, 'CA50 other changes keep the ages'
);
with u as (update public.bookings b set children_ages = '{4,13}' from world where b.id = stay returning b.open_alteration_id)
update world set proposal = u.open_alteration_id from u;
select results_eq(
    'select a.adults, a.children_ages, a.difference from public.booking_alterations a, world where a.id = proposal',
    $$select 2::smallint, '{4,13}'::smallint[], 1400::bigint$$, 'CA51 ages alone can change, at their price'
);
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'select b.children_ages, b.guest_total from world, public.accept_alteration(proposal) b', $$select '{4,13}'::smallint[], 108800 + 1400::bigint$$,
    'CA52 accepted, the booking has them'
);
select tests.act_as('postgres');
select is_empty(
    'select from private.booking_events e, world where e.booking_id = stay and (e.before ? ''children_ages'' or e.after ? ''children_ages'')',
    'CA53 an alteration and a change of status do not log them'
);
select is(
    (select sum(s.what_if_guest_total - s.guest_total)::bigint from world, private.simulate_prices(
        current_date, current_date + 100, array[home], '{"weekly_discount_percent": 0}') s where s.booking_id = stay),
    0::bigint, 'CA54 a simulation that changes nothing prices the ages as they are'
);

-- search: without ages as of 17, with them as the quote
select tests.act_as('anon');
select results_eq(
    format($$select s.total from world, public.properties p, public.search_properties(
        p_latitude => p.public_latitude, p_longitude => p.public_longitude, p_radius => 100, p_check_in => pg_temp.day(60),
        p_check_out => pg_temp.day(70), p_adults => 2, p_children => 2, p_limit => 50, p_children_ages => %L) s
        where p.id = home and s.property_id = home$$, x.ages),
    format('select %s::bigint', 100000 + 6000 + x.tax), 'CA55 search ' || x.name
)
from (values (null, 5600, 'without ages takes the most that it can be'), ('{4,12}', 2800, 'with ages has the total of the quote')) x (ages, tax, name);
select is(
    pg_temp.codes('select public.search_properties(p_west => 0, p_south => 0, p_east => 1, p_north => 1, p_children => 2, p_children_ages => ''{4}'')'),
    'children_ages_invalid', 'CA57 search refuses wrong ages'
);

-- retention
select tests.act_as('postgres');
select tests.sign_in(ben) from world;
create temporary table old as
select
    private.create_booking(
        ben, home, current_date - d, current_date - d + 5, 2, 2, 0, 0, null, null, (current_date - d - 40)::timestamptz, '{4,12}'
    ) as id, d
from world, (values (1300), (100)) x (d);
update public.booking_alterations a set check_out = current_date - 1295 from world where a.id = proposal;
select private.apply_retention();
select results_eq(
    'select b.children, b.children_ages, a.children_ages from private.bookings b join old on old.id = b.id, public.booking_alterations a, world where a.id = proposal order by d desc',
    $$values (2::smallint, null::smallint[], null::smallint[]), (2::smallint, '{4,12}'::smallint[], null)$$, 'CA58 after their time the ages are emptied, and the numbers stay'
);
select * from finish();
rollback;
