// Configuration of the embedded stack: supabase/config.toml, which the official stack reads too, ports, keys and folders.

import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";
import { z } from "zod";
import { StackError } from "./errors.ts";
import { createKeys, type Keys } from "./keys.ts";

const emailTemplate = z.object({ subject: z.string(), content_path: z.string() }).partial();

const emailSchema = z.object({
  enabled: z.boolean(),
  enable_confirmations: z.boolean(),
  double_confirm_changes: z.boolean(),
  secure_password_change: z.boolean(),
  max_frequency: z.string(),
  otp_length: z.number(),
  otp_expiry: z.number(),
  template: z.record(z.string(), emailTemplate).default({}),
});

const providerSchema = z.object({
  enabled: z.boolean(),
  client_id: z.string(),
  secret: z.string(),
  redirect_uri: z.string(),
  /** Of a server of one's own, such as GitHub Enterprise. */
  url: z.string().optional(),
});

const tomlSchema = z.object({
  project_id: z.string(),
  api: z.object({
    port: z.number(),
    schemas: z.array(z.string()),
    extra_search_path: z.array(z.string()),
    max_rows: z.number(),
  }),
  db: z.object({ port: z.number() }),
  local_smtp: z.object({ port: z.number() }),
  storage: z.object({
    file_size_limit: z.string(),
    buckets: z.record(z.string(), z.object({ objects_path: z.string().optional() })).default({}),
  }),
  auth: z.object({
    site_url: z.string(),
    additional_redirect_urls: z.array(z.string()),
    jwt_expiry: z.number(),
    enable_refresh_token_rotation: z.boolean(),
    refresh_token_reuse_interval: z.number(),
    enable_signup: z.boolean(),
    enable_anonymous_sign_ins: z.boolean(),
    enable_manual_linking: z.boolean(),
    minimum_password_length: z.number(),
    password_requirements: z.string(),
    rate_limit: z.object({
      anonymous_users: z.number(),
      sign_in_sign_ups: z.number(),
      token_verifications: z.number(),
    }),
    email: emailSchema,
    mfa: z.object({
      max_enrolled_factors: z.number(),
      totp: z.object({ enroll_enabled: z.boolean(), verify_enabled: z.boolean() }),
    }),
    external: z.object({ google: providerSchema, github: providerSchema }).partial(),
  }),
  functions: z.record(z.string(), z.object({ verify_jwt: z.boolean().default(true) })).default({}),
});

export type Toml = z.infer<typeof tomlSchema>;

export interface StackConfig {
  /** The project folder: holds supabase/ and node_modules/. */
  root: string;
  /** Holds everything that the stack writes: database, files, logs, process ids. */
  dataDir: string;
  functionsDir: string;
  /** Whether a new database is seeded with supabase/seed.sql and the files of its buckets. */
  seed: boolean;
  /** Whether the seed gets two years of bookings, which `npm run past` has made. */
  past: boolean;
  ports: { api: number; db: number; mail: number; stripe: number };
  apiUrl: string;
  mailUrl: string;
  /** Address of the Stripe emulator. */
  stripeUrl: string;
  /** How many quotes and searches the gateway answers a minute to one network address or person. */
  readsPerMinute: number;
  replicas: {
    /** How many copies of the database answer searches and calendars. */
    count: number;
    /** Whether a commit waits until a replica has applied it. */
    synchronous: boolean;
  };
  keys: Keys;
  toml: Toml;
  /** The user that Postgres runs as when root starts the stack, since Postgres refuses to run as root. */
  serverUser: { uid: number; gid: number } | undefined;
}

export interface ConfigOverrides {
  root?: string;
  dataDir?: string;
  functionsDir?: string;
  seed?: boolean;
  past?: boolean;
  ports?: Partial<StackConfig["ports"]>;
  readsPerMinute?: number;
  replicas?: StackConfig["replicas"];
}

/** The first port after those of the Supabase CLI. */
const stripePort = 54330;

export const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/**
 * Reads supabase/config.toml and the environment.
 * `STAYBASE_DIR`, `STAYBASE_API_PORT`, `STAYBASE_DB_PORT`, `STAYBASE_MAIL_PORT` and `STAYBASE_STRIPE_PORT` override folder and ports,
 * `STAYBASE_READS_PER_MINUTE` the limit of quotes and searches; `STAYBASE_PAST=off` leaves the seed without its past.
 * `STAYBASE_REPLICAS` is the number of replicas; with `STAYBASE_SYNCHRONOUS=on` a commit waits for one of them.
 *
 * @throws StackError when config.toml is missing or invalid, or a variable is not what it must be
 */
export function loadConfig(overrides: ConfigOverrides = {}): StackConfig {
  const root = overrides.root ?? projectRoot;
  const toml = readToml(join(root, "supabase/config.toml"));
  const serverUser = unprivilegedUser(root);
  const ports = {
    api: overrides.ports?.api ?? portFromEnv("STAYBASE_API_PORT") ?? toml.api.port,
    db: overrides.ports?.db ?? portFromEnv("STAYBASE_DB_PORT") ?? toml.db.port,
    mail: overrides.ports?.mail ?? portFromEnv("STAYBASE_MAIL_PORT") ?? toml.local_smtp.port,
    stripe: overrides.ports?.stripe ?? portFromEnv("STAYBASE_STRIPE_PORT") ?? stripePort,
  };
  return {
    root,
    dataDir: resolve(overrides.dataDir ?? process.env.STAYBASE_DIR ?? defaultDataDir(root, serverUser)),
    functionsDir: overrides.functionsDir ?? join(root, "supabase/functions"),
    seed: overrides.seed ?? true,
    past: overrides.past ?? process.env.STAYBASE_PAST !== "off",
    ports,
    apiUrl: `http://127.0.0.1:${ports.api}`,
    mailUrl: `http://127.0.0.1:${ports.mail}`,
    stripeUrl: `http://127.0.0.1:${ports.stripe}`,
    readsPerMinute: overrides.readsPerMinute ?? readsPerMinuteFromEnv() ?? 1_200,
    replicas: overrides.replicas ?? replicasFromEnv(),
    keys: createKeys(),
    toml,
    serverUser,
  };
}

/** The connection string of a database role. Every local role has the password `postgres`, as with the Supabase CLI. */
export function databaseUrl(config: StackConfig, role = "postgres"): string {
  return `postgresql://${role}:postgres@127.0.0.1:${config.ports.db}/postgres`;
}

/** Holds how far `npm run clock` has moved the time, in milliseconds. It does not exist before. */
export function clockFile({ dataDir }: StackConfig): string {
  return join(dataDir, "clock");
}

function readToml(path: string): Toml {
  try {
    return tomlSchema.parse(parse(withEnvironment(readFileSync(path, "utf8"))));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new StackError(
      `${path} is not valid: ${reason}`,
      "Compare it with the file that `npx supabase init` creates.",
    );
  }
}

/** Replaces "env(NAME)" by the environment variable, or by nothing when it is not set. */
function withEnvironment(text: string): string {
  return text.replaceAll(/"env\((\w+)\)"/g, (_match, name: string) =>
    JSON.stringify(process.env[name] ?? ""),
  );
}

function portFromEnv(name: string): number | undefined {
  const value = process.env[name];
  if (value === undefined || value === "") return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new StackError(`${name}=${value} is not a port.`, "Use a number from 1 to 65535.");
  }
  return port;
}

function readsPerMinuteFromEnv(): number | undefined {
  const value = process.env.STAYBASE_READS_PER_MINUTE;
  if (value === undefined || value === "") return undefined;
  const reads = Number(value);
  if (!Number.isInteger(reads) || reads < 1) {
    throw new StackError(
      `STAYBASE_READS_PER_MINUTE=${value} is not a number of reads.`,
      "Use a whole number from 1 on.",
    );
  }
  return reads;
}

function replicasFromEnv(): StackConfig["replicas"] {
  const value = process.env.STAYBASE_REPLICAS || "0";
  const count = Number(value);
  if (!Number.isInteger(count) || count < 0 || count > 8) {
    throw new StackError(
      `STAYBASE_REPLICAS=${value} is not a number of replicas.`,
      "Use a whole number from 0 to 8.",
    );
  }
  const synchronous = process.env.STAYBASE_SYNCHRONOUS === "on";
  if (synchronous && count === 0) {
    throw new StackError(
      "STAYBASE_SYNCHRONOUS=on lets commits wait for a replica, and there is none.",
      "Set STAYBASE_REPLICAS=2 as well, or remove STAYBASE_SYNCHRONOUS.",
    );
  }
  return { count, synchronous };
}

/** When root starts the stack: the owner of the project, or `nobody` when root owns it. */
function unprivilegedUser(root: string): StackConfig["serverUser"] {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(root);
  return uid === 0 ? { uid: 65534, gid: 65534 } : { uid, gid };
}

/**
 * `.staybase/` in the project. A project of root may lie in a folder that only root can enter, such as /root: the unprivileged
 * Postgres could not read its files there, so the data lies in /var/lib/staybase instead.
 */
function defaultDataDir(root: string, serverUser: StackConfig["serverUser"]): string {
  const local = join(root, ".staybase");
  const rootOwned = serverUser !== undefined && statSync(root).uid === 0;
  if (!rootOwned || withParents(root).every((folder) => (statSync(folder).mode & 0o001) !== 0)) return local;
  return join("/var/lib/staybase", createHash("sha256").update(root).digest("hex").slice(0, 12));
}

function withParents(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [path, ...withParents(parent)];
}
