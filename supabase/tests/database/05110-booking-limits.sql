-- How many nights a guest keeps from others without paying: open bookings and nights, in all and at one property, the pause after
-- those given up, young accounts, confirmed addresses, alterations.
begin;
select plan(34);

select results_eq(
    $$select name, value from private.settings where name ~ '^(unpaid|given_up|young)' and name <> 'unpaid_hold' order by name$$,
    $$values
        ('given_up', '20'), ('given_up_at_property', '6'), ('unpaid_bookings', '10'), ('unpaid_bookings_at_property', '4'),
        ('unpaid_nights', '120'), ('unpaid_nights_at_property', '31'), ('unpaid_pause', '24 hours'),
        ('young_account', '7 days'), ('young_account_share', '0.5')$$,
    'BL34 these are the limits; the tests below change some'
);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Lia') as lia, tests.create_person('Mia') as mia,
    tests.create_person('Noa') as noa, null::uuid as home, null::uuid as other, null::uuid as stay, null::uuid as proposal;
grant select on world to anon, authenticated;
update world set home = tests.create_property(ana), other = tests.create_property(ana);
update public.properties p set max_nights = 300, booking_mode = 'instant' from world where p.id in (home, other);
-- grown-up accounts, except Noa's
update public.accounts a set created_at = now() - interval '8 days' from world where a.id in (lia, mia);

create function pg_temp.book(p_from integer, p_nights integer, p_home boolean default true) returns uuid language sql as $$
    insert into public.bookings (property_id, check_in, check_out)
    select case when p_home then home else other end, current_date + p_from, current_date + p_from + p_nights from world
    returning id
$$;
create function pg_temp.set(p_name text, p_value text) returns void language sql security definer as $$
    update private.settings set value = p_value where name = p_name
$$;
/* The details of the error that a statement raises. */
create function pg_temp.details(p_sql text) returns jsonb language plpgsql as $$
declare
    v_details text;
    v_hint text;
begin
    execute p_sql;
    return null;
exception when others then
    get stacked diagnostics v_details = pg_exception_detail, v_hint = pg_exception_hint;
    return v_details::jsonb -> 0 || jsonb_build_object('hint', v_hint);
end
$$;
/* Pays what is due for a booking, as Stripe would report it. */
create function pg_temp.pay(p_guest uuid, p_booking uuid, p_number integer) returns void language sql security definer as $$
    select public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_limit' || p_number, 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', b -> 'amount',
        'amount_received', b -> 'amount', 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_limit' || p_number,
        'settlement', jsonb_build_object(
            'id', 'txn_limit' || p_number, 'currency', 'eur', 'amount', b -> 'amount', 'fee', 0, 'net', b -> 'amount'
        )
    ))
    from public.begin_payment(p_guest, p_booking) b
$$;
grant execute on function pg_temp.book, pg_temp.set, pg_temp.details, pg_temp.pay to authenticated;

-- at one property
select tests.act_as('authenticated', lia) from world;
select lives_ok('select pg_temp.book(10, 100)', 'BL01 one stay alone may be as long as the property allows');
select tests.throws_code('select pg_temp.book(220, 1)', 'too_many_unpaid_at_property', 'BL02 beside it, no further night of the property');
select is(
    pg_temp.details('select pg_temp.book(220, 1)') ->> 'hint', 'Pay for one, give one up, or try again in 900 seconds.',
    'BL03 the hint says when there is room'
);
select results_eq(
    $$select (d ->> 'retry_after')::integer, (d ->> 'retry_at')::timestamptz, d ->> 'property_id' from pg_temp.details('select pg_temp.book(220, 1)') d$$,
    $$select 900, now() + interval '15 minutes', home::text from world$$, 'BL04 and so do the details'
);
delete from public.bookings where status = 'awaiting_payment';
select lives_ok('select pg_temp.book(10, 10)', 'BL05 the nights are free again after it is given up');
select lives_ok('select pg_temp.book(20, 10)', 'BL06 20 nights');
select lives_ok('select pg_temp.book(30, 11)', 'BL07 31 nights');
select tests.throws_code('select pg_temp.book(41, 1)', 'too_many_unpaid_at_property', 'BL08 not 32 nights');
select lives_ok('select pg_temp.book(10, 60, false)', 'BL09 another property has its own limit');
select tests.throws_code('select pg_temp.book(80, 30, false)', 'too_many_unpaid_bookings', 'BL10 not 121 nights of all properties');
delete from public.bookings where status = 'awaiting_payment';
select lives_ok('select pg_temp.book(10 + n, 1) from generate_series(1, 4) n', 'BL11 four bookings of one property');
select tests.throws_code('select pg_temp.book(15, 1)', 'too_many_unpaid_at_property', 'BL12 not five');
select tests.act_as('postgres');
select pg_temp.set('unpaid_bookings', '4');
select tests.act_as('authenticated', lia) from world;
select tests.throws_code('select pg_temp.book(15, 1, false)', 'too_many_unpaid_bookings', 'BL13 the limit of all properties comes first');
select pg_temp.set('unpaid_bookings', '10');

-- the pause: five bookings were given up so far, four of them at home
delete from public.bookings where id in (select id from public.bookings where status = 'awaiting_payment' limit 1);
select lives_ok('select pg_temp.book(10, 1)', 'BL14 a guest may try again five times');
delete from public.bookings where status = 'awaiting_payment';
select tests.throws_code('select pg_temp.book(10, 1)', 'too_many_given_up_at_property', 'BL15 and then has to wait at this property');
select is((pg_temp.details('select pg_temp.book(10, 1)') ->> 'retry_after')::integer, 86400, 'BL16 for a day');
select lives_ok('select pg_temp.book(10, 1, false)', 'BL17 not at others');
select pg_temp.set('given_up', '9');
select tests.throws_code('select pg_temp.book(20, 1, false)', 'too_many_given_up', 'BL18 until there are too many in all');
select pg_temp.set('unpaid_pause', '0 seconds');
select lives_ok('select pg_temp.book(20, 1, false)', 'BL19 a setting ends the pause');
select pg_temp.set('unpaid_pause', '24 hours');
select pg_temp.set('given_up', '20');

-- expired ones, recorded or not
select tests.act_as('postgres');
select tests.create_booking(mia, home, current_date + 100 + n, current_date + 101 + n, 'awaiting_payment', now() - n * interval '1 hour')
from world, generate_series(6, 1, -1) n;
select tests.act_as('authenticated', mia) from world;
select is(
    (pg_temp.details('select pg_temp.book(10, 1)') ->> 'retry_after')::integer, (24 * 3600 - 6 * 3600 + 900 - 2),
    'BL20 holds that expired count from their end, before it is recorded'
);
select tests.act_as('postgres');
select private.expire_and_complete_bookings();
select tests.act_as('authenticated', mia) from world;
select is(
    (pg_temp.details('select pg_temp.book(10, 1)') ->> 'retry_after')::integer, (24 * 3600 - 6 * 3600 + 900 - 2),
    'BL21 and after it is recorded'
);

-- alterations
select tests.act_as('postgres');
select pg_temp.set('given_up_at_property', '99');
update world set stay = tests.create_booking(mia, home, current_date + 200, current_date + 202);
select tests.act_as('authenticated', mia) from world;
select pg_temp.pay(mia, stay, 1) from world;
select pg_temp.book(30, 20);
prepare extend(integer) as update public.bookings b set check_out = current_date + 202 + $1 from world where b.id = stay;
select tests.throws_code('execute extend(12)', 'too_many_unpaid_at_property', 'BL22 nights that an alteration adds count beside unpaid ones');
select lives_ok('execute extend(11)', 'BL23 up to the limit');
select tests.act_as('authenticated', ana) from world;
select lives_ok('execute extend(12)', 'BL24 a host may propose more');
select tests.act_as('postgres');
update world set proposal = (select a.id from public.booking_alterations a where a.booking_id = stay and a.answer is null);
select tests.act_as('authenticated', mia) from world;
select tests.throws_code('select public.accept_alteration(proposal) from world', 'too_many_unpaid_at_property', 'BL25 the guest accepts it after paying for others');
delete from public.bookings where status = 'awaiting_payment';
select lives_ok('select public.accept_alteration(proposal) from world', 'BL26 or giving them up');
select tests.throws_code('select pg_temp.book(30, 20)', 'too_many_unpaid_at_property', 'BL27 its nights count until they are paid');
select is(
    (pg_temp.details('select pg_temp.book(30, 20)') ->> 'retry_at')::timestamptz, (select b.check_out_at from private.bookings b, world where b.id = stay),
    'BL28 or over'
);
select lives_ok('select pg_temp.book(30, 19)', 'BL29 19 nights beside the 12 are not too many');
delete from public.bookings where status = 'awaiting_payment';
select pg_temp.pay(mia, stay, 2) from world;
select lives_ok('select pg_temp.book(30, 20)', 'BL30 paid nights do not count');

-- young accounts, and addresses that are not confirmed
select tests.act_as('authenticated', noa) from world;
select pg_temp.book(60 + n, 1) from generate_series(1, 2) n;
select tests.throws_code('select pg_temp.book(70, 1)', 'too_many_unpaid_at_property', 'BL31 a young account holds half as much');
select tests.act_as('postgres');
update public.accounts a set created_at = now() - interval '7 days' from world where a.id = noa;
select tests.act_as('authenticated', noa) from world;
select lives_ok('select pg_temp.book(70, 1)', 'BL32 after a week it has the whole limit');
select tests.act_as('postgres');
update auth.users u set email_confirmed_at = null from world where u.id = noa;
select tests.act_as('authenticated', noa) from world;
select tests.throws_code('select pg_temp.book(80, 1)', 'email_not_confirmed', 'BL33 without a confirmed address, no guest holds nights');

select * from finish();
rollback;
