-- Purpose: what happens to reviews after they are written: average ratings, publication, replies and moderation.
-- Touches: public.property_ratings, public.profile_ratings, private.publish_due_reviews, reply_to_review, moderate_review.
-- Watch: is_counted says whether the averages include a review. Whether it can be read depends on publishes_at alone.

insert into private.errors (code, status, message, hint) values
    ('review_not_found', 404, 'There is no such published review.', 'Check the id; a review can be moderated after it is published.'),
    ('review_state_missing', 422, 'Moderation sets a review to visible, in_review or removed.', 'Send one of these as p_state.'),
    ('review_of_you_not_found', 404, 'There is no published review of you with this id.', 'Check the id; only the person reviewed can reply.'),
    ('review_already_answered', 409, 'You have already replied to this review.', 'A reply cannot be changed; ask an operator if something is wrong.'),
    ('review_reply_is_plain', 422, 'A reply has 1 to 2,000 characters of plain text, without HTML and control characters.', 'Send another p_reply.'),
    ('moderation_reason_is_plain', 422, 'A reason for moderation has 1 to 1,000 characters of plain text, without HTML and control characters.', 'Send p_reason: the person concerned reads it.');

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
comment on table public.property_ratings is 'Average ratings of a property from published reviews by guests; no row before the first.';
comment on column public.property_ratings.review_count is 'Number of reviews.';
comment on column public.property_ratings.overall is 'Average overall rating, 1.00 to 5.00; null without reviews.';
comment on column public.property_ratings.accuracy is 'Average rating of accuracy.';
comment on column public.property_ratings.cleanliness is 'Average rating of cleanliness.';
comment on column public.property_ratings.check_in is 'Average rating of check-in.';
comment on column public.property_ratings.communication is 'Average rating of communication.';
comment on column public.property_ratings.location is 'Average rating of the location.';
comment on column public.property_ratings.value is 'Average rating of value for money.';

create index property_ratings_overall_idx on public.property_ratings (overall desc nulls last, review_count desc);

create table public.profile_ratings (
    profile_id uuid not null constraint profile_ratings_profile_fkey references public.profiles (id) on delete cascade,
    rated_as public.review_side not null,
    review_count integer not null default 0,
    overall numeric(3, 2),
    updated_at timestamptz not null default now(),
    constraint profile_ratings_pkey primary key (profile_id, rated_as)
);
comment on table public.profile_ratings is 'Average ratings of a person from published reviews, as host and as guest; no row before the first.';
comment on column public.profile_ratings.rated_as is 'guest: rated by hosts. host: rated by the guests of all their properties.';
comment on column public.profile_ratings.review_count is 'Number of reviews.';
comment on column public.profile_ratings.overall is 'Average overall rating, 1.00 to 5.00; null without reviews.';

alter table public.property_ratings enable row level security;
alter table public.profile_ratings enable row level security;

grant select on public.property_ratings, public.profile_ratings to anon, authenticated, service_role;

create policy "Anyone can read ratings of properties" on public.property_ratings for select to anon, authenticated using (true);
create policy "Anyone can read ratings of people" on public.profile_ratings for select to anon, authenticated using (true);

create function private.count_reviews(p_reviews uuid[]) returns void
language plpgsql security definer
set search_path = ''
as $$
declare
    v_properties uuid[];
    v_people public.profile_ratings[];
begin
    -- rows are locked in the same order everywhere, and before they are counted
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
    'Computes the average ratings that these reviews are part of. Definer, because no API role may write ratings.';

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
comment on function private.publish_review is 'Trigger: the second review of a stay publishes both and counts them in the averages. Definer, because no API role may write these columns.';

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
    'Periodic task: counts published reviews in the averages and returns how many there were. Whether a review can be read does not depend on it.';
insert into private.periodic_tasks (name, command, every) values ('publish_due_reviews', 'select private.publish_due_reviews()', '10 seconds');

create trigger _100_publish_review after insert on public.reviews for each row
    when (new.publishes_at <= now()) execute function private.publish_review();

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
        perform private.raise_error('review_of_you_not_found');
    elsif v_reply <> '' then
        perform private.raise_error('review_already_answered');
    elsif (p_reply ~ '\S' and private.is_plain_text(p_reply, 2000)) is not true then
        perform private.raise_error('review_reply_is_plain');
    end if;
    update public.reviews r set reply = p_reply, replied_at = now() where r.id = p_review_id;
end
$$;
grant execute on function private.reply_to_review to authenticated;
comment on function private.reply_to_review is
    'Does the work of public.reply_to_review. Definer, because the person reviewed may write no column of the review.';

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
    'Replies to a published review of the caller, in public and once.';

create function private.moderate_review(p_review_id uuid, p_state public.review_state, p_reason text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform private.require_operator();
    if p_state is null then
        perform private.raise_error('review_state_missing');
    elsif p_state <> 'visible' and (p_reason ~ '\S' and private.is_plain_text(p_reason, 1000)) is not true then
        perform private.raise_error('moderation_reason_is_plain');
    end if;
    update public.reviews r set state = p_state, state_reason = case when p_state <> 'visible' then p_reason end
    where r.id = p_review_id and r.publishes_at <= now();
    if not found then
        perform private.raise_error('review_not_found');
    end if;
    perform private.count_reviews(array[p_review_id]);
end
$$;
grant execute on function private.moderate_review to authenticated, service_role;
comment on function private.moderate_review is
    'Does the work of public.moderate_review. Definer, because no API role may write the state of a review.';

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
    'Hides a published review and says why, or shows it again; the averages change at once. For operators.';

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
    'Removes the reviews of a booking that becomes a no-show. Definer, because no API role may write the state of a review.';

create trigger _100_audit after update of state on public.reviews for each row
    when (new.publishes_at <= now()) execute function private.audit();
