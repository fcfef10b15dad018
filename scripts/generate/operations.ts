// What all operations of the API share: security and errors.

import { bareErrors, bareName } from "./bare-errors.ts";
import type { Answer, Answers, Content, Example, Reference, Schema, Security } from "./document.ts";
import type { ErrorRow } from "./errors.ts";
import type { Role } from "./rest-facts.ts";

export const securitySchemes: Record<string, object> = {
  apikey: {
    type: "apiKey",
    in: "header",
    name: "apikey",
    description: "The publishable key, which is not secret.",
  },
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The access token of a signed-in person, from `POST /auth/v1/token`.",
  },
  secretKey: {
    type: "apiKey",
    in: "header",
    name: "apikey",
    description: "The secret key, which acts as `service_role`. Keep it on servers.",
  },
};

/** What a caller must send to be one of the roles. */
export function securityOf(roles: Role[]): Security {
  if (roles.includes("anon")) return [{ apikey: [] }, { apikey: [], bearer: [] }];
  if (roles.includes("authenticated")) return [{ apikey: [], bearer: [] }];
  return [{ secretKey: [] }];
}

export const json = (schema: Schema, examples?: Record<string, Example | Reference>): Content => ({
  "application/json": { schema, ...(examples && { examples }) },
});

/** PostgREST's error; Edge Functions answer the same. */
export const errorSchema: Schema = {
  type: "object",
  required: ["code", "message"],
  properties: {
    code: {
      type: "string",
      description:
        "`PT` and the HTTP status for an error of this API; else Postgres's SQLSTATE, PostgREST's `PGRST…`, or the code of an Edge Function.",
    },
    message: { type: "string", description: "What is wrong, in words for a person." },
    details: {
      type: ["string", "null"],
      description: "JSON with the code of every fault: `[{ code, … }]`.",
    },
    hint: { type: ["string", "null"], description: "What to do." },
  },
};

const error = { $ref: "#/components/schemas/Error" };

/** Statuses that any operation may answer, whatever its rules: they are described once. */
const descriptions: Record<string, string> = {
  "400": "The request is malformed.",
  "401": "The caller is not signed in, or the token has expired.",
  "403": "The caller is signed in, but not allowed to do this.",
  "404": "It does not exist, or the caller cannot see it.",
  "406": "The request asks for one row, and there are none or several.",
  "409": "The request conflicts with existing data.",
  "410": "It has expired.",
  "416": "The range begins after the last row.",
  "422": "Rules are broken; `details` lists each.",
  "429": "There were too many requests of this kind. Try again later.",
  "503": "The server is busy. Nothing was changed. Try again.",
  default: "Refused.",
};

/** An example for each code of ours, and for each bare error. */
export function errorExamples(errors: ErrorRow[]): Record<string, Example> {
  const own = errors.map(({ code, status, message, hint }) => [
    code,
    { value: { code: `PT${status}`, message, details: JSON.stringify([{ code }]), hint } },
  ]);
  const bare = bareErrors.map((error) => [
    bareName(error),
    { value: { code: bareName(error), message: error.message, details: null, hint: null } },
  ]);
  return Object.fromEntries([...bare, ...own]);
}

const bareNames = (status: string): string[] =>
  bareErrors.filter((error) => error.status.includes(status)).map(bareName);

const examplesNamed = (names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/examples/${name}` }]));

function errorResponse(status: string, codes: string[]): Answer {
  const names = [...codes, ...bareNames(status)];
  const description = descriptions[status] ?? "Refused.";
  const list = codes.map((code) => `\`${code}\``).join(", ");
  return {
    description: codes.length > 0 ? `${description} Codes: ${list}.` : description,
    content: json(error, names.length > 0 ? examplesNamed(names) : undefined),
  };
}

/** The answers of errors that operations share. */
export const errorResponses: Record<string, Answer> = Object.fromEntries(
  Object.keys(descriptions).map((status) => [status, errorResponse(status, [])]),
);

/** The errors of an operation: statuses that PostgREST answers, and those of the codes that its rules raise. */
export function errorAnswers(statuses: string[], errors: ErrorRow[]): Answers {
  const all = new Set([...statuses, ...errors.map(({ status }) => String(status))]);
  const answers = [...all].sort().map((status) => {
    const codes = errors.filter((row) => String(row.status) === status).map(({ code }) => code);
    const shared = codes.length === 0 && status in errorResponses;
    return [status, shared ? { $ref: `#/components/responses/${status}` } : errorResponse(status, codes)];
  });
  return Object.fromEntries([...answers, ["default", { $ref: "#/components/responses/default" }]]);
}
