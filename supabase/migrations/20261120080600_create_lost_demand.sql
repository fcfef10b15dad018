-- Purpose: lost demand: which rules of a property refused guests, for how many nights and of what value.
-- Touches: private.lost_demand, lost_demand_days, lost_demand_callers, lost_stays, begin_report, count_lost_stays, report_lost_search;
-- public.refused_stays, report_lost_search, lost_demand.
-- Watch: searches and quotes are read-only and cannot count, so an app reports what it was refused, with the arguments of its search; the
-- reasons are worked out again here. No row names a person. All rows are written under the lock of the day's row, which makes the limits exact.

insert into private.errors (code, status, message, hint) values
    ('too_many_lost_searches', 429, 'You have reported up to {limit} searches and quotes today.', 'Report no more today; searching and quotes are not affected.'),
    ('lost_searches_full', 429, 'Up to {limit} searches and quotes were reported today, by everyone.', 'Report again tomorrow; searching and quotes are not affected.');

insert into private.settings (name, value, description) values
    ('lost_searches_per_caller', '100', 'How many searches and quotes a person or network address can report a day.'),
    ('lost_searches_per_day', '100000', 'How many all can report a day.'),
    ('lost_demand_per_property', '500', 'How many refusals of a property are counted a day, over all reasons.'),
    ('client_address_header', 'x-forwarded-for', 'The header, in lower case, with the network address of a client. The embedded gateway sets this one; behind another proxy, name one that clients cannot write, such as cf-connecting-ip.');

create table private.lost_demand (
    property_id uuid not null constraint lost_demand_property_fkey references public.properties (id) on delete cascade,
    day date not null,
    reason text not null constraint lost_demand_reason_is_slug check (reason ~ '^[a-z_]{1,40}$'),
    limit_value integer not null default 0,
    nights smallint not null constraint lost_demand_nights_range check (nights between 1 and 366),
    currency text not null constraint lost_demand_currency_fkey references public.currencies (code) on delete restrict,
    refusals integer not null constraint lost_demand_refusals_is_positive check (refusals > 0),
    sole_refusals integer not null constraint lost_demand_sole_refusals_range check (sole_refusals between 0 and refusals),
    value bigint not null,
    constraint lost_demand_pkey primary key (property_id, day, reason, limit_value, nights, currency)
);
comment on table private.lost_demand is 'Stays that a property refused, counted by day (UTC), reason and nights. Nothing in it is about a person.';
comment on column private.lost_demand.limit_value is 'The number of the rule, such as the minimum of nights; 0 for rules without one.';
comment on column private.lost_demand.sole_refusals is 'Refusals for this reason alone.';
comment on column private.lost_demand.value is 'Rent of these stays at the property''s own prices after discounts, in minor units.';
create index lost_demand_day_idx on private.lost_demand (day);
create index lost_demand_currency_idx on private.lost_demand (currency);
alter table private.lost_demand enable row level security;

create table private.lost_demand_days (
    day date constraint lost_demand_days_pkey primary key,
    salt uuid not null default gen_random_uuid(),
    reports integer not null default 0
);
comment on table private.lost_demand_days is
    'Reports of each day (UTC). Rows are deleted after a day, and with the salt the link from a caller''s hash to a person or address is gone.';
alter table private.lost_demand_days enable row level security;

create table private.lost_demand_callers (
    day date not null constraint lost_demand_callers_day_fkey references private.lost_demand_days (day) on delete cascade,
    caller bytea not null,
    reports integer not null,
    properties bigint[] not null,
    constraint lost_demand_callers_pkey primary key (day, caller)
);
comment on table private.lost_demand_callers is 'What a caller has reported today, so that no one counts a property twice a day.';
comment on column private.lost_demand_callers.caller is 'Hash of the day''s salt and the user id, or the network address when signed out.';
comment on column private.lost_demand_callers.properties is 'Hashes of the properties that this caller has counted, one for refused stays and another for quotes.';
alter table private.lost_demand_callers enable row level security;

create type private.lost_stay as (
    property_id uuid,
    currency text,
    value bigint,
    reason text,
    limit_value integer,
    is_sole boolean
);
comment on type private.lost_stay is 'A reason why a property refused a stay, with the value of the stay.';

create function private.lost_stays(
    p_property_ids uuid[], p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_units integer
) returns setof private.lost_stay
language sql stable
set search_path = ''
as $$
    select p.id, p.currency, (s.rent + s.discount)::bigint, c.code,
        case c.code
            when 'min_stay' then b.min_nights
            when 'max_stay' then b.max_nights
            when 'too_many_guests' then p.max_guests
            when 'too_many_infants' then p.max_infants
            when 'too_many_pets' then p.max_pets
            when 'too_few_units' then p.unit_count
            when 'advance_notice' then p.advance_notice_days
            when 'booking_window' then p.booking_window_days
            else 0
        end,
        cardinality(b.codes) = 1
    from private.broken_rules(
        p_property_ids, array_fill(p_check_in, array[cardinality(p_property_ids)]), array_fill(p_check_out, array[cardinality(p_property_ids)]),
        p_adults, p_children, p_infants, p_pets, p_units => p_units
    ) b
    join public.properties p on p.id = p_property_ids[b.number]
    cross join lateral private.price_stay(
        p, p_check_in, private.night_prices(p, p_check_in, p_check_out), p_adults + p_children, p_pets, now(), p_units => p_units
    ) s
    cross join unnest(b.codes) as c (code)
    where
        -- these are mistakes of the app, not rules of the host
        not b.codes && array[
            'not_published', 'invalid_party', 'no_adult', 'invalid_units', 'too_few_adults', 'dates_out_of_range', 'check_out_before_check_in', 'past_date'
        ]
        and p.host_id is distinct from auth.uid()
$$;
comment on function private.lost_stays is
    'The reasons why each property refuses a stay of 1 to 366 nights, a row for each; none for the caller''s own properties. The rules are those of broken_rules, the price that of price_stay.';

create function private.begin_report(out caller bytea, out counted bigint[])
language plpgsql
set search_path = ''
as $$
declare
    v_today constant date := (now() at time zone 'UTC')::date;
    v_is_service constant boolean := auth.uid() is null and current_setting('role', true) = 'service_role';
    v_headers constant jsonb := nullif(current_setting('request.headers', true), '');
    v_address constant text := (select s.value from private.settings s where s.name = 'client_address_header');
    v_per_caller constant integer := (select s.value from private.settings s where s.name = 'lost_searches_per_caller');
    v_per_day constant integer := (select s.value from private.settings s where s.name = 'lost_searches_per_day');
    v_day private.lost_demand_days;
    v_reports integer;
begin
    insert into private.lost_demand_days (day) values (v_today) on conflict do nothing;
    update private.lost_demand_days d set reports = d.reports + 1 where d.day = v_today returning d.* into v_day;
    if v_day.reports > v_per_day then
        perform private.raise_error('lost_searches_full', jsonb_build_object('limit', v_per_day));
    end if;
    if not v_is_service then
        caller := sha256(convert_to(concat_ws(
            '|', v_day.salt,
            coalesce(auth.uid()::text, split_part(v_headers ->> v_address, ',', 1), 'unknown')
        ), 'UTF8'));
        insert into private.lost_demand_callers as c (day, caller, reports, properties) values (v_today, begin_report.caller, 1, '{}')
        on conflict on constraint lost_demand_callers_pkey do update set reports = c.reports + 1
        returning c.reports, c.properties into v_reports, counted;
        if v_reports > v_per_caller then
            perform private.raise_error('too_many_lost_searches', jsonb_build_object('limit', v_per_caller));
        end if;
    end if;
    counted := coalesce(counted, '{}');
end
$$;
comment on function private.begin_report is
    'Counts a report within the limits of the day, and returns who calls, null for services, with the hashes of what that caller has counted today.';

create function private.count_lost_stays(p_stays private.lost_stay[], p_nights integer) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_today constant date := (now() at time zone 'UTC')::date;
    v_per_property constant integer := (select s.value from private.settings s where s.name = 'lost_demand_per_property');
    v_report constant record := private.begin_report();
    v_counted bigint[];
begin
    with fresh as (
        select s.*, hashtextextended(s.property_id::text, 0) as hash
        from unnest(p_stays) s
        where
            hashtextextended(s.property_id::text, 0) <> all (v_report.counted)
            and v_per_property > (
                select coalesce(sum(l.refusals), 0) from private.lost_demand l where l.property_id = s.property_id and l.day = v_today
            )
    ),
    written as (
        insert into private.lost_demand as l (property_id, day, reason, limit_value, nights, currency, refusals, sole_refusals, value)
        select f.property_id, v_today, f.reason, f.limit_value, p_nights, f.currency, 1, f.is_sole::integer, f.value
        from fresh f
        on conflict on constraint lost_demand_pkey do update set
            refusals = l.refusals + 1, sole_refusals = l.sole_refusals + excluded.sole_refusals, value = l.value + excluded.value
    )
    select array_agg(distinct f.hash) into v_counted from fresh f;
    update private.lost_demand_callers c set properties = c.properties || v_counted where c.day = v_today and c.caller = v_report.caller;
    return coalesce(cardinality(v_counted), 0);
end
$$;
comment on function private.count_lost_stays is
    'Counts refused stays within the limits, and returns the number of properties: each at most once a day for a caller. Services have no limit of their own.';

create function private.report_lost_search(
    p_property_ids uuid[], p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_units integer
) returns integer
language plpgsql security definer
set search_path = ''
as $$
begin
    -- at most as many as one page of a search looks at
    return private.count_lost_stays(
        array(
            select s from private.lost_stays(
                p_property_ids[:20], p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_units
            ) s
            order by s.property_id, s.reason
        ),
        p_check_out - p_check_in
    );
end
$$;
grant execute on function private.report_lost_search to anon, authenticated, service_role;
comment on function private.report_lost_search is
    'Counts for which reasons these properties, at most 20, refuse a stay. Definer, because clients cannot read occupancies and write lost_demand.';

create function public.report_lost_search(
    p_property_id uuid default null,
    p_west double precision default null, p_south double precision default null,
    p_east double precision default null, p_north double precision default null,
    p_latitude double precision default null, p_longitude double precision default null, p_radius double precision default null,
    p_check_in text default null, p_check_out text default null,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_currency text default null, p_min_price bigint default null, p_max_price bigint default null,
    p_amenities text[] default null, p_property_types public.property_type[] default null,
    p_room_types public.room_type[] default null, p_booking_mode public.booking_mode default null,
    p_cancellation_policies text[] default null,
    p_bedrooms integer default null, p_beds integer default null, p_bathrooms real default null,
    p_sort text default null, p_after text default null, p_limit integer default 20,
    p_area text default null, p_text text default null,
    p_flexible_days integer default null, p_month text default null, p_nights integer default null, p_weekend boolean default false,
    p_children_ages integer[] default null,
    p_units integer default 1
) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_days date[];
    v_nights integer;
begin
    perform private.check_search_sizes(
        p_check_in, p_check_out, p_month, p_currency, p_sort, p_after, p_area, p_text, p_amenities, p_property_types, p_room_types,
        p_cancellation_policies
    );
    if private.ages_problems(p_children, p_children_ages, '{}') <> '[]' then
        perform private.raise_error('children_ages_invalid', '{"field": "children_ages"}');
    end if;
    v_days := private.parse_dates(array[p_check_in, p_check_out], array['p_check_in', 'p_check_out']);
    v_nights := v_days[2] - v_days[1];
    -- a month has no one stay to refuse, and no host waits for stays of more than a year
    if v_days[1] < '2000-01-01' or v_days[2] > '2100-01-01' or v_nights not between 1 and 366 or v_nights is null then
        return 0;
    end if;
    return private.report_lost_search(
        case when p_property_id is not null then array[p_property_id] else array(
            -- the properties that the search would have shown first, if they were free and took the party
            select h.property_id
            from unnest((private.find_properties(private.check_search(
                p_west, p_south, p_east, p_north, p_latitude, p_longitude, p_radius, null, null, 1, 0, 0,
                0, p_currency, p_min_price / v_nights, p_max_price / v_nights, p_amenities, p_property_types, p_room_types, p_booking_mode,
                p_cancellation_policies, p_bedrooms, p_beds, p_bathrooms, p_sort, null, least(p_limit, 20),
                p_area, p_text, null, null, null, false, null, 1
            ), false, least(p_limit, 20))).hits) h
        ) end,
        v_days[1], v_days[2], p_adults, p_children, p_infants, p_pets, p_units
    );
end
$$;
grant execute on function public.report_lost_search to anon, authenticated, service_role;
comment on function public.report_lost_search is
    'Reports that search_properties or quote_stay refused what a guest wanted: send it the same arguments, for a quote p_property_id. The database works out the reasons itself, for the first 20 properties of the area that would have fitted, and counts each property once a day for a caller, without personal data. Returns how many properties were counted: 0 without two dates, and when nothing was refused.';

create type public.refused_stays as (
    property_id uuid,
    reason text,
    limit_value integer,
    nights integer,
    currency text,
    refusals integer,
    sole_refusals integer,
    value bigint
);
comment on type public.refused_stays is 'Stays that a property refused for a reason; amounts in minor units.';
comment on column public.refused_stays.reason is 'Code of the rule, as in bookability; taken when the nights were.';
comment on column public.refused_stays.limit_value is 'The number of the rule then: the minimum or maximum of nights, guests, infants or pets, the days of notice or of the booking window; null for other rules.';
comment on column public.refused_stays.nights is 'Nights of each stay.';
comment on column public.refused_stays.currency is 'ISO 4217 code of the value.';
comment on column public.refused_stays.refusals is 'Number of refusals. A refusal with several reasons counts under each.';
comment on column public.refused_stays.sole_refusals is 'Refusals for this reason alone.';
comment on column public.refused_stays.value is 'Rent of these stays at the prices that the property had, after discounts.';

create function private.lost_demand(p_from date, p_until date, p_properties uuid[]) returns setof public.refused_stays
language plpgsql stable security definer rows 50
set search_path = ''
as $$
declare
    v_ids constant uuid[] := private.figure_properties(p_properties);
begin
    return query
    select
        l.property_id, l.reason, nullif(l.limit_value, 0), l.nights::integer, l.currency, sum(l.refusals)::integer,
        sum(l.sole_refusals)::integer, sum(l.value)::bigint
    from unnest(v_ids) as u (id)
    join private.lost_demand l on l.property_id = u.id and l.day >= p_from and l.day < p_until
    group by 1, 2, l.limit_value, l.nights, l.currency
    order by 6 desc, 1, 2, 3, 4, 5;
end
$$;
grant execute on function private.lost_demand to authenticated, service_role;
comment on function private.lost_demand is 'See public.lost_demand. Definer, because no API role may read private.lost_demand.';

create function public.lost_demand(p_from text, p_until text, p_properties uuid[] default null) returns setof public.refused_stays
language plpgsql stable rows 50
set search_path = ''
as $$
declare
    v_days constant date[] := private.metrics_range(p_from, p_until, 'month');
begin
    return query select * from private.lost_demand(v_days[1], v_days[2], p_properties);
end
$$;
grant execute on function public.lost_demand to authenticated, service_role;
comment on function public.lost_demand is
    'Returns what guests looked for from p_from until the day before p_until (days of the search, UTC) and were refused: a row for each property, reason, limit and number of nights, the most frequent first. p_properties as in host_metrics. Kept for 400 days.';
