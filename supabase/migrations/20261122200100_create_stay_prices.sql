-- Purpose: what a stay costs, line by line, to the minor unit.
-- Touches: private.platform_fees, public.quote_line, private.proportion, private.price_stay.
-- Watch: every line is rounded once, half up; totals are sums of lines and never computed another way. Order: nights, one
-- discount, fees, taxes, platform fee. Of infants nothing is counted; guests are adults and children.

create type public.line_kind as enum (
    'nights', 'discount', 'cleaning', 'extra_guests', 'pets', 'fee', 'tax', 'guest_platform_fee', 'host_platform_fee'
);
comment on type public.line_kind is 'What a line of a quote or booking is for, in the order of lines.';

create type public.quote_line as (
    kind public.line_kind,
    description text,
    quantity integer,
    unit_amount bigint,
    percent numeric,
    amount bigint,
    host_amount bigint,
    included_amount bigint
);
comment on type public.quote_line is 'A line of a quote, in minor units of its currency.';
comment on column public.quote_line.description is 'What guests read.';
comment on column public.quote_line.quantity is 'Nights, guests or times; quantity times unit_amount is the amount.';
comment on column public.quote_line.unit_amount is 'For one; of lines in per cent the whole amount.';
comment on column public.quote_line.percent is 'Of lines in per cent; null for others.';
comment on column public.quote_line.amount is 'What it adds to what the guest pays; negative for a discount; 0 for what prices include or the host pays.';
comment on column public.quote_line.host_amount is 'What it adds to what the host gets.';
comment on column public.quote_line.included_amount is 'A tax that prices include: how much of them it is. 0 for others.';

create table private.platform_fees (
    valid_from timestamptz constraint platform_fees_pkey primary key default now(),
    guest_percent numeric(6, 4) not null constraint platform_fees_guest_percent_range check (guest_percent between 0 and 50),
    host_percent numeric(6, 4) not null constraint platform_fees_host_percent_range check (host_percent between 0 and 50)
);
comment on table private.platform_fees is
    'What the platform takes of rent and fees, before taxes. The newest row that is valid counts; a quote or booking keeps what it was made with. A guest percentage of 0 is host-only, any other is split.';
alter table private.platform_fees enable row level security;

insert into private.platform_fees (valid_from, guest_percent, host_percent) values ('2000-01-01 00:00+00', 0, 15.5);

create function private.proportion(p_amount bigint, p_part numeric, p_whole numeric) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
    -- whole numbers all the way, so that a half is a half
    return sign(p_amount) * div(2 * abs(p_amount) * p_part + p_whole, 2 * p_whole);
end
$$;
revoke execute on function private.proportion(bigint, numeric, numeric) from public;
comment on function private.proportion(bigint, numeric, numeric) is
    'p_amount times p_part by p_whole, rounded half up (of a negative amount: away from zero). The one place where money is rounded.';

create function private.stay_discount(
    p_property public.properties, p_nights integer, p_days_ahead integer, out description text, out percent smallint
)
language plpgsql immutable
set search_path = ''
as $$
begin
    if p_nights >= 28 and p_property.monthly_discount_percent > 0 then
        description := 'Monthly discount';
        percent := p_property.monthly_discount_percent;
    elsif p_nights >= 7 and p_property.weekly_discount_percent > 0 then
        description := 'Weekly discount';
        percent := p_property.weekly_discount_percent;
    elsif p_days_ahead >= p_property.early_bird_days and p_property.early_bird_discount_percent > 0 then
        description := 'Early-bird discount';
        percent := p_property.early_bird_discount_percent;
    elsif p_days_ahead < p_property.last_minute_days and p_property.last_minute_discount_percent > 0 then
        description := 'Last-minute discount';
        percent := p_property.last_minute_discount_percent;
    end if;
end
$$;
revoke execute on function private.stay_discount(public.properties, integer, integer) from public;
comment on function private.stay_discount(public.properties, integer, integer) is
    'The one discount of a stay: for its length, else early-bird, else last-minute; null when there is none.';

create function private.price_stay(
    p_property public.properties, p_check_in date, p_night_prices bigint[], p_guests integer, p_pets integer, p_now timestamptz
)
returns setof public.quote_line
language plpgsql stable
set search_path = ''
as $$
declare
    v_nights constant integer := cardinality(p_night_prices);
    v_line public.quote_line;
    v_row record;
    v_discount record;
    v_full_rent bigint;
    v_rent bigint;
    -- fees that every night adds to, and the others
    v_nightly_fees bigint := 0;
    v_flat_fees bigint := 0;
    v_taxed_nights integer;
    v_taxed_rent numeric;
    v_taxed_fees numeric;
    -- taxes that prices include, in per cent of rent and of fees without tax
    v_rent_included numeric := 0;
    v_fees_included numeric := 0;
begin
    v_line.included_amount := 0;
    v_line.kind := 'nights';
    for v_row in
        select n.price, count(*) as nights from unnest(p_night_prices) with ordinality as n (price, position)
        group by n.price
        order by min(n.position)
    loop
        v_line.description := case when v_row.nights = 1 then '1 night' else format('%s nights', v_row.nights) end;
        v_line.quantity := v_row.nights;
        v_line.unit_amount := v_row.price;
        v_line.amount := v_row.nights * v_row.price;
        v_line.host_amount := v_line.amount;
        return next v_line;
    end loop;
    v_full_rent := (select sum(n.price) from unnest(p_night_prices) as n (price));
    v_rent := v_full_rent;

    v_discount := private.stay_discount(
        p_property, v_nights, p_check_in - (p_now at time zone coalesce(p_property.time_zone, 'UTC'))::date
    );
    if v_discount.percent > 0 then
        v_line.kind := 'discount';
        v_line.description := v_discount.description;
        v_line.quantity := 1;
        v_line.percent := v_discount.percent;
        v_line.amount := -private.proportion(v_full_rent, v_discount.percent, 100);
        v_line.unit_amount := v_line.amount;
        v_line.host_amount := v_line.amount;
        v_rent := v_rent + v_line.amount;
        return next v_line;
        v_line.percent := null;
    end if;

    for v_row in
        select f.kind, f.name, f.unit, f.quantity, f.is_nightly
        from (
            select
                case t.kind when 'cleaning' then 'cleaning' when 'pet' then 'pets' else 'fee' end::public.line_kind as kind,
                t.name, t.amount as unit, t.created_at, t.id,
                case t.charge
                    when 'per_booking' then 1
                    when 'per_night' then v_nights
                    when 'per_guest' then h.heads
                    else h.heads * v_nights
                end as quantity,
                t.charge in ('per_night', 'per_guest_night') as is_nightly
            from public.property_fees t
            cross join lateral (select case t.kind when 'pet' then p_pets else p_guests end as heads) h
            where t.property_id = p_property.id and (t.kind <> 'pet' or p_pets > 0)
            union all
            select
                'extra_guests', 'Extra guests', p_property.extra_guest_price, null, null,
                (p_guests - p_property.extra_guests_after) * v_nights, true
            where p_property.extra_guest_price > 0 and p_guests > p_property.extra_guests_after
        ) f
        order by f.kind, f.created_at, f.name, f.id
    loop
        v_line.kind := v_row.kind;
        v_line.description := v_row.name;
        v_line.quantity := v_row.quantity;
        v_line.unit_amount := v_row.unit;
        v_line.amount := v_row.quantity * v_row.unit;
        v_line.host_amount := v_line.amount;
        if v_row.is_nightly then
            v_nightly_fees := v_nightly_fees + v_line.amount;
        else
            v_flat_fees := v_flat_fees + v_line.amount;
        end if;
        return next v_line;
    end loop;

    v_line.kind := 'tax';
    for v_row in
        select
            t.*,
            sum(t.percent) filter (where t.is_inclusive and t.applies_to in ('all', 'rent')) over () as rent_included,
            sum(t.percent) filter (where t.is_inclusive and t.applies_to in ('all', 'fees')) over () as fees_included
        from public.property_taxes t
        where t.property_id = p_property.id and v_nights < coalesce(t.exempt_from_nights, v_nights + 1)
        order by t.created_at, t.name, t.id
    loop
        v_taxed_nights := least(v_nights, v_row.max_nights);
        v_line.description := v_row.name;
        if v_row.charge = 'percent' then
            v_rent_included := coalesce(v_row.rent_included, 0);
            v_fees_included := coalesce(v_row.fees_included, 0);
            -- both over v_full_rent * v_nights, so that nothing is divided before the line is rounded
            v_taxed_rent := case when v_row.applies_to = 'fees' then 0 else
                (select sum(n.price) from unnest(p_night_prices[:v_taxed_nights]) as n (price)) * v_rent * v_nights end;
            v_taxed_fees := case when v_row.applies_to = 'rent' then 0 else
                (v_flat_fees::numeric * v_nights + v_nightly_fees * v_taxed_nights) * v_full_rent end;
            v_line.quantity := 1;
            v_line.percent := trim_scale(v_row.percent);
            v_line.unit_amount := case
                when v_row.is_inclusive then private.proportion(
                    1,
                    (v_taxed_rent * (100 + v_fees_included) + v_taxed_fees * (100 + v_rent_included)) * v_row.percent,
                    v_full_rent::numeric * v_nights * (100 + v_rent_included) * (100 + v_fees_included)
                )
                else private.proportion(1, (v_taxed_rent + v_taxed_fees) * v_row.percent, v_full_rent::numeric * v_nights * 100)
            end;
        else
            v_line.quantity := case v_row.charge
                when 'per_booking' then 1
                when 'per_night' then v_taxed_nights
                when 'per_guest' then p_guests
                else p_guests * v_taxed_nights
            end;
            v_line.percent := null;
            v_line.unit_amount := v_row.amount;
        end if;
        v_line.included_amount := case when v_row.is_inclusive then v_line.quantity * v_line.unit_amount else 0 end;
        v_line.amount := v_line.quantity * v_line.unit_amount - v_line.included_amount;
        v_line.host_amount := v_line.amount;
        return next v_line;
    end loop;
    v_line.included_amount := 0;

    select f.guest_percent, f.host_percent into v_row
    from private.platform_fees f
    where f.valid_from <= p_now
    order by f.valid_from desc
    limit 1;
    v_line.quantity := 1;
    if v_row.guest_percent > 0 then
        v_line.kind := 'guest_platform_fee';
        v_line.description := 'Service fee';
        v_line.percent := trim_scale(v_row.guest_percent);
        v_line.unit_amount := private.proportion(v_rent + v_nightly_fees + v_flat_fees, v_row.guest_percent, 100);
        v_line.amount := v_line.unit_amount;
        v_line.host_amount := 0;
        return next v_line;
    end if;
    if v_row.host_percent > 0 then
        v_line.kind := 'host_platform_fee';
        v_line.description := 'Host service fee';
        v_line.percent := trim_scale(v_row.host_percent);
        v_line.unit_amount := -private.proportion(v_rent + v_nightly_fees + v_flat_fees, v_row.host_percent, 100);
        v_line.amount := 0;
        v_line.host_amount := v_line.unit_amount;
        return next v_line;
    end if;
end
$$;
revoke execute on function private.price_stay(public.properties, date, bigint[], integer, integer, timestamptz) from public;
comment on function private.price_stay(public.properties, date, bigint[], integer, integer, timestamptz) is
    'The lines of a stay of which each night has its price. p_now decides about early-bird and last-minute, on the property''s clock. A tax of limited nights counts their rent, what every night adds, and flat fees whole; a tax that prices include is taken out of them beside the others that they include. Called by functions of the owner.';
