-- Purpose: the ledger for its parties: a host's statement, and the movements of a booking's money.
-- Touches: public.host_statement, public.booking_money; policies of the ledger.
-- Watch: amounts are from the party's side: above zero is what the party gets. Both views answer with CSV to `Accept: text/csv`.
-- A page costs the same however long the statement is: order by id, and continue with id=lt.<the last id>.

grant select (id, kind, description, occurred_at, posted_at) on private.ledger_transactions to authenticated, service_role;
grant select (id, transaction_id, account_id, booking_id, amount, purpose, party_id, currency, balance_after)
    on private.ledger_entries to authenticated, service_role;

-- With `or`, unlike elsewhere: the views below already look a reader's entries up by index, and the planner would take a second
-- condition on party_id for a filter that removes nearly all of them.
create policy "Parties can read their ledger entries, operators any" on private.ledger_entries for select to authenticated
    using (party_id = (select auth.uid()) or (select private.is_operator()));
create policy "Readers of an entry can read its transaction" on private.ledger_transactions for select to authenticated
    using (exists (select from private.ledger_entries e where e.transaction_id = ledger_transactions.id));

-- `or` in the policy keeps an index from being used, but the planner reads a page of one of two branches by index. It takes the
-- value of greatest() for rare, as it should take a reader, and does not run the branch that is_whole excludes. The view runs as its
-- owner, because policies in each branch double the cost of a count; it shows a caller only what the policies do.
create view private.readable_entries as
select r.id, r.is_of_host, r.is_of_booking
from (
    select
        e.party_id as reader, false as is_whole, e.id, e.balance_after is not null as is_of_host, e.booking_id is not null as is_of_booking
    from private.ledger_entries e
    union all
    select
        greatest(e.party_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), true, e.id, e.balance_after is not null, e.booking_id is not null
    from private.ledger_entries e
) r
where r.reader = (select private.reader()) and r.is_whole = (select private.reads_everything());
comment on view private.readable_entries is
    'Each entry that the caller can read, as its party; every entry for readers of the whole ledger.';
grant select on private.readable_entries to authenticated, service_role;

-- left joins, because the planner takes each policy for a filter that removes half of the rows, and then reads all to sort them; the id
-- of the branch, so that a page that continues begins there; + 0 on either side, because the planner would merge a page without an order
-- with the whole table, and so that each side still looks up the other
create view public.host_statement with (security_invoker = on) as
select
    r.id, e.party_id as host_id, t.occurred_at, e.booking_id, t.kind, t.description, e.currency, -e.amount as amount,
    -e.balance_after as balance
from private.readable_entries r
left join private.ledger_entries e on e.id = case when r.is_of_host then r.id end and r.id = case when e.id is not null then e.id end
left join private.ledger_transactions t on t.id = e.transaction_id
where r.is_of_host;
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
    r.id, e.booking_id, t.occurred_at, t.kind, t.description, e.purpose::text as account, e.currency, -e.amount as amount
from private.readable_entries r
left join private.ledger_entries e on e.id = case when r.is_of_booking then r.id end and r.id = case when e.id is not null then e.id end
left join private.ledger_transactions t on t.id = e.transaction_id
where r.is_of_booking;
comment on view public.booking_money is
    '@graphql({"primary_key_columns": ["id"]}) The movements of a booking''s money: a guest sees the guest''s account, a host the host''s, an operator all.';
comment on column public.booking_money.occurred_at is 'When the money moved.';
comment on column public.booking_money.kind is 'As in host_statement; also charge, refund, refund_failed, dispute, dispute_won, write_off and bank_refund (given back by the guest''s bank).';
comment on column public.booking_money.description is 'Description of the movement in words.';
comment on column public.booking_money.currency is 'ISO 4217 code of the amount.';
comment on column public.booking_money.account is 'Account of the entry: guest, host_payable, or an account of the platform.';
comment on column public.booking_money.amount is 'Above zero for what was paid in or earned, below zero for what was spent or paid out.';
grant select on public.booking_money to authenticated, service_role;
