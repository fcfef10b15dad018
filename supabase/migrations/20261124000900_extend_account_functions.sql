-- Purpose: what money, reviews, notifications, messages, wishlists and webhooks mean for people who take their data along, or leave.
-- Touches: public.export_my_data, private.departure_obstacles, open_money, a trigger on auth.users.
-- Watch: both functions wrap the one that stood before, whatever earlier migrations put into it.

alter function private.departure_obstacles(uuid) rename to open_business;
comment on function private.open_business is 'What of properties and bookings keeps a person from deleting their account. Called by departure_obstacles.';

create function private.open_money(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select 'open_payment', format('A payment for "%s" is being processed.', b.property_title), p.id
    from public.payments p
    join private.bookings b on b.id = p.booking_id
    where p.guest_id = p_person and p.status in ('processing', 'authorized')
    union all
    select 'open_refund', format('A refund for "%s" is on its way.', b.property_title), b.id
    from private.bookings b
    where
        b.guest_id = p_person
        and (
            private.ledger_balance('guest', p_person, b.currency, b.id) < 0
            or exists (select from public.refunds r where r.booking_id = b.id and r.status = 'pending')
        )
    union all
    (
        select
            case when sum(e.amount) < 0 then 'open_payout' else 'open_debt' end,
            format(case when sum(e.amount) < 0 then 'You have not been paid all of "%s".' else 'You owe money of "%s".' end, b.property_title),
            b.id
        from private.ledger_accounts a
        join private.ledger_entries e on e.account_id = a.id
        join private.bookings b on b.id = e.booking_id
        where a.party_id = p_person and a.purpose = 'host_payable'
        group by b.id, b.property_title
        having sum(e.amount) <> 0 or exists (select from public.payouts y where y.booking_id = b.id and y.status = 'pending')
        order by b.id
    )
    union all
    select 'open_dispute', format('A guest''s bank disputes a payment for "%s".', b.property_title), b.id
    from public.disputes d
    join private.bookings b on b.id = d.booking_id
    where p_person in (b.guest_id, b.host_id) and d.status not in ('won', 'lost', 'warning_closed')
$$;
comment on function private.open_money is 'What of money keeps a person from deleting their account. Called by departure_obstacles.';

create function private.departure_obstacles(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select o.code, o.message, o.id from private.open_business(p_person) o
    union all
    select o.code, o.message, o.id from private.open_money(p_person) o
    union all
    (
        select
            'open_review_window',
            format('The stay at "%s" until %s can be reviewed until %s.', b.property_title, b.check_out, private.review_window_ends_at(b)),
            b.id
        from private.bookings b
        where
            p_person in (b.guest_id, b.host_id) and b.status in ('confirmed', 'completed') and b.check_out_at <= now()
            and b.check_out_at > now() - private.duration('review_window') - interval '1 day'
            and private.review_window_ends_at(b) > now()
            -- both are in: there is nothing more to write
            and not exists (select from public.reviews r where r.booking_id = b.id and r.publishes_at <= now())
        order by b.check_out, b.id
    )
$$;
comment on function private.departure_obstacles is
    'What keeps a person from deleting their account; no row when nothing does. Called by refuse_departure.';

create function private.forget_correspondence() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from public.notifications n where n.recipient_id = old.id;
    delete from public.notification_preferences p where p.profile_id = old.id;
    delete from public.notification_settings s where s.profile_id = old.id;
    delete from public.wishlists w where w.owner_id = old.id;
    delete from public.wishlist_members m where m.profile_id = old.id;
    delete from public.webhook_endpoints e where e.owner_id = old.id;
    delete from public.blocks b where old.id in (b.blocker_id, b.blocked_id);
    delete from public.thread_reads r where r.profile_id = old.id;
    delete from private.bounced_addresses b where b.email = lower(old.email);
    delete from public.payment_methods m where m.profile_id = old.id;
    delete from private.stripe_customers c where c.profile_id = old.id;
    delete from public.payout_accounts a where a.profile_id = old.id;
    delete from public.host_blocks h using public.properties p where p.id = h.property_id and p.host_id = old.id;
    update public.wishlist_items i set note = '' where i.added_by = old.id;
    -- what others were told keeps no name
    update public.notifications n set data = n.data || jsonb_build_object(c.name, 'Deleted account')
    from private.bookings b
    cross join lateral (select case when b.guest_id = old.id then 'guest_name' else 'host_name' end as name) c
    where old.id in (b.guest_id, b.host_id) and n.booking_id = b.id and n.data ? c.name;
    update public.notifications n set data = n.data || '{"sender_name": "Deleted account"}'
    from public.messages m
    where m.sender_id = old.id and n.kind = 'message_received' and n.dedupe_key = 'message:' || m.id;
    return null;
end
$$;
comment on function private.forget_correspondence is
    'Trigger on auth.users: deletes what only the person used, and their name from what others were told. Ledger, payments, published reviews and messages stay with those who read them, under the name "Deleted account"; files go with forget_person. Definer, because it runs as Auth''s role or as the deleting person.';
create trigger forget_correspondence after delete on auth.users for each row execute function private.forget_correspondence();

alter function public.export_my_data() set schema private;
alter function private.export_my_data() rename to export_business;
comment on function private.export_business is 'Account, properties and bookings of the caller. Called by export_my_data; reads as the caller.';

create function private.export_money() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'payments', (
            select coalesce(jsonb_agg(
                to_jsonb(p) || jsonb_build_object('refunds', (
                    select coalesce(jsonb_agg(to_jsonb(r) - 'payment_id' order by r.created_at, r.id), '[]')
                    from public.refunds r
                    where r.payment_id = p.id
                ))
                order by p.created_at, p.id
            ), '[]')
            from public.payments p where p.guest_id = auth.uid()
        ),
        'payment_methods', (
            select coalesce(jsonb_agg(to_jsonb(m) - 'profile_id' order by m.created_at, m.id), '[]')
            from public.payment_methods m where m.profile_id = auth.uid()
        ),
        'payouts', (select coalesce(jsonb_agg(to_jsonb(p) order by p.created_at, p.id), '[]') from public.payouts p where p.host_id = auth.uid()),
        'payout_account', (select to_jsonb(a) - 'profile_id' from public.payout_accounts a where a.profile_id = auth.uid()),
        'ledger', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'account', a.purpose, 'currency', a.currency, 'booking_id', e.booking_id, 'occurred_at', t.occurred_at, 'kind', t.kind,
                'description', t.description, 'amount', -e.amount
            ) order by e.id), '[]')
            from private.ledger_accounts a
            join private.ledger_entries e on e.account_id = a.id
            join private.ledger_transactions t on t.id = e.transaction_id
            where a.party_id = auth.uid()
        )
    )
$$;
grant execute on function private.export_money to authenticated;
comment on function private.export_money is 'Payments, cards, refunds, payouts and account lines of the caller. Called by export_my_data; reads as the caller.';

create function private.export_correspondence() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'reviews_written', (
            select coalesce(jsonb_agg(
                to_jsonb(r) || jsonb_build_object('note', (select n.note from public.review_notes n where n.review_id = r.id))
                order by r.created_at, r.id
            ), '[]')
            from public.reviews r where r.author_id = auth.uid()
        ),
        'ratings', (
            select coalesce(jsonb_agg(to_jsonb(r) - 'profile_id' order by r.rated_as), '[]')
            from public.profile_ratings r where r.profile_id = auth.uid()
        ),
        'reviews_received', (
            select coalesce(jsonb_agg(
                to_jsonb(r) || jsonb_build_object('note', (select n.note from public.review_notes n where n.review_id = r.id))
                order by r.created_at, r.id
            ), '[]')
            from public.reviews r where r.subject_id = auth.uid()
        ),
        'threads', (
            select coalesce(jsonb_agg(
                to_jsonb(t) || jsonb_build_object(
                    'messages', (
                        select coalesce(jsonb_agg(to_jsonb(m) - 'thread_id' order by m.created_at, m.id), '[]')
                        from public.messages m
                        where m.thread_id = t.id
                    ),
                    'read_at', (select r.read_at from public.thread_reads r where r.thread_id = t.id and r.profile_id = auth.uid())
                )
                order by t.created_at, t.id
            ), '[]')
            from public.threads t where auth.uid() in (t.guest_id, t.host_id)
        ),
        'messages_as_co_host', (
            select coalesce(jsonb_agg(to_jsonb(m) order by m.created_at, m.id), '[]')
            from public.messages m
            join public.threads t on t.id = m.thread_id
            where m.sender_id = auth.uid() and auth.uid() not in (t.guest_id, t.host_id)
        ),
        'notifications', (
            select coalesce(jsonb_agg(to_jsonb(n) - 'recipient_id' order by n.created_at, n.id), '[]')
            from public.notifications n where n.recipient_id = auth.uid()
        ),
        'notification_preferences', (
            select coalesce(jsonb_agg(to_jsonb(p) - 'profile_id' order by p.topic), '[]')
            from public.notification_preferences p where p.profile_id = auth.uid()
        ),
        'quiet_hours', (select to_jsonb(s) - 'profile_id' from public.notification_settings s where s.profile_id = auth.uid()),
        'wishlists', (
            select coalesce(jsonb_agg(
                to_jsonb(w) || jsonb_build_object(
                    'items', (
                        select coalesce(jsonb_agg(to_jsonb(i) - 'wishlist_id' order by i.created_at, i.property_id), '[]')
                        from public.wishlist_items i
                        where i.wishlist_id = w.id
                    ),
                    'members', (
                        select coalesce(jsonb_agg(m.profile_id order by m.created_at, m.profile_id), '[]')
                        from public.wishlist_members m
                        where m.wishlist_id = w.id
                    ),
                    'link', (select s.token from public.wishlist_shares s where s.wishlist_id = w.id)
                )
                order by w.created_at, w.id
            ), '[]')
            from public.wishlists w
        ),
        'calendar_blocks', (
            select coalesce(jsonb_agg(to_jsonb(h) - 'created_by' order by h.check_in, h.id), '[]')
            from public.host_blocks h where h.created_by = auth.uid()
        ),
        'webhook_endpoints', (
            select coalesce(jsonb_agg(
                to_jsonb(e) - 'owner_id' || jsonb_build_object('deliveries', (
                    select coalesce(jsonb_agg(to_jsonb(d) - 'endpoint_id' order by d.created_at, d.id), '[]')
                    from public.webhook_deliveries d
                    where d.endpoint_id = e.id
                ))
                order by e.created_at, e.id
            ), '[]')
            from public.webhook_endpoints e
        ),
        'blocks', (select coalesce(jsonb_agg(to_jsonb(b) - 'blocker_id' order by b.created_at), '[]') from public.blocks b),
        'reports', (
            select coalesce(jsonb_agg(to_jsonb(r) - 'resolved_by' order by r.created_at, r.id), '[]')
            from public.reports r where r.reporter_id = auth.uid()
        ),
        'suspensions', (
            select coalesce(jsonb_agg(to_jsonb(s) - 'suspended_by' order by s.created_at, s.id), '[]')
            from public.suspensions s where s.profile_id = auth.uid()
        )
    )
$$;
grant execute on function private.export_correspondence to authenticated;
comment on function private.export_correspondence is
    'Reviews, messages, notifications, wishlists, calendar blocks, webhooks, reports of the caller. Called by export_my_data; reads as the caller.';

create function public.export_my_data() returns jsonb
language sql stable
set search_path = ''
as $$
    select private.export_business() || private.export_money() || private.export_correspondence()
$$;
grant execute on function public.export_my_data to authenticated;
comment on function public.export_my_data is 'Everything about the caller as JSON (GDPR, article 20). Reads as the caller, so it cannot hold what is not theirs.';
