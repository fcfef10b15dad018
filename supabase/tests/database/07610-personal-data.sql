-- Personal data, by the catalogue: each column that names a person is in the person's export, or has a reason here why not; and is
-- deleted with the account, or has a reason why it stays. A new column that names people fails P01 until it is listed here.
begin;
select plan(29);

create temporary table personal (tbl text, col text, probe text, is_gone boolean, why text) on commit drop;
-- probe: the column whose value the export must contain for each row of the person; null: why has the reason
insert into personal values
    ('public.accounts', 'id', 'id', true, ''),
    ('public.accounts', 'legal_name', null, true, 'with the account'),
    ('public.accounts', 'phone', null, true, 'with the account'),
    ('private.bounced_addresses', 'email', null, true, 'an address, exported with the account; nothing else is stored'),
    ('private.erasures', 'email', null, false, 'the address of a deleted account, for the hour in which it is erased from Auth''s audit log'),
    ('public.co_host_invitations', 'email', 'id', true, ''),
    ('public.co_host_invitations', 'invited_by', 'id', true, ''),
    ('public.blocked_profiles', 'blocker_id', 'blocked_id', true, ''),
    ('public.blocked_profiles', 'blocked_id', null, true, 'no one learns who blocked them'),
    ('public.booking_alterations', 'answered_by_id', null, false, 'with the booking'),
    ('public.booking_alterations', 'proposed_by_id', null, false, 'with the booking'),
    ('public.cancellation_policies', 'host_id', 'id', false, 'bookings refer to it'),
    ('public.co_hosts', 'profile_id', 'created_at', true, ''),
    ('public.host_blocks', 'created_by', 'id', false, 'deleted with the person''s own property, else the host''s'),
    ('public.own_bookings', 'created_by', 'id', false, 'deleted with the person''s own property, else the host''s'),
    ('public.overbookings', 'closed_by', null, false, 'with the property; the host''s export has the case'),
    ('public.overbookings', 'reopened_by', null, false, 'with the property; the host''s export has the case'),
    ('public.house_rules', 'created_by', null, false, 'with the property; guests agreed to them'),
    ('private.messages', 'sender_id', 'id', false, 'the other side''s too'),
    ('public.notification_preferences', 'profile_id', 'updated_at', true, ''),
    ('public.notification_settings', 'profile_id', 'updated_at', true, ''),
    ('public.notifications', 'recipient_id', 'id', true, ''),
    ('public.payments', 'guest_id', 'id', false, 'books of account'),
    ('public.payment_methods', 'profile_id', 'id', true, ''),
    ('public.payout_accounts', 'profile_id', 'stripe_account_id', true, ''),
    ('public.money_requests', 'host_id', 'id', false, 'the guest''s too'),
    ('public.money_requests', 'guest_id', 'id', false, 'the host''s too'),
    ('public.money_requests', 'answered_by', null, false, 'with the request'),
    ('public.orphans', 'receipt_email', null, false, 'of a guest without an account; removed when the mail is sent'),
    ('public.orphans', 'resolved_by', null, false, 'what an operator did'),
    ('public.refunds', 'made_by', null, false, 'books of account'),
    ('public.payout_holds', 'held_by', null, false, 'what an operator did'),
    ('public.payouts', 'host_id', 'id', false, 'books of account'),
    ('private.bookings', 'guest_id', 'id', false, 'the host''s too'),
    ('private.bookings', 'host_id', 'id', false, 'the guest''s too'),
    ('private.ledger_accounts', 'party_id', null, false, 'books of account; its entries are exported'),
    ('private.open_payables', 'host_id', null, false, 'follows from the ledger and the payouts'),
    ('private.stripe_customers', 'profile_id', null, true, 'a number at Stripe'),
    ('public.profile_ratings', 'profile_id', 'updated_at', false, 'counts what is published'),
    ('public.properties', 'host_id', 'id', false, 'archived; guests booked it'),
    ('public.reports', 'reporter_id', 'id', false, 'evidence'),
    ('public.reports', 'resolved_by', null, false, 'what an operator did'),
    ('public.reviews', 'author_id', 'id', false, 'published'),
    ('public.reviews', 'subject_id', 'id', false, 'published'),
    ('public.suspensions', 'profile_id', 'id', false, 'record'),
    ('public.suspensions', 'suspended_by', null, false, 'what an operator did'),
    ('public.thread_reads', 'profile_id', 'read_at', true, ''),
    ('public.threads', 'guest_id', 'id', false, 'the other side''s too'),
    ('public.threads', 'host_id', 'id', false, 'the other side''s too'),
    ('public.user_roles', 'user_id', 'granted_at', true, ''),
    ('public.exchange_rates', 'set_by', null, false, 'what an operator did'),
    ('public.user_roles', 'granted_by', null, false, 'what an operator did'),
    ('public.webhook_endpoints', 'owner_id', 'id', true, ''),
    ('public.wishlist_items', 'added_by', 'created_at', false, 'on lists of others, without the note'),
    ('public.wishlist_members', 'profile_id', 'wishlist_id', true, ''),
    ('public.wishlists', 'owner_id', 'id', true, ''),
    ('private.files', 'owner_id', 'path', false, 'photos of other people''s properties stay'),
    ('private.booking_events', 'actor_id', null, false, 'record'),
    ('private.property_events', 'actor_id', null, false, 'record'),
    ('public.audit_log', 'actor_id', null, false, 'record');

select bag_eq(
    $$select n.nspname || '.' || c.relname, a.attname::text
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname in ('public', 'private')
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and c.oid <> 'public.profiles'::regclass and (
        a.attname ~ '(^|_)(email|phone|legal_name|actor_id)$' or exists (
            select from pg_catalog.pg_constraint f
            where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any (f.conkey)
                and f.confrelid in ('public.profiles'::regclass, 'auth.users'::regclass)
        )
    )$$,
    'select tbl, col from personal where (tbl, col) <> (''public.profiles'', ''id'')', 'P01 every column that names a person is listed'
);

-- Ben has a row everywhere: he stayed with Ana, is her co-host, and has an archived property. Ana has the rows of a host.
create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    null::uuid as home, null::uuid as other, null::uuid as closed, null::uuid as stay, null::uuid as list, null::uuid as token, null::text as address;
grant select, update on world to authenticated;
update world set home = tests.create_property(ana), other = tests.create_property(ana), closed = tests.create_property(ben);
update world set address = (select lower(u.email) from auth.users u where u.id = ben);
update world set stay = tests.create_booking(ben, home, current_date - 10, current_date - 7, 'confirmed', now() - interval '30 days');
select private.expire_and_complete_bookings();
select private.post_transaction('test:settled', 'correction', 'Paid, and paid out', now(), array[
    row('guest', ben, 'EUR', stay, -b.guest_total)::private.posting, row('host_payable', ana, 'EUR', stay, b.host_total)::private.posting,
    row('stripe_clearing', null, 'EUR', stay, b.guest_total - b.host_total)::private.posting
]) from world join private.bookings b on b.id = stay;
insert into public.co_hosts (property_id, profile_id, level) select other, ben, 'full' from world;
insert into public.suspensions (profile_id, reason, ended_at) select p, 'A mistake.', now() from world, unnest(array[ana, ben]) as p;
insert into public.payments (booking_id, guest_id, kind, is_manual, currency, amount) select stay, ben, 'booking', false, 'EUR', 36000 from world;
insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount, status) select stay, ana, 'EUR', 30420, 'EUR', 30420, 'failed' from world;
insert into public.payout_accounts (profile_id, stripe_account_id) select p, 'acct_' || p from world, unnest(array[ana, ben]) as p;
insert into public.payment_methods (profile_id, stripe_payment_method_id, brand, last4) select ben, 'pm_ben', 'visa', '4242' from world;
insert into private.stripe_customers (profile_id, stripe_customer_id) select ben, 'cus_ben' from world;
insert into private.bounced_addresses (email, reason) select address, '550' from world;
insert into public.user_roles (user_id, role) select p, 'operator' from world, unnest(array[ana, ben]) as p;

select tests.act_as('authenticated', ana) from world;
insert into public.co_host_invitations (property_id, email, level) select home, address, 'calendar' from world;
insert into public.cancellation_policies (name, steps) select 'Mine', p.steps from public.cancellation_policies p where p.id = 'flexible';
insert into public.wishlists (name) values ('Ours');
update world set list = (select w.id from public.wishlists w where w.name = 'Ours');
insert into public.wishlist_shares (wishlist_id, can_join) select list, true from world;
update world set token = (select s.token from public.wishlist_shares s);
insert into public.messages (thread_id, body) select t.id, 'Welcome!' from world, public.threads t where t.booking_id = stay;
insert into public.money_requests (booking_id, amount, reason) select stay, 500, 'A broken cup' from world;
insert into public.reviews (booking_id, overall, cleanliness, communication) select stay, 5, 5, 5 from world;
select tests.act_as('authenticated', eva) from world;
insert into public.blocked_profiles (blocked_id) select ben from world;
select tests.act_as('authenticated', ben) from world;
insert into public.co_host_invitations (property_id, email, level) select closed, 'x@example.com', 'calendar' from world;
insert into public.host_blocks (property_id, check_in, check_out, note) select p, current_date + 100, current_date + 102, 'My sister comes' from world, unnest(array[other, closed]) as p;
insert into public.own_bookings (property_id, origin, check_in, check_out, note) select closed, 'owner', current_date + 104, current_date + 105, 'My sister comes' from world;
insert into public.blocked_profiles (blocked_id) select eva from world;
insert into public.messages (thread_id, body) select t.id, 'Thank you!' from world, public.threads t where t.booking_id = stay;
insert into public.reviews (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value) select stay, 5, 5, 5, 5, 5, 5, 5 from world;
insert into public.notification_preferences (topic, mail) values ('reviews', 'digest');
insert into public.notification_settings (quiet_from, quiet_until, time_zone) values ('22:00', '07:00', 'Europe/Lisbon');
insert into public.reports (subject, subject_id, reason) select 'profile', eva, 'spam' from world;
insert into public.webhook_endpoints (url) values ('https://hooks.example/ben');
insert into public.wishlists (name) values ('Mine');
select public.join_wishlist(token) from world;
insert into public.wishlist_items (wishlist_id, property_id, note) select list, home, 'Near my sister' from world;
select public.pause_property(closed), public.archive_property(closed) from world;

-- the export
create temporary table exports (person uuid, what text) on commit drop;
grant insert on exports to authenticated;
select tests.act_as('authenticated', ben) from world;
insert into exports select ben, public.export_my_data()::text from world;
select tests.act_as('authenticated', ana) from world;
insert into exports select ana, public.export_my_data()::text from world;
select tests.act_as('postgres');
create function pg_temp.rows_of(p personal, p_person uuid, p_export text) returns table (found integer, missing integer) language plpgsql as $$
begin
    return query execute format(
        'select count(*)::integer, (count(*) filter (where strpos($2, to_jsonb(t.%I)::text) = 0))::integer from %s t where t.%I::text = $1',
        coalesce(p.probe, p.col), p.tbl, p.col
    ) using case when p.col = 'email' then (select lower(u.email) from auth.users u where u.id = p_person) else p_person::text end, p_export;
end $$;
create temporary table checked on commit drop as
select p.tbl, p.col, p.probe, p.is_gone, e.person, r.found, r.missing
from personal p
cross join exports e
cross join lateral pg_temp.rows_of(p, e.person, e.what) r;
select is_empty('select tbl, col from checked where probe is not null group by tbl, col having sum(found) = 0', 'P02 the two people have rows in everything that is exported');
select is_empty('select tbl, col, person, missing from checked where probe is not null and missing > 0', 'P03 each row is in the export of its person');
select is(strpos(e.what, quote_ident('My sister comes')) > 0, p.ben = e.person, 'P04 what only he may read is in his export only, ' || e.person) from exports e, world p;
select is(strpos(e.what, address) > 0, true, 'P06 invited by name, ' || e.person) from exports e, world;
select ok(strpos(e.what, 'acct_' || e.person) > 0, 'P08 the export contains the payout account') from exports e;
select ok(e.what::jsonb ?& array['payments', 'payouts', 'payout_account', 'ledger', 'ratings', 'calendar_blocks'], 'P10 the export contains money and ratings') from exports e;

-- money prevents the deletion
create function pg_temp.codes(p_person uuid) returns text language sql as $$
    select coalesce(string_agg(o.problem ->> 'code', ' ' order by o.problem ->> 'code'), '') from private.account_deletion_blockers(p_person) as o (problem)
$$;
select is(pg_temp.codes(ben), '', 'P12 Ben can delete his account') from world;
update public.payments set status = 'processing';
select is(pg_temp.codes(ben), 'open_payment', 'P13 Ben cannot delete his account while a payment is processed') from world;
update public.payments set status = 'captured', captured_amount = 36000;
insert into public.refunds (payment_id, booking_id, reason, currency, amount) select p.id, p.booking_id, 'cancellation', 'EUR', 12000 from public.payments p;
select is(pg_temp.codes(ben), 'open_refund', 'P14 Ben cannot delete his account while a refund is pending') from world;
update public.refunds set status = 'failed';
select is(pg_temp.codes(ben), '', 'P15 a failed refund does not prevent the deletion') from world;
select private.post_transaction('test:refund', 'refund', 'Owed', now(), array[
    row('stripe_clearing', null, 'EUR', stay, 12000)::private.posting, row('guest', ben, 'EUR', stay, -12000)::private.posting
]) from world;
select is(pg_temp.codes(ben), 'open_refund', 'P16 Ben cannot delete his account while he is owed money') from world;
select private.post_transaction('test:refunded', 'refund', 'Paid', now(), array[
    row('stripe_clearing', null, 'EUR', stay, -12000)::private.posting, row('guest', ben, 'EUR', stay, 12000)::private.posting
]) from world;
update public.payouts set status = 'pending';
select doesnt_match(pg_temp.codes(ana), 'open_debt', 'P28 a pending payout is no debt') from world;
select matches(pg_temp.codes(ana), 'open_payout', 'P29 a pending payout prevents the deletion') from world;
update public.payouts set status = 'failed';
select private.post_transaction('test:earned', 'correction', 'Earned', now(), array[
    row('host_payable', ana, 'EUR', stay, -500)::private.posting, row('platform_fee', null, 'EUR', stay, 500)::private.posting
]) from world;
select matches(pg_temp.codes(ana), 'open_payout', 'P17 Ana cannot delete her account before she is paid') from world;
select private.post_transaction('test:debt', 'correction', 'Owed', now(), array[
    row('host_payable', ana, 'EUR', stay, 700)::private.posting, row('platform_fee', null, 'EUR', stay, -700)::private.posting
]) from world;
select matches(pg_temp.codes(ana), 'open_debt', 'P18 Ana cannot delete her account while she owes money') from world;
insert into public.disputes (id, payment_id, booking_id, status, reason, currency, amount, evidence)
select 'dp_1', p.id, p.booking_id, 'needs_response', 'fraudulent', 'EUR', 36000, '{}' from public.payments p;
select is(pg_temp.codes(ben), 'open_dispute', 'P19 no one can delete an account during a dispute') from world;
update public.disputes set status = 'won';

-- the deletion
select is_empty('select tbl, col from checked, world where is_gone and person = ben and found = 0 and col not in (''phone'', ''legal_name'')', 'P20 Ben has rows in everything that is deleted');
select tests.act_as('authenticated', ben) from world;
select lives_ok('select public.delete_account()', 'P21 Ben deletes his account');
select tests.act_as('postgres');
create temporary table remains on commit drop as
select p.tbl, p.col, r.found from personal p, world w, lateral pg_temp.rows_of(p, w.ben, '') r where p.is_gone and p.col <> 'email'
union all
select 'email', tbl, count(*)::integer from (
    select 'bounced_addresses' as tbl from private.bounced_addresses b, world where b.email = address
    union all select 'co_host_invitations' from public.co_host_invitations i, world where i.email = address
) e group by tbl;
select is_empty('select * from remains where found > 0', 'P22 everything that is deleted with an account is gone');
select is_empty($$select from public.host_blocks h, world where h.property_id = closed$$, 'P23 the calendar of his property is deleted');
select results_eq('select i.note from public.wishlist_items i, world where i.wishlist_id = list', $$values ('')$$, 'P24 the property on another person''s wishlist stays, without his note');
select is_empty($$select from public.notifications n where n.data::text like '%Ben%'$$, 'P25 no notification of another person contains his name');
select isnt_empty($$select from public.notifications n, world where n.recipient_id = ana and n.data ->> 'guest_name' = 'Deleted account'$$, 'P26 other people keep their notifications');
select isnt_empty('select from public.payments p, world where p.guest_id = ben', 'P27 payments stay');

select * from finish();
rollback;
