-- Bookings: who can read them, booking and withdrawing through the view, statuses and their log, the clock, contact data.
begin;
select plan(140);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Cal') as cal, tests.create_person('Mia') as mia, tests.create_person('Fay') as fay, tests.create_person('Olga') as olga,
    null::uuid as home, null::uuid as asks, null::uuid as draft, null::uuid as hold, null::uuid as request, null::uuid as stay;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), asks = tests.create_property(ana), draft = tests.create_property(ana, false);
update public.properties set booking_mode = 'instant' where id = (select home from world);
update private.settings set value = '99' where name in ('given_up', 'given_up_at_property', 'unpaid_bookings_at_property');
update public.accounts set phone = '+351912345678' where id = (select ana from world);
update public.accounts set phone = '+4915112345678' where id = (select ben from world);
insert into public.co_hosts (property_id, profile_id, level)
select p.id, c.person, c.level::public.co_host_level
from world, unnest(array[home, asks]) as p (id), lateral (values (cal, 'calendar'), (mia, 'calendar_and_messages'), (fay, 'full')) as c (person, level);
create function pg_temp.day(p_ahead integer) returns date language sql as $$ select current_date + p_ahead $$;
create function pg_temp.detail(p_sql text) returns jsonb language plpgsql as $$
declare v_detail text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return nullif(v_detail, '')::jsonb;
end $$;
create function pg_temp.codes(p_sql text) returns text language sql as $$
    select string_agg(d ->> 'code', ' ') from jsonb_array_elements(pg_temp.detail(p_sql)) d
$$;
grant execute on function pg_temp.day(integer), pg_temp.detail(text), pg_temp.codes(text) to authenticated;

-- booking
select tests.act_as('anon');
select throws_ok('insert into public.bookings (property_id) select home from world', '42501', null, 'BK01 anon cannot book');
select throws_ok('select from public.bookings', '42501', null, 'BK02 anon cannot read bookings');
select throws_ok('select from private.bookings', '42501', null, 'BK03 anon cannot read the table behind them');
select throws_ok('delete from public.bookings', '42501', null, 'BK04 anon cannot delete bookings');
select tests.act_as('authenticated', ben) from world;
select results_eq(
    $$insert into public.bookings (property_id, check_in, check_out, adults)
      select home, pg_temp.day(40), pg_temp.day(43), 2 from world
      returning status, nights, guest_total, host_total, currency, expires_at, check_in$$,
    $$values ('awaiting_payment'::public.booking_status, 3, 36000::bigint, 30420::bigint, 'EUR', now() + interval '15 minutes', pg_temp.day(40))$$,
    'BK05 an instant booking is an unpaid hold of 15 minutes and is returned'
);
update world set hold = (select id from public.bookings);
select results_eq(
    $$insert into public.bookings (property_id, check_in, check_out)
      select asks, pg_temp.day(40), pg_temp.day(43) from world returning status, adults::integer, expires_at$$,
    $$values ('requested'::public.booking_status, 1, now() + interval '24 hours')$$,
    'BK06 a request is open for 24 hours, and one adult is the default'
);
update world set request = (select id from public.bookings where status = 'requested');
select results_eq(
    'select kind, amount, host_amount from public.booking_line_items, world where booking_id = hold order by position',
    $$values ('nights'::public.line_kind, 36000::bigint, 36000::bigint), ('host_platform_fee', 0, -5580)$$, 'BK07 lines are copied from the quote'
);
select throws_ok('insert into public.bookings (property_id, guest_id) select home, eva from world', '42501', null, 'BK08 no user can book for another person');
select throws_ok('insert into public.bookings (property_id, status) select home, ''confirmed'' from world', '42501', null, 'BK09 a guest cannot set the status');
select throws_ok('insert into public.bookings (property_id, guest_total) select home, 1 from world', '42501', null, 'BK10 a guest cannot set a price');
select throws_ok('update private.bookings set guest_total = 1', '42501', null, 'BK11 a guest cannot change a price later');
select throws_ok('insert into public.booking_line_items (booking_id) select hold from world', '55000', null, 'BK12 a guest cannot write lines');

select tests.act_as('authenticated', eva) from world;
select results_eq(
    $$insert into public.bookings as b (property_id, check_in, check_out)
      select home, pg_temp.day(90), pg_temp.day(92) from world
      returning (select array_agg(i.kind order by i.position) from public.booking_line_items(b) i), b.guest_total$$,
    $$values (array['nights', 'host_platform_fee']::public.line_kind[], 24000::bigint)$$,
    'BK114 the statement that books can return the lines'
);
delete from public.bookings where check_in = pg_temp.day(90);
select tests.act_as('authenticated', ben) from world;

-- refusals, each with every problem
select is(
    pg_temp.codes($$insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(41), pg_temp.day(44) from world$$),
    'occupied', 'BK13 the nights of a hold are taken'
);
select throws_ok(
    $$insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(41), pg_temp.day(44) from world$$,
    'PT409', 'Some of these nights are taken.', 'BK14 taken nights are a conflict'
);
select is(
    pg_temp.codes($$insert into public.bookings (property_id, check_in, check_out, adults, children, pets)
        select home, pg_temp.day(-1), pg_temp.day(-3), 40, -1, 1 from world$$),
    'invalid_party check_out_before_check_in past_date', 'BK15 every problem is reported at once'
);
select throws_ok(
    $$insert into public.bookings (property_id, check_in, check_out, adults) select home, pg_temp.day(50), pg_temp.day(51), 40 from world$$,
    'PT422', null, 'BK16 40 guests are refused'
);
select throws_ok(
    $$insert into public.bookings (property_id, check_in, check_out) select home, '9999-01-01', '9999-01-03' from world$$, 'PT422', null, 'BK17 the year 9999 is refused'
);
select throws_ok(
    $$insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(50), 'infinity' from world$$,
    'PT400', 'The argument check_out is not a date.', 'BK18 a stay without an end is refused'
);
select is(
    pg_temp.detail($$insert into public.bookings (property_id, check_in, check_out) select home, '-infinity', 'infinity' from world$$),
    '[{"code": "invalid_date", "argument": "check_in", "value": "-infinity", "message": "The argument check_in is not a date."},
      {"code": "invalid_date", "argument": "check_out", "value": "infinity", "message": "The argument check_out is not a date."}]',
    'BK102 two invalid dates are both named'
);
select throws_ok('insert into public.bookings (property_id, check_in) select home, pg_temp.day(50) from world', 'PT422', null, 'BK19 a missing check-out is refused');
select throws_ok(
    'insert into public.bookings (property_id, check_in, check_out) select draft, pg_temp.day(50), pg_temp.day(52) from world', 'PT404', null,
    'BK20 a stranger''s draft is not revealed'
);
select tests.act_as('authenticated', ana) from world;
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(50), pg_temp.day(52) from world'),
    'own_property', 'BK21 hosts cannot book their own property'
);
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out, adults) select home, pg_temp.day(52), pg_temp.day(50), 40 from world'),
    'own_property too_many_guests check_out_before_check_in', 'BK106 every other problem is reported together with that one'
);

-- quotes
select tests.act_as('authenticated', eva) from world;
create temporary table quote as select (q).* from (select public.quote_stay(home, pg_temp.day(60)::text, pg_temp.day(62)::text) as q from world) q;
grant select on quote to authenticated;
select tests.act_as('authenticated', ben) from world;
select is(
    pg_temp.detail('insert into public.bookings (property_id, check_in, check_out, quote_id) select home, pg_temp.day(60), pg_temp.day(62), id from world, quote')
        -> 0 ->> 'code', 'stale_quote', 'BK22 a quote of another person is refused'
);
select tests.act_as('postgres');
create temporary table forged as select private.quote_id(q.terms_hash, now() + interval '31 minutes', null) as id from quote q;
grant select on forged to authenticated;
select tests.act_as('authenticated', ben) from world;
select is(
    pg_temp.detail('insert into public.bookings (property_id, check_in, check_out, quote_id) select home, pg_temp.day(60), pg_temp.day(62), id from world, forged')
        -> 0 ->> 'code', 'stale_quote', 'BK108 a quote that ends later than any issued one is refused'
);
select tests.act_as('postgres');
update public.properties set base_price = 13000 where id = (select home from world);
select tests.act_as('authenticated', eva) from world;
select is(
    pg_temp.detail('insert into public.bookings (property_id, check_in, check_out, quote_id) select home, pg_temp.day(60), pg_temp.day(62), id from world, quote')
        #>> '{0,quote,guest_total}', '26000', 'BK23 a stale quote is refused, and the error contains the new one'
);
select tests.act_as('postgres');
update public.properties set base_price = 12000 where id = (select home from world);
select tests.act_as('authenticated', eva) from world;
select results_eq(
    'insert into public.bookings (property_id, check_in, check_out, quote_id) select home, pg_temp.day(60), pg_temp.day(62), id from world, quote returning guest_total',
    'select guest_total from quote', 'BK24 a valid quote sets the price'
);
delete from public.bookings;

-- idempotency keys
select tests.act_as('authenticated', ben) from world;
create temporary table keyed as
with b as (
    insert into public.bookings (property_id, check_in, check_out, idempotency_key) select home, pg_temp.day(70), pg_temp.day(72), 'k1' from world returning id
) select id from b;
select results_eq(
    'insert into public.bookings (property_id, check_in, check_out, idempotency_key) select home, pg_temp.day(70), pg_temp.day(72), ''k1'' from world returning id',
    'select id from keyed', 'BK25 repeating a request with its key returns the same booking'
);
select is(
    pg_temp.codes('insert into public.bookings (property_id, check_in, check_out, idempotency_key) select home, pg_temp.day(80), pg_temp.day(82), ''k1'' from world'),
    'idempotency_key_reused', 'BK26 the same key with another request is refused'
);
delete from public.bookings where id = (select id from keyed);
select results_eq(
    'insert into public.bookings (property_id, check_in, check_out, idempotency_key) select home, pg_temp.day(70), pg_temp.day(72), ''k1'' from world returning status',
    array['withdrawn'::public.booking_status], 'BK27 a key returns its booking after that has ended, too'
);
select tests.act_as('authenticated', eva) from world;
select isnt_empty(
    'insert into public.bookings (property_id, check_in, check_out, idempotency_key) select home, pg_temp.day(80), pg_temp.day(82), ''k1'' from world returning id',
    'BK28 keys of different guests are independent'
);
delete from public.bookings;

select tests.act_as('postgres');
-- reading; a row of another's booking can be made up in SQL
create function pg_temp.made_up(p_id uuid) returns public.bookings language sql as $$
    select b from jsonb_populate_record(null::public.bookings, jsonb_build_object('id', p_id)) b
$$;
grant execute on function pg_temp.made_up(uuid) to anon, authenticated, service_role;
create function pg_temp.made_up_line(p_booking_id uuid) returns public.booking_line_items language sql as $$
    select i from jsonb_populate_record(null::public.booking_line_items, jsonb_build_object('booking_id', p_booking_id)) i
$$;
grant execute on function pg_temp.made_up_line(uuid) to anon, authenticated, service_role;
select set_eq(
    'select i.guest_id, i.host_id from private.booking_line_items i, world where i.booking_id in (hold, request)',
    'select ben, ana from world', 'BK122 lines carry guest and host of their booking'
);
select tests.act_as('anon');
select throws_ok(
    'select from world, public.bookings(pg_temp.made_up_line(hold))', '42501',
    'permission denied for function bookings', 'BK123 anon cannot call the function that returns the booking of a line'
);
select throws_ok(
    'select from world, public.booking_line_items(pg_temp.made_up(hold))', '42501',
    'permission denied for function booking_line_items', 'BK115 anon cannot call the function that returns the lines of a booking'
);
select tests.act_as('authenticated', ben) from world;
select isnt_empty('select from world, public.booking_line_items(pg_temp.made_up(hold))', 'BK116 the guest can call it');
select results_eq('select id from world, public.bookings(pg_temp.made_up_line(hold))', 'select hold from world', 'BK124 the guest reads the booking of a line');
select throws_ok('select from private.booking_line_items', '42501', null, 'BK125 clients read lines only by the view');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from world, public.bookings(pg_temp.made_up_line(hold))', 'BK126 a stranger gets no booking for a line');
select is_empty('select from world, public.booking_line_items(pg_temp.made_up(hold))', 'BK117 a stranger gets no lines from the function');
select is_empty('select from public.bookings b, world where b.id in (hold, request)', 'BK29 a stranger cannot read bookings');
select is_empty('select from public.booking_line_items, world where booking_id in (hold, request)', 'BK30 a stranger cannot read lines');
select is_empty('delete from public.bookings b using world where b.id in (hold, request) returning b.id', 'BK31 a stranger cannot delete bookings');
select is_empty('update public.bookings b set adults = 3 from world where b.id in (hold, request) returning b.id', 'BK32 a stranger cannot alter bookings');
select tests.act_as('authenticated', ana) from world;
select is((select host_total from public.bookings b, world where b.id = hold), 30420::bigint, 'BK33 the host can read a booking with the host total');
select is((select idempotency_key from public.bookings b where b.id = (select id from keyed)), null, 'BK34 the host cannot read the guest''s idempotency key');
select isnt_empty('select from public.booking_line_items, world where booking_id = hold', 'BK35 the host can read the lines');
select throws_ok('update public.booking_line_items set amount = 0', '55000', null, 'BK127 the host cannot change lines');
select tests.act_as('authenticated', cal) from world;
select results_eq('select nights, host_total from public.bookings b, world where b.id = hold', $$values (3, null::bigint)$$, 'BK36 a co-host can read a booking without the host total');
select is_empty('select from public.booking_line_items, world where booking_id = hold', 'BK37 a co-host cannot read lines');
select is_empty('select from world, public.booking_line_items(pg_temp.made_up(hold))', 'BK118 a co-host gets no lines from the function');
select tests.act_as('authenticated', olga) from world;
select isnt_empty('select from world, public.booking_line_items(pg_temp.made_up(hold))', 'BK119 operators can read the lines');
select is((select host_total from public.bookings b, world where b.id = hold), 30420::bigint, 'BK38 operators can read everything');
select isnt_empty('select from public.booking_line_items, world where booking_id = hold', 'BK128 operators can read the lines of any booking');
select tests.act_as('service_role');
select isnt_empty('select from public.booking_line_items, world where booking_id = hold', 'BK129 the service role can read the lines of any booking');
select is((select host_total from public.bookings b, world where b.id = hold), 30420::bigint, 'BK39 the service role can read everything');
select isnt_empty('select from world, public.booking_line_items(pg_temp.made_up(hold))', 'BK120 the service role can call the function that returns lines');
select throws_ok('delete from public.bookings', '42501', null, 'BK40 the service role cannot delete bookings');

-- the view finds each reader's bookings in another way than the policy, which it must not contradict
create temporary table reader as
select r.name, r.id from world cross join lateral (values
    ('Ana, the host', ana), ('Ben, the guest', ben), ('Cal, a co-host', cal), ('Eva, another guest', eva), ('Fay, a stranger', fay),
    ('Olga, an operator', olga)
) as r (name, id);
grant select on reader to authenticated;
create function pg_temp.contradictions(p_reader uuid) returns bigint language plpgsql as $$
declare v_count bigint;
begin
    perform tests.act_as('authenticated', p_reader);
    select count(*) into v_count
    from (select v.id, count(*) from public.bookings v group by v.id having count(*) = 1) v
    full join (select b.id from private.bookings b) b on b.id = v.id
    where v.id is null or b.id is null;
    perform tests.act_as('postgres');
    return v_count;
end
$$;
select tests.act_as('postgres');
select is(pg_temp.contradictions(id), 0::bigint, 'BK121 ' || name || ' sees each readable booking once in the view') from reader;
create function pg_temp.lines_of(p_reader uuid) returns text[] language plpgsql as $$
declare v_lines text[];
begin
    perform tests.act_as('authenticated', p_reader);
    v_lines := array(select i.booking_id || ' ' || i.position from public.booking_line_items i order by 1);
    perform tests.act_as('postgres');
    return v_lines;
end
$$;
select is(
    pg_temp.lines_of(r.id),
    array(
        select i.booking_id || ' ' || i.position
        from private.booking_line_items i
        join private.bookings b on b.id = i.booking_id
        where r.id in (b.guest_id, b.host_id) or r.id = olga
        order by 1
    ),
    'BK130 ' || r.name || ' sees each line of own bookings once, and an operator every line'
) from reader r, world;

-- who answers a request
select tests.act_as('authenticated', ben) from world;
select throws_ok('select public.accept_booking(request) from world', 'PT403', null, 'BK41 a guest cannot accept a request');
select throws_ok('select public.confirm_booking(hold) from world', 'PT403', null, 'BK42 a guest cannot confirm a booking');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.accept_booking(request) from world', 'PT404', null, 'BK43 a stranger gets 404');
select tests.act_as('authenticated', mia) from world;
select throws_ok('select public.decline_booking(request) from world', 'PT403', null, 'BK44 a co-host below level full cannot answer');
select tests.act_as('authenticated', ana) from world;
select is(
    pg_temp.detail('select public.decline_booking(request, ''<b>no'') from world'),
    '[{"code": "reason_is_plain", "message": "A reason has 1 to 1,000 characters of plain text, without HTML and control characters."}]',
    'BK107 a reason is plain text, and its error reveals nothing of the booking'
);
select tests.act_as('authenticated', ana) from world;
select throws_ok('delete from public.bookings where id = (select request from world)', 'PT403', null, 'BK45 a host cannot withdraw for the guest');
select throws_ok('select public.accept_booking(hold) from world', 'PT409', null, 'BK46 a hold cannot be accepted');
select throws_ok('select public.accept_booking(gen_random_uuid()) from world', 'PT404', null, 'BK47 a booking that does not exist answers 404');
select tests.act_as('anon');
select throws_ok('select public.accept_booking(request) from world', '42501', null, 'BK48 anon cannot accept a booking');
select tests.act_as('authenticated', fay) from world;
select results_eq(
    'select b.status, b.expires_at from world, public.accept_booking(request) b', $$values ('awaiting_payment'::public.booking_status, now() + interval '15 minutes')$$,
    'BK49 a co-host with level full can accept a request, and the payment is due'
);
select tests.act_as('authenticated', olga) from world;
select results_eq('select b.status, b.expires_at from world, public.confirm_booking(request) b', $$values ('confirmed'::public.booking_status, null::timestamptz)$$, 'BK50 an operator can confirm a hold');
select tests.act_as('authenticated', fay) from world;
select throws_ok('select public.decline_booking(request) from world', 'PT409', null, 'BK51 a confirmed booking cannot be declined');
select tests.act_as('authenticated', ben) from world;
select throws_ok('delete from public.bookings where id = (select request from world)', 'PT409', null, 'BK52 a confirmed booking cannot be withdrawn');
select isnt_empty('delete from public.bookings where id = (select hold from world) returning id', 'BK53 a hold can be withdrawn');
select is((select status from public.bookings b, world where b.id = hold), 'withdrawn', 'BK54 a withdrawn booking can still be read');
select isnt_empty(
    'insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(40), pg_temp.day(43) from world returning id', 'BK55 the nights of a withdrawn booking are free again'
);
delete from public.bookings where status = 'awaiting_payment';

-- what a confirmed booking shows
select is((select line1 from public.property_addresses, world where property_id = asks), 'Rua Augusta 1', 'BK56 the guest of a confirmed booking can read its address');
select is_empty('select from public.property_addresses, world where property_id = home', 'BK57 the guest cannot read the address of another property');
select results_eq('select side, phone from world, public.booking_contacts(request)', $$values ('host'::public.booking_actor, '+351912345678')$$, 'BK58 the guest can read the contact data of the host');
select is_empty('select * from world, public.booking_contacts(hold)', 'BK59 a hold shows no contact data');
select tests.act_as('authenticated', mia) from world;
select results_eq('select side, phone from world, public.booking_contacts(request)', $$values ('guest'::public.booking_actor, '+4915112345678')$$, 'BK60 a co-host with messages can read the guest''s contact data');
select tests.act_as('authenticated', cal) from world;
select is_empty('select * from world, public.booking_contacts(request)', 'BK61 a co-host for the calendar cannot read contact data');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select * from world, public.booking_contacts(request)', 'PT404', null, 'BK62 a stranger cannot read contact data');
select tests.act_as('postgres');
update public.properties set status = 'paused' where id = (select asks from world);
select tests.act_as('authenticated', ben) from world;
select isnt_empty('select from public.properties, world where id = asks', 'BK63 a guest can read the booked property while it is paused');
select throws_ok('select public.delete_account()', 'PT409', 'Your stay at "House by the river" from ' || (current_date + 40) || ' to ' || (current_date + 43) || ' is confirmed.', 'BK64 a guest with a coming trip cannot delete their account');
select is(pg_temp.codes('select public.delete_account()'), 'open_trip', 'BK65 the error has the code of the reason');
select is(jsonb_array_length(public.export_my_data() -> 'bookings'), 4, 'BK66 the export contains bookings') from world;
select is(public.export_my_data() -> 'account' ->> 'phone', '+4915112345678', 'BK67 the export contains the account');

-- what not even the owner of the database can do
select tests.act_as('postgres');
select throws_ok('update private.bookings set status = ''completed'' where id = (select request from world)', 'PT409', null, 'BK68 a stay cannot be completed before it is over');
select throws_ok('update private.bookings set status = ''completed'', status_at = ''2030-01-01'' where id = (select request from world)', 'PT409', null, 'BK69 a stay cannot be completed with a time in the future');
select throws_ok('update private.bookings set status = ''requested'' where id = (select request from world)', 'PT409', null, 'BK70 a booking cannot return to an earlier status');
select throws_ok('update private.bookings set status = ''confirmed'' where id = (select hold from world)', 'PT409', null, 'BK71 a final status cannot change');
select throws_ok('update private.bookings set guest_id = (select eva from world) where id = (select request from world)', 'PT409', null, 'BK72 the guest of a booking cannot change');
select throws_ok('update private.bookings set cancellation_steps = ''[]'' where id = (select request from world)', 'PT409', null, 'BK73 the cancellation policy of a booking cannot change');
select throws_ok('update private.bookings set guest_total = 1 where id = (select hold from world)', 'PT409', null, 'BK74 the price of an ended booking cannot change');
select throws_ok('delete from private.bookings', 'PT409', null, 'BK75 bookings cannot be deleted');
-- refused at commit: a legal change after which nights, lines or cancellation do not match the booking
create function pg_temp.refused_at_commit(p_changes text, p_booking uuid) returns text language plpgsql as $$
declare v_detail text;
begin
    set constraints all immediate;
    set constraints all deferred;
    execute format('update private.bookings set %s where id = %L', p_changes, p_booking);
    set constraints all immediate;
    raise exception 'kept' using errcode = 'KEPT0';
exception when sqlstate 'PT409' then
    get stacked diagnostics v_detail = pg_exception_detail;
    return v_detail::jsonb -> 0 ->> 'part';
when sqlstate 'KEPT0' then
    return 'kept';
end $$;
create temporary table whole as select tests.create_booking(ben, home, current_date + 90, current_date + 93, 'awaiting_payment') as hold from world;
select is(pg_temp.refused_at_commit('status = ''confirmed''', hold), 'nights', 'BK96 a booking confirmed by hand is refused, because its nights would end with the hold') from whole;
select is(pg_temp.refused_at_commit('check_in = check_in + 1, check_out = check_out + 1', request), 'nights', 'BK97 other dates are refused without other nights') from world;
select is(pg_temp.refused_at_commit('guest_total = 1', request), 'lines', 'BK98 another price is refused without other lines') from world;
select is(pg_temp.refused_at_commit('status = ''cancelled''', request), 'nights', 'BK99 a booking cancelled by hand is refused, because its nights would stay taken') from world;
select is(pg_temp.refused_at_commit('adults = 1', request), 'kept', 'BK100 the party can change alone, and the change is logged') from world;
select is((select count(*)::integer from private.booking_events e, whole where e.booking_id = whole.hold and to_status = 'confirmed'), 0, 'BK101 a refused change is not logged');
-- pending deferred constraints would refuse the truncate before the trigger does
set constraints all immediate;
set constraints all immediate;
set constraints all deferred;
select throws_ok('truncate private.bookings cascade', 'PT409', null, 'BK76 bookings cannot be truncated');
select throws_ok('update private.booking_events set reason = ''x''', 'PT409', null, 'BK77 the log cannot be changed');
select throws_ok('delete from private.booking_events', 'PT409', null, 'BK78 the log cannot be deleted');
select throws_ok('truncate private.booking_events', 'PT409', null, 'BK79 the log cannot be truncated');
select results_eq(
    'select event, from_status, to_status, actor, actor_id from private.booking_events, world where booking_id = request order by id',
    $$select e.event, e.f::public.booking_status, e.t::public.booking_status, e.actor::public.booking_actor, e.id
      from world, lateral (values
        ('created', null, 'requested', 'guest', ben), ('status_changed', 'requested', 'awaiting_payment', 'co_host', fay),
        ('status_changed', 'awaiting_payment', 'confirmed', 'operator', olga)) as e (event, f, t, actor, id)$$,
    'BK80 the log contains each event and its actor'
);
select is(
    (select count(*)::integer from private.bookings b where (select e.to_status from private.booking_events e where e.booking_id = b.id order by e.id desc limit 1) <> b.status),
    0, 'BK81 the log ends with the present status'
);

-- the clock
update public.properties set status = 'published' where id = (select asks from world);
create temporary table clock as select
    tests.create_booking(ben, home, '2026-06-10', '2026-06-12', 'awaiting_payment', '2026-06-01 12:00:02+00') as hold,
    tests.create_booking(ben, asks, '2026-06-10', '2026-06-12', 'requested', '2026-06-01 12:00:00+00') as request,
    tests.create_booking(ben, home, '2026-05-10', '2026-05-12', 'confirmed', '2026-05-01 12:00:00+00') as stay
from world;
grant select on clock to authenticated;
select is((select status from private.bookings b, clock where b.id = hold), 'awaiting_payment', 'BK82 a hold has ended, and its status is not recorded yet');
create temporary table today as select tests.create_booking(ben, asks, '2026-06-20', '2026-06-21', 'requested', '2026-06-20 10:00:00+00') as request from world;
select is((select b.expires_at from private.bookings b, today where b.id = request), '2026-06-20 23:00:00+00', 'BK103 a request for the same day ends with that day, at midnight in Lisbon');
select tests.act_as('authenticated', ben) from world;
select results_eq('select status, status_at, expires_at from public.bookings b, clock where b.id = hold',
    $$values ('expired'::public.booking_status, '2026-06-01 12:15:00+00'::timestamptz, null::timestamptz)$$, 'BK83 the hold reads as expired since its end');
select is((select status from public.bookings b, clock where b.id = request), 'expired', 'BK84 an ended request reads as expired');
select results_eq('select status, status_at from public.bookings b, clock where b.id = stay',
    $$values ('completed'::public.booking_status, '2026-05-12 10:00:00+00'::timestamptz)$$, 'BK85 an ended stay reads as completed from 11:00 in Lisbon');
select is_empty('select from public.property_addresses, clock where property_id = (select home from world)', 'BK86 the address of an ended stay is hidden again');
select tests.act_as('postgres');
select throws_ok('update private.bookings set status = ''confirmed'' where id = (select hold from clock)', 'PT409', null, 'BK94 an ended hold cannot be confirmed by hand');
select tests.sign_in(ana) from world;
select throws_ok('update private.bookings set status = ''awaiting_payment'' where id = (select request from clock)', 'PT409', null, 'BK95 an ended request cannot be accepted by hand');
select tests.act_as('postgres');
select throws_ok($$select private.change_booking_status(hold, 'confirm', null, '2026-06-01 12:15:00+00') from clock$$, 'PT409', null, 'BK87 a hold cannot be confirmed in the second in which it ends');
select lives_ok($$select private.change_booking_status(hold, 'confirm', null, '2026-06-01 12:14:59.999999+00') from clock$$, 'BK88 a hold can be confirmed a microsecond before it ends');
select cmp_ok(private.expire_and_complete_bookings(), '>=', 2, 'BK89 the periodic task records the bookings that are due');
select results_eq('select b.status, b.status_at from private.bookings b, clock where b.id = request',
    $$values ('expired'::public.booking_status, '2026-06-02 12:00:00+00'::timestamptz)$$, 'BK90 the recorded time is when the change took effect');
select is((select e.actor from private.booking_events e, clock where e.booking_id = request and to_status = 'expired'), 'clock', 'BK91 the recorded actor is the clock');
select is_empty('select from public.occupancies o, clock where o.booking_id = request', 'BK92 the nights of expired bookings are free');
select is(private.expire_and_complete_bookings(), 0, 'BK93 a second run finds nothing');

-- a booking that cannot be completed, because it was changed without triggers, does not stop the others
create temporary table past as
select
    tests.create_booking(ben, home, current_date - 20, current_date - 18, 'confirmed', now() - interval '30 days') as broken,
    tests.create_booking(ben, home, current_date - 10, current_date - 8, 'confirmed', now() - interval '30 days') as whole
from world;
set constraints all immediate;
alter table private.bookings disable trigger user;
update private.bookings b set guest_total = b.guest_total + 1 from past where b.id = broken;
alter table private.bookings enable trigger user;
select is(private.expire_and_complete_bookings(), 1, 'BK104 the periodic task skips it and records the others');
select results_eq('select (select b.status from private.bookings b where b.id = broken), (select b.status from private.bookings b where b.id = whole) from past',
    $$values ('confirmed'::public.booking_status, 'completed'::public.booking_status)$$, 'BK105 the periodic task completes the ended stay');

-- how many unpaid bookings a guest can have
create temporary table keen as select tests.create_person('Lia') as lia;
grant select on keen to authenticated;
update private.settings set value = '2' where name = 'unpaid_bookings';
update private.settings set value = '1' where name = 'young_account_share';
select tests.create_booking(lia, home, current_date + 200, current_date + 201, 'awaiting_payment', now() - interval '20 minutes') from keen, world;
select tests.act_as('authenticated', lia) from keen;
prepare book as
    insert into public.bookings (property_id, check_in, check_out)
    select home, pg_temp.day($1), pg_temp.day($1 + 1) from world returning id;
select lives_ok('execute book(210)', 'BK109 ended holds do not count');
select lives_ok('execute book(212)', 'BK110 this booking is the second unpaid one');
select throws_ok('execute book(214)', 'PT429', 'You have too many bookings or nights that are not paid yet.', 'BK111 a third unpaid booking is refused');
delete from public.bookings where check_in = pg_temp.day(212);
select lives_ok('execute book(214)', 'BK112 a third is accepted after one is withdrawn');
select tests.act_as('authenticated', mia) from world;
select lives_ok('execute book(216)', 'BK113 other guests are not affected');

select * from finish();
rollback;
