-- The ledger: a transaction is balanced or refused, posted once, never changed, and written by one function only.
begin;
select plan(18);

create temporary table world on commit drop as select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben;
grant select on world to anon, authenticated, service_role;

create function pg_temp.charge(p_key text, p_amount bigint, p_stripe_id text default null) returns boolean language sql as $$
    select private.post_transaction(p_key, 'charge', 'A payment', now(), array[
        row('stripe_clearing', null, 'EUR', null, p_amount - 100)::private.posting,
        row('stripe_fees', null, 'EUR', null, 100)::private.posting,
        row('guest', (select ana from world), 'EUR', null, -p_amount)::private.posting
    ], p_stripe_id)
$$;
create function pg_temp.check_now() returns void language plpgsql as $$
begin
    set constraints all immediate;
    set constraints all deferred;
end $$;

select ok(pg_temp.charge('charge:1', 10000, 'txn_1'), 'L01 a transaction is posted');
select lives_ok('select pg_temp.check_now()', 'L02 the transaction is balanced at commit');
select is(private.ledger_balance('stripe_clearing', null, 'EUR'), 9900::bigint, 'L03 the balance at Stripe is the charge without its fee');
select is(private.ledger_balance('guest', (select ana from world), 'EUR'), -10000::bigint, 'L04 the guest''s account has what the guest paid');
select ok(not pg_temp.charge('charge:1', 10000), 'L05 posting the same key again posts nothing');
select ok(not pg_temp.charge('charge:2', 10000, 'txn_1'), 'L06 posting the same balance transaction of Stripe again posts nothing');
select is(private.ledger_balance('stripe_clearing', null, 'EUR'), 9900::bigint, 'L07 the balance does not change');
select is((select sum(amount) from private.ledger_entries)::bigint, 0::bigint, 'L08 all entries sum to zero');

create function pg_temp.unbalanced(p_postings private.posting[]) returns void language plpgsql as $$
begin
    perform private.post_transaction('unbalanced', 'correction', 'Wrong', now(), p_postings);
    set constraints all immediate;
end $$;
select tests.throws_code(
    $$select pg_temp.unbalanced(array[row('stripe_clearing', null, 'EUR', null, 1)::private.posting])$$,
    'ledger_transaction_unbalanced', 'L09 a transaction with one side is refused'
);
select throws_ok(
    $$select pg_temp.unbalanced(array[
        row('stripe_clearing', null, 'EUR', null, 100)::private.posting, row('platform_fee', null, 'USD', null, -100)::private.posting])$$,
    'PT409', 'This ledger transaction does not sum to zero in every currency.', 'L10 a transaction with sides in different currencies is refused'
);
select tests.throws_code($$select pg_temp.unbalanced('{}')$$, 'ledger_transaction_empty', 'L11 a transaction without entries is refused');
select throws_ok('update private.ledger_entries set amount = amount + 1', 'PT409', null, 'L12 entries cannot be changed');
select throws_ok('delete from private.ledger_transactions', 'PT409', null, 'L13 transactions cannot be deleted');
select throws_ok('truncate private.ledger_entries', 'PT409', null, 'L14 the ledger cannot be truncated');
select throws_ok(
    $$select pg_temp.unbalanced(array[row('guest', null, 'EUR', null, 1)::private.posting, row('platform_fee', null, 'EUR', null, -1)::private.posting])$$,
    '23514', null, 'L15 an account of the purpose guest needs a guest'
);
-- as in another database transaction: written_by is the one that posted it
create function pg_temp.add_late() returns void language plpgsql as $$
begin
    insert into private.ledger_transactions (key, kind, description, occurred_at, written_by) values ('late', 'correction', 'Late', now(), '3');
    insert into private.ledger_entries (transaction_id, account_id, amount)
    select t.id, a.id, 1 from private.ledger_transactions t, private.ledger_accounts a where t.key = 'late' limit 1;
end $$;
select tests.throws_code('select pg_temp.add_late()', 'ledger_transaction_closed', 'L18 an entry cannot be added to a transaction that was committed');
select tests.act_as('service_role');
select throws_ok(
    $$select private.post_transaction('x', 'charge', 'x', now(), '{}')$$, '42501', null, 'L16 the service role cannot post'
);
select throws_ok('insert into private.ledger_entries (transaction_id, account_id, amount) values (1, 1, 1)', '42501', null, 'L17 the service role cannot write entries');
select tests.act_as('postgres');

select * from finish();
rollback;
