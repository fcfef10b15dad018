-- Purpose: GraphQL names for the relations of payments, reviews, messages, notifications, wishlists and moderation, where the
-- column's own name makes none or two would be the same.
-- Touches: comments on foreign keys.

comment on constraint disputes_currency_fkey on public.disputes is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint payments_currency_fkey on public.payments is '@graphql({"foreign_name": "currencyDetails"})';
comment on constraint refunds_currency_fkey on public.refunds is '@graphql({"foreign_name": "currencyDetails"})';
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
