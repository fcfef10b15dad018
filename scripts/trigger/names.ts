// The nearest of several names, for a name that was mistyped.

/** @param names not empty */
export function nearest(name: string, names: string[]): string {
  const distances = names.map((known) => [distance(name, known), known] as const);
  return distances.reduce((best, each) => (each[0] < best[0] ? each : best))[1];
}

/** How many characters have to be inserted, removed or replaced (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
