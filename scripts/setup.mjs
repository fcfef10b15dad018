// Runs before `npm start` (what running needs) and, with --dev, before `npm test` (everything). Plain Node without a package,
// so that a fresh clone needs no other command.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { explainFailure, unsupportedNode } from "./setup/failures.mjs";
import { hasDevPackages, isComplete, neededPaths, npmArguments } from "./setup/packages.mjs";
import { showProgress } from "./setup/progress.mjs";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const tooOld = unsupportedNode(process.versions.node);
if (tooOld !== undefined) fail(tooOld);

const wanted = readPackages("package-lock.json");
const present = readPackages("node_modules/.package-lock.json");
const withDev = process.argv.includes("--dev") || hasDevPackages(wanted, present);
if (!isComplete(wanted, present, withDev) || !existsSync("node_modules/.bin/node")) install();

function install() {
  const paths = neededPaths(wanted, withDev);
  const done = () => paths.filter((path) => existsSync(join(path, "package.json"))).length;
  const detail = () => `${done()} of about ${paths.length} packages`;
  const title = withDev
    ? "Installing the packages for running and testing"
    : "Installing the packages for running";
  const since = Date.now();
  const endProgress = showProgress(process.stdout, title, detail);

  const npm = npmCommand();
  const child = spawn(npm.command, [...npm.args, ...npmArguments(withDev)], {
    shell: npm.shell,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => {
      output += text;
    });
  }
  child.on("error", (error) => {
    output += error.message;
  });
  child.on("close", (code, signal) => {
    endProgress();
    if (signal !== null) process.exit(130);
    if (code !== 0) {
      console.error(output.trim());
      fail(explainFailure(output));
    }
    console.log(`Installed ${done()} packages in ${Math.round((Date.now() - since) / 1000)} s.`);
  });
}

/** The npm that runs this script, or the one on the PATH when it was started by hand. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith("npm-cli.js")) return { command: process.execPath, args: [cli], shell: false };
  return { command: "npm", args: [], shell: process.platform === "win32" };
}

/** @param {string} path @returns {import("./setup/packages.mjs").Lock} */
function readPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/** @param {import("./setup/failures.mjs").Failure} failure */
function fail({ message, remedy }) {
  console.error(`\n${message}\n\n${remedy}`);
  process.exit(1);
}
