// Stripe's request bodies: form fields named by paths, such as metadata[booking_id] and expand[0].

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
  return Object.fromEntries(Object.entries(root).map(([key, value]) => [key, toLists(value ?? "")]));
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

export const flag = (parameters: Parameters, name: string) => text(parameters, name) === "true";

/** A field as an object of fields; empty when it is absent. */
export function object(parameters: Parameters, name: string): Parameters {
  const value = parameters[name];
  return typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** A field as a list of texts; empty when absent. */
export function list(parameters: Parameters, name: string): string[] {
  const value = parameters[name];
  return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
}

/** The metadata of an object after a request: an empty value unsets its key, an empty `metadata` all keys. */
export function metadataOf(
  parameters: Parameters,
  before: Record<string, string> | null = {},
): Record<string, string> {
  const value = parameters.metadata;
  if (value === undefined) return { ...before };
  if (typeof value === "string") return {};
  const merged = {
    ...before,
    ...Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, String(inner)])),
  };
  return Object.fromEntries(Object.entries(merged).filter(([, inner]) => inner !== ""));
}

/** A text that a request sets, unsets with an empty value, or leaves as it was. */
export function changed(parameters: Parameters, name: string, before: string | null): string | null {
  const value = parameters[name];
  return value === undefined ? before : typeof value === "string" && value !== "" ? value : null;
}
