-- Hosts paid in another currency: which rate applies, how amounts are converted, and where the difference is posted.
begin;
select plan(25);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as booking, null::uuid as quote, null::uuid as other;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant', base_price = 10000 where id = (select home from world);
update private.settings set value = '0 days' where name = 'new_host_hold';

select is(private.convert_amount(16900, 'EUR', 'USD', 1.0842), 18323::bigint, 'FX01 169.00 EUR at 1.0842 are 183.23 USD');
select is(private.convert_amount(16900, 'EUR', 'JPY', 163.5), 27632::bigint, 'FX02 27,632 JPY at 163.5 are rounded from 27,631.5');
select is(private.convert_amount(27632, 'JPY', 'KWD', 0.002), 55260::bigint, 'FX03 yen have no minor unit, dinars have a thousand, of which Stripe moves tens');

select tests.act_as('authenticated', ben) from world;
select tests.throws_code($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'USD', 9)$$, 'insert_not_allowed', 'FX04 people cannot set rates');
select tests.act_as('authenticated', olga) from world;
select lives_ok($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'USD', 1.1)$$, 'FX05 operators can set rates');
select throws_ok('update public.exchange_rates set rate = 9', '42501', null, 'FX06 operators cannot change rates');
select tests.throws_code($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'JPY', 0)$$, 'rate_out_of_range', 'FX07 a rate is above zero');
select tests.throws_code($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'EUR', 1)$$, 'currencies_are_equal', 'FX22 a rate is between two currencies');
select tests.throws_code($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'XXY', 1)$$, 'reference_not_found', 'FX23 the currencies of a rate exist');
select tests.throws_code($$insert into public.exchange_rates (from_currency, to_currency, rate) values ('EUR', 'USD', 2)$$, 'already_exists', 'FX24 two currencies have one rate at a time');
select throws_ok(
    $$insert into public.exchange_rates (rate) values (1)$$, 'PT422', 'There is no value for from currency. There is no value for to currency.', 'FX25 every missing value is named'
);
select tests.act_as('anon');
select throws_ok('select from public.exchange_rates', '42501', null, 'FX08 anon cannot read rates');
select tests.act_as('postgres');

-- a rate of an hour ago; the one of ten minutes ago is newer than the quote that ends in ten minutes
alter table public.exchange_rates disable trigger _200_refuse_change;
delete from public.exchange_rates;
alter table public.exchange_rates enable trigger _200_refuse_change;
insert into public.exchange_rates (from_currency, to_currency, rate, valid_from) values
    ('EUR', 'USD', 1.0842, now() - interval '1 hour'), ('EUR', 'USD', 2, now() - interval '10 minutes');
select public.save_payout_account(ana, 'acct_fx') from world;
select public.apply_account('{"id": "acct_fx", "details_submitted": true, "payouts_enabled": true, "requirements": [], "currency": "usd"}');
select is((select currency from public.payout_accounts where stripe_account_id = 'acct_fx'), 'USD', 'FX09 the payout account has its currency');
update world set quote = (
    private.compute_quote((select p from public.properties p where p.id = home), current_date + 40, current_date + 42, 2, 0, 0, 0, ben, now() - interval '20 minutes')
).id;
select tests.act_as('authenticated', ben) from world;
insert into public.bookings (property_id, check_in, check_out, adults, quote_id)
select home, current_date + 40, current_date + 42, 2, quote from world;
select tests.act_as('postgres');
update world set booking = (select b.id from private.bookings b where b.property_id = home);
select is((select payout_currency || ' ' || payout_rate from private.bookings, world where id = booking), 'USD 1.0842', 'FX10 the rate is that of the quote, not the newest');
update world set other = tests.create_booking(ben, home, current_date + 50, current_date + 52, 'awaiting_payment');
select is((select payout_rate from private.bookings, world where id = other), 2::numeric, 'FX11 without a quote it is the present rate');
select throws_ok('update private.bookings set payout_rate = 3 where id = (select booking from world)', 'PT409', null, 'FX12 the rate of a booking does not change');

-- the guest pays 200.00 EUR; Stripe keeps 214.00 USD of it, less 6.00
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_fx', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', 20000, 'amount_received', 20000, 'currency', 'eur',
    'created', 1800000000, 'charge', 'ch_fx',
    'settlement', '{"id": "txn_fx", "currency": "usd", "amount": 21400, "fee": 600, "net": 20800}'::jsonb
))
from world, public.begin_payment(ben, booking) b;
set constraints all immediate; set constraints all deferred;
create function pg_temp.balances(p_purpose private.ledger_purpose) returns text language sql as $$
    select string_agg(b.currency || ' ' || b.sum, ', ' order by b.currency)
    from (
        select a.currency, sum(e.amount) as sum from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id, world
        where e.booking_id = booking and a.purpose = p_purpose group by 1
    ) b
$$;
select is(pg_temp.balances('stripe_clearing'), 'USD 20800', 'FX13 the balance at Stripe is in dollars');
select is(pg_temp.balances('guest'), 'EUR 0', 'FX14 the guest''s account is in euros');
select is(pg_temp.balances('fx_difference'), 'EUR 20000, USD -21400', 'FX15 the difference is on an account of its own');

select private.release_payout(booking, (select check_in_at + interval '25 hours' from private.bookings b where b.id = booking)) from world;
select is(
    (select format('%s %s, %s %s', currency, amount, sent_currency, sent_amount) from public.payouts), 'EUR 16900, USD 18323',
    'FX16 the host''s 169.00 EUR are sent as 183.23 USD'
);
select tests.throws_code(
    $$select public.apply_transfer(jsonb_build_object('id', 'tr_fx', 'payout_id', id, 'amount', 16900, 'currency', 'eur', 'created', 1, 'reversals', '[]'::jsonb)) from public.payouts$$,
    'payout_amount_differs', 'FX17 a transfer of another amount is refused'
);
select public.apply_transfer(jsonb_build_object(
    'id', 'tr_fx', 'payout_id', id, 'amount', 18323, 'currency', 'usd', 'created', 1800000000, 'balance_transaction', 'txn_fx2', 'reversals', '[]'::jsonb
)) from public.payouts;
select is(pg_temp.balances('host_payable'), 'EUR 0', 'FX18 the host''s account has received the agreed amount');
select is(pg_temp.balances('fx_difference'), 'EUR 3100, USD -3077', 'FX19 the rest in both currencies is the platform''s fee and the exchange difference');
select tests.act_as('authenticated', olga) from world;
select public.cancel_booking(booking) from world;
select tests.act_as('postgres');
set constraints all immediate; set constraints all deferred; set constraints all immediate; set constraints all deferred;
select is((select format('%s %s', amount, sent_amount) from private.payout_reversals), '16900 18323', 'FX20 the reversal is exactly the amount that was sent');
select is(
    (select count(*)::integer from (
        select 1 from private.ledger_entries e join private.ledger_accounts a on a.id = e.account_id
        group by e.transaction_id, a.currency having sum(e.amount) <> 0) x), 0, 'FX21 every transaction sums to zero in each currency'
);

select * from finish();
rollback;
