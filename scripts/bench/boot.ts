// Measures the start of the stack, its memory when idle, and what the gateway adds to a REST request.

import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import type { StackConfig } from "../lib/config.ts";
import { createKeys } from "../lib/keys.ts";
import { removeTestData, testConfig } from "../test/config.ts";
import { memoryOfTree } from "./facts.ts";
import type { Figure } from "./figures.ts";
import { startStack } from "./own-stack.ts";

export async function benchBoot(): Promise<Figure[]> {
  const config = await testConfig({ past: true });
  rmSync(config.dataDir, { recursive: true });
  try {
    const plain = await startStack({ ...config, past: false });
    await plain.stop();
    rmSync(config.dataDir, { recursive: true });
    const first = await startStack(config);
    await first.stop();
    const warm = await startStack(config);
    await sleep(3_000); // until the work of the start is done
    const memory = memoryOfTree(warm.pid, config);
    const gateway = await benchGateway(config);
    await warm.stop();
    return [
      { name: "first start", value: first.seconds, unit: "s", budget: 20 },
      { name: "first start without the seed's past", value: plain.seconds, unit: "s" },
      { name: "warm start", value: warm.seconds, unit: "s", budget: 5 },
      { name: "idle memory of the whole tree", value: memory, unit: "MB", budget: 450 },
      ...gateway,
    ];
  } finally {
    removeTestData(config);
  }
}

/** Reads one row from PostgREST directly and through the gateway: one client for latency, ten for throughput. */
async function benchGateway(config: StackConfig): Promise<Figure[]> {
  const keys = createKeys();
  const direct = `http://127.0.0.1:${postgrestPort(config)}/currencies?code=eq.EUR`;
  const through = `${config.apiUrl}/rest/v1/currencies?code=eq.EUR`;
  const headers = { apikey: keys.publishable, authorization: `Bearer ${keys.anon}` };
  const measure = async (url: string, connections: number) => {
    const result = await autocannon({ url, headers, connections, duration: 5 });
    if (result.non2xx > 0 || result.errors > 0)
      throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} failed`);
    return result.requests.average;
  };
  await measure(direct, 10);
  await measure(through, 10);
  const [directOne, throughOne] = [
    await medianLatency(direct, headers),
    await medianLatency(through, headers),
  ];
  const [directTen, throughTen] = [await measure(direct, 10), await measure(through, 10)];
  return [
    { name: "gateway's median share of a request", value: throughOne - directOne, unit: "ms", budget: 1 },
    { name: "PostgREST alone", value: directTen, unit: "requests/s" },
    { name: "through the gateway", value: throughTen, unit: "requests/s" },
    {
      name: "gateway's throughput",
      value: (100 * throughTen) / directTen,
      unit: "% of PostgREST's",
      atLeast: 50,
    },
  ];
}

/** In milliseconds with fractions, which autocannon does not report. */
async function medianLatency(url: string, headers: Record<string, string>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 2_000; n += 1) {
    const since = performance.now();
    await (await fetch(url, { headers })).arrayBuffer();
    times.push(performance.now() - since);
  }
  return times.sort((a, b) => a - b)[times.length / 2] ?? Number.NaN;
}

function postgrestPort(config: StackConfig): number {
  const { port } = JSON.parse(readFileSync(join(config.dataDir, "run", "rest.pid"), "utf8")) as {
    port?: number;
  };
  if (port === undefined) throw new Error("The pid file of PostgREST has no port.");
  return port;
}
