// Validates comment directives, `@graphql({…})`. `name` accepts any JSON value as text; the others require their type.

import { DocumentError } from "./errors.ts";

/** The JSON of a comment's directive; `{}` when there is none. */
export type Directives = Record<string, unknown>;

export const text = (value: unknown): string | null => {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** The value of an optional directive. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === undefined || value === null ? null : read(value);
}

/** Whether a directive is `{"enabled": true}`. */
export const isEnabled = (value: unknown): boolean =>
  text((value as Directives | undefined)?.enabled) === "true";

/** The directives `name` and `description`. */
export const described = ({ name, description }: { name?: unknown; description?: unknown }) => ({
  name: text(name),
  description: optional(description, string),
});

export function string(value: unknown, field?: string): string {
  return typeof value === "string" ? value : refuse(value, "a string", field);
}

export function list<T>(value: unknown, field?: string): T[] {
  return Array.isArray(value) ? value : refuse(value, "a sequence", field);
}

export const texts = (value: unknown, field?: string): string[] =>
  list(value, field).map((item) => string(item));

/** GraphQL names of an enum's values, by SQL label. */
export function mappings(value: unknown): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(value, "a map");
  return new Map(Object.entries(value).map(([label, name]) => [label, string(name)]));
}

export function rowLimit(value: number | null): number | null {
  if (value !== null && value < 0) fail(`invalid value: integer \`${value}\`, expected u64`);
  return value;
}

function refuse(value: unknown, expected: string, field?: string): never {
  if (value === undefined && field) fail(`missing field \`${field}\``);
  fail(`invalid type: ${kindOf(value)}, expected ${expected}`);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "sequence";
  if (typeof value === "string") return `string ${JSON.stringify(value)}`;
  if (typeof value === "number") return `integer \`${value}\``;
  return typeof value === "boolean" ? `boolean \`${value}\`` : "map";
}

/** As in pg_graphql, an invalid directive makes the whole schema unusable. */
function fail(reason: string): never {
  throw new DocumentError(`Error while loading schema, check comment directives. ${reason}`);
}
