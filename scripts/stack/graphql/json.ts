// JSON text in the format of Postgres's `jsonb`: keys are ordered by length, then by bytes.

/** Compares keys as `jsonb` does. GraphQL's keys are ASCII. */
export const byJsonbOrder = (a: string, b: string): number =>
  a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** Text of a JSON object whose values are JSON texts. */
export const objectText = (entries: Iterable<readonly [key: string, json: string]>): string =>
  `{${[...entries]
    .sort(([a], [b]) => byJsonbOrder(a, b))
    .map(([key, json]) => `${JSON.stringify(key)}: ${json}`)
    .join(", ")}}`;

/** Text of a JSON value with ordered keys. */
export function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return objectText(Object.entries(value).map(([key, item]) => [key, jsonText(item)]));
}
