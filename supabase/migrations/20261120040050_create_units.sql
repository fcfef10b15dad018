-- Purpose: the units of a property that has several identical ones, such as the rooms of a hotel.
-- Touches: public.units.
-- Watch: a property without rows here has one unit. Each unit is a space, too: private.spaces has a row with its id. set_units writes
-- both, and properties.unit_count. docs/decisions/units.md explains how stays get their units.

insert into private.errors (code, status, message, hint) values
    ('invalid_units_list', 422, 'A property has up to 20 units, with different names of 1 to 60 characters of plain text.', 'Send a list of names; one name or none makes it a property with one unit again.'),
    ('units_share_spaces', 422, 'A property with parts has no units.', 'Unlink its parts, or make units of a part.'),
    ('first_unit_remains', 409, 'The first unit, {name}, cannot be removed while others remain.', 'Rename it with rename_unit to a unit that remains, and remove that one.'),
    ('unit_has_stays', 409, '{count} stay(s) or block(s) have the unit {name} on these nights.', 'Move them with assign_unit, or choose other nights; the details contain up to 20 of them.'),
    ('unit_name_taken', 409, 'Another unit of the property has this name.', 'Choose another name.'),
    ('unit_not_found', 404, 'None of your properties has this unit.', 'Check the id.'),
    ('booking_has_no_unit', 409, 'This booking has no unit to choose.', 'Only stays to come of a property with units have one; name the unit to leave when a booking has several.'),
    ('unit_of_another_property', 422, 'The property has no such unit.', 'Send the id of one of its units, or null.'),
    ('unit_pinned', 409, 'Each of these nights has free units, but stays that are pinned or have begun leave none for the whole stay.', 'Choose other dates; the host can unpin a stay with assign_unit.');

create table public.units (
    id uuid default gen_random_uuid() constraint units_pkey primary key,
    property_id uuid not null constraint units_property_fkey references public.properties (id) on delete cascade,
    name text not null constraint units_name_is_plain
        check (name ~ '\S' and private.is_plain_text(name, 60) and name !~ '[\n\t]'),
    created_at timestamptz not null default now(),
    constraint units_name_is_unique unique (property_id, name)
);
comment on table public.units is
    'The identical units of a property, such as hotel rooms. Guests book any of them; only the host and co-hosts read this table. set_units and rename_unit write it.';
comment on column public.units.name is 'The name or number on the door. Guests read that of their unit from the day of check-in.';
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.units alter column property_id set (n_distinct = -0.2);

alter table public.units enable row level security;
grant select on public.units to authenticated, service_role;
create policy "Hosts and co-hosts can read units" on public.units for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.units for select to operator using (true);
