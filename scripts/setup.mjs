// Runs before `npm start` and `npm test`, in plain Node without a package: installs the packages when they are missing or
// older than the lockfile, so that a fresh clone needs no other command.

import { execSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

if (!isInstalled()) {
  console.log("Installing the packages (once; this takes a minute) ...");
  try {
    execSync("npm ci --no-audit --no-fund --loglevel=error", { stdio: "inherit" });
  } catch {
    console.error(
      "\nThe packages could not be installed. Check the network and the free disk space, then run the command again.",
    );
    process.exit(1);
  }
}

/** npm keeps a copy of the lockfile's package list in node_modules; the optional packages of other machines are not in it. */
function isInstalled() {
  if (!existsSync("node_modules/.package-lock.json") || !existsSync("node_modules/.bin/node")) return false;
  const wanted = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
  const present = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || (present[path] === undefined ? optional : present[path].version === version),
  );
}
