-- Instalments of long stays, saved cards and planned charges: what is due when, and who may read and remove a card.
begin;
select plan(23);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    null::uuid as home, null::uuid as booking;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant', max_nights = 100, base_price = 10000 where id = (select home from world);

create function pg_temp.parts(p_total bigint, p_nights integer) returns text language sql as $$
    select string_agg(i.amount::text, ' ' order by i.number) from private.instalments(p_total, 'EUR', p_nights, now()) i
$$;
select is(pg_temp.parts(100, 27), '100', 'BL01 27 nights are paid at once');
select is(pg_temp.parts(100, 30), '100', 'BL02 30 nights are one instalment');
select is(pg_temp.parts(3100, 31), '3000 100', 'BL03 31 nights have a second instalment of one night');
select is(pg_temp.parts(100, 90), '33 34 33', 'BL04 instalments are rounded so that they sum to the total');
select is(pg_temp.parts(7, 61), '3 4 0', 'BL05 instalments also sum to a total of less than a minor unit a night');
select is(
    (select array_agg(i.due_at order by i.number) from private.instalments(300, 'EUR', 90, '2027-03-01 15:00+00') i),
    array[null, '2027-03-28 15:00+00', '2027-04-27 15:00+00']::timestamptz[],
    'BL06 each further instalment is due three days before its 30 nights begin'
);

update world set booking = tests.create_booking(ben, home, current_date + 40, current_date + 100, 'awaiting_payment');
create function pg_temp.due(p_at timestamptz) returns bigint language sql as $$
    select private.guest_due(b, p_at) from private.bookings b, world where b.id = booking
$$;
create function pg_temp.pay(p_number integer, p_changes jsonb default '{}') returns text language sql as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_bl' || p_number, 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', b -> 'amount',
        'amount_received', b -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_bl' || p_number,
        'settlement', jsonb_build_object(
            'id', 'txn_bl' || p_number, 'currency', 'eur', 'amount', b -> 'amount', 'fee', 0, 'net', b -> 'amount'
        ),
        'payment_method', jsonb_build_object('id', 'pm_bl', 'brand', 'visa', 'last4', '4242', 'is_reusable', true)
    ) || p_changes)
    from world, public.begin_payment(ben, booking) b
$$;
select is(pg_temp.due(now()), 300000::bigint, 'BL07 of 60 nights at 100.00 the first 30 are due at booking');
select is(pg_temp.pay(1), 'applied', 'BL08 the first instalment is paid');
select is(pg_temp.due(now()), 0::bigint, 'BL09 nothing more is due now');
select is(
    pg_temp.due((select b.check_in_at + interval '27 days' from private.bookings b, world where b.id = booking)), 300000::bigint,
    'BL10 the rest is due 27 days after check-in'
);
set constraints all immediate; set constraints all deferred;
select is(
    (select c.due_at from private.planned_charges c, world where c.booking_id = booking),
    (select b.check_in_at + interval '27 days' from private.bookings b, world where b.id = booking),
    'BL11 the rest is charged when it is due'
);
select is((select private.ledger_balance('guest', ben, 'EUR') from world), 300000::bigint, 'BL12 the guest''s account has the rest as owed until then');
select tests.throws_code('select public.begin_payment(ben, booking) from world', 'nothing_due', 'BL13 the rest cannot be paid before it is due');

select tests.act_as('authenticated', ben) from world;
select is((select string_agg(brand || last4, ' ') from public.payment_methods), 'visa4242', 'BL14 the guest sees the card');
select throws_ok('update public.payment_methods set last4 = ''0000''', '42501', null, 'BL15 the guest cannot change the card');
select is((select array_agg(amount order by number) from world, public.payment_schedule(booking)), array[300000, 300000]::bigint[], 'BL16 the guest sees the instalments');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.payment_methods', 'BL17 a stranger sees no card');
select is_empty('delete from public.payment_methods returning 1', 'BL18 a stranger cannot remove the card');
select is_empty('select from world, public.payment_schedule(booking)', 'BL19 a stranger does not see the instalments');
select tests.act_as('anon');
select throws_ok('select from public.payment_methods', '42501', null, 'BL20 anon cannot read cards');
select tests.act_as('postgres');
select throws_ok(
    $$select public.begin_payment(eva, b, m.id) from world, public.payment_methods m,
        (select tests.create_booking(eva, home, current_date + 20, current_date + 22, 'awaiting_payment') as b from world) x$$,
    'PT404', 'You have no such card.', 'BL21 no user can pay with another person''s card'
);
select tests.act_as('authenticated', ben) from world;
delete from public.payment_methods;
select tests.act_as('postgres');
select is((select string_agg(subject, ' ') from private.stripe_tasks where kind = 'detach'), 'pm_bl', 'BL22 a removed card is removed at Stripe');
select private.charge_balance(booking, (select b.check_in_at + interval '27 days' from private.bookings b where b.id = booking)) from world;
select is(
    (select p.last_error from public.payments p, world where p.booking_id = booking and p.kind = 'balance'), 'There is no card to charge.',
    'BL23 without the card the guest has to pay the rest'
);

select * from finish();
rollback;
