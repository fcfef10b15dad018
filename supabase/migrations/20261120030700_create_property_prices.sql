-- Purpose: prices and limits of stays that go beyond the columns of a property: seasons, prices of single dates, availability
-- rules, fees and taxes.
-- Touches: public.property_seasons, property_date_overrides, property_availability_rules, property_fees, property_taxes.
-- Watch: ranges are half-open, [starts_on, ends_on), like stays. A foreign key keeps amounts in the currency of the property.
-- Precedence of prices: override, season, weekend, base; of minimum and maximum stays: rule, season, property.

insert into private.errors (code, status, message, hint) values
    ('dates_are_in_order', 422, 'A range of dates ends after it begins, between the years 2000 and 2100.', 'Send ends_on as the day after the last.'),
    ('price_range', 422, 'A price is 1 to 1,000,000,000,000 minor units.', 'Send a whole number of minor units, such as 12000 for 120.00 EUR.'),
    ('max_nights_range', 422, 'The maximum stay is 1 to 1,125 nights.', 'Send max_nights in this range, or null.'),
    ('nights_are_in_order', 422, 'The maximum stay cannot be shorter than the minimum stay.', 'Send max_nights of at least min_nights, or leave one out.'),
    ('season_has_price_or_nights', 422, 'A season needs a price, a minimum stay or a maximum stay.', 'Send price, min_nights or max_nights.'),
    ('nights_belong_to_their_kind', 422, 'A rule of the kind nights needs min_nights or max_nights, and other kinds have neither.', 'Send min_nights or max_nights, or choose another kind.'),
    ('units_to_sell_range', 422, 'A limit of units to sell is 0 to 20.', 'Send units_to_sell in this range, or delete the rule.'),
    ('units_belong_to_their_kind', 422, 'A rule of the kind units_to_sell needs units_to_sell, and other kinds do not have it.', 'Send units_to_sell, or choose another kind.'),
    ('property_has_one_unit', 422, 'This property has one unit.', 'Close its nights with host_blocks or set_calendar, or make units with set_units.'),
    ('fee_is_not_percent', 422, 'A fee cannot be a percentage.', 'Send another charge, such as per_booking.'),
    ('amount_range', 422, 'An amount is 1 to 1,000,000,000,000 minor units.', 'Send amounts as whole numbers of minor units: 4500 is 45.00 EUR.'),
    ('tax_has_percent_or_amount', 422, 'A tax has either percent and applies_to (charge percent) or an amount (other charges).', 'Send the columns of your charge and leave out the others.'),
    ('percent_range', 422, 'A percentage is above 0 and at most 100.', 'Send percent such as 15.5.'),
    ('property_taxes_max_nights_range', 422, 'The number of taxed nights is 1 to 1,125.', 'Send max_nights in this range, or null to tax all nights.'),
    ('exempt_from_nights_range', 422, 'The exemption from a tax begins at 2 to 1,125 nights.', 'Send exempt_from_nights in this range, or null for no exemption.'),
    ('registration_number_is_plain', 422, 'A registration number is one line of 1 to 60 characters of plain text.', 'Send the number alone, or null.'),
    ('exempt_under_age_range', 422, 'An exemption by age is for children under 3 to under 18 years.', 'Send exempt_under_age in this range, or null. Infants under 2 never pay.'),
    ('exemption_is_by_guest', 422, 'Only what is charged per guest can exempt children by age.', 'Send charge per_guest or per_guest_night, for a fee that is no pet fee, or leave exempt_under_age out.'),
    ('dates_overlap', 409, 'These dates overlap a range from {starts_on} to {ends_on}.', 'Change or delete that range, or choose other dates. A range may begin on the day that another ends.'),
    ('property_has_no_currency', 422, 'This property has no currency yet.', 'Set the currency of the property first.'),
    ('currency_differs_from_property', 422, 'Amounts of this property are in {currency}.', 'Leave the currency out.'),
    ('property_currency_in_use', 409, 'The currency of this property cannot change, because it has amounts in {currency}.', 'Delete its seasons, date overrides, fees and taxes, change the currency, and insert them again.');

create type public.availability_rule_kind as enum ('nights', 'closed_to_arrival', 'closed_to_departure', 'units_to_sell');
comment on type public.availability_rule_kind is 'What an availability rule limits: the length of stays, arrivals, departures, or the units of a property that are sold.';
create type public.fee_kind as enum ('cleaning', 'pet', 'linen', 'resort', 'management', 'community', 'other');
comment on type public.fee_kind is 'Purposes of fees.';
create type public.charge_kind as enum ('percent', 'per_booking', 'per_night', 'per_guest', 'per_guest_night');
comment on type public.charge_kind is 'How a charge is computed: as a percentage, or an amount multiplied by nights and guests.';
create type public.tax_base as enum ('all', 'rent', 'fees');
comment on type public.tax_base is 'What a percentage applies to: the rent after discounts, the fees, or both.';

create table public.property_seasons (
    id uuid default gen_random_uuid() constraint property_seasons_pkey primary key,
    property_id uuid not null,
    name text not null constraint property_seasons_name_is_plain
        check (name ~ '\S' and private.is_plain_text(name, 60) and name !~ '[\n\t]'),
    starts_on date not null,
    ends_on date not null,
    currency text not null default '', -- filled in by the trigger
    price bigint constraint property_seasons_price_range check (price between 1 and 1000000000000),
    min_nights smallint constraint property_seasons_min_nights_range check (min_nights between 1 and 1125),
    max_nights smallint constraint property_seasons_max_nights_range check (max_nights between 1 and 1125),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_seasons_currency_is_the_propertys
        foreign key (property_id, currency) references public.properties (id, currency) on delete cascade,
    constraint property_seasons_dates_are_in_order check (starts_on >= '2000-01-01' and ends_on > starts_on and ends_on <= '2100-01-01'),
    constraint property_seasons_nights_are_in_order check (min_nights <= max_nights),
    constraint property_seasons_season_has_price_or_nights check (num_nonnulls(price, min_nights, max_nights) > 0),
    constraint property_seasons_do_not_overlap exclude using gist (property_id with =, daterange(starts_on, ends_on) with &&)
);
comment on table public.property_seasons is 'Prices, minimum stays and maximum stays for part of the year. Seasons of a property do not overlap.';
comment on column public.property_seasons.name is 'Name of the season, such as "Summer".';
comment on column public.property_seasons.starts_on is 'First night.';
comment on column public.property_seasons.ends_on is 'The day after the last night.';
comment on column public.property_seasons.currency is 'Currency of the property; set by the database when left out.';
comment on column public.property_seasons.price is 'Price of each night in minor units; null for the price of the property.';
comment on column public.property_seasons.min_nights is 'Minimum stay for check-in during the season; null for that of the property.';
comment on column public.property_seasons.max_nights is 'Maximum stay for check-in during the season; null for that of the property.';

create index property_seasons_property_id_idx on public.property_seasons (property_id, currency);
create index property_seasons_price_idx on public.property_seasons (property_id, ends_on) include (starts_on, price)
    where price is not null;

create table public.property_date_overrides (
    id uuid default gen_random_uuid() constraint property_date_overrides_pkey primary key,
    property_id uuid not null,
    starts_on date not null,
    ends_on date not null,
    currency text not null default '', -- filled in by the trigger
    price bigint not null constraint property_date_overrides_price_range check (price between 1 and 1000000000000),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_date_overrides_currency_is_the_propertys
        foreign key (property_id, currency) references public.properties (id, currency) on delete cascade,
    constraint property_date_overrides_dates_are_in_order
        check (starts_on >= '2000-01-01' and ends_on > starts_on and ends_on <= '2100-01-01'),
    constraint property_date_overrides_do_not_overlap exclude using gist (property_id with =, daterange(starts_on, ends_on) with &&)
);
comment on table public.property_date_overrides is 'Prices of single nights, which replace all other prices. Ranges of a property do not overlap.';
comment on column public.property_date_overrides.starts_on is 'First night.';
comment on column public.property_date_overrides.ends_on is 'The day after the last night.';
comment on column public.property_date_overrides.currency is 'Currency of the property; set by the database when left out.';
comment on column public.property_date_overrides.price is 'Price of each night in minor units.';

create index property_date_overrides_property_id_idx on public.property_date_overrides (property_id, currency);
create index property_date_overrides_price_idx on public.property_date_overrides (property_id, ends_on) include (starts_on, price);

create table public.property_availability_rules (
    id uuid default gen_random_uuid() constraint property_availability_rules_pkey primary key,
    property_id uuid not null
        constraint property_availability_rules_property_fkey references public.properties (id) on delete cascade,
    kind public.availability_rule_kind not null,
    starts_on date not null,
    ends_on date not null,
    min_nights smallint constraint property_availability_rules_min_nights_range check (min_nights between 1 and 1125),
    max_nights smallint constraint property_availability_rules_max_nights_range check (max_nights between 1 and 1125),
    units_to_sell smallint constraint property_availability_rules_units_to_sell_range check (units_to_sell between 0 and 20),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_availability_rules_dates_are_in_order
        check (starts_on >= '2000-01-01' and ends_on > starts_on and ends_on <= '2100-01-01'),
    constraint property_availability_rules_nights_are_in_order check (min_nights <= max_nights),
    constraint property_availability_rules_nights_belong_to_their_kind
        check ((kind = 'nights') = (num_nonnulls(min_nights, max_nights) > 0)),
    constraint property_availability_rules_units_belong_to_their_kind check ((kind = 'units_to_sell') = (units_to_sell is not null)),
    constraint property_availability_rules_do_not_overlap
        exclude using gist (property_id with =, kind with =, daterange(starts_on, ends_on) with &&)
);
comment on table public.property_availability_rules is
    'Ranges of dates with a minimum or maximum stay, without arrivals, without departures, or with a limit of units to sell. Ranges of one kind do not overlap.';
comment on column public.property_availability_rules.kind is 'What the rule limits.';
comment on column public.property_availability_rules.starts_on is 'First day.';
comment on column public.property_availability_rules.ends_on is 'The day after the last day.';
comment on column public.property_availability_rules.min_nights is 'Minimum stay for check-in during the range; null for that of the season or property.';
comment on column public.property_availability_rules.units_to_sell is 'How many units of the property may be sold for each night, counting those that are; for the kind units_to_sell only.';
comment on column public.property_availability_rules.max_nights is 'Maximum stay for check-in during the range; null for that of the season or property.';

create index property_availability_rules_property_id_idx on public.property_availability_rules (property_id, kind, ends_on);

create table public.property_fees (
    id uuid default gen_random_uuid() constraint property_fees_pkey primary key,
    property_id uuid not null,
    kind public.fee_kind not null,
    name text not null constraint property_fees_name_is_plain
        check (name ~ '\S' and private.is_plain_text(name, 60) and name !~ '[\n\t]'),
    charge public.charge_kind not null default 'per_booking' constraint property_fees_fee_is_not_percent check (charge <> 'percent'),
    currency text not null default '', -- filled in by the trigger
    amount bigint not null constraint property_fees_amount_range check (amount between 1 and 1000000000000),
    exempt_under_age smallint constraint property_fees_exempt_under_age_range check (exempt_under_age between 3 and 18),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_fees_currency_is_the_propertys
        foreign key (property_id, currency) references public.properties (id, currency) on delete cascade,
    constraint property_fees_exemption_is_by_guest
        check (exempt_under_age is null or (charge in ('per_guest', 'per_guest_night') and kind <> 'pet'))
);
comment on table public.property_fees is 'Fees that a stay costs in addition to its nights. A property has at most 20.';
comment on column public.property_fees.kind is 'Purpose of the fee. A pet fee applies to stays with pets.';
comment on column public.property_fees.name is 'Name on the line of a quote.';
comment on column public.property_fees.charge is 'What multiplies the amount. Guests are adults and children; for a pet fee, pets.';
comment on column public.property_fees.currency is 'Currency of the property; set by the database when left out.';
comment on column public.property_fees.amount is 'Amount in minor units.';
comment on column public.property_fees.exempt_under_age is 'Children under this age at check-in do not pay it; null when all do. Guests give the ages of their children where it is under 18.';

create index property_fees_property_id_idx on public.property_fees (property_id, currency, kind, created_at, name, id);

create table public.property_taxes (
    id uuid default gen_random_uuid() constraint property_taxes_pkey primary key,
    property_id uuid not null,
    name text not null constraint property_taxes_name_is_plain
        check (name ~ '\S' and private.is_plain_text(name, 60) and name !~ '[\n\t]'),
    charge public.charge_kind not null,
    percent numeric(7, 4) constraint property_taxes_percent_range check (percent > 0 and percent <= 100),
    applies_to public.tax_base,
    currency text not null default '', -- filled in by the trigger
    amount bigint constraint property_taxes_amount_range check (amount between 1 and 1000000000000),
    is_inclusive boolean not null default false,
    max_nights smallint constraint property_taxes_max_nights_range check (max_nights between 1 and 1125),
    exempt_from_nights smallint constraint property_taxes_exempt_from_nights_range check (exempt_from_nights between 2 and 1125),
    exempt_under_age smallint constraint property_taxes_exempt_under_age_range check (exempt_under_age between 3 and 18),
    registration_number text constraint property_taxes_registration_number_is_plain
        check (registration_number ~ '\S' and private.is_plain_text(registration_number, 60) and registration_number !~ '[\n\t]'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint property_taxes_currency_is_the_propertys
        foreign key (property_id, currency) references public.properties (id, currency) on delete cascade,
    constraint property_taxes_tax_has_percent_or_amount check (
        case when charge = 'percent' then percent is not null and applies_to is not null and amount is null
        else percent is null and applies_to is null and amount is not null end
    ),
    constraint property_taxes_exemption_is_by_guest check (exempt_under_age is null or charge in ('per_guest', 'per_guest_night'))
);
comment on table public.property_taxes is
    'Taxes that the host collects, readable by the host and operators; guests see them as lines of a quote. A property has at most 20.';
comment on column public.property_taxes.name is 'Name on the line of a quote.';
comment on column public.property_taxes.charge is 'percent for a percentage; otherwise what multiplies the amount.';
comment on column public.property_taxes.percent is 'Percentage, such as 15.5.';
comment on column public.property_taxes.applies_to is 'What the percentage applies to.';
comment on column public.property_taxes.currency is 'Currency of the property; set by the database when left out.';
comment on column public.property_taxes.amount is 'Amount in minor units.';
comment on column public.property_taxes.is_inclusive is 'True when the prices include the tax already; false when it is added to them.';
comment on column public.property_taxes.max_nights is 'Number of taxed nights at the beginning of a stay; null for all.';
comment on column public.property_taxes.exempt_from_nights is 'Stays of this many nights or more are exempt; null for no exemption.';
comment on column public.property_taxes.exempt_under_age is 'Children under this age at check-in are exempt; null when all pay. Guests give the ages of their children where it is under 18.';
comment on column public.property_taxes.registration_number is 'Number under which the host pays the tax.';

create index property_taxes_property_id_idx on public.property_taxes (property_id, currency, created_at, name, id);

alter table public.property_seasons enable row level security;
alter table public.property_date_overrides enable row level security;
alter table public.property_availability_rules enable row level security;
alter table public.property_fees enable row level security;
alter table public.property_taxes enable row level security;

grant select on public.property_seasons, public.property_date_overrides, public.property_availability_rules, public.property_fees to anon;
grant select, delete on
    public.property_seasons, public.property_date_overrides, public.property_availability_rules, public.property_fees,
    public.property_taxes
to authenticated, service_role;
-- the keys too, because an upsert of PostgREST sets every column it was sent
grant insert (id, property_id, name, starts_on, ends_on, currency, price, min_nights, max_nights),
    update (id, property_id, name, starts_on, ends_on, currency, price, min_nights, max_nights) on public.property_seasons to authenticated, service_role;
grant insert (id, property_id, starts_on, ends_on, currency, price), update (id, property_id, starts_on, ends_on, currency, price)
    on public.property_date_overrides to authenticated, service_role;
grant insert (id, property_id, kind, starts_on, ends_on, min_nights, max_nights, units_to_sell),
    update (id, property_id, kind, starts_on, ends_on, min_nights, max_nights, units_to_sell)
    on public.property_availability_rules to authenticated, service_role;
grant insert (id, property_id, kind, name, charge, currency, amount, exempt_under_age),
    update (id, property_id, kind, name, charge, currency, amount, exempt_under_age) on public.property_fees to authenticated, service_role;
grant insert (
        id, property_id, name, charge, percent, applies_to, currency, amount, is_inclusive, max_nights, exempt_from_nights,
        exempt_under_age, registration_number
    ),
    update (
        id, property_id, name, charge, percent, applies_to, currency, amount, is_inclusive, max_nights, exempt_from_nights,
        exempt_under_age, registration_number
    ) on public.property_taxes to authenticated, service_role;

create policy "Readers of a property can read its seasons" on public.property_seasons for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can add seasons" on public.property_seasons for insert to authenticated
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can update seasons" on public.property_seasons for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete seasons" on public.property_seasons for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create policy "Readers of a property can read its date overrides" on public.property_date_overrides
    for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can add date overrides" on public.property_date_overrides for insert to authenticated
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can update date overrides" on public.property_date_overrides for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete date overrides" on public.property_date_overrides for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create policy "Readers of a property can read its availability rules" on public.property_availability_rules
    for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and co-hosts can add availability rules" on public.property_availability_rules for insert to authenticated
    with check (property_id in (select private.my_properties('calendar')));
create policy "Hosts and co-hosts can update availability rules" on public.property_availability_rules for update to authenticated
    using (property_id in (select private.my_properties('calendar')))
    with check (property_id in (select private.my_properties('calendar')));
create policy "Hosts and co-hosts can delete availability rules" on public.property_availability_rules for delete to authenticated
    using (property_id in (select private.my_properties('calendar')));

create policy "Readers of a property can read its fees" on public.property_fees for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can add fees" on public.property_fees for insert to authenticated
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can update fees" on public.property_fees for update to authenticated
    using (property_id in (select private.my_properties('full')))
    with check (property_id in (select private.my_properties('full')));
create policy "Hosts and full co-hosts can delete fees" on public.property_fees for delete to authenticated
    using (property_id in (select private.my_properties('full')));

create policy "Hosts can read taxes" on public.property_taxes for select to authenticated
    using (property_id = any (array(select private.my_own_properties())));
create policy "Operators can read any" on public.property_taxes for select to operator using (true);
create policy "Hosts can add taxes" on public.property_taxes for insert to authenticated
    with check (property_id in (select private.my_own_properties()));
create policy "Hosts can update taxes" on public.property_taxes for update to authenticated
    using (property_id in (select private.my_own_properties()))
    with check (property_id in (select private.my_own_properties()));
create policy "Hosts can delete taxes" on public.property_taxes for delete to authenticated
    using (property_id in (select private.my_own_properties()));

create function private.check_amount() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_property record;
    v_currency public.currencies;
    v_amount bigint;
begin
    select p.currency into v_property from public.properties p where p.id = new.property_id;
    if not found then
        -- the row check reports a missing property_id
        if new.property_id is not null then
            perform private.raise_error('reference_not_found', jsonb_build_object('field', 'property_id', 'value', new.property_id));
        end if;
        return new;
    elsif v_property.currency is null then
        perform private.raise_error('property_has_no_currency');
    end if;
    new.currency := coalesce(nullif(new.currency, ''), v_property.currency);
    if new.currency <> v_property.currency then
        perform private.raise_error('currency_differs_from_property', jsonb_build_object('currency', v_property.currency));
    end if;
    select c.* into v_currency from public.currencies c where c.code = new.currency;
    if tg_argv[0] = 'night' then
        v_amount := new.price;
        if v_amount < v_currency.minimum_price then
            perform private.raise_error('price_below_minimum', jsonb_build_object(
                'minimum', v_currency.minimum_price, 'currency', new.currency
            ));
        elsif v_amount between v_currency.maximum_charge + 1 and 1000000000000 then
            perform private.raise_error('price_above_maximum', jsonb_build_object(
                'maximum', v_currency.maximum_charge, 'currency', new.currency
            ));
        end if;
    else
        v_amount := new.amount;
    end if;
    if v_amount % v_currency.step <> 0 then
        perform private.raise_error('amount_not_in_steps', jsonb_build_object('step', v_currency.step, 'currency', new.currency));
    end if;
    return new;
end
$$;
comment on function private.check_amount is
    'Trigger: sets the currency of the property when it is left out and refuses any other; amounts are multiples of the step of the currency, and with the argument `night` prices are within its limits. Invoker, so that it reveals nothing about a property that the caller may not see.';

create function private.keep_currency() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if exists (select from public.property_seasons s where s.property_id = old.id)
        or exists (select from public.property_date_overrides o where o.property_id = old.id)
        or exists (select from public.property_fees f where f.property_id = old.id)
        or exists (select from public.property_taxes t where t.property_id = old.id)
    then
        perform private.raise_error('property_currency_in_use', jsonb_build_object('currency', old.currency));
    end if;
    return new;
end
$$;
comment on function private.keep_currency is
    'Trigger: refuses to change the currency of a property that has amounts in it, before the foreign keys do.';

create trigger _300_keep_currency before update of currency on public.properties
    for each row when (new.currency is distinct from old.currency) execute function private.keep_currency();

create function private.refuse_overlap() returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_from date;
    v_until date;
begin
    execute format(
        'select t.starts_on, t.ends_on from public.%I t where t.property_id = $1.property_id and t.id <> $1.id '
        'and t.starts_on < $1.ends_on and t.ends_on > $1.starts_on %s order by 1 limit 1', tg_table_name, tg_argv[0]
    ) into v_from, v_until using new;
    if v_from is not null then
        perform private.raise_error('dates_overlap', jsonb_build_object('starts_on', v_from, 'ends_on', v_until));
    end if;
    return new;
end
$$;
comment on function private.refuse_overlap is
    'Trigger: refuses a range that overlaps a row t which meets its argument, a condition on t and the new row $1. Two writers at once meet the exclusion constraint.';

-- set_calendar writes hundreds of rows of two of these tables, which it has checked itself, as their owner
create trigger _300_refuse_overlap before insert or update on public.property_seasons
    for each row when (auth.role() is not null) execute function private.refuse_overlap('');
create trigger _300_refuse_overlap before insert or update on public.property_date_overrides
    for each row when (current_user <> 'postgres' and auth.role() is not null) execute function private.refuse_overlap('');
create trigger _300_refuse_overlap before insert or update on public.property_availability_rules
    for each row when (current_user <> 'postgres' and auth.role() is not null) execute function private.refuse_overlap('and t.kind = $1.kind');

create function private.refuse_limit_of_one_unit() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if exists (select from public.properties p where p.id = new.property_id and p.unit_count = 1) then
        perform private.raise_error('property_has_one_unit');
    end if;
    return new;
end
$$;
comment on function private.refuse_limit_of_one_unit is
    'Trigger: refuses a limit of units to sell where there is one unit. Definer, because the policies of properties would be checked.';
create trigger _250_refuse_limit_of_one_unit before insert or update on public.property_availability_rules
    for each row when (new.kind = 'units_to_sell') execute function private.refuse_limit_of_one_unit();

create trigger _200_check_amount before insert or update on public.property_seasons
    for each row execute function private.check_amount('night');
-- set_calendar gives the currency, and has checked its prices itself
create trigger _200_check_amount before insert or update on public.property_date_overrides
    for each row when (current_user <> 'postgres' or new.currency = '') execute function private.check_amount('night');
create trigger _200_check_amount before insert or update on public.property_fees for each row execute function private.check_amount();
create trigger _200_check_amount before insert or update on public.property_taxes for each row execute function private.check_amount();

select private.install_limit_per_property('public.property_seasons', 100);
select private.install_limit_per_property('public.property_date_overrides', 2000);
select private.install_limit_per_property('public.property_availability_rules', 1000);
select private.install_limit_per_property('public.property_fees', 20);
select private.install_limit_per_property('public.property_taxes', 20);

create trigger _010_keep_key before update of id, property_id on public.property_seasons for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.property_seasons for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_seasons');
create trigger _010_keep_key before update of id, property_id on public.property_date_overrides for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.property_date_overrides for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_date_overrides', 'current_user <> ''postgres''');
create trigger _010_keep_key before update of id, property_id on public.property_availability_rules for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.property_availability_rules
    for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_availability_rules', 'current_user <> ''postgres''');
create trigger _010_keep_key before update of id, property_id on public.property_fees for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.property_fees for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_fees');
create trigger _010_keep_key before update of id, property_id on public.property_taxes for each row
    when ((old.id, old.property_id) is distinct from (new.id, new.property_id)) execute function private.keep_key('id and property_id');
create trigger _800_set_updated_at before update on public.property_taxes for each row execute function private.set_updated_at();
select private.install_row_checks('public.property_taxes');
