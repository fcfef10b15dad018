-- Purpose: search knows how properties are rated.
-- Touches: private.property_rating, a trigger on public.property_ratings.

create or replace function private.property_rating(p_property_id uuid) returns double precision
language sql stable
set search_path = ''
as $$
    select r.overall::double precision from public.property_ratings r where r.property_id = p_property_id
$$;
comment on function private.property_rating is
    'Average of a property''s published reviews, null before the first. Called by property_search_source.';

create function private.refresh_search_rating() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.refresh_property_search(array[new.property_id]);
    return null;
end
$$;
comment on function private.refresh_search_rating is
    'Trigger: brings a property''s new average to search. Definer, because no role may write the projection.';

create trigger refresh_search after insert or update of overall on public.property_ratings
    for each row execute function private.refresh_search_rating();
