-- Purpose: the spaces of which each night is sold once, and the properties that take them.
-- Touches: private.spaces, public.property_spaces, a trigger on public.properties.
-- Watch: every property takes its own space, which has its id. A linked one takes those of its parts, too: a house takes the spaces
-- of its rooms, so the house and a room clash and two rooms do not. docs/decisions/spaces.md explains why.

create table private.spaces (
    id uuid constraint spaces_pkey primary key,
    property_id uuid not null constraint spaces_property_fkey references public.properties (id) on delete cascade
);
comment on table private.spaces is 'What is sold once a night. Each property has a space of its own, whose id is the property''s.';
create index spaces_property_id_idx on private.spaces (property_id);
alter table private.spaces enable row level security;

create table public.property_spaces (
    property_id uuid not null constraint property_spaces_property_fkey references public.properties (id) on delete cascade,
    space_id uuid not null constraint property_spaces_space_fkey references private.spaces (id) on delete cascade,
    constraint property_spaces_pkey primary key (property_id, space_id)
);
comment on table public.property_spaces is
    'The spaces that a property takes: its own, and those of the properties that link_properties made its parts. Properties that share one cannot both be booked.';
comment on column public.property_spaces.space_id is 'The id of the property whose own space it is.';
create index property_spaces_space_id_idx on public.property_spaces (space_id);

alter table public.property_spaces enable row level security;

grant select on public.property_spaces to authenticated, service_role;

create policy "Hosts and co-hosts can read spaces" on public.property_spaces for select to authenticated
    using (property_id = any (array(select private.my_properties('calendar'))));
create policy "Operators can read any" on public.property_spaces for select to operator using (true);

create function private.add_own_space() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    insert into private.spaces (id, property_id) values (new.id, new.id);
    insert into public.property_spaces (property_id, space_id) values (new.id, new.id);
    return null;
end
$$;
comment on function private.add_own_space is 'Trigger: gives a new property a space of its own. Definer, because no API role may write spaces.';

create trigger _050_add_own_space after insert on public.properties for each row execute function private.add_own_space();
