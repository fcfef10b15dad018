-- Purpose: cancellation policies, which define the refund of a guest who cancels: six common ones, and those that hosts write.
-- Touches: public.cancellation_policies, private.is_policy_steps, private.keep_used_policy.
-- Watch: a booking copies the steps when it is created, so a changed policy affects only later bookings.

insert into private.errors (code, status, message, hint) values
    ('name_is_plain', 422, 'A name is one line of 1 to 60 characters of plain text.', 'Shorten the name, and remove HTML and control characters.'),
    ('cancellation_steps_are_valid', 422, 'Steps are a list of 1 to 10 objects with refund_percent and nights_kept; only the last has no condition.', 'Compare with the steps of a common policy, such as flexible.'),
    ('unknown_cancellation_policy', 422, 'There is no cancellation policy "{value}".', 'Send an id of the table cancellation_policies.'),
    ('cancellation_policy_in_use', 409, 'This cancellation policy is used by a property.', 'Choose another policy for your properties before you delete this one.');

create function private.is_policy_steps(p_steps jsonb) returns boolean
language sql immutable strict
set search_path = ''
as $$
    select case when jsonb_typeof(p_steps) = 'array' and jsonb_array_length(p_steps) between 1 and 10 then (
        select
            bool_and(
                jsonb_typeof(s.step) = 'object'
                and s.step - array[
                    'before_check_in', 'since_confirmation', 'confirmed_before_check_in', 'under_nights', 'refund_percent', 'nights_kept'
                ] = '{}'
                and coalesce(s.step ->> 'before_check_in' ~ '^[0-9]{1,3} (days|hours)$', not s.step ? 'before_check_in')
                and coalesce(s.step ->> 'since_confirmation' ~ '^[0-9]{1,3} hours$', not s.step ? 'since_confirmation')
                and coalesce(
                    s.step ->> 'confirmed_before_check_in' ~ '^[0-9]{1,3} (days|hours)$', not s.step ? 'confirmed_before_check_in'
                )
                and coalesce(s.step ->> 'under_nights' ~ '^[1-9][0-9]{0,2}$', not s.step ? 'under_nights')
                and coalesce(s.step ->> 'refund_percent' ~ '^([0-9]{1,2}|100)$', false)
                and coalesce(s.step ->> 'nights_kept' ~ '^[0-9]{1,2}$', false)
                and jsonb_typeof(s.step -> 'refund_percent') = 'number' and jsonb_typeof(s.step -> 'nights_kept') = 'number'
            )
            -- only the last step has no condition, so that exactly one step always applies
            and bool_and(
                (s.step ?| array['before_check_in', 'since_confirmation', 'confirmed_before_check_in', 'under_nights'])
                = (s.position < jsonb_array_length(p_steps))
            )
        from jsonb_array_elements(p_steps) with ordinality as s (step, position)
    ) else false end
$$;
grant execute on function private.is_policy_steps to authenticated, service_role;
comment on function private.is_policy_steps is
    'True for one to ten well-formed steps of which only the last has no condition.';

create table public.cancellation_policies (
    id text default gen_random_uuid()::text constraint cancellation_policies_pkey primary key,
    host_id uuid default auth.uid()
        constraint cancellation_policies_host_fkey references public.profiles (id) on delete cascade,
    name text not null constraint cancellation_policies_name_is_plain
        check (name ~ '\S' and private.is_plain_text(name, 60) and name !~ '[\n\t]'),
    steps jsonb not null constraint cancellation_policies_cancellation_steps_are_valid check (private.is_policy_steps(steps)),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.cancellation_policies is
    'What a guest who cancels gets back, as steps: the first step whose conditions all hold applies. A property uses a common policy or one of its host.';
comment on column public.cancellation_policies.id is 'A word such as `flexible` for common policies, a UUID for others.';
comment on column public.cancellation_policies.host_id is 'Host who wrote the policy and may use it; null for common policies.';
comment on column public.cancellation_policies.name is 'Name that guests see.';
comment on column public.cancellation_policies.steps is
    'Conditions: before_check_in ("5 days" or "24 hours": at least that long before check-in, in local time), since_confirmation ("48 hours": at most that long after the confirmation), confirmed_before_check_in ("7 days": confirmed at least that long before check-in), under_nights (the stay has fewer nights). Result: the host keeps the nights stayed and nights_kept more; the guest gets back refund_percent of the others.';

create index cancellation_policies_host_id_idx on public.cancellation_policies (host_id);

alter table public.cancellation_policies enable row level security;

grant select on public.cancellation_policies to anon, authenticated;
grant insert (name, steps), update (name, steps), delete on public.cancellation_policies to authenticated;
grant select, delete on public.cancellation_policies to service_role;
grant insert (id, host_id, name, steps), update (name, steps) on public.cancellation_policies to service_role;

create policy "Anyone can read cancellation policies" on public.cancellation_policies for select to anon, authenticated using (true);
create policy "People can add their own policies" on public.cancellation_policies for insert to authenticated
    with check (host_id = (select auth.uid()));
create policy "People can update their own policies" on public.cancellation_policies for update to authenticated
    using (host_id = (select auth.uid()))
    with check (host_id = (select auth.uid()));
create policy "People can delete their own policies" on public.cancellation_policies for delete to authenticated
    using (host_id = (select auth.uid()));

create function private.keep_used_policy() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if exists (select from public.properties p where p.cancellation_policy_id = old.id) then
        perform private.raise_error('cancellation_policy_in_use');
    end if;
    return old;
end
$$;
comment on function private.keep_used_policy is 'Trigger: refuses to delete a policy that a property uses.';

create trigger keep_used_policy before delete on public.cancellation_policies
    for each row execute function private.keep_used_policy();
create trigger _800_set_updated_at before update on public.cancellation_policies for each row execute function private.set_updated_at();
select private.install_row_checks('public.cancellation_policies');

insert into public.cancellation_policies (id, host_id, name, steps)
select
    p.id, null, p.name,
    -- stays under 28 nights get a full refund within 24 hours of a confirmation at least a week before check-in
    case when p.id = 'non_refundable' then '[]'
        else '[{"since_confirmation": "24 hours", "confirmed_before_check_in": "7 days", "under_nights": 28, "refund_percent": 100, "nights_kept": 0}]'
    end::jsonb || p.steps::jsonb
from (values
    ('flexible', 'Flexible', '[
        {"before_check_in": "24 hours", "refund_percent": 100, "nights_kept": 0},
        {"refund_percent": 100, "nights_kept": 1}
    ]'),
    ('moderate', 'Moderate', '[
        {"before_check_in": "5 days", "refund_percent": 100, "nights_kept": 0},
        {"refund_percent": 50, "nights_kept": 1}
    ]'),
    ('limited', 'Limited', '[
        {"before_check_in": "14 days", "refund_percent": 100, "nights_kept": 0},
        {"before_check_in": "7 days", "refund_percent": 50, "nights_kept": 0},
        {"refund_percent": 0, "nights_kept": 0}
    ]'),
    ('firm', 'Firm', '[
        {"before_check_in": "30 days", "refund_percent": 100, "nights_kept": 0},
        {"before_check_in": "7 days", "refund_percent": 50, "nights_kept": 0},
        {"refund_percent": 0, "nights_kept": 0}
    ]'),
    ('strict', 'Strict', '[
        {"since_confirmation": "48 hours", "before_check_in": "14 days", "refund_percent": 100, "nights_kept": 0},
        {"before_check_in": "7 days", "refund_percent": 50, "nights_kept": 0},
        {"refund_percent": 0, "nights_kept": 0}
    ]'),
    ('non_refundable', 'Non-refundable', '[{"refund_percent": 0, "nights_kept": 0}]')
) as p (id, name, steps);
