import { defineConfig } from "vitest/config";

/** These tests steer the one Stripe emulator or change settings that others need. */
const alone = ["supabase/tests/money/**/*.test.ts", "supabase/tests/api/booking-limits.test.ts"];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: "supabase/tests/support/booking-limits.ts",
    // A file gets a tag from the comment `// @module-tag embedded`, a single test from the option `{ tags: "embedded" }`.
    // Choose it for tests that need more than the API of Supabase, such as the Stripe emulator; all others run on both stacks.
    tags: [{ name: "embedded", description: "Needs the embedded stack or its Stripe emulator" }],
    projects: [
      {
        extends: true,
        test: {
          name: "in parallel",
          include: ["supabase/tests/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: alone,
          // The stack and the tests share two cores; more workers would only slow each other down.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "one at a time",
          include: alone,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
