-- Purpose: which events of bookings, alterations, reviews and money notify whom.
-- Touches: private.host_side, private.booking_summary, private.notify_of_*, private.send_check_in_details; triggers on
-- booking_alterations, reviews, payments, refunds, payouts and money_requests.
-- Watch: follow_booking_event (create_booking_event_chain) calls notify_of_booking_event. Messages, reports and suspensions
-- notify in their own migrations.

create function private.host_side(p_property_id uuid, p_host_id uuid) returns setof uuid
language plpgsql stable
set search_path = ''
as $$
begin
    return query
        select p_host_id
        union
        select c.profile_id from public.co_hosts c where c.property_id = p_property_id and c.level >= 'calendar_and_messages';
end
$$;
comment on function private.host_side is 'The host of a property and the co-hosts who may write to guests.';

create function private.booking_summary(p_booking_id uuid) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'title', b.property_title, 'city', b.property_city, 'check_in', b.check_in, 'check_out', b.check_out, 'nights', b.nights,
            'guests', b.adults + b.children + b.infants, 'guest_total', b.guest_total, 'currency', b.currency,
            'minor_unit', (select c.minor_unit from public.currencies c where c.code = b.currency),
            'guest_name', g.display_name, 'host_name', h.display_name, 'expires_at', b.expires_at, 'time_zone', b.time_zone
        )
        from private.bookings b
        join public.profiles g on g.id = b.guest_id
        join public.profiles h on h.id = b.host_id
        where b.id = p_booking_id
    );
end
$$;
comment on function private.booking_summary is 'Data of a booking for its notifications.';
create function private.notify_of_booking_event(p_event private.booking_events, p_booking private.bookings) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kind text;
    v_to_guest boolean := true;
    v_to_host boolean := true;
    v_data jsonb;
begin
    if p_event.event = 'altered' then
        v_kind := 'booking_altered';
    elsif p_event.to_status = 'requested' then
        v_kind := 'booking_requested';
        v_to_guest := false;
    elsif p_event.event = 'created' then
        return;
    elsif p_event.to_status = 'awaiting_payment' then
        v_kind := 'booking_accepted';
        v_to_host := false;
        -- an authorised payment is captured now: the guest has nothing to do
        v_to_guest := not exists (select from public.payments p where p.booking_id = p_event.booking_id and p.status = 'authorized');
    elsif p_event.to_status = 'completed' then
        v_kind := 'review_due';
    else
        v_kind := 'booking_' || p_event.to_status;
        v_to_host := p_event.to_status <> 'declined' and (p_event.from_status <> 'awaiting_payment' or p_event.to_status = 'confirmed');
        v_to_guest := p_event.to_status <> 'withdrawn';
    end if;
    if not v_to_guest and not v_to_host then
        return;
    end if;
    v_data := private.booking_summary(p_event.booking_id) || jsonb_strip_nulls(jsonb_build_object(
        'actor', p_event.actor, 'reason', p_event.reason, 'expires_at', p_event.after ->> 'expires_at',
        'review_until', case when v_kind = 'review_due' then private.review_window_ends_at(p_booking) end
    ));
    if v_to_guest then
        perform private.notify(p_booking.guest_id, v_kind, 'booking_event:' || p_event.id, v_data || '{"you_are": "guest"}', p_event.booking_id, p_booking.property_id);
    end if;
    if v_to_host then
        perform private.notify(h.id, v_kind, 'booking_event:' || p_event.id, v_data || '{"you_are": "host"}', p_event.booking_id, p_booking.property_id)
        from private.host_side(p_booking.property_id, p_booking.host_id) as h (id)
        -- co-hosts write no reviews
        where v_kind <> 'review_due' or h.id = p_booking.host_id;
    end if;
end
$$;
comment on function private.notify_of_booking_event is
    'Writes the notifications of a booking event to the guest, the host and co-hosts. Definer, because no API role may write notifications.';

create function private.notify_of_alteration() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_kind constant text := case tg_op when 'INSERT' then 'alteration_proposed' else 'alteration_declined' end;
    v_booking private.bookings;
    v_data jsonb;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    v_data := private.booking_summary(new.booking_id) || jsonb_build_object(
        'new_check_in', new.check_in, 'new_check_out', new.check_out, 'new_guest_total', new.guest_total, 'expires_at', new.expires_at
    );
    -- a proposal notifies the other side, a refusal the proposer
    if (new.proposed_by = 'guest') = (tg_op = 'INSERT') then
        perform private.notify(h.id, v_kind, v_kind || ':' || new.id, v_data || '{"you_are": "host"}', new.booking_id, v_booking.property_id)
        from private.host_side(v_booking.property_id, v_booking.host_id) as h (id);
    else
        perform private.notify(
            v_booking.guest_id, v_kind, v_kind || ':' || new.id, v_data || '{"you_are": "guest"}', new.booking_id, v_booking.property_id
        );
    end if;
    return null;
end
$$;
comment on function private.notify_of_alteration is 'Trigger: notifies the other side of a proposed alteration, and the proposer when it is declined; an accepted one is a booking event. Definer, because callers cannot read private.bookings.';
create trigger _100_notify_of_alteration after insert on public.booking_alterations for each row execute function private.notify_of_alteration();
create trigger _100_notify_of_answer after update of answer on public.booking_alterations for each row
    when (new.answer = 'declined' and old.answer is null) execute function private.notify_of_alteration();

create function private.notify_of_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.notify(
        new.subject_id, 'review_published', 'review:' || new.id,
        private.booking_summary(new.booking_id) || jsonb_build_object('you_are', case new.side when 'guest' then 'host' else 'guest' end, 'review_id', new.id),
        new.booking_id, new.property_id
    );
    return null;
end
$$;
comment on function private.notify_of_review is 'Trigger: notifies the person reviewed when the review is published. Definer, because callers cannot read private.bookings.';
create trigger _200_notify_of_review after update of is_counted on public.reviews for each row
    when (new.is_counted and not old.is_counted and new.state = 'visible') execute function private.notify_of_review();

insert into private.settings (name, value, description) values
    ('check_in_details', '48 hours', 'How long before check-in, in the property''s time zone, guests receive address and arrival details.');

create function private.send_check_in_details(p_now timestamptz default now()) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_count integer;
begin
    perform private.notify(b.guest_id, 'check_in_details', 'check_in_details:' || b.id || ':' || b.check_in,
        private.booking_summary(b.id) || '{"you_are": "guest"}', b.id, b.property_id)
    from private.bookings b
    where
        b.status = 'confirmed' and b.check_in_at > p_now and b.check_in_at <= p_now + private.duration('check_in_details') + interval '2 hours'
        and date_subtract(b.check_in_at, private.duration('check_in_details'), b.time_zone) <= p_now
        and not exists (
            select from public.notifications n
            where n.recipient_id = b.guest_id and n.dedupe_key = 'check_in_details:' || b.id || ':' || b.check_in
        );
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function private.send_check_in_details is
    'Periodic task: notifies guests of address and arrival details 48 hours before check-in, and again when the check-in date changes; returns how many.';
create index bookings_check_in_at_idx on private.bookings (check_in_at) where status = 'confirmed';

insert into private.periodic_tasks (name, command, every) values
    ('send_check_in_details', 'select private.send_check_in_details()', '1 minute');

create function private.notify_of_money() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_data jsonb := jsonb_build_object('amount', new.amount, 'you_are', case tg_table_name when 'payouts' then 'host' else 'guest' end);
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if tg_table_name = 'payments' then
        v_data := v_data || jsonb_build_object('reason', new.last_error);
    elsif tg_table_name = 'refunds' then
        v_data := v_data || jsonb_strip_nulls(jsonb_build_object('refund_reason', new.reason, 'note', new.note));
    end if;
    perform private.notify(
        case tg_table_name when 'payouts' then v_booking.host_id else v_booking.guest_id end,
        tg_argv[0],
        concat_ws(':', tg_argv[0], new.id, v_data ->> 'reason'),
        private.booking_summary(new.booking_id) || v_data,
        new.booking_id, v_booking.property_id
    );
    return null;
end
$$;
comment on function private.notify_of_money is
    'Trigger, with the kind of notification as argument: notifies the guest of a failed payment or a refund, and the host of a payout. Definer, because the service role cannot read private.bookings.';
create trigger _300_notify_of_failure after update of last_error on public.payments for each row
    when (new.last_error is not null and new.status = 'requires_payment') execute function private.notify_of_money('payment_failed');
create trigger _200_notify_of_refund after update of status on public.refunds for each row
    when (new.status = 'succeeded' and old.status <> 'succeeded') execute function private.notify_of_money('refund_sent');
create trigger _300_notify_of_payout after update of status on public.payouts for each row
    when (new.status = 'paid' and old.status <> 'paid') execute function private.notify_of_money('payout_sent');

create function private.notify_of_borne_refund() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
begin
    select b.* into v_booking from private.bookings b where b.id = new.booking_id;
    if v_booking.host_id is distinct from new.made_by then
        perform private.notify(
            v_booking.host_id, 'refund_charged', 'refund_charged:' || new.id,
            private.booking_summary(new.booking_id)
                || jsonb_strip_nulls(jsonb_build_object('amount', new.amount, 'note', new.note, 'you_are', 'host')),
            new.booking_id, v_booking.property_id
        );
    end if;
    return null;
end
$$;
comment on function private.notify_of_borne_refund is
    'Trigger: notifies the host of a refund that an operator lets the host bear. Definer, because callers cannot read private.bookings.';
create trigger _300_notify_of_borne_refund after insert or update of borne_by on public.refunds for each row
    when (new.borne_by = 'host') execute function private.notify_of_borne_refund();

create function private.notify_of_money_request() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_property_id constant uuid := (select b.property_id from private.bookings b where b.id = new.booking_id);
    v_data constant jsonb := private.booking_summary(new.booking_id) || jsonb_strip_nulls(jsonb_build_object(
        'request_id', new.id, 'amount', new.amount, 'request_reason', new.reason, 'expires_at', new.expires_at, 'answer', new.answer
    ));
begin
    if tg_op = 'INSERT' then
        perform private.notify(
            new.guest_id, 'money_requested', 'money_requested:' || new.id, v_data || '{"you_are": "guest"}', new.booking_id, v_property_id
        );
    else
        perform private.notify(
            new.host_id, 'money_request_answered', 'money_request_answered:' || new.id, v_data || '{"you_are": "host"}', new.booking_id, v_property_id
        );
    end if;
    return null;
end
$$;
comment on function private.notify_of_money_request is
    'Trigger: notifies the guest of a request for money, and the host of the answer. Definer, because callers cannot read private.bookings.';
create trigger _100_notify_of_money_request after insert on public.money_requests
    for each row execute function private.notify_of_money_request();
create trigger notify_of_answer after update of answer on public.money_requests for each row
    when (new.answer in ('accepted', 'declined') and old.answer is null) execute function private.notify_of_money_request();
