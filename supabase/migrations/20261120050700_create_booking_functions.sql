-- Purpose: books a stay (POST), gives up an unpaid one (DELETE), accepts, declines and confirms bookings.
-- Touches: triggers on public.bookings; private.lock_booking, create_booking, insert_line_items, change_booking_status,
-- require_booking_party, expire_and_complete_bookings; public.accept_booking, decline_booking, confirm_booking.
-- Watch: a repeated request with the same idempotency key returns the first booking. Deadlocks and serialization failures are
-- retried before the client sees an error.

insert into private.errors (code, status, message, hint) values
    ('idempotency_key_length', 422, 'An idempotency key has 1 to 255 characters.', 'Use a new UUID for each booking.'),
    ('idempotency_key_reused', 422, 'This idempotency key was used for another booking.', 'Repeat that request, or use a new key.'),
    ('own_property', 422, 'You cannot book your own property; enter the stay as an own booking.', 'Send it to own_bookings with its origin: phone, walk_in, owner or channel.'),
    ('stale_quote', 409, 'This quote is no longer valid.', 'The details contain the new quote: show it, and book with its id.'),
    ('booking_already_has_status', 409, 'This booking is already {status}.', 'There is nothing left to do.'),
    ('booking_not_found', 404, 'You have no such booking.', 'Check the id.');

create function private.lock_booking(p_booking_id uuid, p_now timestamptz) returns private.bookings
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_property_id constant uuid := (select b.property_id from private.bookings b where b.id = p_booking_id);
    v_property constant public.properties := private.lock_property(v_property_id);
begin
    select b.* into v_booking from private.bookings b where b.id = p_booking_id for no key update;
    -- an expired hold or ended stay is recorded first
    if v_booking.expires_at <= p_now then
        update private.bookings b set status = 'expired', status_at = b.expires_at
        where b.id = p_booking_id
        returning b.* into v_booking;
        perform private.release_nights(p_booking_id);
    elsif v_booking.status = 'confirmed' and v_booking.check_out_at <= p_now then
        update private.bookings b set status = 'completed', status_at = b.check_out_at
        where b.id = p_booking_id
        returning b.* into v_booking;
    end if;
    return v_booking;
end
$$;
comment on function private.lock_booking is
    'Locks the property, then the booking, and returns the booking as of p_now; null when there is none.';

create function private.create_booking(
    p_guest_id uuid, p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer,
    p_infants integer, p_pets integer, p_quote_id uuid, p_idempotency_key text, p_now timestamptz,
    p_children_ages integer[] default null, p_units integer default 1
)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
    v_request_hash constant bytea := sha256(convert_to(jsonb_build_array(
        p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_quote_id, p_children_ages, p_units
    )::text, 'UTF8'));
    v_earlier record;
    v_property public.properties;
    v_reasons jsonb;
    v_night_prices bigint[];
    v_quote public.quote;
    v_payout record;
    v_expires_at timestamptz;
    v_id uuid;
    v_done text;
begin
    if p_idempotency_key is not null then
        if char_length(p_idempotency_key) not between 1 and 255 then
            perform private.raise_error('idempotency_key_length');
        end if;
        perform pg_advisory_xact_lock(hashtextextended(p_guest_id || p_idempotency_key, 4));
        select b.id, b.request_hash into v_earlier
        from private.bookings b
        where b.guest_id = p_guest_id and b.idempotency_key = p_idempotency_key;
        if v_earlier.request_hash = v_request_hash then
            return v_earlier.id;
        elsif found then
            perform private.raise_error('idempotency_key_reused', jsonb_build_object('booking_id', v_earlier.id));
        end if;
    end if;

    -- an access token outlives its account; the lock waits for a deletion of the account and for other bookings of the guest
    perform from public.profiles g where g.id = p_guest_id and g.deleted_at is null for no key update;
    if not found then
        perform private.raise_error('account_deleted');
    end if;
    -- here and in other functions of every booking v_done takes what returns nothing, because perform starts the executor for each call
    v_done := private.refuse_unpaid_booking(p_guest_id, p_property_id, (p_check_out - p_check_in) * least(p_units, 20), p_now);
    v_property := private.lock_property(p_property_id);
    v_done := private.refuse_suspended_party(p_guest_id, v_property.host_id);
    v_reasons := private.bookability(
        p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_at => p_now, p_units => p_units
    );
    if v_property.host_id = p_guest_id then
        v_reasons := jsonb_build_array(private.problem('own_property')) || v_reasons;
    end if;
    if v_reasons <> '[]' then
        perform private.raise_errors(private.count_refused_stay(v_reasons));
    end if;

    v_night_prices := private.night_prices(v_property, p_check_in, p_check_out);
    v_quote := private.compute_quote(
        v_property, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_guest_id, p_now, p_children_ages, p_units,
        v_night_prices, false
    );
    if p_quote_id is not null and not private.quote_is_valid(p_quote_id, v_quote.terms_hash, p_guest_id, p_now) then
        perform private.raise_error('stale_quote', jsonb_build_object('quote', to_jsonb(private.compute_quote(
            v_property, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_guest_id, p_now, p_children_ages, p_units
        ))));
    end if;
    v_payout := private.payout_rate_of(v_property.host_id, v_quote.currency, p_quote_id);

    v_expires_at := case v_property.booking_mode
        when 'instant' then p_now + private.duration('unpaid_hold')
        -- a request ends with its first day
        else least(p_now + private.duration('request_answer'), (p_check_in + 1)::timestamp at time zone v_quote.time_zone)
    end;
    insert into private.bookings (
        property_id, host_id, guest_id, status, status_at, expires_at, check_in, check_out, adults, children, children_ages, infants, pets,
        units, booking_mode, currency, guest_total, host_total, night_prices, property_title, property_city, time_zone, check_in_from,
        check_out_until, check_in_at, check_out_at, cancellation_policy_id, cancellation_policy_name, cancellation_steps,
        house_rules_version, quote_id, idempotency_key, request_hash, payout_currency, payout_rate
    ) values (
        p_property_id, v_property.host_id, p_guest_id,
        case v_property.booking_mode when 'instant' then 'awaiting_payment' else 'requested' end::public.booking_status,
        p_now, v_expires_at, p_check_in, p_check_out, p_adults, p_children, v_quote.children_ages, p_infants, p_pets, p_units, v_property.booking_mode,
        v_quote.currency, v_quote.guest_total, v_quote.host_total, v_night_prices,
        v_property.title, v_property.city, v_quote.time_zone, v_property.check_in_from, v_property.check_out_until,
        v_quote.check_in_at, v_quote.check_out_at, v_quote.cancellation_policy_id, v_quote.cancellation_policy_name,
        v_quote.cancellation_steps, v_quote.house_rules_version, p_quote_id, p_idempotency_key, v_request_hash,
        v_payout.payout_currency, v_payout.payout_rate
    )
    returning id into v_id;
    v_done := private.reserve_nights(v_id, p_property_id, p_check_in, p_check_out, v_expires_at, p_units);
    v_done := private.insert_line_items(v_id, v_quote.lines);
    return v_id;
end
$$;
comment on function private.create_booking is
    'Books a stay for p_guest_id at p_now and returns the booking''s id; a repeated request with the same key returns the id of its first booking.';

create function private.insert_line_items(p_booking_id uuid, p_lines public.quote_line[]) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into private.booking_line_items (
        booking_id, position, kind, description, quantity, unit_amount, percent, amount, host_amount, included_amount, guest_id, host_id
    )
    select
        b.id, l.position, l.kind, l.description, l.quantity, l.unit_amount, l.percent, l.amount, l.host_amount, l.included_amount,
        b.guest_id, b.host_id
    from private.bookings b
    cross join unnest(p_lines)
        with ordinality as l (kind, description, quantity, unit_amount, percent, amount, host_amount, included_amount, position)
    where b.id = p_booking_id;
end
$$;
comment on function private.insert_line_items is 'Inserts the lines of a quote for a booking.';

create function private.create_booking_as_caller(
    p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_quote_id uuid, p_idempotency_key text, p_children_ages integer[], p_units integer
)
returns uuid
language plpgsql security definer
set search_path = ''
as $$
begin
    for v_attempt in 1..4 loop
        begin
            return private.create_booking(
                auth.uid(), p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_quote_id,
                p_idempotency_key, now(), p_children_ages, p_units
            );
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.create_booking_as_caller to authenticated;
comment on function private.create_booking_as_caller is
    'Runs create_booking for the caller, now. Definer, because no API role may write private.bookings.';

create function private.bookings_instead_of_insert() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[new.check_in::text, new.check_out::text], array['check_in', 'check_out']);
    v_id uuid;
begin
    if auth.uid() is null then
        perform private.raise_error('not_signed_in');
    end if;
    if num_nulls(new.property_id, new.check_in, new.check_out) > 0 then
        perform private.require_values(to_jsonb(new), array['property_id', 'check_in', 'check_out']);
    end if;
    if not exists (select from public.properties p where p.id = new.property_id) then
        perform private.raise_error('property_not_found');
    end if;
    v_id := private.create_booking_as_caller(
        new.property_id, v_days[1], v_days[2],
        coalesce(new.adults, 1), coalesce(new.children, 0), coalesce(new.infants, 0), coalesce(new.pets, 0), new.quote_id,
        new.idempotency_key, new.children_ages, coalesce(new.units, 1)
    );
    select b.* into strict new from public.bookings b where b.id = v_id;
    return new;
end
$$;
comment on function private.bookings_instead_of_insert is 'Trigger: an insert into the view books a stay as the caller and returns the booking.';

create trigger _100_bookings_instead_of_insert instead of insert on public.bookings for each row execute function private.bookings_instead_of_insert();

create function private.change_booking_status(p_booking_id uuid, p_action text, p_reason text, p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings := private.lock_booking(p_booking_id, p_now);
    v_expires_at timestamptz;
    v_done text;
begin
    if p_action = 'accept' and v_booking.status = 'awaiting_payment' or p_action = 'confirm' and v_booking.status = 'confirmed' then
        perform private.raise_error('booking_already_has_status', jsonb_build_object('status', v_booking.status));
    end if;
    case p_action
        when 'withdraw' then
            update private.bookings set status = 'withdrawn', status_at = p_now, status_reason = p_reason where id = p_booking_id;
            v_done := private.release_nights(p_booking_id);
        when 'decline' then
            update private.bookings set status = 'declined', status_at = p_now, status_reason = p_reason where id = p_booking_id;
            perform private.release_nights(p_booking_id);
        when 'accept' then
            v_expires_at := p_now + private.duration('unpaid_hold');
            update private.bookings
            set status = 'awaiting_payment', status_at = p_now, status_reason = p_reason, expires_at = v_expires_at
            where id = p_booking_id;
            if not private.extend_reserved_nights(p_booking_id, v_expires_at) then
                perform private.reserve_nights(p_booking_id, v_booking.property_id, v_booking.check_in, v_booking.check_out, v_expires_at, v_booking.units);
            end if;
        when 'confirm' then
            update private.bookings set status = 'confirmed', status_at = p_now, status_reason = p_reason where id = p_booking_id;
            if not private.extend_reserved_nights(p_booking_id) then
                perform private.reserve_nights(p_booking_id, v_booking.property_id, v_booking.check_in, v_booking.check_out, null, v_booking.units);
            end if;
    end case;
end
$$;
comment on function private.change_booking_status is
    'Withdraws, declines, accepts or confirms a booking at p_now, with its nights. The trigger of private.bookings decides whether the caller may.';

create function private.require_booking_party(p_booking_id uuid) returns void
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_person constant uuid := auth.uid();
    v_booking record;
begin
    select b.guest_id, b.property_id into v_booking from private.bookings b where b.id = p_booking_id;
    -- a statement for each, because most callers are the guest
    if v_booking.guest_id is not null and (v_person is null or v_booking.guest_id = v_person or private.is_operator()) then
        return;
    elsif v_booking.property_id is null or v_booking.property_id not in (select private.my_properties('calendar')) then
        perform private.raise_error('booking_not_found');
    end if;
end
$$;
comment on function private.require_booking_party is
    'Raises booking_not_found unless the caller is a party of the booking. Definer, because it reads behind the policies.';

create function private.change_booking_status_as_caller(p_booking_id uuid, p_action text, p_reason text default null) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_done text := private.require_booking_party(p_booking_id);
begin
    for v_attempt in 1..4 loop
        begin
            v_done := private.change_booking_status(p_booking_id, p_action, p_reason, now());
            return;
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.change_booking_status_as_caller to authenticated, service_role;
comment on function private.change_booking_status_as_caller is
    'Runs change_booking_status for the caller, now. Definer, because no API role may write private.bookings.';

create function private.bookings_instead_of_delete() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_done constant text := private.change_booking_status_as_caller(old.id, 'withdraw');
begin
    return old;
end
$$;
comment on function private.bookings_instead_of_delete is 'Trigger: a delete from the view gives up an unpaid hold or request, as the caller.';

create trigger bookings_instead_of_delete instead of delete on public.bookings for each row execute function private.bookings_instead_of_delete();

create function public.accept_booking(p_booking_id uuid, p_reason text default null) returns setof public.bookings
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.change_booking_status_as_caller(p_booking_id, 'accept', p_reason);
    return query select b.* from public.bookings b where b.id = p_booking_id;
end
$$;
grant execute on function public.accept_booking to authenticated, service_role;
comment on function public.accept_booking is
    'Accepts a request, for the host or a co-host with level full. The guest then has to pay; returns the booking.';

create function public.decline_booking(p_booking_id uuid, p_reason text default null) returns setof public.bookings
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.change_booking_status_as_caller(p_booking_id, 'decline', p_reason);
    return query select b.* from public.bookings b where b.id = p_booking_id;
end
$$;
grant execute on function public.decline_booking to authenticated, service_role;
comment on function public.decline_booking is
    'Declines a request, for the host or a co-host with level full. The nights are free again; returns the booking.';

create function public.confirm_booking(p_booking_id uuid, p_reason text default null) returns setof public.bookings
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.change_booking_status_as_caller(p_booking_id, 'confirm', p_reason);
    return query select b.* from public.bookings b where b.id = p_booking_id;
end
$$;
grant execute on function public.confirm_booking to authenticated, service_role;
comment on function public.confirm_booking is
    'Confirms an unpaid hold without a payment, for operators and the service role. Returns the booking.';

create function private.expire_and_complete_bookings(p_now timestamptz default now(), p_limit integer default 1000) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_due record;
    v_count integer := 0;
begin
    for v_due in
        select b.id, b.property_id from private.bookings b where b.expires_at <= p_now
        union all
        select b.id, b.property_id from private.bookings b where b.status = 'confirmed' and b.check_out_at <= p_now
        limit p_limit
    loop
        -- a locked property waits for the next run, so that this run never waits while it holds other locks
        perform from public.properties p where p.id = v_due.property_id for no key update skip locked;
        if found then
            -- deferred constraints run here, so that one booking that fails does not stop the others
            begin
                perform private.lock_booking(v_due.id, p_now);
                set constraints all immediate;
                v_count := v_count + 1;
            exception when others then
                raise warning 'booking %: %', v_due.id, sqlerrm;
            end;
            set constraints all deferred;
        end if;
    end loop;
    return v_count;
end
$$;
comment on function private.expire_and_complete_bookings is
    'Records which holds and requests have expired and which stays are completed at p_now, and returns their number. What clients read does not depend on it.';

insert into private.periodic_tasks (name, command, every) values ('expire_and_complete_bookings', 'select private.expire_and_complete_bookings()', '10 seconds');
