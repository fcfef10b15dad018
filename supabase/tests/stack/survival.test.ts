// The stack when its parts or itself are killed, when clients go, and when folder or ports are not as they should be.

import { execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKeys } from "../../../scripts/lib/keys.ts";
import {
  createProject,
  nothingListens,
  type Project,
  type Run,
  removeProject,
  run,
  start,
} from "../support/project.ts";
import { until } from "../support/time.ts";

const keys = createKeys();
const linux = process.platform === "linux";
let project: Project;

beforeAll(async () => {
  project = await createProject();
}, 60_000);
afterAll(() => removeProject(project));

function pidOf(part: string): number {
  return (JSON.parse(readFileSync(join(project.dataDir, "run", `${part}.pid`), "utf8")) as { pid: number })
    .pid;
}

function log(): string {
  return readFileSync(join(project.dataDir, "logs/stack.log"), "utf8");
}

/** The processes whose environment names this stack. Linux only. */
function parts(): { pid: number; name: string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, "utf8").split("\0");
      if (!environment.includes(`STAYBASE_STACK=${project.dataDir}`)) return [];
      const name = environment.find((line) => line.startsWith("STAYBASE_PART="))?.slice(14) ?? "";
      return [{ pid: Number(entry), name }];
    } catch {
      return [];
    }
  });
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function fetchStack(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { apikey: keys.publishable, "content-type": "application/json", ...init.headers };
  return fetch(`http://127.0.0.1:${project.ports.api}${path}`, { ...init, headers });
}

async function statusOf(path: string, init?: RequestInit): Promise<number> {
  const response = await fetchStack(path, init);
  await response.arrayBuffer();
  return response.status;
}

/** Starts 100 sign-ins in a process of their own, which is killed while they are in flight. */
async function leaveSignIns(): Promise<void> {
  const body = JSON.stringify({ email: "gita@example.com", password: "staybase" });
  const code = `for (let n = 0; n < 100; n += 1)
    fetch("http://127.0.0.1:${project.ports.api}/auth/v1/token?grant_type=password", {
      method: "POST", headers: { apikey: "${keys.publishable}", "content-type": "application/json" }, body: ${JSON.stringify(body)},
    }).catch(() => {});
    setTimeout(() => console.log("sent"), 300)`;
  const clients = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => clients.stdout.once("data", resolve));
  clients.kill("SIGKILL");
}

/** Waits for the end of a run and returns its exit code and how long it took, in ms. */
async function end({ ended }: Run): Promise<{ code: number | null; took: number }> {
  const since = Date.now();
  return { code: await ended, took: Date.now() - since };
}

async function expectNothingLeft(): Promise<void> {
  expect(await nothingListens(project)).toBe(true);
  if (linux) expect(parts()).toEqual([]);
}

describe("stopping", { timeout: 120_000 }, () => {
  it("takes at most five seconds when the clients of sign-ins in flight are gone", async () => {
    const running = await start(project);
    await leaveSignIns();
    running.child.kill("SIGTERM");
    const { code, took } = await end(running);
    expect(code).toBe(0);
    expect(took).toBeLessThan(5_500);
    await expectNothingLeft();
  });

  it("happens by itself when Postgres is killed while sign-ins are in flight, and the next start works", async () => {
    const running = await start(project);
    await leaveSignIns();
    process.kill(pidOf("postgres"), "SIGKILL");
    const { code, took } = await end(running);
    expect(code).toBe(1);
    expect(took).toBeLessThan(5_500);
    expect(running.output()).toContain("postgres exited unexpectedly (SIGKILL)");
    await expectNothingLeft();
    const again = await start(project);
    expect(await statusOf("/auth/v1/health")).toBe(200);
    expect(await run(project, "stop").ended).toBe(0);
    expect(await again.ended).toBe(0);
  });

  it.runIf(linux)("takes at most five seconds when Postgres hangs", async () => {
    const running = await start(project);
    process.kill(pidOf("postgres"), "SIGSTOP");
    running.child.kill("SIGTERM");
    const { code, took } = await end(running);
    expect(code).toBe(0);
    expect(took).toBeLessThan(5_500);
    await expectNothingLeft();
  });

  it.runIf(linux)("happens at once on a second signal, and leaves nothing", async () => {
    const running = await start(project);
    process.kill(pidOf("postgres"), "SIGSTOP"); // so that it takes time
    running.child.kill("SIGINT");
    await until(async () => running.output().includes("Stopping"), "the first signal");
    await new Promise((resolve) => setTimeout(resolve, 400));
    running.child.kill("SIGINT");
    const { code, took } = await end(running);
    expect(code).toBe(130);
    expect(took).toBeLessThan(1_000);
    await until(async () => parts().length === 0, "the guard", 10_000);
    await expectNothingLeft();
  });

  it("is forced by `npm run stop` when the stack does not react", async () => {
    const running = await start(project);
    running.child.kill("SIGSTOP");
    const stopping = run(project, "stop");
    expect(await stopping.ended).toBe(0);
    expect(stopping.output()).toContain("Ended what was left of Staybase:");
    await running.ended;
    await expectNothingLeft();
  });
});

describe("a part that dies", { timeout: 120_000 }, () => {
  let running: Run;
  beforeAll(async () => {
    running = await start(project);
  }, 60_000);
  afterAll(async () => {
    running.child.kill("SIGTERM");
    await running.ended;
  });

  it.runIf(linux)("is named by its environment", () => {
    const names = new Set(parts().map(({ name }) => name));
    for (const name of ["guard", "mail", "postgres", "rest"]) expect(names).toContain(name);
    expect(parts().find(({ name }) => name === "rest")?.pid).toBe(pidOf("rest"));
  });

  it.runIf(linux)(
    "takes its clients' requests again: a session of Postgres, which ends all sessions",
    async () => {
      const sessions = readdirSync("/proc").filter((entry) => {
        try {
          return (
            readlinkSync(`/proc/${entry}/cwd`) === join(project.dataDir, "postgres") &&
            readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("authenticator")
          );
        } catch {
          return false;
        }
      });
      process.kill(Number(sessions[0]), "SIGKILL");
      // no sign-in: those above that got no answer count as wrong tries of this address
      const guest = JSON.stringify({ email: "tom@example.com" });
      for (const [path, init] of [
        ["/rest/v1/currencies?limit=1", {}],
        ["/auth/v1/recover", { method: "POST", body: guest }],
        ["/graphql/v1", { method: "POST", body: JSON.stringify({ query: "{ __typename }" }) }],
        ["/storage/v1/object/list/property-photos", { method: "POST", body: JSON.stringify({ prefix: "" }) }],
      ] as const)
        await until(async () => (await statusOf(path, init)) === 200, path);
      expect(running.child.exitCode).toBe(null);
    },
  );

  it("is started again: the mail catcher", async () => {
    const smtpPort = Number(
      / (\d+)$/.exec(
        readFileSync(`/proc/${pidOf("mail")}/cmdline`, "utf8")
          .replaceAll("\0", " ")
          .trim(),
      )?.[1],
    );
    const before = pidOf("mail");
    process.kill(before, "SIGKILL");
    await until(async () => pidOf("mail") !== before, "another mail catcher");
    const transport = createTransport({ host: "127.0.0.1", port: smtpPort, secure: false });
    await until(
      () =>
        transport
          .sendMail({ from: "a@example.com", to: "b@example.com", subject: "Back", text: "x" })
          .catch(() => undefined),
      "the SMTP server",
    );
    const found = await fetch(`http://127.0.0.1:${project.ports.mail}/api/v1/messages`);
    expect(((await found.json()) as { total: number }).total).toBe(1);
    expect(log()).toContain("mail exited unexpectedly (SIGKILL); it starts again in 0.1 s.");
  });

  it("is started again: a function, at its next request", async () => {
    const call = () => statusOf("/functions/v1/stripe-webhook", { method: "POST", body: "{}" });
    const answer = await call();
    process.kill(pidOf("function-stripe-webhook"), "SIGKILL");
    await until(
      async () => log().includes("function-stripe-webhook exited unexpectedly (SIGKILL)"),
      "the log",
    );
    expect(await call()).toBe(answer);
    expect(log()).toContain("function stripe-webhook had died; it starts again in 0.1 s.");
  });

  it("is started again, PostgREST five times a minute, and the stack goes on without it", async () => {
    for (let time = 0; time < 5; time += 1) {
      const before = pidOf("rest");
      process.kill(before, "SIGKILL");
      await until(async () => pidOf("rest") !== before, "another PostgREST");
      if (time === 0)
        await until(
          async () => (await statusOf("/rest/v1/currencies?limit=1")) === 200,
          "REST after its death",
        );
    }
    expect(log()).toContain("rest exited unexpectedly (SIGKILL); it starts again in 1.6 s.");
    process.kill(pidOf("rest"), "SIGKILL");
    await until(async () => running.output().includes("The stack goes on without it."), "the message");
    expect(running.output()).toContain("rest exited unexpectedly (SIGKILL)");
    expect(await statusOf("/rest/v1/currencies?limit=1")).toBe(503);
    expect(await statusOf("/auth/v1/health")).toBe(200);
    expect(running.child.exitCode).toBe(null);
  });
});

describe.runIf(linux)("after kill -9 of the stack", { timeout: 120_000 }, () => {
  it("its parts end", async () => {
    const running = await start(project);
    running.child.kill("SIGKILL");
    await until(async () => parts().length === 0, "the end of all parts", 10_000);
    await expectNothingLeft();
  });

  it("and of its guard, `npm run status` says what is left and `npm run stop` ends it", async () => {
    const running = await start(project);
    process.kill(pidOf("guard"), "SIGKILL");
    running.child.kill("SIGKILL");
    await running.ended;
    const postgres = pidOf("postgres");
    rmSync(join(project.dataDir, "run/rest.pid")); // as if it had been killed while it wrote the file
    const status = run(project, "status");
    expect(await status.ended).toBe(1);
    expect(status.output()).toContain("Staybase was killed and left running: ");
    expect(status.output()).toContain(`postgres (process ${postgres})`);
    for (const name of ["mail", "rest"])
      expect(status.output()).toMatch(new RegExp(`\\b${name} \\(process \\d+\\)`));
    const stop = run(project, "stop");
    expect(await stop.ended).toBe(0);
    expect(stop.output()).toMatch(/Ended what was left of Staybase: .*postgres/);
    await expectNothingLeft();
    const after = run(project, "status");
    await after.ended;
    expect(after.output()).toContain("Staybase is not running.");
  });

  it("another program that has the process id of a part lives on", async () => {
    const other = spawn("sleep", ["60"]);
    const folder = join(project.dataDir, "run");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "rest.pid"), JSON.stringify({ pid: other.pid, started: "1" }));
    const stop = run(project, "stop");
    expect(await stop.ended).toBe(0);
    expect(stop.output()).toContain("not running");
    expect(isRunning(other.pid ?? 0)).toBe(true);
    other.kill();
  });
});

describe("a start", { timeout: 120_000 }, () => {
  it("waits a few seconds for a port that was just released", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(project.ports.db, "127.0.0.1", resolve));
    setTimeout(() => holder.close(), 1_500);
    const running = await start(project);
    running.child.kill("SIGTERM");
    expect(await running.ended).toBe(0);
  });

  const commands = ["start", "status", "stop", "reset", "logs"];
  /** Runs every command on a data folder and expects a message without a stack trace. */
  async function expectMessages(dataDir: string, message: string): Promise<void> {
    const broken = { ...project, env: { ...project.env, STAYBASE_DIR: dataDir } };
    for (const command of commands) {
      const failing = run(broken, command);
      await failing.ended;
      expect(failing.output(), command).not.toMatch(/\n\s+at |node:internal/);
      if (command === "start") {
        expect(failing.child.exitCode).toBe(1);
        expect(failing.output()).toContain(message);
        expect(failing.output()).toContain("STAYBASE_DIR");
      }
    }
    await expectNothingLeft();
  }

  it("says that a file has the name of the data folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "staybase-file-"));
    const file = join(folder, "data");
    writeFileSync(file, "");
    await expectMessages(file, `${file} is not a folder.`);
    await expectMessages(join(file, "deeper"), "is not a folder.");
    mkdirSync(join(folder, "half"));
    writeFileSync(join(folder, "half/logs"), "");
    await expectMessages(join(folder, "half"), `${join(folder, "half/logs")} is not a folder.`);
    rmSync(folder, { recursive: true });
  });

  it.runIf(canMount())("says that the data folder is read-only, also to root", async () => {
    const folder = mkdtempSync(join(tmpdir(), "staybase-mount-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    try {
      mkdirSync(join(folder, "used/logs"), { recursive: true });
      execFileSync("mount", ["-o", "remount,ro", folder]);
      for (const dataDir of [join(folder, "new"), join(folder, "used")])
        await expectMessages(dataDir, `The data folder ${dataDir} is not writable.`);
    } finally {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    }
  });
});

/** Whether this user may mount file systems; in most containers root may not. */
function canMount(): boolean {
  if (process.getuid?.() !== 0 || !linux || !existsSync("/bin/mount")) return false;
  const folder = mkdtempSync(join(tmpdir(), "staybase-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
