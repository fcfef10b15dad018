// How PostgREST writes the values of Postgres types in JSON, as JSON Schema.

import { withoutDirective } from "./comments.ts";
import type { Schema } from "./document.ts";
import type { FieldFacts, RestFacts } from "./rest-facts.ts";

const scalars: Record<string, Schema> = {
  bigint: { type: "integer", format: "int64" },
  boolean: { type: "boolean" },
  date: { type: "string", format: "date" },
  "double precision": { type: "number", format: "double" },
  integer: { type: "integer", format: "int32", minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  json: {},
  jsonb: {},
  numeric: { type: "number" },
  real: { type: "number", format: "float" },
  smallint: { type: "integer", format: "int32", minimum: -(2 ** 15), maximum: 2 ** 15 - 1 },
  text: { type: "string" },
  "time without time zone": { type: "string", examples: ["15:00:00"] },
  "timestamp with time zone": { type: "string", format: "date-time" },
  uuid: { type: "string", format: "uuid" },
};

/** The schema of a type by its name, such as `uuid`, `public.room_type` or `text[]`; rows of tables are references. */
export function typeSchema(name: string, facts: RestFacts): Schema {
  if (name.endsWith("[]")) return { type: "array", items: typeSchema(name.slice(0, -2), facts) };
  const own = facts.types[name] ?? facts.types[`public.${name}`]; // PostgREST writes arguments without the schema
  if (own?.table) return { $ref: `#/components/schemas/${own.table}` };
  if (own?.labels) return { type: "string", enum: own.labels };
  if (own?.fields) {
    return { ...objectSchema(own.fields, facts), ...(own.comment && { description: own.comment }) };
  }
  return scalars[name] ?? { type: "string" };
}

/** An object whose fields may all be null: Postgres does not say more of composite types. */
export function objectSchema(fields: FieldFacts[], facts: RestFacts): Schema {
  const properties = fields.map(({ name, type, comment }) => [
    name,
    described(nullable(typeSchema(type, facts)), comment),
  ]);
  return {
    type: "object",
    required: fields.map(({ name }) => name),
    properties: Object.fromEntries(properties),
  };
}

/** The schema with null beside its values. */
export function nullable(schema: Schema): Schema {
  if (schema.$ref !== undefined) return { anyOf: [schema, { type: "null" }] };
  if (schema.type === undefined) return schema;
  const type = [schema.type, "null"].flat();
  return { ...schema, type, ...(schema.enum && { enum: [...schema.enum, null] }) };
}

function described(schema: Schema, comment: string | null | undefined): Schema {
  return comment ? { ...schema, description: withoutDirective(comment) } : schema;
}
