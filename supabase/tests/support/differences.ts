// What the two stacks answer differently, where a test meets it. Each is a row of docs/stacks.md, with its reason. A test that only the
// embedded stack passes has the tag `embedded` instead.

import { stack } from "./stack.ts";

export const differences = {
  "a token whose claims are wrong": { embedded: "401 PGRST301", official: "401 PGRST303" },
} as const;

/** What the stack under test answers. */
export const answerHere = (what: keyof typeof differences): string => differences[what][stack.kind];
