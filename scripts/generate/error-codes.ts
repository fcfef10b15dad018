// Which error codes an operation may raise: those written in the functions that it reaches, by calls, triggers, policies and
// views. It follows names in the text of bodies, so it may list a code that is never raised, but misses none.

export type Verb = "select" | "insert" | "update" | "delete";

export interface Catalogue {
  /** Functions with their schema, `private.raise_error`; overloads share a name. */
  functions: { name: string; source: string }[];
  /** Tables and views with their schema, and the SQL that a statement on them runs: `private.guard_bookings()`. */
  relations: { name: string; runs: { verbs: Verb[]; source: string }[] }[];
}

/** A function, `public.quote_stay`, or a statement on a relation, `insert public.bookings`. */
export type OperationName = string;

/** The codes that each operation may raise, sorted. Codes are string literals in the bodies: no other form is found. */
export function errorCodes(catalogue: Catalogue, known: string[]): Record<OperationName, string[]> {
  const sources = sourcesByOperation(catalogue);
  const codes = new Set(known);
  const reads = new Map<OperationName, { codes: string[]; next: OperationName[] }>();
  for (const [name, texts] of sources) {
    const text = texts.map(withoutComments).join("\n");
    reads.set(name, {
      codes: literals(text).filter((literal) => codes.has(literal)),
      next: operationsIn(withoutProse(text)).filter((next) => next !== name && sources.has(next)),
    });
  }
  return Object.fromEntries([...sources.keys()].map((name) => [name, reachableCodes(name, reads)]));
}

function sourcesByOperation({ functions, relations }: Catalogue): Map<OperationName, string[]> {
  const sources = new Map<OperationName, string[]>();
  const add = (name: OperationName, source: string) =>
    sources.set(name, [...(sources.get(name) ?? []), source]);
  for (const { name, source } of functions) add(name, source);
  for (const { name, runs } of relations) {
    for (const verb of ["select", "insert", "update", "delete"] as const) {
      sources.set(`${verb} ${name}`, []);
      for (const { verbs, source } of runs) if (verbs.includes(verb)) add(`${verb} ${name}`, source);
    }
  }
  return sources;
}

function reachableCodes(
  start: OperationName,
  reads: Map<OperationName, { codes: string[]; next: OperationName[] }>,
): string[] {
  const depths = new Map([[start, 0]]);
  // the private table behind a view has its name
  const own = start.replace(/^(?:insert|update) public\./, "private.check_row_of_");
  const found = new Set<string>();
  for (const [name, depth] of depths) {
    const read = reads.get(name);
    for (const code of read?.codes ?? []) found.add(code);
    for (const next of read?.next ?? []) {
      if (depths.has(next) || (depth > 1 && checksRow(next) && next !== own)) continue;
      depths.set(next, depth + 1);
    }
  }
  return [...found].sort();
}

/** Rows that functions write on the way have no fault of the caller in them: only an operation's own rows are checked. */
const checksRow = (name: OperationName): boolean => name.startsWith("private.check_row_of_");

function withoutComments(source: string): string {
  return source.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g, (part) =>
    part.startsWith("'") ? part : " ",
  );
}

/** String literals name functions only in dynamic SQL; elsewhere they are messages. */
function withoutProse(text: string): string {
  return /\bexecute\b(?!\s+(function|procedure))/i.test(text) ? text : text.replace(/'(?:[^']|'')*'/g, "''");
}

const literals = (text: string): string[] =>
  [...text.matchAll(/'(\w+)'/g)].map(([, literal = ""]) => literal);

/** Every function and relation that a text names, and every statement that writes to a relation. */
function operationsIn(text: string): OperationName[] {
  const names = [...text.matchAll(/\b(?:public|private)\.\w+/g)].map(([name]) => name);
  const inserts = written(text, /\binsert\s+into\s+((?:public|private)\.\w+)/gi, "insert");
  const upserts = written(
    text,
    /\binsert\s+into\s+((?:public|private)\.\w+)[^;]*?\bon\s+conflict\b[^;]*?\bdo\s+update\b/gi,
    "update",
  );
  const updates = written(text, /\bupdate\s+(?:only\s+)?((?:public|private)\.\w+)/gi, "update");
  const deletes = written(text, /\bdelete\s+from\s+(?:only\s+)?((?:public|private)\.\w+)/gi, "delete");
  const merges = (["insert", "update", "delete"] as const).flatMap((verb) =>
    written(text, /\bmerge\s+into\s+(?:only\s+)?((?:public|private)\.\w+)/gi, verb),
  );
  const reads = names.map((name) => `select ${name}`);
  return [...names, ...reads, ...inserts, ...upserts, ...updates, ...deletes, ...merges];
}

const written = (text: string, statement: RegExp, verb: Verb): OperationName[] =>
  [...text.matchAll(statement)].map(([, name]) => `${verb} ${name}`);
