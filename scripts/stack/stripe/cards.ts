// Stripe's test cards (https://docs.stripe.com/testing), by number and by payment method.

export interface TestCard {
  method: string;
  number: string;
  label: string;
  /** The error that a payment with this card gets. */
  decline?: { code: string; decline_code?: string; message: string };
  /** 3-D Secure: for each payment, or until the owner has proved an identity once while the card was saved. */
  authentication?: "always" | "until saved";
  /** What follows a payment at once. */
  sequel?: "dispute" | "inquiry" | "early fraud warning";
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
    method: "pm_card_authenticationRequired",
    number: "4000002760003184",
    label: "asks for 3-D Secure at each payment",
    authentication: "always",
  },
  {
    method: "pm_card_threeDSecure2Required",
    number: "4000000000003220",
    label: "requires 3-D Secure",
    authentication: "always",
  },
  {
    method: "pm_card_authenticationRequiredOnSetup",
    number: "4000002500003155",
    label: "asks for 3-D Secure until it is saved",
    authentication: "until saved",
  },
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
    sequel: "dispute",
  },
  {
    method: "pm_card_createDisputeInquiry",
    number: "4000000000001976",
    label: "succeeds and the bank inquires",
    sequel: "inquiry",
  },
  {
    method: "pm_card_createIssuerFraudRecord",
    number: "4000000000005423",
    label: "succeeds and the bank warns of fraud",
    sequel: "early fraud warning",
  },
];

/** The error of a payment that needs its owner, who is not there. */
export const authenticationRequired = {
  code: "authentication_required",
  decline_code: "authentication_required",
  message: "Your card was declined. This transaction requires authentication.",
};

/** The card with a number, or a payment method such as pm_card_visa; undefined when there is none. */
export function findCard(numberOrMethod: string): TestCard | undefined {
  const digits = numberOrMethod.replaceAll(/[\s-]/g, "");
  return testCards.find((card) => card.number === digits || card.method === numberOrMethod);
}
