// A property of five units and the house around it under load: no unit is sold twice, no stay loses or gains one, and clients see no
// deadlock and no error but 409. STAYBASE_RACE_ATTEMPTS sets the number of attempts.

import type postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { countByValue } from "../support/counts.ts";
import { database, openConnections } from "../support/database.ts";
import { outcome } from "../support/outcome.ts";
import { type Person, signUp } from "../support/people.ts";
import { createPublished } from "../support/properties.ts";
import { addDays, dayAhead } from "../support/time.ts";
import { stayClashes } from "../support/unit-oracle.ts";

const attempts = Number(process.env.STAYBASE_RACE_ATTEMPTS ?? 400);
const sql = database();
let host: Person;

beforeAll(async () => {
  host = await signUp("Hana");
});
afterAll(() => sql.end());

const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;

interface Stay {
  id: string;
  /** How many rows it must have. */
  rows: number;
}

/** One random write of a client, which remembers its stays in `mine`. */
async function attempt(client: postgres.Sql, pool: string, house: string, mine: Stay[]): Promise<string> {
  const from = dayAhead(1 + Math.floor(Math.random() * 90));
  const until = addDays(from, 1 + Math.floor(Math.random() * 5));
  const dice = Math.random();
  const own = dice < 0.25 ? pick(mine) : undefined;
  if (own !== undefined && dice < 0.12) {
    mine.splice(mine.indexOf(own), 1);
    return outcome(client`select private.release_nights(${own.id})`);
  }
  if (own !== undefined && dice < 0.2)
    return outcome(client`select private.move_reserved_nights(${own.id}, ${from}::date, ${until}::date)`);
  if (own !== undefined)
    // As assign_unit does: the lock of the property comes before the row.
    return outcome(
      client.begin(async (tx) => {
        await tx`select private.lock_property_of(${own.id})`;
        await tx`update public.occupancies set is_pinned = not is_pinned where booking_id = ${own.id}`;
      }),
    );
  if (dice < 0.28) return outcome(client`select private.remove_expired_occupancies()`);
  const id = crypto.randomUUID();
  const property = dice < 0.35 ? house : pool;
  const units = property === pool && Math.random() < 0.15 ? 2 : 1;
  const hold = dice < 0.45 ? "20 ms" : null;
  const result = await outcome(
    client`select private.reserve_nights(${id}, ${property}, ${from}, ${until}, clock_timestamp() + ${hold}::interval, ${units})`,
  );
  if (result === "ok" && hold === null) mine.push({ id, rows: property === pool ? units : 6 });
  return result;
}

it("sells no unit twice to eight clients, which see no deadlock and no error but 409", {
  timeout: 60_000 + attempts * 100,
}, async () => {
  const [pool, house] = [await createPublished(host), await createPublished(host)];
  await host.client
    .rpc("set_units", { p_property_id: pool, p_names: ["1", "2", "3", "4", "5"] })
    .throwOnError();
  await host.client.rpc("link_properties", { p_property_id: house, p_part_ids: [pool] }).throwOnError();
  await sql`update public.properties set preparation_nights_after = 1 where id = ${pool}`;
  const clients = openConnections(8);
  const outcomes: string[] = [];
  const mine: Stay[][] = clients.map(() => []);
  let left = attempts;
  try {
    await Promise.all(
      clients.map(async (client, n) => {
        while (left-- > 0) outcomes.push(await attempt(client, pool, house, mine[n] as Stay[]));
      }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
  expect(Object.keys(countByValue(outcomes)).sort()).toEqual(["PT409", "ok"]);

  const kept = await sql<
    { id: string; space: string; from: number; until: number; before: number; after: number }[]
  >`
    select booking_id as id, space_id as space, check_in - date '1970-01-01' as from, check_out - date '1970-01-01' as until,
      preparation_before as before, preparation_after as after
    from public.occupancies
    where property_id in (${pool}, ${house}) and expires_at is null`;
  const clashes = kept.filter((a, n) =>
    kept
      .slice(n + 1)
      .some((b) => a.space === b.space && stayClashes({ kind: "stay", ...a }, { kind: "stay", ...b })),
  );
  expect(clashes).toEqual([]);
  const rowsOf = countByValue(kept.map(({ id }) => id));
  const expected = Object.fromEntries(mine.flat().map(({ id, rows }) => [id, rows]));
  expect(rowsOf).toEqual(expected);
});
