// @module-tag embedded
// Backups, restores and the drill as an operator runs them, and what is left when each is killed at any of its steps.

import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeys } from "../../../scripts/lib/keys.ts";
import type { Database } from "../../../types/database.ts";
import { faults } from "../support/audit.ts";
import { createProject, type Project, type Run, removeProject, run, start } from "../support/project.ts";
import { until } from "../support/time.ts";

interface Check {
  check: string;
  ok: boolean | null;
  detail: string;
}

/** Runs a command to its end, and returns its output. */
async function finish(project: Project, script: string, ...args: string[]): Promise<string> {
  const command = run(project, script, ...args);
  const code = await command.ended;
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${command.output()}`);
  return command.output();
}

/** Stops a command when it says a step, and kills it after `before`. */
async function killAt(command: Run, step: string, before = async () => {}): Promise<void> {
  await until(
    async () => {
      if (command.child.exitCode !== null) throw new Error(`it ended before "${step}":\n${command.output()}`);
      return command.output().includes(step);
    },
    step,
    60_000,
  );
  command.child.kill("SIGSTOP");
  await before();
  command.child.kill("SIGKILL");
  await command.ended;
}

describe("backup and restore", { timeout: 240_000 }, () => {
  let project: Project;
  let stack: Run;
  let folder: string;
  const admin = async <T>(use: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
    const url = `postgresql://supabase_admin:postgres@127.0.0.1:${project.ports.db}/postgres`;
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    try {
      return await use(sql);
    } finally {
      await sql.end({ timeout: 1 });
    }
  };
  const mark = (n: number) => admin((sql) => sql`insert into private.marks values (${n})`);
  const marks = () =>
    admin(async (sql) => (await sql`select n from private.marks order by n`).map(({ n }) => n as number));
  const backups = () => readdirSync(join(folder, "base")).filter((name) => !name.endsWith(".partial"));

  beforeAll(async () => {
    project = await createProject();
    project.env.STAYBASE_BACKUP_KEY = "c3RheWJhc2Ugc3RheWJhc2Ugc3RheWJhc2Ugc3RheSE=";
    folder = join(project.dataDir, "backups");
    stack = await start(project);
    await admin((sql) => sql`create table private.marks (n integer)`);
  }, 240_000);
  afterAll(async () => {
    stack.child.kill("SIGTERM");
    await stack.ended;
    removeProject(project);
  });

  describe("the audit", () => {
    const script = readFileSync("ops/audit.sql", "utf8");
    const audit = (fault: string) =>
      admin(async (sql) => {
        const text = `begin; set local session_replication_role = replica; ${fault}; ${script}; rollback`;
        const results = (await sql.unsafe(text).simple()) as unknown as Check[][];
        return results.findLast((rows) => rows.length > 0) ?? [];
      });

    it("passes", async () => {
      const checks = await audit("create extension amcheck with schema extensions");
      expect(checks.filter(({ ok }) => ok !== true)).toEqual([]);
      expect(checks.map(({ check }) => check).sort()).toEqual(Object.keys(faults).sort());
    });

    it.each(Object.entries(faults))("says when this does not hold: %s", async (name, fault) => {
      const checks = await audit(fault);
      expect(checks.find(({ check }) => check === name)).toMatchObject({ ok: false });
    });
  });

  it("offers no backup that was killed, at any of its steps", async () => {
    for (const step of ["checking that changes", "copying the database", "checking and compressing"]) {
      await killAt(run(project, "backup"), step);
      expect(backups()).toEqual([]);
    }
    await mark(1);
    expect(await finish(project, "backup")).toContain("is complete and checked");
    expect(backups()).toHaveLength(1);
    expect(readdirSync(join(folder, "base"))).toHaveLength(1); // what the killed ones left is gone
    const tar = readFileSync(join(folder, "base", backups()[0] ?? "", "base.tar.zst"));
    expect(tar.subarray(0, 16).toString()).toBe("staybase-aes-gcm");
  });

  it("keeps every row across kill -9 of stack and database, and says what a restore would lose", async () => {
    await mark(2);
    stack.child.kill("SIGKILL");
    await stack.ended;
    stack = await start(project);
    await mark(3);
    const report = await finish(project, "drill");
    expect(report).toContain("The backup can be restored.");
    expect(report).not.toMatch(/FAILED|\? {2}/);
    const rpo = Number(/RPO +([\d.]+) s/.exec(report)?.[1]);
    expect(rpo).toBeLessThan(60);
    expect(report).toMatch(/RTO +[\d.]+ s/);
  });

  it("finds a damaged backup, a missing file and a missing key", async () => {
    const file = join(folder, "base", backups()[0] ?? "", "base.tar.zst");
    const bytes = readFileSync(file);
    const changed = Buffer.from(bytes);
    changed[1_000] = (changed[1_000] ?? 0) ^ 1; // near the beginning, where it is found soon
    writeFileSync(file, changed);
    const drill = run(project, "drill");
    const code = await drill.ended;
    writeFileSync(file, bytes);
    expect(code).toBe(1);
    expect(drill.output()).toMatch(/damaged/);

    const keyless = run({ ...project, env: { ...project.env, STAYBASE_BACKUP_KEY: "" } }, "drill");
    expect(await keyless.ended).toBe(1);
    expect(keyless.output()).toContain("The backups are encrypted, and there is no key.");
  });

  it("says when changes cannot be stored", async () => {
    const line = join(folder, "wal", readdirSync(join(folder, "wal"))[0] ?? "");
    await until(async () => readdirSync(line).length > 0, "a segment");
    renameSync(line, `${line}.aside`);
    writeFileSync(line, "");
    const state = (error: boolean) =>
      until(
        () =>
          admin(async (sql) => {
            await sql`select pg_switch_wal() from pg_logical_emit_message(false, 'test', '')`;
            const [row] = await sql`select error from private.backup_state where name = 'wal'`;
            return (row?.error !== null) === error;
          }),
        `an error: ${error}`,
      );
    await state(true);
    rmSync(line);
    renameSync(`${line}.aside`, line);
    await state(false);
  });

  it("restores to a moment, whatever killed restores have left, and starts paused", async () => {
    const moment = await admin(async (sql) => {
      const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`;
      return row?.now.toISOString() ?? "";
    });
    await until(async () => Date.now() > Date.parse(moment) + 50, "the next moment");
    await mark(4);
    const running = run(project, "restore", "--at", moment);
    expect(await running.ended).toBe(1);
    expect(running.output()).toContain("Stop it with `npm run stop`");
    stack.child.kill("SIGTERM");
    await stack.ended;

    const cluster = join(project.dataDir, "postgres");
    const before = readFileSync(join(cluster, "global/pg_control"));
    // each leaves something else: half a folder, a server that replays, a database that has been promoted
    for (const step of ["unpacking", "replaying", "counting rows"]) {
      await killAt(run(project, "restore", "--at", moment), step, async () => {
        if (step !== "unpacking") return;
        const refused = run(project, "start");
        expect(await refused.ended).toBe(1);
        expect(refused.output()).toMatch(/A restore into .* is running/);
      });
      expect(readFileSync(join(cluster, "global/pg_control"))).toEqual(before);
    }
    rmSync(join(project.dataDir, "objects"), { recursive: true });
    const report = await finish(project, "restore", "--at", moment);
    expect(report).toContain("Lost files       none");
    expect(readdirSync(project.dataDir).filter((name) => name.startsWith("postgres.before-"))).toHaveLength(
      1,
    );
    expect(existsSync(join(project.dataDir, "restore"))).toBe(false);
    stack = await start(project);
    expect(await marks()).toEqual([1, 2, 3]);
    await until(async () => stack.output().includes("The platform is paused"), "the pause to be said");
    const event = run(project, "trigger", "booking.held");
    expect(await event.ended).toBe(1);
    expect(event.output()).toContain("The platform is paused");

    const keys = createKeys();
    const client = createClient<Database>(`http://127.0.0.1:${project.ports.api}`, keys.publishable, {
      auth: { persistSession: false, autoRefreshToken: false },
    });
    const wishlist = () => client.from("wishlists").insert({ name: "For later" });
    const signedIn = await client.auth.signInWithPassword({
      email: "olga@example.com",
      password: "staybase",
    });
    expect(signedIn.error).toBeNull();
    expect((await wishlist()).error).toMatchObject({
      message: "This platform is paused. Nothing was changed.",
    });
    expect(
      (await client.from("operation_pauses").select("operation").is("resumed_at", null)).data,
    ).toHaveLength(3);
    const path = `${signedIn.data.user?.id}/later.png`;
    const upload = await client.storage.from("uploads").upload(path, "x", { contentType: "image/png" });
    expect(upload.error?.message).toContain("operations_paused");
    const newcomer = await client.auth.signUp({ email: "new@example.com", password: "correct horse" });
    expect(newcomer.error).not.toBeNull();
    const webhook = await fetch(`http://127.0.0.1:${project.ports.api}/rest/v1/rpc/store_stripe_event`, {
      method: "POST",
      headers: { apikey: keys.secret, "content-type": "application/json" },
      body: JSON.stringify({ p_event: {} }),
    });
    expect(webhook.status).toBe(503);
    const periodic = () =>
      admin(
        async (sql) => (await sql`select max(last_run_at) as at from private.periodic_tasks`)[0]?.at as Date,
      );
    const ran = await periodic();
    expect(ran === null || ran < new Date(moment)).toBe(true);

    const released = await finish(project, "restore", "--release", "--note", "The marks are right.");
    // the clock may have begun a comparison at the same moment
    expect(released).toMatch(/The ledger (agrees with Stripe|is compared with Stripe within ten minutes)/);
    expect(released).toContain("Payouts and charges go on.");
    const again = run(project, "restore", "--release", "--note", "Twice.");
    expect(await again.ended).toBe(1);
    expect(again.output()).toContain("The platform is not paused.");
    expect((await wishlist()).error).toBeNull();
    await until(async () => (await periodic()) > new Date(moment), "a periodic task");
  });

  it("backs up a restored database to a line of its own, and restores it by name into another folder", async () => {
    await finish(project, "backup", "--keep", "1");
    expect(backups()).toHaveLength(1);
    expect(readdirSync(join(folder, "wal"))).toHaveLength(1);
    const into = join(project.dataDir, "second");
    const report = await finish(project, "restore", "--at", backups()[0] ?? "", "--into", into);
    expect(report).toContain("Database before  none");
    expect(existsSync(join(into, "postgres/PG_VERSION"))).toBe(true);
    expect(readdirSync(join(into, "objects")).length).toBeGreaterThan(0);
  });

  it("does not start on a database in recovery", async () => {
    stack.child.kill("SIGTERM");
    await stack.ended;
    const signal = join(project.dataDir, "postgres/recovery.signal");
    writeFileSync(signal, "");
    const refused = run(project, "start");
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain("This database is in recovery");
  });
});
