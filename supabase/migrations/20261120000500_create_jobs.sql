-- Purpose: background work. Queued by pgmq in the transaction that causes it, done by Edge Functions, which are called when
-- something is queued and every minute for what was left.
-- Touches: private.enqueue_job, private.wake_worker, public.take_jobs, public.finish_job, queue object_removals, cron job.
-- Watch: a worker is called without a secret: the call says only "look at your queue", and looking twice does no harm.

select pgmq.create('object_removals');

create function private.wake_worker(p_worker text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform net.http_post(
        url := (select s.value from private.settings s where s.name = 'functions_url') || '/' || p_worker,
        timeout_milliseconds := 30000
    );
end
$$;
comment on function private.wake_worker is
    'Calls the Edge Function of that name after the commit of this transaction. Definer, because triggers of any role end here and only the owner may use net.';

create function private.enqueue_job(p_queue text, p_message jsonb, p_worker text) returns void
language plpgsql security definer
set search_path = ''
as $$
begin
    perform pgmq.send(p_queue, p_message);
    perform private.wake_worker(p_worker);
end
$$;
comment on function private.enqueue_job is
    'Queues a job in this transaction and wakes its worker after the commit. Called by trigger functions only.';

create function public.take_jobs(p_queue text, p_limit integer default 10)
returns table (job_id bigint, attempt integer, message jsonb)
language sql security definer
set search_path = ''
as $$
    select m.msg_id, m.read_ct, m.message from pgmq.read(p_queue, 60, least(greatest(p_limit, 1), 100)) m
$$;
grant execute on function public.take_jobs to service_role;
comment on function public.take_jobs is
    'Takes up to p_limit (1 to 100) jobs of a queue for 60 seconds; a job that is not finished by then is taken again. For workers: service role only. Definer, because queues belong to the owner of the database.';

create function public.finish_job(p_queue text, p_job_id bigint) returns boolean
language sql security definer
set search_path = ''
as $$
    select pgmq.delete(p_queue, p_job_id)
$$;
grant execute on function public.finish_job(text, bigint) to service_role;
comment on function public.finish_job(text, bigint) is
    'Ends a job that was done; false when it had been ended before. For workers: service role only. Definer, because queues belong to the owner of the database.';

select cron.schedule('remove-objects', '* * * * *', $$
    select private.wake_worker('remove-objects') where exists (select from pgmq.q_object_removals where vt <= now())
$$);
