// @module-tag embedded
// A stack with two replicas: what they answer, what happens when they are late, die, or lose the primary's log.

import type { Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheableFunctions } from "../../../scripts/stack/replicas/cacheable.ts";
import { raiseLimits } from "../support/booking-limits.ts";
import type { Client } from "../support/clients.ts";
import { createProject, type Project, type Run, removeProject, run, start } from "../support/project.ts";
import {
  address,
  answerOf,
  everyGet,
  keys,
  load,
  partOf,
  signal,
  signalEach,
  signIn,
  superuser,
} from "../support/replicas.ts";
import { runs } from "../support/runs.ts";
import { stack } from "../support/stack.ts";
import { dayAhead, until } from "../support/time.ts";

let project: Project;
let running: Run;
let sql: Sql;
let guest: Client;
let api: string;
let paths: Record<string, string>;
const headers = { apikey: keys.publishable };
const home = "5eed0000-0000-4000-8000-000000000101";
const replicas = ["replica-1", "replica-2"];

const servedBy = async (path: string, init: RequestInit = {}) => {
  const answer = await fetch(api + path, { ...init, headers: { ...headers, ...init.headers } });
  await answer.text();
  return [answer.status, answer.headers.get("x-served-by")];
};
const bearer = async (client: Client) => {
  const { data } = await client.auth.getSession();
  return { authorization: `Bearer ${data.session?.access_token}` };
};
/** Waits until requests are answered by these servers alone. */
const untilServedBy = (servers: string[], timeout = 60_000) =>
  until(
    async () => {
      const answers: unknown[] = [];
      for (let n = 0; n < 6; n += 1) answers.push((await servedBy(paths.calendar ?? ""))[1]);
      return (
        servers.every((server) => answers.includes(server)) &&
        answers.every((a) => servers.includes(a as string))
      );
    },
    `answers of ${servers.join(" and ")}`,
    timeout,
  );
/** Runs a statement on each replica, as superuser. */
const onReplicas = async (...statements: string[]) => {
  for (const name of replicas) {
    const replica = superuser(partOf(project, `${name}-postgres`).port);
    for (const statement of statements) await replica.unsafe(statement);
    await replica.end({ timeout: 1 });
  }
};
const change = () => sql`select pg_logical_emit_message(true, 'test', 'a change')`;

beforeAll(async () => {
  project = await createProject();
  Object.assign(project.env, {
    STAYBASE_REPLICAS: "2",
    STAYBASE_PAST: "off",
    STAYBASE_READS_PER_MINUTE: "1000000",
  });
  running = await start(project, "Press Ctrl-C", 180_000);
  api = address(project.ports.api);
  sql = superuser(project.ports.db);
  guest = await signIn(project, "gita");
  const stay = `p_area=Lisboa&p_check_in=${dayAhead(30)}&p_check_out=${dayAhead(33)}`;
  paths = {
    search: `/rest/v1/rpc/search_properties?${stay}`,
    count: `/rest/v1/rpc/count_properties?${stay}`,
    facets: `/rest/v1/rpc/search_facets?${stay}`,
    calendar: `/rest/v1/rpc/property_calendar?p_property_id=${home}&p_from=${dayAhead(1)}&p_to=${dayAhead(60)}`,
  };
  await untilServedBy(replicas);
}, 240_000);

afterAll(async () => {
  await sql?.end({ timeout: 1 });
  running?.child.kill("SIGTERM");
  await running?.ended;
  removeProject(project);
});

describe("what replicas answer", { timeout: 120_000 }, () => {
  it("is what the functions answer that allow caching", async () => {
    const found = await sql<{ name: string }[]>`
      select proname as name from pg_proc
      where pronamespace = 'public'::regnamespace and prosrc ~ 'private.allow_caching' order by 1`;
    expect(found.map(({ name }) => name)).toEqual([...cacheableFunctions].sort());
  });

  it("is a public GET, of a visitor and of a person", async () => {
    for (const caller of [{}, await bearer(guest)]) {
      for (const path of Object.values(paths)) {
        const [status, server] = await servedBy(path, { headers: caller });
        expect([path, status, replicas.includes(server as string)]).toEqual([path, 200, true]);
      }
    }
  });

  it("is nothing else: writes, other reads, errors and drafts are the primary's", async () => {
    const post = {
      method: "POST",
      body: '{"p_area":"Lisboa"}',
      headers: { "content-type": "application/json" },
    };
    expect(await servedBy("/rest/v1/rpc/count_properties", post)).toEqual([200, "primary"]);
    expect(await servedBy("/rest/v1/properties?limit=1")).toEqual([200, "primary"]);
    expect(await servedBy("/rest/v1/rpc/search_properties?p_limit=1000")).toEqual([400, "primary"]);
    const [draft] = await sql<{ id: string; email: string }[]>`
      select p.id, u.email from public.properties p join auth.users u on u.id = p.host_id where p.status = 'draft'`;
    const owner = await signIn(project, draft?.email.split("@")[0] ?? "");
    const path = paths.calendar?.replace(home, draft?.id ?? "") ?? "";
    expect(await servedBy(path, { headers: await bearer(owner) })).toEqual([200, "primary"]);
    expect(await servedBy(path)).toEqual([404, "primary"]);
  });

  it("is not said where there are no replicas", async () => {
    const answer = await fetch(`${stack.apiUrl}/rest/v1/currencies?limit=1`, {
      headers: { apikey: stack.publishableKey },
    });
    expect([answer.status, answer.headers.get("x-served-by")]).toEqual([200, null]);
  });

  it("follows a migration, as the primary's does", async () => {
    await sql`create function public.new_today() returns integer language sql stable return 7`;
    await sql`grant execute on function public.new_today to anon`;
    for (const name of replicas) {
      const { port } = partOf(project, `${name}-rest`);
      await until(
        async () => (await fetch(`${address(port)}/rpc/new_today`)).status === 200,
        `it on ${name}`,
      );
    }
    await sql`drop function public.new_today()`;
  });
});

describe("a replica and the primary", { timeout: 120_000 }, () => {
  it("answer every GET of every role alike", async () => {
    const { data: booking } = await guest
      .from("bookings")
      .insert({ property_id: home, check_in: dayAhead(40), check_out: dayAhead(43) })
      .select("id")
      .single()
      .throwOnError();
    const [ids] = await sql<{ host: string; policy: string }[]>`
      select host_id as host, cancellation_policy_id as policy from public.properties where id = ${home}`;
    const paths = everyGet({
      p_property_id: home,
      p_host_id: ids?.host ?? "",
      p_cancellation_policy_id: ids?.policy ?? "",
      p_booking_id: booking.id ?? "",
      p_id: booking.id ?? "",
      p_overbooking_id: home,
      p_token: home,
      p_delivery_id: home,
      p_message: "{}",
      p_amount: "1000",
      p_area: "Lisboa",
      p_check_in: dayAhead(30),
      p_check_out: dayAhead(33),
      p_from: dayAhead(1),
      p_to: dayAhead(60),
      p_until: dayAhead(60),
      p_month: dayAhead(30).slice(0, 7),
      p_as_of: dayAhead(0),
    });
    const token = async (name: string) => {
      const { data } = await (await signIn(project, name)).auth.getSession();
      return data.session?.access_token ?? "";
    };
    const roles = {
      visitor: keys.anon,
      guest: await token("gita"),
      host: await token("ana"),
      operator: await token("olga"),
      service: keys.serviceRole,
    };
    await sql`update cron.job set active = false`; // else rows change between two answers
    const [primary, replica] = ["rest", "replica-1-rest"].map((name) => address(partOf(project, name).port));
    const differ: unknown[] = [];
    const seen: Record<string, number> = {};
    const compare = async (role: keyof typeof roles, path: string) => {
      const [one, other] = await Promise.all([
        answerOf(primary + path, roles[role]),
        answerOf(replica + path, roles[role]),
      ]);
      const isSame = one.status === other.status && (one.body === other.body || ofTheServer.has(path));
      return isSame ? one : undefined;
    };
    const ofTheServer = new Set(["/rpc/metrics?"]); // of a server, its own statistics
    const work = Object.keys(roles).flatMap((role) =>
      paths.map((path) => [role as keyof typeof roles, path] as const),
    );
    const since = Date.now();
    const next = async () => {
      for (let item = work.pop(); item !== undefined; item = work.pop()) {
        const [role, path] = item;
        const answer = await until(() => compare(role, path), `${role} ${path}`, 3_000).catch(
          () => undefined,
        );
        if (answer === undefined) differ.push(item);
        else seen[answer.status] = (seen[answer.status] ?? 0) + 1;
      }
    };
    const all = work.length;
    await Promise.all(Array.from({ length: 6 }, next));
    await sql`update cron.job set active = true`;
    expect(differ).toEqual([]);
    expect(all).toBeGreaterThan(400);
    expect(seen[200]).toBeGreaterThan(250);
    console.log(`compared ${all} answers in ${Date.now() - since} ms: ${JSON.stringify(seen)}`);
  });
});

describe("late replicas", { timeout: 120_000 }, () => {
  it("show stays of five seconds ago, and each can be booked or is refused with reasons", async () => {
    await onReplicas("alter system set recovery_min_apply_delay = '5s'", "select pg_reload_conf()");
    const dates = { p_check_in: dayAhead(50), p_check_out: dayAhead(53) };
    const search = async () => {
      const query = new URLSearchParams({ p_area: "Lisboa", p_booking_mode: "instant", ...dates });
      const answer = await fetch(`${api}/rest/v1/rpc/search_properties?${query}`, { headers });
      expect(replicas).toContain(answer.headers.get("x-served-by"));
      return ((await answer.json()) as { property_id: string }[]).map((hit) => hit.property_id);
    };
    const book = (client: Client, property_id: string) =>
      client
        .from("bookings")
        .insert({ property_id, check_in: dates.p_check_in, check_out: dates.p_check_out });
    const [taken = "", ...free] = await search();
    expect((await book(guest, taken)).error).toBeNull();
    const shown = await search();
    expect(shown).toContain(taken); // its booking has not arrived
    const other = await signIn(project, "tom");
    const late = await fetch(`${api}/rest/v1/bookings`, {
      method: "POST",
      headers: { ...headers, ...(await bearer(other)), "content-type": "application/json" },
      body: JSON.stringify({ property_id: taken, check_in: dates.p_check_in, check_out: dates.p_check_out }),
    });
    const refusal = (await late.json()) as { details: string };
    expect([late.status, JSON.parse(refusal.details)]).toEqual([
      409,
      [expect.objectContaining({ code: expect.any(String), message: expect.any(String) })],
    ]);
    for (const id of free) {
      const reasons = await other.rpc("bookability", { p_property_id: id, ...dates }).throwOnError();
      expect([id, reasons.data]).toEqual([id, []]);
    }
    await until(async () => !(await search()).includes(taken), "the booking on the replicas", 20_000);
    await onReplicas("alter system reset recovery_min_apply_delay", "select pg_reload_conf()");
  });

  it("are left alone when they are more than ten seconds behind, and asked again when they have caught up", async () => {
    await onReplicas("select pg_wal_replay_pause()");
    await change();
    const since = Date.now();
    const clients = load([api + paths.calendar], headers, 1);
    await until(async () => clients.servers.primary, "an answer of the primary", 20_000);
    const took = Date.now() - since;
    const { faults } = await clients.stop();
    expect(faults).toEqual([]);
    // ten seconds of lag, of which the look before the change may count one, and two until it is noticed
    expect(took).toBeGreaterThan(8_500);
    expect(took).toBeLessThan(12_500);
    expect((await servedBy(paths.search ?? ""))[1]).toBe("primary");
    const tag = async () => (await fetch(api + paths.calendar, { headers })).headers.get("etag");
    const tagOfPrimary = await tag();
    await onReplicas("select pg_wal_replay_resume()");
    await untilServedBy(replicas);
    expect(await tag()).toBe(tagOfPrimary); // so a cache may ask either
  });
});

it("reads a guest's own booking back at once, however late the replicas are", {
  timeout: 300_000,
}, async () => {
  await onReplicas("select pg_wal_replay_pause()");
  await raiseLimits(sql);
  const homes = await sql<{ id: string }[]>`
    select id from public.properties where status = 'published' and booking_mode = 'instant' and min_nights <= 2 order by id`;
  const times = runs(40);
  let found = 0;
  let booked = 0;
  for (let n = 0; booked < times && n < times * 3; n += 1) {
    const ahead = 60 + 3 * Math.floor(n / homes.length);
    const stay = {
      property_id: homes[n % homes.length]?.id ?? "",
      check_in: dayAhead(ahead),
      check_out: dayAhead(ahead + 2),
    };
    const { data: booking } = await guest.from("bookings").insert(stay).select("id").maybeSingle();
    if (booking?.id == null) continue; // this property has rules of its own for these days
    booked += 1;
    const { data } = await guest.from("bookings").select("id").eq("id", booking.id).throwOnError();
    found += data.length;
  }
  expect([booked, found]).toEqual([times, times]);
  await onReplicas("select pg_wal_replay_resume()");
});

it("are a whole number, and at least one when commits wait for them", async () => {
  for (const [env, message] of [
    [{ STAYBASE_REPLICAS: "many" }, "STAYBASE_REPLICAS=many is not a number of replicas."],
    [{ STAYBASE_REPLICAS: "0", STAYBASE_SYNCHRONOUS: "on" }, "and there is none"],
  ] as const) {
    const refused = run({ ...project, env: { ...project.env, ...env } }, "status");
    expect([await refused.ended, refused.output()]).toEqual([1, expect.stringContaining(message)]);
  }
});

describe("replicas that fail", { timeout: 180_000 }, () => {
  const signals = [
    ["a database that is killed", "replica-1-postgres", "SIGKILL"],
    ["a PostgREST that is killed", "replica-2-rest", "SIGKILL"],
    ["a PostgREST that hangs", "replica-1-rest", "SIGSTOP"],
    ["a database that hangs", "replica-2-postgres", "SIGSTOP"],
  ] as const;
  it.each(signals)("cost no client an error: %s", async (_case, part, how) => {
    await untilServedBy(replicas);
    const clients = load(
      Object.values(paths).map((path) => api + path),
      headers,
    );
    const { pid } = partOf(project, part);
    await until(
      async () => (clients.servers["replica-1"] ?? 0) > 5 && (clients.servers["replica-2"] ?? 0) > 5,
      "load",
    );
    const reached = signal(pid, how);
    const name = part.slice(0, 9);
    const isAnother = async () => partOf(project, part).pid !== pid;
    await until(
      async () => {
        // a part that was killed may be back before half a second has passed without it
        if (await isAnother().catch(() => false)) return true;
        const before = clients.servers[name];
        await new Promise((resolve) => setTimeout(resolve, 500));
        return clients.servers[name] === before;
      },
      "requests without it",
      10_000,
    );
    const { faults, slowest } = await clients.stop();
    if (how === "SIGSTOP") signalEach(reached, "SIGCONT");
    expect(faults).toEqual([]);
    expect(slowest).toBeLessThan(5_000);
    await untilServedBy(replicas);
  });

  it("are copied again when the primary no longer has the log that they need", async () => {
    const { pid } = partOf(project, "replica-1-postgres");
    const stopped = signal(pid, "SIGSTOP");
    await sql`select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'staybase_replica_1' and active`;
    await until(
      async () =>
        (await sql`select from pg_replication_slots where slot_name = 'staybase_replica_1' and not active`)
          .length > 0,
      "an idle slot",
    );
    await sql`select pg_drop_replication_slot('staybase_replica_1')`;
    const copied = async () => partOf(project, "replica-1-postgres").pid !== pid;
    await until(() => copied().catch(() => false), "another server", 60_000);
    signalEach(stopped, "SIGCONT"); // sessions end when their server is gone, but not while they are stopped
    await untilServedBy(replicas);
    const [slot] = await sql`select active from pg_replication_slots where slot_name = 'staybase_replica_1'`;
    expect(slot).toEqual({ active: true });
    expect(await sql`show max_slot_wal_keep_size`).toEqual([{ max_slot_wal_keep_size: "2GB" }]);
  });
});
