-- Purpose: when a guest pays: a stay of up to 27 nights at once, a longer stay in an instalment for each 30 nights.
-- Touches: private.instalments, amount_due_by, paid_amount, charged_amount, requested_amount; public.payment_schedule.
-- Watch: instalments are computed from the present price and never stored, so an alteration needs no new plan.

insert into private.settings (name, value, description) values
    ('instalment_lead', '3 days', 'How long before its 30 nights begin a further instalment of a long stay is charged.');

create function private.instalments(p_guest_total bigint, p_currency text, p_nights integer, p_check_in_at timestamptz)
returns table (number integer, due_at timestamptz, amount bigint, total bigint)
language sql stable security definer
set search_path = ''
as $$
    select
        n.n, case when n.n > 1 then p_check_in_at + interval '30 days' * (n.n - 1) - private.duration('instalment_lead') end,
        t.until_then - private.proportion(p_guest_total, 30 * (n.n - 1), p_nights, s.step), t.until_then
    from generate_series(1, case when p_nights < 28 then 1 else (p_nights + 29) / 30 end) as n
    cross join (select private.step_of(p_currency) as step) s
    cross join lateral (
        select case
            when p_nights < 28 or n.n * 30 >= p_nights then p_guest_total else private.proportion(p_guest_total, 30 * n.n, p_nights, s.step)
        end as until_then
    ) t
$$;
grant execute on function private.instalments to authenticated, service_role;
comment on function private.instalments is
    'Returns the instalments of a stay, in minor units: the first is due at booking (due_at is null), and total sums the instalments so far. Definer, because no API role may read private.settings.';

create function private.amount_due_by(p_booking private.bookings, p_at timestamptz) returns bigint
language sql stable
set search_path = ''
as $$
    select max(i.total)
    from private.instalments(p_booking.guest_total, p_booking.currency, p_booking.nights, p_booking.check_in_at) i
    where i.due_at is null or i.due_at <= p_at
$$;
comment on function private.amount_due_by is
    'Returns what the guest of an active booking should have paid by p_at, in minor units.';

create function private.paid_amount(p_booking_id uuid) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return coalesce((
        select sum(p.captured_amount - p.refunded_amount) from public.payments p where p.booking_id = p_booking_id
    ), 0) - coalesce((
        select sum(d.lost_amount) from public.disputes d where d.booking_id = p_booking_id
    ), 0);
end
$$;
comment on function private.paid_amount is
    'Returns what a guest has paid for a booking, less refunds and lost disputes, in minor units. Nothing is charged because it falls: see charged_amount.';

create function private.charged_amount(p_booking_id uuid) returns bigint
language sql stable
set search_path = ''
as $$
    select (coalesce((
        select sum(p.captured_amount) from public.payments p where p.booking_id = p_booking_id
    ), 0) - coalesce((
        select sum(r.amount) from public.refunds r
        where r.booking_id = p_booking_id and r.reason <> 'goodwill' and r.status in ('pending', 'succeeded')
    ), 0))::bigint
$$;
comment on function private.charged_amount is
    'Returns what cards were charged for a booking, less refunds by alteration or cancellation, in minor units. Goodwill and disputes do not lower it, so nothing is charged because of them.';

create function private.requested_amount(p_booking_id uuid) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return coalesce((
        select sum(r.amount) from public.money_requests r where r.booking_id = p_booking_id and r.answer = 'accepted'
    ), 0);
end
$$;
comment on function private.requested_amount is 'Returns the sum of the accepted requests for money of a booking, in minor units.';

create function public.payment_schedule(p_booking_id uuid)
returns table (number integer, due_at timestamptz, amount bigint, currency text)
language sql stable
set search_path = ''
as $$
    select i.number, i.due_at, i.amount, b.currency
    from private.bookings b
    cross join lateral private.instalments(b.guest_total, b.currency, b.nights, b.check_in_at) i
    where b.id = p_booking_id
    order by i.number
$$;
grant execute on function public.payment_schedule to authenticated, service_role;
comment on function public.payment_schedule is
    'Returns the instalments of a booking, in minor units; due_at is null for the amount that is paid at booking. A stay of 28 nights or more has an instalment for each 30 nights; further instalments are charged to the card of the last payment.';
