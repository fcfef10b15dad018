// How much one request may ask for. The grammar's depth is pg_graphql's own; the rest keeps one caller from starving the others.

import { Lexer, Source, TokenKind } from "graphql";
import { DocumentError } from "./errors.ts";

export const limits = {
  /** Characters of a document. */
  documentLength: 500_000,
  /** Words and signs of a document. */
  tokens: 20_000,
  /** Brackets within brackets, of any kind; pg_graphql's parser stops there too. */
  depth: 50,
  /** Fields at the root, aliases included. */
  rootFields: 50,
  /** Selections of a request, read and answered, counted wherever fragments put them. */
  selections: 5_000,
  /** Levels of objects and lists in the variables. */
  variableDepth: 100,
  /** Values of a statement; Postgres takes no more. */
  parameters: 65_534,
  /** Values that one introspection may give. */
  introspectedValues: 1_000_000,
  /** Statements kept prepared on each connection. */
  preparedStatements: 500,
} as const;

/** Walks over the words of a document before it is parsed, so that no input can exhaust the parser's stack. */
export function checkDocument(text: string): void {
  if (text.length > limits.documentLength) throw new DocumentError("Document is too long");
  const lexer = new Lexer(new Source(text));
  let depth = 0;
  for (let count = 1; lexer.advance().kind !== TokenKind.EOF; count += 1) {
    if (count > limits.tokens) throw new DocumentError("Document is too long");
    const { kind } = lexer.token;
    if (kind === TokenKind.BRACE_L || kind === TokenKind.PAREN_L || kind === TokenKind.BRACKET_L) depth += 1;
    if (kind === TokenKind.BRACE_R || kind === TokenKind.PAREN_R || kind === TokenKind.BRACKET_R) depth -= 1;
    if (depth > limits.depth) throw new DocumentError("Recursion limit exceeded");
  }
}

/** Refuses variables that are nested so deeply that reading them would exhaust the stack. */
export function checkVariables(variables: unknown): void {
  let level: unknown[] = [variables];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limits.variableDepth) throw new DocumentError("Variables are nested too deeply");
    level = level
      .filter((value) => typeof value === "object" && value !== null)
      .flatMap((value) => Object.values(value as object));
  }
}
