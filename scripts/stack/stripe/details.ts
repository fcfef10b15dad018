// Addresses and shipping details in requests.

import type Stripe from "stripe";
import { changed, object, type Parameters } from "./form.ts";

const parts = ["city", "country", "line1", "line2", "postal_code", "state"] as const;

/** The field `address` after a request; an empty value unsets it, and each part of it. */
export function addressOf(parameters: Parameters, before: Stripe.Address | null): Stripe.Address | null {
  if (parameters.address === undefined) return before;
  if (parameters.address === "") return null;
  const given = object(parameters, "address");
  return Object.fromEntries(
    parts.map((part) => [part, changed(given, part, before?.[part] ?? null)]),
  ) as unknown as Stripe.Address;
}

export interface Shipping {
  address: Stripe.Address;
  carrier: string | null;
  name: string;
  phone: string | null;
  tracking_number: string | null;
}

/** The field `shipping` after a request; an empty value unsets it. */
export function shippingOf<T>(parameters: Parameters, before: T): T | Shipping | null {
  if (parameters.shipping === undefined) return before;
  if (parameters.shipping === "") return null;
  const given = object(parameters, "shipping");
  const none = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };
  return {
    address: addressOf(given, none) ?? none,
    carrier: null,
    name: changed(given, "name", null) ?? "",
    phone: changed(given, "phone", null),
    tracking_number: null,
  };
}
