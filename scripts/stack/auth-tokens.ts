// Adds the claims that hosted Supabase puts into access tokens and @supabase/lite leaves out; policies read them.

import { decodeJwt, SignJWT } from "jose";

type Answer = (request: Request) => Promise<Response>;

interface User {
  app_metadata?: object;
  user_metadata?: object;
  phone?: string;
  is_anonymous?: boolean;
}

/** The issuer and secret of tokens, and Auth's request handler, which is asked for the user. */
export interface TokenContext {
  issuer: string;
  secret: string;
  answer: Answer;
}

/** Completes the access token in an answer of Auth, be it in a session or in the fragment of a redirect. */
export async function completeTokens(response: Response, context: TokenContext): Promise<Response> {
  const location = response.headers.get("location");
  const fragment = new URLSearchParams(location?.split("#")[1]);
  const token = fragment.get("access_token");
  if (location !== null && token !== null) {
    fragment.set("access_token", await completeToken(token, await userOf(token, context), context));
    const headers = new Headers(response.headers);
    headers.set("location", `${location.split("#")[0]}#${fragment}`);
    return new Response(null, { status: response.status, headers });
  }
  return response.ok && response.headers.get("content-type")?.includes("json")
    ? completeSession(response, context)
    : response;
}

async function completeSession(response: Response, context: TokenContext): Promise<Response> {
  const text = await response.text();
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  if (!isSession(body)) return new Response(text === "" ? null : text, { status: response.status, headers });
  const access_token = await completeToken(body.access_token, body.user, context);
  return new Response(JSON.stringify({ ...body, access_token }), { status: response.status, headers });
}

function isSession(body: unknown): body is { access_token: string; user: User } {
  return typeof body === "object" && body !== null && "access_token" in body && "user" in body;
}

async function userOf(token: string, { issuer, answer }: TokenContext): Promise<User> {
  const response = await answer(
    new Request(`${issuer}/user`, { headers: { authorization: `Bearer ${token}` } }),
  );
  return (await response.json()) as User;
}

async function completeToken(token: string, user: User, { issuer, secret }: TokenContext): Promise<string> {
  const claims = decodeJwt(token);
  return new SignJWT({
    iss: issuer,
    phone: user.phone ?? "",
    app_metadata: user.app_metadata ?? {},
    user_metadata: user.user_metadata ?? {},
    aal: "aal1",
    amr: [{ method: "password", timestamp: claims.iat }],
    is_anonymous: user.is_anonymous ?? false,
    ...claims,
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(new TextEncoder().encode(secret));
}
