-- Co-hosts of each level in every table that a property, its stays and its money touch: what they see and what they may do.
begin;
select plan(15);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Gus') as gus, tests.create_person('Ben') as ben,
    tests.create_person('Cal') as cal, tests.create_person('Mia') as mia, tests.create_person('Fay') as fay,
    null::uuid as home, null::uuid as stay, null::uuid as thread;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana);
insert into public.co_hosts (property_id, profile_id, level)
select home, c.person, c.level::public.co_host_level
from world, lateral (values (cal, 'calendar'), (mia, 'calendar_and_messages'), (fay, 'full')) as c (person, level);
insert into public.co_host_invitations (property_id, email, level, invited_by) select home, 'zoe@example.org', 'full', ana from world;
insert into public.property_taxes (property_id, name, charge, amount) select home, 'City tax', 'per_guest_night', 400 from world;
insert into public.host_blocks (property_id, check_in, check_out) select home, current_date + 50, current_date + 52 from world;
insert into public.own_bookings (property_id, origin, check_in, check_out, guest_name) select home, 'phone', current_date + 70, current_date + 72, 'Greta' from world;
insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
select home, 'feed', '1', current_date + 60, current_date + 62 from world;
update world set stay = tests.create_booking(gus, home, current_date + 40, current_date + 42, 'awaiting_payment');
select public.apply_payment_intent(jsonb_build_object(
    'id', 'pi_1', 'payment_id', b ->> 'payment_id', 'status', 'succeeded', 'amount', b -> 'amount', 'amount_received', b -> 'amount',
    'currency', 'eur', 'created', 1800000000, 'charge', 'ch_1', 'balance_transaction', 'txn_1', 'fee', 500
))
from world, public.begin_payment(gus, stay) as b;
insert into public.payout_accounts (profile_id, stripe_account_id) select ana, 'acct_1' from world;
insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount) select stay, ana, 'EUR', 1000, 'EUR', 1000 from world;
insert into public.cancellation_policies (host_id, name, steps)
select ana, 'Mine', '[{"refund_percent": 0, "nights_kept": 0}]' from world;
select tests.act_as('authenticated', gus) from world;
insert into public.messages (thread_id, body) select t.id, 'Is there a lift?' from public.threads t;
update world set thread = (select id from public.threads);

/** Rows that the caller sees, of what belongs to Ana's property. */
create function pg_temp.seen() returns table (what text, count bigint) language plpgsql as $$
begin
    foreach what in array array[
        'property_addresses', 'property_taxes', 'co_hosts', 'co_host_invitations', 'host_blocks', 'external_blocks', 'occupancies',
        'bookings', 'booking_line_items', 'threads', 'messages', 'payout_accounts', 'payouts', 'host_statement', 'booking_money',
        'payments', 'accounts', 'own_bookings'
    ] loop
        execute format(
            'select count(*) from public.%I t%s', what,
            case what when 'accounts' then ', world w where t.id = w.ana' when 'property_addresses' then ', world w where t.property_id = w.home'
            else '' end
        ) into count;
        if count > 0 then
            return next;
        end if;
    end loop;
end
$$;
grant execute on function pg_temp.seen() to authenticated;

select tests.act_as('authenticated', ana) from world;
select set_eq(
    'select what from pg_temp.seen()',
    array['property_addresses', 'property_taxes', 'co_hosts', 'co_host_invitations', 'host_blocks', 'external_blocks', 'occupancies',
        'bookings', 'booking_line_items', 'threads', 'messages', 'payout_accounts', 'payouts', 'host_statement', 'booking_money', 'accounts', 'own_bookings'],
    'CE01 a host sees everything'
);
select isnt((select host_total from public.bookings), null, 'CE02 a host sees the host''s total');
select tests.act_as('authenticated', cal) from world;
select set_eq(
    'select what from pg_temp.seen()',
    array['property_addresses', 'co_hosts', 'host_blocks', 'external_blocks', 'occupancies', 'bookings'],
    'CE03 a co-host for the calendar sees the address, the calendar and bookings'
);
select is((select host_total from public.bookings), null, 'CE04 a co-host for the calendar does not see the host''s total');
select is_empty('select from world, public.booking_contacts(stay)', 'CE05 a co-host for the calendar does not see contact details of the guest');
select tests.act_as('authenticated', mia) from world;
select set_eq(
    'select what from pg_temp.seen()',
    array['property_addresses', 'co_hosts', 'host_blocks', 'external_blocks', 'occupancies', 'bookings', 'threads', 'messages', 'own_bookings'],
    'CE06 a co-host for messages also sees messages and the guests of own bookings'
);
select is((select host_total from public.bookings), null, 'CE07 a co-host for messages does not see the host''s total');
select isnt_empty('select from world, public.booking_contacts(stay)', 'CE08 a co-host for messages sees contact details of the guest');
select tests.act_as('authenticated', fay) from world;
select set_eq(
    'select what from pg_temp.seen()',
    array['property_addresses', 'co_hosts', 'host_blocks', 'external_blocks', 'occupancies', 'bookings', 'threads', 'messages', 'own_bookings'],
    'CE09 a full co-host sees no more: no tax, payout, invitation or account of the host'
);
select is((select host_total from public.bookings), null, 'CE10 a full co-host does not see the host''s total');
select is(
    jsonb_path_query_array(public.export_my_data(), '$.properties[*]'), '[]', 'CE11 the export of a co-host has no properties'
);

-- what they may do, each in turn undone
create temporary table verbs (what text, as_calendar text, as_messages text, as_full text, as_host text, sql text) on commit drop;
grant select on verbs to authenticated;
insert into verbs values
    ('write a note on blocked nights', 'done', 'done', 'done', 'done', 'update public.host_blocks set note = ''x'''),
    ('rename a guest', 'nothing', 'done', 'done', 'done', 'update public.own_bookings set guest_name = ''x'''),
    ('close days', 'done', 'done', 'done', 'done',
        'insert into public.property_availability_rules (property_id, kind, starts_on, ends_on) select home, ''closed_to_arrival'', ''2027-01-01'', ''2027-01-02'' from world'),
    ('write a message', 'PT404', 'done', 'done', 'done', 'insert into public.messages (thread_id, body) select thread, ''Hello'' from world'),
    ('edit', 'nothing', 'nothing', 'done', 'done', 'update public.properties set beds = 4 where id = (select home from world)'),
    ('correct the address', 'nothing', 'nothing', 'done', 'done', 'update public.property_addresses set line2 = ''2'' where property_id = (select home from world)'),
    ('add a fee', 'PT403', 'PT403', 'done', 'done', 'insert into public.property_fees (property_id, kind, name, amount) select home, ''other'', ''x'', 100 from world'),
    ('write house rules', 'PT403', 'PT403', 'done', 'done', 'insert into public.house_rules (property_id) select home from world'),
    ('pause', 'PT403', 'PT403', 'done', 'done', 'select public.pause_property(home) from world'),
    ('add a tax', 'PT403', 'PT403', 'PT403', 'done', 'insert into public.property_taxes (property_id, name, charge, amount) select home, ''x'', ''per_booking'', 100 from world'),
    ('change a tax', 'nothing', 'nothing', 'nothing', 'done', 'update public.property_taxes set amount = 1'),
    ('invite', 'PT403', 'PT403', 'PT403', 'done', 'insert into public.co_host_invitations (property_id, email, level) select home, ''x@example.org'', ''full'' from world'),
    ('revoke an invitation', 'nothing', 'nothing', 'nothing', 'done', 'delete from public.co_host_invitations'),
    ('rise', 'nothing', 'nothing', 'nothing', 'done', 'update public.co_hosts set level = ''full'''),
    ('delete', 'nothing', 'nothing', 'nothing', 'PT409', 'delete from public.properties where id = (select home from world)');

create function pg_temp.outcome(p_sql text) returns text language plpgsql as $$
declare
    v_count bigint;
begin
    execute p_sql;
    get diagnostics v_count = row_count;
    raise sqlstate 'UNDO0' using message = case when v_count > 0 then 'done' else 'nothing' end;
exception
    when sqlstate 'UNDO0' then return sqlerrm;
    when others then return sqlstate;
end
$$;
grant execute on function pg_temp.outcome(text) to authenticated;

select tests.act_as('authenticated', cal) from world;
select results_eq('select what, pg_temp.outcome(sql) from verbs', 'select what, as_calendar from verbs', 'CE12 what a co-host for the calendar may do');
select tests.act_as('authenticated', mia) from world;
select results_eq('select what, pg_temp.outcome(sql) from verbs', 'select what, as_messages from verbs', 'CE13 what a co-host for messages may do');
select tests.act_as('authenticated', fay) from world;
select results_eq('select what, pg_temp.outcome(sql) from verbs', 'select what, as_full from verbs', 'CE14 what a full co-host may do');
select tests.act_as('authenticated', ana) from world;
select results_eq('select what, pg_temp.outcome(sql) from verbs', 'select what, as_host from verbs', 'CE15 what a host may do');

select * from finish();
rollback;
