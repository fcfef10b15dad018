-- Purpose: the price of a stay, line by line, to the step of its currency.
-- Touches: public.line_kind, public.quote_line, private.platform_fees, proportion, sum_of_nights, stay_discount, priced_ages, paying_guests, price_stay.
-- Watch: price_stay decides what a stay costs. Each line is rounded once, half up, to the currency's step; totals are sums of lines. find_properties has a
-- second form of guest_total: 04510-search-many.sql proves that both agree. Order: nights, one discount, fees, taxes, platform fee.
-- Guests are adults and children; infants are not counted. A child of unknown age pays like one of 17: the most that it can be.

create type public.line_kind as enum (
    'nights', 'discount', 'cleaning', 'extra_guests', 'pets', 'fee', 'tax', 'guest_platform_fee', 'host_platform_fee'
);
comment on type public.line_kind is 'What a line of a quote or booking charges, in the order of lines.';

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
comment on type public.quote_line is 'A line of a quote; amounts in minor units of its currency.';
comment on column public.quote_line.description is 'Text for guests.';
comment on column public.quote_line.quantity is 'Number of nights or guests, or their product. The amount is quantity times unit_amount.';
comment on column public.quote_line.unit_amount is 'Amount of one unit; for percentages the whole amount.';
comment on column public.quote_line.percent is 'The percentage; null for fixed amounts.';
comment on column public.quote_line.amount is 'What the guest pays for it; negative for a discount, 0 for included taxes and for fees of the host.';
comment on column public.quote_line.host_amount is 'What the host receives for it; negative for a discount or a fee of the host.';
comment on column public.quote_line.included_amount is 'The part of the prices that is an included tax; 0 for other lines.';

create table private.platform_fees (
    valid_from timestamptz constraint platform_fees_pkey primary key default now(),
    guest_percent numeric(6, 4) not null constraint platform_fees_guest_percent_range check (guest_percent between 0 and 50),
    host_percent numeric(6, 4) not null constraint platform_fees_host_percent_range check (host_percent between 0 and 50)
);
comment on table private.platform_fees is
    'Platform fees in per cent of rent and fees, before taxes. The row with the latest valid_from that has passed applies; bookings keep the fees of their quote.';
alter table private.platform_fees enable row level security;

insert into private.platform_fees (valid_from, guest_percent, host_percent) values ('2000-01-01 00:00+00', 0, 15.5);

create function private.proportion(p_amount bigint, p_part numeric, p_whole numeric, p_step bigint default 1) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
    if p_step > 1 then
        return p_step * private.proportion(p_amount, p_part, p_whole * p_step);
    end if;
    -- whole numbers only, so that a half is exact; div truncates towards zero
    return div(2 * p_amount * p_part + case when p_amount < 0 then -p_whole else p_whole end, 2 * p_whole);
end
$$;
comment on function private.proportion is
    'p_amount * p_part / p_whole, rounded half away from zero to a multiple of p_step: all shares of amounts are rounded here. Three other functions round money: convert_amount (between currencies), payable_amount (down) and search_properties (price_per_night, an average for display).';

create function private.sum_of_nights(p_night_prices bigint[]) returns bigint
language plpgsql immutable
set search_path = ''
as $$
declare
    v_sum bigint := 0;
    v_price bigint;
begin
    foreach v_price in array p_night_prices loop
        v_sum := v_sum + v_price;
    end loop;
    return v_sum;
end
$$;
comment on function private.sum_of_nights is 'The sum of night prices, in minor units.';

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
comment on function private.stay_discount is
    'The discount of a stay: monthly or weekly for its length, else early-bird, else last-minute. Nulls when there is none.';

create function private.priced_ages(p_children integer, p_children_ages integer[]) returns integer[]
language plpgsql immutable
set search_path = ''
as $$
begin
    return case when p_children_ages is null and p_children > 0 then array_fill(17, array[p_children]) else coalesce(p_children_ages, '{}') end;
end
$$;
comment on function private.priced_ages is 'The ages by which children pay: as they were given, else 17 for each.';

create function private.paying_guests(p_guests integer, p_children_ages integer[], p_exempt_under_age smallint) returns integer
language plpgsql immutable
set search_path = ''
as $$
begin
    return greatest(p_guests - (select count(*) from unnest(p_children_ages) a where a < p_exempt_under_age), 0);
end
$$;
comment on function private.paying_guests is 'How many of p_guests pay what exempts the children among them who are under an age.';

create function private.price_stay(
    p_property public.properties, p_check_in date, p_night_prices bigint[], p_guests integer, p_pets integer, p_now timestamptz,
    p_children_ages integer[] default '{}',
    p_units integer default 1,
    out lines public.quote_line[], out rent bigint, out discount bigint, out fees bigint, out taxes numeric,
    out guest_platform_fee bigint, out guest_total numeric, out host_platform_fee bigint, out host_total numeric,
    out charges_by_age text[]
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_nights constant integer := cardinality(p_night_prices);
    v_guest_percent numeric;
    v_host_percent numeric;
    v_step bigint;
    v_fees public.property_fees[];
    v_fee public.property_fees;
    v_taxes public.property_taxes[];
    v_tax public.property_taxes;
    -- nights that have no line yet
    v_nights_left bigint[] := p_night_prices;
    v_price bigint;
    v_discount record;
    v_quantity integer;
    v_payers integer;
    v_amount bigint;
    -- the part of the fees that depends on nights
    v_nightly_fees bigint := 0;
    v_price_of_stay bigint;
    v_added bigint;
    v_included bigint;
    v_taxed_nights integer;
    v_taxed_rent numeric;
    v_taxed_fees numeric;
    v_divisor numeric;
    -- included taxes, in per cent of rent and of fees without tax
    v_rent_included numeric;
    v_fees_included numeric;
begin
    select
        f.guest_percent, f.host_percent, (select c.step from public.currencies c where c.code = p_property.currency),
        array(
            select e from public.property_fees e
            -- the currency is always the property's; with it the index returns fees, and below taxes, in order
            where e.property_id = p_property.id and e.currency = p_property.currency and (e.kind <> 'pet' or p_pets > 0)
            order by e.kind, e.created_at, e.name, e.id
        ),
        array(
            select t from public.property_taxes t
            where t.property_id = p_property.id and t.currency = p_property.currency
                and (t.exempt_from_nights is null or t.exempt_from_nights > v_nights)
            order by t.created_at, t.name, t.id
        )
    into v_guest_percent, v_host_percent, v_step, v_fees, v_taxes
    from private.platform_fees f
    where f.valid_from <= p_now
    order by f.valid_from desc
    limit 1;

    rent := 0;
    while v_nights_left <> '{}' loop
        v_price := v_nights_left[1];
        v_quantity := cardinality(array_positions(v_nights_left, v_price)) * p_units;
        v_amount := v_quantity * v_price;
        rent := rent + v_amount;
        lines := lines || row(
            'nights',
            case v_quantity when p_units then '1 night' else v_quantity / p_units || ' nights' end
            || case p_units when 1 then '' else ', ' || p_units || ' units' end,
            v_quantity, v_price, null, v_amount, v_amount, 0
        )::public.quote_line;
        v_nights_left := array_remove(v_nights_left, v_price);
    end loop;

    discount := 0;
    -- most properties have no discount, and this check is cheaper than stay_discount
    if greatest(
        p_property.monthly_discount_percent, p_property.weekly_discount_percent,
        p_property.early_bird_discount_percent, p_property.last_minute_discount_percent
    ) > 0 then
        v_discount := private.stay_discount(
            p_property, v_nights, p_check_in - (p_now at time zone coalesce(p_property.time_zone, 'UTC'))::date
        );
        if v_discount.percent > 0 then
            discount := -private.proportion(rent, v_discount.percent, 100, v_step);
            lines := lines || row(
                'discount', v_discount.description, 1, discount, v_discount.percent, discount, discount, 0
            )::public.quote_line;
        end if;
    end if;

    fees := 0;
    charges_by_age := '{}';
    foreach v_fee in array v_fees loop
        v_quantity := case v_fee.kind when 'pet' then 1 else p_units end;
        if v_fee.charge in ('per_guest', 'per_guest_night') then
            v_quantity := case v_fee.kind when 'pet' then p_pets else p_guests end;
            if v_fee.exempt_under_age is not null then
                v_quantity := private.paying_guests(p_guests, p_children_ages, v_fee.exempt_under_age);
                if v_fee.exempt_under_age < 18 then
                    charges_by_age := charges_by_age || v_fee.name;
                end if;
            end if;
        end if;
        if v_fee.charge in ('per_night', 'per_guest_night') then
            v_quantity := v_quantity * v_nights;
            v_nightly_fees := v_nightly_fees + v_quantity * v_fee.amount;
        end if;
        v_amount := v_quantity * v_fee.amount;
        fees := fees + v_amount;
        lines := lines || row(
            case v_fee.kind when 'cleaning' then 'cleaning' when 'pet' then 'pets' else 'fee' end::public.line_kind,
            v_fee.name, v_quantity, v_fee.amount, null, v_amount, v_amount, 0
        )::public.quote_line;
    end loop;
    if p_property.extra_guest_price > 0 and p_guests > p_property.extra_guests_after * p_units then
        v_quantity := (p_guests - p_property.extra_guests_after * p_units) * v_nights;
        v_amount := v_quantity * p_property.extra_guest_price;
        fees := fees + v_amount;
        v_nightly_fees := v_nightly_fees + v_amount;
        lines := lines || row(
            'extra_guests', 'Extra guests', v_quantity, p_property.extra_guest_price, null, v_amount, v_amount, 0
        )::public.quote_line;
        lines := array(select lines[i] from generate_subscripts(lines, 1) i order by (lines[i]).kind, i);
    end if;
    v_price_of_stay := rent + discount + fees;

    taxes := 0;
    foreach v_tax in array v_taxes loop
        v_taxed_nights := least(v_nights, v_tax.max_nights);
        v_quantity := p_units;
        v_amount := v_tax.amount;
        v_payers := p_guests;
        if v_tax.exempt_under_age is not null then
            v_payers := private.paying_guests(p_guests, p_children_ages, v_tax.exempt_under_age);
            if v_tax.exempt_under_age < 18 then
                charges_by_age := charges_by_age || v_tax.name;
            end if;
        end if;
        if v_tax.charge = 'percent' then
            v_quantity := 1;
            v_taxed_rent := rent + discount;
            v_taxed_fees := fees;
            v_divisor := 1;
            if v_taxed_nights < v_nights then
                -- multiplied by rent * v_nights, so that nothing is divided before the line is rounded
                v_taxed_rent := v_taxed_rent * v_nights * private.sum_of_nights(p_night_prices[:v_taxed_nights]) * p_units;
                v_taxed_fees := ((fees - v_nightly_fees)::numeric * v_nights + v_nightly_fees * v_taxed_nights) * rent;
                v_divisor := rent::numeric * v_nights;
            end if;
            if v_tax.applies_to = 'rent' then
                v_taxed_fees := 0;
            elsif v_tax.applies_to = 'fees' then
                v_taxed_rent := 0;
            end if;
            if v_tax.is_inclusive then
                select
                    coalesce(sum(t.percent) filter (where t.applies_to <> 'fees'), 0),
                    coalesce(sum(t.percent) filter (where t.applies_to <> 'rent'), 0)
                into v_rent_included, v_fees_included
                from unnest(v_taxes) t
                where t.is_inclusive;
                v_taxed_rent := v_taxed_rent * (100 + v_fees_included);
                v_taxed_fees := v_taxed_fees * (100 + v_rent_included);
                v_divisor := v_divisor * (100 + v_rent_included) * (100 + v_fees_included);
            else
                v_divisor := v_divisor * 100;
            end if;
            v_amount := private.proportion(1, (v_taxed_rent + v_taxed_fees) * v_tax.percent, v_divisor, v_step);
        elsif v_tax.charge = 'per_night' then
            v_quantity := v_taxed_nights * p_units;
        elsif v_tax.charge = 'per_guest' then
            v_quantity := v_payers;
        elsif v_tax.charge = 'per_guest_night' then
            v_quantity := v_payers * v_taxed_nights;
        end if;
        v_added := v_quantity * v_amount;
        v_included := 0;
        if v_tax.is_inclusive then
            v_included := v_added;
            v_added := 0;
        end if;
        taxes := taxes + v_added;
        lines := lines || row(
            'tax', v_tax.name, v_quantity, v_amount, trim_scale(v_tax.percent), v_added, v_added, v_included
        )::public.quote_line;
    end loop;

    guest_platform_fee := 0;
    if v_guest_percent > 0 then
        guest_platform_fee := private.proportion(v_price_of_stay, v_guest_percent, 100, v_step);
        lines := lines || row(
            'guest_platform_fee', 'Service fee', 1, guest_platform_fee, trim_scale(v_guest_percent), guest_platform_fee, 0, 0
        )::public.quote_line;
    end if;
    host_platform_fee := 0;
    if v_host_percent > 0 then
        host_platform_fee := -private.proportion(v_price_of_stay, v_host_percent, 100, v_step);
        lines := lines || row(
            'host_platform_fee', 'Host service fee', 1, host_platform_fee, trim_scale(v_host_percent), 0, host_platform_fee, 0
        )::public.quote_line;
    end if;
    guest_total := v_price_of_stay + taxes + guest_platform_fee;
    host_total := v_price_of_stay + taxes + host_platform_fee;
end
$$;
comment on function private.price_stay is
    'Computes the lines of a stay from its night prices, and their sums as in public.quote; charges_by_age names the fees and taxes that depend on p_children_ages, the ages of the children among the guests. A tax of limited nights applies to their rent and fees per night, and to all other fees; included taxes are taken out of the prices together. Nights, and charges per booking and per night, count for each unit.';
