// Limits of a request, so that one caller cannot exhaust the server. The depth of a document is that of pg_graphql.

import { Lexer, Source, TokenKind } from "graphql";
import { DocumentError } from "./errors.ts";

export const limits = {
  /** Characters of a document. */
  documentLength: 500_000,
  /** Tokens of a document. */
  tokens: 20_000,
  /** Nested brackets of any kind; as in pg_graphql. */
  depth: 50,
  /** Root fields, including aliases. */
  rootFields: 50,
  /** Selections of a request, counted at each use of a fragment. */
  selections: 5_000,
  /** Nested objects and lists in the variables. */
  variableDepth: 100,
  /** Parameters of a statement, which is the limit of Postgres. */
  parameters: 65_534,
  /** Values in the answer of one introspection field. */
  introspectedValues: 1_000_000,
  /** Prepared statements for each connection. */
  preparedStatements: 500,
} as const;

/** Checks the tokens of a document before it is parsed, so that no input exhausts the parser's stack. @throws DocumentError */
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

/** Refuses deeply nested variables, which would exhaust the stack. @throws DocumentError */
export function checkVariables(variables: unknown): void {
  let level: unknown[] = [variables];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limits.variableDepth) throw new DocumentError("Variables are nested too deeply");
    level = level
      .filter((value) => typeof value === "object" && value !== null)
      .flatMap((value) => Object.values(value as object));
  }
}
