-- Currencies at Stripe: one history in each kind of currency, with every amount worked out by hand; what no card can pay, which is refused
-- before nights are held; and differences that are too small to be charged.
begin;
select plan(55);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as draft, null::uuid as booking;
grant select on world to anon, authenticated, service_role;
update private.settings set value = '0 days' where name = 'new_host_hold';
insert into public.cancellation_policies (id, name, steps) values ('half', 'Half', '[{"refund_percent": 50, "nights_kept": 0}]');
select public.save_payout_account(ana, 'acct_cu') from world;
select public.apply_account('{"id": "acct_cu", "details_submitted": true, "payouts_enabled": true, "requirements": []}');
-- triggers at commit defer further triggers, which need a second round
create function pg_temp.commit_now() returns void language plpgsql as $$
begin
    for v_round in 1..2 loop
        set constraints all immediate;
        set constraints all deferred;
    end loop;
end $$;
create function pg_temp.home(p_currency text, p_price bigint) returns uuid language plpgsql as $$
declare
    v_home uuid := (select tests.create_property(ana) from world);
begin
    update public.properties
    set currency = p_currency, base_price = p_price, booking_mode = 'instant', max_nights = 100, cancellation_policy_id = 'half'
    where id = v_home;
    return v_home;
end $$;

-- Three nights, 7.7 % tax, 15.5 % platform fee of the host. The guest pays and cancels: half is refunded. The host keeps
-- the other half of the host's total.
create function pg_temp.history(p_currency text, p_price bigint, p_stripe_fee bigint) returns jsonb language plpgsql as $$
declare
    v_home uuid := pg_temp.home(p_currency, p_price);
    v_ben constant uuid := (select ben from world);
    v_ana constant uuid := (select ana from world);
    v_code constant text := lower(p_currency);
    v_quote public.quote;
    v_booking private.bookings;
    v_begun jsonb;
    v_charge bigint;
    v_preview public.cancellations;
    v_refund jsonb;
    v_payout uuid;
    v_transfer jsonb;
begin
    insert into public.property_taxes (property_id, name, charge, percent, applies_to) values (v_home, 'VAT', 'percent', 7.7, 'all');
    perform tests.act_as('postgres', v_ben);
    v_quote := public.quote_stay(v_home, (current_date + 20)::text, (current_date + 23)::text, 2);
    perform tests.act_as('postgres');
    v_booking.id := tests.create_booking(v_ben, v_home, current_date + 20, current_date + 23, 'awaiting_payment');
    select b.* into v_booking from private.bookings b where b.id = v_booking.id;
    v_begun := public.begin_payment(v_ben, v_booking.id);
    v_charge := v_begun ->> 'stripe_amount';
    perform public.apply_payment_intent(jsonb_build_object(
        'id', 'pi_' || v_code, 'payment_id', v_begun ->> 'payment_id', 'status', 'succeeded', 'amount', v_charge, 'amount_received', v_charge,
        'currency', v_code, 'created', extract(epoch from now())::bigint, 'charge', 'ch_' || v_code, 'settlement', jsonb_build_object(
            'id', 'txn_ch_' || v_code, 'currency', v_code, 'amount', v_charge, 'fee', p_stripe_fee, 'net', v_charge - p_stripe_fee
        )
    ));
    perform pg_temp.commit_now();

    perform tests.act_as('postgres', v_ben);
    v_preview := public.preview_cancellation(v_booking.id);
    perform public.cancel_booking(v_booking.id);
    perform tests.act_as('postgres');
    perform pg_temp.commit_now();
    v_refund := (
        select private.task_message(t) from private.stripe_tasks t
        where t.kind = 'refund' and t.subject in (select r.id::text from public.refunds r where r.booking_id = v_booking.id)
    );
    perform public.apply_refund(jsonb_build_object(
        'id', 're_' || v_code, 'refund_id', v_refund ->> 'refund_id', 'payment_intent', 'pi_' || v_code, 'status', 'succeeded',
        'amount', v_refund -> 'amount', 'currency', v_code, 'created', extract(epoch from now())::bigint, 'settlement', jsonb_build_object(
            'id', 'txn_re_' || v_code, 'currency', v_code, 'amount', -(v_refund ->> 'amount')::bigint, 'fee', 0,
            'net', -(v_refund ->> 'amount')::bigint
        )
    ));
    perform private.release_payout(v_booking.id, now());
    v_payout := (select p.id from public.payouts p where p.booking_id = v_booking.id);
    v_transfer := public.begin_transfer(v_payout);
    perform public.apply_transfer(jsonb_build_object(
        'id', 'tr_' || v_code, 'payout_id', v_payout, 'amount', v_transfer -> 'amount', 'currency', v_code,
        'created', extract(epoch from now())::bigint, 'balance_transaction', 'txn_tr_' || v_code, 'reversals', '[]'::jsonb
    ));
    perform pg_temp.commit_now();
    perform public.reconcile_ledger(jsonb_build_array(
        jsonb_build_object('id', 'txn_ch_' || v_code, 'net', v_charge - p_stripe_fee, 'currency', v_code, 'type', 'charge'),
        jsonb_build_object('id', 'txn_re_' || v_code, 'net', -(v_refund ->> 'amount')::bigint, 'currency', v_code, 'type', 'refund'),
        jsonb_build_object('id', 'txn_tr_' || v_code, 'net', -(v_transfer ->> 'amount')::bigint, 'currency', v_code, 'type', 'transfer')
    ), now() - interval '1 minute');
    return jsonb_build_object(
        'quote', jsonb_build_array(v_quote.guest_total, v_quote.taxes, v_quote.host_total),
        'booking', jsonb_build_array(v_booking.guest_total, v_begun -> 'amount'),
        'stripe', jsonb_build_array(v_charge, v_refund -> 'amount', v_transfer -> 'amount'),
        'preview', jsonb_build_array(v_preview.refund_amount, (select sum(l.refund_amount) from unnest(v_preview.lines) l)),
        'guest', private.ledger_balance('guest', v_ben, p_currency, v_booking.id),
        'host', private.ledger_balance('host_payable', v_ana, p_currency, v_booking.id),
        'at Stripe', private.ledger_balance('stripe_clearing', null, p_currency, v_booking.id),
        'differences', (
            select count(*) from public.reconciliation_differences d
            where d.balance_transaction like '%' || v_code
        )
    );
end $$;
create function pg_temp.expected(
    p_quote bigint[], p_charge bigint, p_refund bigint, p_stripe_refund bigint, p_stripe_transfer bigint, p_at_stripe bigint
) returns jsonb language sql as $$
    select jsonb_build_object(
        'quote', p_quote, 'booking', array[p_quote[1], p_quote[1]], 'stripe', array[p_charge, p_stripe_refund, p_stripe_transfer],
        'preview', array[p_refund, p_refund], 'guest', 0, 'host', 0, 'at Stripe', p_at_stripe, 'differences', 0
    )
$$;

-- 300.03 rent, 23.10231 tax, 46.50465 fee; half of 323.13 is 161.565, half of the host's 276.63 is 138.315
select is(pg_temp.history('EUR', 10001, 967), pg_temp.expected('{32313, 2310, 27663}', 32313, 16157, 16157, 13831, 1358), 'CU01 EUR: cents');
select is(pg_temp.history('JPY', 10001, 967), pg_temp.expected('{32313, 2310, 27663}', 32313, 16157, 16157, 13831, 1358), 'CU02 JPY: yen');
-- 99.990 rent, 7.69923 tax, 15.49845 fee: each in hundredths; half of 107.69 is 53.845, half of 92.19 is 46.095
select is(
    pg_temp.history('KWD', 33330, 3230), pg_temp.expected('{107690, 7700, 92190}', 107690, 53850, 53850, 46090, 4520),
    'CU03 KWD: three decimals, the last of them 0'
);
-- 300,003 rent, 23,100.231 tax, 46,500.465 fee; half of 323,103 is 161,551.5, half of 276,603 is 138,301.5
select is(
    pg_temp.history('UGX', 100001, 969300), pg_temp.expected('{323103, 23100, 276603}', 32310300, 161552, 16155200, 13830100, 13557),
    'CU04 UGX: shillings here, hundredths at Stripe'
);
select is(
    pg_temp.history('ISK', 10001, 96700), pg_temp.expected('{32313, 2310, 27663}', 3231300, 16157, 1615700, 1383100, 1358),
    'CU05 ISK: krónur here, hundredths at Stripe'
);
select is(
    pg_temp.history('MGA', 10000100, 9693), pg_temp.expected('{32310300, 2310000, 27660300}', 323103, 16155200, 161552, 138301, 1355700),
    'CU06 MGA: hundredths here, ariary at Stripe'
);
select is(
    pg_temp.history('HUF', 1000100, 96900), pg_temp.expected('{3231300, 231000, 2766300}', 3231300, 1615700, 1615700, 1383100, 135600),
    'CU07 HUF: hundredths, but whole forints, because Stripe pays out no others'
);
select is(
    pg_temp.history('TWD', 1000100, 96900), pg_temp.expected('{3231300, 231000, 2766300}', 3231300, 1615700, 1615700, 1383100, 135600),
    'CU08 TWD: whole dollars for the same reason'
);
-- 3,000,003.00 rent, 231,000.23 tax, 465,000.465 fee
select is(
    pg_temp.history('IDR', 100000100, 9693010),
    pg_temp.expected('{323100323, 23100023, 276600276}', 323100323, 161550162, 161550162, 138300138, 13557013), 'CU09 IDR: nine digits'
);

-- both ways of an amount
select is(private.stripe_amount(500000, 'UGX'), 50000000::bigint, 'CU10 500,000 shillings are 50,000,000 at Stripe');
select is(private.stripe_amount(500000, 'MGA'), 5000::bigint, 'CU11 5,000.00 ariary are 5,000');
select is(private.stripe_amount(550, 'MGA'), null, 'CU12 5.50 ariary are no amount at Stripe');
select is(
    private.from_stripe('{"currency": "eur", "amount": 100, "settlement": {"currency": "isk", "amount": 12345, "fee": 666, "net": 11679}}'),
    '{"currency": "eur", "amount": 100, "settlement": {"currency": "isk", "amount": 123, "fee": 6, "net": 117}}',
    'CU13 an amount is converted by the currency beside it, and amount, fee and net still agree'
);
select is(private.from_stripe('{"currency": "ugx", "amount": null, "reversals": [{"currency": "ugx", "amount": 300}], "movements": []}'),
    '{"currency": "ugx", "amount": null, "reversals": [{"currency": "ugx", "amount": 3}], "movements": []}', 'CU14 also in lists, and nulls stay');
select is(private.from_stripe(null), null, 'CU15 nothing stays nothing');

-- prices
update world set home = pg_temp.home('EUR', 10000), draft = tests.create_property(ana, false);
create function pg_temp.price(p_currency text, p_price bigint) returns text language sql as $$
    select format('update public.properties set currency = %L, base_price = %s where id = %L', p_currency, p_price, draft) from world
$$;
select tests.throws_code(pg_temp.price('JPY', 1), 'price_below_minimum', 'CU16 a night does not cost one yen');
select lives_ok(pg_temp.price('JPY', 50), 'CU17 but fifty');
select tests.throws_code(pg_temp.price('HUF', 100), 'price_below_minimum', 'CU18 nor one forint');
select tests.throws_code(pg_temp.price('KWD', 33335), 'amount_not_in_steps', 'CU19 nor a thousandth of a dinar more');
select tests.throws_code(pg_temp.price('EUR', 100000000), 'price_above_maximum', 'CU20 nor a million euros');
select lives_ok(pg_temp.price('EUR', 99999999), 'CU21 but a cent less');
select tests.throws_code(pg_temp.price('UGX', 1000000), 'price_above_maximum', 'CU22 nor a million shillings, which have nine digits at Stripe');
select lives_ok(pg_temp.price('MGA', 50000), 'CU23 nor less than 500 ariary, by our estimate');
select tests.throws_code(
    format('update public.properties set extra_guest_price = 150 where id = %L', draft), 'amount_not_in_steps', 'CU24 an extra guest costs whole ariary'
) from world;
select tests.throws_code(
    format('insert into public.property_fees (property_id, kind, name, amount) values (%L, ''cleaning'', ''Cleaning'', 150)', draft),
    'amount_not_in_steps', 'CU25 as does a fee'
) from world;
select tests.throws_code(
    format('insert into public.property_taxes (property_id, name, charge, amount) values (%L, ''City tax'', ''per_night'', 150)', draft),
    'amount_not_in_steps', 'CU26 as does a tax'
) from world;
select tests.throws_code(
    format('insert into public.property_seasons (property_id, name, starts_on, ends_on, price) values (%L, ''x'', ''2027-01-01'', ''2027-02-01'', 50050)', draft),
    'amount_not_in_steps', 'CU27 as does a season'
) from world;
select tests.throws_code(
    format('insert into public.property_date_overrides (property_id, starts_on, ends_on, price) values (%L, ''2027-01-01'', ''2027-02-01'', 10000000000)', draft),
    'price_above_maximum', 'CU28 nor may a date cost more than a card can pay'
) from world;

-- currencies that no card can pay in
select lives_ok(pg_temp.price('KPW', 20000), 'CU29 a draft may be priced in won of North Korea');
select tests.throws_code(format('select public.publish_property(%L)', draft), 'currency_not_payable', 'CU30 but is not published') from world;
select tests.throws_code(
    format('update public.properties set currency = ''KPW'' where id = %L', home), 'currency_not_payable', 'CU31 nor may a published property change to them'
) from world;

-- totals
create function pg_temp.codes(p_ahead integer, p_nights integer) returns text language sql as $$
    select string_agg(r ->> 'code', ',')
    from world, jsonb_array_elements(public.bookability(home, (current_date + p_ahead)::text, (current_date + p_ahead + p_nights)::text, 2)) r
$$;
create function pg_temp.found(p_ahead integer, p_nights integer) returns bigint language sql as $$
    select count(*) from world join public.property_addresses a on a.property_id = home, public.search_properties(
        p_latitude => a.latitude, p_longitude => a.longitude, p_radius => 1000, p_sort => 'distance',
        p_check_in => (current_date + p_ahead)::text, p_check_out => (current_date + p_ahead + p_nights)::text
    ) f where f.property_id = home
$$;
create function pg_temp.counted(p_ahead integer, p_nights integer) returns integer language sql as $$
    select c.count from public.count_properties(
        p_west => -10, p_south => 38, p_east => -9, p_north => 39,
        p_check_in => (current_date + p_ahead)::text, p_check_out => (current_date + p_ahead + p_nights)::text
    ) c
$$;
update public.properties set base_price = 4000000 where id = (select home from world);
select is(pg_temp.codes(40, 30), 'total_above_maximum', 'CU32 1.2 million euros are not bookable');
select is(pg_temp.codes(40, 24), null, 'CU33 960,000 euros are');
select tests.throws_code(
    format('select public.quote_stay(%L, %L, %L, 2)', home, current_date + 40, current_date + 70), 'total_above_maximum', 'CU34 nor are they quoted'
) from world;
select is(array[pg_temp.found(40, 30), pg_temp.found(40, 24)], '{0, 1}', 'CU35 nor does search offer them');
select is(pg_temp.counted(40, 24) - pg_temp.counted(40, 30), 1, 'CU53 nor does it count them');
select tests.throws_code(
    format('select tests.create_booking(%L, %L, %L, %L)', ben, home, current_date + 40, current_date + 70), 'total_above_maximum',
    'CU36 nor are they booked'
) from world;
select is_empty('select from public.occupancies o, world where o.property_id = home', 'CU37 and no night is held');
update public.properties set base_price = 150, last_minute_discount_percent = 70, last_minute_days = 28 where id = (select home from world);
select is(pg_temp.codes(5, 1), 'total_below_minimum', 'CU38 45 cents, after a discount, are not bookable');
select is(pg_temp.codes(5, 2), null, 'CU39 90 cents are');
select is(array[pg_temp.found(5, 1), pg_temp.found(5, 2)], '{0, 1}', 'CU40 search knows it');
create temporary table payable on commit drop as select pg_temp.counted(5, 1) as count;
update public.properties set base_price = 200 where id = (select home from world);
select is(pg_temp.counted(5, 1) - count, 1, 'CU54 and counts it once it costs 60 cents') from payable;
update public.properties set base_price = 150 where id = (select home from world);
update public.currencies set is_payable = false where code = 'EUR';
select is(pg_temp.codes(5, 2), 'currency_not_payable', 'CU41 nothing is bookable once Stripe no longer takes a currency');
update public.currencies set is_payable = true where code = 'EUR';

-- a difference of 30 cents
update public.properties
set base_price = 10000, last_minute_discount_percent = 0, extra_guest_price = 10, extra_guests_after = 2, max_guests = 6
where id = (select home from world);
update world set booking = tests.create_booking(ben, home, current_date + 40, current_date + 43, 'awaiting_payment');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_cu', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', 30000, 'amount_received', 30000, 'currency', 'eur',
    'created', 1800000000, 'charge', 'ch_cu', 'settlement', '{"id": "txn_cu", "currency": "eur", "amount": 30000, "fee": 0, "net": 30000}'::jsonb
))
from world, public.begin_payment(ben, booking) b;
select pg_temp.commit_now();
create function pg_temp.alter_to(p_adults integer) returns void language plpgsql as $$
declare
    v_alteration uuid;
begin
    perform tests.act_as('postgres', ben) from world;
    v_alteration := (
        select private.propose_alteration(booking, current_date + 40, current_date + 43, p_adults, 0, 0, 0, now()) from world
    );
    perform tests.act_as('postgres', ana) from world;
    perform private.answer_alteration(v_alteration, true, now());
    perform tests.act_as('postgres');
    perform pg_temp.commit_now();
end $$;
create function pg_temp.guest() returns bigint language sql as $$
    select private.ledger_balance('guest', ben, 'EUR', booking) from world
$$;
select pg_temp.alter_to(3);
select is(pg_temp.guest(), 30::bigint, 'CU42 a third guest costs 30 cents more');
select is_empty('select from private.planned_charges c, world where c.booking_id = booking', 'CU43 which are not charged');
select tests.throws_code('select public.begin_payment(ben, booking) from world', 'due_below_minimum', 'CU44 and which the guest cannot pay');
select pg_temp.alter_to(4);
select is((select c.total from private.planned_charges c, world where c.booking_id = booking), 30060::bigint, 'CU45 with 30 cents more they are');
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(
    format('insert into public.money_requests (booking_id, amount, reason) values (%L, 30, ''Late check-out'')', booking), 'request_below_minimum',
    'CU50 a host does not ask for 30 cents'
) from world;
select tests.act_as('postgres');
select pg_temp.alter_to(3);
-- the stay is over
alter table private.bookings disable trigger user;
update private.bookings b
set
    check_in = b.check_in - 60, check_out = b.check_out - 60, check_in_at = b.check_in_at - interval '60 days',
    check_out_at = b.check_out_at - interval '60 days', status_at = b.status_at - interval '60 days'
from world where b.id = booking;
alter table private.bookings enable trigger user;
select private.lock_booking(booking, now()) from world;
select pg_temp.commit_now();
select is(pg_temp.guest(), 0::bigint, 'CU46 after the stay the guest owes nothing');
select results_eq(
    $$select a.purpose::text, e.amount
      from private.ledger_transactions t
      join private.ledger_entries e on e.transaction_id = t.id
      join private.ledger_accounts a on a.id = e.account_id
      join world on booking = e.booking_id
      where t.kind = 'write_off' order by 1$$,
    $$values ('guest', -30::bigint), ('platform_fee', 30)$$, 'CU47 the platform bears the 30 cents'
);

-- a payment that Stripe refuses finally
update world set booking = tests.create_booking(ben, home, current_date + 60, current_date + 63, 'awaiting_payment');
select public.refuse_payment((b ->> 'payment_id')::uuid, 'Amount must be no more than €999,999.99') from world, public.begin_payment(ben, booking) b;
select results_eq(
    'select b.status::text, p.status::text, p.last_error from world join private.bookings b on b.id = booking join public.payments p on p.booking_id = b.id',
    $$values ('withdrawn', 'cancelled', 'Amount must be no more than €999,999.99')$$, 'CU48 ends the booking'
);
select is_empty('select from public.occupancies o, world where o.booking_id = booking', 'CU49 and its nights are free');

-- what a host gives back and asks for
update world set home = pg_temp.home('KWD', 33330);
update world set booking = tests.create_booking(ben, home, current_date + 40, current_date + 43, 'awaiting_payment');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_kw', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', 99990, 'amount_received', 99990, 'currency', 'kwd',
    'created', 1800000000, 'charge', 'ch_kw', 'settlement', '{"id": "txn_kw", "currency": "kwd", "amount": 99990, "fee": 0, "net": 99990}'::jsonb
))
from world, public.begin_payment(ben, booking) b;
select pg_temp.commit_now();
select tests.act_as('authenticated', ana) from world;
select tests.throws_code(
    format('select public.refund_booking(%L, 1005, ''Sorry'')', booking), 'amount_not_in_steps', 'CU51 a host gives back hundredths of a dinar'
) from world;
select tests.throws_code(
    format('insert into public.money_requests (booking_id, amount, reason) values (%L, 1005, ''Late check-out'')', booking), 'amount_not_in_steps',
    'CU52 and asks for them'
) from world;
select tests.act_as('postgres');

-- a payout in parts: 84.5 % of 60 nights are 1689.830 dinars, of which half is paid
update world set booking = tests.create_booking(ben, home, current_date + 100, current_date + 160, 'awaiting_payment');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_kw_long', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', 999900, 'amount_received', 999900, 'currency', 'kwd',
    'created', 1800000000, 'charge', 'ch_kw_long', 'settlement', '{"id": "txn_kw_long", "currency": "kwd", "amount": 999900, "fee": 0, "net": 999900}'::jsonb
))
from world, public.begin_payment(ben, booking) b;
select pg_temp.commit_now();
select is(
    (select private.payout_due(b, b.check_in_at + interval '25 hours') from private.bookings b, world where b.id = booking), 844910::bigint,
    'CU55 a part of a payout is a multiple of the step, too'
);

select * from finish();
rollback;
