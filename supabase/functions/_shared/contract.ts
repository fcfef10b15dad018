// What a function promises: who calls it, what it takes and what it answers. Each function's schema.ts exports one as
// `contract`; docs/openapi.json is generated from it.

/** What is used of a zod schema. */
export interface JsonSchemaSource {
  toJSONSchema(parameters?: { io?: "input" | "output" }): object;
}

export interface Contract {
  /** A line for lists. */
  summary: string;
  description: string;
  /** `person`: somebody who is signed in. `worker`: the database's own jobs; anybody may, and it does no harm. */
  caller: "person" | "worker";
  /** The JSON body; left out when there is none. */
  input?: JsonSchemaSource;
  /** By status. */
  answers: Record<number, { description: string; schema: JsonSchemaSource }>;
  /** By status: the errors' codes and messages. */
  errors: Record<number, { code: string; message: string; hint?: string }>;
}
