-- Purpose: the rules that decide whether a party can book a stay, and the reasons when it cannot.
-- Touches: private.parse_dates, has_passed, children_allowed, dated_rules, shared_nights_are_taken, broken_rules, bookability,
-- ages_problems, visible_bookability;
-- public.bookability; indexes of property_seasons and property_availability_rules.
-- Watch: add booking rules to private.broken_rules and nowhere else. Search checks a page of stays with one call, because twenty
-- stays cost far less together than one by one. Today, cut-off hour and booking window follow the property's clock.

insert into private.errors (code, status, message, hint) values
    ('invalid_date', 400, 'The argument {argument} is not a date.', 'Write a date as YYYY-MM-DD, without a time.'),
    ('not_published', 422, 'This property cannot be booked now.', 'Choose another property.'),
    ('invalid_party', 422, 'Numbers of people and pets are 0 or more.', 'Send adults, children, infants and pets as whole numbers from 0.'),
    ('invalid_units', 422, 'A booking has 1 to 20 units.', 'Send the number of units as a whole number from 1.'),
    ('too_few_adults', 422, 'Each unit needs an adult.', 'Book fewer units, or send adults.'),
    ('too_few_units', 422, 'This property has {unit_count} unit(s).', 'Book fewer units, or choose another property.'),
    ('no_adult', 422, 'A party has at least one adult.', 'Send adults as 1 or more.'),
    ('too_many_guests', 422, 'This property takes up to {max_guests} guest(s), infants not counted.', 'Reduce the party, or choose a larger property.'),
    ('too_many_infants', 422, 'This property takes up to {max_infants} infant(s).', 'Reduce the party, or choose another property.'),
    ('too_many_pets', 422, 'This property takes up to {max_pets} pet(s).', 'Bring fewer pets, or choose another property.'),
    ('pets_not_allowed', 422, 'Pets cannot stay at this property.', 'Come without pets, or choose another property.'),
    ('children_ages_invalid', 422, 'The ages of children are whole years from 2 to 17 at check-in, one for each child.', 'Send as many children_ages as children. A child under 2 is an infant, one of 18 an adult.'),
    ('children_ages_needed', 422, 'The ages of the children at check-in are needed for "{charges}".', 'Send children_ages, one age for each child.'),
    ('children_not_allowed', 422, 'This property is not suitable for children and infants.', 'Choose another property.'),
    ('dates_out_of_range', 422, 'Dates lie between 2000-01-01 and 2100-01-01.', 'Send check_in and check_out within these years.'),
    ('check_out_before_check_in', 422, 'Check-out is at least a day after check-in.', 'Choose a later check-out.'),
    ('past_date', 422, 'These dates have passed: at the property it is already {today}.', 'Choose a later check-in.'),
    ('advance_notice', 422, 'This stay had to be booked before {book_before}, local time.', 'Choose a later check-in.'),
    ('booking_window', 422, 'Stays can begin up to {latest_check_in}.', 'Choose an earlier check-in.'),
    ('check_in_weekday', 422, 'Stays cannot begin on this day of the week.', 'Choose a check-in on an allowed weekday; 1 is Monday.'),
    ('check_out_weekday', 422, 'Stays cannot end on this day of the week.', 'Choose a check-out on an allowed weekday; 1 is Monday.'),
    ('closed_to_arrival', 422, 'No arrival is possible on {check_in}.', 'Choose another check-in.'),
    ('closed_to_departure', 422, 'No departure is possible on {check_out}.', 'Choose another check-out.'),
    ('min_stay', 422, 'Stays that begin on {check_in} have at least {min_nights} night(s).', 'Choose a longer stay.'),
    ('max_stay', 422, 'Stays that begin on {check_in} have at most {max_nights} night(s).', 'Choose a shorter stay.');

create function private.parse_dates(p_texts text[], p_names text[]) returns date[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_problems jsonb;
begin
    -- Postgres would also accept `tomorrow`, `infinity` and timestamps, cut to a date in no particular zone.
    if p_texts::text ~ '^\{((NULL|[0-9]{4}-[0-9]{2}-[0-9]{2})[,}])+$' and pg_input_is_valid(p_texts::text, 'date[]') then
        return p_texts::date[];
    end if;
    select jsonb_agg(private.problem('invalid_date', jsonb_build_object('argument', d.name, 'value', left(d.text, 40)))) into v_problems
    from unnest(p_texts, p_names) as d (text, name)
    where not (d.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' and pg_input_is_valid(d.text, 'date'));
    perform private.raise_errors(v_problems);
    return null;
end
$$;
grant execute on function private.parse_dates to anon, authenticated, service_role;
comment on function private.parse_dates is
    'Converts texts YYYY-MM-DD to dates, null to null. Raises invalid_date for each argument that is something else.';

create function private.has_passed(p_local timestamp, p_time_zone text, p_at timestamptz) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    -- a local time that the clocks skip has passed when they show a later one
    if (p_local at time zone p_time_zone) at time zone p_time_zone <> p_local then
        return p_at at time zone p_time_zone >= p_local;
    end if;
    -- when a local time occurs twice, the second counts
    return p_at >= p_local at time zone p_time_zone;
end
$$;
comment on function private.has_passed is
    'Whether a local time of a time zone has passed at p_at, also when the clocks change.';

-- Rare cases are functions of their own, because a query prepares all its parts whether it needs them or not.
create function private.children_allowed(p_property_id uuid) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    return (select h.children_allowed from public.house_rules h where h.property_id = p_property_id order by h.version desc limit 1);
end
$$;
comment on function private.children_allowed is
    'Whether the current house rules of a property allow children and infants; null without house rules.';

create function private.dated_rules(p_property_id uuid, p_check_in date, p_check_out date) returns smallint[]
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select array[
            max(c.min_nights) filter (where c.starts_on <= p_check_in and c.ends_on > p_check_in),
            max(c.max_nights) filter (where c.starts_on <= p_check_in and c.ends_on > p_check_in),
            bit_or(case
                when c.kind = 'closed_to_arrival' and c.starts_on <= p_check_in and c.ends_on > p_check_in then 1
                when c.kind = 'closed_to_departure' and c.starts_on <= p_check_out and c.ends_on > p_check_out then 2
                else 0
            end)::smallint
        ]
        from public.property_availability_rules c
        where
            c.property_id = p_property_id and c.ends_on > least(p_check_in, p_check_out)
            and c.starts_on <= greatest(p_check_in, p_check_out)
    );
end
$$;
comment on function private.dated_rules is
    'The availability rules of a property for a stay: {min_nights, max_nights, closed}, null where there is no rule. Bit 0 of closed means no arrival on p_check_in, bit 1 no departure on p_check_out.';

create function private.shared_nights_are_taken(
    p_property_id uuid, p_check_in date, p_check_out date, p_before smallint, p_after smallint, p_ignore_booking uuid, p_at timestamptz,
    p_units integer
) returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    if exists (select from public.properties p where p.id = p_property_id and p.unit_count > 1) then
        return private.units_are_taken(p_property_id, p_check_in, p_check_out, p_units, p_ignore_booking, p_at);
    end if;
    return exists (
        select
        from private.kept_nights(p_property_id, p_check_in, p_check_out, p_before, p_after, p_ignore_booking, p_at) o
        where o.nights && daterange(p_check_in, p_check_out)
    );
end
$$;
comment on function private.shared_nights_are_taken is
    'Whether nights of a linked property are taken, or too few units of one with units are left. Other properties are checked inside broken_rules, which costs less.';

-- partial, because most seasons only set prices
create index property_seasons_ends_on_idx on public.property_seasons (property_id, ends_on) include (starts_on, min_nights, max_nights)
    where num_nonnulls(min_nights, max_nights) > 0;
create index property_availability_rules_ends_on_idx on public.property_availability_rules (property_id, ends_on)
    include (starts_on, kind, min_nights, max_nights);

create function private.broken_rules(
    p_property_ids uuid[], p_check_ins date[], p_check_outs date[], p_adults integer, p_children integer, p_infants integer,
    p_pets integer, p_ignore_booking uuid default null, p_at timestamptz default now(), p_enough integer default null,
    p_units integer default 1
) returns table (
    number integer, codes text[], today date, min_nights smallint, max_nights smallint, property public.properties
)
language plpgsql stable security definer rows 20
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    -- the code of a party that no property accepts
    v_party_code text;
    -- the property is returned for a single stay only: search does not need it
    v_is_one constant boolean := cardinality(p_property_ids) = 1;
begin
    if num_nulls(p_adults, p_children, p_infants, p_pets) > 0 or least(p_adults, p_children, p_infants, p_pets) < 0 then
        v_party_code := 'invalid_party';
        -- then the other rules are skipped
        p_adults := null;
        p_children := null;
        p_infants := null;
        p_pets := null;
    elsif p_adults = 0 then
        v_party_code := 'no_adult';
    elsif (p_units between 1 and 20) is not true then
        v_party_code := 'invalid_units';
    elsif p_adults < p_units then
        v_party_code := 'too_few_adults';
    end if;
    if (p_units between 1 and 20) is not true then
        p_units := 1;
    end if;
    return query
    select b.*
    from (
        select
            i.number::integer,
            array_remove(array[
                case when p.status is distinct from 'published' then 'not_published' end,
                v_party_code,
                case when p_adults > p.max_guests * p_units - p_children then 'too_many_guests' end,
                case when p_infants > p.max_infants * p_units then 'too_many_infants' end,
                case when p_pets > p.max_pets * p_units then 'too_many_pets' end,
                case when p_units > p.unit_count then 'too_few_units' end,
                case when greatest(p_children, p_infants) > 0 and not private.children_allowed(i.property_id) then 'children_not_allowed' end,
                case when i.check_in is null then 'dates_out_of_range' end,
                case when i.check_out <= i.check_in then 'check_out_before_check_in' end,
                case
                    when i.check_in < p.today then 'past_date'
                    when i.check_in - p.advance_notice_days <= p.today and private.has_passed(
                        i.check_in - p.advance_notice_days + p.advance_notice_cut_off, p.time_zone, p_at
                    ) then 'advance_notice'
                end,
                case when i.check_in > p.today + p.booking_window_days then 'booking_window' end,
                case when extract(isodow from i.check_in)::smallint <> all (p.check_in_weekdays) then 'check_in_weekday' end,
                case when extract(isodow from i.check_out)::smallint <> all (p.check_out_weekdays) then 'check_out_weekday' end,
                case when i.rules[3] & 1 <> 0 then 'closed_to_arrival' end,
                case when i.rules[3] & 2 <> 0 then 'closed_to_departure' end,
                case
                    when i.nights < p.min_nights and (
                        i.nights >= p.gap_min_nights
                        and private.fills_gap(i.property_id, i.check_in, i.check_out, p_ignore_booking, p_at)
                    ) is not true then 'min_stay'
                end,
                case when i.nights > p.max_nights then 'max_stay' end,
                case when p.is_taken then 'taken' end
            ], null) as codes,
            p.today,
            p.min_nights,
            p.max_nights,
            p.property
        from (
            select
                d.number,
                d.property_id,
                case when d.is_stay then d.check_in end as check_in,
                case when d.is_stay then d.check_out end as check_out,
                case when d.is_stay and d.check_out > d.check_in then d.check_out - d.check_in end as nights,
                case when d.is_stay and exists (
                    select
                    from public.property_availability_rules c
                    where
                        c.property_id = d.property_id and c.ends_on > least(d.check_in, d.check_out)
                        and c.starts_on <= greatest(d.check_in, d.check_out)
                ) then private.dated_rules(d.property_id, d.check_in, d.check_out) end as rules,
                -- seasons do not overlap, so only the first one that ends after check-in can contain it: one index look-up
                (
                    select case when c.starts_on <= d.check_in then array[c.min_nights, c.max_nights] end
                    from public.property_seasons c
                    where c.property_id = d.property_id and c.ends_on > d.check_in and num_nonnulls(c.min_nights, c.max_nights) > 0
                    order by c.ends_on
                    limit 1
                ) as season
            from (
                select
                    u.*,
                    num_nulls(u.check_in, u.check_out) = 0
                    and least(u.check_in, u.check_out) >= '2000-01-01' and greatest(u.check_in, u.check_out) <= '2100-01-01' as is_stay
                from unnest(p_property_ids, p_check_ins, p_check_outs) with ordinality as u (property_id, check_in, check_out, number)
                offset 0
            ) d
            offset 0
        ) i
        -- offset 0 makes Postgres check one stay after the other, in order, so that p_enough can stop it
        left join lateral (
            -- only the columns that are needed, because a query prepares every column that it passes on
            select
                c.status, c.unit_count, c.max_guests, c.max_infants, c.max_pets, c.time_zone, c.advance_notice_days, c.advance_notice_cut_off,
                c.booking_window_days, c.gap_min_nights, c.check_in_weekdays, c.check_out_weekdays,
                coalesce(i.rules[1], i.season[1], c.min_nights) as min_nights,
                coalesce(i.rules[2], i.season[2], c.max_nights) as max_nights,
                -- null for a draft without time zone
                (p_at at time zone c.time_zone)::date as today,
                i.nights is not null and case
                    when c.calendar_id is null then exists (
                        select
                        from public.occupancies o
                        where
                            o.space_id = c.id and o.check_out > i.check_in - 2 and o.check_in < i.check_out + 2
                            and (o.expires_at is null or o.expires_at > p_at)
                            and (p_ignore_booking is null or o.booking_id is distinct from p_ignore_booking)
                            -- the rule of kept_nights
                            and o.check_in < i.check_out
                                + case when o.kind = 'host_block' then 0 else greatest(o.preparation_before, c.preparation_nights_after) end
                            and o.check_out > i.check_in
                                - case when o.kind = 'host_block' then 0 else greatest(o.preparation_after, c.preparation_nights_before) end
                    )
                    else private.shared_nights_are_taken(
                        c.id, i.check_in, i.check_out, c.preparation_nights_before, c.preparation_nights_after, p_ignore_booking, p_at,
                        p_units
                    )
                end as is_taken,
                case when v_is_one then c end as property
            from public.properties c
            where c.id = i.property_id
            offset 0
        ) p on true
        offset 0
    ) b
    where p_enough is null or b.codes = '{}'
    limit p_enough;
end
$$;
comment on function private.broken_rules is
    'Checks stays, given as parallel arrays, and returns for each its number and the codes of the rules that it breaks: {} when it can be booked at p_at, taken when nights clash. It ignores the nights of p_ignore_booking, and with p_enough returns only the first p_enough stays that break no rule; definer, because the public cannot read occupancies.';

create function private.bookability(
    p_property_id uuid,
    p_check_in date,
    p_check_out date,
    p_adults integer default 1,
    p_children integer default 0,
    p_infants integer default 0,
    p_pets integer default 0,
    p_ignore_booking uuid default null,
    p_at timestamptz default now(),
    p_units integer default 1
) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_broken record;
    v public.properties;
    v_reasons jsonb := '[]';
    v_code text;
    v_book_before timestamp;
begin
    select b.* into v_broken
    from private.broken_rules(
        array[p_property_id], array[p_check_in], array[p_check_out], p_adults, p_children, p_infants, p_pets, p_ignore_booking, p_at,
        p_units => p_units
    ) b;
    if v_broken.codes = '{}' then
        return v_reasons;
    end if;

    v := v_broken.property;
    foreach v_code in array v_broken.codes loop
        if v_code = 'taken' then
            v_reasons := v_reasons || case
                when v.unit_count > 1
                    then private.unit_conflicts(v, p_check_in, p_check_out, p_units, p_ignore_booking, p_at)
                else private.occupancy_conflicts(
                    p_property_id, p_check_in, p_check_out, v.preparation_nights_before, v.preparation_nights_after, p_ignore_booking, p_at
                )
            end;
            continue;
        end if;
        v_book_before := p_check_in - v.advance_notice_days + v.advance_notice_cut_off;
        v_reasons := v_reasons || private.problem(
            case when v_code = 'too_many_pets' and v.max_pets = 0 then 'pets_not_allowed' else v_code end,
            case v_code
                when 'too_many_guests' then jsonb_build_object('guests', p_adults::bigint + p_children, 'max_guests', v.max_guests * p_units)
                when 'too_many_infants' then jsonb_build_object('infants', p_infants, 'max_infants', v.max_infants * p_units)
                when 'too_many_pets' then jsonb_build_object('pets', p_pets, 'max_pets', v.max_pets * p_units)
                when 'too_few_units' then jsonb_build_object('units', p_units, 'unit_count', v.unit_count)
                when 'children_not_allowed' then jsonb_build_object('children', p_children + p_infants::bigint)
                when 'check_out_before_check_in' then jsonb_build_object('check_in', p_check_in, 'check_out', p_check_out)
                when 'past_date' then jsonb_build_object('check_in', p_check_in, 'today', v_broken.today)
                when 'advance_notice' then jsonb_build_object(
                    'days', v.advance_notice_days, 'book_before', to_char(v_book_before, 'YYYY-MM-DD HH24:MI'), 'time_zone', v.time_zone
                )
                when 'booking_window' then jsonb_build_object(
                    'days', v.booking_window_days, 'latest_check_in', v_broken.today + v.booking_window_days
                )
                when 'check_in_weekday' then jsonb_build_object(
                    'weekday', extract(isodow from p_check_in)::integer, 'allowed', to_jsonb(v.check_in_weekdays)
                )
                when 'check_out_weekday' then jsonb_build_object(
                    'weekday', extract(isodow from p_check_out)::integer, 'allowed', to_jsonb(v.check_out_weekdays)
                )
                when 'closed_to_arrival' then jsonb_build_object('check_in', p_check_in)
                when 'closed_to_departure' then jsonb_build_object('check_out', p_check_out)
                when 'min_stay' then jsonb_build_object(
                    'check_in', p_check_in, 'nights', p_check_out - p_check_in, 'min_nights', v_broken.min_nights
                )
                when 'max_stay' then jsonb_build_object(
                    'check_in', p_check_in, 'nights', p_check_out - p_check_in, 'max_nights', v_broken.max_nights
                )
                else '{}'
            end
        );
    end loop;
    return v_reasons;
end
$$;
comment on function private.bookability is
    'Returns every reason why a stay cannot be booked at p_at, as objects of private.problem; [] when it can. It ignores the nights of p_ignore_booking; definer, because the public cannot read occupancies.';

create function private.ages_problems(p_children integer, p_children_ages integer[], p_charges text[]) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    if p_children_ages is null then
        return case
            when p_children > 0 and p_charges <> '{}' then jsonb_build_array(private.problem('children_ages_needed', jsonb_build_object(
                'field', 'children_ages', 'children', p_children, 'charges', array_to_string(p_charges, ', ')
            )))
            else '[]'
        end;
    end if;
    return case
        when cardinality(p_children_ages) = p_children and array_length(p_children_ages, 2) is null
            and 2 <= all (p_children_ages) and 17 >= all (p_children_ages) then '[]'
        else jsonb_build_array(private.problem('children_ages_invalid', jsonb_build_object(
            'field', 'children_ages', 'children', p_children, 'ages', cardinality(p_children_ages)
        )))
    end;
end
$$;
grant execute on function private.ages_problems to anon, authenticated, service_role;
comment on function private.ages_problems is
    'What is wrong with the ages of a party''s children, as objects of private.problem; [] when nothing is. p_charges: the fees and taxes that depend on them.';

create function private.visible_bookability(
    p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_children_ages integer[],
    p_units integer
) returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_reasons constant jsonb := private.bookability(
        p_property_id, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, p_units => p_units
    );
begin
    -- what has no price, or is refused for its size
    if jsonb_path_exists(v_reasons, '$[*].code ? (@ == "not_published" || @ == "invalid_party" || @ == "invalid_units" || @ == "too_few_units" || @ == "too_many_guests" || @ == "too_many_pets" || @ == "pets_not_allowed" || @ == "dates_out_of_range" || @ == "check_out_before_check_in" || @ == "max_stay")') then
        return v_reasons;
    end if;
    return v_reasons || (
        select private.ages_problems(p_children, p_children_ages, s.charges_by_age) || private.charge_problems(p.currency, s.guest_total)
        from public.properties p
        cross join lateral private.price_stay(
            p, p_check_in, private.night_prices(p, p_check_in, p_check_out), p_adults + p_children, p_pets, now(),
            private.priced_ages(p_children, p_children_ages), p_units
        ) s
        where p.id = p_property_id
    );
end
$$;
grant execute on function private.visible_bookability
    to anon, authenticated, service_role;
comment on function private.visible_bookability is
    'Runs bookability, ages_problems and charge_problems for any caller, now and with all bookings: other times or ignored bookings would reveal who stays when. Definer, like bookability.';

create function public.bookability(
    p_property_id uuid, p_check_in text, p_check_out text,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_children_ages integer[] default null, p_units integer default 1
) returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[p_check_in, p_check_out], array['p_check_in', 'p_check_out']);
begin
    if not exists (select from public.properties p where p.id = p_property_id) then
        perform private.raise_error('property_not_found');
    end if;
    return private.visible_bookability(
        p_property_id, v_days[1], v_days[2],
        p_adults, p_children, p_infants, p_pets, p_children_ages, p_units
    );
end
$$;
grant execute on function public.bookability to anon, authenticated, service_role;
comment on function public.bookability is
    'Says whether a party can book a stay (dates as YYYY-MM-DD): [] when it can, else every reason why not, as [{code, message, ...details}]. p_units: how many units of a property that has several. Codes: not_published, invalid_party, no_adult, invalid_units, too_few_adults, too_few_units, too_many_guests, too_many_infants, too_many_pets, pets_not_allowed, children_not_allowed, children_ages_needed, children_ages_invalid, dates_out_of_range, check_out_before_check_in, past_date, advance_notice, booking_window, check_in_weekday, check_out_weekday, closed_to_arrival, closed_to_departure, min_stay, max_stay, occupied, preparation_before, preparation_after, unit_pinned, currency_not_payable, total_below_minimum, total_above_maximum.';
