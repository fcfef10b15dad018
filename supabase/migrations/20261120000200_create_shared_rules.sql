-- Purpose: rules that more than one table uses: what plain text is, ISO codes, the time of the last change; and the settings
-- of an installation.
-- Touches: private.is_plain_text, private.set_updated_at, public.currencies, private.settings.

create function private.is_plain_text(p_text text, p_max integer) returns boolean
language sql immutable
set search_path = ''
as $$
    select
        char_length(p_text) <= p_max
        -- control characters except tab and line feed; marks that reverse or hide the text around them; HTML tags
        and p_text !~ '[\u0001-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]'
        and p_text !~ '<[a-zA-Z/!]'
$$;
revoke execute on function private.is_plain_text(text, integer) from public;
grant execute on function private.is_plain_text(text, integer) to authenticated, service_role;
comment on function private.is_plain_text(text, integer) is
    'True for text of at most p_max characters without control characters, direction overrides and HTML tags. Called by checks of tables that clients write.';

create function private.set_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
revoke execute on function private.set_updated_at() from public;
comment on function private.set_updated_at() is 'Trigger: the time of the last change, whatever the client sent.';

create table public.currencies (
    code text constraint currencies_pkey primary key constraint currencies_code_is_iso check (code ~ '^[A-Z]{3}$'),
    minor_unit smallint not null constraint currencies_minor_unit_range check (minor_unit between 0 and 3)
);
comment on table public.currencies is 'ISO 4217 currencies in use. Amounts everywhere are whole numbers of the minor unit.';
comment on column public.currencies.code is 'ISO 4217 alphabetic code.';
comment on column public.currencies.minor_unit is 'Decimal places: 2 for EUR, 0 for JPY, 3 for KWD.';
alter table public.currencies enable row level security;
grant select on public.currencies to anon, authenticated, service_role;
create policy "Anyone can read currencies" on public.currencies for select to anon, authenticated using (true);

insert into public.currencies (code, minor_unit)
select code, 2 from unnest(string_to_array(
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE '
    || 'CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR '
    || 'KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB '
    || 'PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY '
    || 'TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG', ' ')) as code
union all
select code, 0 from unnest(string_to_array('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF', ' ')) as code
union all
select code, 3 from unnest(string_to_array('BHD IQD JOD KWD LYD OMR TND', ' ')) as code;

create table private.settings (
    name text constraint settings_pkey primary key,
    value text not null,
    description text not null
);
comment on table private.settings is 'What differs between installations. The owner of the database changes it; no API role can.';
alter table private.settings enable row level security;

insert into private.settings (name, value, description) values
    ('functions_url', 'http://api.supabase.internal:8000/functions/v1', 'Base URL of the Edge Functions as the database reaches it; the default is that of `supabase start`.');
