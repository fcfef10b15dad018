// The result of a check or a test runner of `npm test`.

import { print } from "../lib/output.ts";

export interface Result {
  passed: number;
  failed: number;
}

/** Runs a check and prints its name; a text that it returns or throws is the reason why it failed. */
export async function check(name: string, run: () => Promise<string | undefined>): Promise<Result> {
  const problem = await run().catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  );
  print(
    problem === undefined ? `ok      ${name}` : `FAILED  ${name}\n${problem.replaceAll(/^/gm, "        ")}`,
  );
  return problem === undefined ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
