-- People: sign-up creates profile and account, who reads and writes them, roles, account deletion.
begin;
select plan(69);

create temporary table person on commit drop as
select
    tests.create_person('Ana') as ana,
    tests.create_person('Ben') as ben,
    tests.create_person('Olga') as olga;
grant select on person to anon, authenticated, service_role;
insert into public.user_roles (user_id, role) select olga, 'operator' from person;

-- Sign-up
select is(p.display_name, 'Ana', 'P01 the name a person signs up with is on the profile') from public.profiles p, person where p.id = ana;
select is(a.currency, 'USD', 'P02 an account is created with defaults') from public.accounts a, person where a.id = ana;
select lives_ok(
    $$insert into auth.users (id, email, raw_user_meta_data) values
        ('00000000-0000-4000-8000-000000000001', 'evil@example.com',
         '{"display_name": "<script>alert(1)</script>", "currency": "XXX", "locale": 7, "role": "operator", "roles": ["operator"]}')$$,
    'P03 hostile metadata does not stop a sign-up'
);
select is(display_name, 'New member', 'P04 the name in hostile metadata is not copied to the profile')
from public.profiles where id = '00000000-0000-4000-8000-000000000001';
select is_empty(
    $$select from public.user_roles where user_id = '00000000-0000-4000-8000-000000000001'$$,
    'P05 hostile metadata grants no role'
);
select lives_ok(
    $$insert into auth.users (id, email, raw_user_meta_data) values
        ('00000000-0000-4000-8000-000000000002', 'google@example.com', '{"full_name": "Maria João Silva", "locale": "pt-BR", "currency": "BRL"}')$$,
    'P06 a person can sign up with a provider'
);
select results_eq(
    $$select p.display_name, a.locale, a.currency from public.profiles p join public.accounts a using (id)
      where id = '00000000-0000-4000-8000-000000000002'$$,
    $$values ('Maria', 'pt-BR', 'BRL')$$,
    'P07 a sign-up with a provider shows the first name alone and keeps locale and currency'
);

-- anon
select tests.act_as('anon');
select isnt_empty('select from public.profiles, person where id = ana', 'P08 anon reads profiles');
select throws_ok('select from public.accounts', '42501', null, 'P09 anon reads no account');
select throws_ok('select from public.user_roles', '42501', null, 'P10 anon reads no role');
select throws_ok('update public.profiles set about = ''x''', '42501', null, 'P11 anon writes no profile');
select throws_ok('select public.export_my_data()', '42501', null, 'P12 anon cannot export data');
select throws_ok('select public.delete_account()', '42501', null, 'P13 anon cannot delete an account');

-- the person
select tests.act_as('authenticated', ana) from person;
select results_eq(
    'update public.profiles set about = ''Hello'', languages = ''{en,pt-BR}'' where id = (select ana from person) returning about',
    array['Hello'], 'P14 people write their own profile'
);
select is_empty('update public.profiles set about = ''x'' where id = (select ben from person) returning id', 'P15 people cannot change other profiles');
select is((select count(*)::integer from public.accounts), 1, 'P16 people read one account');
select is((select id from public.accounts), (select ana from person), 'P17 people read their own account');
select results_eq(
    'update public.accounts set phone = ''+351912345678'', birth_date = ''1990-02-28'' returning phone',
    array['+351912345678'], 'P18 people write their own account'
);
select throws_ok('update public.profiles set identity_verified = true', '42501', null, 'P19 people cannot verify their own identity');
select throws_ok('update public.profiles set is_host = true', '42501', null, 'P20 people cannot set is_host');
select throws_ok('insert into public.profiles (id, display_name) values (gen_random_uuid(), ''x'')', 'PT403', null, 'P21 people cannot create a profile');
select throws_ok('delete from public.profiles', '42501', null, 'P22 people cannot delete a profile');
select tests.throws_code(
    'insert into public.user_roles (user_id, role) select ana, ''operator'' from person', 'insert_not_allowed',
    'P23 people cannot grant themselves the role of an operator'
);
select tests.throws_code('update public.profiles set about = ''<b>x</b>''', 'about_is_plain', 'P24 the text about a person cannot contain HTML');
select tests.throws_code('update public.profiles set about = E''a\u202eb''', 'about_is_plain', 'P25 the text about a person cannot contain characters that reverse text');
select tests.throws_code('update public.profiles set display_name = ''   ''', 'display_name_is_plain', 'P26 a display name cannot be empty');
select tests.throws_code('update public.profiles set languages = ''{english}''', 'languages_are_tags', 'P27 languages must be tags');
select tests.throws_code(
    'update public.profiles set avatar_path = (select ben from person) || ''/a.png''', 'avatar_path_is_own',
    'P28 an avatar is in the folder of its owner'
);
select tests.throws_code('update public.accounts set birth_date = current_date - 6000', 'birth_date_is_adult', 'P29 people under 18 are refused');
select tests.throws_code('update public.accounts set currency = ''XXX''', 'unknown_currency', 'P30 a currency must be known');
select tests.throws_code(format('update public.%s', c.change), c.code, 'P39 refused: ' || c.change)
from (values
    ('profiles set display_name = null', 'value_missing'),
    ('profiles set about = null', 'value_missing'),
    ('profiles set languages = null', 'value_missing'),
    ('profiles set display_name = E''a\nb''', 'display_name_is_plain'),
    ('accounts set legal_name = ''''', 'legal_name_is_plain'),
    ('accounts set phone = ''912345678''', 'phone_is_e164'),
    ('accounts set payout_country = ''Portugal''', 'payout_country_is_iso'),
    ('accounts set locale = null', 'value_missing'),
    ('accounts set locale = ''English''', 'locale_is_tag'),
    ('accounts set currency = null', 'value_missing')
) as c (change, code);
select throws_ok('update public.accounts set phone = ''x'', payout_country = ''x''', 'PT422', null, 'P50 two faults of a row are one error');
select throws_like(
    'update public.accounts set phone = ''x'', payout_country = ''x''',
    'The country of payouts is an ISO 3166-1 code of two capital letters._A phone number is a plus sign and 7 to 15 digits.',
    'P40 every fault of a row is listed'
);

-- operators
select tests.act_as('authenticated', olga) from person;
select is((select private.is_operator()), true, 'P31 the token carries the role');
select cmp_ok((select count(*)::integer from public.accounts), '>=', 3, 'P32 operators read accounts');
select lives_ok('insert into public.user_roles (user_id, role) select ben, ''operator'' from person', 'P33 operators grant roles');
select is(granted_by, olga, 'P34 a grant records the operator who made it') from public.user_roles, person where user_id = ben;
select tests.throws_code(
    'insert into public.user_roles (user_id, role) select ben, ''operator'' from person', 'already_exists', 'P41 a role is granted once'
);
select tests.throws_code(
    'insert into public.user_roles (user_id, role) values (gen_random_uuid(), ''operator'')', 'reference_not_found', 'P42 a role is granted only to a user who exists'
);
select tests.throws_code(
    'insert into public.user_roles (user_id) select ana from person', 'value_missing', 'P43 a grant names the role'
);
select tests.throws_code(
    'insert into public.user_roles (role) values (''operator'')', 'value_missing', 'P44 a grant names the user'
);
select throws_ok('update public.user_roles set granted_by = null', '42501', null, 'P45 operators cannot change a grant');
select tests.act_as('postgres');
update public.user_roles set user_id = (select ana from person) where user_id = (select ben from person);
select results_eq(
    'select u.raw_app_meta_data -> ''roles'' from auth.users u, person where u.id in (ana, ben) order by u.id = ben',
    $$values ('["operator"]'::jsonb), ('[]')$$, 'P46 moving a role to another user changes the tokens of both users'
);
delete from public.user_roles where user_id = (select ana from person);
delete from public.user_roles where user_id = (select olga from person);
select set_config('request.jwt.claims',
    jsonb_build_object('sub', olga, 'role', 'authenticated', 'app_metadata', '{"roles": ["operator"]}'::jsonb)::text, true) from person;
set local role authenticated;
select is((select private.is_operator()), false, 'P35 a revoked role ends at once, even while the token still contains it');

-- account deletion
select tests.act_as('authenticated', ana) from person;
select is(public.export_my_data() -> 'account' ->> 'phone', '+351912345678', 'P36 the export holds the account');
select lives_ok('select public.delete_account()', 'P37 people delete their account');
select tests.act_as('postgres');
select results_eq(
    $$select p.display_name, p.about, p.avatar_path is null, p.deleted_at is not null,
        exists (select from public.accounts where id = ana), exists (select from auth.users where id = ana)
      from public.profiles p, person where p.id = ana$$,
    $$values ('Deleted account', '', true, true, false, false)$$,
    'P38 the profile stays and is anonymised; the rest is deleted'
);
insert into public.user_roles (user_id, role) select olga, 'operator' from person;
select tests.act_as('authenticated', olga) from person;
select tests.throws_code(
    'insert into public.user_roles (user_id, role) select ana, ''operator'' from person', 'user_was_deleted', 'P47 a user whose account was deleted gets no role'
);
select tests.act_as('authenticated', ben) from person;
select tests.throws_code(
    'insert into public.user_roles (user_id, role) select olga, ''operator'' from person', 'insert_not_allowed', 'P48 only operators grant roles'
);
select tests.act_as('postgres');
-- cspell:disable
select is_empty(
    $$select n from unnest(array[
        'Staybase', 'STAY BASE', 's.t.a.y.b.a.s.e', 'Staybase Support', 'Ѕтауbаѕе', 'Stáybasé', 'Ｓｔａｙｂａｓｅ', '𝒮taybase', '5t4yb4s3', 'Stɑybase', 'Support',
        'SUPPORT', 'Supp0rt', 'sսpport', 'Admin', 'Аdmin', 'adm1n', 'The Admin Team', 'Help Desk', 'Moderators', 'Customer  Service', 'Deleted account'
    ]) n where not private.is_reserved_name(n, gen_random_uuid())$$,
    'P50 names of the platform and its staff are reserved, in any case, spacing and look-alike letters'
);
select is_empty(
    $$select n from unnest(array['Ana', 'Olga', 'Bernard', 'Иван', '李雷', 'Άννα', 'Stella', 'Adam', 'Sergey', 'Supriya', 'Modesto', 'Teamann']) n
      where private.is_reserved_name(n, gen_random_uuid())$$,
    'P51 names of people are not'
);
select tests.act_as('authenticated', ben) from person;
select tests.throws_code('update public.profiles set display_name = ''Stayba5e'' where id = (select ben from person)', 'display_name_is_reserved', 'P52 no one takes such a name');
select tests.act_as('authenticated', olga) from person;
update public.profiles set display_name = 'Olga Operator' where id = (select olga from person);
select lives_ok('update public.profiles set display_name = ''Staybase Support'' where id = (select olga from person)', 'P53 an operator may');
update public.profiles set display_name = 'Olga Operator' where id = (select olga from person);
select tests.act_as('authenticated', ben) from person;
select tests.throws_code('update public.profiles set display_name = ''OIga 0perator'' where id = (select ben from person)', 'display_name_is_reserved', 'P54 nor the full name of an operator');
select tests.act_as('authenticated', olga) from person;
update public.profiles set display_name = 'Olga' where id = (select olga from person);
select tests.act_as('authenticated', ben) from person;
select lives_ok('update public.profiles set display_name = ''Olga'' where id = (select ben from person)', 'P68 a first name alone stays free, because it identifies no operator');
select tests.act_as('postgres');
create temporary table impostor on commit drop as select tests.create_person('Stаybase') as id;
select is((select display_name from public.profiles join impostor using (id)), 'New member', 'P55 nor by signing up');
-- cspell:enable
select tests.act_as('authenticated', ben) from person;
select is_empty('delete from public.user_roles returning user_id', 'P49 only operators revoke roles');

-- the role of operators
select is(current_user::text, 'authenticated', 'P60 a request of another person keeps the role authenticated');
select tests.act_as('postgres');
select is(
    (select string_agg(m.member::regrole::text, ' ' order by m.member::regrole::text) from pg_auth_members m
     where m.roleid = 'operator'::regrole and m.set_option),
    'authenticator postgres', 'P61 no role of clients can become operator'
);
insert into public.user_roles (user_id, role) select ben, 'operator' from person;
select tests.act_as('authenticated', ben) from person;
select is(current_user::text, 'operator', 'P62 a request of an operator gets the role operator');

select * from finish();
rollback;
