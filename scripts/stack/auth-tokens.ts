// The claims that hosted Supabase puts into an access token and lite leaves out: policies read them there.

import { decodeJwt, SignJWT } from "jose";

type Answer = (request: Request) => Promise<Response>;

interface User {
  app_metadata?: object;
  user_metadata?: object;
  phone?: string;
  is_anonymous?: boolean;
}

/** What completing a token needs: who issues it, the secret it is signed with, and Auth itself, to ask for the user. */
export interface TokenContext {
  issuer: string;
  secret: string;
  answer: Answer;
}

/** Completes the access token in an answer of Auth: in a session, or in the fragment that a mail's link redirects to. */
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
