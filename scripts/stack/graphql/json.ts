// JSON as Postgres writes it in `jsonb`: keys ordered by length, then by bytes.

/** Orders keys as `jsonb` does; those of GraphQL are ASCII. */
export const byJsonbOrder = (a: string, b: string): number =>
  a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** Text of a JSON object whose values are JSON texts already. */
export const objectText = (entries: Iterable<readonly [key: string, json: string]>): string =>
  `{${[...entries]
    .sort(([a], [b]) => byJsonbOrder(a, b))
    .map(([key, json]) => `${JSON.stringify(key)}: ${json}`)
    .join(", ")}}`;

/** Text of a JSON value, with the keys of its objects in order. */
export function jsonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonText).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return objectText(Object.entries(value).map(([key, item]) => [key, jsonText(item)]));
}
