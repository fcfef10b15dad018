-- Cancelling: every policy at its deadlines, to the second, also when the clocks change; long stays; fees of hosts; no-shows.
-- Literal instants are in the past: the functions under test take the time as an argument.
begin;
select plan(93);

-- these stays are confirmed without a payment
update private.settings set value = '1000' where name like 'unpaid\_%' and value ~ '^\d+$';

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    tests.create_person('Fay') as fay, tests.create_person('Olga') as olga, null::uuid as home, null::uuid as soon;
grant select, update on world to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from world;
update world set home = tests.create_property(ana), soon = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level) select home, fay, 'full'::public.co_host_level from world;
update public.properties set
    booking_mode = 'instant', base_price = 10000, max_nights = 100, booking_window_days = 700, advance_notice_cut_off = '23:59:59',
    check_in_from = '15:00', check_out_until = '11:00';
insert into public.property_fees (property_id, kind, name, amount) select home, 'cleaning', 'Cleaning', 4000 from world;

-- Books a stay with a policy and time zone, confirmed at p_confirmed, and releases its nights for the next one.
create function pg_temp.stay(p_policy text, p_zone text, p_check_in date, p_nights integer, p_confirmed timestamptz) returns uuid
language plpgsql as $$
declare v_id uuid;
begin
    update public.properties set cancellation_policy_id = p_policy, time_zone = p_zone where id = (select home from world);
    v_id := (select tests.create_booking(ben, home, p_check_in, p_check_in + p_nights, 'confirmed', p_confirmed) from world);
    perform private.release_nights(v_id);
    return v_id;
end $$;
-- refund to the guest, what the host keeps, nights stayed, nights kept
create function pg_temp.refund(p_id uuid, p_at timestamptz, p_by public.booking_actor default 'guest') returns text language sql as $$
    select concat_ws(' ', c.refund_amount, c.host_amount, c.nights_stayed, c.nights_kept)
    from private.bookings b, private.compute_cancellation(b, p_by, false, null, p_at) c where b.id = p_id
$$;
create function pg_temp.fee(p_id uuid, p_at timestamptz) returns bigint language sql as $$
    select c.host_fee from private.bookings b, private.compute_cancellation(b, 'host', false, null, p_at) c where b.id = p_id
$$;

-- Lisbon, winter time: check-in 2026-02-10 15:00 is 15:00 UTC. Four nights and cleaning: 440.00; the host gets 84.5 %: 371.80
create temporary table stay as select
    pg_temp.stay('flexible', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as flexible,
    pg_temp.stay('moderate', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as moderate,
    pg_temp.stay('limited', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as limited,
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as firm,
    pg_temp.stay('strict', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as strict,
    pg_temp.stay('non_refundable', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as never;
select is(pg_temp.refund(flexible, '2026-02-09 15:00:00+00'), '44000 0 0 0', 'CN01 flexible: full refund 24 hours before') from stay;
select is(pg_temp.refund(flexible, '2026-02-09 15:00:01+00'), '33000 9295 0 1', 'CN02 a second later the host keeps one night of four') from stay;
select is(pg_temp.refund(flexible, '2026-02-10 23:59:59+00'), '33000 9295 0 1', 'CN03 the host keeps one night until midnight of the first day') from stay;
select is(pg_temp.refund(flexible, '2026-02-11 00:00:00+00'), '22000 18590 1 1', 'CN04 after midnight one night counts as stayed') from stay;
select is(pg_temp.refund(flexible, '2026-02-13 12:00:00+00'), '0 37180 3 1', 'CN05 in the last night there is no refund') from stay;
select is(pg_temp.refund(moderate, '2026-02-05 15:00:00+00'), '44000 0 0 0', 'CN06 moderate: full refund five days before') from stay;
select is(pg_temp.refund(moderate, '2026-02-05 15:00:01+00'), '16500 23237 0 1', 'CN07 moderate: a second later half of three nights of four') from stay;
select is(pg_temp.refund(moderate, '2026-02-12 10:00:00+00'), '5500 32532 2 1', 'CN08 moderate: after two nights half of the last one') from stay;
select is(pg_temp.refund(limited, '2026-01-27 15:00:00+00'), '44000 0 0 0', 'CN09 limited: full refund 14 days before') from stay;
select is(pg_temp.refund(limited, '2026-01-27 15:00:01+00'), '22000 18590 0 0', 'CN10 limited: a second later half') from stay;
select is(pg_temp.refund(limited, '2026-02-03 15:00:00+00'), '22000 18590 0 0', 'CN11 limited: half until seven days before') from stay;
select is(pg_temp.refund(limited, '2026-02-03 15:00:01+00'), '0 37180 0 0', 'CN12 limited: a second later no refund') from stay;
select is(pg_temp.refund(firm, '2026-01-11 15:00:00+00'), '44000 0 0 0', 'CN13 firm: full refund 30 days before') from stay;
select is(pg_temp.refund(firm, '2026-01-11 15:00:01+00'), '22000 18590 0 0', 'CN14 firm: a second later half') from stay;
select is(pg_temp.refund(firm, '2026-02-03 15:00:01+00'), '0 37180 0 0', 'CN15 firm: no refund within seven days') from stay;
select is(pg_temp.refund(strict, '2026-01-04 12:00:00+00'), '44000 0 0 0', 'CN16 strict: full refund within 48 hours of booking') from stay;
select is(pg_temp.refund(strict, '2026-01-04 12:00:01+00'), '22000 18590 0 0', 'CN17 strict: a second later half') from stay;
select is(pg_temp.refund(strict, '2026-02-03 15:00:01+00'), '0 37180 0 0', 'CN18 strict: no refund within seven days') from stay;
select is(pg_temp.refund(never, '2026-01-02 12:00:01+00'), '0 37180 0 0', 'CN19 non-refundable: never a refund') from stay;

-- full refund within 24 hours of booking; strict within 14 days of check-in
create temporary table late as select
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 4, '2026-02-03 15:00:00+00') as seven_days,
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 4, '2026-02-03 15:00:01+00') as less,
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 27, '2026-02-01 12:00:00+00') as nights_27,
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 28, '2026-02-01 12:00:00+00') as nights_28,
    pg_temp.stay('strict', 'Europe/Lisbon', '2026-02-10', 28, '2026-01-26 15:30:00+00') as strict_28;
select is(pg_temp.refund(seven_days, '2026-02-04 15:00:00+00'), '44000 0 0 0', 'CN20 confirmed seven days before: a full refund for 24 hours') from late;
select is(pg_temp.refund(seven_days, '2026-02-04 15:00:01+00'), '0 37180 0 0', 'CN21 a second later there is no full refund') from late;
select is(pg_temp.refund(less, '2026-02-03 15:00:02+00'), '0 37180 0 0', 'CN22 a booking confirmed a second later has no such period') from late;
select is(split_part(pg_temp.refund(nights_27, '2026-02-02 12:00:00+00'), ' ', 1), '274000', 'CN23 27 nights have that period') from late;
select is(split_part(pg_temp.refund(nights_28, '2026-02-02 12:00:00+00'), ' ', 1), '142000', 'CN24 28 nights do not have it: half') from late;
select is(split_part(pg_temp.refund(strict_28, '2026-01-27 15:00:00+00'), ' ', 1), '284000', 'CN25 strict: within 48 hours of booking and 14 days before') from late;
select is(split_part(pg_temp.refund(strict_28, '2026-01-27 15:00:01+00'), ' ', 1), '142000', 'CN26 within 14 days before, the 48 hours end early') from late;

-- long stays: 60 nights and cleaning are 6040.00
create temporary table long as select
    pg_temp.stay('moderate', 'Europe/Lisbon', '2026-02-10', 60, '2026-01-02 12:00:00+00') as moderate,
    pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 28, '2026-01-02 12:00:00+00') as short,
    pg_temp.stay('non_refundable', 'Europe/Lisbon', '2026-02-10', 60, '2026-01-02 12:00:00+00') as never;
select is(pg_temp.refund(moderate, '2026-02-10 14:59:59+00'), '296967 259443 0 1', 'CN27 before a long stay begins its policy applies: half of 59 nights') from long;
select is(pg_temp.refund(moderate, '2026-02-10 15:00:00+00'), '302000 255190 0 30', 'CN28 once a long stay has begun, the host keeps the next 30 nights and the rest is refunded') from long;
select is(pg_temp.refund(moderate, '2026-02-20 12:00:00+00'), '201333 340253 10 30', 'CN29 after ten nights of 60, 20 are refunded') from long;
select is(pg_temp.refund(moderate, '2026-03-25 12:00:00+00'), '0 510380 43 17', 'CN30 when fewer than 30 nights are left, the host keeps all') from long;
select is(pg_temp.refund(short, '2026-02-10 15:00:00+00'), '0 239980 0 28', 'CN31 28 nights are a long stay') from long;
select is(pg_temp.refund(never, '2026-02-20 12:00:00+00'), '0 510380 10 0', 'CN32 non-refundable long stays have no refund') from long;

-- valid_until: as long as the result stays the same, across steps
create function pg_temp.holds(p_id uuid, p_at timestamptz) returns timestamptz language sql as $$
    select c.valid_until from private.bookings b, private.compute_cancellation(b, 'guest', false, null, p_at) c where b.id = p_id
$$;
select is(pg_temp.holds(s.moderate, '2026-01-02 13:00:00+00'), '2026-02-05 15:00:00+00', 'CN87 valid_until spans two steps with the same refund') from stay s;
select is(pg_temp.holds(s.firm, '2026-01-11 15:00:01+00'), '2026-02-03 15:00:00+00', 'CN88 valid_until of half a refund is seven days before check-in') from stay s;
select is(pg_temp.holds(s.firm, '2026-02-03 15:00:01+00'), null, 'CN89 valid_until is null when no refund is left') from stay s;
select is(pg_temp.holds(l.moderate, '2026-02-06 12:00:00+00'), '2026-02-10 14:59:59.999999+00', 'CN90 valid_until of a long stay is the moment before it begins') from long l;
select is(pg_temp.holds(l.moderate, '2026-02-10 15:00:00+00'), null, 'CN91 valid_until is null when only passing nights change the refund') from long l;
select is(pg_temp.holds(l.never, '2026-02-06 12:00:00+00'), null, 'CN92 valid_until is null for a policy without refunds') from long l;

-- days on which clocks change. Lisbon goes to summer time on 2026-03-29 at 01:00 UTC: noon of the 28th to noon of the 29th is 23 hours
create temporary table dst as select
    pg_temp.stay('flexible', 'Europe/Lisbon', '2026-03-29', 2, '2026-03-20 12:00:00+00') as lisbon_hours,
    pg_temp.stay('moderate', 'Europe/Lisbon', '2026-03-31', 2, '2026-03-01 12:00:00+00') as lisbon_days,
    pg_temp.stay('moderate', 'Europe/Lisbon', '2025-10-28', 2, '2025-10-01 12:00:00+00') as lisbon_autumn,
    pg_temp.stay('moderate', 'Australia/Adelaide', '2026-04-07', 2, '2026-03-01 12:00:00+00') as adelaide,
    pg_temp.stay('flexible', 'Australia/Adelaide', '2026-04-05', 2, '2026-03-01 12:00:00+00') as adelaide_hours,
    pg_temp.stay('moderate', 'Australia/Lord_Howe', '2026-04-07', 2, '2026-03-01 12:00:00+00') as lord_howe,
    pg_temp.stay('flexible', 'Australia/Lord_Howe', '2026-04-05', 2, '2026-03-01 12:00:00+00') as lord_howe_hours,
    pg_temp.stay('moderate', 'Pacific/Apia', '2012-01-02', 2, '2011-12-01 12:00:00+00') as apia,
    pg_temp.stay('flexible', 'Pacific/Apia', '2011-12-31', 2, '2011-12-01 12:00:00+00') as apia_hours,
    pg_temp.stay('flexible', 'Pacific/Apia', '2011-12-29', 4, '2011-12-01 12:00:00+00') as apia_across,
    pg_temp.stay('flexible', 'Pacific/Kiritimati', '2026-02-10', 2, '2026-01-01 12:00:00+00') as kiritimati,
    pg_temp.stay('flexible', 'Pacific/Pago_Pago', '2026-02-10', 2, '2026-01-01 12:00:00+00') as pago;
select is((select check_in_at from private.bookings b, dst where b.id = lisbon_hours), '2026-03-29 14:00:00+00'::timestamptz, 'CN33 Lisbon: 15:00 is 14:00 UTC from that day on');
select is(split_part(pg_temp.refund(lisbon_hours, '2026-03-28 14:00:00+00'), ' ', 1), '24000', 'CN34 24 hours are elapsed time: until 14:00 the day before') from dst;
select is(split_part(pg_temp.refund(lisbon_hours, '2026-03-28 14:00:01+00'), ' ', 1), '12000', 'CN35 24 hours do not last until 15:00') from dst;
select is(split_part(pg_temp.refund(lisbon_days, '2026-03-26 15:00:00+00'), ' ', 1), '24000', 'CN36 five days are calendar days: until 15:00 local time, before the change') from dst;
select is(split_part(pg_temp.refund(lisbon_days, '2026-03-26 15:00:01+00'), ' ', 1), '6000', 'CN37 the period ends to the second') from dst;
select is(split_part(pg_temp.refund(lisbon_autumn, '2025-10-23 14:00:00+00'), ' ', 1), '24000', 'CN38 in autumn, five days before is in summer time') from dst;
select is(split_part(pg_temp.refund(lisbon_autumn, '2025-10-23 14:00:01+00'), ' ', 1), '6000', 'CN39 that period ends to the second') from dst;
-- Adelaide goes back from +10:30 to +09:30 on 2026-04-05 at 03:00
select is((select check_in_at from private.bookings b, dst where b.id = adelaide), '2026-04-07 05:30:00+00'::timestamptz, 'CN40 Adelaide: +09:30 after the change');
select is(split_part(pg_temp.refund(adelaide, '2026-04-02 04:30:00+00'), ' ', 1), '24000', 'CN41 five days before it was +10:30') from dst;
select is(split_part(pg_temp.refund(adelaide, '2026-04-02 04:30:01+00'), ' ', 1), '6000', 'CN42 Adelaide: the period ends to the second') from dst;
select is(split_part(pg_temp.refund(adelaide_hours, '2026-04-04 05:30:00+00'), ' ', 1), '24000', 'CN43 24 hours before 15:00 of the 25-hour day is 16:00') from dst;
select is(split_part(pg_temp.refund(adelaide_hours, '2026-04-04 05:30:01+00'), ' ', 1), '12000', 'CN44 Adelaide: that period ends to the second') from dst;
-- Lord Howe goes back by half an hour, from +11 to +10:30, on 2026-04-05 at 02:00
select is((select check_in_at from private.bookings b, dst where b.id = lord_howe), '2026-04-07 04:30:00+00'::timestamptz, 'CN45 Lord Howe: +10:30 after the change');
select is(split_part(pg_temp.refund(lord_howe, '2026-04-02 04:00:00+00'), ' ', 1), '24000', 'CN46 Lord Howe: five days before it was +11') from dst;
select is(split_part(pg_temp.refund(lord_howe, '2026-04-02 04:00:01+00'), ' ', 1), '6000', 'CN47 Lord Howe: the period ends to the second') from dst;
select is(split_part(pg_temp.refund(lord_howe_hours, '2026-04-04 04:30:00+00'), ' ', 1), '24000', 'CN48 Lord Howe: 24 hours before is 15:30 local time') from dst;
-- Apia had no 30 December 2011: from -10 to +14 at the end of the 29th
select is((select check_in_at from private.bookings b, dst where b.id = apia), '2012-01-02 01:00:00+00'::timestamptz, 'CN49 Apia: +14 after the missing day');
select is(split_part(pg_temp.refund(apia, '2011-12-29 01:00:00+00'), ' ', 1), '24000', 'CN50 five calendar days before: 28 December 15:00 at -10') from dst;
select is(split_part(pg_temp.refund(apia, '2011-12-29 01:00:01+00'), ' ', 1), '6000', 'CN51 Apia: the period ends to the second') from dst;
select is(split_part(pg_temp.refund(apia_hours, '2011-12-30 01:00:00+00'), ' ', 1), '24000', 'CN52 24 hours before the 31st, 15:00, is the 29th, 15:00') from dst;
select is(split_part(pg_temp.refund(apia_hours, '2011-12-30 01:00:01+00'), ' ', 1), '12000', 'CN53 Apia: that period ends to the second') from dst;
select is(pg_temp.refund(apia_across, '2011-12-30 09:59:59+00'), '33000 9295 0 1', 'CN54 before the midnight that ended the 29th no night is stayed') from dst;
select is(pg_temp.refund(apia_across, '2011-12-30 10:00:00+00'), '11000 27885 2 1', 'CN55 after it the 31st begins: two nights by the calendar') from dst;
select is(split_part(pg_temp.refund(kiritimati, '2026-02-09 01:00:00+00'), ' ', 1), '24000', 'CN56 UTC+14: the period lasts until 15:00 local time') from dst;
select is(split_part(pg_temp.refund(kiritimati, '2026-02-09 01:00:01+00'), ' ', 1), '12000', 'CN57 UTC+14: the period ends to the second') from dst;
select is(split_part(pg_temp.refund(pago, '2026-02-10 02:00:00+00'), ' ', 1), '24000', 'CN58 UTC-11: the period lasts until 15:00 local time') from dst;
select is(split_part(pg_temp.refund(pago, '2026-02-10 02:00:01+00'), ' ', 1), '12000', 'CN59 UTC-11: the period ends to the second') from dst;

-- the host cancels
delete from public.property_fees;
update public.properties set base_price = 27000;
create temporary table host as select pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as b1080;
update public.properties set base_price = 18000;
alter table host add b180 uuid, add b12000 uuid, add yen uuid;
update host set b180 = pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 1, '2026-01-02 12:00:00+00');
update public.properties set base_price = 300000;
update host set b12000 = pg_temp.stay('firm', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00');
select is(pg_temp.fee(b1080, '2026-01-05 12:00:00+00'), 10800::bigint, 'CN60 10 % of 1,080 is 108') from host;
select is(pg_temp.fee(b1080, '2026-01-11 14:59:59+00'), 10800::bigint, 'CN61 the host pays 10 % until 30 days before') from host;
select is(pg_temp.fee(b1080, '2026-01-11 15:00:00+00'), 27000::bigint, 'CN62 25 % is 270') from host;
select is(pg_temp.fee(b1080, '2026-02-08 14:59:59+00'), 27000::bigint, 'CN63 the host pays 25 % until 48 hours before') from host;
select is(pg_temp.fee(b1080, '2026-02-08 15:00:00+00'), 54000::bigint, 'CN64 50 % is 540') from host;
select is(pg_temp.fee(b1080, '2026-02-12 12:00:00+00'), 27000::bigint, 'CN65 the host pays for the nights not stayed, two of four') from host;
select is(pg_temp.fee(b180, '2026-01-05 12:00:00+00'), 5000::bigint, 'CN66 10 % of 180 is less than 50, the lowest fee') from host;
select is(pg_temp.fee(b12000, '2026-02-09 12:00:00+00'), 100000::bigint, 'CN67 50 % of 12,000 is more than 1,000, the highest fee') from host;
select is(pg_temp.refund(b1080, '2026-02-09 12:00:00+00', 'host'), '108000 0 0 0', 'CN68 the guest gets everything back') from host;
select is((select c.host_fee from private.bookings b, host, private.compute_cancellation(b, 'operator', false, null, '2026-02-09 12:00:00+00') c where b.id = b1080), 0::bigint, 'CN69 an operator pays nothing');
select results_eq($$select cancellation_fee_minimum, cancellation_fee_maximum from public.currencies where code in ('EUR', 'JPY', 'KWD') order by code$$,
    $$values (5000::bigint, 100000::bigint), (5000, 100000), (50000, 1000000)$$, 'CN70 the limits depend on the currency: 50.00 EUR, 5,000 JPY, 50.000 KWD');

-- no-shows
update public.properties set base_price = 10000;
create temporary table absent as select pg_temp.stay('flexible', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as a, pg_temp.stay('flexible', 'Europe/Lisbon', '2026-02-10', 4, '2026-01-02 12:00:00+00') as b;
select tests.sign_in(ana) from world;
select throws_ok($$select private.end_booking(a, true, null, '2026-02-10 14:59:59+00', false) from absent$$, 'PT409', null, 'CN71 a no-show cannot be reported before check-in');
select throws_ok($$select private.end_booking(a, true, null, '2026-02-12 15:00:00+00', false) from absent$$, 'PT409', null, 'CN72 a no-show cannot be reported 48 hours after check-in');
select results_eq($$select refund_amount, nights_stayed, nights_kept, is_no_show from absent, private.end_booking(a, true, 'Nobody came', '2026-02-12 14:59:59+00', false)$$,
    $$values (30000::bigint, 0, 1, true)$$, 'CN73 the policy applies as at check-in: the host keeps one night of four');
select is((select status from private.bookings x, absent where x.id = a), 'no_show', 'CN74 the status no_show is final');
select tests.sign_in(ben) from world;
select throws_ok($$select private.end_booking(b, true, null, '2026-02-11 12:00:00+00', false) from absent$$, 'PT403', null, 'CN75 a guest cannot report a no-show');
select set_config('request.jwt.claims', '', true);

-- as clients: cancelling does what the preview said
create temporary table live as select tests.create_booking(ben, soon, current_date + 20, current_date + 24) as id, tests.create_booking(ben, soon, current_date + 40, current_date + 44) as other from world;
grant select on live to anon, authenticated;
select tests.act_as('anon');
select throws_ok('select public.preview_cancellation(id) from live', '42501', null, 'CN76 anon cannot preview');
select throws_ok('select public.cancel_booking(id) from live', '42501', null, 'CN77 anon cannot cancel');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.cancel_booking(id) from live', 'PT404', null, 'CN78 a stranger cannot cancel');
select throws_ok('select public.preview_cancellation(id) from live', 'PT404', null, 'CN79 a stranger cannot preview');
select tests.act_as('authenticated', ben) from world;
create temporary table preview as select (c).* from (select public.preview_cancellation(id) as c from live) p;
select is((select status from public.bookings b, live where b.id = live.id), 'confirmed', 'CN80 a preview changes nothing');
select results_eq('select c.refund_amount, c.host_amount, c.valid_until, c.lines from live, public.cancel_booking(id) c', 'select refund_amount, host_amount, valid_until, lines from preview', 'CN81 cancelling does what the preview said');
select results_eq('select c.cancelled_by, c.refund_amount from public.cancellations c, live where c.booking_id = live.id', $$values ('guest'::public.booking_actor, 40000::bigint)$$, 'CN82 the cancellation can be read');
select throws_ok('select public.cancel_booking(id) from live', 'PT409', null, 'CN83 a booking can be cancelled once');
select isnt_empty($$insert into public.bookings (property_id, check_in, check_out) select soon, current_date + 20, current_date + 24 from world returning id$$, 'CN84 the nights are free again');
select tests.act_as('authenticated', ana) from world;
select is((select c.cancelled_by || ' ' || c.refund_amount || ' ' || c.host_fee from live, public.cancel_booking(other, 'Water damage') c), 'host 40000 5000', 'CN85 a host who cancels pays the fee');
select tests.act_as('postgres');
select throws_ok('update public.cancellations set refund_amount = 0', 'PT409', null, 'CN86 a cancellation cannot be changed');
select is_empty(
    'select from public.cancellations c join private.bookings b on b.id = c.booking_id
    where (c.guest_id, c.host_id, c.property_id) is distinct from (b.guest_id, b.host_id, b.property_id)',
    'CN87 cancellations have the parties of their booking'
);

select * from finish();
rollback;
