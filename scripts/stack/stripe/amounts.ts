// The checks of currencies and amounts: which currency can be charged, in what steps, at least and at most how much.

import { type Currency, currencies } from "./currencies.ts";
import { invalid } from "./errors.ts";
import { type Parameters, text } from "./form.ts";

/** A currency of a request, in lower case. @throws StripeFault 400 for a currency that cannot be charged */
export function currencyOf(parameters: Parameters, name = "currency"): Currency {
  const code = text(parameters, name)?.toLowerCase() ?? "";
  const currency = currencies.get(code);
  if (currency?.chargeable === true) return currency;
  const all = [...currencies.values()].filter(({ chargeable }) => chargeable).map((each) => each.code);
  throw invalid(
    `Invalid currency: ${code}. Stripe currently supports these currencies: ${all.join(", ")}`,
    name,
  );
}

/** The rules of a currency that an object already has. */
export function rulesOf(code: string): Currency {
  const currency = currencies.get(code);
  if (currency === undefined) throw new Error(`There is no currency ${code}.`);
  return currency;
}

/** A whole number above zero that is a multiple of the currency's step. @throws StripeFault 400 */
export function amountOf(parameters: Parameters, name: string, currency: Currency): number {
  const amount = integerOf(parameters, name);
  if (amount < 1) {
    throw invalid("This value must be greater than or equal to 1.", name, "parameter_invalid_integer");
  }
  requireStep(amount, currency, currency.step, name);
  return amount;
}

/** The amount of a charge, which also has a minimum and a greatest number of digits. @throws StripeFault 400 */
export function chargeAmountOf(
  parameters: Parameters,
  name: string,
  currency: Currency,
  conversion: { to: string; rate: number } | undefined,
): number {
  const amount = amountOf(parameters, name, currency);
  requireMinimum(amount, currency, conversion, name);
  const most = 10 ** currency.digits - 1;
  if (amount > most) {
    throw invalid(`Amount must be no more than ${money(most, currency.code)}`, name, "amount_too_large");
  }
  return amount;
}

/** The amount of a payout to a bank account. @throws StripeFault 400 */
export function payoutAmountOf(parameters: Parameters, name: string, currency: Currency): number {
  const amount = amountOf(parameters, name, currency);
  requireStep(amount, currency, currency.payoutStep, name);
  return amount;
}

function requireStep(amount: number, { code }: Currency, step: number, name: string): void {
  if (amount % step === 0) return;
  throw invalid(
    `Invalid amount: ${amount}. Amounts in ${code.toUpperCase()} must be evenly divisible by ${step}.`,
    name,
    "parameter_invalid_integer",
  );
}

/** A payment that Stripe converts must reach the minimum of the currency that it is converted to. */
function requireMinimum(
  amount: number,
  currency: Currency,
  conversion: { to: string; rate: number } | undefined,
  name: string,
): void {
  const settled = conversion === undefined ? currency : rulesOf(conversion.to);
  const received = amount * (conversion?.rate ?? 1);
  if (settled.minimum === null || received >= settled.minimum) return;
  const least = money(settled.minimum, settled.code);
  throw invalid(
    conversion === undefined
      ? `Amount must be at least ${least} ${settled.code}`
      : `Amount must convert to at least ${least} ${settled.code}. ${money(amount, currency.code)} converts to approximately ${money(Math.round(received), settled.code)}.`,
    name,
    "amount_too_small",
  );
}

function integerOf(parameters: Parameters, name: string): number {
  const value = text(parameters, name) ?? "";
  if (value === "") throw invalid(`Missing required param: ${name}.`, name, "parameter_missing");
  if (!/^-?[0-9]{1,15}$/.test(value)) {
    throw invalid(`Invalid integer: ${value}`, name, "parameter_invalid_integer");
  }
  return Number(value);
}

/** Formats an amount in Stripe's units, such as €100.00. */
export function money(amount: number, code: string): string {
  const digits = rulesOf(code).exponent;
  const format = new Intl.NumberFormat("en", {
    style: "currency",
    currency: code,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(amount / 10 ** digits);
}
