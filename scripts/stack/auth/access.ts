// Who calls Auth: the person of an access token, or the service with its key.

import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import { isForUs } from "../api-keys.ts";
import type { Auth } from "./auth-service.ts";
import { type Call, isUuid } from "./call.ts";
import { AuthError } from "./errors.ts";
import type { Session } from "./sessions.ts";
import { type Factor, findUserById, isBanned, type User } from "./users.ts";

export interface Person {
  user: User;
  /** Undefined for a token that names no session. */
  session: Session | undefined;
  isAnonymous: boolean;
}

/** The person who calls. @throws AuthError when the token is none of this project's, or its session has ended */
export async function requirePerson(auth: Auth, call: Call): Promise<Person> {
  const claims = await claimsOf(auth, call);
  const { sub = "", session_id: sessionId } = claims;
  if (sub === "") throw badJwt("invalid claim: missing sub claim");
  if (!isUuid(sub)) throw new AuthError(400, "bad_jwt", "invalid claim: sub claim must be a UUID");
  const user = await findUserById(auth.sql, sub);
  if (user === undefined) {
    throw new AuthError(403, "user_not_found", "User from sub claim in JWT does not exist");
  }
  if (isBanned(user)) throw new AuthError(403, "user_banned", "User is banned");
  const isAnonymous = claims.is_anonymous === true;
  if (typeof sessionId !== "string" || sessionId === "") return { user, session: undefined, isAnonymous };
  const [session] = isUuid(sessionId)
    ? await auth.sql<
        Session[]
      >`select id, user_id, aal, created_at from auth.sessions where id = ${sessionId}`
    : [];
  if (session === undefined) {
    throw new AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
  }
  return { user, session, isAnonymous };
}

/** @throws AuthError when the caller is not the service */
export async function requireService(auth: Auth, call: Call): Promise<void> {
  const { role } = await claimsOf(auth, call);
  if (role !== "service_role" && role !== "supabase_admin") {
    throw new AuthError(403, "not_admin", "User not allowed");
  }
}

/** A factor of the person. @throws AuthError when there is none with this id */
export function requireFactor({ factors }: User, id: string): Factor {
  if (!isUuid(id)) throw new AuthError(404, "validation_failed", "factor_id must be an UUID");
  const factor = factors.find((candidate) => candidate.id === id);
  if (factor === undefined) throw new AuthError(404, "mfa_factor_not_found", "Factor not found");
  return factor;
}

async function claimsOf({ settings }: Auth, { headers }: Call) {
  const token = /^Bearer\s+(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (token === undefined) {
    throw new AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token");
  }
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(settings.jwtSecret), {
      algorithms: ["HS256"],
    });
    if (!isForUs(payload.aud)) throw badJwt("invalid JWT: the token is for another audience");
    return payload;
  } catch (error) {
    if (error instanceof AuthError) throw error;
    throw badJwt(`invalid JWT: unable to parse or verify signature, ${reasonOf(error, token)}`);
  }
}

/** The reason in the words of Supabase Auth. */
function reasonOf(error: unknown, token: string): string {
  if (error instanceof errors.JWTExpired) return "token has invalid claims: token is expired";
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return "token signature is invalid: signature is invalid";
  }
  const segments = token.split(".").length;
  if (segments !== 3) return "token is malformed: token contains an invalid number of segments";
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return `token signature is invalid: signing method ${decodeProtectedHeader(token).alg} is invalid`;
  }
  return "token is malformed: could not base64 decode or parse it";
}

function badJwt(message: string): AuthError {
  return new AuthError(403, "bad_jwt", message);
}
