-- Purpose: house rules in versions. New rules are a new row and old versions stay, because a booking keeps its version.
-- Touches: public.house_rules, public.current_house_rules, private.number_house_rules, private.create_default_house_rules.

insert into private.errors (code, status, message, hint) values
    ('additional_rules_are_plain', 422, 'Additional rules are up to 5,000 characters of plain text.', 'Shorten the text, and remove HTML and control characters.'),
    ('quiet_hours_are_whole', 422, 'Quiet hours need a beginning and an end.', 'Send both quiet_from and quiet_until, or neither.'),
    ('house_rules_version_is_positive', 422, 'The version of house rules is 1 or higher.', 'Leave the version out: the database numbers house rules.');

create table public.house_rules (
    property_id uuid not null constraint house_rules_property_fkey references public.properties (id) on delete cascade,
    version integer not null default 1 constraint house_rules_version_is_positive check (version > 0),
    smoking_allowed boolean not null default false,
    events_allowed boolean not null default false,
    children_allowed boolean not null default true,
    commercial_photography_allowed boolean not null default false,
    quiet_from time(0),
    quiet_until time(0),
    additional_rules text not null default '' constraint house_rules_additional_rules_are_plain
        check (private.is_plain_text(additional_rules, 5000)),
    created_by uuid default auth.uid() constraint house_rules_created_by_fkey references public.profiles (id) on delete restrict,
    created_at timestamptz not null default now(),
    constraint house_rules_pkey primary key (property_id, version),
    constraint house_rules_quiet_hours_are_whole check ((quiet_from is null) = (quiet_until is null))
);
comment on table public.house_rules is 'House rules of properties, in versions; the highest applies, and version 1 has the defaults. To change the rules, insert a complete new version.';
comment on column public.house_rules.smoking_allowed is 'Whether guests may smoke indoors.';
comment on column public.house_rules.events_allowed is 'Whether guests may hold parties and events.';
comment on column public.house_rules.children_allowed is 'False when the property is not safe or suitable for children and infants.';
comment on column public.house_rules.commercial_photography_allowed is 'Whether guests may take photos and films for commercial use.';
comment on column public.house_rules.quiet_from is 'Local time at which quiet hours begin; null for none.';
comment on column public.house_rules.quiet_until is 'Local time at which quiet hours end.';
comment on column public.house_rules.additional_rules is 'Plain text of up to 5,000 characters.';
comment on column public.house_rules.created_by is 'Person who wrote this version; null when the service role did.';

create index house_rules_created_by_idx on public.house_rules (created_by);

alter table public.house_rules enable row level security;

grant select on public.house_rules to anon, authenticated;
grant insert (
    property_id, smoking_allowed, events_allowed, children_allowed, commercial_photography_allowed, quiet_from, quiet_until,
    additional_rules
) on public.house_rules to authenticated, service_role;
grant select on public.house_rules to service_role;

create policy "Readers of a property can read its house rules" on public.house_rules for select to anon, authenticated
    using (exists (select from public.properties p where p.id = property_id offset 0));
create policy "Hosts and full co-hosts can add house rules" on public.house_rules for insert to authenticated
    with check (property_id in (select private.my_properties('full')));

create function private.number_house_rules() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform from public.properties p where p.id = new.property_id for no key update;
    new.version := 1 + coalesce((select max(h.version) from public.house_rules h where h.property_id = new.property_id), 0);
    return new;
end
$$;
comment on function private.number_house_rules is
    'Trigger: sets the next version and locks the property, so that two writers get different versions. Definer, because it reads versions that the caller may not see.';

create function private.create_default_house_rules() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into public.house_rules (property_id) values (new.id);
    return null;
end
$$;
comment on function private.create_default_house_rules is 'Trigger: creates the default house rules of a new property. Definer, because the policy cannot see the property yet.';

create trigger _100_number_house_rules before insert on public.house_rules for each row execute function private.number_house_rules();
create trigger _110_refuse_change before update on public.house_rules for each row execute function private.refuse_change();
select private.install_row_checks('public.house_rules');
create trigger _100_create_default_house_rules after insert on public.properties for each row execute function private.create_default_house_rules();

create function public.current_house_rules(p_property public.properties) returns setof public.house_rules
language sql stable rows 1
set search_path = ''
as $$
    select h.* from public.house_rules h where h.property_id = p_property.id order by h.version desc limit 1
$$;
grant execute on function public.current_house_rules to anon, authenticated, service_role;
comment on function public.current_house_rules is
    'Returns the house rules that apply to a property. Embed them with `properties?select=title,current_house_rules(*)`.';
