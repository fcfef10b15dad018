// Input values: converts literals and variables to one representation and validates them against their types.

import { Kind, type ValueNode, type VariableDefinitionNode } from "graphql";
import { GraphqlError, listed } from "./errors.ts";
import { type InputValue, NamedType, type Type } from "./types.ts";

/**
 * A client's value. Whole numbers are bigints and others numbers, so that `1` and `1.0` differ; objects are maps, so that no key
 * clashes with a built-in property; `undefined` is a variable without a value.
 */
export type Value = undefined | null | boolean | string | bigint | number | Value[] | Map<string, Value>;

/** The variables of a request, and their definitions with defaults. */
export interface Variables {
  given: Record<string, unknown>;
  defined: readonly VariableDefinitionNode[];
}

const LARGEST_INTEGER = 2n ** 63n;
const isInteger64 = (value: bigint): boolean => value < LARGEST_INTEGER && value >= -LARGEST_INTEGER;

/** The value of a literal. Its variables are not validated against their declared types. */
export function literalValue(node: ValueNode, variables: Variables): Value {
  switch (node.kind) {
    case Kind.NULL:
      return null;
    case Kind.INT: {
      const value = BigInt(node.value);
      if (!isInteger64(value)) throw new GraphqlError("Invalid Int input");
      return value;
    }
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.BOOLEAN:
    case Kind.STRING:
    case Kind.ENUM:
      return node.value;
    case Kind.LIST:
      return node.values.map((item) => literalValue(item, variables));
    case Kind.OBJECT:
      return new Map(node.fields.map(({ name, value }) => [name.value, literalValue(value, variables)]));
    case Kind.VARIABLE:
      return variableValue(node.name.value, variables);
  }
}

function variableValue(name: string, { given, defined }: Variables): Value {
  if (Object.hasOwn(given, name)) return jsonValue(given[name]);
  const definition = defined.find(({ variable }) => variable.name.value === name);
  // By the grammar, a default contains no variables.
  return definition?.defaultValue && literalValue(definition.defaultValue, { given: {}, defined: [] });
}

/** The value of parsed JSON. */
export function jsonValue(json: unknown): Value {
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (typeof json === "bigint") return isInteger64(json) ? json : Number(json);
  if (Array.isArray(json)) return json.map(jsonValue);
  if (typeof json !== "object" || json === null) return json as null | boolean | string;
  return new Map(Object.entries(json).map(([key, value]) => [key, jsonValue(value)]));
}

/**
 * Validates a value against a type and converts it for SQL: enum values to labels, a single value for a list to a list.
 * @throws GraphqlError with pg_graphql's message, such as `Invalid input for Int type`
 */
export function checked(type: Type, value: Value): Value {
  if (type instanceof NamedType) {
    return value === undefined || value === null ? value : checkedNamed(type, value);
  }
  if (type.kind === "NON_NULL") {
    const result = checked(type.of, value);
    if (result === undefined || result === null) throw new GraphqlError("Invalid input for NonNull type");
    return result;
  }
  if (value === undefined || value === null) return value;
  return (Array.isArray(value) ? value : [value]).map((item) => checked(type.of, item));
}

function checkedNamed(type: NamedType, value: NonNullable<Value>): Value {
  if (type.kind === "ENUM") return checkedEnum(type, value);
  return type.kind === "INPUT_OBJECT" ? checkedObject(type, value) : checkedScalar(type, value);
}

function checkedEnum(type: NamedType, value: NonNullable<Value>): string {
  const found = type.enumValues.find(({ name }) => name === value);
  if (!found) throw new GraphqlError(`Invalid input for ${type.name} type`);
  return found.label;
}

function checkedObject(type: NamedType, value: NonNullable<Value>): Map<string, Value> {
  if (!(value instanceof Map)) throw new GraphqlError(`Invalid input for ${type.name} type`);
  const known = type.inputs ?? new Map<string, InputValue>();
  const extra = [...value.keys()].filter((key) => !known.has(key));
  if (extra.length > 0) {
    throw new GraphqlError(`Input for type ${type.name} contains extra keys ${listed(extra)}`);
  }
  return new Map([...value].map(([key, item]) => [key, checked((known.get(key) as InputValue).type, item)]));
}

function checkedScalar(type: NamedType, value: NonNullable<Value>): Value {
  const { name, maxLength } = type;
  if (name === "Opaque") return value;
  if (!isScalar(name, value)) {
    const shown = name === "String" ? `String(${maxLength === null ? "None" : `Some(${maxLength})`})` : name;
    const hint = name === "BigFloat" ? ". String required" : "";
    throw new GraphqlError(`Invalid input for ${shown} type${hint}`);
  }
  if (typeof value === "string" && maxLength !== null && Buffer.byteLength(value) > maxLength) {
    throw new GraphqlError(`Invalid input for ${name} type. Maximum character length ${maxLength}`);
  }
  return value;
}

function isScalar(name: string, value: NonNullable<Value>): boolean {
  const isNumber = typeof value === "bigint" || typeof value === "number";
  switch (name) {
    case "Int":
      return typeof value === "bigint";
    case "Float":
      return isNumber;
    case "BigInt":
      return isNumber || typeof value === "string";
    case "Boolean":
      return typeof value === "boolean";
    default:
      return typeof value === "string";
  }
}

/** Parses JSON with whole numbers beyond 2^53 as bigints. */
export function parseJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const keepInteger = (_key: string, value: unknown, context: { source?: string } = {}) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source ?? "")
      ? BigInt(context.source as string)
      : value;
  return JSON.parse(text, keepInteger);
}
