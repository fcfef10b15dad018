// The documentation that the embedded stack serves, in a browser, on a stack that begins with the seed.

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { openBrowser, watch } from "../browser.ts";
import { until } from "../support.ts";

const config = await testConfig({ seed: true });
let stack: Stack;
let browser: Browser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(config), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
  removeTestData(config);
});

let faults: string[] = [];
afterEach(() => {
  expect(faults).toEqual([]);
  faults = [];
});

async function open(path: string, look: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(look);
  const page = await context.newPage();
  faults = watch(page, config.apiUrl);
  await page.goto(config.apiUrl + path);
  return page;
}

async function signIn(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Signed in as gita@example.com").waitFor();
}

/** What the focus meets, from the top of the page on. */
async function tabOrder(page: Page, steps: number): Promise<string[]> {
  const names: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    await page.keyboard.press("Tab");
    names.push(
      await page.evaluate<string>(
        "(document.activeElement.name || document.activeElement.textContent).trim()",
      ),
    );
  }
  return names;
}

// A browser starts slowly on a machine that has other work.
const options = { timeout: 60_000 };

describe("the page at the root", options, () => {
  it("shows addresses, keys, and every part of the API", async () => {
    const page = await open("/");
    const headings = page.locator(".opblock-tag");
    await headings.first().waitFor();
    const shown = (await headings.allTextContents()).join(" ");
    for (const part of ["Sign-in", "profiles", "properties", "Functions", "Edge Functions"])
      expect(shown).toContain(part);
    const text = await page.locator(".intro").textContent();
    expect(text).toContain(config.keys.publishable);
    expect(text).toContain(`${config.apiUrl}/graphql/v1`);
    expect(await page.getByRole("link", { name: "mail catcher" }).getAttribute("href")).toBe(config.mailUrl);
  });

  it("lets the keyboard reach the main links in the order of the page", async () => {
    const page = await open("/");
    await page.locator(".opblock-tag").first().waitFor();
    expect(await tabOrder(page, 8)).toEqual([
      "Skip to the API",
      "Staybase",
      "GraphQL",
      "Mail",
      "OpenAPI",
      "email",
      "password",
      "Sign in",
    ]);
  });

  it.each([
    ["light", "rgb(255, 255, 255)"],
    ["dark", "rgb(28, 32, 34)"],
  ] as const)("is %s where the system is", async (colorScheme, ground) => {
    const page = await open("/", { colorScheme });
    await page.locator(".opblock-tag").first().waitFor();
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(ground);
    expect(await page.evaluate("document.documentElement.classList.contains('dark-mode')")).toBe(
      colorScheme === "dark",
    );
  });

  it("tries a request as the guest who signed in", async () => {
    const page = await open("/");
    await signIn(page);
    await page.locator(".opblock-tag[data-tag=accounts] button").click();
    const operation = page.locator("#operations-accounts-get_accounts");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Execute" }).click();
    const answer = operation.locator(".live-responses-table");
    await answer.waitFor();
    expect(await answer.textContent()).toContain('"id": "5eed0000-0000-4000-8000-000000000005"');
  });

  it("says so when nobody has the password", async () => {
    const page = await open("/");
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(await page.getByRole("alert").textContent()).toBe(
      "Nobody has this address and password. Seeded people are there after `npm run reset`.",
    );
    faults = faults.filter((fault) => !fault.includes("400")); // the browser's own note of the answer
  });
});

describe("GraphiQL", options, () => {
  it("runs the first query, and the second for the guest who signed in", async () => {
    const page = await open("/graphql", { colorScheme: "dark" });
    await signIn(page);
    const run = page.getByRole("button", { name: "Execute query" });
    const answer = page.locator(".result-window .view-line");

    await run.click();
    await answer.getByText("Bed in a shared sailors' room").waitFor();
    await page.getByRole("tab", { name: "Me" }).click();
    // On a busy machine the click comes before the editor shows the tab's query; a person would click again.
    await until(
      async () => {
        await run.click();
        const shown = answer.getByText("5eed0000-0000-4000-8000-000000000005").waitFor({ timeout: 5_000 });
        return shown.then(
          () => true,
          () => undefined,
        );
      },
      "the answer for the guest",
      40_000,
    );
    expect(await page.locator(".graphiql-tab").count()).toBe(2);
  });

  it("knows the schema: a wrong field is marked", async () => {
    const page = await open("/graphql?query={ propertiesCollection { edgs } }");
    await page.locator(".squiggly-error").first().waitFor();
  });

  it("lets the keyboard reach the main links", async () => {
    const page = await open("/graphql");
    await page.getByRole("button", { name: "Execute query" }).waitFor();
    await page.evaluate("document.activeElement.blur()");
    expect(await tabOrder(page, 5)).toEqual(["Skip to the editor", "Staybase", "GraphQL", "Mail", "OpenAPI"]);
  });
});

describe("the documentation's files", () => {
  it("allow scripts and requests to their own origin alone", async () => {
    const { headers } = await fetch(config.apiUrl);
    const policy = headers.get("content-security-policy") ?? "";
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
    ])
      expect(policy.split("; ")).toContain(rule);
  });

  it("hold the API's description, with this stack's address", async () => {
    const description = (await (await fetch(`${config.apiUrl}/openapi.json`)).json()) as {
      openapi: string;
      servers: { url: string }[];
    };
    expect([description.openapi, description.servers[0]?.url]).toEqual(["3.1.0", config.apiUrl]);
  });

  it("are these and no others", async () => {
    for (const path of ["/docs/docs.ts", "/docs/%2e%2e/docs.ts", "/docs/constructor", "/docs"])
      expect((await fetch(config.apiUrl + path)).status).toBe(404);
  });
});
