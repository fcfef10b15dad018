// Links that the service hands out itself, and invitations.

import { z } from "zod";
import { requireService } from "./access.ts";
import { service } from "./admin.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { checkEmail, fieldsOf, object, text } from "./call.ts";
import { AuthError, emailExists, invalid } from "./errors.ts";
import { kinds, prepareMail } from "./mailing.ts";
import { linkAddress } from "./mails.ts";
import { issueToken, type TokenType } from "./one-time-tokens.ts";
import { checkPassword, hashPassword, unknownPassword } from "./passwords.ts";
import { mayRedirect, redirectOf } from "./redirects.ts";
import { audit } from "./sessions.ts";
import {
  createIdentity,
  createUser,
  type Db,
  emailIdentity,
  findAccount,
  findUserByEmail,
  type Metadata,
  now,
  reload,
  showUser,
  type User,
  updateMetadata,
  updateUser,
} from "./users.ts";

const inviteSchema = z.object({ email: text, data: object });

export const invite: Handler = async (auth, call) => {
  await requireService(auth, call);
  const fields = fieldsOf(call, inviteSchema);
  const email = checkEmail(fields.email);
  const { user, send } = await auth.sql.begin(async (sql) => {
    const invited = await findInvited(sql, email, fields.data ?? {});
    await audit(sql, call, service, "user_invited", "team", { user_id: invited.id, user_email: email });
    const sending = await prepareMail(auth, sql, call, invited, kinds.invite);
    return { user: await reload(sql, invited.id), send: sending };
  });
  auth.later(send);
  return Response.json(showUser(user));
};

/** A new person without a password, or one who has not confirmed the address yet. */
async function findInvited(sql: Db, email: string, data: Metadata): Promise<User> {
  const existing = await findUserByEmail(sql, email);
  if (existing !== undefined && existing.email_confirmed_at !== null) throw emailExists();
  const user =
    existing ?? (await createUser(sql, { email, passwordHash: "", provider: "email", metadata: data }));
  if (existing === undefined) await createIdentity(sql, user.id, "email", emailIdentity(user.id, email));
  await updateUser(sql, user.id, { invited_at: now() });
  return reload(sql, user.id);
}

const linkSchema = z.object({
  type: text,
  email: text,
  new_email: text,
  password: text,
  data: object,
  redirect_to: text,
});

export const generateLink: Handler = async (auth, call) => {
  await requireService(auth, call);
  const { settings } = auth;
  const fields = fieldsOf(call, linkSchema);
  const email = checkEmail(fields.email);
  const redirectTo = mayRedirect(fields.redirect_to, settings)
    ? fields.redirect_to
    : redirectOf(call, settings);
  const known = await findUserByEmail(auth.sql, email);
  const type = known === undefined && fields.type === "magiclink" ? "signup" : fields.type;
  const needsUser = ["recovery", "email_change_current", "email_change_new"].includes(type);
  if (known === undefined && needsUser) {
    throw new AuthError(404, "user_not_found", "User with this email not found");
  }
  const password = type === "signup" && fields.type === "magiclink" ? unknownPassword() : fields.password;
  if (type === "signup" && known === undefined) {
    if (password === "") throw invalid("Signup requires a valid password");
    checkPassword(password, settings);
  }
  const passwordHash = type === "signup" && known === undefined ? await hashPassword(auth.sql, password) : "";

  const result = await auth.sql.begin(async (sql) => {
    const { user, token, address } = await prepare(auth, sql, {
      type,
      email,
      known,
      passwordHash,
      data: fields.data,
      newEmail: fields.new_email,
    });
    if (type === "invite") {
      await audit(sql, call, service, "user_invited", "team", { user_id: user.id, user_email: email });
    } else if (token === "recovery_token") {
      await audit(sql, call, user, "user_recovery_requested", "user");
    }
    const issued = await issueToken(settings, sql, user.id, address, token);
    return { ...issued, user: await reload(sql, user.id) };
  });
  const linkType = type.startsWith("email_change") ? "email_change" : type;
  return Response.json({
    ...showUser(result.user),
    action_link: linkAddress(settings, result.link, linkType, redirectTo),
    email_otp: result.code,
    hashed_token: result.link,
    verification_type: type,
    redirect_to: redirectTo,
  });
};

interface LinkRequest {
  type: string;
  email: string;
  known: User | undefined;
  passwordHash: string;
  data: Metadata | undefined;
  newEmail: string;
}

/** The user of a link, the kind of its token, and the address that it proves. */
async function prepare(
  { settings }: Auth,
  sql: Db,
  { type, email, known, passwordHash, data = {}, newEmail }: LinkRequest,
): Promise<{ user: User; token: TokenType; address: string }> {
  if (type === "invite") {
    return { user: await findInvited(sql, email, data), token: "confirmation_token", address: email };
  }
  if (type === "signup") {
    if (known?.email_confirmed_at !== undefined && known.email_confirmed_at !== null) throw emailExists();
    if (known !== undefined) await updateMetadata(sql, known, "raw_user_meta_data", data);
    const user = known ?? (await createUser(sql, { email, passwordHash, provider: "email", metadata: data }));
    if (known === undefined) await createIdentity(sql, user.id, "email", emailIdentity(user.id, email));
    return { user, token: "confirmation_token", address: email };
  }
  if (known === undefined) throw invalid(`Invalid email action link type requested: ${type}`);
  if (type === "magiclink" || type === "recovery") {
    return { user: known, token: "recovery_token", address: email };
  }
  if (type !== "email_change_current" && type !== "email_change_new") {
    throw invalid(`Invalid email action link type requested: ${type}`);
  }
  if (type === "email_change_current" && !settings.email.double_confirm_changes) {
    throw invalid("Enable secure email change to generate link for current email");
  }
  const address = checkEmail(newEmail);
  if (address !== known.email && (await findAccount(sql, address)) !== undefined) throw emailExists();
  await updateUser(sql, known.id, { email_change: address, email_change_confirm_status: 0 });
  return type === "email_change_current"
    ? { user: known, token: "email_change_token_current", address: email }
    : { user: known, token: "email_change_token_new", address };
}
