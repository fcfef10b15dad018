-- Purpose: what a search looks for, and what its steps hand on.
-- Touches: private.search, search_part, search_candidate, search_hit, weekend_nights, convert_approximately.

create type private.search as (
    west double precision, south double precision, east double precision, north double precision, tiles integer[],
    middle point, radius double precision,
    arrivals date[], nights integer, weekend_nights integer, months integer, adults integer, children integer, infants integer, pets integer,
    children_ages integer[], units integer,
    currency text, currency_numbers smallint[], rates double precision[], unknown_rate double precision, minor_scale double precision, step bigint,
    min_price bigint, max_price bigint, guest_percent numeric, most_a_night double precision,
    amenities bigint, needs bigint, cancellation_policies text[], bedrooms integer, beds integer, bathrooms real,
    area_names text[], words tsquery, sort text, after text
);
comment on type private.search is
    'A checked search in the terms of property_search. Distances are in metres, coordinates in Web Mercator metres.';
comment on column private.search.tiles is 'The tiles of a named area; null without one.';
comment on column private.search.middle is 'Centre of the circle, or the point from which distances are measured.';
comment on column private.search.radius is 'Radius of the circle; infinity when only the order is by distance, null when no distance is needed.';
comment on column private.search.arrivals is 'Possible check-in dates in order; null for a search without dates.';
comment on column private.search.nights is 'Length of the stay; null for a search without dates.';
comment on column private.search.weekend_nights is 'Friday and Saturday nights of a stay from the first of arrivals.';
comment on column private.search.months is 'Months that have nights of any of these stays, as bits of month_mask.';
comment on column private.search.children_ages is 'The result of priced_ages.';
comment on column private.search.units is 'How many units of a property are wanted; sort_key and totals are for all of them.';
comment on column private.search.currency is 'Currency to show and compare prices in; null for none, and then prices are compared in the currency that most rates lead to.';
comment on column private.search.currency_numbers is 'Currencies that have a rate to that currency, by currency_number.';
comment on column private.search.rates is 'Their rates: whole units of that currency for one whole unit of theirs.';
comment on column private.search.unknown_rate is 'The rate of all others: so high that they come last in the order of price; 1 when there is no rate at all.';
comment on column private.search.minor_scale is 'Ten-thousandths of a whole unit in a minor unit of currency.';
comment on column private.search.step is 'The step of currency, in minor units.';
comment on column private.search.guest_percent is 'The platform fee that guests pay now, in per cent.';
comment on column private.search.most_a_night is 'The most that a night may cost, in ten-thousandths of a whole unit of currency; infinity without a limit.';
comment on column private.search.amenities is 'Required amenities, as bits of amenities.bit.';
comment on column private.search.needs is 'The result of needs_mask.';
comment on column private.search.sort is 'price, distance, rating, recommended; or sample, a random order.';
comment on column private.search.after is 'Cursor of the last row of the page before; null for the first page.';

create type private.search_part as (
    tile integer, currency_number smallint, rate double precision, west double precision, east double precision
);
comment on type private.search_part is 'A part of the map to search, for the properties of one currency. tile is null for the whole world.';

create type private.search_candidate as (property_id uuid, sort_key double precision, distance double precision, rate double precision);
comment on type private.search_candidate is
    'A property that a search may find.';
comment on column private.search_candidate.sort_key is
    'Position in the order, lowest first. For the order by price a lower bound of the total, in ten-thousandths of a whole unit of the currency of the search.';
comment on column private.search_candidate.rate is 'Whole units of the currency of the search for one of the property''s.';

create type private.search_hit as (
    property_id uuid, check_in date, check_out date, rent bigint, total bigint, distance double precision, rating double precision,
    cover_photo jsonb, sort_key double precision, factor double precision, amenities bigint
);
comment on type private.search_hit is 'A property that a search found.';
comment on column private.search_hit.rent is 'Sum of the night prices; the base price for a search without dates.';
comment on column private.search_hit.total is 'What the guest pays for the stay; null when the search does not need it.';
comment on column private.search_hit.factor is
    'Minor units of the currency of the search for one of the property''s; 1 in the same currency, null when the search has none or there is no rate.';

create function private.weekend_nights(p_from date, p_until date) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    -- days since a Monday before 2000
    v_from constant integer := p_from - date '1999-12-27';
    v_until constant integer := p_until - date '1999-12-27';
begin
    return 2 * (v_until / 7 - v_from / 7) + greatest(v_until % 7 - 4, 0) - greatest(v_from % 7 - 4, 0);
end
$$;
comment on function private.weekend_nights is
    'The number of Friday and Saturday nights in [p_from, p_until), for dates from 2000 on; null for null.';

create function private.convert_approximately(p_amount bigint, p_factor double precision, p_step bigint) returns bigint
language plpgsql immutable strict
set search_path = ''
as $$
begin
    return case when p_factor = 1 then p_amount else (least(round(p_amount * p_factor / p_step), 1e15) * p_step)::bigint end;
end
$$;
grant execute on function private.convert_approximately to anon, authenticated, service_role;
comment on function private.convert_approximately is
    'An amount in another currency, rounded to its step, to compare and to show but not to pay; p_factor: minor units for one minor unit.';
