// `npm run wording [-- <glob>...]`: the findings of the wording check, and how many there are in each folder.

import { dirname } from "node:path";
import { projectRoot } from "./lib/config.ts";
import { findWording, inWords } from "./test/wording.ts";

const patterns = process.argv.slice(2);
const findings = findWording(projectRoot, patterns.length > 0 ? patterns : undefined);
const counts = Object.groupBy(findings, ({ file }) => dirname(file));

for (const finding of findings) console.log(inWords(finding));
console.log();
for (const [folder, found] of Object.entries(counts))
  console.log(`${String(found?.length).padStart(6)}  ${folder}`);
console.log(`${String(findings.length).padStart(6)}  in all`);
