// docs/data-model.md: the tables of each domain in a diagram, and what happens when they are written.

import { basename } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { withoutDirective } from "./comments.ts";
import {
  type DataModelFacts,
  type ForeignKey,
  type Relation,
  readDataModelFacts,
} from "./data-model-facts.ts";
import { readMigrations, readStatements, relationName, type Statement } from "./statements.ts";

/** The domains, by the number in the names of their migrations. */
const domains: Record<string, string> = {
  "01": "Foundation",
  "02": "People and jobs",
  "03": "Properties",
  "04": "Availability",
  "05": "Bookings",
  "06": "Money",
  "07": "After the stay",
  "08": "Search",
  "09": "Account",
  "10": "GraphQL",
};

/** The domain's number in a migration's name: the two digits after the date. */
export function domainOf(file: string): string {
  return basename(file).slice(8, 10);
}

/** Tables with one AFTER trigger, which calls everything that follows from a new row. */
const chains = ["private.booking_events"];

const introduction = `# Data model

Tables and views without a schema are in \`public\`, which the API exposes; those in \`private\` are not exposed.
A diagram shows the columns of primary keys (PK), unique keys (UK) and foreign keys (FK). A foreign key to a table outside the
diagram has that table's name beside it.

"Written by" lists the roles that may write a table, within its policies. Only functions write a table that has none.
Triggers are listed in the order in which they fire; those of one timing fire in the order of their names.`;

/** A function that the triggers of more tables call is described once, before the domains. */
const mostDescriptions = 2;

/** The document for a running stack. */
export async function dataModel(config: StackConfig): Promise<string> {
  const [facts, statements] = await Promise.all([
    readDataModelFacts(config),
    readStatements(readMigrations(config.root)),
  ]);
  return dataModelDocument(facts, homesOf(statements));
}

/** The domain of each relation: where it is created or, for those of Supabase, where its first trigger is. */
export function homesOf(statements: Statement[]): Map<string, string> {
  const homes = new Map<string, string>();
  for (const { node, file } of statements) {
    const relation =
      "CreateStmt" in node
        ? node.CreateStmt.relation
        : "ViewStmt" in node
          ? node.ViewStmt.view
          : "CreateTrigStmt" in node
            ? node.CreateTrigStmt.relation
            : undefined;
    if (relation === undefined) continue;
    const name = relationName(relation).replace(/^public\./, "");
    if (!homes.has(name)) homes.set(name, domainOf(file));
  }
  return homes;
}

export function dataModelDocument(
  { relations, functions }: DataModelFacts,
  homes: Map<string, string>,
): string {
  const shown = relations.filter(
    ({ name, view, triggers }) => homes.has(name) && (!view || triggers.length > 0),
  );
  const shared = sharedFunctions(shown);
  const describe = (name: string) => (shared.includes(name) ? `\`${name}\`` : described(name, functions));
  const numbers = [...new Set(shown.map(({ name }) => homes.get(name) ?? ""))].sort();
  const sections = numbers.flatMap((number) => {
    const members = shown.filter(({ name }) => homes.get(name) === number);
    return [
      `## ${number} ${domains[number] ?? ""}`.trim(),
      diagram(members),
      relationTable(members),
      ...members
        .filter(({ triggers }) => triggers.length > 0)
        .flatMap((member) => [
          `### ${member.name}`,
          triggerTable(member.triggers, describe),
          chains.includes(member.name) ? chain(member.triggers, functions) : "",
        ]),
    ];
  });
  const common =
    shared.length === 0
      ? []
      : [
          "## Shared trigger functions",
          "The triggers of three or more tables call each of these functions.",
          shared.map((name) => `- ${described(name, functions)}`).join("\n"),
        ];
  return `${[introduction, ...common, ...sections].filter(Boolean).join("\n\n")}\n`;
}

function sharedFunctions(relations: Relation[]): string[] {
  const calls = relations.flatMap(({ triggers }) => [
    ...new Set(triggers.map((trigger) => trigger.function)),
  ]);
  return [...Map.groupBy(calls, (name) => name)]
    .filter(([, uses]) => uses.length > mostDescriptions)
    .map(([name]) => name)
    .sort();
}

/** Only tables: a view has no keys. */
function diagram(relations: Relation[]): string {
  const tables = relations.filter(({ columns }) => columns.length > 0);
  const names = new Set(tables.map(({ name }) => name));
  if (tables.length === 0) return "";
  const lines = tables.flatMap(({ name, columns, foreignKeys }) => [
    `    "${name}" {`,
    ...columns.map((column) => {
      const keys = foreignKeys.filter(({ columns }) => columns.includes(column.name));
      const marks = [
        column.primary ? "PK" : "",
        keys.length > 0 ? "FK" : "",
        column.unique && !column.primary ? "UK" : "",
      ];
      const elsewhere = [...new Set(keys.map(({ table }) => table))].filter((table) => !names.has(table));
      const note = elsewhere.length > 0 ? ` "${elsewhere.join(", ")}"` : "";
      return `        ${column.type} ${column.name} ${marks.filter(Boolean).join(", ")}${note}`;
    }),
    "    }",
    ...foreignKeys.filter(({ table }) => names.has(table)).map((key) => relationship(name, key)),
  ]);
  return ["```mermaid", "erDiagram", "    direction LR", ...lines, "```"].join("\n");
}

function relationship(name: string, { table, columns, required, one }: ForeignKey): string {
  return `    "${table}" ${required ? "||" : "|o"}--${one ? "o|" : "o{"} "${name}" : "${columns.join(", ")}"`;
}

function relationTable(relations: Relation[]): string {
  return table(
    ["Table", "What it holds", "Written by"],
    relations.map(({ name, view, comment, triggers, writers }) => [
      `${triggers.length > 0 ? `[\`${name}\`](#${name.replace(".", "")})` : `\`${name}\``}${view ? " (view)" : ""}`,
      firstSentence(comment),
      writersOf(writers),
    ]),
  );
}

/** Roles with the same verbs are named together. */
function writersOf(writers: Relation["writers"]): string {
  const roles = Map.groupBy(Object.keys(writers).sort(), (role) => (writers[role] ?? []).join(", "));
  return [...roles]
    .filter(([verbs]) => verbs !== "")
    .map(([verbs, names]) => `${names.join(", ")}: ${verbs}`)
    .join("<br>");
}

function triggerTable(triggers: Relation["triggers"], describe: (name: string) => string): string {
  return table(
    ["When", "Trigger", "Function"],
    triggers.map(({ name, timing, events, function: called }) => [
      `${timing}: ${events}`,
      `\`${name}\``,
      describe(called),
    ]),
  );
}

/** What the table's one AFTER trigger calls, in written order. */
function chain(triggers: Relation["triggers"], functions: DataModelFacts["functions"]): string {
  const [trigger, ...others] = triggers.filter(({ timing }) => timing === "after each row");
  if (trigger === undefined || others.length > 0) return "";
  const body = functions[trigger.function]?.body ?? "";
  const steps = [...body.matchAll(/^\s*(?:perform|v_done :=) (\w+\.\w+)\(/gm)].map(
    ([, name = ""], index) => `${index + 1}. ${described(name, functions)}`,
  );
  return steps.length === 0 ? "" : `\`${trigger.function}\` calls, in this order:\n\n${steps.join("\n")}`;
}

function described(name: string, functions: DataModelFacts["functions"]): string {
  const sentence = firstSentence(functions[name]?.comment ?? null);
  return sentence === "" ? `\`${name}\`` : `\`${name}\`: ${sentence}`;
}

/** The first sentence of a comment, without the word `Trigger` at its beginning. */
function firstSentence(comment: string | null): string {
  const text = withoutDirective(comment ?? "")
    .replaceAll(/\s+/g, " ")
    .replace(/^Trigger: /, "");
  return (/^.*?[.!?](?= |$)/.exec(text)?.[0] ?? text).replaceAll("|", "\\|");
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
