-- Purpose: set_calendar for GraphQL, which cannot show functions that return rows of no table.
-- Touches: graphql_shapes.set_calendar_days, graphql_shapes.set_days.
-- Watch: the columns are those of public.set_calendar.

create view graphql_shapes.set_calendar_days with (security_invoker = true) as
select
    null::date as day, null::boolean as free, null::text as reason, null::bigint as price, null::text as currency,
    null::smallint as min_nights, null::smallint as max_nights, null::boolean as arrival_allowed,
    null::boolean as departure_allowed, null::integer as units_left, null::boolean as closed
where false;
comment on view graphql_shapes.set_calendar_days is e'A day of setCalendar. The view itself is empty.\n@graphql({"primary_key_columns": ["day"], "max_rows": 1000, "description": "A day that setCalendar set, as it is afterwards."})';
comment on column graphql_shapes.set_calendar_days.free is '@graphql({"description": "Whether the night can be booked."})';
comment on column graphql_shapes.set_calendar_days.reason is '@graphql({"description": "Why it cannot: past, advance_notice or unavailable; null when it is free."})';
comment on column graphql_shapes.set_calendar_days.price is '@graphql({"description": "Price of the night in minor units, before discounts."})';
comment on column graphql_shapes.set_calendar_days.min_nights is '@graphql({"description": "Shortest stay that begins on this day."})';
comment on column graphql_shapes.set_calendar_days.max_nights is '@graphql({"description": "Longest stay that begins on this day."})';
comment on column graphql_shapes.set_calendar_days.arrival_allowed is '@graphql({"description": "Whether a stay may begin on this day."})';
comment on column graphql_shapes.set_calendar_days.departure_allowed is '@graphql({"description": "Whether a stay may end on this day."})';
comment on column graphql_shapes.set_calendar_days.units_left is '@graphql({"description": "How many units can be booked for the night, at most 1 where the property has one."})';
comment on column graphql_shapes.set_calendar_days.closed is '@graphql({"description": "Whether a block of the host has the night; false while a guest has it."})';
grant select on graphql_shapes.set_calendar_days to authenticated, service_role;

create function graphql_shapes.set_days(p_property_id uuid, p_ranges jsonb) returns setof graphql_shapes.set_calendar_days
language sql rows 60
set search_path = ''
as $$
    select * from public.set_calendar(p_property_id, p_ranges)
$$;
grant execute on function graphql_shapes.set_days to authenticated, service_role;
comment on function graphql_shapes.set_days is
    '@graphql({"name": "setCalendar", "description": "Sets up to 500 ranges of days of a property, all or none, as rpc/set_calendar does. pRanges: JSON, [{\"from\", \"until\", \"price\", \"min_nights\", \"max_nights\", \"units_to_sell\", \"closed\", \"closed_to_arrival\", \"closed_to_departure\"}]."})';
