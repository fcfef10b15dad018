-- Purpose: bookings: their agreed terms, the changes of status and who may make them, and a log that no role can change.
-- Touches: private.bookings, booking_line_items, booking_transitions, booking_events; guard_booking, record_booking_event.
-- Watch: clients use the views public.bookings and booking_line_items. The table's trigger refuses every change of status that
-- booking_transitions does not list, for every role. Lock order everywhere: idempotency key, guest's profile, property, booking.

insert into private.errors (code, status, message, hint) values
    ('booking_is_permanent', 409, 'Bookings are never deleted.', 'Cancel it; DELETE on bookings gives up an unpaid hold or a request.'),
    ('booking_begins_unpaid', 409, 'A booking begins as a request or an unpaid hold.', 'Create it with POST bookings.'),
    ('payout_rate_not_of_quote', 409, 'The payout currency and rate of a booking are those of its quote.', 'Create it with POST bookings.'),
    ('booking_terms_are_fixed', 409, 'The terms of a booking never change.', 'Propose other dates or guests with PATCH bookings, or cancel and book again.'),
    ('booking_not_alterable', 409, 'A booking that is {status} cannot be altered.', 'Only a confirmed stay that is not over can be altered; give up an unpaid one with DELETE and book again.'),
    ('reason_is_plain', 422, 'A reason has 1 to 1,000 characters of plain text, without HTML and control characters.', 'Send another reason.'),
    ('status_time_out_of_order', 409, 'A change of status takes effect now.', 'Leave status_at out.'),
    ('status_and_stay_changed_together', 409, 'Status and stay cannot change in one step.', 'Change one after the other.'),
    ('illegal_transition', 409, 'A booking that is {from} cannot become {to}.', 'Read the booking again: its status may have changed.'),
    ('transition_at_wrong_time', 409, 'A booking that is {from} cannot become {to} at this time.', 'Read the booking again: its deadline may have passed.'),
    ('transition_not_yours', 403, 'You are not allowed to make this booking {to}.', 'Ask the other party or an operator.');

create type public.booking_status as enum (
    'requested', 'awaiting_payment', 'confirmed', 'completed', 'declined', 'withdrawn', 'expired', 'cancelled', 'no_show'
);
comment on type public.booking_status is
    'requested: the host has 24 hours to answer, at most until the first day is over. awaiting_payment: an unpaid hold of 15 minutes. completed to no_show are final, but completed can become no_show, and expired can become confirmed by a late payment.';
create type public.booking_actor as enum ('guest', 'host', 'co_host', 'operator', 'system', 'clock');
comment on type public.booking_actor is
    'Who acts on a booking: guest, host, a co-host with level full, or an operator. system acts without a signed-in user; clock stands for deadlines that have passed.';

create function private.is_party(p_adults smallint, p_children smallint, p_infants smallint, p_pets smallint, p_units smallint)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
    return p_adults between 1 and 1000 and p_children between 0 and 1000 and p_infants between 0 and 100
        and p_pets between 0 and 200 and p_units between 1 and 20;
end
$$;
comment on function private.is_party is 'Whether a booking can have so many guests, pets and units at all; properties set narrower limits.';

create table private.bookings (
    id uuid default gen_random_uuid() constraint bookings_pkey primary key,
    property_id uuid not null constraint bookings_property_fkey references public.properties (id) on delete restrict,
    host_id uuid not null constraint bookings_host_fkey references public.profiles (id) on delete restrict,
    guest_id uuid not null constraint bookings_guest_fkey references public.profiles (id) on delete restrict,
    status public.booking_status not null,
    status_at timestamptz not null default now(),
    status_reason text constraint bookings_status_reason_is_plain
        check (status_reason ~ '\S' and private.is_plain_text(status_reason, 1000)),
    expires_at timestamptz,
    confirmed_at timestamptz,

    check_in date not null,
    check_out date not null,
    nights integer not null generated always as (check_out - check_in) stored,
    adults smallint not null,
    children smallint not null,
    children_ages smallint[],
    infants smallint not null,
    pets smallint not null,
    units smallint not null default 1,

    booking_mode public.booking_mode not null,
    currency text not null constraint bookings_currency_fkey references public.currencies (code) on delete restrict,
    guest_total bigint not null constraint bookings_guest_total_is_not_negative check (guest_total >= 0),
    host_total bigint not null constraint bookings_host_total_is_not_negative check (host_total >= 0),
    night_prices bigint[] not null,

    property_title text not null,
    property_city text,
    time_zone text not null constraint bookings_time_zone_fkey references public.time_zones (name) on delete restrict,
    check_in_from time(0) not null,
    check_out_until time(0) not null,
    check_in_at timestamptz not null,
    check_out_at timestamptz not null,
    cancellation_policy_id text not null,
    cancellation_policy_name text not null,
    cancellation_steps jsonb not null,
    house_rules_version integer not null,

    quote_id uuid,
    idempotency_key text constraint bookings_idempotency_key_length check (char_length(idempotency_key) between 1 and 255),
    request_hash bytea not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    payout_currency text constraint bookings_payout_currency_fkey references public.currencies (code) on delete restrict,
    payout_rate numeric,

    -- a function, because every insert and update parses the text of each constraint again
    constraint bookings_party_range check (private.is_party(adults, children, infants, pets, units)),
    constraint bookings_children_ages_are_whole
        check (cardinality(children_ages) = children and 2 <= all (children_ages) and 17 >= all (children_ages)),
    constraint bookings_dates_are_in_order check (check_out > check_in),
    constraint bookings_nights_have_prices check (cardinality(night_prices) = check_out - check_in),
    constraint bookings_unpaid_ones_expire check ((status in ('requested', 'awaiting_payment')) = (expires_at is not null)),
    constraint bookings_kept_ones_were_confirmed
        check (status not in ('confirmed', 'completed', 'cancelled', 'no_show') or confirmed_at is not null),
    constraint bookings_house_rules_fkey
        foreign key (property_id, house_rules_version) references public.house_rules (property_id, version) on delete restrict,
    constraint bookings_idempotency_key_is_unique unique (guest_id, idempotency_key),
    constraint bookings_payout_rate_has_a_currency check ((payout_currency is null) = (payout_rate is null))
);
comment on table private.bookings is
    'Bookings as agreed: prices, policy, house rules version, time zone and times are copies, so that later changes of the property do not affect them. Clients use public.bookings.';
comment on column private.bookings.children_ages is
    'Ages at check-in; null where no fee and no tax asked for them, and when their time is over. The log of events does not have them.';
comment on column private.bookings.night_prices is 'The price of each night in order, before the discount; a cancellation divides the total by them.';
comment on column private.bookings.request_hash is 'Hash of the request, to distinguish a repeated request from a different one with the same idempotency key.';

create index bookings_property_id_idx on private.bookings (property_id, house_rules_version);
create index bookings_property_dates_idx on private.bookings (property_id, check_in);
create index bookings_host_id_idx on private.bookings (host_id, confirmed_at);
create index bookings_currency_idx on private.bookings (currency);
comment on column private.bookings.payout_currency is 'The currency in which the host is paid; null when it is the booking''s.';
comment on column private.bookings.payout_rate is 'Units of payout_currency for one unit of the booking''s currency, fixed by the quote.';
create index bookings_payout_currency_idx on private.bookings (payout_currency);
create index bookings_time_zone_idx on private.bookings (time_zone);
create index bookings_guest_id_idx on private.bookings (guest_id, created_at);
create index bookings_guest_id_check_in_idx on private.bookings (guest_id, check_in);
-- with what the policy reads, so that counting or finding them needs no look at the table
create index bookings_host_id_created_at_idx on private.bookings (host_id, created_at) include (guest_id, property_id, id);
create index bookings_host_id_check_in_idx on private.bookings (host_id, check_in);
-- for readers of everything; without statistics the planner takes the one value for rare, as it should take a reader
create index bookings_created_at_idx on private.bookings (greatest(guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), created_at);
create index bookings_check_in_idx on private.bookings (greatest(guest_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid), check_in);
alter index private.bookings_created_at_idx alter column 1 set statistics 0;
alter index private.bookings_check_in_idx alter column 1 set statistics 0;
-- with the real numbers the planner expects few bookings of a person, and reads and sorts all of them
alter table private.bookings alter column guest_id set (n_distinct = 400);
alter table private.bookings alter column host_id set (n_distinct = 400);
create index bookings_guest_id_expires_at_idx on private.bookings (guest_id, expires_at) where expires_at is not null;
create index bookings_expires_at_idx on private.bookings (expires_at) where expires_at is not null;
create index bookings_check_out_at_idx on private.bookings (check_out_at) where status = 'confirmed';

create table private.booking_line_items (
    booking_id uuid not null constraint booking_line_items_booking_fkey references private.bookings (id) on delete restrict,
    position smallint not null,
    kind public.line_kind not null,
    description text not null,
    quantity integer not null,
    unit_amount bigint not null,
    percent numeric,
    amount bigint not null,
    host_amount bigint not null,
    included_amount bigint not null,
    guest_id uuid not null,
    host_id uuid not null,
    constraint booking_line_items_pkey primary key (booking_id, position),
    constraint booking_line_items_multiply check (quantity * unit_amount in (amount, host_amount, included_amount))
);
comment on table private.booking_line_items is
    'The lines of a booking, copied from its quote. Clients use public.booking_line_items.';
comment on column private.booking_line_items.guest_id is 'Guest of the booking; with host_id, so that an index finds the lines of a person.';
create index booking_line_items_guest_id_idx on private.booking_line_items (guest_id, booking_id, position);
create index booking_line_items_host_id_idx on private.booking_line_items (host_id, booking_id, position);
-- as for bookings
alter table private.booking_line_items alter column guest_id set (n_distinct = 400);
alter table private.booking_line_items alter column host_id set (n_distinct = 400);

create table private.booking_transitions (
    from_status public.booking_status not null,
    to_status public.booking_status not null,
    actor public.booking_actor not null,
    guard text constraint booking_transitions_guard_is_known check (
        guard in ('before_expiry', 'after_expiry', 'before_check_out', 'after_check_out', 'no_show_window', 'paid', 'payment_ended', 'sold_elsewhere')
    ),
    constraint booking_transitions_pkey primary key (from_status, to_status, actor)
);
comment on table private.booking_transitions is
    'The allowed changes of status, each with its actor and its guard. A booking begins as requested or awaiting_payment.';
alter table private.booking_transitions enable row level security;

insert into private.booking_transitions (from_status, to_status, actor, guard) values
    ('requested', 'awaiting_payment', 'host', 'before_expiry'),
    ('requested', 'awaiting_payment', 'co_host', 'before_expiry'),
    ('requested', 'declined', 'host', 'before_expiry'),
    ('requested', 'declined', 'co_host', 'before_expiry'),
    ('requested', 'withdrawn', 'guest', 'before_expiry'),
    ('requested', 'expired', 'clock', 'after_expiry'),
    ('awaiting_payment', 'confirmed', 'operator', 'before_expiry'),
    ('awaiting_payment', 'confirmed', 'system', 'before_expiry'),
    ('awaiting_payment', 'withdrawn', 'guest', 'before_expiry'),
    ('awaiting_payment', 'expired', 'clock', 'after_expiry'),
    ('confirmed', 'cancelled', 'guest', 'before_check_out'),
    ('confirmed', 'cancelled', 'host', 'before_check_out'),
    ('confirmed', 'cancelled', 'operator', 'before_check_out'),
    ('confirmed', 'cancelled', 'system', 'before_check_out'),
    ('confirmed', 'completed', 'clock', 'after_check_out'),
    ('confirmed', 'no_show', 'host', 'no_show_window'),
    ('confirmed', 'no_show', 'operator', 'no_show_window'),
    ('completed', 'no_show', 'host', 'no_show_window'),
    ('completed', 'no_show', 'operator', 'no_show_window'),
    ('expired', 'confirmed', 'system', 'paid'),
    ('expired', 'confirmed', 'operator', 'paid'),
    ('awaiting_payment', 'withdrawn', 'system', 'payment_ended'),
    ('requested', 'withdrawn', 'system', 'payment_ended'),
    ('awaiting_payment', 'expired', 'system', 'sold_elsewhere'),
    ('requested', 'expired', 'system', 'sold_elsewhere');

create table private.booking_events (
    id bigint generated always as identity constraint booking_events_pkey primary key,
    booking_id uuid not null constraint booking_events_booking_fkey references private.bookings (id) on delete restrict,
    event text not null constraint booking_events_event_is_known check (event in ('created', 'status_changed', 'altered')),
    from_status public.booking_status,
    to_status public.booking_status not null,
    actor public.booking_actor not null,
    actor_id uuid,
    reason text,
    before jsonb not null default '{}',
    after jsonb not null default '{}',
    at timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    request_id text default private.request_id()
);
comment on table private.booking_events is 'Log of bookings: what happened, who did it, when and why, with values before and after. Rows are never changed or deleted.';
comment on column private.booking_events.at is 'When it took effect: a hold that ended at noon is expired from noon, even when that was recorded later.';
comment on column private.booking_events.request_id is 'Id of the request that caused it; null when the clock did.';
create index booking_events_booking_id_idx on private.booking_events (booking_id, id);
create index booking_events_request_id_idx on private.booking_events using hash (request_id) where request_id is not null;
alter table private.booking_events enable row level security;
create trigger refuse_change before update or delete on private.booking_events
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on private.booking_events
    for each statement execute function private.refuse_change();

insert into private.settings (name, value, description) values
    ('unpaid_hold', '15 minutes', 'How long nights are held for a guest who has not paid yet.'),
    ('request_answer', '24 hours', 'How long a host has to answer a request, at most until the first day is over at the property, and the other side a proposed alteration.'),
    ('no_show_window', '48 hours', 'How long after check-in a no-show can be reported.');

alter table private.bookings enable row level security;
alter table private.booking_line_items enable row level security;

-- The columns that the view public.bookings reads as its caller; the schema private is not exposed.
grant select (
    id, property_id, host_id, guest_id, status, status_at, status_reason, expires_at, confirmed_at, check_in, check_out, nights,
    adults, children, children_ages, infants, pets, units, booking_mode, currency, guest_total, host_total, property_title, property_city, time_zone,
    check_in_at, check_out_at, cancellation_policy_id, cancellation_policy_name, cancellation_steps, house_rules_version, quote_id,
    idempotency_key, created_at, updated_at
) on private.bookings to authenticated, service_role;

create policy "Guests, hosts and co-hosts can read their bookings" on private.bookings for select to authenticated
    using (
        guest_id = (select auth.uid()) or host_id = (select auth.uid()) or property_id in (select private.my_properties('calendar'))
    );
create policy "Operators can read any" on private.bookings for select to operator using (true);

create function private.copy_booking_parties() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    select b.guest_id, b.host_id, b.property_id into new.guest_id, new.host_id, new.property_id
    from private.bookings b
    where b.id = new.booking_id;
    return new;
end
$$;
comment on function private.copy_booking_parties is
    'Trigger: copies guest, host and property from the booking of a new row, so that a list of such rows is read by index. Definer, because clients'' changes arrive here.';

create function private.acts_as(p_booking private.bookings, p_actor public.booking_actor) returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
begin
    -- here and below a statement for each case, because queries within one expression would be prepared together each time
    case p_actor
        when 'guest' then
            return p_booking.guest_id is not distinct from auth.uid();
        when 'host' then
            return p_booking.host_id is not distinct from auth.uid();
        when 'co_host' then
            return exists (
                select from public.co_hosts c
                where c.property_id = p_booking.property_id and c.profile_id = auth.uid() and c.level = 'full'
            );
        when 'operator' then
            return private.is_operator();
        when 'system' then
            return auth.uid() is null;
        when 'clock' then
            return true;
    end case;
end
$$;
comment on function private.acts_as is
    'Whether the caller may act on a booking in this role. Every caller may act as clock, because its transitions depend on time only; definer, because it reads behind the policies.';

create function private.first_actor(p_booking private.bookings, p_actors public.booking_actor[]) returns public.booking_actor
language plpgsql stable
set search_path = ''
as $$
declare
    v_actor public.booking_actor;
begin
    foreach v_actor in array p_actors loop
        if private.acts_as(p_booking, v_actor) then
            return v_actor;
        end if;
    end loop;
    return null;
end
$$;
comment on function private.first_actor is 'The first of these roles in which the caller may act on a booking; null when there is none.';

create function private.transition_allowed(p_guard text, p_booking private.bookings, p_at timestamptz) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    case p_guard
        when 'before_expiry' then
            return p_at < p_booking.expires_at;
        when 'after_expiry' then
            return p_at >= p_booking.expires_at;
        when 'before_check_out' then
            return p_at < p_booking.check_out_at;
        when 'after_check_out' then
            return p_at >= p_booking.check_out_at;
        when 'no_show_window' then
            return p_at >= p_booking.check_in_at and p_at < p_booking.check_in_at + private.duration('no_show_window');
        when 'paid' then
            return p_at < p_booking.check_in_at and (
                select sum(p.captured_amount - p.refunded_amount - p.disputed_amount) from public.payments p where p.booking_id = p_booking.id
            ) >= private.amount_due_by(p_booking, p_at);
        when 'payment_ended' then
            return p_at < p_booking.expires_at and exists (
                select from public.payments p
                where p.booking_id = p_booking.id and (p.status = 'cancelled' or p.capture_before < p_at + interval '1 hour')
            );
        when 'sold_elsewhere' then
            return p_at < p_booking.expires_at and exists (
                select from public.occupancies o
                join public.occupancies e on e.space_id = o.space_id and e.check_out > o.check_in and e.check_in < o.check_out
                where o.booking_id = p_booking.id and e.kind = 'external_block'
            );
        else
            return p_guard is null;
    end case;
end
$$;
comment on function private.transition_allowed is 'Whether the guard of a transition allows it at p_at.';

create function private.actor_of_transition(
    p_booking private.bookings, p_to public.booking_status, p_at timestamptz, out actor public.booking_actor, out is_allowed boolean
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_transition record;
begin
    for v_transition in
        select t.actor, t.guard
        from private.booking_transitions t
        where t.from_status = p_booking.status and t.to_status = p_to
        order by t.actor
    loop
        continue when not private.acts_as(p_booking, v_transition.actor);
        is_allowed := coalesce(private.transition_allowed(v_transition.guard, p_booking, p_at), false);
        if is_allowed or actor is null then
            actor := v_transition.actor;
        end if;
        exit when is_allowed;
    end loop;
end
$$;
comment on function private.actor_of_transition is
    'The role in which the caller may change the status of a booking to p_to, and whether the guard of that transition allows it at p_at; nulls when the caller has none of its roles.';

create function private.booking_changes(p_old private.bookings, p_new private.bookings, out before jsonb, out after jsonb)
language plpgsql immutable
set search_path = ''
as $$
declare
    v_new constant jsonb := to_jsonb(p_new);
begin
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, v_new -> o.key) into before, after
    from jsonb_each(to_jsonb(p_old)) o
    where o.value <> v_new -> o.key and o.key not in ('updated_at', 'nights', 'children_ages');
end
$$;
comment on function private.booking_changes is
    'The columns in which two versions of a booking differ, with both values; null when there are none. Ages of children are left out, because events are kept for ever.';

create function private.ages_change(p_old private.bookings, p_new private.bookings) returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
    return p_new.children_ages is not null and p_new.children_ages is distinct from p_old.children_ages;
end
$$;
comment on function private.ages_change is 'Whether a booking gets other ages of children. Emptying them is no change of the stay: retention does it.';

create function private.guard_booking() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_rest private.bookings := new;
    v_is_same_stay boolean;
    v_payout record;
    v_transition record;
    v_done text;
begin
    if tg_op = 'DELETE' then
        perform private.raise_error('booking_is_permanent');
    elsif tg_op = 'INSERT' then
        if new.status not in ('requested', 'awaiting_payment') then
            perform private.raise_error('booking_begins_unpaid');
        end if;
        v_done := private.refuse_suspended_party(new.guest_id, new.host_id);
        v_payout := private.payout_rate_of(new.host_id, new.currency, new.quote_id);
        if (v_payout.payout_currency, v_payout.payout_rate) is distinct from (new.payout_currency, new.payout_rate) then
            perform private.raise_error('payout_rate_not_of_quote');
        end if;
        return new;
    end if;

    -- what can change; the other columns are the terms that guest and host agreed on
    v_rest.status := old.status;
    v_rest.status_at := old.status_at;
    v_rest.status_reason := old.status_reason;
    v_rest.expires_at := old.expires_at;
    v_rest.confirmed_at := old.confirmed_at;
    v_rest.check_in := old.check_in;
    v_rest.check_out := old.check_out;
    v_rest.nights := old.nights;
    v_rest.check_in_at := old.check_in_at;
    v_rest.check_out_at := old.check_out_at;
    v_rest.adults := old.adults;
    v_rest.children := old.children;
    v_rest.children_ages := old.children_ages;
    v_rest.infants := old.infants;
    v_rest.pets := old.pets;
    v_rest.units := old.units;
    v_rest.guest_total := old.guest_total;
    v_rest.host_total := old.host_total;
    v_rest.night_prices := old.night_prices;
    v_rest.updated_at := old.updated_at;
    if v_rest is distinct from old then
        perform private.raise_error(
            'booking_terms_are_fixed', jsonb_build_object('before', (private.booking_changes(old, new)).before)
        );
    end if;
    v_is_same_stay := (
        new.check_in, new.check_out, new.check_in_at, new.check_out_at, new.adults, new.children, new.infants, new.pets, new.units,
        new.guest_total, new.host_total, new.night_prices
    ) is not distinct from (
        old.check_in, old.check_out, old.check_in_at, old.check_out_at, old.adults, old.children, old.infants, old.pets, old.units,
        old.guest_total, old.host_total, old.night_prices
    ) and not private.ages_change(old, new);

    if new.status = old.status then
        if v_is_same_stay and (new.status_at, new.status_reason, new.expires_at, new.confirmed_at)
            is not distinct from (old.status_at, old.status_reason, old.expires_at, old.confirmed_at)
        then
            return new;
        elsif new.expires_at is distinct from old.expires_at or new.confirmed_at is distinct from old.confirmed_at
            or old.status <> 'confirmed' or now() >= old.check_out_at
        then
            perform private.raise_error('booking_not_alterable', jsonb_build_object('status', old.status));
        end if;
        return new;
    end if;

    if new.status_at = old.status_at then
        new.status_at := now();
    end if;
    if new.status_reason is not distinct from old.status_reason then
        new.status_reason := null;
    elsif not (new.status_reason ~ '\S' and private.is_plain_text(new.status_reason, 1000)) then
        -- the constraint's own error would show the whole row
        perform private.raise_error('reason_is_plain');
    end if;
    if new.status_at > clock_timestamp() or new.status_at < old.status_at then
        perform private.raise_error('status_time_out_of_order');
    end if;
    if not v_is_same_stay then
        perform private.raise_error('status_and_stay_changed_together');
    end if;

    v_transition := private.actor_of_transition(old, new.status, new.status_at);
    if v_transition.is_allowed is not true then
        perform private.raise_error(
            case
                when v_transition.actor is not null then 'transition_at_wrong_time'
                when exists (select from private.booking_transitions t where t.from_status = old.status and t.to_status = new.status)
                    then 'transition_not_yours'
                else 'illegal_transition'
            end,
            jsonb_strip_nulls(jsonb_build_object(
                'from', old.status, 'to', new.status, 'expires_at', old.expires_at,
                'check_in_at', old.check_in_at, 'check_out_at', old.check_out_at
            ))
        );
    end if;

    new.expires_at := case when new.status in ('requested', 'awaiting_payment') then new.expires_at end;
    new.confirmed_at := case when new.status = 'confirmed' then new.status_at else old.confirmed_at end;
    return new;
end
$$;
comment on function private.guard_booking is
    'Trigger: allows only the changes of status in booking_transitions, keeps the agreed terms and refuses deletion, for every role. Definer, because clients'' changes arrive here.';

create function private.record_booking_event() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_changes record;
    v_actor public.booking_actor;
begin
    if tg_op = 'INSERT' then
        insert into private.booking_events (booking_id, event, to_status, actor, actor_id, after, at)
        values (
            new.id, 'created', new.status, case when auth.uid() is null then 'system' else 'guest' end::public.booking_actor, auth.uid(),
            to_jsonb(new) - array['idempotency_key', 'request_hash', 'children_ages'], new.status_at
        );
        return null;
    end if;
    if new.status = old.status then
        v_changes := private.booking_changes(old, new);
        if v_changes.before is null and not private.ages_change(old, new) then
            return null;
        end if;
        v_actor := private.first_actor(new, enum_range(null::public.booking_actor));
        insert into private.booking_events (booking_id, event, to_status, actor, actor_id, before, after, at)
        values (new.id, 'altered', new.status, v_actor, auth.uid(), coalesce(v_changes.before, '{}'), coalesce(v_changes.after, '{}'), now());
    else
        v_actor := (private.actor_of_transition(old, new.status, new.status_at)).actor;
        insert into private.booking_events (booking_id, event, from_status, to_status, actor, actor_id, reason, before, after, at)
        values (
            new.id, 'status_changed', old.status, new.status, v_actor, case when v_actor <> 'clock' then auth.uid() end, new.status_reason,
            -- without booking_changes, because most events are these and few columns can change with the status
            jsonb_build_object('status', old.status)
            || case when new.status_at <> old.status_at then jsonb_build_object('status_at', old.status_at) else '{}' end
            || case
                when new.status_reason is distinct from old.status_reason then jsonb_build_object('status_reason', old.status_reason) else '{}'
            end
            || case when new.expires_at is distinct from old.expires_at then jsonb_build_object('expires_at', old.expires_at) else '{}' end
            || case
                when new.confirmed_at is distinct from old.confirmed_at then jsonb_build_object('confirmed_at', old.confirmed_at) else '{}'
            end,
            jsonb_build_object(
                'status', new.status, 'status_at', new.status_at, 'status_reason', new.status_reason, 'expires_at', new.expires_at,
                'confirmed_at', new.confirmed_at, 'check_in', new.check_in, 'check_out', new.check_out, 'check_in_at', new.check_in_at,
                'check_out_at', new.check_out_at, 'adults', new.adults, 'children', new.children, 'infants', new.infants, 'pets', new.pets,
                'units', new.units, 'guest_total', new.guest_total, 'host_total', new.host_total
            ),
            new.status_at
        );
    end if;
    return null;
end
$$;
comment on function private.record_booking_event is
    'Trigger: records what happened to a booking, who did it, when and why. Definer, because no role may write booking_events.';

create trigger _100_guard_booking before insert or update or delete on private.bookings
    for each row execute function private.guard_booking();
create trigger _800_set_updated_at before update on private.bookings for each row execute function private.set_updated_at();
create trigger refuse_truncate before truncate on private.bookings
    for each statement execute function private.refuse_change();
create trigger _100_record_booking_event after insert or update on private.bookings
    for each row execute function private.record_booking_event();
