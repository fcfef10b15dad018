// The pgTAP driver: a file passes only when it ran what it planned and nothing failed.

import { expect, it } from "vitest";
import { readTap } from "../../../scripts/test/pgtap.ts";

it.each([
  ["a test that failed", ["1..2", "ok 1 - a", "not ok 2 - b", '# Failed test 2: "b"'], 1],
  ["fewer tests than planned", ["1..3", "ok 1 - a", "ok 2 - b"], 2],
  ["more tests than planned", ["1..1", "ok 1 - a", "ok 2 - b"], 2],
  ["no plan", ["ok 1 - a"], 1],
  ["no test", ["1", "a row of some query"], 0],
  ["nothing", [], 0],
])("fails a file with %s", (_what, lines, passed) => {
  const result = readTap(lines);
  expect([result.passed, result.failures.length]).toEqual([passed, 1]);
});

it("passes a file that ran what it planned, whatever else its queries answered", () => {
  expect(readTap(["a row", "1..2", "ok 1 - a", "# a note", "ok 2 - b"])).toEqual({ passed: 2, failures: [] });
});
