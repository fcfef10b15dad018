-- Messages: who opens, reads and writes threads, masking, reading, files, blocks, limits, bookings in threads, response rate.
begin;
select plan(104);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Cal') as cal, tests.create_person('Mia') as mia, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as draft, null::uuid as thread, null::uuid as stay;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false);
insert into public.co_hosts (property_id, profile_id, level)
select home, c.person, c.level::public.co_host_level from world, lateral (values (cal, 'calendar'), (mia, 'calendar_and_messages')) as c (person, level);
create function pg_temp.say(p_body text) returns text language sql as $$
    insert into public.messages (thread_id, body) select thread, p_body from world returning body
$$;
grant execute on function pg_temp.say(text) to anon, authenticated;

-- asking
select tests.act_as('anon');
select throws_ok('insert into public.threads (property_id) select home from world', '42501', null, 'M01 anon cannot open a thread');
select throws_ok('select from public.threads', '42501', null, 'M02 anon cannot read threads');
select throws_ok('select from public.messages', '42501', null, 'M03 anon cannot read messages');
select tests.act_as('authenticated', ana) from world;
select throws_ok('insert into public.threads (property_id) select home from world', 'PT422', null, 'M04 a host cannot open a thread about their own property');
select tests.act_as('authenticated', ben) from world;
select throws_ok('insert into public.threads (property_id) select draft from world', 'PT404', null, 'M05 no user can open a thread about a draft');
select throws_ok('insert into public.threads (property_id, guest_id) select home, eva from world', '42501', null, 'M06 no user can open a thread for another guest');
select lives_ok('insert into public.threads (property_id) select home from world', 'M07 a guest opens a thread');
update world set thread = (select id from public.threads);
select throws_ok('insert into public.threads (property_id) select home from world', 'PT409', 'You have already asked about this property.', 'M08 a second open inquiry about a property is refused');

-- writing and reading
select is(pg_temp.say('Is there a lift?'), 'Is there a lift?', 'M09 the guest writes a message');
select throws_ok('insert into public.messages (thread_id, sender_id, body) select thread, ana, ''x'' from world', '42501', null, 'M10 no user can write as another person');
select throws_ok('insert into public.messages (thread_id, event, body) select thread, ''booking_confirmed'', ''x'' from world', '42501', null, 'M11 no user can write as the system');
select tests.throws_code('select pg_temp.say('' '')', 'messages_body_is_plain', 'M12 an empty message is refused');
select tests.throws_code('select pg_temp.say(''<script>'')', 'messages_body_is_plain', 'M13 a message with HTML is refused');
select throws_ok('insert into public.messages (attachment_path) values (null)', 'PT422', 'There is no value for body. There is no value for thread id.', 'M70 a message names its thread and has a body');
select tests.throws_code('insert into public.messages (thread_id, body) values (gen_random_uuid(), ''x'')', 'thread_not_found', 'M71 the thread must exist');
select throws_ok('insert into public.threads (property_id) values (null)', 'PT422', 'There is no value for property id.', 'M72 a thread is about a property');
select tests.throws_code('select public.mark_thread_read(null)', 'thread_not_found', 'M73 only a thread can be marked read');
select throws_ok('update public.messages set body = ''x''', '42501', null, 'M14 a message cannot be changed');
select throws_ok('delete from public.messages', '42501', null, 'M15 a message cannot be deleted');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.threads', 'M16 a stranger cannot see the thread');
select is_empty('select from public.messages', 'M17 a stranger cannot see its messages');
select throws_ok('select pg_temp.say(''Hello'')', 'PT404', null, 'M18 a stranger cannot write in it');
select tests.act_as('authenticated', cal) from world;
select is_empty('select from public.messages', 'M19 a co-host with the level calendar cannot read messages');
select throws_ok('select pg_temp.say(''Hello'')', 'PT404', null, 'M20 a co-host with the level calendar cannot write messages');
select tests.act_as('authenticated', olga) from world;
select is_empty('select from public.messages', 'M21 an operator cannot read messages that are not reported');
select tests.act_as('authenticated', mia) from world;
select results_eq('select body from public.messages', $$values ('Is there a lift?')$$, 'M22 a co-host with the level calendar_and_messages can read messages');
select is((select t.unread_count from public.threads t), 1::bigint, 'M23 the message is unread');
select lives_ok('select public.mark_thread_read(thread) from world', 'M24 the co-host marks the thread as read');
select is((select t.unread_count from public.threads t), 0::bigint, 'M25 no message is unread');
select is(pg_temp.say('Yes, there is.'), 'Yes, there is.', 'M26 the co-host answers');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.mark_thread_read(thread) from world', 'PT404', null, 'M27 a stranger cannot mark the thread as read');
select tests.act_as('postgres');
select bag_eq(
    $$select p.display_name, n.data ->> 'preview' from public.notifications n join public.profiles p on p.id = n.recipient_id where n.kind = 'message_received'$$,
    $$values ('Ana', 'Is there a lift?'), ('Mia', 'Is there a lift?'), ('Ben', 'Yes, there is.')$$, 'M28 each message notifies the other side'
);
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.say(''And parking?'')', 'M29 the guest asks again');
select tests.act_as('postgres');
select is((select count(*)::integer from public.notifications, world where recipient_id = ana), 1, 'M30 no second notification is sent while the first is unread');

-- contact details
select tests.act_as('authenticated', ben) from world;
select is(pg_temp.say(said), stored, 'M31 ' || said) from (values
    ('Write to ben@example.com please', 'Write to [hidden] please'),
    ('ben (at) example (dot) com', '[hidden]'),
    ('Call +351 912 345 678 tonight', 'Call [hidden] tonight'),
    ('Or (0351) 912-345-678', 'Or [hidden]'),
    ('See https://example.com/x?y=1 there', 'See [hidden] there'),
    ('See example.com/ben', 'See [hidden]'),
    (E'\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18', '[hidden]'),
    (E'\u0669\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668', '[hidden]'),
    (E'9\u2060 1\u200d2\u00ad3 _4_5 6.7.8', '[hidden]'),
    (E'9\ufe0f\u20e31\ufe0f\u20e32\ufe0f\u20e33\ufe0f\u20e34\ufe0f\u20e35\ufe0f\u20e36\ufe0f\u20e3', E'[hidden]\ufe0f\u20e3'),
    ('My page: ben-hosts dot com', 'My page: [hidden]'),
    -- cspell:disable
    ('call nine one two three four five six seven', 'call [hidden]'),
    ('neun eins zwei drei vier fünf sechs', '[hidden]'),
    ('nove, um, dois, três, quatro, cinco, seis', '[hidden]'),
    ('zéro six un deux trois quatre cinq', '[hidden]'),
    ('seis uno dos tres cuatro cinco nueve', '[hidden]'),
    ('nul zes een twee drie vier vijf', '[hidden]'),
    ('my number: nine 1 two 3 four 5 six', 'my number: [hidden]'),
    (E'\u096f\u0967\u0968\u0969\u096a\u096b\u096c\u096d', '[hidden]'),
    (E'\u0e59\u0e51\u0e52\u0e53\u0e54\u0e55\u0e56', '[hidden]'),
    ('九一二三四五六七', '[hidden]'),
    ('two adults, three kids, one dog, four bikes from 2026-11-30', 'two adults, three kids, one dog, four bikes from 2026-11-30'),
    ('dos camas, tres o cuatro personas', 'dos camas, tres o cuatro personas'),
    -- cspell:enable
    ('wa.me/351912345678 or ben.com.br', '[hidden] or [hidden].br'),
    ('From (2027-06-01) to 2027-06-04 for 2', 'From (2027-06-01) to 2027-06-04 for 2'),
    ('We are 4 and pay 1,200.50 EUR', 'We are 4 and pay 1,200.50 EUR'),
    ('We arrive at 15:30. Thanks', 'We arrive at 15:30. Thanks')
) as c (said, stored);
select is((select count(*)::integer from public.messages where is_masked), 22, 'M41 masked messages are marked as such');

-- files
select throws_ok('insert into public.messages (thread_id, body, attachment_path) select thread, ''x'', thread || ''/plan.pdf'' from world', 'PT422', null, 'M42 an attachment must be uploaded first');
select throws_ok($$insert into storage.objects (bucket_id, name, owner_id) select 'message-attachments', thread || '/plan.pdf', ben::text from world$$, '42501', null, 'M43 the sender writes no object to the bucket of attachments');
select tests.act_as('postgres');
insert into storage.objects (bucket_id, name) select 'message-attachments', thread || '/plan.pdf' from world;
insert into private.files (owner_id, kind, path, status, content_type, bytes)
select ben, 'attachment', thread || '/plan.pdf', 'ready'::private.file_status, 'application/pdf', 10 from world
union all select ana, 'attachment', thread || '/anas.pdf', 'ready', 'application/pdf', 10 from world
union all select ben, 'attachment', thread || '/pending.pdf', 'pending', 'application/pdf', 10 from world;
select tests.act_as('authenticated', ben) from world;
select throws_ok('insert into public.messages (thread_id, body, attachment_path) select thread, ''x'', thread || ''/anas.pdf'' from world', 'PT422', null, 'M68 the file of another person cannot be attached');
select throws_ok('insert into public.messages (thread_id, body, attachment_path) select thread, ''x'', thread || ''/pending.pdf'' from world', 'PT422', null, 'M69 a file that is not cleaned yet cannot be attached');
select lives_ok('insert into public.messages (thread_id, body, attachment_path) select thread, ''The plan'', thread || ''/plan.pdf'' from world', 'M44 the file can be attached');
select tests.act_as('authenticated', mia) from world;
select isnt_empty($$select from storage.objects where bucket_id = 'message-attachments'$$, 'M45 the other side can see the file');
select tests.act_as('authenticated', eva) from world;
select is_empty($$select from storage.objects where bucket_id = 'message-attachments'$$, 'M46 a stranger cannot see the file');
select throws_ok($$insert into storage.objects (bucket_id, name, owner_id) select 'message-attachments', thread || '/x.pdf', eva::text from world$$, '42501', null, 'M47 a stranger cannot upload a file');

-- the booking takes over
select tests.act_as('postgres');
update world set stay = tests.create_booking(ben, home, current_date + 30, current_date + 33);
select is((select t.booking_id = stay from public.threads t, world where t.id = thread), true, 'M48 the inquiry becomes the thread of the booking');
select results_eq('select event from public.messages, world where thread_id = thread and event is not null order by event',
    $$values ('booking_awaiting_payment'), ('booking_confirmed'), ('booking_requested')$$, 'M49 each event of the booking is noted');
select tests.act_as('authenticated', ben) from world;
select is(pg_temp.say('My number is +351 912 345 678'), 'My number is +351 912 345 678', 'M50 nothing is masked once the booking is confirmed');
select is((select body from public.messages where body like 'Write to%'), 'Write to [hidden] please', 'M51 what was masked stays masked');
select lives_ok('insert into public.threads (property_id) select home from world', 'M52 a new inquiry is a new thread');

-- blocking
select tests.act_as('authenticated', ana) from world;
select lives_ok('insert into public.blocked_profiles (blocked_id) select ben from world', 'M53 a host blocks a guest');
select tests.throws_code('insert into public.blocked_profiles (blocked_id) select ana from world', 'blocked_profiles_are_others', 'M54 no user can block themselves');
select tests.throws_code('insert into public.blocked_profiles (blocked_id) select ben from world', 'already_exists', 'M74 no user can block a person twice');
select tests.throws_code('insert into public.blocked_profiles (blocked_id) values (gen_random_uuid())', 'reference_not_found', 'M75 no user can block a person who does not exist');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.blocked_profiles', 'M55 the blocked guest cannot see the block');
select lives_ok('select pg_temp.say(''When can we arrive?'')', 'M56 both can write about a confirmed booking');
update world set thread = (select id from public.threads where booking_id is null);
select throws_ok('select pg_temp.say(''Hello?'')', 'PT403', null, 'M57 the blocked guest cannot write in another thread');
select is_empty('delete from public.blocked_profiles returning blocker_id', 'M58 the blocked guest cannot end the block');
select tests.act_as('authenticated', mia) from world;
select throws_ok('select pg_temp.say(''Hello?'')', 'PT403', null, 'M59 a co-host cannot write to the blocked guest');
select tests.act_as('authenticated', ana) from world;
select isnt_empty('delete from public.blocked_profiles returning blocker_id', 'M60 the host ends the block');

-- each reader reads each message once
select tests.act_as('postgres');
create function pg_temp.read_by(p_person uuid) returns setof text language plpgsql as $$
begin
    perform tests.act_as('authenticated', p_person);
    return query select m.body from public.messages m;
    perform tests.act_as('postgres');
end
$$;
create function pg_temp.all_messages() returns setof text language sql as $$ select m.body from private.messages m $$;
select bag_eq('select pg_temp.read_by(ana) from world', 'select pg_temp.all_messages()', 'M76 the host reads every message');
select bag_eq('select pg_temp.read_by(mia) from world', 'select pg_temp.all_messages()', 'M77 a co-host with messages reads every message');
select bag_eq('select pg_temp.read_by(ben) from world', 'select pg_temp.all_messages()', 'M78 the guest reads every message');
select is_empty('select pg_temp.read_by(cal) from world', 'M79 a co-host without messages reads none');
update public.co_hosts set level = case level when 'calendar' then 'full' else 'calendar' end::public.co_host_level;
select bag_eq('select pg_temp.read_by(cal) from world', 'select pg_temp.all_messages()', 'M80 a co-host who gets the level reads what was written before');
select is_empty('select pg_temp.read_by(mia) from world', 'M81 a co-host who loses the level reads nothing');
insert into public.co_hosts (property_id, profile_id, level) select home, ben, 'full' from world;
select bag_eq('select pg_temp.read_by(ben) from world', 'select pg_temp.all_messages()', 'M82 a guest who is a co-host, too, reads each message once');
delete from public.co_hosts c using world where c.profile_id in (ben, cal);
select is_empty('select pg_temp.read_by(cal) from world', 'M83 a former co-host reads nothing');
update public.co_hosts set level = 'calendar_and_messages';
select is_empty('select pg_temp.read_by(olga) from world', 'M84 an operator reads no message that is not reported');
select tests.act_as('authenticated', olga) from world;
insert into public.threads (property_id) select home from world;
insert into public.messages (thread_id, body) select t.id, 'Is it quiet?' from public.threads t;
select results_eq('select body from public.messages', $$values ('Is it quiet?')$$, 'M85 an operator who asks as a guest reads that');
select tests.act_as('postgres');
select bag_eq('select pg_temp.read_by(mia) from world', 'select pg_temp.all_messages()', 'M86 a co-host reads what was written since');
select tests.act_as('service_role');
select is((select count(*)::integer from public.messages where body in ('Is it quiet?', 'Is there a lift?')), 2, 'M87 a service reads the messages of everyone');

-- limits
select tests.act_as('postgres');
update private.settings set value = (select count(*) + 1 from public.messages, world where sender_id = ben) where name = 'messages_per_hour';
update private.settings set value = '1' where name = 'inquiries_per_day';
update world set draft = tests.create_property(eva);
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.say(''One more.'')', 'M61 a message up to the limit is accepted');
select tests.throws_code('select pg_temp.say(''And one more.'')', 'too_many_messages', 'M62 a message over the limit is refused');
select throws_ok('insert into public.threads (property_id) select draft from world', 'PT429', 'You can ask about up to 1 properties a day.', 'M63 inquiries are limited too');
-- response rate
select tests.act_as('postgres');
update public.threads set asked_at = now() - interval '3 days', answered_at = now() - interval '3 days' + interval '2 hours'
where booking_id = (select stay from world);
update public.threads set asked_at = now() - interval '26 hours', answered_at = null where id = (select thread from world);
select tests.act_as('anon');
select results_eq('select r.* from world, public.host_response(ana) r', $$values (50, interval '2 hours', 2::bigint)$$, 'M64 one of two inquiries was answered within a day, after two hours');
select tests.act_as('postgres');
update public.threads set asked_at = now() - interval '23 hours' where id = (select thread from world);
select results_eq('select r.* from world, public.host_response(ana) r', $$values (100, interval '2 hours', 1::bigint)$$, 'M65 an unanswered inquiry younger than a day does not count');
update public.threads set asked_at = now() - interval '25 hours', answered_at = now() where id = (select thread from world);
select results_eq('select r.response_rate from world, public.host_response(ana) r', 'values (50)', 'M66 an answer after more than a day is late');
select results_eq('select r.response_rate, r.threads from world, public.host_response(eva) r', 'values (null::integer, 0::bigint)', 'M67 a host without inquiries has no rate');

select * from finish();
rollback;
