// The JSON body of a request, checked against a schema.

import { z } from "zod";
import { apiError } from "./errors.ts";

/** @throws `bad_request` with the faults as details, which contain no values of the body */
export async function readJson<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  hint: string,
): Promise<z.infer<Schema>> {
  const body = schema.safeParse(await request.json().catch(() => undefined));
  if (!body.success) throw apiError("bad_request", { details: z.prettifyError(body.error), hint });
  return body.data;
}
