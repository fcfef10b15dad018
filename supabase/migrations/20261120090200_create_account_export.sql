-- Purpose: exports everything about a person as JSON.
-- Touches: public.export_my_data; a private function for each part of it.
-- Watch: the parts read as the caller, under row level security; only private.my_identity is a definer. pgTAP 07610 fails when a
-- column that names people is neither exported nor excepted.

create function private.my_identity() returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'email', u.email,
        'email_confirmed_at', u.email_confirmed_at,
        'created_at', u.created_at,
        'last_sign_in_at', u.last_sign_in_at,
        'metadata', u.raw_user_meta_data,
        'providers', u.raw_app_meta_data -> 'providers'
    )
    from auth.users u
    where u.id = auth.uid()
$$;
grant execute on function private.my_identity to authenticated;
comment on function private.my_identity is
    'Returns what Auth stores about the caller, without secrets. Definer, because no API role may read auth.users.';

create function private.my_files() returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'kind', f.kind, 'bucket', k.bucket, 'path', f.path, 'content_type', f.content_type, 'bytes', f.bytes, 'created_at', f.created_at
    ) order by f.created_at, f.id), '[]')
    from private.files f
    join private.file_kinds k using (kind)
    where f.owner_id = auth.uid() and f.status = 'ready'
$$;
grant execute on function private.my_files to authenticated;
comment on function private.my_files is 'Returns the files of the caller. Definer, because no API role may read private.files.';

create function private.export_account() returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_id uuid := auth.uid();
begin
    if v_id is null then
        perform private.raise_error('not_signed_in');
    end if;
    return jsonb_build_object(
        'exported_at', now(),
        'kept_after_deletion', jsonb_build_array(
            'Payments, refunds, payouts and ledger entries, under the name "Deleted account": tax law asks for them.',
            'At Stripe: charges, and the account that received payouts with the identity that the law asks for. The customer and the cards are deleted.',
            'Bookings, published reviews and messages, under the name "Deleted account": they belong to the other side, too.'
        ),
        'identity', private.my_identity(),
        'profile', (select to_jsonb(p) from public.profiles p where p.id = v_id),
        'account', (select to_jsonb(a) from public.accounts a where a.id = v_id),
        'roles', (select coalesce(jsonb_agg(to_jsonb(r) - 'user_id'), '[]') from public.user_roles r where r.user_id = v_id),
        'files', private.my_files()
    );
end
$$;
grant execute on function private.export_account to authenticated;
comment on function private.export_account is 'Exports identity, profile, account, roles and files of the caller. Reads as the caller.';

create function private.export_hosting() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'properties', (
            select coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object(
                'address', (select to_jsonb(a) from public.property_addresses a where a.property_id = p.id),
                'amenities', (select coalesce(jsonb_agg(a.amenity_id order by a.amenity_id), '[]') from public.property_amenities a where a.property_id = p.id),
                'photos', (select coalesce(jsonb_agg(to_jsonb(f) order by f.position, f.id), '[]') from public.property_photos f where f.property_id = p.id),
                'house_rules', (select coalesce(jsonb_agg(to_jsonb(h) order by h.version), '[]') from public.house_rules h where h.property_id = p.id),
                'seasons', (select coalesce(jsonb_agg(to_jsonb(s) order by s.starts_on), '[]') from public.property_seasons s where s.property_id = p.id),
                'date_overrides', (select coalesce(jsonb_agg(to_jsonb(d) order by d.starts_on), '[]') from public.property_date_overrides d where d.property_id = p.id),
                'availability_rules', (select coalesce(jsonb_agg(to_jsonb(r) order by r.starts_on), '[]') from public.property_availability_rules r where r.property_id = p.id),
                'units', (select coalesce(jsonb_agg(to_jsonb(u) order by u.created_at, u.id), '[]') from public.units u where u.property_id = p.id),
                'fees', (select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at, f.id), '[]') from public.property_fees f where f.property_id = p.id),
                'taxes', (select coalesce(jsonb_agg(to_jsonb(t) order by t.created_at, t.id), '[]') from public.property_taxes t where t.property_id = p.id),
                'co_hosts', (select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.profile_id), '[]') from public.co_hosts c where c.property_id = p.id)
            ) order by p.created_at, p.id), '[]')
            from public.properties p
            where p.host_id = auth.uid()
        ),
        'cancellation_policies', (
            select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.id), '[]')
            from public.cancellation_policies c
            where c.host_id = auth.uid()
        ),
        'co_hosting', (
            select coalesce(jsonb_agg(to_jsonb(c) order by c.created_at, c.property_id), '[]')
            from public.co_hosts c
            where c.profile_id = auth.uid()
        ),
        'co_host_invitations', (
            select coalesce(jsonb_agg(to_jsonb(i) order by i.created_at, i.id), '[]')
            from public.co_host_invitations i
            where i.invited_by = auth.uid() or i.email = private.my_confirmed_email()
        ),
        'calendar_blocks', (
            select coalesce(jsonb_agg(to_jsonb(h) - 'created_by' order by h.check_in, h.id), '[]')
            from public.host_blocks h where h.created_by = auth.uid()
        ),
        'own_bookings', (
            select coalesce(jsonb_agg(to_jsonb(o) - 'created_by' order by o.check_in, o.id), '[]')
            from public.own_bookings o
            where
                o.created_by = auth.uid()
                or o.property_id = any (array(select p.id from public.properties p where p.host_id = auth.uid()))
        ),
        'calendar_feeds', (
            select coalesce(jsonb_agg(to_jsonb(f) order by f.created_at, f.id), '[]')
            from public.calendar_feeds f
            where f.property_id = any (array(select p.id from public.properties p where p.host_id = auth.uid()))
        ),
        'overbookings', (
            select coalesce(jsonb_agg(to_jsonb(o) order by o.opened_at, o.id), '[]')
            from public.overbookings o
            where o.property_id = any (array(select p.id from public.properties p where p.host_id = auth.uid()))
        )
    )
$$;
grant execute on function private.export_hosting to authenticated;
comment on function private.export_hosting is 'Exports properties with their details, calendar blocks, own bookings, feeds and overbookings, cancellation policies and co-hosting of the caller. Reads as the caller.';

create function private.export_bookings() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'bookings', coalesce(jsonb_agg(
            to_jsonb(b) || jsonb_build_object(
                'line_items', (
                    select coalesce(jsonb_agg(to_jsonb(i) - 'booking_id' order by i.position), '[]')
                    from public.booking_line_items i
                    where i.booking_id = b.id
                ),
                'alterations', (
                    select coalesce(jsonb_agg(to_jsonb(a) - 'booking_id' order by a.created_at, a.id), '[]')
                    from public.booking_alterations a
                    where a.booking_id = b.id
                ),
                'cancellation', (select to_jsonb(c) - 'booking_id' from public.cancellations c where c.booking_id = b.id)
            )
            order by b.created_at, b.id
        ), '[]')
    )
    from public.bookings b
    where auth.uid() in (b.guest_id, b.host_id)
$$;
grant execute on function private.export_bookings to authenticated;
comment on function private.export_bookings is 'Exports the bookings of the caller, as guest and as host. Reads as the caller.';

create function private.export_money() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'payments', (
            select coalesce(jsonb_agg(
                to_jsonb(p) || jsonb_build_object('refunds', (
                    select coalesce(jsonb_agg(to_jsonb(r) - array['payment_id', 'made_by'] order by r.created_at, r.id), '[]')
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
        'refunds_borne', (
            select coalesce(jsonb_agg(to_jsonb(r) - array['payment_id', 'made_by'] order by r.created_at, r.id), '[]')
            from public.refunds r
            join private.bookings b on b.id = r.booking_id
            where r.borne_by = 'host' and b.host_id = auth.uid()
        ),
        'money_requests', (
            select coalesce(jsonb_agg(to_jsonb(q) - 'answered_by' order by q.created_at, q.id), '[]')
            from public.money_requests q where auth.uid() in (q.guest_id, q.host_id)
        ),
        'payouts', (select coalesce(jsonb_agg(to_jsonb(p) order by p.created_at, p.id), '[]') from public.payouts p where p.host_id = auth.uid()),
        'payout_account', (select to_jsonb(a) - 'profile_id' from public.payout_accounts a where a.profile_id = auth.uid()),
        'ledger', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'account', e.purpose, 'currency', e.currency, 'booking_id', e.booking_id, 'occurred_at', t.occurred_at, 'kind', t.kind,
                'description', t.description, 'amount', -e.amount
            ) order by e.id), '[]')
            from private.ledger_entries e
            join private.ledger_transactions t on t.id = e.transaction_id
            where e.party_id = auth.uid()
        )
    )
$$;
grant execute on function private.export_money to authenticated;
comment on function private.export_money is 'Exports payments, refunds, requests for money, cards, payouts, payout account and ledger entries of the caller. Reads as the caller.';

create function private.export_reviews() returns jsonb
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
        )
    )
$$;
grant execute on function private.export_reviews to authenticated;
comment on function private.export_reviews is 'Exports reviews that the caller wrote or received, and ratings of the caller. Reads as the caller.';

create function private.export_messages() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
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
        )
    )
$$;
grant execute on function private.export_messages to authenticated;
comment on function private.export_messages is 'Exports threads and messages of the caller. Reads as the caller.';

create function private.export_notifications() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'notifications', (
            select coalesce(jsonb_agg(to_jsonb(n) - 'recipient_id' order by n.created_at, n.id), '[]')
            from public.notifications n where n.recipient_id = auth.uid()
        ),
        'notification_preferences', (
            select coalesce(jsonb_agg(to_jsonb(p) - 'profile_id' order by p.topic), '[]')
            from public.notification_preferences p where p.profile_id = auth.uid()
        ),
        'quiet_hours', (select to_jsonb(s) - 'profile_id' from public.notification_settings s where s.profile_id = auth.uid()),
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
        )
    )
$$;
grant execute on function private.export_notifications to authenticated;
comment on function private.export_notifications is 'Exports notifications, their settings and webhook endpoints of the caller. Reads as the caller.';

create function private.export_wishlists() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
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
        )
    )
$$;
grant execute on function private.export_wishlists to authenticated;
comment on function private.export_wishlists is 'Exports the wishlists of the caller, and those that the caller is a member of. Reads as the caller.';

create function private.export_moderation() returns jsonb
language sql stable
set search_path = ''
as $$
    select jsonb_build_object(
        'blocked_profiles', (select coalesce(jsonb_agg(to_jsonb(b) - 'blocker_id' order by b.created_at), '[]') from public.blocked_profiles b),
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
grant execute on function private.export_moderation to authenticated;
comment on function private.export_moderation is 'Exports blocked profiles, reports and suspensions of the caller. Reads as the caller.';

create function public.export_my_data() returns jsonb
language sql stable
set search_path = ''
as $$
    select
        private.export_account() || private.export_hosting() || private.export_bookings() || private.export_money()
        || private.export_reviews() || private.export_messages() || private.export_notifications() || private.export_wishlists()
        || private.export_moderation()
$$;
grant execute on function public.export_my_data to authenticated;
comment on function public.export_my_data is
    'Exports everything about the caller as JSON (GDPR, article 20). Reads as the caller, so it contains nothing that the caller may not read.';
