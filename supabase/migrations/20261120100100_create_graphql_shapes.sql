-- Purpose: functions of public in a form that pg_graphql supports. It supports no arguments of an enum type, and no function that
-- returns a table of its own or a composite type.
-- Touches: schema graphql_shapes, which api.extra_search_path in config.toml adds for pg_graphql; PostgREST does not expose it.
-- Watch: a row must be that of a table or view with a key, so each result is a view that is empty; position keeps the order of a
-- search. A function here has another name than the one it calls: pg_graphql leaves out names that two functions have.

create schema graphql_shapes;
comment on schema graphql_shapes is e'Functions of public in a form that pg_graphql supports. Only GraphQL uses them.\n@graphql({"inflect_names": true, "introspection": true, "max_rows": 100})';
grant usage on schema graphql_shapes to anon, authenticated, service_role;

create view graphql_shapes.found_properties with (security_invoker = true) as
select
    null::integer as position, null::uuid as property_id, null::integer as distance, null::text as currency,
    null::bigint as price_per_night, null::bigint as rent, null::bigint as total, null::date as check_in, null::date as check_out,
    null::double precision as rating, null::text as search_cursor,
    null::bigint as shown_total, null::bigint as shown_price_per_night, null::boolean as is_approximate,
    null::integer as units_left
where false;
comment on view graphql_shapes.found_properties is e'A property found by searchProperties. The view itself is empty.\n@graphql({"primary_key_columns": ["position"], "description": "A property found by searchProperties."})';
comment on column graphql_shapes.found_properties.position is '@graphql({"description": "Position in the order of the search, from 1."})';
comment on column graphql_shapes.found_properties.distance is '@graphql({"description": "Metres from the centre of the search; null in a box that is not sorted by distance."})';
comment on column graphql_shapes.found_properties.currency is '@graphql({"description": "ISO 4217 code of the prices."})';
comment on column graphql_shapes.found_properties.price_per_night is '@graphql({"description": "Price of a night in minor units: the average of the nights searched, without dates the base price."})';
comment on column graphql_shapes.found_properties.rent is '@graphql({"description": "Price of all nights, in minor units; null without dates."})';
comment on column graphql_shapes.found_properties.total is '@graphql({"description": "What the guest pays for the stay with fees and taxes, in minor units; null without dates."})';
comment on column graphql_shapes.found_properties.check_in is '@graphql({"description": "First night of the stay that is priced: with flexible dates, of the cheapest stay that can be booked."})';
comment on column graphql_shapes.found_properties.check_out is '@graphql({"description": "The day after the last night of that stay."})';
comment on column graphql_shapes.found_properties.rating is '@graphql({"description": "Average overall rating, 1 to 5; null without reviews."})';
comment on column graphql_shapes.found_properties.shown_total is '@graphql({"description": "The total in pCurrency, in minor units; null without it, or without an exchange rate. The guest pays total, in currency."})';
comment on column graphql_shapes.found_properties.shown_price_per_night is '@graphql({"description": "The price of a night in pCurrency, in minor units."})';
comment on column graphql_shapes.found_properties.is_approximate is '@graphql({"description": "Whether these prices were converted from another currency."})';
comment on column graphql_shapes.found_properties.units_left is '@graphql({"description": "How many units can be booked for these dates; null without dates."})';
comment on column graphql_shapes.found_properties.search_cursor is '@graphql({"description": "Send it as pAfter to get the properties after this one."})';
grant select on graphql_shapes.found_properties to anon, authenticated, service_role;

create function graphql_shapes.property(graphql_shapes.found_properties) returns public.properties
language sql stable
set search_path = ''
as $$
    select p from public.properties p where p.id = $1.property_id
$$;
grant execute on function graphql_shapes.property(graphql_shapes.found_properties) to anon, authenticated, service_role;
comment on function graphql_shapes.property(graphql_shapes.found_properties) is
    '@graphql({"description": "The property that was found."})';

create function graphql_shapes.search_found_properties(
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types text[] default null, p_room_types text[] default null,
    p_booking_mode text default null, p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_sort text default null, p_after text default null, p_area text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns setof graphql_shapes.found_properties
language sql stable rows 20
set search_path = ''
as $$
    select s.ordinality::integer, s.property_id, s.distance, s.currency, s.price_per_night, s.rent, s.total,
        s.check_in, s.check_out, s.rating, s.cursor, s.shown_total, s.shown_price_per_night, s.is_approximate, s.units_left
    from public.search_properties(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out,
        p_adults, p_children, p_infants, p_pets, p_currency, p_min_price, p_max_price, p_amenities,
        p_property_types::public.property_type[], p_room_types::public.room_type[], p_booking_mode::public.booking_mode, p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, p_sort, p_after, 50,
        p_area, p_text, p_flexible_days, p_month, p_nights, p_weekend, p_children_ages, p_units
    ) with ordinality as s
$$;
grant execute on function graphql_shapes.search_found_properties to anon, authenticated, service_role;
comment on function graphql_shapes.search_found_properties is '@graphql({"name": "searchProperties", "description": "Searches published properties in a box (pWest to pNorth), around a point (pLatitude, pLongitude, pRadius in metres) or in an area (pArea: neighbourhood, city, region or country code, or several with commas) that the party can book from pCheckIn to pCheckOut (YYYY-MM-DD, both or neither). Returns up to 50; for more, send the searchCursor of the last as pAfter. pText: words of title, area and description. Flexible dates: pFlexibleDays before or after the dates, or pMonth (YYYY-MM) with pNights or pWeekend (Friday to Sunday). pSort: price, distance, rating or recommended. pCurrency: a currency to compare and show prices in."})';

create view graphql_shapes.search_facets with (security_invoker = true) as
select
    null::integer as count, null::boolean as is_estimate, null::jsonb as property_types, null::jsonb as room_types,
    null::jsonb as booking_modes, null::jsonb as cancellation_policies, null::jsonb as amenities, null::jsonb as prices
where false;
comment on view graphql_shapes.search_facets is e'Result of searchFacets. The view itself is empty.\n@graphql({"primary_key_columns": ["count"], "description": "How many of the found properties have each value of a filter."})';
comment on column graphql_shapes.search_facets.is_estimate is '@graphql({"description": "Whether the counts are what a random sample stands for, to two digits; false when every property was looked at."})';
comment on column graphql_shapes.search_facets.prices is '@graphql({"description": "A list of { from, until, count }, in minor units of pCurrency; null without one."})';
grant select on graphql_shapes.search_facets to anon, authenticated, service_role;

create function graphql_shapes.count_facets(
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types text[] default null, p_room_types text[] default null,
    p_booking_mode text default null, p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_area text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns setof graphql_shapes.search_facets
language sql stable rows 1
set search_path = ''
as $$
    select * from public.search_facets(
        p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, p_check_in, p_check_out,
        p_adults, p_children, p_infants, p_pets, p_currency, p_min_price, p_max_price, p_amenities,
        p_property_types::public.property_type[], p_room_types::public.room_type[], p_booking_mode::public.booking_mode, p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms,
        p_area, p_text, p_flexible_days, p_month, p_nights, p_weekend, p_children_ages, p_units
    )
$$;
grant execute on function graphql_shapes.count_facets to anon, authenticated, service_role;
comment on function graphql_shapes.count_facets is
    '@graphql({"name": "searchFacets", "description": "Counts the properties that searchProperties finds with the same arguments, in total and for each value of a filter. Where many properties fit, the counts are estimates."})';

create view graphql_shapes.calendar_days with (security_invoker = true) as
select
    null::date as day, null::boolean as free, null::text as reason, null::bigint as price, null::text as currency,
    null::smallint as min_nights, null::smallint as max_nights, null::boolean as arrival_allowed,
    null::boolean as departure_allowed, null::integer as units_left
where false;
comment on view graphql_shapes.calendar_days is e'A day of propertyCalendar. The view itself is empty.\n@graphql({"primary_key_columns": ["day"], "max_rows": 400, "description": "A day of a property''s calendar."})';
comment on column graphql_shapes.calendar_days.free is '@graphql({"description": "Whether the night can be booked."})';
comment on column graphql_shapes.calendar_days.reason is '@graphql({"description": "Why it cannot: past, advance_notice or unavailable; null when it is free."})';
comment on column graphql_shapes.calendar_days.price is '@graphql({"description": "Price of the night in minor units, before discounts."})';
comment on column graphql_shapes.calendar_days.min_nights is '@graphql({"description": "Shortest stay that begins on this day."})';
comment on column graphql_shapes.calendar_days.max_nights is '@graphql({"description": "Longest stay that begins on this day."})';
comment on column graphql_shapes.calendar_days.arrival_allowed is '@graphql({"description": "Whether a stay may begin on this day."})';
comment on column graphql_shapes.calendar_days.units_left is '@graphql({"description": "How many units can be booked for the night, at most 1 where the property has one."})';
comment on column graphql_shapes.calendar_days.departure_allowed is '@graphql({"description": "Whether a stay may end on this day."})';
grant select on graphql_shapes.calendar_days to anon, authenticated, service_role;

create function graphql_shapes.list_calendar_days(p_property_id uuid, p_from text, p_to text)
returns setof graphql_shapes.calendar_days
language sql stable rows 60
set search_path = ''
as $$
    select * from public.property_calendar(p_property_id, p_from, p_to)
$$;
grant execute on function graphql_shapes.list_calendar_days to anon, authenticated, service_role;
comment on function graphql_shapes.list_calendar_days is
    '@graphql({"name": "propertyCalendar", "description": "Lists the days of the calendar of a property from pFrom until the day before pTo (YYYY-MM-DD, at most 400 days)."})';

create view graphql_shapes.stay_quotes with (security_invoker = true) as
select
    q.id, q.expires_at, q.property_id, q.check_in, q.check_out, q.nights, q.adults, q.children, q.children_ages, q.infants, q.pets, q.units, q.booking_mode,
    q.currency, to_jsonb(q.lines) as lines, q.rent, q.discount, q.fees, q.taxes, q.guest_platform_fee, q.guest_total,
    q.host_platform_fee, q.host_total, q.time_zone, q.check_in_at, q.check_out_at, q.cancellation_policy_id,
    q.cancellation_policy_name, q.cancellation_steps, to_jsonb(q.cancellation_terms) as cancellation_terms, q.house_rules_version
from (select (null::public.quote).*) as q
where false;
comment on view graphql_shapes.stay_quotes is e'A quote of quoteStay. The view itself is empty.\n@graphql({"primary_key_columns": ["id"], "description": "The price of a stay and the terms of its booking."})';
grant select on graphql_shapes.stay_quotes to anon, authenticated, service_role;

-- the columns take their descriptions from the type public.quote
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
comment on function graphql_shapes.property(graphql_shapes.stay_quotes) is '@graphql({"description": "The property."})';

create function graphql_shapes.make_stay_quote(
    p_property_id uuid, p_check_in text, p_check_out text,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns graphql_shapes.stay_quotes
language sql stable
set search_path = ''
as $$
    select
        q.id, q.expires_at, q.property_id, q.check_in, q.check_out, q.nights, q.adults, q.children, q.children_ages, q.infants, q.pets, q.units,
        q.booking_mode, q.currency, to_jsonb(q.lines), q.rent, q.discount, q.fees, q.taxes, q.guest_platform_fee, q.guest_total,
        q.host_platform_fee, q.host_total, q.time_zone, q.check_in_at, q.check_out_at, q.cancellation_policy_id,
        q.cancellation_policy_name, q.cancellation_steps, to_jsonb(q.cancellation_terms), q.house_rules_version
    from public.quote_stay(p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_children_ages, p_units) q
$$;
grant execute on function graphql_shapes.make_stay_quote
    to anon, authenticated, service_role;
comment on function graphql_shapes.make_stay_quote is
    '@graphql({"name": "quoteStay", "description": "Prices a stay (dates as YYYY-MM-DD) for guest and host, line by line, with its cancellation terms. Amounts are in minor units."})';

create view graphql_shapes.booking_contacts with (security_invoker = true) as
select
    null::uuid as profile_id, null::public.booking_actor as side, null::text as display_name, null::text as phone, null::text as email
where false;
comment on view graphql_shapes.booking_contacts is e'Phone and e-mail of a party of a booking. The view itself is empty.\n@graphql({"primary_key_columns": ["profile_id"], "description": "Phone and e-mail of a party of a booking."})';
grant select on graphql_shapes.booking_contacts to authenticated;

create function graphql_shapes.contacts(public.bookings) returns setof graphql_shapes.booking_contacts
language sql stable rows 2
set search_path = ''
as $$
    select * from public.booking_contacts($1.id)
$$;
grant execute on function graphql_shapes.contacts to authenticated;
comment on function graphql_shapes.contacts is
    '@graphql({"description": "Phone and e-mail of the other side while the booking is confirmed; empty before and after."})';

create view graphql_shapes.host_responses with (security_invoker = true) as
select null::uuid as host_id, null::integer as response_rate, null::interval as response_time, null::bigint as threads
where false;
comment on view graphql_shapes.host_responses is e'How a host answers. The view itself is empty.\n@graphql({"primary_key_columns": ["host_id"], "description": "How a host answered the inquiries and requests of the last 30 days."})';
comment on column graphql_shapes.host_responses.response_rate is '@graphql({"description": "Percentage answered within 24 hours; null when there were none."})';
comment on column graphql_shapes.host_responses.response_time is '@graphql({"description": "Median time to the first answer, HH:MM:SS."})';
comment on column graphql_shapes.host_responses.threads is '@graphql({"description": "Number of inquiries and requests."})';
grant select on graphql_shapes.host_responses to anon, authenticated, service_role;

create function graphql_shapes.response(public.profiles) returns setof graphql_shapes.host_responses
language sql stable rows 1
set search_path = ''
as $$
    select $1.id, r.response_rate, r.response_time, r.threads from public.host_response($1.id) r
$$;
grant execute on function graphql_shapes.response to anon, authenticated, service_role;
comment on function graphql_shapes.response is '@graphql({"description": "How this person answers as a host."})';

create view graphql_shapes.refund_previews with (security_invoker = true) as
select
    null::uuid as booking_id, p.currency, p.refundable_amount, p.amount, p.borne_by::text as borne_by, p.host_amount, p.platform_amount, p.host_keeps
from (select (null::public.refund_preview).*) as p
where false;
comment on view graphql_shapes.refund_previews is e'Result of previewRefund. The view itself is empty.\n@graphql({"primary_key_columns": ["booking_id"], "description": "What refundBooking would do, in minor units."})';
comment on column graphql_shapes.refund_previews.refundable_amount is '@graphql({"description": "The most that the caller can refund."})';
comment on column graphql_shapes.refund_previews.host_amount is '@graphql({"description": "What the host loses by it."})';
comment on column graphql_shapes.refund_previews.platform_amount is '@graphql({"description": "What the platform loses by it."})';
comment on column graphql_shapes.refund_previews.host_keeps is '@graphql({"description": "What the host has of the booking afterwards."})';
grant select on graphql_shapes.refund_previews to authenticated, service_role;

create function graphql_shapes.plan_refund(p_booking_id uuid, p_amount bigint, p_borne_by text default 'host')
returns setof graphql_shapes.refund_previews
language sql stable rows 1
set search_path = ''
as $$
    select p_booking_id, p.currency, p.refundable_amount, p.amount, p.borne_by::text, p.host_amount, p.platform_amount, p.host_keeps
    from public.preview_refund(p_booking_id, p_amount, p_borne_by::public.refund_bearer) p
$$;
grant execute on function graphql_shapes.plan_refund to authenticated, service_role;
comment on function graphql_shapes.plan_refund is
    '@graphql({"name": "previewRefund", "description": "Returns what refundBooking would do for the caller now (pBorneBy host or platform), to the minor unit. Changes nothing."})';

create function graphql_shapes.give_refund(p_booking_id uuid, p_amount bigint, p_reason text, p_borne_by text default 'host')
returns setof public.refunds
language sql
set search_path = ''
as $$
    select * from public.refund_booking(p_booking_id, p_amount, p_reason, p_borne_by::public.refund_bearer)
$$;
grant execute on function graphql_shapes.give_refund to authenticated, service_role;
comment on function graphql_shapes.give_refund is
    '@graphql({"name": "refundBooking", "description": "Gives an amount in minor units back to the guest, without changing the booking: the host from the own share, operators on behalf of host or platform (pBorneBy)."})';

create function graphql_shapes.set_bearer(p_refund_id uuid, p_borne_by text) returns setof public.refunds
language sql rows 1
set search_path = ''
as $$
    select * from public.assign_goodwill(p_refund_id, p_borne_by::public.refund_bearer)
$$;
grant execute on function graphql_shapes.set_bearer to authenticated, service_role;
comment on function graphql_shapes.set_bearer is
    '@graphql({"name": "assignGoodwill", "description": "Decides who bears goodwill: host or platform (pBorneBy). For operators."})';

create function graphql_shapes.set_review_state(p_review_id uuid, p_state text, p_reason text default null) returns setof public.reviews
language sql rows 1
set search_path = ''
as $$
    select * from public.moderate_review(p_review_id, p_state::public.review_state, p_reason)
$$;
grant execute on function graphql_shapes.set_review_state to authenticated, service_role;
comment on function graphql_shapes.set_review_state is
    '@graphql({"name": "moderateReview", "description": "Hides a published review (pState in_review or removed, with pReason) or shows it again (visible). For operators."})';
