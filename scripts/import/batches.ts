// Writing in batches. A batch that the database rejects is halved until the invalid rows are isolated.

import { explainDatabase, isRetryable, isRowError } from "./database.ts";

/** Yields up to `size` items at a time, never two with the same key, which one statement could not write. */
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
 * Writes the valid rows of a batch, each attempt in its own transaction.
 *
 * @param onRejected called with each row that the database rejects, and its error
 * @throws an error that is not caused by a row
 */
export async function writeIsolated<T>(
  batch: T[],
  write: (rows: T[]) => Promise<void>,
  onRejected: (row: T, error: Error) => void,
): Promise<void> {
  try {
    await withRetries(() => write(batch));
  } catch (error) {
    if (!(error instanceof Error) || !isRowError(error)) throw explainDatabase(error);
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      onRejected(first, error);
      return;
    }
    const half = Math.ceil(batch.length / 2);
    await writeIsolated(batch.slice(0, half), write, onRejected);
    await writeIsolated(batch.slice(half), write, onRejected);
  }
}

async function withRetries(write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      if (attempt === 3 || !isRetryable(error)) throw error;
    }
  }
}
