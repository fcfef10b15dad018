// docs/schema.graphql and types/graphql-schema.ts: the GraphQL schema that signed-in people see, by introspection.

import { preprocessIntrospection } from "gql.tada/internal";
import { buildClientSchema, getIntrospectionQuery, type IntrospectionQuery, printSchema } from "graphql";
import type { StackConfig } from "../lib/config.ts";
import { personToken } from "./rest-description.ts";

const options = { inputValueDeprecation: false, schemaDescription: false, specifiedByUrl: false };

/** The schema as graphql-js reads it. */
export async function introspect(config: StackConfig): Promise<IntrospectionQuery> {
  const response = await fetch(`${config.apiUrl}/graphql/v1`, {
    method: "POST",
    headers: {
      apikey: config.keys.publishable,
      authorization: `Bearer ${await personToken(config)}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ query: getIntrospectionQuery(options) }),
  });
  const { data, errors } = (await response.json()) as {
    data?: IntrospectionQuery;
    errors?: { message: string }[];
  };
  if (!data) throw new Error(`Introspection failed: ${JSON.stringify(errors)}`);
  return data;
}

/** The schema in GraphQL's own language. */
export function schemaText(introspection: IntrospectionQuery): string {
  return `${printSchema(buildClientSchema(introspection))}\n`;
}

/** The schema as gql.tada's types read it. */
export function schemaTypes(introspection: IntrospectionQuery): string {
  const schema = introspection as Parameters<typeof preprocessIntrospection>[0];
  return `export type introspection = ${preprocessIntrospection(schema)};\n`;
}
