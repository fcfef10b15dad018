// types/database.ts and supabase/functions/_shared/database.ts: the Supabase CLI's types, whose `Insert` and `Update` have only the
// columns that a role may write.

import ts from "typescript";
import type { RestFacts, Role, TableFacts } from "./rest-facts.ts";

/** The CLI's types as a role may use them; tables and views that it cannot write have `never`. */
export function writableTypes(source: string, { tables }: RestFacts, role: Role): string {
  const file = ts.createSourceFile("database.ts", source, ts.ScriptTarget.Latest, true);
  const cuts: { start: number; end: number; text: string }[] = [];
  for (const kind of ["Tables", "Views"]) {
    for (const relation of members(file, ["Database", "public", kind])) {
      const privileges = tables[relation.name]?.privileges[role];
      if (privileges) cuts.push(...cutsOf(relation.node, privileges));
    }
  }
  return cuts
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: kept }) => text.slice(0, start) + kept + text.slice(end), source);
}

function cutsOf(relation: ts.TypeElement, privileges: TableFacts["privileges"][Role]) {
  return (["Insert", "Update"] as const).flatMap((name) => {
    const type = typeOf(propertiesOf(relation).find((property) => nameOf(property) === name));
    if (type === undefined) return [];
    const columns = privileges[name === "Insert" ? "insert" : "update"];
    const kept = propertiesOf(type).filter((property) => columns.includes(nameOf(property)));
    const text = kept.length === 0 ? "never" : `{ ${kept.map((property) => property.getText()).join("\n")} }`;
    return [{ start: type.getStart(), end: type.getEnd(), text }];
  });
}

/** The members of a type that is nested in an exported type, with their names. */
function members(file: ts.SourceFile, [name, ...path]: string[]) {
  const alias = file.statements.find(
    (statement): statement is ts.TypeAliasDeclaration =>
      ts.isTypeAliasDeclaration(statement) && statement.name.text === name,
  );
  let found: ts.Node | undefined = alias?.type;
  for (const step of path) {
    found = typeOf(propertiesOf(found).find((property) => nameOf(property) === step));
  }
  return propertiesOf(found).map((node) => ({ name: nameOf(node), node }));
}

function propertiesOf(node: ts.Node | undefined): ts.TypeElement[] {
  const type = node && ts.isPropertySignature(node) ? node.type : node;
  return type && ts.isTypeLiteralNode(type) ? [...type.members] : [];
}

function typeOf(property: ts.TypeElement | undefined): ts.TypeNode | undefined {
  return property && ts.isPropertySignature(property) ? property.type : undefined;
}

const nameOf = (element: ts.TypeElement): string =>
  element.name && (ts.isIdentifier(element.name) || ts.isStringLiteral(element.name))
    ? element.name.text
    : "";
