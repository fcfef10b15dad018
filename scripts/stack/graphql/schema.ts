// The GraphQL schema of one role, with root fields and types derived from the catalogue.

import { builtin, builtinFilters, named, stringType, valueFilter } from "./builtin.ts";
import type { Catalogue, Column, DbFunction, DbType, Table } from "./catalogue.ts";
import { collectionArgs } from "./collection-args.ts";
import { functionFields } from "./functions.ts";
import { columnName, enumName, tableFieldName, tableName } from "./naming.ts";
import { TableTypes } from "./tables.ts";
import {
  byName,
  type Field,
  field,
  input,
  isName,
  listOf,
  NamedType,
  nonNull,
  nullable,
  type Type,
} from "./types.ts";

const SCALARS: Record<number, string> = {
  16: "Boolean",
  20: "BigInt",
  21: "Int",
  23: "Int",
  25: "String",
  114: "JSON",
  700: "Float",
  701: "Float",
  1082: "Date",
  1083: "Time",
  1114: "Datetime",
  1184: "Datetime",
  1700: "BigFloat",
  2950: "UUID",
  3802: "JSON",
};
const CHARACTER_TYPES = [18, 1042, 1043];
const KEY_TYPES = /^(smallint|integer|bigint|text|varchar|char|bpchar|citext|uuid)$/;

/** The schema that a role sees for a search path. */
export class Schema {
  readonly catalogue: Catalogue;
  readonly query: NamedType;
  /** Null when the role may not change anything. */
  readonly mutation: NamedType | null;
  /** The interface of rows with a key. */
  readonly node: NamedType;
  /** Whether any SQL schema allows introspection, so that `__schema` and `__type` exist. */
  readonly introspection: boolean;
  readonly #tables = new Map<Table, TableTypes>();
  readonly #enums = new Map<DbType, NamedType>();
  #types: Map<string, NamedType> | undefined;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
    this.introspection = catalogue.schemas.values().some((schema) => schema.introspection);
    this.node = new NamedType({
      kind: "INTERFACE",
      name: "Node",
      fields: () => [field("nodeId", nonNull(named("ID")), { description: "Retrieves a record by `ID`" })],
    });
    const root = (name: string, description: string, fields: () => Field[]) =>
      new NamedType({ kind: "OBJECT", name, description, fields });
    this.query = root("Query", "The root type for querying data", () => this.#queryFields());
    const mutation = root("Mutation", "The root type for creating and mutating data", () =>
      this.#mutationFields(),
    );
    this.mutation = mutation.fields?.size ? mutation : null;
  }

  /** The exposed tables: those with a valid name, a key and a readable column. */
  get tables(): Table[] {
    return [...this.catalogue.tables.values()].filter((table) => this.isExposed(table));
  }

  isExposed(table: Table): boolean {
    return (
      isName(tableName(table)) && table.key.length > 0 && table.columns.some((column) => column.selectable)
    );
  }

  /** The types of one table. */
  of(table: Table): TableTypes {
    const known = this.#tables.get(table);
    if (known) return known;
    const types = new TableTypes(table, this);
    this.#tables.set(table, types);
    return types;
  }

  /** The type of a column; null for composite types, which GraphQL cannot express. */
  columnType(column: Column): Type | null {
    const dbType = this.catalogue.types.get(column.type);
    const type = dbType ? this.valueType(dbType, column.maxLength) : null;
    return type && column.notNull ? nonNull(type) : type;
  }

  /** The type of a value; `maxLength` is that of a column. */
  valueType(type: DbType, maxLength: number | null = null): Type | null {
    if (type.category === "composite" || type.category === "table") return null;
    if (type.category === "enum") return this.#enumType(type) ?? named("Opaque");
    if (type.category === "array") return this.#arrayType(type);
    if (CHARACTER_TYPES.includes(type.oid)) return stringType(maxLength);
    return named(SCALARS[type.oid] ?? (type.name === "citext" ? "String" : "Opaque"));
  }

  #arrayType(type: DbType): Type | null {
    if (type.element === null) return null;
    const element = this.catalogue.types.get(type.element);
    if (!element) return listOf(named("Opaque"));
    const inner = element.usable ? this.valueType(element) : null;
    return inner && listOf(inner);
  }

  #enumType(type: DbType): NamedType | null {
    const schema = this.catalogue.schemas.get(type.schema);
    if (!schema || !type.labels) return null;
    const known = this.#enums.get(type);
    if (known) return known;
    const enumType = new NamedType({
      kind: "ENUM",
      name: enumName(type, schema),
      schema: schema.oid,
      enumValues: type.labels.map((label) => ({
        label,
        name: type.directives.mappings.get(label) ?? label,
        description: null,
      })),
    });
    this.#enums.set(type, enumType);
    return enumType;
  }

  /** The type that a function returns; null when GraphQL cannot express it. */
  returnType(fn: DbFunction): { type: Type; table: Table | null } | null {
    const type = this.catalogue.types.get(fn.returns);
    if (!type) return null;
    if (type.category === "table") {
      const table = type.table === null ? undefined : this.catalogue.tables.get(type.table);
      if (!table) return null;
      return { type: fn.set ? this.of(table).connection : this.of(table).node, table };
    }
    const value = fn.set ? null : this.valueType(type);
    return value && { type: value, table: null };
  }

  /** All types by name, sorted. */
  get types(): ReadonlyMap<string, NamedType> {
    if (this.#types) return this.#types;
    const enums = [...this.catalogue.types.values()].flatMap((type) =>
      type.category === "enum" && type.usable ? (this.#enumType(type) ?? []) : [],
    );
    const all = [
      ...builtin.values(),
      ...builtinFilters,
      this.node,
      this.query,
      ...(this.mutation ? [this.mutation] : []),
      ...this.tables.flatMap((table) => this.of(table).all),
      ...enums.flatMap((type) => [type, valueFilter(type) ?? []].flat()),
    ];
    this.#types = new Map(byName(all).map((type) => [type.name, type]));
    return this.#types;
  }

  /** Whether introspection shows types of an SQL schema, given by oid. Types of no schema are always shown. */
  isShown(schema: number | null): boolean {
    return schema === null || (this.catalogue.schemas.get(schema)?.introspection ?? false);
  }

  #queryFields(): Field[] {
    const fields = [
      field("node", this.node, {
        args: [input("nodeId", nonNull(named("ID")), { description: "The record's `ID`" })],
        description: "Retrieve a record by its `ID`",
        source: { kind: "node" },
      }),
      ...this.tables.flatMap((table) => [this.#collectionField(table), ...this.#byKeyField(table)]),
    ];
    if (this.introspection) {
      const name = input("name", named("String"));
      fields.push(
        field("__type", named("__Type"), { args: [name], source: { kind: "__type" } }),
        field("__schema", nonNull(named("__Schema")), { source: { kind: "__schema" } }),
      );
    }
    return byName([...fields, ...this.#functionFields(fields, false)]);
  }

  #collectionField(table: Table): Field {
    return field(`${tableFieldName(table)}Collection`, nonNull(this.of(table).connection), {
      args: collectionArgs(this.of(table)),
      description: `A pagable collection of type \`${tableName(table)}\``,
      source: { kind: "collection", table },
    });
  }

  #byKeyField(table: Table): Field[] {
    if (!table.key.every((column) => KEY_TYPES.test(column.typeName))) return [];
    const args = table.key.map((column) =>
      input(columnName(column, table.schema), nonNull(nullable(this.columnType(column) ?? named("String"))), {
        description: `The record's \`${column.name}\` value`,
        target: column,
      }),
    );
    return [
      field(`${tableFieldName(table)}ByPk`, this.of(table).node, {
        args,
        description: `Retrieve a record of type \`${tableName(table)}\` by its primary key`,
        source: { kind: "byKey", table },
      }),
    ];
  }

  #mutationFields(): Field[] {
    const fields = this.tables.flatMap((table) => this.of(table).mutationFields);
    return byName([...fields, ...this.#functionFields(fields, true)]);
  }

  #functionFields(taken: Field[], volatile: boolean): Field[] {
    const names = new Set(taken.map((existing) => existing.name));
    return functionFields(this, volatile).filter((candidate) => !names.has(candidate.name));
  }
}
