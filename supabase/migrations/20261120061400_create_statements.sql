-- Purpose: the ledger as its parties may see it: a host's statement, and what happened to the money of a booking.
-- Touches: public.host_statement, public.booking_money; policies of the ledger.
-- Watch: amounts are seen from the party's side: above zero is what they get. Both give CSV with `Accept: text/csv`.

grant select (id, purpose, party_id, currency) on private.ledger_accounts to authenticated, service_role;
grant select (id, kind, description, occurred_at, posted_at) on private.ledger_transactions to authenticated, service_role;
grant select (id, transaction_id, account_id, booking_id, amount) on private.ledger_entries to authenticated, service_role;

create policy "People can read their ledger accounts, operators any" on private.ledger_accounts for select to authenticated
    using (party_id = (select auth.uid()) or (select private.is_operator()));
create policy "Whoever can read an account can read its entries" on private.ledger_entries for select to authenticated
    using (account_id in (select a.id from private.ledger_accounts a));
create policy "Whoever can read an entry can read its transaction" on private.ledger_transactions for select to authenticated
    using (exists (select from private.ledger_entries e where e.transaction_id = ledger_transactions.id));

create view public.host_statement with (security_invoker = on) as
select
    e.id, a.party_id as host_id, t.occurred_at, e.booking_id, t.kind, t.description, a.currency, -e.amount as amount,
    (-sum(e.amount) over (partition by a.id order by e.id))::bigint as balance
from private.ledger_entries e
join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
join private.ledger_transactions t on t.id = e.transaction_id;
comment on view public.host_statement is
    '@graphql({"primary_key_columns": ["id"]}) Every line of a host''s account, in order, with the balance after it. For the host and operators; amounts in minor units.';
comment on column public.host_statement.occurred_at is 'When it happened.';
comment on column public.host_statement.description is 'For people.';
comment on column public.host_statement.currency is 'ISO 4217 code of the amounts.';
comment on column public.host_statement.kind is 'agreement: earned by a booking, or less of it. transfer: paid out. reversal: taken back. offset: one booking''s debt paid from another.';
comment on column public.host_statement.amount is 'What it adds to what the host is owed.';
comment on column public.host_statement.balance is 'What the host is owed after it.';
grant select on public.host_statement to authenticated, service_role;

create view public.booking_money with (security_invoker = on) as
select
    e.id, e.booking_id, t.occurred_at, t.kind, t.description, a.purpose::text as account, a.currency, -e.amount as amount
from private.ledger_entries e
join private.ledger_accounts a on a.id = e.account_id
join private.ledger_transactions t on t.id = e.transaction_id
where e.booking_id is not null;
comment on view public.booking_money is
    '@graphql({"primary_key_columns": ["id"]}) What happened to the money of a booking, as far as it is the caller''s: a guest sees the guest''s account, a host the host''s, an operator all.';
comment on column public.booking_money.occurred_at is 'When it happened.';
comment on column public.booking_money.kind is 'As in host_statement; also charge, refund and dispute.';
comment on column public.booking_money.description is 'For people.';
comment on column public.booking_money.currency is 'ISO 4217 code of the amount.';
comment on column public.booking_money.account is 'Whose: guest, host_payable, or one of the platform''s.';
comment on column public.booking_money.amount is 'Above zero what was paid in or earned, below zero what was spent or paid out.';
grant select on public.booking_money to authenticated, service_role;
