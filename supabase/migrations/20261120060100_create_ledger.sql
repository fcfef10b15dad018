-- Purpose: the ledger, in double entry: what guests, hosts and the platform hold and owe.
-- Touches: private.ledger_accounts, ledger_transactions, ledger_entries, open_payables; private.post_transaction, ledger_balance.
-- Watch: an amount above zero is a debit (what the platform holds or is owed), one below a credit (what it owes). Every
-- transaction sums to zero in every currency; that is checked at commit. Rows never change: a further transaction corrects an
-- error. Two writers that post the same key post it once. Reading must not slow down as the ledger grows: an entry carries the
-- party of its account and, for a host, the balance after it; open_payables holds what is not settled.

insert into private.errors (code, status, message, hint) values
    ('ledger_transaction_unbalanced', 409, 'This ledger transaction does not sum to zero in every currency.', 'Post the missing entries in the same database transaction.'),
    ('ledger_transaction_empty', 409, 'This ledger transaction has no entries.', 'Post it with private.post_transaction.'),
    ('ledger_transaction_closed', 409, 'This ledger transaction was committed before and takes no more entries.', 'Post another transaction.');

create type private.ledger_purpose as enum (
    'guest', 'host_payable', 'platform_fee', 'tax_payable', 'stripe_clearing', 'stripe_fees', 'disputed', 'fx_difference', 'goodwill', 'orphan'
);
comment on type private.ledger_purpose is
    'What an account is for. guest: paid in and not yet earned, or owed by the guest. host_payable: owed to a host. platform_fee: income of the platform. tax_payable: taxes that the platform remits. stripe_clearing: the balance at Stripe. stripe_fees: fees of Stripe. disputed: withdrawn by Stripe until a dispute is decided. fx_difference: gains and losses from exchange rates. goodwill: money given back to guests that the platform bears. orphan: paid by guests or to hosts for what is not here, until an operator decides.';

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
        'dispute_won', 'bank_refund', 'fx', 'correction', 'write_off', 'orphan'
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
    'agreement: what guest, host and platform owe each other for a booking. request: the same for accepted requests for money. goodwill and dispute_lost: who bears what was given back to the guest. bank_refund: what the guest got by a lost dispute. offset: a host''s debt from one booking, deducted from another booking''s payout. write_off: a guest''s debt too small to be charged, borne by the platform. orphan: an orphan that belongs to a booking again.';
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
    amount bigint not null constraint ledger_entries_amount_is_not_zero check (amount <> 0),
    purpose private.ledger_purpose not null,
    party_id uuid,
    currency text not null,
    balance_after bigint,
    constraint ledger_entries_balance_is_of_hosts check ((balance_after is not null) = (purpose = 'host_payable'))
);
comment on table private.ledger_entries is 'Amounts of a transaction in minor units of the account''s currency: debits are above zero, credits below.';
comment on column private.ledger_entries.booking_id is 'The booking of the entry; null when it belongs to none.';
comment on column private.ledger_entries.purpose is 'Copy of the account''s purpose, like party_id and currency: a reader of entries needs no account.';
comment on column private.ledger_entries.balance_after is 'Balance of a host''s account after this entry; null for other accounts.';

create index ledger_entries_transaction_id_idx on private.ledger_entries (transaction_id);
create index ledger_entries_account_id_idx on private.ledger_entries (account_id, id);
create index ledger_entries_booking_id_idx on private.ledger_entries (booking_id);
-- with what private.readable_entries reads, so that the planner finds a page without an order here and not in the table
create index ledger_entries_party_id_idx on private.ledger_entries (party_id, id) include (balance_after, booking_id)
    where party_id is not null;
-- for readers of everything; without statistics the planner takes the one value for rare, as it should take a reader
create index ledger_entries_whole_idx on private.ledger_entries (greatest(party_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), id)
    include (balance_after, booking_id, party_id);
alter index private.ledger_entries_whole_idx alter column 1 set statistics 0;
-- with the real number the planner expects few entries for a party, and reads and sorts all of them
alter table private.ledger_entries alter column party_id set (n_distinct = 20);

create table private.open_payables (
    booking_id uuid constraint open_payables_pkey primary key
        constraint open_payables_booking_fkey references private.bookings (id) on delete restrict,
    host_id uuid not null constraint open_payables_host_fkey references public.profiles (id) on delete restrict,
    currency text not null constraint open_payables_currency_fkey references public.currencies (code) on delete restrict,
    balance bigint not null default 0,
    in_flight bigint not null default 0,
    debt bigint not null generated always as (greatest(balance + in_flight, 0)) stored,
    due_at timestamptz not null default '-infinity'
);
comment on table private.open_payables is
    'Bookings whose host is owed money, owes money, or is about to be paid. Triggers keep the amounts; a booking that is settled has no row.';
comment on column private.open_payables.balance is 'Balance of host_payable for the booking; a debit (what the host owes) is above zero.';
comment on column private.open_payables.in_flight is 'Pending payouts less pending reversals, which are posted when Stripe has made them.';
comment on column private.open_payables.debt is 'What the host owes for the booking.';
comment on column private.open_payables.due_at is
    'When release_payouts next looks at the booking; every change that can make more due sets it to -infinity.';
create index open_payables_due_at_idx on private.open_payables (due_at);
create index open_payables_host_id_idx on private.open_payables (host_id, currency, debt);
create index open_payables_currency_idx on private.open_payables (currency);

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
        select e.currency, sum(e.amount) as total
        from private.ledger_entries e
        where e.transaction_id = v_transaction
        group by e.currency
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

create function private.complete_entry() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    select a.purpose, a.party_id, a.currency into new.purpose, new.party_id, new.currency
    from private.ledger_accounts a
    where a.id = new.account_id;
    new.balance_after := null;
    if new.purpose = 'host_payable' then
        perform from private.ledger_accounts a where a.id = new.account_id for no key update;
        -- the id is drawn under the lock, so that ids of an account are in the order of its balances
        new.id := nextval('private.ledger_entries_id_seq');
        new.balance_after := new.amount + coalesce((
            select e.balance_after from private.ledger_entries e where e.account_id = new.account_id order by e.id desc limit 1
        ), 0);
    end if;
    return new;
end
$$;
comment on function private.complete_entry is
    'Trigger: copies purpose, party and currency from the account, and for a host''s account locks it and computes the balance. Definer, like the functions that post.';

create function private.change_open_payable(
    p_booking_id uuid, p_host_id uuid, p_currency text, p_balance bigint, p_in_flight bigint
)
returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into private.open_payables as o (booking_id, host_id, currency, balance, in_flight)
    values (p_booking_id, p_host_id, p_currency, p_balance, p_in_flight)
    on conflict (booking_id) do update
    set balance = o.balance + excluded.balance, in_flight = o.in_flight + excluded.in_flight, due_at = '-infinity';
    delete from private.open_payables o
    where
        o.booking_id = p_booking_id and o.balance = 0 and o.in_flight = 0
        -- a pending payout and a pending reversal may sum to zero
        and not exists (select from public.payouts y where y.booking_id = p_booking_id and y.status = 'pending');
end
$$;
comment on function private.change_open_payable is
    'Adds to balance and in_flight of a booking''s open payable, creates it when there is none, and deletes it when it is settled.';

create function private.review_payable(p_booking_id uuid) returns void
language plpgsql
set search_path = ''
as $$
begin
    update private.open_payables o set due_at = '-infinity' where o.booking_id = p_booking_id and o.due_at > '-infinity';
end
$$;
comment on function private.review_payable is 'Makes release_payouts look at a booking again.';

create function private.update_payable_on_entry() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if new.purpose = 'host_payable' then
        perform private.change_open_payable(new.booking_id, new.party_id, new.currency, new.amount, 0);
    else
        perform private.review_payable(new.booking_id);
    end if;
    return null;
end
$$;
comment on function private.update_payable_on_entry is
    'Trigger: keeps the open payable of an entry''s booking. What a guest pays is reviewed, because a host is paid in proportion. Definer, like the functions that post.';

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
create trigger _200_complete_entry before insert on private.ledger_entries
    for each row execute function private.complete_entry();
create constraint trigger _100_refuse_unbalanced_entries after insert on private.ledger_entries
    deferrable initially deferred for each row execute function private.refuse_unbalanced_transaction();
create trigger _200_update_payable_on_entry after insert on private.ledger_entries
    for each row when (new.booking_id is not null and new.purpose in ('guest', 'host_payable'))
    execute function private.update_payable_on_entry();
create constraint trigger _100_refuse_unbalanced_transaction after insert on private.ledger_transactions
    deferrable initially deferred for each row execute function private.refuse_unbalanced_transaction();

create function private.find_ledger_account(p_purpose private.ledger_purpose, p_party_id uuid, p_currency text) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    -- `is not distinct from` would read every account
    if p_party_id is null then
        return (
            select a.id from private.ledger_accounts a
            where a.purpose = p_purpose and a.party_id is null and a.currency = p_currency
        );
    end if;
    return (
        select a.id from private.ledger_accounts a
        where a.purpose = p_purpose and a.party_id = p_party_id and a.currency = p_currency
    );
end
$$;
comment on function private.find_ledger_account is 'Returns the account of a purpose, party and currency; null when there is none.';

create function private.ledger_account(p_purpose private.ledger_purpose, p_party_id uuid, p_currency text) returns bigint
language plpgsql
set search_path = ''
as $$
declare
    v_id bigint := private.find_ledger_account(p_purpose, p_party_id, p_currency);
begin
    if v_id is null then
        insert into private.ledger_accounts (purpose, party_id, currency) values (p_purpose, p_party_id, p_currency)
        on conflict do nothing
        returning id into v_id;
    end if;
    return coalesce(v_id, private.find_ledger_account(p_purpose, p_party_id, p_currency));
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
    return true;
end
$$;
comment on function private.post_transaction is
    'Posts a transaction with its entries; returns false when its key or its balance transaction at Stripe was posted before. The only writer of the ledger.';

create function private.ledger_balance(
    p_purpose private.ledger_purpose, p_party_id uuid, p_currency text, p_booking_id uuid default null
)
returns bigint
language plpgsql stable
set search_path = ''
as $$
declare
    v_account bigint;
begin
    if p_booking_id is not null then
        return (
            select coalesce(sum(e.amount), 0)::bigint
            from private.ledger_entries e
            where
                e.booking_id = p_booking_id and e.purpose = p_purpose and e.currency = p_currency
                and e.party_id is not distinct from p_party_id
        );
    end if;
    v_account := private.find_ledger_account(p_purpose, p_party_id, p_currency);
    if p_purpose = 'host_payable' then
        return coalesce((
            select e.balance_after from private.ledger_entries e where e.account_id = v_account order by e.id desc limit 1
        ), 0);
    end if;
    return (select coalesce(sum(e.amount), 0)::bigint from private.ledger_entries e where e.account_id = v_account);
end
$$;
comment on function private.ledger_balance is
    'Returns the balance of an account, for one booking or for all; a debit balance is above zero.';
