// Sessions: access tokens, refresh tokens that change with each use, and the end of sessions.

import { randomInt, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { Auth } from "./auth-service.ts";
import type { Call } from "./call.ts";
import { AuthError } from "./errors.ts";
import { type Db, isBanned, now, reload, showUser, type User, updateUser } from "./users.ts";

export interface Session {
  id: string;
  user_id: string;
  aal: "aal1" | "aal2";
  created_at: string;
}

interface RefreshToken {
  token: string;
  user_id: string;
  session_id: string;
  parent: string | null;
  revoked: boolean;
  updated_at: string;
}

/** How a person proved who they are, as in the claim `amr`. */
export type Method =
  | "password"
  | "otp"
  | "oauth"
  | "totp"
  | "anonymous"
  | "magiclink"
  | "recovery"
  | "invite"
  | "email/signup"
  | "email_change";

/** The answer that signs a client in. */
export interface SessionAnswer extends Record<string, unknown> {
  access_token: string;
  token_type: "bearer";
  expires_in: number;
  expires_at: number;
  refresh_token: string;
}

export async function startSession(
  { settings }: Auth,
  sql: Db,
  call: Call,
  user: User,
  method: Method,
): Promise<SessionAnswer> {
  await updateUser(sql, user.id, { last_sign_in_at: now() });
  const id = randomUUID();
  await sql`
    insert into auth.sessions ${sql({
      id,
      user_id: user.id,
      aal: "aal1",
      created_at: now(),
      updated_at: now(),
      ...clientOf(call),
    })}`;
  await addMethod(sql, id, method);
  const refreshToken = await createRefreshToken(sql, user.id, id);
  return answer({ settings }, sql, await reload(sql, user.id), id, refreshToken);
}

/** Exchanges a refresh token for a new session answer. A token used twice ends the session, save for a client that retries. */
export function refresh(auth: Auth, call: Call, token: string): Promise<SessionAnswer> {
  const run = async (sql: Db): Promise<SessionAnswer | AuthError> => {
    const [found] = await sql<
      RefreshToken[]
    >`select * from auth.refresh_tokens where token = ${token} for update`;
    if (found === undefined) {
      throw new AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
    }
    const user = await reload(sql, found.user_id);
    if (isBanned(user)) throw new AuthError(400, "user_banned", "Invalid Refresh Token: User Banned");
    const next = found.revoked
      ? await reuse(auth, sql, found)
      : await createRefreshToken(sql, found.user_id, found.session_id, found.token);
    if (next instanceof AuthError) return next;
    await audit(sql, call, user, "token_refreshed", "token");
    await sql`
      update auth.sessions set ${sql({ refreshed_at: now(), updated_at: now(), ...clientOf(call) })}
      where id = ${found.session_id}`;
    return answer(auth, sql, user, found.session_id, next);
  };
  return auth.sql.begin(run).then((result) => {
    if (result instanceof AuthError) throw result; // after the commit of what the misuse ended
    return result;
  });
}

/** The token to answer for one that was used before, or the error when its session has to end. */
async function reuse({ settings }: Auth, sql: Db, token: RefreshToken): Promise<string | AuthError> {
  const [active] = await sql<RefreshToken[]>`
    select * from auth.refresh_tokens where session_id = ${token.session_id} and not revoked order by id desc limit 1`;
  if (active?.parent === token.token) return active.token; // the client did not get the last answer
  const until = Date.parse(token.updated_at) + settings.refresh_token_reuse_interval * 1000;
  if (Date.now() <= until) return createRefreshToken(sql, token.user_id, token.session_id, token.token);
  if (settings.enable_refresh_token_rotation) {
    await sql`update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = ${token.session_id} and not revoked`;
  }
  return new AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
}

/** @param parent the token that this one replaces */
async function createRefreshToken(
  sql: Db,
  userId: string,
  sessionId: string,
  parent: string | null = null,
): Promise<string> {
  const token = Array.from({ length: 12 }, () => alphabet[randomInt(alphabet.length)]).join("");
  if (parent !== null) {
    await sql`update auth.refresh_tokens set revoked = true, updated_at = now() where token = ${parent}`;
  }
  await sql`
    insert into auth.refresh_tokens ${sql({
      instance_id: "00000000-0000-0000-0000-000000000000",
      token,
      user_id: userId,
      session_id: sessionId,
      parent,
      revoked: false,
      created_at: now(),
      updated_at: now(),
    })}`;
  return token;
}

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";

/** Raises a session after a second factor, with a new refresh token. */
export async function raiseSession(
  auth: Auth,
  sql: Db,
  user: User,
  session: Session,
  factorId: string,
): Promise<SessionAnswer> {
  await addMethod(sql, session.id, "totp");
  await sql`update auth.sessions set aal = 'aal2', factor_id = ${factorId}, updated_at = now() where id = ${session.id}`;
  const [current] = await sql<RefreshToken[]>`
    select * from auth.refresh_tokens where session_id = ${session.id} and not revoked order by id desc limit 1`;
  const token = await createRefreshToken(sql, user.id, session.id, current?.token ?? null);
  return answer(auth, sql, user, session.id, token);
}

async function addMethod(sql: Db, sessionId: string, method: Method): Promise<void> {
  await sql`
    insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
    values (${randomUUID()}, ${sessionId}, now(), now(), ${method})
    on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at`;
}

async function answer(
  { settings }: Pick<Auth, "settings">,
  sql: Db,
  user: User,
  sessionId: string,
  refreshToken: string,
): Promise<SessionAnswer> {
  const claims = await sql<{ method: string; timestamp: number }[]>`
    select authentication_method as method, extract(epoch from updated_at)::int as timestamp
    from auth.mfa_amr_claims where session_id = ${sessionId} order by updated_at desc`;
  const issued = Math.floor(Date.now() / 1000);
  const expires = issued + settings.jwt_expiry;
  const token = await new SignJWT({
    iss: settings.url,
    sub: user.id,
    aud: user.aud,
    exp: expires,
    iat: issued,
    email: user.email ?? "",
    phone: user.phone ?? "",
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    role: user.role,
    aal: claims.some(({ method }) => method === "totp") ? "aal2" : "aal1",
    amr: claims.map(({ method, timestamp }) => ({ method, timestamp })),
    session_id: sessionId,
    is_anonymous: user.is_anonymous,
  })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(new TextEncoder().encode(settings.jwtSecret));
  return {
    access_token: token,
    token_type: "bearer",
    expires_in: settings.jwt_expiry,
    expires_at: expires,
    refresh_token: refreshToken,
    user: showUser(user),
  };
}

/** The client of a request, as auth.sessions keeps it. */
function clientOf({ headers, address }: Call): { user_agent: string | null; ip: string | null } {
  return { user_agent: headers.get("user-agent"), ip: address === "" ? null : address };
}

export async function endSessions(
  sql: Db,
  userId: string,
  which: { only: string } | { except: string } | "all",
): Promise<void> {
  const condition =
    which === "all" ? sql`true` : "only" in which ? sql`id = ${which.only}` : sql`id <> ${which.except}`;
  await sql`delete from auth.sessions where user_id = ${userId} and ${condition}`;
}

/** Notes what a person did in auth.audit_log_entries. */
export async function audit(
  sql: Db,
  { address }: Pick<Call, "address">,
  actor: Pick<User, "id" | "email" | "raw_user_meta_data">,
  action: string,
  logType: "account" | "team" | "token" | "user" | "factor",
  traits?: Record<string, unknown>,
): Promise<void> {
  const name = actor.raw_user_meta_data?.full_name;
  const payload = {
    action,
    actor_id: actor.id,
    ...(name === undefined ? {} : { actor_name: name }),
    actor_username: actor.email ?? "",
    actor_via_sso: false,
    log_type: logType,
    ...(traits === undefined ? {} : { traits }),
  };
  await sql`
    insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
    values ('00000000-0000-0000-0000-000000000000', ${randomUUID()}, ${sql.json(payload as never)}, now(), ${address})`;
}
