-- Co-hosts: invitation by e-mail, acceptance, decline, revocation, levels, the end.
begin;
select plan(45);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Fay') as fay,
    tests.create_person('Eve') as eve, null::uuid as home, null::uuid as bens, null::uuid as invitation;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana, false), bens = tests.create_property(ben);
update auth.users set email = 'fay@example.org' where id = (select fay from world);
update auth.users set email_confirmed_at = null where id = (select eve from world);

-- inviting
select tests.act_as('anon');
select throws_ok('select from public.co_host_invitations', '42501', null, 'CO01 anon reads no invitation');
select tests.act_as('authenticated', ben) from world;
select tests.throws_code(
    'insert into public.co_host_invitations (property_id, email, level) select home, ''ben@example.org'', ''full'' from world', 'reference_not_found',
    'CO02 a stranger cannot invite himself'
);
select tests.act_as('authenticated', ana) from world;
select results_eq(
    'insert into public.co_host_invitations (property_id, email, level) select home, '' Fay@Example.ORG'', ''full'' from world
     returning email, property_title, invited_by, expires_at - created_at',
    'select ''fay@example.org'', ''House by the river'', ana, interval ''7 days'' from world', 'CO03 a host invites an address, which is stored in lower case'
);
select tests.throws_code(
    'insert into public.co_host_invitations (property_id, email, level) select home, ''fay@example.org'', ''calendar'' from world', 'already_exists', 'CO04 an address is invited once'
);
select tests.throws_code(
    'insert into public.co_host_invitations (property_id, email, level) select home, ''fay'', ''calendar'' from world', 'email_is_valid', 'CO05 an invitation needs a valid address'
);
select throws_ok(
    'insert into public.co_host_invitations (property_id, email, level, expires_at) select home, ''x@example.org'', ''full'', ''2099-01-01'' from world',
    '42501', null, 'CO06 a host cannot choose when an invitation expires'
);
select throws_ok('insert into public.co_hosts (property_id, profile_id, level) select home, fay, ''full'' from world', '42501', null, 'CO07 a host cannot add a co-host without an invitation');
select tests.act_as('postgres');
update world set invitation = i.id from public.co_host_invitations i where i.property_id = home;

-- who may use an invitation
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.co_host_invitations', 'CO08 a stranger reads no invitation');
select tests.throws_code('select public.accept_co_host_invitation(invitation) from world', 'invitation_not_found', 'CO09 a stranger accepts no invitation');
select is_empty('delete from public.co_host_invitations returning id', 'CO10 a stranger deletes no invitation');
select tests.act_as('postgres');
select set_config('request.jwt.claims', jsonb_build_object('sub', eve, 'role', 'authenticated', 'email', 'fay@example.org')::text, true) from world;
set local role authenticated;
select is_empty('select from public.co_host_invitations', 'CO11 a token with the invited address is not enough to read it');
select tests.act_as('postgres');
update auth.users set email = 'eve@example.org' where id = (select eve from world);
insert into public.co_host_invitations (property_id, email, level, invited_by) select home, 'eve@example.org', 'full', ana from world;
update world set invitation = i.id from public.co_host_invitations i where i.email = 'eve@example.org';
select tests.act_as('authenticated', eve) from world;
select tests.throws_code('select public.accept_co_host_invitation(invitation) from world', 'invitation_not_found', 'CO12 an address that is not confirmed accepts no invitation');
select is_empty('select from public.co_host_invitations', 'CO13 an address that is not confirmed reads no invitation');

-- accepting
select tests.act_as('postgres');
update world set invitation = i.id from public.co_host_invitations i where i.email = 'fay@example.org';
select tests.act_as('authenticated', fay) from world;
select results_eq('select property_title, level::text from public.co_host_invitations', $$values ('House by the river', 'full')$$, 'CO14 an invited person reads her invitation');
select is_empty('select from public.properties, world where id = home', 'CO15 an invited person cannot read the draft yet');
select is((select level::text from world, public.accept_co_host_invitation(invitation)), 'full', 'CO16 an invited person accepts');
select isnt_empty('select from public.properties, world where id = home', 'CO17 a new co-host reads the draft');
select isnt_empty('update public.properties set title = ''House'' where id = (select home from world) returning id', 'CO18 a new co-host changes the draft');
select tests.throws_code('select public.accept_co_host_invitation(invitation) from world', 'invitation_not_found', 'CO19 an invitation is accepted once');
select is_empty('select from public.co_host_invitations', 'CO20 a co-host reads no other invitations');
select tests.throws_code(
    'insert into public.co_host_invitations (property_id, email, level) select home, ''x@example.org'', ''full'' from world', 'insert_not_allowed', 'CO21 a co-host cannot invite'
);
select is_empty('update public.co_hosts set level = ''calendar'' returning profile_id', 'CO22 a co-host cannot change levels');
select isnt_empty('select from public.co_hosts', 'CO23 a co-host reads the co-hosts');
select tests.act_as('authenticated', ben) from world;
select is_empty('select from public.co_hosts', 'CO24 a stranger reads no co-hosts');
select is_empty('delete from public.co_hosts returning profile_id', 'CO25 a stranger removes no co-host');

-- changing and ending
select tests.act_as('authenticated', ana) from world;
select isnt_empty('update public.co_hosts set level = ''calendar'' returning profile_id', 'CO26 the host changes the level');
select throws_ok('update public.co_hosts set profile_id = (select ben from world)', '42501', null, 'CO27 the host cannot change the person');
select tests.throws_code('update public.co_hosts set level = null', 'value_missing', 'CO39 a co-host has a level');
select tests.throws_code(c.sql, c.code, 'CO40 refused: ' || c.sql)
from (values
    ('insert into public.co_host_invitations (property_id, email) select home, ''x@example.org'' from world', 'value_missing'),
    ('insert into public.co_host_invitations (property_id, level) select home, ''full'' from world', 'value_missing'),
    ('insert into public.co_host_invitations (email, level) values (''x@example.org'', ''full'')', 'value_missing'),
    ('insert into public.co_host_invitations (property_id, email, level) values (gen_random_uuid(), ''x@example.org'', ''full'')', 'reference_not_found'),
    ('insert into public.co_host_invitations (property_id, email, level) select bens, ''x@example.org'', ''full'' from world', 'insert_not_allowed'),
    ('insert into public.co_host_invitations (property_id, email, level) select home, ''<b>@example.org'', ''full'' from world', 'email_is_valid')
) as c (sql, code);
select tests.act_as('authenticated', fay) from world;
select is_empty('update public.properties set title = ''x'' where id = (select home from world) returning id', 'CO28 a lower level applies at once');
select isnt_empty('delete from public.co_hosts returning profile_id', 'CO29 a co-host leaves');
select is_empty('select from public.properties, world where id = home', 'CO30 a co-host who left reads nothing');
select tests.act_as('authenticated', ana) from world;
select isnt_empty('delete from public.co_host_invitations where email = ''eve@example.org'' returning id', 'CO31 a host revokes an invitation');
select lives_ok('insert into public.co_host_invitations (property_id, email, level) select home, ''fay@example.org'', ''calendar'' from world', 'CO32 a host writes another invitation');
select tests.act_as('postgres');
update public.co_host_invitations set expires_at = now() where email = 'fay@example.org';
update world set invitation = i.id from public.co_host_invitations i where i.email = 'fay@example.org';
select tests.act_as('authenticated', fay) from world;
select tests.throws_code('select public.accept_co_host_invitation(invitation) from world', 'invitation_expired', 'CO33 an expired invitation is refused');
select tests.act_as('authenticated', ana) from world;
select lives_ok('insert into public.co_host_invitations (property_id, email, level) select home, ''fay@example.org'', ''calendar'' from world', 'CO34 a new invitation replaces an expired one');
select tests.act_as('authenticated', fay) from world;
select isnt_empty('delete from public.co_host_invitations returning id', 'CO35 an invited person declines');
select tests.act_as('authenticated', ana) from world;
insert into public.co_host_invitations (property_id, email, level) select home, u, 'full' from world, private.my_confirmed_email() u;
select tests.throws_code(
    'select public.accept_co_host_invitation(i.id) from public.co_host_invitations i', 'host_cannot_be_co_host', 'CO36 a host cannot be a co-host of her own property'
);
select tests.act_as('postgres');
select is(
    (select array_agg(event order by id) from private.property_events, world where property_id = home and event like 'co_host%'),
    array['co_host_added', 'co_host_changed', 'co_host_removed'], 'CO37 all changes of co-hosts are recorded'
);

-- the query plan
select tests.act_as('authenticated', ana) from world;
create function pg_temp.plan_of(p_sql text) returns text language plpgsql as $$
declare
    v_line text;
    v_plan text := '';
begin
    for v_line in execute 'explain ' || p_sql loop
        v_plan := v_plan || v_line || E'\n';
    end loop;
    return v_plan;
end
$$;
select matches(
    pg_temp.plan_of('select * from public.properties'), 'hashed SubPlan', 'CO38 membership is computed once a statement and not once a row'
);

select * from finish();
rollback;
