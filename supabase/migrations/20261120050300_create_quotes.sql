-- Purpose: quotes: the price of a stay, its cancellation terms, and an id to book it with at this price.
-- Touches: public.quote, private.quote_id, quote_expires_at, quote_is_valid, compute_quote, refuse_stay, quote_stay;
-- public.quote_stay.
-- Watch: quotes are not stored. The id holds the end and a hash of the terms; a booking that names it computes the quote again and
-- compares. So quoting writes nothing, can be cached and answered by a replica, and notices every change of the terms.

insert into private.errors (code, status, message, hint) values
    ('total_below_minimum', 422, 'A stay costs at least {minimum} minor units of {currency}, because no card can be charged less.', 'Choose a longer stay.'),
    ('total_above_maximum', 422, 'A stay costs at most {maximum} minor units of {currency}, because no card can be charged more.', 'Choose a shorter stay.');

insert into private.settings (name, value, description) values
    ('quote_validity', '30 minutes', 'How long a quote can be booked.');

create type public.quote as (
    id uuid,
    expires_at timestamptz,
    property_id uuid,
    check_in date,
    check_out date,
    nights integer,
    adults integer,
    children integer,
    children_ages smallint[],
    infants integer,
    pets integer,
    units integer,
    booking_mode public.booking_mode,
    currency text,
    lines public.quote_line[],
    rent bigint,
    discount bigint,
    fees bigint,
    taxes bigint,
    guest_platform_fee bigint,
    guest_total bigint,
    host_platform_fee bigint,
    host_total bigint,
    time_zone text,
    check_in_at timestamptz,
    check_out_at timestamptz,
    cancellation_policy_id text,
    cancellation_policy_name text,
    cancellation_steps jsonb,
    cancellation_terms public.cancellation_term[],
    house_rules_version integer,
    terms_hash text
);
comment on type public.quote is 'An offer of a stay; amounts in minor units of the currency.';
comment on column public.quote.id is 'The id to book with. Only the person who asked for the quote can use it; without sign-in anyone can.';
comment on column public.quote.expires_at is 'When the id can no longer be booked.';
comment on column public.quote.children_ages is 'Ages of the children at check-in, lowest first; null where no fee and no tax of the property asks for them.';
comment on column public.quote.lines is 'The lines that sum to the totals.';
comment on column public.quote.units is 'Number of units of the property.';
comment on column public.quote.rent is 'Sum of the night prices, before the discount.';
comment on column public.quote.discount is 'Negative, or 0.';
comment on column public.quote.fees is 'Cleaning, extra guests, pets and other fees.';
comment on column public.quote.taxes is 'Taxes added to the prices; included taxes are only on the lines.';
comment on column public.quote.guest_platform_fee is 'The service fee that the guest pays.';
comment on column public.quote.guest_total is 'What the guest pays: the sum of lines.amount.';
comment on column public.quote.host_platform_fee is 'The service fee that the host pays; negative, or 0.';
comment on column public.quote.host_total is 'What the host receives: the sum of lines.host_amount.';
comment on column public.quote.check_in_at is 'Earliest arrival.';
comment on column public.quote.check_out_at is 'Latest departure.';
comment on column public.quote.cancellation_terms is 'Refunds by time of cancellation, for a booking confirmed now.';
comment on column public.quote.house_rules_version is 'The version that the guest agrees to.';
comment on column public.quote.terms_hash is 'Hash of everything that the guest agrees to; a different hash is a different offer.';

create function private.quote_id(p_terms_hash text, p_expires_at timestamptz, p_owner uuid) returns uuid
language plpgsql immutable
set search_path = ''
as $$
declare
    v_seconds constant bigint := extract(epoch from p_expires_at)::bigint;
begin
    -- a UUID of version 8: 32 bits of seconds, then bits of the hash
    return overlay(overlay(
        lpad(to_hex(v_seconds), 8, '0') || left(encode(sha256(convert_to(concat_ws('|', p_terms_hash, v_seconds, p_owner), 'UTF8')), 'hex'), 24)
    placing '8' from 13) placing '8' from 17)::uuid;
end
$$;
comment on function private.quote_id is
    'The id of a quote with these terms, end and owner. A null owner makes an id that anyone can use.';

create function private.quote_expires_at(p_quote_id uuid) returns timestamptz
language plpgsql immutable
set search_path = ''
as $$
begin
    return to_timestamp((('x' || left(p_quote_id::text, 8))::bit(32)::bigint));
end
$$;
comment on function private.quote_expires_at is 'The end of a quote, read from its id.';

create function private.quote_is_valid(p_quote_id uuid, p_terms_hash text, p_owner uuid, p_now timestamptz) returns boolean
language plpgsql stable
set search_path = ''
as $$
declare
    v_expires_at constant timestamptz := private.quote_expires_at(p_quote_id);
begin
    -- no quote is issued with a later end
    return p_now < v_expires_at and v_expires_at <= p_now + private.duration('quote_validity')
        and p_quote_id in (private.quote_id(p_terms_hash, v_expires_at, p_owner), private.quote_id(p_terms_hash, v_expires_at, null));
end
$$;
comment on function private.quote_is_valid is
    'Whether p_quote_id is a quote with these terms, for p_owner or for anyone, that has not ended at p_now.';

create function private.charge_problems(p_currency text, p_total numeric) returns jsonb
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select coalesce(jsonb_agg(private.problem(p.code, jsonb_strip_nulls(jsonb_build_object(
            'currency', p_currency, 'total', case when p.limit_name is not null then p_total end,
            'minimum', case p.limit_name when 'minimum' then c.minimum_charge end,
            'maximum', case p.limit_name when 'maximum' then c.maximum_charge end
        )))), '[]')
        from public.currencies c
        cross join lateral (values
            ('currency_not_payable', null, not c.is_payable),
            ('total_below_minimum', 'minimum', p_total < c.minimum_charge),
            ('total_above_maximum', 'maximum', p_total > c.maximum_charge)
        ) as p (code, limit_name, is_broken)
        where c.code = p_currency and p.is_broken
    );
end
$$;
comment on function private.charge_problems is
    'The reasons why Stripe cannot charge the total of a stay, as objects of private.problem; [] when it can.';

create function private.compute_quote(
    p_property public.properties, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer,
    p_pets integer, p_owner uuid, p_now timestamptz, p_children_ages integer[] default null, p_units integer default 1,
    p_night_prices bigint[] default null, p_is_offer boolean default true
)
returns public.quote
language plpgsql stable
set search_path = ''
as $$
declare
    v_terms record;
    v_night_prices constant bigint[] := coalesce(p_night_prices, private.night_prices(p_property, p_check_in, p_check_out));
    v_price record;
    v_ages smallint[];
    v_terms_hash text;
    v_check_in_at timestamptz;
    v_expires_at timestamptz;
begin
    select
        c.name as policy_name, c.steps, s.value::interval as validity,
        (select h.version from public.house_rules h where h.property_id = p_property.id order by h.version desc limit 1) as house_rules_version,
        u.step, u.is_payable, u.minimum_charge, u.maximum_charge
    into v_terms
    from private.settings s
    left join public.currencies u on u.code = p_property.currency
    left join public.cancellation_policies c on c.id = p_property.cancellation_policy_id
    where s.name = 'quote_validity';
    v_price := private.price_stay(
        p_property, p_check_in, v_night_prices, p_adults + p_children, p_pets, p_now, private.priced_ages(p_children, p_children_ages), p_units
    );
    if p_children > 0 or p_children_ages is not null then
        perform private.refuse_stay(private.ages_problems(p_children, p_children_ages, v_price.charges_by_age));
        -- ages that nothing asks for are not kept
        if p_children > 0 and v_price.charges_by_age <> '{}' then
            v_ages := array(select a from unnest(p_children_ages) a order by a);
        end if;
    end if;
    if v_price.guest_total not between v_terms.minimum_charge and v_terms.maximum_charge or not v_terms.is_payable then
        perform private.raise_errors(private.charge_problems(p_property.currency, v_price.guest_total));
    end if;
    v_check_in_at := (p_check_in + p_property.check_in_from) at time zone p_property.time_zone;
    v_expires_at := date_trunc('second', p_now + v_terms.validity);
    -- no values whose text depends on settings of the session
    v_terms_hash := encode(sha256(convert_to(concat_ws(
        '|', p_property.id, p_check_in - date '2000-01-01', p_check_out - p_check_in, p_adults, p_children, v_ages, p_infants, p_pets,
        p_units, p_property.booking_mode, p_property.currency, v_price.lines, p_property.time_zone, p_property.check_in_from,
        p_property.check_out_until, p_property.cancellation_policy_id, v_terms.steps, v_terms.house_rules_version
    ), 'UTF8')), 'hex');
    -- in the column order of public.quote
    return row(
        case when p_is_offer then private.quote_id(v_terms_hash, v_expires_at, p_owner) end, v_expires_at, p_property.id, p_check_in, p_check_out,
        p_check_out - p_check_in, p_adults, p_children, v_ages, p_infants, p_pets, p_units, p_property.booking_mode, p_property.currency,
        v_price.lines, v_price.rent, v_price.discount, v_price.fees, v_price.taxes, v_price.guest_platform_fee,
        v_price.guest_total, v_price.host_platform_fee, v_price.host_total, p_property.time_zone,
        v_check_in_at, (p_check_out + p_property.check_out_until) at time zone p_property.time_zone,
        p_property.cancellation_policy_id, v_terms.policy_name, v_terms.steps,
        case when p_is_offer then private.cancellation_terms(
            v_terms.steps, v_night_prices, v_price.guest_total::bigint, v_check_in_at, p_property.time_zone, p_now, v_terms.step
        ) end,
        v_terms.house_rules_version, v_terms_hash
    )::public.quote;
end
$$;
comment on function private.compute_quote is
    'The quote of a stay for p_owner at p_now, whether or not its nights can be booked: check bookability first. Raises ages_problems and charge_problems; only an offer has an id and cancellation terms.';

create function private.refuse_stay(p_reasons jsonb) returns void
language plpgsql
set search_path = ''
as $$
begin
    if p_reasons <> '[]' then
        perform private.raise_errors(p_reasons);
    end if;
end
$$;
grant execute on function private.refuse_stay to anon, authenticated, service_role;
comment on function private.refuse_stay is
    'Raises the reasons that bookability returned; does nothing without reasons. The status is 409 when only the nights are taken, 422 when a rule is broken.';

create function private.quote_stay(
    p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_children_ages integer[] default null,
    p_units integer default 1
)
returns public.quote
language plpgsql stable security definer
set search_path = ''
as $$
declare
    v_broken record;
begin
    select b.codes, b.property into v_broken
    from private.broken_rules(
        array[p_property_id], array[p_check_in], array[p_check_out], p_adults, p_children, p_infants, p_pets, p_units => p_units
    ) b;
    return case
        when v_broken.codes = '{}' then private.compute_quote(
            v_broken.property, p_check_in, p_check_out, p_adults, p_children, p_infants, p_pets, auth.uid(), now(), p_children_ages, p_units
        )
    end;
end
$$;
grant execute on function private.quote_stay to anon, authenticated, service_role;
comment on function private.quote_stay is
    'The caller''s quote of a stay, or null when it cannot be booked now. Definer, because guests cannot read taxes and occupancies.';

create function public.quote_stay(
    p_property_id uuid, p_check_in text, p_check_out text,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_children_ages integer[] default null, p_units integer default 1
)
returns public.quote
language plpgsql stable
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[p_check_in, p_check_out], array['p_check_in', 'p_check_out']);
    v_quote constant public.quote := private.quote_stay(
        p_property_id, v_days[1], v_days[2], p_adults, p_children, p_infants, p_pets, p_children_ages, p_units
    );
begin
    if v_quote.id is not null then
        return v_quote;
    end if;
    -- the caller may see the reasons only for a property that the caller may see
    if not exists (select from public.properties p where p.id = p_property_id) then
        perform private.raise_error('property_not_found');
    end if;
    perform private.refuse_stay(private.visible_bookability(
        p_property_id, v_days[1], v_days[2], p_adults, p_children, p_infants, p_pets, p_children_ages, p_units
    ));
end
$$;
grant execute on function public.quote_stay to anon, authenticated, service_role;
comment on function public.quote_stay is
    'Quotes a stay (dates as YYYY-MM-DD), of p_units units of a property that has several: what guest and host pay, line by line, the cancellation terms, and an id to book with. p_children_ages: ages at check-in, needed where a fee or tax exempts children by age. When the stay cannot be booked, the error lists every reason in its details: 409 when only the nights are taken, else 422.';
