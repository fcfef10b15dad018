-- Purpose: areas by name, and the tiles of the map that have properties: where a search by name or on a large map has to look.
-- Touches: private.search_areas, search_tiles, area_aliases; triggers on property_search; one periodic task; private.rebuild_property_search.
-- Watch: rows are added, never changed, so that two hosts in one city never wait for each other. Readers add rows up, and a task
-- replaces the rows of an area by their sum. A box or a tile that is wider than its properties costs time, never a result.

create table private.search_areas (
    names text[] not null,
    tile integer not null,
    properties integer not null,
    west double precision not null,
    south double precision not null,
    east double precision not null,
    north double precision not null,
    is_sum boolean not null,
    name text not null generated always as (names[1]) stored
);
comment on table private.search_areas is
    'Neighbourhoods, cities, regions and countries that have published properties, by tile of the map. Each row is a sum of properties, or one that came or went; triggers add rows.';
comment on column private.search_areas.names is 'The area and the areas around it, as at the end of property_search.area_names: {alfama,lisboa,pt}.';
comment on column private.search_areas.properties is 'The number of properties; -1 in a row of one that went.';
comment on column private.search_areas.west is 'Web Mercator x of its westernmost property.';
comment on column private.search_areas.is_sum is 'Whether merge_search_areas made the row; the others wait for it.';
create index search_areas_name_idx on private.search_areas (name, tile);
create index search_areas_waiting_idx on private.search_areas (name, tile) where not is_sum;
alter table private.search_areas enable row level security;

create view private.search_areas_source as
select
    a.area_names[n.first:] as names, a.tile, count(*)::integer as properties,
    min(a.x) as west, min(a.y) as south, max(a.x) as east, max(a.y) as north, true as is_sum
from private.property_search a
cross join lateral generate_subscripts(a.area_names, 1) as n (first)
group by 1, 2;
comment on view private.search_areas_source is 'The sums that search_areas must hold.';

-- Of each limit the widest that a property of the tile has: a search that needs more need not look there.
create table private.search_tiles (
    tile integer not null,
    currency_number smallint not null,
    properties integer not null,
    lacks bigint,
    amenities bigint,
    max_guests smallint,
    max_infants smallint,
    max_pets smallint,
    bedrooms smallint,
    beds smallint,
    bathrooms real,
    min_nights smallint,
    max_nights smallint,
    booking_window_days smallint,
    is_sum boolean not null
);
comment on table private.search_tiles is
    'Tiles of the map that have published properties, by currency, with what they can offer at most. Each row is a sum of properties, or one that came or went; triggers add rows.';
comment on column private.search_tiles.properties is 'The number of properties; -1 in a row of one that went, which has no limits.';
comment on column private.search_tiles.lacks is 'What all of them lack, as bits of lacks_mask.';
comment on column private.search_tiles.amenities is 'What any of them has, as bits of amenities.bit.';
comment on column private.search_tiles.is_sum is 'Whether merge_search_areas made the row; the others wait for it.';
create index search_tiles_tile_idx on private.search_tiles (tile, currency_number);
create index search_tiles_waiting_idx on private.search_tiles (tile) where not is_sum;
alter table private.search_tiles enable row level security;

create view private.search_tiles_source as
select
    s.tile, s.currency_number, count(*)::integer as properties, bit_and(s.lacks) as lacks, bit_or(s.amenities) as amenities,
    max(s.max_guests) as max_guests, max(s.max_infants) as max_infants, max(s.max_pets) as max_pets, max(s.bedrooms) as bedrooms,
    max(s.beds) as beds, max(s.bathrooms) as bathrooms, min(s.min_nights) as min_nights, max(s.max_nights) as max_nights,
    max(s.booking_window_days) as booking_window_days, true as is_sum
from private.property_search s
group by 1, 2;
comment on view private.search_tiles_source is 'The sums that search_tiles must hold.';

create table private.area_aliases (
    alias text constraint area_aliases_pkey primary key,
    name text not null,
    constraint area_aliases_are_different check (alias <> name)
);
comment on table private.area_aliases is
    'Other names of areas, such as lisbon for lisboa, for the owner of the database to add. A trigger stores both without accents and in lower case.';
comment on column private.area_aliases.name is 'One part of an area, as properties have it.';
alter table private.area_aliases enable row level security;

create function private.fold_alias() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.alias := private.fold_letters(btrim(new.alias));
    new.name := private.fold_letters(btrim(new.name));
    return new;
end
$$;
comment on function private.fold_alias is 'Trigger: stores names as area_names has them.';
create trigger _100_fold_alias before insert or update on private.area_aliases
    for each row execute function private.fold_alias();

create function private.add_search_areas() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op <> 'INSERT' then
        if tg_op = 'DELETE' or (old.tile, old.x, old.y, old.area_names) is distinct from (new.tile, new.x, new.y, new.area_names) then
            insert into private.search_areas
            select old.area_names[n:], old.tile, -1, old.x, old.y, old.x, old.y, false from generate_subscripts(old.area_names, 1) as n;
        end if;
        insert into private.search_tiles (tile, currency_number, properties, is_sum) values (old.tile, old.currency_number, -1, false);
    end if;
    if tg_op <> 'DELETE' then
        if tg_op = 'INSERT' or (old.tile, old.x, old.y, old.area_names) is distinct from (new.tile, new.x, new.y, new.area_names) then
            insert into private.search_areas
            select new.area_names[n:], new.tile, 1, new.x, new.y, new.x, new.y, false from generate_subscripts(new.area_names, 1) as n;
        end if;
        insert into private.search_tiles values (
            new.tile, new.currency_number, 1, new.lacks, new.amenities, new.max_guests, new.max_infants, new.max_pets, new.bedrooms, new.beds,
            new.bathrooms, new.min_nights, new.max_nights, new.booking_window_days, false
        );
    end if;
    return null;
end
$$;
comment on function private.add_search_areas is
    'Trigger: adds rows for a property that came, went or changed. Definer, because no API role may write search_areas.';

create trigger _100_add_search_areas after insert or delete on private.property_search
    for each row execute function private.add_search_areas();
-- not for what changes often: prices, ratings, photos and words
create trigger _100_add_search_areas_on_update after update on private.property_search
    for each row when (
        (
            old.tile, old.x, old.y, old.area_names, old.currency_number, old.lacks, old.amenities, old.max_guests, old.max_infants,
            old.max_pets, old.bedrooms, old.beds, old.bathrooms, old.min_nights, old.max_nights, old.booking_window_days
        ) is distinct from (
            new.tile, new.x, new.y, new.area_names, new.currency_number, new.lacks, new.amenities, new.max_guests, new.max_infants,
            new.max_pets, new.bedrooms, new.beds, new.bathrooms, new.min_nights, new.max_nights, new.booking_window_days
        )
    ) execute function private.add_search_areas();

create function private.merge_search_areas(p_limit integer default 500) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_area record;
    v_count integer := 0;
begin
    for v_area in
        select distinct a.names, a.tile from (select * from private.search_areas a where not a.is_sum limit p_limit) a
    loop
        -- One statement, so that a property is either among the rows that it deletes and those that it counts, or in neither.
        with gone as (
            delete from private.search_areas a where a.name = v_area.names[1] and a.names = v_area.names and a.tile = v_area.tile returning *
        ),
        total as (
            select
                sum(g.properties)::integer as properties,
                min(g.west) filter (where g.properties > 0) as west, min(g.south) filter (where g.properties > 0) as south,
                max(g.east) filter (where g.properties > 0) as east, max(g.north) filter (where g.properties > 0) as north,
                bool_or(g.properties < 0) as has_losses
            from gone g
        ),
        -- a box can only become smaller where a property on its edge went
        edge as (
            select t.*, t.has_losses and exists (
                select from gone g
                where g.properties < 0 and (g.west <= t.west or g.south <= t.south or g.east >= t.east or g.north >= t.north)
            ) as is_smaller
            from total t
        )
        insert into private.search_areas
        select v_area.names, v_area.tile, e.properties, e.west, e.south, e.east, e.north, true
        from edge e where e.properties > 0 and not e.is_smaller
        union all
        select v_area.names, v_area.tile, count(*), min(s.x), min(s.y), max(s.x), max(s.y), true
        from edge e
        join private.property_search s on array[s.tile] operator(pg_catalog.&&) array[v_area.tile]
            and s.area_names operator(pg_catalog.@>) v_area.names
            and exists (select from generate_subscripts(s.area_names, 1) as n where s.area_names[n:] = v_area.names)
        where e.properties > 0 and e.is_smaller
        having count(*) > 0;
        v_count := v_count + 1;
    end loop;
    for v_area in
        select distinct t.tile, t.currency_number from (select * from private.search_tiles t where not t.is_sum limit p_limit) t
    loop
        with gone as (
            delete from private.search_tiles t where t.tile = v_area.tile and t.currency_number = v_area.currency_number returning *
        )
        insert into private.search_tiles
        select
            v_area.tile, v_area.currency_number, sum(g.properties), bit_and(g.lacks), bit_or(g.amenities), max(g.max_guests), max(g.max_infants),
            max(g.max_pets), max(g.bedrooms), max(g.beds), max(g.bathrooms), min(g.min_nights), max(g.max_nights),
            max(g.booking_window_days), true
        from gone g
        having bool_and(g.properties > 0)
        union all
        -- what a property that went could offer, perhaps no other can
        select s.* from private.search_tiles_source s
        where s.tile = v_area.tile and s.currency_number = v_area.currency_number
            and exists (select from gone g where g.properties < 0);
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function private.merge_search_areas is
    'Replaces rows of search_areas and search_tiles by sums, and returns how many areas and tiles it did. p_limit: the rows that it begins with.';

insert into private.periodic_tasks (name, command, every) values ('merge_search_areas', 'select private.merge_search_areas()', '1 minute');

create function private.rebuild_property_search() returns bigint
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count bigint;
begin
    lock table public.properties in share row exclusive mode;
    -- with one row for each change, the triggers would write far more than is left in the end
    alter table private.property_search disable trigger user;
    delete from private.property_search where true;
    delete from private.price_spans where true;
    delete from private.search_areas where true;
    delete from private.search_tiles where true;
    insert into private.price_spans select s.* from private.price_spans_source s;
    insert into private.property_search select s.* from private.property_search_source s;
    get diagnostics v_count = row_count;
    insert into private.search_areas select s.* from private.search_areas_source s;
    insert into private.search_tiles select s.* from private.search_tiles_source s;
    alter table private.property_search enable trigger user;
    return v_count;
end
$$;
comment on function private.rebuild_property_search is
    'Rebuilds property_search, price_spans, search_areas and search_tiles, and returns the number of properties. For the owner of the database, after triggers were disabled; definer like refresh_property_search.';

-- rows of properties that were published before this migration
select private.rebuild_property_search();
