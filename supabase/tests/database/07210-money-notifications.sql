-- Notifications of money: payments that failed, refunds, payouts; each once, to whose money it is.
begin;
select plan(17);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Fay') as fay,
    null::uuid as home, null::uuid as stay, null::jsonb as begun;
grant select on world to service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
insert into public.co_hosts (property_id, profile_id, level) select home, fay, 'full' from world;
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43, 'awaiting_payment');
update world set begun = public.begin_payment(ben, stay);

create function pg_temp.intent(p_status text, p_changes jsonb default '{}') returns text language sql as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_told', 'payment_id', begun ->> 'payment_id', 'status', p_status, 'amount', begun -> 'amount',
        'amount_received', begun -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_told',
        'balance_transaction', 'txn_told', 'fee', 500
    ) || p_changes) from world
$$;
create function pg_temp.money_notifications() returns table (who text, kind text, reason text) language sql as $$
    select p.display_name, n.kind, n.data ->> 'reason'
    from public.notifications n
    join public.profiles p on p.id = n.recipient_id
    where n.kind in ('payment_failed', 'refund_sent', 'payout_sent')
$$;

-- a card is declined
select is_empty('select * from pg_temp.money_notifications()', 'NM01 at first no one is notified');
select pg_temp.intent('requires_payment_method', '{"error": "Your card was declined."}');
select results_eq('select * from pg_temp.money_notifications()', $$values ('Ben', 'payment_failed', 'Your card was declined.')$$, 'NM02 a failed payment notifies the guest, with the reason');
select pg_temp.intent('requires_payment_method', '{"error": "Your card was declined."}');
select is((select count(*)::integer from pg_temp.money_notifications()), 1, 'NM03 applying the same failure again does not notify again');
select pg_temp.intent('requires_payment_method', '{"error": "Your card has expired."}');
select is((select count(*)::integer from pg_temp.money_notifications()), 2, 'NM04 another reason notifies again');
create temporary table failed on commit drop as select jsonb_build_object('notification_id', n.id) as message from public.notifications n where n.kind = 'payment_failed';
grant select on failed to service_role;
select is((select (mail -> 'data' ->> 'amount')::bigint from failed, public.mail_to_send(message) as mail limit 1), (select (begun ->> 'amount')::bigint from world), 'NM05 the mail names the amount');
select isnt((select public.mail_to_send(message) -> 'data' ->> 'expires_at' from failed limit 1), null, 'NM06 the mail says until when the nights are held');
select pg_temp.intent('succeeded');
select is((select b.status::text from private.bookings b, world where b.id = stay), 'confirmed', 'NM07 a payment with another card confirms the booking');
select is_empty('select from failed where public.mail_to_send(message) is not null', 'NM08 mails about the failed payment are no longer sent');

-- a refund
insert into public.refunds (payment_id, booking_id, reason, currency, amount) select (begun ->> 'payment_id')::uuid, stay, 'cancellation', 'EUR', 12000 from world;
update public.refunds set status = 'succeeded';
select is((select count(*)::integer from pg_temp.money_notifications() where kind = 'refund_sent' and who = 'Ben'), 1, 'NM09 a refund notifies the guest');
select is((select (n.data ->> 'amount')::integer from public.notifications n where n.kind = 'refund_sent'), 12000, 'NM10 the notification names the amount of the refund');
update public.refunds set status = 'succeeded';
select is((select count(*)::integer from pg_temp.money_notifications() where kind = 'refund_sent'), 1, 'NM11 a refund notifies once');

-- a payout
insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount) select stay, ana, 'EUR', 30420, 'EUR', 30420 from world;
select is_empty($$select * from pg_temp.money_notifications() where kind = 'payout_sent'$$, 'NM12 a payout does not notify before it is sent');
update public.payouts set status = 'paid', stripe_transfer_id = 'tr_told';
select results_eq($$select who from pg_temp.money_notifications() where kind = 'payout_sent'$$, $$values ('Ana')$$, 'NM13 a payout notifies the host and no co-host');
select is((select (n.data ->> 'amount')::integer from public.notifications n where n.kind = 'payout_sent'), 30420, 'NM14 the notification names the amount of the payout');
update public.payouts set status = 'paid';
select is((select count(*)::integer from pg_temp.money_notifications() where kind = 'payout_sent'), 1, 'NM15 a payout notifies once');

-- every kind is used; those of feeds are named by their event, and tested with it
select is_empty(
    $$select k.id from public.notification_kinds k where not exists (
        select from pg_catalog.pg_proc f
        join pg_catalog.pg_namespace s on s.oid = f.pronamespace and s.nspname in ('public', 'private')
        where strpos(f.prosrc, quote_literal(k.id)) > 0 and f.proname <> 'mail_to_send'
    ) and not exists (
        select from pg_catalog.pg_trigger t where strpos(pg_catalog.pg_get_triggerdef(t.oid), quote_literal(k.id)) > 0
    ) and not exists (
        select from pg_catalog.pg_enum e where e.enumtypid = 'public.booking_status'::regtype and k.id = 'booking_' || e.enumlabel
    ) and k.id not in ('feed_failed', 'feed_recovered')$$, 'NM16 every kind of notification is used by a function or trigger'
);
select is((select count(*)::integer from public.notification_kinds), 29, 'NM17 there are 29 kinds of notifications');

select * from finish();
rollback;
