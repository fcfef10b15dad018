// The Edge Functions in the OpenAPI document, from the contracts that their schema.ts files export.

import { existsSync, readdirSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import type { Contract, JsonSchemaSource } from "../../supabase/functions/_shared/contract.ts";
import type { StackConfig } from "../lib/config.ts";
import type { Operation, Path, Schema } from "./document.ts";
import { json, securityOf } from "./operations.ts";
import type { TaskName } from "./tasks.ts";

// The functions import packages as Deno does; node_modules holds the same versions.
registerHooks({
  resolve: (specifier, context, next) => next(specifier.replace(/^npm:((@[^/]+\/)?[^@]+)@.*/, "$1"), context),
});

/** The tasks of functions that clients call; workers are internal. */
const tags: Record<string, TaskName> = { connect: "Host", payments: "Pay", files: "Host", statement: "Pay" };

/** The paths of all functions except those that clients do not call. @throws when a function has no contract. */
export async function functionPaths({ functionsDir }: StackConfig): Promise<Record<string, Path>> {
  const names = readdirSync(functionsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map(({ name }) => name)
    .sort();
  const paths = await Promise.all(
    names.map(async (name) => {
      const file = join(functionsDir, name, "schema.ts");
      if (!existsSync(file)) throw new Error(`${file} is missing: it exports the function's contract.`);
      const { contract } = (await import(file)) as { contract: Contract | "unlisted" };
      return contract === "unlisted"
        ? []
        : [[`/functions/v1/${name}`, { [contract.method ?? "post"]: operation(name, contract) }]];
    }),
  );
  return Object.fromEntries(paths.flat());
}

function operation(name: string, contract: Contract): Operation {
  const { summary, description, caller, input, answers, errors } = contract;
  return {
    operationId: name,
    tags: [tags[name] ?? "Internal"],
    summary,
    description,
    security:
      caller === "person" ? [{ apikey: [], bearer: [] }, { bearer: [] }] : securityOf(["service_role"]),
    ...(input && { requestBody: { required: true, content: json(schemaOf(input, "input")) } }),
    responses: Object.fromEntries([
      ...Object.entries(answers).map(([status, { description, type = "application/json", schema }]) => [
        status,
        { description, content: { [type]: { schema: schemaOf(schema, "output") } } },
      ]),
      ...Object.entries(errors).map(([status, { code, message, hint }]) => [
        status,
        {
          description: message,
          content: json(
            { $ref: "#/components/schemas/Error" },
            { [code]: { value: { code, message, ...(hint && { hint }) } } },
          ),
        },
      ]),
      // what a function of the database refuses
      ["default", { $ref: "#/components/responses/default" }],
    ]),
  };
}

/** zod writes JSON Schema 2020-12, which is OpenAPI 3.1's own. */
function schemaOf(schema: JsonSchemaSource, io: "input" | "output"): Schema {
  const { $schema, "~standard": _standard, ...rest } = schema.toJSONSchema({ io }) as Record<string, unknown>;
  return rest as Schema;
}
