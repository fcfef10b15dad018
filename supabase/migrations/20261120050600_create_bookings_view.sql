-- Purpose: bookings and their lines as clients use them.
-- Touches: views public.bookings, private.readable_lines, public.booking_line_items; private.lines_of_booking,
-- public.booking_line_items(bookings), public.bookings(booking_line_items).
-- Watch: the view shows an ended hold as expired and an ended stay as completed from that second, before expire_and_complete_bookings
-- records it. Triggers of the next files handle insert, update and delete; only a view's trigger can answer a repeated insert
-- with the existing row. The view runs as its caller, so the policies of private.bookings apply. A page costs the same however many
-- bookings there are: order by created_at or check_in.

-- left join, because with an inner one the planner takes the policy for a filter that removes half of the rows, and then sorts all
create view public.bookings with (security_invoker = on) as
select
    b.id, b.property_id, b.host_id, b.guest_id,
    case
        when b.expires_at <= now() then 'expired'
        when b.status = 'confirmed' and b.check_out_at <= now() then 'completed'
        else b.status
    end as status,
    case
        when b.expires_at <= now() then b.expires_at
        when b.status = 'confirmed' and b.check_out_at <= now() then b.check_out_at
        else b.status_at
    end as status_at,
    b.status_reason,
    case when b.expires_at > now() then b.expires_at end as expires_at,
    b.confirmed_at,
    r.check_in, b.check_out, b.nights, b.adults, b.children, b.children_ages, b.infants, b.pets, b.units, b.booking_mode, b.currency, b.guest_total,
    case
        when (select auth.uid()) is null or (select auth.uid()) in (b.guest_id, b.host_id) or (select private.is_operator())
        then b.host_total
    end as host_total,
    b.property_title, b.property_city, b.time_zone, b.check_in_at, b.check_out_at,
    b.cancellation_policy_id, b.cancellation_policy_name, b.cancellation_steps, b.house_rules_version,
    b.quote_id,
    case when b.guest_id = (select auth.uid()) then b.idempotency_key end as idempotency_key,
    (
        select a.id from public.booking_alterations a
        where a.booking_id = b.id and b.status = 'confirmed' and a.answer is null and a.expires_at > now()
    ) as open_alteration_id,
    r.created_at, b.updated_at
from private.readable_bookings r
left join private.bookings b on b.id = r.id;

comment on view public.bookings is
    '@graphql({"primary_key_columns": ["id"]}) Bookings of the caller, as guest or on the host''s side, with their present status. POST books a stay: 409 when the nights are taken or the quote is stale, 422 with every broken rule. PATCH proposes other dates, guests or units; DELETE gives up an unpaid hold or request.';
comment on column public.bookings.status is 'Present status.';
comment on column public.bookings.status_at is 'Since when it has this status.';
comment on column public.bookings.status_reason is 'The reason given with the last change of status.';
comment on column public.bookings.expires_at is 'When an open request or unpaid hold expires.';
comment on column public.bookings.confirmed_at is 'When it was confirmed; periods of the cancellation policy since confirmation count from then.';
comment on column public.bookings.check_in is 'First night.';
comment on column public.bookings.check_out is 'The day after the last night.';
comment on column public.bookings.nights is 'Number of nights from check_in to check_out.';
comment on column public.bookings.adults is 'Number of adults, at least one.';
comment on column public.bookings.children is 'Number of children aged 2 or older.';
comment on column public.bookings.children_ages is
    'Ages of the children at check-in, 2 to 17, one for each child. Needed where a fee or tax of the property exempts children by age, and kept there alone.';
comment on column public.bookings.infants is 'Number of children under 2.';
comment on column public.bookings.pets is 'Number of pets.';
comment on column public.bookings.units is 'Number of units of the property, 1 unless it has several.';
comment on column public.bookings.booking_mode is 'instant, or request when the host had to accept it.';
comment on column public.bookings.currency is 'ISO 4217 code of every amount.';
comment on column public.bookings.guest_total is 'What the guest pays, in minor units.';
comment on column public.bookings.host_total is 'What the host receives, in minor units; null for co-hosts.';
comment on column public.bookings.property_title is 'Title at the time of booking.';
comment on column public.bookings.property_city is 'City at the time of booking.';
comment on column public.bookings.time_zone is 'Time zone of its dates and times.';
comment on column public.bookings.check_in_at is 'Earliest arrival.';
comment on column public.bookings.check_out_at is 'Latest departure; from then on the stay is completed.';
comment on column public.bookings.cancellation_policy_name is 'Name of the cancellation policy.';
comment on column public.bookings.cancellation_steps is 'The policy at the time of booking; see cancellation_policies.steps.';
comment on column public.bookings.house_rules_version is 'Version of the house rules that the guest agreed to.';
comment on column public.bookings.quote_id is 'The quote to book with. When the offer has changed, booking answers 409 with the new quote.';
comment on column public.bookings.idempotency_key is 'Up to 255 characters chosen by the guest: repeating the request with the same key returns the same booking. Only the guest can read it.';
comment on column public.bookings.open_alteration_id is 'The open proposal, if there is one.';

grant select, delete on public.bookings to authenticated;
grant insert (property_id, check_in, check_out, adults, children, children_ages, infants, pets, units, quote_id, idempotency_key)
    on public.bookings to authenticated;
grant update (check_in, check_out, adults, children, children_ages, infants, pets, units) on public.bookings to authenticated;
grant select on public.bookings to service_role;

-- as private.readable_bookings, with every column, because a join would cost more than a policy protects; each branch is in the order of the key
create view private.readable_lines as
select r.*
from (
    select i.guest_id as reader, false as is_whole, i.* from private.booking_line_items i
    union all
    select i.host_id, false, i.* from private.booking_line_items i
    union all
    select greatest(i.guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), true, i.* from private.booking_line_items i
) r
where r.reader = (select private.reader()) and r.is_whole = (select private.reads_everything());
comment on view private.readable_lines is
    'Each line that the caller can read, as guest or host of its booking; every line for readers of everything.';
grant select on private.readable_lines to authenticated, service_role;

create view public.booking_line_items with (security_invoker = on) as
select
    r.booking_id, r.position, r.kind, r.description, r.quantity, r.unit_amount, r.percent, r.amount, r.host_amount, r.included_amount
from private.readable_lines r
where private.refuse_estimate();
comment on view public.booking_line_items is
    '@graphql({"primary_key_columns": ["booking_id", "position"]}) The lines of a booking, copied from its quote; they sum to its totals. Guest, host and operators can read them; co-hosts cannot, because they show what the host receives.';
comment on column public.booking_line_items.position is 'Number of the line in its booking, from 1.';
comment on column public.booking_line_items.kind is 'What the line charges.';
comment on column public.booking_line_items.description is 'Text for guests.';
comment on column public.booking_line_items.quantity is 'Number of nights or guests, or their product. The amount is quantity times unit_amount.';
comment on column public.booking_line_items.unit_amount is 'Amount of one unit, in minor units; for percentages the whole amount.';
comment on column public.booking_line_items.percent is 'The percentage; null for fixed amounts.';
comment on column public.booking_line_items.amount is 'What the guest pays for it.';
comment on column public.booking_line_items.host_amount is 'What the host receives for it.';
comment on column public.booking_line_items.included_amount is 'The part of the prices that is an included tax; 0 for other lines.';
grant select on public.booking_line_items to authenticated, service_role;

-- These are volatile, because a stable function and a detected relationship read in the snapshot of the statement and so miss the
-- lines that the same statement inserts.
create function private.lines_of_booking(p_booking_id uuid) returns setof public.booking_line_items
language plpgsql volatile security definer rows 6
set search_path = ''
as $$
begin
    return query
    select
        i.booking_id, i.position, i.kind, i.description, i.quantity, i.unit_amount, i.percent, i.amount, i.host_amount, i.included_amount
    from private.booking_line_items i
    where
        i.booking_id = p_booking_id
        and exists (
            select from private.bookings b
            where
                b.id = p_booking_id
                and (auth.uid() is null or auth.uid() in (b.guest_id, b.host_id) or private.is_operator())
        )
    order by i.position;
end
$$;
grant execute on function private.lines_of_booking to authenticated, service_role;
comment on function private.lines_of_booking is
    'Returns the lines of a booking by position, to its guest, its host, operators and services. Definer, because its check of the one booking costs less than the view.';

-- their arguments have no name, so that they are no RPC
create function public.booking_line_items(public.bookings) returns setof public.booking_line_items
language plpgsql volatile rows 6
set search_path = ''
as $$
begin
    return query select i.* from private.lines_of_booking($1.id) i;
end
$$;
grant execute on function public.booking_line_items to authenticated, service_role;
comment on function public.booking_line_items is
    e'Returns the lines of a booking by position. Embed them with `bookings?select=guest_total,booking_line_items(kind,amount)`, also in the answer to a POST.\n@graphql({"name": "lineItemsCollection"})';

create function public.bookings(public.booking_line_items) returns setof public.bookings
language plpgsql volatile rows 1
set search_path = ''
as $$
begin
    return query select b.* from public.bookings b where b.id = $1.booking_id;
end
$$;
grant execute on function public.bookings to authenticated, service_role;
comment on function public.bookings is
    e'Returns the booking of a line. Embed it with `booking_line_items?select=amount,bookings(check_in)`.\n@graphql({"name": "booking", "description": "The booking of the line."})';
