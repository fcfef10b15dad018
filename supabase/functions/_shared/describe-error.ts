// The text of an error for logs and for the job tables, without secrets and e-mail addresses, and its position in the files.

const confidential = [
  // API keys and webhook secrets of Stripe, secret keys of Supabase
  /\b(?:(?:sk|rk)_(?:test|live)|whsec|sb_secret)_[\w*-]+/g,
  // client secrets of PaymentIntents
  /\b\w+_secret_\w+/g,
  // JSON Web Tokens
  /\beyJ[\w-]+(?:\.[\w-]+)+/g,
  // e-mail addresses
  /[^\s<>"'@]+@[^\s<>"'@]+/g,
];

/** @returns the message of the error; for an error of Stripe also its type, code and request id */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return "unknown error";
  const { type, code, requestId } = error as { type?: unknown; code?: unknown; requestId?: unknown };
  const isStripes = typeof type === "string" && type.startsWith("Stripe");
  const parts = isStripes ? [type, code, error.message, requestId] : [error.message];
  return redact(parts.filter(Boolean).join(" "));
}

const folder = new URL("../", import.meta.url).href;

/** @returns where the functions threw the error, innermost first: "_shared/errors.ts:132:7 < files/handler.ts:50:11" */
export function positionOf(error: unknown): string {
  const frames = (error instanceof Error && error.stack?.split("\n")) || [];
  const positions = frames.flatMap((frame) => {
    const [, path = "", position = ""] = /(file:\/\/.*?)(:\d+:\d+)\)?$/.exec(frame) ?? [];
    return path.startsWith(folder) ? [path.slice(folder.length) + position] : [];
  });
  return positions.slice(0, 3).join(" < ") || "unknown position";
}

export function redact(text: string): string {
  return confidential.reduce((result, pattern) => result.replaceAll(pattern, "[redacted]"), text);
}
