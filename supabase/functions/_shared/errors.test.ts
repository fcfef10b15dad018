import assert from "node:assert/strict";
import { functionErrors } from "./errors.ts";

Deno.test("codes are snake_case, statuses are errors, and every message belongs to one code", () => {
  for (const [code, { status, message }] of Object.entries(functionErrors)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(status >= 400 && status < 600, code);
    assert.match(message, /^[A-Z].*\.$/, code);
  }
  const messages = Object.values(functionErrors).map(({ message }) => message);
  assert.equal(new Set(messages).size, messages.length);
});
