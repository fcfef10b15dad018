// People who sign up as an app's users do: with an address, a password and the code from the mail.

import { anonymous, type Client, service } from "./clients.ts";
import { codeIn, mailTo } from "./mails.ts";

export interface Person {
  id: string;
  email: string;
  password: string;
  client: Client;
}

/** The password of every person who signs up here. */
export const password = "correct horse battery";

/** An address that no other test uses. */
export function newEmail(name = "person"): string {
  return `${name}.${crypto.randomUUID()}@example.com`;
}

/** Signs a person up, confirms the address and returns the person signed in. */
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

/** Signs up an operator, whose token carries the role. */
export async function signUpOperator(name = "Olga"): Promise<Person> {
  const person = await signUp(name);
  await service().from("user_roles").insert({ user_id: person.id, role: "operator" }).throwOnError();
  const { error } = await person.client.auth.refreshSession();
  if (error !== null) throw error;
  return person;
}
