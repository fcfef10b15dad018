import { expect, it } from "vitest";
import { LogPositions } from "./log-positions.ts";

it("says for how long at most a replica lacks what the primary has", () => {
  const log = new LogPositions();
  expect(log.lag(0n, 0)).toBe(Number.POSITIVE_INFINITY); // nothing is known yet
  log.add(100n, 1_000);
  log.add(100n, 2_000);
  log.add(200n, 3_000);
  log.add(300n, 4_000);
  expect(log.lag(300n, 4_100)).toBe(100);
  expect(log.lag(999n, 4_100)).toBe(100); // it has more than was seen of the primary
  expect(log.lag(299n, 4_100)).toBe(1_100); // 300 came after the look at 3,000
  expect(log.lag(100n, 4_100)).toBe(2_100);
  expect(log.lag(99n, 4_100)).toBe(Number.POSITIVE_INFINITY);
});

it("takes an idle primary's replica for as late as the last look", () => {
  const log = new LogPositions();
  for (let now = 1_000; now <= 3_600_000; now += 1_000) log.add(100n, now);
  expect(log.lag(100n, 3_600_300)).toBe(300);
  log.add(200n, 3_601_000);
  expect(log.lag(100n, 3_601_000)).toBe(1_000);
});

it("forgets old positions, and never makes a replica less late by it", () => {
  const log = new LogPositions();
  for (let n = 1; n <= 3_600; n += 1) log.add(BigInt(n), n * 1_000);
  expect(log.lag(3_599n, 3_600_000)).toBe(1_000);
  expect(log.lag(1n, 3_600_000)).toBeGreaterThan(600_000);
});
