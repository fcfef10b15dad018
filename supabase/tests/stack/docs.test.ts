// The documentation that the embedded stack serves, in a browser, on a stack that begins with the seed.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { describedOperations } from "../../../scripts/generate/tasks.ts";
import { type Stack, startStack } from "../../../scripts/stack/stack.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { openBrowser, watch } from "../support/browser.ts";
import { until } from "../support/time.ts";

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

/** What pages did that they should not, since the last test. */
const faults: string[] = [];
afterEach(() => {
  expect(faults.splice(0)).toEqual([]);
});

/** Opens a page in a context of its own, without a session. */
async function open(path: string, look: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(look);
  const page = await context.newPage();
  page.setDefaultTimeout(waitingTime);
  watch(page, config.apiUrl, faults);
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
const options = { timeout: 120_000 };
const waitingTime = 90_000;

describe("the payment page", options, () => {
  it("has nothing to pay on a new stack", async () => {
    expect(await (await fetch(config.stripeUrl)).text()).toContain("No payments yet.");
  });
});

describe("every page", options, () => {
  let payPage: string;
  beforeAll(async () => {
    const headers = { apikey: config.keys.publishable, "content-type": "application/json" };
    const send = async (path: string, body: object, more = {}) => {
      const init = { method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) };
      return [await (await fetch(config.apiUrl + path, init)).json()].flat()[0] as Record<string, string>;
    };
    const guest = { email: "gita@example.com", password: "staybase" };
    const session = await send("/auth/v1/token?grant_type=password", guest);
    const person = { authorization: `Bearer ${session?.access_token}`, prefer: "return=representation" };
    const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
    const property_id = "5eed0000-0000-4000-8000-000000000104";
    const stay = { property_id, check_in: day(30), check_out: day(33), adults: 2 };
    const booking = await send("/rest/v1/bookings", stay, person);
    const payment = await send("/functions/v1/payments", { booking_id: booking?.id }, person);
    payPage = payment?.pay_url ?? "";
    await send("/auth/v1/signup", { email: "narrow@example.org", password: "correct horse battery" });
  });

  it.each([
    ["root with an operation open", () => `${config.apiUrl}/#/Book/post_bookings`, ".responses-table"],
    ["GraphiQL", () => `${config.apiUrl}/graphql`, ".graphiql-response .monaco-editor"],
    ["mail", () => config.mailUrl, "li button"],
    ["payments", () => config.stripeUrl, "li a"],
    ["pay", () => payPage, "form"],
  ])("fits 390 pixels, and is dark in the dark: %s", async (_name, url, content) => {
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      colorScheme: "dark",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(waitingTime);
    await page.goto(url());
    await page.locator(content).first().waitFor();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(await page.evaluate(isInView(content))).toBe(true);
    expect(await page.evaluate(darkness)).toBeLessThan(50);
    await context.close();
  });
});

// In the browser:
const isInView = (selector: string) => `(() => {
  const { left, right } = document.querySelector("${selector}").getBoundingClientRect();
  return left >= 0 && right <= 390;
})()`;
/** The brightest part, 0 to 255, of the colour behind the page; without one of its own that is the browser's. */
const darkness = `(() => {
  if (getComputedStyle(document.body).backgroundColor === "rgba(0, 0, 0, 0)") document.body.style.background = "Canvas";
  return Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3));
})()`;

describe("the API's description", () => {
  interface Description {
    openapi: string;
    servers: { url: string }[];
    paths: Record<string, { post: { summary: string; requestBody: { content: Record<string, JsonBody> } } }>;
  }
  interface JsonBody {
    examples: { example: { value: object } };
  }
  let description: Description;
  let headers: Record<string, string>;
  const send = (path: string, body: object) =>
    fetch(config.apiUrl + path, { method: "POST", headers, body: JSON.stringify(body) });
  beforeAll(async () => {
    description = (await (await fetch(`${config.apiUrl}/openapi.json`)).json()) as Description;
    headers = { apikey: config.keys.publishable, "content-type": "application/json" };
    const guest = { email: "gita@example.com", password: "staybase" };
    const session = await send("/auth/v1/token?grant_type=password", guest);
    const { access_token } = (await session.json()) as { access_token: string };
    headers.authorization = `Bearer ${access_token}`;
  });

  it("is OpenAPI 3.1, with this stack's address", () => {
    expect([description.openapi, description.servers[0]?.url]).toEqual(["3.1.0", config.apiUrl]);
  });

  it("says of each operation what it does, in words of its own", async () => {
    const operations = Object.entries(description.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { summary }]) => ({ path, method, summary })),
    );
    const generic = /\brows\b|\bfilters?\b.*\bname\b|^(get|post|patch|delete|call)\b.*_/i;
    expect(operations.filter(({ summary }) => generic.test(summary) || summary.length > 65)).toEqual([]);
    const calls = new Map(operations.map(({ path, summary }) => [summary, path]));
    expect(operations.filter(({ path, summary }) => calls.get(summary) !== path)).toEqual([]);
    const rest = operations.filter(({ path }) => path.startsWith("/rest/v1/"));
    const named = rest.map(({ path, method }) =>
      path.includes("/rpc/") ? path.slice(9) : `${method} ${path.slice(9)}`,
    );
    expect([...new Set(named)].sort()).toEqual([...describedOperations].sort());
  });

  it.each([
    ["rpc/search_properties", 200, '"city":"Lisboa"'],
    ["rpc/search_facets", 200, '"is_estimate":false'],
    ["rpc/count_properties", 200, '"is_estimate":false'],
    ["rpc/property_calendar", 200, '"free":true'],
    ["rpc/bookability", 200, "[]"],
    ["rpc/quote_stay", 200, '"nights":2'],
    ["bookings", 201, ""],
    ["properties", 201, ""],
    ["threads", 201, ""],
    ["wishlists", 201, ""],
    ["reports", 201, ""],
  ])("has an example of %s that a guest of the seed can send", async (name, status, text) => {
    const path = `/rest/v1/${name}`;
    const content = description.paths[path]?.post.requestBody.content["application/json"];
    const response = await send(path, content?.examples.example.value ?? {});
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining(text)]);
  });
});

describe("the page at the root", options, () => {
  let page: Page;
  beforeAll(async () => {
    page = await open("/", { colorScheme: "light" });
    await page.locator(".opblock-tag").first().waitFor();
  });
  afterAll(() => page.context().close());

  it("lets the keyboard reach the main links in the order of the page", async () => {
    expect(await tabOrder(page, 9)).toEqual([
      "Skip to the API",
      "Staybase",
      "GraphQL",
      "Mail",
      "Payments",
      "OpenAPI",
      "email",
      "password",
      "Sign in",
    ]);
  });

  it("shows addresses, keys, and every part of the API", async () => {
    const shown = (await page.locator(".opblock-tag").allTextContents()).join(" ");
    for (const task of ["Search and quote", "Book", "Pay", "Host", "Talk", "Review", "Account", "Operate"])
      expect(shown).toContain(task);
    expect(shown).toMatch(
      /Internal\S* *Calls of the project's own workers[^.]*\. Clients never need them\.$/,
    );
    const text = await page.locator(".intro").textContent();
    expect(text).toContain(config.keys.publishable);
    expect(text).toContain(`${config.apiUrl}/graphql/v1`);
    const target = (name: string) => page.getByRole("link", { name }).getAttribute("href");
    expect(await target("mail catcher")).toBe(config.mailUrl);
    expect(await target("payment page")).toBe(config.stripeUrl);
  });

  it("says what runs", async () => {
    await page.getByRole("status").getByText("Database, REST, Mail catcher, Payments answer.").waitFor();
  });

  it.each([
    ["light", "html:not(.dark-mode)", "rgb(255, 255, 255)"],
    ["dark", "html.dark-mode", "rgb(28, 32, 34)"],
  ] as const)("is %s where the system is", async (colorScheme, root, ground) => {
    await page.emulateMedia({ colorScheme });
    await page.locator(root).waitFor();
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe(ground);
  });

  it("says so when the password is wrong", async () => {
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    expect(await page.getByRole("alert").textContent()).toBe(
      "Wrong email or password. `npm run reset` creates the seeded users.",
    );
    expect(faults.splice(0)).toEqual([expect.stringContaining("400")]); // the browser's own note of the answer
  });

  it("tries a request as the guest who signed in", async () => {
    await page.getByLabel("Password").fill("staybase");
    await signIn(page);
    await page.locator(".opblock-tag[data-tag=Account] button").click();
    const operation = page.locator("#operations-Account-get_accounts");
    await operation.locator(".opblock-summary-control").click();
    await operation.getByRole("button", { name: "Execute" }).click();
    const answer = operation.locator(".live-responses-table");
    await answer.waitFor();
    expect(await answer.textContent()).toContain('"id": "5eed0000-0000-4000-8000-000000000005"');
  });

  it("shows how to book in curl and in supabase-js, with the stack's address and key", async () => {
    await page.locator(".opblock-tag[data-tag=Book] button").click();
    const operation = page.locator("#operations-Book-post_bookings");
    await operation.locator(".opblock-summary-control").click();
    const samples = await operation.locator(".opblock-description pre").allTextContents();
    expect(samples).toEqual([
      expect.stringContaining(`curl -X POST "${config.apiUrl}/rest/v1/bookings"`),
      expect.stringContaining('.from("bookings")\n  .insert({'),
    ]);
    expect(samples[0]).toContain(`-H "apikey: ${config.keys.publishable}"`);
  });

  it("says what has stopped", async () => {
    const file = join(config.dataDir, "run/rest.pid");
    const pid = () => (JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid;
    // the stack starts PostgREST five times again, and then lets it rest
    for (let deaths = 0; deaths < 6; deaths++) {
      const dying = pid();
      process.kill(dying, "SIGKILL");
      if (deaths < 5) await until(async () => existsSync(file) && pid() !== dying, "another PostgREST");
    }
    await page.getByRole("status").getByText("No answer: REST. See npm run logs.").waitFor();
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
    await page.locator(".graphiql-query-editor .view-line").getByText("query Me").waitFor();
    await run.click();
    await answer.getByText("5eed0000-0000-4000-8000-000000000005").waitFor();
    expect(await page.locator(".graphiql-tab").count()).toBe(2);
    await page.context().close();
  });

  it("knows the schema: a wrong field is marked; the keyboard reaches the main links", async () => {
    const page = await open("/graphql?query={ propertiesCollection { edgs } }");
    await page.locator(".squiggly-error").first().waitFor();
    await page.evaluate("document.activeElement.blur()");
    const links = ["Skip to the editor", "Staybase", "GraphQL", "Mail", "Payments", "OpenAPI"];
    expect(await tabOrder(page, links.length)).toEqual(links);
    await page.context().close();
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

  it("are these and no others", async () => {
    for (const path of ["/docs/docs.ts", "/docs/%2e%2e/docs.ts", "/docs/constructor", "/docs"])
      expect((await fetch(config.apiUrl + path)).status).toBe(404);
  });
});
