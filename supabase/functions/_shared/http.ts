// How functions answer: one shape of errors, that of PostgREST, and the headers that browsers ask for.

/** An answer that is not a success. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
  details?: string | null;
  hint?: string | null;
}

export const headers = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, apikey, content-type, x-client-info",
  "access-control-allow-methods": "POST, OPTIONS",
};

export function refuse({ status, ...body }: Refusal): Response {
  return Response.json(body, { status, headers });
}

export function answer(body: unknown, status = 200): Response {
  return Response.json(body, { status, headers });
}

/** The refusal in what a function of the database answered. */
export function refusalOf(
  error: { code: string; message: string; details: string; hint: string },
  status: number,
): Refusal {
  const { code, message, details, hint } = error;
  return { status, code, message, details, hint };
}

export const notSignedIn: Refusal = {
  status: 401,
  code: "not_signed_in",
  message: "You are not signed in.",
  hint: "Send the access token as Authorization: Bearer ...",
};

/** A refusal for trouble with Stripe, without what it said: that may hold what is nobody's business. */
export const stripeUnavailable: Refusal = {
  status: 502,
  code: "payments_unavailable",
  message: "The payment service does not answer as it should.",
  hint: "Nothing is lost: try again.",
};
