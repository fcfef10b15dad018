// Runs a mix of requests at half of what the stack can take for minutes, and measures whether memory, file descriptors, connections
// and tables stay as they are.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "postgres";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { runningParts } from "../stack/parts.ts";
import { removeTestData, testConfig } from "../test/config.ts";
import { day } from "./dates.ts";
import { percentile } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { startStack } from "./own-stack.ts";
import { growthPerTenMinutes, type Sample } from "./trend.ts";

const clients = 8;
/** Seconds: caches and pools fill; then the full load is measured; then a sample is taken at this pace. */
const seconds = { warmUp: 20, full: 15, sample: 5 };

/** Growth in ten minutes that counts as flat. */
const flat = {
  memoryPercent: 10,
  memoryMegabytes: 10,
  filesPercent: 5,
  files: 5,
  connections: 2,
  tablesPercent: 10,
  tablesKilobytes: 128, // small tables grow by pages until autovacuum has found them
};

/** Tables whose rows are changed or replaced all the time, and whose number of rows does not grow. */
const churned = ["public.wishlists", "public.properties", "private.property_search", "auth.users"];

type Request = () => Promise<Response>;

/** @param minutes how long the half load lasts */
export async function benchSoak(minutes = 10): Promise<Figure[]> {
  const config = await testConfig();
  rmSync(config.dataDir, { recursive: true });
  try {
    const stack = await startStack(config);
    const admin = openDatabase(config, "supabase_admin");
    try {
      return await soak(config, stack.pid, admin, minutes);
    } finally {
      await admin.end({ timeout: 1 });
      await stack.stop();
    }
  } finally {
    removeTestData(config);
  }
}

async function soak(config: StackConfig, pid: number, admin: Sql, minutes: number): Promise<Figure[]> {
  const requests = await prepareRequests(config);
  await load(requests, seconds.warmUp);
  const full = await load(requests, seconds.full);
  const half = full.count / seconds.full / 2;

  const samples = new Map<string, Sample[]>();
  const sampling = new AbortController();
  const sampler = (async () => {
    while (!sampling.signal.aborted) {
      for (const [name, value] of Object.entries(await measure(config, pid, admin))) {
        const series = samples.get(name) ?? [];
        samples.set(name, [...series, { at: performance.now() / 1000, value }]);
      }
      await sleep(seconds.sample * 1_000, undefined, { signal: sampling.signal }).catch(() => {});
    }
  })();
  const result = await load(requests, minutes * 60, half);
  sampling.abort();
  await sampler;

  return [
    { name: "full load", value: full.count / seconds.full, unit: "requests/s" },
    { name: "half load, asked", value: half, unit: "requests/s" },
    { name: "half load, done", value: result.count / (minutes * 60), unit: "requests/s" },
    { name: "requests", value: result.count, unit: "" },
    { name: "errors", value: result.errors.length + full.errors.length, unit: "", budget: 0 },
    ...[...new Set([...full.errors, ...result.errors])]
      .slice(0, 5)
      .map((error): Figure => ({ name: "error", value: error, unit: "" })),
    { name: "half load, p50", value: percentile(result.times, 50), unit: "ms" },
    { name: "half load, p99", value: percentile(result.times, 99), unit: "ms" },
    ...[...samples].flatMap(([name, series]) => trend(name, series)),
  ];
}

/** The mean of a series and its growth, without the first fifth, in which the stack settles. */
function trend(name: string, all: Sample[]): Figure[] {
  const series = all.slice(Math.ceil(all.length / 5));
  if (series.length < 3) return [];
  const mean = series.reduce((sum, { value }) => sum + value, 0) / series.length;
  const [kind = "", unit = ""] = name.split(", ");
  const budget = kind.startsWith("memory")
    ? Math.max(flat.memoryMegabytes, (mean * flat.memoryPercent) / 100)
    : kind.startsWith("files")
      ? Math.max(flat.files, (mean * flat.filesPercent) / 100)
      : kind.startsWith("connections")
        ? flat.connections
        : Math.max(flat.tablesKilobytes, (mean * flat.tablesPercent) / 100);
  return [
    { name: kind, value: mean, unit },
    {
      name: `${kind}, growth`,
      value: growthPerTenMinutes(series),
      unit: `${unit} in 10 min`.trim(),
      budget: Number(budget.toFixed(2)),
    },
  ];
}

/** Memory and open files of each part, connections to Postgres, and the size of the churned tables. */
async function measure(config: StackConfig, pid: number, admin: Sql): Promise<Record<string, number>> {
  const children = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number) as [number, number, number]);
  const values: Record<string, number> = {};
  const parts = runningParts(config.dataDir).filter(({ name }) => name !== "guard");
  for (const part of [{ name: "stack", pid }, ...parts]) {
    // Postgres has a process for each connection
    const own = children.filter(
      ([id, parent]) => id === part.pid || (part.name === "postgres" && parent === part.pid),
    );
    values[`memory of ${part.name}, MB`] =
      own.reduce((sum, [id, , resident]) => sum + (privateMemory(id) ?? resident), 0) / 1024;
    const files = own.map(([id]) => openFiles(id)).filter((count) => count !== undefined);
    if (files.length > 0) values[`files of ${part.name}`] = files.reduce((sum, count) => sum + count, 0);
  }
  const [connections] = await admin<{ count: number }[]>`
    select count(*)::float8 as count from pg_catalog.pg_stat_activity where backend_type = 'client backend'`;
  values.connections = connections?.count ?? 0;
  for (const table of churned) {
    const [size] = await admin<{ kilobytes: number }[]>`
      select pg_catalog.pg_total_relation_size(${table}::regclass)::float8 / 1024 as kilobytes`;
    values[`size of ${table}, kB`] = size?.kilobytes ?? 0;
  }
  return values;
}

/** Kilobytes without what a process shares with others, such as Postgres's buffers. Linux only. */
function privateMemory(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const shares = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)];
    return shares.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0);
  } catch {
    return undefined;
  }
}

function openFiles(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

/** Sends requests for so many seconds: as fast as they are answered, or at most `rate` a second. */
async function load(requests: Request[], duration: number, rate = Number.POSITIVE_INFINITY) {
  const times: number[] = [];
  const errors: string[] = [];
  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  let turn = 0;
  const client = async () => {
    while (elapsed() < duration) {
      const due = turn / rate;
      const send = requests[turn++ % requests.length] as Request;
      if (due > elapsed()) await sleep((due - elapsed()) * 1000);
      const since = performance.now();
      try {
        const response = await send();
        await response.arrayBuffer();
        if (!response.ok) errors.push(`${response.status} ${new URL(response.url).pathname}`);
      } catch (error) {
        errors.push(String(error));
      }
      times.push(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { count: times.length, times, errors };
}

/** One round of what guests and hosts do: mostly reads, some writes, a sign-in. */
async function prepareRequests(config: StackConfig): Promise<Request[]> {
  const call = (method: string, path: string, token?: string, body?: unknown) =>
    fetch(config.apiUrl + path, {
      method,
      headers: {
        apikey: config.keys.publishable,
        "content-type": "application/json",
        prefer: "return=representation",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const signIn = (name: string) => () =>
    call("POST", "/auth/v1/token?grant_type=password", undefined, {
      email: `${name}@example.com`,
      password: "staybase",
    });
  const tokenOf = async (name: string) => {
    const session = (await (await signIn(name)()).json()) as { access_token: string };
    return session.access_token;
  };
  const [guest, host] = [await tokenOf("gita"), await tokenOf("ana")];
  const property = "5eed0000-0000-4000-8000-000000000101";
  const photos = (await (
    await call("GET", "/rest/v1/property_photos?select=path&limit=1", guest)
  ).json()) as { path: string }[];
  const stay = { p_check_in: day(200), p_check_out: day(204), p_adults: 2 };
  const search = { p_west: -9.4, p_south: 38.6, p_east: -9, p_north: 38.9, ...stay };
  const query = "query ($id: UUID!) { propertiesByPk(id: $id) { id title host { displayName } } }";

  const reads: Request[] = [
    () =>
      call(
        "GET",
        `/rest/v1/properties?select=id,title,host:profiles!host_id(display_name)&id=eq.${property}`,
        guest,
      ),
    () => call("POST", "/rest/v1/rpc/search_properties", guest, search),
    () => call("POST", "/rest/v1/rpc/quote_stay", guest, { p_property_id: property, ...stay }),
    () => call("POST", "/graphql/v1", guest, { query, variables: { id: property } }),
    () => call("GET", `/storage/v1/object/public/property-photos/${photos[0]?.path ?? ""}`),
  ];
  const writes: Request[] = [
    async () => {
      const made = await call("POST", "/rest/v1/wishlists", guest, { name: "Soak" });
      const [list] = (await made.clone().json()) as { id: string }[];
      return made.ok ? call("DELETE", `/rest/v1/wishlists?id=eq.${list?.id}`, guest) : made;
    },
    () =>
      call("PATCH", `/rest/v1/properties?id=eq.${property}`, host, {
        base_price: 9_000 + Math.floor(Math.random() * 1_000),
      }),
  ];
  return [...Array.from({ length: 8 }, () => reads).flat(), ...writes, ...writes, signIn("tom")];
}
