-- The privileges of our schemas, one by one: who may call which function, write which columns, read which view. Read from
-- the catalogue, so that a new function, column or view fails here until it is named.
begin;
select plan(13);

create temporary view our_schemas as
select n.oid, n.nspname as name
from pg_namespace n
where n.nspname in ('public', 'private', 'graphql_shapes');

create temporary view grants as
select c.relkind, n.name as schema, c.relname as name, null as column_name, g.grantee, g.privilege_type
from our_schemas n
join pg_class c on c.relnamespace = n.oid
cross join aclexplode(c.relacl) g
where g.grantee <> c.relowner
union all
select c.relkind, n.name, c.relname, a.attname, g.grantee, g.privilege_type
from our_schemas n
join pg_class c on c.relnamespace = n.oid
join pg_attribute a on a.attrelid = c.oid
cross join aclexplode(a.attacl) g
where g.grantee <> c.relowner;

select is_empty(
    $$select n.nspname from pg_namespace n
      where pg_get_userbyid(n.nspowner) = 'postgres'
          and n.nspname not in (select s.name::text from our_schemas s)
          and n.nspname not in ('extensions', 'pgmq', 'supabase_migrations', 'tests')
      union all
      select p.oid::regprocedure::text from pg_proc p
      where p.pronamespace = 'extensions'::regnamespace and pg_get_userbyid(p.proowner) = 'postgres'
          and p.prorettype <> 'event_trigger'::regtype -- Supabase's own
          and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')$$,
    'P01 no object of ours is in a schema that these tests do not read'
);
select is_empty(
    $$select format('%s.%s %s %s', g.schema, g.name, g.grantee::regrole, g.privilege_type) from grants g
      where g.grantee::regrole::text not in ('anon', 'authenticated', 'service_role')$$,
    'P02 no role except the API roles has a privilege, and PUBLIC has none'
);
select is_empty(
    $$select format('%s.%s %s %s', g.schema, g.name, g.grantee::regrole, g.privilege_type) from grants g
      where g.relkind = 'S' or g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')$$,
    'P03 no API role may truncate, maintain, reference or put a trigger on a table, or use a sequence'
);
select is_empty(
    $$select format('%I.%I', n.name, c.relname) from pg_class c
      join our_schemas n on n.oid = c.relnamespace
      where c.relkind not in ('r', 'p', 'v', 'S', 'i', 'I', 'c')$$,
    'P04 every relation has policies: there is no materialised view and no foreign table'
);
select is_empty(
    $$select p.polrelid::regclass || ' ' || p.polname from pg_policy p
      join pg_class c on c.oid = p.polrelid
      where c.relnamespace = 'storage'::regnamespace and (
          p.polroles = '{0}' or 'anon'::regrole = any (p.polroles)
          or concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) ~ '(?<!SELECT )auth\.\w+\('
      )$$,
    'P05 policies on files name their roles, exclude anon and look up the caller once a statement'
);
select bag_eq(
    $$select (n.name || '.' || p.proname || ' ' || string_agg(g.grantee::regrole::text, ',' order by g.grantee::regrole::text)) collate "default"
      from pg_proc p
      join our_schemas n on n.oid = p.pronamespace
      cross join aclexplode(p.proacl) g
      where n.name <> 'private' and g.grantee <> p.proowner
          and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
      group by n.name, p.oid$$,
    $$values
        ('graphql_shapes.booking authenticated,service_role'),
        ('graphql_shapes.contacts authenticated'),
        ('graphql_shapes.booked_units authenticated,service_role'),
        ('graphql_shapes.choose_unit authenticated,service_role'),
        ('graphql_shapes.count_facets anon,authenticated,service_role'),
        ('graphql_shapes.list_calendar_days anon,authenticated,service_role'),
        ('graphql_shapes.set_days authenticated,service_role'),
        ('graphql_shapes.make_stay_quote anon,authenticated,service_role'),
        ('graphql_shapes.property anon,authenticated,service_role'),
        ('graphql_shapes.property anon,authenticated,service_role'),
        ('graphql_shapes.response anon,authenticated,service_role'),
        ('graphql_shapes.search_found_properties anon,authenticated,service_role'),
        ('graphql_shapes.give_refund authenticated,service_role'),
        ('graphql_shapes.list_host_metrics authenticated,service_role'),
        ('graphql_shapes.list_lost_demand authenticated,service_role'),
        ('graphql_shapes.list_pace authenticated,service_role'),
        ('graphql_shapes.list_simulated_cancellations authenticated,service_role'),
        ('graphql_shapes.list_simulated_prices authenticated,service_role'),
        ('graphql_shapes.send_lost_search anon,authenticated,service_role'),
        ('graphql_shapes.plan_refund authenticated,service_role'),
        ('graphql_shapes.set_bearer authenticated,service_role'),
        ('graphql_shapes.set_review_state authenticated,service_role'),
        ('public.accept_alteration authenticated'),
        ('public.accept_booking authenticated,service_role'),
        ('public.accept_co_host_invitation authenticated'),
        ('public.accept_money_request authenticated'),
        ('public.apply_fraud_warning service_role'),
        ('public.assign_goodwill authenticated,service_role'),
        ('public.decline_money_request authenticated'),
        ('public.keeps_object service_role'),
        ('public.name_file service_role'),
        ('public.preview_refund authenticated,service_role'),
        ('public.refund_booking authenticated,service_role'),
        ('public.apply_account service_role'),
        ('public.apply_dispute service_role'),
        ('public.apply_payment_intent service_role'),
        ('public.apply_refund service_role'),
        ('public.apply_transfer service_role'),
        ('public.archive_property authenticated,service_role'),
        ('public.attach_payment service_role'),
        ('public.audit_trail authenticated,service_role'),
        ('public.begin_internal_run service_role'),
        ('public.begin_payment service_role'),
        ('public.begin_reversal service_role'),
        ('public.begin_transfer service_role'),
        ('public.begin_file service_role'),
        ('public.bookability anon,authenticated,service_role'),
        ('public.booking_contacts authenticated'),
        ('public.booking_line_items authenticated,service_role'),
        ('public.calendar_to_export service_role'),
        ('public.cancel_booking authenticated,service_role'),
        ('public.confirm_booking authenticated,service_role'),
        ('public.count_properties anon,authenticated,service_role'),
        ('public.cover_photo anon,authenticated,service_role'),
        ('public.create_calendar_feed authenticated'),
        ('public.delete_calendar_feed authenticated'),
        ('public.pause_calendar_feed authenticated'),
        ('public.resume_calendar_feed authenticated'),
        ('public.sync_calendar_feed authenticated'),
        ('public.mark_same_guest authenticated'),
        ('public.unmark_same_guest authenticated'),
        ('public.overbooking_alternatives authenticated'),
        ('public.take_due_feeds service_role'),
        ('public.record_feed_sync service_role'),
        ('public.current_house_rules anon,authenticated,service_role'),
        ('public.decline_alteration authenticated'),
        ('public.decline_booking authenticated,service_role'),
        ('public.delete_account authenticated'),
        ('public.end_internal_run service_role'),
        ('public.export_my_data authenticated'),
        ('public.fail_charge service_role'),
        ('public.fail_file service_role'),
        ('public.fail_job service_role'),
        ('public.fail_stripe_task service_role'),
        ('public.fail_refund service_role'),
        ('public.fail_reversal service_role'),
        ('public.fail_transfer service_role'),
        ('public.finish_file service_role'),
        ('public.finish_job service_role'),
        ('public.finish_mail service_role'),
        ('public.finish_stripe_task service_role'),
        ('public.clear_bounce authenticated,service_role'),
        ('public.health service_role'),
        ('public.host_metrics authenticated,service_role'),
        ('public.host_response anon,authenticated,service_role'),
        ('public.job_metrics authenticated,service_role'),
        ('public.join_wishlist authenticated'),
        ('public.keep_internal_run service_role'),
        ('public.lost_demand authenticated,service_role'),
        ('public.mail_to_send service_role'),
        ('public.metrics service_role'),
        ('public.mark_notifications_read authenticated'),
        ('public.mark_thread_read authenticated'),
        ('public.moderate_review authenticated,service_role'),
        ('public.pace authenticated,service_role'),
        ('public.link_properties authenticated,service_role'),
        ('public.set_units authenticated,service_role'),
        ('public.rename_unit authenticated,service_role'),
        ('public.assign_unit authenticated,service_role'),
        ('public.booking_units authenticated,service_role'),
        ('public.unlink_property authenticated,service_role'),
        ('public.pause_property authenticated,service_role'),
        ('public.payment_schedule authenticated,service_role'),
        ('public.pause_operation authenticated,service_role'),
        ('public.periodic_tasks authenticated,service_role'),
        ('public.resume_operation authenticated,service_role'),
        ('public.preview_cancellation authenticated,service_role'),
        ('public.property_calendar anon,authenticated,service_role'),
        ('public.publish_property authenticated,service_role'),
        ('public.quote_stay anon,authenticated,service_role'),
        ('public.reconcile_ledger service_role'),
        ('public.save_orphan_page service_role'),
        ('public.fail_orphan service_role'),
        ('public.sweep_orphans authenticated,service_role'),
        ('public.retention authenticated,service_role'),
        ('public.rebook_orphan authenticated,service_role'),
        ('public.refund_orphan authenticated,service_role'),
        ('public.record_bounce service_role'),
        ('public.record_webhook_attempt service_role'),
        ('public.refuse_payment service_role'),
        ('public.replay_dead_job authenticated,service_role'),
        ('public.replay_dead_jobs authenticated,service_role'),
        ('public.replay_stripe_task authenticated,service_role'),
        ('public.replay_webhook_delivery authenticated'),
        ('public.reply_to_review authenticated'),
        ('public.report_lost_search anon,authenticated,service_role'),
        ('public.report_quote anon,authenticated,service_role'),
        ('public.report_no_show authenticated,service_role'),
        ('public.resolve_report authenticated,service_role'),
        ('public.reveal_calendar_link authenticated'),
        ('public.reveal_webhook_secret authenticated'),
        ('public.rotate_calendar_link authenticated'),
        ('public.rotate_webhook_secret authenticated'),
        ('public.save_customer service_role'),
        ('public.save_payout_account service_role'),
        ('public.search_facets anon,authenticated,service_role'),
        ('public.search_properties anon,authenticated,service_role'),
        ('public.set_calendar authenticated,service_role'),
        ('public.shared_wishlist anon,authenticated'),
        ('public.simulate_policy authenticated,service_role'),
        ('public.simulate_prices authenticated,service_role'),
        ('public.store_stripe_event service_role'),
        ('public.suspend_profile authenticated,service_role'),
        ('public.suspend_property authenticated,service_role'),
        ('public.take_jobs service_role'),
        ('public.take_stripe_tasks service_role'),
        ('public.unread_count authenticated'),
        ('public.unread_notification_count authenticated'),
        ('public.unsubscribe service_role'),
        ('public.unsuspend_profile authenticated,service_role'),
        ('public.unsuspend_property authenticated,service_role'),
        ('public.webhook_to_send service_role')$$,
    'P06 exactly these roles may call these functions'
);
select bag_eq(
    $$select (p.proname || ' ' || string_agg(g.grantee::regrole::text, ',' order by g.grantee::regrole::text)) collate "default"
      from pg_proc p
      cross join aclexplode(p.proacl) g
      where p.pronamespace = 'private'::regnamespace and p.prosecdef and g.grantee <> p.proowner
      group by p.oid$$,
    $$values
        ('accept_co_host_invitation authenticated'),
        ('host_metrics authenticated,service_role'),
        ('lost_demand authenticated,service_role'),
        ('pace authenticated,service_role'),
        ('report_lost_search anon,authenticated,service_role'),
        ('report_quote anon,authenticated,service_role'),
        ('simulate_policy authenticated,service_role'),
        ('simulate_prices authenticated,service_role'),
        ('change_booking_status_as_caller authenticated,service_role'),
        ('propose_alteration_as_caller authenticated'),
        ('answer_alteration_as_caller authenticated'),
        ('answer_money_request authenticated'),
        ('assign_goodwill authenticated,service_role'),
        ('make_refund_as_caller authenticated,service_role'),
        ('preview_refund authenticated,service_role'),
        ('audit_trail authenticated,service_role'),
        ('create_booking_as_caller authenticated'),
        ('create_message_as_caller authenticated'),
        ('end_booking_as_caller authenticated,service_role'),
        ('change_property_status authenticated,service_role'),
        ('calendar_link authenticated'),
        ('change_calendar_feed authenticated'),
        ('create_calendar_feed authenticated'),
        ('mark_same_guest authenticated'),
        ('unmark_same_guest authenticated'),
        ('overbooking_alternatives authenticated'),
        ('check_search anon,authenticated,service_role'),
        ('booking_contacts authenticated'),
        ('problem anon,authenticated,service_role'),
        ('raise_errors anon,authenticated,service_role'),
        ('delete_account authenticated'),
        ('find_properties anon,authenticated,service_role'),
        ('clear_bounce authenticated,service_role'),
        ('host_response anon,authenticated,service_role'),
        ('instalments authenticated,service_role'),
        ('is_operator anon,authenticated,service_role'),
        ('is_paused anon,authenticated,service_role'),
        ('pause_operation authenticated,service_role'),
        ('resume_operation authenticated,service_role'),
        ('job_metrics authenticated,service_role'),
        ('join_wishlist authenticated'),
        ('key_exists authenticated'),
        ('link_properties authenticated,service_role'),
        ('set_units authenticated,service_role'),
        ('rename_unit authenticated,service_role'),
        ('assign_unit authenticated,service_role'),
        ('booking_units authenticated,service_role'),
        ('units_left anon,authenticated,service_role'),
        ('unlink_property authenticated,service_role'),
        ('lines_of_booking authenticated,service_role'),
        ('mark_thread_read authenticated'),
        ('moderate_review authenticated,service_role'),
        ('my_booked_properties authenticated'),
        ('my_confirmed_email authenticated'),
        ('my_identity authenticated'),
        ('my_bookings authenticated,service_role'),
        ('my_own_properties authenticated,service_role'),
        ('my_own_wishlists authenticated'),
        ('my_properties authenticated,service_role'),
        ('my_files authenticated'),
        ('my_threads authenticated'),
        ('messages_of_operator authenticated,service_role'),
        ('my_visible_addresses authenticated'),
        ('my_wishlists authenticated'),
        ('periodic_tasks authenticated,service_role'),
        ('quote_stay anon,authenticated,service_role'),
        ('replay_dead_job authenticated,service_role'),
        ('replay_dead_jobs authenticated,service_role'),
        ('replay_stripe_task authenticated,service_role'),
        ('sweep_orphans authenticated,service_role'),
        ('retention authenticated,service_role'),
        ('rebook_orphan authenticated,service_role'),
        ('refund_orphan authenticated,service_role'),
        ('replay_webhook_delivery authenticated'),
        ('reply_to_review authenticated'),
        ('reported_threads authenticated'),
        ('resolve_report authenticated,service_role'),
        ('shared_wishlist anon,authenticated'),
        ('suspend_profile authenticated,service_role'),
        ('unread_count authenticated'),
        ('unsuspend_profile authenticated,service_role'),
        ('visible_bookability anon,authenticated,service_role'),
        ('set_calendar_as_caller authenticated,service_role'),
        ('visible_calendar anon,authenticated,service_role'),
        ('webhook_secret authenticated')$$,
    'P07 exactly these private functions act with the owner''s rights for an API role'
);
select bag_eq(
    $$select (g.name || ' ' || g.grantee::regrole || ' ' || g.privilege_type || ' ' || string_agg(g.column_name, ', ' order by g.column_name)) collate "default"
      from grants g
      where g.schema = 'public' and g.column_name is not null
      group by g.name, g.grantee, g.privilege_type$$,
    $$values
        ('accounts authenticated INSERT birth_date, currency, id, legal_name, locale, payout_country, phone'),
        ('accounts authenticated UPDATE birth_date, currency, id, legal_name, locale, payout_country, phone'),
        ('accounts service_role UPDATE birth_date, currency, legal_name, locale, payout_country, phone'),
        ('cancellation_policies service_role INSERT host_id, id, name, steps'),
        ('cancellation_policies service_role UPDATE name, steps'),
        ('co_hosts service_role INSERT level, profile_id, property_id'),
        ('co_hosts service_role UPDATE level'),
        ('own_bookings authenticated INSERT channel, check_in, check_out, currency, external_block_id, guest_contact, guest_name, id, is_cancelled, note, origin, price, property_id'),
        ('own_bookings authenticated UPDATE channel, check_in, check_out, currency, external_block_id, guest_contact, guest_name, id, is_cancelled, note, origin, price, property_id'),
        ('own_bookings service_role INSERT channel, check_in, check_out, currency, external_block_id, guest_contact, guest_name, id, is_cancelled, note, origin, price, property_id'),
        ('own_bookings service_role UPDATE channel, check_in, check_out, currency, external_block_id, guest_contact, guest_name, id, is_cancelled, note, origin, price, property_id'),
        ('external_blocks service_role INSERT check_in, check_out, property_id, source, source_id, unit_id'),
        ('external_blocks service_role UPDATE check_in, check_out, property_id, source, source_id, unit_id'),
        ('property_photos service_role INSERT alt_text, external_url, path, position, property_id'),
        ('property_photos service_role UPDATE alt_text, external_url, path, position'),
        ('profiles service_role UPDATE about, avatar_path, display_name, identity_verified, languages'),
        ('user_roles service_role INSERT role, user_id'),
        ('host_blocks service_role INSERT check_in, check_out, id, note, property_id, unit_id'),
        ('host_blocks service_role UPDATE check_in, check_out, id, note, property_id, unit_id'),
        ('property_fees service_role INSERT amount, charge, currency, exempt_under_age, id, kind, name, property_id'),
        ('property_fees service_role UPDATE amount, charge, currency, exempt_under_age, id, kind, name, property_id'),
        ('property_seasons service_role INSERT currency, ends_on, id, max_nights, min_nights, name, price, property_id, '
            || 'starts_on'),
        ('property_seasons service_role UPDATE currency, ends_on, id, max_nights, min_nights, name, price, property_id, '
            || 'starts_on'),
        ('house_rules service_role INSERT additional_rules, children_allowed, commercial_photography_allowed, '
            || 'events_allowed, property_id, quiet_from, quiet_until, smoking_allowed'),
        ('property_date_overrides service_role INSERT currency, ends_on, id, price, property_id, starts_on'),
        ('property_date_overrides service_role UPDATE currency, ends_on, id, price, property_id, starts_on'),
        ('property_taxes service_role INSERT amount, applies_to, charge, currency, exempt_from_nights, exempt_under_age, id, is_inclusive, '
            || 'max_nights, name, percent, property_id, registration_number'),
        ('property_taxes service_role UPDATE amount, applies_to, charge, currency, exempt_from_nights, exempt_under_age, id, is_inclusive, '
            || 'max_nights, name, percent, property_id, registration_number'),
        ('property_addresses service_role INSERT city, country, latitude, line1, line2, longitude, neighbourhood, '
            || 'postal_code, property_id, region'),
        ('property_addresses service_role UPDATE city, country, latitude, line1, line2, longitude, neighbourhood, '
            || 'postal_code, property_id, region'),
        ('property_availability_rules service_role INSERT ends_on, id, kind, max_nights, min_nights, property_id, '
            || 'starts_on, units_to_sell'),
        ('property_availability_rules service_role UPDATE ends_on, id, kind, max_nights, min_nights, property_id, '
            || 'starts_on, units_to_sell'),
        ('property_amenities service_role UPDATE amenity_id, property_id'),
        ('property_amenities service_role INSERT amenity_id, property_id'),
        ('blocked_profiles authenticated INSERT blocked_id'),
        ('bookings authenticated INSERT adults, check_in, check_out, children, children_ages, idempotency_key, infants, pets, '
            || 'property_id, quote_id, units'),
        ('bookings authenticated UPDATE adults, check_in, check_out, children, children_ages, infants, pets, units'),
        ('cancellation_policies authenticated INSERT name, steps'),
        ('cancellation_policies authenticated UPDATE name, steps'),
        ('co_host_invitations authenticated INSERT email, level, property_id'),
        ('co_hosts authenticated UPDATE level'),
        ('exchange_rates authenticated INSERT from_currency, rate, to_currency'),
        ('exchange_rates service_role INSERT from_currency, rate, to_currency'),
        ('host_blocks authenticated INSERT check_in, check_out, id, note, property_id, unit_id'),
        ('host_blocks authenticated UPDATE check_in, check_out, id, note, property_id, unit_id'),
        ('house_rules authenticated INSERT additional_rules, children_allowed, commercial_photography_allowed, '
            || 'events_allowed, property_id, quiet_from, quiet_until, smoking_allowed'),
        ('messages authenticated INSERT attachment_path, body, thread_id'),
        ('notification_preferences authenticated INSERT in_app, mail, profile_id, topic'),
        ('notification_preferences authenticated UPDATE in_app, mail, profile_id, topic'),
        ('notification_settings authenticated INSERT profile_id, quiet_from, quiet_until, time_zone'),
        ('notification_settings authenticated UPDATE profile_id, quiet_from, quiet_until, time_zone'),
        ('notifications authenticated UPDATE read_at'),
        ('money_requests authenticated INSERT amount, booking_id, reason'),
        ('payout_holds authenticated INSERT booking_id, reason'),
        ('payout_holds authenticated UPDATE released_at'),
        ('profiles authenticated INSERT about, avatar_path, display_name, id, languages'),
        ('profiles authenticated UPDATE about, avatar_path, display_name, id, languages'),
        ('properties authenticated INSERT advance_notice_cut_off, advance_notice_days, base_price, bathrooms, bedrooms, '
            || 'beds, booking_mode, booking_window_days, cancellation_policy_id, check_in_from, check_in_until, '
            || 'check_in_weekdays, check_out_until, check_out_weekdays, currency, description, early_bird_days, '
            || 'early_bird_discount_percent, extra_guest_price, extra_guests_after, gap_min_nights, id, last_minute_days, '
            || 'last_minute_discount_percent, max_guests, max_infants, max_nights, max_pets, min_nights, '
            || 'monthly_discount_percent, preparation_nights_after, preparation_nights_before, property_type, room_type, '
            || 'time_zone, title, weekend_price, weekly_discount_percent'),
        ('properties authenticated UPDATE advance_notice_cut_off, advance_notice_days, base_price, bathrooms, bedrooms, '
            || 'beds, booking_mode, booking_window_days, cancellation_policy_id, check_in_from, check_in_until, '
            || 'check_in_weekdays, check_out_until, check_out_weekdays, currency, description, early_bird_days, '
            || 'early_bird_discount_percent, extra_guest_price, extra_guests_after, gap_min_nights, id, last_minute_days, '
            || 'last_minute_discount_percent, max_guests, max_infants, max_nights, max_pets, min_nights, '
            || 'monthly_discount_percent, preparation_nights_after, preparation_nights_before, property_type, room_type, '
            || 'time_zone, title, weekend_price, weekly_discount_percent'),
        ('properties service_role INSERT advance_notice_cut_off, advance_notice_days, base_price, bathrooms, bedrooms, '
            || 'beds, booking_mode, booking_window_days, cancellation_policy_id, check_in_from, check_in_until, '
            || 'check_in_weekdays, check_out_until, check_out_weekdays, currency, description, early_bird_days, '
            || 'early_bird_discount_percent, extra_guest_price, extra_guests_after, gap_min_nights, host_id, id, last_minute_days, '
            || 'last_minute_discount_percent, max_guests, max_infants, max_nights, max_pets, min_nights, '
            || 'monthly_discount_percent, preparation_nights_after, preparation_nights_before, property_type, room_type, '
            || 'source, source_id, time_zone, title, weekend_price, weekly_discount_percent'),
        ('properties service_role UPDATE advance_notice_cut_off, advance_notice_days, base_price, bathrooms, bedrooms, '
            || 'beds, booking_mode, booking_window_days, cancellation_policy_id, check_in_from, check_in_until, '
            || 'check_in_weekdays, check_out_until, check_out_weekdays, currency, description, early_bird_days, '
            || 'early_bird_discount_percent, extra_guest_price, extra_guests_after, gap_min_nights, last_minute_days, '
            || 'last_minute_discount_percent, max_guests, max_infants, max_nights, max_pets, min_nights, '
            || 'monthly_discount_percent, preparation_nights_after, preparation_nights_before, property_type, room_type, '
            || 'source, source_id, time_zone, title, weekend_price, weekly_discount_percent'),
        ('property_addresses authenticated INSERT city, country, latitude, line1, line2, longitude, neighbourhood, '
            || 'postal_code, property_id, region'),
        ('property_addresses authenticated UPDATE city, country, latitude, line1, line2, longitude, neighbourhood, '
            || 'postal_code, property_id, region'),
        ('property_amenities authenticated UPDATE amenity_id, property_id'),
        ('property_amenities authenticated INSERT amenity_id, property_id'),
        ('property_availability_rules authenticated INSERT ends_on, id, kind, max_nights, min_nights, property_id, '
            || 'starts_on, units_to_sell'),
        ('property_availability_rules authenticated UPDATE ends_on, id, kind, max_nights, min_nights, property_id, '
            || 'starts_on, units_to_sell'),
        ('property_date_overrides authenticated INSERT currency, ends_on, id, price, property_id, starts_on'),
        ('property_date_overrides authenticated UPDATE currency, ends_on, id, price, property_id, starts_on'),
        ('property_fees authenticated INSERT amount, charge, currency, exempt_under_age, id, kind, name, property_id'),
        ('property_fees authenticated UPDATE amount, charge, currency, exempt_under_age, id, kind, name, property_id'),
        ('property_photos authenticated UPDATE alt_text, position'),
        ('property_seasons authenticated INSERT currency, ends_on, id, max_nights, min_nights, name, price, property_id, '
            || 'starts_on'),
        ('property_seasons authenticated UPDATE currency, ends_on, id, max_nights, min_nights, name, price, property_id, '
            || 'starts_on'),
        ('property_taxes authenticated INSERT amount, applies_to, charge, currency, exempt_from_nights, exempt_under_age, id, is_inclusive, '
            || 'max_nights, name, percent, property_id, registration_number'),
        ('property_taxes authenticated UPDATE amount, applies_to, charge, currency, exempt_from_nights, exempt_under_age, id, is_inclusive, '
            || 'max_nights, name, percent, property_id, registration_number'),
        ('reports authenticated INSERT details, reason, subject, subject_id'),
        ('review_notes authenticated INSERT note, review_id'),
        ('review_notes authenticated UPDATE note, review_id'),
        ('reviews authenticated INSERT accuracy, booking_id, check_in, cleanliness, comment, communication, location, '
            || 'overall, value'),
        ('reviews authenticated UPDATE accuracy, check_in, cleanliness, comment, communication, location, overall, value'),
        ('threads authenticated INSERT property_id'),
        ('user_roles authenticated INSERT role, user_id'),
        ('webhook_endpoints authenticated INSERT events, id, is_active, url'),
        ('webhook_endpoints authenticated UPDATE events, id, is_active, url'),
        ('wishlist_items authenticated INSERT note, property_id, wishlist_id'),
        ('wishlist_items authenticated UPDATE note, property_id, wishlist_id'),
        ('wishlist_shares authenticated INSERT can_join, wishlist_id'),
        ('wishlist_shares authenticated UPDATE can_join, wishlist_id'),
        ('wishlists authenticated INSERT check_in, check_out, guests, id, name'),
        ('wishlists authenticated UPDATE check_in, check_out, guests, id, name')$$,
    'P08 exactly these roles may write these columns'
);
select bag_eq(
    $$select (g.schema || '.' || g.name || ' ' || g.grantee::regrole || ' ' || string_agg(g.privilege_type, ', ' order by g.privilege_type)) collate "default"
      from grants g
      where g.relkind = 'v' and g.column_name is null
      group by g.schema, g.name, g.grantee$$,
    $$values
        ('graphql_shapes.refund_previews authenticated SELECT'),
        ('graphql_shapes.refund_previews service_role SELECT'),
        ('graphql_shapes.booking_contacts authenticated SELECT'),
        ('graphql_shapes.booked_units authenticated SELECT'),
        ('graphql_shapes.booked_units service_role SELECT'),
        ('graphql_shapes.calendar_days anon SELECT'),
        ('graphql_shapes.calendar_days authenticated SELECT'),
        ('graphql_shapes.calendar_days service_role SELECT'),
        ('graphql_shapes.set_calendar_days authenticated SELECT'),
        ('graphql_shapes.set_calendar_days service_role SELECT'),
        ('graphql_shapes.found_properties anon SELECT'),
        ('graphql_shapes.found_properties authenticated SELECT'),
        ('graphql_shapes.found_properties service_role SELECT'),
        ('graphql_shapes.host_metrics authenticated SELECT'),
        ('graphql_shapes.host_metrics service_role SELECT'),
        ('graphql_shapes.paces authenticated SELECT'),
        ('graphql_shapes.paces service_role SELECT'),
        ('graphql_shapes.refused_stays authenticated SELECT'),
        ('graphql_shapes.refused_stays service_role SELECT'),
        ('graphql_shapes.simulated_prices authenticated SELECT'),
        ('graphql_shapes.simulated_prices service_role SELECT'),
        ('graphql_shapes.simulated_cancellations authenticated SELECT'),
        ('graphql_shapes.simulated_cancellations service_role SELECT'),
        ('graphql_shapes.host_responses anon SELECT'),
        ('graphql_shapes.host_responses authenticated SELECT'),
        ('graphql_shapes.host_responses service_role SELECT'),
        ('graphql_shapes.search_facets anon SELECT'),
        ('graphql_shapes.search_facets authenticated SELECT'),
        ('graphql_shapes.search_facets service_role SELECT'),
        ('graphql_shapes.stay_quotes anon SELECT'),
        ('graphql_shapes.stay_quotes authenticated SELECT'),
        ('graphql_shapes.stay_quotes service_role SELECT'),
        ('private.readable_bookings authenticated SELECT'),
        ('private.readable_bookings service_role SELECT'),
        ('private.readable_entries authenticated SELECT'),
        ('private.readable_entries service_role SELECT'),
        ('private.readable_messages authenticated SELECT'),
        ('private.readable_messages service_role SELECT'),
        ('public.booking_money authenticated SELECT'),
        ('public.booking_money service_role SELECT'),
        ('public.bookings authenticated DELETE, SELECT'),
        ('public.bookings service_role SELECT'),
        ('public.dead_stripe_tasks authenticated SELECT'),
        ('public.dead_stripe_tasks service_role SELECT'),
        ('public.host_statement authenticated SELECT'),
        ('public.outside_statement authenticated SELECT'),
        ('public.outside_statement service_role SELECT'),
        ('public.host_statement service_role SELECT'),
        ('public.messages authenticated SELECT'),
        ('public.messages service_role SELECT'),
        ('public.reconciliation_differences authenticated SELECT'),
        ('public.reconciliation_differences service_role SELECT')$$,
    'P09 views have exactly these privileges'
);

select is_empty(
    $$select g.name || '.' || g.column_name || ' ' || g.privilege_type from grants g
      where g.schema = 'public' and g.grantee = 'service_role'::regrole and g.privilege_type in ('INSERT', 'UPDATE')
          and (g.column_name is null or g.column_name in (
              'status', 'status_reason', 'deleted_at', 'created_at', 'updated_at', 'is_host', 'member_since', 'granted_by', 'granted_at',
              'created_by', 'set_by', 'version'
          ))$$,
    'P10 the service role writes no whole table and no column that functions and triggers keep'
);

-- PUBLIC may use schema net, on hosted Supabase and here
select is_empty(
    $$select p.oid::regprocedure::text
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('public', 'private', 'graphql_shapes')
      cross join (values ('anon'), ('authenticated')) as r (role)
      where has_function_privilege(r.role, p.oid, 'execute') and p.prosrc ~ '\mnet\.'$$,
    'P11 no function that clients may execute names schema net'
);
select is_empty(
    $$select p.oid::regprocedure::text
      from pg_proc p
      join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('public', 'private', 'graphql_shapes')
      cross join (values ('anon'), ('authenticated')) as r (role)
      where has_function_privilege(r.role, p.oid, 'execute') and p.prosrc ~* '\mexecute\s'
          -- its only variable parts are the names of a table and a column, both checked by their types
          and p.oid <> 'private.key_exists'::regproc$$,
    'P12 no function that clients may execute builds SQL of its own, but one of known names'
);

select bag_eq(
    $$select format('%s %s %s: %s', p.polrelid::regclass, p.polcmd, (select string_agg(r::regrole::text, ',' order by r::regrole::text) from unnest(p.polroles) r), p.polname)
      from pg_policy p
      join pg_class c on c.oid = p.polrelid
      join our_schemas n on n.oid = c.relnamespace
      where p.polname <> 'Requests cannot read estimates'$$,
    $$values
        ('accounts a authenticated: People can upsert their own account'),
        ('accounts r authenticated: People can read their own account'),
        ('accounts r operator: Operators can read any'),
        ('accounts w authenticated: People can update their own account'),
        ('amenities r anon,authenticated: Anyone can read amenities'),
        ('audit_log r operator: Operators can read any'),
        ('blocked_profiles a authenticated: People can block others'),
        ('blocked_profiles d authenticated: People can end a block'),
        ('blocked_profiles r authenticated: People can see whom they block'),
        ('booking_alterations r authenticated: People who can read a booking can read its alterations'),
        ('booking_alterations r operator: Operators can read any'),
        ('booking_line_items r authenticated: Guests and hosts can read line items'),
        ('booking_line_items r operator: Operators can read any'),
        ('cancellation_policies a authenticated: People can add their own policies'),
        ('cancellation_policies d authenticated: People can delete their own policies'),
        ('cancellation_policies r anon,authenticated: Anyone can read cancellation policies'),
        ('cancellation_policies w authenticated: People can update their own policies'),
        ('cancellations r authenticated: Guests and hosts can read cancellations'),
        ('cancellations r operator: Operators can read any'),
        ('co_host_invitations a authenticated: Hosts can invite'),
        ('co_host_invitations d authenticated: Hosts can revoke and invited people decline invitations'),
        ('co_host_invitations r authenticated: Hosts and invited people can read invitations'),
        ('co_host_invitations r operator: Operators can read any'),
        ('co_hosts d authenticated: Hosts can remove co-hosts, co-hosts can leave'),
        ('co_hosts r authenticated: Hosts and co-hosts can read co-hosts'),
        ('co_hosts r operator: Operators can read any'),
        ('co_hosts w authenticated: Hosts can change the level of co-hosts'),
        ('currencies r anon,authenticated: Anyone can read currencies'),
        ('dead_jobs d authenticated: Operators can delete dead jobs'),
        ('dead_jobs r operator: Operators can read any'),
        ('disputes r operator: Operators can read any'),
        ('exchange_rates a authenticated: Operators can set rates'),
        ('exchange_rates r authenticated: Signed-in people can read rates'),
        ('calendar_feeds r authenticated: Hosts and co-hosts can read calendar feeds'),
        ('calendar_feeds r operator: Operators can read any'),
        ('overbookings r authenticated: Hosts and co-hosts can read overbookings'),
        ('overbookings r operator: Operators can read any'),
        ('own_bookings a authenticated: Hosts and co-hosts with messages can add own bookings'),
        ('own_bookings d authenticated: Hosts and co-hosts with messages can delete own bookings'),
        ('own_bookings r authenticated: Hosts and co-hosts with messages can read own bookings'),
        ('own_bookings w authenticated: Hosts and co-hosts with messages can update own bookings'),
        ('external_blocks r authenticated: Hosts and co-hosts can read external blocks'),
        ('external_blocks r operator: Operators can read any'),
        ('host_blocks a authenticated: Hosts and co-hosts can add host blocks'),
        ('host_blocks d authenticated: Hosts and co-hosts can delete host blocks'),
        ('host_blocks r authenticated: Hosts and co-hosts can read host blocks'),
        ('host_blocks r operator: Operators can read any'),
        ('host_blocks w authenticated: Hosts and co-hosts can update host blocks'),
        ('house_rules a authenticated: Hosts and full co-hosts can add house rules'),
        ('house_rules r anon,authenticated: Readers of a property can read its house rules'),
        ('money_requests a authenticated: Hosts can ask their guests for money'),
        ('money_requests r authenticated: Guests and hosts can read their requests'),
        ('money_requests r operator: Operators can read any'),
        ('notification_kinds r authenticated: People can read kinds of notifications'),
        ('notification_preferences a authenticated: People can set preferences'),
        ('notification_preferences d authenticated: People can go back to the defaults'),
        ('notification_preferences r authenticated: People can read their preferences'),
        ('notification_preferences w authenticated: People can change their preferences'),
        ('notification_settings a authenticated: People can set quiet hours'),
        ('notification_settings d authenticated: People can end their quiet hours'),
        ('notification_settings r authenticated: People can read their quiet hours'),
        ('notification_settings w authenticated: People can change their quiet hours'),
        ('operation_pauses r operator: Operators can read any'),
        ('notifications d authenticated: People can delete their notifications'),
        ('notifications r authenticated: People can read their notifications'),
        ('notifications w authenticated: People can mark their notifications'),
        ('occupancies r authenticated: Hosts and co-hosts can read occupancies'),
        ('occupancies r operator: Operators can read any'),
        ('payment_methods d authenticated: People can remove their cards'),
        ('payment_methods r authenticated: People can read their cards'),
        ('orphan_sweeps r operator: Operators can read any'),
        ('orphans r operator: Operators can read any'),
        ('payments r authenticated: Guests can read their payments'),
        ('payments r operator: Operators can read any'),
        ('payout_accounts r authenticated: Hosts can read their account'),
        ('payout_accounts r operator: Operators can read any'),
        ('payout_holds a authenticated: Operators can hold payouts'),
        ('payout_holds r operator: Operators can read any'),
        ('payout_holds w authenticated: Operators can release payouts'),
        ('payouts r authenticated: Hosts can read their payouts'),
        ('payouts r operator: Operators can read any'),
        ('private.bookings r authenticated: Guests, hosts and co-hosts can read their bookings'),
        ('private.bookings r operator: Operators can read any'),
        ('private.messages r authenticated: Both sides can read messages'),
        ('private.messages r operator: Operators can read messages of reported threads'),
        ('private.ledger_entries r authenticated: Parties can read their ledger entries, operators any'),
        ('private.ledger_transactions r authenticated: Readers of an entry can read its transaction'),
        ('private.reconciliation_differences r operator: Operators can read any'),
        ('private.stripe_tasks r operator: Operators can read any'),
        ('profile_ratings r anon,authenticated: Anyone can read ratings of people'),
        ('profiles a authenticated: People can upsert their own profile'),
        ('profiles r anon,authenticated: Anyone can read profiles'),
        ('profiles w authenticated: People can update their own profile'),
        ('properties a authenticated: People can create properties of their own'),
        ('properties d authenticated: Hosts can delete properties'),
        ('properties r anon: Anyone can read published properties'),
        ('properties r authenticated: People can read published, own, co-hosted and booked properties'),
        ('properties r operator: Operators can read any'),
        ('properties w authenticated: Hosts and full co-hosts can update properties'),
        ('property_addresses a authenticated: Hosts and full co-hosts can add addresses'),
        ('property_addresses d authenticated: Hosts and full co-hosts can delete addresses'),
        ('property_addresses r authenticated: Hosts, co-hosts and confirmed guests can read addresses'),
        ('property_addresses r operator: Operators can read any'),
        ('property_addresses w authenticated: Hosts and full co-hosts can update addresses'),
        ('property_amenities a authenticated: Hosts and full co-hosts can add amenities'),
        ('property_amenities d authenticated: Hosts and full co-hosts can remove amenities'),
        ('property_amenities r anon,authenticated: Readers of a property can read its amenities'),
        ('property_amenities w authenticated: Hosts and full co-hosts can upsert amenities'),
        ('property_availability_rules a authenticated: Hosts and co-hosts can add availability rules'),
        ('property_availability_rules d authenticated: Hosts and co-hosts can delete availability rules'),
        ('property_availability_rules r anon,authenticated: Readers of a property can read its availability rules'),
        ('property_availability_rules w authenticated: Hosts and co-hosts can update availability rules'),
        ('property_date_overrides a authenticated: Hosts and full co-hosts can add date overrides'),
        ('property_date_overrides d authenticated: Hosts and full co-hosts can delete date overrides'),
        ('property_date_overrides r anon,authenticated: Readers of a property can read its date overrides'),
        ('property_date_overrides w authenticated: Hosts and full co-hosts can update date overrides'),
        ('property_fees a authenticated: Hosts and full co-hosts can add fees'),
        ('property_fees d authenticated: Hosts and full co-hosts can delete fees'),
        ('property_fees r anon,authenticated: Readers of a property can read its fees'),
        ('property_fees w authenticated: Hosts and full co-hosts can update fees'),
        ('property_photos d authenticated: Hosts and full co-hosts can delete photos'),
        ('property_photos r anon,authenticated: Readers of a property can read its photos'),
        ('property_photos w authenticated: Hosts and full co-hosts can update photos'),
        ('property_ratings r anon,authenticated: Anyone can read ratings of properties'),
        ('property_seasons a authenticated: Hosts and full co-hosts can add seasons'),
        ('property_seasons d authenticated: Hosts and full co-hosts can delete seasons'),
        ('property_spaces r authenticated: Hosts and co-hosts can read spaces'),
        ('property_spaces r operator: Operators can read any'),
        ('units r authenticated: Hosts and co-hosts can read units'),
        ('units r operator: Operators can read any'),
        ('property_seasons r anon,authenticated: Readers of a property can read its seasons'),
        ('property_seasons w authenticated: Hosts and full co-hosts can update seasons'),
        ('property_taxes a authenticated: Hosts can add taxes'),
        ('property_taxes d authenticated: Hosts can delete taxes'),
        ('property_taxes r authenticated: Hosts can read taxes'),
        ('property_taxes r operator: Operators can read any'),
        ('property_taxes w authenticated: Hosts can update taxes'),
        ('refunds r authenticated: Guests can read their refunds, hosts those they bear'),
        ('refunds r operator: Operators can read any'),
        ('reports a authenticated: People can report what they can read'),
        ('reports r authenticated: People can read their reports'),
        ('reports r operator: Operators can read any'),
        ('review_notes a authenticated: Authors can add a note until the review is published'),
        ('review_notes d authenticated: Authors can delete a note until the review is published'),
        ('review_notes r authenticated: Both sides can read notes of published reviews, authors theirs'),
        ('review_notes r operator: Operators can read notes of published reviews'),
        ('review_notes w authenticated: Authors can change a note until the review is published'),
        ('reviews a authenticated: People can review their stays and guests'),
        ('reviews d authenticated: Authors can delete a review until it is published'),
        ('reviews r anon: Anyone can read published reviews'),
        ('reviews r authenticated: People can read published reviews and their own'),
        ('reviews r operator: Operators can read published reviews'),
        ('reviews w authenticated: Authors can change a review until it is published'),
        ('suspensions r authenticated: People can read their suspensions'),
        ('suspensions r operator: Operators can read any'),
        ('thread_reads r authenticated: Both sides can see who has read'),
        ('threads a authenticated: People can ask about properties that they can read'),
        ('threads r authenticated: Both sides can read their threads'),
        ('threads r operator: Operators can read reported threads'),
        ('time_zones r anon,authenticated: Anyone can read time zones'),
        ('user_roles a authenticated: Operators can grant roles'),
        ('user_roles d authenticated: Operators can revoke roles'),
        ('user_roles r authenticated: People can read their own roles'),
        ('user_roles r operator: Operators can read any'),
        ('webhook_deliveries r authenticated: People can read deliveries to their endpoints'),
        ('webhook_endpoints a authenticated: People can add endpoints'),
        ('webhook_endpoints d authenticated: People can delete their endpoints'),
        ('webhook_endpoints r authenticated: People can read their endpoints'),
        ('webhook_endpoints w authenticated: People can change their endpoints'),
        ('wishlist_items a authenticated: Owners and members can add properties that they can read'),
        ('wishlist_items d authenticated: Owners and members can remove items'),
        ('wishlist_items r authenticated: Owners and members can read items'),
        ('wishlist_items w authenticated: Owners and members can change notes'),
        ('wishlist_members d authenticated: Owners can remove members, and members can leave'),
        ('wishlist_members r authenticated: Owners and members can read members'),
        ('wishlist_shares a authenticated: Owners can create a link'),
        ('wishlist_shares d authenticated: Owners can delete a link'),
        ('wishlist_shares r authenticated: Owners can read their links'),
        ('wishlist_shares w authenticated: Owners can change what a link allows'),
        ('wishlists a authenticated: People can create wishlists'),
        ('wishlists d authenticated: Owners can delete wishlists'),
        ('wishlists r authenticated: Owners and members can read wishlists'),
        ('wishlists w authenticated: Owners can change wishlists')$$,
    'P13 exactly these policies let people read and write rows'
);

select * from finish();
rollback;
