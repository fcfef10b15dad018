// `__schema` and `__type`: introspection of types from SQL schemas that allow it.

import { named } from "./builtin.ts";
import type { Document, Selected } from "./document.ts";
import { GraphqlError } from "./errors.ts";
import { limits } from "./limits.ts";
import { argument, type Plan } from "./plan.ts";
import type { Schema } from "./schema.ts";
import {
  type EnumValue,
  type Field,
  type InputValue,
  innermost,
  input,
  NamedType,
  nonNull,
  type Type,
} from "./types.ts";

type Json = null | boolean | string | Json[] | { [key: string]: Json };

const DESCRIPTION = "Represents the GraphQL schema of the database";
const META_FIELDS = ["__type", "__schema"];

interface Directive {
  name: string;
  description: string;
  args: InputValue[];
}
const DIRECTIVES: Directive[] = [
  { name: "include", when: "included only", argument: "Included" },
  { name: "skip", when: "skipped", argument: "Skipped" },
].map(({ name, when, argument: outcome }) => ({
  name,
  description: `This field or fragment will be ${when} when the \`if\` argument is true.`,
  args: [input("if", nonNull(named("Boolean")), { description: `${outcome} when true` })],
}));
const DIRECTIVE_LOCATIONS = ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"];

/** Answers `__schema`. */
export function introspectSchema({ schema, document }: Plan, selected: Selected): Json {
  return new Introspection(schema, document).schema(selected);
}

/** Answers `__type(name:)`; null for a type that does not exist or is hidden. */
export function introspectType(plan: Plan, field: Field, selected: Selected): Json {
  const { schema, document } = plan;
  let name: unknown;
  try {
    name = argument(plan, field, selected, "name");
  } catch {
    throw new GraphqlError("no name found for __type");
  }
  if (typeof name !== "string") throw new GraphqlError("Internal Error: failed to parse validated name");
  const type = schema.types.get(name);
  return type && schema.isShown(type.schema)
    ? new Introspection(schema, document).type(type, selected)
    : null;
}

/** Builds one answer. As in pg_graphql, `__typename` is the name of the described object. */
class Introspection {
  readonly #schema: Schema;
  readonly #document: Document;
  #values = 0;

  constructor(schema: Schema, document: Document) {
    this.#schema = schema;
    this.#document = document;
  }

  schema(selected: Selected): Json {
    const { query, mutation, types } = this.#schema;
    const shown = [...types.values()].filter((type) => this.#schema.isShown(type.schema));
    return this.#object(selected, "__Schema", "unknown field in __Schema: ", {
      description: () => DESCRIPTION,
      types: (selection) => shown.map((type) => this.type(type, selection)),
      queryType: (selection) => this.type(query, selection),
      mutationType: (selection) => mutation && this.type(mutation, selection),
      subscriptionType: () => null,
      directives: (selection) => DIRECTIVES.map((directive) => this.#directive(directive, selection)),
      __typename: () => "__schema",
    });
  }

  type(type: Type, selected: Selected): Json {
    const isNamed = type instanceof NamedType;
    const inner = isNamed ? type : null;
    return this.#object(selected, "__Type", "unknown field on __Type: ", {
      kind: () => type.kind,
      name: () => inner?.name ?? null,
      description: () => inner?.description ?? null,
      fields: (selection) =>
        inner?.fields
          ? [...inner.fields.values()]
              .filter((field) => this.#isShown(field))
              .map((field) => this.#field(field, selection))
          : null,
      inputFields: (selection) =>
        inner?.inputs ? [...inner.inputs.values()].map((value) => this.#input(value, selection)) : null,
      interfaces: (selection) => (inner?.isNode ? [this.type(this.#schema.node, selection)] : []),
      enumValues: (selection) => (inner?.enumValues ?? []).map((value) => this.#enumValue(value, selection)),
      possibleTypes: (selection) =>
        type === this.#schema.node
          ? [...this.#schema.types.values()]
              .filter(({ isNode }) => isNode)
              .map((node) => this.type(node, selection))
          : null,
      ofType: (selection) => (isNamed ? null : this.type(type.of, selection)),
      __typename: () => inner?.name ?? null,
    });
  }

  /** A field is hidden when its type or its function is. */
  #isShown({ name, type, source }: Field): boolean {
    const fromShown = source?.kind !== "function" || this.#schema.isShown(source.fn.schema.oid);
    return fromShown && !META_FIELDS.includes(name) && this.#schema.isShown(innermost(type).schema);
  }

  #field(field: Field, selected: Selected): Json {
    return this.#object(selected, "__Field", "unknown field in __Field ", {
      name: () => field.name,
      description: () => field.description,
      args: (selection) => field.args.map((arg) => this.#input(arg, selection)),
      type: (selection) => this.type(field.type, selection),
      isDeprecated: () => false,
      deprecationReason: () => null,
      __typename: () => field.name,
    });
  }

  #input(value: InputValue, selected: Selected): Json {
    return this.#object(selected, "__InputValue", "unknown field in __InputValue: ", {
      name: () => value.name,
      description: () => value.description,
      type: (selection) => this.type(value.type, selection),
      defaultValue: () => value.defaultValue,
      isDeprecated: () => false,
      deprecationReason: () => null,
      __typename: () => value.name,
    });
  }

  #enumValue(value: EnumValue, selected: Selected): Json {
    return this.#object(selected, "__EnumValue", "unknown field in __EnumValue: ", {
      name: () => value.name,
      description: () => value.description,
      isDeprecated: () => false,
      deprecationReason: () => null,
      __typename: () => value.name,
    });
  }

  #directive({ name, description, args }: Directive, selected: Selected): Json {
    return this.#object(selected, "__Directive", "unknown field __Directive ", {
      name: () => name,
      description: () => description,
      locations: () => DIRECTIVE_LOCATIONS,
      args: (selection) => args.map((arg) => this.#input(arg, selection)),
      isRepeatable: () => false,
      __typename: () => "__Directive",
    });
  }

  #object(
    selected: Selected,
    typeName: string,
    objection: string,
    fields: Record<string, (selection: Selected) => Json>,
  ): Json {
    const entries = this.#document.select(selected, typeName).map((selection): [string, Json] => {
      this.#values += 1;
      if (this.#values > limits.introspectedValues) throw new GraphqlError("Introspection asks for too much");
      const read = Object.hasOwn(fields, selection.name) ? fields[selection.name] : undefined;
      if (!read) throw new GraphqlError(objection + selection.name);
      return [selection.key, read(selection)];
    });
    return Object.fromEntries(entries);
  }
}
