-- Purpose: the figures of hosts in a form that pg_graphql supports.
-- Touches: graphql_shapes: views host_metrics, paces, refused_stays, simulated_prices, simulated_cancellations; functions that return them; send_lost_search.
-- Watch: as in the file before: each result is a view that is empty, and position keeps the order of the rows.

create view graphql_shapes.host_metrics with (security_invoker = true) as
select null::integer as position, m.* from (select (null::public.host_metrics_period).*) as m where false;
comment on view graphql_shapes.host_metrics is e'A row of hostMetrics. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "max_rows": 400, "description": "The figures of properties for a period, in one currency; amounts in minor units."})';

create view graphql_shapes.paces with (security_invoker = true) as
select null::integer as position, m.* from (select (null::public.pace_of_month).*) as m where false;
comment on view graphql_shapes.paces is e'A row of pace. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "description": "What was on the books for a month at two moments; amounts in minor units."})';

create view graphql_shapes.refused_stays with (security_invoker = true) as
select null::integer as position, m.* from (select (null::public.refused_stays).*) as m where false;
comment on view graphql_shapes.refused_stays is e'A row of lostDemand. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "description": "Stays that a property refused for a reason; amounts in minor units."})';

create view graphql_shapes.simulated_prices with (security_invoker = true) as
select null::integer as position, m.* from (select (null::public.simulated_price).*) as m where false;
comment on view graphql_shapes.simulated_prices is e'A row of simulatePrices. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "max_rows": 400, "description": "A stay as it was priced and as it would have been; amounts in minor units. Rows of totals have no bookingId."})';

create view graphql_shapes.simulated_cancellations with (security_invoker = true) as
select null::integer as position, m.* from (select (null::public.simulated_cancellation).*) as m where false;
comment on view graphql_shapes.simulated_cancellations is e'A row of simulatePolicy. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "max_rows": 400, "description": "A cancellation as it was and as another policy would have decided; amounts in minor units. Rows of totals have no bookingId."})';

-- the columns take their descriptions from the types
do $$
declare
    v_column record;
begin
    for v_column in
        select v.attrelid::regclass as view, v.attname, col_description(t.attrelid, t.attnum) as words
        from (values
            ('graphql_shapes.host_metrics'::regclass, 'public.host_metrics_period'::regclass),
            ('graphql_shapes.paces', 'public.pace_of_month'),
            ('graphql_shapes.refused_stays', 'public.refused_stays'),
            ('graphql_shapes.simulated_prices', 'public.simulated_price'),
            ('graphql_shapes.simulated_cancellations', 'public.simulated_cancellation')
        ) as pairs (view, type)
        join pg_catalog.pg_attribute v on v.attrelid = pairs.view
        join pg_catalog.pg_attribute t on t.attrelid = pairs.type and t.attname = v.attname
        where col_description(t.attrelid, t.attnum) is not null
    loop
        execute format(
            'comment on column %s.%I is %L', v_column.view, v_column.attname,
            format('@graphql(%s)', jsonb_build_object('description', v_column.words))
        );
    end loop;
end
$$;
grant select on
    graphql_shapes.host_metrics, graphql_shapes.paces, graphql_shapes.refused_stays, graphql_shapes.simulated_prices,
    graphql_shapes.simulated_cancellations
    to authenticated, service_role;

create function graphql_shapes.list_host_metrics(
    p_from text, p_until text, p_by text default 'month', p_properties uuid[] default null, p_currency text default null
) returns setof graphql_shapes.host_metrics
language sql stable rows 12
set search_path = ''
as $$
    select row_number() over ()::integer, m.* from public.host_metrics(p_from, p_until, p_by, p_properties, p_currency) m
$$;
grant execute on function graphql_shapes.list_host_metrics to authenticated, service_role;
comment on function graphql_shapes.list_host_metrics is
    '@graphql({"name": "hostMetrics", "description": "Lists the figures of properties from pFrom until the day before pUntil (YYYY-MM-DD) by day, week or month: a row for each period and currency. pProperties: all that the caller hosts, or co-hosts at level full, when left out. With pCurrency, convertedRevenue shows revenue at the newest exchange rate."})';

-- more than one row, because pg_graphql takes a set of one for a single value
create function graphql_shapes.list_pace(
    p_month text, p_as_of timestamptz, p_until timestamptz default null, p_properties uuid[] default null
) returns setof graphql_shapes.paces
language sql stable rows 2
set search_path = ''
as $$
    select row_number() over ()::integer, m.* from public.pace(p_month, p_as_of, coalesce(p_until, now()), p_properties) m
$$;
grant execute on function graphql_shapes.list_pace to authenticated, service_role;
comment on function graphql_shapes.list_pace is
    '@graphql({"name": "pace", "description": "Shows the nights and revenue on the books for pMonth (YYYY-MM) at pAsOf and at pUntil (now, when left out), and the pick-up between them, in each currency."})';

create function graphql_shapes.list_lost_demand(p_from text, p_until text, p_properties uuid[] default null)
returns setof graphql_shapes.refused_stays
language sql stable rows 50
set search_path = ''
as $$
    select row_number() over ()::integer, m.* from public.lost_demand(p_from, p_until, p_properties) m
$$;
grant execute on function graphql_shapes.list_lost_demand to authenticated, service_role;
comment on function graphql_shapes.list_lost_demand is
    '@graphql({"name": "lostDemand", "description": "Lists what guests looked for from pFrom until the day before pUntil and were refused, by property, reason and nights, the most frequent first."})';

create function graphql_shapes.list_simulated_prices(
    p_from text, p_until text, p_properties uuid[] default null,
    p_night_percent numeric default null, p_base_price bigint default null, p_weekend_price bigint default null,
    p_weekly_discount_percent integer default null, p_monthly_discount_percent integer default null,
    p_early_bird_days integer default null, p_early_bird_discount_percent integer default null,
    p_last_minute_days integer default null, p_last_minute_discount_percent integer default null,
    p_extra_guest_price bigint default null, p_extra_guests_after integer default null
) returns setof graphql_shapes.simulated_prices
language sql stable rows 100
set search_path = ''
as $$
    select row_number() over ()::integer, m.* from public.simulate_prices(
        p_from, p_until, p_properties, p_night_percent, p_base_price, p_weekend_price, p_weekly_discount_percent,
        p_monthly_discount_percent, p_early_bird_days, p_early_bird_discount_percent, p_last_minute_days, p_last_minute_discount_percent,
        p_extra_guest_price, p_extra_guests_after
    ) m
$$;
grant execute on function graphql_shapes.list_simulated_prices to authenticated, service_role;
comment on function graphql_shapes.list_simulated_prices is
    '@graphql({"name": "simulatePrices", "description": "Prices the paid stays with a check-in from pFrom until the day before pUntil again, under other prices and discounts, and lists each with the difference, then totals by currency."})';

create function graphql_shapes.list_simulated_cancellations(
    p_cancellation_policy_id text, p_from text, p_until text, p_properties uuid[] default null
) returns setof graphql_shapes.simulated_cancellations
language sql stable rows 100
set search_path = ''
as $$
    select row_number() over ()::integer, m.* from public.simulate_policy(p_cancellation_policy_id, p_from, p_until, p_properties) m
$$;
grant execute on function graphql_shapes.list_simulated_cancellations to authenticated, service_role;
comment on function graphql_shapes.list_simulated_cancellations is
    '@graphql({"name": "simulatePolicy", "description": "Computes the cancellations by guests with a check-in from pFrom until the day before pUntil again, under another policy, and lists each with the difference, then totals by currency."})';

create function graphql_shapes.send_lost_search(
    p_property_id uuid default null,
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types text[] default null, p_room_types text[] default null,
    p_booking_mode text default null, p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_sort text default null, p_area text default null, p_text text default null, p_units integer default 1
) returns integer
language sql
set search_path = ''
as $$
    select public.report_lost_search(
        p_property_id, p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out,
        p_adults, p_children, p_infants, p_pets, p_currency, p_min_price, p_max_price, p_amenities,
        p_property_types::public.property_type[], p_room_types::public.room_type[], p_booking_mode::public.booking_mode,
        p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, p_sort, p_area => p_area, p_text => p_text, p_units => p_units
    )
$$;
grant execute on function graphql_shapes.send_lost_search to anon, authenticated, service_role;
comment on function graphql_shapes.send_lost_search is
    '@graphql({"name": "reportLostSearch", "description": "Reports that searchProperties or quoteStay (then with pPropertyId) refused what a guest wanted, with the same arguments. Returns how many properties were counted."})';
