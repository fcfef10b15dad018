-- Purpose: people. The public profile, the private account beside it (split where the permission boundary runs), roles.
-- Touches: public.profiles, public.accounts, public.user_roles, triggers on auth.users.
-- Watch: rows are made by the trigger on auth.users alone. A profile outlives its user, anonymised, because bookings and the
-- ledger point to it; so profiles.id has no foreign key to auth.users.

create table public.profiles (
    id uuid constraint profiles_pkey primary key,
    display_name text not null constraint profiles_display_name_is_plain
        check (display_name ~ '\S' and private.is_plain_text(display_name, 50) and display_name !~ '[\n\t]'),
    avatar_path text constraint profiles_avatar_path_is_own
        check (avatar_path ~ '^[0-9a-f-]{36}/[\w.-]{1,100}$' and split_part(avatar_path, '/', 1) = id::text),
    about text not null default '' constraint profiles_about_is_plain check (private.is_plain_text(about, 2000)),
    languages text[] not null default '{}' constraint profiles_languages_are_tags
        check (cardinality(languages) <= 20 and array_to_string(languages, ' ', '?') ~ '^([a-z]{2,3}(-[A-Z]{2})?( |$))*$'),
    is_host boolean not null default false,
    identity_verified boolean not null default false,
    member_since date not null default current_date,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.profiles is 'What everyone may see of a person. One row per account; it stays, anonymised, after the account is deleted.';
comment on column public.profiles.id is 'The same as auth.users.id.';
comment on column public.profiles.display_name is 'First name or nickname, 1 to 50 characters.';
comment on column public.profiles.avatar_path is 'Path in the Storage bucket `avatars`, in the folder named by the profile''s id.';
comment on column public.profiles.about is 'Plain text of up to 2,000 characters.';
comment on column public.profiles.languages is 'BCP 47 tags of the languages the person speaks, such as {en,pt-BR}.';
comment on column public.profiles.is_host is 'Has, or has had, a published property. Kept by the database.';
comment on column public.profiles.identity_verified is 'Set by the service that verifies identities.';
comment on column public.profiles.member_since is 'Date of sign-up, UTC.';
comment on column public.profiles.deleted_at is 'Set when the account was deleted and this row anonymised.';

create table public.accounts (
    id uuid constraint accounts_pkey primary key
        constraint accounts_user_fkey references auth.users (id) on delete cascade,
    legal_name text constraint accounts_legal_name_is_plain
        check (legal_name ~ '\S' and private.is_plain_text(legal_name, 200) and legal_name !~ '[\n\t]'),
    phone text constraint accounts_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    locale text not null default 'en' constraint accounts_locale_is_tag check (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    currency text not null default 'USD'
        constraint accounts_currency_fkey references public.currencies (code) on delete restrict,
    -- Adults only. The rule uses today's date and stays true once it was.
    birth_date date constraint accounts_birth_date_is_adult
        check (birth_date between '1900-01-01' and (current_date - interval '18 years')::date),
    payout_country text constraint accounts_payout_country_is_iso check (payout_country ~ '^[A-Z]{2}$'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.accounts is 'What only the person and operators may see. Deleted with the account.';
comment on column public.accounts.legal_name is 'Name as on the identity document.';
comment on column public.accounts.phone is 'E.164, such as +351912345678.';
comment on column public.accounts.locale is 'BCP 47 tag for mails and formats.';
comment on column public.accounts.currency is 'ISO 4217 code that prices are shown in.';
comment on column public.accounts.birth_date is 'At least 18 years ago.';
comment on column public.accounts.payout_country is 'ISO 3166-1 alpha-2 code of the country that payouts go to.';

create index accounts_currency_idx on public.accounts (currency);

create type public.user_role as enum ('operator');
comment on type public.user_role is 'Roles beyond that of any signed-in person. Operators moderate and resolve.';

create table public.user_roles (
    user_id uuid not null constraint user_roles_user_fkey references auth.users (id) on delete cascade,
    role public.user_role not null,
    granted_by uuid default auth.uid() constraint user_roles_granted_by_fkey references public.profiles (id) on delete restrict,
    granted_at timestamptz not null default now(),
    constraint user_roles_pkey primary key (user_id, role)
);
comment on table public.user_roles is 'Who holds which role. Written by operators and the service role; carried in tokens as app_metadata.roles.';
comment on column public.user_roles.granted_by is 'The operator who granted it; null when the service role did.';
comment on column public.user_roles.granted_at is 'When it was granted.';

create index user_roles_granted_by_idx on public.user_roles (granted_by);

alter table public.profiles enable row level security;
alter table public.accounts enable row level security;
alter table public.user_roles enable row level security;

grant select on public.profiles to anon, authenticated;
grant update (display_name, avatar_path, about, languages) on public.profiles to authenticated;
grant select on public.accounts to authenticated;
grant update (legal_name, phone, locale, currency, birth_date, payout_country) on public.accounts to authenticated;
grant select, delete on public.user_roles to authenticated;
grant insert (user_id, role) on public.user_roles to authenticated;
grant select, update on public.profiles, public.accounts to service_role;
grant select, insert, delete on public.user_roles to service_role;

create function private.is_operator() returns boolean
language sql stable security definer
set search_path = ''
as $$
    select case
        when coalesce(auth.jwt() -> 'app_metadata' -> 'roles' ? 'operator', false) then exists (
            select from public.user_roles r where r.user_id = auth.uid() and r.role = 'operator'
        )
        else false
    end
$$;
grant execute on function private.is_operator to anon, authenticated, service_role;
comment on function private.is_operator is
    'Whether the caller is an operator. For anyone else the token alone decides, without a look at a table; for an operator the role is read too, once a statement when wrapped in (select ...), so that a revoked role ends at once and not with the token. Definer, because policies of user_roles call it.';

create policy "Anyone can read profiles" on public.profiles for select to anon, authenticated using (true);
create policy "People can update their own profile" on public.profiles for update to authenticated
    using (id = (select auth.uid()) and deleted_at is null)
    with check (id = (select auth.uid()));

create policy "People can read their own account, operators any" on public.accounts for select to authenticated
    using (id = (select auth.uid()) or (select private.is_operator()));
create policy "People can update their own account" on public.accounts for update to authenticated
    using (id = (select auth.uid()))
    with check (id = (select auth.uid()));

create policy "People can read their own roles, operators any" on public.user_roles for select to authenticated
    using (user_id = (select auth.uid()) or (select private.is_operator()));
create policy "Operators can grant roles" on public.user_roles for insert to authenticated
    with check ((select private.is_operator()));
create policy "Operators can revoke roles" on public.user_roles for delete to authenticated
    using ((select private.is_operator()));

create trigger _800_set_updated_at before update on public.profiles for each row execute function private.set_updated_at();
create trigger _800_set_updated_at before update on public.accounts for each row execute function private.set_updated_at();

create function private.create_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_meta jsonb := coalesce(new.raw_user_meta_data, '{}');
    v_name text := btrim(regexp_replace(
        coalesce(v_meta ->> 'display_name', v_meta ->> 'first_name', v_meta ->> 'given_name',
            split_part(coalesce(v_meta ->> 'full_name', v_meta ->> 'name', ''), ' ', 1)),
        '\s+', ' ', 'g'
    ));
    v_locale text := v_meta ->> 'locale';
    v_currency text := v_meta ->> 'currency';
begin
    insert into public.profiles (id, display_name)
    values (new.id, case when v_name <> '' and private.is_plain_text(v_name, 50) then v_name else 'New member' end);

    insert into public.accounts (id, locale, currency)
    values (
        new.id,
        case when v_locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$' then v_locale else 'en' end,
        coalesce((select c.code from public.currencies c where c.code = v_currency), 'USD')
    );
    return null;
end
$$;
comment on function private.create_person is
    'Trigger on auth.users: makes profile and account. Takes a name, a locale and a currency from the metadata that the client sent, when they are well-formed, and nothing else; whatever it holds, it never stops a sign-up. Definer, because Auth''s own role may not write to public.';

create trigger create_person after insert on auth.users for each row execute function private.create_person();

create function private.publish_roles() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_user uuid := coalesce(new.user_id, old.user_id);
begin
    update auth.users u
    set raw_app_meta_data = jsonb_set(
        coalesce(u.raw_app_meta_data, '{}'),
        '{roles}',
        (select coalesce(jsonb_agg(r.role order by r.role), '[]') from public.user_roles r where r.user_id = v_user)
    )
    where u.id = v_user;
    return null;
end
$$;
comment on function private.publish_roles is
    'Trigger: writes a person''s roles to the app_metadata that Auth puts into tokens; the next refresh of the token carries them. Definer, because no API role may write to auth.users.';

create trigger _200_publish_roles after insert or update or delete on public.user_roles
    for each row execute function private.publish_roles();
