// Output of statement.

import { z } from "zod";
import { type Contract, contractErrors } from "../_shared/contract.ts";

/** The columns of host_statement in the order of the file. */
export const columns = [
  "id",
  "occurred_at",
  "booking_id",
  "kind",
  "description",
  "currency",
  "amount",
  "balance",
] as const;

export const contract = {
  summary: "Download your whole statement as a host",
  description: `Every line of host_statement, the oldest first, as one CSV file with the columns ${columns.join(", ")}. It is sent while it is read, so its length has no limit.`,
  caller: "person",
  method: "get",
  answers: { 200: { description: "The lines as CSV.", type: "text/csv", schema: z.string() } },
  errors: contractErrors("not_signed_in", "method_not_allowed", "internal_error"),
} satisfies Contract;
