// The signed-in person: reading and changing the account, proving themselves again, signing out, and identities.

import { z } from "zod";
import { type Person, requirePerson } from "./access.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, challenge, checkEmail, fieldsOf, isUuid, object, text } from "./call.ts";
import { AuthError, emailExists, invalid, notAcceptable, tooManyRequests } from "./errors.ts";
import { checkChallenge } from "./flow-states.ts";
import { accountLimits } from "./limits.ts";
import { pauseMails, prepareChangeMails, prepareReauthentication } from "./mailing.ts";
import { isCode, voidTokens } from "./one-time-tokens.ts";
import { checkPassword, hashPassword, isPassword } from "./passwords.ts";
import { audit, endSessions } from "./sessions.ts";
import {
  findAccount,
  reload,
  showUser,
  type User,
  updateMetadata,
  updateProviders,
  updateUser,
} from "./users.ts";
import { changeEmail } from "./verify.ts";

export const getUser: Handler = async (auth, call) =>
  Response.json(showUser((await requirePerson(auth, call)).user));

const schema = z.object({
  email: text,
  phone: text,
  password: z.string().nullish(),
  nonce: text,
  data: object,
  app_metadata: object,
  ...challenge,
});
type Fields = z.infer<typeof schema>;

export const changeUser: Handler = async (auth, call) => {
  const { settings } = auth;
  const person = await requirePerson(auth, call);
  const { user, session } = person;
  const fields = fieldsOf(call, schema);
  const email = fields.email === "" ? "" : checkEmail(fields.email);
  const password = fields.password ?? "";
  if (fields.phone !== "") throw new AuthError(400, "phone_provider_disabled", "Phone logins are disabled");
  if (fields.password !== undefined && fields.password !== null) checkPassword(password, settings);
  checkChallenge(fields);
  if (fields.app_metadata !== undefined) {
    throw new AuthError(403, "not_admin", "Updating app_metadata requires admin privileges");
  }
  const changesEmail = email !== "" && email !== user.email;
  if (user.factors.some(({ status }) => status === "verified") && session?.aal !== "aal2") {
    if (password !== "" || changesEmail) {
      throw new AuthError(
        401,
        "insufficient_aal",
        "AAL2 session is required to update email or password when MFA is enabled.",
      );
    }
  }
  if (user.is_anonymous && password !== "" && email === "") {
    throw notAcceptable(
      "validation_failed",
      "Updating password of an anonymous user without an email or phone is not allowed",
    );
  }
  if (changesEmail) {
    if ((await findAccount(auth.sql, email)) !== undefined) throw emailExists();
    await pauseMails(auth, "email_change_token_new", user.id);
  }
  const passwordHash = password === "" ? undefined : await newPassword(auth, person, password, fields);
  const send = await auth.sql.begin(async (sql) => {
    if (passwordHash !== undefined) {
      await updateUser(sql, user.id, { encrypted_password: passwordHash });
      await voidTokens(sql, user.id);
      await endSessions(sql, user.id, session === undefined ? "all" : { except: session.id });
      await audit(sql, call, user, "user_updated_password", "user");
    }
    if (fields.data !== undefined) await updateMetadata(sql, user, "raw_user_meta_data", fields.data);
    const sending = changesEmail
      ? await startEmailChange(auth, sql, call, await reload(sql, user.id), email, fields)
      : undefined;
    await audit(sql, call, user, "user_modified", "user");
    return sending;
  });
  if (send !== undefined) auth.later(send);
  return Response.json(showUser(await reload(auth.sql, user.id)));
};

/** An anonymous person becomes a member at once where addresses need no confirmation. */
async function startEmailChange(
  auth: Auth,
  sql: Parameters<typeof reload>[0],
  call: Call,
  user: User,
  email: string,
  fields: Fields,
): Promise<(() => Promise<void>) | undefined> {
  if (!user.is_anonymous || auth.settings.confirmsEmail) {
    return prepareChangeMails(auth, sql, call, user, email, fields);
  }
  await changeEmail(sql, user, email);
  await updateProviders(sql, await reload(sql, user.id));
  return undefined;
}

/** The hash of a new password. @throws AuthError when the person has to prove themselves first, or the password is the old one */
async function newPassword(
  auth: Auth,
  { user, session }: Person,
  password: string,
  { nonce }: Fields,
): Promise<string> {
  const { sql, settings } = auth;
  const day = 24 * 60 * 60_000;
  const isRecent = session !== undefined && Date.parse(session.created_at) + day > Date.now();
  if (settings.email.secure_password_change && !isRecent) {
    if (nonce === "") {
      throw new AuthError(400, "reauthentication_needed", "Password update requires reauthentication");
    }
    await useNonce(auth, user, nonce);
  }
  if (await isPassword(sql, password, user.encrypted_password)) {
    throw notAcceptable("same_password", "New password should be different from the old password.");
  }
  return hashPassword(sql, password);
}

async function useNonce({ sql, limits, settings }: Auth, user: User, nonce: string): Promise<void> {
  const email = user.email ?? "";
  if ((await limits.take(accountLimits.codes, email)) > 0) throw tooManyRequests();
  if (!isCode(settings, user, email, nonce, "reauthentication_token")) {
    throw notAcceptable("reauthentication_not_valid", "Nonce has expired or is invalid");
  }
  await limits.clear(accountLimits.codes, email);
  await updateUser(sql, user.id, { reauthentication_token: "" });
}

export const reauthenticate: Handler = async (auth, call) => {
  const { user } = await requirePerson(auth, call);
  if (user.email === null || user.email === "") {
    throw invalid("Reauthentication requires the user to have an email or a phone number");
  }
  if (user.email_confirmed_at === null) {
    throw notAcceptable("email_not_confirmed", "Please verify your email first.");
  }
  await pauseMails(auth, "reauthentication_token", user.email);
  const send = await auth.sql.begin(async (sql) => {
    await audit(sql, call, user, "user_reauthenticate_requested", "user");
    return prepareReauthentication(auth, sql, call, user);
  });
  auth.later(send);
  return Response.json({});
};

export const signOut: Handler = async (auth, call) => {
  const { user, session } = await requirePerson(auth, call);
  const scope = call.query.get("scope") ?? "";
  if (!["", "global", "local", "others"].includes(scope)) {
    throw invalid(`Unsupported logout scope ${JSON.stringify(scope)}`);
  }
  await auth.sql.begin(async (sql) => {
    await audit(sql, call, user, "logout", "account");
    if (session === undefined || scope === "" || scope === "global") await endSessions(sql, user.id, "all");
    else await endSessions(sql, user.id, scope === "local" ? { only: session.id } : { except: session.id });
  });
  return new Response(null, { status: 204 });
};

export const unlinkIdentity: Handler = async (auth, call) => {
  const { user } = await requirePerson(auth, call);
  requireLinking(auth);
  const id = call.path.split("/").at(-1) ?? "";
  if (!isUuid(id)) throw new AuthError(404, "validation_failed", "identity_id must be an UUID");
  if (user.identities.length <= 1) {
    throw notAcceptable(
      "single_identity_not_deletable",
      "User must have at least 1 identity after unlinking",
    );
  }
  const identity = user.identities.find(({ identity_id }) => identity_id === id);
  if (identity === undefined) throw notAcceptable("identity_not_found", "Identity doesn't exist");
  const left = user.identities.filter((other) => other !== identity && other.email !== null);
  const keepsEmail = left.some(({ email }) => email === user.email);
  const verified = left.find(({ identity_data }) => identity_data.email_verified === true);
  const email = verified?.email ?? left[0]?.email ?? null;
  if (!keepsEmail && email !== null && (await findAccount(auth.sql, email)) !== undefined) {
    throw notAcceptable(
      "email_conflict_identity_not_deletable",
      "Unable to unlink identity due to email conflict",
    );
  }
  await auth.sql.begin(async (sql) => {
    await audit(sql, call, user, "identity_unlinked", "user", {
      identity_id: id,
      provider: identity.provider,
      provider_id: identity.id,
    });
    await sql`delete from auth.identities where id = ${id}`;
    if (!keepsEmail) {
      await updateUser(sql, user.id, {
        email,
        email_change: "",
        ...(verified === undefined ? { email_confirmed_at: null } : {}),
      });
      await voidTokens(sql, user.id);
    }
    await updateProviders(sql, await reload(sql, user.id));
  });
  return Response.json({});
};

/** @throws AuthError when config.toml does not allow to link identities */
export function requireLinking({ settings }: Auth): void {
  if (!settings.enable_manual_linking) {
    throw new AuthError(404, "manual_linking_disabled", "Manual linking is disabled");
  }
}
