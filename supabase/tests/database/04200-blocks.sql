-- Host blocks and external blocks: every verb for every role, and conflicts with bookings.
begin;
select plan(49);

create temporary table person on commit drop as
select
    tests.create_person('Hana') as hana,
    tests.create_person('Cora') as cora,
    tests.create_person('Sam') as sam;
create temporary table ids on commit drop as
select tests.create_property(hana) as home, tests.create_property(sam) as other from person;
grant select on person, ids to anon, authenticated, service_role;
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar' from person, ids;
select private.reserve_nights('00000000-0000-4000-8000-00000000000a', home, '2030-05-10', '2030-05-15', null) from ids;
create function pg_temp.free(p_check_in date, p_check_out date) returns boolean
language sql security definer as $$
    select not private.bookability(home, p_check_in, p_check_out, p_at => p_check_in - interval '10 days') @> '[{"code": "occupied"}]' from ids
$$;
grant execute on function pg_temp.free(date, date) to anon, authenticated, service_role;

-- The host and the co-host
select tests.act_as('authenticated', hana) from person;
select lives_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out, note) select home, '2030-06-01', '2030-06-10', 'Family' from ids$$,
    'H01 a host can block nights'
);
select is(pg_temp.free('2030-06-09', '2030-06-11'), false, 'H02 blocked nights cannot be booked');
select is(pg_temp.free('2030-06-10', '2030-06-11'), true, 'H03 the night after a block can be booked');
select lives_ok($$update public.host_blocks set check_out = '2030-06-05', note = 'Shorter'$$, 'H04 a block can be changed');
select is(pg_temp.free('2030-06-05', '2030-06-11'), true, 'H05 the nights of a changed block change with it');
select throws_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-05-14', '2030-05-20' from ids$$,
    'PT409', 'Some of these nights are taken.', 'H06 booked nights cannot be blocked'
);
select throws_ok($$update public.host_blocks set check_in = '2030-05-14'$$, 'PT409', null, 'H07 a block cannot be moved to booked nights');
create function pg_temp.refused_nights(p_check_in date) returns jsonb language plpgsql as $$
declare
    v_detail text;
begin
    update public.host_blocks set check_in = p_check_in;
    return null;
exception when sqlstate 'PT409' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return jsonb_path_query_array(v_detail::jsonb, '$[*].nights[*]');
end
$$;
select is(
    pg_temp.refused_nights('2030-05-14'), '[{"from": "2030-05-14", "until": "2030-05-15"}]', 'H34 a block does not conflict with itself'
);
select is((select array_agg(check_in) from public.host_blocks), array[date '2030-06-01'], 'H08 a refused change leaves the block as it was');
select lives_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-05-15', '2030-05-16' from ids$$,
    'H09 the night after a stay can be blocked'
);
select throws_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-07-02', '2030-07-02' from ids$$,
    'PT422', null, 'H10 a block has at least one night'
);
select throws_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select other, '2030-07-02', '2030-07-03' from ids$$,
    'PT403', 'You are not allowed to add host blocks here.', 'H11 a stranger cannot block another host''s property'
);
select throws_ok($$update public.host_blocks set property_id = other from ids$$, 'PT422', null, 'H12 a stranger cannot move a block to another host''s property');
select tests.act_as('authenticated', cora) from person;
select is((select count(*)::integer from public.host_blocks), 2, 'H13 a co-host can read blocks');
select lives_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-08-01', '2030-08-10' from ids$$,
    'H14 a co-host can write blocks'
);
select lives_ok($$delete from public.host_blocks where check_in = '2030-08-01'$$, 'H15 a co-host can delete blocks');
select is(pg_temp.free('2030-08-01', '2030-08-11'), true, 'H16 deleting a block frees its nights');

-- Strangers
select tests.act_as('authenticated', sam) from person;
select is_empty('select from public.host_blocks', 'H17 a stranger cannot read blocks');
select is_empty($$update public.host_blocks set note = 'x' returning id$$, 'H18 a stranger cannot change blocks');
select is_empty('delete from public.host_blocks returning id', 'H19 a stranger cannot delete blocks');
select tests.act_as('anon');
select throws_ok('select from public.host_blocks', '42501', null, 'H20 anon cannot read blocks');
select throws_ok('select from public.external_blocks', '42501', null, 'H21 anon cannot read external blocks');
select throws_ok(
    $$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-07-02', '2030-07-03' from ids$$,
    '42501', null, 'H22 anon cannot write blocks'
);

-- External blocks
select tests.act_as('authenticated', hana) from person;
select throws_ok(
    $$insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'x', '2030-09-01', '2030-09-05' from ids$$,
    '42501', null, 'H23 a host cannot write external blocks'
);
select tests.act_as('service_role');
select lives_ok(
    $$insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'x', '2030-09-01', '2030-09-05' from ids$$,
    'H24 the service role can write external blocks'
);
select is(pg_temp.free('2030-09-04', '2030-09-06'), false, 'H25 nights of an external block cannot be booked');
select lives_ok(
    $$insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'y', '2030-10-01', '2030-10-03' from ids$$,
    'H26 an external block is written beside another'
);
select throws_ok($$update public.external_blocks set property_id = other from ids$$, 'PT422', null, 'H27 an external block cannot move to another property');
select lives_ok($$update public.external_blocks set check_out = '2030-09-03' where source_id = 'x'$$, 'H28 an external block follows changes of the feed');
select is(pg_temp.free('2030-09-03', '2030-09-06'), true, 'H29 its nights change with it');
select tests.act_as('authenticated', hana) from person;
select is((select count(*)::integer from public.external_blocks), 2, 'H30 the host can read the external blocks');

-- Preparation nights: beside a stay of another platform, not beside the host's own block
select tests.act_as('postgres');
update public.properties set preparation_nights_after = 1 where id = (select home from ids);
select private.reserve_nights(gen_random_uuid(), home, '2030-06-05', '2030-06-06') from ids;
select throws_ok(
    $$select private.reserve_nights(gen_random_uuid(), home, '2030-08-30', '2030-09-01') from ids$$, 'PT409', null,
    'H31 a stay keeps its preparation night before an external block, but not before a host''s block'
);

-- What real feeds contain
create function pg_temp.sell(p_source text, p_check_in date, p_check_out date) returns void language sql as $$
    insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
    select home, p_source, p_check_in || p_source, p_check_in, p_check_out from ids
$$;
update public.properties set preparation_nights_after = 2 where id = (select home from ids);
select lives_ok(
    $$select pg_temp.sell(s, '2031-03-10', '2031-03-14') from unnest(array['airbnb', 'booking', 'vrbo']) s$$, 'H35 three channels can say the same nights'
);
select lives_ok($$select pg_temp.sell('airbnb', '2031-03-14', '2031-03-16')$$, 'H36 stays elsewhere can be back to back in spite of preparation nights');
select private.reserve_nights('00000000-0000-4000-8000-00000000000b', home, '2031-05-10', '2031-05-15') from ids;
select lives_ok($$select pg_temp.sell('airbnb', '2031-05-12', '2031-05-20')$$, 'H37 a channel''s stay can come over a booking');
select lives_ok(
    $$update public.external_blocks set check_in = '2031-05-08', check_out = '2031-05-16' where check_in = '2031-05-12'$$, 'H38 it can be moved over a booking'
);
insert into public.host_blocks (property_id, check_in, check_out) select home, '2031-06-01', '2031-06-05' from ids;
select lives_ok($$select pg_temp.sell('airbnb', '2031-06-04', '2031-06-06')$$, 'H39 it can come over a host''s block');
select lives_ok(
    $$select private.extend_reserved_nights('00000000-0000-4000-8000-00000000000b')$$, 'H40 a booking under a channel''s stay can be confirmed'
);
select is(
    tests.codes($$select private.move_reserved_nights('00000000-0000-4000-8000-00000000000b', '2031-05-10', '2031-05-14')$$), 'occupied',
    'H41 it cannot be altered to nights that a channel sold'
);
select lives_ok(
    $$select private.move_reserved_nights('00000000-0000-4000-8000-00000000000b', '2031-04-01', '2031-04-04')$$, 'H42 it can be altered to free nights'
);
select is(
    tests.codes($$select private.reserve_nights(gen_random_uuid(), home, '2031-05-14', '2031-05-16') from ids$$), 'occupied',
    'H43 the nights remain taken when the booking leaves'
);
select is(
    tests.codes($$select private.reserve_nights(gen_random_uuid(), home, '2031-03-17', '2031-03-18') from ids$$), 'preparation_before',
    'H44 a booking keeps its distance from a channel''s stay'
);
select is(
    tests.codes($$select private.move_reserved_nights('00000000-0000-4000-8000-00000000000b', '2031-03-08', '2031-03-11')$$), 'occupied',
    'H45 a booking cannot be moved over a channel''s stay'
);
select is(
    tests.codes($$insert into public.host_blocks (property_id, check_in, check_out) select home, '2031-03-15', '2031-03-18' from ids$$), 'occupied',
    'H46 a host cannot block nights that a channel sold'
);
select is(
    tests.codes($$update public.host_blocks set check_out = '2031-06-08' where check_in = '2031-06-01'$$), 'occupied',
    'H47 a host''s block under a channel''s stay cannot be moved on to it'
);
select is(
    tests.codes($$insert into public.host_blocks (property_id, check_in, check_out) select home, '2031-03-16', '2031-03-17' from ids$$), 'accepted',
    'H48 the nights kept free after a channel''s stay can be blocked'
);
select throws_ok(
    $$insert into public.occupancies (property_id, kind, check_in, check_out, booking_id)
      select home, 'booking', '2031-03-13', '2031-03-20', gen_random_uuid() from ids$$,
    '23P01', null, 'H49 a superuser''s insert over a channel''s stay is refused, too'
);

-- Deleted accounts
select tests.act_as('authenticated', cora) from person;
insert into public.host_blocks (property_id, check_in, check_out, note) select home, '2030-12-01', '2030-12-05', 'Cora is ill' from ids;
select tests.act_as('postgres');
delete from auth.users where id = (select cora from person);
select is((select note from public.host_blocks where check_in = '2030-12-01'), '', 'H32 the notes of a deleted account are emptied');
select is((select note from public.host_blocks where check_in = '2030-06-01'), 'Shorter', 'H33 the notes of other people remain');

select * from finish();
rollback;
