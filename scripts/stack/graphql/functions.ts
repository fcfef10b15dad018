// Functions as fields: computed fields of rows, and root fields of `Query` and `Mutation`.

import type { DbFunction, DbType, Table } from "./catalogue.ts";
import { collectionArgs } from "./collection-args.ts";
import { argumentName, functionName } from "./naming.ts";
import type { Schema } from "./schema.ts";
import { type Field, field, type InputValue, input, isName, nonNull, type Returns } from "./types.ts";

/** Supabase's schemas whose functions are not exposed. */
const SYSTEM_SCHEMAS = ["graphql", "graphql_public", "auth", "extensions"];
const UNSUPPORTED_RETURNS = ["record", "trigger", "event_trigger"];

/** Computed fields: functions whose only argument is the table's row. The whole table must be readable. */
export function computedFields(table: Table, schema: Schema): Field[] {
  if (!table.selectable) return [];
  return schema.catalogue.functions
    .filter((fn) => fn.executable && fn.argTypes.length === 1 && fn.argTypes[0] === table.rowType)
    .flatMap((fn) => functionField(fn, [], schema))
    .filter(({ name }) => isName(name));
}

/** Root fields: volatile functions belong to `Mutation`, the others to `Query`. */
export function functionFields(schema: Schema, volatile: boolean): Field[] {
  const { functions } = schema.catalogue;
  const uses = Map.groupBy(functions, (fn) => fn.name);
  return functions
    .filter((fn) => fn.volatile === volatile && uses.get(fn.name)?.length === 1 && isSupported(fn, schema))
    .flatMap((fn) => functionField(fn, functionArgs(fn, schema), schema))
    .filter(({ name }) => isName(name));
}

function functionField(fn: DbFunction, args: InputValue[], schema: Schema): Field[] {
  const result = schema.returnType(fn);
  if (!result) return [];
  const { type, table } = result;
  const returns: Returns = table ? { kind: fn.set ? "rows" : "row", table } : { kind: "value" };
  const paging = table && fn.set ? collectionArgs(schema.of(table)) : [];
  if (args.some((arg) => paging.some((other) => other.name === arg.name))) return [];
  const { description } = fn.directives;
  const source = { kind: "function", fn, returns } as const;
  return [field(functionName(fn), type, { args: [...args, ...paging], description, source })];
}

function isSupported(fn: DbFunction, schema: Schema): boolean {
  const { catalogue } = schema;
  const isPlain = (oid: number | null) => catalogue.types.get(oid ?? 0)?.category === "other";
  const isPlainOrList = (type: DbType | undefined) =>
    type?.category === "other" || (type?.category === "array" && isPlain(type.element));
  const returns = catalogue.types.get(fn.returns);
  const rows = catalogue.tables.get(returns?.table ?? 0);
  return (
    fn.executable &&
    !fn.variadic &&
    !SYSTEM_SCHEMAS.includes(fn.schema.name) &&
    fn.argTypes.every(
      (oid, position) => fn.argNames?.[position] && isPlainOrList(catalogue.types.get(oid)),
    ) &&
    returns !== undefined &&
    !UNSUPPORTED_RETURNS.includes(returns.name) &&
    (isPlainOrList(returns) || (rows !== undefined && schema.isExposed(rows)))
  );
}

function functionArgs(fn: DbFunction, schema: Schema): InputValue[] {
  const defaults = argumentDefaults(fn);
  return fn.argTypes.flatMap((oid, position) => {
    const name = fn.argNames?.[position] ?? "";
    const type = schema.valueType(schema.catalogue.types.get(oid) as DbType);
    if (!type) return [];
    const isOptional = defaults.has(position);
    const typeName = fn.argTypeNames[position] as string;
    return input(argumentName(name, fn), isOptional ? type : nonNull(type), {
      defaultValue: defaults.get(position) ?? null,
      // a cast to `character` would cut the value to one letter
      argument: { name, type: typeName === "character" ? "text" : typeName },
    });
  });
}

/**
 * The defaults of a function's last arguments by position; null for one that GraphQL cannot express. Postgres returns them as one
 * comma-separated text: if a default contains a comma, all arguments are required.
 */
function argumentDefaults(fn: DbFunction): Map<number, string | null> {
  const texts = fn.defaults?.split(",") ?? [];
  if (texts.length !== fn.defaultCount) return new Map();
  const first = fn.argTypes.length - texts.length;
  return new Map(
    texts.map((text, offset) => [first + offset, defaultText(text.trim(), fn.argTypes[first + offset])]),
  );
}

function defaultText(sql: string, type: number | undefined): string | null {
  switch (type) {
    case 16:
      return /^(true|false)$/.test(sql) ? sql : null;
    case 21:
    case 23:
      return /^[+-]?\d+$/.test(sql) ? String(Number(sql)) : null;
    case 700:
    case 701:
      return sql !== "" && Number.isFinite(Number(sql)) ? String(Number(sql)) : null;
    case 25:
      return sql.endsWith("::text") && !sql.startsWith("NULL")
        ? `"${sql.slice(0, -6).replace(/^'+|'+$/g, "")}"`
        : null;
    default:
      return null;
  }
}
