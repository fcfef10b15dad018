-- Purpose: exchange rates, for hosts who are paid in another currency than their guests pay in.
-- Touches: public.exchange_rates; private.convert_amount, settlement_postings.
-- Watch: a booking keeps the rate that was valid at the time of its quote (private.payout_rate_of). Stripe converts at a rate of its
-- own; the difference is posted to the account fx_difference, in both currencies.

insert into private.errors (code, status, message, hint) values
    ('rate_out_of_range', 422, 'An exchange rate is above 0 and below 1,000,000,000.', 'Send the units of to_currency for one unit of from_currency, such as 1.0842.'),
    ('currencies_are_equal', 422, 'An exchange rate is between two different currencies.', 'Send another from_currency or to_currency.');

create table public.exchange_rates (
    from_currency text not null constraint exchange_rates_from_fkey references public.currencies (code) on delete restrict,
    to_currency text not null constraint exchange_rates_to_fkey references public.currencies (code) on delete restrict,
    valid_from timestamptz not null default now(),
    rate numeric not null constraint exchange_rates_rate_out_of_range check (rate > 0 and rate < 1000000000),
    set_by uuid default auth.uid() constraint exchange_rates_set_by_fkey references public.profiles (id) on delete restrict,
    constraint exchange_rates_pkey primary key (from_currency, to_currency, valid_from),
    constraint exchange_rates_currencies_are_equal check (from_currency <> to_currency)
);
comment on table public.exchange_rates is
    'Rates from the currency of a booking to the currency of its payout; signed-in people can read them. Operators and the service role add rates, which never change.';
comment on column public.exchange_rates.from_currency is 'Currency of the booking.';
comment on column public.exchange_rates.to_currency is 'Currency of the payout.';
comment on column public.exchange_rates.valid_from is 'Quotes from this time on use the rate, until the next rate.';
comment on column public.exchange_rates.rate is 'Units of to_currency for one unit of from_currency, such as 1.0842 from EUR to USD.';
comment on column public.exchange_rates.set_by is 'The operator who set the rate; null for the service role.';
create index exchange_rates_to_currency_idx on public.exchange_rates (to_currency);
create index exchange_rates_set_by_idx on public.exchange_rates (set_by);

alter table public.exchange_rates enable row level security;
grant select on public.exchange_rates to authenticated, service_role;
grant insert (from_currency, to_currency, rate) on public.exchange_rates to authenticated, service_role;
create policy "Signed-in people can read rates" on public.exchange_rates for select to authenticated using (true);
create policy "Operators can set rates" on public.exchange_rates for insert to authenticated with check ((select private.is_operator()));

create trigger _200_refuse_change before update or delete on public.exchange_rates
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on public.exchange_rates
    for each statement execute function private.refuse_change();
select private.install_row_checks('public.exchange_rates');

create function private.convert_amount(p_amount bigint, p_from text, p_to text, p_rate numeric) returns bigint
language sql stable
set search_path = ''
as $$
    select (round(p_amount * p_rate * 10::numeric ^ (t.minor_unit - f.minor_unit) / t.step) * t.step)::bigint
    from public.currencies f, public.currencies t
    where f.code = p_from and t.code = p_to
$$;
comment on function private.convert_amount is
    'Converts an amount in minor units from p_from to p_to at p_rate, rounded half away from zero to the step of p_to.';

create function private.settlement_postings(p_booking_id uuid, p_currency text, p_amount bigint, p_settlement jsonb) returns private.posting[]
language sql stable
set search_path = ''
as $$
    select array[
        row('stripe_clearing', null, s.currency, p_booking_id, (p_settlement ->> 'net')::bigint)::private.posting,
        row('stripe_fees', null, s.currency, p_booking_id, (p_settlement ->> 'fee')::bigint)::private.posting
    ] || case when s.currency <> p_currency then array[
        row('fx_difference', null, s.currency, p_booking_id, -(p_settlement ->> 'amount')::bigint)::private.posting,
        row('fx_difference', null, p_currency, p_booking_id, p_amount)::private.posting
    ] else '{}' end
    from (select upper(p_settlement ->> 'currency') as currency) s
$$;
comment on function private.settlement_postings is
    'Postings for a movement of Stripe''s balance, {currency, amount, fee, net}, that settles p_amount of a booking; when the currencies differ, both amounts pass through fx_difference. The caller adds the counter-entry of -p_amount.';
