-- Purpose: invitations of co-hosts by e-mail. A user whose confirmed address was invited accepts and becomes a co-host.
-- Touches: public.co_host_invitations, private.my_confirmed_email, public.accept_co_host_invitation.
-- Watch: there is no secret token. Only the confirmed address counts, so a forwarded mail is of no use to others.

insert into private.errors (code, status, message, hint) values
    ('email_is_valid', 422, 'This is not a valid e-mail address.', 'Send an address such as ana@example.com.'),
    ('invitation_not_found', 404, 'There is no such invitation for you.', 'Sign in with the invited address and confirm it. The host may have revoked the invitation.'),
    ('invitation_expired', 410, 'This invitation has expired.', 'Ask the host for a new one.'),
    ('host_cannot_be_co_host', 409, 'You are the host of this property.', 'Invite another person.');

create table public.co_host_invitations (
    id uuid default gen_random_uuid() constraint co_host_invitations_pkey primary key,
    property_id uuid not null constraint co_host_invitations_property_fkey references public.properties (id) on delete cascade,
    property_title text not null default '',
    email text not null constraint co_host_invitations_email_is_valid
        check (email = lower(email) and email ~ '^[^\s@<>"]{1,64}@[^\s@<>"]{1,190}$'),
    level public.co_host_level not null,
    invited_by uuid not null default auth.uid()
        constraint co_host_invitations_invited_by_fkey references public.profiles (id) on delete restrict,
    expires_at timestamptz not null default now() + interval '7 days',
    created_at timestamptz not null default now(),
    constraint co_host_invitations_are_unique unique (property_id, email)
);
comment on table public.co_host_invitations is 'Open invitations. Accepting, declining or revoking an invitation deletes it.';
comment on column public.co_host_invitations.property_title is 'Title of the property at the time of the invitation, because the invited person cannot read a draft.';
comment on column public.co_host_invitations.email is 'Invited address; stored in lower case.';
comment on column public.co_host_invitations.level is 'Rights that the co-host will have.';
comment on column public.co_host_invitations.invited_by is 'Host who sent the invitation.';
comment on column public.co_host_invitations.expires_at is 'When the invitation expires: seven days after its creation.';

create index co_host_invitations_invited_by_idx on public.co_host_invitations (invited_by);
create index co_host_invitations_email_idx on public.co_host_invitations (email);
-- with the real numbers, the planner may look for the rows of someone who has few in the order of the whole table
alter table public.co_host_invitations alter column property_id set (n_distinct = -1);
alter table public.co_host_invitations alter column email set (n_distinct = -1);

alter table public.co_host_invitations enable row level security;

grant select, delete on public.co_host_invitations to authenticated;
grant insert (property_id, email, level) on public.co_host_invitations to authenticated;
grant select, delete on public.co_host_invitations to service_role;

create function private.my_confirmed_email() returns text
language sql stable security definer
set search_path = ''
as $$
    select lower(u.email) from auth.users u where u.id = auth.uid() and u.email_confirmed_at is not null
$$;
grant execute on function private.my_confirmed_email to authenticated;
comment on function private.my_confirmed_email is
    'The confirmed e-mail address of the caller in lower case; not that of the token, which may be unconfirmed or out of date. Definer, because no API role may read auth.users.';

create policy "Hosts and invited people can read invitations" on public.co_host_invitations for select to authenticated
    using (property_id = any (array(select private.my_own_properties())) or email = (select private.my_confirmed_email()));
create policy "Operators can read any" on public.co_host_invitations for select to operator using (true);
create policy "Hosts can invite" on public.co_host_invitations for insert to authenticated
    with check (property_id in (select private.my_own_properties()));
create policy "Hosts can revoke and invited people decline invitations" on public.co_host_invitations for delete to authenticated
    using (property_id in (select private.my_own_properties()) or email = (select private.my_confirmed_email()));

create function private.prepare_co_host_invitation() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    new.email := lower(btrim(new.email));
    new.property_title := coalesce((select p.title from public.properties p where p.id = new.property_id), '');
    delete from public.co_host_invitations i
    where i.property_id = new.property_id and i.email = new.email and i.expires_at <= now();
    return new;
end
$$;
comment on function private.prepare_co_host_invitation is
    'Trigger: changes the address to lower case, copies the title of the property and deletes an expired invitation of that address. Definer, because it reads and deletes rows before the policies are checked, which undo it on refusal.';

create trigger _100_prepare_co_host_invitation before insert on public.co_host_invitations
    for each row execute function private.prepare_co_host_invitation();
select private.install_limit_per_property('public.co_host_invitations', 20);
select private.install_row_checks('public.co_host_invitations');

create function private.accept_co_host_invitation(p_invitation_id uuid) returns public.co_hosts
language plpgsql security definer
set search_path = ''
as $$
declare
    v_invitation public.co_host_invitations;
    v_co_host public.co_hosts;
begin
    delete from public.co_host_invitations i
    where i.id = p_invitation_id and i.email = private.my_confirmed_email()
    returning i.* into v_invitation;
    if v_invitation.id is null then
        perform private.raise_error('invitation_not_found');
    elsif v_invitation.expires_at <= now() then
        perform private.raise_error('invitation_expired');
    elsif v_invitation.property_id in (select private.my_own_properties()) then
        perform private.raise_error('host_cannot_be_co_host');
    end if;
    insert into public.co_hosts (property_id, profile_id, level)
    values (v_invitation.property_id, auth.uid(), v_invitation.level)
    on conflict on constraint co_hosts_pkey do update set level = excluded.level
    returning * into v_co_host;
    return v_co_host;
end
$$;
grant execute on function private.accept_co_host_invitation to authenticated;
comment on function private.accept_co_host_invitation is
    'See public.accept_co_host_invitation. Definer, because no client may insert a co-host.';

create function public.accept_co_host_invitation(p_invitation_id uuid) returns public.co_hosts
language sql
set search_path = ''
as $$
    select * from private.accept_co_host_invitation(p_invitation_id)
$$;
grant execute on function public.accept_co_host_invitation to authenticated;
comment on function public.accept_co_host_invitation is
    'Accepts an invitation to the confirmed address of the caller, who becomes a co-host. To decline, delete the invitation.';
