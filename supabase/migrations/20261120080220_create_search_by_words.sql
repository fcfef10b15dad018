-- Purpose: the properties of a search whose texts have its words.
-- Touches: private.sample_of_words, ids_by_words, next_ids_by_words.

create function private.sample_of_words(
    p_search private.search, out matches bigint, out estimate double precision, out lowest double precision
)
language plpgsql stable
set search_path = ''
as $$
declare
    v_sort constant text := p_search.sort;
    v_sample record;
begin
    p_search.sort := 'sample';
    v_sample := private.find_candidates(p_search, null, null, 200, null);
    select
        count(*), count(*) / least(v_sample.reach, 1),
        min(case v_sort when 'price' then s.least_night * c.rate when 'rating' then s.rating_key else s.recommendation_key end)
    into matches, estimate, lowest
    from unnest(v_sample.candidates) c
    join private.property_search s on s.property_id = c.property_id
    where
        (p_search.words is null or s.words operator(pg_catalog.@@) p_search.words)
        and (p_search.area_names is null or s.area_names operator(pg_catalog.@>) p_search.area_names);
end
$$;
comment on function private.sample_of_words is
    'How many of a random 200 candidates have the words and names of a search, how many of all candidates that makes, and the lowest price of a night or position among those of the sample.';

create function private.ids_by_words(p_search private.search, p_from double precision, p_until double precision) returns uuid[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_ids uuid[];
    v_tiles integer[] := p_search.tiles;
    v_bands bigint[];
begin
    if p_until < 'infinity' then
        with parts as (
            select distinct p.tile, p.currency_number, case p_search.sort when 'price' then p.rate else 1 end as rate
            from unnest(private.search_parts(p_search)) p
        ),
        -- each band of each tile is a look-up
        looked_up as (
            select case when count(*) over () <= 16 then p.tile end as tile, p.currency_number, p.rate from parts p
        )
        select
            -- bands of tiles need no tiles beside them
            (select array_agg(p.tile) from parts p where p.tile is not null having count(*) > 16),
            array_agg(distinct private.band_key(p_search.sort, l.tile, l.currency_number, b.band))
        into v_tiles, v_bands
        from (select distinct l.* from looked_up l) l
        cross join lateral generate_series(
            case when p_from is null then 0 else private.search_band(p_search.sort, p_from / l.rate) + 1 end,
            private.search_band(p_search.sort, p_until / l.rate)
        ) as b (band);
        if v_bands is null then
            return '{}';
        end if;
    end if;
    -- Planned for these words, because the best index depends on how many properties have them. Each condition on the index reads a list
    -- of its own, so names and tiles are compared afterwards where words and bands are enough.
    execute 'select array(select s.property_id from private.property_search s where ' || concat_ws(
        ' and ',
        case when p_search.words is not null then 's.words operator(pg_catalog.@@) $1' end,
        case when p_search.area_names is not null then case
            when num_nulls(p_search.words, v_bands) = 0 then '(s.area_names operator(pg_catalog.||) null::text[]) operator(pg_catalog.@>) $2'
            else 's.area_names operator(pg_catalog.@>) $2'
        end end,
        case when v_tiles is not null then 'array[s.tile] operator(pg_catalog.&&) $3' end,
        's.y between $6 and $7',
        case when p_search.west <= p_search.east then 's.x between $4 and $5' else '(s.x >= $4 or s.x <= $5)' end,
        case when v_bands is not null then
            'private.search_bands(s.tile, s.currency_number, s.least_night, s.rating_key, s.recommendation_key) operator(pg_catalog.&&) $8'
        end
    ) || ')'
    into v_ids
    using p_search.words, p_search.area_names, v_tiles, p_search.west, p_search.east, p_search.south, p_search.north, v_bands;
    return v_ids;
end
$$;
comment on function private.ids_by_words is
    'The properties with the words and names of a search in its area: all of them (p_until is infinity), or those in the bands of its order after the one of p_from up to the one of p_until.';

create function private.next_ids_by_words(p_search private.search, p_few integer, inout ids uuid[], inout bound double precision)
language plpgsql stable
set search_path = ''
as $$
declare
    v_until double precision;
begin
    for n in 1..10 loop
        v_until := case when ids is null then bound when p_search.sort = 'price' then bound * (1 + n * 0.1) else bound + n * 0.1 end;
        ids := ids || private.ids_by_words(p_search, case when ids is not null then bound end, v_until);
        bound := v_until;
        if cardinality(ids) >= p_few then
            return;
        end if;
    end loop;
    ids := private.ids_by_words(p_search, null, 'infinity');
    bound := 'infinity';
end
$$;
comment on function private.next_ids_by_words is
    'Adds to ids, which has the properties with the words of a search up to bound (a price of a night, or a position), further ones in the order of the search, until it has p_few or all; null for none yet.';
