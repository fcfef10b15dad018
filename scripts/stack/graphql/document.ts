// The document of a request: its operation, and the fields that it selects after fragments, directives and merging.

import {
  type ArgumentNode,
  type DirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionNode,
  type ValueNode,
} from "graphql";
import { DocumentError, GraphqlError } from "./errors.ts";
import { checkDocument, limits } from "./limits.ts";
import type { Variables } from "./values.ts";

/** A selected field. Duplicates are merged, with the selections of all. */
export interface Selected {
  /** The key in the answer: the alias or the name. */
  key: string;
  name: string;
  args: readonly ArgumentNode[];
  selections: readonly SelectionNode[];
}

/** One operation of a document. */
export class Document {
  readonly operation: OperationDefinitionNode;
  readonly variables: Variables;
  readonly #fragments: readonly FragmentDefinitionNode[];
  readonly #selected = new WeakMap<readonly SelectionNode[], Map<string, Selected[]>>();
  #selections = 0;

  /**
   * Parses a document and chooses the operation.
   * @throws DocumentError when it is invalid, has no such operation, or its fragments form a cycle
   */
  constructor(text: string, operationName: string | null, variables: Record<string, unknown>) {
    const definitions = parsed(text);
    const operations = definitions.filter((node) => node.kind === Kind.OPERATION_DEFINITION);
    this.#fragments = definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
    const operation = chooseOperation(operations, operationName);
    checkFragments(this.#fragments);
    if (!operation) throw new DocumentError("Operation not found");
    if (operation.operation === "subscription") throw new DocumentError("Subscriptions are not supported");
    this.operation = operation;
    this.variables = { given: variables, defined: operation.variableDefinitions ?? [] };
  }

  /**
   * The fields selected on the type of the given name. Fragments apply only if they are on exactly that type.
   * @throws GraphqlError for invalid selections, and when the request selects more than {@link limits} allow
   */
  select({ selections }: Pick<Selected, "selections">, typeName: string): readonly Selected[] {
    const known = this.#selected.get(selections) ?? new Map<string, Selected[]>();
    const fields = known.get(typeName) ?? merge(this.#fieldsOf(selections, typeName));
    this.#selected.set(selections, known.set(typeName, fields));
    // Introspection repeats its selections for every type, and has its own limit.
    if (!typeName.startsWith("__")) this.#count(fields.length);
    return fields;
  }

  #count(selections: number): void {
    this.#selections += selections;
    if (this.#selections > limits.selections) throw new GraphqlError("Document selects too much");
  }

  #fieldsOf(selections: readonly SelectionNode[], typeName: string): FieldNode[] {
    return selections.flatMap((selection): FieldNode[] => {
      this.#count(1);
      if (this.#isSkipped(selection.directives ?? [])) return [];
      if (selection.kind === Kind.FIELD) return [selection];
      if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const { value: name } = selection.name;
        const fragment = this.#fragments.find(
          ({ name: { value }, typeCondition }) => value === name && typeCondition.name.value === typeName,
        );
        if (!fragment) throw new GraphqlError(`no fragment named ${name} on type ${typeName}`);
        return this.#fieldsOf(fragment.selectionSet.selections, typeName);
      }
      const applies = !selection.typeCondition || selection.typeCondition.name.value === typeName;
      return applies ? this.#fieldsOf(selection.selectionSet.selections, typeName) : [];
    });
  }

  #isSkipped(directives: readonly DirectiveNode[]): boolean {
    return directives.some((directive) => {
      const name = directive.name.value;
      if (name !== "skip" && name !== "include") throw new GraphqlError(`Unknown directive ${name}`);
      const [arg, ...more] = directive.arguments ?? [];
      if (!arg || more.length > 0) throw new GraphqlError(`Incorrect arguments to directive @${name}`);
      if (arg.name.value !== "if") throw new GraphqlError(`Unknown argument to @${name}: ${arg.name.value}`);
      return this.#condition(arg.value, name) === (name === "skip");
    });
  }

  /** The condition of `@skip` or `@include`; null, which has no effect, when it is neither a boolean nor a variable. */
  #condition(node: ValueNode, directive: string): boolean | null {
    if (node.kind === Kind.BOOLEAN) return node.value;
    if (node.kind !== Kind.VARIABLE) return null;
    const { given } = this.variables;
    const value = Object.hasOwn(given, node.name.value) ? given[node.name.value] : undefined;
    if (typeof value === "boolean") return value;
    throw new GraphqlError(`Value for "if" in @${directive} directive is required`);
  }
}

function parsed(text: string) {
  try {
    checkDocument(text);
    return parse(text, { noLocation: true }).definitions;
  } catch (error) {
    throw new DocumentError((error as Error).message);
  }
}

function chooseOperation(
  operations: readonly OperationDefinitionNode[],
  wanted: string | null,
): OperationDefinitionNode | undefined {
  // As in pg_graphql, the names of subscriptions are ignored.
  const nameOf = ({ operation, name }: OperationDefinitionNode) =>
    operation === "subscription" ? null : (name?.value ?? null);
  const names = operations.map(nameOf);
  if (names.length > 1 && names.includes(null)) {
    throw new DocumentError("Anonymous operations must be the only defined operation");
  }
  if (new Set(names).size < names.length) throw new DocumentError("Operation names must be unique");
  return operations.find(
    (operation) => nameOf(operation) === wanted || (names.length === 1 && wanted === null),
  );
}

/** Refuses fragments that contain themselves or are nested too deeply. */
function checkFragments(fragments: readonly FragmentDefinitionNode[]): void {
  const heights = new Map<FragmentDefinitionNode, number>();
  const open = new Set<FragmentDefinitionNode>();

  const heightOf = (fragment: FragmentDefinitionNode): number => {
    if (open.has(fragment)) throw new DocumentError("Found a cycle between fragments");
    const known = heights.get(fragment);
    if (known !== undefined) return known;
    open.add(fragment);
    const height = open.size > limits.depth ? open.size : 1 + heightWithin(fragment.selectionSet.selections);
    if (height > limits.depth) {
      throw new DocumentError(`Fragment cycle depth is greater than ${limits.depth}`);
    }
    open.delete(fragment);
    heights.set(fragment, height);
    return height;
  };
  const heightWithin = (selections: readonly SelectionNode[]): number =>
    1 + Math.max(0, ...selections.map(heightOfSelection));
  const heightOfSelection = (selection: SelectionNode): number => {
    if (selection.kind !== Kind.FRAGMENT_SPREAD) {
      return heightWithin(selection.selectionSet?.selections ?? []);
    }
    const fragment = fragments.find(({ name }) => name.value === selection.name.value);
    return fragment ? heightOf(fragment) : 0;
  };

  fragments.forEach(heightOf);
}

function merge(nodes: readonly FieldNode[]): Selected[] {
  const fields = new Map<string, Selected>();
  for (const node of nodes) {
    const name = node.name.value;
    const key = node.alias?.value ?? name;
    const args = node.arguments ?? [];
    const selections = node.selectionSet?.selections ?? [];
    const same = fields.get(key);
    if (!same) {
      fields.set(key, { key, name, args, selections });
      continue;
    }
    if (same.name !== name) throw new GraphqlError(`Fields \`${name}\` and \`${same.name}\` are different`);
    if (argumentText(same.args) !== argumentText(args)) {
      throw new GraphqlError(`Two fields named \`${name}\` have different arguments`);
    }
    same.selections = [...same.selections, ...selections];
  }
  return [...fields.values()];
}

/** A text that is equal for equal arguments, regardless of the order of arguments and fields. */
const argumentText = (args: readonly ArgumentNode[]): string =>
  args
    .map(({ name, value }) => `${name.value}:${valueText(value)}`)
    .sort()
    .join();

function valueText(node: ValueNode): string {
  if (node.kind === Kind.LIST) return `[${node.values.map(valueText).join()}]`;
  if (node.kind !== Kind.OBJECT) return print(node);
  return `{${node.fields
    .map(({ name, value }) => `${name.value}:${valueText(value)}`)
    .sort()
    .join()}}`;
}
