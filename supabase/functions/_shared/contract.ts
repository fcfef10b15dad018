// The contract of an Edge Function: who calls it, its input, its answers and its errors. Each schema.ts exports one as
// `contract`, and docs/openapi.json is generated from them.

import { type ErrorCode, errorOf } from "./errors.ts";

/** The part of a zod schema that the generator uses. */
export interface JsonSchemaSource {
  toJSONSchema(parameters?: { io?: "input" | "output" }): object;
}

export interface Contract {
  /** One line, for lists. */
  summary: string;
  description: string;
  /** `person`: a signed-in user. `worker`: the database, with the service key. */
  caller: "person" | "worker";
  /** `post` by default. */
  method?: "get";
  /** The JSON body; left out when there is none. */
  input?: JsonSchemaSource;
  /** By status. The media type is JSON by default. */
  answers: Record<number, { description: string; type?: string; schema: JsonSchemaSource }>;
  /** By status. */
  errors: Record<number, { code: string; message: string; hint?: string }>;
}

/** The errors of a contract, from the table in errors.ts. */
export function contractErrors(...codes: ErrorCode[]): Contract["errors"] {
  return Object.fromEntries(
    codes.map((code) => {
      const { status, ...error } = errorOf(code);
      return [status, { code, ...error }];
    }),
  );
}
