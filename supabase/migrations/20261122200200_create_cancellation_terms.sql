-- Purpose: until when a cancelling guest gets what back: the steps of a policy as instants, words and amounts.
-- Touches: public.cancellation_term, private.long_stays, private.time_before, private.step_deadline,
-- private.refund_share, private.cancellation_terms.
-- Watch: days are counted on the property's calendar and clock, hours as they pass. A deadline itself is still in time; the
-- second after it is not.

create table private.long_stays (
    from_nights smallint constraint long_stays_pkey primary key constraint long_stays_from_nights_is_positive check (from_nights > 0),
    nights_kept smallint not null constraint long_stays_nights_kept_is_positive check (nights_kept > 0)
);
comment on table private.long_stays is
    'One row: from so many nights a stay is long; once it has begun, the host keeps the nights stayed and so many more, and the rest goes back. Policies of a single step, such as non-refundable, stay as they are.';
alter table private.long_stays enable row level security;
insert into private.long_stays (from_nights, nights_kept) values (28, 30);

create type public.cancellation_term as (
    until timestamptz,
    refund_percent smallint,
    nights_kept smallint,
    refund_amount bigint,
    description text
);
comment on type public.cancellation_term is 'What a guest gets back who cancels by a certain time.';
comment on column public.cancellation_term.until is 'The last instant; null in the last term.';
comment on column public.cancellation_term.refund_percent is 'Of each night that the host does not keep.';
comment on column public.cancellation_term.nights_kept is 'That the host keeps, beside those stayed.';
comment on column public.cancellation_term.refund_amount is 'What that is before the stay begins, in minor units.';
comment on column public.cancellation_term.description is 'The same in words, with the date in the property''s time zone.';

create function private.time_before(p_local timestamp, p_time_zone text, p_length text) returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
    return case
        when p_length like '% days' then (p_local - p_length::interval) at time zone p_time_zone
        else p_local at time zone p_time_zone - p_length::interval
    end;
end
$$;
revoke execute on function private.time_before(timestamp, text, text) from public;
comment on function private.time_before(timestamp, text, text) is
    'The moment so many days ("5 days", by calendar and clock of the zone) or hours ("48 hours", as they pass) before a local time. Called by functions of the owner.';

create function private.step_deadline(
    p_step jsonb, p_nights integer, p_check_in_local timestamp, p_time_zone text, p_confirmed_at timestamptz
)
returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
    return case
        when p_nights >= (p_step ->> 'under_nights')::integer then '-infinity'
        when p_confirmed_at > private.time_before(p_check_in_local, p_time_zone, p_step ->> 'confirmed_before_check_in')
            then '-infinity'
        else least(
            'infinity',
            private.time_before(p_check_in_local, p_time_zone, p_step ->> 'before_check_in'),
            p_confirmed_at + (p_step ->> 'since_confirmation')::interval
        )
    end;
end
$$;
revoke execute on function private.step_deadline(jsonb, integer, timestamp, text, timestamptz) from public;
comment on function private.step_deadline(jsonb, integer, timestamp, text, timestamptz) is
    'The last instant at which a step of a policy holds: infinity for one without a time, -infinity for one that cannot hold for this stay. Called by functions of the owner.';

create function private.refund_share(
    p_night_prices bigint[], p_stayed integer, p_kept integer, p_percent integer, out part numeric, out whole numeric
)
language plpgsql immutable
set search_path = ''
as $$
begin
    select coalesce(sum(n.price) filter (where n.position > p_stayed + p_kept), 0) * p_percent, sum(n.price) * 100
    into part, whole
    from unnest(p_night_prices) with ordinality as n (price, position);
end
$$;
revoke execute on function private.refund_share(bigint[], integer, integer, integer) from public;
comment on function private.refund_share(bigint[], integer, integer, integer) is
    'Which share of a stay goes back, as a fraction: p_percent of the nights after those stayed and kept, each at its own price. Fees, taxes and the platform''s fee follow in the same proportion. Called by functions of the owner.';

create function private.describe_term(p_term public.cancellation_term, p_time_zone text) returns text
language plpgsql stable
set search_path = ''
as $$
declare
    v_share constant text := case p_term.refund_percent when 100 then 'Full' else p_term.refund_percent || ' %' end;
begin
    return case
        when p_term.refund_percent = 0 then 'No refund'
        when p_term.nights_kept = 0 then v_share || ' refund'
        else format(
            '%s refund of the nights not stayed but for %s',
            v_share, case p_term.nights_kept when 1 then 'one' else p_term.nights_kept::text end
        )
    end || case when p_term.until is null then '' else format(
        ' until %s (%s)',
        regexp_replace(to_char(p_term.until at time zone p_time_zone, 'FMDD FMMonth YYYY, HH24:MI:SS'), ':00$', ''), p_time_zone
    ) end;
end
$$;
revoke execute on function private.describe_term(public.cancellation_term, text) from public;
comment on function private.describe_term(public.cancellation_term, text) is
    'A term in words, with its last instant on the clock of the zone. Called by cancellation_terms.';

create function private.cancellation_terms(
    p_steps jsonb, p_night_prices bigint[], p_guest_total bigint, p_check_in_local timestamp, p_time_zone text,
    p_confirmed_at timestamptz
)
returns setof public.cancellation_term
language plpgsql stable
set search_path = ''
as $$
declare
    v_term public.cancellation_term;
    v_step jsonb;
    v_deadline timestamptz;
    v_passed timestamptz;
    v_share record;
begin
    for v_step in select s.step from jsonb_array_elements(p_steps) with ordinality as s (step, position) order by s.position
    loop
        v_deadline := private.step_deadline(v_step, cardinality(p_night_prices), p_check_in_local, p_time_zone, p_confirmed_at);
        -- a step that ends before an earlier one, or before the booking, never decides
        continue when v_deadline <= v_passed or v_deadline < p_confirmed_at;
        -- of those in a row that give the same, the last says until when
        if v_passed is not null and (v_step ->> 'refund_percent')::smallint = v_term.refund_percent
            and (v_step ->> 'nights_kept')::smallint = v_term.nights_kept
        then
            v_passed := v_deadline;
            v_term.until := nullif(v_deadline, 'infinity');
            continue;
        elsif v_passed is not null then
            v_term.description := private.describe_term(v_term, p_time_zone);
            return next v_term;
        end if;
        v_passed := v_deadline;
        v_term.until := nullif(v_deadline, 'infinity');
        v_term.refund_percent := (v_step ->> 'refund_percent')::smallint;
        v_term.nights_kept := (v_step ->> 'nights_kept')::smallint;
        v_share := private.refund_share(p_night_prices, 0, v_term.nights_kept, v_term.refund_percent);
        v_term.refund_amount := private.proportion(p_guest_total, v_share.part, v_share.whole);
    end loop;
    v_term.description := private.describe_term(v_term, p_time_zone);
    return next v_term;
end
$$;
revoke execute on function private.cancellation_terms(jsonb, bigint[], bigint, timestamp, text, timestamptz) from public;
comment on function private.cancellation_terms(jsonb, bigint[], bigint, timestamp, text, timestamptz) is
    'The steps of a policy that can decide about a stay, in order of time, for a booking confirmed at p_confirmed_at. Called by functions of the owner.';
