-- Purpose: proposals to change dates or guests of a confirmed booking: one side proposes, the other answers.
-- Touches: public.alteration_answer, public.booking_alterations.
-- Watch: there is no answer "expired": a proposal is open while answer is null and expires_at is in the future.

create type public.alteration_answer as enum ('accepted', 'declined', 'withdrawn', 'superseded');
comment on type public.alteration_answer is
    'accepted or declined: by the other side. withdrawn: by the side that proposed. superseded: replaced by a proposal of the other side, or expired before a new one.';

create table public.booking_alterations (
    id uuid default gen_random_uuid() constraint booking_alterations_pkey primary key,
    booking_id uuid not null constraint booking_alterations_booking_fkey references private.bookings (id) on delete restrict,
    proposed_by public.booking_actor not null,
    proposed_by_id uuid constraint booking_alterations_proposed_by_fkey references public.profiles (id) on delete restrict,
    expires_at timestamptz not null,
    answer public.alteration_answer,
    answered_at timestamptz,
    answered_by_id uuid constraint booking_alterations_answered_by_fkey references public.profiles (id) on delete restrict,
    check_in date not null,
    check_out date not null,
    adults smallint not null,
    children smallint not null,
    children_ages smallint[],
    infants smallint not null,
    pets smallint not null,
    units smallint not null default 1,
    currency text not null constraint booking_alterations_currency_fkey references public.currencies (code) on delete restrict,
    guest_total bigint not null,
    difference bigint not null,
    lines public.quote_line[] not null,
    created_at timestamptz not null default now(),
    -- copy_booking_parties fills them in
    guest_id uuid not null,
    host_id uuid not null,
    property_id uuid not null,
    constraint booking_alterations_answer_is_whole check ((answer is null) = (answered_at is null))
);
comment on table public.booking_alterations is 'Proposals to change dates or guests of a confirmed booking. A proposal is open while answer is null and expires_at is in the future.';
comment on column public.booking_alterations.proposed_by is 'The side that proposed it.';
comment on column public.booking_alterations.expires_at is 'When it can no longer be answered.';
comment on column public.booking_alterations.answer is 'Null without an answer.';
comment on column public.booking_alterations.answered_at is 'When it was answered.';
comment on column public.booking_alterations.check_in is 'Proposed check-in date.';
comment on column public.booking_alterations.check_out is 'Proposed check-out date.';
comment on column public.booking_alterations.adults is 'Proposed number of adults.';
comment on column public.booking_alterations.children is 'Proposed number of children.';
comment on column public.booking_alterations.children_ages is 'Ages of these children at check-in; null where nothing asks for them.';
comment on column public.booking_alterations.infants is 'Proposed number of infants.';
comment on column public.booking_alterations.pets is 'Proposed number of pets.';
comment on column public.booking_alterations.units is 'Proposed number of units.';
comment on column public.booking_alterations.currency is 'Currency of the booking.';
comment on column public.booking_alterations.guest_total is 'What the guest would pay for the booking, in minor units.';
comment on column public.booking_alterations.difference is 'How much more the guest would pay than now; negative for less.';
comment on column public.booking_alterations.lines is 'The lines of guest_total, without host amounts.';

comment on column public.booking_alterations.guest_id is 'Guest of the booking.';
comment on column public.booking_alterations.host_id is 'Host of the booking.';
comment on column public.booking_alterations.property_id is 'Property of the booking.';

create unique index booking_alterations_open_idx on public.booking_alterations (booking_id) where answer is null;
create index booking_alterations_booking_id_idx on public.booking_alterations (booking_id);
create index booking_alterations_proposed_by_id_idx on public.booking_alterations (proposed_by_id);
create index booking_alterations_answered_by_id_idx on public.booking_alterations (answered_by_id);
create index booking_alterations_currency_idx on public.booking_alterations (currency);
create index booking_alterations_guest_id_idx on public.booking_alterations (guest_id, created_at);
create index booking_alterations_property_id_idx on public.booking_alterations (property_id, created_at);
create index booking_alterations_created_at_idx on public.booking_alterations (created_at);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.booking_alterations alter column guest_id set (n_distinct = -1);
alter table public.booking_alterations alter column property_id set (n_distinct = -1);

alter table public.booking_alterations enable row level security;

grant select on public.booking_alterations to authenticated, service_role;

create policy "People who can read a booking can read its alterations" on public.booking_alterations for select to authenticated
    using (guest_id = (select auth.uid()) or property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.booking_alterations for select to operator using (true);

create trigger _050_copy_booking_parties before insert on public.booking_alterations
    for each row execute function private.copy_booking_parties();
