// Errors of Auth, in both forms that Supabase Auth answers: the form of 2024-01-01, which clients ask for by a header, and the first.

import { errorCode } from "../../lib/errors.ts";

export class AuthError extends Error {
  readonly status: number;
  readonly code: string;
  /** Further fields of the answer, such as the reasons why a password is weak. */
  readonly fields: Record<string, unknown>;

  constructor(status: number, code: string, message: string, fields: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

export const invalid = (message: string) => new AuthError(400, "validation_failed", message);
export const notAcceptable = (code: string, message: string) => new AuthError(422, code, message);
export const emailExists = () =>
  notAcceptable("email_exists", "A user with this email address has already been registered");
export const tooManyRequests = () =>
  new AuthError(429, "over_request_rate_limit", "Request rate limit reached");

const versionHeader = "x-supabase-api-version";

/** The answer to a request that failed. */
export function errorAnswer(cause: unknown, headers: Headers): Response {
  const error = toAuthError(cause);
  const dated = /^\d{4}-\d{2}-\d{2}$/.test(headers.get(versionHeader) ?? "");
  if (dated && (headers.get(versionHeader) ?? "") >= "2024-01-01") {
    const named = error.code === "weak_password" ? {} : { "x-sb-error-code": error.code };
    return Response.json(
      { code: error.code, message: error.message, ...error.fields },
      { status: error.status, headers: { [versionHeader]: "2024-01-01", ...named } },
    );
  }
  return Response.json(
    { code: error.status, error_code: error.code, msg: error.message, ...error.fields },
    { status: error.status, headers: { "x-sb-error-code": error.code } },
  );
}

/** Errors of Postgres about text that it cannot store are the client's; all others are unexpected. */
export function toAuthError(cause: unknown): AuthError {
  if (cause instanceof AuthError) return cause;
  if (["22021", "22P05"].includes(errorCode(cause) ?? "")) {
    return invalid("The request has a character that cannot be stored");
  }
  console.error(`auth: ${cause instanceof Error ? cause.message : String(cause)}`);
  return new AuthError(
    500,
    "unexpected_failure",
    "Unexpected failure, please check server logs for more information",
  );
}
