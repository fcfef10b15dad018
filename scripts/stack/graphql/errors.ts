// The two ways in which a request can fail, and the text of names inside messages.

/** An error that the client meets as `{"message": …}`, in pg_graphql's own words. */
export class GraphqlError extends Error {
  override name = "GraphqlError";
}

/** An error of the whole document: the answer then has no `data` key at all. */
export class DocumentError extends GraphqlError {
  override name = "DocumentError";
}

/** Quotes names as pg_graphql's messages do: `["a", "b"]`. */
export const listed = (names: readonly string[]): string =>
  `[${names.map((name) => JSON.stringify(name)).join(", ")}]`;
