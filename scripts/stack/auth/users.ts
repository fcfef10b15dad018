// Users and their identities: reading, creating and changing rows, and their form in answers.

import { randomUUID } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { audience } from "../../lib/keys.ts";

/** The pool, or a transaction of it. */
export type Db = Sql | TransactionSql;

export type Metadata = Record<string, unknown>;

export interface Identity {
  identity_id: string;
  /** The id at the provider. */
  id: string;
  user_id: string;
  identity_data: Metadata;
  provider: string;
  last_sign_in_at: string | null;
  created_at: string;
  updated_at: string;
  email: string | null;
}

export interface Factor {
  id: string;
  created_at: string;
  updated_at: string;
  status: "verified" | "unverified";
  friendly_name: string | null;
  factor_type: string;
  phone: string | null;
  last_challenged_at: string | null;
}

/** A row of auth.users. Times are RFC 3339, as the connection reads them. */
export interface Account {
  id: string;
  aud: string;
  role: string;
  email: string | null;
  phone: string | null;
  phone_change: string | null;
  encrypted_password: string | null;
  email_confirmed_at: string | null;
  phone_confirmed_at: string | null;
  confirmed_at: string | null;
  invited_at: string | null;
  confirmation_token: string | null;
  confirmation_sent_at: string | null;
  recovery_token: string | null;
  recovery_sent_at: string | null;
  email_change: string | null;
  email_change_token_new: string | null;
  email_change_token_current: string | null;
  email_change_sent_at: string | null;
  email_change_confirm_status: number;
  reauthentication_token: string | null;
  reauthentication_sent_at: string | null;
  last_sign_in_at: string | null;
  raw_app_meta_data: Metadata | null;
  raw_user_meta_data: Metadata | null;
  created_at: string;
  updated_at: string;
  banned_until: string | null;
  deleted_at: string | null;
  is_anonymous: boolean;
  is_sso_user: boolean;
}

export interface User extends Account {
  identities: Identity[];
  factors: Factor[];
}

const identityColumns = `
  id as identity_id, provider_id as id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, email`;
const factorColumns =
  "id, created_at, updated_at, status, friendly_name, factor_type, phone, last_challenged_at";

export function findUserById(sql: Db, id: string): Promise<User | undefined> {
  return findUser(sql, sql`id = ${id}`);
}

export function findUserByEmail(sql: Db, email: string): Promise<User | undefined> {
  return findUser(sql, sql`email = ${email.toLowerCase()} and not is_sso_user`);
}

/**
 * What decides about a sign-in with this address, without identities and factors: one query, whether there is such a user or not, so
 * that the time does not tell.
 */
export async function findAccount(sql: Db, email: string): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`
    select * from auth.users where email = ${email.toLowerCase()} and not is_sso_user`;
  return account;
}

async function findUser(sql: Db, condition: ReturnType<Db>): Promise<User | undefined> {
  const [user] = await sql<Account[]>`select * from auth.users where ${condition} limit 1`;
  return user === undefined ? undefined : withParts(sql, user);
}

async function withParts(sql: Db, user: Account): Promise<User> {
  const identities = await sql<Identity[]>`
    select ${sql.unsafe(identityColumns)} from auth.identities where user_id = ${user.id} order by created_at, id`;
  const factors = await sql<Factor[]>`
    select ${sql.unsafe(factorColumns)} from auth.mfa_factors where user_id = ${user.id} order by created_at, id`;
  return { ...user, identities, factors };
}

/** The user in an answer, with the fields that Supabase Auth shows. Its lists have neither identities nor factors. */
export function showUser(
  user: Account & Partial<Pick<User, "identities" | "factors">>,
): Record<string, unknown> {
  return {
    id: user.id,
    aud: user.aud,
    role: user.role,
    email: user.email ?? "",
    ...present({ email_confirmed_at: user.email_confirmed_at, invited_at: user.invited_at }),
    phone: user.phone ?? "",
    ...present({
      phone_confirmed_at: user.phone_confirmed_at,
      confirmation_sent_at: user.confirmation_sent_at,
      confirmed_at: user.confirmed_at,
      recovery_sent_at: user.recovery_sent_at,
      new_email: user.email_change,
      email_change_sent_at: user.email_change_sent_at,
      new_phone: user.phone_change,
      reauthentication_sent_at: user.reauthentication_sent_at,
      last_sign_in_at: user.last_sign_in_at,
    }),
    app_metadata: user.raw_app_meta_data ?? {},
    user_metadata: user.raw_user_meta_data ?? {},
    ...((user.factors ?? []).length === 0 ? {} : { factors: user.factors?.map(showFactor) }),
    identities: user.identities?.map(showIdentity) ?? null,
    created_at: user.created_at,
    updated_at: user.updated_at,
    ...present({ banned_until: user.banned_until, deleted_at: user.deleted_at }),
    is_anonymous: user.is_anonymous,
  };
}

export function showFactor(factor: Factor): Record<string, unknown> {
  const { friendly_name, phone, ...rest } = factor;
  return { ...rest, ...present({ friendly_name }), phone: phone ?? "" };
}

function showIdentity({ identity_data, last_sign_in_at, email, ...identity }: Identity) {
  const data = Object.keys(identity_data).length === 0 ? {} : { identity_data };
  return { ...identity, ...data, ...present({ last_sign_in_at, email }) };
}

/** Without the fields that are empty. */
function present(fields: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter((field): field is [string, string] => field[1] !== null && field[1] !== ""),
  );
}

export interface NewUser {
  id?: string;
  email?: string;
  /** Empty for none. */
  passwordHash: string;
  provider?: string;
  metadata: Metadata;
  anonymous?: boolean;
  role?: string;
}

export async function createUser(sql: Db, user: NewUser): Promise<User> {
  const { email = null, provider, anonymous = false } = user;
  const [created] = await sql<Account[]>`
    insert into auth.users ${sql({
      instance_id: "00000000-0000-0000-0000-000000000000",
      id: user.id ?? randomUUID(),
      aud: audience,
      role: user.role ?? "authenticated",
      email,
      encrypted_password: user.passwordHash,
      raw_app_meta_data: json(provider === undefined ? {} : { provider, providers: [provider] }),
      raw_user_meta_data: json(user.metadata),
      is_anonymous: anonymous,
      ...emptyTokens,
    })} returning *`;
  if (created === undefined) throw new Error("no row after the insert");
  return withParts(sql, created);
}

const emptyTokens = {
  confirmation_token: "",
  recovery_token: "",
  email_change: "",
  email_change_token_new: "",
  email_change_token_current: "",
  reauthentication_token: "",
};

/** Columns of auth.users to change. */
export type Changes = Partial<Record<keyof Account, string | number | boolean | null>>;

export async function updateUser(sql: Db, id: string, changes: Changes): Promise<void> {
  await sql`update auth.users set ${sql({ ...changes, updated_at: now() })} where id = ${id}`;
}

/** Changes metadata: a value of null removes its key. */
export function updateMetadata(
  sql: Db,
  user: User,
  column: "raw_user_meta_data" | "raw_app_meta_data",
  updates: Metadata,
): Promise<void> {
  const entries = Object.entries({ ...user[column], ...updates }).filter(([, value]) => value !== null);
  return updateUser(sql, user.id, { [column]: json(Object.fromEntries(entries)) });
}

/** Writes the providers of the user's identities into app_metadata, the oldest first. */
export async function updateProviders(sql: Db, user: User): Promise<void> {
  const rows = await sql<{ provider: string }[]>`
    select provider from auth.identities where user_id = ${user.id} group by provider order by min(created_at)`;
  const providers = rows.map(({ provider }) => provider);
  const [provider] = providers;
  await updateMetadata(sql, user, "raw_app_meta_data", {
    providers,
    ...(provider === undefined ? {} : { provider }),
  });
}

export async function createIdentity(
  sql: Db,
  userId: string,
  provider: string,
  data: Metadata & { sub: string },
): Promise<void> {
  await sql`
    insert into auth.identities ${sql({
      user_id: userId,
      provider,
      provider_id: data.sub,
      identity_data: json(data),
      last_sign_in_at: now(),
      created_at: now(),
      updated_at: now(),
    })}`;
}

export async function updateIdentity(sql: Db, identity: Identity, updates: Metadata): Promise<void> {
  await sql`
    update auth.identities
    set identity_data = ${json({ ...identity.identity_data, ...updates })}, updated_at = now()
    where id = ${identity.identity_id}`;
}

/** The identity of an address and password. */
export function emailIdentity(
  id: string,
  email: string,
  verified = false,
): { sub: string; email: string; email_verified: boolean; phone_verified: boolean } {
  return { sub: id, email, email_verified: verified, phone_verified: false };
}

/** Sets or adds the identity of the user's address. */
export async function setEmailIdentity(sql: Db, user: User, email: string, verified: boolean): Promise<void> {
  const identity = user.identities.find(({ provider }) => provider === "email");
  if (identity !== undefined) return updateIdentity(sql, identity, { email, email_verified: verified });
  return createIdentity(sql, user.id, "email", emailIdentity(user.id, email, verified));
}

/** Confirms the address, so that all codes and links sent before are void. */
export async function confirmUser(sql: Db, user: User): Promise<void> {
  await updateUser(sql, user.id, {
    confirmation_token: "",
    email_confirmed_at: now(),
    raw_user_meta_data: json({ ...user.raw_user_meta_data, email_verified: true }),
  });
  await sql`delete from auth.one_time_tokens where user_id = ${user.id}`;
}

/**
 * Keeps of an unconfirmed user only what the one identity says, since another person may have signed up with the address.
 */
export async function removeUnconfirmed(sql: Db, user: User, provider: string): Promise<void> {
  const kept = user.identities.find((identity) => identity.provider === provider);
  if (kept === undefined) throw new Error(`no identity of ${provider}`);
  await sql`delete from auth.identities where user_id = ${user.id} and id <> ${kept.identity_id}`;
  await updateUser(sql, user.id, {
    raw_user_meta_data: json(kept.identity_data),
    ...(provider === "email" ? {} : { encrypted_password: null }),
  });
  await updateProviders(sql, user);
}

/** The user as the database has it now. */
export async function reload(sql: Db, id: string): Promise<User> {
  const found = await findUserById(sql, id);
  if (found === undefined) throw new Error("the user is gone");
  return found;
}

export function isBanned(user: Account): boolean {
  return user.banned_until !== null && Date.parse(user.banned_until) > Date.now();
}

export function now(): string {
  return new Date().toISOString();
}

/** An object for a column of JSON; the driver turns it into text, which its types do not say of objects. */
export function json(value: Metadata): never {
  return value as never;
}

/** A page of users, newest first, and how many there are. */
export async function listUsers(
  sql: Db,
  page: { limit: number; offset: number; ascending: boolean; filter: string },
): Promise<{ users: Account[]; count: number }> {
  const pattern = `%${page.filter}%`;
  const condition =
    page.filter === ""
      ? sql`aud = 'authenticated'`
      : sql`aud = 'authenticated' and (email like ${pattern} or raw_user_meta_data ->> 'full_name' ilike ${pattern})`;
  const rows = await sql<Account[]>`
    select * from auth.users where ${condition}
    order by created_at ${page.ascending ? sql`asc` : sql`desc`} limit ${page.limit} offset ${page.offset}`;
  const [total] = await sql<
    [{ count: number }]
  >`select count(*)::int as count from auth.users where ${condition}`;
  return { users: [...rows], count: total.count };
}
