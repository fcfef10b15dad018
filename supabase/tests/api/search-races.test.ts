// Hosts in the same cities publish, pause and move properties at once, in opposite orders, while areas are merged: no one waits in a
// circle, and the areas stay equal to their properties.

import { afterAll, beforeAll, expect, it } from "vitest";
import { database, openConnections } from "../support/database.ts";
import { signUp } from "../support/people.ts";
import { createPublished } from "../support/properties.ts";

const sql = database();
const hosts = openConnections(4);
let properties: string[];

beforeAll(async () => {
  const host = await signUp("Hana");
  properties = [];
  for (let n = 0; n < 8; n += 1) properties.push(await createPublished(host));
});
afterAll(() => Promise.all([sql, ...hosts].map((connection) => connection.end())));

it("never deadlocks, and adds up", async () => {
  const rounds = 12;
  let writing = true;
  const merging = (async () => {
    while (writing) await sql`select private.merge_search_areas()`;
  })();
  await Promise.all(
    hosts.map(async (connection, n) => {
      const own = properties.slice(2 * n, 2 * n + 2);
      const ordered = n % 2 === 0 ? own : own.toReversed();
      for (let round = 0; round < rounds; round += 1) {
        await connection.begin(async (tx) => {
          // the two properties change their cities and tiles, each transaction in its own order
          for (const [m, id] of ordered.entries()) {
            const east = (round + m + n) % 2;
            await tx`update public.property_addresses set city = ${`Race City ${east}`}, latitude = -47, longitude = ${30 + east} where property_id = ${id}`;
            await tx`update public.properties set status = ${round % 3 === 1 ? "paused" : "published"}, max_guests = ${2 + (round % 5)} where id = ${id}`;
          }
        });
      }
    }),
  ).finally(() => {
    writing = false;
  });
  await merging;
  const difference = () => sql`
    (select s.names, s.tile, s.properties::bigint from private.search_areas_source s
     except select a.names, a.tile, sum(a.properties) from private.search_areas a group by a.names, a.tile)
    union all
    (select a.names, a.tile, sum(a.properties) from private.search_areas a group by a.names, a.tile having sum(a.properties) <> 0
     except select s.names, s.tile, s.properties::bigint from private.search_areas_source s)`;
  expect(await difference()).toEqual([]);
  await sql`select private.merge_search_areas()`;
  expect(await difference()).toEqual([]);
  const [waiting] = await sql`select count(*)::integer from private.search_areas where not is_sum`;
  expect(waiting?.count).toBe(0);
});
