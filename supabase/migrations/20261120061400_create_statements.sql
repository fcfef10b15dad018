-- Purpose: the ledger for its parties: a host's statement, and the movements of a booking's money.
-- Touches: public.host_statement, public.booking_money; policies of the ledger.
-- Watch: amounts are from the party's side: above zero is what the party gets. Both views answer with CSV to `Accept: text/csv`.

grant select (id, purpose, party_id, currency) on private.ledger_accounts to authenticated, service_role;
grant select (id, kind, description, occurred_at, posted_at) on private.ledger_transactions to authenticated, service_role;
grant select (id, transaction_id, account_id, booking_id, amount) on private.ledger_entries to authenticated, service_role;

create policy "People can read their ledger accounts, operators any" on private.ledger_accounts for select to authenticated
    using (party_id = (select auth.uid()) or (select private.is_operator()));
create policy "Readers of an account can read its entries" on private.ledger_entries for select to authenticated
    using (account_id in (select a.id from private.ledger_accounts a));
create policy "Readers of an entry can read its transaction" on private.ledger_transactions for select to authenticated
    using (exists (select from private.ledger_entries e where e.transaction_id = ledger_transactions.id));

create view public.host_statement with (security_invoker = on) as
select
    e.id, a.party_id as host_id, t.occurred_at, e.booking_id, t.kind, t.description, a.currency, -e.amount as amount,
    (-sum(e.amount) over (partition by a.id order by e.id))::bigint as balance
from private.ledger_entries e
join private.ledger_accounts a on a.id = e.account_id and a.purpose = 'host_payable'
join private.ledger_transactions t on t.id = e.transaction_id;
comment on view public.host_statement is
    '@graphql({"primary_key_columns": ["id"]}) Every entry of a host''s account, in order, with the balance after it. For the host and operators; amounts in minor units.';
comment on column public.host_statement.occurred_at is 'When the money moved.';
comment on column public.host_statement.description is 'Description of the movement in words.';
comment on column public.host_statement.currency is 'ISO 4217 code of the amounts.';
comment on column public.host_statement.kind is 'agreement: earned from a booking, or lost by a change of it. transfer: paid out. reversal: a payout that was taken back. offset: one booking''s debt deducted from another. request: paid by the guest on request. goodwill: given back to the guest and borne by the host. dispute_lost: lost to a dispute. correction: a correction by the platform.';
comment on column public.host_statement.amount is 'Change of what the host is owed.';
comment on column public.host_statement.balance is 'What the host is owed after this entry.';
grant select on public.host_statement to authenticated, service_role;

create view public.booking_money with (security_invoker = on) as
select
    e.id, e.booking_id, t.occurred_at, t.kind, t.description, a.purpose::text as account, a.currency, -e.amount as amount
from private.ledger_entries e
join private.ledger_accounts a on a.id = e.account_id
join private.ledger_transactions t on t.id = e.transaction_id
where e.booking_id is not null;
comment on view public.booking_money is
    '@graphql({"primary_key_columns": ["id"]}) The movements of a booking''s money: a guest sees the guest''s account, a host the host''s, an operator all.';
comment on column public.booking_money.occurred_at is 'When the money moved.';
comment on column public.booking_money.kind is 'As in host_statement; also charge, refund, refund_failed, dispute, dispute_won, write_off and bank_refund (given back by the guest''s bank).';
comment on column public.booking_money.description is 'Description of the movement in words.';
comment on column public.booking_money.currency is 'ISO 4217 code of the amount.';
comment on column public.booking_money.account is 'Account of the entry: guest, host_payable, or an account of the platform.';
comment on column public.booking_money.amount is 'Above zero for what was paid in or earned, below zero for what was spent or paid out.';
grant select on public.booking_money to authenticated, service_role;
