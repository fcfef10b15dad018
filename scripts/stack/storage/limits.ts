// What names, sizes and types Storage accepts.

import { StorageError, wrongType } from "./errors.ts";

const mebibyte = 1024 * 1024;

/** Bytes of a size in config.toml, such as "50MiB". */
export function bytesOf(size: string): number {
  const [, amount = "50", unit = "MiB"] = /^(\d+)\s*([KMG]?i?B)$/.exec(size) ?? [];
  const powers: Record<string, number> = {
    B: 1,
    KB: 1e3,
    MB: 1e6,
    GB: 1e9,
    KiB: 1024,
    MiB: mebibyte,
    GiB: 1024 * mebibyte,
  };
  return Number(amount) * (powers[unit] ?? mebibyte);
}

const bucketUnits: Record<string, number> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

/** Bytes of a bucket's limit, such as "20MB". @throws StorageError when it is none */
export function bytesOfBucket(size: string): number {
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)(gb|mb|kb|b)$/i.exec(size) ?? [];
  const factor = bucketUnits[unit.toLowerCase()];
  if (factor === undefined) {
    const message = "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B";
    throw new StorageError(400, "InvalidRequest", message);
  }
  return Math.round(Number(amount) * factor);
}

/** Whether hosted Storage takes the name of an object. */
export function isValidKey(name: string): boolean {
  return /^[A-Za-z0-9_/!.*'() &$=@;:+,?-]+$/.test(name);
}

export function isValidBucketName(name: string): boolean {
  return /^[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}$/.test(name) && name.trim() === name;
}

/** @throws StorageError when a bucket takes only other types; `image/*` stands for all pictures */
export function checkType(type: string, allowed: string[] | null): void {
  if (allowed === null || allowed.length === 0) return;
  const [kind = "", subtype = ""] = type.split(";")[0]?.trim().split("/") ?? [];
  const isAllowed = allowed.some((candidate) => {
    const [allowedKind, allowedSubtype] = candidate.split("/");
    return allowedKind === kind && (allowedSubtype === "*" || allowedSubtype === subtype);
  });
  if (!isAllowed) throw wrongType(type);
}
