-- Purpose: names of relations in GraphQL, where pg_graphql would derive no name or the same name twice.
-- Touches: comments on foreign keys, and on the tables and views related to a view.
-- Watch: foreign_name is the field of the row with the foreign key, local_name the field of the row that it refers to.

comment on constraint accounts_currency_fkey on public.accounts is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint user_roles_granted_by_fkey on public.user_roles is
    '@graphql({"foreign_name": "grantedByProfile", "local_name": "grantedUserRolesCollection"})';
comment on constraint properties_currency_fkey on public.properties is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint properties_time_zone_fkey on public.properties is '@graphql({"foreign_name": "timeZoneDetails"})';
comment on constraint property_addresses_property_fkey on public.property_addresses is '@graphql({"local_name": "address"})';
comment on constraint property_date_overrides_currency_is_the_propertys on public.property_date_overrides is
    '@graphql({"foreign_name": "property"})';
comment on constraint property_fees_currency_is_the_propertys on public.property_fees is '@graphql({"foreign_name": "property"})';
comment on constraint property_seasons_currency_is_the_propertys on public.property_seasons is
    '@graphql({"foreign_name": "property"})';
comment on constraint property_taxes_currency_is_the_propertys on public.property_taxes is '@graphql({"foreign_name": "property"})';
comment on constraint house_rules_created_by_fkey on public.house_rules is
    '@graphql({"foreign_name": "createdByProfile", "local_name": "createdHouseRulesCollection"})';
comment on constraint co_host_invitations_invited_by_fkey on public.co_host_invitations is
    '@graphql({"foreign_name": "invitedByProfile", "local_name": "sentCoHostInvitationsCollection"})';
comment on constraint host_blocks_created_by_fkey on public.host_blocks is
    '@graphql({"foreign_name": "createdByProfile", "local_name": "createdHostBlocksCollection"})';
comment on constraint own_bookings_created_by_fkey on public.own_bookings is
    '@graphql({"foreign_name": "createdByProfile", "local_name": "createdOwnBookingsCollection"})';
comment on constraint own_bookings_currency_fkey on public.own_bookings is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint overbookings_closed_by_fkey on public.overbookings is
    '@graphql({"foreign_name": "closedByProfile", "local_name": "closedOverbookingsCollection"})';
comment on constraint overbookings_reopened_by_fkey on public.overbookings is
    '@graphql({"foreign_name": "reopenedByProfile", "local_name": "reopenedOverbookingsCollection"})';
comment on constraint booking_alterations_currency_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint booking_alterations_proposed_by_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "proposedByProfile", "local_name": "proposedAlterationsCollection"})';
comment on constraint booking_alterations_answered_by_fkey on public.booking_alterations is
    '@graphql({"foreign_name": "answeredByProfile", "local_name": "answeredAlterationsCollection"})';
comment on constraint cancellations_currency_fkey on public.cancellations is '@graphql({"foreign_name": "currencyDetails"})';

comment on constraint disputes_currency_fkey on public.disputes is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint orphans_currency_fkey on public.orphans is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint orphans_resolved_by_fkey on public.orphans is
    '@graphql({"foreign_name": "resolver", "local_name": "resolvedOrphansCollection"})';
comment on constraint payments_currency_fkey on public.payments is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint refunds_currency_fkey on public.refunds is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint refunds_made_by_fkey on public.refunds is
    '@graphql({"foreign_name": "maker", "local_name": "madeRefundsCollection"})';
comment on constraint money_requests_currency_fkey on public.money_requests is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint money_requests_host_fkey on public.money_requests is
    '@graphql({"foreign_name": "host", "local_name": "moneyRequestsAsHostCollection"})';
comment on constraint money_requests_guest_fkey on public.money_requests is
    '@graphql({"foreign_name": "guest", "local_name": "moneyRequestsAsGuestCollection"})';
comment on constraint money_requests_answered_by_fkey on public.money_requests is
    '@graphql({"foreign_name": "answeredByProfile", "local_name": "answeredMoneyRequestsCollection"})';
comment on constraint payouts_currency_fkey on public.payouts is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint payouts_sent_currency_fkey on public.payouts is
    '@graphql({"foreign_name": "sentCurrencyDetails", "local_name": "sentPayoutsCollection"})';
comment on constraint payout_accounts_currency_fkey on public.payout_accounts is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint exchange_rates_from_fkey on public.exchange_rates is
    '@graphql({"foreign_name": "fromCurrencyDetails", "local_name": "ratesFromCollection"})';
comment on constraint exchange_rates_to_fkey on public.exchange_rates is
    '@graphql({"foreign_name": "toCurrencyDetails", "local_name": "ratesToCollection"})';
comment on constraint exchange_rates_set_by_fkey on public.exchange_rates is
    '@graphql({"foreign_name": "setter", "local_name": "exchangeRatesSetCollection"})';
comment on constraint payout_holds_held_by_fkey on public.payout_holds is
    '@graphql({"foreign_name": "holder", "local_name": "heldPayoutsCollection"})';
comment on constraint payout_accounts_profile_fkey on public.payout_accounts is '@graphql({"local_name": "payoutAccount"})';

comment on constraint notifications_kind_fkey on public.notifications is '@graphql({"foreign_name": "kindDetails"})';
comment on constraint notification_settings_time_zone_fkey on public.notification_settings is
    '@graphql({"foreign_name": "timeZoneDetails"})';
comment on constraint notification_settings_profile_fkey on public.notification_settings is
    '@graphql({"local_name": "notificationSettings"})';

comment on constraint review_notes_review_fkey on public.review_notes is '@graphql({"local_name": "note"})';
comment on constraint property_ratings_property_fkey on public.property_ratings is '@graphql({"local_name": "rating"})';
comment on constraint reviews_author_fkey on public.reviews is
    '@graphql({"foreign_name": "author", "local_name": "writtenReviewsCollection"})';
comment on constraint reviews_subject_fkey on public.reviews is
    '@graphql({"foreign_name": "subject", "local_name": "receivedReviewsCollection"})';

comment on constraint threads_guest_fkey on public.threads is
    '@graphql({"foreign_name": "guest", "local_name": "threadsAsGuestCollection"})';
comment on constraint threads_host_fkey on public.threads is
    '@graphql({"foreign_name": "host", "local_name": "threadsAsHostCollection"})';
comment on constraint blocked_profiles_blocker_fkey on public.blocked_profiles is
    '@graphql({"foreign_name": "blocker", "local_name": "blocksMadeCollection"})';
comment on constraint blocked_profiles_blocked_fkey on public.blocked_profiles is
    '@graphql({"foreign_name": "blocked", "local_name": "blocksReceivedCollection"})';

comment on constraint wishlist_items_added_by_fkey on public.wishlist_items is
    '@graphql({"foreign_name": "adder", "local_name": "addedWishlistItemsCollection"})';
comment on constraint wishlist_shares_wishlist_fkey on public.wishlist_shares is '@graphql({"local_name": "share"})';

comment on constraint reports_reporter_fkey on public.reports is
    '@graphql({"foreign_name": "reporter", "local_name": "reportsMadeCollection"})';
comment on constraint reports_resolved_by_fkey on public.reports is
    '@graphql({"foreign_name": "resolver", "local_name": "reportsResolvedCollection"})';
comment on constraint suspensions_profile_fkey on public.suspensions is
    '@graphql({"foreign_name": "profile", "local_name": "suspensionsCollection"})';
comment on constraint suspensions_suspended_by_fkey on public.suspensions is
    '@graphql({"foreign_name": "suspender", "local_name": "suspensionsMadeCollection"})';

-- Views have no foreign keys, so the comments declare those from and to a view. The lines of a booking have functions in both
-- directions instead, because a declared key shows no rows that the same statement inserts.
do $$
declare
    v_relation record;
begin
    for v_relation in
        select r.kind, r.name, r.keys
        from (values
            ('view', 'bookings', '[
                {"local_columns": ["property_id"], "local_name": "bookingsCollection",
                 "foreign_schema": "public", "foreign_table": "properties", "foreign_columns": ["id"], "foreign_name": "property"},
                {"local_columns": ["guest_id"], "local_name": "bookingsAsGuestCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "guest"},
                {"local_columns": ["host_id"], "local_name": "bookingsAsHostCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "host"}
            ]'::jsonb),
            ('view', 'host_statement', '[
                {"local_columns": ["host_id"], "local_name": "statementCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "host"},
                {"local_columns": ["booking_id"], "local_name": "hostStatementCollection",
                 "foreign_schema": "public", "foreign_table": "bookings", "foreign_columns": ["id"], "foreign_name": "booking"}
            ]'),
            ('view', 'messages', '[
                {"local_columns": ["thread_id"], "local_name": "messagesCollection",
                 "foreign_schema": "public", "foreign_table": "threads", "foreign_columns": ["id"], "foreign_name": "thread"},
                {"local_columns": ["sender_id"], "local_name": "messagesCollection",
                 "foreign_schema": "public", "foreign_table": "profiles", "foreign_columns": ["id"], "foreign_name": "sender"}
            ]')
        ) as r (kind, name, keys)
        union all
        select
            b.kind, b.name,
            jsonb_build_array(jsonb_build_object(
                'local_columns', array['booking_id'], 'local_name', b.local_name,
                'foreign_schema', 'public', 'foreign_table', 'bookings', 'foreign_columns', array['id'], 'foreign_name', 'booking'
            ))
        from (values
            ('table', 'booking_alterations', 'alterationsCollection'),
            ('table', 'cancellations', 'cancellation'),
            ('table', 'occupancies', 'occupanciesCollection'),
            ('table', 'payments', 'paymentsCollection'),
            ('table', 'refunds', 'refundsCollection'),
            ('table', 'money_requests', 'moneyRequestsCollection'),
            ('table', 'disputes', 'disputesCollection'),
            ('table', 'payouts', 'payoutsCollection'),
            ('table', 'payout_holds', 'payoutHoldsCollection'),
            ('view', 'booking_money', 'moneyCollection'),
            ('table', 'reviews', 'reviewsCollection'),
            ('table', 'threads', 'thread'),
            ('table', 'notifications', 'notificationsCollection'),
            ('table', 'orphans', 'orphansCollection'),
            ('table', 'overbookings', 'overbookingsCollection')
        ) as b (kind, name, local_name)
    loop
        execute format(
            'comment on %s public.%I is %L', v_relation.kind, v_relation.name,
            (
                select format(
                    e'%s\n@graphql(%s)', regexp_replace(c.words, '\s*@graphql\(.+\)\s*', ''),
                    coalesce(substring(c.words from '@graphql\((.+)\)')::jsonb, '{}')
                        || jsonb_build_object('foreign_keys', v_relation.keys)
                )
                from (values (obj_description(format('public.%I', v_relation.name)::regclass, 'pg_class'))) as c (words)
            )
        );
    end loop;
end
$$;
