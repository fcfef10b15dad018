-- Reviews: who writes, when, who reads before and after, editing, notes, replies, moderation, averages.
begin;
select plan(91);

-- these stays are confirmed without a payment
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as stay, null::uuid as other, null::uuid as ahead, null::uuid as gone;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant', max_nights = 60 where id = (select home from world);
insert into public.co_hosts (property_id, profile_id, level) select home, fay, 'full' from world;

-- The clock is moved by moving the stay: its check-out becomes p_at.
create function pg_temp.check_out_at(p_booking uuid, p_at timestamptz) returns void language plpgsql as $$
begin
    set constraints all immediate; -- deferred triggers must have run before the table is altered
    alter table private.bookings disable trigger user;
    update private.bookings b
    set
        time_zone = 'UTC', check_out = (p_at at time zone 'UTC')::date, check_in = (p_at at time zone 'UTC')::date - b.nights,
        check_out_until = (p_at at time zone 'UTC')::time(0), check_out_at = p_at, check_in_at = p_at - make_interval(days => b.nights)
    where b.id = p_booking;
    alter table private.bookings enable trigger user;
    set constraints all deferred;
end $$;
-- The end of the window is moved by moving both reviews of a stay.
create function pg_temp.publish_at(p_booking uuid, p_at timestamptz) returns void language sql as $$
    update public.reviews set publishes_at = p_at where booking_id = p_booking
$$;
create function pg_temp.post(p_booking uuid, p_stars integer) returns uuid language sql as $$
    insert into public.reviews (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value, comment)
    values (p_booking, p_stars, p_stars, p_stars, p_stars, p_stars, p_stars, p_stars, 'Quiet and clean.') returning id
$$;
create function pg_temp.post_of_guest(p_booking uuid, p_stars integer) returns uuid language sql as $$
    insert into public.reviews (booking_id, overall, cleanliness, communication, comment)
    values (p_booking, p_stars, p_stars, p_stars, 'Good guests.') returning id
$$;
grant execute on function pg_temp.post(uuid, integer), pg_temp.post_of_guest(uuid, integer) to anon, authenticated, service_role;

update world set
    stay = tests.create_booking(ben, home, current_date - 10, current_date - 7, 'confirmed', now() - interval '30 days'),
    other = tests.create_booking(eva, home, current_date - 20, current_date - 17, 'confirmed', now() - interval '40 days'),
    ahead = tests.create_booking(ben, home, current_date + 20, current_date + 23),
    gone = tests.create_booking(ben, home, current_date - 40, current_date - 37, 'confirmed', now() - interval '60 days');

-- who
select tests.act_as('anon');
select throws_ok('select pg_temp.post(stay, 5) from world', '42501', null, 'R01 anon cannot write a review');
select lives_ok('select from public.reviews', 'R02 anon can read published reviews');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select pg_temp.post(stay, 5) from world', 'PT404', null, 'R03 a person cannot review another guest''s stay');
select throws_ok('select pg_temp.post(gen_random_uuid(), 5)', 'PT404', null, 'R04 another guest''s stay looks like one that does not exist');
select tests.act_as('authenticated', fay) from world;
select throws_ok('select pg_temp.post_of_guest(stay, 5) from world', 'PT404', null, 'R05 a co-host cannot review');
select tests.act_as('service_role');
select throws_ok('select pg_temp.post(stay, 5) from world', '42501', null, 'R06 the service role cannot review');
select tests.act_as('authenticated', ben) from world;
select throws_ok('insert into public.reviews (booking_id, author_id, overall) select stay, ana, 5 from world', '42501', null, 'R07 no user can write a review for another person');

-- when
select throws_ok('select pg_temp.post(ahead, 5) from world', 'PT409', 'A stay can be reviewed after check-out.', 'R08 a stay cannot be reviewed before check-out');
select throws_ok('select pg_temp.post(gone, 5) from world', 'PT409', 'The time for reviews of this stay is over.', 'R09 a stay cannot be reviewed two weeks after check-out');
select tests.act_as('postgres');
select pg_temp.check_out_at(ahead, date_trunc('second', clock_timestamp()) + interval '2 seconds') from world;
select tests.act_as('authenticated', ben) from world;
select throws_ok('select pg_temp.post(ahead, 5) from world', 'PT409', 'A stay can be reviewed after check-out.', 'R10 a stay cannot be reviewed two seconds before check-out');
select tests.act_as('postgres');
select pg_temp.check_out_at(ahead, date_trunc('second', clock_timestamp())) from world;
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.post(ahead, 5) from world', 'R11 a stay can be reviewed from the second of check-out on');
delete from public.reviews where booking_id = (select ahead from world);
select tests.act_as('postgres');
select pg_temp.check_out_at(ahead, date_trunc('second', clock_timestamp()) - interval '14 days') from world;
select tests.act_as('authenticated', ben) from world;
select throws_ok('select pg_temp.post(ahead, 5) from world', 'PT409', 'The time for reviews of this stay is over.', 'R12 the window closes after 14 days to the second');
select tests.act_as('postgres');
select pg_temp.check_out_at(ahead, date_trunc('second', clock_timestamp()) - interval '14 days' + interval '5 seconds') from world;
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.post(ahead, 5) from world', 'R13 a stay can be reviewed seconds before the window closes');
delete from public.reviews where booking_id = (select ahead from world);
select tests.act_as('postgres');
select is(
    private.review_window_ends_at(jsonb_populate_record(null::private.bookings, v)), e::timestamptz,
    'R14 14 days in the property''s time zone, ' || n
)
from (values
    ('over the end of summer time', '{"check_out": "2026-10-12", "check_out_until": "11:00", "time_zone": "Europe/Lisbon"}'::jsonb, '2026-10-26 11:00+00'),
    ('over its beginning', '{"check_out": "2027-03-20", "check_out_until": "11:00", "time_zone": "Europe/Lisbon"}', '2027-04-03 10:00+00'),
    ('over a leap day', '{"check_out": "2028-02-20", "check_out_until": "10:30", "time_zone": "Pacific/Kiritimati"}', '2028-03-04 20:30+00'),
    ('into the skipped hour', '{"check_out": "2027-03-14", "check_out_until": "01:30", "time_zone": "Europe/Lisbon"}', '2027-03-28 01:30+00')
) as c (n, v, e);

-- what
select tests.act_as('authenticated', ben) from world;
select tests.throws_code('select pg_temp.post(stay, 6) from world', 'accuracy_range', 'R18 a rating of 6 is refused');
select tests.throws_code('select pg_temp.post(stay, 0) from world', 'accuracy_range', 'R19 a rating of 0 is refused');
select tests.throws_code(format('insert into public.reviews (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value)
    select stay, 6, %s from world', r), c, 'R18 ' || c)
from (values
    ('1, 5, 5, 5, 5, 5', 'overall_range'), ('6, 5, 5, 5, 5, 5', 'accuracy_range'), ('5, 6, 5, 5, 5, 5', 'cleanliness_range'), ('5, 5, 6, 5, 5, 5', 'check_in_range'),
    ('5, 5, 5, 6, 5, 5', 'communication_range'), ('5, 5, 5, 5, 6, 5', 'location_range')
) as c (r, c);
select tests.throws_code('select pg_temp.post_of_guest(stay, 4) from world', 'reviews_of_stays_have_all_categories', 'R20 a guest rates all categories');
select throws_ok('insert into public.reviews (comment) values (''<b>Nice</b>'')', 'PT422',
    'The comment of a review has up to 5,000 characters of plain text, without HTML and control characters. '
        'A guest rates accuracy, check_in, location and value too; a host rates none of these four. '
        'There is no value for booking id. There is no value for cleanliness. There is no value for communication. There is no value for overall.',
    'R79 every missing or broken column of a review is named');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code('select pg_temp.post(stay, 4) from world', 'reviews_of_stays_have_all_categories', 'R21 a host does not rate the property');
select throws_ok('insert into public.reviews (booking_id, overall, communication) select stay, 5, 5 from world', 'PT422', 'There is no value for cleanliness.',
    'R80 a host''s review without cleanliness is refused');

-- the first review stays hidden
select tests.act_as('authenticated', ben) from world;
select lives_ok('select pg_temp.post(stay, 4) from world', 'R22 the guest writes a review');
select throws_ok('select pg_temp.post(stay, 4) from world', 'PT409', 'You have already reviewed this stay.', 'R23 a second review of the stay is refused');
select results_eq(
    'select side::text, overall::integer, subject_id, property_id from public.reviews where author_id = (select ben from world)',
    'select ''guest'', 4, ana, home from world', 'R24 the guest can read their own review'
);
select isnt_empty('update public.reviews set overall = 3, comment = ''It was fine.'' where author_id = (select ben from world) returning id', 'R25 the guest can change their review');
select throws_ok('update public.reviews set publishes_at = now()', '42501', null, 'R26 the guest cannot change when it is published');
select lives_ok('insert into public.review_notes (review_id, note) select id, ''The tap drips.'' from public.reviews', 'R27 the guest can add a private note');
select tests.act_as('authenticated', ana) from world;
select is_empty('select from public.reviews', 'R28 the host cannot see the hidden review');
select is_empty('select from public.review_notes', 'R29 the host cannot see its note');
select is_empty('update public.reviews set overall = 5 returning id', 'R30 the host cannot change it');
select is_empty('delete from public.reviews returning id', 'R31 the host cannot delete it');
select throws_ok('select public.reply_to_review(id, ''Thanks'') from world, lateral (select gen_random_uuid() as id) x', 'PT404', null, 'R32 the host cannot reply to a review that does not exist');
select tests.act_as('postgres');
create temporary table seen on commit drop as select id from public.reviews;
grant select on seen to anon, authenticated, service_role;
select tests.act_as('authenticated', ana) from world;
select throws_ok('select public.reply_to_review(id, ''Thanks'') from seen', 'PT404', 'There is no published review of you with this id.', 'R33 the host cannot answer a hidden review by its id');
select tests.throws_code('insert into public.review_notes (review_id, note) select id, ''x'' from seen', 'reference_not_found', 'R34 the host cannot add a note to the guest''s hidden review');
select tests.throws_code('insert into public.review_notes (review_id, note) values (gen_random_uuid(), ''x'')', 'reference_not_found', 'R81 the hidden review looks as if it did not exist');
select tests.act_as('authenticated', fay) from world;
select is_empty('select from public.reviews', 'R35 a co-host cannot see it');
select tests.act_as('authenticated', olga) from world;
select is_empty('select from public.reviews', 'R36 an operator cannot see it');
select throws_ok('select public.moderate_review(id, ''removed'', ''x'') from seen', 'PT404', null, 'R37 an operator cannot moderate it');
select tests.act_as('anon');
select is_empty('select from public.reviews', 'R38 anon cannot see it');
select is_empty('select from public.property_ratings', 'R39 the ratings of the property do not include it');
select is_empty('select from public.profile_ratings', 'R40 the ratings of the host do not include it');
select tests.act_as('postgres');
select is(private.publish_due_reviews(), 0, 'R41 publish_due_reviews does not count it');
select is_empty('select from pg_statistic s where s.starelid = ''public.reviews''::regclass', 'R42 the planner has no statistics of reviews');
select is_empty($$select from pg_attribute where attrelid = 'public.reviews'::regclass and attnum > 0 and attstattarget is distinct from 0$$, 'R43 no column of reviews collects statistics');

-- the second one in
select tests.act_as('authenticated', ana) from world;
select lives_ok('select pg_temp.post_of_guest(stay, 5) from world', 'R44 the host writes a review');
select results_eq(
    'select side::text, overall::integer, comment from public.reviews order by side',
    $$values ('guest', 3, 'It was fine.'), ('host', 5, 'Good guests.')$$, 'R45 the host can now read both reviews'
);
select results_eq('select note from public.review_notes', $$values ('The tap drips.')$$, 'R46 the host can now read the note');
select tests.act_as('anon');
select is((select count(*)::integer from public.reviews), 2, 'R47 anon can read both reviews');
select throws_ok('select from public.review_notes', '42501', null, 'R48 anon cannot read notes');
select results_eq('select review_count, overall, value from public.property_ratings', 'values (1, 3.00, 4.00)', 'R49 the ratings of the property include the guest''s review');
select results_eq(
    'select rated_as::text, review_count, overall, profile_id from public.profile_ratings order by rated_as',
    'select ''guest'', 1, 5.00, ben from world union all select ''host'', 1, 3.00, ana from world', 'R50 the ratings of both people include the reviews'
);
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.review_notes', 'R51 a stranger cannot read the note');
select tests.act_as('authenticated', ben) from world;
select is_empty('update public.reviews set overall = 1 returning id', 'R52 a published review cannot be changed');
select is_empty('delete from public.reviews returning id', 'R53 a published review cannot be deleted');
select is_empty('delete from public.review_notes returning review_id', 'R54 its note cannot be deleted');
select tests.act_as('postgres');
select throws_ok('update public.reviews set comment = ''x''', 'PT409', null, 'R55 the owner of the database cannot change a published review');
select throws_ok('delete from public.reviews', 'PT409', null, 'R56 the owner of the database cannot delete it');

-- replies
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.reply_to_review(id, ''Mine'') from public.reviews where side = ''guest''', 'PT404', null, 'R57 the author cannot reply to their own review');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.reply_to_review(id, ''x'') from public.reviews where side = ''guest''', 'PT404', null, 'R58 a stranger cannot reply');
select tests.act_as('authenticated', ana) from world;
select is((select r.reply from public.reviews v, public.reply_to_review(v.id, 'The tap is new.') r where v.side = 'guest'), 'The tap is new.', 'R59 the host replies to the guest''s review');
select tests.throws_code('select public.reply_to_review(id, ''Again'') from public.reviews where side = ''guest''', 'review_already_answered', 'R60 a second reply is refused');
select tests.act_as('authenticated', ben) from world;
select tests.throws_code(format('select public.reply_to_review(id, %L) from public.reviews where side = ''host''', r), 'review_reply_is_plain', 'R82 a reply is plain text')
from unnest(array['<b>Thanks</b>', ' ', null]) as r;
select tests.act_as('authenticated', ana) from world;

-- the window ends with one
select tests.act_as('postgres');
select pg_temp.check_out_at(other, now() - interval '13 days') from world;
select tests.act_as('authenticated', eva) from world;
select lives_ok('select pg_temp.post(other, 5) from world', 'R61 a guest writes a review, and the host does not');
select tests.act_as('postgres');
select pg_temp.publish_at(other, now() + interval '1 second') from world;
select tests.act_as('anon');
select is((select count(*)::integer from public.reviews), 2, 'R62 a second before the window closes the review is hidden');
select tests.act_as('postgres');
select pg_temp.publish_at(other, now()) from world;
select tests.act_as('anon');
select is((select count(*)::integer from public.reviews), 3, 'R63 when the window closes the review is public at once');
select results_eq('select review_count from public.property_ratings', 'values (1)', 'R64 the ratings do not include it yet');
select tests.act_as('authenticated', eva) from world;
select is_empty('update public.reviews set overall = 1 returning id', 'R65 its author can no longer change it');
select tests.act_as('postgres');
select is(private.publish_due_reviews(), 1, 'R66 publish_due_reviews counts one review');
select is(private.publish_due_reviews(), 0, 'R67 publish_due_reviews counts it once');
select results_eq('select review_count, overall from public.property_ratings', 'values (2, 4.00)', 'R68 the average rating is (3 + 5) / 2 = 4');

-- moderation
select tests.act_as('authenticated', ana) from world;
select throws_ok('select public.moderate_review(id, ''removed'', ''I do not like it'') from public.reviews where overall = 3', 'PT403', null, 'R69 a host cannot moderate');
select tests.act_as('authenticated', olga) from world;
select throws_ok('select public.moderate_review(id, ''removed'') from public.reviews where overall = 3', 'PT422', null, 'R70 an operator must give a reason');
select tests.throws_code('select public.moderate_review(id, null) from public.reviews where overall = 3', 'review_state_missing', 'R83 a state is required');
select is((select m.state::text from public.reviews v, public.moderate_review(v.id, 'removed', 'It names a person.') m where v.overall = 3), 'removed', 'R71 an operator removes a review');
select tests.act_as('anon');
select is((select count(*)::integer from public.reviews), 2, 'R72 anon cannot read a removed review');
select results_eq('select review_count, overall from public.property_ratings', 'values (1, 5.00)', 'R73 the ratings do not include a removed review');
select tests.act_as('authenticated', ben) from world;
select results_eq('select state_reason from public.reviews where author_id = (select ben from world)', $$values ('It names a person.')$$, 'R74 its author can read the reason');
select tests.act_as('authenticated', olga) from world;
select lives_ok('select public.moderate_review(id, ''visible'') from public.reviews where overall = 3', 'R75 the operator shows the review again');
select results_eq('select review_count, overall from public.property_ratings', 'values (2, 4.00)', 'R76 the ratings include it again');

-- what never was
select tests.act_as('postgres');
update world set gone = tests.create_booking(eva, home, current_date + 30, current_date + 32);
select tests.act_as('authenticated', eva) from world;
select lives_ok('select public.cancel_booking(gone) from world', 'R77 the guest cancels a stay');
select tests.act_as('postgres');
select pg_temp.check_out_at(gone, now() - interval '1 day') from world;
select tests.act_as('authenticated', eva) from world;
select throws_ok('select pg_temp.post(gone, 1) from world', 'PT409', 'Only a stay that took place can be reviewed.', 'R78 a cancelled stay cannot be reviewed');

select * from finish();
rollback;
