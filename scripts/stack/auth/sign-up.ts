// Sign-up: with address and password, or without either.

import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Auth, Handler } from "./auth-service.ts";
import { type Call, challenge, checkEmail, fieldsOf, object, text } from "./call.ts";
import { AuthError, invalid, notAcceptable, tooManyRequests } from "./errors.ts";
import { type Challenge, checkChallenge } from "./flow-states.ts";
import { addressLimits } from "./limits.ts";
import { kinds, pauseMails, prepareMail } from "./mailing.ts";
import { checkPassword, hashPassword } from "./passwords.ts";
import { audit, startSession } from "./sessions.ts";
import {
  confirmUser,
  createIdentity,
  createUser,
  type Db,
  emailIdentity,
  findUserByEmail,
  type Metadata,
  reload,
  removeUnconfirmed,
  showUser,
  type User,
} from "./users.ts";

const schema = z.object({ email: text, phone: text, password: text, data: object, ...challenge });

export const signUp: Handler = async (auth, call) => {
  const { settings } = auth;
  const { password, data = {}, ...fields } = fieldsOf(call, schema);
  if (fields.email === "" && fields.phone === "") return signUpAnonymously(auth, call, data);
  if (!settings.enable_signup) throw signUpDisabled();
  if (password === "") throw invalid("Signup requires a valid password");
  checkPassword(password, settings);
  if (fields.email !== "" && fields.phone !== "") {
    throw invalid("Only an email address or phone number should be provided on signup.");
  }
  checkChallenge(fields);
  if (fields.phone !== "") throw new AuthError(400, "phone_provider_disabled", "Phone signups are disabled");
  if (!settings.email.enabled) {
    throw new AuthError(400, "email_provider_disabled", "Email signups are disabled");
  }
  const email = checkEmail(fields.email);
  if (settings.confirmsEmail) await pauseMails(auth, "confirmation_token", email);
  const passwordHash = await hashPassword(auth.sql, password);
  const newcomer = { email, passwordHash, data };
  return settings.confirmsEmail
    ? askForConfirmation(auth, call, newcomer, fields)
    : signInAtOnce(auth, call, newcomer);
};

export function signUpDisabled(): AuthError {
  return notAcceptable("signup_disabled", "Signups not allowed for this instance");
}

interface Newcomer {
  email: string;
  passwordHash: string;
  data: Metadata;
}

/**
 * Mails a code to a new or unconfirmed person. For an address with an account, everything happens as for a new one and is taken back,
 * so that neither the answer's time nor an error tells.
 */
async function askForConfirmation(
  auth: Auth,
  call: Call,
  newcomer: Newcomer,
  flow: Challenge,
): Promise<Response> {
  const prepare = async (sql: Db, user: User) => {
    await audit(sql, call, user, "user_confirmation_requested", "user", { provider: "email" });
    const send = await prepareMail(auth, sql, call, user, kinds.signup, flow);
    return { send, user: await reload(sql, user.id) };
  };
  const existing = await findUserByEmail(auth.sql, newcomer.email);
  if (existing === undefined || existing.email_confirmed_at === null) {
    const { send, user } = await auth.sql.begin(async (sql) =>
      prepare(sql, existing ?? (await createPerson(sql, newcomer))),
    );
    auth.later(send);
    const hidden = user.invited_at === null ? {} : { user_metadata: {}, identities: [] };
    return Response.json({ ...showUser(user), ...hidden });
  }
  const shown = await rehearse(auth, async (sql) => {
    const { user } = await prepare(
      sql,
      await createPerson(sql, { ...newcomer, email: `${randomUUID()}@invalid` }),
    );
    return showUser(user);
  });
  auth.later(() => audit(auth.sql, call, existing, "user_repeated_signup", "user", { provider: "email" }));
  return Response.json({
    ...shown,
    role: "",
    email: newcomer.email,
    user_metadata: newcomer.data,
    identities: [],
  });
}

async function signInAtOnce(auth: Auth, call: Call, newcomer: Newcomer): Promise<Response> {
  const existing = await findUserByEmail(auth.sql, newcomer.email);
  if (existing !== undefined && existing.email_confirmed_at !== null) {
    throw notAcceptable("user_already_exists", "User already registered");
  }
  const session = await auth.sql.begin(async (sql) => {
    const user = existing ?? (await createPerson(sql, newcomer));
    await audit(sql, call, user, "user_signedup", "team", { provider: "email" });
    await confirmUser(sql, user);
    await audit(sql, call, user, "login", "account", { provider: "email" });
    return startSession(auth, sql, call, await reload(sql, user.id), "password");
  });
  return Response.json(session);
}

/** Creates a user with the identity of their address. */
export async function createPerson(sql: Db, { email, passwordHash, data }: Newcomer): Promise<User> {
  const user = await createUser(sql, { email, passwordHash, provider: "email", metadata: data });
  await createIdentity(sql, user.id, "email", { ...data, ...emailIdentity(user.id, email) });
  await removeUnconfirmed(sql, await reload(sql, user.id), "email");
  return reload(sql, user.id);
}

async function signUpAnonymously(auth: Auth, call: Call, data: Metadata): Promise<Response> {
  const { settings, limits } = auth;
  if (!settings.enable_anonymous_sign_ins) {
    throw notAcceptable("anonymous_provider_disabled", "Anonymous sign-ins are disabled");
  }
  if ((await limits.take(addressLimits(settings.rate_limit).anonymous, call.address)) > 0) {
    throw tooManyRequests();
  }
  if (!settings.enable_signup) throw signUpDisabled();
  const session = await auth.sql.begin(async (sql) => {
    const user = await createUser(sql, { passwordHash: "", metadata: data, anonymous: true });
    return startSession(auth, sql, call, user, "anonymous");
  });
  return Response.json(session);
}

/** Runs a transaction to its end and takes it back. */
async function rehearse<T>({ sql }: Auth, run: (sql: Db) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  const takeBack = new Error("taken back");
  await sql
    .begin(async (transaction) => {
      result = { value: await run(transaction) };
      throw takeBack;
    })
    .catch((error: unknown) => {
      if (error !== takeBack) throw error;
    });
  if (result === undefined) throw new Error("no result");
  return result.value;
}
