-- Moderation: reports and their queue, reported messages, suspension of people, the record of it.
begin;
select plan(59);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Olga') as olga, null::uuid as home, null::uuid as draft, null::uuid as stay, null::uuid as thread, null::uuid as message,
    null::uuid as house, null::uuid as visit;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false);
update world set stay = tests.create_booking(ben, home, current_date + 30, current_date + 33);
update world set thread = (select t.id from public.threads t where t.booking_id = stay);
select tests.act_as('authenticated', ana) from world;
insert into public.messages (thread_id, body) select thread, 'Pay me outside.' from world;
select tests.act_as('postgres');
update world set message = (select m.id from public.messages m where m.body = 'Pay me outside.');

-- reports
select tests.act_as('anon');
select throws_ok('select from public.reports', '42501', null, 'MO01 anon cannot read reports');
select throws_ok('insert into public.reports (subject, subject_id, reason) select ''property'', home, ''fraud'' from world', '42501', null, 'MO02 anon cannot report');
select tests.act_as('authenticated', olga) from world;
select is_empty('select from public.messages', 'MO03 an operator cannot read messages that are not reported');
select tests.act_as('authenticated', eva) from world;
select tests.throws_code('insert into public.reports (subject, subject_id, reason) select ''message'', message, ''fraud'' from world', 'insert_not_allowed', 'MO04 a message of others cannot be reported');
select tests.throws_code('insert into public.reports (subject, subject_id, reason) select ''property'', draft, ''fraud'' from world', 'insert_not_allowed', 'MO05 a draft cannot be reported');
select tests.throws_code('insert into public.reports (subject, subject_id, reason) select ''booking'', stay, ''fraud'' from world', 'insert_not_allowed', 'MO06 a booking of others cannot be reported');
select throws_ok('insert into public.reports (details) values (''<b>'')', 'PT422', 'The details of a report have up to 2,000 characters of plain text, without HTML and control characters. There is no value for reason. There is no value for subject id. There is no value for subject.',
    'MO56 every fault of a report is named');
select lives_ok('insert into public.reports (subject, subject_id, reason, details) select ''property'', home, ''inaccurate'', ''No river.'' from world', 'MO07 a published property can be reported');
select tests.throws_code('insert into public.reports (subject, subject_id, reason) select ''property'', home, ''spam'' from world', 'already_reported', 'MO08 a second report while the first is open is refused');
select tests.throws_code('insert into public.reports (subject, subject_id, reason) select ''profile'', ana, ''party_suspended'' from world', 'reports_people_give_a_reason', 'MO09 a reason of the system is refused');
select throws_ok('insert into public.reports (reporter_id, subject, subject_id, reason) select ben, ''profile'', ana, ''spam'' from world', '42501', null, 'MO10 no user can report as another person');
select throws_ok('select public.resolve_report(id, ''x'') from public.reports', 'PT403', null, 'MO11 a reporter cannot close a report');
select tests.act_as('authenticated', ana) from world;
select is_empty('select from public.reports', 'MO12 the person reported cannot see the report');
select tests.act_as('authenticated', ben) from world;
select lives_ok('insert into public.reports (subject, subject_id, reason) select ''message'', message, ''fraud'' from world', 'MO13 a guest reports a message');
select tests.act_as('authenticated', olga) from world;
select is((select count(*)::integer from public.reports where status = 'open'), 2, 'MO14 operators can see the queue');
select isnt_empty('select from public.messages where body = ''Pay me outside.''', 'MO15 operators can read a reported thread');
select throws_ok('select public.resolve_report(id, '' '') from public.reports where subject = ''message''', 'PT422', null, 'MO16 a resolution is required');
select tests.throws_code('select public.resolve_report(id, ''<b>Warned</b>'') from public.reports where subject = ''message''', 'report_resolution_is_plain', 'MO57 a resolution is plain text');
select is((select r.status::text from public.reports v, public.resolve_report(v.id, 'Warned the host.') r where v.subject = 'message'), 'resolved', 'MO17 an operator closes the report');
select throws_ok('select public.resolve_report(id, ''again'') from public.reports where subject = ''message''', 'PT404', null, 'MO18 a closed report cannot be closed again');
select is_empty('select from public.messages', 'MO19 operators cannot read the thread after that');
select tests.act_as('authenticated', ben) from world;
select results_eq('select resolution from public.reports', $$values ('Warned the host.')$$, 'MO20 the reporter can read the resolution');

select results_eq($$select kind, data ->> 'resolution' from public.notifications where kind = 'report_closed'$$, $$values ('report_closed', 'Warned the host.')$$, 'MO55 the reporter is notified of the resolution');

-- suspending a property
select tests.act_as('postgres');
update world set house = tests.create_property(eva);
update world set visit = tests.create_booking(ben, house, current_date + 50, current_date + 53);
select tests.act_as('authenticated', olga) from world;
select lives_ok('select public.suspend_property(house, ''No such house.'') from world', 'MO47 an operator suspends a property');
select results_eq(
    $$select r.subject_id, r.reason::text, r.reporter_id from public.reports r where r.subject = 'booking'$$,
    $$select visit, 'property_suspended', null::uuid from world$$, 'MO48 a confirmed stay at the property becomes a case'
);
select matches((select r.details from public.reports r where r.subject = 'booking'), '^The property was suspended. Stay at "House by the river" from .+, confirmed\.$', 'MO49 the case describes the stay');
select lives_ok('select public.unsuspend_property(house) from world', 'MO50 the suspension of the property ends');
select lives_ok('select public.suspend_property(house, ''Again.'') from world', 'MO51 the property is suspended again');
select is((select count(*)::integer from public.reports where subject = 'booking'), 1, 'MO52 no second case is opened while one is open');
select lives_ok('select public.resolve_report(id, ''The house is there.'') from public.reports where subject = ''booking''', 'MO53 an operator closes the case');
select lives_ok('select public.unsuspend_property(house) from world', 'MO54 the suspension ends again');

-- suspending a person
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.suspend_profile(ana, ''x'') from world', 'PT403', null, 'MO21 only operators can suspend a person');
select tests.act_as('authenticated', olga) from world;
select tests.throws_code('select public.suspend_profile(ana, '' '') from world', 'moderation_reason_is_plain', 'MO22 a suspension needs a reason');
select tests.throws_code('select public.suspend_profile(ana, null) from world', 'moderation_reason_is_plain', 'MO58 the reason cannot be null');
select tests.throws_code('select public.suspend_profile(gen_random_uuid(), ''x'')', 'person_not_found', 'MO59 the person must exist');
select results_eq('select c.subject_id, c.reason::text from world, public.suspend_profile(ana, ''Asked for money outside.'') c', 'select stay, ''party_suspended'' from world', 'MO23 a confirmed stay of the person becomes a case');
select throws_ok('select public.suspend_profile(ana, ''again'') from world', 'PT409', null, 'MO24 a suspended person cannot be suspended again');
select tests.act_as('postgres');
select is((select p.status::text from public.properties p, world where p.id = home), 'suspended', 'MO25 the properties of the person are suspended');
select is((select b.status::text from private.bookings b, world where b.id = stay), 'confirmed', 'MO26 the confirmed stay remains');
select bag_eq(
    $$select n.kind, n.data ->> 'reason' from public.notifications n, world where n.recipient_id = ana and n.kind like '%suspended'$$,
    $$values ('account_suspended', 'Asked for money outside.'), ('property_suspended', 'Asked for money outside.')$$, 'MO27 the person is notified of both suspensions'
);
select tests.act_as('authenticated', ana) from world;
select results_eq('select reason from public.suspensions', $$values ('Asked for money outside.')$$, 'MO28 the person can read the reason');
select throws_ok('insert into public.properties (title) values (''Another'')', 'PT403', 'This account is suspended.', 'MO29 a suspended person cannot create a property');
select throws_ok('select public.publish_property(draft) from world', 'PT403', 'This account is suspended.', 'MO30 a suspended person cannot publish a property');
select throws_ok('insert into public.messages (thread_id, body) select thread, ''Hello'' from world', 'PT403', 'This account is suspended.', 'MO31 a suspended person cannot write messages');
select throws_ok('select public.unsuspend_profile(ana) from world', 'PT403', null, 'MO32 a suspended person cannot end the suspension');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.suspensions', 'MO33 others cannot see the suspension');
select tests.act_as('postgres');
update world set draft = tests.create_property(eva);
insert into public.suspensions (profile_id, reason) select ben, 'Spam.' from world;
select tests.act_as('authenticated', ben) from world;
select throws_ok($$insert into public.bookings (property_id, check_in, check_out) select draft, current_date + 9, current_date + 11 from world$$,
    'PT403', 'This account is suspended.', 'MO34 a suspended guest cannot book');
select throws_ok('insert into public.threads (property_id) select draft from world', 'PT403', 'This account is suspended.', 'MO35 a suspended guest cannot open a thread');
select lives_ok('select public.cancel_booking(stay) from world', 'MO36 a suspended guest can cancel a booking');
select tests.act_as('authenticated', olga) from world;
select lives_ok('select public.unsuspend_profile(ana) from world', 'MO37 an operator ends the suspension');
select throws_ok('select public.unsuspend_profile(ana) from world', 'PT404', null, 'MO38 a suspension ends once');
select tests.act_as('authenticated', ana) from world;
select lives_ok('insert into public.properties (title) values (''Another'')', 'MO39 the person can create a property again');

-- the record
select is_empty('select from public.audit_log', 'MO40 only operators can read the audit log');
select throws_ok('select public.audit_trail(ana) from world', 'PT403', null, 'MO41 only operators can read the audit trail');
select tests.act_as('authenticated', olga) from world;
select results_eq(
    $$select action, actor_id, before ->> 'ended_at' is null, after ->> 'reason' from public.audit_log, world
      where table_name = 'suspensions' and after ->> 'profile_id' = ana::text order by id$$,
    $$select a, olga, true, 'Asked for money outside.' from world, unnest(array['insert', 'update']) as a$$, 'MO42 the audit log contains who made each change, and the values before and after'
);
select is((select string_agg(t.event, ',' order by t.at) from world, public.audit_trail(stay) t where t.source = 'bookings'),
    'created,status_changed,status_changed,status_changed', 'MO43 the audit trail contains the events of a booking');
select throws_ok('delete from public.audit_log', '42501', null, 'MO44 no user can delete from the audit log');
select tests.act_as('postgres');
select throws_ok('delete from public.audit_log', 'PT409', null, 'MO45 the owner of the database cannot delete from it');
select throws_ok('truncate public.audit_log', 'PT409', null, 'MO46 the owner of the database cannot empty it');

select * from finish();
rollback;
