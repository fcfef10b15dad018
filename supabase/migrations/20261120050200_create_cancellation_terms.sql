-- Purpose: cancellation terms: refunds and their deadlines, as instants, words and amounts.
-- Touches: private.long_stays, public.cancellation_term, private.cancellation_terms.
-- Watch: periods in days follow the property's calendar and clock, periods in hours are elapsed time. A cancellation exactly at
-- the deadline is in time.

create table private.long_stays (
    from_nights smallint constraint long_stays_pkey primary key constraint long_stays_from_nights_is_positive check (from_nights > 0),
    nights_kept smallint not null constraint long_stays_nights_kept_is_positive check (nights_kept > 0)
);
comment on table private.long_stays is
    'One row: a stay of at least from_nights is long. Once it has begun, the host keeps the nights stayed plus nights_kept and the rest is refunded, except under policies of a single step.';
alter table private.long_stays enable row level security;
insert into private.long_stays (from_nights, nights_kept) values (28, 30);

create type public.cancellation_term as (
    until timestamptz,
    refund_percent smallint,
    nights_kept smallint,
    refund_amount bigint,
    description text
);
comment on type public.cancellation_term is 'What a guest gets back when cancelling by a certain time.';
comment on column public.cancellation_term.until is 'The last instant at which it applies; null in the last term.';
comment on column public.cancellation_term.refund_percent is 'Percentage refunded of each night that the host does not keep.';
comment on column public.cancellation_term.nights_kept is 'Nights that the host keeps in addition to those stayed.';
comment on column public.cancellation_term.refund_amount is 'The refund before the stay begins, in minor units.';
comment on column public.cancellation_term.description is 'The term in words, with the date in the property''s time zone.';

create function private.cancellation_terms(
    p_steps jsonb, p_night_prices bigint[], p_guest_total bigint, p_check_in_at timestamptz, p_time_zone text,
    p_confirmed_at timestamptz, p_step bigint
)
returns public.cancellation_term[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_terms public.cancellation_term[] := '{}';
    v_nights constant integer := cardinality(p_night_prices);
    v_step jsonb;
    v_step_percent smallint;
    v_step_kept smallint;
    v_deadline timestamptz;
    -- the term of the steps so far: its end and its refund
    v_until timestamptz;
    v_percent smallint;
    v_kept smallint;
    v_amount bigint;
    v_words text;
begin
    -- one more iteration than steps, to add the last term
    for v_position in 0..jsonb_array_length(p_steps) loop
        v_step := p_steps -> v_position;
        v_step_percent := v_step ->> 'refund_percent';
        v_step_kept := v_step ->> 'nights_kept';
        -- infinity for a step without a deadline, -infinity for one that does not apply to this stay
        v_deadline := case
            when v_nights >= (v_step ->> 'under_nights')::integer
                or p_confirmed_at > date_subtract(p_check_in_at, (v_step ->> 'confirmed_before_check_in')::interval, p_time_zone)
                then '-infinity'
            else least(
                'infinity', date_subtract(p_check_in_at, (v_step ->> 'before_check_in')::interval, p_time_zone),
                p_confirmed_at + (v_step ->> 'since_confirmation')::interval
            )
        end;
        -- skip a step that ends before an earlier one, or before the confirmation
        continue when v_step is not null and (v_deadline <= v_until or v_deadline < p_confirmed_at);
        -- consecutive steps with the same refund are one term
        if v_step_percent = v_percent and v_step_kept = v_kept then
            v_until := v_deadline;
            continue;
        elsif v_until is not null then
            if v_percent = 0 then
                v_amount := 0;
                v_words := 'No refund';
            elsif v_percent = 100 and v_kept = 0 then
                v_amount := p_guest_total;
                v_words := 'Full refund';
            else
                v_amount := private.proportion(
                    p_guest_total, v_percent * private.sum_of_nights(p_night_prices[v_kept + 1:]),
                    100 * private.sum_of_nights(p_night_prices), p_step
                );
                v_words := case v_percent when 100 then 'Full refund' else v_percent || ' % refund' end || case v_kept
                    when 0 then ''
                    when 1 then ' of the nights not stayed, except one'
                    else ' of the nights not stayed, except ' || v_kept
                end;
            end if;
            if v_until = 'infinity' then
                v_until := null;
            else
                v_words := format('%s until %s (%s)', v_words, to_char(
                    v_until at time zone p_time_zone,
                    case when extract(second from v_until) < 1 then 'FMDD FMMonth YYYY, HH24:MI' else 'FMDD FMMonth YYYY, HH24:MI:SS' end
                ), p_time_zone);
            end if;
            v_terms := v_terms || row(v_until, v_percent, v_kept, v_amount, v_words)::public.cancellation_term;
        end if;
        v_until := v_deadline;
        v_percent := v_step_percent;
        v_kept := v_step_kept;
    end loop;
    return v_terms;
end
$$;
comment on function private.cancellation_terms is
    'The cancellation terms of a stay in order of time, for a booking confirmed at p_confirmed_at in a currency of p_step. The refunded share of the total is that of the prices of the nights that are not kept.';
