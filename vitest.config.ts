import { defineConfig } from "vitest/config";

const money = "supabase/tests/money/**/*.test.ts";

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "beside each other",
          include: ["supabase/tests/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: [money],
          // The stack has two cores with everything else; more files at once would only wait for each other.
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          // These tell the one Stripe emulator when to fail and what to lose, so each has it to itself.
          name: "one after the other",
          include: [money],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
