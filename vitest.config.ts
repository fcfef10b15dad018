import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["supabase/tests/**/*.test.ts", "scripts/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // The stack has two cores with everything else; files side by side would only wait for each other.
    maxWorkers: 2,
  },
});
