// A headless browser for tests of pages: the one from npm on Linux, elsewhere the Chrome that is installed.

import chromium from "@sparticuz/chromium";
import { type Browser, type Page, chromium as playwright } from "playwright-core";

export async function openBrowser(): Promise<Browser> {
  if (process.platform !== "linux") return playwright.launch({ channel: "chrome" });
  return playwright.launch({
    // In a single process, the end of one page would be the end of all.
    args: chromium.args.filter((argument) => argument !== "--single-process"),
    executablePath: await chromium.executablePath(),
  });
}

/** Adds to `faults` what a page does that it should not: errors on its console, and requests to other places than `origin`. */
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
