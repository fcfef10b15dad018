-- Purpose: cancels a confirmed booking, previews the cancellation exactly, and reports no-shows.
-- Touches: public.refund_line, cancellations, preview_cancellation, cancel_booking, report_no_show; private.host_cancellation_fees,
-- host_cancellation_fee, unpaid_refund, compute_cancellation, cancelling_actor, end_booking.
-- Watch: preview and cancellation both come from compute_cancellation; a cancellation stores the row that it returns. A guest gets
-- what the booking's copy of the policy gives; when host or operator cancels, the guest gets everything back.

insert into private.errors (code, status, message, hint) values
    ('booking_not_paid_yet', 409, 'An unpaid hold or request is not cancelled.', 'Give it up with DELETE on bookings.'),
    ('booking_not_cancellable', 409, 'Only a confirmed booking that is not over can be cancelled.', 'Read the booking again: it may have ended meanwhile.'),
    ('cancellation_not_yours', 403, 'You are not allowed to cancel this booking.', 'Ask the host.');

create table private.host_cancellation_fees (
    within text constraint host_cancellation_fees_pkey primary key
        constraint host_cancellation_fees_within_is_a_length check (within ~ '^[0-9]{1,4} (days|hours)$'),
    percent smallint not null constraint host_cancellation_fees_percent_range check (percent between 0 and 100)
);
comment on table private.host_cancellation_fees is
    'What a host pays for cancelling within this time before check-in, in per cent of the nights not stayed. The highest that applies counts.';
alter table private.host_cancellation_fees enable row level security;
insert into private.host_cancellation_fees (within, percent) values ('48 hours', 50), ('30 days', 25), ('9999 days', 10);

create type public.refund_line as (
    "position" smallint,
    kind public.line_kind,
    description text,
    amount bigint,
    refund_amount bigint
);
comment on type public.refund_line is 'A line of a booking and its refund to the guest, in minor units.';

create table public.cancellations (
    booking_id uuid constraint cancellations_pkey primary key
        constraint cancellations_booking_fkey references private.bookings (id) on delete restrict,
    cancelled_by public.booking_actor not null,
    is_no_show boolean not null default false,
    cancelled_at timestamptz not null,
    reason text constraint cancellations_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    valid_until timestamptz,
    nights_stayed integer not null constraint cancellations_nights_stayed_is_not_negative check (nights_stayed >= 0),
    nights_kept integer not null constraint cancellations_nights_kept_is_not_negative check (nights_kept >= 0),
    refund_percent smallint not null constraint cancellations_refund_percent_range check (refund_percent between 0 and 100),
    currency text not null constraint cancellations_currency_fkey references public.currencies (code) on delete restrict,
    guest_total bigint not null,
    refund_amount bigint not null constraint cancellations_refund_is_part_of_total check (refund_amount between 0 and guest_total),
    unpaid_amount bigint not null constraint cancellations_unpaid_amount_is_part_of_refund check (unpaid_amount between 0 and refund_amount),
    host_amount bigint not null constraint cancellations_host_amount_is_not_negative check (host_amount >= 0),
    host_fee bigint not null constraint cancellations_host_fee_is_not_negative check (host_fee >= 0),
    lines public.refund_line[] not null,
    created_at timestamptz not null default now(),
    -- copy_booking_parties fills them in
    guest_id uuid not null,
    host_id uuid not null,
    property_id uuid not null
);
comment on table public.cancellations is
    'Cancellations and no-shows, with refunds; preview_cancellation returns one that has not happened. Amounts in minor units; guest, host and operators can read them.';
comment on column public.cancellations.cancelled_by is 'Who cancelled, or reported the no-show.';
comment on column public.cancellations.is_no_show is 'The guest did not come: the policy applies as if the guest had cancelled at check-in.';
comment on column public.cancellations.cancelled_at is 'The moment for which the refund was computed.';
comment on column public.cancellations.reason is 'The reason given.';
comment on column public.cancellations.valid_until is 'The last instant with the same result; null when the result changes only as nights pass.';
comment on column public.cancellations.nights_stayed is 'Number of midnights since check-in in the property''s time zone.';
comment on column public.cancellations.nights_kept is 'Nights that the host keeps in addition to those stayed.';
comment on column public.cancellations.refund_percent is 'Percentage refunded of the other nights, and of fees and taxes in proportion.';
comment on column public.cancellations.currency is 'ISO 4217 code of every amount.';
comment on column public.cancellations.guest_total is 'What the booking cost the guest.';
comment on column public.cancellations.refund_amount is 'By how much the guest''s total is reduced: the sum of the lines. The guest gets back this less unpaid_amount.';
comment on column public.cancellations.unpaid_amount is
    'The part of refund_amount that the guest had not paid yet (then it is no longer due) or had got back before, as goodwill or from the bank.';
comment on column public.cancellations.host_amount is 'What the host keeps of the host''s total, before host_fee.';
comment on column public.cancellations.host_fee is 'What the host pays for cancelling.';
comment on column public.cancellations.lines is 'The refund of each line of the booking.';

comment on column public.cancellations.guest_id is 'Guest of the booking.';
comment on column public.cancellations.host_id is 'Host of the booking.';
comment on column public.cancellations.property_id is 'Property of the booking.';

create index cancellations_currency_idx on public.cancellations (currency);
create index cancellations_guest_id_idx on public.cancellations (guest_id, created_at);
create index cancellations_host_id_idx on public.cancellations (host_id, created_at);
create index cancellations_created_at_idx on public.cancellations (created_at);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.cancellations alter column guest_id set (n_distinct = -1);
alter table public.cancellations alter column host_id set (n_distinct = -1);

alter table public.cancellations enable row level security;

grant select on public.cancellations to authenticated, service_role;

create policy "Guests and hosts can read cancellations" on public.cancellations for select to authenticated
    using (guest_id = (select auth.uid()) or host_id = (select auth.uid()));
create policy "Operators can read any" on public.cancellations for select to operator using (true);

create trigger _050_copy_booking_parties before insert on public.cancellations
    for each row execute function private.copy_booking_parties();
create trigger refuse_change before update or delete on public.cancellations
    for each row execute function private.refuse_change();
create trigger refuse_truncate before truncate on public.cancellations
    for each statement execute function private.refuse_change();

create function private.host_cancellation_fee(p_booking private.bookings, p_rent bigint, p_nights_stayed integer, p_now timestamptz)
returns bigint
language sql stable
set search_path = ''
as $$
    select least(c.cancellation_fee_maximum, greatest(c.cancellation_fee_minimum, private.proportion(
        p_rent,
        (
            select max(f.percent) from private.host_cancellation_fees f
            where p_now >= date_subtract(p_booking.check_in_at, f.within::interval, p_booking.time_zone)
        ) * (select sum(n.price) from unnest(p_booking.night_prices[p_nights_stayed + 1:]) as n (price)),
        100 * (select sum(n.price) from unnest(p_booking.night_prices) as n (price)),
        c.step
    )))
    from public.currencies c
    where c.code = p_booking.currency
$$;
comment on function private.host_cancellation_fee is
    'What a host pays for cancelling at p_now: a percentage of p_rent (nights after discount) for the nights not stayed, within the limits of the currency.';

create function private.unpaid_refund(p_booking private.bookings, p_refund_amount bigint) returns bigint
language plpgsql stable
set search_path = ''
as $$
begin
    return least(p_refund_amount, greatest(
        0, p_booking.guest_total + private.requested_amount(p_booking.id) - private.paid_amount(p_booking.id)
    ));
end
$$;
comment on function private.unpaid_refund is
    'The part of a refund that the guest has not paid, or has got back before, in minor units.';

create function private.compute_cancellation(
    p_booking private.bookings, p_by public.booking_actor, p_is_no_show boolean, p_reason text, p_now timestamptz
)
returns public.cancellations
language plpgsql stable
set search_path = ''
as $$
declare
    v public.cancellations;
    -- the time that the policy uses; a no-show counts as cancelled at check-in
    v_at constant timestamptz := case when p_is_no_show then p_booking.check_in_at else p_now end;
    v_has_begun constant boolean := v_at >= p_booking.check_in_at;
    v_step record;
    v_long record;
    -- the refunded share of everything: part / whole
    v_part bigint := 1;
    v_whole bigint := 1;
    v_rent bigint;
    v_step_amount constant bigint := private.step_of(p_booking.currency);
begin
    v.booking_id := p_booking.id;
    v.guest_id := p_booking.guest_id;
    v.host_id := p_booking.host_id;
    v.property_id := p_booking.property_id;
    v.cancelled_by := p_by;
    v.is_no_show := p_is_no_show;
    v.cancelled_at := p_now;
    v.reason := p_reason;
    v.currency := p_booking.currency;
    v.guest_total := p_booking.guest_total;
    v.created_at := now();
    v.nights_stayed := case when v_has_begun then
        least(p_booking.nights, greatest(0, (v_at at time zone p_booking.time_zone)::date - p_booking.check_in)) else 0 end;
    v.host_fee := 0;

    if p_by = 'guest' or p_is_no_show then
        select t.until, t.nights_kept, t.refund_percent into v_step
        from unnest(private.cancellation_terms(
            p_booking.cancellation_steps, p_booking.night_prices, p_booking.guest_total,
            p_booking.check_in_at, p_booking.time_zone, p_booking.confirmed_at, v_step_amount
        )) with ordinality as t
        where coalesce(t.until >= v_at, true)
        order by t.ordinality
        limit 1;
        v.valid_until := v_step.until;
        v.nights_kept := v_step.nights_kept;
        v.refund_percent := v_step.refund_percent;
        select l.nights_kept into v_long
        from private.long_stays l
        where l.from_nights <= p_booking.nights and jsonb_array_length(p_booking.cancellation_steps) > 1
        order by l.from_nights desc
        limit 1;
        if found and v_has_begun then
            v.valid_until := null;
            v.nights_kept := v_long.nights_kept;
            v.refund_percent := 100;
        elsif found then
            v.valid_until := least(v.valid_until, p_booking.check_in_at - interval '1 microsecond');
        end if;
        v.nights_kept := least(v.nights_kept, p_booking.nights - v.nights_stayed);
        -- the share of the nights after those stayed and kept, by their prices; it applies to fees, taxes and platform fee too
        v_part := v.refund_percent * private.sum_of_nights(p_booking.night_prices[v.nights_stayed + v.nights_kept + 1:]);
        v_whole := 100 * private.sum_of_nights(p_booking.night_prices);
    else
        v.nights_kept := 0;
        v.refund_percent := 100;
        if p_by = 'host' then
            v_rent := (
                select sum(l.amount) from private.booking_line_items l
                where l.booking_id = p_booking.id and l.kind in ('nights', 'discount')
            );
            v.host_fee := private.host_cancellation_fee(p_booking, v_rent, v.nights_stayed, p_now);
            v.valid_until := (
                select min(t.dearer_at) - interval '1 microsecond'
                from private.host_cancellation_fees f
                cross join date_subtract(p_booking.check_in_at, f.within::interval, p_booking.time_zone) as t (dearer_at)
                where t.dearer_at > p_now
            );
        end if;
    end if;

    v.refund_amount := private.proportion(p_booking.guest_total, v_part, v_whole, v_step_amount);
    v.unpaid_amount := private.unpaid_refund(p_booking, v.refund_amount);
    v.host_amount := p_booking.host_total - private.proportion(p_booking.host_total, v_part, v_whole, v_step_amount);
    -- differences of rounded running totals, so that lines sum to the refund and each differs from its share by at most one step
    v.lines := array(
        select row(
            l.position, l.kind, l.description, l.amount,
            private.proportion(l.passed, v_part, v_whole, v_step_amount)
            - private.proportion(l.passed - l.amount, v_part, v_whole, v_step_amount)
        )::public.refund_line
        from (
            select i.*, sum(i.amount) over (order by i.position)::bigint as passed
            from private.booking_line_items i
            where i.booking_id = p_booking.id
        ) l
        order by l.position
    );
    return v;
end
$$;
comment on function private.compute_cancellation is
    'Computes the cancellation of a booking by p_by at p_now, or of a no-show.';

create function private.cancelling_actor(p_booking private.bookings) returns public.booking_actor
language sql stable
set search_path = ''
as $$
    select private.first_actor(p_booking, '{guest,host,operator,system}')
$$;
comment on function private.cancelling_actor is
    'The role in which the caller can cancel; null for a co-host, because the host pays for a cancellation.';

create function private.end_booking(p_booking_id uuid, p_is_no_show boolean, p_reason text, p_now timestamptz, p_only_preview boolean)
returns public.cancellations
language plpgsql
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_actor public.booking_actor;
    v_cancellation public.cancellations;
begin
    if p_only_preview then
        select b.* into v_booking from private.bookings b where b.id = p_booking_id;
    else
        v_booking := private.lock_booking(p_booking_id, p_now);
    end if;
    v_actor := private.cancelling_actor(v_booking);
    if not p_is_no_show and (v_booking.status <> 'confirmed' or v_booking.check_out_at <= p_now)
        or v_booking.confirmed_at is null
    then
        perform private.raise_error(case when v_booking.expires_at > p_now then 'booking_not_paid_yet' else 'booking_not_cancellable' end);
    elsif v_actor is null then
        perform private.raise_error('cancellation_not_yours');
    end if;
    v_cancellation := private.compute_cancellation(v_booking, v_actor, p_is_no_show, p_reason, p_now);
    if not p_only_preview then
        update private.bookings
        set
            status = case when p_is_no_show then 'no_show' else 'cancelled' end::public.booking_status,
            status_at = p_now, status_reason = p_reason
        where id = p_booking_id;
        insert into public.cancellations select v_cancellation.*;
        perform private.release_nights(p_booking_id);
    end if;
    return v_cancellation;
end
$$;
comment on function private.end_booking is
    'Cancels a booking or reports a no-show at p_now and returns the cancellation; with p_only_preview it changes nothing.';

create function private.end_booking_as_caller(p_booking_id uuid, p_is_no_show boolean, p_reason text, p_only_preview boolean)
returns public.cancellations
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_booking_party(p_booking_id);
    for v_attempt in 1..4 loop
        begin
            return private.end_booking(p_booking_id, p_is_no_show, p_reason, now(), p_only_preview);
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.end_booking_as_caller to authenticated, service_role;
comment on function private.end_booking_as_caller is
    'Runs end_booking for the caller, now. Definer, because no API role may write private.bookings.';

create function public.preview_cancellation(p_booking_id uuid) returns public.cancellations
language sql stable
set search_path = ''
as $$
    select * from private.end_booking_as_caller(p_booking_id, false, null, true)
$$;
grant execute on function public.preview_cancellation to authenticated, service_role;
comment on function public.preview_cancellation is
    'Returns what cancel_booking would do for the caller now, to the minor unit, and until when that holds (valid_until). Changes nothing.';

create function public.cancel_booking(p_booking_id uuid, p_reason text default null) returns public.cancellations
language sql
set search_path = ''
as $$
    select * from private.end_booking_as_caller(p_booking_id, false, p_reason, false)
$$;
grant execute on function public.cancel_booking to authenticated, service_role;
comment on function public.cancel_booking is
    'Cancels a confirmed booking, for its guest, its host or an operator; the nights are free again. Returns the guest''s refund and what the host keeps or pays.';

create function public.report_no_show(p_booking_id uuid, p_reason text default null) returns public.cancellations
language sql
set search_path = ''
as $$
    select * from private.end_booking_as_caller(p_booking_id, true, p_reason, false)
$$;
grant execute on function public.report_no_show to authenticated, service_role;
comment on function public.report_no_show is
    'Reports, for the host or an operator within 48 hours after check-in, that the guest did not come. The policy applies as if the guest had cancelled at check-in, and the nights are free again.';
