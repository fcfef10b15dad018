-- Purpose: payments and refunds of guests, their cards, and the events that Stripe sends.
-- Touches: public.payments, payment_methods, refunds; private.stripe_customers, stripe_events.
-- Watch: functions of the database write these tables; clients only delete their cards. Amounts that are sent to Stripe come from
-- these rows.

create type public.payment_status as enum ('requires_payment', 'processing', 'authorized', 'captured', 'cancelled');
comment on type public.payment_status is
    'requires_payment: no card was charged yet, or the last card was declined. authorized: held on the card until the host accepts. captured: paid.';
create type public.payment_kind as enum ('booking', 'alteration', 'balance', 'request');
comment on type public.payment_kind is
    'booking: a stay, or the first instalment of a stay of 28 nights or more. alteration: the extra price after an alteration. balance: a further instalment, or the amount still due after a cancellation. request: what the host asked for and the guest accepted.';

create table public.payment_methods (
    id uuid default gen_random_uuid() constraint payment_methods_pkey primary key,
    profile_id uuid not null constraint payment_methods_profile_fkey references public.profiles (id) on delete restrict,
    stripe_payment_method_id text not null constraint payment_methods_are_unique unique,
    brand text not null,
    last4 text not null,
    created_at timestamptz not null default now()
);
comment on table public.payment_methods is
    'Cards that guests have paid with and can use again. A payment saves its card; DELETE removes it here and at Stripe.';
comment on column public.payment_methods.brand is 'Brand in Stripe''s words, such as visa.';
comment on column public.payment_methods.last4 is 'The last four digits of the card number.';
create index payment_methods_profile_id_idx on public.payment_methods (profile_id);

create table public.payments (
    id uuid default gen_random_uuid() constraint payments_pkey primary key,
    booking_id uuid not null constraint payments_booking_fkey references private.bookings (id) on delete restrict,
    guest_id uuid not null constraint payments_guest_fkey references public.profiles (id) on delete restrict,
    kind public.payment_kind not null,
    status public.payment_status not null default 'requires_payment',
    is_manual boolean not null,
    currency text not null constraint payments_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint payments_amount_is_positive check (amount > 0),
    captured_amount bigint not null default 0,
    refunded_amount bigint not null default 0,
    disputed_amount bigint not null default 0,
    stripe_payment_intent_id text constraint payments_intent_is_unique unique,
    payment_method_id uuid constraint payments_method_fkey references public.payment_methods (id) on delete set null,
    capture_before timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    request_id text default private.request_id(),
    constraint payments_capture_no_more_than_agreed check (captured_amount between 0 and amount),
    constraint payments_refund_no_more_than_captured check (refunded_amount >= 0 and refunded_amount <= captured_amount),
    constraint payments_disputed_amount_is_captured check (disputed_amount between 0 and captured_amount),
    constraint payments_captured_ones_have_money check ((status = 'captured') = (captured_amount > 0))
);
comment on table public.payments is 'Payments of guests for bookings, in minor units. The Edge Function payments begins them; the database begins the charge of a further instalment.';
comment on column public.payments.kind is 'What the payment is for, and what explains its charge.';
comment on column public.payments.status is 'Status, as last reported by Stripe.';
comment on column public.payments.is_manual is 'True when the amount is authorised first and captured when the host accepts the request.';
comment on column public.payments.currency is 'Currency of the booking.';
comment on column public.payments.amount is 'Amount due when the payment was begun.';
comment on column public.payments.captured_amount is 'Amount that the card was charged.';
comment on column public.payments.refunded_amount is 'Amount of refunds that succeeded or are pending.';
comment on column public.payments.disputed_amount is 'Amount of disputes that are open or lost.';
comment on column public.payments.capture_before is 'When the authorisation expires.';
comment on column public.payments.payment_method_id is 'The card that was charged; null when it was not saved, or was removed.';
comment on column public.payments.last_error is 'Why the last charge failed; a decline in Stripe''s words.';
comment on column public.payments.request_id is 'Id of the request that began it, also in the metadata at Stripe; null when the clock did.';

create unique index payments_open_idx on public.payments (booking_id) where status in ('requires_payment', 'processing', 'authorized');
create index payments_booking_id_idx on public.payments (booking_id);
create index payments_guest_id_idx on public.payments (guest_id, created_at);
create index payments_created_at_idx on public.payments (created_at);
-- with the real number the planner expects few rows of a person, and reads and sorts all of them
alter table public.payments alter column guest_id set (n_distinct = 400);
create index payments_currency_idx on public.payments (currency);
create index payments_payment_method_id_idx on public.payments (payment_method_id);
create index payments_capture_before_idx on public.payments (capture_before) where status = 'authorized';

create type public.refund_reason as enum ('cancellation', 'alteration', 'late_payment', 'goodwill');
comment on type public.refund_reason is
    'cancellation: the booking was cancelled. alteration: an alteration lowered the price. late_payment: the booking had ended when the payment arrived. goodwill: given back by the host, by an operator, or at Stripe without Staybase.';
create type public.refund_status as enum ('pending', 'succeeded', 'failed', 'cancelled');
comment on type public.refund_status is
    'failed: Stripe could not send the refund; an operator decides what to do. cancelled: not sent, because the money went back in another way or is disputed.';
create type public.refund_bearer as enum ('host', 'platform');
comment on type public.refund_bearer is 'Who bears money that is given back.';

create table public.refunds (
    id uuid default gen_random_uuid() constraint refunds_pkey primary key,
    payment_id uuid not null constraint refunds_payment_fkey references public.payments (id) on delete restrict,
    booking_id uuid not null constraint refunds_booking_fkey references private.bookings (id) on delete restrict,
    reason public.refund_reason not null,
    status public.refund_status not null default 'pending',
    currency text not null constraint refunds_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint refunds_amount_is_positive check (amount > 0),
    stripe_refund_id text constraint refunds_stripe_refund_is_unique unique,
    last_error text,
    borne_by public.refund_bearer,
    note text,
    made_by uuid constraint refunds_made_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- copy_booking_parties fills them in
    guest_id uuid not null,
    host_id uuid not null,
    property_id uuid not null,
    constraint refunds_only_goodwill_is_borne check (reason = 'goodwill' or (borne_by is null and note is null and made_by is null))
);
comment on table public.refunds is
    'Refunds to guests, in minor units. The database creates one when a guest has paid more than the booking costs; refund_booking gives more back.';
comment on column public.refunds.reason is 'Why the amount is refunded.';
comment on column public.refunds.status is 'Status, as last reported by Stripe.';
comment on column public.refunds.currency is 'Currency of the payment.';
comment on column public.refunds.amount is 'Amount of the refund.';
comment on column public.refunds.last_error is 'Why the refund failed, in Stripe''s words.';
comment on column public.refunds.borne_by is
    'Who bears goodwill. Null for goodwill that was made at Stripe: the platform bears it until an operator calls assign_goodwill.';
comment on column public.refunds.note is 'Why goodwill was given, in words for the guest.';
comment on column public.refunds.made_by is 'The host or operator who gave goodwill; null when it was made at Stripe or by the service role.';

comment on column public.refunds.guest_id is 'Guest of the booking.';
comment on column public.refunds.host_id is 'Host of the booking.';
comment on column public.refunds.property_id is 'Property of the booking.';

create index refunds_payment_id_idx on public.refunds (payment_id);
create index refunds_booking_id_idx on public.refunds (booking_id);
create index refunds_currency_idx on public.refunds (currency);
create index refunds_guest_id_idx on public.refunds (guest_id, created_at);
create index refunds_host_id_idx on public.refunds (host_id, created_at) where borne_by = 'host';
create index refunds_created_at_idx on public.refunds (created_at);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.refunds alter column guest_id set (n_distinct = -1);
alter table public.refunds alter column host_id set (n_distinct = -1);
create index refunds_made_by_idx on public.refunds (made_by, created_at);

create table private.stripe_customers (
    profile_id uuid constraint stripe_customers_pkey primary key
        constraint stripe_customers_profile_fkey references public.profiles (id) on delete restrict,
    stripe_customer_id text not null constraint stripe_customers_are_unique unique
);
comment on table private.stripe_customers is 'The Stripe customer of each guest.';

create table private.stripe_events (
    id text constraint stripe_events_pkey primary key,
    type text not null,
    object_id text,
    payload jsonb not null,
    created timestamptz not null,
    received_at timestamptz not null default clock_timestamp(),
    applied_at timestamptz,
    outcome text
);
comment on table private.stripe_events is 'Every event that Stripe sent, once, unchanged.';
comment on column private.stripe_events.outcome is 'applied, or why the event was ignored.';

create index stripe_events_received_at_idx on private.stripe_events (received_at);

alter table public.payment_methods enable row level security;
alter table public.payments enable row level security;
alter table public.refunds enable row level security;
alter table private.stripe_customers enable row level security;
alter table private.stripe_events enable row level security;

grant select, delete on public.payment_methods to authenticated;
grant select on public.payment_methods to service_role;
grant select on public.payments to authenticated, service_role;
grant select on public.refunds to authenticated, service_role;

create policy "People can read their cards" on public.payment_methods for select to authenticated
    using (profile_id = (select auth.uid()));
create policy "People can remove their cards" on public.payment_methods for delete to authenticated
    using (profile_id = (select auth.uid()));
create policy "Guests can read their payments" on public.payments for select to authenticated
    using (guest_id = (select auth.uid()));
create policy "Operators can read any" on public.payments for select to operator using (true);
create policy "Guests can read their refunds, hosts those they bear" on public.refunds for select to authenticated
    using (guest_id = (select auth.uid()) or host_id = (select auth.uid()) and borne_by = 'host');
create policy "Operators can read any" on public.refunds for select to operator using (true);

create trigger _800_set_updated_at before update on public.payments for each row execute function private.set_updated_at();
create trigger _050_copy_booking_parties before insert on public.refunds
    for each row execute function private.copy_booking_parties();
create trigger _800_set_updated_at before update on public.refunds for each row execute function private.set_updated_at();

insert into private.settings (name, value, description) values
    ('installation', gen_random_uuid()::text, 'Id of this installation, in the metadata of what it makes at Stripe. A restored database has the id of the one that it was.'),
    ('stripe_task_attempts', '10', 'After this many failed attempts a Stripe task is given up.');
