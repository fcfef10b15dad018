-- Purpose: reviews of a completed stay by guest and host, double blind; and the averages of what is published.
-- Touches: public.reviews, review_notes, property_ratings, profile_ratings; public.reply_to_review, moderate_review;
-- private.count_reviews, publish_due_reviews.
-- Watch: publishes_at alone decides who reads a review: the end of the window, until the other side's comes in and sets both to
-- that instant. So a review is public the second that its time comes, with no sweep; the averages follow within the sweep's
-- interval, and is_counted says which reviews they hold. Nothing else may tell of a review before its time: no error of another
-- person's request, no notification, and no planner's statistics (`Prefer: count=planned`).

create type public.review_side as enum ('guest', 'host');
comment on type public.review_side is 'Who wrote it: the guest about the stay, or the host about the guest.';
create type public.review_state as enum ('visible', 'in_review', 'removed');
comment on type public.review_state is 'Moderation: what is in_review or removed only its writer and operators read, and no average holds it.';

insert into private.settings (name, value, description) values
    ('review_window', '14 days', 'How long after check-out, on the property''s clock, the two sides may review each other.');

create table public.reviews (
    id uuid default gen_random_uuid() constraint reviews_pkey primary key,
    booking_id uuid not null constraint reviews_booking_fkey references private.bookings (id) on delete restrict,
    -- the trigger fills in the next ones; with a default, types let clients leave them out
    property_id uuid not null default '00000000-0000-0000-0000-000000000000' constraint reviews_property_fkey references public.properties (id) on delete restrict,
    author_id uuid not null default auth.uid() constraint reviews_author_fkey references public.profiles (id) on delete restrict,
    subject_id uuid not null default '00000000-0000-0000-0000-000000000000' constraint reviews_subject_fkey references public.profiles (id) on delete restrict,
    side public.review_side not null default 'guest',
    overall smallint not null constraint reviews_overall_range check (overall between 1 and 5),
    accuracy smallint constraint reviews_accuracy_range check (accuracy between 1 and 5),
    cleanliness smallint not null constraint reviews_cleanliness_range check (cleanliness between 1 and 5),
    check_in smallint constraint reviews_check_in_range check (check_in between 1 and 5),
    communication smallint not null constraint reviews_communication_range check (communication between 1 and 5),
    location smallint constraint reviews_location_range check (location between 1 and 5),
    value smallint constraint reviews_value_range check (value between 1 and 5),
    comment text not null default '' constraint reviews_comment_is_plain check (private.is_plain_text(comment, 5000)),
    publishes_at timestamptz not null default 'infinity',
    reply text constraint reviews_reply_is_plain check (reply ~ '\S' and private.is_plain_text(reply, 2000)),
    replied_at timestamptz,
    state public.review_state not null default 'visible',
    state_reason text constraint reviews_state_reason_is_plain check (state_reason ~ '\S' and private.is_plain_text(state_reason, 1000)),
    is_counted boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint reviews_one_a_side unique (booking_id, side),
    constraint reviews_of_stays_have_all_categories
        check ((side = 'guest') = (num_nonnulls(accuracy, check_in, location, value) = 4) and num_nonnulls(accuracy, check_in, location, value) in (0, 4)),
    constraint reviews_reply_is_dated check ((reply is null) = (replied_at is null)),
    constraint reviews_hidden_ones_have_a_reason check ((state = 'visible') or state_reason is not null)
);
comment on table public.reviews is
    'Reviews. The writer may change or delete one until publishes_at and until then is the only one who reads it. Averages: property_ratings, profile_ratings.';
comment on column public.reviews.subject_id is 'The host, or the guest, whom it is about.';
comment on column public.reviews.side is 'Which side wrote it.';
comment on column public.reviews.overall is 'From 1 to 5.';
comment on column public.reviews.accuracy is 'Was it as described? From 1 to 5; guests'' reviews alone.';
comment on column public.reviews.cleanliness is 'From 1 to 5.';
comment on column public.reviews.check_in is 'How arriving went, from 1 to 5; guests'' reviews alone.';
comment on column public.reviews.communication is 'From 1 to 5.';
comment on column public.reviews.location is 'From 1 to 5; guests'' reviews alone.';
comment on column public.reviews.value is 'For the price, from 1 to 5; guests'' reviews alone.';
comment on column public.reviews.comment is 'Public, plain text of up to 5,000 characters.';
comment on column public.reviews.publishes_at is 'From when on everyone reads it: the end of the window, or sooner, when both sides have written.';
comment on column public.reviews.reply is 'The other side''s one public answer, by reply_to_review.';
comment on column public.reviews.replied_at is 'When it was answered.';
comment on column public.reviews.state is 'Moderation, by moderate_review.';
comment on column public.reviews.state_reason is 'Why it is hidden.';
comment on column public.reviews.is_counted is 'Whether the averages hold it; at most a minute after publishes_at.';

create index reviews_property_id_idx on public.reviews (property_id, publishes_at);
create index reviews_author_id_idx on public.reviews (author_id);
create index reviews_subject_id_idx on public.reviews (subject_id, publishes_at);
create index reviews_uncounted_idx on public.reviews (publishes_at) where not is_counted;

do $$
declare
    v_column text;
begin
    for v_column in
        select a.attname from pg_catalog.pg_attribute a
        where a.attrelid = 'public.reviews'::regclass and a.attnum > 0 and not a.attisdropped
    loop
        execute format('alter table public.reviews alter column %I set statistics 0', v_column);
    end loop;
end
$$;

create table public.review_notes (
    review_id uuid constraint review_notes_pkey primary key
        constraint review_notes_review_fkey references public.reviews (id) on delete cascade,
    note text not null constraint review_notes_note_is_plain check (note ~ '\S' and private.is_plain_text(note, 2000)),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.review_notes is
    'What the writer of a review tells the other side alone; they read it when the review is published. Written and changed like the review.';
comment on column public.review_notes.note is 'Plain text of up to 2,000 characters.';

create table public.property_ratings (
    property_id uuid constraint property_ratings_pkey primary key
        constraint property_ratings_property_fkey references public.properties (id) on delete cascade,
    review_count integer not null default 0,
    overall numeric(3, 2),
    accuracy numeric(3, 2),
    cleanliness numeric(3, 2),
    check_in numeric(3, 2),
    communication numeric(3, 2),
    location numeric(3, 2),
    value numeric(3, 2),
    updated_at timestamptz not null default now()
);
comment on table public.property_ratings is 'Averages of the published reviews by guests. No row before the first.';
comment on column public.property_ratings.review_count is 'How many reviews.';
comment on column public.property_ratings.overall is 'Average, 1.00 to 5.00; null when there is no review.';
comment on column public.property_ratings.accuracy is 'Average.';
comment on column public.property_ratings.cleanliness is 'Average.';
comment on column public.property_ratings.check_in is 'Average.';
comment on column public.property_ratings.communication is 'Average.';
comment on column public.property_ratings.location is 'Average.';
comment on column public.property_ratings.value is 'Average.';

create index property_ratings_overall_idx on public.property_ratings (overall desc nulls last, review_count desc);

create table public.profile_ratings (
    profile_id uuid not null constraint profile_ratings_profile_fkey references public.profiles (id) on delete cascade,
    rated_as public.review_side not null,
    review_count integer not null default 0,
    overall numeric(3, 2),
    updated_at timestamptz not null default now(),
    constraint profile_ratings_pkey primary key (profile_id, rated_as)
);
comment on table public.profile_ratings is 'Averages of the published reviews of a person, as host and as guest. No row before the first.';
comment on column public.profile_ratings.rated_as is 'As guest, by hosts; as host, by guests of all their properties.';
comment on column public.profile_ratings.review_count is 'How many reviews.';
comment on column public.profile_ratings.overall is 'Average, 1.00 to 5.00; null when there is no review.';

alter table public.reviews enable row level security;
alter table public.review_notes enable row level security;
alter table public.property_ratings enable row level security;
alter table public.profile_ratings enable row level security;

grant select on public.reviews to anon, authenticated, service_role;
grant delete on public.reviews to authenticated;
grant insert (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value, comment) on public.reviews to authenticated;
grant update (overall, accuracy, cleanliness, check_in, communication, location, value, comment) on public.reviews to authenticated;
grant select, delete on public.review_notes to authenticated;
grant insert (review_id, note), update (review_id, note) on public.review_notes to authenticated;
grant select on public.review_notes to service_role;
grant select on public.property_ratings, public.profile_ratings to anon, authenticated, service_role;

create policy "Anyone can read published reviews" on public.reviews for select to anon
    using (publishes_at <= now() and state = 'visible');
create policy "People can read published reviews and their own, operators hidden ones" on public.reviews for select to authenticated
    using (
        author_id = (select auth.uid())
        or publishes_at <= now() and (state = 'visible' or (select private.is_operator()))
    );
create policy "People can review their stays and guests" on public.reviews for insert to authenticated
    with check (author_id = (select auth.uid()));
create policy "Writers can change a review until it is published" on public.reviews for update to authenticated
    using (author_id = (select auth.uid()) and publishes_at > now())
    with check (author_id = (select auth.uid()));
create policy "Writers can delete a review until it is published" on public.reviews for delete to authenticated
    using (author_id = (select auth.uid()) and publishes_at > now());
create policy "Writers can read their notes, the other side once the review is published" on public.review_notes for select to authenticated
    using (exists (
        select from public.reviews r
        where
            r.id = review_id
            and (r.author_id = (select auth.uid()) or (r.subject_id = (select auth.uid()) or (select private.is_operator())) and r.publishes_at <= now())
    ));
create policy "Writers can add a note until the review is published" on public.review_notes for insert to authenticated
    with check (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()));
create policy "Writers can change a note until the review is published" on public.review_notes for update to authenticated
    using (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()))
    with check (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid())));
create policy "Writers can delete a note until the review is published" on public.review_notes for delete to authenticated
    using (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()));
create policy "Anyone can read ratings of properties" on public.property_ratings for select to anon, authenticated using (true);
create policy "Anyone can read ratings of people" on public.profile_ratings for select to anon, authenticated using (true);

create function private.review_window_ends_at(p_booking private.bookings) returns timestamptz
language sql stable
set search_path = ''
as $$
    select (p_booking.check_out + p_booking.check_out_until + private.duration('review_window')) at time zone p_booking.time_zone
$$;
comment on function private.review_window_ends_at is
    'The first instant at which it is too late to review: check-out and so many days, by the calendar and clock of the property. Called by functions of the owner.';

create function private.check_new_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_booking private.bookings;
    v_opens_at timestamptz;
    v_closes_at timestamptz;
    v_now timestamptz;
begin
    -- a token outlives its account; the lock meets that of refuse_account_deletion
    perform from public.profiles p where p.id = new.author_id and p.deleted_at is null for key share;
    if not found then
        raise sqlstate 'PT403' using message = 'This account was deleted.', hint = 'Sign up again.';
    end if;
    -- one side after the other
    select b.* into v_booking from private.bookings b
    where b.id = new.booking_id and new.author_id in (b.guest_id, b.host_id)
    for no key update;
    if not found then
        raise sqlstate 'PT404' using message = 'There is no such booking among yours.', hint = 'Check booking_id; guest and host review each other.';
    end if;
    v_now := clock_timestamp();
    v_opens_at := v_booking.check_out_at;
    v_closes_at := private.review_window_ends_at(v_booking);
    if v_booking.status not in ('confirmed', 'completed') or v_booking.confirmed_at is null then
        raise sqlstate 'PT409' using
            message = 'Only a completed stay is reviewed.',
            detail = jsonb_build_array(jsonb_build_object('code', 'not_completed', 'status', v_booking.status))::text,
            hint = 'This one did not take place.';
    elsif v_now < v_opens_at or v_now >= v_closes_at then
        raise sqlstate 'PT409' using
            message = case when v_now < v_opens_at then 'A stay is reviewed after check-out.' else 'The time for reviews is over.' end,
            detail = jsonb_build_array(jsonb_build_object(
                'code', case when v_now < v_opens_at then 'too_early' else 'too_late' end, 'opens_at', v_opens_at, 'closes_at', v_closes_at
            ))::text,
            hint = 'Reviews are written from check-out to 14 days after, on the property''s clock.';
    end if;

    new.side := case when new.author_id = v_booking.guest_id then 'guest' else 'host' end::public.review_side;
    if exists (select from public.reviews r where r.booking_id = new.booking_id and r.side = new.side) then
        raise sqlstate 'PT409' using message = 'You have reviewed this stay.', hint = 'Change that review by PATCH until it is published.';
    end if;
    new.subject_id := case new.side when 'guest' then v_booking.host_id else v_booking.guest_id end;
    new.property_id := v_booking.property_id;
    new.publishes_at := v_closes_at;
    -- only looked up here: what a later check refuses must not take longer when the other side has written
    if exists (select from public.reviews r where r.booking_id = new.booking_id and r.side <> new.side) then
        new.publishes_at := now();
    end if;
    return new;
end
$$;
comment on function private.check_new_review is
    'Trigger: a review is of the caller''s own stay or guest, within the window, one a side; the second publishes both. Definer, because it reads bookings and the other''s review, of which no answer tells before it is published.';

create function private.keep_published_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_publishes_at timestamptz;
begin
    if tg_table_name = 'reviews' then
        v_publishes_at := old.publishes_at;
    else
        select r.publishes_at into v_publishes_at from public.reviews r
        where r.id = case when tg_op = 'DELETE' then old.review_id else new.review_id end
        for share;
        -- with the review that it hangs on
        if not found and tg_op = 'DELETE' then
            return old;
        end if;
    end if;
    if v_publishes_at <= clock_timestamp() then
        raise sqlstate 'PT409' using message = 'This review is published and stays as it is.', hint = 'Report it if something is wrong.';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
comment on function private.keep_published_review is
    'Trigger: by the clock after any wait, so that no change gets in behind the publication. Definer, because it reads behind the policies.';

create function private.count_reviews(p_reviews uuid[]) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_properties uuid[];
    v_people public.profile_ratings[];
begin
    -- always in the same order, and each row locked before it is counted
    select coalesce(array_agg(distinct r.property_id order by r.property_id), '{}') into v_properties
    from public.reviews r
    where r.id = any (p_reviews) and r.side = 'guest';
    insert into public.property_ratings (property_id) select unnest(v_properties) on conflict do nothing;
    perform from public.property_ratings p where p.property_id = any (v_properties) order by p.property_id for update;
    update public.property_ratings p
    set
        review_count = c.review_count, overall = c.overall, accuracy = c.accuracy, cleanliness = c.cleanliness,
        check_in = c.check_in, communication = c.communication, location = c.location, value = c.value, updated_at = now()
    from (
        select
            i.id, count(r.id)::integer as review_count, avg(r.overall) as overall, avg(r.accuracy) as accuracy, avg(r.cleanliness) as cleanliness,
            avg(r.check_in) as check_in, avg(r.communication) as communication, avg(r.location) as location, avg(r.value) as value
        from unnest(v_properties) as i (id)
        left join public.reviews r on r.property_id = i.id and r.side = 'guest' and r.is_counted and r.state = 'visible'
        group by i.id
    ) c
    where p.property_id = c.id;

    insert into public.profile_ratings (profile_id, rated_as)
    select distinct r.subject_id, case r.side when 'guest' then 'host' else 'guest' end::public.review_side
    from public.reviews r
    where r.id = any (p_reviews)
    order by 1, 2
    on conflict do nothing;
    v_people := array(
        select p
        from public.profile_ratings p
        where exists (
            select from public.reviews r
            where r.id = any (p_reviews) and r.subject_id = p.profile_id and r.side <> p.rated_as
        )
        order by p.profile_id, p.rated_as
        for update
    );
    update public.profile_ratings p
    set review_count = c.review_count, overall = c.overall, updated_at = now()
    from (
        select i.profile_id, i.rated_as, count(r.id)::integer as review_count, avg(r.overall) as overall
        from unnest(v_people) as i
        left join public.reviews r on r.subject_id = i.profile_id and r.side <> i.rated_as and r.is_counted and r.state = 'visible'
        group by i.profile_id, i.rated_as
    ) c
    where p.profile_id = c.profile_id and p.rated_as = c.rated_as;
end
$$;
comment on function private.count_reviews is
    'Computes anew the averages that these reviews count in. Called by what publishes and moderates. Definer, because no role may write ratings.';

create function private.publish_review() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    v_reviews uuid[];
begin
    with published as (
        update public.reviews r set publishes_at = new.publishes_at, is_counted = true
        where r.booking_id = new.booking_id and not r.is_counted
        returning r.id
    )
    select array_agg(id) into v_reviews from published;
    perform private.count_reviews(v_reviews);
    return null;
end
$$;
comment on function private.publish_review is 'Trigger: the second review of a stay publishes and counts both. Definer, because no role may write these columns.';

create function private.publish_due_reviews(p_limit integer default 1000) returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_reviews uuid[];
begin
    with due as (
        select r.id from public.reviews r where not r.is_counted and r.publishes_at <= now() order by r.publishes_at limit p_limit for update skip locked
    ), counted as (
        update public.reviews r set is_counted = true from due where r.id = due.id returning r.id
    )
    select array_agg(id) into v_reviews from counted;
    if v_reviews is null then
        return 0;
    end if;
    perform private.count_reviews(v_reviews);
    return cardinality(v_reviews);
end
$$;
comment on function private.publish_due_reviews is
    'Counts reviews whose window has ended in the averages and says how many. Reading a review does not depend on it. Called by run_periodic_tasks.';
insert into private.periodic_tasks (name, command, every) values ('publish_due_reviews', 'select private.publish_due_reviews()', '10 seconds');

create trigger _100_check_new_review before insert on public.reviews for each row execute function private.check_new_review();
create trigger _200_keep_published_review before update of overall, accuracy, cleanliness, check_in, communication, location, value, comment or delete
    on public.reviews for each row execute function private.keep_published_review();
create trigger _100_publish_review after insert on public.reviews for each row
    when (new.publishes_at <= now()) execute function private.publish_review();
create trigger _800_set_updated_at before update of overall, accuracy, cleanliness, check_in, communication, location, value, comment
    on public.reviews for each row execute function private.set_updated_at();
create trigger _200_keep_published_review before insert or update or delete on public.review_notes
    for each row execute function private.keep_published_review();
create trigger _800_set_updated_at before update on public.review_notes for each row execute function private.set_updated_at();

create function private.reply_to_review(p_review_id uuid, p_reply text) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_reply text;
begin
    select coalesce(r.reply, '') into v_reply from public.reviews r
    where r.id = p_review_id and r.subject_id = auth.uid() and r.publishes_at <= now() and r.state = 'visible'
    for update;
    if v_reply is null then
        raise sqlstate 'PT404' using message = 'There is no such review of you.', hint = 'Check the id.';
    elsif v_reply <> '' then
        raise sqlstate 'PT409' using message = 'You have answered this review.', hint = 'An answer is given once.';
    end if;
    update public.reviews r set reply = p_reply, replied_at = now() where r.id = p_review_id;
end
$$;
grant execute on function private.reply_to_review to authenticated;
comment on function private.reply_to_review is
    'See public.reply_to_review. Definer, because the subject of a review may write nothing else of it.';

create function public.reply_to_review(p_review_id uuid, p_reply text) returns setof public.reviews
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.reply_to_review(p_review_id, p_reply);
    return query select r.* from public.reviews r where r.id = p_review_id;
end
$$;
grant execute on function public.reply_to_review to authenticated;
comment on function public.reply_to_review is
    'Answers a published review of the caller, in public and once. 404 when there is none, as before it is published; 409 the second time.';

create function private.moderate_review(p_review_id uuid, p_state public.review_state, p_reason text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    if p_state <> 'visible' and coalesce(p_reason, '') !~ '\S' then
        raise sqlstate 'PT422' using message = 'Say why.', hint = 'The writer reads p_reason.';
    end if;
    update public.reviews r set state = p_state, state_reason = case when p_state <> 'visible' then p_reason end
    where r.id = p_review_id and r.publishes_at <= now();
    if not found then
        raise sqlstate 'PT404' using message = 'There is no such review.', hint = 'A review is moderated once it is published.';
    end if;
    perform private.count_reviews(array[p_review_id]);
end
$$;
grant execute on function private.moderate_review to authenticated, service_role;
comment on function private.moderate_review is
    'See public.moderate_review. Definer, because no role may write a review''s state.';

create function public.moderate_review(p_review_id uuid, p_state public.review_state, p_reason text default null) returns setof public.reviews
language plpgsql rows 1
set search_path = ''
as $$
begin
    perform private.moderate_review(p_review_id, p_state, p_reason);
    return query select r.* from public.reviews r where r.id = p_review_id;
end
$$;
grant execute on function public.moderate_review to authenticated, service_role;
comment on function public.moderate_review is
    'Hides a published review, with a reason, or shows it again; averages follow at once. For operators.';

create function private.remove_reviews_of_no_show(p_event private.booking_events) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_reviews uuid[];
begin
    if p_event.event <> 'status_changed' or p_event.to_status <> 'no_show' then
        return;
    end if;
    with voided as (
        update public.reviews r set state = 'removed', state_reason = 'The stay did not take place.'
        where r.booking_id = p_event.booking_id
        returning r.id
    )
    select array_agg(id) into v_reviews from voided;
    perform private.count_reviews(v_reviews);
end
$$;
comment on function private.remove_reviews_of_no_show is
    'Removes the reviews of a stay that turns out a no-show. Definer, because no API role may write the state of a review.';
create trigger _100_audit after update of state on public.reviews for each row
    when (new.publishes_at <= now()) execute function private.audit();
