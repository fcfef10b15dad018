-- Own bookings: every verb for every role, their nights, details of a channel's stay, figures, feeds, overbookings, and private data.
begin;
select plan(73);
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Cora') as cora,
    tests.create_person('Dora') as dora, tests.create_person('Eva') as eva, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as room, null::uuid as other, null::uuid as block;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), room = tests.create_property(ana), other = tests.create_property(eva);
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
insert into public.co_hosts (property_id, profile_id, level) select home, cora, 'calendar_and_messages' from world;
insert into public.co_hosts (property_id, profile_id, level) select home, dora, 'calendar' from world;
create temporary table ledger on commit drop as
select (select count(*) from private.ledger_entries) as entries, (select count(*) from public.payouts) as payouts, (select count(*) from private.bookings) as bookings;
create function pg_temp.free(p_check_in date, p_check_out date) returns boolean
language sql security definer as $$
    select not exists (
        select
        from jsonb_array_elements(private.bookability(home, p_check_in, p_check_out, p_at => p_check_in - interval '10 days')) r
        where r ->> 'code' in ('occupied', 'preparation_before', 'preparation_after')
    )
    from world
$$;
grant execute on function pg_temp.free(date, date) to anon, authenticated, service_role;

-- The host
select tests.act_as('authenticated', ana) from world;
select is(
    tests.codes($$insert into public.bookings (property_id, check_in, check_out, adults) select home, current_date + 5, current_date + 7, 1 from world$$),
    'own_property', 'OB01 a host cannot book the own property'
);
select throws_ok(
    $$insert into public.bookings (property_id, check_in, check_out, adults) select home, current_date + 5, current_date + 7, 1 from world$$, 'PT422',
    'You cannot book your own property; enter the stay as an own booking.', 'OB02 the message names the way'
);
select lives_ok(
    $$insert into public.own_bookings (property_id, origin, check_in, check_out, guest_name, guest_contact, price)
      select home, 'phone', '2030-06-01', '2030-06-11', 'Greta Stone', '+49 30 1234', 100005 from world$$, 'OB03 a host enters a stay that was booked by phone'
);
select results_eq(
    'select price, currency, is_cancelled, created_by from public.own_bookings', $$select 100005::bigint, 'EUR', false, ana from world$$,
    'OB04 the currency is the property''s'
);
select is(pg_temp.free('2030-06-10', '2030-06-12'), false, 'OB05 its nights cannot be booked');
select is(pg_temp.free('2030-06-11', '2030-06-12'), true, 'OB06 the night after it can');
select is(
    (select string_agg(c.free::text, ' ' order by c.day) from world, public.property_calendar(home, '2030-06-10', '2030-06-12') c), 'false true',
    'OB07 the calendar shows it'
);
select results_eq(
    'select kind::text, check_in, check_out from public.occupancies', $$values ('own_booking', date '2030-06-01', date '2030-06-11')$$, 'OB08 so do occupancies'
);
select is(
    tests.codes($$insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'walk_in', '2030-06-10', '2030-06-12' from world$$),
    'occupied', 'OB09 two own bookings cannot have the same night'
);
select is(
    tests.codes($$insert into public.host_blocks (property_id, check_in, check_out) select home, '2030-06-10', '2030-06-12' from world$$), 'occupied',
    'OB10 nor can a block'
);
select lives_ok($$update public.own_bookings set check_out = '2030-06-05', guest_name = 'Greta Winter'$$, 'OB11 dates and details can be changed');
select is(pg_temp.free('2030-06-05', '2030-06-11'), true, 'OB12 the nights change with it');
select lives_ok($$update public.own_bookings set is_cancelled = true$$, 'OB13 it can be cancelled');
select ok(pg_temp.free('2030-06-01', '2030-06-05') and (select cancelled_at is not null from public.own_bookings), 'OB14 that frees the nights and notes when');
select lives_ok($$update public.own_bookings set is_cancelled = false$$, 'OB15 and booked again while they are free');
select ok(not pg_temp.free('2030-06-01', '2030-06-05') and (select cancelled_at is null from public.own_bookings), 'OB16 that takes them again');
insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'owner', '2030-07-01', '2030-07-08' from world;
select is(
    tests.codes($$update public.own_bookings set check_in = '2030-06-04' where origin = 'owner'$$), 'occupied', 'OB17 a change to taken nights is refused'
);
select is((select check_in from public.own_bookings where origin = 'owner'), date '2030-07-01', 'OB18 and leaves it as it was');
select is(
    tests.codes($$insert into public.own_bookings (property_id, origin, check_in, check_out, price) select home, 'owner', '2030-09-01', '2030-09-02', 5 from world$$),
    'own_bookings_owner_pays_nothing', 'OB19 a stay of the owner has no price'
);
select is(
    tests.codes($$insert into public.own_bookings (property_id, origin, check_in, check_out, channel, guest_name) select home, 'phone', '2030-09-02', '2030-09-02', 'vrbo', '<b>x</b>' from world$$),
    'guest_name_is_plain,own_bookings_channel_is_named,own_bookings_dates_are_in_order', 'OB20 every fault is named at once'
);
select tests.throws_code('update public.own_bookings set property_id = room from world', 'key_is_fixed', 'OB21 it stays with its property');
select lives_ok(
    $$insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'walk_in', current_date - 3, current_date - 1 from world$$,
    'OB22 a stay of the past can be entered'
);
select lives_ok($$delete from public.own_bookings where check_in < current_date$$, 'OB23 and deleted');
select is((select count(*)::integer from public.occupancies where check_in < current_date), 0, 'OB24 its nights go with it');
select is_empty($$select from public.outside_statement where origin = 'owner'$$, 'OB25 what has no price is in no statement');
select results_eq(
    'select origin::text, nights, currency, amount from public.outside_statement', $$values ('phone', 4, 'EUR', 100005::bigint)$$,
    'OB26 the statement of what is paid outside'
);
select is_empty('select from public.host_statement', 'OB27 nothing of it is in the host''s statement');
select tests.throws_code(
    $$insert into public.reviews (booking_id, overall, cleanliness, communication) select id, 5, 5, 5 from public.own_bookings where origin = 'owner'$$,
    'booking_not_found', 'OB28 a stay of the owner cannot be reviewed'
);

-- Co-hosts, strangers, operators, signed out
select tests.act_as('authenticated', cora) from world;
select is((select count(*)::integer from public.own_bookings), 2, 'OB29 a co-host with messages reads them');
select lives_ok($$update public.own_bookings set note = 'Late arrival' where origin = 'phone'$$, 'OB30 and changes them');
select lives_ok(
    $$insert into public.own_bookings (property_id, origin, check_in, check_out, note) select home, 'phone', '2030-10-01', '2030-10-03', 'Cora''s aunt' from world$$,
    'OB31 and enters some'
);
select tests.act_as('authenticated', dora) from world;
select is_empty('select from public.own_bookings', 'OB32 a co-host who has the calendar alone reads no names');
select is((select count(*)::integer from public.occupancies), 3, 'OB33 but sees the nights');
select tests.throws_code(
    $$insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'phone', '2030-11-01', '2030-11-03' from world$$,
    'insert_not_allowed', 'OB34 and enters no stays'
);
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.own_bookings', 'OB35 a stranger reads none');
select is_empty('select from public.outside_statement', 'OB36 nor the statement');
select is_empty($$update public.own_bookings set note = 'x' returning id$$, 'OB37 changes none');
select is_empty('delete from public.own_bookings returning id', 'OB38 deletes none');
select tests.throws_code(
    $$insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'phone', '2030-11-01', '2030-11-03' from world$$,
    'insert_not_allowed', 'OB39 enters none'
);
select tests.act_as('authenticated', olga) from world;
select is_empty('select from public.own_bookings', 'OB40 an operator reads no names of a host''s guests');
select tests.act_as('anon');
select throws_ok('select from public.own_bookings', '42501', null, 'OB41 signed out there are none');
select throws_ok('select from public.outside_statement', '42501', null, 'OB42 and no statement');

-- Preparation nights and links
select tests.act_as('postgres');
update public.properties set preparation_nights_after = 1 where id = (select home from world);
select tests.act_as('authenticated', ana) from world;
update public.own_bookings set check_out = '2030-10-04' where check_in = '2030-10-01';
select is(pg_temp.free('2030-10-04', '2030-10-05'), false, 'OB43 it keeps preparation nights as a booking does');
select public.link_properties(home, array[room]) from world;
select is(
    tests.codes($$insert into public.own_bookings (property_id, origin, check_in, check_out) select room, 'walk_in', '2030-10-02', '2030-10-03' from world$$),
    'occupied', 'OB44 linked properties take each other''s nights'
);
select public.unlink_property(home) from world;

-- Stays on channels
select tests.act_as('service_role');
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select v.property_id, 'vrbo', 'v', '2031-01-10', '2031-01-15' from world, lateral (values (home), (other)) as v (property_id);
select tests.act_as('authenticated', ana) from world;
update world set block = (select b.id from public.external_blocks b);
select is(
    tests.codes($$insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'phone', '2031-01-14', '2031-01-16' from world$$), 'occupied',
    'OB45 an own booking comes over no external block'
);
select lives_ok(
    $$insert into public.own_bookings (property_id, origin, external_block_id, guest_name, price) select home, 'channel', block, 'Vera', 50000 from world$$,
    'OB46 a channel''s stay can have details'
);
select results_eq(
    $$select channel, check_in, check_out from public.own_bookings where guest_name = 'Vera'$$, $$values ('vrbo', date '2031-01-10', date '2031-01-15')$$,
    'OB47 with the channel and dates of the stay'
);
select is((select count(*)::integer from public.occupancies where check_in = '2031-01-10'), 1, 'OB48 and without nights of their own');
select tests.throws_code(
    $$insert into public.own_bookings (property_id, origin, external_block_id) select home, 'channel', block from world$$, 'already_exists',
    'OB49 a stay has details once'
);
select tests.throws_code(
    $$insert into public.own_bookings (property_id, origin, external_block_id) select room, 'channel', block from world$$, 'external_block_not_found',
    'OB50 and those of its property'
);
select tests.act_as('postgres');
update public.external_blocks set check_out = '2031-01-16' where id = (select block from world);
select is((select check_out from public.own_bookings where guest_name = 'Vera'), date '2031-01-16', 'OB51 the dates follow the channel');
delete from public.external_blocks where id = (select block from world);
select results_eq(
    $$select is_cancelled, external_block_id from public.own_bookings where guest_name = 'Vera'$$, $$values (true, null::uuid)$$,
    'OB52 when the channel''s stay goes, the details are cancelled'
);
select tests.act_as('authenticated', ana) from world;
insert into public.own_bookings (property_id, origin, channel, check_in, check_out, guest_name)
select home, 'channel', 'vrbo', '2031-02-01', '2031-02-04', 'Vito' from world;
select is(pg_temp.free('2031-02-01', '2031-02-02'), false, 'OB53 a channel without a feed: the own booking has the nights');

-- Feeds out
create temporary table link (channel text, path text) on commit drop;
grant insert, select on link to authenticated, service_role;
insert into link select c, public.reveal_calendar_link(home, c) from world, unnest(array['airbnb', 'vrbo']) as c;
select tests.act_as('service_role');
create function pg_temp.told(p_channel text) returns text language sql as $$
    select coalesce(string_agg(concat_ws(' ', n ->> 'check_in', n ->> 'check_out', n ->> 'is_stay'), ', ' order by n ->> 'check_in'), '')
    from link l
    cross join lateral jsonb_array_elements(public.calendar_to_export(substring(l.path from '[0-9a-f]{32}')) -> 'nights') n
    where l.channel = p_channel and n ->> 'check_in' like '2031-02%'
$$;
select is(pg_temp.told('airbnb'), '2031-02-01 2031-02-04 true, 2031-02-04 2031-02-05 false', 'OB54 channels receive its nights');
select is(pg_temp.told('vrbo'), '', 'OB55 but none those of its own');
select is(
    (select count(*)::integer from link l where public.calendar_to_export(substring(l.path from '[0-9a-f]{32}'))::text ~ 'Vito|Greta|1234|100005'), 0,
    'OB56 nothing in a feed is personal'
);

-- Sold twice
select tests.act_as('postgres');
insert into public.own_bookings (property_id, origin, check_in, check_out) select home, 'phone', current_date + 20, current_date + 24 from world;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out) select home, 'airbnb', 'a', current_date + 22, current_date + 26 from world;
select results_eq(
    'select b.origin::text, c.nights_from - current_date, c.nights_until - current_date from public.overbookings c join public.own_bookings b on b.id = c.own_booking_id',
    $$values ('phone', 22, 24)$$, 'OB57 a channel''s stay over an own booking opens a case'
);
update public.overbookings set nights_from = current_date - 2, nights_until = current_date;
select private.end_overbookings_of_own_bookings();
select is((select closed_reason::text from public.overbookings), 'stay_over', 'OB58 it ends with the stay');
update public.external_blocks set check_out = current_date + 27 where source_id = 'a';
select is((select count(*)::integer from public.overbookings where closed_at is null), 1, 'OB59 another change opens another');
update public.own_bookings set is_cancelled = true where check_in = current_date + 20;
select is_empty('select from public.overbookings where closed_at is null', 'OB60 cancelling closes it');

-- Figures: of June 2031 with 30 nights, by phone 28 May to 4 June for 700.05 (100.01 a night), owner 10 to 14, channel 20 to 22 for 300.00
insert into public.own_bookings (property_id, origin, channel, check_in, check_out, price)
select room, v.origin::public.own_booking_origin, v.channel, v.check_in, v.check_out, v.price
from world, (values
    ('phone', null, date '2031-05-28', date '2031-06-04', 70005), ('owner', null, '2031-06-10', '2031-06-14', null),
    ('channel', 'vrbo', '2031-06-20', '2031-06-22', 30000)
) as v (origin, channel, check_in, check_out, price);
select tests.act_as('authenticated', ana) from world;
select is(
    (total_nights, sold_nights, blocked_nights, channel_nights, direct_nights, owner_nights)::text, '(30,0,0,2,3,4)', 'OB61 nights of own bookings are counted apart'
) from world, public.host_metrics('2031-06-01', '2031-07-01', 'month', array[room]);
-- 5 of 26 nights
select is(
    (occupancy_percent, adjusted_occupancy_percent, channel_occupancy_percent)::text, '(0.00,0.00,19.23)', 'OB62 the owner''s nights are no nights that could be sold'
) from world, public.host_metrics('2031-06-01', '2031-07-01', 'month', array[room]);
select is((revenue, outside_revenue, adr)::text, '(0,60002,)', 'OB63 what is paid outside is no revenue') from world, public.host_metrics('2031-06-01', '2031-07-01', 'month', array[room]);
select is(sum(outside_revenue), 100005::numeric, 'OB64 the parts sum to the prices') from world, public.host_metrics('2031-05-01', '2031-07-01', 'day', array[room]);
select is(
    (nights, revenue, later_nights, outside_nights, outside_revenue, later_outside_nights, later_outside_revenue)::text, '(0,0,0,0,0,5,60002)',
    'OB65 pace counts them apart, without the owner''s'
) from world, public.pace('2031-06', now() - interval '1 day', clock_timestamp(), array[room]);
select tests.act_as('postgres');
select is(
    (select count(*)::integer from private.own_booking_states s join public.own_bookings b on b.id = s.own_booking_id where b.guest_name = 'Greta Winter'), 3,
    'OB66 each state, except as cancelled, is kept for pace'
);

-- No money, no booking
select results_eq(
    'select (select count(*) from private.ledger_entries), (select count(*) from public.payouts), (select count(*) from private.bookings)', 'select * from ledger',
    'OB67 no entry, no payout and no booking was made'
);

-- Private data
select tests.act_as('authenticated', ana) from world;
select ok(public.export_my_data()::text ~ 'Greta Winter.*Vito', 'OB68 a host''s export has the guests');
select tests.act_as('authenticated', eva) from world;
select ok(public.export_my_data()::text !~ 'Greta|Vito', 'OB69 no one else''s has');
select tests.act_as('postgres');
insert into public.own_bookings (property_id, origin, check_in, check_out, guest_name, guest_contact, note, price)
select home, 'phone', current_date - 410, current_date - 401, 'Old 401', 'x', 'y', 100 from world;
insert into public.own_bookings (property_id, origin, check_in, check_out, guest_name) select home, 'phone', current_date - 399, current_date - 398, 'Old 398' from world;
select private.apply_retention();
select results_eq(
    $$select guest_name, guest_contact, note, price from public.own_bookings where check_out < current_date - 390 order by check_out$$,
    $$values ('', '', '', 100::bigint), ('Old 398', '', '', null)$$, 'OB70 the guest is erased 400 days after the departure'
);
select lives_ok('delete from auth.users where id = (select cora from world)', 'OB71 a co-host deletes the account');
select results_eq(
    $$select note from public.own_bookings where check_in = '2030-10-01'$$, $$values ('')$$, 'OB72 the notes of a deleted account are emptied, the stays remain'
);
select tests.act_as('authenticated', ana) from world;
select public.pause_property(p), public.archive_property(p) from world, unnest(array[home, room]) as p;
select tests.act_as('postgres');
delete from auth.users where id = (select ana from world);
select is_empty('select from public.own_bookings b, world w where b.property_id in (w.home, w.room)', 'OB73 a host''s own bookings go with the account');

select * from finish();
rollback;
