// Writing SQL: every identifier is quoted, every value that a client sends is a parameter.

import { GraphqlError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { Value } from "./values.ts";

/** Runs one statement on the caller's transaction and gives its rows. */
export type Run = (
  text: string,
  params: readonly (string | null)[],
) => Promise<readonly Record<string, unknown>[]>;

/** A name as a quoted identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A name with its schema. */
export const qualified = ({ schema, name }: { schema: { name: string }; name: string }): string =>
  `${ident(schema.name)}.${ident(name)}`;

/** Text of ours (response keys, type and table names) as a literal; clients' values go through {@link Statement.value}. */
export const literal = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
};

/** `jsonb_build_object` takes 100 arguments at most, so wide objects are put together from chunks. */
const PAIRS_PER_CALL = 50;

/** A JSON object of response keys and the SQL of their values. */
export function jsonObject(pairs: readonly (readonly [key: string, sql: string])[]): string {
  const chunks: string[] = [];
  for (let start = 0; start === 0 || start < pairs.length; start += PAIRS_PER_CALL) {
    const chunk = pairs.slice(start, start + PAIRS_PER_CALL).map(([key, sql]) => `${literal(key)}, ${sql}`);
    chunks.push(`jsonb_build_object(${chunk.join(", ")})`);
  }
  return chunks.join(" || ");
}

/** SQL of an opaque token (cursor, node id): base64 of a JSON array, without line breaks. */
export const token = (parts: readonly string[]): string =>
  `translate(encode(convert_to(jsonb_build_array(${parts.join(", ")})::text, 'utf-8'), 'base64'), E'\\n', '')`;

/** One statement in the making: collects its parameters and names its row sources. */
export class Statement {
  readonly params: (string | null)[] = [];
  #blocks = 0;

  /** The alias of the next row source. Counted, so that equal queries give equal text and share a prepared statement. */
  block(): string {
    this.#blocks += 1;
    return `b${this.#blocks}`;
  }

  /** SQL of a client's value as the SQL type `type`: a text parameter that Postgres itself parses. */
  value(value: Value, type: string): string {
    const isArray = Array.isArray(value);
    this.params.push(isArray ? arrayText(value) : scalarText(value, "Unexpected object in input value"));
    if (this.params.length > limits.parameters) throw new GraphqlError("Document has too many values");
    const parameter = `$${this.params.length}::text`;
    return isArray ? `(${parameter}::text[]::${type})` : `(${parameter}::${type})`;
  }
}

function scalarText(value: Value, objection: string): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Map) throw new GraphqlError(objection);
  return String(value);
}

function arrayText(values: readonly Value[]): string {
  const elements = values.map((value) => {
    if (Array.isArray(value)) throw new GraphqlError("Unexpected array in input value array");
    const text = scalarText(value, "Unexpected object in input value array");
    return text === null ? "NULL" : `"${text.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${elements.join(",")}}`;
}
