// Reads the body of a request as PostgREST does for the function `graphql_public.graphql`.

import { parseJson } from "./values.ts";

/** The arguments of `graphql_public.graphql`. */
export interface Body {
  operationName: string | null;
  query: string | null;
  variables: unknown;
  extensions: unknown;
}

/** An error in PostgREST's format, for requests that do not reach GraphQL. */
export class RestError extends Error {
  override name = "RestError";
  readonly status: number;
  readonly code: string;
  readonly details: string | null;

  constructor(status: number, code: string, message: string, details: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** The body of the answer. */
  toJSON(): Record<string, string | null> {
    return { code: this.code, details: this.details, hint: null, message: this.message };
  }
}

const PARAMETERS = ["operationName", "query", "variables", "extensions"];

/**
 * Reads a body given as parsed JSON or as text. Whole numbers beyond 2^53 are exact only in text.
 * @throws RestError `PGRST102` when it is not JSON, `PGRST202` for unknown parameters
 */
export function readBody(body: unknown): Body {
  const json = typeof body === "string" ? parseBody(body) : body;
  const first: unknown = Array.isArray(json) ? json[0] : json;
  const given = typeof first === "object" && first !== null ? (first as Record<string, unknown>) : {};
  const keys = Object.keys(given).sort();
  if (keys.some((key) => !PARAMETERS.includes(key))) {
    const named = `${keys.length > 1 ? "parameters" : "parameter"} ${keys.join(", ")}`;
    throw new RestError(
      404,
      "PGRST202",
      `Could not find the function graphql_public.graphql(${keys.join(", ")}) in the schema cache`,
      `Searched for the function graphql_public.graphql with ${named} or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.`,
    );
  }
  return {
    operationName: asText(given.operationName),
    query: asText(given.query),
    variables: given.variables ?? {},
    extensions: given.extensions ?? null,
  };
}

function parseBody(text: string): unknown {
  try {
    return text === "" ? {} : parseJson(text);
  } catch {
    throw new RestError(400, "PGRST102", "Empty or invalid json");
  }
}

/** As in Postgres, any JSON value can be passed for a parameter of type text. */
const asText = (value: unknown): string | null => {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
};
