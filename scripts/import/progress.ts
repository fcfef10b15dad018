// Progress of reading a file, on standard error: a bar on a terminal, and a line every few seconds elsewhere.

import { SingleBar } from "cli-progress";

export interface Progress {
  read(bytes: number): void;
  rows(count: number): void;
  /** Writes a line above the bar. */
  print(line: string): void;
  stop(): void;
}

const secondsBetweenLines = 5;

/** @param total size of the file in bytes */
export function startProgress(
  name: string,
  total: number,
  output: NodeJS.WriteStream = process.stderr,
): Progress {
  let bytes = 0;
  let rows = 0;
  if (output.isTTY) {
    const bar = new SingleBar({
      stream: output,
      format: `  ${name} {bar} {percentage}% · {rows} rows · {duration_formatted}`,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: true,
    });
    bar.start(total, 0, { rows: 0 });
    return {
      read: (count) => {
        bytes += count;
      },
      rows(count) {
        rows += count;
        bar.update(Math.min(bytes, total), { rows: rows.toLocaleString("en") });
      },
      print(line) {
        output.write(`\r\u001b[K${line}\n`);
        bar.render();
      },
      stop: () => bar.stop(),
    };
  }

  let last = performance.now();
  return {
    read: (count) => {
      bytes += count;
    },
    rows(count) {
      rows += count;
      if (performance.now() - last < secondsBetweenLines * 1_000) return;
      last = performance.now();
      output.write(
        `  ${name}: ${Math.floor((Math.min(bytes, total) / total) * 100)}%, ${rows.toLocaleString("en")} rows\n`,
      );
    },
    print: (line) => {
      output.write(`${line}\n`);
    },
    stop() {},
  };
}
