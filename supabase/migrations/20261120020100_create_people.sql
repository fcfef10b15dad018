-- Purpose: people. The public profile, the private account (a table of its own, because other people may not read it) and roles.
-- Touches: public.profiles, public.accounts, public.user_roles, private.is_operator, triggers on auth.users.
-- Watch: only the trigger on auth.users creates profiles and accounts; the policies for inserts serve upserts. A profile outlives its user, anonymised, because bookings
-- and the ledger refer to it; so profiles.id has no foreign key to auth.users.

insert into private.errors (code, status, message, hint) values
    ('display_name_is_plain', 422, 'A display name is one line of 1 to 50 characters of plain text.', 'Send a first name or nickname without HTML and control characters.'),
    ('display_name_is_reserved', 422, 'This display name looks like one of the platform or its operators.', 'Send your own first name or a nickname.'),
    ('avatar_path_is_own', 422, 'The path of an avatar is your own id, a slash and a file name.', 'Send the path that the function files answered.'),
    ('about_is_plain', 422, 'The text about you is up to 2,000 characters of plain text.', 'Shorten it, and remove HTML and control characters.'),
    ('languages_are_tags', 422, 'Languages are up to 20 BCP 47 tags, such as en or pt-BR.', 'Send a list of tags: {en,pt-BR}.'),
    ('legal_name_is_plain', 422, 'A legal name is one line of 1 to 200 characters of plain text.', 'Send the name on your identity document.'),
    ('phone_is_e164', 422, 'A phone number is a plus sign and 7 to 15 digits.', 'Send it with its country code and without spaces, such as +351912345678.'),
    ('locale_is_tag', 422, 'A locale is a BCP 47 tag, such as en or pt-BR.', 'Send a language of two or three small letters, with or without a country.'),
    ('birth_date_is_adult', 422, 'You must be at least 18 years old.', 'Send your date of birth, such as 1990-02-28.'),
    ('payout_country_is_iso', 422, 'The country of payouts is an ISO 3166-1 code of two capital letters.', 'Send a code such as PT.'),
    ('user_was_deleted', 409, 'The account of this user was deleted.', 'Choose a user who still has an account.');

create table public.profiles (
    id uuid constraint profiles_pkey primary key,
    display_name text not null constraint profiles_display_name_is_plain
        check (display_name ~ '\S' and private.is_plain_text(display_name, 50) and display_name !~ '[\n\t]'),
    avatar_path text constraint profiles_avatar_path_is_own
        check (avatar_path ~ '^[0-9a-f-]{36}/[0-9A-Za-z_.-]{1,100}$' and split_part(avatar_path, '/', 1) = id::text),
    about text not null default '' constraint profiles_about_is_plain check (private.is_plain_text(about, 2000)),
    languages text[] not null default '{}' constraint profiles_languages_are_tags
        check (cardinality(languages) <= 20 and array_to_string(languages, ' ', '?') ~ '^([a-z]{2,3}(-[A-Z]{2})?( |$))*$'),
    is_host boolean not null default false,
    identity_verified boolean not null default false,
    member_since date not null default now()::date,
    deleted_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.profiles is 'Public profiles, one for each account. A profile stays, anonymised, after its account is deleted.';
comment on column public.profiles.id is 'The same as auth.users.id.';
comment on column public.profiles.display_name is 'First name or nickname, 1 to 50 characters.';
comment on column public.profiles.avatar_path is 'Path in the Storage bucket `avatars`, as the function files answered it.';
comment on column public.profiles.about is 'Plain text of up to 2,000 characters.';
comment on column public.profiles.languages is 'BCP 47 tags of the languages the person speaks, such as {en,pt-BR}.';
comment on column public.profiles.is_host is 'Whether the person has ever published a property. Set by the database.';
comment on column public.profiles.identity_verified is 'Whether the identity was verified. Set by the service role.';
comment on column public.profiles.member_since is 'Date of sign-up in UTC.';
comment on column public.profiles.deleted_at is 'When the account was deleted and this row anonymised; null while the account exists.';

create table public.accounts (
    id uuid constraint accounts_pkey primary key
        constraint accounts_user_fkey references auth.users (id) on delete cascade,
    legal_name text constraint accounts_legal_name_is_plain
        check (legal_name ~ '\S' and private.is_plain_text(legal_name, 200) and legal_name !~ '[\n\t]'),
    phone text constraint accounts_phone_is_e164 check (phone ~ '^\+[1-9][0-9]{6,14}$'),
    locale text not null default 'en' constraint accounts_locale_is_tag check (locale ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    currency text not null default 'USD'
        constraint accounts_currency_fkey references public.currencies (code) on delete restrict,
    -- Adults only. The rule depends on today's date; a row that satisfied it once always will.
    birth_date date constraint accounts_birth_date_is_adult
        check (birth_date between '1900-01-01' and (now()::date - interval '18 years')::date),
    payout_country text constraint accounts_payout_country_is_iso check (payout_country ~ '^[A-Z]{2}$'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.accounts is 'Private data of a person, readable by that person and operators. Deleted with the account.';
comment on column public.accounts.legal_name is 'Name on the identity document.';
comment on column public.accounts.phone is 'Phone number in E.164 format, such as +351912345678.';
comment on column public.accounts.locale is 'BCP 47 tag that mails and formats use.';
comment on column public.accounts.currency is 'ISO 4217 code of the currency in which prices are shown.';
comment on column public.accounts.birth_date is 'Date of birth, at least 18 years ago.';
comment on column public.accounts.payout_country is 'ISO 3166-1 alpha-2 code of the country that receives the payouts.';

create index accounts_currency_idx on public.accounts (currency);

create type public.user_role as enum ('operator');
comment on type public.user_role is 'Roles that give a user more rights. Operators moderate content and help with problems.';

create table public.user_roles (
    user_id uuid not null constraint user_roles_user_fkey references auth.users (id) on delete cascade,
    role public.user_role not null,
    granted_by uuid default auth.uid() constraint user_roles_granted_by_fkey references public.profiles (id) on delete restrict,
    granted_at timestamptz not null default now(),
    constraint user_roles_pkey primary key (user_id, role)
);
comment on table public.user_roles is 'Roles of users. Operators and the service role grant and revoke them; access tokens carry them as app_metadata.roles.';
comment on column public.user_roles.granted_by is 'The operator who granted the role; null when the service role did.';
comment on column public.user_roles.granted_at is 'When the role was granted.';

create index user_roles_granted_by_idx on public.user_roles (granted_by);

alter table public.profiles enable row level security;
alter table public.accounts enable row level security;
alter table public.user_roles enable row level security;

grant select on public.profiles to anon, authenticated;
-- inserts and the id, because an upsert of PostgREST inserts a row or sets every column it was sent
grant insert (id, display_name, avatar_path, about, languages), update (id, display_name, avatar_path, about, languages)
    on public.profiles to authenticated;
grant select on public.accounts to authenticated;
grant insert (id, legal_name, phone, locale, currency, birth_date, payout_country),
    update (id, legal_name, phone, locale, currency, birth_date, payout_country) on public.accounts to authenticated;
grant select, delete on public.user_roles to authenticated;
grant insert (user_id, role) on public.user_roles to authenticated;
grant select on public.profiles, public.accounts to service_role;
grant update (display_name, avatar_path, about, languages, identity_verified) on public.profiles to service_role;
grant update (legal_name, phone, locale, currency, birth_date, payout_country) on public.accounts to service_role;
grant select, delete on public.user_roles to service_role;
grant insert (user_id, role) on public.user_roles to service_role;

-- in PL/pgSQL, which keeps its plan: every request asks
create function private.is_operator() returns boolean
language plpgsql stable security definer
set search_path = ''
as $$
begin
    -- most callers are none, and need not have their token parsed
    if position('operator' in concat(current_setting('request.jwt.claim', true), current_setting('request.jwt.claims', true))) = 0 then
        return false;
    elsif coalesce(auth.jwt() -> 'app_metadata' -> 'roles' ? 'operator', false) then
        return exists (select from public.user_roles r where r.user_id = auth.uid() and r.role = 'operator');
    end if;
    return false;
end
$$;
grant execute on function private.is_operator to anon, authenticated, service_role;
comment on function private.is_operator is
    'Whether the caller is an operator: the token says so and user_roles still confirms it, so a revoked role ends at once. Definer, because policies of user_roles call it.';

-- these two in PL/pgSQL, which keeps their plans: lists call them
create function private.reads_everything() returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
    return current_user <> 'authenticated';
end
$$;
grant execute on function private.reads_everything to authenticated, service_role;
comment on function private.reads_everything is
    'Whether the caller reads the rows of everyone: an operator or a service. Policies decide what the caller may read; this decides how it is looked up.';

create function private.reader() returns uuid
language plpgsql stable
set search_path = ''
as $$
begin
    return case when private.reads_everything() then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid else auth.uid() end;
end
$$;
grant execute on function private.reader to authenticated, service_role;
comment on function private.reader is 'Returns the party whose rows the caller reads; the highest id stands for everyone.';

create policy "Anyone can read profiles" on public.profiles for select to anon, authenticated using (true);
create policy "People can upsert their own profile" on public.profiles for insert to authenticated
    with check (id = (select auth.uid()) and exists (select from public.profiles p where p.id = profiles.id));
create policy "People can update their own profile" on public.profiles for update to authenticated
    using (id = (select auth.uid()) and deleted_at is null)
    with check (id = (select auth.uid()));

create policy "People can read their own account" on public.accounts for select to authenticated using (id = (select auth.uid()));
create policy "Operators can read any" on public.accounts for select to operator using (true);
create policy "People can upsert their own account" on public.accounts for insert to authenticated
    with check (
        id = (select auth.uid())
        and exists (select from public.profiles p where p.id = accounts.id and p.deleted_at is null)
    );
create policy "People can update their own account" on public.accounts for update to authenticated
    using (id = (select auth.uid()))
    with check (id = (select auth.uid()));

create policy "People can read their own roles" on public.user_roles for select to authenticated
    using (user_id = (select auth.uid()));
create policy "Operators can read any" on public.user_roles for select to operator using (true);
create policy "Operators can grant roles" on public.user_roles for insert to authenticated
    with check ((select private.is_operator()));
create policy "Operators can revoke roles" on public.user_roles for delete to authenticated
    using ((select private.is_operator()));

create function private.check_new_role() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if exists (select from public.profiles p where p.id = new.user_id and p.deleted_at is not null) then
        perform private.raise_error('user_was_deleted');
    end if;
    return new;
end
$$;
comment on function private.check_new_role is 'Trigger: refuses a role for a user whose account was deleted, because only the profile still exists.';

create function private.name_skeleton(p_name text) returns text
language sql immutable
set search_path = ''
as $$
    select replace(replace(
        regexp_replace(
            translate(
                -- marks fall away once letters are decomposed, and so does everything that is no letter or digit
                lower(regexp_replace(normalize(p_name, NFKD), '[\u0300-\u036f\u200c\u200d]', '', 'g')),
                -- cspell:disable
                'аеорсухіјѕԁһԛԝкмтнвгпизαβεηικνορτυχγωσµıłɑɡɩոսօցհյքᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢɴʀʟʏɪꜱʙɢʜøđß01345789@$!|l€',
                'aeopcyxijsdhqwkmthbrnueabenikvoptuxywouilaginuoghjqacdejkmoptuvwznrlyisbghodsoieastbgasiiie'
                -- cspell:enable
            ),
            '[^[:alnum:]]', '', 'g'
        ), 'rn', 'm'), 'vv', 'w')
$$;
comment on function private.name_skeleton is
    'What a reader sees in a name: two names with one skeleton look alike, whatever their case, spacing, accents and letters of other scripts.';

create function private.is_reserved_name(p_name text, p_person uuid) returns boolean
language sql stable security definer
set search_path = ''
as $$
    select s.skeleton like '%' || private.name_skeleton('staybase') || '%'
        or exists (
            select from unnest('{support,admin,administrator,moderator,operator,help desk,helpdesk,customer service,customer support,customer care,security,
                official,team,staff,trust and safety,billing,no reply,deleted account,system}'::text[]) as r (word)
            where s.skeleton in (
                private.name_skeleton(r.word), private.name_skeleton(r.word || ' team'), private.name_skeleton('the ' || r.word), private.name_skeleton('the ' || r.word || ' team'),
                private.name_skeleton('official ' || r.word), private.name_skeleton(r.word || 's')
            )
        )
        -- a first name alone identifies no operator
        or exists (
            select from public.user_roles o
            join public.profiles p on p.id = o.user_id
            where o.role = 'operator' and p.id <> p_person and p.display_name ~ '\S\s+\S' and private.name_skeleton(p.display_name) = s.skeleton
        )
    from (select private.name_skeleton(p_name) as skeleton) s
$$;
comment on function private.is_reserved_name is
    'Whether a name looks like one of the platform, its staff, or the full name of an operator other than p_person. Definer, because it reads roles.';

create function private.refuse_reserved_name() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if auth.uid() is not null and not (select private.is_operator()) and private.is_reserved_name(new.display_name, new.id) then
        perform private.raise_error('display_name_is_reserved');
    end if;
    return new;
end
$$;
comment on function private.refuse_reserved_name is
    'Trigger: refuses display names of the platform and its operators, except for operators. Definer, because it reads roles.';
create trigger _200_refuse_reserved_name before update of display_name on public.profiles for each row
    when (new.display_name is distinct from old.display_name and octet_length(new.display_name) <= 400 and new.deleted_at is null)
    execute function private.refuse_reserved_name();
create trigger _010_keep_key before update of id on public.profiles for each row
    when ((old.id) is distinct from (new.id)) execute function private.keep_key('id');
create trigger _800_set_updated_at before update on public.profiles for each row execute function private.set_updated_at();
select private.install_row_checks('public.profiles');
create trigger _010_keep_key before update of id on public.accounts for each row
    when ((old.id) is distinct from (new.id)) execute function private.keep_key('id');
create trigger _800_set_updated_at before update on public.accounts for each row execute function private.set_updated_at();
select private.install_row_checks('public.accounts');
create trigger _200_check_new_role before insert on public.user_roles for each row execute function private.check_new_role();
select private.install_row_checks('public.user_roles');

create function private.create_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_meta jsonb := coalesce(new.raw_user_meta_data, '{}');
    v_name text := btrim(regexp_replace(
        left(coalesce(v_meta ->> 'display_name', v_meta ->> 'first_name', v_meta ->> 'given_name',
            split_part(coalesce(v_meta ->> 'full_name', v_meta ->> 'name', ''), ' ', 1)), 1000),
        '\s+', ' ', 'g'
    ));
    v_locale text := v_meta ->> 'locale';
    v_currency text := v_meta ->> 'currency';
begin
    if session_user = 'supabase_auth_admin' and private.is_paused('all') then
        perform private.raise_error('operations_paused');
    end if;
    insert into public.profiles (id, display_name)
    values (new.id, case when v_name <> '' and private.is_plain_text(v_name, 50) and not private.is_reserved_name(v_name, new.id) then v_name else 'New member' end);

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
    'Trigger: creates the profile and account of a new user, with the name, locale and currency of the sign-up metadata where they are valid; bad metadata never stops a sign-up, but a pause of everything does. Definer, because the role of Auth may not write to public.';

create trigger create_person after insert on auth.users for each row execute function private.create_person();

create function private.publish_roles() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    update auth.users u
    set raw_app_meta_data = jsonb_set(
        coalesce(u.raw_app_meta_data, '{}'),
        '{roles}',
        (select coalesce(jsonb_agg(r.role order by r.role), '[]') from public.user_roles r where r.user_id = u.id)
    )
    where u.id in (old.user_id, new.user_id);
    return null;
end
$$;
comment on function private.publish_roles is
    'Trigger: copies the roles of a user to the app_metadata that Auth puts into the next access token. Definer, because no API role may write to auth.users.';

create trigger _200_publish_roles after insert or update or delete on public.user_roles
    for each row execute function private.publish_roles();
