// Takes Stripe's events: checks the signature over the raw bytes, keeps the event, answers. What it means is applied by
// money-worker, from the database.

import { z } from "npm:zod@4.6.7";

const eventSchema = z.looseObject({
  id: z.string().regex(/^evt_\w+$/),
  type: z.string().max(200),
  created: z.number().int(),
  data: z.looseObject({ object: z.looseObject({}) }),
});
export type StripeEvent = z.infer<typeof eventSchema>;

/** Events are a few kilobytes; whoever sends more is not Stripe. */
export const largestBody = 1024 * 1024;
/** Seconds. Stripe's library refuses what is older, and lets pass what comes from the future. */
export const tolerance = 300;

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  /** Stripe's own check of signature and age; rejects when it fails. */
  verify(body: string, signature: string): Promise<unknown>;
  /** Keeps the event; false when it was kept before. */
  store(event: StripeEvent): Promise<boolean>;
  /** Milliseconds since 1970. */
  now(): number;
  log(message: string): void;
}

/**
 * Answers 200 once the event is stored, now or before; 400 for a signature that is wrong, old or from the future and for what is
 * no event; 413 for too much; 500 when it could not be stored, so that Stripe sends it again.
 */
export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const refuse = (status: number, code: string, message: string) =>
    Response.json({ code, message }, { status });

  return async (request) => {
    if (request.method !== "POST") return refuse(405, "method_not_allowed", "Use POST.");
    const body = await readBody(request);
    if (body === undefined) return refuse(413, "too_large", "No event is as large as that.");
    const signature = request.headers.get("stripe-signature") ?? "";
    const signedAt = Number(/(?:^|,)t=(\d+)/.exec(signature)?.[1] ?? Number.NaN);
    if (!(signedAt <= dependencies.now() / 1000 + tolerance)) {
      return refuse(400, "bad_signature", "The signature is not valid.");
    }
    try {
      await dependencies.verify(body, signature);
    } catch {
      dependencies.log("refused: signature");
      return refuse(400, "bad_signature", "The signature is not valid.");
    }
    const event = eventSchema.safeParse(parse(body));
    if (!event.success) return refuse(400, "no_event", "This is not an event.");
    try {
      const isNew = await dependencies.store(event.data);
      return Response.json({ received: true, duplicate: !isNew });
    } catch (error) {
      dependencies.log(`${event.data.id}: ${error instanceof Error ? error.message : "not stored"}`);
      return refuse(500, "not_stored", "The event could not be stored. Send it again.");
    }
  };
}

/** The body as it was sent; undefined when it is too large, which is not read to its end. */
async function readBody(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > largestBody) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > largestBody) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
