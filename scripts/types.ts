// `npm run types`: writes types/ and the generated documents in docs/, from a stack of its own to which the migrations were applied.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateTypes } from "./generated-types.ts";
import { explain } from "./lib/errors.ts";
import { removeTestData, testConfig } from "./test/config.ts";
import { withStack } from "./test/stack.ts";

const config = await testConfig();
try {
  const files = await withStack(config, () => generateTypes(config));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(config.root, name), text);
  console.log(`Wrote ${Object.keys(files).join(", ")}.`);
} catch (error) {
  const { message, remedy } = explain(error);
  console.error(`${message}\n\n${remedy}`);
  process.exitCode = 1;
} finally {
  removeTestData(config);
}
