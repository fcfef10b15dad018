-- Purpose: reference data: currencies with their limits, and time zones.
-- Touches: public.currencies, public.time_zones.

create table public.currencies (
    code text constraint currencies_pkey primary key constraint currencies_code_is_iso check (code ~ '^[A-Z]{3}$'),
    minor_unit smallint not null constraint currencies_minor_unit_range check (minor_unit between 0 and 3),
    minimum_price bigint not null constraint currencies_minimum_price_is_positive check (minimum_price > 0),
    cancellation_fee_minimum bigint not null constraint currencies_cancellation_fee_minimum_is_positive check (cancellation_fee_minimum > 0),
    cancellation_fee_maximum bigint not null,
    constraint currencies_cancellation_fees_are_in_order check (cancellation_fee_maximum >= cancellation_fee_minimum)
);
comment on table public.currencies is 'ISO 4217 currencies in use. Every amount is a whole number of minor units.';
comment on column public.currencies.code is 'ISO 4217 alphabetic code.';
comment on column public.currencies.minor_unit is 'Decimal places: 2 for EUR, 0 for JPY, 3 for KWD.';

comment on column public.currencies.minimum_price is
    'Lowest price of a night, in minor units. The default is one whole unit; the owner of the installation may change it.';
comment on column public.currencies.cancellation_fee_minimum is
    'Lowest fee of a host who cancels, in minor units: 50 units of a currency worth about a dollar, and 50 times a power of ten of a currency worth less.';
comment on column public.currencies.cancellation_fee_maximum is 'Highest fee of a host who cancels, in minor units: twenty times the lowest.';
alter table public.currencies enable row level security;
grant select on public.currencies to anon, authenticated, service_role;
create policy "Anyone can read currencies" on public.currencies for select to anon, authenticated using (true);

-- Minor units by ISO 4217. The fee limits are 50 and 1,000 units of a currency worth about a dollar, and powers of ten more of others.
insert into public.currencies (code, minor_unit, minimum_price, cancellation_fee_minimum, cancellation_fee_maximum)
select
    c.code, c.minor_unit, (10 ^ c.minor_unit)::bigint,
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
) as w (zeros, codes) on c.code = any (string_to_array(w.codes, ' '));

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
