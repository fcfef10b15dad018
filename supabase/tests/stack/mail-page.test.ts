// The mail catcher's page in a browser.

import nodemailer from "nodemailer";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMail, type Mail } from "../../../scripts/stack/mail.ts";
import { removeTestData, testConfig } from "../../../scripts/test/config.ts";
import { openBrowser } from "../support/browser.ts";

const config = await testConfig();
let mail: Mail;
let browser: Browser;

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

const html = (text: string) =>
  `<!doctype html><html><head><meta name="color-scheme" content="light dark"></head><body>${text}</body></html>`;

async function open(width = 1280): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: "dark" });
  const page = await context.newPage();
  await page.goto(config.mailUrl);
  await page.locator("li button").first().waitFor();
  return page;
}

describe("the mail page", { timeout: 60_000 }, () => {
  beforeEach(async () => {
    await fetch(`${config.mailUrl}/api/v1/messages`, { method: "DELETE" });
    const transport = nodemailer.createTransport({ host: "127.0.0.1", port: mail.smtpPort });
    for (const subject of ["First", "Second"]) {
      await transport.sendMail({
        from: "stay@example.com",
        to: `${"a-very-long-name-".repeat(3)}@example.org`,
        subject,
        text: `The ${subject}`,
        html: html(`<p>${subject} text</p>`),
      });
    }
  });

  it("lists mails with their times, and shows one", async () => {
    const page = await open();
    expect(await page.locator("li button").allTextContents()).toEqual([
      expect.stringMatching(/^\d{1,2}:\d{2}.*SecondTo a-very-long/),
      expect.stringMatching(/^\d{1,2}:\d{2}.*FirstTo a-very-long/),
    ]);
    await page.getByRole("button", { name: "First" }).click();
    await page.frameLocator("iframe").getByText("First text").waitFor();
    expect(await page.locator("#subject").textContent()).toBe("First");
    expect(await page.locator("#time").textContent()).toMatch(/^\d{1,2}:\d{2}/);
    await page.context().close();
  });

  it("has no light pane in the dark", async () => {
    const page = await open();
    const pane = page.locator("iframe");
    expect(await pane.isVisible()).toBe(false);
    await page.getByRole("button", { name: "First" }).click();
    await page.frameLocator("iframe").getByText("First text").waitFor();
    expect(await page.evaluate('getComputedStyle(document.querySelector("iframe")).backgroundColor')).toBe(
      "rgba(0, 0, 0, 0)",
    );
    expect(await page.frames()[1]?.evaluate("getComputedStyle(document.body).color")).toBe(
      "rgb(255, 255, 255)",
    );
    await page.context().close();
  });

  it("deletes one mail, and all", async () => {
    const page = await open();
    await page.getByRole("button", { name: "First" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("button", { name: "First" }).waitFor({ state: "detached" });
    expect(await page.locator("li").count()).toBe(1);
    await page.getByRole("button", { name: "Delete all" }).click();
    await page.getByText("No mail yet.").waitFor();
    expect(await page.getByRole("button", { name: "Delete all" }).isVisible()).toBe(false);
    await page.context().close();
  });

  it("at 390 pixels shows the list, or one mail and the way back", async () => {
    const page = await open(390);
    const width = () => page.evaluate("document.documentElement.scrollWidth");
    expect(await width()).toBe(390);
    await page.getByRole("button", { name: "First" }).click();
    await page.frameLocator("iframe").getByText("First text").waitFor();
    expect([await width(), await page.locator("nav").isVisible()]).toEqual([390, false]);
    await page.getByRole("button", { name: "All mails" }).click();
    expect(await page.locator("nav").isVisible()).toBe(true);
    await page.context().close();
  });
});
