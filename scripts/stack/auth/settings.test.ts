import { expect, it } from "vitest";
import type { StackConfig } from "../../lib/config.ts";
import { milliseconds, readSettings } from "./settings.ts";

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

it("refuses a pause between mails that is no duration", () => {
  const config = { keys: {}, toml: { auth: { email: { max_frequency: "1d" } } } } as StackConfig;
  expect(() => readSettings(config)).toThrow('max_frequency = "1d" is not a duration.');
});
