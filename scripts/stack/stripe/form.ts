// Stripe's request bodies: form fields named by paths, such as metadata[booking_id] and expand[0].

import { invalid } from "./errors.ts";

export type Value = string | Parameters | Value[];
export interface Parameters {
  [name: string]: Value | undefined;
}

/** Parses a body or query string into nested objects and lists of strings. */
export function parseForm(text: string): Parameters {
  const root: Parameters = Object.create(null) as Parameters;
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.replaceAll("]", "").split("[");
    put(root, path, value);
  }
  return toLists(root) as Parameters;
}

function put(target: Parameters, [head = "", ...rest]: string[], value: string): void {
  const key = head === "" ? String(Object.keys(target).length) : head;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  let next = target[key];
  if (typeof next !== "object" || Array.isArray(next)) {
    next = Object.create(null) as Parameters;
    target[key] = next;
  }
  put(next, rest, value);
}

/** Turns objects with the keys 0, 1, ... back into lists. */
function toLists(value: Value): Value {
  if (typeof value === "string" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, toLists(inner ?? "")] as const);
  return entries.length > 0 && entries.every(([key], index) => key === String(index))
    ? entries.map(([, inner]) => inner)
    : Object.fromEntries(entries);
}

/** A field as text; undefined when it is absent, empty or not text. */
export function text(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The field `metadata`; empty when absent. */
export function metadataOf(parameters: Parameters): Record<string, string> {
  const value = parameters.metadata;
  if (typeof value !== "object" || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, String(inner)]));
}

/** A field as a list of texts; empty when absent. */
export function list(parameters: Parameters, name: string): string[] {
  const value = parameters[name];
  return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
}

/** A whole number above zero, such as an amount in minor units. @throws StripeFault 400 */
export function positiveInteger(parameters: Parameters, name: string): number {
  const value = text(parameters, name) ?? "";
  if (!/^[0-9]{1,8}$/.test(value) || Number(value) === 0) {
    throw invalid(
      "Invalid positive integer",
      name,
      value === "" ? "parameter_missing" : "parameter_invalid_integer",
    );
  }
  return Number(value);
}
