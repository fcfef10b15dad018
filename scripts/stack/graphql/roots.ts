// Plans root fields as SQL statements.

import type { Table } from "./catalogue.ts";
import type { Document, Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { keyCondition, nodeIdCondition, parseNodeId } from "./filters.ts";
import { introspectSchema, introspectType } from "./introspection.ts";
import { jsonText } from "./json.ts";
import { deleteSql, insertSql, type Mutation, updateSql } from "./mutations.ts";
import { argument, onlyArguments, type Plan } from "./plan.ts";
import type { Schema } from "./schema.ts";
import { collectionSql, functionSql, rootRowSql, rowSql } from "./selection.ts";
import { ident, qualified, Statement } from "./sql.ts";
import type { Field, Source } from "./types.ts";
import { literalValue, type Value } from "./values.ts";

/** A planned root field: an answer that needs no database, or a statement that returns it as `answer`. */
export type Planned =
  | { answer: string }
  | { sql: string; params: Statement["params"]; atMost: bigint | null; verb: string };

/**
 * Plans a root field of the document's operation.
 * @throws GraphqlError when the field, its arguments or its selections do not match the schema
 */
export function planRootField(document: Document, selected: Selected, schema: Schema): Planned {
  const root = (document.operation.operation === "mutation" && schema.mutation) || schema.query;
  if (selected.name === "__typename") return { answer: jsonText(root.name) };
  const field = root.fields?.get(selected.name);
  if (!field?.source) throw new GraphqlError(`Unknown field "${selected.name}" on type ${root.name}`);

  const plan: Plan = { schema, document, statement: new Statement() };
  const { source } = field;
  if (source.kind === "__schema") return { answer: jsonText(introspectSchema(plan, selected)) };
  if (source.kind === "__type") return { answer: jsonText(introspectType(plan, field, selected)) };
  const { sql, atMost } = planSource(plan, field, source, selected);
  return { sql, atMost, params: plan.statement.params, verb: source.kind };
}

function planSource(plan: Plan, field: Field, source: Source, selected: Selected): Mutation {
  switch (source.kind) {
    case "insert":
      return insertSql(plan, source.table, field, selected);
    case "update":
      return updateSql(plan, source.table, field, selected);
    case "delete":
      return deleteSql(plan, source.table, field, selected);
    case "collection": {
      const { table } = source;
      return answering(collectionSql(plan, field, selected, { table, from: qualified(table) }));
    }
    case "node":
      return nodeSql(plan, field, selected);
    case "byKey":
      return byKeySql(plan, field, source.table, selected);
    case "function":
      return callSql(plan, field, source, selected);
    default:
      throw new GraphqlError(`Unknown field "${selected.name}" on type Query`);
  }
}

/** A statement whose only value is the answer. */
const answering = (sql: string): Mutation => ({ sql: `select (${sql})::text as answer`, atMost: null });

/** A statement that answers with the row that meets the condition. */
const rowAnswer = (table: Table, block: string, object: string, condition: string): Mutation =>
  answering(`select ${object} from ${qualified(table)} as ${block} where ${condition}`);

/** As in pg_graphql, nothing selected makes a statement without columns, see `answerField`. */
function nodeSql(plan: Plan, field: Field, selected: Selected): Mutation {
  onlyArguments(selected, field.args);
  const id = parseNodeId(argument(plan, field, selected, "nodeId"));
  const table = plan.schema.tables.find(({ schema, name }) => schema.name === id.schema && name === id.table);
  if (!table) throw new GraphqlError("Collection referenced by nodeId did not match any known collection");
  const block = plan.statement.block();
  const object = rowSql(plan, table, selected, block);
  const condition = nodeIdCondition(plan, table, id, block);
  if (object === "")
    return { sql: `select from ${qualified(table)} as ${block} where ${condition}`, atMost: null };
  return rowAnswer(table, block, object, condition);
}

/** Postgres validates the arguments of the key; other arguments are ignored. */
function byKeySql(plan: Plan, field: Field, table: Table, selected: Selected): Mutation {
  const missing: string[] = [];
  const key = field.args.map(({ name }, position): Value => {
    const node = selected.args.find((arg) => arg.name.value === name);
    if (!node) missing.push(table.key[position]?.name ?? name);
    return node && literalValue(node.value, plan.document.variables);
  });
  if (missing.length > 0) throw new GraphqlError(`Missing primary key column(s): ${missing.join(", ")}`);
  if (key.includes(undefined)) {
    throw new GraphqlError(
      "Encountered `Absent` value while transforming between GraphQL intermediate object notation and JSON",
    );
  }
  const block = plan.statement.block();
  const unknown = (name: string, type: string) => `Unknown field "${name}" on type ${type}`;
  const object = rootRowSql(plan, table, selected, block, unknown);
  return rowAnswer(table, block, object, keyCondition(plan, table, key, block));
}

function callSql(
  plan: Plan,
  field: Field,
  source: Extract<Source, { kind: "function" }>,
  selected: Selected,
): Mutation {
  onlyArguments(selected, field.args);
  const args = field.args.flatMap(({ name, argument: target }) => {
    const value = target && argument(plan, field, selected, name);
    return target && value !== undefined
      ? [`${ident(target.name)} => ${plan.statement.value(value, target.type)}`]
      : [];
  });
  const call = `${qualified(source.fn)}(${args.join(", ")})`;
  const sql = functionSql(plan, field, selected, { ...source, call, row: rootRowSql });
  return answering(source.returns.kind === "value" ? `to_jsonb(${sql})` : sql);
}
