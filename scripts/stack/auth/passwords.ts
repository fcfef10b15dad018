// Passwords: how strong they must be, and their bcrypt hashes, which pgcrypto makes and checks.

import { randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import { AuthError, invalid } from "./errors.ts";
import type { Settings } from "./settings.ts";

/** bcrypt reads no more bytes than these. */
const maxLength = 72;

/** The hash of no password, checked for people without one, so that their answers take as long as others'. */
const noHash = "$2a$10$zZ6ZGAoSUIZBAOAfxVVEwuTKzhZ5LhmOP0c/JCj9EV7yDXvzZHnxa";

const letters = "abcdefghijklmnopqrstuvwxyz";
const requirements: Record<string, string[]> = {
  letters_digits: [letters + letters.toUpperCase(), "0123456789"],
  lower_upper_letters_digits: [letters, letters.toUpperCase(), "0123456789"],
  lower_upper_letters_digits_symbols: [
    letters,
    letters.toUpperCase(),
    "0123456789",
    "!@#$%^&*()_+-=[]{};'\\:\"|<>?,./`~",
  ],
};

/** @throws AuthError when a password is too long or too weak */
export function checkPassword(password: string, settings: Settings): void {
  if (Buffer.byteLength(password) > maxLength) {
    throw invalid(`Password cannot be longer than ${maxLength} characters`);
  }
  const weakness = weaknessOf(password, settings);
  if (weakness === undefined) return;
  const { message, reasons } = weakness;
  throw new AuthError(422, "weak_password", message, { weak_password: { reasons } });
}

/** Why a password is weak; undefined when it is not. */
export function weaknessOf(
  password: string,
  settings: Settings,
): { message: string; reasons: string[] } | undefined {
  const { minimum_password_length: least, password_requirements } = settings;
  const sets = requirements[password_requirements] ?? [];
  const found: Record<string, string> = {};
  if (Buffer.byteLength(password) < least) found.length = `Password should be at least ${least} characters.`;
  if (!sets.every((set) => [...set].some((character) => password.includes(character)))) {
    found.characters = `Password should contain at least one character of each: ${sets.join(", ")}.`;
  }
  const reasons = Object.keys(found);
  return reasons.length === 0 ? undefined : { message: Object.values(found).join(" "), reasons };
}

export async function hashPassword(sql: Sql, password: string): Promise<string> {
  const [row] = await sql<[{ hash: string }]>`
    select extensions.crypt(${password}, extensions.gen_salt('bf', 10)) as hash`;
  return row.hash;
}

/** Whether a password has this hash. Takes as long where there is none. */
export async function isPassword(
  sql: Sql,
  password: string,
  hash: string | null | undefined,
): Promise<boolean> {
  const known = isBcrypt(hash ?? "") ? hash : undefined;
  // pgcrypto knows the newer mark of the same hash under the old one
  const expected = (known ?? noHash).replace(/^\$2[by]\$/, "$2a$");
  const [row] = await sql<[{ same: boolean }]>`
    select extensions.crypt(${password}, ${expected}) = ${expected} as same`;
  return row.same && known !== undefined;
}

export function isBcrypt(hash: string): boolean {
  return /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash);
}

/** A password that no one knows. */
export function unknownPassword(): string {
  return randomBytes(48).toString("base64url");
}
