// A temporary stack for one command, which leaves nothing behind when the command ends or is interrupted.

import type { StackConfig } from "../lib/config.ts";
import { startStack } from "../stack/stack.ts";
import { removeTestData, testConfig } from "./config.ts";

/** Runs `use` with a stack and stops the stack. On Ctrl-C and SIGTERM it stops the stack, removes its data and exits. */
export async function withStack<T>(config: StackConfig, use: () => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const starting = startStack(config, { signal: interrupted.signal });
  const leave = async () => {
    interrupted.abort();
    const stack = await starting.catch(() => undefined);
    await stack?.stop();
    removeTestData(config);
    process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void leave());
  const stack = await starting;
  return use().finally(() => stack.stop());
}

/** Runs `use` with a stack on a new test configuration, and removes its data. */
export async function withTestStack<T>(
  use: (config: StackConfig) => Promise<T>,
  overrides: Parameters<typeof testConfig>[0] = {},
): Promise<T> {
  const config = await testConfig(overrides);
  try {
    return await withStack(config, () => use(config));
  } finally {
    removeTestData(config);
  }
}
