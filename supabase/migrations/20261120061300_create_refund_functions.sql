-- Purpose: gives money back to a guest without changing the booking, previews that, and assigns goodwill that was made at Stripe.
-- Touches: public.refund_preview, preview_refund, refund_booking, assign_goodwill; private.refundable_amount, plan_refund,
-- make_refund.
-- Watch: goodwill stays back: it lowers what the guest owes and what host or platform have (private.booking_layers). Preview and
-- refund both come from plan_refund.

insert into private.errors (code, status, message, hint) values
    ('refund_not_yours', 403, 'You are not allowed to refund this booking.', 'Ask the host, or write to support.'),
    ('refund_from_own_share', 403, 'A host refunds from the host''s own share.', 'Send p_borne_by host, or ask support.'),
    ('refund_out_of_range', 422, 'A refund is above zero, and at most what can be refunded.', 'Send p_amount in minor units, at most {refundable}.'),
    ('refund_reason_is_plain', 422, 'A refund''s reason has 1 to 1,000 characters of plain text, without HTML and control characters.', 'Say in p_reason why: the guest reads it.'),
    ('bearer_missing', 422, 'A refund is borne by the host or by the platform.', 'Send p_borne_by host or platform.'),
    ('goodwill_not_found', 404, 'There is no such goodwill.', 'Send the id of a refund with the reason goodwill that is pending or succeeded.');

insert into private.settings (name, value, description) values
    ('refund_repeat', '1 minute', 'Within this time an equal refund of a booking by the same person counts as a repetition.');

create type public.refund_preview as (
    currency text,
    refundable_amount bigint,
    amount bigint,
    borne_by public.refund_bearer,
    host_amount bigint,
    platform_amount bigint,
    host_keeps bigint
);
comment on type public.refund_preview is
    'What refund_booking would do, in minor units: the most that can be refunded, the refund, what host and platform lose by it, and what the host has of the booking afterwards.';

create function private.refundable_amount(p_booking_id uuid) returns bigint
language sql stable
set search_path = ''
as $$
    select coalesce(sum(p.captured_amount - p.refunded_amount - p.disputed_amount), 0)::bigint
    from public.payments p
    where p.booking_id = p_booking_id and not private.is_disputed(p.id)
$$;
comment on function private.refundable_amount is
    'Returns what was captured for a booking and not given back; nothing of a payment with an open dispute, because Stripe refuses that.';

create function private.plan_refund(p_booking private.bookings, p_amount bigint, p_borne_by public.refund_bearer) returns public.refund_preview
language plpgsql stable
set search_path = ''
as $$
declare
    v_actor public.booking_actor := private.first_actor(p_booking, '{system,operator,host}');
    v_before record;
    v_after record;
    v_plan public.refund_preview;
begin
    if v_actor is null then
        perform private.raise_error('refund_not_yours');
    elsif p_borne_by is null then
        perform private.raise_error('bearer_missing');
    elsif v_actor = 'host' and p_borne_by <> 'host' then
        perform private.raise_error('refund_from_own_share');
    end if;
    select sum(l.host) as host, sum(l.platform + l.goodwill) as platform into v_before from private.booking_layers(p_booking.id) l;
    v_plan.currency := p_booking.currency;
    v_plan.refundable_amount := private.refundable_amount(p_booking.id);
    if v_actor = 'host' then
        v_plan.refundable_amount := least(v_plan.refundable_amount, greatest(v_before.host, 0));
    end if;
    if (p_amount between 1 and v_plan.refundable_amount) is not true then
        perform private.raise_error('refund_out_of_range', jsonb_build_object(
            'amount', p_amount, 'refundable', v_plan.refundable_amount, 'currency', p_booking.currency
        ));
    end if;
    if p_amount % private.step_of(p_booking.currency) <> 0 then
        perform private.raise_error('amount_not_in_steps', jsonb_build_object(
            'step', private.step_of(p_booking.currency), 'currency', p_booking.currency
        ));
    end if;
    select sum(l.host) as host, sum(l.platform + l.goodwill) as platform into v_after
    from private.booking_layers(
        p_booking.id, case p_borne_by when 'host' then p_amount else 0 end, case p_borne_by when 'platform' then p_amount else 0 end
    ) l;
    v_plan.amount := p_amount;
    v_plan.borne_by := p_borne_by;
    v_plan.host_amount := v_before.host - v_after.host;
    v_plan.platform_amount := v_before.platform - v_after.platform;
    v_plan.host_keeps := v_after.host;
    return v_plan;
end
$$;
comment on function private.plan_refund is
    'Checks who refunds how much of a booking, and returns what follows. A host refunds at most what the host has of the booking.';

create function private.preview_refund(p_booking_id uuid, p_amount bigint, p_borne_by public.refund_bearer) returns public.refund_preview
language plpgsql stable security definer
set search_path = ''
as $$
begin
    perform private.require_booking_party(p_booking_id);
    return private.plan_refund(b, p_amount, p_borne_by) from private.bookings b where b.id = p_booking_id;
end
$$;
grant execute on function private.preview_refund to authenticated, service_role;
comment on function private.preview_refund is 'See public.preview_refund. Definer, because the host cannot read the guest''s payments.';

create function public.preview_refund(p_booking_id uuid, p_amount bigint, p_borne_by public.refund_bearer default 'host')
returns public.refund_preview
language sql stable
set search_path = ''
as $$
    select * from private.preview_refund(p_booking_id, p_amount, p_borne_by)
$$;
grant execute on function public.preview_refund to authenticated, service_role;
comment on function public.preview_refund is
    'Returns what refund_booking would do for the caller now, to the minor unit. Changes nothing.';

create function private.make_refund(p_booking_id uuid, p_amount bigint, p_reason text, p_borne_by public.refund_bearer, p_now timestamptz)
returns setof uuid
language plpgsql
set search_path = ''
as $$
declare
    v_booking constant private.bookings := private.lock_booking(p_booking_id, p_now);
    v_made_at timestamptz;
    v_payment public.payments;
    v_left bigint := p_amount;
    v_part bigint;
    v_id uuid;
begin
    if (p_reason ~ '\S' and private.is_plain_text(p_reason, 1000)) is not true then
        perform private.raise_error('refund_reason_is_plain');
    end if;
    -- a double click answers the refund that it repeats
    select r.created_at into v_made_at
    from public.refunds r
    where
        r.booking_id = p_booking_id and r.reason = 'goodwill'
        and r.made_by is not distinct from auth.uid() and r.note = p_reason and r.borne_by = p_borne_by and r.status <> 'failed'
        and r.created_at > p_now - private.duration('refund_repeat')
    group by r.created_at
    having sum(r.amount) = p_amount
    limit 1;
    if found then
        return query
            select r.id from public.refunds r
            where r.booking_id = p_booking_id and r.note = p_reason and r.created_at = v_made_at;
        return;
    end if;
    perform private.plan_refund(v_booking, p_amount, p_borne_by);
    for v_payment in
        select p.* from public.payments p where p.booking_id = p_booking_id order by p.created_at desc, p.id for update
    loop
        v_part := least(v_left, v_payment.captured_amount - v_payment.refunded_amount - v_payment.disputed_amount);
        continue when v_part <= 0 or private.is_disputed(v_payment.id);
        insert into public.refunds (payment_id, booking_id, reason, currency, amount, borne_by, note, made_by)
        values (v_payment.id, p_booking_id, 'goodwill', v_payment.currency, v_part, p_borne_by, p_reason, auth.uid())
        returning id into v_id;
        update public.payments p set refunded_amount = p.refunded_amount + v_part where p.id = v_payment.id;
        perform private.enqueue_stripe_task('refund', v_id::text);
        v_left := v_left - v_part;
        return next v_id;
    end loop;
    perform private.reconcile_booking_money(p_booking_id);
end
$$;
comment on function private.make_refund is
    'Gives p_amount back to the guest of a booking, from the newest payment first, and returns the ids of the refunds.';

create function private.make_refund_as_caller(p_booking_id uuid, p_amount bigint, p_reason text, p_borne_by public.refund_bearer)
returns setof uuid
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_booking_party(p_booking_id);
    for v_attempt in 1..4 loop
        begin
            return query select * from private.make_refund(p_booking_id, p_amount, p_reason, p_borne_by, now());
            return;
        exception when deadlock_detected or serialization_failure or lock_not_available then
            perform private.wait_to_retry(v_attempt);
        end;
    end loop;
end
$$;
grant execute on function private.make_refund_as_caller to authenticated, service_role;
comment on function private.make_refund_as_caller is
    'Runs make_refund for the caller, now. Definer, because no API role may write refunds.';

create function public.refund_booking(
    p_booking_id uuid, p_amount bigint, p_reason text, p_borne_by public.refund_bearer default 'host'
)
returns setof public.refunds
language plpgsql
set search_path = ''
as $$
declare
    v_ids constant uuid[] := array(select * from private.make_refund_as_caller(p_booking_id, p_amount, p_reason, p_borne_by));
begin
    return query select r.* from public.refunds r where r.id = any (v_ids) order by r.amount, r.id;
end
$$;
grant execute on function public.refund_booking to authenticated, service_role;
comment on function public.refund_booking is
    'Gives an amount in minor units back to the guest, without changing the booking: the host from the own share, operators on behalf of host or platform. Returns one refund for each payment that it comes from; an equal call within a minute returns the same.';

create function private.assign_goodwill(p_refund_id uuid, p_borne_by public.refund_bearer) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking_id constant uuid := (select r.booking_id from public.refunds r where r.id = p_refund_id);
begin
    perform private.require_operator();
    if p_borne_by is null then
        perform private.raise_error('bearer_missing');
    end if;
    perform private.lock_booking(v_booking_id, now());
    update public.refunds r set borne_by = p_borne_by
    where r.id = p_refund_id and r.reason = 'goodwill' and r.status in ('pending', 'succeeded');
    if not found then
        perform private.raise_error('goodwill_not_found');
    end if;
    perform private.reconcile_booking_money(v_booking_id);
end
$$;
grant execute on function private.assign_goodwill to authenticated, service_role;
comment on function private.assign_goodwill is
    'See public.assign_goodwill. Definer, because no API role may write refunds; requires an operator or the service role.';

create function public.assign_goodwill(p_refund_id uuid, p_borne_by public.refund_bearer) returns setof public.refunds
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.assign_goodwill(p_refund_id, p_borne_by);
    return query select r.* from public.refunds r where r.id = p_refund_id;
end
$$;
grant execute on function public.assign_goodwill to authenticated, service_role;
comment on function public.assign_goodwill is
    'Decides who bears a refund that was made at Stripe, or another goodwill: the host or the platform. After a payout it is taken back from the host like any debt. For operators.';
