// The errors of a request, and the format of names in their messages.

/** An error that the client receives as `{"message": …}`, with pg_graphql's message. */
export class GraphqlError extends Error {
  override name = "GraphqlError";
}

/** An error of the whole document: the answer has no key `data`. */
export class DocumentError extends GraphqlError {
  override name = "DocumentError";
}

/** Formats names as in pg_graphql's messages: `["a", "b"]`. */
export const listed = (names: readonly string[]): string =>
  `[${names.map((name) => JSON.stringify(name)).join(", ")}]`;
