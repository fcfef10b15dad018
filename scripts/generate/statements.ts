// The statements of the migrations, as Postgres's own parser reads them.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Node, type ParseResult, parse, type RangeVar, type TypeName } from "libpg-query";

export interface Migration {
  file: string;
  sql: string;
}

export interface Statement {
  file: string;
  line: number;
  /** Its text, without the comments above it. */
  sql: string;
  node: Node;
}

/** The migrations in the order in which they are applied. */
export function readMigrations(root: string): Migration[] {
  const folder = join(root, "supabase/migrations");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((file) => ({ file: `supabase/migrations/${file}`, sql: readFileSync(join(folder, file), "utf8") }));
}

/** @throws when a migration is not valid SQL */
export async function readStatements(migrations: Migration[]): Promise<Statement[]> {
  const statements = await Promise.all(migrations.map(statementsOf));
  return statements.flat();
}

async function statementsOf({ file, sql }: Migration): Promise<Statement[]> {
  const parsed = (await parse(sql)) as ParseResult;
  const bytes = Buffer.from(sql);
  return (parsed.stmts ?? []).flatMap(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    if (stmt === undefined) return [];
    // The parser counts in bytes, and a statement begins with the comments above it.
    const text = bytes.toString("utf8", start, length === undefined ? bytes.length : start + length);
    const comments = /^(?:\s|--.*|\/\*[\s\S]*?\*\/)*/.exec(text)?.[0] ?? "";
    const line = `${bytes.toString("utf8", 0, start)}${comments}`.split("\n").length;
    return { file, line, sql: text.slice(comments.length), node: stmt };
  });
}

/** `schema.name`, from the parts of a name. */
export function nameOf(parts: Node[] = []): string {
  return parts.map((part) => ("String" in part ? part.String.sval : "?")).join(".");
}

export function relationName(relation: RangeVar | undefined): string {
  return [relation?.schemaname, relation?.relname].filter(Boolean).join(".");
}

/** A type as Postgres names it within the server, such as `int4` or `text[]`. */
export function typeName(type: TypeName | undefined): string {
  const name = nameOf(type?.names).replace(/^pg_catalog\./, "");
  return `${name}${"[]".repeat(type?.arrayBounds?.length ?? 0)}`;
}
