// Compares GraphQL with REST: the same reads both ways, in turns, through the gateway, as a guest of the seed.

import type { StackConfig } from "../lib/config.ts";
import { withTestStack } from "../test/stack.ts";
import type { Figure } from "./figures.ts";

const propertyId = "5eed0000-0000-4000-8000-000000000104";
const reads = [
  {
    name: "by key",
    rest: `properties?select=id,title,base_price,host:profiles!host_id(display_name)&id=eq.${propertyId}`,
    query: "query ($id: UUID!) { propertiesByPk(id: $id) { id title basePrice host { displayName } } }",
    variables: { id: propertyId },
  },
  {
    name: "a page of ten with their hosts",
    rest: "properties?select=id,title,base_price,host:profiles!host_id(display_name)&city=eq.Lisboa&order=base_price,id&limit=10",
    query: `query ($city: String!) {
      propertiesCollection(first: 10, filter: { city: { eq: $city } }, orderBy: [{ basePrice: AscNullsLast }]) {
        edges { node { id title basePrice host { displayName } } }
      }
    }`,
    variables: { city: "Lisboa" },
  },
];

/** @param size number of reads of each kind */
export function benchGraphql(size = 1_000): Promise<Figure[]> {
  return withTestStack((config) => measure(config, size), { seed: true });
}

async function measure(config: StackConfig, size: number): Promise<Figure[]> {
  const headers: Record<string, string> = {
    apikey: config.keys.publishable,
    "content-type": "application/json",
  };
  const send = async (path: string, body?: object) => {
    const since = performance.now();
    const response = await fetch(config.apiUrl + path, {
      headers,
      ...(body && { method: "POST", body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok || text.includes('"errors"') || !text.includes("5eed0000")) throw new Error(text);
    return performance.now() - since;
  };
  const guest = { email: "gita@example.com", password: "staybase" };
  const session = await fetch(`${config.apiUrl}/auth/v1/token?grant_type=password`, {
    method: "POST",
    headers,
    body: JSON.stringify(guest),
  });
  const { access_token } = (await session.json()) as { access_token: string };
  headers.authorization = `Bearer ${access_token}`;

  const figures: Figure[] = [];
  for (const { name, rest, query, variables } of reads) {
    const times: Record<"rest" | "graphql", number[]> = { rest: [], graphql: [] };
    for (let n = 0; n < size; n += 1) {
      times.rest.push(await send(`/rest/v1/${rest}`));
      times.graphql.push(await send("/graphql/v1", { query, variables }));
    }
    const [byRest, byGraphql] = [median(times.rest), median(times.graphql)];
    figures.push(
      { name: `REST, ${name}`, value: byRest, unit: "ms" },
      { name: `GraphQL, ${name}`, value: byGraphql, unit: "ms" },
      { name: `GraphQL over REST, ${name}`, value: byGraphql - byRest, unit: "ms", budget: 2 },
    );
  }
  return figures;
}

const median = (times: number[]): number =>
  times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
