// The tasks that money-worker takes from the database, and their messages. Amounts are in Stripe's units.

import { z } from "zod";

export const taskSchema = z.object({
  task_id: z.number(),
  lease: z.uuid(),
  kind: z.string(),
  subject: z.string(),
  attempt: z.number(),
  message: z.unknown(),
});
export type Task = z.infer<typeof taskSchema>;

export const eventSchema = z.object({
  type: z.string(),
  object: z.looseObject({ id: z.string().optional(), payment_intent: z.string().nullish() }),
});
export type EventTask = z.infer<typeof eventSchema>;

export const intentTaskSchema = z.object({ payment_intent: z.string() });

export const refundTaskSchema = z.object({
  refund_id: z.uuid(),
  status: z.string(),
  payment_intent: z.string(),
  amount: z.number().int().positive(),
  booking_id: z.uuid(),
});
export type RefundTask = z.infer<typeof refundTaskSchema>;

export const chargeTaskSchema = z.object({
  payment_id: z.uuid(),
  status: z.string(),
  payment_intent: z.string().nullable(),
  booking_id: z.uuid(),
  amount: z.number().int().positive(),
  currency: z.string(),
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
