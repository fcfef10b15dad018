// Names of people and listings that hold HTML, in a browser: every page shows them, and every mail of Auth holds them, as text.

import { createServer, type Server } from "node:http";
import nodemailer from "nodemailer";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMails, type Template } from "../../../scripts/stack/auth/mails.ts";
import { redirect } from "../../../scripts/stack/auth/redirects.ts";
import { readSettings } from "../../../scripts/stack/auth/settings.ts";
import type { User } from "../../../scripts/stack/auth/users.ts";
import { createDocs } from "../../../scripts/stack/docs/docs.ts";
import { createMail, type Mail } from "../../../scripts/stack/mail.ts";
import type { Rest } from "../../../scripts/stack/rest.ts";
import type { PaymentIntent } from "../../../scripts/stack/stripe/objects.ts";
import {
  authenticationPage,
  messagePage,
  paymentsPage,
  payPage,
} from "../../../scripts/stack/stripe/page.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { openBrowser } from "../support/browser.ts";

const config = await testConfig();
let browser: Browser;
let mail: Mail;

beforeAll(async () => {
  mail = createMail(config);
  browser = await openBrowser();
  await mail.start();
  await mail.ready();
});
afterAll(async () => {
  await browser?.close();
  await mail?.stop();
  removeTestData(config);
});

const hostile =
  `</title></script></textarea></style><img class=evil src=x onerror="parent.hacked=top.hacked=1">` +
  `<script class=evil>hacked=1</script>" autofocus onfocus="hacked=1" data-evil="' data-evil='{{ .Token }}&lt;b&gt;`;

/** Elements that only the hostile text can have made, and what its scripts would have left. */
async function damage(page: Page): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const frame of page.frames()) {
    found.push(
      ...((await frame.evaluate(`[...document.querySelectorAll(
      ".evil, [data-evil], [onfocus], [onerror]"
    )].map((element) => element.outerHTML)`)) as unknown[]),
    );
  }
  if (await page.evaluate("typeof hacked !== 'undefined'")) found.push("a script ran");
  return found;
}

/** Opens HTML as a page of its own and returns its text and the damage. */
async function open(html: string): Promise<{ text: string; damage: unknown[] }> {
  const page = await browser.newPage();
  try {
    await page.setContent(html);
    const text = (await page.evaluate("document.title + document.body.textContent")) as string;
    return { text, damage: await damage(page) };
  } finally {
    await page.close();
  }
}

describe("the mail page", { timeout: 60_000 }, () => {
  it.each(["text", "html"])("shows names as text, of a mail with %s", async (kind) => {
    await fetch(`${config.mailUrl}/api/v1/messages`, { method: "DELETE" });
    const transport = nodemailer.createTransport({ host: "127.0.0.1", port: mail.smtpPort });
    await transport.sendMail({
      from: { name: hostile, address: "stay@example.com" },
      to: { name: hostile, address: "o'eve&lt;@example.org" },
      subject: hostile,
      ...(kind === "text" ? { text: hostile } : { html: `<p>Shown</p><script>top.hacked=1</script>` }),
    });
    const page = await browser.newPage();
    await page.goto(config.mailUrl);
    const button = page.locator("li button").first();
    await button.waitFor();
    expect(await button.textContent()).toContain(hostile);
    await button.click();
    await page
      .frameLocator("iframe")
      .getByText(kind === "text" ? "data-evil" : "Shown")
      .waitFor();
    expect(await page.locator("#subject").textContent()).toBe(hostile);
    expect(await page.locator("#to").textContent()).toContain("o'eve&lt;");
    expect(await damage(page)).toEqual([]);
    await page.close();
  });
});

describe("the pages of the Stripe emulator", { timeout: 60_000 }, () => {
  const intent = (status: string) =>
    ({
      object: "payment_intent",
      id: hostile,
      client_secret: hostile,
      amount: 100,
      currency: "eur",
      status,
      description: hostile,
      metadata: { booking_id: hostile },
      last_payment_error: { message: hostile },
      next_action: { redirect_to_url: { url: `https://example.com/${hostile}` } },
    }) as unknown as PaymentIntent;

  it.each([
    ["pay", payPage(intent("requires_payment_method"))],
    ["pay, refused", payPage(intent("requires_payment_method"), hostile)],
    ["pay, at the bank", payPage(intent("requires_action"))],
    ["payments", paymentsPage([intent("succeeded")])],
    ["message", messagePage(hostile, hostile)],
  ])("show names as text: %s", async (_name, html) => {
    const { text, damage } = await open(html);
    expect(text).toContain(hostile);
    expect(damage).toEqual([]);
  });

  it("show states as text: 3-D Secure", async () => {
    const { text, damage } = await open(authenticationPage(intent(hostile.replaceAll("_", ""))));
    expect(text).toContain(hostile);
    expect(damage).toEqual([]);
  });
});

describe("the documentation", { timeout: 60_000 }, () => {
  let server: Server;
  const port = config.ports.api;
  beforeAll(async () => {
    const docs = createDocs(config, { port: 1 } as Rest);
    server = createServer(async (request, response) => {
      const document = await docs.find((request.url ?? "/").split("?", 1)[0] ?? "/");
      response.writeHead(document === undefined ? 404 : 200, document?.headers).end(document?.body);
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  });
  afterAll(() => void server?.close());

  it.each(["/", "/graphql"])("shows who is signed in as text: %s", async (path) => {
    const page = await browser.newPage();
    const session = { access_token: "token", expires_at: 4_000_000_000, user: { email: hostile } };
    await page.addInitScript(
      `sessionStorage.setItem("staybase-session", ${JSON.stringify(JSON.stringify(session))})`,
    );
    await page.goto(`http://127.0.0.1:${port}${path}?x=${encodeURIComponent(hostile)}`);
    await page.getByText("Signed in as").waitFor();
    expect(await page.locator("#session").textContent()).toContain(hostile);
    expect(await damage(page)).toEqual([]);
    await page.close();
  });
});

describe("Auth", { timeout: 60_000 }, () => {
  const settings = readSettings(config);
  const own = structuredClone(settings);
  own.email.template = {};
  const templates: Template[] = [
    "confirmation",
    "recovery",
    "magic_link",
    "email_change",
    "invite",
    "reauthentication",
  ];
  const user = {
    email: hostile,
    email_change: hostile,
    raw_user_meta_data: { display_name: hostile },
  } as unknown as User;

  it.each(
    templates.flatMap((template) => [
      [template, "as configured", settings] as const,
      [template, "without a template", own] as const,
    ]),
  )("sends mails that hold names as text: %s, %s", async (template, _which, used) => {
    await fetch(`${config.mailUrl}/api/v1/messages`, { method: "DELETE" });
    await createMails(config, used, mail).send({
      to: "eve@example.org",
      template,
      type: hostile,
      user,
      token: { code: `${hostile}!`, link: hostile },
      redirectTo: hostile,
    });
    const latest = (await (await fetch(`${config.mailUrl}/api/v1/message/latest`)).json()) as {
      HTML: string;
    };
    const { text, damage } = await open(latest.HTML);
    expect(text).toContain(`${hostile}!`);
    if (template === "email_change" && used === settings) expect(text).toContain(`from ${hostile} to`);
    expect(damage).toEqual([]);
  });

  it("redirects with a page that holds the address as text", async () => {
    const address = `https://app.example/?name=${hostile}`;
    const { text, damage } = await open(await redirect(address).text());
    expect(text).toContain("See Other");
    expect(damage).toEqual([]);
  });
});
