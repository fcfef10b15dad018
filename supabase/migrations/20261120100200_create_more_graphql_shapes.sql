-- Purpose: in GraphQL too: facets of a search, how to reach the other side of a booking, how fast a host answers, deleting one's
-- account, reading a thread, moderating a review. pg_graphql takes no function that answers nothing or a table of its own.
-- Touches: schema graphql_shapes.
-- Watch: a shape is not called like the function behind it: pg_graphql leaves out names that two functions have.

create view graphql_shapes.search_facets with (security_invoker = true) as
select
    null::integer as count, null::boolean as is_more, null::jsonb as property_types, null::jsonb as room_types,
    null::jsonb as booking_modes, null::jsonb as cancellation_policies, null::jsonb as amenities, null::jsonb as prices
where false;
comment on view graphql_shapes.search_facets is e'What searchFacets answers; empty by itself.\n@graphql({"primary_key_columns": ["count"], "description": "What searchFacets answers; empty by itself. Each but count, isMore and prices: places by value."})';
comment on column graphql_shapes.search_facets.is_more is '@graphql({"description": "There are more places than were counted."})';
comment on column graphql_shapes.search_facets.prices is '@graphql({"description": "A list of { from, until, count }, in minor units of currency; null without one."})';
grant select on graphql_shapes.search_facets to anon, authenticated, service_role;

create function graphql_shapes.count_facets(
    west double precision default null, south double precision default null,
    east double precision default null, north double precision default null,
    latitude double precision default null, longitude double precision default null, radius double precision default null,
    check_in text default null, check_out text default null,
    adults integer default 1, children integer default 0, infants integer default 0, pets integer default 0,
    currency text default null, min_price bigint default null, max_price bigint default null,
    amenities text[] default null, property_types text[] default null, room_types text[] default null,
    booking_mode text default null, cancellation_policies text[] default null,
    bedrooms integer default null, beds integer default null, bathrooms real default null,
    place text default null, text text default null,
    flexible_days integer default null, month text default null, nights integer default null, weekend boolean default false
) returns setof graphql_shapes.search_facets
language sql stable rows 1
set search_path = ''
as $$
    select * from public.search_facets(
        west, south, east, north, latitude, longitude, radius, check_in, check_out, adults, children, infants, pets, currency,
        min_price, max_price, amenities, property_types::public.property_type[], room_types::public.room_type[],
        booking_mode::public.booking_mode, cancellation_policies, bedrooms, beds, bathrooms,
        place, text, flexible_days, month, nights, weekend
    )
$$;
grant execute on function graphql_shapes.count_facets to anon, authenticated, service_role;
comment on function graphql_shapes.count_facets is
    '@graphql({"name": "searchFacets", "description": "What searchProperties with the same arguments could be narrowed to: how many places there are, have what, and cost how much. Counts 500 places at most."})';

create view graphql_shapes.booking_contacts with (security_invoker = true) as
select
    null::uuid as profile_id, null::public.booking_actor as side, null::text as display_name, null::text as phone, null::text as email
where false;
comment on view graphql_shapes.booking_contacts is e'Rows of contacts; empty by itself.\n@graphql({"primary_key_columns": ["profile_id"], "description": "Rows of a booking''s contacts; empty by itself."})';
grant select on graphql_shapes.booking_contacts to authenticated;

create function graphql_shapes.contacts(public.bookings) returns setof graphql_shapes.booking_contacts
language sql stable rows 2
set search_path = ''
as $$
    select * from public.booking_contacts($1.id)
$$;
grant execute on function graphql_shapes.contacts to authenticated;
comment on function graphql_shapes.contacts is
    '@graphql({"description": "How to reach the other side while the booking is confirmed; nobody before and after."})';

create view graphql_shapes.host_responses with (security_invoker = true) as
select null::uuid as host_id, null::integer as response_rate, null::interval as response_time, null::bigint as threads
where false;
comment on view graphql_shapes.host_responses is e'How hosts answer; empty by itself.\n@graphql({"primary_key_columns": ["host_id"], "description": "How a host answered inquiries and requests in the last 30 days; empty by itself."})';
comment on column graphql_shapes.host_responses.response_rate is '@graphql({"description": "Answered within 24 hours, per cent; null when there was nothing to answer."})';
comment on column graphql_shapes.host_responses.response_time is '@graphql({"description": "Median time to the first answer, HH:MM:SS."})';
comment on column graphql_shapes.host_responses.threads is '@graphql({"description": "How many there were."})';
grant select on graphql_shapes.host_responses to anon, authenticated, service_role;

create function graphql_shapes.response(public.profiles) returns setof graphql_shapes.host_responses
language sql stable rows 1
set search_path = ''
as $$
    select $1.id, r.response_rate, r.response_time, r.threads from public.host_response($1.id) r
$$;
grant execute on function graphql_shapes.response to anon, authenticated, service_role;
comment on function graphql_shapes.response is '@graphql({"description": "How they answer as a host."})';

create function graphql_shapes.close_account() returns boolean
language sql
set search_path = ''
as $$
    select public.delete_account();
    select true
$$;
grant execute on function graphql_shapes.close_account to authenticated;
comment on function graphql_shapes.close_account is
    '@graphql({"name": "deleteAccount", "description": "Deletes the caller''s account: sign-in, private data and files go. Refused while something is open."})';

create function graphql_shapes.read_thread(thread_id uuid) returns boolean
language sql
set search_path = ''
as $$
    select public.mark_thread_read(thread_id);
    select true
$$;
grant execute on function graphql_shapes.read_thread to authenticated;
comment on function graphql_shapes.read_thread is
    '@graphql({"name": "markThreadRead", "description": "Notes that the caller has read a thread until now, with its notifications."})';

create function graphql_shapes.set_review_state(review_id uuid, state text, reason text default null) returns setof public.reviews
language sql rows 1
set search_path = ''
as $$
    select * from public.moderate_review(review_id, state::public.review_state, reason)
$$;
grant execute on function graphql_shapes.set_review_state to authenticated, service_role;
comment on function graphql_shapes.set_review_state is
    '@graphql({"name": "moderateReview", "description": "Hides a published review, with a reason: state in_review or removed; or shows it again: visible. For operators."})';
