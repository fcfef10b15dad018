// Columns and values as SQL expressions, in the form that GraphQL answers carry.

import type { Column } from "./catalogue.ts";
import type { Plan } from "./plan.ts";
import { ident, literal } from "./sql.ts";

/** Casts for types that JSON cannot represent exactly: they are sent as text. */
const AS_TEXT: Record<number, string> = {
  20: "::text", // bigint
  114: " #>> '{}'", // json
  199: "::text[]", // json[]
  1016: "::text[]", // bigint[]
  1231: "::text[]", // numeric[]
  1700: "::text", // numeric
  3802: " #>> '{}'", // jsonb
  3807: "::text[]", // jsonb[]
};

/** SQL of a value of the type with oid `type`, as GraphQL returns it. */
export const asGraphql = (sql: string, type: number): string => `${sql}${AS_TEXT[type] ?? ""}`;

/** SQL of a column of a row named `block`, with enum labels under their GraphQL names. */
export function columnSql(plan: Plan, column: Column, block: string): string {
  const value = `${block}.${ident(column.name)}`;
  const mappings = plan.schema.catalogue.types.get(column.type)?.directives.mappings;
  if (!mappings?.size) return value;
  const cases = [...mappings].map(([label, name]) => `when ${literal(label)} then ${literal(name)}`);
  return `case ${value}::text ${cases.join(" ")} else ${value}::text end`;
}
