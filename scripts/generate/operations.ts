// What all operations of the API share: who may call them, and how errors look.

import type { Answer, Answers, Content, Schema, Security } from "./document.ts";
import type { Role } from "./rest-facts.ts";

export const securitySchemes: Record<string, object> = {
  apikey: {
    type: "apiKey",
    in: "header",
    name: "apikey",
    description: "The publishable key: names the project, and is no secret.",
  },
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "The access token of the person who is signed in; `POST /auth/v1/token` answers it.",
  },
  secretKey: {
    type: "apiKey",
    in: "header",
    name: "apikey",
    description: "The secret key, which acts as `service_role`. For servers alone.",
  },
};

/** What a caller must send to be one of the roles. */
export function securityOf(roles: Role[]): Security {
  if (roles.includes("anon")) return [{ apikey: [] }, { apikey: [], bearer: [] }];
  if (roles.includes("authenticated")) return [{ apikey: [], bearer: [] }];
  return [{ secretKey: [] }];
}

export const json = (schema: Schema, examples?: Record<string, { value: unknown }>): Content => ({
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
        "A SQLSTATE of Postgres, `PT` and the HTTP status where the database chose it, `PGRST…` of PostgREST, or a word of an Edge Function.",
    },
    message: { type: "string", description: "What is wrong, for a person." },
    details: {
      type: ["string", "null"],
      description: "More of it; where several rules are broken, JSON: `[{code, message}]`.",
    },
    hint: { type: ["string", "null"], description: "What to do." },
  },
};

const refused = (
  code: string,
  message: string,
  hint: string | null = null,
  details: string | null = null,
) => ({
  value: { code, message, details, hint },
});

/** The errors that statuses stand for, as people meet them. */
export const errorResponses: Record<string, Answer> = {
  "401": {
    description: "Nobody is signed in, or the token has expired.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      { PT401: refused("PT401", "You are not signed in.", "Sign in and send the access token.") },
    ),
  },
  "403": {
    description: "Signed in, and not allowed to.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      { "42501": refused("42501", 'new row violates row-level security policy for table "user_roles"') },
    ),
  },
  "404": {
    description: "Not there, or not for the caller to see.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      { PT404: refused("PT404", "There is no such property among yours.", "Check the id.") },
    ),
  },
  "409": {
    description: "Something else is in the way.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      {
        PT409: refused(
          "PT409",
          "These nights are no longer free.",
          "The details say what is in the way; property_calendar shows which days are free.",
          '[{"code": "occupied", "nights": [{"from": "2027-06-04", "until": "2027-06-06"}], "message": "Some of these nights are taken."}]',
        ),
        "23505": refused("23505", "duplicate key value violates unique constraint"),
      },
    ),
  },
  "410": {
    description: "It was there, and its time is over.",
    content: json({ $ref: "#/components/schemas/Error" }),
  },
  "422": {
    description: "Rules are broken; `details` lists every one.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      {
        PT422: refused(
          "PT422",
          "Something is missing that a published property has.",
          "Add what is missing, then publish again.",
          '[{"code": "no_photo", "message": "Add at least one photo."}]',
        ),
      },
    ),
  },
  default: {
    description: "Refused.",
    content: json(
      { $ref: "#/components/schemas/Error" },
      {
        "23514": refused(
          "23514",
          'new row for relation "profiles" violates check constraint "profiles_about_is_plain"',
        ),
      },
    ),
  },
};

/** References to the shared answers: those whose statuses a text names, and the rest as default. */
export function errorsNamedIn(text: string): Answers {
  const named = [...text.matchAll(/\b4\d\d\b/g)].map(([status]) => status);
  const statuses = [...new Set(named)].filter((status) => status in errorResponses);
  return Object.fromEntries(
    [...statuses, "default"].map((status) => [status, { $ref: `#/components/responses/${status}` }]),
  );
}
