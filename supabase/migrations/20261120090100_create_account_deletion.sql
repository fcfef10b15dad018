-- Purpose: a person leaves.

create function private.account_deletion_blockers_of_stays(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    (
        select 'hosted_property', format('"%s" is %s. %s', p.title, p.status,
            case p.status when 'draft' then 'Delete it.' when 'suspended' then 'Ask support.' else 'Archive it.' end), p.id
        from public.properties p
        where p.host_id = p_person and p.status <> 'archived'
        order by p.created_at, p.id
    )
    union all
    (
        select
            case when b.guest_id = p_person then 'open_trip' else 'hosted_trip' end,
            format(
                'The stay at "%s" from %s to %s is %s. %s', b.property_title, b.check_in, b.check_out, replace(b.status::text, '_', ' '),
                case when b.status = 'confirmed' then 'Cancel it or wait until it is over.' else 'Give it up, or wait until it ends.' end
            ),
            b.id
        from private.bookings b
        where
            p_person in (b.guest_id, b.host_id)
            and (b.expires_at > now() or b.status = 'confirmed' and b.check_out_at > now())
        order by b.check_in, b.id
    )
$$;

comment on function private.account_deletion_blockers_of_stays is 'What of properties and bookings keeps a person from deleting their account. Called by account_deletion_blockers.';

create function private.account_deletion_blockers_of_money(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select 'open_payment', format('A payment for "%s" is being processed.', b.property_title), p.id
    from public.payments p
    join private.bookings b on b.id = p.booking_id
    where p.guest_id = p_person and p.status in ('processing', 'authorized')
    union all
    select 'open_refund', format('A refund for "%s" is on its way.', b.property_title), b.id
    from private.bookings b
    where
        b.guest_id = p_person
        and (
            private.ledger_balance('guest', p_person, b.currency, b.id) < 0
            or exists (select from public.refunds r where r.booking_id = b.id and r.status = 'pending')
        )
    union all
    (
        select
            case when sum(e.amount) < 0 then 'open_payout' else 'open_debt' end,
            format(case when sum(e.amount) < 0 then 'You have not been paid all of "%s".' else 'You owe money of "%s".' end, b.property_title),
            b.id
        from private.ledger_accounts a
        join private.ledger_entries e on e.account_id = a.id
        join private.bookings b on b.id = e.booking_id
        where a.party_id = p_person and a.purpose = 'host_payable'
        group by b.id, b.property_title
        having sum(e.amount) <> 0 or exists (select from public.payouts y where y.booking_id = b.id and y.status = 'pending')
        order by b.id
    )
    union all
    select 'open_dispute', format('A guest''s bank disputes a payment for "%s".', b.property_title), b.id
    from public.disputes d
    join private.bookings b on b.id = d.booking_id
    where p_person in (b.guest_id, b.host_id) and d.status not in ('won', 'lost', 'warning_closed')
$$;
comment on function private.account_deletion_blockers_of_money is 'What of money keeps a person from deleting their account. Called by account_deletion_blockers.';

create function private.account_deletion_blockers(p_person uuid) returns table (code text, message text, id uuid)
language sql stable
set search_path = ''
as $$
    select o.code, o.message, o.id from private.account_deletion_blockers_of_stays(p_person) o
    union all
    select o.code, o.message, o.id from private.account_deletion_blockers_of_money(p_person) o
    union all
    (
        select
            'open_review_window',
            format('The stay at "%s" until %s can be reviewed until %s.', b.property_title, b.check_out, private.review_window_ends_at(b)),
            b.id
        from private.bookings b
        where
            p_person in (b.guest_id, b.host_id) and b.status in ('confirmed', 'completed') and b.check_out_at <= now()
            and b.check_out_at > now() - private.duration('review_window') - interval '1 day'
            and private.review_window_ends_at(b) > now()
            -- both are in: there is nothing more to write
            and not exists (select from public.reviews r where r.booking_id = b.id and r.publishes_at <= now())
        order by b.check_out, b.id
    )
$$;
comment on function private.account_deletion_blockers is
    'What keeps a person from deleting their account; no row when nothing does. Called by refuse_account_deletion.';

create function private.refuse_account_deletion() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_obstacles jsonb;
begin
    -- whoever makes something for this person at this moment is waited for, and then waits
    perform from public.profiles p where p.id = old.id for update;
    select jsonb_agg(jsonb_build_object('code', o.code, 'message', o.message, 'id', o.id)) into v_obstacles
    from private.account_deletion_blockers(old.id) o;
    if v_obstacles is not null then
        raise sqlstate 'PT409' using
            message = 'This account cannot be deleted yet.',
            detail = v_obstacles::text,
            hint = 'Settle what is listed, then delete the account.';
    end if;
    return old;
end
$$;
comment on function private.refuse_account_deletion is
    'Trigger on auth.users: refuses the deletion, an administrator''s too, with the list of what stands in the way as JSON. Definer, because Auth''s own role may not read public.';

create trigger refuse_account_deletion before delete on auth.users for each row execute function private.refuse_account_deletion();

create function private.anonymize_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    update public.profiles
    set
        display_name = 'Deleted account', avatar_path = null, about = '', languages = '{}',
        identity_verified = false, deleted_at = now()
    where id = old.id;

    -- what hangs on archived properties and says where or how somebody lived; bookings keep title and city
    delete from public.property_addresses a using public.properties p where p.id = a.property_id and p.host_id = old.id;
    delete from public.property_photos f using public.properties p where p.id = f.property_id and p.host_id = old.id;
    delete from public.property_taxes t using public.properties p where p.id = t.property_id and p.host_id = old.id;
    delete from public.co_hosts c using public.properties p where p.id = c.property_id and p.host_id = old.id;
    delete from public.co_hosts c where c.profile_id = old.id;
    delete from public.co_host_invitations i where i.invited_by = old.id or i.email = lower(old.email);

    -- photos of a property stay with it, whoever uploaded them
    perform private.enqueue_job(
        'object_removals', jsonb_build_object('bucket', o.bucket_id, 'path', o.name), 'remove-objects'
    )
    from storage.objects o
    where o.owner_id = old.id::text and o.bucket_id <> 'property-photos';
    return null;
end
$$;
comment on function private.anonymize_person is
    'Trigger on auth.users: anonymises the profile, removes what archived properties tell of the host, ends co-hosting, and queues the removal of the person''s files. Definer, because it runs as Auth''s role or as the deleting person.';

create function private.delete_correspondence() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from public.notifications n where n.recipient_id = old.id;
    delete from public.notification_preferences p where p.profile_id = old.id;
    delete from public.notification_settings s where s.profile_id = old.id;
    delete from public.wishlists w where w.owner_id = old.id;
    delete from public.wishlist_members m where m.profile_id = old.id;
    delete from public.webhook_endpoints e where e.owner_id = old.id;
    delete from public.blocked_profiles b where old.id in (b.blocker_id, b.blocked_id);
    delete from public.thread_reads r where r.profile_id = old.id;
    delete from private.bounced_addresses b where b.email = lower(old.email);
    delete from public.payment_methods m where m.profile_id = old.id;
    delete from private.stripe_customers c where c.profile_id = old.id;
    delete from public.payout_accounts a where a.profile_id = old.id;
    delete from public.host_blocks h using public.properties p where p.id = h.property_id and p.host_id = old.id;
    update public.wishlist_items i set note = '' where i.added_by = old.id;
    -- what others were told keeps no name
    update public.notifications n set data = n.data || jsonb_build_object(c.name, 'Deleted account')
    from private.bookings b
    cross join lateral (select case when b.guest_id = old.id then 'guest_name' else 'host_name' end as name) c
    where old.id in (b.guest_id, b.host_id) and n.booking_id = b.id and n.data ? c.name;
    update public.notifications n set data = n.data || '{"sender_name": "Deleted account"}'
    from public.messages m
    where m.sender_id = old.id and n.kind = 'message_received' and n.dedupe_key = 'message:' || m.id;
    return null;
end
$$;
comment on function private.delete_correspondence is
    'Trigger on auth.users: deletes what only the person used, and their name from what others were told. Ledger, payments, published reviews and messages stay with those who read them, under the name "Deleted account"; files go with anonymize_person. Definer, because it runs as Auth''s role or as the deleting person.';
create trigger delete_correspondence after delete on auth.users for each row execute function private.delete_correspondence();

create trigger anonymize_person after delete on auth.users for each row execute function private.anonymize_person();

create function private.delete_account() returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from auth.users where id = auth.uid();
    if not found then
        raise sqlstate 'PT401' using message = 'You are not signed in.', hint = 'Sign in and send the access token.';
    end if;
end
$$;
grant execute on function private.delete_account to authenticated;
comment on function private.delete_account is 'Deletes the caller''s user. Called by public.delete_account. Definer, because no API role may write to auth.users.';

create function public.delete_account() returns void
language sql
set search_path = ''
as $$
    select private.delete_account()
$$;
grant execute on function public.delete_account to authenticated;
comment on function public.delete_account is
    'Deletes the caller''s account: sign-in, private data and files go, the public profile stays as "Deleted account".';
