// The model of a GraphQL schema: named types and their fields, with the source of each field's value.

import type { Column, DbFunction, Table } from "./catalogue.ts";

export type Kind = "SCALAR" | "OBJECT" | "INTERFACE" | "ENUM" | "INPUT_OBJECT";
export type Type = NamedType | { readonly kind: "LIST" | "NON_NULL"; readonly of: Type };

export interface Field {
  name: string;
  type: Type;
  args: InputValue[];
  description: string | null;
  /** The source of the value; fields of collections (`edges`, `pageInfo` …) have none and are handled by name. */
  source?: Source;
}

/** The source of a root field or of a field of a row. */
export type Source =
  | { kind: "column"; column: Column }
  | { kind: "nodeId" }
  | { kind: "one" | "many"; table: Table; join: Join }
  | { kind: "function"; fn: DbFunction; returns: Returns }
  | { kind: "collection" | "byKey" | "insert" | "update" | "delete"; table: Table }
  | { kind: "node" | "__type" | "__schema" };

/** Pairs of columns: of the related table, and of the row's own table. */
export type Join = readonly (readonly [related: string, own: string])[];

/** What a function returns: a value, one row, or a set of rows. */
export type Returns = { kind: "value" } | { kind: "row" | "rows"; table: Table };

export interface InputValue {
  name: string;
  type: Type;
  description: string | null;
  defaultValue: string | null;
  /** The column of an input field, or `nodeId` for the row's key. */
  target?: Column | "nodeId";
  /** The SQL name and type of a function's argument. */
  argument?: { name: string; type: string };
}

export interface EnumValue {
  name: string;
  description: string | null;
  /** The SQL label, which differs from the name when a directive maps it. */
  label: string;
}

interface Definition {
  kind: Kind;
  name: string;
  description?: string | null;
  /** Oid of the SQL schema of the type, since introspection is allowed by schema. */
  schema?: number;
  table?: Table;
  maxLength?: number | null;
  enumValues?: EnumValue[];
  isNode?: boolean;
  fields?: () => Field[];
  inputs?: () => InputValue[];
}

/** A named type. Its fields are created at the first access, so that types can refer to each other. */
export class NamedType {
  readonly kind: Kind;
  readonly name: string;
  readonly description: string | null;
  readonly schema: number | null;
  readonly table: Table | null;
  /** Maximum length in bytes, for `char(n)` and `varchar(n)`. */
  readonly maxLength: number | null;
  readonly enumValues: readonly EnumValue[];
  /** Whether the type implements the interface `Node`. */
  readonly isNode: boolean;
  readonly #listFields: (() => Field[]) | undefined;
  readonly #listInputs: (() => InputValue[]) | undefined;
  #fields: Map<string, Field> | undefined;
  #inputs: Map<string, InputValue> | undefined;

  constructor(definition: Definition) {
    this.kind = definition.kind;
    this.name = definition.name;
    this.description = definition.description ?? null;
    this.schema = definition.schema ?? null;
    this.table = definition.table ?? null;
    this.maxLength = definition.maxLength ?? null;
    this.enumValues = definition.enumValues ?? [];
    this.isNode = definition.isNode ?? false;
    this.#listFields = definition.fields;
    this.#listInputs = definition.inputs;
  }

  /** Fields by name, of objects and interfaces. */
  get fields(): ReadonlyMap<string, Field> | null {
    if (!this.#listFields) return null;
    this.#fields ??= new Map(this.#listFields().map((field) => [field.name, field]));
    return this.#fields;
  }

  /** Input fields by name, of input objects. */
  get inputs(): ReadonlyMap<string, InputValue> | null {
    if (!this.#listInputs) return null;
    this.#inputs ??= new Map(this.#listInputs().map((input) => [input.name, input]));
    return this.#inputs;
  }
}

/** The type `[of]`. */
export const listOf = (of: Type): Type => ({ kind: "LIST", of });
/** The type `of!`. */
export const nonNull = (of: Type): Type => ({ kind: "NON_NULL", of });
/** The type without `!`. */
export const nullable = (type: Type): Type =>
  !(type instanceof NamedType) && type.kind === "NON_NULL" ? type.of : type;
/** The named type inside lists and `!`. */
export const innermost = (type: Type): NamedType => (type instanceof NamedType ? type : innermost(type.of));

/** A field, with defaults for what most fields leave out. */
export const field = (name: string, type: Type, rest: Partial<Field> = {}): Field => ({
  name,
  type,
  args: [],
  description: null,
  ...rest,
});

/** An argument or input field, with defaults for what most leave out. */
export const input = (name: string, type: Type, rest: Partial<InputValue> = {}): InputValue => ({
  name,
  type,
  description: null,
  defaultValue: null,
  ...rest,
});

/** Whether a name is valid in GraphQL; SQL objects with other names are not exposed. */
export const isName = (name: string): boolean => /^[_A-Za-z][_0-9A-Za-z]*$/.test(name);

/** Sorts by name, byte by byte. */
export const byName = <T extends { name: string }>(items: T[]): T[] =>
  items.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
