// GraphQL over HTTP on the project's own tables, with the same keys and tokens as REST.

import { beforeAll, describe, expect, it } from "vitest";
import { type Person, signUp } from "../support/people.ts";
import { stack } from "../support/stack.ts";

const url = `${stack.apiUrl}/graphql/v1`;

/** Runs a GraphQL operation; returns the HTTP status, too. */
async function ask(query: string, headers: Record<string, string> = {}, variables: object = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { apikey: stack.publishableKey, "content-type": "application/json", ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return {
    status: response.status,
    body: (await response.json()) as { data?: Record<string, never>; errors?: { message: string }[] },
  };
}

async function bearer({ client }: Person): Promise<Record<string, string>> {
  const { data } = await client.auth.getSession();
  return { authorization: `Bearer ${data.session?.access_token}` };
}

let ana: Person;
let ben: Person;
beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
});

describe("GraphQL", () => {
  it("shows visitors the rows that they may read", async () => {
    const { status, body } = await ask(
      "query ($id: UUID!) { profilesCollection(filter: { id: { eq: $id } }) { edges { node { displayName } } } }",
      {},
      { id: ana.id },
    );
    expect([status, body]).toEqual([
      200,
      { data: { profilesCollection: { edges: [{ node: { displayName: "Ana" } }] } } },
    ]);
  });

  it("does not know tables that the caller's role may not read", async () => {
    const { body } = await ask("{ accountsCollection { edges { node { phone } } } }");
    expect(body.errors?.[0]?.message).toBe('Unknown field "accountsCollection" on type Query');
  });

  it("reads and writes only what the signed-in person may", async () => {
    const update = `mutation ($id: UUID!) {
      updateProfilesCollection(set: { about: "by GraphQL" }, filter: { id: { eq: $id } }) { affectedCount }
    }`;
    const own = await ask(update, await bearer(ana), { id: ana.id });
    expect(own.body).toEqual({ data: { updateProfilesCollection: { affectedCount: 1 } } });
    const other = await ask(update, await bearer(ben), { id: ana.id });
    expect(other.body).toEqual({ data: { updateProfilesCollection: { affectedCount: 0 } } });
    const accounts = await ask("{ accountsCollection { edges { node { id } } } }", await bearer(ben));
    expect(accounts.body).toEqual({ data: { accountsCollection: { edges: [{ node: { id: ben.id } }] } } });
  });

  it("requires a known key and a valid token", async () => {
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(401);
    expect((await ask("{ __typename }", { apikey: "sb_publishable_unknown" })).status).toBe(401);
    expect((await ask("{ __typename }", { authorization: "Bearer nonsense" })).status).toBe(401);
  });

  it("can also be called as the function graphql_public.graphql", async () => {
    const { data } = await ana.client
      .schema("graphql_public" as "public")
      .rpc("graphql" as never, { query: "{ accountsCollection { edges { node { id } } } }" } as never)
      .throwOnError();
    expect(data).toEqual({ data: { accountsCollection: { edges: [{ node: { id: ana.id } }] } } });
  });

  it("refuses other methods and large bodies", { tags: "embedded" }, async () => {
    const { status, headers } = await fetch(url, { headers: { apikey: stack.publishableKey } });
    expect([status, headers.get("allow")]).toEqual([405, "POST"]);
    expect((await ask("#".repeat(3 * 1024 * 1024))).status).toBe(413);
  });

  it("answers invalid JSON as PostgREST does", async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: { apikey: stack.publishableKey },
      body: "no JSON",
    });
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, "PGRST102"]);
  });
});
