// Codes and links in mails. A code is short, so it stands few wrong tries; a link has a random token of its own, so that who guesses
// the code has not guessed the link, and who spoils the code has not spoiled the link.

import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";
import type { Settings } from "./settings.ts";
import { type Account, type Db, findUserById, now, type User, updateUser } from "./users.ts";

export type TokenType =
  | "confirmation_token"
  | "recovery_token"
  | "email_change_token_new"
  | "email_change_token_current"
  | "reauthentication_token";

const sentColumn = {
  confirmation_token: "confirmation_sent_at",
  recovery_token: "recovery_sent_at",
  email_change_token_new: "email_change_sent_at",
  email_change_token_current: "email_change_sent_at",
  reauthentication_token: "reauthentication_sent_at",
} as const satisfies Record<TokenType, keyof Account>;

export interface OneTimeToken {
  code: string;
  /** The token of the link. */
  link: string;
}

/** Makes a code and a link for an address, which replace those of the same type. */
export async function issueToken(
  { email: { otp_length } }: Settings,
  sql: Db,
  userId: string,
  address: string,
  type: TokenType,
  pkce = false,
): Promise<OneTimeToken> {
  const code = Array.from({ length: otp_length }, () => randomInt(10)).join("");
  const link = `${pkce ? "pkce_" : ""}${randomBytes(28).toString("hex")}`;
  await updateUser(sql, userId, { [type]: hashOf(address, code), [sentColumn[type]]: now() });
  await sql`delete from auth.one_time_tokens where user_id = ${userId} and token_type = ${type}`;
  await sql`
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    values (${randomUUID()}, ${userId}, ${type}, ${link}, ${address})`;
  return { code, link };
}

function hashOf(address: string, code: string): string {
  return createHash("sha224")
    .update(address + code)
    .digest("hex");
}

/** Whether this is the code of a type that was sent to the address, and has not expired. */
export function isCode(
  settings: Settings,
  user: Account,
  address: string,
  code: string,
  type: TokenType,
): boolean {
  return user[type] === hashOf(address, code) && !isStale(settings, user, type);
}

/** The user whose change of address has this code. */
export async function findUserByChangeCode(
  sql: Db,
  address: string,
  code: string,
): Promise<User | undefined> {
  const hash = hashOf(address, code);
  const [row] = await sql<{ id: string }[]>`
    select id from auth.users
    where (email_change_token_current = ${hash} and email = ${address})
      or (email_change_token_new = ${hash} and email_change = ${address})
    limit 1`;
  return row === undefined ? undefined : findUserById(sql, row.id);
}

/** The user and type of a link of one of these types that has not expired. */
export async function findLink(
  settings: Settings,
  sql: Db,
  link: string,
  types: TokenType[],
): Promise<{ user: User; type: TokenType } | undefined> {
  const [token] = await sql<{ user_id: string; token_type: TokenType }[]>`
    select user_id, token_type from auth.one_time_tokens
    where token_hash = ${link} and token_type in ${sql(types)} limit 1`;
  const user = token === undefined ? undefined : await findUserById(sql, token.user_id);
  if (token === undefined || user === undefined || isStale(settings, user, token.token_type))
    return undefined;
  return { user, type: token.token_type };
}

function isStale({ email }: Settings, user: Account, type: TokenType): boolean {
  const sent = user[sentColumn[type]];
  return sent === null || Date.parse(sent) + email.otp_expiry * 1000 < Date.now();
}

/** Makes all codes and links of a user void. */
export async function voidTokens(sql: Db, userId: string): Promise<void> {
  await updateUser(sql, userId, {
    confirmation_token: "",
    confirmation_sent_at: null,
    recovery_token: "",
    recovery_sent_at: null,
    email_change_token_new: "",
    email_change_token_current: "",
    email_change_sent_at: null,
    reauthentication_token: "",
    reauthentication_sent_at: null,
  });
  await sql`delete from auth.one_time_tokens where user_id = ${userId}`;
}
