-- Purpose: how many nights a guest may keep from others without paying for them.
-- Touches: the settings of these limits; private.guest_limits, unpaid_stay, unpaid_extensions, unpaid_room_at, retry_details, refuse_unpaid_excess,
-- refuse_unpaid_booking, lock_guest_of.
-- Watch: callers hold the lock of the guest's profile, so that two requests of one guest never count at once. One stay alone may be as
-- long as its property allows: a limit of nights counts only beside another unpaid booking.

insert into private.errors (code, status, message, hint) values
    ('email_not_confirmed', 403, 'Your e-mail address is not confirmed.', 'Enter the code or open the link of the mail that you received when you signed up; Auth sends another one.'),
    ('too_many_unpaid_bookings', 429, 'You have too many bookings or nights that are not paid yet.', 'Pay for one, give one up, or try again in {retry_after} seconds.'),
    ('too_many_unpaid_at_property', 429, 'You have too many bookings or nights of this property that are not paid yet.', 'Pay for one, give one up, or try again in {retry_after} seconds.'),
    ('too_many_given_up', 429, 'You gave up too many bookings, or let them expire.', 'Try again in {retry_after} seconds.'),
    ('too_many_given_up_at_property', 429, 'You gave up too many bookings of this property, or let them expire.', 'Try again in {retry_after} seconds, or book another property.');

insert into private.settings (name, value, description) values
    ('unpaid_bookings', '10', 'How many unpaid holds and requests a guest may have at once.'),
    ('unpaid_nights', '120', 'How many nights they may have together.'),
    ('unpaid_bookings_at_property', '4', 'How many unpaid holds and requests a guest may have at one property at once.'),
    ('unpaid_nights_at_property', '31', 'How many nights they may have together.'),
    ('given_up', '20', 'After how many withdrawn or expired holds and requests, within unpaid_pause, a guest has to wait.'),
    ('given_up_at_property', '6', 'After how many withdrawn or expired holds and requests of one property, within unpaid_pause, a guest has to wait.'),
    ('unpaid_pause', '24 hours', 'How long a withdrawn or expired hold or request counts.'),
    ('young_account', '7 days', 'How long an account is young.'),
    ('young_account_share', '0.5', 'The share of these limits that a young account has, rounded up.');

create index bookings_guest_id_confirmed_idx on private.bookings (guest_id, check_out_at) where status = 'confirmed';
create index bookings_guest_id_given_up_idx on private.bookings (guest_id, status_at) where status in ('withdrawn', 'expired');

-- in PL/pgSQL, like the next ones: it keeps their plans, and every booking calls them
create function private.guest_limits(p_guest_id uuid, p_now timestamptz, variadic p_settings text[]) returns integer[]
language plpgsql stable
set search_path = ''
as $$
declare
    v_share constant numeric := case
        when exists (
            select from public.accounts a where a.id = p_guest_id and a.created_at > p_now - private.duration('young_account')
        ) then (select s.value::numeric from private.settings s where s.name = 'young_account_share')
        else 1
    end;
begin
    return array(
        select ceil(s.value::numeric * v_share)::integer
        from private.settings s
        where s.name = any (p_settings)
        order by array_position(p_settings, s.name)
    );
end
$$;
comment on function private.guest_limits is
    'The values of limits for a guest, in the order in which they are named: a young account has a share of them.';

create type private.unpaid_stay as (property_id uuid, nights integer, ends_at timestamptz);
comment on type private.unpaid_stay is 'Nights that a guest keeps without having paid for them, and until when.';

create function private.unpaid_extensions(p_guest_id uuid, p_now timestamptz)
returns setof private.unpaid_stay
language plpgsql stable
set search_path = ''
as $$
begin
    return query
    select b.property_id, ceil(b.nights * b.units * d.due::numeric / b.guest_total)::integer, b.check_out_at
    from private.bookings b
    cross join lateral (select least(private.chargeable_due(b, p_now), b.guest_total) as due) d
    where b.guest_id = p_guest_id and b.status = 'confirmed' and b.check_out_at > p_now and b.guest_total > 0 and d.due > 0;
end
$$;
comment on function private.unpaid_extensions is
    'The confirmed bookings of a guest whose card has not paid what is due, such as for nights that an alteration added, each with the share of its nights, in all its units, that is not paid.';

create function private.unpaid_room_at(
    p_unpaid private.unpaid_stay[], p_bookings integer, p_nights integer, p_most_bookings integer, p_most_nights integer, p_now timestamptz
)
returns timestamptz
language plpgsql stable
set search_path = ''
as $$
begin
    return (
        select min(m.at)
        from (select p_now as at union all select u.ends_at from unnest(p_unpaid) u) m
        cross join lateral (
            select count(*) as bookings, coalesce(sum(u.nights), 0) as nights from unnest(p_unpaid) u where u.ends_at > m.at
        ) as left_then
        where
            left_then.bookings + p_bookings <= p_most_bookings
            and (left_then.bookings = 0 or left_then.nights + p_nights <= p_most_nights)
    );
end
$$;
comment on function private.unpaid_room_at is
    'When unpaid bookings and extensions leave room for p_bookings more with p_nights nights: p_now, or the end of one of them.';

create function private.retry_details(p_at timestamptz, p_now timestamptz) returns jsonb
language sql immutable
set search_path = ''
as $$
    select jsonb_build_object('retry_at', p_at, 'retry_after', ceil(extract(epoch from p_at - p_now)))
$$;
comment on function private.retry_details is 'When a refused request can be sent again, as a time and in seconds.';

create function private.refuse_unpaid_excess(
    p_guest_id uuid, p_property_id uuid, p_bookings integer, p_nights integer, p_now timestamptz
)
returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_limits constant integer[] := private.guest_limits(
        p_guest_id, p_now, 'unpaid_bookings', 'unpaid_nights', 'unpaid_bookings_at_property', 'unpaid_nights_at_property'
    );
    v_unpaid constant private.unpaid_stay[] := array(
        select (b.property_id, b.nights * b.units, b.expires_at)::private.unpaid_stay
        from private.bookings b
        where b.guest_id = p_guest_id and b.expires_at > p_now
        union all
        select e from private.unpaid_extensions(p_guest_id, p_now) e
    );
    v_at timestamptz;
begin
    -- nothing counts beside the first stay but the number of bookings
    if v_unpaid = '{}' and p_bookings <= least(v_limits[1], v_limits[3]) then
        return;
    end if;
    v_at := private.unpaid_room_at(v_unpaid, p_bookings, p_nights, v_limits[1], v_limits[2], p_now);
    if v_at is distinct from p_now then
        perform private.raise_error('too_many_unpaid_bookings', private.retry_details(v_at, p_now));
    end if;
    v_at := private.unpaid_room_at(
        array(select u from unnest(v_unpaid) u where u.property_id = p_property_id), p_bookings, p_nights, v_limits[3], v_limits[4], p_now
    );
    if v_at is distinct from p_now then
        perform private.raise_error(
            'too_many_unpaid_at_property', private.retry_details(v_at, p_now) || jsonb_build_object('property_id', p_property_id)
        );
    end if;
end
$$;
comment on function private.refuse_unpaid_excess is
    'Raises an error, with the time to wait, when a guest would have too many unpaid bookings or nights with p_bookings more of p_nights nights at a property.';

create function private.refuse_unpaid_booking(p_guest_id uuid, p_property_id uuid, p_nights integer, p_now timestamptz) returns void
language plpgsql stable
set search_path = ''
as $$
declare
    v_limits integer[];
    v_pause constant interval := private.duration('unpaid_pause');
    -- when the guest gave up, the latest first: at any property, and at this one
    v_all timestamptz[];
    v_here timestamptz[];
    v_until timestamptz;
    v_done text;
begin
    if not exists (select from auth.users u where u.id = p_guest_id and u.email_confirmed_at is not null) then
        perform private.raise_error('email_not_confirmed');
    end if;
    v_done := private.refuse_unpaid_excess(p_guest_id, p_property_id, 1, p_nights, p_now);
    select array_agg(e.at order by e.at desc), array_agg(e.at order by e.at desc) filter (where e.property_id = p_property_id)
    into v_all, v_here
    from (
        select b.property_id, b.status_at as at
        from private.bookings b
        where b.guest_id = p_guest_id and b.status in ('withdrawn', 'expired') and b.status_at > p_now - v_pause
            -- one that expires with a reason was sold on another platform
            and (b.status <> 'expired' or b.status_reason is null)
        union all
        -- expired, but not recorded yet
        select b.property_id, b.expires_at
        from private.bookings b
        where b.guest_id = p_guest_id and b.expires_at between p_now - v_pause and p_now
    ) e;
    if v_all is null then
        return;
    end if;
    v_limits := private.guest_limits(p_guest_id, p_now, 'given_up', 'given_up_at_property');
    v_until := v_all[v_limits[1]] + v_pause;
    if v_until > p_now then
        perform private.raise_error('too_many_given_up', private.retry_details(v_until, p_now));
    end if;
    v_until := v_here[v_limits[2]] + v_pause;
    if v_until > p_now then
        perform private.raise_error(
            'too_many_given_up_at_property', private.retry_details(v_until, p_now) || jsonb_build_object('property_id', p_property_id)
        );
    end if;
end
$$;
comment on function private.refuse_unpaid_booking is
    'Raises an error when a guest may not hold p_nights more nights of a property: without a confirmed address, with too many unpaid ones, or after too many that were given up.';

create function private.lock_guest_of(p_booking_id uuid) returns void
language sql
set search_path = ''
as $$
    select from public.profiles g
    where g.id = (select b.guest_id from private.bookings b where b.id = p_booking_id)
    for no key update
$$;
comment on function private.lock_guest_of is 'Locks the profile of a booking''s guest, which comes before the property in the order of locks.';
