// Runs a mix of visits over HTTP at growing numbers of connections, with hosts who write beside it, and measures each kind of visit:
// its rate and times under load, and the processor time that it costs each component.

import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { removeTestData, testConfig } from "../test/config.ts";
import { makeBusyMarket } from "./busy-market.ts";
import { type ComponentTimes, components, measureComponents } from "./component-cpu.ts";
import { percentile } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { startStack } from "./own-stack.ts";
import { mulberry32 } from "./search-arguments.ts";
import { createVisits, type Kind, type Visit, type Visits } from "./visits.ts";

const levels = [1, 8, 32, 64];
const seconds = { warmUp: 8, level: 15 };
/** Visits of a kind that are made alone, after some that warm up. */
const alone = { visits: 200, warmUp: 40 };
const writesPerSecond = 5;

/** @param size number of properties */
export async function benchLoad(size = 20_000): Promise<Figure[]> {
  const config = await testConfig();
  rmSync(config.dataDir, { recursive: true });
  try {
    const stack = await startStack(config);
    const sql = openDatabase(config, "supabase_admin");
    try {
      const visits = await createVisits(config, await makeBusyMarket(sql, size));
      await load(visits, 8, seconds.warmUp);
      await sql`update cron.job set active = false`; // its work would count as that of the visits
      const costs = await costFigures(config, stack.pid, visits);
      await sql`update cron.job set active = true`;
      return [...costs, ...(await loadFigures(config, stack.pid, visits))];
    } finally {
      await sql.end();
      await stack.stop();
    }
  } finally {
    removeTestData(config);
  }
}

/** What one visit of each kind costs each component. */
async function costFigures(config: StackConfig, pid: number, visits: Visits): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, visit } of [{ name: "read by primary key", visit: visits.keyRead }, ...visits.kinds]) {
    const times = await costAlone(config, pid, visit);
    for (const component of components)
      figures.push({ name: `${name}, CPU of ${component}`, value: times[component], unit: "ms" });
  }
  return figures;
}

async function loadFigures(config: StackConfig, pid: number, visits: Visits): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const connections of levels) {
    const used = measureComponents(config.dataDir, pid);
    const results = await load(visits, connections, seconds.level);
    figures.push(...levelFigures(connections, results, used()));
  }
  return figures;
}

/** Milliseconds of processor time of one visit, which runs alone. */
async function costAlone(config: StackConfig, pid: number, visit: Visit): Promise<ComponentTimes> {
  for (let n = 0; n < alone.warmUp; n += 1) await visit();
  const used = measureComponents(config.dataDir, pid);
  for (let n = 0; n < alone.visits; n += 1) await visit();
  const times = used();
  for (const component of components) times[component] /= alone.visits;
  return times;
}

class Result {
  readonly times: number[] = [];
  readonly errors: string[] = [];

  async record(visit: Visit): Promise<void> {
    const since = performance.now();
    try {
      for (const answer of await visit())
        if (!answer.ok)
          this.errors.push(`${answer.status} ${new URL(answer.url).pathname} ${await answer.text()}`);
    } catch (error) {
      this.errors.push(String(error));
    }
    this.times.push(performance.now() - since);
  }
}

/** Lets visitors make visits, one after the other on each connection, while hosts write at a steady pace. */
async function load(visits: Visits, connections: number, duration: number): Promise<Map<string, Result>> {
  const results = new Map(
    ["writes beside it", ...visits.kinds.map(({ name }) => name)].map((name) => [name, new Result()]),
  );
  const random = mulberry32(connections);
  const end = performance.now() + duration * 1_000;
  const visitor = async () => {
    while (performance.now() < end) {
      const kind = chosen(visits.kinds, random());
      await results.get(kind.name)?.record(kind.visit);
    }
  };
  const writer = async () => {
    while (performance.now() < end) {
      await Promise.all([
        results.get("writes beside it")?.record(visits.write),
        sleep(1_000 / writesPerSecond),
      ]);
    }
  };
  await Promise.all([writer(), ...Array.from({ length: connections }, visitor)]);
  return results;
}

/** The kind at `draw`, from 0 to 1, of all shares. */
function chosen(kinds: Kind[], draw: number): Kind {
  let rest = draw * 100;
  for (const kind of kinds) {
    rest -= kind.share;
    if (rest < 0) return kind;
  }
  return kinds[0] as Kind;
}

function levelFigures(connections: number, results: Map<string, Result>, used: ComponentTimes): Figure[] {
  const count = [...results.values()].reduce((sum, { times }) => sum + times.length, 0);
  const named = (name: string, value: number, unit: string): Figure => ({
    name: `${connections} connections, ${name}`,
    value,
    unit,
  });
  return [
    named("all", count / seconds.level, "visits/s"),
    ...components.map((component) => named(`all, CPU of ${component}`, used[component] / count, "ms")),
    ...[...results].flatMap(([name, { times, errors }]) => [
      named(name, times.length / seconds.level, "visits/s"),
      ...[50, 95, 99].map((p) => named(`${name}, p${p}`, percentile(times, p), "ms")),
      { ...named(`${name}, errors`, errors.length, ""), budget: 0 },
      ...[...new Set(errors)]
        .slice(0, 3)
        .map((error): Figure => ({ ...named(`${name}, error`, 0, ""), value: error })),
    ]),
  ];
}
