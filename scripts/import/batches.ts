// Rows in batches, and what happens when a batch is refused: it is halved until the row stands alone that is to blame.

import { explainDatabase, isAboutRows, isWorthRepeating } from "./database.ts";

/** Up to `size` items at a time, and never two with the same key, which one statement could not write. */
export async function* inBatches<T>(
  items: AsyncIterable<T>,
  size: number,
  key: (item: T) => string,
): AsyncGenerator<T[]> {
  let batch = new Map<string, T>();
  for await (const item of items) {
    if (batch.size === size || batch.has(key(item))) {
      yield [...batch.values()];
      batch = new Map();
    }
    batch.set(key(item), item);
  }
  if (batch.size > 0) yield [...batch.values()];
}

/**
 * Writes a batch, each attempt in a transaction of its own. Good rows are written whatever is wrong with others.
 *
 * @param onRefused called with each row that the database refuses and its words
 * @throws the error when it is not about rows
 */
export async function writeIsolated<T>(
  batch: T[],
  write: (rows: T[]) => Promise<void>,
  onRefused: (row: T, error: Error) => void,
): Promise<void> {
  try {
    await repeating(() => write(batch));
  } catch (error) {
    if (!(error instanceof Error) || !isAboutRows(error)) throw explainDatabase(error);
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      onRefused(first, error);
      return;
    }
    const half = Math.ceil(batch.length / 2);
    await writeIsolated(batch.slice(0, half), write, onRefused);
    await writeIsolated(batch.slice(half), write, onRefused);
  }
}

async function repeating(write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      if (attempt === 3 || !isWorthRepeating(error)) throw error;
    }
  }
}
