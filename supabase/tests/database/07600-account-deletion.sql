-- Deleting an account with reviews, messages and wishlists: what prevents it, what is deleted, what stays; and the export.
begin;
select plan(29);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as stay, null::uuid as list;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update world set stay = tests.create_booking(ben, home, current_date - 10, current_date - 7, 'confirmed', now() - interval '30 days');
select private.expire_and_complete_bookings();

select tests.act_as('authenticated', ben) from world;
insert into public.reviews (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value, comment)
select stay, 5, 5, 5, 5, 5, 5, 5, 'Lovely.' from world;
insert into public.review_notes (review_id, note) select id, 'The tap drips.' from public.reviews;
insert into public.wishlists (name) values ('Lisbon');
insert into public.notification_settings (quiet_from, quiet_until, time_zone) values ('22:00', '07:00', 'Europe/Lisbon');
insert into public.messages (thread_id, body) select t.id, 'Thank you!' from public.threads t;

insert into public.webhook_endpoints (url) values ('https://hooks.example/ben');

-- the export
select is((select public.export_my_data() #>> '{reviews_written,0,note}'), 'The tap drips.', 'L01 the export contains reviews and notes');
select is((select public.export_my_data() #>> '{threads,0,messages,0,event}'), 'booking_requested', 'L02 the export contains threads');
select is((select jsonb_path_exists(public.export_my_data(), '$.threads[0].messages[*].body ? (@ == "Thank you!")')), true, 'L03 the export contains messages');
select is((select public.export_my_data() #>> '{wishlists,0,name}'), 'Lisbon', 'L04 the export contains wishlists');
select is((select public.export_my_data() #>> '{webhook_endpoints,0,url}'), 'https://hooks.example/ben', 'L22 the export contains webhook endpoints');
select is((select public.export_my_data() #>> '{quiet_hours,quiet_from}'), '22:00:00', 'L05 the export contains settings');
select ok((select jsonb_array_length(public.export_my_data() -> 'notifications') >= 2), 'L06 the export contains notifications');
select is((select public.export_my_data() #>> '{bookings,0,property_title}'), 'House by the river', 'L07 the export contains bookings');
select tests.act_as('authenticated', ana) from world;
select is((select public.export_my_data() -> 'reviews_received'), '[]', 'L08 the export contains no review that is not published');
select tests.act_as('anon');
select throws_ok('select public.export_my_data()', '42501', null, 'L09 anon cannot export');

-- the review window
create function pg_temp.codes(p_sql text) returns text language plpgsql as $$
declare v_detail text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(d ->> 'code', ' ' order by d ->> 'code') from jsonb_array_elements(v_detail::jsonb) d where d ? 'id' and d ? 'message');
end $$;
select tests.act_as('authenticated', ben) from world;
select is(pg_temp.codes('select public.delete_account()'), 'open_review_window', 'L10 a guest cannot delete an account while the review window is open');
select tests.act_as('authenticated', ana) from world;
select is(pg_temp.codes('select public.delete_account()'), 'open_payout open_review_window property_not_archived', 'L11 a host cannot delete an account before the payout or while the review window is open; the guest''s review stays secret');
insert into public.reviews (booking_id, overall, cleanliness, communication) select stay, 5, 5, 5 from world;
select tests.act_as('authenticated', ben) from world;
select tests.act_as('postgres');
insert into private.stripe_customers (profile_id, stripe_customer_id) select ben, 'cus_ben' from world;
create temporary table address on commit drop as select u.email from auth.users u, world where u.id = ben;
insert into auth.audit_log_entries (id, payload)
select gen_random_uuid(), e.entry::json
from world, address, lateral (values
    (jsonb_build_object('actor_id', ben, 'actor_username', email, 'action', 'login')),
    (jsonb_build_object('actor_id', gen_random_uuid(), 'traits', jsonb_build_object('user_id', ben, 'user_email', upper(email)))),
    (jsonb_build_object('actor_id', ana, 'actor_username', 'ana@example.com', 'action', 'login'))
) as e (entry);
select tests.act_as('authenticated', ben) from world;
select is(jsonb_array_length(public.export_my_data() -> 'kept_after_deletion'), 3, 'L24 the export says what is kept after a deletion');
select lives_ok('select public.delete_account()', 'L12 a guest can delete an account when both reviews are written');
select tests.act_as('postgres');
select isnt_empty('select from private.stripe_tasks where kind = ''delete_customer'' and subject = ''cus_ben''', 'L25 the customer at Stripe is to be deleted');
select is_empty('select from private.stripe_customers c, world where c.profile_id = ben', 'L26 the customer''s id is forgotten');
select private.erase_auth_audit_log();
select is_empty(
    'select from auth.audit_log_entries a, world, address where a.payload::text like ''%'' || ben || ''%'' or lower(a.payload::text) like ''%'' || email || ''%''',
    'L27 Auth''s audit log no longer names the guest'
);
select isnt_empty('select from auth.audit_log_entries a, world where a.payload ->> ''actor_id'' = ana::text', 'L28 entries of others stay');
update private.erasures set requested_at = now() - interval '2 hours';
select private.erase_auth_audit_log();
select is_empty('select from private.erasures', 'L29 the address is forgotten an hour later');
select is_empty('select from public.notifications n, world where n.recipient_id = ben', 'L13 the guest''s notifications are deleted');
select is_empty('select from public.wishlists w, world where w.owner_id = ben', 'L14 the guest''s wishlists are deleted');
select is_empty('select from public.webhook_endpoints e, world where e.owner_id = ben', 'L23 the guest''s webhook endpoints are deleted');
select is_empty('select from public.notification_settings s, world where s.profile_id = ben', 'L15 the guest''s settings are deleted');
select results_eq(
    'select p.display_name, r.comment from public.reviews r join public.profiles p on p.id = r.author_id, world where r.author_id = ben',
    $$values ('Deleted account', 'Lovely.')$$, 'L16 the guest''s review stays, without the name'
);
select results_eq('select review_count from public.property_ratings, world where property_id = home', 'values (1)', 'L17 the review still counts');
select isnt_empty('select from public.messages where body = ''Thank you!''', 'L18 the guest''s message stays with the host');
select private.notify(ben, 'review_published', 'late') from world;
select is_empty('select from public.notifications n, world where n.recipient_id = ben', 'L19 a deleted account gets no notification');
select tests.act_as('authenticated', ana) from world;
select lives_ok('insert into public.messages (thread_id, body) select t.id, ''Welcome back'' from public.threads t', 'L20 the host can still write in the thread');
select tests.act_as('postgres');
select is_empty('select from public.notifications where kind = ''message_received'' and data ->> ''preview'' = ''Welcome back''', 'L21 a message to a deleted account notifies no one');

select * from finish();
rollback;
