-- What follows from a booking event: the note in the thread, notifications and webhooks describe the booking as it is after the event.
begin;
select plan(8);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, null::uuid as home, null::uuid as stay, null::uuid as proposal;
grant select on world to authenticated;
update world set home = tests.create_property(ana);
update public.properties set booking_mode = 'instant' where id = (select home from world);
insert into public.webhook_endpoints (owner_id, url) select ana, 'https://hooks.example/ana' from world;
update world set stay = tests.create_booking(ben, home, current_date + 40, current_date + 43);

create temporary view events as
select e.id::text as id, e.event, e.to_status::text as status from private.booking_events e, world where e.booking_id = stay;

-- a booking
select results_eq(
    'select m.event, m.body from public.messages m order by m.created_at',
    $$select e, format('%s: %s to %s.', w, current_date + 40, current_date + 43)
      from (values ('booking_awaiting_payment', 'Waiting for payment'), ('booking_confirmed', 'Confirmed')) as c (e, w)$$,
    'BE01 each event of a booking is noted in its thread'
);

-- an accepted alteration
select tests.act_as('authenticated', ben) from world;
create temporary table proposed on commit drop as
with changed as (
    update public.bookings b
    set check_in = current_date + 50, check_out = current_date + 54, adults = 3
    from world
    where b.id = stay
    returning b.open_alteration_id
)
select open_alteration_id as id from changed;
grant select on proposed to authenticated;
select tests.act_as('authenticated', ana) from world;
select lives_ok('select public.accept_alteration(id) from proposed', 'BE02 the host accepts other dates and another guest');
select tests.act_as('postgres');
select results_eq(
    $$select m.body from public.messages m where m.event = 'booking_altered'$$,
    $$select format('Changed: %s to %s.', current_date + 50, current_date + 54)$$, 'BE03 the note names the new dates'
);
select results_eq(
    $$select p.display_name, n.data ->> 'check_in', n.data ->> 'check_out', n.data ->> 'nights', n.data ->> 'guests', (n.data ->> 'guest_total')::bigint
      from public.notifications n join public.profiles p on p.id = n.recipient_id
      where n.kind = 'booking_altered' order by 1$$,
    $$select who, (current_date + 50)::text, (current_date + 54)::text, '4', '3', b.guest_total
      from world join private.bookings b on b.id = stay, unnest(array['Ana', 'Ben']) as who$$, 'BE04 notifications contain the new dates, guests and price'
);
select results_eq(
    $$select d.payload #>> '{data,check_in}', d.payload #>> '{data,check_out}', d.payload #>> '{data,adults}', (d.payload #>> '{data,guest_total}')::bigint
      from public.webhook_deliveries d where d.event = 'booking.altered'$$,
    $$select (current_date + 50)::text, (current_date + 54)::text, '3', b.guest_total from world join private.bookings b on b.id = stay$$,
    'BE05 the webhook contains the new dates, guests and price'
);
select is_empty(
    $$select n.dedupe_key from public.notifications n
      where n.kind = 'booking_altered' and n.dedupe_key not in (select 'booking_event:' || e.id from events e where e.event = 'altered')$$,
    'BE06 each notification has the key of its event'
);
select is(
    (select count(*)::integer from public.webhook_deliveries d join events e on d.dedupe_key = 'booking_event:' || e.id), 3,
    'BE07 every event is delivered once'
);

-- the order
select matches(
    pg_get_functiondef('private.follow_booking_event()'::regprocedure),
    'add_booking_event_to_thread.*remove_reviews_of_no_show.*notify_of_booking_event.*queue_webhooks_of_booking_event',
    'BE08 the chain calls thread, reviews, notifications and webhooks in this order'
);

select * from finish();
rollback;
