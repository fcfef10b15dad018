// The arguments of a collection: paging, filter and order.

import { named } from "./builtin.ts";
import type { TableTypes } from "./tables.ts";
import { type InputValue, input, listOf, nonNull } from "./types.ts";

/** The arguments of every collection. */
export function collectionArgs(types: TableTypes): InputValue[] {
  return [
    input("first", named("Int"), { description: "Query the first `n` records in the collection" }),
    input("last", named("Int"), { description: "Query the last `n` records in the collection" }),
    input("before", named("Cursor"), {
      description: "Query values in the collection before the provided cursor",
    }),
    input("after", named("Cursor"), {
      description: "Query values in the collection after the provided cursor",
    }),
    input("offset", named("Int"), {
      description:
        "Skip n values from the after cursor. Alternative to cursor pagination. Backward pagination not supported.",
    }),
    input("filter", types.filter, {
      description: "Filters to apply to the results set when querying from the collection",
    }),
    input("orderBy", listOf(nonNull(types.orderBy)), {
      description: "Sort order to apply to the collection",
    }),
  ];
}
