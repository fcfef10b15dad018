// A request to Storage as its handlers see it, and the checks of its body.

import { z } from "zod";
import { invalidRequest } from "./errors.ts";

export interface Call {
  request: Request;
  url: URL;
  headers: Headers;
  /** What policies read with `storage.operation()`. */
  operation: string;
  bucket: string;
  /** The name of the object in the path. */
  name: string;
}

/** The fields of a JSON body that a schema names. @throws StorageError when they are missing or of another type */
export async function fieldsOf<Schema extends z.ZodType>(
  { request }: Call,
  schema: Schema,
): Promise<z.infer<Schema>> {
  return checked("body", schema, parseJson(await request.text()));
}

/** The query's parameters that a schema names. @throws StorageError when one is of another type */
export function parametersOf<Schema extends z.ZodType>({ url }: Call, schema: Schema): z.infer<Schema> {
  return checked("querystring", schema, Object.fromEntries(url.searchParams));
}

function checked<Schema extends z.ZodType>(part: string, schema: Schema, value: unknown): z.infer<Schema> {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data;
  const [issue] = error.issues;
  throw invalidRequest(`${[part, ...(issue?.path ?? [])].join("/")}: ${issue?.message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidRequest(error instanceof Error ? error.message : String(error));
  }
}

/** JSON of custom metadata; undefined when it cannot be read, as hosted. */
export function parseMetadata(json: string | null | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** `limit` of lists, which are never longer than 1,000 entries. */
export const limit = z.coerce
  .number()
  .int()
  .min(1)
  .transform((value) => Math.min(value, 1000));
export const offset = z.coerce.number().int().min(0);
export const order = z.enum(["asc", "desc"]).default("asc");
