-- Purpose: a host's figures by day, week or month: occupancy, revenue, lead time, cancellations and conversion.
-- Touches: private.stay_months, stay_outcome, night_revenues, record_stay_months and its trigger on private.booking_events;
-- private.figure_properties, newest_rate, host_metrics; public.host_metrics_period, host_metrics.
-- Watch: bookings are read from stay_months alone, one row for each booking and month. A deferred trigger writes it, because the lines and
-- the cancellation of a booking are written after its event. Rows are closed, not deleted, so that pace can look back.

insert into private.errors (code, status, message, hint) values
    ('figures_not_yours', 403, 'You are not allowed to see the figures of these properties.', 'Send ids of properties that you host, or co-host with the level full.'),
    ('figures_of_none', 422, 'There is no list of properties.', 'Operators and services send p_properties.'),
    ('too_many_properties', 422, 'Figures are for at most {limit} properties at once.', 'Send fewer ids in p_properties, in several calls.'),
    ('unknown_period', 400, 'There is no period "{value}".', 'Send day, week or month as p_by.'),
    ('invalid_period_range', 400, 'Figures by day are for up to 400 days, others for up to 1,100 days, between 2000-01-01 and 2100-01-01.', 'Send p_from, and as p_until the day after the last.');

create type private.stay_outcome as enum ('unpaid', 'stay', 'cancelled_by_guest', 'cancelled_by_host', 'cancelled');
comment on type private.stay_outcome is 'What became of a booking: never paid; a stay, also one to come, or a no-show that the host is paid for; cancelled by its guest, its host, or otherwise.';

create table private.stay_months (
    booking_id uuid not null constraint stay_months_booking_fkey references private.bookings (id) on delete restrict,
    property_id uuid not null constraint stay_months_property_fkey references public.properties (id) on delete restrict,
    month date not null,
    valid_from timestamptz not null,
    valid_until timestamptz not null default 'infinity',
    currency text not null constraint stay_months_currency_fkey references public.currencies (code) on delete restrict,
    outcome private.stay_outcome not null,
    check_in date not null,
    nights smallint not null,
    lead_days integer not null,
    sold_nights smallint not null,
    units smallint not null default 1,
    revenue bigint not null,
    first_night date,
    night_revenues bigint[] not null,
    constraint stay_months_pkey primary key (booking_id, month, valid_from)
);
comment on table private.stay_months is
    'The nights and revenue of each booking in each month, for figures. One row a month for a stay; one row in the month of check_in for a booking that was not paid or was cancelled.';
comment on column private.stay_months.month is 'First day of the month.';
comment on column private.stay_months.valid_from is 'When the booking became so.';
comment on column private.stay_months.valid_until is 'When it changed; infinity for the present state.';
comment on column private.stay_months.check_in is 'First night of the whole stay.';
comment on column private.stay_months.nights is 'Nights of the whole stay.';
comment on column private.stay_months.lead_days is 'Days from the booking, in the property''s time zone, to check_in.';
comment on column private.stay_months.sold_nights is 'Nights in this month; 0 when the booking is no stay.';
comment on column private.stay_months.units is 'Units of the property that the booking has on each of these nights.';
comment on column private.stay_months.revenue is 'Rent of these nights after discounts, in minor units.';
comment on column private.stay_months.first_night is 'The first of these nights.';
comment on column private.stay_months.night_revenues is 'The revenue of each of these nights, in order.';
-- with all that figures need, so that a year of them reads no row of the table; the rows of a property lie far apart
create index stay_months_property_id_idx on private.stay_months (property_id, month)
    include (valid_until, check_in, lead_days, outcome, sold_nights, units, nights, revenue, currency, night_revenues);
create index stay_months_currency_idx on private.stay_months (currency);
alter table private.stay_months enable row level security;

create function private.night_revenues(p_booking private.bookings) returns bigint[]
language sql stable
set search_path = ''
as $$
    -- differences of rounded running totals, so that the nights sum to the rent
    select array_agg(
        private.proportion(r.amount, n.passed, t.total, r.step) - private.proportion(r.amount, n.passed - n.price, t.total, r.step)
        order by n.position
    )
    from (
        select u.price, u.position, sum(u.price) over (order by u.position)::bigint as passed
        from unnest(p_booking.night_prices) with ordinality as u (price, position)
    ) n
    cross join (select private.sum_of_nights(p_booking.night_prices) as total) t
    cross join (
        select
            coalesce((
                select sum(l.amount) from private.booking_line_items l
                where l.booking_id = p_booking.id and l.kind in ('nights', 'discount')
            ), 0)::bigint
            - coalesce((
                select sum(l.refund_amount) from public.cancellations c, unnest(c.lines) l
                where c.booking_id = p_booking.id and c.is_no_show and l.kind in ('nights', 'discount')
            ), 0)::bigint as amount,
            private.step_of(p_booking.currency) as step
    ) r
$$;
comment on function private.night_revenues is
    'The rent of each night of a booking after discounts, in minor units, in proportion to its prices; of a no-show, what was not refunded.';

create function private.insert_stay_months(
    p_booking private.bookings, p_outcome private.stay_outcome, p_booked_at timestamptz, p_valid_from timestamptz
) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_lead_days constant integer := p_booking.check_in - (p_booked_at at time zone p_booking.time_zone)::date;
begin
    if p_outcome = 'stay' then
        insert into private.stay_months (
            booking_id, property_id, month, valid_from, currency, outcome, check_in, nights, lead_days, sold_nights, units, revenue,
            first_night, night_revenues
        )
        select
            p_booking.id, p_booking.property_id, date_trunc('month', n.night::timestamp)::date, p_valid_from, p_booking.currency, p_outcome,
            p_booking.check_in, p_booking.nights, v_lead_days, count(*), p_booking.units, sum(n.revenue), min(n.night),
            array_agg(n.revenue order by n.night)
        from (
            select p_booking.check_in + u.position::integer - 1 as night, u.revenue
            from unnest(private.night_revenues(p_booking)) with ordinality as u (revenue, position)
        ) n
        group by 3;
    else
        insert into private.stay_months (
            booking_id, property_id, month, valid_from, currency, outcome, check_in, nights, lead_days, sold_nights, revenue, night_revenues
        ) values (
            p_booking.id, p_booking.property_id, date_trunc('month', p_booking.check_in::timestamp)::date, p_valid_from, p_booking.currency,
            p_outcome, p_booking.check_in, p_booking.nights, v_lead_days, 0, 0, '{}'
        );
    end if;
end
$$;
comment on function private.insert_stay_months is 'Inserts the rows of a booking with this outcome, as from p_valid_from.';

create function private.record_stay_months() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_booked_at timestamptz;
    v_outcome private.stay_outcome;
    v_done text;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if new.event = 'created' then
        v_done := private.insert_stay_months(v_booking, 'unpaid', new.at, new.at);
        return null;
    end if;
    v_outcome := case
        when new.to_status in ('confirmed', 'completed') then 'stay'
        when new.to_status = 'no_show' then case
            when exists (select from public.cancellations c where c.booking_id = new.booking_id and c.host_amount > 0) then 'stay'
            else 'cancelled'
        end
        when new.actor = 'guest' then 'cancelled_by_guest'
        when new.actor = 'host' then 'cancelled_by_host'
        else 'cancelled'
    end;
    select e.at into v_booked_at from private.booking_events e where e.booking_id = new.booking_id order by e.id limit 1;
    -- nothing looks back at a booking that was not paid
    delete from private.stay_months s where s.booking_id = new.booking_id and s.sold_nights = 0;
    update private.stay_months s set valid_until = new.at where s.booking_id = new.booking_id and s.valid_until = 'infinity';
    delete from private.stay_months s where s.booking_id = new.booking_id and s.valid_from >= new.at;
    perform private.insert_stay_months(v_booking, v_outcome, v_booked_at, new.at);
    return null;
end
$$;
comment on function private.record_stay_months is
    'Trigger: writes stay_months when a booking is made, paid, altered, cancelled or a no-show. Definer, because no API role may write it.';

create constraint trigger _200_record_stay_months after insert on private.booking_events
    deferrable initially deferred for each row
    when (new.event <> 'status_changed' or new.to_status in ('confirmed', 'cancelled', 'no_show'))
    execute function private.record_stay_months();

create function private.figure_properties(p_properties uuid[]) returns uuid[]
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_limit constant integer := 2000;
    v_ids uuid[] := array(select distinct u.id from unnest(p_properties) as u (id) where u.id is not null);
    v_may_read uuid[];
begin
    if cardinality(v_ids) > v_limit then
        perform private.raise_error('too_many_properties', jsonb_build_object('limit', v_limit));
    elsif auth.uid() is null or private.is_operator() then
        if v_ids = '{}' then
            perform private.raise_error('figures_of_none');
        end if;
        v_may_read := array(select p.id from public.properties p where p.id = any (v_ids));
    elsif p_properties is null then
        -- as my_properties, whose nested sets cost more than the query
        v_may_read := array(
            select p.id from public.properties p where p.host_id = auth.uid()
            union all
            select c.property_id from public.co_hosts c where c.profile_id = auth.uid() and c.level = 'full'
        );
    else
        v_may_read := array(select u.id from unnest(v_ids) as u (id) intersect select private.my_properties('full'));
    end if;
    if v_may_read = '{}' or cardinality(v_may_read) < cardinality(v_ids) then
        perform private.raise_error('figures_not_yours');
    end if;
    return v_may_read;
end
$$;
comment on function private.figure_properties is
    'The properties of p_properties, or all whose figures the caller may see: those that the caller hosts, or co-hosts at level full; for operators and services any. Definer, because it reads behind the policies.';

create function private.newest_rate(p_from text, p_to text, out rate numeric, out valid_from timestamptz)
language plpgsql stable
set search_path = ''
as $$
begin
    if p_from = p_to then
        rate := 1;
    else
        select r.rate, r.valid_from into rate, valid_from
        from public.exchange_rates r
        where r.from_currency = p_from and r.to_currency = p_to and r.valid_from <= now()
        order by r.valid_from desc
        limit 1;
    end if;
end
$$;
comment on function private.newest_rate is 'The exchange rate that is valid now, and since when; nulls when there is none.';

create type public.host_metrics_period as (
    period_start date,
    period_end date,
    currency text,
    total_nights integer,
    sold_nights integer,
    blocked_nights integer,
    channel_nights integer,
    direct_nights integer,
    owner_nights integer,
    occupancy_percent numeric,
    adjusted_occupancy_percent numeric,
    channel_occupancy_percent numeric,
    revenue bigint,
    outside_revenue bigint,
    adr bigint,
    revpar bigint,
    adjusted_revpar bigint,
    stays integer,
    lead_time_days integer,
    average_nights numeric,
    quotes integer,
    bookings_begun integer,
    bookings_paid integer,
    paid_percent numeric,
    quote_paid_percent numeric,
    cancelled_by_guest integer,
    cancelled_by_host integer,
    guest_cancellation_percent numeric,
    host_cancellation_percent numeric,
    converted_currency text,
    converted_revenue bigint,
    exchange_rate numeric,
    rate_valid_from timestamptz
);
comment on type public.host_metrics_period is 'The figures of properties for a period, in one currency; amounts in minor units, percentages with two decimals.';
comment on column public.host_metrics_period.period_start is 'First day.';
comment on column public.host_metrics_period.period_end is 'The day after the last.';
comment on column public.host_metrics_period.currency is 'ISO 4217 code of the amounts. Nights that were not sold count in the currency that their property has now.';
comment on column public.host_metrics_period.total_nights is 'Nights of the properties, each night of each of their units, from the first publication, or the first stay if that was earlier, until they were archived.';
comment on column public.host_metrics_period.sold_nights is 'Nights of stays that were paid, once for each unit, also of those to come and of no-shows that the host is paid for. A cancelled stay has none.';
comment on column public.host_metrics_period.blocked_nights is 'Nights that the host blocked.';
comment on column public.host_metrics_period.channel_nights is 'Nights of stays on other platforms, without those that a booking or the host has, too; also of own bookings with the origin channel.';
comment on column public.host_metrics_period.direct_nights is 'Nights of own bookings by phone and at the door.';
comment on column public.host_metrics_period.owner_nights is 'Nights of stays of the owner. They count as blocked, and are no sold nights.';
comment on column public.host_metrics_period.occupancy_percent is 'sold_nights of total_nights.';
comment on column public.host_metrics_period.adjusted_occupancy_percent is 'sold_nights of the nights that were neither blocked nor the owner''s.';
comment on column public.host_metrics_period.channel_occupancy_percent is 'sold_nights, channel_nights and direct_nights of the nights that were neither blocked nor the owner''s.';
comment on column public.host_metrics_period.revenue is 'Rent of the sold nights after discounts, in proportion to the nights; without fees, taxes and platform fee.';
comment on column public.host_metrics_period.outside_revenue is 'Prices of own bookings, in proportion to their nights in the period. Paid outside, and in no other figure.';
comment on column public.host_metrics_period.adr is 'Average daily rate: revenue for each sold night.';
comment on column public.host_metrics_period.revpar is 'Revenue for each of total_nights.';
comment on column public.host_metrics_period.adjusted_revpar is 'Revenue for each night that was neither blocked nor the owner''s.';
comment on column public.host_metrics_period.stays is 'Stays with a night in the period.';
comment on column public.host_metrics_period.lead_time_days is 'Median of the days from booking to check-in of these stays.';
comment on column public.host_metrics_period.average_nights is 'Average nights of these stays.';
comment on column public.host_metrics_period.quotes is 'Quotes for a check-in in the period that apps reported by report_quote: a property at most once a day for a visitor. They count in the currency that the property has now.';
comment on column public.host_metrics_period.bookings_begun is 'Unpaid holds and requests for a check-in in the period, with those that were paid later.';
comment on column public.host_metrics_period.bookings_paid is 'Bookings of these that were paid, also when cancelled later.';
comment on column public.host_metrics_period.paid_percent is 'bookings_paid of bookings_begun.';
comment on column public.host_metrics_period.quote_paid_percent is 'bookings_paid of quotes: the conversion from quote to paid. Null without reported quotes; too high when an app reports only some.';
comment on column public.host_metrics_period.cancelled_by_guest is 'Bookings of these that the guest cancelled.';
comment on column public.host_metrics_period.cancelled_by_host is 'Bookings of these that the host cancelled.';
comment on column public.host_metrics_period.guest_cancellation_percent is 'cancelled_by_guest of bookings_paid.';
comment on column public.host_metrics_period.host_cancellation_percent is 'cancelled_by_host of bookings_paid.';
comment on column public.host_metrics_period.converted_currency is 'p_currency; null without it.';
comment on column public.host_metrics_period.converted_revenue is 'Revenue in converted_currency, at exchange_rate; null without a rate.';
comment on column public.host_metrics_period.exchange_rate is 'Units of converted_currency for one unit of currency: the newest rate.';
comment on column public.host_metrics_period.rate_valid_from is 'The date of that rate; null when both currencies are the same.';

create function private.metrics_range(p_from text, p_until text, p_by text) returns date[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[p_from, p_until], array['p_from', 'p_until']);
begin
    if p_by is null or p_by not in ('day', 'week', 'month') then
        perform private.raise_error('unknown_period', jsonb_build_object('value', left(p_by, 40)));
    end if;
    if (
        v_days[1] >= '2000-01-01' and v_days[2] <= '2100-01-01' and v_days[2] - v_days[1] between 1 and (case p_by when 'day' then 400 else 1100 end)
    ) is not true then
        perform private.raise_error('invalid_period_range');
    end if;
    return v_days;
end
$$;
grant execute on function private.metrics_range to authenticated, service_role;
comment on function private.metrics_range is 'The dates of a range of figures; raises an error when they or the period are wrong.';

create function private.percentage(p_part bigint, p_whole bigint) returns numeric
language sql immutable
set search_path = ''
as $$
    select round(100.0 * p_part / nullif(p_whole, 0), 2)
$$;
comment on function private.percentage is 'p_part of p_whole in per cent, to two decimals; null when p_whole is 0.';

create function private.host_metrics(p_from date, p_until date, p_by text, p_properties uuid[], p_currency text)
returns setof public.host_metrics_period
language plpgsql stable security definer rows 12
set search_path = ''
-- planning takes a sixth of the time of a year of 500 properties; without their number the planner would sort all stays to group them,
-- and read rows that the index has
set plan_cache_mode = force_generic_plan
set enable_sort = off
set enable_bitmapscan = off
as $$
#variable_conflict use_column
declare
    v_ids constant uuid[] := private.figure_properties(p_properties);
    v_starts constant date[] := array(
        select greatest(d.day::date, p_from)
        from generate_series(
            date_trunc(p_by, p_from::timestamp), p_until::timestamp - interval '1 day', ('1 ' || p_by)::interval
        ) as d (day)
        order by 1
    );
    v_ends constant date[] := v_starts[2:] || p_until;
    -- days of a period, and days of the first before p_from; months differ
    v_length constant integer := case p_by when 'day' then 1 when 'week' then 7 end;
    v_offset constant integer := case p_by when 'week' then extract(isodow from p_from) - 1 else 0 end;
    v_first_month constant date := date_trunc('month', p_from::timestamp)::date;
    -- the months that are whole periods; those before and after them are read night by night
    v_whole_from date := date_trunc('month', p_from::timestamp + interval '1 month - 1 day')::date;
    v_whole_until date := date_trunc('month', p_until::timestamp)::date;
begin
    if p_currency is not null and not exists (select from public.currencies c where c.code = p_currency) then
        perform private.raise_error('unknown_currency', jsonb_build_object('field', 'p_currency', 'value', left(p_currency, 40)));
    end if;
    if p_by <> 'month' or v_whole_from >= v_whole_until then
        v_whole_from := v_first_month;
        v_whole_until := v_first_month;
    end if;
    return query
    with listed as materialized (
        select
            p.id, p.currency, p.unit_count,
            -- units have spaces of their own; of a linked property's rows those in its own space count
            case when p.unit_count = 1 then array[p.id] else array(select s.id from private.spaces s where s.property_id = p.id) end as spaces,
            -- an imported property can have stays from before it was published
            greatest(p_from, case when l.published_on <= p_from then p_from else least(l.published_on, (
                select s.first_night from private.stay_months s
                where s.property_id = p.id and s.sold_nights > 0
                order by s.month
                limit 1
            )) end) as starts,
            case when p.status = 'archived' then (
                select least(p_until, (max(e.at) at time zone p.time_zone)::date)
                from private.property_events e
                where e.property_id = p.id and e.to_status = 'archived'
            ) else p_until end as ends
        from public.properties p
        cross join lateral (select (p.published_at at time zone p.time_zone)::date as published_on) l
        where p.id = any (v_ids) and p.published_at is not null
    ),
    totals as (
        select
            r.period, l.currency,
            sum(l.units * greatest(0, least(v_ends[r.period], l.ends) - greatest(v_starts[r.period], l.starts)))::bigint as nights
        from generate_subscripts(v_starts, 1) as r (period)
        -- few rows: most properties are listed all the time
        cross join (select l.currency, l.starts, l.ends, sum(l.unit_count) as units from listed l group by 1, 2, 3) l
        group by 1, 2
    ),
    blocks as (
        select
            r.period, l.currency, o.use,
            sum(least(o.check_out, l.ends, v_ends[r.period]) - greatest(o.check_in, l.starts, v_starts[r.period]))::bigint as nights
        from listed l
        -- lateral with offset 0, so that each property is looked up by index, however wrong the planner's guess
        cross join lateral (
            select 'blocked' as use, o.check_in, o.check_out
            from public.occupancies o
            where o.space_id = any (l.spaces) and o.property_id = l.id and o.kind = 'host_block' and o.check_out > l.starts and o.check_in < l.ends
            union all
            -- each night once, and none that a booking or the host has, too
            select 'channel', lower(r.nights), upper(r.nights)
            from (
                select o.space_id, range_agg(daterange(o.check_in, o.check_out)) as nights
                from public.occupancies o
                where
                    o.space_id = any (l.spaces) and o.property_id = l.id and o.kind = 'external_block'
                    and o.check_out > l.starts and o.check_in < l.ends
                group by o.space_id
            ) e
            cross join lateral unnest(e.nights - coalesce((
                select range_agg(daterange(o.check_in, o.check_out))
                from public.occupancies o
                where
                    o.space_id = e.space_id and o.property_id = l.id and o.kind <> 'external_block' and o.expires_at is null
                    and o.check_out > l.starts and o.check_in < l.ends
            ), '{}')) as r (nights)
            union all
            select case when w.origin in ('owner', 'channel') then w.origin::text else 'direct' end, w.check_in, w.check_out
            from private.own_booking_states w
            where
                w.property_id = l.id and w.check_out > l.starts and w.check_in < l.ends and w.valid_until = 'infinity' and w.has_nights
            offset 0
        ) o
        cross join lateral generate_series(
            width_bucket(greatest(o.check_in, l.starts), v_starts), width_bucket(least(o.check_out, l.ends) - 1, v_starts)
        ) as r (period)
        group by 1, 2, 3
    ),
    partly as materialized (
        select s.month, s.check_in, s.lead_days, s.outcome, s.sold_nights, s.units, s.nights, s.currency, s.night_revenues
        from unnest(v_ids) as u (id)
        cross join lateral (
            select s.*
            from private.stay_months s
            where
                s.property_id = u.id and s.month >= v_first_month and s.month < p_until and s.valid_until = 'infinity'
                and not (s.month >= v_whole_from and s.month < v_whole_until)
            offset 0
        ) s
        where v_first_month < v_whole_from or v_whole_until < p_until
    ),
    parts as (
        -- whole months, summed up as they are stored
        select
            width_bucket(s.month, v_starts) as period, s.currency, sum(s.sold_nights * s.units) as nights, sum(s.revenue) as revenue,
            count(*) filter (where s.sold_nights > 0) as stays, sum(s.nights) filter (where s.sold_nights > 0) as lengths,
            array_agg(s.lead_days) filter (where s.sold_nights > 0) as lead_days,
            count(*) filter (where s.check_in >= s.month) as begun,
            count(*) filter (where s.check_in >= s.month and s.outcome <> 'unpaid') as paid,
            count(*) filter (where s.check_in >= s.month and s.outcome = 'cancelled_by_guest') as by_guest,
            count(*) filter (where s.check_in >= s.month and s.outcome = 'cancelled_by_host') as by_host
        from unnest(v_ids) as u (id)
        join private.stay_months s
            on s.property_id = u.id and s.month >= v_whole_from and s.month < v_whole_until and s.valid_until = 'infinity'
        group by s.month, s.currency
        union all
        -- the others night by night; a stay counts in the period of its first night there
        select
            n.period, n.currency, sum(n.units), sum(n.revenue), count(*) filter (where n.is_stay), sum(n.nights) filter (where n.is_stay),
            array_agg(n.lead_days) filter (where n.is_stay), 0, 0, 0, 0
        from (
            select m.*, v_length = 1 or m.day = greatest(m.check_in, v_starts[m.period]) - p_from as is_stay
            from (
                select
                    d.*,
                    -- as width_bucket finds it, which takes longer
                    case when v_length is null then width_bucket(p_from + d.day, v_starts) else (d.day + v_offset) / v_length + 1 end as period
                from (
                    -- in a select list, because a function in from takes three times as long for so few nights
                    select
                        s.currency, s.check_in, s.lead_days, s.nights, s.units, unnest(s.night_revenues) as revenue,
                        generate_series(
                            greatest(s.month, s.check_in) - p_from, greatest(s.month, s.check_in) - p_from + s.sold_nights - 1
                        ) as day
                    from partly s
                ) d
                where d.day >= 0 and d.day < p_until - p_from
                offset 0
            ) m
        ) n
        group by n.period, n.currency
        union all
        select
            width_bucket(s.check_in, v_starts), s.currency, 0, 0, 0, 0, null, count(*), count(*) filter (where s.outcome <> 'unpaid'),
            count(*) filter (where s.outcome = 'cancelled_by_guest'), count(*) filter (where s.outcome = 'cancelled_by_host')
        from partly s
        where s.check_in >= greatest(s.month, p_from) and s.check_in < p_until
        group by 1, 2
    ),
    sums as (
        select
            p.period, p.currency, sum(p.nights)::bigint as nights, sum(p.revenue)::bigint as revenue, sum(p.stays)::bigint as stays,
            -- one part has the stays of a period
            (select percentile_disc(0.5) within group (order by d.days) from unnest(max(p.lead_days)) as d (days)) as lead_days,
            sum(p.lengths) as lengths, sum(p.begun)::bigint as begun, sum(p.paid)::bigint as paid, sum(p.by_guest)::bigint as by_guest,
            sum(p.by_host)::bigint as by_host
        from parts p
        group by 1, 2
    ),
    quotes as (
        select width_bucket(q.month, v_starts) as period, l.currency, sum(q.quotes)::bigint as quotes
        from listed l
        join private.quote_counts q on q.property_id = l.id and q.month >= v_whole_from and q.month < v_whole_until
        group by q.month, l.currency
        union all
        select width_bucket(d.day, v_starts), d.currency, sum(d.quotes)
        from (
            select l.currency, q.month + generate_series(0, 30) as day, unnest(q.by_day) as quotes
            from listed l
            join private.quote_counts q
                on q.property_id = l.id and q.month >= v_first_month and q.month < p_until
                and not (q.month >= v_whole_from and q.month < v_whole_until)
        ) d
        where d.quotes > 0 and d.day >= p_from and d.day < p_until
        group by 1, 2
    ),
    -- an own booking's price, as differences of rounded running totals, so that the nights sum to it
    outside as (
        select
            r.period, o.currency,
            sum(
                private.proportion(o.price, least(o.check_out, v_ends[r.period]) - o.check_in, o.check_out - o.check_in)
                - private.proportion(o.price, greatest(o.check_in, v_starts[r.period]) - o.check_in, o.check_out - o.check_in)
            )::bigint as revenue
        from unnest(v_ids) as u (id)
        cross join lateral (
            select w.check_in, w.check_out, w.price, w.currency
            from private.own_booking_states w
            where
                w.property_id = u.id and w.check_out > p_from and w.check_in < p_until and w.valid_until = 'infinity'
                and w.price is not null
            offset 0
        ) o
        cross join lateral generate_series(
            width_bucket(greatest(o.check_in, p_from), v_starts), width_bucket(least(o.check_out, p_until) - 1, v_starts)
        ) as r (period)
        group by 1, 2
    ),
    keys as (
        select period, currency from totals
        union
        select period, currency from outside
        union
        select period, currency from sums
        union
        select period, currency from quotes
    ),
    currencies as (
        select k.currency, r.rate, r.valid_from
        from (select distinct currency from keys) k
        cross join lateral private.newest_rate(k.currency, p_currency) r
    )
    select
        v_starts[k.period], v_ends[k.period], k.currency, coalesce(t.nights, 0)::integer, coalesce(s.nights, 0)::integer, coalesce(h.nights, 0)::integer,
        coalesce(e.nights, 0)::integer, coalesce(d.nights, 0)::integer, coalesce(w.nights, 0)::integer,
        private.percentage(coalesce(s.nights, 0), t.nights),
        private.percentage(coalesce(s.nights, 0), a.nights),
        private.percentage(coalesce(s.nights, 0) + coalesce(e.nights, 0) + coalesce(d.nights, 0), a.nights),
        coalesce(s.revenue, 0), coalesce(o.revenue, 0),
        private.proportion(s.revenue, 1, nullif(s.nights, 0)),
        private.proportion(coalesce(s.revenue, 0), 1, nullif(t.nights, 0)),
        private.proportion(coalesce(s.revenue, 0), 1, nullif(a.nights, 0)),
        coalesce(s.stays, 0)::integer, s.lead_days, round(s.lengths::numeric / nullif(s.stays, 0), 2),
        coalesce(q.quotes, 0)::integer, coalesce(s.begun, 0)::integer, coalesce(s.paid, 0)::integer, private.percentage(s.paid, s.begun),
        private.percentage(coalesce(s.paid, 0), q.quotes),
        coalesce(s.by_guest, 0)::integer, coalesce(s.by_host, 0)::integer, private.percentage(s.by_guest, s.paid),
        private.percentage(s.by_host, s.paid),
        p_currency, private.convert_amount(coalesce(s.revenue, 0), k.currency, p_currency, c.rate), c.rate, c.valid_from
    from keys k
    join currencies c on c.currency = k.currency
    left join totals t on (t.period, t.currency) = (k.period, k.currency)
    left join sums s on (s.period, s.currency) = (k.period, k.currency)
    left join quotes q on (q.period, q.currency) = (k.period, k.currency)
    left join outside o on (o.period, o.currency) = (k.period, k.currency)
    left join blocks h on (h.period, h.currency) = (k.period, k.currency) and h.use = 'blocked'
    left join blocks e on (e.period, e.currency) = (k.period, k.currency) and e.use = 'channel'
    left join blocks d on (d.period, d.currency) = (k.period, k.currency) and d.use = 'direct'
    left join blocks w on (w.period, w.currency) = (k.period, k.currency) and w.use = 'owner'
    cross join lateral (select t.nights - coalesce(h.nights, 0) - coalesce(w.nights, 0) as nights) a
    order by k.period, k.currency;
end
$$;
grant execute on function private.host_metrics to authenticated, service_role;
comment on function private.host_metrics is 'See public.host_metrics. Definer, because no API role may read stay_months.';

create function public.host_metrics(
    p_from text, p_until text, p_by text default 'month', p_properties uuid[] default null, p_currency text default null
) returns setof public.host_metrics_period
language plpgsql stable rows 12
set search_path = ''
as $$
declare
    v_days constant date[] := private.metrics_range(p_from, p_until, p_by);
begin
    return query select * from private.host_metrics(v_days[1], v_days[2], p_by, p_properties, p_currency);
end
$$;
grant execute on function public.host_metrics to authenticated, service_role;
comment on function public.host_metrics is
    'Returns the figures of properties from p_from until the day before p_until (YYYY-MM-DD) by day, week (from Monday) or month, a row for each period and currency. p_properties: all that the caller hosts, or co-hosts at level full, when left out; operators send it. With p_currency, converted_revenue shows revenue at the newest exchange rate, and from when that is. At most 400 days, and by week or month 1,100. `Accept: text/csv` gives a table.';
