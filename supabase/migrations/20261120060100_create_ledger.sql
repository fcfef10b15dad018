-- Purpose: the ledger: who has or owes what, in double entry. Balances are never stored; they are sums of entries.
-- Touches: private.ledger_accounts, ledger_transactions, ledger_entries, open_payables; private.post_transaction.
-- Watch: an amount above zero is a debit (what Staybase holds or is owed), one below a credit (what it owes). Every transaction
-- sums to zero in every currency, which is checked at commit, and nothing that was written changes: an error is corrected by a
-- further transaction. Two writers who post the same key post it once.

create type private.ledger_purpose as enum (
    'guest', 'host_payable', 'platform_fee', 'tax_payable', 'stripe_clearing', 'stripe_fees', 'disputed', 'fx_difference'
);
comment on type private.ledger_purpose is
    'What an account is for. guest: paid in and not yet earned, or owed by the guest. host_payable: owed to a host. platform_fee: Staybase''s income. tax_payable: taxes that the platform remits. stripe_clearing: the balance at Stripe. stripe_fees: what Stripe took. disputed: withdrawn by Stripe until a dispute is decided. fx_difference: what rates made.';

create table private.ledger_accounts (
    id bigint generated always as identity constraint ledger_accounts_pkey primary key,
    purpose private.ledger_purpose not null,
    party_id uuid constraint ledger_accounts_party_fkey references public.profiles (id) on delete restrict,
    currency text not null constraint ledger_accounts_currency_fkey references public.currencies (code) on delete restrict,
    created_at timestamptz not null default now(),
    constraint ledger_accounts_are_unique unique nulls not distinct (purpose, party_id, currency),
    constraint ledger_accounts_belong_to_parties check ((purpose in ('guest', 'host_payable')) = (party_id is not null))
);
comment on table private.ledger_accounts is 'One per purpose, party and currency. Made when something is first posted to it.';

create index ledger_accounts_party_id_idx on private.ledger_accounts (party_id);
create index ledger_accounts_currency_idx on private.ledger_accounts (currency);

create table private.ledger_transactions (
    id bigint generated always as identity constraint ledger_transactions_pkey primary key,
    key text not null constraint ledger_transactions_key_is_unique unique
        constraint ledger_transactions_key_length check (char_length(key) between 1 and 255),
    kind text not null constraint ledger_transactions_kind_is_known check (kind in (
        'agreement', 'charge', 'refund', 'refund_failed', 'transfer', 'reversal', 'offset', 'dispute', 'dispute_won', 'dispute_lost',
        'fx', 'correction'
    )),
    description text not null,
    stripe_id text,
    occurred_at timestamptz not null,
    posted_at timestamptz not null default clock_timestamp(),
    written_by xid8 not null default pg_current_xact_id()
);
comment on table private.ledger_transactions is 'What happened, once. Its entries sum to zero in every currency.';
comment on column private.ledger_transactions.key is 'Names what happened, such as refund:re_123: posted again, it is found and not repeated.';
comment on column private.ledger_transactions.kind is
    'agreement: what guest, host and platform owe each other by a booking. offset: a host''s debt of one booking taken from another''s money.';
comment on column private.ledger_transactions.written_by is 'The database transaction that wrote it, the only one that may add entries.';
comment on column private.ledger_transactions.stripe_id is 'The balance transaction at Stripe that this mirrors; null for what moves no money there.';

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
comment on table private.ledger_entries is 'Amounts of a transaction in minor units of the account''s currency: debits above zero, credits below.';
comment on column private.ledger_entries.booking_id is 'The booking that it is about; null where none is.';

create index ledger_entries_transaction_id_idx on private.ledger_entries (transaction_id);
create index ledger_entries_account_id_idx on private.ledger_entries (account_id, booking_id) include (amount);
create index ledger_entries_booking_id_idx on private.ledger_entries (booking_id);

create table private.open_payables (
    booking_id uuid constraint open_payables_pkey primary key
        constraint open_payables_booking_fkey references private.bookings (id) on delete restrict
);
comment on table private.open_payables is
    'Bookings whose host was promised or sent something since they were last found even: what release_payouts looks at, and not every booking there ever was.';

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
        raise exception using
            errcode = 'check_violation', message = 'A transaction of the ledger sums to zero in every currency.',
            detail = v_sums::text, hint = 'Post what is missing in the same database transaction.';
    elsif not exists (select from private.ledger_entries e where e.transaction_id = v_transaction) then
        raise exception using
            errcode = 'check_violation', message = 'A transaction of the ledger has entries.', hint = 'Use private.post_transaction.';
    end if;
    return null;
end
$$;
comment on function private.refuse_unbalanced_transaction is
    'Trigger at commit: refuses a transaction of the ledger that does not sum to zero, or has no entries. Definer, because it reads what no role may.';

create function private.refuse_late_entry() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if not exists (
        select from private.ledger_transactions t where t.id = new.transaction_id and t.written_by = pg_current_xact_id()
    ) then
        raise exception using
            errcode = 'check_violation', message = 'This transaction of the ledger is closed.', hint = 'Post another one.';
    end if;
    return new;
end
$$;
comment on function private.refuse_late_entry is
    'Trigger: an entry is written with its transaction or never. Definer, because it reads what no role may.';

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
    'The account of a purpose, party and currency, made when there is none. Called by post_transaction.';

create type private.posting as (purpose private.ledger_purpose, party_id uuid, currency text, booking_id uuid, amount bigint);
comment on type private.posting is 'An entry to be, in minor units: a debit above zero, a credit below.';

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
    -- whoever asked for checks at each statement would refuse the transaction before it has entries
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
    'Posts what happened, with its entries; false when the key, or what it mirrors at Stripe, was posted before. The only writer of the ledger. Called by functions of the owner.';

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
    'What stands on an account, of one booking or of all: debits above zero. Called by functions of the owner.';
