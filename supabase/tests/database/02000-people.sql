-- People: sign-up makes profile and account, who reads and writes them, roles, leaving.
begin;
select plan(38);

create temporary table person on commit drop as
select
    tests.create_person('Ana') as ana,
    tests.create_person('Ben') as ben,
    tests.create_person('Olga') as olga;
grant select on person to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from person;

-- Sign-up
select is(p.display_name, 'Ana', 'P01 the name a person signs up with is on the profile') from public.profiles p, person where p.id = ana;
select is(a.currency, 'USD', 'P02 an account is made, with defaults') from public.accounts a, person where a.id = ana;
select lives_ok(
    $$insert into auth.users (id, email, raw_user_meta_data) values
        ('00000000-0000-4000-8000-000000000001', 'evil@example.com',
         '{"display_name": "<script>alert(1)</script>", "currency": "XXX", "locale": 7, "role": "operator", "roles": ["operator"]}')$$,
    'P03 hostile metadata does not stop a sign-up'
);
select is(display_name, 'New member', 'P04 and does not get into the profile')
from public.profiles where id = '00000000-0000-4000-8000-000000000001';
select is_empty(
    $$select from public.user_roles where user_id = '00000000-0000-4000-8000-000000000001'$$,
    'P05 and gives no role'
);
select lives_ok(
    $$insert into auth.users (id, email, raw_user_meta_data) values
        ('00000000-0000-4000-8000-000000000002', 'google@example.com', '{"full_name": "Maria João Silva", "locale": "pt-BR", "currency": "BRL"}')$$,
    'P06 a sign-up by a provider'
);
select results_eq(
    $$select p.display_name, a.locale, a.currency from public.profiles p join public.accounts a using (id)
      where id = '00000000-0000-4000-8000-000000000002'$$,
    $$values ('Maria', 'pt-BR', 'BRL')$$,
    'P07 shows the first name alone and keeps locale and currency'
);

-- anon
select tests.act_as('anon');
select isnt_empty('select from public.profiles, person where id = ana', 'P08 anon reads profiles');
select throws_ok('select from public.accounts', '42501', null, 'P09 anon reads no account');
select throws_ok('select from public.user_roles', '42501', null, 'P10 anon reads no role');
select throws_ok('update public.profiles set about = ''x''', '42501', null, 'P11 anon writes no profile');
select throws_ok('select public.export_my_data()', '42501', null, 'P12 anon has nothing to export');
select throws_ok('select public.delete_account()', '42501', null, 'P13 anon has nothing to delete');

-- the person
select tests.act_as('authenticated', ana) from person;
select results_eq(
    'update public.profiles set about = ''Hello'', languages = ''{en,pt-BR}'' where id = (select ana from person) returning about',
    array['Hello'], 'P14 people write their own profile'
);
select is_empty('update public.profiles set about = ''x'' where id = (select ben from person) returning id', 'P15 and no one else''s');
select is((select count(*)::integer from public.accounts), 1, 'P16 people read one account');
select is((select id from public.accounts), (select ana from person), 'P17 their own');
select results_eq(
    'update public.accounts set phone = ''+351912345678'', birth_date = ''1990-02-28'' returning phone',
    array['+351912345678'], 'P18 people write their own account'
);
select throws_ok('update public.profiles set identity_verified = true', '42501', null, 'P19 nobody verifies themself');
select throws_ok('update public.profiles set is_host = true', '42501', null, 'P20 or makes themself a host');
select throws_ok('insert into public.profiles (id, display_name) values (gen_random_uuid(), ''x'')', '42501', null, 'P21 or makes a profile');
select throws_ok('delete from public.profiles', '42501', null, 'P22 or deletes one');
select throws_ok(
    'insert into public.user_roles (user_id, role) select ana, ''operator'' from person', '42501', null, 'P23 nobody makes themself an operator'
);
select throws_ok('update public.profiles set about = ''<b>x</b>''', '23514', null, 'P24 no HTML');
select throws_ok('update public.profiles set about = E''a\u202eb''', '23514', null, 'P25 no text that reverses its neighbours');
select throws_ok('update public.profiles set display_name = ''   ''', '23514', null, 'P26 no empty name');
select throws_ok('update public.profiles set languages = ''{english}''', '23514', null, 'P27 languages are tags');
select throws_ok(
    'update public.profiles set avatar_path = (select ben from person) || ''/a.png''', '23514', null, 'P28 an avatar lies in one''s own folder'
);
select throws_ok('update public.accounts set birth_date = current_date - 6000', '23514', null, 'P29 adults only');
select throws_ok('update public.accounts set currency = ''XXX''', '23503', null, 'P30 currencies are real');

-- operators
select tests.act_as('authenticated', olga) from person;
select is((select private.is_operator()), true, 'P31 the token carries the role');
select cmp_ok((select count(*)::integer from public.accounts), '>=', 3, 'P32 operators read accounts');
select lives_ok('insert into public.user_roles (user_id, role) select ben, ''operator'' from person', 'P33 operators grant roles');
select is(granted_by, olga, 'P34 and it is known who did') from public.user_roles, person where user_id = ben;
select tests.act_as('postgres');
delete from public.user_roles where user_id = (select olga from person);
select set_config('request.jwt.claims',
    jsonb_build_object('sub', olga, 'role', 'authenticated', 'app_metadata', '{"roles": ["operator"]}'::jsonb)::text, true) from person;
set local role authenticated;
select is((select private.is_operator()), false, 'P35 a revoked role ends at once, whatever the token still says');

-- leaving
select tests.act_as('authenticated', ana) from person;
select is(public.export_my_data() -> 'account' ->> 'phone', '+351912345678', 'P36 the export holds the account');
select lives_ok('select public.delete_account()', 'P37 people delete their account');
select tests.act_as('postgres');
select results_eq(
    $$select p.display_name, p.about, p.avatar_path is null, p.deleted_at is not null,
        exists (select from public.accounts where id = ana), exists (select from auth.users where id = ana)
      from public.profiles p, person where p.id = ana$$,
    $$values ('Deleted account', '', true, true, false, false)$$,
    'P38 the profile stays without the person, the rest is gone'
);

select * from finish();
rollback;
