-- Purpose: what if: past stays under other prices, and past cancellations under another policy. Read-only.
-- Touches: public.simulated_price, simulated_cancellation; private.simulated_property, simulate_prices, simulate_policy;
-- public.simulate_prices, simulate_policy.
-- Watch: price_stay and compute_cancellation decide, as for bookings; there is no second copy of their rules here. A simulation changes only
-- the copy of the row that it gives them.

insert into private.errors (code, status, message, hint) values
    ('too_many_simulated', 422, 'A simulation is for up to {limit} bookings; these are {count}.', 'Send a shorter range or fewer p_properties.'),
    ('invalid_simulation', 422, 'The value of {field} is out of range.', 'Send percentages of discounts from 0 to 99, p_night_percent from 1 to 1000, days as in the table properties, and prices in minor units.');

insert into private.settings (name, value, description) values
    ('simulated_bookings', '2000', 'For how many bookings one simulation may be.');

create type public.simulated_price as (
    booking_id uuid,
    property_id uuid,
    check_in date,
    nights integer,
    currency text,
    rent bigint,
    what_if_rent bigint,
    rent_difference bigint,
    guest_total bigint,
    what_if_guest_total bigint,
    guest_total_difference bigint,
    host_total bigint,
    what_if_host_total bigint,
    host_total_difference bigint
);
comment on type public.simulated_price is
    'A stay as it was priced and as it would have been; amounts in minor units. In the last rows, one for each currency, booking_id is null: the totals.';
comment on column public.simulated_price.booking_id is 'The booking; null in a row of totals.';
comment on column public.simulated_price.property_id is 'The property; null in a row of totals.';
comment on column public.simulated_price.check_in is 'First night; null in a row of totals.';
comment on column public.simulated_price.nights is 'Number of nights.';
comment on column public.simulated_price.currency is 'ISO 4217 code of the amounts.';
comment on column public.simulated_price.rent is 'Price of the nights after the discount, as booked.';
comment on column public.simulated_price.what_if_rent is 'The same under the prices of the simulation.';
comment on column public.simulated_price.rent_difference is 'what_if_rent less rent.';
comment on column public.simulated_price.guest_total is 'What the guest paid for the booking.';
comment on column public.simulated_price.what_if_guest_total is 'What the guest would have paid.';
comment on column public.simulated_price.guest_total_difference is 'what_if_guest_total less guest_total.';
comment on column public.simulated_price.host_total is 'What the host received; null for co-hosts.';
comment on column public.simulated_price.what_if_host_total is 'What the host would have received; null for co-hosts.';
comment on column public.simulated_price.host_total_difference is 'what_if_host_total less host_total; null for co-hosts.';

create type public.simulated_cancellation as (
    booking_id uuid,
    property_id uuid,
    check_in date,
    cancelled_at timestamptz,
    is_no_show boolean,
    currency text,
    guest_total bigint,
    cancellation_policy_id text,
    refund bigint,
    what_if_refund bigint,
    refund_difference bigint,
    host_amount bigint,
    what_if_host_amount bigint,
    host_amount_difference bigint
);
comment on type public.simulated_cancellation is
    'A cancellation by a guest, or a no-show, as it was and as another policy would have decided; amounts in minor units. In the last rows, one for each currency, booking_id is null: the totals.';
comment on column public.simulated_cancellation.booking_id is 'The booking; null in a row of totals.';
comment on column public.simulated_cancellation.property_id is 'The property; null in a row of totals.';
comment on column public.simulated_cancellation.check_in is 'First night; null in a row of totals.';
comment on column public.simulated_cancellation.cancelled_at is 'When the guest cancelled; null in a row of totals.';
comment on column public.simulated_cancellation.is_no_show is 'Whether the guest did not come; null in a row of totals.';
comment on column public.simulated_cancellation.currency is 'ISO 4217 code of the amounts.';
comment on column public.simulated_cancellation.guest_total is 'What the booking cost the guest.';
comment on column public.simulated_cancellation.cancellation_policy_id is 'The policy that decided; null in a row of totals.';
comment on column public.simulated_cancellation.refund is 'By how much the guest''s total was reduced.';
comment on column public.simulated_cancellation.what_if_refund is 'By how much the other policy would have reduced it.';
comment on column public.simulated_cancellation.refund_difference is 'what_if_refund less refund.';
comment on column public.simulated_cancellation.host_amount is 'What the host kept.';
comment on column public.simulated_cancellation.what_if_host_amount is 'What the host would have kept.';
comment on column public.simulated_cancellation.host_amount_difference is 'what_if_host_amount less host_amount.';

create function private.refuse_too_many_simulated(p_count bigint) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_limit constant bigint := (select s.value::bigint from private.settings s where s.name = 'simulated_bookings');
begin
    if p_count > v_limit then
        perform private.raise_error('too_many_simulated', jsonb_build_object('limit', v_limit, 'count', p_count));
    end if;
end
$$;
comment on function private.refuse_too_many_simulated is 'Raises an error when a simulation would be for too many bookings.';

create function private.simulated_property(p_property public.properties, p_changes jsonb) returns public.properties
language plpgsql stable
set search_path = ''
as $$
begin
    return jsonb_populate_record(p_property, p_changes - 'night_percent');
end
$$;
comment on function private.simulated_property is 'The property with the prices and discounts of a simulation in place of its own.';

create function private.simulate_prices(p_from date, p_until date, p_properties uuid[], p_changes jsonb)
returns setof public.simulated_price
language plpgsql stable security definer rows 100
set search_path = ''
as $$
declare
    v_ids constant uuid[] := private.figure_properties(p_properties);
    v_percent constant numeric := p_changes ->> 'night_percent';
begin
    perform private.refuse_too_many_simulated((
        select count(*)
        from unnest(v_ids) as u (id)
        join private.bookings b on b.property_id = u.id and b.check_in >= p_from and b.check_in < p_until
        where b.status in ('confirmed', 'completed')
    ));
    return query
    with stays as materialized (
        select
            b as booking, b.id, b.property_id, b.check_in, b.nights, b.currency, b.guest_total, b.host_total,
            private.simulated_property(p, p_changes) as property,
            -- the moment for which the stay was priced last
            coalesce((
                select a.created_at from public.booking_alterations a
                where a.booking_id = b.id and a.answer = 'accepted'
                order by a.answered_at desc
                limit 1
            ), e.at) as priced_at,
            coalesce((
                select sum(l.amount) from private.booking_line_items l where l.booking_id = b.id and l.kind in ('nights', 'discount')
            ), 0)::bigint as rent,
            auth.uid() is null or auth.uid() = b.host_id or private.is_operator() as sees_host_total
        from unnest(v_ids) as u (id)
        join public.properties p on p.id = u.id
        join private.bookings b on b.property_id = u.id and b.check_in >= p_from and b.check_in < p_until
        cross join lateral (
            select coalesce((
                select v.at from private.booking_events v where v.booking_id = b.id order by v.id limit 1
            ), b.created_at) as at
        ) e
        -- in another currency than its property, a stay has no price to compare with
        where b.status in ('confirmed', 'completed') and b.currency = p.currency
    ),
    lines as (
        select
            s.id, s.property_id, s.check_in, s.nights, s.currency,
            s.rent, (w.rent + w.discount)::bigint as what_if_rent,
            s.guest_total, w.guest_total::bigint as what_if_guest_total,
            case when s.sees_host_total then s.host_total end as host_total,
            case when s.sees_host_total then w.host_total::bigint end as what_if_host_total
        from stays s
        cross join lateral private.price_stay(
            s.property, s.check_in,
            case
                when p_changes ?| array['base_price', 'weekend_price']
                    then private.night_prices(s.property, s.check_in, s.check_in + s.nights)
                when v_percent is null then (s.booking).night_prices
                else array(
                    select greatest(c.step, private.proportion(n.price, v_percent, 100, c.step))
                    from unnest((s.booking).night_prices) with ordinality as n (price, position)
                    cross join (select private.step_of(s.currency) as step) c
                    order by n.position
                )
            end,
            (s.booking).adults + (s.booking).children, (s.booking).pets, s.priced_at,
            private.priced_ages((s.booking).children, (s.booking).children_ages), (s.booking).units
        ) w
    )
    select
        t.id, t.property_id, t.check_in, t.nights, t.currency, t.rent, t.what_if_rent, t.what_if_rent - t.rent, t.guest_total,
        t.what_if_guest_total, t.what_if_guest_total - t.guest_total, t.host_total, t.what_if_host_total, t.what_if_host_total - t.host_total
    from (
        select
            i.id, i.property_id, i.check_in, i.currency, sum(i.nights)::integer as nights, sum(i.rent)::bigint as rent,
            sum(i.what_if_rent)::bigint as what_if_rent, sum(i.guest_total)::bigint as guest_total,
            sum(i.what_if_guest_total)::bigint as what_if_guest_total, sum(i.host_total)::bigint as host_total,
            sum(i.what_if_host_total)::bigint as what_if_host_total
        from lines i
        group by grouping sets ((i.id, i.property_id, i.check_in, i.currency), (i.currency))
    ) t
    order by t.id is null, t.check_in, t.id, t.currency;
end
$$;
grant execute on function private.simulate_prices to authenticated, service_role;
comment on function private.simulate_prices is
    'Prices the stays of a range again, with p_changes in place of columns of their properties. Definer, because no API role may read private.bookings and platform_fees.';

create function public.simulate_prices(
    p_from text, p_until text, p_properties uuid[] default null,
    p_night_percent numeric default null, p_base_price bigint default null, p_weekend_price bigint default null,
    p_weekly_discount_percent integer default null, p_monthly_discount_percent integer default null,
    p_early_bird_days integer default null, p_early_bird_discount_percent integer default null,
    p_last_minute_days integer default null, p_last_minute_discount_percent integer default null,
    p_extra_guest_price bigint default null, p_extra_guests_after integer default null
) returns setof public.simulated_price
language plpgsql stable rows 100
set search_path = ''
as $$
declare
    v_days constant date[] := private.metrics_range(p_from, p_until, 'month');
begin
    perform private.raise_problems((
        select array_agg(private.problem('invalid_simulation', jsonb_build_object('field', a.field)))
        from (values
            ('p_night_percent', p_night_percent, 1, 1000),
            ('p_base_price', p_base_price, 1, 1000000000000),
            ('p_weekend_price', p_weekend_price, 1, 1000000000000),
            ('p_weekly_discount_percent', p_weekly_discount_percent, 0, 99),
            ('p_monthly_discount_percent', p_monthly_discount_percent, 0, 99),
            ('p_early_bird_days', p_early_bird_days, 30, 730),
            ('p_early_bird_discount_percent', p_early_bird_discount_percent, 0, 99),
            ('p_last_minute_days', p_last_minute_days, 1, 28),
            ('p_last_minute_discount_percent', p_last_minute_discount_percent, 0, 99),
            ('p_extra_guest_price', p_extra_guest_price, 0, 1000000000000),
            ('p_extra_guests_after', p_extra_guests_after, 1, 50)
        ) as a (field, value, least, most)
        where a.value not between a.least and a.most
    ));
    return query select * from private.simulate_prices(v_days[1], v_days[2], p_properties, jsonb_strip_nulls(jsonb_build_object(
        'night_percent', p_night_percent, 'base_price', p_base_price, 'weekend_price', p_weekend_price,
        'weekly_discount_percent', p_weekly_discount_percent, 'monthly_discount_percent', p_monthly_discount_percent,
        'early_bird_days', p_early_bird_days, 'early_bird_discount_percent', p_early_bird_discount_percent,
        'last_minute_days', p_last_minute_days, 'last_minute_discount_percent', p_last_minute_discount_percent,
        'extra_guest_price', p_extra_guest_price, 'extra_guests_after', p_extra_guests_after
    )));
end
$$;
grant execute on function public.simulate_prices to authenticated, service_role;
comment on function public.simulate_prices is
    'Prices the paid stays with a check-in from p_from until the day before p_until again, as if the property had had other prices then: a row for each stay with the difference, then totals by currency. What is left out is as the property has it today. Night prices are those of the booking times p_night_percent (100 when left out), or with p_base_price or p_weekend_price those of the property today with these. Changes nothing.';

create function private.simulate_policy(p_from date, p_until date, p_policy_id text, p_properties uuid[])
returns setof public.simulated_cancellation
language plpgsql stable security definer rows 100
set search_path = ''
as $$
declare
    v_ids constant uuid[] := private.figure_properties(p_properties);
    v_sees_all constant boolean := auth.uid() is null or private.is_operator();
    v_steps constant jsonb := (
        select c.steps from public.cancellation_policies c
        where c.id = p_policy_id and (c.host_id is null or c.host_id = auth.uid() or v_sees_all)
    );
begin
    if v_steps is null then
        perform private.raise_error('unknown_cancellation_policy', jsonb_build_object('value', left(p_policy_id, 40)));
    elsif not v_sees_all and exists (
        select from unnest(v_ids) as u (id) join public.properties p on p.id = u.id where p.host_id <> auth.uid()
    ) then
        -- co-hosts read no cancellations
        perform private.raise_error('figures_not_yours');
    end if;
    perform private.refuse_too_many_simulated((
        select count(*)
        from unnest(v_ids) as u (id)
        join private.bookings b on b.property_id = u.id and b.check_in >= p_from and b.check_in < p_until
        join public.cancellations c on c.booking_id = b.id and (c.cancelled_by = 'guest' or c.is_no_show)
    ));
    return query
    with lines as (
        select
            b.id, b.property_id, b.check_in, c.cancelled_at, c.is_no_show, b.currency, c.guest_total, b.cancellation_policy_id,
            c.refund_amount, w.refund_amount as what_if_refund, c.host_amount, w.host_amount as what_if_host_amount
        from unnest(v_ids) as u (id)
        join private.bookings b on b.property_id = u.id and b.check_in >= p_from and b.check_in < p_until
        join public.cancellations c on c.booking_id = b.id and (c.cancelled_by = 'guest' or c.is_no_show)
        cross join lateral private.compute_cancellation(
            jsonb_populate_record(b, jsonb_build_object('cancellation_steps', v_steps)), c.cancelled_by, c.is_no_show, null, c.cancelled_at
        ) w
    )
    select
        t.id, t.property_id, t.check_in, t.cancelled_at, t.is_no_show, t.currency, t.guest_total, t.cancellation_policy_id, t.refund,
        t.what_if_refund, t.what_if_refund - t.refund, t.host_amount, t.what_if_host_amount, t.what_if_host_amount - t.host_amount
    from (
        select
            i.id, i.property_id, i.check_in, i.cancelled_at, i.is_no_show, i.currency, sum(i.guest_total)::bigint as guest_total,
            i.cancellation_policy_id, sum(i.refund_amount)::bigint as refund, sum(i.what_if_refund)::bigint as what_if_refund,
            sum(i.host_amount)::bigint as host_amount, sum(i.what_if_host_amount)::bigint as what_if_host_amount
        from lines i
        group by grouping sets (
            (i.id, i.property_id, i.check_in, i.cancelled_at, i.is_no_show, i.currency, i.cancellation_policy_id), (i.currency)
        )
    ) t
    order by t.id is null, t.check_in, t.id, t.currency;
end
$$;
grant execute on function private.simulate_policy to authenticated, service_role;
comment on function private.simulate_policy is
    'Computes the cancellations of a range again, with the steps of another policy. Definer, because no API role may read private.bookings.';

create function public.simulate_policy(
    p_cancellation_policy_id text, p_from text, p_until text, p_properties uuid[] default null
) returns setof public.simulated_cancellation
language plpgsql stable rows 100
set search_path = ''
as $$
declare
    v_days constant date[] := private.metrics_range(p_from, p_until, 'month');
begin
    return query select * from private.simulate_policy(v_days[1], v_days[2], p_cancellation_policy_id, p_properties);
end
$$;
grant execute on function public.simulate_policy to authenticated, service_role;
comment on function public.simulate_policy is
    'Computes the cancellations by guests, and the no-shows, with a check-in from p_from until the day before p_until again, as if the bookings had had another policy: a row for each with the difference, then totals by currency. For the host and operators. Changes nothing.';
