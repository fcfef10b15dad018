// The tasks that money-worker takes from the database, and their messages. Amounts are in Stripe's units.

import { z } from "zod";

export const taskSchema = z.object({
  task_id: z.number(),
  lease: z.uuid(),
  kind: z.string(),
  subject: z.string(),
  attempt: z.number(),
  message: z.unknown(),
  /** Whether Stripe may have forgotten the idempotency key. */
  is_old: z.boolean(),
  /** The request that caused it; null when the clock did. */
  request_id: z.string().nullish(),
});
export type Task = z.infer<typeof taskSchema>;

export const eventSchema = z.object({
  type: z.string(),
  object: z.looseObject({ id: z.string().optional(), payment_intent: z.string().nullish() }),
});
export type EventTask = z.infer<typeof eventSchema>;

/** Metadata of an object at Stripe: our ids. */
const metadataSchema = z.record(z.string(), z.string());

export const intentTaskSchema = z.object({ payment_intent: z.string() });

export const refundTaskSchema = z.object({
  refund_id: z.uuid(),
  status: z.string(),
  payment_intent: z.string(),
  amount: z.number().int().positive(),
  metadata: metadataSchema,
});
export type RefundTask = z.infer<typeof refundTaskSchema>;

export const chargeTaskSchema = z.object({
  payment_id: z.uuid(),
  status: z.string(),
  payment_intent: z.string().nullable(),
  booking_id: z.uuid(),
  amount: z.number().int().positive(),
  currency: z.string(),
  metadata: metadataSchema,
  customer: z.string(),
  payment_method: z.string().nullable(),
  description: z.string(),
});
export type ChargeTask = z.infer<typeof chargeTaskSchema>;

export const detachTaskSchema = z.object({ payment_method: z.string() });

export const customerTaskSchema = z.object({ customer: z.string() });

/** The answer of `begin_transfer`. */
export const transferRequestSchema = z.object({
  status: z.string(),
  /** In Stripe's units. */
  amount: z.number().int().positive(),
  currency: z.string().optional(),
  booking_id: z.uuid().optional(),
  metadata: metadataSchema.optional(),
  destination: z.string().nullish(),
});
export type TransferRequest = z.infer<typeof transferRequestSchema>;

/** The answer of `begin_reversal`. */
export const reversalRequestSchema = z.object({
  status: z.string(),
  /** In Stripe's units. */
  amount: z.number().int().positive(),
  transfer: z.string().nullish(),
});
export type ReversalRequest = z.infer<typeof reversalRequestSchema>;

export const syncTaskSchema = z.object({ id: z.string() });

/** A page of a list of Stripe to search for orphans. */
export const sweepTaskSchema = z.object({
  sweep_id: z.number().int(),
  page: z.number().int(),
  list: z.enum(["payment_intents", "refunds", "transfers"]),
  /** The object after which the page begins. */
  cursor: z.string().nullable(),
  /** In seconds since 1970. */
  since: z.number().nullable(),
});
export type SweepTask = z.infer<typeof sweepTaskSchema>;

export const orphanTaskSchema = z.object({
  orphan_id: z.uuid(),
  kind: z.enum(["payment", "transfer"]),
  status: z.string(),
  stripe_id: z.string(),
  is_charged: z.boolean(),
  /** In Stripe's units. */
  amount: z.number().int(),
  metadata: metadataSchema,
  idempotency_key: z.string(),
});
export type OrphanTask = z.infer<typeof orphanTaskSchema>;
