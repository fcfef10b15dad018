-- Purpose: how many quotes of a property were shown, so that figures have the conversion from quote to paid.
-- Touches: private.quote_counts, report_quote; public.report_quote.
-- Watch: quotes are read-only and not stored, so an app reports one that it has shown, with its own arguments; whether the stay can be
-- booked is worked out again here. The limits, and what is known of callers, are those of lost demand.

create table private.quote_counts (
    property_id uuid not null constraint quote_counts_property_fkey references public.properties (id) on delete cascade,
    month date not null,
    quotes integer not null constraint quote_counts_quotes_is_positive check (quotes > 0),
    by_day integer[] not null constraint quote_counts_by_day_has_31 check (cardinality(by_day) = 31),
    constraint quote_counts_pkey primary key (property_id, month) include (quotes)
);
comment on table private.quote_counts is 'Quotes that were shown, by the month of their check-in. Nothing in it is about a person.';
comment on column private.quote_counts.month is 'First day of the month of check-in.';
comment on column private.quote_counts.by_day is 'The quotes for a check-in on each day of the month.';
create index quote_counts_month_idx on private.quote_counts (month);
alter table private.quote_counts enable row level security;

create function private.report_quote(
    p_property_id uuid, p_check_in date, p_check_out date, p_adults integer, p_children integer, p_infants integer, p_pets integer,
    p_units integer
) returns boolean
language plpgsql security definer
set search_path = ''
as $$
declare
    v_hash constant bigint := hashtextextended(p_property_id::text, 1);
    v_day constant integer := extract(day from p_check_in);
    v_host_id uuid;
    v_report record;
begin
    select (b.property).host_id into v_host_id
    from private.broken_rules(
        array[p_property_id], array[p_check_in], array[p_check_out], p_adults, p_children, p_infants, p_pets, p_units => p_units
    ) b
    where b.codes = '{}';
    if v_host_id is null or v_host_id = auth.uid() then
        return false;
    end if;
    v_report := private.begin_report();
    if v_hash = any (v_report.counted) then
        return false;
    end if;
    insert into private.quote_counts as q (property_id, month, quotes, by_day)
    values (
        p_property_id, date_trunc('month', p_check_in::timestamp), 1,
        array(select (n.day = v_day)::integer from generate_series(1, 31) as n (day))
    )
    on conflict on constraint quote_counts_pkey do update set quotes = q.quotes + 1, by_day[v_day] = q.by_day[v_day] + 1;
    update private.lost_demand_callers c set properties = c.properties || v_hash
    where c.day = (now() at time zone 'UTC')::date and c.caller = v_report.caller;
    return true;
end
$$;
grant execute on function private.report_quote to anon, authenticated, service_role;
comment on function private.report_quote is
    'See public.report_quote. Definer, because clients cannot read occupancies and write quote_counts.';

create function public.report_quote(
    p_property_id uuid, p_check_in text, p_check_out text,
    p_adults integer default 1, p_children integer default 0, p_infants integer default 0, p_pets integer default 0,
    p_children_ages integer[] default null, p_units integer default 1
) returns boolean
language plpgsql
set search_path = ''
as $$
declare
    v_days constant date[] := private.parse_dates(array[p_check_in, p_check_out], array['p_check_in', 'p_check_out']);
begin
    if private.ages_problems(p_children, p_children_ages, '{}') <> '[]' then
        perform private.raise_error('children_ages_invalid', '{"field": "children_ages"}');
    end if;
    return private.report_quote(p_property_id, v_days[1], v_days[2], p_adults, p_children, p_infants, p_pets, p_units);
end
$$;
grant execute on function public.report_quote to anon, authenticated, service_role;
comment on function public.report_quote is
    'Reports that a guest was shown a quote: send it the arguments of quote_stay. Counts a stay that can be booked, each property once a day for a caller, without personal data, and returns whether it did. Hosts see the conversion in host_metrics.';
