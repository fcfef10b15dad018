// What every runner of `npm test` answers.

import { print } from "../lib/output.ts";

export interface Result {
  passed: number;
  failed: number;
}

/** One check that is either fine or not: prints its name and, when it failed, what it said. */
export async function check(name: string, run: () => Promise<string | undefined>): Promise<Result> {
  const problem = await run().catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  );
  print(
    problem === undefined ? `ok      ${name}` : `FAILED  ${name}\n${problem.replaceAll(/^/gm, "        ")}`,
  );
  return problem === undefined ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
