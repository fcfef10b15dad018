// Progress: a bar on a terminal, lines in a log.

import { PassThrough } from "node:stream";
import { expect, it, vi } from "vitest";
import { startProgress } from "../../../scripts/import/progress.ts";

function output(isTTY: boolean) {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (chunk) => {
    text += String(chunk);
  });
  const terminal = {
    isTTY,
    columns: 100,
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
  };
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, text: () => text };
}

it("is a bar on a terminal, which makes room for what is said", () => {
  const { stream, text } = output(true);
  const progress = startProgress("listings", 1_000, stream);
  progress.read(500);
  progress.rows(42);
  progress.print("  line 7: no price");
  progress.stop();
  expect(text()).toMatch(/listings █+░+ 50% · 42 rows/);
  expect(text()).toContain("  line 7: no price\n");
});

it("is a line now and then elsewhere, without a bar", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const { stream, text } = output(false);
  const progress = startProgress("listings", 1_000, stream);
  progress.read(250);
  progress.rows(1_234);
  expect(text()).toBe("");
  vi.advanceTimersByTime(6_000);
  progress.rows(1);
  progress.rows(1);
  progress.stop();
  vi.useRealTimers();
  expect(text()).toBe("  listings: 25%, 1,235 rows\n");
});
