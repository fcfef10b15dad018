// For tests of internal functions: runs without a database, and a call with the service key.

import type { Internal, Runs } from "./internal.ts";

const key = "sb_secret_test";

/** @param runs replace some of the calls; by default every call may run at once */
export function internalOf(runs: Partial<Runs> = {}): Internal {
  return {
    keys: [key],
    runs: {
      begin: async () => ({ lease: "lease", wait_ms: 0 }),
      keep: async () => true,
      end: async () => null,
      ...runs,
    },
  };
}

export function serviceCall(headers: Record<string, string> = {}): Request {
  return new Request("http://functions/f", { method: "POST", headers: { apikey: key, ...headers } });
}
