-- Purpose: deletion of accounts: what prevents it, and what is anonymised or deleted with the account.
-- Touches: private.erasures; triggers refuse_account_deletion and anonymize_person on auth.users; public.delete_account.
-- Watch: one function for each subject, called by anonymize_person in written order; a new table with personal data is added there.
-- Ledger, payments, published reviews and messages stay, under the name "Deleted account".

insert into private.errors (code, status, message, hint) values
    ('property_not_archived', 409, 'Your property "{title}" is {status}.', 'Archive it; delete it if it is a draft; ask support if it is suspended.'),
    ('open_trip', 409, 'Your stay at "{title}" from {check_in} to {check_out} is {status}.', 'Cancel it or wait until it is over; give up an unpaid hold or a request with DELETE on bookings.'),
    ('open_hosted_stay', 409, 'The stay that you host at "{title}" from {check_in} to {check_out} is {status}.', 'Cancel it or wait until it is over; decline a request.'),
    ('open_payment', 409, 'Your payment for "{title}" is being processed.', 'Wait until it is complete.'),
    ('open_refund', 409, 'Your refund for "{title}" is not complete yet.', 'Wait until it is complete.'),
    ('open_payout', 409, 'Your payout for "{title}" is not complete yet.', 'Complete your payout account, and wait for the payout.'),
    ('open_debt', 409, 'You owe money for the booking of "{title}".', 'Wait until it is deducted from another payout, or write to support.'),
    ('open_dispute', 409, 'A payment for "{title}" is disputed at the guest''s bank.', 'Wait until the bank has decided.'),
    ('open_review_window', 409, 'The stay at "{title}" until {check_out} can be reviewed until {reviewable_until}.', 'Wait until then, or until both sides have written their reviews.');

create function private.account_deletion_blockers_of_stays(p_person uuid) returns setof jsonb
language sql stable
set search_path = ''
as $$
    (
        select private.problem('property_not_archived', jsonb_build_object('id', p.id, 'title', p.title, 'status', p.status))
        from public.properties p
        where p.host_id = p_person and p.status <> 'archived'
        order by p.created_at, p.id
    )
    union all
    (
        select private.problem(
            case when b.guest_id = p_person then 'open_trip' else 'open_hosted_stay' end,
            jsonb_build_object('id', b.id, 'title', b.property_title, 'check_in', b.check_in, 'check_out', b.check_out, 'status', b.status)
        )
        from private.bookings b
        where
            p_person in (b.guest_id, b.host_id)
            and (b.expires_at > now() or b.status = 'confirmed' and b.check_out_at > now())
        order by b.check_in, b.id
    )
$$;
comment on function private.account_deletion_blockers_of_stays is
    'Returns the properties and bookings that prevent the deletion of an account.';

create function private.account_deletion_blockers_of_money(p_person uuid) returns setof jsonb
language sql stable
set search_path = ''
as $$
    select private.problem('open_payment', jsonb_build_object('id', p.id, 'title', b.property_title))
    from public.payments p
    join private.bookings b on b.id = p.booking_id
    where p.guest_id = p_person and p.status in ('processing', 'authorized')
    union all
    select private.problem('open_refund', jsonb_build_object('id', b.id, 'title', b.property_title))
    from private.bookings b
    where
        b.guest_id = p_person
        and (
            private.ledger_balance('guest', p_person, b.currency, b.id) < 0
            -- not exists: the planner would read all refunds for it
            or (select bool_or(r.status = 'pending') from public.refunds r where r.booking_id = b.id)
        )
    union all
    (
        select private.problem(
            case when o.balance > 0 then 'open_debt' else 'open_payout' end, jsonb_build_object('id', b.id, 'title', b.property_title)
        )
        from private.open_payables o
        join private.bookings b on b.id = o.booking_id
        where o.host_id = p_person
        order by b.id
    )
    union all
    -- from the bookings of the person, because all open disputes are more
    select private.problem('open_dispute', jsonb_build_object('id', b.id, 'title', b.property_title))
    from private.bookings b
    cross join lateral (
        select d.id from public.disputes d
        where d.booking_id = b.id and d.status not in ('won', 'lost', 'warning_closed')
        offset 0
    ) d
    where p_person in (b.guest_id, b.host_id)
$$;
comment on function private.account_deletion_blockers_of_money is
    'Returns the payments, refunds, payouts, debts and disputes that prevent the deletion of an account.';

create function private.account_deletion_blockers_of_reviews(p_person uuid) returns setof jsonb
language sql stable
set search_path = ''
as $$
    select private.problem('open_review_window', jsonb_build_object(
        'id', b.id, 'title', b.property_title, 'check_out', b.check_out, 'reviewable_until', private.review_window_ends_at(b)
    ))
    from private.bookings b
    where
        p_person in (b.guest_id, b.host_id) and b.status in ('confirmed', 'completed') and b.check_out_at <= now()
        and b.check_out_at > now() - private.duration('review_window') - interval '1 day'
        and private.review_window_ends_at(b) > now()
        -- when both sides have written, nothing more can be written
        and not exists (select from public.reviews r where r.booking_id = b.id and r.publishes_at <= now())
    order by b.check_out, b.id
$$;
comment on function private.account_deletion_blockers_of_reviews is
    'Returns the stays that can still be reviewed, which prevents the deletion of an account.';

create function private.account_deletion_blockers(p_person uuid) returns setof jsonb
language sql stable
set search_path = ''
as $$
    select private.account_deletion_blockers_of_stays(p_person)
    union all
    select private.account_deletion_blockers_of_money(p_person)
    union all
    select private.account_deletion_blockers_of_reviews(p_person)
$$;
comment on function private.account_deletion_blockers is
    'Returns everything that prevents the deletion of an account, as objects of private.problem with an id; no row when nothing does.';

create function private.refuse_account_deletion() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_problems jsonb;
begin
    -- waits for transactions that lock this profile, such as a new booking, and makes later ones wait
    perform from public.profiles p where p.id = old.id for update;
    select jsonb_agg(o.problem) into v_problems from private.account_deletion_blockers(old.id) as o (problem);
    if v_problems is not null then
        perform private.raise_errors(v_problems);
    end if;
    return old;
end
$$;
comment on function private.refuse_account_deletion is
    'Trigger: refuses the deletion of an account with everything that prevents it, also for an administrator. Definer, because Auth''s role may not read these tables.';
create trigger refuse_account_deletion before delete on auth.users for each row execute function private.refuse_account_deletion();

create function private.anonymize_profile(p_person uuid) returns void
language sql
set search_path = ''
as $$
    update public.profiles
    set
        display_name = 'Deleted account', avatar_path = null, about = '', languages = '{}',
        identity_verified = false, deleted_at = now()
    where id = p_person;
$$;
comment on function private.anonymize_profile is 'Empties the public profile of a deleted account and names it "Deleted account".';

create function private.delete_property_details(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.property_addresses a using public.properties p where p.id = a.property_id and p.host_id = p_person;
    delete from public.property_photos f using public.properties p where p.id = f.property_id and p.host_id = p_person;
    delete from public.property_taxes t using public.properties p where p.id = t.property_id and p.host_id = p_person;
$$;
comment on function private.delete_property_details is
    'Deletes addresses, photos and taxes of a person''s archived properties. Bookings keep title and city.';

create function private.clear_calendars(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.host_blocks h using public.properties p where p.id = h.property_id and p.host_id = p_person;
    delete from public.own_bookings o using public.properties p where p.id = o.property_id and p.host_id = p_person;
    delete from public.calendar_feeds f using public.properties p where p.id = f.property_id and p.host_id = p_person;
    delete from private.calendar_links l using public.properties p where p.id = l.property_id and p.host_id = p_person;
    update public.host_blocks b set note = '' where b.created_by = p_person and b.note <> '';
    update public.own_bookings b set note = '' where b.created_by = p_person and b.note <> '';
$$;
comment on function private.clear_calendars is
    'Deletes the blocks, own bookings, calendar feeds and calendar links of a person''s archived properties, and empties the notes that the person wrote for others; their nights stay taken.';

create function private.end_co_hosting(p_person uuid, p_email text) returns void
language sql
set search_path = ''
as $$
    delete from public.co_hosts c using public.properties p where p.id = c.property_id and p.host_id = p_person;
    delete from public.co_hosts c where c.profile_id = p_person;
    delete from public.co_host_invitations i where i.invited_by = p_person or i.email = lower(p_email);
$$;
comment on function private.end_co_hosting is 'Removes a person as co-host and all co-hosts of the person''s properties, and deletes the invitations of both kinds.';

create function private.delete_files(p_person uuid) returns void
language plpgsql
set search_path = ''
as $$
declare
    v_kinds bigint;
begin
    -- photos of a property belong to the property, even when another person uploaded them
    with gone as (
        delete from private.files f
        where f.owner_id = p_person and (f.kind <> 'property_photo' or not f.is_used)
        returning f.kind, f.path
    )
    select count(private.remove_objects(g.kind, g.paths)) into v_kinds
    from (select g.kind, array_agg(g.path) as paths from gone g group by g.kind) g;
    perform private.enqueue_job('object_removals', jsonb_build_object('bucket', o.bucket_id, 'path', o.name), 'remove-objects')
    from storage.objects o
    where o.bucket_id = 'uploads' and o.name like p_person || '/%';
end
$$;
comment on function private.delete_files is 'Deletes the files and raw uploads of a person, except photos of properties.';

create function private.delete_notifications(p_person uuid, p_email text) returns void
language sql
set search_path = ''
as $$
    delete from public.notifications n where n.recipient_id = p_person;
    delete from public.notification_preferences p where p.profile_id = p_person;
    delete from public.notification_settings s where s.profile_id = p_person;
    delete from private.bounced_addresses b where b.email = lower(p_email);
$$;
comment on function private.delete_notifications is 'Deletes the notifications of a person, their settings, and the record of a mail address that bounced.';

create function private.anonymize_notifications(p_person uuid) returns void
language sql
set search_path = ''
as $$
    update public.notifications n set data = n.data || jsonb_build_object(c.name, 'Deleted account')
    from private.bookings b
    cross join lateral (select case when b.guest_id = p_person then 'guest_name' else 'host_name' end as name) c
    where p_person in (b.guest_id, b.host_id) and n.booking_id = b.id and n.data ? c.name;
    update public.notifications n set data = n.data || '{"sender_name": "Deleted account"}'
    from private.messages m
    where m.sender_id = p_person and n.kind = 'message_received' and n.dedupe_key = 'message:' || m.id;
$$;
comment on function private.anonymize_notifications is 'Replaces the name of a person in notifications of other people.';

create function private.delete_wishlists(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.wishlists w where w.owner_id = p_person;
    delete from public.wishlist_members m where m.profile_id = p_person;
    update public.wishlist_items i set note = '' where i.added_by = p_person;
$$;
comment on function private.delete_wishlists is
    'Deletes the wishlists of a person, ends membership in those of others, and empties the notes that the person wrote there.';

create function private.delete_conversation_records(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.thread_reads r where r.profile_id = p_person;
    delete from public.blocked_profiles b where p_person in (b.blocker_id, b.blocked_id);
$$;
comment on function private.delete_conversation_records is 'Deletes the read receipts of a person, and the blocks by and of the person.';

create function private.delete_payment_details(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.payment_methods m where m.profile_id = p_person;
    -- Stripe keeps what the law asks of the charges, without the customer
    select private.enqueue_stripe_task('delete_customer', c.stripe_customer_id) from private.stripe_customers c where c.profile_id = p_person;
    delete from private.stripe_customers c where c.profile_id = p_person;
    delete from public.payout_accounts a where a.profile_id = p_person;
$$;
comment on function private.delete_payment_details is 'Deletes the cards of a person, here and at Stripe, the customer at Stripe, and the reference to the payout account; the account at Stripe stays, because its payouts must be kept.';

create function private.end_money_requests(p_person uuid) returns void
language sql
set search_path = ''
as $$
    update public.money_requests r
    set answer = case when r.host_id = p_person then 'withdrawn' else 'declined' end::public.money_request_answer, answered_at = now()
    where p_person in (r.guest_id, r.host_id) and r.answer is null;
$$;
comment on function private.end_money_requests is 'Withdraws a person''s open requests for money, and declines those that the person got.';

create function private.delete_webhook_endpoints(p_person uuid) returns void
language sql
set search_path = ''
as $$
    delete from public.webhook_endpoints e where e.owner_id = p_person;
$$;
comment on function private.delete_webhook_endpoints is 'Deletes the webhook endpoints of a person.';

create table private.erasures (
    person_id uuid constraint erasures_pkey primary key,
    email text,
    requested_at timestamptz not null default now()
);
comment on table private.erasures is 'Deleted accounts that the audit log of Auth still names. erase_auth_audit_log removes the rows.';
alter table private.erasures enable row level security;

create function private.erase_auth_audit_log() returns void
language plpgsql
set search_path = ''
as $$
begin
    if to_regclass('auth.audit_log_entries') is null or not exists (select from private.erasures) then
        return;
    end if;
    -- one pass for all accounts, because the log has no index; Auth writes the last entries right after the deletion
    delete from auth.audit_log_entries a
    using private.erasures e
    where
        e.person_id::text in (a.payload ->> 'actor_id', a.payload #>> '{traits,user_id}')
        or lower(e.email) in (lower(a.payload ->> 'actor_username'), lower(a.payload #>> '{traits,user_email}'));
    delete from private.erasures e where e.requested_at < now() - interval '1 hour';
end
$$;
comment on function private.erase_auth_audit_log is
    'Deletes the entries of the audit log of Auth that name deleted accounts, with their addresses. An account is forgotten an hour after its deletion.';
insert into private.periodic_tasks (name, command, every) values ('erase_auth_audit_log', 'select private.erase_auth_audit_log()', '10 minutes');

create function private.anonymize_person() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.anonymize_profile(old.id);
    perform private.delete_property_details(old.id);
    perform private.clear_calendars(old.id);
    perform private.end_co_hosting(old.id, old.email);
    perform private.delete_files(old.id);
    perform private.delete_notifications(old.id, old.email);
    perform private.anonymize_notifications(old.id);
    perform private.delete_wishlists(old.id);
    perform private.delete_conversation_records(old.id);
    perform private.delete_payment_details(old.id);
    perform private.end_money_requests(old.id);
    perform private.delete_webhook_endpoints(old.id);
    insert into private.erasures (person_id, email) values (old.id, old.email) on conflict do nothing;
    return null;
end
$$;
comment on function private.anonymize_person is
    'Trigger: anonymises and deletes the personal data of a deleted account, subject by subject. Definer, because it runs as Auth''s role or as the deleting person.';
create trigger anonymize_person after delete on auth.users for each row execute function private.anonymize_person();

create function private.delete_account() returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    delete from auth.users where id = auth.uid();
    if not found then
        perform private.raise_error('not_signed_in');
    end if;
end
$$;
grant execute on function private.delete_account to authenticated;
comment on function private.delete_account is 'See public.delete_account. Definer, because no API role may write auth.users.';

create function public.delete_account() returns void
language sql
set search_path = ''
as $$
    select private.delete_account()
$$;
grant execute on function public.delete_account to authenticated;
comment on function public.delete_account is
    'Deletes the caller''s account: sign-in, private data and files are deleted, and the public profile is renamed "Deleted account". 409 with everything that prevents it, such as an open booking or payout.';
