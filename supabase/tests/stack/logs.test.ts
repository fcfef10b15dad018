// `npm run logs` ends with a hint; with --follow it prints what is added, until it is stopped.

import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { until } from "../support/time.ts";

const folder = mkdtempSync(join(tmpdir(), "staybase-logs-"));
const log = (service: string) => join(folder, "logs", `${service}.log`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function logs(...args: string[]) {
  const child = spawn(process.execPath, [join(projectRoot, "scripts/logs.ts"), ...args], {
    env: { ...process.env, STAYBASE_DIR: folder, STAYBASE_DB_PORT: "9" }, // where no database answers
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => {
    said.stdout += String(text);
  });
  child.stderr.on("data", (text) => {
    said.stderr += String(text);
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, said, ended };
}

it("without logs, it says how to get some", async () => {
  const { said, ended } = logs();
  expect(await ended).toBe(1);
  expect(said.stderr).toContain("Start the stack with `npm start`.");
});

it("prints the last ten lines of each service, and ends with a hint", async () => {
  mkdirSync(join(folder, "logs"));
  writeFileSync(log("rest"), Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`).join(""));
  writeFileSync(log("mail"), "caught\n");
  const { said, ended } = logs();
  expect(await ended).toBe(0);
  expect(said.stdout.split("\n")).toContain("rest       line 3");
  expect(said.stdout).not.toContain("line 2\n");
  expect(said.stdout).toContain("mail       caught");
  expect(said.stderr).toContain("npm run logs -- --follow");
});

it("prints one service alone, and refuses one without a log or an unknown option", async () => {
  const one = logs("mail");
  expect(await one.ended).toBe(0);
  expect(one.said.stdout).toBe("mail       caught\n");
  const none = logs("nothing");
  expect(await none.ended).toBe(1);
  expect(none.said.stderr).toMatch(/The service nothing has no log\.\n\n.*mail, rest/);
  const wrong = logs("--follows");
  expect(await wrong.ended).toBe(1);
  expect(wrong.said.stderr).toContain("npm run logs -- [service ...] [--follow | --request <id>]");
});

it("with --request, prints the lines of one request in order of time, also without a database", async () => {
  const line = (time: string, id: string, message: string) =>
    `${JSON.stringify({ time: `2026-11-30T${time}Z`, level: "info", request_id: id, function: "drill", message })}\n`;
  writeFileSync(
    log("function-drill"),
    line("10:00:02.000", "a-1", "last") + line("10:00:01.000", "a-12", "other"),
  );
  writeFileSync(
    log("postgres"),
    "2026-11-30 10:00:01.500 UTC [7] authenticator a-1 ERROR:  refused\n\tmore of a-1\n",
  );
  const one = logs("--request", "a-1");
  expect(await one.ended).toBe(0);
  expect(one.said.stdout).toBe(
    "2026-11-30T10:00:01.500Z  postgres        ERROR:  refused\n2026-11-30T10:00:02.000Z  function-drill  last\n",
  );
  const unknown = logs("--request", "a-3");
  expect(await unknown.ended).toBe(1);
  expect(unknown.said.stderr).toContain("Nothing has the request id a-3.");
  const wrong = logs("--request", "a b");
  expect(await wrong.ended).toBe(1);
  expect(wrong.said.stderr).toContain('"a b" is not the id of a request.');
});

it("with --follow, prints what is added, also after a new start has emptied the file", async () => {
  const { child, said, ended } = logs("rest", "--follow");
  await until(async () => said.stdout.includes("line 12"), "line 12");
  appendFileSync(log("rest"), "added\n");
  await until(async () => said.stdout.includes("rest       added"), "rest       added");
  writeFileSync(log("rest"), "begins\n");
  await until(async () => said.stdout.includes("rest       begins"), "rest       begins");
  child.kill("SIGTERM");
  await ended;
  expect(said.stdout).not.toContain("caught");
});
