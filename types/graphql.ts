// GraphQL, typed: `graphql("query { … }")` knows its result and its variables. For any client that takes a document.

import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./graphql-schema.ts";

/** Scalars as pg_graphql writes them in JSON: 64-bit and decimal numbers are text, so that none is rounded. */
export interface Scalars {
  BigFloat: string;
  BigInt: string;
  Cursor: string;
  Date: string;
  Datetime: string;
  JSON: string;
  Opaque: unknown;
  Time: string;
  UUID: string;
}

/** Reads a query, mutation or fragment; what it answers and takes is in its type. */
export const graphql = initGraphQLTada<{ introspection: introspection; scalars: Scalars }>();

export { type FragmentOf, type ResultOf, readFragment, type VariablesOf } from "gql.tada";
