// Stores the events that Stripe sends. money-worker applies them later.

import { z } from "zod";
import { type StripeSignatureCheck, signedByStripe } from "../_shared/authenticate.ts";
import { describeError } from "../_shared/describe-error.ts";
import { apiError } from "../_shared/errors.ts";
import { serve } from "../_shared/serve.ts";

const eventSchema = z.looseObject({
  id: z.string().regex(/^evt_\w+$/),
  type: z.string().max(200),
  created: z.number().int(),
  data: z.looseObject({ object: z.looseObject({}) }),
});
export type StripeEvent = z.infer<typeof eventSchema>;

/** What the handler needs; index.ts provides it. */
export interface Dependencies extends StripeSignatureCheck {
  /** Stores the event; false when it was stored before. */
  store(event: StripeEvent): Promise<boolean>;
}

/** Answers 200 once the event is stored. Stripe sends an event again after any other status. */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { store, log } = dependencies;
  return serve({
    authenticate: signedByStripe(dependencies),
    log,
    async handle(_request, body) {
      const event = eventSchema.safeParse(parse(body));
      if (!event.success) throw apiError("not_an_event");
      try {
        return Response.json({ received: true, duplicate: !(await store(event.data)) });
      } catch (error) {
        log(`${event.data.id}: ${describeError(error)}`);
        throw apiError("event_not_stored");
      }
    },
  });
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
