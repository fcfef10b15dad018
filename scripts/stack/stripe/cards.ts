// Stripe's test cards (https://docs.stripe.com/testing), by number and by payment method.

export interface TestCard {
  method: string;
  number: string;
  label: string;
  /** The error that a payment with this card gets. */
  decline?: { code: string; decline_code?: string; message: string };
  /** The payment succeeds and is disputed at once. */
  disputed?: boolean;
}

const declined = (decline_code: string, message = "Your card was declined.") => ({
  code: "card_declined",
  decline_code,
  message,
});

export const testCards: TestCard[] = [
  { method: "pm_card_visa", number: "4242424242424242", label: "succeeds" },
  { method: "pm_card_mastercard", number: "5555555555554444", label: "succeeds (Mastercard)" },
  {
    method: "pm_card_visa_chargeDeclined",
    number: "4000000000000002",
    label: "is declined",
    decline: declined("generic_decline"),
  },
  {
    method: "pm_card_chargeDeclinedInsufficientFunds",
    number: "4000000000009995",
    label: "has insufficient funds",
    decline: declined("insufficient_funds", "Your card has insufficient funds."),
  },
  {
    method: "pm_card_chargeDeclinedExpiredCard",
    number: "4000000000000069",
    label: "has expired",
    decline: { code: "expired_card", message: "Your card has expired." },
  },
  {
    method: "pm_card_chargeDeclinedIncorrectCvc",
    number: "4000000000000127",
    label: "has an incorrect CVC",
    decline: { code: "incorrect_cvc", message: "Your card's security code is incorrect." },
  },
  {
    method: "pm_card_createDispute",
    number: "4000000000000259",
    label: "succeeds and is disputed",
    disputed: true,
  },
];

/** The card with a number, or a payment method such as pm_card_visa; undefined when there is none. */
export function findCard(numberOrMethod: string): TestCard | undefined {
  const digits = numberOrMethod.replaceAll(/[\s-]/g, "");
  return testCards.find((card) => card.number === digits || card.method === numberOrMethod);
}
