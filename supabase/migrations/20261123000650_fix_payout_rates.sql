-- Purpose: fixing, when a booking is made, in which currency and at which rate its host is paid.
-- Touches: trigger on private.bookings.
-- Watch: the rate is that of the quote that was booked by; what is booked without one takes the rate of now.

create function private.fix_payout_rate() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    select r.to_currency, r.rate into new.payout_currency, new.payout_rate
    from public.payout_accounts a
    join public.exchange_rates r on r.from_currency = new.currency and r.to_currency = a.currency
    where
        a.profile_id = new.host_id
        and r.valid_from <= coalesce(private.quote_expires_at(new.quote_id) - private.duration('quote_validity'), now())
    order by r.valid_from desc
    limit 1;
    return new;
end
$$;
comment on function private.fix_payout_rate is
    'Trigger: a booking keeps the currency of its host''s account and the rate of its quote. Definer, because it reads the host''s account for a guest.';
create trigger fix_payout_rate before insert on private.bookings for each row execute function private.fix_payout_rate();
