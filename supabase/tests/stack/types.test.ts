// The generated types promise what the grants allow. The compiler checks this file: `npm run typecheck`.

import { describe, expectTypeOf, it } from "vitest";
import type { Database } from "../../../types/database.ts";
import { graphql, type ResultOf, type VariablesOf } from "../../../types/graphql.ts";
import type { Database as ServiceDatabase } from "../../functions/_shared/database.ts";
import type { Client } from "../support/clients.ts";

type Tables = Database["public"]["Tables"];
type ServiceTables = ServiceDatabase["public"]["Tables"];

describe("types of supabase-js", () => {
  it("have the columns that a signed-in person may write, and no others", () => {
    expectTypeOf<keyof Tables["wishlist_items"]["Insert"]>().toEqualTypeOf<
      "wishlist_id" | "property_id" | "note"
    >();
    expectTypeOf<keyof Tables["wishlist_items"]["Update"]>().toEqualTypeOf<"note">();
    expectTypeOf<keyof Tables["profiles"]["Update"]>().toEqualTypeOf<
      "display_name" | "avatar_path" | "about" | "languages"
    >();
    expectTypeOf<keyof Database["public"]["Views"]["bookings"]["Update"]>().toEqualTypeOf<
      "check_in" | "check_out" | "adults" | "children" | "children_ages" | "infants" | "pets" | "units"
    >();
  });

  it("have none for tables that people only read", () => {
    expectTypeOf<Tables["amenities"]["Insert"]>().toBeNever();
    expectTypeOf<Tables["payments"]["Update"]>().toBeNever();
    expectTypeOf<Tables["external_blocks"]["Insert"]>().toBeNever();
    expectTypeOf<Database["public"]["Views"]["messages"]["Update"]>().toBeNever();
  });

  it("of the secret key have the columns of the service role", () => {
    expectTypeOf<ServiceTables["profiles"]["Update"]>().toHaveProperty("identity_verified");
    expectTypeOf<ServiceTables["external_blocks"]["Insert"]>().toHaveProperty("source_id");
    expectTypeOf<ServiceTables["payments"]["Insert"]>().toBeNever();
  });

  it("make a client refuse the rest", () => {
    expectTypeOf((client: Client) => {
      client.from("profiles").update({ about: "I like the sea." });
      // @ts-expect-error only the service role verifies identities
      client.from("profiles").update({ identity_verified: true });
      // @ts-expect-error a function publishes properties
      client.from("properties").insert({ title: "Tree house", status: "published" });
      // @ts-expect-error the database writes ratings
      client.from("property_ratings").insert({ property_id: "", reviews: 1 });
    }).toBeFunction();
  });
});

describe("types of GraphQL", () => {
  const Blocks = graphql(`
    query Blocks($id: UUID!, $from: Date!) {
      hostBlocksCollection(filter: { id: { eq: $id }, checkIn: { gte: $from } }) { edges { node { checkIn } } }
    }
  `);

  it("give results and variables", () => {
    expectTypeOf<ResultOf<typeof Blocks>["hostBlocksCollection"]["edges"][number]["node"]>().toEqualTypeOf<{
      checkIn: string;
    }>();
    expectTypeOf<VariablesOf<typeof Blocks>>().toEqualTypeOf<{ id: string; from: string }>();
  });
});
