-- Properties: every verb as host, stranger, anon, co-host of each level, operator and service role; bad input.
begin;
select plan(115);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, -- hosts
    tests.create_person('Ben') as ben, -- a stranger, who hosts elsewhere
    tests.create_person('Cal') as cal, -- co-host, calendar
    tests.create_person('Mia') as mia, -- co-host, calendar and messages
    tests.create_person('Fay') as fay, -- co-host, full
    tests.create_person('Olga') as olga, -- operator
    null::uuid as draft, null::uuid as home, null::uuid as bens;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set draft = tests.create_property(ana, false), home = tests.create_property(ana), bens = tests.create_property(ben);
insert into public.co_hosts (property_id, profile_id, level)
select p.id, c.person, c.level::public.co_host_level
from world, unnest(array[draft, home]) as p (id),
    lateral (values (cal, 'calendar'), (mia, 'calendar_and_messages'), (fay, 'full')) as c (person, level);

-- reading
select tests.act_as('anon');
select is((select status from public.properties where id = (select home from world)), 'published', 'PR01 anon reads a published property');
select is_empty('select from public.properties, world where id = draft', 'PR02 anon reads no draft');
select tests.act_as('authenticated', ben) from world;
select isnt_empty('select from public.properties, world where id = home', 'PR03 a stranger reads a published property');
select is_empty('select from public.properties, world where id = draft', 'PR04 a stranger reads no draft');
select tests.act_as('authenticated', ana) from world;
select isnt_empty('select from public.properties, world where id = draft', 'PR05 a host reads her draft');
select tests.act_as('authenticated', cal) from world;
select isnt_empty('select from public.properties, world where id = draft', 'PR06 a co-host for the calendar reads the draft');
select tests.act_as('authenticated', olga) from world;
select isnt_empty('select from public.properties, world where id = draft', 'PR07 an operator reads the draft');

-- creating
select tests.act_as('anon');
select throws_ok('insert into public.properties (title) values (''x'')', '42501', null, 'PR08 anon creates no property');
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'insert into public.properties (title) values (''Tree house'') returning host_id, status::text, published_at is null',
    'select ana, ''draft'', true from world', 'PR09 a title is enough to create a draft'
);
select throws_ok('insert into public.properties (title, host_id) select ''x'', ben from world', '42501', null, 'PR10 people cannot create properties for others');
select throws_ok('insert into public.properties (title, status) values (''x'', ''published'')', '42501', null, 'PR11 people cannot create published properties');
select throws_ok('insert into public.properties (title, source, source_id) values (''x'', ''a'', ''1'')', '42501', null, 'PR12 people cannot create imported properties');
select throws_ok('insert into public.properties (title, public_latitude) values (''x'', 1)', '42501', null, 'PR13 people cannot set the public point');
select throws_ok('update public.properties set id = gen_random_uuid()', 'PT422', null, 'PR14 people cannot change the id');

-- changing
select results_eq(
    'update public.properties set title = ''River house'' where id = (select home from world) returning title',
    array['River house'], 'PR15 a host changes her property'
);
select throws_ok('update public.properties set host_id = (select ben from world)', '42501', null, 'PR16 a host cannot change the host');
select throws_ok('update public.properties set published_at = null', '42501', null, 'PR17 a host cannot change the time of publication');
select throws_ok('update public.properties set status = ''published''', '42501', null, 'PR18 a host cannot set the status directly');
select throws_ok('update public.properties set public_latitude = 0', '42501', null, 'PR19 a host cannot change the public point');
select throws_ok('update public.properties set status_reason = ''none''', '42501', null, 'PR20 a host cannot change the reason of a suspension');
select tests.act_as('authenticated', fay) from world;
select results_eq(
    'update public.properties set base_price = 13000 where id = (select home from world) returning base_price',
    array[13000::bigint], 'PR21 a full co-host changes a property'
);
select tests.act_as('authenticated', mia) from world;
select is_empty('update public.properties set base_price = 1000 where id = (select home from world) returning id', 'PR22 a co-host for messages does not change a property');
select tests.act_as('authenticated', cal) from world;
select is_empty('update public.properties set base_price = 1000 where id = (select home from world) returning id', 'PR23 a co-host for the calendar does not change a property');
select tests.act_as('authenticated', ben) from world;
select is_empty('update public.properties set title = ''Mine'' where id = (select home from world) returning id', 'PR24 a stranger does not change a property');
select tests.act_as('authenticated', olga) from world;
select is_empty('update public.properties set title = ''Mine'' where id = (select home from world) returning id', 'PR25 an operator does not change a property');
select tests.act_as('anon');
select throws_ok('update public.properties set title = ''x''', '42501', null, 'PR26 anon changes no property');
select tests.act_as('service_role');
select lives_ok('update public.properties set source = ''elsewhere'', source_id = ''7'' where id = (select bens from world)', 'PR27 the service role sets the source');
select throws_ok(
    'update public.properties set source = ''elsewhere'', source_id = ''7'' where id = (select home from world)',
    '23505', null, 'PR28 two properties cannot have the same id of one source'
);
select throws_ok('update public.properties set public_latitude = 0', '42501', null, 'PR29 the service role cannot change the public point');

-- deleting
select tests.act_as('postgres');
select tests.create_booking(ben, home, current_date + 30, current_date + 32, 'requested') from world;
select tests.act_as('anon');
select throws_ok('delete from public.properties', '42501', null, 'PR30 anon deletes no property');
select tests.act_as('authenticated', ben) from world;
select is_empty('delete from public.properties where id = (select draft from world) returning id', 'PR31 a stranger deletes no property');
select tests.act_as('authenticated', fay) from world;
select is_empty('delete from public.properties where id = (select draft from world) returning id', 'PR32 a full co-host deletes no property');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code('delete from public.properties where id = (select home from world)', 'property_was_booked', 'PR33 a host cannot delete a property that was booked');
select isnt_empty('delete from public.properties where id = (select draft from world) returning id', 'PR34 a host deletes a draft');
select tests.act_as('service_role');
select tests.throws_code(
    'delete from public.properties where id = (select home from world)', 'property_was_booked', 'PR35 the service role cannot delete a property that was booked'
);
select tests.act_as('postgres');
select tests.throws_code('delete from public.properties where id = (select home from world)', 'property_was_booked', 'PR36 plain SQL cannot delete a property that was booked');
select is(
    (select array_agg(event order by id) from private.property_events, world where property_id = draft and event in ('created', 'deleted')),
    array['created', 'deleted'], 'PR37 creation and deletion are recorded'
);

-- amenities
select is((select count(*)::integer from public.amenities), 63, 'PR38 there are 63 amenities, one for each bit');
select tests.act_as('authenticated', ana) from world;
select lives_ok('insert into public.property_amenities select home, a from world, unnest(array[''wifi'', ''pool'']) a', 'PR39 a host adds amenities');
select tests.throws_code('insert into public.property_amenities select home, ''helipad'' from world', 'unknown_amenity', 'PR40 an unknown amenity is refused');
select tests.throws_code(
    'insert into public.property_amenities select home, ''amenity_'' || n from world, generate_series(1, 1000) n', 'unknown_amenity', 'PR41 a thousand unknown amenities are refused'
);
select tests.throws_code('insert into public.property_amenities select bens, ''wifi'' from world', 'insert_not_allowed', 'PR42 a host cannot add amenities to a stranger''s property');
select tests.act_as('authenticated', mia) from world;
select tests.throws_code('insert into public.property_amenities select home, ''gym'' from world', 'insert_not_allowed', 'PR43 a co-host for messages cannot add amenities');
select is_empty('delete from public.property_amenities returning property_id', 'PR44 a co-host for messages cannot remove amenities');
select tests.act_as('authenticated', fay) from world;
select isnt_empty('delete from public.property_amenities where amenity_id = ''pool'' returning property_id', 'PR45 a full co-host removes amenities');
select tests.act_as('anon');
select results_eq('select amenity_id from public.property_amenities, world where property_id = home', array['wifi'], 'PR46 anon reads amenities');
select throws_ok('insert into public.property_amenities select home, ''gym'' from world', '42501', null, 'PR47 anon writes no amenities');

-- house rules
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'insert into public.house_rules (property_id, quiet_from, quiet_until) select home, ''22:00'', ''08:00'' from world returning version',
    array[2], 'PR48 new house rules are a new version'
);
select results_eq(
    'select r.version from public.properties p, world, public.current_house_rules(p) r where p.id = home', array[2], 'PR49 the newest version applies'
);
select is((select count(*)::integer from public.house_rules, world where property_id = home), 2, 'PR50 the old version stays');
select throws_ok('update public.house_rules set smoking_allowed = true', '42501', null, 'PR51 no user can change a version');
select throws_ok('delete from public.house_rules', '42501', null, 'PR52 no user can delete a version');
select tests.throws_code('insert into public.house_rules (property_id) select bens from world', 'insert_not_allowed', 'PR53 a host cannot write house rules of a stranger''s property');
select tests.throws_code(
    'insert into public.house_rules (property_id, quiet_from) select home, ''22:00'' from world', 'quiet_hours_are_whole', 'PR54 quiet hours need an end'
);
select tests.act_as('postgres');
select tests.throws_code('update public.house_rules set smoking_allowed = true', 'row_is_permanent', 'PR55 plain SQL cannot change a version');

-- cancellation policies
select tests.act_as('authenticated', ben) from world;
select lives_ok(
    $$insert into public.cancellation_policies (name, steps) values
        ('Ben''s', '[{"before_check_in": "3 days", "refund_percent": 100, "nights_kept": 0}, {"refund_percent": 0, "nights_kept": 0}]')$$,
    'PR56 a host writes a policy'
);
select lives_ok(
    $$update public.properties set cancellation_policy_id = (select id from public.cancellation_policies where name = 'Ben''s')
      where id = (select bens from world)$$,
    'PR57 a host uses her own policy'
);
select tests.throws_code('delete from public.cancellation_policies where name = ''Ben''''s''', 'cancellation_policy_in_use', 'PR58 a policy that is used cannot be deleted');
select is_empty('update public.cancellation_policies set name = ''x'' where id = ''flexible'' returning id', 'PR59 the common policies cannot be changed');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(
    $$update public.properties set cancellation_policy_id = (select id from public.cancellation_policies where name = 'Ben''s')
      where id = (select home from world)$$,
    'cancellation_policy_of_another_host', 'PR60 a policy of another host cannot be used'
);
select is_empty('delete from public.cancellation_policies where name = ''Ben''''s'' returning id', 'PR61 a policy of another host cannot be deleted');
select tests.throws_code('update public.properties set cancellation_policy_id = ''lenient''', 'unknown_cancellation_policy', 'PR62 an unknown policy is refused');
select tests.throws_code(
    format('insert into public.cancellation_policies (name, steps) values (''x'', %L)', s.steps), 'cancellation_steps_are_valid', 'PR63 no policy with ' || s.what
)
from (values
    ('no step', '[]'),
    ('no end', '[{"before_check_in": "3 days", "refund_percent": 100, "nights_kept": 0}]'),
    ('two ends', '[{"refund_percent": 100, "nights_kept": 0}, {"refund_percent": 0, "nights_kept": 0}]'),
    ('a refund of more than all', '[{"refund_percent": 101, "nights_kept": 0}]'),
    ('words for numbers', '[{"refund_percent": "50", "nights_kept": 0}]'),
    ('keys that mean nothing', '[{"refund_percent": 50, "nights_kept": 0, "fee": 1}]'),
    ('no refund', '[{"nights_kept": 0}]'),
    ('months', '[{"before_check_in": "1 month", "refund_percent": 100, "nights_kept": 0}, {"refund_percent": 0, "nights_kept": 0}]'),
    ('an object', '{}')
) as s (what, steps);
select results_eq(
    $$select id, steps -> -1 ->> 'refund_percent', steps -> -1 ->> 'nights_kept', jsonb_array_length(steps)
      from public.cancellation_policies where host_id is null order by id$$,
    $$values ('firm', '0', '0', 4), ('flexible', '100', '1', 3), ('limited', '0', '0', 4), ('moderate', '50', '1', 3),
        ('non_refundable', '0', '0', 1), ('strict', '0', '0', 4)$$,
    'PR64 there are six common policies'
);

-- bad input
select tests.throws_code(format('update public.properties set %s where id = (select home from world)', b.change), b.code, 'PR65 refused: ' || b.what)
from (values
    ('a time zone that is none', 'time_zone = ''Mars/Olympus''', 'unknown_time_zone'),
    ('an abbreviation of a time zone', 'time_zone = ''EST''', 'unknown_time_zone'),
    ('an offset for a time zone', 'time_zone = ''UTC+3''', 'unknown_time_zone'),
    ('a currency that is none', 'currency = ''XXX''', 'unknown_currency'),
    ('a negative price', 'base_price = -1', 'price_below_minimum'),
    ('a price below the currency''s lowest', 'base_price = 99', 'price_below_minimum'),
    ('a weekend price of nothing', 'weekend_price = 0', 'price_below_minimum'),
    ('a price beyond reason', 'base_price = 9000000000000000', 'base_price_range'),
    ('a negative price of extra guests', 'extra_guest_price = -1', 'extra_guest_price_range'),
    ('a discount of all', 'weekly_discount_percent = 100', 'weekly_discount_range'),
    ('10 MB of description', 'description = repeat(''x'', 10485760)', 'value_too_long'),
    ('HTML in the description', 'description = ''<img src=x>''', 'description_is_plain'),
    ('control characters', 'description = E''a\u0007b''', 'description_is_plain'),
    ('text that reverses its neighbours', 'title = E''a\u202eb''', 'title_is_plain'),
    ('a title of two lines', 'title = E''a\nb''', 'title_is_plain'),
    ('an empty title', 'title = '' ''', 'title_is_plain'),
    ('a third of a bathroom', 'bathrooms = 1.3', 'bathrooms_are_halves'),
    ('no guests', 'max_guests = 0', 'max_guests_range'),
    ('minimum above maximum', 'min_nights = 40', 'properties_max_nights_range'),
    ('a day that no week has', 'check_in_weekdays = ''{1,8}''', 'check_in_weekdays_are_iso'),
    ('no day of arrival', 'check_in_weekdays = ''{}''', 'check_in_weekdays_are_iso'),
    ('three nights of preparation', 'preparation_nights_after = 3', 'preparation_nights_after_range'),
    ('six infants', 'max_infants = 6', 'max_infants_range'),
    ('check-out after check-in', 'check_out_until = ''16:00''', 'check_out_precedes_check_in')
) as b (what, change, code);
select tests.throws_code(
    'insert into public.properties (title, base_price) values (''x'', 5000)', 'prices_have_currency', 'PR66 a price needs a currency'
);

select throws_ok(
    'insert into public.properties (title, beds, bedrooms, currency) values ('''', -1, 51, ''XXX'')', 'PT422', null, 'PR74 four faults are one error'
);
select throws_like(
    'insert into public.properties (title, beds, bedrooms, currency) values ('''', -1, 51, ''XXX'')',
    'A property has 0 to 50 bedrooms._A property has 0 to 100 beds._A title is one line of 1 to 150 characters of plain text._There is no currency "XXX".',
    'PR67 every fault is listed'
);
select throws_ok('insert into public.properties (beds) values (2)', 'PT422', 'There is no value for title.', 'PR68 a missing value is named');
select tests.throws_code(c.sql, c.code, 'PR72 refused: ' || c.sql)
from (values
    ('insert into public.property_amenities (property_id) select home from world', 'value_missing'),
    ('insert into public.property_amenities (amenity_id) values (''wifi'')', 'value_missing'),
    ('insert into public.property_amenities (property_id, amenity_id) values (gen_random_uuid(), ''wifi'')', 'reference_not_found'),
    ('insert into public.property_amenities (property_id, amenity_id) select home, ''wifi'' from world', 'already_exists'),
    ('insert into public.house_rules (smoking_allowed) values (true)', 'value_missing'),
    ('insert into public.cancellation_policies (name) values (''x'')', 'value_missing')
) as c (sql, code);
select tests.act_as('service_role');
select tests.throws_code(c.sql, c.code, 'PR73 refused for the service role: ' || c.sql)
from (values
    ('insert into public.properties (title) values (''x'')', 'value_missing'),
    ('insert into public.properties (title, host_id) values (''x'', gen_random_uuid())', 'reference_not_found'),
    ('update public.properties set title = null', 'value_missing')
) as c (sql, code);
select tests.act_as('postgres');
select is_empty(
    $$select c.conrelid::regclass, c.conname from pg_trigger t join pg_constraint c on c.conrelid = t.tgrelid and c.contype = 'c'
      where t.tgname = '_900_check_row' and (private.is_written_by('authenticated', c.conrelid, c.conkey) or private.is_written_by('service_role', c.conrelid, c.conkey))
        and not exists (
            select from private.errors e
            where e.code in (c.conname, regexp_replace(c.conname, '^' || (select relname from pg_class where oid = c.conrelid) || '_', ''))
        )$$,
    'PR69 every check of a table with row checks has a code'
);
select set_has(
    $$select tgrelid from pg_trigger where tgname = '_900_check_row'$$,
    $$select t::regclass::oid from unnest(array[
        'public.properties', 'public.property_addresses', 'public.property_amenities', 'public.property_photos', 'public.house_rules',
        'public.property_seasons', 'public.property_date_overrides', 'public.property_availability_rules', 'public.property_fees',
        'public.property_taxes', 'public.cancellation_policies', 'public.co_hosts', 'public.co_host_invitations',
        'public.profiles', 'public.accounts', 'public.user_roles']) t$$,
    'PR70 the tables that people and hosts write have row checks'
);
select tests.act_as('postgres');
select set_config('request.jwt.claims', '', true);
select throws_ok(format('update public.properties set %s where id = (select home from world)', b.change), b.code, null, 'PR71 plain SQL meets the constraints: ' || b.what)
from (values
    ('a time zone that is none', 'time_zone = ''Mars/Olympus''', '23503'),
    ('HTML in the description', 'description = ''<img src=x>''', '23514'),
    ('a third of a bathroom', 'bathrooms = 1.3', '23514'),
    ('no title', 'title = null', '23502')
) as b (what, change, code);

select * from finish();
rollback;
