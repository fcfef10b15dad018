// The paths of Supabase Auth that every client needs. The others: https://supabase.com/docs/reference/self-hosting-auth

import type { Answers, Operation, Path, Schema } from "./document.ts";
import { json, securityOf } from "./operations.ts";
import type { TaskName } from "./tasks.ts";

const tag: TaskName = "Account";

const string: Schema = { type: "string" };
const email: Schema = { type: "string", format: "email" };

export const authSchemas: Record<string, Schema> = {
  Session: {
    type: "object",
    required: ["access_token", "token_type", "expires_in", "refresh_token", "user"],
    properties: {
      access_token: { type: "string", description: "Send it as `Authorization: Bearer …`." },
      token_type: { type: "string", const: "bearer" },
      expires_in: { type: "integer", description: "Seconds." },
      refresh_token: { type: "string", description: "Valid for one new session." },
      user: { $ref: "#/components/schemas/User" },
    },
  },
  User: {
    type: "object",
    required: ["id"],
    properties: {
      id: { type: "string", format: "uuid", description: "Also the id of the profile." },
      email,
      email_confirmed_at: { type: ["string", "null"], format: "date-time" },
      user_metadata: { type: "object" },
      app_metadata: { type: "object", description: "`roles`: the roles of the person, such as `operator`." },
    },
  },
  AuthError: {
    type: "object",
    properties: { code: { type: ["integer", "string"] }, error_code: string, msg: string },
  },
};

export const authPaths: Record<string, Path> = {
  "/auth/v1/signup": {
    post: operation("sign_up", "Sign up", "A mail with a code of six digits goes to the address.", {
      body: object({ email, password: string, data: { type: ["object", "null"] } }, ["email", "password"]),
      answer: "User",
    }),
  },
  "/auth/v1/verify": {
    post: operation("verify", "Confirm the address with the code from the mail", "Signs in.", {
      body: object(
        {
          type: { type: "string", enum: ["email", "signup", "recovery", "email_change"] },
          email,
          token: string,
        },
        ["type", "email", "token"],
      ),
      answer: "Session",
    }),
  },
  "/auth/v1/token": {
    post: {
      ...operation("sign_in", "Sign in, or refresh a session", "By password, or by a refresh token.", {
        body: {
          anyOf: [
            object({ email, password: string }, ["email", "password"]),
            object({ refresh_token: string }, ["refresh_token"]),
          ],
        },
        answer: "Session",
      }),
      parameters: [
        {
          name: "grant_type",
          in: "query",
          required: true,
          schema: { type: "string", enum: ["password", "refresh_token"] },
        },
      ],
    },
  },
  "/auth/v1/user": {
    get: {
      operationId: "get_user",
      tags: [tag],
      summary: "Show the signed-in user",
      security: securityOf(["authenticated"]),
      responses: answers("User"),
    },
  },
};

interface Text {
  body: Schema;
  answer: string;
}

function operation(id: string, summary: string, description: string, { body, answer }: Text): Operation {
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: [{ apikey: [] }],
    requestBody: { required: true, content: json(body) },
    responses: answers(answer),
  };
}

function answers(name: string): Answers {
  return {
    "200": { description: "Done.", content: json({ $ref: `#/components/schemas/${name}` }) },
    default: { description: "Refused.", content: json({ $ref: "#/components/schemas/AuthError" }) },
  };
}

function object(properties: Record<string, Schema>, required: string[]): Schema {
  return { type: "object", properties, ...(required.length > 0 && { required }) };
}
