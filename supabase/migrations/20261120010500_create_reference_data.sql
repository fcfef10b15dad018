-- Purpose: reference data: currencies with their limits, and time zones.
-- Touches: public.currencies, public.time_zones; private.step_of, stripe_amount, from_stripe.
-- Watch: Stripe's units are not those of ISO 4217. Amounts in the database are in ISO minor units; stripe_amount and from_stripe
-- convert them, and nothing else does. docs/payments.md has the rules in a table.

create table public.currencies (
    code text constraint currencies_pkey primary key constraint currencies_code_is_iso check (code ~ '^[A-Z]{3}$'),
    minor_unit smallint not null constraint currencies_minor_unit_range check (minor_unit between 0 and 3),
    is_payable boolean not null,
    stripe_minor_unit smallint not null constraint currencies_stripe_minor_unit_range check (stripe_minor_unit between 0 and 3),
    step bigint not null constraint currencies_step_is_positive check (step > 0),
    minimum_charge bigint not null constraint currencies_minimum_charge_is_in_steps check (minimum_charge > 0 and minimum_charge % step = 0),
    maximum_charge bigint not null,
    minimum_price bigint not null constraint currencies_minimum_price_is_positive check (minimum_price > 0),
    cancellation_fee_minimum bigint not null constraint currencies_cancellation_fee_minimum_is_positive check (cancellation_fee_minimum > 0),
    cancellation_fee_maximum bigint not null,
    constraint currencies_cancellation_fees_are_in_order check (cancellation_fee_maximum >= cancellation_fee_minimum),
    constraint currencies_maximum_charge_is_in_steps check (maximum_charge >= minimum_charge and maximum_charge % step = 0),
    -- a step is a whole number of Stripe's units too
    constraint currencies_step_is_whole_at_stripe check (step * 10::numeric ^ stripe_minor_unit % 10::numeric ^ minor_unit = 0)
);
comment on table public.currencies is 'ISO 4217 currencies in use. Every amount is a whole number of minor units.';
comment on column public.currencies.code is 'ISO 4217 alphabetic code.';
comment on column public.currencies.minor_unit is 'Decimal places: 2 for EUR, 0 for JPY, 3 for KWD.';
comment on column public.currencies.is_payable is
    'Whether Stripe charges cards in it. A property with another currency cannot be published.';
comment on column public.currencies.stripe_minor_unit is 'Decimal places of amounts at Stripe, which differ from minor_unit for ISK, MGA and UGX.';
comment on column public.currencies.step is
    'Smallest amount that can be charged, refunded and paid out, in minor units: 10 for KWD, 100 for HUF. Every price, fee, tax and refund is a multiple of it.';
comment on column public.currencies.minimum_charge is
    'Lowest total of a stay and lowest charge of a card, in minor units; the owner of the installation may raise it.';
comment on column public.currencies.maximum_charge is
    'Highest total of a stay and highest charge of a card, in minor units; the owner of the installation may change it.';
comment on column public.currencies.minimum_price is
    'Lowest price of a night, in minor units. The default is one whole unit, or minimum_charge when that is higher; the owner of the installation may change it.';
comment on column public.currencies.cancellation_fee_minimum is
    'Lowest fee of a host who cancels, in minor units: 50 units of a currency worth about a dollar, and 50 times a power of ten of a currency worth less.';
comment on column public.currencies.cancellation_fee_maximum is 'Highest fee of a host who cancels, in minor units: twenty times the lowest.';
alter table public.currencies enable row level security;
grant select on public.currencies to anon, authenticated, service_role;
create policy "Anyone can read currencies" on public.currencies for select to anon, authenticated using (true);

-- Minor units by ISO 4217. The fee limits are 50 and 1,000 units of a currency worth about a dollar, and powers of ten more of others.
-- The columns about Stripe follow https://docs.stripe.com/currencies as read in November 2026:
-- * is_payable: the presentment currencies, with the zero-decimal and three-decimal ones.
-- * step: the last of three decimals is 0 (10). MGA has no decimals at Stripe, and HUF and TWD none in payouts (100).
-- * minimum_charge: Stripe's minimum where the page has one. Else half a unit of a currency worth about a dollar, times the same powers of
--   ten: an estimate, because Stripe then asks for the minimum of the currency in which it settles.
-- * maximum_charge: the most that has 8 digits at Stripe; 9 for INR, 10 for COP, HUF and JPY, 11 for LBP, 12 for IDR. Some cards take
--   more in other currencies, but no payment method takes less.
insert into public.currencies (
    code, minor_unit, is_payable, stripe_minor_unit, step, minimum_charge, maximum_charge, minimum_price, cancellation_fee_minimum,
    cancellation_fee_maximum
)
select
    c.code, c.minor_unit, c.code <> all (string_to_array(
        'BTN CUP ERN GHS IQD IRR KPW LYD MRU SDG SSP STN SVC SYP TMT VES ZWG', ' '
    )),
    s.minor_unit, s.step, l.minimum_charge, l.maximum_charge, greatest((10 ^ c.minor_unit)::bigint, l.minimum_charge),
    50 * 10 ^ (c.minor_unit + coalesce(w.zeros, 0)), 1000 * 10 ^ (c.minor_unit + coalesce(w.zeros, 0))
from (
    select code, 2 from unnest(string_to_array(
        'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE '
        || 'CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR '
        || 'KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB '
        || 'PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY '
        || 'TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG', ' ')) as code
    union all
    select code, 0 from unnest(string_to_array('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF', ' ')) as code
    union all
    select code, 3 from unnest(string_to_array('BHD IQD JOD KWD LYD OMR TND', ' ')) as code
) as c (code, minor_unit)
left join (values
    (1, 'BRL CNY CZK DKK EGP HKD HNL MAD MXN NOK PLN SEK TRY ZAR BOB BWP GHS GTQ HRK ILS MDL MOP MVR NAD SAR SCR SZL TJS TTD UAH UYU ZMW'),
    (2, 'JPY INR RUB PHP THB ISK HUF RSD KES BDT NPR LKR PKR DZD ALL AMD DOP MUR NIO TWD ETB AFN BTN CVE GMD HTG KGS MKD XPF VUV JMD DJF'),
    (3, 'KRW CLP ARS CRC KZT XAF XOF RWF TZS NGN LRD IQD YER KMF MMK BIF MGA SDG SOS SSP SYP MWK'),
    (4, 'VND IDR COP LAK UZS PYG UGX GNF KHR IRR LBP MNT')
) as w (zeros, codes) on c.code = any (string_to_array(w.codes, ' '))
cross join lateral (
    select
        case when c.code in ('ISK', 'UGX') then 2 when c.code = 'MGA' then 0 else c.minor_unit end as minor_unit,
        case when c.code in ('HUF', 'MGA', 'TWD') then 100 when c.minor_unit = 3 then 10 else 1 end::bigint as step
) s
left join (values
    ('AED', 2), ('CZK', 15), ('DKK', 2.5), ('GBP', 0.3), ('HKD', 4), ('HUF', 175), ('JPY', 50), ('KRW', 50), ('MXN', 10), ('MYR', 2),
    ('NOK', 3), ('PLN', 2), ('RON', 2), ('SEK', 3), ('THB', 10),
    ('ARS', 0.5), ('AUD', 0.5), ('BRL', 0.5), ('CAD', 0.5), ('CHF', 0.5), ('COP', 0.5), ('EUR', 0.5), ('IDR', 0.5), ('ILS', 0.5),
    ('INR', 0.5), ('NZD', 0.5), ('PHP', 0.5), ('RUB', 0.5), ('SGD', 0.5), ('USD', 0.5), ('ZAR', 0.5)
) as m (code, units) on m.code = c.code
left join (values ('INR', 9), ('COP', 10), ('HUF', 10), ('JPY', 10), ('LBP', 11), ('IDR', 12)) as d (code, digits) on d.code = c.code
cross join lateral (
    select
        (ceil(coalesce(m.units, 0.5 * 10::numeric ^ coalesce(w.zeros, 0)) * 10::numeric ^ c.minor_unit / s.step) * s.step)::bigint
            as minimum_charge,
        (div((10::numeric ^ coalesce(d.digits, 8) - 1) * 10::numeric ^ c.minor_unit / 10::numeric ^ s.minor_unit, s.step) * s.step)::bigint
            as maximum_charge
) l;

create function private.step_of(p_currency text) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (select c.step from public.currencies c where c.code = p_currency);
end
$$;
comment on function private.step_of is 'The step of a currency, in minor units.';

create function private.stripe_amount(p_amount bigint, p_currency text) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        -- the scale of the result is not 0 when the amount is no whole number of Stripe's units, which the cast would round
        select case when scale(trim_scale(a.amount)) = 0 then a.amount::bigint end
        from public.currencies c
        cross join lateral (select p_amount * 10::numeric ^ (c.stripe_minor_unit - c.minor_unit) as amount) a
        where c.code = p_currency
    );
end
$$;
comment on function private.stripe_amount is
    'Converts an amount in minor units to Stripe''s units; null when Stripe has no such amount. The only way of an amount to Stripe.';

create function private.from_stripe(p_object jsonb) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_object jsonb := p_object;
    v_factor numeric;
    v_key text;
begin
    if jsonb_typeof(p_object) = 'array' then
        return (select coalesce(jsonb_agg(private.from_stripe(e.element) order by e.number), '[]')
            from jsonb_array_elements(p_object) with ordinality as e (element, number));
    elsif jsonb_typeof(p_object) is distinct from 'object' then
        return p_object;
    end if;
    foreach v_key in array array['settlement', 'failure_settlement', 'movements', 'reversals'] loop
        if v_object ? v_key then
            v_object := v_object || jsonb_build_object(v_key, private.from_stripe(v_object -> v_key));
        end if;
    end loop;
    select 10::numeric ^ (c.minor_unit - c.stripe_minor_unit) into v_factor
    from public.currencies c
    where c.code = upper(p_object ->> 'currency') and c.minor_unit <> c.stripe_minor_unit;
    if not found then
        return v_object;
    end if;
    foreach v_key in array array['amount', 'amount_received', 'net'] loop
        if v_object ->> v_key is not null then
            v_object := v_object || jsonb_build_object(v_key, round((v_object ->> v_key)::numeric * v_factor)::bigint);
        end if;
    end loop;
    if v_object ->> 'fee' is not null then
        -- a difference, so that amount, fee and net still agree when a fraction was rounded
        v_object := v_object || jsonb_build_object('fee', (v_object ->> 'amount')::bigint - (v_object ->> 'net')::bigint);
    end if;
    return v_object;
end
$$;
comment on function private.from_stripe is
    'Converts the amounts of an object of Stripe, and of the objects in it, to minor units of their currencies. The only way of an amount from Stripe.';

create table public.time_zones (
    name text constraint time_zones_pkey primary key
);
comment on table public.time_zones is 'IANA time zones that the database supports, such as Europe/Lisbon.';
alter table public.time_zones enable row level security;
grant select on public.time_zones to anon, authenticated, service_role;
create policy "Anyone can read time zones" on public.time_zones for select to anon, authenticated using (true);

insert into public.time_zones (name)
select z.name from pg_catalog.pg_timezone_names z
where z.name = 'UTC' or (z.name ~ '^[A-Z][A-Za-z]+/' and z.name !~ '^(Etc|SystemV|US)/');
