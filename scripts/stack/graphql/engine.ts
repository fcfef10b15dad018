// Answers a GraphQL request inside a given transaction.

import { Document, type Selected } from "./document.ts";
import { DocumentError, GraphqlError } from "./errors.ts";
import { jsonText, objectText } from "./json.ts";
import { checkVariables, limits } from "./limits.ts";
import { type Planned, planRootField } from "./roots.ts";
import type { Schema } from "./schema.ts";
import type { Run } from "./sql.ts";

/** A GraphQL request, with the names and types of `graphql.resolve`. */
export interface Request {
  query: string;
  operationName: string | null;
  variables: unknown;
}

/**
 * Answers a request with JSON text. Statements run through `run`, with the role and settings of its transaction.
 * @throws every SQL error, and every error in a mutation; the caller must then roll back and answer {@link failed}
 */
export async function resolve(request: Request, schema: Schema, run: Run): Promise<string> {
  let document: Document;
  let selections: readonly Selected[];
  const { variables } = request;
  try {
    if (!isObject(variables)) throw new DocumentError("variables must be an object");
    checkVariables(variables);
    document = new Document(request.query, request.operationName, variables);
    if (isMutation(document) && !schema.mutation) return failed("Unknown type Mutation");
    selections = rootSelections(document);
  } catch (error) {
    if (error instanceof GraphqlError) return jsonText({ errors: [{ message: error.message }] });
    throw error;
  }
  return isMutation(document)
    ? await mutate(document, selections, schema, run)
    : await query(document, selections, schema, run);
}

/** The answer to a request that failed as a whole. */
export const failed = (message: string): string => jsonText({ data: null, errors: [{ message }] });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isMutation = ({ operation }: Document): boolean => operation.operation === "mutation";

function rootSelections(document: Document): readonly Selected[] {
  const selections = document.select(
    document.operation.selectionSet,
    isMutation(document) ? "Mutation" : "Query",
  );
  if (selections.length === 0 && !isMutation(document)) {
    throw new GraphqlError("Selection set must not be empty");
  }
  if (selections.length > limits.rootFields) throw new GraphqlError("Document selects too much");
  return selections;
}

/** Fields that cannot be answered become errors; the others run concurrently. */
async function query(
  document: Document,
  selections: readonly Selected[],
  schema: Schema,
  run: Run,
): Promise<string> {
  const fields = await Promise.all(
    selections.map(async (selected) => {
      try {
        const answer = await answerField(planRootField(document, selected, schema), run);
        return { entries: [[selected.key, answer] as const], errors: [] };
      } catch (error) {
        if (!(error instanceof GraphqlError)) throw error;
        return { entries: [], errors: [{ message: error.message }] };
      }
    }),
  );
  const entries = fields.flatMap((field) => field.entries);
  const errors = fields.flatMap((field) => field.errors);
  const answer: [string, string][] = [["data", entries.length > 0 ? objectText(entries) : "null"]];
  if (errors.length > 0) answer.push(["errors", jsonText(errors)]);
  return objectText(answer);
}

/** Fields run one after another; the failure of one undoes all. */
async function mutate(
  document: Document,
  selections: readonly Selected[],
  schema: Schema,
  run: Run,
): Promise<string> {
  if (selections.length === 0) throw new GraphqlError("Selection set must not be empty");
  const entries: [string, string][] = [];
  for (const selected of selections) {
    entries.push([selected.key, await answerField(planRootField(document, selected, schema), run)]);
  }
  return objectText([["data", objectText(entries)]]);
}

async function answerField(planned: Planned, run: Run): Promise<string> {
  if ("answer" in planned) return planned.answer;
  const [row] = await run(planned.sql, planned.params);
  if (row && !("answer" in row)) throw new GraphqlError("Internal Error: Failed to execute transpiled query");
  if (planned.atMost !== null && BigInt((row?.changed as string | undefined) ?? 0) > planned.atMost) {
    throw new GraphqlError(`${planned.verb} impacts too many records`);
  }
  return (row?.answer as string | null | undefined) ?? "null";
}
