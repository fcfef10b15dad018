-- Search by rating: best first, unrated last, pages without gaps or repetitions.
begin;
select plan(3);

create temporary table world on commit drop as
select tests.create_person('Ana') as ana, null::uuid as good, null::uuid as better, null::uuid as unrated;
grant select on world to anon;
update world set good = tests.create_property(ana), better = tests.create_property(ana), unrated = tests.create_property(ana);
insert into public.property_ratings (property_id, review_count, overall) select good, 3, 4.33 from world union all select better, 1, 5.00 from world;
create function pg_temp.found(p_after text, p_limit integer) returns setof record language sql as $$
    select r.property_id, r.cursor
    from public.search_properties(p_west => -9.3, p_south => 38.6, p_east => -9.0, p_north => 38.8, p_sort => 'rating', p_after => p_after, p_limit => p_limit) r
$$;
grant execute on function pg_temp.found(text, integer) to anon;

select tests.act_as('anon');
select results_eq(
    'select f.id
    from rows from (pg_temp.found(null, 20) as (id uuid, c text)) with ordinality as f (id, c, n)
    where f.id in (select unnest(array[good, better, unrated]) from world)
    order by f.n',
    'select unnest(array[better, good, unrated]) from world', 'S01 the best rated property comes first, unrated ones last'
);
select results_eq(
    'with recursive pages as (
        select f.id, f.c, 1 as n from pg_temp.found(null, 1) as f (id uuid, c text)
        union all
        select f.id, f.c, p.n + 1 from pages p, lateral pg_temp.found(p.c, 1) as f (id uuid, c text) where p.n < 60
    ) select p.id from pages p where p.id in (select unnest(array[good, better, unrated]) from world) order by p.n',
    'select unnest(array[better, good, unrated]) from world', 'S02 pages of one row give the same order'
);
select throws_ok('select pg_temp.found(null, 1) from public.search_properties(p_west => 0, p_south => 0, p_east => 1, p_north => 1, p_sort => ''stars'')', 'PT400', null, 'S03 an unknown order is refused');

select * from finish();
rollback;
