-- Purpose: finds orphans in the lists of Stripe, and settles them on the word of an operator.
-- Touches: public.sweep_orphans, save_orphan_page, rebook_orphan, refund_orphan, fail_orphan; the periodic task sweep_orphans.
-- Watch: a sweep is a chain of Stripe tasks, one for each page, so it costs the same at any time and goes on after a crash. What a
-- page shows only names objects; the worker reads each and applies its present state, as for an event.

create function private.begin_orphan_sweep(p_since timestamptz default null) returns setof public.orphan_sweeps
language plpgsql
set search_path = ''
as $$
declare
    v_list text;
    v_sweep public.orphan_sweeps;
begin
    foreach v_list in array array['payment_intents', 'refunds', 'transfers'] loop
        continue when p_since is null and exists (
            select from public.orphan_sweeps s where s.list = v_list and s.since is null and s.finished_at is null
        );
        insert into public.orphan_sweeps (list, since) values (v_list, p_since) returning * into v_sweep;
        perform private.enqueue_stripe_task('sweep', v_sweep.id || ':0');
        return next v_sweep;
    end loop;
end
$$;
comment on function private.begin_orphan_sweep is
    'Begins a walk through each list of Stripe, down to p_since; through the whole list, unless one is going on, without it.';
insert into private.periodic_tasks (name, command, every) values ('sweep_orphans', 'select private.begin_orphan_sweep()', '1 day');

create function private.sweep_orphans(p_since timestamptz) returns setof public.orphan_sweeps
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    return query select * from private.begin_orphan_sweep(coalesce(p_since, '-infinity'));
end
$$;
grant execute on function private.sweep_orphans to authenticated, service_role;
comment on function private.sweep_orphans is 'Does the work of public.sweep_orphans. Definer, because no API role may write orphan_sweeps.';

create function public.sweep_orphans(p_since timestamptz) returns setof public.orphan_sweeps
language sql
set search_path = ''
as $$
    select * from private.sweep_orphans(p_since)
$$;
grant execute on function public.sweep_orphans to authenticated, service_role;
comment on function public.sweep_orphans is
    'Searches Stripe at once, without pauses, for payments, refunds and transfers since p_since that have no row here, and returns the searches. For operators, after a restore of the database.';

create function private.restore_progress(p_pause public.operation_pauses, out searched bigint, out reading bigint, out given_up bigint, out open bigint)
language sql stable
set search_path = ''
as $$
    select
        (
            select count(distinct s.list) from public.orphan_sweeps s
            where s.since <= p_pause.sweep_since and s.started_at >= p_pause.paused_at and s.finished_at is not null
        ),
        (select count(*) from private.stripe_tasks t where t.kind = 'sync' and t.done_at is null and t.dead_at is null),
        (select count(*) from private.stripe_tasks t where t.kind in ('sync', 'sweep') and t.dead_at is not null),
        (select count(*) from public.orphans o where o.status = 'open')
$$;
comment on function private.restore_progress is
    'How far Stripe was searched since a restore: lists searched (of 3), objects that are still read, objects and pages that were given up, and open orphans.';

create function private.require_settled_restore(p_pause public.operation_pauses) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_progress constant record := private.restore_progress(p_pause);
begin
    if (v_progress.searched, v_progress.reading, v_progress.given_up, v_progress.open) <> (3, 0, 0, 0) then
        perform private.raise_error('restore_not_settled', to_jsonb(v_progress));
    end if;
end
$$;
comment on function private.require_settled_restore is
    'Refuses to end a pause of a restored database before Stripe was searched and an operator has decided about each orphan.';

create function private.enqueue_sync(p_stripe_id text) returns void
language plpgsql
set search_path = ''
as $$
begin
    insert into private.stripe_tasks as t (kind, subject) values ('sync', p_stripe_id)
    on conflict on constraint stripe_tasks_are_unique do update set done_at = null, attempts = 0, run_at = now()
    where t.done_at is not null;
    perform private.wake_worker('money-worker');
end
$$;
comment on function private.enqueue_sync is 'Lets the worker read an object at Stripe and apply its present state, again when it did so before.';

create function private.differs_from_stripe(p_list text, p_object jsonb) returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
    v_id constant text := p_object ->> 'id';
    v_status constant text := p_object ->> 'status';
    v_is_ours constant boolean := coalesce(private.is_ours(p_object -> 'metadata'), false);
begin
    case p_list
        when 'payment_intents' then
            return case v_status
                when 'succeeded' then
                    not exists (select from public.payments p where p.stripe_payment_intent_id = v_id and p.status = 'captured')
                    and not exists (select from public.orphans o where o.stripe_id = v_id and o.is_charged)
                when 'requires_capture' then
                    not exists (select from public.payments p where p.stripe_payment_intent_id = v_id and p.status in ('authorized', 'captured', 'cancelled'))
                    and not exists (select from public.orphans o where o.stripe_id = v_id)
                when 'canceled' then
                    exists (select from public.payments p where p.stripe_payment_intent_id = v_id and p.status not in ('captured', 'cancelled'))
                    or exists (select from public.orphans o where o.stripe_id = v_id and not o.is_charged and o.status in ('open', 'refunding'))
                else false
            end and (v_is_ours or exists (select from public.payments p where p.stripe_payment_intent_id = v_id));
        when 'refunds' then
            return not exists (
                select from private.ledger_transactions t
                where t.key = case when v_status in ('failed', 'canceled') then 'refund_failed:' else 'refund:' end || v_id
            ) and (
                -- one that failed before it moved money has no transaction
                v_status not in ('failed', 'canceled')
                or not exists (select from public.refunds r where r.stripe_refund_id = v_id and r.status = 'failed')
            ) and (
                v_is_ours
                or exists (select from public.payments p where p.stripe_payment_intent_id = p_object ->> 'payment_intent')
                or exists (select from public.orphans o where o.stripe_id = p_object ->> 'payment_intent')
            );
        else
            return (
                v_is_ours or exists (select from public.payouts p where p.stripe_transfer_id = v_id)
            ) and (
                not exists (select from private.ledger_transactions t where t.key = 'transfer:' || v_id)
                or exists (
                    select from jsonb_array_elements_text(p_object -> 'reversals') r
                    where not exists (select from private.ledger_transactions t where t.key = 'reversal:' || r)
                )
            );
    end case;
end
$$;
comment on function private.differs_from_stripe is
    'Whether an object of a list of Stripe, {id, status, metadata, payment_intent, reversals}, has to be read, because its row is missing or older.';

create function public.save_orphan_page(p_sweep_id bigint, p_page integer, p_objects jsonb, p_has_more boolean) returns text
language plpgsql security definer
set search_path = ''
as $$
declare
    v_sweep public.orphan_sweeps;
    v_found text[];
    v_pause interval := '0';
begin
    select s.* into v_sweep from public.orphan_sweeps s where s.id = p_sweep_id for update;
    if v_sweep.page is distinct from p_page or v_sweep.finished_at is not null then
        return 'ignored: the page was saved before';
    end if;
    v_found := array(
        select o ->> 'id' from jsonb_array_elements(p_objects) o where private.differs_from_stripe(v_sweep.list, o)
    );
    perform private.enqueue_sync(f.id) from unnest(v_found) f (id);
    update public.orphan_sweeps s
    set
        page = s.page + 1, cursor = coalesce(p_objects -> -1 ->> 'id', s.cursor), listed = s.listed + jsonb_array_length(p_objects),
        found = s.found + cardinality(v_found), finished_at = case when not p_has_more then clock_timestamp() end
    where s.id = p_sweep_id;
    -- the tasks of earlier pages are done
    delete from private.stripe_tasks t where t.kind = 'sweep' and t.subject = format('%s:%s', p_sweep_id, p_page - 1);
    if p_has_more then
        if v_sweep.since is null then
            v_pause := private.duration('orphan_page_pause');
        end if;
        insert into private.stripe_tasks (kind, subject, run_at) values ('sweep', format('%s:%s', p_sweep_id, p_page + 1), now() + v_pause)
        on conflict do nothing;
    end if;
    return 'applied';
end
$$;
grant execute on function public.save_orphan_page to service_role;
comment on function public.save_orphan_page is
    'Saves page p_page of a search for orphans, objects {id, status, metadata, payment_intent, reversals} newest first, and enqueues what differs and the next page. For the service role; definer, because no API role may write orphan_sweeps.';

create function private.orphan_message(p_orphan_id uuid, p_request_id text) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select jsonb_build_object(
            'orphan_id', o.id, 'kind', o.kind, 'status', o.status, 'stripe_id', o.stripe_id, 'is_charged', o.is_charged,
            'amount', private.stripe_amount(o.amount - o.refunded_amount, o.currency),
            'idempotency_key', concat_ws(':', 'orphan', o.stripe_id, nullif(o.tries, 0)),
            'metadata', jsonb_build_object('orphan_id', o.id) || private.stripe_metadata(p_request_id)
        )
        from public.orphans o
        where o.id = p_orphan_id
    );
end
$$;
comment on function private.orphan_message is
    'What the worker needs to give an orphan back. The idempotency key is made of Stripe''s id, and of the number of refunds that failed.';

create function private.lock_open_orphan(p_orphan_id uuid) returns public.orphans
language plpgsql
set search_path = ''
as $$
declare
    v_orphan public.orphans;
begin
    select o.* into v_orphan from public.orphans o where o.id = p_orphan_id for update;
    if not found then
        perform private.raise_error('orphan_not_found');
    elsif v_orphan.status <> 'open' then
        perform private.raise_error('orphan_closed', jsonb_build_object('status', v_orphan.status));
    end if;
    return v_orphan;
end
$$;
comment on function private.lock_open_orphan is 'Locks an orphan and returns it; refuses one that is not open.';

create function private.refund_orphan(p_orphan_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    perform private.lock_open_orphan(p_orphan_id);
    update public.orphans o set status = 'refunding', resolved_by = auth.uid() where o.id = p_orphan_id;
    insert into private.stripe_tasks as t (kind, subject) values ('orphan', p_orphan_id::text)
    on conflict on constraint stripe_tasks_are_unique do update
    set done_at = null, dead_at = null, attempts = 0, run_at = now(), lease = null, leased_until = null;
    perform private.wake_worker('money-worker');
end
$$;
grant execute on function private.refund_orphan to authenticated, service_role;
comment on function private.refund_orphan is 'Does the work of public.refund_orphan. Definer, because no API role may write orphans.';

create function public.refund_orphan(p_orphan_id uuid) returns setof public.orphans
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.refund_orphan(p_orphan_id);
    return query select o.* from public.orphans o where o.id = p_orphan_id;
end
$$;
grant execute on function public.refund_orphan to authenticated, service_role;
comment on function public.refund_orphan is
    'Gives an orphan back, for an operator: what is left of a payment is refunded or released on the card, and the guest is notified; a transfer is reversed. Returns the orphan.';

create function public.fail_orphan(p_orphan_id uuid, p_error text) returns void
language sql security definer
set search_path = ''
as $$
    update public.orphans o
    set status = 'open', resolved_by = null, tries = o.tries + 1, last_error = left(p_error, 1000)
    where o.id = p_orphan_id and o.status = 'refunding'
$$;
grant execute on function public.fail_orphan to service_role;
comment on function public.fail_orphan is
    'Opens an orphan again whose refund Stripe refused. For the service role; definer, because no API role may write orphans.';

create function private.remake_booking(p_orphan public.orphans) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_check_in constant date := p_orphan.stay ->> 'check_in';
    v_check_out constant date := p_orphan.stay ->> 'check_out';
    v_adults constant integer := p_orphan.stay ->> 'adults';
    v_children constant integer := p_orphan.stay ->> 'children';
    v_infants constant integer := p_orphan.stay ->> 'infants';
    v_pets constant integer := p_orphan.stay ->> 'pets';
    v_units constant integer := coalesce(p_orphan.stay ->> 'units', '1');
    v_guest_total constant bigint := coalesce((p_orphan.stay ->> 'guest_total')::bigint, p_orphan.amount);
    v_host_total bigint := p_orphan.stay ->> 'host_total';
    v_property public.properties;
    v_quote public.quote;
    v_payout record;
    v_expires_at constant timestamptz := now() + private.duration('unpaid_hold');
begin
    perform from public.profiles g where g.id = p_orphan.profile_id and g.deleted_at is null for no key update;
    if not found then
        perform private.raise_error('orphan_stay_unknown', '{"missing": "the guest''s account"}');
    end if;
    v_property := private.lock_property(private.as_uuid(p_orphan.stay ->> 'property_id'));
    if v_property.id is null or v_property.currency <> p_orphan.currency then
        perform private.raise_error('orphan_stay_unknown', '{"missing": "the property, in the currency of the payment"}');
    end if;
    v_quote := private.compute_quote(
        v_property, v_check_in, v_check_out, v_adults, v_children, v_infants, v_pets, p_orphan.profile_id, now(),
        -- a payment does not know them
        private.priced_ages(v_children, null), v_units
    );
    if v_quote.check_out_at <= now() then
        perform private.raise_error('orphan_stay_over');
    end if;
    v_host_total := coalesce(v_host_total, private.proportion(v_quote.host_total, v_guest_total, v_quote.guest_total, private.step_of(v_property.currency)));
    if (v_guest_total, v_host_total) <> (v_quote.guest_total, v_quote.host_total) then
        v_quote.lines := v_quote.lines || row(
            case when v_guest_total < v_quote.guest_total then 'discount' else 'fee' end, 'Difference to the price that was paid', 1,
            v_guest_total - v_quote.guest_total, null, v_guest_total - v_quote.guest_total, v_host_total - v_quote.host_total, 0
        )::public.quote_line;
    end if;
    select r.* into v_payout from private.payout_rate_of(v_property.host_id, v_quote.currency, null) r;
    insert into private.bookings (
        id, property_id, host_id, guest_id, status, status_at, expires_at, check_in, check_out, adults, children, infants, pets, units,
        booking_mode, currency, guest_total, host_total, night_prices, property_title, property_city, time_zone, check_in_from,
        check_out_until, check_in_at, check_out_at, cancellation_policy_id, cancellation_policy_name, cancellation_steps,
        house_rules_version, request_hash, payout_currency, payout_rate
    ) values (
        p_orphan.booking_id, v_property.id, v_property.host_id, p_orphan.profile_id, 'awaiting_payment', now(), v_expires_at, v_check_in,
        v_check_out, v_adults, v_children, v_infants, v_pets, v_units, v_property.booking_mode, v_quote.currency, v_guest_total, v_host_total,
        private.night_prices(v_property, v_check_in, v_check_out), v_property.title, v_property.city, v_quote.time_zone,
        v_property.check_in_from, v_property.check_out_until, v_quote.check_in_at, v_quote.check_out_at, v_quote.cancellation_policy_id,
        v_quote.cancellation_policy_name, v_quote.cancellation_steps, v_quote.house_rules_version,
        sha256(convert_to(p_orphan.stripe_id, 'UTF8')), v_payout.payout_currency, v_payout.payout_rate
    );
    perform private.reserve_nights(p_orphan.booking_id, v_property.id, v_check_in, v_check_out, v_expires_at, v_units);
    perform private.insert_line_items(p_orphan.booking_id, v_quote.lines);
end
$$;
comment on function private.remake_booking is
    'Makes the lost booking of an orphan payment again, with its id and at its price; 409 when its nights are not free. What the host''s rules allow today does not matter, because host and guest had agreed.';

create function private.rebook_orphan(p_orphan_id uuid) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_orphan public.orphans;
    v_booking private.bookings;
    v_payment public.payments;
    v_due bigint;
begin
    perform private.require_operator();
    v_orphan := private.lock_open_orphan(p_orphan_id);
    if v_orphan.kind = 'transfer' then
        perform private.raise_error('orphan_is_transfer');
    elsif not v_orphan.is_charged then
        perform private.raise_error('orphan_not_paid');
    elsif v_orphan.is_disputed then
        perform private.raise_error('orphan_disputed');
    elsif v_orphan.refunded_amount > 0 then
        perform private.raise_error('orphan_partly_refunded');
    end if;
    if not exists (select from private.bookings b where b.id = v_orphan.booking_id) then
        if v_orphan.booking_id is null or v_orphan.stay ->> 'check_out' is null then
            perform private.raise_error('orphan_stay_unknown', '{"missing": "the booking"}');
        end if;
        perform private.remake_booking(v_orphan);
    end if;
    v_booking := private.lock_booking(v_orphan.booking_id, now());
    v_due := case
        when v_booking.status in ('requested', 'declined', 'withdrawn') or v_booking.currency <> v_orphan.currency then 0
        when v_booking.status = 'expired' then private.amount_due_by(v_booking, 'infinity') - private.charged_amount(v_booking.id)
        else private.guest_due(v_booking, 'infinity')
    end;
    if v_orphan.amount > v_due then
        perform private.raise_error('orphan_not_due', jsonb_build_object('status', v_booking.status));
    end if;
    for v_payment in
        update public.payments p set status = 'cancelled' where p.booking_id = v_booking.id and p.status = 'requires_payment' returning p.*
    loop
        perform private.enqueue_stripe_task('cancel', v_payment.id::text) where v_payment.stripe_payment_intent_id is not null;
    end loop;
    insert into public.payments (
        id, booking_id, guest_id, kind, status, is_manual, currency, amount, captured_amount, stripe_payment_intent_id, created_at
    )
    select
        case when exists (select from public.payments p where p.id = v_orphan.row_id) then gen_random_uuid()
            else coalesce(v_orphan.row_id, gen_random_uuid()) end,
        v_booking.id, v_booking.guest_id, coalesce(v_orphan.stay ->> 'kind', 'booking')::public.payment_kind, 'captured', false,
        v_orphan.currency, v_orphan.amount, v_orphan.amount, v_orphan.stripe_id, v_orphan.charged_at;
    perform private.post_transaction(
        'orphan:' || v_orphan.stripe_id, 'orphan', 'Payment found again', now(),
        array[
            row('orphan', null, v_orphan.currency, null, v_orphan.amount)::private.posting,
            row('guest', v_booking.guest_id, v_booking.currency, v_booking.id, -v_orphan.amount)::private.posting
        ]
    );
    update public.orphans o
    set status = 'rebooked', resolved_at = now(), resolved_by = auth.uid(), receipt_email = null, last_error = null
    where o.id = v_orphan.id;
    if v_booking.status in ('awaiting_payment', 'expired') then
        perform private.change_booking_status(v_booking.id, 'confirm', 'The payment for this booking was found again.', now());
    end if;
    perform private.reconcile_booking_money(v_booking.id);
    -- what the host was paid for the booking finds it again
    perform private.enqueue_sync(o.stripe_id) from public.orphans o
    where o.booking_id = v_booking.id and o.kind = 'transfer' and o.status = 'open';
end
$$;
grant execute on function private.rebook_orphan to authenticated, service_role;
comment on function private.rebook_orphan is 'Does the work of public.rebook_orphan. Definer, because no API role may write bookings and payments.';

create function public.rebook_orphan(p_orphan_id uuid) returns setof public.orphans
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.rebook_orphan(p_orphan_id);
    return query select o.* from public.orphans o where o.id = p_orphan_id;
end
$$;
grant execute on function public.rebook_orphan to authenticated, service_role;
comment on function public.rebook_orphan is
    'Books the stay of an orphan payment again, for an operator: the booking is made with its id and price when it is lost, and confirmed. 409 when the nights are not free or the booking does not owe the amount. Returns the orphan.';
