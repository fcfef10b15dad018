// The set-up of a fresh clone: npm's arguments, the progress that is shown, and the message when npm fails.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { projectRoot } from "../lib/config.ts";
import { explainFailure, unsupportedNode } from "./failures.mjs";
import { hasDevPackages, isComplete, neededPaths, npmArguments } from "./packages.mjs";
import { showProgress } from "./progress.mjs";

describe("packages", () => {
  const lock = {
    "": {},
    "node_modules/postgres": { version: "3.4.9" },
    "node_modules/vitest": { version: "5.1.1", dev: true },
    "node_modules/vite": { version: "8.3.8", devOptional: true, peer: true },
    "node_modules/server-here": { version: "1.0.0", optional: true, os: [process.platform] },
    "node_modules/server-elsewhere": { version: "1.0.0", optional: true, os: ["plan9"] },
  };
  const running = {
    "node_modules/postgres": { version: "3.4.9" },
    "node_modules/server-here": { version: "1.0.0" },
  };
  const everything = {
    ...running,
    "node_modules/vitest": { version: "5.1.1" },
    "node_modules/vite": { version: "8.3.8" },
  };

  it("leaves development packages and other machines' packages out of what running needs", () => {
    expect(neededPaths(lock, false)).toEqual(["node_modules/postgres", "node_modules/server-here"]);
    expect(npmArguments(false)).toContain("--omit=dev");
  });

  it("adds the development packages for tests, with an npm command that removes nothing", () => {
    expect(neededPaths(lock, true)).toEqual([
      "node_modules/postgres",
      "node_modules/vitest",
      "node_modules/vite",
      "node_modules/server-here",
    ]);
    expect(npmArguments(true)).toEqual(expect.arrayContaining(["install", "--no-save", "--include=dev"]));
  });

  it("is complete for running without development packages, for tests with them", () => {
    expect(isComplete(lock, running, false)).toBe(true);
    expect(isComplete(lock, running, true)).toBe(false);
    expect(isComplete(lock, everything, true)).toBe(true);
  });

  it("is incomplete when a package is missing or has another version than the lockfile", () => {
    expect(isComplete(lock, {}, false)).toBe(false);
    expect(isComplete(lock, { ...running, "node_modules/postgres": { version: "3.4.8" } }, false)).toBe(
      false,
    );
    expect(isComplete(lock, { ...running, "node_modules/vitest": { version: "5.0.0" } }, false)).toBe(false);
  });

  it("recognizes development packages, which `npm start` keeps", () => {
    expect(hasDevPackages(lock, running)).toBe(false);
    expect(hasDevPackages(lock, everything)).toBe(true);
  });
});

describe("failures", () => {
  it.each([
    ["npm error code ENOTFOUND", "The npm registry cannot be reached."],
    ["npm error code EAI_AGAIN", "The npm registry cannot be reached."],
    ["npm error code ETIMEDOUT\nnpm error network timeout", "The npm registry cannot be reached."],
    ["npm error code ECONNREFUSED", "The npm registry cannot be reached."],
    ["npm error code SELF_SIGNED_CERT_IN_CHAIN", "The npm registry's certificate is not trusted."],
    [
      "npm error code E401\nnpm error Incorrect or missing password.",
      "The npm registry refused the download.",
    ],
    ["npm error code E407", "The npm registry refused the download."],
    ["npm error nospc ENOSPC: no space left on device, write", "The disk is full."],
    ["npm error code EACCES\nnpm error syscall mkdir", "npm may not write to this folder or to its cache."],
    ["spawn npm ENOENT", "npm is not installed."],
    ["npm error code ERESOLVE", "npm could not install the packages."],
  ])("%j: %s", (output, message) => {
    expect(explainFailure(output).message).toBe(message);
  });

  it("names a proxy and the cache when there is no network", () => {
    const { remedy } = explainFailure("npm error code ENOTFOUND");
    expect(remedy).toContain("HTTPS_PROXY");
    expect(remedy).toContain("already downloaded");
  });

  it("refuses a Node that is too old", () => {
    expect(unsupportedNode("18.20.8")?.message).toBe(
      "Node 18.20.8 is too old: Staybase needs Node 20 or newer.",
    );
    expect(unsupportedNode("20.0.0")).toBeUndefined();
    expect(unsupportedNode("24.21.0")).toBeUndefined();
  });
});

describe("progress", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function show(isTTY: boolean, seconds: number): string {
    let text = "";
    const output = { isTTY, write: (part: string) => (text += part) };
    const end = showProgress(output, "Installing", () => "3 of 9 packages");
    vi.advanceTimersByTime(seconds * 1_000);
    end();
    vi.advanceTimersByTime(60_000);
    return text;
  }

  it("rewrites one line every second on a terminal, and removes it at the end", () => {
    expect(show(true, 2).split("\r\x1b[K")).toEqual([
      "",
      "Installing: 3 of 9 packages, 0 s",
      "Installing: 3 of 9 packages, 1 s",
      "Installing: 3 of 9 packages, 2 s",
      "",
    ]);
  });

  it("prints a line every ten seconds elsewhere", () => {
    expect(show(false, 25)).toBe("Installing ...\n  3 of 9 packages, 10 s\n  3 of 9 packages, 20 s\n");
  });
});

describe("a fresh clone", () => {
  it("says within a minute that there is no network, and what to do", () => {
    const root = mkdtempSync(join(tmpdir(), "staybase setup-"));
    try {
      mkdirSync(join(root, "scripts"));
      for (const name of ["package.json", "package-lock.json", "scripts/setup.mjs", "scripts/setup"])
        cpSync(join(projectRoot, name), join(root, name), { recursive: true });
      const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/setup.mjs"], {
        cwd: root,
        encoding: "utf8",
        timeout: 60_000,
        env: {
          ...process.env,
          npm_config_registry: "http://127.0.0.1:1",
          npm_config_cache: join(root, "cache"),
        },
      });
      expect(stdout).toContain("Installing the packages for running ...");
      expect(stderr).toContain("ECONNREFUSED");
      expect(stderr).toContain("The npm registry cannot be reached.");
      expect(status).toBe(1);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }, 70_000);
});
