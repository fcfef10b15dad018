// The emulator's payment page in a browser.

// @module-tag embedded

import { expect, it } from "vitest";
import { book, untilStatus } from "../support/bookings.ts";
import { openBrowser } from "../support/browser.ts";
import { beginPayment, cards, createMarket, isEmulated } from "../support/money.ts";

it.skipIf(!isEmulated)(
  "the payment page shows the amount, explains why a card is declined, and pays",
  async () => {
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
      await page.getByLabel("Card number").fill(cards.declined);
      await page.getByRole("button", { name: `Pay ${amount}` }).click();
      expect(await page.getByRole("alert").textContent()).toBe("Your card was declined.");
      await page.getByLabel("Card number").fill(cards.accepted);
      await page.getByRole("button", { name: `Pay ${amount}` }).click();
      expect(await page.getByRole("status").textContent()).toContain("Paid.");
      await untilStatus(guest, booking.id, "confirmed");
    } finally {
      await browser.close();
    }
  },
);
