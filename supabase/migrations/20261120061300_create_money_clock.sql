-- Purpose: what money has to do by the clock: tasks whose pause is over, authorisations that end.
-- Touches: private.move_money, cron job move-money.
-- Watch: a task wakes the worker when it is asked for; this is for those that failed, were cut off, or whose call was lost.

create function private.move_money() returns void
language plpgsql
set search_path = ''
as $$
begin
    begin
        perform private.end_stale_authorizations(now());
    exception when others then
        raise warning 'end_stale_authorizations: %', sqlerrm;
    end;
    begin
        perform private.charge_balances(now());
    exception when others then
        raise warning 'charge_balances: %', sqlerrm;
    end;
    begin
        perform private.release_payouts(now());
    exception when others then
        raise warning 'release_payouts: %', sqlerrm;
    end;
    perform private.wake_worker('money-worker')
    where exists (
        select from private.stripe_tasks t
        where
            t.done_at is null and t.dead_at is null and t.run_at <= now()
            and (t.leased_until is null or t.leased_until <= now())
    );
end
$$;
comment on function private.move_money is 'Everything that is due by the clock. Called every ten seconds.';

insert into private.periodic_tasks (name, command, every) values ('move_money', 'select private.move_money()', '10 seconds');
