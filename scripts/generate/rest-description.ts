// PostgREST's own description of the REST API, for signed-in people and for the service role: merged, and converted from
// Swagger 2.0.

import { SignJWT } from "jose";
import swagger2openapi from "swagger2openapi";
import type { StackConfig } from "../lib/config.ts";
import type { Parameter, Path, Reference, Schema } from "./document.ts";

type Swagger = Parameters<typeof swagger2openapi.convertObj>[0] & {
  paths: object;
  definitions: object;
  parameters: object;
};

/** The parts of an operation that are read. */
export interface DescribedOperation {
  summary?: string;
  description?: string;
  parameters?: Reference[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

export interface Description {
  paths: Record<string, Partial<Record<keyof Path, DescribedOperation>>>;
  components: { schemas: Record<string, Schema>; parameters: Record<string, Parameter> };
}

/** The description as OpenAPI 3.0. What both roles may do is described as signed-in people see it. */
export async function restDescription(config: StackConfig): Promise<Description> {
  const [service, person] = await Promise.all([
    describe(config),
    describe(config, await personToken(config)),
  ]);
  const merged: Swagger = {
    ...person,
    paths: { ...service.paths, ...person.paths },
    definitions: { ...service.definitions, ...person.definitions },
    parameters: { ...service.parameters, ...person.parameters },
  };
  const { openapi } = await swagger2openapi.convertObj(merged, { patch: true });
  return openapi as unknown as Description;
}

async function describe({ apiUrl, keys }: StackConfig, token?: string): Promise<Swagger> {
  const headers = { apikey: keys.secret, ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${apiUrl}/rest/v1/`, { headers });
  if (!response.ok) throw new Error(`The API's description answered ${response.status}.`);
  return (await response.json()) as Swagger;
}

/** A token with the role of signed-in people, for a user who does not exist. */
export function personToken({ keys }: StackConfig): Promise<string> {
  return new SignJWT({ role: "authenticated" })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject("00000000-0000-4000-8000-000000000000")
    .setExpirationTime("5 minutes")
    .sign(new TextEncoder().encode(keys.jwtSecret));
}
