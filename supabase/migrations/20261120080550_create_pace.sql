-- Purpose: pace: the nights and revenue on the books for a month as they stood at a moment, and what came since.
-- Touches: public.pace_of_month; private.pace, public.pace.
-- Watch: it reads the rows of stay_months and own_booking_states that were valid at each moment, so an alteration or a
-- cancellation counts from when it was made.

insert into private.errors (code, status, message, hint) values
    ('invalid_month', 400, 'The argument {argument} is not a month.', 'Write a month as YYYY-MM, from 2000-01 to 2099-12.'),
    ('moments_out_of_order', 400, 'The argument p_until lies before p_as_of.', 'Send a later p_until, or leave it out for now.');

create type public.pace_of_month as (
    month date,
    currency text,
    as_of timestamptz,
    nights integer,
    revenue bigint,
    until timestamptz,
    later_nights integer,
    later_revenue bigint,
    pickup_nights integer,
    pickup_revenue bigint,
    outside_nights integer,
    outside_revenue bigint,
    later_outside_nights integer,
    later_outside_revenue bigint
);
comment on type public.pace_of_month is 'What was on the books for a month at two moments; amounts in minor units.';
comment on column public.pace_of_month.month is 'First day of the month.';
comment on column public.pace_of_month.currency is 'ISO 4217 code of the amounts.';
comment on column public.pace_of_month.as_of is 'The first moment.';
comment on column public.pace_of_month.nights is 'Nights that were sold at the first moment.';
comment on column public.pace_of_month.revenue is 'Rent of these nights after discounts.';
comment on column public.pace_of_month.until is 'The second moment.';
comment on column public.pace_of_month.later_nights is 'Nights that were sold at the second moment.';
comment on column public.pace_of_month.later_revenue is 'Rent of these nights after discounts.';
comment on column public.pace_of_month.pickup_nights is 'later_nights less nights; negative when more were cancelled than booked.';
comment on column public.pace_of_month.pickup_revenue is 'later_revenue less revenue.';
comment on column public.pace_of_month.outside_nights is 'Nights of own bookings at the first moment, without those of the owner. They are in no other figure.';
comment on column public.pace_of_month.outside_revenue is 'Prices of own bookings in proportion to these nights.';
comment on column public.pace_of_month.later_outside_nights is 'Nights of own bookings at the second moment.';
comment on column public.pace_of_month.later_outside_revenue is 'Prices of own bookings in proportion to these nights.';

create function private.pace(p_month date, p_as_of timestamptz, p_until timestamptz, p_properties uuid[])
returns setof public.pace_of_month
language plpgsql stable security definer rows 1
set search_path = ''
as $$
declare
    v_ids constant uuid[] := private.figure_properties(p_properties);
    v_next constant date := (p_month + interval '1 month')::date;
begin
    return query
    with stays as (
        select s.currency, false as is_outside, s.sold_nights * s.units as nights, s.revenue, s.valid_from, s.valid_until
        from unnest(v_ids) as u (id)
        join private.stay_months s on s.property_id = u.id and s.month = p_month
        where s.sold_nights > 0
        union all
        select
            w.currency, true, d.until_day - d.from_day,
            coalesce(
                private.proportion(w.price, d.until_day - w.check_in, w.check_out - w.check_in)
                - private.proportion(w.price, d.from_day - w.check_in, w.check_out - w.check_in), 0
            ),
            w.valid_from, w.valid_until
        from unnest(v_ids) as u (id)
        join private.own_booking_states w
            on w.property_id = u.id and w.check_out > p_month and w.check_in < v_next and w.origin <> 'owner'
        cross join lateral (select greatest(w.check_in, p_month) as from_day, least(w.check_out, v_next) as until_day) d
    )
    select
        p_month, t.currency, p_as_of, t.nights, t.revenue, p_until, t.later_nights, t.later_revenue, t.later_nights - t.nights,
        t.later_revenue - t.revenue, t.outside_nights, t.outside_revenue, t.later_outside_nights, t.later_outside_revenue
    from (
        select
            s.currency,
            coalesce(sum(s.nights) filter (where m.was_first and not s.is_outside), 0)::integer as nights,
            coalesce(sum(s.revenue) filter (where m.was_first and not s.is_outside), 0)::bigint as revenue,
            coalesce(sum(s.nights) filter (where m.was_second and not s.is_outside), 0)::integer as later_nights,
            coalesce(sum(s.revenue) filter (where m.was_second and not s.is_outside), 0)::bigint as later_revenue,
            coalesce(sum(s.nights) filter (where m.was_first and s.is_outside), 0)::integer as outside_nights,
            coalesce(sum(s.revenue) filter (where m.was_first and s.is_outside), 0)::bigint as outside_revenue,
            coalesce(sum(s.nights) filter (where m.was_second and s.is_outside), 0)::integer as later_outside_nights,
            coalesce(sum(s.revenue) filter (where m.was_second and s.is_outside), 0)::bigint as later_outside_revenue
        from stays s
        cross join lateral (
            select
                s.valid_from <= p_as_of and s.valid_until > p_as_of as was_first,
                s.valid_from <= p_until and s.valid_until > p_until as was_second
        ) m
        group by 1
    ) t
    order by t.currency;
end
$$;
grant execute on function private.pace to authenticated, service_role;
comment on function private.pace is 'See public.pace. Definer, because no API role may read stay_months.';

create function public.pace(
    p_month text, p_as_of timestamptz, p_until timestamptz default now(), p_properties uuid[] default null
) returns setof public.pace_of_month
language plpgsql stable rows 1
set search_path = ''
as $$
begin
    if p_month is null or p_month !~ '^20[0-9]{2}-(0[1-9]|1[0-2])$' then
        perform private.raise_error('invalid_month', jsonb_build_object('argument', 'p_month'));
    elsif p_as_of is null or p_until is null then
        perform private.raise_error(
            'value_missing', jsonb_build_object('field', case when p_as_of is null then 'p_as_of' else 'p_until' end)
        );
    elsif p_until < p_as_of then
        perform private.raise_error('moments_out_of_order');
    end if;
    return query select * from private.pace((p_month || '-01')::date, p_as_of, p_until, p_properties);
end
$$;
grant execute on function public.pace to authenticated, service_role;
comment on function public.pace is
    'Returns, a row for each currency, the nights and revenue that were on the books for p_month (YYYY-MM) at p_as_of and at p_until (now, when left out), and the pick-up between them. p_properties as in host_metrics. Own bookings are counted apart. A currency without a booking has no row.';
