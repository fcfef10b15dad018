// Codes and links from mails: POST takes either and answers with a session, GET is the link itself and leads back to the app.

import { z } from "zod";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, checkEmail, fieldsOf, text } from "./call.ts";
import { AuthError, invalid, notAcceptable, toAuthError, tooManyRequests } from "./errors.ts";
import { issueAuthCode } from "./flow-states.ts";
import { accountLimits, addressLimits, codeLimit } from "./limits.ts";
import { findLink, findUserByChangeCode, isCode, type TokenType, voidTokens } from "./one-time-tokens.ts";
import { hashPassword, unknownPassword } from "./passwords.ts";
import { oauthError, redirect, redirectOf, withFragment, withQuery } from "./redirects.ts";
import { audit, type Method, startSession } from "./sessions.ts";
import {
  confirmUser,
  type Db,
  findAccount,
  isBanned,
  reload,
  setEmailIdentity,
  type User,
  updateIdentity,
  updateProviders,
  updateUser,
} from "./users.ts";

/** Proof of an address: whose it is, and what it was sent for. */
interface Proof {
  user: User;
  token: TokenType;
  /** The type that the code turned out to have. */
  type: string;
}

const tokensOf: Record<string, TokenType[]> = {
  email: ["confirmation_token", "recovery_token"],
  signup: ["confirmation_token"],
  invite: ["confirmation_token"],
  recovery: ["recovery_token"],
  magiclink: ["recovery_token"],
  email_change: ["email_change_token_current", "email_change_token_new"],
};

const halfConfirmed = "Confirmation link accepted. Please proceed to confirm link sent to the other email";

const schema = z.object({
  type: text,
  token: text,
  token_hash: text,
  email: text,
  phone: text,
  redirect_to: text,
});

export const verify: Handler = async (auth, call) => {
  const { type, token, token_hash, ...fields } = fieldsOf(call, schema);
  if (type === "") throw invalid("Verify requires a verification type");
  if ((token === "") === (token_hash === "")) throw invalid("Verify requires either a token or a token hash");
  if (token_hash !== "") {
    if (fields.email !== "" || fields.phone !== "" || fields.redirect_to !== "") {
      throw invalid("Only the token_hash and type should be provided");
    }
    return accept(auth, call, () => proveByLink(auth, call, token_hash, type));
  }
  if ((fields.email === "") === (fields.phone === "")) {
    throw invalid("Only an email address or phone number should be provided on verify");
  }
  if (fields.phone !== "") throw refusePhone(fields.phone);
  const email = checkedEmail(fields.email);
  return accept(auth, call, () => proveByCode(auth, call, email, token, type));
};

/** No phone number has been sent a code. */
function refusePhone(phone: string): AuthError {
  return /^[1-9][0-9]{1,14}$/.test(phone.replace(/^\+/, "").replaceAll(" ", ""))
    ? new AuthError(403, "otp_expired", "Token has expired or is invalid")
    : invalid("Invalid phone number format (E.164 required)");
}

function checkedEmail(email: string): string {
  try {
    return checkEmail(email);
  } catch {
    throw notAcceptable("validation_failed", "Invalid email format");
  }
}

async function accept(auth: Auth, call: Call, prove: () => Promise<Proof>): Promise<Response> {
  const proof = await prove();
  const passwordHash = await passwordFor(auth, proof.user);
  const answer = await auth.sql.begin(async (sql) => {
    const user = await confirm(auth, sql, call, proof, passwordHash);
    return user === undefined ? undefined : startSession(auth, sql, call, user, "otp");
  });
  return Response.json(answer ?? { msg: halfConfirmed, code: "200" });
}

/** The link in a mail. */
export const followLink: Handler = async (auth, call) => {
  const type = call.query.get("type") ?? "";
  const token = call.query.get("token") ?? "";
  if (type === "") throw invalid("Verify requires a verification type");
  if (token === "") throw invalid("Verify requires a token or a token hash");
  const target = redirectOf(call, auth.settings);
  const pkce = token.startsWith("pkce_");
  try {
    const proof = await proveByLink(auth, call, token, type);
    const passwordHash = await passwordFor(auth, proof.user);
    return await auth.sql.begin(async (sql) => {
      const user = await confirm(auth, sql, call, proof, passwordHash);
      if (user === undefined) return lead(target, { message: halfConfirmed }, pkce);
      if (pkce) {
        return redirect(withQuery(target, { code: await issueAuthCode(sql, user, flowMethod(type)) }));
      }
      const { user: _shown, ...session } = await startSession(auth, sql, call, user, "otp");
      return redirect(withFragment(target, { ...session, type }));
    });
  } catch (cause) {
    const { status, code, message } = toAuthError(cause);
    const values = { error: oauthError(status), error_code: code, error_description: message };
    return lead(target, values, pkce);
  }
};

/** Leads back with values in the fragment, and in the query too where the app expects them there. */
function lead(target: string, values: Record<string, string>, inQuery: boolean): Response {
  return redirect(withFragment(inQuery ? withQuery(target, values) : target, values));
}

/** The method of the flow that a link of a type continues. */
function flowMethod(type: string): Method {
  return type === "signup" ? "email/signup" : (type as Method);
}

async function proveByLink(auth: Auth, call: Call, link: string, type: string): Promise<Proof> {
  const tokens = tokensOf[type];
  if (tokens === undefined) throw invalid("Invalid email verification type");
  return countTry(auth, call, async () => {
    const found = await findLink(auth.settings, auth.sql, link, tokens);
    if (found === undefined) {
      throw new AuthError(403, "otp_expired", "Email link is invalid or has expired");
    }
    if (isBanned(found.user)) throw new AuthError(403, "user_banned", "User is banned");
    return { user: found.user, token: found.type, type: exactType(type, found.type) };
  });
}

/** A code stands five wrong tries; then only a new one helps. */
async function proveByCode(
  auth: Auth,
  call: Call,
  email: string,
  code: string,
  type: string,
): Promise<Proof> {
  const { sql, limits, settings } = auth;
  const ofCode = codeLimit(settings.email.otp_expiry);
  return countTry(auth, call, async () => {
    if ((await limits.take(accountLimits.codes, email)) > 0) throw tooManyRequests();
    const spoiled = (await limits.take(ofCode, email)) > 0;
    const found = await findByCode(auth, email, code, tokensOf[type] ?? []);
    if (found === undefined || spoiled) {
      throw new AuthError(403, "otp_expired", "Token has expired or is invalid");
    }
    await limits.clear(ofCode, email);
    await limits.clear(accountLimits.codes, email);
    const user = await reload(sql, found.id);
    if (isBanned(user)) throw new AuthError(403, "user_banned", "User is banned");
    return { user, token: found.token, type: exactType(type, found.token) };
  });
}

async function findByCode(
  { sql, settings }: Auth,
  email: string,
  code: string,
  tokens: TokenType[],
): Promise<{ id: string; token: TokenType } | undefined> {
  const isChange = tokens.includes("email_change_token_new");
  const account = isChange ? await findUserByChangeCode(sql, email, code) : await findAccount(sql, email);
  const token = tokens.find(
    (candidate) => account !== undefined && isCode(settings, account, email, code, candidate),
  );
  return account === undefined || token === undefined ? undefined : { id: account.id, token };
}

/** Counts a try of this network address, and forgets it when it was right. */
async function countTry({ limits, settings }: Auth, call: Call, check: () => Promise<Proof>): Promise<Proof> {
  const limit = addressLimits(settings.rate_limit).codes;
  if ((await limits.take(limit, call.address)) > 0) throw tooManyRequests();
  const proof = await check();
  await limits.giveBack(limit, call.address);
  return proof;
}

function exactType(type: string, token: TokenType): string {
  if (type !== "email") return type;
  return token === "recovery_token" ? "magiclink" : "signup";
}

/** A password that no one knows for an invited person without one; hashed outside of the transaction, because that takes long. */
async function passwordFor({ sql }: Auth, user: User): Promise<string | undefined> {
  const hasNone = user.encrypted_password === null || user.encrypted_password === "";
  return hasNone && user.invited_at !== null ? hashPassword(sql, unknownPassword()) : undefined;
}

/** Does what the mail was sent for; undefined when a change of address waits for the other mail. */
async function confirm(
  auth: Auth,
  sql: Db,
  call: Call,
  { user, token, type }: Proof,
  passwordHash: string | undefined,
): Promise<User | undefined> {
  if (type === "email_change") {
    if (await waitsForOther(auth, sql, user, token)) return undefined;
    await audit(sql, call, user, "user_modified", "user");
    await changeEmail(sql, user, user.email_change ?? "");
  } else if (token === "confirmation_token") {
    if (passwordHash !== undefined) {
      await updateUser(sql, user.id, { encrypted_password: passwordHash });
      await voidTokens(sql, user.id);
    }
    await audit(sql, call, user, "user_signedup", "team", { provider: "email" });
    await confirmUser(sql, user);
    for (const identity of user.identities.filter(({ email }) => email === user.email)) {
      await updateIdentity(sql, identity, { email_verified: true });
    }
  } else {
    await updateUser(sql, user.id, { recovery_token: "" });
    await sql`delete from auth.one_time_tokens where user_id = ${user.id}`;
    if (user.email_confirmed_at === null) {
      await audit(sql, call, user, "user_signedup", "team", { provider: "email" });
      await confirmUser(sql, user);
    } else await audit(sql, call, user, "login", "account");
  }
  const changed = await reload(sql, user.id);
  await updateProviders(sql, changed);
  return reload(sql, user.id);
}

async function waitsForOther({ settings }: Auth, sql: Db, user: User, token: TokenType): Promise<boolean> {
  const both = settings.confirmsEmail && settings.email.double_confirm_changes && user.email !== null;
  if (!both || user.email_change_confirm_status !== 0) return false;
  await updateUser(sql, user.id, { email_change_confirm_status: 1, [token]: "" });
  await sql`delete from auth.one_time_tokens where user_id = ${user.id} and token_type = ${token}`;
  return true;
}

/** Gives a user another address, which is confirmed. */
export async function changeEmail(sql: Db, user: User, email: string): Promise<void> {
  await setEmailIdentity(sql, user, email, true);
  await updateUser(sql, user.id, {
    email,
    email_change: "",
    email_change_token_current: "",
    email_change_token_new: "",
    email_change_confirm_status: 0,
    is_anonymous: false,
  });
  await sql`delete from auth.one_time_tokens where user_id = ${user.id}`;
  if (user.email_confirmed_at === null) await confirmUser(sql, user);
}
