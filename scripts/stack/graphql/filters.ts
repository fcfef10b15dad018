// The argument `filter` and node ids as SQL conditions.

import type { Column, Table } from "./catalogue.ts";
import { GraphqlError } from "./errors.ts";
import { checkVariables } from "./limits.ts";
import type { Plan } from "./plan.ts";
import { ident } from "./sql.ts";
import type { InputValue } from "./types.ts";
import { jsonValue, parseJson, type Value } from "./values.ts";

const OPERATORS: Record<string, string> = {
  eq: "=",
  neq: "<>",
  lt: "<",
  lte: "<=",
  gt: ">",
  gte: ">=",
  in: "= any",
  startsWith: "^@",
  like: "like",
  ilike: "ilike",
  regex: "~",
  iregex: "~*",
  contains: "@>",
  containedBy: "<@",
  overlaps: "&&",
};
const TAKES_LIST = ["in", "contains", "containedBy", "overlaps"];

/** The conditions of a validated filter on rows with the alias `block`, to be combined with `and`. */
export function filterSql(plan: Plan, table: Table, filter: Value, block: string): string[] {
  if (!(filter instanceof Map)) return [];
  const inputs = plan.schema.of(table).filter.inputs;

  return [...filter].flatMap(([name, value]): string[] => {
    const definition = inputs?.get(name) as InputValue;
    if (value === undefined || value === null) return [];
    if (definition.target) return fieldConditions(plan, table, definition.target, value, block);
    if (name === "not") {
      const inner = filterSql(plan, table, value, block);
      return inner.length > 0 ? [`not (${inner.join(" and ")})`] : [];
    }
    const alternatives = (value as Value[])
      .map((item) => filterSql(plan, table, item, block))
      .filter((inner) => inner.length > 0)
      .map((inner) => `(${inner.join(" and ")})`);
    return alternatives.length > 0 ? [`(${alternatives.join(` ${name} `)})`] : [];
  });
}

function fieldConditions(
  plan: Plan,
  table: Table,
  target: Column | "nodeId",
  value: Value,
  block: string,
): string[] {
  return [...(value as Map<string, Value>)]
    .filter(([, operand]) => operand !== undefined)
    .map(([operator, operand]) => {
      if (target === "nodeId") return nodeIdCondition(plan, table, parseNodeId(operand), block);
      return columnCondition(plan, target, operator, operand, block);
    });
}

function columnCondition(
  plan: Plan,
  column: Column,
  operator: string,
  operand: Value,
  block: string,
): string {
  const left = `${block}.${ident(column.name)}`;
  if (operator === "is") {
    if (operand === null) throw new GraphqlError("Error transpiling Is filter value type");
    return `${left} is ${operand === "NULL" ? "null" : "not null"}`;
  }
  const type = TAKES_LIST.includes(operator) ? `${column.typeName}[]` : column.typeName;
  // A null operand is compared like any other value, so no row matches.
  return `${left} ${OPERATORS[operator]} ${plan.statement.value(operand, type)}`;
}

/** A parsed node id: its table and the values of the key. */
export interface NodeId {
  schema: string;
  table: string;
  key: Value[];
}

/** Parses a node id, the base64 of `["schema", "table", key…]`. @throws GraphqlError with pg_graphql's message */
export function parseNodeId(encoded: Value): NodeId {
  if (typeof encoded !== "string") throw new GraphqlError("Invalid value passed to nodeId argument, Error 1");
  const [schema, table, ...key] = decodeToken(encoded, (error) => {
    const number = { base64: 2, utf8: 3, json: 4, array: 10 }[error];
    return `Invalid value passed to nodeId argument. Error ${number}`;
  });
  const refuse = (number: number): never => {
    throw new GraphqlError(`Invalid value passed to nodeId argument. Error ${number}`);
  };
  if (key.length === 0) return refuse(5);
  if (typeof schema !== "string") return refuse(6);
  if (typeof table !== "string") return refuse(7);
  return { schema, table, key };
}

/** The condition that a row with the alias `block` has the key of a node id. */
export function nodeIdCondition(plan: Plan, table: Table, id: NodeId, block: string): string {
  if (id.schema !== table.schema.name || id.table !== table.name) {
    throw new GraphqlError("nodeId belongs to a different collection");
  }
  if (id.key.length !== table.key.length) {
    const counts = `Expected ${table.key.length}, provided ${id.key.length}`;
    throw new GraphqlError(`Primary key column count mismatch. ${counts}`);
  }
  return keyCondition(plan, table, id.key, block);
}

/** The condition that a row with the alias `block` has the given key. */
export function keyCondition(plan: Plan, table: Table, key: readonly Value[], block: string): string {
  return table.key
    .map((column, i) => `${block}.${ident(column.name)} = ${plan.statement.value(key[i], column.typeName)}`)
    .join(" and ");
}

/** Parses an opaque token, the base64 of a JSON array. @param message returns the error message for an invalid one */
export function decodeToken(
  encoded: string,
  message: (error: "base64" | "utf8" | "json" | "array") => string,
): Value[] {
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) throw new GraphqlError(message("base64"));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new GraphqlError(message("utf8"));
  }
  let value: unknown;
  try {
    value = parseJson(text);
    checkVariables(value);
  } catch {
    throw new GraphqlError(message("json"));
  }
  if (!Array.isArray(value)) throw new GraphqlError(message("array"));
  return value.map(jsonValue);
}
