// Requests to Auth that lite answers otherwise than Supabase: codes by mail, and mails that are asked for again.

import { randomUUID } from "node:crypto";

type Answer = (request: Request) => Promise<Response>;

interface Body extends Record<string, unknown> {
  email?: string;
}

/** Answers one of those requests as Supabase does, and any other as lite does. */
export async function answerAsSupabase(request: Request, answer: Answer): Promise<Response> {
  const path = /\/auth\/v1(\/(?:verify|resend|signup))$/.exec(new URL(request.url).pathname)?.[1];
  if (request.method !== "POST" || path === undefined) return answer(request);
  const text = await request.text();
  const post = (to: string, body: string) => {
    const url = new URL(request.url);
    url.pathname = `/auth/v1${to}`;
    return answer(new Request(url, { method: "POST", headers: request.headers, body }));
  };
  const body = parseObject(text);
  if (path === "/verify" && (body?.type === "email" || body?.type === "signup")) return verify(body, post);
  const response = await post(path, text);
  // lite says 429 to whoever has an account that it has mailed, however long ago that was
  if (response.status !== 429 || typeof body?.email !== "string") return response;
  if (path === "/resend" && body.type === "signup") return mailAgain(body.email, post);
  if (path === "/signup") return signUpAgain(body, post);
  return response;
}

type Post = (path: string, body: string) => Promise<Response>;

/**
 * A code of type `email` confirms a sign-up or signs in, whichever it was mailed for; so does one of type `signup`, because the
 * mail that is sent again has a code to sign in. https://supabase.com/docs/reference/javascript/auth-verifyotp
 */
async function verify(body: Body, post: Post): Promise<Response> {
  const signedIn = await post("/verify", JSON.stringify({ ...body, type: "magiclink" }));
  return signedIn.ok ? signedIn : post("/verify", JSON.stringify({ ...body, type: "signup" }));
}

/** Somebody who has not confirmed yet gets another mail, whose code and link confirm. */
async function mailAgain(email: string, post: Post): Promise<Response> {
  const sent = await post("/otp", JSON.stringify({ email, create_user: false }));
  return sent.ok ? Response.json({}) : sent;
}

/**
 * The answer to an address that has an account looks like that to a new one, so that nobody learns who has one; a person who
 * has not confirmed yet gets another mail. https://supabase.com/docs/reference/javascript/auth-signup
 */
async function signUpAgain({ email = "", data }: Body, post: Post): Promise<Response> {
  const resent = await post("/resend", JSON.stringify({ type: "signup", email }));
  if (resent.status === 429) await mailAgain(email, post);
  const now = new Date().toISOString();
  return Response.json({
    id: randomUUID(),
    aud: "authenticated",
    role: "",
    email,
    phone: "",
    confirmation_sent_at: now,
    app_metadata: { provider: "email", providers: ["email"] },
    user_metadata: data ?? {},
    identities: [],
    created_at: now,
    updated_at: now,
    is_anonymous: false,
  });
}

function parseObject(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
