// `npm start` as a developer lives with it: a second start, a taken port, Ctrl-C, kill -9, a broken migration; and Edge
// Functions in a project of their own.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createProject,
  nothingListens,
  type Project,
  removeProject,
  run,
  sqlOf,
  start,
} from "../support/project.ts";
import { stack } from "../support/stack.ts";
import { until } from "../support/time.ts";

describe("a project", { timeout: 120_000 }, () => {
  let project: Project;
  beforeAll(async () => {
    project = await createProject({ isNew: true });
  });
  afterAll(() => removeProject(project));

  it("breaks off a first start on Ctrl-C, with nothing left running", async () => {
    const starting = await start(project, "  postgres");
    const since = Date.now();
    starting.child.kill("SIGINT");
    expect(await starting.ended).toBe(0);
    expect(Date.now() - since).toBeLessThan(5_000);
    expect(starting.output()).not.toContain("Ready in");
    expect(await nothingListens(project)).toBe(true);
  });

  it("makes the whole database when its first start was killed", async () => {
    const starting = await start(project, "  postgres");
    starting.child.kill("SIGKILL");
    await starting.ended;
    const again = await start(project);
    const sql = sqlOf(project);
    expect(await sql`select count(*)::integer as n from public.properties`).toEqual([{ n: 34 }]);
    const photos =
      await sql`select count(*)::integer as n from storage.objects where bucket_id = 'property-photos'`;
    expect(photos).toEqual([{ n: 68 }]);
    await sql.end({ timeout: 1 });
    again.child.kill("SIGTERM");
    expect(await again.ended).toBe(0);
  });

  it("does not take another program for the stack that was killed", async () => {
    writeFileSync(
      join(project.env.STAYBASE_DIR ?? "", "stack.pid"),
      JSON.stringify({ pid: process.pid, command: "node scripts/start.ts" }),
    );
    const stop = run(project, "stop");
    expect(await stop.ended).toBe(0);
    expect(stop.output()).toContain("not running");
  });

  it("starts in a path with spaces, tells what it does, and stops on SIGTERM with a clean database", async () => {
    const running = await start(project);
    for (const part of ["postgres", "migrations", "auth", "rest", "storage", "gateway", "sb_publishable_"]) {
      expect(running.output()).toContain(part);
    }
    const since = Date.now();
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(0);
    expect(Date.now() - since).toBeLessThan(5_000);
    expect(await nothingListens(project)).toBe(true);
    const log = readFileSync(join(project.env.STAYBASE_DIR ?? "", "logs/postgres.log"), "utf8");
    expect(log.trimEnd().split("\n").at(-1)).toContain("database system is shut down");
  });

  it("refuses a second start, shows its status and stops by `npm run stop`", async () => {
    const running = await start(project);
    const second = run(project, "start");
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain("already running");

    const status = run(project, "status", "--json");
    await status.ended;
    expect(JSON.parse(status.output())).toMatchObject({
      running: true,
      API_URL: `http://127.0.0.1:${project.ports.api}`,
    });

    expect(await run(project, "stop").ended).toBe(0);
    expect(await running.ended).toBe(0);
    expect(await nothingListens(project)).toBe(true);
  });

  it("stops when npm gets a SIGTERM", async () => {
    const npm = spawn("npm", ["start"], {
      cwd: project.root,
      env: project.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    npm.stdout.on("data", (chunk) => {
      output += chunk;
    });
    await until(async () => (output.includes("Ready in") ? true : undefined), "Ready", 60_000);
    npm.kill("SIGTERM");
    await until(
      async () => ((await nothingListens(project)) ? true : undefined),
      "the end of the stack",
      5_000,
    );
    await until(
      async () => (existsSync(join(project.env.STAYBASE_DIR ?? "", "stack.pid")) ? undefined : true),
      "a clean end",
    );
  });

  it("comes back after kill -9 with every committed row", async () => {
    const running = await start(project);
    const sql = sqlOf(project);
    await sql`create table public.kept (n integer)`;
    await sql`insert into public.kept select generate_series(1, 1000)`;
    await sql.end({ timeout: 1 });
    const guard = readFileSync(join(project.dataDir, "run/guard.pid"), "utf8");
    process.kill((JSON.parse(guard) as { pid: number }).pid, "SIGKILL"); // it would end the parts before the next start
    running.child.kill("SIGKILL");
    await running.ended;

    const again = await start(project);
    expect(again.output()).toContain("recovered from a stack that was killed");
    const after = sqlOf(project);
    expect(await after`select count(*)::integer as n from public.kept`).toEqual([{ n: 1000 }]);
    await after`drop table public.kept`;
    await after.end({ timeout: 1 });
    again.child.kill("SIGINT");
    expect(await again.ended).toBe(0);
  });

  it("comes back after its database was killed together with it", async () => {
    const running = await start(project);
    const postmaster = Number(
      readFileSync(join(project.env.STAYBASE_DIR ?? "", "postgres/postmaster.pid"), "utf8").split("\n")[0],
    );
    process.kill(postmaster, "SIGKILL");
    running.child.kill("SIGKILL");
    await running.ended;
    const again = await start(project);
    again.child.kill("SIGTERM");
    expect(await again.ended).toBe(0);
  });

  it("says so and stops when its database ends by itself", async () => {
    const running = await start(project);
    const postmaster = readFileSync(join(project.env.STAYBASE_DIR ?? "", "postgres/postmaster.pid"), "utf8");
    process.kill(Number(postmaster.split("\n")[0]), "SIGKILL");
    expect(await running.ended).toBe(1);
    expect(running.output()).toContain("postgres exited unexpectedly");
    expect(await nothingListens(project)).toBe(true);
  });

  it("says which port is taken, and leaves nothing running", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(project.ports.api, "127.0.0.1", resolve));
    const failing = run(project, "start");
    expect(await failing.ended).toBe(1);
    expect(failing.output()).toContain(`Port ${project.ports.api} (API) is taken`);
    expect(failing.output()).toContain("STAYBASE_API_PORT");
    await new Promise((resolve) => other.close(resolve));
    expect(await nothingListens(project)).toBe(true);
  });

  it("says what is wrong with a migration, leaves nothing running, and starts once it is fixed", async () => {
    const migration = join(project.root, "supabase/migrations/29990101000000_broken.sql");
    writeFileSync(migration, "create table public.half (id integer);\ncreate tabel oops;\n");
    const failing = run(project, "start");
    expect(await failing.ended).toBe(1);
    expect(failing.output()).toMatch(/syntax error at or near "tabel"/);
    expect(await nothingListens(project)).toBe(true);

    writeFileSync(migration, "select 1;\n");
    const fixed = await start(project);
    const sql = sqlOf(project);
    expect(await sql`select to_regclass('public.half') as half`).toEqual([{ half: null }]);
    await sql.end({ timeout: 1 });
    fixed.child.kill("SIGTERM");
    expect(await fixed.ended).toBe(0);
    rmSync(migration);
    const missing = run(project, "start");
    expect(await missing.ended).toBe(1);
    expect(missing.output()).toContain("not in supabase/migrations: 29990101000000");
  });

  it.runIf(existsSync("/dev/full"))("goes on when a full disk takes no more logs", async () => {
    expect(await run(project, "reset").ended).toBe(0);
    const log = join(project.env.STAYBASE_DIR ?? "", "logs/postgres.log");
    mkdirSync(join(log, ".."), { recursive: true });
    symlinkSync("/dev/full", log);
    const running = await start(project);
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(0);
    expect(await nothingListens(project)).toBe(true);
    rmSync(log);
  });

  it("starts with an empty database after a reset, also when the stack was killed", async () => {
    expect(await run(project, "reset").ended).toBe(0);
    const running = await start(project);
    running.child.kill("SIGKILL");
    await running.ended;
    expect(await run(project, "reset").ended).toBe(0);
    expect(await nothingListens(project)).toBe(true);
    for (const name of ["postgres", "stripe.json"]) {
      expect(existsSync(join(project.env.STAYBASE_DIR ?? "", name))).toBe(false);
    }
  });

  it("leads to Google and GitHub once they are set up in config.toml", async () => {
    const toml = join(project.root, "supabase/config.toml");
    writeFileSync(
      toml,
      readFileSync(toml, "utf8").replace(
        /(\[auth\.external\.(google|github)\]\n)enabled = false/g,
        (_match, section) => `${section}enabled = true`,
      ),
    );
    const secrets = Object.fromEntries(
      ["GOOGLE", "GITHUB"].flatMap((name) => [
        [`SUPABASE_AUTH_EXTERNAL_${name}_CLIENT_ID`, `${name.toLowerCase()}-id`],
        [`SUPABASE_AUTH_EXTERNAL_${name}_SECRET`, "not-a-real-secret"],
      ]),
    );
    const running = await start({ ...project, env: { ...project.env, ...secrets } });
    for (const [provider, host] of [
      ["google", "accounts.google.com"],
      ["github", "github.com"],
    ]) {
      const url = `http://127.0.0.1:${project.ports.api}/auth/v1/authorize?provider=${provider}`;
      const response = await fetch(url, { redirect: "manual" });
      const target = new URL(response.headers.get("location") ?? "");
      expect([response.status, target.host, target.searchParams.get("client_id")]).toEqual([
        302,
        host,
        `${provider}-id`,
      ]);
      expect(target.searchParams.get("redirect_uri")).toBe("http://127.0.0.1:54321/auth/v1/callback");
      expect(target.href).not.toContain("not-a-real-secret");
    }
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(0);
  });

  it("serves Edge Functions, checks their tokens and takes up changes", async () => {
    const folder = join(project.root, "supabase/functions/echo");
    mkdirSync(folder, { recursive: true });
    const source = (word: string) => `
      import { z } from "npm:zod@4.6.7";
      Deno.serve(async (request) => {
        if (request.method === "OPTIONS") return new Response("mine", { headers: { "access-control-allow-origin": "https://app.example" } });
        if (new URL(request.url).pathname === "/echo/boom") throw new Error("boom");
        if (new URL(request.url).pathname === "/echo/crash") {
          setTimeout(() => { throw new Error("crash"); });
          await new Promise(() => {});
        }
        const body = z.object({ name: z.string() }).parse(await request.json());
        return Response.json({ ${word}: body.name, path: new URL(request.url).pathname, url: Deno.env.get("SUPABASE_URL"), home: Deno.env.get("STRIPE_KEY") ?? null });
      });`;
    writeFileSync(join(folder, "index.ts"), source("hello"));
    const running = await start({
      ...project,
      env: { ...project.env, STRIPE_KEY: "of the developer's shell" },
    });
    const url = `http://127.0.0.1:${project.ports.api}/functions/v1/echo`;
    const call = (headers: Record<string, string>, path = "") =>
      fetch(url + path, { method: "POST", headers, body: JSON.stringify({ name: "Ana" }) });

    expect((await call({})).status).toBe(401);
    expect((await call({ authorization: "Bearer nonsense" })).status).toBe(401);
    const answer = await call({ apikey: stack.publishableKey }, "/deep");
    expect(await answer.json()).toEqual({
      hello: "Ana",
      path: "/echo/deep",
      url: `http://127.0.0.1:${project.ports.api}`,
      home: null,
    });
    const preflight = await fetch(url, { method: "OPTIONS" });
    expect([await preflight.text(), preflight.headers.get("access-control-allow-origin")]).toEqual([
      "mine",
      "https://app.example",
    ]);
    expect((await call({ apikey: stack.publishableKey }, "/boom")).status).toBe(500);
    expect((await call({ apikey: stack.publishableKey })).status).toBe(200);
    expect((await call({ apikey: stack.publishableKey }, "/crash")).status).toBe(503);
    // its process may take a moment to end
    await until(
      async () => (await call({ apikey: stack.publishableKey })).ok || undefined,
      "the function that crashed",
    );

    writeFileSync(join(folder, "index.ts"), source("goodbye"));
    await until(async () => {
      const response = await call({ apikey: stack.publishableKey });
      return response.ok && "goodbye" in ((await response.json()) as object) ? true : undefined;
    }, "the changed function");

    writeFileSync(join(folder, "index.ts"), "throw new Error('not today');");
    await until(async () => {
      const response = await call({ apikey: stack.publishableKey });
      const body = (await response.json()) as object;
      return response.status === 503 && "code" in body && body.code === "BOOT_ERROR" ? true : undefined;
    }, "the answer of a function that does not start");
    writeFileSync(join(folder, "index.ts"), source("fixed"));
    await until(async () => {
      const response = await call({ apikey: stack.publishableKey });
      return response.ok && "fixed" in ((await response.json()) as object) ? true : undefined;
    }, "the fixed function");
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(0);
  });
});
