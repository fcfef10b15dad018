// Stripe's request bodies: form fields whose names are paths, such as metadata[booking_id] and expand[0].

export type Value = string | Parameters | Value[];
export interface Parameters {
  [name: string]: Value | undefined;
}

/** Reads a body or query string into the object that the client built it from; every leaf is a string. */
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

/** Objects whose keys are 0, 1, ... were lists. */
function toLists(value: Value): Value {
  if (typeof value === "string" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, toLists(inner ?? "")] as const);
  return entries.length > 0 && entries.every(([key], index) => key === String(index))
    ? entries.map(([, inner]) => inner)
    : Object.fromEntries(entries);
}

/** A field as text; undefined when it is absent, empty or no text. */
export function text(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Metadata as it was sent. */
export function metadataOf(parameters: Parameters): Record<string, string> {
  const value = parameters.metadata;
  if (typeof value !== "object" || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, String(inner)]));
}

/** A list of texts; empty when absent. */
export function list(parameters: Parameters, name: string): string[] {
  const value = parameters[name];
  return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
}
