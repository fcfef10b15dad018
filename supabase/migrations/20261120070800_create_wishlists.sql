-- Purpose: wishlists: properties a person saves, with dates and guests, shared by a link or edited together with members.
-- Touches: public.wishlists, public.wishlist_shares, public.wishlist_members, public.wishlist_items, join_wishlist,
-- shared_wishlist.
-- Watch: only the owner can read the token of the link. Anyone with the link can read the published properties of the list; they
-- can join and edit it when the owner allows it.

insert into private.errors (code, status, message, hint) values
    ('wishlists_name_is_plain', 422, 'The name of a wishlist is one line of 1 to 100 characters of plain text, without HTML and control characters.', 'Send another name.'),
    ('guests_range', 422, 'A wishlist is for 1 to 50 guests.', 'Send guests as 1 to 50, or leave it out.'),
    ('wishlists_dates_are_in_order', 422, 'A wishlist has both dates or none, and check_out is after check_in.', 'Send check_in and check_out together, or neither.'),
    ('too_many_wishlists', 422, 'A person can have up to {limit} wishlists.', 'Delete a wishlist first.'),
    ('too_many_wishlist_items', 422, 'A wishlist can have up to {limit} properties.', 'Remove a property first, or use another wishlist.'),
    ('wishlist_not_found', 404, 'This link leads to no wishlist that can be joined.', 'Ask the owner for another link.');

create table public.wishlists (
    id uuid default gen_random_uuid() constraint wishlists_pkey primary key,
    owner_id uuid not null default auth.uid() constraint wishlists_owner_fkey references public.profiles (id) on delete cascade,
    name text not null constraint wishlists_name_is_plain check (name ~ '\S' and private.is_plain_text(name, 100) and name !~ '[\n\t]'),
    check_in date,
    check_out date,
    guests smallint constraint wishlists_guests_range check (guests between 1 and 50),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint wishlists_dates_are_in_order check (check_out > check_in and (check_in is null) = (check_out is null))
);
comment on table public.wishlists is 'Lists of properties. The owner and members can read them; others with the link call shared_wishlist.';
comment on column public.wishlists.name is 'One line of 1 to 100 characters.';
comment on column public.wishlists.check_in is 'First night wanted.';
comment on column public.wishlists.check_out is 'The day after the last night wanted.';
comment on column public.wishlists.guests is 'Number of guests.';
create index wishlists_owner_id_idx on public.wishlists (owner_id);

create table public.wishlist_shares (
    wishlist_id uuid constraint wishlist_shares_pkey primary key
        constraint wishlist_shares_wishlist_fkey references public.wishlists (id) on delete cascade,
    token uuid not null default gen_random_uuid() constraint wishlist_shares_token_is_unique unique,
    can_join boolean not null default false,
    created_at timestamptz not null default now()
);
comment on table public.wishlist_shares is 'The link of a wishlist; only the owner can read it. Deleting the row disables the link; members stay.';
comment on column public.wishlist_shares.token is 'Token in the link.';
comment on column public.wishlist_shares.can_join is 'Whether people with the link may join the list and edit it.';

create table public.wishlist_members (
    wishlist_id uuid not null constraint wishlist_members_wishlist_fkey references public.wishlists (id) on delete cascade,
    profile_id uuid not null default auth.uid() constraint wishlist_members_profile_fkey references public.profiles (id) on delete cascade,
    created_at timestamptz not null default now(),
    constraint wishlist_members_pkey primary key (wishlist_id, profile_id)
);
comment on table public.wishlist_members is 'People who edit a wishlist together with its owner.';
create index wishlist_members_profile_id_idx on public.wishlist_members (profile_id);

create table public.wishlist_items (
    wishlist_id uuid not null constraint wishlist_items_wishlist_fkey references public.wishlists (id) on delete cascade,
    property_id uuid not null constraint wishlist_items_property_fkey references public.properties (id) on delete cascade,
    added_by uuid not null default auth.uid() constraint wishlist_items_added_by_fkey references public.profiles (id) on delete cascade,
    note text not null default '' constraint wishlist_items_note_is_plain check (private.is_plain_text(note, 500)),
    created_at timestamptz not null default now(),
    constraint wishlist_items_pkey primary key (wishlist_id, property_id)
);
comment on table public.wishlist_items is 'Properties on a wishlist, at most 200.';
comment on column public.wishlist_items.added_by is 'Who added it.';
comment on column public.wishlist_items.note is 'Plain text of up to 500 characters.';
create index wishlist_items_property_id_idx on public.wishlist_items (property_id);
create index wishlist_items_added_by_idx on public.wishlist_items (added_by);

alter table public.wishlists enable row level security;
alter table public.wishlist_shares enable row level security;
alter table public.wishlist_members enable row level security;
alter table public.wishlist_items enable row level security;

grant select, delete on public.wishlists, public.wishlist_shares, public.wishlist_members, public.wishlist_items to authenticated;
grant insert (name, check_in, check_out, guests), update (name, check_in, check_out, guests) on public.wishlists to authenticated;
grant insert (wishlist_id, can_join), update (can_join) on public.wishlist_shares to authenticated;
grant insert (wishlist_id, property_id, note), update (note) on public.wishlist_items to authenticated;

create function private.my_own_wishlists() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select w.id from public.wishlists w where w.owner_id = auth.uid()
$$;
grant execute on function private.my_own_wishlists to authenticated;
comment on function private.my_own_wishlists is 'Wishlists that the caller owns. Definer, because the policies of wishlists use it.';

create function private.my_wishlists() returns setof uuid
language sql stable security definer rows 10
set search_path = ''
as $$
    select w.id from public.wishlists w where w.owner_id = auth.uid()
    union all
    select m.wishlist_id from public.wishlist_members m where m.profile_id = auth.uid()
$$;
grant execute on function private.my_wishlists to authenticated;
comment on function private.my_wishlists is 'Wishlists of which the caller is the owner or a member. Definer, because the policies of wishlists use it.';

create policy "Owners and members can read wishlists" on public.wishlists for select to authenticated
    using (owner_id = (select auth.uid()) or id = any (array(select private.my_wishlists())));
create policy "People can create wishlists" on public.wishlists for insert to authenticated
    with check (owner_id = (select auth.uid()));
create policy "Owners can change wishlists" on public.wishlists for update to authenticated
    using (owner_id = (select auth.uid()))
    with check (owner_id = (select auth.uid()));
create policy "Owners can delete wishlists" on public.wishlists for delete to authenticated
    using (owner_id = (select auth.uid()));
create policy "Owners can read their links" on public.wishlist_shares for select to authenticated
    using (wishlist_id = any (array(select private.my_own_wishlists())));
create policy "Owners can create a link" on public.wishlist_shares for insert to authenticated
    with check (wishlist_id in (select private.my_own_wishlists()));
create policy "Owners can change what a link allows" on public.wishlist_shares for update to authenticated
    using (wishlist_id in (select private.my_own_wishlists()))
    with check (wishlist_id in (select private.my_own_wishlists()));
create policy "Owners can delete a link" on public.wishlist_shares for delete to authenticated
    using (wishlist_id in (select private.my_own_wishlists()));
create policy "Owners and members can read members" on public.wishlist_members for select to authenticated
    using (wishlist_id = any (array(select private.my_wishlists())));
create policy "Owners can remove members, and members can leave" on public.wishlist_members for delete to authenticated
    using (profile_id = (select auth.uid()) or wishlist_id in (select private.my_own_wishlists()));
create policy "Owners and members can read items" on public.wishlist_items for select to authenticated
    using (wishlist_id = any (array(select private.my_wishlists())));
create policy "Owners and members can add properties that they can read" on public.wishlist_items for insert to authenticated
    with check (
        added_by = (select auth.uid()) and wishlist_id in (select private.my_wishlists())
        and exists (select from public.properties p where p.id = property_id)
    );
create policy "Owners and members can change notes" on public.wishlist_items for update to authenticated
    using (wishlist_id in (select private.my_wishlists()))
    with check (wishlist_id in (select private.my_wishlists()));
create policy "Owners and members can remove items" on public.wishlist_items for delete to authenticated
    using (wishlist_id in (select private.my_wishlists()));

create function private.limit_wishlists() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_table_name = 'wishlists' then
        perform from public.profiles p where p.id = new.owner_id and p.deleted_at is null for no key update;
        if not found then
            perform private.raise_error('account_deleted');
        elsif (select count(*) from public.wishlists w where w.owner_id = new.owner_id) >= 100 then
            perform private.raise_error('too_many_wishlists', '{"limit": 100}');
        end if;
    else
        -- others learn nothing about the list, and are refused by the row's checks
        if auth.uid() is null or new.wishlist_id in (select private.my_wishlists()) then
            perform from public.wishlists w where w.id = new.wishlist_id for no key update;
            if (select count(*) from public.wishlist_items i where i.wishlist_id = new.wishlist_id) >= 200 then
                perform private.raise_error('too_many_wishlist_items', '{"limit": 200}');
            end if;
        end if;
    end if;
    return new;
end
$$;
comment on function private.limit_wishlists is 'Trigger: limits the wishlists of a person to 100 and the properties of a wishlist to 200. Definer, because it locks and counts rows that the caller may not see.';
create trigger _200_limit_wishlists before insert on public.wishlists for each row execute function private.limit_wishlists();
create trigger _200_limit_wishlists before insert on public.wishlist_items for each row execute function private.limit_wishlists();
create trigger _800_set_updated_at before update on public.wishlists for each row execute function private.set_updated_at();
select private.install_row_checks('public.wishlists');
select private.install_row_checks('public.wishlist_shares');
select private.install_row_checks('public.wishlist_items');

create function private.join_wishlist(p_token uuid) returns uuid
language plpgsql security definer
set search_path = ''
as $$
declare
    v_list record;
begin
    select w.id, w.owner_id into v_list
    from public.wishlist_shares s
    join public.wishlists w on w.id = s.wishlist_id
    where s.token = p_token and s.can_join;
    if not found then
        perform private.raise_error('wishlist_not_found');
    end if;
    if v_list.owner_id <> auth.uid() then
        insert into public.wishlist_members (wishlist_id, profile_id) values (v_list.id, auth.uid()) on conflict do nothing;
    end if;
    return v_list.id;
end
$$;
grant execute on function private.join_wishlist to authenticated;
comment on function private.join_wishlist is 'Does the work of public.join_wishlist. Definer, because no API role may insert members.';

create function public.join_wishlist(p_token uuid) returns uuid
language sql
set search_path = ''
as $$
    select private.join_wishlist(p_token)
$$;
grant execute on function public.join_wishlist to authenticated;
comment on function public.join_wishlist is 'Makes the caller a member of the wishlist of a link and returns its id.';

create function private.shared_wishlist(p_token uuid) returns jsonb
language sql stable security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'name', w.name, 'owner_name', o.display_name, 'check_in', w.check_in, 'check_out', w.check_out, 'guests', w.guests, 'can_join', s.can_join,
        'items', (
            select coalesce(jsonb_agg(jsonb_build_object('property_id', p.id, 'title', p.title, 'city', p.city, 'note', i.note) order by i.created_at, p.id), '[]')
            from public.wishlist_items i
            join public.properties p on p.id = i.property_id and p.status = 'published'
            where i.wishlist_id = w.id
        )
    )
    from public.wishlist_shares s
    join public.wishlists w on w.id = s.wishlist_id
    join public.profiles o on o.id = w.owner_id
    where s.token = p_token
$$;
grant execute on function private.shared_wishlist to anon, authenticated;
comment on function private.shared_wishlist is 'Does the work of public.shared_wishlist. Definer, because the token replaces membership.';

create function public.shared_wishlist(p_token uuid) returns jsonb
language sql stable
set search_path = ''
as $$
    select private.shared_wishlist(p_token)
$$;
grant execute on function public.shared_wishlist to anon, authenticated;
comment on function public.shared_wishlist is
    'Returns the wishlist of a link with its published properties: {name, owner_name, check_in, check_out, guests, can_join, items: [{property_id, title, city, note}]}; null when the link does not exist.';
