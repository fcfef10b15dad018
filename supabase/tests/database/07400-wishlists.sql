-- Wishlists: owners, members, strangers, links.
begin;
select plan(36);

create temporary table world on commit drop as
select
    tests.create_person('Ana') as ana, tests.create_person('Ben') as ben, tests.create_person('Eva') as eva,
    null::uuid as home, null::uuid as draft, null::uuid as list, null::uuid as token;
grant select, update on world to anon, authenticated, service_role;
update world set home = tests.create_property(ana), draft = tests.create_property(ana, false);

select tests.act_as('anon');
select throws_ok('select from public.wishlists', '42501', null, 'W01 anon reads no list');
select throws_ok('insert into public.wishlists (name) values (''x'')', '42501', null, 'W02 and makes none');
select tests.act_as('authenticated', ben) from world;
select lives_ok($$insert into public.wishlists (name, check_in, check_out, guests) values ('Lisbon', '2027-06-01', '2027-06-08', 2)$$, 'W03 a person makes one with dates');
select tests.throws_code($$insert into public.wishlists (name, check_in) values ('x', '2027-06-01')$$, 'wishlists_dates_are_in_order', 'W04 a wishlist has both dates or none');
select throws_ok($$insert into public.wishlists (guests) values (0)$$, 'PT422', E'A wishlist is for 1 to 50 guests.\nName is missing.', 'W32 every fault of a wishlist is named');
select tests.throws_code($$insert into public.wishlists (name) values (E'two\nlines')$$, 'wishlists_name_is_plain', 'W33 a name is one line');
select throws_ok('insert into public.wishlists (name, owner_id) select ''x'', ana from world', '42501', null, 'W05 not for another');
select lives_ok($$insert into public.wishlists (name) values ('Kyoto')$$, 'W06 and a second');
update world set list = (select id from public.wishlists where name = 'Lisbon');
select lives_ok('insert into public.wishlist_items (wishlist_id, property_id, note) select list, home, ''Near the river'' from world', 'W07 and adds a property');
select throws_ok('insert into public.wishlist_items (wishlist_id, property_id) select list, home from world', 'PT409', 'There is already one with this wishlist id and property id.', 'W08 a property can be added once');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id) select list, draft from world', 'reference_not_found', 'W09 a property that he cannot read cannot be added');
select throws_ok('insert into public.wishlist_items (note) values (''x'')', 'PT422', E'Property id is missing.\nWishlist id is missing.', 'W34 an item names a wishlist and a property');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id, note) select list, home, ''<b>'' from world', 'note_is_plain', 'W35 a note is plain text');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.wishlists', 'W10 a stranger reads none');
select is_empty('select from public.wishlist_items', 'W11 and no place');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id) select list, home from world', 'reference_not_found', 'W12 a stranger cannot add an item');
select is_empty('update public.wishlists set name = ''x'' returning id', 'W13 changes none');
select is_empty('delete from public.wishlists returning id', 'W14 deletes none');
select tests.throws_code('insert into public.wishlist_shares (wishlist_id) select list from world', 'reference_not_found', 'W15 or create a link');
select throws_ok('insert into public.wishlist_members (wishlist_id) select list from world', '42501', null, 'W16 and joins none unasked');

-- the link
select tests.act_as('authenticated', ben) from world;
select lives_ok('insert into public.wishlist_shares (wishlist_id) select list from world', 'W17 the owner shares');
select tests.throws_code('insert into public.wishlist_shares (wishlist_id) select list from world', 'already_exists', 'W36 a wishlist has one link');
update world set token = (select s.token from public.wishlist_shares s);
select tests.act_as('anon');
select is((select public.shared_wishlist(token) #>> '{items,0,note}' from world), 'Near the river', 'W18 who has the link reads it');
select is(public.shared_wishlist(gen_random_uuid()), null, 'W19 another link shows nothing');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.join_wishlist(token) from world', 'PT404', null, 'W20 and does not join by it');
select tests.act_as('authenticated', ben) from world;
update public.wishlist_shares set can_join = true;
select tests.act_as('authenticated', eva) from world;
select is((select public.join_wishlist(token) = list from world), true, 'W21 until the owner lets her');
select isnt_empty('select from public.wishlist_items', 'W22 she reads it');
select isnt_empty('update public.wishlist_items set note = ''And a lift'' returning note', 'W23 changes notes');
select is_empty('select from public.wishlist_shares', 'W24 does not see the link');
select is_empty('update public.wishlists set name = ''x'' returning id', 'W25 nor renames it');
select is_empty('select from public.wishlists where name = ''Kyoto''', 'W26 nor sees others of his');
select isnt_empty('delete from public.wishlist_members where profile_id = (select eva from world) returning wishlist_id', 'W27 she leaves');
select is_empty('select from public.wishlists', 'W28 and reads it no more');
select tests.act_as('postgres');
update public.properties set status = 'paused' where id = (select home from world);
select tests.act_as('anon');
select is((select jsonb_array_length(public.shared_wishlist(token) -> 'items') from world), 0, 'W29 what is not published is not shown');
select tests.act_as('authenticated', ben) from world;
select isnt_empty('delete from public.wishlist_shares returning token', 'W30 the link ends');
select tests.act_as('anon');
select is((select public.shared_wishlist(token) from world), null, 'W31 and shows nothing');

select * from finish();
rollback;
