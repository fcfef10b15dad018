// What is selected of a row, as the SQL of a JSON object.

import type { Column, DbFunction, Table } from "./catalogue.ts";
import { connectionSql } from "./connection.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { onlyArguments, type Plan } from "./plan.ts";
import { ident, jsonObject, literal, qualified, token } from "./sql.ts";
import type { Field, Join, Returns } from "./types.ts";

/** Types that JSON cannot carry faithfully travel as text. */
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

/** SQL of a value as GraphQL gives it. */
export const asGraphql = (sql: string, type: number): string => `${sql}${AS_TEXT[type] ?? ""}`;

/** SQL of a column of a row named `block`, with enum labels under their GraphQL names. */
export function columnSql(plan: Plan, column: Column, block: string): string {
  const value = `${block}.${ident(column.name)}`;
  const mappings = plan.schema.catalogue.types.get(column.type)?.directives.mappings;
  if (!mappings?.size) return value;
  const cases = [...mappings].map(([label, name]) => `when ${literal(label)} then ${literal(name)}`);
  return `case ${value}::text ${cases.join(" ")} else ${value}::text end`;
}

/**
 * SQL of the object that a selection makes of a row named `block`.
 * @param unknown words the error for a field that the row does not have
 */
export function rowSql(
  plan: Plan,
  table: Table,
  selected: Selected,
  block: string,
  unknown = unknownField,
): string {
  const { node } = plan.schema.of(table);
  const pairs = plan.document.select(selected, node.name).map((selection): [string, string] => {
    if (selection.name === "__typename") return [selection.key, literal(node.name)];
    const field = node.fields?.get(selection.name);
    if (!field) throw new GraphqlError(unknown(selection.name, node.name));
    return [selection.key, fieldSql(plan, table, field, selection, block)];
  });
  return jsonObject(pairs);
}

const unknownField = (name: string, type: string): string => `Unknown field '${name}' on type '${type}'`;

function fieldSql(plan: Plan, table: Table, field: Field, selected: Selected, block: string): string {
  const { source } = field;
  switch (source?.kind) {
    case "column":
      return asGraphql(columnSql(plan, source.column, block), source.column.type);
    case "nodeId": {
      const key = table.key.map((column) => `${block}.${ident(column.name)}`);
      return token([literal(table.schema.name), literal(table.name), ...key]);
    }
    case "one": {
      onlyArguments(selected, []);
      const related = plan.statement.block();
      const object = rowSql(plan, source.table, selected, related);
      return `(select ${object} from ${qualified(source.table)} as ${related} where ${joinSql(source.join, related, block)})`;
    }
    case "many":
      return connectionSql(plan, field, selected, {
        table: source.table,
        from: qualified(source.table),
        condition: (related) => joinSql(source.join, related, block),
      });
    case "function": {
      const call = `${qualified(source.fn)}(${block}::${qualified(table)})`;
      return functionSql(plan, field, selected, { ...source, call });
    }
    default:
      throw new GraphqlError(`unexpected field type on node ${field.name}`);
  }
}

/** SQL of the answer of a function, given the SQL of its call. */
export function functionSql(
  plan: Plan,
  field: Field,
  selected: Selected,
  { fn, returns, call }: { fn: DbFunction; returns: Returns; call: string },
): string {
  if (returns.kind === "value") return asGraphql(call, fn.returns);
  if (returns.kind === "rows") {
    return connectionSql(plan, field, selected, { table: returns.table, from: call });
  }
  onlyArguments(selected, field.args);
  const row = plan.statement.block();
  const object = rowSql(plan, returns.table, selected, row);
  // A function without an answer gives a row of nulls.
  return `(select ${object} from ${call} as ${row} where not (${row} is null))`;
}

const joinSql = (join: Join, related: string, own: string): string =>
  join.map(([theirs, ours]) => `${related}.${ident(theirs)} = ${own}.${ident(ours)}`).join(" and ");
