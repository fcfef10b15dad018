-- Leaving with money on its way: who may not yet, what is forgotten, what is taken along.
begin;
select plan(12);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as booking;
grant select on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
update world set booking = tests.create_booking(ben, home, current_date + 40, current_date + 42, 'awaiting_payment');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_lm', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', b -> 'amount', 'amount_received', b -> 'amount',
    'currency', 'eur', 'created', 1800000000, 'charge', 'ch_lm',
    'settlement', jsonb_build_object('id', 'txn_lm', 'currency', 'eur', 'amount', b -> 'amount', 'fee', 0, 'net', b -> 'amount'),
    'payment_method', '{"id": "pm_lm", "brand": "visa", "last4": "4242", "is_reusable": true}'::jsonb
)) from world, public.begin_payment(ben, booking) b;

create function pg_temp.codes(p_person uuid) returns text language sql as $$
    select string_agg(distinct o.code, ' ' order by o.code) from private.departure_obstacles(p_person) o
$$;
select tests.act_as('authenticated', ben) from world;
select is(public.export_my_data() #>> '{payments,0,captured_amount}', '24000', 'LM01 a guest takes payments along');
select is(public.export_my_data() #>> '{payment_methods,0,last4}', '4242', 'LM02 and cards');
select is(public.export_my_data() #>> '{bookings,0,property_title}', 'House by the river', 'LM03 beside bookings');
select public.cancel_booking(booking) from world;
select tests.act_as('postgres');
set constraints all immediate; set constraints all deferred;
select is(pg_temp.codes(ben), 'open_refund', 'LM04 a refund on its way keeps the guest') from world;
select public.apply_refund(jsonb_build_object(
    'id', 're_lm', 'refund_id', r.id, 'payment_intent', 'pi_lm', 'status', 'succeeded', 'amount', r.amount, 'created', 1800000000,
    'settlement', jsonb_build_object('id', 'txn_re', 'currency', 'eur', 'amount', -r.amount, 'fee', 0, 'net', -r.amount)
)) from public.refunds r;
select is(pg_temp.codes(ben), null, 'LM05 until it has come') from world;
select is(pg_temp.codes(ana), 'hosted_property', 'LM06 the host is owed nothing of it') from world;

-- a host who cancels owes a fee
update world set booking = tests.create_booking(ben, home, current_date + 60, current_date + 62, 'confirmed');
select tests.act_as('authenticated', ana) from world;
select public.cancel_booking(booking) from world;
select is(public.export_my_data() #>> '{host_statement,0,kind}', 'agreement', 'LM07 a host takes the statement along');
select is(public.export_my_data() -> 'payout_account', 'null', 'LM08 there is no payout account');
select tests.act_as('postgres');
set constraints all immediate; set constraints all deferred;
select is(pg_temp.codes(ana), 'hosted_property open_payout', 'LM09 what a host owes keeps them') from world;

select tests.act_as('authenticated', ben) from world;
select lives_ok('select public.delete_account()', 'LM10 the guest leaves');
select tests.act_as('postgres');
select is_empty('select from public.payment_methods', 'LM11 the card is forgotten');
select is((select count(*)::integer from private.money_tasks where kind = 'detach' and subject = 'pm_lm'), 1, 'LM12 at Stripe too');

select * from finish();
rollback;
