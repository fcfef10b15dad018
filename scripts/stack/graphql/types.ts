// The model of a GraphQL schema: named types, their fields, and for each field where its value comes from.

import type { Column, DbFunction, Table } from "./catalogue.ts";

export type Kind = "SCALAR" | "OBJECT" | "INTERFACE" | "ENUM" | "INPUT_OBJECT";
export type Type = NamedType | { readonly kind: "LIST" | "NON_NULL"; readonly of: Type };

export interface Field {
  name: string;
  type: Type;
  args: InputValue[];
  description: string | null;
  /** Where the value comes from; fields of fixed types (`edges`, `pageInfo` …) are known by their name. */
  source?: Source;
}

/** What a root field, or a field of a row, stands for. */
export type Source =
  | { kind: "column"; column: Column }
  | { kind: "nodeId" }
  | { kind: "one" | "many"; table: Table; join: Join }
  | { kind: "function"; fn: DbFunction; returns: Returns }
  | { kind: "collection" | "byKey" | "insert" | "update" | "delete"; table: Table }
  | { kind: "node" | "__type" | "__schema" };

/** Pairs of a column of the related table and the column of the row it belongs to. */
export type Join = readonly (readonly [related: string, own: string])[];

/** What a function gives back: a value, one row, or a set of rows. */
export type Returns = { kind: "value" } | { kind: "row" | "rows"; table: Table };

export interface InputValue {
  name: string;
  type: Type;
  description: string | null;
  defaultValue: string | null;
  /** The column, or the row's key for `nodeId`, that an input field stands for. */
  target?: Column | "nodeId";
  /** The SQL name and type of a function's argument. */
  argument?: { name: string; type: string };
}

export interface EnumValue {
  name: string;
  description: string | null;
  /** The label in SQL, where a directive maps it to another name. */
  label: string;
}

interface Definition {
  kind: Kind;
  name: string;
  description?: string | null;
  /** Oid of the SQL schema that the type comes from: introspection is allowed schema by schema. */
  schema?: number;
  table?: Table;
  maxLength?: number | null;
  enumValues?: EnumValue[];
  isNode?: boolean;
  fields?: () => Field[];
  inputs?: () => InputValue[];
}

/** A named type. Its fields are worked out when first asked for, so that types may refer to each other. */
export class NamedType {
  readonly kind: Kind;
  readonly name: string;
  readonly description: string | null;
  readonly schema: number | null;
  readonly table: Table | null;
  /** Longest string in bytes, for `char(n)` and `varchar(n)`. */
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
/** The type within all lists and `!`. */
export const innermost = (type: Type): NamedType => (type instanceof NamedType ? type : innermost(type.of));

/** A field, with what most of them leave out. */
export const field = (name: string, type: Type, rest: Partial<Field> = {}): Field => ({
  name,
  type,
  args: [],
  description: null,
  ...rest,
});

/** An argument or input field, with what most of them leave out. */
export const input = (name: string, type: Type, rest: Partial<InputValue> = {}): InputValue => ({
  name,
  type,
  description: null,
  defaultValue: null,
  ...rest,
});

/** Names of GraphQL; whatever has another name in SQL stays out of the schema. */
export const isName = (name: string): boolean => /^[_A-Za-z][_0-9A-Za-z]*$/.test(name);

/** Sorts by name, byte by byte. */
export const byName = <T extends { name: string }>(items: T[]): T[] =>
  items.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
