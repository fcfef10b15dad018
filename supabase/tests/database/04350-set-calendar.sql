-- One call for the calendar: layers, splitting and joining, what stays as it is, faults, rights.
begin;
select plan(43);

create temporary table person on commit drop as
select
    tests.create_person('Hana') as hana, tests.create_person('Sam') as sam, tests.create_person('Cora') as cora,
    tests.create_person('Finn') as finn, tests.create_person('Gita') as gita;
create temporary table ids on commit drop as
select tests.create_property(hana) as home, tests.create_property(hana, false) as draft from person;
grant select on person, ids to anon, authenticated, service_role;
update public.properties set currency = 'EUR', base_price = 10000, min_nights = 2, max_nights = 20, booking_window_days = 1000, preparation_nights_after = 1
where id = (select home from ids);
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from ids, person;
insert into public.co_hosts (property_id, profile_id, level) select home, finn, 'full' from ids, person;

create function pg_temp.prices() returns text language sql security definer as $$
    select string_agg(format('%s/%s %s', to_char(starts_on, 'MM-DD'), to_char(ends_on, 'MM-DD'), price), ', ' order by starts_on)
    from public.property_date_overrides where property_id = (select home from ids)
$$;
create function pg_temp.rules() returns text language sql security definer as $$
    select string_agg(concat_ws(
        ' ', format('%s/%s', to_char(starts_on, 'MM-DD'), to_char(ends_on, 'MM-DD')),
        case kind when 'nights' then format('%s..%s', min_nights, max_nights) when 'closed_to_arrival' then 'A' else 'D' end
    ), ', ' order by kind, starts_on)
    from public.property_availability_rules where property_id = (select home from ids)
$$;
create function pg_temp.blocks() returns text language sql security definer as $$
    select string_agg(concat_ws(' ', format('%s/%s', to_char(check_in, 'MM-DD'), to_char(check_out, 'MM-DD')), nullif(note, '')), ', ' order by check_in)
    from public.host_blocks where property_id = (select home from ids)
$$;
-- every version of every row that the call writes, and the queues of what follows
create function pg_temp.written() returns text language sql security definer as $$
    select md5(string_agg(t, '|' order by t)) from (
        select o.xmin || o.ctid::text || o::text as t from public.property_date_overrides o
        union all select r.xmin || r.ctid::text || r::text from public.property_availability_rules r
        union all select b.xmin || b.ctid::text || b::text from public.host_blocks b
        union all select c.xmin || c.ctid::text || c::text from public.occupancies c
        union all select s.xmin || s.ctid::text from private.property_search s
        union all select p.xmin || p.ctid::text from private.price_spans p
        union all select a.id::text from public.audit_log a
    ) x
$$;
grant execute on all functions in schema pg_temp to authenticated, service_role;

select tests.act_as('authenticated', hana) from person;
select results_eq(
    $$select c.* from ids, public.set_calendar(home, '[
        {"from": "2027-05-03", "until": "2027-05-06", "price": 15000, "min_nights": 3, "max_nights": 7},
        {"from": "2027-05-05", "until": "2027-05-06", "closed": true, "closed_to_arrival": true, "closed_to_departure": true},
        {"from": "2027-05-08", "until": "2027-05-09", "price": 9000}
    ]') c$$,
    $$values
        (date '2027-05-03', true, null::text, 15000::bigint, 'EUR', 3::smallint, 7::smallint, true, true, 1, false),
        ('2027-05-04', true, null, 15000, 'EUR', 3::smallint, 7::smallint, true, true, 1, false),
        ('2027-05-05', false, 'unavailable', 15000, 'EUR', 3::smallint, 7::smallint, false, false, 0, true),
        ('2027-05-08', true, null, 9000, 'EUR', 2::smallint, 20::smallint, true, true, 1, false)$$,
    'SC01 a call sets every layer and answers with its days'
);
select is(
    concat_ws(' | ', pg_temp.prices(), pg_temp.rules(), pg_temp.blocks()),
    '05-03/05-06 15000, 05-08/05-09 9000 | 05-03/05-06 3..7, 05-05/05-06 A, 05-05/05-06 D | 05-05/05-06', 'SC02 and writes the tables that all else reads'
);

-- Splitting and joining
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-04", "until": "2027-05-05", "price": 20000}]') c$$, 'SC03 one night inside a range can be set');
select is(pg_temp.prices(), '05-03/05-04 15000, 05-04/05-05 20000, 05-05/05-06 15000, 05-08/05-09 9000', 'SC04 the range around it is split');
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-04", "until": "2027-05-08", "price": 15000}]') c$$, 'SC05 the same price as that of the neighbours');
select is(pg_temp.prices(), '05-03/05-08 15000, 05-08/05-09 9000', 'SC06 joins them to one range');
select lives_ok(
    $$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-01", "until": "2027-05-31", "price": 1000}, {"from": "2027-05-01", "until": "2027-05-31", "price": null}, {"from": "2027-05-10", "until": "2027-05-12", "price": 7000}]') c$$,
    'SC07 ranges may overlap'
);
select is(pg_temp.prices(), '05-10/05-12 7000', 'SC08 later ranges win, and null clears');
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-04", "until": "2027-05-10", "min_nights": 5}]') c$$, 'SC09 a minimum alone');
select is(pg_temp.rules(), '05-03/05-04 3..7, 05-04/05-06 5..7, 05-06/05-10 5.., 05-05/05-06 A, 05-05/05-06 D', 'SC10 leaves the maximum, the price and what is closed as they are');
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-01", "until": "2027-05-20", "max_nights": null, "closed_to_arrival": null, "closed_to_departure": false}]') c$$, 'SC11 null and false');
select is(pg_temp.rules(), '05-03/05-04 3.., 05-04/05-10 5..', 'SC12 clear maximum, arrivals and departures, and leave the minimum');
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-03", "until": "2027-05-10", "min_nights": null}]') c$$, 'SC13 nothing is left');
select is(pg_temp.rules(), null, 'SC14 of rules without numbers');

-- Ranges that reach beyond the call
insert into public.property_date_overrides (property_id, starts_on, ends_on, price) select home, '2026-12-01', '2027-04-01', 8000 from ids;
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-01-01", "until": "2027-01-02", "price": 30000}]') c$$, 'SC15 one night of a long range');
select is(pg_temp.prices(), '12-01/01-01 8000, 01-01/01-02 30000, 01-02/04-01 8000, 05-10/05-12 7000', 'SC16 keeps both ends of it');

-- Closed nights and what takes nights
select lives_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out, note) select home, '2027-06-01', '2027-06-11', 'Painter' from ids$$, 'SC17 a block with a note'
);
select tests.act_as('postgres');
create temporary table stay on commit drop as
select tests.create_booking(gita, home, '2027-06-14', '2027-06-18') as booking from person, ids;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'a', '2027-06-22', '2027-06-24' from ids;
select private.reserve_nights(gen_random_uuid(), home, '2027-06-27', '2027-06-29', now() - interval '1 second') from ids;
select tests.act_as('authenticated', hana) from person;
select lives_ok(
    $$select c.* from ids, public.set_calendar(home, '[{"from": "2027-06-04", "until": "2027-06-06", "closed": false}, {"from": "2027-06-11", "until": "2027-07-01", "closed": true}]') c$$,
    'SC18 nights that guests have can be closed'
);
select is(
    pg_temp.blocks(), '05-05/05-06, 06-01/06-04 Painter, 06-06/06-11 Painter, 06-11/06-14, 06-18/06-22, 06-24/07-01',
    'SC19 blocks take the free nights alone, an expired hold''s too; opening splits a block, which keeps its note'
);
select is((select count(*)::integer from ids, public.occupancies o where o.property_id = home and o.kind <> 'host_block'), 2, 'SC20 booking and external block stay');
select results_eq(
    $$select c.day, c.free, c.closed from ids, public.set_calendar(home, '[{"from": "2027-06-13", "until": "2027-06-15"}]') c$$,
    $$values (date '2027-06-13', false, true), ('2027-06-14', false, false)$$, 'SC21 the answer tells closed nights from taken ones; a range without values only asks'
);
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-06-11", "until": "2027-07-05", "closed": true}]') c$$, 'SC22 more nights are closed');
select is(pg_temp.blocks(), '05-05/05-06, 06-01/06-04 Painter, 06-06/06-11 Painter, 06-11/06-14, 06-18/06-22, 06-24/07-05', 'SC23 and join the block beside them, if it has no note');
select lives_ok($$select c.* from ids, public.set_calendar(home, '[{"from": "2027-05-01", "until": "2027-07-05", "closed": null}]') c$$, 'SC24 null opens');
select is(pg_temp.blocks(), null, 'SC25 every closed night');

-- The same call twice
create temporary table seen on commit drop as select null::text as before;
grant all on seen to authenticated;
create function pg_temp.busy_call() returns integer language sql as $$
    select count(*)::integer from ids, public.set_calendar(home, (
        select jsonb_agg(jsonb_build_object(
            'from', d::date, 'until', d::date + 1, 'price', 10000 + n % 7 * 100, 'min_nights', 1 + n % 3, 'max_nights', 9,
            'closed', n % 11 = 0, 'closed_to_arrival', n % 5 = 0, 'closed_to_departure', n % 4 = 0
        ))
        from generate_series(date '2027-03-01', '2028-02-28', '1 day') with ordinality as g (d, n)
    )) c
$$;
select is(pg_temp.busy_call(), 365, 'SC26 a year of days');
update seen set before = pg_temp.written();
select is(pg_temp.busy_call(), 365, 'SC27 sent again');
select is(pg_temp.written(), before, 'SC28 writes no row') from seen;

select tests.act_as('postgres');
select is_empty(
    $$(select * from private.price_spans_source except select * from private.price_spans)
      union all (select * from private.price_spans except select * from private.price_spans_source)$$, 'SC40 search has the new prices'
);
select is(
    (select s.min_nights::integer from private.property_search s, ids where s.property_id = home), 1, 'SC41 and the shortest stay'
);
select tests.act_as('authenticated', hana) from person;

-- Faults
create function pg_temp.faults(p_ranges text) returns text language plpgsql as $$
declare
    v_detail text;
begin
    perform from ids, public.set_calendar(home, p_ranges::jsonb);
    return 'none';
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(concat_ws(' ', p ->> 'range', p ->> 'code', p ->> 'field'), ', ' order by o) from jsonb_array_elements(v_detail::jsonb) with ordinality as u (p, o));
end
$$;
select is(
    pg_temp.faults('[
        {"from": "2027-05-03", "until": "2027-05-06", "price": 15000},
        {"from": "2027-05-06", "until": "2027-05-06", "price": -1, "prize": 3},
        {"from": "tomorrow", "price": "100", "min_nights": 0, "max_nights": 1126, "closed": 1},
        7,
        {"from": "2027-02-29", "until": "2027-03-06", "min_nights": 5, "max_nights": 4, "closed_to_arrival": "yes", "closed_to_departure": 0},
        {"from": "2027-03-01", "until": "2027-03-06", "price": 1, "min_nights": 99999, "max_nights": 1.5},
        {"from": "2027-03-01", "until": "2027-03-06", "price": 900000000000}
    ]'),
    '2 calendar_range_not_in_order, 2 calendar_value_invalid price, 2 calendar_value_invalid prize, 3 calendar_value_invalid from, '
    '3 calendar_value_invalid until, 3 calendar_value_invalid price, 3 min_nights_range min_nights, 3 max_nights_range max_nights, '
    '3 calendar_value_invalid closed, 4 calendar_value_invalid from, 4 calendar_value_invalid until, 5 calendar_value_invalid from, '
    '5 nights_are_in_order max_nights, 5 calendar_value_invalid closed_to_arrival, 5 calendar_value_invalid closed_to_departure, '
    '6 price_below_minimum price, 6 calendar_value_invalid min_nights, 6 calendar_value_invalid max_nights, 7 price_above_maximum price',
    'SC29 every fault is named with the number of its range'
);
select is(pg_temp.written(), before, 'SC30 and nothing is written') from seen;
select is(
    array[pg_temp.faults('[]'), pg_temp.faults('{"from": "2027-05-03"}'), pg_temp.faults('null'), pg_temp.faults((select jsonb_agg('{}'::jsonb)::text from generate_series(1, 501)))],
    array_fill('calendar_ranges_invalid'::text, array[4]), 'SC31 a call has a list of 1 to 500 ranges'
);
select is(pg_temp.faults('[{"from": "2027-01-01", "until": "2027-01-02"}, {"from": "2029-09-27", "until": "2029-09-29"}]'), 'calendar_span_too_long', 'SC32 within 1,000 days');
select is(
    pg_temp.faults('[{"from": "2027-08-01", "until": "2027-08-09", "closed": true}, {"from": "2027-08-05", "until": "2027-08-06", "min_nights": 10}]'),
    '2 calendar_nights_not_in_order', 'SC33 a minimum above the maximum that is there is refused'
);

-- another platform's stay over a block
select tests.act_as('postgres');
insert into public.host_blocks (property_id, check_in, check_out, note) select home, '2029-11-01', '2029-11-10', 'Paint' from ids;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'b', '2029-11-05', '2029-11-08' from ids;
select tests.act_as('authenticated', hana) from person;
select lives_ok(
    $$select public.set_calendar(home, '[{"from": "2029-11-01", "until": "2029-11-03", "closed": false}]') from ids$$,
    'SC42 a block that another platform''s stay lies over is opened in part'
);
select is(
    (select string_agg(concat_ws('/', check_in, check_out), ' ' order by check_in) from public.host_blocks where note = 'Paint'),
    '2029-11-03/2029-11-05 2029-11-08/2029-11-10', 'SC43 the rest stays where it may lie'
);

-- Rights
create function pg_temp.try(p_ranges text) returns text language plpgsql as $$
begin
    perform from ids, public.set_calendar(home, p_ranges::jsonb);
    return 'ok';
exception when others then
    return sqlstate;
end
$$;
select tests.act_as('authenticated', cora) from person;
select is(
    array[pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "closed": true, "min_nights": 1}]'), pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "price": 12000}]')],
    array['ok', 'PT403'], 'SC34 co-hosts with calendar rights set everything but prices'
);
select tests.act_as('authenticated', finn) from person;
select is(pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "price": 12000}]'), 'ok', 'SC35 full co-hosts set prices, too');
select tests.act_as('authenticated', sam) from person;
select is(pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "closed": true}]'), 'PT404', 'SC36 strangers set nothing');
select tests.act_as('anon');
select is(pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "closed": true}]'), '42501', 'SC37 and no one does signed out');
select tests.act_as('service_role');
select is(pg_temp.try('[{"from": "2027-09-01", "until": "2027-09-02", "price": 13000}]'), 'ok', 'SC38 services set all');
select throws_ok($$select public.set_calendar(gen_random_uuid(), '[{"from": "2027-09-01", "until": "2027-09-02", "closed": true}]')$$, 'PT404', null, 'SC39 a property that does not exist');

select * from finish();
rollback;
