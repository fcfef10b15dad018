// The soak's verdict on figures that stay and figures that grow.

import { expect, it } from "vitest";
import { growthPerTenMinutes } from "./trend.ts";

const samples = (value: (at: number) => number) =>
  Array.from({ length: 100 }, (_, index) => ({ at: index * 5, value: value(index * 5) }));

it("is zero for a constant and for a saw-tooth", () => {
  expect(growthPerTenMinutes(samples(() => 80))).toBe(0);
  expect(Math.abs(growthPerTenMinutes(samples((at) => 80 + ((at / 5) % 4))))).toBeLessThan(1);
});

it("is what a leak adds in ten minutes", () => {
  expect(growthPerTenMinutes(samples((at) => 80 + at / 10))).toBeCloseTo(60);
  expect(growthPerTenMinutes(samples((at) => 80 - at / 10))).toBeCloseTo(-60);
});
