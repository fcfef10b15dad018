-- Purpose: reviews of a stay by guest and host, and private notes: who can write and read them, and when.
-- Touches: public.reviews, public.review_notes.
-- Watch: publishes_at alone decides who can read a review: only the author, until both sides have written or the window ends.
-- Nothing may reveal a review before that: no error of another person, no notification, no statistics of the planner.

insert into private.errors (code, status, message, hint) values
    ('overall_range', 422, 'The overall rating is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('accuracy_range', 422, 'The rating of accuracy is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('cleanliness_range', 422, 'The rating of cleanliness is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('check_in_range', 422, 'The rating of check-in is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('communication_range', 422, 'The rating of communication is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('location_range', 422, 'The rating of the location is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('value_range', 422, 'The rating of value for money is 1 to 5.', 'Send a whole number from 1 to 5.'),
    ('reviews_comment_is_plain', 422, 'The comment of a review has up to 5,000 characters of plain text, without HTML and control characters.', 'Shorten the comment, and leave out HTML.'),
    ('reviews_of_stays_have_all_categories', 422, 'A guest rates accuracy, check_in, location and value too; a host rates none of these four.', 'As the guest send all four, as the host leave all four out.'),
    ('review_notes_note_is_plain', 422, 'A private note has 1 to 2,000 characters of plain text, without HTML and control characters.', 'Shorten the note, leave out HTML, or delete the note.'),
    ('review_of_unfinished_stay', 409, 'Only a stay that took place can be reviewed.', 'This booking is {status}: it cannot be reviewed.'),
    ('review_before_check_out', 409, 'A stay can be reviewed after check-out.', 'Write the review from {opens_at} on.'),
    ('review_window_closed', 409, 'The time for reviews of this stay is over.', 'Reviews are written within 14 days after check-out.'),
    ('review_already_written', 409, 'You have already reviewed this stay.', 'Change that review with PATCH until it is published.'),
    ('review_is_published', 409, 'A published review cannot be changed or deleted.', 'Report it if something is wrong.');

create type public.review_side as enum ('guest', 'host');
comment on type public.review_side is 'Who wrote a review: the guest about the stay, or the host about the guest.';
create type public.review_state as enum ('visible', 'in_review', 'removed');
comment on type public.review_state is 'Moderation of a review. One that is in_review or removed is shown only to its author and operators, and does not count in averages.';

insert into private.settings (name, value, description) values
    ('review_window', '14 days', 'How long after check-out, in the property''s time zone, guest and host may review each other.');

create table public.reviews (
    id uuid default gen_random_uuid() constraint reviews_pkey primary key,
    booking_id uuid not null constraint reviews_booking_fkey references private.bookings (id) on delete restrict,
    -- check_new_review fills in property, subject and side; the defaults make them optional in generated types
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
    'Reviews of stays and of guests. Until publishes_at only the author can read, change or delete a review.';
comment on column public.reviews.subject_id is 'The person it is about: the host, or the guest.';
comment on column public.reviews.side is 'Who wrote it, guest or host.';
comment on column public.reviews.overall is 'Overall rating, 1 to 5.';
comment on column public.reviews.accuracy is 'Whether the property was as described, 1 to 5; only in reviews by guests.';
comment on column public.reviews.cleanliness is 'Cleanliness, 1 to 5.';
comment on column public.reviews.check_in is 'How the arrival went, 1 to 5; only in reviews by guests.';
comment on column public.reviews.communication is 'Communication, 1 to 5.';
comment on column public.reviews.location is 'Location, 1 to 5; only in reviews by guests.';
comment on column public.reviews.value is 'Value for money, 1 to 5; only in reviews by guests.';
comment on column public.reviews.comment is 'Public comment: plain text of up to 5,000 characters.';
comment on column public.reviews.publishes_at is 'When it becomes public: when both sides have written, at the latest at the end of the window.';
comment on column public.reviews.reply is 'The public reply of the person reviewed. reply_to_review writes it, once.';
comment on column public.reviews.replied_at is 'When the reply was written.';
comment on column public.reviews.state is 'State of moderation. moderate_review changes it.';
comment on column public.reviews.state_reason is 'Why it is hidden; null while it is visible.';
comment on column public.reviews.is_counted is 'Whether the averages include it: a few seconds after publishes_at.';

create index reviews_property_id_idx on public.reviews (property_id, publishes_at);
create index reviews_author_id_idx on public.reviews (author_id);
create index reviews_subject_id_idx on public.reviews (subject_id, publishes_at);
create index reviews_uncounted_idx on public.reviews (publishes_at) where not is_counted;

-- no statistics: Prefer: count=planned would reveal hidden reviews
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
    'A private note of the author to the person reviewed, who can read it when the review is published. It can be changed as long as the review can.';
comment on column public.review_notes.note is 'Plain text of up to 2,000 characters.';

alter table public.reviews enable row level security;
alter table public.review_notes enable row level security;

grant select on public.reviews to anon, authenticated, service_role;
grant delete on public.reviews to authenticated;
grant insert (booking_id, overall, accuracy, cleanliness, check_in, communication, location, value, comment) on public.reviews to authenticated;
grant update (overall, accuracy, cleanliness, check_in, communication, location, value, comment) on public.reviews to authenticated;
grant select, delete on public.review_notes to authenticated;
grant insert (review_id, note), update (review_id, note) on public.review_notes to authenticated;
grant select on public.review_notes to service_role;

create policy "Anyone can read published reviews" on public.reviews for select to anon
    using (publishes_at <= now() and state = 'visible');
create policy "People can read published reviews and their own" on public.reviews for select to authenticated
    using (author_id = (select auth.uid()) or publishes_at <= now() and state = 'visible');
create policy "Operators can read published reviews" on public.reviews for select to operator using (publishes_at <= now());
create policy "People can review their stays and guests" on public.reviews for insert to authenticated
    with check (author_id = (select auth.uid()));
create policy "Authors can change a review until it is published" on public.reviews for update to authenticated
    using (author_id = (select auth.uid()) and publishes_at > now())
    with check (author_id = (select auth.uid()));
create policy "Authors can delete a review until it is published" on public.reviews for delete to authenticated
    using (author_id = (select auth.uid()) and publishes_at > now());
create policy "Both sides can read notes of published reviews, authors theirs" on public.review_notes for select to authenticated
    using (review_id = any (array(
        select r.id from public.reviews r where r.author_id = (select auth.uid())
        union all
        select r.id from public.reviews r where r.subject_id = (select auth.uid()) and r.publishes_at <= now()
    )));
create policy "Operators can read notes of published reviews" on public.review_notes for select to operator
    using (exists (select from public.reviews r where r.id = review_id and r.publishes_at <= now()));
create policy "Authors can add a note until the review is published" on public.review_notes for insert to authenticated
    with check (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()));
create policy "Authors can change a note until the review is published" on public.review_notes for update to authenticated
    using (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()))
    with check (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid())));
create policy "Authors can delete a note until the review is published" on public.review_notes for delete to authenticated
    using (exists (select from public.reviews r where r.id = review_id and r.author_id = (select auth.uid()) and r.publishes_at > now()));

create function private.review_window_ends_at(p_booking private.bookings) returns timestamptz
language sql stable
set search_path = ''
as $$
    select (p_booking.check_out + p_booking.check_out_until + private.duration('review_window')) at time zone p_booking.time_zone
$$;
comment on function private.review_window_ends_at is
    'When the review window of a booking closes: review_window after check-out, at the same hour in the property''s time zone.';

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
    if new.booking_id is null then
        return new;
    end if;
    -- an access token outlives its account; refuse_account_deletion waits for this lock
    perform from public.profiles p where p.id = new.author_id and p.deleted_at is null for key share;
    if not found then
        perform private.raise_error('account_deleted');
    end if;
    -- the lock makes the two sides write one after the other
    select b.* into v_booking from private.bookings b
    where b.id = new.booking_id and new.author_id in (b.guest_id, b.host_id)
    for no key update;
    if not found then
        perform private.raise_error('booking_not_found');
    end if;
    v_now := clock_timestamp();
    v_opens_at := v_booking.check_out_at;
    v_closes_at := private.review_window_ends_at(v_booking);
    if v_booking.status not in ('confirmed', 'completed') or v_booking.confirmed_at is null then
        perform private.raise_error('review_of_unfinished_stay', jsonb_build_object('status', v_booking.status));
    elsif v_now < v_opens_at or v_now >= v_closes_at then
        perform private.raise_error(
            case when v_now < v_opens_at then 'review_before_check_out' else 'review_window_closed' end,
            jsonb_build_object('opens_at', v_opens_at, 'closes_at', v_closes_at)
        );
    end if;

    new.side := case when new.author_id = v_booking.guest_id then 'guest' else 'host' end::public.review_side;
    if exists (select from public.reviews r where r.booking_id = new.booking_id and r.side = new.side) then
        perform private.raise_error('review_already_written');
    end if;
    new.subject_id := case new.side when 'guest' then v_booking.host_id else v_booking.guest_id end;
    new.property_id := v_booking.property_id;
    new.publishes_at := v_closes_at;
    -- publish_review publishes both reviews later, so that a refusal here takes no longer when the other side has written
    if exists (select from public.reviews r where r.booking_id = new.booking_id and r.side <> new.side) then
        new.publishes_at := now();
    end if;
    return new;
end
$$;
comment on function private.check_new_review is
    'Trigger: accepts one review by each side of a stay within the window, and fills in its property, subject, side and time of publication. Definer, because it reads bookings and the hidden review of the other side.';

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
        -- the review itself was deleted
        if not found and tg_op = 'DELETE' then
            return old;
        end if;
    end if;
    if v_publishes_at <= clock_timestamp() then
        perform private.raise_error('review_is_published');
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end
$$;
comment on function private.keep_published_review is
    'Trigger: refuses changes of published reviews and their notes; it reads the clock after any wait for a lock. Definer, because callers cannot lock reviews.';

create trigger _100_check_new_review before insert on public.reviews for each row execute function private.check_new_review();
create trigger _200_keep_published_review before update of overall, accuracy, cleanliness, check_in, communication, location, value, comment or delete
    on public.reviews for each row execute function private.keep_published_review();
create trigger _800_set_updated_at before update of overall, accuracy, cleanliness, check_in, communication, location, value, comment
    on public.reviews for each row execute function private.set_updated_at();
create trigger _200_keep_published_review before insert or update or delete on public.review_notes
    for each row execute function private.keep_published_review();
create trigger _010_keep_key before update of review_id on public.review_notes for each row
    when ((old.review_id) is distinct from (new.review_id)) execute function private.keep_key('review_id');
create trigger _800_set_updated_at before update on public.review_notes for each row execute function private.set_updated_at();
select private.install_row_checks('public.reviews');
select private.install_row_checks('public.review_notes');
