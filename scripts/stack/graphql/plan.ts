// The context for planning a root field, and its arguments.

import type { Document, Selected } from "./document.ts";
import { GraphqlError, listed } from "./errors.ts";
import type { Schema } from "./schema.ts";
import type { Statement } from "./sql.ts";
import type { Field } from "./types.ts";
import { checked, literalValue, type Value } from "./values.ts";

/** The context for planning one root field, which becomes one statement. */
export interface Plan {
  schema: Schema;
  document: Document;
  statement: Statement;
}

/** The validated value of an argument; `undefined` when it is left out. */
export function argument({ document }: Plan, field: Field, selected: Selected, name: string): Value {
  const definition = field.args.find((arg) => arg.name === name);
  if (!definition) return undefined;
  const node = selected.args.find((arg) => arg.name.value === name);
  return checked(definition.type, node && literalValue(node.value, document.variables));
}

/** Refuses unknown arguments. @throws GraphqlError */
export function onlyArguments(selected: Selected, allowed: readonly { name: string }[]): void {
  const extra = selected.args
    .map(({ name }) => name.value)
    .filter((name) => !allowed.some((arg) => arg.name === name));
  if (extra.length > 0) throw new GraphqlError(`Input contains extra keys ${listed(extra)}`);
}
