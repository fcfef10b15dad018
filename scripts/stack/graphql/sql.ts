// Building SQL: all identifiers are quoted, and all values of clients are parameters.

import { GraphqlError } from "./errors.ts";
import { limits } from "./limits.ts";
import type { Value } from "./values.ts";

/** Runs a statement in the caller's transaction and returns its rows. */
export type Run = (
  text: string,
  params: readonly (string | null)[],
) => Promise<readonly Record<string, unknown>[]>;

/** A quoted identifier. */
export const ident = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A quoted identifier with its schema. */
export const qualified = ({ schema, name }: { schema: { name: string }; name: string }): string =>
  `${ident(schema.name)}.${ident(name)}`;

/** A text literal, for response keys and names; values of clients go through {@link Statement.value}. */
export const literal = (text: string): string => {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
};

/** `jsonb_build_object` takes at most 100 arguments, so larger objects are concatenated. */
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

/** SQL of an opaque token (a cursor or node id): base64 of a JSON array, without line breaks. */
export const token = (parts: readonly string[]): string =>
  `translate(encode(convert_to(jsonb_build_array(${parts.join(", ")})::text, 'utf-8'), 'base64'), E'\\n', '')`;

/** A statement under construction: collects parameters and assigns aliases. */
export class Statement {
  readonly params: (string | null)[] = [];
  #blocks = 0;

  /** The next alias. Aliases are numbered, so that equal queries have equal text and share a prepared statement. */
  block(): string {
    this.#blocks += 1;
    return `b${this.#blocks}`;
  }

  /** SQL of a client's value of the SQL type `type`: a text parameter that Postgres parses. */
  value(value: Value, type: string): string {
    const isArray = Array.isArray(value);
    this.params.push(isArray ? arrayText(value) : scalarText(value, "Unexpected object in input value"));
    if (this.params.length > limits.parameters) throw new GraphqlError("Document has too many values");
    const parameter = `$${this.params.length}::text`;
    return isArray ? `(${parameter}::text[]::${type})` : `(${parameter}::${type})`;
  }
}

function scalarText(value: Value, errorMessage: string): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Map) throw new GraphqlError(errorMessage);
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
