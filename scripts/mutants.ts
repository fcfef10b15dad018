// `npm run mutants [-- filter]`: breaks the database in one place at a time, and fails when no pgTAP file notices. A mutant is SQL that
// runs inside the transaction of a file, so nothing of it remains.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StackConfig } from "./lib/config.ts";
import { openDatabase } from "./lib/database.ts";
import { print } from "./lib/output.ts";
import { type Mutant, readMutants } from "./test/mutants.ts";
import { runPgtap, runScript } from "./test/pgtap.ts";
import { withTestStack } from "./test/stack.ts";

const [filter = ""] = process.argv.slice(2);

const survivors = await withTestStack(async (config) => {
  await runPgtap(config, "00000");
  const folder = join(config.root, "supabase/tests/database");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && !name.startsWith("00000"))
    .map((name) => ({ name, script: readFileSync(join(folder, name), "utf8") }));
  const sql = openDatabase(config, "postgres");
  const mutants = (await readMutants(sql)).filter(({ name }) => name.includes(filter));
  const left: Mutant[] = [];
  for (const mutant of mutants) {
    // a mutant that is no longer possible is a fault of the list, which no test has noticed
    await sql.begin(async (tx) => {
      await tx.unsafe(mutant.sql);
      await tx`rollback and chain`;
    });
    const fault = await findFault(config, mutant, files);
    print(fault === undefined ? `SURVIVED ${mutant.name}` : `noticed  ${mutant.name}\n           ${fault}`);
    if (fault === undefined) left.push(mutant);
  }
  await sql.end();
  print(`\n${mutants.length - left.length} mutants noticed, ${left.length} not`);
  return left.length;
});
process.exit(survivors > 0 ? 1 : 0);

interface File {
  name: string;
  script: string;
}

/** The first failure of a file that passes without the mutant. Files that name its subject most often run first. */
async function findFault(
  config: StackConfig,
  { sql, subject }: Mutant,
  files: File[],
): Promise<string | undefined> {
  const word = new RegExp(`\\b${subject}\\b`, "g");
  const weigh = ({ name, script }: File) =>
    name.startsWith(subject) ? Number.POSITIVE_INFINITY : (script.match(word)?.length ?? 0);
  const named = files.filter((file) => weigh(file) > 0).sort((a, b) => weigh(b) - weigh(a));
  for (const { name, script } of named) {
    const [failure] = (
      await runScript(
        config,
        script.replace(/^begin;$/m, () => `begin;\n${sql};`),
      )
    ).failures;
    if (failure !== undefined && (await runScript(config, script)).failures.length === 0)
      return `${name}: ${failure.split("\n")[0]}`;
  }
  return undefined;
}
