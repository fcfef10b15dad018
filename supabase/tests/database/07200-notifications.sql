-- Notifications: who reads them, once, preferences, quiet hours, mails and what is no longer sent, unsubscribing.
begin;
select plan(63);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Olga') as olga, null::uuid as home, null::uuid as stay;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
delete from pgmq.q_mails;
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43);

-- in the transaction that causes it
select results_eq(
    $$select p.display_name, n.kind, n.data ->> 'title' from public.notifications n join public.profiles p on p.id = n.recipient_id order by 1$$,
    $$values ('Ana', 'booking_confirmed', 'House by the river'), ('Ben', 'booking_confirmed', 'House by the river')$$, 'N01 a confirmation notifies guest and host'
);
select is((select count(*)::integer from pgmq.q_mails), 2, 'N02 each of them gets a mail');
select private.notify(ben, 'booking_confirmed', 'booking_event:' || e.id) from world, private.booking_events e where e.booking_id = stay and e.to_status = 'confirmed';
select is((select count(*)::integer from public.notifications), 2, 'N03 the same event notifies a person once');

-- who
select tests.act_as('anon');
select throws_ok('select from public.notifications', '42501', null, 'N04 anon cannot read notifications');
select throws_ok('select public.unread_notification_count()', '42501', null, 'N05 anon cannot count notifications');
select throws_ok('select from public.notification_kinds', '42501', null, 'N06 anon cannot read kinds of notifications');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.notifications', 'N07 a stranger cannot read notifications of others');
select is_empty('update public.notifications set read_at = now() returning id', 'N08 a stranger cannot mark them');
select is_empty('delete from public.notifications returning id', 'N09 a stranger cannot delete them');
select throws_ok('select public.mail_to_send(''{}'')', '42501', null, 'N10 people cannot read mails');
select throws_ok('select public.unsubscribe(''x'')', '42501', null, 'N11 people cannot unsubscribe others');
select throws_ok('select public.record_bounce(''x'', ''y'')', '42501', null, 'N12 people cannot record bounces');
select throws_ok('select private.notify(ben, ''booking_confirmed'', ''x'') from world', '42501', null, 'N13 people cannot notify others');
select throws_ok('insert into public.notifications (recipient_id, kind, dedupe_key) select ben, ''booking_confirmed'', ''x'' from world', '42501', null, 'N14 people cannot insert notifications');
select tests.act_as('authenticated', olga) from world;
select is_empty('select from public.notifications', 'N15 an operator cannot read notifications of others');
select tests.act_as('authenticated', ben) from world;
select is(public.unread_notification_count(), 1::bigint, 'N16 the recipient has one unread notification');
select throws_ok('update public.notifications set kind = ''payout_sent''', '42501', null, 'N17 a recipient cannot change the kind');
select isnt_empty('update public.notifications set read_at = now() returning id', 'N18 a recipient can mark a notification as read');
select is(public.unread_notification_count(), 0::bigint, 'N19 none is unread');
select isnt_empty('update public.notifications set read_at = null returning id', 'N20 a recipient can mark it as unread');
select is(public.mark_notifications_read(), 1::bigint, 'N21 all notifications can be marked as read');
select tests.act_as('postgres');
select is_empty(
    $$select from pg_catalog.pg_publication p where p.pubname = 'supabase_realtime' and not exists (
        select from pg_catalog.pg_publication_tables t where t.pubname = p.pubname and t.schemaname = 'public' and t.tablename = 'notifications'
    )$$, 'N55 Realtime publishes notifications where a stack has it'
);
select tests.act_as('authenticated', ben) from world;

-- preferences
select tests.throws_code('insert into public.notification_preferences (topic, mail) values (''account'', ''off'')', 'notification_preferences_account_stays_on', 'N22 mails about the account cannot be turned off');
select lives_ok('insert into public.notification_preferences (topic, mail, in_app) values (''reviews'', ''off'', false), (''messages'', ''digest'', true)', 'N23 mails of other topics can be off or in a digest');
select tests.throws_code('insert into public.notification_preferences (profile_id, topic) select ana, ''reviews'' from world', 'insert_not_allowed', 'N24 no user can set the preferences of another person');
select tests.throws_code('insert into public.notification_preferences (topic) values (''reviews'')', 'already_exists', 'N60 a second row for a topic is refused');
select lives_ok($$select set_config('request.headers', '{"prefer": "resolution=merge-duplicates"}', true);
    insert into public.notification_preferences (topic, mail, in_app) values ('reviews', 'off', false)
    on conflict (profile_id, topic) do update set mail = excluded.mail, in_app = excluded.in_app$$, 'N61 an upsert changes the row');
select set_config('request.headers', '', true);
select throws_ok('insert into public.notification_settings (quiet_from, quiet_until) values (''22:00'', ''22:00'')', 'PT422',
    'Quiet hours begin and end at different times. There is no value for time zone.', 'N62 every fault of quiet hours is named');
select tests.throws_code('insert into public.notification_settings (quiet_from, quiet_until, time_zone) values (''22:00'', ''07:00'', ''Europe/Atlantis'')', 'unknown_time_zone', 'N63 a time zone must exist');
select lives_ok('insert into public.notification_settings (quiet_from, quiet_until, time_zone) values (''22:00'', ''07:00'', ''Europe/Lisbon'')', 'N25 quiet hours can be set');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.notification_preferences', 'N26 others cannot see preferences');
select is_empty('select from public.notification_settings', 'N27 others cannot see quiet hours');
select tests.act_as('postgres');
delete from pgmq.q_mails;
select private.notify(ben, 'review_published', 'r1'), private.notify(ben, 'message_received', 'm1', '{"sender_name": "Ana"}') from world;
select is_empty('select from pgmq.q_mails', 'N28 a topic that is off or in a digest queues no mail');
select is((select count(*)::integer from public.notifications, world where recipient_id = ben and read_at is null), 1, 'N29 a topic that is not in_app is read at once');
select is(private.queue_digests(), 1, 'N30 queue_digests queues one digest');
select is((public.mail_to_send((select message from pgmq.q_mails limit 1)) -> 'data' -> 'items' -> 0 ->> 'sender_name'), 'Ana', 'N31 the digest contains the unread notification');
select is(private.queue_digests(), 0, 'N48 no second digest is queued while one waits');
select tests.act_as('service_role');
select is(public.unsubscribe(public.mail_to_send(jsonb_build_object('digest_of', ben)) ->> 'unsubscribe_token'), 'digest', 'N49 the link in a digest unsubscribes from the digest') from world;
select tests.act_as('postgres');
select results_eq(
    'select topic::text, mail::text from public.notification_preferences, world where profile_id = ben order by topic',
    $$values ('messages', 'off'), ('reviews', 'off')$$, 'N50 every topic of the digest is off'
);

-- quiet hours
select is(private.after_quiet_hours(ben, at::timestamptz), until::timestamptz, 'N32 ' || at) from world, (values
    ('2027-01-10 21:59:59+00', '2027-01-10 21:59:59+00'), ('2027-01-10 22:00:00+00', '2027-01-11 07:00+00'),
    ('2027-01-11 06:59:59+00', '2027-01-11 07:00+00'), ('2027-01-11 07:00:00+00', '2027-01-11 07:00+00'),
    ('2027-03-27 23:00:00+00', '2027-03-28 06:00+00')
) as c (at, until);

-- what the worker gets
select tests.act_as('postgres');
delete from pgmq.q_mails;
select tests.act_as('service_role');
create temporary table sendable on commit drop as
select public.mail_to_send(jsonb_build_object('notification_id', n.id)) as mail, n.id
from public.notifications n, world
where n.recipient_id = ana;
select ok((select mail ->> 'to' like 'Ana-%@example.com' and mail ->> 'unsubscribe_token' is not null from sendable), 'N37 the worker gets the recipient''s address and token');
select public.finish_mail(jsonb_build_object('notification_id', id)) from sendable;
select is((select public.mail_to_send(jsonb_build_object('notification_id', id)) from sendable), null, 'N38 a mail is not sent twice');
select is(public.mail_to_send('{"notification_id": "00000000-0000-4000-8000-000000000000"}'), null, 'N39 a notification that does not exist has no mail');
select is((select public.unsubscribe(mail ->> 'unsubscribe_token')::text from sendable), 'bookings', 'N40 the token turns off its topic');
select is((select public.unsubscribe(left(mail ->> 'unsubscribe_token', -1) || '.') from sendable), null, 'N41 a changed token does nothing');
select is((select public.unsubscribe(replace(mail ->> 'unsubscribe_token', 'bookings', 'messages')) from sendable), null, 'N42 a token does not work for another topic');
select tests.act_as('postgres');
select results_eq('select mail::text from public.notification_preferences, world where profile_id = ana', $$values ('off')$$, 'N43 the mails of the topic are off');
select private.notify(ana, 'account_suspended', 'a1') from world;
select public.record_bounce((select u.email from auth.users u, world where u.id = ana), '550');
select is((select public.mail_to_send(jsonb_build_object('notification_id', n.id)) from public.notifications n where n.dedupe_key = 'a1'), null, 'N44 nothing is sent to an address that bounced');
select tests.act_as('authenticated', ana) from world;
select throws_ok($$select public.clear_bounce('ana@example.com')$$, 'PT403', null, 'N51 only an operator can clear a bounce');
select tests.act_as('postgres');
create temporary table bounced on commit drop as select upper(u.email) as email from auth.users u, world where u.id = ana;
grant select on bounced to authenticated;
select tests.act_as('authenticated', olga) from world;
select is((select public.clear_bounce(email) from bounced), true, 'N52 an operator clears a bounce');
select is((select public.clear_bounce(email) from bounced), false, 'N53 a bounce is cleared once');
select tests.act_as('postgres');
select isnt((select public.mail_to_send(jsonb_build_object('notification_id', n.id)) from public.notifications n where n.dedupe_key = 'a1'), null, 'N54 mails are sent to the address again');

-- check-in details
select is(private.send_check_in_details(b.check_in_at - interval '48 hours' - interval '1 second'), 0, 'N45 arrival details are not sent earlier than 48 hours before check-in')
from world join private.bookings b on b.id = stay;
select is(private.send_check_in_details(b.check_in_at - interval '48 hours'), 1, 'N46 arrival details are sent 48 hours before check-in') from world join private.bookings b on b.id = stay;
select is(private.send_check_in_details(b.check_in_at - interval '47 hours'), 0, 'N47 arrival details are sent once') from world join private.bookings b on b.id = stay;

-- alterations
select tests.act_as('authenticated', ben) from world;
create temporary table proposed on commit drop as
with changed as (update public.bookings b set adults = 3 from world where b.id = stay returning b.open_alteration_id) select open_alteration_id as id from changed;
grant select on proposed to authenticated;
select tests.act_as('postgres');
create function pg_temp.alteration_notifications() returns table (who text, kind text, you_are text) language sql as $$
    select p.display_name, n.kind, n.data ->> 'you_are' from public.notifications n join public.profiles p on p.id = n.recipient_id where n.kind like 'alteration_%'
$$;
select results_eq('select * from pg_temp.alteration_notifications()', $$values ('Ana', 'alteration_proposed', 'host')$$, 'N56 a proposal notifies the other side');
select tests.act_as('authenticated', ana) from world;
select lives_ok('select public.decline_alteration(id) from proposed', 'N57 the host declines the proposal');
select tests.act_as('postgres');
select bag_eq('select * from pg_temp.alteration_notifications()',
    $$values ('Ana', 'alteration_proposed', 'host'), ('Ben', 'alteration_declined', 'guest')$$, 'N58 the refusal notifies the guest who proposed');
select tests.act_as('authenticated', ben) from world;
create temporary table again on commit drop as
with changed as (update public.bookings b set adults = 1 from world where b.id = stay returning b.open_alteration_id) select open_alteration_id as id from changed;
select public.decline_alteration(id) from again;
select tests.act_as('postgres');
select is_empty($$select * from pg_temp.alteration_notifications() where kind = 'alteration_declined' and who = 'Ana'$$, 'N59 a withdrawn proposal does not notify that it was declined');

select * from finish();
rollback;
