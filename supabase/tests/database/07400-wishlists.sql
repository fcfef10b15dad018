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
select throws_ok('select from public.wishlists', '42501', null, 'W01 anon cannot read wishlists');
select throws_ok('insert into public.wishlists (name) values (''x'')', '42501', null, 'W02 anon cannot create a wishlist');
select tests.act_as('authenticated', ben) from world;
select lives_ok($$insert into public.wishlists (name, check_in, check_out, guests) values ('Lisbon', '2027-06-01', '2027-06-08', 2)$$, 'W03 a person creates a wishlist with dates');
select tests.throws_code($$insert into public.wishlists (name, check_in) values ('x', '2027-06-01')$$, 'wishlists_dates_are_in_order', 'W04 a wishlist has both dates or none');
select throws_ok($$insert into public.wishlists (guests) values (0)$$, 'PT422', 'A wishlist is for 1 to 50 guests. There is no value for name.', 'W32 every fault of a wishlist is named');
select tests.throws_code($$insert into public.wishlists (name) values (E'two\nlines')$$, 'wishlists_name_is_plain', 'W33 a name is one line');
select throws_ok('insert into public.wishlists (name, owner_id) select ''x'', ana from world', '42501', null, 'W05 no user can create a wishlist for another person');
select lives_ok($$insert into public.wishlists (name) values ('Kyoto')$$, 'W06 a person can have several wishlists');
update world set list = (select id from public.wishlists where name = 'Lisbon');
select lives_ok('insert into public.wishlist_items (wishlist_id, property_id, note) select list, home, ''Near the river'' from world', 'W07 the owner adds a property');
select throws_ok('insert into public.wishlist_items (wishlist_id, property_id) select list, home from world', 'PT409', 'There is already one with this wishlist id and property id.', 'W08 a property can be added once');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id) select list, draft from world', 'reference_not_found', 'W09 a property that the owner cannot read cannot be added');
select throws_ok('insert into public.wishlist_items (note) values (''x'')', 'PT422', 'There is no value for property id. There is no value for wishlist id.', 'W34 an item names a wishlist and a property');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id, note) select list, home, ''<b>'' from world', 'note_is_plain', 'W35 a note is plain text');
select tests.act_as('authenticated', eva) from world;
select is_empty('select from public.wishlists', 'W10 a stranger cannot read wishlists');
select is_empty('select from public.wishlist_items', 'W11 a stranger cannot read items');
select tests.throws_code('insert into public.wishlist_items (wishlist_id, property_id) select list, home from world', 'reference_not_found', 'W12 a stranger cannot add an item');
select is_empty('update public.wishlists set name = ''x'' returning id', 'W13 a stranger cannot change a wishlist');
select is_empty('delete from public.wishlists returning id', 'W14 a stranger cannot delete a wishlist');
select tests.throws_code('insert into public.wishlist_shares (wishlist_id) select list from world', 'reference_not_found', 'W15 a stranger cannot create a link');
select throws_ok('insert into public.wishlist_members (wishlist_id) select list from world', '42501', null, 'W16 a stranger cannot become a member without a link');

-- the link
select tests.act_as('authenticated', ben) from world;
select lives_ok('insert into public.wishlist_shares (wishlist_id) select list from world', 'W17 the owner creates a link');
select tests.throws_code('insert into public.wishlist_shares (wishlist_id) select list from world', 'already_exists', 'W36 a wishlist has one link');
update world set token = (select s.token from public.wishlist_shares s);
select tests.act_as('anon');
select is((select public.shared_wishlist(token) #>> '{items,0,note}' from world), 'Near the river', 'W18 anyone with the link can read the wishlist');
select is(public.shared_wishlist(gen_random_uuid()), null, 'W19 another link returns nothing');
select tests.act_as('authenticated', eva) from world;
select throws_ok('select public.join_wishlist(token) from world', 'PT404', null, 'W20 no user can join while the owner does not allow it');
select tests.act_as('authenticated', ben) from world;
update public.wishlist_shares set can_join = true;
select tests.act_as('authenticated', eva) from world;
select is((select public.join_wishlist(token) = list from world), true, 'W21 a person joins when the owner allows it');
select isnt_empty('select from public.wishlist_items', 'W22 a member can read items');
select isnt_empty('update public.wishlist_items set note = ''And a lift'' returning note', 'W23 a member can change notes');
select is_empty('select from public.wishlist_shares', 'W24 a member cannot see the link');
select is_empty('update public.wishlists set name = ''x'' returning id', 'W25 a member cannot rename the wishlist');
select is_empty('select from public.wishlists where name = ''Kyoto''', 'W26 a member cannot see other wishlists of the owner');
select isnt_empty('delete from public.wishlist_members where profile_id = (select eva from world) returning wishlist_id', 'W27 a member can leave');
select is_empty('select from public.wishlists', 'W28 a former member cannot read the wishlist');
select tests.act_as('postgres');
update public.properties set status = 'paused' where id = (select home from world);
select tests.act_as('anon');
select is((select jsonb_array_length(public.shared_wishlist(token) -> 'items') from world), 0, 'W29 the link shows published properties only');
select tests.act_as('authenticated', ben) from world;
select isnt_empty('delete from public.wishlist_shares returning token', 'W30 the owner deletes the link');
select tests.act_as('anon');
select is((select public.shared_wishlist(token) from world), null, 'W31 a deleted link returns nothing');

select * from finish();
rollback;
