// Ephemeral keys: an app reads and changes one customer with them for an hour.

import { invalid } from "./errors.ts";
import { type Parameters, text } from "./form.ts";
import { getCustomer } from "./lookups.ts";
import type { EphemeralKey } from "./objects.ts";
import type { EmulatorStore } from "./store.ts";

/** @param version the header `Stripe-Version`, which Stripe asks of this request alone */
export function createKey(
  store: EmulatorStore,
  parameters: Parameters,
  version: string | undefined,
): EphemeralKey {
  if (version === undefined) {
    throw invalid("The Stripe-Version header is required to create an ephemeral key.");
  }
  if (text(parameters, "customer") === undefined) {
    throw invalid("Missing required param: customer.", "customer", "parameter_missing");
  }
  const customer = getCustomer(store, text(parameters, "customer") ?? "");
  const created = store.now();
  return store.put<EphemeralKey>({
    id: store.newId("ephkey"),
    object: "ephemeral_key",
    associated_objects: [{ id: customer.id, type: "customer" }],
    created,
    expires: created + 3600,
    livemode: false,
    secret: store.newId("ek_test"),
  });
}

export function deleteKey(store: EmulatorStore, id: string): EphemeralKey {
  const key = store.get<EphemeralKey>("ephemeral_key", id, "key");
  store.remove(id);
  return { ...key, expires: store.now() };
}

/** The customer of a key; undefined when there is no such key or it has expired. */
export function customerOfKey(store: EmulatorStore, secret: string): string | undefined {
  const key = store.all<EphemeralKey>("ephemeral_key").find((each) => each.secret === secret);
  return key === undefined || key.expires < store.now() ? undefined : key.associated_objects[0]?.id;
}
