-- Purpose: proposes an alteration of a booking (PATCH) and answers it.
-- Touches: update trigger of public.bookings; private.alteration_problems, alteration_actor, refuse_unpaid_extension, propose_alteration, answer_alteration;
-- public.accept_alteration, decline_alteration.
-- Watch: a proposal reserves no nights. Accepting checks rules and price again; the price must be the proposed one, and old and new
-- nights are exchanged in one transaction. Rules about check-in do not apply when the check-in stays the same.

insert into private.errors (code, status, message, hint) values
    ('stay_has_begun', 422, 'The first day of a stay that has begun cannot change.', 'Keep check_in as it is.'),
    ('stay_would_be_over', 422, 'With these dates the stay would already be over.', 'Choose a later check_out.'),
    ('alteration_not_yours', 403, 'You are not allowed to alter this booking.', 'Ask the guest or the host.'),
    ('no_change', 422, 'This proposal would change nothing.', 'Send the dates or numbers that should be different.'),
    ('currency_changed', 409, 'The prices of this property are now in {currency}.', 'Cancel and book again.'),
    ('own_proposal', 403, 'Only the other side can answer this proposal.', 'You can withdraw your own proposal with decline_alteration.'),
    ('proposal_not_open', 409, 'This proposal is {answer}.', 'Make another one with PATCH on bookings.'),
    ('stale_proposal', 409, 'The price has changed since this proposal.', 'Propose it again; the details contain both totals.');

create function private.alteration_problems(p_booking private.bookings, p_proposal public.booking_alterations, p_now timestamptz)
returns jsonb
language sql stable
set search_path = ''
as $$
    select case
        when p_booking.check_in_at <= p_now and p_proposal.check_in <> p_booking.check_in
            then jsonb_build_array(private.problem('stay_has_begun'))
        when (p_proposal.check_out + p_booking.check_out_until) at time zone p_booking.time_zone <= p_now
            then jsonb_build_array(private.problem('stay_would_be_over'))
        else '[]'
    end || coalesce(jsonb_agg(r.reason), '[]')
    from jsonb_array_elements(private.bookability(
        p_booking.property_id, p_proposal.check_in, p_proposal.check_out, p_proposal.adults, p_proposal.children, p_proposal.infants, p_proposal.pets,
        p_booking.id, p_now, p_proposal.units
    )) as r (reason)
    where
        -- bookings of a paused property can be altered
        (r.reason ->> 'code' <> 'not_published' or (
            select p.status <> 'paused' from public.properties p where p.id = p_booking.property_id
        ))
        -- when only the party changes, length and nights are not checked again
        and (
            (p_proposal.check_in, p_proposal.check_out) <> (p_booking.check_in, p_booking.check_out)
            or p_proposal.units > p_booking.units and r.reason ->> 'code' not in ('min_stay', 'max_stay')
            or r.reason ->> 'code' not in ('min_stay', 'max_stay', 'occupied', 'preparation_before', 'preparation_after', 'unit_pinned')
        )
        and (
            p_proposal.check_in <> p_booking.check_in
            or r.reason ->> 'code' not in ('past_date', 'advance_notice', 'booking_window', 'check_in_weekday', 'closed_to_arrival')
        )
        and (
            p_proposal.check_out <> p_booking.check_out
            or r.reason ->> 'code' not in ('check_out_weekday', 'closed_to_departure')
        )
$$;
comment on function private.alteration_problems is
    'The problems of new dates or guests of a booking: those of bookability, without its own nights and the rules that no longer apply to it.';

create function private.alteration_actor(p_booking private.bookings) returns public.booking_actor
language sql stable
set search_path = ''
as $$
    select private.first_actor(p_booking, '{guest,host,co_host}')
$$;
comment on function private.alteration_actor is 'The role in which the caller proposes or answers; null when the caller can do neither.';

create function private.refuse_unpaid_extension(
    p_booking private.bookings, p_proposal public.booking_alterations, p_now timestamptz
)
returns void
language plpgsql stable
set search_path = ''
as $$
begin
    if (p_proposal.check_out - p_proposal.check_in) * p_proposal.units > p_booking.nights * p_booking.units then
        perform private.refuse_unpaid_excess(
            p_booking.guest_id, p_booking.property_id, 0,
            (p_proposal.check_out - p_proposal.check_in) * p_proposal.units - p_booking.nights * p_booking.units, p_now
        );
    end if;
end
$$;
comment on function private.refuse_unpaid_extension is
    'Raises an error when the nights that a proposal adds are too many beside the unpaid bookings of the guest; they are paid after the host accepts.';

create function private.propose_alteration(
    p_booking_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_now timestamptz, p_children_ages integer[] default null, p_units integer default null
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_proposal public.booking_alterations;
    v_quote public.quote;
    v_is_same_stay boolean;
begin
    perform private.lock_guest_of(p_booking_id);
    v_booking := private.lock_booking(p_booking_id, p_now);
    v_proposal.proposed_by := private.alteration_actor(v_booking);
    if v_proposal.proposed_by is null then
        perform private.raise_error('alteration_not_yours');
    elsif v_booking.status <> 'confirmed' then
        perform private.raise_error('booking_not_alterable', jsonb_build_object('status', v_booking.status));
    end if;
    v_proposal.check_in := p_check_in;
    v_proposal.check_out := p_check_out;
    v_proposal.adults := p_adults;
    v_proposal.children := p_children;
    v_proposal.infants := p_infants;
    v_proposal.pets := p_pets;
    v_proposal.units := coalesce(p_units, v_booking.units);
    v_is_same_stay := (p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, v_proposal.units)
        is not distinct from (v_booking.check_in, v_booking.check_out, v_booking.adults, v_booking.children, v_booking.infants, v_booking.pets,
            v_booking.units);
    if v_is_same_stay and p_children_ages is not distinct from v_booking.children_ages::integer[] then
        perform private.raise_error('no_change');
    end if;
    if v_proposal.proposed_by = 'guest' then
        perform private.refuse_unpaid_extension(v_booking, v_proposal, p_now);
    end if;
    perform private.refuse_stay(private.count_refused_stay(private.alteration_problems(v_booking, v_proposal, p_now)));
    v_quote := private.compute_quote(
        (select p from public.properties p where p.id = v_booking.property_id), p_check_in, p_check_out, p_adults, p_children,
        p_infants, p_pets, v_booking.guest_id, p_now, p_children_ages, v_proposal.units
    );
    -- the same ages in another order, or ages that nothing asks for
    if v_is_same_stay and v_quote.children_ages is not distinct from v_booking.children_ages then
        perform private.raise_error('no_change');
    end if;
    if v_quote.currency <> v_booking.currency then
        perform private.raise_error('currency_changed', jsonb_build_object('currency', v_quote.currency));
    end if;

    update public.booking_alterations
    set
        answer = case when expires_at <= p_now or proposed_by <> v_proposal.proposed_by then 'superseded' else 'withdrawn' end::public.alteration_answer,
        answered_at = least(p_now, expires_at), answered_by_id = case when expires_at > p_now then auth.uid() end
    where booking_id = p_booking_id and answer is null;
    insert into public.booking_alterations (
        booking_id, proposed_by, proposed_by_id, expires_at, check_in, check_out, adults, children, children_ages, infants, pets, units, currency,
        guest_total, difference, lines, created_at
    ) values (
        p_booking_id, v_proposal.proposed_by, auth.uid(), least(p_now + private.duration('request_answer'), v_booking.check_out_at),
        p_check_in, p_check_out, p_adults, p_children, v_quote.children_ages, p_infants, p_pets, v_proposal.units, v_quote.currency,
        v_quote.guest_total, v_quote.guest_total - v_booking.guest_total,
        array(
            select row(l.kind, l.description, l.quantity, l.unit_amount, l.percent, l.amount, null, l.included_amount)::public.quote_line
            from unnest(v_quote.lines) l
            where l.kind <> 'host_platform_fee'
        ),
        p_now
    )
    returning id into v_proposal.id;
    return v_proposal.id;
end
$$;
comment on function private.propose_alteration is
    'Records which dates and guests the caller proposes, with the price, and returns the proposal''s id. It replaces an open proposal.';

create function private.propose_alteration_as_caller(
    p_booking_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_children_ages integer[],
    p_units integer
)
returns uuid
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_booking_party(p_booking_id);
    for v_attempt in 1..4 loop
        begin
            return private.propose_alteration(
                p_booking_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, now(), p_children_ages, p_units
            );
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.propose_alteration_as_caller to authenticated;
comment on function private.propose_alteration_as_caller is
    'Runs propose_alteration for the caller, now. Definer, because no API role may write booking_alterations.';

create function private.bookings_instead_of_update() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[new.check_in::text, new.check_out::text], array['check_in', 'check_out']);
begin
    new.open_alteration_id := private.propose_alteration_as_caller(
        old.id, v_days[1], v_days[2],
        new.adults, new.children, new.infants, new.pets,
        -- the booking's ages belong to as many children
        case when new.children = old.children or new.children_ages is distinct from old.children_ages then new.children_ages end, new.units
    );
    -- the response shows the unchanged booking
    new.check_in := old.check_in;
    new.check_out := old.check_out;
    new.adults := old.adults;
    new.children := old.children;
    new.children_ages := old.children_ages;
    new.infants := old.infants;
    new.pets := old.pets;
    new.units := old.units;
    return new;
end
$$;
comment on function private.bookings_instead_of_update is
    'Trigger: an update of the view proposes an alteration as the caller, and returns the unchanged booking with the proposal''s id.';

create trigger _100_bookings_instead_of_update instead of update on public.bookings for each row execute function private.bookings_instead_of_update();
select private.install_length_checks('public.bookings');

create function private.answer_alteration(p_alteration_id uuid, p_accept boolean, p_now timestamptz) returns uuid
language plpgsql
set search_path = ''
as $$
declare
    v_proposal public.booking_alterations;
    v_booking private.bookings;
    v_actor public.booking_actor;
    v_is_own boolean;
    v_property public.properties;
    v_quote public.quote;
begin
    perform private.lock_guest_of((select a.booking_id from public.booking_alterations a where a.id = p_alteration_id));
    v_booking := private.lock_booking((select a.booking_id from public.booking_alterations a where a.id = p_alteration_id), p_now);
    select a.* into v_proposal from public.booking_alterations a where a.id = p_alteration_id;
    v_actor := private.alteration_actor(v_booking);
    -- host and co-host are one side
    v_is_own := (v_actor = 'guest') = (v_proposal.proposed_by = 'guest');
    if v_actor is null or p_accept and v_is_own then
        perform private.raise_error('own_proposal');
    elsif v_proposal.answer is not null or v_proposal.expires_at <= p_now or v_booking.status <> 'confirmed' then
        perform private.raise_error('proposal_not_open', jsonb_build_object('answer', coalesce(v_proposal.answer::text, 'expired')));
    end if;
    if p_accept then
        if v_actor = 'guest' then
            perform private.refuse_unpaid_extension(v_booking, v_proposal, p_now);
        end if;
        perform private.refuse_stay(private.count_refused_stay(private.alteration_problems(v_booking, v_proposal, p_now)));
        select p.* into v_property from public.properties p where p.id = v_booking.property_id;
        v_quote := private.compute_quote(
            v_property, v_proposal.check_in, v_proposal.check_out, v_proposal.adults, v_proposal.children, v_proposal.infants, v_proposal.pets,
            v_booking.guest_id, v_proposal.created_at, v_proposal.children_ages, v_proposal.units
        );
        if v_quote.guest_total <> v_proposal.guest_total or v_quote.currency <> v_proposal.currency then
            perform private.raise_error('stale_proposal', jsonb_build_object(
                'guest_total', v_quote.guest_total, 'proposed_guest_total', v_proposal.guest_total
            ));
        end if;
        if (v_proposal.check_in, v_proposal.check_out, v_proposal.units) <> (v_booking.check_in, v_booking.check_out, v_booking.units) then
            perform private.move_reserved_nights(v_booking.id, v_proposal.check_in, v_proposal.check_out, v_proposal.units);
        end if;
        update private.bookings
        set
            check_in = v_proposal.check_in, check_out = v_proposal.check_out, adults = v_proposal.adults, children = v_proposal.children,
            children_ages = v_quote.children_ages,
            infants = v_proposal.infants, pets = v_proposal.pets, units = v_proposal.units, guest_total = v_quote.guest_total, host_total = v_quote.host_total,
            night_prices = private.night_prices(v_property, v_proposal.check_in, v_proposal.check_out),
            check_in_at = (v_proposal.check_in + check_in_from) at time zone time_zone,
            check_out_at = (v_proposal.check_out + check_out_until) at time zone time_zone
        where id = v_booking.id;
        delete from private.booking_line_items i where i.booking_id = v_booking.id;
        perform private.insert_line_items(v_booking.id, v_quote.lines);
    end if;
    update public.booking_alterations
    set
        answer = case when p_accept then 'accepted' when v_is_own then 'withdrawn' else 'declined' end::public.alteration_answer,
        answered_at = p_now, answered_by_id = auth.uid()
    where id = p_alteration_id;
    return v_booking.id;
end
$$;
comment on function private.answer_alteration is
    'Accepts, declines or withdraws a proposal at p_now and returns the booking''s id.';

create function private.answer_alteration_as_caller(p_alteration_id uuid, p_accept boolean) returns uuid
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_booking_party((select a.booking_id from public.booking_alterations a where a.id = p_alteration_id));
    for v_attempt in 1..4 loop
        begin
            return private.answer_alteration(p_alteration_id, p_accept, now());
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.answer_alteration_as_caller to authenticated;
comment on function private.answer_alteration_as_caller is
    'Runs answer_alteration for the caller, now. Definer, because no API role may write private.bookings.';

create function public.accept_alteration(p_alteration_id uuid) returns setof public.bookings
language plpgsql rows 1
set search_path = ''
as $$
declare
    v_booking uuid := private.answer_alteration_as_caller(p_alteration_id, true);
begin
    return query select b.* from public.bookings b where b.id = v_booking;
end
$$;
grant execute on function public.accept_alteration to authenticated;
comment on function public.accept_alteration is
    'Accepts the other side''s proposal: dates, guests, nights and price change together. Returns the booking.';

create function public.decline_alteration(p_alteration_id uuid) returns setof public.bookings
language plpgsql rows 1
set search_path = ''
as $$
declare
    v_booking uuid := private.answer_alteration_as_caller(p_alteration_id, false);
begin
    return query select b.* from public.bookings b where b.id = v_booking;
end
$$;
grant execute on function public.decline_alteration to authenticated;
comment on function public.decline_alteration is 'Declines the other side''s proposal, or withdraws the caller''s own. Returns the unchanged booking.';
