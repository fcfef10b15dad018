-- Purpose: bookings as clients meet them.
-- Touches: view public.bookings.
-- Watch: it shows a hold that has ended as expired and a stay that is over as completed the second it is so, whether or not the
-- sweep has written that down. Insert, update and delete go to triggers of the next files, which a view alone lets answer a
-- repeated insert with the row that is there. It runs as its caller, so the table's policies decide which rows.

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
    to_char(b.check_in, 'YYYY-MM-DD') as check_in,
    to_char(b.check_out, 'YYYY-MM-DD') as check_out,
    b.nights, b.adults, b.children, b.infants, b.pets, b.booking_mode, b.currency, b.guest_total,
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
    b.created_at, b.updated_at
from private.bookings b;

comment on view public.bookings is
    '@graphql({"primary_key_columns": ["id"]}) Bookings of the caller, as guest or on the host''s side, as the clock says this second. POST books: 409 when the nights are taken or the quote is stale, 422 with every rule that is broken. PATCH proposes other dates or guests, DELETE gives up an unpaid hold or request.';
comment on column public.bookings.status is 'Where it stands now.';
comment on column public.bookings.status_at is 'Since when.';
comment on column public.bookings.status_reason is 'What whoever changed it last said.';
comment on column public.bookings.expires_at is 'When an open request or unpaid hold ends.';
comment on column public.bookings.confirmed_at is 'When it was paid; the policy counts from then.';
comment on column public.bookings.check_in is 'First night, YYYY-MM-DD. Text, so that a timestamp is refused and not cut to a day.';
comment on column public.bookings.check_out is 'The day after the last night, YYYY-MM-DD.';
comment on column public.bookings.nights is 'From check_in to check_out.';
comment on column public.bookings.adults is 'At least one.';
comment on column public.bookings.children is 'From 2 years on.';
comment on column public.bookings.infants is 'Under 2.';
comment on column public.bookings.pets is 'Animals that come along.';
comment on column public.bookings.booking_mode is 'Whether it held at once or needed the host''s word.';
comment on column public.bookings.currency is 'ISO 4217 code of every amount.';
comment on column public.bookings.guest_total is 'What the guest pays, in minor units.';
comment on column public.bookings.host_total is 'What the host gets; null for co-hosts.';
comment on column public.bookings.property_title is 'As it was when it was booked.';
comment on column public.bookings.property_city is 'As it was when it was booked.';
comment on column public.bookings.time_zone is 'In which its days and hours are meant.';
comment on column public.bookings.check_in_at is 'Earliest arrival.';
comment on column public.bookings.check_out_at is 'Latest departure; from then on the stay is completed.';
comment on column public.bookings.cancellation_policy_name is 'What guests read.';
comment on column public.bookings.cancellation_steps is 'The policy as it was when it was booked; see cancellation_policies.steps.';
comment on column public.bookings.house_rules_version is 'The house rules that the guest agreed to.';
comment on column public.bookings.quote_id is 'The quote that it was booked by; when given and the offer has changed, booking answers 409 with the new one.';
comment on column public.bookings.idempotency_key is 'Up to 255 characters of the guest''s choice: the same key and booking again give the same booking. The guest''s alone.';
comment on column public.bookings.open_alteration_id is 'The proposal that waits for an answer, if there is one.';

grant select, delete on public.bookings to authenticated;
grant insert (property_id, check_in, check_out, adults, children, infants, pets, quote_id, idempotency_key)
    on public.bookings to authenticated;
grant update (check_in, check_out, adults, children, infants, pets) on public.bookings to authenticated;
grant select on public.bookings to service_role;
