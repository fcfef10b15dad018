// A file that outlives the process: each line holds the objects that one request changed, so a request is there as a whole or not
// at all. What a process has written stays when it is killed.

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Item } from "./objects.ts";

export interface Journal {
  append(items: Item[]): void;
}

/** Reads the objects of a file in the order of their creation, and rewrites it with the last state of each. */
export function openJournal(file: string): { items: Map<string, Item>; journal: Journal } {
  const items = new Map<string, Item>();
  for (const line of existsSync(file) ? readFileSync(file, "utf8").split("\n") : []) {
    for (const item of parse(line)) items.set(item.id, item);
  }
  writeFileSync(`${file}.new`, items.size === 0 ? "" : `${JSON.stringify([...items.values()])}\n`);
  renameSync(`${file}.new`, file);
  return {
    items,
    journal: { append: (changed) => appendFileSync(file, `${JSON.stringify(changed)}\n`) },
  };
}

/** The process may have been killed while it wrote the last line: that request was never answered. */
function parse(line: string): Item[] {
  try {
    return line === "" ? [] : (JSON.parse(line) as Item[]);
  } catch {
    return [];
  }
}
