// The README's snippets, run as they stand but for the stack's addresses.

// @module-tag embedded

import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import { node, root, runAsWritten, snippet as snippetFor, withFiles } from "../readme-support.ts";
import { signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { stack } from "../support/stack.ts";

const snippet = (heading: string) => snippetFor(heading, stack);

/** What tsc says of TypeScript files under the project's own settings: file and error, without the place. */
async function compile(sources: Record<string, string>): Promise<string[]> {
  const project = `try-${process.pid}.json`;
  const files = {
    ...sources,
    [project]: JSON.stringify({ extends: "./tsconfig.json", include: Object.keys(sources) }),
  };
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const output = await withFiles(files, () =>
    node([tsc, "--noEmit", "-p", join(root, project)]).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    ),
  );
  return output
    .split("\n")
    .flatMap((line) => /^(.*)\(\d+,\d+\): (error TS\d+)/.exec(line)?.slice(1).join(" ") ?? []);
}

it("runs the first steps", async () => {
  const file = `try-${process.pid}.mjs`;
  const stdout = await withFiles({ [file]: snippet("First steps") }, () => runAsWritten("First steps", file));
  expect(stdout).toContain("display_name: 'Ana'");
  expect(stdout).toContain("languages: [ 'en', 'pt' ]");
});

it("hosts a place, from a title to the map", async () => {
  const ana = await signUp("Ana");
  const script = snippet("Host a place")
    .replace("ana@example.com", ana.email)
    .replace('password: "staybase"', `password: "${ana.password}"`);
  const file = `try-${process.pid}.ts`;
  expect(await compile({ [file]: script })).toEqual([]);
  const { stdout } = await withFiles({ [file]: script }, () => node([join(root, file)]));
  const lines = stdout.trim().split("\n");
  expect(lines.slice(0, -2)).toHaveLength(13);
  expect(lines).toContain("Say where it is: city, country and the point on the map.");
  expect(lines.at(-2)).toMatch(/^published Lisboa 38\.7[123]\d*$/);
  expect(lines.at(-1)).toBe("paused");
});

it("books and pays a stay, which types know and search stops and starts to offer", async () => {
  const [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  await createBookable(ana, { title: "The README's", base_price: 100 });
  const script = snippet("Book a stay")
    .replaceAll("gita@example.com", ben.email)
    .replace('password: "staybase"', `password: "${ben.password}"`);
  const file = `try-${process.pid}.ts`;
  expect(await compile({ [file]: script })).toEqual([]);
  const stdout = await withFiles({ [file]: script }, () => runAsWritten("Book a stay", file));
  expect(stdout).toMatch(/^2 nights? 200$/m);
  expect(stdout).toMatch(/^Full refund until .* \(Europe\/Lisbon\)$/m);
  expect(stdout).toContain("true still offered: false");
  expect(stdout).toContain("true offered again: true");
  expect(stdout).toMatch(/^refunded [1-9]\d*$/m);
});

it("runs the typed GraphQL query", async () => {
  const ana = await signUp("Ana");
  const id = await createBookable(ana, { base_price: 12300 });
  const city = `Lisboa ${process.pid}`; // where nothing else is
  await ana.client.from("property_addresses").update({ city }).eq("property_id", id).throwOnError();
  const script = snippet("GraphQL, typed").replace('"Lisboa"', JSON.stringify(city));
  const file = `try-${process.pid}.ts`;
  const stdout = await withFiles({ [file]: script }, () => runAsWritten("GraphQL, typed", file));
  expect(stdout).toBe("House by the river 12300 EUR Ana\n");
});

it("knows the types of the GraphQL query: what is not in it does not compile", async () => {
  const right = snippet("GraphQL, typed");
  const wrong = right.replace("node.title", "node.titel").replace('city: "Lisboa"', "city: 1");
  const name = `try-${process.pid}-wrong.ts`;
  expect(await compile({ [`try-${process.pid}-right.ts`]: right, [name]: wrong })).toEqual([
    `${name} error TS2322`,
    `${name} error TS2551`,
  ]);
});
