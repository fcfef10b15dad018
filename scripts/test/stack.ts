// A stack for one command, that leaves nothing behind: neither when the command ends nor when it is interrupted.

import type { StackConfig } from "../lib/config.ts";
import { startStack } from "../stack/stack.ts";
import { removeTestData } from "./config.ts";

/** Starts a stack, lets `use` work with it and stops it; Ctrl-C and SIGTERM stop it too, remove its data and end the process. */
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
