import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { removeTestData, testConfig } from "./config.ts";
import { graphqlProblems } from "./typecheck.ts";

const config = await testConfig();
const file = `try-${process.pid}-documents.ts`;
afterEach(() => {
  rmSync(join(config.root, file), { force: true });
  removeTestData(config);
});

it("refuses a misspelt field and argument in a program in the project folder", {
  timeout: 180_000,
}, async () => {
  writeFileSync(
    join(config.root, file),
    `import { graphql } from "./types/graphql.ts";
export const right = graphql("{ propertiesCollection(first: 1) { edges { node { title } } } }");
export const wrong = graphql("{ propertiesCollection(size: 1) { edges { node { titel } } } }");
`,
  );
  const found = (await graphqlProblems(config)) ?? "";
  expect(found).toContain(file);
  expect(found).toContain('Cannot query field "titel" on type "Properties"');
  expect(found).toContain('Unknown argument "size"');
  expect(found).toContain("2 errors");
});
