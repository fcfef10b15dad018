// `npm run mutants [-- filter]`: breaks the database in one place at a time, and fails when its pgTAP file does not notice. A mutant is SQL
// that runs inside the transaction of the file, so nothing of it remains.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StackConfig } from "./lib/config.ts";
import { openDatabase } from "./lib/database.ts";
import { print } from "./lib/output.ts";
import { type Mutant, readMutants } from "./test/mutants.ts";
import { runPgtap, runScript } from "./test/pgtap.ts";
import { withTestStack } from "./test/stack.ts";

const [filter = ""] = process.argv.slice(2);
/** Whether a file passes without a mutant, once that is known. */
const passing: Record<string, boolean> = {};

const survivors = await withTestStack(async (config) => {
  await runPgtap(config, "00000");
  const sql = openDatabase(config, "postgres");
  const mutants = (await readMutants(sql)).filter(({ name }) => name.includes(filter));
  const left: Mutant[] = [];
  for (const mutant of mutants) {
    // a mutant that is no longer possible is a fault of the list, which no test has noticed
    await sql.begin(async (tx) => {
      await tx.unsafe(mutant.sql);
      await tx`rollback and chain`;
    });
    const fault = await findFault(config, mutant);
    print(fault === undefined ? `SURVIVED ${mutant.name}` : `noticed  ${mutant.name}\n           ${fault}`);
    if (fault === undefined) left.push(mutant);
  }
  await sql.end();
  print(`\n${mutants.length - left.length} mutants noticed, ${left.length} not`);
  return left.length;
});
process.exit(survivors > 0 ? 1 : 0);

/** The first failure of the mutant's file, which passes without it. */
async function findFault(config: StackConfig, { sql, file }: Mutant): Promise<string | undefined> {
  const folder = join(config.root, "supabase/tests/database");
  const name = readdirSync(folder).find((name) => name.startsWith(file)) ?? file;
  const script = readFileSync(join(folder, name), "utf8");
  const run = async (text: string) => (await runScript(config, text)).failures[0];
  const fault = await run(script.replace(/^begin;$/m, () => `begin;\n${sql};`));
  if (fault === undefined) return undefined;
  passing[name] ??= (await run(script)) === undefined;
  return passing[name] ? `${name}: ${fault.split("\n")[0]}` : undefined;
}
