import { defineConfig } from "vitest/config";

const money = "supabase/tests/money/**/*.test.ts";

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A file that needs more than the API that both stacks have, begins with the comment `// @module-tag embedded`.
    tags: [{ name: "embedded", description: "Needs the embedded stack or its Stripe emulator" }],
    projects: [
      {
        extends: true,
        test: {
          name: "in parallel",
          include: ["supabase/tests/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: [money],
          // The stack and the tests share two cores; more workers would only slow each other down.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          // These tests steer the one Stripe emulator, so only one file runs at a time.
          name: "one at a time",
          include: [money],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
