-- Purpose: what money means for people who take their data along, or leave.
-- Touches: public.export_my_data, private.departure_obstacles, a trigger on auth.users.
-- Watch: the ledger, payments and payouts stay when a person leaves; only cards are forgotten, here and at Stripe.

alter function private.departure_obstacles(uuid) rename to open_stays;
comment on function private.open_stays(uuid) is 'What of properties and bookings keeps a person from deleting their account. Called by departure_obstacles.';

create function private.departure_obstacles(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select o.code, o.message, o.id from private.open_stays(p_person) o
    union all
    (
        select 'open_refund', format('A refund for "%s" is on its way to you.', b.property_title), r.id
        from public.refunds r
        join private.bookings b on b.id = r.booking_id
        where b.guest_id = p_person and r.status = 'pending'
        order by r.created_at, r.id
    )
    union all
    (
        select
            'open_payout', format(case when d.due > 0 then 'You are still to be paid for "%s".' else 'You owe something for "%s".' end, d.property_title),
            d.id
        from (
            select b.id, b.property_title, b.created_at, private.payout_room(b, private.paid_part(b)) as due
            from private.bookings b
            where b.host_id = p_person and b.status in ('completed', 'cancelled', 'no_show')
        ) d
        where d.due <> 0
        order by d.created_at, d.id
    )
    union all
    (
        select 'open_payout', format('A payout for "%s" is on its way to you.', b.property_title), p.id
        from public.payouts p
        join private.bookings b on b.id = p.booking_id
        where p.host_id = p_person and p.status = 'pending'
        order by p.created_at, p.id
    )
$$;
revoke execute on function private.departure_obstacles(uuid) from public;
comment on function private.departure_obstacles(uuid) is
    'What keeps a person from deleting their account; no row when nothing does. Called by refuse_departure.';

create function private.forget_cards() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from public.payment_methods m where m.profile_id = old.id;
    return null;
end
$$;
revoke execute on function private.forget_cards() from public;
comment on function private.forget_cards() is
    'Trigger on auth.users: forgets the cards of a person who leaves. Definer, because it runs as Auth''s role or as the deleting person.';
create trigger forget_cards after delete on auth.users for each row execute function private.forget_cards();

alter function public.export_my_data() set schema private;
alter function private.export_my_data() rename to export_stays;
comment on function private.export_stays() is 'Account, properties and bookings of the caller. Called by export_my_data; reads as the caller.';

create function private.export_money() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'payments', (
            select coalesce(jsonb_agg(to_jsonb(p) - 'guest_id' order by p.created_at, p.id), '[]') from public.payments p where p.guest_id = auth.uid()
        ),
        'refunds', (
            select coalesce(jsonb_agg(to_jsonb(r) order by r.created_at, r.id), '[]')
            from public.refunds r
            where r.payment_id in (select p.id from public.payments p where p.guest_id = auth.uid())
        ),
        'payment_methods', (select coalesce(jsonb_agg(to_jsonb(m) - 'profile_id' order by m.created_at, m.id), '[]') from public.payment_methods m),
        'payout_account', (select to_jsonb(a) - 'profile_id' from public.payout_accounts a where a.profile_id = auth.uid()),
        'payouts', (select coalesce(jsonb_agg(to_jsonb(p) - 'host_id' order by p.created_at, p.id), '[]') from public.payouts p where p.host_id = auth.uid()),
        'host_statement', (
            select coalesce(jsonb_agg(to_jsonb(s) - 'host_id' order by s.id), '[]') from public.host_statement s where s.host_id = auth.uid()
        )
    )
$$;
revoke execute on function private.export_money() from public;
grant execute on function private.export_money() to authenticated;
comment on function private.export_money() is 'Payments, cards, payouts and statement of the caller. Called by export_my_data; reads as the caller.';

create function public.export_my_data() returns jsonb
language sql stable
set search_path = ''
as $$
    select private.export_stays() || private.export_money()
$$;
revoke execute on function public.export_my_data() from public;
grant execute on function public.export_my_data() to authenticated;
comment on function public.export_my_data() is 'Everything about the caller as JSON (GDPR, article 20). Reads as the caller, so it cannot hold what is not theirs.';
