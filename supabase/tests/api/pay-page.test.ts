// The page where a person pays, in a browser: the amount, a declined card, the test card, and the booking that follows.

import { expect, it } from "vitest";
import { openBrowser } from "../browser.ts";
import { beginPayment, book, createMarket, isEmulated, untilStatus } from "../payment-support.ts";

it.skipIf(!isEmulated)("shows the amount, says why a card is declined, and pays", async () => {
  const browser = await openBrowser();
  try {
    const { guest, property } = await createMarket();
    const booking = await book(guest, property);
    const { pay_url } = await beginPayment(guest, booking.id);
    const page = await browser.newPage();
    await page.goto(pay_url);
    const amount = `€${(booking.guest_total / 100).toFixed(2)}`;
    expect(await page.getByRole("heading").textContent()).toBe(amount);
    expect(await page.getByText(booking.id).isVisible()).toBe(true);
    await page.getByLabel("Card number").fill("4000 0000 0000 0002");
    await page.getByRole("button", { name: `Pay ${amount}` }).click();
    expect(await page.getByRole("alert").textContent()).toBe("Your card was declined.");
    await page.getByLabel("Card number").fill("4242 4242 4242 4242");
    await page.getByRole("button", { name: `Pay ${amount}` }).click();
    expect(await page.getByRole("status").textContent()).toContain("Paid.");
    await untilStatus(guest, booking.id, "confirmed");
  } finally {
    await browser.close();
  }
});
