-- Purpose: properties, their co-hosts and amenities, and the functions that return the properties that a person manages.
-- Touches: public.properties, public.co_hosts, public.property_amenities, private.my_properties,
-- private.install_limit_per_property.
-- Watch: who can read a property can read its amenities, photos, prices and so on, because their policies ask
-- `exists (select from public.properties ...)`. A new kind of reader needs a policy of properties alone. Their `offset 0` keeps the
-- planner from reading all properties into a hash table for a page of a list.

insert into private.errors (code, status, message, hint) values
    ('status_reason_is_plain', 422, 'The reason of a suspension is 1 to 1,000 characters of plain text.', 'Shorten the reason, and remove HTML and control characters.'),
    ('title_is_plain', 422, 'A title is one line of 1 to 150 characters of plain text.', 'Shorten the title, and remove HTML and control characters.'),
    ('description_is_plain', 422, 'A description is up to 10,000 characters of plain text.', 'Shorten the description, and remove HTML and control characters.'),
    ('max_guests_range', 422, 'A property takes 1 to 50 guests.', 'Send max_guests in this range.'),
    ('bedrooms_range', 422, 'A property has 0 to 50 bedrooms.', 'Send bedrooms in this range; a studio has 0.'),
    ('beds_range', 422, 'A property has 0 to 100 beds.', 'Send beds in this range.'),
    ('bathrooms_are_halves', 422, 'A property has 0 to 50 bathrooms, in steps of a half.', 'Send bathrooms such as 1 or 1.5.'),
    ('min_nights_range', 422, 'The minimum stay is 1 to 1,125 nights.', 'Send min_nights in this range.'),
    ('properties_max_nights_range', 422, 'The maximum stay of a property is at least its minimum stay and at most 1,125 nights.', 'Send max_nights of at least min_nights.'),
    ('check_in_weekdays_are_iso', 422, 'The weekdays of check-in are one or more of 1 (Monday) to 7 (Sunday).', 'Send a list such as {5,6,7}.'),
    ('check_out_weekdays_are_iso', 422, 'The weekdays of check-out are one or more of 1 (Monday) to 7 (Sunday).', 'Send a list such as {1,7}.'),
    ('check_out_precedes_check_in', 422, 'The latest check-out cannot be after the earliest check-in.', 'Send check_out_until no later than check_in_from.'),
    ('advance_notice_days_range', 422, 'The advance notice is 0 to 90 days.', 'Send advance_notice_days in this range.'),
    ('preparation_nights_before_range', 422, 'A property keeps 0 to 2 nights free before a stay.', 'Send preparation_nights_before in this range.'),
    ('preparation_nights_after_range', 422, 'A property keeps 0 to 2 nights free after a stay.', 'Send preparation_nights_after in this range.'),
    ('booking_window_days_range', 422, 'The booking window is 1 to 1,125 days.', 'Send booking_window_days in this range.'),
    ('gap_min_nights_range', 422, 'The minimum stay in a gap is 1 to 1,125 nights.', 'Send gap_min_nights in this range, or null for the minimum stay.'),
    ('max_infants_range', 422, 'A property takes 0 to 5 infants.', 'Send max_infants in this range.'),
    ('max_pets_range', 422, 'A property takes 0 to 10 pets.', 'Send max_pets in this range.'),
    ('prices_have_currency', 422, 'A price needs a currency.', 'Send the currency together with the price.'),
    ('base_price_range', 422, 'A base price is 1 to 1,000,000,000,000 minor units.', 'Send a whole number of minor units: 12000 is 120.00 EUR.'),
    ('weekend_price_range', 422, 'A weekend price is 1 to 1,000,000,000,000 minor units.', 'Send a whole number of minor units, or null for the base price.'),
    ('weekly_discount_range', 422, 'A weekly discount is 0 to 99 per cent.', 'Send weekly_discount_percent in this range.'),
    ('monthly_discount_range', 422, 'A monthly discount is 0 to 99 per cent.', 'Send monthly_discount_percent in this range.'),
    ('early_bird_days_range', 422, 'The early-bird discount applies 30 to 730 days before check-in.', 'Send early_bird_days in this range.'),
    ('early_bird_discount_range', 422, 'An early-bird discount is 0 to 99 per cent.', 'Send early_bird_discount_percent in this range.'),
    ('last_minute_days_range', 422, 'The last-minute discount applies in the last 1 to 28 days before check-in.', 'Send last_minute_days in this range.'),
    ('last_minute_discount_range', 422, 'A last-minute discount is 0 to 99 per cent.', 'Send last_minute_discount_percent in this range.'),
    ('extra_guest_price_range', 422, 'The price of an extra guest is 0 to 1,000,000,000,000 minor units.', 'Send a whole number of minor units, or 0.'),
    ('extra_guests_after_range', 422, 'The price of a night includes 1 to 50 guests.', 'Send extra_guests_after in this range.'),
    ('source_is_slug', 422, 'A source is 1 to 40 lower-case letters, digits, hyphens and underscores.', 'Send a name such as inside-airbnb.'),
    ('source_id_is_plain', 422, 'The id in a source is 1 to 100 characters of plain text.', 'Send the id that the source uses.'),
    ('source_has_id', 422, 'A source needs an id in it, and the id needs a source.', 'Send both source and source_id, or neither.'),
    ('unknown_amenity', 422, 'There is no amenity "{value}".', 'Send an id of the table amenities.'),
    ('cancellation_policy_of_another_host', 422, 'This cancellation policy belongs to another host.', 'Choose a common policy, or one that the host of this property wrote.'),
    ('price_below_minimum', 422, 'A night costs at least {minimum} minor units of {currency}.', 'Send prices in minor units: 12000 is 120.00 EUR.'),
    ('price_above_maximum', 422, 'A night costs at most {maximum} minor units of {currency}, because no card can be charged more.', 'Send prices in minor units: 12000 is 120.00 EUR.'),
    ('amount_not_in_steps', 422, 'Amounts in {currency} are multiples of {step} minor units, because no card can be charged a part of that.', 'Round the amount.'),
    ('property_row_limit_exceeded', 422, 'A property has at most {maximum} {table}.', 'Delete some before you add others.');

create type public.property_status as enum ('draft', 'published', 'paused', 'archived', 'suspended');
comment on type public.property_status is 'Draft before the first publication; published; paused by the host; archived, which is final; suspended by an operator.';
create type public.property_type as enum (
    'apartment', 'house', 'condominium', 'townhouse', 'loft', 'villa', 'bungalow', 'cabin', 'cottage', 'chalet', 'guesthouse',
    'guest_suite', 'serviced_apartment', 'aparthotel', 'hotel', 'hostel', 'bed_and_breakfast', 'farm_stay', 'tiny_house',
    'treehouse', 'boat', 'camper', 'tent', 'castle', 'other'
);
comment on type public.property_type is 'Kinds of property.';
create type public.room_type as enum ('entire_home', 'private_room', 'hotel_room', 'shared_room');
comment on type public.room_type is 'The part of the property that the guest does not share.';
create type public.booking_mode as enum ('instant', 'request');
comment on type public.booking_mode is 'Whether guests book at once (instant) or ask the host, who accepts or declines (request).';
create type public.co_host_level as enum ('calendar', 'calendar_and_messages', 'full');
comment on type public.co_host_level is 'Rights of a co-host; each level includes the levels before it.';

create table public.properties (
    id uuid default gen_random_uuid() constraint properties_pkey primary key,
    host_id uuid not null default auth.uid()
        constraint properties_host_fkey references public.profiles (id) on delete restrict,
    status public.property_status not null default 'draft',
    status_reason text constraint properties_status_reason_is_plain
        check (status_reason ~ '\S' and private.is_plain_text(status_reason, 1000)),
    published_at timestamptz,
    calendar_id uuid constraint properties_calendar_fkey references private.calendars (id) on delete restrict,
    unit_count smallint not null default 1 constraint properties_unit_count_range check (unit_count between 1 and 20),

    title text not null constraint properties_title_is_plain
        check (title ~ '\S' and private.is_plain_text(title, 150) and title !~ '[\n\t]'),
    description text not null default '' constraint properties_description_is_plain check (private.is_plain_text(description, 10000)),
    property_type public.property_type,
    room_type public.room_type,
    max_guests smallint constraint properties_max_guests_range check (max_guests between 1 and 50),
    bedrooms smallint constraint properties_bedrooms_range check (bedrooms between 0 and 50),
    beds smallint constraint properties_beds_range check (beds between 0 and 100),
    bathrooms numeric(3, 1) constraint properties_bathrooms_are_halves
        check (bathrooms between 0 and 50 and bathrooms * 2 = trunc(bathrooms * 2)),

    time_zone text constraint properties_time_zone_fkey references public.time_zones (name) on delete restrict,
    check_in_from time(0) not null default '15:00',
    check_in_until time(0),
    check_out_until time(0) not null default '11:00',

    booking_mode public.booking_mode not null default 'request',
    cancellation_policy_id text not null default 'moderate'
        constraint properties_cancellation_policy_fkey references public.cancellation_policies (id) on delete restrict,
    min_nights smallint not null default 1 constraint properties_min_nights_range check (min_nights between 1 and 1125),
    max_nights smallint not null default 31,
    check_in_weekdays smallint[] not null default '{1,2,3,4,5,6,7}' constraint properties_check_in_weekdays_are_iso
        check (cardinality(check_in_weekdays) between 1 and 7 and check_in_weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]),
    check_out_weekdays smallint[] not null default '{1,2,3,4,5,6,7}' constraint properties_check_out_weekdays_are_iso
        check (cardinality(check_out_weekdays) between 1 and 7 and check_out_weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]),
    advance_notice_days smallint not null default 0
        constraint properties_advance_notice_days_range check (advance_notice_days between 0 and 90),
    advance_notice_cut_off time(0) not null default '18:00',
    preparation_nights_before smallint not null default 0
        constraint properties_preparation_nights_before_range check (preparation_nights_before between 0 and 2),
    preparation_nights_after smallint not null default 0
        constraint properties_preparation_nights_after_range check (preparation_nights_after between 0 and 2),
    booking_window_days smallint not null default 365
        constraint properties_booking_window_days_range check (booking_window_days between 1 and 1125),
    gap_min_nights smallint constraint properties_gap_min_nights_range check (gap_min_nights between 1 and 1125),
    max_infants smallint not null default 5 constraint properties_max_infants_range check (max_infants between 0 and 5),
    max_pets smallint not null default 0 constraint properties_max_pets_range check (max_pets between 0 and 10),

    currency text constraint properties_currency_fkey references public.currencies (code) on delete restrict,
    base_price bigint constraint properties_base_price_range check (base_price between 1 and 1000000000000),
    weekend_price bigint constraint properties_weekend_price_range check (weekend_price between 1 and 1000000000000),
    weekly_discount_percent smallint not null default 0
        constraint properties_weekly_discount_range check (weekly_discount_percent between 0 and 99),
    monthly_discount_percent smallint not null default 0
        constraint properties_monthly_discount_range check (monthly_discount_percent between 0 and 99),
    early_bird_days smallint not null default 60 constraint properties_early_bird_days_range check (early_bird_days between 30 and 730),
    early_bird_discount_percent smallint not null default 0
        constraint properties_early_bird_discount_range check (early_bird_discount_percent between 0 and 99),
    last_minute_days smallint not null default 7 constraint properties_last_minute_days_range check (last_minute_days between 1 and 28),
    last_minute_discount_percent smallint not null default 0
        constraint properties_last_minute_discount_range check (last_minute_discount_percent between 0 and 99),
    extra_guest_price bigint not null default 0
        constraint properties_extra_guest_price_range check (extra_guest_price between 0 and 1000000000000),
    extra_guests_after smallint not null default 1
        constraint properties_extra_guests_after_range check (extra_guests_after between 1 and 50),

    country text,
    region text,
    city text,
    neighbourhood text,
    public_latitude double precision,
    public_longitude double precision,

    source text constraint properties_source_is_slug check (source ~ '^[a-z0-9_-]{1,40}$'),
    source_id text constraint properties_source_id_is_plain check (source_id ~ '\S' and private.is_plain_text(source_id, 100)),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),

    constraint properties_check_out_precedes_check_in check (check_out_until <= check_in_from),
    constraint properties_max_nights_range check (max_nights between min_nights and 1125),
    constraint properties_prices_have_currency
        check (currency is not null or (base_price is null and weekend_price is null and extra_guest_price = 0)),
    constraint properties_source_has_id check ((source is null) = (source_id is null)),
    constraint properties_source_is_unique unique (source, source_id),
    -- amounts in other tables refer to this, so that they stay in the currency of the property
    constraint properties_currency_is_referable unique (id, currency)
);
comment on table public.properties is 'Properties that guests can book. A new property needs only a title; publish_property lists what else is missing.';
comment on column public.properties.status is 'Changed by publish_property, pause_property, archive_property, suspend_property, unsuspend_property.';
comment on column public.properties.status_reason is 'Why an operator suspended the property; null while it is not suspended.';
comment on column public.properties.published_at is 'When the property was first published; null before that.';
comment on column public.properties.calendar_id is 'The same for properties that are linked; null for one that shares no space. Changed by link_properties and unlink_property.';
comment on column public.properties.unit_count is 'Number of identical units, each of which can be booked. Changed by set_units.';
comment on column public.properties.title is 'One line of up to 150 characters.';
comment on column public.properties.description is 'Plain text of up to 10,000 characters.';
comment on column public.properties.property_type is 'Kind of property.';
comment on column public.properties.room_type is 'The part of the property that the guest does not share.';
comment on column public.properties.max_guests is 'Highest number of adults and children together; infants under 2 do not count.';
comment on column public.properties.bedrooms is 'Number of bedrooms; 0 for a studio.';
comment on column public.properties.beds is 'Number of beds.';
comment on column public.properties.bathrooms is 'Number of bathrooms in halves, such as 1.5.';
comment on column public.properties.time_zone is 'IANA time zone in which all rules about days and hours are computed.';
comment on column public.properties.check_in_from is 'Earliest arrival on the first day, local time.';
comment on column public.properties.check_in_until is 'Latest arrival, local time; after midnight when it is before check_in_from; null for no limit.';
comment on column public.properties.check_out_until is 'Latest departure on the last day, local time.';
comment on column public.properties.booking_mode is 'Whether guests book at once (instant) or ask the host (request).';
comment on column public.properties.min_nights is 'Minimum stay in nights.';
comment on column public.properties.max_nights is 'Maximum stay in nights.';
comment on column public.properties.check_in_weekdays is 'ISO weekdays (1 is Monday) on which stays may begin.';
comment on column public.properties.check_out_weekdays is 'ISO weekdays (1 is Monday) on which stays may end.';
comment on column public.properties.advance_notice_days is 'Guests book at least this many days before check-in; 0 allows the same day.';
comment on column public.properties.advance_notice_cut_off is 'On the last day that advance_notice_days allows, guests can book until this local time.';
comment on column public.properties.preparation_nights_before is 'Nights kept free before a stay. Between two stays the larger of preparation_nights_after and preparation_nights_before counts.';
comment on column public.properties.preparation_nights_after is 'Nights kept free after a stay.';
comment on column public.properties.booking_window_days is 'Check-in may be at most this many days from today.';
comment on column public.properties.gap_min_nights is
    'Stays that fill a gap between two others exactly may be shorter than the minimum stay, down to this many nights; null for no exception.';
comment on column public.properties.max_infants is 'Highest number of infants under 2, in addition to max_guests.';
comment on column public.properties.max_pets is 'Highest number of pets; 0 for none.';
comment on column public.properties.currency is 'ISO 4217 code of all prices of this property.';
comment on column public.properties.base_price is 'Price of a night in minor units.';
comment on column public.properties.weekend_price is 'Price of a Friday or Saturday night in minor units; null for the base price.';
comment on column public.properties.weekly_discount_percent is 'Discount on each night of a stay of 7 nights or more.';
comment on column public.properties.monthly_discount_percent is 'Discount on each night of a stay of 28 nights or more; replaces the weekly discount.';
comment on column public.properties.early_bird_days is 'The early-bird discount applies to bookings at least this many days before check-in.';
comment on column public.properties.early_bird_discount_percent is 'Early-bird discount on each night; applies when no discount for the length of the stay does.';
comment on column public.properties.last_minute_days is 'The last-minute discount applies to bookings less than this many days before check-in.';
comment on column public.properties.last_minute_discount_percent is 'Last-minute discount on each night; applies when no other discount does.';
comment on column public.properties.extra_guest_price is 'Price per night of each guest above extra_guests_after, in minor units.';
comment on column public.properties.extra_guests_after is 'Number of guests that the price of a night includes.';
comment on column public.properties.country is 'ISO 3166-1 alpha-2 code, copied from the address.';
comment on column public.properties.region is 'State, province or region, copied from the address.';
comment on column public.properties.city is 'City or village, copied from the address.';
comment on column public.properties.neighbourhood is 'Part of the city, copied from the address.';
comment on column public.properties.public_latitude is 'Degrees north (WGS 84) of the public point, up to 1 km from the property. Computed from the address.';
comment on column public.properties.public_longitude is 'Degrees east (WGS 84) of the public point. Computed from the address.';
comment on column public.properties.source is 'Source of an imported property, such as inside-airbnb; null for the others.';

create index properties_host_id_idx on public.properties (host_id);
create index properties_calendar_id_idx on public.properties (calendar_id) where calendar_id is not null;
create index properties_time_zone_idx on public.properties (time_zone);
create index properties_currency_idx on public.properties (currency);
create index properties_cancellation_policy_id_idx on public.properties (cancellation_policy_id);
create index properties_status_idx on public.properties (status);

create table public.co_hosts (
    property_id uuid not null constraint co_hosts_property_fkey references public.properties (id) on delete cascade,
    profile_id uuid not null constraint co_hosts_profile_fkey references public.profiles (id) on delete restrict,
    level public.co_host_level not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint co_hosts_pkey primary key (property_id, profile_id)
);
comment on table public.co_hosts is 'People who help a host with a property. Accepting an invitation creates the row.';
comment on column public.co_hosts.level is
    'calendar: reads the property, its address and calendar, and changes availability; calendar_and_messages: also writes to guests; full: also edits, prices and publishes. No co-host reads taxes and payouts, invites, archives or deletes.';

create index co_hosts_profile_id_idx on public.co_hosts (profile_id);

create table public.property_amenities (
    property_id uuid not null constraint property_amenities_property_fkey references public.properties (id) on delete cascade,
    amenity_id text not null constraint property_amenities_amenity_fkey references public.amenities (id) on delete restrict,
    constraint property_amenities_pkey primary key (property_id, amenity_id)
);
comment on table public.property_amenities is 'Amenities of properties.';

create index property_amenities_amenity_id_idx on public.property_amenities (amenity_id);

alter table public.properties enable row level security;
alter table public.co_hosts enable row level security;
alter table public.property_amenities enable row level security;

grant select on public.properties to anon, authenticated, service_role;
grant delete on public.properties to authenticated, service_role;
do $$
declare
    v_columns constant text := 'title, description, property_type, room_type, max_guests, bedrooms, beds, bathrooms, time_zone, '
        'check_in_from, check_in_until, check_out_until, booking_mode, cancellation_policy_id, min_nights, max_nights, '
        'check_in_weekdays, check_out_weekdays, advance_notice_days, advance_notice_cut_off, preparation_nights_before, '
        'preparation_nights_after, booking_window_days, gap_min_nights, max_infants, max_pets, currency, base_price, weekend_price, '
        'weekly_discount_percent, monthly_discount_percent, early_bird_days, early_bird_discount_percent, last_minute_days, '
        'last_minute_discount_percent, extra_guest_price, extra_guests_after';
begin
    -- the id, because an upsert of PostgREST sets every column it was sent
    execute format('grant insert (id, %1$s), update (id, %1$s) on public.properties to authenticated', v_columns);
    execute format(
        'grant insert (id, host_id, source, source_id, %1$s), update (source, source_id, %1$s) '
        'on public.properties to service_role',
        v_columns
    );
end
$$;
grant select, delete on public.co_hosts to authenticated;
grant update (level) on public.co_hosts to authenticated;
grant select, delete on public.co_hosts to service_role;
grant insert (property_id, profile_id, level), update (level) on public.co_hosts to service_role;
grant select on public.property_amenities to anon;
grant select, delete on public.property_amenities to authenticated;
-- the update serves upserts alone
grant insert (property_id, amenity_id), update (property_id, amenity_id) on public.property_amenities to authenticated, service_role;
grant select, delete on public.property_amenities to service_role;

-- these three in PL/pgSQL, which keeps their plans: policies call them
create function private.properties_of(p_person uuid, p_level public.co_host_level) returns setof uuid
language plpgsql stable security definer rows 10
set search_path = ''
as $$
begin
    return query select p.id from public.properties p where p.host_id = p_person;
    return query select c.property_id from public.co_hosts c where c.profile_id = p_person and c.level >= p_level;
end
$$;
comment on function private.properties_of is
    'Properties that a person hosts, or co-hosts at level p_level or higher. Definer, because the policies of properties and co_hosts call it.';

create function private.my_properties(p_level public.co_host_level default 'calendar') returns setof uuid
language plpgsql stable security definer rows 10
set search_path = ''
as $$
begin
    return query select private.properties_of(auth.uid(), p_level);
end
$$;
grant execute on function private.my_properties to authenticated, service_role;
comment on function private.my_properties is
    'Properties that the caller hosts, or co-hosts at level p_level or higher; policies call it once a statement, as `property_id in (select private.my_properties(...))`. Definer, because the policies of properties and co_hosts call it.';

create function private.my_own_properties() returns setof uuid
language plpgsql stable security definer rows 10
set search_path = ''
as $$
begin
    return query select p.id from public.properties p where p.host_id = auth.uid();
end
$$;
grant execute on function private.my_own_properties to authenticated, service_role;
comment on function private.my_own_properties is
    'Properties that the caller hosts, for what co-hosts may not do. Definer, because the policies of properties and co_hosts call it.';

create policy "Anyone can read published properties" on public.properties for select to anon using (status = 'published');
create policy "People can create properties of their own" on public.properties for insert to authenticated
    with check (host_id = (select auth.uid()));
create policy "Hosts and full co-hosts can update properties" on public.properties for update to authenticated
    using (id in (select private.my_properties('full')))
    with check (id in (select private.my_properties('full')));
create policy "Hosts can delete properties" on public.properties for delete to authenticated
    using (host_id = (select auth.uid()));

create policy "Hosts and co-hosts can read co-hosts" on public.co_hosts for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.co_hosts for select to operator using (true);
create policy "Hosts can change the level of co-hosts" on public.co_hosts for update to authenticated
    using (property_id in (select private.my_own_properties()))
    with check (property_id in (select private.my_own_properties()));
create policy "Hosts can remove co-hosts, co-hosts can leave" on public.co_hosts for delete to authenticated
    using (profile_id = (select auth.uid()) or property_id in (select private.my_own_properties()));

create policy "Readers of a property can read its amenities" on public.property_amenities for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can add amenities" on public.property_amenities for insert to authenticated
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can upsert amenities" on public.property_amenities for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can remove amenities" on public.property_amenities for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create function private.check_property() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_currency public.currencies;
    v_deleted_at timestamptz;
begin
    -- an upsert by a co-host: the row's own host is checked when the row is updated
    if tg_op = 'INSERT' and exists (select from public.properties p where p.id = new.id) then
        return new;
    end if;
    -- an access token can outlive its account; this lock waits for that of refuse_account_deletion
    if tg_op = 'INSERT' and new.host_id is not null then
        select h.deleted_at into v_deleted_at from public.profiles h where h.id = new.host_id for key share;
        if not found then
            perform private.raise_error('reference_not_found', jsonb_build_object('field', 'host_id', 'value', new.host_id));
        elsif v_deleted_at is not null then
            perform private.raise_error('account_deleted');
        end if;
    end if;
    if exists (select from public.cancellation_policies c where c.id = new.cancellation_policy_id and c.host_id <> new.host_id) then
        perform private.raise_error('cancellation_policy_of_another_host', jsonb_build_object('field', 'cancellation_policy_id'));
    end if;
    select c.* into v_currency from public.currencies c where c.code = new.currency;
    if least(new.base_price, new.weekend_price) < v_currency.minimum_price then
        perform private.raise_error('price_below_minimum', jsonb_build_object(
            'minimum', v_currency.minimum_price, 'currency', new.currency
        ));
    elsif greatest(new.base_price, new.weekend_price) between v_currency.maximum_charge + 1 and 1000000000000 then
        perform private.raise_error('price_above_maximum', jsonb_build_object(
            'maximum', v_currency.maximum_charge, 'currency', new.currency
        ));
    elsif new.base_price % v_currency.step <> 0 or new.weekend_price % v_currency.step <> 0
        or new.extra_guest_price % v_currency.step <> 0
    then
        perform private.raise_error('amount_not_in_steps', jsonb_build_object('step', v_currency.step, 'currency', new.currency));
    end if;
    return new;
end
$$;
comment on function private.check_property is
    'Trigger: checks that the host''s account exists, that the cancellation policy is common or the host''s own, and that prices are within the limits of the currency and multiples of its step. Definer, because it locks the host''s profile.';

create trigger _100_check_property
    before insert or update of host_id, cancellation_policy_id, currency, base_price, weekend_price, extra_guest_price
    on public.properties for each row execute function private.check_property();
create trigger _010_keep_key before update of id on public.properties for each row
    when ((old.id) is distinct from (new.id)) execute function private.keep_key('id');
create trigger _800_set_updated_at before update on public.properties for each row execute function private.set_updated_at();
select private.install_row_checks('public.properties');
create trigger _010_keep_key before update of property_id, amenity_id on public.property_amenities for each row
    when ((old.property_id, old.amenity_id) is distinct from (new.property_id, new.amenity_id)) execute function private.keep_key('property_id and amenity_id');
select private.install_row_checks('public.property_amenities');
create trigger _800_set_updated_at before update on public.co_hosts for each row execute function private.set_updated_at();
select private.install_row_checks('public.co_hosts');

create function private.install_limit_per_property(p_table regclass, p_max integer, p_order text default '100') returns void
language plpgsql
set search_path = ''
as $install$
declare
    v_table constant text := (select c.relname from pg_catalog.pg_class c where c.oid = p_table);
    v_function constant text := format('private.%I', 'limit_rows_of_' || v_table);
begin
    execute format(
        $function$
create function %s() returns trigger
language plpgsql security definer
set search_path = ''
as $trigger$
declare
    -- writers of one property wait for each other, so that two at once cannot exceed the limit together
    v_properties constant uuid[] := array(
        select p.id from public.properties p
        where p.id = any (array(select n.property_id from new_rows n))
        order by p.id
        for no key update
    );
begin
    if (select max(c.count) from (select count(*) from %s t where t.property_id = any (v_properties) group by t.property_id) c) > %s then
        perform private.raise_error('property_row_limit_exceeded', '{"maximum": %s, "table": "%s"}');
    end if;
    return null;
end
$trigger$
$function$,
        v_function, p_table, p_max, p_max, v_table
    );
    execute format(
        'comment on function %s is %L', v_function, format(
            'Trigger: refuses more than %s rows of %s for one property; definer, because it counts rows that the caller may not see. '
            'Written by private.install_limit_per_property.', p_max, p_table
        )
    );
    execute format(
        'create trigger %I after insert on %s referencing new table as new_rows for each statement execute function %s()',
        format('_%s_limit_per_property', p_order), p_table, v_function
    );
end
$install$;
comment on function private.install_limit_per_property is
    'Creates the trigger that limits the rows of a table for each property. A function for each table, because one for all would plan its count at each call.';

select private.install_limit_per_property('public.co_hosts', 20);
