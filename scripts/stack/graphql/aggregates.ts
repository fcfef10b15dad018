// Aggregates over a collection: types and SQL, for tables whose comment enables them.

import { named, stringType } from "./builtin.ts";
import type { Column, Table } from "./catalogue.ts";
import { columnSql } from "./columns.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { columnName, tableName } from "./naming.ts";
import type { Plan } from "./plan.ts";
import type { Schema } from "./schema.ts";
import { jsonObject, literal } from "./sql.ts";
import { field, innermost, NamedType, nonNull } from "./types.ts";

const INTEGERS = ["int2", "int4", "int8"];
const NUMBERS = [...INTEGERS, "float4", "float8", "numeric", "money"];
const TEXTS = ["text", "varchar", "char", "bpchar", "name", "citext"];

/** Result types of `min` and `max`. */
const COMPARABLE = new Map([
  ["int2", "Int"],
  ["int4", "Int"],
  ["int8", "BigInt"],
  ["float4", "BigFloat"],
  ["float8", "BigFloat"],
  ["numeric", "BigFloat"],
  ["money", "Opaque"],
  ["bool", "Boolean"],
  ["date", "Date"],
  ["time", "Time"],
  ["timetz", "Time"],
  ["timestamp", "Datetime"],
  ["timestamptz", "Datetime"],
]);

interface Operation {
  name: "sum" | "avg" | "min" | "max";
  type: string;
  term: string;
  titles: [field: string, column: string];
  over: "numeric" | "comparable";
}
const OPERATIONS: Operation[] = [
  { name: "sum", type: "Sum", term: "summation", titles: ["Summation", "Sum"], over: "numeric" },
  { name: "avg", type: "Avg", term: "average", titles: ["Average", "Average"], over: "numeric" },
  { name: "min", type: "Min", term: "minimum", titles: ["Minimum", "Minimum"], over: "comparable" },
  { name: "max", type: "Max", term: "maximum", titles: ["Maximum", "Maximum"], over: "comparable" },
];

/** The types of a table's aggregates; the first is that of the field `aggregate`. */
export function aggregateTypes(table: Table, schema: Schema): NamedType[] {
  const common = { kind: "OBJECT", schema: table.schema.oid, table } as const;
  const name = tableName(table);

  const results = OPERATIONS.flatMap((operation) => {
    const columns = table.columns.flatMap((column) => {
      const type = resultType(operation, column, schema);
      return type ? [{ column, type }] : [];
    });
    if (columns.length === 0) return [];
    const type = new NamedType({
      ...common,
      name: `${name}${operation.type}AggregateResult`,
      description: `Result of ${operation.term} aggregation for \`${name}\``,
      fields: () =>
        columns.map(({ column, type }) => {
          const columnField = columnName(column, table.schema);
          const description = `${operation.titles[1]} of ${columnField} across all matching records`;
          return field(columnField, type, { description, source: { kind: "column", column } });
        }),
    });
    return [{ operation, type }];
  });

  const aggregate = new NamedType({
    ...common,
    name: `${name}Aggregate`,
    description: `Aggregate results for \`${name}\``,
    fields: () => [
      field("count", nonNull(named("Int")), { description: "The number of records matching the query" }),
      ...results.map(({ operation, type }) => {
        const description = `${operation.titles[0]} aggregates for ${operation.over} fields`;
        return field(operation.name, type, { description });
      }),
    ],
  });
  return [aggregate, ...results.map(({ type }) => type)];
}

function resultType(operation: Operation, column: Column, schema: Schema): NamedType | null {
  const type = schema.catalogue.types.get(column.type);
  if (type?.category !== "other") return null;
  if (operation.over === "numeric") {
    if (!NUMBERS.includes(type.name)) return null;
    return named(operation.name === "sum" && INTEGERS.includes(type.name) ? "BigInt" : "BigFloat");
  }
  if (TEXTS.includes(type.name)) return stringType(column.maxLength);
  const scalar = COMPARABLE.get(type.name);
  return scalar ? named(scalar) : null;
}

/** SQL of the object `aggregate` over rows with the alias `block`. */
export function aggregateSql(plan: Plan, type: NamedType, selected: Selected, block: string): string {
  const pairs = plan.document.select(selected, type.name).map((selection): [string, string] => {
    if (selection.name === "__typename") return [selection.key, literal(type.name)];
    if (selection.name === "count") return [selection.key, "count(*)"];
    const found = type.fields?.get(selection.name);
    if (!found) throw new GraphqlError(`Unknown field "${selection.name}" selected on type "${type.name}"`);
    return [selection.key, columnsSql(plan, innermost(found.type), selection, block)];
  });
  return jsonObject(pairs);
}

function columnsSql(plan: Plan, type: NamedType, selected: Selected, block: string): string {
  const pairs = plan.document.select(selected, type.name).map(({ key, name }): [string, string] => {
    const source = type.fields?.get(name)?.source;
    if (source?.kind !== "column") {
      throw new GraphqlError(`Unknown or invalid field "${name}" selected on type "${type.name}"`);
    }
    const value = columnSql(plan, source.column, block);
    // Averages of floats are computed as numeric, without rounding errors.
    return [key, `${selected.name}(${value}${selected.name === "avg" ? "::numeric" : ""})`];
  });
  return jsonObject(pairs);
}
