// The types that every schema has: scalars, their filters, paging and introspection. The descriptions are those of pg_graphql.

import {
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  print,
  type TypeNode,
} from "graphql";
import { type Field, field, type InputValue, input, listOf, NamedType, nonNull, type Type } from "./types.ts";

const DEFINITIONS = `
"A globally unique identifier for a given record" scalar ID
"A scalar integer up to 32 bits" scalar Int
"A scalar floating point value up to 32 bits" scalar Float
"A string" scalar String
"A value that is true or false" scalar Boolean
"A date without time information" scalar Date
"A time without date information" scalar Time
"A date and time" scalar Datetime
"An arbitrary size integer represented as a string" scalar BigInt
"A universally unique identifier" scalar UUID
"A Javascript Object Notation value serialized as a string" scalar JSON
"An opaque string using for tracking a position in results during pagination" scalar Cursor
"A high precision floating point value represented as a string" scalar BigFloat
"Any type not handled by the type system" scalar Opaque

enum FilterIs { NULL NOT_NULL }

"Defines a per-field sorting order"
enum OrderByDirection {
  "Ascending order, nulls first" AscNullsFirst
  "Ascending order, nulls last" AscNullsLast
  "Descending order, nulls first" DescNullsFirst
  "Descending order, nulls last" DescNullsLast
}

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }

"A GraphQL Schema defines the capabilities of a GraphQL server. It exposes all available types and directives on the server, as well as the entry points for query, mutation, and subscription operations."
type __Schema {
  description: String
  "A list of all directives supported by this server."
  directives(includeDeprecated: Boolean = false): [__Directive!]!
  "If this server supports mutation, the type that mutation operations will be rooted at."
  mutationType: __Type
  "The type that query operations will be rooted at."
  queryType: __Type!
  "If this server support subscription, the type that subscription operations will be rooted at."
  subscriptionType: __Type
  "A list of all types supported by this server."
  types: [__Type!]!
}

"The fundamental unit of any GraphQL Schema is the type. There are many kinds of types in GraphQL as represented by the \`__TypeKind\` enum.\\\\n\\\\nDepending on the kind of a type, certain fields describe information about that type. Scalar types provide no information beyond a name, description and optional \`specifiedByURL\`, while Enum types provide their values. Object and Interface types provide the fields they describe. Abstract types, Union and Interface, provide the Object types possible at runtime. List and NonNull types compose other types "
type __Type {
  description: String
  enumValues(includeDeprecated: Boolean = false): [__EnumValue!]
  fields(includeDeprecated: Boolean = false): [__Field!]
  inputFields(includeDeprecated: Boolean = false): [__InputValue!]
  interfaces: [__Type!]
  kind: __TypeKind!
  name: String
  ofType: __Type
  possibleTypes: [__Type!]
  specifiedByURL: String
}

"Object and Interface types are described by a list of Fields, each of which has a name, potentially a list of arguments, and a return type."
type __Field {
  args(includeDeprecated: Boolean = false): [__InputValue!]!
  deprecationReason: String
  description: String
  isDeprecated: Boolean!
  name: String!
  type: __Type!
}

"Arguments provided to Fields or Directives and the input fields of an InputObject are represented as Input Values which describe their type and optionally a default value."
type __InputValue {
  "A GraphQL-formatted string representing the default value for this input value."
  defaultValue: String
  deprecationReason: String
  description: String
  isDeprecated: Boolean!
  name: String!
  type: __Type!
}

"One possible value for a given Enum. Enum values are unique values, not a placeholder for a string or numeric value. However an Enum value is returned in a JSON response as a string."
type __EnumValue { deprecationReason: String description: String isDeprecated: Boolean! name: String! }

"A Directive provides a way to describe alternate runtime execution and type validation behavior in a GraphQL document.\\\\n\\\\nIn some cases, you need to provide options to alter GraphQL execution behavior in ways field arguments will not suffice, such as conditionally including or skipping a field. Directives provide this by describing additional information to the executor."
type __Directive {
  args(includeDeprecated: Boolean = false): [__InputValue!]!
  description: String
  isRepeatable: Boolean!
  locations: [__DirectiveLocation!]!
  name: String!
}

"An enum describing what kind of type a given \`__Type\` is."
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }

"A Directive can be adjacent to many parts of the GraphQL language, a __DirectiveLocation describes one such possible adjacencies."
enum __DirectiveLocation {
  "Location adjacent to a query operation." QUERY
  "Location adjacent to a mutation operation." MUTATION
  "Location adjacent to a subscription operation." SUBSCRIPTION
  "Location adjacent to a field." FIELD
  "Location adjacent to a fragment definition." FRAGMENT_DEFINITION
  "Location adjacent to a fragment spread." FRAGMENT_SPREAD
  "Location adjacent to an inline fragment." INLINE_FRAGMENT
  "Location adjacent to a variable definition." VARIABLE_DEFINITION
  "Location adjacent to a schema definition." SCHEMA
  "Location adjacent to a scalar definition." SCALAR
  "Location adjacent to an object type definition." OBJECT
  "Location adjacent to a field definition." FIELD_DEFINITION
  "Location adjacent to an argument definition." ARGUMENT_DEFINITION
  "Location adjacent to an interface definition." INTERFACE
  "Location adjacent to a union definition." UNION
  "Location adjacent to an enum definition." ENUM
  "Location adjacent to an enum value definition." ENUM_VALUE
  "Location adjacent to an input object type definition." INPUT_OBJECT
  "Location adjacent to an input object field definition." INPUT_FIELD_DEFINITION
}
`;

/** The built-in types by name. */
export const builtin: ReadonlyMap<string, NamedType> = readDefinitions();

/** The built-in type of a name. */
export const named = (name: string): NamedType => builtin.get(name) as NamedType;

/** The type of strings; `maxLength` is that of `char(n)` and `varchar(n)` columns. */
export const stringType = (maxLength: number | null): NamedType =>
  maxLength === null ? named("String") : new NamedType({ kind: "SCALAR", name: "String", maxLength });

const ORDERED = ["eq", "gt", "gte", "in", "is", "lt", "lte", "neq"];
const OPERATORS: Record<string, string[]> = {
  ID: ["eq"],
  Int: ORDERED,
  Float: ORDERED,
  String: [
    "eq",
    "gt",
    "gte",
    "ilike",
    "in",
    "iregex",
    "is",
    "like",
    "lt",
    "lte",
    "neq",
    "regex",
    "startsWith",
  ],
  Boolean: ["eq", "is"],
  Date: ORDERED,
  Time: ORDERED,
  Datetime: ORDERED,
  BigInt: ORDERED,
  UUID: ["eq", "in", "is", "neq"],
  BigFloat: ORDERED,
  Opaque: ["eq", "is"],
};
const ENUM_OPERATORS = ["eq", "in", "is", "neq"];
const LIST_OPERATORS = ["containedBy", "contains", "eq", "is", "overlaps"];
const NOT_IN_LISTS = ["ID", "Opaque"];

/** The filter on values of a scalar or enum, such as `IntFilter`; null when there is none. */
export function valueFilter(type: NamedType): NamedType | null {
  const operators = type.kind === "ENUM" ? ENUM_OPERATORS : OPERATORS[type.name];
  if (!operators) return null;
  return filterType(type.name, operators, (operator) => (operator === "in" ? listOf(nonNull(type)) : type));
}

/** The filter on lists of a scalar, such as `StringListFilter`; null when there is none. */
export function listFilter(type: NamedType): NamedType | null {
  if (!OPERATORS[type.name] || NOT_IN_LISTS.includes(type.name)) return null;
  return filterType(`${type.name}List`, LIST_OPERATORS, () => listOf(nonNull(type)));
}

/** The filters that every schema lists, used or not. */
export const builtinFilters: readonly NamedType[] = Object.keys(OPERATORS).flatMap((name) =>
  [valueFilter(named(name)), listFilter(named(name))].filter((type) => type !== null),
);

function filterType(entity: string, operators: string[], typeOf: (operator: string) => Type): NamedType {
  return new NamedType({
    kind: "INPUT_OBJECT",
    name: `${entity}Filter`,
    description: `Boolean expression comparing fields on type "${entity}"`,
    inputs: () => operators.map((name) => input(name, name === "is" ? named("FilterIs") : typeOf(name))),
  });
}

function readDefinitions(): Map<string, NamedType> {
  const types = new Map<string, NamedType>();

  const typeOf = (node: TypeNode): Type => {
    if (node.kind === Kind.NON_NULL_TYPE) return nonNull(typeOf(node.type));
    return node.kind === Kind.LIST_TYPE
      ? listOf(typeOf(node.type))
      : (types.get(node.name.value) as NamedType);
  };
  const inputOf = (node: InputValueDefinitionNode): InputValue =>
    input(node.name.value, typeOf(node.type), {
      defaultValue: node.defaultValue ? print(node.defaultValue) : null,
    });
  const fieldOf = (node: FieldDefinitionNode): Field =>
    field(node.name.value, typeOf(node.type), {
      args: (node.arguments ?? []).map(inputOf),
      description: node.description?.value ?? null,
    });

  for (const node of parse(DEFINITIONS, { noLocation: true }).definitions) {
    if (!("name" in node) || !node.name || !("description" in node)) continue;
    const common = { name: node.name.value, description: node.description?.value ?? null };
    if (node.kind === Kind.SCALAR_TYPE_DEFINITION) {
      types.set(common.name, new NamedType({ ...common, kind: "SCALAR" }));
    } else if (node.kind === Kind.ENUM_TYPE_DEFINITION) {
      const enumValues = (node.values ?? []).map(({ name, description }) => ({
        name: name.value,
        label: name.value,
        description: description?.value ?? null,
      }));
      types.set(common.name, new NamedType({ ...common, kind: "ENUM", enumValues }));
    } else if (node.kind === Kind.OBJECT_TYPE_DEFINITION) {
      const fields = () => (node.fields ?? []).map(fieldOf);
      types.set(common.name, new NamedType({ ...common, kind: "OBJECT", fields }));
    }
  }
  return types;
}
