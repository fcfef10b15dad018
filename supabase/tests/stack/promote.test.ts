// @module-tag embedded
// The primary is killed while guests book, and a replica is promoted: with synchronous commits no booking is lost that was acknowledged.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { raiseLimits } from "../support/booking-limits.ts";
import type { Client } from "../support/clients.ts";
import { createProject, type Project, type Run, removeProject, run, start } from "../support/project.ts";
import { partOf, signal, signIn, superuser } from "../support/replicas.ts";
import { dayAhead, until } from "../support/time.ts";

let project: Project;
let running: Run;

const admin = async <T>(use: (sql: ReturnType<typeof superuser>) => Promise<T>): Promise<T> => {
  const sql = superuser(project.ports.db);
  return use(sql).finally(() => sql.end({ timeout: 1 }));
};

beforeAll(async () => {
  project = await createProject();
  Object.assign(project.env, { STAYBASE_REPLICAS: "2", STAYBASE_SYNCHRONOUS: "on", STAYBASE_PAST: "off" });
  running = await start(project, "Press Ctrl-C", 180_000);
}, 240_000);

afterAll(async () => {
  running?.child.kill("SIGTERM");
  await running?.ended;
  removeProject(project);
});

/** Books one stay after the other, until a request fails; `booked` receives each that was acknowledged. */
async function bookUntilKilled(
  client: Client,
  homes: string[],
  offset: number,
  booked: string[],
): Promise<void> {
  for (let n = 0; ; n += 1) {
    const ahead = 60 + 3 * Math.floor(n / homes.length) + 60 * offset;
    const stay = {
      property_id: homes[n % homes.length] ?? "",
      check_in: dayAhead(ahead),
      check_out: dayAhead(ahead + 2),
    };
    const { data, status } = await client.from("bookings").insert(stay).select("id").maybeSingle();
    if (data?.id != null) booked.push(data.id);
    else if (status === 0 || status >= 500) return;
  }
}

it("loses no booking that was acknowledged", { timeout: 240_000 }, async () => {
  await until(
    () =>
      admin(async (sql) => {
        const [row] = await sql`select current_setting('synchronous_commit') as commit, count(*)::integer as n
          from pg_stat_replication where sync_state = 'quorum'`;
        return row?.commit === "remote_apply" && row.n === 2;
      }),
    "synchronous replicas",
  );
  const homes = await admin(async (sql) => {
    await raiseLimits(sql);
    return (
      await sql`select id from public.properties where status = 'published' and booking_mode = 'instant'`
    ).map(({ id }) => id as string);
  });
  const refused = run(project, "promote");
  expect([await refused.ended, refused.output()]).toEqual([1, expect.stringContaining("Stop it first")]);

  const guests = await Promise.all(["gita", "tom"].map((name) => signIn(project, name)));
  const booked: string[] = [];
  const booking = [...guests, ...guests].map((guest, n) => bookUntilKilled(guest, homes, n, booked));
  await until(async () => booked.length >= 20, "bookings");
  signal(partOf(project, "postgres").pid, "SIGKILL");
  await Promise.all(booking);
  expect(await running.ended).toBe(1);

  const promoting = run(project, "promote");
  expect([await promoting.ended, promoting.output()]).toEqual([
    0,
    expect.stringMatching(/^Promoted replica-[12] in/m),
  ]);
  expect(readdirSync(project.dataDir).filter((name) => name.startsWith("postgres.before-"))).toHaveLength(1);
  expect(existsSync(join(project.dataDir, "replicas"))).toBe(false);
  running = await start(project, "Press Ctrl-C", 180_000);
  const kept = await admin((sql) => sql`select id from private.bookings where id = any (${booked}::uuid[])`);
  expect([booked.length, booked.length - kept.length]).toEqual([booked.length, 0]);

  const guest = await signIn(project, "gita");
  const stays = homes.map((property_id) => ({
    property_id,
    check_in: dayAhead(45),
    check_out: dayAhead(48),
  }));
  const answers = await Promise.all(stays.map((stay) => guest.from("bookings").insert(stay)));
  expect(answers.map(({ status }) => status)).toContain(201);
  const again = await admin(
    async (sql) => (await sql`select count(*)::integer as n from pg_stat_replication`)[0]?.n,
  );
  expect(again).toBe(2); // copied from the new primary
});

it("goes on when every replica is gone, and waits for them again when they are back", {
  timeout: 180_000,
}, async () => {
  const { env } = project;
  expect(env.STAYBASE_SYNCHRONOUS).toBe("on");
  const waits = (expected: boolean) =>
    until(
      () =>
        admin(
          async (sql) =>
            (await sql`show synchronous_commit`)[0]?.synchronous_commit ===
            (expected ? "remote_apply" : "on"),
        ),
      `commits that wait: ${expected}`,
    );
  await waits(true);
  for (const name of ["replica-1", "replica-2"]) signal(partOf(project, `${name}-postgres`).pid, "SIGSTOP");
  const since = Date.now();
  await admin((sql) => sql`select pg_logical_emit_message(true, 'test', '')`);
  expect(Date.now() - since).toBeLessThan(8_000);
  await waits(false);
  for (const name of ["replica-1", "replica-2"]) signal(partOf(project, `${name}-postgres`).pid, "SIGCONT");
  await waits(true);
});
