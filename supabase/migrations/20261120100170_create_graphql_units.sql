-- Purpose: the units of a booking for GraphQL, which cannot show functions that return rows of no table.
-- Touches: graphql_shapes.booked_units, booked_units(bookings), choose_unit.
-- Watch: the columns are those of public.booking_units.

create view graphql_shapes.booked_units with (security_invoker = true) as
select null::uuid as unit_id, null::text as name, null::boolean as is_pinned
where false;
comment on view graphql_shapes.booked_units is e'A unit of a booking. The view itself is empty.\n@graphql({"primary_key_columns": ["unit_id"], "description": "A unit that a booking has."})';
comment on column graphql_shapes.booked_units.name is '@graphql({"description": "The name or number on the door."})';
comment on column graphql_shapes.booked_units.is_pinned is '@graphql({"description": "Whether the stay keeps it, whatever other stays need."})';
grant select on graphql_shapes.booked_units to authenticated, service_role;

create function graphql_shapes.booked_units(public.bookings) returns setof graphql_shapes.booked_units
language sql stable rows 2
set search_path = ''
as $$
    select * from public.booking_units($1.id)
$$;
grant execute on function graphql_shapes.booked_units to authenticated, service_role;
comment on function graphql_shapes.booked_units is
    '@graphql({"description": "The units of the booking, for its guest from the day of check-in; empty where a property has one unit."})';

create function graphql_shapes.choose_unit(
    p_booking_id uuid, p_unit_id uuid default null, p_pin boolean default null, p_from_unit_id uuid default null
) returns setof graphql_shapes.booked_units
language sql rows 2
set search_path = ''
as $$
    select * from public.assign_unit(p_booking_id, p_unit_id, p_pin, p_from_unit_id)
$$;
grant execute on function graphql_shapes.choose_unit to authenticated, service_role;
comment on function graphql_shapes.choose_unit is
    '@graphql({"name": "assignUnit", "description": "Moves a booking to a unit, pins it there or lets it move again, as rpc/assign_unit does. Returns its units."})';
