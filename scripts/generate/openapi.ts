// docs/openapi.json: the whole API as one OpenAPI 3.1 document, for the documentation page and for other tools.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { StackConfig } from "../lib/config.ts";
import { authPaths, authSchemas } from "./auth.ts";
import { addExamples } from "./code-samples.ts";
import type { Document } from "./document.ts";
import type { ErrorFacts } from "./errors.ts";
import { functionPaths } from "./functions.ts";
import { errorExamples, errorResponses, errorSchema, securitySchemes } from "./operations.ts";
import { restPart } from "./rest.ts";
import { restDescription } from "./rest-description.ts";
import { readRestFacts } from "./rest-facts.ts";
import { tasks } from "./tasks.ts";

const introduction = `The open-source backend for short-term rentals. The tables are the API, and the database keeps the rules, so REST, GraphQL and
SQL clients meet the same ones. GraphQL is at \`POST /graphql/v1\`.

**Authentication.** Every request has the header \`apikey\`. Requests of a signed-in person also have
\`Authorization: Bearer <access token>\`; they read and change that person's data.

**Filters.** Every column is a parameter: \`city=eq.Lisboa\`, \`base_price=lt.10000\`, \`status=in.(draft,paused)\`; see
[PostgREST](https://docs.postgrest.org/en/stable/references/api/tables_views.html). PATCH and DELETE apply to
the rows that match the filters.

**Values.** Amounts of money are whole numbers of the currency's minor unit. A stay is two dates: check-in and check-out. Times
are in UTC.

**Errors.** \`{ code, message, details, hint }\`: \`message\` is for a person, \`hint\` says what to do, and \`details\` is JSON with
the code of every fault: \`[{"code": "…"}]\`. Each operation lists its codes.`;

/** Describes the API of a running stack. */
export async function openapiDocument(config: StackConfig, errors: ErrorFacts): Promise<Document> {
  const [description, facts, functions] = await Promise.all([
    restDescription(config),
    readRestFacts(config),
    functionPaths(config),
  ]);
  const rest = restPart(description, facts, errors);
  const { version } = JSON.parse(readFileSync(join(config.root, "package.json"), "utf8")) as {
    version: string;
  };
  const paths = { ...authPaths, ...rest.paths, ...functions };
  addExamples(paths);
  return {
    openapi: "3.1.0",
    info: {
      title: "Staybase",
      version,
      description: introduction,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      { url: "http://127.0.0.1:54321", description: "npm start" },
      {
        url: "https://{project}.supabase.co",
        description: "hosted Supabase",
        variables: { project: { default: "your-project" } },
      },
    ],
    tags: tasks.map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      schemas: { Error: errorSchema, ...authSchemas, ...rest.schemas },
      parameters: rest.parameters,
      responses: errorResponses,
      examples: errorExamples(errors.errors),
      securitySchemes,
    },
  };
}
