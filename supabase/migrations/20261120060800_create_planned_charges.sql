-- Purpose: charges a guest's saved card later: further instalments, the extra price of an alteration, accepted requests for money,
-- what is due after a cancellation.
-- Touches: private.planned_charges, plan_charge, charge_balance, charge_balances; public.fail_charge.
-- Watch: only a card that the booking was paid with is charged, and never once the guest's bank has disputed a payment. A declined
-- charge is tried again after charge_pause, charge_tries times in all; then the guest has to pay it. Until then the host is paid in
-- proportion.

create table private.planned_charges (
    booking_id uuid constraint planned_charges_pkey primary key
        constraint planned_charges_booking_fkey references private.bookings (id) on delete restrict,
    total bigint not null,
    due_at timestamptz not null,
    tries integer not null default 0
);
comment on table private.planned_charges is 'The next charge of each booking that is not paid in full. plan_charge updates it at every change of the booking.';
comment on column private.planned_charges.total is 'What cards will have been charged in all after this charge, in minor units; see charged_amount.';
comment on column private.planned_charges.due_at is 'When the charge is tried next; infinity when the guest has to pay it.';
create index planned_charges_due_at_idx on private.planned_charges (due_at, booking_id);
alter table private.planned_charges enable row level security;

insert into private.settings (name, value, description) values
    ('charge_tries', '3', 'How often a card is charged for a balance before the guest has to pay it.'),
    ('charge_pause', '24 hours', 'How long after a declined charge it is tried again.');

create function private.plan_charge(p_booking private.bookings, p_price bigint) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_charged constant bigint := private.charged_amount(p_booking.id);
    v_requested constant bigint := private.requested_amount(p_booking.id);
    -- less waits for the next instalment
    v_least constant bigint := v_charged + (select c.minimum_charge from public.currencies c where c.code = p_booking.currency);
    v_total bigint;
    v_due_at timestamptz;
begin
    if exists (select from public.payments p where p.booking_id = p_booking.id and p.status = 'captured')
        and not exists (select from public.payments p where p.booking_id = p_booking.id and p.disputed_amount > 0)
    then
        if p_booking.status in ('confirmed', 'completed') then
            select i.total + v_requested, coalesce(i.due_at, now()) into v_total, v_due_at
            from private.instalments(p_booking.guest_total, p_booking.currency, p_booking.nights, p_booking.check_in_at) i
            where i.total + v_requested >= v_least
            order by i.number
            limit 1;
        elsif p_price >= v_least then
            v_total := p_price;
            v_due_at := now();
        end if;
    end if;
    if v_total is null then
        delete from private.planned_charges c where c.booking_id = p_booking.id;
    else
        insert into private.planned_charges as c (booking_id, total, due_at) values (p_booking.id, v_total, v_due_at)
        on conflict (booking_id) do update set total = excluded.total, due_at = excluded.due_at, tries = 0
        -- a charge that was tried keeps its pause
        where c.total <> excluded.total or c.tries = 0;
    end if;
end
$$;
comment on function private.plan_charge is
    'Plans the next charge of a booking''s card, or deletes the plan; p_price is what the booking costs as it stands. What was given back is not charged again.';

create function private.charge_balance(p_booking_id uuid, p_now timestamptz) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_booking constant private.bookings := private.lock_booking(p_booking_id, p_now);
    v_due constant bigint := private.chargeable_due(v_booking, p_now);
    v_plan private.planned_charges;
    v_payment public.payments;
    v_method uuid;
begin
    select c.* into v_plan from private.planned_charges c where c.booking_id = p_booking_id and c.due_at <= p_now;
    if not found or v_due = 0 then
        return;
    end if;
    v_payment := private.open_payment(v_booking, v_due);
    v_method := (
        select p.payment_method_id from public.payments p
        where p.booking_id = p_booking_id and p.status = 'captured' and p.payment_method_id is not null
        order by p.created_at desc, p.id
        limit 1
    );
    if v_method is null then
        update public.payments p set last_error = 'There is no card to charge.' where p.id = v_payment.id and p.status = 'requires_payment';
    elsif v_payment.status = 'requires_payment' then
        update public.payments p set payment_method_id = v_method where p.id = v_payment.id;
        perform private.enqueue_stripe_task('charge', (
            select s.subject
            from generate_series(1, 1000) n
            cross join lateral (select format('%s:%s', v_payment.id, n) as subject) s
            where not exists (select from private.stripe_tasks t where t.kind = 'charge' and t.subject = s.subject)
            limit 1
        ));
    end if;
    update private.planned_charges c
    set
        tries = c.tries + 1,
        due_at = case
            when v_method is null or c.tries + 1 >= (select s.value::integer from private.settings s where s.name = 'charge_tries')
            then 'infinity' else p_now + private.duration('charge_pause')
        end
    where c.booking_id = p_booking_id;
end
$$;
comment on function private.charge_balance is
    'Enqueues the charge of what a guest owes at p_now to the card of the booking''s last payment. Without a card the guest has to pay.';

create function private.charge_balances(p_now timestamptz) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_due record;
    v_count integer := 0;
begin
    if private.is_paused('charges') then
        return 0;
    end if;
    for v_due in
        select c.booking_id, b.property_id
        from private.planned_charges c
        join private.bookings b on b.id = c.booking_id
        where c.due_at <= p_now
        order by c.due_at, c.booking_id
        limit 100
    loop
        -- a property that is locked waits for the next run
        perform from public.properties p where p.id = v_due.property_id for no key update skip locked;
        continue when not found;
        begin
            perform private.charge_balance(v_due.booking_id, p_now);
            v_count := v_count + 1;
        exception when others then
            raise warning 'charge_balance %: %', v_due.booking_id, sqlerrm;
        end;
    end loop;
    return v_count;
end
$$;
comment on function private.charge_balances is 'Enqueues the charges that are due at p_now, each booking in a subtransaction of its own, and returns their number. None while charges are paused.';
insert into private.periodic_tasks (name, command, every) values ('charge_balances', 'select private.charge_balances(now())', '10 seconds');

create function public.fail_charge(p_payment_id uuid, p_error text) returns void
language sql security definer
set search_path = ''
as $$
    update public.payments p set last_error = left(p_error, 1000) where p.id = p_payment_id and p.status = 'requires_payment'
$$;
grant execute on function public.fail_charge to service_role;
comment on function public.fail_charge is
    'Stores why Stripe did not charge a card for a balance. For the service role; definer, because no API role may write payments.';
