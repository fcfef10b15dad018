-- Alterations: who can propose and answer, what is checked again, and that price and nights change together.
begin;
select plan(55);

-- these stays are confirmed without a payment
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Cal') as cal, tests.create_person('Fay') as fay, null::uuid as home, null::uuid as stay, null::uuid as next, null::uuid as hold;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant', base_price = 10000, cancellation_policy_id = 'flexible' where id = (select home from world);
insert into public.co_hosts (property_id, profile_id, level)
select home, c.person, c.level::public.co_host_level from world, lateral (values (cal, 'calendar'), (fay, 'full')) as c (person, level);
create function pg_temp.day(p_ahead integer) returns date language sql as $$ select current_date + p_ahead $$;
create function pg_temp.codes(p_sql text) returns text language plpgsql as $$
declare v_detail text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail;
    return (select string_agg(d ->> 'code', ' ') from jsonb_array_elements(nullif(v_detail, '')::jsonb) d);
end $$;
grant execute on function pg_temp.day(integer), pg_temp.codes(text) to authenticated;
update world set
    stay = tests.create_booking(ben, home, current_date + 40, current_date + 44),
    next = tests.create_booking(eva, home, current_date + 46, current_date + 48),
    hold = tests.create_booking(ben, home, current_date + 60, current_date + 62, 'awaiting_payment');

-- proposing
select tests.act_as('anon');
select throws_ok('update public.bookings set adults = 3', '42501', null, 'AL01 anon cannot propose');
select tests.act_as('authenticated', eva) from world;
select is_empty('update public.bookings b set adults = 3 from world where b.id = stay returning b.id', 'AL02 a stranger cannot propose');
select tests.act_as('authenticated', cal) from world;
select throws_ok('update public.bookings b set adults = 3 from world where b.id = stay', 'PT403', null, 'AL03 a co-host for the calendar cannot propose');
select tests.act_as('authenticated', ben) from world;
select throws_ok('update public.bookings set status = ''cancelled''', '42501', null, 'AL04 a status cannot be updated');
select throws_ok('update public.bookings set guest_total = 1', '42501', null, 'AL05 a price cannot be updated');
select throws_ok('update public.bookings b set adults = 3 from world where b.id = hold', 'PT409', null, 'AL06 an unpaid hold cannot be altered');
select is(pg_temp.codes('update public.bookings b set adults = 2 from world where b.id = stay'), 'no_change', 'AL07 a proposal without a change is refused');
select is(
    pg_temp.codes('update public.bookings b set check_out = pg_temp.day(47), adults = 9 from world where b.id = stay'),
    'too_many_guests occupied', 'AL08 every problem is reported'
);
select is(pg_temp.codes('update public.bookings b set check_out = ''infinity'' from world where b.id = stay'), 'invalid_date', 'AL09 a stay without an end is refused');
select throws_ok('update public.bookings b set check_out = null from world where b.id = stay', 'PT422', null, 'AL10 a missing date is refused');
create temporary table first as
with u as (
    update public.bookings b set check_out = pg_temp.day(46) from world where b.id = stay returning b.nights, b.check_out, b.open_alteration_id
) select * from u;
grant select on first to authenticated;
select results_eq('select nights, check_out, open_alteration_id is not null from first', 'select 4, pg_temp.day(44), true', 'AL11 the response is the unchanged booking with the proposal');
select results_eq(
    'select a.proposed_by, a.guest_total, a.difference, a.check_out, a.expires_at from public.booking_alterations a, first f where a.id = f.open_alteration_id',
    'select ''guest''::public.booking_actor, 60000::bigint, 20000::bigint, current_date + 46, now() + interval ''24 hours''', 'AL12 the proposal has the price'
);
select is((select open_alteration_id from public.bookings b, world where b.id = stay), (select open_alteration_id from first), 'AL13 the booking has the id of the proposal');
select throws_ok('insert into public.booking_alterations (booking_id) select stay from world', '42501', null, 'AL14 proposals cannot be inserted directly');
select throws_ok('update public.booking_alterations set answer = ''accepted''', '42501', null, 'AL15 proposals cannot be answered directly');
select throws_ok('select public.accept_alteration(open_alteration_id) from first', 'PT403', null, 'AL16 no user can accept their own proposal');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.booking_alterations', 'AL17 a stranger cannot read a proposal');
select throws_ok('select public.accept_alteration(open_alteration_id) from first', 'PT404', null, 'AL18 a stranger cannot answer a proposal');
select isnt_empty(
    'insert into public.bookings (property_id, check_in, check_out) select home, pg_temp.day(44), pg_temp.day(45) from world returning id',
    'AL19 a proposal reserves no nights'
);
select tests.act_as('authenticated', ana) from world;
select is(pg_temp.codes('select public.accept_alteration(open_alteration_id) from first'), 'occupied', 'AL20 a proposal cannot be accepted when its nights are taken by then');
select results_eq('select check_in, check_out from public.occupancies o, world where o.booking_id = stay', 'select current_date + 40, current_date + 44', 'AL21 the booking then keeps its nights');
select tests.act_as('authenticated', eva) from world;
delete from public.bookings where status = 'awaiting_payment';

-- answering
select tests.act_as('postgres');
update public.properties set base_price = 11000 where id = (select home from world);
select tests.act_as('authenticated', ana) from world;
select is(pg_temp.codes('select public.accept_alteration(open_alteration_id) from first'), 'stale_proposal', 'AL22 a proposal with another price is stale');
select tests.act_as('postgres');
update public.properties set base_price = 10000 where id = (select home from world);
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'select b.nights, b.guest_total, b.host_total, b.check_out, b.open_alteration_id from first f, public.accept_alteration(f.open_alteration_id) b',
    'select 6, 60000::bigint, 50700::bigint, pg_temp.day(46), null::uuid', 'AL23 accepting changes dates and price'
);
select is((select sum(i.amount)::bigint from public.booking_line_items i, world where i.booking_id = stay), 60000::bigint, 'AL24 accepting changes the lines');
select results_eq('select check_in, check_out from public.occupancies o, world where o.booking_id = stay', 'select current_date + 40, current_date + 46', 'AL25 accepting changes the nights');
select throws_ok('select public.accept_alteration(open_alteration_id) from first', 'PT409', null, 'AL26 a proposal can be accepted once');
select is((select answer from public.booking_alterations a, first f where a.id = f.open_alteration_id), 'accepted', 'AL27 the answer can be read');
select tests.act_as('postgres');
select results_eq(
    'select event, actor, before ->> ''guest_total'', after ->> ''guest_total'' from private.booking_events e, world where e.booking_id = stay order by id desc limit 1',
    $$values ('altered', 'host'::public.booking_actor, '40000', '60000')$$, 'AL28 the log has the values before and after'
);

-- declining, withdrawing, proposing again
select tests.act_as('authenticated', fay) from world;
create temporary table second as
with u as (update public.bookings b set check_in = pg_temp.day(41) from world where b.id = stay returning b.open_alteration_id) select * from u;
grant select on second to authenticated;
select is((select proposed_by || ' ' || difference from public.booking_alterations a, second s where a.id = s.open_alteration_id), 'co_host -10000', 'AL29 a co-host with level full can propose');
select tests.act_as('authenticated', ana) from world;
select throws_ok('select public.accept_alteration(open_alteration_id) from second', 'PT403', null, 'AL30 the host is on the same side and cannot accept');
select tests.act_as('authenticated', ben) from world;
select is((select b.nights from second s, public.decline_alteration(s.open_alteration_id) b), 6, 'AL31 the guest declines, and nothing changes');
select is((select answer from public.booking_alterations a, second s where a.id = s.open_alteration_id), 'declined', 'AL32 the refusal can be read');
create temporary table third as
with u as (update public.bookings b set adults = 3 from world where b.id = stay returning b.open_alteration_id) select * from u;
create temporary table fourth as
with u as (update public.bookings b set adults = 4 from world where b.id = stay returning b.open_alteration_id) select * from u;
grant select on third, fourth to authenticated;
select is((select answer from public.booking_alterations a, third t where a.id = t.open_alteration_id), 'withdrawn', 'AL33 a later proposal replaces the earlier one');
select is((select b.adults::integer from fourth f, public.decline_alteration(f.open_alteration_id) b), 2, 'AL34 declining one''s own proposal withdraws it');
select is((select answer from public.booking_alterations a, fourth f where a.id = f.open_alteration_id), 'withdrawn', 'AL35 the withdrawal can be read');

-- the clock, and stays that have begun
select tests.act_as('postgres');
create temporary table past as select tests.create_booking(ben, home, '2026-06-10', '2026-06-14', 'confirmed', '2026-06-01 12:00:00+00') as id from world;
alter table past add proposal uuid;
grant select on past to authenticated;
select tests.sign_in(ben) from world;
select throws_ok(
    $$select private.propose_alteration(id, '2026-06-11', '2026-06-14', 2, 0, 0, 0, '2026-06-10 15:00:00+00') from past$$, 'PT422', 'The first day of a stay that has begun cannot change.',
    'AL36 the check-in of a stay that has begun cannot change'
);
select throws_ok(
    $$select private.propose_alteration(id, '2026-06-10', '2026-06-11', 2, 0, 0, 0, '2026-06-11 10:00:00+00') from past$$, 'PT422', 'With these dates the stay would already be over.',
    'AL37 the stay cannot end in the past'
);
update past set proposal = private.propose_alteration(id, '2026-06-10', '2026-06-12', 2, 0, 0, 0, '2026-06-11 09:00:00+00');
select is((select difference from public.booking_alterations a, past where a.id = proposal), -20000::bigint, 'AL38 the stay can end earlier');
select tests.sign_in(ana) from world;
select throws_ok($$select private.answer_alteration(proposal, true, '2026-06-12 09:00:00+00') from past$$, 'PT409', null, 'AL39 a proposal cannot be accepted after 24 hours');
select throws_ok($$select private.answer_alteration(proposal, true, '2026-06-14 10:00:00+00') from past$$, 'PT409', null, 'AL40 a proposal cannot be accepted when the stay is over');
select tests.act_as('authenticated', ben) from world;
select is((select b.open_alteration_id from public.bookings b, world where b.id = stay), null, 'AL41 the booking has no open proposal');
select tests.act_as('postgres');
select is((select count(*)::integer from public.booking_alterations a where a.answer is null and a.expires_at > now()), 0, 'AL42 no booking has an open proposal');

-- what is checked again on acceptance, and what is not
create temporary table begun as select tests.create_booking(ben, home, '2026-07-10', '2026-07-14', 'confirmed', '2026-06-01 12:00:00+00') as id from world;
alter table begun add later uuid, add shorter uuid;
grant select, update on begun to authenticated;
select tests.sign_in(ben) from world;
update begun set later = private.propose_alteration(id, '2026-07-11', '2026-07-14', 2, 0, 0, 0, '2026-07-10 05:00:00+00');
select tests.sign_in(ana) from world;
select throws_ok(
    $$select private.answer_alteration(later, true, '2026-07-10 15:00:00+00') from begun$$, 'PT422', 'The first day of a stay that has begun cannot change.',
    'AL43 a new check-in cannot be accepted after the stay began'
);
select tests.sign_in(ben) from world;
update begun set shorter = private.propose_alteration(id, '2026-07-10', '2026-07-12', 2, 0, 0, 0, '2026-07-11 20:00:00+00');
select tests.sign_in(ana) from world;
select throws_ok(
    $$select private.answer_alteration(shorter, true, '2026-07-12 13:00:00+00') from begun$$, 'PT422', 'With these dates the stay would already be over.',
    'AL44 dates with which the stay would be over cannot be accepted'
);
select tests.act_as('postgres');
update public.properties set min_nights = 10, preparation_nights_before = 2, preparation_nights_after = 2 where id = (select home from world);
create temporary table early as select tests.create_booking(eva, home, current_date + 90, current_date + 100) as id from world;
select tests.act_as('authenticated', ben) from world;
select lives_ok('update public.bookings set adults = 1 where id = (select stay from world)', 'AL45 another party in the same nights is not checked against the rules about nights');
select is(
    pg_temp.codes('update public.bookings set check_out = pg_temp.day(45) where id = (select stay from world)'), 'min_stay preparation_after',
    'AL46 other nights are checked against the rules about nights'
);
select tests.act_as('postgres');
update public.properties set min_nights = 1, preparation_nights_before = 0, preparation_nights_after = 0, status = 'suspended', status_reason = 'Fraud' where id = (select home from world);
select tests.act_as('authenticated', ben) from world;
select is(
    pg_temp.codes('update public.bookings set check_out = pg_temp.day(45) where id = (select stay from world)'), 'not_published',
    'AL47 a suspended property cannot sell further nights'
);
select tests.act_as('postgres');
update public.properties set status = 'paused' where id = (select home from world);
select tests.act_as('authenticated', ben) from world;
select lives_ok('update public.bookings set check_out = pg_temp.day(45) where id = (select stay from world)', 'AL48 a paused property can sell further nights');
select tests.act_as('postgres');
insert into public.suspensions (profile_id, reason, suspended_by) select ben, 'Fraud', ana from world;
select tests.act_as('authenticated', ana) from world;
select throws_ok(
    'select public.accept_alteration(b.open_alteration_id) from public.bookings b, world where b.id = stay', 'PT403', 'This account is suspended.',
    'AL49 a suspended guest cannot accept further nights'
);
select tests.act_as('authenticated', ben) from world;
select throws_ok(
    'update public.bookings set adults = 1 where id = (select stay from world)', 'PT403', 'This account is suspended.', 'AL50 a suspended guest cannot propose an alteration'
);
select is((select count(*)::integer from world, lateral public.cancel_booking(stay)), 1, 'AL51 a suspended guest can cancel');
select is((select b.open_alteration_id from public.bookings b, world where b.id = stay), null, 'AL52 the cancellation ends the proposal');

-- a proposal belongs to the parties of its booking, also when its writer names others
select tests.act_as('postgres');
insert into public.booking_alterations (
    booking_id, guest_id, host_id, property_id, proposed_by, expires_at, answer, answered_at, check_in, check_out, adults, children, infants,
    pets, currency, guest_total, difference, lines
)
select stay, eva, eva, gen_random_uuid(), 'guest', now(), 'withdrawn', now(), current_date, current_date + 1, 1, 0, 0, 0, 'EUR', 1, 0, '{}' from world;
select is_empty(
    'select from public.booking_alterations a join private.bookings b on b.id = a.booking_id
    where (a.guest_id, a.host_id, a.property_id) is distinct from (b.guest_id, b.host_id, b.property_id)',
    'AL53 proposals have the parties of their booking'
);
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.booking_alterations a, world where a.booking_id = stay', 'AL54 a stranger named as the guest cannot read a proposal');
select tests.act_as('authenticated', cal) from world;
select isnt_empty('select from public.booking_alterations a, world where a.booking_id = stay', 'AL55 a co-host can read proposals');

select * from finish();
rollback;
