// Progress of a backup or restore: a line for each step, and on a terminal the part of it that is done.

import { print } from "../lib/output.ts";

export interface StepReport {
  (step: string, done?: number): void;
  end(): void;
}

export function createReport(): StepReport {
  let current = "";
  let shown = "";
  const show = (text: string) => {
    if (!process.stdout.isTTY || text === shown) return;
    shown = text;
    process.stdout.write(`\r\x1b[K  ${text}`);
  };
  const end = () => {
    if (process.stdout.isTTY && shown !== "") process.stdout.write("\r\x1b[K");
    shown = "";
  };
  const report = (step: string, done?: number) => {
    if (step !== current) {
      end();
      print(`  ${step} ...`);
      current = step;
    }
    if (done !== undefined) show(`${Math.floor(done * 100)} %`);
  };
  return Object.assign(report, { end });
}
