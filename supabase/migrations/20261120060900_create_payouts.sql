-- Purpose: the tables of payouts to hosts: connected accounts, payouts, reversals, holds, disputes.
-- Touches: public.payout_accounts, payouts, disputes, payout_holds; private.payout_reversals.
-- Watch: the ledger decides what is due: the host's share by agreement, less what was transferred. Nothing is paid out before the
-- guest has paid it, before its time, or while a hold or a dispute is open. Operators write holds; functions write the rest.

insert into private.settings (name, value, description) values
    ('payout_delay', '24 hours', 'How long after check-in a host is paid; a stay of 28 nights or more is paid in parts of 30 nights.'),
    ('new_host_hold', '30 days', 'How long new hosts wait for payouts, from the confirmation of their first booking.');

create table public.payout_accounts (
    profile_id uuid constraint payout_accounts_pkey primary key
        constraint payout_accounts_profile_fkey references public.profiles (id) on delete restrict,
    stripe_account_id text not null constraint payout_accounts_account_is_unique unique,
    details_submitted boolean not null default false,
    payouts_enabled boolean not null default false,
    requirements text[] not null default '{}',
    currency text constraint payout_accounts_currency_fkey references public.currencies (code) on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.payout_accounts is 'The connected account of each host at Stripe. The Edge Function connect creates it.';
comment on column public.payout_accounts.details_submitted is 'True when the host has completed onboarding at Stripe.';
comment on column public.payout_accounts.payouts_enabled is 'True when Stripe can pay out to the host.';
comment on column public.payout_accounts.requirements is 'What Stripe still requires from the host, in Stripe''s words.';
comment on column public.payout_accounts.currency is 'Currency of the account.';
create index payout_accounts_currency_idx on public.payout_accounts (currency);

create type public.payout_status as enum ('pending', 'paid', 'cancelled', 'failed');
comment on type public.payout_status is 'pending: not yet transferred at Stripe. paid: transferred. cancelled: no longer due before the transfer. failed: Stripe refused the transfer.';

create table public.payouts (
    id uuid default gen_random_uuid() constraint payouts_pkey primary key,
    booking_id uuid not null constraint payouts_booking_fkey references private.bookings (id) on delete restrict,
    host_id uuid not null constraint payouts_host_fkey references public.profiles (id) on delete restrict,
    status public.payout_status not null default 'pending',
    currency text not null constraint payouts_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint payouts_amount_is_positive check (amount > 0),
    reversed_amount bigint not null default 0,
    sent_currency text not null constraint payouts_sent_currency_fkey references public.currencies (code) on delete restrict,
    sent_amount bigint not null constraint payouts_sent_amount_is_positive check (sent_amount > 0),
    stripe_transfer_id text constraint payouts_transfer_is_unique unique,
    asked_at timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint payouts_reverse_no_more_than_paid check (reversed_amount between 0 and amount)
);
comment on table public.payouts is 'Payouts to hosts, each for one booking; amounts in minor units.';
comment on column public.payouts.status is 'Status, as last reported by Stripe.';
comment on column public.payouts.currency is 'Currency of the booking.';
comment on column public.payouts.amount is 'Amount in the currency of the booking.';
comment on column public.payouts.sent_currency is 'Currency of the transfer. When it is not the booking''s, the rate is that of the quote.';
comment on column public.payouts.sent_amount is 'Amount in sent_currency.';
comment on column public.payouts.reversed_amount is 'Amount of reversals that are done or pending, in the currency of the booking.';
comment on column public.payouts.asked_at is 'When the transfer was first requested from Stripe; from then on the payout cannot be cancelled.';
comment on column public.payouts.last_error is 'Why the transfer failed, in Stripe''s words.';

create unique index payouts_pending_idx on public.payouts (booking_id) where status = 'pending';
create index payouts_booking_id_idx on public.payouts (booking_id);
create index payouts_host_id_idx on public.payouts (host_id, created_at);
create index payouts_created_at_idx on public.payouts (created_at);
-- with the real number the planner expects few rows of a person, and reads and sorts all of them
alter table public.payouts alter column host_id set (n_distinct = 400);
create index payouts_currency_idx on public.payouts (currency);
create index payouts_sent_currency_idx on public.payouts (sent_currency);

create table private.payout_reversals (
    id uuid default gen_random_uuid() constraint payout_reversals_pkey primary key,
    payout_id uuid not null constraint payout_reversals_payout_fkey references public.payouts (id) on delete restrict,
    amount bigint not null constraint payout_reversals_amount_is_positive check (amount > 0),
    sent_amount bigint not null,
    status text not null default 'pending' constraint payout_reversals_status_is_known check (status in ('pending', 'done', 'failed')),
    stripe_reversal_id text constraint payout_reversals_are_unique unique,
    created_at timestamptz not null default now()
);
comment on table private.payout_reversals is 'Amounts of payouts that are taken back because less is due. A failed reversal leaves a debt of the host.';
create index payout_reversals_payout_id_idx on private.payout_reversals (payout_id);

create table public.disputes (
    id text constraint disputes_pkey primary key,
    payment_id uuid not null constraint disputes_payment_fkey references public.payments (id) on delete restrict,
    booking_id uuid not null constraint disputes_booking_fkey references private.bookings (id) on delete restrict,
    status text not null,
    reason text not null,
    currency text not null constraint disputes_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null,
    lost_amount bigint not null default 0,
    movements integer not null default 0,
    evidence jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.disputes is
    'Payments that a guest disputes at their bank. While a dispute is open, the booking is not paid out and the payment not refunded; an inquiry (warning_...) holds nothing back.';
comment on column public.disputes.status is 'Status at Stripe: needs_response, under_review, won, lost, warning_needs_response and others.';
comment on column public.disputes.reason is 'Reason at Stripe, such as fraudulent.';
comment on column public.disputes.currency is 'Currency of the payment.';
comment on column public.disputes.amount is 'Disputed amount in minor units.';
comment on column public.disputes.lost_amount is 'What the guest got back by losing the dispute, in minor units; 0 again when it is won later.';
comment on column public.disputes.movements is 'How many withdrawals and returns Stripe has listed. A state with fewer is older.';
comment on column public.disputes.evidence is 'Evidence for the host: booking, line items, cancellation, house rules and history.';
create index disputes_payment_id_idx on public.disputes (payment_id);
create index disputes_booking_id_idx on public.disputes (booking_id);
create index disputes_currency_idx on public.disputes (currency);
create index disputes_open_idx on public.disputes (booking_id) where status not in ('won', 'lost', 'warning_closed');

create table public.payout_holds (
    id uuid default gen_random_uuid() constraint payout_holds_pkey primary key,
    booking_id uuid not null constraint payout_holds_booking_fkey references private.bookings (id) on delete restrict,
    reason text not null constraint payout_holds_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    held_by uuid default auth.uid() constraint payout_holds_held_by_fkey references public.profiles (id) on delete restrict,
    released_at timestamptz,
    created_at timestamptz not null default now()
);
comment on table public.payout_holds is 'Bookings whose payout an operator holds back.';
comment on column public.payout_holds.reason is 'Why the payout is held.';
comment on column public.payout_holds.held_by is 'The operator who holds the payout.';
comment on column public.payout_holds.released_at is 'When the hold ended; null while it is open.';
create index payout_holds_booking_id_idx on public.payout_holds (booking_id);
create index payout_holds_held_by_idx on public.payout_holds (held_by);

alter table public.payout_accounts enable row level security;
alter table public.payouts enable row level security;
alter table private.payout_reversals enable row level security;
alter table public.disputes enable row level security;
alter table public.payout_holds enable row level security;

grant select on public.payout_accounts to authenticated, service_role;
grant select on public.payouts to authenticated, service_role;
grant select on public.disputes to authenticated, service_role;
grant select on public.payout_holds to authenticated, service_role;
grant insert (booking_id, reason) on public.payout_holds to authenticated;
grant update (released_at) on public.payout_holds to authenticated;

create policy "Hosts can read their account" on public.payout_accounts for select to authenticated
    using (profile_id = (select auth.uid()));
create policy "Operators can read any" on public.payout_accounts for select to operator using (true);
create policy "Hosts can read their payouts" on public.payouts for select to authenticated
    using (host_id = (select auth.uid()));
create policy "Operators can read any" on public.payouts for select to operator using (true);
create policy "Operators can read any" on public.disputes for select to operator using (true);
create policy "Operators can read any" on public.payout_holds for select to operator using (true);
create policy "Operators can hold payouts" on public.payout_holds for insert to authenticated
    with check ((select private.is_operator()));
create policy "Operators can release payouts" on public.payout_holds for update to authenticated
    using ((select private.is_operator())) with check ((select private.is_operator()));
select private.install_row_checks('public.payout_holds');

create trigger _800_set_updated_at before update on public.payout_accounts for each row execute function private.set_updated_at();
create trigger _800_set_updated_at before update on public.payouts for each row execute function private.set_updated_at();
create trigger _800_set_updated_at before update on public.disputes for each row execute function private.set_updated_at();
