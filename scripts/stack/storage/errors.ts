// Errors of Storage. As hosted, the status of the answer is 400 and the error's own status is in the body.
// https://github.com/supabase/storage/blob/master/src/internal/errors/codes.ts

import { errorCode } from "../../lib/errors.ts";

export class StorageError extends Error {
  readonly status: number;
  readonly code: string;
  /** The older name of the error. */
  readonly error: string;

  constructor(status: number, code: string, message: string, error = code) {
    super(message);
    this.status = status;
    this.code = code;
    this.error = error;
  }

  answer(): Response {
    const { status, code, error, message } = this;
    return Response.json(
      { statusCode: String(status), code, error, message },
      { status: status === 500 ? 500 : 400 },
    );
  }
}

export const invalidRequest = (message: string) => new StorageError(400, "InvalidRequest", message);
export const invalidJwt = (message: string) => new StorageError(400, "InvalidJWT", message);
export const invalidKey = (name: string) => new StorageError(400, "InvalidKey", `Invalid key: ${name}`);
export const accessDenied = (message = "Access denied") =>
  new StorageError(403, "AccessDenied", message, "Unauthorized");
export const noSuchBucket = () =>
  new StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found");
export const noSuchKey = () => new StorageError(404, "NoSuchKey", "Object not found", "not_found");
export const tooLarge = () =>
  new StorageError(
    413,
    "EntityTooLarge",
    "The object exceeded the maximum allowed size",
    "Payload too large",
  );
export const wrongType = (type: string) =>
  new StorageError(415, "InvalidMimeType", `mime type ${type} is not supported`, "invalid_mime_type");

/** The error of a failed request, in which errors of Postgres are those of hosted Storage. */
export function toStorageError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = errorCode(cause) ?? "";
  switch (code) {
    case "42501":
      return accessDenied(
        message.includes("row-level security") ? "new row violates row-level security policy" : message,
      );
    case "23505":
      return new StorageError(409, "ResourceAlreadyExists", "The resource already exists", "Duplicate");
    case "23503":
      return new StorageError(404, "InvalidRequest", "The related resource does not exist");
    case "22P02":
      return new StorageError(400, "InvalidParameter", message);
    case "22021":
    case "22P05":
      return invalidRequest("The request has a character that cannot be stored");
  }
  console.error(`storage: ${message}`);
  return /^[0-9A-Z]{5}$/.test(code)
    ? new StorageError(500, "DatabaseError", `database error, code: ${code}`)
    : new StorageError(500, "InternalError", "Internal Server Error", "Internal");
}
