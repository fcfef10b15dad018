// The mails that prove an address: who gets which, and how often.

import type { Auth } from "./auth-service.ts";
import type { Call } from "./call.ts";
import { AuthError } from "./errors.ts";
import { type Challenge, createFlowState, isPkce } from "./flow-states.ts";
import { codeLimit } from "./limits.ts";
import type { Template } from "./mails.ts";
import { issueToken, type OneTimeToken, type TokenType } from "./one-time-tokens.ts";
import { redirectOf } from "./redirects.ts";
import type { Method } from "./sessions.ts";
import { type Db, reload, type User, updateUser } from "./users.ts";

/** A mail with a link and a code: its template, the type of the link, and where the token is kept. */
interface Kind {
  template: Template;
  type: string;
  token: TokenType;
  method: Method;
  provider: string;
}

export const kinds = {
  signup: {
    template: "confirmation",
    type: "signup",
    token: "confirmation_token",
    method: "email/signup",
    provider: "email",
  },
  recovery: {
    template: "recovery",
    type: "recovery",
    token: "recovery_token",
    method: "recovery",
    provider: "recovery",
  },
  magicLink: {
    template: "magic_link",
    type: "magiclink",
    token: "recovery_token",
    method: "magiclink",
    provider: "magiclink",
  },
  invite: {
    template: "invite",
    type: "invite",
    token: "confirmation_token",
    method: "invite",
    provider: "email",
  },
} as const satisfies Record<string, Kind>;

/**
 * Allows one mail of a kind to an address in `max_frequency`, whether the address has an account or not.
 *
 * @throws AuthError when it is too early
 */
export async function pauseMails({ limits, settings }: Auth, token: TokenType, address: string) {
  const limit = { kind: `mail ${token}`, most: 1, period: settings.mailPause };
  const wait = await limits.take(limit, address);
  if (wait === 0) return;
  throw new AuthError(
    429,
    "over_email_send_rate_limit",
    `For security purposes, you can only request this after ${Math.floor(wait / 1000)} seconds.`,
  );
}

const noChallenge: Challenge = { code_challenge: "", code_challenge_method: "" };

/** Makes code and link for the user's address. The returned function sends them, for after the commit. */
export async function prepareMail(
  auth: Auth,
  sql: Db,
  call: Call,
  user: User,
  kind: Kind,
  challenge: Challenge = noChallenge,
): Promise<() => Promise<void>> {
  const address = user.email ?? "";
  if (isPkce(challenge)) {
    await createFlowState(sql, {
      ...challenge,
      method: kind.method,
      provider: kind.provider,
      userId: user.id,
    });
  }
  const token = await issueToken(auth.settings, sql, user.id, address, kind.token, isPkce(challenge));
  return sending(auth, call, { user, to: address, token, template: kind.template, type: kind.type });
}

/** Makes codes and links for a change of address: to the new one, and to the old one where config.toml asks for both. */
export async function prepareChangeMails(
  auth: Auth,
  sql: Db,
  call: Call,
  user: User,
  email: string,
  challenge: Challenge = noChallenge,
): Promise<() => Promise<void>> {
  const { settings } = auth;
  await updateUser(sql, user.id, { email_change: email, email_change_confirm_status: 0 });
  if (isPkce(challenge)) {
    await createFlowState(sql, {
      ...challenge,
      method: "email_change",
      provider: "email_change",
      userId: user.id,
    });
  }
  const changed = await reload(sql, user.id);
  const addresses: [string, TokenType][] = [[email, "email_change_token_new"]];
  if (settings.email.double_confirm_changes && user.email !== null) {
    addresses.push([user.email, "email_change_token_current"]);
  }
  const sends: (() => Promise<void>)[] = [];
  for (const [to, type] of addresses) {
    const token = await issueToken(settings, sql, user.id, to, type, isPkce(challenge));
    sends.push(
      sending(auth, call, { user: changed, to, token, template: "email_change", type: "email_change" }),
    );
  }
  return async () => {
    for (const send of sends) await send();
  };
}

export async function prepareReauthentication(
  auth: Auth,
  sql: Db,
  call: Call,
  user: User,
): Promise<() => Promise<void>> {
  const to = user.email ?? "";
  const token = await issueToken(auth.settings, sql, user.id, to, "reauthentication_token");
  return sending(auth, call, { user, to, token, template: "reauthentication", type: "reauthentication" });
}

function sending(
  { mails, limits, settings }: Auth,
  call: Call,
  mail: { user: User; to: string; token: OneTimeToken; template: Template; type: string },
): () => Promise<void> {
  const redirectTo = redirectOf(call, settings);
  return async () => {
    await limits.clear(codeLimit(settings.email.otp_expiry), mail.to); // a new code, new tries
    await mails.send({ ...mail, redirectTo });
  };
}
