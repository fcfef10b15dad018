// Errors that Postgres and PostgREST raise before a function or trigger of ours runs, so they have no code of ours.

export interface BareError {
  code: string;
  /** One status, or `401, 403` for callers who are signed out and signed in. */
  status: string;
  when: string;
  message: string;
  remedy: string;
}

export const bareErrors: BareError[] = [
  {
    code: "PGRST100",
    status: "400",
    when: "A filter, `select` or `order` cannot be parsed.",
    message: '"failed to parse filter (Lisboa)" (line 1, column 1)',
    remedy: "Write filters as `column=operator.value`.",
  },
  {
    code: "PGRST102",
    status: "400",
    when: "The body is not JSON, or the rows of a list have different keys.",
    message: "Empty or invalid json",
    remedy: "Send JSON; give every row of a list the same keys.",
  },
  {
    code: "PGRST204",
    status: "400",
    when: "The body names a column that does not exist.",
    message: "Could not find the 'colour' column of 'properties' in the schema cache",
    remedy: "Compare the body with the operation's schema.",
  },
  {
    code: "22P02, 22003, 22007, 22008",
    status: "400",
    when: "A value does not have its column's type: no UUID, no number, a number out of range, no date.",
    message: 'invalid input syntax for type uuid: "1"',
    remedy: "Send the type that the schema names.",
  },
  {
    code: "21000",
    status: "400",
    when: "`PATCH` or `DELETE` without a filter.",
    message: "UPDATE requires a WHERE clause",
    remedy: "Filter, for example by the key.",
  },
  {
    code: "22P05",
    status: "400",
    when: "A text contains the character U+0000.",
    message: "unsupported Unicode escape sequence",
    remedy: "Remove the character.",
  },
  {
    code: "PGRST301",
    status: "401",
    when: "The access token is invalid or has expired.",
    message: "JWT expired",
    remedy: "Refresh the session, or sign in again.",
  },
  {
    code: "42501",
    status: "401, 403",
    when: "The caller may not use a column, or a table that `select` embeds: 401 when signed out, 403 when signed in.",
    message: "permission denied for table property_taxes",
    remedy: "Sign in, or leave the column out.",
  },
  {
    code: "42P10",
    status: "400",
    when: "An upsert into the view `bookings`.",
    message: "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    remedy: "Insert without `Prefer: resolution`; an idempotency key makes a repeated booking safe.",
  },
  {
    code: "PGRST202",
    status: "404",
    when: "No function has this name and these arguments.",
    message: "Could not find the function public.quote_stay(p_adults) in the schema cache",
    remedy: "Compare the arguments with the operation's schema.",
  },
  {
    code: "PGRST116",
    status: "406",
    when: "`Accept: application/vnd.pgrst.object+json`, which `.single()` sends, found no row or several.",
    message: "JSON object requested, multiple (or no) rows returned",
    remedy: "Check the filter, or use `.maybeSingle()`.",
  },
  {
    code: "23505",
    status: "409",
    when: "Another request wrote the same unique value at the same moment.",
    message: 'duplicate key value violates unique constraint "wishlist_items_pkey"',
    remedy: "Read the existing row.",
  },
  {
    code: "PGRST103",
    status: "416",
    when: "`offset` or `Range` begins after the last row.",
    message: "Requested range not satisfiable",
    remedy: "Begin at a smaller offset.",
  },
];

/** The example of a bare error as OpenAPI names it. */
export const bareName = ({ code }: BareError): string => (code.split(",")[0] ?? code).trim();
