// The errors that docs/errors.md lists without a code of ours: each is what the API answers.

import { SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { bareErrors } from "../../../scripts/generate/bare-errors.ts";
import { answerHere } from "../support/differences.ts";
import { type Person, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

let person: Person;
let token: string;
beforeAll(async () => {
  person = await signUp();
  token = (await person.client.auth.getSession()).data.session?.access_token ?? "";
});

/** The status and code of a request; a person's unless the headers say otherwise. */
async function ask(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(`${stack.apiUrl}/rest/v1/${path}`, {
    ...init,
    headers: {
      apikey: stack.publishableKey,
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      ...(init.headers as Record<string, string>),
    },
  });
  const { code } = (await response.json()) as { code: string };
  return `${response.status} ${code}`;
}

const insert = (table: string, body: string) => ask(table, { method: "POST", body });
const expired = () =>
  new SignJWT({ role: "authenticated" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("-1 hour")
    .sign(new TextEncoder().encode(stack.jwtSecret));

describe("an error without a code of ours", () => {
  it.each<[string, () => Promise<string>]>([
    ["400 PGRST100", () => ask("properties?city=Lisboa")],
    ["400 PGRST102", () => insert("properties", "{")],
    ["400 PGRST102", () => insert("wishlists", '[{"name": "a"}, {"name": "b", "guests": 2}]')],
    ["400 PGRST204", () => insert("properties", '{"colour": "red"}')],
    ["400 22P02", () => ask("properties?id=eq.1")],
    ["400 22003", () => ask("properties?max_guests=eq.99999999999")],
    ["400 22007", () => ask("property_seasons?starts_on=eq.never")],
    ["400 22008", () => ask("property_seasons?starts_on=eq.2027-02-30")],
    ["400 21000", () => ask("wishlists", { method: "DELETE" })],
    ["400 22P05", () => insert("properties", '{"title": "a\\u0000b"}')],
    [
      answerHere("a token whose claims are wrong"),
      async () => ask("properties", { headers: { authorization: `Bearer ${await expired()}` } }),
    ],
    [
      "401 42501",
      () =>
        ask("properties?select=property_taxes(name)", {
          headers: { authorization: `Bearer ${stack.anonKey}` },
        }),
    ],
    ["403 42501", () => insert("properties", '{"title": "a", "status": "published"}')],
    ["404 PGRST202", () => ask("rpc/quote_stay?p_nights=2")],
    ["406 PGRST116", () => ask("amenities", { headers: { accept: "application/vnd.pgrst.object+json" } })],
    ["416 PGRST103", () => ask("amenities?offset=1000", { headers: { prefer: "count=exact" } })],
  ])("is %s", async (expected, send) => {
    expect(await send()).toBe(expected);
    const [status = "", code = ""] = expected.replace("PGRST303", "PGRST301").split(" ");
    const listed = bareErrors.find((error) => error.code.split(", ").includes(code));
    expect(listed?.status.split(", ")).toContain(status);
  });
});
