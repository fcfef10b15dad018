// Inserts, updates and deletes, each as one statement that also returns the changed rows.

import type { Column, Table } from "./catalogue.ts";
import type { Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { filterSql } from "./filters.ts";
import { argument, onlyArguments, type Plan } from "./plan.ts";
import { rowSql } from "./selection.ts";
import { ident, jsonObject, literal, qualified } from "./sql.ts";
import type { Field, NamedType } from "./types.ts";
import type { Value } from "./values.ts";

/** A mutation: its SQL, and the maximum number of rows that it may change. */
export interface Mutation {
  sql: string;
  atMost: bigint | null;
}

/** Plans `insertIntoXCollection`. */
export function insertSql(plan: Plan, table: Table, field: Field, selected: Selected): Mutation {
  onlyArguments(selected, field.args);
  const { insertInput, insertResponse } = plan.schema.of(table);
  const objects = (argument(plan, field, selected, "objects") as Value[]).map((row) =>
    assignments(insertInput, row),
  );
  if (objects.length === 0) throw new GraphqlError("At least one record must be provided to objects");

  const block = plan.statement.block();
  const given = table.columns.filter((column) => objects.some((row) => row.has(column)));
  const columns = given.length > 0 ? given : table.columns.filter((column) => column.insertable).slice(0, 1);
  const rows = objects.map((row) => {
    const values = columns.map((column) =>
      row.has(column) ? plan.statement.value(row.get(column), column.typeName) : "default",
    );
    return `(${values.join(", ")})`;
  });
  const names = columns.map(({ name }) => ident(name)).join(", ");
  const change = `insert into ${qualified(table)} (${names}) values ${rows.join(", ")}`;
  return { sql: changeSql(plan, table, insertResponse, "insert", selected, change, block), atMost: null };
}

/** Plans `updateXCollection`. */
export function updateSql(plan: Plan, table: Table, field: Field, selected: Selected): Mutation {
  onlyArguments(selected, field.args);
  const { updateInput, updateResponse } = plan.schema.of(table);
  const set = assignments(updateInput, argument(plan, field, selected, "set"));
  if (set.size === 0) throw new GraphqlError("At least one mapping must be provided to set argument");

  const block = plan.statement.block();
  const values = [...set].map(
    ([{ name, typeName }, value]) => `${ident(name)} = ${plan.statement.value(value, typeName)}`,
  );
  const where = whereSql(plan, table, field, selected, block);
  const change = `update ${qualified(table)} as ${block} set ${values.join(", ")} where ${where}`;
  return {
    sql: changeSql(plan, table, updateResponse, "update", selected, change, block),
    atMost: readAtMost(plan, field, selected),
  };
}

/** Plans `deleteFromXCollection`. */
export function deleteSql(plan: Plan, table: Table, field: Field, selected: Selected): Mutation {
  onlyArguments(selected, field.args);
  const { deleteResponse } = plan.schema.of(table);
  const block = plan.statement.block();
  const where = whereSql(plan, table, field, selected, block);
  const change = `delete from ${qualified(table)} as ${block} where ${where}`;
  return {
    sql: changeSql(plan, table, deleteResponse, "delete", selected, change, block),
    atMost: readAtMost(plan, field, selected),
  };
}

function whereSql(plan: Plan, table: Table, field: Field, selected: Selected, block: string): string {
  const conditions = filterSql(plan, table, argument(plan, field, selected, "filter"), block);
  return conditions.length > 0 ? conditions.join(" and ") : "true";
}

/** The limit of changed rows: 1 when it is left out, and as in pg_graphql when it is not a whole number. */
function readAtMost(plan: Plan, field: Field, selected: Selected): bigint {
  try {
    return argument(plan, field, selected, "atMost") as bigint;
  } catch {
    return 1n;
  }
}

/** The columns that an input object sets. A variable without a value sets nothing. */
function assignments(type: NamedType, row: Value): Map<Column, Value> {
  const set = new Map<Column, Value>();
  for (const [name, value] of row as Map<string, Value>) {
    if (value !== undefined) set.set(type.inputs?.get(name)?.target as Column, value);
  }
  return set;
}

/** The statement that makes the change and returns the answer, with the number of rows for the check of `atMost`. */
function changeSql(
  plan: Plan,
  table: Table,
  response: NamedType,
  verb: string,
  selected: Selected,
  change: string,
  block: string,
): string {
  const pairs = plan.document.select(selected, response.name).map((selection): [string, string] => {
    switch (selection.name) {
      case "__typename":
        return [selection.key, literal(response.name)];
      case "affectedCount":
        return [selection.key, "count(*)"];
      case "records":
        onlyArguments(selection, []);
        return [selection.key, `coalesce(jsonb_agg(${rowSql(plan, table, selection, block)}), '[]')`];
      default:
        throw new GraphqlError(`unknown field in ${verb}`);
    }
  });
  const readable = table.columns.filter((column) => column.selectable).map((column) => ident(column.name));
  return `with changed as (${change} returning ${readable.join(", ")})
    select (${jsonObject(pairs)})::text as answer, (select count(*) from changed) as changed
    from changed as ${block} limit 1`;
}
