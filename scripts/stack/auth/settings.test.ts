import { expect, it } from "vitest";
import { milliseconds } from "./settings.ts";

it.each([
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  ["250ms", 250],
  ["1ns", 0.000001],
  ["2us3µs", 0.005],
  ["1d", Number.NaN],
  ["", Number.NaN],
])("reads the duration %s as Go does", (text, time) => {
  expect(milliseconds(text)).toBe(time);
});
