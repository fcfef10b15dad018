// The key that encrypts backups, from the environment: 32 bytes in base64 or hexadecimal. Without it backups are not encrypted.

import { StackError } from "../lib/errors.ts";

const variable = "STAYBASE_BACKUP_KEY";

/** @throws StackError when the variable holds no key of 32 bytes */
export function backupKey(): Buffer | undefined {
  const text = process.env[variable]?.trim() ?? "";
  if (text === "") return undefined;
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, "hex") : Buffer.from(text, "base64");
  if (key.length === 32) return key;
  throw new StackError(
    `${variable} is not a key of 32 bytes.`,
    "Create one with `openssl rand -base64 32`, and keep it apart from the backups: without it they cannot be read.",
  );
}

/** @throws StackError when backups are encrypted and there is no key */
export function requireKey(key: Buffer | undefined): Buffer {
  if (key !== undefined) return key;
  throw new StackError(
    "The backups are encrypted, and there is no key.",
    `Set ${variable} to the key that they are made with, also where you start Staybase.`,
  );
}
