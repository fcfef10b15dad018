-- Purpose: what search reads: a narrow row for every published property, with nothing in it that a stranger may not know.
-- Touches: private.plain_letters, private.property_search, private.price_spans, the views that they are made from, triggers on properties and what
-- hangs on them.
-- Watch: the view says what a row is, the triggers keep the table equal to it. A refresh locks the properties before it reads
-- them: of two changes at once the second sees what the first left. Bookings and blocks are not in here: they change too often,
-- and the index would lose the vacuum that its index-only scans need. Nights and days in here are bounds that no rule goes
-- beyond, so that they may sort out candidates; whether a stay can be booked is bookability's to say.

create function private.mercator(p_latitude double precision, p_longitude double precision) returns point
language sql immutable parallel safe
set search_path = ''
as $$
    select point(
        radians(p_longitude) * 6378137,
        ln(tan(pi() / 4 + radians(greatest(least(p_latitude, 85), -85)) / 2)) * 6378137
    )
$$;
revoke execute on function private.mercator(double precision, double precision) from public;
comment on function private.mercator(double precision, double precision) is
    'A point on the web map''s square, in its metres; beyond 85 degrees it stays at the edge. Called by search.';

create function private.plain_letters(p_text text) returns text
language sql stable
set search_path = ''
as $$
    select lower(extensions.unaccent(p_text))
$$;
revoke execute on function private.plain_letters(text) from public;
comment on function private.plain_letters(text) is
    'In lower case and without accents, so that "sao paulo" finds São Paulo. Called by search, of what is looked for and of what is found.';

create table private.property_search (
    property_id uuid constraint property_search_pkey primary key
        constraint property_search_property_fkey references public.properties (id) on delete cascade,
    place point not null,
    amenities bigint not null,
    base_price bigint not null,
    weekend_price bigint not null,
    unit double precision not null,
    priced_from date not null,
    priced_until date not null,
    property_type public.property_type not null,
    room_type public.room_type not null,
    booking_mode public.booking_mode not null,
    max_guests smallint not null,
    max_pets smallint not null,
    min_nights smallint not null,
    max_nights smallint not null,
    bedrooms smallint not null,
    max_infants smallint not null,
    children_allowed boolean not null,
    check_in_weekdays smallint not null,
    check_out_weekdays smallint not null,
    booking_window_days smallint not null,
    beds smallint not null,
    bathrooms real not null,
    currency text not null,
    cancellation_policy_id text not null,
    fees_per_stay double precision not null,
    fees_per_night double precision not null,
    fees_per_guest double precision not null,
    fees_per_guest_night double precision not null,
    extra_guest_price bigint not null,
    extra_guests_after smallint not null,
    weekly_discount smallint not null,
    monthly_discount smallint not null,
    other_discount smallint not null,
    tax_nights smallint not null,
    least_tax double precision not null,
    most_tax double precision not null,
    rating double precision not null,
    words tsvector not null,
    place_names text[] not null
);
comment on table private.property_search is 'Published properties as search reads them. Kept by triggers; rebuild_property_search makes it anew.';
comment on column private.property_search.place is 'The public point on the web map''s square.';
comment on column private.property_search.unit is 'Minor units in a whole unit of the currency: 100 for EUR.';
comment on column private.property_search.priced_from is 'First night with a price of its own, by season or date; infinity for none.';
comment on column private.property_search.priced_until is 'The day after the last such night; -infinity for none.';
comment on column private.property_search.min_nights is 'The shortest stay that property, seasons and rules ever allow.';
comment on column private.property_search.max_nights is 'The longest stay that they ever allow.';
comment on column private.property_search.check_in_weekdays is 'Bit n for ISO weekday n.';
comment on column private.property_search.check_out_weekdays is 'Bit n for ISO weekday n.';
comment on column private.property_search.amenities is 'Bits as in amenities.bit.';
comment on column private.property_search.bedrooms is '-1 where an import did not tell.';
comment on column private.property_search.beds is '-1 where an import did not tell.';
comment on column private.property_search.bathrooms is '-1 where an import did not tell.';

-- What sorts and what most searches filter by, so that they read the index alone. Columns of fixed width without nulls only:
-- taking a row out of the index costs three times as much with a text or a null among them, and again with twice as many.
comment on column private.property_search.fees_per_stay is
    'Fees but pets'', and taxes of a fixed amount by 1 + least_tax, in minor units. These four, the discounts and taxes bound the total of a stay; price_stay says what it is.';
comment on column private.property_search.other_discount is 'The greater of early-bird and last-minute, in per cent.';
comment on column private.property_search.tax_nights is 'Stays of up to so many nights pay every tax in full.';
comment on column private.property_search.least_tax is 'What taxes add at least to rent and fees of such stays; 0.1 is 10 per cent.';
comment on column private.property_search.most_tax is 'What taxes in per cent add at most to rent and fees.';
comment on column private.property_search.rating is 'Average of reviews, 1 to 5; -1 before the first.';
comment on column private.property_search.words is 'Title, names of the place and description, without accents.';
comment on column private.property_search.place_names is 'Neighbourhood, city, region and country in lower case, without accents.';

create index property_search_place_idx on private.property_search using gist (place) include (
    property_id, amenities, base_price, weekend_price, unit, priced_from, priced_until, property_type, room_type, booking_mode,
    max_guests, max_pets, min_nights, max_nights, bedrooms, fees_per_stay, fees_per_night, fees_per_guest, fees_per_guest_night,
    extra_guest_price, extra_guests_after, weekly_discount, monthly_discount, other_discount, tax_nights, least_tax, most_tax, rating
);
create index property_search_words_idx on private.property_search using gin (words);
create index property_search_place_names_idx on private.property_search using gin (place_names);
alter table private.property_search set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200);

alter table private.property_search enable row level security;

create function private.property_rating(p_property_id uuid) returns double precision
language sql stable
set search_path = ''
as $$
    select null::double precision
$$;
revoke execute on function private.property_rating(uuid) from public;
comment on function private.property_rating(uuid) is
    'Average of a property''s published reviews, null before the first. Called by property_search_source; there are no reviews yet.';

create view private.property_search_source as
select
    p.id as property_id,
    private.mercator(p.public_latitude, p.public_longitude) as place,
    coalesce((
        select bit_or(1::bigint << a.bit)
        from public.property_amenities pa
        join public.amenities a on a.id = pa.amenity_id
        where pa.property_id = p.id
    ), 0) as amenities,
    p.base_price,
    coalesce(p.weekend_price, p.base_price) as weekend_price,
    10.0::double precision ^ c.minor_unit as unit,
    coalesce(least(s.priced_from, o.priced_from), 'infinity') as priced_from,
    coalesce(greatest(s.priced_until, o.priced_until), '-infinity') as priced_until,
    p.property_type,
    p.room_type,
    p.booking_mode,
    p.max_guests,
    p.max_pets,
    least(p.min_nights, s.min_nights, r.min_nights) as min_nights,
    greatest(p.max_nights, s.max_nights, r.max_nights) as max_nights,
    coalesce(p.bedrooms, -1::smallint) as bedrooms,
    p.max_infants,
    coalesce(h.children_allowed, true) as children_allowed,
    (select sum(1 << w)::smallint from unnest(p.check_in_weekdays) as w) as check_in_weekdays,
    (select sum(1 << w)::smallint from unnest(p.check_out_weekdays) as w) as check_out_weekdays,
    p.booking_window_days,
    coalesce(p.beds, -1::smallint) as beds,
    coalesce(p.bathrooms::real, -1) as bathrooms,
    p.currency,
    p.cancellation_policy_id,
    f.per_stay + t.per_stay / (1 + t.least_tax) as fees_per_stay,
    f.per_night + t.per_night / (1 + t.least_tax) as fees_per_night,
    f.per_guest + t.per_guest / (1 + t.least_tax) as fees_per_guest,
    f.per_guest_night + t.per_guest_night / (1 + t.least_tax) as fees_per_guest_night,
    p.extra_guest_price,
    p.extra_guests_after,
    p.weekly_discount_percent as weekly_discount,
    p.monthly_discount_percent as monthly_discount,
    greatest(p.early_bird_discount_percent, p.last_minute_discount_percent) as other_discount,
    t.nights as tax_nights,
    t.least_tax,
    t.most_tax,
    coalesce(private.property_rating(p.id), -1) as rating,
    to_tsvector('simple', private.plain_letters(
        concat_ws(' ', p.title, p.neighbourhood, p.city, p.region, p.country, p.description)
    )) as words,
    array_remove(array[
        private.plain_letters(p.neighbourhood), private.plain_letters(p.city), private.plain_letters(p.region), private.plain_letters(p.country)
    ], null) as place_names
from public.properties p
join public.currencies c on c.code = p.currency
left join lateral (
    select
        min(s.starts_on) filter (where s.price is not null) as priced_from,
        max(s.ends_on) filter (where s.price is not null) as priced_until,
        min(s.min_nights) as min_nights,
        max(s.max_nights) as max_nights
    from public.property_seasons s
    where s.property_id = p.id
) s on true
left join lateral (
    select min(o.starts_on) as priced_from, max(o.ends_on) as priced_until
    from public.property_date_overrides o
    where o.property_id = p.id
) o on true
left join lateral (
    select min(r.min_nights) as min_nights, max(r.max_nights) as max_nights
    from public.property_availability_rules r
    where r.property_id = p.id and r.kind = 'nights'
) r on true
left join lateral (
    select h.children_allowed from public.house_rules h where h.property_id = p.id order by h.version desc limit 1
) h on true
cross join lateral (
    select
        coalesce(sum(f.amount) filter (where f.charge = 'per_booking'), 0)::double precision as per_stay,
        coalesce(sum(f.amount) filter (where f.charge = 'per_night'), 0)::double precision as per_night,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest'), 0)::double precision as per_guest,
        coalesce(sum(f.amount) filter (where f.charge = 'per_guest_night'), 0)::double precision as per_guest_night
    from public.property_fees f
    where f.property_id = p.id and f.kind <> 'pet'
) f
cross join lateral (
    select
        coalesce(sum(t.amount) filter (where t.charge = 'per_booking'), 0)::double precision as per_stay,
        coalesce(sum(t.amount) filter (where t.charge = 'per_night'), 0)::double precision as per_night,
        coalesce(sum(t.amount) filter (where t.charge = 'per_guest'), 0)::double precision as per_guest,
        coalesce(sum(t.amount) filter (where t.charge = 'per_guest_night'), 0)::double precision as per_guest_night,
        coalesce(min(least(t.max_nights, t.exempt_from_nights - 1)), 32767)::smallint as nights,
        least(
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'rent')), 0),
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'fees')), 0)
        )::double precision / 100 as least_tax,
        greatest(
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'rent')), 0),
            coalesce(sum(t.percent) filter (where t.applies_to in ('all', 'fees')), 0)
        )::double precision / 100 as most_tax
    from public.property_taxes t
    where t.property_id = p.id and not t.is_inclusive
) t
where p.status = 'published';
comment on view private.property_search_source is 'What property_search holds, worked out anew.';

create table private.price_spans (
    property_id uuid not null constraint price_spans_property_fkey references public.properties (id) on delete cascade,
    starts_on date not null,
    ends_on date not null,
    price bigint not null,
    constraint price_spans_pkey primary key (property_id, ends_on) include (starts_on, price)
);
comment on table private.price_spans is
    'Nights of published properties with a price of their own, as ranges that do not overlap: date overrides, and seasons without them. With it the rent of a stay is one look at an index.';
alter table private.price_spans set (autovacuum_vacuum_insert_scale_factor = 0.05);
alter table private.price_spans enable row level security;

create view private.price_spans_source as
select o.property_id, o.starts_on, o.ends_on, o.price
from public.property_date_overrides o
join public.properties p on p.id = o.property_id and p.status = 'published'
union all
select s.property_id, lower(r.nights), upper(r.nights), s.price
from public.property_seasons s
join public.properties p on p.id = s.property_id and p.status = 'published'
cross join lateral (
    select unnest(datemultirange(daterange(s.starts_on, s.ends_on)) - coalesce(
        (select range_agg(daterange(o.starts_on, o.ends_on)) from public.property_date_overrides o where o.property_id = s.property_id), '{}'
    )) as nights
) r
where s.price is not null;
comment on view private.price_spans_source is 'What price_spans holds, worked out anew.';

create function private.refresh_property_search(p_properties uuid[]) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    -- a statement of its own: the next one then sees what whoever held the lock has done
    perform from public.properties p where p.id = any (p_properties) order by p.id for no key update;

    -- a draft has no row and gets none; an import writes thousands of them, one by one where triggers do
    p_properties := array(
        select p.id from public.properties p where p.id = any (p_properties) and p.status = 'published'
        union
        select t.property_id from private.property_search t where t.property_id = any (p_properties)
    );
    if p_properties = '{}' then
        return;
    end if;

    delete from private.property_search t
    where t.property_id = any (p_properties)
        and not exists (select from public.properties p where p.id = t.property_id and p.status = 'published');

    insert into private.property_search as t
    select s.* from private.property_search_source s
    where s.property_id = any (p_properties)
    on conflict on constraint property_search_pkey do update set
        (
            place, amenities, base_price, weekend_price, unit, priced_from, priced_until, property_type, room_type,
            booking_mode, max_guests, max_pets, min_nights, max_nights, bedrooms, max_infants, children_allowed,
            check_in_weekdays, check_out_weekdays, booking_window_days, beds, bathrooms, currency, cancellation_policy_id,
            fees_per_stay, fees_per_night, fees_per_guest, fees_per_guest_night, extra_guest_price, extra_guests_after,
            weekly_discount, monthly_discount, other_discount, tax_nights, least_tax, most_tax, rating, words, place_names
        ) = row (
            excluded.place, excluded.amenities, excluded.base_price, excluded.weekend_price, excluded.unit,
            excluded.priced_from, excluded.priced_until, excluded.property_type, excluded.room_type, excluded.booking_mode,
            excluded.max_guests, excluded.max_pets, excluded.min_nights, excluded.max_nights, excluded.bedrooms,
            excluded.max_infants, excluded.children_allowed, excluded.check_in_weekdays, excluded.check_out_weekdays,
            excluded.booking_window_days, excluded.beds, excluded.bathrooms, excluded.currency, excluded.cancellation_policy_id,
            excluded.fees_per_stay, excluded.fees_per_night, excluded.fees_per_guest, excluded.fees_per_guest_night,
            excluded.extra_guest_price, excluded.extra_guests_after, excluded.weekly_discount, excluded.monthly_discount,
            excluded.other_discount, excluded.tax_nights, excluded.least_tax, excluded.most_tax, excluded.rating, excluded.words,
            excluded.place_names
        )
    -- as text, because points have no order
    where t::text <> excluded::text;

    delete from private.price_spans t
    where t.property_id = any (p_properties) and not exists (
        select from private.price_spans_source s
        where (s.property_id, s.starts_on, s.ends_on, s.price) = (t.property_id, t.starts_on, t.ends_on, t.price)
    );
    insert into private.price_spans
    select s.* from private.price_spans_source s
    where s.property_id = any (p_properties)
    on conflict on constraint price_spans_pkey do nothing;
end
$$;
revoke execute on function private.refresh_property_search(uuid[]) from public;
comment on function private.refresh_property_search(uuid[]) is
    'Makes the rows of these properties anew, and writes those that changed. Called by refresh_search. Definer, because it runs for whoever changes a property.';

create function private.refresh_search() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_key constant text := tg_argv[0];
    v_properties uuid[];
begin
    execute case tg_op
        when 'INSERT' then format('select array_agg(distinct %1$I) from new_rows', v_key)
        when 'DELETE' then format('select array_agg(distinct %1$I) from old_rows', v_key)
        else format('select array_agg(distinct %1$I) from (select %1$I from new_rows union all select %1$I from old_rows) r', v_key)
    end into v_properties;
    if v_properties is not null then
        perform private.refresh_property_search(v_properties);
    end if;
    return null;
end
$$;
revoke execute on function private.refresh_search() from public;
comment on function private.refresh_search() is
    'Trigger after a statement, with the column that names the property as argument: keeps property_search equal to its source. Definer, because it runs for whoever changes a property.';

-- A property begins as a draft, so there is nothing to do when it is made; when it is deleted, its row goes with it.
create trigger refresh_search after update on public.properties
    referencing old table as old_rows new table as new_rows for each statement execute function private.refresh_search('id');
create trigger refresh_search after insert on public.house_rules
    referencing new table as new_rows for each statement execute function private.refresh_search('property_id');
do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'property_amenities', 'property_seasons', 'property_date_overrides', 'property_availability_rules', 'property_fees',
        'property_taxes'
    ] loop
        execute format(
            'create trigger refresh_search after insert on public.%I referencing new table as new_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
        execute format(
            'create trigger refresh_search_again after update on public.%I referencing old table as old_rows new table as new_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
        execute format(
            'create trigger refresh_search_after_delete after delete on public.%I referencing old table as old_rows '
            'for each statement execute function private.refresh_search(''property_id'')', v_table
        );
    end loop;
end
$$;

create function private.rebuild_property_search() returns bigint
language plpgsql security definer
set search_path = ''
as $$
declare
    v_count bigint;
begin
    lock table public.properties in share row exclusive mode;
    delete from private.property_search;
    delete from private.price_spans;
    insert into private.price_spans select s.* from private.price_spans_source s;
    insert into private.property_search select s.* from private.property_search_source s;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
revoke execute on function private.rebuild_property_search() from public;
comment on function private.rebuild_property_search() is
    'Makes property_search and price_spans anew and says how many properties there are. For the owner of the database, after triggers were off. Definer, as refresh_property_search.';

-- places that were published before there was a search
select private.rebuild_property_search();
