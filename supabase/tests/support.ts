// How tests reach the stack, as the people of a marketplace would: by supabase-js and by mail.

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import postgres from "postgres";
import type { Database } from "../../types/database.ts";

export type Client = SupabaseClient<Database>;

/** Where the test stack is; `npm test` sets these. */
export const stack = {
  apiUrl: variable("STAYBASE_API_URL"),
  mailUrl: variable("STAYBASE_MAIL_URL"),
  stripeUrl: variable("STAYBASE_STRIPE_URL"),
  databaseUrl: variable("STAYBASE_DB_URL"),
  publishableKey: variable("STAYBASE_PUBLISHABLE_KEY"),
  secretKey: variable("STAYBASE_SECRET_KEY"),
  anonKey: variable("STAYBASE_ANON_KEY"),
  serviceRoleKey: variable("STAYBASE_SERVICE_ROLE_KEY"),
  jwtSecret: variable("STAYBASE_JWT_SECRET"),
};

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests with \`npm test\`.`);
  return value;
}

/** A client without a user. */
export function anonymous(): Client {
  return client(stack.publishableKey);
}

/** A client with the secret key, which acts as service_role. */
export function service(): Client {
  return client(stack.secretKey);
}

function client(key: string): Client {
  return createClient<Database>(stack.apiUrl, key, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
}

export interface Person {
  id: string;
  email: string;
  password: string;
  client: Client;
}

export const password = "correct horse battery";

/** A new address for every test. */
export function newEmail(name = "person"): string {
  return `${name}.${crypto.randomUUID()}@example.com`;
}

/** Signs somebody up, follows the link's code from the mail and returns them signed in. */
export async function signUp(name = "Ana", metadata: Record<string, unknown> = {}): Promise<Person> {
  const client = anonymous();
  const email = newEmail(name.toLowerCase());
  const { error } = await client.auth.signUp({
    email,
    password,
    options: { data: { display_name: name, ...metadata } },
  });
  if (error !== null) throw error;
  const token = codeIn(await mailTo(email));
  const { data, error: refused } = await client.auth.verifyOtp({ email, token, type: "signup" });
  if (refused !== null) throw refused;
  if (data.user === null) throw new Error("no user after the confirmation");
  return { id: data.user.id, email, password, client };
}

/** Signs up somebody who is made an operator and signs in again, so that the token says so. */
export async function signUpOperator(name = "Olga"): Promise<Person> {
  const person = await signUp(name);
  await service().from("user_roles").insert({ user_id: person.id, role: "operator" }).throwOnError();
  const { error } = await person.client.auth.refreshSession();
  if (error !== null) throw error;
  return person;
}

export interface Mail {
  ID: string;
  Subject: string;
  Text: string;
  HTML: string;
}

/** The newest mail to an address, once there are `count` of them. */
export async function mailTo(email: string, count = 1): Promise<Mail> {
  return until(async () => {
    const query = encodeURIComponent(`to:"${email}"`);
    const { messages } = await getJson<{ messages: Mail[] }>(`${stack.mailUrl}/api/v1/search?query=${query}`);
    const newest = messages[0];
    if (messages.length < count || newest === undefined) return undefined;
    return getJson<Mail>(`${stack.mailUrl}/api/v1/message/${newest.ID}`);
  }, `mail to ${email}`);
}

/** The six-digit code in a mail. */
export function codeIn(mail: Mail): string {
  const code = /\b\d{6}\b/.exec(mail.Text)?.[0];
  if (code === undefined) throw new Error(`no code in: ${mail.Text}`);
  return code;
}

/** Asks until there is an answer that is not undefined; fails after `timeout` ms. */
export async function until<T>(
  ask: () => Promise<T | undefined>,
  what: string,
  timeout = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A connection of the database's superuser, to look behind the API. End it in `afterAll`. */
export function database() {
  return postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
}

async function getJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}
