-- Purpose: requests for money: a host asks the guest of a stay for an amount, and the guest accepts or declines.
-- Touches: public.money_requests, accept_money_request, decline_money_request; private.fill_money_request, answer_money_request.
-- Watch: only an accepted request explains a charge (private.requested_amount). It is charged to the card of the stay like an
-- alteration, or paid by the guest; what it brings is the host's.

insert into private.errors (code, status, message, hint) values
    ('money_requests_amount_is_positive', 422, 'A request asks for an amount above zero.', 'Send amount in minor units of the booking''s currency.'),
    ('money_requests_reason_is_plain', 422, 'A request''s reason has 1 to 1,000 characters of plain text, without HTML and control characters.', 'Say in reason what the money is for: the guest reads it.'),
    ('booking_takes_no_requests', 409, 'Money can be asked for from the confirmation of a stay until {window} after check-out.', 'Read the booking again.'),
    ('request_below_minimum', 422, 'A request asks for at least {minimum} minor units of {currency}, because no card can be charged less.', 'Send a higher amount, or ask for it together with another.'),
    ('request_is_open', 409, 'The guest has not answered your last request for this booking yet.', 'Wait for the answer, or withdraw that request with decline_money_request.'),
    ('money_request_not_found', 404, 'There is no such request.', 'Send an id of money_requests.'),
    ('money_request_not_yours', 403, 'Only the guest accepts a request for money.', 'As the host you can withdraw it with decline_money_request.'),
    ('money_request_not_open', 409, 'This request is {answer}.', 'Ask the host for a new one.');

insert into private.settings (name, value, description) values
    ('money_request_answer', '7 days', 'How long a guest may take to answer a request for money.'),
    ('money_request_window', '60 days', 'How long after check-out a host may ask for money.');

create type public.money_request_answer as enum ('accepted', 'declined', 'withdrawn');
comment on type public.money_request_answer is 'accepted: the guest pays. withdrawn: the host took the request back.';

create table public.money_requests (
    id uuid default gen_random_uuid() constraint money_requests_pkey primary key,
    booking_id uuid not null constraint money_requests_booking_fkey references private.bookings (id) on delete restrict,
    -- fill_money_request fills in the parties, currency and end; the defaults make them optional in generated types
    host_id uuid not null default auth.uid() constraint money_requests_host_fkey references public.profiles (id) on delete restrict,
    guest_id uuid not null default '00000000-0000-0000-0000-000000000000'
        constraint money_requests_guest_fkey references public.profiles (id) on delete restrict,
    currency text not null default 'EUR' constraint money_requests_currency_fkey references public.currencies (code) on delete restrict,
    amount bigint not null constraint money_requests_amount_is_positive check (amount > 0),
    reason text not null constraint money_requests_reason_is_plain check (reason ~ '\S' and private.is_plain_text(reason, 1000)),
    expires_at timestamptz not null default 'infinity',
    answer public.money_request_answer,
    answered_at timestamptz,
    answered_by uuid constraint money_requests_answered_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    constraint money_requests_answer_is_whole check ((answer is null) = (answered_at is null))
);
comment on table public.money_requests is
    'Requests of hosts for money of their guests, such as for a late check-out. Guest, host and operators can read them; nothing is charged before the guest accepts.';
comment on column public.money_requests.currency is 'Currency of the booking.';
comment on column public.money_requests.amount is 'Amount in minor units.';
comment on column public.money_requests.reason is 'What the money is for. The guest reads it.';
comment on column public.money_requests.expires_at is 'Until when the guest can accept.';
comment on column public.money_requests.answer is 'The answer; null while there is none.';
comment on column public.money_requests.answered_at is 'When it was answered.';
comment on column public.money_requests.answered_by is 'Who answered.';

create index money_requests_booking_id_idx on public.money_requests (booking_id);
create index money_requests_host_id_idx on public.money_requests (host_id);
create index money_requests_guest_id_idx on public.money_requests (guest_id);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.money_requests alter column guest_id set (n_distinct = -1);
alter table public.money_requests alter column host_id set (n_distinct = -1);
create index money_requests_currency_idx on public.money_requests (currency);
create index money_requests_answered_by_idx on public.money_requests (answered_by);

alter table public.money_requests enable row level security;
grant select on public.money_requests to authenticated, service_role;
grant insert (booking_id, amount, reason) on public.money_requests to authenticated;

create policy "Guests and hosts can read their requests" on public.money_requests for select to authenticated
    using (guest_id = (select auth.uid()) or host_id = (select auth.uid()));
create policy "Operators can read any" on public.money_requests for select to operator using (true);
create policy "Hosts can ask their guests for money" on public.money_requests for insert to authenticated
    with check (host_id = (select auth.uid()));

create function private.fill_money_request() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking constant private.bookings := private.lock_booking(new.booking_id, now());
    v_currency public.currencies;
begin
    new.host_id := v_booking.host_id;
    new.guest_id := v_booking.guest_id;
    new.currency := v_booking.currency;
    new.expires_at := now() + private.duration('money_request_answer');
    -- what others send is refused by the row's checks
    if v_booking.host_id = auth.uid() then
        if v_booking.status not in ('confirmed', 'completed', 'cancelled', 'no_show') or v_booking.confirmed_at is null
            or now() > v_booking.check_out_at + private.duration('money_request_window')
        then
            perform private.raise_error('booking_takes_no_requests', jsonb_build_object(
                'window', private.duration('money_request_window'), 'status', v_booking.status
            ));
        elsif exists (
            select from public.money_requests r where r.booking_id = new.booking_id and r.answer is null and r.expires_at > now()
        ) then
            perform private.raise_error('request_is_open');
        end if;
        select c.* into v_currency from public.currencies c where c.code = v_booking.currency;
        if new.amount between 1 and v_currency.minimum_charge - 1 then
            perform private.raise_error('request_below_minimum', jsonb_build_object(
                'minimum', v_currency.minimum_charge, 'currency', v_booking.currency
            ));
        elsif new.amount % v_currency.step <> 0 then
            perform private.raise_error('amount_not_in_steps', jsonb_build_object(
                'step', v_currency.step, 'currency', v_booking.currency
            ));
        end if;
    end if;
    return new;
end
$$;
comment on function private.fill_money_request is
    'Trigger: takes parties and currency of a request from its booking, and refuses one that comes too late or beside an open one. Definer, because it locks the booking.';
create trigger _100_fill_money_request before insert on public.money_requests
    for each row execute function private.fill_money_request();
select private.install_row_checks('public.money_requests');

create function private.answer_money_request(p_request_id uuid, p_accept boolean) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_request public.money_requests;
    v_answer public.money_request_answer;
begin
    select r.* into v_request from public.money_requests r
    where r.id = p_request_id and auth.uid() in (r.guest_id, r.host_id);
    if not found then
        perform private.raise_error('money_request_not_found');
    end if;
    v_answer := case when p_accept then 'accepted' when v_request.guest_id = auth.uid() then 'declined' else 'withdrawn' end;
    perform private.lock_booking(v_request.booking_id, now());
    select r.* into v_request from public.money_requests r where r.id = p_request_id for update;
    if p_accept and v_request.guest_id <> auth.uid() then
        perform private.raise_error('money_request_not_yours');
    elsif v_request.answer = v_answer then
        -- a double click
        return;
    elsif v_request.answer is not null or v_request.expires_at <= now() then
        perform private.raise_error('money_request_not_open', jsonb_build_object('answer', coalesce(v_request.answer::text, 'expired')));
    end if;
    update public.money_requests r set answer = v_answer, answered_at = now(), answered_by = auth.uid() where r.id = p_request_id;
    perform private.reconcile_booking_money(v_request.booking_id);
end
$$;
grant execute on function private.answer_money_request to authenticated;
comment on function private.answer_money_request is
    'Accepts, declines or withdraws a request for money as the caller. Definer, because no API role may answer by itself, and money follows.';

create function public.accept_money_request(p_request_id uuid) returns setof public.money_requests
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.answer_money_request(p_request_id, true);
    return query select r.* from public.money_requests r where r.id = p_request_id;
end
$$;
grant execute on function public.accept_money_request to authenticated;
comment on function public.accept_money_request is
    'Accepts the host''s request for money, as the guest: the card that paid the stay is charged, and the guest can also pay it at once by payments. Returns the request.';

create function public.decline_money_request(p_request_id uuid) returns setof public.money_requests
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.answer_money_request(p_request_id, false);
    return query select r.* from public.money_requests r where r.id = p_request_id;
end
$$;
grant execute on function public.decline_money_request to authenticated;
comment on function public.decline_money_request is 'Declines a request for money, as the guest, or withdraws it, as the host. Returns the request.';
