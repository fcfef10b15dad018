-- Purpose: exchange rates as search compares prices with them.
-- Touches: private.search_rates, newest_rates, refresh_search_rates; a trigger on exchange_rates.
-- Watch: what is converted here is never paid. Payouts use private.payout_rate_of.

create table private.search_rates (
    to_currency text constraint search_rates_pkey primary key,
    currency_numbers smallint[] not null,
    rates double precision[] not null
);
comment on table private.search_rates is
    'For each currency that exchange rates lead to or from, the rates to it: whole units for one whole unit. A trigger on exchange_rates writes it.';
comment on column private.search_rates.to_currency is
    'XXX, ISO 4217''s "no currency", for searches without a currency: they compare prices in the currency that most rates lead to.';
comment on column private.search_rates.currency_numbers is 'The currencies of the rates, itself among them, by currency_number.';
alter table private.search_rates enable row level security;

create function private.newest_rates() returns table (from_currency text, to_currency text, rate numeric)
language sql stable
set search_path = ''
as $$
    -- from pair to pair by the index, because the table also holds all earlier rates
    with recursive pairs as (
        (select r.from_currency, r.to_currency from public.exchange_rates r order by 1, 2 limit 1)
        union all
        select n.from_currency, n.to_currency
        from pairs p
        cross join lateral (
            select r.from_currency, r.to_currency from public.exchange_rates r
            where (r.from_currency, r.to_currency) > (p.from_currency, p.to_currency)
            order by 1, 2
            limit 1
        ) n
    )
    select p.from_currency, p.to_currency, n.rate
    from pairs p
    cross join lateral (
        select r.rate from public.exchange_rates r
        where r.from_currency = p.from_currency and r.to_currency = p.to_currency and r.valid_from <= now()
        order by r.valid_from desc
        limit 1
    ) n
$$;
comment on function private.newest_rates is 'Of each pair of currencies the rate that is valid now.';

create function private.refresh_search_rates() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    -- one at a time, so that the last one sees all rates
    lock table private.search_rates in exclusive mode;
    delete from private.search_rates where true;
    insert into private.search_rates
    with direct as materialized (
        select * from private.newest_rates()
    ),
    -- a rate as it was set, else its inverse, else by way of a third currency
    steps as (
        select d.from_currency, d.to_currency, d.rate, 1 as rank from direct d
        union all
        select d.to_currency, d.from_currency, 1 / d.rate, 2 from direct d
    ),
    single as materialized (
        select distinct on (s.from_currency, s.to_currency) s.* from steps s order by s.from_currency, s.to_currency, s.rank
    ),
    known as materialized (
        select distinct on (k.from_currency, k.to_currency) k.from_currency, k.to_currency, k.rate
        from (
            select s.from_currency, s.to_currency, s.rate, s.rank, null as by_way_of from single s
            union all
            select a.from_currency, b.to_currency, a.rate * b.rate, a.rank + b.rank + 2, a.to_currency
            from single a join single b on b.from_currency = a.to_currency and b.to_currency <> a.from_currency
            union all
            select s.from_currency, s.from_currency, 1, 0, null from single s
        ) k
        order by k.from_currency, k.to_currency, k.rank, k.by_way_of
    ),
    common as (
        select k.to_currency from known k group by 1 order by count(*) desc, 1 limit 1
    )
    select
        t.name, array_agg(private.currency_number(k.from_currency) order by k.from_currency),
        array_agg(k.rate::double precision order by k.from_currency)
    from (
        select k.to_currency as name, k.to_currency from known k
        union
        select 'XXX', c.to_currency from common c
    ) t
    join known k on k.to_currency = t.to_currency
    group by t.name;
    return null;
end
$$;
comment on function private.refresh_search_rates is 'Trigger: writes search_rates again. Definer, because no API role may write it.';

create trigger _300_refresh_search_rates after insert on public.exchange_rates
    for each statement execute function private.refresh_search_rates();
