// Requests to Auth that @supabase/lite answers differently from Supabase: verifying mailed codes, and sending a mail again.

import { randomUUID } from "node:crypto";

type Answer = (request: Request) => Promise<Response>;

interface Body extends Record<string, unknown> {
  email?: string;
}

/** Answers these requests as Supabase does, and passes all others to lite. */
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
  // Postgres stores no NUL, and lite would answer 500
  if (/(?<!\\)(\\\\)*\\u0000/.test(JSON.stringify(body) ?? ""))
    return Response.json(
      { code: 400, error_code: "bad_json", msg: "Text contains a NUL character" },
      { status: 400 },
    );
  if (path === "/verify" && (body?.type === "email" || body?.type === "signup")) return verify(body, post);
  const response = await post(path, text);
  // lite answers 429 for every account that it has mailed before, however long ago
  if (response.status !== 429 || typeof body?.email !== "string") return response;
  if (path === "/resend" && body.type === "signup") return resendMail(body.email, post);
  if (path === "/signup") return repeatSignUp(body, post);
  return response;
}

type Post = (path: string, body: string) => Promise<Response>;

/**
 * Accepts codes for sign-in and for sign-up under either type, `email` or `signup`: a mail that is sent again has a sign-in code.
 * https://supabase.com/docs/reference/javascript/auth-verifyotp
 */
async function verify(body: Body, post: Post): Promise<Response> {
  const signedIn = await post("/verify", JSON.stringify({ ...body, type: "magiclink" }));
  return signedIn.ok ? signedIn : post("/verify", JSON.stringify({ ...body, type: "signup" }));
}

/** Sends another mail, whose code and link confirm the account. */
async function resendMail(email: string, post: Post): Promise<Response> {
  const sent = await post("/otp", JSON.stringify({ email, create_user: false }));
  return sent.ok ? Response.json({}) : sent;
}

/**
 * Answers a sign-up with a known address like one with a new address, so that it does not reveal who has an account. An
 * unconfirmed account gets another mail. https://supabase.com/docs/reference/javascript/auth-signup
 */
async function repeatSignUp({ email = "", data }: Body, post: Post): Promise<Response> {
  const resent = await post("/resend", JSON.stringify({ type: "signup", email }));
  if (resent.status === 429) await resendMail(email, post);
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
