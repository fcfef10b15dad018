// A project of a developer, to run `npm start` and the other commands in.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { loadConfig, projectRoot, type StackConfig } from "../../../scripts/lib/config.ts";
import { listens } from "../../../scripts/lib/ports.ts";
import { testPorts } from "../../../scripts/test/config.ts";
import { copyTemplate } from "../../../scripts/test/template.ts";
import { until } from "./time.ts";

/** A project of its own, with ports and a data folder. */
export interface Project {
  root: string;
  env: NodeJS.ProcessEnv;
  ports: StackConfig["ports"];
  dataDir: string;
}

/**
 * A copy of what `npm start` needs, in a folder whose name has a space, with packages linked and a seed without its past.
 *
 * @param isNew whether the first start is to make the database, as a developer's does
 */
export async function createProject({ isNew = false } = {}): Promise<Project> {
  const root = join(mkdtempSync(join(tmpdir(), "staybase life-")), "my project");
  mkdirSync(root, { recursive: true });
  for (const name of ["scripts", "supabase", "ops", "types", "package.json", "package-lock.json"])
    cpSync(join(projectRoot, name), join(root, name), { recursive: true });
  symlinkSync(join(projectRoot, "node_modules"), join(root, "node_modules"));
  const ports = await testPorts();
  const dataDir = join(tmpdir(), `staybase data-${process.pid}-${ports.api}`);
  const env = {
    ...process.env,
    STAYBASE_DIR: dataDir,
    STAYBASE_API_PORT: String(ports.api),
    STAYBASE_DB_PORT: String(ports.db),
    STAYBASE_MAIL_PORT: String(ports.mail),
    STAYBASE_STRIPE_PORT: String(ports.stripe),
    STAYBASE_PAST: "off",
  };
  if (!isNew) copyTemplate(loadConfig({ dataDir }), "seed");
  return { root, env, ports, dataDir };
}

export function removeProject({ root, dataDir }: Project): void {
  rmSync(join(root, ".."), { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}

export interface Run {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

export function run({ root, env }: Project, script: string, ...args: string[]): Run {
  const child = spawn(process.execPath, [`scripts/${script}.ts`, ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
  return { child, output: () => output, ended: new Promise((resolve) => child.on("close", resolve)) };
}

/** Starts the project and waits until it has said `line`, for `timeout` ms at most. */
export async function start(project: Project, line = "Ready in", timeout = 180_000): Promise<Run> {
  const started = run(project, "start");
  await until(
    async () => {
      if (started.child.exitCode !== null) throw new Error(started.output());
      return started.output().includes(line) ? true : undefined;
    },
    line,
    timeout,
  );
  return started;
}

export async function nothingListens({ ports }: Project): Promise<boolean> {
  const answers = await Promise.all(Object.values(ports).map(listens));
  return answers.every((answer) => !answer);
}

export function sqlOf({ ports }: Project) {
  return postgres(`postgresql://postgres:postgres@127.0.0.1:${ports.db}/postgres`, {
    max: 1,
    onnotice: () => {},
  });
}
