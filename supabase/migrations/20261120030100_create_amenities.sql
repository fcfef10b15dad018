-- Purpose: the vocabulary of amenities.
-- Touches: public.amenities.

create type public.amenity_category as enum (
    'essentials', 'bathroom', 'bedroom', 'kitchen', 'heating_and_cooling', 'entertainment', 'work', 'family', 'safety',
    'outdoor', 'parking', 'facilities', 'location', 'accessibility', 'services'
);
comment on type public.amenity_category is 'Headings under which amenities are shown.';

create table public.amenities (
    id text constraint amenities_pkey primary key constraint amenities_id_is_slug check (id ~ '^[a-z]+(_[a-z]+)*$'),
    category public.amenity_category not null,
    name text not null constraint amenities_name_is_plain check (name ~ '\S' and private.is_plain_text(name, 60)),
    -- 63 bits of a bigint, without its sign
    bit smallint not null constraint amenities_bit_is_unique unique
        constraint amenities_bit_range check (bit between 0 and 62)
);
comment on table public.amenities is 'Amenities that a property can have: a fixed vocabulary of at most 63.';
comment on column public.amenities.category is 'Heading under which the amenity is shown.';
comment on column public.amenities.name is 'English name.';
comment on column public.amenities.bit is 'Bit in the mask that search compares. A bit never gets another meaning.';
alter table public.amenities enable row level security;
grant select on public.amenities to anon, authenticated, service_role;
create policy "Anyone can read amenities" on public.amenities for select to anon, authenticated using (true);

insert into public.amenities (bit, id, category, name) values
    (0, 'wifi', 'essentials', 'Wifi'),
    (1, 'essentials', 'essentials', 'Towels, bed sheets, soap and toilet paper'),
    (2, 'washer', 'essentials', 'Washer'),
    (3, 'dryer', 'essentials', 'Dryer'),
    (4, 'iron', 'essentials', 'Iron'),
    (5, 'hot_water', 'bathroom', 'Hot water'),
    (6, 'hair_dryer', 'bathroom', 'Hair dryer'),
    (7, 'shampoo', 'bathroom', 'Shampoo'),
    (8, 'bathtub', 'bathroom', 'Bathtub'),
    (9, 'bidet', 'bathroom', 'Bidet'),
    (10, 'bed_linens', 'bedroom', 'Bed linens'),
    (11, 'hangers', 'bedroom', 'Hangers'),
    (12, 'wardrobe', 'bedroom', 'Clothing storage'),
    (13, 'room_darkening_shades', 'bedroom', 'Room-darkening shades'),
    (14, 'mosquito_net', 'bedroom', 'Mosquito net'),
    (15, 'kitchen', 'kitchen', 'Kitchen'),
    (16, 'refrigerator', 'kitchen', 'Refrigerator'),
    (17, 'stove', 'kitchen', 'Stove'),
    (18, 'oven', 'kitchen', 'Oven'),
    (19, 'microwave', 'kitchen', 'Microwave'),
    (20, 'dishwasher', 'kitchen', 'Dishwasher'),
    (21, 'coffee_maker', 'kitchen', 'Coffee maker'),
    (22, 'kettle', 'kitchen', 'Kettle'),
    (23, 'toaster', 'kitchen', 'Toaster'),
    (24, 'dishes', 'kitchen', 'Dishes and cutlery'),
    (25, 'dining_table', 'kitchen', 'Dining table'),
    (26, 'air_conditioning', 'heating_and_cooling', 'Air conditioning'),
    (27, 'heating', 'heating_and_cooling', 'Heating'),
    (28, 'ceiling_fan', 'heating_and_cooling', 'Fan'),
    (29, 'fireplace', 'heating_and_cooling', 'Indoor fireplace'),
    (30, 'television', 'entertainment', 'TV'),
    (31, 'sound_system', 'entertainment', 'Sound system'),
    (32, 'board_games', 'entertainment', 'Board games'),
    (33, 'piano', 'entertainment', 'Piano'),
    (34, 'pool_table', 'entertainment', 'Pool table'),
    (35, 'workspace', 'work', 'Dedicated workspace'),
    (36, 'ethernet', 'work', 'Ethernet connection'),
    (37, 'crib', 'family', 'Crib'),
    (38, 'high_chair', 'family', 'High chair'),
    (39, 'childrens_toys', 'family', 'Children''s books and toys'),
    (40, 'smoke_alarm', 'safety', 'Smoke alarm'),
    (41, 'carbon_monoxide_alarm', 'safety', 'Carbon monoxide alarm'),
    (42, 'fire_extinguisher', 'safety', 'Fire extinguisher'),
    (43, 'first_aid_kit', 'safety', 'First aid kit'),
    (44, 'balcony', 'outdoor', 'Patio or balcony'),
    (45, 'garden', 'outdoor', 'Garden'),
    (46, 'barbecue', 'outdoor', 'Barbecue grill'),
    (47, 'outdoor_furniture', 'outdoor', 'Outdoor furniture'),
    (48, 'fire_pit', 'outdoor', 'Fire pit'),
    (49, 'parking', 'parking', 'Free parking on premises'),
    (50, 'street_parking', 'parking', 'Free street parking'),
    (51, 'ev_charger', 'parking', 'Electric vehicle charger'),
    (52, 'pool', 'facilities', 'Pool'),
    (53, 'hot_tub', 'facilities', 'Hot tub'),
    (54, 'sauna', 'facilities', 'Sauna'),
    (55, 'gym', 'facilities', 'Gym'),
    (56, 'elevator', 'facilities', 'Elevator'),
    (57, 'beach_access', 'location', 'Beach access'),
    (58, 'lake_access', 'location', 'Lake access'),
    (59, 'ski_in_ski_out', 'location', 'Ski-in, ski-out'),
    (60, 'step_free_access', 'accessibility', 'Step-free entrance'),
    (61, 'self_check_in', 'services', 'Self check-in'),
    (62, 'breakfast', 'services', 'Breakfast');
