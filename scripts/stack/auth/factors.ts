// Second factors: codes of an authenticator app (TOTP).

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { renderSVG } from "uqr";
import { z } from "zod";
import { type Person, requireFactor, requirePerson } from "./access.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, fieldsOf, isUuid, text } from "./call.ts";
import { AuthError, invalid, notAcceptable, tooManyRequests } from "./errors.ts";
import { accountLimits, addressLimits } from "./limits.ts";
import { audit, raiseSession, type Session } from "./sessions.ts";
import { type Db, type Factor, reload } from "./users.ts";

const challengeLifetime = 5 * 60_000;
const period = 30;

interface Member extends Person {
  session: Session;
}

async function requireMember(auth: Auth, call: Call): Promise<Member> {
  const { session, ...person } = await requirePerson(auth, call);
  if (person.isAnonymous) {
    throw new AuthError(403, "no_authorization", "Anonymous user not allowed to perform these actions");
  }
  if (session === undefined) {
    throw new AuthError(
      500,
      "unexpected_failure",
      "A valid session and a registered user are required to enroll a factor",
    );
  }
  return { ...person, session };
}

const enrollSchema = z.object({ friendly_name: text, factor_type: text, issuer: text, phone: text });

export const enrollFactor: Handler = async (auth, call) => {
  const { settings } = auth;
  const { user, session } = await requireMember(auth, call);
  const { friendly_name, factor_type, issuer } = fieldsOf(call, enrollSchema);
  if (factor_type === "phone") {
    throw notAcceptable("mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone");
  }
  if (factor_type === "webauthn") {
    throw notAcceptable("mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn");
  }
  if (factor_type !== "totp") throw invalid("factor_type needs to be totp, phone, or webauthn");
  if (!settings.mfa.totp.enroll_enabled) {
    throw notAcceptable("mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP");
  }
  if (user.factors.some((factor) => (factor.friendly_name ?? "") === friendly_name)) {
    throw notAcceptable(
      "mfa_factor_name_conflict",
      `A factor with the friendly name ${JSON.stringify(friendly_name)} for this user already exists`,
    );
  }
  if (user.factors.length >= settings.mfa.max_enrolled_factors) {
    throw notAcceptable(
      "too_many_enrolled_mfa_factors",
      "Maximum number of verified factors reached, unenroll to continue",
    );
  }
  if (user.factors.some(isVerified) && session.aal !== "aal2") {
    throw new AuthError(403, "insufficient_aal", "AAL2 required to enroll a new factor");
  }
  const id = randomUUID();
  const secret = base32(randomBytes(20));
  await auth.sql.begin(async (sql) => {
    await sql`
      insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at)
      values (${id}, ${user.id}, ${friendly_name}, 'totp', 'unverified', ${secret}, now(), now())`;
    await audit(sql, call, user, "factor_in_progress", "factor", { factor_id: id });
  });
  const uri = keyUri(issuer === "" ? new URL(settings.site_url).host : issuer, user.email ?? "", secret);
  return Response.json({
    id,
    type: "totp",
    friendly_name,
    totp: { qr_code: renderSVG(uri, { ecc: "H" }), secret, uri },
  });
};

export const challengeFactor: Handler = async (auth, call) => {
  const { user } = await requireMember(auth, call);
  const factor = requireFactor(user, factorIdIn(call));
  requireVerifying(auth);
  const id = randomUUID();
  await auth.sql.begin(async (sql) => {
    await sql`
      insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
      values (${id}, ${factor.id}, now(), ${call.address})`;
    await sql`update auth.mfa_factors set last_challenged_at = now() where id = ${factor.id}`;
    await audit(sql, call, user, "challenge_created", "factor", {
      factor_id: factor.id,
      factor_status: factor.status,
    });
  });
  return Response.json({
    id,
    type: factor.factor_type,
    expires_at: Math.floor((Date.now() + challengeLifetime) / 1000),
  });
};

const verifySchema = z.object({ challenge_id: text, code: text });

export const verifyFactor: Handler = async (auth, call) => {
  const { limits, settings } = auth;
  const { user, session } = await requireMember(auth, call);
  const factor = requireFactor(user, factorIdIn(call));
  const { challenge_id, code } = fieldsOf(call, verifySchema);
  if (code === "") throw invalid("Code needs to be non-empty");
  requireVerifying(auth);
  await checkChallenge(auth, call, factor, challenge_id);
  const ofAddress = addressLimits(settings.rate_limit).codes;
  if ((await limits.take(ofAddress, call.address)) > 0) throw tooManyRequests();
  if ((await limits.take(accountLimits.factor, factor.id)) > 0) throw tooManyRequests();
  const [stored] = await auth.sql<
    { secret: string }[]
  >`select secret from auth.mfa_factors where id = ${factor.id}`;
  if (stored === undefined || !isTotp(stored.secret, code)) {
    throw notAcceptable("mfa_verification_failed", "Invalid TOTP code entered");
  }
  await limits.giveBack(ofAddress, call.address);
  await limits.clear(accountLimits.factor, factor.id);
  const answer = await auth.sql.begin(async (sql) => {
    await audit(sql, call, user, "verification_attempted", "factor", {
      factor_id: factor.id,
      challenge_id,
      factor_type: factor.factor_type,
    });
    const [used] = await sql`
      update auth.mfa_challenges set verified_at = now() where id = ${challenge_id} and verified_at is null returning id`;
    if (used === undefined) throw usedChallenge();
    await sql`update auth.mfa_factors set status = 'verified', updated_at = now() where id = ${factor.id}`;
    await sql`delete from auth.mfa_factors where user_id = ${user.id} and status = 'unverified' and factor_type = 'totp'`;
    const raised = await raiseSession(auth, sql, await reload(sql, user.id), session, factor.id);
    await sql`delete from auth.sessions where user_id = ${user.id} and aal < 'aal2'`;
    return raised;
  });
  return Response.json(answer);
};

export const unenrollFactor: Handler = async (auth, call) => {
  const { user, session } = await requireMember(auth, call);
  const factor = requireFactor(user, factorIdIn(call));
  if (isVerified(factor) && session.aal !== "aal2") {
    throw notAcceptable("insufficient_aal", "AAL2 required to unenroll verified factor");
  }
  await auth.sql.begin(async (sql) => {
    await removeFactor(sql, factor);
    await audit(sql, call, user, "factor_unenrolled", "factor", {
      factor_id: factor.id,
      factor_status: factor.status,
      session_id: session.id,
    });
  });
  return Response.json({ id: factor.id });
};

/** Removes a factor; the sessions that it raised fall back. */
export async function removeFactor(sql: Db, { id }: Factor): Promise<void> {
  await sql`
    delete from auth.mfa_amr_claims
    where authentication_method = 'totp' and session_id in (select s.id from auth.sessions s where s.factor_id = ${id})`;
  await sql`update auth.sessions set aal = 'aal1', factor_id = null where factor_id = ${id}`;
  await sql`delete from auth.mfa_factors where id = ${id}`;
}

async function checkChallenge({ sql }: Auth, call: Call, factor: Factor, id: string): Promise<void> {
  const [challenge] = isUuid(id)
    ? await sql<{ created_at: string; verified_at: string | null; ip_address: string }[]>`
        select created_at, verified_at, host(ip_address) as ip_address
        from auth.mfa_challenges where id = ${id} and factor_id = ${factor.id}`
    : [];
  if (challenge === undefined) {
    throw notAcceptable("mfa_factor_not_found", "MFA factor with the provided challenge ID not found");
  }
  if (challenge.verified_at !== null || challenge.ip_address !== call.address) throw usedChallenge();
  if (Date.parse(challenge.created_at) + challengeLifetime < Date.now()) {
    throw notAcceptable(
      "mfa_challenge_expired",
      `MFA challenge ${id} has expired, verify against another challenge or create a new challenge.`,
    );
  }
}

function usedChallenge(): AuthError {
  return notAcceptable("mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.");
}

function requireVerifying({ settings }: Auth): void {
  if (!settings.mfa.totp.verify_enabled) {
    throw notAcceptable("mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP");
  }
}

function isVerified({ status }: Factor): boolean {
  return status === "verified";
}

function factorIdIn({ path }: Call): string {
  return /\/factors\/([^/]*)/.exec(path)?.[1] ?? "";
}

function keyUri(issuer: string, account: string, secret: string): string {
  const query = `algorithm=SHA1&digits=6&issuer=${encodeURIComponent(issuer)}&period=${period}&secret=${secret}`;
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?${query}`;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{5}/g) ?? []).map((group) => alphabet[Number.parseInt(group, 2)]).join("");
}

function fromBase32(secret: string): Buffer {
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** Whether a code is that of now, or of the period before or after. https://www.rfc-editor.org/rfc/rfc6238 */
function isTotp(secret: string, code: string): boolean {
  const step = Math.floor(Date.now() / 1000 / period);
  return [step - 1, step, step + 1].some((counter) => isSame(totp(secret, counter), code));
}

/** The code of a secret at a step of time. https://www.rfc-editor.org/rfc/rfc4226#section-5.3 */
export function totp(secret: string, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac("sha1", fromBase32(secret)).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

function isSame(expected: string, given: string): boolean {
  return expected.length === given.length && timingSafeEqual(Buffer.from(expected), Buffer.from(given));
}
