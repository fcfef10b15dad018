// Database comments as documentation, without the directives for pg_graphql and PostgREST's notes on keys.

/** A comment's words, without the GraphQL directive that ends it. */
export function withoutDirective(comment: string): string {
  return comment.replace(/\s*@graphql\(.+\)/s, "").trim();
}

/** A description by PostgREST: the comment's words, and in Markdown whether the column is a key. */
export function columnDescription(description: string): string {
  const [comment = "", note = ""] = description.split("Note:\n", 2);
  return [withoutDirective(comment), note.replace(/<(pk|fk)[^>]*\/>/g, "").trim()].filter(Boolean).join(" ");
}
