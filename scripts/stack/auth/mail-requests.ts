// Requests for a mail: sign-in by link or code, recovery, and mails that are sent again. Whether an address has an account is looked up
// after the answer, so that its time does not tell.

import { z } from "zod";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, challenge, checkEmail, fieldsOf, object, text } from "./call.ts";
import { AuthError, invalid, notAcceptable } from "./errors.ts";
import { type Challenge, checkChallenge } from "./flow-states.ts";
import { kinds, pauseMails, prepareChangeMails, prepareMail } from "./mailing.ts";
import { hashPassword, unknownPassword } from "./passwords.ts";
import { audit } from "./sessions.ts";
import { createPerson, signUpDisabled } from "./sign-up.ts";
import {
  confirmUser,
  type Db,
  findAccount,
  findUserByEmail,
  type Metadata,
  reload,
  type User,
} from "./users.ts";

const otpSchema = z.object({
  email: text,
  phone: text,
  create_user: z
    .boolean()
    .nullish()
    .transform((value) => value ?? true),
  data: object,
  channel: text,
  ...challenge,
});

export const sendOtp: Handler = async (auth, call) => {
  const fields = fieldsOf(call, otpSchema);
  if (fields.email !== "" && fields.phone !== "") {
    throw invalid("Only an email address or phone number should be provided");
  }
  if (fields.email !== "" && fields.channel !== "") {
    throw invalid("Channel should only be specified with Phone OTP");
  }
  checkChallenge(fields);
  if (fields.phone !== "") throw new AuthError(400, "phone_provider_disabled", "Unsupported phone provider");
  if (fields.email === "") throw invalid("One of email or phone must be set");
  const email = checkEmail(fields.email);
  if (!fields.create_user && (await findAccount(auth.sql, email)) === undefined) {
    throw notAcceptable("otp_disabled", "Signups not allowed for otp");
  }
  return mailLink(auth, call, email, fields.data ?? {}, fields);
};

const magicLinkSchema = z.object({ email: text, data: object, ...challenge });

export const sendMagicLink: Handler = async (auth, call) => {
  const fields = fieldsOf(call, magicLinkSchema);
  if (fields.email === "") throw notAcceptable("validation_failed", "Password recovery requires an email");
  const email = checkEmail(fields.email);
  checkChallenge(fields);
  return mailLink(auth, call, email, fields.data ?? {}, fields);
};

/** Mails a link for signing in; to a new or unconfirmed person one that confirms the address. */
async function mailLink(
  auth: Auth,
  call: Call,
  email: string,
  data: Metadata,
  flow: Challenge,
): Promise<Response> {
  const { settings, sql } = auth;
  if (!settings.email.enabled) {
    throw notAcceptable("email_provider_disabled", "Email logins are disabled");
  }
  if (!settings.enable_signup && (await findAccount(sql, email)) === undefined) throw signUpDisabled();
  await pauseMails(auth, "recovery_token", email);
  auth.later(async () => {
    const known = await findUserByEmail(sql, email);
    const passwordHash = known === undefined ? await hashPassword(sql, unknownPassword()) : "";
    const send = await sql.begin(async (transaction) => {
      const user = known ?? (await createPerson(transaction, { email, passwordHash, data }));
      return user.email_confirmed_at === null
        ? mailToNewcomer(auth, transaction, call, user, flow)
        : mailToMember(auth, transaction, call, user, flow);
    });
    await send();
  });
  return Response.json({});
}

async function mailToMember(auth: Auth, sql: Db, call: Call, user: User, flow: Challenge) {
  await audit(sql, call, user, "user_recovery_requested", "user");
  return prepareMail(auth, sql, call, user, kinds.magicLink, flow);
}

async function mailToNewcomer(auth: Auth, sql: Db, call: Call, user: User, flow: Challenge) {
  if (auth.settings.confirmsEmail) {
    await audit(sql, call, user, "user_confirmation_requested", "user", { provider: "email" });
    return prepareMail(auth, sql, call, user, kinds.signup, flow);
  }
  await audit(sql, call, user, "user_signedup", "team", { provider: "email" });
  await confirmUser(sql, user);
  return mailToMember(auth, sql, call, await reload(sql, user.id), flow);
}

const recoverySchema = z.object({ email: text, ...challenge });

export const sendRecovery: Handler = async (auth, call) => {
  const { settings, sql } = auth;
  if (!settings.email.enabled) {
    throw new AuthError(400, "email_provider_disabled", "Email logins are disabled");
  }
  const fields = fieldsOf(call, recoverySchema);
  if (fields.email === "") throw invalid("Password recovery requires an email");
  const email = checkEmail(fields.email);
  checkChallenge(fields);
  await pauseMails(auth, "recovery_token", email);
  auth.later(async () => {
    const user = await findUserByEmail(sql, email);
    if (user === undefined) return;
    const send = await sql.begin(async (transaction) => {
      await audit(transaction, call, user, "user_recovery_requested", "user");
      return prepareMail(auth, transaction, call, user, kinds.recovery, fields);
    });
    await send();
  });
  return Response.json({});
};

const resendSchema = z.object({ type: text, email: text, phone: text, ...challenge });

export const sendAgain: Handler = async (auth, call) => {
  const fields = fieldsOf(call, resendSchema);
  const { type } = fields;
  if (!["signup", "email_change", "sms", "phone_change"].includes(type)) {
    throw invalid("Missing one of these types: signup, email_change, sms, phone_change");
  }
  if (type === "signup" || type === "email_change") checkChallenge(fields);
  if (type === "signup" && fields.email === "") throw invalid("Type provided requires an email address");
  if (type === "sms" && fields.phone === "") throw invalid("Type provided requires a phone number");
  if (fields.email !== "" && fields.phone !== "") {
    throw invalid("Only an email address or phone number should be provided.");
  }
  if (fields.phone !== "") throw new AuthError(400, "phone_provider_disabled", "Phone logins are disabled");
  if (fields.email === "") throw invalid("Missing email address or phone number");
  if (!auth.settings.email.enabled) {
    throw new AuthError(400, "email_provider_disabled", "Email logins are disabled");
  }
  const email = checkEmail(fields.email);
  if (type !== "signup" && type !== "email_change") return Response.json({});
  await pauseMails(auth, type === "signup" ? "confirmation_token" : "email_change_token_new", email);
  auth.later(() => resend(auth, call, email, type, fields));
  return Response.json({});
};

async function resend(
  auth: Auth,
  call: Call,
  email: string,
  type: "signup" | "email_change",
  flow: Challenge,
): Promise<void> {
  const user = await findUserByEmail(auth.sql, email);
  if (user === undefined) return;
  const change = user.email_change ?? "";
  if (type === "signup" ? user.email_confirmed_at !== null : change === "") return;
  const send = await auth.sql.begin(async (sql) => {
    if (type === "email_change") return prepareChangeMails(auth, sql, call, user, change, flow);
    await audit(sql, call, user, "user_confirmation_requested", "user");
    return prepareMail(auth, sql, call, user, kinds.signup, flow);
  });
  await send();
}
