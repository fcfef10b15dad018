// The types of a table: rows, collections, filters, orders, inputs, and answers of mutations.

import { aggregateTypes } from "./aggregates.ts";
import { listFilter, named, valueFilter } from "./builtin.ts";
import type { Column, Table } from "./catalogue.ts";
import { computedFields } from "./functions.ts";
import { columnName, tableName } from "./naming.ts";
import { relationFields } from "./relations.ts";
import type { Schema } from "./schema.ts";
import {
  type Field,
  field,
  type InputValue,
  innermost,
  input,
  isName,
  listOf,
  NamedType,
  nonNull,
  nullable,
  type Type,
} from "./types.ts";

const JSON_TYPES = ["json", "jsonb"];

export class TableTypes {
  readonly table: Table;
  readonly name: string;
  readonly node: NamedType;
  readonly edge: NamedType;
  readonly connection: NamedType;
  readonly filter: NamedType;
  readonly orderBy: NamedType;
  readonly insertInput: NamedType;
  readonly insertResponse: NamedType;
  readonly updateInput: NamedType;
  readonly updateResponse: NamedType;
  readonly deleteResponse: NamedType;
  /** The types of `aggregate`; empty unless a directive enables it. */
  readonly aggregates: NamedType[];
  readonly #schema: Schema;

  constructor(table: Table, schema: Schema) {
    this.table = table;
    this.name = tableName(table);
    this.#schema = schema;
    this.node = this.#object("", () => this.#nodeFields(), {
      description: table.directives.description,
      isNode: table.key.length > 0,
    });
    this.edge = this.#object("Edge", () => [
      field("cursor", nonNull(named("String"))),
      field("node", nonNull(this.node)),
    ]);
    this.aggregates = table.directives.aggregate ? aggregateTypes(table, schema) : [];
    this.connection = this.#object("Connection", () => this.#connectionFields());
    this.filter = this.#input("Filter", () => this.#filterInputs());
    this.orderBy = this.#input("OrderBy", () =>
      this.#columnInputs((column) =>
        column.selectable && !column.typeName.endsWith("[]") && !JSON_TYPES.includes(column.typeName)
          ? named("OrderByDirection")
          : null,
      ).filter(({ name }) => isName(name)),
    );
    this.insertInput = this.#input("InsertInput", () =>
      this.#columnInputs((column) => (column.insertable ? this.#writtenType(column) : null)),
    );
    this.updateInput = this.#input("UpdateInput", () =>
      this.#columnInputs((column) => (column.updatable ? this.#writtenType(column) : null)),
    );
    const response = (suffix: string) => this.#object(suffix, () => this.#responseFields());
    this.insertResponse = response("InsertResponse");
    this.updateResponse = response("UpdateResponse");
    this.deleteResponse = response("DeleteResponse");
  }

  get #isInsertable(): boolean {
    return this.table.columns.some((column) => column.insertable);
  }

  get #isUpdatable(): boolean {
    return this.table.columns.some((column) => column.updatable);
  }

  /** The types that the role can use. */
  get all(): NamedType[] {
    return [
      this.node,
      this.edge,
      this.connection,
      this.filter,
      this.orderBy,
      ...(this.#isInsertable ? [this.insertInput, this.insertResponse] : []),
      ...(this.#isUpdatable ? [this.updateInput, this.updateResponse] : []),
      ...(this.table.deletable ? [this.deleteResponse] : []),
      ...this.aggregates,
    ];
  }

  /** The root fields for the mutations that the role may make. */
  get mutationFields(): Field[] {
    const { table, name } = this;
    const filter = input("filter", this.filter, {
      description: "Restricts the mutation's impact to records matching the criteria",
    });
    const atMost = input("atMost", nonNull(named("Int")), {
      description: "The maximum number of records in the collection permitted to be affected",
      defaultValue: "1",
    });
    const set = input("set", nonNull(this.updateInput), {
      description: "Fields that are set will be updated for all records matching the `filter`",
    });
    const fields: Field[] = [];
    if (this.#isInsertable) {
      fields.push(
        field(`insertInto${name}Collection`, this.insertResponse, {
          args: [input("objects", nonNull(listOf(nonNull(this.insertInput))))],
          description: `Adds one or more \`${name}\` records to the collection`,
          source: { kind: "insert", table },
        }),
      );
    }
    if (this.#isUpdatable) {
      fields.push(
        field(`update${name}Collection`, nonNull(this.updateResponse), {
          args: [set, filter, atMost],
          description: `Updates zero or more records in the \`${name}\` collection`,
          source: { kind: "update", table },
        }),
      );
    }
    if (table.deletable) {
      fields.push(
        field(`deleteFrom${name}Collection`, nonNull(this.deleteResponse), {
          args: [filter, atMost],
          description: `Deletes zero or more records from the \`${name}\` collection`,
          source: { kind: "delete", table },
        }),
      );
    }
    return fields;
  }

  #object(
    suffix: string,
    fields: () => Field[],
    rest: { description?: string | null; isNode?: boolean } = {},
  ): NamedType {
    const { table, name } = this;
    return new NamedType({
      kind: "OBJECT",
      name: name + suffix,
      schema: table.schema.oid,
      table,
      fields,
      ...rest,
    });
  }

  #input(suffix: string, inputs: () => InputValue[]): NamedType {
    const { table, name } = this;
    return new NamedType({
      kind: "INPUT_OBJECT",
      name: name + suffix,
      schema: table.schema.oid,
      table,
      inputs,
    });
  }

  #nodeFields(): Field[] {
    const { table } = this;
    const columns = table.columns
      .filter((column) => column.selectable)
      .flatMap((column) => {
        const type = this.#schema.columnType(column);
        if (!type) return [];
        const { description } = column.directives;
        return field(columnName(column, table.schema), type, {
          description,
          source: { kind: "column", column },
        });
      })
      .filter(({ name }) => isName(name));
    const nodeId = field("nodeId", nonNull(named("ID")), {
      description: "Globally Unique Record Identifier",
      source: { kind: "nodeId" },
    });
    return [
      ...(table.key.length > 0 ? [nodeId] : []),
      ...columns,
      ...relationFields(table, this.#schema),
      ...computedFields(table, this.#schema),
    ];
  }

  #connectionFields(): Field[] {
    const fields = [
      field("edges", nonNull(listOf(nonNull(this.edge)))),
      field("pageInfo", nonNull(named("PageInfo"))),
    ];
    if (this.table.directives.totalCount) {
      const description = "The total number of records matching the `filter` criteria";
      fields.push(field("totalCount", nonNull(named("Int")), { description }));
    }
    const [aggregate] = this.aggregates;
    if (aggregate) {
      const description = `Aggregate functions calculated on the collection of \`${this.name}\``;
      fields.push(field("aggregate", aggregate, { description }));
    }
    return fields;
  }

  #responseFields(): Field[] {
    return [
      field("affectedCount", nonNull(named("Int")), {
        description: "Count of the records impacted by the mutation",
      }),
      field("records", nonNull(listOf(nonNull(this.node))), {
        description: "Array of records impacted by the mutation",
      }),
    ];
  }

  #filterInputs(): InputValue[] {
    const columns = this.#columnInputs((column) =>
      column.selectable ? this.#filterOf(column) : null,
    ).filter(({ name }) => isName(name));
    const nodeId = input("nodeId", valueFilter(named("ID")) as NamedType, { target: "nodeId" });
    const many = listOf(nonNull(this.filter));
    const compounds = [
      input("and", many, {
        description: "Returns true only if all its inner filters are true, otherwise returns false",
      }),
      input("or", many, {
        description: "Returns true if at least one of its inner filters is true, otherwise returns false",
      }),
      input("not", this.filter, { description: "Negates a filter" }),
    ];
    // A column named `and`, `or` or `not` takes precedence over the compound.
    const free = compounds.filter(({ name }) => !columns.some((column) => column.name === name));
    return [...columns, ...(this.table.key.length > 0 ? [nodeId] : []), ...free];
  }

  #filterOf(column: Column): NamedType | null {
    if (JSON_TYPES.includes(column.typeName)) return null;
    const type = this.#schema.columnType(column);
    if (!type) return null;
    const value = nullable(type);
    if (value instanceof NamedType) return valueFilter(value);
    const element = innermost(value);
    return element.kind === "SCALAR" ? listFilter(element) : null;
  }

  /** The input type of a column, which is nullable because triggers and defaults may fill it. */
  #writtenType(column: Column): Type | null {
    if (column.generated || column.serial) return null;
    const type = this.#schema.columnType(column);
    return type && nullable(type);
  }

  /** An input field for each column for which `typeOf` returns a type. */
  #columnInputs(typeOf: (column: Column) => Type | null): InputValue[] {
    return this.table.columns.flatMap((column) => {
      if (this.#schema.catalogue.types.get(column.type)?.category === "composite") return [];
      const type = typeOf(column);
      return type ? input(columnName(column, this.table.schema), type, { target: column }) : [];
    });
  }
}
