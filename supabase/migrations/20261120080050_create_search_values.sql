-- Purpose: functions that turn a property and a search into comparable values: points, words, area names and bit masks.
-- Touches: private.mercator, inverse_mercator, fold_letters, area_names, lacks_mask, needs_mask, month_mask, currency_number, sample_key,
-- search_band, band_key, search_bands.
-- Watch: property_search stores their results. When one of them changes, run private.rebuild_property_search().

create function private.mercator(p_latitude double precision, p_longitude double precision) returns point
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
    return point(
        radians(p_longitude) * 6378137,
        ln(tan(pi() / 4 + radians(greatest(least(p_latitude, 85), -85)) / 2)) * 6378137
    );
end
$$;
comment on function private.mercator is
    'The Web Mercator coordinates (EPSG:3857, in metres) of a point. Latitudes beyond 85 degrees count as 85.';

create function private.inverse_mercator(p_point point, out latitude double precision, out longitude double precision)
language plpgsql immutable parallel safe
set search_path = ''
as $$
begin
    latitude := degrees(2 * atan(exp(p_point[1] / 6378137)) - pi() / 2);
    longitude := degrees(p_point[0] / 6378137);
end
$$;
comment on function private.inverse_mercator is 'The point that has these Web Mercator coordinates.';

create function private.fold_letters(p_text text) returns text
language sql stable
set search_path = ''
as $$
    select lower(extensions.unaccent(p_text))
$$;
comment on function private.fold_letters is
    'The text in lower case without accents, so that "sao paulo" finds São Paulo. Applied to both the search and the property.';

create function private.area_names(p_area text) returns text[]
language sql stable
set search_path = ''
as $$
    select array_remove(string_to_array(regexp_replace(private.fold_letters(btrim(p_area)), '\s*,\s*', ',', 'g'), ','), '')
$$;
comment on function private.area_names is
    'The parts of an area such as "Alfama, Lisboa, PT", in lower case without accents; null for null. Applied to both the search and the property, because a name may contain a comma.';

-- lacks_mask and needs_mask: the filters of most searches as one comparison of bits, because it runs for every property in the
-- area. A bit that both have set excludes the property. The bits:
--   0 to 8    parties of 2 to 10 guests: set in lacks when the property takes fewer; needs sets the one of the party
--   9 to 14   1 to 6 bedrooms: set in lacks when the property has fewer; needs sets the one that is asked for
--   15 to 28  stays of 1 to 14 nights: set in lacks when no rule allows the length; needs sets the one of the stay
--   29 to 32  room_type, 33 to 34 booking_mode, 35 to 62 property_type: lacks sets the property's own; needs sets those refused
-- Larger parties, more bedrooms and longer stays are compared by find_properties.
create function private.lacks_mask(
    p_max_guests integer, p_bedrooms integer, p_min_nights integer, p_max_nights integer,
    p_room_type public.room_type, p_booking_mode public.booking_mode, p_property_type public.property_type
) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
    -- 9 bits of guests, 6 of bedrooms, 14 of nights: those above the highest, and of nights those below the lowest
    return (511 & (511::bigint << least(p_max_guests - 1, 9)))
        | ((63 & (63::bigint << least(greatest(p_bedrooms, 0), 6))) << 9)
        | (((16383 & (16383::bigint << least(p_max_nights, 14))) | ((1::bigint << least(p_min_nights - 1, 14)) - 1)) << 15)
        | (1::bigint << (28 + array_position(enum_range(null::public.room_type), p_room_type)))
        | (1::bigint << (32 + array_position(enum_range(null::public.booking_mode), p_booking_mode)))
        | (1::bigint << (34 + array_position(enum_range(null::public.property_type), p_property_type)));
end
$$;
comment on function private.lacks_mask is
    'What a property cannot offer, and its types, as bits. A search excludes the property when needs_mask has one of the same bits.';

create function private.needs_mask(
    p_guests integer, p_bedrooms integer, p_nights integer,
    p_room_types public.room_type[], p_booking_mode public.booking_mode, p_property_types public.property_type[]
) returns bigint
language plpgsql immutable
set search_path = ''
as $$
declare
    v_bits constant bigint := case when p_guests > 1 then 1::bigint << (least(p_guests, 10) - 2) else 0 end
        | case when p_bedrooms > 0 then 1::bigint << (8 + least(p_bedrooms, 6)) else 0 end
        | case when p_nights <= 14 then 1::bigint << (14 + p_nights) else 0 end;
begin
    if num_nonnulls(p_room_types, p_booking_mode, p_property_types) = 0 then
        return v_bits;
    end if;
    return v_bits | (
        select coalesce(bit_or(1::bigint << k.bit::integer), 0)
        from (
            select 28 + n as bit from unnest(enum_range(null::public.room_type)) with ordinality as t (kind, n)
            where t.kind <> all (p_room_types)
            union all
            select 32 + n from unnest(enum_range(null::public.booking_mode)) with ordinality as t (kind, n)
            where t.kind <> p_booking_mode
            union all
            select 34 + n from unnest(enum_range(null::public.property_type)) with ordinality as t (kind, n)
            where t.kind <> all (p_property_types)
        ) k (bit)
    );
end
$$;
comment on function private.needs_mask is
    'What a search needs, and the types that it refuses, as bits of lacks_mask. Null means any.';

create function private.month_mask(p_from date, p_until date) returns integer
language plpgsql immutable
set search_path = ''
as $$
declare
    -- months since the year 0
    v_first constant integer := 12 * date_part('year', p_from) + date_part('month', p_from) - 1;
    v_last constant integer := least(12 * date_part('year', p_until - 1) + date_part('month', p_until - 1) - 1, v_first + 11);
    v_bits constant integer := ((1 << (v_last - v_first + 1)) - 1) << (v_first % 12);
begin
    return (v_bits | (v_bits >> 12)) & 4095;
end
$$;
comment on function private.month_mask is
    'The months, of any year, that have nights of [p_from, p_until), as bits: bit 0 is January. Null for null.';

create function private.currency_number(p_currency text) returns smallint
language plpgsql immutable strict
set search_path = ''
as $$
begin
    -- three letters as a number of base 26
    return ((ascii(p_currency) - 65) * 26 + ascii(substr(p_currency, 2)) - 65) * 26 + ascii(substr(p_currency, 3)) - 65;
end
$$;
comment on function private.currency_number is
    'A number for a currency code, of the fixed width that the indexes of property_search need.';

create function private.sample_key(p_property_id uuid) returns double precision
language plpgsql immutable
set search_path = ''
as $$
begin
    -- 52 bits of a hash
    return (uuid_hash_extended(p_property_id, 0) & 4503599627370495) / 4503599627370496.0::double precision;
end
$$;
comment on function private.sample_key is 'A number from 0 to 1 that has nothing to do with the property: an order by it is random, and the same for each search.';

create function private.search_band(p_sort text, p_key double precision) returns integer
language plpgsql immutable
set search_path = ''
as $$
begin
    -- 6 per cent of a price above one currency unit, and 0.1 of a rating
    return case p_sort when 'price' then floor(16 * ln(greatest(p_key, 10000) / 10000)) else floor(10 * p_key) end;
end
$$;
comment on function private.search_band is
    'A section of an order: price (ten-thousandths of a currency unit), rating or recommended (positions). Higher keys have equal or higher bands.';

create function private.band_key(p_sort text, p_tile integer, p_currency_number smallint, p_band integer) returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
    return (
        (case p_sort when 'price' then p_currency_number when 'rating' then 32768 else 65536 end * 1024 + p_band)::bigint * 16777216
        + coalesce(p_tile + 5000000, 0)
    );
end
$$;
comment on function private.band_key is 'A number for a band of an order in a tile, or with null in the world; prices have bands for each currency.';

create function private.search_bands(
    p_tile integer, p_currency_number smallint, p_least_night double precision, p_rating_key double precision, p_recommendation_key double precision
) returns bigint[]
language plpgsql immutable
set search_path = ''
as $$
declare
    v_price constant integer := private.search_band('price', p_least_night);
    v_rating constant integer := private.search_band('rating', p_rating_key);
    v_recommendation constant integer := private.search_band('recommended', p_recommendation_key);
begin
    return array[
        private.band_key('price', p_tile, p_currency_number, v_price), private.band_key('price', null, p_currency_number, v_price),
        private.band_key('rating', p_tile, p_currency_number, v_rating), private.band_key('rating', null, p_currency_number, v_rating),
        private.band_key('recommended', p_tile, p_currency_number, v_recommendation),
        private.band_key('recommended', null, p_currency_number, v_recommendation)
    ];
end
$$;
comment on function private.search_bands is
    'The band of a property in each order, in its tile and in the world. An index has them beside its words, to find those with words that come first.';
