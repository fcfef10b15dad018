// What Auth removes by itself, as hosted Supabase does: old refresh tokens, ended sessions, and flows that no one finished.

// @module-tag embedded
import { afterAll, expect, it } from "vitest";
import { cleanUp } from "../../../scripts/stack/auth/cleanup.ts";
import { database } from "../support/database.ts";
import { signUp } from "../support/people.ts";

const sql = database();
afterAll(() => sql.end());

it("old tokens, sessions, flows and audit entries go in batches; what is in use stays", async () => {
  const { id: user, client } = await signUp("Ana");
  const ended = crypto.randomUUID();
  const open = crypto.randomUUID();
  await sql`insert into auth.sessions (id, user_id, created_at, not_after) values
    (${ended}, ${user}, now(), now() - interval '73 hours'), (${open}, ${user}, now(), now() - interval '71 hours')`;
  await sql`insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at)
    select ${`${user}-old-`} || n, ${user}, true, now() - interval '2 days', now() - interval '25 hours' from generate_series(1, 1100) n`;
  await sql`insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at)
    values (${`${user}-new`}, ${user}, true, now(), now() - interval '23 hours'), (${`${user}-live`}, ${user}, false, now(), now() - interval '1 year')`;
  await sql`insert into auth.flow_state (id, user_id, provider_type, authentication_method, created_at)
    select gen_random_uuid(), ${user}, 'email', 'magiclink', now() - make_interval(hours => h) from unnest(array[23, 25]) h`;
  await sql`insert into auth.audit_log_entries (instance_id, id, payload, created_at)
    select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), json_build_object('actor_id', ${user}::text), now() - make_interval(days => d)
    from unnest(array[89, 91]) d`;
  const left = async () => {
    const [row] = await sql`select
      (select count(*)::int from auth.refresh_tokens where user_id = ${user} and token like ${`${user}%`}) as tokens,
      (select array_agg(id::text) from auth.sessions where id in (${ended}, ${open})) as sessions,
      (select count(*)::int from auth.flow_state where user_id = ${user}) as flows,
      (select count(*)::int from auth.audit_log_entries
        where payload ->> 'actor_id' = ${user} and created_at < now() - interval '1 day') as entries`;
    return row;
  };
  await cleanUp(sql);
  expect(await left()).toMatchObject({ sessions: [open], flows: 1, entries: 1 });
  await cleanUp(sql);
  expect(await left()).toEqual({ tokens: 2, sessions: [open], flows: 1, entries: 1 });
  const { error } = await client.auth.refreshSession();
  expect(error).toBeNull();
});
