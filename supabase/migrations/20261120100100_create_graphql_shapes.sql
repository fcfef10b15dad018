-- Purpose: search, calendar and quotes in GraphQL. pg_graphql takes no function with arguments of an enum, and none that returns a type
-- of its own; here are the same functions in the shape that it takes, with arguments named as a GraphQL user guesses.
-- Touches: schema graphql_shapes, which config.toml names in api.extra_search_path so that pg_graphql looks there. PostgREST and
-- supabase-js do not: they call the functions in public.
-- Watch: rows of a function must be those of a table or view with a key, so each shape is a view that is empty by itself. Pages
-- of GraphQL go by the key: position keeps the order of the search.

create schema graphql_shapes;
comment on schema graphql_shapes is e'Functions of public in the shape that pg_graphql takes. For GraphQL alone.\n@graphql({"inflect_names": true, "introspection": true, "max_rows": 100})';
grant usage on schema graphql_shapes to anon, authenticated, service_role;

create view graphql_shapes.found_properties with (security_invoker = true) as
select
    null::integer as position, null::uuid as property_id, null::integer as distance, null::text as currency,
    null::bigint as price_per_night, null::bigint as rent, null::bigint as total, null::date as check_in, null::date as check_out,
    null::double precision as rating, null::text as search_cursor
where false;
comment on view graphql_shapes.found_properties is e'Rows of searchProperties; empty by itself.\n@graphql({"primary_key_columns": ["position"], "description": "Rows of searchProperties; empty by itself."})';
comment on column graphql_shapes.found_properties.position is '@graphql({"description": "Place in the order of the search, from 1."})';
comment on column graphql_shapes.found_properties.distance is '@graphql({"description": "Metres from the centre."})';
comment on column graphql_shapes.found_properties.currency is '@graphql({"description": "ISO 4217 code of the prices."})';
comment on column graphql_shapes.found_properties.price_per_night is '@graphql({"description": "Minor units; of the given nights on average, else the base price."})';
comment on column graphql_shapes.found_properties.rent is '@graphql({"description": "The sum of the nights, in minor units."})';
comment on column graphql_shapes.found_properties.total is '@graphql({"description": "What the guest pays for the stay with fees and taxes, in minor units; null without dates."})';
comment on column graphql_shapes.found_properties.check_in is '@graphql({"description": "Of the stay that total is for: with flexible dates, the cheapest that can be booked."})';
comment on column graphql_shapes.found_properties.check_out is '@graphql({"description": "Of the stay that total is for."})';
comment on column graphql_shapes.found_properties.rating is '@graphql({"description": "Average of reviews, 1 to 5; null before the first."})';
comment on column graphql_shapes.found_properties.search_cursor is '@graphql({"description": "Give it as searchAfter to go on after this row."})';
grant select on graphql_shapes.found_properties to anon, authenticated, service_role;

create function graphql_shapes.property(graphql_shapes.found_properties) returns public.properties
language sql stable
set search_path = ''
as $$
    select p from public.properties p where p.id = $1.property_id
$$;
grant execute on function graphql_shapes.property(graphql_shapes.found_properties) to anon, authenticated, service_role;
comment on function graphql_shapes.property(graphql_shapes.found_properties) is
    '@graphql({"description": "The place that was found."})';

create function graphql_shapes.search_found_properties(
    west double precision default null, south double precision default null,
    east double precision default null, north double precision default null,
    latitude double precision default null, longitude double precision default null, radius double precision default null,
    check_in text default null, check_out text default null,
    adults integer default 1, children integer default 0, infants integer default 0, pets integer default 0,
    currency text default null, min_price bigint default null, max_price bigint default null,
    amenities text[] default null, property_types text[] default null, room_types text[] default null,
    booking_mode text default null, cancellation_policies text[] default null,
    bedrooms integer default null, beds integer default null, bathrooms real default null,
    sort text default null, search_after text default null, place text default null, text text default null,
    flexible_days integer default null, month text default null, nights integer default null, weekend boolean default false
) returns setof graphql_shapes.found_properties
language sql stable rows 20
set search_path = ''
as $$
    select s.ordinality::integer, s.property_id, s.distance, s.currency, s.price_per_night, s.rent, s.total,
        s.check_in, s.check_out, s.rating, s.cursor
    from public.search_properties(
        west, south, east, north, latitude, longitude, radius, check_in, check_out, adults, children, infants, pets, currency,
        min_price, max_price, amenities, property_types::public.property_type[], room_types::public.room_type[],
        booking_mode::public.booking_mode, cancellation_policies, bedrooms, beds, bathrooms, sort, search_after, 50,
        place, text, flexible_days, month, nights, weekend
    ) with ordinality as s
$$;
grant execute on function graphql_shapes.search_found_properties to anon, authenticated, service_role;
comment on function graphql_shapes.search_found_properties is '@graphql({"name": "searchProperties", "description": "Published places in a box, around a point or of a place (neighbourhood, city, region or country code, or several with commas) that the party can book from checkIn to checkOut (YYYY-MM-DD; both or none), the first 50. text: words of title, place and description. Flexible dates: flexibleDays before or after; or month (YYYY-MM) with nights or weekend (Friday to Sunday). sort: price, distance, rating or recommended. More: searchCursor of the last row as searchAfter."})';

create view graphql_shapes.calendar_days with (security_invoker = true) as
select
    null::date as day, null::boolean as free, null::text as reason, null::bigint as price, null::text as currency,
    null::smallint as min_nights, null::smallint as max_nights, null::boolean as arrival_allowed,
    null::boolean as departure_allowed
where false;
comment on view graphql_shapes.calendar_days is e'Rows of propertyCalendar; empty by itself.\n@graphql({"primary_key_columns": ["day"], "max_rows": 400, "description": "Rows of propertyCalendar; empty by itself."})';
comment on column graphql_shapes.calendar_days.free is '@graphql({"description": "Whether the night can be slept."})';
comment on column graphql_shapes.calendar_days.reason is '@graphql({"description": "past, advance_notice or unavailable; null where it is free."})';
comment on column graphql_shapes.calendar_days.price is '@graphql({"description": "Of the night, in minor units, before discounts."})';
comment on column graphql_shapes.calendar_days.min_nights is '@graphql({"description": "Of stays that begin on the day."})';
comment on column graphql_shapes.calendar_days.max_nights is '@graphql({"description": "Of stays that begin on the day."})';
comment on column graphql_shapes.calendar_days.arrival_allowed is '@graphql({"description": "Whether a stay may begin on it."})';
comment on column graphql_shapes.calendar_days.departure_allowed is '@graphql({"description": "Whether a stay may end on it."})';
grant select on graphql_shapes.calendar_days to anon, authenticated, service_role;

create function graphql_shapes.list_calendar_days(property_id uuid, from_day text, to_day text)
returns setof graphql_shapes.calendar_days
language sql stable rows 60
set search_path = ''
as $$
    select * from public.property_calendar(property_id, from_day, to_day)
$$;
grant execute on function graphql_shapes.list_calendar_days to anon, authenticated, service_role;
comment on function graphql_shapes.list_calendar_days is
    '@graphql({"name": "propertyCalendar", "description": "The days from fromDay to before toDay (YYYY-MM-DD, at most 400)."})';

create view graphql_shapes.stay_quotes with (security_invoker = true) as
select
    q.id, q.expires_at, q.property_id, q.check_in, q.check_out, q.nights, q.adults, q.children, q.infants, q.pets, q.booking_mode,
    q.currency, to_jsonb(q.lines) as lines, q.rent, q.discount, q.fees, q.taxes, q.guest_platform_fee, q.guest_total,
    q.host_platform_fee, q.host_total, q.time_zone, q.check_in_at, q.check_out_at, q.cancellation_policy_id,
    q.cancellation_policy_name, q.cancellation_steps, to_jsonb(q.cancellation_terms) as cancellation_terms, q.house_rules_version
from (select (null::public.quote).*) as q
where false;
comment on view graphql_shapes.stay_quotes is e'What quoteStay answers; empty by itself.\n@graphql({"primary_key_columns": ["id"], "description": "What quoteStay answers; empty by itself."})';
grant select on graphql_shapes.stay_quotes to anon, authenticated, service_role;

-- The view's columns mean what those of the quote do.
do $$
declare
    v_column record;
begin
    for v_column in
        select a.attname, col_description(q.attrelid, q.attnum) as words
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_attribute q on q.attrelid = 'public.quote'::regclass and q.attname = a.attname
        where a.attrelid = 'graphql_shapes.stay_quotes'::regclass and col_description(q.attrelid, q.attnum) is not null
    loop
        execute format(
            'comment on column graphql_shapes.stay_quotes.%I is %L', v_column.attname,
            format('@graphql(%s)', jsonb_build_object('description', v_column.words))
        );
    end loop;
end
$$;

create function graphql_shapes.property(graphql_shapes.stay_quotes) returns public.properties
language sql stable
set search_path = ''
as $$
    select p from public.properties p where p.id = $1.property_id
$$;
grant execute on function graphql_shapes.property(graphql_shapes.stay_quotes) to anon, authenticated, service_role;
comment on function graphql_shapes.property(graphql_shapes.stay_quotes) is '@graphql({"description": "The place."})';

create function graphql_shapes.make_stay_quote(
    property_id uuid, check_in text, check_out text,
    adults integer default 1, children integer default 0, infants integer default 0, pets integer default 0
) returns graphql_shapes.stay_quotes
language sql stable
set search_path = ''
as $$
    select
        q.id, q.expires_at, q.property_id, q.check_in, q.check_out, q.nights, q.adults, q.children, q.infants, q.pets,
        q.booking_mode, q.currency, to_jsonb(q.lines), q.rent, q.discount, q.fees, q.taxes, q.guest_platform_fee, q.guest_total,
        q.host_platform_fee, q.host_total, q.time_zone, q.check_in_at, q.check_out_at, q.cancellation_policy_id,
        q.cancellation_policy_name, q.cancellation_steps, to_jsonb(q.cancellation_terms), q.house_rules_version
    from public.quote_stay(property_id, check_in, check_out, adults, children, infants, pets) q
$$;
grant execute on function graphql_shapes.make_stay_quote
    to anon, authenticated, service_role;
comment on function graphql_shapes.make_stay_quote is
    '@graphql({"name": "quoteStay", "description": "What a stay (days as YYYY-MM-DD) costs guest and host, line by line, and until when it can be given back. Amounts in minor units."})';
