-- Purpose: hosts who are paid in another currency than their guests pay in: rates, and the one that a booking's quote fixed.
-- Touches: public.exchange_rates; private.bookings (payout_currency, payout_rate); private.rate_at, converted, settled.
-- Watch: the rate is that of the moment of the quote, which a quote's id tells, and does not change with later ones. What Stripe
-- then converts at is another rate: the difference stands on the account fx_difference, in both currencies. Without a rate, and
-- to hosts whose account at Stripe is not there yet, the booking's own currency is paid out.

create table public.exchange_rates (
    from_currency text not null constraint exchange_rates_from_fkey references public.currencies (code) on delete restrict,
    to_currency text not null constraint exchange_rates_to_fkey references public.currencies (code) on delete restrict,
    valid_from timestamptz not null default now(),
    rate numeric not null constraint exchange_rates_rate_is_positive check (rate > 0 and rate < 1000000000),
    set_by uuid default auth.uid() constraint exchange_rates_set_by_fkey references public.profiles (id) on delete restrict,
    constraint exchange_rates_pkey primary key (from_currency, to_currency, valid_from),
    constraint exchange_rates_are_between_two check (from_currency <> to_currency)
);
comment on table public.exchange_rates is
    'What hosts get for a unit of what their guests pay. Set by operators or a job of theirs; only added to. Whoever is signed in may read it.';
comment on column public.exchange_rates.from_currency is 'Of the booking.';
comment on column public.exchange_rates.to_currency is 'Of the payout.';
comment on column public.exchange_rates.valid_from is 'For quotes from then on, until the next.';
comment on column public.exchange_rates.rate is 'Units of to_currency for one of from_currency: 1.0842 dollars for a euro.';
comment on column public.exchange_rates.set_by is 'The operator; null for the service role.';
create index exchange_rates_to_currency_idx on public.exchange_rates (to_currency);
create index exchange_rates_set_by_idx on public.exchange_rates (set_by);

alter table public.exchange_rates enable row level security;
grant select on public.exchange_rates to authenticated, service_role;
grant insert (from_currency, to_currency, rate) on public.exchange_rates to authenticated, service_role;
create policy "Whoever is signed in can read rates" on public.exchange_rates for select to authenticated using (true);
create policy "Operators can set rates" on public.exchange_rates for insert to authenticated with check ((select private.is_operator()));

create trigger refuse_change before update or delete on public.exchange_rates
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on public.exchange_rates
    for each statement execute function private.refuse_change();

create function private.convert_amount(p_amount bigint, p_from text, p_to text, p_rate numeric) returns bigint
language sql stable
set search_path = ''
as $$
    select round(p_amount * p_rate * 10::numeric ^ (t.minor_unit - f.minor_unit))::bigint
    from public.currencies f, public.currencies t
    where f.code = p_from and t.code = p_to
$$;
comment on function private.convert_amount is
    'An amount in minor units of p_from in those of p_to, at p_rate units for one, rounded half away from zero. Called by functions of the owner.';

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
    'What Stripe''s balance moved by, {currency, amount, fee, net}, for p_amount in the booking''s currency; when they differ both go over fx_difference. The counter-entry of -p_amount is the caller''s. Called by what takes over objects of Stripe.';
