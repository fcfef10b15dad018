-- Purpose: the ledger, in double entry: what guests, hosts and the platform hold and owe. Balances are computed, never stored.
-- Touches: private.ledger_accounts, ledger_transactions, ledger_entries, open_payables; private.post_transaction, ledger_balance.
-- Watch: an amount above zero is a debit (what the platform holds or is owed), one below a credit (what it owes). Every
-- transaction sums to zero in every currency; that is checked at commit. Rows never change: a further transaction corrects an
-- error. Two writers that post the same key post it once.

insert into private.errors (code, status, message, hint) values
    ('ledger_transaction_unbalanced', 409, 'This ledger transaction does not sum to zero in every currency.', 'Post the missing entries in the same database transaction.'),
    ('ledger_transaction_empty', 409, 'This ledger transaction has no entries.', 'Post it with private.post_transaction.'),
    ('ledger_transaction_closed', 409, 'This ledger transaction was committed before and takes no more entries.', 'Post another transaction.');

create type private.ledger_purpose as enum (
    'guest', 'host_payable', 'platform_fee', 'tax_payable', 'stripe_clearing', 'stripe_fees', 'disputed', 'fx_difference', 'goodwill'
);
comment on type private.ledger_purpose is
    'What an account is for. guest: paid in and not yet earned, or owed by the guest. host_payable: owed to a host. platform_fee: income of the platform. tax_payable: taxes that the platform remits. stripe_clearing: the balance at Stripe. stripe_fees: fees of Stripe. disputed: withdrawn by Stripe until a dispute is decided. fx_difference: gains and losses from exchange rates. goodwill: money given back to guests that the platform bears.';

create table private.ledger_accounts (
    id bigint generated always as identity constraint ledger_accounts_pkey primary key,
    purpose private.ledger_purpose not null,
    party_id uuid constraint ledger_accounts_party_fkey references public.profiles (id) on delete restrict,
    currency text not null constraint ledger_accounts_currency_fkey references public.currencies (code) on delete restrict,
    created_at timestamptz not null default now(),
    constraint ledger_accounts_are_unique unique nulls not distinct (purpose, party_id, currency),
    constraint ledger_accounts_belong_to_parties check ((purpose in ('guest', 'host_payable')) = (party_id is not null))
);
comment on table private.ledger_accounts is 'One account for each purpose, party and currency. post_transaction creates it with its first entry.';

create index ledger_accounts_party_id_idx on private.ledger_accounts (party_id);
create index ledger_accounts_currency_idx on private.ledger_accounts (currency);

create table private.ledger_transactions (
    id bigint generated always as identity constraint ledger_transactions_pkey primary key,
    key text not null constraint ledger_transactions_key_is_unique unique
        constraint ledger_transactions_key_length check (char_length(key) between 1 and 255),
    kind text not null constraint ledger_transactions_kind_is_known check (kind in (
        'agreement', 'request', 'goodwill', 'dispute_lost', 'charge', 'refund', 'refund_failed', 'transfer', 'reversal', 'offset', 'dispute',
        'dispute_won', 'bank_refund', 'fx', 'correction', 'write_off'
    )),
    description text not null,
    stripe_id text,
    occurred_at timestamptz not null,
    posted_at timestamptz not null default clock_timestamp(),
    written_by xid8 not null default pg_current_xact_id()
);
comment on table private.ledger_transactions is 'Every movement of money, once. The entries of a transaction sum to zero in every currency.';
comment on column private.ledger_transactions.key is 'Names the movement, such as refund:re_123. A key that was posted before is not posted again.';
comment on column private.ledger_transactions.kind is
    'agreement: what guest, host and platform owe each other for a booking. request: the same for accepted requests for money. goodwill and dispute_lost: who bears what was given back to the guest. bank_refund: what the guest got by a lost dispute. offset: a host''s debt from one booking, deducted from another booking''s payout. write_off: a guest''s debt too small to be charged, borne by the platform.';
comment on column private.ledger_transactions.written_by is 'The database transaction that inserted the row. Only that one may add entries.';
comment on column private.ledger_transactions.stripe_id is 'The balance transaction at Stripe; null when no money moves there.';

create unique index ledger_transactions_stripe_id_idx on private.ledger_transactions (stripe_id) where stripe_id is not null;
create index ledger_transactions_occurred_at_idx on private.ledger_transactions (occurred_at);

create table private.ledger_entries (
    id bigint generated always as identity constraint ledger_entries_pkey primary key,
    transaction_id bigint not null
        constraint ledger_entries_transaction_fkey references private.ledger_transactions (id) on delete restrict,
    account_id bigint not null constraint ledger_entries_account_fkey references private.ledger_accounts (id) on delete restrict,
    booking_id uuid constraint ledger_entries_booking_fkey references private.bookings (id) on delete restrict,
    amount bigint not null constraint ledger_entries_amount_is_not_zero check (amount <> 0)
);
comment on table private.ledger_entries is 'Amounts of a transaction in minor units of the account''s currency: debits are above zero, credits below.';
comment on column private.ledger_entries.booking_id is 'The booking of the entry; null when it belongs to none.';

create index ledger_entries_transaction_id_idx on private.ledger_entries (transaction_id);
create index ledger_entries_account_id_idx on private.ledger_entries (account_id, booking_id) include (amount);
create index ledger_entries_booking_id_idx on private.ledger_entries (booking_id);

create table private.open_payables (
    booking_id uuid constraint open_payables_pkey primary key
        constraint open_payables_booking_fkey references private.bookings (id) on delete restrict
);
comment on table private.open_payables is
    'Bookings with an entry on host_payable since release_payouts last found that account at zero. release_payouts reads these bookings only.';

alter table private.open_payables enable row level security;
alter table private.ledger_accounts enable row level security;
alter table private.ledger_transactions enable row level security;
alter table private.ledger_entries enable row level security;

create function private.refuse_unbalanced_transaction() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_transaction constant bigint := case tg_table_name when 'ledger_entries' then (to_jsonb(new) ->> 'transaction_id')::bigint else new.id end;
    v_sums jsonb;
begin
    select jsonb_object_agg(s.currency, s.total) filter (where s.total <> 0)
    into v_sums
    from (
        select a.currency, sum(e.amount) as total
        from private.ledger_entries e
        join private.ledger_accounts a on a.id = e.account_id
        where e.transaction_id = v_transaction
        group by a.currency
    ) s;
    if v_sums is not null then
        perform private.raise_error('ledger_transaction_unbalanced', jsonb_build_object('sums', v_sums));
    elsif not exists (select from private.ledger_entries e where e.transaction_id = v_transaction) then
        perform private.raise_error('ledger_transaction_empty');
    end if;
    return null;
end
$$;
comment on function private.refuse_unbalanced_transaction is
    'Trigger at commit: refuses a ledger transaction that does not sum to zero in every currency, or has no entries. Definer, because no API role may read every entry.';

create function private.refuse_late_entry() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if not exists (
        select from private.ledger_transactions t where t.id = new.transaction_id and t.written_by = pg_current_xact_id()
    ) then
        perform private.raise_error('ledger_transaction_closed');
    end if;
    return new;
end
$$;
comment on function private.refuse_late_entry is
    'Trigger: refuses an entry of a transaction that another database transaction inserted. Definer, because no API role may read every transaction.';

create trigger refuse_change before update or delete on private.ledger_accounts
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on private.ledger_accounts
    for each statement execute function private.refuse_change();
create trigger refuse_change before update or delete on private.ledger_transactions
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on private.ledger_transactions
    for each statement execute function private.refuse_change();
create trigger _110_refuse_change before update or delete on private.ledger_entries
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on private.ledger_entries
    for each statement execute function private.refuse_change();
create trigger _100_refuse_late_entry before insert on private.ledger_entries
    for each row execute function private.refuse_late_entry();
create constraint trigger refuse_unbalanced_entries after insert on private.ledger_entries
    deferrable initially deferred for each row execute function private.refuse_unbalanced_transaction();
create constraint trigger _100_refuse_unbalanced_transaction after insert on private.ledger_transactions
    deferrable initially deferred for each row execute function private.refuse_unbalanced_transaction();

create function private.ledger_account(p_purpose private.ledger_purpose, p_party_id uuid, p_currency text) returns bigint
language plpgsql
set search_path = ''
as $$
declare
    v_id bigint;
begin
    select a.id into v_id
    from private.ledger_accounts a
    where a.purpose = p_purpose and a.party_id is not distinct from p_party_id and a.currency = p_currency;
    if v_id is null then
        insert into private.ledger_accounts (purpose, party_id, currency) values (p_purpose, p_party_id, p_currency)
        on conflict do nothing
        returning id into v_id;
    end if;
    return coalesce(v_id, (
        select a.id from private.ledger_accounts a
        where a.purpose = p_purpose and a.party_id is not distinct from p_party_id and a.currency = p_currency
    ));
end
$$;
comment on function private.ledger_account is
    'Returns the account of a purpose, party and currency; creates it when there is none.';

create type private.posting as (purpose private.ledger_purpose, party_id uuid, currency text, booking_id uuid, amount bigint);
comment on type private.posting is 'An entry to post, in minor units: a debit is above zero, a credit below.';

create function private.post_transaction(
    p_key text, p_kind text, p_description text, p_occurred_at timestamptz, p_postings private.posting[], p_stripe_id text default null
)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_id bigint;
begin
    -- with immediate checks the transaction would be refused before its entries are inserted
    set constraints all deferred;
    insert into private.ledger_transactions (key, kind, description, stripe_id, occurred_at)
    values (p_key, p_kind, p_description, p_stripe_id, p_occurred_at)
    on conflict do nothing
    returning id into v_id;
    if v_id is null then
        return false;
    end if;
    insert into private.ledger_entries (transaction_id, account_id, booking_id, amount)
    select v_id, private.ledger_account(p.purpose, p.party_id, p.currency), p.booking_id, p.amount
    from unnest(p_postings) p
    where p.amount <> 0
    order by p.purpose, p.party_id, p.currency;
    insert into private.open_payables (booking_id)
    select distinct p.booking_id from unnest(p_postings) p where p.purpose = 'host_payable' and p.booking_id is not null
    on conflict do nothing;
    return true;
end
$$;
comment on function private.post_transaction is
    'Posts a transaction with its entries; returns false when its key or its balance transaction at Stripe was posted before. The only writer of the ledger.';

create function private.ledger_balance(
    p_purpose private.ledger_purpose, p_party_id uuid, p_currency text, p_booking_id uuid default null
)
returns bigint
language sql stable
set search_path = ''
as $$
    select coalesce(sum(e.amount), 0)::bigint
    from private.ledger_accounts a
    join private.ledger_entries e on e.account_id = a.id
    where
        a.purpose = p_purpose and a.party_id is not distinct from p_party_id and a.currency = p_currency
        and (p_booking_id is null or e.booking_id = p_booking_id)
$$;
comment on function private.ledger_balance is
    'Returns the balance of an account, for one booking or for all; a debit balance is above zero.';
