// A headless browser for tests of pages.

import chromium from "@sparticuz/chromium";
import { type Browser, type Page, chromium as playwright } from "playwright-core";

/** Starts Chromium from npm on Linux, and the installed Chrome elsewhere. Close it when the test ends. */
export async function openBrowser(): Promise<Browser> {
  if (process.platform !== "linux") return playwright.launch({ channel: "chrome" });
  return playwright.launch({
    // In single-process mode, closing one page would close all pages.
    args: chromium.args.filter((argument) => argument !== "--single-process"),
    executablePath: await chromium.executablePath(),
  });
}

/** Adds the errors and warnings of a page, and its requests to other origins than `origin`, to `faults`. */
export function watch(page: Page, origin: string, faults: string[]): void {
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (asked !== origin && protocol !== "data:" && protocol !== "blob:") faults.push(request.url());
  });
}
