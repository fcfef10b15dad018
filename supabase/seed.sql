-- Sample data: hosts, guests and an operator who can sign in (password `staybase`), and 34 properties in Lisbon (EUR) and
-- Kyoto (JPY): three of them are a house and its rooms, one has three units. `npm start` and `supabase start` apply it to a new local
-- database; `supabase db push` needs --include-seed.
-- scripts/draw-seed-photos.ts draws the photos in supabase/seed/property-photos.

create temporary table seed_person (n integer, email text, name text, locale text, currency text, about text);
insert into seed_person values
    (1, 'ana@example.com', 'Ana', 'pt', 'EUR', 'Born in Alfama. I restore old flats and like to tell what their walls have seen.'),
    (2, 'rui@example.com', 'Rui', 'pt', 'EUR', 'Surfer, baker, host in three corners of Lisbon.'),
    (3, 'yuki@example.com', 'Yuki', 'ja', 'JPY', 'My grandmother''s machiya became my first guesthouse.'),
    (4, 'kenji@example.com', 'Kenji', 'ja', 'JPY', 'Carpenter. Every house of mine smells of cedar.'),
    (5, 'gita@example.com', 'Gita', 'en', 'USD', 'Travels with two children and a lot of books.'),
    (6, 'tom@example.com', 'Tom', 'en', 'GBP', 'Works from wherever there is a desk and a hill to climb.'),
    (7, 'olga@example.com', 'Olga', 'en', 'EUR', 'I look after Staybase.');

insert into auth.users (
    instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at,
    updated_at, confirmation_token, recovery_token, email_change, email_change_token_new
)
select
    '00000000-0000-0000-0000-000000000000',
    ('5eed0000-0000-4000-8000-00000000000' || s.n)::uuid, 'authenticated', 'authenticated', s.email, h.hash, now(),
    '{"provider": "email", "providers": ["email"]}',
    jsonb_build_object('display_name', s.name, 'locale', s.locale, 'currency', s.currency), now(), now(), '', '', '', ''
from seed_person s, (select extensions.crypt('staybase', extensions.gen_salt('bf', 10)) as hash offset 0) h;

insert into auth.identities (id, user_id, provider, provider_id, identity_data, created_at, updated_at)
select gen_random_uuid(), u.id, 'email', u.id::text, jsonb_build_object('sub', u.id, 'email', u.email, 'email_verified', true), now(), now()
from auth.users u
join seed_person s on s.email = u.email;

update public.profiles p set about = s.about, languages = array[s.locale]
from seed_person s where p.id = ('5eed0000-0000-4000-8000-00000000000' || s.n)::uuid;
insert into public.user_roles (user_id, role) values ('5eed0000-0000-4000-8000-000000000007', 'operator');

create temporary table seed_property (
    n integer, host integer, title text, kind public.property_type, room public.room_type, guests integer, bedrooms integer,
    beds integer, bathrooms numeric, price bigint, neighbourhood text, street text, lat float8, lng float8, story text
);
insert into seed_property values
    (1, 1, 'Blue tiles above the river', 'apartment', 'entire_home', 4, 2, 3, 1, 12500, 'Alfama', 'Rua dos Remédios 41', 38.71240, -9.12690, 'From the kitchen you see the ferries cross.'),
    (2, 1, 'Attic with a view of the castle', 'loft', 'entire_home', 2, 1, 1, 1, 9800, 'Graça', 'Rua da Senhora do Monte 12', 38.71910, -9.13260, 'Five flights up, and worth each of them.'),
    (3, 1, 'Fado corner studio', 'apartment', 'entire_home', 2, 0, 1, 1, 7600, 'Alfama', 'Beco do Mexias 3', 38.71160, -9.12830, 'On Fridays the music comes up through the floor.'),
    (4, 1, 'Garden house in Lapa', 'house', 'entire_home', 6, 3, 4, 2.5, 23000, 'Lapa', 'Rua do Sacramento 20', 38.70890, -9.16450, 'A lemon tree, a long table, and shade until noon.'),
    (5, 1, 'Room with a balcony in Chiado', 'apartment', 'private_room', 2, 1, 1, 1, 6200, 'Chiado', 'Rua Garrett 88', 38.71080, -9.14180, 'Your own balcony over the busiest street for books.'),
    (6, 1, 'Tram 28 stops here', 'apartment', 'entire_home', 3, 1, 2, 1, 8900, 'Estrela', 'Calçada da Estrela 55', 38.71270, -9.15570, 'The tram rings below, the basilica across.'),
    (7, 2, 'Surfer''s flat by the station', 'apartment', 'entire_home', 4, 2, 2, 1, 8400, 'Cais do Sodré', 'Rua da Moeda 9', 38.70720, -9.14430, 'Trains to the beach leave every twenty minutes.'),
    (8, 2, 'Bakery loft', 'loft', 'entire_home', 2, 1, 1, 1, 9900, 'Santos', 'Rua das Janelas Verdes 30', 38.70640, -9.15810, 'Warm bread downstairs from six in the morning.'),
    (9, 2, 'Quiet room near the gardens', 'house', 'private_room', 1, 1, 1, 1, 4500, 'Campo de Ourique', 'Rua Coelho da Rocha 70', 38.71620, -9.16620, 'The market is at the end of the street.'),
    (10, 2, 'Townhouse for the whole family', 'townhouse', 'entire_home', 8, 4, 6, 3, 31000, 'Príncipe Real', 'Rua do Século 79', 38.71540, -9.14880, 'Four floors, one roof terrace, no neighbours below.'),
    (11, 2, 'Bed in a shared sailors'' room', 'hostel', 'shared_room', 1, 1, 1, 2, 2800, 'Bairro Alto', 'Rua da Rosa 101', 38.71260, -9.14570, 'Six bunks, a long bar, and people who know where to go.'),
    (12, 2, 'Houseboat at the dock', 'boat', 'entire_home', 2, 1, 1, 1, 14500, 'Belém', 'Doca de Belém 2', 38.69520, -9.19890, 'You wake up when the water does.'),
    (13, 2, 'Studio under the aqueduct', 'guest_suite', 'entire_home', 2, 0, 1, 1, 6900, 'Campolide', 'Rua de Campolide 210', 38.72880, -9.16610, 'Ten stone arches in the window.'),
    (14, 1, 'Villa with a pool in Restelo', 'villa', 'entire_home', 10, 5, 7, 4, 52000, 'Restelo', 'Rua Dom Cristóvão da Gama 14', 38.70130, -9.21430, 'A pool that is warm from May to October.'),
    (15, 1, 'Convent cell, well heated', 'guesthouse', 'private_room', 1, 1, 1, 1, 5100, 'Madragoa', 'Rua das Trinas 66', 38.70860, -9.15800, 'Thick walls, a small window, very good sleep.'),
    (16, 3, 'Machiya with a moss garden', 'house', 'entire_home', 4, 2, 4, 1.5, 28000, 'Higashiyama', 'Yasaka-dori 388', 34.99860, 135.78020, 'The garden was laid out in 1890 and raked this morning.'),
    (17, 3, 'Teahouse for two', 'guest_suite', 'entire_home', 2, 1, 2, 1, 19500, 'Gion', 'Shinbashi-dori 12', 35.00560, 135.77510, 'Sliding doors, one scroll, a kettle on the hearth.'),
    (18, 3, 'Weaver''s house in Nishijin', 'house', 'entire_home', 5, 2, 5, 1, 17000, 'Nishijin', 'Omiya-dori 701', 35.03260, 135.74850, 'The loom still stands in the front room.'),
    (19, 3, 'Futon room near the station', 'guesthouse', 'private_room', 2, 1, 2, 1, 7200, 'Shimogyo', 'Shiokoji-dori 55', 34.98720, 135.75690, 'Five minutes from the bullet train, and silent.'),
    (20, 3, 'Kamo riverside apartment', 'apartment', 'entire_home', 3, 1, 2, 1, 14800, 'Pontocho', 'Kiyamachi-dori 190', 35.00700, 135.77080, 'Herons fish below the window.'),
    (21, 3, 'Monk''s lodge at the foot of Arashiyama', 'cottage', 'entire_home', 6, 3, 6, 2, 33000, 'Arashiyama', 'Saga-Tenryuji 20', 35.01640, 135.67460, 'Bamboo behind, river before.'),
    (22, 3, 'Capsule with a skylight', 'hostel', 'shared_room', 1, 1, 1, 2, 3600, 'Nakagyo', 'Sanjo-dori 73', 35.00910, 135.76470, 'Small, clean, and the moon above.'),
    (23, 4, 'Cedar house on the Philosopher''s Path', 'house', 'entire_home', 4, 2, 3, 1.5, 26500, 'Sakyo', 'Shishigatani 14', 35.02410, 135.79440, 'I built every joint of it without a nail.'),
    (24, 4, 'Carpenter''s loft', 'loft', 'entire_home', 2, 1, 1, 1, 13200, 'Fushimi', 'Momoyama-cho 8', 34.94140, 135.76820, 'Above the workshop; mornings smell of planed wood.'),
    (25, 4, 'Sake brewer''s storehouse', 'house', 'entire_home', 7, 3, 7, 2, 29800, 'Fushimi', 'Minamihama-cho 247', 34.92980, 135.76130, 'Walls of half a metre; cool in August.'),
    (26, 4, 'Room above the shrine steps', 'bed_and_breakfast', 'private_room', 2, 1, 1, 1, 9400, 'Fushimi', 'Fukakusa 68', 34.96740, 135.77360, 'Walk up through the gates before the crowds.'),
    (27, 4, 'Tiny house in the tea hills', 'tiny_house', 'entire_home', 2, 0, 1, 1, 11800, 'Yamashina', 'Kanshuji 33', 34.96180, 135.80870, 'Nothing superfluous; a wide window.'),
    (28, 4, 'Farmhouse under a thatched roof', 'farm_stay', 'entire_home', 8, 4, 8, 2, 36000, 'Ohara', 'Ohara Shorin-in 187', 35.11990, 135.83380, 'Pickles, mountains, and a fire in the middle of the room.'),
    (29, 4, 'Flat under repair', 'apartment', 'entire_home', 3, 1, 2, 1, 12000, 'Kita', 'Kitaoji-dori 5', 35.04410, 135.75870, 'Soon ready again: the floor is being laid.'),
    (30, 3, 'Next spring''s guesthouse', 'guesthouse', 'entire_home', 4, 2, 4, 1, 21000, 'Kamigyo', 'Imadegawa-dori 230', 35.02980, 135.75500, 'Still a plan, with the permit on the desk.'),
    (31, 4, 'Merchant''s house, all of it', 'townhouse', 'entire_home', 4, 2, 4, 1.5, 24000, 'Shimogyo', 'Rokujo-dori 41', 34.99470, 135.76420, 'Two rooms around a courtyard of three paces; take both.'),
    (32, 4, 'Merchant''s house: room to the street', 'townhouse', 'private_room', 2, 1, 2, 1, 11000, 'Shimogyo', 'Rokujo-dori 41', 34.99470, 135.76420, 'The old shop, with a lattice that lets the light in and no one''s eyes.'),
    (33, 4, 'Merchant''s house: room to the courtyard', 'townhouse', 'private_room', 2, 1, 2, 1, 12500, 'Shimogyo', 'Rokujo-dori 41', 34.99470, 135.76420, 'One maple, one stone, and rain to listen to.'),
    (34, 3, 'Kamo river inn, one of three rooms', 'guesthouse', 'private_room', 2, 1, 1, 1, 9800, 'Nakagyo', 'Kiyamachi-dori 88', 35.00570, 135.77090, 'Three rooms that are alike, above the water; book one or all.');

insert into public.properties (
    id, host_id, title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms, time_zone, currency, base_price,
    weekend_price, booking_mode, cancellation_policy_id, min_nights, preparation_nights_after, max_pets, weekly_discount_percent,
    monthly_discount_percent, last_minute_discount_percent, extra_guest_price, extra_guests_after
)
select
    ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid,
    ('5eed0000-0000-4000-8000-00000000000' || s.host)::uuid,
    s.title, s.story || E'\n\nYou have fresh linen, a stocked tea shelf, and my number for everything else. ' || s.neighbourhood || ' is best on foot.',
    s.kind, s.room, s.guests, s.bedrooms, s.beds, s.bathrooms,
    case when s.n <= 15 then 'Europe/Lisbon' else 'Asia/Tokyo' end, case when s.n <= 15 then 'EUR' else 'JPY' end,
    s.price, case when s.n % 3 = 0 then s.price * 115 / 100 end,
    case when s.n % 2 = 0 then 'instant' else 'request' end::public.booking_mode,
    (array['flexible', 'moderate', 'limited', 'firm', 'strict'])[s.n % 5 + 1],
    1 + s.n % 3, s.n % 2, case when s.n % 4 = 0 then 2 else 0 end, case when s.n % 2 = 0 then 10 else 0 end,
    case when s.n % 3 = 0 then 25 else 0 end, case when s.n % 5 = 0 then 15 else 0 end,
    case when s.guests > 4 then s.price / 20 else 0 end, greatest(s.guests / 2, 1)
from seed_property s;

insert into public.property_addresses (property_id, line1, neighbourhood, city, country, latitude, longitude)
select
    ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, s.street, s.neighbourhood,
    case when s.n <= 15 then 'Lisboa' else 'Kyoto' end, case when s.n <= 15 then 'PT' else 'JP' end, s.lat, s.lng
from seed_property s;

insert into public.property_amenities (property_id, amenity_id)
select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, a.id
from seed_property s, public.amenities a
where a.id in ('wifi', 'essentials', 'hot_water', 'bed_linens', 'heating', 'smoke_alarm')
    or (a.id not in ('pool', 'hot_tub', 'ski_in_ski_out', 'beach_access', 'lake_access') and (s.n * 7 + a.bit * 5) % 4 = 0)
    or (a.id = 'pool' and s.kind = 'villa');

insert into public.house_rules (property_id, quiet_from, quiet_until, additional_rules)
select
    ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, '22:00', '08:00',
    case when s.n > 15 then 'Please take off your shoes at the door.' else 'Please close the shutters when you go out.' end
from seed_property s;

insert into public.property_seasons (property_id, name, starts_on, ends_on, price, min_nights)
select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, t.name, t.starts_on, t.ends_on, s.price * t.percent / 100, t.min_nights
from seed_property s
join (values
    (1, 15, 'Summer', date '2027-06-15', date '2027-09-15', 130, 2),
    (1, 15, 'Summer', date '2028-06-15', date '2028-09-15', 130, 2),
    (16, 30, 'Cherry blossom', date '2027-03-20', date '2027-04-16', 160, 3),
    (16, 30, 'Autumn leaves', date '2027-11-05', date '2027-12-05', 145, 2),
    (16, 30, 'Cherry blossom', date '2028-03-20', date '2028-04-16', 160, 3)
) as t (first, last, name, starts_on, ends_on, percent, min_nights) on s.n between t.first and t.last;

insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, d.night, d.night + 1, s.price * 2
from seed_property s, (values (date '2026-12-31'), (date '2027-12-31')) as d (night);

insert into public.property_fees (property_id, kind, name, charge, amount)
select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, 'cleaning'::public.fee_kind, 'Cleaning', 'per_booking'::public.charge_kind, s.price / 2
from seed_property s where s.room = 'entire_home'
union all
select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid, 'pet', 'Pets', 'per_night', s.price / 20
from seed_property s where s.n % 4 = 0;

insert into public.property_taxes (property_id, name, charge, amount, max_nights, exempt_under_age)
select
    ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid,
    case when s.n <= 15 then 'Lisbon tourist tax' else 'Kyoto accommodation tax' end,
    'per_guest_night', case when s.n <= 15 then 400 else 500 end, case when s.n <= 15 then 7 end, case when s.n <= 15 then 13 end
from seed_property s;

-- The files are uploaded after this seed, from the folder that config.toml names for the bucket.
insert into storage.objects (bucket_id, name, owner_id, metadata)
select
    'property-photos', '5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0') || '/' || f.name || '.png',
    '5eed0000-0000-4000-8000-00000000000' || s.host, '{"mimetype": "image/png"}'
from seed_property s, (values ('outside'), ('inside')) as f (name);

insert into private.files (owner_id, kind, path, status, content_type, bytes)
select ('5eed0000-0000-4000-8000-00000000000' || s.host)::uuid, 'property_photo', o.name, 'ready', 'image/png', 0
from seed_property s
join storage.objects o on o.bucket_id = 'property-photos' and o.name like '5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0') || '/%';

insert into public.property_photos (property_id, path, alt_text, position)
select
    ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid,
    '5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0') || '/' || f.name || '.png',
    s.title || ', ' || f.alt, f.position
from seed_property s, (values ('outside', 'seen from the street', 1), ('inside', 'the living room', 2)) as f (name, alt, position);

insert into public.co_hosts (property_id, profile_id, level) values
    ('5eed0000-0000-4000-8000-000000000101', '5eed0000-0000-4000-8000-000000000002', 'full'),
    ('5eed0000-0000-4000-8000-000000000116', '5eed0000-0000-4000-8000-000000000004', 'calendar');

update public.properties p set status = 'published' where p.id in (
    select ('5eed0000-0000-4000-8000-0000000001' || lpad(s.n::text, 2, '0'))::uuid from seed_property s where s.n <> 30
);
update public.properties p set status = 'paused' where p.id = '5eed0000-0000-4000-8000-000000000129';

-- A house that is also let by the room.
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select from private.link_properties(
    '5eed0000-0000-4000-8000-000000000131',
    array['5eed0000-0000-4000-8000-000000000132', '5eed0000-0000-4000-8000-000000000133']::uuid[]
);

-- Three rooms that are alike: each is sold on its own.
select from private.set_units('5eed0000-0000-4000-8000-000000000134', '{Ayu,Hotaru,Sagi}');

-- A feed as if it had been read: the worker asks public addresses alone, here as in production, so no stack can serve one to itself.
-- It is paused, and no one owns a name under .example.
insert into public.calendar_feeds (id, property_id, channel, masked_url) values
    ('5eed0000-0000-4000-8000-00000000fee1', '5eed0000-0000-4000-8000-000000000132', 'airbnb', 'https://feeds.staybase.example/…');
insert into private.feed_sources (feed_id, url, lease) values (
    '5eed0000-0000-4000-8000-00000000fee1', 'https://feeds.staybase.example/merchants-house.ics', '5eed0000-0000-4000-8000-0000000001ea'
);
select private.apply_feed_answer(
    '5eed0000-0000-4000-8000-00000000fee1', '5eed0000-0000-4000-8000-0000000001ea',
    jsonb_build_object('unreadable', 0, 'events', jsonb_build_array(
        jsonb_build_object('uid', 'first@airbnb.example', 'check_in', current_date + 12, 'check_out', current_date + 15, 'kind', 'stay'),
        jsonb_build_object('uid', 'second@airbnb.example', 'check_in', current_date + 33, 'check_out', current_date + 37, 'kind', 'stay'),
        jsonb_build_object('uid', 'closed@airbnb.example', 'check_in', current_date + 300, 'check_out', current_date + 330, 'kind', 'closed')
    )),
    now()
);
update public.calendar_feeds set is_paused = true where id = '5eed0000-0000-4000-8000-00000000fee1';
select set_config('request.jwt.claims', '', true);

drop table seed_property;
drop table seed_person;
